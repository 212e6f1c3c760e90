//! Offer and answer (RFC 3264): what both sides can do, and the plan that follows from it.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use smallvec::SmallVec;

use super::codecs::{Meaning, TELEPHONE_EVENT_PAYLOAD_TYPE, meaning_of, payload_type_of};
use super::parse::{Connection, MediaDescription, SdpError, SdpFault, SessionDescription};
use super::plan::{Codec, Direction, MediaPlan};
use super::write::{AudioLines, LocalMedia, PTIME_MS, Text, running_audio};
use crate::wire::is_one_host;

/// An answer and what it means for the media side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    /// The text of the answer.
    pub sdp: Vec<u8>,
    /// What the media side is told.
    pub plan: MediaPlan,
}

/// Why an offer cannot be answered, or an answer not be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The text is no session description that we can read.
    #[error("line {line} of the session description: {fault}")]
    Malformed {
        /// The line at fault, counted from 1.
        line: u32,
        /// What is wrong with it.
        fault: SdpFault,
    },
    /// No audio stream is on offer, or none that is not disabled.
    #[error("no audio stream")]
    NoUsableMedia,
    /// Audio is there, but over another transport than plain RTP.
    #[error("no audio stream over RTP/AVP")]
    NoUsableTransport,
    /// Audio over RTP is there, but with none of our codecs. Telephone events alone are no codec.
    #[error("no codec in common")]
    NoCommonCodec,
    /// The address of the stream is missing, a domain name, a group of hosts, or of the other IP version.
    #[error("line {line} of the session description: no address that we can send to")]
    NoUsableAddress {
        /// The `c=` line; where there is none, the `m=` line.
        line: u32,
    },
    /// The answer declines the audio that we offered.
    #[error("the answer declines the audio stream")]
    Declined,
}

impl AnswerError {
    /// The status that refuses an offer (RFC 3261 section 21.4). A bad answer has nothing to be refused with: the
    /// call is ended, and the status can be its reason.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed { fault, .. } if fault.is_limit() => 413,
            Self::Malformed { .. } => 400,
            _ => 488,
        }
    }

    /// Code and text of the Warning header that goes with a 488 (RFC 3261 section 20.43).
    pub const fn warning(&self) -> Option<(u16, &'static str)> {
        match self {
            Self::Malformed { .. } | Self::Declined => None,
            Self::NoUsableAddress { .. } => Some((301, "Incompatible network address formats")),
            Self::NoUsableTransport => Some((302, "Incompatible transport protocol")),
            Self::NoUsableMedia => Some((304, "Media type not available")),
            Self::NoCommonCodec => Some((305, "Incompatible media format")),
        }
    }

    /// How far a stream came before it failed. Of several streams, the one that came furthest names the reason.
    const fn progress(&self) -> u8 {
        match self {
            Self::NoUsableTransport => 1,
            Self::NoCommonCodec => 2,
            Self::NoUsableAddress { .. } => 3,
            _ => 0,
        }
    }
}

impl From<SdpError> for AnswerError {
    fn from(SdpError { line, fault }: SdpError) -> Self {
        Self::Malformed { line, fault }
    }
}

/// Answers an offer (RFC 3264 section 6): the first audio stream that we can use is accepted with the first of its
/// codecs that is ours, and all other streams are declined.
pub fn answer(offer: &[u8], local: &LocalMedia) -> Result<Answered, AnswerError> {
    let session = SessionDescription::parse(offer)?;
    let mut error = AnswerError::NoUsableMedia;
    let mut malformed = None;
    for (place, media) in session.media.iter().enumerate() {
        match agree(&session, media, local, Role::Answerer) {
            Ok(plan) => {
                return Ok(Answered { sdp: write_answer(&session, place, local, &plan), plan });
            }
            Err(reason @ AnswerError::Malformed { .. }) if malformed.is_none() => malformed = Some(reason),
            Err(reason) if reason.progress() > error.progress() => error = reason,
            Err(_) => {}
        }
    }
    // A stream that cannot be read is the reason if there is no better one.
    Err(malformed.filter(|_| error.progress() == 0).unwrap_or(error))
}

/// Takes the peer's answer to the offer that [`offer`](super::offer) makes of the same `local`.
pub fn accept_answer(answer: &[u8], local: &LocalMedia) -> Result<MediaPlan, AnswerError> {
    accept(answer, local, 0)
}

/// Takes the peer's answer to an offer that [`offer_again`](super::offer_again) made of the same `local`.
pub fn accept_answer_to(offer: &[u8], answer: &[u8], local: &LocalMedia) -> Result<MediaPlan, AnswerError> {
    let offer = SessionDescription::parse(offer)?;
    let place = running_audio(&offer).ok_or(AnswerError::NoUsableMedia)?;
    accept(answer, local, place)
}

