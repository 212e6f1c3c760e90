//! What the phone prints: sentences for people, or one JSON object a line for programs.

use std::fmt::{Display, Write as _};
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use offhook_core::peer::prelude::{
    AnswerFault, AuthFailure, Call, CallEnd, Counter, Direction, Dtmf, EndReason, IncomingCall, Info,
    MediaPlan, MediaReport, PeerCounters, PeerError, Progress, Refuser, TransferRequest,
};

/// Prints events.
#[derive(Clone, Copy)]
pub struct Reporter {
    pub json: bool,
    pub quiet: bool,
}

impl Reporter {
    pub fn ready(&self, address: SocketAddr, uri: &str) {
        self.say(
            || format!("ready at {uri}"),
            || Line::new("ready").text("address", address).text("uri", uri),
        );
    }

    pub fn registered(&self, expires: u32) {
        self.say(
            || format!("registered for {expires} s"),
            || Line::new("registered").number("expires", expires),
        );
    }

    pub fn register_failed(&self, status: u16, by: Refuser, phrase: &str, retry_in: Option<Duration>) {
        let again = retry_in.map(|pause| pause.as_secs());
        self.say(
            || {
                let why = match by {
                    Refuser::Peer => format!("{by} said {status} {phrase}"),
                    Refuser::Nobody => String::from("nobody answered"),
                    _ => String::from(phrase),
                };
                match again {
                    Some(seconds) => format!("not registered: {why}; again in {seconds} s"),
                    None => format!("not registered: {why}"),
                }
            },
            || {
                let line = Line::new("register-failed").number("status", status).text("phrase", phrase);
                let line = line.text("by", code(by));
                match again {
                    Some(seconds) => line.number("retry_in", seconds),
                    None => line.number("retry_in", "null"),
                }
            },
        );
    }

    /// Why a challenge is not answered, or in vain.
    pub fn unproven(&self, failure: &AuthFailure) {
        self.say(
            || failure.to_string(),
            || {
                let why = match failure {
                    AuthFailure::Missing { .. } => "missing",
                    AuthFailure::Withheld { .. } => "withheld",
                    AuthFailure::Refused { .. } => "refused",
                    _ => "unusable",
                };
                Line::new("unproven").text("credentials", why).text("realm", failure.realm())
            },
        );
    }

    /// What more came than could be dealt with, if it did.
    pub fn overload(&self, counters: &PeerCounters) {
        let turned_away = counters.core.get(Counter::TurnedAway);
        let dropped = counters.network.datagrams_dropped;
        if turned_away + dropped > 0 {
            self.say(
                || format!("overload: {turned_away} calls turned away, {dropped} datagrams dropped"),
                || Line::new("overload").number("turned_away", turned_away).number("dropped", dropped),
            );
        }
    }

    pub fn unregistered(&self) {
        self.say(|| "unregistered".into(), || Line::new("unregistered"));
    }

    pub fn incoming(&self, call: u64, incoming: &IncomingCall) {
        let (from, to) = (incoming.from(), incoming.to());
        self.say(
            || format!("call {call}: {from} calls {to}"),
            || {
                let display = incoming.from_display().unwrap_or_default();
                Line::of("incoming", call).text("from", from).text("display", display).text("to", to)
            },
        );
    }

    pub fn ringing(&self, call: u64, status: u16, phrase: &str) {
        self.say(
            || format!("call {call}: {status} {phrase}"),
            || Line::of("ringing", call).number("status", status).text("phrase", phrase),
        );
    }

    pub fn answered(&self, call: u64, up: &Call) {
        let plan = up.plan();
        let codec = plan.as_ref().map_or("none yet", |plan| plan.codec.name());
        self.say(
            || format!("call {call}: answered, {} in {codec}", up.remote_uri()),
            || {
                let line = Line::of("answered", call).text("remote", up.remote_uri()).text("codec", codec);
                match plan.as_ref().and_then(|plan| plan.remote_rtp) {
                    Some(rtp) => line.text("rtp", rtp),
                    None => line,
                }
            },
        );
    }

    pub fn dtmf(&self, call: u64, dtmf: Dtmf) {
        let Dtmf { digit, duration, .. } = dtmf;
        self.say(
            || format!("call {call}: digit {digit}"),
            || Line::of("dtmf", call).text("digit", digit).number("duration_ms", duration.as_millis()),
        );
    }

    /// What comes before the answer.
    pub fn progress(&self, call: u64, progress: &Progress) {
        let Progress { status, phrase, early_media, redirected_to, .. } = progress;
        if let Some(uri) = redirected_to {
            return self.say(
                || format!("call {call}: goes on to {uri}"),
                || Line::of("redirected", call).text("uri", uri),
            );
        }
        self.ringing(call, *status, phrase);
        if *early_media {
            self.early_media(call, *status);
        }
    }

