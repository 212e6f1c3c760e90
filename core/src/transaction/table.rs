//! The four machines as data: RFC 3261 section 17 with the corrections of RFC 6026.
//!
//! What a message, a timer or the transaction user does to a transaction is one row here; what has no row is
//! dropped and counted if it came from outside, and refused if the user asked for it.

use alloc::string::String;
use core::fmt::Write as _;

use super::timing::Timer;

/// Which machine a transaction is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Section 17.1.1.
    ClientInvite,
    /// Section 17.1.2.
    ClientOther,
    /// Section 17.2.1.
    ServerInvite,
    /// Section 17.2.2.
    ServerOther,
}

/// State of a transaction, under the RFCs' names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum State {
    /// Made, and nothing has been sent or received yet.
    Idle,
    /// An INVITE was sent, no response came.
    Calling,
    /// A request other than INVITE waits for its first response.
    Trying,
    /// A provisional response came or may be sent.
    Proceeding,
    /// A 2xx to an INVITE came or was sent (RFC 6026).
    Accepted,
    /// Nobody waits for an INVITE any more, but its final response may be under way.
    GivenUp,
    /// The final response came or was sent.
    Completed,
    /// The ACK of a failure response came.
    Confirmed,
    /// Over: the transaction is removed.
    Terminated,
}

/// What can happen to a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Input {
    /// The user sends the request.
    Send,
    /// The request came, for the first time or again.
    Request,
    /// An ACK came for the INVITE.
    Ack,
    /// A response came: 1xx.
    Receive1xx,
    /// A response came: 2xx.
    Receive2xx,
    /// A response came: 3xx to 6xx.
    ReceiveFailure,
    /// The user answers: 1xx.
    Send1xx,
    /// The user answers: 2xx.
    Send2xx,
    /// The user answers: 3xx to 6xx.
    SendFailure,
    /// The user repeats its 2xx (section 13.3.1.4).
    Repeat2xx,
    /// The user waits no longer for the final response to its INVITE (section 9.1).
    GiveUp,
    /// A timer fired.
    Fired(Timer),
}

/// What a transaction does in return, in the order of the row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Send the request, or the response, that the user gave.
    Transmit,
    /// Send the last message once more.
    Repeat,
    /// Send 100 Trying.
    Send100,
    /// Build the ACK of a failure response (section 17.1.1.3) and send it.
    SendAck,
    /// Send that ACK once more.
    RepeatAck,
    /// Start a timer.
    Start(Timer),
    /// Start it again with its next, longer duration.
    Again(Timer),
    /// Start it again with T2 (section 17.1.2.2).
    AgainT2(Timer),
    /// Stop a timer, if it runs.
    Stop(Timer),
    /// Forget the last message: it is not sent again.
    Forget,
    /// Tell the user: a request.
    TellRequest,
    /// Tell the user: an ACK for a 2xx.
    TellAck,
    /// Tell the user: a provisional response.
    TellProvisional,
    /// Tell the user: a 2xx.
    TellSuccess,
    /// Tell the user: a failure response.
    TellFailure,
    /// Tell the user: no answer (section 8.1.3.1 makes it a 408).
    TellTimeout,
    /// Tell the user: the remote cannot be reached (section 8.1.3.1 makes it a 503).
    TellUnreachable,
    /// Tell the user: no ACK came.
    TellNoAck,
    /// Nothing is due: the default for what came from outside.
    Drop,
    /// Not now: the default for what the user asked for.
    Refuse,
}

/// One row: in this state of this machine, that input has these effects and leads there.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The machine.
    pub kind: Kind,
    /// The state it is in.
    pub state: State,
    /// What happens.
    pub input: Input,
    /// What it does.
    pub effects: &'static [Effect],
    /// The state it is in afterwards.
    pub next: State,
}

const fn row(kind: Kind, state: State, input: Input, effects: &'static [Effect], next: State) -> Row {
    Row { kind, state, input, effects, next }
}

use Effect::{
    Again, AgainT2, Drop, Forget, Refuse, Repeat, RepeatAck, Send100, SendAck, Start, Stop, TellAck,
    TellFailure, TellNoAck, TellProvisional, TellRequest, TellSuccess, TellTimeout, TellUnreachable,
    Transmit,
};
use Input::{
    Ack, Fired, GiveUp, Receive1xx, Receive2xx, ReceiveFailure, Repeat2xx, Request, Send, Send1xx, Send2xx,
    SendFailure,
};
use Kind::{ClientInvite, ClientOther, ServerInvite, ServerOther};
use State::{Accepted, Calling, Completed, Confirmed, GivenUp, Idle, Proceeding, Terminated, Trying};
use Timer::{A, B, D, E, F, G, H, I, J, K, L, M, Unreachable};

