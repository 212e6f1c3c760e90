//! Ways through the worlds, told from the beginning: to the checker of the wire, and to people.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::parties::{LetterId, address};
use super::search::{Found, Search, Step};
use crate::base::time::Instant;
use crate::ladder::{Fate, Ladder};
use crate::sim::check::WireChecker;
use crate::wire::frame::{Frame, StartLine};
use crate::wire::limits::WireLimits;

pub(super) const NAMES: [&str; 2] = ["caller", "callee"];

fn name(party: usize) -> &'static str {
    NAMES.get(party).copied().unwrap_or_default()
}

/// What goes over the wire on the first way to each world must be allowed. Ways share their beginnings, and so do the
/// checkers.
pub(super) fn check_wire(search: &Search<'_>) -> Result<(), Found> {
    // Where the worlds begin that were first reached from each.
    let mut nexts: Vec<u32> = Vec::new();
    for visit in 1..search.len() {
        let (from, ..) = search.way(visit).unwrap_or((0, Step::Act(0), Instant::ZERO));
        while nexts.len() <= from as usize {
            nexts.push(visit);
        }
    }
    nexts.resize(search.len() as usize + 1, search.len());
    let mut first: Option<Found> = None;
    let checker = WireChecker::new().byes_early(search.worlds.byes_early);
    let mut open = Vec::from([(0u32, checker)]);
    while let Some((at, mut checker)) = open.pop() {
        if first.as_ref().is_some_and(|(_, found)| *found <= at) {
            continue;
        }
        if let Err(what) = hear(search, at, &mut checker) {
            first = Some((what, at));
            continue;
        }
        let (Some(&begin), Some(&end)) = (nexts.get(at as usize), nexts.get(at as usize + 1)) else {
            continue;
        };
        open.extend((begin + 1..end).map(|next| (next, checker.clone())));
        if begin < end {
            open.push((begin, checker));
        }
    }
    first.map_or(Ok(()), Err)
}

/// Tells the checker of the last step to a world.
fn hear(search: &Search<'_>, at: u32, checker: &mut WireChecker) -> Result<(), String> {
    let Some((_, step, now)) = search.way(at) else { return Ok(()) };
    if let Step::Deliver(letter, _) | Step::Double(letter, _) = step {
        let (to, bytes) = search.letters().get(letter);
        checker.delivered(now, address(to), &bytes);
    }
    if let Some((party, sent)) = sent(search, at, step) {
        for letter in sent {
            let (to, bytes) = search.letters().get(letter);
            let verdict = checker.saw(now, address(party), address(to), &bytes);
            verdict.map_err(|violation| violation.to_string())?;
        }
    }
    if search.is_end(at) {
        checker.end().map_err(|violation| violation.to_string())?;
    }
    Ok(())
}

/// Who had an input by the last step to a world, and what it sent.
fn sent(search: &Search<'_>, at: u32, step: Step) -> Option<(usize, Vec<LetterId>)> {
    let party = match step {
        Step::Act(party) | Step::Fire(party) => party,
        Step::Deliver(letter, _) | Step::Double(letter, _) => search.letters().get(letter).0,
        Step::Lose(..) => return None,
    };
    let history = *search.histories(at).get(party)?;
    Some((party, search.parties().get(party)?.get(history).sent.clone()))
}

/// The steps to a world in words, and drawn.
pub(super) fn tell(search: &Search<'_>, at: u32) -> (Vec<String>, String) {
    let mut visits = Vec::from([at]);
    let mut back = at;
    while let Some((from, ..)) = search.way(back) {
        visits.push(from);
        back = from;
    }
    visits.reverse();
    let mut ladder = Ladder::new();
    for party in 0..2 {
        ladder.party(&address(party).to_string(), name(party));
    }
    let mut steps = Vec::new();
    for pair in visits.windows(2) {
        let &[before, after] = pair else { continue };
        let Some((_, step, now)) = search.way(after) else { continue };
        steps.push(describe(search, before, step, now));
        match step {
            Step::Act(party) => ladder.note(now, name(party), acts(search, before, party)),
            Step::Fire(party) => ladder.note(now, name(party), "timer".to_string()),
            Step::Deliver(letter, _) => arrow(search, &mut ladder, now, letter, Fate::Arrived),
            Step::Double(letter, _) => arrow(search, &mut ladder, now, letter, Fate::Doubled),
            Step::Lose(letter, _) => arrow(search, &mut ladder, now, letter, Fate::Lost),
        }
        for (number, party) in search.parties().iter().enumerate() {
            let told = |visit| search.histories(visit).get(number).map(|&history| party.get(history).told);
            if let Some(told) = told(after).filter(|_| told(before) != told(after)) {
                ladder.state(now, name(number), told.to_string());
            }
        }
    }
    // What the last step led to may not have arrived.
    if let Some((_, step, now)) = search.way(at)
        && let Some((party, sent)) = sent(search, at, step)
    {
        for letter in sent {
            ladder.note(now, name(party), format!("sends {}", first_words(&search.letters().get(letter).1)));
        }
    }
    (steps, ladder.to_text())
}

fn arrow(search: &Search<'_>, ladder: &mut Ladder, now: Instant, letter: LetterId, fate: Fate) {
    let (to, bytes) = search.letters().get(letter);
    ladder.message_with(now, &address(1 - to).to_string(), &address(to).to_string(), bytes, fate);
}

fn acts(search: &Search<'_>, before: u32, party: usize) -> String {
    let history = search.histories(before).get(party).copied().unwrap_or_default();
    let act = search.parties().get(party).and_then(|party| party.get(history).act);
    act.map_or_else(String::new, |act| format!("{act:?}"))
}

fn describe(search: &Search<'_>, before: u32, step: Step, now: Instant) -> String {
    let letter = |letter| {
        let (to, bytes) = search.letters().get(letter);
        format!("{} of the {}", first_words(&bytes), name(1 - to))
    };
    match step {
        Step::Act(party) => format!("the {}: {}", name(party), acts(search, before, party)),
        Step::Deliver(id, _) => format!("{} arrives", letter(id)),
        Step::Double(id, _) => format!("{} arrives, and will once more", letter(id)),
        Step::Lose(id, _) => format!("{} is lost", letter(id)),
        Step::Fire(party) => format!("a timer of the {} at {} ms", name(party), now.as_millis()),
    }
}

/// What a message is, in short.
fn first_words(bytes: &[u8]) -> String {
    let limits = WireLimits::NONE;
    let Ok(frame) = Frame::parse(bytes, &limits) else { return "something".to_string() };
    match frame.start() {
        StartLine::Request { method, .. } => format!("{method:?}").to_uppercase(),
        StartLine::Response { status, .. } => format!("{status}"),
    }
}
