//! Numbers and texts as Python hands them over.

use callgate_scmp::{Number, resolve_name};
use callgate_syscalls::{Action, Arch};
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// An action word. `KILL_PROCESS` is negative in Python, and may come back either way.
pub(crate) fn action(value: i64) -> PyResult<Action> {
    Ok(Action::from_raw(word(value, "an action")?))
}

/// 32 bits, written as a signed or an unsigned number.
pub(crate) fn word(value: i64, what: &str) -> PyResult<u32> {
    let signed = i32::try_from(value).map(|signed| u32::from_ne_bytes(signed.to_ne_bytes()));
    signed.or_else(|_| u32::try_from(value)).map_err(|_| {
        PyOverflowError::new_err(format!("{value} does not fit in the 32 bits of {what}"))
    })
}

/// A syscall by name or number; -1, which the library refuses, for a name that nobody has.
pub(crate) fn syscall(native: Arch, value: &Bound<'_, PyAny>) -> PyResult<Number> {
    if let Some(name) = text(value)? {
        return Ok(resolve_name(native, &name).unwrap_or(Number::ERROR));
    }
    let number = value.extract::<i32>().map(Number::new);
    number.map_err(|_| PyTypeError::new_err("a syscall is a name or a number"))
}

/// The text of a `str` or `bytes`; nothing for other types.
pub(crate) fn text(value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Some(text.to_cow()?.into_owned()));
    }
    let bytes = value.cast::<PyBytes>().ok();
    Ok(bytes.map(|bytes| String::from_utf8_lossy(bytes.as_bytes()).into_owned()))
}
