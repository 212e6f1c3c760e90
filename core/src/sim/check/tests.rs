//! A sound call passes; each way to break one rule is told by that rule and at that message.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::{Instant, Violation, WireChecker};

mod owed;
mod proofs;
mod sessions;

const OFFER: &str = "v=0\r\no=a 7 1 IN IP4 10.0.0.1\r\ns=-\r\nm=audio 4000 RTP/AVP 0\r\n";
const ANSWER: &str = "v=0\r\no=b 8 1 IN IP4 10.0.0.2\r\ns=-\r\nm=audio 5000 RTP/AVP 0\r\n";
const VIA_A: &str = "SIP/2.0/UDP 10.0.0.1:5060;branch=";
const VIA_B: &str = "SIP/2.0/UDP 10.0.0.2:5060;branch=";

/// One message of a script: who sends it, when, what, and whether it arrives.
#[derive(Clone)]
struct Step {
    caller: bool,
    at_ms: u64,
    text: String,
    lost: bool,
}

fn message(first: &str, via: &str, tags: (&str, &str), cseq: &str, extra: &str, body: &str) -> String {
    let (from, to) = tags;
    let tagged = |tag: &str| if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let hops = if first.starts_with("SIP/") { "" } else { "Max-Forwards: 70\r\n" };
    // The sides of a request in the other direction are the other way round.
    let (us, them) = if via.starts_with(VIA_B) { ("b@b", "a@a") } else { ("a@a", "b@b") };
    format!(
        "{first}\r\nVia: {via}\r\n{hops}From: <sip:{us}>{}\r\nTo: <sip:{them}>{}\r\nCall-ID: c\r\nCSeq: {cseq}\r\n\
         {extra}{kind}Content-Length: {}\r\n\r\n{body}",
        tagged(from),
        tagged(to),
        body.len()
    )
}

fn caller(text: String) -> Step {
    Step { caller: true, at_ms: 0, text, lost: false }
}

fn callee(text: String) -> Step {
    Step { caller: false, ..caller(text) }
}

fn via(branch: &str) -> String {
    format!("{VIA_A}{branch}")
}

fn invite() -> Step {
    caller(message("INVITE sip:b@b SIP/2.0", &via("z9hG4bKi"), ("a", ""), "1 INVITE", CONTACT, OFFER))
}

const CONTACT: &str = "Contact: <sip:x@10.0.0.9>\r\n";

fn response(status: u16, cseq: &str, branch: &str, body: &str) -> Step {
    let contact = if cseq.ends_with("INVITE") && (101..300).contains(&status) { CONTACT } else { "" };
    let tag = if status == 100 { "" } else { "b" };
    let first = format!("SIP/2.0 {status} Whatever");
    callee(message(&first, &format!("{};received=1.2.3.4", via(branch)), ("a", tag), cseq, contact, body))
}

fn ack() -> Step {
    caller(message("ACK sip:x@10.0.0.9 SIP/2.0", &via("z9hG4bKa"), ("a", "b"), "1 ACK", "", ""))
}

fn bye() -> Step {
    caller(message("BYE sip:x@10.0.0.9 SIP/2.0", &via("z9hG4bKb"), ("a", "b"), "2 BYE", "", ""))
}

fn callee_bye(branch: &str, cseq: u32) -> Step {
    let via = format!("{VIA_B}{branch}");
    callee(message("BYE sip:x@10.0.0.9 SIP/2.0", &via, ("b", "a"), &format!("{cseq} BYE"), "", ""))
}

fn cancel() -> Step {
    caller(message("CANCEL sip:b@b SIP/2.0", &via("z9hG4bKi"), ("a", ""), "1 CANCEL", "", ""))
}

/// INVITE, 100, 180, 200, ACK.
fn up() -> Vec<Step> {
    let [trying, ringing] = [100, 180].map(|status| response(status, "1 INVITE", "z9hG4bKi", ""));
    vec![invite(), trying, ringing, response(200, "1 INVITE", "z9hG4bKi", ANSWER), ack()]
}

