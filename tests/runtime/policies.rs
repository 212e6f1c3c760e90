//! Settings about who may ask and who is trusted, and who a call says that we are.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use super::life::heard;
use super::{LOOPBACK, peer, soon, zip};
use crate::rt::{Config, PeerSource, Privacy, SimplePeer, UnifiedCoordinator};

super::on_runtime! {
    whoever_asks_from_elsewhere_is_refused,
    a_trusted_source_is_trusted_as_long_as_it_is_said,
    one_call_has_a_caller_of_its_own,
}

/// A request of a caller in the dialog that `tag` names.
fn request(method: &str, bob: &SimplePeer, here: &UdpSocket, cseq: u32, tag: &str, body: &str) -> String {
    let here = here.local_addr().unwrap();
    let number = if method == "ACK" { 1 } else { cseq };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{method}{cseq};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:eve@{here}>;tag=eve\r\nTo: <{}>{tag}\r\nCall-ID: elsewhere\r\nCSeq: {number} {method}\r\n\
         Contact: <sip:eve@{here}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        bob.uri(),
        bob.uri(),
        body.len()
    )
}

/// Hangs up from another port than the one that the call came from, and then from the right one.
async fn whoever_asks_from_elsewhere_is_refused() {
    let builder = SimplePeer::builder("bob").bind(LOOPBACK).auto_answer(true);
    let bob = builder.peer_source(PeerSource::SameFlow).start().await.unwrap();
    let (caller, elsewhere) = (UdpSocket::bind(LOOPBACK).unwrap(), UdpSocket::bind(LOOPBACK).unwrap());
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=sendonly\r\n";
    let say = |socket: &UdpSocket, text: String| socket.send_to(text.as_bytes(), bob.local_addr()).unwrap();
    say(&caller, request("INVITE", &bob, &caller, 1, "", sdp));
    let answer = loop {
        let text = heard(&caller).await;
        if text.starts_with("SIP/2.0 200 ") {
            break text;
        }
    };
    let to = answer.lines().find(|line| line.starts_with("To:")).unwrap();
    let tag = to.split_once(";tag=").unwrap().1.trim();
    let tag = format!(";tag={tag}");
    let call = soon(bob.get_incoming_call()).await.unwrap().accept().await.unwrap();
    say(&caller, request("ACK", &bob, &caller, 2, &tag, ""));
    say(&elsewhere, request("BYE", &bob, &elsewhere, 3, &tag, ""));
    let refusal = heard(&elsewhere).await;
    assert!(refusal.starts_with("SIP/2.0 403 "), "{refusal}");
    assert!(call.end().is_none());
    say(&caller, request("BYE", &bob, &caller, 4, &tag, ""));
    while !heard(&caller).await.starts_with("SIP/2.0 200 ") {}
    soon(call.ended()).await;
}

async fn a_trusted_source_is_trusted_as_long_as_it_is_said() {
    let trunk = "192.0.2.0/24".parse().unwrap();
    let bob = SimplePeer::builder("bob").bind(LOOPBACK).trusted_source(trunk).start().await.unwrap();
    bob.shutdown().await;
    let stack = UnifiedCoordinator::new(Config::new("desk", LOOPBACK).trusted_source(trunk)).await.unwrap();
    let proven = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
    stack.trust_source(proven).unwrap();
    stack.distrust_source(proven);
    // Taking back what was never said changes nothing.
    stack.distrust_source(proven);
    stack.trust_source(proven).unwrap();
}

async fn one_call_has_a_caller_of_its_own() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let dialing = alice
        .dial(&bob.uri())
        .with_display_name("Front \"desk\"")
        .with_user("1000")
        .with_asserted_identity("sip:+15551000@example.com")
        .with_preferred_identity("sip:desk@example.com")
        .with_privacy(Privacy::ID);
    let look = async {
        let incoming = soon(bob.get_incoming_call()).await.unwrap();
        assert_eq!(incoming.from_display().as_deref(), Some("Front \"desk\""));
        assert!(incoming.from().starts_with("sip:1000@"), "{}", incoming.from());
        let details = incoming.details().clone();
        assert_eq!(details.asserted_identity().unwrap().uri, "sip:+15551000@example.com");
        assert_eq!(details.preferred_identities()[0].uri, "sip:desk@example.com");
        assert_eq!(details.header("Privacy").as_deref(), Some("id"));
        incoming.accept().await.unwrap()
    };
    let (call, _) = soon(zip(dialing, look)).await;
    call.unwrap().hangup().await.unwrap();
}
