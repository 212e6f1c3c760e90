//! What came of a world, and of many.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use core::hash::Hasher as _;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;
use siphasher::sip::SipHasher13;

use super::agree::Told;
use super::attack::Attack;
use super::goal::{Cancel, Decision, Goal, HangUp, PickUp};
use super::mix::Mix;
use super::wish::Wish;
use crate::api::EndReason;
use crate::base::time::Instant;
use crate::base::violation::Violation;
use crate::ladder::Ladder;
use crate::session::Cells;
use crate::sim::net::Fates;

/// A hash of octets in their order, the same on every machine.
#[derive(Clone, Debug)]
pub struct Digest(SipHasher13);

impl Default for Digest {
    fn default() -> Self {
        Self(SipHasher13::new_with_keys(0, 0))
    }
}

impl Digest {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.write(&(bytes.len() as u64).to_le_bytes());
        self.0.write(bytes);
    }

    /// The value so far.
    pub fn value(&self) -> u64 {
        self.0.finish()
    }
}

/// What was counted. Reports of worlds are merged in the order of the worlds.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Worlds.
    pub worlds: u64,
    /// Calls.
    pub calls: u64,
    /// Calls of which everybody got what they wanted.
    pub reached: u64,
    /// Calls in worlds whose faults let everything through in the end ([`Mix::is_fair`])…
    pub fair: u64,
    /// …and those of them of which everybody got what they wanted.
    pub fair_reached: u64,
    /// Calls by what the two sides were told.
    pub outcomes: BTreeMap<String, u64>,
    /// Messages by method or status.
    pub messages: BTreeMap<String, u64>,
    /// RTP and RTCP packets sent.
    pub media_packets: u64,
    /// Frames of the other's voice that were heard.
    pub frames_heard: u64,
    /// Commands that came too late.
    pub commands_refused: u64,
    /// What the network did.
    pub fates: Fates,
    /// Virtual time.
    pub time: Duration,
    /// Cells of the state table that were looked up.
    pub cells: Cells,
    /// Every octet that was sent, in order.
    pub digest: Digest,
}

impl Report {
    /// Adds the report of the next world.
    pub fn merge(&mut self, other: &Self) {
        self.worlds += other.worlds;
        self.calls += other.calls;
        self.reached += other.reached;
        self.fair += other.fair;
        self.fair_reached += other.fair_reached;
        self.media_packets += other.media_packets;
        self.frames_heard += other.frames_heard;
        self.commands_refused += other.commands_refused;
        self.time += other.time;
        for (into, from) in [(&mut self.outcomes, &other.outcomes), (&mut self.messages, &other.messages)] {
            for (what, count) in from {
                *into.entry(what.clone()).or_default() += count;
            }
        }
        self.fates.add(other.fates);
        self.cells.merge(&other.cells);
        self.digest.add(&other.digest.value().to_le_bytes());
    }

    /// Counts a message by its method or status.
    pub(super) fn message(&mut self, payload: &[u8]) {
        let mut words = payload.split(|&octet| octet == b' ');
        let first = words.next().unwrap_or_default();
        let kind = if first == b"SIP/2.0" { words.next().unwrap_or_default() } else { first };
        let kind = core::str::from_utf8(kind).unwrap_or("?");
        match self.messages.get_mut(kind) {
            Some(count) => *count += 1,
            None => drop(self.messages.insert(kind.to_string(), 1)),
        }
    }

    pub(super) fn sum_up(
        &mut self,
        goals: &[Goal],
        told: &[[Told; 2]],
        begun: &[bool],
        mix: &Mix,
        now: Instant,
    ) {
        self.worlds = 1;
        self.time = now.saturating_since(Instant::ZERO);
        for ((goal, [caller, callee]), begun) in goals.iter().zip(told).zip(begun) {
            // In a world that is fair everything must come to pass.
            if !begun && !mix.is_fair() {
                continue;
            }
            self.calls += 1;
            let reached = reached(goal, caller, callee, mix.delay());
            self.reached += u64::from(reached);
            self.fair += u64::from(mix.is_fair());
            self.fair_reached += u64::from(mix.is_fair() && reached);
            self.frames_heard += u64::from(caller.heard) + u64::from(callee.heard);
            let side = |told: &Told| match told.ended {
                Some((reason, _)) if told.answered => format!("talked, {reason}"),
                Some((reason, _)) => reason.to_string(),
                None => String::from("never knew"),
            };
            let outcome = format!("caller: {}; callee: {}", side(caller), side(callee));
            *self.outcomes.entry(outcome).or_default() += 1;
        }
    }
}

