//! What we can do, as Allow and Supported say it and as Require is judged by.

use alloc::sync::Arc;

use crate::api::CoordinatorConfig;

/// The methods that we understand, for Allow, but for those that the application has to want.
pub(crate) const ALLOW: &[u8] = b"INVITE, ACK, BYE, CANCEL, OPTIONS\
    , UPDATE\
    , INFO";

/// The value of Allow.
pub(crate) fn allow(config: &CoordinatorConfig) -> Arc<[u8]> {
    let more: &[u8] = if config.messages { b", MESSAGE" } else { b"" };
    [ALLOW, more].concat().into()
}

/// The extensions that we understand, for Supported (RFC 3261 section 20.37).
pub(crate) const SUPPORTED: &[u8] = b"timer";

/// Whether we understand this extension. Option tags are tokens, which are compared without regard to case (section
/// 7.3.1).
pub(crate) fn understands(tag: &[u8]) -> bool {
    SUPPORTED
        .split(|&octet| octet == b',')
        .any(|ours| ours.trim_ascii().eq_ignore_ascii_case(tag.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::understands;

    #[test]
    fn an_extension_is_known_by_its_whole_name() {
        assert!(understands(b"timer") && understands(b"Timer "));
        assert!(!understands(b"time") && !understands(b"") && !understands(b"nothingSupportsThis"));
    }
}
