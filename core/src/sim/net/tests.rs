//! Every fault at its rate, every NAT as its RFC says.

use super::*;

use core::time::Duration;

const A: SocketAddr = addr(1, 5060);
const B: SocketAddr = addr(2, 5060);
const C: SocketAddr = addr(3, 5060);
const NAT: u8 = 100;

const fn addr(host: u8, port: u16) -> SocketAddr {
    SocketAddr::new(ip(host), port)
}

const fn ip(host: u8) -> IpAddr {
    IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, host))
}

fn network(seed: u64) -> Network {
    let mut network = Network::new(seed);
    for host in 1..=4 {
        network.add_host(ip(host), None);
    }
    network
}

/// Sends numbered datagrams one millisecond apart and tells what arrives, in order.
fn flood(link: Link, seed: u64, count: u32) -> (Vec<(u64, Vec<u8>)>, Fates) {
    let mut network = network(seed);
    network.set_link(ip(1), ip(2), link);
    let mut arrived = Vec::new();
    for number in 0..count {
        let now = Instant::from_millis(u64::from(number));
        network.send(now, A, B, Bytes::copy_from_slice(&number.to_be_bytes()));
    }
    while let Some(at) = network.next() {
        while let Some(delivery) = network.poll(at) {
            assert_eq!((delivery.from, delivery.to), (A, B));
            arrived.push((at.as_nanos(), delivery.payload.to_vec()));
        }
    }
    (arrived, network.fates())
}

#[test]
fn a_plain_link_delivers_everything_once_and_in_order() {
    let (arrived, fates) = flood(Link::default(), 1, 100);
    for (number, (at, payload)) in arrived.iter().enumerate() {
        assert_eq!(*at, (number as u64 + 10) * 1_000_000);
        assert_eq!(payload, &(number as u32).to_be_bytes());
    }
    assert_eq!(fates, Fates { sent: 100, delivered: 100, ..Fates::default() });
}

#[test]
fn each_fault_comes_about_as_often_as_asked() {
    const N: u32 = 10_000;
    let tenth = Chance::percent(10);
    let near = |count: u64| (850..1150).contains(&count);
    let (arrived, fates) = flood(Link::default().loss(tenth), 1, N);
    assert!(near(fates.lost) && arrived.len() as u64 == u64::from(N) - fates.lost, "{fates:?}");
    let (arrived, fates) = flood(Link::default().duplicate(tenth), 2, N);
    assert!(near(fates.duplicated) && arrived.len() as u64 == u64::from(N) + fates.duplicated, "{fates:?}");
    let (arrived, fates) = flood(Link::default().corrupt(tenth), 3, N);
    let wrong = (0..N).filter(|n| !arrived.iter().any(|(_, payload)| payload == &n.to_be_bytes())).count();
    // A damaged number may be another number of the flood.
    assert!(near(fates.corrupted) && wrong as u64 <= fates.corrupted && wrong > 500, "{wrong} {fates:?}");
    let (arrived, fates) = flood(Link::default().reorder(tenth, Duration::from_millis(50)), 4, N);
    let overtaken = arrived.windows(2).filter(|pair| pair[0].1 > pair[1].1).count();
    assert!(near(fates.held_up) && overtaken > 500 && arrived.len() as u32 == N, "{overtaken} {fates:?}");
    let (arrived, _) = flood(Link::default().jitter(Duration::from_millis(20)), 5, N);
    assert!(arrived.windows(2).any(|pair| pair[0].1 > pair[1].1));
    let (arrived, fates) = flood(Link::default().mtu(3), 6, N);
    assert!(arrived.is_empty() && fates.too_big == u64::from(N));
}

#[test]
fn one_seed_one_outcome() {
    let link = Link::default()
        .jitter(Duration::from_millis(9))
        .loss(Chance::percent(20))
        .duplicate(Chance::percent(20))
        .corrupt(Chance::percent(20));
    assert_eq!(flood(link, 7, 500), flood(link, 7, 500));
    assert_ne!(flood(link, 7, 500).0, flood(link, 8, 500).0);
}

/// Who gets what if everybody sends to everybody.
fn reachable(network: &mut Network, now: Instant) -> Vec<(SocketAddr, SocketAddr)> {
    for (from, to) in [(A, B), (B, A), (A, C)] {
        network.send(now, from, to, Bytes::from_static(b"x"));
    }
    let later = now + Duration::from_secs(1);
    let mut got: Vec<_> =
        core::iter::from_fn(|| network.poll(later)).map(|delivery| (delivery.from, delivery.to)).collect();
    got.sort();
    got
}

#[test]
fn a_partition_cuts_one_way_or_both_until_it_heals() {
    let mut network = network(1);
    let now = Instant::ZERO;
    assert_eq!(reachable(&mut network, now), [(A, B), (A, C), (B, A)]);
    network.partition(ip(1), ip(2), false);
    assert_eq!(reachable(&mut network, now), [(A, C), (B, A)]);
    network.partition(ip(1), ip(2), true);
    assert_eq!(reachable(&mut network, now), [(A, C)]);
    network.heal();
    assert_eq!(reachable(&mut network, now), [(A, B), (A, C), (B, A)]);
    assert_eq!(network.fates().cut, 3);
}

