use alloc::string::ToString;
use core::net::IpAddr;

use proptest::{option, prelude::*, sample::select};

use super::super::plan::Codec;
use super::*;

fn directions() -> impl Strategy<Value = Direction> {
    select(&[Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive])
}

fn codec_lists() -> impl Strategy<Value = CodecList> {
    select(vec!["pcmu", "pcma", "pcmu,pcma", "pcma,pcmu"]).prop_map(|text| text.parse().unwrap())
}

/// A side at this address, with ports that differ from those of a side with another base.
fn sides(address: &'static str, base: u16) -> impl Strategy<Value = LocalMedia> {
    let rtcp_ports = select(vec![0, 1, 7]);
    (0u16..1000, rtcp_ports, codec_lists(), any::<bool>(), 0u16..80, directions(), any::<u64>(), any::<u64>())
        .prop_map(move |(port, rtcp, codecs, dtmf, ptime_ms, direction, session_id, version)| LocalMedia {
            address: address.parse::<IpAddr>().unwrap(),
            rtp_port: base + 2 * port,
            rtcp_port: base + 2 * port + rtcp,
            codecs,
            dtmf,
            ptime_ms,
            direction,
            session_id,
            version,
            cname: address.into(),
        })
}

/// Two sides of the same IP version with addresses and ports of their own.
fn pairs() -> impl Strategy<Value = (LocalMedia, LocalMedia)> {
    prop_oneof![
        (sides("203.0.113.61", 10_000), sides("198.51.100.172", 20_000)),
        (sides("2001:db8:a::61", 10_000), sides("2001:db8:b::172", 20_000)),
    ]
}

/// Lines like those of a session description, some of them broken.
fn lines() -> impl Strategy<Value = String> {
    let known = select(vec![
        "v=0",
        "v=1",
        "o=- 1 1 IN IP4 198.51.100.7",
        "s=-",
        "c=IN IP4 198.51.100.7",
        "c=IN IP6 2001:db8::7",
        "c=IN IP4",
        "c=IN IP4 0.0.0.0",
        "c=IN IP4 a.example",
        "t=0 0",
        "t=1",
        "m=audio 5000 RTP/AVP 0 8 101",
        "m=audio 0 RTP/AVP 0",
        "m=audio 5000/2 RTP/AVP 96",
        "m=video 6000 RTP/SAVPF 97 98",
        "m=audio 70000 RTP/AVP 0",
        "m=audio",
        "m=",
        "a=rtpmap:96 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=rtpmap:",
        "a=rtpmap:96",
        "a=rtpmap:96 /",
        "a=",
        "a=fmtp:101 0-15",
        "a=ptime:0",
        "a=ptime:30",
        "a=maxptime:10",
        "a=sendonly",
        "a=recvonly",
        "a=inactive",
        "a=rtcp:5",
        "a=rtcp:0",
        "a=rtcp:9 IN IP4",
        "a=rtcp:9 IN IP4 198.51.100.8",
        "a=rtcp-mux",
        "=",
        "x",
        "\0",
        "",
    ]);
    prop_oneof![8 => known.prop_map(String::from), 1 => "[ -~]{0,24}", 1 => "m=[ -~]{0,24}", 1 => "\\PC{0,12}"]
}

fn read_all(sdp: &[u8]) {
    let v6 = LocalMedia { address: "2001:db8::1".parse().unwrap(), ..local() };
    for local in [local(), v6] {
        if let Ok(Answered { sdp: own, plan }) = answer(sdp, &local) {
            let offered = SessionDescription::parse(sdp).unwrap();
            let answered = SessionDescription::parse(&own).unwrap();
            assert_eq!(answered.media.len(), offered.media.len());
            for (answered, offered) in answered.media.iter().zip(&offered.media) {
                assert_eq!(answered.media.to_ascii_lowercase(), offered.media.to_ascii_lowercase());
            }
            assert_eq!(answered.media.iter().filter(|media| media.port != 0).count(), 1);
            assert!((10..=60).contains(&plan.ptime_ms));
            assert!(plan.remote_rtp.is_some() || !plan.direction.sends());
            let again = offer_again(&local, &own).unwrap();
            assert_eq!(SessionDescription::parse(&again).unwrap().media.len(), offered.media.len());
        }
        drop(accept_answer(sdp, &local));
        drop(offer_again(&local, sdp));
        drop(accept_answer_to(sdp, sdp, &local));
    }
}

