//! Random programs executed by the kernel, each on many calls.

use callgate_bpf::{Outcome, Program, Stack, is_exempt};
use callgate_kernel::child::{Call, Ending, Signal};
use callgate_kernel::running_kernel;
use callgate_lab::judge::{self as conformance, Answer, CALLS_MAX, NEEDED};
use callgate_syscalls::{Arch, Endian, KernelVersion, SeccompData, SyscallNr};
use callgate_testkit::{Rng, program};

use super::observe::{self, Window};

/// The properties that all calls of a child share.
pub(super) struct Machine {
    pub(super) arch: Arch,
    pub(super) kernel: KernelVersion,
    pub(super) address: u64,
    /// Whether it executes `uretprobe` unfiltered.
    pub(super) frees_uretprobe: bool,
}

/// A call as it is made, as the filter sees it, and what should become of it.
pub(super) struct Case {
    pub(super) call: Call,
    pub(super) data: SeccompData,
    pub(super) expected: Outcome,
}

impl Machine {
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self {
            arch: Arch::native().ok_or("no filters on this architecture")?,
            kernel: running_kernel().map_err(|error| error.to_string())?,
            address: conformance::call_address().map_err(|error| error.to_string())?,
            frees_uretprobe: conformance::frees_uretprobe().map_err(|error| error.to_string())?,
        })
    }

    /// Whether no filter stops the call.
    fn frees(&self, call: &SeccompData) -> bool {
        const URETPROBE: SyscallNr = SyscallNr::new(335);
        is_exempt(call, self.kernel) || (self.frees_uretprobe && call.nr == URETPROBE)
    }

    pub(super) fn case(&self, call: Call, stack: &Stack) -> Case {
        // s390x's kernel takes the low 16 bits of the register for the number.
        let low = SyscallNr::new(call.nr.raw() & 0xffff);
        let nr = if cfg!(target_arch = "s390x") { low } else { call.nr };
        let data = SeccompData {
            instruction_pointer: self.address,
            ..SeccompData::new(self.arch, nr).with_args(call.args)
        };
        let expected = stack.outcome(&data, Endian::native(), self.kernel);
        Case { call, data, expected }
    }
}

pub(super) fn run(executions: u32, seed: u64) -> Result<String, String> {
    let machine = Machine::new()?;
    let mut rng = Rng::with_seed(seed ^ 0x51);
    let (mut done, mut programs, mut kills, mut distinct) = (0, 0, 0, 0);
    while done < executions {
        let program = random_program(&mut rng)?;
        let cases = cases(&mut rng, &machine, &program);
        compare(std::slice::from_ref(&program), &cases)
            .map_err(|error| format!("seed {seed}, program {programs}: {error}"))?;
        programs += 1;
        done += u32::try_from(cases.len()).unwrap_or(0);
        kills += u32::from(cases.last().is_some_and(|case| kills_thread(case.expected)));
        distinct += u32::from(cases.iter().any(|case| case.expected != cases[0].expected));
    }
    if too_few(distinct, programs) || kills == 0 {
        return Err(format!(
            "{distinct} of {programs} programs with two results, {kills} kills: too few"
        ));
    }
    Ok(format!(
        "{done} executions of {programs} programs ({distinct} with several results, {kills} divisions by zero): \
         0 disagreements"
    ))
}

/// About one program in five gives several results. Of so many at least one in six has to, less
/// three standard deviations, as few programs may by chance have fewer.
fn too_few(distinct: u32, programs: u32) -> bool {
    let expected = programs / 6;
    let missing = u64::from(expected.saturating_sub(distinct));
    missing * missing > 9 * u64::from(expected)
}

/// A program whose every result can be observed: traps, errno values and, after a division by zero,
/// death.
fn random_program(rng: &mut Rng) -> Result<Program, String> {
    let window = Window::ALL[rng.usize(..Window::ALL.len())];
    observe::program(rng, window, |_, k| window.word(k)).map_err(|error| error.to_string())
}

/// Calls for one child, at most one that kills, as the last.
fn cases(rng: &mut Rng, machine: &Machine, program: &Program) -> Vec<Case> {
    let stack = Stack::new([program.clone()]);
    let mut cases: Vec<Case> = (0..CALLS_MAX)
        .map(|_| {
            let data = program::call(rng, program);
            machine.case(Call { nr: data.nr, args: data.args }, &stack)
        })
        .filter(|case| !NEEDED.contains(&case.data.nr) && !machine.frees(&case.data))
        .collect();
    cases.sort_by_key(|case| kills_thread(case.expected));
    let first_kill = cases.iter().position(|case| kills_thread(case.expected));
    cases.truncate(first_kill.map_or(cases.len(), |at| at + 1));
    cases
}

pub(super) fn kills_thread(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::KillThread | Outcome::KillProcess)
}

/// Lets the kernel run the filters on the calls, of which only the last may be expected to kill.
pub(super) fn compare(oldest_first: &[Program], cases: &[Case]) -> Result<(), String> {
    let calls: Vec<Call> = cases.iter().map(|case| case.call).collect();
    let (answers, ending) =
        conformance::answers(oldest_first, &calls).map_err(|error| error.to_string())?;
    for (case, answer) in cases.iter().zip(&answers) {
        if !agrees(case.expected, *answer) {
            return Err(format!(
                "{answer:?} instead of {:?}: {:x?}, {oldest_first:x?}",
                case.expected, case.data
            ));
        }
    }
    let killed = cases.last().is_some_and(|case| kills_thread(case.expected));
    let expected = match killed {
        true => (cases.len() - 1, Ending::Killed { signal: Signal::SYS }),
        false => (cases.len(), Ending::Exited { code: 0 }),
    };
    if (answers.len(), ending) != expected {
        let data = cases.get(answers.len()).map(|case| case.data);
        return Err(format!(
            "{ending:?} after {} calls instead of {expected:?}: {data:x?}, {oldest_first:x?}",
            answers.len()
        ));
    }
    Ok(())
}

/// Whether an answer is what the outcome looks like from inside; executed calls are
/// [`conformance::HARMLESS`].
fn agrees(expected: Outcome, answer: Answer) -> bool {
    const ENOSYS: i32 = libc::ENOSYS;
    match (expected, answer) {
        (Outcome::Trap(data), Answer::Trapped(seen)) => data == seen,
        (Outcome::Errno(errno), Answer::Returned(0)) => errno.raw() == 0,
        (Outcome::Errno(errno), Answer::Failed(seen)) => errno == seen,
        // There is neither a tracer nor a listener.
        (Outcome::Trace(_) | Outcome::UserNotify, Answer::Failed(seen)) => {
            i32::from(seen.raw()) == ENOSYS
        }
        (Outcome::Allow | Outcome::Log, Answer::Returned(value)) => {
            value == i64::from(std::process::id())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_let_have_less_of_many_programs() {
        // 9 * 32 is 288, which is between 16 and 17 squared.
        assert!(!too_few(16, 193) && !too_few(41, 193));
        assert!(too_few(15, 193));
        assert!(too_few(560, 3_846) && !too_few(566, 3_846));
        assert!(!too_few(0, 0));
    }
}
