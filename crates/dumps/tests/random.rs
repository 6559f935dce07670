//! Random and mutated inputs to all readers: none panics, goes on for ever, or takes memory out of
//! proportion.
//!
//! Claim: C-DUMPS

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use callgate_dumps::{Form, Options, read, recognise};
use callgate_lab::refusing::{Refusing, largest_request};
use fastrand::Rng;

#[global_allocator]
static ALLOCATOR: Refusing = Refusing;

/// How much larger than its input a request for memory may be, beside what every reader needs: the
/// numbers and places of the longest program.
const FACTOR: usize = 50;
const CONSTANT: usize = 1 << 20;

/// Reads, and says how large the largest request was beyond what is allowed.
fn excess(bytes: &[u8], form: Option<Form>) -> usize {
    let _ = largest_request();
    let _ = read(bytes, &Options { form, ..Options::default() });
    largest_request().saturating_sub(FACTOR * bytes.len() + CONSTANT)
}

/// Inputs for each form; `CALLGATE_RANDOM` gives another number.
const INPUTS: usize = 400;

fn inputs() -> usize {
    let asked = std::env::var("CALLGATE_RANDOM").ok().and_then(|count| count.parse().ok());
    asked.unwrap_or(INPUTS)
}

fn originals() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forms");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files.iter().map(|path| fs::read(path).expect("a file")).collect()
}

/// A file with some bytes changed, taken out, repeated, or replaced by a part of another one.
fn mutated(originals: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let mut bytes = originals[random.usize(..originals.len())].clone();
    for _ in 0..random.usize(1..6) {
        let at = random.usize(..bytes.len().max(1)).min(bytes.len());
        let end = (at + random.usize(..40)).min(bytes.len());
        match random.u8(..5) {
            0 => bytes.insert(at, random.u8(..)),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let part = bytes[at..end].repeat(random.usize(1..4));
                bytes.splice(at..at, part);
            }
            3 => {
                let other = &originals[random.usize(..originals.len())];
                let begin = random.usize(..other.len());
                let last = (begin + random.usize(..200)).min(other.len());
                bytes.splice(at..end, other[begin..last].iter().copied());
            }
            _ => {
                const SIGNS: &[u8] = b"{}[]()\"'\\#/*,;:=|&<>-+!?$%0x\n\t \x1b";
                bytes.splice(at..end, [SIGNS[random.usize(..SIGNS.len())]]);
            }
        }
    }
    bytes
}

#[test]
fn random_inputs_end_in_a_program_or_an_error() {
    let originals = originals();
    let mut random = Rng::with_seed(20);
    let (mut programs, mut errors) = (0, 0);
    for _ in 0..inputs() {
        let bytes = mutated(&originals, &mut random);
        let _ = recognise(&bytes);
        for form in Form::all().map(Some).chain([None]) {
            assert_eq!(excess(&bytes, form), 0, "{form:?}");
            match read(&bytes, &Options { form, ..Options::default() }) {
                Ok(dump) => {
                    programs += usize::from(dump.checked.is_ok());
                    assert!(dump.instructions.len() <= 4097);
                }
                Err(error) => {
                    errors += 1;
                    assert!(!error.to_string().is_empty());
                }
            }
        }
    }
    // Both happen often, or the inputs test nothing.
    assert!(programs * 20 > inputs() && errors > inputs(), "{programs} programs, {errors} errors");
}

/// Pieces that readers look behind, repeated to 128 KiB.
const PIECES: [&str; 34] = [
    "/**/",
    "{",
    "[",
    "(",
    "((((1",
    "\"",
    "\"a\"",
    "'",
    "# \n",
    "#define A B\n",
    "a=",
    "= {",
    "= 1;",
    "0,",
    "{0,0,0,0},",
    "BPF_STMT(0,0),",
    "-",
    "~",
    "a::",
    "a.",
    "x: ",
    "l: ",
    "if (",
    "!(",
    "A = 1\n",
    "\\x00",
    "\x1b[0m",
    "0000: 0x20 0x00 0x00 0x00000004\n",
    "*\n",
    "0 ",
    "f ",
    "{len=filter=[",
    "ARCH_",
    "0000000 0020\n*\n",
];

#[test]
fn time_is_linear_in_the_input() {
    let mut slow = Vec::new();
    for piece in PIECES {
        let long = piece.repeat((1 << 17) / piece.len());
        for form in Form::all().map(Some).chain([None]) {
            let begin = Instant::now();
            assert_eq!(excess(long.as_bytes(), form), 0, "{piece:?} as {form:?}");
            // 128 KiB take some milliseconds; what is quadratic takes minutes.
            if begin.elapsed() > Duration::from_secs(2) {
                eprintln!("{piece:?} as {form:?}: {:?}", begin.elapsed());
                slow.push(format!("{piece:?} as {form:?}: {:?}", begin.elapsed()));
            }
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}
