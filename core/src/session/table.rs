//! The state table of a session (RFC 3261 sections 13 to 15): data, not code.
//!
//! Guards are decided before the lookup (a 2xx of another fork is an input of its own), so a cell says all:
//! what to do, in order, and which state comes next.

use super::action::Action;
use super::acts;
use super::state::{Input, State};

/// One row: what happens when `input` meets `state`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// In this state…
    pub state: State,
    /// …on this input…
    pub input: Input,
    /// …do this, in order…
    pub actions: &'static [Action],
    /// …and be in this state.
    pub next: State,
}

/// What an input means where no row stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fallback {
    /// The command does not fit: the caller gets a typed error, nothing changes.
    Refuse,
    /// The message or timer is late or repeated: counted, nothing changes.
    Ignore,
    /// The request gets 481: there is no such dialog (yet or any more).
    Gone,
    /// The request gets 500 with Retry-After: not now.
    NotNow,
    /// The request gets 491: its offer crosses one of ours.
    Crossing,
}

const fn row(state: State, input: Input, actions: &'static [Action], next: State) -> Row {
    Row { state, input, actions, next }
}

/// The default table (RFC 3261 sections 9, 13, 14 and 15).
pub const ROWS: &[Row] = {
    use Action::*;
    use Input as I;
    use State as S;
    use acts::*;
    &[
        // An outgoing call.
        row(S::Idle, I::MakeCall, &[ArmRingTimeout, Resolve], S::Resolving),
        row(S::Resolving, I::NamesFound, &[SendInvite], S::Calling),
        row(S::Resolving, I::Modify, &[], S::Resolving),
        row(S::Resolving, I::NamesFailed, &[CloseMedia, TellEnded, Release], S::Terminated),
        row(S::Resolving, I::RingTimeout, &[CloseMedia, TellEnded, Release], S::Terminated),
        row(S::Resolving, I::Hangup, &[CloseMedia, TellEnded, Release], S::Terminated),
        row(S::Resolving, I::NextTarget, &[TakeNextTarget, TellRedirected, Resolve], S::Resolving),
        row(S::Calling, I::RxTrying, &[], S::Proceeding),
        row(S::Calling, I::RxRinging, &[SendPrack, TellProgress], S::Ringback),
        row(S::Calling, I::RxEarlyMedia, &[SendPrack, ApplyPlan, TellProgress], S::EarlyMedia),
        row(S::Calling, I::RxAnswer, TAKE, S::Active),
        row(S::Calling, I::RxBadEarlyOffer, PRACK_CANCEL, S::Cancelling),
        row(S::Calling, I::RxForkOver, &[SendPrack, EndFork], S::Proceeding),
        row(S::Calling, I::RxTooBrief, &[SendInvite], S::Calling),
        row(S::Calling, I::RxChallenged, &[SendInvite], S::Calling),
        row(S::Calling, I::Modify, &[], S::Calling),
        row(S::Calling, I::RxBadAnswer, ACK_BYE, S::Terminating),
        row(S::Calling, I::NextTarget, &[TakeNextTarget, TellRedirected, Resolve], S::Resolving),
        row(S::Calling, I::RxFailure, OVER, S::Terminated),
        row(S::Calling, I::InviteTimeout, OVER, S::Terminated),
        row(S::Calling, I::InviteGone, OVER, S::Terminated),
        row(S::Calling, I::Hangup, &[], S::CancelPending),
        row(S::Calling, I::RingTimeout, &[], S::CancelPending),
        row(S::Proceeding, I::RxTrying, &[], S::Proceeding),
        row(S::Proceeding, I::RxRinging, &[SendPrack, TellProgress], S::Ringback),
        row(S::Proceeding, I::RxEarlyMedia, &[SendPrack, ApplyPlan, TellProgress], S::EarlyMedia),
        row(S::Proceeding, I::RxAnswer, TAKE, S::Active),
        row(S::Proceeding, I::RxBadEarlyOffer, PRACK_CANCEL, S::Cancelling),
        row(S::Proceeding, I::RxForkOver, &[SendPrack, EndFork], S::Proceeding),
        row(S::Proceeding, I::RxTooBrief, &[SendInvite], S::Calling),
        row(S::Proceeding, I::RxChallenged, &[SendInvite], S::Calling),
        row(S::Proceeding, I::Modify, &[], S::Proceeding),
        row(S::Proceeding, I::RxBadAnswer, ACK_BYE, S::Terminating),
        row(S::Proceeding, I::NextTarget, &[TakeNextTarget, TellRedirected, Resolve], S::Resolving),
        row(S::Proceeding, I::RxFailure, OVER, S::Terminated),
        row(S::Proceeding, I::InviteGone, OVER, S::Terminated),
        row(S::Proceeding, I::Hangup, CANCEL, S::Cancelling),
        row(S::Proceeding, I::RingTimeout, CANCEL, S::Cancelling),
        row(S::Proceeding, I::RxBye, BYE_CANCEL, S::Cancelling),
        row(S::Proceeding, I::RxForkBye, FORK_BYE, S::Proceeding),
        row(S::Ringback, I::RxUpdate, &[SendUpdateAnswer, ApplyPlan, TellMediaChanged], S::Ringback),
        row(S::Ringback, I::RxTrying, &[], S::Ringback),
        row(S::Ringback, I::RxRinging, &[SendPrack, TellProgress], S::Ringback),
        row(S::Ringback, I::RxEarlyMedia, &[SendPrack, ApplyPlan, TellProgress], S::EarlyMedia),
        row(S::Ringback, I::RxAnswer, TAKE, S::Active),
        row(S::Ringback, I::RxBadEarlyOffer, PRACK_CANCEL, S::Cancelling),
        row(S::Ringback, I::RxForkOver, &[SendPrack, EndFork], S::Ringback),
        row(S::Ringback, I::RxTooBrief, &[SendInvite], S::Calling),
        row(S::Ringback, I::RxChallenged, &[SendInvite], S::Calling),
        row(S::Ringback, I::Modify, &[], S::Ringback),
        row(S::Ringback, I::RxBadAnswer, ACK_BYE, S::Terminating),
        row(S::Ringback, I::NextTarget, &[TakeNextTarget, TellRedirected, Resolve], S::Resolving),
        row(S::Ringback, I::RxFailure, OVER, S::Terminated),
        row(S::Ringback, I::InviteGone, OVER, S::Terminated),
        row(S::Ringback, I::Hangup, CANCEL, S::Cancelling),
        row(S::Ringback, I::RingTimeout, CANCEL, S::Cancelling),
        row(S::Ringback, I::RxBye, BYE_CANCEL, S::Cancelling),
        row(S::Ringback, I::RxForkBye, FORK_BYE, S::Ringback),
        row(S::EarlyMedia, I::RxUpdate, &[SendUpdateAnswer, ApplyPlan, TellMediaChanged], S::EarlyMedia),
        row(S::EarlyMedia, I::RxTrying, &[], S::EarlyMedia),
        row(S::EarlyMedia, I::RxRinging, &[SendPrack, TellProgress], S::EarlyMedia),
        row(S::EarlyMedia, I::RxEarlyMedia, &[SendPrack, ApplyPlan, TellProgress], S::EarlyMedia),
        row(S::EarlyMedia, I::RxAnswer, TAKE, S::Active),
        row(S::EarlyMedia, I::RxBadEarlyOffer, PRACK_CANCEL, S::Cancelling),
        row(S::EarlyMedia, I::RxForkOver, &[SendPrack, EndFork, ApplyPlan], S::EarlyMedia),
        row(S::EarlyMedia, I::RxEarlyMediaOver, &[SendPrack, EndFork, ApplyPlan, TellProgress], S::Ringback),
        row(S::EarlyMedia, I::RxTooBrief, &[SendInvite], S::Calling),
        row(S::EarlyMedia, I::RxChallenged, &[SendInvite], S::Calling),
        row(S::EarlyMedia, I::Modify, &[], S::EarlyMedia),
        row(S::EarlyMedia, I::RxBadAnswer, ACK_BYE, S::Terminating),
        row(S::EarlyMedia, I::NextTarget, &[TakeNextTarget, TellRedirected, Resolve], S::Resolving),
        row(S::EarlyMedia, I::RxFailure, OVER, S::Terminated),
        row(S::EarlyMedia, I::InviteGone, OVER, S::Terminated),
        row(S::EarlyMedia, I::Hangup, CANCEL, S::Cancelling),
        row(S::EarlyMedia, I::RingTimeout, CANCEL, S::Cancelling),
        row(S::EarlyMedia, I::RxBye, BYE_CANCEL, S::Cancelling),
        row(S::EarlyMedia, I::RxForkBye, &[ConfirmBye, LeaveFork, ApplyPlan], S::EarlyMedia),
        row(
            S::EarlyMedia,
            I::RxEarlyMediaBye,
            &[ConfirmBye, LeaveFork, ApplyPlan, TellProgress],
            S::Ringback,
        ),
        // Before the answer too the media may change by an UPDATE of ours (RFC 3311).
        row(S::EarlyMedia, I::ModifyEarly, &[SendOffer], S::EarlyMedia),
        row(S::EarlyMedia, I::OfferAgain, &[Settle], S::EarlyMedia),
        row(
            S::EarlyMedia,
            I::RxOfferAnswer,
            &[AckOffer, DisarmOffer, ApplyPlan, TellMediaChanged, Settle],
            S::EarlyMedia,
        ),
        row(
            S::EarlyMedia,
            I::RxOfferRefused,
            &[DisarmOffer, WithdrawOffer, TellRefused, Settle],
            S::EarlyMedia,
        ),
        row(S::EarlyMedia, I::RxOfferGlare, &[ArmOfferAgain], S::EarlyMedia),
        row(S::EarlyMedia, I::RxOfferBadAnswer, KEEP, S::EarlyMedia),
        row(S::EarlyMedia, I::RxGone, DROP_CANCEL, S::Cancelling),
        row(
            S::EarlyMedia,
            I::RxAnswerMidOffer,
            &[DisarmAll, SendAck, ApplyPlan, ArmRefresh, TellAnswered],
            S::Offering,
        ),
        // A target that was given up before this one was called answers after all.
        row(S::Resolving, I::RxOtherAnswer, &[RefuseFork], S::Resolving),
        row(S::Calling, I::RxOtherAnswer, &[RefuseFork], S::Calling),
        row(S::Proceeding, I::RxOtherAnswer, &[RefuseFork], S::Proceeding),
        row(S::Ringback, I::RxOtherAnswer, &[RefuseFork], S::Ringback),
        row(S::EarlyMedia, I::RxOtherAnswer, &[RefuseFork], S::EarlyMedia),
        row(S::CancelPending, I::RxOtherAnswer, &[RefuseFork], S::CancelPending),
        row(S::Cancelling, I::RxOtherAnswer, &[RefuseFork], S::Cancelling),
        // Giving up: CANCEL may only follow a provisional response (section 9.1).
        row(S::CancelPending, I::RxTrying, CANCEL, S::Cancelling),
        row(S::CancelPending, I::RxRinging, PRACK_CANCEL, S::Cancelling),
        row(S::CancelPending, I::RxEarlyMedia, PRACK_CANCEL, S::Cancelling),
        row(S::CancelPending, I::RxBadEarlyOffer, PRACK_CANCEL, S::Cancelling),
        row(S::CancelPending, I::RxForkOver, PRACK_CANCEL, S::Cancelling),
        row(S::CancelPending, I::RxAnswer, ACK_BYE, S::Terminating),
        row(S::CancelPending, I::RxBadAnswer, ACK_BYE, S::Terminating),
        row(S::CancelPending, I::NextTarget, OVER, S::Terminated),
        row(S::CancelPending, I::RxTooBrief, OVER, S::Terminated),
        row(S::CancelPending, I::RxFailure, OVER, S::Terminated),
        row(S::CancelPending, I::InviteTimeout, OVER, S::Terminated),
        row(S::CancelPending, I::InviteGone, OVER, S::Terminated),
        row(S::CancelPending, I::Hangup, &[], S::CancelPending),
        row(S::Cancelling, I::NextTarget, OVER, S::Terminated),
        row(S::Cancelling, I::RxTooBrief, OVER, S::Terminated),
        row(S::Cancelling, I::RxBye, FORK_BYE, S::Cancelling),
        // What is still acknowledged is not sent again.
        row(S::Cancelling, I::RxRinging, &[SendPrack], S::Cancelling),
        row(S::Cancelling, I::RxEarlyMedia, &[SendPrack], S::Cancelling),
        row(S::Cancelling, I::RxBadEarlyOffer, &[SendPrack], S::Cancelling),
        row(S::Cancelling, I::RxForkOver, &[SendPrack, EndFork], S::Cancelling),
        row(S::Cancelling, I::RxEarlyMediaOver, &[SendPrack, EndFork], S::Cancelling),
        row(S::Cancelling, I::RxFailure, OVER, S::Terminated),
        // The 200 crossed our CANCEL: take the call and hang it up (section 15).
        row(S::Cancelling, I::RxAnswer, ACK_BYE, S::Terminating),
        row(S::Cancelling, I::RxBadAnswer, ACK_BYE, S::Terminating),
        row(S::Cancelling, I::CancelTimeout, &[AbandonInvite, CloseMedia, TellEnded, Release], S::Terminated),
        row(S::Cancelling, I::InviteGone, OVER, S::Terminated),
        row(S::Cancelling, I::Hangup, &[], S::Cancelling),
        // An incoming call. The session exists already: the interceptor saw to that.
        row(S::Idle, I::Admitted, &[ArmDeadline, SendRinging], S::Ringing),
        row(S::Idle, I::AdmittedSilently, &[ArmDeadline], S::Incoming),
        row(S::Incoming, I::Ring, &[SendRinging], S::Ringing),
        row(S::Incoming, I::Progress, &[SendProgress], S::Ringing),
        row(S::Incoming, I::ProgressAudio, &[SendEarlyMedia, ApplyPlan], S::Ringing),
        row(S::Incoming, I::Answer, ANSWER, S::Answered),
        row(S::Incoming, I::Reject, &[DisarmAll, SendReject, TellEnded, Release], S::Terminated),
        row(S::Incoming, I::Hangup, &[DisarmAll, SendReject, TellEnded, Release], S::Terminated),
        row(S::Incoming, I::RxCancel, &[DisarmAll, SendTerminated, TellEnded, Release], S::Terminated),
        row(
            S::Incoming,
            I::RxBye,
            &[ConfirmBye, DisarmAll, SendTerminated, TellEnded, Release],
            S::Terminated,
        ),
        row(S::Incoming, I::Deadline, &[DisarmAll, SendReject, TellEnded, Release], S::Terminated),
        row(S::Incoming, I::Modify, &[], S::Incoming),
        row(S::Ringing, I::Modify, &[], S::Ringing),
        row(S::Ringing, I::RxUpdate, &[SendUpdateAnswer, ApplyChange, TellMediaChanged], S::Ringing),
        row(S::Ringing, I::Ring, &[], S::Ringing),
        row(S::Ringing, I::AnswerRepeat, &[SendRinging], S::Ringing),
        row(S::Ringing, I::Progress, &[SendProgress], S::Ringing),
        row(S::Ringing, I::ProgressAudio, &[SendEarlyMedia, ApplyPlan], S::Ringing),
        row(S::Ringing, I::ProgressRepeat, &[RepeatProgress], S::Ringing),
        row(
            S::Ringing,
            I::RxPrack,
            &[ConfirmPrack, DisarmAnswer, ApplyChange, TellMediaChanged, NextProgress, Settle],
            S::Ringing,
        ),
        row(
            S::Ringing,
            I::RxBadPrack,
            &[ConfirmPrack, DisarmAll, SendReject, CloseMedia, TellEnded, Release],
            S::Terminated,
        ),
        row(S::Ringing, I::PrackTimeout, REFUSE, S::Terminated),
        row(S::Ringing, I::AnswerLater, &[], S::AnswerPending),
        row(S::Ringing, I::Answer, ANSWER, S::Answered),
        row(S::Ringing, I::Reject, REFUSE, S::Terminated),
        row(S::Ringing, I::Hangup, REFUSE, S::Terminated),
        row(S::Ringing, I::RxCancel, TERMINATE, S::Terminated),
        row(
            S::Ringing,
            I::RxBye,
            &[ConfirmBye, DisarmAll, SendTerminated, CloseMedia, TellEnded, Release],
            S::Terminated,
        ),
        row(S::Ringing, I::Deadline, REFUSE, S::Terminated),
        // An UPDATE of ours before the answer.
        row(S::Ringing, I::ModifyEarly, &[SendOffer], S::Ringing),
        row(S::Ringing, I::OfferAgain, &[Settle], S::Ringing),
        row(
            S::Ringing,
            I::RxOfferAnswer,
            &[AckOffer, DisarmOffer, ApplyPlan, TellMediaChanged, Settle],
            S::Ringing,
        ),
        row(S::Ringing, I::RxOfferRefused, &[DisarmOffer, WithdrawOffer, TellRefused, Settle], S::Ringing),
        row(S::Ringing, I::RxOfferGlare, &[ArmOfferAgain], S::Ringing),
        row(S::Ringing, I::RxOfferBadAnswer, KEEP, S::Ringing),
        row(S::Ringing, I::RxGone, DROP_TERMINATE, S::Terminated),
        // The 200 waits for its outcome too: two exchanges never cross.
        row(
            S::AnswerPending,
            I::RxOfferAnswer,
            &[AckOffer, DisarmAll, SendAnswer, ApplyPlan, ArmAnswerTimers, ArmRefresh, TellAnswered],
            S::Answered,
        ),
        row(
            S::AnswerPending,
            I::RxOfferRefused,
            &[
                WithdrawOffer,
                TellRefused,
                DisarmAll,
                SendAnswer,
                ApplyPlan,
                ArmAnswerTimers,
                ArmRefresh,
                TellAnswered,
            ],
            S::Answered,
        ),
        row(
            S::AnswerPending,
            I::RxOfferGlare,
            &[ArmOfferAgain, DisarmAll, SendAnswer, ApplyPlan, ArmAnswerTimers, ArmRefresh, TellAnswered],
            S::Answered,
        ),
        row(
            S::AnswerPending,
            I::RxOfferBadAnswer,
            &[
                KeepMedia,
                TellRefused,
                TellUnanswered,
                DisarmAll,
                SendAnswer,
                ApplyPlan,
                ArmAnswerTimers,
                ArmRefresh,
                TellAnswered,
            ],
            S::Answered,
        ),
        row(S::AnswerPending, I::RxGone, DROP_TERMINATE, S::Terminated),
        row(
            S::AnswerPending,
            I::RxSidePrack,
            &[ConfirmPrack, DisarmAnswer, ApplyChange, TellMediaChanged],
            S::AnswerPending,
        ),
        // The 200 waits: an answer that went before it has not been acknowledged (RFC 3262 section 3).
        row(
            S::AnswerPending,
            I::RxPrack,
            &[ConfirmPrack, DisarmAll, SendAnswer, ApplyPlan, ArmAnswerTimers, ArmRefresh, TellAnswered],
            S::Answered,
        ),
        row(
            S::AnswerPending,
            I::RxBadPrack,
            &[ConfirmPrack, DisarmAll, SendReject, CloseMedia, TellEnded, Release],
            S::Terminated,
        ),
        row(S::AnswerPending, I::ProgressRepeat, &[RepeatProgress], S::AnswerPending),
        row(S::AnswerPending, I::PrackTimeout, REFUSE, S::Terminated),
        row(S::AnswerPending, I::Hangup, REFUSE, S::Terminated),
        row(S::AnswerPending, I::RxCancel, TERMINATE, S::Terminated),
        row(
            S::AnswerPending,
            I::RxBye,
            &[ConfirmBye, DisarmAll, SendTerminated, CloseMedia, TellEnded, Release],
            S::Terminated,
        ),
        row(S::AnswerPending, I::Modify, &[], S::AnswerPending),
        row(
            S::AnswerPending,
            I::RxUpdate,
            &[SendUpdateAnswer, ApplyChange, TellMediaChanged],
            S::AnswerPending,
        ),
        // A PRACK may come after the 200 if what it acknowledges had no session description.
        row(S::Answered, I::RxPrack, PRACKED, S::Answered),
        row(S::HangupPending, I::RxPrack, &[ConfirmPrack], S::HangupPending),
        row(S::Active, I::RxPrack, PRACKED, S::Active),
        row(S::Reanswered, I::RxPrack, PRACKED, S::Reanswered),
        row(S::Offering, I::RxPrack, &[ConfirmPrack, ApplyChange, TellMediaChanged], S::Offering),
        row(S::OfferWait, I::RxPrack, &[ConfirmPrack, ApplyChange, TellMediaChanged], S::OfferWait),
        row(S::Answered, I::AnswerRepeat, &[RepeatAnswer], S::Answered),
        row(S::Answered, I::RxAck, &[DisarmAnswer, TellConfirmed, Settle], S::Active),
        row(
            S::Answered,
            I::RxAckAnswer,
            &[DisarmAnswer, ApplyPlan, TellConfirmed, TellMediaChanged, Settle],
            S::Active,
        ),
        row(S::Answered, I::RxBadAck, BYE, S::Terminating),
        row(S::Answered, I::AckTimeout, BYE, S::Terminating),
        row(S::Answered, I::RxBye, HUNG_UP, S::Terminated),
        // Whoever asks for more has our 200: its ACK is lost or late (RFC 5407 sections 3.1.4 and 3.1.5).
        row(
            S::Answered,
            I::RxReinvite,
            &[TellConfirmed, SendReanswer, ApplyPlan, ArmAnswerTimers, ArmRefresh, TellMediaChanged],
            S::Reanswered,
        ),
        row(
            S::Answered,
            I::RxUpdate,
            &[SendUpdateAnswer, ApplyPlan, ArmRefresh, TellMediaChanged],
            S::Answered,
        ),
        row(S::Answered, I::Modify, &[], S::Answered),
        // The 200 crossed their CANCEL: the call stands, the caller will hang it up (section 9.2).
        row(S::Answered, I::RxCancel, &[], S::Answered),
        // The callee must not send BYE before the ACK has come or will not come (section 15).
        row(S::Answered, I::Hangup, &[CloseMedia, TellEnded], S::HangupPending),
        row(S::HangupPending, I::AnswerRepeat, &[RepeatAnswer], S::HangupPending),
        row(S::HangupPending, I::RxAck, &[DisarmAll, SendBye], S::Terminating),
        row(S::HangupPending, I::RxBadAck, &[DisarmAll, SendBye], S::Terminating),
        row(S::HangupPending, I::AckTimeout, &[DisarmAll, SendBye], S::Terminating),
        row(S::HangupPending, I::RxBye, &[ConfirmBye, DisarmAll, Release], S::Terminated),
        row(S::HangupPending, I::RxCancel, &[], S::HangupPending),
        row(S::HangupPending, I::RxReinvite, &[RefuseReinvite, DisarmAll, SendBye], S::Terminating),
        row(S::HangupPending, I::Hangup, &[], S::HangupPending),
        row(S::HangupPending, I::RxAnswerAgain, &[ResendAck], S::HangupPending),
        row(S::HangupPending, I::RxOtherAnswer, &[RefuseFork], S::HangupPending),
        // The call is up.
        row(S::Active, I::Hangup, BYE, S::Terminating),
        row(S::Active, I::RxBye, HUNG_UP, S::Terminated),
        row(S::Active, I::RxAck, &[], S::Active),
        row(S::Active, I::RxAnswerAgain, &[ResendAck], S::Active),
        row(S::Active, I::RxOtherAnswer, &[RefuseFork], S::Active),
        row(
            S::Active,
            I::RxReinvite,
            &[SendReanswer, ApplyPlan, ArmAnswerTimers, ArmRefresh, TellMediaChanged],
            S::Reanswered,
        ),
        row(S::Active, I::RxUpdate, &[SendUpdateAnswer, ApplyPlan, ArmRefresh, TellMediaChanged], S::Active),
        row(S::Active, I::Modify, &[SendOffer], S::Offering),
        row(S::Active, I::RefreshByUpdate, &[SendRefresh], S::Active),
        row(S::Active, I::RefreshByInvite, &[SendOffer], S::Offering),
        row(S::Active, I::RxGone, BYE, S::Terminating),
        row(S::Active, I::Expired, BYE, S::Terminating),
        // A re-INVITE was answered and its ACK is awaited.
        row(S::Reanswered, I::AnswerRepeat, &[RepeatAnswer], S::Reanswered),
        row(S::Reanswered, I::RxAck, &[DisarmAnswer, Settle], S::Active),
        row(S::Reanswered, I::RxAckAnswer, &[DisarmAnswer, ApplyPlan, TellMediaChanged, Settle], S::Active),
        row(S::Reanswered, I::RxBadAck, &[DisarmAnswer, KeepMedia, TellUnanswered, Settle], S::Active),
        row(S::Reanswered, I::AckTimeout, BYE, S::Terminating),
        row(
            S::Reanswered,
            I::RxReinvite,
            &[SendReanswer, ApplyPlan, ArmAnswerTimers, ArmRefresh, TellMediaChanged],
            S::Reanswered,
        ),
        row(
            S::Reanswered,
            I::RxUpdate,
            &[SendUpdateAnswer, ApplyPlan, ArmRefresh, TellMediaChanged],
            S::Reanswered,
        ),
        row(S::Reanswered, I::RxAnswerAgain, &[ResendAck], S::Reanswered),
        row(S::Reanswered, I::RxOtherAnswer, &[RefuseFork], S::Reanswered),
        row(S::Reanswered, I::Modify, &[], S::Reanswered),
        row(S::Reanswered, I::Hangup, &[CloseMedia, TellEnded], S::HangupPending),
        row(S::Reanswered, I::RxBye, HUNG_UP, S::Terminated),
        row(S::Reanswered, I::RxGone, BYE, S::Terminating),
        // Our offer waits for its answer.
        row(
            S::Offering,
            I::RxOfferAnswer,
            &[AckOffer, DisarmOffer, ApplyPlan, ArmRefresh, TellMediaChanged, Settle],
            S::Active,
        ),
        row(
            S::Offering,
            I::RxOfferBadAnswer,
            &[KeepMedia, DisarmOffer, ArmRefresh, TellRefused, TellUnanswered, Settle],
            S::Active,
        ),
        row(S::Offering, I::RxOfferRefused, &[DisarmOffer, WithdrawOffer, TellRefused, Settle], S::Active),
        row(
            S::Offering,
            I::RxRefreshRefused,
            &[DisarmOffer, WithdrawOffer, TellRefreshRefused, Settle],
            S::Active,
        ),
        row(S::Offering, I::RxOfferGlare, &[ArmOfferAgain], S::OfferWait),
        // Our re-INVITE may have reliable provisional responses as well (RFC 3262 section 4).
        row(S::Offering, I::RxRinging, &[SendPrack], S::Offering),
        row(S::Offering, I::RxTooBrief, &[SendOffer], S::Offering),
        row(S::Offering, I::RxGone, BYE, S::Terminating),
        row(
            S::Offering,
            I::OfferTimeout,
            &[DisarmAll, AbandonOffer, SendBye, CloseMedia, TellEnded],
            S::Terminating,
        ),
        row(S::Offering, I::RxUpdate, &[SendUpdateAnswer, ArmRefresh], S::Offering),
        row(S::Offering, I::RxAck, &[], S::Offering),
        row(S::Offering, I::RxAnswerAgain, &[ResendAck], S::Offering),
        row(S::Offering, I::RxOtherAnswer, &[RefuseFork], S::Offering),
        row(S::Offering, I::Modify, &[], S::Offering),
        row(S::Offering, I::Expired, BYE, S::Terminating),
        row(S::Offering, I::Hangup, BYE, S::Terminating),
        row(S::Offering, I::RxBye, HUNG_UP, S::Terminated),
        // Glare: whoever's time is up first asks again.
        row(S::OfferWait, I::OfferAgain, &[SendOffer], S::Offering),
        row(
            S::OfferWait,
            I::RxReinvite,
            &[DisarmOffer, SendReanswer, ApplyPlan, ArmAnswerTimers, ArmRefresh, TellMediaChanged],
            S::Reanswered,
        ),
        row(
            S::OfferWait,
            I::RxUpdate,
            &[SendUpdateAnswer, ApplyPlan, ArmRefresh, TellMediaChanged],
            S::OfferWait,
        ),
        row(S::OfferWait, I::RxAck, &[], S::OfferWait),
        row(S::OfferWait, I::RxAnswerAgain, &[ResendAck], S::OfferWait),
        row(S::OfferWait, I::RxOtherAnswer, &[RefuseFork], S::OfferWait),
        row(S::OfferWait, I::Modify, &[], S::OfferWait),
        row(S::OfferWait, I::RxGone, BYE, S::Terminating),
        row(S::OfferWait, I::Hangup, BYE, S::Terminating),
        row(S::OfferWait, I::RxBye, HUNG_UP, S::Terminated),
        // Our BYE is on its way.
        row(S::Terminating, I::RxByeDone, &[DisarmAll, Release], S::Terminated),
        // The BYE still waits for an address.
        row(S::Terminating, I::AckTimeout, &[DisarmAll, Release], S::Terminated),
        row(S::Terminating, I::RxBye, &[ConfirmBye], S::Terminating),
        row(S::Terminating, I::RxAck, &[], S::Terminating),
        row(S::Terminating, I::RxAnswerAgain, &[ResendAck], S::Terminating),
        row(S::Terminating, I::RxOtherAnswer, &[RefuseFork], S::Terminating),
        row(S::Terminating, I::Hangup, &[], S::Terminating),
        // The answer to a re-INVITE of ours crossed our BYE; it wants its ACK all the same.
        row(S::Terminating, I::RxOfferAnswer, &[AckOffer], S::Terminating),
        row(S::Terminating, I::RxOfferRefused, &[WithdrawOffer], S::Terminating),
        // Over; kept only while the far end may still answer or repeat what we must acknowledge (RFC 6026).
        row(S::Terminated, I::RxAnswerAgain, &[ResendAck], S::Terminated),
        row(S::Terminated, I::RxOtherAnswer, &[RefuseFork], S::Terminated),
        row(S::Terminated, I::InviteGone, &[Release], S::Terminated),
        row(S::Terminated, I::RxOfferAnswer, &[AckOffer, Release], S::Terminated),
        row(S::Terminated, I::RxOfferRefused, &[WithdrawOffer, Release], S::Terminated),
        row(S::Terminated, I::OfferTimeout, &[AbandonOffer, Release], S::Terminated),
        row(S::Terminated, I::Hangup, &[], S::Terminated),
    ]
};

