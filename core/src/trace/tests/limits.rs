//! The bound, sinks that fail, and what is masked.

use super::*;

#[test]
fn a_trace_never_grows_beyond_its_bound() {
    let whole = sample(|recorder| recorder).finish().len() as u64;
    for bound in (0..whole + 10).step_by(7) {
        let stage = sample(|recorder| recorder.bound(bound));
        let stats = stage.core.recording().unwrap().clone();
        let file = stage.finish();
        assert!(file.len() as u64 <= bound, "{} octets, bound {bound}", file.len());
        assert_eq!(
            stats.state,
            if bound >= whole + 6 { RecordingState::Running } else { RecordingState::Full }
        );
        if file.is_empty() {
            assert!(bound < 200, "{bound}");
            continue;
        }
        let trace = Trace::parse(&file).unwrap();
        let last = trace.records().last().unwrap().unwrap().1;
        assert_eq!(last == Record::Full, bound < whole + 6, "bound {bound}: {last:?}");
        if let Ok(replayed) = replay(&trace) {
            assert!(replayed.is_identical(), "bound {bound}: {:?}", replayed.divergence);
            assert_eq!(replayed.bound_reached, bound < whole + 6);
        }
    }
}

#[test]
fn looking_for_outputs_in_vain_is_recorded_once() {
    let mut stage = Stage::new(|recorder| recorder);
    let before = stage.file.lock().unwrap().len();
    for _ in 0..10 {
        assert!(stage.core.poll_output().is_none());
    }
    assert_eq!(stage.file.lock().unwrap().len(), before);
}

#[test]
fn a_sink_that_fails_stops_the_recording_and_nothing_else() {
    let reference = sample(|recorder| recorder).sent;
    for good in 0..20 {
        let mut calls = 0;
        let file = File::default();
        let sink = Arc::clone(&file);
        let stage = sample(|_| {
            Recorder::new(move |octets: &[u8]| {
                calls += 1;
                if calls > good {
                    assert_eq!(calls, good + 1, "asked again after it had failed");
                    return Err(SinkError("disk full".into()));
                }
                sink.lock().unwrap().extend_from_slice(octets);
                Ok(())
            })
        });
        let stats = stage.core.recording().unwrap();
        assert_eq!(stats.state, RecordingState::Failed(SinkError("disk full".into())));
        assert!(stats.missed > 20, "{stats:?}");
        assert_eq!(stage.sent, reference, "the calls go on as if nothing had happened");
        drop(stage);
        let file = file.lock().unwrap();
        if good > 0 {
            assert!(replay(&Trace::parse(&file).unwrap()).unwrap().is_identical());
        }
    }
}

fn contains(file: &[u8], text: &str) -> bool {
    file.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn no_secret_octet_reaches_the_file() {
    let plain = sample(|recorder| recorder).finish();
    assert!(contains(&plain, "53cr37") && contains(&plain, "42*"));
    assert!(contains(&plain, "Signal=7"));
    let masked = sample(|recorder| recorder.redact(Redaction::ALL)).finish();
    for secret in ["53cr37", "username", "Digest", "42*", "Signal=7"] {
        assert!(!contains(&masked, secret), "{secret}");
    }
    assert!(contains(&masked, "Authorization: xxxxxx xxxxxxxxxxxxxxx xxxxxxxxxxxxxxxxx\r\n"));
    let replayed = replay(&Trace::parse(&masked).unwrap()).unwrap();
    assert_eq!(replayed.divergence, None, "{}", replayed.divergence.as_ref().unwrap());
    assert!(replayed.is_identical());
}

#[test]
fn secrets_are_masked_however_they_are_written() {
    let mask = |text: &str| {
        let masked = Redaction::ALL.message(text.as_bytes()).into_owned();
        assert_eq!(masked.len(), text.len());
        String::from_utf8(masked).unwrap()
    };
    assert_eq!(mask("AUTHORIZATION \t:a b\r\nTo: x\r\n"), "AUTHORIZATION \t:x x\r\nTo: x\r\n");
    assert_eq!(
        mask("Proxy-Authorization: a\r\n b\r\n\tc\r\nd: e"),
        "Proxy-Authorization: x\r\n x\r\n\tx\r\nd: e"
    );
    assert_eq!(mask("Authorization: a\rb\nc"), "Authorization: x\rx\nc");
    assert_eq!(mask("X: y\rAuthorization: a\n"), "X: y\rAuthorization: x\n");
    assert_eq!(mask("Authorization: a\n b"), "Authorization: x\n x");
    assert_eq!(
        mask("a=crypto:1 AES inline:k\r\na=ice-pwd:p\r\n"),
        "a=crypto:x xxx xxxxxxxx\r\na=ice-pwd:x\r\n"
    );
    assert_eq!(
        mask("Authorizations: a\r\nAuthentication-Info:a"),
        "Authorizations: a\r\nAuthentication-Info:x"
    );
    assert_eq!(Redaction::ALL.header("authorization", "Digest é"), "xxxxxx xx");
    assert_eq!(Redaction::ALL.digits("12a#x"), "0000x");
    let info = |kind: &str, body: &str| {
        let masked = mask(&format!("INFO x\r\nContent-Type: {kind}\r\n\r\n{body}"));
        masked.split("\r\n\r\n").nth(1).unwrap().to_string()
    };
    assert_eq!(info("application/dtmf-relay", "Signal= 5\r\nDuration=5"), "Signal= 0\r\nDuration=5");
    assert_eq!(info("Application/DTMF-Relay", "Duration=5\nsignal=11\n"), "Duration=5\nsignal=10\n");
    assert_eq!(info("application/dtmf", "\r\n #\r\n"), "\r\n 0\r\n");
    assert_eq!(info("text/plain", "Signal=5"), "Signal=5");
    let off = Redaction::default();
    assert_eq!(off.message(b"Authorization: a").as_ref(), b"Authorization: a");
}
