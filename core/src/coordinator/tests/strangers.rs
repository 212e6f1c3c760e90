//! Credentials are for the party that they were given for (CVE-2021-41158's kind): who asks for a digest, and who gets one.

use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::challenges::{first, sent, values};
use super::peer::{SDP, World, peer};
use crate::api::{AuthFailure, Counter, Credentials, DigestAlgorithm, Event};
use crate::session::State;
use crate::wire::HeaderName;
use crate::wire::frame::Frame;
use crate::wire::limits::WireLimits;
use crate::wire::path::Path;
use crate::wire::reply::ReplyHead;

const MINUTE: Duration = Duration::from_secs(60);
const HOME: &str = "realm=\"home\", nonce=\"n1\", qop=\"auth\"";
const EVIL: &str = "realm=\"evil\", nonce=\"n1\", qop=\"auth\"";
/// A registrar that is not where the peer is.
const REGISTRAR: &str = "10.7.7.7:5060";

fn alice() -> Credentials {
    Credentials::new("alice", "secret")
}

fn of_home() -> Credentials {
    alice().for_realm("home")
}

/// How many digests have gone to `place`.
fn digests(world: &World, place: SocketAddr) -> usize {
    let to = world.net.elsewhere.iter().filter(|transmit| transmit.path.remote == place);
    let proofs = |message: &Bytes| {
        values(message, HeaderName::Authorization).len()
            + values(message, HeaderName::ProxyAuthorization).len()
    };
    to.map(|transmit| proofs(&transmit.payload)).sum()
}

/// What the application was told of challenges that were not answered.
fn failures(world: &World) -> Vec<AuthFailure> {
    let told = world.net.nodes[0].events.iter().filter_map(|event| match event {
        Event::AuthenticationFailed { failure, .. } => Some(failure.clone()),
        _ => None,
    });
    told.collect()
}

/// The application learns whether credentials were missing, withheld, refused, or could not be used.
#[test]
fn who_is_asked_in_vain_says_why() {
    let realm = || String::from("home");
    let sha = of_home().least_algorithm(DigestAlgorithm::Sha256);
    let other = alice().for_realm("elsewhere");
    for (credentials, tries, failure) in [
        (other, 1, AuthFailure::Missing { realm: realm() }),
        (alice(), 1, AuthFailure::Withheld { realm: realm() }),
        (of_home(), 2, AuthFailure::Refused { realm: realm() }),
        (sha, 1, AuthFailure::Unusable { realm: realm() }),
    ] {
        let mut world = World::calling_with(credentials, &[]);
        for _ in 0..tries {
            let invite = world.last("INVITE");
            world.challenge(&invite, 401, HOME);
        }
        assert_eq!(failures(&world), [failure]);
        assert_eq!(world.net.told(0), ["ended Rejected 401"]);
    }
}

fn withheld(world: &World) -> u64 {
    world.net.nodes[0].core.counters().get(Counter::CredentialsWithheld)
}

/// Whoever is at `from` answers our last request that has gone there.
fn answer(world: &mut World, from: SocketAddr, status: u16, headers: &[(&str, &str)]) {
    let last = world.net.elsewhere.iter().rev().find(|transmit| transmit.path.remote == from);
    let request = last.expect("something was sent there").payload.clone();
    let frame = Frame::parse(&request, &WireLimits::default()).unwrap();
    let head =
        ReplyHead::new(&frame, frame.facts().ok().as_ref(), &Path::udp(from, world.net.nodes[0].address));
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|&(name, value)| (name, value.as_bytes())).collect();
    let response = head.respond(status, "Whatever", Some(b"r"), false, &headers, None);
    world.net.inject(0, from, &response);
}

/// Registers at `place`, which asks in realm "home" or lets us in without.
fn register(world: &mut World, place: SocketAddr, asks: bool) {
    let uri = format!("sip:alice@{place}");
    world.net.with(0, |core, now| core.register(now, &uri, 10 * MINUTE)).unwrap();
    if asks {
        answer(world, place, 401, &[("WWW-Authenticate", &format!("Digest {HOME}"))]);
    }
    answer(world, place, 200, &[("Expires", "600")]);
}

