//! Floods of one source: it has its share of the transactions, and nobody else suffers.

use core::net::SocketAddr;

use offhook_core::base::ids::SessionId;
use offhook_core::coordinator::Reliable;

use super::*;

/// A quarter of seven eighths.
const SHARE: usize = 218;

fn telephone_config() -> CoordinatorConfig {
    let mut config = CoordinatorConfig::default();
    config.messages = true;
    config.limits.transactions_max = 1_000;
    config.limits.stateless_per_source_max = u32::MAX;
    config.trusted_sources.push("192.0.2.77".parse().unwrap());
    config
}

fn telephone() -> Desk {
    Desk::with(telephone_config())
}

/// Sends messages, which are kept until no copy of them can come; how many were taken.
fn messages(desk: &mut Desk, from: &str, count: usize, lines: &str) -> usize {
    desk.news();
    for n in 0..count {
        let name = format!("{from}-{n}-{:?}", desk.now).replace([':', ' ', '(', ')', '[', ']'], "-");
        let request = Request::new("MESSAGE").call_id(&name).branch(&name).header(lines);
        desk.feed_from(SocketAddr::new(from.parse().unwrap(), 5060), request.body("text/plain", "x").text());
    }
    desk.codes().iter().filter(|code| *code == "200").count()
}

#[test]
fn a_source_that_floods_has_its_share_and_others_have_theirs() {
    let mut desk = telephone();
    assert_eq!(messages(&mut desk, "192.0.2.66", 2_000, "X: y"), SHARE);
    let refused = desk.core.counters().get(Counter::TransactionShare);
    assert_eq!(refused, 2_000 - SHARE as u64);
    assert_eq!(messages(&mut desk, "::ffff:192.0.2.66", 10, "X: y"), 0, "its IPv6 form is the same address");
    desk.take_an_ordinary_call("honest");
    assert_eq!(messages(&mut desk, "192.0.2.67", 20, "X: y"), 20, "another source is not concerned");
    let all = 875 - SHARE - 20 - 2;
    assert_eq!(messages(&mut desk, "192.0.2.77", 2_000, "X: y"), all, "a trusted one has all that is left");
    assert!(desk.core.counters().get(Counter::Overload) > 0, "and then there is nothing left for anybody");
}

#[test]
fn an_ipv6_source_is_its_network() {
    let mut desk = telephone();
    let taken: usize = (1..100).map(|n| messages(&mut desk, &format!("2001:db8::{n}"), 5, "X: y")).sum();
    assert_eq!(taken, SHARE, "whoever has one address has 2^64");
    assert_eq!(messages(&mut desk, "2001:db8:0:1::1", 5, "X: y"), 5);
}

#[test]
fn a_second_flood_takes_no_more_than_the_first() {
    let mut config = CoordinatorConfig::default();
    config.messages = true;
    config.limits.transaction_octets_max = 4 << 20;
    let mut desk = Desk::with(config);
    let long = format!("Via: SIP/2.0/UDP {}", "x".repeat(14_800));
    let mut peaks = Vec::new();
    for _ in 0..3 {
        for source in 1..40 {
            messages(&mut desk, &format!("192.0.3.{source}"), 60, &long);
        }
        peaks.push(desk.core.transactions().octets());
        assert!(desk.core.counters().get(Counter::TransactionOctets) > 0);
        desk.run_for(GIVE_UP + GIVE_UP);
        assert_eq!(desk.core.transactions().octets(), 0, "all is given back");
        desk.take_an_ordinary_call(&format!("after-{}", peaks.len()));
        desk.run_for(GIVE_UP + GIVE_UP);
    }
    assert!(peaks.iter().all(|&peak| peak > 3 << 20 && peak <= 4 << 20), "{peaks:?}");
    assert!(peaks[2] * 100 <= peaks[0] * 105, "{peaks:?}");
}

