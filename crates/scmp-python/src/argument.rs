//! The class `Arg`.

use callgate_scmp::ArgCmp;
use pyo3::prelude::*;

/// A comparison of an argument: `Arg(0, EQ, 1)`, or `Arg(0, MASKED_EQ, mask, value)`.
#[pyclass(module = "seccomp", frozen, subclass)]
#[derive(Debug)]
pub(crate) struct Arg(pub(crate) ArgCmp);

#[pymethods]
impl Arg {
    #[new]
    #[pyo3(signature = (arg, op, datum_a, datum_b = 0))]
    const fn new(arg: u32, op: u32, datum_a: u64, datum_b: u64) -> Self {
        Self(ArgCmp { arg, op, datum_a, datum_b })
    }

    fn __repr__(&self) -> String {
        let ArgCmp { arg, op, datum_a, datum_b } = self.0;
        format!("seccomp.Arg({arg}, {op}, {datum_a:#x}, {datum_b:#x})")
    }
}
