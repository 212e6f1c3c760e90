//! What the application may ask for.

use alloc::boxed::Box;
use alloc::string::ToString;

use bytes::Bytes;

use super::UnifiedCoordinator;
use super::closing::Closing;
use crate::adapter::{Cause, MediaAdapter, first_hop, new_call_id};
use crate::api::{CallerIdentity, Counter, InviteParams, Output};
use crate::base::ids::{SessionId, UserTag};
use crate::base::time::Instant;
use crate::media::{DtmfDigits, MediaCommand};
use crate::session::{Input, Outgoing, Refresh, Role, Session};
use crate::signaling::CommandError;
use crate::wire::refer::ReferTo;
use crate::wire::uri::{Uri, UriError};
use crate::wire::{BadHeader, HeaderList, NextHop, NoHop, check_text};

impl UnifiedCoordinator {
    /// Places a call. The outcome comes as events of the session.
    pub fn invite(&mut self, now: Instant, params: InviteParams<'_>) -> Result<SessionId, CommandError> {
        note!(self, Record::invite(now, &params));
        self.advance(now);
        let target = self.target_of(params.target)?;
        let (from, more) = params.identity.check()?;
        let mut headers = check_lines(params.headers, &target)?;
        if !more.is_empty() {
            headers = [&headers[..], &more].concat().into();
        }
        let id = self.create_caller(target, headers, &params)?;
        if params.identity != CallerIdentity::default()
            && let Some(out) = self.board.registry.session_mut(id).and_then(|it| it.outgoing.as_mut())
        {
            out.from = Some(Box::new(from));
        }
        self.step(id, Input::MakeCall, Cause::default())?;
        Ok(id)
    }

    /// Makes the session of an outgoing call, which is yet to be placed. Target and headers are checked already, those in
    /// `params` do not count.
    pub(super) fn create_caller(
        &mut self,
        target: Bytes,
        headers: Bytes,
        params: &InviteParams<'_>,
    ) -> Result<SessionId, CommandError> {
        if self.closing != Closing::Open {
            return Err(CommandError::ShuttingDown);
        }
        let board = &mut self.board;
        let full = CommandError::Full { limit: board.config.limits.sessions_max };
        if board.registry.is_full() {
            return Err(full);
        }
        board.ask_for_ports();
        if board.ports.is_empty() {
            return Err(CommandError::NoMediaPort);
        }
        let nonce = board.secret.next_u64();
        let tag = params.tag;
        let id = board.registry.create(nonce, |text| Session::new(Role::Uac, text, tag)).ok_or(full)?;
        let outgoing = Outgoing {
            target,
            headers,
            call_id: new_call_id(board),
            path: None,
            redirects: None,
            ring_timeout: params.ring_timeout.unwrap_or(board.config.ring_timeout),
            late_offer: params.late_offer,
            heard: None,
            named_by_peer: false,
            from: None,
        };
        let refresh = board.config.session_expires;
        let min_se = u32::try_from(board.config.min_se.as_secs()).unwrap_or(u32::MAX);
        if let Some(session) = board.registry.session_mut(id) {
            session.outgoing = Some(Box::new(outgoing));
            session.refresh = refresh.map(|interval| Refresh::wanted(interval, min_se));
        }
        let sdp_id = board.rng.next_u64() >> 2;
        let mut media = MediaAdapter { board, session: id };
        if !(media.begin(sdp_id) && media.lease()) {
            media.close();
            board.registry.remove(id);
            return Err(CommandError::NoMediaPort);
        }
        board.counters.add(Counter::Sessions);
        Ok(id)
    }

    /// Lets the caller hear it ring (180).
    pub fn ring(&mut self, now: Instant, session: SessionId) -> Result<(), CommandError> {
        note!(self, Record::Ring { now, session });
        self.advance(now);
        self.ring_now(session, HeaderList::EMPTY)
    }

    /// Takes an incoming call.
    pub fn answer(&mut self, now: Instant, session: SessionId) -> Result<(), CommandError> {
        note!(self, Record::Answer { now, session });
        self.advance(now);
        self.answer_now(session, HeaderList::EMPTY)
    }

    /// Refuses an incoming call with a status from 300 to 699.
    pub fn reject(&mut self, now: Instant, session: SessionId, status: u16) -> Result<(), CommandError> {
        note!(self, Record::Reject { now, session, status });
        self.advance(now);
        self.reject_now(session, status, HeaderList::EMPTY)
    }

    pub(super) fn reject_now(
        &mut self,
        session: SessionId,
        status: u16,
        headers: HeaderList<'_>,
    ) -> Result<(), CommandError> {
        check_refusal(status)?;
        self.step(session, Input::Reject, Cause { status: Some(status), headers, ..Cause::default() })
    }

    /// Ends the call, whatever that takes: CANCEL, BYE, a refusal, or BYE once the ACK has come. Ending a call twice
    /// is no mistake.
    pub fn hangup(&mut self, now: Instant, session: SessionId) -> Result<(), CommandError> {
        note!(self, Record::Hangup { now, session });
        self.advance(now);
        self.hangup_now(session, HeaderList::EMPTY)
    }

