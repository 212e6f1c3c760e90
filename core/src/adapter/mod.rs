//! Where the session's actions become SIP and media.
//!
//! [`Switchboard`] holds what both adapters work on; [`DialogAdapter`] turns actions into SIP messages,
//! [`MediaAdapter`] into media plans and commands.

#[cfg(any(test, feature = "sim"))]
mod audit;
mod bodies;
mod capabilities;
mod challenge;
mod dialog;
mod errand;
mod launch;
mod lookups;
mod media;
mod merged;
mod modify;
mod redirect;
mod registration;
mod reliable;
mod request;
mod subscription;
mod switchboard;
mod transfer;

pub(crate) use capabilities::{accept, allow, supported, understands};
pub(crate) use dialog::{DialogAdapter, contact, contact_at, first_hop, new_call_id};
pub(crate) use errand::{Draft, Errand};
pub(crate) use media::{MediaAdapter, NO_PORT, local_media};
pub(crate) use merged::Merged;
pub(crate) use modify::{REFRESH_LATER, min_se};
pub(crate) use reliable::requires_reliably;
pub(crate) use request::Content;
pub(crate) use subscription::{SubscriptionEnd, seconds_text};
pub(crate) use switchboard::{Hop, Owner, Parked, Purpose, Switchboard};
pub(crate) use transfer::OVER;

use alloc::vec::Vec;
use core::time::Duration;

use crate::api::EndReason;
use crate::base::ids::DialogId;
use crate::sdp::plan::MediaPlan;
use crate::session::Refresh;
use crate::transaction::TransactionId;
use crate::wire::HeaderList;
use crate::wire::frame::{Facts, Frame};
use crate::wire::path::Path;

/// What brought a transition about, for the actions that need to know.
#[derive(Default)]
pub(crate) struct Cause<'a> {
    /// The message at hand.
    pub(crate) message: Option<(&'a Frame<'a>, &'a Facts<'a>)>,
    /// The way that it came.
    pub(crate) path: Option<Path>,
    /// The server transaction of the request at hand.
    pub(crate) transaction: Option<TransactionId>,
    /// The dialog of the message at hand.
    pub(crate) dialog: Option<DialogId>,
    /// The status received, or the one to send.
    pub(crate) status: Option<u16>,
    /// Reason phrase, or words about a failure.
    pub(crate) phrase: &'a str,
    /// Header fields of the application for what is sent.
    pub(crate) headers: HeaderList<'a>,
    /// Where the caller is sent: the value of Contact in a 3xx.
    pub(crate) contacts: &'a [u8],
    /// Why the session ends, if it does; the session may have decided that before.
    pub(crate) end: Option<EndReason>,
    /// The session description that answers a re-INVITE.
    pub(crate) description: Option<Vec<u8>>,
    /// What the exchange of session descriptions came to.
    pub(crate) plan: Option<MediaPlan>,
    /// What the message at hand says about refreshing the session.
    pub(crate) refresh: Option<Refresh>,
    /// RSeq of the reliable provisional response at hand, until its PRACK is sent.
    pub(crate) rseq: Option<u32>,
    /// How long the peer wants us to wait.
    pub(crate) pause: Option<Duration>,
}
