//! Registrations of ours (RFC 3261 section 10), at a registrar of text.

use core::time::Duration;

use bytes::Bytes;

use super::challenges::{cseq, first, values};
use super::net::Net;
use super::peer::peer;
use crate::api::{AuthFailure, CallerIdentity, CoordinatorConfig, Credentials, Event, InviteParams, Privacy};
use crate::base::ids::RegistrationId;
use crate::signaling::{CommandError, DefaultSignalingHandler};
use crate::wire::frame::Frame;
use crate::wire::limits::WireLimits;
use crate::wire::path::Path;
use crate::wire::reply::ReplyHead;
use crate::wire::{HeaderName, NameAddr};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A phone, and a registrar at 10.9.9.9.
struct Desk {
    net: Net,
    id: RegistrationId,
}

impl Desk {
    /// A REGISTER for ten minutes is under way.
    fn new() -> Self {
        Self::seeded(42)
    }

    fn seeded(seed: u64) -> Self {
        let mut net = Net::new(seed);
        let config = CoordinatorConfig {
            user: "alice".into(),
            credentials: vec![Credentials::new("alice", "secret")],
            ..CoordinatorConfig::default()
        };
        net.add_with(config, Box::new(DefaultSignalingHandler));
        let id = net.with(0, |core, now| core.register(now, "sip:alice@10.9.9.9", 10 * MINUTE)).unwrap();
        Self { net, id }
    }

    /// All that the registrar got.
    fn got(&self) -> Vec<Bytes> {
        self.net.elsewhere.iter().map(|transmit| transmit.payload.clone()).collect()
    }

    fn last(&self) -> Bytes {
        self.got().last().unwrap().clone()
    }

    /// The registrar answers the last REGISTER.
    fn answer(&mut self, status: u16, headers: &[(&str, &str)]) {
        let request = self.last();
        let frame = Frame::parse(&request, &WireLimits::default()).unwrap();
        let head = ReplyHead::new(
            &frame,
            frame.facts().ok().as_ref(),
            &Path::udp(peer(), self.net.nodes[0].address),
        );
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|&(name, value)| (name, value.as_bytes())).collect();
        let response = head.respond(status, "Whatever", Some(b"r"), false, &headers, None);
        self.net.inject(0, peer(), &response);
    }

    /// It grants so many seconds.
    fn grant(&mut self, seconds: u32) {
        let contact = format!("<sip:alice@10.0.0.1:5060>;expires={seconds}");
        self.answer(200, &[("Contact", &contact)]);
    }

    fn told(&self) -> Vec<String> {
        let name = |event: &Event| match event {
            Event::Registered { expires, .. } => format!("registered {expires}"),
            Event::RegistrationFailed { status, retry_in: Some(_), .. } => format!("failed {status}, again"),
            Event::RegistrationFailed { status, .. } => format!("failed {status}"),
            Event::Unregistered { .. } => "unregistered".into(),
            Event::AuthenticationFailed { failure: AuthFailure::Refused { realm }, .. } => {
                format!("refused by {realm}")
            }
            other => format!("{other:?}"),
        };
        self.net.nodes[0].events.iter().map(name).collect()
    }

    fn retry_in(&self) -> Duration {
        match self.net.nodes[0].events.last() {
            Some(Event::RegistrationFailed { retry_in: Some(pause), .. }) => *pause,
            other => panic!("no failure that passes: {other:?}"),
        }
    }

    fn unregister(&mut self) {
        let id = self.id;
        self.net.with(0, |core, now| core.unregister(now, id)).unwrap();
    }

    fn finish(mut self) {
        self.net.run_for(MINUTE);
        self.net.assert_all_gone();
    }
}

fn expires(message: &Bytes) -> u32 {
    first(message, HeaderName::Expires).parse().unwrap()
}

#[test]
fn a_registrar_is_trusted_as_long_as_it_keeps_us() {
    let mut desk = Desk::new();
    let trusted = |desk: &mut Desk| desk.net.nodes[0].core.is_trusted(peer().ip());
    assert!(!trusted(&mut desk), "it has not answered yet");
    desk.grant(600);
    assert!(trusted(&mut desk));
    desk.net.run_for(9 * MINUTE);
    desk.grant(600);
    assert!(trusted(&mut desk), "refreshed, and one word is enough");
    desk.unregister();
    desk.answer(200, &[]);
    assert!(!trusted(&mut desk), "{:?}", desk.told());
    desk.finish();
    let mut desk = Desk::new();
    desk.grant(600);
    desk.net.run_for(9 * MINUTE);
    desk.answer(403, &[]);
    assert!(!trusted(&mut desk), "{:?}", desk.told());
}

