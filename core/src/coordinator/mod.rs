//! The coordinator: the machine that owns every call.
//!
//! It is the one place where a datagram, a command or a timer becomes a question to the state machine. An INVITE
//! for no session meets the [`SignalingInterceptor`] first; the session
//! that the factory makes of an admitted one is what the state machine then runs on.

/// Tells the recorder, if there is one, what is about to happen or has come out. Costs a look at an `Option`; nothing
/// is evaluated without a recorder.
macro_rules! note {
    ($coordinator:expr, $record:expr) => {
        #[cfg(feature = "trace")]
        $coordinator.note_proofs();
        #[cfg(feature = "trace")]
        if let Some(recorder) = &mut $coordinator.recorder {
            #[allow(unused_imports, reason = "not every note has all of them")]
            use crate::trace::{Asked, Command, Record};
            #[allow(unused_imports, reason = "not every note borrows")]
            use alloc::borrow::Cow;
            recorder.note(&$record);
        }
    };
}

mod bodies;
mod check;
mod closing;
mod commands;
mod dialogs;
mod errands;
mod expiry;
mod factory;
mod headers;
mod info;
mod ingress;
mod media;
mod message;
mod modify;
mod names;
mod notify;
mod overload;
#[cfg(feature = "trace")]
mod recording;
mod redirect;
mod referral;
mod refresh;
mod register;
mod reliable;
mod replaces;
mod responses;
mod sources;
mod stateless;
mod subscribe;
mod targets;
mod transfer;
mod transitions;

#[cfg(test)]
mod tests;

use alloc::boxed::Box;

use crate::adapter::Switchboard;
pub use crate::api::*;
use crate::base::ids::{DialogId, SessionId};
use crate::base::time::Instant;
use crate::media::{MediaEvent, MediaPort};
use crate::registry::SessionRegistry;
use crate::session::{State, StateMachine, StateTable, TableError};
pub use crate::signaling::{CommandError, SessionCommands};
use crate::signaling::{DefaultSignalingHandler, SignalingHandler, SignalingInterceptor};
use crate::transaction::TransactionLayer;
use crate::wire::path::{Path, Transmit};

/// All calls of one endpoint, as a state machine without I/O.
///
/// Inputs (`handle_…`) never fail: what a peer sends wrong is answered or counted. Commands fail at once or are
/// carried out. Whatever comes of either waits in one queue, in causal order:
///
/// ```text
/// loop {
///     while let Some(output) = coordinator.poll_output() { /* send, tell media, tell the application */ }
///     /* read some datagrams: coordinator.handle_datagram(now, path, bytes), draining after each */
///     /* if the clock has passed coordinator.poll_timeout(): coordinator.handle_timeout(now) */
///     /* sleep until a datagram, a command or poll_timeout() */
/// }
/// ```
pub struct UnifiedCoordinator {
    board: Switchboard,
    machine: StateMachine,
    interceptor: SignalingInterceptor,
    orphans: referral::Orphans,
    closing: closing::Closing,
    overload: overload::Overload,
    /// How much of what nothing is kept of each source gets.
    rates: stateless::StatelessRates,
    #[cfg(feature = "trace")]
    recorder: Option<Box<crate::trace::Recorder>>,
    /// Every row that was taken.
    #[cfg(test)]
    taken: Vec<(State, crate::session::Input)>,
    /// The same of transfers.
    #[cfg(test)]
    transfers_taken: Vec<(crate::session::TransferState, crate::session::TransferInput)>,
    #[cfg(any(test, feature = "sim"))]
    visited: crate::session::Cells,
}

impl UnifiedCoordinator {
    /// A coordinator that admits every call. `seed` fixes every tag, branch and Call-ID it will ever make.
    pub fn new(config: CoordinatorConfig, seed: [u8; 32], now: Instant) -> Self {
        Self::with_handler(config, Box::new(DefaultSignalingHandler), seed, now)
    }

    /// A coordinator that asks `handler` about each call.
    pub fn with_handler(
        config: CoordinatorConfig,
        handler: Box<dyn SignalingHandler>,
        seed: [u8; 32],
        now: Instant,
    ) -> Self {
        let stateless_max = config.limits.stateless_per_source_max;
        Self {
            board: Switchboard::new(config, seed, now),
            machine: StateMachine::default(),
            interceptor: SignalingInterceptor::new(handler),
            orphans: referral::Orphans::default(),
            closing: closing::Closing::Open,
            overload: overload::Overload::default(),
            rates: stateless::StatelessRates::new(stateless_max),
            #[cfg(feature = "trace")]
            recorder: None,
            #[cfg(test)]
            taken: Vec::new(),
            #[cfg(test)]
            transfers_taken: Vec::new(),
            #[cfg(any(test, feature = "sim"))]
            visited: crate::session::Cells::default(),
        }
    }

    /// Puts a screen before the handler: it may refuse, defer or take over a call that the handler then never sees.
    pub fn push_screen(&mut self, screen: Box<dyn SignalingHandler>) {
        self.interceptor.push_screen(screen);
    }

    /// Runs all sessions by `table` from now on. Refused, and nothing changed, if the table has a mistake.
    pub fn set_table(&mut self, table: &StateTable) -> Result<(), TableError> {
        self.machine = StateMachine::new(table)?;
        note!(self, Record::table(table));
        Ok(())
    }

