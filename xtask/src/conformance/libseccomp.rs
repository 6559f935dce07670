//! `cargo xtask conformance libseccomp`: the C library against the installed libseccomp, each in a process of its own.
//!
//! One driver, compiled once, makes the same random contexts with both. Every return code, the PFC text and the meaning of
//! the exported program must be the same; names resolve to the same numbers, and back, on every architecture that both know.
//!
//! Rules compare with EQ and MASKED_EQ, where libseccomp is right for every set of rules. A refused rule
//! comes first in a context: libseccomp forgets things after one. Texts that differ are
//! counted and not an error, as long as the programs mean the same: libseccomp keeps some redundant rules, and priorities.
//!
//! Options: `--full` for 100,000 contexts, `--seed N` for others.

mod script;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use callgate_bpf::{Instruction, Program};
use callgate_prover::{Options, Prover, Scope};
use callgate_scmp::Token;
use callgate_syscalls::{Arch, Name};

use crate::abi::{Against, Library};

/// Contexts by default, in a full run, and in one process.
const DEFAULT: usize = 2_000;
const FULL: usize = 100_000;
const BATCH: usize = 500;

/// Architectures that libseccomp 2.5.4 is too old for.
const NEWER: [Arch; 4] = [Arch::Loongarch64, Arch::M68k, Arch::Sh, Arch::Sheb];

/// What 2.5.4 and the tables of Linux 7.1 say of a name, each as number, rewritten number and the name of the number:
/// parisc64 lost `_llseek`, x32 gained `map_shadow_stack`, and of two names with one pseudo number the older one won.
const DIFFERING: [&str; 3] = [
    "140 140 _llseek -10026 -10026 _llseek",
    "-10245 -10245 map_shadow_stack 1073742277 1073742277 map_shadow_stack",
    "-10191 -10191 switch_endian -10191 -10191 sys_debug_setcontext",
];

/// What was found to be equal, and what was not compared.
#[derive(Default)]
struct Counts {
    contexts: usize,
    rules: usize,
    refused: usize,
    texts: usize,
    differing: usize,
    undecided: usize,
}

/// Runs the suite.
pub(super) fn run(args: &[String]) -> Result<(), String> {
    let (mut wanted, mut seed) = (DEFAULT, 1);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match (arg.as_str(), arg.as_str() == "--seed") {
            ("--full", _) => wanted = FULL,
            (_, true) => seed = args.next().and_then(|n| n.parse().ok()).ok_or("--seed NUMBER")?,
            _ => return Err(format!("{arg}: use --full and --seed NUMBER")),
        }
    }
    let library = Library::stage()?;
    let driver = library.program("driver", Against::Installed)?;
    println!("names: {}", names(&library, &driver)?);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut counts = Counts::default();
    while counts.contexts < wanted {
        let contexts: Vec<String> = (0..BATCH).map(|_| script::context(&mut random)).collect();
        batch(&library, &driver, &contexts, &mut counts)?;
    }
    let Counts { contexts, rules, refused, texts, differing, undecided } = counts;
    if undecided * 100 > contexts || differing * 50 > contexts {
        return Err(format!("{undecided} undecided and {differing} differing texts of {contexts}"));
    }
    println!(
        "contexts: {contexts}, rules and other calls: {rules}, refused: {refused}; codes are the same, programs mean the \
         same ({undecided} undecided), {texts} texts are the same, {differing} differ"
    );
    Ok(())
}

fn names(library: &Library, driver: &Path) -> Result<String, String> {
    let known = Arch::ALL.into_iter().filter(|arch| !NEWER.contains(arch));
    let tokens: Vec<String> = known.map(|arch| Token::of(arch).raw().to_string()).collect();
    let line = |name: Name| format!("N {} {}\n", name.as_str(), tokens.join(" "));
    let script: String = Name::all().map(line).collect();
    let (theirs, ours) = both(library, driver, &script)?;
    let (mut same, mut differing) = (0, Vec::new());
    for (theirs, ours) in theirs.lines().zip(ours.lines()) {
        // A name that it does not know at all is newer than the installed library.
        let numbers: Vec<&str> = theirs.split(' ').skip(1).collect();
        if numbers.chunks(3).all(|number| number[0] == "-1") {
            continue;
        }
        let ours: Vec<&str> = ours.split(' ').skip(1).collect();
        for (theirs, ours) in numbers.chunks(3).zip(ours.chunks(3)) {
            match theirs == ours {
                true => same += 1,
                false => differing.push(format!("{} {}", theirs.join(" "), ours.join(" "))),
            }
        }
    }
    if let Some(unknown) = differing.iter().find(|line| !DIFFERING.contains(&line.as_str())) {
        return Err(format!("theirs and ours: {unknown}"));
    }
    if same < 6_000 { Err(format!("only {same} compared")) } else { Ok(format!("{same} the same")) }
}

