//! Audio before the answer.

use offhook_core::peer::Runtime;
use offhook_core::peer::prelude::{AudioFrame, EarlyAudio, IncomingCall};

use crate::Phone;
use crate::wav::{Failure, Recorder};

/// A tenth of a second: such a frame is taken as a whole or not at all.
const PIECE: usize = 800;

/// What was begun before the answer and goes on after it.
#[derive(Default)]
pub struct Begun {
    /// The recording, if it has begun.
    pub recorder: Option<Recorder>,
    /// Samples of the file to play that have been said.
    pub said: usize,
}

/// Keeps what is heard, if it is to be kept.
fn keep<R: Runtime>(
    phone: &Phone<R>,
    number: u64,
    recorder: &mut Option<Recorder>,
    frame: &AudioFrame,
) -> Result<(), Failure> {
    let Some(path) = phone.recording(number) else { return Ok(()) };
    if recorder.is_none() {
        *recorder = Some(Recorder::create(&path)?);
    }
    recorder.as_mut().map_or(Ok(()), |recorder| recorder.frame(frame))
}

/// Keeps what is heard of a call that we make, until it is decided.
pub async fn overhear<R: Runtime>(
    phone: &Phone<R>,
    number: u64,
    early: Option<EarlyAudio>,
) -> Result<Begun, Failure> {
    let mut begun = Begun::default();
    if let (Some(early), true) = (early, phone.common.record.is_some()) {
        while let Some(frame) = early.recv().await {
            keep(phone, number, &mut begun.recorder, &frame)?;
        }
    }
    Ok(begun)
}

/// Lets the caller hear something, and hears it, for as long as it is polled and the call waits for its answer.
pub async fn serve<R: Runtime>(
    phone: &Phone<R>,
    number: u64,
    incoming: &IncomingCall,
    begun: &mut Begun,
) -> Result<(), Failure> {
    incoming.progress_with_audio()?;
    phone.report.early_media(number, 183);
    if phone.common.hold_early {
        incoming.hold()?;
    }
    let Begun { recorder, said } = begun;
    let speak = async {
        if let Some(samples) = &phone.play {
            for piece in samples.chunks(PIECE) {
                incoming.send_audio(piece).await?;
                *said += piece.len();
            }
        }
        if let Some(hz) = phone.common.tone {
            // Whole periods of every whole number of hertz would take a second; a click now and then does no harm.
            let piece = AudioFrame::tone(hz, 100);
            while incoming.send_audio(&piece).await.is_ok() {}
        }
        std::future::pending::<Result<(), Failure>>().await
    };
    let hear = async {
        while let Some(frame) = incoming.recv_audio().await {
            keep(phone, number, recorder, &frame)?;
            if phone.common.echo && incoming.send_audio(frame).await.is_err() {
                break;
            }
        }
        std::future::pending::<Result<(), Failure>>().await
    };
    tokio::select! {
        spoken = speak => spoken,
        heard = hear => heard,
    }
}
