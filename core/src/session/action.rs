//! What transitions do, mostly as RFC 3261 has it.

/// One step that a transition carries out. The adapters know how.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Action {
    /// Ask for the address of the next hop.
    Resolve,
    /// Leave the place that was called and take the next one.
    TakeNextTarget,
    /// Send the INVITE with our offer.
    SendInvite,
    /// Acknowledge the 2xx (RFC 3261 section 13.2.2.4).
    SendAck,
    /// Send the same ACK again: the 2xx came again, so the first was lost.
    ResendAck,
    /// ACK and BYE for a 2xx of a fork that we do not keep.
    RefuseFork,
    /// Cancel the INVITE (section 9.1).
    SendCancel,
    /// Hang up within the dialog (section 15.1.1).
    SendBye,
    /// Stop caring for an INVITE that never got a final response.
    AbandonInvite,
    /// Send 180 Ringing.
    SendRinging,
    /// Send 180, reliably where the caller knows how.
    SendProgress,
    /// Send 183 with our answer or our offer, reliably where the caller knows how (RFC 3262 section 3).
    SendEarlyMedia,
    /// Send the same reliable provisional response again: its PRACK has not come.
    RepeatProgress,
    /// 200 to a PRACK, with our answer if it brought an offer.
    ConfirmPrack,
    /// Send the provisional response that had to wait for the PRACK of the last; else ring on.
    NextProgress,
    /// PRACK the provisional response at hand if it was sent reliably, with our answer if it brought an offer.
    SendPrack,
    /// Forget the early dialog at hand.
    EndFork,
    /// Forget all of the early dialog at hand but that its callee has hung up: no answer of it is taken any more.
    LeaveFork,
    /// Send the 200 with our answer or our late offer.
    SendAnswer,
    /// Send the 200 to a re-INVITE with our answer.
    SendReanswer,
    /// Send the same 200 again: its ACK has not come (section 13.3.1.4).
    RepeatAnswer,
    /// Refuse the INVITE with the status at hand (section 13.3.1.3).
    SendReject,
    /// End a cancelled INVITE with 487.
    SendTerminated,
    /// 200 to a BYE.
    ConfirmBye,
    /// 500 with Retry-After to a re-INVITE for a call that has waited for an ACK to be hung up (section 14.2).
    RefuseReinvite,
    /// Send a re-INVITE or UPDATE with what we want of the media.
    SendOffer,
    /// Acknowledge the 2xx to our offer if it went in a re-INVITE.
    AckOffer,
    /// Take back what the application wanted: the media stay as they are.
    WithdrawOffer,
    /// What should have answered our offer has no answer that can be used: the media stay as they are. A 2xx to a re-INVITE
    /// gets its ACK all the same.
    KeepMedia,
    /// Stop caring for a re-INVITE that never got a final response.
    AbandonOffer,
    /// 200 to an UPDATE, with our answer if it brought an offer.
    SendUpdateAnswer,
    /// Send an UPDATE that refreshes the session (RFC 4028 section 7.4).
    SendRefresh,
    /// If the application wanted something meanwhile that the peer does not know yet, see to it next.
    Settle,
    /// 481 to a request for a dialog that is being taken down.
    ReplyGone,
    /// Give the media stream its plan: the first opens it, a later one changes it.
    ApplyPlan,
    /// The same with what this message brought, and with nothing else: what has been prepared waits for its message.
    ApplyChange,
    /// Close the media stream.
    CloseMedia,
    /// Start the timer that gives up an unanswered outgoing call.
    ArmRingTimeout,
    /// Start the timer that refuses an undecided incoming call.
    ArmDeadline,
    /// Start repeating the 200 and waiting for its ACK.
    ArmAnswerTimers,
    /// Wait 64·T1 for the final response to a cancelled INVITE (section 9.1).
    ArmCancelTimeout,
    /// Wait before our offer is made again: 2.1 to 4 s if we own the Call-ID, else up to 2 s (section 14.1).
    ArmOfferAgain,
    /// Start the timers of the session's refresh, or stop them if none was agreed.
    ArmRefresh,
    /// Stop waiting for an ACK.
    DisarmAnswer,
    /// Stop the timer of our offer.
    DisarmOffer,
    /// Stop every timer of the session.
    DisarmAll,
    /// Tell the application that the far end is working on it.
    TellProgress,
    /// Tell the application that another place is called now.
    TellRedirected,
    /// Tell the application that the call is up.
    TellAnswered,
    /// Tell the application that the ACK came.
    TellConfirmed,
    /// Tell the application that the media changed, and who holds the call if that changed.
    TellMediaChanged,
    /// Tell the application that the peer refused its change.
    TellRefused,
    /// Tell the application that the peer refuses to refresh the session.
    TellRefreshRefused,
    /// Tell the application that an offer of ours was agreed to without an answer that can be used.
    TellUnanswered,
    /// Tell the application that the call is over, and why.
    TellEnded,
    /// Forget the session once nothing on the wire can still ask for it.
    Release,
    /// A number for the application: it comes out as [`Event::App`](crate::api::Event::App).
    App(u32),
}
