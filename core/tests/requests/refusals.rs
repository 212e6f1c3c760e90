//! What a refusal of a request within a dialog ends: the dialog, the subscription, or nothing but the request.
//!
//! RFC 5057 section 5.1 lists what each status could mean for all usages of a dialog. Where it says more than RFC 3261 section
//! 12.2.1.2 and RFC 6665 section 4.1.2.2, these go before it: a gateway that answers 404 to an INFO has not lost the call.
//!
//! | status | RFC 5057 | a call: re-INVITE, UPDATE, INFO, REFER | SUBSCRIBE that refreshes | NOTIFY |
//! |---|---|---|---|---|
//! | 408, 481 | the usage | ends | 481 ends, 408 is tried again | ends |
//! | 404, 410, 416, 482 to 485, 604 | the dialog | goes on | ends | ends |
//! | 405, 480, 489, 501 | the usage | goes on | ends | ends |
//! | 502 | the dialog | goes on | is tried again | ends |
//! | all others | the request | goes on | is tried again | ends, but with Retry-After is told again |

use core::time::Duration;

use offhook_core::api::Modification;
use offhook_core::base::ids::SessionId;
use offhook_core::coordinator::{CommandError, CoordinatorConfig, Event};
use offhook_core::sdp::plan::Direction;

use super::{Desk, Message, Request, SDP, SECOND, TARGET, active, calling, respond};

const STATUSES: [u16; 36] = [
    400, 402, 403, 404, 405, 406, 408, 410, 413, 414, 415, 416, 420, 421, 433, 480, 481, 482, 483, 484, 485,
    486, 487, 488, 489, 493, 500, 501, 502, 503, 504, 505, 513, 580, 604, 606,
];

type Ask = fn(&mut Desk, SessionId) -> Result<(), CommandError>;

const ASKS: [(&str, Ask); 4] = [
    ("INVITE", |desk, id| desk.core.hold(desk.now, id)),
    ("UPDATE", |desk, id| {
        desk.core.modify(desk.now, id, Modification::direction(Direction::SendOnly).by_update())
    }),
    ("INFO", |desk, id| desk.core.info(desk.now, id, "text/plain", b"x").map(drop)),
    ("REFER", |desk, id| desk.core.transfer(desk.now, id, "sip:carol@192.0.2.5")),
];

/// RFC 3261 section 12.2.1.2, against RFC 5057 section 5.1.
#[test]
fn only_408_and_481_end_a_call() {
    for (method, ask) in ASKS {
        for status in STATUSES {
            let (mut desk, session, invite) = calling(Desk::new());
            let lines = "Contact: <sip:peer@192.0.2.9>\r\nAllow: INVITE, UPDATE\r\n";
            desk.feed(respond(&invite, 200, "far", lines, SDP));
            ask(&mut desk, session).unwrap();
            desk.drain();
            let request = desk.last(method).message;
            desk.news();
            desk.feed(respond(&request, status, "far", "", ""));
            let ended = desk.told().iter().any(|told| told.starts_with("ended"));
            let hung_up = desk.codes().contains(&String::from("BYE"));
            assert_eq!((ended, hung_up), (matches!(status, 408 | 481), ended), "{method} {status}");
        }
    }
}

/// RFC 3311 section 5.2: who has to ask somebody first cannot answer an UPDATE, and says 504. A re-INVITE may wait for that.
#[test]
fn an_update_that_would_need_somebody_s_consent_is_made_again_as_a_reinvite() {
    let (mut desk, session, invite) = calling(Desk::new());
    let lines = "Contact: <sip:peer@192.0.2.9>\r\nAllow: INVITE, UPDATE\r\n";
    desk.feed(respond(&invite, 200, "far", lines, SDP));
    desk.news();
    for _ in 0..2 {
        let change = Modification::direction(Direction::SendOnly).by_update();
        desk.core.modify(desk.now, session, change).unwrap();
        desk.drain();
        let update = desk.only().message;
        assert_eq!(update.code(), "UPDATE", "the next change may need nobody");
        desk.feed(respond(&update, 504, "", "", ""));
        desk.run_for(Duration::from_millis(1));
        let again = desk.only().message;
        assert_eq!((again.code().as_str(), again.body()), ("INVITE", update.body()));
        assert!(!desk.told().iter().any(|told| told.starts_with("refused")), "{:?}", desk.told());
        desk.feed(respond(&again, 200, "", lines, SDP));
        assert_eq!(desk.codes(), ["ACK"]);
    }
}

