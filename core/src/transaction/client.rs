//! Client transactions: we ask (RFC 3261 section 17.1).

use bytes::Bytes;

use super::key::Branch;
use super::layer::{Role, Transaction, TransactionId, TransactionLayer, count};
use super::table::{Effect, Input, Kind, State};
use crate::base::index::Digest;
use crate::base::time::Instant;
use crate::wire::{Facts, Frame, HeaderName, Method, Path, Transmit};

/// What only a client transaction has.
pub(crate) struct Client {
    pub(crate) method: Method,
    /// The secret part of its branch.
    pub(super) nonce: u64,
    /// The ACK of a failure response.
    pub(crate) ack: Option<Bytes>,
    /// The CANCEL of this INVITE. It has the same branch (section 9.1), so its responses are found through the INVITE.
    cancel: Option<TransactionId>,
    pub(crate) owner: u64,
    /// Octets that it and its copies may still have, if nobody has shown that he is there who gets them.
    pub(crate) allowance: Option<u32>,
    /// What the network has said of the remote.
    pub(super) reach: Reach,
    /// Its place among those whom a failing remote would end.
    pub(crate) watch: Option<Watch>,
}

/// Whether the network has reported that nothing takes the request. Anybody can forge one report, so it takes another,
/// of a copy that was sent after the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    /// It has reported nothing, or a response has come since.
    Open,
    /// It has reported so.
    Doubted,
    /// The request has been sent again since.
    Tried,
}

/// A member of the list of client transactions that wait for one remote.
#[derive(Clone, Copy)]
pub(crate) struct Watch {
    pub(crate) remote: Digest,
    pub(crate) previous: Option<TransactionId>,
    pub(crate) next: Option<TransactionId>,
}

/// Which kind of response came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientEventKind {
    /// 1xx.
    Provisional,
    /// 2xx: to an INVITE every one, repeated ones and those of other forks too.
    Success,
    /// The first 3xx to 6xx. The layer has sent the ACK.
    Failure,
}

/// A response that the user of a client transaction must know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientEvent {
    /// The transaction.
    pub tx: TransactionId,
    /// What came.
    pub kind: ClientEventKind,
    /// Its status code.
    pub status: u16,
    /// Whether it is a 2xx to an INVITE that had one before: a repetition, or that of another fork.
    pub again: bool,
}

impl TransactionLayer {
    /// Makes a client transaction for a request of `method`, whose Via must carry the branch.
    ///
    /// `None` when there is no room. A CANCEL needs [`Self::send_cancel`], an ACK for a 2xx
    /// [`Self::stateless_branch`].
    pub fn begin(&mut self, now: Instant, method: Method) -> Option<(TransactionId, Branch)> {
        self.begin_for(now, method, None)
    }

    /// The same for a request that a message of this source causes, which has it in its share.
    pub fn begin_for(
        &mut self,
        _now: Instant,
        method: Method,
        source: Option<Digest>,
    ) -> Option<(TransactionId, Branch)> {
        if source.is_some_and(|source| !self.budget.may_cause(source, self.transactions.len())) {
            count(&mut self.counters.share_full);
            return None;
        }
        let nonce = self.wire.next_u64();
        self.begin_with(method, nonce, source).map(|tx| (tx, Branch::new(tx, nonce)))
    }

    /// Who has caused the request of `tx`, if anybody is charged with it.
    pub fn caused_by(&self, tx: TransactionId) -> Option<Digest> {
        self.transactions.get(tx)?.source
    }

    fn begin_with(&mut self, method: Method, nonce: u64, source: Option<Digest>) -> Option<TransactionId> {
        let kind = if method == Method::Invite { Kind::ClientInvite } else { Kind::ClientOther };
        let client = Client {
            method,
            nonce,
            ack: None,
            cancel: None,
            owner: 0,
            allowance: None,
            reach: Reach::Open,
            watch: None,
        };
        if self.budget.octets >= self.budget.octets_max {
            count(&mut self.counters.octets_full);
            return None;
        }
        self.insert(Transaction { source, ..Transaction::new(kind, Role::Client(client)) })
    }

    /// Makes a client transaction for the CANCEL of `invite`, with the branch of the INVITE (section 9.1).
    ///
    /// `None` when the INVITE is gone or none, has a CANCEL already, or there is no room.
    pub fn begin_cancel(&mut self, _now: Instant, invite: TransactionId) -> Option<(TransactionId, Branch)> {
        let transaction = self.transactions.get(invite)?;
        let client = transaction.client()?;
        let taken = client.cancel.is_some_and(|cancel| self.transactions.get(cancel).is_some());
        if transaction.kind != Kind::ClientInvite || taken {
            return None;
        }
        let nonce = client.nonce;
        let cancel = self.begin_with(Method::Cancel, nonce, None)?;
        if let Some(client) = self.transactions.get_mut(invite).and_then(Transaction::client_mut) {
            client.cancel = Some(cancel);
        }
        Some((cancel, Branch::new(invite, nonce)))
    }

