//! What strace prints where a filter is loaded: `seccomp(...)` or `prctl(PR_SET_SECCOMP, ...)`.
//!
//! ```text
//! seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=1, filter=[BPF_STMT(BPF_RET|BPF_K, SECCOMP_RET_ALLOW)]}) = 0
//! ```
//!
//! The list is there with `-v` only. A trace with several loads is several programs: `FILE:LINE`
//! names one of them.

use super::lines;
use crate::{Error, ErrorKind, Options, Read, literal};

/// Reads the filter of the only load, or of the one in the line asked for.
pub(super) fn read(text: &str, options: &Options<'_>) -> Result<Read, Error> {
    let is_load = |line: &str| line.contains("{len=") && line.contains("filter=");
    let numbered = lines(text).enumerate().map(|(index, line)| (index + 1, line));
    let loads: Vec<_> = numbered.filter(|(_, (_, line))| is_load(line)).collect();
    let names = || loads.iter().map(|(number, _)| number.to_string()).collect();
    let (offset, line) = match (options.name, loads.as_slice()) {
        (Some(name), _) => {
            let not_found = || ErrorKind::NotFound { name: name.to_owned(), names: names() };
            let wanted = loads.iter().find(|(number, _)| number.to_string() == name);
            wanted.ok_or_else(|| Error::new(not_found()))?.1
        }
        (None, []) => return Err(Error::new(ErrorKind::NoInstructions)),
        (None, [(_, only)]) => *only,
        (None, _) => return Err(Error::new(ErrorKind::Several { names: names() })),
    };
    list(line, options).map_err(|error| error.moved(offset)).map(|mut read| {
        read.offsets.iter_mut().for_each(|place| *place += offset);
        read
    })
}

/// The list in a line; places are counted from its beginning.
fn list(line: &str, options: &Options<'_>) -> Result<Read, Error> {
    let at = line.find("filter=").map_or(0, |at| at + "filter=".len());
    let list = &line[at..];
    let Some(end) = list.find(']').filter(|_| list.starts_with('[')) else {
        let remedy = "strace printed an address; run it with -v";
        return Err(Error::new(ErrorKind::Shortened(remedy)).at(at));
    };
    if list[..end].contains("...") {
        let remedy = "strace cut the list; run it with -v";
        return Err(Error::new(ErrorKind::Shortened(remedy)).at(at));
    }
    let options = Options { name: None, ..*options };
    let read = literal::read(&list[..=end], literal::Language::C, &options);
    let mut read = read.map_err(|error| error.moved(at))?;
    read.offsets.iter_mut().for_each(|place| *place += at);
    Ok(read)
}
