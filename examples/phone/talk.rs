//! What happens while a call is up.

use std::time::Duration;

use offhook_core::peer::Runtime;
use offhook_core::peer::prelude::{
    AudioFrame, Call, CallEvent, EndReason, Instant, PeerError, TransferRequest,
};
use tokio::sync::Notify;

use crate::Phone;
use crate::early::Begun;
use crate::report::Ending;
use crate::script;
use crate::wav::{Failure, Recorder};

/// After the last word we stay this long, so that the far end can play it out.
const LINGER: Duration = Duration::from_millis(400);

/// The far end may need a moment after its answer before it hears digits.
const BEFORE_DIGITS: Duration = Duration::from_millis(200);

/// Why we hang up when nothing is heard (RFC 3326).
const NO_MEDIA: &str = "SIP;cause=408;text=\"No Media\"";

/// How long each of several calls that we make lasts when nothing on the command line says it.
const ONE_OF_MANY: Duration = Duration::from_millis(500);

/// Which side of the call we are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Caller,
    Callee,
}

/// Says, hears and hangs up as the command line says. True when the call did what was asked.
pub async fn talk<R: Runtime>(
    phone: &Phone<R>,
    number: u64,
    call: Call,
    role: Role,
    began: Instant,
    begun: Begun,
) -> bool {
    phone.report.answered(number, &call);
    let finished = Notify::new();
    let doing = async {
        let done = tokio::join!(speak(phone, number, &call, begun.said), script::run(phone, number, &call));
        finished.notify_one();
        done
    };
    let life = async {
        let (done, heard, ()) = tokio::join!(
            doing,
            listen(phone, number, &call, begun.recorder),
            leave(phone, number, &call, role, began, &finished),
        );
        let end = call.ended().await;
        phone.report.ended(number, &Ending::from(&end));
        phone.report.media(number, &call.stats());
        (done, heard, end)
    };
    // A call that we make for the other side may go on after this one.
    let (followed, ((said_all, done), heard, end)) = tokio::join!(follow_events(phone, number, &call), life);
    if let Err(problem) = &heard {
        phone.report.problem(number, problem);
    }
    match end.reason {
        _ if !done => false,
        // What the end of the call has cut short is judged below, by who ended it.
        _ if said_all.as_ref().is_err_and(|problem| !matches!(problem, PeerError::Ended(_))) => false,
        // We were transferred: what was left undone in this call was done in the next.
        EndReason::RemoteHangup if followed.is_some() => followed == Some(true) && heard.is_ok(),
        EndReason::LocalHangup | EndReason::Transferred | EndReason::Replaced => heard.is_ok(),
        // Whoever is called cannot decide how long the caller stays; a caller who was cut short has not done the job.
        EndReason::RemoteHangup if role == Role::Callee => heard.is_ok(),
        EndReason::RemoteHangup => {
            if let Err(problem) = &said_all {
                phone.report.problem(number, format_args!("not all was sent: {problem}"));
            }
            said_all.is_ok() && heard.is_ok()
        }
        _ => false,
    }
}

/// Plays the file, then dials the digits, then plays the tone to the end of the call.
async fn speak<R: Runtime>(phone: &Phone<R>, number: u64, call: &Call, said: usize) -> Result<(), PeerError> {
    if let Some(samples) = &phone.play {
        for second in samples.get(said..).unwrap_or_default().chunks(AudioFrame::RATE as usize) {
            call.send_audio(second).await?;
        }
        call.flush_audio().await;
        if let Some(end) = call.end() {
            return Err(PeerError::Ended(end));
        }
    }
    if let Some(digits) = &phone.common.dtmf {
        phone.sleep(BEFORE_DIGITS).await;
        call.send_dtmf(digits).await.inspect_err(|error| {
            if !matches!(error, PeerError::Ended(_)) {
                phone.report.refused(number, "press keys", error);
            }
        })?;
    }
    if let Some(hz) = phone.common.tone {
        // A whole second holds a whole number of periods: no click between two of them.
        let second = AudioFrame::tone(hz, 1000);
        while call.send_audio(&second).await.is_ok() {}
    }
    Ok(())
}

