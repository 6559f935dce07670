//! The meaning of a policy, from its rules.
//!
//! For every call the classes hold what [`Policy::decide`] returns; `recheck` and the tests hold them to that.

use callgate_bpf::{DataWord, Test};
use callgate_memory::{Grow, OutOfMemory, Sort};
use callgate_policy::{
    ArchPolicy, Comparison, Condition, Field, Known, Operator, Policy, Rule, View,
};
use callgate_syscalls::{Action, Arch, Endian, KernelVersion, SyscallNr, X32_BIT};

use crate::budget::Halt;
use crate::cubes;
use crate::diagram::{Diagrams, FALSE, Fields, NodeId};
use crate::meaning::{ArchClass, NumberClass};
use crate::numbers::Interval;

/// What a policy decides for each token, number and the rest of a call.
pub(crate) fn classes(d: &mut Diagrams, policy: &Policy) -> Result<Vec<ArchClass>, Halt> {
    let mut tokens = Vec::with_room(policy.arches().len())?;
    tokens.try_extend(policy.arches().map(|(arch, _)| arch.token()))?;
    tokens.sort_in_place();
    tokens.dedup();
    let foreign = d.action(policy.foreign())?;
    let mut lists = Lists { policy, foreign, known: Vec::new(), last: None };
    let mut classes = Vec::with_room(2 * tokens.len() + 1)?;
    let mut next = Some(0);
    for token in tokens {
        let raw = token.raw();
        let gap = next.zip(raw.checked_sub(1)).and_then(|(first, last)| Interval::new(first, last));
        if let Some(gap) = gap {
            classes.try_push(ArchClass::constant(gap, foreign)?)?;
        }
        let mut numbers = Vec::new();
        for owned in OWNERS {
            lists.owned(
                d,
                Arch::of_call(token, SyscallNr::new(owned.first)),
                owned,
                &mut numbers,
            )?;
        }
        classes.try_push(ArchClass { tokens: Interval::point(raw), numbers })?;
        next = raw.checked_add(1);
    }
    if let Some(gap) = next.and_then(|first| Interval::new(first, u32::MAX)) {
        classes.try_push(ArchClass::constant(gap, foreign)?)?;
    }
    Ok(classes)
}

/// What a policy asks of the words of fields.
pub(crate) fn fields(policy: &Policy) -> Result<Fields, OutOfMemory> {
    let mut open: Vec<&Condition> = Vec::new();
    let mut before: &[Rule] = &[];
    let mut fields = Fields::Values;
    for (_, list) in policy.arches().flat_map(|(_, arch)| arch.rules()) {
        if list == before {
            continue;
        }
        before = list;
        // The first field of which a high half leaves open what the low one decides.
        let mut divided = None;
        open.try_extend(list.iter().map(Rule::condition))?;
        while let Some(condition) = open.pop() {
            match condition.view() {
                View::All(parts) | View::Any(parts) => open.try_extend(parts)?,
                View::Compare(comparison) => {
                    let [high, low] = split(comparison.mask());
                    let is_equality = comparison.operator() == Operator::Eq;
                    if !is_equality || [high, low].iter().any(|half| ![0, u32::MAX].contains(half))
                    {
                        fields = Fields::Any;
                    }
                    let field = comparison.field();
                    if !is_equality && high != 0 && *divided.get_or_insert(field) != field {
                        return Ok(Fields::Ordered);
                    }
                }
            }
        }
    }
    Ok(fields)
}

/// The numbers between which [`Arch::of_call`] may change its mind: x32's begin at its bit and -1 is not one of them.
pub(crate) const OWNERS: [Interval; 3] = [
    Interval { first: 0, last: X32_BIT - 1 },
    Interval { first: X32_BIT, last: u32::MAX - 1 },
    Interval { first: u32::MAX, last: u32::MAX },
];

/// The functions of rule lists.
struct Lists<'p> {
    policy: &'p Policy,
    foreign: NodeId,
    /// The last few lists with conditions: those of an architecture's numbers are often alike.
    known: Vec<(&'p [Rule], Endian, NodeId, NodeId)>,
    last: Option<(Action, NodeId)>,
}

