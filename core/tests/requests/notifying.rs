//! Others subscribe to us (RFC 6665 section 4.2).

use offhook_core::base::ids::SubscriptionId;
use offhook_core::coordinator::{CommandError, CoordinatorConfig, Counter, Event, SubscriptionState};

use super::subscribing::told;
use super::support::{GIVE_UP, ms};
use super::{Desk, Request, SECOND, active, finish, respond};

fn desk() -> Desk {
    let mut config = CoordinatorConfig::default();
    config.event_packages = vec!["presence".into(), "dialog".into()];
    Desk::with(config)
}

fn subscribe() -> Request {
    Request::new("SUBSCRIBE").call_id("s").header("Event: dialog;id=7")
}

fn requested(desk: &Desk) -> SubscriptionId {
    let found = desk.events.iter().rev().find_map(|event| match event {
        Event::SubscriptionRequested { subscription, .. } => Some(*subscription),
        _ => None,
    });
    found.expect("somebody subscribes")
}

/// A subscription for two minutes that was accepted and told `body`; the SUBSCRIBE, in its dialog.
fn accepted(body: &str) -> (Desk, SubscriptionId, Request) {
    let mut desk = desk();
    let first = subscribe();
    desk.feed(first.clone().header("Expires: 120").text());
    let id = requested(&desk);
    desk.core.accept_subscription(desk.now, id, Some(("text/x", body.as_bytes()))).unwrap();
    desk.drain();
    assert_eq!(desk.codes(), ["200", "NOTIFY"], "in this order");
    let tag = desk.last("200").message.callee_tag();
    (desk, id, first.callee_tag(&tag))
}

fn confirm(desk: &mut Desk) {
    let notify = desk.last("NOTIFY").message;
    desk.feed(respond(&notify, 200, "", "", ""));
}

#[test]
fn a_subscriber_is_told_the_state_at_once_and_every_change() {
    let (mut desk, id, _) = accepted("ringing");
    let (ok, first) = (desk.last("200").message, desk.last("NOTIFY").message);
    assert_eq!((ok.header("Expires"), ok.has("Contact")), ("120", true));
    assert_eq!(first.uri(), "sip:peer@192.0.2.9:5060");
    assert_eq!((first.caller_tag(), first.callee_tag().as_str()), (ok.callee_tag(), "peer"));
    assert_eq!((first.header("Event"), first.body()), ("dialog;id=7", "ringing"));
    assert_eq!(first.header("Subscription-State"), "active;expires=120");
    // While a NOTIFY is unanswered only the latest news waits.
    for news in ["one", "two", "three"] {
        desk.core.notify(desk.now, id, &SubscriptionState::Active, "text/x", news.as_bytes()).unwrap();
    }
    desk.drain();
    assert!(desk.codes().is_empty());
    desk.run_for(ms(100));
    confirm(&mut desk);
    let second = desk.only().message;
    assert_eq!((second.body(), second.cseq()), ("three", first.cseq() + 1));
    confirm(&mut desk);
    // The last word.
    desk.core.notify(desk.now, id, &SubscriptionState::terminated("noresource"), "", b"").unwrap();
    desk.drain();
    let last = desk.only().message;
    assert_eq!(last.header("Subscription-State"), "terminated;reason=noresource");
    let refused = desk.core.notify(desk.now, id, &SubscriptionState::Active, "", b"");
    assert_eq!(refused, Err(CommandError::NoSuchSubscription));
    confirm(&mut desk);
    assert_eq!(told(&desk), ["asked for dialog;id=7 120", "ended None \"\" None"]);
    desk.assert_all_gone();
}

