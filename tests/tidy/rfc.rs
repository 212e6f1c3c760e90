//! The index of RFC sections: where each is cited by code and by tests, printed as `core/rfc.md`.
//!
//! A citation is `RFC N section S`, with `sections S, T and U`, `S to T` or `appendix A.8` for it as well, in a comment or a string. The
//! RFC is the last one named before it in the same comment, else the first that the file's `//!` names; `section S of RFC N` says
//! it behind. It belongs to the item that its comment stands around or before, or to the file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

#[path = "citations.rs"]
mod citations;
#[path = "sections.rs"]
mod sections;

use crate::source::Source;
use crate::{root, sources, verdict};
use citations::{Citation, Rank, Section, citations};
use sections::{GAPS, RFCS, exists};

const PAGE: &str = "core/rfc.md";
const AGAIN: &str = "`OFFHOOK_WRITE=1 cargo test --test tidy rfc`";
/// Places that a cell names; the rest is counted.
const PLACES_MAX: usize = 3;
/// Sections that code and tests cite, at least.
const BOTH_MIN: usize = 120;

/// Where a section is cited: by name, with how much the place says of it.
#[derive(Default)]
struct Cited {
    code: BTreeMap<String, Rank>,
    tests: BTreeMap<String, Rank>,
}

type Index = BTreeMap<(u16, Section), Cited>;

/// Whether a file is of code, of tests, or of neither. The simulation is a test: it has rules for every message.
fn is_test(name: &str) -> Option<bool> {
    let own = name.starts_with("core/src/") || name.starts_with("runtime-") && name.contains("/src/");
    let tests =
        ["tests/", "core/tests/", "fuzz/", "core/src/sim/"].iter().any(|folder| name.starts_with(folder))
            || own && (name.ends_with("/tests.rs") || name.contains("/tests/"));
    (own || tests).then_some(tests).filter(|_| !name.starts_with("tests/tidy"))
}

/// What is cited, and the citations whose RFC cannot be told or has no such section.
fn index() -> (Index, Vec<String>) {
    let (mut index, mut wrong) = (Index::new(), Vec::new());
    for source in sources("") {
        let Some(test) = is_test(&source.name) else {
            continue;
        };
        for citation in citations(&source) {
            match fault(&citation) {
                Some(fault) => wrong.push(format!("{}:{}: {fault}", source.name, citation.line)),
                None => enter(&mut index, &source, &citation, test),
            }
        }
    }
    (index, wrong)
}

fn fault(citation: &Citation) -> Option<String> {
    let section = &citation.section;
    let Some(rfc) = citation.rfc else {
        return Some(format!(
            "section {section} of which RFC? Name it there, or in the first comment of the file"
        ));
    };
    match exists(rfc, section) {
        Some(true) => None,
        Some(false) => {
            Some(format!("RFC {rfc} has no section {section} (see `RFCS` in tests/tidy/sections.rs)"))
        }
        None => Some(format!("RFC {rfc} has no title: give it one in `RFCS` of tests/tidy/sections.rs")),
    }
}

fn enter(index: &mut Index, source: &Source, citation: &Citation, test: bool) {
    let (Some(rfc), file) = (citation.rfc, source.name.trim_start_matches("core/src/")) else {
        return;
    };
    let name = match &citation.item {
        Some(item) => format!("{file}:{item}"),
        None => file.to_owned(),
    };
    let cited = index.entry((rfc, citation.section.clone())).or_default();
    let places = if test || citation.test { &mut cited.tests } else { &mut cited.code };
    let rank = places.entry(name).or_insert(citation.rank);
    *rank = citation.rank.min(*rank);
}

/// The places that say most, those of the simulation last, and how many more there are.
fn cell(places: &BTreeMap<String, Rank>) -> String {
    let mut best: Vec<(bool, Rank, &String)> =
        places.iter().map(|(name, rank)| (name.starts_with("sim/"), *rank, name)).collect();
    best.sort();
    let named: Vec<String> = best.iter().take(PLACES_MAX).map(|(_, _, name)| format!("`{name}`")).collect();
    match best.len().saturating_sub(PLACES_MAX) {
        0 => named.join(", "),
        more => format!("{} +{more}", named.join(", ")),
    }
}

