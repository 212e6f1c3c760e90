//! What an application may change while a call is up.

use crate::sdp::CodecList;
use crate::sdp::plan::Direction;

/// Which request carries an offer of ours within a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum OfferMethod {
    /// A re-INVITE (RFC 3261 section 14), which every peer understands.
    #[default]
    Reinvite,
    /// UPDATE (RFC 3311) if the peer allows it, else a re-INVITE.
    Update,
}

/// A change of the media of a call. What is left out stays as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Modification {
    /// Which way audio may flow, seen from here.
    pub direction: Option<Direction>,
    /// The codecs to offer, best first.
    pub codecs: Option<CodecList>,
    /// How to ask.
    pub by: OfferMethod,
}

impl Modification {
    /// Only this direction.
    pub fn direction(direction: Direction) -> Self {
        Self { direction: Some(direction), ..Self::default() }
    }

    /// Only these codecs.
    pub fn codecs(codecs: CodecList) -> Self {
        Self { codecs: Some(codecs), ..Self::default() }
    }

    /// The same by UPDATE.
    #[must_use]
    pub fn by_update(mut self) -> Self {
        self.by = OfferMethod::Update;
        self
    }
}
