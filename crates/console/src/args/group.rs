//! Arguments that several commands share.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;

use callgate_dumps::Form;
use callgate_facts::Alias;
use callgate_formats::{Arches, CapSet, Capability, Options, Reading};
use callgate_kernel::{Tid, running_kernel};
use callgate_syscalls::{Arch, KernelVersion};
use clap::{ValueEnum, ValueHint};

use crate::args::value::{self, Named};
use crate::error::Error;
use crate::input::{self, Source};

/// One filter: a file, an embedded profile, or what a process runs under.
#[derive(Debug, clap::Args)]
pub struct FilterArgs {
    /// The filter: FILE, NAME of an embedded profile, or - for standard input
    #[arg(
        value_name = "FILTER",
        value_parser = input::parser(),
        value_hint = ValueHint::FilePath,
        required_unless_present = "pid"
    )]
    filter: Option<Source>,
    /// A running process, instead of FILTER
    #[arg(long, value_name = "PID", value_parser = input::tid, conflicts_with = "filter")]
    pid: Option<Tid>,
}

impl FilterArgs {
    /// Where the filter comes from.
    ///
    /// # Errors
    /// [`Error::Usage`] where neither was given, which the parser of arguments prevents.
    pub fn source(&self) -> Result<Source, Error> {
        let given = self.filter.clone().or(self.pid.map(Source::Process));
        given.ok_or_else(|| Error::Usage("name a filter, or a process with --pid".to_owned()))
    }
}

/// What a profile leaves to whoever runs it.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "How filters are read")]
pub struct ProfileArgs {
    /// The form of a program or a policy, instead of the one that it looks like
    ///
    /// FORM:FILE says it of one of two files. A file that holds several programs is written
    /// FILE:NAME: the symbol or section of an object file, the array of a source, the line of a
    /// trace.
    #[arg(long = "from", value_name = "FORM", value_parser = value::form())]
    form: Option<Named>,
    /// The kernel that the program will run on [default: the running one]
    #[arg(long, value_name = "VERSION")]
    kernel: Option<KernelVersion>,
    #[command(flatten)]
    with: ReadingArgs,
    /// Say nothing about what is odd in a profile; `callgate lint` says it all
    #[arg(short, long)]
    pub quiet: bool,
}

/// Who reads a profile, and what for, but for the kernel.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "How filters are read")]
pub struct ReadingArgs {
    /// The capabilities that the program can have, separated by commas, or ALL [default: Docker's set; Podman's with
    /// `--as podman`]
    ///
    /// Docker's files have rules that depend on them, and policies blocks such as `on cap CAP_BPF`.
    #[arg(long, visible_alias = "cap", value_name = "CAPS")]
    caps: Option<CapSet>,
    /// Whose reading is meant: `runc`, `crun`, `docker`, `podman` or `kernel` [default: `docker` for the files of Docker
    /// and Podman, `runc` for OCI's]
    ///
    /// `podman` is Docker's reading with the capabilities that Podman gives containers, which are fewer.
    /// They differ in what conditions on one argument, rules whose action is the default, capabilities, multiplexed calls
    /// and syscalls newer than the profile mean. `kernel` is what the file says, held against what the kernel does.
    #[arg(long = "as", value_name = "READING")]
    reading: Option<Reader>,
    /// The thread whose policy is meant, of a text with one for each (seccompiler, Firecracker)
    #[arg(long, value_name = "NAME")]
    thread: Option<String>,
    /// The version of systemd whose sets `@NAME` are meant in units, such as 252 [default: the newest known]
    #[arg(long, value_name = "VERSION")]
    systemd: Option<String>,
    /// Where the profiles are that a SeccompProfile builds on (`baseProfileName`) [default: beside
    /// it]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    base: Option<PathBuf>,
}

/// Who reads a profile, and the capabilities that it gives containers, where these are its own.
#[derive(Clone, Copy, Debug)]
struct Reader {
    reading: Reading,
    caps: Option<CapSet>,
}

impl FromStr for Reader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "podman" {
            return Ok(Self { reading: Reading::Docker, caps: Some(CapSet::PODMAN_DEFAULT) });
        }
        let reading = text.parse();
        let known = || "expected `runc`, `crun`, `docker`, `podman` or `kernel`".to_owned();
        reading.map(|reading| Self { reading, caps: None }).map_err(|_| known())
    }
}

impl ProfileArgs {
    /// As without options, and quiet.
    #[must_use]
    pub fn silent() -> Self {
        Self { quiet: true, ..Self::default() }
    }

    /// The folder of profiles that others build on, where one was given.
    #[must_use]
    pub fn base(&self) -> Option<&std::path::Path> {
        self.with.base.as_deref()
    }

    /// The thread that was named.
    #[must_use]
    pub fn thread(&self) -> Option<&str> {
        self.with.thread.as_deref()
    }

    /// Whether a version of systemd was given.
    #[must_use]
    pub const fn names_systemd(&self) -> bool {
        self.with.systemd.is_some()
    }

