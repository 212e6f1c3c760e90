//! One world from its first call to the silence after the last.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use bytes::Bytes;

use super::agree::{Told, agree};
use super::attack::{self, Attack};
use super::deeds::Deed;
use super::dice::Dice;
use super::endpoint::{Endpoint, SIP_PORT};
use super::goal::Goal;
use super::mix::Mix;
use super::people::handler;
use super::report::{Failure, Happening, Report};
use super::wish::{INTERVAL, Wish};
use crate::api::Output;
use crate::base::ids::SessionId;
use crate::base::time::Instant;
use crate::base::violation::Violation;
use crate::sim::check::WireChecker;
use crate::sim::net::{Chance, Link, Network};
use crate::wire::Transmit;

/// Names of the endpoints.
pub(super) const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];
/// A world that takes more steps than this does not end.
const STEPS_MAX: u64 = 3_000_000;
/// After the faults have ended everybody who still has a call hangs up: this much later.
const GRACE: Duration = Duration::from_secs(40);
/// And this much later nothing may be left: the longest ring, a BYE, and every timer.
const QUIET: Duration = Duration::from_secs(300);
/// An endpoint in which this much lives is audited after every step, one with twice as much after every other.
const SMALL: usize = 32;
/// What a failure shows at most.
const LOG_MAX: usize = 4_000;

/// In one of so many worlds some hang up by BYE before they have answered.
const BYES_EARLY_EACH: u64 = 8;

/// All that a world is made of.
pub(super) struct Story {
    seed: u64,
    pub(super) now: Instant,
    pub(super) network: Network,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) goals: Arc<Vec<Goal>>,
    pub(super) mix: Mix,
    pub(super) attack: Option<Attack>,
    pub(super) dice: Dice,
    /// How long what comes to a busy machine has lain unread.
    pub(super) lags: Dice,
    deeds: BTreeMap<(Instant, u64), Deed>,
    deed_count: u64,
    /// Caller and callee of each call.
    pub(super) told: Vec<[Told; 2]>,
    /// When each was told of the end.
    pub(super) ended_at: Vec<[Option<Instant>; 2]>,
    /// The callers' sessions.
    pub(super) dialled: Vec<Option<SessionId>>,
    checker: WireChecker,
    /// Whether whoever would refuse a call that rings hangs up by BYE instead.
    pub(super) byes_early: bool,
    log: VecDeque<(Instant, Happening)>,
    pub(super) report: Report,
    steps: u64,
    pub(super) attacked: bool,
}

impl Story {
    pub(super) fn new(seed: u64, goals: Vec<Goal>, mix: Mix, attack: Option<Attack>) -> Self {
        let mut dice = Dice::new(seed ^ 0x5170_11AD);
        let mut network = Network::new(dice.next_u64());
        network.set_default_link(mix.link);
        // The attacker is near and never loses a word.
        network.add_host(attack::ADDRESS.ip(), None);
        let goals = Arc::new(goals);
        let count = 1 + goals.iter().map(|goal| goal.caller.max(goal.callee)).max().unwrap_or(1);
        let nat = mix.nat.map(|kind| network.add_nat(IpAddr::V4(Ipv4Addr::new(10, 99, 0, 1)), kind));
        let interval = goals.iter().any(|goal| goal.wish == Wish::Refresh).then_some(INTERVAL);
        let byes_early = seed % BYES_EARLY_EACH == 5;
        let mut endpoints = Vec::new();
        for (number, name) in NAMES.into_iter().take(count).enumerate() {
            let ip = address(number as u8);
            network.add_host(ip, nat.filter(|_| number == 0));
            network.set_link(attack::ADDRESS.ip(), ip, Link::default());
            let decide = Box::new(handler(goals.clone()));
            endpoints.push(Endpoint::new(ip, name, decide, dice.seed(), interval, byes_early));
        }
        let (told, dialled) =
            (alloc::vec![[Told::default(); 2]; goals.len()], alloc::vec![None; goals.len()]);
        let mut story = Self {
            seed,
            now: Instant::ZERO,
            network,
            endpoints,
            goals,
            mix,
            attack,
            dice,
            lags: Dice::new(!seed ^ 0x5170_11AD),
            deeds: BTreeMap::new(),
            deed_count: 0,
            ended_at: alloc::vec![[None; 2]; told.len()],
            told,
            dialled,
            checker: WireChecker::new().byes_early(byes_early),
            byes_early,
            log: VecDeque::new(),
            report: Report::default(),
            steps: 0,
            attacked: false,
        };
        story.plan();
        story
    }

