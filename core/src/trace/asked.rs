//! Commands that bring header fields or a body along, in a trace.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::pack::{Impossible, Packer, Unpacked, Unpacker};
use super::redact::Redaction;
use crate::api::SubscriptionState;
use crate::base::ids::{RegistrationId, SessionId, SubscriptionId};
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator;
use crate::signaling::{BodyPart, CommandError};
use crate::wire::Method;

/// Header fields of the application, name and value.
pub type Fields<'a> = Cow<'a, [(&'a str, &'a str)]>;

/// What the application asked for.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Asked<'a> {
    /// `ring_with`
    Ring {
        /// The session.
        session: SessionId,
        /// Further header fields.
        headers: Fields<'a>,
    },
    /// `accept_transfer_with`
    AcceptTransfer {
        /// The session.
        session: SessionId,
        /// Further header fields.
        headers: Fields<'a>,
    },
    /// `answer_with`
    Answer {
        /// The session.
        session: SessionId,
        /// Further header fields.
        headers: Fields<'a>,
    },
    /// `reject_with`
    Reject {
        /// The session.
        session: SessionId,
        /// With which status.
        status: u16,
        /// Further header fields.
        headers: Fields<'a>,
    },
    /// `hangup_with`
    Hangup {
        /// The session.
        session: SessionId,
        /// Further header fields.
        headers: Fields<'a>,
    },
    /// `message` and `message_with`
    Message {
        /// For whom.
        target: &'a str,
        /// The type of the body.
        content_type: &'a str,
        /// The body.
        body: &'a [u8],
        /// Further header fields.
        headers: Fields<'a>,
    },
    /// `options` and `options_with`
    Options {
        /// Who is asked.
        target: &'a str,
        /// Further header fields.
        headers: Fields<'a>,
    },
    /// `info` and `request_within`
    Within {
        /// The session.
        session: SessionId,
        /// The method.
        method: Method,
        /// Further header fields.
        headers: Fields<'a>,
        /// The type of the body, and the body.
        body: Option<(&'a str, &'a [u8])>,
    },
    /// `subscribe` and `subscribe_with`
    Subscribe {
        /// To whom.
        target: &'a str,
        /// To what.
        event: &'a str,
        /// For how long.
        expires: Duration,
        /// Further header fields.
        headers: Fields<'a>,
    },
    /// `unsubscribe`
    Unsubscribe {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// `accept_subscription`
    AcceptSubscription {
        /// The subscription.
        subscription: SubscriptionId,
        /// The type of the body, and the body.
        body: Option<(&'a str, &'a [u8])>,
    },
    /// `reject_subscription`
    RejectSubscription {
        /// The subscription.
        subscription: SubscriptionId,
        /// With which status.
        status: u16,
    },
    /// `notify`
    Notify {
        /// The subscription.
        subscription: SubscriptionId,
        /// Where it stands from now on.
        state: Cow<'a, SubscriptionState>,
        /// The type of the body.
        content_type: &'a str,
        /// The body.
        body: &'a [u8],
    },
    /// `register` and `register_with`
    Register {
        /// The registrar, and who is registered.
        uri: &'a str,
        /// For how long.
        expires: Duration,
        /// Further header fields.
        headers: Fields<'a>,
    },
    /// `unregister`
    Unregister {
        /// The registration.
        registration: RegistrationId,
    },
    /// `trust_source` and `distrust_source`
    TrustSource {
        /// Whom.
        source: IpAddr,
        /// Or not.
        trusted: bool,
    },
    /// `set_body_parts`
    Parts {
        /// The session.
        session: SessionId,
        /// What its body has besides the session description.
        parts: Cow<'a, [BodyPart]>,
    },
    /// `retry_registration`
    RetryRegistration {
        /// The registration.
        registration: RegistrationId,
    },
    /// `network_changed`
    NetworkChanged,
    /// `redirect` and `redirect_with`
    Redirect {
        /// The session.
        session: SessionId,
        /// Where the caller is sent.
        contacts: Cow<'a, [&'a str]>,
        /// Further header fields.
        headers: Fields<'a>,
    },
}

