//! Too much (RFC 3261 section 21.5.4): 503, answers that keep nothing, storms, forged sources.

use super::*;

// 503: too much.

fn overloaded(answer: &Message) {
    assert_eq!(answer.code(), "503");
    let seconds: u32 = answer.header("Retry-After").parse().unwrap();
    assert!(seconds > 0);
}

/// RFC 3261 section 21.5.4.
#[test]
fn above_the_limit_of_sessions_it_is_503() {
    let mut config = CoordinatorConfig::default();
    config.limits.sessions_max = 2;
    let mut desk = Desk::with(config);
    for name in ["a", "b"] {
        desk.feed(Request::new("INVITE").call_id(name).branch(name).sdp(SDP).text());
        assert_eq!(desk.codes(), ["180"]);
    }
    overloaded(&refused_by(&mut desk, &Request::new("INVITE").call_id("c").branch("c").sdp(SDP).text()));
    let error = desk.invite(InviteParams::new("sip:peer@192.0.2.9")).unwrap_err();
    assert_eq!(error, CommandError::Full { limit: 2 });
    assert_eq!(desk.codes(), [""; 0]);
    // A place that gets free is taken again.
    let session = desk.incoming();
    desk.reject(session, 486);
    desk.news();
    desk.feed(Request::new("INVITE").call_id("d").branch("d").sdp(SDP).text());
    assert_eq!(desk.codes(), ["180"]);
}

#[test]
fn no_share_holds_for_a_trusted_source() {
    let mut config = CoordinatorConfig::default();
    config.limits.half_open_per_source_max = 1;
    config.trusted_sources.push("192.0.2.8/31".parse().unwrap());
    let mut desk = Desk::with(config);
    let mut names = 0..;
    let mut call = |desk: &mut Desk, from: &str| {
        let name = names.next().unwrap().to_string();
        let via = format!("Via: SIP/2.0/UDP {from};branch=z9hG4bK{name};rport\r\n");
        desk.feed_from(
            format!("{from}:5060").parse().unwrap(),
            Request::new("INVITE").call_id(&name).branch(&name).via(&via).sdp(SDP).text(),
        );
        desk.codes()
    };
    for _ in 0..5 {
        assert_eq!(call(&mut desk, "192.0.2.9"), ["180"], "it is of the network that the settings name");
    }
    let (stranger, now) = ("192.0.2.10".parse().unwrap(), desk.now);
    assert_eq!([call(&mut desk, "192.0.2.10"), call(&mut desk, "192.0.2.10")], [["180"], ["503"]]);
    desk.core.trust_source(now, stranger).unwrap();
    desk.core.trust_source(now, stranger).unwrap();
    desk.core.distrust_source(now, stranger);
    assert_eq!([call(&mut desk, "192.0.2.10"), call(&mut desk, "192.0.2.10")], [["180"], ["180"]]);
    desk.core.distrust_source(now, stranger);
    assert_eq!(call(&mut desk, "192.0.2.10"), ["503"]);
}

#[test]
fn trusted_sources_are_bounded() {
    let mut config = CoordinatorConfig::default();
    config.limits.trusted_sources_max = 1;
    config.trusted_sources = vec!["192.0.2.8".parse().unwrap(), "192.0.2.9".parse().unwrap()];
    assert!(config.check().is_err(), "more than the limits allow");
    config.trusted_sources.pop();
    assert_eq!(config.check(), Ok(()));
    let mut desk = Desk::with(config);
    let now = desk.now;
    assert_eq!(desk.core.trust_source(now, "192.0.2.10".parse().unwrap()), Ok(()));
    let one_more = desk.core.trust_source(now, "192.0.2.11".parse().unwrap());
    assert_eq!(one_more, Err(CommandError::Full { limit: 1 }));
    assert!(!desk.core.is_trusted("192.0.2.11".parse().unwrap()));
}

