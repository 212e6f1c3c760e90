//! Where audio comes from, and where ours goes: strangers, and calls that are over, on real sockets. The policy is in
//! `core/src/media/source.md`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use offhook_core::peer::{RecvBatch, Runtime, Socket};

use super::{LOOPBACK, loudness, or, sleep, soon, until};
use crate::rt::{AudioFrame, Call, R, SimplePeer, SourceLearning};

super::on_runtime! {
    a_stranger_on_the_peers_ip_loses_to_its_first_packet,
    a_stranger_elsewhere_is_nobody_before_the_peer_speaks,
    what_the_call_before_has_left_is_not_heard,
    nothing_is_learned_where_the_setting_says_so,
    a_port_where_nobody_listens_is_sent_nothing_until_somebody_speaks,
}

type RtSocket = <R as Runtime>::Socket;

/// Another host, as far as addresses tell.
const ELSEWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), 0);

/// A source of RTP.
struct Source {
    socket: RtSocket,
    ssrc: u32,
    next: u16,
}

impl Source {
    fn new(at: SocketAddr, ssrc: u32) -> Self {
        Self { socket: R::current().unwrap().bind_media(at).unwrap(), ssrc, next: 0 }
    }

    fn addr(&self) -> SocketAddr {
        self.socket.local_addr()
    }

    /// Packets of 20 ms that tell who speaks, all at once.
    fn speak(&mut self, to: SocketAddr, packets: u16) {
        for _ in 0..packets {
            let mut packet = vec![0x80, 0];
            packet.extend(self.next.to_be_bytes());
            packet.extend((u32::from(self.next) * 160).to_be_bytes());
            packet.extend(self.ssrc.to_be_bytes());
            packet.resize(172, self.ssrc as u8);
            self.next = self.next.wrapping_add(1);
            self.socket.try_send(None, to, &packet).unwrap();
        }
    }

    /// Waits for a packet.
    async fn hears(&self) {
        let mut batch = RecvBatch::new(4, 2048);
        loop {
            soon(self.socket.recv_ready()).await.unwrap();
            batch.clear();
            if self.socket.try_recv(&mut batch).is_ok() && batch.iter().any(|packet| packet.bytes.len() > 12)
            {
                return;
            }
        }
    }
}

/// A caller made by hand, who says where its audio is and sends none by itself.
struct Caller {
    socket: RtSocket,
    calls: u32,
}

impl Caller {
    fn new() -> Self {
        Self { socket: R::current().unwrap().bind(LOOPBACK).unwrap(), calls: 0 }
    }

    fn request(&self, method: &str, cseq: u32, bob: &SimplePeer, tag: &str, body: &str) {
        let (from, call) = (self.socket.local_addr(), self.calls);
        let text = format!(
            "{method} sip:bob@{bob} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{method}{call}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:a@{from}>;tag=a{call}\r\nTo: <sip:bob@{bob}>{tag}\r\nCall-ID: c{call}-{from}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:a@{from}>\r\n{kind}Content-Length: {len}\r\n\r\n{body}",
            bob = bob.local_addr(),
            kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" },
            len = body.len(),
        );
        self.socket.try_send(None, bob.local_addr(), text.as_bytes()).unwrap();
    }

    /// The 200 to a request.
    async fn ok(&self, method: &str) -> String {
        let mut batch = RecvBatch::new(4, 65_536);
        let wanted = format!(" {method}\r\n");
        loop {
            soon(self.socket.recv_ready()).await.unwrap();
            batch.clear();
            if self.socket.try_recv(&mut batch).is_err() {
                continue;
            }
            let texts = batch.iter().map(|answer| String::from_utf8_lossy(answer.bytes).into_owned());
            let found =
                texts.filter(|text| text.starts_with("SIP/2.0 200 ")).find(|text| text.contains(&wanted));
            if let Some(text) = found {
                return text;
            }
        }
    }

    /// Calls Bob, who answers; Bob's call, where he wants audio, and the tag of his side.
    async fn call(&mut self, bob: &SimplePeer, audio: SocketAddr) -> (Call, SocketAddr, String) {
        self.calls += 1;
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n",
            ip = audio.ip(),
            port = audio.port()
        );
        self.request("INVITE", 1, bob, "", &offer);
        let call = soon(async { bob.get_incoming_call().await.unwrap().accept().await.unwrap() });
        let (call, answer) = super::zip(call, self.ok("INVITE")).await;
        let after = |text: &str, from: &str| text.split_once(from).unwrap().1.to_owned();
        let to = after(&answer, "\r\nTo: ");
        let tag = format!(";tag={}", after(to.split("\r\n").next().unwrap(), ";tag="));
        self.request("ACK", 1, bob, &tag, "");
        let port = after(&answer, "\r\nm=audio ").split(' ').next().unwrap().parse().unwrap();
        (call, SocketAddr::new(bob.local_addr().ip(), port), tag)
    }
}

async fn bob() -> SimplePeer {
    super::peer("bob").await
}

/// What was said is taken, all of it.
async fn heard(call: &Call, packets: u64) {
    until(|| call.stats().received_packets >= packets).await;
    assert_eq!(call.stats().received_packets, packets);
}

