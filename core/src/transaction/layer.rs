//! The layer: all transactions, their timers and how they are found (RFC 3261 section 17).

use core::time::Duration;

use bytes::Bytes;

use super::budget::{Budget, Room};
use super::copy;
pub(crate) use super::entry::{Role, Transaction};
use super::table::{Effect, Input, Kind, State, find, step};
use super::timing::{Lane, Timer, Timing};
use crate::base::index::{DigestKey, Index};
use crate::base::rng::Rng;
use crate::base::slab::{Slab, key};
use crate::base::time::Instant;
use crate::base::timers::Timers;
use crate::wire::{Path, ReplyHead, Transmit};

key! {
    /// Names one client or server transaction.
    TransactionId, "tx"
}

/// What time brought to a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TxEvent {
    /// Nothing that the user must know.
    None,
    /// No final response came in time (Timers B and F): a 408 for the user (section 8.1.3.1). The id is stale now, but that of
    /// an INVITE: every 2xx that still comes is told.
    ClientTimeout(TransactionId),
    /// The remote cannot be reached: a 503 for the user (section 8.1.3.1). The id is stale now, but that of an INVITE: every 2xx
    /// that still comes is told.
    ClientUnreachable(TransactionId),
    /// The ACK of a failure response never came (Timer H). The id is stale now.
    AckNeverCame(TransactionId),
    /// The transaction is over and the id stale now.
    Gone(TransactionId),
}

/// How often something happened that nobody else is told of.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct TransactionCounters {
    /// Requests that came again and were answered or swallowed, and ACKs of failure responses.
    pub absorbed: u64,
    /// Messages sent again by a timer or for a request that came again.
    pub repeated: u64,
    /// Messages which the state of their transaction has no use for.
    pub dropped: u64,
    /// Responses that belong to no transaction (section 18.1.2).
    pub stray: u64,
    /// Messages that were not sent, or not again, because nobody has shown yet that he is there who should get them.
    pub held_back: u64,
    /// Requests for which there was no room: as many transactions as there may be.
    pub full: u64,
    /// Requests for which there was no room: transactions keep as many octets as they may.
    pub octets_full: u64,
    /// Requests for which there was no room: their source has its share.
    pub share_full: u64,
}

pub(crate) fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

/// The transaction layer of one coordinator.
pub struct TransactionLayer {
    pub(crate) timing: Timing,
    pub(crate) wire: Rng,
    pub(crate) digests: DigestKey,
    pub(crate) transactions: Slab<TransactionId, Transaction>,
    /// Server transactions by what section 17.2.3 compares. Client transactions are found without a map.
    pub(crate) servers: Index<TransactionId>,
    /// What all of them keep.
    pub(crate) budget: Budget,
    /// The first of the client transactions that a failing remote would end.
    pub(crate) remotes: Index<TransactionId>,
    pub(crate) timers: Timers<(TransactionId, Timer)>,
    pub(crate) counters: TransactionCounters,
    ended_owner: u64,
}

impl TransactionLayer {
    /// An empty layer.
    pub fn new(timing: Timing, room: Room, wire: Rng, secret: &mut Rng) -> Self {
        Self {
            timing,
            wire,
            digests: DigestKey::new(secret),
            transactions: Slab::new(room.transactions_max),
            servers: Index::new(),
            budget: Budget::new(room),
            remotes: Index::new(),
            timers: Timers::new(room.transactions_max.saturating_mul(2)),
            counters: TransactionCounters::default(),
            ended_owner: 0,
        }
    }

    /// Number of transactions.
    pub const fn len(&self) -> usize {
        self.transactions.len()
    }

    /// Whether there is no transaction.
    pub const fn is_empty(&self) -> bool {
        self.transactions.is_empty()
    }

    /// The octets that they keep, as they are charged.
    pub const fn octets(&self) -> usize {
        self.budget.octets
    }

