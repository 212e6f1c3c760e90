//! We subscribe (RFC 6665 section 4.1).

use core::time::Duration;

use offhook_core::base::ids::SubscriptionId;
use offhook_core::coordinator::{CommandError, Event, Refuser, SubscriptionState};

use super::support::{GIVE_UP, ms};
use super::{Desk, Message, Request, SECOND, respond};

/// A SUBSCRIBE for ten minutes that has been sent.
fn subscribing() -> (Desk, SubscriptionId, Message) {
    let mut desk = Desk::new();
    let id = subscribe(&mut desk, 600);
    let sent = desk.only().message;
    (desk, id, sent)
}

fn subscribe(desk: &mut Desk, seconds: u64) -> SubscriptionId {
    let expires = Duration::from_secs(seconds);
    let id = desk.core.subscribe(desk.now, "sip:peer@192.0.2.9", "presence", expires).unwrap();
    desk.drain();
    id
}

/// A NOTIFY of whoever got `subscribe`.
fn notify(subscribe: &Message, cseq: u32, state: &str) -> Request {
    Request::new("NOTIFY")
        .call_id(subscribe.header("Call-ID"))
        .caller_tag("far")
        .callee_tag(&subscribe.caller_tag())
        .cseq(cseq)
        .branch(&format!("n{cseq}{}", state.len()))
        .header("Event: presence")
        .header(&format!("Subscription-State: {state}"))
}

fn granted(desk: &mut Desk, subscribe: &Message, seconds: u32) {
    let lines = format!("Expires: {seconds}\r\nContact: <sip:peer@192.0.2.9>\r\n");
    desk.feed(respond(subscribe, 200, "far", &lines, ""));
}

/// One that was granted for ten minutes and is about to be refreshed: its SUBSCRIBE, and the refresh.
fn refreshing() -> (Desk, Message, Message) {
    let (mut desk, _, subscribe) = subscribing();
    granted(&mut desk, &subscribe, 600);
    desk.feed(notify(&subscribe, 1, "active;expires=600").text());
    desk.run_for(540 * SECOND);
    let refresh = desk.last("SUBSCRIBE").message;
    desk.news();
    (desk, subscribe, refresh)
}

/// All that is told of subscriptions.
pub(super) fn told(desk: &Desk) -> Vec<String> {
    let say = |event: &Event| match event {
        Event::Subscribed { expires, .. } => Some(format!("granted {expires}")),
        Event::Notified { state: SubscriptionState::Terminated { reason, .. }, .. } => {
            Some(format!("terminated {reason}"))
        }
        Event::Notified { state, message, .. } => {
            Some(format!("{state:?} {}", String::from_utf8_lossy(message.body())).trim().to_string())
        }
        Event::SubscriptionRequested { event, expires, .. } => Some(format!("asked for {event} {expires}")),
        Event::SubscriptionEnded { status, reason, retry_after, .. } => {
            Some(format!("ended {status:?} {reason:?} {retry_after:?}"))
        }
        _ => None,
    };
    desk.events.iter().filter_map(say).collect()
}

