//! Which client transactions wait for which remote, so that an unreachable one ends them without a search (RFC 3261 section
//! 17.1.4).

use super::client::{Client, Reach, Watch};
use super::key::Branch;
use super::layer::{Transaction, TransactionId, TransactionLayer};
use super::table::Input;
use super::timing::{Lane, Timer};
use crate::base::index::Digest;
use crate::base::time::Instant;
use crate::wire::{Frame, HeaderName, Path, Via, WireLimits};

impl TransactionLayer {
    /// Takes note that somebody reports that `path.remote` cannot be reached (section 17.1.4). Anybody can forge such a report: a
    /// client transaction that waits for the remote ends with the next call of [`Self::handle_timeout`] if it has been
    /// reported before, has been sent again since, and no response comes before that. A connection needs no second report.
    ///
    /// A call that rings there goes on: it sends nothing, so nothing of it has failed.
    pub fn transport_failed(&mut self, now: Instant, path: &Path) {
        let mut waiting = self.remotes.get(self.remote_digest(path));
        while let Some(tx) = waiting {
            let Some(transaction) = self.transactions.get(tx) else {
                return;
            };
            waiting = transaction.client().and_then(|client| client.watch).and_then(|watch| watch.next);
            let reliable = transaction.reliable;
            match self.transactions.get_mut(tx).and_then(Transaction::client_mut) {
                Some(client) if client.reach == Reach::Open && !reliable => client.reach = Reach::Doubted,
                Some(client) if client.reach == Reach::Tried || reliable => self.end_unreachable(now, tx),
                _ => {}
            }
        }
    }

    /// Takes note that `message` could not be sent (section 17.1.4): if it is the request of a client transaction, that one
    /// ends with the next call of [`Self::handle_timeout`]. A response or an ACK that fails ends nothing (section 17.2.4).
    pub fn send_failed(&mut self, now: Instant, message: &[u8]) {
        let Ok(frame) = Frame::parse(message, &WireLimits::NONE) else { return };
        let branch =
            frame.is_request().then(|| frame.first(HeaderName::Via).and_then(Via::parse)?.branch).flatten();
        let Some((tx, nonce)) = branch.and_then(Branch::parse) else { return };
        let ours = |client: &Client| client.nonce == nonce && client.watch.is_some();
        let Some(transaction) = self.transactions.get_mut(tx) else { return };
        if transaction.client().is_some_and(ours) {
            self.end_unreachable(now, tx);
        }
    }

    /// Puts the end of `tx` to this moment.
    fn end_unreachable(&mut self, now: Instant, tx: TransactionId) {
        let Some(transaction) = self.transactions.get_mut(tx) else { return };
        debug_assert_eq!(Timer::Unreachable.lane(), Lane::End, "it takes the place of Timer B or F");
        if let Some(old) = transaction.end.take() {
            self.timers.cancel(old);
        }
        transaction.end = self.timers.arm(now, (tx, Timer::Unreachable));
    }

    fn remote_digest(&self, path: &Path) -> Digest {
        let port = path.remote.port().to_be_bytes();
        let transport = path.transport.as_str().as_bytes();
        match path.remote.ip() {
            core::net::IpAddr::V4(ip) => self.digests.digest(&[transport, &ip.octets(), &port]),
            core::net::IpAddr::V6(ip) => self.digests.digest(&[transport, &ip.octets(), &port]),
        }
    }

    /// Enters `tx` into the list of its remote, or takes it out, as its state has it.
    pub(crate) fn watch_remote(&mut self, tx: TransactionId) {
        let Some(transaction) = self.transactions.get(tx) else {
            return;
        };
        let (Some(client), Some(path)) = (transaction.client(), transaction.path) else {
            return;
        };
        let wanted = self.takes(tx, Input::Fired(Timer::Unreachable)).is_some();
        if wanted == client.watch.is_some() {
            return;
        }
        if !wanted {
            self.unwatch_remote(tx);
            return;
        }
        let remote = self.remote_digest(&path);
        let next = self.remotes.get(remote);
        self.remotes.insert(remote, tx);
        self.set_watch(tx, Some(Watch { remote, previous: None, next }));
        if let Some(mut watch) = self.watch(next) {
            watch.previous = Some(tx);
            self.set_watch_of(next, watch);
        }
    }

    /// Takes `tx` out of the list of its remote.
    pub(crate) fn unwatch_remote(&mut self, tx: TransactionId) {
        let Some(Watch { remote, previous, next }) = self.watch(Some(tx)) else {
            return;
        };
        self.set_watch(tx, None);
        if let Some(mut watch) = self.watch(next) {
            watch.previous = previous;
            self.set_watch_of(next, watch);
        }
        match (self.watch(previous), next) {
            (Some(mut watch), _) => {
                watch.next = next;
                self.set_watch_of(previous, watch);
            }
            (None, Some(next)) => self.remotes.insert(remote, next),
            (None, None) => self.remotes.remove(remote),
        }
    }

    fn watch(&self, tx: Option<TransactionId>) -> Option<Watch> {
        self.transactions.get(tx?)?.client()?.watch
    }

    fn set_watch_of(&mut self, tx: Option<TransactionId>, watch: Watch) {
        if let Some(tx) = tx {
            self.set_watch(tx, Some(watch));
        }
    }

    fn set_watch(&mut self, tx: TransactionId, watch: Option<Watch>) {
        if let Some(client) = self.transactions.get_mut(tx).and_then(Transaction::client_mut) {
            client.watch = watch;
        }
    }
}
