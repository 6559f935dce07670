//! `callgate constants`: the constants that arguments take, by name and by number.

use std::collections::BTreeMap;
use std::io::{self, Write};

use callgate_facts::{Constant, Constants, Hidden, PartKind, Usage};
use callgate_syscalls::{Arch, Name};
use serde::Serialize;

use callgate_console::args::group::{TableArches, TableFormat};
use callgate_console::args::value::{self, Number};
use callgate_console::error::{Error, Status};
use callgate_console::output;

/// Look up the constants that arguments take: AF_NETLINK, CLONE_NEWUSER, TIOCSTI
///
/// Without a name the sets of constants are listed, with the arguments that take them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate constants socket.family              what an argument can be
  callgate constants clone                      what each argument of a syscall can be
  callgate constants TIOCSTI --all-arches       one constant on every architecture
  callgate constants open.flags --spell 0x80241 a number by its names
  callgate constants signal --format json       for scripts
")]
pub struct Args {
    /// Arguments (SYSCALL.ARGUMENT), syscalls, sets or constants
    #[arg(value_name = "ARGUMENT")]
    wanted: Vec<String>,
    #[command(flatten)]
    arches: TableArches,
    /// The names that a number stands for, instead of all names
    #[arg(long, value_name = "NUMBER", requires = "wanted", allow_hyphen_values = true)]
    spell: Option<Number>,
    /// How they are shown
    #[arg(long, value_enum, default_value_t)]
    format: TableFormat,
}

/// A set of constants as it is shown.
#[derive(Serialize)]
struct Set {
    name: &'static str,
    /// The arguments that take their values from it.
    arguments: Vec<String>,
    constants: Vec<Row>,
}

/// A constant as it is shown.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    /// `value`, `flag`, or `field` for one of the values of some bits.
    kind: &'static str,
    /// The value on each architecture that has it.
    values: BTreeMap<&'static str, i64>,
}

/// A number by its names on one architecture.
#[derive(Serialize)]
struct Spelled {
    set: &'static str,
    arch: &'static str,
    names: String,
}

/// Prints the table.
///
/// # Errors
/// For what is not known, and output that can't be written.
pub fn run(args: &Args) -> Result<Status, Error> {
    let arches = args.arches.list()?;
    let mut sets = Vec::new();
    for wanted in &args.wanted {
        sets.extend(find(wanted, &arches)?);
    }
    match (args.spell, args.wanted.is_empty(), args.format) {
        (Some(Number(number)), ..) => write_spelled(&spelled(&sets, number, &arches), args.format)?,
        (None, true, format) => write_list(format)?,
        (None, false, TableFormat::Json) => output::json(&shown(&sets, &arches))?,
        (None, false, TableFormat::Tsv) => {
            output::text(|out| write_tsv(out, &shown(&sets, &arches)))?
        }
        (None, false, TableFormat::Table) => {
            output::text(|out| write_table(out, &shown(&sets, &arches), &arches))?;
        }
    }
    Ok(Status::Success)
}

/// A set, or one constant of it.
type Found = (Constants, Option<Constant>);

/// What a word of the command line names.
fn find(wanted: &str, arches: &[Arch]) -> Result<Vec<Found>, Error> {
    if let Some((syscall, argument)) = wanted.split_once('.') {
        return of_argument(value::name(syscall)?, argument, arches);
    }
    if let Some(set) = Constants::parse(wanted) {
        return Ok(vec![(set, None)]);
    }
    if let Some(constant) = Constant::parse(wanted) {
        let missing = || {
            let known = value::list(constant.on_each().map(|(arch, _)| arch));
            let given = value::list(arches.iter().copied());
            Error::Usage(format!("{constant} does not exist on {given}; it does on {known}"))
        };
        let here = arches.iter().any(|arch| constant.on(*arch).is_some());
        let set = constant.sets().next().filter(|_| here).ok_or_else(missing)?;
        return Ok(vec![(set, Some(constant))]);
    }
    if let Some(syscall) = Name::parse(wanted) {
        let mut sets: Vec<Found> = Vec::new();
        for usage in Constants::all().flat_map(Constants::usages) {
            if usage.syscall == syscall && !sets.contains(&(usage.constants, None)) {
                sets.push((usage.constants, None));
            }
        }
        return if sets.is_empty() { Err(none_of(syscall, arches)) } else { Ok(sets) };
    }
    let sets = Constants::all().map(Constants::name);
    let names = sets.chain(Constant::all().map(Constant::name)).chain(value::syscall_names());
    let unknown = format!("{wanted:?} is no argument, set, constant or syscall");
    Err(Error::Usage(value::did_you_mean(&unknown, wanted, names)))
}

