use super::*;

fn refer_to(text: &str) -> Option<ReferTo<'_>> {
    ReferTo::parse(text.as_bytes())
}

fn headers(text: &str) -> Vec<(String, String)> {
    let lossy = |text: Cow<'_, [u8]>| String::from_utf8_lossy(&text).into_owned();
    let found = refer_to(text).expect("a Refer-To");
    found.headers().map(|(name, value)| (lossy(name), lossy(value))).collect()
}

#[test]
fn refer_to_with_and_without_headers() {
    let plain = refer_to("<sip:bob@192.0.2.7;transport=udp>").expect("a Refer-To");
    assert_eq!(plain.uri, b"sip:bob@192.0.2.7;transport=udp");
    assert_eq!(plain.headers().count(), 0);
    let bare = refer_to("sip:bob@192.0.2.7").expect("a Refer-To");
    assert_eq!(bare.uri, b"sip:bob@192.0.2.7");
    let text = "\"Bob\" <sip:bob@h?Replaces=12%40h%3Bto-tag%3D7%3Bfrom-tag%3D8&Require=replaces>;x=y";
    assert_eq!(refer_to(text).map(|found| found.uri), Some(&b"sip:bob@h"[..]));
    let pair = |name: &str, value: &str| (name.to_string(), value.to_string());
    assert_eq!(headers(text), [pair("Replaces", "12@h;to-tag=7;from-tag=8"), pair("Require", "replaces")]);
    // A question mark in the user is no beginning of headers.
    assert_eq!(refer_to("<sip:a?b@h>").map(|found| found.uri), Some(&b"sip:a?b@h"[..]));
    // Nothing is unescaped twice.
    assert_eq!(headers("<sip:b@h?Replaces=a%2540b>"), [pair("Replaces", "a%40b")]);
    assert_eq!(headers("<sip:b@h?&&a&b=&=c>"), [pair("a", ""), pair("b", ""), pair("", "c")]);
}

/// RFC 3515 section 2.1.
#[test]
fn refer_to_of_other_schemes_and_methods() {
    assert_eq!(refer_to("<tel:+123?x>").map(|found| found.uri), Some(&b"tel:+123?x"[..]));
    assert_eq!(refer_to("<http://h/?a=b>").map(|found| found.headers().count()), Some(0));
    assert_eq!(refer_to("<sip:b@h;method=BYE>").and_then(|found| found.method()), Some(&b"BYE"[..]));
    assert_eq!(refer_to("<sip:b@h>").and_then(|found| found.method()), None);
    for bad in ["", "<>", "<sip:>", "sip:b@h?Replaces=1", "<sip:b@h", "bob", "<sip:b@h?a=\r\nb>"] {
        assert_eq!(refer_to(bad), None, "{bad:?}");
    }
}

#[test]
fn replaces_wants_each_tag_once() {
    let found =
        Replaces::parse(b" 98732@sip.example.com ; from-tag=r33th4x0r;to-tag=ff87ff ").expect("a Replaces");
    assert_eq!(
        (found.call_id, found.to_tag, found.from_tag),
        (&b"98732@sip.example.com"[..], &b"ff87ff"[..], &b"r33th4x0r"[..])
    );
    assert!(!found.early_only);
    let early = Replaces::parse(b"a;TO-TAG=1;From-Tag=2;Early-Only;x=y").expect("a Replaces");
    assert!(early.early_only);
    assert_eq!(early.to_value(), b"a;to-tag=1;from-tag=2;early-only");
    for bad in [
        "",
        "a",
        ";to-tag=1;from-tag=2",
        "a;to-tag=1",
        "a;from-tag=2",
        "a;to-tag=1;from-tag=2;to-tag=3",
        "a;to-tag;from-tag=2",
        "a;to-tag=\"1\";from-tag=2",
        "a b;to-tag=1;from-tag=2",
        "a;to-tag=1;from-tag=2, b;to-tag=1;from-tag=2",
        "a;to-tag=1;from-tag=2;;",
    ] {
        assert_eq!(Replaces::parse(bad.as_bytes()), None, "{bad:?}");
    }
}