/// How many lists are remembered: each new one is compared with all of them.
const KNOWN_MAX: usize = 8;

impl<'p> Lists<'p> {
    /// Appends the classes of numbers that all belong to one architecture, or to none.
    fn owned(
        &mut self,
        d: &mut Diagrams,
        arch: Option<Arch>,
        within: Interval,
        classes: &mut Vec<NumberClass>,
    ) -> Result<(), Halt> {
        let Some((arch, rules)) = arch.and_then(|arch| Some((arch, self.policy.arch(arch)?)))
        else {
            return NumberClass::push(classes, within, self.foreign);
        };
        if let Some(nr) = within.single().map(SyscallNr::new) {
            if rules.rules_for(nr).is_empty() {
                let node = d.action(rules.action_without_rule(arch, nr))?;
                return NumberClass::push(classes, within, node);
            }
        }
        let unknown = rules.unknown_action();
        let beyond =
            self.action(d, unknown.map_or(rules.default_action(), |unknown| unknown.action))?;
        let otherwise = self.action(d, rules.default_action())?;
        let (baseline, known) = match unknown.map(|unknown| unknown.known) {
            None => (None, None),
            Some(Known::Kernel(baseline)) => (Some(baseline), None),
            Some(Known::UpTo(last)) => (None, Some(last.raw())),
        };
        let gaps = Gaps { known: known.map(|last| (last, otherwise)), beyond };
        let mut next = Some(within.first);
        for (nr, list) in noted(arch, rules, baseline) {
            let nr = nr.raw();
            if !within.contains(nr) {
                continue;
            }
            let before = next.zip(nr.checked_sub(1));
            if let Some(before) = before.and_then(|(first, last)| Interval::new(first, last)) {
                gaps.push(classes, before)?;
            }
            let node = match list {
                [] => otherwise,
                // Most numbers have one rule, without conditions.
                [rule, ..] if rule.condition().is_always() => self.action(d, rule.action())?,
                list => self.list(d, list, arch.endian(), otherwise)?,
            };
            NumberClass::push(classes, Interval::point(nr), node)?;
            next = nr.checked_add(1);
        }
        match next.and_then(|first| Interval::new(first, within.last)) {
            Some(rest) => gaps.push(classes, rest),
            None => Ok(()),
        }
    }

    fn action(&mut self, d: &mut Diagrams, action: Action) -> Result<NodeId, Halt> {
        match self.last {
            Some((last, node)) if last == action => Ok(node),
            _ => {
                let node = d.action(action)?;
                self.last = Some((action, node));
                Ok(node)
            }
        }
    }

    fn list(
        &mut self,
        d: &mut Diagrams,
        list: &'p [Rule],
        endian: Endian,
        otherwise: NodeId,
    ) -> Result<NodeId, Halt> {
        let same = |known: &&(&[Rule], Endian, NodeId, NodeId)| {
            (known.1, known.2) == (endian, otherwise) && known.0 == list
        };
        if let Some(&(.., node)) = self.known.iter().find(same) {
            return Ok(node);
        }
        let node = rules_node(d, list, endian, otherwise)?;
        if self.known.len() == KNOWN_MAX {
            self.known.remove(0);
        }
        self.known.try_push((list, endian, otherwise, node))?;
        Ok(node)
    }
}

/// The functions of numbers that have no rules and are not noted: up to the last known one, and beyond.
struct Gaps {
    known: Option<(u32, NodeId)>,
    beyond: NodeId,
}

impl Gaps {
    fn push(&self, classes: &mut Vec<NumberClass>, numbers: Interval) -> Result<(), Halt> {
        let Interval { first, last } = numbers;
        let mut rest = Some(numbers);
        if let Some((known, node)) = self.known.filter(|(known, _)| first <= *known) {
            NumberClass::push(classes, Interval { first, last: last.min(known) }, node)?;
            rest = known.checked_add(1).and_then(|first| Interval::new(first, last));
        }
        rest.map_or(Ok(()), |rest| NumberClass::push(classes, rest, self.beyond))
    }
}

/// The numbers that may differ from a number without rules that no kernel has, ascending, with their rules: those that
/// have rules, and where newer syscalls have an action of their own, those that the baseline has.
struct Noted<R: Iterator, S: Iterator> {
    rules: std::iter::Peekable<R>,
    syscalls: std::iter::Peekable<S>,
}