/// RFC 3261 sections 10.2, 10.2.2 and 10.2.4.
#[test]
fn a_registration_is_made_refreshed_and_ended() {
    let mut desk = Desk::new();
    let asked = desk.last();
    assert!(asked.starts_with(b"REGISTER sip:10.9.9.9 SIP/2.0\r\n"));
    assert_eq!(first(&asked, HeaderName::To), "<sip:alice@10.9.9.9>");
    assert_eq!(
        NameAddr::parse(first(&asked, HeaderName::From).as_bytes()).unwrap().uri,
        b"sip:alice@10.9.9.9"
    );
    assert_eq!(first(&asked, HeaderName::Contact), "<sip:alice@10.0.0.1:5060>");
    assert_eq!(expires(&asked), 600);
    desk.grant(60);
    desk.net.run_for(44 * SECOND);
    assert_eq!(desk.got().len(), 1);
    desk.net.run_for(11 * SECOND);
    let refresh = desk.last();
    assert_eq!(desk.got().len() - 1, desk.got()[1..].iter().filter(|it| **it == refresh).count());
    for same in [HeaderName::CallId, HeaderName::From, HeaderName::Contact] {
        assert_eq!(values(&asked, same), values(&refresh, same));
    }
    assert_eq!((cseq(&asked), cseq(&refresh), expires(&refresh)), (1, 2, 600));
    desk.grant(60);
    desk.unregister();
    let left = desk.last();
    assert_eq!((cseq(&left), expires(&left)), (3, 0));
    assert_eq!(values(&left, HeaderName::Contact), values(&asked, HeaderName::Contact));
    desk.answer(200, &[]);
    assert_eq!(desk.told(), ["registered 60", "registered 60", "unregistered"]);
    let id = desk.id;
    let gone = desk.net.with(0, |core, now| core.unregister(now, id));
    assert_eq!(gone, Err(CommandError::NoSuchRegistration));
    desk.finish();
}

/// The time is that of our Contact, not the header's, not another phone's (section 10.2.4).
#[test]
fn the_expiry_of_our_contact_counts_among_several() {
    let mut desk = Desk::new();
    desk.answer(
        200,
        &[
            ("Contact", "<sip:alice@10.0.0.7>;expires=3000, \"x\" <sip:alice@10.0.0.1>;expires=40;q=0.3"),
            ("Contact", "<sip:alice@10.0.0.1:5062>;expires=20"),
            ("Expires", "7"),
        ],
    );
    assert_eq!(desk.told(), ["registered 40"]);
    desk.net.run_for(29 * SECOND);
    assert_eq!(desk.got().len(), 1, "not before three quarters");
    desk.net.run_for(8 * SECOND);
    assert_eq!(cseq(&desk.last()), 2, "before it ends");
    desk.grant(40);
    desk.unregister();
    desk.answer(200, &[]);
    desk.finish();
}

/// What counts of a time that somebody else names.
const YEAR: u32 = 31_536_000;

/// A registrar that grants more than was asked for: that is told, up to a year, and it is asked again when we wanted to.
#[test]
fn what_is_granted_beyond_what_was_asked_for_is_refreshed_as_if_it_were_that() {
    for (seconds, told) in
        [("3600", 3_600), ("4294967296", YEAR), ("99999999999", YEAR), ("99999999999999999999999", YEAR)]
    {
        for in_contact in [true, false] {
            let mut desk = Desk::new();
            if in_contact {
                desk.answer(200, &[("Contact", &format!("<sip:alice@10.0.0.1:5060>;expires={seconds}"))]);
            } else {
                desk.answer(200, &[("Expires", seconds)]);
            }
            assert_eq!(desk.told(), [format!("registered {told}")]);
            let begun = desk.net.now;
            while desk.got().len() == 1 {
                desk.net.step();
            }
            let waited = desk.net.now.saturating_since(begun).as_secs();
            assert!(
                (450..=540).contains(&waited),
                "{seconds}: before the ten minutes are over, not after {waited}"
            );
            desk.grant(600);
            desk.unregister();
            desk.answer(200, &[]);
            desk.finish();
        }
    }
}

#[test]
fn a_registrar_that_names_absurd_times_is_believed_up_to_a_bound() {
    for seconds in ["99999999999", "99999999999999999999999"] {
        let mut desk = Desk::new();
        desk.answer(423, &[("Min-Expires", seconds)]);
        assert_eq!(expires(&desk.last()), YEAR);
        desk.answer(503, &[("Retry-After", seconds)]);
        assert_eq!(desk.retry_in(), 30 * MINUTE);
        desk.unregister();
        desk.finish();
    }
}

