//! The profile `container`, in the form of Docker's in which a test proves it equal, as the system's
//! libseccomp builds it, at both levels of optimisation, against our policy and our program.
//!
//! The library is asked by a program of its own, compiled on the spot: see `libseccomp.c`. Both
//! sides get the same rules, those that apply to a container with Docker's capabilities on x86_64.
//! Left out of them are
//!
//! - `width`, an addition of ours: without it both sides compare all bits of the architecture's
//!   word;
//! - names that one side knows on an architecture where the other does not, because the tables are
//!   of different age. Where both have a number it must be the same.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::{env, process};

use callgate_bpf::{Program, decode};
use callgate_formats::docker::{Filter, Seccomp, Syscall};
use callgate_formats::oci::Arg;
use callgate_formats::{Action, ActionName, Arches, CapSet, Options, Profile, UnknownSyscalls};
use callgate_policy::{Arch, KernelVersion, Policy};
use callgate_rules::Source;
use callgate_syscalls::Name;

use super::{Side, milliseconds, proved};

/// The main architecture, and the others of the same machine.
const ARCHES: [Arch; 3] = [Arch::X86_64, Arch::X86, Arch::X32];
const KERNEL: KernelVersion = KernelVersion::new(6, 12);
const DRIVER: &str = include_str!("libseccomp.c");

/// A comparison of less than this is no evidence.
const RULES_MIN: usize = 300;

pub(super) fn run() -> Result<String, String> {
    let driver = Driver::build()?;
    let mut profile = applicable()?;
    let skipped = driver.differing(&profile)?;
    drop_names(&mut profile, &skipped);
    let rules = rules(&profile)?;
    let count = rules.lines().count();
    if count < RULES_MIN {
        return Err(format!("{count} rules in common: no fair comparison"));
    }
    let first = driver.filter(&profile, &rules, 1)?;
    let second = driver.filter(&profile, &rules, 2)?;
    let policy = resolved(&profile)?;
    let ours = callgate_compiler::compile(&policy).map_err(|error| error.to_string())?;
    let times = times(&policy, [&first, &second, &ours])?;
    Ok(format!(
        "{count} rules for {} architectures, without {}; {} instructions at level 1, {} at level 2, {} ours; {times}",
        ARCHES.len(),
        skipped.into_iter().collect::<Vec<_>>().join(" "),
        first.len(),
        second.len(),
        ours.len()
    ))
}

/// What both libseccomp and we can say of the profile `container`: our policy, its default action,
/// and the rules as the driver reads them.
#[derive(Debug)]
pub struct Common {
    /// The input of our compiler.
    pub policy: Policy,
    /// The action of the profile's default.
    pub default: Action,
    /// The same rules, a line each, as the driver of the other side reads them.
    pub rules: String,
}

/// The profile with the names that both sides have.
///
/// # Errors
///
/// Where the profile can't be read or lowered.
pub fn common() -> Result<Common, String> {
    let mut profile = applicable()?;
    let skipped = Driver::build()?.differing(&profile)?;
    drop_names(&mut profile, &skipped);
    let default = action(profile.default_action, profile.default_errno_ret)?;
    Ok(Common { policy: resolved(&profile)?, default, rules: rules(&profile)? })
}

/// Proves each pair equal.
fn times(policy: &Policy, programs: [&Program; 3]) -> Result<String, String> {
    let policy = Side::Policy(policy);
    let [first, second, ours] = programs.map(Side::Program);
    let mut times = String::from("proved");
    for (claim, left, right) in [
        ("level 1 = level 2", first, second),
        ("level 1 = our policy", first, policy),
        ("level 2 = our policy", second, policy),
        ("level 1 = our program", first, ours),
        ("level 2 = our program", second, ours),
    ] {
        let time = proved(left, right).map_err(|error| format!("{claim}: {error}"))?;
        let separator = if times.ends_with("proved") { " " } else { ", " };
        times = format!("{times}{separator}{claim} in {}", milliseconds(time));
    }
    Ok(times)
}

/// The rules of the profile `container` that apply, without conditions on the circumstances and
/// without widths.
fn applicable() -> Result<Seccomp, String> {
    let path = house::root().join("testdata/profiles/container.json");
    let source = Source::load(&path).map_err(|error| error.to_string())?;
    let mut whole = Seccomp::read(source).map_err(|error| error.to_string())?;
    let args = whole.syscalls.iter_mut().flat_map(|rule| &mut rule.args);
    args.for_each(|arg| arg.width = None);
    let mut flat = whole.clone();
    flat.syscalls.retain(applies);
    for rule in &mut flat.syscalls {
        (rule.includes, rule.excludes) = (Filter::default(), Filter::default());
    }
    match resolved(&flat)? == resolved(&whole)? {
        true => Ok(flat),
        false => Err("the rules that apply are not those that the profile's reader picks".into()),
    }
}

fn applies(rule: &Syscall) -> bool {
    let caps = CapSet::DOCKER_DEFAULT;
    let native = |filter: &Filter| filter.arches.iter().any(|arch| arch.value.0 == ARCHES[0]);
    let kernel = |filter: &Filter| filter.min_kernel.as_ref().map(|kernel| kernel.0 <= KERNEL);
    let (includes, excludes) = (&rule.includes, &rule.excludes);
    (includes.arches.is_empty() || native(includes))
        && includes.caps.iter().all(|cap| caps.contains(cap.value))
        && kernel(includes).unwrap_or(true)
        && !native(excludes)
        && !excludes.caps.iter().any(|cap| caps.contains(cap.value))
        && !kernel(excludes).unwrap_or(false)
}

