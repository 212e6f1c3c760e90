//! Finds the sections of RFCs that comments and strings cite, and the item that each stands at.

use std::fmt;

use crate::source::{Source, closing, opaques};

/// A section: `12.2.1`, or `A.8` of an appendix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Section(Vec<u16>);

/// What the first letter of an appendix counts as, so that it stands after all sections.
const APPENDIX: u16 = 1000;

impl Section {
    /// Reads `12.2.1` or `A.8`.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let first = parts.next()?;
        let number = |part: &str| {
            let short = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            part.parse().ok().filter(|_| short)
        };
        let head = match first.as_bytes() {
            [letter @ b'A'..=b'Z'] => APPENDIX + u16::from(*letter),
            _ => number(first)?,
        };
        let tail: Option<Vec<u16>> = parts.map(number).collect();
        Some(Self(std::iter::once(head).chain(tail?).collect()))
    }

    /// Whether it is of an appendix.
    pub fn is_appendix(&self) -> bool {
        self.0[0] >= APPENDIX
    }

    /// The number of each level, with the section that it counts in: nothing, `12`, `12.2`.
    pub fn levels(&self) -> impl Iterator<Item = (Option<Self>, u16)> {
        (0..self.0.len()).map(|at| ((at > 0).then(|| Self(self.0[..at].to_vec())), self.0[at]))
    }

    /// Those from this one `to` another, if they differ in the last number alone; else the two.
    fn to(&self, to: &Self) -> Vec<Self> {
        let (Some((first, above)), Some((last, other))) = (self.0.split_last(), to.0.split_last()) else {
            return Vec::new();
        };
        if above != other || first > last {
            return vec![self.clone(), to.clone()];
        }
        (*first..=*last).map(|n| Self(above.iter().copied().chain([n]).collect())).collect()
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.iter().enumerate() {
            match part.checked_sub(APPENDIX).and_then(|letter| char::from_u32(letter.into())) {
                Some(letter) => write!(f, "{letter}")?,
                None if at == 0 => write!(f, "{part}")?,
                None => write!(f, ".{part}")?,
            }
        }
        Ok(())
    }
}

/// How much a place says about a section: what a function is documented with more than what a file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// A function that only tests run.
    Test,
    /// The documentation of a function.
    Function,
    /// A comment or a string inside a function.
    Inside,
    /// A type, a constant, a table.
    Item,
    /// A file as a whole.
    File,
}

/// One section, cited at one place.
#[derive(Debug)]
pub struct Citation {
    /// The RFC, or nothing if it cannot be told.
    pub rfc: Option<u16>,
    /// What is cited of it.
    pub section: Section,
    /// The line it stands in.
    pub line: usize,
    /// The item it belongs to, `None` for the file.
    pub item: Option<String>,
    /// How much it says there.
    pub rank: Rank,
    /// Whether only tests compile the item, in a file that is not one of tests.
    pub test: bool,
}

/// A function, a type, a constant or a block of methods.
struct Item {
    name: String,
    word: &'static str,
    start: usize,
    end: usize,
    test: bool,
}

/// What may stand before the word of an item in its line.
const BEFORE: &[&str] = &["pub", "async", "const", "unsafe", "extern", "default"];
/// The words of items.
const ITEMS: &[&str] =
    &["fn", "struct", "enum", "union", "const", "static", "type", "trait", "mod", "impl", "macro_rules!"];

/// The attributes of what only tests compile.
const TESTS: &[&str] = &["#[test]", "::test]", "::test(", "#[cfg(test)]", "#[cfg(all(test"];

/// The word of an item, and what follows it, if the line begins with one.
fn item_word(line: &str) -> Option<(&'static str, &str)> {
    let mut rest = line.trim_start();
    loop {
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | '<')).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let after = match after.strip_prefix('(') {
            Some(inner) if word == "pub" => inner.split_once(')').map_or("", |(_, after)| after),
            _ => after,
        };
        let next = after.trim_start();
        let before = BEFORE.contains(&word) && ITEMS.iter().chain(BEFORE).any(|w| next.starts_with(w));
        match ITEMS.iter().find(|item| **item == word) {
            _ if before => rest = next,
            Some(item) => return Some((item, after)),
            None => return None,
        }
    }
}

/// The name that an item has; of `impl Trait for Type` it is `Type`.
fn item_name(word: &str, after: &str) -> String {
    let plain = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    if word != "impl" {
        return plain(after.trim_start().trim_start_matches("mut "));
    }
    let head = after.split('{').next().unwrap_or(after);
    let head = head.split(" where ").next().unwrap_or(head);
    let (mut depth, mut open) = (0_usize, String::new());
    for c in head.chars() {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ if depth == 0 => open.push(c),
            _ => {}
        }
    }
    let whole = open.rsplit(" for ").next().unwrap_or(&open);
    plain(whole.rsplit("::").next().unwrap_or(whole).trim_start_matches('&'))
}

