//! The generated tables. The files beside this one are made by `cargo xtask codegen` from `data/`.

#[rustfmt::skip]
pub(crate) mod arguments;
#[rustfmt::skip]
pub(crate) mod constants;
#[rustfmt::skip]
pub(crate) mod groups;
#[rustfmt::skip]
pub(crate) mod history;
