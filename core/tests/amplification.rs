//! What a forged request makes us send to somebody who never asked: the whole of it, to the end of 64·T1 and beyond, against
//! what came. `amplification.md` is printed from here.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use offhook_core::base::ids::SessionId;
use offhook_core::base::time::Instant;
use offhook_core::coordinator::{CoordinatorConfig, Event, UnifiedCoordinator};
use offhook_core::signaling::{Deferral, InviteDetails, SessionCommands, SignalingDecision};
use support::{Desk, SDP, SDP_NO_CODEC, SECOND};

/// What our application does with a call or a subscription.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    RefusesAtOnce,
    RefusesLater,
    Rings,
    SendsEarlyMedia,
    Answers,
    RingsAndAnswers,
}

struct Forged {
    kind: &'static str,
    text: String,
    does: Does,
    /// Whether what comes of it is a refusal and nothing else.
    refusal: bool,
}

/// A request of somebody who says that he is another.
fn request(method: &str, uri: &str, lines: &str, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.66:5060;branch=z9hG4bK-524287-1---7af09b2;rport\r\n\
         Max-Forwards: 70\r\nFrom: \"Somebody\" <sip:somebody@192.0.2.66>;tag=7a9f01c2\r\nTo: <sip:alice@192.0.2.1>\r\n\
         Call-ID: 8a9fa1c7-33b1@192.0.2.66\r\nCSeq: 1 {method}\r\nContact: <sip:somebody@192.0.2.66:5060>\r\n\
         User-Agent: Telephone 1.0\r\n{lines}{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// As short as one can be.
fn short(method: &str, lines: &str, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "c:application/sdp\r\n" };
    format!(
        "{method} sip:a SIP/2.0\r\nv:SIP/2.0/UDP a;rport;branch=z9hG4bK1\r\nf:<sip:a>;tag=1\r\nt:<sip:a>\r\ni:1\r\n\
         CSeq:1 {method}\r\nm:<sip:a@192.0.2.66>\r\n{lines}{kind}l:{}\r\n\r\n{body}",
        body.len()
    )
}

const OURS: &str = "sip:alice@192.0.2.1";

fn all() -> Vec<Forged> {
    use Does::{Answers, RefusesAtOnce, RefusesLater, Rings, RingsAndAnswers, SendsEarlyMedia};
    let tagged =
        |text: String| text.replace("To: <sip:alice@192.0.2.1>", "To: <sip:alice@192.0.2.1>;tag=nobody");
    let (answer, refusal) = (false, true);
    let mut all = Vec::new();
    let mut add = |kind, text, does, refusal| all.push(Forged { kind, text, does, refusal });
    add("OPTIONS", request("OPTIONS", OURS, "", ""), Answers, answer);
    add("OPTIONS, short", short("OPTIONS", "", ""), Answers, answer);
    add("MESSAGE", request("MESSAGE", OURS, "", ""), Answers, answer);
    add("a method that nobody knows, 501", request("FETCH", OURS, "", ""), Rings, refusal);
    add("a method that nobody knows, short", short("X", "", ""), Rings, refusal);
    add("PUBLISH, 405", request("PUBLISH", OURS, "", ""), Rings, refusal);
    add("BYE of no call, 481", tagged(request("BYE", OURS, "", "")), Rings, refusal);
    add("CANCEL of no call, 481", request("CANCEL", OURS, "", ""), Rings, refusal);
    add("SUBSCRIBE, 489", request("SUBSCRIBE", OURS, "Event: winfo\r\n", ""), Rings, refusal);
    add("SUBSCRIBE, accepted", request("SUBSCRIBE", OURS, "Event: dialog\r\n", ""), Answers, answer);
    add(
        "without CSeq, 400",
        request("OPTIONS", OURS, "", "").replace("CSeq: 1 OPTIONS\r\n", ""),
        Rings,
        refusal,
    );
    add("INVITE to sips, 416", request("INVITE", "sips:alice@192.0.2.1", "", SDP), Rings, refusal);
    add("INVITE with Require, 420", request("INVITE", OURS, "Require: nothing\r\n", SDP), Rings, refusal);
    add("INVITE without common codec, 488", request("INVITE", OURS, "", SDP_NO_CODEC), Rings, refusal);
    add("INVITE, 486 at once", request("INVITE", OURS, "", SDP), RefusesAtOnce, refusal);
    add("INVITE, 180 and 486", request("INVITE", OURS, "", SDP), RefusesLater, refusal);
    // What comes before the refusal is an answer.
    add("INVITE, short, 180 and 486", short("INVITE", "", ""), RefusesLater, answer);
    add("INVITE, 180, and nobody decides", request("INVITE", OURS, "", SDP), Rings, answer);
    add(
        "INVITE, 183 reliably",
        request("INVITE", OURS, "Supported: 100rel\r\n", SDP),
        SendsEarlyMedia,
        answer,
    );
    add(
        "INVITE, 180 with an offer reliably",
        request("INVITE", OURS, "Require: 100rel\r\n", ""),
        Rings,
        answer,
    );
    add("INVITE, 200", request("INVITE", OURS, "", SDP), Answers, answer);
    add("INVITE, 180 and 200", request("INVITE", OURS, "", SDP), RingsAndAnswers, answer);
    add("INVITE without offer, 180 and 200", request("INVITE", OURS, "", ""), RingsAndAnswers, answer);
    add("INVITE, short, 180 and 200", short("INVITE", "", ""), RingsAndAnswers, answer);
    add("INVITE, short, 183 reliably", short("INVITE", "k:100rel\r\n", SDP), SendsEarlyMedia, answer);
    all
}

