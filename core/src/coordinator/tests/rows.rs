//! Every row of the state table is walked with real messages: the session is brought to the row's state, the
//! row's input is brought about, and the session must be in the row's next state, or gone.

use core::time::Duration;

use super::peer::{NO_CODEC, SDP, World};
use crate::session::{Action, Input, ROWS, State};

/// Rows that only a caller can come to; all others of these states are walked as callee.
fn as_caller(input: Input) -> bool {
    matches!(input, Input::RxAnswerAgain | Input::RxOtherAnswer | Input::InviteGone)
}

/// Whether the row needs an INVITE without an offer.
fn is_late(input: Input) -> bool {
    matches!(input, Input::RxAckAnswer | Input::RxBadAck)
}

/// What comes of an offer of ours.
fn is_offer(input: Input) -> bool {
    matches!(input, Input::RxOfferAnswer | Input::RxOfferRefused | Input::OfferTimeout)
}

/// What comes of reliable provisional responses.
fn is_reliable(input: Input) -> bool {
    matches!(
        input,
        Input::RxPrack | Input::RxBadPrack | Input::ProgressRepeat | Input::PrackTimeout | Input::AnswerLater
    )
}

/// What becomes of an UPDATE of ours before the answer.
fn reach_early(state: State, input: Input) -> Option<World> {
    let idle = match state {
        State::EarlyMedia => World::calling_early(),
        State::Ringing | State::AnswerPending => World::called_early(),
        _ => return None,
    };
    let offers = |world: &mut World| world.command(|core, now, id| core.hold(now, id));
    match input {
        Input::ModifyEarly => Some(idle),
        Input::OfferAgain => Some(with(idle, |world| {
            offers(world);
            world.respond_to_last(491, None);
        })),
        Input::RxSidePrack => Some(with(idle, |world| {
            offers(world);
            world.command(|core, now, id| core.progress(now, id, false));
            world.answer();
        })),
        Input::RxAnswerMidOffer
        | Input::RxGone
        | Input::RxOfferAnswer
        | Input::RxOfferBadAnswer
        | Input::RxOfferGlare
        | Input::RxOfferRefused => Some(with(idle, |world| {
            offers(world);
            if state == State::AnswerPending {
                world.answer();
            }
        })),
        _ => None,
    }
}

/// Two callees that may hang up before they answer.
fn reach_two(state: State, input: Input) -> Option<World> {
    match state {
        _ if !is_hung_up_early(input) => None,
        // Their responses were not taken, for they have no number.
        State::Proceeding => Some(with(World::calling(), |world| {
            for tag in ["one", "two"] {
                world.respond_reliably(183, tag, "none", Some(SDP));
            }
        })),
        State::Ringback | State::EarlyMedia => {
            Some(with(reach(state, Input::RxTrying), |world| world.respond(180, "two", None)))
        }
        _ => None,
    }
}