/// RFC 3261 section 14.2: who is busy with an offer of its own says when, in as many words as section 20.33 allows.
#[test]
fn an_offer_that_is_refused_for_the_moment_is_made_again_then() {
    for line in ["Retry-After: 3\r\n", "Retry-After: 3 (busy)\r\n", "Retry-After: 3;duration=9\r\n"] {
        let (mut desk, session, invite) = calling(Desk::new());
        desk.feed(respond(&invite, 200, "far", "Contact: <sip:peer@192.0.2.9>\r\n", SDP));
        desk.core.hold(desk.now, session).unwrap();
        desk.drain();
        let hold = desk.last("INVITE").message;
        desk.feed(respond(&hold, 500, "far", line, ""));
        desk.news();
        desk.run_for(2 * SECOND);
        assert!(desk.codes().is_empty());
        desk.run_for(SECOND);
        assert_eq!(desk.codes(), ["INVITE"], "{line}");
    }
}

fn ended(desk: &Desk) -> bool {
    desk.events.iter().any(|event| matches!(event, Event::SubscriptionEnded { .. }))
}

fn news_of(subscribe: &Message, cseq: u32) -> Request {
    let line = "Subscription-State: active;expires=600";
    let request = Request::new("NOTIFY").call_id(subscribe.header("Call-ID")).caller_tag("far").cseq(cseq);
    request.callee_tag(&subscribe.caller_tag()).header("Event: presence").header(line)
}

/// RFC 6665 section 4.1.2.2.
#[test]
fn what_ends_a_subscription_of_ours_is_what_rfc_6665_lists() {
    for status in STATUSES {
        let mut desk = Desk::new();
        desk.core.subscribe(desk.now, TARGET, "presence", Duration::from_secs(600)).unwrap();
        desk.drain();
        let subscribe = desk.only().message;
        let lines = "Expires: 600\r\nContact: <sip:peer@192.0.2.9>\r\n";
        desk.feed(respond(&subscribe, 200, "far", lines, ""));
        desk.feed(news_of(&subscribe, 1).text());
        desk.run_for(541 * SECOND);
        let refresh = desk.last("SUBSCRIBE").message;
        assert_ne!(refresh.cseq(), subscribe.cseq());
        desk.feed(respond(&refresh, status, "far", "", ""));
        let listed = matches!(status, 404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604);
        assert_eq!(ended(&desk), listed, "{status}");
        desk.news();
        desk.run_for(31 * SECOND);
        let again = desk.codes().contains(&String::from("SUBSCRIBE"));
        assert_eq!(again, !listed, "{status}");
    }
}

#[test]
fn what_a_subscriber_refuses_for_good_ends_its_subscription() {
    for status in STATUSES {
        for later in [false, true] {
            let mut config = CoordinatorConfig::default();
            config.event_packages = vec!["presence".into()];
            let mut desk = Desk::with(config);
            let request = Request::new("SUBSCRIBE").header("Event: presence").header("Expires: 600");
            desk.feed(request.text());
            let id = desk.events.iter().find_map(|event| match event {
                Event::SubscriptionRequested { subscription, .. } => Some(*subscription),
                _ => None,
            });
            desk.core.accept_subscription(desk.now, id.unwrap(), Some(("text/x", b"on"))).unwrap();
            desk.drain();
            let notify = desk.last("NOTIFY").message;
            desk.feed(respond(&notify, status, "", if later { "Retry-After: 5\r\n" } else { "" }, ""));
            assert_eq!(ended(&desk), !later || status == 481, "{status} {later}");
        }
    }
}

/// RFC 6665 section 4.1.3: what says that a subscription is over ends it. That its body cannot be read changes nothing of that.
#[test]
fn the_last_report_of_a_transfer_ends_it_whatever_its_body_is() {
    for (kind, body) in
        [("message/sipfrag", "garbage"), ("text/plain", "SIP/2.0 200 OK\r\n"), ("message/sipfrag", "")]
    {
        let (mut desk, session, call) = active(Desk::new());
        desk.core.transfer(desk.now, session, "sip:carol@192.0.2.5").unwrap();
        desk.drain();
        desk.feed(respond(&desk.last("REFER").message, 202, "", "Contact: <sip:peer@192.0.2.9>\r\n", ""));
        let notify = call.again("NOTIFY").cseq(2).branch("n").header("Event: refer");
        let over = notify.header("Subscription-State: terminated;reason=rejected").body(kind, body);
        desk.feed(over.text());
        assert_eq!(desk.last("200").message.header("CSeq"), "2 NOTIFY");
        let done = |event: &Event| matches!(event, Event::TransferProgress { status: 603, done: true, .. });
        assert!(desk.events.iter().any(done), "{kind} {body}");
    }
}
