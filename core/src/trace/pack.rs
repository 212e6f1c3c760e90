//! Values to octets and back. Nothing is allocated for a length that is not there.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use crate::base::slab::{Key, RawKey};
use crate::base::time::Instant;
use crate::wire::path::{Path, Transport};

/// What four bits of a CRC-32 come to.
const NIBBLES: [u32; 16] = {
    let mut table = [0; 16];
    let mut at = 0;
    while at < 16 {
        let (mut crc, mut step) = (at as u32, 0);
        while step < 4 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
            step += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
};

/// CRC-32 (ISO-HDLC, as in zip and PNG) of `bytes`, going on from `crc`. Two steps an octet: a recorded message costs
/// about a microsecond, and the core needs neither a crate nor a kilobyte of table for it.
pub(super) fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    let mut crc = !crc;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..2 {
            crc = (crc >> 4) ^ NIBBLES.get((crc & 15) as usize).copied().unwrap_or_default();
        }
    }
    !crc
}

/// Writes values.
pub(super) struct Packer<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// The moment written last.
    pub(super) clock: &'a mut Instant,
}

impl Packer<'_> {
    pub(super) fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.byte(u8::from(flag));
    }

    pub(super) fn number(&mut self, number: impl TryInto<u64>) {
        write_varint(self.out, number.try_into().unwrap_or(u64::MAX));
    }

    /// The difference to the moment before; it may be negative, since a clock may step back.
    pub(super) fn moment(&mut self, now: Instant) {
        let delta = now.as_nanos().wrapping_sub(self.clock.as_nanos()).cast_signed();
        self.number(((delta << 1) ^ (delta >> 63)).cast_unsigned());
        *self.clock = now;
    }

    pub(super) fn duration(&mut self, duration: Duration) {
        self.number(duration.as_secs());
        self.number(duration.subsec_nanos());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(super) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub(super) fn key(&mut self, key: impl Key) {
        self.number(key.raw().slot());
        self.number(key.raw().generation());
    }

    pub(super) fn address(&mut self, address: SocketAddr) {
        match address {
            SocketAddr::V4(v4) => {
                self.byte(4);
                self.out.extend_from_slice(&v4.ip().octets());
            }
            SocketAddr::V6(v6) => {
                self.byte(6);
                self.out.extend_from_slice(&v6.ip().octets());
                self.number(v6.flowinfo());
                self.number(v6.scope_id());
            }
        }
        self.number(address.port());
    }

    pub(super) fn path(&mut self, path: &Path) {
        self.byte(match path.transport {
            Transport::Udp => 0,
        });
        self.address(path.local);
        self.address(path.remote);
    }
}

pub(super) fn write_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// What is wrong with the octets of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Impossible(pub(super) &'static str);

pub(super) type Unpacked<T> = Result<T, Impossible>;

/// Reads values; everything is checked.
pub(super) struct Unpacker<'a> {
    rest: &'a [u8],
    pub(super) clock: Instant,
}

impl<'a> Unpacker<'a> {
    pub(super) const fn new(bytes: &'a [u8], clock: Instant) -> Self {
        Self { rest: bytes, clock }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, count: usize) -> Unpacked<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Impossible("a value ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Unpacked<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| Impossible("a value ends too early"))
    }

    pub(super) fn octets<const N: usize>(&mut self) -> Unpacked<[u8; N]> {
        self.array()
    }

    pub(super) fn byte(&mut self) -> Unpacked<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn flag(&mut self) -> Unpacked<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Impossible("neither yes nor no")),
        }
    }

    pub(super) fn number<T: TryFrom<u64>>(&mut self) -> Unpacked<T> {
        let (number, len) = read_varint(self.rest).ok_or(Impossible("no number"))?;
        self.take(len)?;
        T::try_from(number).map_err(|_| Impossible("a number out of its range"))
    }

    pub(super) fn moment(&mut self) -> Unpacked<Instant> {
        let coded: u64 = self.number()?;
        let delta = (coded >> 1) ^ (coded & 1).wrapping_neg();
        self.clock = Instant::from_nanos(self.clock.as_nanos().wrapping_add(delta));
        Ok(self.clock)
    }

    pub(super) fn duration(&mut self) -> Unpacked<Duration> {
        let (seconds, nanos) = (self.number()?, self.number()?);
        if nanos >= 1_000_000_000 {
            return Err(Impossible("a duration with too many nanoseconds"));
        }
        Ok(Duration::new(seconds, nanos))
    }

    pub(super) fn bytes(&mut self) -> Unpacked<&'a [u8]> {
        let len = self.number()?;
        self.take(len)
    }

    pub(super) fn text(&mut self) -> Unpacked<&'a str> {
        core::str::from_utf8(self.bytes()?).map_err(|_| Impossible("text that is no UTF-8"))
    }

    pub(super) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Unpacked<T>) -> Unpacked<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    pub(super) fn key<K: Key>(&mut self) -> Unpacked<K> {
        let raw = RawKey::from_parts(self.number()?, self.number()?);
        raw.map(K::from_raw).ok_or(Impossible("an id that nobody hands out"))
    }

    pub(super) fn address(&mut self) -> Unpacked<SocketAddr> {
        match self.byte()? {
            4 => {
                let ip = IpAddr::from(self.array::<4>()?);
                Ok(SocketAddr::new(ip, self.number()?))
            }
            6 => {
                let ip = self.array::<16>()?.into();
                let (flow, scope) = (self.number()?, self.number()?);
                Ok(core::net::SocketAddrV6::new(ip, self.number()?, flow, scope).into())
            }
            _ => Err(Impossible("no kind of address")),
        }
    }

    pub(super) fn path(&mut self) -> Unpacked<Path> {
        let transport = match self.byte()? {
            0 => Transport::Udp,
            _ => return Err(Impossible("no kind of transport")),
        };
        Ok(Path { transport, local: self.address()?, remote: self.address()? })
    }
}

/// The number at the start of `bytes` and its length; `None` if there is none, or not in its shortest form.
pub(super) fn read_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0_u64;
    for (at, &byte) in bytes.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7F);
        let shift = at * 7;
        if at == 9 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return (byte != 0 || at == 0).then_some((number, at + 1));
        }
    }
    None
}
