//! Lists of syscalls: `read,!write,@clock,kill:EPERM,$41`.

use std::collections::BTreeSet;

use callgate_facts::Alias;
use callgate_rules::{
    Applies, Code, Diagnostic, Origin, Rule, Span, Subject, SubjectKind, Verdict,
};
use callgate_syscalls::{Arch, Name, SyscallNr};

use crate::context::{self, Context, c_number, code, with_near};
use crate::piece::Piece;

/// Whose groups `@NAME` are.
pub const FIREJAIL_GROUPS: &str = "firejail-0.9.72";

/// What firejail goes on to call under the filter, so that it is dropped only when the program has
/// started.
const KEPT: &str = "@default-keep";

/// What is dropped, where no list says otherwise.
const DROPPED: &str = "@default-nodebuggers";

/// A member of a list; a group has a member for each of its syscalls.
#[derive(Clone, Debug)]
pub(super) struct Member {
    kind: SubjectKind,
    is_excluded: bool,
    /// The answer behind a colon.
    own: Option<Verdict>,
    span: Span,
}

/// Rules for before the program is started, and for afterwards.
pub(super) struct Dropped {
    pub(super) before: Vec<Rule>,
    pub(super) after: Vec<Rule>,
}

/// Whose numbers a list means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// The machine's own.
    Native,
    /// Those of 32 bits: of groups only the names that the 64-bit table has too.
    Secondary,
}

/// The members of a list.
pub(super) fn members(list: Piece<'_>, context: &mut Context<'_>) -> Vec<Member> {
    let mut members = Vec::new();
    for word in list.split(|character| character == ',').map(Piece::trim) {
        if word.text.is_empty() {
            continue;
        }
        if word.text.starts_with('@') {
            match Alias::parse(FIREJAIL_GROUPS, word.text) {
                Some(group) => members.extend(group.syscalls().into_iter().map(|name| Member {
                    kind: SubjectKind::Call(name),
                    is_excluded: false,
                    own: None,
                    span: word.span(),
                })),
                None => unknown_group(word, context),
            }
        } else {
            members.extend(member(word, context));
        }
    }
    if members.is_empty() && !context.has_errors() {
        context.error(code::SYNTAX, list, "firejail takes no empty list");
    }
    members
}

fn unknown_group(word: Piece<'_>, context: &mut Context<'_>) {
    let message = format!("firejail has no group {:?}", context::shortened(word.text));
    let groups = Alias::all().filter(|group| group.source() == FIREJAIL_GROUPS);
    let error = Diagnostic::error(Code::new(code::UNKNOWN), message).primary(word.span(), "");
    context.report(with_near(error, word, groups.map(Alias::name)));
}

