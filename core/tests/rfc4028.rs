//! Session timers (RFC 4028), in both roles, and the peers who misuse them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::Duration;

use offhook_core::base::ids::SessionId;
use offhook_core::coordinator::CoordinatorConfig;
use support::{Desk, Message, Request, SDP, SECOND, respond};

const TARGET: &str = "sip:peer@192.0.2.9";
const CONTACT: &str = "Contact: <sip:peer@192.0.2.9:5060>\r\n";

fn invite() -> Request {
    Request::new("INVITE").sdp(SDP)
}

/// A call of the peer's that asks for a session timer, answered and acknowledged; our 200.
fn taken(lines: &[&str]) -> (Desk, SessionId, Message) {
    let mut desk = Desk::new();
    let mut request = invite();
    for line in lines {
        request = request.header(line);
    }
    desk.feed(request.text());
    let session = desk.incoming();
    desk.answer(session);
    let ok = desk.last("200").message;
    desk.feed(invite().again("ACK").callee_tag(&ok.callee_tag()).branch("ack").text());
    desk.news();
    (desk, session, ok)
}

/// A call of ours that asks for a session timer of `seconds`; the INVITE.
fn calling(seconds: u64) -> (Desk, Message) {
    let mut config = CoordinatorConfig::default();
    config.session_expires = Some(Duration::from_secs(seconds));
    let mut desk = Desk::with(config);
    desk.call(TARGET);
    let invite = desk.only().message;
    (desk, invite)
}

/// The same, answered with these lines.
fn made(seconds: u64, lines: &str) -> (Desk, Message) {
    let (mut desk, invite) = calling(seconds);
    desk.feed(respond(&invite, 200, "far", &format!("{CONTACT}{lines}"), SDP));
    assert_eq!(desk.codes(), ["ACK"]);
    (desk, invite)
}

fn back(invite: &Message, method: &str) -> Request {
    Request::new(method).call_id(invite.header("Call-ID")).caller_tag("far").callee_tag(&invite.caller_tag())
}

#[test]
fn without_a_wish_there_is_no_timer() {
    let (mut desk, _, ok) = taken(&["Supported: timer"]);
    assert!(!ok.has("Session-Expires") && !ok.has("Require"), "{}", ok.first_line());
    desk.run_for(Duration::from_secs(86_400));
    assert_eq!(desk.codes(), [""; 0]);
}

#[test]
fn the_caller_wishes_and_the_callee_refreshes() {
    let (mut desk, _, ok) =
        taken(&["Supported: timer", "Session-Expires: 90;refresher=uas", "Allow: INVITE, UPDATE"]);
    assert_eq!(ok.header("Session-Expires"), "90;refresher=uas");
    assert_eq!(ok.header("Require"), "timer");
    for _ in 0..3 {
        desk.run_for(44 * SECOND);
        assert_eq!(desk.codes(), [""; 0]);
        desk.run_for(SECOND);
        let update = desk.only().message;
        assert_eq!(update.code(), "UPDATE");
        assert_eq!(
            update.header("Session-Expires"),
            "90;refresher=uac",
            "the roles are those of this request"
        );
        assert_eq!(update.body(), "", "a refresh changes no media");
        desk.feed(respond(&update, 200, "", &format!("{CONTACT}Session-Expires: 90;refresher=uac\r\n"), ""));
    }
    let refreshed = desk.told().iter().filter(|told| *told == "refreshed by us").count();
    assert_eq!(refreshed, 3, "what was agreed first is no refresh");
}

#[test]
fn a_peer_without_update_is_refreshed_by_a_reinvite_that_changes_nothing() {
    let (mut desk, _, ok) = taken(&["Supported: timer", "Session-Expires: 90;refresher=uas"]);
    desk.run_for(45 * SECOND);
    let refresh = desk.only().message;
    assert_eq!(refresh.code(), "INVITE");
    let origin = |message: &Message| {
        message.body().lines().find(|line| line.starts_with("o=")).map(String::from).unwrap()
    };
    let version = |line: String| line.split(' ').nth(2).unwrap().parse::<u64>().unwrap();
    assert!(refresh.body().contains("a=sendrecv"), "{}", refresh.body());
    let (first, second) = (version(origin(&ok)), version(origin(&refresh)));
    desk.feed(respond(&refresh, 200, "", &format!("{CONTACT}Session-Expires: 90;refresher=uac\r\n"), SDP));
    assert_eq!(desk.codes(), ["ACK"]);
    desk.run_for(45 * SECOND);
    let third = version(origin(&desk.only().message));
    assert_eq!(second, third, "the same description has the same version, {first} was an answer");
}

