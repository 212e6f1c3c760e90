//! We call: a peer made of text against one coordinator (RFC 3261 sections 8.1, 9.1, 12.1.2, 13.2, 15.1.1 and 17.1,
//! RFC 3264, RFC 6026).
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "rfc3261_uac/cancel.rs"]
mod cancel;
#[path = "rfc3261_uac/forks.rs"]
mod forks;
#[path = "rfc3261_uac/names.rs"]
mod names;
mod support;

use offhook_core::base::ids::SessionId;
use offhook_core::coordinator::{CoordinatorConfig, Event, InviteParams};
use offhook_core::sdp::plan::{Codec, Direction};
use offhook_core::wire::Path;
use support::{
    Desk, GIVE_UP, Message, Request, SDP, SDP_NO_CODEC, SDP_OTHER_PORT, SECOND, ms, peer, respond, us,
};

const TARGET: &str = "sip:peer@192.0.2.9";
const CONTACT: &str = "Contact: <sip:peer@192.0.2.9:5060>\r\n";

/// A call whose INVITE has been sent.
fn calling() -> (Desk, SessionId, Message) {
    let mut desk = Desk::new();
    let session = desk.call(TARGET);
    let invite = desk.only().message;
    assert_eq!(invite.code(), "INVITE");
    (desk, session, invite)
}

/// A call that the peer has answered with these headers, and the ACK.
fn answered(headers: &str) -> (Desk, SessionId, Message) {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 200, "far", headers, SDP));
    assert_eq!(desk.codes(), ["ACK"]);
    (desk, session, invite)
}

/// Answers the BYE that was just sent; then nothing may be left.
fn finish(desk: &mut Desk) {
    let bye = desk.last("BYE").message;
    desk.feed(respond(&bye, 200, "", "", ""));
    desk.assert_all_gone();
}

/// A request of the peer within our call.
fn back(invite: &Message, method: &str) -> Request {
    Request::new(method).call_id(invite.header("Call-ID")).caller_tag("far").callee_tag(&invite.caller_tag())
}

fn ended(desk: &Desk) -> String {
    desk.told().last().unwrap().clone()
}

// The INVITE itself (section 8.1.1).

/// RFC 3261 sections 8.1.1.3, 8.1.1.5 to 8.1.1.8, 20.14 and 20.15.
#[test]
fn the_invite_has_all_that_an_invite_has() {
    let mut config = CoordinatorConfig::default();
    config.user = "alice".into();
    config.display_name = Some("Alice \"A\" \\ Ü".into());
    let mut desk = Desk::with(config);
    let headers = [("Subject", "Lunch?"), ("X-Order", "7; 8")];
    let mut params = InviteParams::new("sip:peer@192.0.2.9:5070;user=phone");
    params.headers = &headers;
    desk.invite(params).unwrap();
    let sent = desk.only();
    let invite = sent.message;
    assert_eq!(sent.path.remote.to_string(), "192.0.2.9:5070");
    assert_eq!(invite.first_line(), "INVITE sip:peer@192.0.2.9:5070;user=phone SIP/2.0");
    assert!(invite.header("Via").starts_with("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK"));
    assert!(invite.header("Via").contains(";rport"));
    assert_eq!(invite.header("Max-Forwards"), "70");
    let from = invite.header("From");
    assert!(from.starts_with("\"Alice \\\"A\\\" \\\\ Ü\" <sip:alice@192.0.2.1"), "{from}");
    assert!(invite.caller_tag().len() >= 8, "at least 32 random bits (section 19.3)");
    assert_eq!(invite.header("To"), "<sip:peer@192.0.2.9:5070;user=phone>", "and no tag");
    assert!(invite.cseq() > 0 && invite.cseq() < 1 << 31);
    assert_eq!(invite.header("Contact"), "<sip:alice@192.0.2.1:5060>");
    assert_eq!(invite.header("Subject"), "Lunch?");
    assert_eq!(invite.header("X-Order"), "7; 8");
    assert!(invite.has("Allow"));
    assert_eq!(invite.header("Content-Type"), "application/sdp");
    assert_eq!(invite.header("Content-Length"), invite.body().len().to_string());
    assert!(invite.body().contains("m=audio 20000 RTP/AVP 0 8 "), "{}", invite.body());
    assert!(invite.body().contains("c=IN IP4 192.0.2.1\r\n"));
}