#[test]
fn so_many_names_are_looked_up_at_a_time() {
    let mut config = CoordinatorConfig::default();
    config.limits.lookups_waiting_max = 40;
    let mut desk = Desk::with(config);
    for n in 0..104 {
        desk.call(&format!("sip:a@host{n}.example"));
    }
    assert_eq!(desk.asked.len(), 64, "the rest waits");
    assert!(desk.told().is_empty());
    desk.call("sip:a@host104.example");
    assert_eq!(desk.told(), ["ended NameFailure"], "and there is an end to that");
    assert_eq!(desk.core.counters().get(Counter::LookupsRefused), 1);
    desk.call("sip:a@192.0.2.9");
    assert_eq!(desk.codes(), ["INVITE"], "an address is no name");
    for n in 64..104 {
        desk.name_failed();
        assert_eq!(
            (desk.asked.len(), &*desk.asked[63].1.host),
            (64, &*format!("host{n}.example")),
            "in their order"
        );
    }
    for left in (0..64).rev() {
        desk.name_found("192.0.2.9:5060");
        assert_eq!(desk.asked.len(), left);
    }
}

#[test]
fn one_source_causes_no_more_than_its_share_of_lookups() {
    let mut config = CoordinatorConfig::default();
    config.limits.lookups_max = 8;
    config.limits.lookups_waiting_max = 16;
    let mut desk = Desk::with(config);
    // Each call wants its BYE at a name.
    let hang_up = |desk: &mut Desk, from: &str, name: &str| {
        let via = format!("Via: SIP/2.0/UDP {from};branch=z9hG4bK{name};rport\r\n");
        let invite = Request::new("INVITE").call_id(name).branch(name).via(&via);
        let invite = invite.contact(&format!("<sip:x@{name}.example>"));
        let from = format!("{from}:5060").parse().unwrap();
        desk.feed_from(from, invite.clone().sdp(SDP).text());
        let session = desk.incoming();
        desk.answer(session);
        let tag = desk.last("200").message.callee_tag();
        desk.feed_from(from, invite.again("ACK").callee_tag(&tag).branch("ack").text());
        desk.hangup(session);
    };
    for n in 0..10 {
        hang_up(&mut desk, "192.0.2.66", &format!("slow{n}"));
    }
    assert_eq!(desk.asked.len(), 2, "a quarter of those that are asked");
    hang_up(&mut desk, "192.0.2.10", "honest");
    assert_eq!((desk.asked.len(), &*desk.asked[2].1.host), (3, "honest.example"), "it goes first");
    assert_eq!(desk.core.counters().get(Counter::LookupsRefused), 6, "and a quarter of those that wait");
    for _ in 0..3 {
        desk.name_failed();
    }
    assert_eq!(desk.asked.len(), 2);
}

/// It has that share whatever its Contacts said before.
#[test]
fn who_causes_a_lookup_is_where_the_dialog_began() {
    let mut config = CoordinatorConfig::default();
    config.limits.lookups_max = 8;
    config.limits.lookups_waiting_max = 16;
    let mut desk = Desk::with(config);
    for n in 0..5 {
        let (name, elsewhere) = (format!("n{n}"), format!("<sip:x@198.51.100.{n}>"));
        let invite = Request::new("INVITE").call_id(&name).branch(&name).sdp(SDP);
        let (session, tag) = desk.up(&invite.clone().contact(&elsewhere));
        desk.core.info(desk.now, session, "text/plain", b"x").unwrap();
        desk.drain();
        let info = desk.last("INFO");
        assert_eq!(info.to(), format!("198.51.100.{n}:5060"));
        desk.feed(respond(&info.message, 200, "", "", ""));
        let moved =
            invite.again("INVITE").cseq(2).callee_tag(&tag).contact(&format!("<sip:x@{name}.example>"));
        desk.feed(moved.clone().branch(&format!("{name}-m")).sdp(SDP).text());
        desk.feed(moved.again("ACK").cseq(2).callee_tag(&tag).branch(&format!("{name}-a")).text());
        desk.hangup(session);
    }
    assert_eq!(desk.asked.len(), 2, "a quarter of those that are asked");
}

