//! The signalling side behind its lock: the coordinator, what the handles know of its calls, and the way out.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use crate::api::{EndReason, Output};
use crate::base::ids::SessionId;
use crate::base::slab::Slab;
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator;
use crate::media::{MediaCommand, MediaPort, MediaSessionId};
use crate::session::State;
use crate::signaling::InviteDetails;
use crate::wire::path::{Path, Transmit};

use super::config::Policy;
use super::entry::{Entry, EntryId};
use super::errands::Errands;
use super::error::CallEnd;
use super::ports::PortPool;
use super::registration::Registrations;
use super::shared::{Letter, Shared};
use super::spent::Spent;
use super::view::{EventQueue, NetworkCounters};
use super::wakers::{Due, Wakers};

/// Messages queued before they are sent; beyond that they are sent in between.
const OUTGOING_MAX: usize = 256;

/// After a failure to bind a media port, how long to wait before the next try: a search through a range that is in use
/// costs hundreds of system calls.
const BIND_PAUSE: Duration = Duration::from_millis(100);

/// After that, how long until the pairs that there may be are counted again.
const COUNT_PAUSE: Duration = Duration::from_secs(1);

/// How far along the peer is on its way to the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    Running,
    /// No new calls; when the last one has ended, everything stops.
    Draining,
    /// Everything is being hung up.
    Stopping,
    /// No socket, no task.
    Closed,
}

/// How long a shutdown waits for the other sides if nobody says otherwise.
pub(crate) const SHUTDOWN_WITHIN: Duration = Duration::from_secs(10);

/// An incoming call that waited for somebody to take it.
pub(crate) struct Waiting {
    pub(crate) id: EntryId,
    pub(crate) session: SessionId,
    pub(crate) details: Arc<InviteDetails>,
}

/// What did not get through.
#[derive(PartialEq, Eq)]
enum Failure {
    /// The system refused this message.
    Send(Transmit),
    /// The network reported that nobody is there.
    Unreachable(Path),
}

/// How the driver may sleep.
pub(crate) struct Rest {
    pub(crate) until: Option<Instant>,
    /// Whether it is to wait for room to send instead of datagrams.
    pub(crate) blocked: bool,
}

pub(crate) struct Signalling {
    pub(crate) core: UnifiedCoordinator,
    pub(crate) entries: Slab<EntryId, Entry>,
    pub(super) spent: Spent,
    pub(super) incoming: VecDeque<EntryId>,
    pub(super) incoming_wakers: Wakers,
    pub(crate) stage: Stage,
    pub(crate) stage_wakers: Wakers,
    pub(super) subscribers: Vec<Weak<Mutex<EventQueue>>>,
    pub(crate) errands: Errands,
    pub(crate) registrations: Registrations,
    pub(crate) counters: NetworkCounters,
    ports: PortPool,
    pub(super) policy: Policy,
    /// Messages to send, in order.
    outgoing: VecDeque<Transmit>,
    /// Whether the system has no room for the first of them. Then nothing more is asked of the coordinator.
    blocked: bool,
    /// Pairs of ports that the coordinator asked for in vain.
    ports_owed: usize,
    /// No use in trying to bind before this.
    bind_after: Instant,
    /// When to look again how many pairs can be bound, if fewer could be than were counted.
    count_again: Option<Instant>,
    /// Paths that the system or the network refused, not yet told to the coordinator.
    failed: Vec<Failure>,
    /// Sessions that may still have something to say when everything is being hung up, or is to end by itself.
    leaving: Vec<SessionId>,
    /// When the patience is over: with calls that are to end by themselves, or with those that were hung up.
    deadline: Option<Instant>,
    /// The shutdown waits for nobody any more.
    gave_up: bool,
    /// The driver while it sleeps, and until when it does.
    pub(super) driver: Option<Waker>,
    armed: Option<Instant>,
}

