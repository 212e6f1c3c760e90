//! Reading Event and Subscription-State (RFC 6665 section 8.2).

use alloc::string::String;

use crate::api::SubscriptionState;
use crate::wire::Params;
use crate::wire::text::{parse_seconds, split_token, trim, trim_start};

/// The value of Event: a package, and maybe an `id` (RFC 6665 section 8.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EventName<'a> {
    pub(crate) package: &'a [u8],
    pub(crate) id: Option<&'a [u8]>,
}

impl<'a> EventName<'a> {
    pub(crate) fn parse(value: &'a [u8]) -> Option<Self> {
        let (package, params) = split_token(trim(value));
        if package.is_empty() || !Params::is_well_formed(trim_start(params)) {
            return None;
        }
        Some(Self { package, id: Params::find(trim_start(params), "id").flatten() })
    }

    /// Whether both name the same state: the package octet for octet, and the same `id` or none.
    pub(crate) fn matches(&self, other: &EventName<'_>) -> bool {
        self.package == other.package && self.id == other.id
    }
}

/// Subscription-State (section 8.2.3), and how many seconds are left. A state of another RFC counts as active.
pub(crate) fn read_state(value: &[u8]) -> Option<(SubscriptionState, Option<u32>)> {
    let (word, params) = split_token(trim(value));
    let params = trim_start(params);
    if word.is_empty() || !Params::is_well_formed(params) {
        return None;
    }
    let number = |name| Params::find(params, name).flatten().and_then(parse_seconds);
    let state = if word.eq_ignore_ascii_case(b"terminated") {
        let reason = Params::find(params, "reason").flatten().unwrap_or_default().to_ascii_lowercase();
        let reason = String::from_utf8_lossy(&reason).into_owned();
        SubscriptionState::Terminated { reason, retry_after: number("retry-after") }
    } else if word.eq_ignore_ascii_case(b"pending") {
        SubscriptionState::Pending
    } else {
        SubscriptionState::Active
    };
    Some((state, number("expires")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::text::SECONDS_MAX;

    /// RFC 6665 section 8.2.3.
    #[test]
    fn states_are_read_as_they_are_written() {
        let active = |seconds| Some((SubscriptionState::Active, seconds));
        assert_eq!(read_state(b"active;expires=600"), active(Some(600)));
        assert_eq!(read_state(b" Active ; expires = 600"), active(Some(600)));
        assert_eq!(read_state(b"active;expires=99999999999"), active(Some(SECONDS_MAX)));
        assert_eq!(read_state(b"strange"), active(None));
        assert_eq!(read_state(b"pending"), Some((SubscriptionState::Pending, None)));
        let over = |reason: &str, retry_after| {
            Some((SubscriptionState::Terminated { reason: reason.into(), retry_after }, None))
        };
        assert_eq!(read_state(b"terminated;reason=Probation;retry-after=10"), over("probation", Some(10)));
        assert_eq!(read_state(b"terminated"), over("", None));
        assert_eq!(read_state(b""), None);
        assert_eq!(read_state(b";expires=1"), None);
        for state in [over("giveup", Some(7)), over("", None)].into_iter().flatten() {
            assert_eq!(read_state(&super::super::write_state(&state.0, 9)), Some(state));
        }
        let text = super::super::write_state(&SubscriptionState::Pending, 9);
        assert_eq!(read_state(&text), Some((SubscriptionState::Pending, Some(9))));
    }

    /// RFC 6665 section 8.2.1.
    #[test]
    fn events_are_the_same_by_package_and_id() {
        let same = |left: &str, right: &str| {
            let left = EventName::parse(left.as_bytes()).expect("an event");
            left.matches(&EventName::parse(right.as_bytes()).expect("an event"))
        };
        assert!(same("dialog", " dialog;other=1 "));
        assert!(same("dialog;id=7", "dialog;x=y;id=7"));
        assert!(!same("dialog;id=7", "dialog"));
        assert!(!same("dialog", "dialog.winfo"));
        assert_eq!(EventName::parse(b""), None);
        assert_eq!(EventName::parse(b"a b"), None);
    }
}