proptest! {
    #[test]
    fn arbitrary_octets_do_no_harm(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_all(&octets);
        read_all(&[b"v=0\r\n", &octets[..]].concat());
    }

    #[test]
    fn arbitrary_lines_do_no_harm(lines in proptest::collection::vec(lines(), 0..40), lf in any::<bool>()) {
        let body = lines.join(if lf { "\n" } else { "\r\n" });
        read_all(body.as_bytes());
        read_all(&peer(&body));
    }

    #[test]
    fn damaged_offer_does_no_harm((a, _) in pairs(), place in 0usize..300, octet in any::<u8>()) {
        let mut sdp = offer(&a);
        if let Some(target) = sdp.get_mut(place) {
            *target = octet;
        }
        read_all(&sdp);
        sdp.truncate(place);
        read_all(&sdp);
    }

    #[test]
    fn plans_of_both_ends_mirror_each_other((a, b) in pairs()) {
        let proposal = offer(&a);
        let common = a.codecs.iter().find(|&codec| b.codecs.contains(codec));
        let (Answered { sdp, plan: plan_b }, codec) = match (answer(&proposal, &b), common) {
            (Ok(answered), Some(codec)) => (answered, codec),
            (outcome, _) => {
                prop_assert_eq!(outcome, Err(AnswerError::NoCommonCodec));
                return Ok(());
            }
        };
        let plan_a = accept_answer(&sdp, &a).unwrap();
        prop_assert_eq!(accept_answer_to(&proposal, &sdp, &a), Ok(plan_a.clone()));

        let answer = text(&sdp);
        prop_assert!(!answer.contains(&a.address.to_string()) && answer.contains(&b.address.to_string()));
        let media = answer.split_once("m=").unwrap().1;
        prop_assert!(!media.contains(&a.rtp_port.to_string()));

        prop_assert_eq!(plan_a.remote_rtp, Some(SocketAddr::new(b.address, b.rtp_port)));
        prop_assert_eq!(plan_b.remote_rtp, Some(SocketAddr::new(a.address, a.rtp_port)));
        prop_assert_eq!((plan_a.rtcp_mux, plan_b.rtcp_mux), (a.rtp_port == a.rtcp_port, plan_a.rtcp_mux));
        let port_b = if plan_b.rtcp_mux { b.rtp_port } else { b.rtcp_port };
        prop_assert_eq!(plan_a.remote_rtcp, Some(SocketAddr::new(b.address, port_b)));
        prop_assert_eq!(plan_b.remote_rtcp, Some(SocketAddr::new(a.address, a.rtcp_port)));

        prop_assert_eq!((plan_a.codec, plan_b.codec), (codec, codec));
        prop_assert_eq!(plan_a.send_payload_type, plan_b.recv_payload_type);
        prop_assert_eq!(plan_b.send_payload_type, plan_a.recv_payload_type);
        prop_assert_eq!(plan_a.send_dtmf, plan_b.recv_dtmf);
        prop_assert_eq!(plan_b.send_dtmf, plan_a.recv_dtmf);
        prop_assert_eq!(plan_a.send_dtmf.is_some(), a.dtmf && b.dtmf);
        prop_assert_eq!(plan_a.direction, plan_b.direction.reversed());
        prop_assert!(!plan_a.direction.sends() || (a.direction.sends() && b.direction.receives()));
        let wanted = |side: &LocalMedia| if (10..=60).contains(&side.ptime_ms) { side.ptime_ms } else { 20 };
        prop_assert_eq!((plan_a.ptime_ms, plan_b.ptime_ms), (wanted(&b), wanted(&a)));
        prop_assert_eq!((&plan_a.cname, &plan_b.cname), (&a.cname, &b.cname));
    }

    #[test]
    fn peer_with_numbers_of_its_own_is_understood(
        (a, b) in pairs(), codec in 96u8..=127, dtmf in option::of(96u8..=127), pcma in any::<bool>(),
    ) {
        // A peer that answers with numbers other than those that it was offered (RFC 3264 section 6.1).
        let dtmf = dtmf.filter(|&number| number != codec);
        let name = if pcma { "PCMA" } else { "PCMU" };
        let family = if b.address.is_ipv6() { "IP6" } else { "IP4" };
        let mut answer = format!("v=0\r\nc=IN {family} {}\r\nm=audio {} RTP/AVP {codec}", b.address, b.rtp_port);
        answer += &dtmf.map(|number| format!(" {number}\r\na=rtpmap:{number} telephone-event/8000")).unwrap_or_default();
        answer += &format!("\r\na=rtpmap:{codec} {name}/8000\r\n");
        let wanted = if pcma { Codec::Pcma } else { Codec::Pcmu };
        match accept_answer(answer.as_bytes(), &a) {
            Ok(plan) => {
                prop_assert_eq!((plan.codec, plan.send_payload_type), (wanted, codec));
                prop_assert_eq!(Some(plan.recv_payload_type), wanted.static_payload_type());
                prop_assert_eq!(plan.send_dtmf, dtmf.filter(|_| a.dtmf));
                prop_assert_eq!(plan.recv_dtmf, plan.send_dtmf.map(|_| 101));
            }
            Err(error) => {
                prop_assert_eq!(error, AnswerError::NoCommonCodec);
                prop_assert!(!a.codecs.contains(wanted));
            }
        }
    }
}
