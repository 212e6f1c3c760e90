//! A complete runtime without any async: threads that block, sockets of std, and the core driven by hand.
//!
//! `std_runtime 127.0.0.1:5060` answers one call, `std_runtime 127.0.0.1:0 sip:bob@127.0.0.1:5060` makes one of 2 s. Either
//! plays a tone and counts what it hears. Each socket has a thread that posts what comes; one loop does all else: carry
//! out every output, then wait for the next input or the earliest deadline.

use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant as Clock};

use offhook_core::api::{CoordinatorConfig, EndReason, Event, InviteParams, NameFailure, Output};
use offhook_core::coordinator::UnifiedCoordinator;
use offhook_core::media::{MediaPort, MediaSessionId, MediaShard, ShardConfig, Which};
use offhook_core::peer::prelude::{AudioFrame, Instant, SessionId, State};
use offhook_core::wire::path::Path;

pub type Failure = Box<dyn std::error::Error + Send + Sync>;
/// A datagram: the media socket it came to (none for signalling), its sender, its bytes.
type Input = (Option<(u32, Which)>, SocketAddr, Vec<u8>);

/// A telephone for one call.
pub struct Phone {
    pub local: SocketAddr,
    /// Frames of 20 ms that were not silent.
    pub heard: u32,
    zero: Clock,
    sip: UdpSocket,
    pairs: Vec<[UdpSocket; 2]>,
    inputs: (Sender<Input>, Receiver<Input>),
    core: UnifiedCoordinator,
    shard: MediaShard,
    media: Option<MediaSessionId>,
    end: Option<(SessionId, EndReason)>,
}

fn read(socket: &UdpSocket, what: Option<(u32, Which)>, inputs: &Sender<Input>) -> std::io::Result<()> {
    let (socket, inputs, mut memory) = (socket.try_clone()?, inputs.clone(), vec![0; 65_536]);
    std::thread::spawn(move || {
        // An error tells of an earlier datagram that did not arrive; the next read is as good as any.
        let mut next = || socket.recv_from(&mut memory).map(|(n, from)| (what, from, memory[..n].to_vec()));
        while next().map_or(Ok(()), |input| inputs.send(input)).is_ok() {}
    });
    Ok(())
}

impl Phone {
    pub fn start(bind: SocketAddr) -> Result<Self, Failure> {
        let (sip, inputs, now) = (UdpSocket::bind(bind)?, channel(), Instant::ZERO);
        read(&sip, None, &inputs.0)?;
        let core = UnifiedCoordinator::new(CoordinatorConfig::default(), offhook_common::entropy()?, now);
        let shard = MediaShard::new(ShardConfig::default(), offhook_common::entropy()?, now);
        let (local, zero, pairs, heard) = (sip.local_addr()?, Clock::now(), Vec::new(), 0);
        let mut new = Self { local, heard, zero, sip, pairs, inputs, core, shard, media: None, end: None };
        new.carry_out(now)?; // The first pairs of media sockets.
        Ok(new)
    }

