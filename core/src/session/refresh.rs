//! Session timers (RFC 4028): who refreshes the session, and how often.
//!
//! The refresher repeats its re-INVITE or UPDATE at half of the interval. When the interval is nearly over and nobody
//! has, either side hangs up: the other must have gone without a BYE.

use core::time::Duration;

use crate::wire::HeaderName;
use crate::wire::frame::Frame;
use crate::wire::text::parse_seconds;

/// No interval may be shorter (section 4).
const MIN_SE_FLOOR: u32 = 90;

/// Who sends the refreshes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refresher {
    Us,
    Peer,
}

/// What was agreed, or what we ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refresh {
    /// Seconds that the session lives without a refresh.
    pub(crate) interval: u32,
    pub(crate) refresher: Refresher,
    /// Whether the peer knows of session timers: only then the 2xx may require them.
    pub(crate) peer_knows: bool,
    /// The shortest interval that we heard of or want, in seconds (section 5).
    pub(crate) min_se: u32,
}

/// A Session-Expires value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct SessionExpires {
    seconds: u32,
    /// Whether the sender of the request is named to refresh; `None` leaves it open.
    by_uac: Option<bool>,
}

/// Why the session timer of a request is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RefreshFault {
    /// Session-Expires or Min-SE is not a number: 400.
    Malformed,
    /// Too brief: 422 with Min-SE (section 6).
    TooBrief,
}

impl Refresh {
    /// What we ask for in a request of ours: to refresh it ourselves every `interval`.
    pub(crate) fn wanted(interval: Duration, min_se: u32) -> Self {
        let interval = seconds(interval).max(min_se).max(MIN_SE_FLOOR);
        Self { interval, refresher: Refresher::Us, peer_knows: false, min_se: min_se.max(MIN_SE_FLOOR) }
    }

    /// What follows from an INVITE or UPDATE of the peer (section 9), where we want at most `ours` ourselves.
    pub(crate) fn from_request(
        frame: &Frame<'_>,
        ours: Option<Duration>,
        min_se: Duration,
    ) -> Result<Option<Self>, RefreshFault> {
        let asked = frame.first(HeaderName::SessionExpires).map(parse).transpose()?;
        if asked.is_none() && ours.is_none() {
            return Ok(None);
        }
        let knows = frame.values(HeaderName::Supported).any(|tag| tag.eq_ignore_ascii_case(b"timer"));
        let floor = seconds(min_se).max(MIN_SE_FLOOR);
        let theirs = match frame.first(HeaderName::MinSe) {
            Some(value) => parse(value)?.seconds,
            None => MIN_SE_FLOOR,
        };
        let interval = match (asked, ours) {
            (Some(asked), _) if asked.seconds < floor && knows => return Err(RefreshFault::TooBrief),
            // Somebody on the way asked for too little, and the caller would not understand a 422.
            (Some(asked), _) if asked.seconds < floor => return Ok(None),
            (Some(asked), Some(ours)) => asked.seconds.min(seconds(ours).max(theirs).max(floor)),
            (Some(asked), None) => asked.seconds,
            (None, Some(ours)) => seconds(ours).max(theirs).max(floor),
            (None, None) => return Ok(None),
        };
        let by_peer = knows && asked.is_none_or(|asked| asked.by_uac != Some(false));
        let refresher = if by_peer { Refresher::Peer } else { Refresher::Us };
        Ok(Some(Self { interval, refresher, peer_knows: knows, min_se: floor.max(theirs) }))
    }

    /// What the 2xx to a request of ours says (section 7.2); without Session-Expires nothing is to be refreshed. It may not lengthen
    /// what we `asked` for (section 9): we refresh by that, while a peer that refreshes does so when it says.
    pub(crate) fn from_response(frame: &Frame<'_>, asked: Option<Self>, min_se: u32) -> Option<Self> {
        let said = parse(frame.first(HeaderName::SessionExpires)?).ok()?;
        let (refresher, most) = match said.by_uac {
            Some(false) => (Refresher::Peer, None),
            _ => (Refresher::Us, asked.map(|asked| asked.interval)),
        };
        let interval = said.seconds.min(most.unwrap_or(u32::MAX)).max(MIN_SE_FLOOR);
        Some(Self { interval, refresher, peer_knows: true, min_se: min_se.max(MIN_SE_FLOOR) })
    }

