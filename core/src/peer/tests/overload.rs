//! More calls than the machine can take: the real inbox and the real coordinator under a clock that every datagram costs.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use crate::api::{CoordinatorConfig, Event, Output};
use crate::base::index::DigestKey;
use crate::base::rng::Rng;
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator;
use crate::media::MediaPort;
use crate::peer::inbox::{Arrival, Inbox};
use crate::wire::frame::{Frame, StartLine};
use crate::wire::limits::WireLimits;
use crate::wire::method::Method;
use crate::wire::path::Path;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const T1: Duration = Duration::from_millis(500);
const WAY: Duration = Duration::from_millis(5);

/// What things cost, in the proportions of a real server (0.6, 1 and 3 µs), but fifty times slower, so that fewer calls do: to
/// read a datagram, to look through it, to send one.
const READ: Duration = Duration::from_micros(30);
const PARSE: Duration = Duration::from_micros(50);
const SEND: Duration = Duration::from_micros(150);
/// What the server does with each of the four events of a call: a program that does nothing but answer (30 µs a call), and
/// one that has a dialplan, accounts and media (300 µs).
const BARE: Duration = Duration::from_micros(200);
const REAL: Duration = Duration::from_micros(3600);

/// One call: three datagrams, four events, three messages.
fn call_costs(event: Duration) -> Duration {
    3 * (READ + PARSE + SEND) + 4 * event
}

/// What the system's queue holds, and what is dealt with in one round.
const SYSTEM_MAX: usize = 256;
const DEALT_MAX: usize = 256;
const DEAL_FOR: Duration = Duration::from_millis(20);

const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 10.9.9.9\r\ns=-\r\nc=IN IP4 10.9.9.9\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";

fn server() -> SocketAddr {
    "10.0.0.1:5060".parse().unwrap()
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Inviting,
    Proceeding,
    Leaving,
    Done,
    Refused,
    TimedOut,
}

struct Call {
    stage: Stage,
    begun: Instant,
    ended: Instant,
    tag: String,
}

enum Happens {
    Begin,
    ToServer(SocketAddr, Vec<u8>),
    ToCaller(Vec<u8>),
    /// A caller repeats what it said at that stage, or gives up.
    Again(usize, Stage, u32),
}

/// Callers, a network and one server.
struct Town {
    now: Instant,
    core: UnifiedCoordinator,
    /// `None`: the server reads in the order of the system's queue, and nothing is told of how old it is.
    inbox: Option<Inbox>,
    system: VecDeque<(SocketAddr, Vec<u8>)>,
    empty_at: Instant,
    calls: Vec<Call>,
    agenda: BTreeMap<(Instant, u64), Happens>,
    sequence: u64,
    /// Calls begun a second, until when.
    rates: VecDeque<(f64, Instant)>,
    lost: u64,
    overloads: u64,
    event: Duration,
}

impl Town {
    fn new(event: Duration, sorts: bool) -> Self {
        let mut config = CoordinatorConfig::default();
        config.trusted_sources.push("10.0.0.0/8".parse().unwrap());
        // So many calls a second are more than a small memory is for.
        config.limits.transaction_octets_max = usize::MAX;
        let mut rng = Rng::wire([5; 32]);
        let core = UnifiedCoordinator::new(config, rng.next_seed(), Instant::ZERO);
        let inbox = sorts.then(|| Inbox::new(DigestKey::new(&mut rng), Instant::ZERO));
        Self {
            now: Instant::ZERO,
            core,
            inbox,
            system: VecDeque::new(),
            empty_at: Instant::ZERO,
            calls: Vec::new(),
            agenda: BTreeMap::new(),
            sequence: 0,
            rates: VecDeque::new(),
            lost: 0,
            overloads: 0,
            event,
        }
    }

    fn later(&mut self, after: Duration, happens: Happens) {
        self.sequence += 1;
        self.agenda.insert((self.now + after, self.sequence), happens);
    }

    /// Offers calls at these rates, one after the other, and goes on for so long after that.
    fn run(&mut self, rates: &[(f64, Duration)], longer: Duration) {
        let mut until = self.now;
        for (rate, time) in rates {
            until = until + *time;
            self.rates.push_back((*rate, until));
        }
        self.later(Duration::ZERO, Happens::Begin);
        let end = until + longer;
        while self.now < end {
            self.happen();
            let busy = self.serve();
            if !busy {
                let timer = self.core.poll_timeout();
                let next = self.agenda.keys().next().map(|(at, _)| *at).into_iter().chain(timer).min();
                let Some(next) = next else { break };
                self.now = self.now.max(next);
            }
        }
    }

