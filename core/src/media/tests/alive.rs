//! Paths that are kept open, and peers that fall silent.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::media::{MediaCommand, MediaEvent, Which};
use crate::sdp::plan::{Direction, MediaPlan};

use super::pair::{Link, MEDIA, PORT, Pair, address, plan};

const SECONDS: fn(u64) -> Duration = Duration::from_secs;

fn with(direction: Direction, remote_host: u8) -> MediaPlan {
    MediaPlan { direction, ..plan(remote_host) }
}

fn update(pair: &mut Pair, n: usize, plan: MediaPlan) {
    pair.command(n, MediaCommand::Update { media: MEDIA, plan: Arc::new(plan) });
}

/// Seconds of the empty datagrams that one has sent since the beginning.
fn kept_alive(pair: &Pair, from: usize) -> Vec<u64> {
    let empty = pair
        .sent
        .iter()
        .filter(|(n, _, which, bytes)| *n == from && *which == Which::Rtp && bytes.is_empty());
    empty.map(|(_, at, ..)| (at.as_millis() + 500) / 1000 - 5).collect()
}

#[test]
fn a_path_is_kept_open_while_no_audio_is_sent() {
    for direction in [Direction::RecvOnly, Direction::Inactive] {
        let other = if direction == Direction::RecvOnly { Direction::SendOnly } else { direction };
        let mut pair =
            Pair::new(Link { delay_ms: 10, ..Link::default() }, [with(direction, 2), with(other, 1)]);
        pair.run(SECONDS(32));
        assert_eq!(kept_alive(&pair, 0), [0, 15, 30], "{direction:?}");
        let sends = other.sends();
        assert_eq!(kept_alive(&pair, 1).len(), if sends { 0 } else { 3 }, "audio keeps it open as well");
        for n in [0, 1] {
            assert_eq!((pair.report(n).malformed, pair.report(n).rejected_source), (0, 0));
        }
    }
}

#[test]
fn it_begins_with_the_last_packet_of_audio_and_ends_with_the_next() {
    let mut pair = Pair::perfect();
    pair.run(SECONDS(10));
    update(&mut pair, 0, with(Direction::Inactive, 2));
    pair.run(SECONDS(32));
    update(&mut pair, 0, plan(2));
    pair.run(SECONDS(20));
    assert_eq!(kept_alive(&pair, 0), [25, 40]);
}

#[test]
fn nothing_is_sent_where_nothing_is_wanted_or_needed() {
    // The old hold has no address; with one port for both the reports keep it open.
    let nowhere = MediaPlan { remote_rtp: None, remote_rtcp: None, ..with(Direction::RecvOnly, 2) };
    let mux = MediaPlan { rtcp_mux: true, ..with(Direction::Inactive, 2) };
    for plan in [nowhere, mux] {
        let mut pair = Pair::new(Link::default(), [plan, with(Direction::Inactive, 1)]);
        pair.run(SECONDS(20));
        assert_eq!(kept_alive(&pair, 0), [0; 0]);
    }
}

/// What the first of two was told of silence: seconds since the beginning, and for how many nothing had come.
fn told(pair: &mut Pair, seconds: u64) -> Vec<(u64, Option<u32>)> {
    let mut told = Vec::new();
    for second in 0..seconds {
        pair.run(SECONDS(1));
        for event in pair.peers[0].events.drain(..) {
            match event {
                MediaEvent::Silent { for_ms, .. } => told.push((second, Some(for_ms / 1000))),
                MediaEvent::Heard { .. } => told.push((second, None)),
                _ => {}
            }
        }
    }
    told
}

fn silent_pair() -> Pair {
    let mut pair = Pair::perfect();
    pair.peers[1].stuck_until = pair.now + SECONDS(10_000);
    pair
}

#[test]
fn silence_is_told_and_told_again() {
    let mut pair = silent_pair();
    assert_eq!(told(&mut pair, 65), [(30, Some(30)), (60, Some(60))]);
    pair.peers[1].stuck_until = pair.now;
    assert_eq!(told(&mut pair, 5), [(0, None)], "and then it is heard");
    pair.peers[1].stuck_until = pair.now + SECONDS(10_000);
    assert_eq!(told(&mut pair, 32), [(30, Some(30))]);
}

#[test]
fn nobody_is_silent_on_hold_or_before_he_knows_where_to_send() {
    let waiting = MediaPlan { remote_rtp: None, remote_rtcp: None, ..plan(2) };
    for plan in
        [with(Direction::SendOnly, 2), with(Direction::RecvOnly, 2), with(Direction::Inactive, 2), waiting]
    {
        let mut pair = silent_pair();
        assert_eq!(told(&mut pair, 5), []);
        update(&mut pair, 0, plan);
        assert_eq!(told(&mut pair, 35), []);
        update(&mut pair, 0, super::pair::plan(2));
        assert_eq!(told(&mut pair, 32), [(30, Some(30))], "the time on hold does not count");
    }
}

/// Who holds us may play music or nothing at all: what comes before and after is counted each for itself.
#[test]
fn every_change_of_direction_begins_the_count_anew() {
    let mut pair = silent_pair();
    for direction in [Direction::RecvOnly, Direction::SendRecv, Direction::SendOnly, Direction::SendRecv] {
        assert_eq!(told(&mut pair, 20), [], "before {direction:?}");
        update(&mut pair, 0, with(direction, 2));
    }
    assert_eq!(told(&mut pair, 32), [(30, Some(30))]);
}

#[test]
fn a_silence_that_was_told_before_the_hold_ends_after_it() {
    let mut pair = silent_pair();
    assert_eq!(told(&mut pair, 32), [(30, Some(30))]);
    update(&mut pair, 0, with(Direction::SendOnly, 2));
    assert_eq!(told(&mut pair, 5), []);
    update(&mut pair, 0, plan(2));
    pair.peers[1].stuck_until = pair.now;
    assert_eq!(told(&mut pair, 5), [(0, None)]);
}

/// What was silent in early media is another matter.
#[test]
fn the_answer_begins_the_count_anew() {
    let mut pair = silent_pair();
    assert_eq!(told(&mut pair, 20), []);
    let now = pair.now;
    pair.peers[0].shard.expect_audio(now, MEDIA).unwrap();
    assert_eq!(told(&mut pair, 32), [(30, Some(30))]);
}

/// Neither strangers nor reports are a sign that somebody speaks.
#[test]
fn only_packets_of_the_peer_break_the_silence() {
    let mut pair = Pair::perfect();
    assert_eq!(told(&mut pair, 5), []);
    pair.peers[1].stuck_until = pair.now + SECONDS(10_000);
    let rtp =
        pair.sent.iter().rev().find(|(n, _, which, _)| (*n, *which) == (1, Which::Rtp)).unwrap().3.clone();
    let report =
        pair.sent.iter().rev().find(|(n, _, which, _)| (*n, *which) == (1, Which::Rtcp)).unwrap().3.clone();
    let mut all = Vec::new();
    for second in 0..65 {
        let now = pair.now;
        pair.peers[0].shard.handle_datagram(now, PORT.key, Which::Rtp, address(66, 4000), &rtp);
        pair.peers[0].shard.handle_datagram(now, PORT.key, Which::Rtcp, address(2, 4001), &report);
        pair.peers[0].shard.handle_datagram(now, PORT.key, Which::Rtp, address(2, 4000), &[]);
        all.extend(told(&mut pair, 1).into_iter().map(|(_, what)| (second, what)));
    }
    assert_eq!(all.iter().map(|(_, what)| *what).collect::<Vec<_>>(), [Some(30), Some(60)], "{all:?}");
}
