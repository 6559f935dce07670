//! `scmp_bpf_sim`: what a program in a file answers to one call.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;

use callgate_bpf::{CheckError, Instruction, Program, Unsupported};
use callgate_scmp_process::native;
use callgate_syscalls::{Arch, SeccompData, SyscallNr};

use crate::answer::{INVALID, Output, status};
use crate::options::Options;
use crate::{disasm, number};

/// EFAULT, the exit status where the simulation can't be made.
const FAULT: u8 = 14;
/// ENOEXEC, the exit status where the program is wrong.
const ERROR: u8 = 8;

const TOO_LARGE: u8 = 7; // E2BIG
const OUT_OF_RANGE: u8 = 34; // ERANGE
const NO_ACTION: u8 = 33; // EDOM
const NOT_SUPPORTED: u8 = 95; // EOPNOTSUPP

const USAGE: &str = "-f <bpf_file> [-v] [-h] -a <arch> -s <syscall_num> [-0 <a0>] ... [-5 <a5>]";

/// Answers the arguments.
pub(crate) fn run(called: &str, args: &[OsString]) -> Output {
    let asked = match Asked::read(called, args) {
        Ok(asked) => asked,
        Err(answer) => return answer,
    };
    let Asked { verbose, arch, nr, args, file } = asked;
    let bytes = match file.ok_or(None).and_then(|path| read(&path).map_err(Some)) {
        Ok(bytes) => bytes,
        Err(Some(error)) => return fault(status(&error), verbose),
        Err(None) => return Output::usage(&format!("usage: {called} {USAGE}")),
    };
    let call = SeccompData::new(arch, nr).with_args(args);
    match Program::new(disasm::instructions(&bytes, arch)) {
        Ok(program) => {
            let trace = program.trace(&call, arch.endian());
            let last = trace.steps.last().map_or(0, |step| step.index);
            match disasm::action(trace.action.raw()) {
                Some(name) => Output::text(format!("{name}\n")),
                None => error(NO_ACTION, last, verbose),
            }
        }
        Err(refused) => refusal(refused, verbose),
    }
}

/// What is said of a program that no kernel loads.
fn refusal(refused: CheckError, verbose: bool) -> Output {
    match refused {
        CheckError::Length(0) => error(OUT_OF_RANGE, 0, verbose),
        CheckError::Length(_) => fault(TOO_LARGE, verbose),
        CheckError::Unsupported { index, reason: Unsupported::DataOffset(_) }
        | CheckError::JumpOut { index, .. }
        | CheckError::NoReturn { index } => error(OUT_OF_RANGE, index, verbose),
        _ => fault(NOT_SUPPORTED, verbose),
    }
}

/// What the options say.
struct Asked {
    verbose: bool,
    arch: Arch,
    nr: SyscallNr,
    args: [u64; 6],
    file: Option<OsString>,
}

impl Asked {
    fn read(called: &str, args: &[OsString]) -> Result<Self, Output> {
        let usage = || Output::usage(&format!("usage: {called} {USAGE}"));
        let arch = native().map_err(|_| usage())?;
        let nr = SyscallNr::new(0);
        let mut asked = Self { verbose: false, arch, nr, args: [0; 6], file: None };
        let mut options = Options::new("a:f:hs:v0:1:2:3:4:5:", args);
        while let Some(option) = options.next() {
            let (letter, value) = option.map_err(|wrong| usage().after(called, &wrong))?;
            match letter {
                'a' => {
                    let named = value.to_str().and_then(Arch::from_name);
                    asked.arch = named.ok_or_else(|| fault(INVALID, asked.verbose))?;
                }
                'f' if asked.file.is_some() => return Err(fault(INVALID, asked.verbose)),
                'f' => asked.file = Some(value),
                's' => {
                    let number = number::signed(value.as_bytes(), 0);
                    asked.nr = SyscallNr::new(number::low_word(number));
                }
                'v' => asked.verbose = true,
                '0'..='5' => {
                    let index = usize::from(letter as u8 - b'0');
                    asked.args[index] = number::unsigned(value.as_bytes());
                }
                _ => return Err(usage()),
            }
        }
        Ok(asked)
    }
}

/// The bytes of a file, no more of them than tell that a program is too long.
fn read(path: &OsString) -> io::Result<Vec<u8>> {
    const ENOUGH: u64 = ((Program::LEN_MAX + 1) * Instruction::SIZE) as u64;
    let mut bytes = Vec::new();
    File::open(path)?.take(ENOUGH).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn fault(errno: u8, verbose: bool) -> Output {
    let line = if verbose { format!("FAULT: errno = {errno}") } else { "FAULT".into() };
    Output::failure(&line, FAULT)
}

fn error(errno: u8, index: usize, verbose: bool) -> Output {
    let line = match verbose {
        true => format!("ERROR: errno = {errno}, line = {index}"),
        false => "ERROR".into(),
    };
    Output::failure(&line, ERROR)
}
