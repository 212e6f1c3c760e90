//! What the two users may be told.

use alloc::format;
use alloc::string::String;

use super::Act;
use super::parties::History;
use crate::api::{EndReason, Event};
use crate::base::ids::SessionId;
use crate::media::MediaSessionId;
use crate::sdp::plan::Direction;

/// What a user was told of the call, and asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Told {
    pub(super) incoming: bool,
    /// Something may be heard before the answer.
    pub(super) early: bool,
    pub(super) answered: bool,
    pub(super) confirmed: bool,
    pub(super) ended: Option<(EndReason, Option<u16>)>,
    pub(super) hung_up: bool,
    pub(super) accepted: bool,
    /// The user is one whose telephone sends BYE before the answer.
    pub(super) byes_early: bool,
    /// The stream of the call, and which way audio flows in it.
    stream: Option<(MediaSessionId, Direction)>,
    /// Who holds the call: this user, the other.
    holds: (bool, bool),
    /// Whether a wish waits for its answer, ...
    waits: bool,
    /// ... and the direction that was wished for last.
    wished: Direction,
    /// Whether the other asks for a transfer.
    pub(super) asked: bool,
    /// Whether ours is under way, and how it ended.
    transfers: bool,
    transferred: Option<u16>,
    /// The call that a transfer led to, and whether it is up.
    pub(super) new: Option<SessionId>,
    new_is_up: bool,
}

impl Told {
    /// Whether the user has a call.
    pub(super) const fn is_up(&self) -> bool {
        self.answered && self.ended.is_none()
    }

    /// Takes in what the user did.
    pub(super) const fn did(&mut self, act: Act) {
        let direction = match act {
            Act::Hold | Act::HoldEarly => Direction::SendOnly,
            Act::Resume => Direction::SendRecv,
            Act::Update(direction) => direction,
            Act::Hangup => return self.hung_up = true,
            Act::Answer => return self.accepted = true,
            Act::Transfer(_) => return self.transfers = true,
            Act::AcceptTransfer | Act::RefuseTransfer => return self.asked = false,
            _ => return,
        };
        self.waits = true;
        self.wished = direction;
    }

    /// Takes in the direction of a stream. The first one is that of the call.
    pub(super) fn flows(&mut self, media: MediaSessionId, direction: Direction) {
        if self.stream.is_none_or(|(known, _)| known == media) {
            self.stream = Some((media, direction));
        }
    }

    /// Takes in an event. The error is what is wrong with it at this moment.
    pub(super) fn hear(&mut self, event: &Event, own: &mut Option<SessionId>) -> Result<(), String> {
        let Some(session) = &event.session() else { return Ok(()) };
        let wrong = |why: &str| Err(format!("the user is told {event:?}, {why}"));
        if self.new == Some(*session) {
            self.new_is_up = match event {
                Event::Answered { .. } => true,
                Event::Ended { .. } => false,
                _ => self.new_is_up,
            };
            return Ok(());
        }
        if self.ended.is_some() && !matches!(event, Event::TransferStarted { .. }) {
            return wrong("but the call had ended");
        }
        // An outgoing call may end before the command that places it has returned.
        if own.is_some_and(|own| own != *session) {
            return wrong("but that is another call");
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
            Event::Progress { early_media, .. } => {
                self.early |= early_media;
                Ok(())
            }
            Event::MediaChanged { .. } if self.is_up() || self.early || self.incoming => Ok(()),
            Event::HoldChanged { local, remote, .. } if self.is_up() => {
                if !self.waits && self.holds == (*local, *remote) {
                    return wrong("but that was known");
                }
                self.waits = false;
                self.holds = (*local, *remote);
                Ok(())
            }
            Event::ModifyFailed { .. } if self.waits => {
                self.waits = false;
                self.wished = if self.holds.0 { Direction::SendOnly } else { Direction::SendRecv };
                Ok(())
            }
            Event::TransferRequested { .. } if !self.asked && self.is_up() => {
                self.asked = true;
                Ok(())
            }
            Event::TransferStarted { new, .. } if self.new.is_none_or(|known| known == *new) => {
                self.new = Some(*new);
                self.asked = false;
                Ok(())
            }
            Event::TransferProgress { status, done, .. } if self.transfers && self.transferred.is_none() => {
                self.transferred = done.then_some(*status);
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
        let calls = usize::from(party.told.is_up()) + usize::from(party.told.new_is_up);
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
    // Who has a request under way may learn by a 481 that the other hung up, before the BYE comes.
    let ended = |party: &History| {
        let (reason, status) = party.told.ended?;
        let reason = match reason {
            EndReason::RemoteGone if party.told.answered => EndReason::RemoteHangup,
            EndReason::Transferred if party.told.transferred == Some(200) => EndReason::LocalHangup,
            other => other,
        };
        Some((reason, status))
    };
    match (ended(caller), ended(callee)) {
        (None, None) if caller.told.is_up() => quiet(caller, callee),
        (None, None) => Ok(()),
        (Some(left), Some(right)) if agree(left, right, callee.told) => Ok(()),
        _ => Err(differ("no call can end so", caller, callee)),
    }
}

/// What must hold of a call that is up when nobody has anything more to say about it.
fn quiet(caller: &History, callee: &History) -> Result<(), String> {
    let wrong = |what: &str| Err(differ(what, caller, callee));
    let (left, right) = (caller.told, callee.told);
    let (Some((_, flow)), Some((_, back))) = (left.stream, right.stream) else {
        return wrong("a call has no stream");
    };
    if flow != back.reversed() {
        return wrong("audio does not flow for one as for the other");
    }
    // Who does not want to be heard does not notice being held.
    let held = |told: Told, by: Told| told.holds.1 == (by.holds.0 && told.wished.sends());
    if !held(left, right) || !held(right, left) {
        return wrong("they do not agree who holds the call");
    }
    for told in [left, right] {
        if told.waits {
            return wrong("a wish has no answer");
        }
        if told.holds.0 == told.wished.receives() {
            return wrong("what was wished for last is not so");
        }
        if told.transfers && told.transferred.is_none_or(|status| status < 300) {
            return wrong("nobody knows what came of the transfer");
        }
    }
    Ok(())
}

/// Whether a call can end in these two ways. Nobody runs into a timeout of the wire: what is lost is repeated.
fn agree(caller: (EndReason, Option<u16>), callee: (EndReason, Option<u16>), told: Told) -> bool {
    let gave_up = matches!(caller.0, EndReason::LocalHangup | EndReason::NoAnswer);
    let refused = |with: Option<u16>| gave_up || caller == (EndReason::Rejected, with);
    match callee {
        (EndReason::Cancelled, _) => gave_up && !told.answered,
        (EndReason::RemoteHangup, _) => gave_up && told.answered,
        (EndReason::LocalHangup, _) if told.answered => gave_up || caller.0 == EndReason::RemoteHangup,
        (EndReason::LocalHangup, _) if told.byes_early && caller.0 == EndReason::RemoteHangup => true,
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
