//! What the other side has said at the beginning is not its last word: where it is, and what it understands.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use offhook_core::api::{Modification, OfferMethod};
use offhook_core::base::ids::SessionId;
use offhook_core::coordinator::{CoordinatorConfig, InviteParams, Reliable};
use offhook_core::sdp::plan::Direction;
use offhook_core::session::State;
use support::{Desk, Message, Request, SDP, SECOND, respond};

const CONTACT: &str = "Contact: <sip:peer@192.0.2.9:5060>\r\n";
const UPDATE: &str = "Allow: INVITE, ACK, BYE, PRACK, UPDATE\r\n";
const NO_UPDATE: &str = "Allow: INVITE, ACK, BYE, PRACK\r\n";

/// A call of ours that is up, and its INVITE. `lines` are further ones of the 200.
fn calling(lines: &str) -> (Desk, SessionId, Message) {
    let mut config = CoordinatorConfig::default();
    config.session_expires = Some(1800 * SECOND);
    let mut desk = Desk::with(config).trusting();
    let session = desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    let timer = "Session-Expires: 1800;refresher=uac\r\n";
    desk.feed(respond(&invite, 200, "far", &format!("{CONTACT}{timer}{lines}"), SDP));
    assert_eq!(desk.codes(), ["ACK"]);
    (desk, session, invite)
}

/// A call of the peer that is up; what it asks within it. `lines` are further ones of the INVITE.
fn called(lines: &str) -> (Desk, SessionId, Request) {
    let mut desk = Desk::new().trusting();
    let mut invite = Request::new("INVITE").sdp(SDP);
    if !lines.is_empty() {
        invite = invite.header(lines.trim_end());
    }
    desk.feed(invite.text());
    let session = desk.incoming();
    desk.answer(session);
    let asks = invite.callee_tag(&desk.last("200").message.callee_tag());
    desk.feed(asks.again("ACK").branch("ack").text());
    desk.news();
    (desk, session, asks)
}

/// What the peer asks within a call of ours.
fn asks(invite: &Message, method: &str) -> Request {
    let asks = Request::new(method).call_id(invite.header("Call-ID")).caller_tag("far");
    asks.callee_tag(&invite.caller_tag()).cseq(7).branch(method)
}

/// Holds the call by UPDATE, or by a re-INVITE if the peer knows no UPDATE; what went out.
fn hold(desk: &mut Desk, session: SessionId) -> Message {
    let mut change = Modification::direction(Direction::SendOnly);
    change.by = OfferMethod::Update;
    desk.core.modify(desk.now, session, change).unwrap();
    desk.drain();
    desk.only().message
}

/// Where our BYE goes.
fn hangs_up(desk: &mut Desk, session: SessionId) -> String {
    desk.hangup(session);
    let bye = desk.last("BYE");
    desk.feed(respond(&bye.message, 200, "", "", ""));
    bye.to()
}

/// Nothing of ours could follow it there: neither the ACK nor the BYE.
#[test]
fn a_2xx_moves_nobody_to_where_nothing_can_be_sent() {
    for contact in ["<sip:peer@192.0.2.7;transport=tcp>", "<sips:peer@192.0.2.7>", "<tel:+49>", "*"] {
        let moved = format!("Contact: {contact}\r\n");
        let (mut desk, session, _) = calling("");
        desk.core.hold(desk.now, session).unwrap();
        desk.drain();
        let offer = desk.only().message;
        for _ in 0..2 {
            desk.feed(respond(&offer, 200, "", &moved, SDP));
            assert_eq!(desk.only().to(), "192.0.2.9:5060", "the ACK, {contact}");
        }
        assert_eq!(hangs_up(&mut desk, session), "192.0.2.9:5060", "{contact}");
        desk.assert_all_gone();
        let (mut desk, session, _) = calling(UPDATE);
        let offer = hold(&mut desk, session);
        desk.feed(respond(&offer, 200, "", &moved, SDP));
        assert_eq!(hangs_up(&mut desk, session), "192.0.2.9:5060", "UPDATE, {contact}");
        let (mut desk, session, _) = calling(UPDATE);
        desk.run_for(900 * SECOND);
        let refresh = desk.only().message;
        desk.feed(respond(&refresh, 200, "", &moved, ""));
        assert_eq!(hangs_up(&mut desk, session), "192.0.2.9:5060", "refresh, {contact}");
    }
    let (mut desk, session, _) = calling(UPDATE);
    let offer = hold(&mut desk, session);
    desk.feed(respond(&offer, 200, "", "Contact: <sip:peer@192.0.2.7:5070>\r\n", SDP));
    assert_eq!(hangs_up(&mut desk, session), "192.0.2.7:5070", "others do move");
}

/// A call of ours that rings at somebody who says no more than that.
fn ringing() -> (Desk, SessionId, Message) {
    let mut config = CoordinatorConfig::default();
    config.reliable = Reliable::Supported;
    let mut desk = Desk::with(config).trusting();
    let session = desk.invite(InviteParams::new("sip:peer@192.0.2.9")).unwrap();
    let invite = desk.only().message;
    desk.feed(respond(&invite, 180, "far", CONTACT, ""));
    (desk, session, invite)
}

