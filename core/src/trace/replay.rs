//! The same run again, compared with what was recorded.

use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use bytes::Bytes;

use super::pack::Unpacker;
use super::read::{Place, Records, Trace, TraceError, TraceFault};
use super::record::{Decided, Record};
use super::recorder::{Change, Recorder};
use crate::api::{CoordinatorConfig, InviteParams, NameFailure};
use crate::base::ids::UserTag;
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator;
use crate::ladder::Ladder;
use crate::session::StateTable;
use crate::signaling::{
    CommandError, DefaultSignalingHandler, InviteDetails, MessageDetails, SessionCommands, SignalingDecision,
    SignalingHandler,
};
use crate::wire::path::Transmit;

/// Outputs that may wait to be taken. Every loop takes them after every input; a made-up trace that never does is not
/// worth the memory.
const WAITING_MAX: usize = 65_536;

/// The lifeline of the recorded coordinator.
const HERE: &str = "this side";

/// Why a trace cannot be replayed at all.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// Its beginning cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// It ends before the first record.
    #[error("the trace holds no record")]
    Empty,
    /// The coordinator ran by a table of the application's, and that table was not given.
    #[error("offset {offset}: the calls ran by a state table of their own; replay_with_table takes it")]
    OtherTable {
        /// Where the trace says so.
        offset: usize,
    },
}

/// The first record that a replay does not repeat.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Divergence {
    /// Number of the record, from zero.
    pub record: usize,
    /// Octets of the file before it.
    pub offset: usize,
    /// What was recorded.
    pub expected: String,
    /// What came in its place; `None` if nothing came.
    pub got: Option<String>,
}

impl core::fmt::Display for Divergence {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "record {} at offset {} differs\nrecorded: {}\n", self.record, self.offset, self.expected)?;
        write!(f, "replayed: {}", self.got.as_deref().unwrap_or("nothing"))
    }
}

/// What a replay found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Replay {
    /// Inputs that were fed.
    pub inputs: usize,
    /// Outputs that were compared and are identical.
    pub outputs: usize,
    /// The first difference; the replay ends there.
    pub divergence: Option<Divergence>,
    /// Where the trace stops making sense; what stands before was replayed.
    pub damage: Option<TraceError>,
    /// Whether the recording itself had reached its bound.
    pub bound_reached: bool,
    /// Messages, state changes and commands.
    pub ladder: Ladder,
}

impl Replay {
    /// Whether all outputs of a whole trace are the same.
    pub const fn is_identical(&self) -> bool {
        self.divergence.is_none() && self.damage.is_none()
    }
}

/// Feeds `trace` to a fresh coordinator and compares all that comes out, octet for octet.
pub fn replay(trace: &Trace<'_>) -> Result<Replay, ReplayError> {
    run(trace, None)
}

/// The same for a coordinator that ran by a table of the application's.
pub fn replay_with_table(trace: &Trace<'_>, table: &StateTable) -> Result<Replay, ReplayError> {
    run(trace, Some(table))
}

fn run(trace: &Trace<'_>, table: Option<&StateTable>) -> Result<Replay, ReplayError> {
    let mut records = trace.records();
    let (place, start) = records.next().ok_or(ReplayError::Empty)??;
    let Record::Start { now, seed, config, redaction } = &start else { return Err(ReplayError::Empty) };
    let mut ladder = Ladder::new();
    ladder.party(HERE, &config.user);
    let core = UnifiedCoordinator::with_recorder(
        CoordinatorConfig::clone(config),
        Box::new(DefaultSignalingHandler),
        *seed,
        *now,
        Recorder::keeping(*redaction),
    );
    let mut player = Player { core, table, now: *now, known: Instant::ZERO, ladder };
    let (mut inputs, mut outputs) = (0, 0);
    let (mut divergence, mut damage, mut bound_reached) = (None, None, false);
    let mut next = Some(Ok((place, start)));
    while let Some(record) = next {
        let (place, record) = match record {
            Ok(record) => record,
            Err(error) => {
                damage = Some(error);
                break;
            }
        };
        if matches!(record, Record::Full) {
            bound_reached = true;
            break;
        }
        if place.number > 0 {
            player.play(place, &record, &records)?;
            inputs += usize::from(record.is_input());
        }
        divergence = player.compare(place, &record);
        if divergence.is_some() {
            player.ladder.note(player.now, HERE, "from here on the replay differs".into());
            break;
        }
        if player.core.waiting() > WAITING_MAX {
            let fault = TraceFault::Impossible("more outputs wait than any loop leaves behind");
            damage = Some(TraceError { offset: place.offset, fault });
            break;
        }
        outputs += usize::from(record.is_output() && !matches!(record, Record::Drained));
        next = records.next();
    }
    if let Some(error) = damage {
        player.ladder.note(player.now, HERE, format!("the trace ends here, {error}"));
    }
    Ok(Replay { inputs, outputs, divergence, damage, bound_reached, ladder: player.ladder })
}

