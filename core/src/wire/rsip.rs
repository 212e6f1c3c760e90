//! The guarded bridge to the types of the [`rsip`] crate, both ways.
//!
//! Programs hold rsip's types, so messages, URIs and headers can be had as such and given as such. But rsip 0.4 reads
//! much of the wire wrongly (compact names, folded lines, IPv6, lists, quoted parameters, a user with a dot, a
//! Content-Length), so nothing is taken from it on trust: it is given single, unfolded values that our own readers have
//! understood, what it makes of them is compared field by field with our reading and printed back, and where the two
//! differ the conversion is refused with an error that names the header. A conversion is exact, or it is an error.
//!
//! ```
//! use offhook_core::wire::rsip::{RsipHeaders as _, to_rsip_request};
//! use offhook_core::wire::{Frame, WireLimits};
//!
//! let text = "OPTIONS sip:bob@192.0.2.7 SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\n\
//!     f: \"Alice\" <sip:alice@192.0.2.1>;tag=1\r\nt: <sip:bob@192.0.2.7>\r\ni: 1\r\nCSeq: 1 OPTIONS\r\n\
//!     m: <sip:alice@192.0.2.1:5060>\r\nMax-Forwards: 70\r\n\r\n";
//! let limits = WireLimits::default();
//! let frame = Frame::parse(text.as_bytes(), &limits)?;
//!
//! let contact = frame.typed::<rsip::typed::Contact>().expect("there is one")?;
//! assert_eq!(contact.uri.user(), Some("alice"));
//! let request = to_rsip_request(&frame)?;
//! assert_eq!(request.method, rsip::Method::Options);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod headers;
mod messages;
mod uri;

pub use headers::{BridgedHeader, RsipHeaders, from_rsip_header};
pub use messages::{from_rsip_request, from_rsip_response, to_rsip_request, to_rsip_response};
pub use uri::{from_rsip_uri, to_rsip_uri};

use alloc::borrow::ToOwned;
use alloc::string::String;

/// Why something could not cross the bridge.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BridgeError {
    /// A header that one side cannot hold as the other does.
    #[error("header {name} cannot cross exactly: {why}")]
    Header {
        /// The header.
        name: String,
        /// What differs.
        why: &'static str,
    },
    /// A URI that one side cannot hold as the other does.
    #[error("URI cannot cross exactly: {why}")]
    Uri {
        /// What differs.
        why: &'static str,
    },
    /// The first line, or the message as a whole.
    #[error("message cannot cross exactly: {why}")]
    Message {
        /// What differs.
        why: &'static str,
    },
}

impl BridgeError {
    fn header(name: &str, why: &'static str) -> Self {
        Self::Header { name: name.to_owned(), why }
    }
}