/// Takes an answer to an offer with audio in this place.
fn accept(answer: &[u8], local: &LocalMedia, place: usize) -> Result<MediaPlan, AnswerError> {
    let session = SessionDescription::parse_answer(answer)?;
    // An answer has a line for each of the offer, in its order (RFC 3264 section 6). Lines too many say nothing of what was
    // offered, and one that is missing declines its stream: neither is a reason to do without the audio that is there.
    let audio = |media: &&MediaDescription<'_>| media.is_audio();
    let running = |media: &&MediaDescription<'_>| media.is_audio() && media.port != 0;
    let in_place = session.media.get(place);
    let found = in_place.filter(audio).or_else(|| session.media.iter().find(running));
    // Where there is none, what stands in its place says why.
    let media = found.or(in_place).ok_or(AnswerError::NoUsableMedia)?;
    if media.port == 0 && media.fault.is_none() {
        return Err(AnswerError::Declined);
    }
    agree(&session, media, local, Role::Offerer)
}

/// Which part we have in an exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The peer offered: we take over its payload types.
    Answerer,
    /// The peer answered: each side keeps to the payload types that the other wrote.
    Offerer,
}

/// The codec that was agreed on, with all payload types.
struct Formats {
    codec: Codec,
    send: u8,
    recv: u8,
    recv_others: SmallVec<[(u8, Codec); 2]>,
    send_dtmf: Option<u8>,
    recv_dtmf: Option<u8>,
}

/// What comes of one stream of the peer.
fn agree<'a>(
    session: &SessionDescription<'a>,
    media: &MediaDescription<'a>,
    local: &LocalMedia,
    role: Role,
) -> Result<MediaPlan, AnswerError> {
    if let Some(fault) = media.fault {
        return Err(AnswerError::Malformed { line: media.line, fault });
    }
    if !media.is_audio() || media.port == 0 {
        return Err(AnswerError::NoUsableMedia);
    }
    if !media.is_rtp_avp() {
        return Err(AnswerError::NoUsableTransport);
    }
    let formats = agree_formats(media, local, role).ok_or(AnswerError::NoCommonCodec)?;
    let Some(connection) = session.connection_of(media) else {
        return Err(AnswerError::NoUsableAddress { line: media.line });
    };
    let reachable = reach(&connection, local.address).or_else(|unreachable| {
        let other = session.other_connection_of(media).ok_or(unreachable)?;
        reach(&other, local.address)
    });
    let address = reachable.map_err(|Unreachable| AnswerError::NoUsableAddress { line: connection.line })?;
    let rtcp_mux = media.rtcp_mux
        && match role {
            Role::Answerer => formats.allow_mux(),
            // An answer may not bring it up by itself (RFC 5761 section 5.1.1).
            Role::Offerer => local.offers_mux(),
        };
    let remote_rtp = address.map(|address| SocketAddr::new(address, media.port));
    Ok(MediaPlan {
        remote_rtp,
        remote_rtcp: if rtcp_mux { remote_rtp } else { remote_rtcp(media, address, local.address) },
        sip_peer: None,
        rtcp_mux,
        direction: flow(local.direction, session.direction_of(media), address.is_some()),
        codec: formats.codec,
        send_payload_type: formats.send,
        recv_payload_type: formats.recv,
        recv_others: formats.recv_others,
        send_dtmf: formats.send_dtmf,
        recv_dtmf: formats.recv_dtmf,
        ptime_ms: agree_ptime_ms(media, local),
        cname: local.cname.clone(),
    })
}

/// Finds the first of the peer's formats that is a codec of ours, and telephone-event if both have it.
fn agree_formats(media: &MediaDescription<'_>, local: &LocalMedia, role: Role) -> Option<Formats> {
    let mut codec = None;
    let mut recv_others = SmallVec::new();
    let mut dtmf = None;
    for payload_type in media.formats().filter_map(payload_type_of) {
        match meaning_of(payload_type, &media.rtpmaps) {
            Meaning::Codec(found) if codec.is_none() && local.codecs.contains(found) => {
                codec = Some((found, payload_type));
            }
            // Our answer has one codec, theirs may have several. Each arrives with the number that we gave to it.
            Meaning::Codec(other) if role == Role::Offerer => {
                let others = |&(_, known): &(u8, Codec)| known != other;
                let is_new =
                    codec.is_some_and(|(chosen, _)| chosen != other) && recv_others.iter().all(others);
                recv_others
                    .extend(local.codecs.number_of(other).filter(|_| is_new).map(|number| (number, other)));
            }
            Meaning::TelephoneEvent if dtmf.is_none() => dtmf = Some(payload_type),
            // An answer that leaves out a line which our offer had means what the offer said.
            Meaning::Unmapped
                if dtmf.is_none()
                    && role == Role::Offerer
                    && payload_type == TELEPHONE_EVENT_PAYLOAD_TYPE =>
            {
                dtmf = Some(payload_type);
            }
            _ => {}
        }
    }
    let (codec, send) = codec?;
    let send_dtmf = dtmf.filter(|_| local.dtmf);
    let (recv, recv_dtmf) = match role {
        Role::Answerer => (send, send_dtmf),
        Role::Offerer => (local.codecs.number_of(codec)?, send_dtmf.map(|_| TELEPHONE_EVENT_PAYLOAD_TYPE)),
    };
    Some(Formats { codec, send, recv, recv_others, send_dtmf, recv_dtmf })
}

