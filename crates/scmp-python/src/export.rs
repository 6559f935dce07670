//! Writing to Python's files.

use callgate_scmp::{Attribute, Context, code};
use callgate_syscalls::Errno;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error;

/// Writes everything to the descriptor of a file object, past its buffer as libseccomp does.
pub(crate) fn write_all(
    context: &Context,
    file: &Bound<'_, PyAny>,
    mut bytes: &[u8],
) -> PyResult<()> {
    let python = file.py();
    let descriptor = file.call_method0("fileno")?;
    let write = python.import("os")?.getattr("write")?;
    while !bytes.is_empty() {
        let written = write.call1((&descriptor, PyBytes::new(python, bytes)));
        let written: usize =
            written.map_err(|refused| refusal(python, context, refused))?.extract()?;
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// An `OSError` as the library reports it, with the original as its cause.
fn refusal(python: Python<'_>, context: &Context, cause: PyErr) -> PyErr {
    if !cause.is_instance_of::<PyOSError>(python) {
        return cause;
    }
    let raw = context.attr(Attribute::ApiSysRawRc).is_ok_and(|value| value != 0);
    let errno = cause.value(python).getattr("errno").and_then(|errno| errno.extract::<u16>());
    let errno = match errno {
        Ok(errno) if raw => Errno::new(errno),
        _ => code::ECANCELED,
    };
    let error = error::with_reason(errno, &cause.to_string());
    error.set_cause(python, Some(cause));
    error
}
