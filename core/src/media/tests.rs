#![allow(clippy::unwrap_used, reason = "tests")]

mod pair;

mod audio;
