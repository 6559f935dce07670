//! Profiles three ways: read, lowered and compiled as the command does, by our library, and by the
//! installed one, whose rules are added as runc adds them.
//!
//! Rules of one syscall have several actions, bounds, and masks over the whole of a high half, so
//! that their order counts. Ours must be one meaning both ways. Where the installed library's program
//! is that of its rules in some order, ours must not permit more; where it is not, or where rules have
//! bounds and so an order of their own in its tree, it is what COMPATIBILITY.md lists for rules that
//! overlap.
//!
//! Claim: C-READINGS

use std::fmt::Write as _;

use callgate_bpf::Program;
use callgate_formats::{Error, Options, Profile, Reading};
use callgate_policy::{ArchPolicy, Comparison, Condition, Field, Operator, Policy};
use callgate_prover::{Difference, Prover, Scope};
use callgate_syscalls::{Action, Arch, KernelVersion, Name, SyscallNr, names};

use super::driver::{Driver, Replies, Whose};

/// Calls that each architecture makes directly.
const CALLS: [Name; 4] = [names::PERSONALITY, names::MINCORE, names::SPLICE, names::TEE];

/// The most rules of a call: all their orders are tried.
const RULES_MAX: usize = 4;

const ACTIONS: [(&str, u32); 6] = [
    (r#""SCMP_ACT_ALLOW""#, 0x7fff_0000),
    (r#""SCMP_ACT_LOG""#, 0x7ffc_0000),
    (r#""SCMP_ACT_ERRNO", "errnoRet": 1"#, 0x0005_0001),
    (r#""SCMP_ACT_ERRNO", "errnoRet": 7"#, 0x0005_0007),
    (r#""SCMP_ACT_TRAP""#, 0x0003_0000),
    (r#""SCMP_ACT_KILL_PROCESS""#, 0x8000_0000),
];

const OPERATORS: [(&str, u32); 7] =
    [("NE", 1), ("LT", 2), ("LE", 3), ("EQ", 4), ("GE", 5), ("GT", 6), ("MASKED_EQ", 7)];

const VALUES: [u64; 11] = [
    0,
    1,
    5,
    0x100,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 32,
    (1 << 32) + 1,
    (5 << 32) + 0x100,
    u64::MAX << 32,
    u64::MAX,
];

const HIGH: u64 = u64::MAX << 32;
const MASKS: [u64; 8] = [1, 0xff, 0xffff_ffff, HIGH, HIGH, HIGH + 1, HIGH + 0xff, u64::MAX];

/// One condition of a rule.
#[derive(Clone, Copy)]
struct ArgTest {
    arg: u8,
    operator: usize,
    value: u64,
    two: u64,
}

/// A rule of one call.
struct Rule {
    call: usize,
    action: usize,
    tests: Vec<ArgTest>,
}

/// A profile of random rules.
struct Sample {
    default: usize,
    rules: Vec<Rule>,
}

#[derive(Default)]
struct Counts {
    profiles: usize,
    rules: usize,
    refused: usize,
    same: usize,
    lost: usize,
    stricter: usize,
    listed: usize,
    exists: usize,
}

/// Compares that many profiles.
pub(super) fn run(
    driver: &Driver,
    random: &mut fastrand::Rng,
    wanted: usize,
) -> Result<String, String> {
    if driver.native() != Arch::X86_64 || driver.is_emulated() {
        return Ok("skipped: the profiles are for x86_64".into());
    }
    let issue = [issue_profile(0), issue_profile(1)];
    let random = (0..wanted).map(|_| Sample::random(random));
    let samples: Vec<Sample> = issue.into_iter().chain(random).collect();
    let scripts: Vec<String> = samples.iter().map(Sample::script).collect();
    let ours = driver.contexts(Whose::Ours, &scripts)?;
    let theirs = driver.contexts(Whose::Theirs, &scripts)?;
    let mut counts = Counts::default();
    for ((sample, ours), theirs) in samples.iter().zip(&ours).zip(&theirs) {
        counts.profiles += 1;
        counts.rules += sample.rules.len();
        let ours = ours.as_ref().ok_or("ours never ends")?;
        let compared = compare(sample, ours, theirs.as_ref(), &mut counts);
        compared.map_err(|error| format!("{error}\n{}", sample.text()))?;
    }
    let Counts { profiles, rules, refused, same, lost, stricter, listed, exists } = counts;
    if same * 4 < profiles {
        return Err(format!("only {same} of {profiles} are the same three ways"));
    }
    Ok(format!(
        "{profiles} profiles, {rules} rules: compiled and by our library the same; theirs is the same in {same}, of no order or \
         another of its rules in {listed} (listed), looser in {stricter}, says that a rule exists which contradicts none in \
         {exists} (listed), never ends in {lost}; {refused} refused all three ways"
    ))
}

/// Profiles on which the command and the libraries differed once.
fn issue_profile(which: usize) -> Sample {
    let test = |operator, value, two| vec![ArgTest { arg: 0, operator, value, two }];
    let rule = |action, tests| Rule { call: 0, action, tests };
    match which {
        0 => Sample {
            default: 0,
            rules: vec![rule(2, test(6, HIGH + 1, 1)), rule(1, test(0, 0x100, 0))],
        },
        _ => Sample {
            default: 2,
            rules: vec![rule(5, test(6, HIGH, 0)), rule(0, test(3, 0x7fff_ffff, 0))],
        },
    }
}

fn compare(
    sample: &Sample,
    ours: &Replies,
    theirs: Option<&Replies>,
    counts: &mut Counts,
) -> Result<(), String> {
    let compiled = sample.compiled()?;
    let is_refused = ours.codes().iter().any(|code| code.starts_with('-'));
    let Some(compiled) = compiled else {
        counts.refused += 1;
        let theirs_too =
            theirs.is_none_or(|theirs| theirs.codes().iter().any(|code| code.starts_with('-')));
        return match is_refused && theirs_too {
            true => Ok(()),
            false => Err("only the command refuses the profile".into()),
        };
    };
    if is_refused {
        return Err(format!("only our library refuses the profile: {:?}", ours.codes()));
    }
    let by_library = ours.program()?;
    if let Some(difference) = sample.differing(&compiled, &by_library)?.first() {
        return Err(format!("compiled against our library: {difference}"));
    }
    let Some(theirs) = theirs else {
        counts.lost += 1;
        return Ok(());
    };
    if only_exists(&ours.codes(), &theirs.codes()) {
        counts.exists += 1;
        return Ok(());
    }
    if theirs.codes() != ours.codes() {
        return Err(format!("{:?} of theirs, {:?} of ours", theirs.codes(), ours.codes()));
    }
    let theirs = theirs.program()?;
    let found = sample.differing(&by_library, &theirs)?;
    let looser = |difference: &&Difference| difference.left.freedom() > difference.right.freedom();
    match found.iter().find(looser) {
        None if found.is_empty() => counts.same += 1,
        None => counts.stricter += 1,
        Some(difference) => {
            for call in sample.calls().filter(|&call| is_about(difference, number(call))) {
                if !sample.has_bounds(call) && sample.is_in_some_order(call, &theirs)? {
                    return Err(format!("ours permits more, in another order: {difference}"));
                }
            }
            counts.listed += 1;
        }
    }
    Ok(())
}

/// Whether the codes differ where theirs is `-EEXIST`, for rules that contradict nothing: COMPATIBILITY.md
/// has it. Their program then lacks a rule.
fn only_exists(ours: &[&str], theirs: &[&str]) -> bool {
    const EEXIST: &str = "-17";
    let differing: Vec<_> =
        ours.iter().zip(theirs).filter(|(ours, theirs)| ours != theirs).collect();
    ours.len() == theirs.len()
        && !differing.is_empty()
        && differing.iter().all(|(ours, theirs)| **ours == "0" && **theirs == EEXIST)
}

fn is_about(difference: &Difference, nr: SyscallNr) -> bool {
    let token = Arch::X86_64.token();
    let tokens = difference.first_token..=difference.last_token;
    tokens.contains(&token)
        && difference.numbers.iter().any(|(first, last)| (*first..=*last).contains(&nr))
}

fn number(call: usize) -> SyscallNr {
    Arch::X86_64.syscall(CALLS[call]).map_or(SyscallNr::new(u32::MAX), |syscall| syscall.nr)
}

impl Sample {
    fn random(random: &mut fastrand::Rng) -> Self {
        let default = [0, 2, 4][random.usize(..3)];
        let mut rules = Vec::new();
        for call in 0..CALLS.len() {
            for _ in 0..random.usize(0..=RULES_MAX) {
                let action = random.usize(..ACTIONS.len());
                rules.push(Rule { call, action, tests: tests(random) });
            }
        }
        Self { default, rules }
    }

    /// Whether a rule of a call asks for more or less, or for another value.
    fn has_bounds(&self, call: usize) -> bool {
        let is_bound = |test: &ArgTest| !matches!(OPERATORS[test.operator].0, "EQ" | "MASKED_EQ");
        self.rules.iter().any(|rule| rule.call == call && rule.tests.iter().any(is_bound))
    }

    /// The profile as runtimes read it.
    fn text(&self) -> String {
        let mut text = format!(
            r#"{{"defaultAction": {}, "architectures": ["SCMP_ARCH_X86_64"], "syscalls": ["#,
            ACTIONS[self.default].0.replace("errnoRet", "defaultErrnoRet")
        );
        for (index, rule) in self.rules.iter().enumerate() {
            let args: Vec<String> = rule.tests.iter().map(ArgTest::json).collect();
            let _ = write!(
                text,
                "{}\n  {{\"names\": [\"{}\"], \"action\": {}, \"args\": [{}]}}",
                if index == 0 { "" } else { "," },
                CALLS[rule.call].as_str(),
                ACTIONS[rule.action].0,
                args.join(", ")
            );
        }
        text + "]}"
    }

    /// The program that the command makes; `None` for rules that contradict each other.
    fn compiled(&self) -> Result<Option<Program>, String> {
        let mut options = Options::new(Arch::X86_64, KernelVersion::new(6, 12));
        options.reading = Some(Reading::Runc);
        let profile = Profile::parse(self.text().as_bytes(), "profile");
        let profile = profile.map_err(|error| error.to_string())?;
        match profile.resolve(&options) {
            Ok(resolved) => {
                let built = callgate_build::program(&resolved.policy);
                Ok(Some(built.map_err(|error| error.to_string())?.into_program()))
            }
            Err(Error::Conflict { .. }) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The same for the driver, as runc adds them: not what the default does anyway.
    fn script(&self) -> String {
        let mut script = format!("I {}\n", ACTIONS[self.default].1);
        for rule in self.rules.iter().filter(|rule| rule.action != self.default) {
            let (action, nr) = (ACTIONS[rule.action].1, number(rule.call));
            let _ = write!(script, "R {action} {} {}", nr.raw(), rule.tests.len());
            for ArgTest { arg, operator, value, two } in &rule.tests {
                let _ = write!(script, " {arg} {} {value} {two}", OPERATORS[*operator].1);
            }
            script.push('\n');
        }
        script + "E\n"
    }

    /// The calls that have rules.
    fn calls(&self) -> impl Iterator<Item = usize> + '_ {
        (0..CALLS.len()).filter(|&call| self.rules.iter().any(|rule| rule.call == call))
    }

    /// Where two programs differ in these. Of others, the command's program has more to say: what
    /// runc adds behind libseccomp's.
    fn differing(&self, left: &Program, right: &Program) -> Result<Vec<Difference>, String> {
        let mut prover = Prover::default();
        let said = |error: callgate_prover::Error| error.to_string();
        let left = prover.program(left).map_err(said)?;
        let right = prover.program(right).map_err(said)?;
        let found = prover.differences(&left, &right, Scope::Exact).map_err(said)?;
        let about =
            |difference: &Difference| self.calls().any(|call| is_about(difference, number(call)));
        Ok(found.into_iter().filter(about).collect())
    }

    /// Whether a program decides a call as its rules do in one order or another.
    fn is_in_some_order(&self, call: usize, program: &Program) -> Result<bool, String> {
        let own: Vec<&Rule> =
            self.rules.iter().filter(|r| r.call == call && r.action != self.default).collect();
        for order in orders(own.len()) {
            let mut list = ArchPolicy::new(Action::from_raw(ACTIONS[self.default].1));
            for &place in &order {
                let parts = own[place].tests.iter().map(ArgTest::condition);
                let all = Condition::all(parts).map_err(|error| error.to_string())?;
                list.rule(number(call), all, Action::from_raw(ACTIONS[own[place].action].1));
            }
            let policy = Policy::builder(Action::KILL_THREAD).arch(Arch::X86_64, list).build();
            let policy = policy.map_err(|error| error.to_string())?;
            let mut prover = Prover::default();
            let said = |error: callgate_prover::Error| error.to_string();
            let (left, right) =
                (prover.policy(&policy).map_err(said)?, prover.program(program).map_err(said)?);
            let found = prover.differences(&left, &right, Scope::Exact).map_err(said)?;
            if !found.iter().any(|difference| is_about(difference, number(call))) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Up to two conditions on different arguments: runc makes two rules of two on one.
fn tests(random: &mut fastrand::Rng) -> Vec<ArgTest> {
    let mut args = [0, 1];
    random.shuffle(&mut args);
    let count = [1, 1, 1, 2, 0][random.usize(..5)];
    let test = |&arg: &u8| {
        // As many masks as bounds.
        let operator = if random.bool() { 6 } else { random.usize(..6) };
        let value = VALUES[random.usize(..VALUES.len())];
        match operator {
            6 => ArgTest { arg, operator, value: MASKS[random.usize(..MASKS.len())], two: value },
            _ => ArgTest { arg, operator, value, two: 0 },
        }
    };
    args[..count].iter().map(test).collect()
}

/// All orders of so many things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for next in 0..count {
        let longer = |order: &Vec<usize>| {
            let order = order.clone();
            (0..=order.len()).map(move |place| {
                let mut order = order.clone();
                order.insert(place, next);
                order
            })
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    orders
}

impl ArgTest {
    fn json(&self) -> String {
        let Self { arg, operator, value, two } = self;
        format!(
            "{{\"index\": {arg}, \"value\": {value}, \"valueTwo\": {two}, \"op\": \"SCMP_CMP_{}\"}}",
            OPERATORS[*operator].0
        )
    }

    fn condition(&self) -> Condition {
        let Self { arg, operator, value, two } = *self;
        let field = Field::ARGS[usize::from(arg)];
        let (mask, operator, value) = match operator {
            0 => (u64::MAX, Operator::Ne, value),
            1 => (u64::MAX, Operator::Lt, value),
            2 => (u64::MAX, Operator::Le, value),
            3 => (u64::MAX, Operator::Eq, value),
            4 => (u64::MAX, Operator::Ge, value),
            5 => (u64::MAX, Operator::Gt, value),
            _ => (value, Operator::Eq, value & two),
        };
        Comparison::masked(field, mask, operator, value).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_comes_once() {
        let mut all = orders(4);
        assert_eq!(all.len(), 24);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 24);
        assert_eq!(orders(0), [Vec::<usize>::new()]);
    }
}
