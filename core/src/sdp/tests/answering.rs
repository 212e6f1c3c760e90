use super::super::plan::Codec;
use super::*;

const AUDIO: &str = "m=audio 5000 RTP/AVP 0\n";

/// RFC 8866 sections 5, 5.2 and 5.9.
#[test]
fn whole_answer_is_our_own_template() {
    let offer = "v=0\r\no=bob 1 1 IN IP4 198.51.100.7\r\ns=secret\r\nc=IN IP4 198.51.100.7\r\nt=3034423619 3042462419\r\n\
                 a=group:BUNDLE 0\r\nm=audio 5000 RTP/AVP 8 0 96\r\na=rtpmap:96 telephone-event/8000\r\na=mid:0\r\n\
                 m=video 6000 RTP/AVP 31\r\n";
    let answered = answer(offer.as_bytes(), &local()).unwrap();
    let expected = "v=0\r\no=- 77 3 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=3034423619 3042462419\r\n\
                    m=audio 40000 RTP/AVP 8 96\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:96 telephone-event/8000\r\n\
                    a=fmtp:96 0-15\r\na=ptime:20\r\na=sendrecv\r\nm=video 0 RTP/AVP 31\r\n";
    assert_eq!(text(&answered.sdp), expected);
    let plan = MediaPlan {
        remote_rtp: at("198.51.100.7:5000"),
        remote_rtcp: at("198.51.100.7:5001"),
        sip_peer: None,
        rtcp_mux: false,
        direction: Direction::SendRecv,
        codec: Codec::Pcma,
        send_payload_type: 8,
        recv_payload_type: 8,
        recv_others: Default::default(),
        send_dtmf: Some(96),
        recv_dtmf: Some(96),
        ptime_ms: 20,
        cname: "abc".into(),
    };
    assert_eq!(answered.plan, plan);
}

#[test]
fn time_that_cannot_be_read_is_answered_as_unbounded() {
    let offer = b"v=0\r\nc=IN IP4 198.51.100.7\r\nt=now 0\r\nm=audio 5000 RTP/AVP 0\r\n";
    assert!(text(&answer(offer, &local()).unwrap().sdp).contains("t=0 0\r\n"));
}

#[test]
fn declined_streams_keep_place_transport_and_formats() {
    let offer = "m=video 6000/2 RTP/SAVPF 96 97\na=rtpmap:96 VP8/90000\nm=audio 5000 RTP/AVP 0\nm=audio 7000 RTP/AVP 8\n\
                 m=application 9 UDP/DTLS/SCTP webrtc-datachannel\nm=image 0 udptl t38\n";
    let (plan, lines) = answered(offer);
    assert_eq!(plan.remote_rtp, at("198.51.100.7:5000"));
    let media: Vec<_> = lines.lines().filter(|line| line.starts_with("m=")).collect();
    let expected = [
        "m=video 0 RTP/SAVPF 96 97",
        "m=audio 40000 RTP/AVP 0",
        "m=audio 0 RTP/AVP 8",
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
        "m=image 0 udptl t38",
    ];
    assert_eq!(media, expected);
}

#[test]
fn first_audio_stream_that_can_be_used_is_accepted() {
    let unusable = [
        "m=audio 0 RTP/AVP 0\n",
        "m=audio 5000 RTP/SAVP 0\n",
        "m=audio 5000 RTP/AVP 18\n",
        "m=audio 5000 RTP/AVP 0\nc=IN IP4 media.example.com\n",
    ];
    for first in unusable {
        let (plan, lines) = answered(&format!("{first}m=audio 7000 RTP/AVP 8\n"));
        assert_eq!(plan.remote_rtp, at("198.51.100.7:7000"), "{first}");
        assert!(lines.starts_with("m=audio 0 ") && lines.contains("\nm=audio 40000 RTP/AVP 8\n"), "{lines}");
    }
}

