//! The same inputs and the same seed give the same outputs, octet for octet, however they are drained.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use offhook_core::base::ids::{SessionId, UserTag};
use offhook_core::base::rng::Rng;
use offhook_core::base::time::Instant;
use offhook_core::coordinator::{
    CoordinatorConfig, Event, InviteParams, Output, QueryId, UnifiedCoordinator,
};
use offhook_core::media::MediaPort;
use offhook_core::signaling::{Deferral, InviteDetails, SignalingDecision};
use offhook_core::wire::Path;
use support::{Message, ms};

/// Everything that a coordinator can be told.
#[derive(Clone, Debug)]
enum Input {
    Datagram(Path, Vec<u8>),
    Timeout,
    Invite(String),
    Answer(SessionId),
    Reject(SessionId, u16),
    Hangup(SessionId),
    Tag(SessionId, UserTag),
    Found(QueryId, Option<Path>),
    Port(MediaPort),
    Unreachable(Path),
    Shutdown,
}

type Recording = Vec<(Instant, Input)>;

fn apply(core: &mut UnifiedCoordinator, now: Instant, input: &Input) {
    match input {
        Input::Datagram(path, bytes) => core.handle_datagram(now, *path, bytes),
        Input::Timeout => core.handle_timeout(now),
        Input::Invite(target) => drop(core.invite(now, InviteParams::new(target))),
        Input::Answer(session) => drop(core.answer(now, *session)),
        Input::Reject(session, status) => drop(core.reject(now, *session, *status)),
        Input::Hangup(session) => drop(core.hangup(now, *session)),
        Input::Tag(session, tag) => drop(core.set_tag(*session, *tag)),
        Input::Found(query, path) => {
            let failure = offhook_core::coordinator::NameFailure("no such host".into());
            core.handle_names(now, *query, path.ok_or(failure));
        }
        Input::Port(port) => core.add_media_port(*port),
        Input::Unreachable(path) => core.handle_unreachable(now, *path),
        Input::Shutdown => core.shutdown(now),
    }
}

/// An output with every octet that it holds.
fn written(output: &Output) -> String {
    match output {
        Output::Event(Event::Incoming { details, .. }) => format!("{output:?} {:?}", details.message()),
        _ => format!("{output:?}"),
    }
}

fn seed(number: u64) -> [u8; 32] {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    seed
}

/// Every third call waits in silence, every fifth is refused, one in seven is taken at once.
fn handler() -> impl FnMut(&InviteDetails) -> SignalingDecision + Send {
    let mut count = 0_u32;
    move |_| {
        count += 1;
        match count {
            _ if count.is_multiple_of(7) => {
                SignalingDecision::Custom(Box::new(|call| call.answer().unwrap_or_default()))
            }
            _ if count.is_multiple_of(5) => SignalingDecision::Reject(486),
            _ if count.is_multiple_of(3) => {
                SignalingDecision::Defer(Deferral { ring: false, deadline: Some(ms(3_000)) })
            }
            _ => SignalingDecision::Accept,
        }
    }
}

fn core(number: u64) -> UnifiedCoordinator {
    UnifiedCoordinator::with_handler(
        CoordinatorConfig::default(),
        Box::new(handler()),
        seed(number),
        Instant::ZERO,
    )
}

fn address(number: usize) -> SocketAddr {
    format!("192.0.2.{}:5060", number + 1).parse().unwrap()
}

/// Two coordinators that call each other over a link that loses, repeats and delays; what the first is told is
/// recorded.
struct Stage {
    now: Instant,
    cores: [UnifiedCoordinator; 2],
    chance: Rng,
    flying: VecDeque<(Instant, usize, Vec<u8>)>,
    recording: Recording,
    outputs: Vec<String>,
    /// Sessions that may be commanded, as both sides learned of them.
    calls: [Vec<SessionId>; 2],
    next_port: u16,
}

impl Stage {
    fn new(number: u64) -> Self {
        let cores = [core(number), core(number + 1_000)];
        let mut stage = Self {
            now: Instant::ZERO,
            cores,
            chance: Rng::wire(seed(number + 2_000)),
            flying: VecDeque::new(),
            recording: Vec::new(),
            outputs: Vec::new(),
            calls: [Vec::new(), Vec::new()],
            next_port: 30_000,
        };
        stage.drain(0);
        stage.drain(1);
        stage
    }

