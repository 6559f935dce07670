//! `cargo xtask bench`: our filters beside those of other compilers, on the same policies, in one run; and
//! `cargo xtask bench --goldens`: instruction counts against the committed ones (`--bless` writes them).
//!
//! Counts are the same on every machine, so that they can be goldens; times are only ever compared within a run.

mod golden;
mod measure;
mod peers;
mod reference;

use measure::Counts;
use peers::Peer;
use reference::Reference;

/// How often each compiler is asked; medians are over all.
const ROUNDS: usize = 7;

/// How many filters each is asked for at a time.
const BUILDS: usize = 40;

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => compare(),
        ["--goldens"] => golden::check(),
        ["--goldens", "--bless"] => golden::bless(),
        _ => Err("expected nothing, --goldens, or --goldens --bless".to_owned()),
    }
}

fn compare() -> Result<(), String> {
    let directory = std::env::temp_dir().join(format!("callgate-bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let result = peers::build(&directory).and_then(|(peers, attach)| {
        println!(
            "reference         compiler            insns  mean  max  build us  x ours  attach us"
        );
        for reference in reference::all()? {
            if let Some(rules) = reference.rules_text() {
                table(&reference, &rules, &peers, &attach, &directory)?;
            }
        }
        Ok(())
    });
    std::fs::remove_dir_all(&directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    result
}

fn table(
    reference: &Reference,
    rules: &str,
    peers: &[Peer],
    attach: &std::path::Path,
    directory: &std::path::Path,
) -> Result<(), String> {
    let path = directory.join("rules");
    std::fs::write(&path, rules).map_err(|e| format!("{}: {e}", path.display()))?;
    // libseccomp takes seconds for some of the large ones.
    let is_large = rules.lines().count() > 350;
    let (rounds, builds) = if is_large { (3, 1) } else { (ROUNDS, BUILDS) };
    let mut ours = Vec::new();
    let mut theirs: Vec<Vec<f64>> = vec![Vec::new(); peers.len()];
    for _ in 0..rounds {
        ours.push(measure::build_time(&reference.policy, builds)?);
        for (peer, times) in peers.iter().zip(&mut theirs) {
            times.push(peer.run(&path, builds, directory)?);
        }
    }
    let ours_time = measure::median(&mut ours);
    let program = directory.join("callgate.bpf");
    let filters = measure::write_filters(&reference.policy, &program)?;
    let counts = if filters == 1 { Some(Counts::of_file(&program, reference)?) } else { None };
    row(reference, "callgate", counts, ours_time, ours_time, peers::attach(attach, &program).ok());
    if filters > 1 {
        println!("{:<17} (ours is {filters} stacked filters)", "");
    }
    for (peer, times) in peers.iter().zip(&mut theirs) {
        let program = peer.output(directory);
        let counts = Counts::of_file(&program, reference).ok();
        let attached = peers::attach(attach, &program).ok();
        row(reference, peer.name, counts, measure::median(times), ours_time, attached);
    }
    if let Some(bound) = measure::entropy_bound(reference) {
        println!("{:<17} {:<18} {:>6} {bound:>5.2}", reference.name, "entropy bound", "");
    }
    Ok(())
}

fn row(
    reference: &Reference,
    name: &str,
    counts: Option<Counts>,
    time: f64,
    ours: f64,
    attach: Option<f64>,
) {
    let counts =
        counts.map_or_else(|| format!("{:>6} {:>5} {:>4}", "-", "-", "-"), |c| c.to_string());
    let attach = attach.map_or_else(|| "refused".to_owned(), |attach| format!("{attach:.1}"));
    let ratio = time / ours;
    println!("{:<17} {name:<18} {counts} {time:>9.1} {ratio:>7.2} {attach:>10}", reference.name);
}
