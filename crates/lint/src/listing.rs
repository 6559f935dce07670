//! Instructions of programs as an assembler writes them, for findings that are at one.

use callgate_bpf::{Line, Listing, Operation, Style};
use callgate_syscalls::{Arch, Endian, SeccompData};

use crate::FindingPlace;
use crate::ground::Ground;
use crate::subject::What;

/// What stands at a place in a program; of a place where a call is decided also the last test before it, since what
/// decides is a return.
pub(crate) fn told(
    ground: &Ground<'_>,
    place: FindingPlace,
    call: Option<&SeccompData>,
) -> Option<String> {
    let FindingPlace::Instruction { filter, instruction } = place else { return None };
    let What::Stack(stack) = ground.subject.what else { return None };
    let program = stack.programs().get(filter)?;
    let arch = match call {
        Some(call) => Arch::of_call(call.arch, call.nr),
        None => ground.arches.first().copied(),
    };
    let endian = arch.map_or(Endian::Little, Arch::endian);
    let lines = Listing::new(program, Style { endian, arch }).lines;
    let at = written(lines.get(instruction)?);
    let steps = call.map(|call| program.trace(call, endian).steps).unwrap_or_default();
    if steps.last().map(|step| step.index) != Some(instruction) {
        return Some(format!("instruction {instruction} of filter {filter} is `{at}`"));
    }
    let is_test = |index: &usize| {
        let operation = lines.get(*index).map(|line| line.instruction.operation());
        matches!(operation, Some(Ok(Operation::Branch { .. })))
    };
    let decided = format!("decided by instruction {instruction} of filter {filter}, `{at}`");
    let test = steps.iter().rev().map(|step| step.index).find(is_test);
    Some(match test.and_then(|index| lines.get(index)) {
        Some(test) => format!("{decided}, after the test {}, `{}`", test.index, written(test)),
        None => decided,
    })
}

/// An instruction with what its constant means.
fn written(line: &Line) -> String {
    let text = line.text.split_whitespace().collect::<Vec<_>>().join(" ");
    match &line.comment {
        Some(comment) => format!("{text} ; {comment}"),
        None => text,
    }
}
