//! Programs as such: what cannot be reached, and what kernels disagree on.

use callgate_prover::{Error, Undecided};

use crate::FindingPlace;
use crate::finding::{Draft, Findings};
use crate::ground::Ground;
use crate::reach::{first_pointer, reached};
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
        if let Some(instruction) = first_pointer(program, &reached) {
            let message = format!(
                "filter {filter} looks at where in memory a call is made from, which the caller chooses"
            );
            let place = Some(FindingPlace::Instruction { filter, instruction });
            findings
                .add(ground, Draft::new("L0705", format!("filter {filter}"), message).at(place));
        }
    }
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
