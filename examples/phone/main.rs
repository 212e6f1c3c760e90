//! A scriptable SIP phone: it takes calls or makes them, plays, records, echoes, sends and hears digits.
//!
//! ```text
//! cargo run --release --example phone -- listen --bind 127.0.0.1:5060 --answer --echo
//! cargo run --release --example phone -- call sip:bob@127.0.0.1:5060 --play hello.wav --record heard.wav
//! ```
//!
//! `listen` answers unless it is told to ring only or to reject, until Ctrl-C or until `--calls` calls are over. `call`
//! hangs up when `--duration` is over, or when all it had to play and to dial has been sent; else when the far
//! end does, or at Ctrl-C (of several calls that have nothing to do, each is hung up after half a second). With `--json` each event is one JSON object on a line, the first is `ready`. The exit
//! status is 0 when every call that was asked for did what was asked, 1 when one did not, 2 for a bad command line.
//!
//! `--record-trace FILE` keeps the signalling for `cargo run --example replay -- FILE`; `--ladder OUT.html` draws it.
//!
//! `options.rs` is the command line, `dial.rs` and `listen.rs` make and take calls, `early.rs` is what is heard before the answer, `talk.rs` what happens
//! while one is up, `script.rs` what is done to it by the clock, `register.rs` registers, `crowd.rs` answers thousands as cheaply as it can be done, `crew.rs` runs several beside each other,
//! `report.rs` prints, `trace.rs` records. All of it is the same on every runtime (`--runtime`); of tokio it uses the parts that need no tokio
//! underneath: `select!` and `join!`, and what tasks tell each other through.

mod crew;
mod crowd;
mod dial;
mod early;
mod listen;
mod options;
mod register;
mod report;
mod script;
mod talk;
mod trace;
#[path = "../support/wav.rs"]
mod wav;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser;
use offhook_core::peer::prelude::{Config, Instant};
use offhook_core::peer::{Runtime, Timer, UnifiedCoordinator};
use offhook_smol::Smol;
use offhook_tokio::Tokio;
use tokio::sync::watch;

use options::{Command, Common, Manner, Options, Silent};
use report::Reporter;
use wav::Failure;

/// What every call of this phone shares.
struct Phone<R> {
    runtime: R,
    stack: UnifiedCoordinator<R>,
    common: Common,
    report: Reporter,
    /// The file of `--play`, read once.
    play: Option<Arc<[i16]>>,
    stop: watch::Receiver<bool>,
    /// Calls so far: each has a number.
    numbers: AtomicU64,
}

impl<R: Runtime> Phone<R> {
    fn now(&self) -> Instant {
        self.runtime.now()
    }

    async fn sleep_until(&self, at: Instant) {
        let mut timer = self.runtime.timer();
        timer.set(at);
        std::future::poll_fn(|cx| timer.poll(cx)).await;
    }

    async fn sleep(&self, time: Duration) {
        self.sleep_until(self.now() + time).await;
    }

    /// Resolves so long after `start`; never if no time is given.
    async fn after(&self, start: Instant, time: Option<Duration>) {
        match time {
            Some(time) => self.sleep_until(start + time).await,
            None => std::future::pending().await,
        }
    }

