//! Rules of transactions: RFC 3261 sections 8.2.6, 9.1 and 17, RFC 6026.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::message::{Message, Start};
use super::{T1, T4, Verdict, WireChecker};
use crate::base::time::Instant;

/// A rule, its section, and the message that waits.
type Undone = (&'static str, &'static str, Arc<Message>);

/// A request and its responses.
#[derive(Clone, Default)]
pub(super) struct Exchange {
    /// The request as it was sent; of somebody unknown, as it arrived.
    pub(super) request: Option<Arc<Message>>,
    /// Who sent it, and when first.
    sent: Option<(Instant, SocketAddr, SocketAddr)>,
    /// How often it was sent.
    sends: u32,
    /// When the first response came back.
    answered: Option<Instant>,
    /// Whether it arrived as it was sent.
    arrived: bool,
    /// How often it arrived so, in all and before the final response of this series.
    arrivals: u32,
    arrivals_before: u32,
    /// Whether a provisional response was sent: then its server remembers it.
    remembered: bool,
    /// Octets of all responses that were sent.
    octets: usize,
    /// Responses as they were sent, each once.
    pub(super) responses: Vec<Arc<Message>>,
    /// Statuses below 200 that came back.
    provisional_heard: bool,
    /// The tag of the server in this series of responses.
    tag: Option<String>,
    /// The final response of this series, and when it was first sent.
    last: Option<(Instant, Arc<Message>)>,
    /// How often it was sent.
    last_sends: u32,
    /// The first final response that came back, when, and whether it came as it was sent, in time.
    heard: Option<(Instant, Arc<Message>, bool)>,
    /// The ACK of a failure response.
    ack: Option<Arc<Message>>,
    /// When the server first heard an ACK, or a BYE from whoever should have sent it.
    relieved: Option<Instant>,
}

impl Exchange {
    /// Whether a reliable provisional response brought the session description to where the dialog of `message` began, so
    /// that neither the 2xx nor its ACK need one.
    pub(super) fn described_early(&self, message: &Message) -> bool {
        let tells = |it: &Arc<Message>| it.to_tag == message.to_tag && it.rseq().is_some() && it.has_sdp();
        self.responses.iter().any(tells)
    }

    /// What a host should have done with what it heard.
    ///
    /// `unproven`: whether a request was first sent, at that time, to whoever made the dialog and had not been heard since; he
    /// may not even know of it.
    pub(super) fn left_undone(&self, unproven: impl Fn(&Message, Instant) -> bool) -> Option<Undone> {
        if let Some((_, response, true)) = &self.heard
            && self.ack.is_none()
            && !is_success(response)
        {
            let rule = "a refusal of an INVITE is acknowledged";
            return Some((rule, "RFC 3261 section 17.1.1.3", response.clone()));
        }
        // Twice T1 is late enough for the first repetition, whatever else is due at that moment.
        let late = |since: Instant, heard: Option<Instant>| heard.is_none_or(|at| at > since + 2 * T1);
        if let (Some((since, ..)), Some(request)) = (self.sent, &self.request)
            && self.sends < 2
            && !unproven(request, since)
            && late(since, self.answered)
        {
            let rule = "a request is repeated until there is a response";
            return Some((rule, "RFC 3261 sections 17.1.1.2 and 17.1.2.2", request.clone()));
        }
        if let Some((since, response)) = &self.last
            && response.method == "INVITE"
            && self.last_sends < 2
            && late(*since, self.relieved)
            && !self.answers_each_copy(response)
            && !self.has_been_told_enough(response)
        {
            let rule = "a final response to an INVITE is repeated until its ACK comes";
            return Some((rule, "RFC 3261 sections 13.3.1.4 and 17.2.1", response.clone()));
        }
        let request = self.request.as_ref().filter(|_| self.arrived && self.last.is_none())?;
        Some(("a request is answered", "RFC 3261 section 8.2.6", request.clone()))
    }

    /// Call-ID and tag of whoever sent a request outside any dialog.
    pub(super) fn opener(&self) -> Option<(String, String)> {
        let request = self.request.as_ref().filter(|request| request.to_tag.is_none())?;
        Some((request.call_id.clone(), request.from_tag.clone()?))
    }