#[test]
fn offer_without_a_stream_for_us_is_refused() {
    let cases = [
        ("", AnswerError::NoUsableMedia, 304),
        ("m=audio 0 RTP/AVP 0\n", AnswerError::NoUsableMedia, 304),
        ("m=video 6000 RTP/AVP 31\n", AnswerError::NoUsableMedia, 304),
        ("m=audio 5000 RTP/SAVP 0\n", AnswerError::NoUsableTransport, 302),
        ("m=audio 5000 RTP/SAVPF 0\n", AnswerError::NoUsableTransport, 302),
        ("m=audio 5000 UDP/TLS/RTP/SAVPF 0\n", AnswerError::NoUsableTransport, 302),
        ("m=audio 5000 carrier-pigeon 0\n", AnswerError::NoUsableTransport, 302),
        ("m=audio 5000 RTP/AVP 18\n", AnswerError::NoCommonCodec, 305),
        // The stream that came furthest names the reason.
        (
            "m=audio 5000 RTP/AVP 18\nm=audio 5002 RTP/SAVP 0\nm=video 1 RTP/AVP 31\n",
            AnswerError::NoCommonCodec,
            305,
        ),
    ];
    for (media, error, code) in cases {
        assert_eq!(refused(media), error, "{media}");
        assert_eq!((error.status(), error.warning().unwrap().0), (488, code), "{media}");
    }
}

/// RFC 3264 section 6.1, RFC 8866 section 6.7.
#[test]
fn direction_is_reversed_and_intersected() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    // What the offer says, what we want, what comes of it for us. The answer says the same: it speaks for us.
    let cases = [
        ("sendrecv", SendRecv, SendRecv),
        ("sendonly", SendRecv, RecvOnly),
        ("recvonly", SendRecv, SendOnly),
        ("inactive", SendRecv, Inactive),
        ("sendrecv", SendOnly, SendOnly),
        ("sendonly", SendOnly, Inactive),
        ("recvonly", SendOnly, SendOnly),
        ("sendrecv", RecvOnly, RecvOnly),
        ("sendonly", RecvOnly, RecvOnly),
        ("recvonly", RecvOnly, Inactive),
        ("sendrecv", Inactive, Inactive),
    ];
    for (theirs, direction, outcome) in cases {
        let local = LocalMedia { direction, ..local() };
        let word = ["sendrecv", "sendonly", "recvonly", "inactive"][outcome as usize];
        let offers = [
            format!("{AUDIO}a={theirs}\n"),
            format!("a={theirs}\n{AUDIO}"),
            format!("a=inactive\n{AUDIO}a={theirs}\n"),
        ];
        for offer in offers {
            let (plan, lines) = answered_by(&local, &offer);
            assert_eq!(plan.direction, outcome, "{offer} {direction:?}");
            assert!(lines.contains(&format!("a={word}\n")), "{lines}");
            assert_eq!(accept_answer(&peer(&offer), &local).unwrap().direction, outcome);
        }
    }
    assert_eq!(answered(AUDIO).0.direction, SendRecv);
}

#[test]
fn zero_address_is_hold() {
    for (connection, direction, outcome) in [
        ("IN IP4 0.0.0.0", "sendrecv", Direction::RecvOnly),
        ("IN IP4 0.0.0.0", "sendonly", Direction::RecvOnly),
        ("IN IP4 0.0.0.0", "recvonly", Direction::Inactive),
        ("IN IP6 ::", "inactive", Direction::Inactive),
    ] {
        let media =
            format!("{AUDIO}c={connection}\na={direction}\na=rtcp:9 IN IP4 198.51.100.7\na=rtcp-mux\n");
        let (plan, _) = answered(&media);
        assert_eq!((plan.remote_rtp, plan.remote_rtcp, plan.direction), (None, None, outcome));
        let plan = accepted(&media).unwrap();
        assert_eq!((plan.remote_rtp, plan.remote_rtcp, plan.direction), (None, None, outcome));
    }
}

