//! Real telephones in a simulated world.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{SimHost, SimPeer, World, WorldError};
use crate::api::EndReason;
use crate::peer::{
    AudioFrame, Call, PeerError, RecvBatch, Runtime as _, SignalingDecision, SignalingHandler, Socket as _,
    UnifiedCoordinator,
};
use crate::signaling::InviteDetails;
use crate::sim::net::{Chance, Link, NatKind};

const ALICE: [u8; 4] = [10, 0, 0, 1];
const BOB: [u8; 4] = [10, 0, 0, 2];

async fn in_call(alice: &SimPeer, bob: &SimPeer) -> (Call, Call) {
    let target = bob.uri();
    let answer = async { bob.get_incoming_call().await.unwrap().accept().await.unwrap() };
    let (out, back) = both(alice.call(&target), answer).await;
    (out.unwrap(), back)
}

/// Waits for both.
async fn both<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    let (mut out_a, mut out_b) = (None, None);
    std::future::poll_fn(|cx| {
        if out_a.is_none()
            && let std::task::Poll::Ready(out) = a.as_mut().poll(cx)
        {
            out_a = Some(out);
        }
        if out_b.is_none()
            && let std::task::Poll::Ready(out) = b.as_mut().poll(cx)
        {
            out_b = Some(out);
        }
        match (out_a.take(), out_b.take()) {
            (Some(a), Some(b)) => std::task::Poll::Ready((a, b)),
            (a, b) => {
                (out_a, out_b) = (a, b);
                std::task::Poll::Pending
            }
        }
    })
    .await
}

/// What is heard until the call ends, as a share of frames that are not silent.
async fn loud_frames(call: &Call) -> usize {
    let mut loud = 0;
    while let Some(frame) = call.recv_audio().await {
        loud += usize::from(frame.samples.iter().any(|sample| sample.unsigned_abs() > 1000));
    }
    loud
}

/// Alice calls Bob, both play a tone of one second, Alice hangs up.
fn talk(world: &World, alice: &SimPeer, bob: &SimPeer) -> (usize, usize) {
    world
        .run(async {
            let (out, back) = in_call(alice, bob).await;
            let speak = async {
                out.send_audio(AudioFrame::tone(440, 1000)).await.unwrap();
                back.send_audio(AudioFrame::tone(660, 1000)).await.unwrap();
                out.flush_audio().await;
                world.sleep(Duration::from_secs(1)).await;
                out.hangup().await.unwrap();
            };
            let ((), heard) = both(speak, both(loud_frames(&out), loud_frames(&back))).await;
            heard
        })
        .unwrap()
}

#[test]
fn two_telephones_talk_through_a_bad_link() {
    let world = World::new(1);
    world.network(|net| {
        net.set_default_link(
            Link::default()
                .loss(Chance::percent(5))
                .duplicate(Chance::percent(5))
                .jitter(Duration::from_millis(15)),
        );
    });
    let (alice, bob) = (world.host(ALICE).peer("alice"), world.host(BOB).peer("bob"));
    let (alice, bob) = world.run(both(alice.start(), bob.start())).unwrap();
    let (alice, bob) = (alice.unwrap(), bob.unwrap());
    let heard = talk(&world, &alice, &bob);
    assert!(heard.0 >= 45 && heard.1 >= 45, "{heard:?}");
    world.run(both(alice.shutdown(), bob.shutdown())).unwrap();
    let fates = world.fates();
    assert!(fates.lost > 0 && fates.duplicated > 0, "{fates:?}");
}

fn octets_of_a_call(seed: u64) -> Vec<super::Sent> {
    let world = World::new(seed);
    world.log(100_000);
    world.network(|net| net.set_default_link(Link::default().loss(Chance::percent(10))));
    let (alice, bob) = (world.host(ALICE).peer("alice"), world.host(BOB).peer("bob"));
    let (alice, bob) = world.run(both(alice.start(), bob.start())).unwrap();
    let (alice, bob) = (alice.unwrap(), bob.unwrap());
    talk(&world, &alice, &bob);
    world.run(both(alice.shutdown(), bob.shutdown())).unwrap();
    world.sent()
}

#[test]
fn one_seed_one_world() {
    let first = octets_of_a_call(3);
    assert!(first.len() > 100);
    assert!(first == octets_of_a_call(3), "the same seed sends other octets");
    assert!(first != octets_of_a_call(4));
}

#[test]
fn a_call_from_behind_a_nat_is_heard_both_ways() {
    for kind in [NatKind::FULL_CONE, NatKind::PORT_RESTRICTED, NatKind::SYMMETRIC] {
        let world = World::new(5);
        let nat = world.network(|net| net.add_nat([198, 51, 100, 1].into(), kind));
        let alice = world.host_behind([192, 168, 0, 2], nat).peer("alice");
        let bob = world.host(BOB).peer("bob");
        let (alice, bob) = world.run(both(alice.start(), bob.start())).unwrap();
        let heard = talk(&world, &alice.unwrap(), &bob.unwrap());
        assert!(heard.0 >= 45 && heard.1 >= 45, "{kind:?}: {heard:?}");
    }
}

