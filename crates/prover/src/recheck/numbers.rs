//! Calls without arguments.

use callgate_memory::{Grow, OutOfMemory};
use callgate_policy::{ArchPolicy, Policy, Rule};
use callgate_syscalls::{Action, SyscallNr, X32_BIT};

use super::{Constants, Trial, add_near, ascend, empty_call};
use crate::Error;

/// The distance of the bits that are flipped: one in so many.
const FLIPPED: usize = 3;
/// How many flipped numbers are tried at least.
const FLIPS: usize = 16;

/// Tries arch tokens, with a number that the program knows.
pub(super) fn try_tokens(
    trial: &mut Trial<'_>,
    policy: &Policy,
    constants: &Constants,
) -> Result<(), Error> {
    let mut known = Vec::new();
    known.try_extend(policy.arches().map(|(arch, _)| arch.token().raw()))?;
    known.try_extend_copies(&constants.tokens)?;
    ascend(&mut known);
    let nr = constants.numbers.first().copied().unwrap_or(0);
    let mut tokens = Vec::with_room(known.len() * (3 + 32_usize.div_ceil(FLIPPED)))?;
    for (index, token) in known.into_iter().enumerate() {
        add_near(&mut tokens, token)?;
        let flipped = (index % FLIPPED..32).step_by(FLIPPED);
        tokens.try_extend(flipped.map(|bit| token ^ 1 << bit))?;
    }
    ascend(&mut tokens);
    for token in tokens {
        let call = empty_call(token, nr);
        trial.take(&call, policy.decide(&call))?;
    }
    Ok(())
}

/// From so many on, the numbers of a token are tried without others beside them: in order they take
/// a third of the steps.
const MANY: usize = 64;

/// Tries numbers under each token of the policy.
pub(super) fn try_numbers(
    trial: &mut Trial<'_>,
    policy: &Policy,
    constants: &Constants,
) -> Result<(), Error> {
    let room = 3 * (constants.numbers.len() + BORDERS.len());
    let mut near = Near { words: Vec::with_room(room)? };
    let mut compared = Vec::with_room(room)?;
    for list in [&constants.numbers[..], &BORDERS] {
        list.iter().try_for_each(|&number| near.add(number))?;
        merge(&mut compared, &near.words)?;
        near.words.clear();
    }
    let mut numbers = Vec::with_room(2 * room)?;
    let mut arches = policy.arches().peekable();
    while let Some((arch, rules)) = arches.next() {
        let token = arch.token();
        add_corners(rules, &mut near)?;
        merge(&mut numbers, &near.words)?;
        near.words.clear();
        // x86_64 and x32 have one token, and all their numbers are tried under it.
        if arches.peek().is_some_and(|(next, _)| next.token() == token) {
            continue;
        }
        merge(&mut numbers, &compared)?;
        add_flipped(&mut numbers, &constants.numbers, trial.left())?;
        if numbers.len() >= MANY {
            trial.compare()?;
        }
        let step = numbers.len().div_ceil(trial.left().max(1)).max(1);
        for &number in numbers.iter().step_by(step) {
            let call = empty_call(token.raw(), number);
            trial.take(&call, policy.decide(&call))?;
        }
        numbers.clear();
    }
    Ok(())
}

/// Words of an ascending list with their neighbours, ascending, each once. The neighbours of the
/// first and the last word that there are, beyond them, are left out: they are near [`BORDERS`].
struct Near {
    words: Vec<u32>,
}

impl Near {
    fn add(&mut self, word: u32) -> Result<(), OutOfMemory> {
        let last = self.words.last().copied();
        let near = [word.checked_sub(1), Some(word), word.checked_add(1)];
        let new = near.into_iter().flatten().filter(|&near| last.is_none_or(|last| last < near));
        self.words.try_extend(new)
    }
}

/// Adds ascending words to others, all ascending and each once.
fn merge(words: &mut Vec<u32>, others: &[u32]) -> Result<(), OutOfMemory> {
    let (mut left, mut right) = (words.len(), others.len());
    words.try_extend_copies(others)?;
    // The largest first, so that none is overwritten before it is moved.
    while right > 0 {
        let (other, place) = (others[right - 1], left + right - 1);
        if left > 0 && words[left - 1] > other {
            words[place] = words[left - 1];
            left -= 1;
        } else {
            words[place] = other;
            right -= 1;
        }
    }
    words.dedup();
    Ok(())
}

/// Adds constants with bits flipped, as far as there is room: of few constants many bits, of many one each.
fn add_flipped(numbers: &mut Vec<u32>, constants: &[u32], room: usize) -> Result<(), Error> {
    let each = (FLIPS / constants.len().max(1)).clamp(1, FLIPS);
    if numbers.len() + each * constants.len() > room {
        return Ok(());
    }
    let mut flipped = Vec::with_room(each * constants.len())?;
    for (index, &number) in constants.iter().enumerate() {
        let bits = (0..each).map(|turn| (index * each + turn) * FLIPPED % 32);
        flipped.try_extend(bits.map(|bit| number ^ 1 << bit))?;
    }
    ascend(&mut flipped);
    Ok(merge(numbers, &flipped)?)
}

/// Numbers at which ABIs begin or signs change, and the last one, ascending.
const BORDERS: [u32; 4] = [0, X32_BIT, 1 << 31, u32::MAX];

/// Adds the numbers at which the answer without arguments may change, with their neighbours.
fn add_corners(rules: &ArchPolicy, numbers: &mut Near) -> Result<(), Error> {
    let mut before: Option<(SyscallNr, Option<Action>)> = None;
    for (nr, list) in rules.rules() {
        let action = plain(list);
        let goes_on = before.is_some_and(|(last, same)| {
            last.raw().checked_add(1) == Some(nr.raw()) && action.is_some() && same == action
        });
        if !goes_on {
            if let Some((last, _)) = before {
                numbers.add(last.raw())?;
            }
            numbers.add(nr.raw())?;
        }
        before = Some((nr, action));
    }
    if let Some((last, _)) = before {
        numbers.add(last.raw())?;
    }
    Ok(())
}

/// The action of rules that do not look at arguments.
fn plain(rules: &[Rule]) -> Option<Action> {
    let first = rules.first().filter(|rule| rule.condition().is_always());
    first.map(Rule::action)
}
