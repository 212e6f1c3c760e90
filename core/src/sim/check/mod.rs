//! Is what goes over the wire allowed? A judge that knows the RFCs and none of the machines.
//!
//! [`WireChecker`] reads messages as they are sent, and if it is told also as they arrive. It is written from RFC
//! 3261, RFC 3264, RFC 6026 and those of what happens within a call, and uses nothing of the stack but the framing of a message, so that a mistake in the
//! stack is not made a second time here.

mod dialogs;
mod exchanges;
mod message;
mod owed;
mod proofs;
mod sessions;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::net::SocketAddr;
use core::time::Duration;

pub use crate::base::violation::Violation;

use crate::base::time::Instant;
use dialogs::{Answer, Dialog, Side};
use exchanges::Exchange;
use message::{Message, Start};
use owed::Owed;
use sessions::Doings;

/// T1 and T4 of RFC 3261 section 17.1.1.1.
const T1: Duration = Duration::from_millis(500);
const T4: Duration = Duration::from_secs(5);

/// Finds messages that the RFCs forbid.
///
/// Tell it of every message that an honest host sends ([`saw`](Self::saw)), and of every one that arrives somewhere
/// ([`delivered`](Self::delivered)): some rules are about what a host has heard, and the checker claims nothing that
/// it cannot know. Without deliveries these rules rest.
#[derive(Clone, Default)]
pub struct WireChecker {
    /// Transactions by branch and method.
    exchanges: BTreeMap<(String, String), Exchange>,
    /// ACKs of 2xx by branch.
    acks: BTreeMap<String, Arc<Message>>,
    dialogs: BTreeMap<Dialog, Side>,
    answers: BTreeMap<Dialog, Answer>,
    doings: BTreeMap<Dialog, Doings>,
    owed: Owed,
    /// Call-ID and tag of those who have got a request with that tag, and when the first.
    named: BTreeMap<(String, String), Instant>,
    /// Nonces, and who gave them.
    nonces: BTreeSet<(String, SocketAddr)>,
    /// Whether deliveries are told at all.
    hears: bool,
    /// Whether something arrived otherwise than it was sent: nobody knows what its receiver made of it, so rules that
    /// depend on that rest.
    damaged: bool,
    /// Whether an answer to something damaged could not be read: what its sender said there is not known.
    unread: bool,
    /// Whether callees may hang up before their answer.
    byes_early: bool,
    now: Instant,
    seen: usize,
}

/// What a rule comes to.
type Verdict = Result<(), Violation>;

impl WireChecker {
    /// A checker that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets callees send BYE in an early dialog, which RFC 3261 section 15 forbids and some do.
    #[must_use]
    pub const fn byes_early(mut self, yes: bool) -> Self {
        self.byes_early = yes;
        self
    }

