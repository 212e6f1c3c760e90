//! Any run replays, and no file does harm.

use proptest::prelude::*;

use super::*;
use crate::api::QueryId;
use crate::base::slab::{Key as _, RawKey};

/// Something to tell a coordinator.
#[derive(Clone, Debug)]
enum Told {
    Invite(u8),
    Request(&'static str, u8),
    /// A message of its own comes back to it, with one octet changed.
    Echo(u8, u16, u8),
    Noise(Vec<u8>),
    Pass(u32),
    Lag(u32),
    Back(u32),
    Call(bool),
    Command(u8, u8),
    Name(u8, bool),
    Unreachable,
    Failed(u8),
    NoPorts,
    PortsMax(u8),
    Drain(u8),
    Shutdown,
    WindDown,
    CutShort,
}

fn told() -> impl Strategy<Value = Told> {
    prop_oneof![
        4 => (0..6_u8).prop_map(Told::Invite),
        3 => (prop::sample::select(vec!["ACK", "BYE", "CANCEL", "OPTIONS", "INFO"]), 0..6_u8)
            .prop_map(|(method, number)| Told::Request(method, number)),
        3 => (any::<u8>(), any::<u16>(), any::<u8>()).prop_map(|(n, at, xor)| Told::Echo(n, at, xor)),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Told::Noise),
        4 => (0..20_000_u32).prop_map(Told::Pass),
        2 => (0..600_u32).prop_map(Told::Lag),
        1 => (0..20_000_u32).prop_map(Told::Back),
        3 => any::<bool>().prop_map(Told::Call),
        8 => (0..11_u8, 0..8_u8).prop_map(|(command, session)| Told::Command(command, session)),
        3 => (0..4_u8, any::<bool>()).prop_map(|(query, found)| Told::Name(query, found)),
        1 => Just(Told::Unreachable),
        1 => any::<u8>().prop_map(Told::Failed),
        1 => Just(Told::NoPorts),
        1 => (0..8_u8).prop_map(Told::PortsMax),
        6 => (0..12_u8).prop_map(Told::Drain),
        1 => Just(Told::Shutdown),
        1 => Just(Told::WindDown),
        1 => Just(Told::CutShort),
    ]
}

fn tell(stage: &mut Stage, told: &Told) {
    let (now, path) = (stage.now, Stage::path());
    let core = &mut stage.core;
    let old = |list: &[bytes::Bytes], n: u8| {
        list.get(usize::from(n) % list.len().max(1)).cloned().unwrap_or_default()
    };
    match told {
        Told::Invite(number) => core.handle_datagram(now, path, invite((*number).into(), "").as_bytes()),
        Told::Request(method, number) => {
            core.handle_datagram(now, path, request(method, (*number).into(), "", "", "").as_bytes());
        }
        Told::Echo(n, at, xor) => {
            let mut message = old(&stage.sent, *n).to_vec();
            let len = message.len().max(1);
            message.iter_mut().skip(usize::from(*at) % len).take(1).for_each(|octet| *octet ^= xor);
            core.handle_datagram(now, path, &message);
        }
        Told::Noise(bytes) => core.handle_datagram(now, path, bytes),
        Told::Pass(millis) => {
            stage.now = now + Duration::from_millis((*millis).into());
            core.handle_timeout(stage.now);
        }
        Told::Lag(millis) => core.handle_lag(now, Duration::from_millis((*millis).into())),
        Told::Back(nanos) => {
            core.handle_timeout(Instant::from_nanos(now.as_nanos().saturating_sub((*nanos).into())))
        }
        Told::Call(named) => {
            let target = if *named { "sip:bob@h" } else { "sip:bob@192.0.2.9" };
            stage.sessions.extend(core.invite(now, InviteParams::new(target)).ok());
        }
        Told::Command(command, session) => {
            let stranger = SessionId::from_raw(RawKey::from_parts(3, 1).unwrap());
            let session = stage.sessions.get(usize::from(*session)).copied().unwrap_or(stranger);
            let outcome = match command {
                0 => core.ring(now, session),
                1 => core.answer(now, session),
                2 => core.reject(now, session, 486),
                3 => core.hangup(now, session),
                4 => core.send_dtmf(now, session, "12"),
                5 => core.hold(now, session),
                6 => core.resume(now, session),
                7 => core.modify(now, session, crate::api::Modification::default()),
                8 => core.transfer(now, session, "sip:c@h"),
                9 => core.accept_transfer(now, session).map(drop),
                _ => core.set_tag(session, UserTag(1)),
            };
            drop(outcome);
        }
        Told::Name(query, found) => {
            let stranger = QueryId::from_raw(RawKey::from_parts(1, 9).unwrap());
            let query = stage.queries.get(usize::from(*query)).copied().unwrap_or(stranger);
            core.handle_names(now, query, if *found { Ok(path) } else { Err(NameFailure("no".into())) });
        }
        Told::Unreachable => core.handle_unreachable(now, path),
        Told::Failed(n) => {
            let payload = old(&stage.sent, *n);
            core.handle_send_failed(now, &crate::wire::path::Transmit { path, payload });
        }
        Told::NoPorts => core.media_ports_exhausted(),
        Told::PortsMax(pairs) => core.set_media_ports_max((*pairs).into()),
        Told::Drain(count) => stage.drain((*count).into()),
        Told::Shutdown => core.shutdown(now),
        Told::WindDown => core.drain(now),
        Told::CutShort => core.cut_short(now),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_run_replays(run in prop::collection::vec(told(), 0..60), redacted in any::<bool>()) {
        let redaction = if redacted { Redaction::ALL } else { Redaction::default() };
        let mut stage = Stage::new(|recorder| recorder.redact(redaction));
        run.iter().for_each(|told| tell(&mut stage, told));
        let file = stage.finish();
        let replayed = replay(&Trace::parse(&file).unwrap()).unwrap();
        prop_assert!(replayed.is_identical(), "{}", replayed.divergence.unwrap());
    }

    #[test]
    fn no_octets_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut file = reframe([]);
        file.extend_from_slice(&bytes);
        for file in [&bytes, &file] {
            if let Ok(trace) = Trace::parse(file) {
                replay(&trace).ok();
            }
        }
    }

    /// The same behind right checksums: made-up records, and good ones with changed octets.
    #[test]
    fn no_records_do_harm(
        made_up in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
        changes in prop::collection::vec((any::<u16>(), any::<u16>(), any::<u8>()), 0..8),
    ) {
        let file = sample(|recorder| recorder).finish();
        let mut bodies: Vec<Vec<u8>> = bodies(&file).iter().map(|body| body.to_vec()).collect();
        for (which, at, octet) in changes {
            let which = usize::from(which) % bodies.len();
            let len = bodies[which].len();
            bodies[which][usize::from(at) % len] = octet;
        }
        bodies.extend(made_up);
        let file = reframe(bodies.iter().map(Vec::as_slice));
        let trace = Trace::parse(&file).unwrap();
        if let Ok(replayed) = replay(&trace) {
            let page = replayed.ladder.to_html();
            prop_assert!(!page.contains("<script"));
        }
    }
}
