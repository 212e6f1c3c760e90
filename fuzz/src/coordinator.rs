//! A coordinator among peers of any kind: messages that are right, damaged, replayed, reflected or made up; commands,
//! names, time. After each input its books must be in order, and in the end nothing may be left.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use offhook_core::base::ids::{RegistrationId, SessionId, UserTag};
use offhook_core::base::time::Instant;
use offhook_core::coordinator::{
    CommandError, CoordinatorConfig, Credentials, Event, InviteParams, Modification, NameFailure, Output,
    Privacy, QueryId, UnifiedCoordinator,
};
use offhook_core::media::{MediaCommand, MediaEvent, MediaPort, MediaSessionId};
use offhook_core::sdp::plan::Direction;
use offhook_core::session::Cells;
use offhook_core::signaling::{BodyPart, Deferral, InviteDetails, SignalingDecision};
use offhook_core::trace::{Recorder, Trace, replay};
use offhook_core::wire::{Frame, HeaderName, Path, Transmit, WireLimits};

use crate::honest;
use crate::octets::Octets;
use crate::peer::{self, OURS};

const STEPS_MAX: usize = 160;
/// How long anything may go on after everybody has hung up.
const SETTLED: Duration = Duration::from_secs(400);
/// Timers that may run out within that time; more are a circle.
const EXPIRIES_MAX: usize = 100_000;
const MESSAGES_MAX: usize = 64;
const TARGETS: [&str; 8] = [
    "sip:bob@10.9.9.9",
    "sip:bob@10.9.9.9:5070;transport=udp",
    "sip:bob@slow.example",
    "sip:rings@10.0.0.1:5060",
    "sips:bob@10.9.9.9",
    "sip:bob@[2001:db8::9]:5060",
    "tel:+1",
    "sip:b ob@x>",
];
const HEADERS: [(&str, &str); 4] =
    [("Subject", "tea"), ("X-A", "b\r\nEvil: yes"), ("Via", "mine"), ("Alert-Info", "<http://x>")];

type File = Arc<Mutex<Vec<u8>>>;

struct World {
    core: UnifiedCoordinator,
    now: Instant,
    path: Path,
    /// What the coordinator sent.
    sent: Vec<Transmit>,
    /// What it was given.
    given: Vec<Bytes>,
    queries: Vec<QueryId>,
    sessions: Vec<SessionId>,
    registrations: Vec<RegistrationId>,
    /// How often something was asked of registrations.
    pressed: usize,
    ended: BTreeSet<SessionId>,
    streams: BTreeMap<MediaSessionId, MediaPort>,
    next_port: u16,
    ports_max: usize,
    /// Outputs are left where they are for a while.
    lazy: bool,
    /// It has been shut down.
    down: bool,
    /// Peers write what is right.
    honest: bool,
    file: Option<File>,
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn decide(details: &InviteDetails) -> SignalingDecision {
    drop((details.from_uri(), details.from_display(), details.to_uri(), details.request_uri()));
    drop((details.call_id(), details.header("Subject"), format!("{details:?}"), details.parts()));
    let user = details.called_user().unwrap_or_default();
    match &*user {
        "silent" => SignalingDecision::Defer(Deferral::default()),
        "quick" => SignalingDecision::Defer(Deferral { ring: true, deadline: Some(Duration::from_secs(1)) }),
        "busy" => SignalingDecision::Reject(486),
        "odd" => SignalingDecision::Reject(user.len() as u16),
        "answers" => SignalingDecision::Custom(Box::new(|call| {
            call.set_tag(UserTag(7));
            // What does not work any more is refused, which is as good.
            drop((call.ring(), call.answer(), call.reject(486)));
        })),
        _ => SignalingDecision::Accept,
    }
}

impl World {
    /// The first octet chooses the settings.
    fn new(octets: &mut Octets<'_>) -> Self {
        let choice = octets.byte();
        let mut config = CoordinatorConfig::default();
        config.credentials.push(Credentials::new("alice", "secret").for_anyone());
        if choice & 1 != 0 {
            config.limits.sessions_max = 4;
            config.limits.transactions_max = 12;
            config.limits.half_open_per_source_max = 3;
            config.limits.forks_max = 2;
            config.limits.routes_max = 1;
            config.limits.wire = WireLimits {
                message_octets_max: 2000,
                head_octets_max: 700,
                headers_max: 14,
                ..WireLimits::NONE
            };
        }
        if choice & 2 != 0 {
            (config.ring_timeout, config.answer_timeout) = (Duration::from_secs(2), Duration::from_secs(2));
        }
        let honest = choice & 16 != 0;
        if honest && choice & 32 != 0 {
            config.session_expires = Some(config.min_se);
        }
        let file = (choice & 4 != 0).then(File::default);
        let (handler, seed) = (Box::new(decide), [9; 32]);
        let core = match &file {
            Some(file) => {
                let sink = Arc::clone(file);
                let recorder = Recorder::new(move |octets: &[u8]| {
                    sink.lock().expect("one thread").extend_from_slice(octets);
                    Ok(())
                });
                UnifiedCoordinator::with_recorder(config, handler, seed, Instant::ZERO, recorder)
            }
            None => UnifiedCoordinator::with_handler(config, handler, seed, Instant::ZERO),
        };
        let mut world = Self {
            core,
            now: Instant::ZERO,
            path: Path::udp(address(OURS), address("10.9.9.9:5060")),
            sent: Vec::new(),
            given: Vec::new(),
            queries: Vec::new(),
            sessions: Vec::new(),
            registrations: Vec::new(),
            pressed: 0,
            ended: BTreeSet::new(),
            streams: BTreeMap::new(),
            next_port: 16_384,
            ports_max: if choice & 8 == 0 { usize::MAX } else { 3 },
            lazy: false,
            down: false,
            honest,
            file,
        };
        world.settle();
        world
    }

