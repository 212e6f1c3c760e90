//! Rules of the house that no compiler checks: lengths, the direction of imports, purity, words that must not stay.
//!
//! A rule reads the sources as text with comments and literals blanked out. What does not exist yet is not judged.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[path = "tidy/rfc.rs"]
mod rfc;
#[path = "tidy/source.rs"]
mod source;

use source::{Source, crate_paths, functions, without_tests};

/// Lines a file may have.
const FILE_LINES_MAX: usize = 600;
/// Lines a function may have, from its `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 100;
/// Files that are longer, with the length they may have. A number here only ever goes down, and an entry goes
/// once its file fits.
const LONG_FILES: &[(&str, usize)] = &[];
/// Functions that are longer, `file::function`, under the same rule.
const LONG_FUNCTIONS: &[(&str, usize)] = &[];

/// What a layer may import besides itself.
enum Below {
    /// These layers.
    Only(&'static [&'static str]),
    /// Every layer that stands before it in the list, apart from media.
    All,
}

/// Layers of `core/src`, lowest first.
const LAYERS: &[(&str, Below)] = &[
    ("base", Below::Only(&[])),
    ("wire", Below::Only(&["base"])),
    ("ladder", Below::Only(&["base", "wire"])),
    ("media", Below::Only(&["base"])),
    ("sdp", Below::Only(&["base", "wire"])),
    ("transaction", Below::Only(&["base", "wire"])),
    ("signaling", Below::Only(&["base", "wire"])),
    ("auth", Below::Only(&["base", "wire"])),
    ("api", Below::All),
    ("dialog", Below::All),
    ("session", Below::All),
    ("subscription", Below::All),
    ("registration", Below::Only(&["base", "wire", "auth", "transaction", "api"])),
    ("registry", Below::All),
    ("adapter", Below::All),
    ("coordinator", Below::All),
];
/// Modules above all layers: they may import anything.
const ABOVE: &[&str] = &["lib", "peer", "sim", "tests", "trace"];
/// Single doors between layers that otherwise do not meet: who, and the path below `crate::`.
const DOORS: &[(&str, &[&str])] = &[
    // The plan is all that media is told.
    ("media", &["sdp", "plan"]),
    // The recorder sits in the coordinator; reading and replaying sit above it.
    ("coordinator", &["trace", "Command"]),
    ("coordinator", &["trace", "Asked"]),
    ("coordinator", &["trace", "Decided"]),
    ("coordinator", &["trace", "Record"]),
    ("coordinator", &["trace", "Recorder"]),
    ("coordinator", &["trace", "RecordingStats"]),
];
/// What the signalling side may name of media: the values the two machines exchange, and nothing that works on them.
const MEDIA_VALUES: &[&str] =
    &["MediaSessionId", "MediaPort", "MediaCommand", "MediaEvent", "MediaReport", "DtmfDigits"];
/// Layers that may name them.
const MEDIA_VALUE_USERS: &[&str] = &["api", "dialog", "session", "registry", "adapter", "coordinator"];

