//! Bounded storage with typed, generation-checked keys.

use alloc::vec::Vec;
use core::marker::PhantomData;
use core::num::NonZeroU32;

use super::chunks::Chunks;

/// The untyped part of a key: which slot, and which use of that slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RawKey {
    slot: u32,
    generation: NonZeroU32,
}

impl RawKey {
    /// Number of the slot, dense from zero.
    pub const fn slot(self) -> u32 {
        self.slot
    }

    /// Which use of the slot this key belongs to.
    pub const fn generation(self) -> u32 {
        self.generation.get()
    }

    /// The key with these parts, if `generation` is one that a slab hands out.
    pub const fn from_parts(slot: u32, generation: u32) -> Option<Self> {
        match NonZeroU32::new(generation) {
            Some(generation) => Some(Self { slot, generation }),
            None => None,
        }
    }
}

/// A key that says by its type what it is the key of.
pub trait Key: Copy {
    /// Wraps a raw key.
    fn from_raw(raw: RawKey) -> Self;
    /// The raw key inside.
    fn raw(self) -> RawKey;
}

/// Declares a public, typed key.
macro_rules! key {
    ($(#[$meta:meta])* $name:ident, $prefix:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($crate::base::slab::RawKey);

        impl $crate::base::slab::Key for $name {
            fn from_raw(raw: $crate::base::slab::RawKey) -> Self {
                Self(raw)
            }
            fn raw(self) -> $crate::base::slab::RawKey {
                self.0
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, concat!($prefix, "{}.{}"), self.0.slot(), self.0.generation())
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }
    };
}
pub(crate) use key;

struct Slot<T> {
    generation: NonZeroU32,
    value: Option<T>,
}

/// Values by key, O(1) each way, never more than `capacity` of them.
///
/// A slot's generation grows when its value goes, so a stale key finds nothing instead of a stranger.
pub struct Slab<K, T> {
    slots: Chunks<Slot<T>>,
    free: Vec<u32>,
    live: usize,
    capacity: usize,
    key: PhantomData<fn() -> K>,
}

impl<K: Key, T> Slab<K, T> {
    /// An empty slab that refuses value number `capacity + 1`.
    pub const fn new(capacity: usize) -> Self {
        Self { slots: Chunks::new(), free: Vec::new(), live: 0, capacity, key: PhantomData }
    }

    /// Number of values.
    pub const fn len(&self) -> usize {
        self.live
    }

    /// Whether there is no value.
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Whether the next insertion would be refused.
    pub const fn is_full(&self) -> bool {
        self.live >= self.capacity
    }

    /// Stores what `make` builds from its own key; `None` when full.
    pub fn insert_with(&mut self, make: impl FnOnce(K) -> T) -> Option<K> {
        if self.is_full() {
            return None;
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Slot { generation: NonZeroU32::MIN, value: None });
                slot
            }
        };
        let entry = self.slots.get_mut(slot as usize)?;
        let key = K::from_raw(RawKey { slot, generation: entry.generation });
        entry.value = Some(make(key));
        self.live += 1;
        Some(key)
    }

    /// Stores `value`; `None` when full.
    pub fn insert(&mut self, value: T) -> Option<K> {
        self.insert_with(|_| value)
    }

    /// The value of `key`, unless it is gone.
    pub fn get(&self, key: K) -> Option<&T> {
        let raw = key.raw();
        let slot = self.slots.get(raw.slot as usize)?;
        if slot.generation == raw.generation { slot.value.as_ref() } else { None }
    }

    /// The value of `key`, to change.
    pub fn get_mut(&mut self, key: K) -> Option<&mut T> {
        let raw = key.raw();
        let slot = self.slots.get_mut(raw.slot as usize)?;
        if slot.generation == raw.generation { slot.value.as_mut() } else { None }
    }

    /// Takes the value of `key` out; the key is stale from now on.
    pub fn remove(&mut self, key: K) -> Option<T> {
        let raw = key.raw();
        let slot = self.slots.get_mut(raw.slot as usize)?;
        if slot.generation != raw.generation {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = slot.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        self.free.push(raw.slot);
        self.live -= 1;
        Some(value)
    }

    /// Drops the value of `key` where it is, which spares a large one several moves, once `last` has looked at it; what that has
    /// found. The key is stale from now on.
    pub fn discard<R>(&mut self, key: K, last: impl FnOnce(&mut T) -> R) -> Option<R> {
        let raw = key.raw();
        let slot = self.slots.get_mut(raw.slot as usize).filter(|slot| slot.generation == raw.generation)?;
        let found = last(slot.value.as_mut()?);
        slot.value = None;
        slot.generation = slot.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        self.free.push(raw.slot);
        self.live -= 1;
        Some(found)
    }

    /// The key of the value in `slot` now, if there is one.
    pub fn key_at(&self, slot: u32) -> Option<K> {
        let entry = self.slots.get(slot as usize)?;
        entry.value.as_ref().map(|_| K::from_raw(RawKey { slot, generation: entry.generation }))
    }

    /// All values in slot order. Linear: for diagnostics and shutdown only.
    pub fn iter(&self) -> impl Iterator<Item = (K, &T)> {
        self.slots.iter().enumerate().filter_map(|(slot, entry)| {
            let value = entry.value.as_ref()?;
            let slot = u32::try_from(slot).ok()?;
            Some((K::from_raw(RawKey { slot, generation: entry.generation }), value))
        })
    }
}
