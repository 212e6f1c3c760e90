//! Transfers between three of ours: Alice talks to Bob and has him call Carol.

use core::time::Duration;

use super::net::Net;
use crate::base::ids::SessionId;
use crate::session::State;
use crate::signaling::CommandError;

pub(super) const ALICE: usize = 0;
pub(super) const BOB: usize = 1;
pub(super) const CAROL: usize = 2;
const SECOND: Duration = Duration::from_secs(1);

pub(super) fn three(seed: u64) -> Net {
    let mut net = Net::new(seed);
    for user in ["alice", "bob", "carol"] {
        net.add(user);
    }
    net
}

/// A call from one to another that is up; the sessions of both.
pub(super) fn talk(net: &mut Net, from: usize, to: usize) -> (SessionId, SessionId) {
    let call = net.call(from, to);
    net.run_for(SECOND);
    let taken = net.incoming(to).unwrap();
    net.with(to, |core, now| core.answer(now, taken)).unwrap();
    net.run_for(SECOND);
    assert_eq!(net.nodes[from].core.session_state(call), Some(State::Active));
    (call, taken)
}

fn address(net: &Net, node: usize) -> String {
    format!("sip:somebody@{}", net.nodes[node].address)
}

/// Everybody hangs up; nothing may be left.
fn finish(mut net: Net) {
    for node in 0..net.nodes.len() {
        for id in net.nodes[node].core.registry().ids() {
            drop(net.with(node, |core, now| core.hangup(now, id)));
        }
    }
    net.run_for(70 * SECOND);
    net.assert_all_gone();
    for node in &net.nodes {
        assert_eq!(node.core.poll_timeout(), None, "no timer is left");
    }
}

fn sessions(net: &Net) -> [usize; 3] {
    [ALICE, BOB, CAROL].map(|node| net.nodes[node].core.registry().ids().len())
}

fn last_told(net: &Net, node: usize, count: usize) -> Vec<String> {
    let told = net.told(node);
    told[told.len().saturating_sub(count)..].to_vec()
}

#[test]
fn blind_transfer() {
    let mut net = three(1);
    let (alice, bob) = talk(&mut net, ALICE, BOB);
    let target = address(&net, CAROL);
    net.wire.clear();
    net.with(ALICE, |core, now| core.transfer(now, alice, &target)).unwrap();
    net.run_for(SECOND);
    // Nothing happens without consent.
    assert_eq!(net.codes(), ["REFER", "202", "NOTIFY", "200"]);
    assert_eq!(last_told(&net, BOB, 1), [format!("asked to call {target}")]);
    let new = net.with(BOB, |core, now| core.accept_transfer(now, bob)).unwrap();
    net.run_for(SECOND);
    let carol = net.incoming(CAROL).unwrap();
    net.with(CAROL, |core, now| core.answer(now, carol)).unwrap();
    net.run_for(SECOND);
    assert_eq!(
        last_told(&net, ALICE, 5),
        ["transfer 100", "transfer 100", "transfer 180", "transfer done 200", "ended Transferred"]
    );
    assert_eq!(
        last_told(&net, BOB, 4),
        ["transfer started", "progress 180", "answered", "ended RemoteHangup"]
    );
    assert_eq!(net.nodes[BOB].core.session_state(new), Some(State::Active));
    assert_eq!(net.nodes[CAROL].core.session_state(carol), Some(State::Active));
    net.run_for(40 * SECOND);
    assert_eq!(sessions(&net), [0, 1, 1]);
    finish(net);
}

/// The callee of the first call may transfer as well, and the target may refuse: then the first call goes on.
#[test]
fn the_call_goes_on_when_the_transfer_fails() {
    let mut net = three(2);
    let (alice, bob) = talk(&mut net, ALICE, BOB);
    let target = address(&net, CAROL);
    net.with(BOB, |core, now| core.transfer(now, bob, &target)).unwrap();
    net.run_for(SECOND);
    net.with(ALICE, |core, now| core.accept_transfer(now, alice)).unwrap();
    net.run_for(SECOND);
    let carol = net.incoming(CAROL).unwrap();
    net.with(CAROL, |core, now| core.reject(now, carol, 486)).unwrap();
    net.run_for(SECOND);
    assert_eq!(last_told(&net, BOB, 1), ["transfer done 486"]);
    assert_eq!(net.nodes[BOB].core.session_state(bob), Some(State::Active));
    assert_eq!(net.nodes[ALICE].core.session_state(alice), Some(State::Active));
    // And it can be tried again: the second reports carry an id.
    net.with(BOB, |core, now| core.transfer(now, bob, "sip:nobody@nowhere.example")).unwrap();
    net.run_for(SECOND);
    net.with(ALICE, |core, now| core.accept_transfer(now, alice)).unwrap();
    net.run_for(SECOND);
    assert_eq!(last_told(&net, BOB, 1), ["transfer done 503"]);
    finish(net);
}

