//! Reading WWW-Authenticate and Proxy-Authenticate (RFC 7235 section 2.1), and the parameters of Authentication-Info.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::digest::{Algorithm, DigestAlgorithm, Qop};
use crate::wire::header::{plain_end, quoted_end};
use crate::wire::text::{split_token, trim_start};

/// A digest challenge that we can answer. Texts are those between the quotes, as they stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Challenge<'a> {
    pub(super) realm: &'a [u8],
    pub(super) nonce: &'a [u8],
    pub(super) opaque: Option<&'a [u8]>,
    pub(super) stale: bool,
    pub(super) algorithm: Algorithm,
    /// The algorithm as it was written; `None` if it was not, which means MD5.
    pub(super) algorithm_text: Option<&'a [u8]>,
    pub(super) qop: Qop,
}

/// Octets that a realm, a nonce or an opaque may have, wherever it comes from: they are kept, and sent back in every
/// request. Of a challenge nothing else is kept but the name of an algorithm that we know.
const TEXT_MAX: usize = 1_024;

/// One word of a header value: a scheme, or a parameter.
enum Word<'a> {
    Scheme(&'a [u8]),
    Param(&'a [u8], &'a [u8]),
}

/// The words of a header value. What keeps to no grammar is skipped up to the next comma.
struct Words<'a>(&'a [u8]);

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        loop {
            let rest = trim_start(self.0);
            let (&first, after) = rest.split_first()?;
            if first == b',' {
                self.0 = after;
                continue;
            }
            let (name, rest) = split_token(rest);
            if name.is_empty() {
                let end = rest.iter().position(|&octet| octet == b',').unwrap_or(rest.len());
                self.0 = rest.get(end..).unwrap_or_default();
                continue;
            }
            let Some(value) = trim_start(rest).strip_prefix(b"=") else {
                self.0 = rest;
                return Some(Word::Scheme(name));
            };
            let value = trim_start(value);
            let quoted = value.first() == Some(&b'"');
            let end = if quoted { quoted_end(value)? } else { plain_end(value) };
            let (value, rest) = value.split_at_checked(end)?;
            self.0 = rest;
            let value = if quoted { value.get(1..value.len().saturating_sub(1))? } else { value };
            return Some(Word::Param(name, value));
        }
    }
}

/// The digest challenges of one header value that we can answer, in their order.
pub(super) fn read(value: &[u8]) -> Vec<Challenge<'_>> {
    let mut found = Vec::new();
    let mut params: Option<Vec<(&[u8], &[u8])>> = None;
    for word in Words(value) {
        match word {
            Word::Scheme(name) => {
                found.extend(params.take().and_then(|params| Challenge::of(&params)));
                params = name.eq_ignore_ascii_case(b"Digest").then(Vec::new);
            }
            Word::Param(name, value) => {
                if let Some(params) = &mut params {
                    params.push((name, value));
                }
            }
        }
    }
    found.extend(params.and_then(|params| Challenge::of(&params)));
    found
}

/// The `nextnonce` of Authentication-Info (RFC 7616 section 3.5).
pub(super) fn next_nonce(value: &[u8]) -> Option<&[u8]> {
    Words(value).find_map(|word| match word {
        Word::Param(name, nonce) if name.eq_ignore_ascii_case(b"nextnonce") => {
            (nonce.len() <= TEXT_MAX).then_some(nonce)
        }
        _ => None,
    })
}

impl<'a> Challenge<'a> {
    fn of(params: &[(&[u8], &'a [u8])]) -> Option<Self> {
        let find = |wanted: &str| {
            let mut named = params.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
            named.next().map(|&(_, value)| value)
        };
        let algorithm_text = find("algorithm");
        let algorithm = algorithm_text
            .map_or(Some(Algorithm { hash: DigestAlgorithm::Md5, session: false }), Algorithm::parse)?;
        let qop = match find("qop") {
            None => Qop::Legacy,
            Some(offered) => {
                let has = |wanted: &str| {
                    let mut each = offered.split(|&octet| octet == b',').map(<[u8]>::trim_ascii);
                    each.any(|each| each.eq_ignore_ascii_case(wanted.as_bytes()))
                };
                // The body of a message may be changed on its way by whoever may: by default only its sender is proven.
                if has("auth") {
                    Qop::Auth
                } else if has("auth-int") {
                    Qop::AuthInt
                } else {
                    return None;
                }
            }
        };
        let (realm, nonce, opaque) = (find("realm")?, find("nonce")?, find("opaque"));
        let fits = |text: &[u8]| text.len() <= TEXT_MAX;
        let stale = find("stale").is_some_and(|stale| stale.eq_ignore_ascii_case(b"true"));
        let challenge = Self { realm, nonce, opaque, stale, algorithm, algorithm_text, qop };
        (fits(realm) && fits(nonce) && opaque.is_none_or(fits)).then_some(challenge)
    }
}

/// What a quoted text means: without its backslashes.
pub(super) fn unescaped(text: &[u8]) -> String {
    if !text.contains(&b'\\') {
        return String::from_utf8_lossy(text).into_owned();
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut escaped = false;
    for &octet in text {
        escaped = octet == b'\\' && !escaped;
        if !escaped {
            plain.push(octet);
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// A text as it stands between quotes.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if text.contains(['"', '\\']) {
        return Cow::Owned(text.replace('\\', "\\\\").replace('"', "\\\""));
    }
    Cow::Borrowed(text)
}
