//! Route sets, loose and strict (RFC 3261 section 12.2.1.1).

use alloc::vec::Vec;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::wire::frame::Frame;
use crate::wire::uri::Uri;
use crate::wire::{HeaderName, NameAddr, NextHop, NoHop};

/// The Route values of a dialog, in the order in which requests visit them.
#[derive(Clone, Default, Debug)]
pub(crate) struct Routes(SmallVec<[Bytes; 1]>);

/// How a request leaves: its Request-URI, and the Route values it carries.
pub(crate) struct Routing<'a> {
    pub(crate) request_uri: &'a [u8],
    pub(crate) routes: SmallVec<[&'a [u8]; 4]>,
    /// URI of the next hop.
    pub(crate) next_hop: &'a [u8],
    /// The last Route value, for a strict router, is the target as name-addr.
    pub(crate) target_last: Option<&'a [u8]>,
}

impl Routes {
    /// From the Record-Route values of `frame`: as they are for the UAS, in reverse for the UAC
    /// (sections 12.1.1 and 12.1.2). What is no place of SIP is left out: nothing could be sent there. `None` if there are
    /// more than `max`.
    pub(crate) fn from_record_route(frame: &Frame<'_>, reverse: bool, max: usize) -> Option<Self> {
        let mut routes = SmallVec::new();
        for value in frame.addresses(HeaderName::RecordRoute) {
            if routes.len() >= max {
                return None;
            }
            if let Some(addr) = place(value) {
                let display = addr.quoted_display();
                let whole = |display: Vec<u8>| {
                    Bytes::from([&display, &b" <"[..], addr.uri, b">", addr.params].concat())
                };
                routes.push(display.map_or_else(|| Bytes::copy_from_slice(value), whole));
            }
        }
        if reverse {
            routes.reverse();
        }
        Some(Self(routes))
    }

    /// Whether each Record-Route of `frame` is a place that a request can be sent to.
    pub(crate) fn are_sound(frame: &Frame<'_>) -> bool {
        frame.addresses(HeaderName::RecordRoute).all(|value| place(value).is_some())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How a request to `target` leaves.
    pub(crate) fn routing<'a>(&'a self, target: &'a [u8]) -> Routing<'a> {
        let uri_of =
            |value: &'a Bytes| NameAddr::parse(value).map_or_else(|| value.as_ref(), |addr| addr.uri);
        let Some(first) = self.0.first() else {
            return Routing {
                request_uri: target,
                routes: SmallVec::new(),
                next_hop: target,
                target_last: None,
            };
        };
        let first_uri = uri_of(first);
        let loose = Uri::parse(first_uri).is_ok_and(|uri| uri.param("lr").is_some());
        if loose {
            let routes = self.0.iter().map(AsRef::as_ref).collect();
            return Routing { request_uri: target, routes, next_hop: first_uri, target_last: None };
        }
        let routes = self.0.iter().skip(1).map(AsRef::as_ref).collect();
        Routing { request_uri: first_uri, routes, next_hop: first_uri, target_last: Some(target) }
    }
}

/// A value of Record-Route that names a place of SIP, be it one that asks for TLS.
fn place(value: &[u8]) -> Option<NameAddr<'_>> {
    NameAddr::parse(value).filter(|addr| NextHop::of(addr.uri) != Err(NoHop::Place))
}
