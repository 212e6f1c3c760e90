//! A packet of audio in, played and read, and one out.
#![allow(missing_docs, clippy::unwrap_used, reason = "the macros of criterion write functions; a bench")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use offhook_core::base::time::Instant;
use offhook_core::media::{MediaCommand, MediaPort, MediaSessionId, MediaShard, ShardConfig, Which};
use offhook_core::sdp::plan::{Codec, Direction, MediaPlan};

const MEDIA: MediaSessionId = MediaSessionId { shard: 0, generation: 1, slot: 0 };

fn shard(remote: SocketAddr) -> MediaShard {
    let mut shard = MediaShard::new(ShardConfig::default(), [1; 32], Instant::ZERO);
    let plan = Arc::new(MediaPlan {
        remote_rtp: Some(remote),
        remote_rtcp: Some(remote),
        sip_peer: Some(remote.ip()),
        rtcp_mux: true,
        direction: Direction::SendRecv,
        codec: Codec::Pcmu,
        send_payload_type: 0,
        recv_payload_type: 0,
        recv_others: Default::default(),
        send_dtmf: Some(101),
        recv_dtmf: Some(101),
        ptime_ms: 20,
        cname: "offhook@bench".to_string(),
    });
    let port = MediaPort { key: 0, rtp: 4000, rtcp: 4001 };
    shard.handle_command(Instant::ZERO, MediaCommand::Open { media: MEDIA, port, plan, rationed: false });
    shard
}

/// 20 ms later: the phase is served, what it sends is sent, what it plays is read.
fn frame(shard: &mut MediaShard, now: &mut Instant) {
    *now = *now + Duration::from_millis(20);
    shard.handle_timeout(*now);
    shard.for_each_transmit(|_| {});
    while shard.poll_audio().is_some() {}
    while shard.poll_event().is_some() {}
}

fn media(criterion: &mut Criterion) {
    let remote: SocketAddr = "192.0.2.1:4000".parse().unwrap();
    let mut group = criterion.benchmark_group("media, 20 ms of PCMU");
    let (mut receiver, mut now, mut sequence) = (shard(remote), Instant::ZERO, 0_u32);
    let mut packet = [0x55; 172];
    packet[..2].copy_from_slice(&[0x80, 0]);
    group.bench_function("packet in, played and read", |bencher| {
        bencher.iter(|| {
            sequence = sequence.wrapping_add(1);
            packet[2..4].copy_from_slice(&(sequence as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&sequence.wrapping_mul(160).to_be_bytes());
            receiver.handle_datagram(now, 0, Which::Rtp, remote, &packet);
            frame(&mut receiver, &mut now);
        });
    });
    let (mut sender, mut now) = (shard(remote), Instant::ZERO);
    group.bench_function("packet out, nothing heard", |bencher| {
        bencher.iter(|| {
            sender.handle_audio(now, MEDIA, &[7; 160]).unwrap();
            frame(&mut sender, &mut now);
        });
    });
    group.finish();
}

criterion_group!(benches, media);
criterion_main!(benches);
