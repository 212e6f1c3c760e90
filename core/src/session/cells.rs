//! Which cells of a state table were looked up.

use super::machine::place;
use super::state::{Input, State};

const ALL: usize = State::ALL.len() * Input::ALL.len();

/// A set of (state, input).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cells([bool; ALL]);

impl Default for Cells {
    fn default() -> Self {
        Self([false; ALL])
    }
}

impl Cells {
    /// How many there can be.
    pub const ALL: usize = ALL;

    pub(crate) fn add(&mut self, state: State, input: Input) {
        if let Some(cell) = self.0.get_mut(place(state, input)) {
            *cell = true;
        }
    }

    /// Whether this one is in the set.
    pub fn contains(&self, state: State, input: Input) -> bool {
        self.0.get(place(state, input)).copied().unwrap_or(false)
    }

    /// Number of cells in the set.
    pub fn len(&self) -> usize {
        self.0.iter().filter(|&&cell| cell).count()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes over those of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (cell, &more) in self.0.iter_mut().zip(&other.0) {
            *cell |= more;
        }
    }
}
