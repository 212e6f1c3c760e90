//! The async face: call handles and the driver, the same for every runtime.
//!
//! There is no executor here, no socket and no clock. A [`Runtime`] brings those; what it must do is in that trait and
//! nowhere else. Everything an application touches is written once:
//!
//! ```text
//!   SimplePeer ── UnifiedCoordinator ── Dialing, IncomingCall, Call        handles: any thread, any number
//!        │ lock, command, drain                    │ lock, audio
//!   ┌────┴──────────────────────┐  letters   ┌─────┴────────────────┐
//!   │ Signalling                │───────────►│ Media                │      two machines, two locks,
//!   │ core::UnifiedCoordinator  │◄───────────│ MediaShard           │      never held together
//!   └────┬──────────────────────┘            └─────┬────────────────┘
//!   driver: read, timers, sleep            media driver: 20 ms clock; a reader per pair of sockets
//! ```
//!
//! Whoever gives the coordinator an input, be it the driver with a datagram or a handle with a command, drains its
//! outputs at once, in order, and sends what is to be sent: no message passes from task to task on its way. The driver
//! is woken only if a deadline moved closer or the system has no room for a message.

mod audio;
mod call;
mod commands;
mod config;
mod coordinator;
mod dialing;
mod driver;
mod entry;
mod errands;
mod error;
mod events;
mod frame;
mod handler;
mod holding;
mod inbox;
mod incoming;
mod keys;
mod machine;
mod media;
mod media_driver;
mod news;
mod ports;
mod registration;
mod runtime;
mod shared;
mod signalling;
mod simple;
mod spent;
mod transfer;
mod view;
mod wakers;

#[cfg(test)]
mod tests;

pub use audio::{EarlyAudio, Speech};
pub use call::Call;
pub use config::Config;
pub use coordinator::UnifiedCoordinator;
pub use dialing::{Dialing, Progress};
pub use errands::Reply;
pub use error::{CallEnd, PeerError};
pub use frame::{AudioFrame, Dtmf};
pub use handler::{CustomAction, SignalingDecision, SignalingHandler};
pub use incoming::IncomingCall;
pub use news::{CallEvent, Info};
pub use registration::Registration;
pub use runtime::{Received, RecvBatch, Runtime, Socket, Task, Timer};
pub use simple::{PeerBuilder, SimplePeer};
pub use transfer::TransferRequest;
pub use view::{Events, NetworkCounters, PeerCounters, RegistryView};

/// Every name of the async face that is the same on every runtime. Each runtime crate hands these out as its own.
pub mod prelude {
    pub use super::{
        AudioFrame, Call, CallEnd, CallEvent, Config, CustomAction, Dialing, Dtmf, EarlyAudio, Events,
        IncomingCall, Info, NetworkCounters, PeerCounters, PeerError, Progress, Registration, RegistryView,
        Reply, SignalingDecision, SignalingHandler, Speech, TransferRequest,
    };
    pub use crate::api::{
        AddressPrefix, AddressPrefixError, AnswerFault, AuthFailure, AuthenticationOf, CoordinatorConfig,
        Counter, Counters, Credentials, DigestAlgorithm, EndReason, Event, HeaderConsent, Limits,
        Modification, OfferMethod, PeerContacts, PeerSource, Privacy, Refuser, RegistrationState, Reliable,
        SubscriptionState,
    };
    pub use crate::base::ids::{DialogId, RegistrationId, RequestId, SessionId, SubscriptionId};
    pub use crate::base::time::Instant;
    pub use crate::media::{MediaReport, MediaSessionId, SendSilence, SourceLearning};
    pub use crate::sdp::CodecList;
    pub use crate::sdp::plan::{Codec, Direction, MediaPlan};
    pub use crate::session::State;
    pub use crate::signaling::{BodyPart, Deferral, InviteDetails, MessageDetails};
    #[cfg(feature = "trace")]
    pub use crate::trace::{Recorder, RecordingState, RecordingStats, Redaction, Sink, SinkError};
    pub use crate::transaction::Timing;
}
