//! A quick look at a datagram that is to wait: what is it about?

use super::text::{find_line_break, split_once, split_token, trim};

/// What a datagram seems to be about. It is not checked; only how long it waits hangs on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Look<'a> {
    /// A response, an ACK, or a request with a To tag: it belongs to something that we know, or pretends to.
    Within,
    /// An INVITE for a new call, with this Call-ID.
    Invite(&'a [u8]),
    /// The end of an INVITE with this Call-ID that has no final response yet.
    Cancel(&'a [u8]),
    /// Another request outside a dialog, or no SIP at all.
    New,
}

/// Looks at the start line and for To and Call-ID, and reads no further.
pub(crate) fn look<'a>(bytes: &'a [u8]) -> Look<'a> {
    let mut rest = bytes;
    while let [b'\r' | b'\n', more @ ..] = rest {
        rest = more;
    }
    if rest.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/")) {
        return Look::Within;
    }
    let (method, _) = split_token(rest);
    let of_call: fn(&'a [u8]) -> Look<'a> = match method {
        b"ACK" => return Look::Within,
        b"INVITE" => Look::Invite,
        b"CANCEL" => Look::Cancel,
        _ => |_| Look::New,
    };
    let (mut to_seen, mut call_id) = (false, None);
    (_, rest) = cut_field(rest);
    while !matches!(rest, [] | [b'\r' | b'\n', ..]) {
        let (field, next) = cut_field(rest);
        rest = next;
        let Some((name, value)) = split_once(field, b':') else { continue };
        let name = trim(name);
        if name.eq_ignore_ascii_case(b"to") || name.eq_ignore_ascii_case(b"t") {
            if is_tagged(value) {
                return Look::Within;
            }
            to_seen = true;
        } else if name.eq_ignore_ascii_case(b"call-id") || name.eq_ignore_ascii_case(b"i") {
            call_id = call_id.or_else(|| Some(trim(value)));
        }
        if let Some(call_id) = call_id.filter(|_| to_seen) {
            return of_call(call_id);
        }
    }
    Look::New
}

/// Cuts off one line with what is folded into it.
fn cut_field(text: &[u8]) -> (&[u8], &[u8]) {
    let mut from = 0;
    loop {
        let Some(end) = text.get(from..).and_then(find_line_break) else { return (text, &[]) };
        let line_end = from + end;
        let rest = text.get(line_end..).unwrap_or_default();
        let rest = rest.strip_prefix(b"\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
        if !matches!(rest, [b' ' | b'\t', ..]) {
            return (text.get(..line_end).unwrap_or_default(), rest);
        }
        from = text.len() - rest.len();
    }
}

/// Whether a To has a tag.
fn is_tagged(value: &[u8]) -> bool {
    // What a display name holds stands before the address.
    let at = value.iter().rposition(|&octet| octet == b'>').unwrap_or(0);
    let params = value.get(at..).unwrap_or_default();
    params
        .split(|&octet| octet == b';')
        .skip(1)
        .any(|param| split_once(param, b'=').is_some_and(|(name, _)| trim(name).eq_ignore_ascii_case(b"tag")))
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn of(method: &str, headers: &str) -> Look<'static> {
        let text = format!("{method} sip:a@b SIP/2.0\r\n{headers}\r\nTo: <sip:x>;tag=in-the-body\r\n");
        look(text.leak().as_bytes())
    }

    #[test]
    fn what_belongs_to_something_is_told_from_what_is_new() {
        assert_eq!(look(b"SIP/2.0 200 OK\r\n\r\n"), Look::Within);
        assert_eq!(look(b"\r\n\r\nsip/2.0 200 OK\r\n\r\n"), Look::Within);
        assert_eq!(of("ACK", ""), Look::Within);
        let plain = "Via: SIP/2.0/UDP h;branch=z9hG4bK1;tag=no\r\nTo: \"a;tag=1\" <sip:a@b;tag=2>\r\nCall-ID:  x@y \r\n";
        assert_eq!(of("INVITE", plain), Look::Invite(b"x@y"));
        assert_eq!(of("CANCEL", plain), Look::Cancel(b"x@y"));
        assert_eq!(of("OPTIONS", plain), Look::New);
        assert_eq!(of("BYE", plain), Look::New, "one that belongs to no dialog");
        for to in [
            "To: <sip:a@b>;tag=1",
            "t:sip:a@b;user=x ; TAG = 1",
            "To: <sip:a@b>\r\n ;tag=1",
            "TO : <sip:a>\n\t;tag=1",
        ] {
            for method in ["INVITE", "BYE", "NOTIFY"] {
                assert_eq!(of(method, &format!("i: q\r\n{to}\r\n")), Look::Within, "{to}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_new() {
        for bytes in
            [&b""[..], b"\r\n", b"\0\x01", b"INVITE", b"INVITE sip:a@b SIP/2.0\r\nTo", b"INVITE x\rTo:\r"]
        {
            assert_eq!(look(bytes), Look::New);
        }
        assert_eq!(of("INVITE", "To: <sip:a>\r\n"), Look::New, "an INVITE without Call-ID");
    }
}
