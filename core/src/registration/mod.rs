//! Registrations (RFC 3261 section 10): where one stands, and what a registrar's answer means for it.

use alloc::boxed::Box;
use alloc::string::String;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use bytes::Bytes;

use crate::api::{Refuser, RegistrationState};
use crate::auth::Realms;
use crate::base::index::Digest;
use crate::base::rng::Rng;
use crate::base::time::Instant;
use crate::base::timers::TimerKey;
use crate::transaction::TransactionId;
use crate::wire::frame::Frame;
use crate::wire::path::Path;
use crate::wire::text::parse_leading_seconds;
use crate::wire::token::TOKEN_LEN;
use crate::wire::uri::Uri;
use crate::wire::{HeaderName, NameAddr};

#[cfg(test)]
mod tests;

/// The first pause after a failure, doubled with each further one (RFC 5626 section 4.5).
const PAUSE: Duration = Duration::from_secs(30);
/// The longest pause of RFC 5626, and the longest that a registrar may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(1_800);
/// How long a new try that somebody has asked for is pressed.
pub(crate) const HURRY: Duration = Duration::from_secs(5);
/// The pause after a failure meanwhile that no registrar has caused.
const HURRY_PAUSE: Duration = Duration::from_secs(1);
/// How often in a row a registrar may see us somewhere else before we believe that it will go on so.
const MOVES_MAX: u8 = 3;

/// Where a registration stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// The address of the registrar is being found.
    Resolving,
    /// A REGISTER is under way.
    Asking,
    /// It holds; the timer says when it is refreshed.
    Registered,
    /// The last try failed; the timer says when the next is made.
    Waiting,
    /// The REGISTER that ends it is under way.
    Leaving,
}

/// One registration.
pub struct Registration {
    pub(crate) phase: Phase,
    /// The Request-URI.
    pub(crate) registrar: Bytes,
    /// Whom calls are for: From and To.
    pub(crate) aor: Bytes,
    /// Header lines of the application, each ending with CR LF.
    pub(crate) lines: Bytes,
    pub(crate) call_id: Bytes,
    pub(crate) local_tag: [u8; TOKEN_LEN],
    pub(crate) cseq: u32,
    pub(crate) path: Option<Path>,
    /// Seconds that are asked for.
    pub(crate) wanted: u32,
    /// Until when the registrar keeps it.
    pub(crate) until: Option<Instant>,
    /// Failures since it last held.
    pub(crate) failures: u32,
    /// Whether the interval was lengthened on demand (423) since it last held.
    pub(crate) lengthened: bool,
    /// Whether it is to end as soon as the request under way has its response.
    pub(crate) leaving: bool,
    pub(crate) timer: Option<TimerKey>,
    pub(crate) request: Option<TransactionId>,
    /// The source that is trusted because it keeps this registration.
    pub(crate) vouched: Option<Digest>,
    /// Who has asked for credentials.
    pub(crate) realms: Option<Box<Realms>>,
    /// When the timer is due.
    pub(crate) due: Instant,
    /// When the last REGISTER was sent, and with which address in its Contact.
    pub(crate) asked_at: Instant,
    pub(crate) asking: Option<SocketAddr>,
    /// The address in the Contact that the registrar has taken last.
    pub(crate) bound: Option<SocketAddr>,
    /// How often in a row the registrar has seen us somewhere else.
    moves: u8,
    /// Until when a new try that somebody has asked for is pressed.
    pub(crate) hurry: Option<Instant>,
    /// How the last try failed.
    pub(crate) failure: Option<(u16, Refuser)>,
}

impl Registration {
    /// Of `user` at the registrar that `uri` names. The user of the URI, if it has one, is the one that is registered.
    pub(crate) fn new(
        uri: &Uri<'_>,
        user: &str,
        wanted: u32,
        call_id: Bytes,
        local_tag: [u8; TOKEN_LEN],
    ) -> Self {
        let own =
            uri.user.map_or_else(|| String::from(user), |user| String::from_utf8_lossy(user).into_owned());
        let port = uri.port.map(|port| alloc::format!(":{port}")).unwrap_or_default();
        let host = &uri.host;
        let params = match uri.params {
            [] => String::new(),
            params => alloc::format!(";{}", String::from_utf8_lossy(params)),
        };
        Self {
            phase: Phase::Resolving,
            registrar: Bytes::from(alloc::format!("sip:{host}{port}{params}")),
            aor: Bytes::from(alloc::format!("sip:{own}@{host}{port}")),
            lines: Bytes::new(),
            call_id,
            local_tag,
            cseq: 0,
            path: None,
            wanted,
            until: None,
            failures: 0,
            lengthened: false,
            leaving: false,
            timer: None,
            request: None,
            vouched: None,
            realms: None,
            due: Instant::ZERO,
            asked_at: Instant::ZERO,
            asking: None,
            bound: None,
            moves: 0,
            hurry: None,
            failure: None,
        }
    }

    /// Where it stands.
    pub fn state(&self, now: Instant) -> RegistrationState {
        match (self.phase, self.failure) {
            (Phase::Leaving, _) => RegistrationState::Unregistered,
            (Phase::Waiting, Some((status, refuser))) => {
                let retry_in = Some(self.due.saturating_since(now));
                RegistrationState::Failed { status, refuser, retry_in }
            }
            _ => match self.until.filter(|&until| now < until) {
                Some(until) => RegistrationState::Registered { expires_in: until.saturating_since(now) },
                None => RegistrationState::Trying,
            },
        }
    }