    /// Resolves when somebody wants us to end.
    async fn stopped(&self) {
        let mut stop = self.stop.clone();
        // The sender lives as long as the program; were it gone, that would be a stop too.
        stop.wait_for(|stop| *stop).await.ok();
    }

    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// The number of the next call.
    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Where call number `call` is recorded: the first in the file as named, later ones in FILE-2.wav, FILE-3.wav …
    fn recording(&self, call: u64) -> Option<PathBuf> {
        let path = self.common.record.as_ref()?;
        if call == 1 {
            return Some(path.clone());
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let extension = path.extension().map_or_else(|| "wav".into(), |e| e.to_string_lossy());
        Some(path.with_file_name(format!("{stem}-{call}.{extension}")))
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    // A call takes two sockets. Where this fails the phone serves as many calls as there is room for.
    drop(offhook_common::raise_descriptor_limit());
    let outcome = match options.command.common().runtime {
        options::Runtime::Tokio => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::from)
            .and_then(|tokio| tokio.block_on(run::<Tokio>(options))),
        // In a task, so that everything happens on smol's one thread.
        options::Runtime::Smol => smol::block_on(smol::spawn(run::<Smol>(options))),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("phone: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run<R: Runtime>(options: Options) -> Result<bool, Failure> {
    let common = options.command.common().clone();
    let default_bind = match options.command {
        Command::Listen(_) => "0.0.0.0:5060",
        Command::Call(_) => "0.0.0.0:0",
    };
    let play = common.play.as_deref().map(wav::read).transpose()?.map(Arc::from);
    if let Some(path) = &common.record {
        // A file that cannot be written is better known before the call than after it.
        wav::write(path, &[])?;
    }
    let bind = match common.bind {
        Some(bind) => bind,
        None => default_bind.parse()?,
    };
    let mut config = Config::new(&common.user, bind).codecs(common.codec.clone());
    if let Some(ports) = common.rtp_ports.clone() {
        config = config.rtp_ports(ports);
    }
    config.core.session_expires = common.session_expires;
    config.silence = common.media_timeout.or(config.silence);
    config.core.reliable = common.reliable.into();
    if let Command::Call(call) = &options.command {
        config.core.redirects_max = call.redirects;
    }
    if let Some(credentials) = common.credentials() {
        config = config.credentials(credentials);
    }
    if let Some(address) = common.address() {
        config = config.address_of_record(&address);
    }
    for source in &common.trusted {
        config = config.trusted_source(*source);
    }
    if let Some(name) = &common.display {
        config = config.display_name(name);
    }

    let trace = trace::Trace::create(&common)?;
    if let Some(recorder) = trace.recorder()? {
        config = config.record(recorder);
    }

    let (stop, runtime) = (stop_signal()?, R::current()?);
    let numbers = AtomicU64::new(0);
    let report = Reporter { json: common.json, quiet: common.quiet };
    let good = match options.command {
        Command::Listen(listen) => {
            let crowd = listen.is_crowd();
            let stack = match listen.manner() {
                // Whoever is refused must not hear it ring before: that takes a handler.
                Manner::Reject(_) | Manner::Redirect(_) => {
                    UnifiedCoordinator::with_handler(config, Silent).await?
                }
                _ => UnifiedCoordinator::new(config.auto_answer(crowd)).await?,
            };
            let phone = Arc::new(Phone { runtime, stack, common, report, play, stop, numbers });
            phone.report.ready(phone.stack.local_addr(), &phone.stack.uri());
            let registration = register::begin(&phone)?;
            let good =
                if crowd { crowd::answer(&phone).await } else { listen::take_calls(&phone, &listen).await };
            finish(&phone, registration, &trace).await?;
            good
        }
        Command::Call(call) => {
            let stack = UnifiedCoordinator::new(config).await?;
            let phone = Arc::new(Phone { runtime, stack, common, report, play, stop, numbers });
            phone.report.ready(phone.stack.local_addr(), &phone.stack.uri());
            let mut registration = register::begin(&phone)?;
            let made = registration.is_made(&phone).await;
            if !made && !phone.is_stopped() {
                eprintln!("phone: without a registration nobody is called");
            }
            let good = made && dial::make_calls(&phone, &call).await;
            finish(&phone, registration, &trace).await?;
            good
        }
    };
    Ok(good)
}

/// Ends everything and sees to it that what was to be recorded is.
async fn finish<R: Runtime>(
    phone: &Phone<R>,
    registration: register::Registration,
    trace: &trace::Trace,
) -> Result<(), Failure> {
    phone.stack.shutdown().await;
    registration.over().await;
    trace.finish(phone.stack.recording())
}

/// Becomes true at the first Ctrl-C (or SIGTERM); the second ends the program on the spot.
fn stop_signal() -> Result<watch::Receiver<bool>, Failure> {
    let (stop, stopped) = watch::channel(false);
    ctrlc::set_handler(move || {
        if stop.send_replace(true) {
            std::process::exit(130);
        }
    })?;
    Ok(stopped)
}