#[test]
fn phones_that_start_together_do_not_refresh_together() {
    let refreshed = |seed| {
        let mut desk = Desk::seeded(seed);
        desk.grant(600);
        while desk.got().len() == 1 {
            desk.net.step();
        }
        desk.net.now
    };
    let times: std::collections::BTreeSet<_> = (0..20).map(refreshed).collect();
    assert!(times.len() > 10, "{times:?}");
}

#[test]
fn a_challenge_is_answered_and_the_next_register_need_not_be_asked() {
    let mut desk = Desk::new();
    desk.answer(401, &[("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"")]);
    let again = desk.last();
    let proof = first(&again, HeaderName::Authorization);
    assert!(proof.contains("uri=\"sip:10.9.9.9\"") && proof.contains("nc=00000001"), "{proof}");
    assert_eq!(cseq(&again), 2);
    let contact = "<sip:alice@10.0.0.1:5060>;expires=60";
    desk.answer(200, &[("Contact", contact), ("Authentication-Info", "nextnonce=\"n2\"")]);
    desk.net.run_for(55 * SECOND);
    let proof = first(&desk.last(), HeaderName::Authorization);
    assert!(proof.contains("nonce=\"n2\"") && proof.contains("nc=00000001"), "{proof}");
    // The nonce has grown old meanwhile: nobody has to know.
    desk.answer(401, &[("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n3\", qop=\"auth\", stale=true")]);
    assert!(first(&desk.last(), HeaderName::Authorization).contains("nonce=\"n3\""));
    desk.grant(60);
    assert_eq!(desk.told(), ["registered 60", "registered 60"]);
    desk.unregister();
    assert!(first(&desk.last(), HeaderName::Authorization).contains("nc=00000002"));
    desk.answer(200, &[]);
    desk.finish();
}

#[test]
fn a_wrong_password_ends_it() {
    let mut desk = Desk::new();
    for nonce in ["1", "2"] {
        let challenge = format!("Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\"");
        desk.answer(401, &[("WWW-Authenticate", &challenge)]);
    }
    assert_eq!((desk.told(), desk.got().len()), (vec!["refused by r".into(), "failed 401".into()], 2));
    desk.net.run_for(40 * MINUTE);
    assert_eq!(desk.got().len(), 2, "a password that is wrong is not tried for ever");
    desk.finish();
}

#[test]
fn a_longer_interval_is_asked_for_once() {
    let mut desk = Desk::new();
    desk.answer(423, &[("Min-Expires", "1800")]);
    assert_eq!((expires(&desk.last()), cseq(&desk.last())), (1_800, 2));
    desk.answer(423, &[("Min-Expires", "3600")]);
    assert_eq!((desk.told(), desk.got().len()), (vec!["failed 423".into()], 2));
    desk.finish();
    // Without a Min-Expires, or with a lower one, there is nothing to ask for.
    for headers in [&[][..], &[("Min-Expires", "600")], &[("Min-Expires", "60")], &[("Min-Expires", "soon")]]
    {
        let mut desk = Desk::new();
        desk.answer(423, headers);
        assert_eq!((desk.told(), desk.got().len()), (vec!["failed 423".into()], 1), "{headers:?}");
        desk.finish();
    }
}

#[test]
fn a_registrar_in_trouble_is_asked_again_after_longer_and_longer() {
    let mut desk = Desk::new();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        desk.answer(503, &[]);
        let pause = desk.retry_in();
        pauses.push(pause);
        let sent = desk.got().len();
        desk.net.run_for(pause - Duration::from_millis(1));
        assert_eq!(desk.got().len(), sent);
        desk.net.run_for(Duration::from_millis(2));
        assert_eq!(desk.got().len(), sent + 1);
    }
    assert!(pauses[0] <= 30 * SECOND, "{pauses:?}");
    assert!(pauses[1..].iter().all(|pause| (30 * SECOND..=MINUTE).contains(pause)), "{pauses:?}");
    desk.answer(503, &[("Retry-After", "1700")]);
    assert!(desk.retry_in() >= 1_700 * SECOND);
    desk.net.run_for(desk.retry_in() + SECOND);
    desk.grant(600);
    desk.unregister();
    desk.answer(200, &[]);
    assert_eq!(desk.told().last().unwrap(), "unregistered");
    desk.finish();
}

#[test]
fn silence_is_a_failure_that_passes() {
    let mut desk = Desk::new();
    desk.net.run_for(33 * SECOND);
    assert_eq!(desk.told(), ["failed 408, again"]);
    desk.net.run_for(31 * SECOND);
    assert_eq!(cseq(&desk.last()), 2);
    desk.grant(600);
    desk.unregister();
    desk.answer(200, &[]);
    desk.finish();
}

#[test]
fn what_is_refused_for_good_is_over() {
    for status in [302, 400, 403, 404, 405, 416, 603] {
        let mut desk = Desk::new();
        desk.answer(status, &[]);
        assert_eq!(desk.told(), [format!("failed {status}")]);
        desk.finish();
    }
}

/// A 200 that grants our Contact no time has not registered us; one that lists us under another name has.
#[test]
fn a_registrar_that_grants_no_time_is_no_registrar() {
    let mut desk = Desk::new();
    desk.answer(200, &[("Contact", "<sip:other@10.0.0.9>;expires=60")]);
    assert_eq!(desk.told(), ["registered 60"]);
    let mut desk = Desk::new();
    desk.answer(200, &[("Contact", "<sip:alice@10.0.0.1:5060>;expires=0")]);
    assert_eq!(desk.told(), ["failed 200, again"]);
    desk.unregister();
    assert_eq!((desk.told().last().unwrap().as_str(), desk.got().len()), ("unregistered", 1));
    desk.finish();
}

#[test]
fn whoever_leaves_while_a_register_is_under_way_leaves_after_it() {
    let mut desk = Desk::new();
    desk.unregister();
    assert_eq!(desk.got().len(), 1, "no two at a time");
    desk.grant(60);
    assert_eq!(expires(&desk.last()), 0);
    desk.answer(200, &[]);
    assert_eq!(desk.told(), ["unregistered"]);
    desk.finish();
    // A refusal leaves nothing to take away.
    let mut desk = Desk::new();
    desk.unregister();
    desk.answer(403, &[]);
    assert_eq!((desk.told(), desk.got().len()), (vec!["unregistered".into()], 1));
    desk.finish();
}

#[test]
fn nobody_waits_for_a_registrar_when_the_program_ends() {
    let mut desk = Desk::new();
    desk.grant(600);
    desk.net.with(0, |core, now| core.shutdown(now));
    assert_eq!(expires(&desk.last()), 0);
    assert!(!desk.net.nodes[0].core.is_idle());
    let refused = desk.net.with(0, |core, now| core.register(now, "sip:10.9.9.9", MINUTE));
    assert_eq!(refused, Err(CommandError::ShuttingDown));
    desk.net.run_for(5 * SECOND);
    assert_eq!(desk.told(), ["registered 600", "unregistered"]);
    assert!(desk.net.nodes[0].core.is_idle(), "five seconds, and no more");
    // Before the address is known there is nothing to wait for.
    let mut net = Net::new(1);
    net.hold_names = true;
    net.add("alice");
    net.with(0, |core, now| core.register(now, "sip:registrar.example", MINUTE)).unwrap();
    net.with(0, |core, now| core.shutdown(now));
    assert!(net.nodes[0].core.registry().is_empty());
    let (node, query) = net.asked.remove(0);
    let path = Path::udp(net.nodes[0].address, peer());
    net.with(node, |core, now| core.handle_names(now, query, Ok(path)));
    assert!(net.wire.is_empty() && net.nodes[0].core.is_idle());
}

/// Who is called by an address calls with it: a registrar's proxy knows us by nothing else.
#[test]
fn we_call_ourselves_by_our_address() {
    let mut net = Net::new(1);
    let address = Some("sip:alice@example.com".into());
    let config = CoordinatorConfig { address_of_record: address, ..CoordinatorConfig::default() };
    assert!(config.check().is_ok());
    net.add_with(config.clone(), Box::new(DefaultSignalingHandler));
    net.invite(0, "sip:bob@10.9.9.9");
    net.with(0, |core, now| core.options(now, "sip:bob@10.9.9.9")).unwrap();
    net.with(0, |core, now| core.message(now, "sip:bob@10.9.9.9", "text/plain", b"x")).unwrap();
    net.with(0, |core, now| core.subscribe(now, "sip:bob@10.9.9.9", "dialog", MINUTE)).unwrap();
    let sent: Vec<Bytes> = net.elsewhere.iter().map(|transmit| transmit.payload.clone()).collect();
    assert_eq!(sent.len(), 4);
    for message in sent {
        let from = first(&message, HeaderName::From);
        assert!(from.starts_with("<sip:alice@example.com>;tag="), "{from}");
        assert_ne!(first(&message, HeaderName::Contact), "<sip:alice@example.com>");
    }
    for wrong in ["alice", "sip:example.com", "tel:+1", "sip:a@h?x=y", "sip:a@h\r\nVia: x"] {
        let wrong = CoordinatorConfig { address_of_record: Some(wrong.into()), ..config.clone() };
        assert!(wrong.check().is_err(), "{:?}", wrong.address_of_record);
    }
}

/// One call may have a caller of its own: what From, P-Asserted-Identity, P-Preferred-Identity and Privacy say.
/// RFC 3323 sections 4.1 and 4.2, RFC 3325 sections 9.1, 9.2 and 9.3.
#[test]
fn a_call_says_who_calls() {
    let mut net = Net::new(1);
    let config = CoordinatorConfig {
        address_of_record: Some("sip:alice@example.com:5070".into()),
        display_name: Some("Alice".into()),
        ..CoordinatorConfig::default()
    };
    net.add_with(config, Box::new(DefaultSignalingHandler));
    let mut called = |identity| {
        let params = InviteParams { identity, ..InviteParams::new("sip:bob@10.9.9.9") };
        let made = net.with(0, |core, now| core.invite(now, params));
        made.map(|_| net.elsewhere.last().unwrap().payload.clone())
    };
    let from = |message: &Bytes| {
        let from = first(message, HeaderName::From);
        from.split(";tag=").next().unwrap().to_string()
    };
    let plain = CallerIdentity::default();
    assert_eq!(from(&called(plain).unwrap()), "\"Alice\" <sip:alice@example.com:5070>");
    let named = CallerIdentity { display_name: Some("The \"Desk\""), user: Some("+12025550123"), ..plain };
    let invite = called(named).unwrap();
    assert_eq!(from(&invite), "\"The \\\"Desk\\\"\" <sip:+12025550123@example.com:5070>");
    let asserted = [Some("sip:+12025550123@example.com"), Some("tel:+12025550123")];
    let hidden = CallerIdentity { asserted, privacy: Privacy::ANONYMOUS, ..named };
    let invite = called(hidden).unwrap();
    assert_eq!(from(&invite), "\"Anonymous\" <sip:anonymous@anonymous.invalid>");
    let text = String::from_utf8(invite.to_vec()).unwrap();
    for line in [
        "P-Asserted-Identity: <sip:+12025550123@example.com>\r\n",
        "P-Asserted-Identity: <tel:+12025550123>\r\n",
        "Privacy: id;user\r\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let told = CallerIdentity { privacy: Privacy::ID, preferred: Some("sip:desk@example.com"), ..named };
    let text = String::from_utf8(called(told).unwrap().to_vec()).unwrap();
    assert!(
        text.contains("P-Preferred-Identity: <sip:desk@example.com>\r\n") && text.contains("Privacy: id\r\n")
    );
    assert!(text.contains("<sip:+12025550123@example.com:5070>;tag="), "only the network is to hide it");
    let evil = CallerIdentity { user: Some("a@b>\r\nX: y"), ..plain };
    assert!(matches!(called(evil), Err(CommandError::BadArgument { what: "user", .. })));
}

#[test]
fn what_cannot_be_registered_is_refused() {
    let mut net = Net::new(1);
    let limits = crate::api::Limits { registrations_max: 1, ..crate::api::Limits::default() };
    let config = CoordinatorConfig { limits, ..CoordinatorConfig::default() };
    net.add_with(config, Box::new(DefaultSignalingHandler));
    for uri in ["tel:+1", "sip:", "sip:a@h?x=y", "sip:a\r\nb@h", "sip:1000", "sip:a@127.1"] {
        let refused = net.with(0, |core, now| core.register(now, uri, MINUTE));
        assert!(matches!(refused, Err(CommandError::BadArgument { .. })), "{uri} {refused:?}");
    }
    let refused = net.with(0, |core, now| core.register(now, "sips:h", MINUTE));
    assert!(matches!(refused, Err(CommandError::UnsupportedTransport { .. })), "{refused:?}");
    let refused = net.with(0, |core, now| core.register(now, "sip:h", Duration::ZERO));
    assert!(matches!(refused, Err(CommandError::BadArgument { what: "expires", .. })));
    net.with(0, |core, now| core.register(now, "sip:10.9.9.9", MINUTE)).unwrap();
    let full = net.with(0, |core, now| core.register(now, "sip:10.9.9.9", MINUTE));
    assert_eq!(full, Err(CommandError::Full { limit: 1 }));
}