impl Formats {
    /// Whether RTP with these payload types can be told from RTCP on one port (RFC 5761 section 4).
    fn allow_mux(&self) -> bool {
        let like_rtcp = |number: u8| (64..=95).contains(&number);
        !like_rtcp(self.recv) && !self.recv_dtmf.is_some_and(like_rtcp)
    }
}

/// An address that cannot be sent to.
struct Unreachable;

/// The address to send to; `None` if it is all zeros, the old way to say that nothing may be sent (RFC 3264
/// section 8.4).
fn reach(connection: &Connection<'_>, local: IpAddr) -> Result<Option<IpAddr>, Unreachable> {
    match connection.address {
        Some(address) if address.is_unspecified() => Ok(None),
        // A group would multiply what we send, and a socket of one IP version cannot reach the other.
        Some(address) if is_one_host(address) && address.is_ipv4() == local.to_canonical().is_ipv4() => {
            Ok(Some(address))
        }
        _ => Err(Unreachable),
    }
}

/// Where RTCP goes without multiplexing: as `a=rtcp` says (RFC 3605), else one port up (RFC 3550 section 11).
/// `None` if that is nowhere, which costs the reports but not the call.
fn remote_rtcp(media: &MediaDescription<'_>, rtp: Option<IpAddr>, local: IpAddr) -> Option<SocketAddr> {
    let rtp = rtp?;
    let Some(attribute) = media.rtcp else {
        return Some(SocketAddr::new(rtp, media.port.checked_add(1)?));
    };
    let address = match attribute.connection {
        Some(connection) => reach(&connection, local).ok().flatten()?,
        None => rtp,
    };
    Some(SocketAddr::new(address, attribute.port))
}

/// Which way audio flows, seen from here, when we want `ours` and the peer, seen from there, wants `theirs`.
const fn flow(ours: Direction, theirs: Direction, reachable: bool) -> Direction {
    let sends = ours.sends() && theirs.receives() && reachable;
    let receives = ours.receives() && theirs.sends();
    match (sends, receives) {
        (true, true) => Direction::SendRecv,
        (true, false) => Direction::SendOnly,
        (false, true) => Direction::RecvOnly,
        (false, false) => Direction::Inactive,
    }
}

/// How much audio to put into a packet: what the peer asks for if we can make it, else what we would like, but not
/// more than the peer takes.
fn agree_ptime_ms(media: &MediaDescription<'_>, local: &LocalMedia) -> u16 {
    let usable = |ms: u32| u16::try_from(ms).ok().filter(|ms| PTIME_MS.contains(ms));
    let wanted = media.ptime_ms.and_then(usable).unwrap_or_else(|| local.ptime_wanted_ms());
    match media.maxptime_ms.and_then(usable) {
        Some(most) => wanted.min(most),
        None => wanted,
    }
}

/// Answers an offer with every stream declined (RFC 3264 section 6): it came where it cannot be refused.
pub fn decline(offer: &[u8], local: &LocalMedia) -> Result<Vec<u8>, AnswerError> {
    let session = SessionDescription::parse(offer)?;
    let mut text = Text::begin(local, session.timing.unwrap_or_default());
    for media in &session.media {
        text.declined(media);
    }
    Ok(text.finish())
}

/// The answer that accepts the stream in this place and declines the others.
fn write_answer(
    offer: &SessionDescription<'_>,
    place: usize,
    local: &LocalMedia,
    plan: &MediaPlan,
) -> Vec<u8> {
    // The answer repeats the t= line of the offer (RFC 3264 section 6).
    let mut text = Text::begin(local, offer.timing.unwrap_or_default());
    for (index, media) in offer.media.iter().enumerate() {
        if index != place {
            text.declined(media);
            continue;
        }
        let lines = AudioLines {
            codecs: &mut core::iter::once((plan.codec, plan.recv_payload_type)),
            dtmf: plan.recv_dtmf,
            direction: plan.direction,
            rtcp_mux: plan.rtcp_mux,
            rtcp_port: !plan.rtcp_mux,
        };
        text.audio(local, lines);
    }
    text.finish()
}