    /// The next thing to do, in causal order.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.board.outbox.pop_front();
        #[cfg(feature = "trace")]
        self.note_proofs();
        #[cfg(feature = "trace")]
        if let Some(recorder) = &mut self.recorder {
            recorder.note_output(output.as_ref());
        }
        output
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due; at once while output waits.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.board.outbox.is_empty() {
            return Some(self.board.now);
        }
        let board = &self.board;
        let own = [board.subscription_timers.next(), board.registration_timers.next(), self.overload_due()];
        [board.layer.poll_timeout(), board.timers.next()].into_iter().chain(own).flatten().min()
    }

    /// Takes a bound pair of media ports, to be used until [`MediaCommand::Close`](crate::media::MediaCommand::Close).
    pub fn add_media_port(&mut self, port: MediaPort) {
        note!(self, Record::Port(port));
        self.board.ports_asked = self.board.ports_asked.saturating_sub(1);
        self.board.ports.push_back(port);
    }

    /// Takes note that the runtime could not bind as many ports as it was asked for: it will be asked again when
    /// the next call needs one.
    pub fn media_ports_exhausted(&mut self) {
        note!(self, Record::PortsExhausted);
        self.board.ports_asked = 0;
    }

    /// Takes note of how many pairs of media ports the runtime can have open at a time, as its file descriptors and its range
    /// of ports have it. Nobody who calls may have more than [a share](crate::api::Limits::source_share_percent) of what is
    /// free of them, and when all are in use new calls get 503. Until this is told there is no such bound.
    pub fn set_media_ports_max(&mut self, pairs: usize) {
        note!(self, Record::PortsMax(pairs));
        let more = pairs > core::mem::replace(&mut self.board.ports_max, pairs);
        if more {
            self.board.ask_for_ports();
        }
    }

    /// Number of bound media ports that wait for a call.
    pub fn media_ports_ready(&self) -> usize {
        self.board.ports.len()
    }

    /// News from the media side. Of keys and of a silent peer the application is told; from whom nothing at all comes any more,
    /// is hung up.
    pub fn handle_media(&mut self, now: Instant, event: MediaEvent) {
        note!(self, Record::media(now, &event));
        self.advance(now);
        tracing::trace!(?event, "media event");
        match event {
            MediaEvent::Dtmf { media, digit, duration_ms } => self.tell_key(media, digit, duration_ms),
            MediaEvent::Silent { media, for_ms } => self.tell_silent(media, Some(for_ms)),
            MediaEvent::Heard { media } => self.tell_silent(media, None),
            MediaEvent::Unproven { media, ip } => self.vouch(media, ip),
            MediaEvent::TimedOut { media, for_ms } => self.media_timed_out(media, for_ms),
            MediaEvent::DtmfSent { .. } | MediaEvent::PeerLeft { .. } | MediaEvent::Closed { .. } => {}
        }
    }

    /// The system refused to send this message. A request of ours ends with it; a response or an ACK ends nothing,
    /// the peer will ask again.
    pub fn handle_send_failed(&mut self, now: Instant, transmit: &Transmit) {
        note!(self, Record::SendFailed { now, path: transmit.path, payload: &transmit.payload });
        self.advance(now);
        let now = self.board.now;
        self.board.layer.send_failed(now, &transmit.payload);
    }

    /// The network reported that nothing at the far end of `path` takes our messages (ICMP): whatever of ours has had
    /// no response from there ends.
    pub fn handle_unreachable(&mut self, now: Instant, path: Path) {
        note!(self, Record::Unreachable { now, path });
        self.advance(now);
        let now = self.board.now;
        self.board.layer.transport_failed(now, &path);
    }

    /// Who is who: sessions, dialogs and media streams.
    pub fn registry(&self) -> &SessionRegistry {
        &self.board.registry
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.board.counters
    }

    /// The transaction layer, to look at.
    pub fn transactions(&self) -> &TransactionLayer {
        &self.board.layer
    }

    /// Where a session stands; `None` when it is gone.
    pub fn session_state(&self, session: SessionId) -> Option<State> {
        self.board.registry.session(session).map(|session| session.state)
    }

    /// The session that a dialog belongs to.
    pub fn session_of_dialog(&self, dialog: DialogId) -> Option<SessionId> {
        self.board.registry.session_of_dialog(dialog)
    }

    /// Whether there is nothing left to do: no session, no transaction, no output.
    pub fn is_idle(&self) -> bool {
        self.board.registry.is_empty()
            && self.board.layer.is_empty()
            && self.board.errands.is_empty()
            && self.board.outbox.is_empty()
    }

    /// Looks whether everything that must hold between two inputs does: names and what they name, timers and
    /// those they are for, transactions and whom they work for, bounds. Linear in all that lives.
    ///
    /// It speaks of the default [`StateTable`].
    #[cfg(any(test, feature = "sim"))]
    pub fn audit(&self) -> Result<(), crate::base::violation::Violation> {
        self.board.audit()
    }

    /// Which cells of the state table have been looked up.
    #[cfg(any(test, feature = "sim"))]
    pub fn cells_visited(&self) -> &crate::session::Cells {
        &self.visited
    }

    /// Sets the clock. Time does not go backwards here: a step back is counted and ignored.
    fn advance(&mut self, now: Instant) {
        if now < self.board.now {
            self.board.counters.add(Counter::ClockBack);
        } else {
            self.board.now = now;
        }
    }
}
