//! What each party does, worked out once for each history of its inputs.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use bytes::Bytes;

use super::rules::Told;
use super::{Act, Worlds, third};
use crate::api::{CoordinatorConfig, InviteParams, Modification, NameFailure, Output, Reliable};
use crate::base::ids::SessionId;
use crate::base::sources::AddressPrefix;
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator;
use crate::media::{MediaCommand, MediaPort};
use crate::signaling::{Deferral, InviteDetails, SignalingDecision};
use crate::wire::path::Path;

/// How long the caller waits for an answer and the callee with it: short, so that both give up within the time in which
/// messages are repeated, and at the same moment.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) const fn address(party: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1 + party as u8)), 5060)
}

/// Names a datagram by its octets and its receiver.
pub(super) type LetterId = u32;
/// Names a history of one party.
pub(super) type HistoryId = u32;

/// All datagrams that were ever sent in any world.
#[derive(Default)]
pub(super) struct Letters {
    all: Vec<(usize, Bytes)>,
    index: BTreeMap<(usize, Bytes), LetterId>,
}

impl Letters {
    fn intern(&mut self, to: usize, bytes: Bytes) -> LetterId {
        *self.index.entry((to, bytes)).or_insert_with_key(|key| {
            self.all.push(key.clone());
            (self.all.len() - 1) as LetterId
        })
    }

    /// The receiver and the octets.
    pub(super) fn get(&self, letter: LetterId) -> (usize, Bytes) {
        self.all.get(letter as usize).cloned().unwrap_or_default()
    }
}

/// One input of a party.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Input {
    /// The next act of its user.
    Act,
    Letter(LetterId),
    Timeout,
}

/// A party after a history of inputs, as far as it matters to others.
#[derive(Clone)]
pub(super) struct History {
    /// The history without its last input, and that input.
    last: Option<(HistoryId, Instant, Input)>,
    /// What was sent because of the last input.
    pub(super) sent: Vec<LetterId>,
    /// When its next timer is due.
    pub(super) timeout: Option<Instant>,
    /// The next act of its user, if there is one that makes sense now.
    pub(super) act: Option<Act>,
    pub(super) told: Told,
    pub(super) sessions: usize,
    pub(super) streams: usize,
    pub(super) is_idle: bool,
    /// What is wrong with it.
    pub(super) wrong: Option<String>,
}

/// One party with all its histories.
pub(super) struct Party<'a> {
    number: usize,
    worlds: &'a Worlds,
    histories: Vec<History>,
    index: BTreeMap<(HistoryId, Instant, Input), HistoryId>,
    /// The machine after the history that was worked out last.
    warm: Option<(HistoryId, Live)>,
}

impl<'a> Party<'a> {
    pub(super) fn new(number: usize, worlds: &'a Worlds, letters: &mut Letters) -> Self {
        let mut party = Self { number, worlds, histories: Vec::new(), index: BTreeMap::new(), warm: None };
        let mut live = Live::new(number, worlds);
        let (sent, wrong) = live.drain(Instant::ZERO, letters);
        party.histories.push(party.describe(&live, None, sent, wrong));
        party.warm = Some((0, live));
        party
    }

    pub(super) fn len(&self) -> usize {
        self.histories.len()
    }

    pub(super) fn get(&self, history: HistoryId) -> &History {
        // Histories are named here and never go; the first one is there from the beginning.
        self.histories.get(history as usize).unwrap_or(&self.histories[0])
    }

    /// The history that `input` makes of `history`.
    pub(super) fn next(
        &mut self,
        history: HistoryId,
        now: Instant,
        input: Input,
        letters: &mut Letters,
    ) -> HistoryId {
        if let Some(&known) = self.index.get(&(history, now, input)) {
            return known;
        }
        let mut live = match self.warm.take() {
            Some((at, live)) if at == history => live,
            _ => self.again(history, letters),
        };
        let (sent, wrong) = live.apply(now, input, self.worlds, letters);
        let next = self.histories.len() as HistoryId;
        self.histories.push(self.describe(&live, Some((history, now, input)), sent, wrong));
        self.index.insert((history, now, input), next);
        self.warm = Some((next, live));
        next
    }

