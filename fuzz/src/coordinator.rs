//! One coordinator and somebody who says anything to it.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use offhook_core::base::ids::SessionId;
use offhook_core::base::time::Instant;
use offhook_core::coordinator::{
    CoordinatorConfig, Event, InviteParams, NameFailure, Output, QueryId, UnifiedCoordinator,
};
use offhook_core::media::{MediaCommand, MediaPort};
use offhook_core::signaling::{Deferral, InviteDetails, SignalingDecision};
use offhook_core::wire::{Frame, HeaderName, NameAddr, Path, ReplyHead, StartLine, WireLimits};

use crate::input::Input;

const US: &str = "192.0.2.1:5060";
const PEER: &str = "192.0.2.2:5060";

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n\
                   m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";
const HELD: &str =
    "v=0\r\no=- 1 2 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";
const BODIES: &[&str] = &["", SDP, HELD, "v=0\r\n", "garbage"];
const METHODS: &[&str] = &["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "NONSENSE"];
const STATUSES: &[u16] = &[100, 180, 183, 200, 202, 302, 401, 404, 481, 486, 487, 500, 503, 600];
const TAGS: &[&str] = &["one", "two", "three"];
const CONTACTS: &[&str] =
    &["<sip:p@192.0.2.2>", "<sip:p@host.example;lr>", "<sips:p@192.0.2.2>", "<tel:1>", "*", ""];
const TARGETS: &[&str] = &["sip:p@192.0.2.2", "sip:p@host.example", "sip:p@192.0.2.1", "sip:p@[2001:db8::1]"];

struct Desk {
    core: UnifiedCoordinator,
    now: Instant,
    path: Path,
    sessions: Vec<SessionId>,
    over: Vec<SessionId>,
    asked: Vec<QueryId>,
    /// Requests that it sent.
    requests: Vec<Bytes>,
    /// To tags that it gave.
    our_tags: Vec<String>,
    streams: usize,
    port: u16,
}

impl Desk {
    fn new(kind: u8) -> Self {
        let mut config = CoordinatorConfig::default();
        config.ring_timeout = Duration::from_secs(60);
        config.answer_timeout = Duration::from_secs(60);
        let handler = move |_: &InviteDetails| match kind % 4 {
            0 => SignalingDecision::Accept,
            1 => SignalingDecision::Defer(Deferral::default()),
            2 => SignalingDecision::Custom(Box::new(|call| drop(call.answer()))),
            _ => SignalingDecision::Reject(603),
        };
        let core = UnifiedCoordinator::with_handler(config, Box::new(handler), [kind; 32], Instant::ZERO);
        let path = Path::udp(US.parse().expect("an address"), PEER.parse().expect("an address"));
        let mut desk = Self {
            core,
            now: Instant::ZERO,
            path,
            sessions: Vec::new(),
            over: Vec::new(),
            asked: Vec::new(),
            requests: Vec::new(),
            our_tags: Vec::new(),
            streams: 0,
            port: 16_384,
        };
        desk.drain();
        desk
    }

    fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Send(transmit) => self.sent(transmit.payload),
                Output::Event(event) => self.told(&event),
                Output::Media(MediaCommand::Open { .. }) => self.streams += 1,
                Output::Media(MediaCommand::Close { .. }) => self.streams -= 1,
                Output::Resolve { query, .. } => self.asked.push(query),
                Output::NeedMediaPorts(count) => {
                    for _ in 0..count {
                        let rtp = self.port;
                        self.port = rtp.wrapping_add(2).max(1024);
                        self.core.add_media_port(MediaPort { key: u32::from(rtp), rtp, rtcp: rtp | 1 });
                    }
                }
                _ => {}
            }
        }
        if let Err(broken) = self.core.audit() {
            panic!("{broken}");
        }
    }

    fn sent(&mut self, message: Bytes) {
        let frame = Frame::parse(&message, &WireLimits::NONE).expect("what we send is SIP");
        assert!(frame.fault().is_none(), "what we send is sound: {}", String::from_utf8_lossy(&message));
        match frame.start() {
            StartLine::Request { .. } => self.requests.push(message.clone()),
            StartLine::Response { .. } => {
                let to = frame.first(HeaderName::To).and_then(NameAddr::parse);
                let tag = to.and_then(|to| to.tag()).map(|tag| String::from_utf8_lossy(tag).into_owned());
                self.our_tags.extend(tag);
            }
        }
        self.our_tags.truncate(64);
        if self.requests.len() > 64 {
            self.requests.remove(0);
        }
    }

    fn told(&mut self, event: &Event) {
        let session = match event {
            Event::Incoming { session, .. } => {
                self.sessions.push(*session);
                *session
            }
            Event::Ended { session, .. } => {
                assert!(!self.over.contains(session), "it ends once");
                self.over.push(*session);
                return;
            }
            Event::Progress { session, .. }
            | Event::Answered { session, .. }
            | Event::Confirmed { session, .. }
            | Event::MediaChanged { session, .. }
            | Event::App { session, .. } => *session,
            _ => return,
        };
        assert!(!self.over.contains(&session), "the end is the last that is told: {event:?}");
    }

    /// Octets arrive, some of them perhaps changed.
    fn receive(&mut self, input: &mut Input<'_>, mut message: Vec<u8>) {
        if input.byte() & 3 == 3 {
            for _ in 0..input.below(4) {
                let place = usize::from(input.word()) % message.len().max(1);
                if let Some(octet) = message.get_mut(place) {
                    *octet = input.byte();
                }
            }
        }
        self.core.handle_datagram(self.now, self.path, &message);
    }

    fn request(&mut self, input: &mut Input<'_>) {
        let method = input.one_of(METHODS);
        let kind = input.byte();
        let branch = input.below(12);
        let cseq = input.below(8) + 1;
        let call = input.below(4);
        let body = input.one_of(BODIES);
        let contact = input.one_of(CONTACTS);
        // Within a dialog of its making, of ours, or of none.
        let ours = self.requests.last().filter(|_| kind & 1 != 0).cloned();
        let (call_id, from_tag, to_tag) = match ours.as_deref().and_then(names_of) {
            Some((call_id, tag)) => (call_id, String::from(input.one_of(TAGS)), tag),
            None => {
                let known = self.our_tags.len();
                let tag = if known == 0 || kind & 2 == 0 {
                    String::new()
                } else {
                    self.our_tags[input.below(known)].clone()
                };
                (format!("call{call}"), format!("peer{}", call % 2), tag)
            }
        };
        let to_tag = if to_tag.is_empty() { to_tag } else { format!(";tag={to_tag}") };
        let contact = if contact.is_empty() { String::new() } else { format!("Contact: {contact}\r\n") };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let message = format!(
            "{method} sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:p@192.0.2.2>;tag={from_tag}\r\nTo: <sip:us@192.0.2.1>{to_tag}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{contact}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.receive(input, message.into_bytes());
    }

    fn response(&mut self, input: &mut Input<'_>) {
        if self.requests.is_empty() {
            return;
        }
        let request =
            self.requests[self.requests.len() - 1 - input.below(self.requests.len().min(4))].clone();
        let frame = Frame::parse(&request, &WireLimits::NONE).expect("what we sent is SIP");
        let back = Path::udp(self.path.remote, self.path.local);
        let head = ReplyHead::new(&frame, frame.facts().as_ref().ok(), &back);
        let (status, tag) = (input.one_of(STATUSES), input.one_of(TAGS));
        let (contact, body) = (input.one_of(CONTACTS), input.one_of(BODIES));
        let extra = [("Contact", contact.as_bytes())];
        let extra = if contact.is_empty() { &[][..] } else { &extra[..] };
        let body = Some(("application/sdp", body.as_bytes())).filter(|(_, body)| !body.is_empty());
        let message = head.respond(status, "Whatever", Some(tag.as_bytes()), true, extra, body);
        self.receive(input, message.to_vec());
    }

    /// The application does something; what does not fit is refused, which is as good.
    fn command(&mut self, input: &mut Input<'_>) {
        let (what, now) = (input.byte(), self.now);
        if what % 8 == 0 {
            let placed = self.core.invite(now, InviteParams::new(input.one_of(TARGETS)));
            self.sessions.extend(placed);
            return;
        }
        let count = self.sessions.len();
        if count == 0 {
            return;
        }
        let session = self.sessions[count - 1 - input.below(count.min(4))];
        drop(match what % 8 {
            1 => self.core.ring(now, session),
            2 => self.core.reject(now, session, 300 + u16::from(input.byte())),
            3 | 4 => self.core.hangup(now, session),
            5 => self.core.send_dtmf(now, session, "12#"),
            _ => self.core.answer(now, session),
        });
    }

    fn name(&mut self, found: bool) {
        if let Some(query) = self.asked.pop() {
            let found = if found { Ok(self.path) } else { Err(NameFailure(String::from("no"))) };
            self.core.handle_names(self.now, query, found);
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.core.poll_timeout().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.core.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }
}

/// Call-ID and From tag of a request of ours.
fn names_of(request: &[u8]) -> Option<(String, String)> {
    let frame = Frame::parse(request, &WireLimits::NONE).ok()?;
    let facts = frame.facts().ok()?;
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    Some((text(facts.call_id), text(facts.from_tag?)))
}

/// Requests, responses, octets, commands, names and time in any order. What we send is sound, the books are in order
/// after every input, every session ends once, and when all is hung up nothing is left.
pub fn coordinator(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mut desk = Desk::new(input.byte());
    while !input.is_empty() {
        match input.byte() % 12 {
            0 => {
                let octets = input.some().to_vec();
                desk.receive(&mut input, octets);
            }
            1..=3 => desk.request(&mut input),
            4..=6 => desk.response(&mut input),
            7 | 8 => desk.command(&mut input),
            9 => desk.pass(Duration::from_millis(u64::from(input.word()))),
            10 => {
                let found = input.byte() & 1 == 0;
                desk.name(found);
            }
            _ => match input.byte() % 4 {
                0 => desk.core.handle_unreachable(desk.now, desk.path),
                1 => {
                    // Our own message comes back to us.
                    let own = desk.requests.last().map(|own| own.to_vec()).unwrap_or_default();
                    let from: SocketAddr = US.parse().expect("an address");
                    desk.core.handle_datagram(desk.now, Path::udp(from, from), &own);
                }
                _ => desk.pass(Duration::from_secs(32)),
            },
        }
        desk.drain();
    }
    for session in desk.core.registry().ids() {
        drop(desk.core.hangup(desk.now, session));
    }
    desk.drain();
    for _ in 0..20 {
        while !desk.asked.is_empty() {
            desk.name(true);
            desk.drain();
        }
        desk.pass(Duration::from_secs(40));
    }
    assert!(desk.core.is_idle(), "something is left");
    assert_eq!(desk.streams, 0, "streams are left");
    assert!(
        desk.sessions.iter().all(|session| desk.over.contains(session)),
        "the end of a call was not told"
    );
}
