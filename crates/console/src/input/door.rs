//! Files that were handed to a command that wants another: what they are, and which command takes
//! them.

use callgate_dialects::{Dialect, detect};
use callgate_dumps::{Form, Options, read, recognise};

use super::Source;
use crate::error::Error;

/// What a command wants to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A policy or a program.
    Filter,
    /// A policy in the language.
    Language,
    /// The text of a program.
    Assembler,
    /// The policy of an agent.
    AgentPolicy,
    /// A log of refused calls.
    Denials,
    /// How often each syscall is called.
    Weights,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Policy(Dialect),
    Program(Form),
    AgentPolicy,
    Denials,
    /// A resource of Kubernetes that names a profile, by its kind.
    Resource(&'static str),
}

/// The error of a file that was not understood: what it is instead, where that is known.
#[must_use]
pub fn named(error: Error, bytes: &[u8], source: &Source, wanted: Wanted) -> Error {
    let own = |found: &Found| match (found, wanted) {
        // What is wrong with what is wanted says the error.
        (Found::Policy(dialect), Wanted::Language) => *dialect == Dialect::Gate,
        // Names of syscalls, a line each, are all that a profile of snapd has.
        (Found::Policy(Dialect::Snapd), Wanted::Weights) => true,
        (Found::Policy(_) | Found::Program(_), Wanted::Filter)
        | (Found::Program(Form::Assembler), Wanted::Assembler)
        | (Found::AgentPolicy, Wanted::AgentPolicy)
        | (Found::Denials, Wanted::Denials) => true,
        _ => false,
    };
    match found(bytes).filter(|found| !own(found)) {
        Some(found) => Error::Usage(sentence(found, source, wanted)),
        None => error,
    }
}

/// What a file is that has nothing of what is wanted, in a sentence.
#[must_use]
pub fn hint(bytes: &[u8], source: &Source, wanted: Wanted) -> Option<String> {
    found(bytes).map(|found| sentence(found, source, wanted))
}

fn sentence(found: Found, source: &Source, wanted: Wanted) -> String {
    let it = match found {
        Found::Policy(dialect) => dialect.title().to_owned(),
        Found::Program(form) => format!("a filter program ({})", form.description()),
        Found::AgentPolicy => "the policy of an agent".to_owned(),
        Found::Denials => "a log of refused calls".to_owned(),
        Found::Resource(kind) => format!("a {kind} of Kubernetes"),
    };
    let what = match wanted {
        Wanted::Filter => "a filter",
        Wanted::Language => "a policy in the language (*.gate)",
        Wanted::Assembler => "the assembler of a program",
        Wanted::AgentPolicy => "the policy of an agent",
        Wanted::Denials => "a log of refused calls",
        Wanted::Weights => "a list of syscalls and how often each is called",
    };
    format!("{source} is {it}, and {what} is wanted here: {}", way(found, source, wanted))
}

/// Which command takes the file, or what to hand over instead.
fn way(found: Found, source: &Source, wanted: Wanted) -> String {
    match (found, wanted) {
        (Found::AgentPolicy, _) => format!("`callgate agent --policy {source}` answers by it"),
        (Found::Denials, _) => format!("`callgate explain {source}` reads it"),
        (Found::Resource(_), _) => {
            "the profile is the file that its securityContext names (seccompProfile.localhostProfile)".to_owned()
        }
        (_, Wanted::Language) => format!("`callgate show {source}` writes it in the language"),
        (Found::Policy(_), Wanted::Assembler) => {
            format!("`callgate compile {source} --format asm` makes a program of it")
        }
        (Found::Program(_), Wanted::Assembler) => {
            format!("`callgate disasm {source}` shows it as assembler")
        }
        (_, Wanted::Denials) => {
            format!("name the filter as --policy {source}, and give the log, such as the output of `journalctl -k`")
        }
        (_, Wanted::AgentPolicy) => {
            "it says how calls are answered that a filter hands over, see `callgate agent --help`".to_owned()
        }
        (_, Wanted::Weights) => "each line has a name and a count".to_owned(),
        (_, Wanted::Filter) => format!("`callgate show {source}` shows it"),
    }
}