impl<'a> Asked<'a> {
    /// See [`Notify`](Self::Notify).
    pub(crate) const fn notify(
        subscription: SubscriptionId,
        state: &'a SubscriptionState,
        content_type: &'a str,
        body: &'a [u8],
    ) -> Self {
        Self::Notify { subscription, state: Cow::Borrowed(state), content_type, body }
    }

    pub(super) fn write(&self, out: &mut Packer<'_>, redaction: Redaction) {
        match self {
            Self::Ring { session, headers } => write_for(out, 0, *session, headers, redaction),
            Self::Answer { session, headers } => write_for(out, 1, *session, headers, redaction),
            Self::Reject { session, status, headers } => {
                out.byte(2);
                out.key(*session);
                out.number(*status);
                write_fields(out, headers, redaction);
            }
            Self::Hangup { session, headers } => write_for(out, 3, *session, headers, redaction),
            Self::Message { target, content_type, body, headers } => {
                out.byte(5);
                out.text(target);
                out.text(content_type);
                out.bytes(body);
                write_fields(out, headers, redaction);
            }
            Self::Options { target, headers } => {
                out.byte(6);
                out.text(target);
                write_fields(out, headers, redaction);
            }
            Self::Within { session, method, headers, body } => {
                out.byte(7);
                out.key(*session);
                out.text(method.as_str());
                write_fields(out, headers, redaction);
                write_body(out, *body);
            }
            Self::Subscribe { target, event, expires, headers } => {
                out.byte(8);
                out.text(target);
                out.text(event);
                out.duration(*expires);
                write_fields(out, headers, redaction);
            }
            Self::Unsubscribe { subscription } => {
                out.byte(9);
                out.key(*subscription);
            }
            Self::AcceptSubscription { subscription, body } => {
                out.byte(10);
                out.key(*subscription);
                write_body(out, *body);
            }
            Self::RejectSubscription { subscription, status } => {
                out.byte(11);
                out.key(*subscription);
                out.number(*status);
            }
            Self::Notify { subscription, state, content_type, body } => {
                out.byte(12);
                out.key(*subscription);
                write_state(out, state);
                out.text(content_type);
                out.bytes(body);
            }
            Self::Register { uri, expires, headers } => {
                out.byte(13);
                out.text(uri);
                out.duration(*expires);
                write_fields(out, headers, redaction);
            }
            Self::Unregister { registration } => {
                out.byte(14);
                out.key(*registration);
            }
            Self::TrustSource { source, trusted } => write_trust(out, *source, *trusted),
            Self::Parts { session, parts } => {
                out.byte(17);
                out.key(*session);
                write_parts(out, parts, redaction);
            }
            Self::AcceptTransfer { session, headers } => {
                out.byte(21);
                out.key(*session);
                write_fields(out, headers, redaction);
            }
            Self::RetryRegistration { registration } => {
                out.byte(40);
                out.key(*registration);
            }
            Self::NetworkChanged => out.byte(41),
            Self::Redirect { session, contacts, headers } => {
                out.byte(4);
                out.key(*session);
                write_contacts(out, contacts);
                write_fields(out, headers, redaction);
            }
        }
    }

