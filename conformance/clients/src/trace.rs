//! What a run left behind: the libraries that its processes opened, and the filters that they
//! installed.
//!
//! Of traced clients strace wrote a file for each process, `t.PID`. Of the others the script wrote,
//! for each process that it looked at, the filters as the kernel gave them back (`filters.N.json`)
//! and its memory map (`maps.N`).

use std::fs;
use std::path::{Path, PathBuf};

use callgate_bpf::{Instruction, Program};

/// The name of the library in folders and memory maps.
const LIBRARY: &str = "/libseccomp.so.2";

/// The actions of a run's processes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The files that served as libseccomp, once for each process that loaded one.
    pub(super) libraries: Vec<String>,
    /// The filters, in the order of processes and of loads.
    pub(super) filters: Vec<Program>,
}

/// Reads everything that a run left in the folder.
///
/// # Errors
/// A file that can't be read, and why.
pub(super) fn read(folder: &Path) -> Result<Found, String> {
    let mut files: Vec<(u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let number = name.split('.').nth(1).and_then(|number| number.parse().ok());
        files.extend(number.map(|number| (number, path)));
    }
    files.sort();
    let mut found = Found::default();
    for (_, path) in files {
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let added = match name.split('.').next() {
            Some("t") => traced(&text, &mut found),
            Some("filters") => dumped(&text, &mut found),
            Some("maps") => mapped(&text, &mut found),
            _ => Ok(()),
        };
        added.map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(found)
}

/// A process as strace saw it. A filter that the kernel refused was not installed.
fn traced(text: &str, found: &mut Found) -> Result<(), String> {
    for line in text.lines() {
        let succeeded = !line.contains(" = -1 ") && !line.ends_with(" = ?");
        if line.starts_with("openat(") && line.contains(LIBRARY) && succeeded {
            found.libraries.extend(line.split('"').nth(1).map(str::to_owned));
        }
        if let Some((_, rest)) = line.split_once("filter=[").filter(|_| succeeded) {
            let (listing, _) = rest.split_once(']').ok_or("a filter without end")?;
            found.filters.push(listed(listing)?);
        }
    }
    Ok(())
}

/// A program as strace prints it: `BPF_STMT(code, k)` and `BPF_JUMP(code, k, jt, jf)`.
fn listed(listing: &str) -> Result<Program, String> {
    let mut instructions = Vec::new();
    for item in listing.split("BPF_").skip(1) {
        let broken = || format!("not an instruction: {item}");
        let (_, fields) =
            item.trim_end_matches([',', ' ', ')']).split_once('(').ok_or_else(broken)?;
        let numbers: Option<Vec<u32>> = fields.split(", ").map(number).collect();
        let instruction = match numbers.as_deref() {
            Some(&[code, k]) => instruction(code, 0, 0, k),
            Some(&[code, k, jt, jf]) => instruction(code, jt, jf, k),
            _ => None,
        };
        instructions.push(instruction.ok_or_else(broken)?);
    }
    Program::new(instructions).map_err(|error| error.to_string())
}

/// A number, or several that are joined by `|`.
fn number(text: &str) -> Option<u32> {
    let part = |part: &str| match part.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => part.parse().ok(),
    };
    text.split('|').try_fold(0, |sum, text| Some(sum | part(text)?))
}

fn instruction(code: u32, jt: u32, jf: u32, k: u32) -> Option<Instruction> {
    let (jt, jf) = (u8::try_from(jt).ok()?, u8::try_from(jf).ok()?);
    Some(Instruction { code: u16::try_from(code).ok()?, jt, jf, k })
}

/// The listings of `callgate disasm --format json`: an object, or an array of them.
fn dumped(text: &str, found: &mut Found) -> Result<(), String> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>();
    for value in values {
        let value = value.map_err(|error| error.to_string())?;
        let listings = value.as_array().cloned().unwrap_or_else(|| vec![value]);
        for listing in listings {
            let lines =
                listing["instructions"].as_array().ok_or("a listing without instructions")?;
            let field = |line: &serde_json::Value, name: &str| {
                line[name].as_u64().and_then(|number| u32::try_from(number).ok())
            };
            let read = |line: &serde_json::Value| {
                let (jt, jf) = (field(line, "jt")?, field(line, "jf")?);
                instruction(field(line, "code")?, jt, jf, field(line, "k")?)
            };
            let instructions: Option<Vec<Instruction>> = lines.iter().map(read).collect();
            let program = Program::new(instructions.ok_or("not an instruction")?);
            found.filters.push(program.map_err(|error| error.to_string())?);
        }
    }
    Ok(())
}

