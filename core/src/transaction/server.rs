//! Server transactions: we are asked (RFC 3261 section 17.2).

use core::net::IpAddr;

use super::budget::{Causer, Shortage};
use super::key::{RequestKey, has_cookie};
use super::layer::{Role, Transaction, TransactionId, TransactionLayer, count};
use super::table::{Effect, Input, Kind, State};
use super::tally::Tally;
use crate::base::index::Digest;
use crate::base::time::Instant;
use crate::wire::{Facts, Frame, Method, Path, ReplyHead, StartLine, Transmit, WireLimits, reply_path};

/// What only a server transaction has.
pub(crate) struct Server {
    pub(crate) key: Digest,
    /// The number of the request.
    cseq: u32,
    /// What responses copy; `None` after the final one.
    pub(crate) head: Option<ReplyHead>,
    /// What it makes us send.
    pub(crate) tally: Tally,
}

/// What a request turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Received {
    /// A request that is not known: to be taken with [`TransactionLayer::open`], or answered without a transaction.
    New(Arrival),
    /// A request that came again, answered or swallowed, or an ACK for a failure response.
    Absorbed,
    /// An ACK for a 2xx, or for nothing we know: the dialog decides.
    Ack,
    /// A request with the branch of another one, which is not over: to be answered 400 without a transaction (section 8.1.1.7).
    BranchTaken,
}

/// A request that has no transaction yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    key: Digest,
    method: Method,
    /// The INVITE that a CANCEL is for, if that has a transaction; without one the answer is 481 (section 9.2).
    pub invite: Option<TransactionId>,
}

/// A response, as far as it does not come from the request.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// 100 to 699.
    pub status: u16,
    /// The reason phrase.
    pub reason: &'a str,
    /// Our tag, if the request's To had none.
    pub to_tag: Option<&'a [u8]>,
    /// Whether Record-Route is copied (section 12.1.1).
    pub record_route: bool,
    /// Further headers.
    pub extra: &'a [(&'a str, &'a [u8])],
    /// Content type and body.
    pub body: Option<(&'a str, &'a [u8])>,
}

impl TransactionLayer {
    /// Brings a request to its server transaction, if it has one.
    pub fn receive_request(
        &mut self,
        now: Instant,
        frame: &Frame<'_>,
        facts: &Facts<'_>,
        send: &mut dyn FnMut(Transmit),
    ) -> Received {
        let StartLine::Request { method, method_text, uri } = frame.start() else {
            count(&mut self.counters.dropped);
            return Received::Absorbed;
        };
        let request = RequestKey { facts, uri };
        if method == Method::Ack {
            return self.receive_ack(now, request, send);
        }
        let key = request.digest(&self.digests, method_text, facts.to_tag);
        if let Some(tx) = self.servers.get(key) {
            if self.cseq(tx) != Some(facts.cseq) {
                count(&mut self.counters.dropped);
                return Received::BranchTaken;
            }
            count(&mut self.counters.absorbed);
            if let Some(Role::Server(server)) = self.transactions.get_mut(tx).map(|it| &mut it.role) {
                server.tally.received(frame.bytes().len());
            }
            self.run(now, tx, Input::Request, None, send);
            return Received::Absorbed;
        }
        let invite = match method {
            Method::Cancel => self.servers.get(request.invite(&self.digests, facts.to_tag)),
            _ => None,
        };
        Received::New(Arrival { key, method, invite })
    }

    /// Makes the transaction of a request, to be answered with [`TransactionLayer::respond`].
    ///
    /// Unless no share is kept of who causes it, or he is proven to be there, what it makes us send is bounded: see
    /// [`TransactionLayer::prove`].
    ///
    /// # Errors
    /// There is no room: the caller may answer 503 without a transaction.
    pub fn open(
        &mut self,
        now: Instant,
        arrival: Arrival,
        causer: &Causer,
        path: &Path,
        frame: &Frame<'_>,
        facts: &Facts<'_>,
    ) -> Result<TransactionId, Shortage> {
        let opened = match self.transactions.is_full() {
            true => Err(Shortage::Number),
            false => {
                let proven = causer.proven || causer.source.is_none();
                let transaction = new_server(arrival, proven, path, frame, facts);
                self.open_within_budget(now, arrival, causer, transaction)
            }
        };
        if let Err(shortage) = opened {
            shortage.count(&mut self.counters);
        }
        opened
    }

