//! Streams whose application never speaks: what leaves of them, and what they cost.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::base::rng::Rng;
use crate::base::time::Instant;
use crate::media::rtp::header::RtpHeader;
use crate::media::{
    FRAME_SAMPLES, MediaCommand, MediaEvent, MediaPort, MediaSessionId, MediaShard, SendSilence, ShardConfig,
    Which,
};
use crate::sdp::plan::{Direction, MediaPlan};

use super::pair::{Link, MEDIA, Pair, plan, speech};

const MS: fn(u64) -> Duration = Duration::from_millis;
const SECONDS: fn(u64) -> Duration = Duration::from_secs;

fn pair(send_silence: SendSilence) -> Pair {
    let config = ShardConfig { send_silence, ..ShardConfig::default() };
    Pair::with(config, Link { delay_ms: 10, ..Link::default() }, [plan(2), plan(1)])
}

/// RTP that one has sent: when, in milliseconds since the beginning, and what.
fn rtp(pair: &Pair, from: usize) -> Vec<(u64, RtpHeader, usize)> {
    let of = |(n, at, which, bytes): &(usize, Instant, Which, Vec<u8>)| {
        let (header, payload) = RtpHeader::parse(bytes).filter(|_| *n == from && *which == Which::Rtp)?;
        Some((at.as_millis() - 5_000, header, payload.len()))
    };
    pair.sent.iter().filter_map(of).collect()
}

#[test]
fn a_stream_that_never_speaks_sends_what_keeps_the_path_open() {
    let mut pair = pair(SendSilence::default());
    pair.run(SECONDS(50));
    for n in [0, 1] {
        let seconds: Vec<_> = rtp(&pair, n).iter().map(|(at, _, len)| ((at + 500) / 1000, *len)).collect();
        assert_eq!(seconds, [(0, 0), (15, 0), (30, 0), (45, 0)]);
        assert!(pair.peers[n].heard.is_empty(), "nobody has said anything");
        let report = pair.report(n);
        assert_eq!((report.received_packets, report.malformed, report.rejected_source), (4, 0, 0));
        assert!(report.round_trip.is_some(), "reports go on: {report:?}");
        assert!(!pair.peers[n].events.iter().any(|event| matches!(event, MediaEvent::Silent { .. })));
    }
}

#[test]
fn what_leaves_between_words_is_a_setting() {
    // 30 s, of which 100 ms are spoken after 10 s.
    for (setting, before, after) in
        [(SendSilence::Always, 499, 1000), (SendSilence::OnceSpoken, 1, 1000), (SendSilence::Never, 1, 6)]
    {
        let mut pair = pair(setting);
        pair.run(SECONDS(10));
        let first = rtp(&pair, 0).len();
        assert!(first.abs_diff(before) <= 1, "{setting:?}: {first}");
        pair.peers[0].to_send = speech(1, 5 * FRAME_SAMPLES);
        pair.run(SECONDS(20));
        let then = rtp(&pair, 0).len() - first;
        assert!(then.abs_diff(after) <= 1, "{setting:?}: {then}");
        assert!(pair.peers[1].heard.iter().any(|sample| *sample > 4000), "{setting:?}");
    }
}

#[test]
fn time_passes_for_a_stream_that_rests() {
    for setting in [SendSilence::OnceSpoken, SendSilence::Never] {
        let mut pair = pair(setting);
        for _ in 0..4 {
            pair.peers[0].to_send = speech(1, 2 * FRAME_SAMPLES);
            pair.run(MS(7_013));
        }
        let sent = rtp(&pair, 0);
        let (first, audio) = (sent[0], sent.iter().filter(|(_, _, len)| *len > 0).collect::<Vec<_>>());
        for (at, header, _) in &audio {
            let elapsed = i64::from(header.timestamp.wrapping_sub(first.1.timestamp)) / 8;
            let wall = (at - first.0) as i64;
            assert!((elapsed - wall).abs() <= 40, "{setting:?}: {elapsed} ms of {wall}");
        }
        for pair in sent.windows(2) {
            assert_eq!(pair[1].1.sequence, pair[0].1.sequence.wrapping_add(1), "no packet is missed");
            if pair[1].0 - pair[0].0 > 1_000 && pair[1].2 > 0 {
                assert!(pair[1].1.marker, "speech begins again (RFC 3551 section 4.1)");
            }
        }
    }
}

