//! Requests that are asked for credentials (RFC 3261 section 22): 401 and 407, once and again, at every moment.

use core::time::Duration;

use bytes::Bytes;

use super::peer::{SDP, World, peer};
use crate::api::{CoordinatorConfig, Credentials};
use crate::session::State;
use crate::wire::HeaderName;
use crate::wire::frame::Frame;
use crate::wire::limits::WireLimits;

const SECOND: Duration = Duration::from_secs(1);
/// A challenge of our own server.
pub(super) const HOME: &str = "realm=\"home\", nonce=\"n1\", qop=\"auth\", opaque=\"o\"";

/// Values of a header field of a message of ours.
pub(super) fn values(message: &Bytes, name: HeaderName) -> Vec<String> {
    let frame = Frame::parse(message, &WireLimits::default()).unwrap();
    let all = frame.headers().filter(|header| header.name == name);
    all.map(|header| String::from_utf8(header.value.to_vec()).unwrap()).collect()
}

pub(super) fn first(message: &Bytes, name: HeaderName) -> String {
    values(message, name).into_iter().next().unwrap_or_default()
}

pub(super) fn cseq(message: &Bytes) -> u32 {
    Frame::parse(message, &WireLimits::default()).unwrap().facts().unwrap().cseq
}

pub(super) fn branch(message: &Bytes) -> Vec<u8> {
    Frame::parse(message, &WireLimits::default()).unwrap().facts().unwrap().via.branch.unwrap().to_vec()
}

pub(super) fn body(message: &Bytes) -> Vec<u8> {
    Frame::parse(message, &WireLimits::default()).unwrap().body().to_vec()
}

/// How many requests of that method have left.
pub(super) fn sent(world: &World, method: &str) -> usize {
    world.net.codes().iter().filter(|code| *code == method).count()
}

/// A call that was asked for credentials, and taken.
fn answered() -> World {
    let mut world = World::calling();
    let invite = world.invite.clone();
    world.challenge(&invite, 401, HOME);
    world.invite = world.last("INVITE");
    world.respond(200, "one", Some(SDP));
    assert_eq!(world.state(), Some(State::Active));
    world
}

pub(super) fn finish(world: &mut World) {
    world.net.run_for(200 * SECOND);
    world.net.assert_all_gone();
}

/// RFC 3261 sections 8.1.3.5, 22.1 and 22.2.
#[test]
fn an_invite_goes_again_with_credentials() {
    let mut world = World::calling();
    let asked = world.invite.clone();
    world.challenge(&asked, 401, HOME);
    let again = world.last("INVITE");
    assert_eq!(world.net.codes(), ["INVITE", "ACK", "INVITE"]);
    let proof = first(&again, HeaderName::Authorization);
    for part in [
        "Digest username=\"alice\", realm=\"home\", nonce=\"n1\"",
        "uri=\"sip:bob@10.9.9.9\"",
        "qop=auth, nc=00000001",
        "opaque=\"o\"",
    ] {
        assert!(proof.contains(part), "{proof}");
    }
    assert_eq!((cseq(&asked), cseq(&again)), (1, 2));
    assert_ne!(branch(&asked), branch(&again));
    assert_eq!(body(&asked), body(&again), "the offer is the same");
    for same in [HeaderName::From, HeaderName::To, HeaderName::CallId] {
        assert_eq!(values(&asked, same), values(&again, same));
    }
    world.invite = again;
    world.respond(200, "one", Some(SDP));
    assert_eq!(
        values(&world.last("ACK"), HeaderName::Authorization),
        [proof],
        "the ACK cannot be challenged"
    );
    assert_eq!(world.net.told(0), ["answered"]);
    world.hangup();
    let bye = world.last("BYE");
    assert!(first(&bye, HeaderName::Authorization).contains("nc=00000002"), "nobody has to ask again");
    world.respond_to(&bye, 200, "one", None);
    finish(&mut world);
}

#[test]
fn what_rang_before_the_challenge_is_gone() {
    for status in [100, 180, 183] {
        let mut world = World::calling();
        let asked = world.invite.clone();
        let body = (status == 183).then_some(SDP);
        world.respond(status, "early", body);
        world.challenge(&asked, 407, HOME);
        assert_eq!(world.state(), Some(State::Calling), "after {status}");
        assert_eq!(world.net.nodes[0].core.registry().dialogs_len(), 0, "the early dialog is dead");
        world.invite = world.last("INVITE");
        assert_eq!(cseq(&world.invite), 2);
        assert_eq!(values(&world.invite, HeaderName::ProxyAuthorization).len(), 1);
        world.respond(180, "one", None);
        world.respond(200, "one", Some(SDP));
        assert_eq!(world.state(), Some(State::Active));
        world.hangup();
        let bye = world.last("BYE");
        world.respond_to(&bye, 200, "one", None);
        finish(&mut world);
    }
}

