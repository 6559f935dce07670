//! What the arguments can be, by the names of their values.

use std::ffi::OsStr;

use callgate_facts::{Constant, Constants, Groups};
use callgate_formats::{Capability, Reading};
use callgate_gate::builtins;
use callgate_syscalls::{Arch, Name};
use clap::{Arg, Command};
use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate as Candidate, PathCompleter, ValueCompleter as _,
};

use crate::commands::topics;

/// A parser whose arguments know what they can be.
pub(super) fn added(parser: Command) -> Command {
    parser.mut_subcommands(|command| {
        let name = command.get_name().to_owned();
        let command = command.mut_args(|argument| known(&name, argument));
        command.mut_subcommands(|inner| inner.mut_args(|argument| known(&name, argument)))
    })
}

/// An argument of a command with what it can be, if that is known.
fn known(command: &str, argument: Arg) -> Arg {
    let value = argument.get_value_names().and_then(|names| names.first());
    let completer: fn(&OsStr) -> Vec<Candidate> = match (command, value.map_or("", |name| name)) {
        ("explain-error", "CODE") => |word| matching(word, errors()),
        (_, "CODE") => |word| matching(word, codes()),
        (_, "FILTER" | "A" | "B" | "IN" | "BASE" | "PROFILE" | "NAME|FILE") => filters,
        ("syscalls" | "sim", "NAME|NUMBER") => |word| matching(word, syscalls()),
        ("show", "CALL") => |word| matching(word, syscalls().chain(groups())),
        ("explain", "FILE|LINE|CALL") => |word| {
            let mut found = PathCompleter::file().complete(word);
            found.extend(matching(word, syscalls()));
            found
        },
        ("groups", "NAME") => |word| matching(word, groups_plain()),
        ("constants", "ARGUMENT") => |word| matching(word, arguments().chain(constants())),
        ("sim", "A,B,..") => |word| last_of(word, &[',', '|'], || Box::new(constants())),
        (_, "CAPS") => |word| last_of(word, &[','], || Box::new(capabilities())),
        (_, "READING") => |word| matching(word, readings()),
        (_, "ACTION") => |word| matching(word, actions()),
        ("help", "TOPIC") => |word| matching(word, topics::names().chain(commands())),
        ("man", "COMMAND") => |word| matching(word, commands()),
        _ => return argument,
    };
    argument.add(ArgValueCompleter::new(completer))
}

/// A word, and what it means if that helps to choose.
type Known = (String, &'static str);

fn matching(word: &OsStr, mut all: impl Iterator<Item = Known>) -> Vec<Candidate> {
    chosen(word, &mut all)
}

/// Once for all kinds of words: the command is to be small.
fn chosen(word: &OsStr, all: &mut dyn Iterator<Item = Known>) -> Vec<Candidate> {
    let Some(word) = word.to_str() else { return Vec::new() };
    let begins = all.filter(|(name, _)| name.starts_with(word));
    begins.map(|(name, help)| candidate(name, help)).collect()
}

fn candidate(name: String, help: &'static str) -> Candidate {
    Candidate::new(name).help((!help.is_empty()).then(|| help.into()))
}

/// The last of a list of words: what stands before it is kept.
fn last_of(
    word: &OsStr,
    between: &[char],
    all: fn() -> Box<dyn Iterator<Item = Known>>,
) -> Vec<Candidate> {
    let Some(word) = word.to_str() else { return Vec::new() };
    let at = word.rfind(between).map_or(0, |at| at + 1);
    let found = all().filter(|(name, _)| name.starts_with(&word[at..]));
    found.map(|(name, help)| candidate(format!("{}{name}", &word[..at]), help)).collect()
}

/// Embedded profiles, and files.
fn filters(word: &OsStr) -> Vec<Candidate> {
    let profiles = builtins().iter().map(|builtin| (builtin.name.to_owned(), builtin.summary));
    let mut found = matching(word, profiles);
    found.extend(PathCompleter::file().complete(word));
    found
}

fn plain(name: &str) -> Known {
    (name.to_owned(), "")
}

fn errors() -> impl Iterator<Item = Known> {
    callgate_gate::codes().map(|(code, title, _)| (code.to_owned(), title))
}

fn codes() -> impl Iterator<Item = Known> {
    let severities = ["error", "warning", "note"].map(plain);
    callgate_lint::pages().map(|page| (page.code.to_owned(), page.title)).chain(severities)
}

fn syscalls() -> impl Iterator<Item = Known> {
    Name::all().map(|name| plain(name.as_str()))
}

fn groups() -> impl Iterator<Item = Known> {
    let latest = Groups::LATEST;
    let families = latest.families().map(|family| (format!("~{}", family.name()), ""));
    let blocks = latest.blocks().map(|block| (format!("@{}", block.name()), block.purpose()));
    let roles = latest.roles().map(|role| (format!("@{}", role.name()), role.purpose()));
    families.chain(blocks).chain(roles)
}

/// The same without the marks of the language.
fn groups_plain() -> impl Iterator<Item = Known> {
    groups().map(|(name, help)| (name[1..].to_owned(), help))
}

fn constants() -> impl Iterator<Item = Known> {
    Constant::all().map(|constant| plain(constant.name()))
}

/// Arguments that take constants, as SYSCALL.ARGUMENT, on this machine.
fn arguments() -> impl Iterator<Item = Known> {
    let arch = Arch::native().unwrap_or(Arch::X86_64);
    let signatures = Name::all().filter_map(move |name| Some((name, arch.signature(name)?)));
    signatures.flat_map(move |(name, signature)| {
        let taken = signature
            .arguments()
            .enumerate()
            .filter(move |(index, _)| Constants::of_register(arch, name, *index).next().is_some());
        taken
            .map(move |(_, argument)| (format!("{name}.{}", argument.name), ""))
            .collect::<Vec<_>>()
    })
}

fn capabilities() -> impl Iterator<Item = Known> {
    Capability::all().map(|capability| plain(capability.name())).chain([plain("ALL")])
}

fn readings() -> impl Iterator<Item = Known> {
    Reading::ALL.into_iter().map(|reading| plain(reading.as_str()))
}

fn actions() -> impl Iterator<Item = Known> {
    ["allow", "log", "errno:EPERM", "errno:ENOSYS", "trap", "kill-thread", "kill-process"]
        .into_iter()
        .map(plain)
}

fn commands() -> impl Iterator<Item = Known> {
    let names: Vec<Known> = crate::commands::parser::parser()
        .get_subcommands()
        .map(|command| plain(command.get_name()))
        .collect();
    names.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_begin_so_are_offered() {
        let names = |found: Vec<Candidate>| -> Vec<String> {
            found.iter().map(|found| found.get_value().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names(matching(OsStr::new("openat"), syscalls())), ["openat", "openat2"]);
        assert!(names(matching(OsStr::new("@net-"), groups())).contains(&"@net-client".to_owned()));
        assert!(
            names(matching(OsStr::new("socket.f"), arguments())).contains(&"socket.family".into())
        );
        let last =
            names(last_of(OsStr::new("AF_UNIX,SOCK_STR"), &[',', '|'], || Box::new(constants())));
        assert_eq!(last, ["AF_UNIX,SOCK_STREAM"]);
        assert!(names(filters(OsStr::new("conta"))).contains(&"container".to_owned()));
        assert!(names(matching(OsStr::new("L0401"), codes())) == ["L0401"]);
        assert!(names(matching(OsStr::new("E0350"), errors())) == ["E0350"]);
    }
}
