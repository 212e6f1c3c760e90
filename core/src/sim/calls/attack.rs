//! Strangers: they send what they like from an address of their own, and nobody's call may suffer from it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;

use super::dice::Dice;
use crate::wire::{Frame, HeaderName, NameAddr, WireLimits};

/// Where the attacker is.
pub(super) const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 66, 6, 6)), 5060);

/// What an attacker does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attack {
    /// BYEs that have some of the names of a call right, but not all.
    SpoofedBye,
    /// An INVITE that was seen on the wire, again, once or often.
    ReplayedInvite,
    /// As many OPTIONS as it can.
    OptionsFlood,
    /// Calls that it never acknowledges.
    HalfOpen,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::SpoofedBye, Self::ReplayedInvite, Self::OptionsFlood, Self::HalfOpen];
}

/// OPTIONS, or INVITEs, of one attack.
pub(super) const FLOOD: u64 = 200;

/// The next datagram of a flood against `target`.
pub(super) fn flood(attack: Attack, target: SocketAddr, dice: &mut Dice) -> Bytes {
    let (method, contact) = match attack {
        Attack::HalfOpen => ("INVITE", format!("Contact: <sip:m@{ADDRESS}>\r\n")),
        _ => ("OPTIONS", String::new()),
    };
    let (branch, tag, call) = (dice.next_u64(), dice.next_u64(), dice.next_u64());
    Bytes::from(format!(
        "{method} sip:nobody@{target} SIP/2.0\r\nVia: SIP/2.0/UDP {ADDRESS};branch=z9hG4bK{branch:x};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:m@{ADDRESS}>;tag={tag:x}\r\nTo: <sip:nobody@{target}>\r\n\
         Call-ID: {call:x}\r\nCSeq: 1 {method}\r\n{contact}Content-Length: 0\r\n\r\n"
    ))
}

/// BYEs against the call of `message`, in both directions: the tags or the Call-ID are guessed.
pub(super) fn spoofed_byes(message: &[u8], target: SocketAddr, dice: &mut Dice) -> Vec<Bytes> {
    let Ok(frame) = Frame::parse(message, &WireLimits::NONE) else { return Vec::new() };
    let text = |name| String::from_utf8_lossy(frame.first(name).unwrap_or_default()).into_owned();
    let tag = |value: &str| {
        let tag = NameAddr::parse(value.as_bytes()).and_then(|addr| addr.tag());
        tag.map(|tag| String::from_utf8_lossy(tag).into_owned())
    };
    let (from, to, call) = (text(HeaderName::From), text(HeaderName::To), text(HeaderName::CallId));
    let (Some(ours), theirs) = (tag(&from), tag(&to)) else { return Vec::new() };
    let guess = format!("{:x}", dice.next_u64());
    let theirs = theirs.unwrap_or_else(|| guess.clone());
    let mut byes = Vec::new();
    for (call, from, to) in [
        (&call, &ours, &guess),
        (&call, &guess, &theirs),
        (&call, &guess, &ours),
        (&call, &ours, &ours),
        (&guess, &ours, &theirs),
        (&guess, &theirs, &ours),
    ] {
        let branch = dice.next_u64();
        byes.push(Bytes::from(format!(
            "BYE sip:x@{target} SIP/2.0\r\nVia: SIP/2.0/UDP {ADDRESS};branch=z9hG4bK{branch:x};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:x@{ADDRESS}>;tag={from}\r\nTo: <sip:x@{target}>;tag={to}\r\n\
             Call-ID: {call}\r\nCSeq: {} BYE\r\nContent-Length: 0\r\n\r\n",
            1 + dice.roll(1_000)
        )));
    }
    byes
}