/// RFC 3261 section 22.3.
#[test]
fn two_proxies_and_the_server_ask_one_after_another() {
    let mut world = World::calling();
    for (status, realm) in [(407, "p1"), (407, "p2"), (401, "home")] {
        let asked = world.last("INVITE");
        world.challenge(&asked, status, &format!("realm=\"{realm}\", nonce=\"{realm}\", qop=\"auth\""));
    }
    let last = world.last("INVITE");
    assert_eq!((sent(&world, "INVITE"), cseq(&last)), (4, 4));
    let proxies = values(&last, HeaderName::ProxyAuthorization);
    assert!(proxies.len() == 2 && proxies[0].contains("realm=\"p1\"") && proxies[0].contains("nc=00000003"));
    assert!(proxies[1].contains("realm=\"p2\"") && proxies[1].contains("nc=00000002"), "{proxies:?}");
    assert_eq!(values(&last, HeaderName::Authorization).len(), 1);
    world.invite = last;
    world.respond(200, "one", Some(SDP));
    assert_eq!(values(&world.last("ACK"), HeaderName::ProxyAuthorization), proxies);
    world.hangup();
    let bye = world.last("BYE");
    assert_eq!(values(&bye, HeaderName::ProxyAuthorization).len(), 2);
    world.respond_to(&bye, 200, "one", None);
    finish(&mut world);
}

#[test]
fn a_wrong_password_is_told_and_not_tried_again() {
    let mut world = World::calling();
    for nonce in ["1", "2"] {
        let asked = world.last("INVITE");
        world.challenge(&asked, 401, &format!("realm=\"home\", nonce=\"{nonce}\", qop=\"auth\""));
    }
    assert_eq!(sent(&world, "INVITE"), 2);
    assert_eq!(world.net.told(0), ["ended Rejected 401"]);
    finish(&mut world);
}

#[test]
fn a_stale_nonce_is_nobodys_concern() {
    let mut world = World::calling();
    for (nonce, stale) in [("1", "false"), ("2", "TRUE")] {
        let asked = world.last("INVITE");
        let challenge = format!("realm=\"home\", nonce=\"{nonce}\", qop=\"auth\", stale={stale}");
        world.challenge(&asked, 401, &challenge);
    }
    let last = world.last("INVITE");
    let proof = first(&last, HeaderName::Authorization);
    assert!(proof.contains("nonce=\"2\"") && proof.contains("nc=00000001"), "{proof}");
    assert_eq!(world.net.told(0), Vec::<String>::new());
    world.hangup();
    world.net.run_for(40 * SECOND);
    finish(&mut world);
}

#[test]
fn no_credentials_of_ours_are_for_a_stranger() {
    let mut world = World::calling();
    let config = CoordinatorConfig {
        credentials: vec![Credentials::new("alice", "secret").for_realm("home")],
        ..CoordinatorConfig::default()
    };
    let handler = Box::new(crate::signaling::DefaultSignalingHandler);
    let other = world.net.add_with(config, handler);
    world.net.invite(other, "sip:eve@10.9.9.9");
    let asked = world.last("INVITE sip:eve");
    let from = Frame::parse(&asked, &WireLimits::default()).unwrap();
    let head = crate::wire::reply::ReplyHead::new(
        &from,
        from.facts().ok().as_ref(),
        &crate::wire::path::Path::udp(peer(), world.net.nodes[other].address),
    );
    let challenge: (&str, &[u8]) = ("WWW-Authenticate", b"Digest realm=\"phish\", nonce=\"n\"");
    let refusal = head.respond(401, "Who", Some(b"e"), false, &[challenge], None);
    world.net.inject(other, peer(), &refusal);
    assert_eq!(world.net.told(other), ["ended Rejected 401"]);
    world.hangup();
    world.net.run_for(40 * SECOND);
    finish(&mut world);
}

