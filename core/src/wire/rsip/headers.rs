//! Headers.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rsip::headers::{ToTypedHeader as _, UntypedHeader as _};

use super::BridgeError;
use super::uri::{ParamText as _, compare, compare_place};
use crate::wire::header::{NameAddr, Params, Via};
use crate::wire::text::{check_text, check_token, parse_u32, split_token, unfold};
use crate::wire::uri::{Host, Uri};
use crate::wire::{Frame, HeaderName, Method};

/// A header of rsip that can be had from a message of ours.
pub trait BridgedHeader: Sized {
    /// Its name.
    const NAME: HeaderName;
    /// What rsip makes of one unfolded value, if that is what we read.
    fn bridge(value: &str) -> Result<Self, BridgeError>;
}

/// Headers of a message as rsip's types.
pub trait RsipHeaders {
    /// The first value of a header; `None` if there is none.
    fn typed<H: BridgedHeader>(&self) -> Option<Result<H, BridgeError>>;
}

impl RsipHeaders for Frame<'_> {
    fn typed<H: BridgedHeader>(&self) -> Option<Result<H, BridgeError>> {
        let value = self.values(H::NAME).next()?;
        let name = H::NAME.as_str();
        let unfolded = unfold(value);
        Some(match core::str::from_utf8(&unfolded) {
            Ok(value) => H::bridge(value),
            Err(_) => Err(BridgeError::header(name, "not UTF-8")),
        })
    }
}

/// Headers of an address and parameters: rsip has the same three fields for each.
macro_rules! address_header {
    ($($name:ident),+) => { $(
        impl BridgedHeader for rsip::typed::$name {
            const NAME: HeaderName = HeaderName::$name;

            fn bridge(value: &str) -> Result<Self, BridgeError> {
                let name = Self::NAME.as_str();
                let theirs = rsip::headers::$name::new(value).typed();
                let theirs = theirs.map_err(|_| BridgeError::header(name, "rsip cannot read it"))?;
                let display = theirs.display_name.as_deref();
                compare_address(value, display, &theirs.uri, &theirs.params)
                    .map_err(|why| BridgeError::header(name, why))?;
                Ok(theirs)
            }
        }
    )+ };
}

address_header!(From, To, Contact);

fn compare_address(
    value: &str,
    display: Option<&str>,
    uri: &rsip::Uri,
    params: &[rsip::Param],
) -> Result<(), &'static str> {
    let ours = NameAddr::parse(value.as_bytes()).ok_or("we cannot read it")?;
    let our_display = ours.display.map(|text| text.trim_ascii()).filter(|text| !text.is_empty());
    let plain = |text: &str| text.trim().trim_matches('"').as_bytes().to_vec();
    let their_display = display.map(plain).filter(|text| !text.is_empty());
    let our_plain = our_display.and_then(|text| core::str::from_utf8(text).ok()).map(plain);
    if our_plain.as_deref().is_some_and(|text| text.iter().any(|octet| matches!(octet, b'"' | b'\\'))) {
        return Err("quoted characters in the display name");
    }
    if our_plain.filter(|text| !text.is_empty()) != their_display {
        return Err("the display names differ");
    }
    let our_uri = Uri::parse(ours.uri).map_err(|_| "not a SIP URI")?;
    compare(&our_uri, uri)?;
    compare_params(ours.params, params)
}

/// Parameters one by one: each name and value.
fn compare_params(ours: &[u8], theirs: &[rsip::Param]) -> Result<(), &'static str> {
    if ours.contains(&b'"') {
        return Err("quoted parameter values");
    }
    let ours: Vec<(&[u8], &[u8])> =
        Params::new(ours).map(|(name, value)| (name, value.unwrap_or_default())).collect();
    let texts: Vec<String> = theirs.iter().map(ToString::to_string).collect();
    let theirs: Vec<(&[u8], &[u8])> = texts
        .iter()
        .map(|text| {
            let text = text.as_bytes().trim_prefix_semicolon();
            let mut halves = text.splitn(2, |&octet| octet == b'=');
            (halves.next().unwrap_or_default(), halves.next().unwrap_or_default())
        })
        .collect();
    let same = ours.len() == theirs.len()
        && ours.iter().zip(&theirs).all(|(a, b)| a.0.eq_ignore_ascii_case(b.0) && a.1 == b.1);
    if same { Ok(()) } else { Err("the parameters differ") }
}

impl BridgedHeader for rsip::typed::Via {
    const NAME: HeaderName = HeaderName::Via;

