//! Before the answer: early media, redirects, late offers, header fields.

use std::net::UdpSocket;

use super::life::heard;
use super::{LOOPBACK, connect, loudness, or, peer, poll_once, soon, zip};
use crate::rt::{AudioFrame, Call, EndReason, HeaderConsent, IncomingCall, PeerError, Reliable, SimplePeer};

super::on_runtime! {
    the_caller_hears_before_the_answer,
    either_side_may_hold_before_the_answer,
    what_is_held_before_the_answer_is_not_asked_for_again,
    a_caller_who_is_refused_has_heard_why,
    reliable_ringing_opens_no_media,
    nothing_is_heard_unless_it_is_let,
    a_call_goes_where_it_is_sent,
    a_redirection_brings_headers_that_are_consented_to,
    redirects_can_be_left_alone,
    the_other_side_makes_the_offer,
    header_fields_go_along,
}

async fn incoming(peer: &SimplePeer) -> IncomingCall {
    soon(peer.get_incoming_call()).await.unwrap()
}

/// Loud audio goes both ways.
async fn talk(one: &Call, other: &Call) {
    for (from, by) in [(one, other), (other, one)] {
        let speak = async { while from.send_audio(AudioFrame::tone(440, 40)).await.is_ok() {} };
        let hear = async { while loudness(&by.recv_audio().await.unwrap().samples) < 1000 {} };
        soon(or(hear, speak)).await;
    }
}

async fn the_caller_hears_before_the_answer() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let mut dialing = alice.dial(&bob.uri());
    let early = dialing.early_audio().unwrap();
    let incoming = incoming(&bob).await;
    incoming.progress_with_audio().unwrap();
    // Once more changes nothing.
    incoming.progress_with_audio().unwrap();
    loop {
        let progress = soon(dialing.progress()).await.unwrap();
        if progress.early_media {
            assert_eq!((progress.status, progress.redirected_to), (183, None));
            break;
        }
    }
    let speak = async { while incoming.send_audio(AudioFrame::tone(440, 40)).await.is_ok() {} };
    let hear = async { while loudness(&early.recv().await.unwrap().samples) < 1000 {} };
    soon(or(hear, speak)).await;
    soon(incoming.flush_audio()).await;
    // Nobody speaks the other way, and so nothing comes.
    assert!(poll_once(incoming.recv_audio()).await.is_none());
    assert!(poll_once(&mut dialing).await.is_none(), "nobody has answered");
    let (to_bob, to_alice) = soon(zip(dialing, incoming.accept())).await;
    assert!(soon(early.recv()).await.is_none());
    talk(&to_bob.unwrap(), &to_alice.unwrap()).await;
}

async fn either_side_may_hold_before_the_answer() {
    for by_caller in [true, false] {
        let (alice, bob) = (peer("alice").await, peer("bob").await);
        let mut dialing = alice.dial(&bob.uri());
        // Too early for anybody to be told, but not to be wished.
        dialing.hold().unwrap();
        dialing.resume().unwrap();
        let incoming = incoming(&bob).await;
        incoming.progress_with_audio().unwrap();
        while !soon(dialing.progress()).await.unwrap().early_media {}
        if by_caller {
            dialing.hold().unwrap();
        } else {
            incoming.resume().unwrap();
            incoming.hold().unwrap();
        }
        let (to_bob, to_alice) = soon(zip(dialing, incoming.accept())).await;
        let (to_bob, to_alice) = (to_bob.unwrap(), to_alice.unwrap());
        let (holder, held) = if by_caller { (&to_bob, &to_alice) } else { (&to_alice, &to_bob) };
        // Ready at once if it is so already.
        soon(holder.hold()).await.unwrap();
        assert!(holder.is_held() && !holder.is_held_by_peer());
        while !held.is_held_by_peer() {
            soon(held.next_event()).await.unwrap();
        }
        soon(holder.resume()).await.unwrap();
        talk(holder, held).await;
    }
}

