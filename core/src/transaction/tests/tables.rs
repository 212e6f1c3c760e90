//! The tables themselves, and the durations (RFC 3261 section 17, RFC 6026).

use alloc::format;
use core::time::Duration;

use super::super::table::{Effect, Input, Kind, ROWS, State, find, markdown, step};
use super::super::timing::{Lane, Timer, Timing};
use super::ms;

#[test]
fn every_cell_is_a_row_or_the_default_of_its_input() {
    let mut rows = 0;
    for kind in Kind::ALL {
        for state in State::ALL {
            for (place, input) in Input::all().enumerate() {
                assert_eq!(place, input.index());
                let (effects, next) = step(kind, state, input);
                if let Some(row) = find(kind, state, input) {
                    rows += 1;
                    assert_eq!((row.kind, row.state, row.input), (kind, state, input));
                    assert_eq!((row.effects, row.next), (effects, next));
                } else {
                    assert_eq!((effects, next), (input.default_effects(), state));
                }
            }
        }
    }
    assert_eq!(rows, ROWS.len());
}

#[test]
fn every_timer_that_a_row_starts_has_a_row_where_it_may_fire() {
    for row in ROWS {
        for effect in row.effects {
            if let Effect::Start(timer) | Effect::Again(timer) | Effect::AgainT2(timer) = effect {
                assert!(find(row.kind, row.next, Input::Fired(*timer)).is_some(), "{row:?}");
            }
        }
        assert_ne!(row.state, State::Terminated, "nothing happens after the end");
        let told = row.effects.iter().filter(|effect| format!("{effect:?}").starts_with("Tell"));
        assert!(told.count() <= 1, "{row:?}");
    }
}

/// Whether the timers that a transaction starts lead to its end; nobody starts the report that a remote is unreachable.
fn ends_by_timers(kind: Kind, state: State) -> bool {
    let ends = |timer: &Timer| timer.lane() == Lane::End && *timer != Timer::Unreachable;
    let rows = Timer::ALL.into_iter().filter(ends).filter_map(|timer| find(kind, state, Input::Fired(timer)));
    let mut nexts = rows.map(|row| row.next).filter(|&next| next != state);
    nexts.any(|next| next == State::Terminated || ends_by_timers(kind, next))
}

#[test]
fn every_state_but_those_of_the_user_ends_by_itself() {
    for kind in Kind::ALL {
        for state in State::ALL {
            let reached = ROWS.iter().any(|row| row.kind == kind && row.next == state);
            let users = matches!(
                (kind, state),
                (_, State::Terminated) | (Kind::ClientInvite | Kind::ServerInvite, State::Proceeding)
            );
            if reached && !users {
                assert!(ends_by_timers(kind, state), "{kind:?} {state:?}");
            }
        }
    }
}

/// RFC 3261 sections 17.1.1, 17.1.2 and 17.2.1, RFC 6026.
#[test]
fn the_tables_print_themselves() {
    let text = markdown();
    for expected in [
        "| Calling | Timer A | Repeat, Again A | Calling |",
        "| Completed | Ack | Stop G, Stop H, Forget, Start I | Confirmed |",
        "| Proceeding | Timer E | Repeat, Again E with T2 | Proceeding |",
        "| Accepted | Request | – | Accepted |",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    assert_eq!(text.lines().filter(|line| line.starts_with("| ")).count(), ROWS.len() + Kind::ALL.len());
}

/// RFC 3261 sections 17.1.1.1, 17.1.1.2, 17.1.2.2, 17.2.1 and 17.2.2, RFC 6026 section 7, RFC 4320.
#[test]
fn durations_are_those_of_the_standards() {
    let timing = Timing::default();
    let durations = |reliable| Timer::ALL.map(|timer| timing.first(timer, reliable));
    let (t1, t4, long) = (Some(ms(500)), Some(ms(5_000)), Some(ms(32_000)));
    let (trying, zero) = (Some(ms(200)), Some(Duration::ZERO));
    //                             A     B     D     E     F     G     H     I     J     K     L     M
    assert_eq!(
        durations(false),
        [t1, long, long, t1, long, t1, long, t4, long, t4, long, long, trying, zero]
    );
    let zeros = [None, long, zero, None, long, None, long, zero, zero, zero, long, long, trying, zero];
    assert_eq!(durations(true), zeros);
    assert_eq!(timing.again(Timer::A, ms(16_000)), ms(32_000), "A has no cap");
    assert_eq!(timing.again(Timer::E, ms(2_000)), ms(4_000));
    assert_eq!(timing.again(Timer::E, ms(4_000)), ms(4_000));
    assert_eq!(timing.again(Timer::G, ms(3_000)), ms(4_000));
    assert_eq!(timing.again(Timer::A, Duration::MAX), Duration::MAX);
}