/// The challenge crosses the wish to give up: no second INVITE leaves.
#[test]
fn who_has_given_up_does_not_call_again() {
    for ringing in [false, true] {
        let mut world = World::calling();
        let asked = world.invite.clone();
        if ringing {
            world.respond(180, "one", None);
        }
        world.hangup();
        world.challenge(&asked, 401, HOME);
        assert_eq!(sent(&world, "INVITE"), 1, "ringing: {ringing}");
        assert_eq!(world.net.told(0).last().unwrap(), "ended LocalHangup 401");
        finish(&mut world);
    }
    // After it the second INVITE is cancelled like any.
    let mut world = World::calling();
    let asked = world.invite.clone();
    world.challenge(&asked, 401, HOME);
    world.hangup();
    world.invite = world.last("INVITE");
    world.respond(180, "one", None);
    let cancel = world.last("CANCEL");
    assert_eq!((branch(&cancel), cseq(&cancel)), (branch(&world.invite), 2));
    world.respond_to(&cancel, 200, "one", None);
    world.respond(487, "one", None);
    assert_eq!(world.net.told(0).last().unwrap(), "ended LocalHangup 487");
    finish(&mut world);
}

/// The same 401 again is answered by its transaction, with the same ACK and nothing else.
#[test]
fn a_challenge_that_comes_twice_is_answered_once() {
    let mut world = World::calling();
    let asked = world.invite.clone();
    world.challenge(&asked, 401, HOME);
    world.challenge(&asked, 401, HOME);
    assert_eq!(world.net.codes(), ["INVITE", "ACK", "INVITE", "ACK"]);
    world.hangup();
    finish(&mut world);
}

#[test]
fn a_bye_is_asked_for_credentials_once() {
    for status in [401, 407] {
        let mut world = World::calling();
        world.respond(200, "one", Some(SDP));
        world.hangup();
        let asked = world.last("BYE");
        world.challenge(&asked, status, HOME);
        let again = world.last("BYE");
        assert_eq!((cseq(&asked) + 1, sent(&world, "BYE")), (cseq(&again), 2));
        assert_ne!(branch(&asked), branch(&again));
        assert_eq!(world.state(), Some(State::Terminating));
        world.challenge(&again, status, &HOME.replace("n1", "n2"));
        assert_eq!(sent(&world, "BYE"), 2, "once is enough: the call is over anyway");
        assert_eq!(world.state(), Some(State::Terminated));
        assert_eq!(world.net.told(0), ["answered", "ended LocalHangup"]);
        finish(&mut world);
    }
}

#[test]
fn a_bye_that_gets_408_or_481_has_ended_the_call() {
    for status in [408, 481] {
        let mut world = World::calling();
        world.respond(200, "one", Some(SDP));
        world.hangup();
        let bye = world.last("BYE");
        world.respond_to(&bye, status, "one", None);
        assert_eq!((sent(&world, "BYE"), world.state()), (1, Some(State::Terminated)));
        assert_eq!(world.net.told(0), ["answered", "ended LocalHangup"]);
        finish(&mut world);
    }
}

/// One counter for all methods: a retry takes the next number, and so does what is sent in between.
#[test]
fn numbers_go_up_across_methods_and_retries() {
    let mut world = answered();
    world.command(|core, now, id| core.hold(now, id));
    let reinvite = world.last("INVITE");
    world.command(|core, now, id| core.info(now, id, "text/plain", b"x").map(drop));
    let info = world.last("INFO");
    world.challenge(&reinvite, 401, &HOME.replace("n1", "n2"));
    let again = world.last("INVITE");
    assert_eq!([2, 3, 4, 5], [2, cseq(&reinvite), cseq(&info), cseq(&again)]);
    assert_eq!(body(&reinvite), body(&again));
    world.respond_to_last(200, Some(SDP));
    let ack = world.last("ACK");
    assert_eq!(cseq(&ack), 5);
    assert_eq!(values(&ack, HeaderName::Authorization), values(&again, HeaderName::Authorization));
    assert_eq!(world.state(), Some(State::Active));
    world.respond_to(&info, 200, "one", None);
    world.hangup();
    let bye = world.last("BYE");
    assert_eq!(cseq(&bye), 6);
    world.respond_to(&bye, 200, "one", None);
    finish(&mut world);
}

#[test]
fn a_reinvite_whose_credentials_are_refused_leaves_the_call_as_it_was() {
    let mut world = World::calling();
    world.respond(200, "one", Some(SDP));
    world.command(|core, now, id| core.hold(now, id));
    for nonce in ["n1", "n2"] {
        let asked = world.last("INVITE");
        world.challenge(&asked, 401, &HOME.replace("n1", nonce));
    }
    assert_eq!(sent(&world, "INVITE"), 3, "the call, the offer, and once again");
    assert_eq!(
        (world.state(), world.net.told(0).last().unwrap().as_str()),
        (Some(State::Active), "refused 401")
    );
    world.hangup();
    let bye = world.last("BYE");
    world.respond_to(&bye, 200, "one", None);
    finish(&mut world);
}

