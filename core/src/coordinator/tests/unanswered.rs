//! An offer of ours within the call that is agreed to without an answer that can be used: the media stay as they are, the
//! call goes on, and the application is told.

use core::time::Duration;

use super::peer::{NO_CODEC, SDP, World};
use crate::api::{Modification, OfferMethod};
use crate::media::MediaCommand;
use crate::sdp::plan::Direction;
use crate::session::State;

const BAD: [(Option<&str>, &str); 4] = [
    (None, "unanswered Missing"),
    (Some(NO_CODEC), "unanswered Unusable"),
    (Some("nonsense"), "unanswered Unusable"),
    (
        Some(
            "v=0\r\no=- 1 2 IN IP4 10.9.9.9\r\ns=-\r\nc=IN IP4 10.9.9.9\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n",
        ),
        "unanswered Unusable",
    ),
];

fn byes(world: &World) -> usize {
    world.net.elsewhere.iter().filter(|it| it.payload.starts_with(b"BYE ")).count()
}

/// The call is up, its media are those of before, and the next change goes through.
fn lives(world: &mut World, media: &[MediaCommand], what: &str) {
    assert_eq!(world.state(), Some(State::Active), "{what}");
    assert_eq!(world.net.nodes[0].media, media, "{what}: the media stay");
    assert_eq!(byes(world), 0, "{what}");
    world.command(|core, now, id| core.hold(now, id));
    assert_eq!(world.state(), Some(State::Offering), "{what}");
    world.respond_to_last(200, Some(&SDP.replace("sendrecv", "recvonly")));
    assert_eq!(world.net.told(0).last().unwrap(), "hold true false", "{what}");
}

#[test]
fn a_2xx_to_a_reinvite_or_update_of_ours() {
    for update in [false, true] {
        for (body, told) in BAD {
            let mut world = World::calling();
            world.respond(200, "one", Some(SDP));
            let media = world.net.nodes[0].media.clone();
            let change = Modification::direction(Direction::SendOnly);
            if update {
                let by = OfferMethod::Update;
                world.peer_allows_update();
                world.command(|core, now, id| core.modify(now, id, Modification { by, ..change }));
                assert!(world.last("UPDATE").starts_with(b"UPDATE "));
            } else {
                world.command(|core, now, id| core.modify(now, id, change));
            }
            let acks = |world: &World| {
                world.net.elsewhere.iter().filter(|it| it.payload.starts_with(b"ACK ")).count()
            };
            let before = acks(&world);
            world.respond_to_last(200, body);
            assert_eq!(acks(&world), before + usize::from(!update), "{body:?}");
            let news = world.net.told(0);
            assert_eq!(news[news.len() - 2..], ["refused 488 by us", told], "{body:?}");
            lives(&mut world, &media, &format!("{update} {body:?}"));
        }
    }
}

#[test]
fn the_ack_of_a_reinvite_without_an_offer() {
    for (body, told) in BAD {
        let mut world = World::called(true, Some(SDP));
        world.answer();
        world.request("ACK", "z9hG4bKack", 100, None);
        let media = world.net.nodes[0].media.clone();
        world.request("INVITE", "z9hG4bKre", 101, None);
        assert_eq!(world.state(), Some(State::Reanswered));
        world.request("ACK", "z9hG4bKack2", 101, body);
        assert_eq!(world.net.told(0).last().unwrap(), told);
        world.net.run_for(Duration::from_secs(40));
        lives(&mut world, &media, &format!("{body:?}"));
    }
}

/// What was wanted meanwhile is asked for next.
#[test]
fn a_wish_of_ours_survives_the_ack() {
    let mut world = World::called(true, Some(SDP));
    world.answer();
    world.request("ACK", "z9hG4bKack", 100, None);
    world.request("INVITE", "z9hG4bKre", 101, None);
    world.command(|core, now, id| core.hold(now, id));
    world.request("ACK", "z9hG4bKack2", 101, None);
    assert_eq!(world.state(), Some(State::Offering));
    assert!(String::from_utf8_lossy(&world.last("INVITE")).contains("a=sendonly"));
}

#[test]
fn a_2xx_to_our_update_before_the_answer() {
    for (body, told) in BAD {
        let mut world = World::calling_early();
        world.command(|core, now, id| core.hold(now, id));
        world.respond_to_last(200, body);
        assert!(world.net.told(0).contains(&told.into()), "{body:?}");
        assert_eq!(world.state(), Some(State::EarlyMedia));
        world.respond(200, "one", None);
        assert_eq!(world.state(), Some(State::Active));

        for answered in [false, true] {
            let mut world = World::called_early();
            world.command(|core, now, id| core.hold(now, id));
            if answered {
                world.answer();
            }
            world.respond_to_last(200, body);
            assert!(world.net.told(0).contains(&told.into()), "{body:?}");
            let expected = if answered { State::Answered } else { State::Ringing };
            assert_eq!(world.state(), Some(expected), "{body:?}");
        }
    }
}

/// RFC 3264 section 6: lines that answer nothing, in the first answer and in a later one.
#[test]
fn an_answer_with_a_line_too_many_is_taken() {
    let extra = format!("{SDP}m=video 0 RTP/AVP 31\r\n");
    let mut world = World::calling();
    world.respond(200, "one", Some(&extra));
    assert_eq!(world.state(), Some(State::Active));
    world.command(|core, now, id| core.hold(now, id));
    world.respond_to_last(200, Some(&extra.replace("sendrecv", "recvonly")));
    assert_eq!(world.state(), Some(State::Active));
    assert_eq!(world.net.told(0).last().unwrap(), "hold true false");
    // In the ACK of a re-INVITE, to an offer that has two lines itself.
    let two = SDP.replace("m=audio", "m=video 0 RTP/AVP 31\r\nm=audio");
    let mut world = World::called(true, Some(&two));
    world.answer();
    world.request("ACK", "z9hG4bKack", 100, None);
    for (cseq, answer) in [(101, &two), (102, &format!("{two}m=text 0 RTP/AVP 98\r\n")), (103, &SDP.into())] {
        world.request("INVITE", &format!("z9hG4bKre{cseq}"), cseq, None);
        world.request("ACK", &format!("z9hG4bKack{cseq}"), cseq, Some(answer));
        assert_eq!(world.state(), Some(State::Active));
        assert!(!world.net.told(0).iter().any(|told| told.starts_with("unanswered")), "{answer}");
    }
}
