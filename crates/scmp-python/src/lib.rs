//! The native half of the Python module `seccomp`: the names, values and exceptions of libseccomp's
//! Python binding.
//!
//! `python/seccomp/__init__.py` gives these names to Python, and adds a friendlier layer that is
//! written in Python. Functions here convert, call one function of `scmp`, `process` or `kernel`,
//! and convert back.
#![expect(clippy::needless_pass_by_value, reason = "what Python hands over is owned")]

mod arch;
mod argument;
mod attribute;
mod error;
mod export;
mod filter;
mod notify;
mod number;

use pyo3::prelude::*;

/// libseccomp's Python binding on callgate.
#[pymodule]
#[pyo3(name = "_native")]
mod native {
    use callgate_scmp::{ApiLevel, Number, Token, VERSION, resolve_name_rewrite, resolve_number};
    use callgate_syscalls::Action;
    use pyo3::exceptions::{PyTypeError, PyValueError};
    use pyo3::prelude::*;
    use pyo3::types::{PyBytes, PyString};

    #[pymodule_export]
    use crate::arch::Arch;
    #[pymodule_export]
    use crate::argument::Arg;
    #[pymodule_export]
    use crate::attribute::Attr;
    #[pymodule_export]
    use crate::error::LibraryError;
    #[pymodule_export]
    use crate::filter::SyscallFilter;
    #[pymodule_export]
    use crate::notify::{Notification, NotificationAddfd, NotificationResponse};

    use crate::arch::architecture;
    use crate::number;

    /// `SECCOMP_RET_ERRNO`.
    const ERRNO_WORD: u32 = 0x0005_0000;

    /// Negative, as libseccomp's binding has it.
    #[pymodule_export]
    const KILL_PROCESS: i32 = i32::MIN;
    #[pymodule_export]
    const KILL: u32 = Action::KILL_THREAD.raw();
    #[pymodule_export]
    const TRAP: u32 = Action::trap(0).raw();
    #[pymodule_export]
    const LOG: u32 = Action::LOG.raw();
    #[pymodule_export]
    const ALLOW: u32 = Action::ALLOW.raw();
    #[pymodule_export]
    const NOTIFY: u32 = Action::USER_NOTIFY.raw();

    #[pymodule_export]
    const NE: u32 = 1;
    #[pymodule_export]
    const LT: u32 = 2;
    #[pymodule_export]
    const LE: u32 = 3;
    #[pymodule_export]
    const EQ: u32 = 4;
    #[pymodule_export]
    const GE: u32 = 5;
    #[pymodule_export]
    const GT: u32 = 6;
    #[pymodule_export]
    const MASKED_EQ: u32 = 7;

    /// The release of libseccomp whose interface this is.
    #[pymodule_export]
    const VERSION_INFO: (u32, u32, u32) = VERSION;

    /// The action that makes a syscall fail with an errno.
    #[pyfunction]
    #[pyo3(name = "ERRNO")]
    fn errno(errno: u16) -> u32 {
        // Whether the kernel returns a value that large is for the rule to say.
        Action::from_raw(ERRNO_WORD | u32::from(errno)).raw()
    }

    /// The action that asks a tracer, who sees the value.
    #[pyfunction]
    #[pyo3(name = "TRACE")]
    fn trace(value: u16) -> u32 {
        Action::trace(value).raw()
    }

    /// The token of the architecture that this process runs on.
    #[pyfunction]
    fn system_arch() -> PyResult<u32> {
        let native =
            callgate_scmp_process::native().map_err(|error| crate::error::library(&error))?;
        Ok(Token::of(native).raw())
    }

    /// The number of a syscall's name on an architecture, -1 if there is none; or the name of a
    /// number, as bytes.
    #[pyfunction]
    fn resolve_syscall<'py>(
        arch: &Bound<'py, PyAny>,
        syscall: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (arch, python) = (architecture(arch)?, syscall.py());
        if let Some(name) = number::text(syscall)? {
            let found = resolve_name_rewrite(arch, &name).unwrap_or(Number::ERROR);
            return Ok(found.raw().into_pyobject(python)?.into_any());
        }
        let Ok(raw) = syscall.extract::<i32>() else {
            return Err(PyTypeError::new_err("a syscall is a name or a number"));
        };
        let name = resolve_number(arch, Number::new(raw))
            .ok_or_else(|| PyValueError::new_err(format!("{arch} has no syscall {raw}")))?;
        Ok(PyBytes::new(python, name.as_bytes()).into_any())
    }

    /// The API level: what the kernel supports, 1 to 7.
    #[pyfunction]
    fn get_api() -> u32 {
        callgate_scmp_process::level()
    }

    /// Assumes a kernel of that API level.
    #[pyfunction]
    fn set_api(level: u32) -> PyResult<()> {
        let level = ApiLevel::new(level).map_err(|e| PyValueError::new_err(e.to_string()))?;
        callgate_scmp_process::assume(level);
        Ok(())
    }

    /// A text as the bytes that C sees.
    #[pyfunction]
    fn c_str<'py>(text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        if let Ok(bytes) = text.cast::<PyBytes>() {
            return Ok(bytes.clone());
        }
        Ok(PyBytes::new(text.py(), text.cast::<PyString>()?.to_cow()?.as_bytes()))
    }
}
