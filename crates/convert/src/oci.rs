//! The profiles of container runtimes.

use callgate_formats::{Exported, Options, Profile};
use callgate_policy::{Action, Policy};
use callgate_raise::{Raised, Test};
use callgate_syscalls::{Arch, KernelVersion, Name};

use crate::lines;
use crate::printer::Printer;

/// OCI's `linux.seccomp`, which engines take as their own.
pub(crate) struct Oci;

impl Printer for Oci {
    fn says(&self, arch: Arch, _name: Option<Name>, test: &Test) -> bool {
        Exported::says(arch, test)
    }

    fn repeats(&self) -> bool {
        false
    }

    fn has_action(&self, action: Action) -> bool {
        Exported::has_action(action)
    }

    fn print(&self, raised: &Raised, meant: &Policy) -> Result<String, String> {
        let exported = Exported::of(raised, meant).map_err(lines::inexpressible)?;
        json(&exported.seccomp)
    }

    fn read(&self, text: &str, meant: &Policy) -> Result<Policy, String> {
        let options = Options::new(lines::native(meant), KernelVersion::new(u8::MAX, u8::MAX));
        let resolved = Profile::parse(text.as_bytes(), "profile")
            .and_then(|profile| profile.resolve(&options));
        resolved.map(|resolved| resolved.policy).map_err(|error| error.to_string())
    }
}

/// A value as JSON in lines.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, String> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(|error| error.to_string())
}