#[test]
fn who_wishes_to_refresh_is_let() {
    let (mut desk, _, ok) = taken(&["Supported: timer", "Session-Expires: 120;refresher=uac"]);
    assert_eq!(ok.header("Session-Expires"), "120;refresher=uac");
    assert_eq!(ok.header("Require"), "timer");
    desk.run_for(87 * SECOND);
    assert_eq!(desk.codes(), [""; 0]);
    let update = Request::new("UPDATE")
        .cseq(2)
        .callee_tag(&ok.callee_tag())
        .branch("up")
        .header("Supported: timer")
        .header("Session-Expires: 120;refresher=uac");
    desk.feed(update.text());
    let confirmed = desk.only().message;
    assert_eq!(
        (confirmed.code().as_str(), confirmed.header("Session-Expires")),
        ("200", "120;refresher=uac")
    );
    assert_eq!(desk.told().last().unwrap(), "refreshed by them");
    desk.run_for(87 * SECOND);
    assert_eq!(desk.codes(), [""; 0], "the time counts from the refresh");
    desk.run_for(SECOND);
    assert_eq!(desk.codes(), ["BYE"], "and 32 s before its end the peer is given up");
    assert_eq!(desk.told().last().unwrap(), "ended SessionExpired 408");
}

#[test]
fn a_caller_who_knows_no_timers_is_refreshed_by_us_and_required_nothing() {
    let (mut desk, _, ok) = taken(&["Session-Expires: 90"]);
    assert_eq!(ok.header("Session-Expires"), "90;refresher=uas", "a proxy asked for it");
    assert!(!ok.has("Require"));
    desk.run_for(45 * SECOND);
    assert_eq!(desk.codes(), ["INVITE"]);
}

/// RFC 4028 sections 5 and 6.
#[test]
fn too_brief_gets_422_with_min_se() {
    for (line, status) in [
        ("Session-Expires: 1", "422"),
        ("Session-Expires: 89;refresher=uac", "422"),
        ("Session-Expires: soon", "400"),
        ("Session-Expires: ", "400"),
    ] {
        let mut desk = Desk::new();
        desk.feed(invite().header("Supported: timer").header(line).text());
        let refusal = desk.only().message;
        assert_eq!(refusal.code(), status, "{line}");
        assert_eq!(refusal.has("Min-SE"), status == "422");
        if status == "422" {
            assert_eq!(refusal.header("Min-SE"), "90");
        }
    }
    let (mut desk, _, ok) = taken(&["Supported: timer", "Session-Expires: 4294967296"]);
    assert_eq!(ok.header("Session-Expires"), "31536000;refresher=uac", "a year is as good as for ever");
    // Within the call it is the same, and the call lives.
    let brief = invite().cseq(2).callee_tag(&ok.callee_tag()).branch("re").header("Supported: timer");
    desk.feed(brief.header("Session-Expires: 1").text());
    assert_eq!(desk.codes(), ["422"]);
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed"]);
}