    fn tell(&mut self, who: usize, input: Input) {
        if who == 0 {
            self.recording.push((self.now, input.clone()));
        }
        apply(&mut self.cores[who], self.now, &input);
        self.drain(who);
    }

    fn drain(&mut self, who: usize) {
        while let Some(output) = self.cores[who].poll_output() {
            if who == 0 {
                self.outputs.push(written(&output));
            }
            match output {
                Output::Send(transmit) => self.fly(1 - who, &transmit.payload),
                Output::Event(Event::Incoming { session, .. }) => self.calls[who].push(session),
                Output::Event(Event::Progress { session, .. } | Event::Answered { session, .. })
                    if !self.calls[who].contains(&session) =>
                {
                    self.calls[who].push(session);
                }
                Output::Event(Event::Ended { session, .. }) => {
                    self.calls[who].retain(|call| *call != session)
                }
                Output::NeedMediaPorts(count) => {
                    for _ in 0..count {
                        let rtp = self.next_port;
                        self.next_port += 2;
                        let port = MediaPort { key: u32::from(rtp), rtp, rtcp: rtp + 1 };
                        self.tell(who, Input::Port(port));
                    }
                }
                Output::Resolve { query, target } => {
                    let found = target.host.parse::<std::net::IpAddr>().ok();
                    let path = found
                        .map(|ip| Path::udp(address(who), SocketAddr::new(ip, target.port.unwrap_or(5060))));
                    self.tell(who, Input::Found(query, path));
                }
                _ => {}
            }
        }
    }

    fn fly(&mut self, to: usize, bytes: &[u8]) {
        let copies = match self.chance.next_u64() % 20 {
            0 => 0,
            1 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let delay = 5 + self.chance.next_u64() % 60;
            let mut bytes = bytes.to_vec();
            if self.chance.next_u64().is_multiple_of(50) && !bytes.is_empty() {
                let place = self.chance.next_u64() as usize % bytes.len();
                bytes[place] ^= 1 << (self.chance.next_u64() % 8);
            }
            self.flying.push_back((self.now + ms(delay), to, bytes));
        }
    }

    fn random_command(&mut self) {
        let who = (self.chance.next_u64() % 2) as usize;
        let calls = &self.calls[who];
        let session = calls.get(self.chance.next_u64() as usize % calls.len().max(1)).copied();
        let input = match (self.chance.next_u64() % 12, session) {
            (0..=2, _) | (_, None) => Input::Invite(format!("sip:peer@{}", address(1 - who))),
            (3, _) => Input::Invite("sip:peer@nowhere.example".into()),
            (4..=7, Some(session)) => Input::Answer(session),
            (8, Some(session)) => Input::Reject(session, 603),
            (9, Some(session)) => Input::Tag(session, UserTag(self.chance.next_u64())),
            (10, Some(_)) => Input::Unreachable(Path::udp(address(who), address(1 - who))),
            (_, Some(session)) => Input::Hangup(session),
        };
        self.tell(who, input);
    }

    /// Steps of 10 ms: what is due arrives, timers fire, now and then somebody does something.
    fn play(mut self, time: Duration) -> (Recording, Vec<String>) {
        let end = self.now + time;
        while self.now < end {
            self.now = self.now + ms(10);
            let due: Vec<_> = self.flying.iter().filter(|(at, ..)| *at <= self.now).cloned().collect();
            self.flying.retain(|(at, ..)| *at > self.now);
            for (_, to, bytes) in due {
                self.tell(to, Input::Datagram(Path::udp(address(to), address(1 - to)), bytes));
            }
            for who in 0..2 {
                if self.cores[who].poll_timeout().is_some_and(|due| due <= self.now) {
                    self.tell(who, Input::Timeout);
                }
            }
            if self.chance.next_u64().is_multiple_of(20) {
                self.random_command();
            }
        }
        self.tell(0, Input::Shutdown);
        (self.recording, self.outputs)
    }
}

