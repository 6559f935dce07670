//! The converted length: how often the kernel stacks a program on itself until its budget is used
//! up.

use std::fs;

use callgate_bpf::{Hardening, PATH_LEN_MAX, Program, path_len};
use callgate_lab::judge as conformance;
use callgate_testkit::Rng;

use super::observe::{self, Window};

/// How long the random parts are: so long that a few copies use up the budget.
const LENGTH: usize = 3000;

pub(super) fn run(programs: u32, seed: u64) -> Result<String, String> {
    let hardening = hardening();
    let mut rng = Rng::with_seed(seed ^ 0x1e);
    let mut attached = 0;
    for round in 0..programs {
        let program = observe::long_program(&mut rng, Window::ERRNO, LENGTH)?;
        let expected = depth(&program, hardening);
        let depth = conformance::depth(&program).map_err(|error| error.to_string())?;
        if depth != expected {
            return Err(format!(
                "seed {seed}, program {round}: {depth} copies fit, not {expected}, of {} instructions that count \
                 as {}",
                program.len(),
                program.converted_len(hardening)
            ));
        }
        attached += depth;
    }
    Ok(format!(
        "{programs} programs stacked on themselves, {attached} times in all: 0 disagreements"
    ))
}

/// The most copies that the budget allows.
fn depth(program: &Program, hardening: Hardening) -> usize {
    let fits = |copies: &usize| path_len(vec![program; *copies], hardening) <= PATH_LEN_MAX;
    (1..).take_while(fits).count()
}

/// What this process, which has every capability or none, gets of the kernel's JIT.
fn hardening() -> Hardening {
    let setting = fs::read_to_string("/proc/sys/net/core/bpf_jit_harden").unwrap_or_default();
    if setting.trim() == "2" { Hardening::On } else { Hardening::Off }
}
