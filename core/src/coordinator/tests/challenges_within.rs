//! Credentials for what is sent within a dialog, or for itself: UPDATE, PRACK, REFER, SUBSCRIBE, NOTIFY, MESSAGE, OPTIONS.

use core::time::Duration;

use bytes::Bytes;

use super::challenges::{HOME, body, branch, cseq, finish, first, sent, values};
use super::peer::{SDP, World};
use crate::api::{Event, Modification, SubscriptionState};
use crate::sdp::plan::Direction;
use crate::session::State;
use crate::wire::HeaderName;

const SECOND: Duration = Duration::from_secs(1);

/// A call that was taken without any question.
fn up() -> World {
    let mut world = World::calling();
    world.respond(200, "one", Some(SDP));
    world
}

fn hang_up(mut world: World) {
    world.hangup();
    let bye = world.last("BYE");
    world.respond_to(&bye, 200, "one", None);
    finish(&mut world);
}

/// The last request of that method is asked for credentials; what comes in its place.
fn ask(world: &mut World, method: &str) -> Bytes {
    let asked = world.last(method);
    let count = sent(world, method);
    world.challenge(&asked, 401, HOME);
    let again = world.last(method);
    assert_eq!(sent(world, method), count + 1, "{method} goes again, once");
    assert_eq!((cseq(&again), body(&again)), (cseq(&asked) + 1, body(&asked)), "{method}");
    assert_ne!(branch(&again), branch(&asked));
    let head = |message: &Bytes| {
        let text = String::from_utf8(message.to_vec()).unwrap();
        let changes = ["Via:", "CSeq:", "Authorization:"];
        let stays = text.lines().filter(|line| !changes.iter().any(|name| line.starts_with(name)));
        let mut lines: Vec<String> = stays.map(String::from).collect();
        lines.sort();
        lines
    };
    assert_eq!(head(&asked), head(&again), "nothing else has changed");
    assert!(first(&again, HeaderName::Authorization).contains("nc=00000001"));
    again
}

#[test]
fn an_update_with_an_offer() {
    let mut world = World::calling();
    let invite = world.invite.clone();
    let headers: [(&str, &[u8]); 2] = [("Contact", b"<sip:bob@10.9.9.9:5060>"), ("Allow", b"UPDATE, BYE")];
    world.respond_with(&invite, 200, "one", &headers, Some(SDP));
    let change = Modification::direction(Direction::SendOnly).by_update();
    world.command(|core, now, id| core.modify(now, id, change));
    let again = ask(&mut world, "UPDATE");
    assert_eq!(world.state(), Some(State::Offering));
    world.respond_to(&again, 200, "one", Some(SDP));
    assert_eq!(world.state(), Some(State::Active));
    assert!(world.net.told(0).contains(&"hold true false".into()), "{:?}", world.net.told(0));
    hang_up(world);
}

#[test]
fn a_prack_and_the_invite_after_it() {
    let mut world = World::calling();
    world.respond_reliably(180, "one", "7", None);
    let again = ask(&mut world, "PRACK");
    assert_eq!((values(&again, HeaderName::RAck), cseq(&again)), (vec!["7 1 INVITE".into()], 3));
    world.respond_to(&again, 200, "one", None);
    // The next INVITE has a number above all of them.
    let invite = world.invite.clone();
    world.challenge(&invite, 407, HOME);
    world.invite = world.last("INVITE");
    assert_eq!(cseq(&world.invite), 4);
    world.respond(200, "one", Some(SDP));
    assert_eq!(world.state(), Some(State::Active));
    hang_up(world);
}

/// The reports name the REFER by its number (RFC 3515 section 2.4.6): the one that was taken.
#[test]
fn a_refer() {
    let mut world = up();
    world.command(|core, now, id| core.transfer(now, id, "sip:carol@10.9.9.9"));
    let again = ask(&mut world, "REFER");
    world.respond_to(&again, 202, "one", None);
    world.extra = format!("Event: refer;id={}\r\nSubscription-State: active;expires=60\r\n", cseq(&again));
    world.request_back("NOTIFY", "z9hG4bKnote", 300, Some("SIP/2.0 200 OK\r\n"));
    world.extra.clear();
    assert!(world.net.told(0).contains(&"transfer done 200".into()), "{:?}", world.net.told(0));
    let bye = world.last("BYE");
    world.respond_to(&bye, 200, "one", None);
    finish(&mut world);
}

#[test]
fn a_key_by_info() {
    let mut world = up();
    world.command(|core, now, id| core.send_dtmf(now, id, "12"));
    let again = ask(&mut world, "INFO");
    assert!(String::from_utf8(body(&again)).unwrap().contains("Signal=1"));
    world.respond_to(&again, 200, "one", None);
    let next = world.last("INFO");
    assert!(String::from_utf8(body(&next)).unwrap().contains("Signal=2"), "the next key follows");
    assert!(first(&next, HeaderName::Authorization).contains("nc=00000002"));
    world.respond_to(&next, 200, "one", None);
    hang_up(world);
}