/// A re-INVITE that is challenged when the call is over is not made again.
#[test]
fn nothing_but_the_bye_is_tried_again_after_the_end() {
    let mut world = World::calling();
    world.respond(200, "one", Some(SDP));
    world.command(|core, now, id| core.hold(now, id));
    let asked = world.last("INVITE");
    world.hangup();
    let bye = world.last("BYE");
    world.challenge(&asked, 401, HOME);
    assert_eq!((sent(&world, "INVITE"), world.net.codes().last().unwrap().as_str()), (2, "ACK"));
    world.respond_to(&bye, 200, "one", None);
    finish(&mut world);
}

#[test]
fn whoever_is_asked_within_the_call_answers() {
    for method in ["INFO", "MESSAGE", "OPTIONS"] {
        let mut world = World::calling();
        world.respond(200, "one", Some(SDP));
        let parsed = crate::wire::Method::from_text(method.as_bytes());
        world.command(|core, now, id| {
            core.request_within(now, id, parsed, &[], Some(("text/plain", b"x"))).map(drop)
        });
        let asked = world.last(method);
        world.challenge(&asked, 401, HOME);
        let again = world.last(method);
        assert_eq!((cseq(&asked) + 1, body(&again)), (cseq(&again), b"x".to_vec()), "{method}");
        assert_eq!(first(&again, HeaderName::ContentType), "text/plain");
        world.respond_to(&again, 200, "one", None);
        let done = world.net.told(0);
        assert!(done.last().unwrap().contains("RequestDone") && done.last().unwrap().contains("status: 200"));
        world.hangup();
        let bye = world.last("BYE");
        assert!(first(&bye, HeaderName::Authorization).contains("nc=00000002"));
        world.respond_to(&bye, 200, "one", None);
        finish(&mut world);
    }
}

/// A strict router has the Request-URI (section 12.2.1.1): what goes again is as it was, and what is proven is that.
#[test]
fn a_strict_route_is_the_same_in_the_retry() {
    let mut world = World::calling();
    let invite = world.invite.clone();
    let headers: [(&str, &[u8]); 2] =
        [("Contact", b"<sip:bob@10.9.9.9:5060>"), ("Record-Route", b"<sip:10.9.9.9>")];
    world.respond_with(&invite, 200, "one", &headers, Some(SDP));
    world.hangup();
    let asked = world.last("BYE");
    world.challenge(&asked, 407, HOME);
    let again = world.last("BYE");
    assert!(again.starts_with(b"BYE sip:10.9.9.9 SIP/2.0\r\n"));
    assert_eq!(values(&again, HeaderName::Route), ["<sip:bob@10.9.9.9:5060>"]);
    assert_eq!(values(&asked, HeaderName::Route), values(&again, HeaderName::Route));
    assert!(first(&again, HeaderName::ProxyAuthorization).contains("uri=\"sip:10.9.9.9\""));
    world.respond_to(&again, 200, "one", None);
    finish(&mut world);
}

/// RFC 7616 section 3.5.
#[test]
fn the_next_nonce_of_a_response_is_used() {
    let mut world = World::calling();
    let asked = world.invite.clone();
    world.challenge(&asked, 401, HOME);
    world.invite = world.last("INVITE");
    let invite = world.invite.clone();
    let headers: [(&str, &[u8]); 2] =
        [("Contact", b"<sip:bob@10.9.9.9:5060>"), ("Authentication-Info", b"nextnonce=\"n7\", qop=auth")];
    world.respond_with(&invite, 200, "one", &headers, Some(SDP));
    let ack = first(&world.last("ACK"), HeaderName::Authorization);
    assert!(ack.contains("nonce=\"n1\""), "the ACK has what its INVITE had: {ack}");
    world.hangup();
    let bye = world.last("BYE");
    let proof = first(&bye, HeaderName::Authorization);
    assert!(proof.contains("nonce=\"n7\"") && proof.contains("nc=00000001"), "{proof}");
    world.respond_to(&bye, 200, "one", None);
    finish(&mut world);
}

#[test]
fn a_body_is_protected_where_only_that_is_offered() {
    let mut world = World::calling();
    let asked = world.invite.clone();
    world.challenge(&asked, 401, "realm=\"home\", nonce=\"n\", qop=\"auth-int\", algorithm=SHA-256");
    let again = first(&world.last("INVITE"), HeaderName::Authorization);
    assert!(again.contains("qop=auth-int") && again.contains("algorithm=SHA-256"), "{again}");
    world.hangup();
    world.net.run_for(40 * SECOND);
    finish(&mut world);
}
