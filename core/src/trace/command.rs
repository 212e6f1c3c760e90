//! What an application can ask of a call that is there, in a trace.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString as _};
use core::str::FromStr as _;

use super::pack::{Impossible, Packer, Unpacked, Unpacker};
use crate::api::{Modification, OfferMethod};
use crate::base::ids::SessionId;
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator;
use crate::sdp::CodecList;
use crate::sdp::plan::Direction;
use crate::signaling::CommandError;

/// A command for one session.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Command<'a> {
    /// `hold`
    Hold,
    /// `resume`
    Resume,
    /// `modify`
    Modify(Cow<'a, Modification>),
    /// `transfer`, or `transfer_unreported`
    Transfer {
        /// Whom the peer is to call.
        target: &'a str,
        /// Whether it is to report.
        reported: bool,
    },
    /// `transfer_to`
    TransferTo(SessionId),
    /// `accept_transfer`
    AcceptTransfer,
    /// `reject_transfer`
    RejectTransfer(u16),
    /// `progress`
    Progress {
        /// With our session description.
        audio: bool,
    },
}

const HOLD: u8 = 0;
const RESUME: u8 = 1;
const MODIFY: u8 = 2;
const TRANSFER: u8 = 20;
const TRANSFER_TO: u8 = 21;
const ACCEPT_TRANSFER: u8 = 22;
const REJECT_TRANSFER: u8 = 23;
const PROGRESS: u8 = 16;

const DIRECTIONS: [Direction; 4] =
    [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];

impl<'a> Command<'a> {
    pub(super) fn write(&self, out: &mut Packer<'_>) {
        match self {
            Self::Hold => out.byte(HOLD),
            Self::Resume => out.byte(RESUME),
            Self::Transfer { target, reported } => {
                out.byte(TRANSFER);
                out.text(target);
                out.flag(*reported);
            }
            Self::TransferTo(other) => {
                out.byte(TRANSFER_TO);
                out.key(*other);
            }
            Self::AcceptTransfer => out.byte(ACCEPT_TRANSFER),
            Self::RejectTransfer(status) => {
                out.byte(REJECT_TRANSFER);
                out.number(*status);
            }
            Self::Progress { audio } => {
                out.byte(PROGRESS);
                out.flag(*audio);
            }
            Self::Modify(change) => {
                let Modification { direction, codecs, by } = change.as_ref();
                out.byte(MODIFY);
                let place = direction.and_then(|it| DIRECTIONS.iter().position(|&other| other == it));
                out.option(place, Packer::number);
                out.option(codecs.as_ref(), |out, codecs| out.text(&codecs.to_string()));
                out.flag(*by == OfferMethod::Update);
            }
        }
    }

    pub(super) fn read(from: &mut Unpacker<'a>) -> Unpacked<Self> {
        Ok(match from.byte()? {
            HOLD => Self::Hold,
            RESUME => Self::Resume,
            TRANSFER => Self::Transfer { target: from.text()?, reported: from.flag()? },
            TRANSFER_TO => Self::TransferTo(from.key()?),
            ACCEPT_TRANSFER => Self::AcceptTransfer,
            REJECT_TRANSFER => Self::RejectTransfer(from.number()?),
            PROGRESS => Self::Progress { audio: from.flag()? },
            MODIFY => {
                let place: Option<usize> = from.option(Unpacker::number)?;
                let known = |place| DIRECTIONS.get(place).copied().ok_or(Impossible("no direction"));
                let direction = place.map(known).transpose()?;
                let read =
                    |text| CodecList::from_str(text).map_err(|_| Impossible("an unknown list of codecs"));
                let codecs = from.option(Unpacker::text)?.map(read).transpose()?;
                let by = if from.flag()? { OfferMethod::Update } else { OfferMethod::Reinvite };
                Self::Modify(Cow::Owned(Modification { direction, codecs, by }))
            }
            _ => return Err(Impossible("no kind of command")),
        })
    }

    /// Gives the command again.
    pub(super) fn run(
        &self,
        core: &mut UnifiedCoordinator,
        now: Instant,
        session: SessionId,
    ) -> Result<(), CommandError> {
        match self {
            Self::Hold => core.hold(now, session),
            Self::Resume => core.resume(now, session),
            Self::Transfer { target, reported: true } => core.transfer(now, session, target),
            Self::Transfer { target, reported: false } => core.transfer_unreported(now, session, target),
            Self::TransferTo(other) => core.transfer_to(now, session, *other),
            Self::AcceptTransfer => core.accept_transfer(now, session).map(drop),
            Self::RejectTransfer(status) => core.reject_transfer(now, session, *status),
            Self::Progress { audio } => core.progress(now, session, *audio),
            Self::Modify(change) => core.modify(now, session, change.as_ref().clone()),
        }
    }

    /// In words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Hold => "hold".into(),
            Self::Resume => "resume".into(),
            Self::Transfer { target, reported: true } => format!("transfer to {target}"),
            Self::Transfer { target, .. } => format!("transfer to {target}, unreported"),
            Self::TransferTo(other) => format!("transfer to the other side of {other}"),
            Self::AcceptTransfer => "accept the transfer".into(),
            Self::RejectTransfer(status) => format!("reject the transfer with {status}"),
            Self::Progress { audio: true } => "send early media".into(),
            Self::Progress { audio: false } => "send progress".into(),
            Self::Modify(change) => format!("change {change:?}"),
        }
    }
}
