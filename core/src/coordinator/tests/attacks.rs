//! What a peer, a fork or a stranger might try, and what must come of it.

use core::time::Duration;

use super::peer::{NO_CODEC, SDP, World, content_type, peer};
use crate::api::{CoordinatorConfig, Limits};
use crate::session::State;
use crate::wire::frame::Frame;
use crate::wire::limits::WireLimits;
use crate::wire::path::{Path, Transmit};

const S: Duration = Duration::from_secs(1);

/// Headers of our INVITE as text: From, Call-ID, CSeq number, Via.
pub(super) struct Ours {
    pub(super) via: String,
    from: String,
    tag: String,
    to: String,
    call_id: String,
    pub(super) cseq: u32,
}

pub(super) fn ours(world: &World) -> Ours {
    use crate::wire::HeaderName as H;
    let frame = Frame::parse(&world.invite, &WireLimits::default()).unwrap();
    let text = |name| String::from_utf8(frame.first(name).unwrap().to_vec()).unwrap();
    let facts = frame.facts().unwrap();
    Ours {
        via: text(H::Via),
        from: text(H::From),
        tag: String::from_utf8(facts.from_tag.unwrap().to_vec()).unwrap(),
        to: text(H::To),
        call_id: text(H::CallId),
        cseq: facts.cseq,
    }
}

/// A response to our INVITE written by hand.
pub(super) fn reply(world: &mut World, status: u16, tag: &str, extra: &str, body: &str) {
    let o = ours(world);
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let text = format!(
        "SIP/2.0 {status} X\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag={tag}\r\nCall-ID: {}\r\nCSeq: {} INVITE\r\n{extra}{kind}Content-Length: {}\r\n\r\n{body}",
        o.via,
        o.from,
        o.to,
        o.call_id,
        o.cseq,
        body.len()
    );
    world.net.inject(0, peer(), text.as_bytes());
}

/// A request of the callee `tag` in a dialog of the call that we made.
pub(super) fn back(world: &mut World, method: &str, tag: &str, cseq: u32, body: &str) {
    let o = ours(world);
    let (kind, extra) = (content_type(body), world.extra.clone());
    let text = format!(
        "{method} sip:offhook@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bK{method}{tag}{cseq};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:bob@10.9.9.9>;tag={tag}\r\nTo: <sip:a@h>;tag={}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:elsewhere@10.6.6.6:5060>\r\n{kind}{extra}Content-Length: {}\r\n\r\n{body}",
        o.tag,
        o.call_id,
        body.len()
    );
    world.net.inject(0, peer(), text.as_bytes());
}

pub(super) fn contact() -> &'static str {
    "Contact: <sip:bob@10.9.9.9:5060>\r\n"
}

fn count(world: &World, what: &str) -> usize {
    world.net.wire.iter().filter(|(.., line)| line.starts_with(what)).count()
}

#[test]
fn bye_of_a_refused_fork_leaves_the_call() {
    let mut world = World::calling();
    reply(&mut world, 200, "one", contact(), SDP);
    reply(&mut world, 200, "two", contact(), SDP);
    assert_eq!(world.state(), Some(State::Active));
    back(&mut world, "BYE", "two", 1, "");
    assert_eq!(world.state(), Some(State::Active), "{:?}", world.net.told(0));
}

#[test]
fn reinvite_of_a_refused_fork_does_not_move_the_media() {
    let mut world = World::calling();
    reply(&mut world, 200, "one", contact(), SDP);
    reply(&mut world, 200, "two", contact(), SDP);
    let elsewhere = SDP.replace("10.9.9.9", "10.6.6.6");
    back(&mut world, "INVITE", "two", 1, &elsewhere);
    let id = world.session.unwrap();
    let session = world.net.nodes[0].core.registry().session(id).unwrap();
    let to = session.plan().unwrap().remote_rtp.unwrap();
    assert_eq!(to.ip().to_string(), "10.9.9.9", "media of the kept call was moved by the refused fork");
}

