//! Packets on their way out: one arena that is filled by ticks and emptied into the caller's memory.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::api::Which;

/// Where one packet goes, and where its octets lie.
#[derive(Clone, Copy, Debug)]
pub struct TransmitHead {
    port_key: u32,
    which: Which,
    remote: SocketAddr,
    start: usize,
    len: usize,
}

impl TransmitHead {
    /// A place to be overwritten, to fill the caller's memory with at first.
    pub const VACANT: Self = Self {
        port_key: 0,
        which: Which::Rtp,
        remote: SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED), 0),
        start: 0,
        len: 0,
    };
}

/// One packet to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MediaTransmit<'a> {
    /// The runtime's handle of the socket pair.
    pub port_key: u32,
    /// Which socket of the pair.
    pub which: Which,
    /// Where to.
    pub remote: SocketAddr,
    /// The datagram.
    pub bytes: &'a [u8],
}

/// The caller's memory for packets to send.
#[derive(Debug)]
pub struct SendBatch<'a> {
    bytes: &'a mut [u8],
    heads: &'a mut [TransmitHead],
    used: usize,
    count: usize,
}

impl<'a> SendBatch<'a> {
    /// An empty batch: at most `heads.len()` packets and `bytes.len()` octets. A packet has less than 1500.
    pub const fn new(bytes: &'a mut [u8], heads: &'a mut [TransmitHead]) -> Self {
        Self { bytes, heads, used: 0, count: 0 }
    }

    /// The packets in the order to send them.
    pub fn iter(&self) -> impl Iterator<Item = MediaTransmit<'_>> {
        self.heads.iter().take(self.count).filter_map(|head| view(head, self.bytes))
    }

    /// Number of packets.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no packet.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Forgets the packets, so that the memory can be filled again.
    pub const fn clear(&mut self) {
        self.used = 0;
        self.count = 0;
    }

    fn push(&mut self, packet: MediaTransmit<'_>) -> bool {
        let len = packet.bytes.len();
        let Some(room) = self.bytes.get_mut(self.used..).and_then(|free| free.get_mut(..len)) else {
            return false;
        };
        let Some(head) = self.heads.get_mut(self.count) else {
            return false;
        };
        room.copy_from_slice(packet.bytes);
        let MediaTransmit { port_key, which, remote, .. } = packet;
        *head = TransmitHead { port_key, which, remote, start: self.used, len };
        self.used += len;
        self.count += 1;
        true
    }
}

fn view<'a>(head: &TransmitHead, bytes: &'a [u8]) -> Option<MediaTransmit<'a>> {
    let bytes = bytes.get(head.start..head.start.checked_add(head.len)?)?;
    Some(MediaTransmit { port_key: head.port_key, which: head.which, remote: head.remote, bytes })
}

/// Octets and packets of room that stay when the arena is empty. After a stall of the machine every stream has a packet at
/// once; that much room is not kept for the next.
const BYTES_KEPT: usize = 64 * 1024;
const HEADS_KEPT: usize = 512;

/// The arena.
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    heads: Vec<TransmitHead>,
    next: usize,
    capacity: usize,
}

impl Outbox {
    pub(crate) const fn new(capacity: usize) -> Self {
        Self { bytes: Vec::new(), heads: Vec::new(), next: 0, capacity }
    }

    /// Appends the packet that `write` appends to the arena; false when full.
    pub(crate) fn push(
        &mut self,
        port_key: u32,
        which: Which,
        remote: SocketAddr,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        if self.heads.len() >= self.capacity {
            return false;
        }
        let start = self.bytes.len();
        write(&mut self.bytes);
        let len = self.bytes.len() - start;
        self.heads.push(TransmitHead { port_key, which, remote, start, len });
        true
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Moves packets over until the batch is full or nothing is left; whether any moved.
    pub(crate) fn fill(&mut self, batch: &mut SendBatch<'_>) -> bool {
        let before = batch.len();
        while let Some(head) = self.heads.get(self.next) {
            match view(head, &self.bytes) {
                Some(packet) if !batch.push(packet) => break,
                Some(_) | None => self.next += 1,
            }
        }
        if self.next == self.heads.len() {
            self.clear();
        }
        batch.len() > before
    }

    /// Hands every packet to `send` and forgets it.
    pub(crate) fn drain(&mut self, mut send: impl FnMut(MediaTransmit<'_>)) {
        for head in self.heads.iter().skip(self.next) {
            if let Some(packet) = view(head, &self.bytes) {
                send(packet);
            }
        }
        self.clear();
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.heads.clear();
        self.next = 0;
        if self.bytes.capacity() > BYTES_KEPT || self.heads.capacity() > HEADS_KEPT {
            self.bytes.shrink_to(BYTES_KEPT);
            self.heads.shrink_to(HEADS_KEPT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stall_needed_is_given_back() {
        let mut outbox = Outbox::new(10_000);
        let remote = SocketAddr::from(([192, 0, 2, 1], 4000));
        for _ in 0..2_000 {
            assert!(outbox.push(1, Which::Rtp, remote, |bytes| bytes.extend([0; 172])));
        }
        let mut sent = 0;
        outbox.drain(|_| sent += 1);
        assert_eq!(sent, 2_000);
        assert!(outbox.bytes.capacity() <= BYTES_KEPT && outbox.heads.capacity() <= HEADS_KEPT);
    }
}
