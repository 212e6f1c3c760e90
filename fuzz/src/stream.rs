//! A stream of octets in pieces: the same messages, whatever the pieces.

use bytes::Bytes;
use offhook_core::wire::text::parse_number;
use offhook_core::wire::{Frame, HeaderName, KeepAlives, StreamError, StreamFramer, WireLimits};

use crate::octets::Octets;

type Outcome = (Vec<Bytes>, Option<StreamError>, KeepAlives, bool);

/// The first octet says how the rest is cut.
pub(crate) fn run(octets: &[u8]) {
    let mut octets = Octets(octets);
    let choice = octets.byte();
    let limits = match choice & 1 {
        0 => WireLimits::default(),
        _ => WireLimits { message_octets_max: 600, ..WireLimits::default() },
    };
    let (stream, step) = (octets.0, usize::from(choice >> 1));
    let outcome = read(limits, [stream]);
    assert_eq!(read(limits, stream.chunks(1)), outcome);
    assert_eq!(read(limits, stream.chunks(1 + step)), outcome);
    // Pieces of sizes that the octets themselves say.
    let mut rest = stream;
    let pieces = core::iter::from_fn(|| {
        let size = rest.first().map(|&first| usize::from(first).wrapping_mul(step) % 97)?;
        let (piece, after) = rest.split_at((1 + size).min(rest.len()));
        rest = after;
        Some(piece)
    });
    assert_eq!(read(limits, pieces), outcome);
    for message in &outcome.0 {
        let frame = Frame::parse(message, &WireLimits::NONE).expect("what is framed is a message");
        assert_eq!(frame.bytes(), message, "a message begins with its start line");
    }
    assert_eq!(outcome.0, expected(limits, stream), "the framer and the parser see different ends");
}

/// The messages of a stream as the parser sees them that has all of it.
fn expected(limits: WireLimits, mut rest: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    while let Ok(frame) = Frame::parse(rest, &WireLimits::NONE) {
        let lengths = frame.headers().filter(|header| header.name == HeaderName::ContentLength);
        let lengths: Option<Vec<u64>> = lengths.map(|header| parse_number(header.value)).collect();
        let length = match lengths.as_deref() {
            Some([first, more @ ..]) if more.iter().all(|length| length == first) => *first,
            _ => break,
        };
        let head = frame.body().as_ptr().addr() - frame.bytes().as_ptr().addr();
        let (before, after) = frame.bytes().split_at(head);
        let ended = before.ends_with(b"\n\n") || before.ends_with(b"\n\r\n");
        let Some(length) = usize::try_from(length).ok().filter(|&length| ended && length <= after.len())
        else {
            break;
        };
        if head + length > limits.message_octets_max {
            break;
        }
        let (message, next) = frame.bytes().split_at(head + length);
        messages.push(message);
        rest = next;
    }
    messages
}

fn read<'a>(limits: WireLimits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut framer = StreamFramer::new(limits);
    let mut messages = Vec::new();
    for mut input in pieces {
        loop {
            match framer.next(&mut input) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => {
                    return (messages, Some(error), framer.keep_alives(), framer.is_within_message());
                }
            }
        }
        assert!(input.is_empty());
    }
    (messages, None, framer.keep_alives(), framer.is_within_message())
}
