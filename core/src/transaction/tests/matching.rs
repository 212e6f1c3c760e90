//! How messages find their transaction, and what must not find one (RFC 3261 sections 17.1.3 and 17.2.3).

use alloc::format;
use alloc::string::ToString as _;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::super::key::Branch;
use super::super::table::State;
use super::super::{ClientEventKind, TxEvent};
use super::Received;
use super::{Bench, ms, path, request, request_from, response};
use crate::base::slab::Key as _;
use crate::wire::Method;

const BRANCH: &str = "z9hG4bK-there";

/// RFC 3261 section 9.2.
#[test]
fn a_cancel_finds_its_invite_and_has_a_transaction_of_its_own() {
    let mut bench = Bench::new();
    let invite = bench.new_request(&request("INVITE", BRANCH));
    let text = request("CANCEL", BRANCH);
    let Received::Cancel { cancel, invite: found } = bench.request(&text) else { panic!() };
    assert_eq!(found, Some(invite));
    assert_ne!(cancel, invite);
    assert_eq!(bench.request(&text), Received::Absorbed);
    assert!(bench.respond(cancel, 200));
    assert!(bench.respond(invite, 487));
    assert_eq!(bench.request(&text), Received::Absorbed);
    let words: Vec<_> = bench.sent().into_iter().map(|(_, word)| word).collect();
    assert_eq!(words, ["200", "487", "200"]);
    assert_eq!(bench.request(&request("ACK", BRANCH)), Received::Absorbed);
    assert_eq!(bench.state(invite), Some(State::Confirmed));
    let gone = bench.until(ms(100_000));
    assert_eq!(gone, vec![(ms(5_000), TxEvent::Gone(invite)), (ms(32_000), TxEvent::Gone(cancel))]);
}

#[test]
fn a_cancel_without_its_invite_says_so() {
    let mut bench = Bench::new();
    bench.new_request(&request("INVITE", "z9hG4bK-other"));
    bench.new_request(&request("OPTIONS", BRANCH));
    let received = bench.request(&request("CANCEL", BRANCH));
    assert!(matches!(received, Received::Cancel { invite: None, .. }), "{received:?}");
}

#[test]
fn a_cancel_that_overtakes_its_invite_does_not_swallow_it() {
    let mut bench = Bench::new();
    let received = bench.request(&request("CANCEL", BRANCH));
    assert!(matches!(received, Received::Cancel { invite: None, .. }), "{received:?}");
    bench.new_request(&request("INVITE", BRANCH));
}

/// RFC 3261 section 17.2.3.
#[test]
fn two_agents_with_one_branch_are_told_apart_by_sent_by() {
    let mut bench = Bench::new();
    let from = |method, sent_by| request_from(method, BRANCH, sent_by, "");
    let one = bench.new_request(&from("INVITE", "one.example:5060"));
    let two = bench.new_request(&from("INVITE", "two.example:5060"));
    let port = bench.new_request(&from("INVITE", "one.example:5070"));
    assert!(one != two && two != port);
    assert_eq!(bench.request(&from("INVITE", "ONE.example")), Received::Absorbed, "5060 is the default");
    assert!(bench.respond(one, 486) && bench.respond(two, 486) && bench.respond(port, 486));
    assert_eq!(bench.request(&from("ACK", "two.example:5060")), Received::Absorbed);
    assert_eq!(bench.state(one), Some(State::Completed));
    assert_eq!(bench.state(two), Some(State::Confirmed));
    assert_eq!(bench.state(port), Some(State::Completed));
    let Received::Cancel { invite, .. } = bench.request(&from("CANCEL", "one.example:5070")) else {
        panic!()
    };
    assert_eq!(invite, Some(port));
}

#[test]
fn methods_unknown_to_us_are_told_apart_by_their_text() {
    let mut bench = Bench::new();
    let one = bench.new_request(&request("ONE", BRANCH));
    let two = bench.new_request(&request("TWO", BRANCH));
    assert_ne!(one, two);
    assert_eq!(bench.request(&request("ONE", BRANCH)), Received::Absorbed);
    bench.new_request(&request("invite", BRANCH));
    bench.new_request(&request("INVITE", BRANCH));
}

