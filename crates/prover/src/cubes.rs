//! Lists of rules whose conditions are equalities only, as diagrams made from the top.
//!
//! Such a rule holds where some bits of a call have given values: a cube. What a list of cubes decides is found bit by
//! bit, each cube going to the side of its value, or to both where it leaves the bit open. So only nodes of the result
//! are made, where joining rules makes many more on the way; for a thousand rules that is most of a proof's time. Lists
//! whose cubes leave so much open that they would be copied over and over are left to joining.

use callgate_bpf::DataWord;
use callgate_policy::{Comparison, Condition, Operator, Rule, View};
use callgate_syscalls::Endian;

use crate::budget::Undecided;
use crate::diagram::{Diagrams, InputBit, NodeId};
use crate::policy::{Half, halves};

/// How many steps the cubes of a list may take on average: one for each bit of six arguments.
const STEPS_PER_CUBE: usize = 6 * 64;

/// The function of a rule list: the first rule that holds decides. `None` where the rules are not of a kind that this can
/// do well.
pub(crate) fn function(
    d: &mut Diagrams,
    rules: &[Rule],
    endian: Endian,
    otherwise: NodeId,
) -> Result<Option<NodeId>, Undecided> {
    let mut cubes = Vec::with_capacity(rules.len());
    for rule in rules {
        let mut cube = Cube { action: d.action(rule.action())?, words: [Word::default(); WORDS] };
        match cube.restrict(rule.condition(), endian) {
            Restricted::Cube => cubes.push(cube),
            Restricted::Nothing => {}
            Restricted::Other => return Ok(None),
        }
    }
    let list: Vec<&Cube> = cubes.iter().collect();
    let mut steps_left = STEPS_PER_CUBE * list.len();
    decide(d, &list, InputBit::FIRST, otherwise, &mut steps_left)
}

/// What a call has to be for a rule to hold.
struct Cube {
    action: NodeId,
    /// In the order of diagrams.
    words: [Word; WORDS],
}

const WORDS: usize = DataWord::COUNT as usize;

/// The bits of a data word that have to have a value.
#[derive(Clone, Copy, Default)]
struct Word {
    mask: u32,
    value: u32,
}

/// What is left of a cube where a condition holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Restricted {
    Cube,
    /// The condition contradicts the cube.
    Nothing,
    /// No cube.
    Other,
}

impl Cube {
    /// A condition's depth is limited, so the recursion is.
    fn restrict(&mut self, condition: &Condition, endian: Endian) -> Restricted {
        match condition.view() {
            View::Compare(comparison) if comparison.operator() == Operator::Eq => {
                self.equate(comparison, endian)
            }
            View::All(list) => {
                let parts = list.iter().map(|part| self.restrict(part, endian));
                let parts: Vec<Restricted> = parts.collect();
                match parts.contains(&Restricted::Other) {
                    true => Restricted::Other,
                    false if parts.contains(&Restricted::Nothing) => Restricted::Nothing,
                    false => Restricted::Cube,
                }
            }
            _ => Restricted::Other,
        }
    }

    fn equate(&mut self, comparison: &Comparison, endian: Endian) -> Restricted {
        for Half { word, mask, value } in halves(comparison, endian) {
            let known = &mut self.words[InputBit::new(word, 0).rank()];
            let contradicts = (known.value ^ value) & known.mask & mask != 0;
            if value & !mask != 0 || contradicts {
                return Restricted::Nothing;
            }
            *known = Word { mask: known.mask | mask, value: known.value | value };
        }
        Restricted::Cube
    }

    /// The first bit from one on that has to have a value.
    fn next(&self, from: InputBit) -> Option<InputBit> {
        let first = from.rank();
        (first..WORDS).find_map(|rank| {
            let unread = if rank == first { u32::MAX >> (31 - from.bit()) } else { u32::MAX };
            InputBit::highest(rank, self.words[rank].mask & unread)
        })
    }

    /// Whether a bit may have a value.
    fn allows(&self, bit: InputBit, value: bool) -> bool {
        let Word { mask, value: expected } = self.words[bit.rank()];
        mask >> bit.bit() & 1 == 0 || (expected >> bit.bit() & 1 == 1) == value
    }
}