/// Paths of std that the core may not name, with the reason; use trees are expanded first.
const IMPURE_PATHS: &[(&str, &str)] = &[
    ("std::time::Instant", "time is base::Instant"),
    ("std::time::SystemTime", "the wall clock is an offset in the configuration"),
    ("std::time::UNIX_EPOCH", "the wall clock is an offset in the configuration"),
    ("std::net::UdpSocket", "no I/O"),
    ("std::net::TcpStream", "no I/O"),
    ("std::net::TcpListener", "no I/O"),
    ("std::net::ToSocketAddrs", "names are resolved outside"),
    ("std::fs", "no I/O"),
    ("std::io::stdin", "no I/O"),
    ("std::io::stdout", "no I/O"),
    ("std::io::stderr", "no I/O"),
    ("std::env", "configuration is a value"),
    // `std::thread::panicking` starts nothing: a handle that is dropped in a panic asks it why it is dropped.
    ("std::thread::spawn", "no threads"),
    ("std::thread::scope", "no threads"),
    ("std::thread::Builder", "no threads"),
    ("std::thread::sleep", "no clock"),
    ("std::thread::current", "no threads"),
    ("std::thread::park", "no threads"),
    ("std::process", "no processes"),
    ("std::collections::HashMap", "map keys are hashed with the seed: base::index"),
    ("std::collections::HashSet", "map keys are hashed with the seed: base::index"),
];
/// Names that the core may not use at all, with the reason.
const IMPURE_WORDS: &[(&str, &str)] = &[
    ("RandomState", "map keys are hashed with the seed"),
    ("thread_local", "no ambient state"),
    ("lazy_static", "no ambient state"),
    ("thread_rng", "draw from base::rng"),
    ("getrandom", "the seed is an input"),
    ("rand", "draw from base::rng"),
    ("tokio", "no executor"),
    ("smol", "no executor"),
    ("async_io", "no executor"),
    ("async_std", "no executor"),
    ("futures_executor", "no executor"),
];
/// What makes a `static` a place to keep state in.
const CELLS: &[&str] = &["Atomic", "Mutex", "RwLock", "Once", "Lazy", "Cell", "static mut"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `folder` (relative to the workspace), sorted; none when the folder is missing.
fn sources(folder: &str) -> Vec<Source> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        let Ok(entries) = std::fs::read_dir(dir) else {
            return;
        };
        for entry in entries {
            let path = entry.expect("a folder of the workspace can be listed").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                walk(&path, found);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                found.push(path);
            }
        }
    }
    let (root, mut found) = (root(), Vec::new());
    walk(&root.join(folder), &mut found);
    found.sort();
    found
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).expect("a source file is readable text");
            let name =
                path.strip_prefix(&root).expect("found below the root").to_string_lossy().replace('\\', "/");
            Source::new(name, text)
        })
        .collect()
}

/// Fails with everything that is wrong, not only the first.
fn verdict(rule: &str, wrong: Vec<String>) {
    let mut text = String::new();
    for line in &wrong {
        writeln!(text, "  {line}").expect("writing to a string");
    }
    assert!(wrong.is_empty(), "{rule}:\n{text}");
}

/// The module of `core/src` a file belongs to: its first folder, or its own name in the top folder.
fn layer_of(name: &str) -> &str {
    let rest = name.strip_prefix("core/src/").unwrap_or(name);
    rest.split('/').next().unwrap_or(rest).trim_end_matches(".rs")
}

/// Files that only tests compile.
fn is_test_file(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.contains("/tests/")
}

/// One measured length against the limit and the list of exceptions, which must be tight.
fn length_fault(name: &str, lines: usize, max: usize, exceptions: &[(&str, usize)]) -> Option<String> {
    match exceptions.iter().find(|(known, _)| *known == name) {
        Some((_, allowed)) if lines > *allowed => {
            Some(format!("{name} has {lines} lines and may have {allowed}; it may only shrink"))
        }
        Some(_) if lines <= max => Some(format!("{name} fits now ({lines} lines): take it off the list")),
        Some((_, allowed)) if lines + 30 < *allowed => {
            Some(format!("{name} shrank to {lines} lines: lower its number from {allowed}"))
        }
        Some(_) => None,
        None if lines > max => Some(format!("{name} has {lines} lines, at most {max} are allowed")),
        None => None,
    }
}

#[test]
fn files_are_short() {
    let all = sources("");
    let mut wrong: Vec<String> = all
        .iter()
        .filter_map(|s| length_fault(&s.name, s.text.lines().count(), FILE_LINES_MAX, LONG_FILES))
        .collect();
    for (name, _) in LONG_FILES {
        if !all.iter().any(|s| s.name == *name) {
            wrong.push(format!("{name} is on the list of long files and does not exist"));
        }
    }
    verdict("files are short", wrong);
}

#[test]
fn functions_are_short() {
    let mut wrong = Vec::new();
    for source in sources("") {
        for (function, lines) in functions(&source.code) {
            let name = format!("{}::{function}", source.name);
            wrong.extend(length_fault(&name, lines, FUNCTION_LINES_MAX, LONG_FUNCTIONS));
        }
    }
    verdict("functions are short", wrong);
}

