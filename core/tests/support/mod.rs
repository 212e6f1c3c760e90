//! One coordinator at a desk, and whatever a peer made of text sends to it. Virtual time only.
#![allow(dead_code, unused_imports, reason = "each test file uses a part of this")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod message;
mod peer;

use std::net::SocketAddr;
use std::time::Duration;

use offhook_core::base::ids::SessionId;
use offhook_core::base::time::Instant;
use offhook_core::coordinator::{
    CommandError, CoordinatorConfig, Event, InviteParams, NameFailure, Output, QueryId, ResolveTarget,
    UnifiedCoordinator,
};
use offhook_core::media::{MediaCommand, MediaPort};
use offhook_core::sdp::plan::MediaPlan;
use offhook_core::signaling::{DefaultSignalingHandler, SignalingHandler};
use offhook_core::wire::Path;

pub(crate) use message::Message;
pub(crate) use peer::{Request, SDP, SDP_NO_CODEC, SDP_OTHER_PORT, respond};

/// The methods that we understand.
pub(crate) const ALLOW: &str =
    "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, PRACK, REFER, NOTIFY, SUBSCRIBE";

/// T1 of RFC 3261, 64 times: what a transaction waits at most.
pub(crate) const GIVE_UP: Duration = Duration::from_secs(32);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn us() -> SocketAddr {
    "192.0.2.1:5060".parse().unwrap()
}

pub(crate) fn peer() -> SocketAddr {
    "192.0.2.9:5060".parse().unwrap()
}

/// One message that the coordinator sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// Milliseconds since the beginning.
    pub(crate) at: u64,
    pub(crate) path: Path,
    pub(crate) message: Message,
}

impl Sent {
    pub(crate) fn to(&self) -> String {
        self.path.remote.to_string()
    }
}

