//! What a compiler for an architecture would define, so that the host's can read the architecture's
//! headers.
//!
//! Only the preprocessor and constant expressions are used, so a data model and the macros that
//! headers ask for make a target: `-m64` and `-m32` give the sizes, `-malign-double` and a packing
//! give the alignments.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::facts::Table;

/// The data model and the macros of each table.
const TARGETS: &[(&str, &[&str])] = &[
    ("x86", &["-m32", "-D__i386__"]),
    ("x86_64", &["-m64", "-D__x86_64__", "-D__LP64__"]),
    ("x32", &["-m32", "-malign-double", "-D__x86_64__", "-D__ILP32__"]),
    ("arm", &["-m32", "-malign-double", "-D__arm__", "-D__ARM_EABI__"]),
    ("aarch64", &["-m64", "-D__aarch64__", "-D__LP64__"]),
    ("loongarch64", &["-m64", "-D__loongarch__", "-D__loongarch_lp64"]),
    ("m68k", &["-m32", "-fpack-struct=2", "-D__m68k__", "-D__mc68000__"]),
    ("mips", &["-m32", "-malign-double", "-D__mips__", "-D__MIPSEB__", "-D_MIPS_SIM=1"]),
    ("mips64", &["-m64", "-D__mips__", "-D__mips64", "-D__MIPSEB__", "-D_MIPS_SIM=3"]),
    (
        "mips64n32",
        &["-m32", "-malign-double", "-D__mips__", "-D__mips64", "-D__MIPSEB__", "-D_MIPS_SIM=2"],
    ),
    ("parisc", &["-m32", "-malign-double", "-D__hppa__"]),
    ("parisc64", &["-m64", "-D__hppa__", "-D__LP64__"]),
    ("ppc", &["-m32", "-malign-double", "-D__powerpc__", "-D__BIG_ENDIAN__"]),
    ("ppc64", &["-m64", "-D__powerpc__", "-D__powerpc64__", "-D__BIG_ENDIAN__"]),
    ("riscv64", &["-m64", "-D__riscv", "-D__riscv_xlen=64"]),
    ("s390", &["-m32", "-malign-double", "-D__s390__"]),
    ("s390x", &["-m64", "-D__s390__", "-D__s390x__"]),
    ("sh", &["-m32", "-malign-double", "-D__sh__", "-D__LITTLE_ENDIAN__"]),
];

/// What the headers of a kernel tree ask for before they are installed.
const COMMON: &[&str] = &[
    "-nostdinc",
    "-undef",
    "-std=gnu11",
    "-w",
    "-D__linux__",
    "-D__GNUC__=12",
    "-D__GNUC_MINOR__=2",
    "-D__user=",
    "-D__force=",
    "-D__iomem=",
    "-D__attribute_const__=",
    // The C library's; where it has 64 bits on a 32-bit ABI, programs use other socket options.
    "-Dtime_t=long",
    "-Dsize_t=long",
    "-Dpid_t=int",
    "-Dloff_t=long long",
    "-D__CHAR_BIT__=8",
    "-D_ABIO32=1",
    "-D_MIPS_ISA=1",
    "-D_ABIN32=2",
    "-D_ABI64=3",
];

/// Headers within the kernel whose constants programs use: no header for programs has them.
const KERNEL: &[(&str, &[&str])] = &[
    ("socket.h", &["include/linux/socket.h", "include/linux/net.h", "arch/@/include/asm/socket.h"]),
    ("fs.h", &["include/linux/fs.h"]),
    ("splice.h", &["include/linux/splice.h"]),
    ("swap.h", &["include/linux/swap.h"]),
    ("syslog.h", &["include/linux/syslog.h"]),
    ("cacheflush.h", &["arch/@/include/asm/cacheflush.h"]),
];

/// The headers of a tree as one table's programs see them.
pub(super) struct Target<'t> {
    table: &'t Table,
    tree: PathBuf,
    /// Headers that the kernel's build would make.
    made: PathBuf,
}

