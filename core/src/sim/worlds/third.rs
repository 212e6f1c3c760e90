//! The third, whom the called one calls when it is transferred: it says one thing to each request.

use alloc::vec::Vec;

use crate::wire::frame::{Frame, StartLine};
use crate::wire::limits::WireLimits;
use crate::wire::method::Method;

const ANSWER: &[u8] = b"v=0\r\no=- 1 1 IN IP4 10.0.0.3\r\ns=-\r\nc=IN IP4 10.0.0.3\r\nt=0 0\r\n\
    m=audio 20000 RTP/AVP 0\r\n";

/// The response to a request, if it has one. An INVITE is answered, or refused with 603.
pub(super) fn respond(request: &[u8], answers: bool) -> Option<Vec<u8>> {
    let limits = WireLimits::NONE;
    let frame = Frame::parse(request, &limits).ok()?;
    let StartLine::Request { method, .. } = frame.start() else { return None };
    let (status, body) = match method {
        Method::Ack => return None,
        Method::Invite if answers => ("200 OK", ANSWER),
        Method::Invite => ("603 Decline", &[][..]),
        _ => ("200 OK", &[][..]),
    };
    let mut text = Vec::new();
    text.extend_from_slice(b"SIP/2.0 ");
    text.extend_from_slice(status.as_bytes());
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(frame.named(name)?);
        if name == "To" && method == Method::Invite {
            text.extend_from_slice(b";tag=third");
        }
    }
    text.extend_from_slice(b"\r\nContact: <sip:u@10.0.0.3:5060>");
    if !body.is_empty() {
        text.extend_from_slice(b"\r\nContent-Type: application/sdp");
    }
    text.extend_from_slice(alloc::format!("\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
    text.extend_from_slice(body);
    Some(text)
}