#[test]
fn every_call_has_names_of_its_own() {
    let mut desk = Desk::new();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..50 {
        desk.call(TARGET);
        let invite = desk.only().message;
        for name in [invite.branch(), invite.caller_tag(), invite.header("Call-ID").to_string()] {
            assert!(seen.insert(name.clone()), "{name} twice");
        }
    }
}

// No answer at all (sections 17.1.1.2 and 8.1.3.1).

#[test]
fn the_invite_is_repeated_and_given_up_with_408() {
    let (mut desk, _, invite) = calling();
    desk.run_for(GIVE_UP - ms(1));
    assert_eq!(desk.times("INVITE"), [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    assert!(desk.news().iter().all(|sent| sent.message == invite), "always the same");
    assert!(desk.told().is_empty());
    desk.run_for(ms(1));
    assert_eq!(desk.told(), ["ended Timeout 408"]);
    desk.assert_all_gone();
    assert_eq!(desk.times("INVITE").len(), 7);
}

#[test]
fn a_provisional_response_stops_the_repeats() {
    for status in [100, 180, 183, 199] {
        let (mut desk, _, invite) = calling();
        desk.run_for(ms(600));
        desk.feed(respond(&invite, status, if status == 100 { "" } else { "far" }, "", ""));
        desk.run_for(60 * SECOND);
        assert_eq!(desk.times("INVITE"), [0, 500], "{status}");
    }
}

#[test]
fn an_unreachable_peer_ends_the_call_when_it_is_reported_of_two_copies() {
    let (mut desk, _, _) = calling();
    let report = |desk: &mut Desk| desk.core.handle_unreachable(desk.now, Path::udp(us(), peer()));
    report(&mut desk);
    report(&mut desk);
    desk.run_for(ms(499));
    assert!(desk.told().is_empty(), "anybody can forge a report");
    desk.run_for(ms(1));
    report(&mut desk);
    desk.run_for(ms(0));
    assert_eq!(desk.told(), ["ended NetworkError 503"]);
    // It may have been taken all the same.
    desk.run_for(32 * SECOND);
    assert_eq!(desk.told().len(), 1);
    desk.assert_all_gone();
    // Forged ones, and an answer that comes all the same.
    let (mut desk, session, invite) = calling();
    report(&mut desk);
    desk.run_for(ms(600));
    desk.feed(respond(&invite, 180, "far", "", ""));
    report(&mut desk);
    desk.feed(respond(&invite, 200, "far", CONTACT, SDP));
    assert_eq!(desk.told(), ["progress 180", "answered"]);
    desk.hangup(session);
    finish(&mut desk);
}

// Ringing.

#[test]
fn it_may_ring_for_a_minute() {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 100, "", "", ""));
    desk.feed(respond(&invite, 180, "far", CONTACT, ""));
    desk.run_for(60 * SECOND);
    assert_eq!(desk.codes(), [""; 0]);
    desk.feed(respond(&invite, 200, "far", CONTACT, SDP));
    assert_eq!(desk.codes(), ["ACK"]);
    assert_eq!(desk.told(), ["progress 180", "answered"]);
    desk.hangup(session);
    finish(&mut desk);
}

#[test]
fn early_media_flow_before_the_answer() {
    let (mut desk, session, invite) = calling();
    assert_eq!((desk.plan().direction, desk.plan().remote_rtp), (Direction::RecvOnly, None));
    desk.feed(respond(&invite, 183, "far", CONTACT, SDP));
    assert_eq!(desk.told(), ["progress 183 with media"]);
    assert_eq!((desk.plan().codec, desk.plan().remote_rtp.unwrap().port()), (Codec::Pcmu, 40_000));
    desk.feed(respond(&invite, 180, "far", CONTACT, ""));
    desk.feed(respond(&invite, 200, "far", CONTACT, SDP_OTHER_PORT));
    assert_eq!((desk.plan().codec, desk.plan().remote_rtp.unwrap().port()), (Codec::Pcma, 40_002));
    assert_eq!(desk.codes(), ["ACK"]);
    desk.hangup(session);
    finish(&mut desk);
}