/// Records and echoes. Audio that nobody wants is not read at all.
async fn listen<R: Runtime>(
    phone: &Phone<R>,
    number: u64,
    call: &Call,
    begun: Option<Recorder>,
) -> Result<(), Failure> {
    if !phone.common.listens() {
        return Ok(());
    }
    let create = || phone.recording(number).map(|path| Recorder::create(&path)).transpose();
    let mut recorder = if begun.is_some() { begun } else { create()? };
    while let Some(frame) = call.recv_audio().await {
        if let Some(recorder) = &mut recorder {
            recorder.frame(&frame)?;
        }
        if phone.common.echo && call.send_audio(frame).await.is_err() {
            break;
        }
    }
    recorder.map_or(Ok(()), Recorder::finish)
}

/// Tells what happens to the call, and does what the other side asks for if we are to. What became of it: `None` if
/// nothing was asked for, else whether the new call went well.
async fn follow_events<R: Runtime>(phone: &Phone<R>, number: u64, call: &Call) -> Option<bool> {
    let mut followed = None;
    while let Some(event) = call.next_event().await {
        match event {
            CallEvent::TransferRequested(request) => {
                let accepts = phone.common.accept_transfers;
                phone.report.transfer_requested(number, &request, accepts);
                if accepts {
                    // Of this call nothing but its end is to come.
                    followed = Some(Box::pin(instead(phone, request)).await);
                }
            }
            CallEvent::TransferProgress { status, phrase, done } => {
                phone.report.transfer(number, status, &phrase, done);
            }
            CallEvent::Dtmf(digit) => phone.report.dtmf(number, digit),
            CallEvent::Silent(lasted) => {
                phone.report.silent(number, Some(lasted));
                if phone.common.media_timeout.is_some() {
                    // The end is told with the reason.
                    call.hangup_with(&[("Reason", NO_MEDIA)]).await.ok();
                }
            }
            CallEvent::Heard => phone.report.silent(number, None),
            CallEvent::Held => phone.report.held(number, true),
            CallEvent::Resumed => phone.report.held(number, false),
            CallEvent::Refreshed { by_us } => phone.report.refreshed(number, by_us),
            CallEvent::Info(info) => phone.report.info(number, &info),
            CallEvent::OfferUnanswered(fault) => phone.report.offer_unanswered(number, fault),
            CallEvent::MediaChanged(plan) => phone.report.media_changed(number, &plan),
            // The end is told with all that is known then.
            _ => {}
        }
    }
    followed
}

/// Calls whom the other side wants us to call; true when that call did what was asked.
async fn instead<R: Runtime>(phone: &Phone<R>, request: TransferRequest) -> bool {
    let (number, began) = (phone.number(), phone.now());
    phone.report.calling(number, &request.target());
    let called = match request.accept() {
        Ok(dialing) => dialing.await,
        Err(error) => Err(error),
    };
    match called {
        // As who was called before: the others decide how long it lasts.
        Ok(call) => talk(phone, number, call, Role::Callee, began, Begun::default()).await,
        Err(error) => {
            phone.report.ended(number, &Ending::from(&error));
            false
        }
    }
}

/// Hangs up when it is time; returns when the call is over, whoever ended it.
async fn leave<R: Runtime>(
    phone: &Phone<R>,
    number: u64,
    call: &Call,
    role: Role,
    began: Instant,
    finished: &Notify,
) {
    let common = &phone.common;
    let by_the_clock = common.duration.is_some() || common.hangup_after.is_some();
    let has_a_script = common.play.is_some() || common.dtmf.is_some() || common.has_script();
    let leaves_when_done = role == Role::Caller && has_a_script && !by_the_clock && common.tone.is_none();
    let one_of_many = role == Role::Caller && common.calls.is_some_and(|calls| calls > 1);
    let idle = !has_a_script && !by_the_clock && !common.has_audio();
    let duration = common.duration.or((one_of_many && idle).then_some(ONE_OF_MANY));
    let done = async {
        if leaves_when_done {
            finished.notified().await;
            phone.sleep(LINGER).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        _ = call.ended() => {}
        () = done => {}
        () = phone.after(phone.now(), duration) => {}
        () = phone.after(began, common.hangup_after) => {}
        () = phone.stopped() => {}
    }
    if let Err(problem) = call.hangup().await {
        phone.report.problem(number, problem);
    }
}
