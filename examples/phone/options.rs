//! The command line.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use offhook_core::peer::prelude::{
    AddressPrefix, CodecList, Credentials, Deferral, InviteDetails, Reliable, SignalingDecision,
    SignalingHandler,
};
use offhook_core::wire::Uri;

/// Where `--help` shows what is done to a call that is up.
const SCRIPT: &str = "While a call is up";

/// A scriptable SIP phone.
#[derive(Parser)]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Take calls.
    Listen(Listen),
    /// Make calls.
    Call(Call),
}

/// `phone listen`
#[derive(Args)]
pub struct Listen {
    #[command(flatten)]
    policy: Policy,
    /// Let the caller hear --play or --tone while it rings, and record and echo what it says (183).
    #[arg(long)]
    pub early_media: bool,
    #[command(flatten)]
    pub common: Common,
}

/// What to do with a call that comes in.
#[derive(Args)]
#[group(multiple = false)]
struct Policy {
    /// Answer at once (this is also what happens when nothing else is said).
    #[arg(long)]
    answer: bool,
    /// Ring for so long, then answer.
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    answer_after: Option<Duration>,
    /// Refuse with this status, without ringing.
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(300..=699))]
    reject: Option<u16>,
    /// Ring until the caller gives up.
    #[arg(long)]
    ring_only: bool,
    /// Send the caller elsewhere (302), without ringing.
    #[arg(long, value_name = "URI")]
    redirect: Option<String>,
}

/// What [`Policy`] comes to.
#[derive(Clone, PartialEq, Eq)]
pub enum Manner {
    AnswerAfter(Duration),
    Reject(u16),
    Redirect(String),
    RingOnly,
}

impl Listen {
    pub fn manner(&self) -> Manner {
        let Policy { reject, ring_only, redirect, answer_after, .. } = &self.policy;
        match (reject, redirect, ring_only) {
            (Some(status), ..) => Manner::Reject(*status),
            (_, Some(uri), _) => Manner::Redirect(uri.clone()),
            (.., true) => Manner::RingOnly,
            (.., false) => Manner::AnswerAfter(answer_after.unwrap_or_default()),
        }
    }

    /// Whether calls only have to be answered and held: nobody wants to hear, say or know anything in between.
    pub fn is_crowd(&self) -> bool {
        let common = &self.common;
        self.manner() == Manner::AnswerAfter(Duration::ZERO)
            && common.quiet
            && !common.json
            && !common.has_audio()
            && common.dtmf.is_none()
            && common.duration.is_none()
            && !common.has_script()
            && !common.accept_transfers
            && common.hangup_after.is_none()
    }
}

/// Lets every call in without a sound.
pub struct Silent;

impl SignalingHandler for Silent {
    async fn on_incoming_invite(&self, _invite: InviteDetails) -> SignalingDecision {
        SignalingDecision::Defer(Deferral::default())
    }
}

/// `phone call`
#[derive(Args, Clone)]
pub struct Call {
    /// Whom to call, as in sip:bob@192.0.2.7:5060.
    pub uri: String,
    /// Leave the offer of media to the other side: call without a session description.
    #[arg(long)]
    pub late_offer: bool,
    /// How often the call may be sent elsewhere (3xx).
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub redirects: u8,
    #[command(flatten)]
    pub common: Common,
}

/// What the phone runs on. It behaves the same on each.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Runtime {
    Tokio,
    Smol,
}

/// How much is made of reliable provisional responses.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HowReliable {
    Never,
    Supported,
    Required,
}

impl From<HowReliable> for Reliable {
    fn from(how: HowReliable) -> Self {
        match how {
            HowReliable::Never => Self::Never,
            HowReliable::Supported => Self::Supported,
            HowReliable::Required => Self::Required,
        }
    }
}

