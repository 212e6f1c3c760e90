//! Rules of dialogs and of offers and answers: RFC 3261 sections 12 to 15, RFC 3264.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use super::exchanges::is_success;
use super::message::{Message, Start};
use super::{T1, Verdict, WireChecker};
use crate::base::time::Instant;

/// Call-ID, the tag of one side, the tag of the other (none before it is known).
pub(super) type Dialog = (String, Option<String>, Option<String>);

/// What one side has done in a dialog.
#[derive(Clone, Default)]
pub(super) struct Side {
    /// CSeq of its last request.
    cseq: Option<u32>,
    /// Whether it has sent BYE, or answered one with 2xx.
    over: bool,
    /// Whether its INVITE was answered all the same after that, so that it must hang up (RFC 3261 section 15.1.2).
    pub(super) crossed: bool,
    /// Its last session description.
    description: Option<Arc<Message>>,
    /// CSeq of its INVITE that has no final response yet.
    inviting: Option<u32>,
}

/// A 2xx to an INVITE.
#[derive(Clone)]
pub(super) struct Answer {
    since: Instant,
    cseq: u32,
    /// Whether an ACK came, whatever became of it on its way.
    acknowledged: bool,
    /// Whether it came as it was sent.
    intact: bool,
}

pub(super) fn side_of(message: &Message) -> Dialog {
    (message.call_id.clone(), message.from_tag.clone(), message.to_tag.clone())
}

/// The same, for whoever responds to `message`.
pub(super) fn other_side_of(message: &Message) -> Dialog {
    (message.call_id.clone(), message.to_tag.clone(), message.from_tag.clone())
}

impl WireChecker {
    /// A new request: its number, and whether the dialog still lives.
    pub(super) fn sequence(&mut self, message: &Arc<Message>) -> Verdict {
        let before = (message.call_id.clone(), message.from_tag.clone(), None);
        let first = self.dialogs.get(&before).and_then(|side| side.cseq);
        let key = side_of(message);
        let inside = message.to_tag.is_some();
        let side = self.dialogs.entry(key.clone()).or_default();
        let last = side.cseq.max(first);
        let bye = message.method == "BYE";
        let crossed = bye && core::mem::take(&mut side.crossed);
        let (over, inviting) = (side.over && !crossed, side.inviting);
        side.cseq = Some(message.cseq);
        side.over |= bye;
        if message.method == "INVITE" {
            side.inviting = Some(message.cseq);
        }
        let rising = last.is_none_or(|last| message.cseq > last);
        let rule = "CSeq rises with every request of a side";
        self.rule(rising || self.damaged, message, rule, "RFC 3261 section 12.2.1.1", || {
            format!("{} after {last:?}", message.cseq)
        })?;
        let rule = "no request follows BYE";
        self.rule(!over || self.damaged, message, rule, "RFC 3261 sections 15.1.1 and 15.1.2", || {
            message.method.clone()
        })?;
        let open = inviting.is_some() && message.method == "INVITE";
        let rule = "one INVITE at a time in a dialog";
        self.rule(!open || self.damaged, message, rule, "RFC 3261 section 14.1", || {
            format!("{inviting:?} is not answered")
        })?;
        if bye { self.bye(message, inside, &key) } else { Ok(()) }
    }

    /// When a side may hang up (section 15).
    fn bye(&self, message: &Message, inside: bool, key: &Dialog) -> Verdict {
        if self.damaged {
            return Ok(());
        }
        let rule = "BYE is sent within a dialog";
        self.rule(inside, message, rule, "RFC 3261 section 15", || message.to.clone())?;
        let caller = (key.0.clone(), key.1.clone(), None);
        if self.dialogs.get(&caller).is_some_and(|side| side.cseq.is_some()) {
            return Ok(());
        }
        let invited = (key.0.clone(), key.2.clone(), None);
        if self.dialogs.get(&invited).is_none_or(|side| side.cseq.is_none()) {
            return Ok(()); // A caller that this checker never saw.
        }
        let answer = self.answers.get(key);
        let rule = "the callee does not hang up before its 2xx";
        self.rule(answer.is_some() || self.byes_early, message, rule, "RFC 3261 section 15", || {
            format!("{:?}", key.1)
        })?;
        let heard = answer
            .is_none_or(|answer| answer.acknowledged || !self.hears || self.now >= answer.since + 64 * T1);
        let rule = "the callee does not hang up before the ACK";
        self.rule(heard, message, rule, "RFC 3261 section 15", || format!("{:?}", key.1))
    }

