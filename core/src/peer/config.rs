//! Settings of a peer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
#[cfg(feature = "trace")]
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::api::{AddressPrefix, CoordinatorConfig, Credentials, HeaderConsent, PeerSource, Reliable};
use crate::media::{SendSilence, ShardConfig, SourceLearning};
use crate::sdp::CodecList;
#[cfg(feature = "trace")]
use crate::trace::Recorder;
use crate::transaction::Timing;

use super::dialing::full_uri;
use super::handler::ErasedHandler;

/// Settings of a peer. Start from [`Config::new`] and change what shall differ.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The address for signalling. Media ports are bound on the same IP address. Port 0 takes any free port.
    pub bind: SocketAddr,
    /// Where media ports are taken from: pairs of an even and the next odd port. `0..=0` leaves the choice to the
    /// system.
    pub rtp_ports: RangeInclusive<u16>,
    /// How many file descriptors media leave to the rest of the program, but never more than a quarter of those that are
    /// free at the start: 64. A call that is up takes two; one that rings, none.
    pub descriptors_kept: usize,
    /// Whether every incoming call is answered at once.
    pub auto_answer: bool,
    /// After how long of silence from a side that should send [`CallEvent::Silent`](super::CallEvent::Silent) comes; `None`:
    /// never.
    pub silence: Option<Duration>,
    /// From which addresses, besides the one that the other side has signalled, its audio may come.
    pub source_learning: SourceLearning,
    /// After how long a call is hung up if neither RTP nor RTCP comes from a side that should send, with
    /// [`EndReason::MediaTimeout`](crate::api::EndReason::MediaTimeout): two minutes if not set otherwise. Before that
    /// [`CallEvent::Silent`](super::CallEvent::Silent) is told. Not while either side holds the call, or said that it will not send.
    /// `None`: never.
    pub media_timeout: Option<Duration>,
    /// What leaves while a call is given no audio.
    pub send_silence: SendSilence,
    /// Settings of the coordinator: user, codecs, timing, limits.
    pub core: CoordinatorConfig,
    /// Clones share it: whoever starts first is recorded.
    #[cfg(feature = "trace")]
    recorder: Arc<Mutex<Option<Recorder>>>,
}

impl Config {
    /// The settings of `user`, reachable at `bind`.
    pub fn new(user: &str, bind: SocketAddr) -> Self {
        let core = CoordinatorConfig { user: String::from(user), ..CoordinatorConfig::default() };
        Self {
            bind,
            rtp_ports: 16_384..=32_767,
            descriptors_kept: 64,
            auto_answer: false,
            silence: Some(Duration::from_secs(30)),
            source_learning: SourceLearning::default(),
            media_timeout: ShardConfig::default().media_timeout,
            send_silence: SendSilence::default(),
            core,
            #[cfg(feature = "trace")]
            recorder: Arc::default(),
        }
    }

