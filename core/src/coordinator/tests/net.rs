//! Coordinators on a simulated network: virtual time, one seed, links that lose, repeat and reorder.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::api::{CoordinatorConfig, Event, InviteParams, NameFailure, Output, QueryId, Refuser};
use crate::base::ids::SessionId;
use crate::base::rng::Rng;
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator;
use crate::media::{MediaCommand, MediaPort};
use crate::signaling::SignalingHandler;
use crate::wire::path::{Path, Transmit};
use bytes::Bytes;

/// What a link does to each datagram, in percent.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) loss: u64,
    pub(crate) duplicate: u64,
    pub(crate) reorder: u64,
}

/// Says for a datagram, given its number and first line, whether it gets lost.
type DropRule = Box<dyn FnMut(usize, &str) -> bool>;

pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) core: UnifiedCoordinator,
    pub(crate) events: Vec<Event>,
    pub(crate) media: Vec<MediaCommand>,
    next_port: u16,
}

pub(crate) struct Net {
    pub(crate) now: Instant,
    pub(crate) nodes: Vec<Node>,
    pub(crate) faults: Faults,
    /// Every datagram as it was sent: when, from, to, first line.
    pub(crate) wire: Vec<(Instant, SocketAddr, SocketAddr, String)>,
    /// Datagrams to addresses where no node is.
    pub(crate) elsewhere: Vec<Transmit>,
    /// Questions for addresses are left unanswered, and kept in `asked`.
    pub(crate) hold_names: bool,
    pub(crate) asked: Vec<(usize, QueryId)>,
    /// Names that can be resolved.
    pub(crate) names: BTreeMap<String, SocketAddr>,
    rng: Rng,
    flying: BTreeMap<(Instant, u64), (Path, Bytes)>,
    sequence: u64,
    /// Says for each datagram, given its number and first line, whether it gets lost.
    pub(crate) drop_if: Option<DropRule>,
}

