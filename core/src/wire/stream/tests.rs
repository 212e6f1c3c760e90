#![allow(clippy::unwrap_used, reason = "tests")]

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

/// What a stream comes to: its messages, what ended it, the keep-alives, and whether a message was left open.
type Outcome = (Vec<Bytes>, Option<StreamError>, KeepAlives, bool);

const SMALL: WireLimits =
    WireLimits { message_octets_max: 400, head_octets_max: 60, headers_max: 4, ..WireLimits::NONE };

/// Reads a stream that comes in these pieces.
fn read<'a>(limits: WireLimits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut framer = StreamFramer::new(limits);
    let mut messages = Vec::new();
    for mut input in pieces {
        loop {
            match framer.next(&mut input) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break assert!(input.is_empty()),
                Err(error) => {
                    assert_eq!(framer.next(&mut &b"\r\n"[..]), Err(error), "there is no way back");
                    return (messages, Some(error), framer.keep_alives(), framer.is_within_message());
                }
            }
            assert!(framer.message.capacity() <= 2 * limits.message_octets_max, "the buffer is bounded");
        }
    }
    (messages, None, framer.keep_alives(), framer.is_within_message())
}

fn whole(text: &str) -> Outcome {
    let outcome = read(WireLimits::default(), [text.as_bytes()]);
    assert_eq!(read(WireLimits::default(), text.as_bytes().chunks(1)), outcome, "an octet at a time");
    outcome
}

fn ok(lengths: &str, body: &str) -> String {
    format!("SIP/2.0 200 OK\r\n{lengths}\r\n{body}")
}

fn error(lengths: &str) -> Option<StreamError> {
    let (messages, error, ..) = whole(&ok(lengths, "four"));
    assert!(messages.is_empty() || error.is_none());
    error
}

#[test]
fn messages_follow_each_other() {
    let (one, two) = (ok("Content-Length: 4\r\n", "a\r\n\r"), ok("l:0\r\n", ""));
    let (messages, error, keep_alives, open) = whole(&format!("{one}{two}{one}"));
    assert_eq!(messages, [&one, &two, &one]);
    assert_eq!((error, keep_alives, open), (None, KeepAlives::default(), false));
}

#[test]
fn the_end_of_the_head_is_where_the_parser_sees_it() {
    for head in [
        "SIP/2.0 200 OK\nl: 4\n\n",
        "SIP/2.0 200 OK\r\nl: 4\n\r\n",
        "SIP/2.0 200 OK\nl: 4\r\n\n",
        "SIP/2.0 200 OK\r\nl:\r\n 4\r\nA: b\r\n \r\n\r\n",
        "SIP/2.0 200 OK\r\nA: b\r\r\r\nl: 4\r\n\r\r\n\r\n",
    ] {
        let (messages, error, ..) = whole(&format!("{head}four"));
        assert_eq!((messages.len(), error), (1, None), "{head:?}");
        let frame = Frame::parse(&messages[0], &WireLimits::NONE).unwrap();
        assert_eq!(frame.body(), b"four", "{head:?}");
    }
}

/// RFC 5626 section 3.5.1.
#[test]
fn keep_alives_are_counted_and_skipped() {
    let message = ok("l: 0\r\n", "");
    let counts = |text: &str| {
        let (messages, error, KeepAlives { line_breaks, pings }, _) = whole(text);
        assert_eq!((messages, error), (alloc::vec![Bytes::from(message.clone())], None), "{text:?}");
        (line_breaks, pings)
    };
    assert_eq!(counts(&message), (0, 0));
    assert_eq!(counts(&format!("\r\n{message}")), (1, 0));
    assert_eq!(counts(&format!("{message}\r\n")), (1, 0));
    assert_eq!(counts(&format!("\r\n\r\n{message}\r\n\r\n\r\n\r\n")), (6, 3));
    assert_eq!(counts(&format!("\r\n{message}\r\n")), (2, 0), "a ping is in one piece");
    assert_eq!(counts(&format!("\r\n\n\r\n\r\r\n\n\r{message}")), (3, 0), "neither are these");
    assert_eq!(read(WireLimits::default(), [&b"\r"[..], b"\n\r", b"\n"]).2.pings, 1);
}

#[test]
fn a_message_that_does_not_end_is_open() {
    assert!(!whole("\r\n").3);
    assert!(whole("S").3);
    assert!(whole(&ok("l: 5\r\n", "four")).3);
    assert!(!whole(&ok("l: 4\r\n", "four")).3);
}

