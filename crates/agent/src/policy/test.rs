//! Conditions on arguments.

use callgate_formats::oci::Arg;
use callgate_formats::{OperatorName, WidthName};
use callgate_policy::Operator;
use callgate_syscalls::{Arch, SeccompData};

/// A condition on an argument, as filters of container profiles have it: without signs, and on the
/// low half where the architecture has no other or the condition says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ArgTest {
    argument: usize,
    mask: u64,
    operator: Operator,
    value: u64,
    low32: bool,
}

impl ArgTest {
    /// Takes a condition over from the file.
    pub(crate) fn new(arg: &Arg) -> Result<Self, String> {
        let (mask, operator, value) = match arg.op {
            OperatorName::MaskedEq => (arg.value, Operator::Eq, arg.value_two),
            OperatorName::Eq => (u64::MAX, Operator::Eq, arg.value),
            OperatorName::Ne => (u64::MAX, Operator::Ne, arg.value),
            OperatorName::Lt => (u64::MAX, Operator::Lt, arg.value),
            OperatorName::Le => (u64::MAX, Operator::Le, arg.value),
            OperatorName::Gt => (u64::MAX, Operator::Gt, arg.value),
            OperatorName::Ge => (u64::MAX, Operator::Ge, arg.value),
            other => return Err(format!("{other:?} is an operator that the agent does not know")),
        };
        let argument = usize::from(arg.index.raw());
        Ok(Self { argument, mask, operator, value, low32: arg.width == Some(WidthName::Bits32) })
    }

    /// Whether it holds for a call of an architecture.
    pub(crate) fn holds(&self, call: &SeccompData, arch: Arch) -> bool {
        let half = self.low32 || arch.word_bits() == 32;
        let mask = self.mask & if half { u32::MAX.into() } else { u64::MAX };
        self.operator.holds(call.args[self.argument] & mask, self.value & mask)
    }
}

#[cfg(test)]
mod tests {
    use callgate_formats::json::Document;
    use callgate_rules::Source;
    use callgate_syscalls::SyscallNr;

    use super::*;

    fn holds(condition: &str, argument: u64, arch: Arch) -> bool {
        let document = Document::parse(Source::new("p", condition).unwrap()).unwrap();
        let arg = Arg::read(document.root()).unwrap();
        let call = SeccompData::new(arch, SyscallNr::new(0)).with_args([0, argument, 0, 0, 0, 0]);
        ArgTest::new(&arg).unwrap().holds(&call, arch)
    }

    #[test]
    fn arguments_are_compared_as_filters_do() {
        const HIGH: u64 = 1 << 32;
        let eq = r#"{"index": 1, "value": 7, "op": "SCMP_CMP_EQ"}"#;
        assert!(holds(eq, 7, Arch::X86_64) && !holds(eq, 7 | HIGH, Arch::X86_64));
        assert!(holds(eq, 7 | HIGH, Arch::X86));
        let low = r#"{"index": 1, "value": 7, "op": "SCMP_CMP_EQ", "width": 32}"#;
        assert!(holds(low, 7 | HIGH, Arch::X86_64));
        let masked = r#"{"index": 1, "value": 6, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}"#;
        assert!(holds(masked, 3, Arch::X86_64) && !holds(masked, 7, Arch::X86_64));
        let above = r#"{"index": 1, "value": 7, "op": "SCMP_CMP_GT"}"#;
        assert!(holds(above, u64::MAX, Arch::X86_64), "numbers have no sign");
    }
}