/// Why no argument of a syscall takes constants.
fn none_of(syscall: Name, arches: &[Arch]) -> Error {
    let mut text = format!("no argument of {syscall} takes constants");
    if let Some(hidden) = arches.iter().find_map(|arch| Hidden::of(syscall, *arch).next()) {
        let fields: Vec<&str> = hidden.fields().collect();
        text += &format!(": {} stand behind the pointer {}", fields.join(", "), hidden.pointer);
        text += &hidden.instead.map_or(String::new(), |instead| format!("; {instead}"));
    }
    Error::Usage(text)
}

fn of_argument(syscall: Name, argument: &str, arches: &[Arch]) -> Result<Vec<Found>, Error> {
    // Manual pages call some arguments otherwise than the kernel.
    let argument = callgate_facts::kernel_name(syscall, argument).unwrap_or(argument);
    let sets: Vec<Found> =
        Constants::of(syscall, argument).map(|usage| (usage.constants, None)).collect();
    if !sets.is_empty() {
        return Ok(sets);
    }
    let signatures = arches.iter().filter_map(|arch| arch.signature(syscall));
    let names: Vec<&str> = signatures.flat_map(|s| s.arguments()).map(|a| a.name).collect();
    let problem = match names.contains(&argument) {
        true => format!("{argument} of {syscall} takes no constants"),
        false => format!("{syscall} has no argument {argument}"),
    };
    Err(Error::Usage(value::did_you_mean(&problem, argument, names)))
}

fn shown(found: &[Found], arches: &[Arch]) -> Vec<Set> {
    let set = |(set, only): &Found| Set {
        name: set.name(),
        arguments: set.usages().map(|usage| place(&usage)).collect(),
        constants: rows(*set, *only, arches),
    };
    found.iter().map(set).collect()
}

/// An argument as the command line names it, with what decides that the set is meant.
fn place(usage: &Usage) -> String {
    let mut text = format!("{}.{}", usage.syscall, usage.argument);
    if let Some(condition) = usage.condition {
        let values: Vec<&str> = condition.constants().map(Constant::name).collect();
        text += &format!(" ({} is {})", condition.argument, values.join(" or "));
    }
    text
}

fn rows(set: Constants, only: Option<Constant>, arches: &[Arch]) -> Vec<Row> {
    let mut rows = Vec::new();
    for part in set.parts() {
        let kind = match part.kind {
            PartKind::Flags => "flag",
            PartKind::Field { .. } => "field",
            _ => "value",
        };
        for constant in part.members().filter(|c| only.is_none_or(|only| only == *c)) {
            let on = |arch: &Arch| Some((arch.name(), constant.on(*arch)?));
            let values: BTreeMap<_, _> = arches.iter().filter_map(on).collect();
            if !values.is_empty() {
                rows.push(Row { name: constant.name(), kind, values });
            }
        }
    }
    rows
}

fn spelled(found: &[Found], number: u64, arches: &[Arch]) -> Vec<Spelled> {
    let of_set = |set: Constants| {
        arches.iter().map(move |arch| Spelled {
            set: set.name(),
            arch: arch.name(),
            names: set.spell(number, *arch).to_string(),
        })
    };
    found.iter().flat_map(|(set, _)| of_set(*set)).collect()
}

