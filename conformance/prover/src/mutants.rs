//! Compiled programs with one bit or one field changed: what sampling shows to differ must be
//! refuted, with a call that shows it, and what is proved equal must not differ on any sampled
//! call.

use callgate_bpf::{Instruction, Program};
use callgate_policy::{Policy, SeccompData};
use callgate_prover::{Difference, Error, Options, Prover, Scope, recheck};
use callgate_testkit::{Rng, call, policy, program};

use super::endian_of;

/// How many directed calls are tried on a mutant before sampling counts as having found nothing.
const CALLS: u32 = 10_000;

/// How many mutants are made of a program.
const PER_POLICY: u32 = 16;

/// The fate of the mutants.
#[derive(Default)]
struct Counts {
    policies: u32,
    /// Both the prover and sampling found a difference.
    refuted: u32,
    /// The prover found a difference, sampling none.
    refuted_alone: u32,
    equal: u32,
    undecided: u32,
    witnesses: usize,
}

/// Goes on until that many mutants which sampling shows to differ were refuted.
pub(super) fn run(wanted: u32, seed: u64) -> Result<String, String> {
    let mut rng = Rng::with_seed(seed);
    let mut counts = Counts::default();
    while counts.refuted < wanted {
        let policy = policy::policy(&mut rng);
        let program = callgate_compiler::compile(&policy).map_err(|error| error.to_string())?;
        counts.policies += 1;
        mutate(&mut rng, &policy, &program, &mut counts)
            .map_err(|error| format!("seed {seed}, policy {}: {error}", counts.policies))?;
    }
    counts.check()?;
    let Counts { policies, refuted, refuted_alone, equal, undecided, witnesses } = counts;
    Ok(format!(
        "{refuted} mutants of {policies} compiled programs that sampling shows to differ, all refuted, and \
         {refuted_alone} that {CALLS} calls do not tell apart; {witnesses} witnesses replayed; {equal} proved equal, \
         none of which differs on {CALLS} calls; {undecided} undecided, which is no proof"
    ))
}

impl Counts {
    /// A run that compares little shows little.
    fn check(&self) -> Result<(), String> {
        let enough = self.equal >= self.refuted / 10
            && self.undecided <= self.refuted / 20
            && self.policies >= self.refuted / PER_POLICY;
        match enough {
            true => Ok(()),
            false => Err(format!(
                "{} proved equal and {} undecided beside {} refuted: too one-sided",
                self.equal, self.undecided, self.refuted
            )),
        }
    }

    fn add(&mut self, verdict: Verdict, shown: Option<SeccompData>) -> Result<(), String> {
        match (verdict, shown) {
            (Verdict::Refuted { witnesses }, shown) => {
                self.witnesses += witnesses;
                self.refuted += u32::from(shown.is_some());
                self.refuted_alone += u32::from(shown.is_none());
            }
            (Verdict::Equal, Some(call)) => {
                return Err(format!("proved equal, but not on {call:?}"));
            }
            (Verdict::Equal, None) => self.equal += 1,
            (Verdict::Undecided, _) => self.undecided += 1,
        }
        Ok(())
    }
}

fn mutate(
    rng: &mut Rng,
    policy: &Policy,
    original: &Program,
    counts: &mut Counts,
) -> Result<(), String> {
    if !matches!(verdict(policy, original)?, Verdict::Equal) {
        return Err("the compiled program itself is not proved".into());
    }
    for _ in 0..PER_POLICY {
        let Some(mutant) = mutant(rng, original) else { continue };
        let shown = sampled(rng, policy, original, &mutant);
        verdict(policy, &mutant)
            .and_then(|verdict| counts.add(verdict, shown))
            .map_err(|error| format!("{error}; {}", mutation(original, &mutant)))?;
    }
    Ok(())
}

/// The prover's verdict on a program.
enum Verdict {
    Equal,
    Refuted {
        witnesses: usize,
    },
    /// Such as where a loaded word is returned as the action: each of its values is one.
    Undecided,
}

fn verdict(policy: &Policy, program: &Program) -> Result<Verdict, String> {
    let mut prover = Prover::new(Options::default());
    let (equal, differences) = match compared(&mut prover, policy, program) {
        Ok(compared) => compared,
        Err(Error::Undecided(_)) => return Ok(Verdict::Undecided),
        Err(error) => return Err(error.to_string()),
    };
    for difference in &differences {
        let call = &difference.witness;
        let (left, right) = (policy.decide(call), program.run(call, endian_of(call)));
        if left == right || (left, right) != (difference.left, difference.right) {
            return Err(format!("the witness does not replay: {difference}"));
        }
    }
    match (equal, differences.len()) {
        (true, 0) => Ok(Verdict::Equal),
        (false, witnesses) if witnesses > 0 => Ok(Verdict::Refuted { witnesses }),
        (_, witnesses) => Err(format!("equal is {equal}, but there are {witnesses} witnesses")),
    }
}

fn compared(
    prover: &mut Prover,
    policy: &Policy,
    program: &Program,
) -> Result<(bool, Vec<Difference>), Error> {
    let (left, right) = (prover.policy(policy)?, prover.program(program)?);
    let equal = prover.equal(&left, &right, Scope::Exact)?;
    Ok((equal, prover.differences(&left, &right, Scope::Exact)?))
}

/// A call on which policy and mutant differ, if sampling finds one.
///
/// The calls are aimed at the policy, at the program and at the mutant by turns; then those of
/// [`recheck`] are tried, which follow from the constants of both.
fn sampled(
    rng: &mut Rng,
    policy: &Policy,
    original: &Program,
    mutant: &Program,
) -> Option<SeccompData> {
    let random = (0..CALLS).map(|turn| match turn % 4 {
        0 => program::call(rng, original),
        1 => program::call(rng, mutant),
        _ => call::aimed_at(rng, policy),
    });
    let differs = |call: &SeccompData| policy.decide(call) != mutant.run(call, endian_of(call));
    let found = random.into_iter().find(differs);
    let calls_max = usize::try_from(CALLS).unwrap_or(usize::MAX);
    found.or_else(|| match recheck(policy, mutant, calls_max) {
        Err(Error::Disagreement { call, .. }) => Some(call),
        _ => None,
    })
}

/// The program with one bit or one field of one instruction changed, where the checker accepts it.
fn mutant(rng: &mut Rng, program: &Program) -> Option<Program> {
    let mut instructions = program.instructions().to_vec();
    let other = instructions[rng.usize(..instructions.len())];
    let index = rng.usize(..instructions.len());
    let target: &mut Instruction = &mut instructions[index];
    match rng.u8(..12) {
        0 => target.code ^= 1 << rng.u8(..16),
        1 => target.code = other.code,
        2 => target.jt ^= 1 << rng.u8(..8),
        3 => target.jt = other.jt,
        4 => target.jf ^= 1 << rng.u8(..8),
        5 => target.jf = other.jf,
        6 => target.k = other.k,
        7 => target.k = target.k.wrapping_add(1),
        8 => target.k = target.k.wrapping_sub(1),
        9 => target.k = target.k.swap_bytes(),
        _ => target.k ^= 1 << rng.u8(..32),
    }
    Program::new(instructions).ok().filter(|mutant| mutant != program)
}

/// The instruction that was changed.
fn mutation(original: &Program, mutant: &Program) -> String {
    let pairs = original.instructions().iter().zip(mutant.instructions()).enumerate();
    let changed = pairs.filter(|(_, (from, to))| from != to);
    changed
        .map(|(index, (from, to))| format!("instruction {index}: {from:x?} to {to:x?}"))
        .collect()
}