/// A dialog begins with the first 180, but what a later response says of its callee is newer (RFC 6141 section 4).
#[test]
fn a_reliable_provisional_response_moves_the_callee() {
    let (mut desk, _, invite) = ringing();
    let lines = "Contact: <sip:peer@192.0.2.7:5070>\r\nRequire: 100rel\r\nRSeq: 1\r\n";
    desk.feed(respond(&invite, 183, "far", lines, SDP));
    let prack = desk.only();
    assert_eq!((prack.to(), prack.message.uri()), ("192.0.2.7:5070".into(), "sip:peer@192.0.2.7:5070"));
    desk.feed(respond(&prack.message, 200, "", "", ""));
    // One that may have been overtaken moves nobody.
    desk.feed(respond(&invite, 180, "far", CONTACT, ""));
    desk.feed(respond(&invite, 183, "far", "Require: 100rel\r\nRSeq: 2\r\n", ""));
    assert_eq!(desk.only().to(), "192.0.2.7:5070");
}

/// Allow is whole wherever it stands (RFC 3261 section 20.5), and says whether UPDATE is known (RFC 3311 section 4).
#[test]
fn whoever_says_later_that_it_knows_update_gets_updates() {
    for method in ["INVITE", "UPDATE", "INFO", "OPTIONS"] {
        for (before, later, by) in
            [("", UPDATE, "UPDATE"), (UPDATE, NO_UPDATE, "INVITE"), (UPDATE, "", "UPDATE")]
        {
            let (mut desk, session, invite) = calling(before);
            let mut asked = asks(&invite, method);
            if method == "INVITE" {
                asked = asked.sdp(SDP);
            }
            if !later.is_empty() {
                asked = asked.header(later.trim_end());
            }
            desk.feed(asked.text());
            assert_eq!(desk.only().message.code(), "200");
            desk.feed(asks(&invite, "ACK").text());
            assert_eq!(hold(&mut desk, session).code(), by, "{method} with {later:?} after {before:?}");
        }
    }
    // By its answers to what we ask.
    for (before, later, by) in [("", UPDATE, "UPDATE"), (UPDATE, NO_UPDATE, "INVITE")] {
        let (mut desk, session, _) = calling(before);
        desk.core.info(desk.now, session, "text/plain", b"x").unwrap();
        desk.drain();
        let info = desk.only().message;
        desk.feed(respond(&info, 200, "", later, ""));
        assert_eq!(hold(&mut desk, session).code(), by, "{later:?} after {before:?}");
        let (mut desk, session, _) = called(before);
        desk.core.hold(desk.now, session).unwrap();
        desk.drain();
        let offer = desk.only().message;
        desk.feed(respond(&offer, 200, "", &format!("{CONTACT}{later}"), SDP));
        desk.news();
        desk.core.resume(desk.now, session).unwrap();
        desk.drain();
        desk.feed(respond(&desk.last("INVITE").message, 200, "", CONTACT, SDP));
        desk.news();
        assert_eq!(hold(&mut desk, session).code(), by, "{later:?} after {before:?}");
    }
}

/// Before the answer as well: the 180 that made the dialog had no Allow.
#[test]
fn a_callee_who_says_before_the_answer_that_it_knows_update_gets_updates() {
    let (mut desk, session, invite) = ringing();
    desk.feed(respond(&invite, 183, "far", &format!("{CONTACT}Require: 100rel\r\nRSeq: 1\r\n{UPDATE}"), SDP));
    desk.feed(respond(&desk.last("PRACK").message, 200, "", "", ""));
    desk.news();
    assert_eq!(hold(&mut desk, session).code(), "UPDATE");
}

/// An Allow may be wrong, or a server on the way may not let UPDATE pass (RFC 3311 section 5.1).
#[test]
fn a_change_whose_update_is_not_understood_is_asked_for_by_a_reinvite() {
    for status in [405, 501] {
        let (mut desk, session, _) = calling(UPDATE);
        let update = hold(&mut desk, session);
        assert_eq!(update.code(), "UPDATE");
        desk.feed(respond(&update, status, "", "", ""));
        desk.run_for(SECOND);
        let offer = desk.last("INVITE").message;
        assert!(offer.body().contains("a=sendonly"), "{offer:?}");
        desk.feed(respond(&offer, 200, "", CONTACT, SDP));
        assert_eq!(desk.told().last().unwrap(), "hold true false", "{status}");
        assert!(!desk.told().iter().any(|told| told.starts_with("refused")));
        assert_eq!(desk.core.session_state(session), Some(State::Active));
        // Before the answer there is no other way: it waits.
        let (mut desk, session, invite) = ringing();
        desk.feed(respond(
            &invite,
            183,
            "far",
            &format!("{CONTACT}Require: 100rel\r\nRSeq: 1\r\n{UPDATE}"),
            SDP,
        ));
        let prack = desk.last("PRACK").message;
        desk.feed(respond(&prack, 200, "", UPDATE, ""));
        desk.news();
        let update = hold(&mut desk, session);
        desk.feed(respond(&update, status, "", "", ""));
        desk.run_for(SECOND);
        assert_eq!(desk.codes(), [""; 0]);
        desk.feed(respond(&invite, 200, "far", CONTACT, ""));
        assert_eq!(desk.codes(), ["ACK", "INVITE"], "{status}");
    }
}
