//! The real telephones: coordinators, the network between them, and what their users were told.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::network::{Harm, Letter, Network, address, party_at};
use super::reference::Reference;
use super::sides::{Asked, Call, Side, Told};
use super::{Action, Desk, Leg, PARTIES, Summary, rules};
use crate::api::{CoordinatorConfig, Event, InviteParams, NameFailure, Output, ResolveTarget};
use crate::base::ids::SessionId;
use crate::base::time::Instant;
use crate::coordinator::{CommandError, UnifiedCoordinator};
use crate::ladder::Ladder;
use crate::media::{MediaCommand, MediaPort};
use crate::session::StateTable;
use crate::signaling::{Deferral, InviteDetails, SignalingDecision};
use crate::sim::check::WireChecker;
use crate::wire::path::{Path, Transmit};

/// How long an incoming call may go undecided.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a caller waits who says nothing else.
pub(super) const RING_TIMEOUT: Duration = Duration::from_secs(180);
/// After this nothing is under way any more, whatever happened.
const SETTLED: Duration = Duration::from_secs(400);

struct Party {
    core: UnifiedCoordinator,
    streams: isize,
    next_port: u16,
}

pub(super) struct Phones {
    pub(super) now: Instant,
    parties: Vec<Party>,
    pub(super) calls: Vec<Call>,
    network: Network,
    no_name: bool,
    wire: WireChecker,
    refused: usize,
    drawing: Option<Ladder>,
}

/// Whether a call can be refused with this status: a challenge needs credentials.
pub(super) const fn is_refusal(status: u16) -> bool {
    matches!(status, 300..=699) && !matches!(status, 401 | 407)
}

/// Decides by the user part of the address: it names the desk, and the number of the call follows.
fn decide(details: &InviteDetails) -> SignalingDecision {
    let user = details.called_user().unwrap_or_default();
    match user.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "silent" => SignalingDecision::Defer(Deferral::default()),
        "busy" => SignalingDecision::Reject(486),
        "answers" => SignalingDecision::Custom(Box::new(|call| {
            if let Err(error) = call.answer() {
                tracing::error!(%error, "a new call cannot be taken");
            }
        })),
        _ => SignalingDecision::Accept,
    }
}

const fn user_of(desk: Desk) -> &'static str {
    match desk {
        Desk::Rings => "rings",
        Desk::Silent => "silent",
        Desk::Answers => "answers",
        Desk::Busy => "busy",
    }
}

type Verdict = Result<(), String>;

impl Phones {
    pub(super) fn new(table: &StateTable, drawing: bool) -> Self {
        let party = |number: usize| {
            let config = CoordinatorConfig { answer_timeout: ANSWER_TIMEOUT, ..CoordinatorConfig::default() };
            let seed = [1 + number as u8; 32];
            let mut core = UnifiedCoordinator::with_handler(config, Box::new(decide), seed, Instant::ZERO);
            if let Err(error) = core.set_table(table) {
                tracing::error!(%error, "the default table is used");
            }
            Party { core, streams: 0, next_port: 16_384 }
        };
        let mut ladder = Ladder::new();
        for number in 0..PARTIES {
            ladder.party(&address(number).to_string(), &format!("party {number}"));
        }
        let mut phones = Self {
            now: Instant::ZERO,
            parties: (0..PARTIES).map(party).collect(),
            calls: Vec::new(),
            network: Network::default(),
            no_name: false,
            wire: WireChecker::new(),
            refused: 0,
            drawing: drawing.then_some(ladder),
        };
        for number in 0..PARTIES {
            // A new coordinator asks for ports and says nothing.
            drop(phones.drain(number));
        }
        phones
    }

    pub(super) fn ladder(&self) -> String {
        self.drawing.as_ref().map(Ladder::to_text).unwrap_or_default()
    }

    pub(super) const fn harm(&self) -> Harm {
        self.network.harm
    }

    pub(super) fn told(&self, call: usize, callee: bool) -> &[(Instant, Told)] {
        let call = self.calls.get(call);
        call.map_or(&[], |call| if callee { &call.callee.told } else { &call.caller.told })
    }

