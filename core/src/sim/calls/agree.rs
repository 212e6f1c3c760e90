//! Do both ends agree on what became of a call?
//!
//! | caller was told | callee was told |
//! |---|---|
//! | refused | nothing (its handler refused), or that it refused, that nobody decided in time, or that its caller does not respond |
//! | given up before the answer (it hung up, or nobody answered) | anything that has an end, or nothing at all |
//! | no response at all | nothing, or an end that needs no word of the caller: it refused, hung up, was not acknowledged, or gave up itself |
//! | no response in time | as before, or answered, acknowledged and hung up by the caller: the answer came too late |
//! | answered, hung up by us, or passed on | answered, and: hung up by the caller, or by itself (both did, or the BYE was lost), or never acknowledged |
//! | answered, hung up by them | answered, and: hung up by itself, or never acknowledged (its BYE came through, the ACK did not) |
//! | answered, but something asked in it had no answer, or what it answered later no ACK, or no media came | as when hung up by us |
//!
//! So may the callee end that asked something. Those before are the problem of the two generals: whoever speaks last
//! cannot know that it was heard, so a side may believe in an answer that the other has given up for want of an ACK.
//! More disagreement than that is a mistake. Nobody is told of an answer that the other side has not given, and
//! nobody is left without an end.

use crate::api::EndReason;
use crate::sdp::plan::Codec;

/// What one side of a call was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// That there is a call. The caller knows anyway.
    pub incoming: bool,
    /// That the far end is working on it.
    pub progress: bool,
    /// That the call is up.
    pub answered: bool,
    /// That the caller knows it too.
    pub confirmed: bool,
    /// Why it ended, and with which status.
    pub ended: Option<(EndReason, Option<u16>)>,
    /// Frames of the other's voice that were heard.
    pub heard: u32,
    /// The same since something was changed last.
    pub heard_since: u32,
    /// That something may be heard before the answer.
    pub early: bool,
    /// That we hold, and that the other side does.
    pub held: (bool, bool),
    /// The codec in use.
    pub codec: Option<Codec>,
    /// Its telephone hangs up by BYE before the answer.
    pub byes_early: bool,
    /// How often the session was refreshed.
    pub refreshed: u32,
}

/// Whether a call ended because something that was asked in it had no answer, or nothing came any more: that looks the same
/// from each side.
const fn is_silence(reason: EndReason) -> bool {
    matches!(reason, EndReason::RemoteGone | EndReason::SessionExpired | EndReason::MediaTimeout)
}

