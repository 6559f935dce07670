//! Calls without arguments.

use callgate_memory::Grow;
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
    let mut tokens = Vec::new();
    for (index, token) in known.into_iter().enumerate() {
        add_near(&mut tokens, token)?;
        let flipped = (index % FLIPPED..32).step_by(FLIPPED);
        tokens.try_extend(flipped.map(|bit| token ^ 1 << bit))?;
    }
    ascend(&mut tokens);
    for token in tokens {
        let call = empty_call(token, nr);
        trial.take(call, policy.decide(&call))?;
    }
    Ok(())
}

/// Tries numbers under each token of the policy.
pub(super) fn try_numbers(
    trial: &mut Trial<'_>,
    policy: &Policy,
    constants: &Constants,
) -> Result<(), Error> {
    let mut numbers = Vec::new();
    let mut arches = policy.arches().peekable();
    while let Some((arch, rules)) = arches.next() {
        let token = arch.token();
        add_corners(rules, &mut numbers)?;
        // x86_64 and x32 have one token, and all their numbers are tried under it.
        if arches.peek().is_some_and(|(next, _)| next.token() == token) {
            continue;
        }
        for &number in constants.numbers.iter().chain(&BORDERS) {
            add_near(&mut numbers, number)?;
        }
        ascend(&mut numbers);
        add_flipped(&mut numbers, &constants.numbers, trial.left())?;
        let step = numbers.len().div_ceil(trial.left().max(1)).max(1);
        for &number in numbers.iter().step_by(step) {
            let call = empty_call(token.raw(), number);
            trial.take(call, policy.decide(&call))?;
        }
        numbers.clear();
    }
    Ok(())
}

/// Adds constants with bits flipped, as far as there is room: of few constants many bits, of many one each.
fn add_flipped(numbers: &mut Vec<u32>, constants: &[u32], room: usize) -> Result<(), Error> {
    let each = (FLIPS / constants.len().max(1)).clamp(1, FLIPS);
    if numbers.len() + each * constants.len() > room {
        return Ok(());
    }
    for (index, &number) in constants.iter().enumerate() {
        let bits = (0..each).map(|turn| (index * each + turn) * FLIPPED % 32);
        numbers.try_extend(bits.map(|bit| number ^ 1 << bit))?;
    }
    ascend(numbers);
    Ok(())
}

/// Numbers at which ABIs begin or signs change.
const BORDERS: [u32; 3] = [0, X32_BIT, 1 << 31];

/// Adds the numbers at which the answer without arguments may change, with their neighbours.
fn add_corners(rules: &ArchPolicy, numbers: &mut Vec<u32>) -> Result<(), Error> {
    let mut before: Option<(SyscallNr, Option<Action>)> = None;
    for (nr, list) in rules.rules() {
        let action = plain(list);
        let goes_on = before.is_some_and(|(last, same)| {
            last.raw().checked_add(1) == Some(nr.raw()) && action.is_some() && same == action
        });
        if !goes_on {
            if let Some((last, _)) = before {
                add_near(numbers, last.raw())?;
            }
            add_near(numbers, nr.raw())?;
        }
        before = Some((nr, action));
    }
    if let Some((last, _)) = before {
        add_near(numbers, last.raw())?;
    }
    Ok(())
}

/// The action of rules that do not look at arguments.
fn plain(rules: &[Rule]) -> Option<Action> {
    let first = rules.first().filter(|rule| rule.condition().is_always());
    first.map(Rule::action)
}