/// Those of an architecture, with its baseline where newer syscalls have an action of their own.
fn noted(
    arch: Arch,
    rules: &ArchPolicy,
    baseline: Option<KernelVersion>,
) -> impl Iterator<Item = (SyscallNr, &[Rule])> {
    let syscalls = baseline.into_iter().flat_map(move |baseline| {
        let known = arch.syscalls().filter(move |syscall| syscall.since <= baseline);
        known.map(|syscall| syscall.nr)
    });
    Noted { rules: rules.rules().peekable(), syscalls: syscalls.peekable() }
}

impl<'p, R, S> Iterator for Noted<R, S>
where
    R: Iterator<Item = (SyscallNr, &'p [Rule])>,
    S: Iterator<Item = SyscallNr>,
{
    type Item = (SyscallNr, &'p [Rule]);

    fn next(&mut self) -> Option<Self::Item> {
        let with_rules = self.rules.peek().map(|(nr, _)| *nr);
        let Some(syscall) = self.syscalls.peek().copied() else { return self.rules.next() };
        match with_rules {
            Some(nr) if nr <= syscall => {
                self.syscalls.next_if_eq(&nr);
                self.rules.next()
            }
            _ => self.syscalls.next().map(|nr| (nr, &[][..])),
        }
    }
}

/// The function of a rule list: the first rule that holds decides.
fn rules_node(
    d: &mut Diagrams,
    rules: &[Rule],
    endian: Endian,
    otherwise: NodeId,
) -> Result<NodeId, Halt> {
    let count = rules.iter().map(|rule| alternatives(rule).len()).sum::<usize>();
    if let ([only], 1) = (rules, count) {
        let action = d.action(only.action())?;
        return d.where_holds(only.condition(), endian, [action, otherwise]);
    }
    match cubes::function(d, rules, endian, otherwise)? {
        Some(node) => Ok(node),
        None => joined(d, rules, endian, otherwise),
    }
}

/// The conditions of a rule of which any suffices.
pub(crate) fn alternatives(rule: &Rule) -> &[Condition] {
    match rule.condition().view() {
        View::Any(list) => list,
        _ => std::slice::from_ref(rule.condition()),
    }
}

/// The same by joining what each alternative of each rule decides.
///
/// Each alone decides where it holds and leaves open what else there is. Joining neighbours first walks only along
/// what two parts of the list have in common, where adding one part after the other would walk along all of it each time.
pub(crate) fn joined(
    d: &mut Diagrams,
    rules: &[Rule],
    endian: Endian,
    otherwise: NodeId,
) -> Result<NodeId, Halt> {
    // What is open ends as `otherwise`, and can be that from the start where no rule decides the same.
    let mut open = otherwise;
    for rule in rules {
        if d.action(rule.action())? == otherwise {
            open = FALSE;
        }
    }
    let mut parts = Vec::with_room(rules.len() + 1)?;
    for rule in rules {
        let action = d.action(rule.action())?;
        for condition in alternatives(rule) {
            parts.try_push(d.where_holds(condition, endian, [action, open])?)?;
        }
    }
    parts.try_push(otherwise)?;
    while parts.len() > 1 {
        let pairs = parts.len().div_ceil(2);
        for pair in 0..pairs {
            parts[pair] = match parts.get(2 * pair + 1) {
                Some(&second) => d.first(open, parts[2 * pair], second)?,
                None => parts[2 * pair],
            };
        }
        parts.truncate(pairs);
    }
    Ok(parts[0])
}

/// A list of conditions of which the last are dealt with.
struct OpenList<'c> {
    left: &'c [Condition],
    /// What is decided where all that were dealt with hold, or none of them.
    sofar: NodeId,
    /// What is decided otherwise.
    broken: NodeId,
    is_all: bool,
}

impl<'c> OpenList<'c> {
    const fn new(left: &'c [Condition], is_all: bool, [yes, no]: [NodeId; 2]) -> Self {
        let (sofar, broken) = if is_all { (yes, no) } else { (no, yes) };
        Self { left, sofar, broken, is_all }
    }

    const fn sides(&self) -> [NodeId; 2] {
        if self.is_all { [self.sofar, self.broken] } else { [self.broken, self.sofar] }
    }
}

impl Diagrams {
    /// The first function where a condition holds, the second elsewhere.
    pub(crate) fn where_holds(
        &mut self,
        condition: &Condition,
        endian: Endian,
        sides: [NodeId; 2],
    ) -> Result<NodeId, Halt> {
        // Lists within each other, the innermost last.
        let mut lists = Vec::new();
        let (mut view, mut sides) = (condition.view(), sides);
        loop {
            let mut result = None;
            match view {
                View::Compare(comparison) => {
                    result = Some(self.compared(comparison, endian, sides)?);
                }
                View::All([only]) | View::Any([only]) => {
                    view = only.view();
                    continue;
                }
                View::All(list) => lists.try_push(OpenList::new(list, true, sides))?,
                View::Any(list) => lists.try_push(OpenList::new(list, false, sides))?,
            }
            // A result goes to the list around; a list without further conditions is a result.
            loop {
                let list: &mut OpenList<'_> = match (lists.last_mut(), result) {
                    (Some(list), _) => list,
                    (None, Some(result)) => return Ok(result),
                    (None, None) => return Ok(sides[0]),
                };
                list.sofar = result.take().unwrap_or(list.sofar);
                if let Some((last, left)) = list.left.split_last() {
                    list.left = left;
                    (view, sides) = (last.view(), list.sides());
                    break;
                }
                result = Some(list.sofar);
                lists.pop();
            }
        }
    }

    fn compared(
        &mut self,
        c: &Comparison,
        endian: Endian,
        [yes, no]: [NodeId; 2],
    ) -> Result<NodeId, Halt> {
        let (test, [yes, no]) = match c.operator() {
            Operator::Eq => (Test::Equal, [yes, no]),
            Operator::Ne => (Test::Equal, [no, yes]),
            Operator::Ge => (Test::GreaterOrEqual, [yes, no]),
            Operator::Lt => (Test::GreaterOrEqual, [no, yes]),
            Operator::Gt => (Test::Greater, [yes, no]),
            // Le is the operator left; a test goes through all there are.
            _ => (Test::Greater, [no, yes]),
        };
        let [high, low] = halves(c, endian);
        let low = self.half(test, low, [yes, no])?;
        let same = self.half(Test::Equal, high, [low, no])?;
        match test {
            Test::Equal => Ok(same),
            _ => self.half(Test::Greater, high, [yes, same]),
        }
    }

    fn half(&mut self, test: Test, half: Half, sides: [NodeId; 2]) -> Result<NodeId, Halt> {
        self.where_word((test, half.word, half.mask, half.value), sides)
    }
}

