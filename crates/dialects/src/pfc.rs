//! The pseudo filter code that libseccomp prints.

mod read;

pub(crate) use read::read;
