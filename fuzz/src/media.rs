//! Packets: RTP and RTCP into an open stream, with time between them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use offhook_core::base::time::Instant;
use offhook_core::media::{
    MediaCommand, MediaEvent, MediaPort, MediaSessionId, MediaShard, ShardConfig, Which,
};
use offhook_core::sdp::plan::{Codec, Direction, MediaPlan};

use crate::input::Input;

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)), 4000);

fn plan() -> MediaPlan {
    MediaPlan {
        remote_rtp: Some(PEER),
        remote_rtcp: Some(SocketAddr::new(PEER.ip(), 4001)),
        rtcp_mux: true,
        direction: Direction::SendRecv,
        codec: Codec::Pcmu,
        send_payload_type: 0,
        recv_payload_type: 0,
        send_dtmf: Some(101),
        recv_dtmf: Some(101),
        ptime_ms: 20,
        cname: String::from("a@b"),
    }
}

/// Feeds pieces of the octets as packets; what is known of RTP or RTCP is filled in where an octet says so.
fn feed(bytes: &[u8], which: Which, dress: fn(&mut Vec<u8>, u16)) {
    let mut input = Input(bytes);
    let mut now = Instant::ZERO;
    let mut shard = MediaShard::new(ShardConfig::default(), [7; 32], now);
    let media = MediaSessionId { shard: 0, generation: 1, slot: 0 };
    let port = MediaPort { key: 1, rtp: 4000, rtcp: 4001 };
    shard.handle_command(now, MediaCommand::Open { media, port, plan: Arc::new(plan()) });
    let mut number = 0;
    while !input.is_empty() {
        let control = input.byte();
        let mut packet = input.some().to_vec();
        if control & 1 == 0 {
            number += 1;
            dress(&mut packet, number);
        }
        let mut from = PEER;
        if control & 2 != 0 {
            from.set_port(from.port() + u16::from(control >> 6));
        }
        shard.handle_datagram(now, port.key, which, from, &packet);
        if control & 4 != 0 {
            now = now + Duration::from_millis(u64::from(input.byte()) * 10);
            shard.handle_timeout(now);
        }
        if control & 8 != 0 {
            // Room is bounded: not all is taken.
            shard.handle_audio(now, media, &[100; 320]).ok();
        }
        if control & 16 != 0 {
            while shard.poll_audio().is_some() {}
        }
        shard.for_each_transmit(|transmit| assert!(transmit.bytes.len() < 1500));
        while shard.poll_event().is_some() {}
    }
    assert!(shard.report(media).is_some(), "no packet ends a stream");
    shard.handle_command(now, MediaCommand::Close { media });
    let mut closed = 0;
    while let Some(event) = shard.poll_event() {
        closed += usize::from(matches!(event, MediaEvent::Closed { .. }));
    }
    assert!(closed == 1 && shard.is_empty());
}

/// RTP: any packets from the peer and from others, in any order and at any time.
pub fn rtp(bytes: &[u8]) {
    feed(bytes, Which::Rtp, |packet, number| {
        let [high, low] = number.to_be_bytes();
        let stamp = (u32::from(number) * 160).to_be_bytes();
        let mut dressed = vec![0x80, packet.first().copied().unwrap_or(0) & 0x80, high, low];
        dressed.extend(stamp);
        dressed.extend([0, 0, 0, 1]);
        dressed.append(packet);
        *packet = dressed;
    });
}

/// RTCP: any packets.
pub fn rtcp(bytes: &[u8]) {
    feed(bytes, Which::Rtcp, |packet, _| {
        let words = u16::try_from(packet.len() / 4).unwrap_or(0).to_be_bytes();
        let kind = 200 + packet.first().copied().unwrap_or(0) % 5;
        let mut dressed = vec![0x80 | (packet.get(1).copied().unwrap_or(0) & 0x3f), kind, words[0], words[1]];
        dressed.append(packet);
        dressed.resize(dressed.len().next_multiple_of(4), 0);
        *packet = dressed;
    });
}
