//! `seccomp_version`, `seccomp_api_get`, `seccomp_api_set`.

use callgate_scmp::{ApiLevel, VERSION};
use callgate_scmp_process as process;
use libc::{c_int, c_uint};

use crate::entry;
use crate::layout::scmp_version;

static RELEASE: scmp_version =
    scmp_version { major: VERSION.0, minor: VERSION.1, micro: VERSION.2 };

/// The version of libseccomp whose interface this is. Never NULL.
///
/// # References
/// seccomp_version(3).
#[unsafe(no_mangle)]
pub extern "C" fn seccomp_version() -> *const scmp_version {
    &raw const RELEASE
}

/// The API level of the running kernel, or the one that was set: 1 to 7.
///
/// # References
/// seccomp_api_get(3).
#[unsafe(no_mangle)]
pub extern "C" fn seccomp_api_get() -> c_uint {
    entry::guarded(|| Ok(process::level())).unwrap_or(ApiLevel::MIN.into())
}

/// Sets the API level: what the library assumes of the kernel.
///
/// # References
/// seccomp_api_set(3).
#[unsafe(no_mangle)]
pub extern "C" fn seccomp_api_set(level: c_uint) -> c_int {
    entry::code(|| {
        process::assume(ApiLevel::new(level)?);
        Ok(0)
    })
}
