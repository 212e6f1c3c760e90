#![allow(clippy::unwrap_used, reason = "tests")]

mod damage;
mod limits;
mod random;
mod round_trip;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use std::sync::{Arc, Mutex};

use super::pack::{crc32, write_varint};
use super::*;
use crate::api::{
    CallerIdentity, CoordinatorConfig, Event, InviteParams, NameFailure, Output, Privacy, SubscriptionState,
};
use crate::base::ids::{SessionId, UserTag};
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator;
use crate::media::{MediaEvent, MediaPort, MediaReport, MediaSessionId};
use crate::signaling::{BodyPart, Deferral, InviteDetails, SignalingDecision};
use crate::wire::path::Path;

type File = Arc<Mutex<Vec<u8>>>;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
                   m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";
const SECRET: &str = "Digest username=\"bob\", response=\"53cr37\"";

fn recorder(file: &File) -> Recorder {
    let file = Arc::clone(file);
    Recorder::new(move |octets: &[u8]| {
        file.lock().unwrap().extend_from_slice(octets);
        Ok(())
    })
}

/// Each kind of decision in turn.
fn handler() -> impl FnMut(&InviteDetails) -> SignalingDecision + Send {
    let mut count = 0;
    move |_| {
        count += 1;
        match count % 5 {
            0 => SignalingDecision::Reject(486),
            1 => SignalingDecision::Custom(Box::new(|call| {
                call.set_tag(UserTag(77));
                call.ring().unwrap();
                call.answer().unwrap();
                assert!(call.reject(486).is_err());
            })),
            2 => {
                let deadline = Some(Duration::from_secs(2));
                SignalingDecision::Defer(Deferral { ring: true, deadline })
            }
            3 => SignalingDecision::Custom(Box::new(|call| call.reject(603).unwrap())),
            _ => SignalingDecision::Accept,
        }
    }
}

/// A recorded coordinator that does what it is told, and what became of it.
struct Stage {
    core: UnifiedCoordinator,
    file: File,
    now: Instant,
    sessions: Vec<SessionId>,
    queries: Vec<crate::api::QueryId>,
    sent: Vec<bytes::Bytes>,
    next_port: u16,
}

impl Stage {
    fn new(change: impl FnOnce(Recorder) -> Recorder) -> Self {
        let file = File::default();
        let recorder = change(recorder(&file));
        let config = CoordinatorConfig { display_name: Some("Zoë".into()), ..CoordinatorConfig::default() };
        let now = Instant::from_millis(5);
        let core = UnifiedCoordinator::with_recorder(config, Box::new(handler()), [7; 32], now, recorder);
        let (sessions, queries, sent) = (Vec::new(), Vec::new(), Vec::new());
        let mut stage = Self { core, file, now, sessions, queries, sent, next_port: 20_000 };
        stage.drain(usize::MAX);
        stage
    }

    fn path() -> Path {
        Path::udp("192.0.2.1:5060".parse().unwrap(), "192.0.2.9:5060".parse().unwrap())
    }

    fn feed(&mut self, text: impl AsRef<[u8]>) {
        self.core.handle_datagram(self.now, Self::path(), text.as_ref());
        self.drain(usize::MAX);
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.core.handle_timeout(self.now);
        self.drain(usize::MAX);
    }

    /// Carries out at most `count` outputs.
    fn drain(&mut self, count: usize) {
        for _ in 0..count {
            let Some(output) = self.core.poll_output() else { return };
            match output {
                Output::Send(transmit) => self.sent.push(transmit.payload),
                Output::Event(Event::Incoming { session, .. }) => self.sessions.push(session),
                Output::Resolve { query, .. } => self.queries.push(query),
                Output::NeedMediaPorts(count) => {
                    for _ in 0..count {
                        let rtp = self.next_port;
                        self.next_port += 2;
                        self.core.add_media_port(MediaPort { key: rtp.into(), rtp, rtcp: rtp + 1 });
                    }
                }
                _ => {}
            }
        }
    }

