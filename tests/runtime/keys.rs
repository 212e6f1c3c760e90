//! Keys that go by INFO to somebody who takes none.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::{LOOPBACK, peer, soon};
use crate::rt::{PeerError, Refuser};

super::on_runtime! {
    a_key_that_is_refused_is_an_error,
    a_key_that_ends_the_call_is_an_error,
}

/// Somebody without telephone-events, who says `status` to INFO.
fn stranger(status: &'static str) -> SocketAddr {
    let socket = UdpSocket::bind(LOOPBACK).unwrap();
    let here = socket.local_addr().unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
            let method = text.split(' ').next().unwrap_or_default().to_owned();
            let (line, body) = match method.as_str() {
                "INVITE" => (
                    "200 OK",
                    format!(
                        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                         m=audio {} RTP/AVP 0\r\n",
                        here.port()
                    ),
                ),
                "INFO" => (status, String::new()),
                "BYE" => ("200 OK", String::new()),
                _ => continue,
            };
            let mut answer = format!("SIP/2.0 {line}\r\n");
            for header in text.lines().take_while(|line| !line.is_empty()) {
                let name = header.split(':').next().unwrap_or_default();
                match name {
                    "To" if !header.contains("tag=") => answer += &format!("{header};tag=stranger\r\n"),
                    "Via" | "From" | "To" | "Call-ID" | "CSeq" => answer += &format!("{header}\r\n"),
                    _ => {}
                }
            }
            answer += &format!("Contact: <sip:stranger@{here}>\r\n");
            if !body.is_empty() {
                answer += "Content-Type: application/sdp\r\n";
            }
            answer += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
            drop(socket.send_to(answer.as_bytes(), from));
            if method == "BYE" {
                return;
            }
        }
    });
    here
}

/// Presses two keys: the error, and whether the call is over.
async fn press(status: &'static str) -> (PeerError, bool) {
    let alice = peer("alice").await;
    let call = soon(alice.call(&format!("sip:stranger@{}", stranger(status)))).await.unwrap();
    let error = soon(call.send_dtmf("12")).await.unwrap_err();
    let over = call.end().is_some();
    (error, over)
}

async fn a_key_that_is_refused_is_an_error() {
    let (error, over) = press("415 Unsupported Media Type").await;
    assert_eq!(
        error.to_string(),
        "the other side refused the key 1: 415 Unsupported Media Type (and 2 was not sent)"
    );
    assert!(matches!(error, PeerError::DtmfRefused { digit: '1', status: 415, refuser: Refuser::Peer, .. }));
    assert_eq!(error.refuser(), Refuser::Peer);
    assert!(!over, "the call goes on");
}

async fn a_key_that_ends_the_call_is_an_error() {
    let (error, over) = press("481 Call/Transaction Does Not Exist").await;
    assert!(matches!(error, PeerError::DtmfRefused { digit: '1', status: 481, .. }), "{error}");
    assert!(over, "the other side does not know the call any more");
}
