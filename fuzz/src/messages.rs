//! Text: messages, streams of them, session descriptions.

use std::net::IpAddr;

use offhook_core::sdp::plan::Direction;
use offhook_core::sdp::{self, CodecList, LocalMedia, SessionDescription};
use offhook_core::wire::rsip::{from_rsip_request, from_rsip_response, to_rsip_request, to_rsip_response};
use offhook_core::wire::{
    Frame, HeaderName, NameAddr, Path, ReplyHead, StartLine, StreamFramer, Uri, Via, WireLimits,
};

/// A message is read as far as it goes; all that is read of it lies within it, and what we answer can be read again.
pub fn frame(bytes: &[u8]) {
    Uri::parse(bytes).ok();
    (NameAddr::parse(bytes), Via::parse(bytes)).0.map(|address| address.tag());
    let Ok(frame) = Frame::parse(bytes, &WireLimits::default()) else { return };
    let within = |part: &[u8]| {
        let (all, part) = (bytes.as_ptr_range(), part.as_ptr_range());
        assert!(part.is_empty() || (all.start <= part.start && part.end <= all.end));
    };
    within(frame.body());
    for header in frame.headers() {
        within(header.name_text);
        within(header.value);
    }
    for name in [HeaderName::Via, HeaderName::Contact, HeaderName::Route, HeaderName::Require] {
        frame.values(name).for_each(within);
    }
    let facts = frame.facts();
    let path = Path::udp(([192, 0, 2, 1], 5060).into(), ([192, 0, 2, 2], 5060).into());
    if let StartLine::Request { .. } = frame.start() {
        let head = ReplyHead::new(&frame, facts.as_ref().ok(), &path);
        let reply = head.respond(486, "Busy Here", Some(b"tag"), true, &[("Server", b"x")], None);
        let read = Frame::parse(&reply, &WireLimits::NONE);
        let read = read.unwrap_or_else(|error| panic!("our own response: {error}"));
        assert!(matches!(read.start(), StartLine::Response { status: 486, .. }));
        if facts.is_ok() && frame.fault().is_none() {
            assert!(read.facts().is_ok(), "a sound request has a sound response");
        }
        if let Ok(request) = to_rsip_request(&frame) {
            from_rsip_request(&request).expect("what was exact one way is so the other way");
        }
    } else if let Ok(response) = to_rsip_response(&frame) {
        from_rsip_response(&response).expect("what was exact one way is so the other way");
    }
}

/// A stream gives the same messages, in whatever pieces it comes.
pub fn stream(bytes: &[u8]) {
    let Some((&first, rest)) = bytes.split_first() else { return };
    let read = |piece: usize| {
        let mut framer = StreamFramer::new(WireLimits::default());
        let mut messages = Vec::new();
        for piece in rest.chunks(piece.max(1)) {
            framer.push(piece);
            loop {
                match framer.next_message() {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(error) => return (messages, Some(error)),
                }
            }
        }
        (messages, None)
    };
    let whole = read(rest.len());
    let pieces = read(usize::from(first) + 1);
    assert_eq!(whole, pieces);
    assert_eq!(whole, read(1));
}

fn local() -> LocalMedia {
    LocalMedia {
        address: IpAddr::from([192, 0, 2, 1]),
        rtp_port: 4000,
        rtcp_port: 4001,
        codecs: CodecList::default(),
        dtmf: true,
        ptime_ms: 20,
        direction: Direction::SendRecv,
        session_id: 1,
        version: 1,
        cname: String::from("a@b"),
    }
}

/// A description is answered or refused; our answer can be read, has as many lines and is an answer to us.
pub fn sdp(bytes: &[u8]) {
    drop((sdp::accept_answer(bytes, &local()), sdp::offer_again(&local(), bytes)));
    let Ok(offer) = SessionDescription::parse(bytes) else { return };
    let Ok(answered) = sdp::answer(bytes, &local()) else { return };
    let answer = SessionDescription::parse(&answered.sdp);
    let answer = answer.unwrap_or_else(|error| panic!("our own answer: {error}"));
    assert_eq!(answer.media.len(), offer.media.len());
}