#[test]
fn keys_of_a_stream_that_rests_leave_at_once() {
    let mut pair = pair(SendSilence::Never);
    pair.run(SECONDS(3));
    let digits = "12".parse().unwrap();
    pair.command(0, MediaCommand::SendDtmf { media: MEDIA, digits });
    pair.run(SECONDS(1));
    let keys: Vec<_> =
        rtp(&pair, 0).into_iter().filter(|(_, header, _)| header.payload_type == 101).collect();
    assert!(keys[0].0 <= 3_021, "{keys:?}");
    let pressed = pair.peers[1].events.iter().filter(|event| matches!(event, MediaEvent::Dtmf { .. }));
    assert_eq!(pressed.count(), 2);
}

const fn id(slot: u32) -> MediaSessionId {
    MediaSessionId { shard: 0, generation: 1, slot }
}

fn open(shard: &mut MediaShard, now: Instant, slot: u32, plan: MediaPlan) {
    let port = MediaPort { key: slot, rtp: 4000, rtcp: 4001 };
    shard.handle_command(
        now,
        MediaCommand::Open { media: id(slot), port, plan: Arc::new(plan), rationed: false },
    );
}

/// How often a shard wants to be woken, and for how many packets, in a minute with a thousand streams.
fn minute(direction: Direction) -> (u32, u32) {
    let mut shard = MediaShard::new(ShardConfig::default(), [1; 32], Instant::ZERO);
    (0..1000).for_each(|slot| open(&mut shard, Instant::ZERO, slot, MediaPlan { direction, ..plan(1) }));
    let (mut wakes, mut packets) = (0, 0);
    let mut now = Instant::ZERO;
    while now < Instant::from_millis(60_000) {
        shard.handle_timeout(now);
        shard.for_each_transmit(|_| packets += 1);
        while shard.poll_event().is_some() {}
        now = shard.poll_timeout().unwrap();
        wakes += 1;
    }
    (wakes, packets)
}

#[test]
fn a_thousand_silent_calls_wake_nobody_at_every_tick() {
    for direction in [Direction::SendRecv, Direction::RecvOnly, Direction::SendOnly, Direction::Inactive] {
        let (wakes, packets) = minute(direction);
        // Ten crowds a second; a report in five seconds and a keep-alive in fifteen for each.
        assert!(wakes <= 650, "{direction:?}: {wakes} wake-ups");
        assert!((15_000..=18_500).contains(&packets), "{direction:?}: {packets} packets");
    }
}

#[test]
fn silence_is_made_up_only_for_those_who_listen() {
    for (listens, frames) in [(true, 200), (false, 0)] {
        let mut pair = pair(SendSilence::Never);
        pair.peers[1].shard.listen(pair.now, MEDIA, listens).unwrap();
        pair.peers[0].to_send = speech(1, 10 * FRAME_SAMPLES);
        pair.run(SECONDS(1));
        let before = pair.peers[1].concealed.len();
        assert!(before >= 10);
        pair.run(SECONDS(4));
        assert_eq!(pair.peers[1].concealed.len() - before, frames, "{listens}");
        // Whoever speaks again is heard again, and its time has passed meanwhile.
        pair.peers[0].to_send = speech(1, 10 * FRAME_SAMPLES);
        pair.run(SECONDS(1));
        let stamps = &pair.peers[1].stamps;
        let last = u64::from(*stamps.last().unwrap() - stamps[0]) / 8;
        assert!((5_000 - 40..6_100).contains(&last), "{last} ms");
    }
}

#[test]
fn whatever_happens_every_stream_is_served() {
    for seed in 0..40 {
        let mut dice = Rng::wire([seed; 32]);
        let config =
            ShardConfig { send_silence: SendSilence::Never, streams_max: 30, ..ShardConfig::default() };
        let mut shard = MediaShard::new(config, [seed; 32], Instant::ZERO);
        let mut now = Instant::ZERO;
        let mut is_open = [false; 30];
        for _ in 0..400 {
            let slot = dice.next_u32() % 30;
            match dice.next_u32() % 4 {
                0 if is_open[slot as usize] => {
                    shard.handle_command(now, MediaCommand::Close { media: id(slot) });
                    is_open[slot as usize] = false;
                }
                _ if !is_open[slot as usize] => {
                    open(&mut shard, now, slot, plan(1));
                    is_open[slot as usize] = true;
                }
                _ => {
                    let sent = shard.report(id(slot)).unwrap().sent_octets;
                    assert_eq!(shard.handle_audio(now, id(slot), &[7; 160]), Ok(160));
                    now = now + MS(20);
                    shard.handle_timeout(now);
                    assert!(shard.report(id(slot)).unwrap().sent_octets > sent, "seed {seed}, stream {slot}");
                }
            }
            now = now + MS(u64::from(dice.next_u32() % 300));
            if !dice.next_u32().is_multiple_of(3) {
                shard.handle_timeout(now);
            }
            shard.for_each_transmit(|_| ());
            while shard.poll_event().is_some() {}
        }
    }
}

