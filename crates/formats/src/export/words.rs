//! Rules in the words of the format: one entry for all syscalls with the same rules.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use callgate_policy::{Known, Operator};
use callgate_raise::{Call, Clause, Raised, RaisedArch, Test, Vocabulary};
use callgate_rules::ErrnoSpec;
use callgate_syscalls::{Action, Arch, Name, SyscallNr};

use super::{Exported, action_words, default_of};
use crate::check::is_permissive;
use crate::error::Inexpressible;
use crate::lower::is_multiplexer;
use crate::oci::{Arg, Syscall};
use crate::scalar::{ActionName, ArgIndex, OperatorName};

/// What becomes of rules for `socketcall` and `ipc` with conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers choose one")]
pub enum Multiplexers {
    /// Nothing: readers derive them from the rules of the syscalls behind them.
    Derived,
    /// They are written.
    Written,
}

/// What the rules of a syscall say: action, number, conditions.
type Words = Vec<(ActionName, Option<u64>, Vec<Arg>)>;

/// The rules, in the order of the first names of each entry.
pub(super) fn syscalls(
    raised: &Raised,
    multiplexers: Multiplexers,
) -> Result<Vec<Syscall>, Inexpressible> {
    let mut by_name = BTreeMap::<Name, Words>::new();
    // Of a 64-bit architecture's rules the 32-bit ones follow by truncation, but not the other way
    // round.
    let mut arches: Vec<&RaisedArch> = raised.arches.iter().collect();
    arches.sort_by_key(|own| own.arch.word_bits() != 64);
    for own in &arches {
        for call in &own.calls {
            let Some(name) = named(own, call)? else { continue };
            let conditional = call.parts.iter().any(|part| !part.clauses[0].is_always());
            let is_derived = multiplexers == Multiplexers::Derived && conditional;
            if call.parts.is_empty() || is_multiplexer(name) && is_derived {
                continue;
            }
            if let Entry::Vacant(entry) = by_name.entry(name) {
                entry.insert(words(own.arch, name, call)?);
            }
        }
    }
    let mut groups = Vec::<(Words, Vec<Name>)>::new();
    for (name, words) in by_name {
        match groups.iter_mut().find(|(known, _)| *known == words) {
            Some((_, names)) => names.push(name),
            None => groups.push((words, vec![name])),
        }
    }
    let known = known(raised, &groups)?;
    Ok(groups.into_iter().flat_map(|(words, names)| entries(words, names)).chain(known).collect())
}

/// The name of a call; none where readers may infer its refusal, which is compared when the profile
/// was read back.
fn named(own: &RaisedArch, call: &Call) -> Result<Option<Name>, Inexpressible> {
    let is_refused = || match call.parts.as_slice() {
        [] => !is_permissive(own.default),
        [part] => !is_permissive(part.action) && part.clauses[0].is_always(),
        _ => false,
    };
    match call.name {
        Some(name) => Ok(Some(name)),
        None if is_refused() => Ok(None),
        None => Err(Inexpressible::Number { arch: own.arch, nr: call.nr }),
    }
}

/// An entry with the default action for the last syscalls that count as known: readers answer
/// what is newer than all that a profile names as if the kernel did not have it.
fn known(raised: &Raised, groups: &[(Words, Vec<Name>)]) -> Result<Option<Syscall>, Inexpressible> {
    let mut names = BTreeSet::new();
    for own in &raised.arches {
        names.extend(last_known(own).filter(|(nr, name)| {
            let numbers = groups.iter().flat_map(|(_, names)| names).chain([name]);
            let largest = numbers.filter_map(|name| Some(own.arch.syscall(*name)?.nr)).max();
            largest == Some(*nr) && !groups.iter().any(|(_, names)| names.contains(name))
        }));
    }
    let names: Vec<Name> = names.into_iter().map(|(_, name)| name).collect();
    let (action, errno_ret) = action_words(default_of(raised)?)?;
    let words = vec![(action, errno_ret, Vec::new())];
    Ok((!names.is_empty()).then(|| entries(words, names).next()).flatten())
}

/// The last syscall that counts as known; where all do, the last of the table, unless readers infer
/// nothing.
fn last_known(own: &RaisedArch) -> Option<(SyscallNr, Name)> {
    let enosys = Action::errno(ErrnoSpec::ENOSYS.on(own.arch));
    let infers = !is_permissive(own.default) && Some(own.default) != enosys;
    let syscall = match own.unknown.map(|unknown| unknown.known) {
        Some(Known::UpTo(nr)) => own.arch.syscall_at(nr),
        None if infers => own.arch.syscalls().max_by_key(|syscall| syscall.nr),
        Some(Known::Kernel(_)) | None => None,
    };
    syscall.map(|syscall| (syscall.nr, syscall.name))
}

fn entries(words: Words, names: Vec<Name>) -> impl Iterator<Item = Syscall> {
    let names: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
    words.into_iter().map(move |(action, errno_ret, args)| Syscall {
        names: names.clone(),
        action,
        errno_ret,
        args,
    })
}

fn words(arch: Arch, name: Name, call: &Call) -> Result<Words, Inexpressible> {
    let says = |test: &Test| Exported::says(arch, test);
    // Runtimes take two conditions on one argument for alternatives.
    let vocabulary = Vocabulary { says: &says, repeats: false };
    let no_words = |action: Action, clause: &Clause| {
        let lost = format!("there are none for {action} where {clause}");
        Inexpressible::Rules { arch, name, lost }
    };
    let mut words = Vec::new();
    for part in &call.parts {
        let (action, errno_ret) = action_words(part.action)?;
        let clauses = vocabulary.express(&part.clauses);
        let clauses = clauses.map_err(|clause| no_words(part.action, &clause))?;
        for clause in clauses {
            let args: Option<Vec<Arg>> = clause.tests().iter().map(|t| arg(t, arch)).collect();
            words.push((action, errno_ret, args.ok_or_else(|| no_words(part.action, &clause))?));
        }
    }
    Ok(words)
}

fn arg(test: &Test, arch: Arch) -> Option<Arg> {
    let index = ArgIndex::new(u8::try_from(test.argument()?).ok()?)?;
    let (mask, value) = (test.mask, test.value);
    if mask != Test::full_mask(arch) {
        let op = OperatorName::MaskedEq;
        return Some(Arg { index, value: mask, value_two: value, op, width: None });
    }
    let op = match test.operator {
        Operator::Eq => OperatorName::Eq,
        Operator::Ne => OperatorName::Ne,
        Operator::Lt => OperatorName::Lt,
        Operator::Le => OperatorName::Le,
        Operator::Gt => OperatorName::Gt,
        Operator::Ge => OperatorName::Ge,
    };
    Some(Arg { index, value, value_two: 0, op, width: None })
}
