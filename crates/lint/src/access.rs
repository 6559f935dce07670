//! Files that may not be opened to write, and are opened to read and write.

use callgate_facts::Constants;
use callgate_syscalls::{Arch, Name};

use crate::finding::{Draft, Findings};
use crate::ground::{Ground, arg_bits, constant};

/// O_ACCMODE.
const MODE: u64 = 3;

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    for arch in ground.arches.clone() {
        for (name, mut arguments) in ground.tested(arch) {
            if let Some(index) = arguments.find(|index| opens(arch, name, *index)) {
                read_and_write(ground, findings, (arch, name), index);
            }
        }
    }
}

/// Whether an argument holds the flags of `open`, whatever the others are.
fn opens(arch: Arch, name: Name, index: usize) -> bool {
    let mut usages = Constants::of_register(arch, name, index);
    usages.any(|usage| usage.condition.is_none() && usage.constants.name() == "open-flags")
}

/// How files are opened is a number in two bits and no flags: O_RDWR has not the bit of O_WRONLY.
fn read_and_write(
    ground: &mut Ground<'_>,
    findings: &mut Findings,
    (arch, name): (Arch, Name),
    index: usize,
) {
    let (Some(write), Some(both)) = (constant("O_WRONLY", arch), constant("O_RDWR", arch)) else {
        return;
    };
    let writes = arg_bits(index, MODE, write);
    let Some(refused) = ground.refused_for(arch, name, &[index], &writes) else { return };
    let mut made_with = |mode: u64| {
        let mut call = refused.1;
        call.args[index] = call.args[index] & !MODE | mode;
        let action = ground.decide(&call).filter(|action| action.kind().executes())?;
        Some((action, call))
    };
    // Where nobody may read either, something else is meant than to keep from writing.
    let (Some(_), Some(made)) = (made_with(0), made_with(both)) else { return };
    let message =
        format!("{name} is refused with O_WRONLY, and made with O_RDWR, which writes as well");
    findings.add(ground, Draft::of("L0412", name, message).on(arch).show(made).show(refused));
}
