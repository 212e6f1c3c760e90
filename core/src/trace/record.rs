//! What a trace consists of.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use super::asked::Asked;
use super::command::Command;
use super::config::{read_config, read_media, write_config, write_media};
use super::pack::{Impossible, Packer, Unpacked, Unpacker, crc32};
use super::redact::Redaction;
use crate::api::{CallerIdentity, CoordinatorConfig, InviteParams, NameFailure, Privacy, QueryId};
use crate::base::ids::{SessionId, UserTag};
use crate::base::time::Instant;
use crate::media::{MediaEvent, MediaPort};
use crate::session::StateTable;
use crate::signaling::{Deferral, SignalingDecision};
use crate::wire::path::Path;

/// What a handler decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decided {
    /// [`SignalingDecision::Accept`]
    Accept,
    /// [`SignalingDecision::Reject`]
    Reject(u16),
    /// [`SignalingDecision::Defer`]
    Defer(Deferral),
    /// [`SignalingDecision::Custom`]; what the action did follows.
    Custom,
}

impl From<&SignalingDecision> for Decided {
    fn from(decision: &SignalingDecision) -> Self {
        match decision {
            SignalingDecision::Accept => Self::Accept,
            SignalingDecision::Reject(status) => Self::Reject(*status),
            SignalingDecision::Defer(deferral) => Self::Defer(*deferral),
            SignalingDecision::Custom(_) => Self::Custom,
        }
    }
}