/// RFC 6665 section 4.2.2: a subscriber that says when is told then, and of several news the latest.
#[test]
fn news_that_a_subscriber_refuses_for_the_moment_are_told_when_it_says() {
    let later = |desk: &mut Desk, seconds: u32| {
        let notify = desk.last("NOTIFY").message;
        desk.feed(respond(&notify, 503, "", &format!("Retry-After: {seconds} (busy)\r\n"), ""));
        assert!(desk.codes().is_empty());
    };
    let (mut desk, id, inside) = accepted("ringing");
    later(&mut desk, 5);
    desk.run_for(5 * SECOND - ms(1));
    assert!(desk.codes().is_empty());
    desk.run_for(ms(1));
    assert_eq!(desk.only().message.body(), "ringing");
    // What happens meanwhile does not wait, and nothing older comes after it.
    later(&mut desk, 5);
    desk.core.notify(desk.now, id, &SubscriptionState::Active, "text/x", b"busy").unwrap();
    desk.drain();
    assert_eq!(desk.only().message.body(), "busy");
    confirm(&mut desk);
    desk.run_for(20 * SECOND);
    assert!(desk.codes().is_empty());
    // Nor is a refresh told what is old.
    desk.core.notify(desk.now, id, &SubscriptionState::Active, "text/x", b"free").unwrap();
    desk.drain();
    desk.news();
    later(&mut desk, 0);
    desk.feed(inside.cseq(2).branch("refresh").header("Expires: 120").text());
    assert_eq!(desk.codes(), ["200", "NOTIFY"]);
    assert_eq!(desk.last("NOTIFY").message.body(), "free");
    // Who never takes it is told no more when its time is up.
    while desk.core.counters().get(Counter::Sent) < 200 && !desk.core.registry().is_empty() {
        later(&mut desk, 0);
        desk.run_for(SECOND);
        if desk.codes().is_empty() {
            break;
        }
    }
    assert!(desk.last("NOTIFY").message.header("Subscription-State").starts_with("terminated"));
    confirm(&mut desk);
    desk.assert_all_gone();
}

#[test]
fn unknown_packages_get_489() {
    let mut desk = desk();
    for (n, event) in
        ["Event: message-summary", "Event: Dialog", "Event: ", "X: y", "o: refer"].into_iter().enumerate()
    {
        let request = Request::new("SUBSCRIBE").branch(&format!("u{n}")).call_id(&format!("u{n}"));
        desk.feed(request.header(event).text());
        let refused = desk.only().message;
        assert_eq!(
            (refused.code().as_str(), refused.header("Allow-Events")),
            ("489", "presence, dialog"),
            "{event}"
        );
    }
    assert!(told(&desk).is_empty());
}

#[test]
fn a_subscription_that_comes_by_two_ways_is_one() {
    let mut desk = desk();
    desk.feed(subscribe().branch("left").text());
    desk.feed(subscribe().branch("right").text());
    assert_eq!(desk.codes(), ["482"]);
    assert_eq!(told(&desk).len(), 1);
    desk.assert_all_gone();
}

/// RFC 3261 section 8.2.2.2, of what lives longer than its transaction.
#[test]
fn a_copy_of_the_subscribe_is_no_second_subscription_while_the_first_lives_and_for_t4_after_it() {
    for (ends, copy_after, merged) in [(false, 40, true), (true, 44, true), (true, 46, false)] {
        let (mut desk, id, _) = accepted("ringing");
        confirm(&mut desk);
        desk.run_for(40 * SECOND);
        if ends {
            desk.core.notify(desk.now, id, &SubscriptionState::terminated("noresource"), "", b"").unwrap();
            desk.drain();
            confirm(&mut desk);
        }
        desk.run_for((copy_after - 40) * SECOND);
        desk.news();
        desk.feed(subscribe().header("Expires: 120").branch("right").text());
        assert_eq!(desk.codes(), if merged { vec!["482"] } else { vec![] }, "{ends} {copy_after}");
    }
}

