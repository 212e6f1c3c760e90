//! Alice calls Bob: two peers on real UDP sockets, real SIP, real RTP, both speak, both are recorded.
//!
//! ```text
//! cargo run --example peer_audio
//! cargo run --example peer_audio -- --out DIR --alice FILE.wav --bob FILE.wav --seconds 10
//! ```
//!
//! Each side plays its own voice (synthesised, or your WAV file) and saves what it hears. The program prints the
//! ladder of the call, the RTP figures and a verdict for each direction, and leaves `alice_said.wav`,
//! `bob_said.wav`, `alice_heard.wav` and `bob_heard.wav` in `target/peer_audio`. It exits with success only if
//! each side heard the whole of what the other side said.

#[path = "support/ladder.rs"]
mod ladder;
#[path = "support/verdict.rs"]
mod verdict;
#[path = "support/voice.rs"]
mod voice;
#[path = "support/wav.rs"]
mod wav;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use offhook_tokio::{AudioFrame, Call, CallEnd, EndReason, MediaReport, SimplePeer};
use tokio::sync::Barrier;

use ladder::Ladder;
use voice::Voice;
use wav::Failure;

/// After the last word both sides listen this much longer: jitter buffers are some 100 ms deep.
const LISTEN_ON: Duration = Duration::from_secs(1);

/// Two peers hold a call on real sockets, and each saves what it heard.
#[derive(Parser)]
struct Options {
    /// Where the four WAV files go.
    #[arg(long, value_name = "DIR", default_value = "target/peer_audio")]
    out: PathBuf,
    /// What Alice says, instead of her own voice.
    #[arg(long, value_name = "FILE.wav")]
    alice: Option<PathBuf>,
    /// What Bob says, instead of his own voice.
    #[arg(long, value_name = "FILE.wav")]
    bob: Option<PathBuf>,
    /// How long they talk; files are cut to it if it is given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: Option<u32>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("peer_audio: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<bool, Failure> {
    let alice_says = source(options.alice.as_deref(), Voice::ALICE, options.seconds)?;
    let bob_says = source(options.bob.as_deref(), Voice::BOB, options.seconds)?;
    std::fs::create_dir_all(&options.out)
        .map_err(|error| format!("cannot create {}: {error}", options.out.display()))?;
    let file = |name: &str| options.out.join(name);
    wav::write(&file("alice_said.wav"), &alice_says)?;
    wav::write(&file("bob_said.wav"), &bob_says)?;

    let here = "127.0.0.1:0".parse()?;
    let alice = SimplePeer::builder("alice").bind(here).start().await?;
    let bob = SimplePeer::builder("bob").bind(here).start().await?;
    println!("alice is {}, bob is {}", alice.uri(), bob.uri());
    let ladder = Ladder::watch(&alice, &bob);

    let bob_uri = bob.uri();
    let both = Barrier::new(2);
    let conversation = async {
        tokio::try_join!(
            async {
                let call = alice.call(&bob_uri).await?;
                println!("alice is through to {}", call.remote_uri());
                converse(call, &alice_says, &both, true).await
            },
            async {
                let incoming = bob.get_incoming_call().await.ok_or("bob was shut down")?;
                println!("bob is called by {}", incoming.from());
                let call = incoming.accept().await?;
                converse(call, &bob_says, &both, false).await
            },
        )
    };
    let longest = alice_says.len().max(bob_says.len()) as u64 / u64::from(wav::RATE);
    let patience = Duration::from_secs(longest + 20);
    let outcome = tokio::time::timeout(patience, conversation).await;
    alice.shutdown().await;
    bob.shutdown().await;

    println!("\n{}\n", ladder.draw("alice", "bob").await);
    let (alice_side, bob_side) = outcome.map_err(|_| format!("no end after {} s", patience.as_secs()))??;
    let mut good = true;
    for (name, other, side, said) in
        [("alice", "bob", alice_side, bob_says), ("bob", "alice", bob_side, alice_says)]
    {
        let path = file(&format!("{name}_heard.wav"));
        save(&path, &side.heard)?;
        let verdict = verdict::compare(&said, &wav::read(&path)?);
        good &= verdict.is_good() && side.ended_well();
        println!("{name}: {}", figures(&side.report));
        println!("{name} heard {other}: {verdict}\n");
    }
    println!("{}", if good { "The call was good." } else { "The call was NOT good." });
    println!("Listen to it: {}/*.wav", options.out.display());
    Ok(good)
}

/// A WAV file, or the voice.
fn source(file: Option<&Path>, voice: Voice, seconds: Option<u32>) -> Result<Vec<i16>, Failure> {
    let Some(file) = file else {
        return Ok(voice.speak(f64::from(seconds.unwrap_or(6))));
    };
    let mut samples = wav::read(file)?;
    if let Some(seconds) = seconds {
        samples.truncate((seconds * wav::RATE) as usize);
    }
    if samples.is_empty() {
        return Err(format!("{} holds no sound", file.display()).into());
    }
    Ok(samples)
}

/// What one side brings home from a call.
struct Side {
    heard: Vec<AudioFrame>,
    report: MediaReport,
    end: CallEnd,
}

impl Side {
    fn ended_well(&self) -> bool {
        matches!(self.end.reason, EndReason::LocalHangup | EndReason::RemoteHangup)
    }
}

/// Says everything while listening. When both have finished the caller hangs up; both listen to the end.
async fn converse(call: Call, says: &[i16], both: &Barrier, hangs_up: bool) -> Result<Side, Failure> {
    let speak = async {
        call.send_audio(says).await?;
        call.flush_audio().await;
        both.wait().await;
        if hangs_up {
            tokio::time::sleep(LISTEN_ON).await;
            call.hangup().await?;
        }
        Ok::<_, Failure>(())
    };
    let listen = async {
        let mut heard = Vec::new();
        while let Some(frame) = call.recv_audio().await {
            heard.push(frame);
        }
        Ok(heard)
    };
    let ((), heard) = tokio::try_join!(speak, listen)?;
    Ok(Side { heard, end: call.ended().await, report: call.stats() })
}

fn save(path: &Path, heard: &[AudioFrame]) -> Result<(), Failure> {
    let mut recorder = wav::Recorder::create(path)?;
    for frame in heard {
        recorder.frame(frame)?;
    }
    recorder.finish()
}

fn figures(report: &MediaReport) -> String {
    format!(
        "sent {} packets, received {}, lost {}, reordered {}, late {}, concealed {} frames, jitter {:.2} ms",
        report.sent_packets,
        report.received_packets,
        report.lost,
        report.reordered,
        report.late,
        report.concealed_frames,
        report.jitter.as_secs_f64() * 1e3,
    )
}
