//! Commands, processes and control groups recorded in the kernel.
//!
//! Claim: C-RECORDED
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command as Program, Stdio};
use std::time::{Duration, Instant};

use callgate_kernel::child::Ending;
use callgate_kernel::{Command, Tid};
use callgate_observe::record::{
    Ebpf, EbpfError, Event, Going, Interest, Notify, Observer, Ptrace, Recorded, Recorder, Whom,
};
use callgate_syscalls::{Arch, SeccompData, names};
use callgate_testkit as support;

/// What was seen: number and ABI, arguments, results, threads.
#[derive(Default)]
struct Kept {
    calls: BTreeMap<(u32, u32), u64>,
    args: BTreeSet<(u32, [u64; 6])>,
    results: BTreeSet<(u32, i64)>,
    threads: BTreeSet<String>,
    /// Ends the recording once this was seen so often, or after so many ticks.
    enough: Option<(u32, u64)>,
    ticks: u32,
}

impl Observer for Kept {
    fn event(&mut self, event: &Event<'_>) {
        let SeccompData { nr, arch, args, .. } = *event.call;
        *self.calls.entry((arch.raw(), nr.raw())).or_default() += event.count;
        self.args.insert((nr.raw(), args));
        self.results.extend(event.result.map(|result| (nr.raw(), result)));
        self.threads.insert(event.thread.to_owned());
    }

    fn tick(&mut self, _signals: u32) -> Going {
        self.ticks += 1;
        match self.enough {
            Some((nr, count)) if self.of(nr) >= count || self.ticks > 60 => Going::End,
            _ => Going::On,
        }
    }
}

impl Kept {
    fn of(&self, nr: u32) -> u64 {
        self.calls.iter().filter(|((_, n), _)| *n == nr).map(|(_, count)| count).sum()
    }

    fn set(&self) -> BTreeSet<(u32, u32)> {
        self.calls.keys().copied().collect()
    }
}

fn number(name: callgate_syscalls::Name) -> u32 {
    Arch::native().unwrap().syscall(name).unwrap().nr.raw()
}

fn recorder() -> Option<Ebpf> {
    let arch = Arch::native().unwrap();
    let socket = arch.syscall(names::SOCKET).unwrap().nr;
    let access = arch.syscall(names::PRLIMIT64).unwrap().nr;
    let interests = vec![
        Interest {
            arch: arch.token(),
            nr: socket,
            masks: [0xffff_ffff, 0xffff_ffff, 0, 0, 0, 0],
            is_given: [false; 6],
        },
        Interest {
            arch: arch.token(),
            nr: access,
            masks: [0, 0, u64::MAX, 0, 0, 0],
            is_given: [false, false, true, false, false, false],
        },
    ];
    match Ebpf::everything(interests) {
        Ok(recorder) => Some(recorder),
        Err(error) => {
            use EbpfError::{NoBpf, NotPermitted, Old};
            assert!(matches!(error, NotPermitted { .. } | NoBpf | Old { .. }), "{error}");
            support::skip("recording in the kernel is not permitted here");
            None
        }
    }
}

fn recorded_by(recorder: &dyn Recorder, words: &[&str]) -> (Kept, Recorded) {
    let words = words.iter().map(|word| CString::new(*word).unwrap()).collect();
    let command = Command::resolve_here(words).unwrap();
    let mut kept = Kept::default();
    let recorded = recorder.record(&command, &mut kept).unwrap();
    assert_eq!((recorded.lost, recorded.unfollowed), (0, 0));
    (kept, recorded)
}

/// A process that does nothing until it is told to, and then what its script says.
struct Waiting(Child);

impl Waiting {
    fn new(script: &str) -> Self {
        let mut command = Program::new("/usr/bin/python3");
        let script =
            format!("import sys\nprint('ready', flush=True)\nsys.stdin.readline()\n{script}");
        command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }

    fn go(&mut self) {
        self.0.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Processes that are told to go on once the recorder asks, which is when it records.
struct Starts<'a> {
    kept: Kept,
    waiting: Vec<&'a mut Waiting>,
}

impl Observer for Starts<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.kept.event(event);
    }

    fn tick(&mut self, signals: u32) -> Going {
        self.waiting.drain(..).for_each(Waiting::go);
        self.kept.tick(signals)
    }
}

/// One test, because signals and timers are a process's own.
#[test]
fn programs_in_the_kernel_see_what_is_asked_for_and_nothing_else() {
    let Some(recorder) = recorder() else { return };
    a_command_and_all_it_starts(&recorder);
    arguments_results_and_counts(&recorder);
    what_cannot_be_executed(&recorder);
    calls_of_32_bits(&recorder);
    refused_calls(&recorder);
    a_process_that_runs(&recorder);
    a_control_group(&recorder);
}