fn write_spelled(rows: &[Spelled], format: TableFormat) -> Result<(), Error> {
    match format {
        TableFormat::Json => output::json(&rows),
        TableFormat::Tsv => output::text(|out| {
            writeln!(out, "set\tarch\tnames")?;
            rows.iter().try_for_each(|r| writeln!(out, "{}\t{}\t{}", r.set, r.arch, r.names))
        }),
        TableFormat::Table => output::text(|out| {
            let set = rows.iter().map(|row| row.set.len()).max().unwrap_or(0);
            let arch = rows.iter().map(|row| row.arch.len()).max().unwrap_or(0);
            rows.iter().try_for_each(|row| {
                writeln!(out, "{:set$}  {:arch$}  {}", row.set, row.arch, row.names)
            })
        }),
    }
}

/// The sets, with the arguments that take them.
fn write_list(format: TableFormat) -> Result<(), Error> {
    let sets: Vec<Set> = Constants::all()
        .map(|set| Set {
            name: set.name(),
            arguments: set.usages().map(|usage| place(&usage)).collect(),
            constants: rows(set, None, &Arch::ALL),
        })
        .collect();
    if format == TableFormat::Json {
        return output::json(&sets);
    }
    output::text(|out| {
        let width = sets.iter().map(|set| set.name.len()).max().unwrap_or(0);
        for set in &sets {
            let (count, arguments) = (set.constants.len(), set.arguments.join(", "));
            match format {
                TableFormat::Tsv => writeln!(out, "{}\t{count}\t{arguments}", set.name)?,
                _ => writeln!(out, "{:width$}  {count:>4}  {arguments}", set.name)?,
            }
        }
        Ok(())
    })
}

fn write_tsv(out: &mut dyn Write, sets: &[Set]) -> io::Result<()> {
    writeln!(out, "set\tkind\tname\tarch\tvalue")?;
    for set in sets {
        for Row { name, kind, values } in &set.constants {
            for (arch, value) in values {
                writeln!(out, "{}\t{kind}\t{name}\t{arch}\t{}", set.name, number(*value))?;
            }
        }
    }
    Ok(())
}

fn write_table(out: &mut dyn Write, sets: &[Set], arches: &[Arch]) -> io::Result<()> {
    let (heading, faint) = (output::HEADING, output::FAINT);
    for set in sets {
        let arguments = set.arguments.join(", ");
        writeln!(out, "{heading}{}{heading:#}  {faint}{arguments}{faint:#}", set.name)?;
        let width = set.constants.iter().map(|row| row.name.len()).max().unwrap_or(0);
        for row in &set.constants {
            writeln!(out, "  {:width$}  {:5}  {}", row.name, row.kind, values(row, arches))?;
        }
    }
    Ok(())
}

/// The value of a constant; where architectures differ, each value with those that have it.
fn values(row: &Row, arches: &[Arch]) -> String {
    let mut of: Vec<(i64, Vec<&str>)> = Vec::new();
    for (arch, value) in &row.values {
        match of.iter_mut().find(|(known, _)| known == value) {
            Some((_, known)) => known.push(arch),
            None => of.push((*value, vec![arch])),
        }
    }
    of.sort_by_key(|(_, arches)| std::cmp::Reverse(arches.len()));
    match &of[..] {
        [(value, on)] if on.len() == arches.len() => number(*value),
        _ => {
            let each = |(value, arches): &(i64, Vec<&str>)| {
                format!("{} ({})", number(*value), arches.join(", "))
            };
            of.iter().map(each).collect::<Vec<_>>().join(", ")
        }
    }
}

/// A value as headers write it.
fn number(value: i64) -> String {
    if value < 10 { value.to_string() } else { format!("{value:#x}") }
}