/// A coordinator, and the ladder of what it does.
struct Player<'t> {
    core: UnifiedCoordinator,
    table: Option<&'t StateTable>,
    now: Instant,
    /// The moment of the record that was compared last, as the recorder counts.
    known: Instant,
    ladder: Ladder,
}

impl Player<'_> {
    /// Lets the coordinator do what the record says; `after` is what follows in the trace.
    fn play(
        &mut self,
        place: Place<'_>,
        record: &Record<'_>,
        after: &Records<'_>,
    ) -> Result<(), ReplayError> {
        self.draw(record);
        if record.is_input() {
            self.hand_script(after);
        }
        let core = &mut self.core;
        match record {
            Record::Datagram { now, path, bytes } => core.handle_datagram(*now, *path, bytes),
            Record::Timeout { now } => core.handle_timeout(*now),
            Record::Lag { now, lag } => core.handle_lag(*now, *lag),
            Record::Names { now, query, result } => {
                core.handle_names(*now, *query, result.map_err(|why| NameFailure(why.to_owned())));
            }
            Record::Media { now, event } => core.handle_media(*now, event.as_ref().clone()),
            Record::Port(port) => core.add_media_port(*port),
            Record::PortsExhausted => core.media_ports_exhausted(),
            Record::PortsMax(pairs) => core.set_media_ports_max(*pairs),
            Record::SendFailed { now, path, payload } => {
                let transmit = Transmit { path: *path, payload: Bytes::copy_from_slice(payload) };
                core.handle_send_failed(*now, &transmit);
            }
            Record::Unreachable { now, path } => core.handle_unreachable(*now, *path),
            Record::Shutdown { now } => core.shutdown(*now),
            Record::Drain { now } => core.drain(*now),
            Record::CutShort { now } => core.cut_short(*now),
            Record::Table { .. } => {
                // The same table gives the same checksum, which is then compared like any record.
                let taken = self
                    .table
                    .is_some_and(|table| *record == Record::table(table) && core.set_table(table).is_ok());
                if !taken {
                    return Err(ReplayError::OtherTable { offset: place.offset });
                }
            }
            Record::Proof(_) => core.note_proofs(),
            Record::Sent { .. } | Record::Put(_) | Record::Drained => drop(core.poll_output()),
            command => self.command(command),
        }
        self.draw_changes();
        Ok(())
    }

    /// Gives a command. One that was refused when it was recorded is refused again.
    fn command(&mut self, record: &Record<'_>) {
        let core = &mut self.core;
        let outcome = match record {
            Record::Invite { now, target, tag, headers, ring_timeout, late_offer, identity } => {
                let (ring_timeout, late_offer, identity) = (*ring_timeout, *late_offer, *identity);
                let params = InviteParams { target, tag: *tag, headers, ring_timeout, late_offer, identity };
                core.invite(*now, params).map(drop)
            }
            Record::Ring { now, session } => core.ring(*now, *session),
            Record::Answer { now, session } => core.answer(*now, *session),
            Record::Reject { now, session, status } => core.reject(*now, *session, *status),
            Record::Hangup { now, session } => core.hangup(*now, *session),
            Record::Command { now, session, command } => command.run(core, *now, *session),
            Record::SendDtmf { now, session, digits } => core.send_dtmf(*now, *session, digits),
            Record::Asked { now, asked } => asked.ask(core, *now),
            Record::SetTag { session, tag } => core.set_tag(*session, *tag),
            _ => Ok(()),
        };
        if let Err(error) = outcome {
            self.ladder.note(self.now, HERE, format!("refused: {error}"));
        }
    }

    /// Lets the handler decide what was decided after the record that is about to be played.
    fn hand_script(&mut self, after: &Records<'_>) {
        let decided = || after.clone().map_while(|next| Some(next.ok()?.1).filter(Record::is_decision));
        let proof = |record: Record<'_>| match record {
            Record::Proof(response) => Some(Vec::from(response)),
            _ => None,
        };
        self.core.follow_proofs(decided().filter_map(proof).collect());
        let script: VecDeque<Step> = decided().filter_map(|record| Step::of(&record)).collect();
        if !script.is_empty() {
            self.core.replace_handler(Box::new(Script(script)));
        }
    }

    /// Compares `record` with what the coordinator's own recorder wrote in its place. Something that was written
    /// and not recorded shows at the next record.
    fn compare(&mut self, place: Place<'_>, record: &Record<'_>) -> Option<Divergence> {
        let got = self.core.recorder_mut().and_then(Recorder::take_body);
        let clock = self.known;
        if got.as_deref() == Some(place.body) {
            let mut from = Unpacker::new(place.body, clock);
            Record::read(&mut from).ok();
            self.known = from.clock;
            return None;
        }
        let got = got.as_deref().map(|body| match Record::read(&mut Unpacker::new(body, clock)) {
            Ok(got) => in_words(&got, Some(record)),
            Err(_) => String::from("something that cannot be read back"),
        });
        Some(Divergence { record: place.number, offset: place.offset, expected: in_words(record, None), got })
    }

    fn draw(&mut self, record: &Record<'_>) {
        let text = match record {
            Record::Datagram { now, path, bytes } => {
                self.now = *now;
                let bytes = Bytes::copy_from_slice(bytes);
                return self.ladder.message(*now, &path.remote.to_string(), HERE, bytes);
            }
            Record::Sent { path, payload } => {
                let bytes = Bytes::copy_from_slice(payload);
                return self.ladder.message(self.now, HERE, &path.remote.to_string(), bytes);
            }
            Record::Timeout { now } | Record::Media { now, .. } => {
                self.now = *now;
                return;
            }
            Record::Lag { now, lag } => self.at(*now, format!("what comes next has lain for {lag:?}")),
            Record::Names { now, result, .. } => {
                self.now = *now;
                match result {
                    Ok(path) => format!("address found: {}", path.remote),
                    Err(why) => format!("no address: {why}"),
                }
            }
            Record::SendFailed { now, path, .. } => {
                self.now = *now;
                format!("cannot send to {}", path.remote)
            }
            Record::Unreachable { now, path } => {
                self.now = *now;
                format!("unreachable: {}", path.remote)
            }
            Record::Decision(decided) => match decided {
                Decided::Accept => return,
                Decided::Reject(status) => format!("handler: reject with {status}"),
                Decided::Defer(_) => "handler: decide later".into(),
                Decided::Custom => "handler: own action".into(),
            },
            Record::ActionRing => "action: ring".into(),
            Record::ActionAnswer => "action: answer".into(),
            Record::ActionReject(status) => format!("action: reject with {status}"),
            Record::Invite { now, target, .. } => {
                self.now = *now;
                format!("calls {target}")
            }
            Record::Ring { now, session } => self.at(*now, format!("{session}: ring")),
            Record::Answer { now, session } => self.at(*now, format!("{session}: answer")),
            Record::Reject { now, session, status } => {
                self.at(*now, format!("{session}: reject with {status}"))
            }
            Record::Hangup { now, session } => self.at(*now, format!("{session}: hang up")),
            Record::Command { now, session, command } => {
                self.at(*now, format!("{session}: {}", command.words()))
            }
            Record::SendDtmf { now, session, digits } => self.at(*now, format!("{session}: press {digits}")),
            Record::Asked { now, asked } => self.at(*now, asked.in_words()),
            Record::Shutdown { now } => self.at(*now, "shutdown".into()),
            Record::Drain { now } => self.at(*now, "takes no new calls".into()),
            Record::CutShort { now } => self.at(*now, "waits no longer".into()),
            _ => return,
        };
        self.ladder.note(self.now, HERE, text);
    }

    const fn at(&mut self, now: Instant, text: String) -> String {
        self.now = now;
        text
    }

    fn draw_changes(&mut self) {
        while let Some(change) = self.core.recorder_mut().and_then(Recorder::take_change) {
            let Change { session, from, input, to } = change;
            self.ladder.state(self.now, HERE, format!("{session} {from:?} > {to:?} ({input:?})"));
        }
    }
}

