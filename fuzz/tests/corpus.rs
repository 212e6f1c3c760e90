//! Every file of the committed corpus, and some noise, through its target.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::panic::catch_unwind;
use std::path::Path;

use offhook_core::base::rng::Rng;
use offhook_fuzz::TARGETS;

#[test]
fn the_corpus_finds_nothing() {
    for &(name, body) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let entries =
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        assert!(paths.len() >= 5, "{name} has a corpus");
        for path in paths {
            let bytes = std::fs::read(&path).unwrap();
            assert!(catch_unwind(|| body(&bytes)).is_ok(), "{}", path.display());
        }
    }
}

#[test]
fn noise_finds_nothing() {
    for &(name, body) in TARGETS {
        for seed in 0..40_u8 {
            let mut rng = Rng::secret([seed; 32]);
            let len = rng.next_u32() % 400;
            let bytes: Vec<u8> = (0..len).map(|_| rng.next_u32() as u8).collect();
            assert!(catch_unwind(|| body(&bytes)).is_ok(), "{name}, seed {seed}");
        }
    }
}