/// Whoever called us challenges our BYE with this; how many digests it has got.
fn hung_up(mut world: World, status: u16, challenge: &str) -> usize {
    let before = digests(&world, peer());
    world.is_called();
    world.hangup();
    let bye = world.last("BYE");
    world.challenge(&bye, status, challenge);
    let digests = digests(&world, peer()) - before;
    assert_eq!(sent(&world, "BYE"), 1 + digests, "without a digest there is no use in asking again");
    digests
}

/// The hole: whoever calls us asks who hangs up, with a realm and a nonce of its own choice, or with ours.
#[test]
fn a_stranger_who_calls_gets_no_digest() {
    for status in [401, 407] {
        for challenge in [HOME, EVIL] {
            for credentials in [alice(), of_home()] {
                assert_eq!(hung_up(World::idle_with(credentials.clone()), status, challenge), 0);
                // Nor if we are registered somewhere else, in the realm that it has copied.
                for asks in [false, true] {
                    let mut world = World::idle_with(credentials.clone());
                    register(&mut world, REGISTRAR.parse().unwrap(), asks);
                    assert_eq!(hung_up(world, status, challenge), 0);
                }
            }
        }
    }
    assert_eq!(hung_up(World::idle_with(alice().for_anyone()), 401, EVIL), 1, "the application says so");
}

/// A registrar's proxy asks for our BYE of a call that it brought (Kamailio with record_route does).
#[test]
fn the_proxy_that_brought_a_call_is_answered_in_its_realm() {
    for credentials in [alice(), of_home()] {
        for (challenge, digests) in [(HOME, 1), (EVIL, 0)] {
            let mut world = World::idle_with(credentials.clone());
            register(&mut world, peer(), true);
            assert_eq!(hung_up(world, 407, challenge), digests, "{challenge}");
        }
    }
}

/// The call came by way of the registrar, and the caller's Contact leads past it: whoever is there is a stranger.
#[test]
fn a_call_by_way_of_the_proxy_whose_bye_goes_elsewhere_is_not_answered() {
    let elsewhere: SocketAddr = "10.6.6.6:5060".parse().unwrap();
    for credentials in [alice(), of_home()] {
        let mut world = World::idle_with(credentials);
        register(&mut world, peer(), true);
        world.is_called();
        world.peer_moves_to("sip:eve@10.6.6.6");
        world.hangup();
        answer(&mut world, elsewhere, 407, &[("Proxy-Authenticate", &format!("Digest {HOME}"))]);
        assert_eq!((digests(&world, elsewhere), withheld(&world)), (0, 1));
    }
}

/// Who answers every request of ours with a challenge: in a call that we make the application has said where it goes.
#[test]
fn whom_we_call_is_answered_in_the_realm_that_was_named() {
    let asked = |credentials: Credentials, headers: &[(&str, &str)], challenge: &str| {
        let mut world = World::calling_with(credentials, headers);
        let invite = world.invite.clone();
        world.challenge(&invite, 401, challenge);
        digests(&world, peer())
    };
    assert_eq!(asked(of_home(), &[], HOME), 1);
    assert_eq!(asked(of_home(), &[], EVIL), 0);
    assert_eq!(asked(alice(), &[], HOME), 0, "a stranger, for all we know");
    let proxy = [("Route", "<sip:10.9.9.9;lr>")];
    assert_eq!(asked(alice(), &proxy, HOME), 1, "the application has named its proxy");
    for (challenge, digests_there) in [(HOME, 1), (EVIL, 0)] {
        let mut world = World::idle_with(alice());
        register(&mut world, peer(), true);
        let before = digests(&world, peer());
        world.session = Some(world.net.invite(0, "sip:bob@10.9.9.9"));
        let invite = world.last("INVITE");
        world.challenge(&invite, 407, challenge);
        assert_eq!(digests(&world, peer()) - before, digests_there, "the registrar's realm, and no other");
    }
}

