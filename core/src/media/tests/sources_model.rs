//! Every order in which the peer, strangers, a NAT that moves its port and the call before can speak, up to ten packets.
//!
//! The model runs the real [`Listener`]. States from which all that follows is the same are looked at once; how many orders
//! each stands for is counted.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::base::time::Instant;
use crate::media::leftover::Leftover;
use crate::media::listener::{Listener, Verdict};
use crate::media::rtp::header::RtpHeader;
use crate::media::rtp::receive::Reception;
use crate::media::{ShardConfig, SourceLearning};
use crate::sdp::plan::{Direction, MediaPlan};

use super::pair::plan;

/// Packets in an order.
const PACKETS: usize = 10;
/// Other events in an order: pauses, exchanges, reports.
const EVENTS: usize = 2;

/// Who speaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Who {
    /// From where it signalled.
    Peer,
    /// Through a NAT.
    Mapped,
    /// Through the same NAT, which has moved the port: the same stream.
    Moved,
    SameIp,
    Elsewhere,
    /// The call before, from another port of the SIP peer.
    Leftover,
    /// The call before, from the signalled address.
    LeftoverThere,
}

use Who::{Elsewhere, Leftover as LeftBehind, LeftoverThere, Mapped, Moved, Peer, SameIp};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Packet(Who),
    /// Longer than a source may be silent.
    Pause,
    /// Longer than a silent source is remembered.
    LongPause,
    Exchange,
    /// ICMP: the signalled address.
    Unreachable,
}

struct World {
    name: &'static str,
    signalled: &'static str,
    sip_peer: &'static str,
    learning: SourceLearning,
    direction: Direction,
    who: &'static [Who],
    events: &'static [Step],
}

const EVENTS_ALL: &[Step] = &[Step::Pause, Step::LongPause, Step::Exchange, Step::Unreachable];
const EVENTS_REACHABLE: &[Step] = &[Step::Pause, Step::LongPause, Step::Exchange];

/// The peer is where it says.
const DIRECT: World = World {
    name: "the peer is where it says",
    signalled: "203.0.113.1:4000",
    sip_peer: "203.0.113.1",
    learning: SourceLearning::Private,
    direction: Direction::SendRecv,
    who: &[Peer, SameIp, Elsewhere, LeftBehind, LeftoverThere],
    events: EVENTS_REACHABLE,
};

fn worlds() -> Vec<World> {
    let nat = World {
        name: "behind a NAT",
        signalled: "10.0.0.1:4000",
        who: &[Peer, Mapped, Moved, SameIp, Elsewhere, LeftBehind],
        ..DIRECT
    };
    alloc::vec![
        DIRECT,
        World { name: "the media are not where the signalling is", sip_peer: "203.0.113.9", ..DIRECT },
        World { name: "ICMP reports", events: EVENTS_ALL, ..DIRECT },
        World { name: "a NAT, and a proxy before it", sip_peer: "198.51.100.9", ..nat },
        World { name: "never", learning: SourceLearning::Never, ..nat },
        World { name: "any", learning: SourceLearning::Any, sip_peer: "198.51.100.9", ..DIRECT },
        World { name: "the peer sends nothing", direction: Direction::SendOnly, ..nat },
        nat,
    ]
}

/// A place in an order.
#[derive(Clone)]
struct Place {
    listener: Listener,
    now: Instant,
    /// The next number of each SSRC.
    next: [u16; 10],
    /// Who was heard last.
    heard: Option<Who>,
    /// The signalled address, or a learned one, was heard and no pause or exchange came since.
    alive: bool,
    reports: u8,
}

impl World {
    fn plan(&self) -> MediaPlan {
        MediaPlan {
            remote_rtp: self.signalled.parse().ok(),
            sip_peer: self.sip_peer.parse().ok(),
            direction: self.direction,
            ..plan(1)
        }
    }

    fn signalled(&self) -> SocketAddr {
        self.signalled.parse().unwrap()
    }

    fn config(&self) -> ShardConfig {
        ShardConfig { source_learning: self.learning, ..ShardConfig::default() }
    }