/// One thing that a coordinator was told, that its handler decided, or that it put out.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Record<'a> {
    /// A coordinator was made. The first record, and no other.
    Start {
        /// The moment.
        now: Instant,
        /// Its seed.
        seed: [u8; 32],
        /// Its settings.
        config: Cow<'a, Box<CoordinatorConfig>>,
        /// What is masked in this trace.
        redaction: Redaction,
    },
    /// A datagram came.
    Datagram {
        /// When.
        now: Instant,
        /// On which path.
        path: Path,
        /// Its octets.
        bytes: &'a [u8],
    },
    /// `handle_timeout`
    Timeout {
        /// When.
        now: Instant,
    },
    /// `handle_lag`
    Lag {
        /// When.
        now: Instant,
        /// How long what comes next has lain.
        lag: Duration,
    },
    /// `handle_names`
    Names {
        /// When.
        now: Instant,
        /// The question.
        query: QueryId,
        /// The answer.
        result: Result<Path, &'a str>,
    },
    /// `handle_media`; the figures of a report are not kept.
    Media {
        /// When.
        now: Instant,
        /// What happened.
        event: Cow<'a, MediaEvent>,
    },
    /// `add_media_port`
    Port(MediaPort),
    /// `media_ports_exhausted`
    PortsExhausted,
    /// `set_media_ports_max`
    PortsMax(usize),
    /// `handle_send_failed`
    SendFailed {
        /// When.
        now: Instant,
        /// The path of the message.
        path: Path,
        /// The message.
        payload: &'a [u8],
    },
    /// `handle_unreachable`
    Unreachable {
        /// When.
        now: Instant,
        /// The path.
        path: Path,
    },
    /// `invite`
    Invite {
        /// When.
        now: Instant,
        /// Who is called.
        target: &'a str,
        /// The application's name for the session.
        tag: UserTag,
        /// Further header fields.
        headers: Cow<'a, [(&'a str, &'a str)]>,
        /// How long it may ring.
        ring_timeout: Option<Duration>,
        /// Whether the other side makes the offer.
        late_offer: bool,
        /// Who calls.
        identity: CallerIdentity<'a>,
    },
    /// `ring`
    Ring {
        /// When.
        now: Instant,
        /// The session.
        session: SessionId,
    },
    /// `answer`
    Answer {
        /// When.
        now: Instant,
        /// The session.
        session: SessionId,
    },
    /// Any other command for a session that is there.
    Command {
        /// When.
        now: Instant,
        /// The session.
        session: SessionId,
        /// Which.
        command: Command<'a>,
    },
    /// `reject`
    Reject {
        /// When.
        now: Instant,
        /// The session.
        session: SessionId,
        /// With which status.
        status: u16,
    },
    /// `hangup`
    Hangup {
        /// When.
        now: Instant,
        /// The session.
        session: SessionId,
    },
    /// `send_dtmf`
    SendDtmf {
        /// When.
        now: Instant,
        /// The session.
        session: SessionId,
        /// The keys.
        digits: &'a str,
    },
    /// `set_tag`
    SetTag {
        /// The session.
        session: SessionId,
        /// Its new name.
        tag: UserTag,
    },
    /// `shutdown`
    Shutdown {
        /// When.
        now: Instant,
    },
    /// `drain`
    Drain {
        /// When.
        now: Instant,
    },
    /// `cut_short`
    CutShort {
        /// When.
        now: Instant,
    },
    /// A command that brings header fields or a body along.
    Asked {
        /// When.
        now: Instant,
        /// What was asked for.
        asked: Asked<'a>,
    },
    /// `set_table` took a table; only its checksum is kept, see [`replay_with_table`](super::replay_with_table).
    Table {
        /// The CRC-32 of the table as Markdown.
        checksum: u32,
    },
    /// The handler decided about the INVITE that came last.
    Decision(Decided),
    /// The action of a custom decision set the tag.
    ActionTag(UserTag),
    /// The action of a custom decision let it ring.
    ActionRing,
    /// The action of a custom decision answered.
    ActionAnswer,
    /// The action of a custom decision refused.
    ActionReject(u16),
    /// What proved the knowledge of a password: the value of `response`. The password itself is in no trace.
    Proof(&'a [u8]),
    /// A message was put out.
    Sent {
        /// From where to where.
        path: Path,
        /// The message.
        payload: &'a [u8],
    },
    /// Something else was put out, in words.
    Put(&'a str),
    /// Everything had been put out.
    Drained,
    /// The file has reached its bound: nothing is recorded after this.
    Full,
}

/// Declares the octet that each kind of record begins with.
macro_rules! kinds {
    ($($name:ident = $octet:literal,)+) => { $(const $name: u8 = $octet;)+ };
}
kinds! {
    START = 1, DATAGRAM = 2, TIMEOUT = 3, NAMES = 4, MEDIA = 5, PORT = 6, PORTS_EXHAUSTED = 7, SEND_FAILED = 8,
    UNREACHABLE = 9, INVITE = 10, RING = 11, ANSWER = 12, REJECT = 13, HANGUP = 14, SEND_DTMF = 15, SET_TAG = 16,
    SHUTDOWN = 17, TABLE = 18, COMMAND = 19, ASKED = 20, DRAIN = 21, CUT_SHORT = 22, PORTS_MAX = 23, LAG = 28, DECISION = 32, ACTION_TAG = 33, ACTION_RING = 34, ACTION_ANSWER = 35,
    ACTION_REJECT = 36, PROOF = 37, SENT = 48, PUT = 49, DRAINED = 50, FULL = 63,
}

impl<'a> Record<'a> {
    /// A table, of which only the checksum is kept.
    pub(crate) fn table(table: &StateTable) -> Self {
        Self::Table { checksum: crc32(0, table.markdown().as_bytes()) }
    }

    pub(crate) const fn asked(now: Instant, asked: Asked<'a>) -> Self {
        Self::Asked { now, asked }
    }

    pub(crate) const fn media(now: Instant, event: &'a MediaEvent) -> Self {
        Self::Media { now, event: Cow::Borrowed(event) }
    }

    pub(crate) fn names(now: Instant, query: QueryId, result: &'a Result<Path, NameFailure>) -> Self {
        Self::Names { now, query, result: result.as_ref().copied().map_err(|failure| failure.0.as_str()) }
    }

    pub(crate) const fn invite(now: Instant, params: &InviteParams<'a>) -> Self {
        let InviteParams { target, tag, headers, ring_timeout, late_offer, identity } = *params;
        Self::Invite { now, target, tag, headers: Cow::Borrowed(headers), ring_timeout, late_offer, identity }
    }
}

impl Record<'_> {
    /// Whether it is something that the coordinator was told, the start included.
    pub const fn is_input(&self) -> bool {
        !self.is_decision() && !self.is_output() && !matches!(self, Self::Full)
    }

    /// Whether it is what a handler or the action of its decision did, or what a password came to.
    pub const fn is_decision(&self) -> bool {
        matches!(
            self,
            Self::Decision(_)
                | Self::ActionTag(_)
                | Self::ActionRing
                | Self::ActionAnswer
                | Self::ActionReject(_)
                | Self::Proof(_)
        )
    }

    /// Whether it is what the coordinator put out, its having nothing more included.
    pub const fn is_output(&self) -> bool {
        matches!(self, Self::Sent { .. } | Self::Put(_) | Self::Drained)
    }

    /// Writes the record without its frame, masked as `redaction` says.
    pub(super) fn write(&self, out: &mut Packer<'_>, redaction: Redaction) {
        match self {
            Self::Start { now, seed, config, redaction } => {
                out.byte(START);
                out.moment(*now);
                out.out.extend_from_slice(seed);
                out.flag(redaction.credentials);
                out.flag(redaction.digits);
                write_config(out, config);
            }
            Self::Datagram { now, path, bytes } => {
                out.byte(DATAGRAM);
                out.moment(*now);
                out.path(path);
                out.bytes(&redaction.message(bytes));
            }
            Self::Timeout { now } => {
                out.byte(TIMEOUT);
                out.moment(*now);
            }
            Self::Lag { now, lag } => {
                out.byte(LAG);
                out.moment(*now);
                out.duration(*lag);
            }
            Self::Names { now, query, result } => {
                out.byte(NAMES);
                out.moment(*now);
                out.key(*query);
                out.flag(result.is_ok());
                match result {
                    Ok(path) => out.path(path),
                    Err(why) => out.text(why),
                }
            }
            Self::Media { now, event } => {
                out.byte(MEDIA);
                out.moment(*now);
                write_media(out, event, redaction.digits);
            }
            Self::Port(MediaPort { key, rtp, rtcp }) => {
                out.byte(PORT);
                out.number(*key);
                out.number(*rtp);
                out.number(*rtcp);
            }
            Self::PortsExhausted => out.byte(PORTS_EXHAUSTED),
            Self::PortsMax(pairs) => {
                out.byte(PORTS_MAX);
                out.number(*pairs);
            }
            Self::SendFailed { now, path, payload } => {
                out.byte(SEND_FAILED);
                out.moment(*now);
                out.path(path);
                out.bytes(&redaction.message(payload));
            }
            Self::Unreachable { now, path } => {
                out.byte(UNREACHABLE);
                out.moment(*now);
                out.path(path);
            }
            Self::Decision(decided) => {
                out.byte(DECISION);
                write_decision(out, *decided);
            }
            Self::ActionTag(tag) => {
                out.byte(ACTION_TAG);
                out.number(tag.0);
            }
            Self::ActionRing => out.byte(ACTION_RING),
            Self::ActionAnswer => out.byte(ACTION_ANSWER),
            Self::ActionReject(status) => {
                out.byte(ACTION_REJECT);
                out.number(*status);
            }
            Self::Proof(response) => {
                out.byte(PROOF);
                out.bytes(&redaction.proof(response));
            }
            Self::Sent { path, payload } => {
                out.byte(SENT);
                out.path(path);
                out.bytes(&redaction.message(payload));
            }
            Self::Put(text) => {
                out.byte(PUT);
                out.text(text);
            }
            Self::Drained => out.byte(DRAINED),
            Self::Full => out.byte(FULL),
            command => command.write_command(out, redaction),
        }
    }

    /// Writes what the application asked for.
    fn write_command(&self, out: &mut Packer<'_>, redaction: Redaction) {
        match self {
            Self::Invite { now, target, tag, headers, ring_timeout, late_offer, identity } => {
                out.byte(INVITE);
                out.moment(*now);
                out.text(target);
                out.number(tag.0);
                out.number(headers.len());
                for (name, value) in headers.iter() {
                    out.text(name);
                    out.text(&redaction.header(name, value));
                }
                out.option(*ring_timeout, Packer::duration);
                // Since version 2, and only where it says something.
                let named = *identity != CallerIdentity::default();
                if *late_offer || named {
                    out.flag(*late_offer);
                }
                if named {
                    write_identity(out, identity);
                }
            }
            Self::Ring { now, session } => on_session(out, RING, *now, *session),
            Self::Answer { now, session } => on_session(out, ANSWER, *now, *session),
            Self::Reject { now, session, status } => {
                on_session(out, REJECT, *now, *session);
                out.number(*status);
            }
            Self::Hangup { now, session } => on_session(out, HANGUP, *now, *session),
            Self::Command { now, session, command } => {
                on_session(out, COMMAND, *now, *session);
                command.write(out);
            }
            Self::SendDtmf { now, session, digits } => {
                on_session(out, SEND_DTMF, *now, *session);
                out.text(&redaction.digits(digits));
            }
            Self::SetTag { session, tag } => {
                out.byte(SET_TAG);
                out.key(*session);
                out.number(tag.0);
            }
            Self::Shutdown { now } => at_once(out, SHUTDOWN, *now),
            Self::Drain { now } => at_once(out, DRAIN, *now),
            Self::CutShort { now } => at_once(out, CUT_SHORT, *now),
            Self::Asked { now, asked } => {
                out.byte(ASKED);
                out.moment(*now);
                asked.write(out, redaction);
            }
            Self::Table { checksum } => {
                out.byte(TABLE);
                out.number(*checksum);
            }
            _ => {}
        }
    }
}

