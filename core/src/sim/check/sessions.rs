//! Rules of what happens within a call: RFC 3261 section 14, RFC 3262, RFC 3311, RFC 3515, RFC 3891, RFC 4028, RFC 6086.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::dialogs::{Dialog, other_side_of, side_of};
use super::exchanges::is_success;
use super::message::Message;
use super::{Verdict, WireChecker};

/// What one side has under way in a dialog.
#[derive(Clone, Default)]
pub(super) struct Doings {
    /// RSeq of its last reliable provisional response.
    rseq: Option<u32>,
    /// The same while no PRACK for it has come, and whether it carries a session description.
    unacknowledged: Option<(u32, bool)>,
    /// RSeq of the last response of the other side that it had to acknowledge.
    pub(super) taken: Option<u32>,
    /// Method and CSeq of its request with an offer that is not answered.
    offering: Option<(String, u32)>,
    /// Reports of transfers that it has ended.
    reported: BTreeSet<String>,
    /// Whether it was asked for a report, by REFER or SUBSCRIBE.
    asked: bool,
}

impl WireChecker {
    /// A new request, judged by what it wants.
    pub(super) fn within(&mut self, message: &Arc<Message>) -> Verdict {
        let inside = message.to_tag.is_some();
        let needs = matches!(message.method.as_str(), "PRACK" | "UPDATE" | "INFO");
        let rule = "what is of a dialog is sent within one";
        self.rule(
            inside || !needs || self.damaged,
            message,
            rule,
            "RFC 3262, RFC 3311 and RFC 6086",
            || message.method.clone(),
        )?;
        self.timer_of_request(message)?;
        match message.method.as_str() {
            "PRACK" => self.prack(message)?,
            "REFER" => self.refer(message)?,
            "NOTIFY" => self.notify(message)?,
            _ => {}
        }
        let replaces = message.values("Replaces").len();
        let rule = "Replaces is in an INVITE, and once";
        let fits = replaces == 0 || replaces == 1 && message.method == "INVITE" && !inside;
        self.rule(fits, message, rule, "RFC 3891 section 3", || format!("{replaces} in {}", message.method))?;
        self.offer(message)
    }

    /// One offer at a time (RFC 3264 section 4, RFC 3311 section 5.1).
    fn offer(&mut self, message: &Message) -> Verdict {
        let offers = message.has_sdp() && matches!(message.method.as_str(), "INVITE" | "UPDATE");
        if !offers || message.to_tag.is_none() {
            return Ok(());
        }
        let before = self
            .doings
            .entry(side_of(message))
            .or_default()
            .offering
            .replace((message.method.clone(), message.cseq));
        let rule = "no offer is made while one's own is unanswered";
        self.rule(before.is_none() || self.damaged, message, rule, "RFC 3264 section 4", || {
            format!("{before:?}")
        })
    }

    /// PRACK names a reliable response of the other side (RFC 3262 section 4).
    fn prack(&self, message: &Message) -> Verdict {
        let named = message.values("RAck");
        let mut words = named.first().map(|value| value.split_whitespace()).into_iter().flatten();
        let rseq: Option<u32> = words.next().and_then(|word| word.parse().ok());
        let cseq: Option<u32> = words.next().and_then(|word| word.parse().ok());
        let whole = named.len() == 1 && cseq.is_some() && words.next() == Some("INVITE");
        let rule = "PRACK has a RAck";
        self.rule(whole && rseq.is_some(), message, rule, "RFC 3262 section 7.2", || format!("{named:?}"))?;
        let sent = self.doings.get(&other_side_of(message)).and_then(|other| other.rseq);
        let known = self.damaged || sent.is_some_and(|last| rseq.is_some_and(|rseq| rseq <= last));
        let rule = "PRACK acknowledges what was sent reliably";
        self.rule(known, message, rule, "RFC 3262 section 4", || format!("{rseq:?} of {sent:?}"))
    }

