//! The kernel's side: attaching filters, and calls under them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::contender::{compile, succeed};

/// A call that is made to see how long it takes, and the errno with which it has to fail: 0 for success.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) number: u32,
    pub(crate) args: [u64; 2],
    pub(crate) errno: i64,
}

/// The program that asks the kernel.
pub(crate) struct Kernel(PathBuf);

impl Kernel {
    pub(crate) fn build(folder: &Path) -> Result<Self, String> {
        compile("kernel.c", &folder.join("kernel"), &[]).map(Self)
    }

    /// The times to attach filters, in microseconds, and of a call under them, in nanoseconds.
    pub(crate) fn measure(
        &self,
        programs: &[PathBuf],
        call: Call,
        children: usize,
    ) -> Result<(f64, f64), String> {
        let mut command = Command::new(&self.0);
        command.arg(children.to_string()).arg(call.number.to_string());
        command.args(call.args.map(|arg| arg.to_string())).args(programs);
        let text = succeed(&mut command).map_err(|_| "refused by the kernel".to_owned())?;
        let words: Result<Vec<i64>, _> = text.split_whitespace().map(str::parse).collect();
        match words.as_deref() {
            Ok(&[attached, called, errno]) if errno == call.errno => {
                Ok((number(attached) / 1e3, number(called)))
            }
            Ok(&[_, _, errno]) => Err(format!(
                "call {} ended with errno {errno} instead of {}",
                call.number, call.errno
            )),
            _ => Err(format!("{command:?} says {text:?}")),
        }
    }
}

fn number(nanoseconds: i64) -> f64 {
    i32::try_from(nanoseconds).map_or(f64::NAN, f64::from)
}