#[test]
fn one_source_may_have_only_so_many_calls_in_setup() {
    let mut config = CoordinatorConfig::default();
    config.limits.half_open_per_source_max = 2;
    let mut desk = Desk::with(config);
    let invite = |name: &str| Request::new("INVITE").call_id(name).branch(name).sdp(SDP);
    desk.feed(invite("a").text());
    desk.feed(invite("b").text());
    assert_eq!(desk.codes(), ["180", "180"]);
    overloaded(&refused_by(&mut desk, &invite("c").text()));
    // Other ports of the same host share its part; other hosts have their own.
    let via = |host: &str| format!("Via: SIP/2.0/UDP {host};branch=z9hG4bKd;rport\r\n");
    desk.feed_from("192.0.2.9:9999".parse().unwrap(), invite("d").via(&via("192.0.2.9:9999")).text());
    assert_eq!(desk.codes(), ["503"]);
    desk.feed_from("192.0.2.10:5060".parse().unwrap(), invite("e").via(&via("192.0.2.10")).text());
    assert_eq!(desk.codes(), ["180"]);
    // An answered call is in set-up until its ACK proves that somebody is there.
    let sessions = desk.core.registry().ids();
    desk.answer(sessions[0]);
    let tag = desk.only().message.callee_tag();
    overloaded(&refused_by(&mut desk, &invite("f").text()));
    desk.feed(invite("a").again("ACK").callee_tag(&tag).branch("ack").text());
    desk.feed(invite("f2").text());
    assert_eq!(desk.codes(), ["180"]);
    overloaded(&refused_by(&mut desk, &invite("g").text()));
    // Nor is one that was refused or cancelled.
    desk.reject(sessions[1], 603);
    desk.news();
    desk.feed(invite("h").text());
    assert_eq!(desk.codes(), ["180"]);
    desk.feed(invite("h").again("CANCEL").text());
    assert_eq!(desk.codes(), ["200", "487"]);
    desk.feed(invite("i").text());
    assert_eq!(desk.codes(), ["180"]);
}

#[test]
fn without_media_ports_it_is_503() {
    let mut desk = Desk::with_ports(1);
    desk.feed(Request::new("INVITE").call_id("a").branch("a").sdp(SDP).text());
    // A call that only rings has no port yet.
    desk.answer(desk.incoming());
    assert_eq!(desk.codes(), ["180", "200"]);
    overloaded(&refused_by(&mut desk, &Request::new("INVITE").call_id("b").branch("b").sdp(SDP).text()));
    let error = desk.invite(InviteParams::new("sip:peer@192.0.2.9")).unwrap_err();
    assert_eq!(error, CommandError::NoMediaPort);
    assert_eq!(desk.core.registry().len(), 1);
    // Once there are ports again, calls come in again.
    desk.ports_left = 10;
    desk.feed(Request::new("INVITE").call_id("c").branch("c").sdp(SDP).text());
    desk.feed(Request::new("INVITE").call_id("d").branch("d").sdp(SDP).text());
    assert_eq!(desk.codes().last().unwrap(), "180");
}

#[test]
fn without_room_for_a_transaction_it_is_a_stateless_503() {
    let mut config = CoordinatorConfig::default();
    config.limits.transactions_max = 8;
    config.messages = true;
    let message = |n: u32| Request::new("MESSAGE").branch(&format!("b{n}")).call_id(&format!("c{n}")).text();
    let mut desk = Desk::with(config);
    for n in 0..7 {
        desk.feed(message(n));
    }
    assert_eq!(desk.codes(), ["200"; 7]);
    for n in 7..20 {
        let text = message(n);
        assert_eq!(refused_by(&mut desk, &text).code(), "503");
    }
    assert_eq!(desk.core.transactions().len(), 7, "nothing is kept of them");
    desk.run_for(GIVE_UP);
    desk.feed(message(20));
    assert_eq!(desk.codes(), ["200"]);
}

#[test]
fn when_shutting_down_new_calls_get_503() {
    let mut desk = Desk::new();
    desk.core.shutdown(desk.now);
    desk.drain();
    assert_eq!(refused(&Request::new("INVITE").text().replace("INVITE", "OPTIONS")).code(), "200");
    assert_eq!(refused_by(&mut desk, &Request::new("INVITE").sdp(SDP).text()).code(), "503");
    let error = desk.invite(InviteParams::new("sip:peer@192.0.2.9")).unwrap_err();
    assert_eq!(error, CommandError::ShuttingDown);
}

// Answers that keep nothing.

#[test]
fn malformed_requests_leave_nothing_behind() {
    let mut desk = Desk::new();
    let text = Request::new("INVITE").sdp(SDP).text().replace("CSeq: 1 ", "CSeq: one ");
    for _ in 0..100 {
        assert_eq!(refused_by(&mut desk, &text).code(), "400", "each copy is answered anew");
    }
    assert!(desk.core.is_idle());
    assert_eq!(desk.core.poll_timeout(), None, "no timer runs");
    assert_eq!(desk.core.counters().get(Counter::BadRequest), 100);
}