    /// After every input.
    fn settle(&mut self) {
        if !self.lazy {
            self.drain(usize::MAX);
        }
        if let Err(violation) = self.core.audit() {
            panic!("{violation}");
        }
    }

    fn drain(&mut self, count: usize) {
        for _ in 0..count {
            match self.core.poll_output() {
                None => break,
                Some(Output::Send(transmit)) => {
                    check_sent(&transmit.payload);
                    if self.sent.len() == MESSAGES_MAX {
                        self.sent.remove(0);
                    }
                    self.sent.push(transmit);
                }
                Some(Output::Media(command)) => self.command_media(command),
                Some(Output::Event(event)) => self.hear(&event),
                Some(Output::Resolve { query, .. }) => self.queries.push(query),
                Some(Output::NeedMediaPorts(count)) => self.bind(count),
                Some(other) => panic!("what is {other:?}?"),
            }
        }
    }

    fn bind(&mut self, count: usize) {
        for _ in 0..count {
            if self.ports_max == 0 {
                return self.core.media_ports_exhausted();
            }
            self.ports_max -= 1;
            let rtp = self.next_port;
            self.next_port = rtp.wrapping_add(2).max(1024);
            self.core.add_media_port(MediaPort { key: rtp.into(), rtp, rtcp: rtp + 1 });
        }
    }

    fn command_media(&mut self, command: MediaCommand) {
        match command {
            MediaCommand::Open { media, port, .. } => {
                assert!(self.streams.values().all(|other| *other != port), "a port for two streams");
                assert!(self.streams.insert(media, port).is_none(), "a stream is opened twice");
            }
            MediaCommand::Close { media } => {
                assert!(self.streams.remove(&media).is_some(), "a stream that was not open is closed");
                self.ports_max = self.ports_max.saturating_add(1);
            }
            MediaCommand::Update { media, .. } | MediaCommand::SendDtmf { media, .. } => {
                assert!(self.streams.contains_key(&media), "a command for no stream");
            }
            other => panic!("what is {other:?}?"),
        }
    }

    fn hear(&mut self, event: &Event) {
        let Some(session) = event.session() else { return };
        let is_new = matches!(event, Event::Incoming { .. });
        let is_end = matches!(event, Event::Ended { .. });
        assert!(!self.ended.contains(&session), "after the end: {event:?}");
        let known = self.sessions.contains(&session);
        if is_new {
            assert!(!known, "told twice: {event:?}");
            self.sessions.push(session);
        } else {
            assert!(known, "of a call nobody knows: {event:?}");
        }
        if is_end {
            self.ended.insert(session);
        }
    }

