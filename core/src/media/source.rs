//! Who is heard and where we send: the policy, as a table that prints itself (`source.md`).
//!
//! The address that the peer has signalled always wins and needs no proof. Another one is learned (symmetric RTP, RFC
//! 4961) only where the signalled one cannot be reached or the other is the SIP peer's own, only after a proof, and only
//! until the signalled one speaks. That an address is the peer's proves nothing alone: a trunk is one address with
//! thousands of streams.

use alloc::format;
use alloc::string::String;
use core::net::IpAddr;

/// From which addresses media may be learned besides the signalled one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum SourceLearning {
    /// From none: only the signalled address is heard and spoken to.
    Never,
    /// From the SIP peer's own IP address, and from any where the signalled address cannot be reached from here: it is
    /// private (RFC 1918, RFC 6598, RFC 4193, link-local) and not the SIP peer's own, of another family, or an ICMP
    /// report has said so.
    #[default]
    Private,
    /// From any.
    Any,
}

/// What the address is that a packet came from. The first that fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The one that the peer has signalled.
    Signalled,
    /// The one that was learned.
    Learned,
    /// The one before the peer signalled another.
    Previous,
    /// It has the IP of the SIP peer.
    SipPeer,
    /// Any other, where the signalled address cannot be reached or is not known yet.
    Elsewhere,
    /// Any other.
    Stranger,
}

/// Whom we hear. Alive: within [`ShardConfig::source_silence`](super::ShardConfig::source_silence).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// Nobody since the address was signalled, or since learning was opened again.
    Nobody,
    /// The signalled address.
    Signalled,
    /// The signalled address, but nothing for a while.
    SignalledSilent,
    /// A learned address with the IP of the SIP peer.
    LearnedAtPeer,
    /// Another learned address.
    LearnedElsewhere,
    /// A learned address, but nothing for a while.
    LearnedSilent,
}

/// What the SSRC of a packet says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ssrc {
    /// The stream that we hear goes on, in sequence, from the same IP.
    GoesOn,
    /// Anything else.
    Other,
    /// We heard it on this stream before the one that we hear.
    Left,
    /// The stream that the call before had on our port goes on.
    Leftover,
}

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Decision {
    /// Heard, and spoken to from now on.
    Take,
    /// Heard; we speak to the signalled address.
    Hear,
    /// The same from the second packet of its SSRC in sequence on.
    Second,
    /// The same, and no packet of what we hear was taken in between.
    SecondUnbroken,
    /// The same from the fifth packet on, and no packet of what we hear was taken in between.
    FifthUnbroken,
    /// The same from the fifth packet of its SSRC in sequence on: the address is learned.
    Fifth,
    /// Dropped and counted.
    Drop,
}

impl Decision {
    /// How many packets of one SSRC in sequence it takes to be heard.
    pub(crate) const fn proof(self) -> u8 {
        match self {
            Self::Take | Self::Hear => 1,
            Self::Second | Self::SecondUnbroken => 2,
            Self::FifthUnbroken | Self::Fifth => 5,
            Self::Drop => u8::MAX,
        }
    }

    /// Whether a packet of what we hear, taken in between, undoes the proof.
    pub(crate) const fn is_unbroken(self) -> bool {
        matches!(self, Self::SecondUnbroken | Self::FifthUnbroken)
    }
}

const KINDS: usize = Kind::Stranger as usize + 1;
const SSRCS: usize = Ssrc::Leftover as usize + 1;
const HEARD: usize = Heard::LearnedSilent as usize + 1;

type Policy = [[[Decision; HEARD]; SSRCS]; KINDS];
type Row = (Kind, &'static [Ssrc], [Decision; HEARD]);

/// The policy. The columns are those of [`Heard`]; what has no row is dropped.
const ROWS: &[Row] = {
    use Decision::{
        Drop as No, Fifth, FifthUnbroken as Fifth1, Hear, Second, SecondUnbroken as Second1, Take,
    };
    use Kind::{Elsewhere, Learned, Previous, Signalled, SipPeer, Stranger};
    use Ssrc::{GoesOn, Left, Leftover, Other};
    &[
        //                              nobody  signalled  …silent  at peer  elsewhere  …silent
        (Signalled, &[GoesOn], /*    */ [Take, Take, Take, Take, Take, Take]),
        (Signalled, &[Other], /*     */ [Take, Second, Second, Take, Take, Take]),
        (Signalled, &[Left], /*      */ [Take, Second1, Second, Take, Take, Take]),
        (Signalled, &[Leftover], /*  */ [Take, Fifth1, Second, Take, Take, Take]),
        (Learned, &[GoesOn], /*      */ [No, No, No, Take, Take, Take]),
        (Learned, &[Other], /*       */ [No, No, No, Second, Second, Fifth]),
        (Learned, &[Left], /*        */ [No, No, No, Second1, Second1, Fifth]),
        (Previous, &[GoesOn], /*     */ [Hear, No, No, No, No, No]),
        (SipPeer, &[GoesOn], /*      */ [Fifth, No, Fifth, No, No, Fifth]),
        (SipPeer, &[Other, Left], /* */ [Fifth, No, No, No, Fifth, Fifth]),
        (Elsewhere, &[GoesOn], /*    */ [Fifth, No, Fifth, No, No, Fifth]),
        (Elsewhere, &[Other, Left], /**/ [Fifth, No, No, No, No, Fifth]),
        (Stranger, &[GoesOn], /*     */ [Fifth, No, Fifth, No, No, Fifth]),
    ]
};

const POLICY: Policy = compile(ROWS);

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler: an index out of bounds does not build"
)]
const fn compile(rows: &[Row]) -> Policy {
    let mut policy = [[[Decision::Drop; HEARD]; SSRCS]; KINDS];
    let mut decided = [[false; SSRCS]; KINDS];
    let mut row = 0;
    while row < rows.len() {
        let (kind, ssrcs, decisions) = rows[row];
        let mut ssrc = 0;
        while ssrc < ssrcs.len() {
            let place = ssrcs[ssrc] as usize;
            assert!(!decided[kind as usize][place], "two rows decide the same");
            decided[kind as usize][place] = true;
            policy[kind as usize][place] = decisions;
            ssrc += 1;
        }
        row += 1;
    }
    policy
}

