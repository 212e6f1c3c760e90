//! The asynchronous signalling handler.

use std::sync::Arc;
use std::time::Duration;

use offhook_core::peer::Runtime as _;

use super::{LOOPBACK, or, peer, soon, zip};
use crate::rt::{
    self, Config, Deferral, EndReason, InviteDetails, PeerError, R, SignalingDecision, SignalingHandler,
    UnifiedCoordinator,
};
use smol::channel::{Receiver, Sender, unbounded};

super::on_runtime! {
    accept_rings_and_hands_out,
    reject_refuses,
    defer_waits_silently_for_the_application,
    defer_has_a_deadline,
    custom_takes_the_call,
    a_slow_decision_holds_nobody_up,
    a_panic_ends_one_call,
}

/// Decides by the called user.
struct Desk {
    /// `slow` waits for this.
    go: Receiver<()>,
    custom: Sender<rt::Call>,
}

impl SignalingHandler for Desk {
    async fn on_incoming_invite(&self, invite: InviteDetails) -> SignalingDecision {
        match invite.called_user().as_deref() {
            Some("accept") => SignalingDecision::Accept,
            Some("reject") => SignalingDecision::Reject(603),
            Some("nonsense") => SignalingDecision::Reject(42),
            Some("defer") => SignalingDecision::Defer(Deferral::default()),
            Some("deadline") => {
                SignalingDecision::Defer(Deferral { ring: true, deadline: Some(Duration::from_millis(50)) })
            }
            Some("slow") => {
                self.go.recv().await.unwrap();
                SignalingDecision::Accept
            }
            Some("panic") => panic!("on purpose"),
            Some("panic-later") => SignalingDecision::custom(|_call| panic!("on purpose")),
            Some("drop") => SignalingDecision::custom(drop),
            _ => {
                let custom = self.custom.clone();
                SignalingDecision::custom(move |incoming| {
                    drop(R::current().unwrap().spawn(async move {
                        let call = incoming.accept().await.unwrap();
                        custom.send(call).await.unwrap();
                    }));
                })
            }
        }
    }
}

struct Bench {
    alice: rt::SimplePeer,
    go: Sender<()>,
    server: UnifiedCoordinator,
    custom: Receiver<rt::Call>,
}

impl Bench {
    async fn new() -> Self {
        let ((sender, custom), (go, wait)) = (unbounded(), unbounded());
        let desk = Arc::new(Desk { go: wait, custom: sender });
        let server = UnifiedCoordinator::with_handler(Config::new("desk", LOOPBACK), desk).await.unwrap();
        Self { alice: peer("alice").await, go, server, custom }
    }

    fn dial(&self, user: &str) -> rt::Dialing {
        self.alice.dial(&self.server.uri().replace("desk", user))
    }
}

/// Lets the call go on until the server tells of it; false if the call is decided before.
async fn begun(dialing: &mut rt::Dialing, events: &mut rt::Events) -> bool {
    let decided = async {
        let _ = dialing.await.is_ok();
        false
    };
    let told = async { events.next().await.is_some() };
    or(decided, told).await
}

async fn accept_rings_and_hands_out() {
    let bench = Bench::new().await;
    let mut dialing = bench.dial("accept");
    assert_eq!(soon(dialing.progress()).await.unwrap().status, 180);
    let incoming = soon(bench.server.get_incoming_call()).await.unwrap();
    let (call, answered) = soon(zip(dialing, incoming.accept())).await;
    drop(answered.unwrap());
    assert_eq!(soon(call.unwrap().ended()).await.reason, EndReason::RemoteHangup);
}

async fn reject_refuses() {
    let bench = Bench::new().await;
    assert_eq!(soon(bench.dial("reject")).await.unwrap_err().status(), Some(603));
    assert_eq!(soon(bench.dial("nonsense")).await.unwrap_err().status(), Some(500));
}

async fn defer_waits_silently_for_the_application() {
    let bench = Bench::new().await;
    let mut dialing = bench.dial("defer");
    let rings = async {
        dialing.progress().await;
        panic!("it must not ring")
    };
    let incoming = soon(or(rings, bench.server.get_incoming_call())).await.unwrap();
    incoming.ring().unwrap();
    incoming.ring().unwrap();
    assert_eq!(soon(dialing.progress()).await.unwrap().status, 180);
    soon(incoming.reject(404)).await.unwrap();
    assert_eq!(soon(dialing).await.unwrap_err().status(), Some(404));
}

async fn defer_has_a_deadline() {
    let bench = Bench::new().await;
    let mut dialing = bench.dial("deadline");
    assert_eq!(soon(dialing.progress()).await.unwrap().status, 180);
    let incoming = soon(bench.server.get_incoming_call()).await.unwrap();
    assert_eq!(soon(dialing).await.unwrap_err().status(), Some(480));
    soon(incoming.cancelled()).await;
}

async fn custom_takes_the_call() {
    let bench = Bench::new().await;
    let call = soon(bench.dial("anybody")).await.unwrap();
    let taken = soon(bench.custom.recv()).await.unwrap();
    soon(call.hangup()).await.unwrap();
    assert_eq!(soon(taken.ended()).await.reason, EndReason::RemoteHangup);
    assert_eq!(soon(bench.dial("drop")).await.unwrap_err().status(), Some(480));
}

async fn a_slow_decision_holds_nobody_up() {
    let bench = Bench::new().await;
    let mut slow = bench.dial("slow");
    let mut events = bench.server.events();
    assert!(soon(begun(&mut slow, &mut events)).await);
    assert_eq!(soon(bench.dial("reject")).await.unwrap_err().status(), Some(603));
    bench.go.send(()).await.unwrap();
    assert_eq!(soon(slow.progress()).await.unwrap().status, 180);
    // The caller gives up while the next decision is pending.
    let mut slow = bench.dial("slow");
    assert!(soon(begun(&mut slow, &mut events)).await);
    slow.cancel();
    assert!(matches!(soon(slow).await, Err(PeerError::Cancelled)));
}

async fn a_panic_ends_one_call() {
    let bench = Bench::new().await;
    assert_eq!(soon(bench.dial("panic")).await.unwrap_err().status(), Some(500));
    assert_eq!(soon(bench.dial("panic-later")).await.unwrap_err().status(), Some(500));
    assert_eq!(soon(bench.dial("reject")).await.unwrap_err().status(), Some(603));
    soon(bench.server.shutdown()).await;
    assert!(bench.server.get_incoming_call().await.is_none());
}
