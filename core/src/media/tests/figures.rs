//! RTCP between two shards.

use alloc::vec::Vec;
use core::time::Duration;

use crate::base::time::Instant;
use crate::media::rtcp::packet::{Compound, Item};
use crate::media::rtp::header::RtpHeader;
use crate::media::{MediaCommand, MediaEvent, Which, ntp_from_unix};

use super::pair::{Link, MEDIA, PORT, Pair, address, plan, speech};

fn reports(pair: &Pair, n: usize) -> Vec<(Instant, Which, &[u8])> {
    let of = pair.sent.iter().filter(|(from, _, _, bytes)| *from == n && matches!(bytes[1], 200..=203));
    of.map(|(_, at, which, bytes)| (*at, *which, bytes.as_slice())).collect()
}

/// RFC 3550 sections 6.2, 6.3.1 and 6.4, appendix A.8.
#[test]
fn reports_keep_their_interval_and_tell_the_truth() {
    let link = Link { loss_percent: 10, delay_ms: 40, ..Link::default() };
    let mut pair = Pair::new(link, [plan(2), plan(1)]);
    pair.peers[0].to_send = speech(1, 8000 * 60);
    pair.run(Duration::from_secs(120));
    let times: Vec<_> = reports(&pair, 0).iter().map(|(at, which, _)| (*at, *which)).collect();
    assert!((16..40).contains(&times.len()), "{} reports in two minutes", times.len());
    assert!(times.iter().all(|(_, which)| *which == Which::Rtcp));
    let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1].0.as_millis() - pair[0].0.as_millis()).collect();
    assert!(gaps.iter().all(|gap| (2_500..=7_520).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().any(|gap| gap.abs_diff(gaps[0]) > 300), "randomised");
    for n in 0..2 {
        let report = pair.report(n);
        let trip = report.round_trip.unwrap();
        assert!((79..=82).contains(&trip.as_millis()), "{trip:?}");
        assert!((0.02..0.25).contains(&report.remote_loss_fraction), "{report:?}");
        let lost = pair.report(1 - n).lost;
        assert!((report.remote_lost as u64).abs_diff(lost) < 60, "{} {lost}", report.remote_lost);
        assert!(report.jitter < Duration::from_millis(2), "{report:?}");
    }
}

/// RFC 3550 sections 6.1, 6.4.1 and 6.6.
#[test]
fn a_compound_is_whole() {
    let mut pair = Pair::perfect();
    pair.peers[0].to_send = speech(1, 8000 * 6);
    pair.run(Duration::from_secs(8));
    pair.command(0, MediaCommand::Close { media: MEDIA });
    pair.run(Duration::from_millis(50));
    let media = pair.sent.iter().find(|(from, _, which, _)| *from == 0 && *which == Which::Rtp).unwrap();
    let own = RtpHeader::parse(&media.3).unwrap().0.ssrc;
    let sent = reports(&pair, 0);
    let (at, _, last) = *sent.last().unwrap();
    let items: Vec<_> = Compound::parse(last).unwrap().collect();
    assert_eq!(items.len(), 3, "SR, SDES, BYE");
    let Item::Report { ssrc, sender: Some(sender), mut blocks } = items[0] else { panic!("{items:?}") };
    assert_eq!(ssrc, own);
    assert_eq!(sender.ntp >> 32, 77 + at.as_millis() / 1000);
    assert!(sender.packets > 390 && sender.octets == sender.packets * 160);
    let block = blocks.next().unwrap();
    assert_eq!((block.fraction_lost, block.cumulative_lost), (0, 0));
    assert!(block.last_sender_report != 0 && block.delay_since < 8 << 16);
    let Item::Bye(mut sources) = items[2] else { panic!("{items:?}") };
    assert_eq!(sources.next(), Some(own));
    let text = b"offhook@test";
    assert!(last.windows(text.len()).any(|window| window == text), "CNAME");
    assert_eq!(last.len() % 4, 0);
    assert!(pair.peers[1].events.contains(&MediaEvent::PeerLeft { media: MEDIA }));
    assert!(matches!(pair.peers[0].events.last(), Some(MediaEvent::Closed { .. })));
}

#[test]
fn with_mux_all_goes_over_one_port() {
    let mut plans = [plan(2), plan(1)];
    for plan in &mut plans {
        plan.rtcp_mux = true;
    }
    let mut pair = Pair::new(Link { delay_ms: 5, ..Link::default() }, plans);
    pair.run(Duration::from_secs(20));
    assert!(pair.sent.iter().all(|(_, _, which, _)| *which == Which::Rtp));
    assert!(pair.report(0).round_trip.is_some() && pair.report(1).round_trip.is_some());
    pair.command(1, MediaCommand::Close { media: MEDIA });
    pair.run(Duration::from_millis(50));
    assert!(pair.peers[0].events.contains(&MediaEvent::PeerLeft { media: MEDIA }));
}

#[test]
fn a_stranger_cannot_say_bye() {
    let mut pair = Pair::perfect();
    pair.run(Duration::from_secs(1));
    let media = pair.sent.iter().find(|(from, _, which, _)| *from == 0 && *which == Which::Rtp).unwrap();
    let ssrc = RtpHeader::parse(&media.3).unwrap().0.ssrc.to_be_bytes();
    let bye = [&[0x81, 203, 0, 1][..], &ssrc].concat();
    let now = pair.now;
    let mut say = |host: u8, bytes: &[u8]| {
        pair.peers[1].shard.handle_datagram(now, PORT.key, Which::Rtcp, address(host, 4001), bytes);
        pair.peers[1].shard.poll_event()
    };
    assert_eq!(say(66, &bye), None);
    assert_eq!(say(1, &[0x81, 203, 0, 1, 1, 2, 3, 4]), None, "another source");
    assert_eq!(say(1, &bye), Some(MediaEvent::PeerLeft { media: MEDIA }));
    assert_eq!(say(1, &bye), None, "once");
}

/// RFC 3550 section 4.
#[test]
fn ntp_counts_from_1900() {
    assert_eq!(ntp_from_unix(Duration::ZERO), 2_208_988_800 << 32);
    assert_eq!(ntp_from_unix(Duration::from_millis(1_500)), (2_208_988_801 << 32) + (1 << 31));
}