/// RFC 6665 section 4.2.1.1.
#[test]
fn how_long_is_bounded() {
    for (line, code, expires) in [
        ("X: y", "200", "3600"),
        ("Expires: 99999999999", "200", "86400"),
        ("Expires: 99999999999999999999999", "200", "86400"),
        ("Expires: 30", "200", "30"),
        ("Expires: 29", "423", "30"),
        ("Expires: soon", "400", ""),
    ] {
        let mut desk = desk();
        desk.feed(subscribe().header(line).text());
        if code == "200" {
            let id = requested(&desk);
            desk.core.accept_subscription(desk.now, id, None).unwrap();
            desk.drain();
        }
        let answer = desk.last(code).message;
        match code {
            "200" => assert_eq!(answer.header("Expires"), expires, "{line}"),
            "423" => assert_eq!(answer.header("Min-Expires"), expires),
            _ => assert!(!answer.has("Expires")),
        }
    }
}

/// RFC 6665 section 4.4.3.
#[test]
fn who_asks_for_no_time_is_told_once() {
    let mut desk = desk();
    desk.feed(subscribe().header("Expires: 0").text());
    let id = requested(&desk);
    desk.core.accept_subscription(desk.now, id, Some(("text/x", b"now"))).unwrap();
    desk.drain();
    let notify = desk.last("NOTIFY").message;
    assert_eq!((notify.header("Subscription-State"), notify.body()), ("terminated;reason=timeout", "now"));
    confirm(&mut desk);
    assert_eq!(told(&desk).last().unwrap(), "ended None \"\" None");
    desk.assert_all_gone();
}

/// RFC 6665 section 4.2.1.2.
#[test]
fn a_refresh_prolongs_it_and_is_told_the_state_again() {
    let (mut desk, _, call) = accepted("ringing");
    confirm(&mut desk);
    desk.run_for(100 * SECOND);
    let again = call.again("SUBSCRIBE").cseq(2).branch("s2").header("Event: dialog;id=7");
    desk.feed(again.header("Expires: 60").text());
    assert_eq!(desk.codes(), ["200", "NOTIFY"]);
    let notify = desk.last("NOTIFY").message;
    assert_eq!((notify.header("Subscription-State"), notify.body()), ("active;expires=60", "ringing"));
    confirm(&mut desk);
    desk.run_for(59 * SECOND);
    assert!(desk.codes().is_empty());
    desk.run_for(SECOND + ms(100));
    let last = desk.only().message;
    assert_eq!(last.header("Subscription-State"), "terminated;reason=timeout");
    confirm(&mut desk);
    assert_eq!(told(&desk), ["asked for dialog;id=7 120", "granted 60", "ended None \"\" None"]);
    desk.assert_all_gone();
}

#[test]
fn a_subscriber_may_leave() {
    let (mut desk, _, call) = accepted("ringing");
    // Even while the first NOTIFY is unanswered.
    let leave =
        call.again("SUBSCRIBE").cseq(2).branch("s2").header("Event: dialog;id=7").header("Expires: 0");
    desk.feed(leave.text());
    assert_eq!(desk.codes(), ["200"]);
    confirm(&mut desk);
    assert_eq!(desk.only().message.header("Subscription-State"), "terminated;reason=timeout");
    confirm(&mut desk);
    desk.feed(call.again("SUBSCRIBE").cseq(3).branch("s3").header("Event: dialog;id=7").text());
    assert_eq!(desk.codes(), ["481"]);
    desk.assert_all_gone();
}

#[test]
fn what_does_not_fit_the_subscription_is_refused_and_it_lives() {
    let (mut desk, id, call) = accepted("ringing");
    confirm(&mut desk);
    for (cseq, request, code) in [
        (2, call.again("SUBSCRIBE").header("Event: presence"), "489"),
        (3, call.again("SUBSCRIBE").header("Event: dialog"), "489"),
        (4, call.again("SUBSCRIBE").header("Event: dialog;id=7").header("Expires: 5"), "423"),
        (5, call.again("NOTIFY").header("Event: dialog;id=7").header("Subscription-State: active"), "481"),
        (6, call.again("INFO").body("application/dtmf", "5"), "481"),
        (7, call.again("BYE"), "481"),
        (1, call.again("SUBSCRIBE").header("Event: dialog;id=7"), "500"),
        (8, call.again("SUBSCRIBE").caller_tag("stranger").header("Event: dialog;id=7"), "481"),
        (9, call.again("OPTIONS"), "200"),
    ] {
        desk.feed(request.cseq(cseq).branch(&format!("w{cseq}")).text());
        assert_eq!(desk.only().message.code(), code, "{cseq}");
    }
    desk.core.notify(desk.now, id, &SubscriptionState::Active, "text/x", b"y").unwrap();
    desk.drain();
    assert_eq!(desk.codes(), ["NOTIFY"]);
}

