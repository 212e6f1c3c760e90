//! Requests that are asked for credentials, and sent again with them (RFC 3261 section 22).

use alloc::vec::Vec;
use core::net::SocketAddr;

use bytes::Bytes;

use super::{Hop, Owner, Purpose, Switchboard};
use crate::api::{AuthenticationOf, Counter, Event, Output};
use crate::auth::{Asker, AuthFailure, Chain, Origin, Parties, Trust};
use crate::base::ids::{DialogId, SessionId};
use crate::dialog::{DialogUser, write_cseq, write_via};
use crate::session::State;
use crate::transaction::{ClientEvent, ClientEventKind, TransactionId};
use crate::wire::build::Writer;
use crate::wire::frame::{Facts, Frame};
use crate::wire::limits::WireLimits;
use crate::wire::method::Method;
use crate::wire::path::Path;
use crate::wire::uri::{Host, Uri};
use crate::wire::{HeaderName, SDP_TYPE};

impl Switchboard {
    /// Whether a response asks for credentials.
    pub(crate) fn is_challenge(&self, event: ClientEvent) -> bool {
        event.kind == ClientEventKind::Failure && matches!(event.status, 401 | 407)
    }

    /// Takes a challenge to the INVITE of a new call. False if there is no use in sending another.
    pub(crate) fn take_invite_challenge(
        &mut self,
        id: SessionId,
        event: ClientEvent,
        frame: &Frame<'_>,
    ) -> bool {
        let chain = Chain(self.layer.owner(event.tx).unwrap_or_default());
        let Self { registry, keys, parties, rng, .. } = self;
        let Some(session) = registry.session_mut(id) else { return false };
        let open =
            matches!(session.state, State::Calling | State::Proceeding | State::Ringback | State::EarlyMedia);
        let Origin::Ours(remote, trust) = session.origin else { return false };
        if !open || session.invite != Some(event.tx) {
            return false;
        }
        let realms = session.realms.get_or_insert_default();
        let next = realms.take(frame, keys, rng, Asker { remote, trust, parties }, chain);
        realms.chain = next.as_ref().copied().unwrap_or_default();
        self.note_failure(Owner::Invite(id), next).is_some()
    }

    /// Tells why a challenge is not answered; that the request is refused is told next.
    fn note_failure<T>(&mut self, owner: Owner, outcome: Result<T, AuthFailure>) -> Option<T> {
        let failure = match outcome {
            Ok(taken) => return Some(taken),
            Err(failure) => failure,
        };
        if matches!(failure, AuthFailure::Withheld { .. }) {
            self.counters.add(Counter::CredentialsWithheld);
        }
        let of = match owner {
            Owner::Invite(session) | Owner::Request { session, .. } => {
                let tag = self.registry.session(session)?.tag();
                AuthenticationOf::Session { session, tag }
            }
            Owner::Errand(id) => AuthenticationOf::Request(id),
            Owner::Register(id) => AuthenticationOf::Registration(id),
            Owner::Subscribe(id) | Owner::Notify(id) => AuthenticationOf::Subscription(id),
            // Of a call that is over nothing more is told.
            Owner::Bye(_) | Owner::Nobody | Owner::Incoming { .. } => return None,
        };
        self.outbox.push_back(Output::Event(Event::AuthenticationFailed { of, failure }));
        None
    }

    /// What the application makes of a request of its own to this place, outside any dialog.
    pub(crate) fn trust_in(&self, route: Option<&[u8]>, target: &[u8], remote: SocketAddr) -> Trust {
        if route.is_some() {
            return Trust::Home;
        }
        let own = self.config.address_of_record.as_ref().and_then(|own| Uri::parse(own.as_bytes()).ok());
        let Ok(target) = Uri::parse(target) else { return Trust::Named };
        // Whoever stands in a `maddr` is not the domain that it is written in.
        let hop = target.next_hop();
        let home = match hop {
            Host::Name(_) => {
                let domain = alloc::format!("{hop}");
                let own = own.is_some_and(|own| alloc::format!("{}", own.host).eq_ignore_ascii_case(&domain));
                own || self.parties.has_domain(&domain)
            }
            Host::V4(_) | Host::V6(_) => {
                let here = |own: Uri<'_>| own.address() == Some(remote);
                own.is_some_and(here) || self.parties.is_at(remote)
            }
        };
        if home { Trust::Home } else { Trust::Named }
    }

    /// What is known of the place that a challenged request went to.
    fn trust_of(
        &self,
        owner: Owner,
        user: Option<DialogUser>,
        request: &Frame<'_>,
        remote: SocketAddr,
    ) -> Trust {
        let origin = match (owner, user) {
            (Owner::Register(_), _) => return Trust::Registrar,
            (_, Some(DialogUser::Session(id))) => self.registry.session(id).map(|it| it.origin),
            (_, Some(DialogUser::Subscription(id))) | (Owner::Subscribe(id), None) => {
                self.registry.subscription(id).map(|it| it.origin)
            }
            _ => {
                let route = request.values(HeaderName::Route).next();
                return self.trust_in(route, request.uri().unwrap_or_default(), remote);
            }
        };
        origin.map_or(Trust::Elsewhere, |origin| origin.trust_at(remote))
    }

