//! Races of signalling that no other file is about (RFC 3261, RFC 3581, RFC 5393).
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use offhook_core::api::{CoordinatorConfig, Event};
use offhook_core::base::ids::SessionId;
use offhook_core::media::{MediaCommand, MediaEvent};
use offhook_core::wire::Method;
use support::{Desk, GIVE_UP, Message, Request, SDP, SDP_OTHER_PORT, SECOND, ms, respond};

const CONTACT: &str = "Contact: <sip:peer@192.0.2.9:5060>\r\n";

fn calling() -> (Desk, SessionId, Message) {
    let mut desk = Desk::new();
    let session = desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    (desk, session, invite)
}

/// A call of the peer's that is up; our tag.
fn active() -> (Desk, SessionId, String) {
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(SDP);
    let (session, tag) = desk.up(&invite);
    (desk, session, tag)
}

fn ended(desk: &Desk) -> usize {
    desk.told().iter().filter(|told| told.starts_with("ended")).count()
}

/// RFC 3261 section 12.1.
#[test]
fn a_1xx_without_tag_makes_no_dialog() {
    for sdp in ["", SDP] {
        let (mut desk, _, invite) = calling();
        desk.feed(respond(&invite, 183, "", CONTACT, sdp));
        assert_eq!(desk.core.registry().dialogs_len(), 0, "{sdp}");
        desk.feed(respond(&invite, 200, "far", CONTACT, SDP_OTHER_PORT));
        assert_eq!(desk.only().message.callee_tag(), "far");
        assert_eq!(desk.plan().remote_rtp.unwrap().port(), 40_002);
    }
}

#[test]
fn what_comes_after_the_final_response_changes_nothing() {
    let (mut desk, _, invite) = calling();
    desk.feed(respond(&invite, 200, "far", CONTACT, SDP));
    desk.news();
    let told = desk.told();
    for (status, tag) in [(180, "far"), (183, "other"), (486, "far"), (603, "other")] {
        desk.feed(respond(&invite, status, tag, CONTACT, SDP_OTHER_PORT));
        assert_eq!(desk.codes(), [""; 0], "{status}");
    }
    assert_eq!(desk.told(), told);
    assert_eq!(desk.plan().remote_rtp.unwrap().port(), 40_000);

    let (mut desk, _, invite) = calling();
    desk.feed(respond(&invite, 486, "far", "", ""));
    desk.news();
    desk.feed(respond(&invite, 200, "other", CONTACT, SDP));
    desk.feed(respond(&invite, 180, "other", CONTACT, SDP));
    assert_eq!(ended(&desk), 1, "a proxy chooses one final response");
}

/// RFC 3261 section 8.2.2.2: a copy of the INVITE is no second call while the first lives, however long, nor for T4 after.
#[test]
fn a_copy_of_the_invite_is_no_call_while_the_call_lives_and_for_t4_after_it() {
    for (ends_after, copy_after, code) in [
        (None, 0, "482"),
        (None, 31, "482"),
        (None, 40, "482"),
        (None, 4000, "482"),
        (Some(40), 44, "482"),
        (Some(40), 46, "180"),
        // While the transaction may come again, whatever has become of the call.
        (Some(1), 31, "482"),
        (Some(1), 40, "180"),
    ] {
        let mut desk = Desk::new();
        let invite = Request::new("INVITE").sdp(SDP);
        let (_, tag) = desk.up(&invite);
        let mut passed = 0;
        if let Some(seconds) = ends_after {
            desk.run_for(SECOND * seconds);
            passed = seconds;
            desk.feed(invite.again("BYE").cseq(2).branch("bye").callee_tag(&tag).text());
        }
        desk.run_for(SECOND * (copy_after - passed));
        desk.news();
        desk.feed(invite.clone().branch("elsewhere").text());
        assert_eq!(desk.codes(), [code], "ends {ends_after:?}, copy after {copy_after} s");
        if ends_after.is_none() {
            // A new call of the same peer is one.
            desk.feed(invite.cseq(9).branch("next").text());
            assert_eq!(desk.codes(), ["180"]);
        }
    }
}

