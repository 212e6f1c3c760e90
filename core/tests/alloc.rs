//! What signalling allocates and what a call keeps, counted. `media_alloc.rs` does the same for media.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests, and figures to read")]

use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use offhook_core::base::time::Instant;
use offhook_core::base::timers::Timers;
use offhook_core::wire::{Frame, WireLimits};

#[path = "../benches/support/mod.rs"]
mod support;

use support::{Caller, Input};

/// Calls at a time in the tests of memory.
const CALLS: usize = 10_000;
/// Longer than any timer of a finished transaction.
const LINGER: Duration = Duration::from_secs(33);

/// A coordinator through which some calls have gone, so that its tables have room.
fn warm() -> Caller {
    let mut caller = Caller::new(100);
    for _ in 0..50 {
        caller.whole_call();
    }
    caller.pass(LINGER);
    assert!(caller.core.is_idle());
    caller
}

fn assert_none(what: &str, counted: &AllocationInfo) {
    assert_eq!(counted.count_total, 0, "{what}: {counted:?}");
}

/// The message comes `times` times again; how often the coordinator says something.
fn repeat(caller: &mut Caller, what: &str, message: &[u8], times: u64) -> u64 {
    let before = caller.seen.sent;
    let counted = measure(|| {
        for _ in 0..times {
            caller.input(Input::Datagram(message));
        }
    });
    assert_none(what, &counted);
    caller.seen.sent - before
}

#[test]
fn what_comes_again_costs_nothing() {
    let mut caller = warm();
    let mut call = caller.ring();
    let invite = caller.invite.fill(&call).to_vec();
    assert_eq!(repeat(&mut caller, "INVITE while it rings", &invite, 100), 100);
    caller.answer(&mut call);
    assert_eq!(repeat(&mut caller, "INVITE after the 200", &invite, 100), 0);
    caller.acknowledge(&call);
    let ack = caller.ack.fill(&call).to_vec();
    assert_eq!(repeat(&mut caller, "ACK", &ack, 100), 0);
    caller.hang_up(&call);
    let bye = caller.bye.fill(&call).to_vec();
    assert_eq!(repeat(&mut caller, "BYE", &bye, 100), 100);
}

#[test]
fn a_200_sent_again_costs_nothing() {
    let mut caller = warm();
    // Whoever nothing is known of is told less often.
    caller.core.trust_source(caller.now, caller.path.remote.ip()).unwrap();
    let mut call = caller.ring();
    caller.answer(&mut call);
    let before = caller.seen.sent;
    let counted = measure(|| caller.pass(Duration::from_secs(20)));
    assert_none("200 without ACK", &counted);
    assert_eq!(caller.seen.sent - before, 7, "after 0.5, 1.5, 3.5, 7.5, 11.5, 15.5 and 19.5 s");
}

#[test]
fn timers_cost_nothing() {
    const LIVE: u64 = 100_000;
    let mut timers: Timers<u64> = Timers::new(LIVE as usize + 1);
    let at = |n: u64| Instant::from_nanos(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40);
    for n in 0..=LIVE {
        timers.arm(at(n), n).unwrap();
    }
    timers.pop_due(Instant::from_nanos(u64::MAX)).unwrap();
    let counted = measure(|| {
        for n in 0..LIVE {
            let key = timers.arm(at(n), n).unwrap();
            timers.cancel(key);
            timers.arm(at(n), n).unwrap();
            timers.pop_due(Instant::from_nanos(u64::MAX)).unwrap();
        }
    });
    assert_none("arm, cancel, expire", &counted);
}

#[test]
fn reading_a_message_costs_nothing() {
    let invite = support::sample_invite();
    let counted = measure(|| {
        let frame = Frame::parse(&invite, &WireLimits::default()).unwrap();
        assert_eq!(frame.facts().unwrap().cseq, 20);
    });
    assert_none("parse", &counted);
}

/// What a whole call may allocate. A number here only ever goes down.
#[test]
fn a_whole_call_allocates_no_more_than_it_did() {
    let mut caller = warm();
    let mut call = None;
    let ring = measure(|| call = Some(caller.ring()));
    let mut call = call.unwrap();
    let answer = measure(|| caller.answer(&mut call));
    let acknowledge = measure(|| caller.acknowledge(&call));
    let hang_up = measure(|| caller.hang_up(&call));
    let linger = measure(|| caller.pass(LINGER));
    let counts = [ring, answer, acknowledge, hang_up, linger].map(|counted| counted.count_total);
    // The plan that the answer will make hold is one of those of the INVITE: it is not copied.
    let limits = [11, 2, 0, 3, 0];
    let fits = counts.iter().zip(limits).all(|(&count, limit)| count <= limit);
    assert!(fits, "INVITE, answer, ACK, BYE, time: {counts:?} allocations, at most {limits:?}");
}