#[test]
fn nobody_listens_there() {
    let world = World::new(1);
    world.host(BOB);
    let alice = world.run(world.host(ALICE).peer("alice").start()).unwrap().unwrap();
    let error = world.run(alice.call("sip:bob@10.0.0.2")).unwrap().unwrap_err();
    assert!(matches!(error, PeerError::NetworkLost { .. }), "{error:?}");
    let before = world.now();
    let error = world.run(alice.call("sip:bob@10.0.0.77")).unwrap().unwrap_err();
    let waited = world.now().saturating_since(before);
    assert_eq!(waited, Duration::from_secs(32), "{error}");
    let error = world.run(alice.call("sip:bob@nowhere.example")).unwrap().unwrap_err();
    assert!(error.to_string().contains("no such name"), "{error}");
    world.host(BOB);
    world.name("bob.example", &[BOB.into()]);
    let bob = world.run(world.host(BOB).peer("bob").auto_answer(true).start()).unwrap().unwrap();
    let call = world.run(alice.call("sip:bob@bob.example")).unwrap().unwrap();
    drop((call, bob));
}

#[test]
fn a_port_is_bound_once() {
    let world = World::new(1);
    let bob = world.run(world.host(BOB).peer("bob").start()).unwrap().unwrap();
    let again = world.run(world.host(BOB).peer("bob").start()).unwrap();
    assert!(matches!(again, Err(PeerError::BindFailed { .. })));
    world.run(bob.shutdown()).unwrap();
    world.run(world.host(BOB).peer("bob").start()).unwrap().unwrap();
    let elsewhere = world.host(BOB).peer("bob").bind("10.0.0.9:5060".parse().unwrap());
    assert!(world.run(elsewhere.start()).unwrap().is_err());
}

#[test]
fn a_handler_of_the_application_decides() {
    struct OneAtATime(Arc<AtomicUsize>);
    impl SignalingHandler for OneAtATime {
        async fn on_incoming_invite(&self, _: InviteDetails) -> SignalingDecision {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => SignalingDecision::Accept,
                _ => SignalingDecision::Reject(486),
            }
        }
    }
    let world = World::new(1);
    let asked = Arc::new(AtomicUsize::new(0));
    let host = world.host(BOB);
    let handler = OneAtATime(Arc::clone(&asked));
    let bob = UnifiedCoordinator::with_handler_on(host.clone(), host.config("bob"), handler).unwrap();
    let alice = world.run(world.host(ALICE).peer("alice").start()).unwrap().unwrap();
    world
        .run(async {
            let answer = async { bob.get_incoming_call().await.unwrap().accept().await.unwrap() };
            let (first, _answered) = both(alice.call("sip:bob@10.0.0.2"), answer).await;
            let second = alice.call("sip:bob@10.0.0.2").await;
            assert!(first.is_ok() && matches!(second, Err(PeerError::Rejected { status: 486, .. })));
        })
        .unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

/// One of two agents, as in the documentation of [`sim`](crate::sim): free again when this is dropped.
struct Agent(Arc<AtomicUsize>);

