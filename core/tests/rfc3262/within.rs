//! Reliable provisional responses to a re-INVITE of ours: we say in it that we know them (RFC 3262 section 4).

use super::*;
use offhook_core::sdp::plan::Direction;
use offhook_core::session::State;

const SDP_HELD: &str = "v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
    m=audio 40002 RTP/AVP 0 8\r\na=recvonly\r\n";

/// A call of ours that is up, and the re-INVITE that holds it.
fn holding() -> (Desk, SessionId, Message) {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(plainly(&invite, 200, "far", SDP));
    desk.news();
    desk.core.hold(desk.now, session).unwrap();
    desk.drain();
    let offer = desk.only().message;
    assert!(offer.header("Supported").contains("100rel"));
    (desk, session, offer)
}

/// The one PRACK that was sent just now is answered.
fn pracked(desk: &mut Desk, offer: &Message, rseq: u32) {
    let prack = desk.only().message;
    assert_eq!(prack.code(), "PRACK");
    assert_eq!(prack.header("RAck"), format!("{rseq} {} INVITE", offer.cseq()));
    desk.feed(respond(&prack, 200, "", "", ""));
}

#[test]
fn each_is_acknowledged_once_and_in_its_order() {
    let (mut desk, _, offer) = holding();
    desk.feed(reliably(&offer, 180, "far", "7", ""));
    pracked(&mut desk, &offer, 7);
    desk.feed(reliably(&offer, 180, "far", "7", ""));
    desk.feed(reliably(&offer, 183, "far", "9", ""));
    desk.feed(plainly(&offer, 183, "far", SDP));
    assert_eq!(desk.codes(), [""; 0], "again, too early, not reliable");
    desk.feed(reliably(&offer, 183, "far", "8", ""));
    pracked(&mut desk, &offer, 8);
    desk.feed(plainly(&offer, 200, "far", SDP_HELD));
    let ack = desk.only().message;
    assert_eq!((ack.code(), ack.cseq()), ("ACK".into(), offer.cseq()));
    assert_eq!(desk.told().last().unwrap(), "hold true false");
}

#[test]
fn an_answer_in_one_is_the_answer() {
    for last in ["", SDP] {
        let (mut desk, session, offer) = holding();
        desk.feed(reliably(&offer, 183, "far", "1", SDP_HELD));
        pracked(&mut desk, &offer, 1);
        desk.feed(plainly(&offer, 200, "far", last));
        assert_eq!(desk.codes(), ["ACK"]);
        assert_eq!(desk.told().last().unwrap(), "hold true false", "{:?}", desk.told());
        let plan = desk.plan();
        assert_eq!(plan.direction, Direction::SendOnly);
        assert_eq!(plan.remote_rtp, Some("192.0.2.9:40002".parse().unwrap()), "it came first");
        desk.core.resume(desk.now, session).unwrap();
        desk.drain();
        let offer = desk.only().message;
        desk.feed(reliably(&offer, 183, "far", "1", ""));
        pracked(&mut desk, &offer, 1);
        desk.feed(plainly(&offer, 200, "far", SDP));
        assert_eq!((desk.codes(), desk.plan().direction), (vec!["ACK".into()], Direction::SendRecv));
        leave(&mut desk, session);
    }
}

#[test]
fn an_answer_that_a_refusal_follows_or_that_cannot_be_used_changes_nothing() {
    let (mut desk, session, offer) = holding();
    let before = desk.plan();
    desk.feed(reliably(&offer, 183, "far", "1", SDP_HELD));
    pracked(&mut desk, &offer, 1);
    desk.feed(respond(&offer, 488, "", "", ""));
    assert_eq!((desk.codes(), desk.told().last().unwrap().as_str()), (vec!["ACK".into()], "refused 488"));
    assert_eq!(desk.plan(), before);
    leave(&mut desk, session);
    let (mut desk, session, offer) = holding();
    desk.feed(reliably(&offer, 183, "far", "1", SDP_NO_CODEC));
    pracked(&mut desk, &offer, 1);
    desk.feed(plainly(&offer, 200, "far", SDP_HELD));
    assert_eq!((desk.codes(), desk.plan().direction), (vec!["ACK".into()], Direction::SendOnly));
    leave(&mut desk, session);
}

#[test]
fn a_call_that_we_have_hung_up_acknowledges_none() {
    let (mut desk, session, offer) = holding();
    desk.hangup(session);
    assert_eq!(desk.codes(), ["BYE"]);
    desk.feed(reliably(&offer, 183, "far", "1", SDP_HELD));
    assert_eq!(desk.codes(), [""; 0]);
    assert_eq!(desk.core.session_state(session), Some(State::Terminating));
    desk.feed(respond(&offer, 487, "", "", ""));
    desk.feed(respond(&desk.last("BYE").message, 200, "", "", ""));
    desk.assert_all_gone();
}