#[test]
fn nobody_is_transferred_who_does_not_consent() {
    let mut net = three(3);
    let (alice, bob) = talk(&mut net, ALICE, BOB);
    let target = address(&net, CAROL);
    net.with(ALICE, |core, now| core.transfer(now, alice, &target)).unwrap();
    net.run_for(SECOND);
    let not_now = net.with(ALICE, |core, now| core.transfer(now, alice, &target));
    assert!(matches!(not_now, Err(CommandError::WrongState { .. })), "{not_now:?}");
    let no_status = net.with(BOB, |core, now| core.reject_transfer(now, bob, 200));
    assert!(matches!(no_status, Err(CommandError::BadArgument { .. })), "{no_status:?}");
    net.with(BOB, |core, now| core.reject_transfer(now, bob, 603)).unwrap();
    net.run_for(SECOND);
    assert_eq!(last_told(&net, ALICE, 1), ["transfer done 603"]);
    let late = net.with(BOB, |core, now| core.accept_transfer(now, bob));
    assert!(matches!(late, Err(CommandError::WrongState { .. })), "{late:?}");
    // Whoever does not decide refuses.
    net.with(ALICE, |core, now| core.transfer(now, alice, &target)).unwrap();
    net.run_for(59 * SECOND);
    assert_eq!(last_told(&net, ALICE, 1), ["transfer 100"]);
    net.run_for(2 * SECOND);
    assert_eq!(last_told(&net, ALICE, 1), ["transfer done 603"]);
    assert_eq!(sessions(&net), [1, 1, 0]);
    finish(net);
}

/// RFC 5589 section 7, RFC 3891 section 3.
#[test]
fn attended_transfer() {
    for called_by_carol in [false, true] {
        let mut net = three(4);
        let (alice, bob) = talk(&mut net, ALICE, BOB);
        let (other, carol) = if called_by_carol {
            let (carol, other) = talk(&mut net, CAROL, ALICE);
            (other, carol)
        } else {
            talk(&mut net, ALICE, CAROL)
        };
        net.wire.clear();
        net.with(ALICE, |core, now| core.transfer_to(now, alice, other)).unwrap();
        net.run_for(SECOND);
        let new = net.with(BOB, |core, now| core.accept_transfer(now, bob)).unwrap();
        net.run_for(SECOND);
        // Carol is not asked: her application took the call already.
        let by = net.incoming(CAROL).unwrap();
        assert_ne!(by, carol);
        assert_eq!(net.nodes[CAROL].core.session_state(by), Some(State::Active));
        assert_eq!(net.nodes[BOB].core.session_state(new), Some(State::Active));
        assert!(!net.codes().contains(&"180".into()), "it does not ring: {:?}", net.ladder());
        assert_eq!(
            last_told(&net, CAROL, 5),
            ["incoming", "answered", "replaced", "ended Replaced", "confirmed"]
        );
        let told = net.told(ALICE);
        assert!(told.contains(&"ended Transferred".into()), "{told:?}");
        assert!(told.contains(&"ended RemoteHangup".into()), "{told:?}");
        net.run_for(40 * SECOND);
        assert_eq!(sessions(&net), [0, 1, 1]);
        finish(net);
    }
}

/// The target takes some time, and whoever transferred has long gone.
#[test]
fn the_target_answers_after_the_transferor_hung_up() {
    let mut net = three(5);
    let (alice, bob) = talk(&mut net, ALICE, BOB);
    let target = address(&net, CAROL);
    net.with(ALICE, |core, now| core.transfer(now, alice, &target)).unwrap();
    net.run_for(SECOND);
    let new = net.with(BOB, |core, now| core.accept_transfer(now, bob)).unwrap();
    net.run_for(SECOND);
    net.with(ALICE, |core, now| core.hangup(now, alice)).unwrap();
    net.run_for(SECOND);
    net.wire.clear();
    let carol = net.incoming(CAROL).unwrap();
    net.with(CAROL, |core, now| core.answer(now, carol)).unwrap();
    net.run_for(40 * SECOND);
    assert_eq!(net.nodes[BOB].core.session_state(new), Some(State::Active));
    assert_eq!(net.codes(), ["200", "ACK"], "nothing goes to a dialog that is no more");
    assert_eq!(net.told(ALICE).last().unwrap(), "ended LocalHangup");
    finish(net);
}

