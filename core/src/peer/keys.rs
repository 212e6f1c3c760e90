//! Keys that go by INFO, and who waits for them.

use crate::api::Refuser;
use crate::base::ids::SessionId;
use crate::media::DtmfDigits;
use crate::session::Session;

use super::entry::{Entry, EntryId};
use super::error::PeerError;
use super::signalling::Signalling;

/// How a key was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refused {
    /// Its number among all keys of the call.
    number: u64,
    digit: char,
    status: u16,
    phrase: String,
    refuser: Refuser,
}

/// What went by INFO in a call. Keys are numbered, so that any number of runs may wait.
#[derive(Default)]
pub(crate) struct Keys {
    /// How many were asked for, ...
    asked: u64,
    /// ... and how many of these were taken, refused or dropped.
    decided: u64,
    /// The last refusal.
    refused: Option<Box<Refused>>,
    /// The last key that this refusal has dropped.
    dropped: u64,
}

impl Keys {
    /// The next `count` keys: the number of the first.
    fn ask(&mut self, count: u64) -> u64 {
        let first = self.asked + 1;
        self.asked += count;
        first
    }

    pub(crate) fn taken(&mut self) {
        self.decided = self.asked.min(self.decided + 1);
    }

    pub(crate) fn refuse(&mut self, digit: char, status: u16, phrase: String, refuser: Refuser) {
        self.refused = Some(Box::new(Refused { number: self.decided + 1, digit, status, phrase, refuser }));
        (self.decided, self.dropped) = (self.asked, self.asked);
    }

    /// What became of a run that begins with this number, once it is known.
    fn outcome(&self, first: u64, run: &str) -> Option<Result<(), PeerError>> {
        let last = first + run.chars().count() as u64 - 1;
        if self.decided < last {
            return None;
        }
        let refused = self.refused.as_ref().filter(|it| it.number <= last && first <= self.dropped);
        Some(refused.map_or(Ok(()), |it| {
            let rest = (it.number + 1).saturating_sub(first);
            Err(PeerError::DtmfRefused {
                digit: it.digit,
                status: it.status,
                phrase: it.phrase.clone(),
                refuser: it.refuser,
                unsent: run.chars().skip(usize::try_from(rest).unwrap_or(usize::MAX)).collect(),
            })
        }))
    }
}

/// A run of keys that was asked for.
pub(crate) struct Run {
    first: u64,
    digits: String,
}

impl Run {
    /// What became of it, once that is known.
    pub(crate) fn outcome(&self, entry: &Entry) -> Option<Result<(), PeerError>> {
        entry.keys.outcome(self.first, &self.digits)
    }
}

impl Signalling {
    /// Takes the numbers of keys that are about to go by INFO.
    pub(crate) fn number_keys(&mut self, session: SessionId, digits: &str) -> Option<Run> {
        let digits: String = digits.parse::<DtmfDigits>().ok()?.iter().collect();
        let tag = self.core.registry().session(session).map(Session::tag)?;
        let entry = EntryId::from_tag(tag).and_then(|id| self.entries.get_mut(id))?;
        let first = entry.keys.ask(digits.chars().count() as u64);
        Some(Run { first, digits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(keys: &Keys, first: u64, run: &str) -> Option<(char, String)> {
        match keys.outcome(first, run) {
            Some(Err(PeerError::DtmfRefused { digit, unsent, .. })) => Some((digit, unsent)),
            _ => None,
        }
    }

    #[test]
    fn each_run_learns_what_became_of_it() {
        let mut keys = Keys::default();
        let (one, two, three) = (keys.ask(2), keys.ask(3), keys.ask(1));
        keys.taken();
        assert!(keys.outcome(one, "12").is_none());
        keys.taken();
        assert!(matches!(keys.outcome(one, "12"), Some(Ok(()))));
        keys.taken();
        keys.refuse('4', 415, String::new(), Refuser::Peer);
        assert!(matches!(keys.outcome(one, "12"), Some(Ok(()))), "that was taken");
        assert_eq!(refused(&keys, two, "345"), Some(('4', "5".into())));
        assert_eq!(refused(&keys, three, "6"), Some(('4', "6".into())), "none of it was sent");
        let four = keys.ask(1);
        assert!(keys.outcome(four, "7").is_none());
        keys.taken();
        assert!(matches!(keys.outcome(four, "7"), Some(Ok(()))));
        assert_eq!(refused(&keys, two, "345"), Some(('4', "5".into())));
    }
}
