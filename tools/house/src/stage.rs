//! `cargo xtask stage DIR`: the command and the C library, laid out as packages install them.
//!
//! Options for packagers: `--prefix PREFIX`, where the folder will be in the end (by default where
//! it is); `--libdir LIBDIR`, the folder of libraries in it (by default `lib`); `--python FOLDER`,
//! to lay out the Python module in that folder of it.
//!
//! `cargo xtask stage --headers` writes the generated headers anew, after a change of the syscall
//! tables.

mod archive;
mod layout;
mod manual;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::{build, build_command, python, root, target, tool};

use crate::library::{BESIDE_EXPORTS, EXPORTS};
use layout::Layout;

/// The file that holds the shared library, and the names that lead to it.
const SHARED: &str = "libseccomp.so.2.6.1";
const LINKS: [&str; 2] = ["libseccomp.so.2", "libseccomp.so"];

/// The binary of libseccomp's commands, the names under which it is called, and where their pages
/// are.
const TOOLS_BINARY: &str = "scmp";
const TOOLS: [&str; 5] =
    ["scmp_api_level", "scmp_arch_detect", "scmp_bpf_disasm", "scmp_bpf_sim", "scmp_sys_resolver"];
const TOOLS_PAGES: &str = "packaging/man1";

/// The folders in which shells look for completions.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/callgate"),
    ("fish", "share/fish/vendor_completions.d/callgate.fish"),
    ("zsh", "share/zsh/vendor-completions/_callgate"),
];

/// What editors know of the language: the folder in this project, where it goes, and its files.
const EDITORS: &str = "packaging/editors";
const EDITOR_FILES: [(&str, &str, &[&str]); 2] = [
    ("vim", "share/vim/vimfiles", &["ftdetect/gate.vim", "ftplugin/gate.vim", "syntax/gate.vim"]),
    (
        "vscode",
        "share/callgate/vscode",
        &["package.json", "language-configuration.json", "syntaxes/gate.tmLanguage.json"],
    ),
];

/// The C library's profile in `Cargo.toml`.
pub const LIBRARY_PROFILE: &str = "dist";

/// The folder of the headers in this project, and the one among them that is not generated.
const INCLUDE: &str = "crates/scmp-capi/include";
const WRITTEN: [&str; 1] = ["seccomp.h"];

/// The library beside libseccomp: its folder in this project, the file that holds it, and the names
/// that lead to that.
const BESIDE: &str = "crates/capi";
const BESIDE_SHARED: &str = "libcallgate.so.0.1.0";
const BESIDE_LINKS: [&str; 2] = ["libcallgate.so.0", "libcallgate.so"];

/// The headers that the command `headers` makes from the tables.
const GENERATED: [&str; 2] = ["seccomp-syscalls.h", "seccomp-kvers.h"];

/// Lays out the folder that the argument names.
///
/// # Errors
///
/// Where something does not build, or a file can't be written.
pub fn run(args: &[String]) -> Result<(), String> {
    match args {
        [flag] if flag == "--headers" => {
            let folder = root().join(INCLUDE);
            let mut headers = GENERATED.iter();
            headers.try_for_each(|name| write(&folder.join(name), header(name)?.as_bytes()))
        }
        _ => {
            let layout = Layout::parse(args)?;
            library_in(&layout)?;
            beside_in(&layout)?;
            command(&layout.folder)?;
            tools(&layout.folder)?;
            if let Some(folder) = &layout.python {
                python::install(&layout.folder.join(folder).join("seccomp"))?;
            }
            println!("stage: {} is laid out", layout.folder.display());
            Ok(())
        }
    }
}

/// Lays out the command with its pages and completions, and files for editors.
fn command(folder: &Path) -> Result<(), String> {
    let built = build_command()?;
    copy(&built, &folder.join("bin/callgate"))?;
    let pages = folder.join("share/man/man1");
    fs::create_dir_all(&pages).map_err(|error| format!("{}: {error}", pages.display()))?;
    output(Command::new(&built).args(["man", "--out"]).arg(&pages))?;
    for (shell, path) in COMPLETIONS {
        let text = output(Command::new(&built).args(["completions", shell]))?;
        write(&folder.join(path), &text)?;
    }
    for (editor, place, files) in EDITOR_FILES {
        for file in files {
            let from = root().join(EDITORS).join(editor).join(file);
            copy(&from, &folder.join(place).join(file))?;
        }
    }
    Ok(())
}

