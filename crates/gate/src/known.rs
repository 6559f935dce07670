//! What the language knows by name beside syscalls: constants, families and blocks.

pub(crate) mod about;

use callgate_facts::{Allowance, Block, Constants, Family, GroupMember, Groups, PartKind, Role};
use callgate_rules::near;
use callgate_syscalls::{Arch, Name};

/// The pointer that points nowhere.
pub(crate) const NULL: &str = "NULL";

/// A constant by its name in C.
pub(crate) fn constant(name: &str) -> Option<callgate_rules::Constant> {
    let constant = callgate_facts::Constant::parse(name)?;
    if let Some(value) = constant.everywhere() {
        return Some(callgate_rules::Constant::new(constant.name(), i128::from(value)));
    }
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

/// Constants that are values, not bits, of an argument of which others are tested bit by bit.
#[derive(Clone, Debug)]
pub(crate) struct Overlap {
    /// The bits that hold one of the values; none where the whole argument is one.
    pub(crate) mask: Option<u64>,
    /// The values that were named.
    pub(crate) named: Vec<&'static str>,
    /// Other values for which the same test gives the same answer.
    pub(crate) others: Vec<&'static str>,
    /// Those of the others that are by their name what was named: `MAP_SHARED_VALIDATE`.
    pub(crate) alike: Vec<&'static str>,
}

/// The bits of a value that stands beside flags in an argument; none where nothing does.
pub(crate) fn field(call: Name, argument: &str) -> u64 {
    Constants::of(call, argument).fold(0, |field, usage| field | usage.constants.field())
}

/// What is asked of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bits {
    /// That all are set.
    Has,
    /// That any is set, or none.
    Any,
    /// That no other is set.
    Only,
}

impl Bits {
    /// What a word of the language asks, where it asks for bits.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "has" => Some(Self::Has),
            "any" | "none" => Some(Self::Any),
            "only" => Some(Self::Only),
            _ => None,
        }
    }

    /// Whether a value gives the answer that the named bits give.
    const fn takes(self, value: u64, bits: u64) -> bool {
        match self {
            Self::Has => value & bits == bits,
            Self::Any => value & bits != 0,
            Self::Only => value & !bits == 0,
        }
    }
}

/// Whether a test of bits takes named values of an argument for others.
pub(crate) fn overlap(
    call: Name,
    argument: &str,
    named: &[&str],
    test: Bits,
    arch: Arch,
) -> Option<Overlap> {
    let mut parts = Constants::of(call, argument).flat_map(|usage| usage.constants.parts());
    parts.find_map(|part| {
        let (mask, is_beside_flags) = match part.kind {
            PartKind::Field { mask, shift } => (mask, shift == 0),
            PartKind::Values => (u64::MAX, false),
            _ => return None,
        };
        let placed = part.members().filter_map(|one| {
            let value = u64::try_from(one.on(arch)?).ok()?;
            Some((one.name(), part.kind.place(value)))
        });
        let (own, others): (Vec<_>, Vec<_>) = placed.partition(|(name, _)| named.contains(name));
        let bits = own.iter().fold(0, |bits, (_, value)| bits | value);
        if own.is_empty() || bits == mask {
            return None;
        }
        // A field in which nothing is set says nothing beside flags, unless it alone is asked for.
        let is_zero = bits == 0 && test == Bits::Any && named.len() == 1;
        let is_same = |value: u64| own.iter().any(|(_, own)| *own == value);
        let is_other = |value: u64| {
            value != mask
                && !is_same(value)
                && test.takes(value, bits)
                && !(test == Bits::Only && value == 0 && is_beside_flags)
        };
        let others = others.into_iter().filter(|(_, value)| is_other(*value));
        let others: Vec<&str> = others.map(|(name, _)| name).collect();
        let own: Vec<&str> = own.into_iter().map(|(name, _)| name).collect();
        let is_alike = |other: &&str| own.iter().any(|own| other.starts_with(own));
        let alike = others.iter().copied().filter(is_alike).collect();
        let mask = is_beside_flags.then_some(mask);
        let is_found = is_zero || !others.is_empty();
        is_found.then_some(Overlap { mask, named: own, others, alike })
    })
}

/// Two of the named values of which a union would be a third: of one field, or of one list.
pub(crate) fn joined(
    call: Name,
    argument: &str,
    named: &[&str],
    arch: Arch,
) -> Option<[&'static str; 2]> {
    let mut parts = Constants::of(call, argument).flat_map(|usage| usage.constants.parts());
    parts.find_map(|part| {
        if !matches!(part.kind, PartKind::Field { .. } | PartKind::Values) {
            return None;
        }
        let own = part.members().filter(|one| named.contains(&one.name()));
        let mut own = own.filter_map(|one| Some((one.name(), one.on(arch)?)));
        let (first, value) = own.next()?;
        let (second, _) = own.find(|(_, other)| *other != value)?;
        Some([first, second])
    })
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
    match near(word, own()) {
        near if !near.is_empty() => near,
        _ => near(word, callgate_facts::Constant::all().map(callgate_facts::Constant::name)),
    }
}

/// Names of constants that the argument takes and that may be meant by a word.
pub(crate) fn near_own(call: Name, argument: &str, word: &str) -> Vec<&'static str> {
    let sets = Constants::of(call, argument).map(|usage| usage.constants);
    let names = sets.flat_map(Constants::members).map(callgate_facts::Constant::name);
    near(word, names)
}

