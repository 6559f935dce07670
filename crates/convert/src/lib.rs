//! Filters written in the forms that others use.
//!
//! [`convert()`] raises a policy to rules as people write them, prints these in a form, reads the
//! text back as the form's own readers do, and proves that it means the policy. A form that lacks
//! the words is an error that names the rule and what would be lost; with [`Nearest::Stricter`] the
//! nearest policy that it can say is written instead, proved to permit no more, and the differences
//! are listed.
//!
//! A form is a file here: a printer with what the form can say, its text, and
//! the way back.
#![forbid(unsafe_code)]

mod asked;
mod c;
mod convert;
mod engine;
mod error;
mod everywhere;
mod firejail;
mod format;
mod gate;
mod kafel;
mod libseccomp;
mod lines;
mod lxc;
mod minijail;
mod oci;
mod open;
mod pfc;
mod printer;
mod rust;
mod seccompiler;
mod snapd;
mod source;
mod spo;
mod systemd;
mod words;

pub use asked::Asked;
pub use callgate_raise::{Differing, Refusal, Refusals};
pub use convert::{Converted, Nearest, WaysOut, convert, libseccomp_filter};
pub use error::NotConverted;
pub use everywhere::{Everywhere, everywhere};
pub use format::Format;
pub use libseccomp::{LibseccompArch, LibseccompFilter, LibseccompRule};
pub use open::Open;
pub use source::SourceCode;
pub use words::difference_text;