    /// The same with the interval that a 422 asks for (section 7.3); `None` if it asks for nothing more.
    pub(crate) fn after_too_brief(self, frame: &Frame<'_>) -> Option<Self> {
        let least = parse(frame.first(HeaderName::MinSe)?).ok()?.seconds;
        (least > self.interval).then_some(Self { interval: least, min_se: self.min_se.max(least), ..self })
    }

    /// The interval that a 422 asks for, of whoever asked for none.
    pub(crate) fn least(frame: &Frame<'_>) -> Option<Self> {
        let least = parse(frame.first(HeaderName::MinSe)?).ok()?.seconds;
        Some(Self::wanted(Duration::from_secs(least.into()), least))
    }

    /// When to refresh, if it is upon us.
    pub(crate) fn refresh_after(&self) -> Option<Duration> {
        (self.refresher == Refresher::Us).then(|| Duration::from_secs(u64::from(self.interval / 2)))
    }

    /// When to hang up if nobody has refreshed (section 10).
    pub(crate) fn expires_after(&self) -> Duration {
        Duration::from_secs(u64::from(self.interval - (self.interval / 3).min(32)))
    }
}

/// Whole seconds, as many as fit.
fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

/// Reads Session-Expires or Min-SE, a year at most.
fn parse(value: &[u8]) -> Result<SessionExpires, RefreshFault> {
    let mut parts = value.split(|&octet| octet == b';').map(<[u8]>::trim_ascii);
    let digits = parts.next().unwrap_or_default();
    let seconds = parse_seconds(digits).ok_or(RefreshFault::Malformed)?;
    let refresher = parts.find_map(|parameter| {
        let (name, side) = crate::wire::text::split_once(parameter, b'=')?;
        let named = name.trim_ascii().eq_ignore_ascii_case(b"refresher");
        named.then(|| side.trim_ascii())
    });
    let by_uac = match refresher {
        Some(side) if side.eq_ignore_ascii_case(b"uac") => Some(true),
        Some(side) if side.eq_ignore_ascii_case(b"uas") => Some(false),
        _ => None,
    };
    Ok(SessionExpires { seconds, by_uac })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::text::SECONDS_MAX;

    #[test]
    fn values_are_read_as_they_come() {
        let read = |text: &str| parse(text.as_bytes()).map(|it| (it.seconds, it.by_uac));
        assert_eq!(read("90"), Ok((90, None)));
        assert_eq!(read("1800;refresher=uac"), Ok((1800, Some(true))));
        assert_eq!(read("1800 ; x=y ; Refresher = UAS"), Ok((1800, Some(false))));
        for long in ["31536001", "4294967296", "99999999999999999999999999"] {
            assert_eq!(read(long), Ok((SECONDS_MAX, None)));
        }
        for bad in ["", ";refresher=uac", "-1", "9x", "forever"] {
            assert_eq!(read(bad), Err(RefreshFault::Malformed), "{bad:?}");
        }
    }

    #[test]
    fn one_refreshes_at_half_time_and_gives_up_before_the_end() {
        let wanted = |interval| Refresh::wanted(Duration::from_secs(interval), 90);
        assert_eq!(wanted(1).interval, 90, "never less than RFC 4028 allows");
        assert_eq!(wanted(90).refresh_after(), Some(Duration::from_secs(45)));
        assert_eq!(wanted(90).expires_after(), Duration::from_secs(60), "a third before the end");
        assert_eq!(wanted(1800).expires_after(), Duration::from_secs(1768), "but no more than 32 s");
    }
}
