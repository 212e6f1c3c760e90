//! The rules of what a message that arrived demands, each broken once.

use super::sessions::reliable;
use super::*;

const PRACK: &str = "a reliable provisional response is acknowledged by PRACK";
const ACK: &str = "each 2xx to an INVITE is acknowledged";
const BYE: &str = "a 2xx that comes after the caller gave up is hung up";

/// Puts the moment of each step.
fn timed(mut call: Vec<Step>, seconds: &[u64]) -> Vec<Step> {
    assert_eq!(call.len(), seconds.len());
    for (step, seconds) in call.iter_mut().zip(seconds) {
        step.at_ms = seconds * 1_000;
    }
    call
}

#[test]
fn prack() {
    // INVITE, the reliable 183, and a 200 that need not wait for the PRACK, for it has no description before it.
    let mut call = reliable();
    call.drain(2..4);
    let (answer, nothing) = (
        format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{ANSWER}", ANSWER.len()),
        "Content-Length: 0\r\n\r\n",
    );
    call[1].text = call[1].text.replace(&answer, nothing);
    call[2].text = call[2].text.replace(nothing, &answer);
    undone(&call, PRACK);
    call[1].lost = true;
    assert_eq!(run(&call), Ok(()), "who has not heard it need not acknowledge it");
    // One that is not the next was heard out of its order.
    let mut call = reliable();
    let mut later = call[1].clone();
    later.text = later.text.replace("RSeq: 7", "RSeq: 8").replace(&answer, nothing);
    call.insert(4, later);
    undone(&call, PRACK);
    call[4] = call[1].clone();
    assert_eq!(run(&call), Ok(()), "what was acknowledged is not owed again");
    // 64·T1 later the callee has given up.
    let mut call = timed(reliable(), &[0, 0, 31, 31, 31, 31]);
    assert_eq!(run(&call), Ok(()));
    call = timed(reliable(), &[0, 0, 32, 32, 32, 32]);
    call[2].at_ms = 32_001;
    told(&call, 2, PRACK);
}

#[test]
fn each_2xx() {
    let lost = |mut call: Vec<Step>| {
        let last = call.len() - 1;
        call[last].lost = true;
        call
    };
    // Each time that it comes again, the ACK is sent again.
    let mut call = timed(lost(up()), &[0, 0, 0, 1, 1]);
    call.push(Step { at_ms: 2_000, ..call[3].clone() });
    undone(&call, ACK);
    call.push(Step { at_ms: 2_000, ..ack() });
    assert_eq!(run(&call), Ok(()));
    // Unless BYE has said it all.
    let mut call = timed(whole(), &[0, 0, 0, 1, 1, 1, 1]);
    call[4].lost = true;
    call.insert(6, Step { at_ms: 1_000, ..call[3].clone() });
    assert_eq!(run(&call), Ok(()));
    // 64·T1 later nobody waits any more.
    let call = timed(up(), &[0, 0, 0, 1, 40]);
    told(&call, 4, ACK);
}

/// INVITE, 180, CANCEL and its 200; then a 200 to the INVITE, ACK, BYE, 200.
fn too_late(after: u64) -> Vec<Step> {
    let mut call = cancelled();
    call.truncate(4);
    call.extend(whole().split_off(3));
    for step in &mut call[4..] {
        step.at_ms = after;
    }
    call
}

#[test]
fn late_answers() {
    for seconds in [1, 31, 33, 63] {
        let call = too_late(seconds * 1_000);
        assert_eq!(run(&call), Ok(()), "{seconds} s");
        undone(&call[..6], BYE);
        let mut mute = call.clone();
        mute.remove(5);
        undone(&mute, ACK);
        // The callee hangs up: that settles it as well.
        let mut settled = call[..6].to_vec();
        settled.push(callee_bye("z9hG4bKx", 1));
        settled[6].at_ms = 64_000;
        let reply = message("SIP/2.0 200 OK", &format!("{VIA_B}z9hG4bKx"), ("b", "a"), "1 BYE", "", "");
        settled.push(Step { at_ms: 64_000, ..caller(reply) });
        assert_eq!(run(&settled), Ok(()), "{seconds} s");
    }
    // 64·T1 after the CANCEL the caller has given up, and as long after that its transaction is gone (RFC 6026).
    // Its callee says it again and learns nothing.
    let unheard = |call: &[Step]| {
        let mut call = call.to_vec();
        call.extend(call.last().map(|step| Step { at_ms: step.at_ms + 500, ..step.clone() }));
        run(&call)
    };
    assert_eq!(unheard(&too_late(64_001)[..5]), Ok(()));
    // Timer B without any response.
    let silent = |seconds: u64| {
        let mut call = vec![invite(), Step { at_ms: 500, ..invite() }];
        call[0].lost = true;
        let answered = whole().split_off(3);
        call.extend(answered.into_iter().map(|step| Step { at_ms: seconds * 1_000, ..step }));
        call
    };
    assert_eq!(run(&silent(33)), Ok(()));
    undone(&silent(33)[..4], BYE);
    assert_eq!(run(&silent(31)[..4]), Ok(()), "the caller still wants it");
    assert_eq!(unheard(&silent(65)[..3]), Ok(()));
}

/// A callee whose answers got lost hangs up, and one of them arrives after its BYE.
#[test]
fn an_answer_that_crosses_the_bye_of_its_callee() {
    let lost = Step { lost: true, ..response(200, "1 INVITE", "z9hG4bKi", ANSWER) };
    let mut call = up();
    call.truncate(3);
    call.extend([lost.clone(), Step { at_ms: 500, ..lost }]);
    call.push(Step { at_ms: 32_000, ..callee_bye("z9hG4bKx", 1) });
    let reply = message("SIP/2.0 200 OK", &format!("{VIA_B}z9hG4bKx"), ("b", "a"), "1 BYE", "", "");
    call.push(Step { at_ms: 32_000, ..caller(reply) });
    assert_eq!(run(&call), Ok(()), "a BYE in an early dialog ends it");
    // Until an answer arrives nothing may follow.
    let goodbye = Step { at_ms: 32_001, ..bye() };
    intrudes(&call, 7, goodbye.clone(), "no request follows BYE");
    call.push(Step { at_ms: 32_000, lost: false, ..call[3].clone() });
    undone(&call, ACK);
    call.push(Step { at_ms: 32_001, ..ack() });
    undone(&call, BYE);
    call.push(goodbye);
    call.push(Step { at_ms: 32_001, ..response(200, "2 BYE", "z9hG4bKb", "") });
    assert_eq!(run(&call), Ok(()));
    // And one BYE is all.
    let again = message("BYE sip:x@10.0.0.9 SIP/2.0", &via("z9hG4bKc"), ("a", "b"), "3 BYE", "", "");
    intrudes(&call, 11, Step { at_ms: 32_002, ..caller(again) }, "no request follows BYE");
}
