#![allow(clippy::unwrap_used, reason = "tests")]

use alloc::string::ToString as _;

use proptest::prelude::*;

use super::*;

#[test]
fn numbers_have_digits_only_and_fit() {
    assert_eq!(parse_number(b"0009"), Some(9));
    assert_eq!(parse_number(b"18446744073709551615"), Some(u64::MAX));
    for text in ["", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616"] {
        assert_eq!(parse_number(text.as_bytes()), None, "{text}");
    }
    assert_eq!((parse_port(b"65535"), parse_port(b"65536"), parse_port(b"0")), (Some(65535), None, None));
}

#[test]
fn folds_become_one_space() {
    assert_eq!(unfold(b"a \r\n\t b\r\n c").as_ref(), b"a b c");
    assert_eq!(unfold(b"a\rb\nc\r\n").as_ref(), b"a b c ");
    assert!(matches!(unfold(b"plain"), Cow::Borrowed(_)));
}

#[test]
fn text_that_would_end_its_line_is_refused() {
    assert_eq!(check_text("all right\t\u{e9}"), Ok(()));
    let error = check_text("a\r\nVia: x").unwrap_err();
    assert_eq!(error, BadText { octet: b'\r', at: 1 });
    assert_eq!(error.to_string(), "carriage return at octet 1");
    assert_eq!(HeaderText::new("ab\n"), Err(BadText { octet: b'\n', at: 2 }));
    assert_eq!(check_text("\0"), Err(BadText { octet: 0, at: 0 }));
    assert_eq!(check_token("X-Name"), Ok(()));
    assert_eq!(check_token("X: Name"), Err(BadText { octet: b':', at: 1 }));
    assert!(check_token("").is_err());
}

#[test]
fn base32_text_is_read_strictly() {
    assert_eq!(parse_base32(b"g000000000000"), None, "more than 64 bits");
    assert_eq!(parse_base32(b"fvvvvvvvvvvvv"), Some(u64::MAX));
    assert_eq!(parse_base32_u32(b"4000000"), None, "more than 32 bits");
    assert_eq!(parse_base32(b"w000000000000"), None);
    assert_eq!(parse_base32(b"0"), None);
}

proptest! {
    #[test]
    fn numbers_come_back(value: u64, small: u32) {
        let text = base32(value);
        prop_assert_eq!(parse_base32(&text), Some(value));
        prop_assert_eq!(parse_base32(&text.to_ascii_uppercase()), Some(value));
        prop_assert_eq!(parse_base32_u32(&base32_u32(small)), Some(small));
        prop_assert_eq!(parse_number(Decimal::new(value).as_bytes()), Some(value));
        prop_assert!(is_token(&text));
    }
}

#[test]
fn addresses_are_written_as_the_library_writes_them() {
    for text in ["0.0.0.0:0", "1.20.100.255:5060", "192.0.2.10:65535", "[::]:1", "[2001:db8::ff]:5060"] {
        let address: SocketAddr = text.parse().unwrap();
        let mut written = Vec::new();
        written.put_address(address);
        assert_eq!(written, text.as_bytes());
    }
}
