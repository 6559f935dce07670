//! Helpers of the tests: a profile in, decisions out.

use callgate_formats::{Options, Profile, Reading, Resolved};
use callgate_syscalls::{Action, Arch, KernelVersion, Name, SeccompData, SyscallNr};

pub(crate) const EPERM: Action = Action::from_raw(0x0005_0001);
pub(crate) const ENOSYS: Action = Action::from_raw(0x0005_0026);

/// The choices on an x86_64 machine with Linux 6.12, and the kernel's reading.
pub(crate) fn options() -> Options {
    options_as(Reading::Kernel)
}

/// The same with another reading.
pub(crate) fn options_as(reading: Reading) -> Options {
    let mut options = Options::new(Arch::X86_64, KernelVersion::new(6, 12));
    options.reading = Some(reading);
    options
}

/// A large profile.
pub(crate) fn large(name: &str) -> Profile {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/profiles");
    Profile::load(format!("{folder}/{name}.json").as_ref()).unwrap()
}

/// A profile with these rules, whose default is `EPERM`.
pub(crate) fn profile(rules: &str) -> Profile {
    profile_with("\"defaultAction\": \"SCMP_ACT_ERRNO\"", rules)
}

/// A profile with these fields and rules.
pub(crate) fn profile_with(fields: &str, rules: &str) -> Profile {
    let text = format!("{{{fields}, \"syscalls\": [{rules}]}}");
    Profile::parse(text.as_bytes(), "test.json").unwrap()
}

/// A rule for one syscall; `args` are the conditions, separated by commas.
pub(crate) fn rule(action: &str, name: &str, args: &str) -> String {
    format!("{{\"names\": [\"{name}\"], \"action\": \"SCMP_ACT_{action}\", \"args\": [{args}]}}")
}

/// A condition: `arg(0, "EQ", 5)`.
pub(crate) fn arg(index: u8, op: &str, value: u64) -> String {
    format!("{{\"index\": {index}, \"value\": {value}, \"op\": \"SCMP_CMP_{op}\"}}")
}

/// The call of a syscall by name.
pub(crate) fn call(arch: Arch, name: &str, args: &[u64]) -> SeccompData {
    let name = Name::parse(name).unwrap_or_else(|| panic!("no syscall {name}"));
    let syscall = arch.syscall(name).unwrap_or_else(|| panic!("no {name} on {arch}"));
    call_nr(arch, syscall.nr.raw(), args)
}

/// The call of a syscall by number.
pub(crate) fn call_nr(arch: Arch, nr: u32, args: &[u64]) -> SeccompData {
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    SeccompData::new(arch, SyscallNr::new(nr)).with_args(all)
}

/// The decision about a call on x86_64.
pub(crate) fn decide(resolved: &Resolved, name: &str, args: &[u64]) -> Action {
    resolved.policy.decide(&call(Arch::X86_64, name, args))
}

/// The texts of the warnings.
pub(crate) fn warnings(resolved: &Resolved) -> Vec<String> {
    resolved.warnings.iter().map(ToString::to_string).collect()
}