/// The answer came in the 183, and the 200 does not repeat it: common, if not as it should be.
#[test]
fn an_answer_of_the_183_holds_when_the_200_has_none() {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 183, "far", CONTACT, SDP));
    desk.feed(respond(&invite, 200, "far", CONTACT, ""));
    assert_eq!(desk.codes(), ["ACK"]);
    assert_eq!(desk.told(), ["progress 183 with media", "answered"]);
    assert_eq!(desk.plan().remote_rtp.unwrap().port(), 40_000);
    desk.hangup(session);
    finish(&mut desk);
}

/// What one fork said early is no answer of another.
#[test]
fn an_answer_of_another_fork_does_not_count() {
    let (mut desk, _, invite) = calling();
    desk.feed(respond(&invite, 183, "one", CONTACT, SDP));
    desk.feed(respond(&invite, 200, "two", CONTACT, ""));
    assert_eq!(desk.codes(), ["ACK", "BYE"]);
    assert!(ended(&desk).starts_with("ended NoCommonMedia"), "{}", ended(&desk));
    finish(&mut desk);
}

#[test]
fn an_unusable_early_answer_is_only_ringing() {
    let (mut desk, _, invite) = calling();
    desk.feed(respond(&invite, 183, "far", CONTACT, SDP_NO_CODEC));
    assert_eq!(desk.told(), ["progress 183"]);
    desk.feed(respond(&invite, 200, "far", CONTACT, SDP));
    assert_eq!(desk.codes(), ["ACK"]);
}

#[test]
fn nobody_answers_in_time() {
    let mut desk = Desk::new();
    let mut params = InviteParams::new(TARGET);
    params.ring_timeout = Some(10 * SECOND);
    desk.invite(params).unwrap();
    let invite = desk.only().message;
    desk.feed(respond(&invite, 180, "far", CONTACT, ""));
    desk.run_for(10 * SECOND);
    let cancel = desk.only().message;
    assert_eq!(cancel.code(), "CANCEL");
    desk.feed(respond(&cancel, 200, "far", "", ""));
    desk.feed(respond(&invite, 487, "far", "", ""));
    assert_eq!(desk.codes(), ["ACK"]);
    assert_eq!(ended(&desk), "ended NoAnswer 487");
    desk.assert_all_gone();
}

// The ACK of a 2xx (section 13.2.2.4).

#[test]
fn the_ack_of_a_200() {
    let (mut desk, _, invite) = calling();
    desk.feed(respond(&invite, 200, "far", "Contact: \"P\" <sip:desk7@192.0.2.50:5070;x=y>;q=1\r\n", SDP));
    let ack = desk.only();
    assert_eq!(ack.message.first_line(), "ACK sip:desk7@192.0.2.50:5070;x=y SIP/2.0");
    assert_eq!(ack.to(), "192.0.2.50:5070");
    assert_ne!(ack.message.branch(), invite.branch(), "a transaction of its own");
    assert_eq!(ack.message.header("CSeq"), format!("{} ACK", invite.cseq()));
    assert_eq!(ack.message.header("From"), invite.header("From"));
    assert_eq!(ack.message.header("To"), "<sip:peer@192.0.2.9>;tag=far");
    assert_eq!(ack.message.header("Call-ID"), invite.header("Call-ID"));
    assert!(!ack.message.has("Route"));
    assert_eq!(ack.message.header("Max-Forwards"), "70");
    assert_eq!(ack.message.body(), "");
    desk.run_for(60 * SECOND);
    assert_eq!(desk.codes(), [""; 0], "it is not repeated by itself");
}

#[test]
fn a_repeated_200_gets_the_ack_again() {
    let (mut desk, session, invite) = answered(CONTACT);
    let ack = desk.last("ACK").message;
    for _ in 0..7 {
        desk.run_for(4 * SECOND);
        desk.feed(respond(&invite, 200, "far", CONTACT, SDP));
        assert_eq!(desk.only().message, ack, "octet for octet");
    }
    assert_eq!(desk.told(), ["answered"]);
    desk.hangup(session);
    desk.feed(respond(&invite, 200, "far", CONTACT, SDP));
    assert_eq!(desk.codes(), ["BYE", "ACK"], "also while hanging up");
    finish(&mut desk);
}

#[test]
fn a_repeated_200_gets_its_ack_even_when_the_call_is_over() {
    let (mut desk, session, invite) = answered(CONTACT);
    desk.hangup(session);
    let bye = desk.only().message;
    desk.feed(respond(&bye, 200, "", "", ""));
    assert_eq!(ended(&desk), "ended LocalHangup");
    desk.feed(respond(&invite, 200, "far", CONTACT, SDP));
    assert_eq!(desk.codes(), ["ACK"]);
    desk.assert_all_gone();
}

