//! Whom credentials are given for.
//!
//! A digest is proof for whoever has the password, and something to try passwords on for everybody else. So credentials
//! go to the party that they were given for. Who that is, [`Trust`] and [`Parties`] say; [`may_have`] decides.

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::credentials::Credentials;

/// Addresses of one party that are remembered: a name may stand for several.
const ADDRESSES_MAX: usize = 4;
/// Realms of one party that are remembered.
const REALMS_MAX: usize = 4;

/// What is known of the place that a challenged request was sent to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trust {
    /// The application registers there.
    Registrar,
    /// The application named it for this request, and it is ours: an outbound proxy (Route), or the domain that we are
    /// registered at or have our address-of-record in.
    Home,
    /// The application named it for this request.
    Named,
    /// A peer has led us there: by a 3xx, a Refer-To, a Contact; or it called us by way of a party.
    Flow,
    /// A peer has led us there and called us from anywhere.
    Elsewhere,
}

impl Trust {
    #[cfg(test)]
    pub(super) const ALL: [Self; 5] = [Self::Registrar, Self::Home, Self::Named, Self::Flow, Self::Elsewhere];
}

/// How a dialog, or what may become one, began. It says how much is to be made of who asks within it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// With a request of ours to this place.
    Ours(SocketAddr, Trust),
    /// With a request of the peer, by way of a party or not.
    Theirs {
        /// Whether it came from the address of a party.
        by_party: bool,
    },
}

impl Origin {
    /// What a request within the dialog that goes to `remote` makes of it.
    pub(crate) fn trust_at(self, remote: SocketAddr) -> Trust {
        match self {
            Self::Ours(first, trust) if first == remote => trust,
            Self::Ours(..) | Self::Theirs { by_party: true } => Trust::Flow,
            Self::Theirs { by_party: false } => Trust::Elsewhere,
        }
    }
}

/// What an address and a realm have to do with a party.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Match {
    /// No party is there.
    Stranger,
    /// A party is there, and has asked in other realms.
    Other,
    /// A party is there that has asked for nothing yet.
    Unasked,
    /// A party is there that asks in this realm.
    Bound,
}

/// Whether these credentials answer a challenge in their realm from a place like this.
///
/// The realm proves nothing: anybody can copy it. In a request that the application directed somewhere the place and the
/// realm are what it said; wherever a peer has led us the place must be a party's, and the realm that party's.
pub(super) const fn may_have(given: &Credentials, trust: Trust, at: Match) -> bool {
    match (trust, given.realm.is_some()) {
        _ if given.anyone => true,
        (Trust::Registrar, _) | (Trust::Home | Trust::Named, true) => true,
        (Trust::Home, false) => !matches!(at, Match::Other),
        (Trust::Named, false) | (Trust::Flow, true) => matches!(at, Match::Unasked | Match::Bound),
        (Trust::Flow, false) => matches!(at, Match::Bound),
        (Trust::Elsewhere, _) => false,
    }
}

/// A place of a party.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A domain, in lower case.
    Domain(Box<str>),
    /// An address that it was found at.
    Address(SocketAddr),
}

#[derive(Default)]
struct Party {
    addresses: VecDeque<SocketAddr>,
    /// What it has asked in, and was answered.
    realms: Vec<Box<str>>,
}

/// The registrars and outbound proxies of the application. They are known for as long as the coordinator lives, since calls
/// outlive registrations.
pub(crate) struct Parties {
    places: BTreeSet<(Place, usize)>,
    parties: Vec<Party>,
    most: usize,
}

impl Parties {
    pub(crate) const fn new(most: usize) -> Self {
        Self { places: BTreeSet::new(), parties: Vec::new(), most }
    }

    fn at(&self, place: Place) -> impl Iterator<Item = (usize, &Party)> {
        let range = (place.clone(), 0)..=(place, usize::MAX);
        self.places.range(range).filter_map(|&(_, n)| Some((n, self.parties.get(n)?)))
    }

    /// Takes note that a party of this domain is found at this address. False if there are too many.
    pub(crate) fn note(&mut self, domain: Option<&str>, remote: SocketAddr) -> bool {
        let place = match domain {
            Some(domain) => Place::Domain(domain.to_ascii_lowercase().into()),
            None => Place::Address(remote),
        };
        let known = self.at(place.clone()).next().map(|(n, _)| n);
        let n = match known {
            Some(n) => n,
            None if self.parties.len() < self.most => {
                self.parties.push(Party::default());
                self.parties.len() - 1
            }
            None => return false,
        };
        self.places.insert((place, n));
        let Some(party) = self.parties.get_mut(n) else { return false };
        if !party.addresses.contains(&remote) {
            party.addresses.push_back(remote);
            self.places.insert((Place::Address(remote), n));
        }
        if party.addresses.len() > ADDRESSES_MAX
            && let Some(old) = party.addresses.pop_front()
        {
            self.places.remove(&(Place::Address(old), n));
        }
        true
    }

