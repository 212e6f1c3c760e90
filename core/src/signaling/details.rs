//! A message as the application sees it.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use bytes::Bytes;

use super::fields::{ContactEntry, Diversion, HistoryEntry, Identity, Privacy, Reason, VALUES_MAX, plain};
use super::parts::BodyPart;
use crate::wire::frame::{Frame, StartLine};
use crate::wire::limits::WireLimits;
use crate::wire::multipart::{Entity, description, leaves};
use crate::wire::path::Path;
use crate::wire::text::parse_leading_seconds;
use crate::wire::uri::Uri;
use crate::wire::{HeaderName, NameAddr, Tel};

/// An INVITE as its handler sees it.
pub type InviteDetails = MessageDetails;

/// A request or a response as it came. Every header is there; text that is no UTF-8 is shown with replacement
/// characters, the bytes are in [`message`](Self::message).
#[derive(Clone, PartialEq, Eq)]
pub struct MessageDetails {
    message: Bytes,
    source: Path,
    has_offer: bool,
    /// Where in the message the fields stand that every call is asked for, so that it is not read again for them.
    from: Option<Range<u16>>,
    to: Option<Range<u16>>,
    call_id: Option<Range<u16>>,
    replaces: bool,
}

impl MessageDetails {
    /// Keeps a copy of the message.
    pub(crate) fn new(frame: &Frame<'_>, source: Path) -> Self {
        Self::of_invite(frame, source, !description(frame, &WireLimits::NONE).is_empty())
    }

    /// The same for an INVITE that was looked through for an offer.
    pub(crate) fn of_invite(frame: &Frame<'_>, source: Path, has_offer: bool) -> Self {
        Self {
            message: Bytes::copy_from_slice(frame.bytes()),
            source,
            has_offer,
            from: frame.place(HeaderName::From),
            to: frame.place(HeaderName::To),
            call_id: frame.place(HeaderName::CallId),
            replaces: frame.place(HeaderName::Replaces).is_some(),
        }
    }

    /// The whole message as it came.
    pub fn message(&self) -> &Bytes {
        &self.message
    }

    /// Where it came from and which of our addresses it came to.
    pub fn source(&self) -> Path {
        self.source
    }

    /// Whether it brings a session description: in an INVITE, an offer; without one our answer will carry the offer.
    pub fn has_offer(&self) -> bool {
        self.has_offer
    }