/// RFC 3261 sections 12.1.2 and 12.2.1.1.
#[test]
fn routes_are_followed_in_reverse() {
    let routes = "Record-Route: <sip:192.0.2.31;lr>, <sip:192.0.2.32;lr>\r\nRecord-Route: <sip:192.0.2.33:5099;lr>\r\n";
    let (mut desk, session, _) = answered(&format!("{CONTACT}{routes}"));
    desk.hangup(session);
    for code in ["ACK", "BYE"] {
        let sent = desk.last(code);
        assert_eq!(sent.message.uri(), "sip:peer@192.0.2.9:5060");
        let routes = sent.message.all("Route").join(", ");
        assert_eq!(routes, "<sip:192.0.2.33:5099;lr>, <sip:192.0.2.32;lr>, <sip:192.0.2.31;lr>", "{code}");
        assert_eq!(sent.to(), "192.0.2.33:5099", "{code}");
    }
}

/// RFC 3261 section 12.2.1.1.
#[test]
fn a_strict_router_gets_its_own_uri() {
    let routes = "Record-Route: <sip:192.0.2.31;lr>, <sip:192.0.2.32>\r\n";
    let (mut desk, session, _) = answered(&format!("{CONTACT}{routes}"));
    desk.hangup(session);
    for code in ["ACK", "BYE"] {
        let sent = desk.last(code);
        assert_eq!(sent.message.uri(), "sip:192.0.2.32");
        let routes = sent.message.all("Route").join(", ");
        assert_eq!(routes, "<sip:192.0.2.31;lr>, <sip:peer@192.0.2.9:5060>", "{code}");
        assert_eq!(sent.to(), "192.0.2.32:5060", "{code}");
    }
}

/// The route set of the 2xx is the one that counts, and it may differ from that of the 180.
#[test]
fn the_routes_of_the_200_replace_those_of_the_180() {
    let (mut desk, _, invite) = calling();
    desk.feed(respond(&invite, 180, "far", &format!("{CONTACT}Record-Route: <sip:192.0.2.31;lr>\r\n"), ""));
    desk.feed(respond(&invite, 200, "far", &format!("{CONTACT}Record-Route: <sip:192.0.2.41;lr>\r\n"), SDP));
    let ack = desk.only();
    assert_eq!((ack.message.header("Route"), ack.to().as_str()), ("<sip:192.0.2.41;lr>", "192.0.2.41:5060"));
}

#[test]
fn a_200_without_contact_is_acknowledged_all_the_same() {
    let (mut desk, session, _) = answered("");
    let ack = desk.last("ACK");
    assert_eq!((ack.message.uri(), ack.to().as_str()), (TARGET, "192.0.2.9:5060"));
    desk.hangup(session);
    finish(&mut desk);
}

#[test]
fn a_200_without_to_tag_is_taken_from_an_old_peer() {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 200, "", CONTACT, SDP));
    assert_eq!(desk.codes(), ["ACK"]);
    assert!(!desk.last("ACK").message.has_to_tag());
    desk.hangup(session);
    finish(&mut desk);
}

// A 200 whose session description cannot be used.

#[test]
fn a_200_without_a_usable_answer_is_acknowledged_and_hung_up() {
    let declined = SDP.replace("40000", "0");
    for answer in ["", "nonsense", SDP_NO_CODEC, &declined] {
        let (mut desk, _, invite) = calling();
        desk.feed(respond(&invite, 200, "far", CONTACT, answer));
        assert_eq!(desk.codes(), ["ACK", "BYE"], "{answer}");
        assert!(ended(&desk).starts_with("ended NoCommonMedia"), "{}", ended(&desk));
        assert!(desk.media_is_closed());
        finish(&mut desk);
    }
}

/// An answer with a line too many is no reason to hang up on somebody.
#[test]
fn a_200_with_a_line_too_many_is_taken() {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 200, "far", CONTACT, &(SDP.to_string() + "m=video 40010 RTP/AVP 31\r\n")));
    assert_eq!(desk.codes(), ["ACK"]);
    desk.hangup(session);
    finish(&mut desk);
}