#[test]
fn refer_without_subscription() {
    let mut net = three(6);
    let (alice, bob) = talk(&mut net, ALICE, BOB);
    let target = address(&net, CAROL);
    net.wire.clear();
    net.with(ALICE, |core, now| core.transfer_unreported(now, alice, &target)).unwrap();
    // The BYE comes before the consent does.
    net.run_for(SECOND);
    assert_eq!(net.told(BOB).last().unwrap(), "ended RemoteHangup");
    let new = net.with(BOB, |core, now| core.accept_transfer(now, bob)).unwrap();
    net.run_for(SECOND);
    let carol = net.incoming(CAROL).unwrap();
    net.with(CAROL, |core, now| core.answer(now, carol)).unwrap();
    net.run_for(SECOND);
    assert!(!net.codes().contains(&"NOTIFY".into()), "{:?}", net.ladder());
    assert_eq!(last_told(&net, ALICE, 2), ["transfer done 202", "ended Transferred"]);
    assert_eq!(net.nodes[BOB].core.session_state(new), Some(State::Active));
    let again = net.with(BOB, |core, now| core.accept_transfer(now, bob));
    assert!(matches!(again, Err(CommandError::NoSuchCall)), "{again:?}");
    finish(net);
}

/// A transferor that does not wait for the consent of the other side.
#[test]
fn consent_to_one_who_has_hung_up() {
    for (wait, possible) in [(30, true), (90, false)] {
        for (asker, other) in [(ALICE, BOB), (BOB, ALICE)] {
            let mut net = three(10);
            let calls = talk(&mut net, ALICE, BOB);
            let (by, of) = if asker == ALICE { calls } else { (calls.1, calls.0) };
            let target = address(&net, CAROL);
            net.with(asker, |core, now| core.transfer(now, by, &target)).unwrap();
            net.run_for(SECOND);
            net.with(asker, |core, now| core.hangup(now, by)).unwrap();
            net.run_for(wait * SECOND);
            let new = net.with(other, |core, now| core.accept_transfer(now, of));
            assert_eq!(new.is_ok(), possible, "{new:?}");
            net.run_for(SECOND);
            assert_eq!(net.incoming(CAROL).is_some(), possible);
            assert!(
                !net.told(other).contains(&"transfer started".into()),
                "nothing is told of a call that ended"
            );
            finish(net);
        }
    }
    let mut net = three(11);
    let (alice, bob) = talk(&mut net, ALICE, BOB);
    let target = address(&net, CAROL);
    net.with(ALICE, |core, now| core.transfer(now, alice, &target)).unwrap();
    net.run_for(SECOND);
    net.with(ALICE, |core, now| core.hangup(now, alice)).unwrap();
    net.run_for(SECOND);
    net.with(BOB, |core, now| core.reject_transfer(now, bob, 603)).unwrap();
    assert!(net.with(BOB, |core, now| core.accept_transfer(now, bob)).is_err());
    finish(net);
}

/// Whatever gets lost, the three come to the same end.
#[test]
fn transfers_on_a_bad_network() {
    for seed in 0..40 {
        let mut net = three(100 + seed);
        let (alice, bob) = talk(&mut net, ALICE, BOB);
        let (other, carol) = talk(&mut net, ALICE, CAROL);
        net.faults = super::net::Faults { loss: 20, duplicate: 20, reorder: 30 };
        let sent = net.with(ALICE, |core, now| core.transfer_to(now, alice, other));
        sent.unwrap();
        let mut asked = false;
        for _ in 0..300 {
            net.run_for(Duration::from_millis(200));
            if !asked && net.told(BOB).iter().any(|event| event.starts_with("asked")) {
                asked = true;
                net.with(BOB, |core, now| core.accept_transfer(now, bob)).unwrap();
            }
        }
        net.faults = super::net::Faults::default();
        net.run_for(80 * SECOND);
        assert!(asked, "seed {seed}");
        let by = net.incoming(CAROL).unwrap();
        assert_ne!(by, carol, "seed {seed}: {:#?}", net.ladder());
        assert_eq!(net.nodes[CAROL].core.session_state(by), Some(State::Active), "seed {seed}");
        assert_eq!(
            sessions(&net),
            [0, 1, 1],
            "seed {seed}: {:?} {:?} {:?}",
            net.told(0),
            net.told(1),
            net.told(2)
        );
        finish(net);
    }
}