#[test]
fn a_subscription_from_the_first_notify_to_the_last() {
    let (mut desk, id, subscribe) = subscribing();
    assert_eq!(subscribe.first_line(), "SUBSCRIBE sip:peer@192.0.2.9 SIP/2.0");
    assert_eq!((subscribe.header("Event"), subscribe.header("Expires")), ("presence", "600"));
    assert!(subscribe.has("Contact"));
    granted(&mut desk, &subscribe, 300);
    desk.feed(notify(&subscribe, 1, "active;expires=300").body("text/x", "here").text());
    assert_eq!(desk.codes(), ["200"]);
    assert_eq!(told(&desk), ["granted 300", "Active here"]);
    // A minute before its end it is refreshed, within the dialog of the NOTIFY.
    desk.run_for(239 * SECOND);
    assert!(desk.codes().is_empty());
    desk.run_for(SECOND + ms(100));
    let refresh = desk.only().message;
    assert_eq!((refresh.code().as_str(), refresh.header("Expires")), ("SUBSCRIBE", "300"));
    assert_eq!(refresh.callee_tag(), "far");
    assert_eq!(refresh.cseq(), subscribe.cseq() + 1);
    assert_eq!(refresh.header("Event"), "presence");
    granted(&mut desk, &refresh, 300);
    desk.feed(notify(&subscribe, 2, "active;expires=300").body("text/x", "still").text());
    desk.news();
    // And ended.
    desk.core.unsubscribe(desk.now, id).unwrap();
    desk.core.unsubscribe(desk.now, id).unwrap();
    desk.drain();
    let last = desk.only().message;
    assert_eq!((last.header("Expires"), last.cseq()), ("0", subscribe.cseq() + 2));
    desk.feed(respond(&last, 200, "", "Expires: 0\r\n", ""));
    desk.feed(notify(&subscribe, 3, "terminated;reason=timeout").text());
    assert_eq!(desk.codes(), ["200"]);
    assert_eq!(told(&desk)[4..], ["terminated timeout", "ended None \"timeout\" None"]);
    assert_eq!(desk.core.unsubscribe(desk.now, id), Err(CommandError::NoSuchSubscription));
    desk.assert_all_gone();
}

/// RFC 6665 section 4.4.1.
#[test]
fn a_notify_may_come_before_the_200() {
    let (mut desk, id, subscribe) = subscribing();
    desk.feed(notify(&subscribe, 7, "pending;expires=500").text());
    assert_eq!(desk.codes(), ["200"]);
    granted(&mut desk, &subscribe, 500);
    desk.feed(notify(&subscribe, 8, "active;expires=500").body("text/x", "x").text());
    assert_eq!(told(&desk), ["Pending", "granted 500", "Active x"]);
    desk.news();
    desk.core.unsubscribe(desk.now, id).unwrap();
    desk.drain();
    assert_eq!(desk.only().message.callee_tag(), "far");
}

#[test]
fn a_notifier_that_names_absurd_times_is_believed_up_to_a_bound() {
    for seconds in ["99999999999", "99999999999999999999999"] {
        let (mut desk, _, subscribe) = subscribing();
        let contact = "Contact: <sip:peer@192.0.2.9>\r\n";
        desk.feed(respond(&subscribe, 200, "far", &format!("Expires: {seconds}\r\n{contact}"), ""));
        desk.feed(notify(&subscribe, 1, &format!("active;expires={seconds}")).text());
        assert_eq!(told(&desk), ["granted 600", "Active"], "no more than was asked for");
        desk.news();
        desk.run_for(590 * SECOND);
        assert_eq!(desk.codes().first().unwrap(), "SUBSCRIBE");
        let over = format!("terminated;reason=probation;retry-after={seconds}");
        desk.feed(notify(&subscribe, 2, &over).text());
        assert!(told(&desk).last().unwrap().ends_with("Some(31536000)"), "{:?}", told(&desk));

        let (mut desk, _, subscribe) = subscribing();
        desk.feed(respond(&subscribe, 423, "far", &format!("Min-Expires: {seconds}\r\n"), ""));
        let again = desk.only().message;
        assert_eq!(again.header("Expires"), "31536000");
        desk.feed(respond(&again, 503, "far", &format!("Retry-After: {seconds}\r\n"), ""));
        assert!(told(&desk).last().unwrap().ends_with("Some(31536000)"), "{:?}", told(&desk));
    }
}

#[test]
fn of_forks_that_notify_the_first_is_kept() {
    let (mut desk, _, subscribe) = subscribing();
    desk.feed(notify(&subscribe, 1, "active;expires=600").text());
    desk.feed(notify(&subscribe, 1, "active").caller_tag("other").text());
    assert_eq!(desk.codes(), ["200", "481"]);
    desk.feed(notify(&subscribe, 2, "active").caller_tag("other").branch("again").text());
    desk.feed(notify(&subscribe, 2, "active;expires=9").text());
    assert_eq!(desk.codes(), ["481", "200"], "its numbers are not those of the other");
    assert_eq!(told(&desk).len(), 2);
}

