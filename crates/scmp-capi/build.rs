//! Gives the shared library its SONAME, the name under which programs look for it at run time, and
//! its own copy of the unwinder.
//!
//! Rust's standard library asks for `libgcc_s.so.1`. A program in C that links libseccomp has no
//! other need of that, and finding and mapping it takes longer than all else at its start. The
//! compiler has the same code as a static library; a linker script of the shared one's name leads
//! there, because folders named here are searched before the compiler's own. Panics are thrown and
//! caught inside this library, so that two unwinders in a process never meet.
//!
//! Each segment that the loader has to map costs a twentieth of a load. GNU's linker can put all
//! that is never written in one segment and all that is in another, where Rust's own makes four;
//! data that is read only can be executed then, as it could in every library of before 2018.

use std::path::PathBuf;
use std::{env, fs, io};

const SCRIPT: &str = "INPUT(-lgcc_eh)\n";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libseccomp.so.2");
    if env::var_os("CARGO_CFG_TARGET_ENV").is_some_and(|env| env == "gnu") {
        let folder = env::var_os("OUT_DIR").map(PathBuf::from).ok_or(io::ErrorKind::NotFound)?;
        fs::write(folder.join("libgcc_s.so"), SCRIPT)?;
        println!("cargo::rustc-cdylib-link-arg=-L{}", folder.display());
        println!("cargo::rustc-cdylib-link-arg=-fuse-ld=bfd");
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,noseparate-code");
    }
    Ok(())
}