/// An answer cannot be refused, and what nobody can read in it says nothing of the audio that is there.
#[test]
fn a_200_with_a_line_that_is_none_is_taken() {
    for line in ["hello\r\n", "=\r\n", " a=sendrecv\r\n", "a:sendrecv\r\n", "\0", "\0\0\0\r\n"] {
        for sdp in [SDP.to_string() + line, SDP.replace("t=0 0", &format!("{}\r\nt=0 0", line.trim_end()))] {
            let (mut desk, session, invite) = calling();
            desk.feed(respond(&invite, 200, "far", CONTACT, &sdp));
            assert_eq!(desk.codes(), ["ACK"], "{sdp}");
            assert_eq!(desk.plan().remote_rtp, Some("192.0.2.9:40000".parse().unwrap()));
            desk.hangup(session);
            finish(&mut desk);
        }
    }
}

// Refusals (section 17.1.1.3).

#[test]
fn a_refusal_is_acknowledged_on_its_own_branch() {
    let mut desk = Desk::new();
    let headers = [("Route", "<sip:192.0.2.9;lr>")];
    let mut params = InviteParams::new(TARGET);
    params.headers = &headers;
    desk.invite(params).unwrap();
    let invite = desk.only().message;
    let refusal = respond(&invite, 486, "far", "", "");
    desk.feed(&refusal);
    let ack = desk.only();
    assert_eq!(ack.message.first_line(), format!("ACK {TARGET} SIP/2.0"));
    assert_eq!(ack.message.header("Via"), invite.header("Via"), "the very same Via, and only that");
    assert_eq!(ack.message.header("Route"), "<sip:192.0.2.9;lr>");
    assert_eq!(ack.message.header("To"), "<sip:peer@192.0.2.9>;tag=far", "To of the response");
    assert_eq!(ack.message.header("From"), invite.header("From"));
    assert_eq!(ack.message.header("Call-ID"), invite.header("Call-ID"));
    assert_eq!(ack.message.header("CSeq"), format!("{} ACK", invite.cseq()));
    assert_eq!(desk.told(), ["ended Rejected 486"]);
    for _ in 0..5 {
        desk.feed(&refusal);
        assert_eq!(desk.only().message, ack.message, "a repeat gets it again");
    }
    assert_eq!(desk.told().len(), 1);
    desk.assert_all_gone();
}

#[test]
fn every_kind_of_refusal_ends_the_call_with_its_words() {
    for status in [300, 302, 380, 401, 404, 407, 480, 486, 487, 488, 500, 503, 600, 603, 699] {
        let (mut desk, _, invite) = calling();
        desk.feed(respond(&invite, 180, "far", CONTACT, ""));
        desk.feed(respond(&invite, status, "far", "", ""));
        assert_eq!(desk.codes(), ["ACK"]);
        match desk.events.last() {
            Some(Event::Ended { status: found, phrase, .. }) => {
                assert_eq!((*found, phrase.as_str()), (Some(status), "Whatever"));
            }
            other => panic!("{other:?}"),
        }
        assert!(desk.media_is_closed());
        desk.assert_all_gone();
    }
}

#[test]
fn a_refusal_may_have_no_tag() {
    let (mut desk, _, invite) = calling();
    desk.feed(respond(&invite, 404, "", "", ""));
    assert_eq!(desk.only().message.header("To"), "<sip:peer@192.0.2.9>");
    assert_eq!(ended(&desk), "ended Rejected 404");
    desk.assert_all_gone();
}

// Requests of the peer within our call.

#[test]
fn the_peer_hangs_up() {
    let (mut desk, _, invite) = answered(CONTACT);
    desk.feed(back(&invite, "BYE").text());
    assert_eq!(desk.codes(), ["200"]);
    assert_eq!(desk.told(), ["answered", "ended RemoteHangup"]);
    desk.assert_all_gone();
}

#[test]
fn a_reinvite_of_the_peer_is_answered() {
    let (mut desk, _, invite) = answered(CONTACT);
    let again = back(&invite, "INVITE").branch("re").sdp(SDP_OTHER_PORT);
    desk.feed(again.text());
    let ok = desk.only().message;
    assert_eq!(ok.code(), "200");
    assert_eq!(ok.header("To"), format!("<sip:offhook@192.0.2.1>;tag={}", invite.caller_tag()));
    assert_eq!(desk.plan().remote_rtp.unwrap().port(), 40_002);
    desk.feed(again.again("ACK").branch("ack").text());
    desk.run_for(10 * SECOND);
    assert_eq!(desk.codes(), [""; 0]);
    desk.feed(back(&invite, "BYE").cseq(2).branch("bye").text());
    desk.assert_all_gone();
}

