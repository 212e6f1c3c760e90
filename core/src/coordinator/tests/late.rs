//! A 2xx to an INVITE of ours that comes when nobody waits for it any more: it gets its ACK each time it comes (RFC 3261
//! section 13.2.2.4), and a call that nobody wants its BYE, whichever INVITE it answers.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use bytes::Bytes;

use super::peer::{SDP, World, peer};
use crate::session::State;
use crate::wire::path::Path;

fn sent(world: &World, method: &str) -> usize {
    world.net.elsewhere.iter().filter(|it| it.payload.starts_with(method.as_bytes())).count()
}

/// The peer answers `invite` with 200 three times over, each of which must have its ACK.
fn answer_late(world: &mut World, invite: &Bytes) {
    for _ in 0..3 {
        let before = sent(world, "ACK ");
        world.respond_to(invite, 200, "one", Some(SDP));
        assert_eq!(sent(world, "ACK "), before + 1, "it comes, its ACK goes");
        world.net.run_for(Duration::from_secs(4));
    }
}

/// Answers the BYE that is under way.
fn let_go(world: &mut World) {
    let bye = world.last("BYE");
    world.respond_to(&bye, 200, "one", None);
    assert_eq!(world.state(), Some(State::Terminated));
}

fn all_gone(world: &mut World) {
    world.net.run_for(Duration::from_secs(100));
    world.net.assert_all_gone();
}

/// A call of ours that is up, and the re-INVITE that holds it.
fn holding() -> (World, Bytes) {
    let mut world = World::calling();
    world.respond(200, "one", Some(SDP));
    world.net.run_for(Duration::from_secs(40));
    world.command(|core, now, id| core.hold(now, id));
    let invite = world.last("INVITE");
    (world, invite)
}

#[test]
fn a_2xx_to_a_reinvite_that_timer_b_gave_up_is_acknowledged_and_the_bye_goes_its_way() {
    let (mut world, invite) = holding();
    world.net.run_for(Duration::from_secs(33));
    assert_eq!(world.state(), Some(State::Terminating));
    answer_late(&mut world, &invite);
    let_go(&mut world);
    answer_late(&mut world, &invite);
    assert!(sent(&world, "BYE ") > 0);
    all_gone(&mut world);
}

/// The network reports of two copies of what was sent that nobody takes it: the second goes after T1.
fn unreachable(world: &mut World) {
    let path = Path::udp(world.net.nodes[0].address, peer());
    for _ in 0..2 {
        world.net.with(0, |core, now| core.handle_unreachable(now, path));
        world.net.run_for(Duration::from_millis(500));
    }
}

/// Anybody can forge such a report, and a NAT or a host that starts sends true ones.
#[test]
fn a_2xx_to_an_invite_that_the_network_called_unreachable_is_acknowledged_and_hung_up() {
    let mut world = World::calling();
    let invite = world.invite.clone();
    unreachable(&mut world);
    assert_eq!(world.net.told(0), ["ended NetworkError 503"], "at once");
    assert_eq!(world.state(), Some(State::Terminated), "kept for this alone");
    let before = sent(&world, "INVITE ");
    answer_late(&mut world, &invite);
    assert!(sent(&world, "BYE ") > 0);
    assert_eq!(sent(&world, "INVITE "), before, "nor is it sent again");
    assert_eq!(world.net.told(0).len(), 1);
    all_gone(&mut world);
}

#[test]
fn a_refusal_of_an_invite_that_the_network_called_unreachable_is_acknowledged() {
    let mut world = World::calling();
    unreachable(&mut world);
    world.respond(486, "one", None);
    world.respond(486, "one", None);
    assert_eq!(sent(&world, "ACK "), 2);
    all_gone(&mut world);
}