/// What the default is said to sustain: each call keeps what its two transactions need for 32 s.
#[test]
fn the_octets_of_transactions_are_enough_for_four_thousand_calls_a_second() {
    let mut desk = telephone();
    for n in 0..50 {
        desk.take_an_ordinary_call(&format!("3848276298220188511@192.0.2.9-{n}"));
    }
    let each = desk.core.transactions().octets() / 50;
    let limits = CoordinatorConfig::default().limits;
    // Peers may cause seven eighths of it.
    let sustained = limits.transaction_octets_max / 8 * 7 / each / GIVE_UP.as_secs() as usize;
    assert!(
        sustained >= 4_000 && limits.transactions_max / 8 * 7 / 2 / 32 >= 4_000,
        "{sustained}: {each} octets a call"
    );
    assert!(
        sustained * usize::from(limits.source_share_percent) / 100 >= 1_000,
        "{sustained}, from one source"
    );
}

/// Two desks in which our peer can have no more transactions: its source has its share, or there is no room for anybody.
fn crowded(desk: &mut Desk, share: bool) {
    let source = if share { "192.0.2.9" } else { "192.0.2.77" };
    let taken = messages(desk, source, 2_000, "X: y");
    assert!(taken < 2_000 && (taken <= SHARE) == share, "{taken}");
}

/// What ends a call is dealt with although its source has its share of transactions, or there is no room at all.
fn a_call_ends_in_a_flood(share: bool) {
    let mut desk = telephone();
    let (up, rings) = (Request::new("INVITE").sdp(SDP), Request::new("INVITE").sdp(SDP).call_id("rings"));
    let (_, tag) = desk.up(&up);
    let rings = rings.branch("rings").caller_tag("rings");
    desk.feed(rings.text());
    crowded(&mut desk, share);
    let kept = desk.core.transactions().octets();
    desk.feed(rings.again("CANCEL").text());
    assert_eq!(desk.codes(), ["200", "487"]);
    assert!(desk.core.transactions().octets() <= kept, "nothing is kept of it");
    let bye = up.again("BYE").cseq(2).callee_tag(&tag).branch("bye");
    for _ in 0..3 {
        desk.feed(bye.text());
        assert_eq!(desk.codes(), ["200"], "a copy of it is known");
    }
    assert_eq!(desk.told().iter().filter(|told| told.starts_with("ended")).count(), 2);
    desk.run_for(GIVE_UP);
    desk.assert_all_gone();
}

#[test]
fn a_call_ends_although_its_source_has_its_share() {
    a_call_ends_in_a_flood(true);
}

#[test]
fn a_call_ends_although_there_is_no_room() {
    a_call_ends_in_a_flood(false);
}

/// What a dialog may have beyond the share of its source.
const RESERVE: usize = 16;

#[test]
fn whoever_is_in_a_call_is_served_whatever_is_used_up() {
    for share in [true, false] {
        let mut desk = telephone();
        let invite = Request::new("INVITE").sdp(SDP);
        let (_, tag) = desk.up(&invite);
        crowded(&mut desk, share);
        let within = |method: &str, cseq| invite.again(method).cseq(cseq).callee_tag(&tag).branch(method);
        let info = within("INFO", 4).body("application/dtmf-relay", "Signal=1\r\nDuration=160\r\n");
        for (request, code) in [
            (within("INVITE", 2).sdp(SDP_OTHER_PORT), "200"),
            (within("UPDATE", 3).sdp(SDP), "200"),
            (info, "200"),
            (within("OPTIONS", 5), "200"),
            (within("REFER", 6).header("Refer-To: <sip:c@192.0.2.3>"), "202"),
            (within("NOTIFY", 7).header("Event: refer").header("Subscription-State: active"), "481"),
        ] {
            desk.feed(request.text());
            assert_eq!(desk.codes().first().unwrap(), code, "{}", request.text());
            if request.text().starts_with("INVITE") {
                desk.feed(within("ACK", 2).text());
                continue;
            }
            desk.feed(request.text());
            assert_eq!(desk.codes(), [code], "a copy of it is known: {}", request.text());
        }
    }
}