    /// Whether to register anew because the registrar sees us somewhere else: not for ever, should it see us somewhere else
    /// each time.
    pub(crate) fn may_move(&mut self) -> bool {
        self.moves = self.moves.saturating_add(1);
        self.moves <= MOVES_MAX
    }

    /// It sees us where we say that we are.
    pub(crate) fn stays(&mut self) {
        self.moves = 0;
    }

    /// Another interval has begun: one more move is no loop.
    pub(crate) fn refreshes(&mut self) {
        self.moves = self.moves.min(MOVES_MAX - 1);
    }

    /// Whom calls are for.
    pub fn aor(&self) -> &[u8] {
        &self.aor
    }

    /// Whether the registrar keeps it, as far as we know.
    pub(crate) fn holds(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// How long to wait after one more failure: half of the longest pause for so many at least, at random, so that not all
    /// come back at once (RFC 5626 section 4.5). A registrar that says more is given more, within reason.
    pub(crate) fn pause(
        &self,
        now: Instant,
        rng: &mut Rng,
        retry_after: Option<u32>,
        refuser: Refuser,
        ceiling: Duration,
    ) -> Duration {
        if self.hurry.is_some_and(|until| now < until) && refuser != Refuser::Peer {
            return HURRY_PAUSE;
        }
        let asked = Duration::from_secs(retry_after.unwrap_or(0).into()).min(PAUSE_MAX);
        part(longest_pause(self.failures, ceiling), rng, 50, 50).max(asked)
    }
}

/// The longest pause after so many failures in a row.
pub(crate) fn longest_pause(failures_before: u32, ceiling: Duration) -> Duration {
    let ceiling = ceiling.clamp(Duration::from_secs(1), PAUSE_MAX);
    PAUSE.saturating_mul(1 << failures_before.min(16)).min(ceiling)
}

/// When to refresh what holds for so many seconds: after three quarters of them at the earliest, at random.
pub(crate) fn refresh_after(granted: u32, rng: &mut Rng) -> Duration {
    part(Duration::from_secs(granted.into()), rng, 75, 15)
}

/// `least` percent of `whole`, and up to `more` of it.
fn part(whole: Duration, rng: &mut Rng, least: u32, more: u32) -> Duration {
    // Thousandths, so that short times are spread as well.
    let share = least * 10 + rng.next_u32() % (more * 10 + 1);
    whole.saturating_mul(share) / 1_000
}

/// For how many seconds a 2xx grants the binding of `contact` (section 10.2.4), at most a year. A 2xx has registered us whatever it lists: the
/// time is that of the binding that is ours or comes nearest to it, the first to end of several; where none does, it is
/// what holds for all. `None` if it grants our Contact no time.
pub(crate) fn granted(frame: &Frame<'_>, contact: &[u8], wanted: u32) -> Option<u32> {
    let for_all = frame
        .first(HeaderName::Expires)
        .and_then(parse_leading_seconds)
        .filter(|&all| all > 0)
        .unwrap_or(wanted);
    let ours = NameAddr::parse(contact).and_then(|addr| Uri::parse(addr.uri).ok());
    let mut best: Option<(u8, u32)> = None;
    let mut listed = 0_u32;
    for addr in frame.addresses(HeaderName::Contact).filter_map(NameAddr::parse) {
        let Ok(uri) = Uri::parse(addr.uri) else { continue };
        let near = ours.as_ref().map_or(0, |ours| nearness(&uri, ours));
        let time = addr.param("expires").and_then(parse_leading_seconds).unwrap_or(for_all);
        // What ends at once was another's, or ours from before.
        if time == 0 && near < EXACTLY {
            continue;
        }
        listed = listed.saturating_add(1);
        best = match best {
            Some((other, least)) if other == near => Some((near, least.min(time))),
            Some(better) if better.0 > near => Some(better),
            _ => Some((near, time)),
        };
    }
    match best {
        Some((0, _)) if listed > 1 => Some(for_all),
        Some((_, time)) => Some(time).filter(|&time| time > 0),
        None => Some(for_all),
    }
}

/// [`nearness`] of what is our Contact.
const EXACTLY: u8 = 3;

/// How much a listed binding looks like ours: the same; the same place, or the same user as a NAT or a careless registrar
/// shows us; or neither.
fn nearness(listed: &Uri<'_>, ours: &Uri<'_>) -> u8 {
    if listed.is_same_place(ours) {
        return EXACTLY;
    }
    let user = |uri: &Uri<'_>| uri.user.unwrap_or_default().to_ascii_lowercase();
    if (Uri { user: ours.user, ..*listed }).is_same_place(ours) {
        2
    } else {
        u8::from(user(listed) == user(ours))
    }
}

/// Where the registrar has seen our REGISTER come from (RFC 3581 section 4), if it says so.
pub(crate) fn seen_at(frame: &Frame<'_>, local: SocketAddr) -> Option<SocketAddr> {
    let via = frame.facts().ok()?.via;
    let port = via.rport.flatten().filter(|&port| port != 0)?;
    // An IPv6 address stands there with brackets or without.
    let text = core::str::from_utf8(via.received.unwrap_or(via.host)).ok()?;
    let ip = match text.trim_matches(['[', ']']).parse().ok()? {
        IpAddr::V6(ip) => ip.to_canonical(),
        ip @ IpAddr::V4(_) => ip,
    };
    let usable = !ip.is_unspecified() && !ip.is_multicast() && ip.is_ipv4() == local.is_ipv4();
    usable.then_some(SocketAddr::new(ip, port))
}

/// Whether it is of use to ask again after this status. A refusal of who we are, or of what we ask for, stays one.
pub(crate) const fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 430 | 480 | 486 | 491 | 500..=504 | 506..=599)
}
