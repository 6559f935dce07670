//! What a long list of rules decides, without going through all of it for each call.

use std::cell::Cell;

use callgate_memory::{Grow, OutOfMemory, Sort};
use callgate_syscalls::{Action, SeccompData};

use crate::{Comparison, Condition, Field, Operator, Rule, View};

/// A list of rules in which those that want one value of a certain field are found by that value:
/// for whoever asks one list about many calls. [`Policy::decide`](crate::Policy::decide) is what it
/// must agree with.
#[derive(Clone, Debug)]
pub struct RuleList<'p> {
    rules: &'p [Rule],
    otherwise: Action,
    key: Option<(Field, u64)>,
    /// The value of the field that a rule wants, and its place.
    keyed: Vec<(u64, usize)>,
    /// The places of the other rules, ascending.
    others: Vec<usize>,
    /// The value that was looked for last, and where it would stand: calls that are tried after each
    /// other mostly differ in another field.
    last: Cell<(u64, usize)>,
}

/// Shorter lists are gone through.
const LEN_MIN: usize = 6;

impl<'p> RuleList<'p> {
    /// A list, and what is decided where no rule holds.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(rules: &'p [Rule], otherwise: Action) -> Result<Self, OutOfMemory> {
        let (keyed, others, last) = (Vec::new(), Vec::new(), Cell::new((0, 0)));
        let mut list = Self { rules, otherwise, key: None, keyed, others, last };
        if rules.len() < LEN_MIN {
            return Ok(list);
        }
        let first = rules.iter().find_map(|rule| equalities(rule.condition()).next());
        let Some(key) = first.map(|equality| (equality.field(), equality.mask())) else {
            return Ok(list);
        };
        list.key = Some(key);
        for (place, rule) in rules.iter().enumerate() {
            let same = |equality: &&Comparison| (equality.field(), equality.mask()) == key;
            match equalities(rule.condition()).find(same) {
                Some(equality) => list.keyed.try_push((equality.value(), place))?,
                None => list.others.try_push(place)?,
            }
        }
        list.keyed.sort_in_place();
        Ok(list)
    }

    /// The action of the first rule that holds.
    #[must_use]
    pub fn decide(&self, call: &SeccompData) -> Action {
        let holds = |place: usize| self.rules[place].condition().holds(call);
        let first = match self.key {
            None => (0..self.rules.len()).find(|&place| holds(place)),
            Some((field, mask)) => {
                let value = field.of(call) & mask;
                let start = self.start(value);
                let wanted = self.keyed[start..].iter().take_while(|(other, _)| *other == value);
                let keyed = wanted.map(|(_, place)| *place).find(|&place| holds(place));
                // Of the others only those before it matter.
                let before = self.others.iter().copied();
                let mut before =
                    before.take_while(|place| keyed.is_none_or(|keyed| *place < keyed));
                before.find(|&place| holds(place)).or(keyed)
            }
        };
        first.map_or(self.otherwise, |place| self.rules[place].action())
    }

    /// Where the rules that want a value stand.
    fn start(&self, value: u64) -> usize {
        let (last, mut start) = self.last.get();
        // No value is below 0, so 0 stands where it says from the beginning.
        if last != value {
            start = self.keyed.partition_point(|(other, _)| *other < value);
            self.last.set((value, start));
        }
        start
    }
}

/// The equalities without which a condition does not hold, as far as they are written plainly.
fn equalities(condition: &Condition) -> impl Iterator<Item = &Comparison> {
    let list = match condition.view() {
        View::All(list) => list,
        View::Any(_) | View::Compare(_) => std::slice::from_ref(condition),
    };
    list.iter().filter_map(|part| match part.view() {
        View::Compare(comparison) if comparison.operator() == Operator::Eq => Some(comparison),
        View::Compare(_) | View::All(_) | View::Any(_) => None,
    })
}