/// A caller who acknowledges the answer late: the hold that it has agreed to by UPDATE holds in the meantime too.
async fn what_is_held_before_the_answer_is_not_asked_for_again() {
    let (bob, eve) = (peer("bob").await, UdpSocket::bind(LOOPBACK).unwrap());
    let (here, uri) = (eve.local_addr().unwrap(), bob.uri());
    let sdp = |direction: &str| {
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 0\r\na={direction}\r\n",
            here.port()
        )
    };
    let typed =
        |body: &str| format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let say = |text: String| eve.send_to(text.as_bytes(), bob.local_addr()).unwrap();
    let ask = |method: &str, cseq: u32, tag: &str, rest: &str| {
        let number = if method == "ACK" { 1 } else { cseq };
        say(format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{method}{cseq};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:eve@{here}>;tag=eve\r\nTo: <{uri}>{tag}\r\nCall-ID: held\r\nCSeq: {number} {method}\r\n\
             Contact: <sip:eve@{here}>\r\nSupported: 100rel\r\nAllow: INVITE, ACK, BYE, PRACK, UPDATE\r\n{rest}"
        ))
    };
    let field = |text: &str, name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
    };
    let copied = |text: &str| {
        let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        let lines = text.lines().filter(|line| kept.iter().any(|name| line.starts_with(name)));
        lines.map(|line| format!("{line}\r\n")).collect::<String>()
    };
    ask("INVITE", 1, "", &typed(&sdp("sendrecv")));
    let incoming = incoming(&bob).await;
    incoming.progress_with_audio().unwrap();
    incoming.hold().unwrap();
    let mut cseq = 1;
    let tag = loop {
        let text = heard(&eve).await;
        let rseq = field(&text, "RSeq:");
        let tag =
            field(&text, "To:").split_once(";tag=").map(|(_, tag)| format!(";tag={tag}")).unwrap_or_default();
        if text.starts_with("UPDATE ") {
            assert!(text.contains("a=sendonly"), "{text}");
            say(format!(
                "SIP/2.0 200 OK\r\n{}Contact: <sip:eve@{here}>\r\n{}",
                copied(&text),
                typed(&sdp("recvonly"))
            ));
            break format!(";tag={}", field(&text, "From:").split_once(";tag=").unwrap().1);
        }
        if !rseq.is_empty() {
            cseq += 1;
            ask("PRACK", cseq, &tag, &format!("RAck: {rseq} 1 INVITE\r\nContent-Length: 0\r\n\r\n"));
        }
    };
    // What is sent after its answer follows it: the plan has changed once the answer to this has come.
    ask("OPTIONS", 100, &tag, "Content-Length: 0\r\n\r\n");
    while !field(&heard(&eve).await, "CSeq:").ends_with("OPTIONS") {}
    let call = soon(incoming.accept()).await.unwrap();
    soon(call.hold()).await.unwrap();
    while !field(&heard(&eve).await, "CSeq:").ends_with("1 INVITE") {}
    ask("ACK", 101, &tag, "Content-Length: 0\r\n\r\n");
    ask("OPTIONS", 102, &tag, "Content-Length: 0\r\n\r\n");
    loop {
        let text = heard(&eve).await;
        assert!(!text.starts_with("INVITE ") && !text.starts_with("UPDATE "), "asked for again: {text}");
        if field(&text, "CSeq:").starts_with("102 ") {
            break;
        }
    }
    assert!(call.is_held());
}