#[test]
fn reinvite_of_a_refused_fork_does_not_move_the_target() {
    let mut world = World::calling();
    reply(&mut world, 200, "one", contact(), SDP);
    reply(&mut world, 200, "two", contact(), SDP);
    back(&mut world, "INVITE", "two", 1, SDP);
    world.hangup();
    let bye = world.net.wire.iter().rev().find(|(.., line)| line.starts_with("BYE")).unwrap();
    assert_eq!(bye.2.ip().to_string(), "10.9.9.9", "{}", bye.3);
}

fn leaks_after(extra: &str, call_id: Option<&str>) -> (Option<State>, Vec<String>, usize) {
    let mut world = World::calling();
    if let Some(id) = call_id {
        let o = ours(&world);
        let text = format!(
            "SIP/2.0 200 X\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=one\r\nCall-ID: {id}\r\nCSeq: {} INVITE\r\n{}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
            o.via,
            o.from,
            o.to,
            o.cseq,
            contact(),
            SDP.len()
        );
        world.net.inject(0, peer(), text.as_bytes());
    } else {
        reply(&mut world, 200, "one", extra, SDP);
    }
    world.net.run_for(700 * S);
    let id = world.session.unwrap();
    drop(world.net.with(0, |core, now| core.hangup(now, id)));
    world.net.run_for(700 * S);
    (world.state(), world.net.told(0), count(&world, "ACK"))
}

#[test]
fn a_2xx_with_too_many_record_routes_leaks_no_session() {
    let mut extra = String::from(contact());
    for n in 0..33 {
        extra += &format!("Record-Route: <sip:10.0.1.{n};lr>\r\n");
    }
    let (state, told, acks) = leaks_after(&extra, None);
    assert_eq!(state, None, "after 23 minutes and a hangup; told {told:?}, {acks} ACKs");
}

#[test]
fn a_2xx_with_another_call_id_leaks_no_session() {
    let (state, told, acks) = leaks_after("", Some("other"));
    assert_eq!(state, None, "after 23 minutes and a hangup; told {told:?}, {acks} ACKs");
}

#[test]
fn a_reinvite_after_our_bye_gets_481() {
    let mut world = World::calling();
    reply(&mut world, 200, "one", contact(), SDP);
    world.hangup();
    back(&mut world, "INVITE", "one", 1, SDP);
    let last = world.net.wire.last().unwrap().3.clone();
    assert!(last.contains("481"), "{last}");
}

#[test]
fn a_dead_call_answers_no_options() {
    let mut world = World::calling();
    reply(&mut world, 200, "one", contact(), SDP);
    back(&mut world, "BYE", "one", 1, "");
    assert_eq!(world.state(), Some(State::Terminated));
    back(&mut world, "OPTIONS", "one", 2, "");
    let last = world.net.wire.last().unwrap().3.clone();
    assert!(last.contains("481"), "{last}");
}

#[test]
fn forks_that_answer_are_bounded() {
    let mut world = World::calling();
    reply(&mut world, 200, "one", contact(), SDP);
    let before = world.net.wire.len();
    for n in 0..1000 {
        reply(&mut world, 200, &format!("t{n}"), "Contact: <sip:victim@10.7.7.7>\r\n", SDP);
    }
    world.net.run_for(40 * S);
    let sent = world.net.wire.len() - before;
    assert!(
        sent < 2000,
        "1000 responses made us send {sent} messages to a third party, {} transactions",
        sent
    );
}

