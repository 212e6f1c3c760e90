//! What comes out of a coordinator, in causal order.

use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use bytes::Bytes;

use crate::base::ids::{RegistrationId, RequestId, SessionId, SubscriptionId, UserTag};
use crate::base::slab::key;
use crate::base::time::Instant;
use crate::media::{MediaCommand, MediaSessionId};
use crate::sdp::plan::MediaPlan;
use crate::signaling::{InviteDetails, MessageDetails};
use crate::wire::path::{Transmit, Transport};

use super::{AnswerFault, AuthFailure, EndReason, Refuser, SubscriptionState, TransferRequest};

key! {
    /// Names one question for an address.
    QueryId, "query"
}

/// One thing for the runtime to do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Output {
    /// Send this message.
    Send(Transmit),
    /// Tell the media side.
    Media(MediaCommand),
    /// Tell the application.
    Event(Event),
    /// Find the address of this host and our own address towards it, then call
    /// [`handle_names`](crate::coordinator::UnifiedCoordinator::handle_names).
    Resolve {
        /// To be given back with the answer.
        query: QueryId,
        /// What to find.
        target: ResolveTarget,
    },
    /// Bind this many more pairs of media ports and hand them over with
    /// [`add_media_port`](crate::coordinator::UnifiedCoordinator::add_media_port) before the next input; without one, calls are refused. If fewer can be bound, say so with
    /// [`media_ports_exhausted`](crate::coordinator::UnifiedCoordinator::media_ports_exhausted).
    NeedMediaPorts(usize),
}

/// A host to find.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResolveTarget {
    /// A name, or an IP address as text (IPv6 without brackets).
    pub host: String,
    /// The port that the URI names, if any; 5060 otherwise.
    pub port: Option<u16>,
    /// The transport to use.
    pub transport: Transport,
}

/// Why a host was not found.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("cannot resolve: {0}")]
pub struct NameFailure(pub String);

