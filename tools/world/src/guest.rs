//! What a guest is told to do, and what it says.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use crate::image::{BIN, LIB};
use crate::machine::Machine;
use crate::programs::Programs;
use crate::shell::{kept, made};
use crate::world::{Plan, World};

/// What a world reported.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) world: &'static World,
    /// What the kernel calls itself.
    pub(crate) release: String,
    /// Its settings of compiled filters as they were after they were set: enabled, hardened.
    pub(crate) settings: Vec<String>,
    /// The checks that were to be made.
    pub(crate) wanted: Vec<&'static str>,
    pub(crate) checks: Vec<Check>,
}

/// A check in a guest.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) lines: Vec<String>,
    /// How it ended; none where it did not.
    pub(crate) status: Option<i32>,
}

/// The checks, by the words that start them. `PART` and `SEED` are those of the plan.
const CHECKS: [(&str, &str); 6] = [
    ("doctor", "doctor"),
    ("command", "command"),
    ("live", "@BIN@/conformance-live --library @BIN@"),
    ("notify", "@BIN@/conformance-notify --part PART"),
    ("api", "api"),
    ("kernel", "@BIN@/conformance-kernel --part PART --seed SEED CLOCK"),
];

/// The checks that are among the words, or all; an error names a word that is none.
pub(crate) fn checks(words: &[String]) -> Result<Vec<&'static str>, String> {
    let names = CHECKS.map(|(name, _)| name);
    match words.iter().find(|word| !names.contains(&word.as_str())) {
        Some(word) => Err(format!("{word}: the checks are {}", names.join(", "))),
        None if words.is_empty() => Ok(names.to_vec()),
        None => Ok(names.into_iter().filter(|name| words.iter().any(|w| w == name)).collect()),
    }
}

/// How long a guest may take, in seconds.
const SECONDS_MAX: u32 = 900;
const SECONDS_MAX_TRANSLATED: u32 = 3_600;

/// What a guest's first process does. Its lines with `@@` are for [`read`].
pub(crate) fn script(plan: &Plan, programs: &Programs) -> Result<String, String> {
    let all = programs.programs.iter().all(|program| program.exists());
    if !all {
        return Err(format!("not all of {programs:?} were built"));
    }
    let [enable, harden] = plan.jit.settings();
    let mut script = PREPARATION.to_owned();
    script.push_str(&format!("setting bpf_jit_enable {enable}\nsetting bpf_jit_harden {harden}\n"));
    for (name, command) in CHECKS.iter().filter(|(name, _)| plan.checks.contains(name)) {
        let command = command.replace("PART", &plan.part.to_string());
        let clock = if plan.translated { "--translated" } else { "" };
        let command = command.replace("CLOCK", clock);
        let command = command.replace("SEED", &plan.seed.to_string());
        script.push_str(&format!("check {name} {command}\n"));
    }
    script.push_str("echo '@@ done'\npoweroff -f\n");
    Ok(script.replace("@LIB@", LIB).replace("@BIN@", BIN))
}