    fn give(&mut self, message: Vec<u8>) {
        self.core.handle_datagram(self.now, self.path, &message);
        if self.given.len() == MESSAGES_MAX {
            self.given.remove(0);
        }
        self.given.push(message.into());
    }

    fn step(&mut self, octets: &mut Octets<'_>) {
        let choice = octets.byte();
        match choice & 31 {
            0..=3 => {
                let message = if self.honest { honest::stranger(octets) } else { peer::stranger(octets) };
                self.give(message);
            }
            4..=8 => {
                let respond = if self.honest { honest::response } else { peer::response };
                let requests: Vec<&Transmit> =
                    self.sent.iter().filter(|sent| !sent.payload.starts_with(b"SIP/")).collect();
                let to = octets.recent(&requests).map(|sent| sent.payload.clone());
                if let Some(message) = to.and_then(|request| respond(octets, &request)) {
                    self.give(message);
                }
            }
            9..=13 => {
                let ask = if self.honest { honest::within } else { peer::within };
                let near = octets.recent(&self.sent).map(|sent| sent.payload.clone());
                if let Some(message) = near.and_then(|near| ask(octets, &near)) {
                    self.give(message);
                }
            }
            14 => {
                let again = octets.recent(&self.given).cloned();
                again.into_iter().for_each(|again| self.give(again.to_vec()));
            }
            15 | 16 => {
                let again = octets.recent(&self.given).cloned();
                if let Some(again) = again {
                    let message = peer::damaged(octets, &again);
                    self.give(message);
                }
            }
            17 => {
                let own = octets.recent(&self.sent).map(|sent| sent.payload.clone());
                own.into_iter().for_each(|own| self.give(own.to_vec()));
            }
            18 => {
                let len = usize::from(octets.word());
                let message = octets.take(len).to_vec();
                self.give(message);
            }
            19..=21 => self.wait(choice >> 5, octets.byte()),
            22..=25 => self.command(choice, octets),
            26 => self.invite(octets),
            27 => self.answer_names(octets),
            28 => self.media_news(octets),
            29 => {
                if let Some(sent) = octets.recent(&self.sent) {
                    self.core.handle_send_failed(self.now, sent);
                }
            }
            30 => {
                self.path.remote =
                    address(["10.9.9.9:5060", "10.9.9.8:1", "[2001:db8::9]:9"][octets.index(3)])
            }
            _ => self.nuisance(choice >> 5),
        }
        self.settle();
    }

    fn nuisance(&mut self, choice: u8) {
        match choice {
            0 => self.core.handle_unreachable(self.now, self.path),
            1 if self.lazy => self.core.drain(self.now),
            1 => self.lazy = true,
            2 => self.lazy = false,
            3 => self.drain(3),
            4 => self.ports_max = 0,
            5 if self.lazy => self.core.handle_lag(self.now, Duration::from_millis(400)),
            5 => {
                self.core.handle_timeout(Instant::ZERO);
                self.core.handle_lag(self.now, Duration::ZERO);
            }
            6 if self.down => self.core.cut_short(self.now),
            6 => {
                self.core.shutdown(self.now);
                self.down = true;
            }
            _ => self.core.handle_timeout(self.now),
        }
    }

    fn wait(&mut self, kind: u8, detail: u8) {
        let pause = Duration::from_millis(detail.into());
        match kind {
            0..=2 => self.now = self.core.poll_timeout().unwrap_or(self.now).max(self.now),
            3 | 4 => self.now = self.now + pause,
            5 => self.now = self.now + pause * 20,
            _ => return self.run_for(pause * 200),
        }
        self.core.handle_timeout(self.now);
    }

    /// Every timer on the way runs out in its time.
    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.drain(usize::MAX);
        for expired in 0.. {
            let Some(due) = self.core.poll_timeout().filter(|&due| due <= end) else { break };
            assert!(expired < EXPIRIES_MAX, "timers without end");
            self.now = self.now.max(due);
            self.core.handle_timeout(self.now);
            self.drain(usize::MAX);
            if let Err(violation) = self.core.audit() {
                panic!("{violation}");
            }
        }
        self.now = end;
    }

