//! The vectors of the RFCs, and what challenges come to.

use super::challenge::{next_nonce, read};
use super::credentials::Credentials;
use super::digest::{Algorithm, DigestAlgorithm, Proof, Qop};
use super::failure::AuthFailure;
use super::keys::Keys;
use super::parties::{Parties, Trust};
use super::realms::{Asker, Chain, Realms};
use crate::base::rng::Rng;
use crate::wire::limits::WireLimits;
use crate::wire::{Frame, Method};

fn text(octets: &[u8]) -> &str {
    core::str::from_utf8(octets).expect("text")
}

fn mufasa(algorithm: &str) -> Proof<'static> {
    Proof {
        algorithm: Algorithm::parse(algorithm.as_bytes()).expect("known"),
        qop: Qop::Auth,
        username: "Mufasa",
        password: "Circle of Life",
        realm: b"http-auth@example.org",
        nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        cnonce: b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        nc: b"00000001",
        method: b"GET",
        uri: b"/dir/index.html",
        body: b"",
    }
}

/// RFC 7616 sections 3.2, 3.4 and 3.4.1.
#[test]
fn the_vectors_of_rfc_7616_section_3_9_1() {
    assert_eq!(text(&mufasa("MD5").response()), "8ca523f5e9506fed4657c9700eebdbec");
    assert_eq!(
        text(&mufasa("SHA-256").response()),
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    );
}

#[test]
fn the_vector_of_rfc_2617_section_3_5() {
    let proof = Proof {
        password: "Circle Of Life",
        realm: b"testrealm@host.com",
        nonce: b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
        cnonce: b"0a4f113b",
        ..mufasa("md5")
    };
    assert_eq!(text(&proof.response()), "6629fae49393a05397450978507c4ef1");
}

/// The same values by another implementation (Python's hashlib).
/// RFC 7616 sections 3.4.2 and 3.4.3.
#[test]
fn every_algorithm_session_and_quality() {
    let response =
        |algorithm, qop, body| String::from(text(&Proof { qop, body, ..mufasa(algorithm) }.response()));
    let vectors: [(&str, Qop, &[u8], &str); 8] = [
        ("SHA-512-256", Qop::Auth, b"", "430d05014cecc49cab6fbe03176d41a1da86cbfe24a16580e22aaad928d960d0"),
        ("MD5-sess", Qop::Auth, b"", "e783283f46242139c486a698fec7211d"),
        ("SHA-256-sess", Qop::Auth, b"", "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7"),
        (
            "SHA-512-256-SESS",
            Qop::Auth,
            b"",
            "3f2a34f923c38b0fb26dce2fdfc2ce326c23cecf86fbb1444f3e51fbbc2cb92e",
        ),
        ("MD5", Qop::AuthInt, b"", "8804a53d3640a40a4f73cea12c5ba451"),
        ("MD5", Qop::AuthInt, b"v=0\r\n", "d1b8e2ac3f6782372de4bf3d8735b406"),
        (
            "SHA-256",
            Qop::AuthInt,
            b"v=0\r\n",
            "385d2de062660ced11876f42d9497c69cacf5caaf3d951dd424aee9f7157d563",
        ),
        ("MD5", Qop::Legacy, b"", "7b2cc3b30e75b4777ea31027084363fd"),
    ];
    for (algorithm, qop, body, wanted) in vectors {
        assert_eq!(response(algorithm, qop, body), wanted, "{algorithm} {qop:?}");
    }
}

/// RFC 7235 section 2.1.
#[test]
fn challenges_are_read_in_every_dialect() {
    let found = read(
        b"Basic realm=\"x\", Digest realm=\"a, \\\"b\\\"\" , nonce = \"n=1,2\",qop=\"auth-int , auth\",stale=TRUE, \
          opaque=\"\", domain=\"sip:a sip:b\", Digest nonce=n2,realm=plain,algorithm=sha-256,qop=auth-int",
    );
    let [first, second] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((text(first.realm), text(first.nonce)), ("a, \\\"b\\\"", "n=1,2"));
    assert!(
        first.stale && first.opaque == Some(b"") && first.qop == Qop::Auth && first.algorithm_text.is_none()
    );
    assert_eq!((text(second.realm), text(second.nonce), second.qop), ("plain", "n2", Qop::AuthInt));
    assert!(!second.stale && second.algorithm_text == Some(b"sha-256"));
}

