//! What has been asked for, and what is said to it.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::challenge::{Challenge, escaped, next_nonce, read, unescaped};
use super::digest::{Algorithm, Proof, Qop, hex};
use super::failure::AuthFailure;
use super::keys::Keys;
use super::parties::{Match, Parties, Trust};
use crate::base::rng::Rng;
use crate::wire::frame::Frame;
use crate::wire::text::unfold_into;
use crate::wire::{HeaderName, Method};

/// Realms that may ask on the way of one request: some proxies, and the far end.
const REALMS_MAX: usize = 4;
/// How often one request is sent again because somebody asks.
const TRIES_MAX: u64 = 6;
/// Header fields with challenges that are looked at.
const FIELDS_MAX: usize = 16;

/// Who asked, and the last challenge.
#[derive(Clone, Debug)]
struct Realm {
    proxy: bool,
    /// Where the request had gone that was asked this: its proof goes there and nowhere else.
    place: SocketAddr,
    name: Box<[u8]>,
    nonce: Box<[u8]>,
    opaque: Option<Box<[u8]>>,
    algorithm: Algorithm,
    algorithm_text: Option<Box<[u8]>>,
    qop: Qop,
    /// How often the nonce has been used.
    count: u32,
    cnonce: Box<[u8]>,
    /// Which of the credentials are for it.
    key: usize,
}

/// Everybody who has asked within one call, subscription, registration or request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Realms {
    realms: Vec<Realm>,
    /// The lines that the last INVITE carried, and where it went: its ACK carries the same to the same place (RFC 3261
    /// section 22.1).
    invite: Option<(SocketAddr, Box<[u8]>)>,
    /// What the INVITE has been through that is about to be sent.
    pub(crate) chain: Chain,
}

/// Who asks.
pub(crate) struct Asker<'a> {
    /// Where the request had gone.
    pub(crate) remote: SocketAddr,
    /// What is known of that place.
    pub(crate) trust: Trust,
    /// Whom credentials are given for. Whoever is answered there is remembered.
    pub(crate) parties: &'a mut Parties,
}

/// What was answered already for one request: how often it was sent again, and to which realms' challenges. It goes from
/// each try of the request to the next.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Chain(pub(crate) u64);

impl Chain {
    const fn tries(self) -> u64 {
        self.0 & 0xff
    }

    const fn has(self, realm: usize) -> bool {
        self.0 >> (8 + realm) & 1 == 1
    }

    fn with(self, realm: usize) -> Self {
        Self(self.0 | 1 << (8 + realm.min(REALMS_MAX)))
    }
}

impl Realms {
    /// Takes the challenges of a 401 or 407 to a request that has been through `chain`. An error says why there is no use
    /// in sending it again. A stale nonce is no refusal.
    pub(crate) fn take(
        &mut self,
        frame: &Frame<'_>,
        keys: &Keys,
        rng: &mut Rng,
        asker: Asker<'_>,
        chain: Chain,
    ) -> Result<Chain, AuthFailure> {
        let Asker { remote, trust, parties } = asker;
        let mut next = None;
        let mut failure = None;
        for (proxy, challenge) in strongest(frame) {
            let realm = unescaped(challenge.realm);
            let at = parties.look(remote, &realm);
            let key = match keys.find(&realm, trust, at) {
                Ok(key) if keys.least(key) <= challenge.algorithm.hash => key,
                Ok(_) => {
                    failure.get_or_insert(AuthFailure::Unusable { realm });
                    continue;
                }
                Err(why) => {
                    failure.get_or_insert(why);
                    continue;
                }
            };
            // Who has moved asks anew, and is one realm still.
            let known = self.realms.iter().position(|each| each.is(proxy, challenge.realm));
            if known.is_some_and(|n| chain.has(n) && !challenge.stale) || chain.tries() >= TRIES_MAX {
                return Err(AuthFailure::Refused { realm });
            }
            let n = known.unwrap_or(self.realms.len());
            let answer = Realm::new(proxy, remote, &challenge, key, rng);
            match self.realms.get_mut(n) {
                Some(old) => *old = answer,
                None if n < REALMS_MAX => self.realms.push(answer),
                None => return Err(AuthFailure::Unusable { realm }),
            }
            if matches!(trust, Trust::Registrar | Trust::Home) || at == Match::Unasked {
                parties.bind(remote, realm);
            }
            next = Some(next.unwrap_or(chain).with(n));
        }
        match (next, failure) {
            (Some(Chain(next)), _) => Ok(Chain(next + 1)),
            (None, Some(failure)) => Err(failure),
            (None, None) => Err(AuthFailure::Unusable { realm: String::new() }),
        }
    }

    /// The header lines that prove who sends this request, to everybody who has asked so far where it goes:
    /// servers (RFC 3261 section 22.2) and proxies (section 22.3).
    pub(crate) fn lines(
        &mut self,
        keys: &mut Keys,
        goes_to: impl Fn(SocketAddr) -> bool,
        method: Method,
        uri: &[u8],
        body: &[u8],
    ) -> Vec<u8> {
        let mut lines = Vec::new();
        let mut place = None;
        for realm in self.realms.iter_mut().filter(|realm| goes_to(realm.place)) {
            place = Some(realm.place);
            realm.write(&mut lines, keys, method, uri, body);
        }
        if method == Method::Invite {
            self.invite = place.map(|place| (place, lines.as_slice().into()));
        }
        lines
    }