/// A process's memory map: the library stands there once for each of its segments.
fn mapped(text: &str, found: &mut Found) -> Result<(), String> {
    let paths = text.lines().filter_map(|line| line.split_whitespace().nth(5));
    let mut libraries: Vec<&str> = paths.filter(|path| path.contains("/libseccomp.so.2")).collect();
    libraries.dedup();
    match libraries.is_empty() {
        true => Err("the process has no libseccomp".into()),
        false => {
            found.libraries.extend(libraries.into_iter().map(str::to_owned));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW: &str = "filter=[BPF_STMT(0|0|0x20, 0x4), \
        BPF_JUMP(0x5|0x10|0, 0xc000003e, 0, 0x1), BPF_STMT(0x6|0, 0x7fff0000), BPF_STMT(0x6, 0)]";

    fn in_trace(line: &str) -> Result<Found, String> {
        let mut found = Found::default();
        traced(line, &mut found).map(|()| found)
    }

    #[test]
    fn installed_filters_and_opened_libraries_are_found() {
        let found = in_trace(&format!(
            "openat(-100, \"/a/tls/libseccomp.so.2\", 0x80000) = -1 ENOENT (No such file)\n\
             openat(-100, \"/a/libseccomp.so.2\", 0x80000) = 3\n\
             seccomp(0x1, 0x4, NULL) = -1 EFAULT (Bad address)\n\
             seccomp(0x1, 0x1, {{len=4, {ALLOW}}}) = 0\n\
             prctl(0x16, 0x2, {{len=4, {ALLOW}}}) = 0\n"
        ))
        .unwrap();
        assert_eq!(found.libraries, ["/a/libseccomp.so.2"]);
        assert_eq!(found.filters.len(), 2);
        let second = found.filters[1].instructions()[1];
        assert_eq!(second, Instruction { code: 0x15, jt: 0, jf: 1, k: 0xc000_003e });
    }

    #[test]
    fn refused_filters_do_not_count_and_broken_ones_are_errors() {
        let refused = format!("seccomp(0x1, 0, {{len=4, {ALLOW}}}) = -1 EACCES (Permission)");
        assert_eq!(in_trace(&refused), Ok(Found::default()));
        assert!(in_trace("seccomp(0x1, 0, {len=9, filter=[BPF_STMT(0x6, 0), ...]}) = 0").is_err());
        assert!(in_trace("seccomp(0x1, 0, {len=1, filter=[BPF_STMT(0x6)]}) = 0").is_err());
        assert!(in_trace("seccomp(0x1, 0, {len=1, filter=[BPF_STMT(0x6, 0)").is_err());
    }

    #[test]
    fn listings_and_maps_are_read() {
        let mut found = Found::default();
        let line = r#"{"index": 0, "code": 6, "jt": 0, "jf": 0, "k": 0, "text": "ret"}"#;
        let listing = format!("{{\"endian\": \"little\", \"instructions\": [{line}]}}");
        dumped(&format!("[{listing}, {listing}]"), &mut found).unwrap();
        dumped(&listing, &mut found).unwrap();
        assert_eq!(found.filters.len(), 3);
        let map = "7f-8f r--p 00 fd:00 1 /a/libseccomp.so.2.6.1\n8f-9f r-xp 00 fd:00 1 /a/libseccomp.so.2.6.1\n";
        mapped(map, &mut found).unwrap();
        assert_eq!(found.libraries, ["/a/libseccomp.so.2.6.1"]);
        assert!(mapped("7f-8f r--p 00 fd:00 1 /a/libc.so.6\n", &mut found).is_err());
    }
}
