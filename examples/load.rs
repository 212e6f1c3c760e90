//! A light load generator: a fixed number of calls in flight, each INVITE, 200, ACK, BYE, 200, then the next.
//!
//! It is made to cost little beside the server it saturates: one thread, one socket, no parsing beyond what a call
//! needs. It repeats a request after 500 ms (then 1 s, 2 s …) and gives a call up after 8 s.
//!
//! ```text
//! cargo run --release --example load -- 127.0.0.1:5060 --calls 20000 --flight 48
//! cargo run --release --example load -- 127.0.0.1:5060 --calls 2000 --rate 100 --hold 500 --from 127.0.0.7
//! ```
//!
//! With `--rate` a call begins when its time has come and a place in flight is free; `--hold` is the time between the ACK
//! and the BYE. The last line says how long the set-up of a call took, from the first INVITE to the 200, how many of the calls that
//! failed were refused (the others got no answer), and how many calls a second went well while calls were begun.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The first wait for an answer, T1 of RFC 3261.
const T1: Duration = Duration::from_millis(500);
/// A call that has not moved for so long has failed.
const GIVE_UP: Duration = Duration::from_secs(8);

/// Octets that wait to be read.
const RECEIVE_BUFFER: usize = 4 << 20;

/// What a call waits for.
#[derive(Clone, Copy, PartialEq)]
enum Wait {
    Answer,
    /// The call is up; its BYE is ready.
    HangUp,
    Goodbye,
    Nothing,
}

/// One call in flight; its slot number is in its Call-ID.
struct Call {
    serial: u64,
    wait: Wait,
    request: Vec<u8>,
    since: Instant,
    repeat_at: Instant,
    interval: Duration,
}

/// What the run comes to.
#[derive(Default)]
struct Totals {
    /// Microseconds from the first INVITE to the 200, of each call.
    set_up: Vec<u64>,
    started: u64,
    done: u64,
    failed: u64,
    /// Those of them that got a refusal; the others got nothing.
    refused: u64,
    /// Those that were done when the last one was begun, and when that was.
    window: (u64, Duration),
    retransmitted: u64,
}

/// What is asked for.
#[derive(Clone, Copy)]
struct Wanted {
    target: SocketAddr,
    from: Option<IpAddr>,
    calls: u64,
    /// Calls in flight at most.
    flight: usize,
    /// Calls begun a second; `None` is as many as fit.
    rate: Option<f64>,
    /// From the ACK to the BYE.
    hold: Duration,
}

struct Load {
    socket: UdpSocket,
    target: SocketAddr,
    local: SocketAddr,
    rtp_port: u16,
    wanted: Wanted,
    begun: Instant,
    calls: Vec<Call>,
    /// Those that have no call.
    idle: Vec<usize>,
    /// When to look at which again, unless it has another call by then.
    alarms: BinaryHeap<Reverse<(Instant, usize, u64)>>,
    totals: Totals,
}

fn main() -> ExitCode {
    let Some(wanted) = read_arguments(std::env::args().skip(1)) else {
        eprintln!(
            "usage: load IP:PORT [--calls N] [--flight N] [--rate CALLS_PER_SECOND] [--hold MS] [--from IP]"
        );
        return ExitCode::from(2);
    };
    match run(wanted) {
        Ok(failed) => ExitCode::from(u8::from(failed > 0)),
        Err(error) => {
            eprintln!("load: {}: {error}", wanted.target);
            ExitCode::FAILURE
        }
    }
}

fn read_arguments(mut args: impl Iterator<Item = String>) -> Option<Wanted> {
    let mut target = None;
    let (mut from, mut calls, mut flight, mut rate, mut hold) = (None, 5000, 48, None, Duration::ZERO);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--calls" => calls = args.next()?.parse().ok()?,
            "--flight" => flight = args.next()?.parse().ok().filter(|flight| *flight > 0)?,
            "--rate" => rate = Some(args.next()?.parse().ok().filter(|rate| *rate > 0.0)?),
            "--hold" => hold = Duration::from_millis(args.next()?.parse().ok()?),
            "--from" => from = Some(args.next()?.parse().ok()?),
            text => target = Some(text.parse().ok()?),
        }
    }
    Some(Wanted { target: target?, from, calls, flight, rate, hold })
}