impl Agent {
    fn free_one(busy: &Arc<AtomicUsize>) -> Self {
        busy.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(busy))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a decision has taken goes along with it, and is given back at whatever moment the caller gives up.
#[test]
fn an_agent_is_free_again_whenever_the_caller_gives_up() {
    struct Queue {
        host: SimHost,
        busy: Arc<AtomicUsize>,
    }
    impl SignalingHandler for Queue {
        async fn on_incoming_invite(&self, _: InviteDetails) -> SignalingDecision {
            let (agent, host) = (Agent::free_one(&self.busy), self.host.clone());
            // Longer than it takes to the 100, before which no CANCEL may be sent.
            self.host.sleep(Duration::from_millis(250)).await;
            SignalingDecision::custom(move |incoming| {
                host.clone().spawn(async move {
                    host.sleep(Duration::from_millis(50)).await;
                    if let Ok(call) = incoming.accept().await {
                        call.ended().await;
                    }
                    drop(agent);
                });
            })
        }
    }
    let (mut answered, mut given_up) = (0, 0);
    for halves in 0..800 {
        let (world, busy) = (World::new(halves), Arc::new(AtomicUsize::new(0)));
        let host = world.host(BOB);
        let queue = Queue { host: host.clone(), busy: Arc::clone(&busy) };
        let desk = UnifiedCoordinator::with_handler_on(host.clone(), host.config("desk"), queue).unwrap();
        let alice = world.run(world.host(ALICE).peer("alice").start()).unwrap().unwrap();
        let call = world.run(async {
            let mut late = std::pin::pin!(world.sleep(Duration::from_micros(halves * 500)));
            let mut dialing = std::pin::pin!(alice.call("sip:desk@10.0.0.2"));
            std::future::poll_fn(|cx| match late.as_mut().poll(cx) {
                std::task::Poll::Ready(()) => std::task::Poll::Ready(None),
                std::task::Poll::Pending => dialing.as_mut().poll(cx).map(Some),
            })
            .await
        });
        match call.unwrap() {
            Some(call) => {
                assert_eq!(busy.load(Ordering::Relaxed), 1, "who talks is busy");
                drop(call.unwrap());
                answered += 1;
            }
            None => given_up += 1,
        }
        world.run(world.sleep(Duration::from_secs(40))).unwrap();
        assert_eq!(busy.load(Ordering::Relaxed), 0, "given up after {halves} halves of a millisecond");
        assert!(desk.registry().is_empty());
    }
    assert!(answered > 50 && given_up > 500, "{answered} {given_up}");
}

/// Who is told goodbye and does not answer is waited for so long, and forgotten.
#[test]
fn a_shutdown_takes_ten_seconds_at_most() {
    let world = World::new(1);
    let (alice, bob) = (world.host(ALICE).peer("alice"), world.host(BOB).peer("bob"));
    let (alice, bob) = world.run(both(alice.start(), bob.start())).unwrap();
    let (alice, bob) = (alice.unwrap(), bob.unwrap());
    let (to_bob, _to_alice) = world.run(in_call(&alice, &bob)).unwrap();
    world.network(|net| net.set_default_link(Link::default().loss(Chance::percent(100))));
    let before = world.now();
    world.run(alice.shutdown()).unwrap();
    assert_eq!(world.now().saturating_since(before), Duration::from_secs(10));
    assert_eq!(to_bob.end().unwrap().reason, EndReason::LocalHangup);
}

#[test]
fn a_call_that_is_given_up_is_cancelled() {
    let world = World::new(1);
    let alice = world.run(world.host(ALICE).peer("alice").start()).unwrap().unwrap();
    let bob = world.run(world.host(BOB).peer("bob").start()).unwrap().unwrap();
    world
        .run(async {
            let mut ringing = alice.dial("sip:bob@10.0.0.2");
            ringing.progress().await.unwrap();
            let incoming = bob.get_incoming_call().await.unwrap();
            drop(ringing);
            world.sleep(Duration::from_secs(1)).await;
            assert!(incoming.accept().await.is_err(), "the caller has given up");
        })
        .unwrap();
}

#[test]
fn a_world_where_nothing_can_happen_says_so() {
    let world = World::new(1);
    assert!(matches!(world.run(std::future::pending::<()>()), Err(WorldError::Stuck { .. })));
    world.limit(Duration::from_secs(1));
    let late = world.run(world.sleep(Duration::from_secs(2)));
    assert_eq!(late, Err(WorldError::Overdue { limit: Duration::from_secs(1) }));
    let restless = std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        std::task::Poll::<()>::Pending
    });
    assert!(matches!(world.run(restless), Err(WorldError::Restless { .. })));
    let nested = world.run(async { world.run(async {}) });
    assert_eq!(nested, Ok(Err(WorldError::Nested)));
    assert_eq!(world.run(async { 7 }), Ok(7));
}

/// More than one read brings: it goes through the inbox, is all dealt with, and a CANCEL stays behind its INVITE.
#[test]
fn a_burst_is_dealt_with_whole_and_in_an_order_that_harms_nobody() {
    let world = World::new(9);
    let builder = world.host(BOB).peer("bob").trusted_source(std::net::IpAddr::from(ALICE).into());
    let bob = world.run(builder.start()).unwrap().unwrap();
    let alice = world.host(ALICE);
    let socket = alice.bind(SocketAddr::from((ALICE, 5060))).unwrap();
    let say = |call: usize, method: &str, cseq: &str, tag: &str| {
        let text = format!(
            "{method} sip:bob@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{call};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:a@10.0.0.1>;tag=f\r\nTo: <sip:bob@10.0.0.2>{tag}\r\nCall-ID: {call}\r\n\
             CSeq: {cseq}\r\nContact: <sip:a@10.0.0.1>\r\nContent-Length: 0\r\n\r\n"
        );
        socket.try_send(None, bob.local_addr(), text.as_bytes()).unwrap();
    };
    for call in 0..500 {
        say(call, "INVITE", "1 INVITE", "");
        if call % 5 == 0 {
            say(call, "CANCEL", "1 CANCEL", "");
        }
    }
    say(1000, "BYE", "2 BYE", ";tag=nobody");
    world.run(world.sleep(Duration::from_millis(400))).unwrap();
    let (mut batch, mut answers) = (RecvBatch::new(2000, 2000), Vec::new());
    while socket.try_recv(&mut batch).is_ok() {
        answers.extend(batch.iter().map(|answer| String::from_utf8_lossy(answer.bytes).into_owned()));
        batch.clear();
    }
    let count = |status: &str, method: &str| {
        let (status, method) = (format!("SIP/2.0 {status} "), format!(" {method}\r\n"));
        answers.iter().filter(|answer| answer.starts_with(&status) && answer.contains(&method)).count()
    };
    assert_eq!((count("180", "INVITE"), count("487", "INVITE")), (500, 100));
    assert_eq!((count("200", "CANCEL"), count("481", "CANCEL"), count("481", "BYE")), (100, 0, 1));
    assert!(answers[0].starts_with("SIP/2.0 481"), "what belongs to a call was first: {}", answers[0]);
}
