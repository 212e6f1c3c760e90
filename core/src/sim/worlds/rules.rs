//! What the two users may be told.

use alloc::format;
use alloc::string::String;

use super::Act;
use super::parties::History;
use crate::api::{EndReason, Event};
use crate::base::ids::SessionId;

/// What a user was told of the call, and asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Told {
    pub(super) incoming: bool,
    pub(super) answered: bool,
    pub(super) confirmed: bool,
    pub(super) ended: Option<(EndReason, Option<u16>)>,
    pub(super) hung_up: bool,
    pub(super) accepted: bool,
    /// Whether the script has anything that changes a call.
    pub(super) changes: bool,
    /// Whether the user wants to hold the call.
    wants_hold: bool,
    /// Whether something was asked for that has not been answered.
    wishes: bool,
    /// Who holds the call, as the user was told.
    local: bool,
    remote: bool,
    /// Whether the other side asks for a transfer.
    pub(super) asked: bool,
    /// Calls with others that are up.
    pub(super) elsewhere: usize,
    /// Whether the outcome of a transfer is awaited.
    transferring: bool,
}

impl Told {
    /// Whether the user has a call.
    pub(super) const fn is_up(&self) -> bool {
        self.answered && self.ended.is_none()
    }

    /// Takes note of what the user asks for.
    pub(super) fn wish(&mut self, act: Act) {
        match act {
            Act::Hold | Act::Resume => (self.wants_hold, self.wishes) = (act == Act::Hold, true),
            Act::Update => self.wishes = true,
            Act::Transfer(_) => self.transferring = true,
            Act::AcceptTransfer | Act::RejectTransfer => self.asked = false,
            _ => {}
        }
    }

    /// News of a call with somebody else, which a transfer led to.
    fn hear_elsewhere(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Answered { .. } => self.elsewhere += 1,
            Event::Ended { .. } => self.elsewhere = self.elsewhere.saturating_sub(1),
            _ => {}
        }
        Ok(())
    }

    /// Takes in an event. The error is what is wrong with it at this moment.
    pub(super) fn hear(&mut self, event: &Event, own: &mut Option<SessionId>) -> Result<(), String> {
        let Some(session) = &event.session() else { return Ok(()) };
        let wrong = |why: &str| Err(format!("the user is told {event:?}, {why}"));
        // An outgoing call may end before the command that places it has returned.
        if own.is_some_and(|own| own != *session) {
            return if self.changes { self.hear_elsewhere(event) } else { wrong("but that is another call") };
        }
        if self.ended.is_some() {
            return wrong("but the call had ended");
        }
        match event {
            Event::Incoming { .. } if own.is_some() => wrong("a second time"),
            Event::Incoming { .. } => {
                *own = Some(*session);
                self.incoming = true;
                Ok(())
            }
            Event::Answered { .. } if self.answered => wrong("a second time"),
            Event::Answered { .. } if self.incoming && !self.accepted => {
                // The event comes out after the command, which is noted when it has returned.
                wrong("but nobody took the call")
            }
            Event::Answered { .. } => {
                self.answered = true;
                Ok(())
            }
            Event::Confirmed { .. } if !self.answered || self.confirmed || !self.incoming => {
                wrong("out of order")
            }
            Event::Confirmed { .. } => {
                self.confirmed = true;
                Ok(())
            }
            Event::Progress { .. } if self.answered || self.incoming => wrong("out of order"),
            Event::Ended { reason: EndReason::LocalHangup, .. } if !self.hung_up => {
                wrong("but the user did not")
            }
            Event::Ended { reason, status, .. } => {
                self.ended = Some((*reason, *status));
                Ok(())
            }
            Event::Progress { .. } => Ok(()),
            Event::HoldChanged { local, remote, .. } if self.changes && self.is_up() => {
                (self.local, self.remote) = (*local, *remote);
                self.wishes = false;
                Ok(())
            }
            Event::MediaChanged { .. } if self.changes && self.is_up() => Ok(()),
            Event::TransferRequested { .. } if self.changes && self.is_up() => {
                self.asked = true;
                Ok(())
            }
            Event::TransferStarted { .. } if self.changes => Ok(()),
            Event::TransferProgress { done, .. } if self.transferring => {
                self.transferring = !done;
                Ok(())
            }
            _ => wrong("but nothing led to it"),
        }
    }
}

