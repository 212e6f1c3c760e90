//! REFER, NOTIFY and Replaces as a peer made of text sends them: right, wrong, early, late and for nobody.

use core::time::Duration;

use super::peer::{SDP, World, peer};
use crate::session::{State, TRANSFER_ROWS, TransferInput, TransferState};
use crate::wire::frame::Frame;
use crate::wire::limits::WireLimits;
use crate::wire::reply::ReplyHead;

const SECOND: Duration = Duration::from_secs(1);
const OK: &str = "SIP/2.0 200 OK\r\n";
const TRYING: &str = "SIP/2.0 100 Trying\r\n";
const ACTIVE: &str = "Event: refer\r\nSubscription-State: active;expires=60\r\n";
const OVER: &str = "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n";

impl World {
    /// A call that the peer made and that is up.
    fn up() -> Self {
        let mut world = Self::called(false, Some(SDP));
        world.answer();
        world.request("ACK", "z9hG4bKack", 100, None);
        assert_eq!(world.state(), Some(State::Active));
        world.cseq = 300;
        world
    }

    /// A request of the peer within the call, with these header lines; gives the status of our response.
    fn says(&mut self, method: &str, lines: &str, kind: &str, body: &str) -> String {
        self.cseq += 1;
        let (cseq, tag) = (self.cseq, self.our_tag.clone());
        let kind = if body.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        let text = format!(
            "{method} sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bK{method}{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:bob@10.9.9.9>;tag=peer\r\nTo: <sip:alice@10.0.0.1>;tag={tag}\r\n\
             Call-ID: call\r\nCSeq: {cseq} {method}\r\nContact: <sip:bob@10.9.9.9:5060>\r\n{lines}{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.tell(&text)
    }

    /// Gives the status of our response to a request.
    fn tell(&mut self, text: &str) -> String {
        let before = self.net.elsewhere.len();
        self.net.inject(0, peer(), text.as_bytes());
        let answers = self.net.elsewhere[before..].iter().map(|transmit| transmit.payload.to_vec());
        let answers: Vec<String> = answers.map(|octets| String::from_utf8(octets).unwrap()).collect();
        let answer = answers.iter().find(|text| text.starts_with("SIP/2.0 "));
        answer.map(|text| text.split(' ').nth(1).unwrap().to_string()).unwrap_or_default()
    }

    fn refers(&mut self, lines: &str) -> String {
        self.says("REFER", lines, "", "")
    }

    fn notifies(&mut self, lines: &str, body: &str) -> String {
        self.says("NOTIFY", lines, "message/sipfrag;version=2.0", body)
    }

    /// Answers our last request of this method.
    fn replies(&mut self, method: &str, status: u16, extra: &[(&str, &[u8])]) {
        let request = self.last(&format!("{method} "));
        let frame = Frame::parse(&request, &WireLimits::default()).unwrap();
        let facts = frame.facts().unwrap();
        let from = crate::wire::path::Path::udp(peer(), self.net.nodes[0].address);
        let head = ReplyHead::new(&frame, Some(&facts), &from);
        let response = head.respond(status, "Whatever", None, false, extra, None);
        self.net.inject(0, peer(), &response);
    }

    fn asks(&mut self) {
        let session = self.session.unwrap();
        self.net.with(0, |core, now| core.transfer(now, session, "sip:carol@10.0.0.3")).unwrap();
    }

    fn header(&self, message: &str, name: &str) -> String {
        let message = self.last(message);
        let frame = Frame::parse(&message, &WireLimits::default()).unwrap();
        frame.named(name).map(|value| String::from_utf8(value.to_vec()).unwrap()).unwrap_or_default()
    }

    fn last_event(&self) -> String {
        self.net.told(0).last().cloned().unwrap_or_default()
    }

    /// The peer says nothing more: all that is left goes by itself.
    fn silence(&mut self) {
        let session = self.session.unwrap();
        drop(self.net.with(0, |core, now| core.hangup(now, session)));
        for id in self.net.nodes[0].core.registry().ids() {
            drop(self.net.with(0, |core, now| core.hangup(now, id)));
        }
        self.net.run_for(400 * SECOND);
        self.net.assert_all_gone();
    }
}

/// RFC 3515 sections 2.4.2, 2.4.4, 2.4.6 and 2.4.7.
#[test]
fn refer_is_accepted_and_reported() {
    let mut world = World::up();
    world.net.wire.clear();
    let status = world.refers("Refer-To: <sip:carol@10.0.0.3>\r\nReferred-By: <sip:bob@10.9.9.9>\r\n");
    assert_eq!(status, "202");
    assert_eq!(world.net.codes(), ["202", "NOTIFY"], "the response leaves first");
    assert_eq!(world.header("NOTIFY ", "Event"), "refer", "the first needs no id");
    assert!(world.header("NOTIFY ", "Subscription-State").starts_with("pending;expires="));
    assert!(world.header("202", "Contact").contains("10.0.0.1"));
    assert!(world.last("NOTIFY ").ends_with(TRYING.as_bytes()));
    world.replies("NOTIFY", 200, &[]);
    // While nobody has decided, no other.
    assert_eq!(world.refers("Refer-To: <sip:dave@10.0.0.4>\r\n"), "491");
    let session = world.session.unwrap();
    let new = world.net.with(0, |core, now| core.accept_transfer(now, session)).unwrap();
    let invite = String::from_utf8(world.last("INVITE ").to_vec()).unwrap();
    assert!(invite.starts_with("INVITE sip:carol@10.0.0.3 SIP/2.0\r\n"), "{invite}");
    assert!(invite.contains("\r\nReferred-By: <sip:bob@10.9.9.9>\r\n"), "{invite}");
    assert!(world.header("NOTIFY ", "Subscription-State").starts_with("active;expires="));
    world.replies("NOTIFY", 200, &[]);
    // The second one has the number of its REFER.
    assert_eq!(world.refers("Refer-To: <sip:dave@10.0.0.4>\r\n"), "202");
    assert_eq!(world.header("NOTIFY ", "Event"), format!("refer;id={}", world.cseq));
    world.replies("NOTIFY", 200, &[]);
    world.net.with(0, |core, now| core.hangup(now, new)).unwrap();
    world.net.run_for(100 * SECOND);
    assert_eq!(world.header("NOTIFY ", "Subscription-State"), "terminated;reason=noresource");
    world.silence();
}

#[test]
fn bad_refers_get_their_answers_and_the_call_lives() {
    let mut world = World::up();
    let many = "x".repeat(300);
    let long = format!("Refer-To: <sip:c@h?Replaces={many}>\r\n");
    for (lines, status) in [
        ("", "400"),
        ("Refer-To: <sip:c@h>\r\nRefer-To: <sip:d@h>\r\n", "400"),
        ("Refer-To: <sip:c@h>, <sip:d@h>\r\n", "400"),
        ("Refer-To: carol\r\n", "400"),
        ("Refer-To: <sip:>\r\n", "400"),
        ("Refer-To: <http://h/>\r\n", "416"),
        ("Refer-To: <tel:+123>\r\n", "416"),
        ("Refer-To: <sips:c@h>\r\n", "416"),
        ("Refer-To: <javascript:alert(1)>\r\n", "416"),
        ("Refer-To: <sip:c@h;method=BYE>\r\n", "603"),
        ("Refer-To: <sip:c@h?Require=100rel>\r\n", "603"),
        ("Refer-To: <sip:c@h?Replaces=1>\r\n", "400"),
        ("Refer-To: <sip:c@h?Replaces=1%0d%0aEvil:%20yes%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\n", "400"),
        (
            "Refer-To: <sip:c@h?Replaces=1%3Bto-tag%3D1%3Bfrom-tag%3D2&Replaces=1%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\n",
            "400",
        ),
        ("Refer-To: <sip:c@h?Referred-By=%3Csip:b@h%3E%0d%0aEvil:%20yes>\r\n", "400"),
        ("Refer-To: <sip:c@h>\r\nReferred-By: nobody\r\n", "400"),
        ("Refer-To: <sip:c@h>\r\nReferred-By: <sip:a@h>\r\nReferred-By: <sip:b@h>\r\n", "400"),
        ("Refer-To: <sip:c@h>\r\nRequire: somethingNew\r\n", "420"),
        ("Refer-To: <sip:c@h>\r\nReplaces: 1;to-tag=1;from-tag=2\r\n", "400"),
        (long.as_str(), "400"),
    ] {
        assert_eq!(world.refers(lines), status, "{lines}");
        assert_eq!(world.state(), Some(State::Active));
    }
    assert!(!world.net.told(0).iter().any(|event| event.starts_with("asked")));
    // Outside a call nobody is transferred.
    let text = |to: &str| {
        format!(
            "REFER sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKout{}\r\nMax-Forwards: 70\r\n\
             From: <sip:bob@10.9.9.9>;tag=other\r\nTo: <sip:alice@10.0.0.1>\r\nCall-ID: other\r\nCSeq: 1 REFER\r\n\
             Contact: <sip:bob@10.9.9.9>\r\n{to}Content-Length: 0\r\n\r\n",
            to.len()
        )
    };
    assert_eq!(world.tell(&text("Refer-To: <sip:c@h>\r\n")), "603");
    assert_eq!(world.tell(&text("")), "400");
    world.silence();
}

/// Of what a Refer-To brings along nothing gets into our INVITE but what belongs to a transfer.
/// The method is none of the target; what the peer wishes for goes out as far as the application consents to it.
#[test]
fn what_a_refer_to_wishes_for_is_sent_when_it_is_consented_to() {
    let lines = "Refer-To: <sip:carol@10.0.0.3;method=INVITE?X-Account=7&User-to-User=56&Route=evil&Subject=a%0D%0Ab>\r\n";
    for consents in [false, true] {
        let mut world = World::up();
        assert_eq!(world.refers(lines), "202");
        let session = world.session.unwrap();
        let request = world.net.nodes[0].core.pending_request(session).unwrap();
        let wishes: Vec<(&str, &str)> =
            request.wishes().iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(wishes, [("X-Account", "7"), ("User-to-User", "56")]);
        assert_eq!(request.target(), "sip:carol@10.0.0.3");
        let evil =
            world.net.with(0, |core, now| core.accept_transfer_with(now, session, &[("Route", "x\r\ny")]));
        assert!(evil.is_err(), "and may be decided about again");
        let accepted = world.net.with(0, |core, now| match consents {
            true => core.accept_transfer_with(now, session, &wishes[..1]),
            false => core.accept_transfer(now, session),
        });
        accepted.unwrap();
        let invite = String::from_utf8(world.last("INVITE sip:carol").to_vec()).unwrap();
        assert!(invite.starts_with("INVITE sip:carol@10.0.0.3 SIP/2.0\r\n"), "{invite}");
        assert_eq!(invite.contains("X-Account: 7\r\n"), consents, "{invite}");
        assert!(!invite.contains("User-to-User") && !invite.contains("evil"), "{invite}");
    }
}

#[test]
fn headers_of_refer_to_are_not_sent_on() {
    let mut world = World::up();
    let lines = "Refer-To: <sip:carol@10.0.0.3?Subject=hi&From=x&Route=%3Csip:evil%3E&body=v&Require=replaces\
                 &Replaces=a%40b%3Bfrom-tag%3D2%3Bto-tag%3D1&Referred-By=%3Csip:b@h%3E>\r\n";
    assert_eq!(world.refers(lines), "202");
    let session = world.session.unwrap();
    world.net.with(0, |core, now| core.accept_transfer(now, session)).unwrap();
    let invite = String::from_utf8(world.last("INVITE ").to_vec()).unwrap();
    assert!(invite.starts_with("INVITE sip:carol@10.0.0.3 SIP/2.0\r\n"), "{invite}");
    assert!(invite.contains("\r\nReplaces: a@b;to-tag=1;from-tag=2\r\nRequire: replaces\r\n"), "{invite}");
    assert!(invite.contains("\r\nReferred-By: <sip:b@h>\r\n"), "{invite}");
    for word in ["Subject", "Route", "evil", "From: x"] {
        assert!(!invite.contains(word), "{word} in {invite}");
    }
    world.silence();
}

/// RFC 3515 section 2.4.1, RFC 6665 section 4.4.1.
#[test]
fn notify_before_202() {
    let mut world = World::up();
    world.asks();
    assert_eq!(world.header("REFER ", "Refer-To"), "<sip:carol@10.0.0.3>");
    assert!(world.header("REFER ", "Referred-By").starts_with("<sip:alice@10.0.0.1"));
    assert_eq!(world.notifies(ACTIVE, TRYING), "200");
    assert_eq!(world.last_event(), "transfer 100");
    world.replies("REFER", 202, &[]);
    assert_eq!(world.notifies(ACTIVE, "SIP/2.0 180 Ringing\r\nTo: x\r\n"), "200");
    assert_eq!(world.last_event(), "transfer 180");
    assert_eq!(world.notifies(OVER, OK), "200");
    assert_eq!(world.state(), Some(State::Terminating), "we hang up");
    let told = world.net.told(0);
    assert!(told.ends_with(&["transfer done 200".into(), "ended Transferred".into()]), "{told:?}");
    // A late one has nobody to go to.
    assert_eq!(world.notifies(OVER, OK), "481");
    world.silence();
    // Even the outcome may overtake the 202.
    for (state, body, told) in [
        (OVER, OK, "ended Transferred"),
        (OVER, "SIP/2.0 486 Busy Here\r\n", "transfer done 486"),
        (OVER, "", "transfer done 480"),
    ] {
        let mut world = World::up();
        world.asks();
        assert_eq!(world.notifies(state, body), "200");
        assert_eq!(world.last_event(), told);
        world.replies("REFER", 202, &[]);
        assert_eq!(world.last_event(), told);
        world.silence();
    }
}

#[test]
fn unknown_notify() {
    let mut world = World::up();
    assert_eq!(world.notifies(OVER, OK), "481", "nobody asked");
    world.asks();
    world.replies("REFER", 202, &[]);
    let other = "Event: refer;id=7\r\nSubscription-State: active\r\n";
    assert_eq!(world.notifies(other, OK), "481", "another's");
    for (lines, kind, body, status) in [
        ("Subscription-State: active\r\n", "message/sipfrag", OK, "489"),
        ("Event: presence\r\nSubscription-State: active\r\n", "message/sipfrag", OK, "489"),
        ("Event: ;\r\nSubscription-State: active\r\n", "message/sipfrag", OK, "400"),
        ("Event: refer\r\n", "message/sipfrag", OK, "400"),
        ("Event: refer\r\nSubscription-State: ;;\r\n", "message/sipfrag", OK, "400"),
        (ACTIVE, "text/plain", OK, "415"),
        (ACTIVE, "message/sipfrag", "garbage", "400"),
        (ACTIVE, "message/sipfrag", "SIP/2.0 999 Much\r\n", "400"),
        (ACTIVE, "message/sipfrag", "\0\0\r\n", "400"),
        (ACTIVE, "message/sipfrag", "", "200"),
    ] {
        assert_eq!(world.says("NOTIFY", lines, kind, body), status, "{lines} {body}");
        assert_eq!(world.state(), Some(State::Active), "the call lives");
    }
    // The words of a peer do no harm.
    assert_eq!(world.notifies(ACTIVE, "SIP/2.0 181 \u{1b}[31mred\r\n"), "200");
    let cseq = world.header("REFER ", "CSeq").split(' ').next().unwrap().to_string();
    let ours = format!("Event: refer;id={cseq}\r\nSubscription-State: terminated;reason=rejected\r\n");
    assert_eq!(world.notifies(&ours, ""), "200");
    assert_eq!(world.last_event(), "transfer done 603");
    assert_eq!(world.notifies(&ours, ""), "481", "it is over");
    world.silence();
}

#[test]
fn a_refused_refer_is_told_and_a_lost_call_ends() {
    for (status, ends) in
        [(603, false), (405, false), (501, false), (302, false), (503, false), (481, true), (408, true)]
    {
        let mut world = World::up();
        world.asks();
        world.replies("REFER", status, &[]);
        let told = world.net.told(0);
        assert!(told.contains(&format!("transfer done {status}")), "{told:?}");
        assert_eq!(world.state() == Some(State::Active), !ends, "{status}: {told:?}");
        assert_eq!(told.last().unwrap().starts_with("ended"), ends, "{status}: {told:?}");
        world.silence();
    }
    let mut world = World::up();
    world.asks();
    world.net.run_for(33 * SECOND);
    let told = world.net.told(0);
    assert!(
        told.contains(&"transfer done 408".into()) && world.last_event().starts_with("ended"),
        "{told:?}"
    );
    world.silence();
}

#[test]
fn a_peer_that_never_reports() {
    let mut world = World::up();
    world.asks();
    world.replies("REFER", 202, &[]);
    world.net.run_for(170 * SECOND);
    assert_eq!(world.notifies(ACTIVE, TRYING), "200", "every report is waited for anew");
    world.net.run_for(170 * SECOND);
    assert_eq!(world.last_event(), "transfer 100");
    world.net.run_for(20 * SECOND);
    assert_eq!(world.last_event(), "transfer done 408");
    assert_eq!(world.state(), Some(State::Active), "the call goes on");
    assert_eq!(world.notifies(OVER, OK), "481");
    assert_eq!(world.state(), Some(State::Active));
    world.silence();
}

/// Who asks for no reports and gets them all the same takes them; who did not ask is not left without.
/// RFC 4488 section 4.
#[test]
fn refer_sub_is_agreed_or_not() {
    let agree: [(&str, &[u8]); 1] = [("Refer-Sub", b"false")];
    let mut world = World::up();
    let session = world.session.unwrap();
    world.net.with(0, |core, now| core.transfer_unreported(now, session, "sip:c@10.0.0.3")).unwrap();
    assert_eq!(world.header("REFER ", "Refer-Sub"), "false");
    world.replies("REFER", 202, &[]);
    assert_eq!(world.state(), Some(State::Active));
    assert_eq!(world.notifies(OVER, OK), "200");
    assert_eq!(world.last_event(), "ended Transferred");
    world.silence();
    let mut world = World::up();
    world.asks();
    assert_eq!(world.header("REFER ", "Refer-Sub"), "");
    world.replies("REFER", 200, &agree);
    assert_eq!(world.state(), Some(State::Active), "reports were asked for");
    world.silence();
    // As transferee.
    let mut world = World::up();
    world.net.wire.clear();
    assert_eq!(
        world.refers("Refer-To: <sip:carol@10.0.0.3>\r\nRefer-Sub: False;x=y\r\nRequire: norefersub\r\n"),
        "202"
    );
    assert_eq!(world.header("202", "Refer-Sub"), "false");
    let session = world.session.unwrap();
    world.net.with(0, |core, now| core.reject_transfer(now, session, 486)).unwrap();
    assert_eq!(world.net.codes(), ["202"]);
    world.silence();
}

/// A peer that does not want our reports gets no more, and the new call does not suffer.
#[test]
fn reports_that_nobody_wants() {
    for consent_first in [false, true] {
        let mut world = World::up();
        let session = world.session.unwrap();
        assert_eq!(world.refers("Refer-To: <sip:carol@10.0.0.3>\r\n"), "202");
        if consent_first {
            world.net.with(0, |core, now| core.accept_transfer(now, session)).unwrap();
        }
        world.replies("NOTIFY", 481, &[]);
        assert_eq!(world.state(), Some(State::Active), "only the reports end (RFC 5057)");
        if !consent_first {
            world.net.with(0, |core, now| core.accept_transfer(now, session)).unwrap();
        }
        let notifies = |world: &World| world.net.codes().iter().filter(|code| *code == "NOTIFY").count();
        let before = notifies(&world);
        let invite = world.last("INVITE ");
        world.respond_to(&invite, 180, "carol", None);
        world.respond_to(&invite, 200, "carol", Some(SDP));
        assert_eq!(world.net.told(0).last().unwrap(), "answered");
        assert_eq!(notifies(&world), before);
        world.silence();
    }
}

/// What an INVITE with Replaces gets, by what it names.
/// RFC 3891 section 3; RFC 3911 section 4 for Join.
#[test]
fn replaces_matching() {
    let invite = |n: usize, lines: &str| {
        format!(
            "INVITE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKnew{n}\r\nMax-Forwards: 70\r\n\
             From: <sip:carol@10.9.9.9>;tag=carol{n}\r\nTo: <sip:alice@10.0.0.1>\r\nCall-ID: new{n}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:carol@10.9.9.9>\r\n{lines}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
            SDP.len()
        )
    };
    let mut world = World::up();
    let ours = world.our_tag.clone();
    let good = format!("call;to-tag={ours};from-tag=peer");
    for (n, (lines, status)) in [
        (format!("Replaces: {good};early-only\r\n"), "486"),
        (format!("Replaces: call;to-tag=peer;from-tag={ours}\r\n"), "481"),
        (format!("Replaces: call;to-tag={ours};from-tag=other\r\n"), "481"),
        (format!("Replaces: call;to-tag={ours};from-tag=0\r\n"), "481"),
        (format!("Replaces: other;to-tag={ours};from-tag=peer\r\n"), "481"),
        (format!("Replaces: {good}\r\nReplaces: {good}\r\n"), "400"),
        (format!("Replaces: {good}, {good}\r\n"), "400"),
        ("Replaces: call\r\n".into(), "400"),
        (format!("Replaces: {good}\r\nJoin: {good}\r\n"), "400"),
        (format!("Join: {good}\r\n"), "488"),
        ("Join: x;to-tag=1;from-tag=2\r\n".into(), "481"),
        (format!("Join: {good}\r\nRequire: join\r\n"), "420"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(world.tell(&invite(n, &lines)), status, "{lines}");
        assert_eq!(world.state(), Some(State::Active));
    }
    assert_eq!(world.says("INFO", &format!("Replaces: {good}\r\n"), "", ""), "400");
    assert_eq!(world.says("OPTIONS", &format!("Replaces: {good}\r\n"), "", ""), "400");
    // The right one.
    world.tell(&invite(50, &format!("Require: replaces\r\nReplaces: {good}\r\n")));
    world.net.run_for(Duration::from_millis(1));
    let told = world.net.told(0);
    assert!(
        told.ends_with(&["incoming".into(), "answered".into(), "replaced".into(), "ended Replaced".into()]),
        "{told:?}"
    );
    assert_eq!(world.state(), Some(State::Terminating));
    // It is being hung up: too late for another.
    assert_eq!(world.tell(&invite(51, &format!("Replaces: {good}\r\n"))), "603");
    world.silence();
    // A call that rings here cannot be picked up from here (only its caller can say so).
    let mut ringing = World::called(false, Some(SDP));
    ringing.learn_tag();
    let lines = format!("Replaces: call;to-tag={};from-tag=peer\r\n", ringing.our_tag);
    assert_eq!(ringing.tell(&invite(0, &lines)), "481");
    assert_eq!(ringing.state(), Some(State::Ringing));
    ringing.silence();
    // A call that is answered and not acknowledged is confirmed: its BYE waits for the ACK.
    let mut answered = World::called(false, Some(SDP));
    answered.answer();
    let lines = format!("Replaces: call;to-tag={};from-tag=peer\r\n", answered.our_tag);
    answered.tell(&invite(0, &lines));
    answered.net.run_for(Duration::from_millis(1));
    assert_eq!(answered.state(), Some(State::HangupPending));
    answered.silence();
}

/// However much a peer asks for, little is kept; and what is over makes room.
#[test]
fn a_peer_may_ask_for_few_transfers_at_a_time() {
    let mut world = World::up();
    let session = world.session.unwrap();
    let mut news = Vec::new();
    for round in 0..6 {
        let status = world.refers("Refer-To: <sip:carol@10.0.0.3>\r\n");
        assert_eq!(status, if round < 4 { "202" } else { "491" });
        if round < 4 {
            news.push(world.net.with(0, |core, now| core.accept_transfer(now, session)).unwrap());
        }
    }
    world.net.with(0, |core, now| core.hangup(now, news[1])).unwrap();
    world.net.run_for(40 * SECOND);
    assert_eq!(world.refers("Refer-To: <sip:carol@10.0.0.3>\r\n"), "202");
    world.silence();
}

/// A REFER in a call that is not answered is declined. One that overtakes the ACK is as good as any: whoever sends it has our
/// 200. If we are about to hang up, it comes too late.
#[test]
fn a_refer_before_the_ack() {
    let mut world = World::called(false, Some(SDP));
    world.learn_tag();
    world.cseq = 300;
    assert_eq!(world.refers("Refer-To: <sip:carol@10.0.0.3>\r\n"), "603");
    world.answer();
    assert_eq!(world.refers("Refer-To: <sip:carol@10.0.0.3>\r\n"), "202");
    let session = world.session.unwrap();
    world.net.with(0, |core, now| core.accept_transfer(now, session)).unwrap();
    assert_eq!(world.state(), Some(State::Answered));
    world.request("ACK", "z9hG4bKack", 100, None);
    assert_eq!(world.state(), Some(State::Active));
    assert!(world.net.told(0).contains(&"transfer started".into()));
    world.silence();
    let mut world = World::called(false, Some(SDP));
    world.answer();
    world.hangup();
    world.cseq = 300;
    assert_eq!(world.refers("Refer-To: <sip:carol@10.0.0.3>\r\n"), "500");
    world.silence();
}

/// The tests here and those between three of ours take every row of the transfer's table.
#[test]
fn every_row_of_the_transfer_is_walked() {
    let mut taken: Vec<(TransferState, TransferInput)> = Vec::new();
    let mut keep = |mut world: World| {
        world.silence();
        taken.append(&mut world.net.nodes[0].core.transfers_taken);
    };
    let agree: [(&str, &[u8]); 1] = [("Refer-Sub", b"false")];
    for (state, body) in [(ACTIVE, TRYING), (OVER, OK), (OVER, "SIP/2.0 486 Busy\r\n"), (OVER, "")] {
        for response_first in [false, true] {
            let mut world = World::up();
            world.asks();
            if response_first {
                world.replies("REFER", 202, &[]);
            }
            assert_eq!(world.notifies(state, body), "200");
            world.net.run_for(400 * SECOND);
            keep(world);
        }
    }
    for (status, headers) in [(202, &agree[..]), (603, &[]), (481, &[])] {
        let mut world = World::up();
        let session = world.session.unwrap();
        world.net.with(0, |core, now| core.transfer_unreported(now, session, "sip:c@10.0.0.3")).unwrap();
        world.replies("REFER", status, headers);
        keep(world);
    }
    for deed in 0..6 {
        let mut world = World::up();
        let session = world.session.unwrap();
        world.refers("Refer-To: <sip:carol@10.0.0.3>\r\n");
        if deed == 0 {
            world.replies("NOTIFY", 481, &[]);
        }
        match deed {
            1 => world.net.with(0, |core, now| core.reject_transfer(now, session, 603)).unwrap(),
            2 => world.net.run_for(100 * SECOND),
            3 => {
                world.net.with(0, |core, now| core.shutdown(now));
            }
            _ => {
                world.net.with(0, |core, now| core.accept_transfer(now, session)).unwrap();
                let invite = world.last("INVITE ");
                world.respond_to(&invite, 180, "carol", None);
                if deed == 4 {
                    world.replies("NOTIFY", 481, &[]);
                }
                let status = if deed == 5 { 200 } else { 486 };
                world.respond_to(&invite, status, "carol", Some(SDP).filter(|_| status == 200));
            }
        }
        keep(world);
    }
    for row in TRANSFER_ROWS.iter().filter(|row| row.input != TransferInput::Impossible) {
        assert!(taken.contains(&(row.state, row.input)), "{row:?} is not taken");
    }
}

/// RFC 3891 section 6.1: a peer of RFC 2543 has no tag, and is named by 0.
#[test]
fn replaces_names_a_peer_without_tag_by_0() {
    let mut world = World::called(false, None);
    let text = |from: &str, call_id: &str, branch: &str, lines: &str| {
        format!(
            "INVITE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch={branch}\r\nMax-Forwards: 70\r\n\
             From: <sip:old@10.9.9.9>{from}\r\nTo: <sip:alice@10.0.0.1>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:old@10.9.9.9>\r\n{lines}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
            SDP.len()
        )
    };
    world.net.inject(0, peer(), text("", "old", "1", "").as_bytes());
    world.session = world.net.incoming(0);
    world.answer();
    let (replaced, ours) = (world.session, world.our_tag.clone());
    let ack = text("", "old", "2", "")
        .replace("INVITE", "ACK")
        .replace("To: <sip:alice@10.0.0.1>", &format!("To: <sip:alice@10.0.0.1>;tag={ours}"));
    world.net.inject(0, peer(), ack.as_bytes());
    assert_eq!(world.state(), Some(State::Active));
    let replaces = |tag: &str| format!("Replaces: old;to-tag={ours};from-tag={tag}\r\n");
    world.net.inject(0, peer(), text(";tag=c", "new1", "z9hG4bKn1", &replaces("1")).as_bytes());
    assert_eq!(world.net.codes().last().unwrap(), "481");
    world.net.inject(0, peer(), text(";tag=c", "new2", "z9hG4bKn2", &replaces("0")).as_bytes());
    assert_ne!(world.net.incoming(0), replaced, "it takes the place of the old call");
    world.net.run_for(Duration::from_millis(100));
    assert!(world.net.told(0).contains(&"replaced".into()), "{:?}", world.net.told(0));
}
