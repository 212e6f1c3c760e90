//! What a coordinator may be told before it starts.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::consent::HeaderConsent;
use super::identity::{CallerIdentity, Privacy};
use crate::auth::Credentials;
use crate::base::ids::UserTag;
use crate::base::sources::AddressPrefix;
use crate::sdp::CodecList;
use crate::signaling::CommandError;
use crate::transaction::Timing;
use crate::wire::limits::WireLimits;
use crate::wire::uri::Uri;
use crate::wire::{check_text, check_token};

/// Settings of a [`UnifiedCoordinator`](crate::coordinator::UnifiedCoordinator).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CoordinatorConfig {
    /// User part of our address: `alice` of `sip:alice@192.0.2.1`.
    pub user: String,
    /// Name shown to the people we call.
    pub display_name: Option<String>,
    /// Value of User-Agent and Server.
    pub user_agent: String,
    /// T1, T2 and T4 of RFC 3261 section 17.
    pub timing: Timing,
    /// Bounds on what peers may use.
    pub limits: Limits,
    /// Codecs we offer and take, best first.
    pub codecs: CodecList,
    /// Whether telephone-event (RFC 4733) is offered and taken.
    pub dtmf: bool,
    /// Whether keys that the application presses go by INFO (`application/dtmf-relay`) to a peer that takes no
    /// telephone-events.
    pub dtmf_by_info: bool,
    /// Info-Packages (RFC 6086) that the application wants to get; INFO with any other is refused with 469.
    pub info_packages: Vec<String>,
    /// Event packages (RFC 6665) that the application lets others subscribe to; SUBSCRIBE for any other gets 489.
    pub event_packages: Vec<String>,
    /// Types of body parts that the application takes besides session descriptions, such as `application/isup` or
    /// `application/pidf+xml`: it finds them in [`MessageDetails::parts`](crate::signaling::MessageDetails::parts). An INVITE
    /// or UPDATE with a part of any other type that must be handled (RFC 3261 section 20.11) is refused with 415.
    pub body_types: Vec<String>,
    /// Whether the application wants messages (RFC 3428); if not, they are refused with 405.
    pub messages: bool,
    /// How many times an outgoing call may be sent elsewhere (3xx) before it is given up; 0 follows none.
    pub redirects_max: u8,
    /// Which header fields that a redirection wishes for go along to the next place. None by default;
    /// [`Redirected`](crate::api::Event::Redirected) tells what it wished for.
    pub redirect_headers: HeaderConsent,
    /// How long an outgoing call may go unanswered before it is cancelled.
    pub ring_timeout: Duration,
    /// How long an incoming call may go undecided before it is refused with 480.
    pub answer_timeout: Duration,
    /// Whether [`Progress`](crate::api::Event::Progress), [`Answered`](crate::api::Event::Answered) and every
    /// [`Ended`](crate::api::Event::Ended) bring the message that they tell of, for its header fields. A copy of each costs memory for as long as
    /// the application holds the event, so it is off; refusals and reasons for hanging up come in any case.
    pub keep_messages: bool,
    /// How many bound media ports should lie ready for the next calls.
    pub media_ports_ready: usize,
    /// How long a call may go on without a refresh (RFC 4028). `None` asks for none, but does as the peer wishes.
    pub session_expires: Option<Duration>,
    /// The shortest such time that is accepted; below 90 s it counts as that.
    pub min_se: Duration,
    /// Whether provisional responses are sent so that they cannot get lost (RFC 3262).
    pub reliable: Reliable,
    /// Where requests within a call go when the peer's Contact looks wrong.
    pub peer_contacts: PeerContacts,
    /// From where a request within a dialog may come. [`Any`](PeerSource::Any) by default, as the RFC has it.
    pub peer_source: PeerSource,
    /// Where others call us, such as `sip:alice@example.com` (an address-of-record): the From of what we send outside a
    /// dialog. `None` is our user at the address that we send from, which few registrars and carriers accept.
    pub address_of_record: Option<String>,
    /// Whether the Contact of a registration, and of calls through that registrar, follows the address that the registrar has
    /// seen us at (`received` and `rport` of the Via, RFC 3581): behind a NAT nobody reaches us at any other.
    pub learn_contact: bool,
    /// The longest pause before a registration that failed is tried again, if the registrar asks for no longer one
    /// (Retry-After): RFC 5626 section 4.5 has 1800 s, which is the most that can be set here. Each pause is, at random,
    /// between half of the longest for so many failures in a row and all of it:
    ///
    /// | failures in a row | pause with 60 s, the default | with 1800 s |
    /// |---|---|---|
    /// | 1 | 15 to 30 s | 15 to 30 s |
    /// | 2 | 30 to 60 s | 30 to 60 s |
    /// | 3 | 30 to 60 s | 60 to 120 s |
    /// | 4 | 30 to 60 s | 120 to 240 s |
    /// | 5 | 30 to 60 s | 240 to 480 s |
    /// | 6 | 30 to 60 s | 480 to 960 s |
    /// | 7 | 30 to 60 s | 900 to 1800 s |
    pub registration_retry_max: Duration,
    /// What we prove our name with when a digest challenge (401, 407) comes from whom they are for.
    pub credentials: Vec<Credentials>,
    /// Trunks and proxies, through which many call at once: no limit for one source holds for them. Empty by default.
    /// [`trust_source`](crate::coordinator::UnifiedCoordinator::trust_source) adds to them while calls are up.
    pub trusted_sources: Vec<AddressPrefix>,
}

