//! Files that are cut, changed or made up.

use super::*;

/// A trace of some hundred octets with records of several kinds.
fn small() -> Vec<u8> {
    let mut stage = Stage::new(|recorder| recorder);
    stage.feed(request("OPTIONS", 1, "", "", ""));
    stage.pass(Duration::from_secs(1));
    stage.finish()
}

#[test]
fn a_file_cut_anywhere_is_read_up_to_its_last_whole_record() {
    let file = small();
    let trace = Trace::parse(&file).unwrap();
    let mut ends: Vec<usize> = trace.records().map(|record| record.unwrap().0.offset).collect();
    ends.push(file.len());
    assert!(replay(&trace).unwrap().is_identical());
    for cut in 0..file.len() {
        let part = &file[..cut];
        let trace = match Trace::parse(part) {
            Ok(trace) => trace,
            Err(error) => {
                assert!(cut < HEADER_LEN, "{cut}: {error}");
                assert_eq!(error.offset, cut);
                assert!(cut == 0 || error.fault == TraceFault::Cut, "{cut}: {error}");
                continue;
            }
        };
        let whole = ends.iter().filter(|&&end| end <= cut).count().saturating_sub(1);
        let records: Vec<_> = trace.records().collect();
        assert_eq!(records.iter().filter(|record| record.is_ok()).count(), whole, "{cut}");
        let expected =
            (ends[whole] != cut).then_some(TraceError { offset: ends[whole], fault: TraceFault::Cut });
        assert_eq!(records.last().and_then(|record| record.as_ref().err().copied()), expected, "{cut}");
        match replay(&trace) {
            Ok(replayed) => {
                assert_eq!(replayed.divergence, None, "{cut}");
                assert_eq!(replayed.damage, expected);
            }
            Err(ReplayError::Trace(error)) => assert_eq!(Some(error), expected),
            Err(error) => assert_eq!((error, whole), (ReplayError::Empty, 0)),
        }
    }
}

#[test]
fn a_change_of_any_octet_is_found() {
    let file = small();
    let records = |file: &[u8]| -> Result<usize, (usize, TraceError)> {
        let trace = Trace::parse(file).map_err(|error| (0, error))?;
        let mut good = 0;
        for record in trace.records() {
            record.map_err(|error| (good, error))?;
            good += 1;
        }
        Ok(good)
    };
    let ends: Vec<usize> = Trace::parse(&file).unwrap().records().map(|r| r.unwrap().0.offset).collect();
    for at in 0..file.len() {
        for change in [1_u8, 0x80, 0xFF] {
            let mut changed = file.clone();
            changed[at] ^= change;
            let (good, error) = records(&changed).expect_err("it was changed");
            let last = ends.iter().rposition(|&end| end <= at).unwrap_or(0);
            assert_eq!(good, last, "octet {at} ^ {change}: {error}");
            assert!(error.offset <= at, "octet {at} ^ {change}: {error}");
            if at >= HEADER_LEN {
                assert_eq!(error.offset, ends[last]);
            }
            if let Ok(trace) = Trace::parse(&changed)
                && let Ok(replayed) = replay(&trace)
            {
                assert_eq!(replayed.damage, Some(error));
            }
        }
    }
}

#[test]
fn records_can_not_be_taken_out_or_moved() {
    let file = small();
    let places: Vec<usize> = Trace::parse(&file).unwrap().records().map(|r| r.unwrap().0.offset).collect();
    let mut shorter = file.clone();
    shorter.drain(places[2]..places[3]);
    let error = Trace::parse(&shorter).unwrap().records().find_map(Result::err).unwrap();
    assert_eq!(error, TraceError { offset: places[2], fault: TraceFault::Checksum });
}

#[test]
fn a_future_version_says_what_it_is() {
    let mut file = small();
    file[MAGIC.len()] = VERSION + 1;
    let error = Trace::parse(&file).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("offset 8: the trace has version {}; this build reads up to version {VERSION}", VERSION + 1)
    );
    for (bytes, offset) in [(&b"RIFF"[..], 0), (b"", 0), (b"\x89OFFHOOX\x01", 0)] {
        assert_eq!(Trace::parse(bytes).unwrap_err(), TraceError { offset, fault: TraceFault::NotATrace });
    }
}

#[test]
fn a_made_up_trace_does_not_fill_the_memory() {
    let mut stage = Stage::new(|recorder| recorder);
    // The second of them rings.
    for number in [1, 2, 2] {
        stage.core.handle_datagram(stage.now, Stage::path(), invite(number, "").as_bytes());
    }
    let file = stage.finish();
    let mut all = bodies(&file);
    // A request that comes again and again is answered each time, and nobody takes the answers.
    all.extend(core::iter::repeat_n(all[all.len() - 1], 70_000));
    let file = reframe(all);
    let replayed = replay(&Trace::parse(&file).unwrap()).unwrap();
    let what = "more outputs wait than any loop leaves behind";
    assert_eq!(replayed.damage.map(|damage| damage.fault), Some(TraceFault::Impossible(what)));
}

#[test]
fn impossible_records_are_told_apart() {
    let file = small();
    let start = bodies(&file)[0];
    let fault = |bodies: &[&[u8]]| {
        let file = reframe(bodies.iter().copied());
        let records: Vec<_> = Trace::parse(&file).unwrap().records().collect();
        match records.last() {
            Some(Err(TraceError { fault: TraceFault::Impossible(what), .. })) => *what,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(fault(&[&[3, 0]]), "a start is the first record and no other");
    assert_eq!(fault(&[start, start]), "a start is the first record and no other");
    assert_eq!(fault(&[start, &[]]), "a value ends too early");
    assert_eq!(fault(&[start, &[99]]), "no kind of record");
    assert_eq!(fault(&[start, &[50, 0]]), "more octets than the record has values");
    // An INVITE with 2^63 headers takes no memory.
    assert_eq!(
        fault(&[start, &[10, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]]),
        "no number"
    );
    assert_eq!(fault(&[start, &[3, 0x80, 0]]), "no number", "not the shortest form");
    // A record that claims to be longer than any.
    let mut huge = reframe([start]);
    write_varint(&mut huge, u64::MAX);
    let error = Trace::parse(&huge).unwrap().records().find_map(Result::err).unwrap();
    assert_eq!(error.fault, TraceFault::Impossible("a record longer than any"));
}
