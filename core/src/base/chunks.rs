//! A vector that never moves what it holds.

use alloc::vec::Vec;

/// Values in a chunk.
const CHUNK: usize = 64;

/// Values by number, dense from zero. Growing costs one chunk, however many there are: nothing is copied, and there
/// is no room for more than a chunk to spare.
pub(super) struct Chunks<T>(Vec<Vec<T>>);

impl<T> Chunks<T> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn len(&self) -> usize {
        let full = self.0.len().saturating_sub(1);
        CHUNK * full + self.0.last().map_or(0, Vec::len)
    }

    pub(super) fn push(&mut self, value: T) {
        match self.0.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(value),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(value);
                self.0.push(chunk);
            }
        }
    }

    pub(super) fn get(&self, number: usize) -> Option<&T> {
        self.0.get(number / CHUNK)?.get(number % CHUNK)
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut T> {
        self.0.get_mut(number / CHUNK)?.get_mut(number % CHUNK)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}