/// How much is made of reliable provisional responses (RFC 3262, `100rel`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Reliable {
    /// They are not offered, and a caller who requires them is refused with 420.
    Never,
    /// They are offered, and used for what an application or a caller wants to be sure of: early media.
    #[default]
    Supported,
    /// They are required of both who calls us (421 otherwise) and whom we call.
    Required,
}

/// Where requests within a call go that has no route set (RFC 3261 section 12.2.1.1): a peer behind a NAT may give a
/// Contact that only its own network can reach. The Request-URI is the Contact in any case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum PeerContacts {
    /// To the Contact, whatever it is.
    AsGiven,
    /// To where its messages come from if the Contact is an address of a private network and they are not from one, or of the other IP
    /// version, or a name that stands for such an address; else to the Contact.
    #[default]
    Private,
    /// Always to where its messages come from.
    Source,
}

/// From where a request within a dialog may come: re-INVITE, UPDATE, BYE, REFER, INFO, NOTIFY and all others, ACK and CANCEL
/// too. Tags and Call-ID name a dialog (RFC 3261 section 12) and cannot be guessed, but whoever reads a message on its way
/// knows them.
///
/// What comes from elsewhere gets 403 and changes nothing, not even the sequence of numbers; an ACK is dropped; both are
/// counted in [`ForeignSource`](crate::api::Counter::ForeignSource). Sources that are
/// [trusted](CoordinatorConfig::trusted_sources), and the registrar that we are registered at, may send from anywhere:
/// proxies that share a name. Responses are not looked at: the branch that they need goes to nobody but whom we ask.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum PeerSource {
    /// From anywhere: a peer may move to another network, and proxies may take turns.
    #[default]
    Any,
    /// From the IP address that the dialog began at, or the one that our requests in it go to.
    SameAddress,
    /// From the same address and port.
    SameFlow,
}

impl Default for CoordinatorConfig {
    fn default() -> Self {
        Self {
            user: String::from("offhook"),
            display_name: None,
            user_agent: String::from(concat!("Offhook/", env!("CARGO_PKG_VERSION"))),
            timing: Timing::default(),
            limits: Limits::default(),
            codecs: CodecList::default(),
            dtmf: true,
            dtmf_by_info: true,
            info_packages: Vec::new(),
            event_packages: Vec::new(),
            body_types: Vec::new(),
            messages: false,
            redirects_max: 5,
            redirect_headers: HeaderConsent::Nothing,
            ring_timeout: Duration::from_secs(180),
            answer_timeout: Duration::from_secs(180),
            keep_messages: false,
            media_ports_ready: 4,
            session_expires: None,
            min_se: Duration::from_secs(90),
            reliable: Reliable::default(),
            peer_contacts: PeerContacts::default(),
            peer_source: PeerSource::default(),
            address_of_record: None,
            learn_contact: true,
            registration_retry_max: Duration::from_secs(60),
            credentials: Vec::new(),
            trusted_sources: Vec::new(),
        }
    }
}

