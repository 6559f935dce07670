//! `callgate check`: whether the kernel accepts a filter, what it costs there, and what it lacks with
//! C libraries, runtimes and kernels in given versions.

use callgate_bpf::{Hardening, PATH_LEN_MAX, Program, Stack};
use callgate_facts::Release;
use callgate_kernel::running_kernel;
use callgate_lint::World;
use callgate_observe::survey::{self, Finding};
use callgate_syscalls::{Arch, KernelVersion};

use callgate_console::args::group::{FilterArgs, ProfileArgs, ReadingArgs};
use callgate_console::args::value::{self, Named};
use callgate_console::error::{Error, Status};
use callgate_console::findings::{Format, Material, print};
use callgate_console::input::{self, Input, Source};
use callgate_console::measure::Cacheable;
use callgate_console::output;

/// Check whether the kernel accepts a filter, what it costs there, and what it lacks elsewhere
///
/// With --libc, --runtime and versions for --kernel it looks at the calls that these make and have: which of them the filter refuses
/// although programs that it allows come to make them, what they do then, and the statement that mends it.
///
/// The kernel limits a program to 4096 instructions and all filters of a thread together to 32768 instructions
/// after its own conversion, which is longer where the JIT hides constants (net.core.bpf_jit_harden).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate check filter.bpf
  callgate check filter.bpf --kernel     asks the running kernel, too
  callgate check --pid 4711              all filters of a process together
  callgate check seccomp.json --kep      may it be distributed as an artifact for Kubernetes?
  callgate check seccomp.json --strict   fails for what `callgate lint` calls an error
  callgate check seccomp.json --strict --as podman --caps CAP_NET_ADMIN
  callgate check app.gate --libc glibc-2.39,musl-1.2.5 --kernel 5.10,6.12
  callgate check app.gate --runtime runc-1.1,go-1.23 --format json

Exit status:
  0  accepted
  1  not accepted; with --strict also: accepted, and wrong; with --kep also: no artifact;
     with --libc, --runtime, --kernel VERSIONS also: something breaks there
  2  the input is no filter at all, or could not be read
")]
pub(crate) struct Args {
    #[command(flatten)]
    which: FilterArgs,
    /// Ask the running kernel, in a child process, where nothing is loaded; or say what the filter
    /// means on kernels of these versions, `5.10,6.12`; one alone is also what the filter is read for
    #[arg(
        long,
        value_name = "VERSIONS",
        num_args = 0..=1,
        value_delimiter = ',',
        value_parser = kernel
    )]
    kernel: Option<Vec<KernelVersion>>,
    /// Say what the filter lacks with C libraries of these versions: `glibc-2.39,musl-1.2.5`
    #[arg(long, value_name = "NAME-VERSION", value_delimiter = ',')]
    libc: Vec<Release>,
    /// The same for what programs are built on or started by: `go-1.23,libuv-1.50,runc-1.1`
    #[arg(long, value_name = "NAME-VERSION", value_delimiter = ',')]
    runtime: Vec<Release>,
    /// The form of what is found with --libc, --runtime and --kernel VERSIONS
    #[arg(long, value_enum, default_value_t, conflicts_with_all = ["strict", "kep"])]
    format: Format,
    /// An architecture whose syscalls are counted, instead of this machine's own; may be repeated
    #[arg(long = "arch", value_name = "ARCH", value_parser = value::arch())]
    arches: Vec<Arch>,
    /// Fail also for errors that `callgate lint` finds, and for names that the tool which reads the file passes over
    #[arg(long)]
    strict: bool,
    /// Check also that a container profile keeps to the limits of an artifact for Kubernetes
    /// (KEP-6061)
    ///
    /// OCI's JSON alone, at most 1 MiB, no listener and no SCMP_ACT_NOTIFY, at most 128 entries for
    /// a syscall.
    #[arg(long)]
    kep: bool,
    /// The form of a program or a policy, instead of the one that it looks like
    #[arg(long = "from", value_name = "FORM", value_parser = value::form())]
    form: Option<Named>,
    /// Say nothing about what is odd in a profile; `callgate lint` says it all
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    with: ReadingArgs,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let world = args.world();
    if world.is_none() && args.format != Format::Text {
        let problem = "--format is for what --libc, --runtime and --kernel VERSIONS find";
        return Err(Error::Usage(problem.to_owned()));
    }
    let source = args.which.source()?;
    let how = ProfileArgs::silent().read_as(&args.with, args.only_kernel()).with_form(args.form);
    let input = match input::read(&source, &how) {
        Err(error) if error.is_rejection() => return rejected(&error.to_string()),
        other => other?,
    };
    let arches = value::arches_or_native(&args.arches)?;
    let looked_at = match input {
        Input::Profile(_) => args.arches.as_slice(),
        _ => &[],
    };
    if let Input::Profile(profile) = &input
        && !args.quiet
    {
        profile.remark(&how, looked_at)?;
    }
    let is_artifact = if args.kep { artifact(&input, &source)? } else { true };
    let material = Material::of(&input, &how, looked_at)?;
    let stack = input.subject(&how, looked_at)?.into_stack()?;
    if args.format == Format::Text {
        report(&stack, &arches)?;
    }
    let looks = world.is_none() || args.strict;
    let is_wrong = looks && print::errors(&material, args.strict)? > 0 && args.strict;
    let breaks = match &world {
        Some(world) => print::against_world(&source.to_string(), &material, world, args.format)?,
        None => false,
    };
    let asks = args.kernel.as_ref().is_some_and(Vec::is_empty);
    let accepted = if asks { ask_kernel(&stack)? } else { Status::Success };
    Ok(if is_wrong || breaks || !is_artifact { Status::No } else { accepted })
}