    fn begin(&self) -> Place {
        let now = Instant::from_millis(60_000);
        let mut next = [100; 10];
        next[9] = 8;
        let old = RtpHeader { marker: false, payload_type: 0, sequence: 7, timestamp: 0, ssrc: 9 };
        let leftover = Some(Leftover::of(&Reception::new(&old)));
        let listener = Listener::new(&self.config(), now, &self.plan(), leftover);
        Place { listener, now, next, heard: None, alive: false, reports: 0 }
    }

    fn address(&self, who: Who) -> SocketAddr {
        let at = |port| format!("203.0.113.1:{port}").parse().unwrap();
        match who {
            Peer | LeftoverThere => self.signalled(),
            Mapped => at(30_000),
            Moved => at(30_001),
            SameIp => at(5_000),
            LeftBehind => at(6_000),
            Elsewhere => "192.0.2.66:4000".parse().unwrap(),
        }
    }

    /// One packet; whether it was heard, and with how many before it.
    fn packet(&self, place: &mut Place, who: Who) -> Option<usize> {
        let ssrc = match who {
            Peer | Mapped | Moved => 1,
            SameIp => 2,
            Elsewhere => 3,
            LeftBehind | LeftoverThere => 9,
        };
        let next = &mut place.next[ssrc as usize];
        let (sequence, timestamp) = (*next, u32::from(*next) * 160);
        *next += 1;
        let header = RtpHeader { marker: false, payload_type: 0, sequence, timestamp, ssrc };
        let address = self.address(who);
        match place.listener.admit(place.now, address, &header, &[0; 160], || true) {
            Verdict::Begins(_, stash) => {
                place.heard = Some(who);
                place.alive = true;
                Some(stash.map_or(0, |stash| stash.iter().count()))
            }
            Verdict::GoesOn(_) => {
                place.heard = Some(who);
                place.alive = true;
                Some(0)
            }
            Verdict::Stranger | Verdict::Unproven | Verdict::Unexpected => None,
        }
    }

    fn step(&self, place: &mut Place, step: Step) {
        match step {
            Step::Packet(who) => {
                let before = (place.heard, place.alive);
                let heard = self.packet(place, who);
                self.check_packet(place, before, who, heard);
            }
            Step::Pause | Step::LongPause => {
                let seconds = if step == Step::Pause { 3 } else { 16 };
                place.now = place.now + Duration::from_secs(seconds);
                place.alive = false;
                place.listener.flow.handle_timeout(place.now);
            }
            Step::Exchange => {
                place.listener.update(place.now, &self.plan());
            }
            Step::Unreachable => {
                place.listener.flow.handle_unreachable(self.signalled());
                place.reports += 1;
            }
        }
        self.check(place);
    }

    /// What holds of every packet.
    fn check_packet(
        &self,
        place: &Place,
        before: (Option<Who>, bool),
        who: Who,
        packets_before: Option<usize>,
    ) {
        let there = |who| self.address(who) == self.signalled();
        let Some(packets_before) = packets_before else { return };
        if there(who) {
            assert_eq!(place.listener.flow.remote(), Some(self.signalled()), "who is heard is spoken to");
            return;
        }
        assert_eq!(place.listener.flow.remote(), Some(self.address(who)), "who is heard is spoken to");
        assert!(who != LeftBehind, "the call before is over");
        assert!(self.learning != SourceLearning::Never && self.direction.receives());
        // The signalled address is alive, and so is whoever comes from the SIP peer's own.
        let (heard, alive) = before;
        if let Some(last) = heard.filter(|&last| alive && last != who) {
            assert!(!there(last), "{who:?} after the signalled address");
            assert!(last == Elsewhere && self.is_sip_peer(who), "{who:?} takes it from {last:?}");
        }
        if heard != Some(who) {
            assert_eq!(packets_before, 4, "{who:?} is heard without proof");
        }
        if self.is_reachable() && self.learning == SourceLearning::Private && place.reports < 2 {
            assert!(who != Elsewhere, "the signalled address can be reached");
            assert!(self.is_sip_peer(who), "an IP that nobody has named");
        }
    }