/// What both commands understand.
#[derive(Args, Clone)]
pub struct Common {
    /// Where to listen for SIP; port 0 takes any [default: 0.0.0.0:5060 to listen, 0.0.0.0:0 to call].
    #[arg(long, value_name = "IP:PORT")]
    pub bind: Option<SocketAddr>,
    /// Say this, once.
    #[arg(long, value_name = "FILE.wav")]
    pub play: Option<PathBuf>,
    /// Save what is heard; the second call goes to FILE-2.wav, and so on.
    #[arg(long, value_name = "FILE.wav")]
    pub record: Option<PathBuf>,
    /// Send back what is heard.
    #[arg(long, conflicts_with_all = ["play", "tone"])]
    pub echo: bool,
    /// Play a tone for as long as the call lasts (after --play and --dtmf).
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(1..=3999))]
    pub tone: Option<u32>,
    /// Send these digits (after --play): 0-9 * # A-D.
    #[arg(long, value_name = "DIGITS", value_parser = digits)]
    pub dtmf: Option<String>,
    /// Hang up so long after the answer.
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    pub duration: Option<Duration>,
    /// Hold the call so long after the answer: the other side hears nothing, and is asked to send nothing.
    #[arg(long, value_name = "MS", value_parser = milliseconds, help_heading = SCRIPT)]
    pub hold_after: Option<Duration>,
    /// Hold the call as soon as something may be heard before the answer, or else with the answer.
    #[arg(long, conflicts_with = "hold_after", help_heading = SCRIPT)]
    pub hold_early: bool,
    /// Take the call back so long after the answer.
    #[arg(long, value_name = "MS", value_parser = milliseconds, help_heading = SCRIPT)]
    pub resume_after: Option<Duration>,
    /// Let the other side call this URI in our place; our call ends when the two are connected.
    #[arg(long, value_name = "URI", help_heading = SCRIPT)]
    pub transfer_to: Option<String>,
    /// When to do that [default: at once].
    #[arg(long, value_name = "MS", value_parser = milliseconds, requires = "transfer_to", help_heading = SCRIPT)]
    pub transfer_after: Option<Duration>,
    /// Hold the call, call the URI of --transfer-to ourselves, and when it has answered connect the two.
    #[arg(long, requires = "transfer_to", help_heading = SCRIPT)]
    pub attended: bool,
    /// Call somebody else in our place when the other side asks for it; without this it is refused with 603. The new call is
    /// one more call of this program.
    #[arg(long, alias = "accept-transfer", help_heading = SCRIPT)]
    pub accept_transfers: bool,
    /// Hang up when the other side should send and nothing has come for so long; on hold that is as it should be. After two
    /// minutes without so much as a report of it a call is hung up in any case.
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub media_timeout: Option<Duration>,
    /// Ask for a sign of life of the call every so often: in the middle of so many seconds, 90 at least.
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub session_expires: Option<Duration>,
    /// Whether provisional responses are to be sent so that they cannot get lost (100rel).
    #[arg(long, value_name = "HOW MUCH", value_enum, default_value = "supported")]
    pub reliable: HowReliable,
    /// Calls to make, or to take before the program ends [default: 1 to call, no end to listen].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub calls: Option<u64>,
    /// Codecs, best first.
    #[arg(long, value_name = "NAMES", default_value = "pcmu,pcma")]
    pub codec: CodecList,
    /// Ports for RTP and RTCP.
    #[arg(long, value_name = "LO-HI", value_parser = ports)]
    pub rtp_ports: Option<RangeInclusive<u16>>,
    /// A trunk or a proxy, as an address or a network (192.0.2.7, 192.0.2.0/24): no limit for one source holds for it. May
    /// be given several times.
    #[arg(long, value_name = "ADDR")]
    pub trusted: Vec<AddressPrefix>,
    /// Our user name.
    #[arg(long, value_name = "NAME", default_value = "phone")]
    pub user: String,
    /// Register there, so that calls for us come here: sip:registrar.example, or sip:alice@registrar.example if alice is not
    /// who --user says. Calls are made once that is done, and none if the registrar is not there or refuses.
    #[arg(long, value_name = "URI")]
    pub register: Option<String>,
    /// Register for so many seconds at a time.
    #[arg(long, value_name = "S", value_parser = seconds, default_value = "3600", requires = "register")]
    pub expires: Duration,
    /// The name that we prove with --password [default: that of --user].
    #[arg(long, value_name = "NAME")]
    pub auth_user: Option<String>,
    /// What we answer with when we are asked who we are (401, 407). Others on this machine can see it here; the environment
    /// variable OFFHOOK_PASSWORD is the same, and they cannot.
    #[arg(long, value_name = "PASSWORD")]
    pub password: Option<String>,
    /// Whom --password is for: the realm that the server asks in. Without it, the registrar (--register) is told, and
    /// nobody else.
    #[arg(long, value_name = "REALM")]
    pub realm: Option<String>,
    /// The name that the people we call see.
    #[arg(long, value_name = "NAME")]
    pub display: Option<String>,
    /// Give up or hang up so long after the call began, answered or not.
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    pub hangup_after: Option<Duration>,
    /// Write all that the signalling side is told and says, to be replayed with the `replay` example. Credentials are
    /// masked.
    #[arg(long, value_name = "FILE")]
    pub record_trace: Option<PathBuf>,
    /// At the end, draw who sent what when as a page for a browser.
    #[arg(long, value_name = "OUT.html")]
    pub ladder: Option<PathBuf>,
    /// The runtime it runs on.
    #[arg(long, value_name = "NAME", value_enum, default_value = "tokio")]
    pub runtime: Runtime,
    /// Print each event as one JSON object on a line.
    #[arg(long)]
    pub json: bool,
    /// Print nothing for people (events of --json are printed all the same).
    #[arg(long)]
    pub quiet: bool,
}