/// A record in words. Of two messages that ought to be the same, it is told where they part.
fn in_words(record: &Record<'_>, other: Option<&Record<'_>>) -> String {
    let message = |path, payload: &[u8]| format!("{path}\n{}", String::from_utf8_lossy(payload).trim_end());
    match (record, other) {
        (Record::Sent { path, payload }, Some(Record::Sent { payload: other, .. })) => {
            let same = payload.iter().zip(*other).take_while(|(left, right)| left == right).count();
            format!("Sent, different from octet {same} on, {}", message(*path, payload))
        }
        (Record::Sent { path, payload }, _) => format!("Sent {}", message(*path, payload)),
        (Record::Drained, _) => "nothing more to put out".into(),
        (record, _) => format!("{record:?}"),
    }
}

/// What a handler decided, or what the action of its decision did.
enum Step {
    Decide(Decided),
    Tag(UserTag),
    Ring,
    Answer,
    Reject(u16),
}

impl Step {
    const fn of(record: &Record<'_>) -> Option<Self> {
        match record {
            Record::Decision(decided) => Some(Self::Decide(*decided)),
            Record::ActionTag(tag) => Some(Self::Tag(*tag)),
            Record::ActionRing => Some(Self::Ring),
            Record::ActionAnswer => Some(Self::Answer),
            Record::ActionReject(status) => Some(Self::Reject(*status)),
            _ => None,
        }
    }

