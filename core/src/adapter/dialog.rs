//! Actions into SIP (RFC 3261 sections 12, 13 and 15).

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;

use bytes::Bytes;
use smallvec::SmallVec;

use super::modify::{min_se, session_expires, session_expires_reply};
use super::reliable::RELIABLY;
use super::request::Content;
use super::switchboard::ContactText;
use super::{Cause, MediaAdapter, Owner, Parked, Switchboard};
use crate::api::{CallerFrom, CoordinatorConfig, Counter, Reliable, ResolveTarget};
use crate::auth::{Origin, Trust};
use crate::base::ids::{DialogId, SessionId};
use crate::dialog::{Dialog, write_cseq, write_via};
use crate::session::{Input, Role, SessionTimer};
use crate::transaction::Reply;
use crate::wire::build::Writer;
use crate::wire::frame::{Facts, Frame};
use crate::wire::method::Method;
use crate::wire::path::Path;
use crate::wire::text::{Decimal, Sink as _, split_once};
use crate::wire::uri::Host;
use crate::wire::{HeaderList, HeaderName, NameAddr, NextHop, NoHop, SDP_TYPE, reason_phrase, split_values};

/// Carries out the actions that send SIP.
pub(crate) struct DialogAdapter<'a> {
    pub(crate) board: &'a mut Switchboard,
    pub(crate) session: SessionId,
}