/// What the first of two tells of a peer from whom nothing comes, except what `also` sends it.
fn timed_out(pair: &mut Pair, seconds: u64) -> Vec<u64> {
    let mut told = Vec::new();
    for second in 0..seconds {
        pair.run(SECONDS(1));
        let mut events = pair.peers[0].events.drain(..);
        told.extend(events.any(|event| matches!(event, MediaEvent::TimedOut { .. })).then_some(second));
    }
    told
}

#[test]
fn nothing_at_all_for_long_is_the_end() {
    assert_eq!(ShardConfig::default().media_timeout, Some(SECONDS(120)));
    let config = ShardConfig { media_timeout: Some(SECONDS(10)), ..ShardConfig::default() };
    let with =
        |config: &ShardConfig, plan_here| Pair::with(config.clone(), Link::default(), [plan_here, plan(1)]);
    let mut gone = with(&config, plan(2));
    gone.peers[1].stuck_until = gone.now + SECONDS(10_000);
    assert_eq!(timed_out(&mut gone, 25), [10, 20]);
    // Who is muted reports, and so does who listens only.
    let mut muted = with(&ShardConfig { keep_alive: None, ..config.clone() }, plan(2));
    assert_eq!(timed_out(&mut muted, 25), [0; 0]);
    assert_eq!(muted.report(0).received_packets, 0);
    // It is off by one setting, and off on hold.
    let mut off = with(&ShardConfig { media_timeout: None, ..config.clone() }, plan(2));
    off.peers[1].stuck_until = off.now + SECONDS(10_000);
    assert_eq!(timed_out(&mut off, 25), [0; 0]);
    for direction in [Direction::SendOnly, Direction::RecvOnly, Direction::Inactive] {
        let mut held = with(&config, MediaPlan { direction, ..plan(2) });
        held.peers[1].stuck_until = held.now + SECONDS(10_000);
        assert_eq!(timed_out(&mut held, 15), [0; 0], "{direction:?}");
        held.command(0, MediaCommand::Update { media: MEDIA, plan: Arc::new(plan(2)) });
        assert_eq!(timed_out(&mut held, 12), [10], "{direction:?}: from the end of the hold on");
    }
}

/// `Flow::deadline` is one of those for which a stream that rests is woken: else the learned source would be kept until
/// the stream has something to send.
#[test]
fn a_stream_that_rests_forgets_a_learned_source_in_time() {
    let config =
        ShardConfig { keep_alive: Some(SECONDS(3_600)), media_timeout: None, ..ShardConfig::default() };
    let forgotten = config.source_forgotten;
    let mut shard = MediaShard::new(config, [1; 32], Instant::ZERO);
    open(&mut shard, Instant::ZERO, 0, plan(1));
    shard.listen(Instant::ZERO, id(0), false).unwrap();
    let signalled = plan(1).remote_rtp.unwrap();
    let learned = SocketAddr::new(signalled.ip(), 5000);
    let mut now = Instant::ZERO;
    for sequence in 0..6 {
        let header = RtpHeader {
            marker: false,
            payload_type: 0,
            sequence,
            timestamp: u32::from(sequence) * 160,
            ssrc: 1,
        };
        let mut bytes = Vec::new();
        header.write(&mut bytes);
        bytes.extend_from_slice(&[0x55; 160]);
        now = now + MS(20);
        shard.handle_timeout(now);
        shard.handle_datagram(now, 0, Which::Rtp, learned, &bytes);
    }
    let heard = now;
    let remote = |shard: &MediaShard| shard.report(id(0)).unwrap().remote;
    assert_eq!(remote(&shard), Some(learned));
    let mut wakes = 0;
    while remote(&shard) == Some(learned) {
        now = shard.poll_timeout().unwrap().max(now + MS(1));
        shard.handle_timeout(now);
        shard.for_each_transmit(|_| ());
        while shard.poll_event().is_some() {}
        wakes += 1;
        assert!(now.saturating_since(heard) < forgotten + SECONDS(1), "it is not woken for that");
    }
    assert_eq!(remote(&shard), Some(signalled));
    assert!(now.saturating_since(heard) >= forgotten);
    assert!(wakes < 60, "it rests meanwhile: {wakes}");
}