    /// Who sent the request.
    pub(super) fn sender(&self) -> Option<SocketAddr> {
        self.sent.map(|(_, from, _)| from)
    }

    /// When it was first sent.
    pub(super) fn since(&self) -> Option<Instant> {
        self.sent.map(|(since, ..)| since)
    }

    /// When the first response came back.
    pub(super) fn answered(&self) -> Option<Instant> {
        self.answered
    }

    /// Whether the first final response that came back is a failure.
    pub(super) fn is_refused(&self) -> bool {
        self.heard.as_ref().is_some_and(|(_, response, _)| !is_success(response))
    }

    /// Whether a refusal may be that of a server that remembers nothing (RFC 3261 section 8.2.7): it says nothing
    /// provisional, repeats nothing by itself, and answers each copy.
    fn answers_each_copy(&self, response: &Message) -> bool {
        let copies = self.arrivals.saturating_sub(self.arrivals_before);
        self.may_be_stateless(response) && self.arrivals > 0 && self.last_sends > copies
    }

    /// Whether this once more would be more than three times what came, six times for a success: a server may hold it back
    /// from whoever may not have asked for it.
    fn has_been_told_enough(&self, response: &Message) -> bool {
        let Some(request) = &self.request else { return false };
        let came = request.bytes.len().saturating_mul(self.arrivals as usize);
        let (factor, kept) = if is_success(response) { (6, 384) } else { (3, 0) };
        request.to_tag.is_none() && self.octets + response.bytes.len() + kept > factor * came
    }

    fn may_be_stateless(&self, response: &Message) -> bool {
        let outside = self.request.as_ref().is_some_and(|request| request.to_tag.is_none());
        // Who knows no such dialog needs no memory to say so.
        (outside || response.status() == Some(481))
            && !self.remembered
            && (response.method != "INVITE" || response.status() >= Some(300))
    }

    /// Forgets a series of responses when another one begins that its server need not connect with it any more: Timers I, J
    /// and L may have fired since the final response was first sent.
    fn expire(&mut self, now: Instant, message: &Message) {
        // Without memory it may think otherwise of the next copy: that there is room, or none.
        let anew = self.arrivals > self.arrivals_before
            && self.last.as_ref().is_some_and(|(_, last)| **last != *message && self.may_be_stateless(last));
        let over = self.last.as_ref().is_some_and(|(since, last)| {
            let failed = last.method == "INVITE" && last.status() >= Some(300);
            **last != *message && now > *since + if failed { T4 } else { 64 * T1 }
        });
        if over || anew {
            (self.last, self.tag, self.relieved, self.last_sends) = (None, None, None, 0);
        }
        // The transaction is over: a copy that comes now finds a server that remembers nothing of it.
        self.remembered &= !over;
    }
}

impl WireChecker {
    fn exchange(&mut self, branch: &str, method: &str) -> &mut Exchange {
        self.exchanges.entry((branch.into(), method.into())).or_default()
    }

    /// Whether a message was sent before, octet by octet.
    pub(super) fn is_repeated(&self, message: &Arc<Message>) -> bool {
        let exchange = self.exchanges.get(&(message.branch.clone(), message.method.clone()));
        match &message.start {
            Start::Request { method, .. } if method == "ACK" => {
                self.acks.get(&message.branch) == Some(message)
            }
            Start::Request { .. } => {
                exchange.is_some_and(|it| it.sent.is_some() && it.request.as_ref() == Some(message))
            }
            Start::Response { .. } => exchange.is_some_and(|it| it.responses.contains(message)),
        }
    }