#[test]
fn whoever_is_in_a_call_is_served_whatever_octets_are_used_up() {
    for share in [true, false] {
        let mut config = telephone_config();
        config.limits.transactions_max = 1_000_000;
        config.limits.transaction_octets_max = 4 << 20;
        let mut desk = Desk::with(config);
        let invite = Request::new("INVITE").sdp(SDP);
        let (_, tag) = desk.up(&invite);
        let long = format!("Via: SIP/2.0/UDP {}", "x".repeat(7_000));
        messages(&mut desk, if share { "192.0.2.9" } else { "192.0.2.77" }, 1_000, &long);
        messages(&mut desk, if share { "192.0.2.9" } else { "192.0.2.77" }, 1_000, "X: y");
        let refused = |desk: &Desk| {
            let counters = desk.core.counters();
            counters.get(Counter::TransactionOctets) + counters.get(Counter::TransactionShare)
        };
        let before = refused(&desk);
        assert!(before > 500, "{before}");
        desk.news();
        for n in 0..4 {
            let update = invite.again("UPDATE").cseq(2 + n).callee_tag(&tag).branch(&format!("update{n}"));
            desk.feed(update.header(&long).text());
        }
        assert_eq!((desk.codes(), refused(&desk)), (vec!["200".to_string(); 4], before));
    }
}

#[test]
fn a_prack_is_served_whatever_is_used_up() {
    for (share, flood) in [(true, 0), (false, 0), (true, 50), (false, 50)] {
        let mut desk = telephone();
        let invite = Request::new("INVITE").sdp(SDP).header("Supported: 100rel");
        desk.feed(invite.text());
        let session = desk.incoming();
        desk.core.progress(desk.now, session, true).unwrap();
        desk.drain();
        let early = desk.last("183").message;
        crowded(&mut desk, share);
        let within = |method: &str, cseq| {
            let branch = format!("{method}{cseq}");
            invite.again(method).cseq(cseq).callee_tag(&early.callee_tag()).branch(&branch)
        };
        // Whoever knows our tag may have used up what the dialog has, too.
        (0..flood).for_each(|n| desk.feed(within("INFO", 2 + n).text()));
        desk.news();
        desk.feed(within("PRACK", 90).header(&format!("RAck: {} 1 INVITE", early.header("RSeq"))).text());
        assert_eq!(desk.codes(), ["200"], "or what it acknowledges would end the call (RFC 3262 section 3)");
        desk.answer(session);
        assert_eq!(desk.codes(), ["200"]);
        desk.feed(within("ACK", 1).text());
        desk.feed(within("BYE", 200).text());
        assert_eq!(desk.codes(), ["200"]);
        assert_eq!(desk.told().last().unwrap(), "ended RemoteHangup");
    }
}

#[test]
fn whoever_is_in_a_call_takes_a_bounded_number_and_so_many_octets() {
    let long = "x".repeat(7_000);
    for (line, least) in [("X: y", RESERVE), (long.as_str(), 4)] {
        for method in ["UPDATE", "INFO", "OPTIONS"] {
            let mut desk = telephone();
            let invite = Request::new("INVITE").sdp(SDP);
            let (_, tag) = desk.up(&invite);
            let mut again = 0;
            for round in 0..2 {
                crowded(&mut desk, false);
                let (kept, octets) = (desk.core.transactions().len(), desk.core.transactions().octets());
                let via = format!("Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{method}");
                let refused = desk.core.counters().get(Counter::Overload);
                for n in 0..500 {
                    let via = format!("{via}{round}-{n}\r\nVia: SIP/2.0/UDP {line}\r\n");
                    let cseq = 2 + round * 1_000 + n;
                    desk.feed(invite.again(method).cseq(cseq).callee_tag(&tag).via(&via).text());
                }
                let taken = 500 - (desk.core.counters().get(Counter::Overload) - refused) as usize;
                assert!((least..=RESERVE).contains(&taken), "{method}: {taken}");
                assert!(desk.core.transactions().len() <= kept + RESERVE);
                let more = desk.core.transactions().octets().saturating_sub(octets);
                assert!(more <= 65_536, "{method}: {more}");
                assert!(round == 0 || taken == again, "all is given back: {taken}, {again}");
                again = taken;
                desk.run_for(GIVE_UP);
            }
        }
    }
}