/// Plays a recording; outputs are drained after every `chunk` inputs.
fn replay(recording: &Recording, number: u64, chunk: usize) -> Vec<String> {
    let mut core = core(number);
    let mut outputs = Vec::new();
    for (count, (now, input)) in recording.iter().enumerate() {
        apply(&mut core, *now, input);
        if count % chunk == chunk - 1 {
            outputs.extend(std::iter::from_fn(|| core.poll_output()).map(|output| written(&output)));
        }
    }
    outputs.extend(std::iter::from_fn(|| core.poll_output()).map(|output| written(&output)));
    outputs
}

fn same(left: &[String], right: &[String], what: &str) {
    for (place, (left, right)) in left.iter().zip(right).enumerate() {
        assert_eq!(left, right, "{what}: output {place}");
    }
    assert_eq!(left.len(), right.len(), "{what}");
}

#[test]
fn the_recording_is_worth_replaying() {
    let (recording, outputs) = Stage::new(1).play(Duration::from_secs(60));
    assert!(recording.len() > 500, "{} inputs", recording.len());
    for word in [
        "INVITE sip",
        "200 OK",
        "BYE sip",
        "CANCEL sip",
        "ACK sip",
        "486",
        "487",
        "Incoming",
        "Confirmed",
        "Ended",
        "Resolve",
    ] {
        assert!(
            outputs.iter().any(|output| output.contains(word)),
            "no {word} among {} outputs",
            outputs.len()
        );
    }
}

#[test]
fn the_same_inputs_and_seed_give_the_same_octets() {
    for number in 1..=8 {
        let (recording, live) = Stage::new(number).play(Duration::from_secs(60));
        let first = replay(&recording, number, 1);
        let second = replay(&recording, number, 1);
        same(&live, &first, "live and replayed");
        same(&first, &second, "replayed twice");
    }
}

#[test]
fn it_does_not_matter_when_outputs_are_drained() {
    for number in 1..=4 {
        let (recording, _) = Stage::new(number).play(Duration::from_secs(60));
        let each = replay(&recording, number, 1);
        for chunk in [2, 3, 7, 100, recording.len()] {
            same(&each, &replay(&recording, number, chunk), &format!("drained after every {chunk}"));
        }
    }
}

/// Asking twice, or for nothing, is no input.
#[test]
fn looking_changes_nothing() {
    let (recording, _) = Stage::new(3).play(Duration::from_secs(30));
    let expected = replay(&recording, 3, 1);
    let mut core = core(3);
    let mut outputs = Vec::new();
    for (now, input) in &recording {
        apply(&mut core, *now, input);
        drop((core.poll_timeout(), core.is_idle(), core.registry().ids(), core.counters().clone()));
        outputs.extend(std::iter::from_fn(|| core.poll_output()).map(|output| written(&output)));
        assert!(core.poll_output().is_none());
    }
    same(&expected, &outputs, "looked at");
}

/// Tags, branches and Call-IDs come from the seed and nothing else.
#[test]
fn another_seed_gives_other_names() {
    let names = |number: u64| {
        let mut core = core(number);
        let path = Path::udp(address(0), address(1));
        core.add_media_port(MediaPort { key: 1, rtp: 4_000, rtcp: 4_001 });
        core.add_media_port(MediaPort { key: 2, rtp: 4_002, rtcp: 4_003 });
        core.invite(Instant::ZERO, InviteParams::new("sip:peer@192.0.2.2")).unwrap();
        let mut sent = Vec::new();
        core.handle_datagram(
            Instant::ZERO,
            path,
            support::Request::new("INVITE").sdp(support::SDP).text().as_bytes(),
        );
        while let Some(output) = core.poll_output() {
            match output {
                Output::Send(transmit) => sent.push(Message::new(&transmit.payload)),
                Output::Resolve { query, .. } => core.handle_names(Instant::ZERO, query, Ok(path)),
                _ => {}
            }
        }
        let find = |code: &str| sent.iter().find(|message| message.code() == code).unwrap();
        let (invite, ringing) = (find("INVITE"), find("180"));
        vec![invite.branch(), invite.caller_tag(), invite.header("Call-ID").into(), ringing.callee_tag()]
    };
    let all: Vec<Vec<String>> = (0..20).map(names).collect();
    assert_eq!(all[3], names(3));
    for place in 0..4 {
        let mut column: Vec<&String> = all.iter().map(|row| &row[place]).collect();
        column.sort();
        column.dedup();
        assert_eq!(column.len(), 20, "{:?}", all[0][place]);
    }
}
