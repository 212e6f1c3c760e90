//! Each rule of the audit fires when what it guards is broken by hand.

use super::peer::{SDP, World, peer};
use crate::adapter::{Owner, Parked};
use crate::coordinator::UnifiedCoordinator;
use crate::dialog::Waiting;
use crate::session::{Input, Provisional, SessionTimer, State};
use crate::transaction::table::Kind;
use crate::wire::method::Method;

/// Breaks something in a sound world and expects to be told so.
#[track_caller]
fn fires(
    rule: &str,
    world: World,
    corrupt: impl FnOnce(&mut UnifiedCoordinator, crate::base::ids::SessionId),
) {
    let mut world = world;
    let id = world.session.unwrap();
    let core = &mut world.net.nodes[0].core;
    assert_eq!(core.audit(), Ok(()), "before");
    corrupt(core, id);
    match core.audit() {
        Err(violation) => assert_eq!(violation.rule, rule, "{violation}"),
        Ok(()) => panic!("nobody noticed: {rule}"),
    }
}

fn active() -> World {
    let mut world = World::calling();
    world.respond(200, "one", Some(SDP));
    world
}

fn answered() -> World {
    let mut world = World::called(false, Some(SDP));
    world.answer();
    world
}

#[test]
fn the_registry_is_a_bijection() {
    fires("a session's tag names it", active(), |core, id| {
        core.board.registry.session_mut(id).unwrap().local_tag = [b'a'; 26];
    });
    fires("a session's dialogs exist and are its own", active(), |core, id| {
        let dialog = core.board.registry.dialogs_of(id)[0];
        core.board.registry.remove_dialog(dialog);
        core.board.registry.session_mut(id).unwrap().dialogs.push(dialog);
    });
    fires("a session lists a dialog once", active(), |core, id| {
        let session = core.board.registry.session_mut(id).unwrap();
        let dialog = session.dialogs[0];
        session.dialogs.push(dialog);
    });
    fires("the dialog of a call is one of its dialogs", active(), |core, id| {
        core.board.registry.session_mut(id).unwrap().dialogs.clear();
    });
    fires("a session's media stream exists and is its own", active(), |core, id| {
        let media = core.board.registry.media_of(id).unwrap();
        core.board.registry.remove_media(media);
    });
    fires("a dialog has a session or a subscription", World::calling(), |core, id| {
        let frame = crate::wire::Frame::parse(RINGING, &Default::default()).unwrap();
        let facts = frame.facts().unwrap();
        let path = crate::wire::Path::udp(peer(), peer());
        let made = crate::dialog::Dialog::from_response(id, &frame, &facts, path, &Default::default(), 9);
        core.board.registry.add_dialog(made.unwrap()).unwrap();
        core.board.registry.session_mut(id).unwrap().dialogs.clear();
    });
    fires("a media stream has a session", active(), |core, id| {
        core.board.registry.mint_media(id).unwrap();
    });
}

const RINGING: &[u8] = b"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 10.0.0.1\r\nFrom: <sip:a@a>;tag=a\r\n\
    To: <sip:b@b>;tag=b\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n";

#[test]
fn sessions_are_whole() {
    fires("a call that is up has a dialog and media", active(), |core, id| {
        core.board.registry.session_mut(id).unwrap().dialog = None;
    });
    fires("a call has media until it is over", World::calling(), |core, id| {
        let media = core.board.registry.session_mut(id).unwrap().media.take().unwrap();
        core.board.registry.remove_media(media.id);
    });
    fires("the end is told when it comes", active(), |core, id| {
        core.board.registry.session_mut(id).unwrap().end_told = true;
    });
    fires("a session that is over waits for an INVITE only", active(), |core, id| {
        let session = core.board.registry.session_mut(id).unwrap();
        (session.state, session.end_told, session.invite) = (State::Terminated, true, None);
        let media = session.media.take().unwrap();
        core.board.registry.remove_media(media.id);
    });
    fires("the INVITE of a session works for it", active(), |core, id| {
        let invite = core.board.registry.session(id).unwrap().invite.unwrap();
        core.board.owners.remove(invite);
    });
}

#[test]
fn timers_are_of_the_living() {
    fires("a timer is of a live session", World::calling(), |core, id| {
        core.board.registry.session_mut(id).unwrap().timers = [None; 8];
    });
    fires("a session's timer is armed", World::calling(), |core, id| {
        let key = core.board.registry.session(id).unwrap().timers[SessionTimer::Patience as usize].unwrap();
        core.board.timers.cancel(key);
    });
    fires("a timer is of a live transaction", World::calling(), |core, _| {
        let layer = &mut core.board.layer;
        let tx = layer.of_kind(Kind::ClientInvite).next().unwrap().0;
        layer.transactions.get_mut(tx).unwrap().repeat = None;
    });
    fires("a transaction's timer is armed", World::calling(), |core, _| {
        let layer = &mut core.board.layer;
        let tx = layer.of_kind(Kind::ClientInvite).next().unwrap().0;
        let key = layer.transactions.get(tx).unwrap().end.unwrap();
        layer.timers.cancel(key);
    });
    fires("a transaction that waits for nobody ends by itself", World::calling(), |core, _| {
        let layer = &mut core.board.layer;
        let tx = layer.of_kind(Kind::ClientInvite).next().unwrap().0;
        let key = layer.transactions.get_mut(tx).unwrap().end.take().unwrap();
        layer.timers.cancel(key);
    });
    fires("every transaction ends", World::called(false, Some(SDP)), |core, id| {
        for timer in [SessionTimer::Patience, SessionTimer::AnswerRepeat] {
            core.board.disarm(id, timer);
        }
    });
}

