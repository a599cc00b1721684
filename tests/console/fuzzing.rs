//! Feeds the console with hostile streams for as long as one likes.
//!
//! `cargo run --release --example fuzz -- --seed 1 --count 1000000`. A failing stream is made as short
//! as it still fails and written to `tests/corpus`, which the ordinary tests replay.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a program for developers, which ends when it cannot go on"
)]

use std::fs;
use std::time::Duration;

use fuzz::{Mutator, run};

mod fuzz;
mod recordings;

fn main() {
    let mut seed = 1;
    let mut count = 100_000_u64;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().and_then(|value| value.parse().ok());
        match (argument.as_str(), value) {
            ("--seed", Some(value)) => seed = value,
            ("--count", Some(value)) => count = value,
            _ => panic!("usage: fuzz [--seed N] [--count N]"),
        }
    }
    // What panics is told by its stream.
    std::panic::set_hook(Box::new(|_| {}));
    let mut seeds: Vec<Vec<u8>> = recordings::files("recordings", "gz")
        .iter()
        .map(|path| recordings::unpack(path))
        .collect();
    let corpus = recordings::files("corpus", "bin");
    seeds.extend(corpus.iter().map(|path| fs::read(path).unwrap()));
    let mut mutator = Mutator::new(seed, seeds);
    let (mut bytes, mut failed, mut slowest) = (0, 0, Duration::ZERO);
    for _ in 0..count {
        let stream = mutator.stream();
        bytes += stream.len();
        match run(&stream) {
            Ok(took) => slowest = slowest.max(took),
            Err(fault) => {
                failed += 1;
                keep(&stream, &fault);
            }
        }
    }
    println!(
        "seed {seed}: {count} streams, {} MB, {failed} failed, the slowest took {} ms",
        bytes / 1_000_000,
        slowest.as_millis()
    );
    assert_eq!(failed, 0);
}

/// Leaves out of a stream what it fails without, and writes it to the corpus.
fn keep(stream: &[u8], fault: &str) {
    let mut kept = stream.to_vec();
    let mut length = kept.len() / 2;
    while length > 0 {
        let mut at = 0;
        while at < kept.len() {
            let mut shorter = kept.clone();
            shorter.drain(at..(at + length).min(kept.len()));
            if run(&shorter).is_err() {
                kept = shorter;
            } else {
                at += length;
            }
        }
        length /= 2;
    }
    let sum = kept.iter().fold(0_u32, |sum, &byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    let path = recordings::directory("corpus").join(format!("{sum:08x}.bin"));
    fs::write(&path, &kept).unwrap();
    println!("{fault}: {}: {}", path.display(), kept.escape_ascii());
}