fn reach(state: State, input: Input) -> World {
    if let Some(world) = reach_early(state, input).or_else(|| reach_two(state, input)) {
        return world;
    }
    let caller = as_caller(input);
    let offer = if is_late(input) && state != State::Reanswered { None } else { Some(SDP) };
    let rings = |state| matches!(state, State::Calling | State::Proceeding | State::Ringback);
    match state {
        _ if input == Input::RxOtherAnswer && is_before_the_answer(state) => calling_the_next(state),
        State::Calling if input == Input::RxBadEarlyOffer => World::calling_late(),
        State::CancelPending | State::Cancelling if input == Input::RxBadEarlyOffer => {
            let from = if state == State::Cancelling { State::Ringback } else { State::Calling };
            with(reach(from, input), World::hangup)
        }
        _ if input == Input::RxBadEarlyOffer && rings(state) => {
            let status = if state == State::Ringback { 180 } else { 100 };
            with(World::calling_late(), |world| world.respond(status, "one", None))
        }
        State::EarlyMedia if input == Input::RxBadEarlyOffer => with(World::calling_late(), |world| {
            world.respond_reliably(183, "one", "1", Some(SDP));
        }),
        State::Ringing if is_reliable(input) => with(
            World::called_reliably(false, if input == Input::RxBadPrack { None } else { Some(SDP) }),
            |world| world.command(|core, now, id| core.progress(now, id, true)),
        ),
        State::AnswerPending => with(
            reach(State::Ringing, if input == Input::RxBadPrack { input } else { Input::AnswerLater }),
            World::answer,
        ),
        State::Active | State::Reanswered | State::Offering | State::OfferWait if input == Input::RxPrack => {
            unacknowledged_ringing(state)
        }
        State::Answered if input == Input::RxPrack => with(World::called_reliably(true, offer), |world| {
            world.command(|core, now, id| core.progress(now, id, false));
            world.answer();
        }),
        State::Idle if input == Input::MakeCall => World::resolving(),
        State::Idle => World::called(input == Input::AdmittedSilently, offer),
        State::Resolving if input == Input::NextTarget => with(World::calling(), |world| {
            world.net.hold_names = true;
            world.redirect();
        }),
        State::Resolving => World::resolving(),
        State::Calling => World::calling(),
        State::Proceeding => with(World::calling(), |world| world.respond(100, "one", None)),
        State::Ringback => with(World::calling(), |world| world.respond(180, "one", None)),
        State::EarlyMedia => with(World::calling(), |world| world.respond(183, "one", Some(SDP))),
        State::CancelPending if input == Input::InviteGone => with(World::calling(), |world| {
            world.respond_unusably();
            world.hangup();
        }),
        State::Cancelling if input == Input::InviteGone => with(reach(State::Ringback, input), |world| {
            world.respond_unusably();
            world.net.run_for(Duration::from_secs(1));
            world.hangup();
        }),
        State::Terminating if input == Input::AckTimeout => with(World::calling(), |world| {
            world.net.hold_names = true;
            world.respond_from("bob.example");
            world.hangup();
        }),
        State::CancelPending => with(World::calling(), World::hangup),
        State::Cancelling if input == Input::RxEarlyMediaOver => {
            with(reach(State::EarlyMedia, Input::RxTrying), World::hangup)
        }
        State::Cancelling => with(reach(State::Ringback, Input::RxTrying), World::hangup),
        State::Incoming => World::called(true, offer),
        State::Ringing => World::called(false, offer),
        State::Answered => with(World::called(false, offer), World::answer),
        State::HangupPending if caller => with(reach(State::Reanswered, input), World::hangup),
        State::HangupPending => with(reach(State::Answered, input), World::hangup),
        State::Active if caller => with(World::calling(), |world| world.respond(200, "one", Some(SDP))),
        State::Active => {
            with(reach(State::Answered, input), |world| world.request("ACK", "z9hG4bKack", 100, None))
        }
        State::Reanswered if caller => with(reach(State::Active, input), |world| {
            world.request_back("INVITE", "z9hG4bKre", 1, Some(SDP));
        }),
        State::Reanswered => with(reach(State::Active, Input::RxAck), |world| {
            world.cseq = 101;
            world.request("INVITE", "z9hG4bKre", 101, (!is_late(input)).then_some(SDP));
        }),
        State::Offering if input == Input::RxRefreshRefused => {
            with(reach(State::Active, input), |world| world.refresh_by(Input::RefreshByInvite))
        }
        State::Offering => {
            with(reach(State::Active, input), |world| world.command(|core, now, id| core.hold(now, id)))
        }
        State::OfferWait => with(reach(State::Offering, input), |world| world.respond_to_last(491, None)),
        State::Terminating if is_offer(input) => with(reach(State::Offering, input), World::hangup),
        State::Terminating => with(reach(State::Active, input), World::hangup),
        State::Terminated if is_offer(input) => with(reach(State::Offering, input), |world| {
            world.peer_says("BYE", "z9hG4bKbye", None);
        }),
        // Only a caller's session lingers.
        State::Terminated => with(reach(State::Active, Input::RxAnswerAgain), |world| {
            world.request_back("BYE", "z9hG4bKbye", 1, None);
        }),
    }
}

