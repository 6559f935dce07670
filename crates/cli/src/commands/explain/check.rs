//! `--check`: the call is made again without the filter.

use std::fs;
use std::io::{self, Write};

use callgate_console::error::Error;
use callgate_explain::{Answer, Culprit, Explanation, Repeatable, addresses, culprits, repeatable};
use callgate_kernel::{Mode, current_status};
use callgate_observe::{Retried, retry};
use callgate_syscalls::{ActionKind, Arch, Errno};

/// A page, which is more than any of these calls reads or writes.
const MEMORY_WORDS: usize = 512;

/// What came of it.
pub(super) struct Check {
    verdict: &'static str,
    text: String,
    /// Who else may have refused the call, with the setting as it is.
    culprits: Vec<(Culprit, Option<String>)>,
}

/// Makes a call again, if that does no harm.
pub(super) fn of(explanation: &Explanation) -> Result<Check, Error> {
    let Explanation { denial, call, .. } = explanation;
    let not = |text: &str| Ok(Check::new("not-made", format!("not made again: {text}")));
    match repeatable(denial) {
        Repeatable::Yes => {}
        Repeatable::ArgumentsUnknown => return not("its arguments are not all known"),
        _ => {
            return not(
                "it acts beyond a process of its own, or nobody has looked at whether it does",
            );
        }
    }
    if call.arch != Arch::native() {
        return not("it is of another architecture than this command");
    }
    let mut args = denial.args.map(|arg| arg.unwrap_or(0));
    // What stood behind its pointers is not known; zeroes are as good as anything.
    let memory = vec![0_u64; MEMORY_WORDS];
    for index in addresses(call) {
        args[index] = memory.as_ptr().addr() as u64;
    }
    let retried = retry(denial.nr, args).map_err(Error::Kernel)?;
    Ok(judged(explanation, retried))
}

fn judged(explanation: &Explanation, retried: Retried) -> Check {
    let is_filtered = current_status().is_ok_and(|status| status.mode != Mode::Disabled);
    let here = if is_filtered { ", under the filters of this command" } else { "" };
    match retried {
        Retried::Succeeded => Check::new(
            "filter",
            format!(
                "made again{here}: it succeeds, so the filter refuses it, or what differs between here and there"
            ),
        ),
        Retried::Failed(errno) if seen(explanation).is_none_or(|seen| seen == errno) => {
            let name = name_of(explanation, errno);
            let too = if seen(explanation).is_some() { " too" } else { "" };
            let text = format!(
                "made again{here}: it fails with {name}{too}, so that no filter has to be the reason"
            );
            // Any other errno comes after whoever refuses calls.
            let is_refusal = matches!(&*name, "EPERM" | "EACCES" | "ENOSYS" | "ENOSPC" | "EDQUOT");
            let known = if is_refusal { culprits(&explanation.call) } else { Vec::new() };
            let culprits = known.into_iter().map(|culprit| (culprit, current(culprit))).collect();
            Check { culprits, ..Check::new("not-the-filter", text) }
        }
        Retried::Failed(errno) => {
            let name = name_of(explanation, errno);
            Check::new(
                "filter",
                format!("made again{here}: it fails with {name}, and not with what was seen"),
            )
        }
        Retried::Ended(signal) => Check::new(
            "unknown",
            format!("made again{here}: {signal} ended the process that made it"),
        ),
        _ => Check::new("unknown", String::new()),
    }
}

/// The errno that the program saw, where one is known.
fn seen(explanation: &Explanation) -> Option<Errno> {
    let action = match explanation.denial.answer {
        Answer::Returned(errno) => return Some(errno),
        Answer::Action(action) => action,
        _ => explanation.rulings.first()?.action,
    };
    (action.kind() == ActionKind::Errno).then(|| Errno::new(action.data()))
}

fn name_of(explanation: &Explanation, errno: Errno) -> String {
    let name = explanation.call.arch.and_then(|arch| errno.name(arch));
    name.map_or_else(|| format!("errno {}", errno.raw()), str::to_owned)
}

/// A setting as it is.
fn current(culprit: Culprit) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/sys/{}", culprit.sysctl?)).ok()?;
    Some(text.trim().to_owned())
}

impl Check {
    const fn new(verdict: &'static str, text: String) -> Self {
        Self { verdict, text, culprits: Vec::new() }
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "  check     {}", self.text)?;
        for (Culprit { sysctl, what, .. }, value) in &self.culprits {
            match (sysctl, value) {
                (Some(sysctl), Some(value)) => {
                    writeln!(out, "            {} is {value}: {what}", sysctl.replace('/', "."))?;
                }
                // A kernel without the setting does not refuse by it.
                (Some(_), None) => {}
                (None, _) => writeln!(out, "            {what}")?,
            }
        }
        Ok(())
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let culprit = |(culprit, value): &(Culprit, Option<String>)| serde_json::json!({ "sysctl": culprit.sysctl, "value": value, "what": culprit.what });
        let culprits: Vec<_> = self.culprits.iter().map(culprit).collect();
        serde_json::json!({ "verdict": self.verdict, "text": self.text, "culprits": culprits })
    }
}