fn found(bytes: &[u8]) -> Option<Found> {
    let program = || {
        let form = recognise(bytes)?;
        // Bytes that are no text are taken for instructions; few are.
        let is_sure = form != Form::Raw
            || read(bytes, &Options::default()).is_ok_and(|dump| dump.checked.is_ok());
        is_sure.then_some(Found::Program(form))
    };
    let Ok(text) = std::str::from_utf8(bytes) else { return program() };
    let has = |word: &str| text.contains(word);
    if is_log(text) {
        return Some(Found::Denials);
    }
    if text.trim_start().starts_with('{') && has("\"rules\"") && has("\"answer\"") {
        return Some(Found::AgentPolicy);
    }
    let kinds = ["Pod", "Deployment", "DaemonSet", "StatefulSet", "Job", "CronJob", "ReplicaSet"];
    let is_kind =
        |kind: &&&str| text.lines().any(|line| line.trim_end() == format!("kind: {kind}"));
    if let Some(kind) = kinds.iter().find(is_kind) {
        return Some(Found::Resource(kind));
    }
    program().or_else(|| policy(text).map(Found::Policy))
}

/// Whether a text, or the beginning of one, has refused calls as the kernel and strace log them.
pub(super) fn is_log(text: &str) -> bool {
    ["type=SECCOMP", "type=1326", "SIGSYS {si_signo", "killed by SIGSYS"]
        .into_iter()
        .any(|word| text.contains(word))
}

/// The form of a policy, where the content can be nothing else.
fn policy(text: &str) -> Option<Dialect> {
    let forms = detect(text);
    let [only] = forms.as_slice() else { return None };
    let lower = text.to_ascii_lowercase();
    let is_profile = || {
        ["defaultaction", "default_action", "ociversion"].into_iter().any(|key| lower.contains(key))
    };
    // Any object may be one of OCI's as far as its beginning tells.
    (!matches!(only, Dialect::Oci | Dialect::Docker) || is_profile()).then_some(*only)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_content() {
        let cases: [(&str, Option<Found>); 10] = [
            ("{\"defaultAction\": \"SCMP_ACT_ALLOW\"}", Some(Found::Policy(Dialect::Oci))),
            ("{\"name\": \"left-pad\"}", None),
            ("[Service]\nSystemCallFilter=~ptrace\n", Some(Found::Policy(Dialect::Systemd))),
            ("policy 1\n", Some(Found::Policy(Dialect::Gate))),
            (
                "{\"rules\": [{\"names\": [\"mount\"], \"answer\": \"ok\"}]}",
                Some(Found::AgentPolicy),
            ),
            ("kind: SeccompProfile\nspec:\n", Some(Found::Policy(Dialect::Spo))),
            ("apiVersion: v1\nkind: Pod\n", Some(Found::Resource("Pod"))),
            ("type=SECCOMP msg=audit(1.2:3): arch=c000003e syscall=41\n", Some(Found::Denials)),
            ("ld [4]\nret #0\n", Some(Found::Program(Form::Assembler))),
            ("dear diary\n", None),
        ];
        for (text, expected) in cases {
            assert_eq!(found(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_mistake_in_what_is_wanted_keeps_its_error() {
        let error = || Error::Usage("line 3".to_owned());
        let said = |text: &str, wanted| {
            named(error(), text.as_bytes(), &Source::Stdin, wanted).to_string()
        };
        let profile = "{\"defaultAction\": 1}";
        assert_eq!(said(profile, Wanted::Filter), "line 3");
        assert_eq!(said("policy 1\nalow", Wanted::Language), "line 3");
        assert_eq!(said("no idea", Wanted::Language), "line 3");
        assert!(
            said(profile, Wanted::Language)
                .contains("is an OCI profile, and a policy in the language")
        );
        assert!(said(profile, Wanted::Weights).contains("a name and a count"));
    }
}
