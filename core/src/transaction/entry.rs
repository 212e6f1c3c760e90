//! One transaction: what it is, what it keeps, and what it sends.

use core::time::Duration;

use bytes::Bytes;

use super::client::{Client, Reach};
use super::layer::{TransactionCounters, count};
use super::server::Server;
use super::table::{Effect, Kind, State};
use super::timing::Lane;
use crate::base::index::Digest;
use crate::base::timers::TimerKey;
use crate::wire::{Path, ReplyHead, Transmit};

pub(crate) enum Role {
    Client(Client),
    Server(Server),
}

pub(crate) struct Transaction {
    pub(crate) kind: Kind,
    pub(crate) state: State,
    pub(crate) role: Role,
    /// Where its messages go; a client transaction has none before it sends.
    pub(crate) path: Option<Path>,
    /// Whether the transport repeats what is lost, so that we need not.
    pub(crate) reliable: bool,
    /// The request of a client, the last response of a server.
    pub(crate) last: Option<Bytes>,
    pub(crate) repeat: Option<TimerKey>,
    pub(crate) end: Option<TimerKey>,
    pub(super) interval: Duration,
    /// Who is charged with it, a source or a dialog; `None` for our own and those of trusted sources.
    pub(crate) source: Option<Digest>,
    /// The octets that it is charged with.
    pub(crate) charged: u32,
}

/// What a transaction needs beside its messages: its slot, those of its timers, and what finds it and its user.
const OVERHEAD: usize = size_of::<Transaction>() + 256;

impl Transaction {
    pub(crate) const fn new(kind: Kind, role: Role) -> Self {
        Self {
            kind,
            state: State::Idle,
            role,
            path: None,
            reliable: false,
            last: None,
            repeat: None,
            end: None,
            interval: Duration::ZERO,
            source: None,
            charged: 0,
        }
    }

    /// The octets that it keeps.
    pub(crate) fn weight(&self) -> usize {
        let extra = match &self.role {
            Role::Client(client) => client.ack.as_ref().map_or(0, Bytes::len),
            Role::Server(server) => server.head.as_ref().map_or(0, ReplyHead::octets),
        };
        OVERHEAD.saturating_add(extra).saturating_add(self.last.as_ref().map_or(0, Bytes::len))
    }

    pub(crate) const fn client(&self) -> Option<&Client> {
        match &self.role {
            Role::Client(client) => Some(client),
            Role::Server(_) => None,
        }
    }

    pub(crate) const fn client_mut(&mut self) -> Option<&mut Client> {
        match &mut self.role {
            Role::Client(client) => Some(client),
            Role::Server(_) => None,
        }
    }

    pub(super) const fn lane(&mut self, lane: Lane) -> &mut Option<TimerKey> {
        match lane {
            Lane::Repeat => &mut self.repeat,
            Lane::End => &mut self.end,
        }
    }

    /// Whether a message may go out that has gone out before, or that is not needed; if so, it is charged to whoever asked.
    fn may_send(&mut self, length: usize, counters: &mut TransactionCounters) -> bool {
        let refusal = self.state == State::Completed;
        let may = match &mut self.role {
            Role::Server(server) => server.tally.may_repeat(length, refusal),
            Role::Client(client) => match &mut client.allowance {
                None => true,
                Some(left) => match left.checked_sub(u32::try_from(length).unwrap_or(u32::MAX)) {
                    None => false,
                    Some(rest) => {
                        *left = rest;
                        true
                    }
                },
            },
        };
        if !may {
            count(&mut counters.held_back);
        }
        may
    }

    /// A message has been sent to whoever asked.
    fn note_sent(&mut self, length: usize) {
        if let Role::Server(server) = &mut self.role {
            server.tally.sent(length);
        }
    }

    /// Sends the last message once more, if that is not more than whoever asked may cause.
    pub(crate) fn repeat_last(
        &mut self,
        counters: &mut TransactionCounters,
        send: &mut dyn FnMut(Transmit),
    ) -> bool {
        let length = self.last.as_ref().map_or(0, Bytes::len);
        if length == 0 || !self.may_send(length, counters) {
            return false;
        }
        self.note_sent(length);
        self.transmit(self.last.as_ref(), send)
    }

    /// Says where its messages go.
    pub(crate) fn set_path(&mut self, path: Path) {
        self.path = Some(path);
        self.reliable |= path.transport.is_reliable();
    }

    pub(crate) fn transmit(&self, message: Option<&Bytes>, send: &mut dyn FnMut(Transmit)) -> bool {
        let (Some(path), Some(message)) = (self.path, message) else {
            return false;
        };
        send(Transmit { path, payload: message.clone() });
        true
    }

    /// Sends what `effect` says and keeps what may have to be sent again.
    pub(super) fn emit(
        &mut self,
        effect: Effect,
        message: &mut Option<Bytes>,
        counters: &mut TransactionCounters,
        send: &mut dyn FnMut(Transmit),
    ) {
        let repeated = match effect {
            Effect::Transmit | Effect::Send100 => {
                let said = self.last.take();
                self.last = if effect == Effect::Transmit { message.take() } else { self.trying() };
                let length = self.last.as_ref().map_or(0, Bytes::len);
                // What is said for the first time is due; only what was said before is a repeat, whoever repeats it.
                let is_new = said != self.last && !self.is_bounded();
                if is_new || self.may_send(length, counters) {
                    self.note_sent(length);
                    self.transmit(self.last.as_ref(), send);
                }
                false
            }
            Effect::SendAck => {
                self.transmit(message.as_ref(), send);
                if let Some(client) = self.client_mut() {
                    client.ack = message.take();
                }
                false
            }
            Effect::Repeat => {
                if let Some(client) = self.client_mut()
                    && client.reach == Reach::Doubted
                {
                    client.reach = Reach::Tried;
                }
                self.repeat_last(counters, send)
            }
            Effect::RepeatAck => self.transmit(self.client().and_then(|client| client.ack.as_ref()), send),
            _ => {
                self.last = None;
                false
            }
        };
        if repeated {
            count(&mut counters.repeated);
        }
    }

    /// Whether it asks somebody who may not be there.
    const fn is_bounded(&self) -> bool {
        matches!(self.client(), Some(Client { allowance: Some(_), .. }))
    }

    fn trying(&self) -> Option<Bytes> {
        match &self.role {
            Role::Server(server) => {
                server.head.as_ref().map(|head| head.respond(100, "Trying", None, false, &[], None))
            }
            Role::Client(_) => None,
        }
    }
}
