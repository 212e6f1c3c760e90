//! Looks for inputs of the target `coordinator` that walk rows of the state table which no file of its corpus walks.
//!
//! ```text
//! cargo run --release -p offhook-fuzz --example rows -- 60        # a minute; a second number is the seed
//! ```
//!
//! libFuzzer is led by the edges of the code, and all rows run over the same ones. This search is led by the rows: for
//! each cell of the table it keeps the shortest input that came to it, and adds a few steps to those that came near to a
//! missing row. What it finds goes into the corpus by the name of its row. An input that panics is made small and left in
//! `fuzz/artifacts/coordinator`.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use offhook_core::session::{Cells, Input, State, StateTable};

type Cell = (State, Input);

/// Longer inputs are not worth a place in the corpus.
const OCTETS_MAX: usize = 64;
/// Settings of a world whose peers are honest: plain, and with a timer of the session (see `coordinator.rs`).
const SETTINGS: [u8; 2] = [16, 16 | 32];

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.roll() % end.max(1) as u64) as usize
    }

    fn octet(&mut self) -> u8 {
        self.roll() as u8
    }

    /// How far back: mostly the last.
    fn back(&mut self) -> u8 {
        if self.below(3) > 0 { 0 } else { self.below(4) as u8 }
    }

    /// One step of the target, as `coordinator.rs` reads it.
    fn step(&mut self, out: &mut Vec<u8>) {
        match self.below(20) {
            // A new call of a peer.
            0 => out.extend([0, self.octet()]),
            // A peer answers, mostly as itself and not as a fork.
            1..=7 => {
                let fork = if self.below(4) > 0 { 0 } else { (self.below(3) as u8) << 6 };
                out.extend([4, self.back(), self.octet() & 63 | fork]);
            }
            // A peer asks within a dialog.
            8..=11 => out.extend([9, self.back(), self.octet() & 63]),
            // A message comes again.
            12 => out.extend([14, self.back()]),
            // Time passes.
            13 => out.extend([19 | self.octet() & 0xE0, self.octet()]),
            // We answer, hang up, change something, call, and learn an address.
            14 => out.extend([22, self.back()]),
            15 => out.extend([25, self.back()]),
            16 | 17 => out.extend([22 | 6 << 5, self.back(), self.octet() & 15]),
            18 => out.extend([26, [0, 2, 0x80][self.below(3)]]),
            _ => out.extend([27, 3, 0]),
        }
    }
}

/// The cells that an input comes to, or what it panics with.
fn walk(octets: &[u8]) -> Result<Cells, String> {
    panic::catch_unwind(AssertUnwindSafe(|| offhook_fuzz::cells(octets))).map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no words").to_owned()
    })
}

/// The same panic with as few octets as may be.
fn small(mut octets: Vec<u8>, what: &str) -> Vec<u8> {
    let kind = |what: &str| what.split(':').next().map(str::to_owned);
    let mut at = 0;
    while at < octets.len() {
        let mut shorter = octets.clone();
        shorter.remove(at);
        match walk(&shorter) {
            Err(same) if kind(&same) == kind(what) => octets = shorter,
            _ => at += 1,
        }
    }
    octets
}

struct Search {
    dice: Dice,
    rows: Vec<Cell>,
    /// The shortest input that comes to a cell.
    best: BTreeMap<Cell, Vec<u8>>,
    missing: Vec<Cell>,
    found: BTreeMap<Cell, Vec<u8>>,
}

impl Search {
    fn new(corpus: &Path, seed: u64) -> io::Result<Self> {
        let rows: Vec<Cell> = StateTable::default().rows().iter().map(|row| (row.state, row.input)).collect();
        let mut seen = Cells::default();
        for entry in fs::read_dir(corpus)? {
            if let Ok(cells) = walk(&fs::read(entry?.path())?) {
                seen.merge(&cells);
            }
        }
        // Before it rings nobody outside knows the tag that a BYE would need.
        let open = |row: &Cell| *row != (State::Incoming, Input::RxBye);
        let missing = rows.iter().copied().filter(|row| open(row) && !seen.contains(row.0, row.1)).collect();
        Ok(Self { dice: Dice(seed), rows, best: BTreeMap::new(), missing, found: BTreeMap::new() })
    }

    /// An input to go on from: often one that has come to the state of a missing row.
    fn base(&mut self) -> Vec<u8> {
        let wanted = self.missing.get(self.dice.below(self.missing.len())).map(|row| row.0);
        let near = self.dice.below(3) > 0;
        let fits = |cell: &&Cell| !near || wanted == Some(cell.0);
        let cells: Vec<Cell> = self.best.keys().filter(fits).copied().collect();
        match cells.get(self.dice.below(cells.len())) {
            Some(cell) if self.dice.below(20) > 0 => self.best[cell].clone(),
            _ => vec![SETTINGS[self.dice.below(SETTINGS.len())]],
        }
    }

    /// Tries one input. The error is what it panicked with.
    fn try_one(&mut self) -> Result<(), (Vec<u8>, String)> {
        let mut octets = self.base();
        if self.dice.below(4) == 0 {
            octets.truncate(1 + self.dice.below(octets.len()));
        }
        for _ in 0..=self.dice.below(4) {
            self.dice.step(&mut octets);
        }
        if octets.len() > OCTETS_MAX {
            return Ok(());
        }
        let cells = walk(&octets).map_err(|what| (octets.clone(), what))?;
        for &row in self.rows.iter().filter(|row| cells.contains(row.0, row.1)) {
            let longer = |known: &Vec<u8>| known.len() > octets.len();
            if self.best.get(&row).is_none_or(longer) {
                self.best.insert(row, octets.clone());
            }
            if self.missing.contains(&row) {
                println!("{:?} {:?}: {} octets", row.0, row.1, octets.len());
                self.missing.retain(|missing| *missing != row);
                self.found.insert(row, octets.clone());
            }
        }
        Ok(())
    }
}

fn main() -> io::Result<ExitCode> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u64>());
    let (Some(Ok(seconds)), Ok(seed)) = (numbers.next(), numbers.next().unwrap_or(Ok(1))) else {
        println!("rows SECONDS [SEED]: looks for inputs that walk rows which the corpus does not walk");
        return Ok(ExitCode::from(2));
    };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = here.join("corpus/coordinator");
    let mut search = Search::new(&corpus, seed)?;
    println!("rows that the corpus does not walk: {:?}", search.missing);
    panic::set_hook(Box::new(|_| {}));
    let (begun, mut tried) = (Instant::now(), 0_u64);
    while begun.elapsed() < Duration::from_secs(seconds) {
        tried += 1;
        if let Err((octets, what)) = search.try_one() {
            let octets = small(octets, &what);
            let folder = here.join("artifacts/coordinator");
            fs::create_dir_all(&folder)?;
            let file = folder.join(format!("crash-rows-{seed}-{tried}"));
            fs::write(&file, &octets)?;
            println!("{what}\n{octets:?}\nleft in {}", file.display());
            return Ok(ExitCode::FAILURE);
        }
    }
    for ((state, input), octets) in &search.found {
        fs::write(corpus.join(format!("row-{state:?}-{input:?}")), octets)?;
    }
    println!("{tried} inputs; not found: {:?}", search.missing);
    Ok(ExitCode::SUCCESS)
}
