//! Sizes and counts that a peer may use.

/// See [`WireLimits::body_parts_max`].
const BODY_PARTS_MAX: usize = 32;
/// See [`WireLimits::body_depth_max`].
const BODY_DEPTH_MAX: usize = 4;

/// Bounds on one message. What exceeds them is refused before it costs memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WireLimits {
    /// Octets of a whole message. More gets 413, or 513 if the fault is in the header fields.
    pub message_octets_max: usize,
    /// Octets of a request before its body. More gets 513, or 414 if half of them are the Request-URI: they are kept as long as the transaction is.
    pub head_octets_max: usize,
    /// Header fields of a message. A request with more gets 513.
    pub headers_max: usize,
    /// Parts of a body, those within other parts counted too (RFC 5621). A request with more gets 413, and
    /// [`Unsupported`](crate::api::Counter::Unsupported) counts it.
    pub body_parts_max: usize,
    /// How deep parts may be nested within parts. A request with deeper ones gets 413 too.
    pub body_depth_max: usize,
}

impl WireLimits {
    /// No bounds, but for those on the parts of a body, which are read again each time somebody asks for them: for messages of our own, and for those that were within the bounds when they came.
    pub const NONE: Self = Self {
        message_octets_max: usize::MAX,
        head_octets_max: usize::MAX,
        headers_max: usize::MAX,
        body_parts_max: BODY_PARTS_MAX,
        body_depth_max: BODY_DEPTH_MAX,
    };
}

impl Default for WireLimits {
    fn default() -> Self {
        Self {
            message_octets_max: 65_535,
            head_octets_max: 16_384,
            headers_max: 256,
            body_parts_max: BODY_PARTS_MAX,
            body_depth_max: BODY_DEPTH_MAX,
        }
    }
}