/// What a callee does that has not answered and hangs up all the same.
fn is_hung_up_early(input: Input) -> bool {
    matches!(input, Input::RxBye | Input::RxForkBye | Input::RxEarlyMediaBye)
}

/// A call that is up before the PRACK of its 180 has come.
fn unacknowledged_ringing(state: State) -> World {
    let mut world = reach(State::Answered, Input::RxPrack);
    world.request("ACK", "z9hG4bKack", 100, None);
    match state {
        State::Reanswered => world.request("INVITE", "z9hG4bKre", 101, Some(SDP)),
        State::Offering | State::OfferWait => world.command(|core, now, id| core.hold(now, id)),
        _ => {}
    }
    if state == State::OfferWait {
        world.respond_to_last(491, None);
    }
    world
}

fn is_before_the_answer(state: State) -> bool {
    matches!(
        state,
        State::Resolving
            | State::Calling
            | State::Proceeding
            | State::Ringback
            | State::EarlyMedia
            | State::CancelPending
            | State::Cancelling
    )
}

/// Sent elsewhere, we have called somebody who said nothing, and now call the next.
fn calling_the_next(state: State) -> World {
    let mut world = World::calling();
    world.net.hold_names = true;
    world.redirect();
    world.found();
    world.older = world.last("INVITE");
    world.net.run_for(Duration::from_secs(33));
    if state == State::Resolving {
        return world;
    }
    world.found();
    world.net.hold_names = false;
    world.invite = world.last("INVITE");
    match state {
        State::Proceeding => world.respond(100, "one", None),
        State::Ringback => world.respond(180, "one", None),
        State::EarlyMedia => world.respond(183, "one", Some(SDP)),
        State::CancelPending => world.hangup(),
        State::Cancelling => {
            world.respond(180, "one", None);
            world.hangup();
        }
        _ => {}
    }
    world
}

fn with(mut world: World, f: impl FnOnce(&mut World)) -> World {
    f(&mut world);
    world
}