impl Signalling {
    pub(crate) fn new(
        core: UnifiedCoordinator,
        sessions_max: usize,
        ports: PortPool,
        policy: Policy,
    ) -> Self {
        Self {
            core,
            // A session that has ended may be held by its handle while the next one begins.
            entries: Slab::new(sessions_max.saturating_mul(2).saturating_add(64)),
            spent: Spent::default(),
            incoming: VecDeque::new(),
            incoming_wakers: Wakers::default(),
            stage: Stage::Running,
            stage_wakers: Wakers::default(),
            subscribers: Vec::new(),
            errands: Errands::default(),
            registrations: Registrations::default(),
            counters: NetworkCounters::default(),
            ports,
            policy,
            outgoing: VecDeque::new(),
            blocked: false,
            ports_owed: 0,
            bind_after: Instant::ZERO,
            count_again: None,
            failed: Vec::new(),
            leaving: Vec::new(),
            deadline: None,
            gave_up: false,
            driver: None,
            armed: None,
        }
    }

    /// Carries out all that the coordinator wants done, in its order, until there is nothing more or the system has
    /// no room for its messages. They are queued here; [`flush`](Self::flush) sends them.
    pub(crate) fn drain(&mut self, shared: &Arc<Shared>, now: Instant, due: &mut Due) {
        while !self.blocked {
            match self.core.poll_output() {
                Some(Output::Send(transmit)) => {
                    self.outgoing.push_back(transmit);
                    if self.outgoing.len() >= OUTGOING_MAX {
                        self.send_queued(shared);
                    }
                }
                Some(Output::Media(command)) => self.media(shared, now, command),
                Some(Output::Event(event)) => self.event(shared, now, event, due),
                Some(Output::Resolve { query, target }) => match shared.host.resolve_now(&target) {
                    Some(result) => self.core.handle_names(now, query, result),
                    None => shared.host.resolve(shared, query, target),
                },
                Some(Output::NeedMediaPorts(count)) => self.supply_ports(shared, now, count),
                None => match self.failed.pop() {
                    Some(Failure::Send(transmit)) => self.core.handle_send_failed(now, &transmit),
                    Some(Failure::Unreachable(path)) => self.core.handle_unreachable(now, path),
                    None => break,
                },
            }
        }
    }

    /// Sends what is queued, and all that comes of it.
    pub(crate) fn flush(&mut self, shared: &Arc<Shared>, now: Instant, due: &mut Due) {
        loop {
            self.send_queued(shared);
            if self.blocked {
                return;
            }
            self.drain(shared, now, due);
            if self.outgoing.is_empty() {
                return;
            }
        }
    }