    /// The source of systemd's sets, where a version was given.
    ///
    /// # Errors
    /// [`Error::Usage`] with the versions that are known.
    pub fn systemd_sets(&self) -> Result<Option<&'static str>, Error> {
        let Some(version) = &self.with.systemd else { return Ok(None) };
        let sources = Alias::all().map(Alias::source).filter(|name| name.starts_with("systemd-"));
        let known: BTreeSet<&'static str> = sources.collect();
        let wanted = format!("systemd-{}", version.trim_start_matches("systemd-"));
        match known.iter().find(|source| **source == wanted) {
            Some(source) => Ok(Some(source)),
            None => {
                let known: Vec<&str> =
                    known.iter().map(|source| &source["systemd-".len()..]).collect();
                let message = format!(
                    "the sets of systemd {version} are not known; known are {}",
                    known.join(", ")
                );
                Err(Error::Usage(message))
            }
        }
    }

    /// The options with which a profile is resolved, for these architectures instead of its own if there are any.
    ///
    /// # Errors
    /// [`Error::Kernel`] where the running kernel's release cannot be read, and as [`value::native`].
    pub fn options(&self, arches: &[Arch]) -> Result<Options, Error> {
        // A profile for other machines only is read as on the first of them.
        let native = match arches {
            [first, ..] => {
                Arch::native().filter(|native| arches.contains(native)).unwrap_or(*first)
            }
            [] => value::native()?,
        };
        let mut options = Options::new(native, self.kernel()?);
        if let Some(caps) =
            self.with.caps.or_else(|| self.with.reading.and_then(|reader| reader.caps))
        {
            options.caps = caps;
        }
        options.reading = self.reading();
        if !arches.is_empty() {
            options.arches = Arches::Exactly(arches.to_vec());
        }
        Ok(options)
    }

    /// The same with a capability more.
    ///
    /// # Errors
    /// As [`ProfileArgs::options`].
    pub fn with_cap(&self, cap: Capability) -> Result<Self, Error> {
        let caps = self.options(&[])?.caps.with(cap);
        let with = ReadingArgs { caps: Some(caps), ..self.with.clone() };
        Ok(Self { with, ..self.clone() })
    }

    /// The same as this is read, on this kernel.
    #[must_use]
    pub fn read_as(mut self, with: &ReadingArgs, kernel: Option<KernelVersion>) -> Self {
        self.with = with.clone();
        self.kernel = kernel;
        self
    }

    /// The same with this form.
    #[must_use]
    pub fn with_form(mut self, form: Option<Named>) -> Self {
        self.form = form;
        self
    }

    /// The form of a program, if one was given.
    #[must_use]
    pub const fn form(&self) -> Option<Form> {
        match self.form {
            Some(Named::Program(form)) => Some(form),
            Some(Named::Policy(_)) | None => None,
        }
    }

    /// A source in the form of policies that was given, unless it has one of its own.
    #[must_use]
    pub fn formed(&self, source: &Source) -> Source {
        match (self.form, source) {
            (Some(Named::Policy(dialect)), Source::File(path)) => {
                Source::Formed(dialect, path.clone())
            }
            (Some(Named::Policy(dialect)), Source::Stdin) => Source::Formed(dialect, "-".into()),
            _ => source.clone(),
        }
    }

    /// Whether capabilities and kernel are left open, so that what depends on them can be told.
    #[must_use]
    pub const fn leaves_open(&self) -> bool {
        self.with.caps.is_none() && self.kernel.is_none()
    }

    /// Whose reading is meant, where it was said.
    #[must_use]
    pub const fn reading(&self) -> Option<Reading> {
        match self.with.reading {
            Some(reader) => Some(reader.reading),
            None => None,
        }
    }

    /// The kernel version given, if one was.
    pub const fn asked_kernel(&self) -> Option<KernelVersion> {
        self.kernel
    }

    /// The kernel version given, or that of the running kernel.
    ///
    /// # Errors
    /// [`Error::Kernel`] where the running kernel's release cannot be read.
    pub fn kernel(&self) -> Result<KernelVersion, Error> {
        self.kernel.map_or_else(|| running_kernel().map_err(Error::Kernel), Ok)
    }
}

/// Where a program goes, and in what form.
#[derive(Debug, clap::Args)]
pub struct ProgramOutput {
    /// Write to this file instead of standard output; it is replaced whole or not at all
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The form of the program
    #[arg(long, value_enum, default_value_t)]
    pub format: ProgramFormat,
}

/// The forms of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProgramFormat {
    /// Instructions as the kernel takes them (struct sock_filter), for bwrap, minijail and the like
    #[default]
    Bpf,
    /// The same in hexadecimal, one instruction a line
    Hex,
    /// A C array
    C,
    /// Instructions with their disassembly
    Json,
    /// Assembler, which `callgate asm` reads
    Asm,
}

/// The architectures that a table is for.
#[derive(Debug, clap::Args)]
pub struct TableArches {
    /// An architecture, instead of this machine's own; may be repeated
    #[arg(long = "arch", value_name = "ARCH", value_parser = value::arch())]
    arches: Vec<Arch>,
    /// All architectures
    #[arg(long, conflicts_with = "arches")]
    all_arches: bool,
}

impl TableArches {
    /// Those that were chosen.
    ///
    /// # Errors
    /// [`Error::Usage`] where none was and this machine's own is not known.
    pub fn list(&self) -> Result<Vec<Arch>, Error> {
        if self.all_arches { Ok(Arch::ALL.to_vec()) } else { value::arches_or_native(&self.arches) }
    }
}

/// The forms of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// Aligned columns
    #[default]
    Table,
    /// Columns separated by tabs, with a heading
    Tsv,
    /// A list of objects
    Json,
}
