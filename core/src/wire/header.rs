//! Readers for the headers that every message has.
