//! Ports of media: who gets one, when, and how many one source may have.

use core::net::SocketAddr;

use super::challenges::first;
use super::net::Net;
use super::peer::{SDP, World};
use crate::api::{CoordinatorConfig, Counter, Reliable};
use crate::media::MediaCommand;
use crate::session::State;
use crate::signaling::{CommandError, InviteDetails, SessionCommands, SignalingDecision};
use crate::wire::HeaderName;

/// The ports that the last description of ours names: of RTP, and of RTCP if it says one.
fn named(world: &World, what: &str) -> (u16, Option<u16>) {
    let message = String::from_utf8(world.last(what).to_vec()).unwrap();
    let number = |after: &str| {
        let (_, rest) = message.split_once(after)?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    (number("\r\nm=audio ").expect("an audio stream"), number("\r\na=rtcp:"))
}

fn opened(world: &World) -> Option<u16> {
    let open = |command: &MediaCommand| match command {
        MediaCommand::Open { port, .. } => Some(port.rtp),
        _ => None,
    };
    world.net.nodes[0].media.iter().find_map(open)
}

fn ready(world: &World) -> usize {
    world.net.nodes[0].core.media_ports_ready()
}

#[test]
fn a_call_that_only_rings_has_no_port() {
    let mut world = World::called(false, Some(SDP));
    assert_eq!((world.state(), ready(&world)), (Some(State::Ringing), 4));
    world.net.nodes[0].core.board.ports.truncate(1);
    world.answer();
    assert_eq!(opened(&world), Some(16_384), "the first that was bound");
    assert_eq!(named(&world, "SIP/2.0 200"), (16_384, None));
    assert_eq!(ready(&world), 4, "and others are asked for");
    // Whatever the port is, it is the one that the next description names.
    world.request("ACK", "z9hG4bKack", 100, None);
    world.request("INVITE", "z9hG4bKagain", 101, Some(SDP));
    assert_eq!(named(&world, "SIP/2.0 200"), (16_384, None));
    let version = |world: &World| {
        let message = String::from_utf8(world.last("SIP/2.0 200").to_vec()).unwrap();
        let origin = message.lines().find(|line| line.starts_with("o=")).unwrap();
        origin.split(' ').nth(2).unwrap().to_owned()
    };
    let id = String::from_utf8(world.last("SIP/2.0 200").to_vec()).unwrap();
    assert!(id.contains(&format!("o=- {v} {v} ", v = version(&world))), "nothing has changed: {id}");
}

#[test]
fn two_ports_that_are_no_pair_are_both_named() {
    let mut world = World::called(false, Some(SDP));
    let port = world.net.nodes[0].core.board.ports.front_mut().unwrap();
    (port.rtp, port.rtcp) = (900, 40_001);
    world.answer();
    assert_eq!(named(&world, "SIP/2.0 200"), (900, Some(40_001)));
}

#[test]
fn early_media_and_an_early_offer_have_a_port() {
    let mut world = World::called(false, Some(SDP));
    world.command(|core, now, id| core.progress(now, id, true));
    assert_eq!(named(&world, "SIP/2.0 183"), (16_384, None));
    assert_eq!(opened(&world), Some(16_384));
    world.answer();
    assert_eq!(named(&world, "SIP/2.0 200"), (16_384, None));
    // A caller without an offer who requires reliable responses gets ours with the 180.
    let mut world = World::called_reliably(true, None);
    assert_eq!(ready(&world), 4);
    world.command(|core, now, id| core.progress(now, id, true));
    assert_eq!(named(&world, "SIP/2.0 183"), (16_384, None));
}

#[test]
fn an_offer_that_the_first_response_must_carry_has_its_port_at_admission() {
    // Required by the caller, or by our settings of a caller who knows how (RFC 3262 sections 3 and 5).
    for (extra, ours) in
        [("Require: 100rel\r\n", Reliable::Supported), ("Supported: 100rel\r\n", Reliable::Required)]
    {
        for silent in [false, true] {
            let mut world = World::new(silent);
            world.net.nodes[0].core.board.config.reliable = ours;
            world.extra = extra.into();
            world.request("INVITE", "z9hG4bKinvite", 100, None);
            world.session = world.net.incoming(0);
            assert_eq!(ready(&world), 4, "one is taken, and another asked for");
            // Somebody else takes the pairs that are ready: this call has its own.
            world.net.nodes[0].core.board.ports.drain(..);
            world.net.nodes[0].core.board.ports_asked = 4;
            if silent {
                world.command(|core, now, id| core.ring(now, id));
            }
            assert_eq!(named(&world, "SIP/2.0 180"), (16_384, None));
            assert_eq!(opened(&world), None, "nobody has agreed to anything");
            world.prack("z9hG4bKprack", Some(SDP));
            world.answer();
            assert_eq!(opened(&world), Some(16_384));
        }
    }
    // Without any pair it is refused before it is a call.
    let mut world = World::new(false);
    world.net.nodes[0].core.board.ports.clear();
    world.net.nodes[0].core.board.ports_asked = 4;
    world.extra = "Require: 100rel\r\n".into();
    world.request("INVITE", "z9hG4bKinvite", 100, None);
    assert_eq!(first(&world.last("SIP/2.0 503"), HeaderName::RetryAfter), "5");
    assert!(world.net.nodes[0].core.registry().is_empty());
}

#[test]
fn whoever_cannot_have_a_port_is_refused_and_says_so() {
    let mut world = World::called(false, Some(SDP));
    world.net.nodes[0].core.board.ports.clear();
    world.net.nodes[0].core.board.ports_asked = 4;
    let session = world.session.unwrap();
    let refused = world.net.with(0, |core, now| core.progress(now, session, true));
    assert_eq!((refused, world.state()), (Err(CommandError::NoMediaPort), Some(State::Ringing)));
    let refused = world.net.with(0, |core, now| core.answer(now, session));
    assert_eq!(refused, Err(CommandError::NoMediaPort));
    let response = world.last("SIP/2.0 503");
    assert_eq!(first(&response, HeaderName::RetryAfter), "5");
    assert_eq!(world.net.nodes[0].core.counters().get(Counter::Overload), 1);
}

/// A telephone that answers each call at once; its runtime can open 40 pairs of ports.
struct Busy {
    net: Net,
    calls: u32,
}

impl Busy {
    fn new(answers: bool) -> Self {
        let mut net = Net::new(1);
        let config = CoordinatorConfig {
            trusted_sources: vec!["10.7.7.0/24".parse().unwrap()],
            ..CoordinatorConfig::default()
        };
        let handler = move |_: &InviteDetails| {
            SignalingDecision::Custom(Box::new(move |commands: &mut dyn SessionCommands| {
                if answers { commands.answer() } else { commands.ring() }.unwrap();
            }))
        };
        net.add_with(config, Box::new(handler));
        net.with(0, |core, _| core.set_media_ports_max(40));
        Self { net, calls: 0 }
    }

    /// Calls from this address; how many were taken. With `acknowledged` each answer gets its ACK.
    fn calls(&mut self, from: &str, count: u32, acknowledged: bool) -> usize {
        let before = self.net.nodes[0].core.registry().len();
        let source: SocketAddr = format!("{from}:5060").parse().unwrap();
        for _ in 0..count {
            self.calls += 1;
            let n = self.calls;
            let request = |method: &str, to_tag: &str, body: &str| {
                format!(
                    "{method} sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from}:5060;branch=z9hG4bK{method}{n};rport\r\n\
                     Max-Forwards: 70\r\nFrom: <sip:bob@{from}>;tag=f{n}\r\nTo: <sip:alice@10.0.0.1>{to_tag}\r\nCall-ID: c{n}\r\n\
                     CSeq: 1 {method}\r\nContact: <sip:bob@{from}:5060>\r\nContent-Type: application/sdp\r\n\
                     Content-Length: {}\r\n\r\n{body}",
                    body.len()
                )
            };
            self.net.inject(0, source, request("INVITE", "", SDP).as_bytes());
            let answer = &self.net.elsewhere.last().unwrap().payload;
            let answer = String::from_utf8(answer.to_vec()).unwrap();
            if acknowledged && answer.starts_with("SIP/2.0 200") {
                let (_, tag) = answer.split_once("To: <sip:alice@10.0.0.1>").unwrap();
                let tag = tag.split("\r\n").next().unwrap();
                self.net.inject(0, source, request("ACK", tag, "").as_bytes());
            }
        }
        self.net.nodes[0].core.registry().len() - before
    }
}

#[test]
fn one_source_has_a_quarter_in_setup_and_after_it() {
    for (answers, acknowledged) in [(false, false), (true, false), (true, true)] {
        let mut busy = Busy::new(answers);
        assert_eq!(busy.calls("10.6.6.6", 100, acknowledged), 10, "{answers} {acknowledged}");
        assert_eq!(busy.calls("10.6.6.7", 100, acknowledged), 7, "a quarter of what is left");
        assert_eq!(busy.calls("10.6.6.8", 3, acknowledged), 3, "others call as ever");
        assert_eq!(busy.net.nodes[0].core.counters().get(Counter::Overload), 90 + 93);
        let refusal =
            busy.net.elsewhere.iter().find(|sent| sent.payload.starts_with(b"SIP/2.0 503")).unwrap();
        assert_eq!(first(&refusal.payload, HeaderName::RetryAfter), "5");
        assert_eq!(busy.calls("10.7.7.7", 100, acknowledged), 20, "all that is left, for it is trusted");
        assert_eq!(busy.calls("10.6.6.9", 1, acknowledged), 0, "and then nothing is left for anybody");
        busy.net.with(0, |core, _| core.set_media_ports_max(60));
        assert_eq!(busy.calls("10.6.6.9", 1, acknowledged), 1);
    }
}

#[test]
fn a_share_is_free_again_when_its_calls_are_over() {
    let mut busy = Busy::new(true);
    assert_eq!(busy.calls("10.6.6.6", 100, true), 10);
    busy.net.with(0, |core, now| {
        for session in core.registry().ids() {
            core.hangup(now, session).unwrap();
        }
    });
    busy.net.run_for(core::time::Duration::from_secs(40));
    assert!(busy.net.nodes[0].core.registry().is_empty());
    assert_eq!(busy.calls("10.6.6.6", 100, true), 10);
}