    /// Sends digits as telephone-events (RFC 4733) in the call's audio stream, or by INFO to a peer that takes none, if the
    /// settings allow that.
    pub fn send_dtmf(&mut self, now: Instant, session: SessionId, digits: &str) -> Result<(), CommandError> {
        note!(self, Record::SendDtmf { now, session, digits });
        self.advance(now);
        let parsed: Result<DtmfDigits, _> = digits.parse();
        let digits =
            parsed.map_err(|error| CommandError::BadArgument { what: "digits", why: error.to_string() })?;
        let Some(found) = self.board.registry.session(session) else { return Err(CommandError::NoSuchCall) };
        let state = found.state.as_str();
        let Some(media) = found.media.as_ref().filter(|media| media.open) else {
            return Err(CommandError::WrongState { command: "send digits in", state });
        };
        if media.plan.as_ref().is_none_or(|plan| plan.send_dtmf.is_none()) {
            if self.board.config.dtmf_by_info {
                return self.send_keys(session, &digits);
            }
            let why = "the other side takes no telephone-events".to_string();
            return Err(CommandError::BadArgument { what: "digits", why });
        }
        let command = MediaCommand::SendDtmf { media: media.id, digits };
        self.board.outbox.push_back(Output::Media(command));
        Ok(())
    }

    /// Sets the application's name for a session.
    pub fn set_tag(&mut self, session: SessionId, tag: UserTag) -> Result<(), CommandError> {
        note!(self, Record::SetTag { session, tag });
        let session = self.board.registry.session_mut(session).ok_or(CommandError::NoSuchCall)?;
        session.tag = tag;
        Ok(())
    }
}

/// Whether `status` refuses something.
pub(super) fn check_refusal(status: u16) -> Result<(), CommandError> {
    if matches!(status, 401 | 407) {
        let why =
            "a challenge needs credentials to ask for, and there are none to check them against".to_string();
        return Err(CommandError::BadArgument { what: "status", why });
    }
    if !(300..=699).contains(&status) {
        let why = alloc::format!(
            "{status} is no final refusal; use 300 to 699, such as 486 (busy) or 603 (declined)"
        );
        return Err(CommandError::BadArgument { what: "status", why });
    }
    Ok(())
}

pub(super) fn bad(what: &'static str, why: impl core::fmt::Display) -> CommandError {
    CommandError::BadArgument { what, why: why.to_string() }
}

pub(super) fn check_target(target: &str) -> Result<Bytes, CommandError> {
    check_text(target).map_err(|error| bad("target", error))?;
    match Uri::parse(target.as_bytes()) {
        Ok(uri) if uri.headers.is_some() => {
            return Err(bad("target", "headers in the URI (after '?') are not sent"));
        }
        Ok(uri) if uri.param("transport").is_some_and(|value| value.is_none_or(<[u8]>::is_empty)) => {
            return Err(bad("target", "the parameter transport has no value"));
        }
        Ok(uri) if uri.next_hop().is_number() => {
            let why = alloc::format!(
                "{} is no host: an address has four numbers, and a name ends with letters",
                uri.next_hop()
            );
            return Err(bad("target", why));
        }
        Ok(_) => {}
        Err(UriError::Scheme) => {
            return Err(bad("target", "a URI to call begins with sip: or tel:, such as sip:bob@192.0.2.7"));
        }
        Err(_) => return Err(bad("target", "not a SIP URI; one looks like sip:bob@192.0.2.7:5060")),
    }
    NextHop::of(target.as_bytes()).map_err(|error| no_hop("target", error))?;
    // The method of a URI belongs to no Request-URI (RFC 3261 section 19.1.1).
    let named = ReferTo::of(target.as_bytes()).map(|named| named.target());
    Ok(named
        .map_or_else(|| Bytes::copy_from_slice(target.as_bytes()), |target| Bytes::from(target.into_owned())))
}

/// Header lines of a request outside any dialog: what its first Route says is where it goes.
pub(super) fn check_lines(headers: &[(&str, &str)], target: &[u8]) -> Result<Bytes, CommandError> {
    let lines = check_headers(headers)?.lines();
    first_hop(&lines, target).map_err(|error| no_hop("Route", error))?;
    Ok(lines)
}

fn no_hop(what: &'static str, error: NoHop) -> CommandError {
    match error {
        NoHop::Transport(transport) => CommandError::UnsupportedTransport { what, transport },
        NoHop::Place => bad(what, error),
    }
}

/// The application's headers; what the stack writes itself may not come twice.
pub(super) fn check_headers<'a>(headers: &'a [(&'a str, &'a str)]) -> Result<HeaderList<'a>, CommandError> {
    HeaderList::new(headers).map_err(|error| {
        let value = matches!(error, BadHeader::Value { .. });
        bad(if value { "header value" } else { "header name" }, error)
    })
}