impl Command {
    pub const fn common(&self) -> &Common {
        match self {
            Self::Listen(listen) => &listen.common,
            Self::Call(call) => &call.common,
        }
    }
}

impl Common {
    /// Where we can be called: where we register.
    pub fn address(&self) -> Option<String> {
        let registrar = Uri::parse(self.register.as_ref()?.as_bytes()).ok()?;
        let user = registrar.user.map_or_else(|| self.user.clone().into(), String::from_utf8_lossy);
        let port = registrar.port.map(|port| format!(":{port}")).unwrap_or_default();
        Some(format!("sip:{user}@{}{port}", registrar.host))
    }

    /// What we prove our name with.
    pub fn credentials(&self) -> Option<Credentials> {
        let password = self.password.clone().or_else(|| std::env::var("OFFHOOK_PASSWORD").ok())?;
        let username = self.auth_user.clone().unwrap_or_else(|| self.user.clone());
        let credentials = Credentials::new(username, password);
        Some(match &self.realm {
            Some(realm) => credentials.for_realm(realm),
            None => credentials,
        })
    }

    /// Whether anything is to be said or heard.
    pub fn has_audio(&self) -> bool {
        self.listens() || self.play.is_some() || self.tone.is_some()
    }

    /// Whether anything is to be done to a call by the clock.
    pub const fn has_script(&self) -> bool {
        self.hold_after.is_some()
            || self.hold_early
            || self.resume_after.is_some()
            || self.transfer_to.is_some()
    }

    /// Whether anything is done with what is heard.
    pub fn listens(&self) -> bool {
        self.record.is_some() || self.echo
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: u64 = text.parse().map_err(|_| "want a whole number of seconds".to_string())?;
    Ok(Duration::from_secs(seconds))
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let ms: u64 = text.parse().map_err(|_| "want a whole number of milliseconds".to_string())?;
    Ok(Duration::from_millis(ms))
}

fn digits(text: &str) -> Result<String, String> {
    match text.chars().find(|digit| !matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D' | 'a'..='d')) {
        Some(wrong) => Err(format!("{wrong:?} is on no keypad: use 0-9 * # A-D")),
        None if text.is_empty() => Err("no digits".to_string()),
        None => Ok(text.to_ascii_uppercase()),
    }
}

fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || format!("{text:?} is not LO-HI, as in 20000-20099");
    let (low, high) = text.split_once('-').ok_or_else(wrong)?;
    let (low, high) = (low.parse().map_err(|_| wrong())?, high.parse().map_err(|_| wrong())?);
    if low >= high {
        return Err(format!("{low}-{high} holds no pair of ports"));
    }
    Ok(low..=high)
}
