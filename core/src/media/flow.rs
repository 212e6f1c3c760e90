//! Whose packets are taken, and where ours go: symmetric RTP (RFC 4961) without letting a stranger in.
//!
//! Packets go to the address of the peer's SDP until packets of the peer show another one. The signalled
//! address needs no proof. Any other is believed only while the learning window is open, only if it has the
//! signalled IP or nothing has come from the signalled address, and only after two packets in a row. A
//! source that is alive is never replaced, except that the signalled address replaces a stranger.

use core::net::SocketAddr;
use core::time::Duration;

use crate::base::time::Instant;
use crate::media::config::ShardConfig;

/// Who sent a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// The peer.
    Peer,
    /// Perhaps the peer: two packets in a row are needed.
    Unproven,
    /// Nobody we listen to.
    Stranger,
}

/// Addresses of one stream.
#[derive(Debug)]
pub(crate) struct Flow {
    signalled: Option<SocketAddr>,
    /// The last one that was not hold.
    signalled_last: Option<SocketAddr>,
    latched: Option<SocketAddr>,
    /// The source before the address changed: heard until the new one speaks, never sent to.
    previous: Option<SocketAddr>,
    heard_signalled: bool,
    last_heard: Instant,
    window_until: Instant,
    window: Duration,
    silence: Duration,
}

impl Flow {
    pub(crate) fn new(config: &ShardConfig, now: Instant, signalled: Option<SocketAddr>) -> Self {
        Self {
            signalled,
            signalled_last: signalled,
            latched: None,
            previous: None,
            heard_signalled: false,
            last_heard: now,
            window_until: now + config.learning_window,
            window: config.learning_window,
            silence: config.source_silence,
        }
    }

    /// Where to send.
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        // Without a signalled address the peer wants nothing.
        self.signalled.map(|signalled| self.latched.unwrap_or(signalled))
    }

    /// A new plan. An address that was not signalled before opens the learning window again.
    /// Whether it is one.
    pub(crate) fn update(&mut self, now: Instant, remote: Option<SocketAddr>) -> bool {
        let moved = remote.is_some() && remote != self.signalled_last;
        self.signalled = remote;
        if moved {
            self.signalled_last = remote;
            self.previous = self.latched.take().or(self.previous);
            self.heard_signalled = false;
            self.window_until = now + self.window;
        }
        moved
    }

    /// Who `remote` is.
    pub(crate) fn judge(&self, now: Instant, remote: SocketAddr) -> Source {
        let is_signalled = self.signalled == Some(remote);
        let same_ip = |other: SocketAddr| other.ip() == remote.ip();
        let Some(latched) = self.latched else {
            return if is_signalled || self.previous == Some(remote) {
                Source::Peer
            } else {
                self.unproven(now, remote)
            };
        };
        if latched == remote {
            return Source::Peer;
        }
        let alive = now.saturating_since(self.last_heard) < self.silence;
        if is_signalled && (!alive || !same_ip(latched)) {
            return Source::Unproven;
        }
        if alive { Source::Stranger } else { self.unproven(now, remote) }
    }

    fn unproven(&self, now: Instant, remote: SocketAddr) -> Source {
        let eligible = self.signalled.is_some_and(|signalled| signalled.ip() == remote.ip());
        if now < self.window_until && (eligible || !self.heard_signalled) {
            Source::Unproven
        } else {
            Source::Stranger
        }
    }

    /// A valid packet of the peer has come from `remote`.
    pub(crate) fn heard(&mut self, now: Instant, remote: SocketAddr) {
        self.last_heard = now;
        if self.signalled == Some(remote) {
            self.heard_signalled = true;
        } else if self.latched.is_none() && self.previous == Some(remote) {
            return;
        }
        self.latch(remote);
    }

    /// `remote` has proven to be the peer.
    pub(crate) fn latch(&mut self, remote: SocketAddr) {
        if self.latched != Some(remote) {
            tracing::debug!("media source learned");
        }
        self.latched = Some(remote);
        self.previous = None;
    }

    /// Whether RTCP from `remote` can be the peer's: it has the IP of the stream, or is where the peer
    /// says its RTCP lives.
    pub(crate) fn is_rtcp_peer(&self, remote: SocketAddr, signalled_rtcp: Option<SocketAddr>) -> bool {
        signalled_rtcp == Some(remote)
            || self.latched.or(self.signalled).is_some_and(|rtp| rtp.ip() == remote.ip())
    }

    /// Whether the stream itself has been heard from the IP of `remote`.
    pub(crate) fn is_latched_ip(&self, remote: SocketAddr) -> bool {
        self.latched.is_some_and(|rtp| rtp.ip() == remote.ip())
    }
}