#[test]
fn what_cannot_be_answered_is_passed_over() {
    let none: [&[u8]; 9] = [
        b"",
        b"Basic realm=\"x\"",
        b"NTLM TlRMTVNTUAAB==",
        b"Digest",
        b"Digest realm=\"r\"",
        b"Digest nonce=\"n\"",
        b"Digest realm=\"r\", nonce=\"n",
        b"Digest realm=\"r\", nonce=\"n\", algorithm=SHA-3",
        b"Digest realm=\"r\", nonce=\"n\", qop=\"token\"",
    ];
    for value in none {
        assert!(read(value).is_empty(), "{}", text(value));
    }
    let long = format!("Digest realm=\"r\", nonce=\"{}\"", "n".repeat(1_025));
    assert!(read(long.as_bytes()).is_empty(), "a nonce is kept and sent back: it has a bound");
    assert_eq!(next_nonce(b"qop=auth, nextnonce=\"a b\""), Some(&b"a b"[..]));
    assert_eq!(next_nonce(b"rspauth=\"x\""), None);
}

/// Whoever asks, and somebody who answers.
struct Asked {
    keys: Keys,
    rng: Rng,
    realms: Realms,
    chain: Chain,
    parties: Parties,
    trust: Trust,
    failure: Option<AuthFailure>,
}

fn place() -> core::net::SocketAddr {
    core::net::SocketAddr::from(([192, 0, 2, 1], 5060))
}

impl Asked {
    fn new(credentials: Vec<Credentials>) -> Self {
        let keys = Keys::new(credentials);
        Self {
            keys,
            rng: Rng::wire([1; 32]),
            realms: Realms::default(),
            chain: Chain::default(),
            parties: Parties::new(8),
            trust: Trust::Registrar,
            failure: None,
        }
    }

    /// Whether the request is sent again.
    fn ask(&mut self, lines: &str) -> bool {
        let message = format!("SIP/2.0 401 Who\r\nVia: SIP/2.0/UDP h\r\n{lines}\r\n\r\n");
        let frame = Frame::parse(message.as_bytes(), &WireLimits::NONE).expect("a response");
        let asker = Asker { remote: place(), trust: self.trust, parties: &mut self.parties };
        let next = self.realms.take(&frame, &self.keys, &mut self.rng, asker, self.chain);
        self.chain = next.as_ref().copied().unwrap_or(self.chain);
        self.failure = next.err();
        self.failure.is_none()
    }

    fn lines(&mut self) -> String {
        String::from(text(&self.realms.lines(
            &mut self.keys,
            |to| to == place(),
            Method::Bye,
            b"sip:b@h",
            b"",
        )))
    }
}

fn alice() -> Vec<Credentials> {
    Vec::from([Credentials::new("alice", "secret")])
}

/// RFC 8760 section 2.4.
#[test]
fn the_strongest_algorithm_is_answered_once_per_realm() {
    let mut asked = Asked::new(alice());
    assert!(asked.ask(
        "WWW-Authenticate: Digest realm=\"r\", nonce=\"m\", algorithm=MD5, qop=\"auth\"\r\n\
         WWW-Authenticate: Digest realm=\"r\", nonce=\"s\", algorithm=SHA-256, qop=\"auth\"\r\n\
         WWW-Authenticate: Digest realm=\"r\", nonce=\"x\", algorithm=SHA-1024, qop=\"auth\""
    ));
    let lines = asked.lines();
    assert_eq!(lines.matches("Authorization").count(), 1, "{lines}");
    assert!(lines.contains("nonce=\"s\"") && lines.contains("algorithm=SHA-256"), "{lines}");
}