fn kernel(text: &str) -> Result<KernelVersion, String> {
    World::kernel(text).map_err(|error| format!("{error} (the filter stands before --kernel)"))
}

impl Args {
    /// The kernel that is asked about, where it is one: a filter that depends on it is read for that one.
    fn only_kernel(&self) -> Option<KernelVersion> {
        match self.kernel.as_deref() {
            Some(&[only]) => Some(only),
            _ => None,
        }
    }

    /// What is asked about, if anything.
    fn world(&self) -> Option<World> {
        let kernels = self.kernel.clone().unwrap_or_default();
        let releases: Vec<Release> = self.libc.iter().chain(&self.runtime).cloned().collect();
        (!releases.is_empty() || !kernels.is_empty()).then_some(World { releases, kernels })
    }
}

/// Says whether a profile may be an artifact, and why not.
fn artifact(input: &Input, source: &Source) -> Result<bool, Error> {
    let profile = match input {
        Input::Profile(unresolved) => unresolved.container_profile(),
        Input::Program(..) | Input::Process(_) => None,
    };
    let profile = profile.ok_or_else(|| {
        Error::Usage(format!(
            "{source} is no container profile, and an artifact is one: `callgate convert {source} --to oci` makes one"
        ))
    })?;
    let exceeded = profile.exceeds_artifact();
    let (good, bad) = (output::GOOD, output::BAD);
    let text = output::rendered(&exceeded, &profile.source().clone().into());
    output::text(|out| match exceeded.is_empty() {
        true => writeln!(out, "{good}artifact{good:#}      within the limits of KEP-6061"),
        false => writeln!(out, "{bad}no artifact{bad:#}\n\n{}\n", text.trim_end()),
    })?;
    Ok(exceeded.is_empty())
}

fn rejected(reason: &str) -> Result<Status, Error> {
    let bad = output::BAD;
    output::text(|out| writeln!(out, "{bad}not accepted{bad:#}  {reason}"))?;
    Ok(Status::No)
}

fn report(stack: &Stack, arches: &[Arch]) -> Result<(), Error> {
    let kernel = running_kernel().map_err(Error::Kernel)?;
    let good = output::GOOD;
    output::text(|out| {
        writeln!(out, "{good}accepted{good:#}")?;
        for (index, program) in stack.programs().iter().enumerate() {
            let [plain, hardened] = lengths(|hardening| program.converted_len(hardening));
            let (len, max) = (program.len(), Program::LEN_MAX);
            write!(out, "filter {index}      {len} of {max} instructions; ")?;
            writeln!(out, "converted {plain}, hardened {hardened}")?;
        }
        let [plain, hardened] = lengths(|hardening| stack.path_len(hardening));
        writeln!(out, "stack budget  {plain} of {PATH_LEN_MAX}, hardened {hardened}")?;
        arches.iter().try_for_each(|&arch| {
            writeln!(out, "cacheable     {arch}: {}", Cacheable::of(stack, arch, kernel))
        })
    })
}

fn lengths(of: impl Fn(Hardening) -> usize) -> [usize; 2] {
    [Hardening::Off, Hardening::On].map(of)
}

/// Asks the running kernel about each program.
fn ask_kernel(stack: &Stack) -> Result<Status, Error> {
    let release = running_kernel().map_err(Error::Kernel)?;
    for program in stack.programs() {
        match survey::accepts(program) {
            Finding::Yes => {}
            Finding::No(_) => {
                return rejected(&format!(
                    "by the running kernel {release}, unlike our checker: please report it"
                ));
            }
            _ => {
                return Err(Error::Usage(format!(
                    "the running kernel {release} cannot be asked: that takes Linux 5.0, and no \
                     sandbox around us that forbids seccomp(2)"
                )));
            }
        }
    }
    output::text(|out| writeln!(out, "kernel        Linux {release} accepts it"))?;
    Ok(Status::Success)
}