#[test]
fn nobody_waits_for_a_decision_for_ever() {
    let mut desk = desk();
    let first = subscribe();
    desk.feed(first.text());
    desk.feed(first.text());
    assert!(desk.codes().is_empty());
    desk.run_for(5 * SECOND);
    assert_eq!(desk.codes(), ["480"]);
    let id = requested(&desk);
    assert_eq!(desk.core.accept_subscription(desk.now, id, None), Err(CommandError::NoSuchSubscription));
    assert_eq!(told(&desk).len(), 2, "{:?}", told(&desk));
    desk.assert_all_gone();
}

#[test]
fn the_application_may_refuse() {
    let mut desk = desk();
    desk.feed(subscribe().text());
    let id = requested(&desk);
    let now = desk.now;
    assert!(desk.core.reject_subscription(now, id, 200).is_err());
    assert!(desk.core.notify(now, id, &SubscriptionState::Active, "", b"").is_err(), "not accepted yet");
    assert!(desk.core.unsubscribe(now, id).is_err(), "it is theirs");
    desk.core.reject_subscription(now, id, 603).unwrap();
    desk.drain();
    assert_eq!(desk.codes(), ["603"]);
    assert_eq!(told(&desk).last().unwrap(), "ended Some(603) \"Decline\" None");
    desk.assert_all_gone();
}

#[test]
fn a_subscriber_that_is_gone_is_forgotten() {
    for (status, lines, lives) in [(481, "", false), (500, "", false), (503, "Retry-After: 5\r\n", true)] {
        let (mut desk, id, _) = accepted("x");
        let notify = desk.last("NOTIFY").message;
        desk.feed(respond(&notify, status, "", lines, ""));
        assert_eq!(told(&desk).len(), if lives { 1 } else { 2 }, "{status}");
        let told = desk.core.notify(desk.now, id, &SubscriptionState::Active, "text/x", b"y");
        assert_eq!(told.is_ok(), lives);
    }
    let (mut desk, _, _) = accepted("x");
    desk.run_for(GIVE_UP + SECOND);
    assert_eq!(told(&desk).last().unwrap(), "ended Some(408) \"Request Timeout\" None");
    desk.assert_all_gone();
}

#[test]
fn shutting_down_ends_subscriptions() {
    let (mut desk, _, _) = accepted("x");
    confirm(&mut desk);
    desk.feed(subscribe().branch("t").call_id("t").text());
    desk.core.shutdown(desk.now);
    desk.drain();
    assert_eq!(desk.codes(), ["NOTIFY", "503"]);
    desk.feed(subscribe().branch("u").call_id("u").text());
    assert_eq!(desk.codes(), ["503"]);
    confirm(&mut desk);
    desk.assert_all_gone();
}

#[test]
fn there_is_room_for_so_many_and_no_more() {
    let mut config = CoordinatorConfig::default();
    config.event_packages = vec!["dialog".into()];
    config.limits.subscriptions_max = 2;
    let mut desk = Desk::with(config);
    for n in 0..3 {
        desk.feed(subscribe().branch(&format!("r{n}")).call_id(&format!("r{n}")).text());
    }
    assert_eq!(desk.only().message.header("Retry-After"), "5");
    let refused = desk.core.subscribe(desk.now, "sip:a@192.0.2.9", "x", SECOND);
    assert_eq!(refused, Err(CommandError::Full { limit: 2 }));
    desk.assert_all_gone();
}