    /// Calls somebody for so long, or answers the first call; returns when it is over.
    pub fn run(&mut self, call: Option<(&str, Duration)>) -> Result<EndReason, Failure> {
        let (now, tone) = (Instant::ZERO + self.zero.elapsed(), AudioFrame::tone(440, 20).samples);
        let session = call.map(|(uri, _)| self.core.invite(now, InviteParams::new(uri))).transpose()?;
        let mut leave = session.zip(call.map(|(_, time)| now + time));
        loop {
            let now = Instant::ZERO + self.zero.elapsed();
            self.core.handle_timeout(now);
            self.shard.handle_timeout(now);
            if let Some((session, _)) = leave.take_if(|(_, at)| *at <= now && self.end.is_none()) {
                self.core.hangup(now, session)?;
            }
            self.carry_out(now)?;
            while let Some(id) = self.media.filter(|id| self.shard.audio_room(*id).is_ok_and(|n| n >= 160)) {
                self.shard.handle_audio(now, id, &tone)?;
            }
            let ending = [Some(State::Terminating), Some(State::HangupPending)];
            if let Some((_, why)) = self.end.filter(|(id, _)| !ending.contains(&self.core.session_state(*id)))
            {
                return Ok(why);
            }
            // Sleep until something comes or is due; the pace of audio is a deadline of the shard.
            let deadlines = [self.core.poll_timeout(), self.shard.poll_timeout()];
            let until = deadlines.into_iter().flatten().min().unwrap_or(now + Duration::from_secs(1));
            let rest = until.saturating_since(Instant::ZERO + self.zero.elapsed());
            if let Ok((what, from, bytes)) = self.inputs.1.recv_timeout(rest) {
                let now = Instant::ZERO + self.zero.elapsed();
                match what {
                    None => self.core.handle_datagram(now, Path::udp(self.local, from), &bytes),
                    Some((key, which)) => self.shard.handle_datagram(now, key, which, from, &bytes),
                }
                self.carry_out(now)?;
            }
        }
    }

    /// Carries out what the coordinator wants, then what the shard wants; again, if that was news for the coordinator.
    fn carry_out(&mut self, now: Instant) -> Result<(), Failure> {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Send(sip) if self.sip.send_to(&sip.payload, sip.path.remote).is_err() => {
                    self.core.handle_send_failed(now, &sip);
                }
                Output::Media(command) => self.shard.handle_command(now, command),
                Output::NeedMediaPorts(count) => (0..count).try_for_each(|_| self.bind_pair())?,
                Output::Resolve { query, target } => {
                    let found = (target.host.as_str(), target.port.unwrap_or(5060)).to_socket_addrs();
                    let found =
                        found.ok().and_then(|mut all| all.find(|to| to.is_ipv4() == self.local.is_ipv4()));
                    let path =
                        found.map(|to| Path::udp(self.local, to)).ok_or(NameFailure("no address".into()));
                    self.core.handle_names(now, query, path);
                }
                Output::Event(Event::Incoming { session, .. }) => self.core.answer(now, session)?,
                Output::Event(Event::Answered { media, .. }) => self.media = Some(media),
                Output::Event(Event::Ended { session, reason, .. }) => self.end = Some((session, reason)),
                _ => {}
            }
        }
        self.shard.for_each_transmit(|packet| {
            let socket = &self.pairs[packet.port_key as usize][usize::from(packet.which == Which::Rtcp)];
            socket.send_to(packet.bytes, packet.remote).ok(); // What cannot leave now is of no use later.
        });
        while let Some(audio) = self.shard.poll_audio() {
            self.heard += u32::from(audio.samples.iter().any(|sample| sample.unsigned_abs() > 1000));
        }
        let Some(event) = self.shard.poll_event() else { return Ok(()) };
        self.core.handle_media(now, event);
        self.carry_out(now)
    }

    fn bind_pair(&mut self) -> Result<(), Failure> {
        let (any, key) = (SocketAddr::new(self.local.ip(), 0), self.pairs.len() as u32);
        let pair = [UdpSocket::bind(any)?, UdpSocket::bind(any)?];
        read(&pair[0], Some((key, Which::Rtp)), &self.inputs.0)?;
        read(&pair[1], Some((key, Which::Rtcp)), &self.inputs.0)?;
        let (rtp, rtcp) = (pair[0].local_addr()?.port(), pair[1].local_addr()?.port());
        self.core.add_media_port(MediaPort { key, rtp, rtcp });
        self.pairs.push(pair);
        Ok(())
    }
}

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let mut phone = Phone::start(args.next().ok_or("usage: std_runtime IP:PORT [URI]")?.parse()?)?;
    let end = phone.run(args.next().as_deref().map(|uri| (uri, Duration::from_secs(2))))?;
    println!("{end}; heard {} frames with sound", phone.heard);
    Ok(())
}
