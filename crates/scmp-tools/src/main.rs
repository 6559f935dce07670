//! libseccomp's commands, in one binary: the name under which it runs says which one it is.
//!
//! As `scmp` it takes that name, with or without its beginning `scmp_`, as its first argument.
//! Options, output and exit statuses are those of libseccomp's commands; COMPATIBILITY.md says
//! where they differ.
#![forbid(unsafe_code)]

mod answer;
mod detect;
mod disasm;
mod graph;
mod number;
mod options;
mod resolver;
mod sim;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use crate::answer::Output;

/// A command: its name without `scmp_`, and the function that answers its arguments under the name
/// it was called by.
type Tool = (&'static str, fn(&str, &[OsString]) -> Output);

const TOOLS: &[Tool] = &[
    ("sys_resolver", resolver::run),
    ("bpf_disasm", disasm::run),
    ("bpf_sim", sim::run),
    ("arch_detect", detect::arch),
    ("api_level", detect::level),
];

const PREFIX: &str = "scmp_";

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    answer(&args).give()
}

/// What the command answers that the first word names, or, if that is the binary's own name, the
/// second.
fn answer(args: &[OsString]) -> Output {
    for words in [args, args.get(1..).unwrap_or_default()] {
        let Some((called, rest)) = words.split_first() else { continue };
        if let Some((_, run)) = tool(called) {
            return run(&called.to_string_lossy(), rest);
        }
    }
    let names: Vec<&str> = TOOLS.iter().map(|(name, _)| *name).collect();
    Output::usage(&format!("usage: scmp {} [<argument>] ...", names.join("|")))
}

fn tool(called: &OsStr) -> Option<&'static Tool> {
    let name = Path::new(called).file_name()?.to_str()?;
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    TOOLS.iter().find(|(known, _)| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_commands_with_and_without_folder_and_prefix() {
        for called in ["/usr/bin/scmp_bpf_sim", "scmp_bpf_sim", "bpf_sim"] {
            assert_eq!(tool(OsStr::new(called)).map(|(name, _)| *name), Some("bpf_sim"));
        }
        for called in ["scmp", "/usr/bin/scmp", "", "..", "scmp_", "bpf"] {
            assert!(tool(OsStr::new(called)).is_none(), "{called}");
        }
    }

    #[test]
    fn without_a_command_the_usage_names_all() {
        for args in [vec![], vec!["scmp".into()], vec!["scmp".into(), "x".into()]] {
            let Output { stderr, status, .. } = answer(&args);
            assert_eq!(status, answer::INVALID);
            assert!(TOOLS.iter().all(|(name, _)| stderr.contains(name)), "{stderr}");
        }
    }
}
