//! Registrations of ours (RFC 3261 section 10): made, refreshed, and ended.

use alloc::sync::Arc;
use core::time::Duration;

use super::UnifiedCoordinator;
use super::closing::Closing;
use super::commands::{bad, check_lines, check_target};
use super::transitions::printable;
use crate::adapter::{contact_at, new_call_id};
use crate::api::{Event, Output, Refuser, RegistrationState};
use crate::base::ids::RegistrationId;
use crate::base::time::Instant;
use crate::registration::{HURRY, Phase, Registration, granted, is_passing, refresh_after, seen_at};
use crate::signaling::{CommandError, MessageDetails};
use crate::wire::frame::{Frame, StartLine};
use crate::wire::path::Path;
use crate::wire::text::parse_leading_seconds;
use crate::wire::uri::Uri;
use crate::wire::{HeaderName, reason_phrase};

/// How long a registrar may take to let us go. Nobody waits longer for that when a program ends.
const LEAVE_MAX: Duration = Duration::from_secs(5);

impl UnifiedCoordinator {
    /// Registers our Contact at the registrar that `uri` names, such as `sip:alice@example.com` (without a user it is that
    /// of the settings), and keeps it registered for `expires` at a time until [`unregister`](Self::unregister).
    ///
    /// What happens comes as [`Event::Registered`] and [`Event::RegistrationFailed`], and at the end as
    /// [`Event::Unregistered`].
    pub fn register(
        &mut self,
        now: Instant,
        uri: &str,
        expires: Duration,
    ) -> Result<RegistrationId, CommandError> {
        self.register_with(now, uri, expires, &[])
    }

    /// The same with header fields of the application. A Route among them leads to an outbound proxy.
    pub fn register_with(
        &mut self,
        now: Instant,
        uri: &str,
        expires: Duration,
        headers: &[(&str, &str)],
    ) -> Result<RegistrationId, CommandError> {
        note!(self, Record::asked(now, Asked::Register { uri, expires, headers: headers.into() }));
        self.advance(now);
        if self.closing != Closing::Open {
            return Err(CommandError::ShuttingDown);
        }
        let target = check_target(uri)?;
        let parsed = Uri::parse(&target).map_err(|_| bad("registrar", "not a SIP URI"))?;
        let lines = check_lines(headers, &target)?;
        let seconds = u32::try_from(expires.as_secs()).unwrap_or(u32::MAX);
        if seconds == 0 {
            return Err(bad("expires", "a registration lasts one second at least; an hour is usual"));
        }
        let board = &mut self.board;
        let full = CommandError::Full { limit: board.config.limits.registrations_max };
        let (call_id, tag) = (new_call_id(board), board.random_text());
        let mut registration = Registration::new(&parsed, &board.config.user, seconds, call_id, tag);
        registration.lines = lines;
        let id = board.registry.add_registration(registration).ok_or_else(|| full.clone())?;
        if board.ask_for_registrar(id) {
            return Ok(id);
        }
        board.registry.remove_registration(id);
        Err(full)
    }

    /// Ends a registration: the registrar is asked to forget our Contact (section 10.2.2), and has five seconds
    /// for it.
    pub fn unregister(&mut self, now: Instant, id: RegistrationId) -> Result<(), CommandError> {
        note!(self, Record::asked(now, Asked::Unregister { registration: id }));
        self.advance(now);
        if self.board.registry.registration(id).is_none() {
            return Err(CommandError::NoSuchRegistration);
        }
        self.leave_registrar(id);
        Ok(())
    }

    /// Where a registration stands; `None` if it is over.
    pub fn registration_state(&self, now: Instant, id: RegistrationId) -> Option<RegistrationState> {
        self.board.registry.registration(id).map(|registration| registration.state(now))
    }

    /// Looks for the registrar and asks it now, whatever it said and whenever the next try was due. What is under way already
    /// goes on if it is younger than a second.
    pub fn retry_registration(&mut self, now: Instant, id: RegistrationId) -> Result<(), CommandError> {
        note!(self, Record::asked(now, Asked::RetryRegistration { registration: id }));
        self.advance(now);
        let found = self.board.registry.registration(id).ok_or(CommandError::NoSuchRegistration)?;
        let young = self.board.now.saturating_since(found.asked_at) < Duration::from_secs(1);
        match found.phase {
            Phase::Asking if young => {}
            Phase::Resolving => {}
            _ => self.register_anew(id),
        }
        Ok(())
    }

