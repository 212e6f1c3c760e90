//! Telephone numbers as URIs (RFC 3966).

use alloc::vec::Vec;

use super::uri::{Uri, is_uri_text};

/// A `tel:` URI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tel<'a> {
    /// The number as written, with its visual separators.
    number: &'a [u8],
    /// The parameters, beginning with a semicolon unless empty: `phone-context`, `ext`, `isub` and others.
    params: &'a [u8],
}

impl<'a> Tel<'a> {
    /// Reads a whole URI: a global number, which begins with `+`, or a local one. A local number should say in which context
    /// it holds (section 5.1.4); many do not.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let scheme = Uri::scheme_of(text)?;
        if !scheme.eq_ignore_ascii_case(b"tel") || !is_uri_text(text) {
            return None;
        }
        let rest = text.get(scheme.len().checked_add(1)?..)?;
        let end = rest.iter().position(|&octet| octet == b';').unwrap_or(rest.len());
        let (number, params) = rest.split_at_checked(end)?;
        let (global, digits) = match number.strip_prefix(b"+") {
            Some(digits) => (true, digits),
            None => (false, number),
        };
        let legal = |&octet: &u8| match octet {
            b'*' | b'#' => !global,
            _ => {
                is_separator(octet) || if global { octet.is_ascii_digit() } else { octet.is_ascii_hexdigit() }
            }
        };
        let any = digits.iter().any(|&octet| !is_separator(octet));
        (any && digits.iter().all(legal)).then_some(Self { number, params })
    }

    /// The number without visual separators.
    pub fn digits(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.number.iter().copied().filter(|&octet| !is_separator(octet))
    }

    /// The number as the user of `domain` that it is (RFC 3261 section 19.1.6):
    /// `sip:+15551234;ext=7@example.com;user=phone`.
    pub fn to_sip(&self, domain: &str) -> Vec<u8> {
        let mut uri = Vec::from(&b"sip:"[..]);
        for octet in self.digits().chain(self.params.iter().copied()) {
            put_user(octet.to_ascii_lowercase(), &mut uri);
        }
        for text in [b"@", domain.as_bytes(), b";user=phone"] {
            uri.extend_from_slice(text);
        }
        uri
    }
}

/// Marks that make a number easier to read and mean nothing (RFC 3966 section 5.1.1).
const fn is_separator(octet: u8) -> bool {
    matches!(octet, b'-' | b'.' | b'(' | b')')
}

/// Writes an octet of a user part, escaped if it would end that or begin a password.
fn put_user(octet: u8, uri: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if octet.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;/%".contains(&octet) {
        uri.push(octet);
    } else {
        uri.extend([b'%', DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]);
    }
}

/// The user part that a number as people write it stands for: `+49 (30) 123-45` is `+493012345`. `None` if it is no number.
pub fn dialled(text: &str) -> Option<Vec<u8>> {
    let mut user = Vec::new();
    for octet in text.bytes() {
        match octet {
            b'+' if user.is_empty() => user.push(octet),
            b'0'..=b'9' | b'*' | b'#' => put_user(octet, &mut user),
            // A dot parts the words of a host as well.
            b' ' | b'/' | b'-' | b'(' | b')' => {}
            _ => return None,
        }
    }
    user.iter().any(|octet| *octet != b'+').then_some(user)
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    fn sip(tel: &str) -> Option<String> {
        Some(String::from_utf8(Tel::parse(tel.as_bytes())?.to_sip("h.example:5070")).expect("text"))
    }

    /// RFC 3966 sections 5.1.1 and 5.1.4, RFC 3261 section 19.1.6.
    #[test]
    fn numbers_become_users() {
        for (tel, user) in [
            ("tel:+1-201-555-0123", "+12015550123"),
            ("TEL:+1.(201).555-0123", "+12015550123"),
            ("tel:7042;phone-context=example.com", "7042;phone-context=example.com"),
            ("tel:863-1234;phone-context=+1-914-555", "8631234;phone-context=+1-914-555"),
            ("tel:+1;ext=12;isub=A:7", "+1;ext=12;isub=a%3A7"),
            ("tel:*31#", "*31%23"),
            ("tel:1000", "1000"),
            ("tel:1;x=a@evil?b", "1;x=a%40evil%3Fb"),
        ] {
            let wanted = alloc::format!("sip:{user}@h.example:5070;user=phone");
            assert_eq!(sip(tel).as_deref(), Some(&wanted[..]), "{tel}");
            let read = Uri::parse(wanted.as_bytes()).expect("a SIP URI");
            assert_eq!((read.user, read.password), (Some(user.as_bytes()), None));
        }
        for tel in [
            "tel:",
            "tel:+",
            "tel:-",
            "tel:+a",
            "tel:alice",
            "tel:+1*2",
            "tel:++1",
            "tel:1 2",
            "sip:1",
            "1",
            "tel:;x",
        ] {
            assert_eq!(sip(tel), None, "{tel}");
        }
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, user) in [
            ("1000", "1000"),
            ("+49 (30) 123-45", "+493012345"),
            ("030/123 45", "03012345"),
            ("*31#", "*31%23"),
        ] {
            assert_eq!(dialled(text).as_deref(), Some(user.as_bytes()), "{text}");
        }
        for text in ["", "+", " ", "alice", "1+2", "1000@h", "--", "192.0.2", "030.1"] {
            assert_eq!(dialled(text), None, "{text}");
        }
    }
}