#[test]
fn a_refused_invite_is_gone_when_its_ack_has_come() {
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(SDP_NO_CODEC);
    desk.feed(invite.text());
    assert_eq!(desk.only().message.code(), "488");
    desk.feed(invite.again("ACK").text());
    desk.run_for(6 * SECOND);
    assert_eq!(desk.codes(), [""; 0]);
    assert!(desk.core.is_idle());
}

// An ACK is never answered (section 17).

#[test]
fn no_ack_is_ever_answered() {
    let good = Request::new("ACK").text();
    let acks = [
        good.clone(),
        Request::new("ACK").callee_tag("nobody").text(),
        Request::new("ACK").uri("tel:1").text(),
        Request::new("ACK").header("Require: x").text(),
        Request::new("ACK").body("text/plain", "x").text(),
        good.replace("CSeq: 1 ACK", "CSeq: one ACK"),
        good.replace("CSeq: 1 ACK", "CSeq: 1 INVITE"),
        good.replace("Content-Length: 0", "Content-Length: 9"),
        good.replace("Content-Length: 0", "Content-Length: -1"),
        good.replace("192.0.2.1 SIP/2.0", "192.0.2.1 SIP/3.0"),
        good.replace("Call-ID: call\r\n", ""),
        good.replace("To: <sip:offhook@192.0.2.1>\r\n", ""),
        good.replace("ACK sip:offhook@192.0.2.1 SIP/2.0", "ACK SIP/2.0"),
        good.replace("ACK sip:offhook@192.0.2.1 SIP/2.0", "ACK  sip:offhook@192.0.2.1 SIP/2.0"),
    ];
    for text in acks {
        dropped(text);
    }
}

// No response is ever answered, and none makes a session.

#[test]
fn stray_responses_are_dropped_and_counted() {
    let mut desk = Desk::new();
    let request = Message::new(Request::new("INVITE").text().as_bytes());
    for n in 0..1_000_u16 {
        desk.feed(respond(&request, 100 + n % 600, "x", "Contact: <sip:peer@192.0.2.9>\r\n", SDP));
    }
    assert_eq!(desk.codes(), [""; 0]);
    assert!(desk.core.is_idle());
    assert_eq!(desk.core.counters().get(Counter::StrayResponse), 1_000);
}

#[test]
fn a_storm_of_responses_to_one_invite_makes_one_call() {
    let mut desk = Desk::new();
    desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    let contact = "Contact: <sip:peer@192.0.2.9>\r\n";
    for _ in 0..500 {
        desk.feed(respond(&invite, 180, "peer", contact, ""));
        desk.feed(respond(&invite, 100, "", "", ""));
    }
    assert_eq!(desk.codes(), [""; 0], "a provisional response is not answered");
    assert_eq!(desk.core.registry().dialogs_len(), 1);
    for _ in 0..500 {
        desk.feed(respond(&invite, 200, "peer", contact, SDP));
    }
    let acks = desk.news();
    assert!(acks.iter().all(|sent| sent.message == acks[0].message), "the same ACK for each");
    assert_eq!(acks.len(), 500);
    assert_eq!(desk.core.registry().dialogs_len(), 1);
    assert_eq!(desk.told().iter().filter(|told| *told == "answered").count(), 1);
}

/// Whoever forges responses with ever new tags cannot make us remember them all, nor keep our call from being taken.
#[test]
fn a_storm_of_forks_is_bounded() {
    let mut desk = Desk::new();
    let session = desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    let contact = "Contact: <sip:peer@192.0.2.9>\r\n";
    for n in 0..1_000 {
        desk.feed(respond(&invite, 180, &format!("fork{n}"), contact, ""));
    }
    assert!(desk.core.registry().dialogs_len() <= 16, "{} early dialogs", desk.core.registry().dialogs_len());
    assert_eq!(desk.codes(), [""; 0]);
    desk.feed(respond(&invite, 200, "fork900", contact, SDP));
    assert_eq!(desk.codes(), ["ACK"], "a 2xx is always acknowledged (section 13.2.2.4)");
    assert_eq!(desk.told().last().unwrap(), "answered");
    desk.hangup(session);
    let bye = desk.only().message;
    assert_eq!(bye.callee_tag(), "fork900");
    desk.feed(respond(&bye, 200, "", "", ""));
    desk.assert_all_gone();
}

