//! Who calls, for one call.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::signaling::CommandError;
use crate::wire::check_text;
use crate::wire::uri::Uri;

/// The URI and name of somebody who does not want to be known (RFC 3323 section 4.1).
const ANONYMOUS: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";

/// What network elements are asked to hide (the values of Privacy, RFC 3323 section 4.2 and RFC 3325 section 9.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub struct Privacy {
    /// `id`: the asserted identity does not leave the network that trusts it.
    pub id: bool,
    /// `user`: what names the caller is taken out. We do so ourselves, in From.
    pub user: bool,
    /// `header`: what is hidden are the header fields that lead to the caller: Via, Contact, Record-Route.
    pub header: bool,
    /// `session`: the addresses of the media are hidden.
    pub session: bool,
    /// `critical`: rather no call than one without this.
    pub critical: bool,
}

impl Privacy {
    /// Nothing is asked for.
    pub const NONE: Self = Self { id: false, user: false, header: false, session: false, critical: false };
    /// Only `id`.
    pub const ID: Self = Self { id: true, ..Self::NONE };
    /// `id` and `user`: what is meant by calling without a number.
    pub const ANONYMOUS: Self = Self { user: true, ..Self::ID };

    pub(crate) const fn flags(self) -> [bool; 5] {
        [self.id, self.user, self.header, self.session, self.critical]
    }

    #[cfg(feature = "trace")]
    pub(crate) const fn of_flags([id, user, header, session, critical]: [bool; 5]) -> Self {
        Self { id, user, header, session, critical }
    }

    fn value(self) -> String {
        let names = ["id", "user", "header", "session", "critical"];
        let named = names.into_iter().zip(self.flags()).filter(|(_, asked)| *asked).map(|(name, _)| name);
        named.collect::<Vec<_>>().join(";")
    }
}

/// Who calls, where one call differs from the settings: the name and number that the other side sees, and what is told to
/// the network about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub struct CallerIdentity<'a> {
    /// The display name of From.
    pub display_name: Option<&'a str>,
    /// The user of the URI of From: a number, say.
    pub user: Option<&'a str>,
    /// P-Asserted-Identity (RFC 3325 section 9.1): who calls, for a network that trusts us. A `sip:` or `tel:` URI; up to two,
    /// one of each.
    pub asserted: [Option<&'a str>; 2],
    /// P-Preferred-Identity (RFC 3325 section 9.2): which of our names the network is to assert.
    pub preferred: Option<&'a str>,
    /// What the network is asked to hide. With `user` From says nothing of us.
    pub privacy: Privacy,
}

/// The same, checked.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct CallerFrom {
    /// All of From before its tag, if nothing of us is to be said.
    pub(crate) anonymous: Option<&'static str>,
    pub(crate) display_name: Option<String>,
    pub(crate) user: Option<String>,
}

impl CallerIdentity<'_> {
    /// Looks for what could not be sent; what From says then, and the header lines.
    pub(crate) fn check(&self) -> Result<(CallerFrom, Vec<u8>), CommandError> {
        let bad =
            |what, why: &dyn core::fmt::Display| CommandError::BadArgument { what, why: why.to_string() };
        let display = self.display_name.unwrap_or_default();
        check_text(display).map_err(|error| bad("display name", &error))?;
        if let Some(user) = self.user {
            check_text(user).map_err(|error| bad("user", &error))?;
            let uri = alloc::format!("sip:{user}@192.0.2.1");
            let fits = Uri::parse(uri.as_bytes()).is_ok_and(|uri| uri.user == Some(user.as_bytes()));
            if user.is_empty() || !fits {
                return Err(bad(
                    "user",
                    &"it must fit in sip:USER@host; escape what does not, such as %20 for a space",
                ));
            }
        }
        let mut lines = Vec::new();
        let asserted = self.asserted.into_iter().flatten().map(|uri| ("P-Asserted-Identity", uri));
        let mut schemes = Vec::new();
        for (name, uri) in asserted.chain(self.preferred.map(|uri| ("P-Preferred-Identity", uri))) {
            let scheme = check_identity(uri).map_err(|why| bad("identity", &why))?;
            if schemes.contains(&(name, scheme)) {
                return Err(bad(
                    "identity",
                    &"of two asserted ones one is a sip: URI and the other a tel: URI",
                ));
            }
            schemes.push((name, scheme));
            for part in [name, ": <", uri, ">\r\n"] {
                lines.extend_from_slice(part.as_bytes());
            }
        }
        if self.privacy != Privacy::NONE {
            lines.extend_from_slice(alloc::format!("Privacy: {}\r\n", self.privacy.value()).as_bytes());
        }
        let from = CallerFrom {
            anonymous: self.privacy.user.then_some(ANONYMOUS),
            display_name: self.display_name.map(String::from),
            user: self.user.map(String::from),
        };
        Ok((from, lines))
    }
}