const PREPARATION: &str = r#"#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs none /dev
exec </dev/console >/dev/console 2>&1
mount -t proc none /proc || echo "@@ no proc"
mount -t sysfs none /sys
mount -t tmpfs none /tmp
mkdir -p /dev/pts /dev/shm
mount -t devpts none /dev/pts
mount -t tmpfs none /dev/shm
ip link set lo up
export PATH=/bin:/usr/bin HOME=/tmp RUST_BACKTRACE=0
setting() {
    [ -e /proc/sys/net/core/$1 ] && echo $2 >/proc/sys/net/core/$1
    echo "@@ setting $1 $(cat /proc/sys/net/core/$1 2>&1)"
}
check() {
    name=$1
    shift
    echo "@@ begin $name"
    "$@" </dev/null
    echo "@@ end $name $?"
}
api() {
    @BIN@/api >/tmp/theirs && LD_LIBRARY_PATH=@LIB@ @BIN@/api >/tmp/ours || return 1
    diff /tmp/theirs /tmp/ours && echo "api: $(wc -l </tmp/ours) lines are the same"
}
doctor() {
    @BIN@/callgate doctor >/tmp/doctor
    # 1 says that something is not there.
    [ $? -le 1 ] || return 1
    cat /tmp/doctor
    echo "doctor: $(grep -c '^  yes' /tmp/doctor) answers yes, $(grep -c '^  no' /tmp/doctor) no"
}
# A policy's text, to the call that is refused; and calls that are recorded, to the profile that allows them.
command() {
    cd /tmp
    printf 'policy 1\ndefault allow\nerrno EPERM kill where sig == SIGUSR1\n' >one.gate
    refuses run || return 1
    refuses run --explain || return 1
    @BIN@/callgate learn --backend notify -o seen.gate -- /bin/sh -c 'true & exit 0' || return 1
    @BIN@/callgate run --profile seen.gate -- /bin/sh -c 'true & exit 0' || return 1
    @BIN@/callgate run --profile seen.gate -- /bin/hostname other && return 1
    [ "$(hostname)" != other ] && echo "command: 7 commands ended as they should"
}
refuses() {
    @BIN@/callgate "$@" --profile one.gate -- /bin/sh -c 'trap "" USR1; kill -USR1 $$' && return 1
    @BIN@/callgate "$@" --profile one.gate -- /bin/sh -c 'trap "" USR2; kill -USR2 $$'
}
echo "@@ release $(uname -r)"
"#;

/// Boots a kernel with a file system, and reads what the guest says until it is off.
pub(crate) fn boot(
    world: &'static World,
    plan: &Plan,
    kernel: &Path,
    image: &Path,
) -> Result<Report, String> {
    let consoles = kept("consoles");
    made(&consoles)?;
    let path = consoles.join(world.name().replace(' ', "-")).with_extension("log");
    let console = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut qemu = emulator(world.machine);
    qemu.arg("-kernel").arg(kernel).arg("-initrd").arg(image);
    // An emulator that gets little of a busy machine ticks too late for a kernel that counts the
    // ticks of its timer, and panics where there are none.
    qemu.arg("-append").arg(format!(
        "console={} quiet loglevel=1 panic=-1 rdinit=/init syscall.x32=y no_timer_check",
        world.machine.console
    ));
    let errors = console.try_clone().map_err(|error| error.to_string())?;
    let status = qemu.stdin(std::process::Stdio::null()).stdout(console).stderr(errors).status();
    let status = status.map_err(|error| format!("{qemu:?}: {error}"))?;
    let said = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let said = String::from_utf8_lossy(&said).into_owned();
    let report = read(world, &plan.checks, &said);
    match report.checks.is_empty() {
        true => Err(format!("{status}: the guest did not begin, see {}\n{said}", path.display())),
        false => Ok(report),
    }
}

fn emulator(machine: &Machine) -> Command {
    let seconds = if machine.accelerated() { SECONDS_MAX } else { SECONDS_MAX_TRANSLATED };
    let mut qemu = Command::new("timeout");
    qemu.arg(seconds.to_string());
    if !machine.accelerated() {
        qemu.args(["nice", "-n", "10"]);
    }
    qemu.arg(machine.qemu).args(machine.arguments).args(machine.acceleration());
    qemu.args(["-smp", "2", "-m", "1G", "-nic", "none", "-no-reboot"]);
    qemu.args(["-display", "none", "-monitor", "none", "-serial", "stdio"]);
    qemu
}

/// Makes a report of a console's text.
fn read(world: &'static World, wanted: &[&'static str], said: &str) -> Report {
    let (release, settings, checks) = (String::new(), Vec::new(), Vec::new());
    let mut report = Report { world, release, settings, wanted: wanted.to_vec(), checks };
    let mut open = false;
    for line in said.lines() {
        let line = line.trim_end_matches('\r');
        // A program may have left its last line without an end.
        let told = line.split_once("@@ ").map(|(_, told)| told.split(' ').collect::<Vec<_>>());
        match (told.as_deref(), report.checks.last_mut()) {
            (Some(["release", release]), _) => report.release = (*release).into(),
            (Some(["setting", _, value @ ..]), _) => report.settings.push(value.join(" ")),
            (Some(["begin", name]), _) => {
                let name = (*name).to_owned();
                report.checks.push(Check { name, lines: Vec::new(), status: None });
                open = true;
            }
            (Some(["end", _, status]), Some(check)) => {
                check.status = status.parse().ok();
                open = false;
            }
            (_, Some(check)) if open => check.lines.push(line.into()),
            _ => {}
        }
    }
    report
}

