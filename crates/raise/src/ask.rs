//! Questions to the prover, many at once: each gets a number of its own in one policy.

use std::collections::BTreeSet;

use callgate_policy::{Action, ArchPolicy, Condition, Policy, SyscallNr};
use callgate_prover::{Difference, Options, Prover, Scope};
use callgate_syscalls::Arch;

/// Conditions do not depend on an architecture, so that any will do.
const ARCH: Arch = Arch::X86_64;
const NOTHING: Action = Action::LOG;
/// The most questions that one prover gets.
const BATCH: usize = 256;

/// A list of conditions, each with an answer; the first that holds answers.
pub(crate) type List = Vec<(Condition, u16)>;

/// Which pairs of lists answer the same for every call. A pair that the prover does not decide
/// within its limits is not among them.
pub(crate) fn equal(pairs: &[(List, List)]) -> Vec<bool> {
    let mut answers = Vec::with_capacity(pairs.len());
    for batch in pairs.chunks(BATCH) {
        let lists = |side: fn(&(List, List)) -> &List| batch.iter().map(side);
        let asked = [policy(lists(|pair| &pair.0)), policy(lists(|pair| &pair.1))];
        let found = differences(&asked);
        let differing: Option<BTreeSet<usize>> =
            found.map(|found| found.iter().flat_map(places).collect());
        answers.extend(
            (0..batch.len()).map(|place| {
                differing.as_ref().is_some_and(|differing| !differing.contains(&place))
            }),
        );
    }
    answers
}

/// For each list the answers that some call gets; `None` where the prover did not decide.
pub(crate) fn reached(lists: &[List]) -> Vec<Option<BTreeSet<u16>>> {
    let mut answers = Vec::with_capacity(lists.len());
    for batch in lists.chunks(BATCH) {
        let silent = batch.iter().map(|_| const { &List::new() });
        let found = differences(&[policy(batch.iter()), policy(silent)]);
        let mut reached = vec![BTreeSet::new(); batch.len()];
        for difference in found.iter().flatten() {
            for place in places(difference) {
                if let Some(answers) = reached.get_mut(place) {
                    answers.insert(difference.left.data());
                }
            }
        }
        let decided = found.is_some();
        answers.extend(reached.into_iter().map(|answers| decided.then_some(answers)));
    }
    answers
}

fn policy<'a>(lists: impl Iterator<Item = &'a List>) -> Option<Policy> {
    let mut rules = ArchPolicy::new(NOTHING);
    for (nr, list) in (0..).zip(lists) {
        for (condition, answer) in list {
            rules.rule(SyscallNr::new(nr), condition.clone(), Action::trap(*answer));
        }
    }
    Policy::builder(NOTHING).arch(ARCH, rules).build().ok()
}

fn differences(asked: &[Option<Policy>; 2]) -> Option<Vec<Difference>> {
    let [Some(left), Some(right)] = asked else { return None };
    let mut prover = Prover::new(Options::default());
    let [left, right] = [prover.policy(left).ok()?, prover.policy(right).ok()?];
    prover.differences(&left, &right, Scope::Exact).ok()
}

fn places(difference: &Difference) -> Vec<usize> {
    let numbers = difference.numbers.iter().flat_map(|(first, last)| first.raw()..=last.raw());
    numbers.filter_map(|nr| usize::try_from(nr).ok()).collect()
}
