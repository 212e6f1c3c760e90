//! The table of a call transfer (RFC 3515), beside that of the session: each REFER, ours or the peer's, runs through it.
//!
//! As in the session's table, guards are decided before the lookup, and what has no row is counted and ignored.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::state::named;

named! {
    /// Where a transfer stands.
    TransferState {
        /// Nothing has been said.
        New = "new",
        /// We sent REFER and have no response.
        Asking = "asked for",
        /// The peer took our REFER and reports what comes of it.
        Watching = "under way",
        /// The peer sent REFER, the application has not consented.
        Pending = "waiting for consent",
        /// The application consented, the new call is being placed.
        Placing = "being carried out",
        /// Over.
        Over = "over",
    }
}

named! {
    /// What can happen to a transfer.
    TransferInput {
        /// Command: let the peer call somebody else.
        Refer = "Refer",
        /// 2xx to our REFER.
        RxGranted = "RxGranted",
        /// 2xx to our REFER that agrees to report nothing (RFC 4488).
        RxGrantedUnreported = "RxGrantedUnreported",
        /// 300 to 699 to our REFER.
        RxRefused = "RxRefused",
        /// Our REFER learned that the peer no longer knows the call (RFC 5057).
        RxGone = "RxGone",
        /// NOTIFY with a provisional status.
        RxProgress = "RxProgress",
        /// NOTIFY with a 2xx.
        RxSuccess = "RxSuccess",
        /// NOTIFY with a final refusal.
        RxFailure = "RxFailure",
        /// NOTIFY that ends the reports and says no outcome.
        RxUnsubscribed = "RxUnsubscribed",
        /// No report for too long.
        Patience = "Patience",
        /// A REFER that can be obeyed.
        RxRefer = "RxRefer",
        /// Command: do what the peer asks; the new call has been made ready.
        Consent = "Consent",
        /// Command: do what the peer asks, but no call can be placed.
        Impossible = "Impossible",
        /// Command: refuse.
        Deny = "Deny",
        /// Nobody consented in time.
        Overdue = "Overdue",
        /// The new call had a provisional response.
        Progress = "Progress",
        /// The new call is answered.
        Answered = "Answered",
        /// The new call ended unanswered.
        Failed = "Failed",
        /// The peer does not want our reports.
        RxUnwatched = "RxUnwatched",
    }
}

/// One step of a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TransferAction {
    /// Send REFER (section 2.4.1).
    SendRefer,
    /// Start waiting for the next report anew.
    ArmPatience,
    /// Stop waiting.
    Disarm,
    /// Tell the application how far the transfer is.
    TellProgress,
    /// Tell the application how the transfer ended.
    TellDone,
    /// Hang our call up: the peer talks to somebody else now.
    HangUp,
    /// The call is gone.
    EndCall,
    /// 202 to the REFER.
    GrantRefer,
    /// NOTIFY: 100, waiting for consent.
    ReportPending,
    /// NOTIFY: a provisional status.
    Report,
    /// NOTIFY: the outcome. It is the last.
    ReportFinal,
    /// Send no more NOTIFY.
    StopReports,
    /// Start the timer that refuses what nobody consents to.
    ArmConsent,
    /// Ask the application.
    TellRequested,
    /// Tell the application about the new call.
    TellStarted,
    /// Place the new call.
    PlaceCall,
}

/// One row: what happens when `input` meets `state`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransferRow {
    /// In this state…
    pub state: TransferState,
    /// …on this input…
    pub input: TransferInput,
    /// …do this, in order…
    pub actions: &'static [TransferAction],
    /// …and be in this state.
    pub next: TransferState,
}

const fn row(
    state: TransferState,
    input: TransferInput,
    actions: &'static [TransferAction],
    next: TransferState,
) -> TransferRow {
    TransferRow { state, input, actions, next }
}

