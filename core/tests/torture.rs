//! The messages of RFC 4475 as datagrams for a coordinator: each gets the answer that the manifest demands of a user
//! agent that is no registrar.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use offhook_core::coordinator::Event;
use offhook_core::wire::{Frame, HeaderName, NameAddr, Via, WireLimits};
use support::{Desk, SECOND, Sent};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/rfc4475")
}

struct Case {
    file: String,
    bytes: Vec<u8>,
    kind: String,
    /// What the manifest allows, registrars left out.
    ua: Vec<String>,
    title: String,
}

fn cases() -> Vec<Case> {
    let manifest = fs::read_to_string(folder().join("manifest.tsv")).unwrap();
    let mut lines = manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let columns = lines.next().unwrap();
    let column = |name: &str| columns.iter().position(|&column| column == name).unwrap();
    let (file, kind, size, ua, title) =
        (column("file"), column("kind"), column("bytes"), column("ua"), column("title"));
    let case = |row: Vec<&str>| {
        let bytes = fs::read(folder().join(row[file])).unwrap();
        assert_eq!(bytes.len().to_string(), row[size], "{} was changed", row[file]);
        let ua =
            row[ua].split('|').filter(|word| !word.starts_with("registrar:")).map(String::from).collect();
        Case { file: row[file].into(), bytes, kind: row[kind].into(), ua, title: row[title].into() }
    };
    lines.map(case).collect()
}

/// Where the files are said to come from: no address in them is this one, and the port is not that of any Via.
fn source() -> SocketAddr {
    "192.0.2.77:6077".parse().unwrap()
}

/// What the coordinator made of one file.
fn outcome(desk: &mut Desk, case: &Case) -> Result<String, String> {
    desk.news();
    let events = desk.events.len();
    desk.feed_from(source(), &case.bytes);
    // Long enough for the 100 that is due if nothing else is sent, too short for a repeat.
    desk.run_for(SECOND / 4);
    let news = desk.news();
    let codes: Vec<String> = news.iter().map(|sent| sent.message.code()).collect();
    let rings = desk.events[events..].iter().any(|event| matches!(event, Event::Incoming { .. }));
    let outcome = match (codes.as_slice(), rings) {
        ([], false) => "discard".to_string(),
        ([code], true) if code == "180" || code == "100" => "normal".to_string(),
        ([code], false) if !code.starts_with('1') => code.clone(),
        _ => return Err(format!("sent {codes:?}, told {:?}", &desk.told()[events..])),
    };
    for sent in &news {
        check_response(case, sent)?;
    }
    Ok(outcome)
}

/// Whether a final response is what `normal` stands for.
fn is_normal(case: &Case, code: &str) -> bool {
    match case.kind.as_str() {
        // Its To has a tag, and there is no such dialog (RFC 3261 section 12.2.2).
        "INVITE" if case.file == "wsinv.dat" => code == "481",
        "INVITE" => matches!(code, "404" | "486" | "488"),
        _ => code == "200",
    }
}

/// A response copies what RFC 3261 section 8.2.6 says and goes where section 18.2.2 says.
fn check_response(case: &Case, sent: &Sent) -> Result<(), String> {
    let limits = WireLimits::default();
    let request =
        Frame::parse(&case.bytes, &limits).map_err(|error| format!("answered what is no SIP: {error}"))?;
    let response = Frame::parse(&sent.message.bytes, &limits).map_err(|error| format!("sent {error}"))?;
    for name in [HeaderName::CallId, HeaderName::From, HeaderName::CSeq] {
        let (asked, answered) = (request.first(name), response.first(name));
        let plain = |value: Option<&[u8]>| {
            let text = String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
            text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
        };
        if plain(asked) != plain(answered) {
            return Err(format!("{name:?} {:?} was answered with {:?}", plain(asked), plain(answered)));
        }
    }
    let vias = |frame: &Frame<'_>| frame.values(HeaderName::Via).count();
    if vias(&request) != vias(&response) {
        return Err(format!("{} Via were answered with {}", vias(&request), vias(&response)));
    }
    let to = response.first(HeaderName::To).and_then(NameAddr::parse);
    let tagged = to.is_none_or(|to| to.tag().is_some());
    if !tagged && sent.message.code() != "100" {
        return Err("no To tag".into());
    }
    if let Some(via) = request.values(HeaderName::Via).next().and_then(Via::parse) {
        let port = if via.rport.is_some() { source().port() } else { via.port.unwrap_or(5060) };
        if sent.path.remote != SocketAddr::new(source().ip(), port) {
            return Err(format!("sent to {}", sent.path.remote));
        }
    }
    let extra = sent.message.bytes.len().saturating_sub(case.bytes.len());
    if extra > 300 { Err(format!("the answer is {extra} octets larger")) } else { Ok(()) }
}

