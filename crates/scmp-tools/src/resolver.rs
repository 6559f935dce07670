//! `scmp_sys_resolver`: the number of a syscall's name, or the name of a number.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use callgate_scmp::{Number, resolve_name, resolve_name_rewrite, resolve_number};
use callgate_scmp_process::native;
use callgate_syscalls::{Arch, SyscallNr};

use crate::answer::Output;
use crate::number;
use crate::options::Options;

/// Answers the arguments.
pub(crate) fn run(called: &str, args: &[OsString]) -> Output {
    let usage = || Output::usage(&format!("usage: {called} [-h] [-a <arch>] [-t] <name>|<number>"));
    let Ok(mut arch) = native() else { return usage() };
    let mut resolve: fn(Arch, &str) -> Option<Number> = resolve_name;
    let mut options = Options::new("a:ht", args);
    while let Some(option) = options.next() {
        match option {
            Ok(('a', name)) => match name.to_str().and_then(Arch::from_name) {
                Some(named) => arch = named,
                None => return usage(),
            },
            Ok(('t', _)) => resolve = resolve_name_rewrite,
            Ok(_) => return usage(),
            Err(wrong) => return usage().after(called, &wrong),
        }
    }
    let Some(asked) = options.operands().first() else { return usage() };
    let text = asked.as_bytes();
    let answer = match text.first() {
        Some(first) if first.is_ascii_digit() || *first == b'-' => {
            let nr = SyscallNr::new(number::low_word(number::signed(text, 10)));
            resolve_number(arch, nr.into()).unwrap_or("UNKNOWN").to_owned()
        }
        _ => {
            let found = asked.to_str().and_then(|name| resolve(arch, name));
            found.unwrap_or(Number::ERROR).to_string()
        }
    };
    Output::text(format!("{answer}\n"))
}
