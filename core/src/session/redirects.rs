//! Where else an outgoing call may go (RFC 3261 section 8.1.3.4).

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::api::HeaderConsent;
use crate::wire::frame::Frame;
use crate::wire::refer::ReferTo;
use crate::wire::text::{split_once, trim};
use crate::wire::uri::Uri;
use crate::wire::{HeaderName, NameAddr, Tel};

/// Contacts of one response that are looked at; there are more than anybody would want to be tried.
const CONTACTS_MAX: usize = 64;
/// Octets that a place may be named with; nobody's phone has a longer name.
const URI_OCTETS_MAX: usize = 1_024;

/// The places that a call has been sent to, and those that are left.
#[derive(Clone, Debug)]
pub(crate) struct Redirects {
    /// Every place that was called, the one that the application named first.
    tried: Vec<Bytes>,
    /// The places that are left, the most wanted first.
    left: Vec<Place>,
    /// What the place that is called now was named with.
    wishes: Vec<(String, String)>,
    /// The header lines that go to it.
    lines: Bytes,
}

/// A place that a call was sent to.
#[derive(Clone, Debug)]
struct Place {
    q: u16,
    target: Bytes,
    wishes: Vec<(String, String)>,
    /// What of them goes there, and what went to whoever named it; `None` until it is consented to.
    lines: Option<Bytes>,
}

impl Redirects {
    pub(crate) fn new(target: &Bytes) -> Self {
        let tried = Vec::from([target.clone()]);
        Self { tried, left: Vec::new(), wishes: Vec::new(), lines: Bytes::new() }
    }

    /// Whom the application called: the To of every INVITE (section 8.1.3.5).
    pub(crate) fn called(&self) -> &[u8] {
        self.tried.first().map_or(&[], |first| first)
    }

    /// Takes note of where a 3xx points; what was called before is not called again.
    /// A telephone number is one of our own `domain`, if there is one.
    pub(crate) fn add(&mut self, frame: &Frame<'_>, redirects_max: usize, domain: Option<&str>) {
        for value in frame.addresses(HeaderName::Contact).take(CONTACTS_MAX) {
            let Some(addr) = NameAddr::parse(value) else { continue };
            let Some((target, wishes)) = usable(addr.uri, domain) else { continue };
            let known = || self.tried.iter().chain(self.left.iter().map(|place| &place.target));
            if !known().any(|other| is_same(other, &target)) {
                self.left.push(Place { q: addr.q(), target, wishes, lines: None });
            }
        }
        // Stable: among equals the order is that of the message.
        self.left.sort_by_key(|place| core::cmp::Reverse(place.q));
        self.left.truncate(redirects_max);
    }

    /// Decides what of the wishes of new places goes to them, beside the lines that are `ours`. What an earlier redirection
    /// wished for stays, but for what has the name of a new wish (section 8.1.3.4).
    pub(crate) fn consent(&mut self, consent: &HeaderConsent, ours: &[u8]) {
        for place in self.left.iter_mut().filter(|place| place.lines.is_none()) {
            let taken = |name: &str| consent.takes(name) && !has_line(ours, name);
            let new: Vec<_> = place.wishes.iter().filter(|(name, _)| taken(name)).collect();
            let mut lines = Vec::new();
            for line in self.lines.split_inclusive(|&octet| octet == b'\n') {
                if !new.iter().any(|(name, _)| has_line(line, name)) {
                    lines.extend_from_slice(line);
                }
            }
            for (name, value) in new {
                for part in [name.as_str(), ": ", value, "\r\n"] {
                    lines.extend_from_slice(part.as_bytes());
                }
            }
            place.lines = Some(lines.into());
        }
    }

    /// What the place that is called now was named with, consented to or not.
    pub(crate) fn wishes(&self) -> &[(String, String)] {
        &self.wishes
    }

    /// The header lines that go to it.
    pub(crate) fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// Whether there is another place to call.
    pub(crate) fn has_next(&self, redirects_max: usize) -> bool {
        !self.left.is_empty() && self.tried.len() <= redirects_max
    }

    /// The next place to call.
    pub(crate) fn take_next(&mut self) -> Option<Bytes> {
        if self.left.is_empty() {
            return None;
        }
        let Place { target, wishes, lines, .. } = self.left.remove(0);
        self.tried.push(target.clone());
        (self.wishes, self.lines) = (wishes, lines.unwrap_or_default());
        Some(target)
    }
}

/// The Request-URI for a Contact, if it is a place that we can call, and the headers that it wishes for.
fn usable(uri: &[u8], domain: Option<&str>) -> Option<(Bytes, Vec<(String, String)>)> {
    if let Some(tel) = Tel::parse(uri).filter(|_| uri.len() <= URI_OCTETS_MAX) {
        return domain.map(|domain| (Bytes::from(tel.to_sip(domain)), Vec::new()));
    }
    let is_sip = Uri::parse(uri).is_ok_and(|parsed| parsed.is_sip() && uri.len() <= URI_OCTETS_MAX);
    let named = ReferTo::of(uri).filter(|named| is_sip && named.is_to_be_called())?;
    crate::wire::NextHop::of(uri).ok()?;
    Some((Bytes::from(named.target().into_owned()), named.wishes()))
}

/// Whether one of these header lines has this name, be it the short one.
fn has_line(lines: &[u8], name: &str) -> bool {
    let wanted = HeaderName::from_text(name.as_bytes());
    lines.split(|&octet| octet == b'\n').any(|line| {
        let Some((found, _)) = split_once(line, b':') else { return false };
        let known = HeaderName::from_text(trim(found));
        trim(found).eq_ignore_ascii_case(name.as_bytes()) || known == wanted && known != HeaderName::Other
    })
}

