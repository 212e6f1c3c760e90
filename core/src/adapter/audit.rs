//! What must hold between the parts of a coordinator, between two inputs.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;

use super::switchboard::WAITING_MAX;
use super::{Owner, Parked, Purpose, Switchboard};
use crate::base::ids::SessionId;
use crate::base::index::Digest;
use crate::base::violation::{Violation, ensure};
use crate::registration::{self, Registration};
use crate::registry::Share;
use crate::session::{Session, SessionTimer, State, TRANSFERS_MAX, TransferState};
use crate::transaction::TransactionId;
use crate::transaction::table::{Kind, State as TxState};

const MODULE: &str = "coordinator";

impl Switchboard {
    /// Checks each part, then what they say of each other. Linear in all that lives.
    pub(crate) fn audit(&self) -> Result<(), Violation> {
        self.registry.audit()?;
        self.layer.audit()?;
        self.audit_timers()?;
        for (id, session) in self.registry.sessions() {
            self.audit_session(id, session)?;
        }
        self.audit_owners()?;
        self.audit_endless()?;
        self.audit_waiting()?;
        self.audit_shares()?;
        self.audit_bounds()
    }

    fn audit_timers(&self) -> Result<(), Violation> {
        ensure(self.timers.is_sound(), MODULE, "the heap of timers is sound", || {
            format!("{}", self.timers.len())
        })?;
        for (key, (id, timer)) in self.timers.iter() {
            let held = self.registry.session(id).and_then(|session| *session.timers.get(timer as usize)?);
            let rule = "a timer is of a live session";
            ensure(held == Some(key), MODULE, rule, || format!("{id} {timer:?}"))?;
        }
        for (id, session) in self.registry.sessions() {
            for (timer, key) in SessionTimer::ALL.into_iter().zip(session.timers) {
                let Some(key) = key else { continue };
                let armed = self.timers.get(key).map(|(_, payload)| payload);
                let rule = "a session's timer is armed";
                ensure(armed == Some((id, timer)), MODULE, rule, || format!("{id} {timer:?}: {armed:?}"))?;
            }
        }
        for (key, id) in self.subscription_timers.iter() {
            let held = self.registry.subscription(id).and_then(|subscription| subscription.timer);
            let rule = "a timer is of a live subscription";
            ensure(held == Some(key), MODULE, rule, || format!("{id}"))?;
        }
        for (key, id) in self.registration_timers.iter() {
            let held = self.registry.registration(id).and_then(|registration| registration.timer);
            ensure(held == Some(key), MODULE, "a timer is of a live registration", || format!("{id}"))?;
        }
        let idle = |it: &Registration| it.timer.is_none() && it.request.is_none();
        let mut registrations = self.registry.registrations();
        let idle = registrations.find(|(_, it)| idle(it) && it.phase != registration::Phase::Resolving);
        ensure(idle.is_none(), MODULE, "a registration goes on", || {
            format!("{:?}", idle.map(|(id, it)| (id, it.phase)))
        })?;
        let untimed = self
            .registry
            .subscriptions()
            .find(|(_, it)| it.timer.is_none() && it.phase != crate::subscription::Phase::Resolving);
        ensure(untimed.is_none(), MODULE, "a subscription has a timer", || {
            format!("{:?}", untimed.map(|(id, it)| (id, it.phase)))
        })
    }

    fn audit_session(&self, id: SessionId, session: &Session) -> Result<(), Violation> {
        let state = session.state;
        let talks = matches!(
            state,
            State::Answered | State::Active | State::Reanswered | State::Offering | State::OfferWait
        );
        let whole = !talks || session.dialog.is_some() && session.media.is_some();
        ensure(whole, MODULE, "a call that is up has a dialog and media", || format!("{id} {state:?}"))?;
        let over = matches!(state, State::HangupPending | State::Terminating | State::Terminated);
        let silent = over == session.media.is_none();
        ensure(silent, MODULE, "a call has media until it is over", || format!("{id} {state:?}"))?;
        let told = over == session.end_told;
        ensure(told, MODULE, "the end is told when it comes", || format!("{id} {state:?}"))?;
        let listens = session.listens_until.is_some_and(|until| until >= self.now);
        let lingers =
            state != State::Terminated || session.invite.is_some() || listens || session.offering.is_some();
        ensure(lingers, MODULE, "a session that is over waits for an INVITE only", || format!("{id}"))?;
        self.audit_provisional(id, session)?;
        self.audit_transfers(id, session)?;
        if let Some(invite) = session.invite {
            let named = match self.owners.get(invite) {
                Some(Owner::Invite(owner)) => *owner == id,
                Some(Owner::Incoming { session, .. }) => *session == Some(id),
                _ => false,
            };
            ensure(named, MODULE, "the INVITE of a session works for it", || format!("{id} {invite}"))?;
        }
        Ok(())
    }