/// Where an item ends that starts at `from`: at its closing brace, or at its semicolon.
fn item_end(code: &str, from: usize) -> usize {
    let mut nested = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => nested += 1,
            b')' | b']' => nested = nested.saturating_sub(1),
            b'{' if nested == 0 => return closing(code, at),
            b';' if nested == 0 => return at,
            _ => {}
        }
    }
    code.len()
}

/// Every item of a file, in order.
fn items(code: &str) -> Vec<Item> {
    let mut found: Vec<Item> = Vec::new();
    let mut start = 0;
    for line in code.split_inclusive('\n') {
        if let Some((word, after)) = item_word(line) {
            let rest = start + line.len() - after.len();
            let name = item_name(word, &code[rest..]);
            let attributes = code[..start].rsplit(['}', ';', '{']).next().unwrap_or("");
            let within =
                |item: &Item| item.test && item.word == "mod" && (item.start..item.end).contains(&start);
            let test =
                TESTS.iter().any(|attribute| attributes.contains(attribute)) || found.iter().any(within);
            if !name.is_empty() {
                found.push(Item { name, word, start, end: item_end(code, rest), test });
            }
        }
        start += line.len();
    }
    found
}

/// A comment or a string: its words, each with the line it stands in.
struct Passage<'a> {
    start: usize,
    end: usize,
    marker: &'static str,
    words: Vec<(usize, &'a str)>,
}

/// The comments, neighbouring lines as one, and the strings of a file.
fn passages(source: &Source) -> Vec<Passage<'_>> {
    let text = &source.text;
    let (mut found, mut line, mut counted): (Vec<Passage<'_>>, usize, usize) = (Vec::new(), 1, 0);
    for (start, end) in opaques(text) {
        let whole = &text[start..end];
        let marker =
            ["//!", "///", "//", "/*"].into_iter().find(|marker| whole.starts_with(marker)).unwrap_or("\"");
        line += text[counted..start].matches('\n').count();
        counted = start;
        let mut words = Vec::new();
        for (below, content) in whole[if marker == "\"" { 0 } else { marker.len() }..].split('\n').enumerate()
        {
            words.extend(content.split_whitespace().filter(|w| *w != "\\").map(|word| (line + below, word)));
        }
        match found.last_mut() {
            Some(last)
                if last.marker == marker && marker.starts_with("//") && {
                    let between = &text[last.end..start];
                    between.trim().is_empty() && between.matches('\n').count() == 1
                } =>
            {
                last.words.extend(words);
                last.end = end;
            }
            _ => found.push(Passage { start, end, marker, words }),
        }
    }
    found
}

