//! Answers that nothing is kept of (RFC 3261 section 8.2.7): each copy gets the same, and one source gets so many of them.

use core::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use offhook_core::signaling::{InviteDetails, SignalingDecision};

use super::*;

/// Requests that can be answered from what they say, and what they get.
fn answered() -> Vec<(Request, &'static str)> {
    vec![
        (Request::new("OPTIONS"), "200"),
        (Request::new("PUBLISH"), "405"),
        (Request::new("FETCH"), "501"),
        (Request::new("BYE"), "481"),
        (Request::new("BYE").callee_tag("nobody"), "481"),
        (Request::new("CANCEL"), "481"),
        (Request::new("UPDATE").callee_tag("nobody"), "481"),
        (Request::new("SUBSCRIBE").header("Event: winfo"), "489"),
        (Request::new("INVITE").uri("sips:offhook@192.0.2.1").sdp(SDP), "416"),
        (Request::new("INVITE").header("Require: nothing").sdp(SDP), "420"),
        (Request::new("INVITE").body("text/plain", "x"), "415"),
        (Request::new("INVITE").sdp(SDP_NO_CODEC), "488"),
    ]
}

/// RFC 3261 section 8.2.7.
#[test]
fn each_copy_gets_the_same_answer_and_nothing_is_kept() {
    for (request, code) in answered() {
        let mut desk = Desk::new();
        desk.feed(request.text());
        let first = desk.only().message;
        assert_eq!(first.code(), code, "{}", request.text());
        for _ in 0..3 {
            desk.run_for(SECOND);
            assert_eq!(desk.codes(), [""; 0], "{code} is not repeated by itself");
            desk.feed(request.text());
            let again = desk.only().message;
            assert_eq!(again.first_line(), first.first_line());
            assert_eq!((again.callee_tag(), again.body()), (first.callee_tag(), first.body()));
        }
        assert!(desk.core.is_idle(), "{code}");
        assert_eq!(desk.core.poll_timeout(), None, "no timer runs after {code}");
        // Another request has another tag.
        desk.feed(request.branch("another").call_id("another").text());
        let other = desk.only().message;
        assert!(request_has_tag(&other, &first) || other.callee_tag() != first.callee_tag());
    }
}

/// Whether both answer a request whose To had a tag of its own.
fn request_has_tag(one: &Message, other: &Message) -> bool {
    one.callee_tag() == "nobody" && other.callee_tag() == "nobody"
}

#[test]
fn the_ack_of_such_a_refusal_is_ours() {
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(SDP_NO_CODEC);
    desk.feed(invite.text());
    let tag = desk.only().message.callee_tag();
    desk.feed(invite.again("ACK").callee_tag(&tag).text());
    assert_eq!(desk.codes(), [""; 0]);
    assert_eq!(desk.core.counters().get(Counter::StrayAck), 0);
    assert_eq!(desk.core.counters().get(Counter::Absorbed), 1);
    desk.feed(invite.again("ACK").branch("other").callee_tag(&tag).text());
    assert_eq!(desk.core.counters().get(Counter::StrayAck), 1, "a tag is of one request");
}

#[test]
fn what_a_handler_refuses_at_once_is_not_kept_and_a_copy_is_asked_about_again() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    let mut desk = Desk::with_handler(CoordinatorConfig::default(), move |_: &InviteDetails| {
        match count.fetch_add(1, Ordering::Relaxed) {
            0 => SignalingDecision::Reject(503),
            _ => SignalingDecision::Accept,
        }
    });
    let invite = Request::new("INVITE").sdp(SDP);
    desk.feed(invite.text());
    let refusal = desk.only().message;
    assert_eq!(refusal.code(), "503");
    assert!(desk.core.is_idle());
    // A copy that was under way fares better, but its caller has taken the refusal.
    desk.feed(invite.text());
    assert_eq!((desk.codes(), asked.load(Ordering::Relaxed)), (vec!["180".into()], 2));
    desk.feed(invite.again("ACK").callee_tag(&refusal.callee_tag()).text());
    assert_eq!(desk.codes(), ["487"]);
    assert_eq!(desk.told().last().unwrap(), "ended Cancelled 487");
    desk.run_for(SECOND);
    assert_eq!(desk.codes(), [""; 0], "it waits for no other ACK");
    desk.run_for(GIVE_UP);
    desk.assert_all_gone();
}

/// A call that our application has taken from a copy of the INVITE, whose first one it had refused: what it was refused with, and our tag.
fn taken_after_all(invite: &Request) -> (Desk, Message, String) {
    let asked = AtomicU32::new(0);
    let mut desk = Desk::with_handler(CoordinatorConfig::default(), move |_: &InviteDetails| {
        match asked.fetch_add(1, Ordering::Relaxed) {
            0 => SignalingDecision::Reject(486),
            _ => SignalingDecision::Accept,
        }
    });
    desk.feed(invite.text());
    let refusal = desk.only().message;
    desk.feed(invite.text());
    let session = desk.incoming();
    desk.answer(session);
    let tag = desk.last("200").message.callee_tag();
    desk.news();
    (desk, refusal, tag)
}

