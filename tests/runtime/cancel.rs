//! Every future may be dropped at every await: nothing is lost by that, and nothing is left behind.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::{LOOPBACK, Pair, connect, in_call, peer, poll_once, soon, until};
use crate::rt::{AudioFrame, EndReason, Event, SimplePeer, State};

super::on_runtime! {
    a_call_given_up_at_any_poll_leaves_nothing,
    progress_is_not_lost,
    a_dropped_wait_loses_no_incoming_call,
    a_dropped_accept_hangs_up,
    a_dropped_reject_refuses,
    a_dropped_hangup_hangs_up,
    a_dropped_shutdown_goes_on,
    no_event_is_lost,
    no_key_is_lost,
    keys_that_were_begun_are_sent,
    waiting_for_the_end_changes_nothing,
    a_dropped_start_is_no_peer,
}

/// Polls `future` until it has been pending `times` times more than once, then drops it.
async fn polled<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), times);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(out) => Poll::Ready(Some(out)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// Waits until every call is over. A caller remembers one for 64·T1 longer, in case it was answered twice.
async fn nothing_is_left(peers: &[&SimplePeer]) {
    for peer in peers {
        let registry = peer.coordinator().registry();
        let over = |session| registry.state(session).is_none_or(|state| state == State::Terminated);
        until(|| registry.sessions().into_iter().all(over)).await;
    }
}

async fn a_call_given_up_at_any_poll_leaves_nothing() {
    let alice = peer("alice").await;
    let bob = SimplePeer::builder("bob").bind(LOOPBACK).auto_answer(true).start().await.unwrap();
    let target = bob.uri();
    for polls in 0.. {
        let outcome = soon(polled(polls, alice.call(&target))).await;
        let answered = outcome.is_some();
        drop(outcome.map(|call| call.unwrap()));
        nothing_is_left(&[&alice, &bob]).await;
        if answered {
            break;
        }
    }
    drop(soon(alice.call(&target)).await.unwrap());
    nothing_is_left(&[&alice, &bob]).await;
}

async fn progress_is_not_lost() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let mut dialing = alice.dial(&bob.uri());
    let mut progress = None;
    soon(async {
        while progress.is_none() {
            progress = poll_once(dialing.progress()).await;
            super::yield_now().await;
        }
    })
    .await;
    assert_eq!(progress.unwrap().unwrap().status, 180);
    // Polled as a whole and left for a while, too.
    assert!(poll_once(&mut dialing).await.is_none());
    let incoming = soon(bob.get_incoming_call()).await.unwrap();
    let answered = soon(incoming.accept()).await.unwrap();
    soon(dialing).await.unwrap();
    soon(answered.ended()).await;
}

async fn a_dropped_wait_loses_no_incoming_call() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    for _ in 0..3 {
        let mut dialing = alice.dial(&bob.uri());
        assert!(poll_once(bob.get_incoming_call()).await.is_none());
        soon(dialing.progress()).await.unwrap();
        // It is there; whoever asks next gets it.
        let incoming = poll_once(bob.get_incoming_call()).await.unwrap().unwrap();
        soon(incoming.reject(486)).await.unwrap();
        assert_eq!(soon(dialing).await.unwrap_err().status(), Some(486));
    }
}

async fn a_dropped_accept_hangs_up() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let mut dialing = alice.dial(&bob.uri());
    soon(dialing.progress()).await.unwrap();
    let incoming = soon(bob.get_incoming_call()).await.unwrap();
    // Never polled: nobody decided.
    drop(incoming.accept());
    assert_eq!(soon(dialing).await.unwrap_err().status(), Some(480));
    let mut dialing = alice.dial(&bob.uri());
    soon(dialing.progress()).await.unwrap();
    let incoming = soon(bob.get_incoming_call()).await.unwrap();
    drop(polled(0, incoming.accept()).await);
    // The answer may be on its way: then a goodbye follows.
    if let Ok(call) = soon(dialing).await {
        assert_eq!(soon(call.ended()).await.reason, EndReason::RemoteHangup);
    }
    nothing_is_left(&[&alice, &bob]).await;
}

