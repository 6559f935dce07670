//! What is made by `cargo xtask codegen` from `data/`.

#[rustfmt::skip]
#[expect(non_upper_case_globals, reason = "the names are those in C")]
pub mod consts;