    /// Whatever is due in the world outside.
    fn happen(&mut self) {
        while let Some(((at, _), _)) = self.agenda.first_key_value()
            && *at <= self.now
        {
            let ((at, _), happens) = self.agenda.pop_first().unwrap();
            // The outside has a clock of its own, and does not wait for the server.
            let now = std::mem::replace(&mut self.now, at);
            match happens {
                Happens::Begin => self.begin(),
                Happens::ToServer(from, bytes) if self.system.len() < SYSTEM_MAX => {
                    self.system.push_back((from, bytes))
                }
                Happens::ToServer(..) => self.lost += 1,
                Happens::ToCaller(bytes) => self.hear(&bytes),
                Happens::Again(call, stage, times) => self.again(call, stage, times),
            }
            self.now = now;
        }
    }

    fn begin(&mut self) {
        let Some(&(rate, until)) = self.rates.front() else { return };
        if self.now >= until {
            self.rates.pop_front();
            return self.begin();
        }
        let call = self.calls.len();
        let (begun, ended) = (self.now, self.now);
        self.calls.push(Call { stage: Stage::Inviting, begun, ended, tag: String::new() });
        self.again(call, Stage::Inviting, 0);
        self.later(Duration::from_secs_f64(1.0 / rate), Happens::Begin);
    }

    fn again(&mut self, call: usize, stage: Stage, times: u32) {
        if self.calls[call].stage != stage {
            return;
        }
        if times == 7 {
            return self.end(call, Stage::TimedOut);
        }
        let method = if stage == Stage::Leaving { "BYE" } else { "INVITE" };
        self.say(call, method);
        self.later(T1 * (1 << times), Happens::Again(call, stage, times + 1));
    }

    fn end(&mut self, call: usize, stage: Stage) {
        (self.calls[call].stage, self.calls[call].ended) = (stage, self.now);
    }

    fn say(&mut self, call: usize, method: &str) {
        let to = &self.calls[call].tag;
        let (number, branch, body) = match method {
            "INVITE" => (1, 'i', SDP),
            "ACK" if self.calls[call].stage == Stage::Refused => (1, 'i', ""),
            "ACK" => (1, 'a', ""),
            _ => (2, 'b', ""),
        };
        let from = SocketAddr::from(([10, 9, 0, (call % 50) as u8], 5060));
        let text = format!(
            "{method} sip:x@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{branch}{call};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{call}@10.9.9.9>;tag=f\r\nTo: <sip:x@10.0.0.1>{to}\r\nCall-ID: {call}\r\n\
             CSeq: {number} {method}\r\nContact: <sip:{call}@{from}>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.later(WAY, Happens::ToServer(from, text.into_bytes()));
    }

    fn hear(&mut self, bytes: &[u8]) {
        let frame = Frame::parse(bytes, &WireLimits::default()).unwrap();
        let facts = frame.facts().unwrap();
        let StartLine::Response { status, .. } = frame.start() else {
            // Our server hangs up who does not acknowledge; nobody here minds.
            return;
        };
        let call: usize = std::str::from_utf8(facts.call_id).unwrap().parse().unwrap();
        let to_invite = facts.cseq_method == Method::Invite;
        if to_invite && status >= 200 {
            self.calls[call].tag = format!(";tag={}", std::str::from_utf8(facts.to_tag.unwrap()).unwrap());
        }
        match (self.calls[call].stage, status) {
            (Stage::Inviting, 100..200) => self.calls[call].stage = Stage::Proceeding,
            (Stage::Inviting | Stage::Proceeding, 200) if to_invite => {
                self.say(call, "ACK");
                self.calls[call].stage = Stage::Leaving;
                self.again(call, Stage::Leaving, 0);
            }
            (_, 200) if to_invite => self.say(call, "ACK"),
            (Stage::Inviting | Stage::Proceeding, _) => {
                self.end(call, Stage::Refused);
                self.say(call, "ACK");
            }
            (Stage::Leaving, 200..) if !to_invite => self.end(call, Stage::Done),
            _ => {}
        }
    }

    /// One round of the server, as the loop of a peer does it; whether there was anything to do.
    fn serve(&mut self) -> bool {
        if self.core.poll_timeout().is_some_and(|at| at <= self.now) {
            self.core.handle_timeout(self.now);
            self.carry_out();
        }
        if self.inbox.is_none() {
            return self.serve_in_order();
        }
        for (remote, bytes) in std::mem::take(&mut self.system) {
            self.now = self.now + READ;
            let arrival = Arrival { at: self.empty_at, local: None, remote };
            self.inbox.as_mut().unwrap().push(arrival, &bytes);
        }
        self.empty_at = self.now;
        let turn = self.now;
        for dealt in 0..DEALT_MAX {
            let allowed = if self.core.is_overloaded() { self.core.lag_allowed() } else { Duration::MAX };
            if self.now.saturating_since(turn) > DEAL_FOR {
                return true;
            }
            let Some(next) = self.inbox.as_mut().unwrap().next(self.now, allowed) else { return dealt > 0 };
            if let Some(lag) = next.lag {
                self.core.handle_lag(self.now, lag);
            }
            let late = next.late;
            let began = self.now;
            self.core.handle_datagram(self.now, Path::udp(server(), next.arrival.remote), next.bytes);
            self.now = self.now + PARSE;
            self.carry_out();
            if late {
                self.inbox.as_mut().unwrap().spent(self.now.saturating_since(began));
            }
        }
        true
    }

    fn serve_in_order(&mut self) -> bool {
        for dealt in 0..DEALT_MAX {
            let Some((remote, bytes)) = self.system.pop_front() else { return dealt > 0 };
            self.now = self.now + READ + PARSE;
            self.core.handle_datagram(self.now, Path::udp(server(), remote), &bytes);
            self.carry_out();
            self.happen();
        }
        true
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Send(transmit) => {
                    self.now = self.now + SEND;
                    self.later(WAY, Happens::ToCaller(transmit.payload.to_vec()));
                }
                Output::Event(Event::Incoming { session, .. }) => {
                    self.now = self.now + self.event;
                    self.core.answer(self.now, session).unwrap();
                }
                Output::Event(Event::OverloadBegan { .. }) => self.overloads += 1,
                Output::Event(_) => self.now = self.now + self.event,
                Output::NeedMediaPorts(count) => {
                    for _ in 0..count {
                        self.core.add_media_port(MediaPort { key: 1, rtp: 40_000, rtcp: 40_001 });
                    }
                }
                Output::Media(_) | Output::Resolve { .. } => {}
            }
        }
    }

    /// How many calls that began in this time came to that.
    fn begun(&self, from: Duration, until: Duration, stage: Stage) -> usize {
        let (from, until) = (Instant::ZERO + from, Instant::ZERO + until);
        let of = |call: &&Call| (from..until).contains(&call.begun) && call.stage == stage;
        self.calls.iter().filter(of).count()
    }

    /// Calls done a second in this time.
    fn goodput(&self, from: Duration, until: Duration) -> f64 {
        let time = Instant::ZERO + from..Instant::ZERO + until;
        let done = |call: &&Call| call.stage == Stage::Done && time.contains(&call.ended);
        self.calls.iter().filter(done).count() as f64 / (until - from).as_secs_f64()
    }
}