#[test]
fn transactions_are_found_and_owned() {
    fires("what is over is gone", World::calling(), |core, _| {
        let layer = &mut core.board.layer;
        let tx = layer.of_kind(Kind::ClientInvite).next().unwrap().0;
        layer.transactions.get_mut(tx).unwrap().state = crate::transaction::table::State::Terminated;
    });
    fires("a server transaction can be found", answered(), |core, _| {
        core.board.layer.servers = Default::default();
    });
    fires("an index holds live transactions only", answered(), |core, _| {
        let layer = &mut core.board.layer;
        let tx = layer.of_kind(Kind::ServerInvite).next().unwrap().0;
        let digest = layer.digests.digest(&[b"nobody"]);
        layer.servers.insert(digest, tx);
    });
    fires("who waits for a remote is in its list", World::calling(), |core, _| {
        let layer = &mut core.board.layer;
        let tx = layer.of_kind(Kind::ClientInvite).next().unwrap().0;
        layer.unwatch_remote(tx);
    });
    fires("the list of a remote is linked both ways", World::calling(), |core, _| {
        core.board.layer.remotes = Default::default();
    });
    fires("who has an owner lives", answered(), |core, _| {
        let (tx, _) = core.board.layer.begin(crate::base::time::Instant::ZERO, Method::Bye).unwrap();
        core.board.layer.abandon(tx);
        core.board.owners.insert(tx, Owner::Nobody);
    });
    fires("a merged copy of an INVITE would be found", answered(), |core, _| {
        core.board.merged = Default::default();
    });
    fires("what came of a request keeps its copies away", answered(), |core, id| {
        let session = core.board.registry.session(id).unwrap();
        core.board.merged.add(session.merged.unwrap(), session.invite.unwrap());
    });
    fires("merged INVITEs are live ones", answered(), |core, id| {
        let invite = core.board.registry.session(id).unwrap().invite.unwrap();
        let digest = core.board.digests.digest(&[b"gone"]);
        core.board.merged.add(digest, invite);
    });
    fires("our INVITE is waited for until it has its outcome", World::calling(), |core, id| {
        core.board.registry.session_mut(id).unwrap().invite = None;
    });
    let mut hung_up = active();
    hung_up.hangup();
    fires("a request under way works for somebody", hung_up, |core, _| {
        let bye = core.board.layer.of_kind(Kind::ClientOther).next().unwrap().0;
        core.board.owners.remove(bye);
    });
}

#[test]
fn who_waits_has_asked() {
    fires("who waits for an address has asked once", World::resolving(), |core, _| {
        let query = core.board.parked.iter().next().unwrap().0;
        core.board.parked.remove(query);
    });
    fires("who waits for an address has asked once", active(), |core, id| {
        let dialog = core.board.registry.dialogs_of(id)[0];
        core.board.parked.insert(Parked::Dialog(dialog)).unwrap();
    });
    fires("what waits for an address is not sent", active(), |core, id| {
        let invite = core.board.registry.session(id).unwrap().invite;
        let dialog = core.board.registry.dialogs_of(id)[0];
        core.board.parked.insert(Parked::Dialog(dialog)).unwrap();
        let waiting = Waiting { transaction: invite, message: Default::default() };
        core.board.registry.dialog_mut(dialog).unwrap().waiting.push(waiting);
    });
}

#[test]
fn shares_and_bounds_are_kept() {
    fires("shares are those of live calls", answered(), |core, id| {
        core.board.registry.session_mut(id).unwrap().source = None;
    });
    fires("shares are those of live subscriptions", active(), |core, _| {
        let source = core.board.digests.digest(&[b"nobody"]);
        core.board.subscribers.charge(source);
    });
    fires("a port has one user", active(), |core, id| {
        let port = core.board.registry.session(id).unwrap().media.as_ref().unwrap().port;
        core.board.ports.push_back(port.unwrap());
    });
    fires("nothing is left to follow", active(), |core, id| {
        core.board.follow_ups.push_back((id, Input::Hangup));
    });
    fires("bounds are kept", active(), |core, _| core.board.config.limits.sessions_max = 0);
    fires("bounds are kept", answered(), |core, _| core.board.layer.budget.servers_max = 0);
}

#[test]
fn provisional_responses_are_seen_through() {
    let early = || {
        let mut world = World::called_reliably(false, Some(SDP));
        world.command(|core, now, id| core.progress(now, id, true));
        world
    };
    let rule = "a reliable response is sent again until its PRACK comes or the time is up";
    fires(rule, early(), |core, id| core.board.disarm(id, SessionTimer::AnswerRepeat));
    fires(rule, early(), |core, id| core.board.disarm(id, SessionTimer::GiveUp));
    let mut pending = early();
    pending.answer();
    fires("an answer waits for a PRACK or an UPDATE only", pending, |core, id| {
        core.board.registry.session_mut(id).unwrap().provisional = None;
    });
    fires("what was acknowledged is not kept after the answer", answered(), |core, id| {
        let sent = Provisional {
            rseq: 1,
            cseq: 100,
            waits: false,
            described: true,
            repeats: 0,
            next: None,
            answer_headers: Vec::new(),
        };
        core.board.registry.session_mut(id).unwrap().provisional = Some(sent.into());
    });
    fires("a dialog that lasts is not early", active(), |core, id| {
        let dialog = core.board.registry.dialogs_of(id)[0];
        core.board.registry.dialog_mut(dialog).unwrap().early = Some(Default::default());
    });
}
