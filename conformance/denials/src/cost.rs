//! `--cost`: what it costs a program to be explained. Times of a machine that does nothing else are
//! worth most, so this is no part of the other rows.

use std::path::Path;
use std::process::Command;

use crate::row::Bench;

/// How often each way is measured; the least time counts.
const ROUNDS: usize = 5;
/// What a refused call may take beyond a loop in C of two ioctls, in ns.
const BEYOND_MAX: u64 = 12_000;

pub(crate) fn run(bench: &Bench) -> Result<(), String> {
    bench.compile("cost", include_str!("cost.c"), &[])?;
    let profile = bench.file("profile.gate", "policy 1\ndefault allow\nerrno EPERM getppid\n")?;
    let mut least = [u64::MAX; 5];
    for _ in 0..ROUNDS {
        let to_nowhere = "--explain-to=/dev/null";
        let (allowed, refused) = (["102", "50000"], ["110", "2000"]);
        let times = [
            under(bench, "--quiet", &profile, allowed)?,
            under(bench, to_nowhere, &profile, allowed)?,
            under(bench, "--quiet", &profile, refused)?,
            under(bench, to_nowhere, &profile, refused)?,
            time(Command::new(bench.folder.join("cost")).args(["supervise", "2000"]))?,
        ];
        for (least, time) in least.iter_mut().zip(times) {
            *least = time.min(*least);
        }
    }
    let [allowed, explained, refused, told, by_loop] = least;
    println!("getuid, allowed:   {allowed} ns under run, {explained} ns under run --explain");
    println!("getppid, refused:  {refused} ns under run, {told} ns under run --explain");
    println!("                   {by_loop} ns by a loop in C of two ioctls");
    match told.saturating_sub(by_loop) {
        beyond if beyond > BEYOND_MAX => Err(format!("{beyond} ns beyond the loop in C")),
        _ => Ok(()),
    }
}

fn under(bench: &Bench, option: &str, profile: &Path, args: [&str; 2]) -> Result<u64, String> {
    let words = ["{}/cost", args[0], args[1]].map(str::to_owned);
    time(&mut bench.run(&[option], profile, &words))
}

fn time(command: &mut Command) -> Result<u64, String> {
    let output = house::output(command)?;
    output.trim().parse().map_err(|_| format!("{command:?}: {output:?} is no time"))
}