#[test]
fn a_call_to_oneself_has_both_transactions_with_one_branch() {
    let mut bench = Bench::new();
    let (client, text) = bench.ask("INVITE");
    let server = bench.new_request(&text);
    assert_ne!(client, server);
    assert_eq!(bench.request(&text), Received::Absorbed);
    assert!(bench.respond(server, 180));
    let ringing = bench.last_sent();
    assert_eq!(bench.response(&ringing).unwrap().tx, client);
    let cancel = bench.cancel(client).unwrap();
    let cancel_text = bench.last_sent();
    let Received::Cancel { cancel: served, invite } = bench.request(&cancel_text) else { panic!() };
    assert_eq!(invite, Some(server));
    assert!(bench.respond(served, 200));
    let done = bench.last_sent();
    assert_eq!(bench.response(&done).unwrap().tx, cancel);
    assert!(bench.respond(server, 487));
    let terminated = bench.last_sent();
    assert_eq!(bench.response(&terminated).unwrap().kind, ClientEventKind::Failure);
    let ack = bench.last_sent();
    assert_eq!(bench.request(&ack), Received::Absorbed);
    assert_eq!(bench.state(server), Some(State::Confirmed));
    assert_eq!(bench.until(ms(100_000)).len(), 4);
    assert!(bench.layer.is_empty() && bench.layer.servers.is_empty());
}

#[test]
fn a_server_transaction_is_no_client_and_the_other_way_round() {
    let mut bench = Bench::new();
    let server = bench.new_request(&request("INVITE", BRANCH));
    let (client, _) = bench.ask("INVITE");
    assert!(!bench.respond(client, 200));
    bench.sent();
    bench.with(|layer, now, send| layer.send(now, server, path(), Bytes::from_static(b"x"), send));
    assert!(bench.sent().is_empty());
    assert_eq!(bench.layer.message(server), None);
    assert!(bench.layer.begin_cancel(bench.now, server).is_none());
    let (options, _) = bench.ask("OPTIONS");
    assert!(bench.layer.begin_cancel(bench.now, options).is_none());
}

/// RFC 3261 section 8.1.1.7.
#[test]
fn a_branch_reads_back_and_nothing_like_it_does() {
    let mut bench = Bench::new();
    let (tx, branch) = bench.layer.begin(bench.now, Method::Invite).unwrap();
    let (found, nonce) = Branch::parse(branch.as_bytes()).unwrap();
    assert_eq!(found, tx);
    assert_eq!(Branch::new(tx, nonce), branch);
    let text = branch.to_string();
    assert_eq!(text.len(), 33);
    assert!(text.starts_with("z9hG4bK"));
    let (uncooked, long) = (text.replace("z9hG4bK", "z9hG4bX"), format!("{text}0"));
    let shouted = format!("z9hG4bK{}", "!".repeat(26));
    for bad in ["", "z9hG4bK", &text[1..], &text[..32], &long, &shouted, &uncooked] {
        assert!(Branch::parse(bad.as_bytes()).is_none(), "{bad}");
    }
    let stateless = bench.layer.stateless_branch();
    assert!(Branch::parse(stateless.as_bytes()).is_none(), "no slab hands out such a key");
    assert_ne!(stateless, bench.layer.stateless_branch());
}

#[test]
fn a_response_without_the_right_nonce_is_nobodys() {
    let mut bench = Bench::new();
    let (tx, text) = bench.ask("INVITE");
    let (_, nonce) = bench
        .layer
        .begin(bench.now, Method::Invite)
        .map(|(tx, branch)| {
            bench.layer.abandon(tx);
            Branch::parse(branch.as_bytes()).unwrap()
        })
        .unwrap();
    let branch = text.split("branch=").nth(1).unwrap().lines().next().unwrap();
    let with = |other: &str| response(&text.replace(branch, other), 200, "x");
    assert_eq!(bench.response(&with(&Branch::new(tx, nonce).to_string())), None, "guessed");
    assert_eq!(bench.response(&with(BRANCH)), None, "not ours");
    let no_branch = response(&text.replace(&format!(";branch={branch}"), ""), 200, "x");
    assert_eq!(bench.response(&no_branch), None);

    // The branch of a transaction that is gone, whose slot another one has now.
    bench.layer.abandon(tx);
    let (next, _) = bench.ask("INVITE");
    assert_eq!(next.raw().slot(), tx.raw().slot());
    assert_eq!(bench.response(&with(branch)), None, "stale");
    assert_eq!(bench.layer.counters().stray, 4);
    assert_eq!(bench.state(next), Some(State::Calling));
}

