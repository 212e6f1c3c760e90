//! What people want of a call.

use core::time::Duration;

use super::dice::Dice;
use super::wish::{Early, Wish};
use crate::base::time::Instant;

/// What the callee's handler decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It rings.
    Accept,
    /// It waits in silence for the user.
    Defer,
    /// It is refused at once, and nothing is kept.
    Reject(u16),
    /// It is answered at once.
    AnswerAtOnce,
}

/// What the callee does about a call that it was told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PickUp {
    /// It answers after this time.
    After(Duration),
    /// It refuses after this time.
    Reject(u16, Duration),
    /// It does nothing.
    Never,
}

/// When the caller gives up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cancel {
    /// It waits as long as its stack does.
    No,
    /// So long after dialling.
    After(Duration),
    /// So long after the callee answered: the two cross on the wire.
    AtAnswer(Duration),
}

/// Who hangs up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HangUp {
    /// Who called.
    Caller,
    /// Who was called.
    Callee,
    /// Each, so long after it was told that the call is up.
    Both,
}

/// One call that somebody wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Goal {
    /// Number of the endpoint that calls.
    pub caller: usize,
    /// Number of the endpoint that is called.
    pub callee: usize,
    /// When it is dialled.
    pub at: Instant,
    /// What the callee's handler decides.
    pub decision: Decision,
    /// What the callee does then.
    pub pick_up: PickUp,
    /// When the caller gives up.
    pub cancel: Cancel,
    /// How long the two talk.
    pub talk: Duration,
    /// Who hangs up then.
    pub hang_up: HangUp,
    /// How long the caller's stack lets it ring.
    pub patience: Duration,
    /// What is heard and seen before the answer.
    pub early: Early,
    /// What happens while it is up.
    pub wish: Wish,
    /// The call that comes to this one when its callee is passed on: then nobody dials.
    pub of: Option<usize>,
}

impl Goal {
    /// A call that is answered after a second and hung up by the caller.
    pub const fn plain(caller: usize, callee: usize, talk: Duration) -> Self {
        Self {
            caller,
            callee,
            at: Instant::ZERO,
            decision: Decision::Accept,
            pick_up: PickUp::After(Duration::from_secs(1)),
            cancel: Cancel::No,
            talk,
            hang_up: HangUp::Caller,
            patience: Duration::from_secs(60),
            early: Early::Nothing,
            wish: Wish::Nothing,
            of: None,
        }
    }

    /// Anything that people do, common things more often.
    pub(super) fn draw(dice: &mut Dice, caller: usize, callee: usize, talk: Option<Duration>) -> Self {
        let decision = match dice.roll(10) {
            0 => Decision::Reject([403, 486, 603][dice.roll(3) as usize]),
            1 | 2 => Decision::Defer,
            3 => Decision::AnswerAtOnce,
            _ => Decision::Accept,
        };
        let pick_up = match dice.roll(12) {
            0 => PickUp::Never,
            1 => PickUp::Reject([480, 486, 603][dice.roll(3) as usize], dice.millis(0, 3_000)),
            2 => PickUp::After(Duration::ZERO),
            _ => PickUp::After(dice.millis(0, 4_000)),
        };
        let cancel = match dice.roll(8) {
            0 => Cancel::After(dice.millis(0, 5_000)),
            1 => Cancel::AtAnswer(dice.millis(0, 60)),
            2 if dice.once_in(2) => Cancel::After(Duration::ZERO),
            _ => Cancel::No,
        };
        let hang_up = [HangUp::Caller, HangUp::Callee, HangUp::Both][dice.roll(3) as usize];
        let talk = talk.unwrap_or_else(|| match dice.roll(6) {
            0 => Duration::ZERO,
            1 => dice.millis(0, 100),
            _ => dice.millis(100, 3_000),
        });
        let (at, patience) = (Instant::from_millis(dice.roll(2_000)), dice.millis(8_000, 40_000));
        Self {
            caller,
            callee,
            at,
            decision,
            pick_up,
            cancel,
            talk,
            hang_up,
            patience,
            ..Self::plain(caller, callee, talk)
        }
    }
}