    /// Whether requests within this dialog go to an address where somebody has asked.
    fn goes_to<'a>(parties: &'a Parties, hop: &'a Hop) -> impl Fn(SocketAddr) -> bool + 'a {
        move |place| match hop {
            Hop::Path(path) => path.remote == place,
            Hop::Name(target) => parties.is_domain_at(&target.host, place),
            Hop::Nowhere => false,
        }
    }

    /// Sends any other request again that is asked for credentials: with the next number, a branch of its own, and all
    /// else as it was. False if its owner is to learn that it is refused.
    pub(crate) fn answer_challenge(
        &mut self,
        event: ClientEvent,
        frame: &Frame<'_>,
        facts: &Facts<'_>,
    ) -> bool {
        self.is_challenge(event) && self.try_answer(event.tx, frame, facts).is_some()
    }

    fn try_answer(&mut self, asked: TransactionId, frame: &Frame<'_>, facts: &Facts<'_>) -> Option<()> {
        let owner = *self.owners.get(asked)?;
        let (path, request) = (self.layer.path(asked)?, self.layer.message(asked)?.clone());
        let request = Frame::parse(&request, &WireLimits::NONE).ok()?;
        let (method, uri) = (request.method()?, request.uri()?);
        let dialog = self.dialog_of_response(facts);
        if !self.may_send_again(owner, dialog, method) {
            return None;
        }
        let chain = Chain(self.layer.owner(asked).unwrap_or_default());
        let user = dialog.and_then(|id| self.registry.dialog(id)).map(|dialog| dialog.user);
        let trust = self.trust_of(owner, user, &request, path.remote);
        let Self { registry, errands, keys, parties, rng, .. } = self;
        let realms = match (owner, user) {
            (_, Some(user)) => registry.realms_mut(user)?,
            (Owner::Errand(id), None) => &mut errands.get_mut(id)?.realms,
            (Owner::Register(id), None) => &mut registry.registration_mut(id)?.realms,
            (Owner::Subscribe(id), None) => registry.realms_mut(DialogUser::Subscription(id))?,
            _ => return None,
        };
        let realms = realms.get_or_insert_default();
        let remote = path.remote;
        let taken = realms.take(frame, keys, rng, Asker { remote, trust, parties }, chain);
        let lines = realms.lines(keys, |place| place == remote, method, uri, request.body());
        let chain = self.note_failure(owner, taken)?;
        let (sent, branch) = self.layer.begin_for(self.now, method, self.layer.caused_by(asked))?;
        let cseq = match dialog.and_then(|id| self.registry.dialog_mut(id)) {
            Some(dialog) => dialog.next_sequence(),
            None => facts.cseq.saturating_add(1),
        };
        let message = again(&request, &path, branch.as_bytes(), cseq, &lines);
        self.layer.set_owner(sent, chain.0);
        self.owners.insert(sent, owner);
        // Its final response has come: what is left of it only answers repeats.
        if method != Method::Invite {
            self.owners.insert(asked, Owner::Nobody);
        }
        self.layer.forget_message(asked);
        self.take_over(owner, asked, sent, cseq);
        self.launch(path, Some(sent), message);
        Some(())
    }

    /// The dialog that a response to a request of ours belongs to.
    fn dialog_of_response(&self, facts: &Facts<'_>) -> Option<DialogId> {
        let tag = facts.from_tag?;
        if let Some(id) = self.registry.find_subscription(tag) {
            return self.registry.subscription(id)?.dialog;
        }
        self.registry.find_dialog(tag, facts.to_tag, facts.call_id)
    }

    /// Whether a request is still of use. To a call that is over only its BYE is; a CANCEL cannot be challenged (section
    /// 22.1).
    fn may_send_again(&self, owner: Owner, dialog: Option<DialogId>, method: Method) -> bool {
        let dialog = dialog.and_then(|id| self.registry.dialog(id));
        if dialog.is_some_and(|dialog| dialog.left) {
            return false;
        }
        match owner {
            Owner::Bye(_) => true,
            Owner::Nobody => method == Method::Bye,
            Owner::Request { session, .. } => {
                let session = self.registry.session(session);
                let over = |state| matches!(state, State::Terminating | State::Terminated);
                session.is_some_and(|session| !over(session.state))
            }
            Owner::Errand(_) | Owner::Subscribe(_) | Owner::Notify(_) | Owner::Register(_) => true,
            Owner::Invite(_) | Owner::Incoming { .. } => false,
        }
    }

