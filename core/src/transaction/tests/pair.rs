//! Two layers and a link that loses, doubles and reorders.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::super::{ClientEventKind, TransactionId, TxEvent};
use super::Received;
use super::{Bench, ms};
use crate::base::rng::Rng;
use crate::base::time::Instant;
use crate::wire::{Frame, WireLimits};

/// What both users have seen in the end.
#[derive(Default, PartialEq, Eq, Debug)]
struct Seen {
    asked: usize,
    acknowledged: usize,
    cancelled: usize,
    successes: usize,
    failures: usize,
    timeouts: usize,
}

struct Link {
    ends: [Bench; 2],
    flying: Vec<(Instant, usize, Bytes)>,
    random: Rng,
    loss: u32,
    seen: Seen,
    served: Option<TransactionId>,
    status: u16,
}

impl Link {
    fn new(seed: u8, loss: u32, status: u16) -> Self {
        let random = Rng::secret([seed; 32]);
        let ends = [Bench::new(), Bench::new()];
        Self { ends, flying: Vec::new(), random, loss, seen: Seen::default(), served: None, status }
    }

    /// What was sent takes off: some of it twice, some of it never, each with a delay of its own.
    fn launch(&mut self) {
        for end in 0..2 {
            for (at, transmit) in self.ends[end].sent.drain(..) {
                for _ in 0..=self.random.next_u32() % 3 / 2 {
                    if self.random.next_u32() % 100 >= self.loss {
                        let delay = ms(u64::from(self.random.next_u32() % 700));
                        let arrival = Instant::ZERO + at + delay;
                        self.flying.push((arrival, 1 - end, transmit.payload.clone()));
                    }
                }
            }
        }
        self.flying.sort();
    }

    fn land(&mut self, end: usize, payload: &Bytes) {
        let text = core::str::from_utf8(payload).unwrap();
        let is_request = Frame::parse(payload, &WireLimits::default()).unwrap().is_request();
        if !is_request {
            match self.ends[end].response(text).map(|event| event.kind) {
                Some(ClientEventKind::Success) => self.seen.successes += 1,
                Some(ClientEventKind::Failure) => self.seen.failures += 1,
                Some(ClientEventKind::Provisional) | None => {}
            }
            return;
        }
        match self.ends[end].request(text) {
            Received::New(tx) => {
                self.seen.asked += 1;
                self.served = Some(tx);
                assert!(self.ends[end].respond(tx, self.status));
            }
            Received::Ack => self.seen.acknowledged += 1,
            Received::Cancel { cancel, .. } => {
                self.seen.cancelled += 1;
                assert!(self.ends[end].respond(cancel, 200));
            }
            Received::Absorbed => {}
            Received::BranchTaken => panic!("every branch is new"),
            Received::Full(_) => panic!("there is room"),
        }
    }

    fn run(&mut self, end: Duration) {
        loop {
            self.launch();
            let arrival = self.flying.first().map(|(at, _, _)| *at);
            let timers = self.ends.iter().filter_map(|bench| bench.layer.poll_timeout());
            let next = timers.chain(arrival).min().filter(|next| *next <= Instant::ZERO + end);
            let Some(next) = next else { return };
            for bench in &mut self.ends {
                // The network before the clock, as every runtime does.
                let before = next.as_nanos().saturating_sub(1);
                assert!(bench.until(Duration::from_nanos(before)).is_empty());
                bench.now = next;
            }
            while self.flying.first().is_some_and(|(at, _, _)| *at <= next) {
                let (_, end, payload) = self.flying.remove(0);
                self.land(end, &payload);
            }
            for end in 0..2 {
                for (_, event) in self.ends[end].until(next.saturating_since(Instant::ZERO)) {
                    if matches!(event, TxEvent::ClientTimeout(_) | TxEvent::AckNeverCame(_)) {
                        self.seen.timeouts += 1;
                    }
                }
            }
        }
    }
}

#[test]
fn a_failure_crosses_a_bad_link_once() {
    for seed in 0..100 {
        let mut link = Link::new(seed, 30, 486);
        link.ends[0].ask("INVITE");
        link.run(ms(200_000));
        assert_eq!(link.seen, Seen { asked: 1, failures: 1, ..Seen::default() }, "seed {seed}");
        assert!(link.ends[0].layer.is_empty() && link.ends[1].layer.is_empty(), "seed {seed}");
    }
}

#[test]
fn a_request_crosses_a_bad_link_once() {
    for seed in 0..100 {
        let mut link = Link::new(seed, 30, 200);
        link.ends[0].ask("OPTIONS");
        link.run(ms(200_000));
        assert_eq!(link.seen, Seen { asked: 1, successes: 1, ..Seen::default() }, "seed {seed}");
        assert!(link.ends[0].layer.is_empty() && link.ends[1].layer.is_empty(), "seed {seed}");
    }
}

#[test]
fn a_ringing_call_is_cancelled_over_a_bad_link() {
    for seed in 0..100 {
        let mut link = Link::new(seed, 30, 180);
        let (invite, _) = link.ends[0].ask("INVITE");
        for at in 1..100 {
            link.run(ms(at * 100));
            if link.ends[0].state(invite) == Some(super::State::Proceeding) {
                break;
            }
        }
        if link.ends[0].cancel(invite).is_none() {
            continue;
        }
        let at = link.ends[0].now.saturating_since(Instant::ZERO);
        link.run(at + ms(31_000));
        let served = link.served.unwrap();
        assert_eq!((link.seen.cancelled, link.seen.successes), (1, 1), "seed {seed}");
        assert!(link.ends[1].respond(served, 487));
        link.run(ms(400_000));
        assert_eq!((link.seen.asked, link.seen.failures, link.seen.timeouts), (1, 1, 0), "seed {seed}");
        assert!(link.ends[0].layer.is_empty() && link.ends[1].layer.is_empty(), "seed {seed}");
    }
}

#[test]
fn a_dead_link_ends_in_timeouts() {
    let mut link = Link::new(1, 100, 200);
    link.ends[0].ask("INVITE");
    link.ends[0].ask("BYE");
    link.run(ms(200_000));
    assert_eq!(link.seen, Seen { timeouts: 2, ..Seen::default() });
    assert!(link.ends[0].layer.is_empty());
}