fn apply(world: &mut World, input: Input) {
    let id = world.session.unwrap();
    match input {
        // Reaching the state has done it.
        Input::MakeCall | Input::Admitted | Input::AdmittedSilently => {}
        Input::Ring => world.net.with(0, |core, now| core.ring(now, id)).unwrap(),
        Input::Progress
        | Input::ProgressAudio
        | Input::ProgressRepeat
        | Input::RxPrack
        | Input::RxSidePrack
        | Input::RxBadPrack
        | Input::RxBadEarlyOffer
        | Input::RxForkOver
        | Input::RxEarlyMediaOver => apply_early(world, input),
        Input::AnswerLater | Input::Answer => world.net.with(0, |core, now| core.answer(now, id)).unwrap(),
        Input::Reject => world.net.with(0, |core, now| core.reject(now, id, 486)).unwrap(),
        Input::Hangup => world.hangup(),
        Input::NamesFound => world.found(),
        Input::NamesFailed => world.lost(),
        Input::RxTrying => world.respond(100, "one", None),
        Input::RxRinging if world.state() == Some(State::Offering) => world.respond_to_last(183, None),
        Input::RxRinging => world.respond(180, "one", None),
        Input::RxEarlyMedia => world.respond(183, "one", Some(SDP)),
        Input::RxAnswer | Input::RxAnswerMidOffer | Input::RxAnswerAgain => {
            world.respond(200, "one", Some(SDP))
        }
        Input::RxOtherAnswer if !world.older.is_empty() => {
            let older = world.older.clone();
            world.respond_to(&older, 200, "two", Some(SDP));
        }
        Input::RxOtherAnswer => world.respond(200, "two", Some(SDP)),
        Input::RxBadAnswer => world.respond(200, "one", Some(NO_CODEC)),
        Input::NextTarget if world.state() == Some(State::Resolving) => world.lost(),
        Input::NextTarget => {
            world.net.hold_names = true;
            world.redirect();
        }
        Input::RxChallenged => {
            let invite = world.invite.clone();
            world.challenge(&invite, 401, "realm=\"r\", nonce=\"n\"");
        }
        Input::RxFailure => world.respond(486, "one", None),
        Input::RxAck => world.request("ACK", "z9hG4bKack2", world.cseq, None),
        Input::RxAckAnswer => world.request("ACK", "z9hG4bKack2", world.cseq, Some(SDP)),
        Input::RxBadAck => world.request("ACK", "z9hG4bKack2", world.cseq, Some(NO_CODEC)),
        Input::RxCancel => {
            world.our_tag.clear();
            world.request("CANCEL", "z9hG4bKinvite", 100, None);
        }
        Input::RxForkBye | Input::RxEarlyMediaBye => hang_up_early(world, input),
        Input::RxBye if world.state().is_some_and(is_before_the_answer) => hang_up_early(world, input),
        Input::RxBye => say_bye(world),
        Input::RxByeDone => {
            let bye = world.last("BYE");
            world.respond_to(&bye, 200, "peer", None);
        }
        Input::Modify | Input::ModifyEarly => world.command(|core, now, id| core.hold(now, id)),
        Input::RxTooBrief
        | Input::RxUpdate
        | Input::RxOfferAnswer
        | Input::RxOfferBadAnswer
        | Input::RxOfferGlare
        | Input::RxOfferRefused
        | Input::RxRefreshRefused
        | Input::RxGone
        | Input::RefreshByUpdate
        | Input::RefreshByInvite
        | Input::Expired
        | Input::OfferTimeout
        | Input::OfferAgain => apply_offer(world, input),
        Input::RxOfferCrossing | Input::RxOfferTooEarly => unreachable!("no row has them"),
        Input::RxReinvite => world.request("INVITE", "z9hG4bKre2", 200, Some(SDP)),
        Input::AnswerRepeat if world.state() == Some(State::Ringing) => {
            world.net.run_for(Duration::from_secs(60))
        }
        Input::AnswerRepeat => world.net.run_for(Duration::from_millis(500)),
        Input::InviteGone
            if matches!(
                world.state(),
                Some(State::Calling | State::Proceeding | State::Ringback | State::EarlyMedia)
            ) =>
        {
            world.respond_unusably();
            world.net.run_for(Duration::from_secs(33));
        }
        Input::RingTimeout => {
            // While nothing at all comes back, Timer B ends the call before anybody loses patience.
            world.net.run_for(Duration::from_secs(60));
        }
        Input::Deadline => world.net.run_for(Duration::from_secs(180)),
        Input::InviteTimeout
        | Input::InviteGone
        | Input::AckTimeout
        | Input::PrackTimeout
        | Input::CancelTimeout => world.net.run_for(Duration::from_secs(33)),
    }
}

/// Callees hang up before they answer: one of two, or both.
fn hang_up_early(world: &mut World, input: Input) {
    if input != Input::RxEarlyMediaBye {
        world.request_of("two", "BYE", "z9hG4bKbye1", 1, None);
    }
    if input != Input::RxForkBye {
        world.request_of("one", "BYE", "z9hG4bKbye2", 1, None);
    }
}

/// The peer hangs up, with the tag that we gave it.
fn say_bye(world: &mut World) {
    if world.our_tag.is_empty() {
        world.command(|core, now, id| core.ring(now, id));
        world.learn_tag();
    }
    world.request("BYE", "z9hG4bKbye2", 200, None);
}

/// What provisional responses bring about, ours and the peer's.
fn apply_early(world: &mut World, input: Input) {
    match input {
        Input::Progress => world.command(|core, now, id| core.progress(now, id, false)),
        Input::ProgressAudio => world.command(|core, now, id| core.progress(now, id, true)),
        Input::RxPrack | Input::RxSidePrack => world.prack("z9hG4bKprack", None),
        Input::RxBadPrack => world.prack("z9hG4bKprack", Some(NO_CODEC)),
        Input::ProgressRepeat => world.net.run_for(Duration::from_millis(500)),
        Input::RxBadEarlyOffer => world.respond_reliably(183, "two", "1", Some(NO_CODEC)),
        Input::RxForkOver => world.respond(199, "two", None),
        Input::RxEarlyMediaOver => world.respond(199, "one", None),
        _ => unreachable!("{input:?} is none"),
    }
}

