//! `callgate agent`: answering the notifications of containers.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use callgate_agent::{Options, POLICY_FORMAT, Policy};
use callgate_kernel::inherited_descriptors;
use clap::ValueHint;

use callgate_console::error::{Error, Status};
use callgate_console::input::door::{self, Wanted};
use callgate_console::input::{self, Source};
use callgate_console::output;

/// Answer the notifications of containers by rules
///
/// Container runtimes (runc, crun) connect to the socket for each container whose seccomp configuration names it as
/// listenerPath, and hand over what the filter's SCMP_ACT_NOTIFY rules produce. Decisions go to standard output as lines
/// of JSON. SIGHUP reads the policy again; SIGTERM ends the agent.
#[derive(Debug, clap::Args)]
#[command(after_help = "See `callgate agent --help` for the policy's format, with examples.")]
#[command(after_long_help = long_help())]
pub(crate) struct Args {
    /// The socket that runtimes connect to; what an ended agent left there is replaced
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, required_unless_present = "check")]
    socket: Option<PathBuf>,
    /// The policy
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    policy: PathBuf,
    /// Serve metrics for Prometheus at this address, which must be one of loopback; with port 0 at a free one, which the log
    /// names
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    /// Only check the policy
    #[arg(long, conflicts_with_all = ["socket", "metrics"])]
    check: bool,
}

fn long_help() -> String {
    format!("{EXAMPLES}\nPolicy:\n{POLICY_FORMAT}\n{REST}")
}

const EXAMPLES: &str = "\
Examples:
  callgate agent --socket /run/callgate.sock --policy policy.json --metrics 127.0.0.1:9470
  callgate agent --policy policy.json --check

  A policy:
    {\"rules\": [
      {\"names\": [\"mount\"], \"texts\": [{\"index\": 2, \"is\": [\"proc\", \"sysfs\"]}],
       \"answer\": {\"errno\": \"EPERM\"}},
      {\"names\": [\"mknod\", \"mknodat\"], \"answer\": {\"mknod\": {\"devices\": [\"c 1:3\", \"c 1:5\"]}}}
    ]}
  The container's config.json, in linux.seccomp:
    \"listenerPath\": \"/run/callgate.sock\",
    \"syscalls\": [{\"names\": [\"mount\", \"mknod\", \"mknodat\"], \"action\": \"SCMP_ACT_NOTIFY\"}]
";

const REST: &str = "
Log:
  Every line is a JSON object with time (seconds since 1970) and event: started, added, restored,
  ended, rejected, reloaded, error, stopped, or decision. The event started has metrics, the
  address where they are. Decisions have container, tid, arch,
  syscall, number, args, rule (its place in the policy, from 0; null for the default), answer,
  errno, outcome (delivered, gone, error) and, for errors, error.

Restart:
  With a service manager that keeps descriptors (systemd: FileDescriptorStoreMax=, Type=notify)
  the containers stay connected while the agent is started again.

Exit status:
  0  ended by SIGTERM or SIGINT; with --check: the policy is right
  2  wrong arguments, a wrong policy, or the agent could not start
";

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    // Before anything is opened whose number could be one of theirs.
    let inherited = inherited_descriptors();
    let Some(socket) = args.socket.clone() else {
        Policy::read(&args.policy).map_err(|error| named(args, error.into()))?;
        let (good, path) = (output::GOOD, args.policy.display());
        output::text(|out| writeln!(out, "{good}good{good:#}  {path}"))?;
        return Ok(Status::Success);
    };
    let options = Options { socket, policy: args.policy.clone(), metrics: args.metrics };
    callgate_agent::run(&options, inherited, io::stdout())
        .map_err(|error| named(args, error.into()))?;
    Ok(Status::Success)
}

/// The error of an agent; of a file that is no policy of an agent, what it is.
fn named(args: &Args, error: Error) -> Error {
    let source = Source::File(args.policy.clone());
    match input::bytes(&source) {
        Ok(bytes) => door::named(error, &bytes, &source, Wanted::AgentPolicy),
        Err(_) => error,
    }
}
