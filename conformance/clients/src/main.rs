//! `cargo xtask clients [NAME...] [--all] [--list]`: programs of Debian do their work on our
//! `libseccomp.so.2`.
//!
//! The programs are Debian's, unmodified, in a root of their own under the target folder; the
//! machine's packages stay as they are. Each plays a script of ours twice, once with Debian's
//! library and once with ours in front of it (`LD_LIBRARY_PATH`), in fresh namespaces whose only
//! network is loopback. Both runs must
//!
//! - succeed, and print the same;
//! - have loaded the library that is meant, and no other (every `openat` of a `libseccomp.so.2` is
//!   looked at);
//! - install filters that are proved equal, each to one of the other run's and as many as the
//!   client needs; but for rules about calls that Debian's library is too old to know by name.
//!   Filters that hold addresses are counted only.
//!
//! A script that cannot do its work on this machine ends with status 77 and the reason: the row
//! says it and it is counted.
//!
//! Claim: C-CLIENTS.
//!
//! Without names, the clients that install and run in a few minutes; `--all` runs all. Needs root,
//! debootstrap, util-linux.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it prints what it found")]

mod binding;
mod compare;
mod home;
mod list;
mod play;
mod table;
mod trace;

use std::time::Instant;

use home::{Home, Library};
use list::{CLIENTS, Client, Pace};
use table::{Outcome, Row};

fn main() -> std::process::ExitCode {
    house::main("clients", run)
}

/// Plays the clients that the arguments choose, and prints a row for each.
fn run(args: &[String]) -> Result<(), String> {
    if args.iter().any(|arg| arg == "--list") {
        CLIENTS.iter().for_each(|client| println!("{:<14} {}", client.name, client.about));
        return Ok(());
    }
    let chosen = chosen(args)?;
    let home = Home::prepare(&chosen)?;
    let mut rows = Vec::new();
    for client in chosen {
        let start = Instant::now();
        let outcome = meet(&home, client).unwrap_or_else(Outcome::Failed);
        let row = Row::new(&home, client, outcome)?;
        println!("clients: {}: {} ({:.0} s)", row.name, row.filters, start.elapsed().as_secs_f64());
        rows.push(row);
    }
    table::print(&rows)
}

/// The clients that were named, those of a quick run, or all.
fn chosen(args: &[String]) -> Result<Vec<&'static Client>, String> {
    let all = args.iter().any(|arg| arg == "--all");
    let names: Vec<&String> = args.iter().filter(|arg| *arg != "--all").collect();
    let known = |name: &String| CLIENTS.iter().any(|client| client.name == name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(format!("no client is called {unknown:?}: --list shows them"));
    }
    let wanted = |client: &&Client| match names.is_empty() {
        true => all || client.pace == Pace::Quick,
        false => names.iter().any(|name| *name == client.name),
    };
    Ok(CLIENTS.iter().filter(wanted).collect())
}

/// Plays a client with Debian's library and with ours, and holds one against the other.
fn meet(home: &Home, client: &Client) -> Result<Outcome, String> {
    let theirs = play::play(home, client, Library::Debian)?;
    let ours = play::play(home, client, Library::Ours)?;
    if let (Some(theirs), Some(_)) = (&theirs.cannot, &ours.cannot) {
        return Ok(Outcome::Cannot(theirs.clone()));
    }
    if theirs.printed != ours.printed {
        let (theirs, ours) = (theirs.printed, ours.printed);
        return Err(format!("output differs; with Debian's:\n{theirs}\nwith ours:\n{ours}"));
    }
    if let Some(reason) = client.incomparable {
        let (installed, expected) = (ours.filters.len(), theirs.filters.len());
        return match installed == expected && installed >= client.filters {
            true => Ok(Outcome::Same(format!("{installed} installed; not compared: {reason}"))),
            false => Err(format!("{expected} filters with Debian's, {installed} with ours")),
        };
    }
    let proved = compare::prove(&theirs.filters, &ours.filters)?;
    match proved.distinct < client.filters {
        true => Err(format!("{} different filters, expected {}", proved.distinct, client.filters)),
        false => Ok(Outcome::Same(proved.to_string())),
    }
}
