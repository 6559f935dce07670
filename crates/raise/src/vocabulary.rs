//! What a format can say of arguments, and how to say the rest with it.

use callgate_policy::{Field, Operator};

use crate::clause::{CLAUSES_MAX, absorbed};
use crate::{Clause, Test, field};

/// The most values that are listed where a format has no other words for them.
const VALUES_MAX: u32 = 4;

/// What a format can say of arguments.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "each format says all of it")]
pub struct Vocabulary<'a> {
    /// Whether there are words for a test.
    pub says: &'a dyn Fn(&Test) -> bool,
    /// Whether one alternative can test an argument more than once.
    pub repeats: bool,
}

impl std::fmt::Debug for Vocabulary<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vocabulary").field("repeats", &self.repeats).finish_non_exhaustive()
    }
}

impl Vocabulary<'_> {
    /// The same alternatives in the format's words.
    ///
    /// # Errors
    /// The first alternative that the format can't say.
    pub fn express(&self, clauses: &[Clause]) -> Result<Vec<Clause>, Clause> {
        let mut all = Vec::new();
        for clause in clauses {
            all.extend(self.clause(clause).ok_or_else(|| clause.clone())?);
            if all.len() > CLAUSES_MAX {
                return Err(clause.clone());
            }
        }
        if all != clauses {
            all = absorbed(all);
            all.sort_by_cached_key(Clause::order);
        }
        Ok(all)
    }

    fn clause(&self, clause: &Clause) -> Option<Vec<Clause>> {
        let mut all = vec![Vec::new()];
        for field in clause.fields() {
            let ways = self.field(field, &clause.of(field))?;
            if all.len().saturating_mul(ways.len()) > CLAUSES_MAX {
                return None;
            }
            all = all
                .iter()
                .flat_map(|tests: &Vec<Test>| {
                    ways.iter().map(move |way| [tests.as_slice(), way].concat())
                })
                .collect();
        }
        // Tests were simplified before, so that what is written together stays apart.
        Some(all.into_iter().filter_map(Clause::new).collect())
    }

    /// Tests of one field as alternatives, each a list of tests that can be said together.
    fn field(&self, field: Field, tests: &[Test]) -> Option<Vec<Vec<Test>>> {
        if let Some(said) = self.said(tests) {
            return Some(vec![said]);
        }
        let mut ways = Vec::new();
        for part in self.parts(field, tests)? {
            match self.said(&part) {
                Some(said) => ways.push(said),
                None => ways.extend(self.cubes(field, &part)?),
            }
        }
        Some(ways)
    }

    /// The tests in words of the same meaning.
    fn said(&self, tests: &[Test]) -> Option<Vec<Test>> {
        let said: Option<Vec<Test>> = tests.iter().map(|test| self.same(test)).collect();
        said.filter(|tests| self.repeats || tests.len() <= 1)
    }

    fn same(&self, test: &Test) -> Option<Test> {
        let Test { mask, operator, value, .. } = *test;
        let with = |operator, value| Test { operator, value, ..*test };
        let below = value.checked_sub(1);
        let above = value.checked_add(1).filter(|value| *value <= mask);
        let others = [
            Some(*test),
            match operator {
                Operator::Lt => below.map(|value| with(Operator::Le, value)),
                Operator::Le => above.map(|value| with(Operator::Lt, value)),
                Operator::Gt => above.map(|value| with(Operator::Ge, value)),
                Operator::Ge => below.map(|value| with(Operator::Gt, value)),
                Operator::Ne if value == 0 => Some(with(Operator::Ge, 1)),
                Operator::Ne | Operator::Eq => None,
            },
            // Of a field's high bits an order is one of the whole field.
            top(mask).and_then(|low_bits| whole(test, low_bits)),
        ];
        others.into_iter().flatten().find(|test| (self.says)(test))
    }

    /// Tests of one mask as the intervals that they leave; each test on its own otherwise.
    fn parts(&self, field: Field, tests: &[Test]) -> Option<Vec<Vec<Test>>> {
        let spans = field::spans(tests)?;
        let [span] = spans.as_slice() else { return Some(vec![tests.to_vec()]) };
        if !span.is_dense() {
            return Some(vec![tests.to_vec()]);
        }
        let part = |(low, high): (u64, u64)| {
            let test = |operator, value| Test { field, mask: span.mask, operator, value };
            field::simplified(&[test(Operator::Ge, low), test(Operator::Le, high)])
        };
        Some(span.intervals().into_iter().filter_map(part).collect())
    }

    /// Tests of one field as equalities under masks.
    fn cubes(&self, field: Field, tests: &[Test]) -> Option<Vec<Vec<Test>>> {
        let mut all: Vec<Option<Test>> = vec![None];
        for test in tests {
            let each = cubes(test)?;
            let mut next = Vec::new();
            for known in &all {
                for cube in &each {
                    let both: Vec<Test> = known.iter().chain([cube]).copied().collect();
                    match field::simplified(&both).as_deref() {
                        None => {}
                        Some([only]) => next.push(Some(*only)),
                        Some(_) => return None,
                    }
                }
            }
            if next.len() > CLAUSES_MAX {
                return None;
            }
            all = next;
        }
        let mut ways = Vec::new();
        for cube in all.into_iter().flatten() {
            match self.said(&[cube]) {
                Some(said) => ways.push(said),
                None => ways.extend(self.values(field, &cube)?),
            }
        }
        Some(ways)
    }

    /// An equality under a mask as an interval, or as the few values that it allows.
    fn values(&self, field: Field, cube: &Test) -> Option<Vec<Vec<Test>>> {
        let free = !cube.mask;
        if free & free.wrapping_add(1) == 0 {
            let test = |operator, value| Test { field, mask: u64::MAX, operator, value };
            let ends = [test(Operator::Ge, cube.value), test(Operator::Le, cube.value | free)];
            if let Some(said) = self.said(&ends) {
                return Some(vec![said]);
            }
        }
        if free.count_ones() > VALUES_MAX {
            return None;
        }
        let mut values = vec![cube.value];
        for bit in (0..u64::BITS).map(|bit| 1 << bit).filter(|bit| free & bit != 0) {
            let with: Vec<u64> = values.iter().map(|value| value | bit).collect();
            values.extend(with);
        }
        let each =
            values.into_iter().map(|value| self.said(&[Test::equal(field, u64::MAX, value)]));
        each.collect()
    }
}