    pub(super) fn summary(&self) -> Summary {
        let sides = || self.calls.iter().flat_map(|call| [&call.caller, &call.callee]);
        let end = |side: &Side| match side.told.last() {
            Some((_, Told::Ended(reason, _))) => Some(*reason),
            _ => None,
        };
        Summary {
            calls: self.calls.len(),
            ends: sides().filter_map(end).collect(),
            answered: sides().filter(|side| side.when(|told| told == Told::Answered).is_some()).count(),
            refused: self.refused,
            messages: self.wire.seen(),
        }
    }

    pub(super) fn act(&mut self, action: Action) -> Verdict {
        match action {
            Action::Call { from, to, desk, patience } => self.place(from, to, desk, patience)?,
            Action::Ring(leg) => self.decision(leg, None, |core, now, id| core.ring(now, id))?,
            Action::Accept(leg) => {
                self.decision(leg, Some(Asked::Accept), |core, now, id| core.answer(now, id))?;
            }
            Action::Reject(leg, status) => self.reject(leg, status)?,
            Action::Hangup(leg) => self.hangup(leg)?,
            Action::Wait(ms) => self.run_for(Duration::from_millis(ms.into()))?,
            Action::NoName => self.no_name = true,
            Action::LoseNext
            | Action::DoubleNext
            | Action::DelayNext(_)
            | Action::Cut(_)
            | Action::Report(_)
            | Action::Heal => self.network.act(action),
        }
        self.check()
    }

    fn place(&mut self, from: u8, to: u8, desk: Desk, patience: u8) -> Verdict {
        let (from, to) = (usize::from(from) % PARTIES, usize::from(to) % PARTIES);
        let number = self.calls.len();
        let target = format!("sip:{}{number}@{}", user_of(desk), address(to));
        let patience = if patience == 0 { RING_TIMEOUT } else { Duration::from_secs(patience.into()) };
        self.note(from, format!("calls {target}"));
        let now = self.now;
        let Some(party) = self.parties.get_mut(from) else { return Ok(()) };
        let params = InviteParams { ring_timeout: Some(patience), ..InviteParams::new(&target) };
        let session =
            party.core.invite(now, params).map_err(|error| format!("a call is refused: {error}"))?;
        let caller = Side { party: from, session: Some(session), ..Side::default() };
        let callee = Side { party: to, ..Side::default() };
        self.calls.push(Call { placed: now, patience, desk, no_name: self.no_name, caller, callee });
        self.drain(from)
    }

    /// The leg that an action is about, if its user knows of the call.
    fn side(&self, leg: Leg) -> Option<(usize, &Side)> {
        let number = usize::from(leg.call).checked_rem(self.calls.len())?;
        let call = self.calls.get(number)?;
        let side = if leg.callee { &call.callee } else { &call.caller };
        side.session.map(|_| (number, side))
    }

    fn decision(
        &mut self,
        leg: Leg,
        asked: Option<Asked>,
        command: impl FnOnce(&mut UnifiedCoordinator, Instant, SessionId) -> Result<(), CommandError>,
    ) -> Verdict {
        let fits = self.side(leg).is_some_and(|(_, side)| side.is_offered());
        let (fits, gone) = (fits, !fits);
        self.command(leg, asked, command, move |result| match result {
            Ok(()) => fits,
            Err(CommandError::WrongState { .. } | CommandError::NoSuchCall) => gone,
            Err(_) => false,
        })
    }

    fn reject(&mut self, leg: Leg, status: u16) -> Verdict {
        if is_refusal(status) {
            let asked = Some(Asked::Reject(status));
            return self.decision(leg, asked, move |core, now, id| core.reject(now, id, status));
        }
        let bad = |result: &Result<(), CommandError>| matches!(result, Err(CommandError::BadArgument { .. }));
        self.command(leg, None, move |core, now, id| core.reject(now, id, status), bad)
    }

