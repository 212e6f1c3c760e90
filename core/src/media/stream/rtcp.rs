//! The RTCP half of a stream: reports, leaves, and whose SSRC is whose (RFC 3550 sections 6 and 8.2).

use core::net::SocketAddr;

use super::{Shared, Sign, Stream};
use crate::base::time::Instant;
use crate::media::api::{MediaEvent, Which};
use crate::media::rtcp::packet::{Compound, Item, SenderInfo, write_bye, write_cname, write_report};
use crate::media::rtcp::report;
use crate::media::rtp::send::packet_samples;
use crate::media::source::{Decision, Ssrc};

impl Stream {
    /// An RTCP packet.
    pub(crate) fn handle_rtcp(
        &mut self,
        now: Instant,
        which: Which,
        remote: SocketAddr,
        bytes: &[u8],
        shared: &mut Shared<'_>,
    ) {
        let Some(compound) = Compound::parse(bytes) else {
            self.stats.malformed += 1;
            return;
        };
        if !self.admit_rtcp(now, which, remote, compound.sender()) {
            self.stats.rejected_source += 1;
            return;
        }
        self.sign = Sign::new(now);
        self.proof.heard(remote.ip());
        for item in compound {
            match item {
                Item::Report { ssrc, sender, blocks } => {
                    self.compare_ssrc(now, ssrc, shared);
                    self.rtcp_ssrc = Some(ssrc);
                    let known = self.listener.reception.as_mut().filter(|reception| reception.ssrc == ssrc);
                    if let (Some(reception), Some(info)) = (known, sender) {
                        reception.sender_report(now, report::middle(info.ntp));
                    }
                    let now_ntp = report::ntp(shared.config.ntp_at_zero, now);
                    for block in blocks.filter(|block| block.ssrc == self.sender.ssrc) {
                        report::take(now_ntp, &block, &mut self.stats);
                    }
                }
                Item::Bye(mut sources) => {
                    let peer =
                        self.listener.reception.as_ref().map(|reception| reception.ssrc).or(self.rtcp_ssrc);
                    // Our own leave of an SSRC may be sent back to us.
                    let theirs = |ssrc| Some(ssrc) == peer && Some(ssrc) != self.given_up_ssrc;
                    if !self.left && sources.any(theirs) {
                        self.left = true;
                        shared.events.offer(MediaEvent::PeerLeft { media: self.media });
                    }
                }
                Item::Other => {}
            }
        }
    }

    /// Whether a compound is the peer's, by the same policy as its audio. The proof is the SSRC that we hear, from the IP
    /// that we hear it from.
    fn admit_rtcp(&mut self, now: Instant, which: Which, remote: SocketAddr, sender: Option<u32>) -> bool {
        let heard = self.listener.reception.as_ref().is_some_and(|reception| Some(reception.ssrc) == sender);
        let proven = heard && self.listener.flow.is_known_ip(remote);
        let ssrc = if proven { Ssrc::GoesOn } else { Ssrc::Other };
        match self.rtcp_flow.judge(now, remote, ssrc) {
            Decision::Drop => return false,
            Decision::Take | Decision::Hear => {}
            // One address may speak of several sources.
            Decision::Second | Decision::SecondUnbroken | Decision::FifthUnbroken => {}
            Decision::Fifth if !proven => return false,
            // On the port for RTP it may come by mistake: there is no room for ours.
            Decision::Fifth if which == Which::Rtcp || self.plan.rtcp_mux => self.rtcp_flow.learn(remote),
            Decision::Fifth => {}
        }
        self.rtcp_flow.take(now, remote);
        if proven {
            self.listener.flow.sign_of_life(now);
        }
        true
    }

    /// Sends a compound report, with a BYE when the session ends (RFC 3550 sections 6.1 and 6.6).
    pub(crate) fn send_report(&mut self, now: Instant, bye: bool, shared: &mut Shared<'_>) {
        let (which, remote) = if self.plan.rtcp_mux {
            (Which::Rtp, self.listener.flow.remote())
        } else {
            (Which::Rtcp, self.rtcp_flow.remote())
        };
        let Some(remote) = remote else { return };
        // Who never sent anything must not say BYE (section 6.3.7).
        if bye && self.sender.packets == 0 && !self.reported {
            return;
        }
        if !self.may_send(now, remote, shared) {
            return;
        }
        self.reported = true;
        let ssrc = self.sender.ssrc;
        let [older, newer] = self.reported_packets;
        // An SR as long as something was sent since the report before the last (section 6.4).
        let sender = (self.sender.packets != older).then(|| SenderInfo {
            ntp: report::ntp(shared.config.ntp_at_zero, now),
            timestamp: self.sender.timestamp_at(now, packet_samples(&self.plan)),
            packets: self.sender.packets,
            octets: self.sender.octets,
        });
        self.reported_packets = [newer, self.sender.packets];
        let block = self.listener.reception.as_mut().map(|reception| report::block(now, reception));
        let cname = &self.plan.cname;
        let sent = shared.outbox.push(self.port.key, which, remote, |out| {
            write_report(out, ssrc, sender, block);
            write_cname(out, ssrc, cname);
            if bye {
                write_bye(out, ssrc);
            }
        });
        self.stats.send_overflow += u64::from(!sent);
    }

    /// Takes another SSRC if the peer uses ours (RFC 3550 section 8.2). Once: if it comes again, somebody sends our own
    /// packets back, and would do so with any other.
    pub(super) fn compare_ssrc(&mut self, now: Instant, theirs: u32, shared: &mut Shared<'_>) {
        if theirs != self.sender.ssrc {
            return;
        }
        self.stats.own_ssrc += 1;
        if self.given_up_ssrc.is_some() {
            return;
        }
        self.send_report(now, true, shared);
        self.given_up_ssrc = Some(self.sender.ssrc);
        self.sender.change_ssrc(shared.rng);
        self.reported_packets = [0; 2];
        self.reported = false;
    }
}
