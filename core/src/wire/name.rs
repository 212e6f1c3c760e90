//! Names of header fields.

/// The name of a header field, its compact form (RFC 3261 section 7.3.3) and letter case mapped away.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum HeaderName {
    /// `Accept`.
    Accept,
    /// `Accept-Encoding`.
    AcceptEncoding,
    /// `Accept-Language`.
    AcceptLanguage,
    /// `Alert-Info`.
    AlertInfo,
    /// `Allow`.
    Allow,
    /// `Allow-Events`.
    AllowEvents,
    /// `Authentication-Info`.
    AuthenticationInfo,
    /// `Authorization`.
    Authorization,
    /// `Call-ID`, compact `i`.
    CallId,
    /// `Call-Info`.
    CallInfo,
    /// `Contact`, compact `m`.
    Contact,
    /// `Content-Disposition`.
    ContentDisposition,
    /// `Content-Encoding`, compact `e`.
    ContentEncoding,
    /// `Content-Language`.
    ContentLanguage,
    /// `Content-Length`, compact `l`.
    ContentLength,
    /// `Content-Type`, compact `c`.
    ContentType,
    /// `CSeq`.
    CSeq,
    /// `Date`.
    Date,
    /// `Diversion`.
    Diversion,
    /// `Event`, compact `o`.
    Event,
    /// `Error-Info`.
    ErrorInfo,
    /// `Expires`.
    Expires,
    /// `From`, compact `f`.
    From,
    /// `History-Info`.
    HistoryInfo,
    /// `Info-Package`.
    InfoPackage,
    /// `In-Reply-To`.
    InReplyTo,
    /// `Max-Forwards`.
    MaxForwards,
    /// `MIME-Version`.
    MimeVersion,
    /// `Min-Expires`.
    MinExpires,
    /// `Min-SE`.
    MinSe,
    /// `Organization`.
    Organization,
    /// `P-Asserted-Identity`.
    PAssertedIdentity,
    /// `P-Preferred-Identity`.
    PPreferredIdentity,
    /// `Path`.
    Path,
    /// `Priority`.
    Priority,
    /// `Privacy`.
    Privacy,
    /// `Proxy-Authenticate`.
    ProxyAuthenticate,
    /// `Proxy-Authorization`.
    ProxyAuthorization,
    /// `Proxy-Require`.
    ProxyRequire,
    /// `RAck`.
    RAck,
    /// `Reason`.
    Reason,
    /// `Record-Route`.
    RecordRoute,
    /// `Recv-Info`.
    RecvInfo,
    /// `Refer-To`, compact `r`.
    ReferTo,
    /// `Referred-By`, compact `b`.
    ReferredBy,
    /// `Replaces`.
    Replaces,
    /// `Reply-To`.
    ReplyTo,
    /// `Require`.
    Require,
    /// `Retry-After`.
    RetryAfter,
    /// `Route`.
    Route,
    /// `RSeq`.
    RSeq,
    /// `Server`.
    Server,
    /// `Service-Route`.
    ServiceRoute,
    /// `Session-Expires`, compact `x`.
    SessionExpires,
    /// `SIP-ETag`.
    SipETag,
    /// `SIP-If-Match`.
    SipIfMatch,
    /// `Subject`, compact `s`.
    Subject,
    /// `Subscription-State`.
    SubscriptionState,
    /// `Supported`, compact `k`.
    Supported,
    /// `Timestamp`.
    Timestamp,
    /// `To`, compact `t`.
    To,
    /// `Unsupported`.
    Unsupported,
    /// `User-Agent`.
    UserAgent,
    /// `Via`, compact `v`.
    Via,
    /// `Warning`.
    Warning,
    /// `WWW-Authenticate`.
    WwwAuthenticate,
    /// Any other name; its text is in the frame.
    Other,
}

impl HeaderName {
    /// The name that `text` spells in any case, or in its compact form.
    pub fn from_text(text: &[u8]) -> Self {
        match text.len() {
            1 => Self::from_compact(text),
            2 => pick(text, &[Self::To]),
            3 => pick(text, &[Self::Via]),
            4 => pick(text, &[Self::From, Self::CSeq, Self::Date, Self::Path, Self::RAck, Self::RSeq]),
            5 => pick(text, &[Self::Allow, Self::Event, Self::Route]),
            6 => pick(text, &[Self::Accept, Self::MinSe, Self::Reason, Self::Server]),
            7 => pick(
                text,
                &[
                    Self::CallId,
                    Self::Contact,
                    Self::Expires,
                    Self::Privacy,
                    Self::Require,
                    Self::Subject,
                    Self::Warning,
                ],
            ),
            8 => pick(text, &[Self::Priority, Self::ReferTo, Self::Replaces, Self::ReplyTo, Self::SipETag]),
            9 => pick(
                text,
                &[Self::Supported, Self::CallInfo, Self::Timestamp, Self::Diversion, Self::RecvInfo],
            ),
            10 => pick(text, &[Self::UserAgent, Self::AlertInfo, Self::ErrorInfo]),
            11 => pick(
                text,
                &[Self::InReplyTo, Self::MinExpires, Self::ReferredBy, Self::RetryAfter, Self::Unsupported],
            ),
            12 => pick(
                text,
                &[
                    Self::MaxForwards,
                    Self::ContentType,
                    Self::AllowEvents,
                    Self::HistoryInfo,
                    Self::InfoPackage,
                    Self::MimeVersion,
                    Self::Organization,
                    Self::RecordRoute,
                    Self::SipIfMatch,
                ],
            ),
            13 => pick(text, &[Self::Authorization, Self::ProxyRequire, Self::ServiceRoute]),
            14 => pick(text, &[Self::ContentLength]),
            15 => pick(text, &[Self::AcceptEncoding, Self::AcceptLanguage, Self::SessionExpires]),
            16 => pick(text, &[Self::ContentEncoding, Self::ContentLanguage, Self::WwwAuthenticate]),
            18 => pick(text, &[Self::ProxyAuthenticate, Self::SubscriptionState]),
            19 => pick(
                text,
                &[
                    Self::AuthenticationInfo,
                    Self::ContentDisposition,
                    Self::PAssertedIdentity,
                    Self::ProxyAuthorization,
                ],
            ),
            20 => pick(text, &[Self::PPreferredIdentity]),
            _ => Self::Other,
        }
    }

