//! Errors of the library as exceptions.

use callgate_scmp::code;
use callgate_syscalls::Errno;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

pyo3::create_exception!(
    seccomp,
    LibraryError,
    PyRuntimeError,
    "The library refused. `errno` is the number, negative as in the text; `reason` says why."
);

/// What every failure of the library becomes: `RuntimeError("Library error (errno = -22)")`, with a
/// reason beside it.
pub(crate) fn library(error: &callgate_scmp_process::Error) -> PyErr {
    with_reason(error.errno(), &error.to_string())
}

/// As [`library`], of what a context says.
pub(crate) fn context(error: callgate_scmp::Error) -> PyErr {
    library(&error.into())
}

/// As [`context`], but `ValueError` where the library says `EINVAL`.
pub(crate) fn value(error: callgate_scmp::Error) -> PyErr {
    match error.errno() {
        code::EINVAL => PyValueError::new_err(error.to_string()),
        _ => context(error),
    }
}

/// The exception for an errno, with what can be said about it.
pub(crate) fn with_reason(errno: Errno, reason: &str) -> PyErr {
    let number = -i32::from(errno.raw());
    let error = LibraryError::new_err(format!("Library error (errno = {number})"));
    Python::attach(|python| {
        let value = error.value(python);
        match value.setattr("errno", number).and_then(|()| value.setattr("reason", reason)) {
            Ok(()) => error,
            Err(instead) => instead,
        }
    })
}