#[test]
fn what_cannot_be_transferred_is_refused() {
    let mut net = three(7);
    let (alice, _) = talk(&mut net, ALICE, BOB);
    for target in [
        "http://h/",
        "mailto:a@h",
        "",
        "sip:",
        "sip:b@h\r\nEvil: yes",
        "sip:b@h>;x=<y",
        "sip:b@h?Subject=x",
        "tel:+1 2",
    ] {
        let refused = net.with(ALICE, |core, now| core.transfer(now, alice, target));
        assert!(matches!(refused, Err(CommandError::BadArgument { .. })), "{target}: {refused:?}");
    }
    let homeless = net.with(ALICE, |core, now| core.transfer(now, alice, "bob"));
    assert!(matches!(homeless, Err(CommandError::NoDomain { .. })), "{homeless:?}");
    let same = net.with(ALICE, |core, now| core.transfer_to(now, alice, alice));
    assert!(matches!(same, Err(CommandError::BadArgument { .. })), "{same:?}");
    let ringing = net.call(ALICE, CAROL);
    net.run_for(SECOND);
    for refused in [
        net.with(ALICE, |core, now| core.transfer(now, ringing, "sip:b@h")),
        net.with(ALICE, |core, now| core.transfer_to(now, alice, ringing)),
        net.with(ALICE, |core, now| core.transfer_to(now, ringing, alice)),
        net.with(ALICE, |core, now| core.reject_transfer(now, alice, 603)),
    ] {
        assert!(matches!(refused, Err(CommandError::WrongState { .. })), "{refused:?}");
    }
    finish(net);
}

/// A call that cannot be placed is a transfer that failed.
#[test]
fn consent_without_room() {
    let mut net = Net::new(8);
    let mut small = crate::api::CoordinatorConfig::default();
    small.limits.sessions_max = 1;
    net.add("alice");
    net.add_with(small, Box::new(crate::signaling::DefaultSignalingHandler));
    net.add("carol");
    let (alice, bob) = talk(&mut net, ALICE, BOB);
    let target = address(&net, CAROL);
    net.with(ALICE, |core, now| core.transfer(now, alice, &target)).unwrap();
    net.run_for(SECOND);
    let full = net.with(BOB, |core, now| core.accept_transfer(now, bob));
    assert!(matches!(full, Err(CommandError::Full { .. })), "{full:?}");
    net.run_for(SECOND);
    assert_eq!(last_told(&net, ALICE, 1), ["transfer done 503"]);
    finish(net);
}

/// The phone rings here, and the call is picked up there.
#[test]
fn replaces_of_an_early_dialog() {
    let mut net = three(9);
    // Alice calls Bob, whose phone rings; Carol picks the call up.
    net.call(ALICE, BOB);
    net.run_for(SECOND);
    let bob = net.incoming(BOB).unwrap();
    let ids = |net: &Net| {
        let registry = net.nodes[BOB].core.registry();
        let dialog = registry.dialog(registry.dialogs_of(bob)[0]).unwrap();
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
        let ours = text(&registry.session(bob).unwrap().local_tag);
        (text(dialog.call_id()), text(dialog.remote_tag()), ours)
    };
    let (call_id, alices, bobs) = ids(&net);
    let target = address(&net, ALICE);
    let value = format!("{call_id};to-tag={alices};from-tag={bobs};early-only");
    let headers = [("Replaces", value.as_str())];
    let params = crate::api::InviteParams { headers: &headers, ..crate::api::InviteParams::new(&target) };
    net.wire.clear();
    let carol = net.with(CAROL, |core, now| core.invite(now, params)).unwrap();
    net.run_for(SECOND);
    assert_eq!(net.nodes[CAROL].core.session_state(carol), Some(State::Active));
    assert_eq!(net.codes(), ["INVITE", "200", "CANCEL", "ACK", "200", "487", "ACK"]);
    assert_eq!(last_told(&net, BOB, 1), ["ended Cancelled 487"]);
    let told = net.told(ALICE);
    assert!(told.contains(&"replaced".into()) && told.contains(&"ended Replaced 487".into()), "{told:?}");
    finish(net);
}