/// Such a report is a 503 (RFC 3261 section 8.1.3.1), which ends no dialog (section 12.2.1.2).
#[test]
fn a_2xx_to_a_reinvite_that_the_network_called_unreachable_is_acknowledged() {
    let (mut world, invite) = holding();
    unreachable(&mut world);
    assert_eq!(world.net.told(0).last().unwrap(), "refused 503", "at once");
    answer_late(&mut world, &invite);
    assert!(world.state().is_some_and(State::is_up) && sent(&world, "BYE ") == 0, "the call goes on");
    world.hangup();
    let_go(&mut world);
    answer_late(&mut world, &invite);
    all_gone(&mut world);
}

#[test]
fn a_2xx_of_a_place_that_the_network_called_unreachable_comes_while_the_next_one_is_called() {
    let mut world = World::calling();
    let invite = world.invite.clone();
    let contacts: &[u8] = b"<sip:a@10.9.9.9>, <sip:b@10.9.9.8>;q=0.5";
    world.respond_with(&invite, 302, "two", &[("Contact", contacts)], None);
    let first = world.last("INVITE sip:a@");
    unreachable(&mut world);
    let second = world.last("INVITE sip:b@");
    answer_late(&mut world, &first);
    assert_eq!(world.state(), Some(State::Calling), "the next attempt goes on");
    assert!(sent(&world, "BYE ") > 0);
    world.respond_to(&second, 200, "three", Some(SDP));
    assert_eq!(world.state(), Some(State::Active));
    world.hangup();
    all_gone(&mut world);
}

#[test]
fn a_2xx_to_a_reinvite_that_a_timeout_gave_up_while_it_proceeded_is_acknowledged() {
    let (mut world, invite) = holding();
    world.respond_to_last(100, None);
    world.net.run_for(Duration::from_secs(181));
    assert_eq!(world.state(), Some(State::Terminating));
    answer_late(&mut world, &invite);
    all_gone(&mut world);
}

#[test]
fn a_2xx_to_a_reinvite_after_a_refusal_is_acknowledged() {
    for status in [408, 481, 488, 491, 500] {
        let (mut world, invite) = holding();
        world.respond_to(&invite, status, "one", None);
        answer_late(&mut world, &invite);
        if matches!(status, 408 | 481) {
            let_go(&mut world);
            answer_late(&mut world, &invite);
        } else {
            assert!(world.state().is_some_and(State::is_up), "{status}: the call goes on");
            world.hangup();
        }
        all_gone(&mut world);
    }
}

#[test]
fn a_2xx_to_a_reinvite_that_was_asked_for_credentials_is_acknowledged() {
    let (mut world, invite) = holding();
    world.challenge(&invite, 407, "realm=\"r\", nonce=\"n\", algorithm=MD5");
    assert_ne!(world.last("INVITE"), invite, "it goes again with credentials");
    answer_late(&mut world, &invite);
    world.hangup();
    all_gone(&mut world);
}

/// The direction of the last offer that was sent.
fn offered(world: &World) -> &'static str {
    let invite = String::from_utf8_lossy(&world.last("INVITE")).into_owned();
    ["sendonly", "sendrecv"].into_iter().find(|it| invite.contains(&format!("a={it}"))).unwrap()
}

const HELD: &str = "v=0\r\no=- 1 2 IN IP4 10.9.9.9\r\ns=-\r\nc=IN IP4 10.9.9.9\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 0\r\na=recvonly\r\n";

