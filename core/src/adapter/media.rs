//! Actions into media plans and commands.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::Switchboard;
use crate::api::{OfferMethod, Output};
use crate::base::ids::SessionId;
use crate::media::{MediaCommand, MediaPort};
use crate::sdp::plan::{Codec, Direction, MediaPlan};
use crate::sdp::{self, AnswerError, Answered, CodecList, LocalMedia};
use crate::session::{Holds, Role, SessionMedia};
use crate::wire::path::Path;
use crate::wire::text::Sink as _;

/// Carries out the actions that concern media.
pub(crate) struct MediaAdapter<'a> {
    pub(crate) board: &'a mut Switchboard,
    pub(crate) session: SessionId,
}

impl MediaAdapter<'_> {
    /// Gives the session the name of a stream. It has no port yet: a call that only rings needs none.
    pub(crate) fn begin(&mut self, sdp_id: u64) -> bool {
        let board = &mut *self.board;
        let Some(id) = board.registry.mint_media(self.session) else { return false };
        if let Some(session) = board.registry.session_mut(self.session) {
            let media = SessionMedia {
                id,
                port: None,
                open: false,
                changed: false,
                exchanged: false,
                declined: false,
                sdp_id,
                sdp_version: sdp_id,
                described: None,
                unissued: false,
                lines: None,
                wanted: Direction::SendRecv,
                agreed: Direction::SendRecv,
                described_direction: Direction::SendRecv,
                codecs: None,
                agreed_codecs: None,
                by: OfferMethod::Reinvite,
                wish: 0,
                made: 0,
                said: 0,
                told: 0,
                holds: Holds::default(),
                plan: None,
                next_plan: None,
                answer: None,
                unsaid: false,
            };
            session.media = Some(media);
        }
        true
    }

    /// Gives the stream the next free port, for a description that is about to name it. False if there is none.
    pub(crate) fn lease(&mut self) -> bool {
        let Some(media) =
            self.board.registry.session_mut(self.session).and_then(|session| session.media.as_mut())
        else {
            return false;
        };
        if media.port.is_some() {
            return true;
        }
        let Some(port) = self.board.ports.pop_front() else { return false };
        media.port = Some(port);
        if let Some(answer) = &mut media.answer {
            sdp::name_ports(answer, port.rtp, port.rtcp);
            media.described = Some(self.board.digests.digest(&[without_origin(answer)]));
            media.lines = lines_of(answer);
        }
        self.board.ask_for_ports();
        true
    }

    /// What we put into a session description now.
    pub(crate) fn local(&self, path: &Path) -> Option<LocalMedia> {
        let media = self.board.registry.session(self.session)?.media.as_ref()?;
        let mut local =
            local_media(self.board, path, media.port.unwrap_or(NO_PORT), media.sdp_id, media.sdp_version);
        local.direction = media.wanted;
        if let Some(codecs) = &media.codecs {
            local.codecs = CodecList::clone(codecs);
        }
        Some(local)
    }

    /// Writes a description of ours. It has the version of the last one if it says the same, else the next (RFC 3264
    /// section 8), and holds what the application wants now.
    pub(crate) fn describe<T>(
        &mut self,
        path: &Path,
        mut write: impl FnMut(&LocalMedia) -> Result<(Vec<u8>, T), AnswerError>,
    ) -> Option<Result<(Vec<u8>, T), AnswerError>> {
        let mut local = self.local(path)?;
        let mut written = match write(&local) {
            Ok(written) => written,
            Err(error) => return Some(Err(error)),
        };
        let said = self.board.digests.digest(&[without_origin(&written.0)]);
        let media = self.board.registry.session_mut(self.session)?.media.as_mut()?;
        let issued = !core::mem::take(&mut media.unissued);
        if issued && media.described.is_some_and(|last| last != said) {
            media.sdp_version = media.sdp_version.wrapping_add(1);
            local.version = media.sdp_version;
            written = match write(&local) {
                Ok(written) => written,
                Err(error) => return Some(Err(error)),
            };
        }
        media.described = Some(said);
        media.exchanged = true;
        media.made = media.wish;
        media.described_direction = media.wanted;
        media.lines = lines_of(&written.0);
        Some(Ok(written))
    }

    /// Our offer within the call: all that we can do, in the place of the stream that runs.
    pub(crate) fn reoffer(&mut self, path: &Path) -> Option<Vec<u8>> {
        let lines = self.board.registry.session_mut(self.session)?.media.as_mut()?.lines.take();
        let offer = self.describe(path, |local| match &lines {
            Some(lines) => Ok((sdp::offer_again(local, lines)?, ())),
            None => Ok((sdp::offer(local), ())),
        });
        offer?.ok().map(|(offer, ())| offer)
    }

    /// Our answer to an offer of the peer within the call.
    pub(crate) fn answer_offer(
        &mut self,
        path: &Path,
        offer: &[u8],
    ) -> Option<Result<Answered, AnswerError>> {
        let written =
            self.describe(path, |local| sdp::answer(offer, local).map(|Answered { sdp, plan }| (sdp, plan)));
        Some(written?.map(|(sdp, plan)| Answered { sdp, plan }))
    }

    /// Reads the answer to the offer that we made within the call.
    pub(crate) fn read_reanswer(&self, path: &Path, body: &[u8]) -> Option<Result<MediaPlan, AnswerError>> {
        let offer = &self.board.registry.session(self.session)?.offering.as_ref()?.offer;
        Some(sdp::accept_answer_to(offer, body, &self.local(path)?))
    }

    /// Takes note that the peer knows what our last description said.
    fn settle(&mut self) {
        let session = self.board.registry.session_mut(self.session);
        // Of an offer that waits for its answer the peer knows nothing for certain.
        let Some(session) = session.filter(|session| session.offering.is_none()) else { return };
        let Some(media) = session.media.as_mut() else { return };
        media.said = media.made;
        media.declined = false;
        media.agreed = media.described_direction;
        if media.is_settled() && media.agreed_codecs != media.codecs {
            media.agreed_codecs = media.codecs.clone();
        }
    }

    /// Our offer for the INVITE. From now on media may come (RFC 3264 section 5.1), so the stream opens.
    pub(crate) fn offer(&mut self, path: Path) -> Option<Vec<u8>> {
        let local = self.local(&path)?;
        let early = early_plan(&local);
        let media = self.board.registry.session_mut(self.session)?.media.as_mut()?;
        media.next_plan = Some(Arc::new(early));
        self.apply_plan();
        self.describe(&path, |local| Ok((sdp::offer(local), ())))?.ok().map(|(offer, ())| offer)
    }

    /// The session description for the 200: the answer that was prepared when the INVITE came, or an offer.
    pub(crate) fn description(&mut self) -> Option<Vec<u8>> {
        let session = self.board.registry.session_mut(self.session)?;
        if !session.late_offer {
            let media = session.media.as_mut()?;
            media.unsaid = false;
            return media.answer.take();
        }
        let dialog = session.dialog?;
        let path = self.board.registry.dialog(dialog)?.path;
        let local = self.local(&path)?;
        self.board.registry.session_mut(self.session)?.media.as_mut()?.next_plan =
            Some(Arc::new(early_plan(&local)));
        self.describe(&path, |local| Ok((sdp::offer(local), ())))?.ok().map(|(offer, ())| offer)
    }

    /// A copy of the answer that was prepared when the INVITE came. What comes of it holds from now on.
    pub(crate) fn answer_to_be(&mut self) -> Option<Vec<u8>> {
        let media = self.board.registry.session_mut(self.session)?.media.as_mut()?;
        media.unsaid = false;
        media.answer.clone()
    }

    /// Declines all that the peer offers.
    pub(crate) fn decline(&mut self, path: &Path, offer: &[u8]) -> Option<Vec<u8>> {
        let declined = self.describe(path, |local| Ok((sdp::decline(offer, local)?, ())));
        declined?.ok().map(|(text, ())| text)
    }

    /// Forgets whose audio an earlier attempt to call brought, if any did.
    pub(crate) fn hear_nobody(&mut self, path: &Path) {
        let plan = self.listening(path);
        let session = self.board.registry.session_mut(self.session);
        if let Some(media) = session.and_then(|session| session.media.as_mut()).filter(|media| media.open) {
            media.next_plan = plan.map(Arc::new);
            self.apply_plan();
        }
    }

    /// What holds while nobody's audio is known.
    pub(crate) fn listening(&self, path: &Path) -> Option<MediaPlan> {
        self.local(path).as_ref().map(early_plan)
    }

    /// Reads the answer to our offer.
    pub(crate) fn read_answer(&self, body: &[u8]) -> Option<Result<MediaPlan, AnswerError>> {
        let session = self.board.registry.session(self.session)?;
        let path = match session.dialog.and_then(|id| self.board.registry.dialog(id)) {
            Some(dialog) => dialog.path,
            None => session.outgoing.as_ref()?.path?,
        };
        let local = self.local(&path)?;
        Some(match session.media.as_ref()?.lines.as_deref() {
            Some(offer) => sdp::accept_answer_to(offer, body, &local),
            None => sdp::accept_answer(body, &local),
        })
    }

    /// Where the peer's signalling comes from.
    fn sip_peer(&self) -> Option<IpAddr> {
        let session = self.board.registry.session(self.session)?;
        let path = match session.dialog.and_then(|id| self.board.registry.dialog(id)) {
            Some(dialog) => dialog.path,
            None => session.outgoing.as_ref()?.path?,
        };
        Some(path.remote.ip())
    }

    /// Makes the plan that was agreed on hold: opens the stream, or changes it.
    pub(crate) fn apply_plan(&mut self) {
        let session = self.board.registry.session_mut(self.session);
        let Some(media) = session.and_then(|session| session.media.as_mut()).filter(|media| !media.unsaid)
        else {
            return;
        };
        if media.next_plan.is_none() {
            media.changed = false;
            return;
        }
        self.settle();
        let sip_peer = self.sip_peer();
        let opens = self.board.registry.session(self.session).and_then(|session| session.media.as_ref());
        let rationed = opens.is_some_and(|media| !media.open) && self.is_rationed(sip_peer);
        let Some(media) =
            self.board.registry.session_mut(self.session).and_then(|session| session.media.as_mut())
        else {
            return;
        };
        let Some(mut plan) = media.next_plan.take() else { return };
        let sip_peer_before = media.plan.as_ref().and_then(|plan| plan.sip_peer);
        // Nobody else has it yet: nothing is copied.
        Arc::make_mut(&mut plan).sip_peer = sip_peer_before;
        media.changed = media.plan.as_ref() != Some(&plan);
        Arc::make_mut(&mut plan).sip_peer = sip_peer;
        // An exchange that changes nothing goes to the media side too, for it opens the learning of addresses; an answer
        // that only comes again does not.
        let exchanged = core::mem::take(&mut media.exchanged);
        if !media.changed && !exchanged && sip_peer == sip_peer_before {
            return;
        }
        let Some(port) = media.port else { return };
        media.plan = Some(plan.clone());
        let command = if media.open {
            MediaCommand::Update { media: media.id, plan }
        } else {
            media.open = true;
            MediaCommand::Open { media: media.id, port, plan, rationed }
        };
        self.board.outbox.push_back(Output::Media(command));
    }

    /// Whether the SIP peer has only a share of what may be sent to addresses that nothing proves: so has whoever calls us.
    /// Whom we call we have chosen, and a trunk has no share.
    fn is_rationed(&mut self, sip_peer: Option<IpAddr>) -> bool {
        let session = self.board.registry.session(self.session);
        session.is_some_and(|session| session.role == Role::Uas)
            && sip_peer.is_some_and(|source| !self.board.is_trusted(source))
    }

    /// Takes note of the answer that was made before there was a session, and names no port yet.
    pub(crate) fn adopt_answer(&mut self, answered: Answered) {
        let session = self.board.registry.session_mut(self.session);
        let Some(media) = session.and_then(|session| session.media.as_mut()) else { return };
        media.answer = Some(answered.sdp);
        media.next_plan = Some(Arc::new(answered.plan));
        media.unsaid = true;
    }

    /// Closes the stream and gives its port back: to the runtime if it was open, else to our own store.
    pub(crate) fn close(&mut self) {
        let Some(session) = self.board.registry.session_mut(self.session) else { return };
        let Some(media) = session.media.take() else { return };
        self.board.registry.remove_media(media.id);
        if media.open {
            self.board.outbox.push_back(Output::Media(MediaCommand::Close { media: media.id }));
        } else if let Some(port) = media.port {
            self.board.ports.push_back(port);
        }
    }
}