#[test]
fn a_notify_for_nobody_gets_481() {
    let (mut desk, _, subscribe) = subscribing();
    desk.feed(notify(&subscribe, 1, "active").callee_tag("nobody").branch("a").text());
    desk.feed(notify(&subscribe, 1, "active").call_id("another").branch("b").text());
    let unasked = Request::new("NOTIFY").branch("c").header("Event: presence");
    desk.feed(unasked.header("Subscription-State: active").text());
    assert_eq!(desk.codes(), ["481", "481", "481"]);
    assert!(told(&desk).is_empty());
    // Nor does a call have anything to be notified of.
    let (mut desk, session, call) = super::active(Desk::new());
    desk.feed(
        call.again("NOTIFY").cseq(2).header("Event: presence").header("Subscription-State: active").text(),
    );
    assert_eq!(desk.codes(), ["489"]);
    desk.hangup(session);
    super::finish(&mut desk);
}

/// RFC 6665 section 4.1.2.4.
#[test]
fn a_notify_after_we_gave_up_gets_481() {
    let (mut desk, _, subscribe) = subscribing();
    granted(&mut desk, &subscribe, 600);
    desk.run_for(GIVE_UP + SECOND);
    assert_eq!(told(&desk), ["granted 600", "ended Some(408) \"timeout\" None"], "Timer N");
    desk.feed(notify(&subscribe, 1, "active").text());
    assert_eq!(desk.codes(), ["481"]);
    desk.assert_all_gone();
}

/// RFC 6665 section 4.1.3.
#[test]
fn a_notify_that_says_nothing_is_refused_and_changes_nothing() {
    let (mut desk, _, subscribe) = subscribing();
    let bare = || {
        Request::new("NOTIFY")
            .call_id(subscribe.header("Call-ID"))
            .caller_tag("far")
            .callee_tag(&subscribe.caller_tag())
    };
    desk.feed(bare().branch("a").text());
    desk.feed(bare().branch("b").cseq(2).header("Event: presence").text());
    desk.feed(bare().branch("c").cseq(3).header("Event: presence").header("Subscription-State: ;").text());
    desk.feed(bare().branch("d").cseq(4).header("Event: dialog").header("Subscription-State: active").text());
    let id = notify(&subscribe, 5, "active").header("Require: magic");
    desk.feed(id.text());
    desk.feed(notify(&subscribe, 6, "active").branch("e").no_contact().text());
    assert_eq!(desk.codes(), ["489", "400", "400", "481", "420", "400"]);
    assert!(told(&desk).is_empty());
    desk.feed(notify(&subscribe, 7, "active").text());
    desk.feed(notify(&subscribe, 7, "pending").text());
    assert_eq!(desk.codes(), ["200", "500"], "and its numbers go up");
}

#[test]
fn a_refusal_ends_it_with_its_reason() {
    let (mut desk, _, subscribe) = subscribing();
    desk.feed(respond(&subscribe, 489, "far", "Allow-Events: dialog\r\n", ""));
    assert_eq!(told(&desk), ["ended Some(489) \"Whatever\" None"]);
    let (mut busy, _, subscribe) = subscribing();
    busy.feed(respond(&subscribe, 503, "far", "Retry-After: 30\r\n", ""));
    assert_eq!(told(&busy), ["ended Some(503) \"Whatever\" Some(30)"]);
    let (mut silent, _, _) = subscribing();
    silent.run_for(GIVE_UP + SECOND);
    assert_eq!(told(&silent), ["ended Some(408) \"Request Timeout\" None"]);
    for mut desk in [desk, busy, silent] {
        desk.assert_all_gone();
    }
}

