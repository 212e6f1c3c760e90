//! The floor to measure against: a loop that receives and sends, and is no SIP stack.
//!
//! It answers INVITE with 180 and 200, BYE and all else with 200, ACK not at all, by copying Via, From, To, Call-ID
//! and CSeq. It keeps no state, so it repeats nothing and forgets everything; what it costs is what sockets cost.
//!
//! ```text
//! cargo run --release --example bare_loop -- --bind 127.0.0.1:5060
//! ```

use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;

/// The session description of each 200: audio that nobody listens to.
const SDP: &str = "v=0\r\no=bare 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n\
a=rtpmap:0 PCMU/8000\r\n";
/// What makes our To tag: without state it is the same for every call.
const TAG: &[u8] = b";tag=bare";

fn main() -> ExitCode {
    let mut bind = None;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--bind" => bind = args.next().and_then(|text| text.parse::<SocketAddr>().ok()),
            "--quiet" => {}
            _ => bind = None,
        }
    }
    let Some(bind) = bind else {
        eprintln!("usage: bare_loop --bind IP:PORT [--quiet]");
        return ExitCode::from(2);
    };
    match serve(bind) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bare_loop: {bind}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(bind: SocketAddr) -> std::io::Result<()> {
    let socket = UdpSocket::bind(bind)?;
    let local = socket.local_addr()?;
    println!("ready {local}");
    let contact = format!("Contact: <sip:bare@{local}>\r\n");
    let with_sdp =
        format!("{contact}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}", SDP.len());
    let ringing = format!("{contact}Content-Length: 0\r\n\r\n");
    let (mut request, mut reply) = (vec![0_u8; 65_536], Vec::with_capacity(4096));
    loop {
        let (length, peer) = socket.recv_from(&mut request)?;
        let Some(request) = request.get(..length) else {
            continue;
        };
        if request.starts_with(b"ACK ") || request.starts_with(b"SIP/2.0 ") {
            continue;
        }
        if request.starts_with(b"INVITE ") {
            answer(request, b"SIP/2.0 180 Ringing\r\n", ringing.as_bytes(), &mut reply);
            socket.send_to(&reply, peer)?;
            answer(request, b"SIP/2.0 200 OK\r\n", with_sdp.as_bytes(), &mut reply);
        } else {
            answer(request, b"SIP/2.0 200 OK\r\n", b"Content-Length: 0\r\n\r\n", &mut reply);
        }
        socket.send_to(&reply, peer)?;
    }
}

/// Status line, the five copied headers, the tail.
fn answer(request: &[u8], status: &[u8], tail: &[u8], reply: &mut Vec<u8>) {
    reply.clear();
    reply.extend_from_slice(status);
    for line in request.split(|byte| *byte == b'\n').skip(1) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let copied =
            [&b"Via:"[..], b"From:", b"Call-ID:", b"CSeq:"].iter().any(|name| line.starts_with(name));
        let to = line.starts_with(b"To:");
        if copied || to {
            reply.extend_from_slice(line);
            if to && !line.windows(5).any(|part| part == b";tag=") {
                reply.extend_from_slice(TAG);
            }
            reply.extend_from_slice(b"\r\n");
        }
    }
    reply.extend_from_slice(tail);
}
