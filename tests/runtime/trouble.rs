//! A system that has no room for what is to be sent: no message is lost by that.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use offhook_core::base::time::Instant;
use offhook_core::peer::{self, RecvBatch, Runtime, Socket};

use super::{LOOPBACK, soon};
use crate::rt::{AudioFrame, EndReason, R};

super::on_runtime! {
    a_full_send_buffer_loses_no_signalling,
    answers_leave_in_the_order_of_their_questions,
    and_so_they_do_when_there_is_no_room,
}

/// The runtime, on a system whose signalling sockets refuse two of three datagrams at first.
struct Narrow(R);

struct NarrowSocket {
    socket: <R as Runtime>::Socket,
    /// `None` for media.
    tries: Option<AtomicU32>,
}

impl Runtime for Narrow {
    type Socket = NarrowSocket;
    type Timer = <R as Runtime>::Timer;
    type Task = <R as Runtime>::Task;

    fn current() -> io::Result<Self> {
        R::current().map(Self)
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn entropy(&self) -> io::Result<[u8; 32]> {
        self.0.entropy()
    }

    fn unix_time(&self) -> Duration {
        self.0.unix_time()
    }

    fn bind(&self, addr: SocketAddr) -> io::Result<NarrowSocket> {
        Ok(NarrowSocket { socket: self.0.bind(addr)?, tries: Some(AtomicU32::new(0)) })
    }

    fn bind_media(&self, addr: SocketAddr) -> io::Result<NarrowSocket> {
        Ok(NarrowSocket { socket: self.0.bind_media(addr)?, tries: None })
    }

    fn descriptors_free(&self) -> Option<usize> {
        self.0.descriptors_free()
    }

    fn route(&self, remote: SocketAddr) -> io::Result<IpAddr> {
        self.0.route(remote)
    }

    async fn lookup(&self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.0.lookup(host, port).await
    }

    fn timer(&self) -> Self::Timer {
        self.0.timer()
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Self::Task {
        self.0.spawn(future)
    }
}

impl Socket for NarrowSocket {
    fn local_addr(&self) -> SocketAddr {
        self.socket.local_addr()
    }

    fn try_recv(&self, batch: &mut RecvBatch) -> io::Result<()> {
        self.socket.try_recv(batch)
    }

    async fn recv_ready(&self) -> io::Result<()> {
        self.socket.recv_ready().await
    }

    fn try_send(&self, local: Option<IpAddr>, remote: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        match &self.tries {
            Some(tries) if tries.fetch_add(1, Ordering::Relaxed) % 3 != 2 => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            _ => self.socket.try_send(local, remote, bytes),
        }
    }

    async fn send_ready(&self) -> io::Result<()> {
        self.socket.send_ready().await
    }

    fn take_icmp_error(&self) -> Option<SocketAddr> {
        self.socket.take_icmp_error()
    }

    fn datagrams_lost(&self) -> Option<u32> {
        self.socket.datagrams_lost()
    }
}

/// Asks `count` questions, a hundred at a time, and looks at the order of the answers.
async fn ask(target: SocketAddr, count: u32) {
    let socket = R::current().unwrap().bind(LOOPBACK).unwrap();
    let from = socket.local_addr();
    let mut batch = RecvBatch::new(16, 65_536);
    for first in (1..=count).step_by(100) {
        for number in first..first + 100 {
            let question = format!(
                "OPTIONS sip:bob@{target} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{number}\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:a@{from}>;tag=1\r\nTo: <sip:bob@{target}>\r\nCall-ID: one\r\n\
                 CSeq: {number} OPTIONS\r\nContent-Length: 0\r\n\r\n"
            );
            while socket.try_send(None, target, question.as_bytes()).is_err() {
                soon(socket.send_ready()).await.unwrap();
            }
        }
        let mut wanted = first;
        while wanted < first + 100 {
            soon(socket.recv_ready()).await.unwrap();
            batch.clear();
            if socket.try_recv(&mut batch).is_err() {
                continue;
            }
            for answer in batch.iter() {
                let text = String::from_utf8_lossy(answer.bytes);
                assert!(text.starts_with("SIP/2.0 200 "), "{text}");
                assert!(
                    text.contains(&format!("\r\nCSeq: {wanted} OPTIONS\r\n")),
                    "{wanted} is wanted:\n{text}"
                );
                wanted += 1;
            }
        }
    }
}

async fn answers_leave_in_the_order_of_their_questions() {
    // More than a stranger is answered without a transaction.
    let builder = super::SimplePeer::builder("bob").bind(LOOPBACK).trusted_source(LOOPBACK.ip().into());
    let bob = builder.start().await.unwrap();
    ask(bob.local_addr(), 20_000).await;
}

async fn and_so_they_do_when_there_is_no_room() {
    let builder = peer::SimplePeer::<Narrow>::builder("bob").bind(LOOPBACK);
    let bob = builder.trusted_source(LOOPBACK.ip().into()).start().await.unwrap();
    ask(bob.local_addr(), 2_000).await;
    assert!(bob.counters().network.sends_delayed > 0);
}

async fn a_full_send_buffer_loses_no_signalling() {
    let start =
        |user: &str| peer::SimplePeer::<Narrow>::builder(user).bind(LOOPBACK).auto_answer(true).start();
    let (alice, bob) = (start("alice").await.unwrap(), start("bob").await.unwrap());
    for _ in 0..5 {
        let call = soon(alice.call(&bob.uri())).await.unwrap();
        let answered = soon(bob.get_incoming_call()).await.unwrap();
        let answered = soon(answered.accept()).await.unwrap();
        soon(call.send_audio(AudioFrame::tone(440, 60))).await.unwrap();
        assert!(soon(answered.recv_audio()).await.is_some());
        soon(call.hangup()).await.unwrap();
        assert_eq!(soon(answered.ended()).await.reason, EndReason::RemoteHangup);
    }
    soon(super::zip(alice.shutdown(), bob.shutdown())).await;
    // Nothing had to be repeated: what found no room waited for it.
    let (ours, theirs) = (alice.counters(), bob.counters());
    assert_eq!(ours.network.datagrams_sent, theirs.network.datagrams_received);
    assert!(ours.network.sends_delayed > 0, "{ours:?}");
}
