//! `callgate groups`: which syscalls belong together.

use std::io::{self, Write};

use callgate_facts::{Alias, Allowance, Block, Family, GroupLine, GroupMember, Groups, Risk, Role};
use callgate_syscalls::{Arch, Name};
use clap::ValueEnum;
use serde::Serialize;

use callgate_console::args::value;
use callgate_console::error::{Error, Status};
use callgate_console::output;

/// Look up groups of syscalls: families of variants, blocks of one intent, roles of programs
///
/// Without a name all groups are listed. A block says what it allows and when, and what it leaves out and why; a role
/// is a list of blocks. The name of a syscall shows the groups that it belongs to. systemd's sets and OpenBSD's promises
/// are shown as they are there.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate groups                             all families, blocks and roles
  callgate groups sockets.inet                a block: what it allows, and when
  callgate groups net-client --arch aarch64   a role, with all that it allows there
  callgate groups '~open'                     a family: one operation in all its variants
  callgate groups openat2                     where a syscall belongs
  callgate groups systemd-257:@file-system    a set of systemd, exactly
  callgate groups openbsd-pledge:rpath        a promise of OpenBSD, as syscalls of Linux
")]
pub struct Args {
    /// Roles, blocks (also with @), families (also with ~), SOURCE:GROUP of others, or syscalls
    #[arg(value_name = "NAME")]
    wanted: Vec<String>,
    /// The published version
    #[arg(long, value_name = "VERSION", value_parser = version, default_value_t = Groups::LATEST)]
    groups: Groups,
    /// An architecture, instead of this machine's own; may be repeated
    #[arg(long = "arch", value_name = "ARCH", value_parser = value::arch())]
    arches: Vec<Arch>,
    /// How they are shown
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text with headings
    #[default]
    Table,
    /// Columns separated by tabs, with a heading
    Tsv,
    /// A list of objects
    Json,
}

fn version(text: &str) -> Result<Groups, String> {
    let known: Vec<&str> = Groups::all().map(Groups::version).collect();
    Groups::parse(text).ok_or_else(|| format!("the versions are {}", known.join(", ")))
}

/// A group as it is shown.
#[derive(Serialize)]
struct Group {
    name: String,
    /// `role`, `block`, `family`, `syscall`, or the source of a group of others.
    kind: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    purpose: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    risks: Vec<&'static str>,
    /// The groups that it consists of, or of a syscall those that it belongs to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    members: Vec<Row>,
}

