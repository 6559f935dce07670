//! `callgate_filter_from_file`, `callgate_filter_from_text`.

use std::ffi::{OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use callgate_convert::{LibseccompFilter, libseccomp_filter};
use callgate_policy::Policy;
use callgate_prover::{Options, Prover};
use callgate_raise::{Agreement, compare};
use libc::c_int;

use crate::entry::{code, text, warn};
use crate::failure::Failure;
use crate::library::{Context, Rules, version};
use crate::read::{self, Read};

/// Makes a filter of the policy in a file.
///
/// # Safety
/// `filter` is NULL or a place to write a pointer to; `path` is NULL or a C string.
///
/// # References
/// `callgate.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callgate_filter_from_file(
    filter: *mut *mut c_void,
    path: *const c_char,
) -> c_int {
    code(|| {
        // SAFETY: the caller's promise, for as long as the call takes.
        let path = unsafe { text(path, "path") }?;
        let read = read::file(Path::new(OsStr::from_bytes(path.to_bytes())))?;
        // SAFETY: the caller's promise.
        unsafe { give(filter, &read) }
    })
}

/// Makes a filter of a policy.
///
/// # Safety
/// As [`callgate_filter_from_file`]; `policy` and `name` are NULL or C strings.
///
/// # References
/// `callgate.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callgate_filter_from_text(
    filter: *mut *mut c_void,
    policy: *const c_char,
    name: *const c_char,
) -> c_int {
    code(|| {
        // SAFETY: the caller's promise, for as long as the call takes.
        let policy = unsafe { text(policy, "policy") }?;
        // SAFETY: as above.
        let name = unsafe { text(name, "name") };
        let name = name.map_or_else(|_| "policy".into(), |name| name.to_string_lossy());
        let read = read::text(&name, policy.to_bytes())?;
        // SAFETY: the caller's promise.
        unsafe { give(filter, &read) }
    })
}

/// Writes a pointer to a new filter; nothing where there is none.
///
/// # Safety
/// `place` is NULL or a place to write a pointer to.
unsafe fn give(place: *mut *mut c_void, read: &Read) -> Result<c_int, Failure> {
    warn(&read.warnings);
    if place.is_null() {
        return Err(Failure::invalid("filter is NULL"));
    }
    let context = made(read)?;
    // SAFETY: not NULL, and the caller answers for the rest.
    unsafe { place.write(context.into_raw()) };
    Ok(0)
}

/// A filter of the libseccomp that is here, whose program was proved to mean the policy.
fn made(read: &Read) -> Result<Context, Failure> {
    let asked = libseccomp_filter(&read.policy).map_err(Failure::unsupported)?;
    let mut first = None;
    for rules in [Rules::Adapted, Rules::Exact] {
        match attempt(read, &asked, rules) {
            Ok(context) => return Ok(context),
            Err(failure) => first = first.or(Some(failure)),
        }
    }
    Err(first.unwrap_or_else(|| Failure::unsupported("no function takes rules")))
}

fn attempt(read: &Read, asked: &LibseccompFilter, rules: Rules) -> Result<Context, Failure> {
    let mut whole: Option<Context> = None;
    for own in &asked.arches {
        let context = Context::empty(own, asked.default, asked.foreign)?;
        context.add(own, rules)?;
        match &whole {
            Some(whole) => whole.merge(context)?,
            None => whole = Some(context),
        }
    }
    let whole = whole.ok_or_else(|| Failure::invalid("the filter is for no architecture"))?;
    read.flags.iter().try_for_each(|flag| whole.flag(*flag))?;
    prove(&read.policy, &whole)?;
    Ok(whole)
}

/// Proves that the kernel will do with the library's program what the policy says. Calls that
/// nobody makes may be refused in another way, as the library has no words for them.
fn prove(policy: &Policy, context: &Context) -> Result<(), Failure> {
    let program = context.program()?;
    let mut prover = Prover::new(Options::default());
    let unproved = |error| {
        Failure::unsupported(format!("the filter of {} could not be proved: {error}", version()))
    };
    let meaning = prover.program(&program).map_err(unproved)?;
    let made = prover.to_policy(&meaning).map_err(unproved)?;
    match compare(policy, &made).map_err(unproved)? {
        Agreement::Equal | Agreement::OtherRefusals(_) => Ok(()),
        Agreement::Differ(differing) => {
            let first = differing.first().map(ToString::to_string).unwrap_or_default();
            let library = version();
            let text = format!("{library} makes another filter of the policy: {first}");
            Err(Failure::unsupported(text))
        }
    }
}