/// What the policy says.
pub(crate) fn decide(kind: Kind, ssrc: Ssrc, heard: Heard) -> Decision {
    let cell = POLICY.get(kind as usize).and_then(|kind| kind.get(ssrc as usize));
    cell.and_then(|cell| cell.get(heard as usize)).copied().unwrap_or(Decision::Drop)
}

/// Whether an address means nothing outside of the network that it is in.
pub(crate) const fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            // RFC 6598 has no name in the standard library.
            ip.is_private() || ip.is_link_local() || (first == 100 && second & 0xC0 == 64)
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// What the table relies on.
const LEGEND: &str = "\
- *signalled*: named by the peer's last description that named one. *Learned*: not, and proven to be the peer's.
- *alive*: something was taken within `source_silence` (2 s; RTCP: two intervals). *Nobody heard yet*: since the address was \
signalled, or since an offer/answer exchange if the signalled address is silent.
- *take*: heard, and spoken to from now on. *Hear*: heard, while we speak to the signalled address. *The 2nd*, *the 5th*: of one \
SSRC in sequence; those before it are kept, so that nothing is lost. *Unbroken*: and none of what we hear was taken in between. \
*–*: dropped and counted. What has no row is dropped.
- *goes on*: the SSRC that we hear, in sequence, from the IP that we hear it from.
- *one heard before*: the SSRC that we heard on this stream before the present one. *Of the call before*: what the last call on our \
port heard goes on.
- *cannot be reached*: no address is signalled yet, or it is private (RFC 1918, RFC 6598, RFC 4193, link-local) and not the SIP peer's \
own, or a loopback address of another host, or of another family than the signalling, or two ICMP reports say so.
- *Learn* is *–* while the peer has agreed to send nothing, and under `SourceLearning::Never`. Under `SourceLearning::Any` no address \
can be reached.
- A learned address that is silent may be replaced. After `source_forgotten` (15 s) without RTP and RTCP it is forgotten, and we speak to \
the signalled one again, if that can be reached; at once if an ICMP report names it.
- Two ICMP reports that name the signalled address, while nothing else is learned, stop what we send, too: nobody listens there. \
It goes on with the next packet that is taken, or with an offer/answer exchange.
- RTCP has addresses of its own, under the same table. There the proof is the SSRC that we hear, from the IP that we hear it from, and \
one packet of it is enough.
";

/// The policy as a page, in Markdown.
pub fn source_page() -> String {
    let mut page = String::from(
        "| the packet came from | its SSRC | nobody heard yet | signalled alive | signalled silent \
         | learned at the SIP peer's IP, alive | learned elsewhere, alive | learned, silent |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (kind, ssrcs, decisions) in ROWS {
        let kind = match kind {
            Kind::Signalled => "the signalled address",
            Kind::Learned => "the learned address",
            Kind::Previous => "the address before the signalled one changed",
            Kind::SipPeer => "another port of the SIP peer's IP",
            Kind::Elsewhere => "elsewhere, and the signalled address cannot be reached",
            Kind::Stranger => "elsewhere, and the signalled address can be reached",
        };
        let mut words = String::new();
        for ssrc in *ssrcs {
            let word = match ssrc {
                Ssrc::GoesOn => "goes on",
                Ssrc::Other => "another",
                Ssrc::Left => "one heard before",
                Ssrc::Leftover => "of the call before",
            };
            words += if words.is_empty() { "" } else { ", " };
            words += word;
        }
        page += &format!("| {kind} | {words} |");
        for decision in decisions {
            page += match decision {
                Decision::Take => " take |",
                Decision::Hear => " hear |",
                Decision::Second => " take the 2nd |",
                Decision::SecondUnbroken => " take the 2nd, unbroken |",
                Decision::FifthUnbroken => " take the 5th, unbroken |",
                Decision::Fifth => " learn at the 5th |",
                Decision::Drop => " – |",
            };
        }
        page.push('\n');
    }
    page.push('\n');
    page + LEGEND
}
