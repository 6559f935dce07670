//! `callgate explain`: why a call was refused, by whatever told of it.

mod check;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::thread;
use std::time::Duration;

use callgate_console::args::group::ProfileArgs;
use callgate_console::args::{arguments, value};
use callgate_console::error::{Error, Status};
use callgate_console::input::door::{self, Wanted};
use callgate_console::input::{self, Input, Resolved, Source, Unresolved};
use callgate_console::output;
use callgate_explain::{
    Denial, Denials, Ended, Explanation, Filter, Found, Knowledge, Reader, explain, read_core,
    read_line,
};
use callgate_rules::{Capability, Target};
use callgate_syscalls::{Arch, Name};
use clap::ValueHint;

/// Say why a call was refused, by which rule, and what to change
///
/// Reads what told of it, from files or standard input: audit records (kernel log, journal, auditd, ausearch), lines of
/// strace, the fields of a SIGSYS as programs print them, the cores of killed processes, the phrases of systemd, Docker
/// and Kubernetes, and what `callgate run --explain-to` wrote. Or takes a call: its name, and its arguments separated by
/// commas.
///
/// With the filter (--policy) it finds the rule with file, line and column, and counts what each change would permit beyond.
/// What the source can't know is said. Lines that are none of these are counted.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  journalctl -k | callgate explain --policy my.json
  journalctl -kf | callgate explain --policy my.json -f
  strace -f ./program 2>&1 | callgate explain --policy my.gate
  callgate explain --policy my.gate core.4711
  callgate explain --policy new.gate refused       what `callgate run --explain-to refused` wrote
  callgate explain --policy my.gate socket AF_VSOCK,SOCK_STREAM,0
  callgate explain --policy pid:4711 clone3
  callgate explain --check perf_event_open 0,0,-1,-1,0
  callgate explain 'x.service: Main process exited, code=killed, status=31/SYS'

Exit status:
  0  something was explained
  1  nothing in the input is about a refused call
  2  wrong arguments, or something could not be read
")]
pub(crate) struct Args {
    /// The filter that is meant to have refused the call: NAME of an embedded profile, FILE, or pid:N
    #[arg(
        long,
        value_name = "FILTER",
        value_parser = input::parser(),
        value_hint = ValueHint::FilePath
    )]
    policy: Option<Source>,
    /// The architecture of the machine that is told about [default: this machine's]
    #[arg(long, value_name = "ARCH", value_parser = value::arch())]
    arch: Option<Arch>,
    /// Explain each denial as it comes, and wait for more at the end of the input
    #[arg(short, long)]
    follow: bool,
    /// Make the call again without the filter, in a process of its own, to see whether a filter refuses it at all
    ///
    /// Only calls that change nothing beyond that process are made.
    #[arg(long)]
    check: bool,
    /// Write JSON, an object a line
    #[arg(long)]
    json: bool,
    /// Files, a line in quotes, or a call with its arguments; nothing for standard input
    #[arg(value_name = "FILE|LINE|CALL", value_hint = ValueHint::FilePath)]
    what: Vec<String>,
    #[command(flatten)]
    how: ProfileArgs,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let arch = args.arch.map_or_else(value::native, Ok)?;
    let known = args.policy.as_ref().map(|source| Known::read(source, args, arch)).transpose()?;
    let sources = known.as_ref().map(Known::sources);
    let filter = known.as_ref().zip(sources.as_ref()).map(|(known, sources)| known.filter(sources));
    let mut told = Told {
        reader: Reader::new(arch),
        filter: filter.as_ref(),
        known: known.as_ref(),
        how: &args.how,
        denials: Denials::default(),
        ended: Vec::new(),
        lines: Lines::default(),
        follow: args.follow,
        json: args.json,
        check: args.check,
    };
    read(args, arch, &mut told)?;
    let status = told.finish()?;
    if let (Some(policy), Some(Known::Programs(_)), Status::Success) =
        (&args.policy, &known, status)
    {
        output::note(&format_args!(
            "{policy} is a compiled filter, which a change can't be put into: `callgate show {policy} > x.gate` writes \
             it as a policy, and the change goes there"
        ));
    }
    let files = args.what.iter().map(Path::new).filter(|path| path.is_file());
    for source in files.filter(|_| status == Status::No).map(|path| Source::File(path.into())) {
        // A log may be longer than any file that there is a hint for.
        let bytes = match input::bytes(&source) {
            Err(Error::TooLarge { .. }) => continue,
            bytes => bytes?,
        };
        if let Some(hint) = door::hint(&bytes, &source, Wanted::Denials) {
            output::warning(&hint);
        }
    }
    Ok(status)
}

