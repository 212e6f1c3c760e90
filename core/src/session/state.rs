//! The states a session can be in and all that can happen to it.

/// Declares a fieldless enum that knows its members and their names.
macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $member:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name { $($(#[$doc])* $member,)+ }

        impl $name {
            /// All of them, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$member,)+];

            /// In words.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$member => $text,)+ }
            }

            /// Place in [`ALL`](Self::ALL).
            pub const fn index(self) -> usize {
                self as usize
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(super) use named;

named! {
    /// Where a session stands.
    State {
        /// Created, nothing has happened yet.
        Idle = "idle",
        /// Outgoing: the address of the next hop is being looked up.
        Resolving = "looking up the address",
        /// Outgoing: the INVITE is sent, nothing came back.
        Calling = "calling",
        /// Outgoing: 100 Trying came.
        Proceeding = "proceeding",
        /// Outgoing: the far end rings.
        Ringback = "ringing at the far end",
        /// Outgoing: audio comes before the answer.
        EarlyMedia = "hearing early media",
        /// Outgoing: given up, but CANCEL must wait for a provisional response.
        CancelPending = "about to be cancelled",
        /// Outgoing: CANCEL is sent, the final response is awaited.
        Cancelling = "being cancelled",
        /// Incoming: undecided, the caller hears nothing.
        Incoming = "waiting for a decision",
        /// Incoming: undecided, the caller hears it ring.
        Ringing = "ringing",
        /// Incoming: answered, but the 200 must wait for the PRACK of an answer that went before it.
        AnswerPending = "about to be answered",
        /// Incoming: the 200 is sent, its ACK is awaited.
        Answered = "answered",
        /// Hung up after a 200 of ours, BYE must wait for its ACK.
        HangupPending = "about to be hung up",
        /// The call is up.
        Active = "active",
        /// The call is up, a re-INVITE of the peer is answered, its ACK is awaited.
        Reanswered = "active, changing media",
        /// The call is up, our own offer waits for its answer.
        Offering = "active, asking for a change of media",
        /// The call is up, our offer crossed one of the peer's and will be made again.
        OfferWait = "active, about to ask again for a change of media",
        /// BYE is sent, its response is awaited.
        Terminating = "being hung up",
        /// Over.
        Terminated = "over",
    }
}

named! {
    /// What can happen to a session. Which one a message is has been decided before the table is asked.
    Input {
        /// Command: place the call.
        MakeCall = "MakeCall",
        /// Command: let the caller hear it ring.
        Ring = "Ring",
        /// Command: tell the caller that the call is being worked on (180).
        Progress = "Progress",
        /// Command: let the caller hear something before the answer (183 with our session description).
        ProgressAudio = "ProgressAudio",
        /// Command: take the call.
        Answer = "Answer",
        /// Command: take the call, while a reliable provisional response with a session description waits for its PRACK.
        AnswerLater = "AnswerLater",
        /// Command: refuse the call.
        Reject = "Reject",
        /// Command: end the call, whatever that takes.
        Hangup = "Hangup",
        /// Command, or what is left of one: the peer is to learn what the application wants of the media.
        Modify = "Modify",
        /// The same while the call is not answered yet, but may be changed by UPDATE (RFC 3311).
        ModifyEarly = "ModifyEarly",
        /// The interceptor admitted a new INVITE.
        Admitted = "Admitted",
        /// The interceptor admitted a new INVITE and wants no 180 yet.
        AdmittedSilently = "AdmittedSilently",
        /// The next hop's address is known.
        NamesFound = "NamesFound",
        /// The next hop's address cannot be found.
        NamesFailed = "NamesFailed",
        /// 100.
        RxTrying = "RxTrying",
        /// 101 to 199 without a usable session description.
        RxRinging = "RxRinging",
        /// 101 to 199 with an answer to our offer.
        RxEarlyMedia = "RxEarlyMedia",
        /// A reliable provisional response whose offer we cannot accept.
        RxBadEarlyOffer = "RxBadEarlyOffer",
        /// 199: one early dialog is over, and it was not the one that is heard, or another is heard instead.
        RxForkOver = "RxForkOver",
        /// 199 of the early dialog that is heard, and there is no other.
        RxEarlyMediaOver = "RxEarlyMediaOver",
        /// The first 2xx, with a usable answer.
        RxAnswer = "RxAnswer",
        /// The first 2xx, while an UPDATE of ours in its early dialog waits for the answer to its offer.
        RxAnswerMidOffer = "RxAnswerMidOffer",
        /// A repeat of the 2xx that we took.
        RxAnswerAgain = "RxAnswerAgain",
        /// A 2xx of another fork than the one we took.
        RxOtherAnswer = "RxOtherAnswer",
        /// The first 2xx, but its session description cannot be used.
        RxBadAnswer = "RxBadAnswer",
        /// 3xx that names a place to call instead, or the place called failed and another is left.
        NextTarget = "NextTarget",
        /// 422 that asks for a longer session interval, which it shall have (RFC 4028 section 7.3).
        RxTooBrief = "RxTooBrief",
        /// 401 or 407 that asks for credentials which we have (RFC 3261 section 22).
        RxChallenged = "RxChallenged",
        /// 300 to 699.
        RxFailure = "RxFailure",
        /// ACK to our 2xx, with nothing more to learn from it.
        RxAck = "RxAck",
        /// ACK to our 2xx with the answer to our late offer.
        RxAckAnswer = "RxAckAnswer",
        /// ACK to our 2xx whose answer to our late offer is missing or cannot be used.
        RxBadAck = "RxBadAck",
        /// PRACK of our reliable provisional response, with the answer to the offer in it if there was one.
        RxPrack = "RxPrack",
        /// PRACK of our reliable provisional response, whose answer to the offer in it is missing or cannot be used; or whose
        /// offer, which must be answered, leaves no media that could be offered back.
        RxBadPrack = "RxBadPrack",
        /// PRACK of another response than the one that our 200 waits for.
        RxSidePrack = "RxSidePrack",
        /// CANCEL of the INVITE.
        RxCancel = "RxCancel",
        /// BYE.
        RxBye = "RxBye",
        /// BYE of the callee in one of several early dialogs, and it was not the one that is heard, or another is heard
        /// instead.
        RxForkBye = "RxForkBye",
        /// BYE of the callee in the early dialog that is heard; others ring on, but none of them is heard.
        RxEarlyMediaBye = "RxEarlyMediaBye",
        /// Any final response to our BYE, or none in time.
        RxByeDone = "RxByeDone",
        /// An INVITE within the dialog, with an offer we can answer or none.
        RxReinvite = "RxReinvite",
        /// An UPDATE with an offer that may be made now and that we can answer, or with none (RFC 3311).
        RxUpdate = "RxUpdate",
        /// An offer in a re-INVITE or UPDATE while one of ours is unanswered.
        RxOfferCrossing = "RxOfferCrossing",
        /// An offer in an UPDATE while we owe an answer.
        RxOfferTooEarly = "RxOfferTooEarly",
        /// 2xx to our re-INVITE or UPDATE, with a usable answer.
        RxOfferAnswer = "RxOfferAnswer",
        /// 2xx to our re-INVITE or UPDATE whose answer is missing or cannot be used.
        RxOfferBadAnswer = "RxOfferBadAnswer",
        /// Our offer crossed one of the peer's: it may be made again later.
        RxOfferGlare = "RxOfferGlare",
        /// Our re-INVITE that was to refresh the session is refused; the call goes on until it expires.
        RxRefreshRefused = "RxRefreshRefused",
        /// Our offer is refused; the call goes on as before.
        RxOfferRefused = "RxOfferRefused",
        /// The peer no longer knows the call, or says nothing any more.
        RxGone = "RxGone",
        /// No final response to our re-INVITE in time.
        OfferTimeout = "OfferTimeout",
        /// Time to make our offer again.
        OfferAgain = "OfferAgain",
        /// Time to refresh the session by UPDATE (RFC 4028).
        RefreshByUpdate = "RefreshByUpdate",
        /// Time to refresh the session, of a peer that knows no UPDATE.
        RefreshByInvite = "RefreshByInvite",
        /// Nobody has refreshed the session in time.
        Expired = "Expired",
        /// Timer B, or the network refused the INVITE.
        InviteTimeout = "InviteTimeout",
        /// The INVITE transaction is gone: no 2xx can come any more.
        InviteGone = "InviteGone",
        /// Nobody answered in time.
        RingTimeout = "RingTimeout",
        /// Nobody decided in time.
        Deadline = "Deadline",
        /// Time to send the 180 or the 200 again.
        AnswerRepeat = "AnswerRepeat",
        /// Time to send a reliable provisional response again.
        ProgressRepeat = "ProgressRepeat",
        /// 64·T1 without a PRACK.
        PrackTimeout = "PrackTimeout",
        /// 64·T1 without an ACK.
        AckTimeout = "AckTimeout",
        /// 64·T1 without a final response to a cancelled INVITE.
        CancelTimeout = "CancelTimeout",
    }
}

/// Which side of the call we are (RFC 3261 section 6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// We called.
    Uac,
    /// We were called.
    Uas,
}

impl State {
    /// Whether the call is not answered yet, but both sides may have agreed on the media.
    pub(crate) const fn is_early(self) -> bool {
        matches!(self, Self::EarlyMedia | Self::Ringing | Self::AnswerPending)
    }

    /// Whether both sides know that the call is up, and neither has hung up.
    pub(crate) const fn is_up(self) -> bool {
        matches!(self, Self::Active | Self::Reanswered | Self::Offering | Self::OfferWait)
    }
}