/// News of a session, for the application.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A call has come; its session exists and waits for `ring`, `answer` or `reject`.
    Incoming {
        /// The new session.
        session: SessionId,
        /// Who calls whom, and the whole INVITE.
        details: Arc<InviteDetails>,
        /// When the call is refused if nobody decides.
        decide_by: Instant,
    },
    /// The far end is working on our call (a provisional response other than 100).
    Progress {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// 101 to 199.
        status: u16,
        /// The reason phrase.
        phrase: String,
        /// Whether audio may come before the answer.
        early_media: bool,
        /// The response, if the settings want messages kept.
        message: Option<Arc<MessageDetails>>,
    },
    /// Our call goes on to another place, because it was sent there (3xx) or the place before it failed.
    Redirected {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// The URI that is called now.
        target: String,
        /// Header fields that whoever names it would like in the INVITE, as in [`TransferRequest::wishes`]. Those to which
        /// [`redirect_headers`](crate::api::CoordinatorConfig::redirect_headers) consents are in it.
        wishes: Vec<(String, String)>,
    },
    /// The call is up. Caller: the 200 came. Callee: our 200 is on its way.
    Answered {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// Its media stream.
        media: MediaSessionId,
        /// What was agreed; `None` while a late offer waits for its answer.
        plan: Option<Arc<MediaPlan>>,
        /// Caller: the 200, if the settings want messages kept.
        message: Option<Arc<MessageDetails>>,
    },
    /// The caller's ACK came: both sides know that the call is up.
    Confirmed {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
    },
    /// A later offer and answer changed the media.
    MediaChanged {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// What holds from now on.
        plan: Arc<MediaPlan>,
    },
    /// A call is up and nothing comes from the other side, which should send; or something comes again.
    MediaSilent {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// For how long nothing has come. Told again each time that has lasted as long again. `None`: something comes.
        for_ms: Option<u32>,
    },
    /// One side began or ceased to hold the call (RFC 3264 section 8.4), or a change that we asked for is done: each
    /// wish is answered by this or by `ModifyFailed`, several in a row by one of them.
    HoldChanged {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// Whether we hold it, and the other side knows.
        local: bool,
        /// Whether the other side holds it.
        remote: bool,
    },
    /// The session was refreshed (RFC 4028): the other side is still there.
    Refreshed {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// Whether we asked, and not the other side.
        by_us: bool,
    },
    /// The other side has taken a key that went by INFO. Keys in the audio stream have no such receipt.
    DtmfSent {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// Any of `0123456789*#ABCD`.
        digit: char,
    },
    /// A key that went by INFO was not taken, and those that were to follow it are not sent. 408 and 481 end the call as
    /// they do for every request in a dialog (RFC 3261 section 12.2.1.2); else it goes on.
    DtmfRefused {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// Which key.
        digit: char,
        /// The final status: 300 to 699. Where nobody answered, 408 if nothing came and 503 if it could not be sent.
        status: u16,
        /// The reason phrase.
        phrase: String,
        /// Who said no; nobody answered where that is not the other side.
        refuser: Refuser,
        /// The keys that were to follow.
        unsent: String,
    },
    /// The other side refuses to refresh the session, by UPDATE and by re-INVITE (RFC 4028 section 10). The call goes on
    /// until its time is up, and ends then with [`RefreshRefused`](crate::api::EndReason::RefreshRefused) unless the other
    /// side has refreshed it, or has taken a change of the media.
    RefreshRefused {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// Its status.
        status: u16,
        /// The reason phrase.
        phrase: String,
        /// Seconds until the call ends.
        seconds: u32,
    },
    /// The other side agreed to an offer of ours (2xx, or the ACK of a 200 that had the offer) and brought no answer
    /// that can be used (RFC 3264 section 4): all is as it was before, and the call goes on.
    OfferUnanswered {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// What is wrong.
        fault: AnswerFault,
    },
    /// The other side refused a change that we asked for: all is as it was before.
    ModifyFailed {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// Its status; 408 or 503 where no response came, 488 if it agreed without an answer that can be used.
        status: u16,
        /// Who gave it.
        refuser: Refuser,
        /// The reason phrase.
        phrase: String,
    },
    /// The other side asks us to call somebody else in its place. Nothing is done without the application's
    /// [`accept_transfer`](crate::coordinator::UnifiedCoordinator::accept_transfer); what nobody consents to within a
    /// minute is refused.
    TransferRequested {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// Whom it wants us to call, and who it says it is.
        request: Arc<TransferRequest>,
    },
    /// We do what the other side of `session` asked for: a new call is placed.
    TransferStarted {
        /// The session whose peer asked.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// The new call. What becomes of it comes as events of its own.
        new: SessionId,
    },
    /// How a transfer that we asked for goes. If the call ends first, nothing more comes of it.
    TransferProgress {
        /// The session that asked.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// What the new call came to so far, as the other side reports; or the status by which it refused.
        status: u16,
        /// Who gave it: without a response, or without a report, the status is only what comes nearest.
        refuser: Refuser,
        /// The reason phrase.
        phrase: String,
        /// Whether that is the end. With a 2xx our call is hung up, with any other it goes on.
        done: bool,
    },
    /// Another call takes the place of this one, which is hung up (RFC 3891).
    Replaced {
        /// The session that ends.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// The call that takes its place.
        by: SessionId,
    },
    /// The session is over. Comes once for every session, and nothing comes after it.
    Ended {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// Why.
        reason: EndReason,
        /// The SIP status that ended it, where there is one.
        status: Option<u16>,
        /// Its reason phrase, or what else is known in words.
        phrase: String,
        /// What the far end sent to end it: always a refusal of our call, and a BYE or CANCEL that says why (Reason);
        /// any other if the settings want messages kept.
        message: Option<Arc<MessageDetails>>,
    },
    /// A request that the application asked for has its outcome.
    RequestDone {
        /// The request.
        request: RequestId,
        /// The final status; 408 or 503 where no response came (RFC 3261 section 8.1.3.1).
        status: u16,
        /// Who gave it: without a response the status is only what comes nearest.
        refuser: Refuser,
        /// Its reason phrase, or what else is known in words.
        phrase: String,
        /// The response, if one came.
        message: Option<Arc<MessageDetails>>,
    },
    /// Somebody sent a message (RFC 3428). It has been answered with 200.
    Message {
        /// The call that it came in, if any.
        session: Option<SessionId>,
        /// The request: who sent it, its type and body.
        message: Arc<MessageDetails>,
    },
    /// The peer pressed a key, as a telephone-event in the audio stream (RFC 4733) or by INFO.
    Dtmf {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// The key: a digit, `*`, `#` or a letter from A to D.
        digit: char,
        /// How long it was pressed.
        duration_ms: u32,
        /// Whether it came by INFO.
        by_info: bool,
    },
    /// The peer sent an INFO (RFC 6086). It has been answered with 200.
    Info {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// The Info-Package, if it names one.
        package: Option<String>,
        /// The type of the body; empty if there is none.
        content_type: String,
        /// The body.
        body: Bytes,
    },
    /// A subscription of ours was granted, or one of a peer was refreshed.
    Subscribed {
        /// The subscription.
        subscription: SubscriptionId,
        /// For how many seconds.
        expires: u32,
    },
    /// What we subscribed to has something to tell (RFC 6665).
    Notified {
        /// The subscription.
        subscription: SubscriptionId,
        /// Where the subscription stands.
        state: SubscriptionState,
        /// The NOTIFY: its type and body.
        message: Arc<MessageDetails>,
    },
    /// A peer wants to subscribe to something of ours: accept or reject it within five seconds.
    SubscriptionRequested {
        /// The subscription.
        subscription: SubscriptionId,
        /// The value of Event: the package, and an `id` if there is one.
        event: String,
        /// For how many seconds; 0 to learn the state once.
        expires: u32,
        /// The SUBSCRIBE.
        message: Arc<MessageDetails>,
    },
    /// A subscription is over. Comes once for every subscription, and nothing comes after it.
    SubscriptionEnded {
        /// The subscription.
        subscription: SubscriptionId,
        /// The SIP status that ended it, where there is one.
        status: Option<u16>,
        /// Who refused, where there is a status.
        refuser: Option<Refuser>,
        /// The reason of the last NOTIFY (RFC 6665 section 4.1.3), or what else is known in words; empty if we wanted it to
        /// end.
        reason: String,
        /// After how many seconds to subscribe again, if the notifier says so; a year at most.
        retry_after: Option<u32>,
    },
    /// The registrar keeps a registration of ours (RFC 3261 section 10), for the first time or once more.
    Registered {
        /// The registration.
        registration: RegistrationId,
        /// For how many seconds, a year at most. It is refreshed in good time, and not later than if it were what we asked for.
        expires: u32,
        /// The 200.
        message: Arc<MessageDetails>,
    },
    /// A REGISTER failed.
    RegistrationFailed {
        /// The registration.
        registration: RegistrationId,
        /// The final status; 408 or 503 where none came.
        status: u16,
        /// Who gave it.
        refuser: Refuser,
        /// Its reason phrase, or what else is known in words.
        phrase: String,
        /// After how long it is tried again; `None` if that is of no use: then the registration is over.
        retry_in: Option<Duration>,
        /// The response, if one came.
        message: Option<Arc<MessageDetails>>,
    },
    /// A registration is over because we wanted it to be. Nothing comes after it.
    Unregistered {
        /// The registration.
        registration: RegistrationId,
    },
    /// We were asked who we are (401, 407), and could not say so, or not well enough. What became of the request is told
    /// next, as a refusal with that status.
    AuthenticationFailed {
        /// What was asked for.
        of: AuthenticationOf,
        /// Why.
        failure: AuthFailure,
    },
    /// Requests lie too long before they are read: from now on new calls are turned away with 503 if theirs have.
    OverloadBegan {
        /// How long the one had lain that was too much.
        lag: Duration,
    },
    /// An overload is over: all calls are taken again.
    OverloadEnded {
        /// How long it lasted.
        lasted: Duration,
        /// How many calls were turned away.
        refused: u64,
    },
    /// An [`Action::App`](crate::session::Action::App) of an extended state table.
    App {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// The number that the table gives.
        id: u32,
    },
}

