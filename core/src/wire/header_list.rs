//! Header fields of the application, checked once.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::name::HeaderName;
use super::text::{BadText, check_text, check_token};

/// Header fields that one message may take from the application.
const FIELDS_MAX: usize = 64;
/// Octets of all of them.
const OCTETS_MAX: usize = 16_384;

/// Header fields that the application adds to a message, name and value.
///
/// Whoever holds one knows that no name is anything but a token, that no value can end its line (CR, LF and NUL are
/// refused), and that nothing is in it which the stack writes itself: a second Via, Call-ID or Content-Length would
/// let the two ends of a connection read different messages.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct HeaderList<'a>(&'a [(&'a str, &'a str)]);

/// Why header fields of the application are refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadHeader {
    /// A name is no token.
    #[error("the name {name:?} holds {fault}: a name is a token, such as X-Account")]
    Name {
        /// The name.
        name: String,
        /// What it holds.
        fault: BadText,
    },
    /// A value would end its line.
    #[error("the value of {name} holds {fault}: a value is one line")]
    Value {
        /// The name of the field.
        name: String,
        /// What the value holds.
        fault: BadText,
    },
    /// The stack writes this field.
    #[error("{name} is written by the stack itself")]
    Owned {
        /// The name of the field.
        name: String,
    },
    /// More than a message should carry.
    #[error("too much: at most {FIELDS_MAX} fields and {OCTETS_MAX} octets")]
    TooMany,
}

impl<'a> HeaderList<'a> {
    /// No field at all.
    pub const EMPTY: Self = Self(&[]);

    /// Checks `fields`.
    pub fn new(fields: &'a [(&'a str, &'a str)]) -> Result<Self, BadHeader> {
        let octets: usize = fields.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum();
        if fields.len() > FIELDS_MAX || octets > OCTETS_MAX {
            return Err(BadHeader::TooMany);
        }
        for &(name, value) in fields {
            check_token(name).map_err(|fault| BadHeader::Name { name: name.into(), fault })?;
            check_text(value).map_err(|fault| BadHeader::Value { name: name.into(), fault })?;
            if is_owned(HeaderName::from_text(name.as_bytes())) {
                return Err(BadHeader::Owned { name: name.into() });
            }
        }
        Ok(Self(fields))
    }

    /// Whether there is no field.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.0.iter().copied()
    }

    /// The fields as lines, each with its CR LF. Nothing is allocated for none.
    pub fn lines(&self) -> Bytes {
        if self.is_empty() {
            return Bytes::new();
        }
        let mut lines = Vec::new();
        for (name, value) in self.iter() {
            for part in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                lines.extend_from_slice(part);
            }
        }
        Bytes::from(lines)
    }
}

/// What decides where a message goes, what it means to the stack, or where it ends.
const fn is_owned(name: HeaderName) -> bool {
    matches!(
        name,
        HeaderName::Via
            | HeaderName::From
            | HeaderName::To
            | HeaderName::CallId
            | HeaderName::CSeq
            | HeaderName::MaxForwards
            | HeaderName::Contact
            | HeaderName::RecordRoute
            | HeaderName::ContentType
            | HeaderName::ContentLength
            | HeaderName::ContentEncoding
            | HeaderName::Allow
            | HeaderName::Event
            | HeaderName::SubscriptionState
            | HeaderName::UserAgent
            | HeaderName::Server
            | HeaderName::Require
            | HeaderName::RSeq
            | HeaderName::RAck
            | HeaderName::SessionExpires
            | HeaderName::MinSe
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_message_is_refused() {
        for value in ["a\r\nVia: x", "a\nb", "a\rb", "a\0b", "\r\n\r\nbody"] {
            let refused = HeaderList::new(&[("X-A", "fine"), ("Reason", value)]).map(drop);
            assert!(
                matches!(refused, Err(BadHeader::Value { ref name, .. }) if name == "Reason"),
                "{value:?}"
            );
        }
        for name in ["", "a b", "a:b", "a\r\n", "a\0", "\u{e4}"] {
            assert!(matches!(HeaderList::new(&[(name, "v")]), Err(BadHeader::Name { .. })), "{name:?}");
        }
    }

    #[test]
    fn what_the_stack_writes_is_refused_in_any_spelling() {
        for name in
            ["Via", "v", "call-ID", "i", "l", "Content-Length", "CONTACT", "m", "cseq", "o", "x", "RSeq"]
        {
            assert!(matches!(HeaderList::new(&[(name, "v")]), Err(BadHeader::Owned { .. })), "{name:?}");
        }
    }

    #[test]
    fn what_is_fit_stands_as_lines() {
        let list = HeaderList::new(&[("Reason", "Q.850;cause=16"), ("X-\u{41}", "")]).expect("fit");
        assert_eq!(&list.lines()[..], b"Reason: Q.850;cause=16\r\nX-A: \r\n");
        assert!(HeaderList::new(&[]).expect("none").lines().is_empty());
    }

    #[test]
    fn there_is_a_bound() {
        let many = [("X-A", "1"); FIELDS_MAX + 1];
        assert_eq!(HeaderList::new(&many), Err(BadHeader::TooMany));
        let long = "x".repeat(OCTETS_MAX + 1);
        assert_eq!(HeaderList::new(&[("X-A", long.as_str())]).map(drop), Err(BadHeader::TooMany));
    }
}
