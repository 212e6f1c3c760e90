//! Whatever comes in whatever order: no panic, and everything is gone after a time of quiet.

use alloc::string::String;
use alloc::vec::Vec;

use core::time::Duration;

use proptest::prelude::*;

use super::super::TransactionId;
use super::super::table::Kind;
use super::Received;
use super::{Bench, ms, path, request_from, response};
use crate::base::time::Instant;

const ROOM: usize = 12;
const METHODS: [&str; 6] = ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "FOO"];
const BRANCHES: [&str; 4] = ["z9hG4bKa", "z9hG4bKb", "1", "z9hG4bK"];
const STATUSES: [u16; 6] = [100, 180, 200, 302, 486, 699];

#[derive(Clone, Debug)]
enum Act {
    Request {
        method: usize,
        branch: usize,
        tagged: bool,
    },
    /// One of our own requests comes back to us.
    Hairpin(usize),
    Ask(usize),
    Begin(usize),
    Cancel(usize),
    Respond {
        tx: usize,
        status: usize,
    },
    Resend(usize),
    Response {
        request: usize,
        status: usize,
        tag: bool,
    },
    Abandon(usize),
    Forget(usize),
    GiveUp(usize),
    Unreachable,
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let at = 0..64_usize;
    prop_oneof![
        8 => (0..METHODS.len(), 0..BRANCHES.len(), any::<bool>())
            .prop_map(|(method, branch, tagged)| Act::Request { method, branch, tagged }),
        1 => at.clone().prop_map(Act::Hairpin),
        4 => (0..METHODS.len()).prop_map(Act::Ask),
        1 => (0..METHODS.len()).prop_map(Act::Begin),
        2 => at.clone().prop_map(Act::Cancel),
        6 => (at.clone(), 0..STATUSES.len()).prop_map(|(tx, status)| Act::Respond { tx, status }),
        2 => at.clone().prop_map(Act::Resend),
        8 => (at.clone(), 0..STATUSES.len(), any::<bool>())
            .prop_map(|(request, status, tag)| Act::Response { request, status, tag }),
        1 => at.clone().prop_map(Act::Abandon),
        1 => at.clone().prop_map(Act::Forget),
        1 => at.prop_map(Act::GiveUp),
        1 => Just(Act::Unreachable),
        6 => prop_oneof![0..1_000_u64, 0..40_000_u64].prop_map(Act::Wait),
    ]
}

#[derive(Default)]
struct World {
    transactions: Vec<TransactionId>,
    requests: Vec<String>,
}

impl World {
    fn pick<T>(from: &[T], at: usize) -> Option<&T> {
        from.get(at.checked_rem(from.len())?)
    }

    fn tx(&self, at: usize) -> Option<TransactionId> {
        Self::pick(&self.transactions, at).copied()
    }

    fn received(&mut self, received: Received) {
        match received {
            Received::New(tx) | Received::Cancel { cancel: tx, .. } => self.transactions.push(tx),
            Received::Absorbed | Received::Ack | Received::BranchTaken | Received::Full(_) => {}
        }
    }

    fn act(&mut self, bench: &mut Bench, act: &Act) -> Option<()> {
        match *act {
            Act::Request { method, branch, tagged } => {
                let to = if tagged { ";tag=ours" } else { "" };
                let text = request_from(METHODS[method], BRANCHES[branch], "192.0.2.2", to);
                self.received(bench.request(&text));
            }
            Act::Hairpin(at) => {
                let text = Self::pick(&self.requests, at)?.clone();
                self.received(bench.request(&text));
            }
            Act::Ask(method) if bench.layer.len() < ROOM => {
                let (tx, text) = bench.ask(METHODS[method]);
                self.transactions.push(tx);
                self.requests.push(text);
            }
            Act::Begin(method) => {
                let method = crate::wire::Method::from_text(METHODS[method].as_bytes());
                self.transactions.push(bench.layer.begin(bench.now, method)?.0);
            }
            Act::Cancel(at) => {
                let cancel = bench.cancel(self.tx(at)?)?;
                self.transactions.push(cancel);
                self.requests.push(bench.last_sent());
            }
            Act::Respond { tx, status } => {
                bench.respond(self.tx(tx)?, STATUSES[status]);
            }
            Act::Resend(at) => {
                bench.resend(self.tx(at)?);
            }
            Act::Response { request, status, tag } => {
                let tag = if tag { "x" } else { "y" };
                let text = response(Self::pick(&self.requests, request)?, STATUSES[status], tag);
                bench.response(&text);
            }
            Act::Abandon(at) => bench.layer.abandon(self.tx(at)?),
            Act::Forget(at) => bench.layer.forget_message(self.tx(at)?),
            Act::GiveUp(at) => bench.layer.give_up(bench.now, self.tx(at)?),
            Act::Unreachable => bench.layer.transport_failed(bench.now, &path()),
            Act::Wait(millis) => {
                let at = bench.now + ms(millis);
                bench.until(at.saturating_since(Instant::ZERO));
            }
            Act::Ask(_) => {}
        }
        Some(())
    }

    /// What waits for its user: it answers each request, and drops what it began or lets ring no longer.
    fn settle(&self, bench: &mut Bench) {
        for &tx in &self.transactions {
            bench.respond(tx, 486);
            if bench.layer.path(tx).is_none() || ringing(bench, tx) {
                bench.layer.abandon(tx);
            }
        }
    }
}

fn ringing(bench: &Bench, tx: TransactionId) -> bool {
    bench.layer.state(tx) == Some((Kind::ClientInvite, super::State::Proceeding))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_breaks_and_nothing_stays(acts in proptest::collection::vec(act(), 0..120)) {
        let mut bench = Bench::with_room(ROOM);
        let mut world = World::default();
        for act in &acts {
            world.act(&mut bench, act);
            let layer = &bench.layer;
            prop_assert!(layer.len() <= ROOM && layer.servers.len() <= layer.budget.servers_max);
            prop_assert!(layer.timers.len() <= 2 * layer.len());
            prop_assert!(layer.servers.len() + layer.remotes.len() <= layer.len());
        }
        world.settle(&mut bench);
        // An INVITE waits for Timer B, and as long again for who answers late.
        let quiet: Duration = 2 * super::Timing::default().give_up() + super::Timing::default().t4;
        let end = bench.now + quiet;
        bench.until(end.saturating_since(Instant::ZERO));
        prop_assert_eq!(bench.layer.len(), 0);
        prop_assert!(bench.layer.timers.is_empty());
        prop_assert!(bench.layer.servers.is_empty());
        prop_assert!(bench.layer.remotes.is_empty());
        for &tx in &world.transactions {
            prop_assert!(!bench.respond(tx, 200) && !bench.resend(tx), "stale ids do nothing");
        }
    }
}
