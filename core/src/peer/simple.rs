//! The five-line call.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::api::{AddressPrefix, AuthenticationOf, Credentials, Event, HeaderConsent, PeerSource, Reliable};
use crate::media::{SendSilence, SourceLearning};
use crate::sdp::CodecList;
use crate::transaction::Timing;

use super::call::Call;
use super::config::Config;
use super::coordinator::UnifiedCoordinator;
use super::dialing::Dialing;
use super::error::PeerError;
use super::incoming::IncomingCall;
use super::registration::Registration;
use super::runtime::Runtime;
use super::view::PeerCounters;

/// A telephone: it calls, it is called.
///
/// Clones are the same telephone. It runs until [`shutdown`](Self::shutdown), or until the last handle is gone: this
/// one, its clones and every call.
pub struct SimplePeer<R> {
    coordinator: UnifiedCoordinator<R>,
}

impl<R> Clone for SimplePeer<R> {
    fn clone(&self) -> Self {
        Self { coordinator: self.coordinator.clone() }
    }
}

impl<R: Runtime> SimplePeer<R> {
    /// Starts a telephone for `user` on UDP port `port` of every IPv4 address of this machine; port 0 takes any free
    /// one. When this returns it is ready to call and to be called.
    pub async fn new(user: &str, port: u16) -> Result<Self, PeerError> {
        Self::builder(user).port(port).start().await
    }

    /// The same with more to say.
    pub fn builder(user: &str) -> PeerBuilder<R> {
        PeerBuilder { config: Config::any(user, 5060), runtime: None }
    }
}

impl<R> SimplePeer<R> {
    /// Calls `target`, a SIP URI or just `user@host`. Ready when the call is answered; the error says why it was not.
    /// Dropping the future cancels the call.
    pub async fn call(&self, target: &str) -> Result<Call, PeerError> {
        self.coordinator.call(target).await
    }

    /// The same call, with a view of what happens before it is answered, and a way to cancel.
    pub fn dial(&self, target: &str) -> Dialing {
        self.coordinator.dial(target)
    }

    /// Registers this telephone at a registrar, `alice@example.com` say, so that calls for that address come here. Ready when
    /// the registrar has taken it; from then on it is refreshed until the shutdown, or until the coordinator is told to
    /// [`unregister`](UnifiedCoordinator::unregister).
    ///
    /// The handle says where it stands, and can press it. When the network comes back, say
    /// [`network_changed`](Self::network_changed).
    ///
    /// # Errors
    /// An error says why it was refused, and by whom, and then nothing goes on in the background. Most registrars want
    /// [`credentials`](PeerBuilder::credentials).
    pub async fn register(&self, registrar: &str, expires: Duration) -> Result<Registration, PeerError> {
        let mut events = self.coordinator.events();
        let id = self.coordinator.register(registrar, expires)?;
        // It may be over already; then the events say why.
        let handle = self.coordinator.registration(id);
        let mut auth = None;
        while let Some(event) = events.next().await {
            match event {
                Event::Registered { registration, .. } if registration == id => {
                    return handle.ok_or(PeerError::ShuttingDown);
                }
                Event::AuthenticationFailed { of, failure } if of == AuthenticationOf::Registration(id) => {
                    auth = Some(failure);
                }
                Event::RegistrationFailed { registration, status, refuser, phrase, retry_in, .. }
                    if registration == id =>
                {
                    if retry_in.is_some() {
                        self.coordinator.unregister(id).ok();
                    }
                    let auth = auth.filter(|_| matches!(status, 401 | 407));
                    return Err(PeerError::Refused {
                        what: "the registration",
                        refuser,
                        status,
                        phrase,
                        auth,
                    });
                }
                _ => {}
            }
        }
        Err(PeerError::ShuttingDown)
    }

    /// The network is another, or is back: see [`UnifiedCoordinator::network_changed`].
    pub fn network_changed(&self) {
        self.coordinator.network_changed();
    }

    /// The next call that comes in, ringing; `None` after the shutdown.
    pub async fn get_incoming_call(&self) -> Option<IncomingCall> {
        self.coordinator.get_incoming_call().await
    }

    /// The address it listens on.
    pub const fn local_addr(&self) -> SocketAddr {
        self.coordinator.local_addr()
    }

