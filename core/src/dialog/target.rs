//! Where the peer wants requests, and where that leads.

use core::net::IpAddr;

use super::routes::Routes;
use crate::api::PeerContacts;
use crate::transaction::key::has_cookie;
use crate::wire::frame::{Facts, Fault, Frame};
use crate::wire::text::{split_once, trim};
use crate::wire::{HeaderName, NameAddr, NextHop, NoHop, Unspoken};

/// Where the peer wants requests, with what was read of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(super) uri: &'a [u8],
    pub(super) way: Way,
}

/// Where a URI sends requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// To this address.
    Address(IpAddr),
    /// To a name, which has to be looked up.
    Name,
    /// Nowhere.
    None(NoHop),
}

/// Why no dialog can come of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unfit {
    /// It is wrong.
    Fault(Fault),
    /// Its sender can be asked nothing in return, for only another transport protocol leads to him.
    Unspoken(Unspoken),
}

impl From<Fault> for Unfit {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Way {
    pub(super) fn of(uri: &[u8]) -> Self {
        match NextHop::of(uri) {
            Ok(hop) => hop.host.ip().map_or(Self::Name, Self::Address),
            Err(none) => Self::None(none),
        }
    }

    /// Whether requests can go there without a route. What asks for TCP can be reached where its messages come from if
    /// the settings say that these are to be trusted more; what asks for TLS is never reached in clear.
    pub(super) fn check(self, contacts: PeerContacts) -> Result<(), NoHop> {
        match self {
            Self::Address(_) | Self::Name => Ok(()),
            Self::None(NoHop::Transport(transport))
                if contacts == PeerContacts::Source && !transport.is_private() =>
            {
                Ok(())
            }
            Self::None(none) => Err(none),
        }
    }
}

/// The URI of the first Contact. A response cannot be refused: of one whose Contact keeps to no grammar it is what stands between the angle
/// brackets, if that is a URI.
pub(super) fn contact_uri<'a>(frame: &Frame<'a>) -> Option<&'a [u8]> {
    match frame.addresses(HeaderName::Contact).next().and_then(NameAddr::parse) {
        Some(addr) => Some(addr.uri),
        None if frame.is_request() => None,
        None => {
            let (_, rest) = split_once(frame.first(HeaderName::Contact)?, b'<')?;
            let (uri, _) = split_once(rest, b'>')?;
            Some(trim(uri))
        }
    }
}

impl<'a> Target<'a> {
    /// The first Contact, if it is one that requests could be sent to, were its transport protocol spoken.
    pub(super) fn of_contact(frame: &Frame<'a>) -> Option<Self> {
        Self::of(contact_uri(frame)?)
    }

    fn of(uri: &'a [u8]) -> Option<Self> {
        let way = Way::of(uri);
        (way != Way::None(NoHop::Place)).then_some(Self { uri, way })
    }

    /// A peer of RFC 2543, told by its branch, need not bring a Contact: it means its From, which RFC 2543 allows.
    fn of_caller(frame: &Frame<'a>, facts: &Facts<'a>) -> Option<Self> {
        if frame.has(HeaderName::Contact) || has_cookie(&facts.via) {
            return Self::of_contact(frame);
        }
        Self::of(facts.from.uri)
    }

    /// Where the sender of a request wants ours, if a dialog can come of it (RFC 3261 sections 8.1.1.8 and 12.1.1). Only the
    /// next hop needs to be one that we can reach, which is the first Record-Route, else the target.
    pub(crate) fn check_invite(
        frame: &Frame<'a>,
        facts: &Facts<'a>,
        contacts: PeerContacts,
        routes_max: usize,
    ) -> Result<Self, Unfit> {
        let fault = |reason| Fault { status: 400, reason };
        let target = Self::of_caller(frame, facts).ok_or_else(|| fault("Missing or Bad Contact"))?;
        let mut way = target.way.check(contacts);
        if frame.has(HeaderName::RecordRoute) {
            let mut routes = frame.addresses(HeaderName::RecordRoute);
            if routes.nth(routes_max).is_some() {
                return Err(fault("Too Many Record-Routes").into());
            }
            // Whoever is called could not even hang up.
            if !Routes::are_sound(frame) {
                return Err(fault("Bad Record-Route").into());
            }
            if let Some(first) = frame.addresses(HeaderName::RecordRoute).next().and_then(NameAddr::parse) {
                way = NextHop::of(first.uri).map(|_| ());
            }
        }
        match way {
            Err(NoHop::Transport(transport)) => Err(Unfit::Unspoken(transport)),
            _ => Ok(target),
        }
    }
}
