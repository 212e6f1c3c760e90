//! Session descriptions: text (RFC 8866), offer and answer (RFC 3264), and the plan that comes of them.
//!
//! Three calls do the work: [`offer`] writes what we propose, [`answer`] reads a peer's offer and writes ours,
//! [`accept_answer`] reads the peer's answer to what we proposed. All three are pure functions of text and a
//! [`LocalMedia`]; the state of the exchange (who offered, what is pending) belongs to the session.
//!
//! What we write is always our own template. Nothing of the peer's text is copied but the media, transport and
//! formats of a stream that is declined, which RFC 3264 section 6 wants repeated.

mod answer;
mod codecs;
mod parse;
pub mod plan;
mod write;

pub use answer::{AnswerError, Answered, accept_answer, accept_answer_to, answer, decline};
pub use codecs::{CodecList, CodecListError, RtpMap};
pub use parse::{
    Connection, FORMATS_MAX, LINES_MAX, MEDIA_MAX, MediaDescription, OCTETS_MAX, RtcpAttribute, SdpError,
    SdpFault, SessionDescription, Timing,
};
pub use write::{LocalMedia, capabilities, offer, offer_again};
pub(crate) use write::{NO_RTCP_PORT, NO_RTP_PORT, name_ports};

#[cfg(test)]
mod tests;