    /// Lets whoever remembers a request by its transaction or number know the new ones.
    fn take_over(&mut self, owner: Owner, asked: TransactionId, sent: TransactionId, cseq: u32) {
        match owner {
            Owner::Request { session, purpose } => {
                let Some(session) = self.registry.session_mut(session) else { return };
                if purpose == Purpose::Offer
                    && let Some(offering) = session.offering.as_mut().filter(|it| it.transaction == asked)
                {
                    offering.transaction = sent;
                }
                let ours = session.transfers.as_mut().and_then(|transfers| transfers.ours.as_mut());
                if let Some(ours) = ours.filter(|ours| ours.transaction == Some(asked)) {
                    ours.transaction = Some(sent);
                    ours.cseq = cseq;
                }
            }
            Owner::Subscribe(id) | Owner::Notify(id) => {
                let Some(subscription) = self.registry.subscription_mut(id) else { return };
                if subscription.request == Some(asked) {
                    subscription.request = Some(sent);
                }
                if let Some(draft) = &mut subscription.draft {
                    draft.cseq = draft.cseq.max(cseq);
                }
            }
            Owner::Register(id) => {
                if let Some(registration) = self.registry.registration_mut(id) {
                    registration.request = Some(sent);
                    registration.cseq = cseq;
                }
            }
            _ => {}
        }
    }

    /// Whoever was asked before within this dialog is not made to ask again, if the request goes there.
    pub(crate) fn proofs(&mut self, id: DialogId, method: Method, body: &[u8]) -> Vec<u8> {
        if self.keys.is_empty() {
            return Vec::new();
        }
        let Some(dialog) = self.registry.dialog(id) else { return Vec::new() };
        let user = dialog.user;
        if !matches!(self.registry.realms_mut(user), Some(Some(_))) {
            return Vec::new();
        }
        let hop = self.hop(id);
        let Self { registry, keys, parties, .. } = self;
        let Some(dialog) = registry.dialog(id) else { return Vec::new() };
        let uri = Bytes::copy_from_slice(dialog.request_uri());
        match registry.realms_mut(user) {
            Some(Some(realms)) => realms.lines(keys, Self::goes_to(parties, &hop), method, &uri, body),
            _ => Vec::new(),
        }
    }

    /// The credentials for an ACK within this dialog: those of its INVITE, if it goes the same way (section 22.1).
    pub(crate) fn ack_proofs(&self, id: DialogId) -> Vec<u8> {
        let session = self.registry.session_of_dialog(id).and_then(|id| self.registry.session(id));
        let Some(realms) = session.and_then(|session| session.realms.as_deref()) else { return Vec::new() };
        realms.ack_lines(Self::goes_to(&self.parties, &self.hop(id))).to_vec()
    }

    /// Takes the next nonce from a 2xx, if it brings one.
    pub(crate) fn note_next_nonce(&mut self, event: ClientEvent, frame: &Frame<'_>) {
        if event.kind != ClientEventKind::Success || self.keys.is_empty() {
            return;
        }
        let user = match self.owners.get(event.tx) {
            Some(Owner::Register(id)) => {
                let realms = self.registry.registration_mut(*id).and_then(|it| it.realms.as_mut());
                return realms.map_or((), |realms| realms.take_next(frame));
            }
            Some(Owner::Invite(id) | Owner::Bye(id) | Owner::Request { session: id, .. }) => {
                DialogUser::Session(*id)
            }
            Some(Owner::Subscribe(id) | Owner::Notify(id)) => DialogUser::Subscription(*id),
            Some(Owner::Errand(id)) => match self.errands.get(*id).and_then(|errand| errand.session) {
                Some(session) => DialogUser::Session(session),
                None => return,
            },
            _ => return,
        };
        if let Some(Some(realms)) = self.registry.realms_mut(user) {
            realms.take_next(frame);
        }
    }
}

/// `request` once more: with this branch, number and credentials, and nothing else changed.
fn again(request: &Frame<'_>, path: &Path, branch: &[u8], cseq: u32, lines: &[u8]) -> Bytes {
    let method = request.method_text().and_then(|text| core::str::from_utf8(text).ok()).unwrap_or_default();
    let mut writer = Writer::request(method, request.uri().unwrap_or_default());
    write_via(&mut writer, path, branch);
    let mut kind = SDP_TYPE;
    for header in request.headers() {
        let text = |octets| core::str::from_utf8(octets).unwrap_or_default();
        match header.name {
            HeaderName::Via | HeaderName::Authorization | HeaderName::ProxyAuthorization => {}
            HeaderName::ContentLength => {}
            HeaderName::ContentType => kind = text(header.value),
            HeaderName::CSeq => write_cseq(&mut writer, cseq, method),
            _ => writer.header(text(header.name_text), header.value),
        }
    }
    writer.raw(lines);
    match request.body() {
        [] => writer.finish(),
        body => writer.finish_with(kind, body),
    }
}
