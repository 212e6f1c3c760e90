//! What happens at a time: what people, the network and strangers do, and how it is done.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use bytes::Bytes;

use super::attack::{self, Attack};
use super::endpoint::Endpoint;
use super::goal::Cancel;
use super::mix::Busy;
use super::story::{Story, name};
use super::wish::{Doing, Early};
use crate::api::{NameFailure, QueryId};
use crate::base::ids::SessionId;
use crate::base::violation::Violation;
use crate::media::MediaSessionId;
use crate::session::Role;
use crate::sim::net::Link;
use crate::wire::Path;

/// Something that happens at a time.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Dial(usize),
    Found(usize, QueryId, SocketAddr),
    Answer(usize, SessionId),
    Reject(usize, SessionId, u16),
    HangUp(usize, SessionId),
    Do(usize, SessionId, Doing),
    Speak(usize, MediaSessionId),
    Cut(IpAddr, IpAddr, bool),
    Uncut,
    Move(usize),
    Lag(Busy),
    Heal,
    GiveUp,
    Flood(u64),
    Send(SocketAddr, Bytes),
}

impl Story {
    pub(super) fn act(&mut self, deed: Deed) -> Result<(), Violation> {
        let now = self.now;
        match deed {
            Deed::Dial(call) => return self.dial(call),
            Deed::Found(number, query, remote) => {
                let Some(endpoint) = self.endpoints.get_mut(number) else { return Ok(()) };
                let local = endpoint.sip();
                let found = match remote.ip().is_unspecified() {
                    true => Err(NameFailure(String::from("no such host"))),
                    false => Ok(Path::udp(local, remote)),
                };
                endpoint.core.handle_names(now, query, found);
                return self.drain(number);
            }
            Deed::Answer(number, session) => {
                return self.command(number, |endpoint| endpoint.core.answer(now, session).is_ok());
            }
            Deed::Reject(number, session, _) if self.hangs_up_early(number, session) => {
                self.note(number, format!("{session}: hangs up before it has answered"));
                return self.command(number, |endpoint| endpoint.core.hangup(now, session).is_ok());
            }
            Deed::Reject(number, session, status) => {
                return self.command(number, |endpoint| endpoint.core.reject(now, session, status).is_ok());
            }
            Deed::HangUp(number, session) => {
                self.note(number, format!("{session}: hangs up"));
                return self.command(number, |endpoint| endpoint.core.hangup(now, session).is_ok());
            }
            Deed::Do(number, session, doing) => return self.carry_out(number, session, doing),
            Deed::Speak(number, media) => {
                let Some(endpoint) = self.endpoints.get_mut(number) else { return Ok(()) };
                if endpoint.speak(now, media, 5) {
                    self.after(Duration::from_millis(100), Deed::Speak(number, media));
                }
                return self.drain(number);
            }
            Deed::Cut(from, to, both) => self.network.partition(from, to, both),
            Deed::Uncut => self.network.heal(),
            Deed::Move(number) => self.relocate(number),
            Deed::Lag(busy) => return self.lag(busy),
            Deed::Heal => {
                self.network.set_default_link(Link::default());
                self.network.heal();
            }
            Deed::GiveUp => return self.give_up(),
            Deed::Flood(left) => {
                let Some(attack) = self.attack else { return Ok(()) };
                for number in 0..self.endpoints.len() {
                    let Some(target) = self.endpoints.get(number).map(Endpoint::sip) else { continue };
                    let payload = attack::flood(attack, target, &mut self.dice);
                    self.network.send(now, attack::ADDRESS, target, payload);
                }
                if left > 1 {
                    self.after(Duration::from_millis(5), Deed::Flood(left - 1));
                }
            }
            Deed::Send(target, payload) => self.network.send(now, attack::ADDRESS, target, payload),
        }
        Ok(())
    }

    pub(super) fn command(
        &mut self,
        number: usize,
        command: impl FnOnce(&mut Endpoint) -> bool,
    ) -> Result<(), Violation> {
        // A command that comes too late is refused, which is as good.
        if let Some(endpoint) = self.endpoints.get_mut(number) {
            self.report.commands_refused += u64::from(!command(endpoint));
        }
        self.drain(number)
    }

