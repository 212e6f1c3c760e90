//! Offers and answers, late ones too (RFC 3261 section 13.2.1, RFC 3264).

use super::*;
use offhook_core::media::MediaCommand;

// A late offer: ours in the 200, the answer in the ACK (section 13.2.1).

fn late() -> (Desk, SessionId, Message) {
    answered(&Request::new("INVITE"))
}

/// RFC 3261 section 13.2.1.
#[test]
fn an_invite_without_offer_gets_one_in_the_200() {
    let (mut desk, _, ok) = late();
    assert_eq!(ok.header("Content-Type"), "application/sdp");
    assert!(ok.body().contains("m=audio 20000 RTP/AVP 0 8"), "{}", ok.body());
    let ack = Request::new("ACK").callee_tag(&ok.callee_tag()).branch("ack").sdp(SDP_OTHER_PORT);
    desk.feed(ack.text());
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed", "media changed"]);
    assert_eq!((desk.plan().codec, desk.plan().remote_rtp.unwrap().port()), (Codec::Pcma, 40_002));
    desk.feed(ack.text());
    desk.run_for(60 * SECOND);
    assert_eq!(desk.codes(), [""; 0]);
    hung_up_by_peer(&mut desk, &Request::new("INVITE"), &ok.callee_tag(), 2);
}

#[test]
fn a_late_answer_that_is_missing_or_unusable_ends_the_call() {
    for answer in ["", SDP_NO_CODEC, "nonsense"] {
        let (mut desk, _, ok) = late();
        let mut ack = Request::new("ACK").callee_tag(&ok.callee_tag()).branch("ack");
        if !answer.is_empty() {
            ack = ack.sdp(answer);
        }
        desk.feed(ack.text());
        let bye = desk.only().message;
        assert_eq!(bye.code(), "BYE", "{answer}");
        assert_eq!(desk.told(), ["incoming", "answered", "ended NoCommonMedia"]);
        desk.feed(support::respond(&bye, 200, "", "", ""));
        desk.assert_all_gone();
    }
}

#[test]
fn hanging_up_before_a_late_answer() {
    let (mut desk, session, ok) = late();
    desk.hangup(session);
    desk.feed(Request::new("ACK").callee_tag(&ok.callee_tag()).branch("ack").sdp(SDP).text());
    let bye = desk.only().message;
    assert_eq!(bye.code(), "BYE");
    assert_eq!(desk.told(), ["incoming", "answered", "ended LocalHangup"]);
    desk.feed(support::respond(&bye, 200, "", "", ""));
    desk.run_for(SECOND);
    assert_eq!(desk.core.registry().len(), 0);
    desk.assert_all_gone();
}

// Media before the ACK (RFC 3264 section 6.1): whoever answers must be ready for them, and may send.

#[test]
fn the_callee_hears_and_speaks_from_its_200_on() {
    let (mut desk, session, ok) = answered(&Request::new("INVITE").sdp(SDP));
    assert_eq!(desk.told(), ["incoming", "answered"], "the ACK is still to come");
    assert_eq!(desk.media.len(), 1);
    let plan = desk.plan();
    assert_eq!((plan.direction, plan.remote_rtp.map(|it| it.port())), (Direction::SendRecv, Some(40_000)));
    desk.feed(Request::new("ACK").callee_tag(&ok.callee_tag()).branch("ack").text());
    assert_eq!(desk.media.len(), 1, "the ACK changes nothing");
    leave(&mut desk, session);
    // Without an offer nobody knows yet where the caller is; what it sends can be heard all the same.
    let (mut desk, session, ok) = late();
    assert!(matches!(desk.media[..], [MediaCommand::Open { .. }]));
    assert_eq!((desk.plan().direction, desk.plan().remote_rtp), (Direction::RecvOnly, None));
    desk.feed(Request::new("ACK").callee_tag(&ok.callee_tag()).branch("ack").sdp(SDP).text());
    assert_eq!(desk.plan().direction, Direction::SendRecv);
    leave(&mut desk, session);
}

fn leave(desk: &mut Desk, session: SessionId) {
    desk.hangup(session);
    let bye = desk.last("BYE").message;
    desk.feed(support::respond(&bye, 200, "", "", ""));
    desk.assert_all_gone();
}

// Session descriptions (RFC 3264).

#[test]
fn static_payload_types_need_no_rtpmap() {
    for (formats, codec, payload) in
        [("0", Codec::Pcmu, 0), ("8", Codec::Pcma, 8), ("18 8 0", Codec::Pcma, 8)]
    {
        let (desk, _, ok) = answered(&invite().sdp(&SDP.replace("0 8", formats)));
        assert_eq!((desk.plan().codec, desk.plan().send_payload_type), (codec, payload), "{formats}");
        assert!(ok.body().contains(&format!("m=audio 20000 RTP/AVP {payload}\r\n")), "{}", ok.body());
    }
}

#[test]
fn a_mapped_payload_type_is_taken_over_from_the_offer() {
    let offer = SDP.replace("0 8", "97 101")
        + "a=rtpmap:97 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";
    let (desk, _, ok) = answered(&invite().sdp(&offer));
    let plan = desk.plan();
    assert_eq!((plan.codec, plan.send_payload_type, plan.send_dtmf), (Codec::Pcma, 97, Some(101)));
    assert!(ok.body().contains("m=audio 20000 RTP/AVP 97 101\r\n"), "{}", ok.body());
}

#[test]
fn as_many_media_lines_are_answered_as_were_offered() {
    let offer = SDP.to_string() + "m=video 40010 RTP/AVP 31\r\nm=audio 40020 RTP/AVP 0\r\n";
    let (_, _, ok) = answered(&invite().sdp(&offer));
    let lines: Vec<&str> = ok.body().lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("m=audio 20000 "));
    assert!(lines[1].starts_with("m=video 0 ") && lines[2].starts_with("m=audio 0 "), "{lines:?}");
}
