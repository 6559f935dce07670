//! What a program can reach and was not seen to: the third tier of a profile.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use callgate_kernel::Command;
use callgate_learn::{CallKey, Mined, Reached, Verdict};
use callgate_syscalls::{Arch, SyscallNr};
use clap::ValueHint;

use callgate_console::error::Error;
use callgate_console::output;

/// What becomes of calls that can be reached and were not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Reach {
    /// Each is a comment, with the way to it
    Comment,
    /// Each is allowed
    Allow,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Reaching {
    /// Add what the program's machine code and libraries can reach and was not seen (see `callgate scan`): as
    /// comments, or allowed
    #[arg(
        long,
        value_name = "HOW",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "comment"
    )]
    reachable: Option<Reach>,
    /// What --reachable scans, instead of the command: where it is a script, its interpreter, and
    /// what it starts; may be repeated
    #[arg(long, value_name = "ELF", requires = "reachable", value_hint = ValueHint::FilePath)]
    program: Vec<PathBuf>,
}

impl Reaching {
    /// What is edited by hands gets no tier that nobody decided about.
    pub(super) fn refuse_with(&self, option: &str) -> Result<(), Error> {
        match self.reachable {
            None => Ok(()),
            Some(_) => Err(Error::Usage(format!("--reachable goes not together with {option}"))),
        }
    }

    /// Adds the tier to statements. What cannot be scanned is said and ends nothing: what was
    /// recorded stands without it.
    pub(super) fn add(&self, mined: &mut Mined, command: &[OsString]) {
        let Some(reach) = self.reachable else { return };
        let programs = match (self.program.as_slice(), executed(command)) {
            ([], Some(program)) => vec![program],
            ([], None) => {
                return output::warning(&"--reachable: name the program by --program ELF");
            }
            (named, _) => named.to_vec(),
        };
        let report = match callgate_scan::scan(&programs, Path::new("/")) {
            Ok(report) => report,
            Err(error) => {
                return output::warning(&format_args!(
                    "--reachable: {error}: name programs by --program ELF"
                ));
            }
        };
        let calls = report.calls.iter().filter_map(|call| {
            let (arch, nr) = (Arch::from_name(call.arch)?.token(), SyscallNr::new(call.number));
            Some(Reached { call: CallKey { arch, nr }, way: report.told(&call.path) })
        });
        let verdict = match reach {
            Reach::Comment => Verdict::Comment,
            Reach::Allow => Verdict::Allow,
        };
        let added = mined.add_reachable(&calls.collect::<Vec<_>>(), verdict);
        let doubts = report.unknown.len();
        let also = match doubts {
            0 => String::new(),
            count => format!("; {count} doubts, which `callgate scan` lists"),
        };
        output::note(&format_args!("{added} calls can be reached and were not seen{also}"));
    }
}

/// The file of a command.
fn executed(command: &[OsString]) -> Option<PathBuf> {
    let words = command.iter().map(|word| std::ffi::CString::new(word.clone().into_vec()));
    let words: Vec<_> =
        words.collect::<Result<_, _>>().ok().filter(|words: &Vec<_>| !words.is_empty())?;
    let command = Command::resolve_here(words).ok()?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(command.file().to_bytes())))
}