    /// The network is another, or is back: what was learned of our address is forgotten, and every registration is made anew
    /// with the address that we have now.
    pub fn network_changed(&mut self, now: Instant) {
        note!(self, Record::asked(now, Asked::NetworkChanged));
        self.advance(now);
        self.board.seen_as.clear();
        for id in self.board.registry.registration_ids() {
            self.register_anew(id);
        }
    }

    fn register_anew(&mut self, id: RegistrationId) {
        let now = self.board.now;
        let Some(registration) = self.board.registry.registration_mut(id) else { return };
        if registration.leaving || registration.phase == Phase::Leaving {
            return;
        }
        registration.failures = 0;
        registration.hurry = Some(now + HURRY);
        registration.stays();
        self.board.drop_register(id);
        self.look_for_registrar(id);
    }

    fn look_for_registrar(&mut self, id: RegistrationId) {
        if !self.board.ask_for_registrar(id) {
            let why = "too many questions for addresses";
            self.registration_failed(id, Failure { phrase: why, ..Failure::of(503, Refuser::Us) });
        }
    }

    /// Ends a registration, whatever that takes.
    pub(super) fn leave_registrar(&mut self, id: RegistrationId) {
        let now = self.board.now;
        let Some(registration) = self.board.registry.registration_mut(id) else { return };
        match registration.phase {
            Phase::Leaving => {}
            // No two at a time (section 10.2).
            Phase::Asking => {
                registration.leaving = true;
                self.board.arm_registration(id, LEAVE_MAX);
            }
            // While it is looked for anew, it still keeps us where it was.
            Phase::Registered | Phase::Waiting | Phase::Resolving if registration.holds(now) => {
                self.board.drop_register(id);
                self.leave_now(id);
            }
            Phase::Registered | Phase::Waiting | Phase::Resolving => self.unregistered(id),
        }
    }

    fn leave_now(&mut self, id: RegistrationId) {
        match self.board.send_register(id, 0) {
            Some(()) => self.board.arm_registration(id, LEAVE_MAX),
            None => self.unregistered(id),
        }
    }

    fn unregistered(&mut self, id: RegistrationId) {
        self.board.end_registration(id, Event::Unregistered { registration: id });
    }

    /// The address of the registrar is known, or will not be.
    pub(super) fn registrar_found(&mut self, id: RegistrationId, found: Result<Path, &str>) {
        let Some(registration) = self.board.registry.registration_mut(id) else { return };
        match found {
            Ok(path) => {
                registration.path = Some(path);
                self.board.note_party(id);
                self.ask_registrar(id);
            }
            Err(why) => {
                self.registration_failed(id, Failure { phrase: why, ..Failure::of(503, Refuser::Network) });
            }
        }
    }

    fn ask_registrar(&mut self, id: RegistrationId) {
        let Some(wanted) = self.board.registry.registration(id).map(|it| it.wanted) else { return };
        if self.board.send_register(id, wanted).is_none() {
            let why = "too many transactions";
            self.registration_failed(id, Failure { phrase: why, ..Failure::of(503, Refuser::Us) });
        }
    }