    fn bridge(value: &str) -> Result<Self, BridgeError> {
        let refused = |why| BridgeError::header("Via", why);
        let ours = Via::parse(value.as_bytes()).ok_or_else(|| refused("we cannot read it"))?;
        let theirs = rsip::headers::Via::new(value).typed().map_err(|_| refused("rsip cannot read it"))?;
        if !ours.transport_text.eq_ignore_ascii_case(theirs.transport.to_string().as_bytes()) {
            return Err(refused("the transports differ"));
        }
        let host = Host::parse(ours.host).ok_or_else(|| refused("no host"))?;
        if theirs.uri.scheme.is_some() || theirs.uri.auth.is_some() || !theirs.uri.params.is_empty() {
            return Err(refused("rsip reads more than a place in it"));
        }
        compare_place(&host, ours.port, &theirs.uri.host_with_port).map_err(refused)?;
        compare_params(ours.params, &theirs.params).map_err(refused)?;
        Ok(theirs)
    }
}

impl BridgedHeader for rsip::typed::CSeq {
    const NAME: HeaderName = HeaderName::CSeq;

    fn bridge(value: &str) -> Result<Self, BridgeError> {
        let refused = |why| BridgeError::header("CSeq", why);
        let (number, method) = split_token(value.as_bytes().trim_ascii());
        let method = method.trim_ascii();
        let theirs = rsip::headers::CSeq::new(value).typed().map_err(|_| refused("rsip cannot read it"))?;
        if parse_u32(number) != Some(theirs.seq) {
            return Err(refused("the numbers differ"));
        }
        if theirs.method.to_string().as_bytes() != method || Method::from_text(method) == Method::Extension {
            return Err(refused("the methods differ"));
        }
        Ok(theirs)
    }
}

/// Every header that has a variant of its own in rsip.
macro_rules! variants {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// One header field as rsip's type. The value is unfolded and stays as it is.
        pub(super) fn to_rsip_header(name: &str, value: &str) -> rsip::Header {
            $(if name.eq_ignore_ascii_case($name) {
                return rsip::Header::$variant(rsip::headers::$variant::new(value));
            })+
            rsip::Header::Other(name.into(), value.into())
        }

        /// Name and value of a header of rsip, as they can be given to
        /// [`InviteParams::headers`](crate::api::InviteParams::headers).
        pub fn from_rsip_header(header: &rsip::Header) -> Result<(String, String), BridgeError> {
            let (name, value) = match header {
                $(rsip::Header::$variant(header) => ($name, header.value()),)+
                rsip::Header::Other(name, value) => (name.as_str(), value.as_str()),
            };
            check_token(name).map_err(|_| BridgeError::header(name, "its name is no token"))?;
            check_text(value).map_err(|_| BridgeError::header(name, "CR, LF or NUL in its value"))?;
            Ok((name.into(), value.into()))
        }
    };
}

variants! {
    Accept = "Accept", AcceptEncoding = "Accept-Encoding", AcceptLanguage = "Accept-Language",
    AlertInfo = "Alert-Info", Allow = "Allow", AuthenticationInfo = "Authentication-Info",
    Authorization = "Authorization", CSeq = "CSeq", CallId = "Call-ID", CallInfo = "Call-Info",
    Contact = "Contact", ContentDisposition = "Content-Disposition", ContentEncoding = "Content-Encoding",
    ContentLanguage = "Content-Language", ContentLength = "Content-Length", ContentType = "Content-Type",
    Date = "Date", ErrorInfo = "Error-Info", Event = "Event", Expires = "Expires", From = "From",
    InReplyTo = "In-Reply-To", MaxForwards = "Max-Forwards", MimeVersion = "MIME-Version",
    MinExpires = "Min-Expires", Organization = "Organization", Priority = "Priority",
    ProxyAuthenticate = "Proxy-Authenticate", ProxyAuthorization = "Proxy-Authorization",
    ProxyRequire = "Proxy-Require", RecordRoute = "Record-Route", ReplyTo = "Reply-To", Require = "Require",
    RetryAfter = "Retry-After", Route = "Route", Server = "Server", Subject = "Subject",
    SubscriptionState = "Subscription-State", Supported = "Supported", Timestamp = "Timestamp", To = "To",
    Unsupported = "Unsupported", UserAgent = "User-Agent", Via = "Via", Warning = "Warning",
    WwwAuthenticate = "WWW-Authenticate",
}
