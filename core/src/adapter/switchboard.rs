//! The parts of a coordinator that actions work on.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use core::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use smallvec::SmallVec;

use super::lookups::Lookups;
use super::{Errand, Merged};
use crate::api::{CoordinatorConfig, Counter, Counters, Output, PeerSource, QueryId, Refuser, ResolveTarget};
use crate::auth::{Keys, Parties};
use crate::base::ids::{DialogId, RegistrationId, RequestId, SessionId, SubscriptionId};
use crate::base::index::{Digest, DigestKey};
use crate::base::rng::Rng;
use crate::base::side::SideTable;
use crate::base::slab::Slab;
use crate::base::sources::TrustedSources;
use crate::base::time::Instant;
use crate::base::timers::Timers;
use crate::dialog::{Dialog, Waiting};
use crate::media::MediaPort;
use crate::registry::{SessionRegistry, Shares};
use crate::session::{Input, Session, SessionTimer};
use crate::transaction::table::{Kind, State as TxState};
use crate::transaction::{Reply, Room, TransactionId, TransactionLayer};
use crate::wire::path::{Path, Transmit};
use crate::wire::token::{TOKEN_LEN, Token};
use crate::wire::{NextHop, reason_phrase};

/// Whom a transaction works for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owner {
    /// Our INVITE.
    Invite(SessionId),
    /// Our BYE; its end is the end of the session.
    Bye(SessionId),
    /// A request of ours within a dialog of this session.
    Request {
        /// The session.
        session: SessionId,
        /// What it is for.
        purpose: Purpose,
    },
    /// A request that the application asked for.
    Errand(RequestId),
    /// Our SUBSCRIBE.
    Subscribe(SubscriptionId),
    /// Our NOTIFY.
    Notify(SubscriptionId),
    /// Our REGISTER.
    Register(RegistrationId),
    /// A request whose response changes nothing: CANCEL, or the BYE to a fork.
    Nobody,
    /// The peer's INVITE: the digest under which a merged copy would be found, and what became of it.
    Incoming { merged: Digest, session: Option<SessionId> },
}

/// What a request of ours within a dialog is for. Its response goes to the code of that purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// A re-INVITE or an UPDATE with an offer of ours.
    Offer,
    /// An UPDATE that refreshes the session (RFC 4028).
    Refresh,
    /// A REFER.
    Refer,
    /// A NOTIFY of what became of the peer's REFER with this number.
    Report(u32),
    /// An INFO that tells of this key.
    Key(char),
    /// The acknowledgement of a reliable provisional response (RFC 3262).
    Prack,
}

/// Who waits for the address of a next hop.
pub(crate) enum Parked {
    /// The INVITE of this session: it is not even built yet.
    Invite(SessionId),
    /// What waits in this dialog.
    Dialog(DialogId),
    /// A request of the application.
    Errand(RequestId),
    /// The first SUBSCRIBE of this subscription.
    Subscription(SubscriptionId),
    /// The first REGISTER of this registration, or the first after a failure.
    Registration(RegistrationId),
}

/// Requests that may wait for an address in one dialog: an ACK and a BYE, and some to spare.
pub(super) const WAITING_MAX: usize = 8;

/// Where the next hop of a request is.
pub(crate) enum Hop {
    /// Known.
    Path(Path),
    /// To be asked for.
    Name(ResolveTarget),
    /// The URI names no place.
    Nowhere,
}

/// The value of our Contact.
pub(crate) type ContactText = SmallVec<[u8; 96]>;

