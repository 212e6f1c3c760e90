//! How much a request that may be forged makes us send.
//!
//! Whoever forges an address has our responses, and our repeats of them, sent to somebody who never asked. So all that a request
//! causes stays below so many times what has come of it, until something shows that its sender is there: a request
//! with a tag of ours, or a response to one of ours. Whatever is said for the first time goes out all the same, so that a request
//! which is very short is answered: no call must fail of that. Only repeats are held back.

/// Octets that a refusal and its repeats may be more than what came: so many times.
pub(crate) const REFUSED: u32 = 3;
/// The same of all other answers.
pub(crate) const ANSWERED: u32 = 6;
/// What the BYE of a call that nobody acknowledges needs in the end.
const PARTING: u32 = 384;

/// Octets of one request and its copies, and of what was sent for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tally {
    received: u32,
    sent: u32,
    /// Whether its sender is known to be there.
    proven: bool,
}

fn octets(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Tally {
    pub(crate) fn new(received: usize, proven: bool) -> Self {
        Self { received: octets(received), sent: 0, proven }
    }

    /// The request has come again.
    pub(crate) fn received(&mut self, length: usize) {
        self.received = self.received.saturating_add(octets(length));
    }

    /// Something was sent for it.
    pub(crate) fn sent(&mut self, length: usize) {
        self.sent = self.sent.saturating_add(octets(length));
    }

    /// Its sender is there.
    pub(crate) const fn prove(&mut self) {
        self.proven = true;
    }

    /// Whether a message that has gone out before may go out again.
    pub(crate) fn may_repeat(&self, length: usize, refusal: bool) -> bool {
        let (factor, kept) = if refusal { (REFUSED, 0) } else { (ANSWERED, PARTING) };
        let after = self.sent.saturating_add(octets(length)).saturating_add(kept);
        self.proven || after <= self.received.saturating_mul(factor)
    }

    /// Octets that may still be sent, whatever it is.
    pub(crate) const fn left(&self) -> u32 {
        self.received.saturating_mul(ANSWERED).saturating_sub(self.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_makes_room_and_a_proof_ends_it() {
        let mut tally = Tally::new(400, false);
        assert!(tally.may_repeat(1_200, true) && !tally.may_repeat(1_201, true));
        tally.sent(800);
        assert!(tally.may_repeat(400, true) && !tally.may_repeat(401, true));
        assert!(
            tally.may_repeat(1_600 - PARTING as usize, false)
                && !tally.may_repeat(1_601 - PARTING as usize, false)
        );
        assert_eq!(tally.left(), 1_600);
        tally.received(400);
        assert!(tally.may_repeat(1_600, true));
        tally.sent(usize::MAX);
        assert!(!tally.may_repeat(1, false) && tally.left() == 0);
        tally.prove();
        assert!(tally.may_repeat(usize::MAX, true));
    }
}
