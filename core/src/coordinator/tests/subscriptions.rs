//! Subscriptions and requests of the application in any order, with a peer that says anything. Nothing may be left, and
//! every one of them has one end.

use alloc::collections::BTreeMap;
use core::time::Duration;

use super::peer::{SDP, World, peer};
use crate::api::{Event, SubscriptionState};
use crate::base::ids::{RequestId, SubscriptionId};
use crate::base::rng::Rng;
use crate::wire::frame::Frame;
use crate::wire::limits::WireLimits;
use crate::wire::method::Method;
use crate::wire::path::Path;

const STATES: [&str; 6] = [
    "active;expires=40",
    "pending",
    "terminated;reason=giveup;retry-after=9",
    "active;expires=0",
    "odd",
    ";",
];
const STATUSES: [u16; 8] = [100, 200, 200, 202, 423, 481, 500, 302];

struct Walk {
    world: World,
    dice: Rng,
    count: u32,
    asked: Vec<RequestId>,
    ours: Vec<SubscriptionId>,
    registered: usize,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut bytes = [5; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut world = World::called(true, Some(SDP));
        if seed.is_multiple_of(2) {
            world.answer();
        }
        Self { world, dice: Rng::secret(bytes), count: 0, asked: Vec::new(), ours: Vec::new(), registered: 0 }
    }

    fn roll(&mut self, sides: usize) -> usize {
        (self.dice.next_u64() % sides as u64) as usize
    }

    /// One of those that peers asked for, or of ours.
    fn any(&mut self) -> Option<SubscriptionId> {
        let events = &self.world.net.nodes[0].events;
        let theirs = events.iter().filter_map(|event| match event {
            Event::SubscriptionRequested { subscription, .. } => Some(*subscription),
            _ => None,
        });
        let all: Vec<_> = theirs.chain(self.ours.iter().copied()).collect();
        if all.is_empty() { None } else { Some(all[self.roll(all.len())]) }
    }

    /// What the application does; a command that does not fit is refused, which is as good.
    fn command(&mut self) {
        let session = self.world.session.unwrap();
        if self.roll(8) == 0 {
            return self.register();
        }
        let (which, id) = (self.roll(11) % 10, self.any());
        let host = ["sip:bob@10.9.9.9", "sip:bob@bob.example"][self.roll(2)];
        let seconds = Duration::from_secs([0, 5, 60][self.roll(3)]);
        let mut made = (None, None);
        self.world.net.with(0, |core, now| match (which, id) {
            (0 | 9, _) => made.0 = core.subscribe(now, host, "dialog", seconds).ok(),
            (1, _) => made.1 = core.message(now, host, "text/plain", b"x").ok(),
            (2, _) => made.1 = core.options(now, host).ok(),
            (3, _) => made.1 = core.request_within(now, session, Method::Info, &[], None).ok(),
            (4, Some(id)) => drop(core.unsubscribe(now, id)),
            (5 | 6, Some(id)) => drop(core.accept_subscription(now, id, Some(("text/x", b"y")))),
            (7, Some(id)) => drop(core.notify(now, id, &SubscriptionState::Active, "text/x", b"z")),
            (8, Some(id)) => {
                drop(core.notify(now, id, &SubscriptionState::terminated("giveup"), "", b""));
                drop(core.reject_subscription(now, id, 603));
            }
            _ => {}
        });
        self.ours.extend(made.0);
        self.asked.extend(made.1);
    }

    /// A registration begins, or one of them is to end.
    fn register(&mut self) {
        let host = ["sip:10.9.9.9", "sip:registrar.example"][self.roll(2)];
        let seconds = Duration::from_secs([1, 30, 600][self.roll(3)]);
        let known = self.world.net.nodes[0].core.registry().registration_ids();
        let over = if known.is_empty() { None } else { Some(known[self.roll(known.len())]) };
        let over = over.filter(|_| self.roll(2) == 0);
        self.registered += usize::from(over.is_none());
        self.world.net.with(0, |core, now| match over {
            Some(id) => core.unregister(now, id).unwrap(),
            None => drop(core.register(now, host, seconds).unwrap()),
        });
    }