fn run(wanted: Wanted) -> std::io::Result<u64> {
    let target = wanted.target;
    let any = if target.ip().is_loopback() { target.ip() } else { "0.0.0.0".parse().expect("an address") };
    let socket = UdpSocket::bind((wanted.from.unwrap_or(any), 0))?;
    socket.connect(target)?;
    // What a busy server answers in one go.
    socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
    // How finely calls are begun and ended.
    let tick = if wanted.rate.is_some() || !wanted.hold.is_zero() { T1 / 100 } else { T1 / 5 };
    socket.set_read_timeout(Some(tick))?;
    let local = socket.local_addr()?;
    // RTP may come: it goes to a socket of its own that nobody reads.
    let sink = UdpSocket::bind((local.ip(), 0))?;
    let rtp_port = sink.local_addr()?.port();
    let begun = Instant::now();
    let idle = || Call {
        serial: 0,
        wait: Wait::Nothing,
        request: Vec::new(),
        since: begun,
        repeat_at: begun,
        interval: T1,
    };
    let calls = (0..wanted.flight).map(|_| idle()).collect();
    let (idle, alarms, totals) = ((0..wanted.flight).collect(), BinaryHeap::new(), Totals::default());
    let mut load = Load { socket, target, local, rtp_port, wanted, begun, calls, idle, alarms, totals };
    load.look(begun)?;
    let (mut buffer, mut look_at) = (vec![0_u8; 65_536], begun + tick);
    while load.totals.done + load.totals.failed < wanted.calls {
        match load.socket.recv(&mut buffer) {
            Ok(length) => load.response(buffer.get(..length).unwrap_or_default())?,
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(e) if e.kind() == ErrorKind::ConnectionRefused => {} // The server is gone: the calls will time out.
            Err(e) => return Err(e),
        }
        let now = Instant::now();
        if now >= look_at {
            load.look(now)?;
            look_at = now + tick;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let Totals { mut set_up, done, failed, refused, retransmitted, window, .. } = load.totals;
    set_up.sort_unstable();
    let ms = |share: usize| set_up.get(set_up.len() * share / 100).map_or(f64::NAN, |us| *us as f64 / 1000.0);
    println!(
        "calls {done} failed {failed} retransmitted {retransmitted} seconds {seconds:.3} set-up p50 {:.2} p95 {:.2} p99 {:.2} ms refused {refused} goodput {:.0}/s",
        ms(50),
        ms(95),
        ms(99),
        window.0 as f64 / window.1.as_secs_f64()
    );
    Ok(failed)
}

impl Load {
    /// Puts the next call into a slot, or leaves it empty when all are started.
    fn next_call(&mut self, slot: usize) -> std::io::Result<()> {
        let Some(call) = self.calls.get_mut(slot) else {
            return Ok(());
        };
        call.wait = Wait::Nothing;
        call.serial = 0;
        let due = self
            .wanted
            .rate
            .is_none_or(|rate| self.begun.elapsed().as_secs_f64() * rate >= self.totals.started as f64);
        if self.totals.started == self.wanted.calls || !due {
            self.idle.push(slot);
            return Ok(());
        }
        self.totals.started += 1;
        self.totals.window = (self.totals.done, self.begun.elapsed());
        call.serial = self.totals.started;
        let (serial, local, target) = (call.serial, self.local, self.target);
        let sdp = format!(
            "v=0\r\no=load {serial} 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {} RTP/AVP 0 101\r\n\
             a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n",
            self.rtp_port,
            ip = local.ip(),
        );
        let invite = format!(
            "INVITE sip:load@{target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKi{serial};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:load@{local}>;tag=f{serial}\r\nTo: <sip:load@{target}>\r\n\
             Call-ID: {slot}-{serial}@{local}\r\nCSeq: 1 INVITE\r\nContact: <sip:load@{local}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len(),
        );
        self.send(slot, Wait::Answer, invite.into_bytes())
    }

    /// Sends a request that wants an answer.
    fn send(&mut self, slot: usize, wait: Wait, request: Vec<u8>) -> std::io::Result<()> {
        let now = Instant::now();
        tolerant(self.socket.send(&request))?;
        if let Some(call) = self.calls.get_mut(slot) {
            *call = Call { wait, request, since: now, repeat_at: now + T1, interval: T1, ..*call };
        }
        self.wake(slot);
        Ok(())
    }

    /// Has the call in this slot looked at when it is due to repeat, or to end.
    fn wake(&mut self, slot: usize) {
        if let Some(call) = self.calls.get(slot) {
            self.alarms.push(Reverse((call.repeat_at, slot, call.serial)));
        }
    }

    /// Reads a response and moves its call on.
    fn response(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let Some((slot, serial)) = header(bytes, b"Call-ID:").and_then(slot_and_serial) else {
            return Ok(());
        };
        let status = bytes.strip_prefix(b"SIP/2.0 ").and_then(|rest| rest.first().copied());
        let Some(wait) = self.calls.get(slot).filter(|call| call.serial == serial).map(|call| call.wait)
        else {
            return Ok(()); // An answer to a call that is over.
        };
        let to_invite = header(bytes, b"CSeq:").is_some_and(|value| value.ends_with(b"INVITE"));
        match (wait, status) {
            (_, None | Some(b'1')) => Ok(()),
            (Wait::Answer, Some(b'2')) if to_invite => {
                let ack = self.in_dialog(bytes, "ACK", 1, serial);
                tolerant(self.socket.send(&ack))?;
                let bye = self.in_dialog(bytes, "BYE", 2, serial);
                let now = Instant::now();
                if let Some(call) = self.calls.get_mut(slot) {
                    self.totals.set_up.push((now - call.since).as_micros() as u64);
                }
                if self.wanted.hold.is_zero() {
                    return self.send(slot, Wait::Goodbye, bye);
                }
                if let Some(call) = self.calls.get_mut(slot) {
                    (call.wait, call.request, call.repeat_at) = (Wait::HangUp, bye, now + self.wanted.hold);
                }
                self.wake(slot);
                Ok(())
            }
            (Wait::Goodbye | Wait::HangUp, Some(b'2')) if to_invite => {
                let ack = self.in_dialog(bytes, "ACK", 1, serial); // The 200 came again: so does its ACK.
                tolerant(self.socket.send(&ack))
            }
            (Wait::Goodbye, Some(b'2')) => {
                self.totals.done += 1;
                self.next_call(slot)
            }
            (Wait::Nothing | Wait::HangUp, _) => Ok(()),
            (Wait::Answer | Wait::Goodbye, _) => {
                if to_invite {
                    let ack = self.in_dialog(bytes, "ACK", 1, serial);
                    tolerant(self.socket.send(&ack))?;
                }
                self.totals.failed += 1;
                self.totals.refused += 1;
                self.next_call(slot)
            }
        }
    }

    /// A request in the dialog that a response made: its target is the Contact, its To has the tag.
    fn in_dialog(&self, response: &[u8], method: &str, cseq: u32, serial: u64) -> Vec<u8> {
        let text =
            |name: &[u8]| String::from_utf8_lossy(header(response, name).unwrap_or_default()).into_owned();
        let contact = text(b"Contact:");
        let uri = contact.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(uri, _)| uri);
        let target = uri.map_or_else(|| format!("sip:load@{}", self.target), str::to_owned);
        // The ACK to a failure belongs to the INVITE's transaction, all others have their own (17.1.1.3, 13.2.2.4).
        let success = response.starts_with(b"SIP/2.0 2");
        let branch = if method == "BYE" {
            'b'
        } else if success {
            'a'
        } else {
            'i'
        };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{branch}{serial};rport\r\n\
             Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
             Content-Length: 0\r\n\r\n",
            self.local,
            text(b"From:"),
            text(b"To:"),
            text(b"Call-ID:"),
        )
        .into_bytes()
    }

    /// Begins and ends calls whose time has come, repeats what waits too long, gives up what waited for ever.
    fn look(&mut self, now: Instant) -> std::io::Result<()> {
        while self.alarms.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            let Some(Reverse((_, slot, serial))) = self.alarms.pop() else { break };
            let Some(call) = self.calls.get_mut(slot) else { continue };
            // What has moved on since has an alarm of its own.
            if call.serial != serial || call.wait == Wait::Nothing || now < call.repeat_at {
                continue;
            }
            if call.wait == Wait::HangUp {
                let bye = std::mem::take(&mut call.request);
                self.send(slot, Wait::Goodbye, bye)?;
                continue;
            }
            if now - call.since > GIVE_UP {
                self.totals.failed += 1;
                self.next_call(slot)?;
                continue;
            }
            call.interval *= 2;
            call.repeat_at = now + call.interval;
            self.totals.retransmitted += 1;
            tolerant(self.socket.send(&call.request))?;
            self.wake(slot);
        }
        while let Some(slot) = self.idle.pop() {
            let before = self.totals.started;
            self.next_call(slot)?;
            if self.totals.started == before {
                break;
            }
        }
        Ok(())
    }
}

/// A datagram that could not leave is a lost datagram, and the call repeats it.
fn tolerant(sent: std::io::Result<usize>) -> std::io::Result<()> {
    match sent {
        Ok(_) => Ok(()),
        Err(e) if matches!(e.kind(), ErrorKind::ConnectionRefused | ErrorKind::WouldBlock) => Ok(()),
        Err(e) => Err(e),
    }
}

/// The trimmed value of the first header of that name (its usual spelling only).
fn header<'a>(message: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    message
        .split(|byte| *byte == b'\n')
        .skip(1)
        .find_map(|line| line.strip_prefix(name))
        .map(<[u8]>::trim_ascii)
}

/// Reads `slot-serial@…`.
fn slot_and_serial(call_id: &[u8]) -> Option<(usize, u64)> {
    let text = std::str::from_utf8(call_id).ok()?;
    let (slot, serial) = text.split_once('@')?.0.split_once('-')?;
    Some((slot.parse().ok()?, serial.parse().ok()?))
}
