//! Reading and writing the packets of a compound.

use alloc::vec::Vec;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;

/// What a sender tells of itself (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SenderInfo {
    pub(crate) ntp: u64,
    pub(crate) timestamp: u32,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

/// What a receiver tells of one source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ReportBlock {
    pub(crate) ssrc: u32,
    pub(crate) fraction_lost: u8,
    pub(crate) cumulative_lost: i32,
    pub(crate) extended_highest: u32,
    pub(crate) jitter: u32,
    pub(crate) last_sender_report: u32,
    pub(crate) delay_since: u32,
}

/// One packet of a compound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Item<'a> {
    /// SR or RR.
    Report { ssrc: u32, sender: Option<SenderInfo>, blocks: Blocks<'a> },
    /// BYE of these sources.
    Bye(Sources<'a>),
    /// SDES, APP, and whatever else.
    Other,
}

/// Report blocks, read as they are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Blocks<'a>(&'a [u8]);

/// SSRCs, read as they are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sources<'a>(&'a [u8]);

/// Walks a compound packet; ends at the first contradiction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compound<'a>(&'a [u8]);

impl<'a> Compound<'a> {
    /// A compound whose whole length adds up (RFC 3550 appendix A.2). Reduced-size packets, which begin
    /// with another type than SR or RR, are taken too (RFC 5506).
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (_, _, after) = split(rest)?;
            rest = after;
        }
        if bytes.is_empty() { None } else { Some(Self(bytes)) }
    }

    /// Who speaks: every kind of packet begins with an SSRC, which is that of its sender or of whom it speaks for.
    pub(crate) fn sender(&self) -> Option<u32> {
        word(self.0.get(4..)?).map(|(ssrc, _)| ssrc)
    }
}

/// First and second octet and body of the first packet, and what follows it.
fn split(bytes: &[u8]) -> Option<([u8; 2], &[u8], &[u8])> {
    let (&[first, kind, l0, l1], _) = bytes.split_first_chunk::<4>()?;
    let len = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
    let (packet, after) = bytes.split_at_checked(len)?;
    let mut body = packet.get(4..)?;
    if first >> 6 != 2 || !(192..=223).contains(&kind) {
        return None;
    }
    if first & 0x20 != 0 {
        // Only the last packet may be padded.
        let padding = usize::from(*body.last()?);
        if !after.is_empty() || padding == 0 {
            return None;
        }
        body = body.get(..body.len().checked_sub(padding)?)?;
    }
    Some(([first, kind], body, after))
}

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (word, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*word), rest))
}

fn report(kind: u8, count: usize, body: &[u8]) -> Option<Item<'_>> {
    let (ssrc, mut rest) = word(body)?;
    let mut sender = None;
    if kind == SENDER_REPORT {
        let (high, r) = word(rest)?;
        let (low, r) = word(r)?;
        let (timestamp, r) = word(r)?;
        let (packets, r) = word(r)?;
        let (octets, r) = word(r)?;
        let ntp = u64::from(high) << 32 | u64::from(low);
        sender = Some(SenderInfo { ntp, timestamp, packets, octets });
        rest = r;
    }
    let blocks = Blocks(rest.get(..count * 24)?);
    Some(Item::Report { ssrc, sender, blocks })
}

impl<'a> Iterator for Compound<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let ([first, kind], body, after) = split(self.0)?;
        self.0 = after;
        let count = usize::from(first & 0x1f);
        let item = match kind {
            SENDER_REPORT | RECEIVER_REPORT => report(kind, count, body),
            BYE => body.get(..count * 4).map(|sources| Item::Bye(Sources(sources))),
            _ => None,
        };
        Some(item.unwrap_or(Item::Other))
    }
}

impl Iterator for Blocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (ssrc, rest) = word(self.0)?;
        let (loss, rest) = word(rest)?;
        let (extended_highest, rest) = word(rest)?;
        let (jitter, rest) = word(rest)?;
        let (last_sender_report, rest) = word(rest)?;
        let (delay_since, rest) = word(rest)?;
        self.0 = rest;
        Some(ReportBlock {
            ssrc,
            fraction_lost: (loss >> 24) as u8,
            // 24 bits, signed.
            cumulative_lost: (loss << 8) as i32 >> 8,
            extended_highest,
            jitter,
            last_sender_report,
            delay_since,
        })
    }
}

impl Iterator for Sources<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (ssrc, rest) = word(self.0)?;
        self.0 = rest;
        Some(ssrc)
    }
}

fn head(out: &mut Vec<u8>, count: u8, kind: u8, words: u16) {
    out.extend_from_slice(&[0x80 | count, kind]);
    out.extend_from_slice(&words.to_be_bytes());
}

/// Appends an SR, or an RR if there is nothing to say about sending.
pub(crate) fn write_report(
    out: &mut Vec<u8>,
    ssrc: u32,
    sender: Option<SenderInfo>,
    block: Option<ReportBlock>,
) {
    let kind = if sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
    let words = 1 + if sender.is_some() { 5 } else { 0 } + if block.is_some() { 6 } else { 0 };
    head(out, u8::from(block.is_some()), kind, words);
    out.extend_from_slice(&ssrc.to_be_bytes());
    if let Some(info) = sender {
        out.extend_from_slice(&info.ntp.to_be_bytes());
        for word in [info.timestamp, info.packets, info.octets] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
    if let Some(block) = block {
        let lost = u32::from(block.fraction_lost) << 24 | block.cumulative_lost as u32 & 0x00ff_ffff;
        let ReportBlock { ssrc, extended_highest, jitter, last_sender_report, delay_since, .. } = block;
        for word in [ssrc, lost, extended_highest, jitter, last_sender_report, delay_since] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
}

/// Appends an SDES with the CNAME (RFC 3550 section 6.5.1), cut at 255 octets.
pub(crate) fn write_cname(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let name = cname.as_bytes();
    let name = name.get(..255).unwrap_or(name);
    // SSRC, item type and length, the name, at least one null, up to a whole word.
    let len = (4 + 2 + name.len() + 1).next_multiple_of(4);
    head(out, 1, SDES, (len / 4) as u16);
    let start = out.len();
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&[1, name.len() as u8]);
    out.extend_from_slice(name);
    out.resize(start + len, 0);
}

/// Appends a BYE.
pub(crate) fn write_bye(out: &mut Vec<u8>, ssrc: u32) {
    head(out, 1, BYE, 1);
    out.extend_from_slice(&ssrc.to_be_bytes());
}