    /// A response to our REGISTER, or that none came.
    pub(super) fn register_answered(
        &mut self,
        id: RegistrationId,
        status: u16,
        response: Option<(&Frame<'_>, Path)>,
        refuser: Refuser,
    ) {
        let now = self.board.now;
        let Some(registration) = self.board.registry.registration_mut(id) else { return };
        registration.request = None;
        let success = (200..=299).contains(&status);
        match registration.phase {
            Phase::Leaving => return self.unregistered(id),
            _ if registration.leaving && (success || registration.holds(now)) => return self.leave_now(id),
            _ if registration.leaving => return self.unregistered(id),
            _ => {}
        }
        let message = response.map(|(frame, path)| Arc::new(MessageDetails::new(frame, path)));
        let number = |name| response.and_then(|(frame, _)| frame.first(name)).and_then(parse_leading_seconds);
        match (status, response, message) {
            (200..=299, Some((frame, _)), Some(message)) => self.registration_granted(id, frame, message),
            (423, _, message) => {
                let longer = number(HeaderName::MinExpires);
                match longer.filter(|&longer| longer > registration.wanted && !registration.lengthened) {
                    Some(longer) => {
                        registration.lengthened = true;
                        registration.wanted = longer;
                        self.ask_registrar(id);
                    }
                    None => {
                        let phrase = phrase_of(status, response);
                        self.registration_failed(
                            id,
                            Failure { phrase, message, ..Failure::of(status, refuser) },
                        );
                    }
                }
            }
            (_, _, message) => {
                let (phrase, retry_after) = (phrase_of(status, response), number(HeaderName::RetryAfter));
                let failure = Failure { phrase, retry_after, message, ..Failure::of(status, refuser) };
                self.registration_failed(id, failure);
            }
        }
    }

    /// It holds, for as long as the response says of our Contact (section 10.2.4).
    fn registration_granted(&mut self, id: RegistrationId, frame: &Frame<'_>, message: Arc<MessageDetails>) {
        let now = self.board.now;
        let Some(registration) = self.board.registry.registration(id) else { return };
        let own =
            registration.asking.map(|address| contact_at(&self.board.config, address)).unwrap_or_default();
        let Some(expires) = granted(frame, &own, registration.wanted) else {
            let phrase = "the registrar grants our Contact no time";
            let failure = Failure { phrase, message: Some(message), ..Failure::of(200, Refuser::Peer) };
            return self.registration_failed(id, failure);
        };
        // Whoever wants to be asked more seldom than we ask may have meant something else.
        let after = refresh_after(expires.min(registration.wanted), &mut self.board.rng);
        let Some(registration) = self.board.registry.registration_mut(id) else { return };
        registration.phase = Phase::Registered;
        registration.until = Some(now + Duration::from_secs(expires.into()));
        registration.failures = 0;
        registration.failure = None;
        registration.hurry = None;
        registration.lengthened = false;
        registration.bound = registration.asking;
        let path = registration.path;
        self.board.trust_registrar(id, true);
        self.board.arm_registration(id, after);
        let event = Event::Registered { registration: id, expires, message };
        self.board.outbox.push_back(Output::Event(event));
        if let Some(path) = path {
            self.follow_address(id, frame, path);
        }
    }

    /// Behind a NAT the registrar sees us elsewhere than our Contact says (RFC 3581): the Contact follows, now and whenever
    /// that changes.
    fn follow_address(&mut self, id: RegistrationId, frame: &Frame<'_>, path: Path) {
        let seen = seen_at(frame, path.local).filter(|_| self.board.config.learn_contact);
        let Some(seen) = seen else { return };
        let Some(registration) = self.board.registry.registration_mut(id) else { return };
        if registration.asking == Some(seen) {
            return registration.stays();
        }
        if registration.may_move() {
            // Another registration may have told the same already.
            self.board.learn_address(&path, seen);
            if self.board.public_address(&path) == seen {
                self.ask_registrar(id);
            }
        }
    }

    /// It failed: for good, or until the next try.
    fn registration_failed(&mut self, id: RegistrationId, failure: Failure<'_>) {
        let Failure { status, refuser, phrase, retry_after, message } = failure;
        let phrase = printable(if phrase.is_empty() { reason_phrase(status) } else { phrase });
        let passing = is_passing(status) || status == 200;
        let (now, ceiling) = (self.board.now, self.board.config.registration_retry_max);
        let Some(registration) = self.board.registry.registration_mut(id) else { return };
        let pause = || registration.pause(now, &mut self.board.rng, retry_after, refuser, ceiling);
        let pause = passing.then(pause);
        let event =
            Event::RegistrationFailed { registration: id, status, refuser, phrase, retry_in: pause, message };
        let Some(pause) = pause else { return self.board.end_registration(id, event) };
        registration.failures = registration.failures.saturating_add(1);
        registration.failure = Some((status, refuser));
        registration.phase = Phase::Waiting;
        if status == 200 {
            registration.until = None;
            self.board.trust_registrar(id, false);
        }
        self.board.arm_registration(id, pause);
        self.board.outbox.push_back(Output::Event(event));
    }

    /// The timer of a registration is due.
    pub(super) fn registration_due(&mut self, id: RegistrationId) {
        let Some(registration) = self.board.registry.registration_mut(id) else { return };
        registration.timer = None;
        match registration.phase {
            Phase::Registered => {
                registration.refreshes();
                self.ask_registrar(id);
            }
            // Its address may have changed.
            Phase::Waiting => self.look_for_registrar(id),
            Phase::Leaving | Phase::Asking | Phase::Resolving => self.unregistered(id),
        }
    }
}

/// How a REGISTER failed.
struct Failure<'a> {
    status: u16,
    refuser: Refuser,
    phrase: &'a str,
    retry_after: Option<u32>,
    message: Option<Arc<MessageDetails>>,
}

impl Failure<'_> {
    const fn of(status: u16, refuser: Refuser) -> Self {
        Self { status, refuser, phrase: "", retry_after: None, message: None }
    }
}

fn phrase_of<'a>(status: u16, response: Option<(&Frame<'a>, Path)>) -> &'a str {
    match response.map(|(frame, _)| frame.start()) {
        Some(StartLine::Response { reason, .. }) => core::str::from_utf8(reason).unwrap_or_default(),
        _ => Refuser::words_of_silence(status),
    }
}
