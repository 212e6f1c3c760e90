//! A change of the session that fails leaves it as it was (RFC 3261 section 14.1, RFC 3264 section 8, RFC 6141).
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use offhook_core::api::Modification;
use offhook_core::base::ids::SessionId;
use offhook_core::sdp::plan::{Codec, Direction};
use support::{Desk, Message, Request, SDP, SDP_OTHER_PORT, respond};

/// A call of the peer's that is up and has keys, PCMU first; our 200.
fn up() -> (Desk, SessionId, Message) {
    let keys = SDP.replace("AVP 0 8", "AVP 0 8 96") + "a=rtpmap:96 telephone-event/8000\r\n";
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(&keys).header("Allow: INVITE, UPDATE");
    desk.feed(invite.text());
    let session = desk.incoming();
    desk.answer(session);
    let ok = desk.last("200").message;
    desk.feed(Request::new("ACK").callee_tag(&ok.callee_tag()).branch("ack").text());
    desk.news();
    assert_eq!((desk.plan().codec, desk.plan().send_dtmf), (Codec::Pcmu, Some(96)));
    (desk, session, ok)
}

/// Number, version and formats of a description of ours.
fn described(message: &Message) -> (Vec<String>, String) {
    let line =
        |start: &str| String::from(message.body().lines().find(|line| line.starts_with(start)).unwrap());
    (line("o=").split(' ').skip(1).take(2).map(String::from).collect(), line("m="))
}

#[test]
fn an_offer_of_theirs_that_we_refuse_changes_nothing() {
    // Everything is new in it: address, port, numbers, direction; but no codec that we have.
    let offers = [
        SDP_OTHER_PORT
            .replace("192.0.2.9", "198.51.100.9")
            .replace("AVP 8", "AVP 18")
            .replace("sendrecv", "sendonly"),
        SDP_OTHER_PORT.replace("RTP/AVP", "RTP/SAVP"),
        SDP_OTHER_PORT.replace("m=audio 40002", "m=video 40002"),
    ];
    for method in ["INVITE", "UPDATE"] {
        for offer in &offers {
            let (mut desk, session, ok) = up();
            let (plan, orders) = (desk.plan(), desk.media.len());
            let tag = ok.callee_tag();
            desk.feed(Request::new(method).cseq(2).callee_tag(&tag).branch("bad").sdp(offer).text());
            assert_eq!(desk.codes(), ["488"], "{offer}");
            if method == "INVITE" {
                desk.feed(Request::new("ACK").cseq(2).callee_tag(&tag).branch("bad").text());
            }
            assert_eq!((desk.plan(), desk.media.len()), (plan, orders), "the media side hears nothing of it");
            // Nor did our own description change: the next has the next version.
            desk.core.hold(desk.now, session).unwrap();
            desk.drain();
            let (before, after) = (described(&ok), described(&desk.last("INVITE").message));
            let version = |words: &[String]| words[1].parse::<u64>().unwrap();
            assert_eq!((version(&after.0), &after.0[0]), (version(&before.0) + 1, &before.0[0]));
        }
    }
}

#[test]
fn an_offer_of_ours_that_they_refuse_changes_nothing() {
    for by_update in [false, true] {
        for status in [400, 415, 486, 488, 500, 503, 600, 603, 606] {
            let (mut desk, session, _) = up();
            let (plan, orders) = (desk.plan(), desk.media.len());
            let mut change = Modification::codecs("pcma".parse().unwrap());
            change.direction = Some(Direction::SendOnly);
            let change = if by_update { change.by_update() } else { change };
            desk.core.modify(desk.now, session, change).unwrap();
            desk.drain();
            let method = if by_update { "UPDATE" } else { "INVITE" };
            let offer = desk.last(method).message;
            assert!(described(&offer).1.contains("RTP/AVP 8"), "{}", offer.body());
            desk.feed(respond(&offer, status, "", "", ""));
            assert_eq!((desk.plan(), desk.media.len()), (plan, orders), "{method} {status}");
            assert_eq!(desk.told().last().unwrap(), &format!("refused {status}"));
        }
    }
}

/// What was refused is not offered behind the peer's back when it asks for an offer.
#[test]
fn a_change_that_was_refused_is_not_wanted_any_more() {
    let (mut desk, session, ok) = up();
    let formats = described(&ok).1;
    desk.core.modify(desk.now, session, Modification::codecs("pcma".parse().unwrap())).unwrap();
    desk.drain();
    let offer = desk.last("INVITE").message;
    desk.feed(respond(&offer, 488, "", "", ""));
    desk.news();
    desk.feed(Request::new("INVITE").cseq(2).callee_tag(&ok.callee_tag()).branch("ask").text());
    let offered = described(&desk.last("200").message).1;
    assert!(offered.contains(" 0 8") && formats.contains(" 0"), "{offered} after {formats}");
}

/// Ours waits for another try when theirs comes: our answer says what we wanted, and there is nothing left to try.
#[test]
fn what_they_change_meanwhile_brings_our_wish_along() {
    let (mut desk, session, ok) = up();
    desk.core.modify(desk.now, session, Modification::direction(Direction::SendOnly)).unwrap();
    desk.drain();
    let offer = desk.last("INVITE").message;
    desk.feed(respond(&offer, 491, "", "", ""));
    desk.news();
    let tag = ok.callee_tag();
    desk.feed(Request::new("INVITE").cseq(2).callee_tag(&tag).branch("theirs").sdp(SDP_OTHER_PORT).text());
    assert_eq!(desk.codes(), ["200"]);
    desk.feed(Request::new("ACK").cseq(2).callee_tag(&tag).branch("theirs-ack").text());
    desk.run_for(support::SECOND * 5);
    assert_eq!(desk.codes(), [""; 0]);
    let plan = desk.plan();
    let all = (plan.codec, plan.remote_rtp.unwrap().port(), plan.direction);
    assert_eq!(all, (Codec::Pcma, 40_002, Direction::SendOnly));
}

/// An offer that had nowhere to go was seen by nobody: its version is that of the next description (RFC 3264 section 8).
#[test]
fn an_offer_that_was_never_sent_takes_no_version() {
    let version = |message: &Message| described(message).0[1].parse::<u64>().unwrap();
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(SDP).contact("<sip:peer@phone.example>");
    let (session, tag) = desk.up(&invite);
    let ok = desk.last("200").message;
    for _ in 0..2 {
        desk.core.hold(desk.now, session).unwrap();
        desk.drain();
        desk.name_failed();
    }
    assert_eq!(desk.codes(), [""; 0]);
    let change = SDP_OTHER_PORT.replace("sendrecv", "sendonly");
    desk.feed(invite.again("INVITE").cseq(2).callee_tag(&tag).branch("change").sdp(&change).text());
    assert_eq!(version(&desk.last("200").message), version(&ok) + 1);
}
