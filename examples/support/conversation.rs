//! Two peers on real UDP sockets, real SIP, real RTP, on any runtime: both speak, both are recorded, both are judged.

mod anywhere;
mod ladder;
mod verdict;
mod voice;
mod wav;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use futures_lite::future::{try_zip, zip};
use offhook_core::peer::prelude::{AudioFrame, Call, CallEnd, EndReason, MediaReport};
use offhook_core::peer::{Runtime, SimplePeer};

use anywhere::{sleep, within};
use ladder::Ladder;
use voice::Voice;
use wav::Failure;

/// After the last word both sides listen this much longer: jitter buffers are some 100 ms deep.
const LISTEN_ON: Duration = Duration::from_secs(1);

/// Two peers hold a call on real sockets, and each saves what it heard.
#[derive(Parser)]
struct Options {
    /// Where the four WAV files go [default: target/ and the name of the program].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
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

/// The whole program, on the runtime `R`.
pub async fn main<R: Runtime>(program: &str) -> ExitCode {
    match run::<R>(program, &Options::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{program}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run<R: Runtime>(program: &str, options: &Options) -> Result<bool, Failure> {
    let alice_says = source(options.alice.as_deref(), Voice::ALICE, options.seconds)?;
    let bob_says = source(options.bob.as_deref(), Voice::BOB, options.seconds)?;
    let out = options.out.clone().unwrap_or_else(|| Path::new("target").join(program));
    std::fs::create_dir_all(&out).map_err(|error| format!("cannot create {}: {error}", out.display()))?;
    let file = |name: &str| out.join(name);
    wav::write(&file("alice_said.wav"), &alice_says)?;
    wav::write(&file("bob_said.wav"), &bob_says)?;

    let here = "127.0.0.1:0".parse()?;
    let ladder = Ladder::default();
    let alice = SimplePeer::<R>::builder("alice").bind(here).record(ladder.recorder()).start().await?;
    let bob = SimplePeer::<R>::builder("bob").bind(here).start().await?;
    println!("alice is {}, bob is {}", alice.uri(), bob.uri());
    let longest = alice_says.len().max(bob_says.len()) as u64 / u64::from(wav::RATE);
    let patience = Duration::from_secs(longest + 20);
    let outcome = within::<R, _>(patience, hold(&alice, &bob, &alice_says, &bob_says)).await;
    zip(alice.shutdown(), bob.shutdown()).await;

    println!("\n{}", ladder.draw(bob.local_addr(), "bob")?);
    let (alice_side, bob_side) =
        outcome.ok_or_else(|| format!("no end after {} s", patience.as_secs()))??;
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
    println!("Listen to it: {}/*.wav", out.display());
    Ok(good)
}

/// Alice calls Bob, who answers. Both say everything while listening; when both have finished Alice hangs up.
async fn hold<R: Runtime>(
    alice: &SimplePeer<R>,
    bob: &SimplePeer<R>,
    alice_says: &[i16],
    bob_says: &[i16],
) -> Result<(Side, Side), Failure> {
    let bob_uri = bob.uri();
    let call = async { Ok::<_, Failure>(alice.call(&bob_uri).await?) };
    let answer = async {
        let incoming = bob.get_incoming_call().await.ok_or("bob was shut down")?;
        println!("bob is called by {}", incoming.from());
        Ok(incoming.accept().await?)
    };
    let (to_bob, to_alice) = try_zip(call, answer).await?;
    println!("alice is through to {}", to_bob.remote_uri());
    let speak = async {
        try_zip(say(&to_bob, alice_says), say(&to_alice, bob_says)).await?;
        sleep::<R>(LISTEN_ON).await;
        Ok::<_, Failure>(to_bob.hangup().await?)
    };
    let (spoken, sides) = zip(speak, zip(listen(&to_bob), listen(&to_alice))).await;
    spoken?;
    Ok(sides)
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

async fn say(call: &Call, samples: &[i16]) -> Result<(), Failure> {
    call.send_audio(samples).await?;
    call.flush_audio().await;
    Ok(())
}

/// Listens to the end of the call.
async fn listen(call: &Call) -> Side {
    let mut heard = Vec::new();
    while let Some(frame) = call.recv_audio().await {
        heard.push(frame);
    }
    Side { heard, end: call.ended().await, report: call.stats() }
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
