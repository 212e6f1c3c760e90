//! The reference: a telephone as its user sees it, on a network that only takes its time.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::network::LATENCY;
use super::phones::{ANSWER_TIMEOUT, Phones, RING_TIMEOUT, is_refusal};
use super::sides::Told;
use super::{Action, Desk, Leg};
use crate::api::EndReason;
use crate::base::time::Instant;

/// How long a silent callee leaves the caller without a sign of life (RFC 3261 section 17.2.1).
const SIGN_OF_LIFE: Duration = Duration::from_millis(200);

/// What arrives at one side of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Word {
    // At the callee.
    Invite,
    Cancel,
    Ack,
    // At either.
    Bye,
    // At the caller.
    Trying,
    Ringing,
    Yes,
    No(u16),
    // Clocks.
    PatienceIsOver,
    NobodyDecided,
    SlowUser,
}

#[derive(Default)]
struct Side {
    told: Vec<(Instant, Told)>,
    up: bool,
    over: bool,
}

struct Call {
    desk: Desk,
    caller: Side,
    callee: Side,
    /// The caller has had a sign of life.
    heard: bool,
    /// Why the caller gives up.
    gave_up: Option<EndReason>,
    cancelled: bool,
    /// The callee has said anything at all.
    spoke: bool,
    confirmed: bool,
}

/// All calls, as their users see them.
#[derive(Default)]
pub(super) struct Reference {
    now: Instant,
    calls: Vec<Call>,
    no_name: bool,
    /// What will happen: datagrams before clocks at each moment, and the older before the younger.
    coming: BTreeMap<(Instant, bool, u64), (usize, Word)>,
    sequence: u64,
}

