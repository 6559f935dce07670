//! What profiles are resolved against unless the caller says otherwise: the machine this runs on.

use callgate_formats::Options;
use callgate_policy::Arch;

use crate::Error;

/// The options that resolve a profile for this machine: its architecture, its running kernel, and
/// Docker's default set of capabilities.
///
/// # Errors
/// [`Error::NativeUnknown`], or [`Error::Kernel`] where the kernel does not say its version.
///
/// # Examples
/// ```
/// use callgate::{Filter, this_machine};
/// use callgate::profiles::Profile;
///
/// let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
///     {"names": ["read", "write", "exit_group"], "action": "SCMP_ACT_ALLOW"}]}"#;
/// let resolved = Profile::parse(text.as_bytes(), "profile.json")?.resolve(&this_machine()?)?;
/// let filter = Filter::from_profile(&resolved)?;
/// assert!(filter.program().len() < 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn this_machine() -> Result<Options, Error> {
    let native = Arch::native().ok_or(Error::NativeUnknown)?;
    Ok(Options::new(native, callgate_kernel::running_kernel()?))
}