/// The bits below a mask that begins at the top.
fn top(mask: u64) -> Option<u64> {
    (mask != u64::MAX && mask.leading_ones() == mask.count_ones() && mask != 0).then_some(!mask)
}

/// A test of a field's high bits as one of the whole field.
fn whole(test: &Test, low_bits: u64) -> Option<Test> {
    let value = match test.operator {
        Operator::Ge | Operator::Lt => test.value,
        Operator::Gt | Operator::Le => test.value | low_bits,
        Operator::Eq if test.value == 0 => {
            return Some(Test { mask: u64::MAX, operator: Operator::Le, value: low_bits, ..*test });
        }
        Operator::Ne if test.value == 0 => {
            return Some(Test { mask: u64::MAX, operator: Operator::Gt, value: low_bits, ..*test });
        }
        Operator::Eq | Operator::Ne => return None,
    };
    (test.value & low_bits == 0).then_some(Test { mask: u64::MAX, value, ..*test })
}

/// A test as equalities under masks, any of which is enough.
fn cubes(test: &Test) -> Option<Vec<Test>> {
    let Test { field, mask, operator, value } = *test;
    let equal = |mask, value| Test::equal(field, mask, value);
    let bits = || (0..u64::BITS).rev().map(|bit| 1_u64 << bit);
    let is_masked = value & !mask == 0;
    // Where the masked value breaks away from a bound at a bit.
    let breaks = |bound: u64, upwards: bool| -> Vec<Test> {
        let mut list = Vec::new();
        for bit in bits() {
            let above = mask & !(bit | (bit - 1));
            match (mask & bit != 0, bound & bit == 0) {
                (true, clear) if clear == upwards => {
                    list.push(equal(above | bit, bound & above | if upwards { bit } else { 0 }));
                }
                // The bound has a bit that no masked value has: all that is left is less.
                (false, false) => {
                    list.extend((!upwards).then(|| equal(above, bound & above)));
                    break;
                }
                _ => {}
            }
        }
        list
    };
    let with_bound = |mut list: Vec<Test>| {
        list.extend(is_masked.then(|| equal(mask, value)));
        list
    };
    // One step outside there are fewer cubes, where masked values are all numbers.
    let is_dense = mask & mask.wrapping_add(1) == 0;
    let outer = |to: Option<u64>| to.filter(|to| is_dense && *to <= mask);
    Some(match operator {
        Operator::Le if outer(value.checked_add(1)).is_some() => breaks(value + 1, false),
        Operator::Ge if outer(value.checked_sub(1)).is_some() => breaks(value - 1, true),
        Operator::Eq | Operator::Ne if !is_masked => return None,
        Operator::Eq => vec![*test],
        Operator::Ne => {
            bits().filter(|bit| mask & bit != 0).map(|bit| equal(bit, !value & bit)).collect()
        }
        Operator::Lt => breaks(value, false),
        Operator::Le => with_bound(breaks(value, false)),
        Operator::Gt => breaks(value, true),
        Operator::Ge => with_bound(breaks(value, true)),
    })
}
