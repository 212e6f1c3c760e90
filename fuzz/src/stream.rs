//! A stream of octets in pieces: the same messages, whatever the pieces.

use bytes::Bytes;
use offhook_core::wire::{Frame, KeepAlives, StreamError, StreamFramer, WireLimits};

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
    let mut from = stream;
    for message in &outcome.0 {
        assert!(message.len() <= limits.message_octets_max);
        let frame = Frame::parse(message, &WireLimits::NONE).expect("what is framed is a message");
        assert_eq!(frame.bytes(), message, "a message begins with its start line");
        let cut = frame.fault().is_some_and(|fault| fault.reason.contains("Larger"));
        assert!(!cut, "the framer and the parser see different lengths");
        let at = from.windows(message.len()).position(|window| window == message).expect("it came");
        from = &from[at + message.len()..];
    }
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