#[test]
fn whoever_has_a_subscription_is_served_whatever_is_used_up() {
    for share in [true, false] {
        let mut config = telephone_config();
        config.event_packages.push("dialog".into());
        let mut desk = Desk::with(config);
        let subscribe = Request::new("SUBSCRIBE").call_id("s").header("Event: dialog");
        desk.feed(subscribe.clone().header("Expires: 120").text());
        let found = desk.events.iter().find_map(|event| match event {
            Event::SubscriptionRequested { subscription, .. } => Some(*subscription),
            _ => None,
        });
        desk.core.accept_subscription(desk.now, found.unwrap(), None).unwrap();
        desk.drain();
        let tag = desk.last("200").message.callee_tag();
        let ours = desk.core.subscribe(desk.now, "sip:peer@192.0.2.9", "presence", SECOND * 600).unwrap();
        desk.drain();
        let sent = desk.last("SUBSCRIBE").message;
        let lines = "Expires: 600\r\nContact: <sip:peer@192.0.2.9>\r\n";
        desk.feed(respond(&sent, 200, "far", lines, ""));
        crowded(&mut desk, share);
        desk.feed(subscribe.cseq(2).branch("refresh").callee_tag(&tag).header("Expires: 90").text());
        assert_eq!(desk.codes(), ["200"], "a refresh of theirs");
        let notify = Request::new("NOTIFY").call_id(sent.header("Call-ID")).caller_tag("far");
        let notify = notify.callee_tag(&sent.caller_tag()).branch("notify").header("Event: presence");
        desk.feed(notify.header("Subscription-State: active").text());
        assert_eq!(desk.codes(), ["200"], "news of {ours}");
    }
}

/// SUBSCRIBEs of one address, each accepted: how many were taken.
fn subscriptions(desk: &mut Desk, from: &str, count: usize) -> usize {
    let from = SocketAddr::new(from.parse().unwrap(), 5060);
    for n in 0..count {
        let name = format!("s-{from}-{n}").replace([':', '[', ']'], "-");
        let request = Request::new("SUBSCRIBE").call_id(&name).branch(&name).header("Event: dialog");
        desk.feed_from(from, request.header("Expires: 3600").text());
        let asked = desk.events.drain(..).find_map(|event| match event {
            Event::SubscriptionRequested { subscription, .. } => Some(subscription),
            _ => None,
        });
        if let Some(asked) = asked {
            desk.core.accept_subscription(desk.now, asked, None).unwrap();
            desk.drain();
        }
        let confirmed = desk.news().into_iter().filter(|sent| sent.message.code() == "NOTIFY");
        for notify in confirmed {
            desk.feed_from(from, respond(&notify.message, 200, "", "", ""));
        }
    }
    desk.core.registry().subscription_ids().len()
}

/// A subscription costs its peer one request an hour: without a share one address has them all.
#[test]
fn one_source_has_its_share_of_the_subscriptions() {
    let mut config = telephone_config();
    config.event_packages.push("dialog".into());
    config.limits.subscriptions_max = 100;
    let mut desk = Desk::with(config);
    assert_eq!(subscriptions(&mut desk, "192.0.2.66", 120), 25);
    assert_eq!(desk.last("503").message.header("Retry-After"), "5");
    assert_eq!(subscriptions(&mut desk, "::ffff:192.0.2.66", 5), 25, "its IPv6 form is the same address");
    assert_eq!(subscriptions(&mut desk, "192.0.2.67", 10), 35, "another source is not concerned");
    desk.core.subscribe(desk.now, "sip:peer@192.0.2.9", "presence", SECOND * 600).unwrap();
    assert_eq!(subscriptions(&mut desk, "192.0.2.77", 200), 100, "a trusted one has all that is left");
    // What is over is given back, be it refused, ended by either side, or not renewed.
    desk.run_for(SECOND * 3_700);
    for notify in desk.news() {
        desk.feed_from(notify.path.remote, respond(&notify.message, 200, "", "", ""));
    }
    desk.run_for(GIVE_UP + GIVE_UP);
    assert_eq!(desk.core.registry().subscription_ids().len(), 0);
    assert_eq!(subscriptions(&mut desk, "192.0.2.66", 120), 25);
}