    pub fn early_media(&self, call: u64, status: u16) {
        self.say(
            || format!("call {call}: audio before the answer"),
            || Line::of("early-media", call).number("status", status),
        );
    }

    /// Something that needs no more words.
    pub fn changed(&self, call: u64, event: &str) {
        self.say(|| format!("call {call}: {event}"), || Line::of(event, call));
    }

    pub fn refused(&self, call: u64, what: &str, error: &PeerError) {
        self.say(
            || format!("call {call}: cannot {what}: {error}"),
            || {
                let line = Line::of("refused", call).text("what", what);
                match error.status() {
                    Some(status) => line.number("status", status),
                    None => line.number("status", "null"),
                }
                .text("phrase", error)
            },
        );
    }

    /// We call somebody for the other side, or to connect the two.
    pub fn calling(&self, call: u64, uri: &str) {
        self.say(|| format!("call {call}: calling {uri}"), || Line::of("calling", call).text("uri", uri));
    }

    pub fn transfer_requested(&self, call: u64, request: &TransferRequest, accepted: bool) {
        let (target, by) = (request.target(), request.referred_by().unwrap_or_default());
        let outcome = if accepted { "accepted" } else { "refused" };
        self.say(
            || format!("call {call}: we are to call {target} instead: {outcome}"),
            || {
                Line::of("transfer-requested", call)
                    .text("target", &target)
                    .text("referred_by", by)
                    .number("attended", request.is_attended())
                    .number("accepted", accepted)
            },
        );
    }

    pub fn transfer(&self, call: u64, status: u16, phrase: &str, done: bool) {
        self.say(
            || format!("call {call}: transfer: {status} {phrase}"),
            || {
                let line = Line::of("transfer", call).number("status", status).text("phrase", phrase);
                line.number("done", done)
            },
        );
    }

    pub fn held(&self, call: u64, held: bool) {
        self.say(
            || format!("call {call}: {}", if held { "they hold us" } else { "they took us back" }),
            || Line::of("held", call).number("held", held),
        );
    }

    /// Nothing has come for so long, or something comes again.
    pub fn silent(&self, call: u64, lasted: Option<Duration>) {
        let Some(lasted) = lasted else {
            return self.say(|| format!("call {call}: we hear them again"), || Line::of("heard", call));
        };
        let seconds = lasted.as_secs();
        self.say(
            || format!("call {call}: nothing heard for {seconds} s"),
            || Line::of("silent", call).number("seconds", seconds),
        );
    }

    pub fn refreshed(&self, call: u64, by_us: bool) {
        let by = if by_us { "us" } else { "them" };
        self.say(
            || format!("call {call}: still there, asked by {by}"),
            || Line::of("refresh", call).text("by", by),
        );
    }

    pub fn info(&self, call: u64, info: &Info) {
        let Info { content_type, body, .. } = info;
        let body = String::from_utf8_lossy(body);
        self.say(
            || format!("call {call}: they say in {content_type:?}: {body:?}"),
            || Line::of("info", call).text("type", content_type).text("body", &body),
        );
    }

    pub fn media_changed(&self, call: u64, plan: &MediaPlan) {
        let (direction, codec) = (which_way(plan.direction), plan.codec.name());
        self.say(
            || format!("call {call}: {direction} in {codec} from now on"),
            || Line::of("media-changed", call).text("direction", direction).text("codec", codec),
        );
    }

    /// They agreed to what we offered and did not say how: everything stays as it was.
    pub fn offer_unanswered(&self, call: u64, fault: AnswerFault) {
        let (why, words) = match fault {
            AnswerFault::Missing => ("missing", "without an answer"),
            _ => ("unusable", "with an answer that is of no use"),
        };
        self.say(
            || format!("call {call}: they agreed to our offer {words}: the media stay as they are"),
            || Line::of("offer-unanswered", call).text("answer", why),
        );
    }

    pub fn ended(&self, call: u64, ending: &Ending) {
        let Ending { reason, status, words, by } = ending;
        self.say(
            || format!("call {call}: ended: {words}"),
            || {
                let line = Line::of("ended", call).text("reason", reason);
                match status {
                    Some(status) => line.number("status", status),
                    None => line.number("status", "null"),
                }
                .text("phrase", words)
                .text("by", code(*by))
            },
        );
    }

    pub fn media(&self, call: u64, report: &MediaReport) {
        let expected = report.received_packets + report.lost;
        let loss = if expected == 0 { 0.0 } else { report.lost as f64 / expected as f64 };
        let jitter_ms = report.jitter.as_secs_f64() * 1e3;
        let MediaReport { sent_packets, received_packets, lost, .. } = report;
        self.say(
            || {
                let percent = loss * 100.0;
                let jitter = jitter_ms;
                format!(
                    "call {call}: sent {sent_packets} packets, received {received_packets}, lost {lost} \
                     ({percent:.1} %), jitter {jitter:.2} ms"
                )
            },
            || {
                Line::of("media", call)
                    .number("packets", received_packets)
                    .number("packets_sent", sent_packets)
                    .number("lost", lost)
                    .number("loss", format_args!("{loss:.4}"))
                    .number("jitter_ms", format_args!("{jitter_ms:.3}"))
                    .number("late", report.late)
                    .number("duplicate", report.duplicate)
                    .number("reordered", report.reordered)
                    .number("concealed", report.concealed_frames)
            },
        );
    }

