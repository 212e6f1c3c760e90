#![allow(clippy::unwrap_used, reason = "tests")]

mod client;
mod matching;
mod pair;
mod random;
mod room;
mod server;
mod tables;

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::budget::{Causer, Shortage};
use super::table::State;
use super::{ClientEvent, Reply, Room, Timing, TransactionId, TransactionLayer, TxEvent};
use crate::base::index::Digest;
use crate::base::rng::Rng;
use crate::base::time::Instant;
use crate::wire::{Frame, Method, Path, Transmit, WireLimits};

pub(super) const MS: Duration = Duration::from_millis(1);

pub(super) fn path() -> Path {
    Path::udp("192.0.2.1:5060".parse().unwrap(), "192.0.2.2:5060".parse().unwrap())
}

/// What became of a request, for which a transaction is opened at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Received {
    New(TransactionId),
    Absorbed,
    Ack,
    Cancel { cancel: TransactionId, invite: Option<TransactionId> },
    BranchTaken,
    Full(Shortage),
}

/// One layer in virtual time, and everything it sent.
pub(super) struct Bench {
    pub(super) layer: TransactionLayer,
    pub(super) now: Instant,
    sent: Vec<(Duration, Transmit)>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with_room(1000)
    }

    pub(super) fn with_room(transactions_max: usize) -> Self {
        let seed = [5; 32];
        let timing = Timing::default();
        let room = Room { transactions_max, octets_max: 1 << 20, source_share_percent: 25 };
        let layer = TransactionLayer::new(timing, room, Rng::wire(seed), &mut Rng::secret(seed));
        Self { layer, now: Instant::ZERO, sent: Vec::new() }
    }

    fn with<R>(
        &mut self,
        act: impl FnOnce(&mut TransactionLayer, Instant, &mut dyn FnMut(Transmit)) -> R,
    ) -> R {
        let (now, sent) = (self.now, &mut self.sent);
        let at = now.saturating_since(Instant::ZERO);
        act(&mut self.layer, now, &mut |transmit| sent.push((at, transmit)))
    }

    pub(super) fn request(&mut self, text: &str) -> Received {
        self.request_of(None, text)
    }

    /// A request that counts in somebody's share.
    pub(super) fn request_of(&mut self, source: Option<Digest>, text: &str) -> Received {
        let bytes = text.to_string();
        self.with(|layer, now, send| {
            let frame = Frame::parse(bytes.as_bytes(), &WireLimits::default()).unwrap();
            let facts = frame.facts().unwrap();
            let arrival = match layer.receive_request(now, &frame, &facts, send) {
                super::Received::New(arrival) => arrival,
                super::Received::Absorbed => return Received::Absorbed,
                super::Received::Ack => return Received::Ack,
                super::Received::BranchTaken => return Received::BranchTaken,
            };
            let causer = Causer { source, ..Causer::default() };
            match layer.open(now, arrival, &causer, &path(), &frame, &facts) {
                Ok(cancel) if text.starts_with("CANCEL ") => {
                    Received::Cancel { cancel, invite: arrival.invite }
                }
                Ok(tx) => Received::New(tx),
                Err(shortage) => Received::Full(shortage),
            }
        })
    }

    pub(super) fn new_request(&mut self, text: &str) -> TransactionId {
        match self.request(text) {
            Received::New(tx) => tx,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn response(&mut self, text: &str) -> Option<ClientEvent> {
        let bytes = text.to_string();
        self.with(|layer, now, send| {
            let frame = Frame::parse(bytes.as_bytes(), &WireLimits::default()).unwrap();
            let facts = frame.facts().unwrap();
            layer.receive_response(now, &path(), &frame, &facts, send)
        })
    }

    pub(super) fn respond(&mut self, tx: TransactionId, status: u16) -> bool {
        let reply = Reply {
            status,
            reason: "Because",
            to_tag: Some(b"ours"),
            record_route: false,
            extra: &[],
            body: None,
        };
        self.with(|layer, now, send| layer.respond(now, tx, reply, send))
    }

    pub(super) fn resend(&mut self, tx: TransactionId) -> bool {
        self.with(|layer, _, send| layer.resend_response(tx, send))
    }

    pub(super) fn resend_provisional(&mut self, tx: TransactionId) -> bool {
        self.with(|layer, _, send| layer.resend_provisional(tx, send))
    }

    /// Sends a request of `method` and returns its transaction and its text.
    pub(super) fn ask(&mut self, method: &str) -> (TransactionId, String) {
        let (tx, branch) = self.layer.begin(self.now, Method::from_text(method.as_bytes())).unwrap();
        let text = request(method, &branch.to_string());
        let message = Bytes::from(text.clone().into_bytes());
        self.with(|layer, now, send| layer.send(now, tx, path(), message, send));
        (tx, text)
    }

    pub(super) fn cancel(&mut self, invite: TransactionId) -> Option<TransactionId> {
        self.with(|layer, now, send| layer.send_cancel(now, invite, &[], send))
    }

    /// Lets time pass until `at`, each timer on its nanosecond, and returns what the layer told.
    pub(super) fn until(&mut self, at: Duration) -> Vec<(Duration, TxEvent)> {
        let end = Instant::ZERO + at;
        let mut told = Vec::new();
        while let Some(due) = self.layer.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            if let Some(event) = self.with(|layer, now, send| layer.handle_timeout(now, send))
                && event != TxEvent::None
            {
                told.push((self.now.saturating_since(Instant::ZERO), event));
            }
        }
        self.now = self.now.max(end);
        told
    }

    /// What was sent since the last call: the moment and the first word that tells (method or status).
    pub(super) fn sent(&mut self) -> Vec<(Duration, String)> {
        self.sent.drain(..).map(|(at, transmit)| (at, word(&transmit.payload))).collect()
    }

    /// The moments in milliseconds at which `what` was sent since the last call; nothing else may have been.
    pub(super) fn sent_at(&mut self, what: &str) -> Vec<u64> {
        let sent = self.sent();
        assert!(sent.iter().all(|(_, word)| word == what), "{sent:?}");
        sent.iter()
            .map(|(at, _)| {
                assert_eq!(at.subsec_nanos() % 1_000_000, 0, "exact to the nanosecond");
                at.as_millis() as u64
            })
            .collect()
    }

    pub(super) fn last_sent(&mut self) -> String {
        let (_, transmit) = self.sent.pop().unwrap();
        String::from_utf8(transmit.payload.to_vec()).unwrap()
    }

    pub(super) fn state(&self, tx: TransactionId) -> Option<State> {
        self.layer.state(tx).map(|(_, state)| state)
    }
}