/// A state has the same name.
const TRYING: Timer = Timer::Trying;

/// The four machines.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    // Section 17.1.1.2 and RFC 6026 section 7.2. Timer B runs in Calling only: once it rings, the user decides how long.
    // Who is given up may have answered all the same, whatever the network reported: without its ACK it would repeat
    // that for 64·T1.
    row(ClientInvite, Idle,       Send,               &[Transmit, Start(A), Start(B)],                     Calling),
    row(ClientInvite, Calling,    Fired(A),           &[Repeat, Again(A)],                                 Calling),
    row(ClientInvite, Calling,    Fired(B),           &[Stop(A), Start(M), TellTimeout],                   GivenUp),
    row(ClientInvite, Calling,    Fired(Unreachable), &[Stop(A), Start(M), TellUnreachable],               GivenUp),
    row(ClientInvite, Calling,    Receive1xx,         &[Stop(A), Stop(B), TellProvisional],                Proceeding),
    row(ClientInvite, Calling,    Receive2xx,         &[Stop(A), Stop(B), Start(M), TellSuccess],          Accepted),
    row(ClientInvite, Calling,    ReceiveFailure,     &[Stop(A), Stop(B), SendAck, Start(D), TellFailure], Completed),
    row(ClientInvite, Proceeding, Receive1xx,         &[TellProvisional],                                  Proceeding),
    row(ClientInvite, Proceeding, Receive2xx,         &[Start(M), TellSuccess],                            Accepted),
    row(ClientInvite, Proceeding, ReceiveFailure,     &[SendAck, Start(D), TellFailure],                   Completed),
    row(ClientInvite, Proceeding, GiveUp,             &[Start(M)],                                         GivenUp),
    row(ClientInvite, GivenUp,    Receive2xx,         &[Start(M), TellSuccess],                            Accepted),
    row(ClientInvite, GivenUp,    ReceiveFailure,     &[SendAck],                                          GivenUp),
    row(ClientInvite, GivenUp,    Fired(M),           &[],                                                 Terminated),
    row(ClientInvite, Accepted,   Receive2xx,         &[TellSuccess],                                      Accepted),
    row(ClientInvite, Accepted,   ReceiveFailure,     &[RepeatAck],                                        Accepted),
    row(ClientInvite, Accepted,   Fired(M),           &[],                                                 Terminated),
    row(ClientInvite, Completed,  Receive2xx,         &[Start(M), TellSuccess],                            Accepted),
    row(ClientInvite, Completed,  ReceiveFailure,     &[RepeatAck],                                        Completed),
    row(ClientInvite, Completed,  Fired(D),           &[],                                                 Terminated),

    // Section 17.1.2.2. Timer F runs until the final response.
    row(ClientOther, Idle,       Send,               &[Transmit, Start(E), Start(F)],            Trying),
    row(ClientOther, Trying,     Fired(E),           &[Repeat, Again(E)],                        Trying),
    row(ClientOther, Trying,     Fired(F),           &[TellTimeout],                             Terminated),
    row(ClientOther, Trying,     Fired(Unreachable), &[TellUnreachable],                         Terminated),
    row(ClientOther, Trying,     Receive1xx,         &[TellProvisional],                         Proceeding),
    row(ClientOther, Trying,     Receive2xx,         &[Stop(E), Stop(F), Start(K), TellSuccess], Completed),
    row(ClientOther, Trying,     ReceiveFailure,     &[Stop(E), Stop(F), Start(K), TellFailure], Completed),
    row(ClientOther, Proceeding, Fired(E),           &[Repeat, AgainT2(E)],                      Proceeding),
    row(ClientOther, Proceeding, Fired(F),           &[TellTimeout],                             Terminated),
    row(ClientOther, Proceeding, Fired(Unreachable), &[TellUnreachable],                         Terminated),
    row(ClientOther, Proceeding, Receive1xx,         &[TellProvisional],                         Proceeding),
    row(ClientOther, Proceeding, Receive2xx,         &[Stop(E), Stop(F), Start(K), TellSuccess], Completed),
    row(ClientOther, Proceeding, ReceiveFailure,     &[Stop(E), Stop(F), Start(K), TellFailure], Completed),
    row(ClientOther, Completed,  Fired(K),           &[],                                        Terminated),

    // Section 17.2.1 and RFC 6026 section 7.1.
    row(ServerInvite, Idle,       Request,       &[TellRequest, Start(TRYING)],                 Proceeding),
    row(ServerInvite, Proceeding, Request,       &[Repeat],                                     Proceeding),
    row(ServerInvite, Proceeding, Fired(TRYING), &[Send100],                                    Proceeding),
    row(ServerInvite, Proceeding, Send1xx,       &[Stop(TRYING), Transmit],                     Proceeding),
    row(ServerInvite, Proceeding, Send2xx,       &[Stop(TRYING), Transmit, Start(L)],           Accepted),
    row(ServerInvite, Proceeding, SendFailure,   &[Stop(TRYING), Transmit, Start(G), Start(H)], Completed),
    row(ServerInvite, Accepted,   Request,       &[],                                           Accepted),
    row(ServerInvite, Accepted,   Repeat2xx,     &[Repeat],                                     Accepted),
    row(ServerInvite, Accepted,   Ack,           &[TellAck],                                    Accepted),
    row(ServerInvite, Accepted,   Fired(L),      &[],                                           Terminated),
    row(ServerInvite, Completed,  Request,       &[Repeat],                                     Completed),
    row(ServerInvite, Completed,  Fired(G),      &[Repeat, Again(G)],                           Completed),
    row(ServerInvite, Completed,  Fired(H),      &[TellNoAck],                                  Terminated),
    row(ServerInvite, Completed,  Ack,           &[Stop(G), Stop(H), Forget, Start(I)],         Confirmed),
    row(ServerInvite, Confirmed,  Request,       &[],                                           Confirmed),
    row(ServerInvite, Confirmed,  Ack,           &[],                                           Confirmed),
    row(ServerInvite, Confirmed,  Fired(I),      &[],                                           Terminated),

    // Section 17.2.2. Timer F is RFC 4320's: after 64·T1 nobody waits for the answer any more.
    row(ServerOther, Idle,       Request,     &[TellRequest, Start(F)],       Trying),
    row(ServerOther, Trying,     Request,     &[],                            Trying),
    row(ServerOther, Trying,     Send1xx,     &[Transmit],                    Proceeding),
    row(ServerOther, Trying,     Send2xx,     &[Stop(F), Transmit, Start(J)], Completed),
    row(ServerOther, Trying,     SendFailure, &[Stop(F), Transmit, Start(J)], Completed),
    row(ServerOther, Trying,     Fired(F),    &[],                            Terminated),
    row(ServerOther, Proceeding, Request,     &[Repeat],                      Proceeding),
    row(ServerOther, Proceeding, Send1xx,     &[Transmit],                    Proceeding),
    row(ServerOther, Proceeding, Send2xx,     &[Stop(F), Transmit, Start(J)], Completed),
    row(ServerOther, Proceeding, SendFailure, &[Stop(F), Transmit, Start(J)], Completed),
    row(ServerOther, Proceeding, Fired(F),    &[],                            Terminated),
    row(ServerOther, Completed,  Request,     &[Repeat],                      Completed),
    row(ServerOther, Completed,  Fired(J),    &[],                            Terminated),
];