/// As the other recorders see it. Nothing here runs beside the shell: how it waits for a background
/// job depends on which of the two is faster.
fn a_command_and_all_it_starts(recorder: &Ebpf) {
    let script =
        "/bin/cat /proc/self/comm >/dev/null; test -e /nowhere/x; (exec /bin/true); exit 7";
    let words = ["/bin/sh", "-c", script];
    let (kept, recorded) = recorded_by(recorder, &words);
    assert_eq!(recorded.ending, Some(Ending::Exited { code: 7 }));
    assert_eq!(kept.of(number(names::EXECVE)), 3, "{:?}", kept.calls);
    assert_eq!(kept.of(number(names::EXIT_GROUP)), 3, "calls that never return");
    assert!(kept.threads.contains("cat"), "{:?}", kept.threads);
    assert!(!kept.threads.iter().any(|name| name.starts_with("programs_in")), "not the recorder");
    let (notified, _) = recorded_by(&Notify::everything().unwrap(), &words);
    let (traced, _) = recorded_by(&Ptrace::everything(), &words);
    assert_eq!(kept.set(), notified.set());
    assert_eq!(kept.set(), traced.set());
    // Orphans, too, are waited for.
    let orphan = ["/bin/sh", "-c", "(sleep 0.2; sync) & exit 3"];
    let (kept, recorded) = recorded_by(recorder, &orphan);
    assert_eq!(recorded.ending, Some(Ending::Exited { code: 3 }));
    assert_eq!(kept.of(number(names::SYNC)), 1);
}

fn arguments_results_and_counts(recorder: &Ebpf) {
    let script = "
import os, socket, resource, threading
for i in range(5000): os.getppid()
a = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
threading.Thread(target=os.getpgrp).start()
try: os.stat('/nowhere')
except OSError: pass
";
    let (kept, _) = recorded_by(recorder, &["/usr/bin/python3", "-c", script]);
    assert_eq!(kept.of(number(names::GETPPID)), 5000, "each call is counted");
    assert_eq!(kept.of(number(names::GETPGRP)), 1, "of a thread");
    let cloexec_datagram = 0x80002;
    let socket = number(names::SOCKET);
    assert!(kept.args.contains(&(socket, [1, cloexec_datagram, 0, 0, 0, 0])), "{:?}", kept.args);
    let prlimit = number(names::PRLIMIT64);
    let given: BTreeSet<_> = kept.args.iter().filter(|(nr, _)| *nr == prlimit).collect();
    let expected = [(prlimit, [0; 6]), (prlimit, [0, 0, 1, 0, 0, 0])];
    assert_eq!(given, expected.iter().collect(), "whether it is given, never the pointer");
    let kept_of_others = kept
        .args
        .iter()
        .filter(|(nr, args)| *nr != socket && *nr != prlimit && args.iter().any(|arg| *arg != 0));
    assert_eq!(kept_of_others.count(), 0, "registers that nobody asked for");
    assert!(kept.results.iter().any(|(_, result)| *result == -2), "{:?}", kept.results);
}