impl Report {
    /// What failed: the last words of each check that did not end well.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut failures: Vec<String> = self
            .checks
            .iter()
            .filter(|check| check.status != Some(0))
            .map(|check| format!("{}: {}", check.name, check.complaint()))
            .collect();
        let missing = self.wanted.iter();
        let missing = missing.filter(|name| !self.checks.iter().any(|check| check.name == **name));
        failures.extend(missing.map(|name| format!("{name}: was not reached")));
        failures
    }

    /// What the kernel makes of filters: what it was told, or what it would not be told.
    pub(crate) fn filters(&self) -> String {
        let wanted = self.world.jit;
        let found: Vec<&str> = self.settings.iter().map(String::as_str).collect();
        let is_set = wanted.settings().map(|value| value.to_string()) == found[..];
        match (is_set, &found[..]) {
            (true, _) => wanted.name().into(),
            // There are no such settings without a compiler.
            (false, [enable, _]) if enable.contains("No such file") => {
                "interpreter, as this kernel has no jit".into()
            }
            (false, ["1", _]) => format!("jit, as this kernel has no {}", wanted.name()),
            (false, found) => format!("{} was not to be had: {found:?}", wanted.name()),
        }
    }

    /// How it went, in a few words.
    pub(crate) fn verdict(&self) -> String {
        let failures = self.failures();
        match failures.is_empty() {
            true => format!("Linux {}, {} checks passed", self.release, self.checks.len()),
            false => format!("Linux {}: {}", self.release, failures.join("; ")),
        }
    }
}

impl Check {
    fn complaint(&self) -> String {
        let failed: Vec<&str> = self.failed().collect();
        match (&failed[..], self.lines.last()) {
            ([], Some(line)) => format!("{line} (status {:?})", self.status),
            ([], None) => format!("said nothing (status {:?})", self.status),
            (failed, _) => failed.join("; "),
        }
    }

    /// The rows that failed, each with its reason.
    fn failed(&self) -> impl Iterator<Item = &str> {
        let reasons = self.lines.iter().skip(1);
        let rows = self.lines.iter().zip(reasons);
        let failed = rows.filter(|(row, _)| row.starts_with("FAIL"));
        failed.flat_map(|(row, reason)| [row.as_str(), reason.trim()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::WORLDS;

    #[test]
    fn a_report_has_what_the_guest_said_between_the_marks() {
        let said = "boot\r\n@@ release 6.1\r\n@@ setting bpf_jit_enable 1\r\n@@ begin kernel\r\nchecker: 5\r\n@@ end kernel 0\r\n\
                    between\r\n@@ begin live\r\nFAIL  a: b: c\r\n     why@@ end live 1\r\n";
        let report = read(&WORLDS[0], &["kernel", "live", "api"], said);
        assert_eq!((report.release.as_str(), &report.settings[..]), ("6.1", &["1".to_owned()][..]));
        assert_eq!(report.checks[0].lines, ["checker: 5"]);
        assert_eq!(report.checks[0].status, Some(0));
        assert_eq!(report.checks[1].status, Some(1));
        let failures = report.failures();
        assert_eq!(failures.len(), 2, "{failures:?}");
        assert_eq!(failures[1], "api: was not reached");
    }

    #[test]
    fn a_guest_that_dies_within_a_check_has_failed() {
        let report = read(&WORLDS[0], &["kernel"], "@@ begin kernel\nchecker: 5\nKernel panic\n");
        assert!(report.failures()[0].starts_with("kernel: Kernel panic"));
    }
}
