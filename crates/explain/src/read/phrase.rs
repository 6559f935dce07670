//! How shells, service managers and container engines say that SIGSYS ended a process.

use std::fmt;

use super::Found;

/// A process was ended by SIGSYS; which call it was is not said.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// Who says so.
    pub by: &'static str,
    /// The line.
    pub line: String,
}

/// 128 + SIGSYS.
const STATUS: &str = "159";

/// Words that stand directly before the status, and who writes them.
const BEFORE_STATUS: [(&str, &str); 11] = [
    ("Exited (", "Docker or Podman"),
    ("\"ExitCode\": ", "Docker or Podman"),
    ("\"ExitCode\":", "Docker or Podman"),
    ("exited with code ", "Docker Compose"),
    ("exitCode: ", "Kubernetes"),
    ("\"exitCode\":", "Kubernetes"),
    ("Exit Code: ", "Kubernetes"),
    ("did not complete successfully: exit code: ", "BuildKit"),
    ("returned a non-zero code: ", "docker build"),
    ("exit status ", "a program that started it"),
    ("exit code ", "a program that started it"),
];

/// Sentences that say it in words, and who writes them.
const SENTENCES: [(&str, &str); 13] = [
    ("status=31/SYS", "systemd"),
    ("Signal: 31 (SYS)", "coredumpctl"),
    ("<Signals.SIGSYS: 31>", "a program in Python"),
    ("signal: 31 (SIGSYS)", "a program in Rust"),
    ("signal: 31, SIGSYS", "cargo"),
    ("died of signal 31", "git"),
    ("exited on signal 31", "nginx"),
    ("terminated by signal 31", "a program that started it"),
    ("killed by signal 31", "a program that started it"),
    ("invalid system call", "zsh"),
    ("Bad system call", "a shell"),
    ("signal: bad system call", "a program in Go"),
    ("terminated by signal SIGSYS", "a shell or debugger"),
];

impl Ended {
    /// What a status of 159 means, whoever has it.
    #[must_use]
    pub fn by_status() -> Self {
        Self { by: "whoever has the status", line: format!("status {STATUS}") }
    }
}

impl fmt::Display for Ended {
    /// The line, what it means, and where the rest can be had.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, line } = self;
        writeln!(f, "{line}")?;
        writeln!(
            f,
            "  means     SIGSYS (31, as a status 128+31 = 159) ended it: a filter killed or trapped a call"
        )?;
        writeln!(f, "  not said  by {by}: which call, by which filter; ask")?;
        writeln!(
            f,
            "            journalctl -k --grep type=1326   the audit record has call and architecture"
        )?;
        writeln!(
            f,
            "            callgate explain CORE            a core has its arguments as well (coredumpctl dump)"
        )?;
        writeln!(f, "            callgate run --explain -- CMD    says all of it, live")
    }
}

pub(super) fn line(line: &str) -> Option<Found> {
    let by = said(line)
        .or_else(|| SENTENCES.iter().find(|(words, _)| says(line, words)).map(|s| s.1))?;
    Some(Found::Ended(Ended { by, line: line.trim().to_owned() }))
}

/// Whether a line has the words, and not the beginning of a longer number.
fn says(line: &str, words: &str) -> bool {
    line.split_once(words).is_some_and(|(_, rest)| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn said(line: &str) -> Option<&'static str> {
    let is_status = |rest: &str| {
        let rest = rest.trim_start().strip_prefix(STATUS);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let mut known = BEFORE_STATUS.iter();
    let found =
        known.find(|(words, _)| line.split_once(words).is_some_and(|(_, rest)| is_status(rest)));
    found.map(|(_, by)| *by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_known_by_who_tells_them() {
        for (text, expected) in [
            ("x.service: Main process exited, code=killed, status=31/SYS", Some("systemd")),
            ("x.service: Main process exited, code=dumped, status=31/SYS", Some("systemd")),
            ("Exited (159) 3 seconds ago", Some("Docker or Podman")),
            ("      exitCode: 159", Some("Kubernetes")),
            ("Bad system call (core dumped)", Some("a shell")),
            ("Command '['true']' died with <Signals.SIGSYS: 31>.", Some("a program in Python")),
            ("signal: 31 (SIGSYS) (core dumped)", Some("a program in Rust")),
            ("  process didn't exit successfully: `x` (signal: 31, SIGSYS: y)", Some("cargo")),
            ("process \"x\" did not complete successfully: exit code: 159", Some("BuildKit")),
            ("The command 'x' returned a non-zero code: 159", Some("docker build")),
            ("Command terminated by signal 31", Some("a program that started it")),
            ("error: x died of signal 31", Some("git")),
            ("zsh: invalid system call (core dumped)  x", Some("zsh")),
            ("        Signal: 31 (SYS)", Some("coredumpctl")),
            ("worker process 7 exited on signal 31 (core dumped)", Some("nginx")),
            ("killed by signal 310", None),
            ("exit status 1590", None),
            ("Exited (15)", None),
            ("", None),
        ] {
            let by = match line(text) {
                Some(Found::Ended(ended)) => Some(ended.by),
                _ => None,
            };
            assert_eq!(by, expected, "{text}");
        }
    }
}