/// A 2xx may only shorten the interval (section 9).
#[test]
fn an_answer_that_lengthens_what_we_refresh_does_not_keep_us_from_refreshing() {
    for seconds in ["3600", "99999999999", "99999999999999999999999"] {
        let lines = format!("Session-Expires: {seconds};refresher=uac\r\nAllow: UPDATE\r\n");
        let (mut desk, _) = made(1800, &lines);
        desk.run_for(899 * SECOND);
        assert_eq!(desk.codes(), [""; 0]);
        desk.run_for(SECOND);
        assert_eq!(desk.codes(), ["UPDATE"], "{seconds}: half of what we asked for");
    }
    // Who refreshes it itself does so when it says, and not before.
    let (mut desk, _) = made(1800, "Session-Expires: 3600;refresher=uas\r\nAllow: UPDATE\r\n");
    desk.run_for(1800 * SECOND);
    assert_eq!(desk.codes(), [""; 0]);
    desk.run_for(1767 * SECOND);
    assert_eq!(desk.codes(), [""; 0]);
    desk.run_for(2 * SECOND);
    assert_eq!(desk.codes().first().unwrap(), "BYE");
    // 422 may ask for more, within reason.
    let (mut desk, invite) = calling(1800);
    desk.feed(respond(&invite, 422, "far", "Min-SE: 99999999999999999999999\r\n", ""));
    assert_eq!(desk.last("INVITE").message.header("Session-Expires"), "31536000;refresher=uac");
}

/// RFC 4028 section 7.2.
#[test]
fn our_wish_is_in_the_invite_and_the_answer_decides() {
    let (mut desk, invite) = made(1800, "Session-Expires: 1800;refresher=uac\r\nAllow: UPDATE\r\n");
    assert_eq!(invite.header("Session-Expires"), "1800;refresher=uac");
    assert_eq!(invite.header("Min-SE"), "90");
    assert!(invite.header("Supported").contains("timer"));
    desk.run_for(900 * SECOND);
    assert_eq!(desk.codes(), ["UPDATE"]);

    let (mut desk, _) = made(1800, "Session-Expires: 1800;refresher=uas\r\nRequire: timer\r\n");
    desk.run_for(1767 * SECOND);
    assert_eq!(desk.codes(), [""; 0], "the peer wants to refresh");
    desk.run_for(SECOND);
    assert_eq!(desk.codes(), ["BYE"]);

    let (mut desk, _) = made(1800, "");
    desk.run_for(Duration::from_secs(86_400));
    assert_eq!(desk.codes(), [""; 0], "a peer without session timers is not expected to refresh");
}

#[test]
fn a_422_is_obeyed_and_remembered() {
    let (mut desk, invite) = calling(100);
    assert_eq!(invite.header("Session-Expires"), "100;refresher=uac");
    desk.feed(respond(&invite, 422, "far", "Min-SE: 300\r\n", ""));
    let sent = desk.news();
    assert_eq!(sent.iter().map(|it| it.message.code()).collect::<Vec<_>>(), ["ACK", "INVITE"]);
    let again = &sent.last().unwrap().message;
    assert_eq!((again.header("Session-Expires"), again.header("Min-SE")), ("300;refresher=uac", "300"));
    assert_eq!(again.header("Call-ID"), invite.header("Call-ID"), "section 7.3: the same call");
    assert_eq!((again.cseq(), again.caller_tag()), (invite.cseq() + 1, invite.caller_tag()));
    assert_ne!(again.branch(), invite.branch());
    // One that asks for nothing more, or for more and more, is believed at some point.
    desk.feed(respond(again, 422, "far", "Min-SE: 300\r\n", ""));
    assert_eq!(desk.told().last().unwrap(), "ended Rejected 422");

    let (mut desk, mut last) = calling(100);
    for more in [200, 300, 400, 500, 600] {
        desk.feed(respond(&last, 422, "far", &format!("Min-SE: {more}\r\n"), ""));
        let sent = desk.news();
        let Some(again) = sent.into_iter().find(|it| it.message.code() == "INVITE") else { break };
        last = again.message;
    }
    assert_eq!(desk.told().last().unwrap(), "ended Rejected 422");
    desk.assert_all_gone();
}