    /// Hanging up always works; only of a call that ended the stack may know nothing any more.
    fn hangup(&mut self, leg: Leg) -> Verdict {
        let over = self.side(leg).is_some_and(|(_, side)| side.is_over());
        self.command(
            leg,
            Some(Asked::Hangup),
            |core, now, id| core.hangup(now, id),
            move |result| match result {
                Ok(()) => true,
                Err(error) => over && *error == CommandError::NoSuchCall,
            },
        )
    }

    /// Gives a command and looks whether its outcome `fits`.
    fn command(
        &mut self,
        leg: Leg,
        asked: Option<Asked>,
        command: impl FnOnce(&mut UnifiedCoordinator, Instant, SessionId) -> Result<(), CommandError>,
        fits: impl FnOnce(&Result<(), CommandError>) -> bool,
    ) -> Verdict {
        let Some((number, side)) = self.side(leg) else { return Ok(()) };
        let (at, Some(id)) = (side.party, side.session) else { return Ok(()) };
        let (now, told) = (self.now, side.told.clone());
        let Some(party) = self.parties.get_mut(at) else { return Ok(()) };
        let result = command(&mut party.core, now, id);
        self.note(at, format!("call {number}: {asked:?} {}", if result.is_ok() { "" } else { "refused" }));
        if !fits(&result) {
            return Err(format!("a command came to {result:?} when the user had been told {told:?}"));
        }
        if result.is_err() {
            self.refused += 1;
            let effect = self.parties.get_mut(at).and_then(|party| party.core.poll_output());
            return effect.map_or(Ok(()), |output| Err(format!("a refused command led to {output:?}")));
        }
        if let (Some(asked), Some(call)) = (asked, self.calls.get_mut(number)) {
            let side = if leg.callee { &mut call.callee } else { &mut call.caller };
            side.asked.push((now, asked));
        }
        self.drain(at)
    }

    pub(super) fn run_for(&mut self, time: Duration) -> Verdict {
        let end = self.now + time;
        loop {
            let timers = self.parties.iter().filter_map(|party| party.core.poll_timeout());
            let next = timers.chain(self.network.next()).min();
            let Some(next) = next.filter(|&next| next <= end) else { break };
            self.now = self.now.max(next);
            let now = self.now;
            if let Some(Letter { to, from, payload }) = self.network.poll(now) {
                self.wire.delivered(now, address(to), &payload);
                let Some(party) = self.parties.get_mut(to) else { continue };
                party.core.handle_datagram(now, Path::udp(address(to), address(from)), &payload);
                self.drain(to)?;
            } else {
                for number in 0..PARTIES {
                    let Some(party) = self.parties.get_mut(number) else { continue };
                    if party.core.poll_timeout().is_some_and(|at| at <= now) {
                        party.core.handle_timeout(now);
                        self.drain(number)?;
                    }
                }
            }
            self.check()?;
        }
        self.now = end;
        Ok(())
    }

    /// The network heals; both sides of each call must agree; all hang up; nothing may be left.
    pub(super) fn finish(&mut self, mut reference: Option<&mut Reference>) -> Verdict {
        self.network.heal();
        self.run_for(SETTLED)?;
        if let Some(reference) = &mut reference {
            reference.run_for(SETTLED);
            reference.agrees(self)?;
        }
        rules::both_sides_agree(self)?;
        for number in 0..self.calls.len() {
            for callee in [false, true] {
                self.hangup(Leg { call: number as u8, callee })?;
            }
        }
        self.run_for(SETTLED)?;
        rules::all_is_over(self)?;
        for (number, party) in self.parties.iter().enumerate() {
            if !party.core.is_idle() {
                return Err(format!("something is left at party {number}"));
            }
            if party.streams != 0 {
                return Err(format!("{} streams are left at party {number}", party.streams));
            }
        }
        self.wire.end().map_err(|violation| violation.to_string())
    }

    fn check(&self) -> Verdict {
        for (number, party) in self.parties.iter().enumerate() {
            party.core.audit().map_err(|violation| format!("party {number}: {violation}"))?;
        }
        self.calls.iter().enumerate().try_for_each(|(number, call)| {
            rules::told_in_order(call).map_err(|what| format!("call {number}: {what}"))?;
            rules::told_for_a_reason(self, call).map_err(|what| format!("call {number}: {what}"))
        })
    }