fn drop_names(profile: &mut Seccomp, unknown: &BTreeSet<String>) {
    for rule in &mut profile.syscalls {
        rule.names.iter_mut().for_each(|names| names.retain(|name| !unknown.contains(name)));
    }
    profile.syscalls.retain(|rule| rule.names.as_ref().is_some_and(|names| !names.is_empty()));
}

fn resolved(profile: &Seccomp) -> Result<Policy, String> {
    let json = serde_json::to_vec(profile).map_err(|error| error.to_string())?;
    let profile = Profile::parse(&json, "container").map_err(|error| error.to_string())?;
    let mut options = Options::new(ARCHES[0], KERNEL);
    options.arches = Arches::Exactly(ARCHES.into());
    options.unknown = UnknownSyscalls::Off;
    let resolved = profile.resolve(&options).map_err(|error| error.to_string())?;
    Ok(resolved.policy)
}

/// The rules as the driver reads them, one name a line.
fn rules(profile: &Seccomp) -> Result<String, String> {
    let mut lines = String::new();
    for rule in &profile.syscalls {
        let action = action(rule.action, rule.errno_ret)?.raw();
        let args: String = rule.args.iter().map(condition).collect();
        for name in rule.names.iter().flatten() {
            writeln!(lines, "rule {action} {name}{args}").map_err(|error| error.to_string())?;
        }
    }
    Ok(lines)
}

fn condition(arg: &Arg) -> String {
    format!(" {} {} {} {}", arg.index.raw(), arg.op.as_str(), arg.value, arg.value_two)
}

fn action(name: ActionName, errno: Option<u64>) -> Result<Action, String> {
    let errno = || u16::try_from(errno.unwrap_or(1)).ok().and_then(Action::errno);
    let known = match name {
        ActionName::Allow => Some(Action::ALLOW),
        ActionName::Errno => errno(),
        _ => None,
    };
    known.ok_or_else(|| format!("{name:?}: the profile has an action that is new here"))
}

/// The program that asks libseccomp, in a folder of its own that goes when this does.
struct Driver {
    folder: PathBuf,
}

impl Driver {
    fn build() -> Result<Self, String> {
        let folder = env::temp_dir().join(format!("callgate-scmp-capi-{}", process::id()));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let driver = Self { folder };
        let source = driver.folder.join("driver.c");
        fs::write(&source, DRIVER).map_err(|error| error.to_string())?;
        let mut compiler = Command::new("cc");
        compiler.args(["-std=gnu11", "-o"]).arg(driver.program()).arg(source).arg("-lseccomp");
        let output = compiler.output().map_err(|error| format!("cc: {error}"))?;
        match output.status.success() {
            true => Ok(driver),
            false => Err(format!(
                "cannot compile against libseccomp: on Debian, apt-get install gcc libseccomp-dev\n{}",
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }

    fn program(&self) -> PathBuf {
        self.folder.join("driver")
    }

    /// The names that exist for one side only, on any of the architectures.
    fn differing(&self, profile: &Seccomp) -> Result<BTreeSet<String>, String> {
        let names = || profile.syscalls.iter().flat_map(|rule| rule.names.iter().flatten());
        let questions: String = ARCHES
            .iter()
            .flat_map(|arch| names().map(move |name| format!("number {arch} {name}\n")))
            .collect();
        let (_, answers) = self.run(Action::ALLOW, 1, &questions)?;
        let mut differing = BTreeSet::new();
        for line in answers.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let ["number", arch, name, theirs] = words[..] else {
                return Err(format!("the driver says {line:?}"));
            };
            let theirs = theirs.parse().map_err(|_| format!("the driver says {line:?}"))?;
            if !same_number(arch, name, theirs)? {
                differing.insert(name.to_owned());
            }
        }
        Ok(differing)
    }

    /// The filter of some rules at a level of optimisation.
    fn filter(&self, profile: &Seccomp, rules: &str, level: u8) -> Result<Program, String> {
        let default = action(profile.default_action, profile.default_errno_ret)?;
        let arches: String = ARCHES.iter().map(|arch| format!("arch {arch}\n")).collect();
        let text = format!("bad-arch {}\n{arches}{rules}", Action::KILL_THREAD.raw());
        let (program, _) = self.run(default, level, &text)?;
        decode(&program).map(|decoded| decoded.program).map_err(|error| error.to_string())
    }

    /// What the driver makes of a text: a program, and what it tells.
    fn run(&self, default: Action, level: u8, text: &str) -> Result<(Vec<u8>, String), String> {
        let source = self.folder.join("input");
        fs::write(&source, text).map_err(|error| error.to_string())?;
        let input = File::open(&source).map_err(|error| error.to_string())?;
        let output = Command::new(self.program())
            .args([default.raw(), level.into()].map(|word: u32| word.to_string()))
            .stdin(input)
            .output()
            .map_err(|error| format!("the driver: {error}"))?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.success() {
            true => Ok((output.stdout, told)),
            false => Err(format!("libseccomp at level {level}: {told}")),
        }
    }
}

/// Whether a name exists on both sides or on neither.
///
/// libseccomp has negative numbers for what an architecture lacks, and on x86 from -100 to -299 for
/// what `socketcall` and `ipc` do there, whether or not there is a number beside these.
fn same_number(arch: &str, name: &str, theirs: i64) -> Result<bool, String> {
    let known = Arch::from_name(arch).zip(Name::parse(name));
    let ours = known.and_then(|(arch, name)| arch.syscall(name)).map(|syscall| syscall.nr.raw());
    match (ours.map(i64::from), theirs) {
        (_, -299..=-100) => Ok(true),
        (Some(ours), 0..) if ours != theirs => {
            Err(format!("{name} on {arch} is {ours} here and {theirs} there"))
        }
        (ours, _) => Ok(theirs != -1 && ours.is_some() == (theirs >= 0)),
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _removed = fs::remove_dir_all(&self.folder);
    }
}
