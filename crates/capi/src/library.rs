//! libseccomp as this process has it, by its public functions.

use std::ffi::{CString, c_char, c_uint, c_void};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::NonNull;

use callgate_bpf::Program;
use callgate_convert::{LibseccompArch, LibseccompRule};
use callgate_policy::Action;
use callgate_rules::LoadFlag;
use callgate_syscalls::Endian;
use libc::c_int;

use crate::failure::Failure;

#[repr(C)]
struct Comparison {
    arg: c_uint,
    op: c_uint,
    datum_a: u64,
    datum_b: u64,
}

#[repr(C)]
struct Version {
    major: c_uint,
    minor: c_uint,
    micro: c_uint,
}

type AddRule = unsafe extern "C" fn(*mut c_void, u32, c_int, c_uint, *const Comparison) -> c_int;

unsafe extern "C" {
    fn seccomp_version() -> *const Version;
    fn seccomp_arch_native() -> u32;
    fn seccomp_init(default: u32) -> *mut c_void;
    fn seccomp_release(context: *mut c_void);
    fn seccomp_merge(target: *mut c_void, source: *mut c_void) -> c_int;
    fn seccomp_arch_add(context: *mut c_void, arch: u32) -> c_int;
    fn seccomp_arch_remove(context: *mut c_void, arch: u32) -> c_int;
    fn seccomp_attr_set(context: *mut c_void, attribute: c_uint, value: u32) -> c_int;
    fn seccomp_syscall_resolve_name(name: *const c_char) -> c_int;
    fn seccomp_rule_add_array(
        context: *mut c_void,
        action: u32,
        number: c_int,
        count: c_uint,
        comparisons: *const Comparison,
    ) -> c_int;
    fn seccomp_rule_add_exact_array(
        context: *mut c_void,
        action: u32,
        number: c_int,
        count: c_uint,
        comparisons: *const Comparison,
    ) -> c_int;
    fn seccomp_export_bpf(context: *mut c_void, descriptor: c_int) -> c_int;
}

const ACT_BADARCH: c_uint = 2;
const CTL_TSYNC: c_uint = 4;
const CTL_LOG: c_uint = 6;
const CTL_SSB: c_uint = 7;
const CTL_WAITKILL: c_uint = 10;

/// The release of the library, for messages.
pub(crate) fn version() -> String {
    // SAFETY: takes nothing, and returns a constant.
    let version = NonNull::new(unsafe { seccomp_version() }.cast_mut());
    let Some(version) = version else { return "libseccomp".to_owned() };
    // SAFETY: the constant lives as long as the library, and nobody writes it.
    let version = unsafe { version.as_ref() };
    format!("libseccomp {}.{}.{}", version.major, version.minor, version.micro)
}

/// Which of the functions takes the rules: they differ for calls that x86 and others multiplex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    Adapted,
    Exact,
}

impl Rules {
    fn function(self) -> (AddRule, &'static str) {
        match self {
            Self::Adapted => (seccomp_rule_add_array, "seccomp_rule_add_array"),
            Self::Exact => (seccomp_rule_add_exact_array, "seccomp_rule_add_exact_array"),
        }
    }
}

/// A context that is released in the end.
#[derive(Debug)]
pub(crate) struct Context(NonNull<c_void>);

impl Context {
    /// A context of one architecture without rules.
    pub(crate) fn empty(
        own: &LibseccompArch,
        default: Action,
        foreign: Action,
    ) -> Result<Self, Failure> {
        // SAFETY: takes a number.
        let context = NonNull::new(unsafe { seccomp_init(default.raw()) });
        let refused = || Failure::unsupported(format!("{} knows no action {default}", version()));
        let context = Self(context.ok_or_else(refused)?);
        let (arch, token) = (own.arch, own.token);
        // SAFETY: takes nothing.
        if token != unsafe { seccomp_arch_native() } {
            // SAFETY: a live context and numbers, 0 for the native architecture.
            let removed = unsafe { seccomp_arch_remove(context.0.as_ptr(), 0) };
            checked(removed, "seccomp_arch_remove", &arch)?;
            // SAFETY: as above.
            let added = unsafe { seccomp_arch_add(context.0.as_ptr(), token) };
            checked(added, "seccomp_arch_add", &arch)?;
        }
        context.attribute(ACT_BADARCH, foreign.raw(), &foreign)?;
        Ok(context)
    }

    /// Sets what a profile's flag asks for.
    pub(crate) fn flag(&self, flag: LoadFlag) -> Result<(), Failure> {
        let attribute = match flag {
            LoadFlag::Tsync => CTL_TSYNC,
            LoadFlag::Log => CTL_LOG,
            LoadFlag::SpecAllow => CTL_SSB,
            LoadFlag::WaitKillableRecv => CTL_WAITKILL,
        };
        self.attribute(attribute, 1, &flag)
    }