#[test]
fn a_fork_of_another_call_id_is_none() {
    let mut world = World::calling();
    reply(&mut world, 200, "one", contact(), SDP);
    back(&mut world, "BYE", "one", 1, "");
    assert_eq!(world.state(), Some(State::Terminated));
    let o = ours(&world);
    let before = world.net.wire.len();
    for (tag, call_id, sent) in [("two", "another", 0), ("two", o.call_id.as_str(), 2)] {
        let text = format!(
            "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag={tag}\r\nCall-ID: {call_id}\r\nCSeq: {} INVITE\r\n{}\
             Content-Length: 0\r\n\r\n",
            o.via,
            o.from,
            o.to,
            o.cseq,
            contact()
        );
        world.net.inject(0, peer(), text.as_bytes());
        assert_eq!(world.net.wire.len() - before, sent, "{call_id}");
    }
}

#[test]
fn a_fork_that_makes_room_takes_its_bye_along() {
    let mut world = World::calling();
    reply(&mut world, 200, "one", contact(), SDP);
    world.net.hold_names = true;
    for n in 0..20 {
        // Their ACK and BYE wait for an address.
        reply(&mut world, 200, &format!("t{n}"), "Contact: <sip:bob@slow.example>\r\n", SDP);
    }
    world.hangup();
    world.net.run_for(3600 * S);
    assert_eq!(world.net.nodes[0].core.transactions().len(), 0, "a BYE that nobody sends is left");
}

#[test]
fn repeats_of_a_2xx_do_not_pile_up_questions() {
    let mut world = World::calling();
    world.net.hold_names = true;
    for _ in 0..100 {
        reply(&mut world, 200, "one", "Contact: <sip:bob@slow.example>\r\n", SDP);
    }
    assert!(world.net.asked.len() <= 1, "{} questions for one dialog", world.net.asked.len());
}

#[test]
fn the_bye_does_not_overtake_the_ack() {
    let mut world = World::calling();
    world.net.hold_names = true;
    reply(&mut world, 200, "one", "Contact: <sip:bob@slow.example>\r\n", NO_CODEC);
    let path = Path::udp(world.net.nodes[0].address, peer());
    let asked: Vec<_> = world.net.asked.drain(..).collect();
    // The resolver may answer in any order.
    for (node, query) in asked.into_iter().rev() {
        world.net.with(node, |core, now| core.handle_names(now, query, Ok(path)));
    }
    let codes = world.net.codes();
    let of = |what: &str| codes.iter().position(|code| code == what);
    assert!(of("ACK") < of("BYE"), "{codes:?}");
}

#[test]
fn a_fork_that_makes_room_takes_its_waiting_requests_along() {
    let mut world = World::calling();
    world.net.hold_names = true;
    for n in 0..20 {
        reply(&mut world, 200, &format!("f{n}"), "Contact: <sip:b@slow.example>\r\n", SDP);
    }
    world.hangup();
    world.net.run_for(Duration::from_secs(200));
    world.net.assert_all_gone();
}

#[test]
fn an_answer_that_never_comes_keeps_nothing_for_ever() {
    let mut world = World::calling();
    world.net.hold_names = true;
    reply(&mut world, 200, "one", "Contact: <sip:bob@slow.example>\r\n", SDP);
    world.hangup();
    world.net.run_for(3600 * S);
    assert_eq!(world.state(), None, "transactions {}", world.net.nodes[0].core.transactions().len());
}

#[test]
fn resolving_has_a_deadline() {
    let mut world = World::resolving();
    world.net.run_for(3600 * S);
    assert_eq!(world.state(), None);
}