/// Lays out libseccomp's commands: one binary, links to it, and their pages.
///
/// # Errors
///
/// As [`run`].
pub fn tools(folder: &Path) -> Result<(), String> {
    build("callgate-scmp-tools", "release")?;
    let bin = folder.join("bin");
    copy(&target().join("release").join(TOOLS_BINARY), &bin.join(TOOLS_BINARY))?;
    for name in TOOLS {
        link(TOOLS_BINARY, &bin.join(name))?;
        let page = format!("{name}.1");
        copy(&root().join(TOOLS_PAGES).join(&page), &folder.join("share/man/man1").join(&page))?;
    }
    Ok(())
}

/// Lays out the C library alone: `lib`, `include` and `share`.
///
/// # Errors
///
/// As [`run`].
pub fn library(folder: &Path) -> Result<(), String> {
    library_in(&Layout::of(folder)?)
}

fn library_in(layout: &Layout) -> Result<(), String> {
    build("callgate-scmp-capi", LIBRARY_PROFILE)?;
    let folder = &layout.folder;
    let lib = folder.join(&layout.libdir);
    let built = target().join(LIBRARY_PROFILE);
    copy(&built.join("libseccomp.so"), &lib.join(SHARED))?;
    archive::localize(&built.join("libseccomp.a"), &lib.join("libseccomp.a"), EXPORTS)?;
    for link in LINKS {
        self::link(SHARED, &lib.join(link))?;
    }
    for header in GENERATED.into_iter().chain(WRITTEN) {
        copy(&root().join(INCLUDE).join(header), &folder.join("include").join(header))?;
    }
    configuration(layout, "crates/scmp-capi/libseccomp.pc.in", "libseccomp.pc")?;
    for (name, page) in manual::pages(&manual::LIBSECCOMP)? {
        write(&folder.join("share/man/man3").join(name), page.as_bytes())?;
    }
    Ok(())
}

/// Lays out the library beside libseccomp alone.
///
/// # Errors
///
/// As [`run`].
pub fn beside(folder: &Path) -> Result<(), String> {
    beside_in(&Layout::of(folder)?)
}

fn beside_in(layout: &Layout) -> Result<(), String> {
    build("callgate-capi", LIBRARY_PROFILE)?;
    let lib = layout.folder.join(&layout.libdir);
    let built = target().join(LIBRARY_PROFILE);
    let archive = lib.join("libcallgate.a");
    copy(&built.join("libcallgate_c.so"), &lib.join(BESIDE_SHARED))?;
    archive::localize(&built.join("libcallgate_c.a"), &archive, BESIDE_EXPORTS)?;
    for link in BESIDE_LINKS {
        self::link(BESIDE_SHARED, &lib.join(link))?;
    }
    let header = root().join(BESIDE).join("include/callgate.h");
    copy(&header, &layout.folder.join("include/callgate.h"))?;
    configuration(layout, &format!("{BESIDE}/callgate.pc.in"), "callgate.pc")?;
    let man = layout.folder.join("share/man/man3");
    let mut pages = manual::pages(&manual::BESIDE)?.into_iter();
    pages.try_for_each(|(name, page)| write(&man.join(name), page.as_bytes()))
}

/// Writes what pkg-config reads.
fn configuration(layout: &Layout, template: &str, name: &str) -> Result<(), String> {
    let text = fs::read_to_string(root().join(template));
    let text = text.map_err(|error| format!("{template}: {error}"))?;
    let text = text.replace("@PREFIX@", &layout.prefix.to_string_lossy());
    let text = text.replace("@LIBDIR@", &layout.libdir.to_string_lossy());
    let folder = layout.folder.join(&layout.libdir).join("pkgconfig");
    write(&folder.join(name), text.as_bytes())
}

/// The text of a generated header.
fn header(name: &str) -> Result<String, String> {
    crate::output(tool("headers").arg(name))
}

/// Whether the committed headers are what the tables say.
///
/// # Errors
///
/// The name of a header that is stale.
pub fn check_headers() -> Result<(), String> {
    for name in GENERATED {
        let path = root().join(INCLUDE).join(name);
        let committed =
            fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        if committed != header(name)? {
            return Err(format!("{name} is stale: run cargo xtask stage --headers"));
        }
    }
    Ok(())
}

/// The output of a command that succeeds.
fn output(command: &mut Command) -> Result<Vec<u8>, String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    parent(to)?;
    let copied = fs::copy(from, to).map(drop);
    copied.map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    parent(path)?;
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

fn link(target: &str, link: &Path) -> Result<(), String> {
    // It may be there from an earlier run; whatever else is wrong the next line reports.
    let _ = fs::remove_file(link);
    symlink(target, link).map_err(|error| format!("{}: {error}", link.display()))
}

fn parent(path: &Path) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}