/// What `input` means in a state that has no row for it.
pub const fn fallback(input: Input) -> Fallback {
    use Input as I;
    match input {
        I::MakeCall
        | I::Ring
        | I::Progress
        | I::ProgressAudio
        | I::Answer
        | I::AnswerLater
        | I::Reject
        | I::Hangup
        | I::Modify
        | I::ModifyEarly => Fallback::Refuse,
        I::RxBye | I::RxForkBye | I::RxEarlyMediaBye | I::RxPrack | I::RxBadPrack | I::RxSidePrack => {
            Fallback::Gone
        }
        I::RxReinvite | I::RxUpdate | I::RxOfferTooEarly => Fallback::NotNow,
        I::RxOfferCrossing => Fallback::Crossing,
        I::Admitted
        | I::AdmittedSilently
        | I::NamesFound
        | I::NamesFailed
        | I::RxTrying
        | I::RxRinging
        | I::RxEarlyMedia
        | I::RxAnswer
        | I::RxAnswerMidOffer
        | I::RxAnswerAgain
        | I::RxOtherAnswer
        | I::RxBadAnswer
        | I::NextTarget
        | I::RxFailure
        | I::RxAck
        | I::RxAckAnswer
        | I::RxBadAck
        | I::RxCancel
        | I::RxByeDone
        | I::InviteTimeout
        | I::InviteGone
        | I::RingTimeout
        | I::Deadline
        | I::AnswerRepeat
        | I::AckTimeout
        | I::CancelTimeout
        | I::RxTooBrief
        | I::RxChallenged
        | I::RxBadEarlyOffer
        | I::RxForkOver
        | I::RxEarlyMediaOver
        | I::ProgressRepeat
        | I::PrackTimeout
        | I::RxOfferAnswer
        | I::RxOfferBadAnswer
        | I::RxOfferGlare
        | I::RxOfferRefused
        | I::RxRefreshRefused
        | I::RxGone
        | I::OfferTimeout
        | I::OfferAgain
        | I::RefreshByUpdate
        | I::RefreshByInvite
        | I::Expired => Fallback::Ignore,
    }
}