    fn take(self, call: &mut dyn SessionCommands) -> Result<(), CommandError> {
        match self {
            Self::Tag(tag) => call.set_tag(tag),
            Self::Ring => return call.ring(),
            Self::Answer => return call.answer(),
            Self::Reject(status) => return call.reject(status),
            Self::Decide(_) => {}
        }
        Ok(())
    }
}

/// Decides what was decided.
struct Script(VecDeque<Step>);

impl SignalingHandler for Script {
    fn on_options(&mut self, _request: &MessageDetails) -> Option<u16> {
        match self.0.pop_front() {
            Some(Step::Decide(Decided::Reject(status))) => Some(status),
            _ => None,
        }
    }

    fn on_incoming_invite(&mut self, _invite: &InviteDetails) -> SignalingDecision {
        match self.0.pop_front() {
            Some(Step::Decide(Decided::Reject(status))) => SignalingDecision::Reject(status),
            Some(Step::Decide(Decided::Defer(deferral))) => SignalingDecision::Defer(deferral),
            Some(Step::Decide(Decided::Custom)) => {
                let more = |step: &Step| !matches!(step, Step::Decide(_));
                let count = self.0.iter().take_while(|step| more(step)).count();
                let steps: Vec<Step> = self.0.drain(..count).collect();
                SignalingDecision::Custom(Box::new(move |call| {
                    for step in steps {
                        // Refused then, refused now.
                        step.take(call).ok();
                    }
                }))
            }
            _ => SignalingDecision::Accept,
        }
    }
}