#[test]
fn who_has_taken_the_refusal_is_in_no_call_whatever_was_answered_meanwhile() {
    for later in ["nothing", "ACK", "BYE"] {
        let invite = Request::new("INVITE").sdp(SDP);
        let (mut desk, refusal, tag) = taken_after_all(&invite);
        desk.feed(invite.again("ACK").callee_tag(&refusal.callee_tag()).text());
        assert_eq!(desk.told().last().unwrap(), "ended Cancelled", "at once");
        assert!(desk.media_is_closed(), "nobody would hear anything");
        assert_eq!(
            desk.codes(),
            [""; 0],
            "no BYE before the ACK, or the end of the time for it (section 15)"
        );
        desk.run_for(SECOND);
        assert_eq!(
            desk.codes().first().unwrap(),
            "200",
            "what was said stands until then (section 13.3.1.4)"
        );
        match later {
            // A caller who sees the 200 after all.
            "ACK" => {
                desk.feed(invite.again("ACK").callee_tag(&tag).branch("ack").text());
                assert_eq!(desk.codes(), ["BYE"]);
            }
            "BYE" => {
                desk.feed(invite.again("BYE").cseq(2).callee_tag(&tag).branch("bye").text());
                assert_eq!(desk.codes(), ["200"]);
                desk.assert_all_gone();
                continue;
            }
            _ => {
                desk.run_for(GIVE_UP);
                assert_eq!(desk.times("BYE").first(), Some(&32_000));
            }
        }
        let bye = desk.last("BYE").message;
        desk.feed(respond(&bye, 481, "", "", ""));
        desk.assert_all_gone();
        assert_eq!(desk.told().iter().filter(|told| told.starts_with("ended")).count(), 1);
    }
}

#[test]
fn who_has_acknowledged_our_200_is_in_a_call_whatever_else_he_acknowledges() {
    let invite = Request::new("INVITE").sdp(SDP);
    let (mut desk, refusal, tag) = taken_after_all(&invite);
    desk.feed(invite.again("ACK").callee_tag(&tag).branch("ack").text());
    desk.feed(invite.again("ACK").callee_tag(&refusal.callee_tag()).text());
    assert_eq!(desk.told().last().unwrap(), "confirmed");
    desk.feed(invite.again("BYE").cseq(2).callee_tag(&tag).branch("bye").text());
    assert_eq!(desk.codes(), ["200"]);
    desk.assert_all_gone();
}

fn options(desk: &mut Desk, from: &str, count: u32) -> usize {
    desk.news();
    for n in 0..count {
        let name = format!("{from}-{n}").replace(':', "-");
        let source = SocketAddr::new(from.parse().unwrap(), 5060);
        desk.feed_from(source, Request::new("OPTIONS").call_id(&name).branch(&name).text());
    }
    desk.codes().len()
}

#[test]
fn one_source_gets_so_many_answers_a_second_and_the_rest_is_not_read() {
    let mut config = CoordinatorConfig::default();
    config.limits.stateless_per_source_max = 100;
    config.trusted_sources.push("192.0.2.77".parse().unwrap());
    let mut desk = Desk::with(config);
    desk.run_for(SECOND + SECOND);
    assert_eq!(options(&mut desk, "192.0.2.66", 5_000), 100);
    let dropped = desk.core.counters().get(Counter::Excess);
    assert_eq!(dropped, 4_900);
    let malformed = Request::new("OPTIONS").text().replace("CSeq: 1 ", "CSeq: one ");
    let hostile: SocketAddr = "[::ffff:192.0.2.66]:9".parse().unwrap();
    desk.feed_from(hostile, malformed);
    assert_eq!(desk.core.counters().get(Counter::BadRequest), 0, "nothing but its first line is looked at");
    assert_eq!(desk.core.counters().get(Counter::Excess), 4_901, "its IPv6 form is the same address");
    assert_eq!(options(&mut desk, "192.0.2.67", 10), 10, "another source is not concerned");
    assert_eq!(options(&mut desk, "192.0.2.77", 500), 500, "nor is whoever is trusted");
    desk.take_an_ordinary_call("honest");
    // Who shares the address of the hostile one can call, too.
    let via = "Via: SIP/2.0/UDP 192.0.2.66;branch=z9hG4bKcall;rport\r\n";
    let shares: SocketAddr = "192.0.2.66:7777".parse().unwrap();
    desk.news();
    desk.feed_from(shares, Request::new("INVITE").call_id("shares").via(via).sdp(SDP).text());
    assert_eq!(desk.codes(), ["180"]);
    desk.run_for(SECOND);
    let answers = options(&mut desk, "192.0.2.66", 5_000);
    assert_eq!(answers, 100, "a second flood is as the first");
}