/// Who is the last need not look at Max-Forwards (section 8.2 does not name it; 16.3 is for proxies).
#[test]
fn a_request_to_us_may_have_no_hops_left() {
    let mut desk = Desk::new();
    desk.feed(Request::new("INVITE").sdp(SDP).text().replace("Max-Forwards: 70", "Max-Forwards: 0"));
    assert_eq!(desk.codes(), ["180"]);
    let options = Request::new("OPTIONS").call_id("other").branch("two").text();
    desk.feed(options.replace("Max-Forwards: 70", "Max-Forwards: 0"));
    assert_eq!(desk.codes(), ["200"]);
}

#[test]
fn an_ack_is_known_by_its_number_and_not_by_its_branch() {
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(SDP);
    desk.feed(invite.text());
    let session = desk.incoming();
    desk.answer(session);
    let tag = desk.last("200").message.callee_tag();
    desk.feed(invite.again("ACK").callee_tag(&tag).text());
    assert_eq!(desk.told().last().unwrap(), "confirmed", "the branch of the INVITE itself");
}

#[test]
fn the_ack_one_tick_before_the_end_saves_the_call() {
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(SDP);
    desk.feed(invite.text());
    let session = desk.incoming();
    desk.answer(session);
    let tag = desk.last("200").message.callee_tag();
    desk.run_for(GIVE_UP - ms(1));
    desk.feed(invite.again("ACK").callee_tag(&tag).branch("ack").text());
    desk.run_for(GIVE_UP);
    assert_eq!(desk.times("BYE"), [0_u64; 0]);
    assert_eq!(desk.told().last().unwrap(), "confirmed");
}

#[test]
fn the_487_may_take_ten_seconds() {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 180, "far", CONTACT, ""));
    desk.hangup(session);
    let cancel = desk.last("CANCEL").message;
    desk.feed(respond(&cancel, 200, "far", "", ""));
    desk.run_for(10 * SECOND);
    desk.news();
    for _ in 0..3 {
        desk.feed(respond(&invite, 487, "far", "", ""));
        assert_eq!(desk.codes(), ["ACK"]);
    }
    desk.assert_all_gone();
}

/// RFC 3261 section 18.2.2, RFC 3581 section 4: what the Via says, where it came from, where the answer goes.
#[test]
fn answers_go_where_the_via_says() {
    let table = [
        ("192.0.2.9:5060", "192.0.2.9:5060", "192.0.2.9:5060", ""),
        ("192.0.2.9", "192.0.2.9:40000", "192.0.2.9:5060", ""),
        ("192.0.2.9:5070", "192.0.2.9:40000", "192.0.2.9:5070", ""),
        ("192.0.2.9:5070;rport", "192.0.2.9:40000", "192.0.2.9:40000", ";received=192.0.2.9;rport=40000"),
        ("10.0.0.1:5070", "198.51.100.4:40000", "198.51.100.4:5070", ";received=198.51.100.4"),
        (
            "10.0.0.1:5070;rport",
            "198.51.100.4:40000",
            "198.51.100.4:40000",
            ";received=198.51.100.4;rport=40000",
        ),
        ("pbx.example.com", "198.51.100.4:40000", "198.51.100.4:5060", ";received=198.51.100.4"),
        (
            "10.0.0.1;received=203.0.113.5",
            "198.51.100.4:40000",
            "198.51.100.4:5060",
            ";received=198.51.100.4",
        ),
    ];
    for (sent_by, from, to, added) in table {
        let mut desk = Desk::new();
        let (host, params) = sent_by
            .split_once(';')
            .map_or((sent_by, String::new()), |(host, params)| (host, format!(";{params}")));
        let via = format!("Via: SIP/2.0/UDP {host};branch=z9hG4bKx{params}\r\n");
        desk.feed_from(from.parse().unwrap(), Request::new("OPTIONS").via(&via).text());
        let sent = desk.only();
        assert_eq!(sent.to(), to, "{sent_by} from {from}");
        let echoed = sent.message.header("Via");
        assert!(echoed.ends_with(&format!("branch=z9hG4bKx{added}")), "{sent_by} from {from}: {echoed}");
    }
}

