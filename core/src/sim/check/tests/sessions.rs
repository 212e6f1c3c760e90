//! The rules of what happens within a call, each broken once.

use super::*;

/// The INVITE and its reliable 183 with a description, PRACK, 200 to it, and the 200 without a description.
pub(super) fn reliable() -> Vec<Step> {
    let mut invite = invite();
    invite.text = invite.text.replace(CONTACT, &format!("{CONTACT}Supported: 100rel\r\n"));
    let mut progress = response(183, "1 INVITE", "z9hG4bKi", ANSWER);
    progress.text = progress.text.replace(CONTACT, &format!("{CONTACT}Require: 100rel\r\nRSeq: 7\r\n"));
    let prack = request("PRACK", "z9hG4bKp", 2, "RAck: 7 1 INVITE\r\n", "");
    let taken = response(200, "1 INVITE", "z9hG4bKi", "");
    vec![invite, progress, prack, response(200, "2 PRACK", "z9hG4bKp", ""), taken, ack()]
}

/// A request of the caller within the call.
fn request(method: &str, branch: &str, cseq: u32, lines: &str, body: &str) -> Step {
    let first = format!("{method} sip:x@10.0.0.9 SIP/2.0");
    caller(message(&first, &via(branch), ("a", "b"), &format!("{cseq} {method}"), lines, body))
}

/// One of the callee.
fn back(method: &str, branch: &str, cseq: u32, lines: &str, body: &str) -> Step {
    let (first, via) = (format!("{method} sip:x@10.0.0.9 SIP/2.0"), format!("{VIA_B}{branch}"));
    callee(message(&first, &via, ("b", "a"), &format!("{cseq} {method}"), lines, body))
}

/// The caller's response to that.
fn reply(status: u16, method: &str, branch: &str, cseq: u32, body: &str) -> Step {
    let contact = if method == "INVITE" && status < 300 { CONTACT } else { "" };
    let (first, via) = (format!("SIP/2.0 {status} Whatever"), format!("{VIA_B}{branch}"));
    caller(message(&first, &via, ("b", "a"), &format!("{cseq} {method}"), contact, body))
}

/// An UPDATE of the caller with an offer, and its answer.
fn updated() -> Vec<Step> {
    let (offer, answer) = (OFFER.replace("a 7 1", "a 7 2"), ANSWER);
    let mut call = up();
    call.push(request("UPDATE", "z9hG4bKu", 2, CONTACT, &offer));
    call.push(response(200, "2 UPDATE", "z9hG4bKu", answer));
    call
}

/// A REFER of the caller and the reports that come of it.
fn referred() -> Vec<Step> {
    let mut call = up();
    let lines = format!("{CONTACT}Refer-To: <sip:c@c>\r\n");
    call.push(request("REFER", "z9hG4bKr", 2, &lines, ""));
    call.push(response(202, "2 REFER", "z9hG4bKr", ""));
    for (n, (state, line)) in
        [("active", "SIP/2.0 100 Trying"), ("terminated;reason=noresource", "SIP/2.0 200 OK")]
            .into_iter()
            .enumerate()
    {
        let (branch, cseq) = (format!("z9hG4bKn{n}"), n as u32 + 1);
        let lines = format!("Event: refer\r\nSubscription-State: {state}\r\n");
        let mut notify = back("NOTIFY", &branch, cseq, &lines, line);
        notify.text = notify.text.replace("application/sdp", "message/sipfrag;version=2.0");
        call.extend([notify, reply(200, "NOTIFY", &branch, cseq, "")]);
    }
    call
}

#[test]
fn good_calls_pass() {
    for call in [reliable(), updated(), referred()] {
        assert_eq!(run(&call), Ok(()));
    }
}

