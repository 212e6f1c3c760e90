//! A ladder for terminals and snapshots.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::label::plain;
use super::{Fate, Ladder, What};

/// Columns before the first lifeline: the time and two spaces.
const TIME: usize = 10;
const FIRST: usize = TIME + 2;
/// Columns from one lifeline to the next.
const STEP: usize = 36;
/// Columns of a note to the right of the last lifeline.
const NOTE_MAX: usize = 100;

/// One line as a canvas; later strokes lie on top.
struct Line(Vec<char>);

impl Line {
    fn put(&mut self, at: usize, text: &str) {
        let end = at + text.chars().count();
        if self.0.len() < end {
            self.0.resize(end, ' ');
        }
        for (place, c) in self.0.iter_mut().skip(at).zip(text.chars()) {
            *place = c;
        }
    }

    fn finish(self) -> String {
        let mut line: String = self.0.into_iter().collect();
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }
}

pub(super) fn draw(ladder: &Ladder) -> String {
    let parties = ladder.parties.len();
    let column = |party: usize| FIRST + party * STEP;
    let empty = |time: &str| {
        let mut line = Line(vec![' '; FIRST]);
        line.put(TIME.saturating_sub(time.len()), time);
        (0..parties).for_each(|party| line.put(column(party), "|"));
        line
    };
    let mut head = Line(Vec::new());
    head.put(TIME - 2, "ms");
    for (number, party) in ladder.parties.iter().enumerate() {
        head.put(column(number), &plain(&party.display, STEP - 2));
    }
    let mut out = head.finish();
    // A name that is not the display name stands below it.
    if ladder.parties.iter().any(|party| party.name != party.display) {
        let mut names = Line(Vec::new());
        for (number, party) in ladder.parties.iter().enumerate().filter(|(_, p)| p.name != p.display) {
            names.put(column(number), &plain(&party.name, STEP - 2));
        }
        out += &names.finish();
    }
    for entry in &ladder.entries {
        let mut line = empty(&format!("{}", entry.at.as_millis()));
        let (who, mark, text) = match &entry.what {
            What::Message { from, to, label, fate, repeat, .. } => {
                arrow(&mut line, column(*from), column(*to), &title(label, *fate, *repeat), *fate);
                out += &line.finish();
                continue;
            }
            What::Note { who, text } => (*who, "* ", text),
            What::State { who, text } => (*who, "= ", text),
        };
        let room = NOTE_MAX.max((parties.saturating_sub(who + 1)) * STEP);
        line.put(column(who), &format!("{mark}{} ", plain(text, room)));
        out += &line.finish();
    }
    if ladder.left_out > 0 {
        out += &format!("{:>TIME$}  and {} more\n", "", ladder.left_out);
    }
    out
}

/// The label with what is known beyond the octets; what does not fit is cut from the label.
fn title(label: &str, fate: Fate, repeat: u32) -> String {
    let again = if repeat > 0 { format!(" [again {repeat}]") } else { String::new() };
    let fate = match fate {
        Fate::Arrived => "",
        Fate::Lost => " [lost]",
        Fate::Doubled => " [doubled]",
        Fate::Corrupted => " [corrupted]",
    };
    let tip = if fate == " [lost]" { 4 } else { 0 };
    let room = (STEP - 5 - tip).saturating_sub(again.len() + fate.len());
    format!("{}{again}{fate}", plain(label, room))
}

fn arrow(line: &mut Line, from: usize, to: usize, title: &str, fate: Fate) {
    if from == to {
        return line.put(from, &format!("<> {} to itself", title));
    }
    let (left, right) = (from.min(to) + 1, from.max(to));
    let width = right - left;
    line.put(left, &"-".repeat(width));
    // The label stands beside the sender, where no other lifeline is crossed.
    let room = STEP - 1;
    let pad = (room - 2).saturating_sub(title.chars().count()) / 2;
    let start = if from < to { left } else { right - room };
    line.put(start + pad, &format!(" {title} "));
    let lost = fate == Fate::Lost;
    match (from < to, lost) {
        (true, false) => line.put(right - 1, ">"),
        (false, false) => line.put(left, "<"),
        (true, true) => line.put(right - 3, "X  "),
        (false, true) => line.put(left, "  X"),
    }
}
