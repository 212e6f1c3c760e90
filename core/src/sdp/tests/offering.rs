use super::super::plan::Codec;
use super::*;

/// RFC 8866 section 5, RFC 3264 section 5.1.
#[test]
fn whole_offer() {
    let expected = "v=0\r\no=- 77 3 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                    m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
                    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";
    assert_eq!(text(&offer(&local())), expected);
}

#[test]
fn offer_follows_our_preference() {
    let local = LocalMedia {
        codecs: "pcma,pcmu".parse().unwrap(),
        dtmf: false,
        direction: Direction::SendOnly,
        ptime_ms: 30,
        rtcp_port: 50_000,
        ..local()
    };
    let sdp = text(&offer(&local));
    let expected = "m=audio 40000 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=ptime:30\r\n\
                    a=sendonly\r\na=rtcp:50000\r\n";
    assert!(sdp.ends_with(expected), "{sdp}");
}

#[test]
fn mux_is_offered_by_one_port_for_both_and_needs_the_peer() {
    let one_port = LocalMedia { rtcp_port: 40_000, ..local() };
    assert!(text(&offer(&one_port)).ends_with("a=rtcp:40000\r\na=rtcp-mux\r\n"));
    let with = peer("m=audio 5000 RTP/AVP 0\na=rtcp-mux\n");
    let without = peer("m=audio 5000 RTP/AVP 0\n");
    let plan = accept_answer(&with, &one_port).unwrap();
    assert_eq!((plan.rtcp_mux, plan.remote_rtcp), (true, at("198.51.100.7:5000")));
    let plan = accept_answer(&without, &one_port).unwrap();
    assert_eq!((plan.rtcp_mux, plan.remote_rtcp), (false, at("198.51.100.7:5001")));
    // An answer may not bring it up by itself (RFC 5761 section 5.1.1).
    let plan = accept_answer(&with, &local()).unwrap();
    assert_eq!((plan.rtcp_mux, plan.remote_rtcp), (false, at("198.51.100.7:5001")));
}

#[test]
fn each_side_sends_with_the_numbers_of_the_other() {
    let media = "m=audio 5000 RTP/AVP 97 96\na=rtpmap:97 PCMA/8000\na=rtpmap:96 telephone-event/8000\n";
    let plan = accepted(media).unwrap();
    assert_eq!((plan.codec, plan.send_payload_type, plan.recv_payload_type), (Codec::Pcma, 97, 8));
    assert_eq!((plan.send_dtmf, plan.recv_dtmf), (Some(96), Some(101)));
}

#[test]
fn first_codec_of_the_answer_that_is_ours_is_used() {
    assert_eq!(accepted("m=audio 5000 RTP/AVP 18 8 0\n").unwrap().codec, Codec::Pcma);
    assert_eq!(accepted("m=audio 5000 RTP/AVP 8\n").unwrap().codec, Codec::Pcma);
    assert_eq!(accepted("m=audio 5000 RTP/AVP 18\n"), Err(AnswerError::NoCommonCodec));
    let only_pcmu = LocalMedia { codecs: "pcmu".parse().unwrap(), ..local() };
    assert_eq!(accept_answer(&peer("m=audio 5000 RTP/AVP 8\n"), &only_pcmu), Err(AnswerError::NoCommonCodec));
}

#[test]
fn other_codecs_of_the_answer_may_arrive_as_well() {
    let others = |media: &str| accepted(media).unwrap().recv_others.to_vec();
    assert_eq!(others("m=audio 5000 RTP/AVP 8\n"), []);
    assert_eq!(others("m=audio 5000 RTP/AVP 18 8 0 3 0 8\n"), [(0, Codec::Pcmu)]);
    // Whatever number the answer has for it, it arrives with ours.
    assert_eq!(others("m=audio 5000 RTP/AVP 8 97\na=rtpmap:97 PCMU/8000\n"), [(0, Codec::Pcmu)]);
    // The answer that we write has one codec, and one is all that may come.
    let answered = answer(&peer("m=audio 5000 RTP/AVP 8 0\n"), &local()).unwrap();
    assert_eq!(answered.plan.recv_others.to_vec(), []);
}

#[test]
fn telephone_event_needs_both_sides() {
    let with = "m=audio 5000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n";
    assert_eq!(accepted(with).unwrap().send_dtmf, Some(101));
    let plan = accepted("m=audio 5000 RTP/AVP 0\n").unwrap();
    assert_eq!((plan.send_dtmf, plan.recv_dtmf), (None, None));
    let without = LocalMedia { dtmf: false, ..local() };
    let plan = accept_answer(&peer(with), &without).unwrap();
    assert_eq!((plan.send_dtmf, plan.recv_dtmf), (None, None));
}

