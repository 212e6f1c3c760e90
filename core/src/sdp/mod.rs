//! Session descriptions: text, offer and answer, and the plan that comes of them.

pub mod plan;