    /// Puts everything into the calendar that does not follow from what happens.
    fn plan(&mut self) {
        for number in 0..self.goals.len() {
            let at = self.goals.get(number).map_or(Instant::ZERO, |goal| goal.at);
            if self.goals.get(number).is_some_and(|goal| goal.of.is_none()) {
                self.at(at, Deed::Dial(number));
            }
        }
        if let Some(cut) = self.mix.cut {
            let (from, to) = (address(cut.from as u8), address(cut.to as u8));
            self.at(cut.at, Deed::Cut(from, to, cut.both));
            self.at(cut.at + cut.lasts, Deed::Uncut);
        }
        if let Some(at) = self.mix.moves {
            self.at(at, Deed::Move(1));
        }
        if let Some(busy) = self.mix.busy {
            self.at(busy.at, Deed::Lag(busy));
        }
        let last =
            self.goals.iter().map(|goal| goal.at + goal.patience + goal.talk).max().unwrap_or_default();
        let heals = self.mix.heals.unwrap_or(last);
        self.at(heals, Deed::Heal);
        self.at(heals.max(last) + GRACE, Deed::GiveUp);
        if matches!(self.attack, Some(Attack::OptionsFlood | Attack::HalfOpen)) {
            self.at(Instant::from_millis(500), Deed::Flood(attack::FLOOD));
        }
    }

    fn at(&mut self, at: Instant, deed: Deed) {
        self.deed_count += 1;
        self.deeds.insert((at, self.deed_count), deed);
    }

    pub(super) fn after(&mut self, delay: Duration, deed: Deed) {
        self.at(self.now + delay, deed);
    }

    /// Runs to the end.
    pub(super) fn run(mut self) -> Result<Report, Box<Failure>> {
        let outcome = self.tell();
        match outcome {
            Ok(()) => {
                self.sum_up();
                Ok(self.report)
            }
            Err(violation) => Err(self.fail(violation)),
        }
    }

    fn tell(&mut self) -> Result<(), Violation> {
        for number in 0..self.endpoints.len() {
            self.drain(number)?;
        }
        let end = self.deeds.keys().next_back().map_or(Instant::ZERO, |&(at, _)| at) + QUIET;
        while let Some(next) = self.next() {
            self.steps += 1;
            if next > end || self.steps > STEPS_MAX {
                return Err(
                    self.broken("it ends", format!("at {} ms, {} steps", next.as_millis(), self.steps))
                );
            }
            self.now = self.now.max(next);
            self.step()?;
        }
        self.checker.end()?;
        for number in 0..self.endpoints.len() {
            let endpoint = self.endpoints.get(number);
            if let Some(left) = endpoint.and_then(Endpoint::leftovers) {
                return Err(
                    self.broken("nothing is left when all is quiet", format!("{}: {left}", name(number)))
                );
            }
        }
        self.agreement()
    }

    pub(super) fn broken(&self, rule: &'static str, detail: String) -> Violation {
        Violation { rule, section: "simulation", message: None, detail }
    }

    fn agreement(&self) -> Result<(), Violation> {
        let damaged = self.mix.link.corrupt != Chance::NEVER;
        for (number, [caller, callee]) in self.told.iter().enumerate() {
            // What nobody dialled may never come.
            let begun = self.dialled.get(number).is_some_and(Option::is_some) || callee.incoming;
            if begun && !agree(caller, callee, damaged) {
                let detail = format!("call {number}: caller {caller:?}, callee {callee:?}");
                return Err(self.broken("both ends agree on what became of a call", detail));
            }
        }
        Ok(())
    }

    fn next(&self) -> Option<Instant> {
        let deed = self.deeds.keys().next().map(|&(at, _)| at);
        let endpoints = self.endpoints.iter().filter_map(Endpoint::next);
        endpoints.chain(deed).chain(self.network.next()).min()
    }

    /// Everything that is due now: what arrives, then what people do, then timers.
    fn step(&mut self) -> Result<(), Violation> {
        let now = self.now;
        while let Some(delivery) = self.network.poll(now) {
            let number = self.endpoints.iter().position(|endpoint| endpoint.ip == delivery.to.ip());
            let Some((number, endpoint)) = number.and_then(|n| Some((n, self.endpoints.get_mut(n)?))) else {
                continue;
            };
            if delivery.to.port() == SIP_PORT {
                self.checker.note_damage(delivery.damaged);
                self.checker.delivered(now, delivery.to, &delivery.payload);
            }
            if endpoint.receive(now, delivery.to, delivery.from, &delivery.payload) {
                self.drain(number)?;
                self.overheard(number, &delivery.payload);
            }
        }
        while let Some(entry) = self.deeds.first_entry().filter(|entry| entry.key().0 <= now) {
            let deed = entry.remove();
            self.act(deed)?;
        }
        for number in 0..self.endpoints.len() {
            let Some(endpoint) = self.endpoints.get_mut(number) else { continue };
            if endpoint.core.poll_timeout().is_some_and(|at| at <= now) {
                endpoint.core.handle_timeout(now);
                self.drain(number)?;
            }
            self.play(number)?;
        }
        Ok(())
    }

