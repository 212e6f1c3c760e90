use super::*;
use alloc::string::ToString;

fn fault(sdp: &[u8]) -> (u32, SdpFault) {
    let error = SessionDescription::parse(sdp).unwrap_err();
    (error.line, error.fault)
}

#[test]
fn text_that_is_no_description_is_refused() {
    assert_eq!(fault(b""), (1, SdpFault::Version));
    assert_eq!(fault(b"\r\n\r\n"), (1, SdpFault::Version));
    assert_eq!(fault(b"hello"), (1, SdpFault::Version));
    assert_eq!(fault(b"\r\nv=1\r\n"), (2, SdpFault::Version));
    assert_eq!(fault(b"o=- 1 1 IN IP4 192.0.2.9\r\nv=0\r\n"), (1, SdpFault::Version));
    assert_eq!(fault(b"v=0\r\ns=-\r\nhello\r\n"), (3, SdpFault::Form));
    assert_eq!(fault(b"v=0\r\n = \r\n"), (2, SdpFault::Form));
    assert_eq!(fault(b"v=0\r\ns\r\n"), (2, SdpFault::Form));
}

#[test]
fn line_ends_may_be_lf_alone_and_the_last_may_be_missing() {
    let lf = b"v=0\nc=IN IP4 198.51.100.7\nm=audio 5000 RTP/AVP 0";
    assert_eq!(answer(lf, &local()).unwrap().plan.remote_rtp, at("198.51.100.7:5000"));
    let blanks = b"v=0 \n\n\nc=IN IP4  198.51.100.7 \nm=audio\t5000 RTP/AVP  0 \na=sendonly \n\n";
    assert_eq!(answer(blanks, &local()).unwrap().plan.direction, Direction::RecvOnly);
}

#[test]
fn missing_session_lines_are_tolerated() {
    let sdp = b"v=0\r\nm=audio 5000 RTP/AVP 0\r\nc=IN IP4 198.51.100.7\r\n";
    let session = SessionDescription::parse(sdp).unwrap();
    assert_eq!((session.origin, session.timing), (None, None));
    assert!(answer(sdp, &local()).is_ok());
}

#[test]
fn unknown_lines_and_attributes_are_passed_over() {
    let (plan, _) = answered(
        "y=0100000001\nm=audio 5000 RTP/AVP 0\ni=\u{fc}\nb=AS:64\nk=clear:x\na=\na=:\na=crypto:1 x y\na=candidate:1 1 \
         UDP 1 10.0.0.1 9 typ host\na=setup:actpass\na=ssrc:1 cname:x\na=sendrecvx\nf=v/1/2\n",
    );
    assert_eq!(plan.direction, Direction::SendRecv);
    let binary = [&peer("m=audio 5000 RTP/AVP 0\na=")[..], b"\xff\x00\xfe\r\n"].concat();
    assert!(answer(&binary, &local()).is_ok());
}

/// RFC 8866 section 5.14; RFC 3261 section 21.4 has the status.
#[test]
fn bad_media_lines_are_malformed() {
    let bad = [
        "m=",
        "m=audio",
        "m=audio 5000",
        "m=audio 5000 RTP/AVP",
        "m=audio 70000 RTP/AVP 0",
        "m=audio 65536 RTP/AVP 0",
        "m=audio -1 RTP/AVP 0",
        "m=audio x RTP/AVP 0",
        "m=audio 5000/0 RTP/AVP 0",
        "m=audio 5000/ RTP/AVP 0",
        "m=audio 5000/2/2 RTP/AVP 0",
        "m=video 70000 RTP/AVP 0",
        "m=audio 5000 RTP/AVP 0\ra=x",
        "m=audio 5000 RTP/AVP \0",
        "m=audio 5000 RTP/AVP 0 \u{fc}",
        "m=audio 18446744073709551616 RTP/AVP 0",
    ];
    for line in bad {
        let sdp = peer(&format!("{line}\n"));
        let error = AnswerError::Malformed { line: 6, fault: SdpFault::Media };
        assert_eq!(answer(&sdp, &local()), Err(error), "{line:?}");
        assert_eq!(accept_answer(&sdp, &local()), Err(error), "{line:?}");
        assert_eq!((error.status(), error.warning()), (400, None));
    }
    let sdp = peer("m=audio 5000 RTP/AVP 98\na=rtpmap:98 x/8000\nm=video\n");
    assert_eq!(answer(&sdp, &local()), Err(AnswerError::NoCommonCodec), "the better reason is told");
    let error = answer(&peer("m=image 9 udptl t38\nm=video\n"), &local()).unwrap_err();
    assert!(error.to_string().starts_with("line 7 of the session description: an m= line needs"), "{error}");
}

