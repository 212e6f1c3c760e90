//! The sending half of a stream: where packets go, whether they may, and what keeps the path open.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::{Shared, Stream};
use crate::base::time::Instant;
use crate::media::api::{MediaEvent, MediaPort, MediaReport, Which};
use crate::media::codec::dtmf::DtmfDigits;
use crate::media::config::ShardConfig;
use crate::media::flow::Flow;
use crate::media::outbox::Outbox;
use crate::media::rtp::send::{Route, Sender};
use crate::sdp::plan::MediaPlan;

impl Stream {
    /// Where packets go, if anywhere.
    fn route<'a>(port: &MediaPort, flow: &Flow, plan: &'a MediaPlan) -> Option<Route<'a>> {
        let remote = flow.remote().filter(|_| plan.direction.sends())?;
        Some(Route { port_key: port.key, remote, plan })
    }

    /// Queues audio to send; how many samples fit.
    pub(crate) fn queue_audio(&mut self, now: Instant, samples: &[i16], shared: &mut Shared<'_>) -> usize {
        let accepted = self.sender.queue(samples, &mut self.stats);
        // A packet may have been waiting for these samples.
        let sent =
            self.send(now, shared, |sender, route, outbox, stats| sender.pump(None, route, outbox, stats));
        if let Some(rows) = sent {
            self.tell_sent(rows, shared);
        }
        accepted
    }

    /// Sends something if there is somebody to send it to who may be sent to.
    pub(super) fn send<R>(
        &mut self,
        now: Instant,
        shared: &mut Shared<'_>,
        send: impl FnOnce(&mut Sender, &Route<'_>, &mut Outbox, &mut MediaReport) -> R,
    ) -> Option<R> {
        let route = Self::route(&self.port, &self.listener.flow, &self.plan)?;
        let ip = route.remote.ip();
        if !self.proof.is_open(now, ip, shared.config, shared.sources) {
            return None;
        }
        let before = self.sender.packets;
        let done = send(&mut self.sender, &route, shared.outbox, &mut self.stats);
        let sent = self.sender.packets.wrapping_sub(before);
        let each = Duration::from_millis(route.plan.ptime_ms.into());
        self.proof.charge(now, ip, (sent, each), shared.config, shared.sources);
        Some(done)
    }

    /// Whether something that is no audio may be sent there; if so it is counted.
    pub(crate) fn may_send(&mut self, now: Instant, remote: SocketAddr, shared: &mut Shared<'_>) -> bool {
        let open = self.proof.is_open(now, remote.ip(), shared.config, shared.sources);
        if open {
            self.proof.charge(now, remote.ip(), (1, Duration::ZERO), shared.config, shared.sources);
        }
        open
    }

    /// The signalling vouches for an address.
    pub(crate) const fn vouch(&mut self, ip: IpAddr) {
        self.proof.vouched(ip);
    }

    /// The network reports that what socket `which` sent to `remote` did not arrive.
    pub(crate) fn handle_unreachable(&mut self, which: Which, remote: SocketAddr) {
        self.rtcp_flow.handle_unreachable(remote);
        if which == Which::Rtp && self.listener.flow.handle_unreachable(remote) {
            self.proof.unreachable();
        }
    }

    /// Asks the signalling whether it can vouch for the address, if that is needed.
    pub(super) fn ask_about_address(&mut self, now: Instant, shared: &mut Shared<'_>) {
        let Some(ip) = self.listener.flow.remote().map(|remote| remote.ip()) else { return };
        if self.proof.take_question(now, ip, shared.config) {
            shared.events.offer(MediaEvent::Unproven { media: self.media, ip });
        }
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, digits: &DtmfDigits, shared: &mut Shared<'_>) {
        if self.plan.send_dtmf.is_none() || !self.sender.press(digits) {
            self.stats.dtmf_refused += 1;
            self.tell_sent(1, shared);
        }
    }

    pub(super) fn tell_sent(&self, rows: u32, shared: &mut Shared<'_>) {
        for _ in 0..rows {
            shared.events.offer(MediaEvent::DtmfSent { media: self.media });
        }
    }

    /// How often the path is to be kept open, and where to, if it is.
    pub(super) fn beat(&self, config: &ShardConfig) -> Option<(Duration, SocketAddr)> {
        let by_reports = self.plan.rtcp_mux && !self.plan.direction.sends();
        Some((config.keep_alive.filter(|_| !by_reports)?, self.listener.flow.remote()?))
    }

    /// Sends what keeps the path open, if nothing else does.
    pub(super) fn keep_alive(&mut self, now: Instant, shared: &mut Shared<'_>) {
        let Some((interval, remote)) = self.beat(shared.config) else { return };
        if !self.keep_alive.take_due(now, self.sender.packets, interval) {
            return;
        }
        if self.plan.direction.sends() {
            if !self.sender.fills() {
                self.send(now, shared, Sender::beat);
                self.keep_alive.sent(self.sender.packets);
            }
        } else if self.may_send(now, remote, shared) {
            let sent = shared.outbox.push(self.port.key, Which::Rtp, remote, |_| {});
            self.stats.send_overflow += u64::from(!sent);
        }
    }
}
