//! `callgate diff`: what changed between two filters.

use callgate_console::error::{Error, Status};
use callgate_console::output;
use callgate_console::side::{Side, changes_of, folded_of};
use callgate_policy::Rule;
use callgate_review::{Change, Span, Tone, markdown, text};
use callgate_syscalls::{Action, Arch, SeccompData, SyscallNr};
use clap::ValueEnum;

use crate::commands::compare::{Count, Pair, Subjects, Whole, print};

/// Show what changed from filter A to filter B, per syscall and condition
///
/// Looser changes come first. Every change comes with a call that was tried on both sides, and with who
/// decides about it: the line of a rule, or the instruction of a program. Calls that changed in the same
/// way stand together, families by one name.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate diff old.json new.json
  callgate diff builtin:container mine.json --format markdown
  callgate diff --count kernel-reads a.bpf b.bpf
  callgate diff builtin:container pid:4711

Exit status:
  0  no difference
  1  there are differences
  2  a filter could not be read
  3  undecided within --memory-max and --tests-max, which is never a yes
")]
pub(crate) struct Args {
    /// Which differences count [default: exact; effective for a process with several filters]
    #[arg(long, value_enum)]
    count: Option<Count>,
    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    whole: Whole,
    #[command(flatten)]
    pair: Pair,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines to read
    #[default]
    Text,
    /// An object: each difference, and for which machine, kernel and capabilities it is so, where a
    /// filter depends on any
    Json,
    /// Tables for a review
    Markdown,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let sides = args.pair.sides(Side::read)?;
    let subjects = Subjects::new([sides[0].subject(), sides[1].subject()]);
    let mut prover = args.pair.prover();
    let [left, right] = subjects.meanings(&mut prover)?;
    let scope = subjects.scope(args.count);
    let differences = prover.differences(&left, &right, scope).map_err(Error::Prover)?;
    let changes = changes_of(sides.each_ref(), &differences, args.pair.arches());
    let folded = folded_of(sides.each_ref(), &changes);
    match args.format {
        Format::Text => {
            let mut spans = text(&folded, args.whole.layout());
            let defaults = headlines(&sides, &changes, args.pair.arches()).into_iter();
            let line = |text| Span { tone: Tone::Heading, text: format!("{text}\n") };
            spans.splice(1..1, defaults.map(line));
            print(spans)?;
        }
        Format::Json => {
            let under = args.pair.circumstances(&sides)?;
            output::json(&serde_json::json!({ "calls": changes, "circumstances": under }))?;
        }
        Format::Markdown => {
            let defaults = headlines(&sides, &changes, args.pair.arches());
            output::text(|out| {
                defaults.iter().try_for_each(|line| writeln!(out, "**{line}**\n"))?;
                write!(out, "{}", markdown(&folded))
            })?;
        }
    }
    if changes.is_empty() {
        args.pair.remark_circumstances(&sides)?;
    }
    Ok(if changes.is_empty() { Status::Success } else { Status::No })
}

/// What becomes of calls that neither side lists, where that changes: in a list of calls it would be one of many.
fn headlines(sides: &[Side; 2], changes: &[Change], asked: &[Arch]) -> Vec<String> {
    if changes.is_empty() {
        return Vec::new();
    }
    // A program does not say what is its default and what its baseline.
    let is_probed = sides.iter().any(|side| matches!(side, Side::Stack(_)));
    let mut alike: Vec<(Action, Action, &str, Vec<&str>)> = Vec::new();
    for arch in arches_of(sides, asked) {
        let [Some(from), Some(to)] = sides.each_ref().map(|side| default_of(side, arch, is_probed))
        else {
            continue;
        };
        if from == to {
            continue;
        }
        let means = match [from, to].map(|action| action.kind().may_execute()) {
            [false, true] if refuses_nothing(&sides[1], arch) => "nothing is refused any more",
            [false, true] => "what is not listed is no longer refused",
            [true, false] => "what is not listed is refused now",
            [true, true] => "what is not listed is let pass in another way",
            [false, false] => "what is not listed is refused in another way",
        };
        match alike.iter_mut().find(|(a, b, what, _)| (*a, *b, *what) == (from, to, means)) {
            Some((.., arches)) => arches.push(arch.name()),
            None => alike.push((from, to, means, vec![arch.name()])),
        }
    }
    let line = |(from, to, means, arches): (Action, Action, &str, Vec<&str>)| {
        format!("default is now {to}, was {from}: {means}, on {}", arches.join(", "))
    };
    alike.into_iter().map(line).collect()
}

/// The architectures that were asked for, or else those of the texts; of programs alone this machine's.
fn arches_of(sides: &[Side; 2], asked: &[Arch]) -> Vec<Arch> {
    if !asked.is_empty() {
        return asked.to_vec();
    }
    let mut arches: Vec<Arch> = Vec::new();
    for side in sides {
        if let Side::Text(_, resolved) = side {
            let new = resolved.policy.arches().map(|(arch, _)| arch);
            arches.extend(new.filter(|arch| !arches.contains(arch)).collect::<Vec<_>>());
        }
    }
    if arches.is_empty() { Arch::native().into_iter().collect() } else { arches }
}

/// What a filter does with calls that no rule is about; of a program, and beside one, with a number that no kernel has.
fn default_of(side: &Side, arch: Arch, is_probed: bool) -> Option<Action> {
    let highest = arch.syscalls().map(|syscall| syscall.nr.raw()).max()?;
    let call = SeccompData::new(arch, SyscallNr::new(highest.checked_add(0x1000)?));
    match side {
        Side::Text(_, resolved) if is_probed => Some(resolved.policy.decide(&call)),
        Side::Text(_, resolved) => Some(resolved.policy.arch(arch)?.default_action()),
        Side::Stack(stack) => Some(stack.run(&call, arch.endian()).action),
    }
}

/// Whether no call of an architecture is refused, as far as the text says so.
fn refuses_nothing(side: &Side, arch: Arch) -> bool {
    let Side::Text(_, resolved) = side else { return false };
    resolved.policy.arch(arch).is_some_and(|own| {
        let rules = own.rules().flat_map(|(_, rules)| rules).map(Rule::action);
        let unknown = own.unknown_action().map(|unknown| unknown.action);
        rules.chain(unknown).chain([own.default_action()]).all(|action| action.kind().may_execute())
    })
}