/// Everything a coordinator has but its gate and its state machine.
pub(crate) struct Switchboard {
    pub(crate) config: CoordinatorConfig,
    /// The value of Server, to be held while the rest of the board is at work.
    pub(crate) agent: Arc<str>,
    /// The value of Recv-Info: the Info-Packages that the application wants.
    pub(crate) packages: Arc<str>,
    /// The value of Allow.
    pub(crate) allow: Arc<[u8]>,
    /// The value of Accept.
    pub(crate) accept: Arc<[u8]>,
    /// The value of Supported.
    pub(crate) supported: &'static [u8],
    pub(crate) now: Instant,
    pub(crate) rng: Rng,
    pub(crate) secret: Rng,
    pub(crate) digests: DigestKey,
    pub(crate) layer: TransactionLayer,
    pub(crate) registry: SessionRegistry,
    /// The credentials of the application; the settings have them no more.
    pub(crate) keys: Keys,
    /// Whom credentials are given for.
    pub(crate) parties: Parties,
    /// The value of Contact that was written last, and the address in it.
    pub(crate) contact: (Option<SocketAddr>, ContactText),
    /// What registrars have seen our address to be, each from its own.
    pub(crate) seen_as: BTreeMap<SocketAddr, SocketAddr>,
    pub(crate) timers: Timers<(SessionId, SessionTimer)>,
    /// One timer for each subscription.
    pub(crate) subscription_timers: Timers<SubscriptionId>,
    /// One timer for each registration.
    pub(crate) registration_timers: Timers<RegistrationId>,
    pub(crate) outbox: VecDeque<Output>,
    /// Inputs that actions gave rise to; they run after the transition that they come from.
    pub(crate) follow_ups: VecDeque<(SessionId, Input)>,
    pub(crate) owners: SideTable<TransactionId, Owner>,
    /// What a copy of a request is known by that took another way.
    pub(crate) merged: Merged,
    pub(crate) parked: Slab<QueryId, Parked>,
    /// Which of those questions the runtime has been asked.
    pub(crate) lookups: Lookups,
    /// Requests of the application that have no outcome yet.
    pub(crate) errands: Slab<RequestId, Errand>,
    /// Bound media ports that no session has yet.
    pub(crate) ports: VecDeque<MediaPort>,
    /// How many ports the runtime has been asked for and has not brought.
    pub(crate) ports_asked: usize,
    /// How many pairs of ports the runtime can have open at a time.
    pub(crate) ports_max: usize,
    pub(crate) shares: Shares,
    /// The same of subscriptions of peers.
    pub(crate) subscribers: Shares,
    /// For whom no limit for one source holds.
    pub(crate) trusted: TrustedSources,
    pub(crate) counters: Counters,
}

impl Switchboard {
    pub(crate) fn new(mut config: CoordinatorConfig, seed: [u8; 32], now: Instant) -> Self {
        let mut secret = Rng::secret(seed);
        let mut rng = Rng::wire(seed);
        let limits = config.limits;
        let layer_rng = Rng::wire(rng.next_seed());
        let room = Room {
            transactions_max: limits.transactions_max,
            octets_max: limits.transaction_octets_max,
            source_share_percent: limits.source_share_percent,
        };
        let layer = TransactionLayer::new(config.timing, room, layer_rng, &mut secret);
        let digests = DigestKey::new(&mut secret);
        let dialogs_max =
            limits.sessions_max.saturating_add(limits.sessions_max / 8).saturating_add(limits.forks_max);
        let mut board = Self {
            now,
            rng,
            secret,
            digests,
            layer,
            registry: SessionRegistry::new(&limits, dialogs_max),
            keys: Keys::new(core::mem::take(&mut config.credentials)),
            parties: Parties::new(limits.registrations_max),
            contact: (None, ContactText::new()),
            seen_as: BTreeMap::new(),
            timers: Timers::new(limits.sessions_max.saturating_mul(SessionTimer::ALL.len())),
            subscription_timers: Timers::new(limits.subscriptions_max),
            registration_timers: Timers::new(limits.registrations_max),
            outbox: VecDeque::new(),
            follow_ups: VecDeque::new(),
            owners: SideTable::new(),
            merged: Merged::default(),
            parked: Slab::new(limits.sessions_max),
            lookups: Lookups::new(&limits),
            errands: Slab::new(limits.sessions_max),
            ports: VecDeque::new(),
            ports_asked: 0,
            ports_max: usize::MAX,
            shares: Shares::new(limits.half_open_per_source_max, limits.source_share_percent),
            subscribers: Shares::new(u32::MAX, limits.source_share_percent),
            trusted: TrustedSources::new(&config.trusted_sources, limits.trusted_sources_max),
            counters: Counters::default(),
            allow: super::allow(&config),
            accept: super::accept(&config),
            supported: super::supported(config.reliable),
            packages: config.info_packages.join(", ").into(),
            agent: Arc::from(config.user_agent.as_str()),
            config,
        };
        board.ask_for_ports();
        board
    }

