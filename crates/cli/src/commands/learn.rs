//! `callgate learn`: a profile of what a command was seen to call.
//!
//! Claim: C-LEARNED

mod files;
mod places;
mod promises;
#[cfg_attr(not(feature = "scan"), path = "learn/no_reach.rs")]
mod reach;
mod renew;
mod width;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use callgate_facts::selectors;
use callgate_learn::{CallKey, Evidence, Heading, Mined, Observations, Style, Wants};
use callgate_learn::{mine, replay, write};
use callgate_observe::record::Going;
use clap::{Subcommand, ValueHint};

use callgate_console::error::{Error, Status};
use callgate_console::output;

/// Learn a profile from what a command calls
///
/// Runs the command, records every call of it and all that it starts, and writes a policy in the language: what was
/// seen, each statement with its evidence, closed over what other C libraries and kernels call in its place. No root
/// is needed. Ctrl-C ends the command and keeps what was learned; a second one does not wait for it. Other signals are the
/// command's. After SIGINT, SIGQUIT, SIGTERM or SIGHUP nothing more of --rounds and --explore begins.
///
/// What was seen is kept beside the profile, as FILE.evidence: lines of JSON that `learn merge`
/// puts together with those of other runs and machines. Wherever evidence is read, recordings of
/// strace, perf, ftrace and audit, the refusals that `callgate run --explain-to` writes, and
/// profiles of other recorders are taken too; what a file is, its content tells.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    mut_arg("minimal", |minimal| minimal.requires("explore")),
    after_help = "\
Examples:
  callgate learn -o nginx.gate -- nginx -g 'daemon off;'
  callgate learn --rounds 3 -o ls.gate -- ls -l /
  callgate learn --reachable -o xz.gate -- xz -k file
  callgate learn --narrow -o ls.gate -- ls -l /
  callgate run --profile ls.gate -- ls -l /
  callgate learn merge a.evidence b.evidence -o all.evidence
  callgate learn profile all.evidence -o all.gate
  callgate learn verify all.gate a.evidence
  strace -f -o ls.trace ls -l /; callgate learn import ls.trace -o ls.evidence
  callgate run --profile ls.gate --explain-to refused -- ls -l /; callgate learn update ls.gate refused
  callgate learn --update nginx.gate -- nginx -g 'daemon off;'
  callgate learn --pid $(cat /run/nginx.pid) --for 600 -o nginx.gate
  callgate learn --cgroup /sys/fs/cgroup/system.slice/docker-ID.scope -o container.gate

Exit status:
  0  done; the command may have failed, which is said
  1  verify: the profile does not allow all that was seen; update: a test of the profile forbids
     some of what was seen
  2  nothing was learned, or a file could not be read or written
  126, 127  the command cannot be executed, or was not found