    fn send_queued(&mut self, shared: &Shared) {
        self.blocked = false;
        while let Some(transmit) = self.outgoing.pop_front() {
            match shared.host.send(&transmit) {
                Ok(()) => self.counters.datagrams_sent += 1,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.counters.sends_delayed += 1;
                    self.blocked = true;
                    self.outgoing.push_front(transmit);
                    return;
                }
                Err(error) => {
                    tracing::debug!(path = %transmit.path, %error, "cannot send");
                    self.counters.sends_failed += 1;
                    self.failed.push(Failure::Send(transmit));
                }
            }
        }
    }

    /// Notes that nothing reaches the far end of `path`; the next drain tells the coordinator.
    pub(crate) fn note_failure(&mut self, path: Path) {
        let failure = Failure::Unreachable(path);
        if !self.failed.contains(&failure) {
            self.failed.push(failure);
        }
    }

    fn media(&mut self, shared: &Shared, now: Instant, command: MediaCommand) {
        match &command {
            MediaCommand::Open { media, port, .. } if self.ports.opened(*media, port.key) => {
                shared.host.start_reader(port.key);
            }
            MediaCommand::Close { media } => self.ports.closed(*media, now),
            _ => {}
        }
        let closed = matches!(command, MediaCommand::Close { .. });
        if let MediaCommand::Open { media, port, .. } = &command {
            shared.post(Letter::SendFrom { key: port.key, local: self.media_address(*media) });
        }
        shared.post(Letter::Command(command));
        if closed && self.ports_owed > 0 {
            self.supply_ports(shared, now, 1);
        }
        if closed {
            self.close_needless_ports(shared, now);
        }
    }

    /// The address that our session description names for this stream.
    fn media_address(&self, media: MediaSessionId) -> Option<IpAddr> {
        let registry = self.core.registry();
        let session = registry.session(registry.session_of_media(media)?)?;
        let path = match session.dialog.and_then(|dialog| registry.dialog(dialog)) {
            Some(dialog) => dialog.path,
            None => session.outgoing.as_ref()?.path?,
        };
        Some(path.local.ip())
    }

    fn supply_ports(&mut self, shared: &Shared, now: Instant, count: usize) {
        for missing in (1..=count).rev() {
            let supplied = self.ports.take_idle(now).or_else(|| self.bind_port(shared, now));
            let Some(port) = supplied.or_else(|| self.ports.take_oldest()) else {
                self.counters.port_shortages += 1;
                self.ports_owed = missing;
                self.core.media_ports_exhausted();
                return;
            };
            self.core.add_media_port(port);
        }
        self.ports_owed = 0;
    }

    fn bind_port(&mut self, shared: &Shared, now: Instant) -> Option<MediaPort> {
        if self.ports.count_is_old() {
            self.count_ports(shared);
        }
        if now < self.bind_after || !self.ports.has_room() {
            return None;
        }
        match shared.host.bind_pair() {
            Ok((port, pair)) => {
                self.counters.ports_bound += 1;
                self.ports.add(port);
                shared.post(Letter::Port(pair));
                Some(port)
            }
            Err(error) => {
                tracing::warn!(%error, "no media port to be had");
                self.bind_after = now + BIND_PAUSE;
                self.count_again = Some(now + COUNT_PAUSE);
                let pairs = self.ports.is_all();
                self.core.set_media_ports_max(pairs);
                None
            }
        }
    }

    /// Looks how many pairs of ports there may be, and tells the coordinator.
    pub(crate) fn count_ports(&mut self, shared: &Shared) {
        self.count_again = None;
        let pairs = self.ports.count(shared.host.descriptors_free());
        self.core.set_media_ports_max(pairs);
    }

    fn close_needless_ports(&mut self, shared: &Shared, now: Instant) {
        while let Some(port) = self.ports.take_needless(now) {
            shared.host.unbind(port.key);
            shared.post(Letter::PortClosed(port.key));
        }
    }

    /// Whether everything is hung up, unregistered and said after a shutdown, or its time is over.
    pub(crate) fn finished(&mut self) -> bool {
        if self.stage != Stage::Stopping {
            return false;
        }
        self.gave_up
            || (self.outgoing.is_empty() && self.all_over() && self.core.registry().registrations_len() == 0)
    }

    /// Whether the sessions that were there when this was asked first have ended.
    fn all_over(&mut self) -> bool {
        while let Some(session) = self.leaving.last() {
            // A terminated session is kept for a while to answer late repeats; nobody waits for those.
            if self.lives(*session) {
                return false;
            }
            self.leaving.pop();
        }
        true
    }

    fn lives(&self, session: SessionId) -> bool {
        self.core.session_state(session).is_some_and(|state| state != State::Terminated)
    }

    /// Whether calls that are to end by themselves have done so.
    fn drained(&mut self) -> bool {
        if self.stage != Stage::Draining || !self.all_over() {
            return false;
        }
        // Some may have taken the place of others since.
        self.leaving = self.core.registry().ids();
        let core = &self.core;
        self.leaving.retain(|id| core.session_state(*id).is_some_and(|state| state != State::Terminated));
        self.leaving.is_empty()
    }

    /// Does by the clock what the coordinator knows nothing of: sockets that nobody uses, and the way out.
    pub(crate) fn go_on(&mut self, shared: &Shared, now: Instant, due: &mut Due) {
        self.spent.clear();
        if self.count_again.is_some_and(|at| at <= now) {
            self.count_ports(shared);
        }
        self.close_needless_ports(shared, now);
        let late = self.deadline.is_some_and(|deadline| deadline <= now);
        if self.stage == Stage::Draining && (late || self.drained()) {
            self.stop(now, SHUTDOWN_WITHIN, due);
        } else if self.stage == Stage::Stopping && late && !self.gave_up {
            tracing::debug!("the shutdown does not wait for those who have not answered");
            self.core.cut_short(now);
            self.gave_up = true;
        }
    }

    /// Whether a message waits for the socket to have room.
    pub(crate) const fn blocked(&self) -> bool {
        self.blocked
    }

    /// The driver wants to sleep, or go on sleeping: for how long it may. `None` if there is something to do, or if
    /// it was woken since it lay down.
    pub(crate) fn rest(&mut self, waker: &Waker, lie_down: bool) -> Option<Rest> {
        if self.finished() || self.drained() || (self.driver.is_none() && !lie_down) || !self.spent.is_empty()
        {
            return None;
        }
        self.driver = Some(waker.clone());
        self.armed = self.next_due();
        Some(Rest { until: self.armed, blocked: self.blocked() })
    }

    /// When there is something to do by the clock. What cannot be sent holds back all that would add to it.
    fn next_due(&self) -> Option<Instant> {
        let core = if self.blocked() { None } else { self.core.poll_timeout() };
        let deadline = self.deadline.filter(|_| !self.gave_up);
        core.into_iter().chain(deadline).chain(self.ports.next_due()).min()
    }

    /// Notes that the driver is awake and needs no waking.
    pub(crate) fn driver_wakes(&mut self) {
        self.driver = None;
    }

    /// Wakes the driver if what happened needs it sooner than it would wake by itself.
    pub(crate) fn poke_driver(&mut self, due: &mut Due) {
        if self.driver.is_none() {
            return;
        }
        let sooner = match (self.next_due(), self.armed) {
            (Some(next), Some(armed)) => next < armed,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if sooner || self.blocked() || self.finished() || self.drained() {
            due.push(self.driver.take());
        }
    }

    /// Takes no new call. Everything stops when the last one has ended, or after `within`.
    pub(crate) fn wind_down(&mut self, now: Instant, within: Option<Duration>, due: &mut Due) {
        if self.stage == Stage::Running {
            self.stage = Stage::Draining;
            self.core.drain(now);
        }
        if self.stage == Stage::Draining {
            self.wait_until(within.map(|within| now + within));
            due.push(self.driver.take());
        }
    }

    /// Hangs up everything and takes no new call. Who has not confirmed it after `within` is forgotten.
    pub(crate) fn stop(&mut self, now: Instant, within: Duration, due: &mut Due) {
        if matches!(self.stage, Stage::Running | Stage::Draining) {
            self.stage = Stage::Stopping;
            self.deadline = None;
            self.core.shutdown(now);
            self.leaving = self.core.registry().ids();
            self.incoming_wakers.take_into(due);
        }
        if self.stage == Stage::Stopping {
            self.wait_until(Some(now + within));
            due.push(self.driver.take());
        }
    }

    /// Of several deadlines the first counts.
    fn wait_until(&mut self, deadline: Option<Instant>) {
        self.deadline = self.deadline.into_iter().chain(deadline).min();
    }

    /// The sockets are closed. Whatever call is left, because the socket died or nobody answered in time, ends here.
    pub(crate) fn close(&mut self, due: &mut Due) {
        self.stage = Stage::Closed;
        self.stage_wakers.take_into(due);
        self.incoming_wakers.take_into(due);
        self.errands.close(due);
        let reason = if self.gave_up { EndReason::Unconfirmed } else { EndReason::NetworkError };
        let left: Vec<EntryId> = self.entries.iter().map(|(id, _)| id).collect();
        for entry in left {
            if let Some(entry) = self.entries.get_mut(entry) {
                entry.end.get_or_insert_with(|| Box::new(CallEnd::bare(reason)));
                entry.wakers.take_into(due);
            }
        }
        self.subscribers.retain(|subscriber| match subscriber.upgrade() {
            Some(queue) => {
                queue.lock().unwrap_or_else(PoisonError::into_inner).close();
                false
            }
            None => false,
        });
    }
}