    pub(super) fn read(from: &mut Unpacker<'a>) -> Unpacked<Self> {
        Ok(match from.byte()? {
            0 => Self::Ring { session: from.key()?, headers: read_fields(from)? },
            1 => Self::Answer { session: from.key()?, headers: read_fields(from)? },
            2 => Self::Reject { session: from.key()?, status: from.number()?, headers: read_fields(from)? },
            3 => Self::Hangup { session: from.key()?, headers: read_fields(from)? },
            4 => {
                let (session, count) = (from.key()?, from.number::<usize>()?);
                let mut contacts = Vec::new();
                for _ in 0..count {
                    contacts.push(from.text()?);
                }
                Self::Redirect { session, contacts: Cow::Owned(contacts), headers: read_fields(from)? }
            }
            5 => {
                let (target, content_type, body) = (from.text()?, from.text()?, from.bytes()?);
                Self::Message { target, content_type, body, headers: read_fields(from)? }
            }
            6 => Self::Options { target: from.text()?, headers: read_fields(from)? },
            7 => {
                let (session, method) = (from.key()?, Method::from_text(from.text()?.as_bytes()));
                let headers = read_fields(from)?;
                let body = from.option(|from| Ok((from.text()?, from.bytes()?)))?;
                Self::Within { session, method, headers, body }
            }
            8 => {
                let (target, event, expires) = (from.text()?, from.text()?, from.duration()?);
                Self::Subscribe { target, event, expires, headers: read_fields(from)? }
            }
            9 => Self::Unsubscribe { subscription: from.key()? },
            10 => {
                let subscription = from.key()?;
                let body = from.option(|from| Ok((from.text()?, from.bytes()?)))?;
                Self::AcceptSubscription { subscription, body }
            }
            11 => Self::RejectSubscription { subscription: from.key()?, status: from.number()? },
            12 => {
                let subscription = from.key()?;
                let state = match from.byte()? {
                    0 => SubscriptionState::Pending,
                    1 => SubscriptionState::Active,
                    2 => SubscriptionState::Terminated {
                        reason: from.text()?.into(),
                        retry_after: from.option(Unpacker::number)?,
                    },
                    _ => return Err(Impossible("no state of a subscription")),
                };
                let (content_type, body) = (from.text()?, from.bytes()?);
                Self::Notify { subscription, state: Cow::Owned(state), content_type, body }
            }
            13 => {
                let (uri, expires) = (from.text()?, from.duration()?);
                Self::Register { uri, expires, headers: read_fields(from)? }
            }
            21 => Self::AcceptTransfer { session: from.key()?, headers: read_fields(from)? },
            14 => Self::Unregister { registration: from.key()? },
            40 => Self::RetryRegistration { registration: from.key()? },
            41 => Self::NetworkChanged,
            15 => Self::TrustSource { source: from.address()?.ip(), trusted: from.flag()? },
            17 => Self::Parts { session: from.key()?, parts: Cow::Owned(read_parts(from)?) },
            _ => return Err(Impossible("no kind of command")),
        })
    }

    /// Asks for it again.
    pub(super) fn ask(&self, core: &mut UnifiedCoordinator, now: Instant) -> Result<(), CommandError> {
        match self {
            Self::Ring { session, headers } => core.ring_with(now, *session, headers),
            Self::AcceptTransfer { session, headers } => {
                core.accept_transfer_with(now, *session, headers).map(drop)
            }
            Self::Answer { session, headers } => core.answer_with(now, *session, headers),
            Self::Reject { session, status, headers } => core.reject_with(now, *session, *status, headers),
            Self::Hangup { session, headers } => core.hangup_with(now, *session, headers),
            Self::Message { target, content_type, body, headers } => {
                core.message_with(now, target, content_type, body, headers).map(drop)
            }
            Self::Options { target, headers } => core.options_with(now, target, headers).map(drop),
            Self::Within { session, method, headers, body } => {
                core.request_within(now, *session, *method, headers, *body).map(drop)
            }
            Self::Subscribe { target, event, expires, headers } => {
                core.subscribe_with(now, target, event, *expires, headers).map(drop)
            }
            Self::Unsubscribe { subscription } => core.unsubscribe(now, *subscription),
            Self::AcceptSubscription { subscription, body } => {
                core.accept_subscription(now, *subscription, *body)
            }
            Self::RejectSubscription { subscription, status } => {
                core.reject_subscription(now, *subscription, *status)
            }
            Self::Notify { subscription, state, content_type, body } => {
                core.notify(now, *subscription, state, content_type, body)
            }
            Self::Register { uri, expires, headers } => {
                core.register_with(now, uri, *expires, headers).map(drop)
            }
            Self::Unregister { registration } => core.unregister(now, *registration),
            Self::RetryRegistration { registration } => core.retry_registration(now, *registration),
            Self::NetworkChanged => {
                core.network_changed(now);
                Ok(())
            }
            Self::TrustSource { source, trusted: true } => core.trust_source(now, *source),
            Self::TrustSource { source, trusted: false } => {
                core.distrust_source(now, *source);
                Ok(())
            }
            Self::Parts { session, parts } => core.set_body_parts(now, *session, parts),
            Self::Redirect { session, contacts, headers } => {
                core.redirect_with(now, *session, contacts, headers)
            }
        }
    }

