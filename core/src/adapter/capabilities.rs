//! What we can do, as Allow and Supported say it and as Require is judged by.

use alloc::string::String;
use alloc::sync::Arc;

use crate::api::{CoordinatorConfig, Reliable};
use crate::wire::multipart::ACCEPTED;

/// The methods that we understand, for Allow, but for those that the application has to want.
const ALLOW: &[u8] = b"INVITE, ACK, BYE, CANCEL, OPTIONS\
    , UPDATE\
    , INFO\
    , PRACK\
    , REFER, NOTIFY\
    , SUBSCRIBE";

/// The value of Allow.
pub(crate) fn allow(config: &CoordinatorConfig) -> Arc<[u8]> {
    let more: &[u8] = if config.messages { b", MESSAGE" } else { b"" };
    [ALLOW, more].concat().into()
}

/// The value of Accept: the bodies that we read, and those that the application does.
pub(crate) fn accept(config: &CoordinatorConfig) -> Arc<[u8]> {
    let mut accept = String::from(ACCEPTED);
    for kind in &config.body_types {
        accept.push_str(", ");
        accept.push_str(kind);
    }
    accept.into_bytes().into()
}

/// The extensions that we understand, for Supported (RFC 3261 section 20.37).
const SUPPORTED: &[u8] = b"100rel, 199\
    , timer\
    , replaces, norefersub";

/// The value of Supported. Reliable provisional responses come first, to be left out by whoever wants none.
pub(crate) fn supported(reliable: Reliable) -> &'static [u8] {
    match reliable {
        Reliable::Never => SUPPORTED.strip_prefix(b"100rel, ").unwrap_or(SUPPORTED),
        Reliable::Supported | Reliable::Required => SUPPORTED,
    }
}

/// Whether we understand this extension. Option tags are tokens, which are compared without regard to case (RFC
/// 3261 section 7.3.1).
pub(crate) fn understands(reliable: Reliable, tag: &[u8]) -> bool {
    supported(reliable)
        .split(|&octet| octet == b',')
        .any(|ours| ours.trim_ascii().eq_ignore_ascii_case(tag.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_is_known_by_its_whole_name() {
        let known = |tag| understands(Reliable::Supported, tag);
        assert!(known(b"timer") && known(b"Timer ") && known(b"100rel"));
        assert!(!known(b"time") && !known(b"") && !known(b"nothingSupportsThis"));
    }

    #[test]
    fn whoever_wants_no_reliable_responses_does_not_name_them() {
        assert!(!understands(Reliable::Never, b"100rel") && understands(Reliable::Never, b"timer"));
    }
}
