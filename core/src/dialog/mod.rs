//! Dialogs (RFC 3261 section 12): what both sides must remember to talk within a call.

mod names;
mod nat;
mod routes;
mod target;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use smallvec::SmallVec;

use crate::api::PeerContacts;
use crate::base::ids::{SessionId, SubscriptionId};
use crate::sdp::plan::MediaPlan;
use crate::transaction::TransactionId;
use crate::wire::build::Writer;
use crate::wire::frame::{Facts, Frame};
use crate::wire::path::Path;
use crate::wire::refer::ReferTo;
use crate::wire::text::{Decimal, Sink as _, trim};
use crate::wire::{HeaderName, NameAddr};
use names::Names;
pub(crate) use nat::Proof;
use routes::Routes;
use target::Way;
pub(crate) use target::{Target, Unfit};

/// A finished request that waits for an address; an ACK has no transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Waiting {
    pub(crate) transaction: Option<TransactionId>,
    pub(crate) message: Bytes,
}

/// Whose dialog it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DialogUser {
    /// A call.
    Session(SessionId),
    /// A subscription.
    Subscription(SubscriptionId),
}

impl From<SessionId> for DialogUser {
    fn from(id: SessionId) -> Self {
        Self::Session(id)
    }
}

impl From<SubscriptionId> for DialogUser {
    fn from(id: SubscriptionId) -> Self {
        Self::Subscription(id)
    }
}

/// One dialog.
pub struct Dialog {
    pub(crate) user: DialogUser,
    names: Names,
    /// Our number for the next request is one more.
    local_seq: u32,
    /// The highest number the peer has used.
    remote_seq: Option<u32>,
    /// Where the peer wants requests: its Contact.
    target: Bytes,
    /// Where that leads.
    way: Way,
    routes: Routes,
    /// From our address to the next hop, as far as it is known; the remote half is a guess until `hop_known`.
    pub(crate) path: Path,
    pub(crate) hop_known: bool,
    /// Where the peer was when the dialog began.
    first: SocketAddr,
    /// Whether the peer made it.
    theirs: bool,
    /// Where something has come from since that only who has our messages could say.
    heard: Option<IpAddr>,
    /// Requests that wait for the address of the next hop, in their order.
    pub(crate) waiting: Vec<Waiting>,
    /// Whether the peer has hung up: an ACK may still be due, but no request of ours.
    pub(crate) left: bool,
    /// Whether the peer's last Allow names UPDATE.
    pub(crate) update_allowed: bool,
    /// Whether an UPDATE was not understood, whatever Allow names.
    update_refused: bool,
    /// Whether a 2xx has made it last.
    pub(crate) confirmed: bool,
    /// The ACKs to the 2xx of the INVITE and of our last re-INVITE, by their number: to be sent again when the 2xx comes
    /// again.
    acks: SmallVec<[(u32, Bytes); 1]>,
    /// What provisional responses brought, until the 2xx.
    pub(crate) early: Option<Box<Early>>,
}

/// What a caller knows of an early dialog.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Early {
    /// RSeq of the last reliable provisional response that was taken (RFC 3262 section 4).
    pub(crate) rseq: Option<u32>,
    /// What a session description in a provisional response came to: it holds if the 2xx has none.
    pub(crate) plan: Option<MediaPlan>,
    /// Whether it came reliably: then it holds whatever the 2xx has (RFC 3262 section 5).
    pub(crate) agreed: bool,
    /// Whether the callee has our PRACK of it, so that more may be offered (RFC 3311 section 5.1).
    pub(crate) settled: bool,
    /// Whether more was: whoever else answers knows nothing of it.
    pub(crate) updated: bool,
    /// Whether the callee has hung up: all that is left to do here is to refuse its 2xx, should that be on its way.
    pub(crate) left: bool,
}

/// The number that a request of the peer carries, compared with those before it (section 12.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sequence {
    /// As it should be.
    InOrder,
    /// Not higher than one before: 500.
    OutOfOrder,
}

impl Dialog {
    /// The callee's dialog, from the INVITE (section 12.1.1) and the target that
    /// [`Target::check_invite`] found in it.
    pub(crate) fn from_invite(
        user: impl Into<DialogUser>,
        frame: &Frame<'_>,
        facts: &Facts<'_>,
        target: Target<'_>,
        local_tag: &[u8],
        path: Path,
        routes_max: usize,
    ) -> Option<Self> {
        let routes = Routes::from_record_route(frame, false, routes_max)?;
        Some(Self {
            user: user.into(),
            names: Names::of_callee(frame, facts, local_tag),
            local_seq: 0,
            remote_seq: Some(facts.cseq),
            target: request_uri_of(target.uri),
            way: target.way,
            routes,
            path,
            hop_known: false,
            first: path.remote,
            heard: None,
            theirs: true,
            waiting: Vec::new(),
            left: false,
            update_allowed: allows_update(frame).unwrap_or(false),
            update_refused: false,
            confirmed: false,
            acks: SmallVec::new(),
            early: None,
        })
    }

