//! What crosses the border of the core: settings in, outputs and events out.

mod config;
mod consent;
mod end;
mod identity;
mod modification;
mod output;
mod registration;
mod stats;
mod subscription;
mod transfer;

pub use crate::auth::{AuthFailure, Credentials, DigestAlgorithm};
pub use crate::base::sources::{AddressPrefix, AddressPrefixError};
pub use config::{CoordinatorConfig, InviteParams, Limits, PeerContacts, PeerSource, Reliable};
pub use consent::HeaderConsent;
pub use end::{AnswerFault, EndReason};
pub(crate) use identity::CallerFrom;
pub use identity::{CallerIdentity, Privacy};
pub use modification::{Modification, OfferMethod};
pub use output::{AuthenticationOf, Event, NameFailure, Output, QueryId, ResolveTarget};
pub use registration::{Refuser, RegistrationState};
pub use stats::{Counter, Counters};
pub use subscription::SubscriptionState;
pub use transfer::TransferRequest;

#[cfg(test)]
mod tests {
    use super::CoordinatorConfig;

    #[test]
    fn settings_that_could_not_be_sent_are_refused() {
        let with = |user: &str, display: &str| CoordinatorConfig {
            user: user.into(),
            display_name: Some(display.into()),
            ..CoordinatorConfig::default()
        };
        assert_eq!(with("alice", "Alice \"A\" Smith").check(), Ok(()));
        assert_eq!(with("alice;x=y", "").check(), Ok(()));
        for user in ["", "a@b", "a b", "a>b", "a\r\nVia: x", "a\0"] {
            assert!(with(user, "").check().is_err(), "{user:?}");
        }
        assert!(with("alice", "A\r\nEvil: yes").check().is_err());
    }
}
