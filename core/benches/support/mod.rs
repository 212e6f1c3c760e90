//! A caller made of templates: calls to a coordinator at next to no cost of its own.
//!
//! All that the coordinator does happens inside [`in_core`], so that a profiler can tell it from the caller.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "each of its users needs a part of it"
)]

use std::time::Duration;

use offhook_core::base::ids::SessionId;
use offhook_core::base::time::Instant;
use offhook_core::coordinator::{CoordinatorConfig, Event, Output, UnifiedCoordinator};
use offhook_core::media::{MediaCommand, MediaPort};
use offhook_core::wire::{Path, Transmit};

/// What stands for the number of the call.
const NUMBER: &[u8; 8] = b"########";
/// What stands for the callee's tag.
const TAG: &[u8; 26] = b"TTTTTTTTTTTTTTTTTTTTTTTTTT";

/// As a desk phone writes it, 1 KiB in all.
const INVITE: &str = "INVITE sip:offhook@198.51.100.7:5060;transport=udp SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.33:5062;branch=z9hG4bK-524287-1-########;rport\r\n\
    Max-Forwards: 70\r\n\
    From: \"Alice Liddell\" <sip:alice@example.org>;tag=ac2b6d########\r\n\
    To: <sip:offhook@198.51.100.7>\r\n\
    Call-ID: 7d1c5e80-a52f-4f0e-b1cb-########@192.0.2.33\r\n\
    CSeq: 20 INVITE\r\n\
    Contact: <sip:alice@192.0.2.33:5062;transport=udp>\r\n\
    Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY, REFER\r\n\
    Supported: replaces, timer, 100rel\r\n\
    User-Agent: Example Phone 4.21 (desk)\r\n\
    Accept: application/sdp, application/dtmf-relay\r\n\
    Subject: something to say, at length, until this message is one kibibyte in length\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 312\r\n\
    \r\n\
    v=0\r\n\
    o=alice 2890844526 2890844526 IN IP4 192.0.2.33\r\n\
    s=call\r\n\
    c=IN IP4 192.0.2.33\r\n\
    t=0 0\r\n\
    m=audio 49170 RTP/AVP 9 8 0 18 101\r\n\
    a=rtpmap:9 G722/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:18 G729/8000\r\n\
    a=fmtp:18 annexb=no\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\n\
    a=ptime:20\r\n\
    a=sendrecv\r\n";

const ACK: &str = "ACK sip:offhook@198.51.100.7:5060 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.33:5062;branch=z9hG4bK-524287-2-########;rport\r\n\
    Max-Forwards: 70\r\n\
    From: \"Alice Liddell\" <sip:alice@example.org>;tag=ac2b6d########\r\n\
    To: <sip:offhook@198.51.100.7>;tag=TTTTTTTTTTTTTTTTTTTTTTTTTT\r\n\
    Call-ID: 7d1c5e80-a52f-4f0e-b1cb-########@192.0.2.33\r\n\
    CSeq: 20 ACK\r\n\
    User-Agent: Example Phone 4.21 (desk)\r\n\
    Content-Length: 0\r\n\
    \r\n";

const BYE: &str = "BYE sip:offhook@198.51.100.7:5060 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.33:5062;branch=z9hG4bK-524287-3-########;rport\r\n\
    Max-Forwards: 70\r\n\
    From: \"Alice Liddell\" <sip:alice@example.org>;tag=ac2b6d########\r\n\
    To: <sip:offhook@198.51.100.7>;tag=TTTTTTTTTTTTTTTTTTTTTTTTTT\r\n\
    Call-ID: 7d1c5e80-a52f-4f0e-b1cb-########@192.0.2.33\r\n\
    CSeq: 21 BYE\r\n\
    User-Agent: Example Phone 4.21 (desk)\r\n\
    Content-Length: 0\r\n\
    \r\n";

/// A message with the places where numbers and tags go.
pub(crate) struct Template {
    text: Vec<u8>,
    numbers: Vec<usize>,
    tag: Option<usize>,
}

impl Template {
    fn new(text: &str) -> Self {
        let text = text.as_bytes().to_vec();
        let places = |mark: &[u8]| -> Vec<usize> {
            (0..text.len()).filter(|&at| text[at..].starts_with(mark)).collect()
        };
        let (numbers, tag) = (places(NUMBER), places(TAG).first().copied());
        Self { text, numbers, tag }
    }

    /// The message of this call.
    pub(crate) fn fill(&mut self, call: &Call) -> &[u8] {
        let mut digits = *NUMBER;
        let mut left = call.number;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
        }
        for &at in &self.numbers {
            self.text[at..at + digits.len()].copy_from_slice(&digits);
        }
        if let Some(at) = self.tag {
            self.text[at..at + TAG.len()].copy_from_slice(&call.tag);
        }
        &self.text
    }
}

/// One call, as the caller knows it.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) number: u64,
    /// The callee's tag.
    pub(crate) tag: [u8; 26],
    pub(crate) session: Option<SessionId>,
}

/// What the coordinator is given.
#[derive(Clone, Copy)]
pub(crate) enum Input<'a> {
    Datagram(&'a [u8]),
    Answer(SessionId),
    Timeout,
}