    /// A request of the peer outside the call, or in answer to a SUBSCRIBE or a 200 of ours.
    fn request(&mut self) {
        self.count += 1;
        let n = self.count;
        let expires = [0, 10, 60][self.roll(3)];
        let sent = &self.world.net.elsewhere;
        let texts: Vec<String> =
            sent.iter().map(|it| String::from_utf8_lossy(&it.payload).into_owned()).collect();
        let subscribes: Vec<&String> = texts.iter().filter(|it| it.starts_with("SUBSCRIBE")).collect();
        let granted: Vec<&String> = texts
            .iter()
            .filter(|it| it.starts_with("SIP/2.0 200") && it.contains(" SUBSCRIBE\r\n"))
            .collect();
        let value = |text: &str, name: &str| -> String {
            let frame = Frame::parse(text.as_bytes(), &WireLimits::NONE).unwrap();
            String::from_utf8(frame.named(name).unwrap().to_vec()).unwrap()
        };
        let which = self.roll(3);
        let text = if which == 0 && !subscribes.is_empty() {
            let to = subscribes[subscribes.len() - 1 - self.roll(subscribes.len().min(2))].clone();
            let (state, tag) = (STATES[self.roll(6)], ["far", "far", "other"][self.roll(3)]);
            format!(
                "NOTIFY sip:a@10.0.0.1 SIP/2.0\r\nFrom: <sip:b@10.9.9.9>;tag={tag}\r\nTo: {}\r\nCall-ID: {}\r\n\
                 CSeq: {n} NOTIFY\r\nEvent: dialog\r\nSubscription-State: {state}\r\n",
                value(&to, "From"),
                value(&to, "Call-ID")
            )
        } else if which == 1 && !granted.is_empty() {
            let ok = granted[self.roll(granted.len())].clone();
            format!(
                "SUBSCRIBE sip:a@10.0.0.1 SIP/2.0\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\n\
                 CSeq: {n} SUBSCRIBE\r\nEvent: dialog\r\nExpires: {expires}\r\n",
                value(&ok, "From"),
                value(&ok, "To"),
                value(&ok, "Call-ID")
            )
        } else {
            format!(
                "SUBSCRIBE sip:a@10.0.0.1 SIP/2.0\r\nFrom: <sip:b@10.9.9.9>;tag=s{n}\r\nTo: <sip:a@10.0.0.1>\r\n\
                 Call-ID: s{n}\r\nCSeq: 1 SUBSCRIBE\r\nEvent: dialog\r\nExpires: {expires}\r\n"
            )
        };
        let host = ["10.9.9.9", "slow.example"][usize::from(self.roll(4) == 0)];
        let text = format!(
            "{text}Via: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKq{n}\r\nMax-Forwards: 70\r\nContact: <sip:b@{host}>\r\n\
             Content-Length: 0\r\n\r\n"
        );
        self.world.net.inject(0, peer(), text.as_bytes());
    }

    /// The peer answers any request that we ever sent.
    fn respond(&mut self) {
        let sent = self.world.net.elsewhere.iter();
        let requests: Vec<_> = sent
            .map(|it| it.payload.clone())
            .filter(|it| !it.starts_with(b"SIP/2.0") && !it.starts_with(b"ACK"))
            .collect();
        if !requests.is_empty() {
            let (back, status) = (1 + self.roll(requests.len().min(4)), STATUSES[self.roll(8)]);
            let which = requests.len() - back;
            if self.roll(4) == 0 {
                let (nonce, stale) = (self.roll(4), self.roll(3) == 0);
                let text = format!("realm=\"r\", nonce=\"{nonce}\", stale={stale}, qop=\"auth\"");
                return self.world.challenge_as("far", &requests[which], 401, &text);
            }
            if requests[which].starts_with(b"REGISTER ") && self.roll(6) != 0 {
                let status = if self.roll(3) == 0 { status } else { 200 };
                let seconds = ["20", "700", "700", "0"][self.roll(4)];
                let headers = [("Expires", seconds.as_bytes()), ("Min-Expires", b"900")];
                return self.world.respond_with(&requests[which], status, "far", &headers, None);
            }
            self.world.respond_to(&requests[which], status, "far", None);
        }
    }