/// Whoever takes an offer that was refused elsewhere, or that the network lost, believes in media that we do not.
#[test]
fn a_2xx_that_comes_too_late_to_a_reinvite_is_followed_by_one_that_says_what_is_wanted() {
    for refused in [true, false] {
        let (mut world, invite) = holding();
        assert_eq!(offered(&world), "sendonly");
        if refused {
            world.respond_to(&invite, 500, "one", None);
        } else {
            unreachable(&mut world);
        }
        assert!(world.net.told(0).last().unwrap().starts_with("refused"));
        let before = (sent(&world, "INVITE "), sent(&world, "ACK "));
        world.respond_to(&invite, 200, "one", Some(HELD));
        assert_eq!((sent(&world, "INVITE "), sent(&world, "ACK ")), (before.0 + 1, before.1 + 1));
        assert_eq!(offered(&world), "sendrecv", "as it was, and as the application was told");
        let again = world.last("INVITE");
        for _ in 0..3 {
            world.respond_to(&invite, 200, "one", Some(HELD));
        }
        assert_eq!(sent(&world, "INVITE "), before.0 + 1, "its repetitions bring nothing new");
        let told = world.net.told(0).len();
        world.respond_to(&again, 200, "one", Some(SDP));
        assert_eq!(world.state(), Some(State::Active));
        assert!(
            world.net.told(0)[told..].iter().all(|it| it == "hold false false"),
            "{:?}",
            world.net.told(0)
        );
        world.hangup();
        let_go(&mut world);
        all_gone(&mut world);
    }
}

#[test]
fn a_2xx_that_comes_too_late_while_the_next_offer_is_under_way_waits_for_its_outcome() {
    for status in [200, 500] {
        let (mut world, first) = holding();
        world.respond_to(&first, 500, "one", None);
        world.command(|core, now, id| core.hold(now, id));
        let second = world.last("INVITE");
        let before = sent(&world, "INVITE ");
        world.respond_to(&first, 200, "one", Some(HELD));
        assert_eq!(sent(&world, "INVITE "), before, "one at a time");
        let body = (status == 200).then_some(HELD);
        world.respond_to(&second, status, "one", body);
        assert_eq!(sent(&world, "INVITE "), before + 1);
        assert_eq!(offered(&world), "sendonly", "the last wish of the application");
        world.respond_to_last(200, Some(HELD));
        assert_eq!(world.net.told(0).last().unwrap(), "hold true false");
        world.hangup();
        let_go(&mut world);
        all_gone(&mut world);
    }
}

/// A peer, or a proxy, that always says both.
#[test]
fn an_offer_that_is_refused_and_taken_each_time_is_made_a_bounded_number_of_times() {
    let (mut world, mut invite) = holding();
    let before = sent(&world, "INVITE ");
    for _ in 0..50 {
        world.respond_to(&invite, 500, "one", None);
        world.respond_to(&invite, 200, "one", Some(HELD));
        invite = world.last("INVITE");
    }
    assert_eq!(sent(&world, "INVITE "), before + 10);
    assert_eq!(world.state(), Some(State::Active));
    world.hangup();
    let_go(&mut world);
    all_gone(&mut world);
}

/// RFC 6026 section 8.4.
#[test]
fn a_2xx_to_a_reinvite_is_acknowledged_after_the_call_is_gone() {
    for ours in [true, false] {
        let (mut world, invite) = holding();
        world.respond_to(&invite, 200, "one", Some(SDP));
        if ours {
            world.hangup();
            let_go(&mut world);
        } else {
            world.peer_says("BYE", "z9hG4bKbye", None);
        }
        assert_eq!(world.state(), Some(State::Terminated), "kept for this alone");
        answer_late(&mut world, &invite);
        all_gone(&mut world);
    }
}

#[test]
fn a_2xx_to_a_reinvite_of_a_callee_is_acknowledged_late_as_well() {
    let mut world = World::called(true, Some(SDP));
    world.answer();
    world.request("ACK", "z9hG4bKack", 100, None);
    world.command(|core, now, id| core.hold(now, id));
    let invite = world.last("INVITE");
    world.net.run_for(Duration::from_secs(33));
    let tag = "peer";
    let before = sent(&world, "ACK ");
    world.respond_to(&invite, 200, tag, Some(SDP));
    world.respond_to(&invite, 200, tag, Some(SDP));
    assert_eq!(sent(&world, "ACK "), before + 2);
    let bye = world.last("BYE");
    world.respond_to(&bye, 200, tag, None);
    world.respond_to(&invite, 200, tag, Some(SDP));
    assert_eq!(sent(&world, "ACK "), before + 3, "over, and still listening");
    all_gone(&mut world);
}

