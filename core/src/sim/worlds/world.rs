//! One small world at one moment.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::hash::Hasher as _;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use bytes::Bytes;
use siphasher::sip128::{Hasher128 as _, SipHasher13};

use crate::api::EndReason;
use crate::base::time::Instant;
use crate::ladder::{Fate, Ladder};
use crate::session::State;
use crate::sim::check::WireChecker;
use crate::wire::path::Path;

use super::party::Party;
use super::{Act, Choice, Worlds};

const NAMES: [&str; 2] = ["caller", "callee"];

const fn address(party: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1 + party as u8)), 5060)
}

/// A datagram under way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Letter {
    to: usize,
    sent: Instant,
    bytes: Bytes,
}

/// No datagram is longer under way: T4 of RFC 3261 section 17.1.2.2, on which its timers rely.
const LIFETIME: Duration = Duration::from_secs(5);

pub(super) struct World<'a> {
    plan: &'a Worlds,
    now: Instant,
    parties: [Party; 2],
    /// In the order in which they were sent.
    flying: Vec<Letter>,
    judge: WireChecker,
    losses: u8,
    duplicates: u8,
    late: u8,
    drawing: Option<Ladder>,
    /// Whether the books are looked at after each step.
    careful: bool,
}

impl<'a> World<'a> {
    pub(super) fn new(plan: &'a Worlds) -> Self {
        let [left, right] = &plan.tables;
        let mut world = Self {
            plan,
            now: Instant::ZERO,
            parties: [
                Party::new(address(0), 1, plan.silent, left),
                Party::new(address(1), 2, plan.silent, right),
            ],
            flying: Vec::new(),
            judge: WireChecker::new(),
            losses: plan.losses,
            duplicates: plan.duplicates,
            late: plan.late,
            drawing: None,
            careful: false,
        };
        for party in &mut world.parties {
            // A new coordinator asks for ports and says nothing.
            drop(party.drain(Instant::ZERO));
        }
        world
    }

    /// From now on a ladder is drawn.
    pub(super) fn draw(&mut self) {
        let mut ladder = Ladder::new();
        for (place, name) in NAMES.iter().enumerate() {
            ladder.party(&address(place).to_string(), name);
        }
        self.drawing = Some(ladder);
    }

    pub(super) fn ladder(&self) -> String {
        self.drawing.as_ref().map(Ladder::to_text).unwrap_or_default()
    }

    /// What tells this world from others: what follows depends on nothing else.
    pub(super) fn fingerprint(&self) -> u128 {
        let mut hasher = SipHasher13::new();
        hasher.write_u64(self.now.as_nanos());
        hasher.write(&[self.losses, self.duplicates, self.late]);
        for party in &self.parties {
            hasher.write_u128(party.fingerprint());
        }
        let mut flying: Vec<&Letter> = self.flying.iter().collect();
        flying.sort();
        for letter in flying {
            hasher.write_usize(letter.to);
            hasher.write_u64(letter.sent.as_nanos());
            hasher.write_usize(letter.bytes.len());
            hasher.write(&letter.bytes);
        }
        hasher.finish128().as_u128()
    }

    fn next_timer(&self) -> Option<Instant> {
        self.parties.iter().filter_map(|party| party.core.poll_timeout()).min()
    }

    fn next_act(&self, party: usize) -> Option<Act> {
        let actor = self.parties.get(party)?;
        let act = *self.plan.scripts.get(party)?.get(actor.done)?;
        actor.can(act).then_some(act)
    }

    /// All that can happen now.
    pub(super) fn choices(&self) -> Vec<Choice> {
        let mut choices = Vec::new();
        choices.extend((0..2).filter(|&party| self.next_act(party).is_some()).map(Choice::Act));
        for (place, letter) in self.flying.iter().enumerate() {
            // Of equal datagrams one stands for all.
            if self.flying.iter().take(place).any(|earlier| earlier == letter) {
                continue;
            }
            choices.push(Choice::Deliver(place));
            if self.losses > 0 {
                choices.push(Choice::Lose(place));
            }
            if self.duplicates > 0 {
                choices.push(Choice::Double(place));
            }
        }
        let in_time = |at: Instant| self.flying.iter().all(|letter| at < letter.sent + LIFETIME);
        if self.next_timer().is_some_and(in_time) && (self.flying.is_empty() || self.late > 0) {
            choices.push(Choice::Wait);
        }
        choices
    }

    /// Goes a whole way, of which all but the last step were looked at before.
    pub(super) fn go(&mut self, choices: &[Choice]) -> Result<(), String> {
        let Some((&last, before)) = choices.split_last() else { return Ok(()) };
        before.iter().try_for_each(|&choice| self.take(choice))?;
        self.careful = true;
        self.take(last)
    }