    /// Media that is due.
    fn play(&mut self, number: usize) -> Result<(), Violation> {
        let (now, told, goals) = (self.now, &mut self.told, &self.goals);
        let Some(endpoint) = self.endpoints.get_mut(number) else { return Ok(()) };
        if endpoint.shard.poll_timeout().is_none_or(|at| at > now) {
            return Ok(());
        }
        endpoint.shard.handle_timeout(now);
        let voices = core::mem::take(&mut endpoint.voices);
        endpoint.listen(|media| {
            let Some(&call) = voices.get(&media) else { return };
            let side = usize::from(goals.get(call).is_some_and(|goal| goal.callee == number));
            if let Some(told) = told.get_mut(call).and_then(|sides| sides.get_mut(side)) {
                told.heard += 1;
                told.heard_since += 1;
            }
        });
        endpoint.voices = voices;
        self.drain(number)
    }

    /// Carries out everything that an endpoint wants done.
    pub(super) fn drain(&mut self, number: usize) -> Result<(), Violation> {
        loop {
            let now = self.now;
            let Some(endpoint) = self.endpoints.get_mut(number) else { return Ok(()) };
            match endpoint.core.poll_output() {
                Some(Output::Send(transmit)) => self.send(number, transmit)?,
                Some(Output::Event(event)) => self.hear(number, event),
                Some(Output::Media(command)) => endpoint.command(now, command),
                Some(Output::NeedMediaPorts(count)) => endpoint.bind(count),
                Some(Output::Resolve { query, target }) => {
                    let ip = target.host.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
                    let found = SocketAddr::new(ip, target.port.unwrap_or(SIP_PORT));
                    self.after(self.mix.lookup, Deed::Found(number, query, found));
                }
                None if endpoint.media_event(now) => {}
                None => break,
            }
        }
        let Some(endpoint) = self.endpoints.get_mut(number) else { return Ok(()) };
        let (ip, network, report, now) = (endpoint.ip, &mut self.network, &mut self.report, self.now);
        endpoint.shard.for_each_transmit(|packet| {
            let port = packet.port_key as u16 + u16::from(packet.which == crate::media::Which::Rtcp);
            report.digest.add(packet.bytes);
            report.media_packets += 1;
            network.send(now, SocketAddr::new(ip, port), packet.remote, Bytes::copy_from_slice(packet.bytes));
        });
        let live = endpoint.core.registry().len() + endpoint.core.transactions().len();
        if self.steps.is_multiple_of((live / SMALL).max(1) as u64) {
            endpoint.core.audit()?;
        }
        Ok(())
    }

    pub(super) fn note(&mut self, number: usize, text: String) {
        self.record(Happening::Note { who: name(number), text });
    }

    fn record(&mut self, what: Happening) {
        if self.log.len() >= LOG_MAX {
            self.log.pop_front();
        }
        self.log.push_back((self.now, what));
    }

    fn send(&mut self, number: usize, transmit: Transmit) -> Result<(), Violation> {
        let Some(endpoint) = self.endpoints.get(number) else { return Ok(()) };
        let Transmit { path, payload } = transmit;
        let from = endpoint.sip();
        self.report.digest.add(&payload);
        self.report.message(&payload);
        self.record(Happening::Message { from, to: path.remote, payload: payload.clone() });
        let verdict = self.checker.saw(self.now, from, path.remote, &payload);
        self.network.send(self.now, from, path.remote, payload);
        verdict
    }

    /// Where everything gets through in the end, who is in a call knows when the other has left it: nobody needs more
    /// than 64·T1 to say so.
    pub(super) fn left_alone(&self) -> Result<(), Violation> {
        let since = |at: &Option<Instant>| at.is_some_and(|at| self.now > at + Duration::from_secs(33));
        for (number, (told, ended)) in self.told.iter().zip(&self.ended_at).enumerate() {
            let alone = match ended {
                [left, None] => since(left) && told[1].incoming,
                [None, left] => since(left),
                _ => false,
            };
            if alone && self.mix.arrives() {
                let detail = format!("call {number}: {told:?}");
                return Err(self.broken("nobody is left alone in a call", detail));
            }
        }
        Ok(())
    }

    fn sum_up(&mut self) {
        let begun: Vec<bool> = self
            .goals
            .iter()
            .zip(&self.dialled)
            .map(|(goal, by)| goal.of.is_none() || by.is_some())
            .collect();
        self.report.sum_up(&self.goals, &self.told, &begun, &self.mix, self.now);
        self.report.fates.add(self.network.fates());
        for endpoint in &self.endpoints {
            self.report.cells.merge(endpoint.core.cells_visited());
        }
    }

    fn fail(self, violation: Violation) -> Box<Failure> {
        let mut parties = Vec::new();
        for (number, endpoint) in self.endpoints.iter().enumerate() {
            for ip in [address(number as u8), endpoint.ip] {
                parties.push((SocketAddr::new(ip, SIP_PORT), name(number)));
            }
        }
        parties.push((attack::ADDRESS, "mallory"));
        Box::new(Failure {
            seed: self.seed,
            violation,
            goals: self.goals.to_vec(),
            mix: self.mix,
            attack: self.attack,
            parties,
            story: self.log.into(),
        })
    }
}

/// Where an endpoint is at first.
fn address(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, number + 1))
}

pub(super) fn name(number: usize) -> &'static str {
    NAMES.get(number).copied().unwrap_or("somebody")
}
