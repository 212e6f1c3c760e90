//! Bytes to messages and back; no state.
//!
//! All text is octets: peers may send what is no UTF-8, and NUL inside quoted strings.

pub mod build;
pub mod event;
pub mod frame;
pub mod header;
pub mod header_list;
pub mod hop;
pub mod limits;
#[cfg(feature = "peer")]
pub(crate) mod look;
pub mod method;
pub mod multipart;
pub mod name;
pub mod path;
pub mod refer;
pub mod reliable;
pub mod reply;
#[cfg(feature = "rsip")]
pub mod rsip;
pub mod stream;
pub mod tel;
pub mod text;
pub mod token;
pub mod uri;

pub use build::{Writer, reason_phrase};
pub use event::{EventType, SubscriptionState};
pub(crate) use frame::peek_method;
pub use frame::{Facts, Fault, Frame, FrameError, Header, StartLine, Values};
pub use header::{NameAddr, Params, Via, split_addresses, split_values};
pub use header_list::{BadHeader, HeaderList};
pub(crate) use hop::is_one_host;
pub use hop::{NextHop, NoHop, Unspoken};
pub use limits::WireLimits;
pub use method::Method;
pub use name::HeaderName;
pub use path::{Path, Transmit, Transport};
pub use refer::{ReferTo, Replaces, SIPFRAG_TYPE, fragment_status};
pub use reliable::{RAck, parse_rseq};
pub use reply::{ReplyHead, reply_path};
pub use stream::{KeepAlives, StreamError, StreamFramer};
pub use tel::Tel;
pub use text::{BadText, HeaderText, check_text, check_token};
pub use uri::{Host, Uri, UriError};

/// Media type of a session description.
pub const SDP_TYPE: &str = "application/sdp";