#[test]
fn first_port_of_several_is_used() {
    assert_eq!(answered("m=audio 5000/2 RTP/AVP 0\n").0.remote_rtp, at("198.51.100.7:5000"));
}

#[test]
fn limits_hold() {
    let error = |media: &str| match answer(&peer(media), &local()).unwrap_err() {
        AnswerError::Malformed { line, fault } => {
            assert_eq!(AnswerError::Malformed { line, fault }.status(), 413);
            (line, fault)
        }
        other => panic!("{other}"),
    };
    assert_eq!(error(&"m=audio 0 RTP/AVP 0\n".repeat(33)), (38, SdpFault::TooManyMedia));
    assert_eq!(error(&format!("m=audio 5 RTP/AVP{}\n", " 0".repeat(65))), (6, SdpFault::TooManyFormats));
    assert_eq!(error(&"a=x\n".repeat(2048)), (2049, SdpFault::TooManyLines));
    assert_eq!(error(&"a".repeat(65_536)), (1, SdpFault::TooLong));

    let most = "m=video 0 RTP/AVP 0\n".repeat(31) + &format!("m=audio 5 RTP/AVP{}\n", " 0".repeat(64));
    let (_, lines) = answered(&most);
    assert!(lines.starts_with(&"m=video 0 RTP/AVP 0\n".repeat(31)), "{lines}");
    assert_eq!(lines.matches("m=").count(), 32);
}

#[test]
fn more_rtpmaps_than_payload_types_cost_nothing() {
    let maps: String = (0..1500).map(|n| format!("a=rtpmap:{n} PCMA/8000\n")).collect();
    let sdp = peer(&format!("m=audio 5000 RTP/AVP 127\n{maps}"));
    let session = SessionDescription::parse(&sdp).unwrap();
    assert_eq!(session.media[0].rtpmaps.len(), 128);
    assert_eq!(answer(&sdp, &local()).unwrap().plan.send_payload_type, 127);
}

#[test]
fn connection_of_the_media_goes_before_that_of_the_session() {
    assert_eq!(answered("m=audio 5000 RTP/AVP 0\n").0.remote_rtp, at("198.51.100.7:5000"));
    let own =
        "m=video 6000 RTP/AVP 31\nc=IN IP4 198.51.100.8\nm=audio 5000 RTP/AVP 0\nc=IN IP4 198.51.100.9\n";
    assert_eq!(answered(own).0.remote_rtp, at("198.51.100.9:5000"));
    // The line of another media is not inherited.
    let other = "m=video 6000 RTP/AVP 31\nc=IN IP4 198.51.100.8\nm=audio 5000 RTP/AVP 0\n";
    assert_eq!(answered(other).0.remote_rtp, at("198.51.100.7:5000"));
}

#[test]
fn ipv6_connection_is_read() {
    let local = LocalMedia { address: "2001:db8::1".parse().unwrap(), ..local() };
    let (plan, _) = answered_by(&local, "m=audio 5000 RTP/AVP 0\nc=IN IP6 2001:db8::7\n");
    assert_eq!(plan.remote_rtp, at("[2001:db8::7]:5000"));
    assert_eq!(plan.remote_rtcp, at("[2001:db8::7]:5001"));
    let sdp = text(&offer(&local));
    assert!(
        sdp.contains("o=- 77 3 IN IP6 2001:db8::1\r\n") && sdp.contains("c=IN IP6 2001:db8::1\r\n"),
        "{sdp}"
    );
    let mapped = "m=audio 5000 RTP/AVP 0\nc=IN IP6 ::ffff:198.51.100.9\n";
    assert_eq!(answered(mapped).0.remote_rtp, at("198.51.100.9:5000"));
}