/// Whether two URIs name the same place: the user as written, the host in any case, 5060 where no port stands, and the
/// parameters as written, for a line of a phone may be told by them.
fn is_same(left: &[u8], right: &[u8]) -> bool {
    let (Ok(left), Ok(right)) = (Uri::parse(left), Uri::parse(right)) else { return left == right };
    left.is_same_place(&right) && left.params.eq_ignore_ascii_case(right.params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::limits::WireLimits;

    fn add(redirects: &mut Redirects, contacts: &str) {
        let text = format!("SIP/2.0 302 Elsewhere\r\nVia: SIP/2.0/UDP h\r\nContact: {contacts}\r\n\r\n");
        let limits = WireLimits::default();
        redirects.add(&Frame::parse(text.as_bytes(), &limits).expect("a response"), 5, None);
    }

    fn all(contacts: &str) -> Vec<String> {
        let mut redirects = Redirects::new(&Bytes::from_static(b"sip:a@h"));
        add(&mut redirects, contacts);
        core::iter::from_fn(|| redirects.take_next())
            .map(|place| String::from_utf8(place.to_vec()).expect("text"))
            .collect()
    }

    #[test]
    fn the_most_wanted_comes_first_and_nothing_twice() {
        assert_eq!(
            all("<sip:b@h>;q=0.1, <sip:c@h>, <sip:d@h>;q=0.5, sip:b@H:5060"),
            ["sip:c@h", "sip:d@h", "sip:b@h"].map(String::from)
        );
        assert_eq!(all("<sip:a@H:5060>, <sip:a@h;line=2>"), ["sip:a@h;line=2"]);
    }

    #[test]
    fn what_we_do_not_speak_is_left_out() {
        assert!(
            all("<sips:b@h>, <tel:+1>, <mailto:b@h>, <sip:b@h;transport=tcp>, <sip:b@h;method=MESSAGE>, *")
                .is_empty()
        );
        assert_eq!(all("<sip:b@h;method=INVITE;x=1?Subject=evil&Route=x>"), ["sip:b@h;x=1"]);
    }

    /// The lines for each place of `contacts`, of a call that has a line of its own.
    fn lines(consent: &HeaderConsent, contacts: &str) -> Vec<String> {
        let mut redirects = Redirects::new(&Bytes::from_static(b"sip:a@h"));
        add(&mut redirects, contacts);
        redirects.consent(consent, b"X-Own: 1\r\ns: 2\r\n");
        let text = |redirects: &Redirects| String::from_utf8(redirects.lines().to_vec()).expect("text");
        core::iter::from_fn(|| redirects.take_next().map(|_| text(&redirects))).collect()
    }

    #[test]
    fn what_a_place_is_named_with_goes_there_as_far_as_it_is_consented_to() {
        let contacts = "<sip:b@h?X-Account=7&User-to-User=5%3bencoding%3Dhex&Route=%3Csip:x%3E&From=x&x-own=3&Subject=4>;q=0.9, \
             <sip:c@h?Priority=urgent>";
        let named = HeaderConsent::Named(["user-to-user", "X-Own", "Subject"].map(String::from).into());
        assert_eq!(lines(&HeaderConsent::Nothing, contacts), ["", ""]);
        assert_eq!(lines(&named, contacts), ["", "User-to-User: 5;encoding=hex\r\n"]);
        assert_eq!(
            lines(&HeaderConsent::Harmless, contacts),
            ["Priority: urgent\r\n", "X-Account: 7\r\nUser-to-User: 5;encoding=hex\r\n"]
        );
        // Whatever is consented to.
        let evil = HeaderConsent::Named(["Route", "From", "Replaces", "Contact"].map(String::from).into());
        assert_eq!(lines(&evil, contacts), ["", ""]);
        assert!(evil.check().is_err() && named.check().is_ok());
        let broken = "<sip:b@h?X-A=1%0D%0AVia:%20x&X%3A=2>";
        assert_eq!(lines(&HeaderConsent::Harmless, broken), [""]);
    }

    #[test]
    fn what_one_redirection_wished_for_stays_in_the_next_unless_that_says_otherwise() {
        let mut redirects = Redirects::new(&Bytes::from_static(b"sip:a@h"));
        for contacts in ["<sip:b@h?X-One=1&X-Two=1>", "<sip:c@h?x-two=2>, <sip:d@h>;q=0.1"] {
            add(&mut redirects, contacts);
            redirects.consent(&HeaderConsent::Harmless, b"");
            redirects.take_next();
        }
        assert_eq!(redirects.lines(), b"X-One: 1\r\nx-two: 2\r\n");
        assert_eq!(redirects.wishes(), [(String::from("x-two"), String::from("2"))]);
        redirects.take_next();
        assert_eq!(redirects.lines(), b"X-One: 1\r\nX-Two: 1\r\n");
    }

    #[test]
    fn nobody_is_called_more_often_than_the_limit_says() {
        let mut redirects = Redirects::new(&Bytes::from_static(b"sip:a@h"));
        for n in 0..5 {
            add(&mut redirects, &format!("<sip:{n}@h>, <sip:more-{n}@h>"));
            assert!(redirects.has_next(5), "{n}");
            redirects.take_next();
        }
        assert!(!redirects.has_next(5), "five redirects are enough");
        assert!(redirects.left.len() <= 5);
    }
}
