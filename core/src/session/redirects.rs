//! Where else an outgoing call may go (RFC 3261 section 8.1.3.4).

use alloc::vec::Vec;

use bytes::Bytes;

use crate::wire::frame::Frame;
use crate::wire::refer::ReferTo;
use crate::wire::uri::Uri;
use crate::wire::{HeaderName, NameAddr, Tel};

/// Octets that a place may be named with; nobody's phone has a longer name.
const URI_OCTETS_MAX: usize = 1_024;

/// The places that a call has been sent to, and those that are left.
#[derive(Clone, Debug)]
pub(crate) struct Redirects {
    /// Every place that was called, the one that the application named first.
    tried: Vec<Bytes>,
    /// The places that are left, the most wanted first.
    left: Vec<(u16, Bytes)>,
}

impl Redirects {
    pub(crate) fn new(target: &Bytes) -> Self {
        Self { tried: Vec::from([target.clone()]), left: Vec::new() }
    }

    /// Whom the application called: the To of every INVITE (section 8.1.3.5).
    pub(crate) fn called(&self) -> &[u8] {
        self.tried.first().map_or(&[], |first| first)
    }

    /// Takes note of where a 3xx points; what was called before is not called again.
    /// A telephone number is one of our own `domain`, if there is one.
    pub(crate) fn add(&mut self, frame: &Frame<'_>, redirects_max: usize, domain: Option<&str>) {
        for value in frame.addresses(HeaderName::Contact) {
            let Some(addr) = NameAddr::parse(value) else { continue };
            let Some(place) = usable(addr.uri, domain) else { continue };
            let known = || self.tried.iter().chain(self.left.iter().map(|(_, place)| place));
            if !known().any(|other| is_same(other, &place)) {
                self.left.push((addr.q(), place));
            }
        }
        // Stable: among equals the order is that of the message.
        self.left.sort_by_key(|&(q, _)| core::cmp::Reverse(q));
        self.left.truncate(redirects_max);
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
        let (_, place) = self.left.remove(0);
        self.tried.push(place.clone());
        Some(place)
    }
}

/// The Request-URI for a Contact, if it is a place that we can call. A method belongs to no Request-URI, and headers are
/// wishes that we do not fulfil (section 19.1.5).
fn usable(uri: &[u8], domain: Option<&str>) -> Option<Bytes> {
    if let Some(tel) = Tel::parse(uri).filter(|_| uri.len() <= URI_OCTETS_MAX) {
        return domain.map(|domain| Bytes::from(tel.to_sip(domain)));
    }
    let parsed = Uri::parse(uri).ok().filter(|parsed| parsed.is_sip() && uri.len() <= URI_OCTETS_MAX)?;
    let others = crate::wire::NextHop::of(uri).is_err();
    let method = parsed.param("method").flatten();
    if others || method.is_some_and(|method| !method.eq_ignore_ascii_case(b"INVITE")) {
        return None;
    }
    Some(Bytes::from(ReferTo::of(uri)?.target().into_owned()))
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
