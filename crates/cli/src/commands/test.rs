//! `callgate test`: whether filters do what their tests expect.

mod live;

use std::path::PathBuf;

use callgate_bpf::Stack;
use callgate_gate::{Failure, Lowered, Test, decider, failure, read_tests};
use callgate_policy::Policy;
use callgate_prover::{Options, Prover};
use callgate_rules::{Code, Diagnostic, Provenance, Sources};
use callgate_syscalls::Arch;
use clap::{ValueEnum, ValueHint};

use callgate_console::args::group::ProfileArgs;
use callgate_console::args::value;
use callgate_console::circumstances;
use callgate_console::error::{Error, Status};
use callgate_console::input::door::{self, Wanted};
use callgate_console::input::{self, Input, Source, Subject, Unresolved, gate};
use callgate_console::output::{self, DiagnosticJson};

/// Prove what policies promise in their tests
///
/// A policy in the language has lines such as `test socket(AF_ALG, _, _) -> errno EPERM`; a file *.tests has nothing
/// but such lines, for any filter. Every test is proved for all calls that it describes, on every architecture that
/// the filter is for: `_` is every value, and so are the bits of an argument that the kernel does not read.
///
/// A test in a block, such as `on cap CAP_BPF`, is made for the policy as it is there, whatever --caps and --kernel say.
///
/// With --live, calls of each test are also made, in forked children under the loaded filter, as far as the filter is
/// for this machine. The kernel asks the filter and executes none of them, whatever it answers: an older filter
/// refuses what this one lets through. So kills, traps and errors are seen as they are, and all else as passed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate test nginx.gate                             the tests in the policy
  callgate test nginx.tests --filter nginx.json        a table, for a profile or program
  callgate test nginx.tests                            the same for nginx.gate beside it
  callgate test --live nginx.gate                      ask this machine's kernel too

Exit status:
  0  every test holds, for every call
  1  a test does not hold; a call and the statement that decides it are shown
  2  a file could not be read or understood
  3  undecided within the limits, which is never a yes
")]
pub(crate) struct Args {
    /// Policies (*.gate) and tables of tests (*.tests)
    #[arg(value_name = "FILE", required = true, value_parser = input::parser(), value_hint = ValueHint::FilePath)]
    files: Vec<Source>,
    /// The filter that the tables of tests are for
    #[arg(long, value_name = "FILTER", value_parser = input::parser(), value_hint = ValueHint::FilePath)]
    filter: Option<Source>,
    /// An architecture to test for, instead of those of the filter; may be repeated
    #[arg(long = "arch", value_name = "ARCH", value_parser = value::arch())]
    arches: Vec<Arch>,
    /// Make calls of each test under the loaded filter as well
    #[arg(long)]
    live: bool,
    /// How failures are shown
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    how: ProfileArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// With the lines of the text
    #[default]
    Text,
    /// One object a line, and one with the counts at the end
    Json,
}

/// Tests with the policy that they are about.
struct Suite {
    tests: Vec<Test>,
    /// The texts that the tests stand in.
    sources: Sources,
    policy: Policy,
    /// The programs, where the filter is no policy but these.
    programs: Option<Stack>,
    /// The profile or policy that a table is for, with where its rules stand in it.
    other: Option<(Unresolved, Provenance)>,
    provenance: Option<Provenance>,
    /// Whether it is another one on other machines and kernels or with other capabilities.
    is_left_open: bool,
}

impl Suite {
    /// Where in the filter of a table stands what decides.
    fn place(&self, found: &Failure) -> Option<String> {
        let (filter, provenance) = self.other.as_ref()?;
        filter.place(decider(found.by, Some(provenance))?)
    }
}

/// How many tests there were, and how many of them failed.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
struct Counts {
    tests: usize,
    failed: usize,
    /// How many calls were made, with `--live`.
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<usize>,
}

impl Counts {
    fn add(&mut self, args: &Args, suite: &Suite) -> Result<(), Error> {
        let mut live = if args.live { Some(live::Live::new(suite)?) } else { None };
        for test in &suite.tests {
            self.tests += 1;
            let mut failures = failures(test, suite)?;
            if let Some(live) = &mut live {
                failures.extend(live.failures(test)?);
            }
            self.failed += usize::from(!failures.is_empty());
            write(args.format, &failures, &suite.sources)?;
        }
        if let Some(live) = live {
            *self.calls.get_or_insert(0) += live.calls;
            live.say_what_was_skipped(&suite.sources);
        }
        Ok(())
    }
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let mut counts = Counts::default();
    let mut is_left_open = false;
    for source in &args.files {
        for suite in suites(args, source)? {
            counts.add(args, &suite)?;
            is_left_open |= suite.is_left_open;
        }
    }
    let Counts { tests, failed, calls } = counts;
    if tests == 0 {
        return Err(Error::Usage(
            "no file has a test: write `test CALL(...) -> VERDICT`".to_owned(),
        ));
    }
    match (args.format, failed) {
        (Format::Json, _) => output::text(|out| {
            let line = serde_json::to_string(&counts)?;
            writeln!(out, "{line}")
        })?,
        (Format::Text, 0) => {
            let good = output::GOOD;
            let hold = if tests == 1 { "holds" } else { "hold" };
            output::text(|out| {
                write!(out, "{good}{tests} {hold}{good:#}  for every call, proved")?;
                match calls {
                    Some(calls) => writeln!(out, "; the kernel answered {calls} calls so"),
                    None => writeln!(out),
                }
            })?;
        }
        (Format::Text, _) => {
            let bad = output::BAD;
            output::text(|out| writeln!(out, "{bad}{failed} of {tests} do not hold{bad:#}"))?;
        }
    }
    circumstances::remark("what is tested", &args.how, is_left_open)?;
    Ok(if failed == 0 { Status::Success } else { Status::No })
}