/// A dialog is not shared: what is asked of the call there is refused, and neither ends the other (RFC 5057).
/// RFC 6665 section 4.5.2.
#[test]
fn a_call_and_a_subscription_do_not_share_a_dialog() {
    let mut config = CoordinatorConfig::default();
    config.event_packages = vec!["dialog".into()];
    let (mut desk, session, call) = active(Desk::with(config));
    desk.feed(call.again("SUBSCRIBE").cseq(2).branch("a").header("Event: dialog").text());
    desk.feed(call.again("SUBSCRIBE").cseq(3).branch("b").header("Event: other").text());
    assert_eq!(desk.codes(), ["403", "489"]);
    // One beside the call, from the same phone.
    desk.feed(subscribe().text());
    let id = requested(&desk);
    desk.core.accept_subscription(desk.now, id, None).unwrap();
    desk.drain();
    desk.news();
    let notify = desk.last("NOTIFY").message;
    desk.feed(respond(&notify, 481, "", "", ""));
    assert_eq!(told(&desk).last().unwrap(), "ended Some(481) \"Call/Transaction Does Not Exist\" None");
    assert!(!desk.told().iter().any(|it| it.starts_with("ended ")), "the call lives");
    desk.hangup(session);
    finish(&mut desk);
}

/// RFC 3261 section 12.2.1.2: the 2xx to a NOTIFY says where the subscriber is now.
#[test]
fn a_subscriber_that_moves_is_followed_to_where_its_2xx_says() {
    let (mut desk, id, _) = accepted("one");
    let first = desk.last("NOTIFY");
    assert_eq!(first.to(), "192.0.2.9:5060");
    desk.feed(respond(&first.message, 200, "", "Contact: <sip:moved@192.0.2.10:5070>\r\n", ""));
    desk.core.notify(desk.now, id, &SubscriptionState::Active, "text/x", b"two").unwrap();
    desk.drain();
    let second = desk.last("NOTIFY");
    assert_eq!(
        (second.message.uri(), second.to().as_str()),
        ("sip:moved@192.0.2.10:5070", "192.0.2.10:5070")
    );
}

/// RFC 6665 section 8.3.2: a 489 says what could be subscribed to. An application that takes no subscriptions still reports of transfers,
/// and a list of nothing is no list.
#[test]
fn whoever_takes_no_subscription_says_so_in_a_list_that_can_be_read() {
    let mut desk = Desk::new();
    desk.feed(subscribe().text());
    let refused = desk.only().message;
    assert_eq!((refused.code().as_str(), refused.header("Allow-Events")), ("489", "refer"));
}

/// As with a re-INVITE: only a refresh that is taken can say where the subscriber is.
#[test]
fn a_refresh_that_is_refused_moves_nobody() {
    let elsewhere = "<sip:moved@192.0.2.10:5070>";
    let (mut desk, id, subscribe) = accepted("one");
    confirm(&mut desk);
    let tell = |desk: &mut Desk| {
        desk.core.notify(desk.now, id, &SubscriptionState::Active, "text/x", b"x").unwrap();
        desk.drain();
        let sent = desk.last("NOTIFY").to();
        confirm(desk);
        sent
    };
    for (cseq, line, code) in [(2, "Expires: 1", "423"), (3, "Expires: soon", "400")] {
        let ask = subscribe.again("SUBSCRIBE").cseq(cseq).branch(&format!("s{cseq}")).contact(elsewhere);
        desk.feed(ask.header("Event: dialog;id=7").header(line).text());
        assert_eq!(desk.last(code).message.cseq(), cseq);
        assert_eq!(tell(&mut desk), "192.0.2.9:5060", "{code}");
    }
    let ask = subscribe.again("SUBSCRIBE").cseq(4).branch("s4").contact(elsewhere);
    desk.feed(ask.header("Event: dialog;id=7").header("Expires: 90").text());
    assert_eq!(desk.last("NOTIFY").to(), "192.0.2.10:5070", "what it asks for is told where it is now");
    confirm(&mut desk);
    assert_eq!(tell(&mut desk), "192.0.2.10:5070");
}
