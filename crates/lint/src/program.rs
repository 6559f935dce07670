//! Programs as such: what cannot be reached, and what kernels disagree on.

use callgate_bpf::{DataWord, Operation, Program};
use callgate_prover::{Error, Undecided};

use crate::FindingPlace;
use crate::finding::{Draft, Findings};
use crate::ground::Ground;
use crate::subject::What;

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    let What::Stack(stack) = ground.subject.what else { return };
    for (filter, program) in stack.programs().iter().enumerate() {
        let reached = reached(program);
        let count = reached.iter().filter(|reached| !**reached).count();
        if let Some(first) = reached.iter().position(|reached| !reached) {
            let message = format!(
                "{count} instructions of filter {filter} are never reached, the first of them {first}"
            );
            let place = Some(FindingPlace::Instruction { filter, instruction: first });
            findings
                .add(ground, Draft::new("L0704", format!("filter {filter}"), message).at(place));
        }
        let is_pointer = |operation: Operation| matches!(operation, Operation::LoadData(word) if is_instruction_pointer(word));
        let reading = program
            .operations()
            .enumerate()
            .find(|(at, operation)| reached[*at] && is_pointer(*operation));
        if let Some((instruction, _)) = reading {
            let message = format!(
                "filter {filter} looks at where in memory a call is made from, which the caller chooses"
            );
            let place = Some(FindingPlace::Instruction { filter, instruction });
            findings
                .add(ground, Draft::new("L0705", format!("filter {filter}"), message).at(place));
        }
    }
}

/// The words of `instruction_pointer`.
fn is_instruction_pointer(word: DataWord) -> bool {
    matches!(word.index(), 2 | 3)
}

/// Which instructions a walk along all jumps reaches.
fn reached(program: &Program) -> Vec<bool> {
    let operations: Vec<Operation> = program.operations().collect();
    let mut reached = vec![false; operations.len()];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    // Jumps go forward only.
    for (at, operation) in operations.iter().enumerate() {
        if !reached[at] {
            continue;
        }
        let next: [Option<usize>; 2] = match *operation {
            Operation::Return(_) | Operation::ReturnA => [None, None],
            Operation::Jump(skip) => [usize::try_from(skip).ok().map(|skip| at + 1 + skip), None],
            Operation::Branch { jt, jf, .. } => {
                [jt, jf].map(|skip| Some(at + 1 + usize::from(skip)))
            }
            _ => [Some(at + 1), None],
        };
        for next in next.into_iter().flatten() {
            if let Some(reached) = reached.get_mut(next) {
                *reached = true;
            }
        }
    }
    reached
}

/// What could not be found out.
pub(crate) fn undecided(ground: &mut Ground<'_>, findings: &mut Findings) -> Result<(), Error> {
    match ground.take_trouble() {
        Some(error) => no_meaning(error, findings),
        None => Ok(()),
    }
}

/// A filter on which kernels disagree has no one meaning.
pub(crate) fn no_meaning(error: Error, findings: &mut Findings) -> Result<(), Error> {
    match error {
        Error::Undecided(Undecided::ShiftAmount) => {
            let message = "the filter shifts by 32 bits or more, on which machines disagree";
            findings.add_plain(Draft::new("L0706", "shift", message));
            Ok(())
        }
        other => Err(other),
    }
}
