//! A ladder as a page of its own: the arrows are SVG, what an arrow opens is a `<details>`, and there is no script.
//!
//! Everything that peers or the application wrote passes [`escape`] on its way in. Should that ever fail, the page's
//! content security policy lets the browser run and load nothing.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::label::{Kind, plain};
use super::{Fate, Ladder, What};
use crate::base::time::Instant;

const STYLE: &str = include_str!("page.css");
/// Width of the column of times.
const TIME: usize = 96;
/// Room that a state of the first or the last party needs beside its lifeline.
const MARGIN: usize = 170;
/// Characters of a label.
const LABEL_MAX: usize = 60;
/// Height of a message's row, and where its arrow is.
const ROW: usize = 36;
const ARROW: usize = 26;

pub(super) fn draw(ladder: &Ladder) -> String {
    let mut page = Page { out: String::new(), step: step(ladder.parties.len()) };
    // Writing to a string does not fail.
    page.write(ladder).ok();
    page.out
}

/// Pixels from one lifeline to the next.
const fn step(parties: usize) -> usize {
    match parties {
        0..=2 => 420,
        3 => 330,
        4 => 260,
        _ => 220,
    }
}

struct Page {
    out: String,
    step: usize,
}

impl Page {
    /// Where a lifeline stands.
    const fn x(&self, party: usize) -> usize {
        let first = if self.step / 2 > MARGIN { self.step / 2 } else { MARGIN };
        TIME + first + party * self.step
    }