/// And BYE, 200.
fn whole() -> Vec<Step> {
    let mut call = up();
    call.extend([bye(), response(200, "2 BYE", "z9hG4bKb", "")]);
    call
}

/// INVITE, 100, 486, ACK.
fn refused() -> Vec<Step> {
    let responses = [100, 486].map(|status| response(status, "1 INVITE", "z9hG4bKi", ""));
    let mut call = vec![invite()];
    call.extend(responses);
    call.push(caller(message("ACK sip:b@b SIP/2.0", &via("z9hG4bKi"), ("a", "b"), "1 ACK", "", "")));
    call
}

/// INVITE, 180, CANCEL, 200, 487, ACK.
fn cancelled() -> Vec<Step> {
    let mut call = refused();
    call[1] = response(180, "1 INVITE", "z9hG4bKi", "");
    call[2] = response(487, "1 INVITE", "z9hG4bKi", "");
    call.insert(2, cancel());
    call.insert(3, response(200, "1 CANCEL", "z9hG4bKi", ""));
    call
}

fn run(call: &[Step]) -> Result<(), Violation> {
    run_by(WireChecker::new(), call)
}

fn run_by(mut checker: WireChecker, call: &[Step]) -> Result<(), Violation> {
    let [a, b]: [SocketAddr; 2] = ["10.0.0.1:5060", "10.0.0.2:5060"].map(|text| text.parse().unwrap());
    for step in call {
        let now = Instant::from_millis(step.at_ms);
        let (from, to) = if step.caller { (a, b) } else { (b, a) };
        checker.saw(now, from, to, step.text.as_bytes())?;
        if !step.lost {
            checker.delivered(now + Duration::from_millis(1), to, step.text.as_bytes());
        }
    }
    checker.end()
}

/// Breaks message `index` of a sound call and expects to be told which rule that breaks.
#[track_caller]
fn breaks(call: &[Step], index: usize, old: &str, new: &str, rule: &str) {
    assert_eq!(run(call), Ok(()), "before");
    let mut call = call.to_vec();
    assert!(call[index].text.contains(old), "{old:?} is not in\n{}", call[index].text);
    call[index].text = call[index].text.replace(old, new);
    told(&call, index, rule);
}

/// Puts `step` before message `index` of a sound call and expects it to be told.
#[track_caller]
fn intrudes(call: &[Step], index: usize, step: Step, rule: &str) {
    let mut call = call.to_vec();
    call.insert(index, step);
    told(&call, index, rule);
}

#[track_caller]
fn told(call: &[Step], index: usize, rule: &str) {
    let violation = run(call).expect_err(rule);
    let line = call[index].text.split('\r').next().unwrap().to_string();
    assert_eq!((violation.rule, violation.message.clone()), (rule, Some((index, line))), "{violation}");
}

/// Expects a complaint at the end.
#[track_caller]
fn undone(call: &[Step], rule: &str) {
    let violation = run(call).expect_err(rule);
    assert_eq!((violation.rule, &violation.message), (rule, &None), "{violation}");
}

/// RFC 3261 section 15 forbids it, some do it, and whoever simulates those says so.
#[test]
fn a_callee_that_hangs_up_early_passes_where_that_is_said() {
    let mut call = up();
    call.truncate(3);
    call.push(callee_bye("z9hG4bKx", 1));
    let rule = "the callee does not hang up before its 2xx";
    assert_eq!(run(&call).unwrap_err().rule, rule);
    let told = run_by(WireChecker::new().byes_early(true), &call);
    assert!(
        told.is_err_and(|violation| violation.rule != rule && violation.message.is_none()),
        "what is left undone"
    );
}

#[test]
fn sound_calls_pass() {
    for call in [up(), whole(), refused(), cancelled()] {
        assert_eq!(run(&call), Ok(()));
        // What is repeated octet by octet breaks nothing, but a 2xx that was acknowledged.
        for again in 0..call.len() {
            let mut twice = call.clone();
            twice.insert(again + 1, call[again].clone());
            assert_eq!(run(&twice), Ok(()), "{again}");
        }
    }
    // The callee hangs up.
    let mut call = up();
    call.push(callee_bye("z9hG4bKx", 1));
    call.push(caller(message("SIP/2.0 200 OK", &format!("{VIA_B}z9hG4bKx"), ("b", "a"), "1 BYE", "", "")));
    assert_eq!(run(&call), Ok(()));
}