#[test]
fn refusals_beyond_the_limit_are_dropped_within_dialogs_too() {
    let mut config = CoordinatorConfig::default();
    config.limits.stateless_per_source_max = 10;
    let mut desk = Desk::with(config);
    desk.run_for(SECOND + SECOND);
    for n in 0..50 {
        desk.feed(Request::new("BYE").callee_tag("nobody").branch(&format!("b{n}")).text());
    }
    assert_eq!(desk.codes().len(), 10);
    assert_eq!(desk.core.counters().get(Counter::UnknownDialog), 50, "they are read: one may be of a call");
    desk.take_an_ordinary_call("honest");
}

#[test]
fn what_belongs_to_a_call_is_no_excess_whoever_floods_in_its_name() {
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(SDP);
    let (_, tag) = desk.up(&invite);
    // Whoever writes the address of the peer on his packets.
    for method in ["INVITE", "OPTIONS"] {
        let malformed = Request::new(method).text().replace("CSeq: 1 ", "CSeq: one ");
        (0..5_000).for_each(|_| desk.feed(&malformed));
    }
    assert!(desk.core.counters().get(Counter::Excess) > 7_000);
    desk.news();
    let within = |method: &str, cseq| invite.again(method).cseq(cseq).callee_tag(&tag).branch(method);
    desk.feed(within("INVITE", 2).text());
    assert_eq!(desk.codes(), ["200"], "a refresh of the session without an answer would end the call");
    desk.feed(within("ACK", 2).text());
    desk.feed(within("OPTIONS", 3).text());
    assert_eq!(desk.codes(), ["200"], "nor one by OPTIONS");
}

/// New requests of a method that may be taken, and what then becomes of them.
fn taken(method: &str, name: &str) -> (String, &'static str) {
    let request = Request::new(method).call_id(name).branch(name);
    match method {
        "INVITE" => (request.sdp(SDP).text(), "180"),
        "MESSAGE" => (request.body("text/plain", "x").text(), "200"),
        _ => (request.header("Event: dialog").text(), ""),
    }
}

#[test]
fn what_can_be_taken_is_read_whatever_is_refused_in_the_name_of_its_sender() {
    for method in ["INVITE", "MESSAGE", "SUBSCRIBE"] {
        let mut config = CoordinatorConfig::default();
        config.messages = true;
        config.event_packages.push("dialog".into());
        let mut desk = Desk::with(config);
        let refused = [
            Request::new(method).text().replace("CSeq: 1 ", "CSeq: one "),
            Request::new(method).header("Require: nothing").text(),
            Request::new("OPTIONS").text(),
        ];
        for n in 0..30 {
            for request in &refused {
                (0..150).for_each(|_| desk.feed(request));
            }
            desk.news();
            let (request, code) = taken(method, &format!("honest{n}"));
            desk.feed(request);
            match code {
                "" => assert!(format!("{:?}", desk.events.last()).contains("SubscriptionRequested"), "{n}"),
                code => assert_eq!(desk.codes(), [code], "{n}"),
            }
            desk.run_for(ms(100));
        }
        assert_eq!(desk.core.counters().get(Counter::Floods), 2, "one of {method}, one of OPTIONS");
    }
}

#[test]
fn what_a_flood_costs_is_bounded_whatever_it_is_made_of() {
    let all = 20_000;
    for (method, read) in [("INVITE", 5_001), ("MESSAGE", 5_001), ("OPTIONS", 1_001), ("FETCH", 1_001)] {
        let mut desk = Desk::new();
        desk.run_for(SECOND * 10);
        let malformed = Request::new(method).text().replace("CSeq: 1 ", "CSeq: one ");
        for round in 1..=2 {
            (0..all).for_each(|_| desk.feed(&malformed));
            assert_eq!(desk.codes().len(), 1_000);
            let counters = desk.core.counters();
            assert_eq!(counters.get(Counter::BadRequest), round * read, "only so many are read: {method}");
            assert_eq!(counters.get(Counter::Excess), round * (all - 1_000));
            assert_eq!(counters.get(Counter::Floods), round, "which is told once");
            // A second without any, and it is another flood.
            desk.run_for(SECOND);
        }
    }
}

#[test]
fn in_an_overload_the_ack_of_a_refusal_may_overtake_a_copy_of_its_invite() {
    let asked = AtomicU32::new(0);
    let mut desk = Desk::with_handler(CoordinatorConfig::default(), move |_: &InviteDetails| {
        match asked.fetch_add(1, Ordering::Relaxed) {
            0 => SignalingDecision::Reject(503),
            _ => SignalingDecision::Accept,
        }
    });
    for _ in 0..2 {
        desk.run_for(ms(125));
        desk.core.handle_lag(desk.now, ms(300));
    }
    assert!(desk.core.is_overloaded());
    desk.core.handle_lag(desk.now, ms(0));
    let invite = Request::new("INVITE").sdp(SDP);
    desk.feed(invite.text());
    let refusal = desk.only().message;
    desk.feed(invite.again("ACK").callee_tag(&refusal.callee_tag()).text());
    desk.feed(invite.text());
    let again = desk.only().message;
    assert_eq!(
        (again.code(), again.callee_tag()),
        (refusal.code(), refusal.callee_tag()),
        "nobody would be there"
    );
    desk.take_an_ordinary_call("another");
}
