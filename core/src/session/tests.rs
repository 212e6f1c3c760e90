use super::*;

#[test]
fn the_default_table_has_no_mistake() {
    assert_eq!(StateTable::default().check(), Ok(()));
}

#[test]
fn a_table_with_a_mistake_is_refused() {
    let mut table = StateTable::default();
    let mut rows = table.rows().to_vec();
    rows.retain(|row| row.state != State::Terminating || row.next == State::Terminating);
    table = StateTable::from_rows(rows);
    assert_eq!(table.check(), Err(TableError::Endless { state: State::Terminating }));
    let mut rows = ROWS.to_vec();
    rows.push(ROWS[0]);
    let conflict = TableError::Conflict { state: State::Idle, input: Input::MakeCall };
    assert_eq!(StateMachine::new(&StateTable::from_rows(rows)).err(), Some(conflict));
    let unreachable: Vec<Row> = ROWS
        .iter()
        .copied()
        .filter(|row| row.next != State::Reanswered || row.state == State::Reanswered)
        .collect();
    let missing = TableError::Unreachable { state: State::Reanswered };
    assert_eq!(StateTable::from_rows(unreachable).check(), Err(missing));
}

#[test]
fn an_application_can_put_its_own_row_in() {
    let mut table = StateTable::default();
    const ACTIONS: &[Action] = &[Action::App(7)];
    table.set(Row { state: State::Active, input: Input::RxAck, actions: ACTIONS, next: State::Active });
    let machine = StateMachine::new(&table).unwrap_or_default();
    assert_eq!(
        machine.cell(State::Active, Input::RxAck),
        Cell::Row { actions: ACTIONS, next: State::Active }
    );
}

#[test]
fn every_cell_is_a_row_or_an_explicit_fallback() {
    let machine = StateMachine::default();
    let mut rows = 0;
    for &state in State::ALL {
        for &input in Input::ALL {
            match machine.cell(state, input) {
                Cell::Row { .. } => rows += 1,
                Cell::Fallback(found) => assert_eq!(found, fallback(input)),
            }
        }
    }
    assert_eq!(rows, ROWS.len());
}

#[test]
fn a_session_that_is_only_held_is_small() {
    // What the exchange under way will bring, and most of what only some calls have, is kept by itself.
    let size = size_of::<Session>();
    assert!(size <= 592, "{size}");
}