#[test]
fn shape() {
    let call = whole();
    let headers = "a message has the headers that every message has";
    breaks(&call, 0, "Call-ID: c\r\n", "", headers);
    breaks(&call, 3, "Via: ", "Vya: ", headers);
    breaks(&call, 3, "To: ", "To: <sip:b@b>\r\nTo: ", headers);
    let length = "Content-Length is the length of the body";
    breaks(&call, 0, "Content-Length: ", "Content-Length: 1", length);
    breaks(&call, 4, "Content-Length: 0\r\n", "", length);
    breaks(&call, 5, "Content-Length: 0\r\n\r\n", "Content-Length: 0\r\n\r\nmore", length);
    breaks(&call, 3, "Content-Type: application/sdp\r\n", "", "a body has a type");
    breaks(&call, 0, "From: <sip:a@a>;tag=a", "From: <sip:a@a>", "From has a tag");
    let contact = "what makes a dialog has one Contact";
    for index in [0, 2, 3] {
        breaks(&call, index, CONTACT, "", contact);
        breaks(&call, index, CONTACT, &CONTACT.repeat(2), contact);
    }
    breaks(&call, 6, ";tag=b", "", "To of a response has a tag");
    breaks(&call, 5, "z9hG4bKb", "b", "a branch begins with the magic cookie");
    let hops = "a request has Max-Forwards";
    breaks(&call, 4, "Max-Forwards: 70\r\n", "", hops);
    breaks(&call, 5, "Max-Forwards: 70", "Max-Forwards: 700", hops);
    breaks(&call, 5, "2 BYE", "2 INFO", "CSeq names the method");
}

#[test]
fn branches() {
    let rule = "a branch is of one request, repeated octet by octet";
    breaks(&whole(), 5, "z9hG4bKb", "z9hG4bKi", rule);
    breaks(&whole(), 5, "z9hG4bKb", "z9hG4bKa", rule);
    let mut again = invite();
    again.text = again.text.replace("CSeq: 1", "CSeq: 2");
    intrudes(&whole(), 1, again, rule);
    let mut elsewhere = ack();
    elsewhere.text = elsewhere.text.replace("x@", "y@");
    intrudes(&whole(), 5, elsewhere, "the ACK of a 2xx has a branch of its own");
    breaks(&whole(), 4, "z9hG4bKa", "z9hG4bKi", "the ACK of a failure copies its INVITE");
}

#[test]
fn responses() {
    let copies = "a response copies Via, From, To, Call-ID, CSeq and Record-Route";
    for (old, new) in [
        ("10.0.0.1:5060", "10.0.0.1"),
        ("From: <sip:a", "From: <sip:z"),
        ("To: <sip:b", "To: <sip:z"),
        ("Call-ID: c", "Call-ID: d"),
        ("CSeq: 1", "CSeq: 2"),
    ] {
        breaks(&whole(), 2, old, new, copies);
    }
    let mut routed = whole();
    for index in [0, 2, 3] {
        routed[index].text = routed[index].text.replace("Call-ID", "Record-Route: <sip:p;lr>\r\nCall-ID");
    }
    breaks(&routed, 3, "Record-Route: <sip:p;lr>\r\n", "", copies);
    breaks(&whole(), 3, "tag=b", "tag=c", "a server keeps its tag");
    let ringing = response(180, "1 INVITE", "z9hG4bKi", "");
    intrudes(&refused(), 3, ringing, "nothing provisional follows a final response");
    let busy = response(600, "1 INVITE", "z9hG4bKi", "");
    intrudes(&refused(), 3, busy, "a final response is the only one");
    let mut late = whole();
    late.push(late[3].clone());
    told(&late, 7, "a 2xx is not repeated after its ACK");
}