/// Whether a URI may stand in P-Asserted-Identity; its scheme.
fn check_identity(uri: &str) -> Result<&'static str, String> {
    check_text(uri).map_err(|error| error.to_string())?;
    if let Some(number) = uri.strip_prefix("tel:") {
        let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"+-.()*#;=_%~!'".contains(&octet);
        let starts = number.starts_with(|first: char| {
            first == '+' || first == '*' || first == '#' || first.is_ascii_digit()
        });
        return if starts && number.bytes().all(fits) {
            Ok("tel")
        } else {
            Err("not a telephone number; one looks like tel:+12025550123".into())
        };
    }
    match Uri::parse(uri.as_bytes()) {
        Ok(uri) if (uri.is_sip() || uri.is_sips()) && uri.user.is_some() && uri.headers.is_none() => {
            Ok("sip")
        }
        _ => Err("it looks like sip:alice@example.com or tel:+12025550123".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_header_is_refused() {
        let user = |user| CallerIdentity { user: Some(user), ..CallerIdentity::default() };
        for wrong in ["", "a@b", "a b", "a>b", "a\r\nVia: x", "a\0", "a\"b"] {
            assert!(user(wrong).check().is_err(), "{wrong:?}");
        }
        assert!(user("+12025550123").check().is_ok());
        let name = |name| CallerIdentity { display_name: Some(name), ..CallerIdentity::default() };
        assert!(name("A\r\nEvil: x").check().is_err() && name("Ann \"A\" <a>, b").check().is_ok());
        let identity = |uri| CallerIdentity { preferred: Some(uri), ..CallerIdentity::default() };
        for wrong in [
            "alice",
            "sip:",
            "sip:h",
            "sip:a@h?x=y",
            "sip:a@h>,<sip:b@h",
            "sip:a@h\r\nX: y",
            "tel:",
            "tel:a",
            "tel:+1 2",
            "tel:+1>",
            "http://h",
        ] {
            assert!(identity(wrong).check().is_err(), "{wrong:?}");
        }
        assert!(identity("tel:+1-202-555-0123;ext=5").check().is_ok());
        let two = |asserted: [&'static str; 2]| CallerIdentity {
            asserted: asserted.map(Some),
            ..CallerIdentity::default()
        };
        assert!(two(["sip:a@h", "tel:+1"]).check().is_ok());
        assert!(two(["sip:a@h", "sip:b@h"]).check().is_err(), "RFC 3325 section 9.1");
        let lines = CallerIdentity {
            privacy: Privacy { critical: true, ..Privacy::ID },
            ..two(["sip:a@h", "tel:+1"])
        };
        assert_eq!(
            String::from_utf8(lines.check().unwrap().1).unwrap(),
            "P-Asserted-Identity: <sip:a@h>\r\nP-Asserted-Identity: <tel:+1>\r\nPrivacy: id;critical\r\n"
        );
    }
}