/// Our side, whose application does this.
fn desk(config: CoordinatorConfig, does: Does) -> Desk {
    Desk::with_handler(config, move |_: &InviteDetails| match does {
        Does::RefusesAtOnce => SignalingDecision::Reject(486),
        Does::Answers => SignalingDecision::Custom(Box::new(|call: &mut dyn SessionCommands| {
            call.answer().unwrap();
        })),
        Does::SendsEarlyMedia => SignalingDecision::Defer(Deferral::default()),
        _ => SignalingDecision::Accept,
    })
}

fn somebody() -> SocketAddr {
    "192.0.2.66:5060".parse().unwrap()
}

/// What our application does once it has heard of the request.
fn act(desk: &mut Desk, does: Does) {
    let subscription = desk.events.iter().find_map(|event| match event {
        Event::SubscriptionRequested { subscription, .. } => Some(*subscription),
        _ => None,
    });
    if let Some(id) = subscription {
        let told = Some(("application/dialog-info+xml", &b"<dialog-info version=\"1\" state=\"full\"/>"[..]));
        desk.core.accept_subscription(desk.now, id, told).unwrap();
        desk.drain();
    }
    if !desk.events.iter().any(|event| matches!(event, Event::Incoming { .. })) {
        return;
    }
    let session = desk.incoming();
    type Command = fn(&mut UnifiedCoordinator, Instant, SessionId) -> bool;
    let command: Command = match does {
        Does::SendsEarlyMedia => |core, now, id| core.progress(now, id, true).is_ok(),
        Does::RefusesLater => |core, now, id| core.reject(now, id, 486).is_ok(),
        Does::RingsAndAnswers => |core, now, id| core.answer(now, id).is_ok(),
        _ => return,
    };
    if does != Does::SendsEarlyMedia {
        desk.run_for(SECOND);
    }
    assert!(command(&mut desk.core, desk.now, session));
    desk.drain();
}

/// What came and what went out for it.
struct Measured {
    octets_in: usize,
    octets_out: usize,
    messages: usize,
    /// Messages that have not gone out before.
    first: usize,
}

impl Measured {
    fn factor(&self) -> f64 {
        self.octets_out as f64 / self.octets_in as f64
    }
}

