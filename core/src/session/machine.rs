//! The state machine: the table, compiled, and its lookup.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::action::Action;
use super::state::{Input, State};
use super::table::{Fallback, ROWS, Row, fallback};

/// What a table says about one (state, input).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cell {
    /// Do this and go there.
    Row {
        /// In order.
        actions: &'static [Action],
        /// The state afterwards.
        next: State,
    },
    /// No row: this is what the input means anyway.
    Fallback(Fallback),
}

/// A mistake in a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// Two rows for one cell.
    #[error("two rows for {state:?} on {input:?}")]
    Conflict {
        /// The state.
        state: State,
        /// The input.
        input: Input,
    },
    /// No path of inputs leads there from `Idle`.
    #[error("{state:?} cannot be reached")]
    Unreachable {
        /// The state.
        state: State,
    },
    /// No path of inputs leads from there to `Terminated`: such a session would never end.
    #[error("{state:?} has no way to Terminated")]
    Endless {
        /// The state.
        state: State,
    },
}

/// The rows of a machine. The default is [`ROWS`]; an application may take a copy and change it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateTable {
    rows: Vec<Row>,
}

impl Default for StateTable {
    fn default() -> Self {
        Self { rows: ROWS.to_vec() }
    }
}

impl StateTable {
    /// A table of these rows and no others.
    pub fn from_rows(rows: Vec<Row>) -> Self {
        Self { rows }
    }

    /// The rows, in reading order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Puts `row` in, in place of the one for the same state and input if there is one.
    pub fn set(&mut self, row: Row) {
        match self.rows.iter_mut().find(|old| old.state == row.state && old.input == row.input) {
            Some(old) => *old = row,
            None => self.rows.push(row),
        }
    }

    /// Looks for mistakes: conflicting rows, states that nothing leads to or out of.
    pub fn check(&self) -> Result<(), TableError> {
        for (n, row) in self.rows.iter().enumerate() {
            if self.rows.iter().skip(n + 1).any(|other| other.state == row.state && other.input == row.input)
            {
                return Err(TableError::Conflict { state: row.state, input: row.input });
            }
        }
        let edges = || self.rows.iter().map(|row| (row.state, row.next));
        let forward = closure(State::Idle, edges);
        let backward = closure(State::Terminated, || edges().map(|(from, to)| (to, from)));
        for &state in State::ALL {
            if !forward.contains(&state) {
                return Err(TableError::Unreachable { state });
            }
            if !backward.contains(&state) {
                return Err(TableError::Endless { state });
            }
        }
        Ok(())
    }

    /// The table as Markdown: one section a state, one line a row, and what happens without a row.
    pub fn markdown(&self) -> String {
        let mut text = String::from("| state | input | actions | next |\n|---|---|---|---|\n");
        for &state in State::ALL {
            for row in self.rows.iter().filter(|row| row.state == state) {
                let actions: Vec<String> = row.actions.iter().map(|action| format!("{action:?}")).collect();
                text +=
                    &format!("| {state:?} | {:?} | {} | {:?} |\n", row.input, actions.join(", "), row.next);
            }
        }
        text += "\nWithout a row:\n\n| input | what happens |\n|---|---|\n";
        for &input in Input::ALL {
            text += &format!("| {input:?} | {:?} |\n", fallback(input));
        }
        text
    }

    /// The table as a Mermaid state diagram. Rows that stay in their state are left out.
    pub fn diagram(&self) -> String {
        let mut text = String::from("stateDiagram-v2\n    [*] --> Idle\n");
        for &from in State::ALL {
            for &to in State::ALL {
                let inputs: Vec<String> = self
                    .rows
                    .iter()
                    .filter(|row| row.state == from && row.next == to && from != to)
                    .map(|row| format!("{:?}", row.input))
                    .collect();
                if !inputs.is_empty() {
                    text += &format!("    {from:?} --> {to:?}: {}\n", inputs.join(", "));
                }
            }
        }
        text += "    Terminated --> [*]\n";
        text
    }
}

/// All states that `edges` lead to from `start`.
fn closure<I: Iterator<Item = (State, State)>>(start: State, edges: impl Fn() -> I) -> Vec<State> {
    let mut reached = vec![start];
    let mut next = 0;
    while let Some(&state) = reached.get(next) {
        for (from, to) in edges() {
            if from == state && !reached.contains(&to) {
                reached.push(to);
            }
        }
        next += 1;
    }
    reached
}

impl Default for StateMachine {
    /// By the default table, which a test checks.
    fn default() -> Self {
        Self::compile(&StateTable::default())
    }
}

/// Looks transitions up. It knows nothing of sessions that do not exist: whoever asks has one in hand.
#[derive(Clone, Debug)]
pub struct StateMachine {
    cells: Vec<Cell>,
}

impl StateMachine {
    /// Compiles `table`; refuses one that [`StateTable::check`] finds fault with.
    pub fn new(table: &StateTable) -> Result<Self, TableError> {
        table.check()?;
        Ok(Self::compile(table))
    }

    fn compile(table: &StateTable) -> Self {
        let mut cells = Vec::with_capacity(State::ALL.len() * Input::ALL.len());
        for _ in State::ALL {
            cells.extend(Input::ALL.iter().map(|&input| Cell::Fallback(fallback(input))));
        }
        for row in table.rows() {
            if let Some(cell) = cells.get_mut(place(row.state, row.input)) {
                *cell = Cell::Row { actions: row.actions, next: row.next };
            }
        }
        Self { cells }
    }

    /// What `input` does in `state`.
    pub fn cell(&self, state: State, input: Input) -> Cell {
        self.cells.get(place(state, input)).copied().unwrap_or(Cell::Fallback(Fallback::Ignore))
    }
}

pub(super) const fn place(state: State, input: Input) -> usize {
    state.index() * Input::ALL.len() + input.index()
}
