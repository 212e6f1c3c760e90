//! RSeq and RAck (RFC 3262 section 7).

use super::method::Method;
use super::text::{is_lws, parse_u32, split_token, trim, trim_start};

/// The number of a reliable provisional response. The grammar has room for 0, but no number is 0 (section 7.1).
pub fn parse_rseq(value: &[u8]) -> Option<u32> {
    parse_u32(trim(value)).filter(|&number| number != 0)
}

/// What a PRACK acknowledges (section 7.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RAck {
    /// The RSeq of the response.
    pub rseq: u32,
    /// The number in its CSeq.
    pub cseq: u32,
    /// The method in its CSeq.
    pub method: Method,
}

impl RAck {
    /// Reads the value of RAck: two numbers and a method.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (rseq, rest) = number(value)?;
        let (cseq, rest) = number(rest)?;
        let (method, rest) = split_token(rest);
        let whole = !method.is_empty() && trim(rest).is_empty();
        whole.then(|| Self { rseq, cseq, method: Method::from_text(method) })
    }
}

/// A number and the white space that must follow it.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = split_token(trim_start(text));
    let spaced = rest.first().copied().is_some_and(is_lws);
    Some((parse_u32(digits).filter(|_| spaced)?, trim_start(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3262 sections 7 and 7.1.
    #[test]
    fn a_number_of_a_response_is_from_1_to_the_end_of_32_bits() {
        assert_eq!(parse_rseq(b"1"), Some(1));
        assert_eq!(parse_rseq(b" 4294967295 "), Some(u32::MAX));
        for bad in [&b"0"[..], b"4294967296", b"", b"-1", b"1 2", b"0x1", b"99999999999999999999999"] {
            assert_eq!(parse_rseq(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }

    /// RFC 3262 section 7.2.
    #[test]
    fn what_is_acknowledged_has_three_parts() {
        let read = RAck::parse(b"776656 1 INVITE");
        assert_eq!(read, Some(RAck { rseq: 776_656, cseq: 1, method: Method::Invite }));
        assert_eq!(
            RAck::parse(b" 1\t2\r\n INVITE "),
            Some(RAck { rseq: 1, cseq: 2, method: Method::Invite })
        );
        // Methods are told apart by case.
        assert_eq!(RAck::parse(b"1 2 invite").map(|rack| rack.method), Some(Method::Extension));
        for bad in [
            &b""[..],
            b"1",
            b"1 2",
            b"1 2 ",
            b"INVITE 1 2",
            b"1 2 INVITE x",
            b"4294967296 1 INVITE",
            b"1 x INVITE",
        ] {
            assert_eq!(RAck::parse(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }
}
