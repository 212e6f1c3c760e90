//! Who may be sent to: an address that has not shown that it wants our packets gets a few of them and no more.
//!
//! A session description names any address, and whoever forges an INVITE names that of a third party. So packets flow
//! freely only to an address that has sent RTP or RTCP itself, or from which the signalling has heard something that
//! nobody could say who had not seen our tag: a listener that never sends. Any other gets
//! [`unproven`](ShardConfig::unproven) of audio in all, and shares [`unproven_rate`](ShardConfig::unproven_rate) with all the
//! others that the same source of signalling has named.

use alloc::boxed::Box;
use core::hash::Hasher as _;
use core::net::IpAddr;
use core::time::Duration;

use siphasher::sip::SipHasher13;

use crate::base::time::Instant;

use super::config::ShardConfig;

/// Sources that are told apart; two that fall together share what one may.
const SOURCES: usize = 1024;
/// A packet may come this much before its time: streams do not take turns.
const TOLERANCE: Duration = Duration::from_millis(20);
/// Audio of one packet.
const FRAME: Duration = Duration::from_millis(20);

/// What goes to unproven addresses, by source of signalling: when each may send its next packet.
pub(crate) struct Sources {
    next: Box<[Instant]>,
    keys: (u64, u64),
}

impl Sources {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        let (first, second) = seed.split_at(16);
        let fold =
            |octets: &[u8]| octets.iter().fold(0_u64, |key, &octet| key.rotate_left(8) ^ u64::from(octet));
        Self { next: Box::from([Instant::ZERO; SOURCES]), keys: (fold(first), fold(second)) }
    }

    fn next(&mut self, source: IpAddr) -> Option<&mut Instant> {
        let mut hasher = SipHasher13::new_with_keys(self.keys.0, self.keys.1);
        match source {
            IpAddr::V4(ip) => hasher.write(&ip.octets()),
            // Whoever has one address of a network has all of them.
            IpAddr::V6(ip) => hasher.write(ip.octets().get(..8).unwrap_or_default()),
        }
        self.next.get_mut(hasher.finish() as usize % SOURCES)
    }

    fn may_send(&mut self, now: Instant, source: IpAddr) -> bool {
        self.next(source).is_some_and(|next| *next <= now + TOLERANCE)
    }

    fn charge(&mut self, now: Instant, source: IpAddr, packets: u32, config: &ShardConfig) {
        let each = Duration::from_secs(1) / config.unproven_rate.max(1);
        if let Some(next) = self.next(source) {
            *next = (*next).max(now) + each * packets;
        }
    }
}

/// What one stream knows of where it sends.
#[derive(Debug)]
pub(crate) struct Proof {
    /// Who named the address; `None` if no share is kept of him.
    source: Option<IpAddr>,
    /// The address that has sent us something, and the one that the signalling vouches for.
    heard: Option<IpAddr>,
    vouched: Option<IpAddr>,
    /// Audio that was sent to unproven addresses, in all.
    spent: Duration,
    /// Whether nobody listens there: the network has said so, and nothing has come since.
    unreachable: bool,
    /// When the signalling was asked whether it can vouch for the address.
    asked: Option<Instant>,
}

/// How often the signalling is asked.
const ASK_AGAIN: Duration = Duration::from_secs(2);

impl Proof {
    pub(crate) const fn new(source: Option<IpAddr>) -> Self {
        Self { source, heard: None, vouched: None, spent: Duration::ZERO, unreachable: false, asked: None }
    }

    /// Something valid has come from there.
    pub(crate) const fn heard(&mut self, ip: IpAddr) {
        self.heard = Some(ip);
        self.unreachable = false;
    }

    /// The signalling vouches for the address.
    pub(crate) const fn vouched(&mut self, ip: IpAddr) {
        self.vouched = Some(ip);
    }

    /// The network reports that nobody listens.
    pub(crate) const fn unreachable(&mut self) {
        self.unreachable = true;
    }

    /// Something new was agreed on.
    pub(crate) const fn agreed_anew(&mut self) {
        self.unreachable = false;
        self.asked = None;
    }

    fn is_proven(&self, ip: IpAddr) -> bool {
        self.heard == Some(ip) || self.vouched == Some(ip)
    }

    /// Whether nothing more is sent there until something new is known.
    pub(crate) fn is_closed(&self, ip: IpAddr, config: &ShardConfig) -> bool {
        self.unreachable || (!self.is_proven(ip) && config.unproven.is_some_and(|most| self.spent >= most))
    }

    /// Whether a packet may be sent there now.
    pub(crate) fn is_open(
        &self,
        now: Instant,
        ip: IpAddr,
        config: &ShardConfig,
        sources: &mut Sources,
    ) -> bool {
        if self.is_closed(ip, config) {
            return false;
        }
        let free = self.is_proven(ip) || config.unproven.is_none();
        free || self.source.is_none_or(|source| sources.may_send(now, source))
    }

    /// So many packets were sent there, with so much audio each.
    pub(crate) fn charge(
        &mut self,
        now: Instant,
        ip: IpAddr,
        (packets, each): (u32, Duration),
        config: &ShardConfig,
        sources: &mut Sources,
    ) {
        if packets > 0 && !self.is_proven(ip) {
            self.spent += each.max(FRAME) * packets;
            if let Some(source) = self.source {
                sources.charge(now, source, packets, config);
            }
        }
    }

    /// Whether the signalling is to be asked: half of what an unproven address gets is used up.
    pub(crate) fn take_question(&mut self, now: Instant, ip: IpAddr, config: &ShardConfig) -> bool {
        let needed = !self.is_proven(ip) && config.unproven.is_some_and(|most| self.spent >= most / 2);
        let due = self.asked.is_none_or(|asked| now.saturating_since(asked) >= ASK_AGAIN);
        if needed && due {
            self.asked = Some(now);
        }
        needed && due
    }
}