/// What is wrong with the outcome, if anything.
fn judge(case: &Case, outcome: &Result<String, String>) -> Option<String> {
    let word = match outcome {
        Ok(word) => word,
        Err(why) => return Some(why.clone()),
    };
    let fits = case.ua.iter().any(|allowed| {
        // 501 is as good as 405 for a method that is not offered.
        allowed == word
            || (allowed == "normal" && is_normal(case, word))
            || (allowed == "405" && word == "501")
            || (allowed == "501" && word == "405")
    });
    // Whatever rings must be an INVITE.
    let fits = fits && (word != "normal" || case.kind == "INVITE");
    if fits { None } else { Some(format!("{word}, not {}", case.ua.join(" or "))) }
}

/// Refuses what rings, so that nothing is left.
fn clear(desk: &mut Desk) {
    for session in desk.core.registry().ids() {
        desk.reject(session, 486);
    }
    desk.news();
}

fn table(wrong: &[(String, String, String)]) -> String {
    wrong.iter().map(|(file, title, why)| format!("{file:16} {why}\n{:16} ({title})\n", "")).collect()
}

#[test]
fn every_message_gets_the_answer_of_the_manifest() {
    let cases = cases();
    assert_eq!(cases.len(), 50);
    let mut wrong = Vec::new();
    for case in &cases {
        let mut desk = Desk::new();
        let outcome = outcome(&mut desk, case);
        let mut complain = |why: String| wrong.push((case.file.clone(), case.title.clone(), why));
        if let Some(why) = judge(case, &outcome) {
            complain(why);
        }
        let ringing = outcome.as_deref() == Ok("normal");
        if desk.core.registry().len() != usize::from(ringing) {
            complain(format!("{} sessions", desk.core.registry().len()));
        }
        clear(&mut desk);
        desk.take_an_ordinary_call("ordinary");
        desk.assert_all_gone();
    }
    assert!(wrong.is_empty(), "\n{}", table(&wrong));
}

/// One coordinator gets them all, twice over, and ordinary calls in between.
#[test]
fn one_coordinator_outlives_all_of_them() {
    let cases = cases();
    let mut desk = Desk::new();
    let mut wrong = Vec::new();
    for round in 0..2 {
        for (number, case) in cases.iter().enumerate() {
            let outcome = outcome(&mut desk, case);
            if let Some(why) = judge(case, &outcome) {
                wrong.push((case.file.clone(), case.title.clone(), format!("round {round}: {why}")));
            }
            clear(&mut desk);
            desk.take_an_ordinary_call(&format!("ordinary-{round}-{number}"));
            // Past every timer, so that the second round is no repeat of the first.
            desk.run_for(40 * SECOND);
            desk.news();
        }
    }
    assert!(wrong.is_empty(), "\n{}", table(&wrong));
    desk.assert_all_gone();
}

/// Cut short anywhere, with an octet lost or turned over: never a session for a message that was cut, never a panic.
#[test]
fn damaged_ones_do_no_harm() {
    let mut desk = Desk::new();
    for case in cases() {
        for cut in 0..case.bytes.len() {
            desk.feed_from(source(), &case.bytes[..cut]);
        }
        clear(&mut desk);
        for place in 0..case.bytes.len() {
            let mut bytes = case.bytes.clone();
            bytes[place] ^= 1 << (place % 8);
            desk.feed_from(source(), &bytes);
            bytes.remove(place);
            desk.feed_from(source(), &bytes);
            clear(&mut desk);
        }
        desk.sent.clear();
        desk.run_for(80 * SECOND);
    }
    desk.sent.clear();
    desk.take_an_ordinary_call("ordinary");
    desk.assert_all_gone();
}