    /// Lets it happen. The error is a rule that was broken.
    fn take(&mut self, choice: Choice) -> Result<(), String> {
        match choice {
            Choice::Act(party) => {
                let Some(act) = self.next_act(party) else { return Ok(()) };
                self.note(party, format!("user: {act:?}"));
                if let Some(actor) = self.parties.get_mut(party) {
                    actor.act(self.now, act, address(1 - party));
                }
                self.settle(party)
            }
            Choice::Deliver(place) => self.deliver(place, Fate::Arrived),
            Choice::Double(place) => {
                let Some(letter) = self.flying.get(place).cloned() else { return Ok(()) };
                self.duplicates = self.duplicates.saturating_sub(1);
                self.flying.push(letter);
                self.deliver(place, Fate::Doubled)
            }
            Choice::Lose(place) => {
                self.losses = self.losses.saturating_sub(1);
                let letter = self.flying.remove(place);
                self.arrow(&letter, Fate::Lost);
                Ok(())
            }
            Choice::Wait => {
                let Some(at) = self.next_timer() else { return Ok(()) };
                if !self.flying.is_empty() {
                    self.late = self.late.saturating_sub(1);
                }
                self.now = self.now.max(at);
                for party in 0..2 {
                    let now = self.now;
                    let Some(actor) = self.parties.get_mut(party) else { continue };
                    if actor.core.poll_timeout().is_some_and(|at| at <= now) {
                        actor.timeout(now);
                        self.settle(party)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn deliver(&mut self, place: usize, fate: Fate) -> Result<(), String> {
        if place >= self.flying.len() {
            return Ok(());
        }
        let letter = self.flying.remove(place);
        self.arrow(&letter, fate);
        self.judge.delivered(self.now, address(letter.to), &letter.bytes);
        if let Some(party) = self.parties.get_mut(letter.to) {
            party.receive(self.now, address(1 - letter.to), &letter.bytes);
        }
        self.settle(letter.to)
    }

    /// What follows from an input of `party`.
    fn settle(&mut self, party: usize) -> Result<(), String> {
        let now = self.now;
        let Some(actor) = self.parties.get_mut(party) else { return Ok(()) };
        for transmit in actor.drain(now)? {
            let Path { local, remote, .. } = transmit.path;
            self.judge.saw(now, local, remote, &transmit.payload).map_err(|broken| broken.to_string())?;
            let Some(to) = (0..2).find(|&to| address(to) == transmit.path.remote) else {
                return Err(format!("a message goes to {}, where nobody is", transmit.path.remote));
            };
            self.flying.push(Letter { to, sent: now, bytes: transmit.payload });
        }
        if self.careful {
            actor.core.audit().map_err(|broken| broken.to_string())?;
        }
        let state = actor.state();
        if let Some(ladder) = &mut self.drawing {
            let text = state.map_or("no session", State::as_str);
            ladder.state(now, NAMES.get(party).copied().unwrap_or_default(), text.to_string());
        }
        Ok(())
    }

    fn note(&mut self, party: usize, text: String) {
        if let Some(ladder) = &mut self.drawing {
            ladder.note(self.now, NAMES.get(party).copied().unwrap_or_default(), text);
        }
    }

    fn arrow(&mut self, letter: &Letter, fate: Fate) {
        let (from, to) = (address(1 - letter.to).to_string(), address(letter.to).to_string());
        if let Some(ladder) = &mut self.drawing {
            ladder.message_with(self.now, &from, &to, letter.bytes.clone(), fate);
        }
    }

    /// What must hold when nothing is left to happen.
    pub(super) fn check_end(&mut self) -> Result<(), String> {
        self.judge.end().map_err(|broken| broken.to_string())?;
        let [caller, callee] = &self.parties;
        if caller.is_up() != callee.is_up() {
            let (has, not) = if caller.is_up() { (0, 1) } else { (1, 0) };
            return Err(format!("the {} has a call that the {} has not", NAMES[has], NAMES[not]));
        }
        for (party, name) in self.parties.iter().zip(NAMES) {
            let sessions = usize::from(party.is_up());
            let left = party.core.registry().len();
            if left != sessions {
                return Err(format!("the {name} has {left} sessions and knows of {sessions}"));
            }
            if party.streams != sessions {
                return Err(format!("the {name} has {} streams for {sessions} calls", party.streams));
            }
            if sessions == 0 && !party.core.is_idle() {
                return Err(format!("something is left at the {name}"));
            }
            if party.session.is_some() && sessions == 0 && party.told.ended.is_none() {
                return Err(format!("the {name} was never told that the call is over"));
            }
        }
        agree(caller, callee)
    }
}

/// Whether what the two users were told can be told of one call.
fn agree(caller: &Party, callee: &Party) -> Result<(), String> {
    let (left, right) = (caller.told, callee.told);
    let wrong = |why: &str| Err(format!("{why}: the caller was told {left:?}, the callee {right:?}"));
    if left.answered && !right.answered {
        return wrong("the caller has an answer that nobody gave");
    }
    if right.confirmed
        && !left.answered
        && left.ended != Some(EndReason::LocalHangup)
        && left.ended != Some(EndReason::NoAnswer)
    {
        return wrong("the callee's answer was confirmed by one who knows of none");
    }
    match left.ended {
        Some(EndReason::Rejected) if right.answered => wrong("a call that was answered was refused too"),
        Some(EndReason::RemoteHangup) if !right.answered => wrong("one hung up who never answered"),
        Some(EndReason::RemoteHangup)
            if matches!(right.ended, Some(EndReason::RemoteHangup | EndReason::Cancelled)) =>
        {
            wrong("each says that the other hung up")
        }
        _ => Ok(()),
    }
}
