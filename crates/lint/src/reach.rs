//! What instructions of programs are reached, and which of these look at where calls are made from.

use callgate_bpf::{DataWord, Operation, Program};

use crate::subject::{Subject, What};

/// Whether it matters to the programs of a subject where a call is made from.
pub(crate) fn looks_at_pointer(subject: &Subject<'_>) -> bool {
    let What::Stack(stack) = subject.what else { return false };
    stack.programs().iter().any(|program| first_pointer(program, &reached(program)).is_some())
}

/// The first instruction that loads where a call is made from.
pub(crate) fn first_pointer(program: &Program, reached: &[bool]) -> Option<usize> {
    let is_pointer = |operation: Operation| matches!(operation, Operation::LoadData(word) if is_instruction_pointer(word));
    let mut operations = program.operations().zip(reached);
    operations.position(|(operation, reached)| *reached && is_pointer(operation))
}

/// The words of `instruction_pointer`.
fn is_instruction_pointer(word: DataWord) -> bool {
    matches!(word.index(), 2 | 3)
}

/// Which instructions a walk along all jumps reaches.
pub(crate) fn reached(program: &Program) -> Vec<bool> {
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
