//! The structures of `seccomp.h` that cross the boundary.

use std::mem::{align_of, offset_of, size_of};

use callgate_scmp::ArgCmp;
use libc::c_uint;

/// The version of the library.
#[expect(clippy::exhaustive_structs, reason = "the layout of the C structure will not change")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct scmp_version {
    /// 2.
    pub major: c_uint,
    /// 6.
    pub minor: c_uint,
    /// 1.
    pub micro: c_uint,
}

/// A comparison of one argument. The operator is an `enum` in C and any integer here.
#[expect(clippy::exhaustive_structs, reason = "the layout of the C structure will not change")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct scmp_arg_cmp {
    /// The index of the argument.
    pub arg: c_uint,
    /// The operator.
    pub op: c_uint,
    /// The value; for MASKED_EQ the mask.
    pub datum_a: u64,
    /// For MASKED_EQ the value.
    pub datum_b: u64,
}

const _: () = {
    assert!(size_of::<scmp_version>() == 12);
    assert!(size_of::<scmp_arg_cmp>() == 24);
    assert!(align_of::<scmp_arg_cmp>() == align_of::<u64>());
    assert!(offset_of!(scmp_arg_cmp, op) == 4);
    assert!(offset_of!(scmp_arg_cmp, datum_a) == 8);
    assert!(offset_of!(scmp_arg_cmp, datum_b) == 16);
};

impl From<scmp_arg_cmp> for ArgCmp {
    fn from(c: scmp_arg_cmp) -> Self {
        Self { arg: c.arg, op: c.op, datum_a: c.datum_a, datum_b: c.datum_b }
    }
}