    /// Counters since the start.
    pub const fn counters(&self) -> &TransactionCounters {
        &self.counters
    }

    /// The machine and the state of `tx`.
    pub fn state(&self, tx: TransactionId) -> Option<(Kind, State)> {
        self.transactions.get(tx).map(|transaction| (transaction.kind, transaction.state))
    }

    /// The request that client transaction `tx` sent, until [`Self::forget_message`].
    pub fn message(&self, tx: TransactionId) -> Option<&Bytes> {
        let transaction = self.transactions.get(tx)?;
        transaction.client().and(transaction.last.as_ref())
    }

    /// Where the messages of `tx` go.
    pub fn path(&self, tx: TransactionId) -> Option<Path> {
        self.transactions.get(tx)?.path
    }

    /// What the responses of server transaction `tx` copy; gone once the final response is sent.
    pub fn reply_head(&self, tx: TransactionId) -> Option<&ReplyHead> {
        match &self.transactions.get(tx)?.role {
            Role::Server(server) => server.head.as_ref(),
            Role::Client(_) => None,
        }
    }

    /// The user's own mark on client transaction `tx`, zero unless [`Self::set_owner`] was called.
    pub fn owner(&self, tx: TransactionId) -> Option<u64> {
        self.transactions.get(tx)?.client().map(|client| client.owner)
    }

    /// Marks client transaction `tx` as belonging to `owner`.
    pub fn set_owner(&mut self, tx: TransactionId, owner: u64) {
        if let Some(client) = self.transactions.get_mut(tx).and_then(Transaction::client_mut) {
            client.owner = owner;
        }
    }

    /// The mark of the transaction that the last [`TxEvent`] named, zero if it had none.
    pub const fn ended_owner(&self) -> u64 {
        self.ended_owner
    }

    /// Removes `tx` without a word: begun but never sent, or of no more interest.
    pub fn abandon(&mut self, tx: TransactionId) {
        self.remove(tx);
    }

    /// When the next timer is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Handles one due timer; `None` if none is due. To be called until then.
    pub fn handle_timeout(&mut self, now: Instant, send: &mut dyn FnMut(Transmit)) -> Option<TxEvent> {
        let (tx, timer) = self.timers.pop_due(now)?;
        let owner = self.owner(tx).unwrap_or(0);
        if let Some(transaction) = self.transactions.get_mut(tx) {
            *transaction.lane(timer.lane()) = None;
        }
        let told = self.run(now, tx, Input::Fired(timer), None, send);
        self.ended_owner = owner;
        Some(match told {
            Some(Effect::TellTimeout) => TxEvent::ClientTimeout(tx),
            Some(Effect::TellUnreachable) => TxEvent::ClientUnreachable(tx),
            Some(Effect::TellNoAck) => TxEvent::AckNeverCame(tx),
            _ if self.transactions.get(tx).is_some() => TxEvent::None,
            _ => TxEvent::Gone(tx),
        })
    }

