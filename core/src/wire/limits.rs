//! Sizes and counts that a peer may use.

/// Bounds on one message. What exceeds them is refused before it costs memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WireLimits {
    /// Octets of a whole message.
    pub message_octets_max: usize,
    /// Header fields of a message.
    pub headers_max: usize,
}

impl Default for WireLimits {
    fn default() -> Self {
        Self {
            message_octets_max: 65_535,
            headers_max: 256,
        }
    }
}