#[test]
fn address_that_cannot_be_sent_to_is_refused() {
    let bad = [
        "IN IP4 media.example.com",
        "IN IP4 233.252.0.1/127",
        "IN IP4 255.255.255.255",
        "IN IP6 ff02::1",
        "IN IP6 ::ffff:233.252.0.1",
        "IN IP6 2001:db8::7",
        "IN IP4",
        "IN",
        "",
        "ATM NSAP 198.51.100.9",
        "IN IP4 1.2.3.4.5",
        "IN IP4 1.2.3.256",
    ];
    for connection in bad {
        let media = format!("m=audio 5000 RTP/AVP 0\nc={connection}\n");
        let error = AnswerError::NoUsableAddress { line: 7 };
        assert_eq!(refused(&media), error, "{connection}");
        assert_eq!(accepted(&media), Err(error), "{connection}");
        assert_eq!((error.status(), error.warning().unwrap().0), (488, 301));
    }
    let nowhere = b"v=0\r\nm=audio 5000 RTP/AVP 0\r\n";
    assert_eq!(answer(nowhere, &local()), Err(AnswerError::NoUsableAddress { line: 2 }));
    // A stream that is not used may have any address.
    answered("m=video 6000 RTP/AVP 31\nc=IN IP4 media.example.com\nm=audio 5000 RTP/AVP 0\n");
}

/// RFC 8866 section 5.7: an address is read by its type.
#[test]
fn an_address_of_another_type_is_no_address() {
    for connection in [
        "IN IP7 198.51.100.9",
        "IN IPX 198.51.100.9",
        "IN IP 198.51.100.9",
        "IN IP6 198.51.100.9",
        "IN IP4 ::ffff:198.51.100.9",
        "IN IP4 2001:db8::7",
        "IN 198.51.100.9",
        "IPX IP4 198.51.100.9",
        "IN NSAP 198.51.100.9",
    ] {
        let error = AnswerError::NoUsableAddress { line: 7 };
        let media = format!("m=audio 5000 RTP/AVP 0\nc={connection}\n");
        assert_eq!(refused(&media), error, "{connection}");
        assert_eq!(accepted(&media), Err(error), "{connection}");
        let session = format!("v=0\nc={connection}\nm=audio 5000 RTP/AVP 0\n");
        assert_eq!(
            answer(session.as_bytes(), &local()),
            Err(AnswerError::NoUsableAddress { line: 2 }),
            "{connection}"
        );
        let own = format!("v=0\nc={connection}\nm=audio 5000 RTP/AVP 0\nc=IN IP4 198.51.100.9\n");
        let plan = answer(own.as_bytes(), &local()).unwrap().plan;
        assert_eq!(plan.remote_rtp, at("198.51.100.9:5000"), "that of the media goes before it");
        // The address of RTCP is read the same way, and costs the reports only.
        let (plan, _) = answered(&format!("m=audio 5000 RTP/AVP 0\na=rtcp:5009 {connection}\n"));
        assert_eq!((plan.remote_rtp, plan.remote_rtcp), (at("198.51.100.7:5000"), None), "{connection}");
    }
    answered("m=audio 5000 RTP/AVP 0\nc=in ip4 198.51.100.9\n");
    // Only the line at fault is refused where there is another.
    let two = "m=audio 5000 RTP/AVP 0\nc=IN IP7 198.51.100.9\nm=audio 6000 RTP/AVP 0\n";
    let (plan, lines) = answered(two);
    assert_eq!(plan.remote_rtp, at("198.51.100.7:6000"));
    assert!(lines.starts_with("m=audio 0 RTP/AVP 0\nm=audio 40000 "), "{lines}");
}

/// RFC 3264 section 6: what is declined anyway need not be understood.
#[test]
fn what_is_wrong_with_a_stream_that_is_declined_does_not_matter() {
    for (line, declined) in [
        ("m=application 9 TCP/MRCPv2", "m=application 0 TCP/MRCPv2 0"),
        ("m=application 9 TCP/MRCPv2 ", "m=application 0 TCP/MRCPv2 0"),
        ("m=application 9", "m=application 0 udp 0"),
        ("m=application", "m=application 0 udp 0"),
        ("m=", "m=unknown 0 udp 0"),
        ("m=video 70000 RTP/AVP 31", "m=video 0 RTP/AVP 31"),
        ("m=video x RTP/AVP 31 32", "m=video 0 RTP/AVP 31 32"),
        ("m=audio 5000 RTP/AVP", "m=audio 0 RTP/AVP 0"),
        ("m=text 5000 RTP/AVP \u{fc}", "m=text 0 RTP/AVP 0"),
        ("m=t\u{fc}xt 5000 RTP/AVP 98", "m=unknown 0 RTP/AVP 98"),
        ("m=message 2855 TCP/MSRP *\nnonsense\n=\nx-y: z\na", "m=message 0 TCP/MSRP *"),
        ("m=video 0\nc=\nb=\na", "m=video 0 udp 0"),
    ] {
        let (plan, lines) = answered(&format!("m=audio 5000 RTP/AVP 8\n{line}\n"));
        assert_eq!(plan.remote_rtp, at("198.51.100.7:5000"), "{line}");
        assert!(lines.ends_with(&format!("{declined}\n")), "{line}: {lines}");
        let (_, lines) = answered(&format!("{line}\nm=audio 5000 RTP/AVP 8\n"));
        assert!(lines.starts_with(&format!("{declined}\nm=audio 40000 ")), "{line}: {lines}");
    }
    let many = format!("m=audio 5000 RTP/AVP 8\nm=video 5002 RTP/AVP{}\n", " 31".repeat(65));
    assert!(answered(&many).1.ends_with(&format!("m=video 0 RTP/AVP{}\n", " 31".repeat(64))));
    // In the stream that is used, and before any, it does.
    assert_eq!(fault(b"v=0\r\nm=audio 5 RTP/AVP 0\r\nnonsense\r\n"), (3, SdpFault::Form));
    assert_eq!(
        fault(b"v=0\r\nm=video 5 RTP/AVP 0\r\nm audio\r\n"),
        (3, SdpFault::Form),
        "an m= line is missing"
    );
}

