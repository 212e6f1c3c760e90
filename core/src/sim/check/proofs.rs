//! Rules of digests: RFC 3261 section 22, RFC 7616.

use alloc::string::String;
use core::net::SocketAddr;

use super::message::{Message, Start};
use super::{Verdict, WireChecker};

impl WireChecker {
    /// Takes note of the nonces that the host at `from` gives out.
    pub(super) fn asks(&mut self, from: SocketAddr, message: &Message) {
        if !matches!(message.start, Start::Response { .. }) {
            return;
        }
        const ASKS: [&str; 4] =
            ["www-authenticate", "proxy-authenticate", "authentication-info", "proxy-authentication-info"];
        for (name, value) in message.head().filter_map(|line| line.split_once(':')) {
            if ASKS.iter().any(|asks| name.trim().eq_ignore_ascii_case(asks)) {
                let nonces = ["nonce", "nextnonce"].into_iter().filter_map(|name| param(value, name));
                self.nonces.extend(nonces.map(|nonce| (nonce, from)));
            }
        }
    }

    /// A digest is something to try passwords on: it goes to whoever gave the nonce, and to nobody else.
    pub(super) fn proves(&self, to: SocketAddr, message: &Message) -> Verdict {
        let proofs = message.head().filter_map(|line| line.split_once(':')).filter(|(name, _)| {
            let name = name.trim();
            name.eq_ignore_ascii_case("authorization") || name.eq_ignore_ascii_case("proxy-authorization")
        });
        for nonce in proofs.filter_map(|(_, value)| param(value, "nonce")) {
            let asked = (nonce, to);
            self.rule(
                self.damaged || self.nonces.contains(&asked),
                message,
                "a digest goes to whoever asked for it",
                "RFC 3261 section 22.3",
                || alloc::format!("{to} never gave nonce {:?}", asked.0),
            )?;
        }
        Ok(())
    }
}

/// A quoted parameter.
fn param(value: &str, name: &str) -> Option<String> {
    let mut parts = value.split(',').filter_map(|part| part.split_once('='));
    let found = parts
        .find(|(found, _)| found.trim().rsplit(' ').next().is_some_and(|it| it.eq_ignore_ascii_case(name)));
    found.map(|(_, value)| value.trim().trim_matches('"').into())
}