#[test]
fn what_leaves_the_end_open_closes() {
    assert_eq!(error("l: 4\r\n"), None);
    assert_eq!(error("l: 04\r\nContent-Length: 4\r\n"), None, "twice the same does no harm here");
    assert_eq!(error("l: 4\r\nContent-Length: 3\r\n"), Some(StreamError::LengthConflict));
    assert_eq!(error("l: 4\r\nl: x\r\n"), Some(StreamError::BadLength));
    assert_eq!(error(""), Some(StreamError::NoLength));
    for bad in ["", "-1", "+4", "4 4", "4, 4", "4;a", "0x4", "18446744073709551616"] {
        assert_eq!(error(&format!("l: {bad}\r\n")), Some(StreamError::BadLength), "{bad}");
    }
    for huge in ["65536", "4294967296", "18446744073709551615"] {
        assert_eq!(error(&format!("l: {huge}\r\n")), Some(StreamError::TooLarge), "{huge}");
    }
    for other in ["GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "\0\0\n\n", "SIP/2.0 99\r\nl: 0\r\n\r\n"] {
        assert_eq!(whole(other).1, Some(StreamError::NotSip), "{other}");
    }
}

#[test]
fn sizes_are_bounded() {
    // To the octet, whole or in pieces.
    for (padding, fits) in [(337, true), (338, false)] {
        let text =
            format!("SIP/2.0 200 OK\r\nA: {}\r\nContent-Length: 20\r\n\r\n{:20}", "a".repeat(padding), "");
        assert_eq!(text.len() <= 400, fits);
        for size in [1, 7, 399, 1000] {
            let (messages, error, ..) = read(SMALL, text.as_bytes().chunks(size));
            assert_eq!(
                (messages.len(), error),
                if fits { (1, None) } else { (0, Some(StreamError::TooLarge)) }
            );
        }
    }
    // Of the head a datagram may have more octets and fields than may be in an answer; so here.
    let fields = format!("SIP/2.0 200 OK\r\n{}l: 0\r\n\r\n", "A: b\r\n".repeat(40));
    assert_eq!(read(SMALL, [fields.as_bytes()]).0.len(), 1);
    for size in [1, 100, 1000] {
        let endless = "A: b\r\n".repeat(67);
        assert_eq!(read(SMALL, endless.as_bytes().chunks(size)).1, Some(StreamError::HeadTooLarge));
        assert_eq!(read(SMALL, [b'a'; 401].chunks(size)).1, Some(StreamError::HeadTooLarge));
        assert_eq!(read(SMALL, [b'a'; 400].chunks(size)).1, None);
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let known = select(vec![
        "SIP/2.0 200 OK\r\n",
        "OPTIONS sip:a@b SIP/2.0\r\n",
        "Content-Length: 3\r\n",
        "l: 0\r\n",
        "l: 40\r\n",
        "Via: SIP/2.0/UDP a\r\n",
        " fold\r\n",
        "\r\n",
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\r",
        "abc",
        "l: 500\r\n",
    ]);
    let message =
        (0..300_usize).prop_map(|size| ok(&format!("l: {size}\r\n"), &"\r\nx".repeat(size / 3 + 1)[..size]));
    prop_oneof![3 => known.prop_map(String::from), 2 => message, 1 => "[ -~\r\n]{0,6}"]
}

proptest! {
    #[test]
    fn any_pieces_give_the_same(
        texts in proptest::collection::vec(pieces(), 0..12),
        cuts in proptest::collection::vec(any::<Index>(), 0..12),
    ) {
        let text = texts.concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|ends| &text.as_bytes()[ends[0]..ends[1]]).collect();
        prop_assert_eq!(chunks.concat(), text.as_bytes());
        let outcome = read(SMALL, chunks);
        prop_assert_eq!(&read(SMALL, [text.as_bytes()]), &outcome);
        prop_assert_eq!(&read(SMALL, text.as_bytes().chunks(1)), &outcome);
        for message in &outcome.0 {
            let frame = Frame::parse(message, &WireLimits::NONE).unwrap();
            prop_assert!(text.contains(core::str::from_utf8(message).unwrap()));
            let framed = frame.fault().is_none_or(|fault| !fault.reason.contains("Larger"));
            prop_assert!(framed, "the parser misses a part of the body: {frame:?}");
        }
    }

    #[test]
    fn whole_messages_come_out_as_they_went_in(sizes in proptest::collection::vec(0..200_usize, 0..8), step in 1..90_usize) {
        let sent: Vec<String> = sizes.iter().map(|&size| ok(&format!("l: {size}\r\n"), &"\r\nx".repeat(70)[..size])).collect();
        let text = sent.concat();
        let (messages, error, keep_alives, open) = read(SMALL, text.as_bytes().chunks(step));
        prop_assert_eq!(messages, sent);
        prop_assert_eq!((error, keep_alives, open), (None, KeepAlives::default(), false));
    }
}