#[test]
fn who_is_told_that_it_is_too_brief_asks_for_longer_once() {
    let (mut desk, _, first) = subscribing();
    desk.feed(respond(&first, 423, "far", "Min-Expires: 900\r\n", ""));
    let second = desk.only().message;
    assert_eq!((second.header("Expires"), second.cseq()), ("900", first.cseq() + 1));
    assert_eq!(second.header("Call-ID"), first.header("Call-ID"));
    desk.feed(respond(&second, 423, "far", "Min-Expires: 1800\r\n", ""));
    assert_eq!(told(&desk), ["ended Some(423) \"Whatever\" None"]);
    for lines in ["", "Min-Expires: 60\r\n", "Min-Expires: x\r\n"] {
        let (mut desk, _, first) = subscribing();
        desk.feed(respond(&first, 423, "far", lines, ""));
        assert!(desk.codes().is_empty(), "{lines:?} is no reason to ask again");
        assert_eq!(told(&desk).len(), 1);
        desk.assert_all_gone();
    }
}

#[test]
fn a_refresh_that_fails_does_not_always_end_it() {
    for (status, lives) in [(481, false), (404, false), (500, true), (503, true)] {
        let (mut desk, _, subscribe) = subscribing();
        granted(&mut desk, &subscribe, 200);
        desk.feed(notify(&subscribe, 1, "active;expires=200").text());
        desk.run_for(141 * SECOND);
        let refresh = desk.last("SUBSCRIBE").message;
        desk.feed(respond(&refresh, status, "", "", ""));
        assert_eq!(told(&desk).len(), if lives { 2 } else { 3 }, "{status}");
        desk.news();
        desk.feed(notify(&subscribe, 2, "active").branch("late").text());
        assert_eq!(desk.codes(), [if lives { "200" } else { "481" }]);
        desk.run_for(400 * SECOND);
        assert_eq!(told(&desk).iter().filter(|it| it.starts_with("ended")).count(), 1, "{status}");
        desk.assert_all_gone();
    }
}

#[test]
fn the_notifier_may_end_or_shorten_it() {
    let (mut desk, _, subscribe) = subscribing();
    granted(&mut desk, &subscribe, 600);
    desk.feed(notify(&subscribe, 1, "active;expires=20").text());
    desk.news();
    desk.run_for(10 * SECOND + ms(100));
    assert_eq!(desk.codes(), ["SUBSCRIBE"], "sooner than was granted");
    desk.feed(notify(&subscribe, 2, "terminated;reason=probation;retry-after=90").text());
    assert_eq!(told(&desk).last().unwrap(), "ended None \"probation\" Some(90)");
    desk.assert_all_gone();
}

/// RFC 6665 section 4.1.2.3.
#[test]
fn unsubscribing_is_possible_at_any_moment() {
    // Before the address is known.
    let mut desk = Desk::new();
    let id = desk.core.subscribe(desk.now, "sip:a@somewhere.example", "presence", SECOND * 60).unwrap();
    desk.drain();
    desk.core.unsubscribe(desk.now, id).unwrap();
    desk.drain();
    desk.name_found("192.0.2.9:5060");
    assert!(desk.codes().is_empty());
    assert_eq!(told(&desk), ["ended None \"\" None"]);
    desk.assert_all_gone();
    // Before the first NOTIFY: there is no dialog yet.
    let (mut desk, id, subscribe) = subscribing();
    desk.core.unsubscribe(desk.now, id).unwrap();
    granted(&mut desk, &subscribe, 600);
    assert!(desk.codes().is_empty());
    desk.feed(notify(&subscribe, 1, "active;expires=600").text());
    assert_eq!(desk.codes(), ["200", "SUBSCRIBE"]);
    assert_eq!(desk.last("SUBSCRIBE").message.header("Expires"), "0");
    desk.run_for(GIVE_UP + SECOND);
    assert_eq!(told(&desk).last().unwrap(), "ended Some(408) \"Request Timeout\" None");
    desk.assert_all_gone();
    // And so is shutting down.
    let (mut desk, _, subscribe) = subscribing();
    desk.feed(notify(&subscribe, 1, "active;expires=600").text());
    desk.core.shutdown(desk.now);
    desk.drain();
    assert_eq!(desk.last("SUBSCRIBE").message.header("Expires"), "0");
    desk.assert_all_gone();
}

