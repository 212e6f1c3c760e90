//! Request methods.

/// A request method. The set is open: what is not named here is `Extension`, its text is in the frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Method {
    /// RFC 3261
    Invite,
    /// RFC 3261
    Ack,
    /// RFC 3261
    Bye,
    /// RFC 3261
    Cancel,
    /// RFC 3261
    Options,
    /// RFC 3261
    Register,
    /// RFC 3262
    Prack,
    /// RFC 3311
    Update,
    /// RFC 6086
    Info,
    /// RFC 3428
    Message,
    /// RFC 3515
    Refer,
    /// RFC 6665
    Notify,
    /// RFC 6665
    Subscribe,
    /// RFC 3903
    Publish,
    /// Any other token.
    Extension,
}

impl Method {
    const NAMED: [Self; 14] = [
        Self::Invite,
        Self::Ack,
        Self::Bye,
        Self::Cancel,
        Self::Options,
        Self::Register,
        Self::Prack,
        Self::Update,
        Self::Info,
        Self::Message,
        Self::Refer,
        Self::Notify,
        Self::Subscribe,
        Self::Publish,
    ];

    /// The method that `text` names. Methods are case-sensitive (RFC 3261 section 7.1).
    pub fn from_text(text: &[u8]) -> Self {
        let same = |method: &Self| method.as_str().as_bytes() == text;
        Self::NAMED.iter().copied().find(same).unwrap_or(Self::Extension)
    }

    /// The method as written on the wire, empty for `Extension`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Options => "OPTIONS",
            Self::Register => "REGISTER",
            Self::Prack => "PRACK",
            Self::Update => "UPDATE",
            Self::Info => "INFO",
            Self::Message => "MESSAGE",
            Self::Refer => "REFER",
            Self::Notify => "NOTIFY",
            Self::Subscribe => "SUBSCRIBE",
            Self::Publish => "PUBLISH",
            Self::Extension => "",
        }
    }

    /// Whether the method has a name here, that is, whether it is not `Extension`.
    pub const fn is_known_here(self) -> bool {
        !matches!(self, Self::Extension)
    }
}