#[test]
fn requests_of_their_own_are_no_way_round() {
    for (credentials, count) in [(alice(), 0), (of_home(), 1)] {
        for method in ["OPTIONS", "MESSAGE", "SUBSCRIBE"] {
            let mut world = World::idle_with(credentials.clone());
            world
                .net
                .with(0, |core, now| match method {
                    "OPTIONS" => core.options(now, "sip:bob@10.9.9.9").map(drop),
                    "MESSAGE" => core.message(now, "sip:bob@10.9.9.9", "text/plain", b"x").map(drop),
                    _ => core.subscribe(now, "sip:bob@10.9.9.9", "dialog", MINUTE).map(drop),
                })
                .unwrap();
            let asked = world.last(method);
            world.challenge(&asked, 401, HOME);
            assert_eq!(digests(&world, peer()), count, "{method}");
        }
    }
}

/// Where a 3xx points, nobody has given credentials for: not even if it copies the realm.
#[test]
fn a_redirection_takes_no_credentials_along() {
    let elsewhere: SocketAddr = "10.6.6.6:5060".parse().unwrap();
    let mut world = World::calling_with(of_home(), &[]);
    let invite = world.invite.clone();
    world.challenge(&invite, 407, HOME);
    let again = world.last("INVITE");
    world.respond_with(&again, 302, "one", &[("Contact", b"<sip:eve@10.6.6.6>")], None);
    answer(&mut world, elsewhere, 407, &[("Proxy-Authenticate", &format!("Digest {HOME}"))]);
    assert_eq!((digests(&world, elsewhere), withheld(&world)), (0, 1));
    assert_eq!(world.net.told(0).last().unwrap(), "ended Rejected 407");
}

/// Where a REFER points neither, though the application consents to the call.
#[test]
fn a_transfer_takes_no_credentials_along() {
    let elsewhere: SocketAddr = "10.6.6.6:5060".parse().unwrap();
    for credentials in [alice(), of_home()] {
        let mut world = World::calling_with(credentials, &[]);
        world.respond(200, "one", Some(SDP));
        world.extra = "Refer-To: <sip:eve@10.6.6.6>\r\n".into();
        world.request_back("REFER", "z9hG4bKrefer", 300, None);
        world.command(|core, now, id| core.accept_transfer(now, id).map(drop));
        answer(&mut world, elsewhere, 401, &[("WWW-Authenticate", &format!("Digest {HOME}"))]);
        assert_eq!((digests(&world, elsewhere), withheld(&world)), (0, 1));
    }
}

/// A proxy that asked for the INVITE and did not stay on the way: what it was told is not for whoever was called.
#[test]
fn what_a_proxy_was_told_is_not_told_to_the_callee() {
    let callee: SocketAddr = "10.6.6.6:5060".parse().unwrap();
    let mut world = World::calling_with(of_home(), &[]);
    let invite = world.invite.clone();
    world.challenge(&invite, 407, HOME);
    world.invite = world.last("INVITE");
    world.respond_from("10.6.6.6");
    assert_eq!(world.state(), Some(State::Active));
    world.hangup();
    let ours = |line: &[u8]| {
        world.net.elsewhere.iter().any(|it| it.path.remote == callee && it.payload.starts_with(line))
    };
    assert!(ours(b"ACK ") && ours(b"BYE "));
    assert_eq!(digests(&world, callee), 0);
    answer(&mut world, callee, 401, &[("WWW-Authenticate", &format!("Digest {HOME}"))]);
    assert_eq!((digests(&world, callee), withheld(&world)), (0, 1));
}

/// The registrar may ask in whatever realm: the application has named it.
#[test]
fn a_registrar_is_answered_whatever_its_realm() {
    let place: SocketAddr = REGISTRAR.parse().unwrap();
    let mut world = World::idle_with(alice());
    register(&mut world, place, true);
    assert_eq!(digests(&world, place), 1);
    let mut world = World::idle_with(of_home());
    world.net.with(0, |core, now| core.register(now, "sip:alice@10.7.7.7", 10 * MINUTE)).unwrap();
    answer(&mut world, place, 401, &[("WWW-Authenticate", &format!("Digest {EVIL}"))]);
    assert_eq!(digests(&world, place), 0, "the realm was named");
    assert!(first(&world.last("REGISTER"), HeaderName::Authorization).is_empty());
}