#[test]
fn what_cannot_be_subscribed_to_is_refused_at_once() {
    let mut desk = Desk::new();
    let now = desk.now;
    for (target, event) in
        [("sip:a@h", ""), ("sip:a@h", "a b"), ("sip:a@h", "x\r\nVia: y"), ("mailto:a@h", "presence")]
    {
        let refused = desk.core.subscribe(now, target, event, SECOND);
        assert!(matches!(refused, Err(CommandError::BadArgument { .. })), "{target} {event:?}");
    }
    desk.core.subscribe(now, "sip:a@192.0.2.7", "presence", Duration::MAX).unwrap();
    desk.drain();
    assert_eq!(desk.only().message.header("Expires"), u32::MAX.to_string());
    desk.assert_all_gone();
}

/// RFC 6665 section 4.1.2.2: what was granted before still holds, and the notifier is asked again.
#[test]
fn a_refresh_that_is_refused_for_the_moment_is_tried_again_while_the_subscription_lives() {
    for (status, lines, after) in [
        (500, "", 30),
        (503, "Retry-After: 7 (busy);duration=60\r\n", 7),
        (403, "", 30),
        (503, "Retry-After: 0\r\n", 2),
        (503, "Retry-After: 3600\r\n", 60),
    ] {
        let (mut desk, _, refresh) = refreshing();
        desk.feed(respond(&refresh, status, "far", lines, ""));
        desk.run_for(after * SECOND - ms(1));
        assert!(desk.codes().is_empty(), "{status} {lines}");
        desk.run_for(ms(2));
        if after == 60 {
            let end = format!("ended Some({status}) \"Service Unavailable\" None");
            assert_eq!(told(&desk).last(), Some(&end), "there was no time for that");
            continue;
        }
        let again = desk.only().message;
        assert_eq!(again.code(), "SUBSCRIBE", "{status} {lines}");
        granted(&mut desk, &again, 600);
        assert_eq!(told(&desk).last().unwrap(), "granted 600");
        desk.run_for(500 * SECOND);
        assert!(desk.codes().is_empty(), "all is as before");
    }
}

#[test]
fn a_refresh_that_is_refused_to_the_end_is_told_as_that() {
    for answered in [true, false] {
        let (mut desk, _, subscribe) = subscribing();
        granted(&mut desk, &subscribe, 600);
        desk.feed(notify(&subscribe, 1, "active;expires=600").text());
        let mut tries = 0;
        while !told(&desk).iter().any(|told| told.starts_with("ended")) {
            desk.run_for(SECOND);
            for sent in desk.news().into_iter().filter(|sent| sent.message.code() == "SUBSCRIBE") {
                tries += 1;
                if answered {
                    desk.feed(respond(&sent.message, 500, "far", "", ""));
                }
            }
        }
        let ended = told(&desk).pop().unwrap();
        let refuser = desk.events.iter().rev().find_map(|event| match event {
            Event::SubscriptionEnded { refuser, .. } => Some(*refuser),
            _ => None,
        });
        if answered {
            assert!((4..10).contains(&tries), "{tries}");
            assert_eq!(ended, "ended Some(500) \"Server Internal Error\" None");
            assert_eq!(refuser, Some(Some(Refuser::Peer)));
        } else {
            assert_eq!(ended, "ended Some(408) \"timeout\" None");
            assert_eq!(refuser, Some(Some(Refuser::Nobody)));
        }
        assert!((600..=602).contains(&(desk.now.as_millis() / 1000)));
        desk.assert_all_gone();
    }
}