/// A re-INVITE that was refused leaves the target; the 183 and the 200 of the first INVITE move it.
#[test]
fn the_target_moves_with_each_dialog_forming_response() {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 183, "far", "Contact: <sip:one@192.0.2.21>\r\n", ""));
    desk.feed(respond(&invite, 200, "far", "Contact: <sip:two@192.0.2.22>\r\n", SDP));
    assert_eq!(desk.only().message.uri(), "sip:two@192.0.2.22");
    desk.hangup(session);
    assert_eq!(desk.only().message.uri(), "sip:two@192.0.2.22");
}

/// A BYE that is challenged has ended the call all the same.
#[test]
fn a_challenged_bye_leaves_nothing() {
    for status in [401, 407] {
        let (mut desk, session, _) = active();
        desk.hangup(session);
        let bye = desk.last("BYE").message;
        desk.feed(respond(&bye, status, "", "WWW-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\n", ""));
        assert_eq!(ended(&desk), 1);
        desk.assert_all_gone();
    }
}

#[test]
fn numbers_above_31_bits_are_refused_within_a_call_too() {
    let (mut desk, _, tag) = active();
    let bye = Request::new("BYE").callee_tag(&tag).branch("bye").text();
    desk.feed(bye.replace("CSeq: 1 ", "CSeq: 2147483648 "));
    assert_eq!(desk.codes(), ["400"]);
    assert_eq!(desk.told().last().unwrap(), "confirmed");
}

/// The caller has given up, and the callee's 200 was under way all the time.
#[test]
fn a_200_after_timer_b_is_acknowledged_and_hung_up() {
    let (mut desk, _, invite) = calling();
    desk.run_for(GIVE_UP + SECOND);
    assert_eq!(desk.told(), ["ended Timeout 408"]);
    desk.news();
    desk.feed(respond(&invite, 200, "far", CONTACT, SDP));
    assert_eq!(desk.codes(), ["ACK", "BYE"]);
    let bye = desk.last("BYE").message;
    assert_eq!(bye.callee_tag(), "far");
    desk.feed(respond(&bye, 200, "", "", ""));
    assert_eq!(desk.told(), ["ended Timeout 408"], "no news of a call that is over");
    desk.assert_all_gone();
}

/// The same after a CANCEL that was answered and an INVITE that never was.
#[test]
fn a_200_after_the_487_was_given_up_is_acknowledged_and_hung_up() {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 180, "far", CONTACT, ""));
    desk.hangup(session);
    let cancel = desk.last("CANCEL").message;
    desk.feed(respond(&cancel, 200, "far", "", ""));
    desk.run_for(GIVE_UP + SECOND);
    assert_eq!(ended(&desk), 1);
    desk.news();
    desk.feed(respond(&invite, 200, "far", CONTACT, SDP));
    assert_eq!(desk.codes(), ["ACK", "BYE"]);
    assert_eq!(ended(&desk), 1);
}

/// The branch of an earlier INVITE of the same dialog, with another number: it is no repeat.
#[test]
fn a_branch_used_twice_is_refused() {
    let (mut desk, _, tag) = active();
    desk.feed(Request::new("INVITE").cseq(2).callee_tag(&tag).sdp(SDP_OTHER_PORT).text());
    assert_eq!(desk.codes(), ["400"]);
    assert_eq!(desk.told().last().unwrap(), "confirmed");
}

