//! Random and broken programs through the kernel's dry run.

use std::thread;

use callgate_bpf::{CheckError, Instruction, Listing, Program, Style};
use callgate_lab::judge::DryRun;
use callgate_testkit::{Rng, program};

/// Most programs are this short, so that many of them exercise the jumps' limits; one in
/// [`LONG_EVERY`] is not.
const LENGTH: usize = 40;
const LONG_EVERY: u32 = 200;

pub(super) fn run(programs: u32, seed: u64) -> Result<String, String> {
    // The judge is a thread of its own, because it keeps its listener until it ends.
    let judge = thread::spawn(move || compare(programs, seed));
    judge.join().map_err(|_| "the judging thread panicked".to_owned())?
}

fn compare(programs: u32, seed: u64) -> Result<String, String> {
    let kernel = DryRun::new().map_err(|error| error.to_string())?;
    let mut rng = Rng::with_seed(seed);
    let (mut accepted, mut slots) = (0, 0);
    for round in 0..programs {
        let length = if round % LONG_EVERY == 0 { Program::LEN_MAX } else { LENGTH };
        let candidate = program::candidate(&mut rng, length);
        let ours = Program::new(candidate.clone());
        let theirs = kernel.accepts(&candidate).map_err(|error| error.to_string())?;
        if ours.is_ok() != theirs {
            return Err(disagreement(seed, round, theirs, &candidate, ours.err()));
        }
        accepted += u32::from(theirs);
        slots += u32::from(matches!(ours, Err(CheckError::SlotUnwritten { .. })));
    }
    let rejected = programs - accepted;
    if accepted < programs / 4 || rejected < programs / 10 || slots < programs / 1000 {
        return Err(format!("{accepted} accepted, {slots} of {rejected} for slots: too one-sided"));
    }
    opcodes(&kernel)?;
    Ok(format!(
        "{programs} programs, {accepted} accepted, {rejected} rejected ({slots} for scratch memory), and all \
         65,536 opcodes: 0 disagreements"
    ))
}

/// Every opcode, with operands that suit all of those that the kernel knows.
fn opcodes(kernel: &DryRun) -> Result<(), String> {
    let ret = Instruction::new(0x06, 0);
    for code in 0..=u16::MAX {
        let candidate =
            [Instruction::new(0x02, 4), Instruction::new(code, 4), ret, ret, ret, ret, ret];
        let ours = Program::new(candidate).is_ok();
        if kernel.accepts(&candidate).map_err(|error| error.to_string())? != ours {
            return Err(format!("opcode {code:#06x}: only {} accepts it", judge(!ours)));
        }
    }
    Ok(())
}

fn judge(kernel: bool) -> &'static str {
    if kernel { "the kernel" } else { "the checker" }
}

fn disagreement(
    seed: u64,
    round: u32,
    kernel: bool,
    candidate: &[Instruction],
    error: Option<CheckError>,
) -> String {
    let listing = match Program::new(candidate) {
        Ok(program) => Listing::new(&program, Style::default()).to_string(),
        Err(_) => format!("{candidate:x?}"),
    };
    let reason = error.map(|error| format!(" ({error})")).unwrap_or_default();
    format!("seed {seed}, program {round}: only {} accepts it{reason}\n{listing}", judge(kernel))
}
