//! Simulates calls by the thousand on networks with faults, and checks everything that must hold.
//!
//! ```text
//! cargo run --release --example simulate -- --seed 1 --calls 10000 --loss 0.1
//! cargo run --release --example simulate -- --seed 1 --calls 100000 --swarm --attack --threads 4
//! cargo run --release --example simulate -- --seed 77 --calls 1 --swarm --ladder failure.html
//! ```
//!
//! Every world of a few telephones follows from the seed and its number, so the digest over every octet sent is the same
//! in every run, whatever the build and the number of threads. When a rule is broken, the program prints the seed of the world, the rule,
//! the command that shows it again, and the ladder of the world.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use clap::Parser;
use offhook_core::session::Cells;
use offhook_core::sim::calls::{Failure, Report, Scenario};
use offhook_core::sim::net::{Chance, Link};

/// Simulates calls and checks every message, every step and every outcome.
#[derive(Parser)]
struct Options {
    /// Decides about everything.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many calls at least; the last world may bring a few more.
    #[arg(long, default_value_t = 1_000)]
    calls: u64,
    /// Share of datagrams that are lost, 0 to 1.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    loss: f64,
    /// Share of datagrams that arrive twice, 0 to 1.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    duplicate: f64,
    /// Share of datagrams that are held up by 200 ms at most, 0 to 1.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    reorder: f64,
    /// Each world draws its own faults, and its people do whatever people do.
    #[arg(long)]
    swarm: bool,
    /// Each world has an attacker.
    #[arg(long)]
    attack: bool,
    /// How long people talk; a swarm draws it.
    #[arg(long, value_name = "SECONDS")]
    talk: Option<f64>,
    /// Threads to use; the outcome does not depend on it.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Writes the ladder of a failure as a page.
    #[arg(long, value_name = "OUT.html")]
    ladder: Option<PathBuf>,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a number from 0 to 1".into()),
    }
}

impl Options {
    fn scenario(&self) -> Scenario {
        let chance = |share: f64| Chance::per_million((share * 1e6).round() as u32);
        let link = Link::default()
            .loss(chance(self.loss))
            .duplicate(chance(self.duplicate))
            .reorder(chance(self.reorder), Duration::from_millis(200));
        let talk = self.talk.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default());
        Scenario {
            link,
            swarm: self.swarm,
            attack: self.attack.then_some(None),
            talk,
            ..Scenario::new(self.seed)
        }
    }

    /// The command that shows the world of `seed` again.
    fn command(&self, seed: u64) -> String {
        let mut command = format!("cargo run --release --example simulate -- --seed {seed} --calls 1");
        for (name, value) in [("loss", self.loss), ("duplicate", self.duplicate), ("reorder", self.reorder)] {
            if value > 0.0 {
                command += &format!(" --{name} {value}");
            }
        }
        if let Some(talk) = self.talk {
            command += &format!(" --talk {talk}");
        }
        for (name, wanted) in [("swarm", self.swarm), ("attack", self.attack)] {
            if wanted {
                command += &format!(" --{name}");
            }
        }
        command
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let started = Instant::now();
    match simulate(&options) {
        Ok(total) => {
            summary(&total, started.elapsed());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            println!("rule    {}", failure.violation);
            println!("again   {}", options.command(failure.seed));
            if let Some(path) = &options.ladder {
                match std::fs::write(path, failure.ladder().to_html()) {
                    Ok(()) => println!("ladder  {}", path.display()),
                    Err(error) => eprintln!("simulate: {}: {error}", path.display()),
                }
            }
            ExitCode::FAILURE
        }
    }
}

/// What a thread sends back of each world.
type Outcome = (u64, Result<Report, Box<Failure>>);

fn simulate(options: &Options) -> Result<Report, Box<Failure>> {
    let scenario = options.scenario();
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let (sender, receiver) = channel::<Outcome>();
    let receiver = Mutex::new(receiver);
    std::thread::scope(|threads| {
        for _ in 0..options.threads.max(1) {
            let (sender, scenario, next, stop) = (sender.clone(), &scenario, &next, &stop);
            threads.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if sender.send((index, scenario.world(index))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let receiver = receiver.into_inner().unwrap_or_else(|broken| broken.into_inner());
        let total = gather(options, &receiver);
        stop.store(true, Ordering::Relaxed);
        total
    })
}

/// Merges the reports in the order of the worlds, however they come in.
fn gather(options: &Options, receiver: &Receiver<Outcome>) -> Result<Report, Box<Failure>> {
    let (mut total, mut early) = (Report::default(), std::collections::BTreeMap::new());
    let mut progress = Progress::new(options.calls);
    while total.calls < options.calls {
        let Ok((index, outcome)) = receiver.recv() else { break };
        early.insert(index, outcome);
        while total.calls < options.calls
            && let Some(outcome) = early.remove(&total.worlds)
        {
            total.merge(&outcome?);
            progress.show(&total);
        }
    }
    progress.done();
    Ok(total)
}

/// A bar on standard error, if somebody watches.
struct Progress {
    calls: u64,
    shown: Option<Instant>,
    started: Instant,
}

impl Progress {
    fn new(calls: u64) -> Self {
        let shown = std::io::stderr().is_terminal().then(Instant::now);
        Self { calls, shown, started: Instant::now() }
    }

    fn show(&mut self, total: &Report) {
        let Some(shown) = &mut self.shown else { return };
        if shown.elapsed() < Duration::from_millis(100) {
            return;
        }
        *shown = Instant::now();
        let share = total.calls as f64 / self.calls.max(1) as f64;
        let bar = "#".repeat((share.min(1.0) * 40.0) as usize);
        let rate = total.calls as f64 / self.started.elapsed().as_secs_f64();
        eprint!("\r[{bar:<40}] {:>8} of {} calls, {rate:.0} a second ", total.calls, self.calls);
        std::io::stderr().flush().ok();
    }

    fn done(&self) {
        if self.shown.is_some() {
            eprint!("\r{:78}\r", "");
        }
    }
}

fn summary(total: &Report, took: Duration) {
    let seconds = took.as_secs_f64();
    println!("calls by outcome");
    let mut outcomes: Vec<_> = total.outcomes.iter().collect();
    outcomes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (outcome, count) in outcomes {
        println!("{count:>9}  {outcome}");
    }
    println!("messages by kind");
    for (kind, count) in &total.messages {
        println!("{count:>9}  {kind}");
    }
    let fates = &total.fates;
    println!("datagrams");
    for (count, what) in [
        (fates.sent, "sent"),
        (fates.delivered, "delivered"),
        (fates.lost, "lost"),
        (fates.duplicated, "doubled"),
        (fates.held_up, "held up"),
        (fates.corrupted, "damaged"),
        (fates.cut, "cut off"),
        (fates.too_big, "too big"),
        (fates.filtered, "kept out by NATs"),
        (fates.nobody, "for nobody"),
    ] {
        println!("{count:>9}  {what}");
    }
    println!("worlds     {}", total.worlds);
    println!("calls      {}, {:.0} a second", total.calls, total.calls as f64 / seconds);
    println!("goals      {} of {} reached", total.reached, total.calls);
    println!("fair       {} of {} where everything gets through in the end", total.fair_reached, total.fair);
    println!(
        "media      {} packets sent, {} frames of speech heard",
        total.media_packets, total.frames_heard
    );
    let time = total.time.as_secs_f64();
    println!("time       {time:.0} s of virtual time in {seconds:.1} s: {:.0} s a second", time / seconds);
    println!("states     {} of {} cells of the table visited", total.cells.len(), Cells::ALL);
    println!("digest     {:016x}", total.digest.value());
}
