//! Reliable provisional responses in both roles, and the exchanges of session descriptions that they carry (RFC 3262);
//! which early dialog is heard, and 199 (RFC 6228).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "rfc3262/callee.rs"]
mod callee;
#[path = "rfc3262/caller.rs"]
mod caller;
#[path = "rfc3262/exchanges.rs"]
mod exchanges;
#[path = "rfc3262/forks.rs"]
mod forks;
#[path = "rfc3262/late.rs"]
mod late;
mod support;
#[path = "rfc3262/update.rs"]
mod update;
#[path = "rfc3262/within.rs"]
mod within;

use offhook_core::base::ids::SessionId;
use offhook_core::coordinator::{CommandError, CoordinatorConfig, InviteParams, Reliable};
use offhook_core::signaling::{Deferral, InviteDetails, SignalingDecision};
use support::{Desk, GIVE_UP, Message, Request, SDP, SDP_NO_CODEC, SDP_OTHER_PORT, SECOND, ms, respond};

fn config(reliable: Reliable) -> CoordinatorConfig {
    let mut config = CoordinatorConfig::default();
    config.reliable = reliable;
    config
}

/// A peer that calls us, says that it knows reliable responses, and hears nothing yet.
fn called(line: &str, offer: &str) -> (Desk, SessionId, Request) {
    let silent = |_: &InviteDetails| SignalingDecision::Defer(Deferral::default());
    let mut desk = Desk::with_handler(config(Reliable::Supported), silent).trusting();
    let mut invite = Request::new("INVITE");
    if !line.is_empty() {
        invite = invite.header(line);
    }
    let invite = if offer.is_empty() { invite } else { invite.sdp(offer) };
    desk.feed(invite.text());
    assert_eq!(desk.codes(), [""; 0]);
    let session = desk.incoming();
    (desk, session, invite)
}

fn progress(desk: &mut Desk, session: SessionId, audio: bool) -> Result<(), CommandError> {
    let result = desk.core.progress(desk.now, session, audio);
    desk.drain();
    result
}

/// The PRACK of `response`, with a number and a branch of its own.
fn prack(invite: &Request, response: &Message, cseq: u32) -> Request {
    let rack = format!("RAck: {} 1 INVITE", response.header("RSeq"));
    let prack = invite.again("PRACK").cseq(cseq).branch(&format!("prack{cseq}"));
    prack.callee_tag(&response.callee_tag()).header(&rack)
}

/// The caller's ACK and BYE; then nothing may be left.
fn confirm_and_leave(desk: &mut Desk, invite: &Request) {
    let tag = desk.last("200").message.callee_tag();
    desk.feed(invite.again("ACK").branch("ack").callee_tag(&tag).text());
    assert!(desk.told().contains(&"confirmed".into()), "{:?}", desk.told());
    desk.news();
    desk.feed(invite.again("BYE").cseq(90).branch("bye").callee_tag(&tag).text());
    assert_eq!(desk.codes(), ["200"]);
    desk.assert_all_gone();
}

/// A call that we make.
fn calling(reliable: Reliable, late_offer: bool) -> (Desk, SessionId, Message) {
    let mut desk = Desk::with(config(reliable));
    let mut params = InviteParams::new("sip:peer@192.0.2.9");
    params.late_offer = late_offer;
    let session = desk.invite(params).unwrap();
    let invite = desk.only().message;
    (desk, session, invite)
}

/// A provisional response that wants to be acknowledged.
fn reliably(invite: &Message, status: u16, tag: &str, rseq: &str, sdp: &str) -> String {
    let lines = format!("Contact: <sip:{tag}@192.0.2.9:5060>\r\nRequire: 100rel\r\nRSeq: {rseq}\r\n");
    respond(invite, status, tag, &lines, sdp)
}

fn plainly(invite: &Message, status: u16, tag: &str, sdp: &str) -> String {
    respond(invite, status, tag, &format!("Contact: <sip:{tag}@192.0.2.9:5060>\r\n"), sdp)
}

/// Hangs up a call that is up; then nothing may be left.
fn leave(desk: &mut Desk, session: SessionId) {
    desk.hangup(session);
    let bye = desk.last("BYE").message;
    desk.feed(respond(&bye, 200, "", "", ""));
    desk.assert_all_gone();
}

/// Port of the audio that is heard.
fn heard(desk: &Desk) -> u16 {
    desk.plan().remote_rtp.map_or(0, |remote| remote.port())
}