    /// Whether who would refuse this call hangs up by BYE instead. What was acknowledged before the answer is more than that
    /// table knows of.
    fn hangs_up_early(&mut self, number: usize, session: SessionId) -> bool {
        let call = self.endpoints.get(number).and_then(|it| it.sessions.get(&session).copied().flatten());
        let Some(call) = call.filter(|_| self.byes_early) else { return false };
        let plain = self.goals.get(call).is_some_and(|goal| goal.early != Early::Media);
        if plain && let Some([_, callee]) = self.told.get_mut(call) {
            callee.byes_early = true;
        }
        plain
    }

    fn dial(&mut self, call: usize) -> Result<(), Violation> {
        let Some(goal) = self.goals.get(call).copied() else { return Ok(()) };
        let Some(callee) = self.endpoints.get(goal.callee).map(|endpoint| endpoint.ip) else { return Ok(()) };
        let Some(caller) = self.endpoints.get_mut(goal.caller) else { return Ok(()) };
        let Some(session) = caller.dial(self.now, &format!("sip:c{call}@{callee}"), goal.patience) else {
            return Err(self.broken("a call can be made", format!("call {call}")));
        };
        caller.sessions.insert(session, Some(call));
        self.note(goal.caller, format!("{session}: dials {}", name(goal.callee)));
        if let Some(dialled) = self.dialled.get_mut(call) {
            *dialled = Some(session);
        }
        if let Cancel::After(delay) = goal.cancel {
            self.after(delay, Deed::HangUp(goal.caller, session));
        }
        self.drain(goal.caller)
    }

    /// A machine that is busy reads a batch, as late as it may be; after the last nothing lies unread.
    fn lag(&mut self, busy: Busy) -> Result<(), Violation> {
        let over = self.now >= busy.at + busy.lasts;
        let lag = if over { Duration::ZERO } else { self.lags.millis(0, busy.most.as_millis() as u64) };
        if let Some(endpoint) = self.endpoints.get_mut(busy.who) {
            endpoint.core.handle_lag(self.now, lag);
        }
        if !over {
            self.after(Duration::from_millis(30), Deed::Lag(busy));
        }
        self.drain(busy.who)
    }

    fn relocate(&mut self, number: usize) {
        let Some(endpoint) = self.endpoints.get_mut(number) else { return };
        let new = IpAddr::V4(Ipv4Addr::new(10, 7, 7, number as u8 + 1));
        self.network.move_host(endpoint.ip, new);
        self.network.set_link(attack::ADDRESS.ip(), new, Link::default());
        endpoint.ip = new;
        self.note(number, format!("is at {new} from now on"));
    }

    /// Everybody who still has a call hangs up; what strangers have left ringing is theirs to time out.
    fn give_up(&mut self) -> Result<(), Violation> {
        self.left_alone()?;
        for number in 0..self.endpoints.len() {
            let Some(endpoint) = self.endpoints.get_mut(number) else { continue };
            let live = endpoint.core.registry().ids().into_iter();
            let live: Vec<SessionId> =
                live.filter(|id| endpoint.sessions.get(id).is_some_and(Option::is_some)).collect();
            for session in live {
                self.act(Deed::HangUp(number, session))?;
            }
            // Calls that no goal asked for are answered and nobody knows why: their owner hangs up too.
            let Some(endpoint) = self.endpoints.get_mut(number) else { continue };
            let ghosts: Vec<SessionId> = endpoint.core.registry().ids();
            let answered = |id: &SessionId| {
                endpoint
                    .core
                    .registry()
                    .session(*id)
                    .is_some_and(|it| it.role() == Role::Uas && it.plan().is_some())
            };
            let ghosts: Vec<SessionId> = ghosts.into_iter().filter(answered).collect();
            for session in ghosts {
                self.act(Deed::HangUp(number, session))?;
            }
        }
        Ok(())
    }

    /// What an attacker on the wire makes of a message that has just arrived at `number`.
    pub(super) fn overheard(&mut self, number: usize, payload: &Bytes) {
        let Some(attack) = self.attack else { return };
        let Some(target) = self.endpoints.get(number).map(Endpoint::sip) else { return };
        match attack {
            Attack::SpoofedBye if !payload.starts_with(b"BYE") => {
                for bye in attack::spoofed_byes(payload, target, &mut self.dice) {
                    let delay = self.dice.millis(0, 3_000);
                    self.after(delay, Deed::Send(target, bye));
                }
            }
            Attack::ReplayedInvite if payload.starts_with(b"INVITE") && !self.attacked => {
                self.attacked = true;
                for _ in 0..10 {
                    let delay = self.dice.millis(0, 40_000);
                    self.after(delay, Deed::Send(target, payload.clone()));
                }
            }
            _ => {}
        }
    }
}