/// What goes out to the end of everything, the request coming so often.
fn measure(forged: &Forged, copies: u32) -> Measured {
    let mut config = CoordinatorConfig::default();
    config.event_packages = vec!["dialog".into()];
    config.messages = true;
    let mut desk = desk(config, forged.does);
    desk.feed_from(somebody(), &forged.text);
    act(&mut desk, forged.does);
    for _ in 1..copies {
        desk.run_for(Duration::from_millis(700));
        desk.feed_from(somebody(), &forged.text);
    }
    // 64·T1 for the response, as long again for what ends the call, and the patience of a callee.
    desk.run_for(300 * SECOND);
    desk.assert_all_gone();
    assert!(desk.sent.iter().all(|sent| sent.path.remote == somebody()));
    Measured {
        octets_in: forged.text.len() * copies as usize,
        octets_out: desk.sent.iter().map(|sent| sent.message.bytes.len()).sum(),
        messages: desk.sent.len(),
        first: desk.sent.iter().map(|sent| &sent.message.bytes).collect::<BTreeSet<_>>().len(),
    }
}

#[test]
fn whatever_is_forged_nobody_gets_much_more_than_was_sent() {
    let mut page = String::from(
        "# What a forged request makes us send\n\n\
         Octets of SIP to an address that proves nothing, all that is ever sent: to the end of 64·T1, of the call and of the \
         BYE. Below 3 times what came for refusals, below 6 for all else; 8 copies of the request make room for more. A request of \
         less than 300 octets can get more than that, but nothing twice. Audio has its own bound: see `core/src/media/proof.rs`. Printed by `core/tests/amplification.rs`.\n\n\
         | request | comes of it | octets in | messages out | octets out | factor | factor of 8 copies |\n\
         |---|---|---:|---:|---:|---:|---:|\n",
    );
    for forged in all() {
        let (one, eight) = (measure(&forged, 1), measure(&forged, 8));
        let most = if forged.refusal { 3.0 } else { 6.0 };
        assert!(one.messages > 0, "{}", forged.kind);
        // What is said once is inherent in a short request; what is repeated is not.
        let said_once = one.octets_in < 300 && one.messages == one.first;
        let (first, often) = (one.factor(), eight.factor());
        assert!(first <= most || said_once, "{}: {first} times", forged.kind);
        assert!(often <= most, "{}: {often} times with copies", forged.kind);
        let outcome = if forged.refusal { "refusal" } else { "answer" };
        writeln!(
            page,
            "| {} | {outcome} | {} | {} | {} | {first:.1} | {often:.1} |",
            forged.kind, one.octets_in, one.messages, one.octets_out
        )
        .unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/transaction/amplification.md");
    if std::env::var_os("OFFHOOK_WRITE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == page, "amplification.md is stale; `OFFHOOK_WRITE=1` writes it anew:\n{page}");
}

/// Whoever shows that he has our tag is sent what he may have missed, to the end.
#[test]
fn whoever_proves_that_he_is_there_is_told_as_often_as_it_takes() {
    let repeats = |proves: bool, trusted: bool| {
        let mut config = CoordinatorConfig::default();
        if trusted {
            config.trusted_sources.push("192.0.2.0/24".parse().unwrap());
        }
        let mut desk = desk(config, Does::SendsEarlyMedia);
        desk.feed_from(somebody(), request("INVITE", OURS, "Supported: 100rel\r\n", SDP));
        act(&mut desk, Does::SendsEarlyMedia);
        let progress = desk.last("183").message;
        if proves {
            let prack =
                request("PRACK", OURS, &format!("RAck: {} 1 INVITE\r\n", progress.header("RSeq")), "")
                    .replace("To: <sip:alice@192.0.2.1>", &format!("To: {}", progress.header("To")))
                    .replace("CSeq: 1 ", "CSeq: 2 ")
                    .replace("-7af09b2", "-prack");
            desk.feed_from(somebody(), prack);
        }
        desk.answer(desk.incoming());
        desk.run_for(100 * SECOND);
        desk.assert_all_gone();
        let count = |status: &str| desk.times(status).len();
        // Without the PRACK there is no 200 yet (RFC 3262 section 5).
        if proves { count("200") - 1 } else { count("183") }
    };
    assert_eq!(repeats(true, false), 11, "at 0.5, 1.5, 3.5, 7.5 seconds, and every four until 32");
    assert_eq!(repeats(false, true), 7, "at 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 seconds");
    let wary = repeats(false, false);
    assert!((2..7).contains(&wary), "{wary}");
}