#[test]
fn each_nonce_is_counted_from_one() {
    let mut asked = Asked::new(alice());
    assert!(asked.ask("WWW-Authenticate: Digest realm=\"r\", nonce=\"1\", qop=\"auth\""));
    assert!(asked.lines().contains("nc=00000001"));
    let second = asked.lines();
    assert!(second.contains("nc=00000002") && second.contains("qop=auth,"), "{second}");
    let message =
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\nAuthentication-Info: nextnonce=\"2\", qop=auth\r\n\r\n";
    asked.realms.take_next(&Frame::parse(message.as_bytes(), &WireLimits::NONE).expect("a response"));
    let next = asked.lines();
    assert!(next.contains("nonce=\"2\"") && next.contains("nc=00000001"), "{next}");
}

#[test]
fn a_refusal_ends_the_chain_and_a_stale_nonce_does_not() {
    let challenge =
        |stale, nonce| format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"{nonce}\", stale={stale}");
    let mut asked = Asked::new(alice());
    assert!(asked.ask(&challenge(false, 1)));
    assert!(asked.ask(&challenge(true, 2)), "the password was right, only the nonce too old");
    assert!(asked.lines().contains("nonce=\"2\""));
    assert!(!asked.ask(&challenge(false, 3)), "the password was wrong");
    asked.chain = Chain::default();
    assert!(asked.ask(&challenge(false, 4)), "another request: its nonce may have been old");
    for n in 0..20 {
        asked.ask(&challenge(true, n));
    }
    assert!(!asked.ask(&challenge(true, 99)), "nobody is asked for ever");
}

/// RFC 3261 section 16.7.
#[test]
fn proxies_and_the_far_end_are_all_answered_at_once() {
    let mut asked = Asked::new(alice());
    for proxy in ["p1", "p2"] {
        assert!(asked.ask(&format!("Proxy-Authenticate: Digest realm=\"{proxy}\", nonce=\"{proxy}\"")));
    }
    assert!(asked.ask("WWW-Authenticate: Digest realm=\"p1\", nonce=\"s\""));
    let lines = asked.lines();
    assert_eq!(lines.matches("Proxy-Authorization: ").count(), 2, "{lines}");
    assert_eq!(lines.matches("\r\nAuthorization: ").count(), 1, "{lines}");
    assert!(asked.ask("Proxy-Authenticate: Digest realm=\"p3\", nonce=\"n\""));
    assert!(!asked.ask("Proxy-Authenticate: Digest realm=\"p4\", nonce=\"n\""), "there is a bound");
}

#[test]
fn a_password_is_for_its_realm_only() {
    let mut asked = Asked::new(Vec::from([
        Credentials::new("alice", "secret").for_realm("home"),
        Credentials::new("\"a\\", "other").for_realm("of \"a\""),
    ]));
    assert!(!asked.ask("WWW-Authenticate: Digest realm=\"elsewhere\", nonce=\"n\""));
    assert_eq!(asked.lines(), "");
    assert!(asked.ask("WWW-Authenticate: Digest realm=\"of \\\"a\\\"\", nonce=\"n\""));
    assert!(asked.lines().contains("username=\"\\\"a\\\\\", realm=\"of \\\"a\\\"\""), "{}", asked.lines());
    let mut asked = Asked::new(Vec::from([
        Credentials::new("any", "1"),
        Credentials::new("home", "2").for_realm("home"),
    ]));
    assert!(asked.ask("WWW-Authenticate: Digest realm=\"home\", nonce=\"n\""));
    assert!(asked.lines().contains("username=\"home\""), "the one that names the realm is for it");
}

#[test]
fn no_password_is_in_debug_output() {
    let shown = format!("{:?}", Credentials::new("alice", "top secret"));
    assert!(shown.contains("alice") && !shown.contains("secret"), "{shown}");
}