#[test]
fn reliable_responses() {
    let call = reliable();
    let together = "RSeq and Require: 100rel go together";
    breaks(&call, 1, "RSeq: 7\r\n", "", together);
    breaks(&call, 1, "Require: 100rel\r\n", "", together);
    let knows = "nothing is sent reliably to a caller who does not know how";
    let mut stranger = call.clone();
    stranger[0].text = stranger[0].text.replace("Supported: 100rel\r\n", "");
    told(&stranger, 1, knows);
    breaks(&call, 2, "RAck: 7 1 INVITE\r\n", "", "PRACK has a RAck");
    breaks(&call, 2, "7 1 INVITE", "7 1", "PRACK has a RAck");
    breaks(&call, 2, "7 1 INVITE", "8 1 INVITE", "PRACK acknowledges what was sent reliably");
    breaks(&call, 2, ";tag=b", "", "what is of a dialog is sent within one");
    let mut early = call.clone();
    let taken = early.remove(4);
    early.insert(2, taken);
    told(&early, 2, "no 2xx before the PRACK of a description");
    let mut second = call[1].clone();
    second.text = second.text.replace("RSeq: 7", "RSeq: 8").replace("183", "182");
    intrudes(&call, 2, second.clone(), "one reliable response waits for its PRACK at a time");
    let mut later = call.clone();
    later.insert(4, second.clone());
    let again = request("PRACK", "z9hG4bKq", 3, "RAck: 8 1 INVITE\r\n", "");
    later.splice(5..5, [again, response(200, "3 PRACK", "z9hG4bKq", "")]);
    assert_eq!(run(&later), Ok(()));
    second.text = second.text.replace("RSeq: 8", "RSeq: 9");
    intrudes(&call, 4, second, "RSeq counts by one");
}

#[test]
fn one_offer_at_a_time() {
    let rule = "no offer is made while one's own is unanswered";
    let call = updated();
    let again = request("UPDATE", "z9hG4bKv", 3, CONTACT, &OFFER.replace("a 7 1", "a 7 3"));
    intrudes(&call, 6, again, rule);
    let answers = "a 2xx to UPDATE answers its offer, and nothing else";
    let silent = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{ANSWER}", ANSWER.len());
    breaks(&call, 6, &silent, "Content-Length: 0\r\n\r\n", answers);
    // Both offer at once: each must refuse the other's.
    let mut glare = up();
    glare.push(request("INVITE", "z9hG4bKg", 2, CONTACT, &OFFER.replace("a 7 1", "a 7 2")));
    glare.push(back("INVITE", "z9hG4bKh", 1, CONTACT, &ANSWER.replace("b 8 1", "b 8 2")));
    let mut taken = glare.clone();
    taken.push(reply(200, "INVITE", "z9hG4bKh", 1, &OFFER.replace("a 7 1", "a 7 3")));
    told(&taken, 7, "no offer is taken while one's own is unanswered");
    glare.push(reply(491, "INVITE", "z9hG4bKh", 1, ""));
    glare.push(response(491, "2 INVITE", "z9hG4bKg", ""));
    let acks = [
        back("ACK", "z9hG4bKh", 1, "", ""),
        caller(message("ACK sip:x@10.0.0.9 SIP/2.0", &via("z9hG4bKg"), ("a", "b"), "2 ACK", "", "")),
    ];
    glare.extend(acks);
    assert_eq!(run(&glare), Ok(()));
}

#[test]
fn transfers() {
    let call = referred();
    breaks(&call, 5, "Refer-To: <sip:c@c>\r\n", "", "REFER has one Refer-To");
    breaks(&call, 7, "Event: refer\r\n", "", "NOTIFY has Event and Subscription-State");
    breaks(&call, 7, "Subscription-State: active\r\n", "", "NOTIFY has Event and Subscription-State");
    breaks(
        &call,
        7,
        "message/sipfrag;version=2.0",
        "text/plain",
        "a report of a transfer is a fragment of a message",
    );
    let mut ended = call.clone();
    ended[7].text = ended[7].text.replace("active", "terminated");
    told(&ended, 9, "no report follows the last");
    let mut unasked = call.clone();
    unasked.drain(5..7);
    told(&unasked, 5, "a transfer is reported to whoever asked for it");
    let replaces = ("Contact", "Replaces: c;to-tag=1;from-tag=2\r\nContact");
    let rule = "Replaces is in an INVITE, and once";
    breaks(&updated(), 5, replaces.0, replaces.1, rule);
    breaks(&up(), 0, replaces.0, &format!("Replaces: d;to-tag=1;from-tag=2\r\n{}", replaces.1), rule);
}

#[test]
fn session_timers() {
    let rule = "a session interval is 90 s at least";
    breaks(&up(), 0, "Contact", "Session-Expires: 89\r\nContact", rule);
    breaks(&up(), 0, "Contact", "Min-SE: 1\r\nContact", rule);
    breaks(&up(), 0, "Contact", "Session-Expires: soon\r\nContact", rule);
    let named = "Session-Expires of a 2xx names who refreshes";
    breaks(&up(), 3, "Contact", "Session-Expires: 90\r\nContact", named);
    let mut brief = refused();
    brief[2].text = brief[2].text.replace("486", "422");
    told(&brief, 2, "422 has Min-SE");
    brief[2].text = brief[2].text.replace("Content-Length", "Min-SE: 90\r\nContent-Length");
    assert_eq!(run(&brief), Ok(()));
}
