//! RTP in, playout and RTP out allocate nothing once a shard is warm.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::sync::Arc;

use offhook_core::base::time::Instant;
use offhook_core::media::{
    MediaCommand, MediaPort, MediaSessionId, MediaShard, SendBatch, ShardConfig, TransmitHead, Which,
};
use offhook_core::sdp::plan::{Codec, Direction, MediaPlan};

const STREAMS: u32 = 50;

fn id(slot: u32) -> MediaSessionId {
    MediaSessionId { shard: 0, generation: 1, slot }
}

fn remote() -> SocketAddr {
    "192.0.2.1:4000".parse().unwrap()
}

fn open(shard: &mut MediaShard) {
    for slot in 0..STREAMS {
        let plan = Arc::new(MediaPlan {
            remote_rtp: Some(remote()),
            remote_rtcp: Some(remote()),
            sip_peer: Some(remote().ip()),
            rtcp_mux: true,
            direction: Direction::SendRecv,
            codec: Codec::Pcmu,
            send_payload_type: 0,
            recv_payload_type: 0,
            recv_others: Default::default(),
            send_dtmf: Some(101),
            recv_dtmf: Some(101),
            ptime_ms: 20,
            cname: "offhook@test".to_string(),
        });
        let port = MediaPort { key: slot, rtp: 4000, rtcp: 4001 };
        shard.handle_command(
            Instant::ZERO,
            MediaCommand::Open { media: id(slot), port, plan, rationed: false },
        );
    }
}

/// Milliseconds from `from` to `to`: each stream gets a packet and audio every 20 ms, is read and sent.
/// Now and then a packet is missing or comes twice, and a key is pressed at the far end.
fn run(shard: &mut MediaShard, from: u64, to: u64) -> u64 {
    let (mut bytes, mut heads) = ([0; 20_000], [TransmitHead::VACANT; 100]);
    let mut moved = 0;
    for ms in from..to {
        let now = Instant::from_millis(ms);
        let n = ms / 20;
        for slot in (0..STREAMS).filter(|slot| u64::from(*slot) % 20 == ms % 20) {
            let mut packet = [0x55; 172];
            let key = n % 40 < 5;
            packet[..2].copy_from_slice(&[0x80, if key { 101 } else { 0 }]);
            packet[2..4].copy_from_slice(&(n as u16).to_be_bytes());
            let timestamp = (if key { n - n % 40 } else { n }) as u32 * 160;
            packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
            packet[8..12].copy_from_slice(&slot.to_be_bytes());
            if key {
                packet[12..14].copy_from_slice(&[3, if n % 40 == 4 { 0x8a } else { 10 }]);
                packet[14..16].copy_from_slice(&((n % 40) as u16 * 160 + 160).to_be_bytes());
            }
            let len = if key { 16 } else { 172 };
            for _ in 0..n % 3 {
                shard.handle_datagram(now, slot, Which::Rtp, remote(), &packet[..len]);
            }
            shard.handle_audio(now, id(slot), &[7; 160]).unwrap();
        }
        shard.handle_timeout(now);
        while let Some(audio) = shard.poll_audio() {
            moved += u64::from(!audio.samples.is_empty());
        }
        let mut batch = SendBatch::new(&mut bytes, &mut heads);
        while shard.poll_transmit(&mut batch) {
            moved += batch.len() as u64;
            batch.clear();
        }
        while shard.poll_event().is_some() {
            moved += 1;
        }
    }
    moved
}

#[test]
fn a_warm_shard_allocates_nothing() {
    let config = ShardConfig::default();
    let mut shard = MediaShard::new(config, [1; 32], Instant::ZERO);
    let warming = allocation_counter::measure(|| open(&mut shard));
    assert!(warming.count_total > u64::from(STREAMS), "the counter counts");
    run(&mut shard, 0, 10_000);
    let mut moved = 0;
    let counted = allocation_counter::measure(|| moved = run(&mut shard, 10_000, 30_000));
    assert!(moved > 50_000 * 2 - 5_000, "{moved}");
    assert_eq!(counted.count_total, 0);
}