#[test]
fn acknowledgements() {
    let copies = "the ACK of a failure copies its INVITE";
    breaks(&refused(), 3, "sip:b@b SIP", "sip:c@b SIP", copies);
    breaks(&refused(), 3, "CSeq: 1", "CSeq: 2", copies);
    breaks(&refused(), 3, "10.0.0.1:5060", "10.0.0.1", copies);
    breaks(&refused(), 3, "Call-ID: c", "Call-ID: d", copies);
    breaks(&refused(), 3, "Call-ID", "Route: <sip:p>\r\nCall-ID", copies);
    breaks(&refused(), 3, "tag=b", "tag=c", "the ACK of a failure has the To of the response");
    let mut other = refused()[3].clone();
    other.text = other.text.replace("70", "69");
    intrudes(&refused(), 4, other, "an ACK is repeated octet by octet");
    let follows = "the ACK of a 2xx follows one, with the CSeq of its INVITE";
    breaks(&whole(), 4, "1 ACK", "2 ACK", follows);
    breaks(&whole(), 4, "tag=b", "tag=c", follows);
    intrudes(&whole(), 3, ack(), follows);
    let mut call = up();
    call.pop();
    undone(&call, "each 2xx to an INVITE is acknowledged");
    call[3].lost = true;
    call.push(Step { at_ms: 500, ..call[3].clone() });
    assert_eq!(run(&call), Ok(()), "who has not heard it need not acknowledge it");
    let mut call = refused();
    call.pop();
    undone(&call, "a refusal of an INVITE is acknowledged");
    let mut call = whole();
    call.pop();
    call.push(Step { at_ms: 500, ..call[5].clone() });
    undone(&call, "a request is answered");
    call[5].lost = true;
    call[6].lost = true;
    assert_eq!(run(&call), Ok(()), "who has not heard it need not answer it");
}

#[test]
fn cancelling() {
    let copies = "CANCEL copies its INVITE";
    for (old, new) in [
        ("sip:b@b SIP", "sip:c@b SIP"),
        ("z9hG4bKi", "z9hG4bKc"),
        ("From: <sip:a", "From: <sip:z"),
        ("To: <sip:b@b>", "To: <sip:b@b>;tag=b"),
        ("Call-ID: c", "Call-ID: d"),
        ("CSeq: 1", "CSeq: 2"),
        ("10.0.0.1:5060", "10.0.0.1"),
    ] {
        breaks(&cancelled(), 2, old, new, copies);
    }
    let waits = "CANCEL waits for a provisional response";
    let mut early = cancelled();
    early.swap(1, 2);
    told(&early, 1, waits);
    let mut unheard = cancelled();
    unheard[1].lost = true;
    told(&unheard, 2, waits);
}

#[test]
fn dialogs() {
    let rises = "CSeq rises with every request of a side";
    breaks(&whole(), 5, "2 BYE", "1 BYE", rises);
    let reinvite = |branch: &str, cseq: u32| {
        let cseq = format!("{cseq} INVITE");
        let mut step = invite();
        step.text = message("INVITE sip:b@b SIP/2.0", &via(branch), ("a", "b"), &cseq, CONTACT, OFFER);
        step
    };
    intrudes(&whole(), 5, reinvite("z9hG4bKr", 1), rises);
    intrudes(&whole(), 6, reinvite("z9hG4bKr", 3), "no request follows BYE");
    intrudes(&whole(), 7, callee_bye("z9hG4bKx", 1), "no request follows BYE");
    let mut two = up();
    two.extend([reinvite("z9hG4bKr", 2), reinvite("z9hG4bKs", 3)]);
    told(&two, 6, "one INVITE at a time in a dialog");
    breaks(&whole(), 5, ";tag=b", "", "BYE is sent within a dialog");
    intrudes(&up(), 3, callee_bye("z9hG4bKx", 1), "the callee does not hang up before its 2xx");
    intrudes(&up(), 4, callee_bye("z9hG4bKx", 1), "the callee does not hang up before the ACK");
    let mut unheard = up();
    unheard[4].lost = true;
    unheard.push(callee_bye("z9hG4bKx", 1));
    told(&unheard, 5, "the callee does not hang up before the ACK");
    let mut proven = unheard.clone();
    proven.insert(5, reinvite("z9hG4bKr", 2));
    undone(&proven, "a request is repeated until there is a response"); // and nothing before
    proven[5].lost = true;
    told(&proven, 6, "the callee does not hang up before the ACK");
    unheard[5].at_ms = 32_000;
    unheard.push(Step { at_ms: 32_500, ..unheard[5].clone() });
    unheard.insert(5, Step { at_ms: 500, ..unheard[3].clone() });
    for step in &mut unheard[5..] {
        step.lost = true;
    }
    assert_eq!(run(&unheard), Ok(()), "64·T1 later it may");
}

