//! URIs.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::BridgeError;
use crate::wire::uri::{Host, Uri};

/// A URI as rsip's type, if rsip reads it as we do.
pub fn to_rsip_uri(text: &[u8]) -> Result<rsip::Uri, BridgeError> {
    let refused = |why| BridgeError::Uri { why };
    let ours = Uri::parse(text).map_err(|_| refused("not a SIP URI"))?;
    let words = core::str::from_utf8(text).map_err(|_| refused("not UTF-8"))?;
    let theirs = rsip::Uri::try_from(words).map_err(|_| refused("rsip cannot read it"))?;
    compare(&ours, &theirs).map_err(refused)?;
    if theirs.to_string() == words { Ok(theirs) } else { Err(refused("rsip writes it differently")) }
}

/// A URI of rsip as text, if we read the text as rsip holds it.
pub fn from_rsip_uri(uri: &rsip::Uri) -> Result<Vec<u8>, BridgeError> {
    let refused = |why| BridgeError::Uri { why };
    let text = uri.to_string();
    let ours = Uri::parse(text.as_bytes()).map_err(|_| refused("what rsip writes is no SIP URI"))?;
    compare(&ours, uri).map_err(refused)?;
    Ok(text.into_bytes())
}

/// What differs between our reading and rsip's, if anything does.
pub(super) fn compare(ours: &Uri<'_>, theirs: &rsip::Uri) -> Result<(), &'static str> {
    let scheme = match &theirs.scheme {
        Some(rsip::Scheme::Sip) => "sip",
        Some(rsip::Scheme::Sips) => "sips",
        _ => return Err("the schemes differ"),
    };
    if !ours.scheme.eq_ignore_ascii_case(scheme.as_bytes()) {
        return Err("the schemes differ");
    }
    let auth = theirs.auth.as_ref();
    if ours.user != auth.map(|auth| auth.user.as_bytes()) {
        return Err("the users differ");
    }
    if ours.password != auth.and_then(|auth| auth.password.as_ref()).map(String::as_bytes) {
        return Err("the passwords differ");
    }
    compare_place(&ours.host, ours.port, &theirs.host_with_port)?;
    let params: String = theirs.params.iter().map(ToString::to_string).collect();
    if params.trim_start_matches(';').as_bytes() != ours.params.trim_prefix_semicolon() {
        return Err("the parameters differ");
    }
    if ours.headers.is_some() || !theirs.headers.is_empty() {
        return Err("headers within a URI are not carried");
    }
    Ok(())
}

/// Host and port.
pub(super) fn compare_place(
    host: &Host<'_>,
    port: Option<u16>,
    theirs: &rsip::HostWithPort,
) -> Result<(), &'static str> {
    // An IPv6 address is the one thing that rsip prints without its brackets.
    let same = match (host, &theirs.host) {
        (Host::V4(ip), host) => ip.to_string() == host.to_string(),
        (Host::V6(_), _) => return Err("rsip has no IPv6 addresses"),
        (Host::Name(name), rsip::Host::Domain(domain)) => *name == domain.to_string().as_bytes(),
        (Host::Name(_), rsip::Host::IpAddr(_)) => false,
    };
    if !same {
        return Err("the hosts differ");
    }
    if port != theirs.port.as_ref().map(|port| u16::from(*port)) {
        return Err("the ports differ");
    }
    Ok(())
}

/// Parameters with or without the semicolon before the first.
pub(super) trait ParamText {
    fn trim_prefix_semicolon(&self) -> &[u8];
}

impl ParamText for [u8] {
    fn trim_prefix_semicolon(&self) -> &[u8] {
        let text = self.trim_ascii();
        text.strip_prefix(b";").unwrap_or(text)
    }
}
