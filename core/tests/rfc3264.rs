//! What offers and answers within a call must keep to (RFC 3264 section 8, RFC 3311, RFC 6337).
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use offhook_core::base::ids::SessionId;
use offhook_core::sdp::plan::{Codec, Direction};
use support::{Desk, Message, Request, SDP, SDP_OTHER_PORT, respond};

const VIDEO_THEN_AUDIO: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
    m=video 40100 RTP/AVP 31\r\nm=audio 40000 RTP/AVP 0 8\r\nm=message 5060 TCP/MSRP *\r\n";

fn invite() -> Request {
    Request::new("INVITE").sdp(SDP)
}

/// A call of the peer's with this offer, answered and acknowledged; our 200.
fn taken(offer: &str) -> (Desk, SessionId, Message) {
    let mut desk = Desk::new();
    desk.feed(Request::new("INVITE").sdp(offer).text());
    let session = desk.incoming();
    desk.answer(session);
    let ok = desk.last("200").message;
    desk.feed(Request::new("ACK").callee_tag(&ok.callee_tag()).branch("ack").text());
    desk.news();
    (desk, session, ok)
}

/// A request of the peer's within the call.
fn within(method: &str, ok: &Message, cseq: u32) -> Request {
    Request::new(method).cseq(cseq).callee_tag(&ok.callee_tag()).branch(&format!("{method}{cseq}"))
}

/// Session id and version of the o= line.
fn origin(message: &Message) -> (u64, u64) {
    let line = message.body().lines().find(|line| line.starts_with("o=")).unwrap();
    let words: Vec<u64> = line.split(' ').skip(1).take(2).map(|word| word.parse().unwrap()).collect();
    (words[0], words[1])
}