    /// Reliable provisional responses (RFC 3262), and what is kept of early dialogs.
    fn audit_provisional(&self, id: SessionId, session: &Session) -> Result<(), Violation> {
        let armed = |timer: SessionTimer| session.timers.get(timer as usize).is_some_and(Option::is_some);
        let timed =
            !session.awaits_prack() || armed(SessionTimer::AnswerRepeat) && armed(SessionTimer::GiveUp);
        let rule = "a reliable response is sent again until its PRACK comes or the time is up";
        ensure(timed, MODULE, rule, || format!("{id}"))?;
        let pending = session.state == State::AnswerPending;
        let held = !pending
            || session.offering.is_some()
            || session.unacknowledged().is_some_and(|sent| sent.described);
        ensure(held, MODULE, "an answer waits for a PRACK or an UPDATE only", || format!("{id}"))?;
        let early = matches!(session.state, State::Ringing | State::AnswerPending);
        let kept = session.provisional.as_ref().is_none_or(|sent| early || sent.waits);
        ensure(kept, MODULE, "what was acknowledged is not kept after the answer", || format!("{id}"))?;
        let dialog = session.dialog.and_then(|id| self.registry.dialog(id));
        let forgot = dialog.is_none_or(|dialog| !dialog.confirmed || dialog.early.is_none());
        ensure(forgot, MODULE, "a dialog that lasts is not early", || format!("{id}"))
    }

    /// Call transfers: how many there are, and that each goes on or comes to an end.
    fn audit_transfers(&self, id: SessionId, session: &Session) -> Result<(), Violation> {
        let Some(transfers) = session.transfers.as_deref() else { return Ok(()) };
        let armed = |timer: SessionTimer| session.timers.get(timer as usize).is_some_and(Option::is_some);
        let waits = |state| transfers.theirs.iter().filter(|it| it.state == state).count();
        let pending = waits(TransferState::Pending);
        let few = pending <= 1 && transfers.theirs.len() <= TRANSFERS_MAX;
        ensure(few, MODULE, "a peer asks for few transfers at a time", || format!("{id} {transfers:?}"))?;
        let rule = "what waits for consent has a deadline";
        ensure((pending == 1) == armed(SessionTimer::Consent), MODULE, rule, || format!("{id}"))?;
        let ours = transfers.ours.as_ref();
        let moves = ours.is_none_or(|ours| match ours.state {
            TransferState::Watching => armed(SessionTimer::Transfer),
            state => state == TransferState::Asking && ours.transaction.is_some_and(|it| self.works(it, id)),
        });
        ensure(moves, MODULE, "a transfer that we ask for comes to an end", || format!("{id} {ours:?}"))?;
        let talks = !session.end_told || ours.is_none() && transfers.theirs.is_empty();
        ensure(talks, MODULE, "nothing is transferred after the end", || format!("{id}"))
    }

    fn works(&self, transaction: TransactionId, id: SessionId) -> bool {
        let owner = self.owners.get(transaction);
        matches!(owner, Some(Owner::Request { session, purpose: Purpose::Refer }) if *session == id)
    }

    /// What came of a request keeps copies of it away. All that does, but for transactions.
    fn audit_merged(&self) -> Result<BTreeSet<[u8; 32]>, Violation> {
        let sessions = self.registry.sessions().filter_map(|(_, session)| session.merged);
        let subscriptions = self.registry.subscriptions().filter_map(|(_, it)| it.merged);
        let mut held = BTreeSet::new();
        for digest in sessions.chain(subscriptions).chain(self.merged.leaving()) {
            let rule = "what came of a request keeps its copies away";
            ensure(self.merged.is_held(digest), MODULE, rule, || format!("{digest:?}"))?;
            held.insert(digest.text());
        }
        let limits = &self.config.limits;
        let most = limits.sessions_max.saturating_add(limits.subscriptions_max);
        let few = self.merged.leaving().count() <= most;
        ensure(few, MODULE, "bounds are kept", || format!("{} leave", self.merged.leaving().count()))?;
        Ok(held)
    }