    /// What can be asked of registrations. A handle may be pressed after its end.
    fn registering(&mut self) {
        let (now, core) = (self.now, &mut self.core);
        let last = self.registrations.last().copied();
        self.pressed += 1;
        match self.pressed % 6 {
            1 => {
                let target = TARGETS[usize::from(self.pressed > 6)];
                self.registrations.extend(core.register(now, target, Duration::from_secs(60)).ok());
            }
            3 => core.network_changed(now),
            0 => drop(last.map(|id| core.unregister(now, id))),
            _ => drop(last.map(|id| core.retry_registration(now, id))),
        }
    }

    fn command(&mut self, choice: u8, octets: &mut Octets<'_>) {
        let Some(&id) = octets.recent(&self.sessions) else { return };
        let detail = if choice & 31 == 22 && choice >> 5 > 4 { octets.byte() } else { 0 };
        if detail == 0xF7 {
            return self.registering();
        }
        let (now, core) = (self.now, &mut self.core);
        let outcome = match (choice & 31, choice >> 5) {
            (22, 0..=4) => core.answer(now, id),
            (22, _) => change(core, now, id, detail),
            (23, 0..=4) => core.ring(now, id),
            (23, _) => core.set_tag(id, UserTag(choice.into())),
            (24, 0..=3) => core.reject(now, id, [486, 302, 200, 401][usize::from(choice >> 5)]),
            (24, _) => core.send_dtmf(now, id, ["1", "", "12#*ABCD", "x"][usize::from(choice >> 6)]),
            _ => core.hangup(now, id),
        };
        // One that does not fit is refused, which is as good.
        drop(outcome);
    }

    fn invite(&mut self, octets: &mut Octets<'_>) {
        let choice = octets.byte();
        let headers = [HEADERS[usize::from(choice >> 3 & 3)]];
        let mut params = InviteParams::new(TARGETS[usize::from(choice & 7)]);
        params.tag = UserTag(choice.into());
        params.late_offer = choice & 0x80 != 0;
        if choice & 0x20 != 0 {
            params.headers = &headers;
        }
        if choice & 0xB8 == 0xB8 {
            let identity = &mut params.identity;
            (identity.display_name, identity.user) = (Some("A \"B\", (C)"), Some("a;b"));
            identity.asserted = [Some("sip:alice@example.com"), Some("tel:+1-201-555-0123")];
            identity.preferred = (choice & 1 != 0).then_some("sip:\r\n@");
            identity.privacy = if choice & 0x40 == 0 { Privacy::NONE } else { Privacy::ANONYMOUS };
        }
        if choice & 0x40 != 0 {
            params.ring_timeout = Some(Duration::from_millis(octets.word().into()));
        }
        if let Ok(session) = self.core.invite(self.now, params) {
            assert!(!self.sessions.contains(&session), "an id that was used before");
            // What goes along with the offer: octets like a boundary.
            let part = BodyPart::new("application/x", &b"\r\n--"[..]);
            let parts = if choice & 0x80 != 0 { std::slice::from_ref(&part) } else { &[] };
            // A call that has no way to go is over already.
            drop(self.core.set_body_parts(self.now, session, parts));
            self.sessions.push(session);
        }
    }

    fn answer_names(&mut self, octets: &mut Octets<'_>) {
        let choice = octets.byte();
        let Some(query) = octets.recent(&self.queries).copied() else { return };
        if choice & 0x80 == 0 {
            // Else the answer may come a second time.
            self.queries.retain(|other| *other != query);
        }
        let result = match choice & 7 {
            0 => Err(NameFailure("nowhere".into())),
            1 => Ok(Path::udp(address(OURS), address(OURS))),
            2 => Ok(Path::udp(address("[2001:db8::1]:5060"), address("[2001:db8::9]:5060"))),
            _ => Ok(Path::udp(address(OURS), address("10.9.9.9:5060"))),
        };
        self.core.handle_names(self.now, query, result);
    }

