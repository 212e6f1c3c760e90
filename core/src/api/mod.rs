//! What crosses the border of the core: settings in, outputs and events out.

mod config;
mod end;
mod output;
mod stats;

pub use config::{CoordinatorConfig, InviteParams, Limits};
pub use end::EndReason;
pub use output::{Event, NameFailure, Output, QueryId, ResolveTarget};
pub use stats::{Counter, Counters};