impl DialogAdapter<'_> {
    /// Asks for the address of the first hop: the application's first Route, else the target (section 8.1.2).
    pub(crate) fn resolve(&mut self) {
        let session = self.session;
        let out = self.board.registry.session(session).and_then(|session| session.outgoing.as_ref());
        let target = out.and_then(|out| first_hop(&out.headers, &out.target).ok());
        let asked = target.is_some_and(|target| self.board.park(target, Parked::Invite(session)));
        if !asked {
            self.board.follow_ups.push_back((session, Input::NamesFailed));
        }
    }

    /// Sends the INVITE with our offer (RFC 3261 section 13.2.1).
    pub(crate) fn send_invite(&mut self) {
        let sent = self.try_send_invite();
        if sent.is_none() {
            self.board.counters.add(Counter::Internal);
            self.board.follow_ups.push_back((self.session, Input::InviteTimeout));
        }
    }

    fn try_send_invite(&mut self) -> Option<()> {
        self.forget_attempt();
        let board = &mut *self.board;
        let path = board.registry.session(self.session)?.outgoing.as_ref()?.path?;
        let late = board.registry.session(self.session)?.outgoing.as_ref()?.late_offer;
        let mut media = MediaAdapter { board, session: self.session };
        let offer = match late {
            true => {
                media.hear_nobody(&path);
                None
            }
            false => Some(media.offer(path)?),
        };
        let body = board.body_with_parts(self.session, offer);
        let (transaction, branch) = board.layer.begin(board.now, Method::Invite)?;
        let contact = contact(board, &path);
        let out = board.registry.session(self.session)?.outgoing.as_ref()?;
        // Whom a peer names, nobody has given credentials for.
        let trust = match out.named_by_peer || out.redirects.is_some() {
            true => Trust::Flow,
            false => board.trust_in(first_route(&out.headers), &out.target, path.remote),
        };
        let session = board.registry.session_mut(self.session)?;
        session.origin = Origin::Ours(path.remote, trust);
        // The first is 1: any below 2³¹ would do (section 8.1.1.5), but peers that count on one count on this. An
        // INVITE that is tried again has the next number.
        session.sent_cseq = session.sent_cseq.saturating_add(1);
        let cseq = session.sent_cseq;
        session.invite = Some(transaction);
        let out = session.outgoing.as_ref()?;
        let mut writer = Writer::request("INVITE", &out.target);
        write_via(&mut writer, &path, branch.as_bytes());
        writer.header("Max-Forwards", b"70");
        let from = caller(&board.config, &contact, out.from.as_deref());
        writer.header_parts("From", &[&from, b";tag=", &session.local_tag]);
        let called = out.redirects.as_ref().map_or(&out.target[..], |redirects| redirects.called());
        writer.header_parts("To", &[b"<", called, b">"]);
        writer.header("Call-ID", &out.call_id);
        write_cseq(&mut writer, cseq, "INVITE");
        writer.header("Contact", &contact);
        writer.header("Allow", &board.allow);
        writer.header("Supported", board.supported);
        if !board.packages.is_empty() {
            writer.header("Recv-Info", board.packages.as_bytes());
        }
        if board.config.reliable == Reliable::Required {
            writer.header("Require", RELIABLY);
        }
        if let Some(refresh) = session.refresh {
            writer.header("Session-Expires", &session_expires(&refresh));
            writer.header("Min-SE", &min_se(&refresh));
        }
        writer.header("User-Agent", board.config.user_agent.as_bytes());
        writer.raw(&out.headers);
        writer.raw(out.redirects.as_ref().map_or(&[], |redirects| redirects.lines()));
        if let Some(realms) = &mut session.realms {
            let octets = body.as_ref().map_or(&[][..], |(_, body)| body);
            writer.raw(&realms.lines(
                &mut board.keys,
                |place| place == path.remote,
                Method::Invite,
                &out.target,
                octets,
            ));
            board.layer.set_owner(transaction, core::mem::take(&mut realms.chain).0);
        }
        let message = match body {
            Some((kind, body)) => writer.finish_with(&kind, &body),
            None => writer.finish(),
        };
        board.owners.insert(transaction, Owner::Invite(self.session));
        board.launch(path, Some(transaction), message);
        Some(())
    }

    /// The INVITE that was refused is no more of the session, nor are the early dialogs that came of it: the next one
    /// takes its place.
    fn forget_attempt(&mut self) {
        let board = &mut *self.board;
        board.leave_invite(self.session);
        let Some(session) = board.registry.session_mut(self.session) else { return };
        if let Some(out) = &mut session.outgoing {
            out.heard = None;
        }
        let early: SmallVec<[DialogId; 4]> =
            board.registry.dialogs_of(self.session).iter().copied().collect();
        for dialog in early {
            board.drop_early(self.session, dialog);
        }
        // One counter for all that we ask (section 12.2.1.1): a PRACK may have had the number after the INVITE's.
        if let Some(session) = board.registry.session_mut(self.session) {
            session.sent_cseq = session.sent_cseq.max(session.early_cseq);
        }
    }

    /// Acknowledges the 2xx at hand within its dialog, with our answer if it brought an offer, and remembers the ACK
    /// (section 13.2.2.4).
    pub(crate) fn send_ack(&mut self, cause: &Cause<'_>) {
        let (Some(id), Some((_, facts))) = (cause.dialog, cause.message) else { return };
        let branch = self.board.layer.stateless_branch();
        // The session's own number may be that of the peer's re-INVITE by now.
        let cseq = facts.cseq;
        let proofs = self.board.ack_proofs(id);
        let Some(dialog) = self.board.registry.dialog_mut(id) else { return };
        let mut writer = dialog.request("ACK", cseq, branch.as_bytes());
        writer.raw(&proofs);
        let message = match &cause.description {
            Some(answer) => writer.finish_with(SDP_TYPE, answer),
            None => writer.finish(),
        };
        // Which path it takes may not be known yet; what is sent again is sent along the path known then.
        dialog.keep_ack(cseq, message.clone());
        if !self.board.dispatch(id, None, message) {
            tracing::debug!(session = %self.session, "the peer's Contact names no place that an ACK could go to");
        }
    }

    /// Sends the ACK again that the 2xx at hand had.
    pub(crate) fn resend_ack(&mut self, cause: &Cause<'_>) {
        let (Some(id), Some((_, facts))) = (cause.dialog, cause.message) else { return };
        let ack = self.board.registry.dialog(id).and_then(|dialog| dialog.ack_to(facts.cseq).cloned());
        if let Some(ack) = ack {
            self.board.dispatch(id, None, ack);
        }
    }

    /// Acknowledges and hangs up a fork that answered when another had been taken.
    pub(crate) fn refuse_fork(&mut self, cause: &Cause<'_>) {
        let Some(id) = cause.dialog else { return };
        if self.board.registry.dialog(id).is_some_and(Dialog::is_acknowledged) {
            return self.resend_ack(cause);
        }
        let forks_max = self.board.config.limits.forks_max;
        let Some(session) = self.board.registry.session_mut(self.session) else { return };
        if usize::from(session.forks_refused) >= forks_max {
            return self.board.counters.add(Counter::Ignored);
        }
        session.forks_refused = session.forks_refused.saturating_add(1);
        self.send_ack(cause);
        self.bye(id, Owner::Nobody);
    }

    /// Cancels the INVITE (section 9.1).
    pub(crate) fn send_cancel(&mut self) {
        let Some(invite) = self.board.registry.session(self.session).and_then(|session| session.invite)
        else {
            return;
        };
        let parting = self.parting();
        let cancel = self.board.with_layer(|layer, now, send| layer.send_cancel(now, invite, &parting, send));
        if let Some(cancel) = cancel {
            self.board.owners.insert(cancel, Owner::Nobody);
        }
    }

    /// Hangs up within the call's dialog (section 15.1.1).
    pub(crate) fn send_bye(&mut self, dialog: Option<DialogId>) {
        let own = self.board.registry.session(self.session).and_then(|session| session.dialog);
        let dialog = own.or(dialog);
        let sent = dialog.is_some_and(|dialog| self.bye(dialog, Owner::Bye(self.session)));
        if !sent {
            return self.board.follow_ups.push_back((self.session, Input::RxByeDone));
        }
        // Timer F starts when the BYE leaves. While it waits for an address somebody else must watch the time.
        if dialog
            .and_then(|id| self.board.registry.dialog(id))
            .is_some_and(|dialog| !dialog.waiting.is_empty())
        {
            let give_up = self.board.config.timing.give_up();
            self.board.arm(self.session, SessionTimer::GiveUp, give_up);
        }
    }

    /// Header lines of the application for the CANCEL or the BYE.
    fn parting(&self) -> Vec<u8> {
        let session = self.board.registry.session(self.session);
        session.and_then(|session| session.parting.as_deref()).map_or_else(Vec::new, <[u8]>::to_vec)
    }

    fn bye(&mut self, id: DialogId, owner: Owner) -> bool {
        let parting = self.parting();
        let content = Content { lines: &parting, ..Content::default() };
        self.request(id, Method::Bye, owner, content).is_some()
    }

    /// Gives up an INVITE that never got a final response.
    pub(crate) fn abandon_invite(&mut self) {
        let invite = self.board.registry.session(self.session).and_then(|session| session.invite);
        if let Some(invite) = invite {
            self.board.layer.give_up(self.board.now, invite);
            self.board.leave_invite(self.session);
        }
    }

    /// 200 to the INVITE, with our answer or our late offer (section 13.3.1.4).
    pub(crate) fn send_answer(&mut self, cause: &Cause<'_>) {
        let body = MediaAdapter { board: self.board, session: self.session }.description();
        let sent = self.board.registry.session_mut(self.session).and_then(|it| it.provisional.as_mut());
        let kept = sent.map(|sent| core::mem::take(&mut sent.answer_headers)).unwrap_or_default();
        if kept.is_empty() {
            self.respond_invite(200, cause, body);
        } else {
            // They came with the command, which had to wait for a PRACK.
            let fields: Vec<(&str, &str)> =
                kept.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let headers = HeaderList::new(&fields).unwrap_or_default();
            self.respond_invite(200, &Cause { headers, ..Cause::default() }, body);
        }
        let Some(session) = self.board.registry.session_mut(self.session) else { return };
        session.details = None;
        session.provisional = session.provisional.take().filter(|sent| sent.waits);
        let dialog = session.dialog;
        if let Some(dialog) = dialog.and_then(|id| self.board.registry.dialog_mut(id)) {
            dialog.confirmed = true;
        }
    }

    /// 200 to a re-INVITE.
    pub(crate) fn send_reanswer(&mut self, cause: &mut Cause<'_>) {
        let (Some(transaction), Some((frame, facts))) = (cause.transaction, cause.message) else { return };
        let Some(session) = self.board.registry.session_mut(self.session) else { return };
        // A 200 whose ACK has not come has arrived all the same, if the peer asks for more: it is not sent again.
        if let Some(proven) = session.reinvite.or(session.invite) {
            self.board.layer.forget_message(proven);
        }
        session.reinvite = Some(transaction);
        session.invite_cseq = facts.cseq;
        session.refresh = cause.refresh;
        if let Some(media) = &mut session.media {
            media.next_plan = cause.plan.take().map(Arc::new);
        }
        let contacts = self.board.config.peer_contacts;
        if let Some(dialog) = session.dialog.and_then(|id| self.board.registry.dialog_mut(id)) {
            dialog.refresh_target(frame, contacts);
        }
        let description = cause.description.take();
        self.respond_session(transaction, 200, cause, description);
    }

    /// The 200 again; the next repeat comes after twice the time, at most T2 (section 13.3.1.4).
    pub(crate) fn repeat_answer(&mut self) {
        let timing = self.board.config.timing;
        let Some(session) = self.board.registry.session_mut(self.session) else { return };
        session.repeats = session.repeats.saturating_add(1);
        let after = timing.t1.saturating_mul(1 << session.repeats.min(16)).min(timing.t2);
        let transaction = session.reinvite.or(session.invite);
        if let Some(transaction) = transaction {
            self.board.with_layer(|layer, _, send| layer.resend_response(transaction, send));
            let left = self.board.layer.left(transaction);
            if let Some(session) = self.board.registry.session_mut(self.session) {
                session.left = left;
            }
        }
        self.board.arm(self.session, SessionTimer::AnswerRepeat, after);
    }

    /// A final refusal of the INVITE.
    pub(crate) fn send_reject(&mut self, status: u16, cause: &Cause<'_>) {
        self.respond_invite(status, cause, None);
    }

    /// 200 to the BYE at hand.
    pub(crate) fn confirm_bye(&mut self, cause: &Cause<'_>) {
        if let Some(transaction) = cause.transaction {
            self.board.respond_plain(transaction, 200);
        }
    }

    /// 500 with Retry-After to the request at hand (sections 14.2 and 21.5.1).
    pub(crate) fn refuse_for_now(&mut self, cause: &Cause<'_>) {
        if let Some(transaction) = cause.transaction {
            let seconds = format!("{}", self.board.rng.next_u32() % 11);
            self.board.respond_with(
                transaction,
                500,
                "Another Request Is Under Way",
                &[("Retry-After", seconds.as_bytes())],
            );
        }
    }

    /// 491 to the offer at hand: it crosses one of ours (section 14.2; RFC 3311 section 5.2).
    pub(crate) fn refuse_crossing(&mut self, cause: &Cause<'_>) {
        if let Some(transaction) = cause.transaction {
            self.board.respond_plain(transaction, 491);
        }
    }

    /// 481 to the request at hand.
    pub(crate) fn reply_gone(&mut self, cause: &Cause<'_>) {
        if let Some(transaction) = cause.transaction {
            self.board.respond_plain(transaction, 481);
        }
    }

    pub(super) fn respond_invite(&mut self, status: u16, cause: &Cause<'_>, body: Option<Vec<u8>>) {
        let Some(invite) = self.board.registry.session(self.session).and_then(|session| session.invite)
        else {
            return;
        };
        self.respond_session(invite, status, cause, body);
    }

    /// A response that belongs to the session: it carries the session's tag and, where a dialog comes of it, Contact.
    pub(crate) fn respond_session(
        &mut self,
        transaction: crate::transaction::TransactionId,
        status: u16,
        cause: &Cause<'_>,
        body: Option<Vec<u8>>,
    ) {
        let invite = self.board.registry.session(self.session).and_then(|session| session.invite);
        // What the application adds goes along with the answer to the call, and only there.
        let body = match Some(transaction) == invite && (200..=299).contains(&status) {
            true => self.board.body_with_parts(self.session, body),
            false => body.map(|body| (SDP_TYPE.into(), body)),
        };
        let Some(session) = self.board.registry.session(self.session) else { return };
        // Before the answer a caller has only the dialogs of those who ask.
        let dialog = session.dialog.or(cause.dialog).and_then(|id| self.board.registry.dialog(id));
        // The answer to the INVITE begins the session, and only then there is something to refresh.
        let lasts = Some(transaction) == invite || dialog.is_some_and(|dialog| dialog.confirmed);
        let path = dialog.map(|dialog| dialog.path);
        let in_dialog = status < 300;
        let path = path.filter(|_| in_dialog);
        let contact = path.map(|path| contact_block(self.board, &path)).unwrap_or_default();
        let Some(session) = self.board.registry.session(self.session) else { return };
        let tag = session.local_tag;
        let agent = self.board.agent.clone();
        let refresh = session.refresh.filter(|_| lasts && (200..=299).contains(&status));
        let timer = refresh.map(|refresh| session_expires_reply(&refresh));
        let (allow, packages) = (self.board.allow.clone(), self.board.packages.clone());
        let sent = session.unacknowledged().filter(|_| (101..=199).contains(&status));
        let rseq = sent.map(|sent| Decimal::new(u64::from(sent.rseq)));
        let mut extra: SmallVec<[(&str, &[u8]); 8]> = SmallVec::new();
        if in_dialog {
            extra.push(("Contact", &contact));
        }
        if let Some(rseq) = &rseq {
            extra.extend([("Require", RELIABLY), ("RSeq", rseq.as_bytes()), ("Allow", &allow[..])]);
        }
        if (200..=299).contains(&status) {
            extra.extend([
                ("Allow", &allow[..]),
                ("Supported", self.board.supported),
                ("Server", agent.as_bytes()),
            ]);
            if !packages.is_empty() {
                extra.push(("Recv-Info", packages.as_bytes()));
            }
        }
        if let (Some(timer), Some(refresh)) = (&timer, refresh) {
            extra.push(("Session-Expires", timer));
            // Who does not know session timers must not be asked to (RFC 4028 section 9).
            if refresh.peer_knows {
                extra.push(("Require", b"timer"));
            }
        }
        if (300..=399).contains(&status) && !cause.contacts.is_empty() {
            extra.push(("Contact", cause.contacts));
        }
        extra.extend(cause.headers.iter().map(|(name, value)| (name, value.as_bytes())));
        // What was received is no phrase for what is sent.
        let phrase = if cause.message.is_some() { "" } else { cause.phrase };
        let reason = if phrase.is_empty() { reason_phrase(status) } else { phrase };
        let body = body.as_ref().map(|(kind, body)| (kind.as_ref(), &body[..]));
        let reply =
            Reply { status, reason, to_tag: Some(&tag), record_route: in_dialog, extra: &extra, body };
        self.board.respond(transaction, reply);
    }

    /// The dialog that a response with a To tag belongs to, made if it is new (section 12.1.2).
    pub(crate) fn dialog_for(&mut self, frame: &Frame<'_>, facts: &Facts<'_>) -> Option<DialogId> {
        let limits = self.board.config.limits;
        if let Some(id) = self.board.registry.dialog_of(self.session, facts.to_tag, facts.call_id) {
            return Some(id);
        }
        let session = self.board.registry.session(self.session)?;
        let call_id = self.board.call_id(session);
        if session.role != Role::Uac
            || facts.from_tag != Some(&session.local_tag)
            || call_id.is_some_and(|call_id| call_id != facts.call_id)
        {
            return None;
        }
        // Any number of forks may ring, but whoever answers is acknowledged (section 13.2.2.4): one that does not
        // matter makes room.
        let answered = frame.status().is_some_and(|status| status >= 200);
        if session.dialogs.len() >= limits.forks_max.saturating_add(usize::from(answered)) {
            let others = || session.dialogs.iter().copied().filter(|&id| session.dialog != Some(id));
            let rings = |&id: &DialogId| {
                self.board.registry.dialog(id).is_some_and(|dialog| !dialog.is_acknowledged())
            };
            let idle = others().find(rings).or_else(|| others().next()).filter(|_| answered)?;
            self.board.drop_early(self.session, idle);
        }
        let session = self.board.registry.session(self.session)?;
        // Which of our INVITEs it answers, its branch says.
        let path = self.board.layer.path(self.board.layer.client_of(frame, facts)?)?;
        let target = session.outgoing.as_ref().map(|out| out.target.clone()).unwrap_or_default();
        let early_cseq = session.early_cseq;
        let mut dialog = Dialog::from_response(self.session, frame, facts, path, &target, limits.routes_max)?;
        dialog.count_from(early_cseq);
        self.board.registry.add_dialog(dialog)
    }
}

