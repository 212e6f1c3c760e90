//! What many rows of the table do alike.

use super::action::Action::{self, *};

/// The call is over: nothing more goes out.
pub(super) const OVER: &[Action] = &[DisarmAll, CloseMedia, TellEnded, Release];
/// Gives up a call that has a provisional response.
pub(super) const CANCEL: &[Action] = &[DisarmAll, SendCancel, ArmCancelTimeout];
/// The only callee that is left has hung up before it answered (RFC 3261 section 15.1.2).
pub(super) const BYE_CANCEL: &[Action] = &[ConfirmBye, LeaveFork, DisarmAll, SendCancel, ArmCancelTimeout];
/// One of several callees has.
pub(super) const FORK_BYE: &[Action] = &[ConfirmBye, LeaveFork];
/// The same, on a provisional response that may want its PRACK first.
pub(super) const PRACK_CANCEL: &[Action] = &[SendPrack, DisarmAll, SendCancel, ArmCancelTimeout];
/// The callee has taken our call.
pub(super) const TAKE: &[Action] = &[DisarmAll, SendAck, ApplyPlan, ArmRefresh, TellAnswered, Settle];
/// The callee has taken a call that cannot be: it gets its ACK, and a BYE.
pub(super) const ACK_BYE: &[Action] = &[DisarmAll, SendAck, SendBye, CloseMedia, TellEnded];
/// Hangs up.
pub(super) const BYE: &[Action] = &[DisarmAll, SendBye, CloseMedia, TellEnded];
/// The peer has hung up.
pub(super) const HUNG_UP: &[Action] = &[ConfirmBye, DisarmAll, CloseMedia, TellEnded, Release];
/// Refuses an incoming call whose stream may be open.
pub(super) const REFUSE: &[Action] = &[DisarmAll, SendReject, CloseMedia, TellEnded, Release];
/// The caller has given up: its INVITE gets 487.
pub(super) const TERMINATE: &[Action] = &[DisarmAll, SendTerminated, CloseMedia, TellEnded, Release];
/// Gives up a call whose early dialog is no more, or has no common description any more.
pub(super) const DROP_CANCEL: &[Action] = &[DisarmAll, AbandonOffer, SendCancel, ArmCancelTimeout];
/// The same of an incoming call.
pub(super) const DROP_TERMINATE: &[Action] =
    &[DisarmAll, AbandonOffer, SendTerminated, CloseMedia, TellEnded, Release];
/// The acknowledgement of a provisional response has come after the 200.
pub(super) const PRACKED: &[Action] = &[ConfirmPrack, ApplyChange, TellMediaChanged, Settle];
/// The peer has agreed to our UPDATE, and said nothing of the media that can be used.
pub(super) const KEEP: &[Action] = &[KeepMedia, DisarmOffer, TellRefused, TellUnanswered, Settle];
/// Takes an incoming call.
pub(super) const ANSWER: &[Action] =
    &[DisarmAll, SendAnswer, ApplyPlan, ArmAnswerTimers, ArmRefresh, TellAnswered];
