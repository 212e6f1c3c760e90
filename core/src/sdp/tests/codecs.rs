use super::super::plan::Codec;
use super::*;
use alloc::string::ToString;

#[test]
fn list_reads_names_in_any_case() {
    let list: CodecList = " PCMA ,pcmu".parse().unwrap();
    assert_eq!(list.as_slice(), [Codec::Pcma, Codec::Pcmu]);
    assert_eq!(list.to_string(), "pcma,pcmu");
    assert_eq!(list.iter().next(), Some(Codec::Pcma));
    assert!(!"pcma".parse::<CodecList>().unwrap().contains(Codec::Pcmu));
}

#[test]
fn list_defaults_to_pcmu_then_pcma() {
    assert_eq!(CodecList::default().to_string(), "pcmu,pcma");
    assert_eq!(CodecList::new(&[Codec::Pcmu, Codec::Pcma]), Ok(CodecList::default()));
}

#[test]
fn list_says_what_is_wrong() {
    let error = |text: &str| text.parse::<CodecList>().unwrap_err().to_string();
    assert_eq!(error(" "), "no codec named; the known ones are pcmu,pcma");
    assert_eq!(error("pcmu,g729"), "unknown codec \"g729\"; the known ones are pcmu,pcma");
    assert_eq!(error("pcmu,"), "unknown codec \"\"; the known ones are pcmu,pcma");
    assert_eq!(error("pcma,PCMA"), "codec pcma is named twice");
    assert_eq!(CodecList::new(&[]), Err(CodecListError::Empty));
    let twice = CodecListError::Repeated { codec: Codec::Pcmu };
    assert_eq!(CodecList::new(&[Codec::Pcmu, Codec::Pcmu]), Err(twice));
}

/// RFC 3551 section 6.
#[test]
fn static_payload_types_need_no_rtpmap() {
    for (format, codec) in [(0, Codec::Pcmu), (8, Codec::Pcma)] {
        let (plan, _) = answered(&format!("m=audio 5000 RTP/AVP {format}\n"));
        assert_eq!((plan.codec, plan.send_payload_type, plan.recv_payload_type), (codec, format, format));
    }
}

/// RFC 8866 section 6.6.
#[test]
fn rtpmap_is_read_without_regard_to_case_and_with_one_channel() {
    for map in ["pcma/8000", "PcMa/8000/1", "PCMA/8000", " PCMA/8000 "] {
        let (plan, _) = answered(&format!("m=audio 5000 RTP/AVP 98\na=rtpmap:98 {map}\n"));
        assert_eq!((plan.codec, plan.send_payload_type), (Codec::Pcma, 98), "{map}");
    }
}

#[test]
fn rtpmap_of_another_rate_or_channel_count_is_another_codec() {
    for map in
        ["PCMA/16000", "PCMA/8000/2", "PCMA", "PCMA/", "PCMA/8000/x", "/8000", "PCMA/99999999999999999999"]
    {
        let error = refused(&format!("m=audio 5000 RTP/AVP 98\na=rtpmap:98 {map}\n"));
        assert_eq!(error, AnswerError::NoCommonCodec, "{map}");
    }
}

#[test]
fn rtpmap_goes_before_the_static_table() {
    assert_eq!(refused("m=audio 5000 RTP/AVP 0\na=rtpmap:0 G722/8000\n"), AnswerError::NoCommonCodec);
    // One that cannot be read is as good as none.
    assert_eq!(answered("m=audio 5000 RTP/AVP 0\na=rtpmap:0 PCMU\n").0.codec, Codec::Pcmu);
}

#[test]
fn first_of_two_rtpmaps_counts() {
    let (plan, _) = answered("m=audio 5000 RTP/AVP 97\na=rtpmap:97 PCMA/8000\na=rtpmap:97 opus/48000/2\n");
    assert_eq!(plan.codec, Codec::Pcma);
}

#[test]
fn order_of_the_media_line_decides() {
    let maps = "a=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\na=rtpmap:111 opus/48000/2\n";
    let (plan, lines) = answered(&format!("m=audio 5000 RTP/AVP 111 18 8 0\n{maps}"));
    assert_eq!(plan.codec, Codec::Pcma);
    assert!(lines.starts_with("m=audio 40000 RTP/AVP 8\na=rtpmap:8 PCMA/8000\n"), "{lines}");
}

#[test]
fn order_is_restricted_to_our_codecs() {
    let only_pcmu = LocalMedia { codecs: "pcmu".parse().unwrap(), ..local() };
    assert_eq!(answered_by(&only_pcmu, "m=audio 5000 RTP/AVP 8 0\n").0.codec, Codec::Pcmu);
    assert_eq!(answer(&peer("m=audio 5000 RTP/AVP 8\n"), &only_pcmu), Err(AnswerError::NoCommonCodec));
}

#[test]
fn dynamic_payload_type_of_a_static_codec_is_kept() {
    let (plan, lines) = answered("m=audio 5000 RTP/AVP 97 8\na=rtpmap:97 PCMU/8000\n");
    assert_eq!((plan.codec, plan.send_payload_type, plan.recv_payload_type), (Codec::Pcmu, 97, 97));
    assert!(lines.contains("RTP/AVP 97\n") && lines.contains("a=rtpmap:97 PCMU/8000\n"), "{lines}");
}

#[test]
fn telephone_event_keeps_the_number_of_the_offer() {
    let offer = "m=audio 5000 RTP/AVP 8 97 96\na=rtpmap:97 telephone-event/48000\n\
                 a=rtpmap:96 Telephone-Event/8000\na=fmtp:96 0-11\n";
    let (plan, lines) = answered(offer);
    assert_eq!((plan.send_dtmf, plan.recv_dtmf), (Some(96), Some(96)));
    assert!(lines.contains("RTP/AVP 8 96\n"), "{lines}");
    assert!(lines.contains("a=rtpmap:96 telephone-event/8000\na=fmtp:96 0-15\n"), "{lines}");
}

#[test]
fn telephone_event_is_left_out_when_one_side_has_none() {
    let with = "m=audio 5000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\n";
    let (plan, lines) = answered_by(&LocalMedia { dtmf: false, ..local() }, with);
    assert_eq!((plan.send_dtmf, plan.recv_dtmf), (None, None));
    assert!(!lines.contains("101"), "{lines}");
    let (plan, lines) = answered("m=audio 5000 RTP/AVP 8 101\n");
    assert_eq!((plan.send_dtmf, plan.recv_dtmf), (None, None));
    assert!(!lines.contains("101"), "{lines}");
}

#[test]
fn telephone_event_alone_is_no_codec() {
    let alone = "m=audio 5000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000\n";
    assert_eq!(refused(alone), AnswerError::NoCommonCodec);
    assert_eq!(accepted(alone), Err(AnswerError::NoCommonCodec));
}

#[test]
fn formats_that_are_no_payload_types_are_passed_over() {
    let (plan, _) = answered("m=audio 5000 RTP/AVP 128 256 -1 +8 x 99999999999999999999999 0\n");
    assert_eq!(plan.send_payload_type, 0);
}