/// The number of an RFC that begins at `at`.
fn rfc_at(words: &[(usize, &str)], at: usize) -> Option<u16> {
    let (_, word) = words.get(at)?;
    if word.trim_start_matches(|c: char| !c.is_alphanumeric()) != "RFC" {
        return None;
    }
    let digits: String = words.get(at + 1)?.1.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The sections that are named from `at` on (`8.1, 9.1 and 12.2`, `12 to 15`), and where the list ends.
fn list_at(words: &[(usize, &str)], mut at: usize) -> (Vec<Section>, usize) {
    let mut found: Vec<Section> = Vec::new();
    let mut range = false;
    while let Some((_, word)) = words.get(at) {
        let bare = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        let Some(section) = Section::read(bare) else {
            break;
        };
        at += 1;
        match found.pop() {
            Some(first) if range => found.extend(first.to(&section)),
            Some(last) => found.extend([last, section]),
            None => found.push(section),
        }
        let after = &word[bare.len()..];
        let joined = words.get(at).is_some_and(|(_, next)| matches!(*next, "and" | "or" | "to"));
        range = joined && words[at].1 == "to";
        match after {
            "" | "," if joined => at += 1,
            "," => {}
            _ => break,
        }
    }
    (found, at)
}

/// The RFC that each section of a passage is of, where no other is named before: `head`.
fn cited(words: &[(usize, &str)], head: Option<u16>) -> Vec<(usize, Option<u16>, Section)> {
    let (mut found, mut rfc, mut at) = (Vec::new(), head, 0);
    while let Some((line, word)) = words.get(at) {
        if let Some(number) = rfc_at(words, at) {
            (rfc, at) = (Some(number), at + 2);
            continue;
        }
        at += 1;
        let word = word.trim_start_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase();
        if !matches!(word.as_str(), "section" | "sections" | "appendix") {
            continue;
        }
        let (mut sections, mut end) = list_at(words, at);
        if word != "sections" && sections.len() > 1 {
            (sections, end) = (sections[..1].to_vec(), at + 1);
        }
        sections.retain(|section| section.is_appendix() == (word == "appendix"));
        let open =
            words.get(end.wrapping_sub(1)).is_some_and(|(_, word)| word.ends_with(char::is_alphanumeric));
        let of = open && words.get(end).is_some_and(|(_, word)| *word == "of");
        let whose = if of { rfc_at(words, end + 1) } else { rfc };
        // `section 7 of ARCHITECTURE.md` is none of an RFC.
        if !of || whose.is_some() {
            found.extend(sections.into_iter().map(|section| (*line, whose, section)));
        }
        at = end;
    }
    found
}

/// Everything that a file cites.
pub fn citations(source: &Source) -> Vec<Citation> {
    let (items, passages) = (items(&source.code), passages(source));
    let head = passages
        .iter()
        .find(|p| p.marker == "//!")
        .and_then(|p| (0..p.words.len()).find_map(|at| rfc_at(&p.words, at)));
    let mut found = Vec::new();
    for passage in &passages {
        let owner = if passage.marker == "//!" { None } else { owner(&source.code, &items, passage) };
        let (item, rank) = match owner {
            Some((item, _)) if item.word == "fn" && item.test => (Some(item), Rank::Test),
            Some((item, true)) if item.word == "fn" => (Some(item), Rank::Function),
            Some((item, false)) if item.word == "fn" => (Some(item), Rank::Inside),
            Some((item, _)) => (Some(item), Rank::Item),
            None => (None, Rank::File),
        };
        for (line, rfc, section) in cited(&passage.words, head) {
            let (name, test) = (item.map(|item| item.name.clone()), item.is_some_and(|item| item.test));
            found.push(Citation { rfc, section, line, item: name, rank, test });
        }
    }
    found
}

/// The item that a passage belongs to, and whether it stands before that: the innermost around it that is no mere
/// block of others, else the next.
fn owner<'a>(code: &str, items: &'a [Item], passage: &Passage<'_>) -> Option<(&'a Item, bool)> {
    let line = code[..passage.start].rfind('\n').map_or(0, |end| end + 1);
    let at = line + code[line..passage.start].trim_end().len();
    let beside = at > line && !code[line..at].trim().is_empty();
    let anchor = if beside { at - 1 } else { passage.start };
    let blocks = ["impl", "mod", "trait"];
    let around = items
        .iter()
        .filter(|item| !blocks.contains(&item.word) && (item.start..=item.end).contains(&anchor))
        .max_by_key(|item| item.start);
    match around {
        Some(item) => Some((item, false)),
        None => items.iter().find(|item| item.start >= passage.end).map(|item| (item, true)),
    }
}

fn cited_by(text: &str) -> Vec<String> {
    citations(&Source::new("a.rs".to_owned(), text.to_owned()))
        .iter()
        .map(|c| {
            let rfc = c.rfc.map_or("?".to_owned(), |rfc| rfc.to_string());
            format!("{rfc} {} {}:{}", c.section, c.item.as_deref().unwrap_or("file"), c.line)
        })
        .collect()
}

#[test]
fn sections_are_found_with_their_rfc() {
    assert_eq!(
        cited_by("//! RFC 3261\n//! sections 8.1, 9 and 12 to 13.\n").join(", "),
        "3261 8.1 file:2, 3261 9 file:2, 3261 12 file:2, 3261 13 file:2"
    );
    assert_eq!(
        cited_by("//! RFC 3261.\n/// Section 5 (RFC 3264 section\n/// 8.4).\nfn f() {}\n"),
        ["3261 5 f:2", "3264 8.4 f:2"]
    );
    assert_eq!(
        cited_by(
            "// Section 5.1 of RFC 3264, section 7 of ARCHITECTURE.md, section A and (section 9) of it.\nconst A: u8 = 1;\n"
        ),
        ["3264 5.1 A:1", "3264 9 A:1"]
    );
    assert_eq!(cited_by("// RFC 3550 appendix A.8.\nfn f() {}\n"), ["3550 A.8 f:1"]);
    assert_eq!(cited_by("fn f() {\n    g(\"section 4\"); // section 5\n}\n"), ["? 4 f:2", "? 5 f:2"]);
}

#[test]
fn a_comment_belongs_to_what_it_stands_at() {
    let text = "enum E {\n    /// RFC 1 section 2.\n    A,\n}\n/// RFC 1 section 3.\nimpl<T> Tr for E {\n    // RFC 1 section 4.\n    pub(crate) const fn f() {}\n}\nconst B: &[u8] = &[1]; // RFC 1 section 5.\nfn g() {}\n";
    assert_eq!(cited_by(text), ["1 2 E:2", "1 3 E:5", "1 4 f:7", "1 5 B:10"]);
}
