//! What a runtime brings, part by part: the contract of the traits in `offhook_core::peer`.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use offhook_core::peer::{RecvBatch, Runtime, Socket, Task, Timer};
use smol::channel::bounded;

use super::{LOOPBACK, poll_once, sleep, soon, within};
use crate::rt::R;

super::on_runtime! {
    a_timer_is_set_again_and_again,
    the_clock_goes_forward,
    randomness_and_the_time_of_day,
    a_name_has_addresses,
    a_task_outlives_its_handle,
    a_stopped_task_is_gone,
    a_task_that_panicked_is_stopped_in_peace,
    a_read_takes_many_datagrams,
    every_datagram_is_announced,
    the_address_that_was_called_is_told_and_used,
    a_media_socket_sends_from_the_address_it_is_told,
    undeliverable_datagrams_are_reported,
    a_flood_of_reports_ends,
    a_burst_of_signalling_finds_room,
    what_did_not_get_in_is_counted,
    a_socket_that_is_in_use_is_refused,
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Ready when the timer is.
async fn due<T: Timer>(timer: &mut T) {
    std::future::poll_fn(|cx| timer.poll(cx)).await;
}

async fn a_timer_is_set_again_and_again() {
    let runtime = R::current().unwrap();
    let mut timer = runtime.timer();
    assert!(poll_once(due(&mut timer)).await.is_none(), "it was never set");
    let begun = runtime.now();
    timer.set(begun + ms(60_000));
    assert!(poll_once(due(&mut timer)).await.is_none());
    // Nearer while somebody waits, then again after it was due.
    for n in 1..=3 {
        let at = begun + ms(20 * n);
        timer.set(at);
        soon(due(&mut timer)).await;
        assert!(runtime.now() >= at);
    }
    // Farther than it was, and in the past.
    timer.set(runtime.now() + ms(5));
    timer.set(runtime.now() + ms(60_000));
    assert!(within(ms(30), due(&mut timer)).await.is_none());
    timer.set(begun);
    soon(due(&mut timer)).await;
}

async fn the_clock_goes_forward() {
    let runtime = R::current().unwrap();
    let first = runtime.now();
    sleep(ms(10)).await;
    assert!(runtime.now() >= first + ms(10));
}

async fn randomness_and_the_time_of_day() {
    let runtime = R::current().unwrap();
    assert_ne!(runtime.entropy().unwrap(), runtime.entropy().unwrap());
    let years = runtime.unix_time().as_secs() / (365 * 24 * 3600);
    assert!((50..200).contains(&years), "{years}");
}

async fn a_name_has_addresses() {
    let runtime = R::current().unwrap();
    let found = soon(runtime.lookup(String::from("localhost"), 5070)).await.unwrap();
    assert!(found.iter().all(|addr| addr.ip().is_loopback() && addr.port() == 5070), "{found:?}");
    assert!(!found.is_empty());
    soon(runtime.lookup(String::from("nowhere.invalid"), 5070)).await.unwrap_err();
    let route = runtime.route(SocketAddr::from(([127, 0, 0, 1], 9))).unwrap();
    assert!(route.is_loopback());
}

async fn a_task_outlives_its_handle() {
    let runtime = R::current().unwrap();
    let (sender, receiver) = bounded(1);
    drop(runtime.spawn(async move {
        sleep(ms(5)).await;
        sender.send(()).await.unwrap();
    }));
    soon(receiver.recv()).await.unwrap();
}

async fn a_stopped_task_is_gone() {
    let runtime = R::current().unwrap();
    let held = Arc::new(());
    let task = runtime.spawn({
        let held = Arc::clone(&held);
        async move {
            std::future::pending::<()>().await;
            drop(held);
        }
    });
    soon(task.stop()).await;
    assert_eq!(Arc::strong_count(&held), 1);
    // One that has ended by itself.
    let (sender, receiver) = bounded(1);
    let task = runtime.spawn(async move { sender.send(()).await.unwrap() });
    soon(receiver.recv()).await.unwrap();
    soon(task.stop()).await;
}

async fn a_task_that_panicked_is_stopped_in_peace() {
    let runtime = R::current().unwrap();
    let (sender, receiver) = bounded::<()>(1);
    let task = runtime.spawn(async move {
        let _dropped_by_the_panic = sender;
        panic!("on purpose");
    });
    soon(receiver.recv()).await.unwrap_err();
    // The runtime may have the panic in its hands only a moment after.
    sleep(ms(20)).await;
    soon(task.stop()).await;
}

/// Reads what is there: payload, sender, and the address it came to.
fn read(socket: &impl Socket, slots: usize) -> Vec<(Vec<u8>, SocketAddr, Option<IpAddr>)> {
    let mut batch = RecvBatch::new(slots, 65_536);
    match socket.try_recv(&mut batch) {
        Ok(()) => batch.iter().map(|got| (got.bytes.to_vec(), got.remote, got.local)).collect(),
        Err(_) => Vec::new(),
    }
}

async fn a_read_takes_many_datagrams() {
    let runtime = R::current().unwrap();
    let other = UdpSocket::bind(LOOPBACK).unwrap();
    for socket in [runtime.bind(LOOPBACK).unwrap(), runtime.bind_media(LOOPBACK).unwrap()] {
        for n in 0..40_u8 {
            other.send_to(&[n], socket.local_addr()).unwrap();
        }
        let (mut got, mut reads) = (Vec::new(), 0);
        while got.len() < 40 {
            soon(socket.recv_ready()).await.unwrap();
            got.extend(read(&socket, 16).into_iter().map(|(payload, _, _)| payload[0]));
            reads += 1;
        }
        assert_eq!(got, (0..40).collect::<Vec<u8>>());
        assert!(reads <= 10, "{reads} reads");
    }
}

async fn every_datagram_is_announced() {
    let runtime = R::current().unwrap();
    let other = UdpSocket::bind(LOOPBACK).unwrap();
    for socket in [runtime.bind(LOOPBACK).unwrap(), runtime.bind_media(LOOPBACK).unwrap()] {
        for n in 0..50_u8 {
            let mut batch = RecvBatch::new(4, 2048);
            let nothing = socket.try_recv(&mut batch).unwrap_err();
            assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
            if n % 2 == 0 {
                // Somebody waited and went away.
                assert!(poll_once(socket.recv_ready()).await.is_none_or(|ready| ready.is_ok()));
            }
            other.send_to(&[n], socket.local_addr()).unwrap();
            let mut got = Vec::new();
            while got.is_empty() {
                soon(socket.recv_ready()).await.unwrap();
                got = read(&socket, 4);
            }
            assert_eq!(got[0].0, [n]);
            assert_eq!(got[0].1, other.local_addr().unwrap());
        }
    }
}

async fn the_address_that_was_called_is_told_and_used() {
    let runtime = R::current().unwrap();
    let socket = runtime.bind(SocketAddr::from(([0, 0, 0, 0], 0))).unwrap();
    let called: IpAddr = [127, 0, 0, 2].into();
    let other = UdpSocket::bind(LOOPBACK).unwrap();
    other.send_to(b"hello", (called, socket.local_addr().port())).unwrap();
    let mut got = Vec::new();
    while got.is_empty() {
        soon(socket.recv_ready()).await.unwrap();
        got = read(&socket, 4);
    }
    let (payload, remote, local) = got.remove(0);
    assert_eq!((payload.as_slice(), local), (&b"hello"[..], Some(called)));
    answer_comes_from(&socket, called, &other, remote);
}

async fn a_media_socket_sends_from_the_address_it_is_told() {
    let runtime = R::current().unwrap();
    let socket = runtime.bind_media(SocketAddr::from(([0, 0, 0, 0], 0))).unwrap();
    let other = UdpSocket::bind(LOOPBACK).unwrap();
    let remote = other.local_addr().unwrap();
    for last in [2, 3] {
        answer_comes_from(&socket, [127, 0, 0, last].into(), &other, remote);
    }
}

/// Sends from `local`, and looks where it came from. On loopback it is there at once.
fn answer_comes_from(socket: &impl Socket, local: IpAddr, other: &UdpSocket, remote: SocketAddr) {
    socket.try_send(Some(local), remote, b"answer").unwrap();
    let (len, from) = other.recv_from(&mut [0; 16]).unwrap();
    assert_eq!((len, from), (6, SocketAddr::new(local, socket.local_addr().port())));
}

/// An address where nobody is: free a moment ago.
fn closed() -> SocketAddr {
    UdpSocket::bind(LOOPBACK).unwrap().local_addr().unwrap()
}

/// Waits for the socket and reads what came, until `enough`: the reports and the payloads.
async fn serve(
    socket: &impl Socket,
    enough: impl Fn(&[SocketAddr], &[Vec<u8>]) -> bool,
) -> (Vec<SocketAddr>, Vec<Vec<u8>>) {
    let (mut reports, mut got) = (Vec::new(), Vec::new());
    soon(async {
        while !enough(&reports, &got) {
            socket.recv_ready().await.unwrap();
            // As the driver does: read, then ask for a bounded number of reports.
            got.extend(read(socket, 4).into_iter().map(|(payload, _, _)| payload));
            reports.extend(std::iter::from_fn(|| socket.take_icmp_error()).take(4));
        }
    })
    .await;
    (reports, got)
}

async fn undeliverable_datagrams_are_reported() {
    let runtime = R::current().unwrap();
    let socket = runtime.bind(LOOPBACK).unwrap();
    let (gone, other) = (closed(), UdpSocket::bind(LOOPBACK).unwrap());
    for n in 0..3 {
        socket.try_send(None, gone, b"anybody?").unwrap();
        let (reports, got) = serve(&socket, |reports, _| !reports.is_empty()).await;
        assert_eq!((reports, got), (vec![gone], vec![]), "round {n}");
        other.send_to(b"still there?", socket.local_addr()).unwrap();
        let (reports, got) = serve(&socket, |_, got| !got.is_empty()).await;
        assert_eq!((reports, got), (vec![], vec![b"still there?".to_vec()]), "round {n}");
    }
}

async fn a_flood_of_reports_ends() {
    let runtime = R::current().unwrap();
    let socket = runtime.bind(LOOPBACK).unwrap();
    let (gone, other) = (closed(), UdpSocket::bind(LOOPBACK).unwrap());
    for _ in 0..50 {
        // A report of an earlier one may be told in place of sending this one.
        if socket.try_send(None, gone, b"anybody?").is_err() {
            socket.try_send(None, gone, b"anybody?").unwrap();
        }
    }
    other.send_to(b"still there?", socket.local_addr()).unwrap();
    let (reports, got) = serve(&socket, |reports, got| reports.len() >= 50 && !got.is_empty()).await;
    assert_eq!((reports, got), (vec![gone; 50], vec![b"still there?".to_vec()]));
    // Then it is quiet: a socket that stays ready would keep the loop awake for ever.
    let mut wakes = 0;
    within(Duration::from_millis(50), async {
        loop {
            socket.recv_ready().await.unwrap();
            assert!(read(&socket, 4).is_empty() && socket.take_icmp_error().is_none());
            wakes += 1;
        }
    })
    .await;
    assert!(wakes < 5, "{wakes} wakes for nothing");
}

/// Sends datagrams while nobody reads, then reads all that got in: how many.
async fn burst(socket: &impl Socket, count: usize, length: usize) -> usize {
    let other = UdpSocket::bind(LOOPBACK).unwrap();
    for _ in 0..count {
        other.send_to(&vec![b'x'; length], socket.local_addr()).unwrap();
    }
    let mut arrived = 0;
    soon(socket.recv_ready()).await.unwrap();
    loop {
        match read(socket, 32).len() {
            0 => return arrived,
            more => arrived += more,
        }
    }
}

async fn a_burst_of_signalling_finds_room() {
    let socket = R::current().unwrap().bind(LOOPBACK).unwrap();
    let limit = std::fs::read_to_string("/proc/sys/net/core/rmem_max").ok();
    let limit = limit.and_then(|text| text.trim().parse::<usize>().ok()).unwrap_or(0);
    if limit < 4 * 1024 * 1024 {
        return println!("the system allows {limit} octets; nothing to see here");
    }
    // Twice what finds room in the 208 KiB that a system gives by itself.
    assert_eq!(burst(&socket, 1000, 600).await, 1000);
    assert_eq!(socket.datagrams_lost().unwrap_or(0), 0);
}

async fn what_did_not_get_in_is_counted() {
    let socket = R::current().unwrap().bind(LOOPBACK).unwrap();
    let Some(before) = socket.datagrams_lost() else { return println!("the system does not tell") };
    let sent = 20_000;
    let arrived = burst(&socket, sent, 1200).await;
    let lost = socket.datagrams_lost().unwrap().wrapping_sub(before) as usize;
    assert!(lost > 0, "all of it found room");
    assert_eq!(arrived + lost, sent);
}

async fn a_socket_that_is_in_use_is_refused() {
    let runtime = R::current().unwrap();
    let first = runtime.bind(LOOPBACK).unwrap();
    let error = runtime.bind(first.local_addr()).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let addr = first.local_addr();
    drop(first);
    runtime.bind_media(addr).map(drop).unwrap();
    let socket = runtime.bind(LOOPBACK).unwrap();
    soon(socket.send_ready()).await.unwrap();
}
