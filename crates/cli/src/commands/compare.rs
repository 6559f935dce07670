//! What the commands have in common that hold two filters against each other.

use callgate_policy::Policy;
use callgate_prover::{Meaning, Options, Prover, Scope};
use callgate_syscalls::Arch;
use clap::{ValueEnum, ValueHint};

use callgate_console::args::group::ProfileArgs;
use callgate_console::args::value;
use callgate_console::circumstances::{self, Under};
use callgate_console::error::{Error, Status};
use callgate_console::input::{self, Source, Subject};
use callgate_console::output;
use callgate_console::side::{Side, folded_of};
use callgate_review::{Change, Layout, Span, Tone};

use crate::commands::test::policy_of;

/// Two filters, and how they are compared.
#[derive(Debug, clap::Args)]
pub(crate) struct Pair {
    /// A filter: FILE, NAME of an embedded profile, pid:N, or - for standard input
    #[arg(value_name = "A", value_parser = input::parser(), value_hint = ValueHint::FilePath)]
    left: Source,
    /// Another filter
    #[arg(value_name = "B", value_parser = input::parser(), value_hint = ValueHint::FilePath)]
    right: Source,
    /// An architecture for which profiles are read, instead of their own; may be repeated
    #[arg(long = "arch", value_name = "ARCH", value_parser = value::arch())]
    arches: Vec<Arch>,
    #[command(flatten)]
    how: ProfileArgs,
    #[command(flatten)]
    limits: Limits,
}

/// How the answer to a question is given.
#[derive(Debug, clap::Args)]
pub(crate) struct Answer {
    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    whole: Whole,
}

/// Whether everything is listed.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Whole {
    /// Name every call and every condition in the text, however long it gets
    #[arg(long)]
    all: bool,
}

impl Whole {
    /// The layout for this terminal.
    pub(crate) fn layout(self) -> Layout {
        Layout { columns: output::columns(), whole: self.all }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines to read
    #[default]
    Text,
    /// An object: the answer, each difference, and for which machine, kernel and capabilities it is
    /// so, where a filter depends on any
    Json,
}

impl Answer {
    /// Says yes where nothing speaks against it, and else no with what does.
    ///
    /// # Errors
    /// As [`output::text`].
    pub(crate) fn give(
        &self,
        yes: &str,
        why: &str,
        no: &str,
        sides: &[Side; 2],
        against: &[Change],
        under: Option<&Under>,
    ) -> Result<Status, Error> {
        let is_yes = against.is_empty();
        let (good, bad) = (output::GOOD, output::BAD);
        match self.format {
            Format::Json => output::json(&serde_json::json!({
                yes: is_yes, "calls": against, "circumstances": under
            }))?,
            Format::Text if is_yes => {
                output::text(|out| writeln!(out, "{good}{yes}{good:#}  {why}"))?;
            }
            Format::Text => {
                output::text(|out| writeln!(out, "{bad}{no}{bad:#}"))?;
                let folded = folded_of(sides.each_ref(), against);
                print(callgate_review::sides(&folded, self.whole.layout()))?;
            }
        }
        Ok(if is_yes { Status::Success } else { Status::No })
    }
}

/// How much a proof may cost.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits of the proof")]
struct Limits {
    /// The most memory in MiB; 16 without this option
    #[arg(long, value_name = "MIB")]
    memory_max: Option<usize>,
    /// The most work, in tests; 20 million without this option, about two seconds
    #[arg(long, value_name = "TESTS")]
    tests_max: Option<u64>,
}

/// Which differences count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Count {
    /// Every bit of what the filters return
    Exact,
    /// What the kernel does with it: bits that it ignores do not count
    Effective,
    /// The same, where the caller also chooses the argument bits that the kernel does not read
    KernelReads,
}

/// Two filters that were read.
#[derive(Clone, Debug)]
pub(crate) struct Subjects {
    left: Subject,
    right: Subject,
}

impl Pair {
    /// Reads both filters.
    ///
    /// # Errors
    /// As [`input::read`].
    pub(crate) fn subjects(&self) -> Result<Subjects, Error> {
        input::stdin_once(&[&self.left, &self.right])?;
        let read = |source| input::read(source, &self.how)?.subject(&self.how, &self.arches);
        Ok(Subjects { left: read(&self.left)?, right: read(&self.right)? })
    }