/// Our Contact value towards `path`.
pub(crate) fn contact(board: &Switchboard, path: &Path) -> ContactText {
    let address = board.public_address(path);
    match &board.contact {
        (at, text) if *at == Some(address) => ContactText::from_slice(text),
        _ => contact_at(&board.config, address),
    }
}

/// The same, written once for all that have the same.
fn contact_block(board: &mut Switchboard, path: &Path) -> ContactText {
    let text = contact(board, path);
    let address = Some(board.public_address(path));
    if board.contact.0 != address {
        board.contact = (address, ContactText::from_slice(&text));
    }
    text
}

/// Our Contact value with this address.
pub(crate) fn contact_at(config: &CoordinatorConfig, address: SocketAddr) -> ContactText {
    let mut text = ContactText::new();
    text.put(b"<sip:");
    text.put(config.user.as_bytes());
    text.put(b"@");
    text.put_address(address);
    text.put(b">");
    text
}

/// What we call ourselves outside a dialog: our address-of-record, or what stands in Contact.
pub(super) fn own_address<'a>(config: &CoordinatorConfig, contact: &'a [u8]) -> Cow<'a, [u8]> {
    match &config.address_of_record {
        Some(address) => Cow::Owned(format!("<{address}>").into_bytes()),
        None => Cow::Borrowed(contact),
    }
}