    /// Something the user must know whatever they asked for.
    pub fn problem(&self, call: u64, problem: impl Display) {
        eprintln!("phone: call {call}: {problem}");
    }

    /// Prints one of the two forms, and builds only that one.
    fn say(&self, sentence: impl FnOnce() -> String, line: impl FnOnce() -> Line) {
        let text = match (self.json, self.quiet) {
            (true, _) => line().finish(),
            (false, false) => sentence(),
            (false, true) => return,
        };
        // Whoever reads us may have gone: that is no reason to drop calls.
        writeln!(std::io::stdout().lock(), "{text}").ok();
    }
}

/// How a call ended, whichever way we learnt of it.
pub struct Ending {
    pub reason: &'static str,
    pub status: Option<u16>,
    pub words: String,
    /// Who ended it, or said no.
    pub by: Refuser,
}

const fn code(by: Refuser) -> &'static str {
    match by {
        Refuser::Peer => "peer",
        Refuser::Network => "network",
        Refuser::Nobody => "nobody",
        _ => "us",
    }
}

impl From<&CallEnd> for Ending {
    fn from(end: &CallEnd) -> Self {
        Self {
            reason: name(end.reason),
            status: end.status,
            words: end.to_string(),
            by: end.reason.refuser(),
        }
    }
}

impl From<&PeerError> for Ending {
    fn from(error: &PeerError) -> Self {
        let reason = match error {
            PeerError::Ended(end) => return end.into(),
            PeerError::Rejected { .. } => "rejected",
            PeerError::NoAnswer => "no_answer",
            PeerError::NoResponse { .. } => "timeout",
            PeerError::NetworkLost { .. } => "network_error",
            PeerError::Unresolvable { .. } => "name_failure",
            PeerError::NoCommonMedia { .. } => "no_common_media",
            PeerError::Cancelled | PeerError::CallerGaveUp => "cancelled",
            _ => "failed",
        };
        // Silence counts as 408 (RFC 3261 section 8.1.3.1).
        let silence = matches!(error, PeerError::NoResponse { .. }).then_some(408);
        Self { reason, status: error.status().or(silence), words: error.to_string(), by: error.refuser() }
    }
}

const fn which_way(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    }
}

const fn name(reason: EndReason) -> &'static str {
    match reason {
        EndReason::LocalHangup => "local_hangup",
        EndReason::RemoteHangup => "remote_hangup",
        EndReason::Cancelled => "cancelled",
        EndReason::Rejected => "rejected",
        EndReason::Declined => "declined",
        EndReason::NoAnswer => "no_answer",
        EndReason::Timeout => "timeout",
        EndReason::AckTimeout => "ack_timeout",
        EndReason::NetworkError => "network_error",
        EndReason::NameFailure => "name_failure",
        EndReason::NoCommonMedia => "no_common_media",
        EndReason::Undecided => "undecided",
        EndReason::SessionExpired => "session_expired",
        EndReason::RefreshRefused => "refresh_refused",
        EndReason::MediaTimeout => "media_timeout",
        EndReason::RemoteGone => "remote_gone",
        EndReason::Transferred => "transferred",
        EndReason::Replaced => "replaced",
        _ => "failed",
    }
}

/// One JSON object, written as it grows.
struct Line(String);

impl Line {
    fn new(event: &str) -> Self {
        Self(String::from("{")).text("event", event)
    }

    fn of(event: &str, call: u64) -> Self {
        Self::new(event).number("call", call)
    }

    /// A value that is JSON as it stands.
    fn number(mut self, key: &str, value: impl Display) -> Self {
        self.key(key);
        self.push(format_args!("{value}"));
        self
    }

    fn text(mut self, key: &str, value: impl Display) -> Self {
        self.key(key);
        self.0.push('"');
        for c in value.to_string().chars() {
            match c {
                '"' | '\\' => self.push(format_args!("\\{c}")),
                // Control characters, and what could turn text around on a terminal.
                c if c.is_control() || matches!(c, '\u{2028}'..='\u{202e}') => {
                    self.push(format_args!("\\u{:04x}", u32::from(c)));
                }
                c => self.0.push(c),
            }
        }
        self.0.push('"');
        self
    }

    fn key(&mut self, key: &str) {
        let comma = if self.0.len() > 1 { "," } else { "" };
        self.push(format_args!("{comma}\"{key}\":"));
    }

    fn push(&mut self, piece: std::fmt::Arguments<'_>) {
        self.0.write_fmt(piece).expect("a string takes all that is written to it");
    }

    fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}
