//! What filters cost here.

use std::time::Instant;

use callgate_bpf::{Instruction, Program};
use callgate_syscalls::{Action, Errno};

use super::{JUMP_IF_EQUAL, LOAD, Obstacle, RETURN, allow_all, attach, measure};
use callgate_kernel::parts::any_syscall;
use callgate_kernel::parts::errno;

use crate::sys::machine;

/// How long one call of getppid(2) takes, in nanoseconds: the shortest mean over some batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallTimes {
    /// As the process is.
    pub plain: u64,
    /// Under a long filter of which the kernel can know beforehand that it allows the call.
    pub constant: u64,
    /// Under a filter as long that it has to run, because it looks at an argument first.
    pub executed: u64,
}

impl CallTimes {
    /// Whether the kernel skipped the first filter: it keeps, since Linux 5.11, which calls are
    /// allowed whatever their arguments are.
    #[must_use]
    pub const fn cached(&self) -> bool {
        self.constant.saturating_mul(2) < self.executed
    }
}

/// Times calls without a filter, under one that is constant for the call, and under one that is
/// not.
///
/// # Errors
/// Why there is no figure.
pub fn call_times() -> Result<CallTimes, Obstacle> {
    let time_under = |program: Program| measure(|| attach(&program).and_then(|()| nanoseconds()));
    let program = |first: &[Instruction]| chain(first).map_err(Obstacle::Refused);
    Ok(CallTimes {
        plain: measure(nanoseconds)?,
        constant: time_under(program(&[])?)?,
        executed: time_under(program(&[Instruction::new(LOAD, FIRST_ARGUMENT)])?)?,
    })
}

/// Where the low half, or on big-endian machines the high half, of the first argument lies.
const FIRST_ARGUMENT: u32 = 16;

/// A long filter that allows everything: comparisons of the number with values that no number has.
fn chain(first: &[Instruction]) -> Result<Program, Errno> {
    const COMPARISONS: u32 = 3500;
    let compare = |k| Instruction { code: JUMP_IF_EQUAL, jt: 1, jf: 0, k: 0x7000_0000 + k };
    let allow = Instruction::new(RETURN, Action::ALLOW.raw());
    let instructions: Vec<_> = first
        .iter()
        .copied()
        .chain([Instruction::new(LOAD, 0)])
        .chain((0..COMPARISONS).map(compare))
        .chain([allow, allow])
        .collect();
    Program::new(instructions).map_err(|_| errno(libc::EINVAL))
}

fn nanoseconds() -> Result<u64, Errno> {
    const BATCHES: u32 = 30;
    const CALLS: u32 = 200;
    #[expect(clippy::cast_possible_truncation, reason = "a small number")]
    let getppid = libc::SYS_getppid as i32;
    let mut shortest = u64::MAX;
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..CALLS {
            // SAFETY: getppid reads and writes no memory.
            unsafe { any_syscall(getppid, [0; 6]) }?;
        }
        let mean = (start.elapsed() / CALLS).as_nanos();
        shortest = shortest.min(u64::try_from(mean).unwrap_or(u64::MAX));
    }
    Ok(shortest)
}

/// A misfeature of the CPU whose mitigation filters may switch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeculationFeature {
    /// Speculative store bypass.
    StoreBypass,
    /// Speculation of indirect branches.
    IndirectBranch,
}

/// The control word of a misfeature (`PR_GET_SPECULATION_CTRL`) in a child without, then with a
/// filter. Where the two differ, filters that don't say
/// [`Speculation::Allowed`](callgate_kernel::Speculation::Allowed) slow down what they confine.
///
/// # Errors
/// Why it can't be found out.
pub fn speculation_before_and_after(feature: SpeculationFeature) -> Result<(u64, u64), Obstacle> {
    let before = measure(|| machine::speculation_control(feature))?;
    let after = measure(|| {
        attach(&allow_all()?)?;
        machine::speculation_control(feature)
    })?;
    Ok((before, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executed_filter_costs_more_than_none() {
        let times = call_times().unwrap();
        assert!(times.plain > 0 && times.executed > times.plain, "{times:?}");
    }

    #[test]
    fn cached_means_less_than_half_the_time() {
        let times = |constant, executed| CallTimes { plain: 1, constant, executed };
        assert!(times(150, 790).cached() && times(150, 301).cached());
        assert!(!times(150, 300).cached() && !times(700, 790).cached());
    }
}