    /// The same, whatever room there is: for what is answered at once and forgotten with [`TransactionLayer::abandon`]. `None`
    /// if there are as many transactions as there may be.
    pub fn open_at_once(
        &mut self,
        now: Instant,
        arrival: Arrival,
        path: &Path,
        frame: &Frame<'_>,
        facts: &Facts<'_>,
    ) -> Option<TransactionId> {
        self.begin_server(now, arrival, new_server(arrival, true, path, frame, facts))
    }

    /// Whether a request belongs to a server transaction that there is.
    pub fn knows(&self, frame: &Frame<'_>, facts: &Facts<'_>) -> bool {
        let StartLine::Request { method_text, uri, .. } = frame.start() else { return false };
        let key = RequestKey { facts, uri }.digest(&self.digests, method_text, facts.to_tag);
        self.servers.get(key).is_some()
    }

    fn open_within_budget(
        &mut self,
        now: Instant,
        arrival: Arrival,
        causer: &Causer,
        mut transaction: Transaction,
    ) -> Result<TransactionId, Shortage> {
        // A response repeats the head.
        let response = match &transaction.role {
            Role::Server(server) => server.head.as_ref().map_or(0, ReplyHead::octets),
            Role::Client(_) => 0,
        };
        let octets = transaction.weight().saturating_add(response);
        transaction.source = self.budget.charges(causer, self.servers.len(), octets)?;
        self.begin_server(now, arrival, transaction).ok_or(Shortage::Number)
    }

    fn begin_server(
        &mut self,
        now: Instant,
        arrival: Arrival,
        transaction: Transaction,
    ) -> Option<TransactionId> {
        let tx = self.insert(transaction)?;
        self.servers.insert(arrival.key, tx);
        // The row tells of the request, and sends nothing.
        self.run(now, tx, Input::Request, None, &mut |_| {});
        Some(tx)
    }

    /// The INVITE transaction that a request with this topmost Via would be of.
    pub fn invite_of(&self, frame: &Frame<'_>, facts: &Facts<'_>) -> Option<TransactionId> {
        let StartLine::Request { uri, .. } = frame.start() else { return None };
        self.servers.get(RequestKey { facts, uri }.invite(&self.digests, None))
    }

    /// The number of the request that server transaction `tx` is for.
    fn cseq(&self, tx: TransactionId) -> Option<u32> {
        match &self.transactions.get(tx)?.role {
            Role::Server(server) => Some(server.cseq),
            Role::Client(_) => None,
        }
    }

    fn receive_ack(&mut self, now: Instant, ack: RequestKey<'_>, send: &mut dyn FnMut(Transmit)) -> Received {
        let Some(tx) = self.find_acknowledged(ack) else {
            return Received::Ack;
        };
        match self.run(now, tx, Input::Ack, None, send) {
            Some(Effect::TellAck) => Received::Ack,
            _ => {
                count(&mut self.counters.absorbed);
                Received::Absorbed
            }
        }
    }

    /// The INVITE transaction that an ACK matches (section 17.2.3).
    ///
    /// The ACK of an RFC 2543 peer has the To tag of our response, the INVITE had none or, in a dialog, the same.
    fn find_acknowledged(&self, ack: RequestKey<'_>) -> Option<TransactionId> {
        if has_cookie(&ack.facts.via) {
            return self.servers.get(ack.invite(&self.digests, None));
        }
        let tag = ack.facts.to_tag;
        if let Some(tx) = self.servers.get(ack.invite(&self.digests, tag)) {
            return Some(tx);
        }
        let tx = self.servers.get(ack.invite(&self.digests, None))?;
        self.answered_with(tx, tag).then_some(tx)
    }