impl Kind {
    /// Every machine.
    pub const ALL: [Self; 4] = [ClientInvite, ClientOther, ServerInvite, ServerOther];
}

impl State {
    /// Every state.
    pub const ALL: [Self; 9] =
        [Idle, Calling, Trying, Proceeding, Accepted, GivenUp, Completed, Confirmed, Terminated];
}

const MESSAGES: [Input; 11] = [
    Send,
    Request,
    Ack,
    Receive1xx,
    Receive2xx,
    ReceiveFailure,
    Send1xx,
    Send2xx,
    SendFailure,
    Repeat2xx,
    GiveUp,
];

impl Input {
    /// How many inputs there are.
    pub const COUNT: usize = MESSAGES.len() + Timer::ALL.len();

    /// Every input.
    pub fn all() -> impl Iterator<Item = Self> {
        MESSAGES.into_iter().chain(Timer::ALL.into_iter().map(Fired))
    }

    /// Its place among all.
    pub const fn index(self) -> usize {
        match self {
            Send => 0,
            Request => 1,
            Ack => 2,
            Receive1xx => 3,
            Receive2xx => 4,
            ReceiveFailure => 5,
            Send1xx => 6,
            Send2xx => 7,
            SendFailure => 8,
            Repeat2xx => 9,
            GiveUp => 10,
            Fired(timer) => MESSAGES.len() + timer as usize,
        }
    }