fn batch(
    library: &Library,
    driver: &Path,
    contexts: &[String],
    counts: &mut Counts,
) -> Result<(), String> {
    let (theirs, ours) = both(library, driver, &contexts.concat())?;
    let (mut theirs, mut ours) = (theirs.split("done\n"), ours.split("done\n"));
    for context in contexts {
        let next = theirs.next().zip(ours.next()).ok_or("an answer is missing")?;
        compare(next.0, next.1, counts).map_err(|error| format!("{error}\nscript:\n{context}"))?;
        counts.contexts += 1;
    }
    Ok(())
}

/// The answers to one context: the codes, the text, and the program in the last line.
fn compare(theirs: &str, ours: &str, counts: &mut Counts) -> Result<(), String> {
    let parts = |answer: &str| -> Option<(String, String, String)> {
        let (codes, rest) = answer.split_once("#\n")?;
        let (text, program) = rest.split_once("pfc 0\nbpf 0 ")?;
        Some((codes.into(), text.into(), program.trim().into()))
    };
    let broken = || format!("cannot be read; theirs:\n{theirs}\nours:\n{ours}");
    let (theirs, ours) = parts(theirs).zip(parts(ours)).ok_or_else(broken)?;
    if theirs.0 != ours.0 {
        return Err(format!("codes differ; theirs:\n{}\nours:\n{}", theirs.0, ours.0));
    }
    counts.rules += ours.0.lines().count();
    counts.refused += ours.0.lines().filter(|line| line.contains('-')).count();
    match difference(&theirs.2, &ours.2)? {
        Ok(None) => {}
        Ok(Some(call)) => return Err(format!("programs differ: {call}; text:\n{}", ours.1)),
        Err(Undecided) => counts.undecided += 1,
    }
    match theirs.1 == ours.1 {
        true => counts.texts += 1,
        false => counts.differing += 1,
    }
    Ok(())
}

/// The prover can't tell within its budget.
struct Undecided;

/// A call that the programs answer differently, and the actions.
fn difference(theirs: &str, ours: &str) -> Result<Result<Option<String>, Undecided>, String> {
    let (theirs, ours) = (program(theirs)?, program(ours)?);
    let mut prover = Prover::new(Options::default());
    let mut differences = || {
        let left = prover.program(&theirs)?;
        let right = prover.program(&ours)?;
        prover.differences(&left, &right, Scope::Exact)
    };
    match differences() {
        Ok(found) => Ok(Ok(found.first().map(ToString::to_string))),
        Err(callgate_prover::Error::Undecided(_)) => Ok(Err(Undecided)),
        Err(error) => Err(error.to_string()),
    }
}

/// A program from hexadecimal digits; its first opcode tells the byte order.
fn program(hex: &str) -> Result<Program, String> {
    let digits = |at: usize| hex.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(digits).collect();
    let bytes = bytes.ok_or_else(|| format!("not hexadecimal: {hex}"))?;
    let big = bytes.first() == Some(&0);
    let read = |chunk: &[u8]| -> Option<Instruction> {
        let [a, b, jt, jf, c, d, e, f] = *<&[u8; 8]>::try_from(chunk).ok()?;
        let (code, k) = match big {
            true => (u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f])),
            false => (u16::from_le_bytes([a, b]), u32::from_le_bytes([c, d, e, f])),
        };
        Some(Instruction { code, jt, jf, k })
    };
    let instructions: Option<Vec<Instruction>> = bytes.chunks(8).map(read).collect();
    Program::new(instructions.ok_or("half an instruction")?).map_err(|error| error.to_string())
}

/// What the driver prints with the installed library, and with ours.
fn both(library: &Library, driver: &Path, script: &str) -> Result<(String, String), String> {
    let theirs = answers(&mut Command::new(driver), library, script)?;
    Ok((theirs, answers(&mut library.command(driver), library, script)?))
}

fn answers(command: &mut Command, library: &Library, script: &str) -> Result<String, String> {
    let (input, output) = (library.lib().join("script"), library.lib().join("answers"));
    let failed = |error: std::io::Error| format!("driver: {error}");
    fs::File::create(&input)
        .and_then(|mut file| file.write_all(script.as_bytes()))
        .map_err(failed)?;
    let (reader, writer) = (fs::File::open(&input), fs::File::create(&output));
    command.stdin(Stdio::from(reader.map_err(failed)?));
    let status = command.stdout(writer.map_err(failed)?).status().map_err(failed)?;
    match status.success() {
        true => fs::read_to_string(&output).map_err(failed),
        false => Err(format!("the driver ended with {status}")),
    }
}