fn invite_from(n: u32, extra: &str) -> String {
    format!(
        "INVITE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKq{n};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:bob@10.9.9.9>;tag=f{n}\r\nTo: <sip:alice@10.0.0.1>\r\nCall-ID: c{n}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:bob@10.9.9.9:5060>\r\n{extra}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
}

#[test]
fn half_open_until_the_ack() {
    let mut net = super::net::Net::new(1);
    let limits = Limits { half_open_per_source_max: 2, ..Limits::default() };
    let config = CoordinatorConfig { limits, ..CoordinatorConfig::default() };
    let handler = |_: &crate::signaling::InviteDetails| {
        crate::signaling::SignalingDecision::Custom(Box::new(
            |commands: &mut dyn crate::signaling::SessionCommands| {
                commands.answer().unwrap();
            },
        ))
    };
    net.add_with(config, Box::new(handler));
    for n in 0..100 {
        net.inject(0, peer(), invite_from(n, "").as_bytes());
    }
    let len = net.nodes[0].core.registry().len();
    assert!(len <= 2, "{len} calls of one silent source, none acknowledged");
}

#[test]
fn a_stale_media_id_finds_nothing() {
    use crate::registry::SessionRegistry;
    use crate::session::{Role, Session};
    let limits = Limits { sessions_max: 8, subscriptions_max: 8, ..Limits::default() };
    let mut registry = SessionRegistry::new(&limits, 8);
    let session = registry.create(1, |tag| Session::new(Role::Uas, tag, Default::default())).unwrap();
    let first = registry.mint_media(session).unwrap();
    for n in 0..65_535 {
        let id = if n == 0 { first } else { registry.mint_media(session).unwrap() };
        registry.remove_media(id);
    }
    let extra = registry.mint_media(session).unwrap();
    registry.remove_media(extra);
    let again = registry.mint_media(session).unwrap();
    assert_ne!(first, again, "the name of the 65537th stream is that of the first");
}

/// RFC 3261 section 26.2.2.
#[test]
fn sips_is_not_sent_in_clear() {
    let mut world = World::calling();
    reply(&mut world, 200, "one", "Contact: <sips:bob@10.9.9.9>\r\n", SDP);
    world.hangup();
    assert_eq!(count(&world, "BYE sips:"), 0, "{:?}", world.net.ladder());
}

#[test]
fn no_media_changed_when_nothing_changed() {
    let mut world = World::calling();
    reply(&mut world, 200, "one", contact(), SDP);
    back(&mut world, "INVITE", "one", 1, "");
    assert!(!world.net.told(0).contains(&"media changed".to_string()), "{:?}", world.net.told(0));
}

#[test]
fn cseq_of_our_bye_stays_in_range() {
    let mut world = World::calling();
    let o = ours(&world);
    let text = format!(
        "SIP/2.0 200 X\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=one\r\nCall-ID: {}\r\nCSeq: 2147483647 INVITE\r\n{}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        o.via,
        o.from,
        o.to,
        o.call_id,
        contact(),
        SDP.len()
    );
    world.net.inject(0, peer(), text.as_bytes());
    world.hangup();
    // A 2xx with a number that is not ours is no answer to us: there is nothing to hang up.
    assert_eq!(world.net.codes(), ["INVITE"]);
}

/// RFC 3261 section 17.2.4.
#[test]
fn a_response_that_cannot_be_sent_ends_no_call() {
    let mut world = World::calling();
    let path = Path::udp(world.net.nodes[0].address, peer());
    // What the runtime does when sendto of an oversized response (EMSGSIZE) fails.
    world.net.with(0, |core, now| {
        core.handle_send_failed(
            now,
            &Transmit { path, payload: bytes::Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n") },
        )
    });
    world.net.run_for(S);
    assert_eq!(world.state(), Some(State::Calling), "{:?}", world.net.told(0));
}

#[test]
fn a_cancel_from_a_stranger() {
    let mut world = World::called(false, Some(SDP));
    let stranger = "10.66.66.66:5060".parse().unwrap();
    let text = "CANCEL sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKinvite;rport\r\n\
         From: <sip:x@y>;tag=whatever\r\nTo: <sip:z@z>\r\nCall-ID: another\r\nCSeq: 7 CANCEL\r\nContent-Length: 0\r\n\r\n";
    world.net.inject(0, stranger, text.as_bytes());
    assert_eq!(world.state(), Some(State::Ringing), "{:?}", world.net.ladder());
}

// A monkey on both sides of one coordinator.