/// What a list of cubes decides from a bit on. The recursion is as deep as there are bits.
fn decide(
    d: &mut Diagrams,
    list: &[&Cube],
    from: InputBit,
    otherwise: NodeId,
    steps_left: &mut usize,
) -> Result<Option<NodeId>, Undecided> {
    d.budget().step()?;
    let Some(left) = steps_left.checked_sub(list.len()) else { return Ok(None) };
    *steps_left = left;
    let mut first = None;
    for (index, cube) in list.iter().enumerate() {
        match cube.next(from) {
            Some(bit) => first = Some(first.map_or(bit, |first: InputBit| first.min(bit))),
            // It holds whatever comes, so that those after it never decide.
            None => return decide(d, &list[..index], from, cube.action, steps_left),
        }
    }
    let Some(bit) = first else { return Ok(Some(otherwise)) };
    let mut side = |value: bool| {
        let list: Vec<&Cube> =
            list.iter().copied().filter(|cube| cube.allows(bit, value)).collect();
        match bit.next() {
            Some(next) => decide(d, &list, next, otherwise, steps_left),
            None => Ok(Some(list.first().map_or(otherwise, |cube| cube.action))),
        }
    };
    let (Some(low), Some(high)) = (side(false)?, side(true)?) else { return Ok(None) };
    d.test(bit, low, high).map(Some)
}

#[cfg(test)]
mod tests {
    use callgate_policy::{Action, ArchPolicy, Field};
    use callgate_syscalls::SyscallNr;
    use callgate_testkit::Rng;

    use super::*;
    use crate::Options;
    use crate::budget::Budget;
    use crate::policy::joined;

    type Equality = (Field, u64, u64);

    fn all(equalities: impl IntoIterator<Item = Equality>) -> Condition {
        let equal = |(field, mask, value)| Comparison::masked(field, mask, Operator::Eq, value);
        Condition::all(equalities.into_iter().map(equal).map(Condition::from)).unwrap()
    }

    fn pick<T: Copy, const N: usize>(rng: &mut Rng, list: [T; N]) -> T {
        list[rng.usize(..N)]
    }

    /// Both diagrams of rules with these errnos.
    fn both(rules: Vec<(u16, Condition)>, endian: Endian) -> (Option<NodeId>, NodeId) {
        let nr = SyscallNr::new(1);
        let mut list = ArchPolicy::new(Action::ALLOW);
        for (errno, condition) in rules {
            list.rule(nr, condition, Action::errno(errno).unwrap());
        }
        let mut d = Diagrams::new(Budget::new(&Options::default()));
        let otherwise = d.action(Action::errno(2).unwrap()).unwrap();
        let cubes = function(&mut d, list.rules_for(nr), endian, otherwise).unwrap();
        (cubes, joined(&mut d, list.rules_for(nr), endian, otherwise).unwrap())
    }

    #[test]
    fn cubes_and_joining_make_the_same_diagrams() {
        let mut rng = Rng::with_seed(7);
        let mut made = 0;
        for _ in 0..2_000 {
            let count = rng.usize(..9);
            let rules = (0..count).map(|_| random_rule(&mut rng)).collect();
            let endian = pick(&mut rng, [Endian::Little, Endian::Big]);
            let (cubes, joined) = both(rules, endian);
            made += usize::from(cubes.is_some());
            assert!(cubes.is_none_or(|cubes| cubes == joined));
        }
        assert!(made > 1_900, "{made}");
    }

    /// Some have bits outside the mask, some contradict themselves, some hold always.
    fn random_rule(rng: &mut Rng) -> (u16, Condition) {
        let errno = pick(rng, [1, 2, 3, 4]);
        let count = rng.usize(..4);
        let equality = |_| {
            let field = pick(rng, [Field::Arg0, Field::Arg5, Field::InstructionPointer]);
            let mask = pick(rng, [u64::MAX, 0xffff_ffff, 7, 5 << 31, 0]);
            (field, mask, pick(rng, [0, 1, 2, 3]) << pick(rng, [0, 31, 62]))
        };
        (errno, all((0..count).map(equality).collect::<Vec<Equality>>()))
    }

    #[test]
    fn lists_that_would_be_copied_over_and_over_are_left() {
        // Bits of the first argument, each with one of the second: all of the first have to be known at once.
        let pairs = |count: u32| {
            let pair =
                |bit: u32| [Field::Arg0, Field::Arg1].map(|field| (field, 1 << bit, 1 << bit));
            let rules = (0..count).map(|bit| (1, all(pair(bit))));
            both(rules.collect(), Endian::Little)
        };
        let (cubes, joined) = pairs(5);
        assert_eq!(cubes, Some(joined));
        assert_eq!(pairs(16).0, None);
    }

    #[test]
    fn only_equalities_are_cubes() {
        let above = Comparison::new(Field::Arg0, Operator::Gt, 4);
        let rules = vec![(1, all([(Field::Arg1, 1, 1)])), (3, above.into())];
        assert_eq!(both(rules, Endian::Little).0, None);
    }
}