#[test]
fn a_2xx_after_a_refusal_of_the_call_is_acknowledged_and_hung_up_once() {
    for status in [408, 486, 487, 603] {
        let mut world = World::calling();
        let invite = world.invite.clone();
        world.respond(status, "two", None);
        assert_eq!(world.state(), Some(State::Terminated));
        answer_late(&mut world, &invite);
        let byes: Vec<_> = world.net.elsewhere.iter().filter(|it| it.payload.starts_with(b"BYE ")).collect();
        assert!(byes.iter().all(|it| it.payload == byes[0].payload) && !byes.is_empty(), "{status}");
        all_gone(&mut world);
    }
}

#[test]
fn a_2xx_after_a_refusal_that_comes_again_is_no_reason_to_forget_the_ack_of_the_refusal() {
    let mut world = World::calling();
    let invite = world.invite.clone();
    world.respond(486, "two", None);
    answer_late(&mut world, &invite);
    let before = sent(&world, "ACK ");
    world.respond(486, "two", None);
    assert_eq!(sent(&world, "ACK "), before + 1);
    all_gone(&mut world);
}

#[test]
fn a_2xx_to_an_attempt_that_another_followed_is_acknowledged_and_hung_up() {
    let challenged = |world: &mut World, invite: &Bytes| {
        world.challenge_as("two", invite, 401, "realm=\"r\", nonce=\"n\", algorithm=MD5");
    };
    let redirected = |world: &mut World, invite: &Bytes| {
        let contact: (&str, &[u8]) = ("Contact", b"<sip:carol@10.9.9.9>");
        world.respond_with(invite, 302, "two", &[contact], None);
    };
    type Answer<'a> = &'a dyn Fn(&mut World, &Bytes);
    let cases: [(&str, Answer<'_>); 2] = [("401", &challenged), ("302", &redirected)];
    for (what, next) in cases {
        let mut world = World::calling();
        let first = world.invite.clone();
        next(&mut world, &first);
        let second = world.last("INVITE");
        assert_ne!(first, second, "{what}");
        answer_late(&mut world, &first);
        assert_eq!(world.state(), Some(State::Calling), "{what}: the next attempt goes on");
        assert!(sent(&world, "BYE ") > 0, "{what}");
        world.respond_to(&second, 200, "three", Some(SDP));
        assert_eq!(world.state(), Some(State::Active), "{what}");
        world.hangup();
        all_gone(&mut world);
    }
}

#[test]
fn a_2xx_of_a_fork_that_was_gone_is_acknowledged_and_hung_up_whenever_it_comes() {
    // After its 199, and the call refused; after another has taken the call, and that is over.
    for taken in [false, true] {
        let mut world = World::calling();
        let invite = world.invite.clone();
        world.respond(180, "one", None);
        world.respond(199, "one", None);
        if taken {
            world.respond(200, "two", Some(SDP));
            world.hangup();
            let bye = world.last("BYE");
            world.respond_to(&bye, 200, "two", None);
        } else {
            world.respond(480, "two", None);
        }
        assert_eq!(world.state(), Some(State::Terminated));
        let before = sent(&world, "BYE ");
        answer_late(&mut world, &invite);
        assert!(sent(&world, "BYE ") > before);
        all_gone(&mut world);
    }
}

/// RFC 3261 section 14.2: the INVITE that the caller has sent is in progress.
#[test]
fn an_invite_within_a_dialog_that_is_still_early_crosses_ours() {
    let mut world = World::calling();
    world.respond(183, "one", Some(SDP));
    world.request_back("INVITE", "z9hG4bKre", 1, Some(SDP));
    assert_eq!(world.net.codes().last().unwrap(), "491");
    world.request_back("ACK", "z9hG4bKre", 1, None);
    world.respond(200, "one", Some(SDP));
    assert_eq!(world.state(), Some(State::Active));
    world.request_back("INVITE", "z9hG4bKre2", 2, Some(SDP));
    assert_eq!(world.net.codes().last().unwrap(), "200");
}
