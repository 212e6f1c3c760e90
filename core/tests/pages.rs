//! The pages that people read about the state tables are written by the tables themselves.
//!
//! `OFFHOOK_WRITE=1 cargo test -p offhook-core --test pages` writes them anew.

use offhook_core::media::source_page;
use offhook_core::session::{StateTable, sides_page, transfer_page};
use offhook_core::transaction::table;

const HOW: &str =
    "a test keeps it current (`OFFHOOK_WRITE=1 cargo test -p offhook-core --test pages` writes it anew)";

fn check(path: &str, page: &str) {
    let path = format!("{}/src/{path}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("OFFHOOK_WRITE").is_some() {
        std::fs::write(&path, page).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == page, "{path} is stale; {HOW}");
}

#[test]
fn the_page_about_sessions_is_current() {
    let table = StateTable::default();
    let page = format!(
        "# States of a session\n\nWritten by the table in `core/src/session/table.rs`; {HOW}.\n\n```mermaid\n{}```\n\n{}",
        table.diagram(),
        table.markdown()
    );
    check("session/table.md", &page);
}

#[test]
fn the_page_about_both_sides_is_current() {
    let page = format!(
        "# Both sides of a call\n\nWhat the two have in the state table at the same moment; written by \
         `core/src/session/sides.rs`; {HOW}.\n\n{}",
        sides_page()
    );
    check("session/sides.md", &page);
}

#[test]
fn the_page_about_transfers_is_current() {
    let page = format!(
        "# States of a transfer\n\nWritten by the table in `core/src/session/transfer.rs`; {HOW}.\n\n{}",
        transfer_page()
    );
    check("session/transfer.md", &page);
}

#[test]
fn the_page_about_transactions_is_current() {
    let page = format!(
        "# States of transactions\n\nWritten by the tables in `core/src/transaction/table.rs`; {HOW}.\n\n{}",
        table::markdown()
    );
    check("transaction/table.md", &page);
}

#[test]
fn the_page_about_sources_of_media_is_current() {
    let page = format!(
        "# Whose packets are taken, and where ours go\n\nWritten by the table in `core/src/media/source.rs`; {HOW}.\n\n{}",
        source_page()
    );
    check("media/source.md", &page);
}