    /// The Request-URI: who is called, as the last hop put it. Empty for a response.
    pub fn request_uri(&self) -> Cow<'_, str> {
        match self.frame().map(|frame| frame.start()) {
            Some(StartLine::Request { uri, .. }) => String::from_utf8_lossy(uri),
            _ => Cow::Borrowed(""),
        }
    }

    /// User part of the Request-URI, as written; of a `tel:` URI the number without its visual separators.
    pub fn called_user(&self) -> Option<Cow<'_, str>> {
        match self.frame()?.start() {
            StartLine::Request { uri, .. } => match Tel::parse(uri) {
                Some(tel) => Some(Cow::Owned(tel.digits().map(char::from).collect())),
                None => Uri::parse(uri).ok()?.user.map(String::from_utf8_lossy),
            },
            StartLine::Response { .. } => None,
        }
    }

    /// URI of the caller, as the caller says. Not verified.
    pub fn from_uri(&self) -> Cow<'_, str> {
        self.address(&self.from).map_or(Cow::Borrowed(""), |addr| String::from_utf8_lossy(addr.uri))
    }

    /// Name of the caller, as the caller says. Not verified.
    pub fn from_display(&self) -> Option<Cow<'_, str>> {
        let display = self.address(&self.from)?.display?;
        Some(Cow::Owned(plain(display)))
    }

    /// URI of the called party, as the caller wrote it.
    pub fn to_uri(&self) -> Cow<'_, str> {
        self.address(&self.to).map_or(Cow::Borrowed(""), |addr| String::from_utf8_lossy(addr.uri))
    }

    /// The Call-ID.
    pub fn call_id(&self) -> Cow<'_, str> {
        self.field(&self.call_id).map_or(Cow::Borrowed(""), String::from_utf8_lossy)
    }

    /// Whether it asks to take the place of a call that is up (RFC 3891).
    pub(crate) fn replaces(&self) -> bool {
        self.replaces
    }

    /// The first header of this name (any case, long or compact form).
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.frame()?.named(name).map(String::from_utf8_lossy)
    }

    /// The first header of a kind as the type that the rsip crate has for it, if rsip reads it as we do.
    #[cfg(feature = "rsip")]
    pub fn typed<H: crate::wire::rsip::BridgedHeader>(
        &self,
    ) -> Option<Result<H, crate::wire::rsip::BridgeError>> {
        crate::wire::rsip::RsipHeaders::typed(&self.frame()?)
    }

    /// Every value of a header, in order, lists taken apart at their commas. At most 32.
    pub fn header_values(&self, name: &str) -> Vec<String> {
        let known = HeaderName::from_text(name.as_bytes());
        let Some(frame) = self.frame() else { return Vec::new() };
        let text = |value| String::from_utf8_lossy(value).into_owned();
        if known != HeaderName::Other {
            return frame.values(known).take(VALUES_MAX).map(text).collect();
        }
        // Of a field that nobody here knows, it is not known whether it is a list.
        let same = frame.headers().filter(|header| header.name_text.eq_ignore_ascii_case(name.as_bytes()));
        same.take(VALUES_MAX).map(|header| text(header.value)).collect()
    }

    /// The method of a request.
    pub fn method(&self) -> Option<Cow<'_, str>> {
        match self.frame()?.start() {
            StartLine::Request { method_text, .. } => Some(String::from_utf8_lossy(method_text)),
            StartLine::Response { .. } => None,
        }
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        self.frame()?.status()
    }

    /// The reason phrase of a response.
    pub fn phrase(&self) -> Option<Cow<'_, str>> {
        match self.frame()?.start() {
            StartLine::Response { reason, .. } => Some(String::from_utf8_lossy(reason)),
            StartLine::Request { .. } => None,
        }
    }

    /// The type of the body.
    pub fn content_type(&self) -> Option<Cow<'_, str>> {
        self.first(HeaderName::ContentType).map(String::from_utf8_lossy)
    }

    /// Why the sender sends this (RFC 3326): of a BYE or CANCEL, why the call ends.
    pub fn reasons(&self) -> Vec<Reason> {
        self.read(HeaderName::Reason, Reason::parse)
    }

    /// Who the caller is, as a network that we trust asserts (RFC 3325): a SIP URI, a telephone number, or both. Whether
    /// the sender is to be trusted is for the application to know.
    pub fn asserted_identities(&self) -> Vec<Identity> {
        self.read_addresses(HeaderName::PAssertedIdentity, Identity::parse)
    }

    /// The first of [`asserted_identities`](Self::asserted_identities).
    pub fn asserted_identity(&self) -> Option<Identity> {
        self.asserted_identities().into_iter().next()
    }

    /// Which identity the caller would like to be asserted (RFC 3325). Not verified.
    pub fn preferred_identities(&self) -> Vec<Identity> {
        self.read_addresses(HeaderName::PPreferredIdentity, Identity::parse)
    }

    /// What the caller wants to be hidden (RFC 3323).
    pub fn privacy(&self) -> Privacy {
        let mut privacy = Privacy::default();
        for value in self.frame().iter().flat_map(|frame| frame.values(HeaderName::Privacy)).take(VALUES_MAX)
        {
            privacy.add(value);
        }
        privacy
    }

    /// Who diverted the call to us, the latest first (RFC 5806).
    pub fn diversions(&self) -> Vec<Diversion> {
        self.read_addresses(HeaderName::Diversion, Diversion::parse)
    }

    /// By which way the request came, the first step first (RFC 7044).
    pub fn history(&self) -> Vec<HistoryEntry> {
        self.read_addresses(HeaderName::HistoryInfo, HistoryEntry::parse)
    }

    /// Where else to ask, the most preferred first: the Contacts of a redirection.
    pub fn contacts(&self) -> Vec<ContactEntry> {
        let mut contacts = self.read_addresses(HeaderName::Contact, ContactEntry::parse);
        contacts.sort_by_key(|contact| core::cmp::Reverse(contact.q));
        contacts
    }

    /// When to ask again (RFC 3261 section 20.33), a year at most.
    pub fn retry_after(&self) -> Option<Duration> {
        self.first(HeaderName::RetryAfter)
            .and_then(parse_leading_seconds)
            .map(u64::from)
            .map(Duration::from_secs)
    }

    /// The whole body as it came.
    pub fn body(&self) -> &[u8] {
        self.frame().map_or(&[], |frame| frame.body())
    }

    /// The session description, wherever in the body it stands; empty if there is none.
    pub fn description(&self) -> &[u8] {
        self.frame().map_or(&[], |frame| description(&frame, &WireLimits::NONE))
    }

    /// What the body is made of, in order, the session description too: parts of parts are taken apart (RFC 5621). A body
    /// of one part is one part; without a body there is none.
    pub fn parts(&self) -> Vec<BodyPart> {
        let leaves = self.frame().map(|frame| leaves(Entity::of(&frame), &WireLimits::NONE));
        leaves.into_iter().flatten().map(|leaf| BodyPart::of(&leaf, &self.message)).collect()
    }

    pub(crate) fn frame(&self) -> Option<Frame<'_>> {
        // The message was within the coordinator's limits when it came.
        let limits = WireLimits::NONE;
        Frame::parse(&self.message, &limits).ok()
    }

    fn read<T>(&self, name: HeaderName, parse: impl Fn(&[u8]) -> Option<T>) -> Vec<T> {
        let frame = self.frame();
        frame.iter().flat_map(|frame| frame.values(name)).take(VALUES_MAX).filter_map(parse).collect()
    }

    fn read_addresses<T>(&self, name: HeaderName, parse: impl Fn(&[u8]) -> Option<T>) -> Vec<T> {
        let frame = self.frame();
        frame.iter().flat_map(|frame| frame.addresses(name)).take(VALUES_MAX).filter_map(parse).collect()
    }

    fn first(&self, name: HeaderName) -> Option<&[u8]> {
        self.frame()?.first(name)
    }

    /// The value of a field whose place is known.
    fn field(&self, place: &Option<Range<u16>>) -> Option<&[u8]> {
        let place = place.as_ref()?;
        self.message.get(usize::from(place.start)..usize::from(place.end))
    }

    fn address(&self, place: &Option<Range<u16>>) -> Option<NameAddr<'_>> {
        NameAddr::parse(self.field(place)?)
    }
}

impl core::fmt::Debug for MessageDetails {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let line = self.message.split(|&octet| octet == b'\r' || octet == b'\n').next().unwrap_or_default();
        f.debug_struct("MessageDetails")
            .field("line", &String::from_utf8_lossy(line))
            .field("from", &self.from_uri())
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
