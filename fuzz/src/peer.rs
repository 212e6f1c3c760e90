//! What peers of a coordinator may write: messages that are right but for what the octets want otherwise.

use offhook_core::wire::{Frame, HeaderName, WireLimits};

use crate::octets::Octets;

pub(crate) const OURS: &str = "10.0.0.1:5060";
pub(crate) const SDP: &str = "v=0\r\no=bob 1 1 IN IP4 10.9.9.9\r\ns=-\r\nc=IN IP4 10.9.9.9\r\nt=0 0\r\n\
    m=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";
pub(crate) const NO_CODEC: &str = "v=0\r\no=bob 1 1 IN IP4 10.9.9.9\r\ns=-\r\nc=IN IP4 10.9.9.9\r\nt=0 0\r\n\
    m=audio 6000 RTP/AVP 18\r\n";
pub(crate) const HELD: &str = "v=0\r\no=bob 1 2 IN IP4 10.9.9.9\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
    m=audio 6000 RTP/AVP 0\r\na=sendonly\r\nm=video 0 RTP/AVP 31\r\n";
const BODIES: [&str; 8] = ["", SDP, SDP, SDP, HELD, NO_CODEC, "v=0\r\n", "garbage"];

const METHODS: [&str; 16] = [
    "ACK", "BYE", "CANCEL", "INVITE", "ACK", "BYE", "OPTIONS", "INFO", "PRACK", "UPDATE", "REGISTER",
    "REFER", "NOTIFY", "MESSAGE", "invite", "X",
];
pub(crate) const USERS: [&str; 8] = ["rings", "rings", "silent", "answers", "busy", "odd", "", "quick"];
pub(crate) const TAGS: [&str; 4] = ["one", "two", "three", "four"];
const STATUSES: [&str; 16] = [
    "100 Trying",
    "180 Ringing",
    "183 Session Progress",
    "199 Early Dialog Terminated",
    "200 OK",
    "200 OK",
    "200 OK",
    "202 Accepted",
    "302 Moved",
    "401 Unauthorized",
    "408 Timeout",
    "481 Gone",
    "486 Busy",
    "487 Ended",
    "503 Full",
    "603 Decline",
];
/// Further header fields, with their line breaks.
const EXTRAS: [&str; 32] = [
    "",
    "",
    "",
    "WWW-Authenticate: Digest realm=\"a\", nonce=\"1\", qop=\"auth,auth-int\"\r\n\
     Proxy-Authenticate: Digest realm=\"b\", nonce=\"2\", stale=true, algorithm=SHA-256, Basic realm=\"b\"\r\n",
    "Record-Route: <sip:10.8.8.8;lr>, <sip:10.8.8.7>\r\n",
    "Record-Route: <sips:proxy.example>\r\n",
    "Route: <sip:10.0.0.1;lr>\r\n",
    "Require: 100rel\r\n",
    "Require: nothing\r\nProxy-Require: it\r\n",
    "Supported: 100rel, timer\r\nk: replaces\r\n",
    "Via: SIP/2.0/UDP 10.8.8.8;branch=z9hG4bKfar\r\n",
    "RSeq: 1\r\nRequire: 100rel\r\n",
    "Contact: <tel:1>\r\n",
    "Contact: *\r\n",
    "Contact: <sip:b@[2001:db8::1]:5060;transport=tcp>\r\n",
    "Max-Forwards: 0\r\n",
    "Content-Encoding: gzip\r\n",
    "Content-Disposition: render;handling=required\r\n",
    "Subject: folded\r\n over lines\r\n",
    "Accept: text/plain\r\nAccept-Encoding: none\r\n",
    "Replaces: a;from-tag=b;to-tag=c\r\n",
    "Retry-After: 5\r\nReason: Q.850;cause=16\r\n",
    "Expires: 1\r\nTimestamp: 54.2\r\n",
    "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n",
    "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\n",
    "Session-Expires: 1\r\nSupported: timer\r\n",
    "Session-Expires: 4294967296;refresher=uas\r\nMin-SE: 100\r\n",
    "Min-SE: 200\r\n",
    "Allow: INVITE, ACK, BYE, UPDATE, PRACK\r\n",
    "RSeq: 2\r\nRequire: 100rel\r\n",
    "RAck: 1 5 INVITE\r\n",
    "Warning: 399 x \"<img src=x>\"\r\n",
];