"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Write the profile to FILE, and what was seen to FILE.evidence, neither of which may exist;
    /// else it goes to standard output
    #[arg(short, long, value_name = "FILE.gate", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Replace files that exist, and what hands wrote in them
    #[arg(long)]
    force: bool,
    /// Add what is seen to FILE, which may exist
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    evidence: Option<PathBuf>,
    /// Bring FILE up to date instead: what hands changed and wrote stays, what is seen and refused
    /// is added, and what is seen no more is marked; what a test of the profile forbids becomes a
    /// comment
    #[arg(
        long,
        value_name = "FILE.gate",
        value_hint = ValueHint::FilePath,
        conflicts_with_all = ["output", "evidence", "seen_only", "force"]
    )]
    update: Option<PathBuf>,
    /// Run the command N times; from the second on, what is known runs at full speed
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Run the command again for each call that libraries try first, with that call refused by
    /// ENOSYS and by EPERM, and learn what then appears
    #[arg(long)]
    explore: bool,
    #[command(flatten)]
    width: width::Width,
    #[command(flatten)]
    reach: reach::Reaching,
    /// How calls are seen; --explore always sees them by notification
    #[arg(long, value_name = "HOW", default_value = "notify")]
    backend: callgate_recorder::Backend,
    #[command(flatten)]
    following: callgate_recorder::Following,
    /// The command and its arguments
    #[arg(
        value_name = "COMMAND",
        last = true,
        required_unless_present_any = ["pid", "cgroup"],
        value_hint = ValueHint::CommandWithArguments
    )]
    command: Vec<OsString>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Put files of evidence together: in any order, once or twice, the result is the same
    Merge {
        /// The files
        #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
        /// Write to FILE instead of standard output
        #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: Option<PathBuf>,
        /// Replace a file that exists and holds something else
        #[arg(long)]
        force: bool,
    },
    /// Write the profile of evidence
    Profile {
        /// The files
        #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
        /// Write to FILE, which may not exist, instead of standard output
        #[arg(short, long, value_name = "FILE.gate", value_hint = ValueHint::FilePath)]
        output: Option<PathBuf>,
        /// Replace a file that exists
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        width: width::Width,
        #[command(flatten)]
        reach: reach::Reaching,
    },
    /// Make evidence of what others recorded: strace (-f), perf script, perf trace, ftrace, audit
    /// records, refusals of
    /// --explain-to, and profiles that other recorders wrote
    Import {
        /// The files
        #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
        /// Write to FILE instead of standard output
        #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: Option<PathBuf>,
        /// Replace a file that exists and holds something else
        #[arg(long)]
        force: bool,
    },
    /// Bring a profile up to date: what hands changed and wrote stays, what is seen and refused is
    /// added, and what is seen no more is marked
    Update {
        /// The profile; FILE.evidence beside it says what it was learned from
        #[arg(value_name = "FILE.gate", value_hint = ValueHint::FilePath)]
        profile: PathBuf,
        /// What was seen since: evidence, recordings, refusals
        #[arg(value_name = "EVIDENCE", required = true, value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
    },
    /// Whether a profile allows all that was seen
    Verify {
        /// The profile
        #[arg(value_name = "FILE.gate", value_hint = ValueHint::FilePath)]
        profile: PathBuf,
        /// The files of evidence
        #[arg(value_name = "EVIDENCE", required = true, value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
    },
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    match &args.what {
        None => learn(args),
        Some(What::Merge { files, output, force } | What::Import { files, output, force }) => {
            let evidence = files::read_all(files)?;
            if let Some(path) = output {
                places::new_evidence(path, &evidence, *force)?;
            }
            files::write_evidence(output.as_deref(), &evidence)?;
            Ok(Status::Success)
        }
        Some(What::Profile { files, output, force, width, reach }) => {
            if let Some(path) = output {
                places::new_profile(path, *force)?;
            }
            let evidence = files::read_all(files)?;
            let tier = |mined: &mut Mined| reach.add(mined, &[]);
            let text = profile(&evidence, &width.wants(), tier)?;
            files::write_text(output.as_deref(), &text)?;
            Ok(Status::Success)
        }
        Some(What::Update { profile, files }) => {
            let profile = renew::Profile::read(profile)?;
            profile.bring_up_to_date(&files::read_all(files)?, &Wants::default())
        }
        Some(What::Verify { profile, files }) => verify(profile, files),
    }
}

fn learn(args: &Args) -> Result<Status, Error> {
    let wants = args.width.wants();
    if let Some(path) = &args.update {
        args.reach.refuse_with("--update")?;
        let profile = renew::Profile::read(path)?;
        return profile.bring_up_to_date(&recorded(args, Evidence::default())?, &wants);
    }
    let (output, evidence) = (args.output.as_deref(), args.evidence.as_deref());
    let places = places::Places::new(output, evidence, args.force)?;
    let evidence = recorded(args, places.before)?;
    // First, so that nothing is lost where there can be no profile.
    if let Some(path) = places.evidence.as_ref().filter(|_| !evidence.is_empty()) {
        files::write_evidence(Some(path), &evidence)?;
    }
    let tier = |mined: &mut Mined| args.reach.add(mined, &args.command);
    let text = profile(&evidence, &wants, tier)?;
    files::write_text(places.profile.as_deref(), &text)?;
    Ok(Status::Success)
}

