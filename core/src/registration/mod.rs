//! Registrations (RFC 3261 section 10): where one stands, and what a registrar's answer means for it.

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use bytes::Bytes;

use crate::auth::Realms;
use crate::base::index::Digest;
use crate::base::rng::Rng;
use crate::base::time::Instant;
use crate::base::timers::TimerKey;
use crate::transaction::TransactionId;
use crate::wire::frame::Frame;
use crate::wire::path::Path;
use crate::wire::text::parse_number;
use crate::wire::token::TOKEN_LEN;
use crate::wire::uri::Uri;
use crate::wire::{HeaderName, NameAddr};

#[cfg(test)]
mod tests;

/// The first pause after a failure, doubled with each further one (RFC 5626 section 4.5).
const PAUSE: Duration = Duration::from_secs(30);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(1_800);

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
        }
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
    pub(crate) fn pause(&self, rng: &mut Rng, retry_after: Option<u64>) -> Duration {
        let longest = PAUSE.saturating_mul(1 << self.failures.min(16)).min(PAUSE_MAX);
        let asked = Duration::from_secs(retry_after.unwrap_or(0)).min(PAUSE_MAX);
        part(longest, rng, 50, 50).max(asked)
    }
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

/// For how many seconds a 2xx grants the binding of `contact`: it says so for each, and for all that it does not say it of
/// (section 10.2.4). A registrar that sees us through a NAT may list the address that it sees: of several with our user the
/// first to end counts. `None` if it lists others and not ours.
pub(crate) fn granted(frame: &Frame<'_>, contact: &[u8], wanted: u32) -> Option<u32> {
    let for_all = frame.first(HeaderName::Expires).and_then(seconds).unwrap_or(wanted);
    let ours = Uri::parse(NameAddr::parse(contact)?.uri).ok()?;
    let listed = || frame.addresses(HeaderName::Contact).filter_map(NameAddr::parse);
    // Some registrars list nothing.
    if listed().next().is_none() {
        return Some(for_all);
    }
    let granted = |addr: NameAddr<'_>| addr.param("expires").and_then(seconds).unwrap_or(for_all);
    let has = |addr: &NameAddr<'_>, fits: &dyn Fn(Uri<'_>) -> bool| Uri::parse(addr.uri).is_ok_and(fits);
    let own = listed().find(|addr| has(addr, &|uri| uri.is_same_place(&ours)));
    let same_user = || listed().filter(|addr| has(addr, &|uri| uri.user == ours.user));
    own.map(granted).or_else(|| same_user().map(granted).min())
}

fn seconds(text: &[u8]) -> Option<u32> {
    parse_number(text).map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX))
}

/// Whether it is of use to ask again after this status. A refusal of who we are, or of what we ask for, stays one.
pub(crate) const fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 430 | 480 | 486 | 491 | 500..=504 | 506..=599)
}
