//! Requests besides those that make and end a call, and header fields of the application: a peer made of text against
//! one coordinator (RFC 3261 sections 8.1.3.4, 11 and 20, RFC 3326, RFC 3428, RFC 6086, RFC 6665).
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "requests/bodies.rs"]
mod bodies;
#[path = "requests/headers.rs"]
mod headers;
#[path = "requests/info.rs"]
mod info;
#[path = "requests/messages.rs"]
mod messages;
#[path = "requests/notifying.rs"]
mod notifying;
#[path = "requests/numbers.rs"]
mod numbers;
#[path = "requests/options.rs"]
mod options;
#[path = "requests/redirects.rs"]
mod redirects;
#[path = "requests/refusals.rs"]
mod refusals;
#[path = "requests/subscribing.rs"]
mod subscribing;
mod support;
#[path = "requests/transports.rs"]
mod transports;

use offhook_core::base::ids::SessionId;
use support::{Desk, GIVE_UP, Message, Request, SDP, SECOND, respond};

const TARGET: &str = "sip:peer@192.0.2.9";

/// A call whose INVITE has been sent.
fn calling(mut desk: Desk) -> (Desk, SessionId, Message) {
    let session = desk.call(TARGET);
    let invite = desk.only().message;
    assert_eq!(invite.code(), "INVITE");
    (desk, session, invite)
}

/// A call of the peer that is up; its INVITE, and our tag.
fn active(mut desk: Desk) -> (Desk, SessionId, Request) {
    let invite = Request::new("INVITE").sdp(SDP);
    let (session, tag) = desk.up(&invite);
    (desk, session, invite.callee_tag(&tag))
}

/// Answers the BYE that was just sent; then nothing may be left.
fn finish(desk: &mut Desk) {
    let bye = desk.last("BYE").message;
    desk.feed(respond(&bye, 200, "", "", ""));
    desk.assert_all_gone();
}