fn media_lines(message: &Message) -> Vec<String> {
    let lines = message.body().lines().filter(|line| line.starts_with("m="));
    lines.map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

/// Sends a change of the peer's and returns our 200.
fn change(desk: &mut Desk, ok: &Message, method: &str, cseq: u32, sdp: &str) -> Message {
    desk.feed(within(method, ok, cseq).sdp(sdp).text());
    let answer = desk.only().message;
    assert_eq!(answer.code(), "200");
    if method == "INVITE" {
        desk.feed(Request::new("ACK").cseq(cseq).callee_tag(&ok.callee_tag()).branch("ack2").text());
    }
    answer
}

#[test]
fn the_version_counts_the_changes_and_nothing_else() {
    for method in ["INVITE", "UPDATE"] {
        let (mut desk, session, ok) = taken(SDP);
        let first = origin(&ok);
        let same = change(&mut desk, &ok, method, 2, SDP);
        assert_eq!(origin(&same), first, "{method}: what says the same has the same version");
        assert_eq!(desk.told().iter().filter(|told| *told == "media changed").count(), 0);
        let held = change(&mut desk, &ok, method, 3, &SDP.replace("sendrecv", "sendonly"));
        assert_eq!(origin(&held), (first.0, first.1 + 1), "{method}");
        let back = change(&mut desk, &ok, method, 4, SDP);
        assert_eq!(origin(&back), (first.0, first.1 + 2), "{method}: as at first, but not as the last time");
        // Ours goes on counting.
        let now = desk.now;
        desk.core.hold(now, session).unwrap();
        desk.drain();
        let offer = desk.only().message;
        assert_eq!(origin(&offer), (first.0, first.1 + 3), "{method}");
        desk.feed(respond(&offer, 488, "", "", ""));
        desk.news();
        let now = desk.now;
        desk.core.hold(now, session).unwrap();
        desk.drain();
        assert_eq!(origin(&desk.only().message).1, first.1 + 3, "{method}: it was said, though refused");
    }
}

#[test]
fn a_description_that_changed_under_an_old_version_counts_all_the_same() {
    let (mut desk, _, ok) = taken(SDP);
    change(&mut desk, &ok, "INVITE", 2, &SDP.replace("40000", "40010"));
    assert_eq!(desk.plan().remote_rtp.unwrap().port(), 40_010);
}

#[test]
fn every_line_keeps_its_place() {
    let (mut desk, session, ok) = taken(VIDEO_THEN_AUDIO);
    assert_eq!(media_lines(&ok), ["m=video 0", "m=audio 20000", "m=message 0"]);
    let now = desk.now;
    desk.core.hold(now, session).unwrap();
    desk.drain();
    let offer = desk.only().message;
    assert_eq!(media_lines(&offer), ["m=video 0", "m=audio 20000", "m=message 0"], "{}", offer.body());
    let answer = VIDEO_THEN_AUDIO.replace("40100", "0").replace("m=message 5060", "m=message 0");
    desk.feed(respond(&offer, 200, "", "Contact: <sip:peer@192.0.2.9:5060>\r\n", &answer));
    assert_eq!(desk.codes(), ["ACK"]);
    assert_eq!(desk.plan().direction, Direction::SendOnly);
    // One more line from the peer: the answer has it, and so has whatever we offer later.
    let more = format!("{VIDEO_THEN_AUDIO}m=application 9 UDP/BFCP *\r\n");
    let wider = change(&mut desk, &ok, "UPDATE", 2, &more);
    assert_eq!(media_lines(&wider), ["m=video 0", "m=audio 20000", "m=message 0", "m=application 0"]);
    let now = desk.now;
    desk.core.resume(now, session).unwrap();
    desk.drain();
    let offer = desk.only().message;
    assert_eq!(media_lines(&offer), ["m=video 0", "m=audio 20000", "m=message 0", "m=application 0"]);
    // An answer with fewer lines is taken for what it has: the lines that it leaves out are declined.
    desk.feed(respond(&offer, 200, "", "Contact: <sip:peer@192.0.2.9:5060>\r\n", SDP));
    assert_eq!(desk.codes(), ["ACK"]);
    assert_eq!(desk.plan().direction, Direction::SendRecv);
}

#[test]
fn what_the_peer_disabled_stays_so_whatever_else_it_says() {
    let (mut desk, _, ok) = taken(VIDEO_THEN_AUDIO);
    let off = "v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
        m=video 0 RTP/AVP 31\r\na=rtpmap:nonsense\r\nm=audio 40000 RTP/AVP 0 8\r\nm=message 0 TCP/MSRP *\r\n";
    let answer = change(&mut desk, &ok, "INVITE", 2, off);
    assert_eq!(media_lines(&answer), ["m=video 0", "m=audio 20000", "m=message 0"]);
}

/// RFC 3264 section 8.4.
#[test]
fn hold_in_all_its_dialects() {
    let cases = [
        (SDP.replace("a=sendrecv", "a=sendonly"), "a=recvonly", Direction::RecvOnly),
        (SDP.replace("a=sendrecv", "a=inactive"), "a=inactive", Direction::Inactive),
        (
            SDP.replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n").replace("a=sendrecv\r\n", ""),
            "a=recvonly",
            Direction::RecvOnly,
        ),
        (
            SDP.replace("c=IN IP4 192.0.2.9", "c=IN IP4 0.0.0.0").replace("a=sendrecv", "a=inactive"),
            "a=inactive",
            Direction::Inactive,
        ),
        // The old way says nothing about what they send: nothing may be sent to them.
        (SDP.replace("c=IN IP4 192.0.2.9", "c=IN IP4 0.0.0.0"), "a=recvonly", Direction::RecvOnly),
    ];
    for method in ["INVITE", "UPDATE"] {
        for (offer, line, direction) in &cases {
            let (mut desk, _, ok) = taken(SDP);
            let answer = change(&mut desk, &ok, method, 2, offer);
            assert!(answer.body().contains(line), "{offer}\n{}", answer.body());
            assert_eq!(desk.plan().direction, *direction, "{offer}");
            assert_eq!(desk.told().last().unwrap(), "hold false true");
            change(&mut desk, &ok, method, 3, SDP);
            assert_eq!(desk.plan().direction, Direction::SendRecv);
            assert_eq!(desk.told().last().unwrap(), "hold false false");
        }
    }
}

#[test]
fn the_media_move_at_once() {
    for method in ["INVITE", "UPDATE"] {
        let (mut desk, _, ok) = taken(SDP);
        change(&mut desk, &ok, method, 2, SDP_OTHER_PORT);
        assert_eq!((desk.plan().codec, desk.plan().remote_rtp.unwrap().port()), (Codec::Pcma, 40_002));
    }
}

#[test]
fn only_invite_and_update_move_the_target() {
    let moved = "<sip:moved@192.0.2.9:5070>";
    for (method, moves) in [("INVITE", true), ("UPDATE", true), ("OPTIONS", false)] {
        let (mut desk, session, ok) = taken(SDP);
        desk.feed(within(method, &ok, 2).contact(moved).text());
        assert_eq!(desk.only().message.code(), "200", "{method}");
        if method == "INVITE" {
            let ack = Request::new("ACK").cseq(2).callee_tag(&ok.callee_tag()).branch("ack2");
            desk.feed(ack.sdp(SDP).text());
        }
        desk.hangup(session);
        let expected = if moves { "sip:moved@192.0.2.9:5070" } else { "sip:peer@192.0.2.9:5060" };
        assert_eq!(desk.last("BYE").message.uri(), expected, "{method}");
    }
}

#[test]
fn an_update_without_offer_changes_no_media() {
    let (mut desk, _, ok) = taken(SDP);
    desk.feed(within("UPDATE", &ok, 2).text());
    let answer = desk.only().message;
    assert_eq!((answer.code().as_str(), answer.body()), ("200", ""));
    assert!(answer.has("Contact") && answer.has("Allow"));
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed"]);
}

#[test]
fn an_offer_may_come_before_the_ack_of_our_answer_is_there() {
    let mut desk = Desk::new();
    desk.feed(invite().text());
    let session = desk.incoming();
    desk.answer(session);
    let ok = desk.last("200").message;
    desk.news();
    desk.feed(within("UPDATE", &ok, 2).sdp(SDP_OTHER_PORT).text());
    assert_eq!(desk.codes(), ["200"], "the exchange is over with our 200");
    desk.feed(Request::new("ACK").callee_tag(&ok.callee_tag()).branch("ack").text());
    assert_eq!(desk.told().last().unwrap(), "confirmed");
    assert_eq!(desk.plan().codec, Codec::Pcma);
}

/// RFC 3264 section 4: one offer at a time.
#[test]
fn an_offer_before_the_answer_to_ours_gets_491() {
    let mut desk = Desk::new();
    desk.feed(Request::new("INVITE").text());
    let session = desk.incoming();
    desk.answer(session);
    let ok = desk.last("200").message;
    desk.news();
    desk.feed(within("UPDATE", &ok, 2).sdp(SDP_OTHER_PORT).text());
    assert_eq!(desk.codes(), ["491"], "our offer is in the 200, its answer comes in the ACK");
    desk.feed(Request::new("ACK").callee_tag(&ok.callee_tag()).branch("ack").sdp(SDP).text());
    assert_eq!(desk.told().last().unwrap(), "media changed");
}