    /// The lines for the ACK of the last INVITE.
    pub(crate) fn ack_lines(&self, goes_to: impl Fn(SocketAddr) -> bool) -> &[u8] {
        let lines = self.invite.as_ref().filter(|(place, _)| goes_to(*place));
        lines.map_or(&[], |(_, lines)| lines)
    }

    /// Takes the next nonce from a response, if it brings one (RFC 7616 section 3.5). It names no realm: of several it could
    /// be anybody's.
    pub(crate) fn take_next(&mut self, frame: &Frame<'_>) {
        for header in frame.headers() {
            let proxy = match header.name {
                HeaderName::AuthenticationInfo => false,
                _ if header.name_text.eq_ignore_ascii_case(b"Proxy-Authentication-Info") => true,
                _ => continue,
            };
            let mut asked = self.realms.iter_mut().filter(|realm| realm.proxy == proxy);
            if let (Some(realm), None, Some(nonce)) = (asked.next(), asked.next(), next_nonce(header.value)) {
                realm.nonce = nonce.into();
                realm.count = 0;
            }
        }
    }
}

/// The challenges of a response that can be answered: of each realm the strongest.
fn strongest<'a>(frame: &Frame<'a>) -> Vec<(bool, Challenge<'a>)> {
    // A proxy that has forked collects the challenges of all branches in one response, whichever it is (RFC 3261 section 16.7).
    let fields = frame.headers().filter_map(|header| match header.name {
        HeaderName::WwwAuthenticate => Some((false, header.value)),
        HeaderName::ProxyAuthenticate => Some((true, header.value)),
        _ => None,
    });
    let mut best: Vec<(bool, Challenge<'_>)> = Vec::new();
    for (proxy, value) in fields.take(FIELDS_MAX) {
        for challenge in read(value) {
            // The same realm with several algorithms asks once; the strongest is answered (RFC 8760 section 2.4).
            match best.iter_mut().find(|(side, other)| *side == proxy && other.realm == challenge.realm) {
                Some((_, other)) if other.algorithm.hash < challenge.algorithm.hash => *other = challenge,
                Some(_) => {}
                None => best.push((proxy, challenge)),
            }
        }
    }
    best
}

impl Realm {
    fn is(&self, proxy: bool, name: &[u8]) -> bool {
        self.proxy == proxy && *self.name == *name
    }

    fn new(proxy: bool, place: SocketAddr, challenge: &Challenge<'_>, key: usize, rng: &mut Rng) -> Self {
        Self {
            proxy,
            place,
            name: challenge.realm.into(),
            nonce: challenge.nonce.into(),
            opaque: challenge.opaque.map(Into::into),
            algorithm: challenge.algorithm,
            algorithm_text: challenge.algorithm_text.map(Into::into),
            qop: challenge.qop,
            count: 0,
            cnonce: hex(&rng.next_u64().to_be_bytes()).into(),
            key,
        }
    }

    fn write(&mut self, out: &mut Vec<u8>, keys: &mut Keys, method: Method, uri: &[u8], body: &[u8]) {
        self.count = self.count.saturating_add(1);
        let nc = hex(&self.count.to_be_bytes());
        let proof = Proof {
            algorithm: self.algorithm,
            qop: self.qop,
            username: "",
            password: "",
            realm: &self.name,
            nonce: &self.nonce,
            cnonce: &self.cnonce,
            nc: &nc,
            method: method.as_str().as_bytes(),
            uri,
            body,
        };
        let response = keys.respond(self.key, proof);
        let username = escaped(keys.username(self.key)).into_owned();
        let header: &[u8] = if self.proxy { b"Proxy-Authorization" } else { b"Authorization" };
        let mut put = |parts: &[&[u8]]| {
            for part in parts {
                unfold_into(part, out);
            }
        };
        put(&[header, b": Digest username=\"", username.as_bytes(), b"\", realm=\"", &self.name]);
        put(&[b"\", nonce=\"", &self.nonce, b"\", uri=\"", uri, b"\", response=\"", &response, b"\""]);
        if let Some(algorithm) = &self.algorithm_text {
            put(&[b", algorithm=", algorithm]);
        }
        if self.qop != Qop::Legacy || self.algorithm.session {
            put(&[b", cnonce=\"", &self.cnonce, b"\""]);
        }
        if let Some(opaque) = &self.opaque {
            put(&[b", opaque=\"", opaque, b"\""]);
        }
        match self.qop {
            Qop::Legacy => {}
            Qop::Auth => put(&[b", qop=auth, nc=", &nc]),
            Qop::AuthInt => put(&[b", qop=auth-int, nc=", &nc]),
        }
        out.extend_from_slice(b"\r\n");
    }
}