    fn from_compact(text: &[u8]) -> Self {
        match text.first().map(u8::to_ascii_lowercase) {
            Some(b'i') => Self::CallId,
            Some(b'm') => Self::Contact,
            Some(b'e') => Self::ContentEncoding,
            Some(b'l') => Self::ContentLength,
            Some(b'c') => Self::ContentType,
            Some(b'o') => Self::Event,
            Some(b'f') => Self::From,
            Some(b'r') => Self::ReferTo,
            Some(b'b') => Self::ReferredBy,
            Some(b'x') => Self::SessionExpires,
            Some(b's') => Self::Subject,
            Some(b'k') => Self::Supported,
            Some(b't') => Self::To,
            Some(b'v') => Self::Via,
            _ => Self::Other,
        }
    }

    /// The usual spelling of the name, empty for `Other`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "Accept",
            Self::AcceptEncoding => "Accept-Encoding",
            Self::AcceptLanguage => "Accept-Language",
            Self::AlertInfo => "Alert-Info",
            Self::Allow => "Allow",
            Self::AllowEvents => "Allow-Events",
            Self::AuthenticationInfo => "Authentication-Info",
            Self::Authorization => "Authorization",
            Self::CallId => "Call-ID",
            Self::CallInfo => "Call-Info",
            Self::Contact => "Contact",
            Self::ContentDisposition => "Content-Disposition",
            Self::ContentEncoding => "Content-Encoding",
            Self::ContentLanguage => "Content-Language",
            Self::ContentLength => "Content-Length",
            Self::ContentType => "Content-Type",
            Self::CSeq => "CSeq",
            Self::Date => "Date",
            Self::Diversion => "Diversion",
            Self::Event => "Event",
            Self::ErrorInfo => "Error-Info",
            Self::Expires => "Expires",
            Self::From => "From",
            Self::HistoryInfo => "History-Info",
            Self::InfoPackage => "Info-Package",
            Self::InReplyTo => "In-Reply-To",
            Self::MaxForwards => "Max-Forwards",
            Self::MimeVersion => "MIME-Version",
            Self::MinExpires => "Min-Expires",
            Self::MinSe => "Min-SE",
            Self::Organization => "Organization",
            Self::PAssertedIdentity => "P-Asserted-Identity",
            Self::PPreferredIdentity => "P-Preferred-Identity",
            Self::Path => "Path",
            Self::Priority => "Priority",
            Self::Privacy => "Privacy",
            Self::ProxyAuthenticate => "Proxy-Authenticate",
            Self::ProxyAuthorization => "Proxy-Authorization",
            Self::ProxyRequire => "Proxy-Require",
            Self::RAck => "RAck",
            Self::Reason => "Reason",
            Self::RecordRoute => "Record-Route",
            Self::RecvInfo => "Recv-Info",
            Self::ReferTo => "Refer-To",
            Self::ReferredBy => "Referred-By",
            Self::Replaces => "Replaces",
            Self::ReplyTo => "Reply-To",
            Self::Require => "Require",
            Self::RetryAfter => "Retry-After",
            Self::Route => "Route",
            Self::RSeq => "RSeq",
            Self::Server => "Server",
            Self::ServiceRoute => "Service-Route",
            Self::SessionExpires => "Session-Expires",
            Self::SipETag => "SIP-ETag",
            Self::SipIfMatch => "SIP-If-Match",
            Self::Subject => "Subject",
            Self::SubscriptionState => "Subscription-State",
            Self::Supported => "Supported",
            Self::Timestamp => "Timestamp",
            Self::To => "To",
            Self::Unsupported => "Unsupported",
            Self::UserAgent => "User-Agent",
            Self::Via => "Via",
            Self::Warning => "Warning",
            Self::WwwAuthenticate => "WWW-Authenticate",
            Self::Other => "",
        }
    }
}

fn pick(text: &[u8], among: &[HeaderName]) -> HeaderName {
    let Some(first) = text.first().map(u8::to_ascii_lowercase) else { return HeaderName::Other };
    let same = |name: &HeaderName| {
        let name = name.as_str().as_bytes();
        // The first letter tells most of them apart, and most are written in the usual way. The common ones come first.
        name.first().is_some_and(|letter| letter.to_ascii_lowercase() == first)
            && (name == text || name.eq_ignore_ascii_case(text))
    };
    among.iter().copied().find(same).unwrap_or(HeaderName::Other)
}