/// Section 7.3: what was too brief may have been put in on the way, by a proxy that wants a timer where nobody asked for one.
#[test]
fn a_422_to_an_invite_that_asked_for_no_timer_is_obeyed_as_well() {
    for least in [90, 1_200] {
        let mut desk = Desk::new();
        desk.call(TARGET);
        let first = desk.only().message;
        assert!(!first.has("Session-Expires") && first.header("Supported").contains("timer"));
        desk.feed(respond(&first, 422, "far", &format!("Min-SE: {least}\r\n"), ""));
        assert_eq!(desk.codes(), ["ACK", "INVITE"], "{least}");
        let again = desk.last("INVITE").message;
        assert_eq!(again.header("Session-Expires"), format!("{least};refresher=uac"));
        assert_eq!(again.header("Min-SE"), least.to_string());
        // Not for ever.
        let mut asked = again;
        for _ in 0..10 {
            desk.feed(respond(&asked, 422, "far", &format!("Min-SE: {least}\r\n"), ""));
            match desk.news().pop().filter(|sent| sent.message.code() == "INVITE") {
                Some(sent) => asked = sent.message,
                None => break,
            }
        }
        assert_eq!(desk.told(), ["ended Rejected 422"]);
    }
}

#[test]
fn a_422_without_min_se_is_a_refusal() {
    for lines in ["", "Min-SE: many\r\n", "Min-SE: 50\r\n"] {
        let (mut desk, invite) = calling(100);
        desk.feed(respond(&invite, 422, "far", lines, ""));
        assert_eq!(desk.codes(), ["ACK"]);
        assert_eq!(desk.told().last().unwrap(), "ended Rejected 422", "{lines:?}");
    }
}

#[test]
fn the_roles_may_change_with_each_refresh() {
    let (mut desk, invite) = made(90, "Session-Expires: 90;refresher=uac\r\nAllow: UPDATE\r\n");
    desk.run_for(45 * SECOND);
    let update = desk.only().message;
    desk.feed(respond(&update, 200, "", &format!("{CONTACT}Session-Expires: 90;refresher=uas\r\n"), ""));
    desk.run_for(55 * SECOND);
    assert_eq!(desk.codes(), [""; 0], "from now on the peer refreshes");
    let theirs = back(&invite, "UPDATE").branch("up1").header("Supported: timer");
    desk.feed(theirs.header("Session-Expires: 90;refresher=uas").text());
    assert_eq!(desk.only().message.header("Session-Expires"), "90;refresher=uas");
    desk.run_for(45 * SECOND);
    assert_eq!(desk.codes(), ["UPDATE"], "and now we do again");
}

#[test]
fn a_refresh_that_fails() {
    let begin = || {
        let (mut desk, _) = made(90, "Session-Expires: 90;refresher=uac\r\nAllow: UPDATE\r\n");
        desk.run_for(45 * SECOND);
        let update = desk.only().message;
        (desk, update)
    };
    for status in [481, 408] {
        let (mut desk, update) = begin();
        desk.feed(respond(&update, status, "", "", ""));
        assert_eq!(desk.codes(), ["BYE"], "{status}: the peer has forgotten the call");
        assert!(desk.told().last().unwrap().starts_with("ended RemoteGone"));
    }
    let (mut desk, update) = begin();
    desk.feed(respond(&update, 491, "", "", ""));
    desk.run_for(4 * SECOND);
    assert_eq!(desk.codes().first().unwrap(), "UPDATE", "glare: once more");

    let (mut desk, update) = begin();
    desk.feed(respond(&update, 405, "", "Allow: INVITE\r\n", ""));
    desk.run_for(SECOND);
    assert_eq!(desk.codes().first().unwrap(), "INVITE", "no UPDATE, then");

    let (mut desk, _) = begin();
    desk.run_for(20 * SECOND);
    assert!(desk.codes().contains(&"BYE".into()), "silence");
    desk.assert_all_gone();
}

/// A call whose first refresh is due: the UPDATE.
fn refreshing() -> (Desk, Message, Message) {
    let (mut desk, invite) = made(90, "Session-Expires: 90;refresher=uac\r\nAllow: UPDATE\r\n");
    desk.run_for(45 * SECOND);
    let update = desk.only().message;
    assert_eq!(update.code(), "UPDATE");
    (desk, invite, update)
}