    /// Whether the last response of `tx` has this To tag; one that is forgotten was acknowledged before.
    fn answered_with(&self, tx: TransactionId, tag: Option<&[u8]>) -> bool {
        let last = self.transactions.get(tx).and_then(|transaction| transaction.last.as_ref());
        let Some(response) = last else { return true };
        let Ok(frame) = Frame::parse(response, &WireLimits::default()) else {
            return false;
        };
        frame.facts().is_ok_and(|facts| facts.to_tag == tag)
    }

    /// Sends a response in server transaction `tx`; `false` if it is gone or not in a state for it.
    pub fn respond(
        &mut self,
        now: Instant,
        tx: TransactionId,
        reply: Reply<'_>,
        send: &mut dyn FnMut(Transmit),
    ) -> bool {
        let input = match reply.status {
            100..=199 => Input::Send1xx,
            200..=299 => Input::Send2xx,
            300..=699 => Input::SendFailure,
            _ => return false,
        };
        if self.takes(tx, input).is_none() {
            return false;
        }
        let Some(head) = self.reply_head(tx) else {
            return false;
        };
        let Reply { status, reason, to_tag, record_route, extra, body } = reply;
        let message = head.respond(status, reason, to_tag, record_route, extra, body);
        self.run(now, tx, input, Some(message), send);
        true
    }

    /// Takes note that whoever sent the request of `tx` from this address is there.
    pub fn prove(&mut self, tx: TransactionId, from: IpAddr) {
        if let Some(transaction) = self.transactions.get_mut(tx)
            && transaction.path.is_some_and(|path| path.remote.ip() == from)
            && let Role::Server(server) = &mut transaction.role
        {
            server.tally.prove();
        }
    }

    /// Octets that may still be sent because of the request of `tx`, as long as nobody has shown that he is there.
    pub fn left(&self, tx: TransactionId) -> u32 {
        match self.transactions.get(tx).map(|transaction| &transaction.role) {
            Some(Role::Server(server)) => server.tally.left(),
            _ => 0,
        }
    }

    /// Repeats the last provisional response to an INVITE, as its user must until the PRACK of a reliable one comes (RFC
    /// 3262 section 3); `false` if there is none.
    pub fn resend_provisional(&mut self, tx: TransactionId, send: &mut dyn FnMut(Transmit)) -> bool {
        let Self { transactions, counters, .. } = self;
        let Some(transaction) = transactions.get_mut(tx) else { return false };
        if (transaction.kind, transaction.state) != (Kind::ServerInvite, State::Proceeding) {
            return false;
        }
        let sent = transaction.repeat_last(counters, send);
        if sent {
            count(&mut counters.repeated);
        }
        sent
    }

    /// Repeats the 2xx to an INVITE, as its user must until the ACK comes (section 13.3.1.4); `false` if there is none.
    pub fn resend_response(&mut self, tx: TransactionId, send: &mut dyn FnMut(Transmit)) -> bool {
        if self.takes(tx, Input::Repeat2xx).is_none() {
            return false;
        }
        // The row starts no timer, so it needs no time.
        self.run(Instant::ZERO, tx, Input::Repeat2xx, None, send);
        true
    }
}

fn new_server(
    arrival: Arrival,
    proven: bool,
    path: &Path,
    frame: &Frame<'_>,
    facts: &Facts<'_>,
) -> Transaction {
    let Arrival { key, method, .. } = arrival;
    let kind = if method == Method::Invite { Kind::ServerInvite } else { Kind::ServerOther };
    let head = Some(ReplyHead::new(frame, Some(facts), path));
    let tally = Tally::new(frame.bytes().len(), proven);
    let server = Server { key, cseq: facts.cseq, head, tally };
    let mut transaction = Transaction::new(kind, Role::Server(server));
    transaction.set_path(reply_path(&facts.via, path));
    transaction
}
