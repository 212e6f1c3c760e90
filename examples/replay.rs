//! Replays a recorded trace: feeds it to a fresh coordinator, compares what comes out, and draws the ladder.
//!
//! ```text
//! cargo run --release --example phone -- listen --bind 127.0.0.1:5060 --calls 1 --record-trace call.trace
//! cargo run --release --example replay -- call.trace --html call.html
//! ```
//!
//! The exit status is 0 when every output is the same, 1 when one differs (the first is shown), 2 when the file cannot
//! be read to its end (what could be read is replayed and shown all the same).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use offhook_core::trace::{Record, Replay, Trace, replay};

/// Replays the trace of a coordinator.
#[derive(Parser)]
struct Options {
    /// What `phone --record-trace FILE` wrote, or any other recorder.
    file: PathBuf,
    /// Write the ladder as a page for a browser.
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
    /// Write the ladder as text.
    #[arg(long, value_name = "OUT")]
    text: Option<PathBuf>,
    /// Print the verdict only.
    #[arg(long)]
    quiet: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(replayed) => match (&replayed.divergence, &replayed.damage) {
            (Some(_), _) => ExitCode::from(1),
            (None, Some(_)) => ExitCode::from(2),
            (None, None) => ExitCode::SUCCESS,
        },
        Err(error) => {
            eprintln!("replay: {}: {error}", options.file.display());
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<Replay, Box<dyn std::error::Error>> {
    let bytes = std::fs::read(&options.file)?;
    let trace = Trace::parse(&bytes)?;
    let mut replayed = replay(&trace)?;
    if !options.quiet {
        summary(&trace);
        println!("\n{}", replayed.ladder.to_text());
    }
    replayed.ladder.set_title(&name(&options.file));
    let html = || replayed.ladder.to_html();
    let text = || replayed.ladder.to_text();
    write(options.html.as_deref(), html)?;
    write(options.text.as_deref(), text)?;
    if replayed.bound_reached {
        println!("the recording had reached its bound and goes no further");
    }
    match (&replayed.divergence, &replayed.damage) {
        (Some(divergence), _) => {
            println!("{divergence}");
            println!("DIFFERENT after {} identical outputs", replayed.outputs);
        }
        (None, Some(damage)) => {
            println!("{} outputs identical, as far as the file can be read: {damage}", replayed.outputs);
        }
        (None, None) => println!("{} outputs identical", replayed.outputs),
    }
    Ok(replayed)
}

fn write(path: Option<&Path>, what: impl FnOnce() -> String) -> Result<(), String> {
    let Some(path) = path else { return Ok(()) };
    // What was said in a trace is as private as the trace.
    let written = offhook_common::create_private(path).and_then(|mut file| file.write_all(what().as_bytes()));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What the trace holds, in a few lines.
fn summary(trace: &Trace<'_>) {
    let (mut datagrams, mut commands, mut sent, mut records) = (0, 0, 0, 0);
    for (place, record) in trace.records().map_while(Result::ok) {
        records = place.number + 1;
        match record {
            Record::Start { config, redaction, .. } => {
                println!("coordinator of {:?}, {}", config.user, config.user_agent);
                if redaction.credentials {
                    println!("credentials are masked");
                }
            }
            Record::Datagram { .. } => datagrams += 1,
            Record::Sent { .. } => sent += 1,
            Record::Invite { .. }
            | Record::Ring { .. }
            | Record::Answer { .. }
            | Record::Reject { .. }
            | Record::Hangup { .. }
            | Record::SendDtmf { .. }
            | Record::Shutdown { .. } => commands += 1,
            _ => {}
        }
    }
    println!(
        "{} octets, {records} records: {datagrams} datagrams in, {commands} commands, {sent} messages out",
        trace.len()
    );
}