    /// The caller's dialog, from a response that carries a To tag (section 12.1.2).
    pub(crate) fn from_response(
        user: impl Into<DialogUser>,
        frame: &Frame<'_>,
        facts: &Facts<'_>,
        path: Path,
        fallback_target: &Bytes,
        routes_max: usize,
    ) -> Option<Self> {
        // A 2xx must bring a Contact. One that does not still has to be acknowledged: the target of the
        // INVITE is the best guess there is.
        let (target, way) = match Target::of_contact(frame) {
            Some(target) => (request_uri_of(target.uri), target.way),
            None => (fallback_target.clone(), Way::of(fallback_target)),
        };
        Some(Self {
            user: user.into(),
            names: Names::of_caller(frame, facts),
            local_seq: facts.cseq,
            remote_seq: None,
            target,
            way,
            routes: Routes::from_record_route(frame, true, routes_max)?,
            path,
            hop_known: false,
            first: path.remote,
            heard: None,
            theirs: false,
            waiting: Vec::new(),
            left: false,
            update_allowed: allows_update(frame).unwrap_or(false),
            update_refused: false,
            confirmed: false,
            acks: SmallVec::new(),
            early: None,
        })
    }

    /// Keeps the ACK to an INVITE with this number.
    pub(crate) fn keep_ack(&mut self, cseq: u32, ack: Bytes) {
        self.acks.retain(|(known, _)| *known != cseq);
        self.acks.truncate(1);
        self.acks.push((cseq, ack));
    }

    /// The ACK to the INVITE with this number.
    pub(crate) fn ack_to(&self, cseq: u32) -> Option<&Bytes> {
        self.acks.iter().find(|(known, _)| *known == cseq).map(|(_, ack)| ack)
    }

    /// Whether the callee has hung up before it answered.
    pub(crate) fn is_left_early(&self) -> bool {
        self.early.as_ref().is_some_and(|early| early.left)
    }

    /// Whether a 2xx was acknowledged here.
    pub(crate) fn is_acknowledged(&self) -> bool {
        !self.acks.is_empty()
    }

    /// Counts on from the number of a request that was sent before there was a dialog.
    pub(crate) fn count_from(&mut self, cseq: u32) {
        self.local_seq = self.local_seq.max(cseq);
    }

    /// Whether a message with these ids belongs here (section 12).
    pub(crate) fn matches(&self, call_id: &[u8], remote_tag: Option<&[u8]>) -> bool {
        self.names.call_id() == call_id && self.names.remote_tag() == remote_tag.unwrap_or_default()
    }

    /// Compares and remembers the number of a request of the peer. ACK and CANCEL never come here.
    pub(crate) fn receive_sequence(&mut self, cseq: u32) -> Sequence {
        if self.remote_seq.is_some_and(|last| cseq <= last) {
            return Sequence::OutOfOrder;
        }
        self.remote_seq = Some(cseq);
        Sequence::InOrder
    }

    /// Target refresh (sections 12.2.1.2 and 12.2.2): the peer has moved. Whoever moves to where nothing of ours can go stays
    /// where it was.
    pub(crate) fn refresh_target(&mut self, frame: &Frame<'_>, contacts: PeerContacts) {
        if self.check_move(frame, contacts).is_ok() {
            self.move_to_contact(frame);
        }
    }

    fn move_to_contact(&mut self, frame: &Frame<'_>) {
        if let Some(Target { uri, way }) = Target::of_contact(frame)
            && self.target != uri
        {
            let target = request_uri_of(uri);
            self.hop_known &= self.target == target;
            (self.target, self.way) = (target, way);
        }
    }

    /// Takes note of the methods that the peer knows. A message without Allow says nothing of them; one that has it, be it a
    /// request or a response, says all (section 20.5).
    pub(crate) fn learn_methods(&mut self, frame: &Frame<'_>) {
        self.update_allowed = !self.update_refused && allows_update(frame).unwrap_or(self.update_allowed);
    }

    /// UPDATE is not understood after all, by the peer or by somebody on the way.
    pub(crate) const fn refuse_update(&mut self) {
        (self.update_allowed, self.update_refused) = (false, true);
    }

    /// Lets the peer have moved to where no message of ours can go.
    #[cfg(test)]
    pub(crate) fn move_target(&mut self, target: &str) {
        (self.target, self.way) = (Bytes::copy_from_slice(target.as_bytes()), Way::of(target.as_bytes()));
        self.hop_known = false;
    }

