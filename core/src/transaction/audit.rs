//! What must hold of the transactions between two inputs.

use alloc::collections::BTreeMap;
use alloc::format;

use super::budget::Holding;
use super::layer::{Role, Transaction, TransactionId, TransactionLayer};
use super::table::{Input, Kind, State};
use super::timing::{Lane, Timer};
use crate::base::index::Digest;
use crate::base::violation::{Violation, ensure};

const MODULE: &str = "transaction";

impl TransactionLayer {
    /// Transactions that no timer of their own ends: their user must.
    pub(crate) fn endless(&self) -> impl Iterator<Item = (TransactionId, Kind, State)> {
        let endless = self.transactions.iter().filter(|(_, transaction)| transaction.end.is_none());
        endless.map(|(tx, transaction)| (tx, transaction.kind, transaction.state))
    }

    /// Every transaction of this kind.
    pub(crate) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (TransactionId, State)> {
        let all = self.transactions.iter().filter(move |(_, transaction)| transaction.kind == kind);
        all.map(|(tx, transaction)| (tx, transaction.state))
    }

    /// Indexes and timers point at live transactions and these at them; what is not left to a user ends by itself.
    pub(crate) fn audit(&self) -> Result<(), Violation> {
        ensure(self.timers.is_sound(), MODULE, "the heap of timers is sound", || {
            format!("{}", self.timers.len())
        })?;
        let (mut servers, mut heads, mut octets) = (0, 0, 0);
        let mut held: BTreeMap<[u8; 32], (Digest, Holding)> = BTreeMap::new();
        for (tx, transaction) in self.transactions.iter() {
            let over = transaction.state == State::Terminated;
            ensure(!over, MODULE, "what is over is gone", || format!("{tx}"))?;
            let (charged, weight) = (transaction.charged as usize, transaction.weight());
            let rule = "a transaction is charged with what it keeps";
            ensure(charged == weight, MODULE, rule, || format!("{tx}: {charged} instead of {weight}"))?;
            octets += charged;
            if let Some(source) = transaction.source {
                let (_, holding) = held.entry(source.text()).or_insert_with(|| (source, Holding::default()));
                holding.count += 1;
                holding.octets += u64::from(transaction.charged);
            }
            match &transaction.role {
                Role::Server(server) => {
                    servers += 1;
                    let found = self.servers.get(server.key);
                    let rule = "a server transaction can be found";
                    ensure(found == Some(tx), MODULE, rule, || format!("{tx}: {found:?}"))?;
                }
                Role::Client(_) => heads += usize::from(self.audit_watch(tx, transaction)?),
            }
            self.audit_lanes(tx, transaction)?;
            let waits = matches!(
                (transaction.kind, transaction.state),
                (_, State::Idle) | (Kind::ClientInvite | Kind::ServerInvite, State::Proceeding)
            );
            let rule = "a transaction that waits for nobody ends by itself";
            ensure(waits || transaction.end.is_some(), MODULE, rule, || {
                format!("{tx}: {:?} {:?}", transaction.kind, transaction.state)
            })?;
        }
        let indexed = (self.servers.len(), self.remotes.len());
        ensure(indexed == (servers, heads), MODULE, "an index holds live transactions only", || {
            format!("{indexed:?} instead of {:?}", (servers, heads))
        })?;
        for (key, (tx, timer)) in self.timers.iter() {
            let transaction = self.transactions.get(tx);
            let held = transaction.and_then(|transaction| match timer.lane() {
                Lane::Repeat => transaction.repeat,
                Lane::End => transaction.end,
            });
            ensure(held == Some(key), MODULE, "a timer is of a live transaction", || {
                format!("{tx} {timer:?}")
            })?;
        }
        let budget = &self.budget;
        let fits = held.values().all(|&(source, holding)| budget.held.of(source) == holding)
            && budget.held.sources() == held.len();
        ensure(fits, MODULE, "what a source holds is of live transactions", || format!("{held:?}"))?;
        ensure(octets == budget.octets, MODULE, "the budget is that of live transactions", || {
            format!("{} instead of {octets}", budget.octets)
        })?;
        ensure(servers <= budget.servers_max, MODULE, "bounds are kept", || format!("{servers} servers"))
    }

    fn audit_lanes(&self, tx: TransactionId, transaction: &Transaction) -> Result<(), Violation> {
        for (lane, key) in [(Lane::Repeat, transaction.repeat), (Lane::End, transaction.end)] {
            let Some(key) = key else { continue };
            let armed = self.timers.get(key).map(|(_, payload)| payload);
            let fits = armed.is_some_and(|(owner, timer)| owner == tx && timer.lane() == lane);
            ensure(fits, MODULE, "a transaction's timer is armed", || format!("{tx} {lane:?}: {armed:?}"))?;
        }
        Ok(())
    }

    /// Whether client transaction `tx` heads the list of its remote.
    fn audit_watch(&self, tx: TransactionId, transaction: &Transaction) -> Result<bool, Violation> {
        let watch = transaction.client().and_then(|client| client.watch);
        let wanted = transaction.path.is_some() && self.takes(tx, Input::Fired(Timer::Unreachable)).is_some();
        let rule = "who waits for a remote is in its list";
        ensure(wanted == watch.is_some(), MODULE, rule, || format!("{tx}"))?;
        let Some(watch) = watch else { return Ok(false) };
        let watch_of = |tx: TransactionId| self.transactions.get(tx)?.client()?.watch;
        let before = match watch.previous {
            Some(previous) => watch_of(previous).and_then(|watch| watch.next),
            None => self.remotes.get(watch.remote),
        };
        let after = watch.next.map(|next| watch_of(next).and_then(|watch| watch.previous));
        let linked = before == Some(tx) && after.is_none_or(|after| after == Some(tx));
        ensure(linked, MODULE, "the list of a remote is linked both ways", || format!("{tx}"))?;
        Ok(watch.previous.is_none())
    }
}
