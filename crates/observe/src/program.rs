//! What a program's file says of how it starts.

use std::fs::File;
use std::path::Path;

use object::read::ReadCache;
use object::{Object, ObjectSection};

/// The dynamic linker that a program asks for; `None` for what is linked statically, and for what is
/// no program.
///
/// # Examples
/// ```
/// use callgate_observe::interpreter_of;
///
/// assert_eq!(interpreter_of("/dev/null".as_ref()), None);
/// ```
#[must_use]
pub fn interpreter_of(file: &Path) -> Option<String> {
    let cache = ReadCache::new(File::open(file).ok()?);
    let program = object::File::parse(&cache).ok()?;
    let interpreter = program.section_by_name(".interp")?.uncompressed_data().ok()?;
    let interpreter = String::from_utf8_lossy(&interpreter).trim_end_matches('\0').to_owned();
    (!interpreter.is_empty()).then_some(interpreter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_have_an_interpreter_and_other_files_have_none() {
        let shell = interpreter_of("/bin/sh".as_ref()).unwrap();
        assert!(shell.contains("ld-"), "{shell}");
        assert_eq!(interpreter_of("/etc/passwd".as_ref()), None);
        assert_eq!(interpreter_of("/no/such/file".as_ref()), None);
        assert_eq!(interpreter_of("/dev/null".as_ref()), None);
    }
}