    /// Whether no limit for one source holds for this address.
    pub(crate) fn is_trusted(&mut self, source: IpAddr) -> bool {
        let digest = self.digests.source(source);
        self.trusted.contains(source, digest)
    }

    /// Whose share counts what comes from this address; `None` if no limit for one source holds for it.
    pub(crate) fn limited_source(&mut self, source: IpAddr) -> Option<Digest> {
        let digest = self.digests.source(source);
        (!self.trusted.contains(source, digest)).then(|| self.digests.network(source, digest))
    }

    /// Our address as the far end of `path` reaches it.
    pub(crate) fn public_address(&self, path: &Path) -> SocketAddr {
        match self.seen_as.is_empty() {
            true => path.local,
            false => self.seen_as.get(&path.remote).copied().unwrap_or(path.local),
        }
    }

    /// Queues a message.
    pub(crate) fn send(&mut self, transmit: Transmit) {
        self.counters.add(Counter::Sent);
        self.outbox.push_back(Output::Send(transmit));
    }

    /// Calls the transaction layer with a way to send.
    pub(crate) fn with_layer<R>(
        &mut self,
        call: impl FnOnce(&mut TransactionLayer, Instant, &mut dyn FnMut(Transmit)) -> R,
    ) -> R {
        let Self { layer, outbox, counters, now, .. } = self;
        let mut send = |transmit| {
            counters.add(Counter::Sent);
            outbox.push_back(Output::Send(transmit));
        };
        call(layer, *now, &mut send)
    }

    /// Responds on a server transaction.
    pub(crate) fn respond(&mut self, transaction: TransactionId, reply: Reply<'_>) {
        let sent = self.with_layer(|layer, now, send| layer.respond(now, transaction, reply, send));
        if !sent {
            tracing::debug!(%transaction, "response not sent: the transaction has ended");
        }
    }

    /// Responds with a status and its usual phrase.
    pub(crate) fn respond_plain(&mut self, transaction: TransactionId, status: u16) {
        self.respond_with(transaction, status, reason_phrase(status), &[]);
    }

    /// Responds with a status and further headers. A To tag is due in every response but 100 (RFC 3261 section 8.2.6.2);
    /// outside a session nobody will ask for it again, so it is random.
    pub(crate) fn respond_with(
        &mut self,
        transaction: TransactionId,
        status: u16,
        reason: &str,
        extra: &[(&str, &[u8])],
    ) {
        let untagged = self.layer.reply_head(transaction).is_some_and(|head| !head.has_to_tag());
        let tag = untagged.then(|| self.random_text());
        let to_tag = tag.as_ref().map(<[u8; TOKEN_LEN]>::as_slice);
        let reply = Reply { status, reason, to_tag, record_route: false, extra, body: None };
        self.respond(transaction, reply);
    }

    /// Text that nobody can guess, for a tag or branch that names nothing.
    pub(crate) fn random_text(&mut self) -> [u8; TOKEN_LEN] {
        let key = crate::base::slab::RawKey::from_parts(self.rng.next_u32(), self.rng.next_u32() | 1);
        let nonce = self.rng.next_u64();
        key.map_or([b'a'; TOKEN_LEN], |key| Token { key, nonce }.encode())
    }

    /// The Call-ID of a session: that of our INVITE, or of the dialog that came of it.
    pub(crate) fn call_id<'a>(&'a self, session: &'a Session) -> Option<&'a [u8]> {
        match &session.outgoing {
            Some(out) => Some(&out.call_id),
            None => Some(self.registry.dialog(session.dialog?)?.call_id()),
        }
    }

    /// Whether a request in `dialog` comes from elsewhere than the settings allow; counted.
    pub(crate) fn is_foreign(&mut self, dialog: DialogId, source: SocketAddr) -> bool {
        let policy = self.config.peer_source;
        let known = policy == PeerSource::Any
            || self.registry.dialog(dialog).is_none_or(|it| it.may_come_from(source, policy))
            || self.is_trusted(source.ip());
        if !known {
            self.counters.add(Counter::ForeignSource);
        }
        !known
    }