impl Reference {
    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Call { desk, patience, .. } => self.place(desk, patience),
            Action::Wait(ms) => self.run_for(Duration::from_millis(ms.into())),
            Action::NoName => self.no_name = true,
            Action::Ring(leg) if leg.callee => self.command(leg, Self::ring),
            Action::Accept(leg) if leg.callee => self.command(leg, Self::accept),
            Action::Reject(leg, status) if leg.callee && is_refusal(status) => {
                self.command(leg, |model, call| model.refuse(call, EndReason::Declined, Some(status)));
            }
            Action::Hangup(leg) => {
                self.command(leg, if leg.callee { Self::callee_hangs_up } else { Self::caller_hangs_up })
            }
            _ => {}
        }
    }

    /// Whether the real users were told the same at the same times.
    pub(super) fn agrees(&self, phones: &Phones) -> Result<(), String> {
        for (number, call) in self.calls.iter().enumerate() {
            for (callee, side) in [(false, &call.caller), (true, &call.callee)] {
                let told = phones.told(number, callee);
                if told != side.told {
                    let who = if callee { "callee" } else { "caller" };
                    return Err(format!(
                        "the {who} of call {number} must be told {:?}, and was told {told:?}",
                        side.told
                    ));
                }
            }
        }
        Ok(())
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((&key, &(call, word))) = self.coming.first_key_value()
            && key.0 <= end
        {
            self.coming.remove(&key);
            self.now = key.0;
            self.arrive(call, word);
        }
        self.now = end;
    }

    /// The user of a leg does something; those who have no call do nothing.
    fn command(&mut self, leg: Leg, what: impl Fn(&mut Self, usize)) {
        let Some(number) = usize::from(leg.call).checked_rem(self.calls.len()) else { return };
        let Some(call) = self.calls.get(number) else { return };
        if !leg.callee || !call.callee.told.is_empty() {
            what(self, number);
        }
    }

    fn say(&mut self, call: usize, word: Word) {
        self.at(LATENCY, false, call, word);
    }

    fn at(&mut self, after: Duration, clock: bool, call: usize, word: Word) {
        self.sequence += 1;
        self.coming.insert((self.now + after, clock, self.sequence), (call, word));
    }

    fn place(&mut self, desk: Desk, patience: u8) {
        let (caller, callee) = (Side::default(), Side::default());
        let number = self.calls.len();
        self.calls.push(Call {
            desk,
            caller,
            callee,
            heard: false,
            gave_up: None,
            cancelled: false,
            spoke: false,
            confirmed: false,
        });
        if core::mem::take(&mut self.no_name) {
            return self.end_caller(number, EndReason::NameFailure, None);
        }
        self.say(number, Word::Invite);
        let patience = if patience == 0 { RING_TIMEOUT } else { Duration::from_secs(patience.into()) };
        self.at(patience, true, number, Word::PatienceIsOver);
    }

    fn arrive(&mut self, number: usize, word: Word) {
        let now = self.now;
        let Some(call) = self.calls.get_mut(number) else { return };
        let undecided = !call.callee.told.is_empty() && !call.callee.up && !call.callee.over;
        match word {
            Word::Invite => self.ask(number),
            Word::SlowUser if !call.spoke => self.say(number, Word::Trying),
            Word::NobodyDecided if undecided => self.refuse(number, EndReason::Undecided, Some(480)),
            Word::Cancel if undecided => self.refuse(number, EndReason::Cancelled, Some(487)),
            Word::Ack if call.callee.up && !call.confirmed => {
                call.confirmed = true;
                if call.callee.over {
                    return self.say(number, Word::Bye);
                }
                call.callee.told.push((now, Told::Confirmed));
            }
            Word::Bye => {
                if call.caller.up && !call.caller.over {
                    self.end_caller(number, EndReason::RemoteHangup, None);
                } else if !call.callee.over {
                    self.end_callee(number, EndReason::RemoteHangup, None);
                }
            }
            Word::Trying | Word::Ringing => {
                call.heard = true;
                if call.gave_up.is_some() {
                    self.cancel(number);
                } else if word == Word::Ringing {
                    call.caller.told.push((now, Told::Progress(180)));
                }
            }
            Word::Yes => {
                self.say(number, Word::Ack);
                let Some(call) = self.calls.get_mut(number) else { return };
                if let Some(reason) = call.gave_up {
                    self.say(number, Word::Bye);
                    return self.end_caller(number, reason, Some(200));
                }
                call.caller.up = true;
                call.caller.told.push((now, Told::Answered));
            }
            Word::No(status) => {
                let reason = call.gave_up.unwrap_or(EndReason::Rejected);
                self.end_caller(number, reason, Some(status));
            }
            Word::PatienceIsOver if !call.caller.up && !call.caller.over => {
                self.give_up(number, EndReason::NoAnswer)
            }
            _ => {}
        }
    }

    /// The callee's telephone gets the call.
    fn ask(&mut self, number: usize) {
        let now = self.now;
        let Some(call) = self.calls.get_mut(number) else { return };
        if call.desk == Desk::Busy {
            return self.say(number, Word::No(486));
        }
        call.callee.told.push((now, Told::Incoming));
        let desk = call.desk;
        self.at(ANSWER_TIMEOUT, true, number, Word::NobodyDecided);
        match desk {
            Desk::Rings => self.ring(number),
            Desk::Answers => self.accept(number),
            Desk::Silent | Desk::Busy => self.at(SIGN_OF_LIFE, true, number, Word::SlowUser),
        }
    }

    fn ring(&mut self, number: usize) {
        let Some(call) = self.calls.get_mut(number) else { return };
        let rung = call.spoke || call.callee.up || call.callee.over;
        if !rung {
            call.spoke = true;
            self.say(number, Word::Ringing);
        }
    }

    fn accept(&mut self, number: usize) {
        let now = self.now;
        let Some(call) = self.calls.get_mut(number) else { return };
        if call.callee.up || call.callee.over {
            return;
        }
        call.callee.up = true;
        call.spoke = true;
        call.callee.told.push((now, Told::Answered));
        self.say(number, Word::Yes);
    }

    fn refuse(&mut self, number: usize, reason: EndReason, status: Option<u16>) {
        let Some(call) = self.calls.get_mut(number) else { return };
        if call.callee.up || call.callee.over {
            return;
        }
        call.spoke = true;
        self.say(number, Word::No(status.unwrap_or(480)));
        self.end_callee(number, reason, status);
    }

    fn callee_hangs_up(&mut self, number: usize) {
        let Some(call) = self.calls.get(number) else { return };
        let (up, over, confirmed) = (call.callee.up, call.callee.over, call.confirmed);
        match (up, over) {
            (_, true) => {}
            (false, false) => self.refuse(number, EndReason::LocalHangup, None),
            (true, false) => {
                // Who takes a call must let the other side know before it hangs up.
                if confirmed {
                    self.say(number, Word::Bye);
                }
                self.end_callee(number, EndReason::LocalHangup, None);
            }
        }
    }

    fn caller_hangs_up(&mut self, number: usize) {
        let Some(call) = self.calls.get(number) else { return };
        match (call.caller.up, call.caller.over) {
            (_, true) => {}
            (true, false) => {
                self.say(number, Word::Bye);
                self.end_caller(number, EndReason::LocalHangup, None);
            }
            (false, false) => self.give_up(number, EndReason::LocalHangup),
        }
    }

    /// The caller wants no answer any more. There is nothing to cancel before a sign of life.
    fn give_up(&mut self, number: usize, reason: EndReason) {
        let Some(call) = self.calls.get_mut(number) else { return };
        call.gave_up.get_or_insert(reason);
        if call.heard {
            self.cancel(number);
        }
    }

    fn cancel(&mut self, number: usize) {
        let Some(call) = self.calls.get_mut(number) else { return };
        if !core::mem::replace(&mut call.cancelled, true) {
            self.say(number, Word::Cancel);
        }
    }

    fn end_caller(&mut self, number: usize, reason: EndReason, status: Option<u16>) {
        let now = self.now;
        let Some(call) = self.calls.get_mut(number) else { return };
        call.caller.over = true;
        call.caller.told.push((now, Told::Ended(reason, status)));
    }

    fn end_callee(&mut self, number: usize, reason: EndReason, status: Option<u16>) {
        let now = self.now;
        let Some(call) = self.calls.get_mut(number) else { return };
        call.callee.over = true;
        call.callee.told.push((now, Told::Ended(reason, status)));
    }
}