/// The filter as it was read.
enum Known {
    /// A text, what it says, and the machine that it was read for if that is not this one.
    Rules(Box<Unresolved>, Box<(Resolved, Target)>, Option<Arch>),
    Programs(callgate_bpf::Stack),
}

impl Known {
    /// Reads a filter. A profile for a machine that this one can't be is read as on that machine.
    fn read(source: &Source, args: &Args, arch: Arch) -> Result<Self, Error> {
        let profile = match input::read(source, &args.how)? {
            Input::Profile(profile) => profile,
            other => return Ok(Self::Programs(other.subject(&args.how, &[])?.into_stack()?)),
        };
        let x86 = arch == Arch::X86 && Arch::native() == Some(Arch::X86_64);
        let elsewhere = if x86 { None } else { profile.elsewhere(&args.how, arch)? };
        if let Some(elsewhere) = elsewhere.as_ref().filter(|_| !args.how.quiet) {
            output::note(&format_args!("{elsewhere}: read as on a machine of that architecture"));
        }
        let machine = elsewhere.map(|it| it.arch);
        let arches: Vec<Arch> = machine.into_iter().collect();
        let resolved = profile.resolve(&args.how, &arches)?;
        let target = input::gate::target(&args.how, &arches)?;
        Ok(Self::Rules(profile, Box::new((resolved, target)), machine))
    }

    /// The other machine, as on which it was read.
    fn machine(&self) -> Option<String> {
        match self {
            Self::Rules(.., machine) => machine.map(|arch| arch.to_string()),
            Self::Programs(_) => None,
        }
    }

    /// Capabilities with each of which the filter lets a call pass that it refuses now.
    fn capabilities(&self, how: &ProfileArgs, explanation: &Explanation) -> Vec<String> {
        let refuses = !explanation.changes.is_empty() || explanation.is_fine;
        let Self::Rules(text, rules, _) = self else { return Vec::new() };
        let (resolved, _) = &**rules;
        let profile = text.container_profile();
        let circumstances = match profile {
            Some(profile) => profile.circumstances(how.reading()),
            None => text.written().and_then(|written| written.rules.circumstances()),
        };
        let Some(circumstances) = circumstances.filter(|_| refuses) else { return Vec::new() };
        let arches: Vec<Arch> = resolved.policy.arches().map(|(arch, _)| arch).collect();
        let sources = text.sources();
        let passes = |cap: &Capability| {
            let with = how.with_cap(*cap).ok()?;
            let with = text.resolve_quietly(&with, &arches).ok()?;
            let filter = Filter::rules(&with.policy, &with.provenance, &sources);
            let rulings = filter.rulings(&explanation.denial);
            Some(!rulings.is_empty() && rulings.iter().all(|it| it.action.kind().executes()))
        };
        let caps = circumstances.of(explanation.call.name).caps.iter();
        caps.filter(|cap| passes(cap) == Some(true)).map(|cap| cap.to_string()).collect()
    }

    fn sources(&self) -> callgate_rules::Sources {
        match self {
            Self::Rules(text, ..) => text.sources(),
            Self::Programs(_) => callgate_rules::Sources::new(),
        }
    }

    fn filter<'f>(&'f self, sources: &'f callgate_rules::Sources) -> Filter<'f> {
        match self {
            Self::Rules(_, rules, _) => {
                let (resolved, target) = &**rules;
                Filter::rules(&resolved.policy, &resolved.provenance, sources)
                    .lowered_for(target.clone())
            }
            Self::Programs(stack) => Filter::programs(stack),
        }
    }
}