impl CoordinatorConfig {
    /// Looks for settings that could not be sent: a user that fits no URI, or CR, LF or NUL anywhere.
    ///
    /// The runtimes check before they start. Whoever drives the core by hand and does not check gets a space for
    /// each such octet: nothing that is set here can end a header line.
    pub fn check(&self) -> Result<(), CommandError> {
        let bad =
            |what, why: &dyn core::fmt::Display| CommandError::BadArgument { what, why: why.to_string() };
        let uri = alloc::format!("sip:{}@192.0.2.1", self.user);
        check_text(&self.user).map_err(|error| bad("user", &error))?;
        let fits = Uri::parse(uri.as_bytes()).is_ok_and(|uri| uri.user == Some(self.user.as_bytes()));
        if self.user.is_empty() || !fits {
            return Err(bad(
                "user",
                &"it must fit in sip:USER@host; escape what does not, such as %20 for a space",
            ));
        }
        check_text(self.display_name.as_deref().unwrap_or_default())
            .map_err(|error| bad("display name", &error))?;
        for package in self.info_packages.iter().chain(&self.event_packages) {
            check_token(package).map_err(|error| bad("package", &error))?;
        }
        for kind in &self.body_types {
            let named = kind
                .split_once('/')
                .is_some_and(|(main, sub)| check_token(main).is_ok() && check_token(sub).is_ok());
            if !named {
                return Err(bad("body type", &"it looks like application/isup, without parameters"));
            }
        }
        if let Some(address) = &self.address_of_record {
            check_text(address).map_err(|error| bad("address of record", &error))?;
            let parsed = Uri::parse(address.as_bytes());
            if !parsed.is_ok_and(|uri| uri.is_sip() && uri.user.is_some() && uri.headers.is_none()) {
                return Err(bad("address of record", &"it looks like sip:alice@example.com"));
            }
        }
        self.redirect_headers.check()?;
        for credentials in &self.credentials {
            credentials.check().map_err(|error| bad("credentials", &error))?;
        }
        if self.trusted_sources.len() > self.limits.trusted_sources_max {
            return Err(bad("trusted sources", &"there are more than the limits allow"));
        }
        check_text(&self.user_agent).map_err(|error| bad("user agent", &error))
    }
}

