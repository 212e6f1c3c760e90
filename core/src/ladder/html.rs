//! A ladder as a page.

use alloc::string::String;

use super::Ladder;

pub(super) fn draw(_ladder: &Ladder) -> String {
    String::new()
}
