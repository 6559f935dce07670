//! The forms in which sandboxes write their syscall filters.
//!
//! [`detect()`] finds out which form a text has, and [`read()`] reads it: each form as its own tool
//! means it, with places, limits and near names. What was read is [`Written`]: one policy, or one
//! for each thread, and each of them the intersection of the filters that the tool would load.
//! [`Written::lower`] makes the policy of a machine from it.
//!
//! A form is a folder: `read.rs` reads it and `write.rs` writes it. Callgate's own language, and
//! the profiles of container runtimes, have crates of their own; [`Dialect`] names them too.
#![forbid(unsafe_code)]

mod combine;
mod context;
mod detect;
mod dialect;
mod firejail;
mod kafel;
mod lxc;
mod minijail;
mod nsjail;
mod ordered;
mod pfc;
mod piece;
mod seccompiler;
mod snapd;
pub mod spo;
mod systemd;
mod tokens;
mod written;

pub use detect::detect;
pub use dialect::Dialect;
pub use firejail::{FIREJAIL_GROUPS, FIREJAIL_NAMESPACES, FIREJAIL_PROTOCOLS};
pub use kafel::kafel_name;
pub use snapd::NEGATIVE_IN_32_BITS;
pub use systemd::{SYSTEMD_NAMESPACES, SYSTEMD_SWITCHES, drop_ins};
pub use written::{
    Exactness, Layer, LayerArches, Loader, Lowered, Options, Order, Part, Refused, Written, X32,
};

use callgate_rules::{Code, Diagnostic, Source, SourceError, Sources};

/// Reads a text in a form: the first of the sources, and of a unit its drop-ins behind it. Files
/// that it includes are asked for.
///
/// # Errors
/// What is wrong with it, with places. [`Dialect::Gate`], [`Dialect::Docker`], [`Dialect::Oci`] and
/// [`Dialect::Spo`] are read by the crates `gate` and `formats`.
pub fn read<'l>(
    dialect: Dialect,
    options: Options,
    sources: impl Into<Sources>,
    load: &'l mut Loader<'l>,
) -> Result<Written, Refused> {
    let context = context::Context::new(dialect, options, sources.into(), load);
    match dialect {
        Dialect::Gate | Dialect::Docker | Dialect::Oci | Dialect::Spo => {
            let message = format!("{} has a reader of its own", dialect.title());
            let error = Diagnostic::error(Code::new(context::code::MEANING), message);
            Err(Refused { sources: context.sources, diagnostics: vec![error] })
        }
        Dialect::Firejail => firejail::read(context),
        Dialect::Kafel => kafel::read(context),
        Dialect::Nsjail => nsjail::read(context),
        Dialect::Systemd => systemd::read(context),
        Dialect::Lxc => lxc::read(context),
        Dialect::Snapd => snapd::read(context),
        Dialect::Pfc => pfc::read(context),
        Dialect::Minijail => minijail::read(context),
        Dialect::Seccompiler => seccompiler::read(context),
    }
}

/// Refuses to include, for texts that are no files.
///
/// # Errors
/// Always.
pub fn nothing(path: &str, including: &str) -> Result<Source, SourceError> {
    let reason = format!("{including} is not a file, so there is no folder to include from");
    Err(SourceError::Unreadable { name: path.to_owned(), reason })
}