/// Why `layer` may not import `path` (the segments after `crate::`), if it may not.
fn import_fault(layer: &str, path: &[String]) -> Option<String> {
    let target = path.first()?.as_str();
    let known = |name: &str| LAYERS.iter().any(|(layer, _)| *layer == name);
    if layer == target || ABOVE.contains(&layer) || !known(target) && !ABOVE.contains(&target) {
        return None; // Inside a layer, from above, or an item of lib.rs such as a macro.
    }
    let place = |name: &str| LAYERS.iter().position(|(layer, _)| *layer == name);
    let allowed = match (LAYERS.iter().find(|(name, _)| *name == layer), place(target)) {
        (Some((_, Below::Only(names))), _) => names.contains(&target),
        (Some((_, Below::All)), Some(at)) => target != "media" && place(layer) > Some(at),
        _ => false,
    };
    let door = DOORS.iter().any(|(who, door)| {
        *who == layer && door.len() <= path.len() && door.iter().zip(path).all(|(a, b)| *a == b.as_str())
    });
    let value = target == "media"
        && MEDIA_VALUE_USERS.contains(&layer)
        && path.last().is_some_and(|item| MEDIA_VALUES.contains(&item.as_str()) || path_names_value(path));
    if allowed || door || value {
        return None;
    }
    Some(format!("{layer} may not import crate::{}", path.join("::")))
}

/// `crate::media::MediaCommand::Open` names a value of media as much as `crate::media::MediaCommand` does.
fn path_names_value(path: &[String]) -> bool {
    path.iter().any(|segment| MEDIA_VALUES.contains(&segment.as_str()))
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for source in sources("core/src") {
        let layer = layer_of(&source.name);
        if !ABOVE.contains(&layer) && !LAYERS.iter().any(|(name, _)| *name == layer) {
            wrong.push(format!("{}: which layer is `{layer}`? Say so in LAYERS", source.name));
            continue;
        }
        if is_test_file(&source.name) {
            continue;
        }
        for (line, path) in crate_paths(&without_tests(&source.code)) {
            if let Some(fault) = import_fault(layer, &path) {
                wrong.push(format!("{}:{line}: {fault}", source.name));
            }
        }
    }
    verdict("imports point from higher layers to lower ones", wrong);
}