    /// The URI under which programs on this machine reach it, and others too if it is bound to one address.
    pub fn uri(&self) -> String {
        self.coordinator.uri()
    }

    /// What was counted so far.
    pub fn counters(&self) -> PeerCounters {
        self.coordinator.counters()
    }

    /// The full control underneath.
    pub const fn coordinator(&self) -> &UnifiedCoordinator<R> {
        &self.coordinator
    }

    /// Hangs up every call, waits until the other sides have confirmed (for ten seconds at most), closes the sockets and ends
    /// the tasks.
    pub async fn shutdown(&self) {
        self.coordinator.shutdown().await;
    }

    /// The same with another patience; see [`UnifiedCoordinator::shutdown_within`].
    pub async fn shutdown_within(&self, patience: Duration) {
        self.coordinator.shutdown_within(patience).await;
    }

    /// Takes no new calls, waits until those that are there have ended by themselves, and shuts down; see
    /// [`UnifiedCoordinator::drain`].
    pub async fn drain(&self) {
        self.coordinator.drain().await;
    }

    /// The same, but what is still up after `patience` is hung up.
    pub async fn drain_within(&self, patience: Duration) {
        self.coordinator.drain_within(patience).await;
    }
}

impl<R> std::fmt::Debug for SimplePeer<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimplePeer").field("local", &self.local_addr()).finish_non_exhaustive()
    }
}

/// A [`SimplePeer`] that is not started yet.
#[must_use = "nothing happens before `start`"]
pub struct PeerBuilder<R> {
    config: Config,
    runtime: Option<R>,
}

impl<R: Runtime> PeerBuilder<R> {
    /// The address for signalling; media ports are bound on the same IP address. Without this it is port 5060 of
    /// every IPv4 address.
    pub const fn bind(mut self, addr: SocketAddr) -> Self {
        self.config.bind = addr;
        self
    }

