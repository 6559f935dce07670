//! Contexts whose rules compare with every operator: ours must mean the union of its rules, and
//! theirs is counted.
//!
//! All rules of a number have one action, so that the union is what any reader of the rules
//! expects, in whatever order.

use callgate_policy::{ArchPolicy, Comparison, Condition, Field, Operator, Policy};
use callgate_syscalls::{Action, Arch, Name, SyscallNr, names};

use super::driver::{Driver, Found, Replies, Whose, compare};
use super::script::{self, Script};

const BATCH: usize = 250;
const DEFAULT: u32 = 0x0005_0063;

/// Calls that every architecture makes directly.
const CALLS: [Name; 4] = [names::READ, names::WRITE, names::CLOSE, names::IOCTL];

const OPERATORS: [u32; 7] = [1, 2, 3, 4, 5, 6, 7];

#[derive(Default)]
struct Counts {
    contexts: usize,
    rules: usize,
    undecided: usize,
    right: usize,
    wrong: usize,
    refused: usize,
    lost: usize,
}

/// Compares that many contexts with the oracle.
pub(super) fn run(
    driver: &Driver,
    random: &mut fastrand::Rng,
    wanted: usize,
) -> Result<String, String> {
    let mut counts = Counts::default();
    while counts.contexts < wanted {
        let cases: Result<Vec<Case>, String> =
            (0..BATCH).map(|_| Case::new(random, driver)).collect();
        batch(driver, &cases?, &mut counts)?;
    }
    let Counts { contexts, rules, undecided, right, wrong, refused, lost } = counts;
    if undecided * 100 > contexts {
        return Err(format!("{undecided} undecided of {contexts}"));
    }
    Ok(format!(
        "{contexts} contexts, {rules} rules: ours is the union of its rules ({undecided} undecided); theirs is in {right}, is \
         not in {wrong}, refuses a rule in {refused}, never ends in {lost}"
    ))
}

/// A context, and the policy that it stands for.
struct Case {
    script: Script,
    rules: usize,
    oracle: Policy,
}

impl Case {
    fn new(random: &mut fastrand::Rng, driver: &Driver) -> Result<Self, String> {
        let native = driver.native();
        let mut script = Script::default();
        let foreign = random.u8(..4) == 0;
        let mut pool = script::arches(random, native, foreign);
        // Without x86_64 beside it, x32 has the number -1 in libseccomp's reading, and in no policy.
        pool.retain(|arch| *arch != Arch::X32 || (native == Arch::X86_64 && !foreign));
        let count = random.usize(usize::from(foreign)..3);
        let mut arches: Vec<Arch> = pool.iter().take(count).copied().collect();
        script.push(format!("I {DEFAULT}"));
        script::members(&mut script, &mut pool, foreign, count);
        if !foreign {
            arches.push(native);
        }
        script.push(format!("T 8 {}", random.u32(1..=2)));
        let rules: Vec<String> = (0..random.usize(1..7))
            .map(|_| {
                let call = random.usize(..CALLS.len());
                let number = script::number(native, CALLS[call]);
                // An emulator has no seccomp(2), by which libraries ask for LOG: the first have none.
                let first = i32::try_from(call).unwrap_or(0);
                let action = script::action(if driver.is_emulated() { first } else { number });
                script::rule(random, action, number, &OPERATORS).replace('X', "R")
            })
            .collect();
        rules.iter().for_each(|rule| script.push(rule.clone()));
        script.push("E".into());
        Ok(Self { script, rules: rules.len(), oracle: oracle(native, &arches, &rules)? })
    }
}

fn batch(driver: &Driver, cases: &[Case], counts: &mut Counts) -> Result<(), String> {
    let scripts: Vec<String> = cases.iter().map(|case| case.script.ours()).collect();
    let ours = driver.contexts(Whose::Ours, &scripts)?;
    let theirs = driver.contexts(Whose::Theirs, &scripts)?;
    for ((case, ours), theirs) in cases.iter().zip(&ours).zip(&theirs) {
        let failed = |error: String| format!("{error}\nscript:\n{}", case.script.ours());
        let ours = ours.as_ref().ok_or_else(|| failed("ours never ends".into()))?;
        if let Some(code) = ours.codes().iter().find(|code| code.starts_with('-')) {
            return Err(failed(format!("ours refuses a rule: {code}")));
        }
        counts.contexts += 1;
        counts.rules += case.rules;
        match against(case, ours)? {
            Found::Same => {}
            Found::Different(call) => return Err(failed(format!("not the union: {call}"))),
            Found::Undecided => counts.undecided += 1,
        }
        match theirs {
            None => counts.lost += 1,
            Some(theirs) if theirs.codes() != ours.codes() => counts.refused += 1,
            Some(theirs) => match against(case, theirs)? {
                Found::Different(_) => counts.wrong += 1,
                Found::Same | Found::Undecided => counts.right += 1,
            },
        }
    }
    Ok(())
}

fn against(case: &Case, answer: &Replies) -> Result<Found, String> {
    let program = answer.program()?;
    compare(|prover| prover.program(&program), |prover| prover.policy(&case.oracle))
}

/// The union of rules as the script has them, on each architecture.
fn oracle(native: Arch, arches: &[Arch], rules: &[String]) -> Result<Policy, String> {
    let mut builder = Policy::builder(Action::KILL_THREAD);
    for &arch in arches {
        let mut policy = ArchPolicy::new(Action::from_raw(DEFAULT));
        for rule in rules {
            let words = rule.split(' ').skip(1).map(str::parse);
            let words: Vec<u64> =
                words.collect::<Result<_, _>>().map_err(|e| format!("{rule}: {e}"))?;
            let [action, number, _, comparisons @ ..] = words.as_slice() else {
                return Err(format!("no rule: {rule}"));
            };
            let action = Action::from_raw(u32::try_from(*action).map_err(|e| e.to_string())?);
            let all = comparisons.chunks_exact(4).map(|four| comparison(arch, four));
            let all: Result<Vec<Condition>, _> = all.collect();
            policy.rule(
                number_on(arch, native, *number)?,
                Condition::all(all?).map_err(|e| e.to_string())?,
                action,
            );
        }
        builder = builder.arch(arch, policy);
    }
    builder.build().map_err(|error| error.to_string())
}

fn number_on(arch: Arch, native: Arch, number: u64) -> Result<SyscallNr, String> {
    let number = u32::try_from(number).map_err(|error| error.to_string())?;
    let name = native.syscall_at(SyscallNr::new(number)).ok_or("an unknown number")?.name;
    let syscall = arch.syscall(name).ok_or_else(|| format!("{arch} has no {}", name.as_str()))?;
    Ok(syscall.nr)
}

/// One comparison, on 64 bits or on the low 32.
fn comparison(arch: Arch, four: &[u64]) -> Result<Condition, String> {
    let &[arg, op, a, b] = four else { return Err("half a comparison".into()) };
    let index = usize::try_from(arg).map_err(|error| error.to_string())?;
    let field = Field::arg(index).map_err(|error| error.to_string())?;
    let operator = match op {
        1 => Operator::Ne,
        2 => Operator::Lt,
        3 => Operator::Le,
        4 | 7 => Operator::Eq,
        5 => Operator::Ge,
        _ => Operator::Gt,
    };
    let (mask, value) = if op == 7 { (a, b & a) } else { (u64::MAX, a) };
    let low = |value: u64| u32::try_from(value & u64::from(u32::MAX)).unwrap_or_default();
    Ok(match arch.word_bits() {
        64 => Comparison::masked(field, mask, operator, value),
        _ => Comparison::low32(field, low(mask), operator, low(value)),
    }
    .into())
}