fn at_once(out: &mut Packer<'_>, kind: u8, now: Instant) {
    out.byte(kind);
    out.moment(now);
}

fn on_session(out: &mut Packer<'_>, kind: u8, now: Instant, session: SessionId) {
    out.byte(kind);
    out.moment(now);
    out.key(session);
}

fn write_decision(out: &mut Packer<'_>, decided: Decided) {
    match decided {
        Decided::Accept => out.byte(0),
        Decided::Reject(status) => {
            out.byte(1);
            out.number(status);
        }
        Decided::Defer(Deferral { ring, deadline }) => {
            out.byte(2);
            out.flag(ring);
            out.option(deadline, Packer::duration);
        }
        Decided::Custom => out.byte(3),
    }
}

impl<'a> Record<'a> {
    /// Reads a record that [`write`](Self::write) wrote; every octet must be used.
    pub(super) fn read(from: &mut Unpacker<'a>) -> Unpacked<Self> {
        let record = Self::read_kind(from)?;
        if from.is_empty() { Ok(record) } else { Err(Impossible("more octets than the record has values")) }
    }

    fn read_kind(from: &mut Unpacker<'a>) -> Unpacked<Self> {
        Ok(match from.byte()? {
            START => {
                let (now, seed) = (from.moment()?, from.octets()?);
                let redaction = Redaction { credentials: from.flag()?, digits: from.flag()? };
                Self::Start { now, seed, redaction, config: Cow::Owned(Box::new(read_config(from)?)) }
            }
            DATAGRAM => Self::Datagram { now: from.moment()?, path: from.path()?, bytes: from.bytes()? },
            TIMEOUT => Self::Timeout { now: from.moment()? },
            LAG => Self::Lag { now: from.moment()?, lag: from.duration()? },
            NAMES => {
                let (now, query) = (from.moment()?, from.key()?);
                let result = if from.flag()? { Ok(from.path()?) } else { Err(from.text()?) };
                Self::Names { now, query, result }
            }
            MEDIA => Self::Media { now: from.moment()?, event: Cow::Owned(read_media(from)?) },
            PORT => Self::Port(MediaPort { key: from.number()?, rtp: from.number()?, rtcp: from.number()? }),
            PORTS_EXHAUSTED => Self::PortsExhausted,
            PORTS_MAX => Self::PortsMax(from.number()?),
            SEND_FAILED => {
                Self::SendFailed { now: from.moment()?, path: from.path()?, payload: from.bytes()? }
            }
            UNREACHABLE => Self::Unreachable { now: from.moment()?, path: from.path()? },
            INVITE => {
                let (now, target, tag) = (from.moment()?, from.text()?, UserTag(from.number()?));
                let count: usize = from.number()?;
                // Nothing is reserved for a count that the octets may not bear out.
                let mut headers = Vec::new();
                for _ in 0..count {
                    headers.push((from.text()?, from.text()?));
                }
                let ring_timeout = from.option(Unpacker::duration)?;
                let late_offer = !from.is_empty() && from.flag()?;
                let identity = if from.is_empty() { CallerIdentity::default() } else { read_identity(from)? };
                let headers = Cow::Owned(headers);
                Self::Invite { now, target, tag, headers, ring_timeout, late_offer, identity }
            }
            ASKED => Self::Asked { now: from.moment()?, asked: Asked::read(from)? },
            RING => Self::Ring { now: from.moment()?, session: from.key()? },
            ANSWER => Self::Answer { now: from.moment()?, session: from.key()? },
            REJECT => Self::Reject { now: from.moment()?, session: from.key()?, status: from.number()? },
            COMMAND => {
                let (now, session) = (from.moment()?, from.key()?);
                Self::Command { now, session, command: Command::read(from)? }
            }
            HANGUP => Self::Hangup { now: from.moment()?, session: from.key()? },
            SEND_DTMF => Self::SendDtmf { now: from.moment()?, session: from.key()?, digits: from.text()? },
            SET_TAG => Self::SetTag { session: from.key()?, tag: UserTag(from.number()?) },
            SHUTDOWN => Self::Shutdown { now: from.moment()? },
            DRAIN => Self::Drain { now: from.moment()? },
            CUT_SHORT => Self::CutShort { now: from.moment()? },
            TABLE => Self::Table { checksum: from.number()? },
            DECISION => Self::Decision(read_decision(from)?),
            ACTION_TAG => Self::ActionTag(UserTag(from.number()?)),
            ACTION_RING => Self::ActionRing,
            ACTION_ANSWER => Self::ActionAnswer,
            ACTION_REJECT => Self::ActionReject(from.number()?),
            PROOF => Self::Proof(from.bytes()?),
            SENT => Self::Sent { path: from.path()?, payload: from.bytes()? },
            PUT => Self::Put(from.text()?),
            DRAINED => Self::Drained,
            FULL => Self::Full,
            _ => return Err(Impossible("no kind of record")),
        })
    }
}