    /// Builds the CANCEL of `invite` and sends it the same way. `None` unless a provisional response has come
    /// and no final one (section 9.1), and where [`Self::begin_cancel`] would not.
    pub fn send_cancel(
        &mut self,
        now: Instant,
        invite: TransactionId,
        lines: &[u8],
        send: &mut dyn FnMut(Transmit),
    ) -> Option<TransactionId> {
        if self.state(invite)? != (Kind::ClientInvite, State::Proceeding) {
            return None;
        }
        let path = self.path(invite)?;
        let message = self.hop_request(invite, Method::Cancel.as_str(), None, lines)?;
        let (cancel, _) = self.begin_cancel(now, invite)?;
        self.send(now, cancel, path, message, send);
        Some(cancel)
    }

    /// A branch for a request without a transaction: the ACK of a 2xx (section 13.2.2.4).
    pub fn stateless_branch(&mut self) -> Branch {
        Branch::stateless(self.wire.next_u32(), self.wire.next_u64())
    }

    /// Sends `message` as the request of client transaction `tx` and starts its machine.
    ///
    /// A transaction that has sent already sends nothing.
    pub fn send(
        &mut self,
        now: Instant,
        tx: TransactionId,
        path: Path,
        message: Bytes,
        send: &mut dyn FnMut(Transmit),
    ) {
        if self.takes(tx, Input::Send).is_none() {
            return;
        }
        if let Some(transaction) = self.transactions.get_mut(tx) {
            transaction.set_path(path);
        }
        self.run(now, tx, Input::Send, Some(message), send);
    }

    /// Lets the request of `tx`, which is yet to be sent, and its copies have so many octets in all, until a response comes.
    pub fn limit(&mut self, tx: TransactionId, octets: u32) {
        if let Some(client) = self.transactions.get_mut(tx).and_then(Transaction::client_mut) {
            client.allowance = Some(octets);
        }
    }

    /// Waits no longer for the final response to an INVITE that was cancelled (section 9.1). A failure that still comes is
    /// acknowledged and a 2xx told.
    pub fn give_up(&mut self, now: Instant, tx: TransactionId) {
        if self.takes(tx, Input::GiveUp).is_some() {
            // The row sends nothing.
            self.run(now, tx, Input::GiveUp, None, &mut |_| {});
        }
    }

    /// Lets go of the message of `tx`, which is over but lingers. A client's request: nobody needs it to build another
    /// one. The 2xx of a server: its ACK has come, so that nobody will repeat it.
    ///
    /// Before the final response nothing happens, the request may have to be sent again. Nor does it to any other
    /// response, which is sent again when the request is.
    pub fn forget_message(&mut self, tx: TransactionId) {
        if let Some(transaction) = self.transactions.get_mut(tx)
            && matches!(
                (transaction.kind, transaction.state),
                (Kind::ClientInvite | Kind::ClientOther | Kind::ServerInvite, State::Accepted)
                    | (Kind::ClientInvite | Kind::ClientOther, State::Completed)
            )
        {
            transaction.last = None;
        }
        self.settle(tx);
    }

    /// Brings a response to its client transaction. `None` if it belongs to none, or changes nothing.
    pub fn receive_response(
        &mut self,
        now: Instant,
        _path: &Path,
        frame: &Frame<'_>,
        facts: &Facts<'_>,
        send: &mut dyn FnMut(Transmit),
    ) -> Option<ClientEvent> {
        let (Some(tx), Some(status)) = (self.find_client(frame, facts), frame.status()) else {
            count(&mut self.counters.stray);
            return None;
        };
        let (input, kind) = match status {
            100..=199 => (Input::Receive1xx, ClientEventKind::Provisional),
            200..=299 => (Input::Receive2xx, ClientEventKind::Success),
            300..=699 => (Input::ReceiveFailure, ClientEventKind::Failure),
            _ => {
                count(&mut self.counters.stray);
                return None;
            }
        };
        if let Some(client) = self.transactions.get_mut(tx).and_then(Transaction::client_mut) {
            client.reach = Reach::Open;
            client.allowance = None;
        }
        let sends_ack = self.takes(tx, input).is_some_and(|effects| effects.contains(&Effect::SendAck));
        let ack = if sends_ack {
            self.hop_request(tx, Method::Ack.as_str(), frame.first(HeaderName::To), &[])
        } else {
            None
        };
        let again = self.state(tx) == Some((Kind::ClientInvite, State::Accepted));
        match self.run(now, tx, input, ack, send) {
            Some(Effect::TellProvisional | Effect::TellSuccess | Effect::TellFailure) => {
                Some(ClientEvent { tx, kind, status, again })
            }
            _ => None,
        }
    }

    /// The client transaction whose branch this response carries (section 17.1.3), before anything is made of it.
    pub fn client_of(&self, frame: &Frame<'_>, facts: &Facts<'_>) -> Option<TransactionId> {
        self.find_client(frame, facts)
    }

    /// The transaction whose branch and method the response has (section 17.1.3), if its only Via is ours (sections
    /// 8.1.3.3 and 18.1.2).
    fn find_client(&self, frame: &Frame<'_>, facts: &Facts<'_>) -> Option<TransactionId> {
        if frame.values(HeaderName::Via).take(2).count() != 1 {
            return None;
        }
        let (tx, nonce) = Branch::parse(facts.via.branch?)?;
        let client = self.transactions.get(tx)?.client()?;
        if client.nonce != nonce {
            return None;
        }
        let tx = match facts.cseq_method {
            Method::Cancel if client.method == Method::Invite => client.cancel?,
            _ => tx,
        };
        let client = self.transactions.get(tx)?.client()?;
        (client.method == facts.cseq_method && client.nonce == nonce).then_some(tx)
    }
}