    /// What it does where it has no row: what the user asks for is refused, all else dropped and counted.
    pub const fn default_effects(self) -> &'static [Effect] {
        match self {
            Send | Send1xx | Send2xx | SendFailure | Repeat2xx | GiveUp => &[Refuse],
            Request | Ack | Receive1xx | Receive2xx | ReceiveFailure | Fired(_) => &[Drop],
        }
    }
}

const NO_ROW: u8 = u8::MAX;
type Dense = [[[u8; Input::COUNT]; State::ALL.len()]; Kind::ALL.len()];

const fn compile(rows: &[Row]) -> Dense {
    assert!(rows.len() < NO_ROW as usize, "a row's number fits into an octet");
    let mut table = [[[NO_ROW; Input::COUNT]; State::ALL.len()]; Kind::ALL.len()];
    let mut number = 0;
    while number < rows.len() {
        let row = &rows[number];
        let cell = &mut table[row.kind as usize][row.state as usize][row.input.index()];
        assert!(*cell == NO_ROW, "two rows for one cell");
        *cell = number as u8;
        number += 1;
    }
    table
}

/// Row number by machine, state and input; two rows for one cell do not compile.
const TABLE: Dense = compile(ROWS);

/// The row of a cell, if it has one.
pub fn find(kind: Kind, state: State, input: Input) -> Option<&'static Row> {
    let number = TABLE.get(kind as usize)?.get(state as usize)?.get(input.index())?;
    ROWS.get(usize::from(*number))
}

/// What `input` does to a machine in `state`, and the state it is in afterwards.
pub fn step(kind: Kind, state: State, input: Input) -> (&'static [Effect], State) {
    match find(kind, state, input) {
        Some(row) => (row.effects, row.next),
        None => (input.default_effects(), state),
    }
}

/// The four machines as Markdown tables.
pub fn markdown() -> String {
    let mut text = String::new();
    for (kind, title) in Kind::ALL.into_iter().zip([
        "INVITE client transaction (RFC 3261 section 17.1.1, RFC 6026)",
        "Non-INVITE client transaction (RFC 3261 section 17.1.2)",
        "INVITE server transaction (RFC 3261 section 17.2.1, RFC 6026)",
        "Non-INVITE server transaction (RFC 3261 section 17.2.2, RFC 4320)",
    ]) {
        push(
            &mut text,
            format_args!("## {title}\n\n| state | input | effects | next |\n|---|---|---|---|\n"),
        );
        for row in ROWS.iter().filter(|row| row.kind == kind) {
            push(&mut text, format_args!("| {:?} | {} | ", row.state, InputName(row.input)));
            for (place, effect) in row.effects.iter().enumerate() {
                let comma = if place == 0 { "" } else { ", " };
                push(&mut text, format_args!("{comma}{}", EffectName(*effect)));
            }
            if row.effects.is_empty() {
                text.push('–');
            }
            push(&mut text, format_args!(" | {:?} |\n", row.next));
        }
        text.push('\n');
    }
    text.push_str(
        "Every other input is dropped and counted; what the user asks for in another state is refused.\n",
    );
    text
}

fn push(text: &mut String, arguments: core::fmt::Arguments<'_>) {
    text.write_fmt(arguments).unwrap_or_default();
}

struct InputName(Input);

impl core::fmt::Display for InputName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Fired(timer) => write!(f, "Timer {}", timer.as_str()),
            other => write!(f, "{other:?}"),
        }
    }
}

struct EffectName(Effect);

impl core::fmt::Display for EffectName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Start(timer) => write!(f, "Start {}", timer.as_str()),
            Again(timer) => write!(f, "Again {}", timer.as_str()),
            AgainT2(timer) => write!(f, "Again {} with T2", timer.as_str()),
            Stop(timer) => write!(f, "Stop {}", timer.as_str()),
            other => write!(f, "{other:?}"),
        }
    }
}
