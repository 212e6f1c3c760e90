//! One party of a small world: a coordinator, its user, and what the user was told.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::Hasher as _;
use core::net::SocketAddr;
use core::time::Duration;

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use crate::api::{CoordinatorConfig, EndReason, Event, InviteParams, NameFailure, Output};
use crate::base::ids::SessionId;
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator;
use crate::media::{MediaCommand, MediaPort};
use crate::session::{State, StateTable};
use crate::signaling::{Deferral, InviteDetails, SignalingDecision};
use crate::wire::path::{Path, Transmit};

use super::Act;

/// What a user knows of the call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Told {
    pub(super) incoming: bool,
    pub(super) answered: bool,
    pub(super) confirmed: bool,
    pub(super) ended: Option<EndReason>,
}

pub(super) struct Party {
    pub(super) address: SocketAddr,
    pub(super) core: UnifiedCoordinator,
    pub(super) session: Option<SessionId>,
    pub(super) told: Told,
    /// Steps of the script that were taken.
    pub(super) done: usize,
    /// Streams that are open.
    pub(super) streams: usize,
    next_port: u16,
    /// All its inputs so far.
    history: SipHasher13,
}

/// How long anybody waits for anybody: short, so that there is little to explore in it.
const PATIENCE: Duration = Duration::from_secs(5);

impl Party {
    pub(super) fn new(address: SocketAddr, seed: u8, silent: bool, table: &StateTable) -> Self {
        let config = CoordinatorConfig {
            user: String::from("u"),
            ring_timeout: PATIENCE,
            answer_timeout: PATIENCE,
            ..CoordinatorConfig::default()
        };
        let handler = move |_: &InviteDetails| match silent {
            true => SignalingDecision::Defer(Deferral::default()),
            false => SignalingDecision::Accept,
        };
        let mut core = UnifiedCoordinator::with_handler(config, Box::new(handler), [seed; 32], Instant::ZERO);
        if let Err(error) = core.set_table(table) {
            tracing::warn!(%error, "the default table is used");
        }
        Self {
            address,
            core,
            session: None,
            told: Told::default(),
            done: 0,
            streams: 0,
            next_port: 16_384,
            history: SipHasher13::new(),
        }
    }

    /// What distinguishes this party from others of the same beginning.
    pub(super) fn fingerprint(&self) -> u128 {
        self.history.finish128().as_u128()
    }

    fn note(&mut self, now: Instant, kind: u8, bytes: &[u8]) {
        self.history.write_u64(now.as_nanos());
        self.history.write_u8(kind);
        self.history.write_usize(bytes.len());
        self.history.write(bytes);
    }

    pub(super) fn receive(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        self.note(now, 0, bytes);
        self.core.handle_datagram(now, Path::udp(self.address, from), bytes);
    }

    pub(super) fn timeout(&mut self, now: Instant) {
        self.note(now, 1, &[]);
        self.core.handle_timeout(now);
    }

    /// The user does something. A command that comes too late is refused, and that is all.
    pub(super) fn act(&mut self, now: Instant, act: Act, other: SocketAddr) {
        self.done += 1;
        self.note(now, 2, &[self.done as u8]);
        if act == Act::Call {
            self.session = self.core.invite(now, InviteParams::new(&format!("sip:u@{other}"))).ok();
            return;
        }
        let Some(session) = self.session else { return };
        let outcome = match act {
            Act::Call => Ok(()),
            Act::Ring => self.core.ring(now, session),
            Act::Answer => self.core.answer(now, session),
            Act::Reject(status) => self.core.reject(now, session, status),
            Act::Hangup => self.core.hangup(now, session),
        };
        if let Err(error) = outcome {
            tracing::trace!(%error, "too late");
        }
    }

    /// Whether the user can take this step: who is called must know it first.
    pub(super) const fn can(&self, act: Act) -> bool {
        matches!(act, Act::Call) || self.session.is_some()
    }

    /// Where its session stands.
    pub(super) fn state(&self) -> Option<State> {
        self.core.session_state(self.session?)
    }

    /// Whether the user has a call.
    pub(super) fn is_up(&self) -> bool {
        self.told.answered && self.told.ended.is_none()
    }

    /// Carries out all outputs; what is to be sent is returned.
    pub(super) fn drain(&mut self, now: Instant) -> Result<Vec<Transmit>, String> {
        let mut sent = Vec::new();
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Send(transmit) => sent.push(transmit),
                Output::Event(event) => self.hear(&event)?,
                Output::Media(MediaCommand::Open { .. }) => self.streams += 1,
                Output::Media(MediaCommand::Close { .. }) => {
                    self.streams =
                        self.streams.checked_sub(1).ok_or("a stream is closed that is not open")?;
                }
                Output::Media(_) => {}
                Output::Resolve { query, target } => {
                    let remote = target.host.parse().ok();
                    let remote = remote.map(|ip| SocketAddr::new(ip, target.port.unwrap_or(5060)));
                    let path = remote.map(|remote| Path::udp(self.address, remote));
                    self.core.handle_names(now, query, path.ok_or(NameFailure(target.host)));
                }
                Output::NeedMediaPorts(count) => {
                    for _ in 0..count {
                        let rtp = self.next_port;
                        self.next_port = rtp.wrapping_add(2).max(1024);
                        self.core.add_media_port(MediaPort { key: u32::from(rtp), rtp, rtcp: rtp + 1 });
                    }
                }
            }
        }
        Ok(sent)
    }

    /// The user is told something: in order, or it is a mistake.
    fn hear(&mut self, event: &Event) -> Result<(), String> {
        let (Event::Incoming { session, .. }
        | Event::Progress { session, .. }
        | Event::Answered { session, .. }
        | Event::Confirmed { session, .. }
        | Event::MediaChanged { session, .. }
        | Event::Ended { session, .. }
        | Event::App { session, .. }) = event;
        let told = &mut self.told;
        let wrong = |why: &str| Err(format!("{} is told {event:?}, {why}", self.address));
        if told.ended.is_some() {
            return wrong("but the call had ended");
        }
        match event {
            Event::Incoming { .. } if self.session.is_some() => return wrong("but there is a call already"),
            Event::Incoming { .. } => {
                self.session = Some(*session);
                told.incoming = true;
            }
            Event::Answered { .. } if told.answered => return wrong("a second time"),
            Event::Answered { .. } => told.answered = true,
            Event::Confirmed { .. } if !told.answered || told.confirmed => return wrong("out of order"),
            Event::Confirmed { .. } => told.confirmed = true,
            Event::Progress { .. } if told.answered => return wrong("after the answer"),
            Event::Ended { reason, .. } => told.ended = Some(*reason),
            _ => {}
        }
        Ok(())
    }
}