    /// The port for signalling; 0 takes any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.config.bind.set_port(port);
        self
    }

    /// The name shown to the people we call.
    pub fn display_name(self, name: &str) -> Self {
        self.with(|config| config.display_name(name))
    }

    /// The codecs to offer and take, best first.
    pub fn codecs(self, codecs: CodecList) -> Self {
        self.with(|config| config.codecs(codecs))
    }

    /// Where media ports are taken from: pairs of an even and the next odd port; `0..=0` leaves the choice to the
    /// system.
    pub fn rtp_ports(self, ports: RangeInclusive<u16>) -> Self {
        self.with(|config| config.rtp_ports(ports))
    }

    /// How many file descriptors media leave to the rest of the program: see [`Config::descriptors_kept`].
    pub fn descriptors_kept(self, count: usize) -> Self {
        self.with(|config| config.descriptors_kept(count))
    }

    /// Answers every incoming call at once. `get_incoming_call` still hands it out, and `accept` returns at once.
    pub fn auto_answer(self, yes: bool) -> Self {
        self.with(|config| config.auto_answer(yes))
    }

    /// From which addresses, besides the one that the other side has signalled, its audio may come: see
    /// [`source_page`](crate::media::source_page).
    pub fn source_learning(self, from: SourceLearning) -> Self {
        self.with(|config| config.source_learning(from))
    }

    /// What leaves while a call is given no audio: silence once it has spoken, unless this is set.
    pub fn send_silence(self, when: SendSilence) -> Self {
        self.with(|config| config.send_silence(when))
    }

    /// After how long of silence from a side that should send [`CallEvent::Silent`](super::CallEvent::Silent) comes: 30 s, unless
    /// this is set. [`Duration::ZERO`]: never.
    pub fn silence(self, limit: Duration) -> Self {
        self.with(|config| config.silence(limit))
    }

    /// After how long a call is hung up from whose other side nothing at all comes: two minutes, unless this is set; see
    /// [`Config::media_timeout`]. [`Duration::ZERO`]: never.
    pub fn media_timeout(self, limit: Duration) -> Self {
        self.with(|config| config.media_timeout(limit))
    }

    /// How long an outgoing call may go unanswered.
    pub fn ring_timeout(self, timeout: Duration) -> Self {
        self.with(|config| config.ring_timeout(timeout))
    }

    /// How long an incoming call may go undecided before it is refused with 480.
    pub fn answer_timeout(self, timeout: Duration) -> Self {
        self.with(|config| config.answer_timeout(timeout))
    }

    /// T1, T2 and T4 of RFC 3261.
    pub fn timing(self, timing: Timing) -> Self {
        self.with(|config| config.timing(timing))
    }

    /// Asks for a sign of life of each call in the middle of every such time (RFC 4028); 90 s is the least.
    pub fn session_expires(self, interval: Duration) -> Self {
        self.with(|config| config.session_expires(interval))
    }

    /// How much is made of provisional responses that cannot get lost (RFC 3262).
    pub fn reliable(self, reliable: Reliable) -> Self {
        self.with(|config| config.reliable(reliable))
    }

    /// Where others call us, `alice@example.com` say: what we call ourselves to those that we call. It is what a registrar
    /// knows us by.
    pub fn address_of_record(self, address: &str) -> Self {
        self.with(|config| config.address_of_record(address))
    }

    /// Proves our name with `username` and `password` to our registrar or proxy when it asks for that (401, 407), in the
    /// realm that it asked in when we registered. Nobody else gets a digest: see [`Credentials`].
    ///
    /// Who calls a server without being registered there names its realm, with
    /// [`credentials_for`](Self::credentials_for).
    pub fn credentials(self, username: &str, password: &str) -> Self {
        self.with(|config| config.credentials(Credentials::new(username, password)))
    }

    /// From where requests within a call may come ([`PeerSource`]); anywhere, unless this is set.
    pub fn peer_source(self, source: PeerSource) -> Self {
        self.with(|config| config.peer_source(source))
    }

    /// Which header fields that a redirection wishes for (`<sip:carol@192.0.2.7?X-Account=7>`) go along to the next place:
    /// none, unless this is set. What could harm never does, see [`HeaderConsent`].
    pub fn redirect_headers(self, consent: HeaderConsent) -> Self {
        self.with(|config| config.redirect_headers(consent))
    }

    /// Trusts a trunk or proxy through which many call at once, or a network of them (`192.0.2.0/24`): no limit for one
    /// source holds for it. Each call adds one.
    pub fn trusted_source(self, source: AddressPrefix) -> Self {
        self.with(|config| config.trusted_source(source))
    }

    /// The same for whoever asks in `realm`, of those that we call or register at.
    pub fn credentials_for(self, realm: &str, username: &str, password: &str) -> Self {
        self.with(|config| config.credentials(Credentials::new(username, password).for_realm(realm)))
    }

    /// Takes messages (MESSAGE, RFC 3428), in calls and out of them; if not, they are refused with 405.
    pub fn messages(self, yes: bool) -> Self {
        self.with(|config| config.messages(yes))
    }

    /// Takes body parts of this type, such as `application/isup`, besides session descriptions. Each call adds one.
    pub fn body_type(self, kind: &str) -> Self {
        self.with(|config| config.body_type(kind))
    }

    /// Whether key presses are offered and taken (RFC 4733).
    pub fn dtmf(self, yes: bool) -> Self {
        self.with(|config| config.dtmf(yes))
    }

    /// Starts it on this runtime, not on the one that the caller runs on.
    pub fn on(mut self, runtime: R) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Records the signalling from the start to the end, to be replayed offline (see [`crate::trace`]).
    #[cfg(feature = "trace")]
    pub fn record(self, recorder: crate::trace::Recorder) -> Self {
        self.with(|config| config.record(recorder))
    }

    /// Everything else.
    pub const fn config(&mut self) -> &mut Config {
        &mut self.config
    }

    fn with(self, change: impl FnOnce(Config) -> Config) -> Self {
        Self { config: change(self.config), runtime: self.runtime }
    }

    /// Starts it. When this returns it is ready to call and to be called.
    pub async fn start(self) -> Result<SimplePeer<R>, PeerError> {
        let coordinator = match self.runtime {
            Some(runtime) => UnifiedCoordinator::start_on(runtime, self.config)?,
            None => UnifiedCoordinator::new(self.config).await?,
        };
        Ok(SimplePeer { coordinator })
    }
}

impl<R> std::fmt::Debug for PeerBuilder<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