/// What becomes of offers and refreshes within the call.
fn apply_offer(world: &mut World, input: Input) {
    match input {
        Input::RxTooBrief if world.state() == Some(State::Offering) => {
            world.ask_for_refresh();
            world.respond_to_last(422, None);
        }
        Input::RxTooBrief => {
            world.ask_for_refresh();
            world.respond(422, "one", None);
        }
        Input::RxUpdate => world.peer_says("UPDATE", "z9hG4bKup", None),
        Input::RxOfferAnswer => world.respond_to_last(200, Some(SDP)),
        Input::RxOfferBadAnswer => world.respond_to_last(200, None),
        Input::RxOfferGlare => world.respond_to_last(491, None),
        Input::RxOfferRefused | Input::RxRefreshRefused => world.respond_to_last(488, None),
        Input::RxGone if world.state().is_some_and(|it| it == State::Offering || it.is_early()) => {
            world.respond_to_last(481, None)
        }
        Input::RxGone | Input::RefreshByUpdate | Input::RefreshByInvite | Input::Expired => {
            world.refresh_by(input);
        }
        Input::OfferTimeout => {
            world.respond_to_last(100, None);
            world.net.run_for(Duration::from_secs(180));
        }
        Input::OfferAgain => world.net.run_for(Duration::from_secs(4)),
        _ => unreachable!("{input:?} is none"),
    }
}

#[test]
fn every_row_is_walked() {
    for row in ROWS {
        let (state, input) = (row.state, row.input);
        if (state, input) == (State::Calling, Input::RingTimeout) {
            // It takes a ring timeout shorter than Timer B: `calls::short_patience`.
            continue;
        }
        let mut world = reach(state, input);
        let quiet = matches!(input, Input::MakeCall | Input::Admitted | Input::AdmittedSilently);
        let before = world.net.nodes[0].core.taken.len();
        // A silent call becomes a ringing one before a BYE can name it.
        let rung = (state, input) == (State::Incoming, Input::RxBye);
        assert!(quiet || world.state() == Some(state), "{state:?} is not reached, but {:?}", world.state());
        if rung {
            world.our_tag = tag_of(&world);
        }
        apply(&mut world, input);
        let taken = &world.net.nodes[0].core.taken;
        let taken = if quiet { &taken[..] } else { &taken[before..] };
        assert!(taken.contains(&(state, input)), "{state:?} {input:?} is not taken, but {taken:?}");
        let timed = matches!(
            input,
            Input::InviteTimeout
                | Input::InviteGone
                | Input::AckTimeout
                | Input::CancelTimeout
                | Input::Deadline
                | Input::PrackTimeout
        );
        if !row.actions.contains(&Action::Release) && !timed && !quiet {
            assert_eq!(world.state(), Some(row.next), "{state:?} {input:?}");
        }
        finish(&mut world, &format!("{state:?} {input:?}"));
    }
}

/// Our tag in a call that we have said nothing to yet.
fn tag_of(world: &World) -> String {
    let session = world.net.nodes[0].core.registry().session(world.session.unwrap()).unwrap();
    String::from_utf8(session.local_tag.to_vec()).unwrap()
}

/// Whatever happened: once the application hangs up and the peer falls silent, nothing stays.
fn finish(world: &mut World, what: &str) {
    let id = world.session.unwrap();
    world.net.hold_names = false;
    let gone = world.net.with(0, |core, now| core.hangup(now, id));
    drop(gone);
    world.net.run_for(Duration::from_secs(33));
    world.net.run_for(Duration::from_secs(66));
    world.net.run_for(Duration::from_secs(66));
    let ended = world.net.told(0).iter().filter(|event| event.starts_with("ended")).count();
    assert_eq!(ended, 1, "{what}: {:?}", world.net.told(0));
    assert!(world.net.nodes[0].core.registry().is_empty(), "{what}: a session is left: {:?}", world.state());
    assert!(world.net.nodes[0].core.transactions().is_empty(), "{what}: a transaction is left");
}
