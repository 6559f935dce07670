//! What the language knows by name beside syscalls: constants, families and blocks.

use callgate_facts::Constants;
use callgate_rules::{Cond, Verdict};
use callgate_syscalls::{Arch, Name};

use crate::near;

/// The pointer that points nowhere.
pub(crate) const NULL: &str = "NULL";

/// A constant by its name in C.
pub(crate) fn constant(name: &str) -> Option<callgate_rules::Constant> {
    let constant = callgate_facts::Constant::parse(name)?;
    let values = constant.on_each().map(|(arch, value)| (arch, i128::from(value))).collect();
    Some(callgate_rules::Constant::from_values(constant.name(), values))
}

/// What a constant is for, if the argument takes its values from sets and none of them has it.
pub(crate) fn stranger(call: Name, argument: &str, constant: &str) -> Option<&'static str> {
    let constant = callgate_facts::Constant::parse(constant)?;
    let mut sets = Constants::of(call, argument).map(|usage| usage.constants).peekable();
    sets.peek()?;
    let is_member = sets.any(|set| set.members().any(|member| member == constant));
    if is_member { None } else { constant.sets().next().map(Constants::name) }
}

/// Names of constants that may be meant by a word: first those that the argument takes.
pub(crate) fn near_constants(call: Option<Name>, argument: &str, word: &str) -> Vec<&'static str> {
    let own = || {
        let usages = call.into_iter().flat_map(|call| Constants::of(call, argument));
        usages.flat_map(|usage| usage.constants.members()).map(callgate_facts::Constant::name)
    };
    let short = format!("_{}", word.to_ascii_uppercase());
    let whole: Vec<&'static str> = own().filter(|name| name.ends_with(&short)).collect();
    if !whole.is_empty() {
        return whole;
    }
    match near::words_near(word, own()) {
        near if !near.is_empty() => near,
        _ => near::words_near(
            word,
            callgate_facts::Constant::all().map(callgate_facts::Constant::name),
        ),
    }
}

/// The members of a family.
pub(crate) fn family(name: &str) -> Option<Vec<Name>> {
    let _ = name;
    None
}

/// The names of families near a word.
pub(crate) fn near_families(word: &str) -> Vec<&'static str> {
    let _ = word;
    Vec::new()
}

/// What a block says about some of its calls.
#[derive(Clone, Debug)]
pub(crate) struct BlockRule {
    pub(crate) members: Vec<Name>,
    pub(crate) condition: Option<Cond>,
    pub(crate) verdict: Verdict,
}

/// The rules of a block or role.
pub(crate) fn block(name: &str) -> Option<Vec<BlockRule>> {
    let _ = name;
    None
}

/// All calls that a block or role names.
pub(crate) fn block_members(name: &str) -> Option<Vec<Name>> {
    let rules = block(name)?;
    Some(rules.into_iter().flat_map(|rule| rule.members).collect())
}

/// The names of all blocks and roles.
pub(crate) fn block_names() -> impl Iterator<Item = &'static str> {
    [].into_iter()
}

/// The call that does the same on these architectures, which do not have `name`.
pub(crate) fn successor(name: Name, arches: &[Arch]) -> Option<Name> {
    let _ = (name, arches);
    None
}

/// The constants that a value is called by, where an argument takes its values from a set whatever the others are, and
/// all architectures have them.
pub(crate) fn spelling(
    call: Name,
    argument: &str,
    value: u64,
    arch: Arch,
    arches: &std::collections::BTreeSet<Arch>,
) -> Option<String> {
    let usage = Constants::of(call, argument).find(|usage| usage.condition.is_none())?;
    let spelling = usage.constants.spell(value, arch);
    let mut union = spelling.rest;
    for constant in &spelling.constants {
        // A negative constant is written for its low half, too.
        let own = 0_u64.wrapping_add_signed(constant.on(arch)?);
        union |= if value <= u64::from(u32::MAX) { own & u64::from(u32::MAX) } else { own };
        if arches.iter().any(|arch| constant.on(*arch).is_none()) {
            return None;
        }
    }
    (!spelling.constants.is_empty() && union == value).then(|| spelling.to_string())
}
