//! Counters: what was dropped, refused or repeated, and why.

/// Declares the counters and their names.
macro_rules! counters {
    ($($(#[$doc:meta])* $member:ident = $text:literal,)+) => {
        /// What is counted.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum Counter { $($(#[$doc])* $member,)+ }

        impl Counter {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$member,)+];

            /// In words.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$member => $text,)+ }
            }
        }
    };
}

counters! {
    /// Datagrams that came.
    Received = "datagrams received",
    /// Messages sent, repeats included.
    Sent = "messages sent",
    /// Datagrams that are no SIP.
    NotSip = "datagrams that are no SIP message",
    /// Keep-alives (CR LF).
    KeepAlive = "keep-alives",
    /// Malformed requests, answered where possible.
    BadRequest = "malformed requests",
    /// Malformed responses, dropped.
    BadResponse = "malformed responses",
    /// Responses that belong to no transaction.
    StrayResponse = "responses that belong to no transaction",
    /// ACKs that belong to no call.
    StrayAck = "ACKs that belong to no call",
    /// Repeated requests and ACKs that the transaction layer took care of.
    Absorbed = "repeats absorbed",
    /// Requests for a dialog that is not there.
    UnknownDialog = "requests for an unknown dialog",
    /// Requests within a dialog, ACK and CANCEL that came from elsewhere than `peer_source` allows.
    ForeignSource = "requests from another source than the peer's",
    /// Requests whose CSeq is too low.
    LowSequence = "requests out of sequence",
    /// INVITEs that came by two ways.
    Merged = "merged requests",
    /// Requests refused because of their method, scheme, extension or body.
    Unsupported = "requests that ask for something unsupported",
    /// Calls that no common codec was found for.
    NoCommonCodec = "offers without a common codec",
    /// Calls refused for want of room: sessions, transactions, ports, or the source's share.
    Overload = "requests refused for want of room",
    /// Times that requests lay too long before they were read, and new calls were turned away for that.
    Overloads = "overloads",
    /// Calls turned away in an overload.
    TurnedAway = "calls turned away in an overload",
    /// Requests refused because transactions keep as many octets as they may.
    TransactionOctets = "requests refused for want of memory for transactions",
    /// Requests refused because their source has its share of the transactions.
    TransactionShare = "requests above their source's share of the transactions",
    /// Requests dropped because their source has had as many answers as it may that nothing is kept of.
    Excess = "requests beyond what one source gets answers to",
    /// Sources that have used up the answers they may have of one kind, anew after a second in which they used none of them up.
    Floods = "times that a source used up the answers it gets",
    /// Challenges that were not answered because the credentials are for somebody else.
    CredentialsWithheld = "challenges of strangers",
    /// Names that were not looked up for want of room.
    LookupsRefused = "lookups refused for want of room",
    /// Inputs that a session's state has no use for.
    Ignored = "inputs that came too late to matter",
    /// The clock went backwards.
    ClockBack = "steps back of the clock",
    /// Calls that had to be given up for an internal reason.
    Internal = "calls given up for an internal reason",
    /// Sessions created.
    Sessions = "sessions created",
}

/// A value for each [`Counter`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counters([u64; Counter::ALL.len()]);

impl Default for Counters {
    fn default() -> Self {
        Self([0; Counter::ALL.len()])
    }
}

impl Counters {
    /// The value of one counter.
    pub fn get(&self, counter: Counter) -> u64 {
        self.0.get(counter as usize).copied().unwrap_or(0)
    }

    pub(crate) fn add(&mut self, counter: Counter) {
        if let Some(value) = self.0.get_mut(counter as usize) {
            *value = value.saturating_add(1);
        }
    }
}