fn word(payload: &[u8]) -> String {
    let text = core::str::from_utf8(payload).unwrap();
    let mut words = text.split(' ');
    let first = words.next().unwrap();
    if first == "SIP/2.0" { words.next().unwrap().to_string() } else { first.to_string() }
}

pub(super) fn request(method: &str, branch: &str) -> String {
    request_from(method, branch, "192.0.2.2:5060", "")
}

/// `to` is added to the To header: a tag, for example.
pub(super) fn request_from(method: &str, branch: &str, sent_by: &str, to: &str) -> String {
    format!(
        "{method} sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {sent_by};branch={branch}\r\n\
         Max-Forwards: 70\r\nRoute: <sip:a.example;lr>, <sip:b.example;lr>\r\nRoute: <sip:c.example;lr>\r\n\
         From: <sip:alice@example.org>;tag=f\r\nTo: <sip:bob@example.org>{to}\r\nCall-ID: one@example.org\r\n\
         CSeq: 7 {method}\r\nContact: <sip:alice@192.0.2.2>\r\nContent-Length: 0\r\n\r\n"
    )
}

/// The response to `request` with `status`, from the fork with `tag`.
pub(super) fn response(request: &str, status: u16, tag: &str) -> String {
    let mut text = format!("SIP/2.0 {status} Because\r\n");
    for line in request.lines().skip(1) {
        if ["Via", "From", "Call-ID", "CSeq", "Content-Length"].iter().any(|name| line.starts_with(name)) {
            text.push_str(&format!("{line}\r\n"));
        } else if line.starts_with("To") {
            text.push_str(&format!("{line};tag={tag}\r\n"));
        }
    }
    text.push_str("\r\n");
    text
}

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
