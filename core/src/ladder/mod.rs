//! Ladders: who sent what to whom and when, and what became of the calls meanwhile.
//!
//! A [`Ladder`] is filled in the order of events and drawn twice: [`to_text`](Ladder::to_text) for terminals and
//! snapshots, [`to_html`](Ladder::to_html) as one page that needs nothing but a browser.
//!
//! ```
//! use offhook_core::base::time::Instant;
//! use offhook_core::ladder::Ladder;
//!
//! let mut ladder = Ladder::new();
//! ladder.party("192.0.2.1:5060", "alice");
//! ladder.party("192.0.2.2:5060", "bob");
//! let at = Instant::from_millis;
//! ladder.note(at(0), "alice", "calls bob".into());
//! ladder.message(at(0), "192.0.2.1:5060", "192.0.2.2:5060", "OPTIONS sip:bob@192.0.2.2 SIP/2.0\r\n\r\n".into());
//! ladder.message(at(20), "192.0.2.2:5060", "192.0.2.1:5060", "SIP/2.0 200 OK\r\n\r\n".into());
//! ladder.state(at(20), "alice", "session0.1: Active".into());
//! println!("{}", ladder.to_text());
//! ```
//!
//! What is drawn may come from strangers: no octet of it reaches the terminal or the page unless it is harmless.

mod html;
mod label;
#[cfg(test)]
mod tests;
mod text;

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::base::time::Instant;

use label::Kind;

/// Lifelines a ladder has room for; whoever comes later shares the last one.
const PARTIES_MAX: usize = 24;
/// Entries a ladder keeps; what comes later is counted.
const ENTRIES_MAX: usize = 20_000;
/// Octets of messages it keeps.
const OCTETS_MAX: usize = 32 << 20;
/// Name of the lifeline that the surplus parties share.
const OTHERS: &str = "others";

/// What the network did to a message, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Fate {
    /// It arrived, or nobody knows otherwise.
    #[default]
    Arrived,
    /// It was lost on its way.
    Lost,
    /// The network delivered it more than once.
    Doubled,
    /// It was changed on its way.
    Corrupted,
}

/// One vertical line.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Party {
    name: String,
    display: String,
}

/// What stands in a row.
#[derive(Clone, PartialEq, Eq, Debug)]
enum What {
    Message {
        from: usize,
        to: usize,
        bytes: Bytes,
        fate: Fate,
        label: String,
        kind: Kind,
        /// How often these octets went this way before.
        repeat: u32,
    },
    Note {
        who: usize,
        text: String,
    },
    State {
        who: usize,
        text: String,
    },
}

/// One row.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Entry {
    at: Instant,
    what: What,
}

/// Messages, notes and state changes in the order in which they happened.
///
/// A party is known by its name, usually an address; it gets its lifeline when it is first mentioned, or by
/// [`party`](Self::party). Memory is bounded: 20 000 rows and 32 MiB of messages, and what comes after that is only
/// counted.
#[derive(Clone, Debug, Default)]
pub struct Ladder {
    title: String,
    parties: Vec<Party>,
    entries: Vec<Entry>,
    /// Messages seen, for the marks at those that come again.
    seen: BTreeMap<(usize, usize, Bytes), u32>,
    octets: usize,
    left_out: u64,
}

impl Ladder {
    /// An empty ladder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the title of the page.
    pub fn set_title(&mut self, title: &str) {
        self.title = title.to_owned();
    }

    /// Gives the next lifeline to `name`, shown as `display`. A party that has its lifeline gets a new display name.
    /// Notes and states may name a party either way.
    pub fn party(&mut self, name: &str, display: &str) {
        let party = self.find(name);
        if let Some(party) = self.parties.get_mut(party).filter(|party| party.name == name) {
            party.display = display.to_owned();
        }
    }

    /// A message went from one party to another.
    pub fn message(&mut self, at: Instant, from: &str, to: &str, bytes: Bytes) {
        self.message_with(at, from, to, bytes, Fate::Arrived);
    }

    /// A message went from one party to another, and `fate` is what the network did to it.
    pub fn message_with(&mut self, at: Instant, from: &str, to: &str, bytes: Bytes, fate: Fate) {
        let octets = self.octets.saturating_add(bytes.len());
        if self.is_full() || octets > OCTETS_MAX {
            self.left_out += 1;
            return;
        }
        self.octets = octets;
        let (from, to) = (self.find(from), self.find(to));
        let seen = self.seen.entry((from, to, bytes.clone())).or_default();
        let repeat = *seen;
        *seen = seen.saturating_add(1);
        let (label, kind) = label::describe(&bytes);
        self.entries.push(Entry { at, what: What::Message { from, to, bytes, fate, label, kind, repeat } });
    }

    /// Something worth knowing happened at `who`.
    pub fn note(&mut self, at: Instant, who: &str, text: String) {
        self.add(at, who, |who| What::Note { who, text });
    }

    /// A session of `who` is in another state now.
    pub fn state(&mut self, at: Instant, who: &str, text: String) {
        self.add(at, who, |who| What::State { who, text });
    }

    /// Rows it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Rows that found no room.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The ladder for a terminal: a column of milliseconds, a column for each party, one line an event. The same
    /// events give the same text. Only printable characters of plain width come out.
    pub fn to_text(&self) -> String {
        text::draw(self)
    }

    /// The ladder as a page of its own: no script, nothing that is loaded from anywhere. An arrow opens its message.
    pub fn to_html(&self) -> String {
        html::draw(self)
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= ENTRIES_MAX
    }

    fn add(&mut self, at: Instant, who: &str, what: impl FnOnce(usize) -> What) {
        if self.is_full() {
            self.left_out += 1;
            return;
        }
        let who = self.find(who);
        self.entries.push(Entry { at, what: what(who) });
    }

    /// The lifeline of a party, a new one if need be.
    fn find(&mut self, name: &str) -> usize {
        let by_name = self.parties.iter().position(|party| party.name == name);
        let by_display = || self.parties.iter().position(|party| party.display == name);
        if let Some(found) = by_name.or_else(by_display) {
            return found;
        }
        let full = self.parties.len() >= PARTIES_MAX;
        if !full {
            let name = if self.parties.len() + 1 == PARTIES_MAX { OTHERS } else { name };
            self.parties.push(Party { name: name.to_owned(), display: name.to_owned() });
        }
        self.parties.len() - 1
    }
}
