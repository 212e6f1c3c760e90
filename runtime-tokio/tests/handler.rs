//! The asynchronous signalling handler.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{LOOPBACK, peer, soon};
use offhook_tokio::{
    Config, Deferral, EndReason, InviteDetails, PeerError, SignalingDecision, SignalingHandler,
    UnifiedCoordinator,
};
use tokio::sync::{Notify, mpsc};

/// Decides by the called user.
struct Desk {
    /// `slow` waits for this.
    go: Notify,
    custom: mpsc::UnboundedSender<offhook_tokio::Call>,
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
                self.go.notified().await;
                SignalingDecision::Accept
            }
            Some("panic") => panic!("on purpose"),
            Some("panic-later") => SignalingDecision::custom(|_call| panic!("on purpose")),
            Some("drop") => SignalingDecision::custom(drop),
            _ => {
                let custom = self.custom.clone();
                SignalingDecision::custom(move |incoming| {
                    tokio::spawn(async move {
                        let call = incoming.accept().await.unwrap();
                        custom.send(call).unwrap();
                    });
                })
            }
        }
    }
}

struct Bench {
    alice: offhook_tokio::SimplePeer,
    desk: Arc<Desk>,
    server: UnifiedCoordinator,
    custom: mpsc::UnboundedReceiver<offhook_tokio::Call>,
}

impl Bench {
    async fn new() -> Self {
        let (sender, custom) = mpsc::unbounded_channel();
        let desk = Arc::new(Desk { go: Notify::new(), custom: sender });
        let config = Config::new("desk", LOOPBACK);
        let server = UnifiedCoordinator::with_handler(config, Arc::clone(&desk)).await.unwrap();
        Self { alice: peer("alice").await, desk, server, custom }
    }

    fn dial(&self, user: &str) -> offhook_tokio::Dialing {
        self.alice.dial(&self.server.uri().replace("desk", user))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accept_rings_and_hands_out() {
    let bench = Bench::new().await;
    let mut dialing = bench.dial("accept");
    assert_eq!(soon(dialing.progress()).await.unwrap().status, 180);
    let incoming = soon(bench.server.get_incoming_call()).await.unwrap();
    let (call, answered) = soon(async { tokio::join!(dialing, incoming.accept()) }).await;
    drop(answered.unwrap());
    assert_eq!(soon(call.unwrap().ended()).await.reason, EndReason::RemoteHangup);
}

#[tokio::test(flavor = "multi_thread")]
async fn reject_refuses() {
    let bench = Bench::new().await;
    assert_eq!(soon(bench.dial("reject")).await.unwrap_err().status(), Some(603));
    assert_eq!(soon(bench.dial("nonsense")).await.unwrap_err().status(), Some(500));
}

#[tokio::test(flavor = "multi_thread")]
async fn defer_waits_silently_for_the_application() {
    let bench = Bench::new().await;
    let mut dialing = bench.dial("defer");
    let incoming = {
        let incoming = bench.server.get_incoming_call();
        tokio::pin!(incoming);
        tokio::select! {
            _ = dialing.progress() => panic!("it must not ring"),
            incoming = &mut incoming => incoming.unwrap(),
        }
    };
    incoming.ring().unwrap();
    incoming.ring().unwrap();
    assert_eq!(soon(dialing.progress()).await.unwrap().status, 180);
    soon(incoming.reject(404)).await.unwrap();
    assert_eq!(soon(dialing).await.unwrap_err().status(), Some(404));
}

#[tokio::test(flavor = "multi_thread")]
async fn defer_has_a_deadline() {
    let bench = Bench::new().await;
    let mut dialing = bench.dial("deadline");
    assert_eq!(soon(dialing.progress()).await.unwrap().status, 180);
    let incoming = soon(bench.server.get_incoming_call()).await.unwrap();
    assert_eq!(soon(dialing).await.unwrap_err().status(), Some(480));
    soon(incoming.cancelled()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_takes_the_call() {
    let mut bench = Bench::new().await;
    let call = soon(bench.dial("anybody")).await.unwrap();
    let taken = soon(bench.custom.recv()).await.unwrap();
    soon(call.hangup()).await.unwrap();
    assert_eq!(soon(taken.ended()).await.reason, EndReason::RemoteHangup);
    assert_eq!(soon(bench.dial("drop")).await.unwrap_err().status(), Some(480));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_decision_holds_nobody_up() {
    let bench = Bench::new().await;
    let mut slow = bench.dial("slow");
    let mut events = bench.server.events();
    let started = tokio::select! {
        biased;
        _ = &mut slow => false,
        _ = events.next() => true,
    };
    assert!(started);
    assert_eq!(soon(bench.dial("reject")).await.unwrap_err().status(), Some(603));
    bench.desk.go.notify_one();
    assert_eq!(soon(slow.progress()).await.unwrap().status, 180);
    // The caller gives up while the next decision is pending.
    let mut slow = bench.dial("slow");
    tokio::select! { biased; _ = &mut slow => panic!(), _ = events.next() => {} }
    slow.cancel();
    assert!(matches!(soon(slow).await, Err(PeerError::Cancelled)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_one_call() {
    let bench = Bench::new().await;
    assert_eq!(soon(bench.dial("panic")).await.unwrap_err().status(), Some(500));
    assert_eq!(soon(bench.dial("panic-later")).await.unwrap_err().status(), Some(500));
    assert_eq!(soon(bench.dial("reject")).await.unwrap_err().status(), Some(603));
    soon(bench.server.shutdown()).await;
    assert!(bench.server.get_incoming_call().await.is_none());
}