async fn a_caller_who_is_refused_has_heard_why() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let mut dialing = alice.dial(&bob.uri());
    let early = dialing.early_audio().unwrap();
    let announce = async {
        let incoming = incoming(&bob).await;
        assert!(matches!(incoming.speak().unwrap_err(), PeerError::WrongState { .. }), "nobody hears it yet");
        incoming.progress_with_audio().unwrap();
        let mut speech = incoming.speak().unwrap();
        speech.send_audio(AudioFrame::tone(440, 400)).await.unwrap();
        incoming.flush_audio().await;
        // Between two pieces of it somebody has it fall silent.
        incoming.discard_audio();
        let over = speech.send_audio(AudioFrame::tone(440, 400)).await;
        assert!(matches!(over, Err(PeerError::Interrupted)), "{over:?}");
        incoming.reject(404).await.unwrap();
    };
    let hear = async {
        let mut loud = 0;
        while let Some(frame) = early.recv().await {
            loud += u32::from(loudness(&frame.samples) > 1000);
        }
        loud
    };
    let (loud, (called, ())) = soon(zip(hear, zip(dialing, announce))).await;
    assert_eq!(called.unwrap_err().status(), Some(404));
    assert!(loud > 5, "{loud}");
}

/// Who requires that provisional responses do not get lost.
async fn careful(user: &str) -> SimplePeer {
    SimplePeer::builder(user).bind(LOOPBACK).reliable(Reliable::Required).start().await.unwrap()
}

async fn reliable_ringing_opens_no_media() {
    let (alice, bob) = (careful("alice").await, careful("bob").await);
    let mut dialing = alice.dial(&bob.uri());
    let early = dialing.early_audio().unwrap();
    let progress = soon(dialing.progress()).await.unwrap();
    assert_eq!((progress.status, progress.early_media), (180, false));
    let incoming = incoming(&bob).await;
    // The PRACK of the 180 comes before this or after it.
    incoming.progress_with_audio().unwrap();
    let progress = soon(dialing.progress()).await.unwrap();
    assert_eq!((progress.status, progress.early_media), (183, true));
    let speak = async { while incoming.send_audio(AudioFrame::tone(440, 40)).await.is_ok() {} };
    let hear = async { while loudness(&early.recv().await.unwrap().samples) < 1000 {} };
    soon(or(hear, speak)).await;
    let (to_bob, to_alice) = soon(zip(dialing, incoming.accept())).await;
    talk(&to_bob.unwrap(), &to_alice.unwrap()).await;
}

async fn nothing_is_heard_unless_it_is_let() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let mut dialing = alice.dial(&bob.uri());
    soon(dialing.progress()).await.unwrap();
    let incoming = incoming(&bob).await;
    let error = soon(incoming.send_audio(AudioFrame::silence(20))).await.unwrap_err();
    assert!(matches!(error, PeerError::WrongState { .. }), "{error:?}");
    assert!(soon(incoming.recv_audio()).await.is_none());
    soon(incoming.flush_audio()).await;
    dialing.cancel();
    soon(incoming.cancelled()).await;
    assert!(matches!(incoming.progress_with_audio(), Err(PeerError::CallerGaveUp)));
    soon(&mut dialing).await.unwrap_err();
    assert!(dialing.early_audio().is_none());
}

async fn a_call_goes_where_it_is_sent() {
    let (alice, bob, carol) = (peer("alice").await, peer("bob").await, peer("carol").await);
    let mut dialing = alice.dial(&bob.uri());
    let send = async { incoming(&bob).await.redirect(&carol.uri()).await.unwrap() };
    let follow = async {
        loop {
            let progress = dialing.progress().await.expect("the call goes on");
            if let Some(to) = progress.redirected_to {
                assert_eq!(progress.status, 181);
                return to;
            }
        }
    };
    let (to, ()) = soon(zip(follow, send)).await;
    assert_eq!(to, carol.uri());
    let answer = async { incoming(&carol).await.accept().await };
    let (to_carol, to_alice) = soon(zip(dialing, answer)).await;
    talk(&to_carol.unwrap(), &to_alice.unwrap()).await;
}