/// What is seen now, added to what was seen before.
fn recorded(args: &Args, mut evidence: Evidence) -> Result<Evidence, Error> {
    if args.following.record(&mut evidence)?.is_some() {
        return Ok(evidence);
    }
    let (command, rounds) = (&args.command, args.rounds);
    let (evidence, going) = callgate_recorder::rounds(command, rounds, args.backend, evidence)?;
    match going {
        Going::On if args.explore => callgate_recorder::explore(command, evidence),
        Going::On | Going::End => Ok(evidence),
    }
}

/// Says which calls a profile allows with any arguments, though arguments decide what they do.
fn tell_of_any_arguments(evidence: &Evidence) {
    let any = |(key, seen): (CallKey, &Observations)| {
        let (arch, name) = (key.arch()?, key.name()?);
        let many = matches!(seen, Observations::Many(_)) && selectors(arch, name).next().is_some();
        many.then(|| name.as_str())
    };
    let calls: BTreeSet<&str> = evidence.calls().filter_map(any).collect();
    if !calls.is_empty() {
        let calls: Vec<&str> = calls.into_iter().collect();
        let why = "their arguments were not all known, or too many: look at what that opens";
        output::note(&format_args!("with any arguments: {}; {why}", calls.join(", ")));
    }
}

/// The command lines that evidence is of.
fn title(evidence: &Evidence) -> String {
    let mut commands: Vec<&str> = evidence.runs().map(|(_, run)| run.command.as_str()).collect();
    commands.sort_unstable();
    commands.dedup();
    match commands.as_slice() {
        [] => "nobody knows what".to_owned(),
        [first] => (*first).to_owned(),
        [first, others @ ..] => format!("{first}, and {} other commands", others.len()),
    }
}

/// The text of a profile, of which the filter was proved and every observation decided.
/// `tier` adds what was not seen.
fn profile(
    evidence: &Evidence,
    wants: &Wants,
    tier: impl FnOnce(&mut Mined),
) -> Result<String, Error> {
    let mut mined = mine(evidence, wants);
    tier(&mut mined);
    say_unknown(&mined);
    tell_of_any_arguments(evidence);
    let heading = Heading { title: title(evidence) };
    let text = write(evidence, &mined, &heading, Style::Enforced)
        .ok_or_else(|| Error::Usage("nothing was seen, so there is no profile".to_owned()))?;
    let filter = callgate::Filter::parse(&text)?;
    let mut refused = replay(evidence, filter.policy());
    if wants.minimal {
        let optional = callgate_learn::optional(evidence);
        refused.retain(|refusal| !optional.contains(&refusal.call));
    }
    match refused.first() {
        None => Ok(text),
        Some(refusal) => Err(Error::Usage(format!(
            "the profile would not allow all that was seen: {} of {} observations, the first {}",
            refused.len(),
            evidence.len(),
            files::told(refusal)
        ))),
    }
}

fn say_unknown(mined: &Mined) {
    for call in &mined.unknown {
        output::warning(&format_args!("{call} was seen: no policy can be about it"));
    }
}

fn verify(profile: &std::path::Path, files: &[PathBuf]) -> Result<Status, Error> {
    let evidence = files::read_all(files)?;
    let filter = callgate::Filter::read(profile)?;
    let refused = replay(&evidence, filter.policy());
    output::text(|out| {
        for refusal in &refused {
            writeln!(out, "{}", files::told(refusal))?;
        }
        let (good, bad) = (output::GOOD, output::BAD);
        match refused.len() {
            0 => writeln!(out, "{good}allowed{good:#}  all {} observations", evidence.len()),
            count => {
                writeln!(out, "{bad}refused{bad:#}  {count} of {} observations", evidence.len())
            }
        }
    })?;
    Ok(if refused.is_empty() { Status::Success } else { Status::No })
}
