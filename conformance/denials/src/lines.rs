//! `--lines N`: random lines through the decoders of `callgate explain`. Each is made of a sample's
//! line, or of its words, changed here and there; none may end the decoder, and what is read as a
//! refused call has to be explained.
//!
//! A panic names the line's number, which is the seed that makes it again.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use callgate_explain::{Found, Reader, explain};
use callgate_syscalls::Arch;
use fastrand::Rng;

/// The most bytes of a line.
const LINE_MAX: usize = 600;
/// One explanation in so many is written out, which takes longer than all else.
const EXPLAINED: u64 = 64;

#[derive(Default)]
struct Counted {
    denials: u64,
    ends: u64,
    understood: u64,
    unknown: u64,
    explained: u64,
}

pub(crate) fn run(lines: u64) -> Result<(), String> {
    let samples = samples()?;
    let mut readers = Arch::ALL.map(Reader::new);
    let mut counted = Counted::default();
    for seed in 0..lines {
        let mut random = Rng::with_seed(seed);
        let line = line(&samples, &mut random);
        let index = random.usize(..readers.len());
        let one = AssertUnwindSafe(|| take(&mut readers[index], &line, seed, &mut counted));
        catch_unwind(one).map_err(|_| format!("line {seed} ends the decoder: {line:?}"))??;
    }
    let Counted { denials, ends, understood, unknown, explained } = counted;
    println!("{lines} lines: {denials} refused calls ({explained} explained), {ends} ends,");
    println!("  {understood} understood otherwise, {unknown} unknown");
    // They are neither all refused at once nor all known.
    match denials > lines / 100 && unknown > lines / 100 {
        true => Ok(()),
        false => Err("the lines do not reach what they are to test".to_owned()),
    }
}

fn take(reader: &mut Reader, line: &str, seed: u64, counted: &mut Counted) -> Result<(), String> {
    match reader.line(line) {
        Found::Denial(denial) => {
            counted.denials += 1;
            if seed % EXPLAINED == 0 {
                counted.explained += 1;
                if explain(&denial, None).to_string().is_empty() {
                    return Err(format!("line {seed} is not explained: {line:?}"));
                }
            }
        }
        Found::Ended(_) => counted.ends += 1,
        Found::Understood => counted.understood += 1,
        _ => counted.unknown += 1,
    }
    Ok(())
}

/// All lines of the samples that are text.
fn samples() -> Result<Vec<String>, String> {
    let folder = house::root().join("crates/explain/tests/samples");
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let mut lines = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let bytes = fs::read(path).map_err(|error| error.to_string())?;
            lines.extend(String::from_utf8_lossy(&bytes).lines().map(str::to_owned));
        }
    }
    lines.sort();
    lines.retain(|line| !line.is_empty());
    match lines.is_empty() {
        true => Err("there are no samples".to_owned()),
        false => Ok(lines),
    }
}

/// A line of a sample, of two, of words of several, or of any bytes; changed in up to four places.
fn line(samples: &[String], random: &mut Rng) -> String {
    let one = |random: &mut Rng| samples[random.usize(..samples.len())].as_bytes().to_vec();
    let mut bytes = match random.u8(..8) {
        0 => (0..random.usize(..80)).map(|_| random.u8(..)).collect(),
        1 | 2 => {
            let (first, second) = (one(random), one(random));
            let (end, start) = (random.usize(..=first.len()), random.usize(..=second.len()));
            [&first[..end], &second[start..]].concat()
        }
        3 | 4 => {
            let words = (0..random.usize(1..24)).map(|_| {
                let line = one(random);
                let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
                words[random.usize(..words.len())].to_vec()
            });
            words.collect::<Vec<_>>().join(&b' ')
        }
        _ => one(random),
    };
    bytes.truncate(LINE_MAX);
    for _ in 0..random.usize(..5) {
        if !bytes.is_empty() {
            let place = random.usize(..bytes.len());
            match random.u8(..4) {
                0 => bytes.truncate(place),
                1 => _ = bytes.remove(place),
                2 => bytes[place] = b"0123456789abcdef=() ,\"-"[random.usize(..23)],
                _ => bytes[place] = random.u8(..),
            }
        }
    }
    String::from_utf8_lossy(&bytes).replace('\n', " ")
}