/// What a peer makes us ask counts in its share as what it asks: each of its reliable provisional responses wants a PRACK, and nobody has to
/// answer that.
#[test]
fn the_pracks_that_a_callee_makes_us_send_are_in_its_share() {
    let mut config = telephone_config();
    config.reliable = Reliable::Supported;
    let mut desk = Desk::with(config);
    desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    for rseq in 1..2_000 {
        let contact = format!("Contact: <sip:x@192.0.2.{}>\r\n", rseq % 200 + 10);
        let lines = format!("{contact}Require: 100rel\r\nRSeq: {rseq}\r\n");
        desk.feed(respond(&invite, 180, "far", &lines, ""));
    }
    let kept = desk.core.transactions().len();
    assert!((SHARE..SHARE + 10).contains(&kept), "{kept}");
    let other = Request::new("INVITE").call_id("z").branch("z").sdp(SDP);
    desk.feed_from("192.0.2.67:5060".parse().unwrap(), other.text());
    assert_eq!(desk.last("180").to(), "192.0.2.67:5060", "another source is not concerned");
}

/// The same of the reports that each REFER wants, whatever the application says to it.
#[test]
fn the_reports_that_a_peer_makes_us_send_are_in_its_share() {
    let mut desk = telephone();
    let invite = Request::new("INVITE").sdp(SDP);
    let (session, tag) = desk.up(&invite);
    for n in 0..1_000 {
        let refer = invite.again("REFER").cseq(2 + n).branch(&format!("r{n}")).callee_tag(&tag);
        desk.feed(refer.header("Refer-To: <sip:carol@192.0.2.5>").text());
        if desk.core.reject_transfer(desk.now, session, 603).is_ok() {
            desk.drain();
        }
    }
    let kept = desk.core.transactions().len();
    assert!((SHARE..SHARE + 80).contains(&kept), "{kept}");
    desk.feed(invite.again("BYE").cseq(2_000).branch("bye").callee_tag(&tag).text());
    assert_eq!(desk.codes().last().map(String::as_str), Some("200"), "it may end all the same");
}

/// A call in which somebody asks to be transferred and hangs up, before anybody has decided about it.
fn leaves_a_transfer(desk: &mut Desk, from: &str, name: &str) -> SessionId {
    let from = SocketAddr::new(from.parse().unwrap(), 5060);
    let invite = Request::new("INVITE").call_id(name).branch(&format!("{name}-1")).sdp(SDP);
    desk.feed_from(from, invite.text());
    let session = desk.incoming();
    desk.answer(session);
    let tag = desk.last("200").message.callee_tag();
    desk.feed_from(from, invite.again("ACK").branch(&format!("{name}-2")).callee_tag(&tag).text());
    let refer = invite.again("REFER").cseq(2).branch(&format!("{name}-3")).callee_tag(&tag);
    desk.feed_from(from, refer.header("Refer-To: <sip:c@192.0.2.9>").text());
    assert_eq!(desk.last("202").message.code(), "202");
    let bye = invite.again("BYE").cseq(3).branch(&format!("{name}-4")).callee_tag(&tag);
    desk.feed_from(from, bye.text());
    assert_eq!(desk.last("200").message.code(), "200");
    session
}

#[test]
fn whoever_leaves_many_transfers_behind_makes_room_for_its_own() {
    let mut desk = Desk::new();
    let honest = leaves_a_transfer(&mut desk, "192.0.2.67", "honest");
    let many: Vec<_> =
        (0..70).map(|n| leaves_a_transfer(&mut desk, "192.0.2.66", &format!("n{n}"))).collect();
    desk.core.accept_transfer(desk.now, honest).unwrap();
    assert!(desk.core.accept_transfer(desk.now, many[0]).is_err(), "the oldest of whoever has most");
    desk.core.accept_transfer(desk.now, many[69]).unwrap();
}