fn suites(args: &Args, source: &Source) -> Result<Vec<Suite>, Error> {
    let is_table = match source {
        Source::File(path) => path.extension().is_some_and(|extension| extension == "tests"),
        _ => args.filter.is_some(),
    };
    let bytes = input::bytes(source)?;
    if is_table {
        return Ok(vec![table(args, source, bytes)?]);
    }
    let written = gate::written(bytes.clone(), source)
        .map_err(|error| door::named(error, &bytes, source, Wanted::Language))?;
    let lowered = gate::lowered(&written, &args.how, &args.arches)?;
    let suites = written.suites(&gate::target(&args.how, &args.arches)?, lowered);
    let depends = circumstances::is_policy_left_open(&written, &args.how, &args.arches);
    // All but the first stand in blocks, which say what they are for.
    let suite = |(index, (tests, lowered)): (usize, (Vec<Test>, Lowered))| Suite {
        is_left_open: depends && index == 0 && !tests.is_empty(),
        tests,
        sources: written.sources.clone(),
        policy: lowered.policy,
        programs: None,
        other: None,
        provenance: Some(lowered.provenance),
    };
    Ok(suites.map_err(Error::text)?.into_iter().enumerate().map(suite).collect())
}

fn table(args: &Args, source: &Source, bytes: Vec<u8>) -> Result<Suite, Error> {
    let filter = args.filter.clone().or_else(|| beside(source)).ok_or_else(|| {
        Error::Usage("say which filter the table is for: --filter FILTER".to_owned())
    })?;
    let input = input::read(&filter, &args.how)?;
    let is_left_open = circumstances::is_left_open(&input, &args.how, &args.arches);
    let (policy, programs, other) = match input {
        Input::Profile(profile) => {
            let resolved = profile.resolve(&args.how, &args.arches)?;
            (resolved.policy, None, Some((*profile, resolved.provenance)))
        }
        Input::Program(program, _) => {
            let stack = Stack::new([program]);
            (policy_of(Subject::Stack(stack.clone()))?, Some(stack), None)
        }
        Input::Process(stack) => (policy_of(Subject::Stack(stack.clone()))?, Some(stack), None),
    };
    let arches: Vec<Arch> = policy.arches().map(|(arch, _)| arch).collect();
    let text = callgate_rules::Source::from_bytes(source.to_string(), bytes);
    let text = text.map_err(|error| Error::text(error.into()))?;
    let (sources, tests) = read_tests(text, &arches).map_err(Error::text)?;
    Ok(Suite { tests, sources, policy, programs, other, provenance: None, is_left_open })
}

/// The policy of the same name beside a table.
fn beside(source: &Source) -> Option<Source> {
    match source {
        Source::File(path) => Some(Source::File(PathBuf::from(path).with_extension("gate"))),
        _ => None,
    }
}

/// What any filter means, as a policy.
pub(crate) fn policy_of(subject: Subject) -> Result<Policy, Error> {
    match subject {
        Subject::Policy(policy) => Ok(policy),
        Subject::Stack(stack) => {
            let mut prover = Prover::new(Options::default());
            let meaning = prover.stack(&stack).map_err(Error::Prover)?;
            prover.to_policy(&meaning).map_err(Error::Prover)
        }
    }
}

/// What is wrong with a test's promise: a call for each kind of calls that is decided otherwise.
fn failures(test: &Test, suite: &Suite) -> Result<Vec<Diagnostic>, Error> {
    use callgate_gate::NoOutcome;
    match test.failures(&suite.policy) {
        Ok(failures) => {
            let each = failures.iter();
            Ok(each
                .map(|found| {
                    let diagnostic = failure(test, found, suite.provenance.as_ref());
                    match suite.place(found) {
                        Some(place) => diagnostic.note(format!("{place}: this decides")),
                        None => diagnostic,
                    }
                })
                .collect())
        }
        Err(NoOutcome::Prover(error)) => Err(Error::Prover(error)),
        Err(other) => {
            let diagnostic = Diagnostic::error(Code::new("E0391"), "the test cannot be made");
            Ok(vec![diagnostic.primary(test.span, other.to_string())])
        }
    }
}

fn write(format: Format, failures: &[Diagnostic], sources: &Sources) -> Result<(), Error> {
    if failures.is_empty() {
        return Ok(());
    }
    output::text(|out| match format {
        Format::Text => write!(out, "{}", output::rendered(failures, sources)),
        Format::Json => failures.iter().try_for_each(|failure| {
            let line = serde_json::to_string(&DiagnosticJson::new(failure, sources))?;
            writeln!(out, "{line}")
        }),
    })
}
