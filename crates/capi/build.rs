//! Gives the shared library its SONAME, and makes it ask for libseccomp.
//!
//! The library calls the functions of the libseccomp that the program has, and has none of its own:
//! two in a process would each know half of its filters. It is linked without one, too, so that a
//! machine without libseccomp's development files can build it: an empty library of that SONAME
//! stands in, and the functions stay undefined until the loader finds the real one.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libcallgate.so.0");
    let folder = env::var_os("OUT_DIR").map(PathBuf::from).ok_or(io::ErrorKind::NotFound)?;
    let (source, stand_in) = (folder.join("empty.c"), folder.join("libseccomp.so.2"));
    fs::write(&source, "")?;
    // What links the library is a compiler of C, as Rust's linkers are.
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let mut link = Command::new(linker);
    link.args(["-shared", "-nostdlib", "-Wl,-soname,libseccomp.so.2", "-o"]);
    let made = link.arg(&stand_in).arg(&source).status()?.success();
    if !made {
        return Err(io::Error::other("the stand-in for libseccomp can't be linked"));
    }
    println!("cargo::rustc-cdylib-link-arg=-Wl,--no-as-needed");
    println!("cargo::rustc-cdylib-link-arg={}", stand_in.display());
    Ok(())
}