/// Of a line that is there twice the first that can be used counts.
#[test]
fn the_first_of_several_lines_that_is_of_use_counts() {
    let dtmf = |maps: &str| answered(&format!("m=audio 5000 RTP/AVP 8 101 101\n{maps}")).0.send_dtmf;
    let (wide, ours) = ("a=rtpmap:101 telephone-event/16000\n", "a=rtpmap:101 telephone-event/8000\n");
    assert_eq!(dtmf(&format!("{wide}{ours}")), Some(101), "RFC 4733 section 2.1: the clock of the codec");
    assert_eq!(dtmf(&format!("{ours}{wide}")), Some(101));
    assert_eq!(dtmf(&format!("{wide}{wide}a=rtpmap:101\n{ours}{wide}")), Some(101));
    assert_eq!(dtmf(wide), None);
    assert_eq!(dtmf(&format!("{ours}a=fmtp:101 0-15\na=fmtp:101 0-11\n")), Some(101));

    let codec = "m=audio 5000 RTP/AVP 98 98 8 8\na=rtpmap:98 PCMU/16000\na=rtpmap:98 PCMU/8000/2\na=rtpmap:98 PCMU/8000\n";
    let (plan, lines) = answered(codec);
    assert_eq!(plan.send_payload_type, 98);
    assert!(lines.starts_with("m=audio 40000 RTP/AVP 98\n"), "{lines}");
    let plan = accepted(
        "m=audio 5000 RTP/AVP 0 0 8 8 101 101\na=rtpmap:101 telephone-event/48000\na=rtpmap:101 telephone-event/8000\n",
    );
    let plan = plan.unwrap();
    assert_eq!((plan.send_payload_type, plan.recv_others.len(), plan.send_dtmf), (0, 1, Some(101)));

    let ptime = |lines: &str| answered(&format!("m=audio 5000 RTP/AVP 8\n{lines}")).0.ptime_ms;
    assert_eq!(ptime("a=ptime:0\na=ptime:x\na=ptime:30\na=ptime:40\n"), 30);
    assert_eq!(ptime("a=ptime:60\na=maxptime:0\na=maxptime:40\n"), 40);

    let address = |lines: &str| answered(&format!("m=audio 5000 RTP/AVP 8\n{lines}")).0.remote_rtp;
    let (six, four) = ("c=IN IP6 2001:db8::7\n", "c=IN IP4 198.51.100.9\n");
    for lines in [[six, four], [four, six], ["c=IN IP7 1.2.3.4\n", four], [four, "c=IN IP4 198.51.100.10\n"]]
    {
        assert_eq!(address(&lines.concat()), at("198.51.100.9:5000"), "{lines:?}");
    }
    let both = format!("v=0\n{six}{four}m=audio 5000 RTP/AVP 8\n");
    let plan = answer(both.as_bytes(), &local()).unwrap().plan;
    assert_eq!(plan.remote_rtp, at("198.51.100.9:5000"));
    let (plan, _) = answered("m=audio 5000 RTP/AVP 8\na=sendonly\na=recvonly\n");
    assert_eq!(plan.direction, Direction::RecvOnly, "the peer sends only");
    let (plan, _) = answered("m=audio 5000 RTP/AVP 8\na=rtcp:0\na=rtcp:x\na=rtcp:5009\na=rtcp:5011\n");
    assert_eq!(plan.remote_rtcp, at("198.51.100.7:5009"));
}