/// In the place of a port that is yet to be leased.
pub(crate) const NO_PORT: MediaPort =
    MediaPort { key: u32::MAX, rtp: sdp::NO_RTP_PORT, rtcp: sdp::NO_RTCP_PORT };

/// What we put into a session description: our address on `path` and the settings.
pub(crate) fn local_media(
    board: &Switchboard,
    path: &Path,
    port: MediaPort,
    session_id: u64,
    version: u64,
) -> LocalMedia {
    LocalMedia {
        address: path.local.ip(),
        rtp_port: port.rtp,
        rtcp_port: port.rtcp,
        codecs: board.config.codecs.clone(),
        dtmf: board.config.dtmf,
        ptime_ms: 20,
        direction: Direction::SendRecv,
        session_id,
        version,
        cname: cname(board, path.local),
    }
}

/// A description that must be remembered because it has more than one media line.
fn lines_of(text: &[u8]) -> Option<Box<[u8]>> {
    let begins_media = |&end: &usize| text.get(end + 1..).is_some_and(|rest| rest.starts_with(b"m="));
    let several = memchr::memchr_iter(b'\n', text).filter(begins_media).nth(1).is_some();
    several.then(|| Box::from(text))
}

/// A description without its first two lines, v= and o=.
fn without_origin(text: &[u8]) -> &[u8] {
    let mut ends = memchr::memchr_iter(b'\n', text);
    ends.nth(1).and_then(|end| text.get(end..)).unwrap_or(text)
}

/// The canonical name of our end (RFC 3550 section 6.5.1).
fn cname(board: &Switchboard, local: SocketAddr) -> String {
    let user = board.config.user.as_bytes();
    let mut name = Vec::with_capacity(user.len() + 16);
    name.put(user);
    name.put(b"@");
    name.put_ip(local.ip());
    // The user is UTF-8, and an address is ASCII.
    String::from_utf8(name).unwrap_or_default()
}

/// How the stream runs until the peer's answer is known: it listens for every codec that we offer.
fn early_plan(local: &LocalMedia) -> MediaPlan {
    let mut offered = local.codecs.numbered();
    let (codec, payload_type) = offered.next().unwrap_or((Codec::Pcmu, 0));
    MediaPlan {
        remote_rtp: None,
        remote_rtcp: None,
        sip_peer: None,
        rtcp_mux: false,
        direction: Direction::RecvOnly,
        codec,
        send_payload_type: payload_type,
        recv_payload_type: payload_type,
        recv_others: offered.map(|(codec, number)| (number, codec)).collect(),
        send_dtmf: None,
        recv_dtmf: None,
        ptime_ms: local.ptime_ms,
        cname: local.cname.clone(),
    }
}