/// One 32-bit half of a comparison.
#[derive(Clone, Copy)]
pub(crate) struct Half {
    pub(crate) word: DataWord,
    pub(crate) mask: u32,
    pub(crate) value: u32,
}

/// The high and the low half of a comparison.
pub(crate) fn halves(c: &Comparison, endian: Endian) -> [Half; 2] {
    let [mask_high, mask_low] = split(c.mask());
    let [value_high, value_low] = split(c.value());
    let [high, low] = words_of(c.field(), endian);
    [
        Half { word: high, mask: mask_high, value: value_high },
        Half { word: low, mask: mask_low, value: value_low },
    ]
}

/// The high and the low half of a 64-bit number.
pub(crate) fn split(number: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]
}

/// The data words that hold the high and the low half of a field.
pub(crate) fn words_of(field: Field, endian: Endian) -> [DataWord; 2] {
    let first = match field {
        Field::Arg0 => 4,
        Field::Arg1 => 6,
        Field::Arg2 => 8,
        Field::Arg3 => 10,
        Field::Arg4 => 12,
        Field::Arg5 => 14,
        _ => 2,
    };
    // All of these are words of seccomp_data.
    let [first, second] =
        [first, first + 1].map(|index| DataWord::new(index).unwrap_or(DataWord::NR));
    match endian {
        Endian::Little => [second, first],
        Endian::Big => [first, second],
    }
}