/// Whether these two can be told of the same call. `damaged`: the network changed octets, so that each side may have
/// read something else; then only an end is asked for.
pub fn agree(caller: &Told, callee: &Told, damaged: bool) -> bool {
    use EndReason as E;
    let Some((reason, _)) = caller.ended else { return false };
    let other = match (callee.incoming, callee.ended) {
        (true, None) => return false,
        (true, Some((other, _))) => Some(other),
        (false, _) => None,
    };
    if damaged {
        return true;
    }
    if callee.confirmed && !(caller.answered || matches!(reason, E::LocalHangup | E::NoAnswer | E::Timeout)) {
        return false;
    }
    let early = callee.byes_early && !callee.answered && other == Some(E::LocalHangup);
    match (caller.answered, reason) {
        // A callee who hangs up before the answer, by BYE and by a refusal: whichever came first.
        (false, E::Rejected | E::RemoteHangup) if early => true,
        (false, E::Rejected) => {
            let refused = |it| matches!(it, E::Declined | E::Undecided | E::Timeout | E::RemoteGone);
            other.is_none_or(refused) && !callee.answered
        }
        (false, E::LocalHangup | E::NoAnswer) => other != Some(E::Internal),
        (false, E::Timeout) => {
            let late = |it| callee.answered && (is_silence(it) || it == E::RemoteHangup);
            let alone = |it| {
                matches!(
                    it,
                    E::Declined | E::Undecided | E::LocalHangup | E::AckTimeout | E::Timeout | E::RemoteGone
                )
            };
            other.is_none_or(|it| alone(it) || late(it))
        }
        // A callee whose answers have all been lost hangs up in what is an early dialog to the caller.
        (false, E::RemoteHangup) => {
            callee.answered
                && !callee.confirmed
                && other.is_some_and(|it| matches!(it, E::LocalHangup | E::AckTimeout))
        }
        (
            true,
            E::LocalHangup
            | E::Transferred
            | E::RemoteGone
            | E::SessionExpired
            | E::MediaTimeout
            | E::AckTimeout,
        ) => {
            callee.answered
                && other.is_some_and(|it| {
                    is_silence(it) || matches!(it, E::RemoteHangup | E::LocalHangup | E::AckTimeout)
                })
        }
        (true, E::RemoteHangup) => {
            callee.answered
                && other.is_some_and(|it| is_silence(it) || matches!(it, E::LocalHangup | E::AckTimeout))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{EndReason as E, Told, agree};

    fn side(answered: bool, reason: E) -> Told {
        Told { incoming: true, answered, ended: Some((reason, None)), ..Told::default() }
    }

    #[test]
    fn what_cannot_be_is_noticed() {
        let nobody = Told::default();
        let pairs = [
            (side(true, E::LocalHangup), side(true, E::RemoteHangup), true),
            (side(true, E::LocalHangup), side(true, E::AckTimeout), true),
            (side(true, E::RemoteHangup), side(true, E::LocalHangup), true),
            (side(false, E::Rejected), side(false, E::Declined), true),
            (side(true, E::RemoteGone), side(true, E::RemoteHangup), true),
            (side(true, E::AckTimeout), side(true, E::LocalHangup), true),
            (side(true, E::AckTimeout), nobody, false),
            (side(true, E::Transferred), side(true, E::SessionExpired), true),
            (side(true, E::Transferred), side(true, E::MediaTimeout), true),
            (side(true, E::MediaTimeout), side(true, E::RemoteHangup), true),
            (side(true, E::MediaTimeout), nobody, false),
            (side(false, E::Rejected), nobody, true),
            (side(false, E::RemoteHangup), side(false, E::LocalHangup), false),
            (side(false, E::RemoteHangup), Told { byes_early: true, ..side(false, E::LocalHangup) }, true),
            (side(false, E::Rejected), side(false, E::Timeout), true),
            (side(false, E::Rejected), side(true, E::Timeout), false),
            (side(false, E::LocalHangup), side(true, E::RemoteHangup), true),
            (side(false, E::Timeout), side(true, E::AckTimeout), true),
            (side(false, E::RemoteHangup), side(true, E::AckTimeout), true),
            (side(false, E::RemoteHangup), side(false, E::Declined), false),
            (side(false, E::RemoteHangup), Told { confirmed: true, ..side(true, E::AckTimeout) }, false),
            // An answer that nobody gave, or that nobody took back.
            (side(true, E::RemoteGone), nobody, false),
            (side(true, E::LocalHangup), nobody, false),
            (side(true, E::LocalHangup), side(false, E::Declined), false),
            (side(true, E::RemoteHangup), side(true, E::RemoteHangup), false),
            (side(false, E::Rejected), side(true, E::RemoteHangup), false),
            (side(false, E::Timeout), side(true, E::RemoteHangup), true),
            (side(false, E::Timeout), side(false, E::RemoteHangup), false),
            (side(false, E::Internal), nobody, false),
            // No end.
            (side(true, E::LocalHangup), Told { ended: None, ..side(true, E::Internal) }, false),
            (Told { ended: None, ..nobody }, nobody, false),
            // Confirmed by a caller who knows of nothing.
            (side(false, E::Rejected), Told { confirmed: true, ..side(false, E::Declined) }, false),
        ];
        for (caller, callee, fits) in pairs {
            assert_eq!(agree(&caller, &callee, false), fits, "{caller:?} {callee:?}");
        }
        assert!(agree(&side(true, E::RemoteHangup), &side(true, E::RemoteHangup), true));
        assert!(!agree(&Told::default(), &nobody, true));
    }
}