    fn media_news(&mut self, octets: &mut Octets<'_>) {
        let open: Vec<MediaSessionId> = self.streams.keys().copied().collect();
        let stale = MediaSessionId { shard: 0, generation: 99, slot: 0 };
        let media = octets.recent(&open).copied().unwrap_or(stale);
        let event = match octets.index(3) {
            0 => MediaEvent::Dtmf { media, digit: '5', duration_ms: 100 },
            1 => MediaEvent::DtmfSent { media },
            _ => MediaEvent::PeerLeft { media },
        };
        self.core.handle_media(self.now, event);
    }

    /// Everybody hangs up and time passes. Returned is which cells of the state table were looked up.
    fn end(mut self) -> Cells {
        self.lazy = false;
        self.settle();
        for id in self.core.registry().ids() {
            drop(self.core.hangup(self.now, id));
        }
        for id in core::mem::take(&mut self.registrations) {
            drop(self.core.unregister(self.now, id));
        }
        self.settle();
        for query in core::mem::take(&mut self.queries) {
            self.core.handle_names(self.now, query, Ok(self.path));
        }
        self.settle();
        self.run_for(SETTLED);
        assert!(self.core.is_idle(), "something is left");
        assert_eq!(self.core.poll_timeout(), None, "a timer for nothing");
        assert!(self.streams.is_empty(), "open streams: {:?}", self.streams);
        assert!(self.sessions.iter().all(|id| self.ended.contains(id)), "a call whose end nobody was told");
        let cells = self.core.cells_visited().clone();
        let Some(file) = self.file.take() else { return cells };
        drop(self.core);
        let file = file.lock().expect("one thread");
        let replayed = replay(&Trace::parse(&file).expect("what was written can be read"));
        let replayed = replayed.expect("what was recorded can be replayed");
        assert!(replayed.divergence.is_none(), "{}", replayed.divergence.expect("just seen"));
        assert!(replayed.damage.is_none(), "{:?}", replayed.damage);
        cells
    }
}

/// What we send is right, whatever we were sent.
fn check_sent(message: &[u8]) {
    let text = String::from_utf8_lossy(message);
    let frame = Frame::parse(message, &WireLimits::NONE).expect("what we send can be read");
    assert_eq!((frame.fault(), frame.is_folded()), (None, false), "{text}");
    let length = frame.first(HeaderName::ContentLength).map(<[u8]>::to_vec);
    let body = frame.body().len();
    assert_eq!(length, Some(body.to_string().into_bytes()), "{text}");
    assert!(
        message.ends_with(frame.body()) && message[..message.len() - body].ends_with(b"\r\n\r\n"),
        "{text}"
    );
    if frame.is_request() {
        assert_eq!(frame.facts().err(), None, "{text}");
    }
}

/// What can be asked of a call that is there.
fn change(
    core: &mut UnifiedCoordinator,
    now: Instant,
    id: SessionId,
    choice: u8,
) -> Result<(), CommandError> {
    let codecs = |text: &str| Modification::codecs(text.parse().unwrap_or_default());
    let headers: &[(&str, &str)] = &[("Reason", "Q.850;cause=16"), ("X-Account", "1")];
    match choice & 15 {
        0 | 1 => core.hold(now, id),
        2 | 3 => core.resume(now, id),
        4 => core.modify(now, id, codecs("pcma")),
        5 => core.modify(now, id, codecs("pcma,pcmu").by_update()),
        6 => core.modify(now, id, Modification::direction(Direction::Inactive)),
        7 | 8 => core.progress(now, id, false),
        9 | 10 => core.progress(now, id, true),
        11 => core.answer_with(now, id, headers),
        12 => core.hangup_with(now, id, headers),
        13 => core.info(now, id, "application/dtmf-relay", b"Signal=1\r\nDuration=100\r\n").map(drop),
        14 => core.redirect(now, id, &["sip:a@10.9.9.9", "sip:b@nowhere"]),
        _ => core.reject_with(now, id, 486, headers),
    }
}

pub(crate) fn run(octets: &[u8]) {
    cells(octets);
}

/// The same, and which cells of the state table were looked up.
pub fn cells(octets: &[u8]) -> Cells {
    let mut octets = Octets(octets);
    let mut world = World::new(&mut octets);
    for _ in 0..STEPS_MAX {
        if octets.is_empty() {
            break;
        }
        world.step(&mut octets);
    }
    world.end()
}