#[test]
fn offers_and_answers() {
    let (kind, lines) =
        ("Content-Type: application/sdp\r\n", "an answer has as many media lines as its offer");
    let silent = format!("{kind}Content-Length: {}\r\n\r\n{ANSWER}", ANSWER.len());
    let nothing = "Content-Length: 0\r\n\r\n";
    breaks(&whole(), 3, &silent, nothing, "a 2xx to an INVITE has an offer or an answer");
    let more = format!("{ANSWER}m=video 6000 RTP/AVP 31\r\n");
    let wide = format!("{kind}Content-Length: {}\r\n\r\n{more}", more.len());
    breaks(&whole(), 3, &silent, &wide, lines);
    let answers = "an ACK answers the offer of a 2xx, and nothing else";
    breaks(&whole(), 4, nothing, &silent, answers);
    // An INVITE without an offer: the 2xx brings it, the ACK must answer.
    let mut late = whole();
    let offer = format!("{kind}Content-Length: {}\r\n\r\n{OFFER}", OFFER.len());
    late[0].text = late[0].text.replace(&offer, nothing);
    late[4].text = late[4].text.replace(nothing, &offer);
    breaks(&late, 4, &offer, nothing, answers);
    let mut changed = up();
    changed[2] = response(183, "1 INVITE", "z9hG4bKi", ANSWER);
    let port = ("m=audio 5000", "m=audio 5002");
    breaks(&changed, 3, port.0, port.1, "a changed session description has the next version");
    changed[3].text = changed[3].text.replace(port.0, port.1).replace("o=b 8 1", "o=b 8 2");
    assert_eq!(run(&changed), Ok(()));
    breaks(&changed, 3, "o=b 8 2", "o=b 9 2", "a changed session description has the next version");
}

#[test]
fn damage_is_not_blamed_on_who_answers_it() {
    let [a, b]: [SocketAddr; 2] = ["10.0.0.1:5060", "10.0.0.2:5060"].map(|text| text.parse().unwrap());
    for (old, new) in [("sip:a@a", "sip:z@a"), ("Call-ID", "Coll-ID")] {
        let (mut checker, now) = (WireChecker::new(), Instant::ZERO);
        let sound = invite().text;
        checker.saw(now, a, b, sound.as_bytes()).unwrap();
        checker.delivered(now, b, sound.replace(old, new).as_bytes());
        let answer = response(400, "1 INVITE", "z9hG4bKi", "").text.replace("sip:a@a", "sip:z@a");
        assert_eq!(checker.saw(now, b, a, answer.as_bytes()), Ok(()));
    }
}

