//! `callgate syscalls`: the tables of numbers, kernels and arguments.

use std::fmt::Write as _;
use std::io::{self, Write};

use callgate_syscalls::{Arch, Argument, ArgumentWidth, KernelVersion, Syscall};
use serde::Serialize;

use callgate_console::args::group::{TableArches, TableFormat};
use callgate_console::args::value;
use callgate_console::error::{Error, Status};
use callgate_console::output;

/// Look up syscalls: number, first kernel, arguments
///
/// Without a name or number all syscalls of the architecture are shown.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate syscalls openat2               one syscall on this machine
  callgate syscalls clone --all-arches    its number on every architecture
  callgate syscalls 59 --arch aarch64     the other way round
  callgate syscalls --since 6.8           what is new since Linux 6.8
  callgate syscalls --format tsv          for scripts

Columns:
  architecture, number as filters see it, name, first kernel with that number, arguments
")]
pub struct Args {
    /// Names or numbers (decimal, or hexadecimal with 0x)
    #[arg(value_name = "NAME|NUMBER")]
    wanted: Vec<String>,
    #[command(flatten)]
    arches: TableArches,
    /// Only syscalls that this kernel or a newer one added
    #[arg(long, value_name = "KERNEL")]
    since: Option<KernelVersion>,
    /// How they are shown
    #[arg(long, value_enum, default_value_t)]
    format: TableFormat,
}

/// A syscall as it is shown.
#[derive(Serialize)]
struct Row {
    arch: &'static str,
    number: u32,
    name: &'static str,
    since: String,
    /// Null where the arguments are not known.
    arguments: Option<Vec<ArgumentRow>>,
}

#[derive(Serialize)]
struct ArgumentRow {
    name: &'static str,
    #[serde(rename = "type")]
    c_type: &'static str,
    /// How many low bits the kernel reads.
    bits: u8,
    /// Whether these are fewer than its type has.
    #[serde(skip)]
    is_cut: bool,
}

/// Prints the table.
///
/// # Errors
/// For what is not known, and output that can't be written.
pub fn run(args: &Args) -> Result<Status, Error> {
    let rows = rows(args)?;
    match args.format {
        TableFormat::Table => output::text(|out| write_table(out, &rows))?,
        TableFormat::Tsv => output::text(|out| write_tsv(out, &rows))?,
        TableFormat::Json => output::json(&rows)?,
    }
    Ok(Status::Success)
}

fn rows(args: &Args) -> Result<Vec<Row>, Error> {
    let arches = args.arches.list()?;
    let new = |syscall: &Syscall| args.since.is_none_or(|since| syscall.since >= since);
    let mut rows = Vec::new();
    if args.wanted.is_empty() {
        for arch in arches {
            rows.extend(arch.syscalls().filter(new).map(|syscall| Row::new(arch, syscall)));
        }
        return Ok(rows);
    }
    for wanted in &args.wanted {
        let found = find(wanted, &arches)?;
        rows.extend(found.into_iter().filter(|(_, s)| new(s)).map(|(arch, s)| Row::new(arch, s)));
    }
    Ok(rows)
}

/// The syscalls of that name or number on these architectures: at least one.
fn find(wanted: &str, arches: &[Arch]) -> Result<Vec<(Arch, Syscall)>, Error> {
    let on_each = |look_up: &dyn Fn(Arch) -> Option<Syscall>| -> Vec<_> {
        arches.iter().filter_map(|&arch| Some((arch, look_up(arch)?))).collect()
    };
    let given = || value::list(arches.iter().copied());
    let (found, missing) = if let Some(nr) = value::syscall_number(wanted)? {
        let found = on_each(&|arch| arch.syscall_at(nr));
        (found, format!("no syscall has number {wanted} on {}", given()))
    } else {
        let name = value::name(wanted)?;
        let others = Arch::ALL.into_iter().filter(|arch| arch.syscall(name).is_some());
        let missing =
            format!("{name} does not exist on {}; it does on {}", given(), value::list(others));
        (on_each(&|arch| arch.syscall(name)), missing)
    };
    if found.is_empty() { Err(Error::Usage(missing)) } else { Ok(found) }
}

impl Row {
    fn new(arch: Arch, syscall: Syscall) -> Self {
        let arguments = arch
            .signature(syscall.name)
            .map(|signature| signature.arguments().map(|a| ArgumentRow::new(arch, a)).collect());
        Self {
            arch: arch.name(),
            number: syscall.nr.raw(),
            name: syscall.name.as_str(),
            since: syscall.since.to_string(),
            arguments,
        }
    }

    /// The arguments as C would declare them; empty where they are not known.
    fn declaration(&self) -> String {
        let mut text = String::new();
        let Some(arguments) = &self.arguments else { return text };
        for (index, argument) in arguments.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let space = if argument.c_type.ends_with('*') { "" } else { " " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{separator}{}{space}{}", argument.c_type, argument.name);
            if argument.is_cut {
                let _ = write!(text, " (low {} bits)", argument.bits);
            }
        }
        if arguments.is_empty() { "void".to_owned() } else { text }
    }
}

impl ArgumentRow {
    fn new(arch: Arch, argument: Argument) -> Self {
        let bits = match argument.width {
            ArgumentWidth::Bits8 => 8,
            ArgumentWidth::Bits16 => 16,
            ArgumentWidth::Bits32 => 32,
            _ => 64,
        };
        let is_word = matches!(argument.c_type, "long" | "unsigned long" | "size_t");
        let is_cut = is_word && bits < arch.register_bits();
        Self { name: argument.name, c_type: argument.c_type, bits, is_cut }
    }
}

fn write_table(out: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    let width = |of: fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let arch = width(|row| row.arch.len());
    let number = width(|row| row.number.to_string().len());
    let name = width(|row| row.name.len());
    let faint = output::FAINT;
    for row in rows {
        let line = format!(
            "{:arch$}  {:>number$}  {:name$}  {:5} {faint}{}{faint:#}",
            row.arch,
            row.number,
            row.name,
            row.since,
            row.declaration()
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn write_tsv(out: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    writeln!(out, "arch\tnumber\tname\tsince\targuments")?;
    for row in rows {
        let Row { arch, number, name, since, .. } = row;
        writeln!(out, "{arch}\t{number}\t{name}\t{since}\t{}", row.declaration())?;
    }
    Ok(())
}