async fn a_dropped_reject_refuses() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    for (polls, status) in [(None, 480), (Some(0), 486)] {
        let mut dialing = alice.dial(&bob.uri());
        soon(dialing.progress()).await.unwrap();
        let incoming = soon(bob.get_incoming_call()).await.unwrap();
        let rejecting = incoming.reject(486);
        match polls {
            None => drop(rejecting),
            Some(polls) => drop(polled(polls, rejecting).await),
        }
        assert_eq!(soon(dialing).await.unwrap_err().status(), Some(status));
    }
    nothing_is_left(&[&alice, &bob]).await;
}

async fn a_dropped_hangup_hangs_up() {
    let Pair { alice, bob, to_bob, to_alice } = in_call().await;
    drop(polled(0, to_bob.hangup()).await);
    assert_eq!(soon(to_alice.ended()).await.reason, EndReason::RemoteHangup);
    assert_eq!(soon(to_bob.ended()).await.reason, EndReason::LocalHangup);
    nothing_is_left(&[&alice, &bob]).await;
}

async fn a_dropped_shutdown_goes_on() {
    let Pair { alice, to_bob, to_alice, .. } = in_call().await;
    assert!(!alice.coordinator().is_stopping());
    // On a busy machine the other side may have answered before the first look.
    polled(0, alice.shutdown()).await;
    assert!(alice.coordinator().is_stopping());
    assert_eq!(soon(to_alice.ended()).await.reason, EndReason::RemoteHangup);
    assert_eq!(soon(to_bob.ended()).await.reason, EndReason::LocalHangup);
    soon(alice.shutdown()).await;
    SimplePeer::builder("carol").bind(alice.local_addr()).start().await.expect("the port is free");
}

async fn no_event_is_lost() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let mut events = alice.coordinator().events();
    let (to_bob, _to_alice) = connect(&alice, &bob).await;
    soon(to_bob.hangup()).await.unwrap();
    soon(alice.shutdown()).await;
    let mut ended = false;
    loop {
        // Polled once and dropped, each time.
        match poll_once(events.next()).await {
            Some(Some(event)) => ended |= matches!(event, Event::Ended { .. }),
            Some(None) => break,
            None => super::yield_now().await,
        }
    }
    assert!(ended && events.missed() == 0);
}

async fn no_key_is_lost() {
    let pair = in_call().await;
    let press = async { pair.to_bob.send_dtmf("123").await.unwrap() };
    let hear = async {
        let mut heard = String::new();
        while heard.len() < 3 {
            match poll_once(pair.to_alice.recv_dtmf()).await {
                Some(key) => heard.push(key.unwrap().digit),
                None => super::yield_now().await,
            }
        }
        heard
    };
    let ((), heard) = soon(super::zip(press, hear)).await;
    assert_eq!(heard, "123");
}

async fn keys_that_were_begun_are_sent() {
    let pair = in_call().await;
    drop(pair.to_bob.send_dtmf("9"));
    assert!(poll_once(pair.to_bob.send_dtmf("45")).await.is_none());
    // The abandoned ones do not get in the way of these.
    soon(pair.to_bob.send_dtmf("6")).await.unwrap();
    let mut heard = String::new();
    while heard.len() < 3 {
        heard.push(soon(pair.to_alice.recv_dtmf()).await.unwrap().digit);
    }
    assert_eq!(heard, "456");
}

async fn waiting_for_the_end_changes_nothing() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let mut dialing = alice.dial(&bob.uri());
    soon(dialing.progress()).await.unwrap();
    let incoming = soon(bob.get_incoming_call()).await.unwrap();
    assert!(poll_once(incoming.cancelled()).await.is_none());
    let to_alice = soon(incoming.accept()).await.unwrap();
    let to_bob = soon(dialing).await.unwrap();
    assert!(poll_once(to_bob.ended()).await.is_none());
    soon(to_bob.send_audio(AudioFrame::tone(440, 100))).await.unwrap();
    assert!(poll_once(to_bob.flush_audio()).await.is_none());
    assert!(soon(to_alice.recv_audio()).await.is_some());
    super::sleep(Duration::from_millis(10)).await;
    assert!(to_bob.end().is_none() && to_alice.end().is_none());
}

async fn a_dropped_start_is_no_peer() {
    let first = peer("alice").await;
    let addr = first.local_addr();
    soon(first.shutdown()).await;
    drop(SimplePeer::builder("bob").bind(addr).start());
    drop(polled(0, SimplePeer::builder("bob").bind(addr).start()).await);
    soon(async {
        while SimplePeer::builder("bob").bind(addr).start().await.is_err() {
            super::yield_now().await;
        }
    })
    .await;
}