    /// The route set of an early dialog is made anew from the 2xx (section 13.2.2.4).
    pub(crate) fn confirm(&mut self, frame: &Frame<'_>, routes_max: usize) {
        self.confirmed = true;
        self.learn_methods(frame);
        self.move_to_contact(frame);
        if let Some(routes) = Routes::from_record_route(frame, true, routes_max) {
            self.routes = routes;
            self.hop_known = false;
        }
    }

    /// The URI of the next hop: the first route, else the target.
    pub(crate) fn next_hop(&self) -> &[u8] {
        self.routes.routing(&self.target).next_hop
    }

    /// The Request-URI of our requests: the target, unless the next hop is a strict router.
    pub(crate) fn request_uri(&self) -> &[u8] {
        self.routes.routing(&self.target).request_uri
    }

    /// Where the peer wants requests.
    pub(crate) fn target(&self) -> &[u8] {
        &self.target
    }

    /// The peer's tag; empty for an RFC 2543 peer.
    pub(crate) fn remote_tag(&self) -> &[u8] {
        self.names.remote_tag()
    }

    /// Our URI, as we call ourselves to the peer.
    pub(crate) fn local_uri(&self) -> &[u8] {
        NameAddr::parse(self.names.local()).map_or(&[], |addr| addr.uri)
    }

    /// The number of our last request.
    pub(crate) const fn last_sequence(&self) -> u32 {
        self.local_seq
    }

    /// The peer's URI, as it calls itself.
    pub fn remote_uri(&self) -> &[u8] {
        NameAddr::parse(self.names.remote()).map_or(&[], |addr| addr.uri)
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &[u8] {
        self.names.call_id()
    }

    /// The number for our next request.
    pub(crate) fn next_sequence(&mut self) -> u32 {
        self.local_seq = self.local_seq.saturating_add(1);
        self.local_seq
    }

    /// Begins a request within the dialog (section 12.2.1.1); the caller adds what is special to the method.
    pub(crate) fn request(&self, method: &str, cseq: u32, branch: &[u8]) -> Writer {
        let routing = self.routes.routing(&self.target);
        let mut writer = Writer::request(method, routing.request_uri);
        write_via(&mut writer, &self.path, branch);
        for route in &routing.routes {
            writer.header("Route", route);
        }
        if let Some(target) = routing.target_last {
            writer.header_parts("Route", &[b"<", target, b">"]);
        }
        // The recommended value (section 8.1.1.6).
        writer.header("Max-Forwards", b"70");
        writer.header("From", self.names.local());
        writer.header("To", self.names.remote());
        writer.header("Call-ID", self.names.call_id());
        write_cseq(&mut writer, cseq, method);
        writer
    }
}

/// Writes the topmost Via with `rport` (RFC 3581), so that the answer finds its way through a NAT.
pub(crate) fn write_via(writer: &mut Writer, path: &Path, branch: &[u8]) {
    let mut local = SmallVec::<[u8; 64]>::new();
    local.put_address(path.local);
    let transport = path.transport.as_str().as_bytes();
    writer.header_parts("Via", &[b"SIP/2.0/", transport, b" ", &local, b";branch=", branch, b";rport"]);
}

/// Writes CSeq.
pub(crate) fn write_cseq(writer: &mut Writer, cseq: u32, method: &str) {
    let number = Decimal::new(u64::from(cseq));
    writer.header_parts("CSeq", &[number.as_bytes(), b" ", method.as_bytes()]);
}

/// Whether Allow names UPDATE (RFC 3311 section 4); `None` without Allow.
fn allows_update(frame: &Frame<'_>) -> Option<bool> {
    // Methods are tokens: no comma is quoted.
    let mut methods = frame.fields(HeaderName::Allow).flat_map(|field| field.split(|&octet| octet == b','));
    let named = methods.any(|method| method.len() >= 6 && trim(method) == b"UPDATE");
    frame.has(HeaderName::Allow).then_some(named)
}

/// What a request to a URI that somebody else names has as its Request-URI: without the headers and the method that the URI
/// may have, which belong to no Request-URI (RFC 3261 section 19.1.1).
fn request_uri_of(uri: &[u8]) -> Bytes {
    let is_method = |part: &[u8]| part.get(..6).is_some_and(|name| name.eq_ignore_ascii_case(b"method"));
    let bare = !uri.iter().any(|octet| matches!(octet, b'?' | b'%'))
        && !uri.split(|&octet| octet == b';').skip(1).any(is_method);
    let named = if bare { None } else { ReferTo::of(uri) };
    named.map_or_else(
        || Bytes::copy_from_slice(uri),
        |named| match named.target() {
            Cow::Borrowed(target) => Bytes::copy_from_slice(target),
            Cow::Owned(target) => Bytes::from(target),
        },
    )
}
