//! Sequence numbers of one source (RFC 3550 appendices A.1 and A.3).

/// A step forward of this many or more is a restart, not loss.
const MAX_DROPOUT: i32 = 3000;
/// A step back of this many or more is a restart, not reordering.
const MAX_MISORDER: i32 = 100;

/// How a packet relates to those before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// Newer than all before.
    Newest,
    /// Older than the newest, and not seen before.
    Reordered,
    /// Seen before.
    Duplicate,
    /// Too far from the others: not counted. Two of these in a row mean that the source has restarted.
    Jump,
    /// Not newer by its number, and newer by its timestamp: the source counts anew. Not counted.
    Restart,
}

/// What one source has sent, extended beyond 16 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequence {
    base: u64,
    highest: u64,
    /// Bit n: packet `highest - n` has come.
    seen: u128,
    received: u64,
    unique: u64,
    expected_prior: u64,
    received_prior: u64,
}

impl Sequence {
    /// The state after the first packet.
    pub(crate) const fn new(first: u16) -> Self {
        // One cycle up, so that a packet from before the first one does not go below zero.
        let base = (1 << 16) + first as u64;
        Self { base, highest: base, seen: 1, received: 1, unique: 1, expected_prior: 0, received_prior: 0 }
    }

    /// How far a number is from the highest. Distances of half the number space or more look negative here, as RFC 3550
    /// has it.
    fn step(&self, sequence: u16) -> i32 {
        i32::from(sequence.wrapping_sub(self.highest as u16) as i16)
    }

    /// Whether a number is so near to the highest that it can belong to the same run.
    pub(crate) fn is_near(&self, sequence: u16) -> bool {
        (1 - MAX_MISORDER..MAX_DROPOUT).contains(&self.step(sequence))
    }

    /// Whether a number is higher than all before, be it far.
    pub(crate) fn is_ahead(&self, sequence: u16) -> bool {
        self.step(sequence) > 0
    }

    /// Takes one more packet in.
    pub(crate) fn observe(&mut self, sequence: u16) -> Order {
        let step = self.step(sequence);
        if !self.is_near(sequence) {
            return Order::Jump;
        }
        self.received += 1;
        if step > 0 {
            self.highest += step as u64;
            self.seen = if step < 128 { self.seen << step | 1 } else { 1 };
            self.unique += 1;
            return Order::Newest;
        }
        let bit = 1_u128 << -step;
        if self.seen & bit != 0 {
            return Order::Duplicate;
        }
        self.seen |= bit;
        self.unique += 1;
        self.base = self.base.min(self.highest - step.unsigned_abs() as u64);
        Order::Reordered
    }

    /// Number of packets that the source must have sent since its first.
    pub(crate) const fn expected(&self) -> u64 {
        self.highest - self.base + 1
    }

    /// Packets that have not come.
    pub(crate) const fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.unique)
    }

    /// The extended highest sequence number as a report block carries it.
    pub(crate) const fn extended_highest(&self) -> u32 {
        (self.highest - (1 << 16)) as u32
    }

    /// Cumulative loss for a report block: 24 bits, signed, duplicates count as received (appendix A.3).
    pub(crate) fn cumulative_lost(&self) -> i32 {
        let lost = self.expected() as i64 - self.received as i64;
        lost.clamp(-0x80_0000, 0x7f_ffff) as i32
    }

    /// Loss since the last call, in 256ths (appendix A.3).
    pub(crate) fn take_fraction_lost(&mut self) -> u8 {
        let expected = self.expected();
        let expected_interval = expected.saturating_sub(self.expected_prior);
        let received_interval = self.received - self.received_prior;
        self.expected_prior = expected;
        self.received_prior = self.received;
        let lost = expected_interval.saturating_sub(received_interval);
        match (lost << 8).checked_div(expected_interval) {
            Some(fraction) => u8::try_from(fraction).unwrap_or(u8::MAX),
            None => 0,
        }
    }
}