/// Whether everybody got what they wanted. `delay`: who talks for less may not be heard.
fn reached(goal: &Goal, caller: &Told, callee: &Told, delay: Duration) -> bool {
    let ended = |told: &Told| told.ended.map(|(reason, _)| reason);
    let refused = |by: u16| caller.ended == Some((EndReason::Rejected, Some(by))) && !caller.answered;
    let (one, other) = (ended(caller), ended(callee));
    let gave_up = one == Some(EndReason::LocalHangup);
    if goal.cancel != Cancel::No && gave_up {
        // It may cross anything that the callee does.
        return !matches!(other, Some(EndReason::AckTimeout | EndReason::Internal));
    }
    match (goal.decision, goal.pick_up) {
        (Decision::Reject(status), _) => refused(status),
        (Decision::AnswerAtOnce, _) | (_, PickUp::After(_)) => {
            let hung_up = [EndReason::LocalHangup, EndReason::RemoteHangup];
            let order = match goal.hang_up {
                HangUp::Caller => (one, other) == (Some(hung_up[0]), Some(hung_up[1])),
                HangUp::Callee => (one, other) == (Some(hung_up[1]), Some(hung_up[0])),
                HangUp::Both => [one, other].iter().all(|end| end.is_some_and(|end| hung_up.contains(&end))),
            };
            let held = matches!(goal.wish, Wish::Hold { .. });
            let spoken = held || goal.talk < delay || caller.heard > 0 && callee.heard > 0;
            let passed_on = matches!(goal.wish, Wish::Transfer { .. });
            let granted = goal.granted(caller, callee);
            (order || passed_on) && caller.answered && callee.answered && spoken && granted
        }
        // Who hangs up by BYE before it has answered refuses the call after that: whichever came first.
        (_, PickUp::Reject(..)) if callee.byes_early => {
            let over = matches!(one, Some(EndReason::Rejected | EndReason::RemoteHangup));
            over && !caller.answered && other == Some(EndReason::LocalHangup)
        }
        (_, PickUp::Reject(status, _)) => refused(status) && other == Some(EndReason::Declined),
        (_, PickUp::Never) => match one {
            Some(EndReason::NoAnswer) => other == Some(EndReason::Cancelled),
            Some(EndReason::Rejected) => other == Some(EndReason::Undecided),
            _ => false,
        },
    }
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Happening {
    /// An endpoint sent a message.
    Message {
        /// From where.
        from: SocketAddr,
        /// To where.
        to: SocketAddr,
        /// The message.
        payload: Bytes,
    },
    /// Somebody did something, or was told of it.
    Note {
        /// Who.
        who: &'static str,
        /// What.
        text: String,
    },
}

/// A rule that was broken, and all that is needed to see it again.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Seed of the world: as the seed of a run it makes this world the first.
    pub seed: u64,
    /// What was broken.
    pub violation: Violation,
    /// What people wanted.
    pub goals: Vec<Goal>,
    /// What went wrong with the network.
    pub mix: Mix,
    /// Who was there to disturb.
    pub attack: Option<Attack>,
    /// Who has, or had, which address.
    pub parties: Vec<(SocketAddr, &'static str)>,
    /// What happened, in its order; of a long story the end.
    pub story: Vec<(Instant, Happening)>,
}

impl Failure {
    /// The story as a ladder.
    pub fn ladder(&self) -> Ladder {
        let mut ladder = Ladder::new();
        ladder.set_title(&format!("seed {}: {}", self.seed, self.violation.rule));
        for (address, name) in &self.parties {
            ladder.party(name, &format!("{name} {address}"));
        }
        let name = |address: &SocketAddr| {
            let known = self.parties.iter().find(|(known, _)| known == address);
            known.map_or_else(|| address.to_string(), |(_, name)| name.to_string())
        };
        for (at, happening) in &self.story {
            match happening {
                Happening::Message { from, to, payload } => {
                    ladder.message(*at, &name(from), &name(to), payload.clone());
                }
                Happening::Note { who, text } => ladder.note(*at, who, text.clone()),
            }
        }
        ladder
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.violation)?;
        for (number, goal) in self.goals.iter().enumerate() {
            writeln!(f, "call {number}: {goal:?}")?;
        }
        writeln!(f, "{:?}", self.mix)?;
        if let Some(attack) = self.attack {
            writeln!(f, "{attack:?}")?;
        }
        f.write_str(&self.ladder().to_text())
    }
}

impl core::error::Error for Failure {}
