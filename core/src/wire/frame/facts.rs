//! The headers that decide where a message belongs.

use super::super::header::{NameAddr, Via};
use super::super::method::Method;
use super::super::name::HeaderName;
use super::super::text::{is_lws, parse_number, parse_u32, split_token, trim_start};
use super::{Fault, Frame};

/// The headers that decide where a message belongs, each read once.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The topmost Via.
    pub via: Via<'a>,
    /// From.
    pub from: NameAddr<'a>,
    /// Tag of From; RFC 2543 peers may have none.
    pub from_tag: Option<&'a [u8]>,
    /// To.
    pub to: NameAddr<'a>,
    /// Tag of To.
    pub to_tag: Option<&'a [u8]>,
    /// Call-ID.
    pub call_id: &'a [u8],
    /// Number of CSeq.
    pub cseq: u32,
    /// Method of CSeq.
    pub cseq_method: Method,
}

/// RFC 3261 section 8.1.1.5.
const CSEQ_MAX: u32 = 0x7FFF_FFFF;

const fn fault<T>(reason: &'static str) -> Result<T, Fault> {
    Err(Fault { status: 400, reason })
}

#[derive(Default)]
struct Found<'a> {
    via: Option<&'a [u8]>,
    from: Option<&'a [u8]>,
    to: Option<&'a [u8]>,
    call_id: Option<&'a [u8]>,
    cseq: Option<&'a [u8]>,
    max_forwards: Option<&'a [u8]>,
}

impl<'a> Found<'a> {
    fn read(frame: &Frame<'a>) -> Result<Self, Fault> {
        let mut found = Self::default();
        for header in frame.headers() {
            let (slot, reason) = match header.name {
                HeaderName::Via => {
                    found.via = found.via.or(Some(header.value));
                    continue;
                }
                HeaderName::From => (&mut found.from, "Multiple From"),
                HeaderName::To => (&mut found.to, "Multiple To"),
                HeaderName::CallId => (&mut found.call_id, "Multiple Call-ID"),
                HeaderName::CSeq => (&mut found.cseq, "Multiple CSeq"),
                HeaderName::MaxForwards if frame.can_be_refused() => {
                    (&mut found.max_forwards, "Multiple Max-Forwards")
                }
                _ => continue,
            };
            if slot.replace(header.value).is_some() {
                return fault(reason);
            }
        }
        Ok(found)
    }
}

impl<'a> Frame<'a> {
    /// Reads the headers that every message has (RFC 3261 section 8.1.1), each once.
    ///
    /// A fault is 400: a header missing, broken, given twice, or out of its range, or a CSeq that names
    /// another method than the start line.
    pub fn facts(&self) -> Result<Facts<'a>, Fault> {
        let found = Found::read(self)?;
        let Some(via) = found.via else {
            return fault("Missing Via");
        };
        let Some(via) = Via::parse_first(via) else {
            return fault("Malformed Via");
        };
        let (from, from_tag) = read_party(found.from, "Missing From", "Malformed From")?;
        let (to, to_tag) = read_party(found.to, "Missing To", "Malformed To")?;
        let call_id = match found.call_id {
            None => return fault("Missing Call-ID"),
            // All of it is looked at, so that several octets are looked at together.
            Some(text) if text.is_empty() || text.iter().fold(false, |any, &octet| any | is_lws(octet)) => {
                return fault("Malformed Call-ID");
            }
            Some(text) => text,
        };
        let (cseq, cseq_text) = read_cseq(found.cseq)?;
        if self.method_text().is_some_and(|method| method != cseq_text) {
            return fault("CSeq Method Mismatch");
        }
        if let Some(hops) = found.max_forwards
            && parse_number(hops).is_none_or(|hops| hops > 255)
        {
            return fault("Malformed Max-Forwards");
        }
        let cseq_method = Method::from_text(cseq_text);
        Ok(Facts { via, from, from_tag, to, to_tag, call_id, cseq, cseq_method })
    }
}

type Party<'a> = (NameAddr<'a>, Option<&'a [u8]>);

fn read_party<'a>(
    value: Option<&'a [u8]>,
    missing: &'static str,
    malformed: &'static str,
) -> Result<Party<'a>, Fault> {
    let Some(value) = value else {
        return fault(missing);
    };
    let Some(party) = NameAddr::parse(value) else {
        return fault(malformed);
    };
    let tag = party.tag();
    // A tag that is no token must not pass for no tag at all.
    if tag.is_none() && party.is_tagged() {
        return fault(malformed);
    }
    Ok((party, tag))
}

fn read_cseq(value: Option<&[u8]>) -> Result<(u32, &[u8]), Fault> {
    let Some(value) = value else {
        return fault("Missing CSeq");
    };
    let end = value.iter().position(|&octet| is_lws(octet)).unwrap_or(value.len());
    let (number, method) = value.split_at_checked(end).unwrap_or_default();
    let (method, rest) = split_token(trim_start(method));
    match parse_u32(number) {
        Some(number) if number <= CSEQ_MAX && !method.is_empty() && rest.is_empty() => Ok((number, method)),
        _ => fault("Malformed CSeq"),
    }
}