    /// A request other than ACK.
    pub(super) fn request(&mut self, from: SocketAddr, to: SocketAddr, message: &Arc<Message>) -> Verdict {
        let now = self.now;
        let exchange = self.exchange(&message.branch, &message.method);
        exchange.sends = exchange.sends.saturating_add(1);
        if let Some((_, _, target)) = exchange.sent {
            let first = exchange.request.clone();
            // From where does not matter: an address may change.
            let same = first.as_ref() == Some(message) && target == to;
            return self.rule(
                same,
                message,
                "a branch is of one request, repeated octet by octet",
                "RFC 3261 sections 8.1.1.7 and 17.1",
                || {
                    format!(
                        "{}: the first was {}",
                        message.branch,
                        first.map(|it| it.line.clone()).unwrap_or_default()
                    )
                },
            );
        }
        exchange.sent = Some((now, from, to));
        exchange.request = Some(message.clone());
        if message.method == "CANCEL" {
            return self.cancel(message);
        }
        let other = self.exchanges.range((message.branch.clone(), String::new())..);
        let mut other = other.take_while(|((branch, _), _)| *branch == message.branch);
        let alone = !other.any(|((_, method), it)| *method != message.method && it.sent.is_some())
            && !self.acks.contains_key(&message.branch);
        self.rule(
            alone,
            message,
            "a branch is of one request, repeated octet by octet",
            "RFC 3261 sections 8.1.1.7 and 17.1",
            || message.branch.clone(),
        )?;
        self.sequence(message)?;
        if message.method == "PRACK" && !self.hears {
            self.acknowledged(message);
        }
        self.within(message)
    }

    fn cancel(&self, message: &Message) -> Verdict {
        let invite = self.exchanges.get(&(message.branch.clone(), "INVITE".into()));
        let sent = invite.and_then(|it| it.sent.and(it.request.as_ref()));
        let fits = sent.is_some_and(|invite| {
            let of =
                |it: &Message| (it.vias.first().cloned(), it.from.clone(), it.to.clone(), it.call_id.clone());
            invite.uri() == message.uri()
                && of(invite) == of(message)
                && invite.cseq == message.cseq
                && invite.routes == message.routes
                && message.vias.len() == 1
        });
        self.rule(fits, message, "CANCEL copies its INVITE", "RFC 3261 section 9.1", || {
            message.branch.clone()
        })?;
        let provisional = |it: &Message| it.status().is_some_and(|status| status < 200);
        let allowed = self.damaged
            || invite.is_some_and(|invite| match self.hears {
                true => invite.provisional_heard,
                false => invite.responses.iter().any(|response| provisional(response)),
            });
        let rule = "CANCEL waits for a provisional response";
        self.rule(allowed, message, rule, "RFC 3261 section 9.1", || message.branch.clone())
    }

    /// An ACK: of a failure if it has the branch of an INVITE, else of a 2xx.
    pub(super) fn ack(&mut self, message: &Arc<Message>) -> Verdict {
        let key = (message.branch.clone(), String::from("INVITE"));
        if self.exchanges.get(&key).is_some_and(|exchange| exchange.sent.is_some()) {
            return self.ack_of_failure(&key, message);
        }
        let fresh = match self.acks.get(&message.branch) {
            Some(first) => first == message,
            None => {
                let at = (message.branch.clone(), String::new());
                let next = self.exchanges.range(at..).next();
                next.is_none_or(|((branch, _), _)| *branch != message.branch)
            }
        };
        self.rule(
            fresh,
            message,
            "the ACK of a 2xx has a branch of its own",
            "RFC 3261 sections 8.1.1.7 and 13.2.2.4",
            || message.branch.clone(),
        )?;
        self.acks.insert(message.branch.clone(), message.clone());
        let ours = |it: &&Exchange| {
            let invite = it.request.as_ref().filter(|_| it.sent.is_some());
            invite.is_some_and(|invite| {
                invite.method == "INVITE" && invite.cseq == message.cseq && same_call(invite, message)
            })
        };
        let invite = self.exchanges.values().find(ours);
        let answered = self.damaged
            || invite.is_some_and(|invite| {
                invite
                    .responses
                    .iter()
                    .any(|response| is_success(response) && response.to_tag == message.to_tag)
            });
        let offered = invite.and_then(|invite| invite.request.as_ref()).map(|invite| invite.has_sdp());
        // What was offered and answered before the 2xx is not answered again.
        let told = invite.is_some_and(|invite| invite.described_early(message));
        let rule = "the ACK of a 2xx follows one, with the CSeq of its INVITE";
        self.rule(answered, message, rule, "RFC 3261 section 13.2.2.4", || format!("{}", message.cseq))?;
        let fits = offered.is_none_or(|offered| (!offered && !told) == message.has_sdp());
        let rule = "an ACK answers the offer of a 2xx, and nothing else";
        self.rule(fits, message, rule, "RFC 3261 section 13.2.1", || format!("offer in INVITE: {offered:?}"))
    }