/// RFC 3605 section 2.1; without the attribute, RFC 3550 section 11.
#[test]
fn rtcp_attribute_is_honoured() {
    let cases = [
        ("", at("198.51.100.7:5001")),
        ("a=rtcp:53020\n", at("198.51.100.7:53020")),
        ("a=rtcp:53020 IN IP4 198.51.100.8\n", at("198.51.100.8:53020")),
        ("a=rtcp:53020 IN IP4 media.example.com\n", None),
        ("a=rtcp:53020 IN IP4 0.0.0.0\n", None),
        ("a=rtcp:53020 IN IP6 2001:db8::7\n", None),
        ("a=rtcp:0\n", at("198.51.100.7:5001")),
        ("a=rtcp:70000\n", at("198.51.100.7:5001")),
        ("a=rtcp\n", at("198.51.100.7:5001")),
    ];
    for (attribute, remote_rtcp) in cases {
        assert_eq!(answered(&format!("{AUDIO}{attribute}")).0.remote_rtcp, remote_rtcp, "{attribute}");
    }
    assert_eq!(answered("m=audio 65535 RTP/AVP 0\n").0.remote_rtcp, None);
}

#[test]
fn mux_is_answered_only_if_offered() {
    let (plan, lines) = answered(&format!("{AUDIO}a=rtcp:53020\na=rtcp-mux\n"));
    assert_eq!((plan.rtcp_mux, plan.remote_rtcp), (true, at("198.51.100.7:5000")));
    assert!(lines.ends_with("a=sendrecv\na=rtcp-mux\n"), "{lines}");
    let (plan, lines) = answered(AUDIO);
    assert!(!plan.rtcp_mux && !lines.contains("rtcp"), "{lines}");
}

#[test]
fn mux_is_refused_for_payload_types_that_look_like_rtcp() {
    let (plan, lines) = answered("m=audio 5000 RTP/AVP 72\na=rtpmap:72 PCMU/8000\na=rtcp-mux\n");
    assert_eq!((plan.rtcp_mux, plan.remote_rtcp), (false, at("198.51.100.7:5001")));
    assert!(!lines.contains("rtcp-mux"), "{lines}");
}

#[test]
fn own_rtcp_port_is_named_where_it_cannot_be_guessed() {
    let odd = LocalMedia { rtcp_port: 41_000, ..local() };
    assert!(answered_by(&odd, AUDIO).1.contains("a=rtcp:41000\n"));
    assert!(!answered_by(&odd, &format!("{AUDIO}a=rtcp-mux\n")).1.contains("a=rtcp:"));
}

#[test]
fn packet_duration_of_the_peer_is_honoured_within_bounds() {
    let cases = [
        ("", 20),
        ("a=ptime:10\n", 10),
        ("a=ptime: 30 \n", 30),
        ("a=ptime:60\n", 60),
        ("a=ptime:61\n", 20),
        ("a=ptime:9\n", 20),
        ("a=ptime:0\n", 20),
        ("a=ptime:x\n", 20),
        ("a=ptime\n", 20),
        ("a=ptime:-20\n", 20),
        ("a=ptime:4294967316\n", 20),
        ("a=ptime:65556\n", 20),
        ("a=maxptime:10\n", 10),
        ("a=maxptime:200\n", 20),
        ("a=ptime:40\na=maxptime:30\n", 30),
        ("a=ptime:40\na=maxptime:0\n", 40),
        ("a=maxptime:5\n", 20),
    ];
    for (attributes, ptime_ms) in cases {
        assert_eq!(answered(&format!("{AUDIO}{attributes}")).0.ptime_ms, ptime_ms, "{attributes}");
        assert_eq!(accepted(&format!("{AUDIO}{attributes}")).unwrap().ptime_ms, ptime_ms, "{attributes}");
    }
    let long = LocalMedia { ptime_ms: 40, ..local() };
    let (plan, lines) = answered_by(&long, AUDIO);
    assert!(plan.ptime_ms == 40 && lines.contains("a=ptime:40\n"), "{lines}");
    let (plan, lines) = answered_by(&LocalMedia { ptime_ms: 0, ..local() }, AUDIO);
    assert!(plan.ptime_ms == 20 && lines.contains("a=ptime:20\n"), "{lines}");
}