#[test]
fn only_the_bridge_names_rsip() {
    let mut wrong = Vec::new();
    for source in sources("core/src") {
        if source.name == "core/src/wire/rsip.rs" || source.name.starts_with("core/src/wire/rsip/") {
            continue;
        }
        for (line, text) in source.code.lines().enumerate() {
            // `wire::rsip` is the bridge itself; the crate's name stands at the start of a path.
            let names_crate = source::words(text, "rsip").any(|at| {
                let (before, after) = (text[..at].trim_end(), text[at + 4..].trim_start());
                !before.ends_with("mod") && (after.starts_with("::") || before.ends_with("use")) && {
                    let path = before.strip_suffix("::").map(|rest| rest.trim_end());
                    path.is_none_or(|rest| !rest.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
                }
            });
            if names_crate {
                wrong.push(format!("{}:{}: {}", source.name, line + 1, text.trim()));
            }
        }
    }
    verdict("only core/src/wire/rsip.rs names the rsip crate", wrong);
}

#[test]
fn std_is_only_where_handles_are() {
    let mut wrong = Vec::new();
    for source in sources("core/src") {
        let handles = layer_of(&source.name) == "peer" || source.name.starts_with("core/src/sim/world/");
        if handles || is_test_file(&source.name) {
            continue;
        }
        for (line, text) in without_tests(&source.code).lines().enumerate() {
            if source::words(text, "std").next().is_some() {
                wrong.push(format!("{}:{}: {}", source.name, line + 1, text.trim()));
            }
        }
    }
    verdict(
        "std is named only in core/src/peer and core/src/sim/world; elsewhere it is core and alloc",
        wrong,
    );
}

#[test]
fn the_core_is_pure() {
    let mut wrong = Vec::new();
    for source in sources("core/src") {
        for (line, path) in source::paths(&source.code, &["std::"]) {
            let path = format!("std::{}", path.join("::"));
            for (name, reason) in IMPURE_PATHS {
                if path == *name || path.strip_prefix(name).is_some_and(|rest| rest.starts_with("::")) {
                    wrong.push(format!("{}:{line}: {path}: {reason}", source.name));
                }
            }
        }
        for (line, text) in source.code.lines().enumerate() {
            let state = source::words(text, "static").any(|at| !text[..at].ends_with('\''))
                && CELLS.iter().any(|cell| text.contains(cell));
            if state {
                wrong.push(format!("{}:{}: no ambient state: {}", source.name, line + 1, text.trim()));
            }
            for (name, reason) in IMPURE_WORDS {
                if source::words(text, name).next().is_some() {
                    wrong.push(format!("{}:{}: {name}: {reason}", source.name, line + 1));
                }
            }
        }
    }
    verdict("the core names no clock, socket, thread, executor, global or ambient randomness", wrong);
}

#[test]
fn nothing_is_left_undone() {
    // Written in halves, so that this file does not name them.
    let calls = [concat!("to", "do"), concat!("unimple", "mented"), concat!("d", "bg")];
    let notes = [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X"), concat!("HA", "CK")];
    let mut wrong = Vec::new();
    for source in sources("") {
        for (line, text) in source.code.lines().enumerate() {
            for call in calls {
                if source::words(text, call).any(|at| text[at + call.len()..].starts_with('!')) {
                    wrong.push(format!("{}:{}: {call}!", source.name, line + 1));
                }
            }
        }
        for (line, text) in source.text.lines().enumerate() {
            for note in notes {
                if source::words(text, note).next().is_some() {
                    wrong.push(format!("{}:{}: {note}", source.name, line + 1));
                }
            }
        }
    }
    verdict("nothing is left undone", wrong);
}

#[test]
fn every_file_is_compiled() {
    let mut wrong = Vec::new();
    for folder in ["core/src", "runtime-common/src", "runtime-tokio/src", "runtime-smol/src"] {
        let all = sources(folder);
        for source in &all {
            let path = Path::new(&source.name);
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
            let (Some(dir), false) = (path.parent(), matches!(stem, "lib" | "main")) else {
                continue;
            };
            // `a/b.rs` and `a/b/mod.rs` are declared in `a/mod.rs`, `a.rs` or `a/lib.rs`.
            let (module, dir) = match (stem, dir.file_name().and_then(|name| name.to_str()), dir.parent()) {
                ("mod", Some(name), Some(above)) => (name, above),
                _ => (stem, dir),
            };
            let dir = dir.to_string_lossy();
            let parents = [format!("{dir}/mod.rs"), format!("{dir}/lib.rs"), format!("{dir}.rs")];
            let declared = all.iter().filter(|s| parents.contains(&s.name)).any(|parent| {
                source::words(&parent.code, &format!("mod {module}")).next().is_some()
                    || parent.text.contains(&format!("/{stem}.rs\"]"))
            });
            if !declared {
                wrong.push(format!("{} is declared by none of {}", source.name, parents.join(", ")));
            }
        }
    }
    verdict("every file is part of its crate", wrong);
}

#[test]
fn the_rules_bite() {
    let path = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
    assert!(import_fault("wire", &path("base::Key")).is_none());
    assert!(import_fault("wire", &path("sdp::plan")).is_some());
    assert!(import_fault("media", &path("sdp::plan::MediaPlan")).is_none());
    assert!(import_fault("media", &path("sdp::parse")).is_some());
    assert!(import_fault("registry", &path("media::MediaSessionId")).is_none());
    assert!(import_fault("registry", &path("media::shard::MediaShard")).is_some());
    assert!(import_fault("coordinator", &path("media::MediaCommand::Open")).is_none());
    assert!(import_fault("coordinator", &path("peer::Call")).is_some());
    assert!(import_fault("peer", &path("coordinator::Event")).is_none());
    assert!(import_fault("adapter", &path("registry::SessionRegistry")).is_none());
    assert!(import_fault("dialog", &path("session::Session")).is_some());
    assert!(length_fault("a", 601, 600, &[]).is_some());
    assert!(length_fault("a", 601, 600, &[("a", 610)]).is_none());
    assert!(length_fault("a", 611, 600, &[("a", 610)]).is_some());
    assert!(length_fault("a", 300, 600, &[("a", 610)]).is_some());
}