/// Section 10: what is refused for good is tried once in another way, and then the call goes on until its time is up.
#[test]
fn a_refused_refresh_is_tried_once_more_by_reinvite() {
    for status in [302, 400, 403, 404, 410, 415, 488, 500, 501, 503, 580, 600, 603, 606] {
        let (mut desk, _, update) = refreshing();
        desk.feed(respond(&update, status, "", "", ""));
        desk.run_for(Duration::ZERO);
        let reinvite = desk.only().message;
        assert_eq!(reinvite.code(), "INVITE", "{status}");
        assert_eq!(reinvite.header("Session-Expires"), "90;refresher=uac");
        let ok = format!("{CONTACT}Session-Expires: 90;refresher=uac\r\n");
        desk.feed(respond(&reinvite, 200, "", &ok, SDP));
        assert_eq!(desk.codes(), ["ACK"]);
        assert_eq!(desk.told().last().unwrap(), "refreshed by us", "{status}");
        desk.run_for(45 * SECOND);
        assert_eq!(desk.codes().len(), 1, "{status}: and it is refreshed again");
    }
}

#[test]
fn a_call_that_is_not_refreshed_goes_on_to_its_end_and_says_why() {
    for (first, second) in [(400, 488), (503, 503), (403, 403), (606, 491)] {
        let (mut desk, _, update) = refreshing();
        desk.feed(respond(&update, first, "", "", ""));
        desk.run_for(Duration::ZERO);
        let mut reinvite = desk.only().message;
        desk.feed(respond(&reinvite, second, "", "", ""));
        assert_eq!(desk.codes(), ["ACK"]);
        if second == 491 {
            desk.run_for(4 * SECOND);
            reinvite = desk.news().remove(0).message;
            assert_eq!(reinvite.code(), "INVITE", "glare passes");
            desk.feed(respond(&reinvite, 488, "", "", ""));
            desk.news();
        }
        let told = desk.told().last().unwrap().clone();
        assert!(told.starts_with("RefreshRefused"), "{told}");
        let left = 60 * SECOND - Duration::from_millis(desk.now.as_millis());
        desk.run_for(left - SECOND / 10);
        assert_eq!(desk.codes(), [""; 0], "{first}: the call goes on");
        desk.run_for(SECOND / 10);
        assert_eq!(desk.codes(), ["BYE"]);
        let last = if second == 491 { 488 } else { second };
        assert_eq!(desk.told().last().unwrap(), &format!("ended RefreshRefused {last}"));
        let bye = desk.last("BYE").message;
        desk.feed(respond(&bye, 200, "", "", ""));
        desk.assert_all_gone();
    }
}

/// Of a refresh by re-INVITE nobody asked for a change, so none has failed.
#[test]
fn a_refused_reinvite_that_refreshes_is_no_failed_change() {
    let (mut desk, _, _) = taken(&["Supported: timer", "Session-Expires: 90;refresher=uas"]);
    desk.run_for(45 * SECOND);
    let refresh = desk.only().message;
    desk.feed(respond(&refresh, 488, "", "", ""));
    let told = desk.told();
    assert!(!told.iter().any(|told| told.starts_with("refused")), "{told:?}");
    assert!(told.last().unwrap().starts_with("RefreshRefused"), "{told:?}");
    // A change of the media refreshes as well, if the peer takes that.
    let session = desk.incoming();
    desk.core.hold(desk.now, session).unwrap();
    desk.drain();
    let hold = desk.last("INVITE").message;
    desk.feed(respond(&hold, 200, "", &format!("{CONTACT}Session-Expires: 90;refresher=uac\r\n"), SDP));
    desk.run_for(44 * SECOND);
    assert!(!desk.codes().contains(&"BYE".into()), "the session begins anew");
}

/// And neither has the wish that meets a refusal of its own.
#[test]
fn a_change_that_is_refused_is_told_as_that() {
    let (mut desk, session, _) = taken(&["Supported: timer", "Session-Expires: 90;refresher=uas"]);
    desk.core.hold(desk.now, session).unwrap();
    desk.drain();
    let hold = desk.last("INVITE").message;
    desk.feed(respond(&hold, 488, "", "", ""));
    assert_eq!(desk.told().last().unwrap(), "refused 488");
    desk.news();
    desk.run_for(45 * SECOND);
    assert_eq!(desk.codes(), ["INVITE"], "the refresh comes all the same");
}

