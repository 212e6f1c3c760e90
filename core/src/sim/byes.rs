//! A telephone that hangs up by BYE before it has answered. RFC 3261 section 15 lets callers alone do so; some callees do it
//! all the same, and ours does not: it refuses.

use crate::session::Action::{CloseMedia, DisarmAll, SendBye, SendReject, TellEnded};
use crate::session::{Input, Row, State, StateTable};

/// The default table with that habit: the BYE goes first, and the final response after it.
pub(crate) fn table() -> StateTable {
    let mut table = StateTable::default();
    table.set(Row {
        state: State::Ringing,
        input: Input::Hangup,
        actions: &[SendBye, DisarmAll, SendReject, CloseMedia, TellEnded],
        next: State::Terminating,
    });
    table
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_is_sound() {
        assert_eq!(super::table().check(), Ok(()));
    }
}
