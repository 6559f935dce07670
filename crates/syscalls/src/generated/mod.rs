//! The generated tables. The files beside this one are made by `cargo xtask codegen` from `data/`.

#[rustfmt::skip]
pub(crate) mod arches;
#[rustfmt::skip]
pub(crate) mod errnos;
#[rustfmt::skip]
pub mod names;
#[rustfmt::skip]
pub(crate) mod signatures;
#[rustfmt::skip]
pub(crate) mod tables;