/// Reads what the arguments name: a call, lines, files or standard input.
fn read(args: &Args, arch: Arch, told: &mut Told<'_>) -> Result<(), Error> {
    let calls = asked(args, arch)?;
    if !calls.is_empty() {
        return calls.into_iter().try_for_each(|denial| told.denial(denial));
    }
    if let ["159"] = args.what.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return told.ended(Ended::by_status());
    }
    if args.what.is_empty() {
        return told.input(io::stdin().lock(), "standard input");
    }
    for word in &args.what {
        match word.as_str() {
            "-" => told.input(io::stdin().lock(), "standard input")?,
            path if Path::new(path).exists() => {
                let file = File::open(path).map_err(|reason| unreadable(path, reason))?;
                told.input(BufReader::new(file), path)?;
            }
            line if line.contains([' ', '=', '(']) => told.line(line)?,
            call if Name::parse(call).is_some() => {
                let message = format!(
                    "{call} is a syscall, and other words are files or lines: explain one kind at once"
                );
                return Err(Error::Usage(message));
            }
            other => {
                let message = format!("{other:?} is neither a file nor a syscall of {arch}");
                return Err(Error::Usage(value::did_you_mean(
                    &message,
                    other,
                    value::syscall_names(),
                )));
            }
        }
    }
    Ok(())
}

fn unreadable(what: &str, reason: io::Error) -> Error {
    Error::Read { what: what.to_owned(), reason }
}

/// The calls that the arguments are: names alone, a number, or one with its arguments, as `socket 2,1,0`, `socket 2 1 0` or
/// `'socket(2, 1, 0)'`; none where they are something else.
fn asked(args: &Args, arch: Arch) -> Result<Vec<Denial>, Error> {
    let words: Vec<&str> = args.what.iter().map(String::as_str).collect();
    let is_there = |word: &&str| Path::new(word).exists();
    if words.iter().any(is_there) {
        return Ok(Vec::new());
    }
    if words.iter().all(|word| Name::parse(word).is_some()) {
        let calls: Result<Vec<_>, _> = words.iter().map(|name| call(name, None, arch)).collect();
        return Ok(calls?.into_iter().flatten().collect());
    }
    let (name, given) = match words[..] {
        [] => return Ok(Vec::new()),
        // As an exit status it says that a process was killed by SIGSYS.
        ["159"] => return Ok(Vec::new()),
        // `exit code 159` begins with a syscall.
        [one] if matches!(Reader::new(arch).line(one), Found::Ended(_)) => return Ok(Vec::new()),
        [number] if value::syscall_number(number).is_ok_and(|nr| nr.is_some()) => {
            return Ok(call(number, None, arch)?.into_iter().collect());
        }
        [one] => match in_one(one).filter(|(name, _)| Name::parse(name).is_some()) {
            Some((name, given)) => (name, given.to_owned()),
            None => return Ok(Vec::new()),
        },
        [first, ref rest @ ..] => (first, rest.join(",")),
    };
    Ok(call(name, Some(&given), arch)?.into_iter().collect())
}

/// `socket(2, 1, 0)` or `socket 2,1,0` in one word; lines have more than such values.
fn in_one(word: &str) -> Option<(&str, &str)> {
    let is_plain = |(_, given): &(&str, &str)| !given.contains(['=', '(', ')', '"', '{', '[']);
    match word.strip_suffix(')') {
        Some(call) => call.split_once('(').filter(is_plain),
        None => word.split_once(' ').filter(is_plain),
    }
}

/// A call by its name or number; none where it is neither.
fn call(name: &str, given: Option<&str>, arch: Arch) -> Result<Option<Denial>, Error> {
    let nr = match value::syscall_number(name)? {
        Some(nr) => nr,
        None if Name::parse(name).is_none() => return Ok(None),
        None => {
            let name = value::name(name)?;
            let missing =
                || Error::Usage(format!("{name} does not exist on {arch}: choose with --arch"));
            arch.syscall(name).ok_or_else(missing)?.nr
        }
    };
    let mut denial = Denial::new(arch.token(), nr, Knowledge::Asked);
    if let Some(given) = given.filter(|given| !given.trim().is_empty()) {
        let words: Vec<String> = given.split(',').map(|word| word.trim().to_owned()).collect();
        // Those that are not given are not known.
        let registers = arguments::read(&words, arch, nr)?;
        for (known, value) in denial.args.iter_mut().zip(registers).take(words.len()) {
            *known = Some(value);
        }
    }
    Ok(Some(denial))
}

/// What was read, and what is made of it.
struct Told<'f> {
    reader: Reader,
    filter: Option<&'f Filter<'f>>,
    known: Option<&'f Known>,
    how: &'f ProfileArgs,
    denials: Denials,
    ended: Vec<Ended>,
    lines: Lines,
    follow: bool,
    json: bool,
    check: bool,
}

#[derive(Default)]
struct Lines {
    all: u64,
    unknown: u64,
    shown: u64,
}

