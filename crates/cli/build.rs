//! Compiles and proves the filters of the embedded profiles for the machine that the command is built for, so that
//! `callgate run` has nothing left to do but to load them. A filter that is not proved fails the build.
//!
//! What a profile means also depends on the kernel it is read for: there is a filter for every stretch of kernels between
//! which no rule comes or goes. `src/prepared.rs` chooses among them.
//!
//! Claim: C-PROVED
//!
//! The command also gets its own copy of the unwinder, as the C library does.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use callgate::gate::{Builtin, Written, builtins};
use callgate::rules::Target;
use callgate::{Arch, Endian, Filter, KernelVersion};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(folder.join("prepared.rs"), prepared(target()?)?)?;
    own_unwinder(&folder)?;
    Ok(())
}

/// The architecture that the command is built for. None where cargo's words for it leave two, as for the byte orders of
/// MIPS: the command then does at its start what is not done here.
fn target() -> Result<Option<Arch>, env::VarError> {
    let arch = env::var("CARGO_CFG_TARGET_ARCH")?.parse::<Arch>().ok();
    let endian = match env::var("CARGO_CFG_TARGET_ENDIAN")?.as_str() {
        "big" => Endian::Big,
        _ => Endian::Little,
    };
    Ok(arch.filter(|arch| arch.endian() == endian))
}

/// The source of the table of filters, with the programs that it refers to.
fn prepared(target: Option<Arch>) -> Result<String, Box<dyn Error>> {
    let (mut programs, mut rows) = (String::new(), String::new());
    for (arch, profile) in target.iter().flat_map(|arch| builtins().iter().map(move |p| (*arch, p)))
    {
        let written = profile.read()?;
        for since in kernels(&written) {
            let name = format!("FILTER_{}", rows.lines().count());
            let filter = proved(*profile, &written, arch, since)?;
            programs.push_str(&filter.to_rust(&name, arch.endian()));
            let KernelVersion { major, minor } = since;
            writeln!(
                rows,
                "    Prepared {{ profile: {:?}, arch: Arch::{arch:?}, since: KernelVersion::new({major}, {minor}), \
                 program: &{name} }},",
                profile.name
            )?;
        }
    }
    Ok(format!("{programs}pub(super) const ALL: &[Prepared] = &[\n{rows}];\n"))
}

/// The first kernel of each stretch in which no statement comes or goes.
fn kernels(written: &Written) -> BTreeSet<KernelVersion> {
    let named = written.rules.rules.iter().map(|rule| &rule.applies);
    let named = named.flat_map(|at| at.kernel_from.into_iter().chain(at.kernel_before));
    std::iter::once(KernelVersion::new(0, 0)).chain(named).collect()
}

fn proved(
    profile: Builtin,
    written: &Written,
    arch: Arch,
    kernel: KernelVersion,
) -> Result<Filter, Box<dyn Error>> {
    let header = &written.rules.header;
    if !header.flags.is_empty() || header.listener.is_some() {
        let name = profile.name;
        return Err(format!("{name} has flags or a listener, which would be lost here").into());
    }
    Ok(Filter::from_text(written, &Target { kernel: Some(kernel), ..Target::new(arch) })?)
}

/// Gives the command its own copy of the unwinder, for which it would ask for `libgcc_s.so.1`: see
/// `crates/scmp-capi/build.rs`.
fn own_unwinder(folder: &Path) -> io::Result<()> {
    if env::var_os("CARGO_CFG_TARGET_ENV").is_some_and(|env| env == "gnu") {
        fs::write(folder.join("libgcc_s.so"), "INPUT(-lgcc_eh)\n")?;
        println!("cargo::rustc-link-arg-bins=-L{}", folder.display());
    }
    Ok(())
}