    /// The machine after all inputs of a history.
    fn again(&self, history: HistoryId, letters: &mut Letters) -> Live {
        let mut inputs = Vec::new();
        let mut at = history;
        while let Some((before, now, input)) = self.get(at).last {
            inputs.push((at, now, input));
            at = before;
        }
        let mut live = Live::new(self.number, self.worlds);
        drop(live.drain(Instant::ZERO, letters));
        for (at, now, input) in inputs.into_iter().rev() {
            let (sent, _) = live.apply(now, input, self.worlds, letters);
            debug_assert_eq!(sent, self.get(at).sent, "the same inputs have the same outputs");
        }
        live
    }

    fn describe(
        &self,
        live: &Live,
        last: Option<(HistoryId, Instant, Input)>,
        sent: Vec<LetterId>,
        wrong: Option<String>,
    ) -> History {
        let core = &live.core;
        let audit = || core.audit().err().map(|violation| violation.to_string());
        let who =
            |what| format!("{}: {what}", super::story::NAMES.get(self.number).copied().unwrap_or_default());
        History {
            last,
            sent,
            timeout: core.poll_timeout(),
            act: live.next_act(self.worlds),
            told: live.told,
            sessions: core.registry().len(),
            streams: live.streams,
            is_idle: core.is_idle(),
            wrong: wrong.or_else(audit).map(who),
        }
    }
}

/// A machine, its user, and what the user was told.
pub(super) struct Live {
    number: usize,
    core: UnifiedCoordinator,
    session: Option<SessionId>,
    told: Told,
    done: usize,
    streams: usize,
    next_port: u16,
    /// How the third answers.
    third_answers: bool,
    third: Vec<Bytes>,
}