fn member(word: Piece<'_>, context: &mut Context<'_>) -> Option<Member> {
    let (is_excluded, rest) = match word.strip("!") {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    let (name, errno) = match rest.split_once(':') {
        Some((name, errno)) => (name, Some(errno)),
        None => (rest, None),
    };
    let own = match errno {
        None => None,
        Some(kill) if kill.text == "kill" => Some(Verdict::KillThread),
        Some(errno) => match context::errno(errno.text) {
            Some(known) if !errno.text.starts_with(|c: char| c.is_ascii_digit()) => {
                Some(Verdict::Errno(known))
            }
            _ => {
                let message = "firejail knows no such errno, and passes the entry over";
                context.warn(code::PASSED_OVER, errno, message);
                return None;
            }
        },
    };
    let kind = match name.text.strip_prefix('$') {
        Some(number) => match c_number(number).and_then(|nr| u32::try_from(nr).ok()) {
            Some(nr) => SubjectKind::Number(SyscallNr::new(nr)),
            None => {
                context.error(code::SYNTAX, name, "expected the number of a syscall behind $");
                return None;
            }
        },
        None => SubjectKind::Call(context.name_if_known(name)?),
    };
    if is_excluded && own.is_some() {
        context.error(code::MEANING, word, "an excluded syscall has no answer of its own");
        return None;
    }
    Some(Member { kind, is_excluded, own, span: word.span() })
}

/// The syscalls of a group as a list of its own.
fn group(name: &str, span: Span) -> Vec<Member> {
    let names = Alias::parse(FIREJAIL_GROUPS, name).map(Alias::syscalls).unwrap_or_default();
    let member =
        |name| Member { kind: SubjectKind::Call(name), is_excluded: false, own: None, span };
    names.into_iter().map(member).collect()
}

/// The rules of a list that is dropped, behind what is dropped anyway.
pub(super) fn dropped(
    list: &[Member],
    with_default: bool,
    refusal: Verdict,
    span: Span,
    table: Table,
) -> Dropped {
    let mut before = exceptions(list, Verdict::Allow, table);
    if with_default {
        let default = group(DROPPED, span);
        before.extend(default.iter().filter_map(|one| one.rule(refusal, table)));
    }
    let kept: BTreeSet<Name> =
        Alias::parse(FIREJAIL_GROUPS, KEPT).map(Alias::syscalls).unwrap_or_default();
    let is_kept = |member: &Member| match &member.kind {
        SubjectKind::Call(name) => kept.contains(name),
        SubjectKind::Number(_) | SubjectKind::Group(_) => false,
    };
    let mut after = Vec::new();
    for member in list.iter().filter(|member| !member.is_excluded) {
        match is_kept(member) {
            true => after.extend(member.rule(refusal, table)),
            false => before.extend(member.rule(member.own.unwrap_or(refusal), table)),
        }
    }
    before.extend(zeros(list, refusal));
    Dropped { before, after }
}

/// The rules of a list that is kept.
pub(super) fn kept(list: &[Member], refusal: Verdict, span: Span) -> Vec<Rule> {
    let table = Table::Native;
    let mut rules = exceptions(list, refusal, table);
    rules.extend(group(KEPT, span).iter().filter_map(|one| one.rule(Verdict::Allow, table)));
    let listed = list.iter().filter(|member| !member.is_excluded);
    rules.extend(listed.filter_map(|member| member.rule(Verdict::Allow, table)));
    rules.extend(zeros(list, Verdict::Allow));
    rules
}

/// What stands before all else: excluded syscalls, and those with an answer of their own.
fn exceptions(list: &[Member], excluded: Verdict, table: Table) -> Vec<Rule> {
    let rule = |member: &Member| match (member.is_excluded, member.own) {
        (true, _) => {
            let mut rule = member.rule(excluded, table)?;
            rule.applies.arches = arches(member, |nr| nr != 0);
            Some(rule)
        }
        (false, own) => member.rule(own?, table),
    };
    list.iter().filter_map(rule).collect()
}

/// firejail excludes by a minus, and number 0 has none: it counts as listed.
fn zeros(list: &[Member], listed: Verdict) -> Vec<Rule> {
    let rule = |member: &Member| {
        let mut rule = member.rule(listed, Table::Native)?;
        rule.applies.arches = arches(member, |nr| nr == 0);
        (!rule.applies.arches.is_empty()).then_some(rule)
    };
    list.iter().filter(|member| member.is_excluded).filter_map(rule).collect()
}

/// The architectures on which the number of a member is such a one.
fn arches(member: &Member, is_such: impl Fn(u32) -> bool) -> Vec<Arch> {
    let number = |arch: &Arch| match &member.kind {
        SubjectKind::Call(name) => arch.syscall(*name).map(|syscall| syscall.nr.raw()),
        SubjectKind::Number(nr) => Some(nr.raw()),
        SubjectKind::Group(_) => None,
    };
    Arch::ALL.into_iter().filter(|arch| number(arch).is_some_and(&is_such)).collect()
}

impl Member {
    fn rule(&self, verdict: Verdict, table: Table) -> Option<Rule> {
        if let (SubjectKind::Call(name), Table::Secondary) = (&self.kind, table) {
            // Whoever builds firejail has the headers of 64 bits, and groups name what is there.
            Arch::X86_64.syscall(*name)?;
        }
        let subject = Subject { kind: self.kind.clone(), span: Some(self.span) };
        Some(Rule {
            subjects: vec![subject],
            condition: None,
            verdict,
            applies: Applies::default(),
            origin: Origin::Text(self.span),
        })
    }
}