    /// Whoever answers an INVITE of ours, however late, finds its session.
    fn audit_listener(&self, transaction: TransactionId, id: SessionId) -> Result<(), Violation> {
        let invite = matches!(self.layer.state(transaction), Some((Kind::ClientInvite, _)));
        let found = !invite || self.registry.session(id).is_some();
        let rule = "a session outlives its INVITEs";
        ensure(found, MODULE, rule, || format!("{transaction} of {id}"))
    }

    fn audit_owners(&self) -> Result<(), Violation> {
        let mut merged = BTreeSet::new();
        for (transaction, owner) in self.owners.iter() {
            let lives = self.layer.state(transaction).is_some();
            ensure(lives, MODULE, "who has an owner lives", || format!("{transaction} {owner:?}"))?;
            match owner {
                Owner::Incoming { merged: digest, .. } => {
                    merged.insert(digest.text());
                    let found = self.merged.transaction(*digest);
                    let rule = "a merged copy of an INVITE would be found";
                    ensure(found == Some(transaction), MODULE, rule, || format!("{transaction}: {found:?}"))?;
                }
                Owner::Invite(id) => {
                    let rule = "our INVITE is waited for until it has its outcome";
                    let concluded = matches!(
                        self.layer.state(transaction),
                        Some((_, TxState::GivenUp | TxState::Accepted | TxState::Completed))
                    );
                    let waited = |session: &Session| session.invite == Some(transaction);
                    let fits = concluded || self.registry.session(*id).is_some_and(waited);
                    ensure(fits, MODULE, rule, || format!("{transaction} of {id}"))?;
                    self.audit_listener(transaction, *id)?;
                }
                Owner::Request { session, purpose: Purpose::Offer } => {
                    self.audit_listener(transaction, *session)?;
                }
                // A BYE outlives the session that another end has taken away.
                Owner::Subscribe(_)
                | Owner::Notify(_)
                | Owner::Register(_)
                | Owner::Bye(_)
                | Owner::Errand(_)
                | Owner::Request { .. }
                | Owner::Nobody => {}
            }
        }
        merged.extend(self.audit_merged()?);
        ensure(merged.len() == self.merged.len(), MODULE, "merged INVITEs are live ones", || {
            format!("{} instead of {}", self.merged.len(), merged.len())
        })?;
        let owned = |tx: TransactionId| self.owners.get(tx).is_some();
        let kinds = [Kind::ClientInvite, Kind::ClientOther];
        let orphan = kinds.into_iter().flat_map(|kind| self.layer.of_kind(kind)).find(|&(tx, _)| !owned(tx));
        // The owner of a BYE or an INVITE goes with its final response or with its session.
        let orphan = orphan.filter(|(_, state)| !matches!(state, TxState::Completed | TxState::Accepted));
        ensure(orphan.is_none(), MODULE, "a request under way works for somebody", || format!("{orphan:?}"))
    }

    /// What no timer of its own ends, a session does, which has a timer; or it waits for an address.
    fn audit_endless(&self) -> Result<(), Violation> {
        let waiting: BTreeSet<TransactionId> = self
            .registry
            .dialogs()
            .flat_map(|(_, dialog)| &dialog.waiting)
            .filter_map(|it| it.transaction)
            .collect();
        let asked: BTreeSet<TransactionId> = self.registry.asked().collect();
        for (tx, kind, state) in self.layer.endless() {
            let session = match self.owners.get(tx) {
                Some(Owner::Invite(session) | Owner::Request { session, .. }) => Some(*session),
                Some(Owner::Incoming { session, .. }) => *session,
                _ => None,
            };
            // While we hang up, the end of the BYE is the end of the session.
            let timed = |id| {
                self.registry
                    .session(id)
                    .is_some_and(|it| it.timers.iter().any(Option::is_some) || it.state == State::Terminating)
            };
            let ends = if state == TxState::Idle {
                waiting.contains(&tx)
            } else {
                session.is_some_and(timed) || asked.contains(&tx)
            };
            let rule = "every transaction ends";
            ensure(ends, MODULE, rule, || format!("{tx} {kind:?} {state:?} of {session:?}"))?;
        }
        Ok(())
    }