    /// Where requests of `dialog` go next.
    pub(crate) fn hop(&self, dialog: DialogId) -> Hop {
        let Some(dialog) = self.registry.dialog(dialog) else { return Hop::Nowhere };
        if dialog.hop_known || dialog.goes_to_source(self.config.peer_contacts) {
            return Hop::Path(dialog.path);
        }
        match resolve_target(dialog.next_hop(), &dialog.path) {
            Ok(path) => Hop::Path(path),
            Err(Some(target)) => Hop::Name(target),
            Err(None) => Hop::Nowhere,
        }
    }

    /// Sends a finished in-dialog request, now or when its next hop's address is known. False if there is no way.
    pub(crate) fn dispatch(
        &mut self,
        dialog: DialogId,
        transaction: Option<TransactionId>,
        message: Bytes,
    ) -> bool {
        match self.hop(dialog) {
            Hop::Path(path) => {
                if let Some(dialog) = self.registry.dialog_mut(dialog) {
                    dialog.path = path;
                    dialog.hop_known = true;
                }
                self.launch_within(dialog, path, transaction, message);
                true
            }
            Hop::Name(target) => self.wait_for_name(dialog, target, Waiting { transaction, message }),
            Hop::Nowhere => false,
        }
    }

    /// Lets a request wait until the address is known. One question is asked for all that waits in a dialog, so that
    /// nothing overtakes the ACK, and an ACK that is asked for again waits once.
    fn wait_for_name(&mut self, id: DialogId, target: ResolveTarget, request: Waiting) -> bool {
        let Some(dialog) = self.registry.dialog_mut(id) else { return false };
        let asked = !dialog.waiting.is_empty();
        if asked && request.transaction.is_none() && dialog.waiting.contains(&request) {
            return true;
        }
        if dialog.waiting.len() >= WAITING_MAX {
            return false;
        }
        dialog.waiting.push(request);
        if asked || self.park(target, Parked::Dialog(id)) {
            return true;
        }
        if let Some(dialog) = self.registry.dialog_mut(id) {
            dialog.waiting.clear();
        }
        false
    }

    /// Gives up a request, should it still wait for an address.
    pub(crate) fn withdraw(&mut self, id: DialogId, transaction: TransactionId) {
        let Some(dialog) = self.registry.dialog_mut(id).filter(|it| !it.waiting.is_empty()) else { return };
        dialog.waiting.retain(|it| it.transaction != Some(transaction));
        if dialog.waiting.is_empty() {
            // Whoever waits next asks again.
            let ours = |parked: &Parked| matches!(parked, Parked::Dialog(of) if *of == id);
            let question = self.parked.iter().find(|(_, parked)| ours(parked)).map(|(query, _)| query);
            question.map(|query| self.parked.remove(query));
        }
    }

    /// Gives up what waits in a dialog that is about to go: nobody else would end it.
    pub(crate) fn drop_waiting(&mut self, id: DialogId) {
        let Some(dialog) = self.registry.dialog_mut(id) else { return };
        for transaction in core::mem::take(&mut dialog.waiting).into_iter().filter_map(|it| it.transaction) {
            if let Some(Owner::Errand(id)) = self.owners.remove(transaction) {
                self.errand_done(id, 481, Refuser::Us, reason_phrase(481).into(), None);
            }
            self.layer.abandon(transaction);
        }
    }

    /// Asks for an address and keeps `parked` until it comes. False when too many wait already.
    pub(crate) fn park(&mut self, target: ResolveTarget, parked: Parked) -> bool {
        // An address as text needs no lookup, only a way out.
        let literal = target.host.parse::<IpAddr>().is_ok();
        let source = self.causer(&parked);
        let room = literal || self.lookups.has_room(source);
        let Some(query) = room.then(|| self.parked.insert(parked)).flatten() else {
            self.counters.add(Counter::LookupsRefused);
            return false;
        };
        if literal {
            self.outbox.push_back(Output::Resolve { query, target });
        } else {
            self.lookups.add(query, target, source);
            self.ask_for_names();
        }
        true
    }

    /// The source whose Contact or Record-Route made us ask; `None` if we did ourselves, or it is trusted.
    fn causer(&mut self, parked: &Parked) -> Option<Digest> {
        let Parked::Dialog(dialog) = parked else { return None };
        let began_at = self.registry.dialog(*dialog)?.began_at();
        self.limited_source(began_at)
    }

