//! The reading side: a file from anywhere, checked before it is believed.

use super::pack::{Impossible, Unpacker, crc32, read_varint};
use super::record::Record;
use super::{CHECK_LEN, HEADER_LEN, MAGIC, RECORD_MAX, VERSION};
use crate::base::time::Instant;

/// What is wrong with a trace, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("offset {offset}: {fault}")]
pub struct TraceError {
    /// Octets before the place: of the file if its beginning is wrong, else of the record in question.
    pub offset: usize,
    /// What is wrong there.
    pub fault: TraceFault,
}

/// What can be wrong with a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceFault {
    /// It does not begin like a trace.
    #[error("this is no trace of a coordinator")]
    NotATrace,
    /// A newer build wrote it.
    #[error("the trace has version {version}; this build reads up to version {known}")]
    Future {
        /// The version of the trace.
        version: u8,
        /// The newest version that can be read.
        known: u8,
    },
    /// The file ends within a record, as after a crash. All before is good.
    #[error("the file ends within a record; everything before it is good")]
    Cut,
    /// The checksum does not fit what stands before it.
    #[error("the checksum is wrong: the file was changed")]
    Checksum,
    /// The octets are as they were written, but they mean nothing.
    #[error("impossible record: {0}")]
    Impossible(&'static str),
}

/// Where a record stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place<'a> {
    /// Its number, from zero.
    pub number: usize,
    /// Octets of the file before it.
    pub offset: usize,
    /// The octets of the record, without length and checksum.
    pub body: &'a [u8],
}

/// A trace in memory. Its records are read one at a time and borrow from it.
#[derive(Clone, Copy, Debug)]
pub struct Trace<'a> {
    bytes: &'a [u8],
}

impl<'a> Trace<'a> {
    /// Looks whether these octets begin like a trace that this build can read.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TraceError> {
        let at = |offset, fault| Err(TraceError { offset, fault });
        let same = bytes.iter().zip(&MAGIC).take_while(|(have, want)| have == want).count();
        match bytes.get(MAGIC.len()) {
            _ if same < MAGIC.len() && same == bytes.len() && same > 0 => at(same, TraceFault::Cut),
            _ if same < MAGIC.len() => at(0, TraceFault::NotATrace),
            None => at(same, TraceFault::Cut),
            Some(&version) if version > VERSION => at(same, TraceFault::Future { version, known: VERSION }),
            Some(0) => at(same, TraceFault::Impossible("version 0")),
            Some(_) => Ok(Self { bytes }),
        }
    }

    /// Every record, up to the first that is wrong.
    pub fn records(&self) -> Records<'a> {
        let checksum = crc32(0, self.bytes.get(..HEADER_LEN).unwrap_or_default());
        Records { bytes: self.bytes, offset: HEADER_LEN, number: 0, checksum, clock: Instant::ZERO }
    }

    /// Octets of the file.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing follows the beginning.
    pub const fn is_empty(&self) -> bool {
        self.bytes.len() <= HEADER_LEN
    }
}

/// The records of a [`Trace`]. It ends with the first error.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    offset: usize,
    number: usize,
    checksum: u32,
    clock: Instant,
}

impl<'a> Records<'a> {
    fn read(&mut self) -> Result<(Place<'a>, Record<'a>), TraceFault> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let Some((len, prefix)) = read_varint(rest) else {
            // Ten octets are more than any number takes.
            return Err(if rest.len() < 10 { TraceFault::Cut } else { TraceFault::Impossible("no length") });
        };
        let len = usize::try_from(len).ok().filter(|&len| len <= RECORD_MAX);
        let len = len.ok_or(TraceFault::Impossible("a record longer than any"))?;
        let (framed, after) = rest.split_at_checked(prefix + len).ok_or(TraceFault::Cut)?;
        let check: [u8; CHECK_LEN] =
            after.get(..CHECK_LEN).and_then(|check| check.try_into().ok()).ok_or(TraceFault::Cut)?;
        let checksum = crc32(self.checksum, framed);
        if checksum != u32::from_le_bytes(check) {
            return Err(TraceFault::Checksum);
        }
        let body = framed.get(prefix..).unwrap_or_default();
        let mut from = Unpacker::new(body, self.clock);
        let record = Record::read(&mut from).map_err(|Impossible(what)| TraceFault::Impossible(what))?;
        if matches!(record, Record::Start { .. }) != (self.number == 0) {
            return Err(TraceFault::Impossible("a start is the first record and no other"));
        }
        let place = Place { number: self.number, offset: self.offset, body };
        self.clock = from.clock;
        self.checksum = checksum;
        self.number += 1;
        self.offset += framed.len() + CHECK_LEN;
        Ok((place, record))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<(Place<'a>, Record<'a>), TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.offset >= self.bytes.len() {
            return None;
        }
        Some(self.read().map_err(|fault| {
            let offset = core::mem::replace(&mut self.offset, usize::MAX);
            TraceError { offset, fault }
        }))
    }
}