#[test]
fn who_refused_a_subscription_is_told() {
    let refuser = |desk: &Desk| {
        desk.events.iter().find_map(|event| match event {
            Event::SubscriptionEnded { status, refuser, .. } => Some((*status, *refuser)),
            _ => None,
        })
    };
    let (mut desk, _, subscribe) = subscribing();
    desk.feed(respond(&subscribe, 403, "far", "", ""));
    assert_eq!(refuser(&desk), Some((Some(403), Some(Refuser::Peer))));
    let (mut desk, ..) = subscribing();
    desk.run_for(GIVE_UP);
    assert_eq!(refuser(&desk), Some((Some(408), Some(Refuser::Nobody))));
    let mut desk = Desk::new();
    desk.core.subscribe(desk.now, "sip:peer@nowhere.example", "presence", 60 * SECOND).unwrap();
    desk.drain();
    desk.name_failed();
    assert_eq!(refuser(&desk), Some((Some(503), Some(Refuser::Network))));
    let (mut desk, id, subscribe) = subscribing();
    granted(&mut desk, &subscribe, 600);
    desk.feed(notify(&subscribe, 1, "active").text());
    desk.core.unsubscribe(desk.now, id).unwrap();
    desk.drain();
    desk.feed(notify(&subscribe, 2, "terminated;reason=timeout").text());
    assert_eq!(refuser(&desk), Some((None, None)), "nobody refused anything");
}

/// What was granted before holds as long as it was granted, though the next interval is too brief (RFC 6665 section 4.1.2.2), and each interval may
/// have to be lengthened anew.
#[test]
fn a_refresh_that_is_too_brief_ends_nothing_that_was_granted() {
    let (mut desk, _, subscribe) = subscribing();
    granted(&mut desk, &subscribe, 600);
    desk.feed(notify(&subscribe, 1, "active;expires=600").text());
    for (least, told_after) in [(1_200, 1_140), (2_400, 2_340)] {
        let refresh = loop {
            desk.run_for(SECOND);
            if let Some(sent) = desk.news().into_iter().find(|sent| sent.message.code() == "SUBSCRIBE") {
                break sent.message;
            }
        };
        desk.feed(respond(&refresh, 423, "", &format!("Min-Expires: {least}\r\n"), ""));
        let longer = desk.only().message;
        assert_eq!(longer.header("Expires"), least.to_string(), "{:?}", told(&desk));
        granted(&mut desk, &longer, least);
        desk.run_for((told_after - 60) * SECOND);
        assert!(desk.codes().is_empty(), "{least}");
    }
    // One that says nothing of use is a refusal for the moment.
    let (mut desk, _, refresh) = refreshing();
    desk.feed(respond(&refresh, 423, "", "Min-Expires: 10\r\n", ""));
    assert_eq!(told(&desk).last().unwrap(), "Active");
    desk.run_for(30 * SECOND);
    assert_eq!(desk.codes(), ["SUBSCRIBE"], "it is asked again while there is time");
}

/// RFC 3261 section 12.2.1.2: SUBSCRIBE and NOTIFY say where their sender is, and so do the 2xx to them.
#[test]
fn a_notifier_that_moves_is_followed_to_where_its_2xx_says() {
    let (mut desk, _, subscribe) = subscribing();
    granted(&mut desk, &subscribe, 600);
    desk.feed(notify(&subscribe, 1, "active;expires=600").text());
    desk.run_for(540 * SECOND);
    let refresh = desk.last("SUBSCRIBE");
    assert_eq!(refresh.to(), "192.0.2.9:5060");
    desk.news();
    let lines = "Expires: 600\r\nContact: <sip:moved@192.0.2.10:5070>\r\n";
    desk.feed(respond(&refresh.message, 200, "", lines, ""));
    desk.run_for(540 * SECOND);
    let next = desk.last("SUBSCRIBE");
    assert_eq!((next.message.uri(), next.to().as_str()), ("sip:moved@192.0.2.10:5070", "192.0.2.10:5070"));
    desk.news();
    // Not to where nothing of ours can go, and not because a refusal says so.
    for (status, contact) in [(200, "<sip:x@192.0.2.11;transport=tcp>"), (503, "<sip:x@192.0.2.11>")] {
        let lines = format!("Expires: 600\r\nContact: {contact}\r\n");
        desk.feed(respond(&desk.last("SUBSCRIBE").message, status, "", &lines, ""));
        desk.run_for(540 * SECOND);
        assert_eq!(desk.last("SUBSCRIBE").to(), "192.0.2.10:5070", "{status}");
    }
}