/// Offers so many times what can be served for some seconds: the goodput in the last of them, in parts of what can be served.
fn offer(event: Duration, times: f64, sorts: bool) -> (f64, Town) {
    let capacity = 1.0 / call_costs(event).as_secs_f64();
    let mut town = Town::new(event, sorts);
    // Nobody waits for longer than that (Timer B).
    let longer = if sorts { 33 * SECOND } else { Duration::ZERO };
    town.run(&[(times * capacity, 4 * SECOND)], longer);
    let goodput = town.goodput(SECOND, 4 * SECOND) / capacity;
    (goodput, town)
}

#[test]
fn goodput_at_five_times_the_load_is_that_of_the_best() {
    let best = [0.9, 1.0].map(|times| offer(REAL, times, true).0).into_iter().fold(0.0, f64::max);
    for times in [2.0, 5.0] {
        let (goodput, town) = offer(REAL, times, true);
        assert!(goodput >= 0.9 * best, "{times} times the load: {goodput:.3} of {best:.3}");
        assert_eq!(town.begun(Duration::ZERO, 4 * SECOND, Stage::TimedOut), 0, "an answer to everybody");
        assert_eq!((town.lost, town.overloads), (0, 1), "all is read, and it is one overload");
    }
    let (in_order, _) = offer(REAL, 5.0, false);
    assert!(in_order < 0.5 * best, "in the order of the system's queue it was {in_order:.3}");
}

/// Where a refusal costs a fifth of a call, four refusals for each call leave little: what they may cost is bounded.
#[test]
fn refusals_do_not_use_up_a_server_for_which_they_are_dear() {
    for (times, least) in [(2.0, 0.75), (5.0, 0.55)] {
        let (goodput, town) = offer(BARE, times, true);
        assert!(goodput >= least, "{times} times the load: {goodput:.3}");
        assert_eq!(
            town.begun(Duration::ZERO, 4 * SECOND, Stage::TimedOut),
            0,
            "an answer to everybody, in the end"
        );
    }
    let (in_order, _) = offer(BARE, 5.0, false);
    assert!(in_order < 0.3, "in the order of the system's queue it was {in_order:.3}");
}

#[test]
fn a_second_after_an_overload_all_calls_are_taken_at_once() {
    let capacity = 1.0 / call_costs(REAL).as_secs_f64();
    let mut town = Town::new(REAL, true);
    town.run(&[(5.0 * capacity, 3 * SECOND), (0.5 * capacity, 4 * SECOND)], SECOND);
    let after: Vec<&Call> =
        town.calls.iter().filter(|call| call.begun >= Instant::ZERO + 4 * SECOND).collect();
    assert!(after.len() > 90, "{}", after.len());
    for call in after {
        assert_eq!(call.stage, Stage::Done);
        assert!(call.ended.saturating_since(call.begun) < 100 * MS);
    }
    assert_eq!(town.overloads, 1);
}