    fn write(&mut self, ladder: &Ladder) -> core::fmt::Result {
        let title = if ladder.title.is_empty() { "Ladder" } else { &ladder.title };
        let title = escape(title.as_bytes());
        let width = self.x(ladder.parties.len().saturating_sub(1)) + MARGIN;
        write!(
            self.out,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}\
             body{{min-width:{width}px}}\n.rows{{"
        )?;
        self.lifelines(ladder.parties.len())?;
        write!(self.out, "}}\n</style></head>\n<body><h1>{title}</h1>\n")?;
        self.about(ladder)?;
        self.out.push_str("<header><time>ms</time>");
        for (number, party) in ladder.parties.iter().enumerate() {
            let (x, wide) = (self.x(number), self.step);
            let name = escape(party.display.as_bytes());
            write!(self.out, "<div style=\"left:{x}px;width:{wide}px\"><b>{name}</b>")?;
            if party.name != party.display {
                write!(self.out, "<small>{}</small>", escape(party.name.as_bytes()))?;
            }
            self.out.push_str("</div>");
        }
        self.out.push_str("</header>\n<div class=\"rows\">\n");
        for entry in &ladder.entries {
            let time = millis(entry.at);
            match &entry.what {
                What::Note { who, text } => self.remark("note", &time, *who, text)?,
                What::State { who, text } => self.remark("state", &time, *who, text)?,
                message @ What::Message { .. } => self.message(ladder, &time, message)?,
            }
        }
        if ladder.left_out > 0 {
            writeln!(self.out, "<p class=\"end\">and {} more that found no room</p>", ladder.left_out)?;
        }
        self.out.push_str("</div></body></html>\n");
        Ok(())
    }

    /// The verticals are a background, so that they run through whatever is opened.
    fn lifelines(&mut self, parties: usize) -> core::fmt::Result {
        if parties == 0 {
            return Ok(());
        }
        let mut places = String::new();
        for party in 0..parties {
            let comma = if party == 0 { "" } else { "," };
            write!(places, "{comma}{}px 0", self.x(party))?;
        }
        // An image is drawn at one place only: there are as many as lifelines.
        let image = "linear-gradient(var(--line),var(--line))";
        let images = core::iter::repeat_n(image, parties).collect::<Vec<_>>().join(",");
        write!(self.out, "background-size:1px 100%;background-image:{images};background-position:{places}")
    }

    fn about(&mut self, ladder: &Ladder) -> core::fmt::Result {
        let (mut messages, mut repeats, mut lost) = (0, 0, 0);
        for entry in &ladder.entries {
            if let What::Message { repeat, fate, .. } = &entry.what {
                messages += 1;
                repeats += usize::from(*repeat > 0);
                lost += usize::from(*fate == Fate::Lost);
            }
        }
        write!(self.out, "<p class=\"about key\">{messages} messages")?;
        if repeats > 0 {
            write!(self.out, ", {repeats} of them sent again")?;
        }
        if lost > 0 {
            write!(self.out, ", {lost} lost")?;
        }
        self.out.push_str(". Click an arrow to read its message.");
        for (class, words) in [
            ("request", "request"),
            ("provisional", "1xx"),
            ("success", "2xx"),
            ("redirect", "3xx"),
            ("failure", "4xx to 6xx"),
            ("other", "not SIP"),
        ] {
            write!(self.out, " <b class=\"b {class}\">{words}</b>")?;
        }
        self.out.push_str("</p>\n");
        Ok(())
    }

    fn remark(&mut self, class: &str, time: &str, who: usize, text: &str) -> core::fmt::Result {
        let (x, text) = (self.x(who), escape(text.as_bytes()));
        writeln!(
            self.out,
            "<div class=\"row {class}\"><time>{time}</time><span style=\"left:{x}px\">{text}</span></div>"
        )
    }

    fn message(&mut self, ladder: &Ladder, time: &str, message: &What) -> core::fmt::Result {
        let What::Message { from, to, bytes, fate, label, kind, repeat } = message else { return Ok(()) };
        let mut label = plain(label, LABEL_MAX);
        if *repeat > 0 {
            write!(label, " (again {repeat})")?;
        }
        let told = match fate {
            Fate::Arrived => "",
            Fate::Lost => "lost",
            Fate::Doubled => "delivered twice",
            Fate::Corrupted => "corrupted",
        };
        if !told.is_empty() {
            write!(label, " [{told}]")?;
        }
        let class = class(*kind);
        let again = if *repeat > 0 { " again" } else { "" };
        let label = escape(label.as_bytes());
        write!(
            self.out,
            "<details class=\"{class}{again}\"><summary aria-label=\"{label}\"><time>{time}</time>\
             <svg width=\"1\" height=\"{ROW}\">"
        )?;
        self.arrow(*from, *to, *fate, &label)?;
        let name = |party: usize| {
            let name = ladder.parties.get(party).map_or("", |party| party.display.as_str());
            escape(name.as_bytes())
        };
        let (from, to) = (name(*from), name(*to));
        writeln!(
            self.out,
            "</svg></summary><div class=\"full\"><p>{from} to {to}, {} octets{}{told}</p><pre>{}</pre></div></details>",
            bytes.len(),
            if told.is_empty() { "" } else { ", " },
            escape(bytes)
        )
    }

    fn arrow(&mut self, from: usize, to: usize, fate: Fate, label: &str) -> core::fmt::Result {
        let (start, end) = (self.x(from), self.x(to));
        if from == to {
            let right = start + 40;
            return write!(
                self.out,
                "<line x1=\"{start}\" y1=\"12\" x2=\"{right}\" y2=\"12\"/><line x1=\"{right}\" y1=\"12\" x2=\"{right}\" \
                 y2=\"{ARROW}\"/><line x1=\"{start}\" y1=\"{ARROW}\" x2=\"{right}\" y2=\"{ARROW}\"/>\
                 <path d=\"M{start} {ARROW}l9 -5v10z\"/><text x=\"{}\" y=\"23\" style=\"text-anchor:start\">{label}</text>",
                right + 8
            );
        }
        let forth = start < end;
        // What is lost ends before its goal. The label stands beside the sender.
        let short = if fate == Fate::Lost { self.step / 4 } else { 0 };
        let tip = if forth { end - short } else { end + short };
        let middle = if forth { start + self.step / 2 } else { start - self.step / 2 };
        write!(
            self.out,
            "<line x1=\"{start}\" y1=\"{ARROW}\" x2=\"{tip}\" y2=\"{ARROW}\"/><text x=\"{middle}\" y=\"18\">{label}</text>"
        )?;
        if short > 0 {
            return write!(
                self.out,
                "<path class=\"x\" d=\"M{} {}l12 12m0 -12l-12 12\"/>",
                tip - 6,
                ARROW - 6
            );
        }
        let back = if forth { -10 } else { 10 };
        write!(self.out, "<path d=\"M{tip} {ARROW}l{back} -5v10z\"/>")
    }
}

const fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Request => "request",
        Kind::Provisional => "provisional",
        Kind::Success => "success",
        Kind::Redirect => "redirect",
        Kind::Failure => "failure",
        Kind::Other => "other",
    }
}

fn millis(at: Instant) -> String {
    let micros = at.as_nanos() / 1_000;
    format!("{}.{:03}", micros / 1_000, micros % 1_000)
}

/// Octets as text of HTML. What is no character, controls something or shows nothing is written as an escape,
/// marked so that nobody takes it for the text itself.
fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + bytes.len() / 8);
    for chunk in bytes.utf8_chunks() {
        let mut chars = chunk.valid().chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                '\n' | '\t' => out.push(c),
                '\r' if chars.peek() == Some(&'\n') => {}
                _ if is_hidden(c) => {
                    write!(out, "<i>{}</i>", c.escape_unicode()).ok();
                }
                _ => out.push(c),
            }
        }
        for octet in chunk.invalid() {
            write!(out, "<i>\\x{octet:02x}</i>").ok();
        }
    }
    out
}

/// Control characters, and those that change what others look like.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
