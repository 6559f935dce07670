//! Which language's runtime made a call, as far as its stack tells.

use callgate_facts::Drift;

use crate::Denial;

/// Whether a row may be about the program that made a call. Of a call without a stack, each may.
pub(super) fn may_have_made(row: &Drift, denial: &Denial) -> bool {
    let [first, ..] = &denial.caller[..] else { return true };
    let object = first.object.as_deref().unwrap_or_default();
    let of_musl = object.contains("musl");
    let of_glibc = !of_musl && (object.contains("/ld-linux") || object.contains("/libc.so.6"));
    match row.part() {
        // It makes its calls itself, but for those of threads that C has started.
        "Go" => !(of_glibc || of_musl) || row.since().contains("cgo"),
        "glibc" => !of_musl,
        "musl" => !of_glibc,
        "Rust std" => any_symbol(denial, is_of_rust),
        "OpenJDK" => {
            any_object(denial, |object| object.contains("/libjvm.so") || object.ends_with("/java"))
        }
        _ => true,
    }
}

/// As the compiler writes names of the standard library, in both its ways.
fn is_of_rust(symbol: &str) -> bool {
    ["_ZN3std", "_ZN4core", "_RN", "std::", "rust_"].iter().any(|word| symbol.contains(word))
}

fn any_symbol(denial: &Denial, is_it: impl Fn(&str) -> bool) -> bool {
    let symbols = denial.caller.iter().filter_map(|frame| frame.symbol.as_ref());
    symbols.into_iter().any(|(name, _)| is_it(name))
}

fn any_object(denial: &Denial, is_it: impl Fn(&str) -> bool) -> bool {
    let objects = denial.caller.iter().filter_map(|frame| frame.object.as_deref());
    objects.chain(denial.process.exe.as_deref()).any(is_it)
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::{Arch, names};

    use super::*;
    use crate::{Frame, Knowledge};

    fn rows_for(object: &str, symbol: &str) -> Vec<&'static str> {
        let nr = Arch::X86_64.syscall(names::FCNTL).map(|syscall| syscall.nr);
        let nr = nr.unwrap_or(callgate_syscalls::SyscallNr::new(0));
        let mut denial = Denial::new(Arch::X86_64.token(), nr, Knowledge::Notification);
        let (object, symbol) = (Some(object.to_owned()), Some((symbol.to_owned(), 1)));
        let frame = Frame { object, offset: 0, symbol };
        denial.caller = vec![frame];
        let rows = [names::FUTEX, names::FCNTL, names::STATX].into_iter().flat_map(Drift::of);
        rows.filter(|row| may_have_made(row, &denial)).map(|row| row.part()).collect()
    }

    #[test]
    fn other_runtimes_have_not_made_what_a_c_library_has() {
        let glibc = rows_for("/usr/lib/x86_64-linux-gnu/libc.so.6", "fcntl");
        assert!(!glibc.contains(&"Go") && !glibc.contains(&"Rust std"), "{glibc:?}");
        assert!(glibc.contains(&"glibc") && !glibc.contains(&"musl"), "{glibc:?}");
        let go = rows_for("/srv/program", "runtime.futex");
        assert!(go.contains(&"Go") && !go.contains(&"OpenJDK"), "{go:?}");
        let rust = rows_for("/usr/lib/x86_64-linux-gnu/libc.so.6", "_ZN3std2fs4File4open");
        assert!(rust.contains(&"Rust std"), "{rust:?}");
        assert!(rows_for("/lib/ld-musl-x86_64.so.1", "statx").contains(&"musl"));
    }

    #[test]
    fn without_a_stack_nobody_is_left_out() {
        let nr = callgate_syscalls::SyscallNr::new(0);
        let denial = Denial::new(Arch::X86_64.token(), nr, Knowledge::Audit);
        assert!(Drift::of(names::FCNTL).all(|row| may_have_made(&row, &denial)));
    }
}
