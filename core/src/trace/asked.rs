//! Commands that bring header fields or a body along, in a trace.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::pack::{Impossible, Packer, Unpacked, Unpacker};
use super::redact::Redaction;
use crate::base::ids::SessionId;
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator;
use crate::signaling::CommandError;

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
    pub(super) fn write(&self, out: &mut Packer<'_>, redaction: Redaction) {
        match self {
            Self::Ring { session, headers } => {
                out.byte(0);
                out.key(*session);
                write_fields(out, headers, redaction);
            }
            Self::Answer { session, headers } => {
                out.byte(1);
                out.key(*session);
                write_fields(out, headers, redaction);
            }
            Self::Reject { session, status, headers } => {
                out.byte(2);
                out.key(*session);
                out.number(*status);
                write_fields(out, headers, redaction);
            }
            Self::Hangup { session, headers } => {
                out.byte(3);
                out.key(*session);
                write_fields(out, headers, redaction);
            }
            Self::Redirect { session, contacts, headers } => {
                out.byte(4);
                out.key(*session);
                out.number(contacts.len());
                for contact in contacts.iter() {
                    out.text(contact);
                }
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
            _ => return Err(Impossible("no kind of command")),
        })
    }

    /// Asks for it again.
    pub(super) fn ask(&self, core: &mut UnifiedCoordinator, now: Instant) -> Result<(), CommandError> {
        match self {
            Self::Ring { session, headers } => core.ring_with(now, *session, headers),
            Self::Answer { session, headers } => core.answer_with(now, *session, headers),
            Self::Reject { session, status, headers } => core.reject_with(now, *session, *status, headers),
            Self::Hangup { session, headers } => core.hangup_with(now, *session, headers),
            Self::Redirect { session, contacts, headers } => {
                core.redirect_with(now, *session, contacts, headers)
            }
        }
    }

    /// In words, for the ladder.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Ring { session, .. } => format!("{session}: ring"),
            Self::Answer { session, .. } => format!("{session}: answer"),
            Self::Reject { session, status, .. } => format!("{session}: reject with {status}"),
            Self::Hangup { session, .. } => format!("{session}: hang up"),
            Self::Redirect { session, contacts, .. } => {
                format!("{session}: redirect to {}", contacts.join(", "))
            }
        }
    }
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
