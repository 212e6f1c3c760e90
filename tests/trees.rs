//! What the crates pull in: no socket and no executor below the core, no foreign executor below a runtime, and the
//! figures of the README. `cargo tree` is asked.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Crates that do I/O or run tasks.
const RUNTIMES: &[&str] = &["tokio", "mio", "smol", "async-io", "async-executor", "async-std", "polling"];
const SOCKETS: &[&str] = &["socket2", "quinn-udp", "rustix", "nix", "offhook-common"];
/// The system itself. The `rsip` crate brings it, which is on by default; nothing of ours asks for it.
const SYSTEM: &[&str] = &["libc", "getrandom"];
const EMPTY: [&str; 0] = [];

/// The names of all crates that `package` needs to run on Linux, itself left out.
fn tree(package: &str, more: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix", "none", "--format", "{p}", "--package", package])
        .args(["--edges", "normal", "--target", "x86_64-unknown-linux-gnu"])
        .args(more)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // `name v1.2.3 (/path) (*)`: two versions of one crate are two.
    let crates = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some(format!("{} {}", words.next()?, words.next()?))
    });
    crates.filter(|name| !name.starts_with(&format!("{package} "))).collect()
}

fn among<'a>(tree: &'a BTreeSet<String>, names: &[&str]) -> Vec<&'a String> {
    tree.iter().filter(|name| names.contains(&name.split(' ').next().unwrap())).collect()
}

#[test]
fn the_core_has_no_runtime_and_no_socket() {
    for features in [&[][..], &["--all-features"], &["--no-default-features"]] {
        let tree = tree("offhook-core", features);
        assert!(tree.iter().any(|name| name.starts_with("bytes ")), "{tree:?}");
        assert_eq!(among(&tree, RUNTIMES), EMPTY, "{features:?}");
        assert_eq!(among(&tree, SOCKETS), EMPTY, "{features:?}");
    }
    let tree = tree("offhook-core", &["--no-default-features", "--features", "peer"]);
    assert_eq!(among(&tree, SYSTEM), EMPTY);
}

#[test]
fn a_runtime_crate_has_one_runtime() {
    let (common, tokio, smol) =
        (tree("offhook-common", &[]), tree("offhook-tokio", &[]), tree("offhook-smol", &[]));
    assert_eq!(among(&common, RUNTIMES), EMPTY);
    assert_eq!(among(&tokio, &["smol", "async-io", "async-executor", "async-std", "offhook-smol"]), EMPTY);
    assert_eq!(among(&smol, &["tokio", "mio", "async-std", "offhook-tokio"]), EMPTY);
    // And the question is one that has an answer.
    assert_eq!(among(&tokio, &["tokio", "mio"]).len(), 2);
    assert_eq!(among(&smol, &["smol", "async-io"]).len(), 2);
}

#[test]
fn the_readme_counts_right() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for package in ["offhook-core", "offhook-tokio", "offhook-smol"] {
        let count = tree(package, &[]).len();
        let told = readme.lines().find_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            match cells.as_slice() {
                [_, name, .., count, _] if *name == format!("`{package}`") => count.parse::<usize>().ok(),
                _ => None,
            }
        });
        assert_eq!(told, Some(count), "{package} has {count} dependencies");
    }
}

/// The fuzz programs are a workspace of their own, whose lock file nobody else updates: they are built with `--locked`.
#[test]
fn the_fuzz_programs_know_what_the_targets_need() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lock = std::fs::read_to_string(root.join("fuzz/targets/Cargo.lock")).unwrap();
    let locked: BTreeSet<&str> =
        lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    let needed = tree("offhook-fuzz", &[]);
    let missing: Vec<_> =
        needed.iter().filter(|name| !locked.contains(name.split(' ').next().unwrap())).collect();
    assert_eq!(missing, EMPTY, "cargo update --workspace --manifest-path fuzz/targets/Cargo.toml");
}

/// Every public method of the handles is called by the tests that run on each runtime.
#[test]
fn the_suite_calls_every_method() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |folder: &str, file: &str| std::fs::read_to_string(root.join(folder).join(file)).unwrap();
    let mut suite = String::new();
    for file in std::fs::read_dir(root.join("tests/runtime")).unwrap() {
        suite += &std::fs::read_to_string(file.unwrap().path()).unwrap();
    }
    let mut methods = 0;
    for file in [
        "simple",
        "coordinator",
        "commands",
        "audio",
        "call",
        "holding",
        "news",
        "errands",
        "transfer",
        "incoming",
        "dialing",
        "registration",
        "view",
    ] {
        let source = text("core/src/peer", &format!("{file}.rs"));
        for line in source.lines().filter_map(|line| line.strip_prefix("    pub ")) {
            let line = line.trim_start_matches("const ").trim_start_matches("async ");
            let Some(rest) = line.strip_prefix("fn ") else { continue };
            let name = rest.split(['(', '<']).next().unwrap();
            let called = [format!(".{name}("), format!("::{name}(")].iter().any(|call| suite.contains(call));
            assert!(called, "no test of the suite calls `{name}` of {file}.rs");
            methods += 1;
        }
    }
    assert!(methods > 60, "{methods}");
}