    /// Asks the runtime for as many addresses as it may look for at a time.
    fn ask_for_names(&mut self) {
        let Self { lookups, parked, outbox, .. } = self;
        while let Some((query, target)) = lookups.next(|query| parked.get(query).is_some()) {
            outbox.push_back(Output::Resolve { query, target });
        }
    }

    /// The runtime has answered a question: the next is asked. Returns who waited for it.
    pub(crate) fn unpark(&mut self, query: QueryId) -> Option<Parked> {
        let parked = self.parked.remove(query);
        self.lookups.answered(query);
        self.ask_for_names();
        parked
    }

    /// Forgets an early dialog. Its callee may still answer, and would see our numbers go on.
    pub(crate) fn drop_early(&mut self, id: SessionId, dialog: DialogId) {
        let last = self.registry.dialog(dialog).map_or(0, Dialog::last_sequence);
        if let Some(session) = self.registry.session_mut(id) {
            session.early_cseq = session.early_cseq.max(last);
            session.leave_offer_of(dialog);
        }
        self.drop_waiting(dialog);
        self.registry.remove_dialog(dialog);
    }

    /// How many more calls there is room for: as sessions, and as streams that have a port or will need one.
    pub(crate) fn free(&self) -> usize {
        let sessions = self.config.limits.sessions_max.saturating_sub(self.registry.len());
        sessions.min(self.ports_max.saturating_sub(self.registry.media_len()))
    }

    /// Asks the runtime for media ports if few are left.
    pub(crate) fn ask_for_ports(&mut self) {
        let ready = self.ports.len().saturating_add(self.ports_asked);
        let missing = self.config.media_ports_ready.saturating_sub(ready);
        if missing > 0 {
            self.ports_asked += missing;
            self.outbox.push_back(Output::NeedMediaPorts(missing));
        }
    }

    /// The INVITE for the call is given up or refused, and is the session's own no more. Whoever takes it after all still
    /// finds the session.
    pub(crate) fn leave_invite(&mut self, id: SessionId) {
        let invite = self.registry.session_mut(id).and_then(|session| session.invite.take());
        if let Some(invite) = invite {
            self.listen_on(id, invite);
        }
    }

    /// An INVITE of ours, the first or a later one, has its outcome. A 2xx may come all the same, or again, as long as its
    /// transaction lives (RFC 6026 section 8.4), and so long the session does.
    pub(crate) fn listen_on(&mut self, id: SessionId, invite: TransactionId) {
        let patience = self.config.timing.give_up();
        let longest = match self.layer.state(invite) {
            // Timer B has yet to fire.
            Some((Kind::ClientInvite, TxState::Idle | TxState::Calling)) => patience.saturating_mul(2),
            Some((Kind::ClientInvite, _)) => patience,
            _ => return,
        };
        let until = self.now + longest;
        if let Some(session) = self.registry.session_mut(id) {
            session.listens_until = session.listens_until.max(Some(until));
        }
    }

    /// Starts a timer of a session anew.
    pub(crate) fn arm(&mut self, session: SessionId, timer: SessionTimer, after: core::time::Duration) {
        self.disarm(session, timer);
        let deadline = self.now + after;
        let key = self.timers.arm(deadline, (session, timer));
        if let Some(slot) = self.timer_slot(session, timer) {
            *slot = key;
        }
    }

    /// Stops a timer of a session.
    pub(crate) fn disarm(&mut self, session: SessionId, timer: SessionTimer) {
        if let Some(key) = self.timer_slot(session, timer).and_then(Option::take) {
            self.timers.cancel(key);
        }
    }

    fn timer_slot(
        &mut self,
        session: SessionId,
        timer: SessionTimer,
    ) -> Option<&mut Option<crate::base::timers::TimerKey>> {
        self.registry.session_mut(session)?.timers.get_mut(timer as usize)
    }
}

/// The path to the place that `uri` sends requests to, from the local end of `path`; else the name to ask for.
fn resolve_target(uri: &[u8], path: &Path) -> Result<Path, Option<ResolveTarget>> {
    let hop = NextHop::of(uri).map_err(|_| None)?;
    match hop.address() {
        Ok(remote) => Ok(Path { remote, ..*path }),
        Err(name) => {
            let host = String::from_utf8(name.to_vec()).map_err(|_| None)?;
            Err(Some(ResolveTarget { host, port: hop.port, transport: path.transport }))
        }
    }
}
