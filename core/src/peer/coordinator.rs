//! The running coordinator: full control.

use std::marker::PhantomData;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::base::index::DigestKey;
use crate::base::rng::Rng;
use crate::coordinator::UnifiedCoordinator as Core;
use crate::signaling::{self, DefaultSignalingHandler, Deferral, InviteDetails};

use super::call::Call;
use super::config::{Config, Policy};
use super::dialing::Dialing;
use super::driver::{drive, reachable};
use super::error::PeerError;
use super::handler::SignalingHandler;
use super::incoming::IncomingCall;
use super::machine::{HostOf, Machine};
use super::media::Media;
use super::media_driver::drive_media;
use super::ports::PortPool;
use super::runtime::{Runtime, Socket as _};
use super::shared::{Shared, Stack};
use super::signalling::{SHUTDOWN_WITHIN, Signalling, Stage};
use super::view::{Events, PeerCounters, RegistryView};

/// A running coordinator: makes calls, takes calls, tells everything that happens.
///
/// Clones are the same coordinator. It runs until [`shutdown`](Self::shutdown), or until the last handle is gone: this
/// one, its clones and every call. Then everything is hung up and closed in the background.
pub struct UnifiedCoordinator<R> {
    stack: Arc<Stack>,
    local: SocketAddr,
    user: Arc<str>,
    runtime: PhantomData<fn() -> R>,
}

impl<R> Clone for UnifiedCoordinator<R> {
    fn clone(&self) -> Self {
        Self {
            stack: Arc::clone(&self.stack),
            local: self.local,
            user: Arc::clone(&self.user),
            runtime: PhantomData,
        }
    }
}

/// Defers every call silently: the task that asks the application's handler decides.
struct Wait;

impl signaling::SignalingHandler for Wait {
    fn on_incoming_invite(&mut self, _invite: &InviteDetails) -> signaling::SignalingDecision {
        signaling::SignalingDecision::Defer(Deferral::default())
    }
}

impl<R: Runtime> UnifiedCoordinator<R> {
    /// Starts a coordinator whose incoming calls all ring and wait in [`get_incoming_call`](Self::get_incoming_call).
    pub async fn new(config: Config) -> Result<Self, PeerError> {
        Self::start_on(current()?, config)
    }

    /// Starts a coordinator that asks `handler` about every incoming call.
    pub async fn with_handler(config: Config, handler: impl SignalingHandler) -> Result<Self, PeerError> {
        Self::with_handler_on(current()?, config, handler)
    }

    /// Like [`new`](Self::new), on this runtime and not on the one that the caller runs on.
    pub fn start_on(runtime: R, config: Config) -> Result<Self, PeerError> {
        let policy = if config.auto_answer { Policy::Answer } else { Policy::HandOut };
        Self::start(runtime, config, policy)
    }

    /// Like [`with_handler`](Self::with_handler), on this runtime and not on the one that the caller runs on.
    pub fn with_handler_on(
        runtime: R,
        config: Config,
        handler: impl SignalingHandler,
    ) -> Result<Self, PeerError> {
        Self::start(runtime, config, Policy::Ask(Arc::new(handler)))
    }

    fn start(runtime: R, config: Config, policy: Policy) -> Result<Self, PeerError> {
        #[cfg(feature = "trace")]
        let recorder = config.take_recorder();
        let shard = config.shard();
        let Config { bind, rtp_ports, descriptors_kept, core: settings, .. } = config;
        if *rtp_ports.end() != 0 && rtp_ports.end() <= rtp_ports.start() {
            let why = format!("{}-{} holds no pair of ports", rtp_ports.start(), rtp_ports.end());
            return Err(PeerError::BadArgument { what: "range of RTP ports", why });
        }
        settings.check()?;
        let runtime = runtime.for_peer().map_err(PeerError::Runtime)?;
        let seed = runtime.entropy().map_err(PeerError::Runtime)?;
        let socket = runtime.bind(bind).map_err(|source| PeerError::BindFailed { addr: bind, source })?;
        let local = socket.local_addr();
        let socket = Arc::new(socket);

        let now = runtime.now();
        let mut rng = Rng::secret(seed);
        let sessions_max = settings.limits.sessions_max;
        let user = Arc::from(settings.user.as_str());
        let media = Media::new(shard, rng.next_seed(), now, runtime.unix_time());
        let core_seed = rng.next_seed();
        let handler: Box<dyn signaling::SignalingHandler> = match policy {
            Policy::Ask(_) => Box::new(Wait),
            Policy::Answer | Policy::HandOut => Box::new(DefaultSignalingHandler),
        };
        #[cfg(feature = "trace")]
        let core = match recorder {
            Some(recorder) => Core::with_recorder(settings, handler, core_seed, now, recorder),
            None => Core::with_handler(settings, handler, core_seed, now),
        };
        #[cfg(not(feature = "trace"))]
        let core = Core::with_handler(settings, handler, core_seed, now);
        let signalling = Signalling::new(
            core,
            sessions_max,
            PortPool::new(pairs_in(&rtp_ports), descriptors_kept),
            policy,
        );

        // A random start keeps two peers on one machine out of each other's way.
        let span = u32::from(rtp_ports.end() - rtp_ports.start()).max(1);
        let offset = u16::try_from(rng.next_u32() % span).unwrap_or(0) & !1;
        let first_port = rtp_ports.start().next_multiple_of(2).saturating_add(offset);
        let machine = Machine::new(runtime, &socket, rtp_ports, first_port);
        let shared = Shared::new(Box::new(HostOf(Arc::clone(&machine))), signalling, media);
        machine.serve(&shared);
        let stack = Stack::new(Arc::clone(&shared));
        // The first ports are bound here, so that trouble shows before the first call.
        shared.signalling(|side, _, _| side.count_ports(&shared));

        let media_task =
            machine.runtime().spawn(drive_media::<R>(Arc::clone(&shared), machine.runtime().timer()));
        let digests = DigestKey::new(&mut rng);
        let driver = drive::<R>(shared, Arc::clone(&machine), socket, digests, media_task);
        drop(machine.runtime().spawn(driver));
        Ok(Self { stack, local, user, runtime: PhantomData })
    }
}

