use super::*;
use crate::wire::WireLimits;

const OURS: &[u8] = b"<sip:alice@192.0.2.1:5060>";

fn grant(headers: &str) -> Option<u32> {
    let message = format!("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\n{headers}\r\n");
    granted(&Frame::parse(message.as_bytes(), &WireLimits::NONE).expect("a response"), OURS, 600)
}

#[test]
fn what_is_granted_is_that_of_our_contact() {
    let several = "Expires: 7\r\nContact: <sip:alice@198.51.100.9>;expires=20, \"A\" <sip:alice@192.0.2.1>;q=0.5;Expires=90\r\n\
                   Contact: <sip:other@192.0.2.1:5060>;expires=30\r\n";
    assert_eq!(grant(several), Some(90), "5060 is the port that is not written");
    assert_eq!(grant("Contact: <sip:alice@192.0.2.1:5060;ob>;expires=55\r\n"), Some(55));
    assert_eq!(grant("Expires: 44\r\nContact: <sip:alice@192.0.2.1:5060>\r\n"), Some(44));
    assert_eq!(grant("Contact: <sip:alice@203.0.113.7:40001>;expires=9\r\n"), Some(9), "as a NAT shows us");
    let two = "Contact: <sip:alice@203.0.113.7:1>;expires=9, <sip:alice@203.0.113.8>;expires=8\r\n";
    assert_eq!(grant(two), Some(8), "one of them is ours");
    assert_eq!(grant("Contact: <sip:Alice@192.0.2.1>;expires=9\r\n"), None, "a user is written as it is");
    assert_eq!((grant("Expires: 33\r\n"), grant("")), (Some(33), Some(600)));
    assert_eq!(grant("Contact: <sip:alice@192.0.2.1>;expires=99999999999\r\n"), Some(u32::MAX));
    assert_eq!(grant("Contact: <sip:alice@192.0.2.1>;expires=soon\r\n"), Some(600));
}

#[test]
fn refreshes_and_pauses_are_spread_and_bounded() {
    let mut rng = Rng::wire([3; 32]);
    let uri = Uri::parse(b"sip:alice@registrar.example").expect("a URI");
    let mut registration = Registration::new(&uri, "phone", 600, Bytes::new(), [b'a'; TOKEN_LEN]);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let after = refresh_after(1_000, &mut rng).as_secs();
        assert!((750..=900).contains(&after), "{after}");
        seen.insert(after);
    }
    assert!(seen.len() > 50, "not all phones come at once");
    for (failures, least, most) in
        [(0, 15, 30), (1, 30, 60), (5, 480, 960), (6, 900, 1_800), (99, 900, 1_800)]
    {
        registration.failures = failures;
        for _ in 0..50 {
            let pause = registration.pause(&mut rng, None).as_secs();
            assert!((least..=most).contains(&pause), "{failures} failures: {pause}");
        }
    }
    registration.failures = 0;
    assert_eq!(registration.pause(&mut rng, Some(120)).as_secs(), 120);
    assert_eq!(registration.pause(&mut rng, Some(u64::MAX)), PAUSE_MAX);
}

#[test]
fn the_registrar_is_asked_without_a_user() {
    let of = |uri: &str| {
        let uri = Uri::parse(uri.as_bytes()).expect("a URI");
        let made = Registration::new(&uri, "phone", 60, Bytes::new(), [b'a'; TOKEN_LEN]);
        [made.registrar, made.aor].map(|text| String::from_utf8(text.to_vec()).expect("text"))
    };
    assert_eq!(of("sip:alice@h.example:5070;x=1"), ["sip:h.example:5070;x=1", "sip:alice@h.example:5070"]);
    assert_eq!(of("sip:[2001:db8::1]"), ["sip:[2001:db8::1]", "sip:phone@[2001:db8::1]"]);
}
