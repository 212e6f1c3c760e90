//! The checked, zero-copy view of one message.

use super::header::{NameAddr, Via};
use super::limits::WireLimits;
use super::method::Method;

/// Why bytes are no SIP message at all; nothing can be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Only CR LF (a keep-alive, RFC 5626) or nothing.
    #[error("keep-alive, no message")]
    KeepAlive,
    /// No start line of SIP.
    #[error("no SIP start line")]
    StartLine,
    /// More octets or header fields than the limits allow.
    #[error("larger than the limits allow")]
    TooLarge,
}

/// What is wrong with a message that could still be read: the status and phrase a request deserves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The RFC's status code: 400, 416, 505…
    pub status: u16,
    /// What is wrong, as the reason phrase.
    pub reason: &'static str,
}

/// First line of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartLine<'a> {
    /// A request.
    Request {
        /// The method.
        method: Method,
        /// Its text, for `Extension`.
        method_text: &'a [u8],
        /// The Request-URI.
        uri: &'a [u8],
    },
    /// A response.
    Response {
        /// 100 to 699.
        status: u16,
        /// The phrase, maybe empty.
        reason: &'a [u8],
    },
}

/// The headers that decide where a message belongs, each read once.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The topmost Via.
    pub via: Via<'a>,
    /// From.
    pub from: NameAddr<'a>,
    /// Tag of From; RFC 2543 peers may have none.
    pub from_tag: Option<&'a [u8]>,
    /// To.
    pub to: NameAddr<'a>,
    /// Tag of To.
    pub to_tag: Option<&'a [u8]>,
    /// Call-ID.
    pub call_id: &'a [u8],
    /// Number of CSeq.
    pub cseq: u32,
    /// Method of CSeq.
    pub cseq_method: Method,
}
