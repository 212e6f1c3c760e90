//! Session descriptions as offers and as answers.

use core::net::IpAddr;

use offhook_core::sdp::plan::{Direction, MediaPlan};
use offhook_core::sdp::{
    Answered, CodecList, FORMATS_MAX, LINES_MAX, LocalMedia, MEDIA_MAX, MediaDescription, SessionDescription,
    accept_answer, accept_answer_to, answer, offer, offer_again,
};
use offhook_core::wire::text::parse_number;

use crate::octets::Octets;

const DIRECTIONS: [Direction; 4] =
    [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];

fn side(octets: &mut Octets<'_>) -> LocalMedia {
    let (choice, ptime_ms) = (octets.byte(), octets.byte().into());
    let codecs = ["pcmu", "pcma", "pcmu,pcma", "pcma,pcmu"][usize::from(choice >> 4 & 3)];
    let codecs: CodecList = codecs.parse().expect("known codecs");
    let address: IpAddr =
        if choice & 64 == 0 { [192, 0, 2, 1].into() } else { [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into() };
    LocalMedia {
        address,
        rtp_port: 40_000,
        rtcp_port: 40_000 + u16::from(choice & 1),
        codecs,
        dtmf: choice & 2 == 0,
        ptime_ms,
        direction: DIRECTIONS[usize::from(choice >> 2 & 3)],
        session_id: 77,
        version: 3,
        cname: "cname".into(),
    }
}

/// Two octets choose our side, the rest is a description.
pub(crate) fn run(octets: &[u8]) {
    let mut octets = Octets(octets);
    let local = side(&mut octets);
    let sdp = octets.0;
    let described = SessionDescription::parse(sdp);
    if let Ok(described) = &described {
        assert!(described.media.len() <= MEDIA_MAX);
        for media in &described.media {
            assert!(media.line <= LINES_MAX && media.formats().count() <= FORMATS_MAX);
        }
    }
    match answer(sdp, &local) {
        Ok(answered) => check_answer(sdp, &answered, &local),
        Err(error) => assert!(matches!(error.status(), 400 | 413 | 488)),
    }
    if let Ok(plan) = accept_answer(sdp, &local) {
        check_plan(&plan);
    }
    let first = offer(&local);
    assert_eq!(accept_answer_to(&first, sdp, &local), accept_answer(sdp, &local));
    if let Ok(again) = offer_again(&local, sdp) {
        let again = SessionDescription::parse(&again).expect("our offer can be read");
        let before = described.expect("it was offered again").media.len();
        assert_eq!(again.media.len(), before.max(1), "RFC 3264 section 8: no m= line goes");
    }
    if let Ok(plan) = accept_answer_to(sdp, sdp, &local) {
        check_plan(&plan);
    }
}

fn check_answer(offered: &[u8], answered: &Answered, local: &LocalMedia) {
    let ours = SessionDescription::parse(&answered.sdp).expect("our answer can be read");
    let theirs = SessionDescription::parse(offered).expect("it was answered");
    assert_eq!(ours.media.len(), theirs.media.len(), "RFC 3264 section 6: an m= line for each");
    assert_eq!(ours.media.iter().filter(|media| media.port != 0).count(), 1, "one stream is taken");
    for (ours, theirs) in ours.media.iter().zip(&theirs.media) {
        assert!(ours.media.eq_ignore_ascii_case(theirs.media));
        assert!(ours.transport.eq_ignore_ascii_case(theirs.transport));
        if ours.port != 0 {
            // As numbers: some write 00.
            let numbers = |media: &MediaDescription<'_>| -> Vec<Option<u64>> {
                media.formats().map(parse_number).collect()
            };
            let offered = numbers(theirs);
            let known = numbers(ours).iter().all(|number| number.is_some() && offered.contains(number));
            assert!(known, "a format that was not offered");
        }
    }
    let plan = &answered.plan;
    check_plan(plan);
    let said = ours.media.iter().find(|media| media.port != 0).map(|media| ours.direction_of(media));
    assert_eq!(said, Some(plan.direction), "the answer says what the plan does");
    assert!(local.direction.sends() || !plan.direction.sends());
    assert!(local.direction.receives() || !plan.direction.receives());
    let again = offer_again(local, &answered.sdp).expect("what we answered can be offered again");
    let again = SessionDescription::parse(&again).expect("our offer can be read");
    assert_eq!(again.media.len(), theirs.media.len());
}

fn check_plan(plan: &MediaPlan) {
    assert!((10..=60).contains(&plan.ptime_ms));
    assert!(plan.remote_rtp.is_some() || !plan.direction.sends());
    assert!(plan.remote_rtp.is_none_or(|address| address.port() != 0 && !address.ip().is_multicast()));
    let numbers =
        [Some(plan.send_payload_type), Some(plan.recv_payload_type), plan.send_dtmf, plan.recv_dtmf];
    assert!(numbers.into_iter().flatten().all(|number| number < 128));
    assert_ne!(Some(plan.send_payload_type), plan.send_dtmf);
    assert_ne!(Some(plan.recv_payload_type), plan.recv_dtmf);
}