    /// Who waits for an address has asked for it, once.
    fn audit_waiting(&self) -> Result<(), Violation> {
        let mut asked: BTreeMap<_, usize> = BTreeMap::new();
        let mut calling: BTreeMap<_, usize> = BTreeMap::new();
        for (_, parked) in self.parked.iter() {
            match parked {
                Parked::Dialog(id) => *asked.entry(*id).or_default() += 1,
                Parked::Errand(_) | Parked::Subscription(_) | Parked::Registration(_) => {}
                Parked::Invite(id) => *calling.entry(*id).or_default() += 1,
            }
        }
        for (id, dialog) in self.registry.dialogs() {
            let questions = asked.get(&id).copied().unwrap_or(0);
            let fits = questions == usize::from(!dialog.waiting.is_empty());
            ensure(fits, MODULE, "who waits for an address has asked once", || {
                format!("{id}: {questions} questions for {} requests", dialog.waiting.len())
            })?;
            let idle = |tx| matches!(self.layer.state(tx), Some((_, TxState::Idle)));
            let unsent = dialog.waiting.iter().filter_map(|it| it.transaction).all(idle);
            ensure(unsent, MODULE, "what waits for an address is not sent", || format!("{id}"))?;
        }
        for (id, session) in self.registry.sessions() {
            let asks = calling.get(&id) == Some(&1);
            // A call may end while it waits; the answer to its question is ignored then.
            let fits =
                asks == (session.state == State::Resolving) || asks && session.state == State::Terminated;
            ensure(fits, MODULE, "who waits for an address has asked once", || format!("{id}"))?;
        }
        Ok(())
    }

    /// Shares of sources are those of live sessions, and each port has one user.
    fn audit_shares(&self) -> Result<(), Violation> {
        let mut shares = BTreeMap::new();
        for (_, session) in self.registry.sessions() {
            let Some(source) = session.source else { continue };
            let share: &mut (Digest, Share) =
                shares.entry(source.text()).or_insert_with(|| (source, Share::default()));
            share.1.calls += 1;
            share.1.half_open += u32::from(session.half_open);
        }
        let fits = shares.values().all(|&(source, share)| self.shares.share(source) == share);
        ensure(
            fits && self.shares.sources() == shares.len(),
            MODULE,
            "shares are those of live calls",
            || format!("{} sources, {} charged", shares.len(), self.shares.sources()),
        )?;
        let mut subscribers = BTreeMap::new();
        for source in self.registry.subscriptions().filter_map(|(_, it)| it.source) {
            subscribers.entry(source.text()).or_insert((source, 0)).1 += 1;
        }
        let fits = subscribers.values().all(|&(source, held)| self.subscribers.share(source).calls == held);
        ensure(
            fits && self.subscribers.sources() == subscribers.len(),
            MODULE,
            "shares are those of live subscriptions",
            || format!("{} sources, {} charged", subscribers.len(), self.subscribers.sources()),
        )?;
        let leased =
            self.registry.sessions().filter_map(|(_, session)| Some(session.media.as_ref()?.port?.key));
        let mut seen = BTreeSet::new();
        let twice = self.ports.iter().map(|port| port.key).chain(leased).find(|&key| !seen.insert(key));
        ensure(twice.is_none(), MODULE, "a port has one user", || format!("{twice:?}"))
    }

    fn audit_bounds(&self) -> Result<(), Violation> {
        let limits = &self.config.limits;
        ensure(self.follow_ups.is_empty(), MODULE, "nothing is left to follow", || {
            format!("{:?}", self.follow_ups)
        })?;
        let forks = self.registry.sessions().map(|(_, session)| session.dialogs.len()).max();
        let waiting = self.registry.dialogs().map(|(_, dialog)| dialog.waiting.len()).max();
        let kept = self.registry.len() <= limits.sessions_max
            && self.layer.len() <= limits.transactions_max
            && self.parked.len() <= limits.sessions_max
            && self.lookups.len().0 <= limits.lookups_max.max(1)
            && self.lookups.len().1 <= limits.lookups_waiting_max.max(1)
            && forks.unwrap_or(0) <= limits.forks_max.saturating_add(1)
            && waiting.unwrap_or(0) <= WAITING_MAX;
        ensure(kept, MODULE, "bounds are kept", || {
            format!(
                "{} sessions, {} transactions, {} parked, {forks:?} dialogs, {waiting:?} waiting",
                self.registry.len(),
                self.layer.len(),
                self.parked.len()
            )
        })
    }
}