/// What credentials were asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AuthenticationOf {
    /// The call, or a request within it.
    Session {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
    },
    /// A request of the application.
    Request(RequestId),
    /// A registration.
    Registration(RegistrationId),
    /// A subscription, ours or a peer's.
    Subscription(SubscriptionId),
}

impl Event {
    /// The session that the news is of.
    pub const fn session(&self) -> Option<SessionId> {
        match self {
            Self::Incoming { session, .. }
            | Self::Progress { session, .. }
            | Self::Redirected { session, .. }
            | Self::Answered { session, .. }
            | Self::Confirmed { session, .. }
            | Self::MediaChanged { session, .. }
            | Self::MediaSilent { session, .. }
            | Self::HoldChanged { session, .. }
            | Self::Refreshed { session, .. }
            | Self::RefreshRefused { session, .. }
            | Self::DtmfSent { session, .. }
            | Self::DtmfRefused { session, .. }
            | Self::OfferUnanswered { session, .. }
            | Self::ModifyFailed { session, .. }
            | Self::TransferRequested { session, .. }
            | Self::TransferStarted { session, .. }
            | Self::TransferProgress { session, .. }
            | Self::Replaced { session, .. }
            | Self::Ended { session, .. }
            | Self::Dtmf { session, .. }
            | Self::Info { session, .. }
            | Self::App { session, .. } => Some(*session),
            Self::Message { session, .. } => *session,
            Self::RequestDone { .. }
            | Self::Subscribed { .. }
            | Self::Notified { .. }
            | Self::SubscriptionRequested { .. }
            | Self::SubscriptionEnded { .. }
            | Self::Registered { .. }
            | Self::RegistrationFailed { .. }
            | Self::Unregistered { .. }
            | Self::OverloadBegan { .. }
            | Self::OverloadEnded { .. } => None,
            Self::AuthenticationFailed { of, .. } => match of {
                AuthenticationOf::Session { session, .. } => Some(*session),
                _ => None,
            },
        }
    }
}
