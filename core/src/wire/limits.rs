//! Sizes and counts that a peer may use.

/// Bounds on one message. What exceeds them is refused before it costs memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WireLimits {
    /// Octets of a whole message. More gets 413, or 513 if the fault is in the header fields.
    pub message_octets_max: usize,
    /// Octets of a request before its body. More gets 513, or 414 if half of them are the Request-URI: they are kept as long as the transaction is.
    pub head_octets_max: usize,
    /// Header fields of a message. A request with more gets 513.
    pub headers_max: usize,
}

impl WireLimits {
    /// No bounds: for messages of our own, and for those that were within the bounds when they came.
    pub const NONE: Self =
        Self { message_octets_max: usize::MAX, head_octets_max: usize::MAX, headers_max: usize::MAX };
}

impl Default for WireLimits {
    fn default() -> Self {
        Self { message_octets_max: 65_535, head_octets_max: 16_384, headers_max: 256 }
    }
}