/// Who was asked by a damaged request says something new in an answer that nobody can read: what it says next is newer than
/// what was read last, and need not be the next.
#[test]
fn a_description_that_could_not_be_read_counts_as_one() {
    let [a, b]: [SocketAddr; 2] = ["10.0.0.1:5060", "10.0.0.2:5060"].map(|text| text.parse().unwrap());
    let described = |branch: &str, version: &str| {
        let answer = ANSWER.replace("o=b 8 1", version);
        response(200, "1 INVITE", branch, &answer).text
    };
    for (damaged, version, allowed) in [
        (true, "o=b 8 3", true),
        (false, "o=b 8 3", false),
        (true, "o=b 8 0", false),
        (true, "o=b 9 3", false),
    ] {
        let (mut checker, now) = (WireChecker::new(), Instant::ZERO);
        let judge = |checker: &mut WireChecker, text: String| checker.saw(now, b, a, text.as_bytes());
        assert_eq!(judge(&mut checker, described("z9hG4bKx", "o=b 8 1")), Ok(()));
        checker.note_damage(damaged);
        if damaged {
            let unread = described("z9hG4bKy", "o=b 8 2").replace("branch", "brancj");
            assert_eq!(judge(&mut checker, unread), Ok(()));
        }
        let verdict = judge(&mut checker, described("z9hG4bKz", version));
        assert_eq!(verdict.is_ok(), allowed, "{version} {verdict:?}");
    }
}

#[test]
fn repetition() {
    let again = |call: &[Step], index: usize| {
        let mut twice = call.to_vec();
        twice.insert(index + 1, Step { at_ms: 500, ..call[index].clone() });
        twice
    };
    // Nothing comes back: the request is sent again.
    let alone = [Step { lost: true, ..invite() }];
    undone(&alone, "a request is repeated until there is a response");
    assert_eq!(run(&again(&alone, 0)), Ok(()));
    // No ACK comes: the 2xx and the refusal are sent again.
    for mut call in [up(), refused()] {
        let last = call.len() - 1;
        call[last].lost = true;
        undone(&call, "a final response to an INVITE is repeated until its ACK comes");
        assert_eq!(run(&again(&call, last - 1)), Ok(()));
    }
}

/// Whoever may have been forged is not told as often as it takes: no more than so many times what came.
#[test]
fn what_may_be_held_back() {
    for (mut call, factor) in [(refused(), 3), (up(), 6)] {
        let last = call.len() - 1;
        call[last].lost = true;
        let half = call[0].text.len() * factor / 2;
        let subject = format!("Subject: {}\r\nCSeq:", "x".repeat(half));
        call[last - 1].text = call[last - 1].text.replace("CSeq:", &subject);
        assert_eq!(run(&call), Ok(()));
    }
    // Nobody has shown that he is there whom a callee hangs up on that was never acknowledged.
    let mut call = up();
    let last = call.len() - 1;
    let again = Step { at_ms: 500, ..call[last - 1].clone() };
    call.insert(last, again);
    call.push(Step { at_ms: 33_000, lost: true, ..callee_bye("z9hG4bKc", 1) });
    undone(&call, "a request is repeated until there is a response");
    call[last + 1].lost = true;
    assert_eq!(run(&call), Ok(()));
    // What a caller asks is not bounded, nor what somebody is asked who was heard before.
    call[last + 1].lost = false;
    call[last + 2] = Step { at_ms: 33_000, lost: true, ..bye() };
    undone(&call, "a request is repeated until there is a response");
}

/// RFC 3261 section 8.2.7: whoever keeps nothing says nothing provisional and answers each copy.
#[test]
fn a_server_without_memory() {
    let mut call = refused();
    call.remove(1);
    call[2].lost = true;
    assert_eq!(run(&call), Ok(()), "it repeats nothing by itself");
    // A copy must be answered, be it otherwise.
    let copy = Step { at_ms: 500, ..invite() };
    (call[1].lost, call[2]) = (true, copy.clone());
    undone(&call, "a final response to an INVITE is repeated until its ACK comes");
    let mut anew = call.clone();
    anew.extend(up().into_iter().skip(1).map(|step| Step { at_ms: 600, ..step }));
    anew.extend(whole().into_iter().skip(5).map(|step| Step { at_ms: 700, ..step }));
    assert_eq!(run(&anew), Ok(()));
    anew.remove(2);
    told(&anew, 2, "nothing provisional follows a final response");
    // Whoever has said that it rings remembers.
    let mut rings = refused();
    rings.insert(3, copy);
    rings.insert(4, response(200, "1 INVITE", "z9hG4bKi", ANSWER));
    told(&rings, 4, "a final response is the only one");
}
