//! T1, T2, T4 and the timers made of them (RFC 3261 table 4, RFC 6026 section 7).

use core::time::Duration;

/// The timers of the four machines, under the letters of the RFCs.
///
/// Timer C belongs to proxies and is missing for that reason.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Timer {
    /// Repeats an INVITE (section 17.1.1.2).
    A,
    /// Gives up an INVITE without any response (section 17.1.1.2).
    B,
    /// Absorbs repeated failure responses (section 17.1.1.2).
    D,
    /// Repeats another request (section 17.1.2.2).
    E,
    /// Gives up another request (section 17.1.2.2); in a server, ends one that nobody answered (RFC 4320 section 4.2).
    F,
    /// Repeats a failure response to an INVITE (section 17.2.1).
    G,
    /// Gives up waiting for the ACK of a failure response (section 17.2.1).
    H,
    /// Absorbs repeated ACKs (section 17.2.1).
    I,
    /// Absorbs repeated requests (section 17.2.2).
    J,
    /// Absorbs repeated responses (section 17.1.2.2).
    K,
    /// Absorbs INVITEs repeated after a 2xx (RFC 6026 section 7.1).
    L,
    /// Passes on 2xx that come again or from other forks (RFC 6026 section 7.2).
    M,
    /// Sends 100 Trying when the user is slower than 200 ms (section 17.2.1).
    Trying,
    /// Brings the word that the remote cannot be reached (section 17.1.4); it is due at once.
    Unreachable,
}

/// A transaction runs at most one timer of each lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lane {
    /// What sends something and comes again.
    Repeat,
    /// What ends a state.
    End,
}

impl Timer {
    /// Every timer.
    pub const ALL: [Self; 14] = [
        Self::A,
        Self::B,
        Self::D,
        Self::E,
        Self::F,
        Self::G,
        Self::H,
        Self::I,
        Self::J,
        Self::K,
        Self::L,
        Self::M,
        Self::Trying,
        Self::Unreachable,
    ];

    /// Its letter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::D => "D",
            Self::E => "E",
            Self::F => "F",
            Self::G => "G",
            Self::H => "H",
            Self::I => "I",
            Self::J => "J",
            Self::K => "K",
            Self::L => "L",
            Self::M => "M",
            Self::Trying => "Trying",
            Self::Unreachable => "Unreachable",
        }
    }

    pub(crate) const fn lane(self) -> Lane {
        match self {
            Self::A | Self::E | Self::G | Self::Trying => Lane::Repeat,
            _ => Lane::End,
        }
    }
}

/// The three numbers from which the protocol's durations follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// Estimated round trip, the first wait before a repetition (section 17.1.1.1).
    pub t1: Duration,
    /// Longest wait between repetitions of responses and of requests other than INVITE.
    pub t2: Duration,
    /// Longest life of a message in the network.
    pub t4: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_millis(4_000),
            t4: Duration::from_millis(5_000),
        }
    }
}

impl Timing {
    /// How long an INVITE may wait for the user before the layer answers 100 (section 17.2.1).
    pub const TRYING: Duration = Duration::from_millis(200);

    /// 64·T1: how long a request or a response is repeated before it is given up.
    pub const fn give_up(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// The first duration of `timer`, `None` if it does not run on such a transport.
    ///
    /// Timer D is 64·T1, like the Timer H it answers: 32 s, the least that section 17.1.1.2 allows, with the default T1.
    pub const fn first(&self, timer: Timer, reliable: bool) -> Option<Duration> {
        match timer {
            Timer::A | Timer::E | Timer::G if reliable => None,
            Timer::A | Timer::E | Timer::G => Some(self.t1),
            Timer::D | Timer::I | Timer::J | Timer::K | Timer::Unreachable if reliable => {
                Some(Duration::ZERO)
            }
            Timer::I | Timer::K => Some(self.t4),
            Timer::B | Timer::D | Timer::F | Timer::H | Timer::J | Timer::L | Timer::M => {
                Some(self.give_up())
            }
            Timer::Trying => Some(Self::TRYING),
            Timer::Unreachable => Some(Duration::ZERO),
        }
    }

    /// The duration of `timer` after one of `last`: A doubles without bound (section 17.1.1.2), E and G up to T2
    /// (sections 17.1.2.2 and 17.2.1).
    pub fn again(&self, timer: Timer, last: Duration) -> Duration {
        let doubled = last.saturating_mul(2);
        match timer {
            Timer::E | Timer::G => doubled.min(self.t2),
            _ => doubled,
        }
    }
}
