//! Just enough reading of Rust text for the rules: blanking, braces, paths.

/// A source file, as written and with comments and literals blanked out (same lines, same columns in bytes).
pub struct Source {
    /// Its path below the workspace, with `/`.
    pub name: String,
    /// What is in the file.
    pub text: String,
    /// The same with comments, strings and character literals blank.
    pub code: String,
}

impl Source {
    pub fn new(name: String, text: String) -> Self {
        let code = blanked(&text);
        Self { name, text, code }
    }
}

/// How many bytes of a comment or literal start at `at`, or 0.
fn opaque_length(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let before = at.checked_sub(1).map_or(b' ', |i| bytes[i]);
    let in_word = before.is_ascii_alphanumeric() || before == b'_';
    if rest.starts_with(b"//") {
        return rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    }
    if rest.starts_with(b"/*") {
        let (mut depth, mut i) = (0_usize, 0);
        while i < rest.len() {
            if rest[i..].starts_with(b"/*") {
                (depth, i) = (depth + 1, i + 2);
            } else if rest[i..].starts_with(b"*/") {
                (depth, i) = (depth - 1, i + 2);
                if depth == 0 {
                    return i;
                }
            } else {
                i += 1;
            }
        }
        return rest.len();
    }
    if !in_word {
        let prefix = rest.iter().take_while(|b| matches!(b, b'b' | b'c')).count().min(1);
        if rest.get(prefix) == Some(&b'r') {
            let hashes = rest[prefix + 1..].iter().take_while(|b| **b == b'#').count();
            let open = prefix + 1 + hashes;
            if rest.get(open) == Some(&b'"') {
                let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
                let end = rest[open + 1..].windows(close.len()).position(|w| w == close);
                return end.map_or(rest.len(), |end| open + 1 + end + close.len());
            }
        }
    }
    match rest {
        [b'"', ..] => quoted(rest, b'"'),
        // A lifetime has no closing quote right after its first character.
        [b'\'', b'\\', ..] => quoted(rest, b'\''),
        [b'\'', ..] => {
            let text = std::str::from_utf8(&rest[1..rest.len().min(6)])
                .or_else(|e| std::str::from_utf8(&rest[1..1 + e.valid_up_to()]))
                .unwrap_or("");
            let width = text.chars().next().map_or(1, char::len_utf8);
            if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
        }
        _ => 0,
    }
}

/// Length of a literal that starts with its quote and knows backslash escapes.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut i = 1;
    while i < rest.len() {
        match rest[i] {
            b'\\' => i += 2,
            b if b == quote => return i + 1,
            _ => i += 1,
        }
    }
    rest.len()
}

/// Where each comment, string and character literal of the text begins and ends.
pub fn opaques(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let length = opaque_length(bytes, at);
        let end = (at + length.max(1)).min(bytes.len());
        if length > 0 {
            found.push((at, end));
        }
        at = end;
    }
    found
}

/// The text with comments, strings and character literals replaced by spaces; line ends stay.
pub fn blanked(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    for (start, end) in opaques(text) {
        for byte in &mut out[start..end] {
            *byte = if *byte == b'\n' { b'\n' } else { b' ' };
        }
    }
    String::from_utf8(out).expect("blanking replaces whole characters")
}

/// Offsets where `word` stands in `text` and is not part of a longer name.
pub fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .filter(move |(at, _)| !text[..*at].ends_with(part) && !text[at + word.len()..].starts_with(part))
        .map(|(at, _)| at)
}