fn read_decision(from: &mut Unpacker<'_>) -> Unpacked<Decided> {
    Ok(match from.byte()? {
        0 => Decided::Accept,
        1 => Decided::Reject(from.number()?),
        2 => Decided::Defer(Deferral { ring: from.flag()?, deadline: from.option(Unpacker::duration)? }),
        3 => Decided::Custom,
        _ => return Err(Impossible("no kind of decision")),
    })
}

fn write_identity(out: &mut Packer<'_>, identity: &CallerIdentity<'_>) {
    let CallerIdentity { display_name, user, asserted: [first, second], preferred, privacy } = identity;
    for text in [display_name, user, first, second, preferred] {
        out.option(*text, Packer::text);
    }
    for flag in privacy.flags() {
        out.flag(flag);
    }
}

fn read_identity<'a>(from: &mut Unpacker<'a>) -> Unpacked<CallerIdentity<'a>> {
    let mut text = || from.option(Unpacker::text);
    let (display_name, user, asserted, preferred) = (text()?, text()?, [text()?, text()?], text()?);
    let mut flags = [false; 5];
    for flag in &mut flags {
        *flag = from.flag()?;
    }
    Ok(CallerIdentity { display_name, user, asserted, preferred, privacy: Privacy::of_flags(flags) })
}
