//! Rules of what a message that arrived demands: PRACK, the ACK of each 2xx, and BYE for a call that comes too late. RFC
//! 3261 sections 13.2.2.4 and 15, RFC 3262 section 4, RFC 6026.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::Arc;
use core::net::SocketAddr;

use super::dialogs::{Dialog, other_side_of, side_of};
use super::exchanges::{Exchange, is_success};
use super::message::Message;
use super::{T1, Verdict, WireChecker};
use crate::base::time::Instant;

/// What is owed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Debt {
    /// PRACK for the response with this RSeq.
    Prack(u32),
    /// ACK for the 2xx to the INVITE with this CSeq.
    Ack(u32),
    /// BYE for a call that its caller has given up.
    Bye,
}

impl Debt {
    /// The rule and its section.
    const fn rule(self) -> (&'static str, &'static str) {
        match self {
            Self::Prack(_) => {
                ("a reliable provisional response is acknowledged by PRACK", "RFC 3262 section 4")
            }
            Self::Ack(_) => ("each 2xx to an INVITE is acknowledged", "RFC 3261 section 13.2.2.4"),
            Self::Bye => {
                ("a 2xx that comes after the caller gave up is hung up", "RFC 3261 sections 9.1 and 15")
            }
        }
    }
}

/// The end of time.
const NEVER: Instant = Instant::from_nanos(u64::MAX);

/// Since when, and for which message.
type Cause = (Instant, Arc<Message>);

/// Debts by the side that has them.
pub(super) type Owed = BTreeMap<(Dialog, Debt), Cause>;

impl WireChecker {
    /// What a response that has just arrived at `at` demands of whoever asked. `concluded`: when a final
    /// one came before.
    pub(super) fn demands(&mut self, at: SocketAddr, response: &Arc<Message>, concluded: Option<Instant>) {
        let now = self.now;
        let Some(exchange) = self.exchanges.get(&(response.branch.clone(), response.method.clone())) else {
            return;
        };
        let intact = exchange.responses.contains(response) && exchange.sender() == Some(at);
        // A failure may have come first, from elsewhere: then nobody listens any more.
        if response.method != "INVITE" || !intact || exchange.is_refused() {
            return;
        }
        let cancel = self.exchanges.get(&(response.branch.clone(), "CANCEL".into()));
        let patience = Patience::of(exchange, cancel.and_then(Exchange::since), concluded);
        let outside = exchange.request.as_ref().is_some_and(|invite| invite.to_tag.is_none());
        let side = side_of(response);
        let cause = (now, response.clone());
        if is_success(response) {
            if now >= patience.listens_until {
                return;
            }
            let over = self.is_over(&side) || self.is_over(&other_side_of(response));
            // BYE says more than the same ACK once more.
            let last = self.last_ack(&side);
            let told = over && last == Some(response.cseq);
            if !told {
                self.owed.insert((side.clone(), Debt::Ack(response.cseq)), cause.clone());
            }
            // One that crosses the BYE of its callee makes a call again, for the callee may not know better.
            let crosses = outside && self.is_over(&side) && !told;
            if crosses {
                self.dialogs.entry(side.clone()).or_default().crossed = true;
            }
            let late = concluded.is_none() && patience.wants_until < now && !over;
            if crosses || outside && late {
                self.owed.insert((side, Debt::Bye), cause);
            }
        } else if let Some(rseq) =
            response.rseq().filter(|_| concluded.is_none() && now < patience.hears_until)
        {
            let doings = self.doings.entry(side.clone()).or_default();
            // One that is not the next must not be acknowledged.
            if doings.taken.is_none_or(|last| last.wrapping_add(1) == rseq) {
                doings.taken = Some(rseq);
                self.owed.insert((side, Debt::Prack(rseq)), cause);
            }
        }
    }

    /// The CSeq of the last INVITE of a side whose 2xx it has acknowledged.
    fn last_ack(&self, side: &Dialog) -> Option<u32> {
        self.acks.values().filter(|ack| side_of(ack) == *side).map(|ack| ack.cseq).max()
    }

    /// A request other than CANCEL is sent: what does it settle?
    pub(super) fn settles(&mut self, message: &Message) -> Verdict {
        let side = side_of(message);
        let debt = match message.method.as_str() {
            "ACK" => Debt::Ack(message.cseq),
            "PRACK" => match message.rack() {
                Some(rseq) => Debt::Prack(rseq),
                None => return Ok(()),
            },
            "BYE" => {
                self.owed.remove(&(other_side_of(message), Debt::Bye));
                Debt::Bye
            }
            _ => return Ok(()),
        };
        let since = self.owed.remove(&(side, debt)).map(|(since, _)| since);
        let timely = self.damaged || since.is_none_or(|since| self.now < since + 64 * T1);
        let (rule, section) = debt.rule();
        self.rule(timely, message, rule, section, || format!("owed since {since:?}"))
    }

    /// A debt that nobody will pay any more.
    pub(super) fn unpaid(&self) -> Option<(&'static str, &'static str, Arc<Message>)> {
        let ((_, debt), (_, message)) = self.owed.iter().next()?;
        let (rule, section) = debt.rule();
        Some((rule, section, message.clone()))
    }
}

/// How long a caller wants the call, and how long it cares for responses.
struct Patience {
    /// It has given the call up when it is later than this.
    wants_until: Instant,
    /// A provisional response means something to it.
    hears_until: Instant,
    /// A 2xx is acknowledged: Timer M of RFC 6026, or as long after it gave up.
    listens_until: Instant,
}

impl Patience {
    fn of(exchange: &Exchange, cancelled: Option<Instant>, concluded: Option<Instant>) -> Self {
        let whole = 64 * T1;
        let timer_b = exchange.since().map_or(NEVER, |since| since + whole);
        let unheard = exchange.answered().is_none_or(|at| at > timer_b);
        let gives_up = match cancelled {
            _ if unheard => timer_b,
            Some(at) => at + whole,
            None => NEVER,
        };
        let wants_until = cancelled.unwrap_or(NEVER).min(gives_up);
        let since = concluded.filter(|&at| at < gives_up + whole).unwrap_or(gives_up);
        Self { wants_until, hears_until: gives_up, listens_until: since + whole }
    }
}
