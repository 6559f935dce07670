//! Compiles the application's filter for the target and proves it. A filter that is not proved
//! fails the build.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use callgate::{Arch, Errno, Filter, arg, names};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    // The machine that builds may be another one.
    let target: Arch = env::var("CARGO_CFG_TARGET_ARCH")?.parse()?;
    let filter = Filter::builder(callgate::Action::ALLOW)
        .arches([target])
        .answer(Errno::EPERM.action(), [names::UNSHARE, names::SETNS, names::PTRACE])
        .rule(names::SOCKET, !arg("family").eq(1), Errno::EACCES.action()) // AF_UNIX
        .build()?;
    let path = PathBuf::from(env::var("OUT_DIR")?).join("filter.rs");
    fs::write(path, filter.to_rust("FILTER", target.endian()))?;
    Ok(())
}