/// A syscall in a group on one architecture.
#[derive(Serialize)]
struct Row {
    arch: &'static str,
    syscall: &'static str,
    /// `allow`, `enosys` or `leave`.
    verdict: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// Prints the table.
///
/// # Errors
/// For what is not known, and output that can't be written.
pub fn run(args: &Args) -> Result<Status, Error> {
    if args.wanted.is_empty() {
        list(args.groups, args.format)?;
        return Ok(Status::Success);
    }
    let arches = value::arches_or_native(&args.arches)?;
    let found: Vec<Group> = args
        .wanted
        .iter()
        .map(|wanted| find(wanted, args.groups, &arches))
        .collect::<Result<_, _>>()?;
    match args.format {
        Format::Table => output::text(|out| write_groups(out, &found, &arches))?,
        Format::Tsv => output::text(|out| write_tsv(out, &found))?,
        Format::Json => output::json(&found)?,
    }
    Ok(Status::Success)
}

fn find(wanted: &str, groups: Groups, arches: &[Arch]) -> Result<Group, Error> {
    if let Some((source, name)) = wanted.split_once(':') {
        return of_others(source, name, arches);
    }
    if let Some(name) = wanted.strip_prefix('~') {
        let family = groups.family(name);
        let names = groups.families().map(Family::name);
        let unknown = || value::did_you_mean(&format!("no family is called {name:?}"), name, names);
        return family.map(|f| of_family(f, arches)).ok_or_else(|| Error::Usage(unknown()));
    }
    let name = wanted.strip_prefix('@').unwrap_or(wanted);
    if let Some(role) = groups.role(name) {
        return Ok(of_role(role, arches));
    }
    if let Some(block) = groups.block(name) {
        return Ok(of_block(block, arches));
    }
    match (groups.family(wanted), Name::parse(wanted)) {
        (_, Some(syscall)) => Ok(of_syscall(syscall, groups, arches)),
        (Some(family), None) => Ok(of_family(family, arches)),
        (None, None) => {
            let names = groups.roles().map(Role::name).chain(groups.blocks().map(Block::name));
            let names = names.chain(groups.families().map(Family::name));
            let unknown = format!("no group or syscall is called {wanted:?}");
            let alias = Alias::all().filter(|alias| alias.name() == wanted).last();
            let text = match alias {
                Some(alias) => {
                    format!("{unknown}: did you mean {}:{wanted}?", alias.source())
                }
                None => value::did_you_mean(&unknown, name, names.chain(value::syscall_names())),
            };
            Err(Error::Usage(text))
        }
    }
}

fn of_role(role: Role, arches: &[Arch]) -> Group {
    let blocks: Vec<Block> = role.blocks().collect();
    let mut risks: Vec<Risk> = blocks.iter().flat_map(|block| block.risks()).copied().collect();
    risks.sort();
    risks.dedup();
    Group {
        name: role.name().to_owned(),
        kind: "role",
        purpose: role.purpose(),
        risks: risks.into_iter().map(Risk::name).collect(),
        groups: blocks.iter().map(|block| block.name().to_owned()).collect(),
        members: arches.iter().flat_map(|arch| allowed(&blocks, *arch)).collect(),
    }
}

/// All that blocks together say of an architecture's syscalls.
fn allowed(blocks: &[Block], arch: Arch) -> Vec<Row> {
    let row = |syscall: Name| {
        let (verdict, conditions) = match Allowance::of(blocks, syscall, arch)? {
            Allowance::Always => ("allow", Vec::new()),
            Allowance::If(conditions) => ("allow", conditions),
            _ => ("enosys", Vec::new()),
        };
        let (arch, syscall) = (arch.name(), syscall.as_str());
        Some(Row { arch, syscall, verdict, conditions, reason: None })
    };
    Name::all().filter(|name| arch.syscall(*name).is_some()).filter_map(row).collect()
}

fn of_block(block: Block, arches: &[Arch]) -> Group {
    let row = |arch: Arch, syscall: Name| {
        block.line(syscall, arch).map(|line| of_line(arch, syscall, line))
    };
    let of_arch = |arch: &Arch| {
        let here = Name::all().filter(|name| arch.syscall(*name).is_some());
        here.filter_map(|name| row(*arch, name)).collect::<Vec<_>>()
    };
    Group {
        name: block.name().to_owned(),
        kind: "block",
        purpose: block.purpose(),
        risks: block.risks().iter().map(|risk| risk.name()).collect(),
        groups: Vec::new(),
        members: arches.iter().flat_map(of_arch).collect(),
    }
}

fn of_line(arch: Arch, syscall: Name, line: GroupLine) -> Row {
    Row {
        arch: arch.name(),
        syscall: syscall.as_str(),
        verdict: line.stance().name(),
        conditions: line.condition().into_iter().collect(),
        reason: line.reason(),
    }
}

fn of_family(family: Family, arches: &[Arch]) -> Group {
    let row = |arch: Arch, member: Name| Row {
        arch: arch.name(),
        syscall: member.as_str(),
        verdict: "allow",
        conditions: Vec::new(),
        reason: family.note(member),
    };
    let of_arch = |arch: &Arch| family.members_on(*arch).map(|m| row(*arch, m)).collect::<Vec<_>>();
    Group {
        name: format!("~{}", family.name()),
        kind: "family",
        purpose: "",
        risks: Vec::new(),
        groups: Vec::new(),
        members: arches.iter().flat_map(of_arch).collect(),
    }
}

fn of_syscall(syscall: Name, groups: Groups, arches: &[Arch]) -> Group {
    let mut names: Vec<String> =
        groups.family_of(syscall).map(|f| format!("~{}", f.name())).into_iter().collect();
    let takes = |block: &Block| {
        let mut lines = arches.iter().filter_map(|arch| block.line(syscall, *arch));
        lines.any(|line| line.stance() == callgate_facts::Stance::Allow)
    };
    names.extend(groups.blocks().filter(takes).map(|block| block.name().to_owned()));
    let holds =
        |alias: &Alias| alias.lines().any(|line| line.member() == GroupMember::Syscall(syscall));
    let of_others = |alias: Alias| format!("{}:{}", alias.source(), alias.name());
    names.extend(Alias::all().filter(holds).map(of_others));
    Group {
        name: syscall.as_str().to_owned(),
        kind: "syscall",
        purpose: "",
        risks: Vec::new(),
        groups: names,
        members: Vec::new(),
    }
}

fn of_others(source: &str, name: &str, arches: &[Arch]) -> Result<Group, Error> {
    let sources = || Alias::all().map(Alias::source);
    if !sources().any(|known| known == source) {
        let unknown = format!("no groups come from {source:?}");
        return Err(Error::Usage(value::did_you_mean(&unknown, source, sources())));
    }
    let names = Alias::all().filter(|alias| alias.source() == source).map(Alias::name);
    let unknown =
        || value::did_you_mean(&format!("{source} has no group called {name:?}"), name, names);
    let alias = Alias::parse(source, name).ok_or_else(|| Error::Usage(unknown()))?;
    let mut members = Vec::new();
    for arch in arches {
        for syscall in alias.syscalls() {
            let own = alias.lines().find(|line| line.member() == GroupMember::Syscall(syscall));
            if arch.syscall(syscall).is_some() {
                members.push(Row {
                    arch: arch.name(),
                    syscall: syscall.as_str(),
                    verdict: "allow",
                    conditions: own.and_then(GroupLine::condition).into_iter().collect(),
                    reason: None,
                });
            }
        }
    }
    let nested = alias.lines().filter_map(|line| match line.member() {
        GroupMember::Alias(alias) => Some(alias.name().to_owned()),
        _ => None,
    });
    Ok(Group {
        name: name.to_owned(),
        kind: alias.source(),
        purpose: "",
        risks: Vec::new(),
        groups: nested.collect(),
        members,
    })
}

fn write_groups(out: &mut dyn Write, groups: &[Group], arches: &[Arch]) -> io::Result<()> {
    let (heading, faint) = (output::HEADING, output::FAINT);
    for group in groups {
        let separator = if group.purpose.is_empty() { "" } else { ": " };
        let purpose = group.purpose;
        writeln!(out, "{heading}{}{heading:#}  {}{separator}{purpose}", group.name, group.kind)?;
        if !group.risks.is_empty() {
            writeln!(out, "  risks   {}", group.risks.join(", "))?;
        }
        if !group.groups.is_empty() {
            writeln!(out, "  groups  {}", group.groups.join(" "))?;
        }
        let width = group.members.iter().map(|row| row.syscall.len()).max().unwrap_or(0);
        let arch_width = group.members.iter().map(|row| row.arch.len()).max().unwrap_or(0);
        for row in &group.members {
            let arch = match arches.len() {
                1 => String::new(),
                _ => format!("{:arch_width$}  ", row.arch),
            };
            let conditions = row.conditions.join(" or ");
            let reason = row.reason.map_or(String::new(), |r| format!("  {faint}# {r}{faint:#}"));
            let line =
                format!("  {arch}{:6}  {:width$}  {conditions}{reason}", row.verdict, row.syscall);
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    Ok(())
}

fn write_tsv(out: &mut dyn Write, groups: &[Group]) -> io::Result<()> {
    writeln!(out, "group\tarch\tverdict\tsyscall\tcondition\treason")?;
    for group in groups {
        for Row { arch, syscall, verdict, conditions, reason } in &group.members {
            let (name, condition) = (&group.name, conditions.join(" or "));
            let reason = reason.unwrap_or_default();
            writeln!(out, "{name}\t{arch}\t{verdict}\t{syscall}\t{condition}\t{reason}")?;
        }
    }
    Ok(())
}

/// A group in the list of all.
#[derive(Serialize)]
struct Entry {
    name: String,
    kind: &'static str,
    text: String,
}

fn list(groups: Groups, format: Format) -> Result<(), Error> {
    let entry = |name: String, kind, text: String| Entry { name, kind, text };
    let mut entries: Vec<Entry> = groups
        .roles()
        .map(|role| entry(role.name().into(), "role", role.purpose().into()))
        .collect();
    entries.extend(
        groups.blocks().map(|block| entry(block.name().into(), "block", block.purpose().into())),
    );
    entries.extend(groups.families().map(|family| {
        let members: Vec<&str> = family.members().map(Name::as_str).collect();
        entry(format!("~{}", family.name()), "family", members.join(" "))
    }));
    entries.extend(Alias::all().map(|alias| {
        let name = format!("{}:{}", alias.source(), alias.name());
        entry(name, "alias", format!("{} members", alias.lines().count()))
    }));
    if format == Format::Json {
        return output::json(&entries);
    }
    output::text(|out| {
        let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
        entries.iter().try_for_each(|Entry { name, kind, text }| match format {
            Format::Tsv => writeln!(out, "{name}\t{kind}\t{text}"),
            _ => writeln!(out, "{kind:6}  {name:width$}  {text}"),
        })
    })
}
