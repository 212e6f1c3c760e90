//! What strangers may put into requests of ours.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::signaling::CommandError;
use crate::wire::check_token;
use crate::wire::refer::is_harmless;

/// Which header fields that the Contact of a redirection wishes for (RFC 3261 section 19.1.5) the next INVITE carries. What
/// could change where a request goes, who seems to send it, or what the stack makes of it is never taken, whatever stands
/// here; what the application says itself stays as it says it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum HeaderConsent {
    /// None.
    #[default]
    Nothing,
    /// Those with one of these names, such as `User-to-User` or `X-Account`.
    Named(Vec<String>),
    /// All that do no harm: `Accept-Contact`, `Accept-Language`, `Alert-Info`, `Call-Info`, `Priority`, `Reject-Contact`,
    /// `Subject`, `User-to-User`, and names that begin with `X-`.
    Harmless,
}

impl HeaderConsent {
    /// Whether a field of this name may go along.
    pub fn takes(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Named(names) => is_harmless(name) && names.iter().any(|it| it.eq_ignore_ascii_case(name)),
            Self::Harmless => is_harmless(name),
        }
    }

    /// A name that would never be taken is a mistake.
    pub(crate) fn check(&self) -> Result<(), CommandError> {
        let Self::Named(names) = self else { return Ok(()) };
        let what = "redirect headers";
        for name in names {
            check_token(name).map_err(|error| CommandError::BadArgument { what, why: error.to_string() })?;
            if !is_harmless(name) {
                let why = alloc::format!("{name} is taken from nobody");
                return Err(CommandError::BadArgument { what, why });
            }
        }
        Ok(())
    }
}