/// Pairs of an even and the next odd port in a range.
fn pairs_in(ports: &RangeInclusive<u16>) -> usize {
    let (low, high) = (ports.start().next_multiple_of(2), *ports.end());
    if high == 0 { usize::MAX } else { usize::from((high - low).div_ceil(2)) }
}

/// The runtime that the caller runs on.
fn current<R: Runtime>() -> Result<R, PeerError> {
    R::current().map_err(PeerError::Runtime)
}

impl<R> UnifiedCoordinator<R> {
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.stack.shared
    }

    /// Calls `target`, a SIP URI or just `user@host`. Ready when the call is answered; the error says why it was not.
    /// Dropping the future cancels the call.
    pub async fn call(&self, target: &str) -> Result<Call, PeerError> {
        self.dial(target).await
    }

    /// The same call, with a view of what happens before it is answered.
    pub fn dial(&self, target: &str) -> Dialing {
        Dialing::new(Arc::clone(&self.stack), target)
    }

    /// The next call that comes in; `None` after the shutdown. A call whose caller has given up meanwhile is left out.
    pub async fn get_incoming_call(&self) -> Option<IncomingCall> {
        let shared = &self.stack.shared;
        std::future::poll_fn(|cx| shared.look(|side| side.poll_incoming(cx)))
            .await
            .map(|waiting| IncomingCall::of(Arc::clone(&self.stack), waiting))
    }

    /// All events from now on.
    pub fn events(&self) -> Events {
        Events::subscribe(&self.stack)
    }

    /// The registry, readable from any thread while calls run.
    pub fn registry(&self) -> RegistryView {
        RegistryView { stack: Arc::clone(&self.stack) }
    }

    /// The address it listens on.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The URI under which programs on this machine reach it, and others too if it is bound to one address.
    pub fn uri(&self) -> String {
        format!("sip:{}@{}", self.user, reachable(self.local))
    }

    /// What was counted so far.
    pub fn counters(&self) -> PeerCounters {
        self.stack
            .shared
            .look(|side| PeerCounters { core: side.core.counters().clone(), network: side.counters })
    }

    /// How the recording goes; `None` if there is none.
    #[cfg(feature = "trace")]
    pub fn recording(&self) -> Option<crate::trace::RecordingStats> {
        self.stack.shared.look(|side| side.core.recording().cloned())
    }

    /// Hangs up every call, waits until the other sides have confirmed, closes the sockets and ends the tasks. Who has not
    /// confirmed after ten seconds is forgotten; see [`shutdown_within`](Self::shutdown_within).
    pub async fn shutdown(&self) {
        self.shutdown_within(SHUTDOWN_WITHIN).await;
    }

    /// The same with another patience. Every other side has been told when it is over: by a BYE, a CANCEL or a refusal, sent
    /// once at least. Only a call of ours to which nobody has answered at all is not cancelled (RFC 3261 section 9.1 forbids it). A
    /// handle that still waits for its end learns [`EndReason::Unconfirmed`](crate::api::EndReason::Unconfirmed).
    ///
    /// Of several deadlines the first counts. The shutdown goes on if this future is dropped.
    pub async fn shutdown_within(&self, patience: Duration) {
        let shared = &self.stack.shared;
        shared.signalling(|side, now, due| side.stop(now, patience, due));
        shared.closed().await;
    }

    /// Takes no new calls, waits until those that are there have ended by themselves, and shuts down. Those that wait in
    /// [`get_incoming_call`](Self::get_incoming_call) are there already.
    ///
    /// Meanwhile INVITE, SUBSCRIBE and OPTIONS outside a call are refused with 503 and `Retry-After: 30`, so that proxies look
    /// elsewhere; registrations are taken back at once; calls, subscriptions and registrations of our own fail with
    /// [`PeerError::ShuttingDown`]. It goes on if this future is dropped, and ends sooner by a [`shutdown`](Self::shutdown).
    pub async fn drain(&self) {
        let shared = &self.stack.shared;
        shared.signalling(|side, now, due| side.wind_down(now, None, due));
        shared.closed().await;
    }

    /// The same, but what is still up after `patience` is hung up.
    pub async fn drain_within(&self, patience: Duration) {
        let shared = &self.stack.shared;
        shared.signalling(|side, now, due| side.wind_down(now, Some(patience), due));
        shared.closed().await;
    }

    /// Whether it takes no new calls, because it is drained or shut down.
    pub fn is_stopping(&self) -> bool {
        self.stack.shared.look(|side| side.stage != Stage::Running)
    }
}

impl<R> std::fmt::Debug for UnifiedCoordinator<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnifiedCoordinator").field("local", &self.local).finish_non_exhaustive()
    }
}