impl Told<'_> {
    /// Reads a core, or lines.
    fn input(&mut self, mut from: impl BufRead, what: &str) -> Result<(), Error> {
        /// The notes are at the beginning of a core; what follows is memory.
        const CORE_MAX: u64 = 64 << 20;
        let start = from.fill_buf().map_err(|reason| unreadable(what, reason))?;
        if start.starts_with(b"\x7fELF") {
            let mut bytes = Vec::new();
            let read = from.take(CORE_MAX).read_to_end(&mut bytes);
            read.map_err(|reason| unreadable(what, reason))?;
            let denial = read_core(&bytes).map_err(|reason| {
                unreadable(what, io::Error::new(io::ErrorKind::InvalidData, reason))
            })?;
            return self.denial(denial);
        }
        self.lines(from, what)
    }

    fn lines(&mut self, mut from: impl BufRead, what: &str) -> Result<(), Error> {
        /// How long a file is left alone that has grown no further.
        const PAUSE: Duration = Duration::from_millis(250);
        let mut bytes = Vec::new();
        loop {
            let read = read_line(&mut from, &mut bytes);
            let count = read.map_err(|reason| unreadable(what, reason))?;
            let is_whole = bytes.ends_with(b"\n");
            match (count, self.follow && what != "standard input") {
                // A line that is still being written is read on.
                (_, true) if !is_whole => {
                    thread::sleep(PAUSE);
                    continue;
                }
                (0, _) => return Ok(()),
                _ => {}
            }
            self.line(&String::from_utf8_lossy(&bytes))?;
            bytes.clear();
        }
    }

    fn line(&mut self, line: &str) -> Result<(), Error> {
        self.lines.all += 1;
        match self.reader.line(line) {
            Found::Denial(denial) => self.denial(*denial),
            Found::Ended(ended) => self.ended(ended),
            Found::Understood => Ok(()),
            _ => {
                self.lines.unknown += u64::from(!line.trim().is_empty());
                Ok(())
            }
        }
    }

    fn denial(&mut self, denial: Denial) -> Result<(), Error> {
        if !self.follow {
            self.denials.add(denial);
            return Ok(());
        }
        let explanation = explain(&denial, self.filter);
        match explanation.is_likely() && self.denials.add(denial) {
            true => self.show(explanation),
            false => Ok(()),
        }
    }

    fn ended(&mut self, ended: Ended) -> Result<(), Error> {
        if self.ended.contains(&ended) {
            return Ok(());
        }
        self.lines.shown += 1;
        let line =
            serde_json::json!({ "ended_by": "SIGSYS", "source": ended.by, "line": ended.line });
        let json = self.json;
        output::text(|out| if json { writeln!(out, "{line}") } else { writeln!(out, "{ended}") })?;
        self.ended.push(ended);
        Ok(())
    }

    fn show(&mut self, mut explanation: Explanation) -> Result<(), Error> {
        explanation.capabilities =
            self.known.map(|known| known.capabilities(self.how, &explanation)).unwrap_or_default();
        explanation.machine = self.known.and_then(Known::machine);
        let explanation = &explanation;
        self.lines.shown += 1;
        let checked = if self.check { Some(check::of(explanation)?) } else { None };
        let json = self.json;
        output::text(|out| match (json, checked) {
            (true, None) => writeln!(out, "{}", explanation.json_line()),
            (true, Some(check)) => {
                let both = serde_json::json!({ "explanation": explanation, "check": check.json() });
                writeln!(out, "{both}")
            }
            (false, check) => {
                write!(out, "{explanation}")?;
                check.map_or(Ok(()), |check| check.write(out))?;
                writeln!(out)
            }
        })
    }

    /// Shows what was collected, and says what was not understood.
    fn finish(mut self) -> Result<Status, Error> {
        let collected =
            if self.follow { Denials::default() } else { std::mem::take(&mut self.denials) };
        for denial in collected.list() {
            let explanation = explain(denial, self.filter);
            if explanation.is_likely() {
                self.show(explanation)?;
            }
        }
        let Lines { all, unknown, shown } = self.lines;
        if unknown > 0 {
            let of =
                format!("{unknown} of {all} lines tell of no refused call in a form that is known");
            output::note(&of);
        }
        match shown {
            0 => {
                output::warning(&"nothing in the input is about a refused call");
                Ok(Status::No)
            }
            _ => Ok(Status::Success),
        }
    }
}