fn finish(mut head: String, octets: &mut Octets<'_>, body: &str) -> Vec<u8> {
    let choice = octets.byte();
    if !body.is_empty() && choice & 0x80 == 0 {
        head += "Content-Type: application/sdp\r\n";
    }
    match choice & 0x1f {
        0 => head += &format!("Content-Length: {}\r\n\r\n{body}", body.len() + 10),
        1 => head += &format!("\r\n{body}"),
        _ => head += &format!("Content-Length: {}\r\n\r\n{body}", body.len()),
    }
    head.into_bytes()
}

/// A request of a peer for no dialog: mostly an INVITE.
pub(crate) fn stranger(octets: &mut Octets<'_>) -> Vec<u8> {
    let (choice, names) = (octets.byte(), octets.byte());
    let method = if choice & 3 == 0 { octets.pick(&METHODS) } else { "INVITE" };
    let user = USERS[usize::from(choice >> 2 & 7)];
    let (call, tag) = (names & 3, TAGS[usize::from(names >> 2 & 3)]);
    let branch =
        if names & 0x40 == 0 { format!("z9hG4bKi{call}") } else { format!("z9hG4bK{}", octets.byte()) };
    let to_tag = if names & 0x80 == 0 { "" } else { ";tag=guess" };
    let (extra, other) = (octets.pick(&EXTRAS), if choice & 0x20 == 0 { "" } else { octets.pick(&EXTRAS) });
    let body = octets.pick(&BODIES);
    let rport = if choice & 0x40 == 0 { ";rport" } else { "" };
    let at = if user.is_empty() { "" } else { "@" };
    let head = format!(
        "{method} sip:{user}{at}{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch={branch}{rport}\r\n\
         From: <sip:bob@10.9.9.9>;tag={tag}\r\nTo: <sip:{user}{at}{OURS}>{to_tag}\r\nCall-ID: call{call}\r\n\
         CSeq: 5 {method}\r\nContact: <sip:bob@10.9.9.9>\r\n{extra}{other}"
    );
    finish(head, octets, body)
}

/// What a message of ours says of its dialog, in our words.
pub(crate) struct Names {
    pub(crate) ours: String,
    pub(crate) theirs: String,
    pub(crate) call_id: String,
    /// Every Via, and the CSeq: what a response takes over.
    pub(crate) transaction: String,
    pub(crate) method: String,
    pub(crate) cseq: u32,
    pub(crate) branch: String,
    pub(crate) is_request: bool,
}

pub(crate) fn names(message: &[u8]) -> Option<Names> {
    let frame = Frame::parse(message, &WireLimits::NONE).ok()?;
    let facts = frame.facts().ok()?;
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let first = |name| frame.first(name).map(text);
    let (from, to) = (first(HeaderName::From)?, first(HeaderName::To)?);
    let is_request = frame.is_request();
    let (ours, theirs) = if is_request { (from, to) } else { (to, from) };
    let cseq = first(HeaderName::CSeq)?;
    let vias = frame.headers().filter(|header| header.name == HeaderName::Via);
    let vias: String = vias.map(|via| format!("Via: {}\r\n", text(via.value))).collect();
    Some(Names {
        ours,
        theirs,
        call_id: text(facts.call_id),
        transaction: format!("{vias}CSeq: {cseq}\r\n"),
        method: cseq.split_ascii_whitespace().nth(1)?.to_owned(),
        cseq: facts.cseq,
        branch: facts.via.branch.map(text).unwrap_or_default(),
        is_request,
    })
}