/// The first of two places to which we are sent says nothing for too long and answers while the second rings.
#[test]
fn a_200_of_the_place_before_is_hung_up_and_the_call_goes_on() {
    let (mut desk, _, invite) = calling();
    let contacts = "Contact: <sip:a@192.0.2.9>, <sip:b@192.0.2.9>;q=0.5\r\n";
    desk.feed(respond(&invite, 302, "sends", contacts, ""));
    let first = desk.last("INVITE").message;
    desk.run_for(GIVE_UP);
    let second = desk.last("INVITE").message;
    desk.feed(respond(&second, 180, "b", CONTACT, ""));
    desk.news();
    for copy in 0..3 {
        desk.feed(respond(&first, 200, "a", CONTACT, SDP));
        assert_eq!(desk.codes(), if copy == 0 { ["ACK", "BYE"].as_slice() } else { &["ACK"] });
    }
    let bye = desk.last("BYE").message;
    desk.feed(respond(&bye, 200, "", "", ""));
    desk.feed(respond(&second, 200, "b", CONTACT, SDP));
    assert_eq!(ended(&desk), 0);
    assert_eq!(desk.last("ACK").message.callee_tag(), "b");
}

/// Late, and of several forks; each is repeated until its ACK comes.
#[test]
fn every_fork_that_answers_late_is_hung_up_once() {
    let (mut desk, _, invite) = calling();
    desk.run_for(GIVE_UP + SECOND);
    desk.news();
    for copy in 0..3 {
        for tag in ["one", "two"] {
            desk.feed(respond(&invite, 200, tag, CONTACT, SDP));
            assert_eq!(desk.codes(), if copy == 0 { ["ACK", "BYE"].as_slice() } else { &["ACK"] });
            assert_eq!(desk.last("ACK").message.callee_tag(), tag);
        }
    }
    // A refusal that comes late wants its ACK as well, or it comes again and again.
    let (mut desk, _, invite) = calling();
    desk.run_for(GIVE_UP + SECOND);
    desk.news();
    for _ in 0..2 {
        desk.feed(respond(&invite, 486, "far", "", ""));
        assert_eq!(desk.codes(), ["ACK"]);
    }
    assert_eq!(ended(&desk), 1);
    desk.assert_all_gone();
}

/// Silence is news while the call is up, and only then.
#[test]
fn a_silent_peer_is_news_while_the_call_is_up() {
    let (mut desk, session, invite) = calling();
    let Some(&MediaCommand::Open { media, .. }) = desk.media.first() else { panic!("no media") };
    let hear = |desk: &mut Desk, event: MediaEvent| {
        desk.core.handle_media(desk.now, event);
        desk.drain();
    };
    hear(&mut desk, MediaEvent::Silent { media, for_ms: 30_000 });
    desk.feed(respond(&invite, 200, "far", CONTACT, SDP));
    hear(&mut desk, MediaEvent::Silent { media, for_ms: 60_000 });
    hear(&mut desk, MediaEvent::Heard { media });
    desk.hangup(session);
    hear(&mut desk, MediaEvent::Silent { media, for_ms: 90_000 });
    let silent = |event: &Event| match event {
        Event::MediaSilent { for_ms, .. } => Some(*for_ms),
        _ => None,
    };
    let told: Vec<_> = desk.events.iter().filter_map(silent).collect();
    assert_eq!(told, [Some(60_000), None]);
}

