//! Real calls, recorded once, replayed for ever: the coordinator does today what it did then, octet for octet.
//!
//! The traces in `tests/traces` are calls between the phone and sipp. When the format changes, or the behaviour on
//! purpose, record them anew and look at the ladders that come with them:
//!
//! ```text
//! cargo build --release --examples && tests/peers/record_traces.py
//! ```
#![allow(clippy::unwrap_used, reason = "tests")]

use offhook_core::trace::{Record, Trace, replay};

fn check(trace: &[u8], ladder: &str, heard: &[&str]) {
    let trace = Trace::parse(trace).unwrap();
    let replayed = replay(&trace).unwrap();
    if let Some(divergence) = &replayed.divergence {
        panic!("{divergence}\n{}", replayed.ladder.to_text());
    }
    assert!(replayed.is_identical(), "{:?}", replayed.damage);
    assert_eq!(replayed.ladder.to_text(), ladder, "the ladder has changed:\n{}", replayed.ladder.to_text());
    let records: Vec<Record<'_>> = trace.records().map(|record| record.unwrap().1).collect();
    let from_sipp: Vec<String> = records
        .iter()
        .filter_map(|record| match record {
            Record::Datagram { bytes, .. } => Some(String::from_utf8_lossy(bytes)),
            _ => None,
        })
        .map(|message| message.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .map(|start| start.split(" sip:").next().unwrap().to_string())
        .collect();
    assert_eq!(from_sipp, heard);
}

#[test]
fn a_call_from_sipp() {
    let ladder = include_str!("traces/sipp_taken.txt");
    check(include_bytes!("traces/sipp_taken.trace"), ladder, &["INVITE", "ACK", "BYE"]);
}

#[test]
fn a_call_to_sipp() {
    let ladder = include_str!("traces/sipp_made.txt");
    let heard = ["SIP/2.0 180", "SIP/2.0 200", "SIP/2.0 200"];
    check(include_bytes!("traces/sipp_made.trace"), ladder, &heard);
}
