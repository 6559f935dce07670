//! Profiles that a container can start under: cases of our own, random ones, and those that engines
//! come with.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use fastrand::Rng;

/// What runtimes call behind their filter, and a program that waits.
const BASE: &str = r#"["access", "arch_prctl", "brk", "capset", "chdir", "clock_nanosleep", "close", "close_range",
    "dup3", "epoll_ctl", "epoll_pwait", "execve", "exit", "exit_group", "fchown", "fcntl", "fstat", "fstatfs", "futex",
    "getcwd", "getdents64", "getpid", "getppid", "getrandom", "gettid", "getuid", "ioctl", "keyctl", "lstat", "madvise",
    "mmap", "mprotect", "munmap", "nanosleep", "newfstatat", "openat", "pause", "prctl", "prlimit64", "read", "readlink",
    "readlinkat", "rseq", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_yield", "set_robust_list",
    "set_tid_address", "setgid", "setgroups", "setresgid", "setresuid", "setuid", "sigaltstack", "stat", "statfs",
    "tgkill", "uname", "write"]"#;

/// A profile and what it is called.
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) text: String,
}

impl Sample {
    fn new(name: impl Into<String>, text: &str) -> Self {
        Self { name: name.into(), text: text.replace("BASE", BASE) }
    }
}

/// The cases, one for each matter in which readings differ, and one for the order.
pub(super) fn cases() -> Vec<Sample> {
    [
        ("multiplexed", include_str!("../testdata/1-multiplexed.json")),
        ("newer", include_str!("../testdata/2-newer.json")),
        ("default action", include_str!("../testdata/3-default-action.json")),
        ("capabilities", include_str!("../testdata/4-capabilities.json")),
        ("architectures", include_str!("../testdata/5-architectures.json")),
        ("order", include_str!("../testdata/6-order.json")),
        ("conditions", include_str!("../testdata/7-conditions.json")),
    ]
    .map(|(name, text)| Sample::new(name, text))
    .into()
}

/// Podman's default profile, where its package is installed.
pub(super) fn podmans() -> Result<Sample, String> {
    let path = "/usr/share/containers/seccomp.json";
    let text = fs::read_to_string(path).map_err(|error| {
        format!("{path}: {error}; on Debian, apt-get install golang-github-containers-common")
    })?;
    Ok(Sample { name: "Podman's default".into(), text })
}

/// Docker's default profile, out of the package with its sources. That needs 250 others to be
/// installed, so it is unpacked.
pub(super) fn dockers(folder: &Path) -> Result<Sample, String> {
    let package = "golang-github-docker-docker-dev";
    let script = format!("apt-get download -q {package} && dpkg-deb -x {package}*.deb .");
    let output = Command::new("sh").args(["-c", &script]).current_dir(folder).output();
    let output = output.map_err(|error| format!("sh: {error}"))?;
    let path = "usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json";
    let text = fs::read_to_string(folder.join(path)).map_err(|error| {
        format!("{package}: {error}: {}", String::from_utf8_lossy(&output.stderr))
    })?;
    Ok(Sample { name: "Docker's default".into(), text })
}

const VALUES: [u64; 10] =
    [0, 1, 5, 7, 0x105, 0x7fff_ffff, 0xffff_ffff, 1 << 32, (1 << 32) + 5, u64::MAX];

const MASKS: [u64; 7] =
    [1, 0xf, 0xffff_ffff, u64::MAX, u64::MAX << 32, (u64::MAX << 32) + 1, (1 << 32) + 15];

/// Multiplexed on x86, where rules meet on one number: equalities only, on which Debian's library
/// is right. All have a number of their own there too: behind the pseudo number of one that has
/// none, the library forgets to load the syscall number.
const MULTIPLEXED: [&str; 4] = ["socket", "connect", "shmget", "msgctl"];
const PLAIN: [&str; 5] = ["personality", "mincore", "splice", "tee", "userfaultfd"];

const ACTIONS: [&str; 5] = [
    r#""SCMP_ACT_ALLOW""#,
    r#""SCMP_ACT_ERRNO""#,
    r#""SCMP_ACT_ERRNO", "errnoRet": 7"#,
    r#""SCMP_ACT_TRAP""#,
    r#""SCMP_ACT_KILL_PROCESS""#,
];

const ARCHES: [&str; 4] = [
    "",
    r#""SCMP_ARCH_X86_64""#,
    r#""SCMP_ARCH_X86_64", "SCMP_ARCH_X86""#,
    r#""SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32""#,
];

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}

/// A profile of random rules on calls that no start needs. In one of two there are `includes` and
/// `excludes`, which only engines know.
pub(super) fn random(rng: &mut Rng, number: usize, is_for_engines: bool) -> Sample {
    let default = pick(rng, &["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_TRAP"]);
    let mut rules = String::new();
    for name in PLAIN.iter().chain(&MULTIPLEXED) {
        let ordered = PLAIN.contains(name) && rng.bool();
        let action = pick(rng, &ACTIONS);
        for _ in 0..rng.usize(..=3) {
            // Bounds with several actions are what Debian's library gets wrong.
            let action = if ordered { action } else { pick(rng, &ACTIONS) };
            let args = if ordered { bounds(rng) } else { equalities(rng) };
            let circumstances = if is_for_engines { circumstances(rng) } else { "" };
            let _ = write!(
                rules,
                ",\n  {{\"names\": [\"{name}\"], \"action\": {action}, \"args\": [{args}]{circumstances}}}"
            );
        }
    }
    let arches = pick(rng, &ARCHES);
    let base = r#"{"names": BASE, "action": "SCMP_ACT_ALLOW"}"#;
    let text = format!(
        "{{\"defaultAction\": \"{default}\", \"architectures\": [{arches}], \"syscalls\": [\n  {base}{rules}]}}"
    );
    Sample::new(format!("random {number}"), &text)
}

/// Equalities on up to three arguments, sometimes two on one.
fn equalities(rng: &mut Rng) -> String {
    let mut args = Vec::new();
    for index in 0..3 {
        for _ in 0..pick(rng, &[0, 0, 0, 1, 1, 1, 1, 2]) {
            args.push(match rng.bool() {
                true => arg(index, "EQ", pick(rng, &VALUES), 0),
                false => arg(index, "MASKED_EQ", pick(rng, &MASKS), pick(rng, &VALUES)),
            });
        }
    }
    rng.shuffle(&mut args);
    args.join(", ")
}

/// One or two bounds on one argument.
fn bounds(rng: &mut Rng) -> String {
    let index = 1;
    let mut bound = || {
        let operator = pick(rng, &["LT", "LE", "GT", "GE"]);
        arg(index, operator, pick(rng, &VALUES[..6]), 0)
    };
    let first = bound();
    let second = bound();
    if rng.bool() { first } else { format!("{first}, {second}") }
}

fn arg(index: u8, operator: &str, value: u64, two: u64) -> String {
    format!(
        "{{\"index\": {index}, \"value\": {value}, \"valueTwo\": {two}, \"op\": \"SCMP_CMP_{operator}\"}}"
    )
}

fn circumstances(rng: &mut Rng) -> &'static str {
    pick(
        rng,
        &[
            "",
            "",
            r#", "includes": {"caps": ["CAP_KILL"]}"#,
            r#", "includes": {"caps": ["cap_kill"]}"#,
            r#", "excludes": {"caps": ["CAP_KILL"]}"#,
            r#", "excludes": {"arches": ["x86_64"]}"#,
            r#", "includes": {"arches": ["amd64", "arm"]}"#,
        ],
    )
}