/// Every request of ours has the next number, whatever its method and why ever it is sent again; ACK has its INVITE's.
#[test]
fn one_counter_through_the_whole_call() {
    let mut config = CoordinatorConfig::default();
    config.session_expires = Some(100 * SECOND);
    let mut desk = Desk::with(config);
    let session = desk.call("sip:peer@192.0.2.9");
    let mut numbers = Vec::new();
    let mut next = |desk: &mut Desk, code: &str| {
        let sent = desk.news().into_iter().map(|sent| sent.message).filter(|it| !it.code().starts_with('4'));
        let sent: Vec<Message> = sent.collect();
        numbers.extend(sent.iter().map(|sent| format!("{} {}", sent.cseq(), sent.code())));
        sent.into_iter().find(|sent| sent.code() == code).unwrap()
    };
    let first = next(&mut desk, "INVITE");
    desk.feed(respond(&first, 422, "far", "Min-SE: 300\r\n", ""));
    let invite = next(&mut desk, "INVITE");
    let reliable = format!("{CONTACT}Require: 100rel\r\nRSeq: 1\r\nAllow: UPDATE\r\n");
    desk.feed(respond(&invite, 183, "far", &reliable, SDP));
    let prack = next(&mut desk, "PRACK");
    desk.feed(respond(&prack, 200, "", "", ""));
    desk.feed(respond(&invite, 200, "far", &reliable, ""));
    next(&mut desk, "ACK");
    desk.core.hold(desk.now, session).unwrap();
    desk.drain();
    let hold = next(&mut desk, "INVITE");
    desk.feed(respond(&hold, 491, "", "", ""));
    desk.run_for(4 * SECOND);
    let again = next(&mut desk, "INVITE");
    desk.feed(respond(&again, 200, "", CONTACT, &SDP.replace("sendrecv", "recvonly")));
    // The 200 to the first INVITE comes again, and its ACK with its own number.
    desk.feed(respond(&invite, 200, "far", CONTACT, ""));
    next(&mut desk, "ACK");
    desk.core.request_within(desk.now, session, Method::Options, &[], None).unwrap();
    desk.drain();
    next(&mut desk, "OPTIONS");
    desk.hangup(session);
    next(&mut desk, "BYE");
    let expected = "1 INVITE, 1 ACK, 2 INVITE, 3 PRACK, 2 ACK, 4 INVITE, 4 ACK, 5 INVITE, 5 ACK, 2 ACK, 6 OPTIONS, 7 BYE";
    // What was only repeated is the same request.
    numbers.dedup();
    assert_eq!(numbers.join(", "), expected);
}

/// Our own INVITE comes back by a proxy that knows nobody else for that name: it is a call to ourselves, once. A copy of it
/// that went round once more is the same request, and is told so (sections 8.2.2.2 and 16.3).
#[test]
fn our_own_request_comes_back_once_and_no_more() {
    let (mut desk, _, invite) = calling();
    let proxied = |branch: &str| {
        let via = format!("Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{branch}\r\nVia:");
        invite.text.replacen("Via:", &via, 1).replace("Max-Forwards: 70", "Max-Forwards: 69")
    };
    desk.feed(proxied("p1"));
    assert_eq!(desk.codes(), ["180"]);
    let around =
        proxied("p1").replacen("Via:", "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKp2\r\nVia:", 1);
    desk.feed(around);
    assert_eq!(desk.codes(), ["482"], "a loop ends at its first round");
    desk.feed(proxied("p1"));
    assert_eq!(desk.codes(), ["180"], "a repetition is no loop");
    assert_eq!(desk.told(), ["incoming"]);
}

/// RFC 3261 section 9.2: a CANCEL that comes after the final response changes nothing. So both sides have what our 200 says.
#[test]
fn a_cancel_of_a_reinvite_that_crosses_our_200_leaves_the_media_as_they_were_answered() {
    let (mut desk, session, tag) = active();
    let change = Request::new("INVITE").cseq(2).callee_tag(&tag).branch("re").sdp(SDP_OTHER_PORT);
    desk.feed(change.text());
    assert_eq!(desk.codes(), ["200"]);
    desk.feed(change.again("CANCEL").text());
    assert_eq!(desk.codes(), ["200"], "that of the CANCEL");
    assert_eq!(desk.plan().remote_rtp.unwrap().port(), 40_002);
    desk.feed(change.again("ACK").branch("ack2").text());
    desk.run_for(GIVE_UP + GIVE_UP);
    assert_eq!(desk.plan().remote_rtp.unwrap().port(), 40_002);
    assert_eq!((desk.codes(), ended(&desk)), (vec![], 0), "the call goes on");
    desk.hangup(session);
    assert_eq!(desk.codes(), ["BYE"]);
}