#[test]
fn what_is_escaped_comes_back() {
    let every: Vec<u8> = (0..=255).collect();
    let mut text = Vec::new();
    escape_into(&every, &mut text);
    assert!(text.iter().all(|octet| octet.is_ascii_alphanumeric() || b"-_.!~*%".contains(octet)));
    assert_eq!(unescape(&text), every);
    let replaces = Replaces { call_id: b"a%40(b)@h?", to_tag: b"1%2", from_tag: b"x", early_only: true };
    let mut uri = b"<sip:b@h?Replaces=".to_vec();
    escape_into(&replaces.to_value(), &mut uri);
    uri.push(b'>');
    let read = ReferTo::parse(&uri).expect("a Refer-To");
    let (_, value) = read.headers().next().expect("a header");
    assert_eq!(Replaces::parse(&value), Some(replaces));
}

/// RFC 3515 section 2.4.5.
#[test]
fn a_fragment_begins_with_a_status_line() {
    assert_eq!(fragment_status(b"SIP/2.0 100 Trying\r\n"), Some((100, &b"Trying"[..])));
    assert_eq!(fragment_status(b"SIP/2.0 200 OK"), Some((200, &b"OK"[..])));
    assert_eq!(fragment_status(b"SIP/2.0 486 Busy Here\nTo: x\n"), Some((486, &b"Busy Here"[..])));
    assert_eq!(fragment_status(b"sip/2.0 603\r\n"), Some((603, &b""[..])));
    for bad in
        ["", "\r\n", "200 OK", "SIP/2.0 20 OK", "SIP/2.0 700 No", "INVITE sip:a@h SIP/2.0", "SIP/3.0 200 OK"]
    {
        assert_eq!(fragment_status(bad.as_bytes()), None, "{bad:?}");
    }
}

#[test]
fn a_foreign_uri_becomes_a_target_and_wishes() {
    let read = |text: &'static str| ReferTo::parse(text.as_bytes()).unwrap();
    let target = |text| String::from_utf8(read(text).target().into_owned()).unwrap();
    assert_eq!(target("<sip:carol@192.0.2.5;method=INVITE;x=1?Subject=a>"), "sip:carol@192.0.2.5;x=1");
    assert_eq!(target("<sip:carol@h;m%65thod=INVITE>"), "sip:carol@h");
    assert_eq!(target("<sip:c;method=1@h;lr;METHOD=INVITE;y>"), "sip:c;method=1@h;lr;y", "that is the user");
    assert_eq!(target("<sip:carol@h;x>"), "sip:carol@h;x");
    let wishes = |text| read(text).wishes();
    let wish = |name: &str, value: &str| (String::from(name), String::from(value));
    assert_eq!(
        wishes("<sip:c@h?X-Account=7&User-to-User=56a3%3Bencoding%3Dhex&subject=a%20b&X-=1>"),
        [wish("X-Account", "7"), wish("User-to-User", "56a3;encoding=hex"), wish("subject", "a b")]
    );
    for evil in [
        "From=x",
        "To=x",
        "Call-ID=x",
        "CSeq=1",
        "Via=x",
        "Route=x",
        "Record-Route=x",
        "Contact=x",
        "Content-Type=x",
        "Content-Length=9",
        "body=x",
        "Max-Forwards=0",
        "Authorization=x",
        "Proxy-Authorization=x",
        "Require=x",
        "P-Asserted-Identity=x",
        "Identity=x",
        "Privacy=id",
        "History-Info=x",
        "Diversion=x",
        "Supported=x",
        "X-A=1%0D%0AEvil:%20yes",
        "X-A=1%00",
        "X-A%0D%0AEvil=1",
        "X%2DA:=1",
        "f=x",
        "i=x",
        "X-B=%FF",
    ] {
        let text = format!("<sip:c@h?{evil}>");
        assert_eq!(ReferTo::parse(text.as_bytes()).map(|it| it.wishes()), Some(Vec::new()), "{evil}");
    }
    let many: Vec<String> = (0..100).map(|n| format!("X-{n}=1")).collect();
    let text = format!("<sip:c@h?{}>", many.join("&"));
    assert_eq!(ReferTo::parse(text.as_bytes()).unwrap().wishes().len(), 16);
    let text = format!("<sip:c@h?X-Long={}&X-Short=1>", "x".repeat(5_000));
    assert_eq!(ReferTo::parse(text.as_bytes()).unwrap().wishes(), [wish("X-Short", "1")]);
}
