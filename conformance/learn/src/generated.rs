//! Generated C programs whose calls are known exactly.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use callgate_learn::CallKey;
use callgate_syscalls::{Arch, Name, names};

use crate::bench::Bench;
use crate::measure::read;

/// Calls that any program may make with zeroes, and that no C library makes at its start.
const HARMLESS: [Name; 16] = [
    names::GETPPID,
    names::GETPGRP,
    names::GETUID,
    names::GETEGID,
    names::SCHED_YIELD,
    names::SYNC,
    names::GETSID,
    names::SCHED_GETSCHEDULER,
    names::UMASK,
    names::GETPRIORITY,
    names::GETGROUPS,
    names::TIMES,
    names::ALARM,
    names::INOTIFY_INIT,
    names::EPOLL_CREATE1,
    names::MUNLOCKALL,
];

/// Learns so many programs; each by notification, by tracing and, where that is permitted, in the
/// kernel.
pub(crate) fn run(bench: &Bench, programs: u64) -> Result<u64, String> {
    if Arch::native() != Some(Arch::X86_64) {
        return Ok(0);
    }
    let empty = learned(bench, "empty", "", "notify")?;
    let backends = backends(bench)?;
    for seed in 0..programs {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut body, mut truth) = (String::new(), BTreeSet::new());
        for name in HARMLESS {
            // By syscall, in a thread, or through the 32-bit ABI.
            let way = random.u8(0..5);
            let arch = if way == 2 { Arch::X86 } else { Arch::X86_64 };
            let Some(call) = CallKey::named(arch, name).filter(|_| way < 3) else { continue };
            truth.insert(call);
            let nr = call.nr.raw();
            let _ = match way {
                0 => writeln!(body, "    syscall({nr}L, 0L, 0L, 0L);"),
                1 => writeln!(body, "    in_child({nr}L);"),
                _ => writeln!(body, "    narrow({nr});"),
            };
        }
        for backend in backends {
            let seen = learned(bench, &format!("p{seed}"), &body, backend)?;
            let own: BTreeSet<CallKey> = seen.difference(&empty).copied().collect();
            if own != truth {
                let missed: Vec<_> = truth.difference(&own).map(CallKey::to_string).collect();
                let more: Vec<_> = own.difference(&truth).map(CallKey::to_string).collect();
                return Err(format!(
                    "program {seed} by {backend}: missed {missed:?}, and saw {more:?}"
                ));
            }
        }
    }
    Ok(programs)
}

/// The recorders that work here.
pub(crate) fn backends(bench: &Bench) -> Result<&'static [&'static str], String> {
    let asked = bench.callgate(&["learn", "--backend", "ebpf", "--", "true"])?;
    if asked.status.success() {
        return Ok(&["notify", "ptrace", "ebpf"]);
    }
    println!("skipped: {}", String::from_utf8_lossy(&asked.stderr).trim());
    Ok(&["notify", "ptrace"])
}

/// The calls of a program that are learned.
fn learned(
    bench: &Bench,
    name: &str,
    body: &str,
    backend: &str,
) -> Result<BTreeSet<CallKey>, String> {
    let [source, program, evidence, gate] =
        ["c", "out", "evidence", "gate"].map(|kind| bench.at(&format!("{name}.{kind}")));
    let text = format!("{PRELUDE}int main(void) {{\n    in_child(-1);\n{body}    return 0;\n}}\n");
    fs::write(&source, text).map_err(|error| error.to_string())?;
    house::output(Command::new("cc").arg("-O1").arg("-o").arg(&program).arg(&source))?;
    let _ = fs::remove_file(&evidence);
    let [gate, program] = [gate, program].map(|path| path.display().to_string());
    let recorded = ["learn", "--force", "--backend", backend, "-o", &gate, "--", &program];
    let output = bench.callgate(&recorded)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() || !said.contains("exit 0") {
        return Err(format!("{name} by {backend}: {said}"));
    }
    Ok(read(&evidence)?.calls().map(|(key, _)| key).collect())
}

/// Calls in a child, and through the 32-bit ABI. -1 makes none.
const PRELUDE: &str = r#"
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void in_child(long nr) {
    pid_t child = fork();
    if (child == 0) {
        if (nr >= 0) syscall(nr, 0L, 0L, 0L);
        _exit(0);
    }
    waitpid(child, 0, 0);
}

__attribute__((unused)) static void narrow(int nr) {
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(0), "c"(0), "d"(0) : "memory");
}

"#;