    fn ack_of_failure(&mut self, key: &(String, String), message: &Arc<Message>) -> Verdict {
        let Some(exchange) = self.exchanges.get_mut(key) else { return Ok(()) };
        let first = exchange.ack.get_or_insert_with(|| message.clone()).clone();
        let Some(exchange) = self.exchanges.get(key) else { return Ok(()) };
        let Some(invite) = exchange.request.as_ref() else { return Ok(()) };
        let copies = invite.uri() == message.uri()
            && invite.vias.first() == message.vias.first()
            && message.vias.len() == 1
            && (&invite.from, &invite.call_id) == (&message.from, &message.call_id)
            && invite.cseq == message.cseq
            && invite.routes == message.routes;
        let rule = "the ACK of a failure copies its INVITE";
        self.rule(copies, message, rule, "RFC 3261 section 17.1.1.3", || message.branch.clone())?;
        let refuses = |response: &Message| response.status() >= Some(300) && response.to == message.to;
        let refused = self.damaged || exchange.responses.iter().any(|response| refuses(response));
        let rule = "the ACK of a failure has the To of the response";
        self.rule(refused, message, rule, "RFC 3261 section 17.1.1.3", || message.to.clone())?;
        let rule = "an ACK is repeated octet by octet";
        self.rule(first == *message, message, rule, "RFC 3261 section 17.1.1.2", || message.branch.clone())
    }

    /// A response.
    pub(super) fn response(&mut self, status: u16, message: &Arc<Message>) -> Verdict {
        let now = self.now;
        let exchange = self.exchange(&message.branch, &message.method);
        exchange.expire(now, message);
        let (tag, last) = (exchange.tag.clone(), exchange.last.clone());
        if message.to_tag.is_some() {
            exchange.tag = message.to_tag.clone();
        }
        if status >= 200 && last.is_none() {
            exchange.last = Some((now, message.clone()));
            exchange.arrivals_before = exchange.arrivals;
        }
        exchange.remembered |= status < 200;
        exchange.octets += message.bytes.len();
        if status >= 200 {
            exchange.last_sends = exchange.last_sends.saturating_add(1);
        }
        let fresh = !exchange.responses.contains(message);
        if fresh {
            exchange.responses.push(message.clone());
        }
        if self.damaged {
            return self.answer(status, message);
        }
        if fresh {
            self.session_answer(status, message)?;
        }
        let Some(exchange) = self.exchanges.get(&(message.branch.clone(), message.method.clone())) else {
            return Ok(());
        };
        let copied = exchange.request.as_ref().is_none_or(|request| copies(message, request, status));
        self.rule(
            copied,
            message,
            "a response copies Via, From, To, Call-ID, CSeq and Record-Route",
            "RFC 3261 sections 8.2.6.2 and 12.1.1",
            || message.branch.clone(),
        )?;
        let constant = tag.is_none() || message.to_tag.is_none() || tag == message.to_tag;
        let rule = "a server keeps its tag";
        self.rule(constant, message, rule, "RFC 3261 section 8.2.6.2", || format!("{tag:?}"))?;
        let Some((_, last)) = last else { return self.answer(status, message) };
        let rule = "nothing provisional follows a final response";
        self.rule(status >= 200, message, rule, "RFC 3261 section 17.2.1", || last.line.clone())?;
        let rule = "a final response is the only one";
        self.rule(last == *message, message, rule, "RFC 3261 section 17.2.1", || last.line.clone())?;
        self.answer(status, message)
    }

