//! Values kept beside a slab that belongs to somebody else.

use super::chunks::Chunks;
use super::slab::Key;

/// A value for each of some keys, found by slot, checked by generation.
pub struct SideTable<K, V>(Chunks<Option<(K, V)>>);

impl<K: Key + PartialEq, V> SideTable<K, V> {
    /// An empty table.
    pub const fn new() -> Self {
        Self(Chunks::new())
    }

    /// Sets the value of `key`; that of an older key of the same slot goes.
    pub fn insert(&mut self, key: K, value: V) {
        let slot = key.raw().slot() as usize;
        while self.0.len() <= slot {
            self.0.push(None);
        }
        if let Some(entry) = self.0.get_mut(slot) {
            *entry = Some((key, value));
        }
    }

    /// The value of `key`.
    pub fn get(&self, key: K) -> Option<&V> {
        match self.0.get(key.raw().slot() as usize)? {
            Some((owner, value)) if *owner == key => Some(value),
            _ => None,
        }
    }

    /// The value of `key`, to change.
    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        match self.0.get_mut(key.raw().slot() as usize)? {
            Some((owner, value)) if *owner == key => Some(value),
            _ => None,
        }
    }

    /// All values. Linear: for audits.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.0.iter().filter_map(|entry| entry.as_ref().map(|(key, value)| (*key, value)))
    }

    /// Takes the value of `key` out.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let entry = self.0.get_mut(key.raw().slot() as usize)?;
        match entry.take() {
            Some((owner, value)) if owner == key => Some(value),
            other => {
                *entry = other;
                None
            }
        }
    }
}

impl<K: Key + PartialEq, V> Default for SideTable<K, V> {
    fn default() -> Self {
        Self::new()
    }
}