    fn finish(self) -> Vec<u8> {
        drop(self.core);
        Arc::into_inner(self.file).unwrap().into_inner().unwrap()
    }
}

fn request(method: &str, number: usize, to_tag: &str, extra: &str, body: &str) -> String {
    format!(
        "{method} sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{method}{number}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:bob@192.0.2.9>;tag=b{number}\r\nTo: <sip:alice@192.0.2.1>{to_tag}\r\n\
         Call-ID: {number}\r\nCSeq: {} {method}\r\nContact: <sip:bob@192.0.2.9>\r\n{extra}Content-Length: {}\r\n\r\n{body}",
        if method == "BYE" { 3 } else { 1 },
        body.len()
    )
}

fn invite(number: usize, extra: &str) -> String {
    request("INVITE", number, "", &format!("{extra}Content-Type: application/sdp\r\n"), SDP)
}

/// One call in that the handler answers, one out: each kind of input at least once.
fn sample(change: impl FnOnce(Recorder) -> Recorder) -> Stage {
    let mut stage = Stage::new(change);
    stage.core.media_ports_exhausted();
    stage.feed("\r\n\r\n");
    stage.feed(invite(1, &format!("Authorization: {SECRET}\r\n")));
    let answered = String::from_utf8(stage.sent.last().unwrap().to_vec()).unwrap();
    let tag = answered.split("To: ").nth(1).and_then(|rest| rest.split("tag=").nth(1)).unwrap();
    let tag = format!(";tag={}", tag.split("\r\n").next().unwrap());
    stage.feed(request("ACK", 1, &tag, "", ""));
    let session = stage.sessions[0];
    stage.core.send_dtmf(stage.now, session, "42*").unwrap();
    stage.core.hold(stage.now, session).unwrap();
    stage.core.resume(stage.now, session).unwrap();
    let change = crate::api::Modification::codecs("pcma".parse().unwrap()).by_update();
    stage.core.modify(stage.now, session, change).unwrap();
    stage.core.transfer(stage.now, session, "tel:+49").unwrap();
    assert!(stage.core.transfer_unreported(stage.now, session, "sip:c@h").is_err());
    assert!(stage.core.transfer_to(stage.now, session, session).is_err());
    assert!(stage.core.accept_transfer(stage.now, session).is_err());
    assert!(stage.core.reject_transfer(stage.now, session, 603).is_err());
    stage.drain(usize::MAX);
    let media = MediaSessionId { shard: 0, generation: 1, slot: 0 };
    let event = MediaEvent::Dtmf { media, digit: '9', duration_ms: 100 };
    stage.core.handle_media(stage.now, event);
    stage.core.handle_media(stage.now, MediaEvent::DtmfSent { media });
    stage.core.handle_media(stage.now, MediaEvent::PeerLeft { media });
    let key = "CSeq: 2 INFO";
    let info = request("INFO", 1, &tag, "Content-Type: application/dtmf-relay\r\n", "Signal=7\r\n");
    stage.feed(info.replace("CSeq: 1 INFO", key));
    stage.feed(request("BYE", 1, &tag, "", ""));
    stage.core.handle_media(stage.now, MediaEvent::Closed { media, report: MediaReport::default() });
    let headers = [("Subject", "tea"), ("Authorization", SECRET)];
    let ring_timeout = Some(Duration::from_secs(20));
    let params =
        InviteParams { headers: &headers, tag: UserTag(5), ring_timeout, ..InviteParams::new("sip:bob@h") };
    let identity = CallerIdentity {
        user: Some("desk"),
        asserted: [Some("tel:+1"), None],
        privacy: Privacy::ID,
        ..CallerIdentity::default()
    };
    let params = InviteParams { late_offer: true, identity, ..params };
    let session = stage.core.invite(stage.now, params).unwrap();
    let part = BodyPart::new("application/x", &b"\0\xff"[..])
        .disposition("x;handling=optional")
        .header("Content-ID", "<1>");
    stage.core.set_body_parts(stage.now, session, &[part]).unwrap();
    stage.core.set_tag(session, UserTag(9)).unwrap();
    stage.drain(usize::MAX);
    stage.core.handle_names(stage.now, stage.queries[0], Ok(Stage::path()));
    stage.drain(usize::MAX);
    stage.pass(Duration::from_millis(501));
    let failed =
        crate::wire::path::Transmit { path: Stage::path(), payload: bytes::Bytes::from_static(b"x") };
    stage.core.handle_send_failed(stage.now, &failed);
    stage.core.handle_unreachable(Instant::from_millis(1), Stage::path());
    assert!(stage.core.ring(stage.now, session).is_err());
    assert!(stage.core.progress(stage.now, session, true).is_err());
    assert!(stage.core.progress(stage.now, session, false).is_err());
    assert!(stage.core.answer(stage.now, session).is_err());
    assert!(stage.core.reject(stage.now, session, 486).is_err());
    let headers: &[(&str, &str)] = &[("Reason", "SIP;cause=200"), ("Authorization", SECRET)];
    assert!(stage.core.ring_with(stage.now, session, headers).is_err());
    assert!(stage.core.answer_with(stage.now, session, headers).is_err());
    assert!(stage.core.reject_with(stage.now, session, 486, headers).is_err());
    assert!(stage.core.redirect_with(stage.now, session, &["sip:a@b", "<tel:+1>"], headers).is_err());
    stage.core.hangup_with(stage.now, session, headers).unwrap();
    assert!(stage.core.hangup(stage.now, session).is_ok());
    let session = stage.core.invite(stage.now, InviteParams::new("sip:nobody@nowhere")).unwrap();
    stage.drain(usize::MAX);
    let (query, failure) = (*stage.queries.last().unwrap(), NameFailure("no such host".into()));
    stage.core.handle_names(stage.now, query, Err(failure));
    assert_eq!(stage.core.session_state(session), None);
    stage.core.options(stage.now, "sip:bob@10.0.0.1").unwrap();
    stage.core.message_with(stage.now, "sip:bob@h", "text/plain", b"Hi", headers).unwrap();
    assert!(stage.core.info(stage.now, session, "text/plain", b"Hi").is_err());
    let subscription =
        stage.core.subscribe(stage.now, "sip:bob@h", "dialog", Duration::from_secs(60)).unwrap();
    stage.core.unsubscribe(stage.now, subscription).unwrap();
    assert!(stage.core.accept_subscription(stage.now, subscription, Some(("a/b", b"x"))).is_err());
    assert!(stage.core.reject_subscription(stage.now, subscription, 603).is_err());
    for state in
        [SubscriptionState::Pending, SubscriptionState::Active, SubscriptionState::terminated("giveup")]
    {
        assert!(stage.core.notify(stage.now, subscription, &state, "a/b", b"x").is_err());
    }
    let source = Stage::path().remote.ip();
    stage.core.trust_source(stage.now, source).unwrap();
    stage.core.distrust_source(stage.now, source);
    stage.feed(invite(2, ""));
    stage.core.shutdown(stage.now);
    stage.pass(Duration::from_secs(40));
    stage
}

/// A file of these bodies with right lengths and checksums.
fn reframe<'a>(bodies: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    file.push(VERSION);
    let mut checksum = crc32(0, &file);
    for body in bodies {
        let start = file.len();
        write_varint(&mut file, body.len() as u64);
        file.extend_from_slice(body);
        checksum = crc32(checksum, &file[start..]);
        file.extend_from_slice(&checksum.to_le_bytes());
    }
    file
}

fn bodies(file: &[u8]) -> Vec<&[u8]> {
    Trace::parse(file).unwrap().records().map(|record| record.unwrap().0.body).collect()
}