fn what_cannot_be_executed(recorder: &Ebpf) {
    let file = std::env::temp_dir().join(format!("callgate-ebpf-{}", std::process::id()));
    fs::write(&file, "#!/nowhere/interpreter\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&file, mode).unwrap();
    let path = CString::new(file.to_str().unwrap()).unwrap();
    let command = Command::resolve_here(vec![path]).unwrap();
    let mut kept = Kept::default();
    let refused = recorder.record(&command, &mut kept);
    fs::remove_file(&file).unwrap();
    assert!(refused.is_err() && kept.calls.is_empty(), "{refused:?} {:?}", kept.calls);
}

/// A program of 32 bits, and one of 64 that makes a call of 32.
fn calls_of_32_bits(recorder: &Ebpf) {
    if Arch::native() != Some(Arch::X86_64) {
        return support::skip("there is no i386 here");
    }
    let folder = std::env::temp_dir().join(format!("callgate-ebpf-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let source = folder.join("narrow.c");
    let text = r#"
static int call(int nr) {
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(nr) : "memory");
    return result;
}
void _start(void) {
    call(57 + 8 /* getpgrp */);
    __asm__ volatile("int $0x80" : : "a"(1 /* exit */), "b"(5));
}
"#;
    fs::write(&source, text).unwrap();
    for width in ["-m32", "-m64"] {
        let program = folder.join(format!("narrow{width}"));
        let built = Program::new("cc")
            .args([width, "-nostdlib", "-static", "-fno-pie", "-no-pie", "-o"])
            .args([&program, &source])
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let (kept, recorded) = recorded_by(recorder, &[program.to_str().unwrap()]);
        assert_eq!(recorded.ending, Some(Ending::Exited { code: 5 }), "{width}");
        let (wide, narrow) = (Arch::X86_64.token().raw(), Arch::X86.token().raw());
        let expected = [(narrow, 1), (narrow, 65), (wide, number(names::EXECVE))];
        assert_eq!(kept.set(), expected.into_iter().collect(), "{width}");
    }
    fs::remove_dir_all(&folder).unwrap();
}

/// What a filter refuses never gets to where most recorders look.
fn refused_calls(recorder: &Ebpf) {
    let script = "
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
program = struct.pack('HBBI', 0x20, 0, 0, 0) + struct.pack('HBBI', 0x15, 0, 1, int(%d))
program += struct.pack('HBBI', 6, 0, 0, 0x5000d) + struct.pack('HBBI', 6, 0, 0, 0x7fff0000)
code = ctypes.create_string_buffer(program)
fprog = struct.pack('HxxxxxxQ', 4, ctypes.addressof(code))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.create_string_buffer(fprog), 0, 0) == 0
assert libc.sync.restype and libc.getpgid(0) == -1
";
    let script = script.replace("%d", &number(names::GETPGID).to_string());
    let (kept, recorded) = recorded_by(recorder, &["/usr/bin/python3", "-c", &script]);
    assert_eq!(recorded.ending, Some(Ending::Exited { code: 0 }));
    assert_eq!(kept.of(number(names::GETPGID)), 1);
    assert!(kept.results.contains(&(number(names::GETPGID), -13)));
}

fn a_process_that_runs(recorder: &Ebpf) {
    let mut python = Waiting::new(
        "import os, subprocess, threading\n\
         threading.Thread(target=os.getpgrp).start()\n\
         subprocess.run(['sync'])\n",
    );
    let mut other = Waiting::new("import os\nfor i in range(1000): os.getppid()\n");
    let process = Tid::new(python.0.id()).unwrap();
    let mut starts = Starts { kept: Kept::default(), waiting: vec![&mut other, &mut python] };
    let recorded = recorder.follow(&Whom::Processes(vec![process]), None, &mut starts).unwrap();
    assert_eq!((recorded.ending, recorded.lost, recorded.unfollowed), (None, 0, 0));
    let kept = starts.kept;
    assert_eq!(kept.of(number(names::GETPGRP)), 1, "of its thread: {:?}", kept.calls);
    assert_eq!(kept.of(number(names::SYNC)), 1, "of its child");
    assert!(kept.of(number(names::READ)) >= 1, "the call that it was in");
    assert_eq!(kept.of(number(names::GETPPID)), 0, "another process");

    // A time ends it, and the process lives on; the call that it is in is told.
    let mut waiting = Waiting::new("import time\nprint(1)\n");
    let begin = Instant::now();
    let mut kept = Kept::default();
    let time = Some(Duration::from_millis(300));
    let process = Whom::Processes(vec![Tid::new(waiting.0.id()).unwrap()]);
    recorder.follow(&process, time, &mut kept).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert!(waiting.0.try_wait().unwrap().is_none());

    let gone = Tid::new(0x3fff_fff0).unwrap();
    let refused = recorder.follow(&Whom::Processes(vec![gone]), None, &mut kept);
    assert_eq!(refused.unwrap_err(), EbpfError::NoProcess { process: gone });
}

fn a_control_group(recorder: &Ebpf) {
    let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
    let root = roots.iter().find(|root| fs::metadata(format!("{root}/cgroup.procs")).is_ok());
    let Some(root) = root else { return support::skip("there are no control groups here") };
    let group = format!("{root}/callgate-ebpf-{}", std::process::id());
    if fs::create_dir_all(format!("{group}/inner")).is_err() {
        return support::skip("no control group can be made here");
    }
    let mut inside = Waiting::new("import subprocess\nsubprocess.run(['sync'])\n");
    let mut outside = Waiting::new("import os\nfor i in range(1000): os.getppid()\n");
    fs::write(format!("{group}/inner/cgroup.procs"), inside.0.id().to_string()).unwrap();
    let kept = Kept { enough: Some((number(names::SYNC), 1)), ..Kept::default() };
    let mut starts = Starts { kept, waiting: vec![&mut outside, &mut inside] };
    let whom = Whom::Group(File::open(&group).unwrap());
    let recorded = recorder.follow(&whom, Some(Duration::from_secs(60)), &mut starts);
    let mut kept = starts.kept;
    inside.0.wait().unwrap();
    fs::remove_dir(format!("{group}/inner")).unwrap();
    fs::remove_dir(&group).unwrap();
    let recorded = recorded.unwrap();
    assert_eq!((recorded.lost, recorded.unfollowed), (0, 0));
    assert_eq!(kept.of(number(names::SYNC)), 1, "inside: {:?}", kept.calls);
    assert_eq!(kept.of(number(names::GETPPID)), 0, "outside: {:?}", kept.calls);
    let not_a_group = Whom::Group(File::open("/tmp").unwrap());
    let refused = recorder.follow(&not_a_group, None, &mut kept).unwrap_err();
    assert!(matches!(refused, EbpfError::NoGroup { .. }), "{refused}");
}