#[test]
fn a_host_that_moves_leaves_nobody_behind() {
    let mut network = network(1);
    network.move_host(ip(2), ip(9));
    assert_eq!(reachable(&mut network, Instant::ZERO), [(A, C)]);
    network.send(Instant::ZERO, A, addr(9, 5060), Bytes::from_static(b"x"));
    assert_eq!(network.poll(Instant::from_millis(10)).unwrap().to, addr(9, 5060));
    assert_eq!(network.fates().nobody, 2, "to the old address, and from it");
}

fn behind(kind: NatKind) -> Network {
    let mut network = network(1);
    let nat = network.add_nat(ip(NAT), kind);
    for host in [51, 52] {
        network.add_host(ip(host), Some(nat));
    }
    network
}

/// Sends one datagram and tells what comes of it.
fn one(network: &mut Network, at: u64, from: SocketAddr, to: SocketAddr) -> Option<Delivery> {
    let now = Instant::from_millis(at * 1000);
    network.send(now, from, to, Bytes::from_static(b"x"));
    network.poll(now + Duration::from_millis(500))
}

const INSIDE: SocketAddr = addr(51, 5060);

#[test]
fn mappings_depend_on_what_their_kind_says() {
    use Reach::*;
    // How many outside ports four destinations see: two hosts, two ports each.
    let destinations = [addr(1, 1), addr(1, 2), addr(2, 1), addr(2, 2)];
    for (mapping, expected) in [(EndpointIndependent, 1), (AddressDependent, 2), (AddressAndPortDependent, 4)]
    {
        for filtering in [EndpointIndependent, AddressDependent, AddressAndPortDependent] {
            let mut network = behind(NatKind::new(mapping, filtering));
            let seen: BTreeSet<SocketAddr> =
                destinations.iter().map(|&to| one(&mut network, 0, INSIDE, to).unwrap().from).collect();
            assert_eq!(seen.len(), expected, "{mapping:?}");
            assert!(seen.iter().all(|from| from.ip() == ip(NAT)));
        }
    }
}

#[test]
fn filters_let_in_whom_their_kind_says() {
    use Reach::*;
    let strangers = [
        (addr(1, 1), [true, true, true]),
        (addr(1, 2), [true, true, false]),
        (addr(2, 1), [true, false, false]),
    ];
    for (place, filtering) in
        [EndpointIndependent, AddressDependent, AddressAndPortDependent].into_iter().enumerate()
    {
        let mut network = behind(NatKind::new(EndpointIndependent, filtering));
        let outside = one(&mut network, 0, INSIDE, addr(1, 1)).unwrap().from;
        for (from, welcome) in strangers {
            let got = one(&mut network, 0, from, outside).map(|delivery| delivery.to);
            assert_eq!(got, welcome[place].then_some(INSIDE), "{filtering:?} {from}");
        }
    }
}

#[test]
fn a_nat_keeps_ports_forgets_and_turns_around_as_told() {
    let kind = NatKind { preserve_port: true, timeout: Duration::from_secs(30), ..NatKind::FULL_CONE };
    let mut network = behind(kind);
    let outside = addr(NAT, 5060);
    assert!(one(&mut network, 0, A, outside).is_none(), "nobody has spoken yet");
    assert_eq!(one(&mut network, 0, INSIDE, A).unwrap().from, outside);
    let other = one(&mut network, 0, addr(52, 5060), A).unwrap().from;
    assert_ne!(other, outside, "the port is taken");
    // What leaves keeps a mapping alive, what comes in does not (RFC 4787 section 4.3).
    assert!(one(&mut network, 25, INSIDE, A).is_some());
    assert!(one(&mut network, 50, A, outside).is_some());
    assert!(one(&mut network, 56, A, outside).is_none());
    assert!(one(&mut network, 56, A, other).is_none());
    // Hairpin (RFC 4787 section 6).
    let mine = one(&mut network, 60, INSIDE, A).unwrap().from;
    let turned = one(&mut network, 60, addr(52, 7), mine).unwrap();
    assert_eq!((turned.to, turned.from.ip()), (INSIDE, ip(NAT)));
    let mut network = behind(NatKind { hairpin: false, ..kind });
    let mine = one(&mut network, 60, INSIDE, A).unwrap().from;
    assert!(one(&mut network, 60, addr(52, 7), mine).is_none());
    // Neighbours need no NAT, and nobody reaches them without it.
    assert_eq!(one(&mut network, 60, addr(52, 7), INSIDE).unwrap().from, addr(52, 7));
    assert!(one(&mut network, 60, A, INSIDE).is_none());
}

#[test]
fn a_nat_has_so_many_mappings_and_no_more() {
    let kind = NatKind { mappings_max: 2, timeout: Duration::from_secs(30), ..NatKind::FULL_CONE };
    let mut network = behind(kind);
    let ports = [1, 2, 3];
    let got: Vec<bool> =
        ports.iter().map(|&port| one(&mut network, 0, addr(51, port), A).is_some()).collect();
    assert_eq!(got, [true, true, false]);
    assert!(one(&mut network, 40, addr(51, 3), A).is_some(), "the old ones are forgotten");
}
