//! Parts of bodies, as the application gets and gives them (RFC 5621).

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::wire::limits::WireLimits;
use crate::wire::multipart::{Entity, leaves};
use crate::wire::text::{BadText, check_text, check_token};

/// A part of a body of several, or the whole body of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BodyPart {
    /// Its type, such as `application/isup;version=itu-t92+`; empty if it does not say.
    pub content_type: String,
    /// What it is for and whether it must be handled (Content-Disposition), such as `signal;handling=optional`.
    pub disposition: Option<String>,
    /// Its further header fields, name and value.
    pub headers: Vec<(String, String)>,
    /// Its octets, as they are encoded.
    pub body: Bytes,
}

impl BodyPart {
    /// A part of this type.
    pub fn new(content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            content_type: String::from(content_type),
            disposition: None,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// What it is for, such as `signal;handling=optional`. Who gets a part without a disposition must handle it or refuse
    /// the whole message (RFC 3261 section 20.11).
    #[must_use]
    pub fn disposition(mut self, disposition: &str) -> Self {
        self.disposition = Some(String::from(disposition));
        self
    }

    /// One more header field, such as `Content-ID`.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((String::from(name), String::from(value)));
        self
    }

    /// The parts of a body that came with this Content-Type; one that is not `multipart` is one part.
    pub fn read(content_type: &str, body: &Bytes) -> Vec<Self> {
        let whole =
            Entity { content_type: Some(content_type.as_bytes()), body: &body[..], ..Entity::default() };
        leaves(whole, &WireLimits::NONE).iter().map(|leaf| Self::of(leaf, body)).collect()
    }

    /// What stands in `whole`, without a copy.
    pub(crate) fn of(entity: &Entity<'_>, whole: &Bytes) -> Self {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let own = |name: &[u8]| {
            name.eq_ignore_ascii_case(b"Content-Type") || name.eq_ignore_ascii_case(b"Content-Disposition")
        };
        let headers = entity.headers().filter(|(name, _)| !own(name));
        Self {
            content_type: entity.content_type.map(text).unwrap_or_default(),
            disposition: entity.disposition.map(text),
            headers: headers.map(|(name, value)| (text(name), text(&value))).collect(),
            body: whole.slice_ref(entity.body),
        }
    }

    /// Its header lines, each ending with CR LF, if each is one.
    pub(crate) fn head(&self) -> Result<Vec<u8>, BadText> {
        let mut head = Vec::new();
        let own = [
            ("Content-Type", Some(self.content_type.as_str())),
            ("Content-Disposition", self.disposition.as_deref()),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let more = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain(more) {
            check_token(name)?;
            check_text(value)?;
            for text in [name, ": ", value, "\r\n"] {
                head.extend_from_slice(text.as_bytes());
            }
        }
        Ok(head)
    }
}