    /// The settings of `user`, reachable at every IPv4 address of this machine.
    pub(crate) fn any(user: &str, port: u16) -> Self {
        Self::new(user, SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port))
    }

    /// The name shown to the people we call.
    #[must_use]
    pub fn display_name(mut self, name: &str) -> Self {
        self.core.display_name = Some(String::from(name));
        self
    }

    /// The codecs to offer and take, best first.
    #[must_use]
    pub fn codecs(mut self, codecs: CodecList) -> Self {
        self.core.codecs = codecs;
        self
    }

    /// Where media ports are taken from; `0..=0` leaves the choice to the system.
    #[must_use]
    pub const fn rtp_ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.rtp_ports = ports;
        self
    }

    /// How many file descriptors media leave to the rest of the program.
    #[must_use]
    pub const fn descriptors_kept(mut self, count: usize) -> Self {
        self.descriptors_kept = count;
        self
    }

    /// Answers every incoming call at once.
    #[must_use]
    pub const fn auto_answer(mut self, yes: bool) -> Self {
        self.auto_answer = yes;
        self
    }

    /// After how long of silence from a side that should send it is told; [`Duration::ZERO`]: never.
    #[must_use]
    pub const fn silence(mut self, limit: Duration) -> Self {
        self.silence = if limit.is_zero() { None } else { Some(limit) };
        self
    }

    /// From which addresses, besides the one that the other side has signalled, its audio may come: see
    /// [`source_page`](crate::media::source_page).
    #[must_use]
    pub const fn source_learning(mut self, from: SourceLearning) -> Self {
        self.source_learning = from;
        self
    }

    /// After how long a call is hung up from whose other side nothing at all comes; [`Duration::ZERO`]: never.
    #[must_use]
    pub const fn media_timeout(mut self, limit: Duration) -> Self {
        self.media_timeout = if limit.is_zero() { None } else { Some(limit) };
        self
    }

    /// What leaves while a call is given no audio: silence, silence once it has spoken (so it is if not set), or nothing.
    #[must_use]
    pub const fn send_silence(mut self, when: SendSilence) -> Self {
        self.send_silence = when;
        self
    }

    /// How long an outgoing call may go unanswered.
    #[must_use]
    pub const fn ring_timeout(mut self, timeout: Duration) -> Self {
        self.core.ring_timeout = timeout;
        self
    }

    /// How long an incoming call may go undecided before it is refused with 480.
    #[must_use]
    pub const fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.core.answer_timeout = timeout;
        self
    }

    /// T1, T2 and T4 of RFC 3261.
    #[must_use]
    pub const fn timing(mut self, timing: Timing) -> Self {
        self.core.timing = timing;
        self
    }

    /// Asks for a sign of life of each call in the middle of every such time (RFC 4028); 90 s is the least.
    #[must_use]
    pub const fn session_expires(mut self, interval: Duration) -> Self {
        self.core.session_expires = Some(interval);
        self
    }

    /// How much is made of provisional responses that cannot get lost (RFC 3262).
    #[must_use]
    pub const fn reliable(mut self, reliable: Reliable) -> Self {
        self.core.reliable = reliable;
        self
    }

    /// Where others call us, `sip:alice@example.com` say: what we call ourselves to those that we call. It is what a
    /// registrar knows us by.
    #[must_use]
    pub fn address_of_record(mut self, address: &str) -> Self {
        self.core.address_of_record = Some(full_uri(address));
        self
    }

    /// Proves our name with these to whom they are for when it asks (401, 407): see [`Credentials`]. Each call adds one.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.core.credentials.push(credentials);
        self
    }

    /// From where requests within a call may come ([`PeerSource`]); anywhere, unless this is set.
    #[must_use]
    pub const fn peer_source(mut self, source: PeerSource) -> Self {
        self.core.peer_source = source;
        self
    }

    /// Which header fields that a redirection wishes for go along to the next place; none, unless this is set.
    #[must_use]
    pub fn redirect_headers(mut self, consent: HeaderConsent) -> Self {
        self.core.redirect_headers = consent;
        self
    }

    /// Trusts a trunk or proxy through which many call at once, or a network of them (`192.0.2.0/24`): no limit for one
    /// source holds for it. Each call adds one.
    #[must_use]
    pub fn trusted_source(mut self, source: AddressPrefix) -> Self {
        self.core.trusted_sources.push(source);
        self
    }

    /// Takes body parts of this type, such as `application/isup`, besides session descriptions (RFC 5621). Each call adds one.
    #[must_use]
    pub fn body_type(mut self, kind: &str) -> Self {
        self.core.body_types.push(String::from(kind));
        self
    }

    /// Takes messages (MESSAGE, RFC 3428), in calls and out of them; if not, they are refused with 405.
    #[must_use]
    pub const fn messages(mut self, yes: bool) -> Self {
        self.core.messages = yes;
        self
    }

    /// Whether key presses are offered and taken (RFC 4733).
    #[must_use]
    pub const fn dtmf(mut self, yes: bool) -> Self {
        self.core.dtmf = yes;
        self
    }

    /// Records the signalling from the start to the end, to be replayed offline (see [`crate::trace`]). A recorder
    /// records one peer: of several that are started with clones of these settings, the first.
    #[cfg(feature = "trace")]
    #[must_use]
    pub fn record(mut self, recorder: Recorder) -> Self {
        self.recorder = Arc::new(Mutex::new(Some(recorder)));
        self
    }

    /// What of them is for the media side.
    pub(crate) fn shard(&self) -> ShardConfig {
        ShardConfig {
            streams_max: self.core.limits.sessions_max,
            silence_at_start: self.silence,
            silence: self.silence,
            source_learning: self.source_learning,
            media_timeout: self.media_timeout,
            send_silence: self.send_silence,
            ..ShardConfig::default()
        }
    }

    #[cfg(feature = "trace")]
    pub(crate) fn take_recorder(&self) -> Option<Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What happens to an incoming call.
pub(crate) enum Policy {
    /// `get_incoming_call` hands it out.
    HandOut,
    /// It is answered, then handed out.
    Answer,
    /// The application's handler decides.
    Ask(Arc<dyn ErasedHandler>),
}