impl<'t> Target<'t> {
    /// Lays out the headers that the tree lacks in the folder.
    pub(super) fn new(table: &'t Table, tree: &Path, folder: &Path) -> Result<Self, String> {
        let made = folder.join(table.name);
        let target = Self { table, tree: tree.to_owned(), made };
        for kind in ["asm", "linux", "kernel", "sys"] {
            let folder = target.made.join(kind);
            fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        for empty in [
            "linux/compiler.h",
            "linux/compiler_types.h",
            "sys/ioctl.h",
            "sys/types.h",
            "unistd.h",
            "linux/unistd.h",
        ] {
            target.write(empty, "")?;
        }
        target.write("sys/time.h", "#include <linux/time.h>\n")?;
        target.write("stdint.h", "typedef unsigned long uintptr_t;\n")?;
        target.add_generic()?;
        for (name, sources) in KERNEL {
            target.write(&format!("kernel/{name}"), &target.extract(sources))?;
        }
        Ok(target)
    }

    /// Headers that the architecture takes from `asm-generic`.
    fn add_generic(&self) -> Result<(), String> {
        for name in names(&self.tree.join("include/uapi/asm-generic"))? {
            if !self.own().join("asm").join(&name).exists() {
                self.write(&format!("asm/{name}"), &format!("#include <asm-generic/{name}>\n"))?;
            }
        }
        Ok(())
    }

    fn own(&self) -> PathBuf {
        self.tree.join("arch").join(self.table.folder).join("include/uapi")
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.made.join(name);
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// The plain definitions of headers within the kernel; those of the last header stand before
    /// all others.
    fn extract(&self, sources: &[&str]) -> String {
        let mut text = String::new();
        let mut defined = BTreeSet::new();
        for source in sources.iter().rev() {
            let path = self.tree.join(source.replace('@', self.table.folder));
            let header = fs::read_to_string(path).unwrap_or_default();
            for (name, definition) in definitions(&header) {
                if defined.insert(name) {
                    text.push_str(&definition);
                }
            }
        }
        text
    }

    /// A run of the host's compiler over a text that includes headers of this target.
    pub(super) fn compiler(&self) -> Command {
        let mut command = Command::new("cc");
        let flags = TARGETS.iter().find(|(name, _)| *name == self.table.name);
        let flags = flags.map_or(&[][..], |(_, flags)| flags);
        let (bytes, bits) = if flags.contains(&"-m64") { (8, 64) } else { (4, 32) };
        command.args(COMMON).args(flags);
        command.arg(format!("-D__SIZEOF_LONG__={bytes}"));
        command.arg(format!("-D__SIZEOF_POINTER__={bytes}"));
        command.arg(format!("-D_MIPS_SZLONG={bits}"));
        for folder in [self.made.clone(), self.own(), self.tree.join("include/uapi")] {
            command.arg("-I").arg(folder);
        }
        command.args(["-x", "c"]);
        command
    }
}

fn names(folder: &Path) -> Result<Vec<String>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// The macros of one line and the enumerations of socket types and of `shutdown`, by name.
fn definitions(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in ["enum sock_type {", "enum sock_shutdown_cmd {"] {
        if let Some(start) = header.find(name) {
            let body = &header[start..];
            let end = body.find("};").map_or(body.len(), |end| end + 2);
            found.push((name.to_owned(), format!("{}\n", &body[..end])));
        }
    }
    for line in header.lines().filter(|line| !line.ends_with('\\')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["#define", name, _, ..] = words[..]
            && !name.contains('(')
            // A name of the sockets' internals that the later definition hides.
            && !line.contains("SOCK_NOSPACE")
        {
            found.push((name.to_owned(), format!("{}\n", closed(line))));
        }
    }
    found
}

/// A line whose comment ends on it.
fn closed(line: &str) -> &str {
    line.split("/*").next().unwrap_or(line)
}