/// The table.
pub const TRANSFER_ROWS: &[TransferRow] = {
    use TransferAction::*;
    use TransferInput as I;
    use TransferState as S;
    &[
        // We ask the peer to call somebody else.
        row(S::New, I::Refer, &[SendRefer], S::Asking),
        row(S::Asking, I::RxGranted, &[ArmPatience], S::Watching),
        row(S::Asking, I::RxGrantedUnreported, &[TellDone, HangUp], S::Over),
        row(S::Asking, I::RxRefused, &[TellDone], S::Over),
        row(S::Asking, I::RxGone, &[TellDone, EndCall], S::Over),
        // A report may overtake the 202 (RFC 6665 section 4.4.1).
        row(S::Asking, I::RxProgress, &[TellProgress], S::Asking),
        row(S::Asking, I::RxSuccess, &[TellDone, HangUp], S::Over),
        row(S::Asking, I::RxFailure, &[TellDone], S::Over),
        row(S::Asking, I::RxUnsubscribed, &[TellDone], S::Over),
        row(S::Watching, I::RxProgress, &[ArmPatience, TellProgress], S::Watching),
        row(S::Watching, I::RxSuccess, &[Disarm, TellDone, HangUp], S::Over),
        row(S::Watching, I::RxFailure, &[Disarm, TellDone], S::Over),
        row(S::Watching, I::RxUnsubscribed, &[Disarm, TellDone], S::Over),
        row(S::Watching, I::Patience, &[TellDone], S::Over),
        // The peer asks us to call somebody else.
        row(S::New, I::RxRefer, &[GrantRefer, ReportPending, ArmConsent, TellRequested], S::Pending),
        row(S::Pending, I::Consent, &[Disarm, Report, TellStarted, PlaceCall], S::Placing),
        row(S::Pending, I::Impossible, &[Disarm, ReportFinal], S::Over),
        row(S::Pending, I::Deny, &[Disarm, ReportFinal], S::Over),
        row(S::Pending, I::Overdue, &[ReportFinal], S::Over),
        row(S::Pending, I::RxUnwatched, &[StopReports], S::Pending),
        row(S::Placing, I::Progress, &[Report], S::Placing),
        row(S::Placing, I::Answered, &[ReportFinal], S::Over),
        row(S::Placing, I::Failed, &[ReportFinal], S::Over),
        row(S::Placing, I::RxUnwatched, &[StopReports], S::Placing),
    ]
};

/// The row for `input` in `state`.
pub fn transfer_row(state: TransferState, input: TransferInput) -> Option<&'static TransferRow> {
    TRANSFER_ROWS.iter().find(|row| row.state == state && row.input == input)
}

/// The table as a Mermaid diagram and as Markdown.
pub fn transfer_page() -> String {
    let mut text = String::from("```mermaid\nstateDiagram-v2\n    [*] --> New\n");
    for row in TRANSFER_ROWS.iter().filter(|row| row.state != row.next) {
        text += &format!("    {:?} --> {:?}: {:?}\n", row.state, row.next, row.input);
    }
    text += "    Over --> [*]\n```\n\n| state | input | actions | next |\n|---|---|---|---|\n";
    for row in TRANSFER_ROWS {
        let actions: Vec<String> = row.actions.iter().map(|action| format!("{action:?}")).collect();
        text += &format!("| {:?} | {:?} | {} | {:?} |\n", row.state, row.input, actions.join(", "), row.next);
    }
    text + "\nWithout a row an input is counted and ignored.\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_has_two_rows_and_every_state_ends() {
        for (n, row) in TRANSFER_ROWS.iter().enumerate() {
            let again =
                TRANSFER_ROWS.iter().skip(n + 1).any(|it| (it.state, it.input) == (row.state, row.input));
            assert!(!again, "{row:?}");
        }
        for state in TransferState::ALL.iter().filter(|&&state| state != TransferState::Over) {
            assert!(TRANSFER_ROWS.iter().any(|row| row.state == *state && row.next != *state), "{state:?}");
        }
        for input in TransferInput::ALL {
            assert!(TRANSFER_ROWS.iter().any(|row| row.input == *input), "{input:?} is good for nothing");
        }
    }

    #[test]
    fn whoever_waits_without_a_transaction_has_a_timer() {
        use TransferAction::{ArmConsent, ArmPatience};
        for row in TRANSFER_ROWS.iter().filter(|row| row.state != row.next) {
            match row.next {
                TransferState::Watching => assert!(row.actions.contains(&ArmPatience), "{row:?}"),
                TransferState::Pending => assert!(row.actions.contains(&ArmConsent), "{row:?}"),
                _ => {}
            }
        }
    }
}