    fn step(&mut self) {
        match self.roll(16) {
            0..=4 => self.command(),
            5..=8 => self.request(),
            9..=12 => self.respond(),
            13 | 14 => self.world.net.run_for(Duration::from_millis(700)),
            _ => {
                let pause = Duration::from_millis(self.roll(40_000) as u64);
                self.world.net.run_for(pause);
            }
        }
        if self.roll(20) == 0 {
            self.world.net.hold_names = !self.world.net.hold_names;
        }
    }

    fn end(&mut self) {
        let net = &mut self.world.net;
        net.hold_names = false;
        let local = net.nodes[0].address;
        for (node, query) in core::mem::take(&mut net.asked) {
            net.with(node, |core, now| core.handle_names(now, query, Ok(Path::udp(local, peer()))));
        }
        net.with(0, |core, now| core.shutdown(now));
        net.run_for(Duration::from_secs(400));
    }

    fn check(&self, seed: u64) {
        let node = &self.world.net.nodes[0];
        let board = &node.core.board;
        assert!(node.core.is_idle(), "seed {seed}: something is left");
        assert!(board.parked.is_empty() && board.subscription_timers.is_empty(), "seed {seed}");
        let mut ends: BTreeMap<SubscriptionId, u32> = BTreeMap::new();
        let mut done: Vec<RequestId> = Vec::new();
        for event in &node.events {
            let (id, end) = match event {
                Event::SubscriptionRequested { subscription, .. }
                | Event::Subscribed { subscription, .. }
                | Event::Notified { subscription, .. } => (subscription, 0),
                Event::SubscriptionEnded { subscription, .. } => (subscription, 1),
                Event::RequestDone { request, .. } => {
                    done.push(*request);
                    continue;
                }
                _ => continue,
            };
            let ended = ends.entry(*id).or_default();
            assert_eq!(*ended, 0, "seed {seed}: {event:?} after the end");
            *ended += end;
        }
        assert!(ends.values().all(|&ended| ended == 1), "seed {seed}: no end is told");
        assert!(self.ours.iter().all(|id| ends.contains_key(id)), "seed {seed}: nothing is told");
        let over = |event: &&Event| {
            matches!(event, Event::Unregistered { .. } | Event::RegistrationFailed { retry_in: None, .. })
        };
        let over = node.events.iter().filter(over).count();
        assert_eq!(over, self.registered, "seed {seed}: every registration has one end");
        let mut asked = self.asked.clone();
        asked.sort_unstable();
        done.sort_unstable();
        assert_eq!(asked, done, "seed {seed}: every request has one outcome");
    }
}

#[test]
fn random_subscriptions_leave_nothing() {
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..600 {
        let mut walk = Walk::new(seed);
        for _ in 0..40 {
            walk.step();
        }
        walk.end();
        walk.check(seed);
        for event in &walk.world.net.nodes[0].events {
            let text = format!("{event:?}");
            let kind = text.split([' ', '{']).next().unwrap_or_default();
            *kinds.entry(kind.into()).or_default() += 1;
        }
    }
    for kind in [
        "Registered",
        "RegistrationFailed",
        "Unregistered",
        "Subscribed",
        "Notified",
        "SubscriptionRequested",
        "SubscriptionEnded",
        "RequestDone",
    ] {
        assert!(kinds.get(kind).is_some_and(|&count| count > 50), "{kind} among {kinds:?}");
    }
}