pub(crate) fn tagged(name: &str, octets: &mut Octets<'_>) -> String {
    if name.contains(";tag=") {
        return name.to_owned();
    }
    format!("{name};tag={}", octets.pick(&TAGS))
}

/// The answer of a peer to a request of ours.
pub(crate) fn response(octets: &mut Octets<'_>, request: &[u8]) -> Option<Vec<u8>> {
    let names = names(request).filter(|names| names.is_request)?;
    let (choice, extra, body) = (octets.byte(), octets.pick(&EXTRAS), octets.pick(&BODIES));
    let status = STATUSES[usize::from(choice & 15)];
    let contact = ["Contact: <sip:bob@10.9.9.9>\r\n", "Contact: <sip:bob@slow.example>\r\n", ""];
    let to = if choice & 0x80 == 0 { tagged(&names.theirs, octets) } else { names.theirs };
    let contact = contact[usize::from(choice >> 4 & 7).saturating_sub(5)];
    let head = format!(
        "SIP/2.0 {status}\r\n{}From: {}\r\nTo: {to}\r\nCall-ID: {}\r\n{contact}{extra}",
        names.transaction, names.ours, names.call_id
    );
    Some(finish(head, octets, body))
}

/// A request of a peer within the dialog of a message of ours.
pub(crate) fn within(octets: &mut Octets<'_>, message: &[u8]) -> Option<Vec<u8>> {
    let names = names(message)?;
    let choice = octets.byte();
    let method = METHODS[usize::from(choice & 15)];
    let same = matches!(method, "ACK" | "CANCEL") && !names.is_request;
    let cseq = match choice >> 4 & 7 {
        0..=2 if same => names.cseq,
        3 => u32::from(octets.byte()),
        4 => octets.long(),
        more => names.cseq.wrapping_add(u32::from(more)),
    };
    let branch = match choice & 0x80 {
        0 if same && names.method == "INVITE" => names.branch,
        _ => format!("z9hG4bKd{}", octets.byte()),
    };
    let ours = if method == "CANCEL" { untagged(&names.ours).to_owned() } else { names.ours };
    let theirs = tagged(&names.theirs, octets);
    let (extra, body) = (octets.pick(&EXTRAS), octets.pick(&BODIES));
    let head = format!(
        "{method} sip:rings@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch={branch}\r\n\
         From: {theirs}\r\nTo: {ours}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:bob@10.9.9.9>\r\n{extra}",
        names.call_id
    );
    Some(finish(head, octets, body))
}

pub(crate) fn untagged(name: &str) -> &str {
    name.split(";tag=").next().unwrap_or(name)
}

/// A message with a small damage.
pub(crate) fn damaged(octets: &mut Octets<'_>, message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    let (choice, place) = (octets.byte(), usize::from(octets.word()));
    if message.is_empty() {
        return message;
    }
    let place = place % message.len();
    match choice & 7 {
        0 | 1 => message[place] = octets.byte(),
        2 => message.truncate(place),
        3 => drop(message.drain(place..(place + 1 + usize::from(choice >> 3)).min(message.len()))),
        4 => {
            let more = octets.take(usize::from(choice >> 3));
            message.splice(place..place, more.iter().copied());
        }
        5 => {
            let copy: Vec<u8> = message[place..].iter().copied().take(usize::from(choice)).collect();
            message.splice(place..place, copy);
        }
        6 => {
            // A whole line twice.
            let end =
                message[place..].iter().position(|&octet| octet == b'\n').map_or(place, |at| place + at + 1);
            let next = message[end..].iter().position(|&octet| octet == b'\n').map_or(end, |at| end + at + 1);
            let line = message[end..next].to_vec();
            message.splice(end..end, line);
        }
        _ => {}
    }
    message
}
