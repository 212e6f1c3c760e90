//! What happens while a call is up.

use std::time::Duration;

use offhook_tokio::{AudioFrame, Call, EndReason, PeerError};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use crate::Phone;
use crate::report::Ending;
use crate::wav::{Failure, Recorder};

/// After the last word we stay this long, so that the far end can play it out.
const LINGER: Duration = Duration::from_millis(400);

/// The far end may need a moment after its answer before it hears digits.
const BEFORE_DIGITS: Duration = Duration::from_millis(200);

/// Which side of the call we are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Caller,
    Callee,
}

/// Says, hears and hangs up as the command line says. True when the call did what was asked.
pub async fn talk(phone: &Phone, number: u64, call: Call, role: Role, began: Instant) -> bool {
    phone.report.answered(number, &call);
    let finished = Notify::new();
    let speaking = async {
        let said_all = speak(phone, &call).await;
        finished.notify_one();
        said_all
    };
    let (said_all, heard, (), ()) = tokio::join!(
        speaking,
        listen(phone, number, &call),
        report_digits(phone, number, &call),
        leave(phone, &call, role, began, &finished),
    );
    let end = call.ended().await;
    phone.report.ended(number, &Ending::from(&end));
    phone.report.media(number, &call.stats());
    if let Err(problem) = &heard {
        phone.report.problem(number, problem);
    }
    // Whoever is called cannot decide how long the caller stays.
    let complete = role == Role::Callee || phone.is_stopped() || said_all.is_ok();
    if let (false, Err(problem)) = (complete, &said_all) {
        phone.report.problem(number, format_args!("not all was sent: {problem}"));
    }
    complete && heard.is_ok() && matches!(end.reason, EndReason::LocalHangup | EndReason::RemoteHangup)
}

/// Plays the file, then dials the digits, then plays the tone to the end of the call.
async fn speak(phone: &Phone, call: &Call) -> Result<(), PeerError> {
    if let Some(samples) = &phone.play {
        for second in samples.chunks(AudioFrame::RATE as usize) {
            call.send_audio(second).await?;
        }
        call.flush_audio().await;
    }
    if let Some(digits) = &phone.common.dtmf {
        sleep(BEFORE_DIGITS).await;
        call.send_dtmf(digits).await?;
    }
    if let Some(hz) = phone.common.tone {
        // A whole second holds a whole number of periods: no click between two of them.
        let second = AudioFrame::tone(hz, 1000);
        while call.send_audio(&second).await.is_ok() {}
    }
    if let Some(end) = call.end().filter(|end| end.reason != EndReason::LocalHangup) {
        // A file that the far end cut short was not played.
        return if phone.play.is_some() && phone.common.tone.is_none() { Err(PeerError::Ended(end)) } else { Ok(()) };
    }
    Ok(())
}

/// Records and echoes. Audio that nobody wants is not read at all.
async fn listen(phone: &Phone, number: u64, call: &Call) -> Result<(), Failure> {
    if !phone.common.listens() {
        return Ok(());
    }
    let mut recorder = phone.recording(number).map(|path| Recorder::create(&path)).transpose()?;
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

async fn report_digits(phone: &Phone, number: u64, call: &Call) {
    while let Some(digit) = call.recv_dtmf().await {
        phone.report.dtmf(number, digit);
    }
}

/// Hangs up when it is time; returns when the call is over, whoever ended it.
async fn leave(phone: &Phone, call: &Call, role: Role, began: Instant, finished: &Notify) {
    let common = &phone.common;
    let by_the_clock = common.duration.is_some() || common.hangup_after.is_some();
    let has_a_script = common.play.is_some() || common.dtmf.is_some();
    let leaves_when_done = role == Role::Caller && has_a_script && !by_the_clock && common.tone.is_none();
    let done = async {
        if leaves_when_done {
            finished.notified().await;
            sleep(LINGER).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        _ = call.ended() => {}
        () = done => {}
        () = after(Instant::now(), common.duration) => {}
        () = after(began, common.hangup_after) => {}
        () = phone.stopped() => {}
    }
    if let Err(problem) = call.hangup().await {
        phone.report.problem(0, problem);
    }
}

/// Resolves so long after `start`; never if no time is given.
pub async fn after(start: Instant, time: Option<Duration>) {
    match time {
        Some(time) => sleep_until(start + time).await,
        None => std::future::pending().await,
    }
}
