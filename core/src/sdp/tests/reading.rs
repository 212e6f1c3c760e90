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
    let sdp = peer("m=audio 5000 RTP/AVP 0\nm=video\n");
    let error = answer(&sdp, &local()).unwrap_err();
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
