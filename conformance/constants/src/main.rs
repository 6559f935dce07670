//! `cargo xtask conformance constants`: each constant on twelve architectures against the headers
//! that C programs are compiled with there, by this machine's compiler and six that compile for
//! others.
//!
//! Nothing is run: a C program asserts each value, and the compiler says which assertions fail and
//! which names its headers do not have. Some programs have the kernel's headers, one has the C
//! library's. With `--headers FOLDER` the kernel's are those of Debian's package `linux-libc-dev`
//! that is unpacked there: of the release that the constants are of, which this machine's may not be.
//!
//! Claim: C-CONSTANTS
#![forbid(unsafe_code)]

mod compiler;

use std::path::Path;

use callgate_facts::Constant;
use house::{Request, timed};

use compiler::{Compiler, Told};

/// How many constants each architecture's headers must know for the comparison to count.
const FLOOR: usize = 2_000;

/// Names that the C library gives another value than the kernel's headers do: it has no small files
/// on 64-bit architectures and on x32, its `__O_TMPFILE` is the kernel's `O_TMPFILE`, on PowerPC
/// its `struct termios`, whose size is a part of these numbers, is not the kernel's, and on MIPS
/// its `MAP_RENAME` is `MAP_ANONYMOUS`.
const LIBRARY_DIFFERS: &[&str] = &[
    "F_GETLK64",
    "F_SETLK64",
    "F_SETLKW64",
    "MAP_RENAME",
    "O_LARGEFILE",
    "TCGETS",
    "TCSETS",
    "TCSETSF",
    "TCSETSW",
    "__O_TMPFILE",
];

/// Numbers that this machine's headers may have of an older release: a structure whose size is a
/// part of them has grown since (Linux 6.6 and 6.16, include/uapi/drm/drm.h).
const GREW: &[&str] = &[
    "DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE",
    "DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD",
    "DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT",
    "DRM_IOCTL_SYNCOBJ_WAIT",
];

fn main() -> std::process::ExitCode {
    house::main("conformance constants", run)
}

/// Compares all architectures; the first constant that differs is an error.
fn run(args: &[String]) -> Result<(), String> {
    let (folder, others) = match args {
        [option, folder, others @ ..] if option == "--headers" => (Some(Path::new(folder)), others),
        others => (None, others),
    };
    Request::parse(others)?;
    if let Some(folder) = folder.filter(|folder| !folder.join("usr/include/linux").is_dir()) {
        return Err(format!("--headers {}: it has no usr/include/linux", folder.display()));
    }
    for compiler in compiler::ALL {
        timed(compiler.arch.name(), || compare(compiler, folder))?;
    }
    Ok(())
}

fn compare(compiler: &Compiler, folder: Option<&Path>) -> Result<String, String> {
    let constants: Vec<(Constant, i64)> = Constant::all()
        .filter_map(|constant| Some((constant, constant.on(compiler.arch)?)))
        .collect();
    let kernel = compiler.ask(folder, compiler::KERNEL, &constants)?;
    let library = compiler.ask(folder, compiler::LIBRARY, &constants)?;
    let mut asked = 0;
    let mut wrong = Vec::new();
    for ((constant, value), answers) in constants.iter().zip(kernel.iter().zip(&library)) {
        let differs = match answers {
            (Told::Differs, _) => folder.is_some() || !GREW.contains(&constant.name()),
            (_, Told::Differs) => !LIBRARY_DIFFERS.contains(&constant.name()),
            _ => false,
        };
        if differs {
            wrong.push(format!("{constant} is not {value:#x}: {answers:?} (kernel, library)"));
        }
        asked += usize::from(answers != (&Told::Unknown, &Told::Unknown));
    }
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    let count = |answers: &[Told]| answers.iter().filter(|a| **a == Told::Equal).count();
    if asked < FLOOR {
        return Err(format!("the headers have {asked} of {} constants only", constants.len()));
    }
    Ok(format!(
        "{asked} of {} constants equal ({} in the kernel's headers, {} in the C library's); {} unknown to both",
        constants.len(),
        count(&kernel),
        count(&library),
        constants.len() - asked
    ))
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::Arch;

    use super::*;

    #[test]
    fn architectures_are_compared_once() {
        let arches: std::collections::BTreeSet<Arch> =
            compiler::ALL.iter().map(|compiler| compiler.arch).collect();
        assert_eq!(arches.len(), compiler::ALL.len());
        assert_eq!(arches.len(), 12);
    }
}
