//! Codecs by name and by payload type.

use alloc::string::{String, ToString};
use core::{fmt, str::FromStr};

use smallvec::SmallVec;

use super::parse::{number, trim};
use super::plan::Codec;

/// All codecs that this stack can run, in the order we prefer them.
const KNOWN: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

/// The payload type that our offers give to telephone-event. Any dynamic number is right; this one is what most
/// equipment uses, and some equipment wrongly insists on it.
pub(super) const TELEPHONE_EVENT_PAYLOAD_TYPE: u8 = 101;

/// The first payload type of the dynamic range (RFC 3551 section 6).
const DYNAMIC_PAYLOAD_TYPE_MIN: u8 = 96;

/// The greatest payload type: the field has seven bits.
pub(super) const PAYLOAD_TYPE_MAX: u8 = 127;

/// The codecs to offer or accept, in order of preference. Never empty, and no codec is in it twice.
///
/// ```
/// use offhook_core::sdp::CodecList;
/// let codecs: CodecList = "pcma, pcmu".parse()?;
/// assert_eq!(codecs.to_string(), "pcma,pcmu");
/// assert!("pcma,g729".parse::<CodecList>().is_err());
/// # Ok::<(), offhook_core::sdp::CodecListError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodecList(SmallVec<[Codec; 4]>);

impl CodecList {
    /// A list of these codecs in this order.
    pub fn new(codecs: &[Codec]) -> Result<Self, CodecListError> {
        let mut list = SmallVec::new();
        for &codec in codecs {
            if list.contains(&codec) {
                return Err(CodecListError::Repeated { codec });
            }
            list.push(codec);
        }
        if list.is_empty() {
            return Err(CodecListError::Empty);
        }
        Ok(Self(list))
    }

    /// The codecs, most wanted first.
    pub fn iter(&self) -> impl Iterator<Item = Codec> + '_ {
        self.0.iter().copied()
    }

    /// The codecs as a slice, most wanted first.
    pub fn as_slice(&self) -> &[Codec] {
        &self.0
    }

    /// Whether this codec is in the list.
    pub fn contains(&self, codec: Codec) -> bool {
        self.0.contains(&codec)
    }

    /// Each codec with the payload type that our offers give to it: the static one, else a dynamic one.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (Codec, u8)> + '_ {
        // The list has no repetition, so it is far too short to reach the number of telephone-event.
        self.iter()
            .zip(DYNAMIC_PAYLOAD_TYPE_MIN..TELEPHONE_EVENT_PAYLOAD_TYPE)
            .map(|(codec, dynamic)| (codec, codec.static_payload_type().unwrap_or(dynamic)))
    }

    /// The payload type that our offers give to this codec.
    pub(super) fn number_of(&self, codec: Codec) -> Option<u8> {
        self.numbered().find(|&(listed, _)| listed == codec).map(|(_, number)| number)
    }
}

impl Default for CodecList {
    /// PCMU, then PCMA.
    fn default() -> Self {
        Self(SmallVec::from_slice(&KNOWN))
    }
}

impl FromStr for CodecList {
    type Err = CodecListError;

    /// Reads names separated by commas, such as `pcmu,pcma`. Case and blanks around a name do not matter.
    fn from_str(text: &str) -> Result<Self, CodecListError> {
        if text.trim().is_empty() {
            return Err(CodecListError::Empty);
        }
        let mut codecs = SmallVec::<[Codec; 4]>::new();
        for name in text.split(',').map(str::trim) {
            let codec = KNOWN.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name));
            let codec = codec.ok_or_else(|| CodecListError::Unknown { name: name.to_string() })?;
            // Refused here and not at the end, so that a long text cannot make a long list.
            if codecs.contains(&codec) {
                return Err(CodecListError::Repeated { codec });
            }
            codecs.push(codec);
        }
        Ok(Self(codecs))
    }
}

impl fmt::Display for CodecList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, codec) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}", LowerCase(codec.name()))?;
        }
        Ok(())
    }
}