/// RFC 3261 section 17.1.3.
#[test]
fn a_response_to_another_method_is_nobodys() {
    let mut bench = Bench::new();
    let (_, text) = bench.ask("INVITE");
    for method in ["BYE", "CANCEL", "ACK", "FOO"] {
        let stray = response(&text, 200, "x").replace("7 INVITE", &format!("7 {method}"));
        assert_eq!(bench.response(&stray), None, "{method}");
    }
    let (_, text) = bench.ask("BYE");
    let stray = response(&text, 200, "x").replace("7 BYE", "7 CANCEL");
    assert_eq!(bench.response(&stray), None);
    assert_eq!(bench.layer.counters().stray, 5);
}

/// RFC 3261 section 8.1.3.3.
#[test]
fn a_response_with_two_vias_is_discarded() {
    let mut bench = Bench::new();
    let (tx, text) = bench.ask("INVITE");
    let good = response(&text, 200, "x");
    let second = good.replace("\r\nFrom", "\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\nFrom");
    let comma = good.replace("\r\nFrom", ", SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\nFrom");
    assert_eq!(bench.response(&second), None);
    assert_eq!(bench.response(&comma), None);
    assert_eq!(bench.response(&good).unwrap().tx, tx);
}

/// RFC 3261 section 17.2.3.
#[test]
fn a_peer_of_rfc_2543_is_matched_by_its_headers() {
    let mut bench = Bench::new();
    let text = |method, to| request_from(method, "1", "192.0.2.2:5060", to);
    let invite = bench.new_request(&text("INVITE", ""));
    assert_eq!(bench.request(&text("INVITE", "")), Received::Absorbed);
    bench.new_request(&text("INVITE", "").replace("CSeq: 7", "CSeq: 8"));
    bench.new_request(&text("INVITE", "").replace("one@", "two@"));
    bench.new_request(&text("INVITE", "").replace("tag=f", "tag=g"));
    bench.new_request(&text("INVITE", "").replace("sip:bob@192.0.2.1 ", "sip:bo@192.0.2.1 "));
    bench.new_request(&text("INVITE", "").replace("branch=1", "branch=2"));
    let Received::Cancel { cancel, invite: found } = bench.request(&text("CANCEL", "")) else { panic!() };
    assert_eq!(found, Some(invite));
    assert!(bench.respond(cancel, 200) && bench.respond(invite, 487));

    assert_eq!(bench.request(&text("ACK", ";tag=theirs")), Received::Ack, "not the tag of our response");
    assert_eq!(bench.state(invite), Some(State::Completed));
    assert_eq!(bench.request(&text("ACK", ";tag=ours")), Received::Absorbed);
    assert_eq!(bench.state(invite), Some(State::Confirmed));
    assert_eq!(bench.request(&text("ACK", ";tag=ours")), Received::Absorbed);
}

#[test]
fn an_rfc_2543_invite_within_a_dialog_finds_its_ack() {
    let mut bench = Bench::new();
    let text = |method| request_from(method, "1", "192.0.2.2:5060", ";tag=ours").replace(";branch=1", "");
    let invite = bench.new_request(&text("INVITE"));
    assert_eq!(bench.request(&text("INVITE")), Received::Absorbed);
    assert!(bench.respond(invite, 488));
    assert_eq!(bench.request(&text("ACK")), Received::Absorbed);
    assert_eq!(bench.state(invite), Some(State::Confirmed));
}
