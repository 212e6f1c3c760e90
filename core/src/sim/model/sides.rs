//! The two sides of a call, and what their users were told and asked for.

use alloc::vec::Vec;
use core::time::Duration;

use super::Desk;
use crate::api::EndReason;
use crate::base::ids::SessionId;
use crate::base::time::Instant;

/// What a user was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    Incoming,
    Progress(u16),
    Answered,
    Confirmed,
    Ended(EndReason, Option<u16>),
}

/// What a user asked for, and got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    Accept,
    Reject(u16),
    Hangup,
}

/// One side of a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    pub(super) party: usize,
    pub(super) session: Option<SessionId>,
    pub(super) told: Vec<(Instant, Told)>,
    pub(super) asked: Vec<(Instant, Asked)>,
}

impl Side {
    /// When the user was first told something that fits.
    pub(super) fn when(&self, fits: impl Fn(Told) -> bool) -> Option<Instant> {
        self.told.iter().find(|(_, told)| fits(*told)).map(|(at, _)| *at)
    }

    pub(super) fn asked_for(&self, fits: impl Fn(Asked) -> bool) -> Option<Instant> {
        self.asked.iter().find(|(_, asked)| fits(*asked)).map(|(at, _)| *at)
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.told.last(), Some((_, Told::Ended(..))))
    }

    pub(super) fn is_up(&self) -> bool {
        !self.is_over() && self.when(|told| told == Told::Answered).is_some()
    }

    /// Whether the user may still decide about an incoming call.
    pub(super) fn is_offered(&self) -> bool {
        matches!(self.told.last(), Some((_, Told::Incoming)))
    }
}

pub(super) struct Call {
    pub(super) placed: Instant,
    pub(super) patience: Duration,
    pub(super) desk: Desk,
    pub(super) no_name: bool,
    pub(super) caller: Side,
    pub(super) callee: Side,
}
