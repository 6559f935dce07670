//! Calls that a test describes, to be made for real. The proof is about all of them; these show
//! that the kernel sees it likewise.

use callgate_policy::{Condition, Operator, SeccompData, View};
use callgate_syscalls::{Action, Arch};

use super::{NoOutcome, Test};

/// What the bits are set to that a test leaves open: all clear, all set, and two that differ from
/// bit to bit and between the halves of a register.
const FILLINGS: [u64; 4] = [0, u64::MAX, 0xaaaa_aaaa_5555_5555, 0x5555_5555_aaaa_aaaa];

impl Test {
    /// A few of the calls that the test describes on an architecture, and what it expects of them
    /// there. Arguments and bits that the test leaves open have extreme values. None, where the
    /// test is not about the architecture.
    ///
    /// # Errors
    /// [`NoOutcome::Value`] for a value that does not fit its argument.
    pub fn samples(&self, arch: Arch) -> Result<(Vec<SeccompData>, Action), NoOutcome> {
        let expected = self.expected.verdict.on(arch);
        let mut calls = Vec::new();
        if self.applies.arches.is_empty() || self.applies.arches.contains(&arch) {
            for (nr, name) in self.numbers(arch) {
                let described = self.described(arch, nr, name)?;
                for filling in FILLINGS {
                    let call = SeccompData::new(arch, nr).with_args([filling; 6]);
                    let call = filled(call, &described);
                    // Conditions of tests are conjunctions of equations, so that this is one of
                    // those calls; should that change, none is made rather than a wrong one.
                    if described.holds(&call) {
                        calls.push(call);
                    }
                }
            }
        }
        Ok((calls, expected))
    }
}

/// The call with the values that equations ask for.
fn filled(mut call: SeccompData, described: &Condition) -> SeccompData {
    let equations = match described.view() {
        View::All(list) => list,
        _ => std::slice::from_ref(described),
    };
    for equation in equations {
        let View::Compare(comparison) = equation.view() else { continue };
        let index = (0..call.args.len())
            .find(|index| callgate_policy::Field::arg(*index) == Ok(comparison.field()));
        if let (Some(index), Operator::Eq) = (index, comparison.operator()) {
            let open = call.args[index] & !comparison.mask();
            call.args[index] = open | comparison.value();
        }
    }
    call
}
