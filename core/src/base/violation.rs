//! Rules that must hold, and what is told when one does not.

use alloc::string::String;
use core::fmt;

/// A rule that does not hold: a finding, never a way to go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The rule, in words.
    pub rule: &'static str,
    /// Where it stands: a section of an RFC, or the module whose rule it is.
    pub section: &'static str,
    /// The message that breaks it, if one does: its number, counted from zero, and its first line.
    pub message: Option<(usize, String)>,
    /// What was found.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.rule, self.section, self.detail)?;
        match &self.message {
            Some((index, line)) => write!(f, "; message {index}, {line}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Violation {}

/// Says that `rule` of `module` holds, or what was found instead.
pub(crate) fn ensure(
    holds: bool,
    module: &'static str,
    rule: &'static str,
    found: impl FnOnce() -> String,
) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { rule, section: module, message: None, detail: found() }) }
}