    fn is_sip_peer(&self, who: Who) -> bool {
        self.address(who).ip().to_string() == self.sip_peer
    }

    fn is_reachable(&self) -> bool {
        !self.signalled.starts_with("10.")
    }

    /// What holds everywhere.
    fn check(&self, place: &Place) {
        // A peer that speaks from its signalled address is heard and spoken to within two packets, whoever gets between.
        for between in core::iter::once(None).chain(self.who.iter().copied().map(Some)) {
            let mut place = place.clone();
            self.packet(&mut place, Peer);
            if let Some(who) = between {
                self.packet(&mut place, who);
            }
            let second = self.packet(&mut place, Peer);
            assert!(second.is_some(), "deaf, {between:?} between");
            assert_eq!(place.listener.flow.remote(), Some(self.signalled()), "{between:?} between");
        }
        if self.learning == SourceLearning::Never || !self.direction.receives() {
            assert_eq!(place.listener.flow.remote(), Some(self.signalled()));
            return;
        }
        // Behind a NAT it is heard within five, unless somebody is heard who cannot be told from it.
        let speaks = |who: Who| {
            let mut place = place.clone();
            let heard = (0..5).filter(|_| self.packet(&mut place, who).is_some()).count();
            heard > 0 && place.listener.flow.remote() == Some(self.address(who))
        };
        let free = !place.alive
            || place.heard == Some(Mapped)
            || (place.heard == Some(Elsewhere) && self.is_sip_peer(Mapped));
        let spoke = place.heard.is_some_and(|last| self.address(last) == self.signalled());
        if self.who.contains(&Mapped) && free && !spoke {
            assert!(speaks(Mapped), "deaf to a NAT");
        }
        // Its port moves.
        if place.heard == Some(Mapped) && !place.alive {
            assert!(speaks(Moved), "deaf to a port that moved");
        }
    }

    /// Every order. Answers how many orders and how many states there are.
    fn explore(&self) -> (u128, usize) {
        let start = self.begin();
        self.check(&start);
        let key = |place: &Place| (place.listener.state(place.now), place.heard, place.alive, place.reports);
        let mut seen = 0;
        let mut orders = 0;
        // Places by how many events have been.
        let mut level: Vec<_> = (0..=EVENTS).map(|_| BTreeMap::new()).collect();
        level[0].insert(key(&start), (start, 1_u128));
        for packets in 0..=PACKETS {
            for events in 0..EVENTS {
                let (from, to) = level.split_at_mut(events + 1);
                for (place, count) in from[events].values() {
                    for &event in self.events {
                        let mut next = place.clone();
                        self.step(&mut next, event);
                        meet(&mut to[0], key(&next), next, *count);
                    }
                }
            }
            seen += level.iter().map(BTreeMap::len).sum::<usize>();
            orders = level.iter().flat_map(BTreeMap::values).map(|(_, count)| count).sum();
            if packets == PACKETS {
                break;
            }
            let mut after: Vec<_> = (0..=EVENTS).map(|_| BTreeMap::new()).collect();
            for (places, after) in level.iter().zip(&mut after) {
                for (place, count) in places.values() {
                    for &who in self.who {
                        let mut next = place.clone();
                        self.step(&mut next, Step::Packet(who));
                        meet(after, key(&next), next, *count);
                    }
                }
            }
            level = after;
        }
        (orders, seen)
    }
}

/// Two orders that lead to the same are one from here on.
fn meet<K: Ord>(places: &mut BTreeMap<K, (Place, u128)>, key: K, place: Place, count: u128) {
    places.entry(key).and_modify(|(_, orders)| *orders += count).or_insert((place, count));
}

#[test]
#[expect(clippy::print_stdout, reason = "the counts are for whoever reads the test")]
fn every_order_of_ten_packets_keeps_the_policy() {
    for world in worlds() {
        let (orders, states) = world.explore();
        std::println!(
            "{}: {orders} orders of {PACKETS} packets and up to {EVENTS} events, {states} states",
            world.name
        );
        assert!(orders > 10_000_000 && states > 50, "{}", world.name);
    }
}
