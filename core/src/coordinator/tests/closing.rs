//! The way out: who is refused, who goes on, and who is told goodbye.

use core::time::Duration;

use super::challenges::first;
use super::peer::{SDP, World, peer};
use crate::api::InviteParams;
use crate::session::State;
use crate::signaling::CommandError;
use crate::wire::HeaderName;

/// The last final response to `method` of a stranger.
fn stranger(world: &mut World, method: &str, extra: &str) -> bytes::Bytes {
    let text = format!(
        "{method} sip:offhook@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bK{method}new;rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:carol@10.9.9.9>;tag=new\r\nTo: <sip:offhook@10.0.0.1>\r\nCall-ID: new{method}\r\n\
         CSeq: 1 {method}\r\nContact: <sip:carol@10.9.9.9>\r\n{extra}Content-Length: 0\r\n\r\n"
    );
    world.net.inject(0, peer(), text.as_bytes());
    world.last("SIP/2.0 ")
}

#[test]
fn whoever_drains_takes_no_new_calls_and_lets_the_old_ones_be() {
    let mut world = World::called(false, Some(SDP));
    world.answer();
    world.request("ACK", "z9hG4bKack", 100, None);
    assert_eq!(world.state(), Some(State::Active));
    world.net.with(0, |core, now| core.drain(now));
    for (method, extra) in
        [("INVITE", ""), ("OPTIONS", ""), ("SUBSCRIBE", "Event: dialog\r\nExpires: 60\r\n")]
    {
        let refusal = stranger(&mut world, method, extra);
        assert!(refusal.starts_with(b"SIP/2.0 503 "), "{method}: {}", String::from_utf8_lossy(&refusal));
        assert_eq!(first(&refusal, HeaderName::RetryAfter), "30", "{method}");
    }
    let refused = world.net.with(0, |core, now| core.invite(now, InviteParams::new("sip:bob@10.9.9.9")));
    assert_eq!(refused, Err(CommandError::ShuttingDown));
    // The call that is up can do all that it could, and ends by itself.
    world.request("OPTIONS", "z9hG4bKalive", 101, None);
    assert!(world.last("SIP/2.0 ").starts_with(b"SIP/2.0 200 "));
    world.request("INVITE", "z9hG4bKhold", 102, Some(&SDP.replace("sendrecv", "sendonly")));
    assert!(world.last("SIP/2.0 ").starts_with(b"SIP/2.0 200 "));
    world.request("ACK", "z9hG4bKack2", 102, None);
    world.request("BYE", "z9hG4bKbye", 103, None);
    assert!(world.last("SIP/2.0 ").starts_with(b"SIP/2.0 200 "));
    assert!(matches!(world.state(), None | Some(State::Terminated)));
}

#[test]
fn whoever_drains_is_registered_nowhere() {
    let mut world = World::calling();
    world
        .net
        .with(0, |core, now| core.register(now, "sip:offhook@10.9.9.9", Duration::from_secs(60)))
        .unwrap();
    let register = world.last("REGISTER");
    let contact = first(&register, HeaderName::Contact);
    world.respond_with(
        &register,
        200,
        "registrar",
        &[("Contact", contact.as_bytes()), ("Expires", b"60")],
        None,
    );
    world.net.with(0, |core, now| core.drain(now));
    assert_eq!(first(&world.last("REGISTER"), HeaderName::Expires), "0");
    let session = world.session.unwrap();
    assert!(world.net.nodes[0].core.session_state(session).is_some(), "the call goes on");
}

/// Our BYE must wait for the ACK (RFC 3261 section 15), but not for longer than we live.
#[test]
fn a_shutdown_that_is_cut_short_says_goodbye_to_who_has_not_acknowledged() {
    let mut world = World::called(false, Some(SDP));
    world.answer();
    world.net.with(0, |core, now| core.shutdown(now));
    let byes = |world: &World| world.net.wire.iter().filter(|(.., line)| line.starts_with("BYE ")).count();
    assert_eq!((world.state(), byes(&world)), (Some(State::HangupPending), 0));
    world.net.with(0, |core, now| core.cut_short(now));
    assert_eq!((world.state(), byes(&world)), (Some(State::Terminating), 1));
    // Once is enough for everybody.
    world.net.with(0, |core, now| core.cut_short(now));
    assert_eq!(byes(&world), 1);
}
