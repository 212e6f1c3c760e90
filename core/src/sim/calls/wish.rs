//! What people want of a call beside talking: to hold it, to change it, to pass it on.

use alloc::format;
use core::time::Duration;

use super::agree::Told;
use super::deeds::Deed;
use super::dice::Dice;
use super::goal::{Cancel, Decision, Goal, HangUp, PickUp};
use super::story::Story;
use crate::api::{EndReason, Modification};
use crate::base::ids::SessionId;
use crate::base::violation::Violation;
use crate::sdp::plan::Codec;

/// What shall become of a call while it is up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wish {
    /// Nothing: they talk.
    #[default]
    Nothing,
    /// It is held: in the end both know by whom.
    Hold {
        /// Who holds: with both, their offers may cross.
        by: HangUp,
        /// So long after the answer.
        at: Duration,
        /// So long after that whoever holds resumes, and both are heard again.
        resumes: Option<Duration>,
    },
    /// It goes on with PCMA: in the end both speak it, and are heard.
    Change {
        /// Who asks: with both, their offers may cross.
        by: HangUp,
        /// So long after the answer.
        at: Duration,
        /// Whether by UPDATE.
        update: bool,
    },
    /// The caller passes the callee on, to whom this call is to: in the end only the two are left, and talk.
    Transfer {
        /// Number of the call that comes of it.
        leg: usize,
        /// So long after the answer.
        at: Duration,
    },
    /// It lasts longer than its session interval, and is refreshed.
    Refresh,
}

/// What is heard and seen of a call before it is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Early {
    /// What the stack says by itself.
    #[default]
    Nothing,
    /// The callee says that it rings once more.
    Ringing,
    /// The caller is let hear something (RFC 3262: reliably).
    Media,
}

/// One thing that somebody does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Doing {
    Ring,
    LetHear,
    Hold,
    Resume,
    Change(bool),
    Transfer(usize),
    AcceptTransfer(usize),
}

/// Longer than any exchange takes over a link that is fair.
const LONG: Duration = Duration::from_secs(32);
/// The session interval of everybody in a world of which a call is refreshed: the least there is.
pub(super) const INTERVAL: Duration = Duration::from_secs(90);

impl HangUp {
    /// Whether it is this side: 0 the caller, 1 the callee.
    pub(super) const fn is(self, side: usize) -> bool {
        match self {
            Self::Caller => side == 0,
            Self::Callee => side == 1,
            Self::Both => true,
        }
    }
}

impl Goal {
    /// The same call with something to do in it, and time for that. `leg`: the call by which it may be passed on.
    pub(super) fn wishes(mut self, dice: &mut Dice, leg: Option<usize>) -> Self {
        let at = dice.millis(0, 3_000);
        let by = [HangUp::Caller, HangUp::Callee, HangUp::Both][dice.roll(3) as usize];
        self.wish = match dice.roll(8) {
            0 | 1 => Wish::Hold { by, at, resumes: None },
            2 | 3 => Wish::Hold { by, at, resumes: Some(dice.millis(0, 2_000)) },
            4 | 5 => Wish::Change { by, at, update: dice.once_in(2) },
            6 if dice.once_in(2) => Wish::Refresh,
            _ => leg.map_or(Wish::Nothing, |leg| Wish::Transfer { leg, at }),
        };
        self.early = [Early::Nothing, Early::Ringing, Early::Media][dice.roll(3) as usize];
        (self.decision, self.cancel) = (Decision::Accept, Cancel::No);
        if !matches!(self.pick_up, PickUp::After(_)) {
            self.pick_up = PickUp::After(dice.millis(0, 4_000));
        }
        self.talk = match self.wish {
            Wish::Nothing => self.talk,
            Wish::Refresh => INTERVAL * 3 / 2,
            _ => LONG,
        };
        self
    }

    /// The call that comes of call number `of` when its caller passes its callee on to `third`.
    pub(super) fn leg(of: usize, call: &Self, third: usize) -> Self {
        let talk = Duration::from_secs(5);
        // When it begins at the latest.
        let at = call.at + call.patience + call.talk;
        Self { at, of: Some(of), ..Self::plain(call.callee, third, talk) }
    }

    /// Whether what the two were told is what was wished; both are told that the call was up.
    pub(super) fn granted(&self, caller: &Told, callee: &Told) -> bool {
        let heard = caller.heard_since > 0 && callee.heard_since > 0;
        let early = match self.early {
            Early::Nothing => true,
            Early::Ringing => caller.progress,
            Early::Media => caller.early,
        };
        early
            && match self.wish {
                Wish::Nothing => true,
                Wish::Hold { by, resumes, .. } => {
                    let stays = |side| by.is(side) && resumes.is_none();
                    let (local, remote) = (stays(0), stays(1));
                    let agreed = caller.held == (local, remote) && callee.held == (remote, local);
                    agreed && (resumes.is_none() || heard)
                }
                Wish::Change { .. } => {
                    caller.codec == Some(Codec::Pcma) && callee.codec == caller.codec && heard
                }
                Wish::Transfer { .. } => {
                    let ended = |told: &Told| told.ended.map(|(reason, _)| reason);
                    (ended(caller), ended(callee))
                        == (Some(EndReason::Transferred), Some(EndReason::RemoteHangup))
                }
                Wish::Refresh => caller.refreshed > 0 && callee.refreshed > 0 && heard,
            }
    }
}

impl Story {
    /// What one side of a call does once that is answered.
    pub(super) fn wish(&mut self, number: usize, session: SessionId, side: usize, wish: Wish) {
        let (doing, by, at) = match wish {
            Wish::Hold { by, at, .. } => (Doing::Hold, by, at),
            Wish::Change { by, at, update } => (Doing::Change(update), by, at),
            Wish::Transfer { leg, at } => (Doing::Transfer(leg), HangUp::Caller, at),
            Wish::Nothing | Wish::Refresh => return,
        };
        if !by.is(side) {
            return;
        }
        self.after(at, Deed::Do(number, session, doing));
        if let Wish::Hold { resumes: Some(later), .. } = wish {
            self.after(at + later, Deed::Do(number, session, Doing::Resume));
        }
    }

    pub(super) fn carry_out(
        &mut self,
        number: usize,
        session: SessionId,
        doing: Doing,
    ) -> Result<(), Violation> {
        let now = self.now;
        self.note(number, format!("{session}: {doing:?}"));
        let target = match doing {
            Doing::Transfer(leg) => {
                let third = self.goals.get(leg).and_then(|goal| self.endpoints.get(goal.callee));
                third.map(|third| format!("sip:c{leg}@{}", third.ip))
            }
            _ => None,
        };
        let mut new = None;
        self.command(number, |endpoint| {
            let core = &mut endpoint.core;
            let done = match doing {
                Doing::Ring => core.progress(now, session, false),
                Doing::LetHear => core.progress(now, session, true),
                Doing::Hold => core.hold(now, session),
                Doing::Resume => core.resume(now, session),
                Doing::Change(update) => {
                    let change = Modification::codecs("pcma".parse().unwrap_or_default());
                    core.modify(now, session, if update { change.by_update() } else { change })
                }
                Doing::Transfer(_) => core.transfer(now, session, &target.unwrap_or_default()),
                Doing::AcceptTransfer(leg) => core.accept_transfer(now, session).map(|session| {
                    endpoint.sessions.insert(session, Some(leg));
                    new = Some((leg, session));
                }),
            };
            done.is_ok()
        })?;
        if let Some((leg, session)) = new
            && let Some(dialled) = self.dialled.get_mut(leg)
        {
            *dialled = Some(session);
        }
        Ok(())
    }
}
