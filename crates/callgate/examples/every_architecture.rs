//! One policy for a kernel's three x86 ABIs and two Arm ones: names resolve on each, and the
//! program is proved on all.
//!
//! `cargo run -p callgate --example every_architecture`
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::error::Error;

use callgate::{Action, Arch, Errno, Filter, KernelVersion, SeccompData, arg, names};

fn main() -> Result<(), Box<dyn Error>> {
    let arches = [Arch::X86_64, Arch::X86, Arch::X32, Arch::Aarch64, Arch::Arm];
    let filter = Filter::builder(Errno::EPERM.action())
        .arches(arches)
        .foreign(Action::KILL_PROCESS)
        // What Linux 5.10 does not have looks missing, as it does on Linux 5.10.
        .unknown(KernelVersion::new(5, 10), Errno::ENOSYS.action())
        .allow([names::READ, names::WRITE, names::OPENAT, names::EXIT_GROUP])
        .rule(names::PERSONALITY, arg("personality").is_in([0, 8]), Action::ALLOW)
        .build()?;

    println!("{} instructions for {} architectures", filter.program().len(), arches.len());
    for arch in arches {
        let openat = arch.syscall(names::OPENAT).ok_or("openat is everywhere")?;
        let futex_waitv = arch.syscall(names::FUTEX_WAITV).ok_or("futex_waitv is everywhere")?;
        println!(
            "{arch}: openat is {} -> {}, futex_waitv came in {} -> {}",
            openat.nr,
            filter.decide(&SeccompData::new(arch, openat.nr)),
            futex_waitv.since,
            filter.decide(&SeccompData::new(arch, futex_waitv.nr)),
        );
    }
    Ok(())
}