#[test]
fn a_refresh_comes_again_when_retry_after_says_so() {
    for status in [500, 503, 486] {
        let (mut desk, _, update) = refreshing();
        desk.feed(respond(&update, status, "", "Retry-After: 8 (soon);duration=60\r\n", ""));
        desk.run_for(8 * SECOND - Duration::from_millis(1));
        assert_eq!(desk.codes(), [""; 0], "{status}");
        desk.run_for(Duration::from_millis(1));
        assert_eq!(desk.codes(), ["UPDATE"], "{status}");
    }
    // Not when the session would be over by then, and not for ever.
    let (mut desk, _, update) = refreshing();
    desk.feed(respond(&update, 503, "", "Retry-After: 30\r\n", ""));
    desk.run_for(Duration::ZERO);
    assert_eq!(desk.codes(), ["INVITE"]);
    let (mut desk, _, mut update) = refreshing();
    let mut codes = Vec::new();
    for _ in 0..20 {
        desk.feed(respond(&update, 503, "", "Retry-After: 0\r\n", ""));
        desk.run_for(Duration::ZERO);
        let Some(next) = desk.news().pop() else { break };
        codes.push(next.message.code());
        if next.message.code() != "UPDATE" {
            break;
        }
        update = next.message;
    }
    assert_eq!(codes.len(), 11, "{codes:?}");
    assert_eq!(codes.last().unwrap(), "INVITE");
}

/// After a stall of the machine the peer may still be there: whoever refreshes asks before it hangs up, and whoever waits
/// reads first what has come meanwhile.
#[test]
fn a_machine_that_stood_still_asks_before_it_hangs_up() {
    let stall = |desk: &mut Desk, time: Duration| {
        desk.now = desk.now + time;
        desk.core.handle_timeout(desk.now);
        desk.drain();
    };
    let (mut desk, _) = made(90, "Session-Expires: 90;refresher=uac\r\nAllow: UPDATE\r\n");
    stall(&mut desk, 600 * SECOND);
    let update = desk.only().message;
    assert_eq!(update.code(), "UPDATE");
    desk.feed(respond(&update, 200, "", &format!("{CONTACT}Session-Expires: 90;refresher=uac\r\n"), ""));
    assert_eq!(desk.told().last().unwrap(), "refreshed by us");
    stall(&mut desk, 600 * SECOND);
    assert_eq!(desk.codes(), ["UPDATE"]);
    desk.run_for(33 * SECOND);
    assert!(desk.codes().contains(&"BYE".into()), "nobody is there any more");

    let (mut desk, _, ok) = taken(&["Supported: timer", "Session-Expires: 90;refresher=uac"]);
    stall(&mut desk, 600 * SECOND);
    assert_eq!(desk.codes(), [""; 0]);
    let update = Request::new("UPDATE").cseq(2).callee_tag(&ok.callee_tag()).branch("up");
    desk.feed(update.header("Supported: timer").header("Session-Expires: 90;refresher=uac").text());
    assert_eq!(desk.codes(), ["200"]);
    stall(&mut desk, 600 * SECOND);
    desk.run_for(5 * SECOND);
    assert_eq!(desk.codes(), ["BYE"]);
    assert_eq!(desk.told().last().unwrap(), "ended SessionExpired 408");
    // A clock that always jumps ends it, too.
    let (mut desk, _, _) = taken(&["Supported: timer", "Session-Expires: 90;refresher=uac"]);
    for _ in 0..12 {
        stall(&mut desk, 600 * SECOND);
    }
    assert_eq!(desk.codes().first().unwrap(), "BYE");
}

