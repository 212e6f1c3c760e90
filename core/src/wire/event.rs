//! Event and Subscription-State (RFC 6665 section 8.2).

use super::header::Params;
use super::text::{is_token, parse_seconds, trim};

/// What a subscription is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventType<'a> {
    /// The event package, templates included: `refer`, `presence.winfo`.
    pub package: &'a [u8],
    /// Tells subscriptions to one package in one dialog apart.
    pub id: Option<&'a [u8]>,
}

impl<'a> EventType<'a> {
    /// Reads the one value.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (package, params) = split_params(text)?;
        let id = match Params::find(params, "id") {
            None => None,
            Some(id) => Some(id.filter(|id| is_token(id))?),
        };
        Some(Self { package, id })
    }

    /// Whether it is this package. Packages are case-sensitive (section 8.2.1).
    pub fn is(&self, package: &str) -> bool {
        self.package == package.as_bytes()
    }
}

/// Where a subscription stands, as its notifier says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubscriptionState<'a> {
    /// `active`, `pending`, `terminated` or an extension's word.
    pub state: &'a [u8],
    /// Seconds that are left of it, a year at most.
    pub expires: Option<u32>,
    /// Why it ended.
    pub reason: Option<&'a [u8]>,
    /// Seconds to wait before a new one, a year at most.
    pub retry_after: Option<u32>,
}

impl<'a> SubscriptionState<'a> {
    /// Reads the one value. Numbers that are none are left out.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (state, params) = split_params(text)?;
        let find = |name| Params::find(params, name).flatten();
        let (expires, retry_after) =
            (find("expires").and_then(parse_seconds), find("retry-after").and_then(parse_seconds));
        Some(Self { state, expires, reason: find("reason"), retry_after })
    }

    /// Whether nothing more will come.
    pub const fn is_over(&self) -> bool {
        self.state.eq_ignore_ascii_case(b"terminated")
    }

    /// Whether the notifier still has to be allowed to tell.
    pub const fn is_pending(&self) -> bool {
        self.state.eq_ignore_ascii_case(b"pending")
    }
}

/// A token and the well-formed parameters after it.
fn split_params(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = trim(text);
    let end = text.iter().position(|&octet| octet == b';').unwrap_or(text.len());
    let (token, params) = text.split_at_checked(end)?;
    let token = trim(token);
    (is_token(token) && Params::is_well_formed(params)).then_some((token, params))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::text::SECONDS_MAX;

    /// RFC 6665 section 8.2.1.
    #[test]
    fn events() {
        let plain = EventType::parse(b" refer ").expect("an event");
        assert!(plain.is("refer") && !plain.is("Refer"));
        assert_eq!(plain.id, None);
        let numbered = EventType::parse(b"refer ; id=93809823;x").expect("an event");
        assert_eq!((numbered.package, numbered.id), (&b"refer"[..], Some(&b"93809823"[..])));
        assert_eq!(
            EventType::parse(b"presence.winfo").map(|event| event.package),
            Some(&b"presence.winfo"[..])
        );
        for bad in ["", ";id=1", "refer;id", "refer;id=\"1\"", "two words", "refer, presence", "refer;;"] {
            assert_eq!(EventType::parse(bad.as_bytes()), None, "{bad:?}");
        }
    }

    /// RFC 6665 sections 8.2 and 8.2.3.
    #[test]
    fn subscription_states() {
        let active = SubscriptionState::parse(b"Active;expires=60").expect("a state");
        assert!(!active.is_over() && !active.is_pending());
        assert_eq!(active.expires, Some(60));
        let long =
            SubscriptionState::parse(b"active;expires=99999999999;retry-after=99999999999").expect("a state");
        assert_eq!((long.expires, long.retry_after), (Some(SECONDS_MAX), Some(SECONDS_MAX)));
        let over = SubscriptionState::parse(b"terminated; reason=noresource;retry-after=x").expect("a state");
        assert!(over.is_over());
        assert_eq!((over.reason, over.retry_after), (Some(&b"noresource"[..]), None));
        assert!(SubscriptionState::parse(b"pending").is_some_and(|state| state.is_pending()));
        assert_eq!(SubscriptionState::parse(b"active;;"), None);
        assert_eq!(SubscriptionState::parse(b""), None);
    }
}