/// Offset after the brace that closes the one at `open`.
pub fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return at + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Where the item that starts at `from` opens its body, or `None` if it ends with a semicolon first.
fn body_of(code: &str, from: usize) -> Option<usize> {
    let mut nested = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => nested += 1,
            b')' | b']' => nested = nested.saturating_sub(1),
            b'{' if nested == 0 => return Some(at),
            b';' if nested == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Name and length in lines of each function with a body.
pub fn functions(code: &str) -> Vec<(String, usize)> {
    words(code, "fn")
        .filter_map(|at| {
            let name: String = code[at + 2..]
                .trim_start()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            // `fn(u8) -> u8` is a type.
            let open = if name.is_empty() { None } else { body_of(code, at) }?;
            let lines = code[at..closing(code, open)].matches('\n').count() + 1;
            Some((name, lines))
        })
        .collect()
}

/// The code without the items that only tests compile.
pub fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    for (at, attribute) in code.match_indices("#[cfg(test)]") {
        let end = match body_of(code, at + attribute.len()) {
            Some(open) => closing(code, open),
            None => code[at..].find(';').map_or(code.len(), |semicolon| at + semicolon),
        };
        let blank: String = code[at..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        if blank.len() == end - at && out.is_char_boundary(at) {
            out.replace_range(at..end, &blank);
        }
    }
    out
}

/// Every path that starts with `crate::` (or climbs to it with `super::super::`), expanded from its use tree, with
/// the line it starts in.
pub fn crate_paths(code: &str) -> Vec<(usize, Vec<String>)> {
    paths(code, &["crate::", "super::super::"])
}

/// Every path with one of these beginnings, without it, expanded from its use tree, with the line it starts in.
pub fn paths(code: &str, beginnings: &[&str]) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for start in beginnings {
        for (at, _) in code.match_indices(start) {
            if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            let mut paths = Vec::new();
            expand(&code[at + start.len()..], &mut Vec::new(), &mut paths);
            found.extend(paths.into_iter().map(|path| (line, path)));
        }
    }
    found
}

/// Reads one use tree, appends its paths, returns what follows it.
fn expand<'a>(text: &'a str, prefix: &mut Vec<String>, paths: &mut Vec<Vec<String>>) -> &'a str {
    let depth = prefix.len();
    let mut rest = text.trim_start();
    loop {
        if let Some(mut inner) = rest.strip_prefix('{') {
            while !inner.trim_start().starts_with('}') && !inner.trim().is_empty() {
                inner = expand(inner, prefix, paths).trim_start();
                inner = inner.strip_prefix(',').unwrap_or(inner);
            }
            prefix.truncate(depth);
            return inner.trim_start().strip_prefix('}').unwrap_or("");
        }
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '*')).unwrap_or(rest.len());
        if end == 0 {
            // Not a tree after all: skip one character, so that a caller in a group always moves on.
            prefix.truncate(depth);
            return rest.get(rest.chars().next().map_or(0, char::len_utf8)..).unwrap_or("");
        }
        prefix.push(rest[..end].to_owned());
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(more) if !more.starts_with('<') => rest = more,
            _ => break,
        }
    }
    paths.push(prefix.clone());
    prefix.truncate(depth);
    let renamed = rest.trim_start();
    match renamed.strip_prefix("as ") {
        Some(alias) => alias.trim_start().trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'),
        None => rest,
    }
}

#[test]
fn literals_and_comments_are_blank() {
    let code =
        blanked("a(\"{\\\"}\", '{', b'\\'', r#\"{\"}\"#) // {\n/* { /* { */ */ fn f<'a>(x: &'a str) {}");
    assert_eq!(code.matches('{').count(), 1);
    assert_eq!(code.lines().count(), 2);
    assert!(code.contains("fn f<'a>(x: &'a str) {}"));
}

#[test]
fn functions_are_measured() {
    let code = "trait T { fn a(&self) -> [u8; 4]; }\nfn b(\n  x: [u8; 2],\n) {\n  if true { }\n}\ntype F = fn(u8);\n";
    assert_eq!(functions(code), [("b".to_owned(), 5)]);
}

#[test]
fn use_trees_are_expanded() {
    let code =
        "use crate::{base::{Key, Slab as S}, wire::frame::Frame};\nlet x: crate::sdp::plan::Plan<u8> = y;";
    let paths: Vec<String> =
        crate_paths(code).iter().map(|(line, path)| format!("{line} {}", path.join("::"))).collect();
    assert_eq!(paths, ["1 base::Key", "1 base::Slab", "1 wire::frame::Frame", "2 sdp::plan::Plan"]);
}

#[test]
fn test_modules_are_cut() {
    let code = "use core::fmt;\n#[cfg(test)]\nmod tests {\n use std::vec;\n}\nuse alloc::vec;\n";
    let cut = without_tests(code);
    assert!(!cut.contains("std") && cut.contains("alloc") && cut.lines().count() == 6);
}