/// Who calls: From before its tag (section 8.1.1.3), as the settings or this one call have it.
fn caller(config: &CoordinatorConfig, contact: &[u8], from: Option<&CallerFrom>) -> Vec<u8> {
    if let Some(anonymous) = from.and_then(|from| from.anonymous) {
        return anonymous.into();
    }
    let display = from.and_then(|from| from.display_name.as_deref()).or(config.display_name.as_deref());
    let mut text = display.map(quoted).unwrap_or_default();
    let own = own_address(config, contact);
    match from.and_then(|from| from.user.as_deref()) {
        Some(user) => {
            // The place of our address, whoever is there.
            let place = own.iter().position(|&octet| octet == b'@').map_or(&[][..], |at| own.split_at(at).1);
            text.extend_from_slice(b"<sip:");
            text.extend_from_slice(user.as_bytes());
            text.extend_from_slice(place);
        }
        None => text.extend_from_slice(&own),
    }
    text
}

/// Where a request outside any dialog goes first: the application's first Route, else the target (section 8.1.2).
pub(crate) fn first_hop(lines: &[u8], target: &[u8]) -> Result<ResolveTarget, NoHop> {
    let hop = match first_route(lines) {
        Some(route) => NextHop::of(NameAddr::parse(route).ok_or(NoHop::Place)?.uri)?,
        None => NextHop::of(target)?,
    };
    let host = match hop.host {
        Host::V4(ip) => format!("{ip}"),
        Host::V6(ip) => format!("{ip}"),
        Host::Name(name) => String::from_utf8(name.to_vec()).map_err(|_| NoHop::Place)?,
    };
    Ok(ResolveTarget { host, port: hop.port, transport: crate::wire::path::Transport::Udp })
}

/// The first Route value among header lines of the application.
pub(super) fn first_route(lines: &[u8]) -> Option<&[u8]> {
    let mut fields = lines.split(|&byte| byte == b'\n').filter_map(|line| split_once(line, b':'));
    let (_, value) = fields.find(|(name, _)| HeaderName::from_text(name) == HeaderName::Route)?;
    split_values(value).next()
}

/// A display name as a quoted-string and the space after it (section 25.1).
pub(super) fn quoted(name: &str) -> Vec<u8> {
    let mut text = Vec::with_capacity(name.len() + 3);
    text.push(b'"');
    for byte in name.bytes() {
        if matches!(byte, b'"' | b'\\') {
            text.push(b'\\');
        }
        text.push(byte);
    }
    text.extend_from_slice(b"\" ");
    text
}

/// The Call-ID of a new call: random, with no host in it, which nobody needs to know.
pub(crate) fn new_call_id(board: &mut Switchboard) -> Bytes {
    Bytes::copy_from_slice(&board.random_text())
}
