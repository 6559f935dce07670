//! What messages say of calls.

use callgate_gate::call_text;
use callgate_raise::Differing;

/// A difference with the names of the call's arguments:
/// `socket(family: 1, type: 0, protocol: 0) on x86_64 gets ERRNO(1) instead of ALLOW`.
#[must_use]
pub fn difference_text(found: &Differing) -> String {
    let Some(arch) = found.arch else { return found.to_string() };
    let call = call_text(arch, &found.witness);
    format!("{call} on {arch} gets {} instead of {}", found.read, found.meant)
}
