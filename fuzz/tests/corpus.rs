//! What the fuzzers found, and a slice of what they would try, against every target.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use offhook_core::session::{Cells, Input, Row, State, StateTable};
use offhook_fuzz::{TARGETS, Target};

/// Inputs made up for each target.
const MADE_UP: u64 = 300;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The files of a target's corpus, by name.
fn files(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(corpus().join(target)).expect("every target has a corpus");
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("a folder can be listed").path();
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            (name, fs::read(&path).expect("a file of the corpus can be read"))
        })
        .collect();
    files.sort();
    files
}

/// What a target says to these octets, if it panics.
fn complaint(target: &Target, octets: &[u8]) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(|| (target.run)(octets))).err()?;
    let text = payload.downcast_ref::<String>().map(String::as_str);
    Some(text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no words").to_owned())
}

/// SplitMix64: the inputs must be the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.roll() % limit.max(1) as u64) as usize
    }
}

/// Octets out of nothing, or a file of the corpus with some damage.
fn made_up(dice: &mut Dice, files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let file = files.get(dice.below(files.len() + files.len() / 4 + 1));
    let mut octets = match file {
        Some((_, octets)) => octets.clone(),
        None => (0..dice.below(400)).map(|_| dice.roll() as u8).collect(),
    };
    for _ in 0..dice.below(5) {
        let at = dice.below(octets.len());
        match dice.below(3) {
            0 => octets.truncate(at + 1),
            1 => octets.insert(at, dice.roll() as u8),
            _ => {
                if let Some(octet) = octets.get_mut(at) {
                    *octet = dice.roll() as u8;
                }
            }
        }
    }
    octets
}

fn judge(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of that name");
    let files = files(name);
    assert!(!files.is_empty(), "the corpus of {name} is empty");
    let bad: Vec<String> = files
        .iter()
        .filter_map(|(file, octets)| Some(format!("corpus/{name}/{file}: {}", complaint(target, octets)?)))
        .collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    for seed in 0..MADE_UP {
        let octets = made_up(&mut Dice(seed), &files);
        if let Some(what) = complaint(target, &octets) {
            panic!("{name}, made up from seed {seed}: {what}\n{octets:02x?}");
        }
    }
}

/// A test for each target, so that they share the cores.
macro_rules! replays {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            judge(stringify!($name));
        })*

        #[test]
        fn every_target_is_replayed() {
            let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(known, [$(stringify!($name)),*]);
            for name in known {
                let program = format!("targets/fuzz_targets/{name}.rs");
                assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(&program).is_file(), "{program} is missing");
            }
        }
    };
}

replays!(calls coordinator frame replay rtcp rtp sdp stream);

#[test]
fn the_corpus_walks_every_row_of_the_table() {
    let mut seen = Cells::default();
    for (_, octets) in files("coordinator") {
        seen.merge(&offhook_fuzz::cells(&octets));
    }
    let table = StateTable::default();
    // Before it rings nobody outside knows the tag that a BYE would need.
    let closed = |row: &&Row| (row.state, row.input) == (State::Incoming, Input::RxBye);
    let missed: Vec<(State, Input)> = table
        .rows()
        .iter()
        .filter(|row| !closed(row) && !seen.contains(row.state, row.input))
        .map(|row| (row.state, row.input))
        .collect();
    assert_eq!(missed, [], "rows that no file of the corpus comes to");
}

#[test]
fn a_target_that_panics_is_heard() {
    fn picky(octets: &[u8]) {
        assert!(!octets.starts_with(b"no"), "it begins with no");
    }
    let target = Target { name: "picky", run: picky };
    assert_eq!(complaint(&target, b"yes"), None);
    assert_eq!(complaint(&target, b"not"), Some("it begins with no".into()));
}

#[test]
fn the_corpora_are_small() {
    let all: Vec<(String, Vec<u8>)> = TARGETS.iter().flat_map(|target| files(target.name)).collect();
    let octets: usize = all.iter().map(|(_, octets)| octets.len()).sum();
    assert!(octets < 1 << 20, "{octets} octets: minimise, as CONTRIBUTING.md says");
    assert!(all.len() < 1500, "{} files", all.len());
}