    /// What [`Pair::subjects`] reads, by another reader.
    ///
    /// # Errors
    /// Those of the reader, and a usage error where both are standard input.
    pub(crate) fn sides<S>(
        &self,
        read: impl Fn(&Source, &ProfileArgs, &[Arch]) -> Result<S, Error>,
    ) -> Result<[S; 2], Error> {
        input::stdin_once(&[&self.left, &self.right])?;
        let read = |source| read(source, &self.how, &self.arches);
        Ok([read(&self.left)?, read(&self.right)?])
    }

    /// Says of a yes under which circumstances it is one, where a side depends on any and none were given.
    ///
    /// # Errors
    /// As [`ProfileArgs::options`].
    pub(crate) fn remark_circumstances(&self, sides: &[Side; 2]) -> Result<(), Error> {
        let is_left_open = |side: &Side| side.is_left_open(&self.how, &self.arches);
        circumstances::remark("what is compared", &self.how, sides.iter().any(is_left_open))
    }

    /// For which machine, kernel and capabilities an answer holds; none where no side depends on any.
    ///
    /// # Errors
    /// As [`ProfileArgs::options`].
    pub(crate) fn circumstances(&self, sides: &[Side; 2]) -> Result<Option<Under>, Error> {
        let depends = sides.iter().any(|side| side.depends(&self.how));
        depends.then(|| circumstances::under(&self.how, &self.arches)).transpose()
    }

    /// The architectures that were asked for.
    pub(crate) fn arches(&self) -> &[Arch] {
        &self.arches
    }

    /// A prover with the limits of the command line.
    pub(crate) fn prover(&self) -> Prover {
        let mut options = Options::default();
        if let Some(mebibytes) = self.limits.memory_max {
            options.bytes_max = mebibytes.saturating_mul(1 << 20);
        }
        if let Some(tests_max) = self.limits.tests_max {
            options.tests_max = tests_max;
        }
        Prover::new(options)
    }
}

impl Subjects {
    /// Both as policies.
    ///
    /// # Errors
    /// [`Error::Prover`] for programs that no policy means.
    pub(crate) fn policies(self) -> Result<[Policy; 2], Error> {
        Ok([policy_of(self.left)?, policy_of(self.right)?])
    }

    /// Two filters.
    pub(crate) fn new([left, right]: [Subject; 2]) -> Self {
        Self { left, right }
    }

    /// What both mean.
    ///
    /// # Errors
    /// [`Error::Prover`].
    pub(crate) fn meanings(&self, prover: &mut Prover) -> Result<[Meaning<'_>; 2], Error> {
        Ok([meaning(prover, &self.left)?, meaning(prover, &self.right)?])
    }

    /// The scope asked for. Without one, every bit counts; but of several filters together the kernel itself keeps
    /// only what has an effect.
    pub(crate) fn scope(&self, asked: Option<Count>) -> Scope {
        let several =
            |subject: &Subject| matches!(subject, Subject::Stack(s) if s.programs().len() > 1);
        match asked {
            Some(Count::Exact) => Scope::Exact,
            Some(Count::Effective) => Scope::Effective,
            Some(Count::KernelReads) => Scope::KernelReads,
            None if several(&self.left) || several(&self.right) => Scope::Effective,
            None => Scope::Exact,
        }
    }
}

/// Writes lines with their colours.
///
/// # Errors
/// As [`output::text`].
pub(crate) fn print(spans: Vec<Span>) -> Result<(), Error> {
    output::text(|out| {
        spans.into_iter().try_for_each(|Span { tone, text }| {
            let style = match tone {
                Tone::Plain => anstyle::Style::new(),
                Tone::Heading => output::HEADING,
                // Red is what was refused before and no longer is.
                Tone::Looser => output::BAD,
                Tone::Stricter => output::GOOD,
                Tone::Faint => output::FAINT,
            };
            write!(out, "{style}{text}{style:#}")
        })
    })
}

fn meaning<'a>(prover: &mut Prover, subject: &'a Subject) -> Result<Meaning<'a>, Error> {
    let meaning = match subject {
        Subject::Policy(policy) => prover.policy(policy),
        Subject::Stack(stack) => match stack.programs() {
            [program] => prover.program(program),
            _ => prover.stack(stack),
        },
    };
    meaning.map_err(Error::Prover)
}
