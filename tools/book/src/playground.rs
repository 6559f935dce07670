//! The playground: the libraries as WebAssembly, in a page of the book that needs no server.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{copy, entries, fresh, press, write};

/// The target of the compiler that browsers run.
const TARGET: &str = "wasm32-unknown-unknown";

/// The most bytes that the module may have, compressed as servers send it.
const BYTES_MAX: usize = 2_000_000;

/// What belongs to the page, beside what is generated.
const PARTS: [&str; 3] = ["playground.js", "playground.css", "playground.html"];

/// Builds the module and all that its page needs into a folder; nothing where the compiler has no
/// such target, which is said.
pub(crate) fn build(folder: &Path) -> Result<Option<PathBuf>, String> {
    if !has_target() {
        eprintln!(
            "skipped (1): the playground: no {TARGET} for this compiler (`rustup target add {TARGET}`)"
        );
        return Ok(None);
    }
    let folder = fresh(folder)?;
    let package = "playground";
    let build =
        ["build", "--quiet", "--profile", "command", "--target", TARGET, "--package", package];
    house::output(house::cargo(&build).env("RUSTFLAGS", nameless_folders()))?;
    let module = house::target().join(TARGET).join("command/playground.wasm");
    let glue = fresh(&folder.join("glue"))?;
    press::glue(&module, &glue)?;
    let module = std::fs::read(glue.join("playground_bg.wasm"));
    let module = module.map_err(|error| format!("the module: {error}"))?;
    let bytes = compressed(&module_script(&module), &folder)?;
    println!("book: the playground's module has {} bytes, {bytes} compressed", module.len());
    if bytes > BYTES_MAX {
        return Err(format!("the playground has {bytes} bytes, more than {BYTES_MAX}"));
    }
    copy(&glue.join("playground.js"), &folder.join("playground-glue.js"))?;
    std::fs::remove_dir_all(&glue).map_err(|error| format!("{}: {error}", glue.display()))?;
    for part in PARTS.iter().filter(|part| !part.ends_with(".html")) {
        copy(&house::root().join("docs/guide/playground").join(part), &folder.join(part))?;
    }
    Ok(Some(folder))
}

/// What keeps the folders of this machine out of the module, which is the same wherever it is built.
fn nameless_folders() -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let cargo = home.unwrap_or_default();
    let (cargo, root) = (cargo.display(), house::root());
    format!("--remap-path-prefix={cargo}=/cargo --remap-path-prefix={}=/callgate", root.display())
}

/// Whether the compiler knows the target with its library.
fn has_target() -> bool {
    let mut ask = Command::new("rustc");
    ask.args(["--print", "target-libdir", "--target", TARGET]);
    let folder = house::output(ask.current_dir(house::root())).unwrap_or_default();
    entries(Path::new(folder.trim())).is_ok_and(|files| !files.is_empty())
}

/// The module in a script, so that the page also works as a file, where a browser fetches nothing.
fn module_script(module: &[u8]) -> String {
    format!("\"use strict\";\nconst playgroundModule = \"{}\";\n", base64(module))
}

/// Writes a script, and says how long it is when it is compressed.
fn compressed(script: &str, folder: &Path) -> Result<usize, String> {
    let path = folder.join("playground-module.js");
    write(&path, script)?;
    let output = Command::new("gzip").arg("-9c").arg(&path).output();
    match output {
        Ok(output) if output.status.success() => Ok(output.stdout.len()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(format!("gzip: {error}")),
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32, at: u32| char::from(DIGITS[(bits >> at & 63) as usize]);
    bytes.chunks(3).fold(String::with_capacity(bytes.len() * 4 / 3 + 4), |mut text, chunk| {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digits = [digit(bits, 18), digit(bits, 12), digit(bits, 6), digit(bits, 0)];
        text.extend(&digits[..=chunk.len()]);
        text.extend(std::iter::repeat_n('=', 3 - chunk.len()));
        text
    })
}

/// The chapter, with the module or without.
pub(crate) fn page(is_built: bool) -> Result<String, String> {
    let introduction = "# Playground\n\nPaste a filter, or drop a file: a profile, a policy, a unit of systemd, a program in \
        any form that a tool prints. What it does\nis computed in this page, by the libraries of the command; nothing is sent \
        anywhere.\n\n";
    match is_built {
        true => {
            let form = crate::read(&house::root().join("docs/guide/playground/playground.html"))?;
            Ok(format!("{introduction}{form}"))
        }
        false => Ok(format!(
            "{introduction}This book was made by a compiler without WebAssembly, so that the page is not here. The \
             command does the same: `callgate show`,\n`lint`, `diff` and `test`.\n"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_its_padding() {
        let texts = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let coded = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        assert_eq!(texts.map(|text| base64(text.as_bytes())), coded);
    }
}