/// What must hold in any world.
pub(super) fn always(caller: &History, callee: &History) -> Result<(), String> {
    if let Some(what) = caller.wrong.as_ref().or(callee.wrong.as_ref()) {
        return Err(what.clone());
    }
    if caller.told.answered && !callee.told.answered {
        return Err(differ("the caller has an answer that nobody gave", caller, callee));
    }
    Ok(())
}

/// What must hold when nothing is left that could happen.
pub(super) fn at_the_end(caller: &History, callee: &History) -> Result<(), String> {
    if caller.told.is_up() != callee.told.is_up() {
        let who = if caller.told.is_up() { "caller" } else { "callee" };
        return Err(differ(&format!("only the {who} has the call"), caller, callee));
    }
    for (party, name) in [(caller, "caller"), (callee, "callee")] {
        let calls = usize::from(party.told.is_up()) + party.told.elsewhere;
        if party.sessions != calls || party.streams != calls {
            let (sessions, streams) = (party.sessions, party.streams);
            return Err(format!(
                "the {name} knows of {calls} calls and has {sessions} sessions, {streams} streams"
            ));
        }
        if calls == 0 && !party.is_idle {
            return Err(format!("something is left at the {name}"));
        }
    }
    if caller.told.is_up() {
        let (left, right) = (caller.told, callee.told);
        if (left.local, left.remote) != (right.remote, right.local) {
            return Err(differ("they do not agree on who holds the call", caller, callee));
        }
        if [left, right].iter().any(|told| told.wishes || told.local != told.wants_hold || told.transferring)
        {
            return Err(differ("a wish is forgotten", caller, callee));
        }
    }
    match (caller.told.ended, callee.told.ended) {
        (None, None) => Ok(()),
        (Some(left), Some(right)) if agree(left, right, callee.told) => Ok(()),
        _ => Err(differ("no call can end so", caller, callee)),
    }
}

/// Whether a call can end in these two ways. Nobody runs into a timeout of the wire: what is lost is repeated.
fn agree(caller: (EndReason, Option<u16>), callee: (EndReason, Option<u16>), told: Told) -> bool {
    let leaves = |reason| matches!(reason, EndReason::LocalHangup | EndReason::Transferred);
    // Whoever asks something of a side that has hung up may hear of it sooner by 481 than by the BYE.
    let left = |reason| matches!(reason, EndReason::RemoteHangup | EndReason::RemoteGone);
    let gave_up = leaves(caller.0) || caller.0 == EndReason::NoAnswer;
    let refused = |with: Option<u16>| gave_up || caller == (EndReason::Rejected, with);
    match callee {
        (EndReason::Cancelled, _) => gave_up && !told.answered,
        (reason, _) if left(reason) => gave_up && told.answered,
        (reason, _) if leaves(reason) && told.answered => gave_up || left(caller.0),
        (EndReason::LocalHangup, _) => refused(Some(480)),
        (EndReason::Declined | EndReason::Undecided, status) => refused(status) && !told.answered,
        _ => false,
    }
}

fn differ(what: &str, caller: &History, callee: &History) -> String {
    format!("{what}: the caller was told {:?}, the callee {:?}", caller.told, callee.told)
}

impl core::fmt::Display for Told {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match (self.ended, self.confirmed, self.answered, self.incoming) {
            (Some((reason, _)), ..) => return write!(f, "ended: {reason}"),
            (None, true, ..) => "confirmed",
            (None, false, true, _) => "answered",
            (None, false, false, true) => "incoming",
            (None, false, false, false) => "calling",
        })
    }
}