/// What the Contact of a redirection wishes for: shown to the caller, and sent as far as the settings consent to it.
async fn a_redirection_brings_headers_that_are_consented_to() {
    let consent = HeaderConsent::Named(vec!["X-Account".into()]);
    let alice = SimplePeer::builder("alice").bind(LOOPBACK).redirect_headers(consent).start().await.unwrap();
    let (bob, carol) = (peer("bob").await, peer("carol").await);
    let mut dialing = alice.dial(&bob.uri());
    let to = format!("{}?X-Account=7&X-Other=8&Subject=nothing", carol.uri());
    let send = async { incoming(&bob).await.redirect(&to).await.unwrap() };
    let follow = async {
        loop {
            let progress = dialing.progress().await.expect("the call goes on");
            if progress.redirected_to.is_some() {
                return progress.wishes;
            }
        }
    };
    let (wishes, ()) = soon(zip(follow, send)).await;
    assert_eq!(wishes.len(), 3, "{wishes:?}");
    let answer = async {
        let call = incoming(&carol).await;
        let details = call.details().clone();
        let said = ["X-Account", "X-Other", "Subject"].map(|name| details.header(name).is_some());
        (said, call.accept().await)
    };
    let (to_carol, (said, to_alice)) = soon(zip(dialing, answer)).await;
    assert_eq!(said, [true, false, false]);
    talk(&to_carol.unwrap(), &to_alice.unwrap()).await;
}

async fn redirects_can_be_left_alone() {
    let mut builder = SimplePeer::builder("alice").bind(LOOPBACK);
    builder.config().core.redirects_max = 0;
    let (alice, bob) = (builder.start().await.unwrap(), peer("bob").await);
    let send = async { incoming(&bob).await.redirect("carol@192.0.2.1").await.unwrap() };
    let target = bob.uri();
    let (called, ()) = soon(zip(alice.call(&target), send)).await;
    let Err(PeerError::Rejected { status: 302, message: Some(message), .. }) = called else {
        panic!("{called:?}")
    };
    assert!(message.header("Contact").unwrap().contains("sip:carol@192.0.2.1"));
}

async fn the_other_side_makes_the_offer() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let dialing = alice.dial(&bob.uri()).with_late_offer();
    let answer = async {
        let incoming = incoming(&bob).await;
        assert!(!incoming.details().has_offer());
        incoming.accept().await
    };
    let (to_bob, to_alice) = soon(zip(dialing, answer)).await;
    talk(&to_bob.unwrap(), &to_alice.unwrap()).await;
}

async fn header_fields_go_along() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let target = bob.uri();
    let later = [("Retry-After", "60")];
    let refuse = async { incoming(&bob).await.reject_with(480, &later).await.unwrap() };
    let (called, ()) = soon(zip(alice.call(&target), refuse)).await;
    let Err(PeerError::Rejected { message: Some(message), .. }) = called else { panic!("{called:?}") };
    assert_eq!(message.header("Retry-After").as_deref(), Some("60"));

    let answer = async {
        let incoming = incoming(&bob).await;
        let broken = incoming.accept_with(&[("X-A", "b\r\nVia: c")]).await;
        assert!(matches!(broken, Err(PeerError::BadArgument { .. })), "{broken:?}");
    };
    let (called, ()) = soon(zip(alice.call(&target), answer)).await;
    assert_eq!(called.unwrap_err().status(), Some(480), "the broken one was dropped");

    let (to_bob, to_alice) = connect(&alice, &bob).await;
    let error = soon(to_bob.hangup_with(&[("Reason", "SIP;\nx")])).await.unwrap_err();
    assert!(matches!(error, PeerError::BadArgument { .. }), "{error:?}");
    soon(to_bob.hangup_with(&[("Reason", "Q.850;cause=16")])).await.unwrap();
    let end = soon(to_alice.ended()).await;
    assert_eq!(end.reason, EndReason::RemoteHangup);
    assert_eq!(end.message.unwrap().header("Reason").as_deref(), Some("Q.850;cause=16"));
}