    /// Carries out whatever a coordinator put out.
    fn drain(&mut self, number: usize) -> Verdict {
        let now = self.now;
        while let Some(party) = self.parties.get_mut(number)
            && let Some(output) = party.core.poll_output()
        {
            match output {
                Output::Send(transmit) => self.send(transmit)?,
                Output::Event(event) => self.hear(number, event)?,
                Output::Media(MediaCommand::Open { .. }) => party.streams += 1,
                Output::Media(MediaCommand::Close { .. }) => party.streams -= 1,
                Output::Media(_) => {}
                Output::NeedMediaPorts(count) => {
                    for _ in 0..count {
                        let rtp = party.next_port;
                        party.next_port = rtp.wrapping_add(2).max(1024);
                        party.core.add_media_port(MediaPort { key: rtp.into(), rtp, rtcp: rtp + 1 });
                    }
                }
                Output::Resolve { query, target } => {
                    let lost = core::mem::take(&mut self.no_name);
                    let found = path_to(number, &target).filter(|_| !lost).ok_or(NameFailure(target.host));
                    party.core.handle_names(now, query, found);
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, transmit: Transmit) -> Verdict {
        let (now, Path { local, remote, .. }) = (self.now, transmit.path);
        let payload = transmit.payload;
        self.wire.saw(now, local, remote, &payload).map_err(|violation| violation.to_string())?;
        let (Some(from), Some(to)) = (party_at(local), party_at(remote)) else {
            return Err(format!("a message goes to {remote}, where nobody is"));
        };
        let fate = self.network.send(now, from, to, &payload);
        if self.network.reports(to)
            && let Some(sender) = self.parties.get_mut(from)
        {
            sender.core.handle_unreachable(now, transmit.path);
        }
        if let Some(ladder) = &mut self.drawing {
            ladder.message_with(now, &local.to_string(), &remote.to_string(), payload, fate);
        }
        Ok(())
    }

    fn hear(&mut self, at: usize, event: Event) -> Verdict {
        let (session, told) = match event {
            Event::Incoming { session, details, .. } => {
                let user = details.called_user().unwrap_or_default();
                let number = user.trim_start_matches(|c: char| !c.is_ascii_digit()).parse();
                let call = number.ok().and_then(|number: usize| self.calls.get_mut(number));
                let Some(call) = call.filter(|call| call.callee.party == at) else {
                    return Err(format!("a call comes in that nobody placed, for {user}"));
                };
                if call.callee.session.replace(session).is_some() {
                    return Err(format!("the call for {user} comes in a second time"));
                }
                (session, Told::Incoming)
            }
            Event::Progress { session, status, .. } => (session, Told::Progress(status)),
            Event::Answered { session, .. } => (session, Told::Answered),
            Event::Confirmed { session, .. } => (session, Told::Confirmed),
            Event::Ended { session, reason, status, .. } => (session, Told::Ended(reason, status)),
            other => {
                return Err(format!("nobody did anything that could lead to {other:?}"));
            }
        };
        self.note(at, format!("{told:?}"));
        let now = self.now;
        let sides = self.calls.iter_mut().flat_map(|call| [&mut call.caller, &mut call.callee]);
        let mut own = sides.filter(|side| side.party == at && side.session == Some(session));
        match own.next() {
            Some(side) => side.told.push((now, told)),
            None if matches!(told, Told::Ended(..)) => {}
            None => return Err(format!("{told:?} is told of a call that is not there")),
        }
        Ok(())
    }

    fn note(&mut self, party: usize, text: String) {
        let now = self.now;
        if let Some(ladder) = &mut self.drawing {
            ladder.note(now, &address(party).to_string(), text);
        }
    }
}

/// The way to a party; there are no names, only addresses.
fn path_to(from: usize, target: &ResolveTarget) -> Option<Path> {
    let remote = SocketAddr::new(target.host.parse().ok()?, target.port.unwrap_or(5060));
    Some(Path::udp(address(from), remote))
}
