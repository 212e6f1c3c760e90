//! Why a challenge was not answered, or in vain.

use alloc::string::String;

/// Why a 401 or 407 is the end of a request.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum AuthFailure {
    /// There are no credentials for this realm.
    Missing {
        /// Who asks.
        realm: String,
    },
    /// There are credentials, and they are not for whoever asks: see [`Credentials`](crate::api::Credentials).
    Withheld {
        /// Who asks.
        realm: String,
    },
    /// They were tried, and refused: the name or the password is wrong.
    Refused {
        /// Who asks.
        realm: String,
    },
    /// It asks in a way that is not answered: by an algorithm that is not known or weaker than
    /// [`least_algorithm`](crate::api::Credentials::least_algorithm), in too many realms, or at too great length.
    Unusable {
        /// Who asks, if that could be read.
        realm: String,
    },
}

impl AuthFailure {
    /// Who asks: the realm as the challenge has it. Empty if there is none.
    pub fn realm(&self) -> &str {
        let (Self::Missing { realm }
        | Self::Withheld { realm }
        | Self::Refused { realm }
        | Self::Unusable { realm }) = self;
        realm
    }
}

impl core::fmt::Display for AuthFailure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let realm = self.realm();
        match self {
            Self::Missing { .. } => {
                write!(f, "it asks for credentials of realm {realm:?}, and there are none")
            }
            Self::Withheld { .. } => write!(
                f,
                "the credentials were withheld: nothing says that realm {realm:?} is whom they are for; name it with for_realm"
            ),
            Self::Refused { .. } => {
                write!(
                    f,
                    "the credentials were tried and refused by realm {realm:?}: check name and password"
                )
            }
            Self::Unusable { .. } => {
                write!(f, "realm {realm:?} asks in a way that is not answered: check least_algorithm")
            }
        }
    }
}