/// Octets per call that `work` has left behind.
fn kept(caller: &mut Caller, work: impl FnOnce(&mut Caller)) -> i64 {
    measure(|| work(caller)).bytes_current / CALLS as i64
}

#[test]
fn a_call_keeps_little() {
    let mut caller = Caller::new(CALLS);
    let mut calls = Vec::with_capacity(CALLS);
    let with_transactions = kept(&mut caller, |caller| {
        for _ in 0..CALLS {
            calls.push(caller.call());
        }
    });
    let established = with_transactions + kept(&mut caller, |caller| caller.pass(LINGER));
    println!("{with_transactions} octets a call with its transaction, {established} alone");
    assert!(with_transactions <= 2_560, "{with_transactions} octets a call with its transaction");
    assert!(established <= 2_560, "{established} octets an established call");
    assert_eq!(caller.core.transactions().len(), 0);
}

#[test]
fn a_finished_transaction_keeps_little() {
    let mut caller = Caller::new(CALLS);
    let lingering = kept(&mut caller, |caller| {
        for _ in 0..CALLS {
            caller.whole_call();
        }
    });
    assert_eq!(caller.core.transactions().len(), 2 * CALLS);
    println!("{} octets a lingering transaction", lingering / 2);
    assert!(lingering / 2 <= 1_024, "{} octets a lingering transaction", lingering / 2);
}

/// What peers make transactions keep is what the settings allow, counted in octets of the allocator, and a second flood needs
/// nothing that the first has not needed.
#[test]
fn a_flood_keeps_what_it_may_and_a_second_one_no_more() {
    use offhook_core::coordinator::{CoordinatorConfig, Counter, UnifiedCoordinator};
    use offhook_core::wire::Path;
    const ALLOWED: usize = 8 << 20;

    for padding in [0, 14_800] {
        let mut config = CoordinatorConfig::default();
        config.limits.transaction_octets_max = ALLOWED;
        config.messages = true;
        let mut core = UnifiedCoordinator::new(config, [7; 32], Instant::ZERO);
        let mut now = Instant::ZERO;
        let long = "x".repeat(padding);
        let mut number = 0_u32;
        let mut flood = |core: &mut UnifiedCoordinator, now: Instant| {
            for source in 1..60 {
                let path = Path::udp(
                    "192.0.2.1:5060".parse().unwrap(),
                    format!("192.0.2.{source}:5060").parse().unwrap(),
                );
                for _ in 0..if padding > 0 { 200 } else { 2_000 } {
                    number += 1;
                    let text = format!(
                        "MESSAGE sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{number};rport\r\n\
                         Via: SIP/2.0/UDP {long}x;branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\nFrom: <sip:b@192.0.2.9>;tag=b{number}\r\n\
                         To: <sip:a@192.0.2.1>\r\nCall-ID: {number}\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"
                    );
                    core.handle_datagram(now, path, text.as_bytes());
                    while core.poll_output().is_some() {}
                }
            }
        };
        let mut peaks = Vec::new();
        let mut kept: i64 = 0;
        for _ in 0..3 {
            let counted = measure(|| flood(&mut core, now));
            assert!(core.counters().get(Counter::TransactionOctets) > 0, "it has had all that it may");
            let charged = core.transactions().octets();
            peaks.push(kept + counted.bytes_max as i64);
            kept += counted.bytes_current;
            assert!(charged <= ALLOWED, "{charged}");
            let calmed = measure(|| {
                now = now + LINGER + LINGER;
                while core.poll_timeout().is_some_and(|due| due <= now) {
                    core.handle_timeout(now);
                    while core.poll_output().is_some() {}
                }
            });
            kept += calmed.bytes_current;
            assert!(core.is_idle() && core.transactions().octets() == 0);
        }
        println!("padding {padding}: peaks {peaks:?} octets of {ALLOWED} allowed, {kept} kept for the next");
        let most = ALLOWED as i64 * 5 / 4;
        assert!(peaks.iter().all(|&peak| peak < most), "{peaks:?}");
        assert!(peaks[2] as f64 <= peaks[0] as f64 * 1.05, "{peaks:?}");
    }
}