/// What is kept of a challenge has a bound, wherever it comes from.
#[test]
fn nothing_longer_than_1024_octets_is_kept() {
    let (fits, long) = ("x".repeat(1_024), "x".repeat(1_025));
    for part in ["realm", "nonce", "opaque"] {
        for (text, taken) in [(&fits, true), (&long, false)] {
            let mut asked = Asked::new(alice());
            let mut parts = vec!["realm=\"r\"".to_string(), "nonce=\"n\"".into()];
            parts.retain(|it| !it.starts_with(part));
            parts.push(format!("{part}=\"{text}\""));
            assert_eq!(asked.ask(&format!("WWW-Authenticate: Digest {}", parts.join(", "))), taken, "{part}");
            assert_eq!(asked.failure, (!taken).then_some(AuthFailure::Unusable { realm: String::new() }));
        }
    }
    let mut asked = Asked::new(alice());
    assert!(asked.ask(&format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", domain=\"{long}\"")));
    assert!(asked.lines().len() < 300, "a domain is not kept at all");
    for (text, taken) in [(&fits, true), (&long, false)] {
        let message = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\nAuthentication-Info: nextnonce=\"{text}\"\r\n\r\n"
        );
        let mut asked = Asked::new(alice());
        assert!(asked.ask("WWW-Authenticate: Digest realm=\"r\", nonce=\"first\""));
        asked.realms.take_next(&Frame::parse(message.as_bytes(), &WireLimits::NONE).expect("a response"));
        assert_eq!(asked.lines().contains("nonce=\"first\""), !taken);
    }
}

#[test]
fn a_weak_algorithm_is_not_answered_where_a_better_one_is_wanted() {
    let sha = || vec![Credentials::new("alice", "secret").least_algorithm(DigestAlgorithm::Sha256)];
    let challenge = |algorithm: &str| {
        format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"{algorithm}")
    };
    for weak in ["", ", algorithm=MD5", ", algorithm=MD5-sess"] {
        let mut asked = Asked::new(sha());
        assert!(!asked.ask(&challenge(weak)), "{weak}");
        assert_eq!(asked.failure, Some(AuthFailure::Unusable { realm: "r".into() }));
        assert_eq!(asked.lines(), "");
    }
    for strong in [", algorithm=SHA-256", ", algorithm=SHA-512-256-sess"] {
        assert!(Asked::new(sha()).ask(&challenge(strong)), "{strong}");
    }
    let mut asked = Asked::new(sha());
    assert!(asked.ask(&format!("{}\r\n{}", challenge(""), challenge(", algorithm=SHA-256"))));
    assert!(asked.lines().contains("algorithm=SHA-256"));
}

#[test]
fn why_a_challenge_ends_it_is_told() {
    let realm = || String::from("r");
    let ask = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"";
    let mut asked = Asked::new(Vec::new());
    assert!(!asked.ask(ask));
    assert_eq!(asked.failure.take(), Some(AuthFailure::Missing { realm: realm() }));
    let mut asked = Asked::new(alice());
    asked.trust = Trust::Elsewhere;
    assert!(!asked.ask(ask));
    assert_eq!(asked.failure.take(), Some(AuthFailure::Withheld { realm: realm() }));
    let mut asked = Asked::new(alice());
    assert!(asked.ask(ask) && !asked.ask(ask));
    let refused = asked.failure.take().unwrap();
    assert_eq!(refused, AuthFailure::Refused { realm: realm() });
    assert!(refused.to_string().contains("realm \"r\""));
}

proptest::proptest! {
    /// Whatever a challenge looks like, it is read without a panic, and what is kept of it cannot end a line.
    #[test]
    fn nothing_that_asks_can_write_a_line(value in "[ -~\t]{0,80}") {
        let mut asked = Asked::new(alice());
        asked.ask(&format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", {value}"));
        let lines = asked.lines();
        assert!(lines.is_empty() || lines.matches("\r\n").count() == 1 && lines.ends_with("\r\n"));
    }
}
