use super::*;
use crate::wire::WireLimits;
use crate::wire::text::SECONDS_MAX;

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
    assert_eq!(grant("Contact: <sip:Alice@192.0.2.1>;expires=9\r\n"), Some(9), "nearly ours");
    assert_eq!((grant("Expires: 33\r\n"), grant("")), (Some(33), Some(600)));
    assert_eq!(grant("Contact: <sip:alice@192.0.2.1>;expires=99999999999\r\n"), Some(SECONDS_MAX));
    assert_eq!(grant("Contact: <sip:alice@192.0.2.1>;expires=soon\r\n"), Some(600));
}

/// A 2xx is one whatever it lists: these have registered us.
#[test]
fn a_200_is_a_200() {
    for (listed, wanted) in [
        ("Contact: <sip:12025550123@192.0.2.1:5060>;expires=50\r\n", 50),
        ("Contact: <sip:ALICE@192.0.2.1:5060>;expires=51\r\n", 51),
        ("Contact: <sip:alice@example.com>;expires=52\r\n", 52),
        ("Contact: <sip:someone@198.51.100.9>;expires=53\r\n", 53),
        ("Contact: <sip:someone@198.51.100.9>\r\nExpires: 54\r\n", 54),
        // None of several is like ours: what holds for all.
        ("Expires: 55\r\nContact: <sip:a@198.51.100.9>;expires=1, <sip:b@198.51.100.9>;expires=2\r\n", 55),
        ("Contact: <sip:a@198.51.100.9>;expires=1, <sip:b@198.51.100.9>;expires=2\r\n", 600),
        // The place counts for more than the user.
        ("Contact: <sip:alice@198.51.100.9>;expires=1, <sip:b@192.0.2.1>;expires=56\r\n", 56),
        // An old binding that is taken away is not ours.
        ("Contact: <sip:alice@198.51.100.9>;expires=0, <sip:b@192.0.2.1>;expires=57\r\n", 57),
        ("Contact: *\r\nExpires: 58\r\n", 58),
        ("Contact: <tel:+12025550123>;expires=1\r\nExpires: 59\r\n", 59),
        ("Expires: 0\r\n", 600),
        // Later than the registrar thinks would be too late.
        ("Contact: <sip:alice@192.0.2.1:5060>;expires=\"60\"\r\n", 60),
        ("Contact: <sip:alice@192.0.2.1:5060>;expires=61.5\r\n", 61),
        ("Expires: 62 (seconds)\r\n", 62),
        ("Contact: <sip:alice@192.0.2.1:5060>;expires=-1\r\n", 600),
    ] {
        assert_eq!(grant(listed), Some(wanted), "{listed}");
    }
    assert_eq!(grant("Contact: <sip:alice@192.0.2.1:5060>;expires=0\r\n"), None, "no time at all");
}

/// The curve as the documentation of the setting prints it.
#[test]
fn the_pauses_are_those_that_are_printed() {
    let printed = include_str!("../api/config.rs");
    let span = |failures, ceiling: u64| {
        let most = longest_pause(failures, Duration::from_secs(ceiling)).as_secs();
        format!("{} to {most} s", most / 2)
    };
    for failures in 0..7 {
        let row = format!("| {} | {} | {} |", failures + 1, span(failures, 60), span(failures, 1_800));
        assert!(printed.contains(&row), "{row}");
    }
    assert_eq!(longest_pause(99, Duration::MAX), PAUSE_MAX);
    assert_eq!(longest_pause(0, Duration::ZERO), Duration::from_secs(1));
}

#[test]
fn where_we_are_seen_is_read_from_the_via() {
    let local = "10.0.0.1:5060".parse().unwrap();
    let seen = |via: &str| {
        let message = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1{via}\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n\r\n"
        );
        seen_at(&Frame::parse(message.as_bytes(), &WireLimits::NONE).unwrap(), local)
    };
    assert_eq!(seen(";received=198.51.100.9;rport=40001"), "198.51.100.9:40001".parse().ok());
    assert_eq!(seen(";rport=40001"), "10.0.0.1:40001".parse().ok(), "the port alone has changed");
    assert_eq!(seen(";received=::ffff:198.51.100.9;rport=7"), "198.51.100.9:7".parse().ok());
    for nothing in [
        "",
        ";rport",
        ";received=198.51.100.9",
        ";received=0.0.0.0;rport=5",
        ";received=[2001:db8::1];rport=5",
        ";received=198.51.100.9;rport=0",
        ";received=nat.example;rport=5",
    ] {
        assert_eq!(seen(nothing), None, "{nothing}");
    }
}

/// RFC 5626 section 4.5.
#[test]
fn refreshes_and_pauses_are_spread_and_bounded() {
    let (mut rng, now) = (Rng::wire([3; 32]), Instant::ZERO);
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
            let pause = registration.pause(now, &mut rng, None, Refuser::Peer, PAUSE_MAX).as_secs();
            assert!((least..=most).contains(&pause), "{failures} failures: {pause}");
        }
    }
    registration.failures = 0;
    let mut asked = |seconds, by| registration.pause(now, &mut rng, Some(seconds), by, HURRY);
    assert_eq!(asked(120, Refuser::Peer).as_secs(), 120, "a registrar is heeded beyond our own ceiling");
    assert_eq!(asked(SECONDS_MAX, Refuser::Peer), PAUSE_MAX);
    registration.hurry = Some(now + HURRY);
    assert_eq!(registration.pause(now, &mut rng, None, Refuser::Network, PAUSE_MAX), HURRY_PAUSE);
    assert!(registration.pause(now, &mut rng, None, Refuser::Peer, PAUSE_MAX) > HURRY, "it has heard us");
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