/// After a stall of the machine the notifier may still keep the subscription: it is asked before anybody is told of an end.
#[test]
fn a_machine_that_stood_still_refreshes_before_it_gives_a_subscription_up() {
    let stalled = || {
        let (mut desk, _, subscribe) = subscribing();
        granted(&mut desk, &subscribe, 600);
        desk.feed(notify(&subscribe, 1, "active;expires=600").text());
        desk.news();
        desk.now = desk.now + 700 * SECOND;
        desk.core.handle_timeout(desk.now);
        desk.drain();
        let refresh = desk.only().message;
        assert_eq!((refresh.code().as_str(), refresh.header("Expires")), ("SUBSCRIBE", "600"));
        (desk, refresh)
    };
    let (mut desk, refresh) = stalled();
    granted(&mut desk, &refresh, 600);
    assert_eq!(told(&desk).last().unwrap(), "granted 600");
    desk.run_for(539 * SECOND);
    assert!(desk.codes().is_empty());
    desk.run_for(SECOND + ms(100));
    assert_eq!(desk.codes(), ["SUBSCRIBE"], "all is as before");
    let (mut desk, refresh) = stalled();
    desk.feed(respond(&refresh, 481, "", "", ""));
    assert_eq!(told(&desk).last().unwrap(), "ended Some(481) \"Whatever\" None");
    desk.assert_all_gone();
    let (mut desk, _) = stalled();
    desk.run_for(GIVE_UP + SECOND);
    assert_eq!(told(&desk).last().unwrap(), "ended Some(408) \"timeout\" None", "nobody is there any more");
    desk.assert_all_gone();
}

/// As with a re-INVITE: only what is taken can say where its sender is.
#[test]
fn a_request_that_is_refused_moves_nobody() {
    let elsewhere = "<sip:x@203.0.113.66>";
    let (mut desk, _, subscribe) = subscribing();
    granted(&mut desk, &subscribe, 600);
    desk.feed(notify(&subscribe, 1, "active;expires=600").text());
    desk.news();
    let asks = notify(&subscribe, 2, "active");
    for (ask, code) in [
        (asks.again("NOTIFY").header("Event: dialog").header("Subscription-State: active"), "481"),
        (asks.again("NOTIFY").header("Event: presence").cseq(3).branch("n3"), "400"),
        (asks.again("OPTIONS").cseq(4).branch("o4"), "200"),
        (asks.again("INFO").cseq(5).branch("i5"), "481"),
        (asks.again("SUBSCRIBE").header("Event: presence").cseq(6).branch("s6"), "481"),
    ] {
        desk.feed(ask.contact(elsewhere).text());
        assert_eq!(desk.codes(), [code]);
    }
    desk.run_for(541 * SECOND);
    let refresh = desk.last("SUBSCRIBE");
    assert_eq!(refresh.to(), "192.0.2.9:5060");
    granted(&mut desk, &refresh.message, 600);
    desk.feed(notify(&subscribe, 7, "active;expires=600").contact(elsewhere).text());
    desk.run_for(541 * SECOND);
    assert_eq!(desk.last("SUBSCRIBE").to(), "203.0.113.66:5060", "what is taken does");
}

/// A notifier that leaves us no time is not asked again and again.
#[test]
fn a_notifier_that_grants_no_time_ends_the_subscription() {
    let (mut desk, _, subscribe) = subscribing();
    granted(&mut desk, &subscribe, 600);
    desk.feed(notify(&subscribe, 1, "active;expires=0").text());
    desk.news();
    desk.run_for(ms(100));
    assert_eq!(desk.codes(), [""; 0]);
    assert_eq!(told(&desk).last().unwrap(), "ended Some(408) \"timeout\" None");
    desk.assert_all_gone();
}