/// What it gave back.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) sent: u64,
    pub(crate) events: u64,
    pub(crate) session: Option<SessionId>,
    /// The last message sent.
    pub(crate) last: Option<Transmit>,
    next_port: u16,
}

/// Gives the coordinator one input and takes and drops every output, as a runtime would.
#[inline(never)]
pub(crate) fn in_core(
    core: &mut UnifiedCoordinator,
    now: Instant,
    path: Path,
    input: Input<'_>,
    seen: &mut Seen,
) {
    match input {
        Input::Datagram(bytes) => core.handle_datagram(now, path, bytes),
        Input::Answer(session) => core.answer(now, session).unwrap(),
        Input::Timeout => core.handle_timeout(now),
    }
    while let Some(output) = core.poll_output() {
        match output {
            Output::Send(transmit) => {
                seen.sent += 1;
                seen.last = Some(transmit);
            }
            Output::Event(event) => {
                seen.events += 1;
                if let Event::Incoming { session, .. } = event {
                    seen.session = Some(session);
                }
            }
            Output::NeedMediaPorts(count) => {
                for _ in 0..count {
                    seen.next_port = seen.next_port.wrapping_add(2) | 1024;
                    let rtp = seen.next_port & !1;
                    core.add_media_port(MediaPort { key: u32::from(rtp), rtp, rtcp: rtp + 1 });
                }
            }
            Output::Media(MediaCommand::Open { .. } | MediaCommand::Close { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// A coordinator and somebody who calls it.
pub(crate) struct Caller {
    pub(crate) core: UnifiedCoordinator,
    pub(crate) now: Instant,
    pub(crate) path: Path,
    pub(crate) seen: Seen,
    pub(crate) invite: Template,
    pub(crate) ack: Template,
    pub(crate) bye: Template,
    calls: u64,
}

impl Caller {
    /// Room for `sessions` calls at a time, and their transactions.
    pub(crate) fn new(sessions: usize) -> Self {
        let mut config = CoordinatorConfig::default();
        config.limits.sessions_max = sessions + 1_000;
        config.limits.half_open_per_source_max = u32::MAX;
        config.limits.source_share_percent = 100;
        config.limits.transactions_max = 4 * sessions + 1_000_000;
        let now = Instant::ZERO;
        let path = Path::udp("198.51.100.7:5060".parse().unwrap(), "192.0.2.33:5062".parse().unwrap());
        let core = UnifiedCoordinator::new(config, [7; 32], now);
        let (invite, ack, bye) = (Template::new(INVITE), Template::new(ACK), Template::new(BYE));
        let mut caller = Self { core, now, path, seen: Seen::default(), invite, ack, bye, calls: 0 };
        caller.input(Input::Timeout);
        caller
    }

    /// Gives the coordinator something.
    pub(crate) fn input(&mut self, input: Input<'_>) {
        in_core(&mut self.core, self.now, self.path, input, &mut self.seen);
    }

    /// A call that rings.
    pub(crate) fn ring(&mut self) -> Call {
        self.calls += 1;
        let mut call = Call { number: self.calls, tag: [0; 26], session: None };
        self.seen.session = None;
        let invite = self.invite.fill(&call);
        in_core(&mut self.core, self.now, self.path, Input::Datagram(invite), &mut self.seen);
        call.session = self.seen.session;
        call
    }

    /// The callee answers.
    pub(crate) fn answer(&mut self, call: &mut Call) {
        self.input(Input::Answer(call.session.expect("the call has come in")));
        let answer = self.seen.last.take().expect("the 200 is sent").payload;
        let tag = answer.windows(5).rposition(|window| window == b";tag=").unwrap() + 5;
        call.tag.copy_from_slice(&answer[tag..tag + TAG.len()]);
    }

    /// The caller acknowledges.
    pub(crate) fn acknowledge(&mut self, call: &Call) {
        let ack = self.ack.fill(call);
        in_core(&mut self.core, self.now, self.path, Input::Datagram(ack), &mut self.seen);
    }

    /// A call that is up: INVITE, 180, 200, ACK.
    pub(crate) fn call(&mut self) -> Call {
        let mut call = self.ring();
        self.answer(&mut call);
        self.acknowledge(&call);
        call
    }

    /// The caller hangs up: BYE, 200.
    pub(crate) fn hang_up(&mut self, call: &Call) {
        let bye = self.bye.fill(call);
        in_core(&mut self.core, self.now, self.path, Input::Datagram(bye), &mut self.seen);
    }

    /// One whole call.
    pub(crate) fn whole_call(&mut self) {
        let call = self.call();
        self.hang_up(&call);
    }

    /// Time passes, and what is due happens when it is due.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.core.poll_timeout().filter(|&due| due <= until) {
            self.now = self.now.max(due);
            self.input(Input::Timeout);
        }
        self.now = until;
    }
}

/// An INVITE of 1 KiB.
pub(crate) fn sample_invite() -> Vec<u8> {
    let call = Call { number: 12_345_678, tag: [0; 26], session: None };
    let text = Template::new(INVITE).fill(&call).to_vec();
    assert_eq!(text.len(), 1024, "one kibibyte");
    text
}