async fn a_stranger_on_the_peers_ip_loses_to_its_first_packet() {
    let bob = bob().await;
    let (mut peer, mut stranger) = (Source::new(LOOPBACK, 1), Source::new(LOOPBACK, 2));
    let (call, there, _) = Caller::new().call(&bob, peer.addr()).await;
    stranger.speak(there, 4);
    until(|| call.stats().unproven_source == 4).await;
    assert_eq!((call.stats().remote, call.stats().received_packets), (Some(peer.addr()), 0), "no proof yet");
    stranger.speak(there, 16);
    heard(&call, 20).await;
    peer.speak(there, 1);
    heard(&call, 21).await;
    assert_eq!(call.stats().remote, Some(peer.addr()));
    stranger.speak(there, 20);
    until(|| call.stats().rejected_source == 20).await;
    assert_eq!((call.stats().remote, call.stats().received_packets), (Some(peer.addr()), 21));
    let speak = async {
        loop {
            call.send_audio(AudioFrame::tone(440, 40)).await.unwrap();
        }
    };
    soon(or(peer.hears(), speak)).await;
}

async fn a_stranger_elsewhere_is_nobody_before_the_peer_speaks() {
    // Not every system has more than one loopback address.
    if R::current().unwrap().bind_media(ELSEWHERE).is_err() {
        return;
    }
    let bob = bob().await;
    let (mut peer, mut stranger) = (Source::new(LOOPBACK, 1), Source::new(ELSEWHERE, 2));
    let (call, there, _) = Caller::new().call(&bob, peer.addr()).await;
    stranger.speak(there, 50);
    until(|| call.stats().rejected_source == 50).await;
    assert_eq!((call.stats().remote, call.stats().received_packets), (Some(peer.addr()), 0));
    peer.speak(there, 10);
    heard(&call, 10).await;
    assert!(loudness(&soon(call.recv_audio()).await.unwrap().samples) > 0, "the peer is heard");
}

async fn what_the_call_before_has_left_is_not_heard() {
    let free =
        |low: &u16| (*low..low + 2).all(|port| std::net::UdpSocket::bind((LOOPBACK.ip(), port)).is_ok());
    let low = (38_000..39_900).step_by(10).find(free).unwrap();
    let bob = SimplePeer::builder("bob").bind(LOOPBACK).rtp_ports(low..=low + 1).start().await.unwrap();
    let (mut first, mut second) = (Source::new(LOOPBACK, 1), Source::new(LOOPBACK, 2));
    let mut caller = Caller::new();
    let (call, there, tag) = caller.call(&bob, first.addr()).await;
    first.speak(there, 20);
    heard(&call, 20).await;
    caller.request("BYE", 2, &bob, &tag, "");
    caller.ok("BYE").await;
    drop(call);
    // Its stream runs on, over the end and into the next call on the same port.
    let goes_on = async {
        loop {
            first.speak(there, 1);
            sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let next = async {
        let (call, again, _) = caller.call(&bob, second.addr()).await;
        assert_eq!(again, there, "the same port");
        until(|| call.stats().rejected_source >= 20).await;
        assert_eq!((call.stats().remote, call.stats().received_packets), (Some(second.addr()), 0));
        second.speak(there, 10);
        heard(&call, 10).await;
    };
    soon(or(next, goes_on)).await;
}

async fn nothing_is_learned_where_the_setting_says_so() {
    let bob = SimplePeer::builder("bob")
        .bind(LOOPBACK)
        .source_learning(SourceLearning::Never)
        .start()
        .await
        .unwrap();
    let (mut peer, mut other) = (Source::new(LOOPBACK, 1), Source::new(LOOPBACK, 2));
    let (call, there, _) = Caller::new().call(&bob, peer.addr()).await;
    other.speak(there, 50);
    until(|| call.stats().rejected_source == 50).await;
    assert_eq!((call.stats().remote, call.stats().received_packets), (Some(peer.addr()), 0));
    peer.speak(there, 5);
    heard(&call, 5).await;
}

/// The system reports what did not arrive (ICMP), on Linux.
async fn a_port_where_nobody_listens_is_sent_nothing_until_somebody_speaks() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let closed = Source::new(LOOPBACK, 1).addr();
    let bob = bob().await;
    let (call, there, _) = Caller::new().call(&bob, closed).await;
    let speak = async {
        loop {
            call.send_audio(AudioFrame::tone(440, 40)).await.unwrap();
        }
    };
    // Of the five seconds that an address gets which has proven nothing, less than one is used.
    let stops = until(|| call.stats().withheld_frames >= 10);
    soon(or(stops, speak)).await;
    let sent = call.stats().sent_packets;
    assert!(sent < 50, "{sent} packets to a closed port");
    let mut source = Source::new(closed, 1);
    source.speak(there, 1);
    heard(&call, 1).await;
    let speak = async {
        loop {
            call.send_audio(AudioFrame::tone(440, 40)).await.unwrap();
        }
    };
    soon(or(source.hears(), speak)).await;
}