#[test]
fn the_refresh_of_a_session() {
    let mut world = World::calling();
    let invite = world.invite.clone();
    let headers: [(&str, &[u8]); 3] = [
        ("Contact", b"<sip:bob@10.9.9.9:5060>"),
        ("Allow", b"UPDATE"),
        ("Session-Expires", b"90;refresher=uac"),
    ];
    world.respond_with(&invite, 200, "one", &headers, Some(SDP));
    world.net.run_for(46 * SECOND);
    let again = ask(&mut world, "UPDATE");
    world.respond_with(&again, 200, "one", &headers, None);
    assert_eq!(world.net.told(0).last().unwrap(), "refreshed by us");
    hang_up(world);
}

/// A fork that answered too late is hung up, even if it wants to know by whom.
#[test]
fn the_bye_of_a_refused_fork() {
    let mut world = up();
    world.respond(200, "two", Some(SDP));
    let asked = world.last("BYE");
    world.challenge_as("two", &asked, 401, HOME);
    let again = world.last("BYE");
    assert_eq!((sent(&world, "BYE"), cseq(&again)), (2, cseq(&asked) + 1));
    world.respond_to(&again, 200, "two", None);
    assert_eq!(world.state(), Some(State::Active));
    hang_up(world);
}

#[test]
fn messages_and_questions_outside_a_call() {
    for method in ["MESSAGE", "OPTIONS"] {
        let mut world = up();
        world.net.with(0, |core, now| match method {
            "MESSAGE" => core.message(now, "sip:carol@10.9.9.9", "text/plain", b"hello").map(drop).unwrap(),
            _ => core.options(now, "sip:carol@10.9.9.9").map(drop).unwrap(),
        });
        let again = ask(&mut world, method);
        // A second refusal is the outcome.
        world.challenge(&again, 401, &HOME.replace("n1", "n2"));
        assert_eq!(sent(&world, method), 2);
        let told = world.net.told(0);
        assert!(told.last().unwrap().contains("RequestDone") && told.last().unwrap().contains("status: 401"));
        hang_up(world);
    }
}

#[test]
fn a_subscription_of_ours() {
    let mut world = up();
    let subscribe = world
        .net
        .with(0, |core, now| core.subscribe(now, "sip:carol@10.9.9.9", "dialog", 600 * SECOND))
        .unwrap();
    let again = ask(&mut world, "SUBSCRIBE");
    world.respond_to(&again, 200, "carol", None);
    let told = |world: &World, what: &str| world.net.told(0).iter().filter(|it| it.contains(what)).count();
    assert_eq!(told(&world, "Subscribed"), 1);
    let call_id = first(&again, HeaderName::CallId);
    let to = first(&again, HeaderName::From);
    let notify = format!(
        "NOTIFY sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKnote\r\nMax-Forwards: 70\r\n\
         From: <sip:carol@10.9.9.9>;tag=carol\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: 1 NOTIFY\r\n\
         Contact: <sip:carol@10.9.9.9>\r\nEvent: dialog\r\nSubscription-State: active;expires=600\r\n\
         Content-Length: 0\r\n\r\n"
    );
    world.net.inject(0, super::peer::peer(), notify.as_bytes());
    world.net.with(0, |core, now| core.unsubscribe(now, subscribe)).unwrap();
    let left = world.last("SUBSCRIBE");
    assert!(first(&left, HeaderName::Authorization).contains("nc=00000002"));
    assert_eq!((cseq(&left), first(&left, HeaderName::Expires).as_str()), (3, "0"));
    world.challenge_as("carol", &left, 401, &HOME.replace("n1", "n2"));
    let left = world.last("SUBSCRIBE");
    assert_eq!((cseq(&left), first(&left, HeaderName::Authorization).contains("nonce=\"n2\"")), (4, true));
    world.respond_to(&left, 481, "carol", None);
    assert_eq!(told(&world, "SubscriptionEnded"), 1);
    hang_up(world);
}

#[test]
fn a_notification_of_ours() {
    let mut world = up();
    let subscribe = "SUBSCRIBE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKsub\r\n\
         Max-Forwards: 70\r\nFrom: <sip:carol@10.9.9.9>;tag=carol\r\nTo: <sip:alice@10.0.0.1>\r\nCall-ID: sub\r\n\
         CSeq: 1 SUBSCRIBE\r\nContact: <sip:carol@10.9.9.9>\r\nEvent: dialog\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n";
    world.net.inject(0, super::peer::peer(), subscribe.as_bytes());
    let asked = world.net.nodes[0].events.iter().find_map(|event| match event {
        Event::SubscriptionRequested { subscription, .. } => Some(*subscription),
        _ => None,
    });
    let id = asked.unwrap();
    world.net.with(0, |core, now| core.accept_subscription(now, id, Some(("text/x", b"state")))).unwrap();
    let again = ask(&mut world, "NOTIFY");
    // What is new meanwhile waits for it as it would have waited for the first.
    world
        .net
        .with(0, |core, now| core.notify(now, id, &SubscriptionState::Active, "text/x", b"new"))
        .unwrap();
    assert_eq!(sent(&world, "NOTIFY"), 2);
    world.respond_to(&again, 200, "carol", None);
    let next = world.last("NOTIFY");
    assert_eq!((sent(&world, "NOTIFY"), body(&next)), (3, b"new".to_vec()));
    assert!(first(&next, HeaderName::Authorization).contains("nc=00000002"));
    world.respond_to(&next, 481, "carol", None);
    hang_up(world);
}
