//! OPTIONS (RFC 3261 section 11), in a call and out of it.

use offhook_core::coordinator::{CoordinatorConfig, Event};
use offhook_core::signaling::{InviteDetails, MessageDetails, SignalingDecision, SignalingHandler};

use super::{Desk, Message, Request, active, finish, respond};

/// Whatever is asked, it is told what an INVITE would be told.
fn assert_capable(answer: &Message) {
    assert_eq!(answer.code(), "200");
    for method in ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE"] {
        assert!(answer.header("Allow").split(", ").any(|it| it == method), "{method} in {answer:?}");
    }
    assert!(answer.header("Supported").contains("timer"));
    let accept = "application/sdp, multipart/mixed, multipart/alternative, multipart/related";
    assert_eq!(answer.header("Accept"), accept, "RFC 5621 section 4.2");
    assert_eq!(answer.header("Accept-Encoding"), "identity");
    assert!(!answer.has("Recv-Info") && !answer.has("Allow-Events"), "there is nothing to name");
    assert_eq!(answer.header("Content-Type"), "application/sdp");
    assert!(answer.body().contains("m=audio 0 RTP/AVP 0 8 101\r\n"), "no port is open:\n{}", answer.body());
    assert!(answer.body().contains("a=rtpmap:0 PCMU/8000\r\n"));
}

/// RFC 3261 sections 11.2 and 20.37, RFC 3264 section 9.
#[test]
fn options_outside_a_call_tell_what_we_can_do() {
    let mut desk = Desk::new();
    let long = format!("User-Agent: {}", "x".repeat(400));
    desk.feed(Request::new("OPTIONS").header("Accept: application/sdp").header(&long).text());
    let answer = desk.only().message;
    assert_capable(&answer);
    assert!(answer.has_to_tag());
    desk.feed(Request::new("OPTIONS").branch("2").cseq(2).header("Accept: text/plain").header(&long).text());
    assert!(desk.only().message.body().is_empty(), "who takes no session descriptions gets none");
    desk.feed(Request::new("OPTIONS").branch("3").cseq(3).header("Accept: application/sdp").text());
    assert!(desk.only().message.body().is_empty(), "nor does a stranger who says little");
    desk.assert_all_gone();
}

#[test]
fn packages_that_are_wanted_are_named() {
    let mut config = CoordinatorConfig::default();
    config.info_packages = vec!["a".into(), "b".into()];
    config.event_packages = vec!["presence".into()];
    config.messages = true;
    let mut desk = Desk::with(config);
    desk.feed(Request::new("OPTIONS").text());
    let answer = desk.only().message;
    assert_eq!((answer.header("Recv-Info"), answer.header("Allow-Events")), ("a, b", "presence"));
    assert!(answer.header("Allow").ends_with(", MESSAGE"));
}

#[test]
fn options_within_a_call_tell_the_same_and_change_nothing() {
    let (mut desk, session, call) = active(Desk::new());
    let media = desk.media.len();
    desk.feed(call.again("OPTIONS").cseq(2).branch("o").text());
    let answer = desk.only().message;
    assert_capable(&answer);
    assert_eq!(answer.header("To").matches(";tag=").count(), 1);
    assert_eq!(desk.media.len(), media);
    desk.feed(call.again("OPTIONS").cseq(3).branch("p").callee_tag("nobody").text());
    assert_eq!(desk.codes(), ["481"]);
    desk.hangup(session);
    finish(&mut desk);
}

#[test]
fn options_get_what_an_invite_would_get() {
    struct Busy;
    impl SignalingHandler for Busy {
        fn on_incoming_invite(&mut self, _: &InviteDetails) -> SignalingDecision {
            SignalingDecision::Reject(486)
        }
        fn on_options(&mut self, request: &MessageDetails) -> Option<u16> {
            request.from_uri().contains("peer").then_some(486)
        }
    }
    let mut desk = Desk::build(CoordinatorConfig::default(), Busy, [7; 32], 4);
    desk.feed(Request::new("OPTIONS").text());
    assert_eq!(desk.codes(), ["486"]);
    desk.core.shutdown(desk.now);
    desk.feed(Request::new("OPTIONS").branch("2").text());
    let draining = desk.only().message;
    assert_eq!((draining.code().as_str(), draining.header("Retry-After")), ("503", "30"));
}

/// RFC 3261 section 11.1.
#[test]
fn we_ask_others() {
    let mut desk = Desk::new();
    let id = desk.core.options(desk.now, "sip:bob@192.0.2.9").unwrap();
    desk.drain();
    let options = desk.only().message;
    assert_eq!(options.first_line(), "OPTIONS sip:bob@192.0.2.9 SIP/2.0");
    assert_eq!(options.header("Accept"), "application/sdp");
    assert!(options.has("Contact") && options.has("Allow") && options.has("Supported"));
    desk.feed(respond(&options, 200, "x", "Allow: INVITE, REFER\r\n", ""));
    let Some(Event::RequestDone { request, status: 200, message: Some(message), .. }) = desk.events.last()
    else {
        panic!("{:?}", desk.events)
    };
    assert_eq!((*request, message.header_values("Allow")), (id, vec!["INVITE".into(), "REFER".into()]));
    desk.assert_all_gone();
}
