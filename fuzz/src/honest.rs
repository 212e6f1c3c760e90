//! What an honest peer writes: messages that are right, so that few octets go a long way into a call.

use offhook_core::wire::{Frame, WireLimits};

use crate::octets::Octets;
use crate::peer::{HELD, NO_CODEC, Names, OURS, SDP, TAGS, names, tagged, untagged};

const BODIES: [&str; 4] = [SDP, "", NO_CODEC, HELD];
const USERS: [&str; 4] = ["rings", "silent", "quick", "answers"];
const METHODS: [&str; 8] = ["ACK", "BYE", "CANCEL", "INVITE", "PRACK", "UPDATE", "REFER", "NOTIFY"];
const STATUSES: [(&str, &str); 16] = [
    ("200 OK", ""),
    ("180 Ringing", ""),
    ("183 Session Progress", ""),
    ("180 Ringing", "Require: 100rel\r\nRSeq: 1\r\n"),
    ("183 Session Progress", "Require: 100rel\r\nRSeq: 1\r\nAllow: INVITE, PRACK, UPDATE\r\n"),
    ("183 Session Progress", "Require: 100rel\r\nRSeq: 2\r\n"),
    ("199 Early Dialog Terminated", ""),
    ("100 Trying", ""),
    ("422 Session Interval Too Small", "Min-SE: 200\r\n"),
    ("491 Request Pending", ""),
    (
        "302 Moved",
        "Contact: <sip:one@10.9.9.9>;q=0.9, <sip:two@10.9.9.9>;q=0.5, <sip:three@slow.example>;q=0.1\r\n",
    ),
    ("486 Busy", ""),
    ("481 Gone", ""),
    ("487 Ended", ""),
    ("200 OK", "Require: timer\r\nSession-Expires: 200;refresher=uac\r\nAllow: UPDATE, INVITE, PRACK\r\n"),
    ("200 OK", "Require: timer\r\nSession-Expires: 200;refresher=uac\r\nAllow: INVITE\r\n"),
];

fn finish(mut head: String, body: &str) -> Vec<u8> {
    if !body.is_empty() {
        head += "Content-Type: application/sdp\r\n";
    }
    (head + &format!("Content-Length: {}\r\n\r\n{body}", body.len())).into_bytes()
}

/// An INVITE.
pub(crate) fn stranger(octets: &mut Octets<'_>) -> Vec<u8> {
    let choice = octets.byte();
    let (user, call) = (USERS[usize::from(choice & 3)], choice >> 2 & 3);
    let body = BODIES[usize::from(choice >> 4 & 3)];
    let rel = if choice & 0x40 == 0 { "Supported: 100rel, timer\r\nAllow: INVITE, UPDATE\r\n" } else { "" };
    let timer = if choice & 0x80 == 0 { "" } else { "Session-Expires: 90;refresher=uas\r\n" };
    let head = format!(
        "INVITE sip:{user}@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKi{call}\r\n\
         From: <sip:bob@10.9.9.9>;tag=one\r\nTo: <sip:{user}@{OURS}>\r\nCall-ID: call{call}\r\n\
         CSeq: 5 INVITE\r\nContact: <sip:bob@10.9.9.9>\r\n{rel}{timer}"
    );
    finish(head, body)
}

/// The answer to a request of ours.
pub(crate) fn response(octets: &mut Octets<'_>, request: &[u8]) -> Option<Vec<u8>> {
    let names = names(request).filter(|names| names.is_request)?;
    let choice = octets.byte();
    let (status, extra) = STATUSES[usize::from(choice & 15)];
    let body = BODIES[usize::from(choice >> 4 & 3)];
    let tag = TAGS[usize::from(choice >> 6)];
    let theirs =
        if names.theirs.contains(";tag=") { names.theirs } else { format!("{};tag={tag}", names.theirs) };
    let contact = if extra.contains("Contact") { "" } else { "Contact: <sip:bob@10.9.9.9>\r\n" };
    let head = format!(
        "SIP/2.0 {status}\r\n{}From: {}\r\nTo: {theirs}\r\nCall-ID: {}\r\n{contact}{extra}",
        names.transaction, names.ours, names.call_id
    );
    Some(finish(head, if status.starts_with('4') { "" } else { body }))
}

/// A request within the dialog of a message of ours.
pub(crate) fn within(octets: &mut Octets<'_>, message: &[u8]) -> Option<Vec<u8>> {
    let names = names(message)?;
    let choice = octets.byte();
    let method = METHODS[usize::from(choice & 7)];
    let same = matches!(method, "ACK" | "CANCEL") && !names.is_request;
    let cseq = if same { names.cseq } else { names.cseq.wrapping_add(1 + u32::from(choice >> 5)) };
    let refused = message.get(8).is_some_and(|&first| first >= b'3');
    let Names { ours, theirs, call_id, branch, cseq: asked, .. } = names;
    let branch =
        if method == "CANCEL" || same && refused { branch } else { format!("z9hG4bKh{}{cseq}", choice & 7) };
    let ours = if method == "CANCEL" { untagged(&ours).to_owned() } else { ours };
    let theirs = tagged(&theirs, &mut Octets(&[]));
    let extra = match method {
        "PRACK" => format!("RAck: {} {} INVITE\r\n", rseq(message).unwrap_or(1), asked),
        "REFER" => "Refer-To: <sip:carol@10.9.9.9>\r\n".to_owned(),
        "NOTIFY" => "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n".to_owned(),
        _ => String::new(),
    };
    let body = match method {
        "ACK" | "INVITE" | "UPDATE" | "PRACK" => BODIES[usize::from((choice >> 3 & 3) ^ 1)],
        _ => "",
    };
    let head = format!(
        "{method} sip:rings@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch={branch}\r\n\
         From: {theirs}\r\nTo: {ours}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:bob@10.9.9.9>\r\n{extra}"
    );
    Some(finish(head, body))
}

/// RSeq of a response of ours.
fn rseq(message: &[u8]) -> Option<u32> {
    let frame = Frame::parse(message, &WireLimits::NONE).ok()?;
    let text = String::from_utf8_lossy(frame.first(offhook_core::wire::HeaderName::RSeq)?).into_owned();
    text.trim().parse().ok()
}