pub(crate) const LATENCY: Duration = Duration::from_millis(10);

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        for (place, byte) in bytes.iter_mut().zip(seed.to_le_bytes()) {
            *place = byte;
        }
        Self {
            now: Instant::ZERO,
            nodes: Vec::new(),
            faults: Faults::default(),
            wire: Vec::new(),
            elsewhere: Vec::new(),
            hold_names: false,
            asked: Vec::new(),
            names: BTreeMap::new(),
            rng: Rng::wire(bytes),
            flying: BTreeMap::new(),
            sequence: 0,
            drop_if: None,
        }
    }

    pub(crate) fn add(&mut self, user: &str) -> usize {
        let config = CoordinatorConfig { user: user.into(), ..CoordinatorConfig::default() };
        self.add_with(config, Box::new(crate::signaling::DefaultSignalingHandler))
    }

    pub(crate) fn add_with(
        &mut self,
        config: CoordinatorConfig,
        handler: Box<dyn SignalingHandler>,
    ) -> usize {
        let number = self.nodes.len();
        let address: SocketAddr = format!("10.0.0.{}:5060", number + 1).parse().unwrap();
        let core = UnifiedCoordinator::with_handler(config, handler, self.rng.next_seed(), self.now);
        self.nodes.push(Node { address, core, events: Vec::new(), media: Vec::new(), next_port: 16_384 });
        self.drain(number);
        number
    }

    /// Calls node `to` from node `from`.
    pub(crate) fn call(&mut self, from: usize, to: usize) -> SessionId {
        let target = format!("sip:bob@{}", self.nodes[to].address);
        self.invite(from, &target)
    }

    pub(crate) fn invite(&mut self, from: usize, target: &str) -> SessionId {
        let now = self.now;
        let id = self.nodes[from].core.invite(now, InviteParams::new(target)).unwrap();
        self.drain(from);
        id
    }

    /// Runs a command on a node and sends what comes of it.
    pub(crate) fn with<R>(
        &mut self,
        node: usize,
        f: impl FnOnce(&mut UnifiedCoordinator, Instant) -> R,
    ) -> R {
        let now = self.now;
        let result = f(&mut self.nodes[node].core, now);
        self.drain(node);
        result
    }

    /// Lets a node receive bytes from an address that need not be a node's.
    pub(crate) fn inject(&mut self, node: usize, from: SocketAddr, bytes: &[u8]) {
        let (now, local) = (self.now, self.nodes[node].address);
        self.nodes[node].core.handle_datagram(now, Path::udp(local, from), bytes);
        self.drain(node);
    }

    fn drain(&mut self, number: usize) {
        loop {
            let now = self.now;
            let Some(node) = self.nodes.get_mut(number) else { return };
            let Some(output) = node.core.poll_output() else { break };
            match output {
                Output::Send(transmit) => self.transmit(transmit),
                Output::Event(event) => node.events.push(event),
                Output::Media(command) => {
                    if let MediaCommand::Close { .. } = command {
                        // The runtime would bind anew when asked.
                    }
                    node.media.push(command);
                }
                Output::NeedMediaPorts(count) => {
                    for _ in 0..count {
                        let rtp = node.next_port;
                        node.next_port = node.next_port.wrapping_add(2).max(1024);
                        node.core.add_media_port(MediaPort { key: u32::from(rtp), rtp, rtcp: rtp + 1 });
                    }
                }
                Output::Resolve { query, .. } if self.hold_names => self.asked.push((number, query)),
                Output::Resolve { query, target } => {
                    let local = node.address;
                    let literal = target.host.parse().ok();
                    let remote = literal.map(|ip| SocketAddr::new(ip, target.port.unwrap_or(5060)));
                    let remote = remote.or_else(|| self.names.get(&target.host).copied());
                    let result = remote.map(|remote| Path::udp(local, remote));
                    node.core.handle_names(now, query, result.ok_or(NameFailure(target.host)));
                }
            }
        }
        self.audit(number);
    }

    /// Small worlds only: an audit looks at all that lives.
    fn audit(&self, number: usize) {
        let core = &self.nodes[number].core;
        if core.registry().len() <= 8
            && let Err(violation) = core.audit()
        {
            panic!("node {}: {violation}\n{:#?}", number + 1, self.ladder());
        }
    }

    fn transmit(&mut self, transmit: Transmit) {
        let Transmit { path, payload } = transmit;
        let first =
            String::from_utf8_lossy(payload.split(|&b| b == b'\r').next().unwrap_or_default()).into_owned();
        let count = self.wire.len();
        let drop = self.drop_if.as_mut().is_some_and(|drop| drop(count, &first));
        self.wire.push((self.now, path.local, path.remote, first));
        if !self.nodes.iter().any(|node| node.address == path.remote) {
            self.elsewhere.push(Transmit { path, payload });
            return;
        }
        if drop || self.rng.next_u64() % 100 < self.faults.loss {
            return;
        }
        let copies = 1 + u64::from(self.rng.next_u64() % 100 < self.faults.duplicate);
        for _ in 0..copies {
            let mut at = self.now + LATENCY;
            if self.rng.next_u64() % 100 < self.faults.reorder {
                at = at + Duration::from_millis(self.rng.next_u64() % 200);
            }
            self.sequence += 1;
            self.flying.insert((at, self.sequence), (path, payload.clone()));
        }
    }

    /// The next moment at which anything happens.
    fn next_moment(&self) -> Option<Instant> {
        let timers = self.nodes.iter().filter_map(|node| node.core.poll_timeout());
        timers.chain(self.flying.keys().next().map(|&(at, _)| at)).min()
    }

    /// Handles all that happens at the next moment; false if nothing ever will.
    pub(crate) fn step(&mut self) -> bool {
        let Some(next) = self.next_moment() else { return false };
        self.now = self.now.max(next);
        while let Some((&(at, sequence), _)) = self.flying.iter().next() {
            if at > self.now {
                break;
            }
            let Some((path, payload)) = self.flying.remove(&(at, sequence)) else { break };
            if let Some(number) = self.nodes.iter().position(|node| node.address == path.remote) {
                self.inject(number, path.local, &payload);
            }
        }
        for number in 0..self.nodes.len() {
            let now = self.now;
            if self.nodes[number].core.poll_timeout().is_some_and(|at| at <= now) {
                self.nodes[number].core.handle_timeout(now);
                self.drain(number);
            }
        }
        true
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.next_moment().is_some_and(|next| next <= end) {
            self.step();
        }
        self.now = end;
    }

    /// The session that `node` was last told of as incoming.
    pub(crate) fn incoming(&self, node: usize) -> Option<SessionId> {
        self.nodes[node].events.iter().rev().find_map(|event| match event {
            Event::Incoming { session, .. } => Some(*session),
            _ => None,
        })
    }

    /// Names of the events of a node, in order.
    pub(crate) fn told(&self, node: usize) -> Vec<String> {
        let name = |event: &Event| match event {
            Event::Incoming { .. } => "incoming".into(),
            Event::Progress { status, .. } => format!("progress {status}"),
            Event::Redirected { target, .. } => format!("redirected {target}"),
            Event::Answered { .. } => "answered".into(),
            Event::Confirmed { .. } => "confirmed".into(),
            Event::MediaChanged { .. } => "media changed".into(),
            Event::Ended { reason, status: Some(status), .. } => format!("ended {reason:?} {status}"),
            Event::Ended { reason, .. } => format!("ended {reason:?}"),
            Event::App { id, .. } => format!("app {id}"),
            Event::TransferRequested { request, .. } => format!("asked to call {}", request.target()),
            Event::TransferStarted { .. } => "transfer started".into(),
            Event::TransferProgress { status, done: true, .. } => format!("transfer done {status}"),
            Event::TransferProgress { status, .. } => format!("transfer {status}"),
            Event::Replaced { .. } => "replaced".into(),
            Event::Refreshed { by_us, .. } => {
                format!("refreshed {}", if *by_us { "by us" } else { "by them" })
            }
            Event::HoldChanged { local, remote, .. } => format!("hold {local} {remote}"),
            Event::ModifyFailed { status, refuser: Refuser::Us, .. } => format!("refused {status} by us"),
            Event::ModifyFailed { status, .. } => format!("refused {status}"),
            Event::OfferUnanswered { fault, .. } => format!("unanswered {fault:?}"),
            Event::MediaSilent { for_ms: Some(for_ms), .. } => format!("silent {for_ms}"),
            Event::Dtmf { digit, .. } => format!("key {digit}"),
            other => format!("{other:?}"),
        };
        self.nodes[node]
            .events
            .iter()
            .filter(|event| !matches!(event, Event::AuthenticationFailed { .. }))
            .map(name)
            .collect()
    }

    /// First lines of what was sent, as `2 -> 1 SIP/2.0 180 Ringing`.
    pub(crate) fn ladder(&self) -> Vec<String> {
        let place = |address: &SocketAddr| match self.nodes.iter().position(|node| node.address == *address) {
            Some(number) => format!("{}", number + 1),
            None => format!("{address}"),
        };
        self.wire
            .iter()
            .map(|(_, from, to, line)| format!("{} -> {} {line}", place(from), place(to)))
            .collect()
    }

    /// Methods and status codes only.
    pub(crate) fn codes(&self) -> Vec<String> {
        let code = |line: &String| {
            let mut words = line.split(' ');
            let first = words.next().unwrap_or_default();
            if first == "SIP/2.0" { words.next().unwrap_or_default().into() } else { String::from(first) }
        };
        self.wire.iter().map(|(.., line)| code(line)).collect()
    }

    pub(crate) fn assert_all_gone(&self) {
        for (number, node) in self.nodes.iter().enumerate() {
            assert!(
                node.core.registry().is_empty(),
                "node {number}: {} sessions left",
                node.core.registry().len()
            );
            assert!(node.core.transactions().is_empty(), "node {number}: transactions left");
        }
    }
}