    /// A message has arrived.
    pub(super) fn heard(&mut self, at: SocketAddr, message: Arc<Message>) {
        let now = self.now;
        match &message.start {
            Start::Request { method, .. } if method == "ACK" => {
                let of_failure = self.exchange(&message.branch, "INVITE").ack.as_ref() == Some(&message);
                let sent = of_failure || self.acks.get(&message.branch) == Some(&message);
                self.damaged |= !sent;
                self.note_named(&message, sent);
                self.relieve(&message);
                self.heard_ack(&message);
            }
            Start::Request { .. } => {
                let exchange = self.exchange(&message.branch, &message.method);
                let bye = message.method == "BYE";
                let first = exchange.request.get_or_insert_with(|| message.clone());
                let intact = *first == message;
                exchange.arrived |= exchange.sent.is_some() && intact;
                exchange.arrivals = exchange.arrivals.saturating_add(u32::from(intact));
                let sent = exchange.sent.is_some();
                self.damaged |= !intact;
                self.note_named(&message, sent);
                // A re-INVITE shows that the 2xx before it arrived, as an ACK does (RFC 5407 section 3.1.4).
                let reinvite = message.method == "INVITE" && message.to_tag.is_some();
                if bye || reinvite {
                    self.relieve(&message);
                }
                if reinvite {
                    self.heard_reinvite(&message);
                }
                if message.method == "PRACK" {
                    self.acknowledged(&message);
                }
            }
            Start::Response { status } => {
                let status = *status;
                let exchange = self.exchange(&message.branch, &message.method);
                let concluded = exchange.heard.as_ref().map(|(at, ..)| *at);
                exchange.provisional_heard |= status < 200;
                exchange.answered.get_or_insert(now);
                // One that comes when the client may have given up binds nobody.
                let timely =
                    exchange.sent.is_some_and(|(since, from, _)| now < since + 64 * T1 && from == at);
                let intact = exchange.responses.contains(&message);
                if status >= 200 && message.method == "INVITE" && exchange.heard.is_none() {
                    exchange.heard = Some((now, message.clone(), timely && intact));
                }
                self.damaged |= exchange.sent.is_some() && !intact;
                self.demands(at, &message, concluded);
            }
        }
    }
}

impl WireChecker {
    /// Takes note that whoever has the To tag of a request was named by it, unless somebody unknown `sent` it.
    fn note_named(&mut self, request: &Message, sent: bool) {
        if let Some(tag) = request.to_tag.as_ref().filter(|_| sent) {
            self.named.entry((request.call_id.clone(), tag.clone())).or_insert(self.now);
        }
    }

    /// Whoever has sent a final response to an INVITE of this caller need not repeat it any more.
    fn relieve(&mut self, message: &Message) {
        let now = self.now;
        let invites = self.exchanges.values_mut().filter(|it| {
            let request = it.request.as_ref().filter(|request| request.method == "INVITE");
            let before = |request: &Message| message.method != "INVITE" || request.cseq < message.cseq;
            it.last.is_some() && request.is_some_and(|request| same_call(request, message) && before(request))
        });
        for exchange in invites {
            exchange.relieved.get_or_insert(now);
        }
    }
}

/// Whether two messages have the Call-ID and the From tag in common.
fn same_call(left: &Message, right: &Message) -> bool {
    (&left.call_id, &left.from_tag) == (&right.call_id, &right.from_tag)
}

pub(super) fn is_success(message: &Message) -> bool {
    message.status().is_some_and(|status| (200..300).contains(&status))
}

fn copies(response: &Message, request: &Message, status: u16) -> bool {
    let to = match request.to_tag {
        Some(_) => response.to == request.to,
        None => response.to.starts_with(&request.to),
    };
    let routed = request.method == "INVITE" && (101..300).contains(&status) && response.to_tag.is_some();
    response.bare_vias() == request.bare_vias()
        && to
        && (&response.from, &response.call_id) == (&request.from, &request.call_id)
        && (response.cseq, &response.method) == (request.cseq, &request.method)
        && (!routed || response.record_routes == request.record_routes)
}