    /// In words, for the ladder.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Ring { session, .. } => format!("{session}: ring"),
            Self::AcceptTransfer { session, .. } => format!("{session}: accept the transfer"),
            Self::Answer { session, .. } => format!("{session}: answer"),
            Self::Reject { session, status, .. } => format!("{session}: reject with {status}"),
            Self::Hangup { session, .. } => format!("{session}: hang up"),
            Self::Message { target, .. } => format!("message to {target}"),
            Self::Options { target, .. } => format!("options of {target}"),
            Self::Within { session, method, .. } => format!("{session}: send {}", method.as_str()),
            Self::Subscribe { target, event, .. } => format!("subscribe to {event} of {target}"),
            Self::Unsubscribe { subscription } => format!("{subscription}: unsubscribe"),
            Self::AcceptSubscription { subscription, .. } => format!("{subscription}: accept"),
            Self::RejectSubscription { subscription, status } => {
                format!("{subscription}: reject with {status}")
            }
            Self::Notify { subscription, .. } => format!("{subscription}: notify"),
            Self::Register { uri, .. } => format!("register at {uri}"),
            Self::Unregister { registration } => format!("{registration}: unregister"),
            Self::RetryRegistration { registration } => format!("{registration}: retry"),
            Self::NetworkChanged => "the network has changed".into(),
            Self::TrustSource { source, trusted: true } => format!("trust {source}"),
            Self::TrustSource { source, .. } => format!("trust {source} no more"),
            Self::Parts { session, parts } => format!("{session}: {} body parts", parts.len()),
            Self::Redirect { session, contacts, .. } => {
                format!("{session}: redirect to {}", contacts.join(", "))
            }
        }
    }
}

fn write_state(out: &mut Packer<'_>, state: &SubscriptionState) {
    match state {
        SubscriptionState::Pending => out.byte(0),
        SubscriptionState::Active => out.byte(1),
        SubscriptionState::Terminated { reason, retry_after } => {
            out.byte(2);
            out.text(reason);
            out.option(*retry_after, Packer::number);
        }
    }
}

fn write_for(
    out: &mut Packer<'_>,
    number: u8,
    session: SessionId,
    fields: &[(&str, &str)],
    redaction: Redaction,
) {
    out.byte(number);
    out.key(session);
    write_fields(out, fields, redaction);
}

fn write_body(out: &mut Packer<'_>, body: Option<(&str, &[u8])>) {
    out.option(body, |out, (kind, body)| {
        out.text(kind);
        out.bytes(body);
    });
}

fn write_trust(out: &mut Packer<'_>, source: IpAddr, trusted: bool) {
    out.byte(15);
    out.address(SocketAddr::new(source, 0));
    out.flag(trusted);
}

fn write_contacts(out: &mut Packer<'_>, contacts: &[&str]) {
    out.number(contacts.len());
    for contact in contacts {
        out.text(contact);
    }
}

fn write_parts(out: &mut Packer<'_>, parts: &[BodyPart], redaction: Redaction) {
    out.number(parts.len());
    for BodyPart { content_type, disposition, headers, body } in parts {
        out.text(content_type);
        out.option(disposition.as_deref(), Packer::text);
        let fields: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        write_fields(out, &fields, redaction);
        out.bytes(body);
    }
}

fn read_parts(from: &mut Unpacker<'_>) -> Unpacked<Vec<BodyPart>> {
    let mut parts = Vec::new();
    for _ in 0..from.number::<usize>()? {
        let (content_type, disposition) = (from.text()?, from.option(Unpacker::text)?);
        let headers = read_fields(from)?;
        let mut part = BodyPart::new(content_type, from.bytes()?.to_vec());
        part.disposition = disposition.map(String::from);
        part.headers =
            headers.iter().map(|(name, value)| (String::from(*name), String::from(*value))).collect();
        parts.push(part);
    }
    Ok(parts)
}

fn write_fields(out: &mut Packer<'_>, fields: &[(&str, &str)], redaction: Redaction) {
    out.number(fields.len());
    for (name, value) in fields {
        out.text(name);
        out.text(&redaction.header(name, value));
    }
}

fn read_fields<'a>(from: &mut Unpacker<'a>) -> Unpacked<Fields<'a>> {
    let count: usize = from.number()?;
    // Nothing is reserved for a count that the octets may not bear out.
    let mut fields = Vec::new();
    for _ in 0..count {
        fields.push((from.text()?, from.text()?));
    }
    Ok(Cow::Owned(fields))
}