/// Sections 4 and 7.4: no interval is below 90 s. A 2xx that says less is taken up to that, or we would refresh without end.
#[test]
fn a_2xx_with_less_than_the_floor_is_taken_up_to_it() {
    for said in [0, 1, 30, 89, 90] {
        let lines = format!("Allow: UPDATE\r\nRequire: timer\r\nSession-Expires: {said};refresher=uac\r\n");
        let (mut desk, _) = made(1800, &lines);
        desk.run_for(Duration::from_millis(44_999));
        assert_eq!(desk.codes(), [""; 0], "{said}");
        desk.run_for(Duration::from_millis(1));
        let update = desk.only().message;
        assert_eq!(update.header("Session-Expires"), "90;refresher=uac", "{said}");
        assert_eq!(update.header("Min-SE"), "90", "{said}");
        // The same of what answers a refresh.
        desk.feed(respond(&update, 200, "", &lines, ""));
        desk.run_for(Duration::from_millis(44_999));
        assert_eq!(desk.codes(), [""; 0], "{said}");
        desk.run_for(Duration::from_millis(1));
        assert_eq!(desk.codes(), ["UPDATE"], "{said}");
    }
}

/// A wish of the settings below the floor is one for the floor.
#[test]
fn a_wish_below_the_floor_is_made_for_it() {
    let mut config = CoordinatorConfig::default();
    (config.session_expires, config.min_se) = (Some(Duration::from_secs(5)), Duration::from_secs(1));
    let mut desk = Desk::with(config);
    desk.call(TARGET);
    let invite = desk.only().message;
    assert_eq!((invite.header("Session-Expires"), invite.header("Min-SE")), ("90;refresher=uac", "90"));
}

/// A session is refreshed from its answer on (RFC 4028 section 1): an UPDATE before that changes the media, and not what the INVITE
/// has asked for.
#[test]
fn an_update_before_the_answer_leaves_the_timer_that_the_invite_asks_for() {
    let mut config = CoordinatorConfig::default();
    config.reliable = offhook_core::coordinator::Reliable::Supported;
    let mut desk = Desk::with(config);
    let lines = ["Supported: timer, 100rel", "Session-Expires: 600;refresher=uas", "Allow: UPDATE, PRACK"];
    let request = lines.iter().fold(invite(), |request, line| request.header(line));
    desk.feed(request.text());
    let session = desk.incoming();
    desk.news();
    desk.core.progress(desk.now, session, true).unwrap();
    desk.drain();
    let early = desk.only().message;
    let tag = early.callee_tag();
    let within = |method: &str, cseq: u32| {
        let branch = format!("early{cseq}");
        invite().again(method).cseq(cseq).branch(&branch).callee_tag(&tag)
    };
    desk.feed(within("PRACK", 2).header(&format!("RAck: {} 1 INVITE", early.header("RSeq"))).text());
    assert_eq!(desk.codes(), ["200"]);
    desk.feed(within("UPDATE", 3).sdp(SDP).text());
    let updated = desk.only().message;
    assert_eq!(updated.code(), "200");
    assert!(!updated.has("Session-Expires"), "there is no session to refresh yet");
    desk.answer(session);
    let ok = desk.only().message;
    assert_eq!(ok.header("Session-Expires"), "600;refresher=uas");
    desk.feed(invite().again("ACK").callee_tag(&tag).branch("ack").text());
    desk.run_for(300 * SECOND);
    assert_eq!(desk.codes(), ["UPDATE"], "and it is refreshed");
}

/// The same of a callee's UPDATE, where the settings have us refresh every call: the next INVITE of the same call asks as the first did.
#[test]
fn an_update_of_a_callee_leaves_the_timer_that_we_ask_for() {
    let mut config = CoordinatorConfig::default();
    config.session_expires = Some(Duration::from_secs(600));
    config.reliable = offhook_core::coordinator::Reliable::Supported;
    let mut desk = Desk::with(config);
    desk.call(TARGET);
    let invite = desk.only().message;
    let lines = format!("{CONTACT}Require: 100rel\r\nRSeq: 1\r\nAllow: UPDATE, PRACK\r\n");
    desk.feed(respond(&invite, 183, "far", &lines, SDP));
    let prack = desk.only().message;
    desk.feed(respond(&prack, 200, "", "", ""));
    desk.feed(back(&invite, "UPDATE").branch("early").sdp(SDP).text());
    assert!(!desk.only().message.has("Session-Expires"));
    desk.feed(respond(&invite, 422, "far", "Min-SE: 1200\r\n", ""));
    assert_eq!(desk.last("INVITE").message.header("Session-Expires"), "1200;refresher=uac");
}
