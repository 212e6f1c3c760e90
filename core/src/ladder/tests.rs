use alloc::format;
use alloc::string::ToString as _;

use super::*;

const INVITE: &str = "INVITE sip:bob@h SIP/2.0\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n\
                      Content-Length: 3\r\n\r\nv=0";

fn response(status: &str, method: &str) -> Bytes {
    format!("SIP/2.0 {status}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n").into()
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// Three parties, a proxy in the middle, with all that a ladder can show.
fn sample() -> Ladder {
    let mut ladder = Ladder::new();
    ladder.party("192.0.2.1:5060", "alice");
    ladder.party("proxy", "proxy");
    ladder.party("192.0.2.2:5060", "bob");
    let (a, p, b) = ("192.0.2.1:5060", "proxy", "192.0.2.2:5060");
    ladder.note(at(0), a, "calls bob".into());
    ladder.state(at(0), "alice", "session0.1 Calling".into());
    ladder.message_with(at(0), a, p, INVITE.into(), Fate::Lost);
    ladder.message(at(500), a, p, INVITE.into());
    ladder.message(at(510), p, b, INVITE.into());
    ladder.state(at(520), b, "session0.1 Ringing".into());
    ladder.message(at(520), b, p, response("180 Ringing", "INVITE"));
    ladder.message_with(at(530), p, a, response("180 Ringing", "INVITE"), Fate::Doubled);
    ladder.message(at(1000), b, a, response("200 OK", "INVITE"));
    ladder.message(at(1010), a, b, "ACK sip:bob@h SIP/2.0\r\n\r\n".into());
    ladder.note(at(1020), b, "says hello at length".into());
    ladder
}

#[test]
fn a_ladder_for_a_terminal() {
    let expected = "
        ms  alice                               proxy                               bob
            192.0.2.1:5060                                                          192.0.2.2:5060
         0  * calls bob                         |                                   |
         0  = session0.1 Calling                |                                   |
         0  |-------- INVITE SDP [lost] -----X  |                                   |
       500  |------ INVITE SDP [again 1] ------>|                                   |
       510  |                                   |----------- INVITE SDP ----------->|
       520  |                                   |                                   = session0.1 Ringing
       520  |                                   |<----- 180 Ringing (INVITE) -------|
       530  |< 180 Ringing (INVITE) [doubled] --|                                   |
      1000  |<-------------------------------------------- 200 OK (INVITE) ---------|
      1010  |--------------- ACK -------------------------------------------------->|
      1020  |                                   |                                   * says hello at length
";
    let text = sample().to_text();
    assert_eq!(text, expected.trim_start_matches('\n'), "\n{text}");
}

#[test]
fn what_is_drawn_does_nothing_to_a_terminal() {
    let mut ladder = Ladder::new();
    ladder.party("a", "\u{1b}[31ma\u{202e}");
    ladder.message(at(1), "a", "\u{7}b", Bytes::from_static(b"SIP/2.0 200 \x1b]0;x\x07\xff\xc2\x9b\r\n\r\n"));
    ladder.message(at(1), "a", "a", Bytes::from_static(b"\x00\x01"));
    ladder.note(at(2), "a", "\r\n\tcol\u{9b}umn \u{4e2d}".to_string());
    let text = ladder.to_text();
    assert!(text.chars().all(|c| c == '\n' || label::plain(&c.to_string(), 1) == c.to_string()), "{text:?}");
    assert_eq!(text.lines().count(), 5, "{text}");
}

#[test]
fn a_ladder_is_bounded() {
    let mut ladder = Ladder::new();
    for n in 0..ENTRIES_MAX + 3 {
        ladder.note(at(0), &format!("party {n}"), "x".into());
    }
    assert_eq!((ladder.len(), ladder.parties.len(), ladder.left_out()), (ENTRIES_MAX, PARTIES_MAX, 3));
    assert_eq!(ladder.parties[PARTIES_MAX - 1].display, OTHERS);
    assert!(ladder.to_text().ends_with("and 3 more\n"));
    let mut ladder = Ladder::new();
    let big = Bytes::from(alloc::vec![b'x'; OCTETS_MAX / 2]);
    (0..3).for_each(|_| ladder.message(at(0), "a", "b", big.clone()));
    assert_eq!((ladder.len(), ladder.left_out()), (2, 1));
}

#[test]
fn a_page_needs_nothing_and_shows_everything() {
    let page = sample().to_html();
    for part in [
        "<!doctype html>",
        "default-src &#39;none&#39;",
        "alice",
        "192.0.2.1:5060",
        "v=0",
        "session0.1 Ringing",
    ] {
        let part = part.replace("&#39;", "'");
        assert!(page.contains(&part), "no {part} in\n{page}");
    }
    assert_eq!(page.matches("<details").count(), 7, "each message opens");
    assert_eq!(page.matches("class=\"x\"").count(), 1, "one is lost");
    assert_eq!(page.matches(" again\"").count(), 1, "one is sent again");
    for outside in ["<script", "http://", "https://", "src=", "href=", "url(", "@import", "onclick"] {
        assert!(!page.contains(outside), "{outside} in\n{page}");
    }
}

#[test]
fn hostile_octets_never_become_markup() {
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;";
    let mut bytes = format!("INVITE sip:{evil} SIP/2.0\r\nFrom: {evil}\r\n{evil}\r\n\r\n{evil}").into_bytes();
    bytes.extend_from_slice(b"\xff\xfe\x00\x1b\xe2\x80\xae</pre>");
    let mut ladder = Ladder::new();
    ladder.set_title(evil);
    ladder.party("a", evil);
    ladder.message(at(0), "a", evil, bytes.clone().into());
    ladder.message(at(0), evil, "b", format!("SIP/2.0 200 {evil}\r\nCSeq: 1 {evil}\r\n\r\n").into());
    ladder.message(at(0), evil, evil, Bytes::from(bytes));
    ladder.note(at(0), evil, evil.into());
    ladder.state(at(0), evil, evil.into());
    let page = ladder.to_html();
    for bad in ["<script", "<img", "\u{0}", "\u{1b}", "\u{202e}", "\u{fffd}"] {
        assert!(!page.contains(bad), "{bad:?} in\n{page}");
    }
    assert_eq!(page.matches("</pre>").count(), 3, "{page}");
    assert!(
        page.contains("<i>\\xff</i><i>\\xfe</i><i>\\u{0}</i><i>\\u{1b}</i><i>\\u{202e}</i>&lt;/pre&gt;"),
        "{page}"
    );
    // Every tag that is there is one that the page itself writes.
    let known = "!doctype html head meta title style body h1 p b header time div small details summary svg line path \
                 text pre i span";
    for tag in page.split('<').skip(1) {
        let name = tag.trim_start_matches('/').split([' ', '>', '\n']).next().unwrap();
        assert!(known.split_whitespace().any(|known| known == name), "<{name}> in\n{page}");
    }
}