/// RFC 3261 section 15.1.1.
#[test]
fn our_bye_has_the_next_number() {
    let (mut desk, session, invite) = answered(CONTACT);
    desk.hangup(session);
    let bye = desk.only().message;
    assert_eq!(bye.header("CSeq"), format!("{} BYE", invite.cseq() + 1));
    assert_eq!(bye.caller_tag(), invite.caller_tag());
    assert_eq!(bye.callee_tag(), "far");
    finish(&mut desk);
}

// Media of an outgoing call.

#[test]
fn media_open_with_the_offer_and_close_with_the_call() {
    let (mut desk, _, invite) = calling();
    assert_eq!(desk.media.len(), 1, "section 5.1 of RFC 3264: be ready to receive what was offered");
    let plan = desk.plan();
    assert_eq!((plan.recv_payload_type, plan.recv_others.to_vec()), (0, vec![(8, Codec::Pcma)]));
    desk.feed(respond(&invite, 200, "far", CONTACT, SDP));
    assert_eq!(desk.plan().direction, Direction::SendRecv);
    desk.feed(back(&invite, "BYE").text());
    assert_eq!(desk.media.len(), 3);
    assert!(desk.media_is_closed());
}

#[test]
fn the_answerers_payload_types_are_used_for_sending() {
    let (mut desk, _, invite) = calling();
    let answer = SDP.replace("RTP/AVP 0 8", "RTP/AVP 8 101") + "a=rtpmap:101 telephone-event/8000\r\n";
    desk.feed(respond(&invite, 200, "far", CONTACT, &answer));
    let plan = desk.plan();
    assert_eq!((plan.codec, plan.send_payload_type, plan.recv_payload_type), (Codec::Pcma, 8, 8));
    assert_eq!((plan.send_dtmf, plan.recv_dtmf), (Some(101), Some(101)));
}

// A call to oneself.

#[test]
fn one_calls_oneself() {
    let mut desk = Desk::new();
    let session = desk.call("sip:offhook@192.0.2.1");
    let mut looped = 0;
    let mut deliver = |desk: &mut Desk| {
        while let Some(sent) = desk.sent.get(looped).cloned() {
            looped += 1;
            assert_eq!(sent.path.remote, us(), "everything comes back to us");
            desk.feed_from(us(), &sent.message.bytes);
        }
    };
    deliver(&mut desk);
    assert_eq!(desk.told(), ["incoming", "progress 180"]);
    let callee = desk.incoming();
    assert_ne!(callee, session);
    desk.answer(callee);
    deliver(&mut desk);
    assert_eq!(desk.all_codes(), ["INVITE", "180", "200", "ACK"]);
    assert_eq!(desk.told(), ["incoming", "progress 180", "answered", "answered", "confirmed"]);
    desk.run_for(5 * SECOND);
    deliver(&mut desk);
    desk.hangup(session);
    deliver(&mut desk);
    assert_eq!(desk.all_codes(), ["INVITE", "180", "200", "ACK", "BYE", "200"]);
    assert_eq!(desk.told()[5..], ["ended LocalHangup", "ended RemoteHangup"]);
    desk.assert_all_gone();
}

#[test]
fn one_calls_oneself_and_gives_up() {
    let mut desk = Desk::new();
    let session = desk.call("sip:offhook@192.0.2.1");
    let mut looped = 0;
    let mut deliver = |desk: &mut Desk| {
        while let Some(sent) = desk.sent.get(looped).cloned() {
            looped += 1;
            desk.feed_from(us(), &sent.message.bytes);
        }
    };
    deliver(&mut desk);
    desk.hangup(session);
    deliver(&mut desk);
    let codes = desk.all_codes();
    assert_eq!(codes, ["INVITE", "180", "CANCEL", "200", "487", "ACK"]);
    let told = desk.told();
    assert!(
        told.contains(&"ended Cancelled 487".into()) && told.contains(&"ended LocalHangup 487".into()),
        "{told:?}"
    );
    desk.assert_all_gone();
}
