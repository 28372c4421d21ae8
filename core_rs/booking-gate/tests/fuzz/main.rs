//! What strangers may send, by the hundred thousand: requests, tokens, passes, bodies, lists of hops. Inputs are made from
//! good ones by turning bits, cutting, doubling, splicing and putting in words that parsers trip over.
//!
//! `HUMIAO_FUZZ_INPUTS` says how many for each target (some thousands in `cargo test`, a million with `make fuzz`);
//! `HUMIAO_FUZZ_SEED` repeats a run. Every failure tells the seed and the input.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod mutate;
mod parsers;
mod requests;
#[path = "../stage/mod.rs"]
mod stage;
