//! What is recorded comes back, and replays.

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeSet;

use super::*;
use crate::session::{Action, Input, Row, State, StateTable};

#[test]
fn the_checksum_is_the_usual_one() {
    assert_eq!(crc32(0, b"123456789"), 0xCBF4_3926);
    assert_eq!(crc32(crc32(0, b"1234"), b"56789"), 0xCBF4_3926);
}

#[test]
fn a_recorded_run_replays() {
    let stage = sample(|recorder| recorder);
    let stats = stage.core.recording().unwrap().clone();
    let file = stage.finish();
    let trace = Trace::parse(&file).unwrap();
    let records: Vec<Record<'_>> = trace.records().map(|record| record.unwrap().1).collect();
    let kinds: BTreeSet<u8> = bodies(&file).iter().map(|body| body[0]).collect();
    // All kinds but the table (its own test) and the end by the bound.
    assert_eq!(kinds.len(), 27, "{kinds:?}");
    assert_eq!((stats.octets, stats.records), (file.len() as u64, records.len() as u64));
    assert_eq!((&stats.state, stats.missed), (&RecordingState::Running, 0));
    let replayed = replay(&trace).unwrap();
    assert_eq!(replayed.divergence, None, "{}", replayed.divergence.as_ref().unwrap());
    assert!(replayed.is_identical() && !replayed.bound_reached);
    assert_eq!(replayed.inputs, records.iter().filter(|record| record.is_input()).count() - 1);
    assert!(replayed.outputs > 15, "{replayed:?}");
    let text = replayed.ladder.to_text();
    for part in [
        "Idle > Incoming (AdmittedSilently)",
        "INVITE SDP",
        "200 OK (INVITE) SDP",
        "action: answer",
        "calls sip:bob@h",
        "refused: ",
        "[again 1]",
        "unreachable: 192.0.2.9:5060",
        "press 42*",
        "send early media",
        "hold",
        "transfer to tel:+49",
        "transfer to sip:c@h, unreported",
        "transfer to the other side of ",
        "accept the transfer",
        "reject the transfer with 603",
        "change Modification",
        "Active > Offering (Modify)",
        "shutdown",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
}

#[test]
fn what_the_reader_reads_was_written() {
    let file = sample(|recorder| recorder).finish();
    assert_eq!(reframe(bodies(&file)), file, "nothing but frames and bodies");
    let trace = Trace::parse(&file).unwrap();
    let Some(Ok((_, Record::Start { now, seed, config, .. }))) = trace.records().next() else { panic!() };
    assert_eq!((now, seed), (Instant::from_millis(5), [7; 32]));
    let expected =
        CoordinatorConfig { display_name: Some("Zoë".to_owned()), ..CoordinatorConfig::default() };
    assert_eq!(**config, expected);
    let back = trace.records().any(
        |record| matches!(record, Ok((_, Record::Unreachable { now, .. })) if now == Instant::from_millis(1)),
    );
    assert!(back, "a clock that steps back is recorded as it is");
}

#[test]
fn settings_that_came_later_come_back() {
    let trusted_sources = vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    let body_types = vec!["application/isup".to_owned()];
    let mut config = CoordinatorConfig { trusted_sources, body_types, ..CoordinatorConfig::default() };
    (config.limits.wire.body_parts_max, config.limits.wire.body_depth_max) = (5, 2);
    config.limits.trusted_sources_max = 7;
    config.peer_source = crate::api::PeerSource::SameFlow;
    config.limits.lookups_max = 8;
    config.redirect_headers = crate::api::HeaderConsent::Named(vec!["X-Account".to_owned()]);
    config.limits.lag_max = Duration::from_millis(70);
    config.limits.lookups_waiting_max = 9;
    let file = File::default();
    let core = UnifiedCoordinator::with_recorder(
        config.clone(),
        Box::new(handler()),
        [7; 32],
        Instant::ZERO,
        recorder(&file),
    );
    drop(core);
    let file = Arc::into_inner(file).unwrap().into_inner().unwrap();
    let trace = Trace::parse(&file).unwrap();
    let Some(Ok((_, Record::Start { config: read, .. }))) = trace.records().next() else { panic!() };
    assert_eq!(**read, config);
}

#[test]
fn another_seed_shows_at_the_first_output_that_differs() {
    let file = sample(|recorder| recorder).finish();
    let mut bodies: Vec<Vec<u8>> = bodies(&file).iter().map(|body| body.to_vec()).collect();
    let at = bodies[0].iter().position(|&octet| octet == 7).unwrap();
    bodies[0][at] = 8;
    let changed = reframe(bodies.iter().map(Vec::as_slice));
    let trace = Trace::parse(&changed).unwrap();
    let replayed = replay(&trace).unwrap();
    let divergence = replayed.divergence.clone().unwrap();
    // The 180 carries the first tag that is drawn.
    let first = trace.records().map(Result::unwrap).find(|(_, record)| matches!(record, Record::Sent { .. }));
    let (place, _) = first.unwrap();
    assert_eq!((divergence.record, divergence.offset), (place.number, place.offset), "{divergence}");
    assert!(divergence.expected.contains("SIP/2.0 180 Ringing"), "{divergence}");
    assert!(divergence.got.as_ref().unwrap().starts_with("Sent, different from octet "), "{divergence}");
    assert!(!replayed.is_identical());
    assert!(replayed.ladder.to_text().contains("from here on the replay differs"));
}

#[test]
fn what_is_missing_or_new_is_found() {
    let file = sample(|recorder| recorder).finish();
    let all = bodies(&file);
    let trace = Trace::parse(&file).unwrap();
    let sent = trace.records().position(|record| matches!(record, Ok((_, Record::Sent { .. })))).unwrap();
    // An output that the recording lacks: the next record is not what comes.
    let mut fewer = all.clone();
    fewer.remove(sent);
    // An output that does not come again.
    let mut more = all.clone();
    more.insert(sent, all[sent]);
    // A decision that nobody made.
    let decision = trace.records().position(|record| matches!(record, Ok((_, Record::Decision(_))))).unwrap();
    let mut undecided = all.clone();
    undecided.insert(decision + 8, all[decision]);
    for (changed, at) in [(fewer, sent), (more, sent + 1), (undecided, decision + 8)] {
        let changed = reframe(changed);
        let replayed = replay(&Trace::parse(&changed).unwrap()).unwrap();
        assert_eq!(replayed.divergence.unwrap().record, at);
    }
}

#[test]
fn a_table_of_the_applications_must_be_given() {
    const ROW: Row = Row {
        state: State::Idle,
        input: Input::AdmittedSilently,
        actions: &[Action::ArmDeadline, Action::App(1)],
        next: State::Incoming,
    };
    let mut table = StateTable::default();
    table.set(ROW);
    let mut stage = Stage::new(|recorder| recorder);
    stage.core.set_table(&table).unwrap();
    stage.feed(invite(1, ""));
    let file = stage.finish();
    let trace = Trace::parse(&file).unwrap();
    let Err(ReplayError::OtherTable { offset }) = replay(&trace) else { panic!("it takes a table") };
    let place =
        trace.records().map(Result::unwrap).find(|(_, record)| matches!(record, Record::Table { .. }));
    assert_eq!(place.unwrap().0.offset, offset);
    assert!(replay_with_table(&trace, &StateTable::default()).is_err());
    assert!(replay_with_table(&trace, &table).unwrap().is_identical());
}

/// A trace must replay and must not give a password away.
#[test]
fn a_password_is_in_no_trace_and_what_it_came_to_is() {
    for redaction in [Redaction::default(), Redaction::ALL] {
        let file = File::default();
        let credentials = Vec::from([
            crate::api::Credentials::new("alice", "top secret").for_anyone(),
            crate::api::Credentials::new("other", "pa55phrase").for_realm("other"),
        ]);
        let address_of_record = Some("sip:alice@example.com".into());
        let config = CoordinatorConfig { credentials, address_of_record, ..CoordinatorConfig::default() };
        let recorder = recorder(&file).redact(redaction);
        let now = Instant::from_millis(5);
        let core = UnifiedCoordinator::with_recorder(config, Box::new(handler()), [7; 32], now, recorder);
        let (sessions, queries, sent) = (Vec::new(), Vec::new(), Vec::new());
        let mut stage = Stage { core, file, now, sessions, queries, sent, next_port: 20_000 };
        stage.drain(usize::MAX);
        stage.core.invite(now, InviteParams::new("sip:bob@192.0.2.9")).unwrap();
        stage.drain(usize::MAX);
        let query = stage.queries.pop().unwrap();
        stage.core.handle_names(now, query, Ok(Stage::path()));
        stage.drain(usize::MAX);
        for nonce in ["n1", "n2"] {
            let invite = stage.sent.last().unwrap().clone();
            let frame = crate::wire::Frame::parse(&invite, &crate::wire::WireLimits::NONE).unwrap();
            let head = crate::wire::ReplyHead::new(&frame, frame.facts().ok().as_ref(), &Stage::path());
            let challenge = format!("Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\", stale=true");
            let headers = [("WWW-Authenticate", challenge.as_bytes())];
            stage.feed(head.respond(401, "Who", Some(b"b"), false, &headers, None));
        }
        let proof = String::from_utf8(stage.sent.last().unwrap().to_vec()).unwrap();
        assert!(proof.contains("Authorization: Digest username=\"alice\""), "{proof}");
        let headers = [("X-Line", "2")];
        let registered =
            stage.core.register_with(now, "sip:192.0.2.9", Duration::from_secs(60), &headers).unwrap();
        stage.drain(usize::MAX);
        let query = stage.queries.pop().unwrap();
        stage.core.handle_names(now, query, Ok(Stage::path()));
        stage.drain(usize::MAX);
        for (status, name, value) in
            [(401, "WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\""), (200, "Expires", "60")]
        {
            let register = stage.sent.last().unwrap().clone();
            let frame = crate::wire::Frame::parse(&register, &crate::wire::WireLimits::NONE).unwrap();
            let head = crate::wire::ReplyHead::new(&frame, frame.facts().ok().as_ref(), &Stage::path());
            stage.feed(head.respond(status, "Who", Some(b"b"), false, &[(name, value.as_bytes())], None));
        }
        stage.core.unregister(now, registered).unwrap();
        stage.drain(usize::MAX);
        let file = stage.finish();
        for word in ["top secret", "pa55phrase"] {
            assert!(!file.windows(word.len()).any(|window| window == word.as_bytes()), "{word}");
        }
        let trace = Trace::parse(&file).unwrap();
        let proofs = trace.records().filter(|record| matches!(record, Ok((_, Record::Proof(_))))).count();
        assert_eq!(proofs, 4, "two for the call, two for the registration");
        let replayed = replay(&trace).unwrap();
        assert!(replayed.is_identical(), "{:?}", replayed.divergence);
    }
}