#[test]
fn line_left_out_of_an_answer_means_what_the_offer_said() {
    let plan = accepted("m=audio 5000 RTP/AVP 0 101\n").unwrap();
    assert_eq!((plan.send_dtmf, plan.recv_dtmf), (Some(101), Some(101)));
    let other = "m=audio 5000 RTP/AVP 0 101\na=rtpmap:101 opus/48000/2\n";
    assert_eq!(accepted(other).unwrap().send_dtmf, None);
    assert_eq!(accepted("m=audio 5000 RTP/AVP 0 102\n").unwrap().send_dtmf, None);
}

#[test]
fn answer_that_accepts_nothing_is_an_error() {
    assert_eq!(accepted("m=audio 0 RTP/AVP 0\n"), Err(AnswerError::Declined));
    assert_eq!(accepted("m=video 6000 RTP/AVP 31\n"), Err(AnswerError::NoUsableMedia));
    assert_eq!(accepted("m=audio 5000 RTP/SAVP 0\n"), Err(AnswerError::NoUsableTransport));
    assert_eq!((AnswerError::Declined.status(), AnswerError::Declined.warning()), (488, None));
}

#[test]
fn lines_of_an_answer_that_answer_nothing_are_ignored() {
    let one = accepted("m=audio 5000 RTP/AVP 0\n");
    assert!(one.is_ok());
    for extra in
        ["video 0 RTP/AVP 31", "video 6000 RTP/AVP 31", "application 0 TCP/BFCP *", "audio 0 RTP/AVP 8"]
    {
        assert_eq!(accepted(&format!("m=audio 5000 RTP/AVP 0\nm={extra}\n")), one, "{extra}");
        if !extra.starts_with("audio") {
            assert_eq!(accepted(&format!("m={extra}\nm=audio 5000 RTP/AVP 0\n")), one, "{extra} before it");
        }
    }
    assert_eq!(accepted("m=audio 0 RTP/AVP 0\nm=audio 5000 RTP/AVP 0\n"), Err(AnswerError::Declined));
}

#[test]
fn a_line_that_an_answer_leaves_out_declines_its_stream() {
    assert_eq!(accepted(""), Err(AnswerError::NoUsableMedia));
}

#[test]
fn later_offer_keeps_the_places_of_the_session() {
    let first = peer("m=video 6000 RTP/AVP 31\nm=audio 5000 RTP/AVP 0\nm=image 7000 udptl t38\n");
    let answered = answer(&first, &local()).unwrap();
    let hold = LocalMedia { direction: Direction::SendOnly, version: 4, ..local() };
    let again = offer_again(&hold, &answered.sdp).unwrap();
    let sdp = text(&again);
    assert!(sdp.contains("o=- 77 4 IN IP4 192.0.2.1\r\n"), "{sdp}");
    let media: Vec<_> = sdp.lines().filter(|line| line.starts_with("m=") || line.contains("only")).collect();
    let expected =
        ["m=video 0 RTP/AVP 31", "m=audio 40000 RTP/AVP 0 8 101", "a=sendonly", "m=image 0 udptl t38"];
    assert_eq!(media, expected);

    let reply = peer("m=video 0 RTP/AVP 31\nm=audio 5000 RTP/AVP 0\na=recvonly\nm=image 0 udptl t38\n");
    let plan = accept_answer_to(&again, &reply, &hold).unwrap();
    assert_eq!((plan.remote_rtp, plan.direction), (at("198.51.100.7:5000"), Direction::SendOnly));
    let short = peer("m=audio 5000 RTP/AVP 0\n");
    let found = accept_answer_to(&again, &short, &hold).unwrap();
    assert_eq!(found.remote_rtp, at("198.51.100.7:5000"), "the audio is there, the others are declined");
}

/// RFC 3264 section 8.1 for the line that was declined.
#[test]
fn later_offer_of_a_plain_session_is_a_plain_offer() {
    let plain = offer(&local());
    assert_eq!(offer_again(&local(), &plain), Ok(plain.clone()));
    let reply = peer("m=audio 5000 RTP/AVP 8\n");
    assert_eq!(accept_answer_to(&plain, &reply, &local()), accept_answer(&reply, &local()));
    assert_eq!(offer_again(&local(), b"v=0\r\n"), Ok(plain.clone()));
    // A line that was declined is used anew.
    assert_eq!(offer_again(&local(), &peer("m=video 0 RTP/AVP 31\n")), Ok(plain));
}