    fn attribute(
        &self,
        attribute: c_uint,
        value: u32,
        what: &dyn std::fmt::Display,
    ) -> Result<(), Failure> {
        // SAFETY: a live context and numbers.
        let set = unsafe { seccomp_attr_set(self.0.as_ptr(), attribute, value) };
        checked(set, "seccomp_attr_set", what)
    }

    /// Adds the rules of the context's architecture.
    pub(crate) fn add(&self, own: &LibseccompArch, rules: Rules) -> Result<(), Failure> {
        own.rules.iter().try_for_each(|rule| self.add_one(own, rule, rules))
    }

    fn add_one(
        &self,
        own: &LibseccompArch,
        rule: &LibseccompRule,
        rules: Rules,
    ) -> Result<(), Failure> {
        let (arch, number) = (own.arch, number(own, rule)?);
        let comparisons: Vec<Comparison> = rule
            .tests
            .iter()
            .map(|test| Comparison {
                arg: test.arg,
                op: test.op,
                datum_a: test.datum_a,
                datum_b: test.datum_b,
            })
            .collect();
        let (function, called) = rules.function();
        let count = c_uint::try_from(comparisons.len()).unwrap_or(c_uint::MAX);
        let (context, action) = (self.0.as_ptr(), rule.action.raw());
        // SAFETY: a live context, and as many comparisons as there are, in the header's layout.
        let added = unsafe { function(context, action, number, count, comparisons.as_ptr()) };
        checked(added, called, &format_args!("the rule of {} on {arch}", rule.name))
    }

    /// Moves another context's architecture here.
    pub(crate) fn merge(&self, other: Self) -> Result<(), Failure> {
        // SAFETY: two live contexts, and on success the other is given up.
        let merged = unsafe { seccomp_merge(self.0.as_ptr(), other.0.as_ptr()) };
        checked(merged, "seccomp_merge", &"its architectures")?;
        std::mem::forget(other);
        Ok(())
    }

    /// The program that it is.
    pub(crate) fn program(&self) -> Result<Program, Failure> {
        // SAFETY: the context lives while it is borrowed.
        unsafe { exported(self.0.as_ptr()) }
    }

    /// Hands the context to C.
    pub(crate) fn into_raw(self) -> *mut c_void {
        let raw = self.0.as_ptr();
        std::mem::forget(self);
        raw
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: a live context, which nothing uses any more.
        unsafe { seccomp_release(self.0.as_ptr()) };
    }
}

/// The program of a context.
///
/// # Safety
/// `context` is a live context of libseccomp's, which no other thread uses.
pub(crate) unsafe fn exported(context: *mut c_void) -> Result<Program, Failure> {
    let mut file = memory_file()?;
    // SAFETY: the caller answers for the context; the descriptor is open.
    let written = unsafe { seccomp_export_bpf(context, file.as_raw_fd()) };
    checked(written, "seccomp_export_bpf", &"the filter")?;
    let mut bytes = Vec::new();
    let read = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    read.map_err(|error| Failure::kernel(None, error))?;
    Program::from_bytes(&bytes, Endian::native())
        .map_err(|error| Failure::unsupported(format!("{}: {error}", version())))
}

/// A file without a name.
fn memory_file() -> Result<File, Failure> {
    // SAFETY: the name is a C string that lives through the call.
    let descriptor = unsafe { libc::memfd_create(c"callgate".as_ptr(), libc::MFD_CLOEXEC) };
    match descriptor {
        // SAFETY: the kernel has just opened it for nobody else.
        0.. => Ok(unsafe { File::from_raw_fd(descriptor) }),
        _ => {
            let error = std::io::Error::last_os_error();
            let errno = error.raw_os_error().unwrap_or(libc::EFAULT);
            Err(Failure::new(errno, format!("memfd_create: {error}")))
        }
    }
}

/// The number by which the library knows a syscall.
fn number(own: &LibseccompArch, rule: &LibseccompRule) -> Result<c_int, Failure> {
    /// `__NR_SCMP_ERROR`.
    const UNKNOWN: c_int = -1;
    let name = CString::new(rule.name.to_string()).unwrap_or_default();
    // SAFETY: a C string that lives through the call.
    let known = unsafe { seccomp_syscall_resolve_name(name.as_ptr()) };
    // SAFETY: takes nothing.
    let native = unsafe { seccomp_arch_native() };
    match known {
        UNKNOWN if native == own.token => Ok(c_int::from_ne_bytes(rule.number.raw().to_ne_bytes())),
        UNKNOWN => Err(Failure::unsupported(format!(
            "{} does not know {} of {arch}: name the architectures that the program needs in the \
             policy, or use a newer libseccomp",
            version(),
            rule.name,
            arch = own.arch
        ))),
        known => Ok(known),
    }
}

/// What a function of libseccomp returned.
fn checked(result: c_int, called: &str, what: &dyn std::fmt::Display) -> Result<(), Failure> {
    match result {
        0.. => Ok(()),
        _ => {
            let reason = std::io::Error::from_raw_os_error(-result);
            let text = format!("{} refuses {what}: {called}: {reason}", version());
            Err(Failure::new(-result, text))
        }
    }
}