/// A coordinator with its clock, and all that came out of it.
pub(crate) struct Desk {
    pub(crate) core: UnifiedCoordinator,
    pub(crate) now: Instant,
    /// Every message sent.
    pub(crate) sent: Vec<Sent>,
    /// How many of them a test has looked at.
    seen: usize,
    pub(crate) events: Vec<Event>,
    pub(crate) media: Vec<MediaCommand>,
    /// Questions for names that are no addresses.
    pub(crate) asked: Vec<(QueryId, ResolveTarget)>,
    /// How many media ports may still be bound.
    pub(crate) ports_left: usize,
    next_port: u16,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(CoordinatorConfig::default())
    }

    pub(crate) fn with(config: CoordinatorConfig) -> Self {
        Self::with_handler(config, DefaultSignalingHandler)
    }

    pub(crate) fn with_handler(config: CoordinatorConfig, handler: impl SignalingHandler + 'static) -> Self {
        Self::build(config, handler, [7; 32], usize::MAX)
    }

    /// A coordinator whose runtime can bind only so many media ports.
    pub(crate) fn with_ports(ports: usize) -> Self {
        Self::build(CoordinatorConfig::default(), DefaultSignalingHandler, [7; 32], ports)
    }

    pub(crate) fn build(
        config: CoordinatorConfig,
        handler: impl SignalingHandler + 'static,
        seed: [u8; 32],
        ports_left: usize,
    ) -> Self {
        let now = Instant::ZERO;
        let core = UnifiedCoordinator::with_handler(config, Box::new(handler), seed, now);
        let mut desk = Self {
            core,
            now,
            sent: Vec::new(),
            seen: 0,
            events: Vec::new(),
            media: Vec::new(),
            asked: Vec::new(),
            ports_left,
            next_port: 20_000,
        };
        desk.drain();
        desk
    }

    /// One that knows its peer: whatever is due is repeated as often as the RFC has it.
    pub(crate) fn trusting(mut self) -> Self {
        self.core.trust_source(self.now, peer().ip()).unwrap();
        self
    }

    /// A datagram from the peer.
    pub(crate) fn feed(&mut self, text: impl AsRef<[u8]>) {
        self.feed_from(peer(), text);
    }

    /// A datagram from anywhere.
    pub(crate) fn feed_from(&mut self, from: SocketAddr, bytes: impl AsRef<[u8]>) {
        self.core.handle_datagram(self.now, Path::udp(us(), from), bytes.as_ref());
        self.drain();
    }

    /// Carries out whatever waits.
    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Send(transmit) => {
                    let message = Message::new(&transmit.payload);
                    self.sent.push(Sent { at: self.now.as_millis(), path: transmit.path, message });
                }
                Output::Event(event) => self.events.push(event),
                Output::Media(command) => self.media.push(command),
                Output::Resolve { query, target } => self.resolve(query, target),
                Output::NeedMediaPorts(count) => self.bind(count),
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    fn resolve(&mut self, query: QueryId, target: ResolveTarget) {
        match target.host.parse() {
            Ok(ip) => {
                let remote = SocketAddr::new(ip, target.port.unwrap_or(5060));
                self.core.handle_names(self.now, query, Ok(Path::udp(us(), remote)));
            }
            Err(_) => self.asked.push((query, target)),
        }
    }

    fn bind(&mut self, count: usize) {
        let given = count.min(self.ports_left);
        self.ports_left -= given;
        for _ in 0..given {
            let rtp = self.next_port;
            self.next_port += 2;
            self.core.add_media_port(MediaPort { key: u32::from(rtp), rtp, rtcp: rtp + 1 });
        }
        if given < count {
            self.core.media_ports_exhausted();
        }
    }

    /// Answers the oldest open question for a name.
    pub(crate) fn name_found(&mut self, remote: &str) {
        let (query, _) = self.asked.remove(0);
        let path = Path::udp(us(), remote.parse().unwrap());
        self.core.handle_names(self.now, query, Ok(path));
        self.drain();
    }

    /// Answers the oldest open question for a name with a failure.
    pub(crate) fn name_failed(&mut self) {
        let (query, target) = self.asked.remove(0);
        self.core.handle_names(self.now, query, Err(NameFailure(target.host)));
        self.drain();
    }

    /// Lets time pass; every timer fires at its moment.
    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.core.poll_timeout().filter(|&due| due <= end) {
            assert!(due >= self.now, "a timer of the past");
            self.now = due;
            self.core.handle_timeout(due);
            self.drain();
        }
        self.now = end;
    }

    /// The messages sent since this was asked last.
    pub(crate) fn news(&mut self) -> Vec<Sent> {
        let news = self.sent.split_off(self.seen.min(self.sent.len()));
        self.sent.extend(news.iter().cloned());
        self.seen = self.sent.len();
        news
    }

    /// The same, as methods and status codes.
    pub(crate) fn codes(&mut self) -> Vec<String> {
        self.news().iter().map(|sent| sent.message.code()).collect()
    }

    /// Just one message was sent since we looked last: this.
    pub(crate) fn only(&mut self) -> Sent {
        let mut news = self.news();
        let codes: Vec<String> = news.iter().map(|sent| sent.message.code()).collect();
        assert_eq!(codes.len(), 1, "one message was to be sent, not {codes:?}");
        news.remove(0)
    }

    /// When messages with this method or status were sent, in milliseconds since the beginning.
    pub(crate) fn times(&self, code: &str) -> Vec<u64> {
        self.sent.iter().filter(|sent| sent.message.code() == code).map(|sent| sent.at).collect()
    }

    /// The last message sent with this method or status.
    pub(crate) fn last(&self, code: &str) -> Sent {
        let found = self.sent.iter().rev().find(|sent| sent.message.code() == code);
        found.cloned().unwrap_or_else(|| panic!("no {code} among {:?}", self.all_codes()))
    }

    pub(crate) fn all_codes(&self) -> Vec<String> {
        self.sent.iter().map(|sent| sent.message.code()).collect()
    }

    /// Places a call.
    pub(crate) fn call(&mut self, target: &str) -> SessionId {
        self.invite(InviteParams::new(target)).unwrap()
    }

    pub(crate) fn invite(&mut self, params: InviteParams<'_>) -> Result<SessionId, CommandError> {
        let result = self.core.invite(self.now, params);
        self.drain();
        result
    }

    pub(crate) fn ring(&mut self, session: SessionId) {
        self.core.ring(self.now, session).unwrap();
        self.drain();
    }

    pub(crate) fn answer(&mut self, session: SessionId) {
        self.core.answer(self.now, session).unwrap();
        self.drain();
    }

    pub(crate) fn reject(&mut self, session: SessionId, status: u16) {
        self.core.reject(self.now, session, status).unwrap();
        self.drain();
    }

    pub(crate) fn hangup(&mut self, session: SessionId) {
        self.core.hangup(self.now, session).unwrap();
        self.drain();
    }

    /// The session of the last incoming call.
    pub(crate) fn incoming(&self) -> SessionId {
        let found = self.events.iter().rev().find_map(|event| match event {
            Event::Incoming { session, .. } => Some(*session),
            _ => None,
        });
        found.expect("a call has come in")
    }

    /// Names of all events, in order.
    pub(crate) fn told(&self) -> Vec<String> {
        let name = |event: &Event| match event {
            Event::Incoming { .. } => "incoming".into(),
            Event::Progress { status, early_media: false, .. } => format!("progress {status}"),
            Event::Progress { status, .. } => format!("progress {status} with media"),
            Event::Answered { .. } => "answered".into(),
            Event::Confirmed { .. } => "confirmed".into(),
            Event::MediaChanged { .. } => "media changed".into(),
            Event::Ended { reason, status: Some(status), .. } => format!("ended {reason:?} {status}"),
            Event::Ended { reason, .. } => format!("ended {reason:?}"),
            Event::Refreshed { by_us: true, .. } => "refreshed by us".into(),
            Event::Refreshed { .. } => "refreshed by them".into(),
            Event::HoldChanged { local, remote, .. } => format!("hold {local} {remote}"),
            Event::ModifyFailed { status, .. } => format!("refused {status}"),
            Event::OfferUnanswered { fault, .. } => format!("unanswered {fault:?}"),
            other => format!("{other:?}"),
        };
        self.events.iter().map(name).collect()
    }

    /// The last plan that the media side was given.
    pub(crate) fn plan(&self) -> MediaPlan {
        let found = self.media.iter().rev().find_map(|command| match command {
            MediaCommand::Open { plan, .. } | MediaCommand::Update { plan, .. } => Some(plan),
            _ => None,
        });
        MediaPlan::clone(found.expect("media was opened"))
    }

    pub(crate) fn media_is_closed(&self) -> bool {
        let opened = self.media.iter().filter(|command| matches!(command, MediaCommand::Open { .. })).count();
        let closed =
            self.media.iter().filter(|command| matches!(command, MediaCommand::Close { .. })).count();
        opened == closed
    }

    /// After 64·T1 there must be nothing left: no session, no transaction, no open media.
    pub(crate) fn assert_all_gone(&mut self) {
        self.run_for(GIVE_UP + GIVE_UP);
        assert!(self.core.registry().is_empty(), "{} sessions are left", self.core.registry().len());
        assert!(
            self.core.transactions().is_empty(),
            "{} transactions are left",
            self.core.transactions().len()
        );
        assert!(self.media_is_closed(), "media is left open");
        let ended = self.events.iter().filter(|event| matches!(event, Event::Ended { .. })).count();
        let created = self.core.counters().get(offhook_core::coordinator::Counter::Sessions);
        assert_eq!(ended as u64, created, "every session ends once: {:?}", self.told());
    }

    /// Brings up the call that `invite` of the peer asks for: the session, and our tag.
    pub(crate) fn up(&mut self, invite: &Request) -> (SessionId, String) {
        let (session, tag) = self.answered(invite);
        self.feed(invite.again("ACK").callee_tag(&tag).branch("ack").text());
        self.news();
        (session, tag)
    }

    /// The same, but for the ACK.
    pub(crate) fn answered(&mut self, invite: &Request) -> (SessionId, String) {
        self.feed(invite.text());
        let session = self.incoming();
        self.answer(session);
        (session, self.last("200").message.callee_tag())
    }

    /// An ordinary call from the peer, with a Call-ID of its own, from INVITE to BYE.
    pub(crate) fn take_an_ordinary_call(&mut self, call_id: &str) {
        self.news();
        let invite = Request::new("INVITE").call_id(call_id).branch(&format!("{call_id}-1")).sdp(SDP);
        self.feed(invite.text());
        assert_eq!(self.codes(), ["180"], "an ordinary INVITE");
        let session = self.incoming();
        self.answer(session);
        let ok = self.only().message;
        assert_eq!(ok.code(), "200");
        let tag = ok.callee_tag();
        self.feed(invite.again("ACK").branch(&format!("{call_id}-2")).callee_tag(&tag).text());
        assert_eq!(self.told().last().unwrap(), "confirmed");
        self.feed(invite.again("BYE").cseq(2).branch(&format!("{call_id}-3")).callee_tag(&tag).text());
        assert_eq!(self.codes(), ["200"], "its BYE");
        assert_eq!(self.told().last().unwrap(), "ended RemoteHangup");
    }
}
