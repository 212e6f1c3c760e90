//! A reception desk: one async handler decides about every call, by the user that is called.
//!
//! ```text
//! cargo run --example coordinator
//! ```
//!
//! | called | decision | what the caller gets |
//! |---|---|---|
//! | sales | `Accept` | it rings, and the program answers |
//! | blocked | `Reject(403)` | 403 Forbidden, nothing is kept |
//! | queue | `Defer` | it rings until an agent is free, then the agent answers |
//! | ivr | `Custom` | a machine answers, plays a tone and hangs up |
//! | anybody else | `Reject(404)` | 404 Not Found |
//!
//! The program drives itself: it starts the desk, and a caller that really calls each of the users over
//! loopback. It prints what happened and exits with success only if each caller got what the table says.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use offhook_tokio::{
    AudioFrame, Call, Config, Deferral, EndReason, IncomingCall, InviteDetails, PeerError, SignalingDecision,
    SignalingHandler, SimplePeer, UnifiedCoordinator,
};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The agent is busy so long before taking the next caller.
const AGENT_BUSY: Duration = Duration::from_millis(1500);

/// What the machine plays.
const TONE_HZ: u32 = 440;

/// Decides. It may take its time: the caller waits, other calls do not.
struct Desk;

impl SignalingHandler for Desk {
    async fn on_incoming_invite(&self, invite: InviteDetails) -> SignalingDecision {
        let called = invite.called_user().unwrap_or_default().to_string();
        // Here a real desk would ask a database or a colleague.
        sleep(Duration::from_millis(20)).await;
        let decision = match called.as_str() {
            "sales" => SignalingDecision::Accept,
            "blocked" => SignalingDecision::Reject(403),
            "queue" => {
                SignalingDecision::Defer(Deferral { ring: true, deadline: Some(Duration::from_secs(20)) })
            }
            "ivr" => SignalingDecision::custom(|incoming| {
                tokio::spawn(async move {
                    if let Err(error) = play_machine(incoming).await {
                        println!("desk:   the machine failed: {error}");
                    }
                });
            }),
            _ => SignalingDecision::Reject(404),
        };
        println!("desk:   {} calls {called}: {decision:?}", invite.from_uri());
        decision
    }
}

/// The custom treatment: answer, play a second of tone, hang up.
async fn play_machine(incoming: IncomingCall) -> Result<(), PeerError> {
    let call = incoming.accept().await?;
    call.send_audio(AudioFrame::tone(TONE_HZ, 1000)).await?;
    call.flush_audio().await;
    sleep(Duration::from_millis(300)).await;
    call.hangup().await
}

/// Accepted and deferred calls come out here; the ones for the queue wait for the agent.
async fn run_desk(desk: UnifiedCoordinator) {
    let (queue, waiting) = mpsc::channel(16);
    tokio::spawn(run_agent(waiting));
    while let Some(incoming) = desk.get_incoming_call().await {
        let called = incoming.details().called_user().unwrap_or_default().to_string();
        if called == "queue" {
            println!("desk:   a caller waits for an agent");
            // A full queue gives the call back, and a call that is dropped is refused.
            queue.try_send(incoming).ok();
        } else {
            tokio::spawn(hold(incoming, "sales"));
        }
    }
}

/// One agent takes one call at a time.
async fn run_agent(mut waiting: mpsc::Receiver<IncomingCall>) {
    while let Some(incoming) = waiting.recv().await {
        sleep(AGENT_BUSY).await;
        println!("agent:  free, takes the next caller");
        hold(incoming, "agent").await;
    }
}

/// Answers and stays until the caller hangs up.
async fn hold(incoming: IncomingCall, who: &str) {
    match incoming.accept().await {
        Ok(call) => {
            let end = call.ended().await;
            println!("{who}:  the call is over: {end}");
        }
        Err(error) => println!("{who}:  nobody there any more: {error}"),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let day = async {
        let here = "127.0.0.1:0".parse()?;
        let desk = UnifiedCoordinator::with_handler(Config::new("desk", here), Desk).await?;
        let caller = SimplePeer::builder("carol").bind(here).start().await?;
        let address = desk.local_addr();
        println!("the desk is at {address}");
        tokio::spawn(run_desk(desk.clone()));
        call_everybody(&caller, &format!("{address}")).await?;
        caller.shutdown().await;
        desk.shutdown().await;
        Ok::<_, Failure>(())
    };
    let outcome = timeout(Duration::from_secs(40), day).await.unwrap_or_else(|_| Err("took too long".into()));
    match outcome {
        Ok(()) => {
            println!("Everybody got what they should.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("coordinator: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The caller's side: calls each user and complains about anything unexpected.
async fn call_everybody(caller: &SimplePeer, address: &str) -> Result<(), Failure> {
    for (user, status) in [("blocked", 403), ("nobody", 404)] {
        match caller.call(&format!("sip:{user}@{address}")).await {
            Err(PeerError::Rejected { status: got, phrase, .. }) if got == status => {
                println!("caller: {user} refuses me: {got} {phrase}");
            }
            Err(other) => return Err(format!("{user} should refuse with {status}: {other}").into()),
            Ok(_) => return Err(format!("{user} should refuse, not answer").into()),
        }
    }

    let (call, _) = dial(caller, &format!("sip:sales@{address}")).await?;
    call.hangup().await?;
    println!("caller: sales answered, and I hung up");

    let (call, rang) = dial(caller, &format!("sip:queue@{address}")).await?;
    call.hangup().await?;
    if rang < AGENT_BUSY / 2 {
        return Err(format!("the queue answered after {rang:?}: no agent was free").into());
    }
    println!("caller: the queue let it ring for {:.1} s, then an agent answered", rang.as_secs_f64());

    let (call, _) = dial(caller, &format!("sip:ivr@{address}")).await?;
    let share = listen_for_tone(&call).await;
    let end = call.ended().await;
    if end.reason != EndReason::RemoteHangup || share < 0.9 {
        return Err(format!("the machine: {end}, {share:.2} of its sound was the tone").into());
    }
    println!("caller: the machine played {TONE_HZ} Hz ({:.1} % pure) and hung up", share * 100.0);
    Ok(())
}

/// Calls, and tells how long it rang before the answer.
async fn dial(caller: &SimplePeer, uri: &str) -> Result<(Call, Duration), Failure> {
    let mut dialing = caller.dial(uri);
    let mut ringing_since = None;
    while let Some(progress) = dialing.progress().await {
        if progress.status == 180 {
            ringing_since.get_or_insert_with(Instant::now);
        }
    }
    let call = dialing.await.map_err(|error| format!("{uri}: {error}"))?;
    let rang = ringing_since.map_or(Duration::ZERO, |since: Instant| since.elapsed());
    Ok((call, rang))
}

/// Listens to the end of the call: how much of all sound energy is at the tone's frequency (Goertzel)?
async fn listen_for_tone(call: &Call) -> f64 {
    let turn = 2.0 * (std::f64::consts::TAU * f64::from(TONE_HZ) / f64::from(AudioFrame::RATE)).cos();
    let (mut at_tone, mut all) = (0.0, 0.0);
    while let Some(frame) = call.recv_audio().await {
        let (mut last, mut before) = (0.0, 0.0);
        for sample in frame.samples.iter().map(|&sample| f64::from(sample)) {
            (last, before) = (sample + turn * last - before, last);
            all += sample * sample;
        }
        let power = last * last + before * before - turn * last * before;
        at_tone += power * 2.0 / frame.samples.len() as f64;
    }
    if all > 0.0 { at_tone / all } else { 0.0 }
}