/// The members of a family.
pub(crate) fn family(name: &str) -> Option<Vec<Name>> {
    Groups::LATEST.family(name).map(|family| family.members().collect())
}

/// The names of families near a word.
pub(crate) fn near_families(word: &str) -> Vec<&'static str> {
    near(word, Groups::LATEST.families().map(Family::name))
}

/// What blocks say about some of their calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockRule {
    /// The syscalls.
    pub(crate) members: Vec<Name>,
    /// On which architectures.
    pub(crate) arches: Vec<Arch>,
    /// Whether they are allowed, always or where one of the conditions holds, or get ENOSYS.
    pub(crate) allowance: Allowance,
}

/// The blocks that a name stands for: one, or those of a role.
pub(crate) fn blocks(name: &str) -> Option<Vec<Block>> {
    let groups = Groups::LATEST;
    let block = groups.block(name).map(|block| vec![block]);
    block.or_else(|| groups.role(name).map(|role| role.blocks().collect()))
}

/// The rules of several blocks together on these architectures.
pub(crate) fn block_rules(blocks: &[Block], arches: &[Arch]) -> Vec<BlockRule> {
    let mut rules: Vec<BlockRule> = Vec::new();
    let each = Allowance::of_each(blocks, arches);
    for same_name in each.chunk_by(|(one, ..), (other, ..)| one == other) {
        let Some(&(name, ..)) = same_name.first() else { continue };
        let mut of_name: Vec<(&Allowance, Vec<Arch>)> = Vec::new();
        for (_, arch, allowance) in same_name {
            match of_name.iter_mut().find(|(other, _)| *other == allowance) {
                Some((_, arches)) => arches.push(*arch),
                None => of_name.push((allowance, vec![*arch])),
            }
        }
        for (allowance, arches) in of_name {
            let same =
                |rule: &&mut BlockRule| rule.allowance == *allowance && rule.arches == arches;
            match rules.iter_mut().find(same) {
                Some(rule) => rule.members.push(name),
                None => {
                    let allowance = allowance.clone();
                    rules.push(BlockRule { members: vec![name], arches, allowance });
                }
            }
        }
    }
    rules
}

/// The syscalls that blocks name, also through families; sorted.
fn named(blocks: &[Block]) -> Vec<Name> {
    let lines = blocks.iter().flat_map(|block| block.lines());
    let mut names: Vec<Name> = lines
        .flat_map(|line| match line.member() {
            GroupMember::Syscall(name) => vec![name],
            GroupMember::Family(family) => family.members().collect(),
            _ => Vec::new(),
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// All calls that a block or role allows, whatever their arguments, on any of these architectures.
pub(crate) fn block_members(name: &str, arches: &[Arch]) -> Option<Vec<Name>> {
    let blocks = blocks(name)?;
    let is_member = |call: &Name| {
        let mut allowances = arches.iter().filter_map(|arch| Allowance::of(&blocks, *call, *arch));
        allowances.any(|allowance| allowance != Allowance::Enosys)
    };
    Some(named(&blocks).into_iter().filter(is_member).collect())
}

/// The names of all blocks and roles.
pub(crate) fn block_names() -> impl Iterator<Item = &'static str> {
    let groups = Groups::LATEST;
    groups.blocks().map(Block::name).chain(groups.roles().map(Role::name))
}

/// The call that does the same on these architectures, which do not have `name`.
pub(crate) fn successor(name: Name, arches: &[Arch]) -> Option<Name> {
    let family = Groups::LATEST.family_of(name)?;
    let is_everywhere = |member: &Name| arches.iter().all(|arch| arch.syscall(*member).is_some());
    family.members().find(is_everywhere)
}

/// The newest version of the groups.
pub(crate) fn groups_version() -> &'static str {
    Groups::LATEST.version()
}

/// Whether a version of the groups is known.
pub(crate) fn is_groups_version(version: &str) -> bool {
    Groups::parse(version).is_some()
}

/// The constants that a value is called by, where an argument takes its values from a set whatever
/// the others are, and all architectures have them.
pub(crate) fn spelling(
    call: Name,
    argument: &str,
    value: u64,
    arch: Arch,
    arches: &std::collections::BTreeSet<Arch>,
) -> Option<String> {
    let usage = Constants::of(call, argument).find(|usage| usage.condition.is_none())?;
    let spelling = usage.constants.spell(value, arch);
    if spelling.rest != 0 {
        // A number that no names cover is easier to read as one.
        return None;
    }
    let mut union = 0;
    for constant in &spelling.constants {
        // A negative constant is written for its low half, too.
        let own = 0_u64.wrapping_add_signed(constant.on(arch)?);
        union |= if value <= u64::from(u32::MAX) { own & u64::from(u32::MAX) } else { own };
        if arches.iter().any(|arch| constant.on(*arch).is_none()) {
            return None;
        }
    }
    let names: Vec<&str> = spelling.constants.iter().map(|constant| constant.name()).collect();
    if joined(call, argument, &names, arch).is_some() {
        return None;
    }
    (!names.is_empty() && union == value).then(|| spelling.to_string())
}