/// Bounds. Each has a counter that tells when it bites.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Sizes of one message.
    pub wire: WireLimits,
    /// Calls at a time; an INVITE above it gets 503.
    pub sessions_max: usize,
    /// Calls at a time that one address may have in set-up, until its ACK proves that it is there; above it: 503.
    pub half_open_per_source_max: u32,
    /// How much of what is free (sessions, pairs of media ports, subscriptions, transactions and their octets) one address may take, in
    /// percent: 25. Above it: 503. Four calls, four subscriptions and sixteen transactions it may have in any case. What others have is not free, so
    /// that several who take all they can leave something, too. An IPv6 address counts with its network of 64 bits. [Trusted sources](CoordinatorConfig::trusted_sources) have no share; 100 is no bound for
    /// anybody.
    pub source_share_percent: u8,
    /// Transactions at a time; a request above seven eighths of it gets a stateless 503. Each dialog or subscription that is there has a
    /// reserve of sixteen transactions and 64 KiB for when that, or the share of its peer's address, is used up; all of them together
    /// have a sixteenth. BYE, CANCEL and PRACK are dealt with even beyond it, without keeping anything.
    pub transactions_max: usize,
    /// Octets that transactions keep, until the last copy of a message can have come (32 s as a rule): what a response needs of its
    /// request, the last message as it went out, and some 600 octets for each. Requests of peers may cause seven eighths; above
    /// that they get a stateless 503. A call that comes in and ends needs some 1.6 KiB, so that 256 MiB, the default, sustain
    /// 4 000 calls a second, and 1 000 from one address that is not [trusted](CoordinatorConfig::trusted_sources): it has a
    /// quarter at most. For each thousand calls a second more: 64 MiB.
    pub transaction_octets_max: usize,
    /// Answers a second to one address that nothing is kept of: refusals that the request alone decides on, what a handler refuses at
    /// once, and those to OPTIONS. As many more may come at once after a second without any. INVITEs have their own, so have MESSAGE
    /// with SUBSCRIBE, and OPTIONS with what gets nothing but a refusal. Beyond that four times as many INVITEs, MESSAGEs and
    /// SUBSCRIBEs a second are read, and taken if they can be; the rest is dropped unread if its To has no tag. Trusted
    /// sources have no limit.
    pub stateless_per_source_max: u32,
    /// Forks of one outgoing call that are followed; a further one that answers is hung up at once.
    pub forks_max: usize,
    /// Subscriptions at a time, ours and those of peers; a SUBSCRIBE above it gets 503.
    pub subscriptions_max: usize,
    /// Registrations of ours at a time.
    pub registrations_max: usize,
    /// Route and Record-Route entries of a dialog.
    pub routes_max: usize,
    /// How long a request for a new call may have lain unread; when one has lain longer, those that have lain for half as long
    /// get 503 until that is over: see [`handle_lag`](crate::coordinator::UnifiedCoordinator::handle_lag). 250 ms, half of
    /// T1: the caller has its answer before it repeats its INVITE, and the other half of T1 is left for the way.
    /// [`Duration::MAX`] turns nobody away.
    pub lag_max: Duration,
    /// Names that are looked up at a time; one source may cause a quarter of them with its Contact or Record-Route, if it is not trusted.
    pub lookups_max: usize,
    /// Names that wait for that, of which a quarter again may be of one source; with more, what needs the address fails.
    pub lookups_waiting_max: usize,
    /// Prefixes in the settings, and apart from them addresses at run time, that are trusted.
    pub trusted_sources_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wire: WireLimits::default(),
            sessions_max: 100_000,
            half_open_per_source_max: 2_000,
            source_share_percent: 25,
            transactions_max: 1_000_000,
            transaction_octets_max: 256 * 1024 * 1024,
            stateless_per_source_max: 1_000,
            forks_max: 16,
            subscriptions_max: 10_000,
            registrations_max: 1_000,
            routes_max: 32,
            lag_max: Duration::from_millis(250),
            lookups_max: 64,
            lookups_waiting_max: 1_024,
            trusted_sources_max: 1_000,
        }
    }
}

/// An outgoing call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct InviteParams<'a> {
    /// Who to call: a `sip:` URI.
    pub target: &'a str,
    /// The application's name for the session.
    pub tag: UserTag,
    /// Further header fields of the INVITE, name and value. What the stack itself writes is refused.
    pub headers: &'a [(&'a str, &'a str)],
    /// How long it may ring; `None` is the coordinator's `ring_timeout`.
    pub ring_timeout: Option<Duration>,
    /// Whether the INVITE goes without a session description: the other side makes the offer (RFC 3261 section 13.2.1).
    pub late_offer: bool,
    /// Who calls, where that differs from the settings.
    pub identity: CallerIdentity<'a>,
}

impl<'a> InviteParams<'a> {
    /// A call to `target`, all else by default.
    pub const fn new(target: &'a str) -> Self {
        let identity = CallerIdentity {
            display_name: None,
            user: None,
            asserted: [None; 2],
            preferred: None,
            privacy: Privacy::NONE,
        };
        Self { target, tag: UserTag(0), headers: &[], ring_timeout: None, late_offer: false, identity }
    }
}