    /// Whether a party is found at this address.
    pub(crate) fn is_at(&self, remote: SocketAddr) -> bool {
        !self.places.is_empty() && self.at(Place::Address(remote)).next().is_some()
    }

    /// Whether the domain is that of a party.
    pub(crate) fn has_domain(&self, domain: &str) -> bool {
        self.at(Place::Domain(domain.to_ascii_lowercase().into())).next().is_some()
    }

    /// Whether the party of this domain is found at this address.
    pub(crate) fn is_domain_at(&self, domain: &str, remote: SocketAddr) -> bool {
        let mut found = self.at(Place::Domain(domain.to_ascii_lowercase().into()));
        found.any(|(_, party)| party.addresses.contains(&remote))
    }

    /// What whoever is at `remote` and asks in `realm` is to us.
    pub(super) fn look(&self, remote: SocketAddr, realm: &str) -> Match {
        let each = self.at(Place::Address(remote)).map(|(_, party)| match party.realms.as_slice() {
            [] => Match::Unasked,
            realms if realms.iter().any(|own| **own == *realm) => Match::Bound,
            _ => Match::Other,
        });
        each.max().unwrap_or(Match::Stranger)
    }

    /// From now on the party at `remote` is the one that asks in `realm`.
    pub(super) fn bind(&mut self, remote: SocketAddr, realm: String) {
        if self.look(remote, &realm) == Match::Bound || !self.note_address(remote) {
            return;
        }
        let found = self.at(Place::Address(remote)).map(|(n, _)| n).min();
        let party = found.and_then(|n| self.parties.get_mut(n));
        if let Some(party) = party.filter(|party| party.realms.len() < REALMS_MAX) {
            party.realms.push(realm.into());
        }
    }

    fn note_address(&mut self, remote: SocketAddr) -> bool {
        self.is_at(remote) || self.note(None, remote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(n: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], n))
    }

    /// The whole decision, as a table: it is printed in the documentation of `Credentials`.
    #[test]
    fn who_gets_what() {
        let realm = Credentials::new("a", "b").for_realm("r");
        let any = Credentials::new("a", "b");
        let all = [Match::Stranger, Match::Other, Match::Unasked, Match::Bound];
        let row = |given: &Credentials, trust| all.map(|at| u8::from(may_have(given, trust, at)));
        let table = Trust::ALL.map(|trust| (row(&realm, trust), row(&any, trust)));
        assert_eq!(
            table,
            [
                ([1, 1, 1, 1], [1, 1, 1, 1]),
                ([1, 1, 1, 1], [1, 0, 1, 1]),
                ([1, 1, 1, 1], [0, 0, 1, 1]),
                ([0, 0, 1, 1], [0, 0, 0, 1]),
                ([0, 0, 0, 0], [0, 0, 0, 0]),
            ]
        );
        let anyone = any.for_anyone();
        assert!(Trust::ALL.iter().all(|&trust| row(&anyone, trust) == [1; 4]));
    }

    #[test]
    fn parties_are_found_by_name_and_address_and_are_bounded() {
        let mut parties = Parties::new(2);
        assert!(parties.note(Some("Example.COM"), place(1)) && parties.note(Some("other.example"), place(1)));
        assert!(!parties.note(Some("third.example"), place(9)), "no more than two");
        assert!(!parties.is_at(place(9)) && !parties.has_domain("third.example"));
        assert_eq!(parties.look(place(1), "r"), Match::Unasked);
        parties.bind(place(1), "r".into());
        assert_eq!(
            (parties.look(place(1), "r"), parties.look(place(2), "r")),
            (Match::Bound, Match::Stranger)
        );
        for n in 2..=6 {
            assert!(parties.note(Some("example.com"), place(n)));
        }
        assert!(
            parties.is_domain_at("EXAMPLE.com", place(6)) && !parties.is_domain_at("example.com", place(2))
        );
        assert_eq!(parties.look(place(6), "r"), Match::Bound, "one party, wherever it is found");
        assert_eq!(parties.look(place(6), "s"), Match::Other);
    }
}