    fn refer(&mut self, message: &Message) -> Verdict {
        self.doings.entry(other_side_of(message)).or_default().asked = true;
        let targets = message.values("Refer-To").len();
        let rule = "REFER has one Refer-To";
        self.rule(targets == 1, message, rule, "RFC 3515 section 2.4.1", || format!("{targets}"))
    }

    /// NOTIFY says what of and how far, and nothing after its end (RFC 6665 section 4.1.3, RFC 3515 section 2.4.4).
    fn notify(&mut self, message: &Message) -> Verdict {
        let (event, state) = (message.values("Event"), message.values("Subscription-State"));
        let rule = "NOTIFY has Event and Subscription-State";
        self.rule(event.len() == 1 && state.len() == 1, message, rule, "RFC 6665 section 8.2.1", || {
            format!("{event:?} {state:?}")
        })?;
        let (event, state) = (event.concat(), state.concat());
        if !event.starts_with("refer") {
            return Ok(());
        }
        let fragment = message.content_type.as_deref().is_some_and(|it| it.starts_with("message/sipfrag"));
        let rule = "a report of a transfer is a fragment of a message";
        self.rule(
            fragment && message.body.starts_with("SIP/2.0 "),
            message,
            rule,
            "RFC 3515 section 2.4.4",
            || message.body.clone(),
        )?;
        let doings = self.doings.entry(side_of(message)).or_default();
        let (asked, ended) = (doings.asked, doings.reported.contains(&event));
        if state.starts_with("terminated") {
            doings.reported.insert(event.clone());
        }
        let rule = "a transfer is reported to whoever asked for it";
        self.rule(asked || self.damaged, message, rule, "RFC 3515 section 2.4.4", || event.clone())?;
        let rule = "no report follows the last";
        self.rule(!ended, message, rule, "RFC 6665 section 4.1.3", || event.clone())
    }

    /// No interval is shorter than 90 s (RFC 4028 sections 4 and 5).
    fn timer_of_request(&self, message: &Message) -> Verdict {
        for name in ["Session-Expires", "Min-SE"] {
            for value in message.values(name) {
                let seconds: Option<u32> = value.split(';').next().and_then(|text| text.trim().parse().ok());
                let rule = "a session interval is 90 s at least";
                let fits = seconds.is_some_and(|seconds| seconds >= 90);
                self.rule(fits, message, rule, "RFC 4028 sections 4 and 5", || format!("{name}: {value}"))?;
            }
        }
        Ok(())
    }

    /// A response that was not sent before.
    pub(super) fn session_answer(&mut self, status: u16, message: &Arc<Message>) -> Verdict {
        let responder = other_side_of(message);
        let key = (message.branch.clone(), message.method.clone());
        let request = self.exchanges.get(&key).and_then(|exchange| exchange.request.clone());
        if (200..700).contains(&status)
            && let Some(asker) = self.doings.get_mut(&side_of(message))
        {
            asker.offering.take_if(|it| (&it.0, it.1) == (&message.method, message.cseq));
        }
        if status == 422 {
            let least = message.values("Min-SE").len();
            let rule = "422 has Min-SE";
            self.rule(least == 1, message, rule, "RFC 4028 section 6", || format!("{least}"))?;
        }
        if is_success(message) {
            self.timer_of_request(message)?;
            for value in message.values("Session-Expires") {
                let rule = "Session-Expires of a 2xx names who refreshes";
                self.rule(value.contains("refresher=ua"), message, rule, "RFC 4028 section 9", || {
                    value.clone()
                })?;
            }
        }
        match (message.method.as_str(), status) {
            ("INVITE", 101..=199) => self.reliably(&responder, message, request.as_deref()),
            ("INVITE", 200..=299) => self.taken(&responder, message),
            ("UPDATE", 200..=299) => {
                let offered = request.as_deref().map(Message::has_sdp);
                let fits = self.damaged || offered.is_none_or(|offered| offered == message.has_sdp());
                let rule = "a 2xx to UPDATE answers its offer, and nothing else";
                self.rule(fits, message, rule, "RFC 3311 section 5.2", || format!("{offered:?}"))
            }
            _ => Ok(()),
        }
    }