/// Why a text or slice is no [`CodecList`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecListError {
    /// No codec at all.
    #[error("no codec named; the known ones are {}", Known)]
    Empty,
    /// A name that is none of ours.
    #[error("unknown codec {name:?}; the known ones are {}", Known)]
    Unknown {
        /// The name as it was written.
        name: String,
    },
    /// The same codec twice.
    #[error("codec {} is named twice", LowerCase(codec.name()))]
    Repeated {
        /// The codec.
        codec: Codec,
    },
}

/// Prints the names of all codecs.
struct Known;

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        CodecList::default().fmt(f)
    }
}

/// Prints a name in lower case, as it is written in a configuration.
struct LowerCase(&'static str);

impl fmt::Display for LowerCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| write!(f, "{}", c.to_ascii_lowercase()))
    }
}

/// The value of an `a=rtpmap` line (RFC 8866 section 6.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RtpMap<'a> {
    /// The payload type that is given a meaning.
    pub payload_type: u8,
    /// Name of the encoding, in any case of letters.
    pub encoding: &'a [u8],
    /// RTP clock rate in Hz.
    pub clock_rate: u32,
    /// Channels; 1 when the line does not say.
    pub channels: u32,
}

impl<'a> RtpMap<'a> {
    /// Reads what follows `a=rtpmap:`.
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let value = trim(value);
        let blank = value.iter().position(|byte| matches!(byte, b' ' | b'\t'))?;
        let (payload_type, rest) = value.split_at_checked(blank)?;
        let mut parts = trim(rest).split(|&byte| byte == b'/');
        let encoding = parts.next().filter(|name| !name.is_empty())?;
        let clock_rate = number(parts.next()?)?;
        let channels = match parts.next() {
            Some(text) => number(text)?,
            None => 1,
        };
        Some(Self { payload_type: payload_type_of(payload_type)?, encoding, clock_rate, channels })
    }

    /// Whether it names something that we can run.
    pub(super) fn is_usable(&self) -> bool {
        !matches!(self.meaning(), Meaning::Other)
    }

    /// What this line makes of its payload type.
    fn meaning(&self) -> Meaning {
        let is = |name: &str, rate: u32| {
            self.encoding.eq_ignore_ascii_case(name.as_bytes())
                && self.clock_rate == rate
                && self.channels == 1
        };
        match KNOWN.into_iter().find(|codec| is(codec.name(), codec.clock_rate())) {
            Some(codec) => Meaning::Codec(codec),
            None if is("telephone-event", 8000) => Meaning::TelephoneEvent,
            None => Meaning::Other,
        }
    }
}

/// What a format of an RTP stream is to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// One of the codecs of this stack.
    Codec(Codec),
    /// Telephone events at 8 kHz (RFC 4733), the clock rate of our codecs.
    TelephoneEvent,
    /// An encoding that we do not run.
    Other,
    /// A number without a meaning: not static, and no `a=rtpmap` names it.
    Unmapped,
}

/// The meaning of a payload type under these `a=rtpmap` lines. The lines go before the static table of RFC 3551,
/// which stands for those that are not there.
pub(super) fn meaning_of(payload_type: u8, maps: &[RtpMap<'_>]) -> Meaning {
    if let Some(map) = maps.iter().find(|map| map.payload_type == payload_type) {
        return map.meaning();
    }
    match KNOWN.into_iter().find(|codec| codec.static_payload_type() == Some(payload_type)) {
        Some(codec) => Meaning::Codec(codec),
        None if payload_type >= DYNAMIC_PAYLOAD_TYPE_MIN => Meaning::Unmapped,
        None => Meaning::Other,
    }
}

/// A format of an RTP stream as the payload type that it must be.
pub(super) fn payload_type_of(format: &[u8]) -> Option<u8> {
    number(format).filter(|&n| n <= PAYLOAD_TYPE_MAX)
}