#[test]
fn a_response_must_come_back_along_our_via_alone() {
    let mut desk = Desk::new();
    desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    let ok = respond(&invite, 200, "peer", "Contact: <sip:peer@192.0.2.9>\r\n", SDP);
    let two = ok.replacen("Via:", "Via: SIP/2.0/UDP 192.0.2.200;branch=z9hG4bKx\r\nVia:", 1);
    desk.feed(two);
    let more = ok.replacen("From:", "Via: SIP/2.0/UDP 192.0.2.200;branch=z9hG4bKx\r\nFrom:", 1);
    desk.feed(more);
    let other = ok.replace(&invite.branch(), "z9hG4bKsomethingelse");
    desk.feed(other);
    let bye = ok.replace("INVITE\r\n", "BYE\r\n");
    desk.feed(bye);
    assert_eq!(desk.codes(), [""; 0], "section 18.1.2");
    assert!(desk.told().is_empty());
}

/// The transaction matches by branch, but the call is not the one that we made.
#[test]
fn a_response_with_our_branch_but_another_call_makes_no_dialog() {
    let mut desk = Desk::new();
    desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    let ok = respond(&invite, 200, "peer", "Contact: <sip:peer@192.0.2.9>\r\n", SDP);
    for wrong in
        [ok.replace(invite.header("Call-ID"), "another"), ok.replace(&invite.caller_tag(), "another")]
    {
        desk.feed(wrong);
        assert_eq!(desk.codes(), [""; 0]);
        assert!(desk.told().is_empty(), "{:?}", desk.told());
    }
    desk.feed(ok);
    assert_eq!(desk.codes(), ["ACK"]);
}

// Amplification: who forges a source must not gain by it.

#[test]
fn an_answer_is_hardly_larger_than_the_request() {
    let small = |method: &str| {
        format!(
            "{method} sip:a@b SIP/2.0\r\nv:SIP/2.0/UDP c;branch=z9hG4bKd\r\nf:<sip:a@b>;tag=c\r\nt:<sip:a@b>\r\n\
             i:c\r\nCSeq:1 {method}\r\nm:<sip:a@b>\r\n\r\n"
        )
    };
    let mut requests: Vec<String> =
        ["INVITE", "BYE", "CANCEL", "OPTIONS", "REGISTER", "NOBODY"].map(small).into();
    requests.push(small("OPTIONS").replace("SIP/2.0\r\nv", "SIP/9.0\r\nv"));
    requests.push(small("OPTIONS").replace("CSeq:1", "CSeq:x"));
    requests.push(small("INVITE").replace("sip:a@b SIP", "urn:1 SIP"));
    requests.push(small("INVITE").replace("m:", "Require:x\r\nm:"));
    requests.push("X y SIP/2.0\r\n\r\n".into());
    requests.push("X y SIP/2.0\r\nv:\r\n\r\n".into());
    for request in requests {
        let mut desk = Desk::new();
        desk.feed(&request);
        desk.run_for(ms(250));
        let news = desk.news();
        assert!(news.len() <= 1, "{} answers to {request}", news.len());
        for sent in news {
            let extra = sent.message.bytes.len().saturating_sub(request.len());
            assert!(extra <= 280, "{extra} octets more than\n{request}\n{:?}", sent.message);
        }
    }
}

/// A request is answered where it came from, whatever it says of itself; only the port is its own choice.
#[test]
fn answers_go_to_the_source_and_nowhere_else() {
    let vias = [
        ("203.0.113.5:7000", "192.0.2.9:7000"),
        ("203.0.113.5", "192.0.2.9:5060"),
        ("203.0.113.5;maddr=203.0.113.6", "192.0.2.9:5060"),
        ("203.0.113.5;received=203.0.113.6", "192.0.2.9:5060"),
        ("203.0.113.5:7000;rport", "192.0.2.9:6000"),
        ("203.0.113.5:7000;rport=8000;received=203.0.113.6", "192.0.2.9:6000"),
    ];
    for (via, expected) in vias {
        let mut desk = Desk::new();
        let via = format!("Via: SIP/2.0/UDP {via};branch=z9hG4bKone\r\n");
        desk.feed_from("192.0.2.9:6000".parse().unwrap(), Request::new("OPTIONS").via(&via).text());
        let answer = desk.only();
        assert_eq!(answer.to(), expected, "{via}");
        assert!(answer.message.all("Via")[0].contains(";received=192.0.2.9"), "{:?}", answer.message);
    }
}
