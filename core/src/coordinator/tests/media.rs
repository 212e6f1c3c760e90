//! What comes of the media side's news.

use core::time::Duration;

use super::net::Net;
use super::peer::{SDP, World};
use crate::base::ids::SessionId;
use crate::media::{MediaCommand, MediaEvent, MediaSessionId};

const SECOND: Duration = Duration::from_secs(1);

/// A call that is up, its session on both sides.
fn up() -> (Net, [SessionId; 2]) {
    let mut net = Net::new(1);
    let (alice, bob) = (net.add("alice"), net.add("bob"));
    let call = net.call(alice, bob);
    net.run_for(SECOND);
    let incoming = net.incoming(bob).unwrap();
    net.with(bob, |core, now| core.answer(now, incoming)).unwrap();
    net.run_for(SECOND);
    (net, [call, incoming])
}

fn media(net: &Net, node: usize, session: SessionId) -> MediaSessionId {
    net.nodes[node].core.registry().media_of(session).unwrap()
}

#[test]
fn whoever_sends_nothing_at_all_is_hung_up_and_told_why() {
    for side in [0, 1] {
        let (mut net, sessions) = up();
        let media = media(&net, side, sessions[side]);
        net.run_for(121 * SECOND);
        net.with(side, |core, now| core.handle_media(now, MediaEvent::TimedOut { media, for_ms: 120_000 }));
        net.run_for(40 * SECOND);
        let told = net.told(side);
        assert_eq!(told[told.len() - 2..], ["silent 120000", "ended MediaTimeout"], "the event comes first");
        assert_eq!(net.told(1 - side).last().unwrap(), "ended RemoteHangup");
        net.assert_all_gone();
    }
}

#[test]
fn the_bye_says_why() {
    let mut world = World::calling();
    world.respond(200, "one", Some(SDP));
    let session = world.session.unwrap();
    let media = media(&world.net, 0, session);
    world.net.run_for(121 * SECOND);
    world.net.with(0, |core, now| core.handle_media(now, MediaEvent::TimedOut { media, for_ms: 120_000 }));
    let bye = String::from_utf8(world.last("BYE").to_vec()).unwrap();
    assert!(bye.contains("\r\nReason: SIP;cause=408;text=\"No Media\"\r\n"), "{bye}");
}

#[test]
fn the_time_that_it_rang_is_no_silence() {
    let (mut net, sessions) = up();
    let media = media(&net, 1, sessions[1]);
    net.run_for(60 * SECOND);
    net.with(1, |core, now| core.handle_media(now, MediaEvent::TimedOut { media, for_ms: 120_000 }));
    net.run_for(SECOND);
    assert_eq!(net.told(1).last().unwrap(), "confirmed");
}

#[test]
fn before_the_answer_nobody_is_silent() {
    let mut net = Net::new(1);
    let (alice, bob) = (net.add("alice"), net.add("bob"));
    let call = net.call(alice, bob);
    net.run_for(SECOND);
    let media = media(&net, alice, call);
    net.with(alice, |core, now| core.handle_media(now, MediaEvent::TimedOut { media, for_ms: 1 }));
    net.run_for(SECOND);
    assert_eq!(net.told(alice), ["progress 180"]);
}

#[test]
fn keys_of_the_audio_stream_are_told() {
    let (mut net, sessions) = up();
    let media = media(&net, 0, sessions[0]);
    let event = MediaEvent::Dtmf { media, digit: '7', duration_ms: 80 };
    net.with(0, |core, now| core.handle_media(now, event));
    net.run_for(SECOND);
    assert_eq!(net.told(0).last().unwrap(), "key 7");
}

/// Whether the signalling of `world` vouches for `ip`.
fn vouches(world: &mut World, ip: &str) -> bool {
    let media = media(&world.net, 0, world.session.unwrap());
    let ip = ip.parse().unwrap();
    let before = world.net.nodes[0].media.len();
    world.net.with(0, |core, now| core.handle_media(now, MediaEvent::Unproven { media, ip }));
    let said = &world.net.nodes[0].media[before..];
    assert!(said.iter().all(|command| *command == MediaCommand::Vouch { media, ip }), "{said:?}");
    !said.is_empty()
}

#[test]
fn an_address_is_vouched_for_once_something_with_our_tag_has_come_from_there() {
    let mut world = World::called(false, Some(SDP));
    assert!(!vouches(&mut world, "10.9.9.9"), "anybody can write an INVITE");
    world.answer();
    assert!(!vouches(&mut world, "10.9.9.9"));
    world.request("ACK", "z9hG4bKack", 100, None);
    assert!(vouches(&mut world, "10.9.9.9"));
    assert!(!vouches(&mut world, "10.9.9.8"), "a third party has said nothing");
    // A PRACK says our tag before the answer.
    let mut world = World::called_early();
    assert!(vouches(&mut world, "10.9.9.9"));
    // Whom we call has answered to our branch.
    let mut world = World::calling();
    assert!(!vouches(&mut world, "10.9.9.9"));
    world.respond(200, "one", Some(SDP));
    assert!(vouches(&mut world, "10.9.9.9"));
    assert!(!vouches(&mut world, "10.9.9.8"));
}
