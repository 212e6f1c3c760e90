//! Actions that change the media of a call that is up, and those that refresh it (RFC 3261 section 14).

use alloc::boxed::Box;
use core::time::Duration;

use smallvec::SmallVec;

use super::request::Content;
use super::{Cause, DialogAdapter, MediaAdapter, Owner, Purpose, contact};
use crate::api::{Counter, Event, OfferMethod, Output};
use crate::base::ids::DialogId;
use crate::session::{Input, Offering, Refresh, Refresher, Role, SessionTimer};
use crate::transaction::ClientEventKind;
use crate::transaction::table::State as TxState;
use crate::wire::SDP_TYPE;
use crate::wire::method::Method;
use crate::wire::text::Decimal;

/// How long a re-INVITE may go without a final response once a provisional one has come. No person is asked about it
/// in most devices, but in some one is.
const OFFER_PATIENCE: Duration = Duration::from_secs(180);

/// A refresh that is due while something else is under way waits this long.
pub(crate) const REFRESH_LATER: Duration = Duration::from_secs(5);

/// The value of Session-Expires or Min-SE.
type Value = SmallVec<[u8; 32]>;

impl DialogAdapter<'_> {
    /// Sends our offer in a re-INVITE (section 14.1), or in an UPDATE (RFC 3311 section 5.1) if that is wanted and the
    /// peer allows it.
    pub(crate) fn send_offer(&mut self) {
        if self.try_send_offer().is_none() {
            self.board.counters.add(Counter::Internal);
            self.board.follow_ups.push_back((self.session, Input::RxOfferRefused));
        }
    }

    fn try_send_offer(&mut self) -> Option<()> {
        let session = self.board.registry.session(self.session)?;
        let id = session.dialog.or_else(|| session.outgoing.as_ref()?.heard)?;
        let by = session.media.as_ref()?.by;
        let dialog = self.board.registry.dialog(id)?;
        // Before the answer there is only UPDATE, and nothing yet to refresh.
        let invite = dialog.confirmed && (by == OfferMethod::Reinvite || !dialog.update_allowed);
        let refresh = session.refresh.filter(|_| dialog.confirmed);
        let path = dialog.path;
        let before = self.board.registry.session(self.session)?.media.as_ref()?;
        let (unissued, version) = (before.unissued, before.sdp_version);
        let offer = MediaAdapter { board: self.board, session: self.session }.reoffer(&path)?;
        let media = self.board.registry.session_mut(self.session)?.media.as_mut()?;
        // Until it leaves.
        media.unissued = unissued || media.sdp_version != version;
        let contact = contact(self.board, &path);
        let timer = refresh.map(|refresh| [session_expires(&refresh), min_se(&refresh)]);
        let allow = self.board.allow.clone();
        let mut headers: SmallVec<[(&str, &[u8]); 5]> = SmallVec::new();
        headers.extend([
            ("Contact", contact.as_slice()),
            ("Allow", &allow),
            ("Supported", self.board.supported),
        ]);
        if let Some([session_expires, min_se]) = &timer {
            headers.extend([("Session-Expires", session_expires.as_slice()), ("Min-SE", min_se.as_slice())]);
        }
        let method = if invite { Method::Invite } else { Method::Update };
        let owner = Owner::Request { session: self.session, purpose: Purpose::Offer };
        let content = Content { headers: &headers, body: Some((SDP_TYPE, &offer)), ..Content::default() };
        let transaction = self.request(id, method, owner, content)?;
        let media = self.board.registry.session(self.session)?.media.as_ref()?;
        let refreshes = refresh.is_some() && media.made == media.said;
        let made = media.made;
        let (rseq, answer) = (None, None);
        let offering = Offering { dialog: id, transaction, invite, offer, made, refreshes, rseq, answer };
        self.board.registry.session_mut(self.session)?.offering = Some(Box::new(offering));
        self.board.arm(self.session, SessionTimer::Offer, OFFER_PATIENCE);
        Some(())
    }

    /// Acknowledges the 2xx to our offer, if it was an INVITE that carried it.
    pub(crate) fn ack_offer(&mut self, cause: &Cause<'_>) {
        let Some(session) = self.board.registry.session_mut(self.session) else { return };
        if session.offering.take().is_some_and(|offering| offering.invite) {
            self.send_ack(cause);
        }
    }

    /// Gives up our offer, and the wish behind it unless there is a newer one.
    pub(crate) fn withdraw_offer(&mut self) {
        let Some(session) = self.board.registry.session_mut(self.session) else { return };
        // One that could not even be sent was made of all that is wanted: to try again at once would never end.
        let made = session.offering.take().map(|offering| offering.made);
        if let Some(media) = &mut session.media
            && made.is_none_or(|made| media.wish == made)
        {
            media.wanted = media.agreed;
            media.codecs = media.agreed_codecs.clone();
            media.said = media.wish;
        }
    }

    /// An offer of ours has no answer that can be used: all is as it was before. The 2xx to a re-INVITE gets its ACK.
    pub(crate) fn keep_media(&mut self, cause: &Cause<'_>) {
        let Some(session) = self.board.registry.session_mut(self.session) else { return };
        match (&session.offering, &mut session.media) {
            (Some(offering), _) => {
                let invite = offering.invite;
                self.withdraw_offer();
                if invite {
                    self.send_ack(cause);
                }
            }
            // The offer was in our 200.
            (None, Some(media)) => media.take_back(),
            (None, None) => {}
        }
    }

    /// Gives up our offer. A re-INVITE that was sent may still be answered, and wants its ACK then.
    pub(crate) fn abandon_offer(&mut self) {
        let Some(session) = self.board.registry.session_mut(self.session) else { return };
        let Some(offering) = session.offering.take() else { return };
        let transaction = offering.transaction;
        let sent = self.board.layer.state(transaction).is_some_and(|(_, state)| state != TxState::Idle);
        if offering.invite && sent {
            self.board.layer.give_up(self.board.now, transaction);
            return self.board.listen_on(self.session, transaction);
        }
        self.board.withdraw(offering.dialog, transaction);
        self.board.owners.remove(transaction);
        self.board.layer.abandon(transaction);
    }

    /// How long to wait until an offer is made again that crossed one of the peer's (section 14.1).
    pub(crate) fn glare_pause(&mut self) -> Duration {
        let owner = self.board.registry.session(self.session).is_some_and(|it| it.role == Role::Uac);
        let random = u64::from(self.board.rng.next_u32());
        let centiseconds = if owner { 210 + random % 191 } else { random % 201 };
        Duration::from_millis(centiseconds * 10)
    }

    /// Starts the wait for the next try of our offer.
    pub(crate) fn arm_offer_again(&mut self, cause: &Cause<'_>) {
        let pause = cause.pause.unwrap_or_else(|| self.glare_pause());
        if let Some(session) = self.board.registry.session_mut(self.session) {
            session.offering = None;
            if let Some(media) = &mut session.media {
                media.take_back();
            }
        }
        self.board.arm(self.session, SessionTimer::Offer, pause);
    }

    /// 200 to an UPDATE (RFC 3311 section 5.2), with our answer if it brought an offer.
    pub(crate) fn send_update_answer(&mut self, cause: &mut Cause<'_>) {
        let (Some(transaction), Some(id)) = (cause.transaction, cause.dialog) else { return };
        let (refresh, body) = (cause.refresh, cause.description.take());
        let contacts = self.board.config.peer_contacts;
        if let Some((frame, _)) = cause.message
            && let Some(dialog) = self.board.registry.dialog_mut(id)
        {
            dialog.refresh_target(frame, contacts);
        }
        // Before the answer there is no session to be refreshed: what the INVITE has asked for stands.
        if self.board.registry.dialog(id).is_some_and(|dialog| dialog.confirmed)
            && let Some(session) = self.board.registry.session_mut(self.session)
        {
            session.refresh = refresh;
        }
        self.respond_session(transaction, 200, cause, body);
    }

    /// Refreshes the session by an UPDATE without offer (RFC 4028 section 7.4).
    pub(crate) fn send_refresh(&mut self) {
        if self.try_send_refresh().is_none() {
            // There is no room for it, and there may be in a while.
            self.board.counters.add(Counter::Overload);
            self.board.arm(self.session, SessionTimer::Refresh, REFRESH_LATER);
        }
    }

    fn try_send_refresh(&mut self) -> Option<()> {
        let session = self.board.registry.session(self.session)?;
        let (id, refresh) = (session.dialog?, session.refresh?);
        let contact = contact(self.board, &self.board.registry.dialog(id)?.path);
        let (session_expires, min_se) = (session_expires(&refresh), min_se(&refresh));
        let headers = [
            ("Contact", contact.as_slice()),
            ("Supported", self.board.supported),
            ("Session-Expires", session_expires.as_slice()),
            ("Min-SE", min_se.as_slice()),
        ];
        let owner = Owner::Request { session: self.session, purpose: Purpose::Refresh };
        let content = Content { headers: &headers, ..Content::default() };
        self.request(id, Method::Update, owner, content).map(|_| ())
    }

    /// Starts the timers of what was agreed about refreshing. If they run already, this is a refresh, `by_us` or by the
    /// peer, and the application is told.
    pub(crate) fn arm_refresh(&mut self, by_us: bool) {
        let Some(session) = self.board.registry.session_mut(self.session) else { return };
        (session.refresh_refused, session.refresh_tries) = (None, 0);
        let (refresh, tag) = (session.refresh, session.tag);
        let running = session.timers.get(SessionTimer::Expiry as usize).is_some_and(Option::is_some);
        self.board.disarm(self.session, SessionTimer::Refresh);
        self.board.disarm(self.session, SessionTimer::Expiry);
        let Some(refresh) = refresh else { return };
        if let Some(after) = refresh.refresh_after() {
            self.board.arm(self.session, SessionTimer::Refresh, after);
        }
        self.board.arm(self.session, SessionTimer::Expiry, refresh.expires_after());
        if running {
            let event = Event::Refreshed { session: self.session, tag, by_us };
            self.board.outbox.push_back(Output::Event(event));
        }
    }

    /// A 2xx that came again, or to an offer that is no more: its ACK, made anew.
    pub(crate) fn ack_again(&mut self, id: DialogId, cseq: u32, kind: ClientEventKind) {
        if kind != ClientEventKind::Success {
            return;
        }
        let branch = self.board.layer.stateless_branch();
        let proofs = self.board.ack_proofs(id);
        let Some(dialog) = self.board.registry.dialog(id) else { return };
        let mut writer = dialog.request("ACK", cseq, branch.as_bytes());
        writer.raw(&proofs);
        let message = writer.finish();
        self.board.dispatch(id, None, message);
    }
}

/// Session-Expires as we send it in a request: the UAC of that request are we.
pub(crate) fn session_expires(refresh: &Refresh) -> Value {
    let side: &[u8] = match refresh.refresher {
        Refresher::Us => b";refresher=uac",
        Refresher::Peer => b";refresher=uas",
    };
    value(refresh.interval, side)
}

/// Session-Expires as we send it in a 2xx: the UAC of the request is the peer.
pub(crate) fn session_expires_reply(refresh: &Refresh) -> Value {
    let side: &[u8] = match refresh.refresher {
        Refresher::Us => b";refresher=uas",
        Refresher::Peer => b";refresher=uac",
    };
    value(refresh.interval, side)
}

/// Min-SE.
pub(crate) fn min_se(refresh: &Refresh) -> Value {
    value(refresh.min_se, b"")
}

fn value(seconds: u32, rest: &[u8]) -> Value {
    let mut text = Value::new();
    text.extend_from_slice(Decimal::new(u64::from(seconds)).as_bytes());
    text.extend_from_slice(rest);
    text
}