impl Live {
    fn new(number: usize, worlds: &Worlds) -> Self {
        let config = CoordinatorConfig {
            user: String::from("u"),
            ring_timeout: PATIENCE,
            answer_timeout: PATIENCE,
            // They know each other: whatever is due is repeated to the end.
            trusted_sources: AddressPrefix::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 24)
                .into_iter()
                .collect(),
            reliable: if worlds.reliably { Reliable::Required } else { Reliable::Supported },
            ..CoordinatorConfig::default()
        };
        let silent = worlds.silent;
        let handler = move |_: &InviteDetails| match silent {
            true => SignalingDecision::Defer(Deferral::default()),
            false => SignalingDecision::Accept,
        };
        let seed = [1 + number as u8; 32];
        let mut core = UnifiedCoordinator::with_handler(config, Box::new(handler), seed, Instant::ZERO);
        if let Some(Err(error)) = worlds.tables.get(number).map(|table| core.set_table(table)) {
            // The search has checked the tables.
            tracing::error!(%error, "the default table is used");
        }
        let other = worlds.scripts.get(1 - number);
        let third_answers = other.is_some_and(|script| script.contains(&Act::Transfer(true)));
        let byes_early = worlds.byes_early && number == 1;
        let (mut told, third) = (Told::default(), Vec::new());
        told.byes_early = byes_early;
        Self {
            number,
            core,
            session: None,
            told,
            done: 0,
            streams: 0,
            next_port: 16_384,
            third_answers,
            third,
        }
    }

    /// The next act of the user: there is none without a call, and none after it.
    fn next_act(&self, worlds: &Worlds) -> Option<Act> {
        let act = *worlds.scripts.get(self.number)?.get(self.done)?;
        let fits = match act {
            Act::Call => true,
            Act::AcceptTransfer | Act::RefuseTransfer if !self.told.asked => false,
            Act::HoldEarly if !(self.told.early || self.told.incoming) => false,
            Act::Hold | Act::Resume | Act::Update(_) | Act::Transfer(_) if !self.told.answered => false,
            _ => self.session.is_some() && self.told.ended.is_none(),
        };
        fits.then_some(act)
    }

    /// What is sent because of an input, and what is wrong.
    fn apply(
        &mut self,
        now: Instant,
        input: Input,
        worlds: &Worlds,
        letters: &mut Letters,
    ) -> (Vec<LetterId>, Option<String>) {
        let refused = match input {
            Input::Act => self.act(now, worlds),
            Input::Letter(letter) => {
                let path = Path::udp(address(self.number), address(1 - self.number));
                self.core.handle_datagram(now, path, &letters.get(letter).1);
                None
            }
            Input::Timeout => {
                self.core.handle_timeout(now);
                None
            }
        };
        let (mut sent, mut wrong) = self.drain(now, letters);
        // The third is next door: what it says comes at once, and nothing is lost.
        while !self.third.is_empty() {
            for bytes in core::mem::take(&mut self.third) {
                if let Some(response) = third::respond(&bytes, self.third_answers) {
                    self.core.handle_datagram(now, Path::udp(address(self.number), address(2)), &response);
                }
            }
            let (more, what) = self.drain(now, letters);
            sent.extend(more);
            wrong = wrong.or(what);
        }
        (sent, refused.or(wrong))
    }

    fn act(&mut self, now: Instant, worlds: &Worlds) -> Option<String> {
        let act = self.next_act(worlds)?;
        self.done += 1;
        let offered = self.told.incoming && !self.told.answered;
        let result = match (act, self.session) {
            (Act::Call, _) => {
                let target = format!("sip:u@{}", address(1 - self.number));
                let placed = self.core.invite(now, InviteParams::new(&target));
                placed.map(|session| self.session = Some(session))
            }
            (_, None) => return None,
            (Act::Ring, Some(session)) => self.core.ring(now, session),
            (Act::Answer, Some(session)) => self.core.answer(now, session),
            (Act::Reject(status), Some(session)) => self.core.reject(now, session, status),
            (Act::Hangup, Some(session)) => self.core.hangup(now, session),
            (Act::Progress, Some(session)) => self.core.progress(now, session, false),
            (Act::EarlyMedia, Some(session)) => self.core.progress(now, session, true),
            (Act::Hold | Act::HoldEarly, Some(session)) => self.core.hold(now, session),
            (Act::Resume, Some(session)) => self.core.resume(now, session),
            (Act::Update(direction), Some(session)) => {
                self.core.modify(now, session, Modification::direction(direction).by_update())
            }
            (Act::Transfer(_), Some(session)) => {
                self.core.transfer(now, session, &format!("sip:u@{}", address(2)))
            }
            (Act::AcceptTransfer, Some(session)) => {
                self.core.accept_transfer(now, session).map(|new| self.told.new = Some(new))
            }
            (Act::RefuseTransfer, Some(session)) => self.core.reject_transfer(now, session, 603),
        };
        if result.is_ok() {
            self.told.did(act);
        }
        let must = match act {
            Act::Ring | Act::Progress | Act::EarlyMedia | Act::Answer | Act::Reject(_) => offered,
            // Consent may come too late, and so may what is wished before the answer.
            Act::AcceptTransfer | Act::RefuseTransfer | Act::HoldEarly => false,
            _ => true,
        };
        result.err().filter(|_| must).map(|error| format!("{act:?} is refused: {error}"))
    }

    /// Carries out all outputs.
    fn drain(&mut self, now: Instant, letters: &mut Letters) -> (Vec<LetterId>, Option<String>) {
        let (mut sent, mut wrong) = (Vec::new(), None);
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Send(transmit) if transmit.path.remote == address(1 - self.number) => {
                    sent.push(letters.intern(1 - self.number, transmit.payload));
                }
                Output::Send(transmit) if transmit.path.remote == address(2) => {
                    self.third.push(transmit.payload);
                }
                Output::Send(transmit) => {
                    wrong = Some(format!("a message goes to {}, where nobody is", transmit.path.remote));
                }
                Output::Event(event) => {
                    if let Err(what) = self.told.hear(&event, &mut self.session) {
                        wrong = Some(what);
                    }
                }
                Output::Media(MediaCommand::Open { media, plan, .. }) => {
                    self.streams += 1;
                    self.told.flows(media, plan.direction);
                }
                Output::Media(MediaCommand::Update { media, plan }) => self.told.flows(media, plan.direction),
                Output::Media(MediaCommand::Close { .. }) => match self.streams.checked_sub(1) {
                    Some(rest) => self.streams = rest,
                    None => wrong = Some("a stream is closed that is not open".to_string()),
                },
                Output::Media(_) => {}
                Output::NeedMediaPorts(count) => {
                    for _ in 0..count {
                        let rtp = self.next_port;
                        self.next_port = rtp.wrapping_add(2).max(1024);
                        self.core.add_media_port(MediaPort { key: rtp.into(), rtp, rtcp: rtp + 1 });
                    }
                }
                Output::Resolve { query, target } => {
                    let here = address(self.number);
                    let found = target
                        .host
                        .parse()
                        .ok()
                        .map(|ip| Path::udp(here, SocketAddr::new(ip, target.port.unwrap_or(5060))));
                    self.core.handle_names(now, query, found.ok_or(NameFailure(target.host)));
                }
            }
        }
        (sent, wrong)
    }
}
