//! From packets that come when they like to frames on a clock.

pub(crate) mod buffer;
pub(crate) mod conceal;
pub(crate) mod played;
pub(crate) mod playout;

#[cfg(test)]
mod tests;
