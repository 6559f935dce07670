//! `cargo xtask live`: real programs do their work under the profile `container`, and what it
//! refuses is refused.
//!
//! Each program runs through the command `callgate run`, in a temporary folder, and is judged by
//! what it produced. A program that is not installed is an error and not a skip: `.ci/run` installs
//! them all.

mod containers;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::{build_command, cargo};

/// One scenario: what it shows, and the function that plays it in an empty folder.
type Scenario = (&'static str, fn(&Sandbox) -> Result<(), String>);

const SCENARIOS: &[Scenario] = &[
    ("the README's first command", readme),
    ("a shell session", shell),
    ("python: asyncio, multiprocessing, sockets, subprocesses", python),
    ("git clone of a local repository", git_clone),
    ("cargo build and run of a small crate", cargo_build),
    ("nginx serves a page on loopback", nginx),
    ("bubblewrap takes the compiled filter", bubblewrap),
    ("the library's examples", examples),
    ("runc hands a container to the agent", containers::runc),
    ("crun hands a container to the agent", containers::crun),
];

/// Plays all scenarios.
pub(crate) fn run(_args: &[String]) -> Result<(), String> {
    let callgate = build_command()?;
    for (name, play) in SCENARIOS {
        let sandbox = Sandbox::new(&callgate)?;
        let start = Instant::now();
        play(&sandbox).map_err(|error| format!("{name}: {error}"))?;
        println!("live: {name}: passed in {:.1} s", start.elapsed().as_secs_f64());
    }
    println!("live: {} scenarios passed", SCENARIOS.len());
    Ok(())
}

/// An empty folder, removed at the end, and the command.
struct Sandbox {
    folder: PathBuf,
    callgate: PathBuf,
}

impl Sandbox {
    fn new(callgate: &Path) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("callgate-live-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        Ok(Self { folder, callgate: callgate.to_owned() })
    }

    /// A command under the profile `container`, in the folder.
    fn confined(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(&self.callgate);
        command.args(["run", "--", program]).args(args).current_dir(&self.folder);
        command
    }

    /// The output of a confined program; an error if it failed.
    fn output(&self, program: &str, args: &[&str]) -> Result<String, String> {
        succeeded(self.confined(program, args).output(), program)
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.folder.join(name);
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // What cannot be removed is only clutter in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn succeeded(output: std::io::Result<Output>, program: &str) -> Result<String, String> {
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match output.status.success() {
        true => Ok(stdout.into_owned()),
        false => Err(format!("{program}: {}\n{stdout}{stderr}", output.status)),
    }
}

fn expect(text: &str, wanted: &str) -> Result<(), String> {
    match text.contains(wanted) {
        true => Ok(()),
        false => Err(format!("expected {wanted:?} in\n{text}")),
    }
}

fn readme(sandbox: &Sandbox) -> Result<(), String> {
    let script = "grep Seccomp: /proc/self/status; unshare -U true";
    let output = sandbox.confined("sh", &["-c", script]).output().map_err(|e| e.to_string())?;
    expect(&String::from_utf8_lossy(&output.stdout), "Seccomp:\t2")?;
    expect(&String::from_utf8_lossy(&output.stderr), "Operation not permitted")?;
    match output.status.success() {
        true => Err("unshare succeeded".into()),
        false => Ok(()),
    }
}

fn shell(sandbox: &Sandbox) -> Result<(), String> {
    let script = "set -e; mkdir d; for i in 1 2 3; do echo line $i; done > d/f; sort -r d/f | head -1; \
                  (sleep 0.05; echo later) & wait; trap 'echo caught' USR1; kill -USR1 $$; \
                  ln -s f d/l; mv d/f d/g; ls d | wc -l; date +%Y; rm -r d; echo done";
    let text = sandbox.output("sh", &["-c", script])?;
    ["line 3", "later", "caught", "done"].iter().try_for_each(|wanted| expect(&text, wanted))
}

fn python(sandbox: &Sandbox) -> Result<(), String> {
    let program = "
import asyncio, multiprocessing, subprocess, threading, tempfile, socket, os, time

def square(n):
    return n * n

async def serve():
    async def echo(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()
    server = await asyncio.start_server(echo, '127.0.0.1', 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        reader, writer = await asyncio.open_connection('127.0.0.1', port)
        writer.write(b'hello over tcp\\n')
        print((await reader.readline()).decode().strip())
        process = await asyncio.create_subprocess_exec('echo', 'child of asyncio', stdout=subprocess.PIPE)
        print((await process.communicate())[0].decode().strip())
        writer.close()

if __name__ == '__main__':
    asyncio.run(serve())
    for method in ('fork', 'spawn'):
        with multiprocessing.get_context(method).Pool(3) as pool:
            print(method, sum(pool.map(square, range(100))))
    thread = threading.Thread(target=lambda: print('thread', threading.get_native_id() != os.getpid()))
    thread.start(); thread.join()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'file')
        open(path, 'w').write('x' * 100000)
        print('size', os.stat(path).st_size)
    a, b = socket.socketpair(); a.send(b'pair'); print(b.recv(4).decode())
";
    let path = sandbox.write("work.py", program)?;
    let text = sandbox.output("python3", &[&path.to_string_lossy()])?;
    let wanted = ["hello over tcp", "child of asyncio", "fork 328350", "spawn 328350"];
    wanted.iter().chain(&["thread True", "size 100000", "pair"]).try_for_each(|w| expect(&text, w))
}

fn git_clone(sandbox: &Sandbox) -> Result<(), String> {
    sandbox.write("origin/file", "content\n")?;
    let make = "cd origin && git init -q && git add . && \
                git -c user.name=n -c user.email=e@example.org commit -q -m first";
    sandbox.output("sh", &["-c", make])?;
    sandbox.output("git", &["clone", "--no-local", "-q", "origin", "copy"])?;
    expect(&sandbox.output("git", &["-C", "copy", "log", "--format=%s"])?, "first")?;
    expect(&sandbox.output("cat", &["copy/file"])?, "content")
}

fn cargo_build(sandbox: &Sandbox) -> Result<(), String> {
    sandbox.write(
        "Cargo.toml",
        "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n",
    )?;
    sandbox.write("src/main.rs", "fn main() { println!(\"built under the filter\"); }\n")?;
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = sandbox.confined(&cargo, &["run", "--offline", "--quiet"]);
    command.env("CARGO_TARGET_DIR", sandbox.folder.join("target"));
    expect(&succeeded(command.output(), "cargo")?, "built under the filter")
}

fn nginx(sandbox: &Sandbox) -> Result<(), String> {
    sandbox.write("html/index.html", "a page from the sandbox\n")?;
    let folder = sandbox.folder.display();
    let socket = sandbox.folder.join("socket");
    let config = format!(
        "daemon off; worker_processes 2; pid {folder}/pid; error_log {folder}/error.log;\n\
         events {{}}\nhttp {{ access_log off; server {{ listen unix:{folder}/socket; root {folder}/html; }} }}\n"
    );
    let config = sandbox.write("nginx.conf", &config)?;
    // The workers run as another user, who must reach the page.
    succeeded(Command::new("chmod").args(["-R", "a+rX"]).arg(&sandbox.folder).output(), "chmod")?;
    let mut command = sandbox.confined("nginx", &["-p", ".", "-c", &config.to_string_lossy()]);
    let mut server = command.spawn().map_err(|error| format!("nginx: {error}"))?;
    let answer = until_answered(|| exchange(UnixStream::connect(&socket)?, "/"));
    let ended = Command::new("kill").arg(server.id().to_string()).status();
    let status = server.wait().map_err(|error| error.to_string())?;
    expect(&answer?, "a page from the sandbox")?;
    match ended.is_ok_and(|ended| ended.success()) && status.success() {
        true => Ok(()),
        false => Err(format!("nginx ended with {status}")),
    }
}

/// How long to wait for what takes no time, unless the machine is busy with something else.
const PATIENCE: Duration = Duration::from_secs(120);

/// A page of a server on this machine.
fn get_path(address: &str, path: &str) -> Result<String, String> {
    until_answered(|| exchange(TcpStream::connect(address)?, path))
}

/// Asks a server until it answers.
fn until_answered(ask: impl Fn() -> std::io::Result<String>) -> Result<String, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(error) if Instant::now() > deadline => return Err(format!("no answer: {error}")),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn exchange(mut stream: impl Read + Write, path: &str) -> std::io::Result<String> {
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map(|_| answer)
}

fn bubblewrap(sandbox: &Sandbox) -> Result<(), String> {
    let file = sandbox.folder.join("filter.bpf");
    let compile = Command::new(&sandbox.callgate)
        .args(["compile", "builtin:container", "-o"])
        .arg(&file)
        .output();
    succeeded(compile, "callgate compile")?;
    let script = "exec bwrap --ro-bind / / --proc /proc --dev /dev --seccomp 9 \
                  sh -c 'grep Seccomp: /proc/self/status; unshare -U true || echo refused' 9<filter.bpf";
    let output = Command::new("sh").args(["-c", script]).current_dir(&sandbox.folder).output();
    let text = succeeded(output, "bwrap")?;
    expect(&text, "Seccomp:\t2")?;
    expect(&text, "refused")
}

/// Each example of the library confines itself, and says what came of it.
fn examples(sandbox: &Sandbox) -> Result<(), String> {
    let example = |name: &str, args: &[&str], wanted: &[&str]| {
        let run = ["run", "--release", "--quiet", "--package", "callgate", "--example", name, "--"];
        let input = std::fs::File::open(sandbox.write("words", "a b c\n")?);
        let input = input.map_err(|error| error.to_string())?;
        let text = succeeded(cargo(&run).args(args).stdin(input).output(), name)?;
        wanted.iter().try_for_each(|wanted| expect(&text, wanted))
    };
    example("worker", &[], &["3 words"])?;
    example("local_sockets", &[], &["Unix pair: Ok", "TCP socket: Err(Os { code: 97"])?;
    example("no_new_namespaces", &[], &["true: exit status: 0", "unshare: exit status: 1"])?;
    example("every_architecture", &[], &["aarch64: openat is 56 -> ALLOW", "-> ERRNO(38)"])?;
    example(
        "run_profile",
        &["container", "grep", "Seccomp:", "/proc/self/status"],
        &["Seccomp:\t2"],
    )
}