    /// A provisional response: is it reliable, and may it be (RFC 3262 section 3)?
    fn reliably(&mut self, responder: &Dialog, message: &Message, invite: Option<&Message>) -> Verdict {
        let required = message.lists("Require", "100rel");
        let rseq = message.values("RSeq");
        let rule = "RSeq and Require: 100rel go together";
        self.rule(required != rseq.is_empty(), message, rule, "RFC 3262 section 3", || format!("{rseq:?}"))?;
        let Some(rseq) = message.rseq() else { return Ok(()) };
        let wanted = invite.is_none_or(|it| it.lists("Supported", "100rel") || it.lists("Require", "100rel"));
        let rule = "nothing is sent reliably to a caller who does not know how";
        self.rule(wanted || self.damaged, message, rule, "RFC 3262 section 3", || format!("{rseq}"))?;
        let doings = self.doings.entry(responder.clone()).or_default();
        let (last, open) = (doings.rseq, doings.unacknowledged);
        doings.rseq = Some(rseq);
        doings.unacknowledged = Some((rseq, message.has_sdp()));
        let next = last.is_none_or(|last| rseq == last.wrapping_add(1)) && rseq != 0;
        let rule = "RSeq counts by one";
        self.rule(next, message, rule, "RFC 3262 section 3", || format!("{rseq} after {last:?}"))?;
        let rule = "one reliable response waits for its PRACK at a time";
        self.rule(open.is_none() || self.damaged, message, rule, "RFC 3262 section 3", || format!("{open:?}"))
    }

    /// A 2xx to an INVITE.
    fn taken(&self, responder: &Dialog, message: &Message) -> Verdict {
        let doings = self.doings.get(responder);
        let open = doings.and_then(|doings| doings.unacknowledged).is_some_and(|(_, described)| described);
        let rule = "no 2xx before the PRACK of a description";
        self.rule(!open || self.damaged, message, rule, "RFC 3262 section 3", || format!("{responder:?}"))?;
        let own = doings.and_then(|doings| doings.offering.clone());
        let rule = "no offer is taken while one's own is unanswered";
        let crossing = own.filter(|_| message.cseq > 0 && self.is_reinvite(message));
        self.rule(crossing.is_none() || self.damaged, message, rule, "RFC 3261 section 14.2", || {
            format!("{crossing:?}")
        })
    }

    /// Whether the INVITE that `response` answers came within a dialog.
    fn is_reinvite(&self, response: &Message) -> bool {
        let key = (response.branch.clone(), response.method.clone());
        let invite = self.exchanges.get(&key).and_then(|exchange| exchange.request.as_ref());
        invite.is_some_and(|invite| invite.to_tag.is_some())
    }

    /// A PRACK has arrived, or was sent where arrivals are not told.
    pub(super) fn acknowledged(&mut self, message: &Message) {
        let rseq = message.rack();
        if let Some(other) = self.doings.get_mut(&other_side_of(message)) {
            other.unacknowledged.take_if(|(open, _)| Some(*open) == rseq);
        }
    }
}

impl Message {
    /// The values of a header, split at commas where the header is a list.
    fn values(&self, name: &str) -> Vec<String> {
        let lines = self.head().filter_map(|line| line.split_once(':'));
        lines
            .filter(|(found, _)| found.trim().eq_ignore_ascii_case(name))
            .map(|(_, it)| it.trim().into())
            .collect()
    }

    /// The number that RAck names.
    pub(super) fn rack(&self) -> Option<u32> {
        self.values("RAck").concat().split_whitespace().next()?.parse().ok()
    }

    /// The number of a response that is sent reliably.
    pub(super) fn rseq(&self) -> Option<u32> {
        let reliable = self.lists("Require", "100rel");
        self.values("RSeq").first().filter(|_| reliable)?.trim().parse().ok()
    }

    /// Whether a header that is a list has this member.
    fn lists(&self, name: &str, member: &str) -> bool {
        let values = self.values(name);
        let mut members = values.iter().flat_map(|value| value.split(',')).map(str::trim);
        members.any(|it| it.eq_ignore_ascii_case(member))
    }
}