    /// Number of messages seen so far.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// Judges a message that the host at `from` sends to `to`.
    pub fn saw(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Verdict {
        self.now = now;
        let verdict = self.judge(from, to, payload);
        self.seen += 1;
        verdict
    }

    /// Takes note that `payload` arrived at the host whose own address is `at`.
    pub fn delivered(&mut self, now: Instant, at: SocketAddr, payload: &[u8]) {
        self.now = now;
        self.hears = true;
        match Message::read(payload) {
            Ok(message) => self.heard(at, Arc::new(message)),
            Err(_) => self.damaged = true,
        }
    }

    /// Takes note whether the next message arrives otherwise than it was sent, where only the network can tell.
    pub fn note_damage(&mut self, damaged: bool) {
        self.damaged |= damaged;
    }

    /// Judges what was left undone, when no host will send any more.
    pub fn end(&mut self) -> Verdict {
        if self.damaged {
            return Ok(());
        }
        let callers: BTreeSet<_> = self.exchanges.values().filter_map(Exchange::opener).collect();
        let unproven = |request: &Message, since: Instant| {
            let side = (request.call_id.clone(), request.from_tag.clone().unwrap_or_default());
            let named = self.named.get(&side).is_some_and(|at| *at <= since);
            request.to_tag.is_some() && !callers.contains(&side) && !named
        };
        let undone = || self.exchanges.values().find_map(|it| it.left_undone(unproven));
        match self.unpaid().or_else(undone) {
            Some((rule, section, message)) => Err(Violation {
                rule,
                section,
                message: None,
                detail: format!("nothing more came for {}, Call-ID {}", message.line, message.call_id),
            }),
            None => Ok(()),
        }
    }

    fn judge(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Verdict {
        let message = match Message::read(payload) {
            Ok(message) => Arc::new(message),
            // Who was asked by a damaged request answers with what it holds.
            Err(_) if self.damaged && payload.starts_with(b"SIP/") => {
                self.unread = true;
                return Ok(());
            }
            Err(why) => {
                let line = payload.split(|&octet| octet == b'\r').next().unwrap_or_default();
                let message = Some((self.seen, String::from_utf8_lossy(line).into_owned()));
                let rule = "a message has the headers that every message has";
                return Err(Violation { rule, section: "RFC 3261 section 8.1.1", message, detail: why });
            }
        };
        self.shape(&message)?;
        self.asks(from, &message);
        self.proves(to, &message)?;
        let again = self.is_repeated(&message);
        self.settles(&message)?;
        match &message.start {
            Start::Request { method, .. } if method == "ACK" => self.ack(&message)?,
            Start::Request { .. } => self.request(from, to, &message)?,
            Start::Response { status } => self.response(*status, &message)?,
        }
        // What is sent again may describe what has changed since.
        if again { Ok(()) } else { self.description(&message) }
    }

    /// Rules that one message keeps or breaks by itself.
    fn shape(&self, message: &Message) -> Verdict {
        let length = message.content_length.as_deref().and_then(|text| text.parse().ok());
        self.rule(
            length == Some(message.body.len()),
            message,
            "Content-Length is the length of the body",
            "RFC 3261 section 20.14",
            || format!("{:?} for {} octets", message.content_length, message.body.len()),
        )?;
        self.rule(
            message.body.is_empty() || message.content_type.is_some(),
            message,
            "a body has a type",
            "RFC 3261 section 20.15",
            || "no Content-Type".into(),
        )?;
        let contact = match &message.start {
            Start::Request { method, .. } => matches!(method.as_str(), "INVITE" | "UPDATE" | "REFER"),
            Start::Response { status } => {
                message.method == "INVITE"
                    && (200..300).contains(status) | ((101..200).contains(status) & message.to_tag.is_some())
            }
        };
        self.rule(
            !contact || message.contacts == 1,
            message,
            "what makes a dialog has one Contact",
            "RFC 3261 sections 8.1.1.8 and 12.1.1",
            || format!("{} Contacts", message.contacts),
        )?;
        match &message.start {
            Start::Request { method, .. } => self.request_shape(message, method),
            Start::Response { status } => self.rule(
                *status == 100 || message.to_tag.is_some() || self.damaged,
                message,
                "To of a response has a tag",
                "RFC 3261 section 8.2.6.2",
                || message.to.clone(),
            ),
        }
    }

    fn request_shape(&self, message: &Message, method: &str) -> Verdict {
        self.rule(message.from_tag.is_some(), message, "From has a tag", "RFC 3261 section 8.1.1.3", || {
            message.from.clone()
        })?;
        self.rule(
            message.branch.starts_with("z9hG4bK") && message.branch.len() > 7,
            message,
            "a branch begins with the magic cookie",
            "RFC 3261 section 8.1.1.7",
            || message.branch.clone(),
        )?;
        let hops = message.max_forwards.as_deref().and_then(|text| text.parse::<u8>().ok());
        self.rule(hops.is_some(), message, "a request has Max-Forwards", "RFC 3261 section 8.1.1.6", || {
            format!("{:?}", message.max_forwards)
        })?;
        self.rule(
            message.method == method,
            message,
            "CSeq names the method",
            "RFC 3261 section 8.1.1.5",
            || message.method.clone(),
        )
    }

    fn rule(
        &self,
        holds: bool,
        message: &Message,
        rule: &'static str,
        section: &'static str,
        detail: impl FnOnce() -> String,
    ) -> Verdict {
        if holds {
            return Ok(());
        }
        let detail = format!("{}, Call-ID {}", detail(), message.call_id);
        Err(Violation { rule, section, message: Some((self.seen, message.line.clone())), detail })
    }
}