fn why(rfc: u16, section: &Section) -> Option<&'static str> {
    let section = section.to_string();
    GAPS.iter().find(|(r, s, _)| *r == rfc && *s == section).map(|(_, _, why)| *why)
}

fn page(index: &Index) -> String {
    let mut page = format!(
        "# Sections of RFCs\n\n\
         Where each section is cited, by code and by tests; where one of the two is missing, its cell says why. Names without a \
         folder of the repository are below `core/src`, and a file without an item cites the section as a whole. The rules that \
         the simulation has for every message (`sim/`) count as tests. Written from the comments by `tests/tidy/rfc.rs`; a test \
         keeps it current ({AGAIN} writes it anew).\n"
    );
    let mut last = None;
    for ((rfc, section), cited) in index {
        if last.replace(*rfc) != Some(*rfc) {
            let title = RFCS.iter().find(|(number, _, _)| number == rfc).map_or("", |(_, title, _)| *title);
            write!(page, "\n## RFC {rfc}: {title}\n\n| section | code | tests |\n|---|---|---|\n")
                .expect("writing to a string");
        }
        let why = why(*rfc, section).map_or(String::new(), |why| format!("*{why}*"));
        let filled =
            |places: &BTreeMap<String, Rank>| if places.is_empty() { why.clone() } else { cell(places) };
        writeln!(page, "| {section} | {} | {} |", filled(&cited.code), filled(&cited.tests))
            .expect("writing to a string");
    }
    page
}

#[test]
fn rfc_sections_are_named_so_that_they_are_found() {
    verdict("every citation says of which RFC it is, and that has such a section", index().1);
}

#[test]
fn rfc_sections_have_code_and_test() {
    let (index, _) = index();
    let mut wrong = Vec::new();
    for ((rfc, section), cited) in &index {
        let missing = match (cited.code.is_empty(), cited.tests.is_empty()) {
            (false, false) => None,
            (true, _) => Some(("no code", &cited.tests)),
            (_, true) => Some(("no test", &cited.code)),
        };
        match (missing, why(*rfc, section)) {
            (Some((what, places)), None) => {
                wrong.push(format!("{what} cites RFC {rfc} section {section}, as {} do", cell(places)));
            }
            (None, Some(_)) => wrong.push(format!("RFC {rfc} section {section} has both: take it off GAPS")),
            _ => {}
        }
    }
    let cited = |rfc: u16, section: &str| {
        Section::read(section).is_some_and(|section| index.contains_key(&(rfc, section)))
    };
    wrong.extend(
        GAPS.iter()
            .filter(|(rfc, section, _)| !cited(*rfc, section))
            .map(|(rfc, section, _)| format!("nobody cites RFC {rfc} section {section}: take it off GAPS")),
    );
    verdict(
        "cite the section at the code and at the test that shows it, or say why not in GAPS of tests/tidy/sections.rs",
        wrong,
    );
    let both = index.values().filter(|c| !c.code.is_empty() && !c.tests.is_empty()).count();
    assert!(both >= BOTH_MIN, "{both} sections have code and test, {BOTH_MIN} at least should");
}

#[test]
fn rfc_page_is_current() {
    let (page, path) = (page(&index().0), root().join(PAGE));
    if std::env::var_os("OFFHOOK_WRITE").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let only = |mark: char, one: &str, other: &str| -> Vec<String> {
        let new = one.lines().filter(|line| !other.lines().any(|it| it == *line));
        new.map(|line| format!("{mark} {line}")).collect()
    };
    let rule = format!("{PAGE} is stale; {AGAIN} writes it anew");
    verdict(&rule, [only('-', &committed, &page), only('+', &page, &committed)].concat());
    assert!(page == committed, "{rule}: its lines are in another order");
}

#[test]
fn sections_that_an_rfc_does_not_have_are_known() {
    let known = |rfc, section| Section::read(section).and_then(|section| exists(rfc, &section));
    assert_eq!([known(3261, "13.2.2.4"), known(3550, "A.8"), known(5407, "3.1.4")], [Some(true); 3]);
    assert_eq!([known(3263, "8.1.2"), known(3264, "13.2.1"), known(3261, "13.2.2.5")], [Some(false); 3]);
    assert_eq!(known(1, "2"), None);
}