    /// What a response means for its dialog.
    pub(super) fn answer(&mut self, status: u16, message: &Arc<Message>) -> Verdict {
        let responder = other_side_of(message);
        if status >= 200 && message.method == "INVITE" {
            let asker = [side_of(message), (message.call_id.clone(), message.from_tag.clone(), None)];
            for key in asker {
                if let Some(side) = self.dialogs.get_mut(&key) {
                    side.inviting = side.inviting.filter(|&cseq| cseq != message.cseq);
                }
            }
        }
        if !is_success(message) {
            return Ok(());
        }
        if message.method == "BYE" {
            self.dialogs.entry(responder).or_default().over = true;
            return Ok(());
        }
        if message.method != "INVITE" {
            return Ok(());
        }
        let now = self.now;
        let known = self.answers.get(&responder).filter(|answer| answer.cseq == message.cseq);
        let repeated = !self.damaged && known.is_some_and(|answer| answer.intact);
        let rule = "a 2xx is not repeated after its ACK";
        self.rule(!repeated, message, rule, "RFC 3261 section 13.3.1.4", || {
            format!("CSeq {}", message.cseq)
        })?;
        if known.is_none() {
            let answer = Answer { since: now, cseq: message.cseq, acknowledged: false, intact: false };
            self.answers.insert(responder, answer);
        }
        let rule = "a 2xx to an INVITE has an offer or an answer";
        let exchange = self.exchanges.get(&(message.branch.clone(), message.method.clone()));
        let told = exchange.is_some_and(|exchange| exchange.described_early(message));
        self.rule(message.has_sdp() || told, message, rule, "RFC 3261 section 13.2.1", || {
            format!("{:?}", message.content_type)
        })
    }

    /// Whether a side has hung up, or was told so and agreed.
    pub(super) fn is_over(&self, side: &Dialog) -> bool {
        self.dialogs.get(side).is_some_and(|side| side.over)
    }

    pub(super) fn heard_ack(&mut self, message: &Arc<Message>) {
        let intact = self.acks.get(&message.branch) == Some(message);
        if let Some(answer) = self.answers.get_mut(&other_side_of(message))
            && answer.cseq == message.cseq
        {
            answer.acknowledged = true;
            answer.intact |= intact;
        }
    }

    /// Whoever offers anew has had the 2xx to its INVITE before.
    pub(super) fn heard_reinvite(&mut self, message: &Message) {
        let answer = self.answers.get_mut(&other_side_of(message));
        if let Some(answer) = answer.filter(|answer| answer.cseq < message.cseq) {
            answer.acknowledged = true;
        }
    }

    /// Rules of the session description in `message`, if it has one.
    pub(super) fn description(&mut self, message: &Arc<Message>) -> Verdict {
        if !message.has_sdp() {
            return Ok(());
        }
        let (key, offer) = match &message.start {
            Start::Request { .. } => (side_of(message), None),
            Start::Response { .. } => {
                let exchange = self.exchanges.get(&(message.branch.clone(), message.method.clone()));
                (other_side_of(message), exchange.and_then(|it| it.request.clone()).filter(|it| it.has_sdp()))
            }
        };
        let fits = self.damaged || offer.is_none_or(|offer| offer.media_lines() == message.media_lines());
        let rule = "an answer has as many media lines as its offer";
        self.rule(fits, message, rule, "RFC 3264 section 6", || format!("{}", message.media_lines()))?;
        let first = (key.0.clone(), key.1.clone(), None);
        let last = [&key, &first].into_iter().find_map(|key| self.dialogs.get(key)?.description.clone());
        if let Some(last) = last.as_ref().and_then(|last| Some((last, last.origin()?)))
            && let (last, (id, version)) = last
        {
            let origin = message.origin();
            let same = origin == Some((id, version)) && last.body == message.body;
            let next = origin == Some((id, version.wrapping_add(1)))
                || self.unread && origin.is_some_and(|(now, later)| now == id && later > version);
            let rule = "a changed session description has the next version";
            self.rule(same || next, message, rule, "RFC 3264 section 8", || {
                format!("{origin:?} after {id} {version}")
            })?;
        }
        self.dialogs.entry(key).or_default().description = Some(message.clone());
        Ok(())
    }
}