    /// Takes the step that the table has for `input`, and returns what the user is to be told.
    ///
    /// `message` is what the row sends, if the row sends something new.
    pub(crate) fn run(
        &mut self,
        now: Instant,
        tx: TransactionId,
        input: Input,
        message: Option<Bytes>,
        send: &mut dyn FnMut(Transmit),
    ) -> Option<Effect> {
        let transaction = self.transactions.get_mut(tx)?;
        let (effects, next) = step(transaction.kind, transaction.state, input);
        transaction.state = next;
        let mut message = message;
        let mut told = None;
        for &effect in effects {
            match effect {
                Effect::Start(timer) => {
                    let delay = self.timing.first(timer, transaction.reliable);
                    start(&mut self.timers, tx, transaction, timer, now, delay);
                }
                Effect::Again(timer) => {
                    let delay = self.timing.again(timer, transaction.interval);
                    start(&mut self.timers, tx, transaction, timer, now, Some(delay));
                }
                Effect::AgainT2(timer) => {
                    start(&mut self.timers, tx, transaction, timer, now, Some(self.timing.t2));
                }
                Effect::Stop(timer) => start(&mut self.timers, tx, transaction, timer, now, None),
                Effect::Transmit
                | Effect::Send100
                | Effect::SendAck
                | Effect::Repeat
                | Effect::RepeatAck
                | Effect::Forget => transaction.emit(effect, &mut message, &mut self.counters, send),
                Effect::Drop => {
                    count(&mut self.counters.dropped);
                    told = Some(effect);
                }
                Effect::TellRequest
                | Effect::TellAck
                | Effect::TellProvisional
                | Effect::TellSuccess
                | Effect::TellFailure
                | Effect::TellTimeout
                | Effect::TellUnreachable
                | Effect::TellNoAck
                | Effect::Refuse => told = Some(effect),
            }
        }
        if let Role::Server(server) = &mut transaction.role
            && !matches!(next, State::Idle | State::Trying | State::Proceeding)
        {
            // The final response is kept as it went out, and no further one is built.
            server.head = None;
        }
        if next == State::Terminated {
            self.remove(tx);
        } else {
            self.settle(tx);
            self.watch_remote(tx);
        }
        told
    }

    /// Stores a transaction and charges what it keeps; `None` when there are as many as there may be.
    pub(crate) fn insert(&mut self, mut transaction: Transaction) -> Option<TransactionId> {
        let (source, octets) = (transaction.source, transaction.weight());
        transaction.charged = u32::try_from(octets).unwrap_or(u32::MAX);
        let charged = transaction.charged;
        let tx = self.transactions.insert(transaction)?;
        self.budget.charge(source, charged as usize);
        Some(tx)
    }

    /// Charges `tx` with what it keeps now.
    pub(crate) fn settle(&mut self, tx: TransactionId) {
        let Some(transaction) = self.transactions.get_mut(tx) else { return };
        let octets = u32::try_from(transaction.weight()).unwrap_or(u32::MAX);
        let before = core::mem::replace(&mut transaction.charged, octets);
        if before != octets {
            self.budget.recharge(transaction.source, before as usize, octets as usize);
        }
    }

    pub(crate) fn remove(&mut self, tx: TransactionId) {
        self.unwatch_remote(tx);
        let Some(transaction) = self.transactions.remove(tx) else {
            return;
        };
        self.budget.release(transaction.source, transaction.charged as usize);
        for key in [transaction.repeat, transaction.end].into_iter().flatten() {
            self.timers.cancel(key);
        }
        if let Role::Server(server) = transaction.role {
            self.servers.remove(server.key);
        }
    }

    /// The ACK or CANCEL of the INVITE that client transaction `tx` sent.
    pub(crate) fn hop_request(
        &self,
        tx: TransactionId,
        method: &str,
        to: Option<&[u8]>,
        lines: &[u8],
    ) -> Option<Bytes> {
        copy::hop_request(self.message(tx)?, method, to, lines)
    }

    /// Whether `input` has a row in the present state of `tx`.
    pub(crate) fn takes(&self, tx: TransactionId, input: Input) -> Option<&'static [Effect]> {
        let transaction = self.transactions.get(tx)?;
        find(transaction.kind, transaction.state, input).map(|row| row.effects)
    }
}

/// Starts `timer` in place of what ran in its lane, or stops that if there is no `delay`.
fn start(
    timers: &mut Timers<(TransactionId, Timer)>,
    tx: TransactionId,
    transaction: &mut Transaction,
    timer: Timer,
    now: Instant,
    delay: Option<Duration>,
) {
    let lane = transaction.lane(timer.lane());
    if let Some(old) = lane.take() {
        timers.cancel(old);
    }
    let Some(delay) = delay else { return };
    *lane = timers.arm(now + delay, (tx, timer));
    if timer.lane() == Lane::Repeat {
        transaction.interval = delay;
    }
}
