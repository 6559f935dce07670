//! `callgate compile`: what it shows on its way, how often calls are made, and several filters for one profile.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::harness::{Folder, callgate, deny};

/// A profile whose pairs of arguments take about three and a half instructions each.
fn pairs(count: u64, more: &str) -> String {
    const NAMES: [&str; 5] = ["lseek", "mmap", "madvise", "pread64", "sendto"];
    let mut rules = String::new();
    for index in 0..count {
        let name = NAMES[usize::try_from(index).unwrap() % NAMES.len()];
        let arg = |position, value| {
            format!(r#"{{"index": {position}, "value": {value}, "op": "SCMP_CMP_EQ"}}"#)
        };
        let args = [arg(1, 3 * index + 1_000_000), arg(2, 7 * index + 1_000_000)].join(",");
        let rule = r#""action": "SCMP_ACT_ERRNO", "errnoRet": 5"#;
        write!(rules, r#"{{"names": ["{name}"], {rule}, "args": [{args}]}},"#).unwrap();
    }
    rules += more;
    let rules = rules.trim_end_matches(',');
    format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{rules}]}}"#)
}

#[test]
fn every_pass_can_be_read() {
    let emit = |what| callgate(&["compile", "container", "--arch", "x86_64", "--emit", what]);
    assert!(emit("graph").succeeds().contains(": arch == x86_64 ? n"));
    assert!(emit("tree").succeeds().contains("\n  yes: n"));
    let layout = emit("layout");
    let program = callgate(&["compile", "container", "--arch", "x86_64"]);
    assert!(layout.succeeds().lines().count() >= program.stdout.len() / 8);
    let dot = emit("dot");
    assert!(dot.succeeds().starts_with("digraph filter {"));
    assert!(dot.text().contains("(clone)") && dot.text().contains("style=dashed"));
}

#[test]
fn the_picture_shows_every_call_and_what_becomes_of_it() {
    let folder = Folder::new();
    let file = folder.at("f.svg");
    let options = ["compile", "container", "--arch", "x86_64", "--emit", "svg", "-o", &file];
    callgate(&options).succeeds();
    let svg = fs::read_to_string(&file).unwrap();
    assert!(svg.contains("<svg ") && svg.trim_end().ends_with("</svg>"));
    for text in ["on x86_64:", "mount", "CLONE_NEWUSER", "is executed where", "fails with EPERM"] {
        assert!(svg.contains(text), "{text}");
    }
    assert!(svg.contains("family != AF_ALG and family != AF_VSOCK"), "all but two");
}

#[test]
fn a_picture_of_many_conditions_is_as_wide_as_every_other() {
    let folder = Folder::new();
    let file = folder.file("p.json", pairs(400, ""));
    let run = callgate(&["compile", &file, "--arch", "x86_64", "--emit", "svg"]);
    assert!(run.succeeds().contains("viewBox=\"0 0 960 "), "{}", &run.text()[..200]);
}

#[test]
fn what_is_for_reading_has_no_form_and_no_figures() {
    callgate(&["compile", "container", "--emit", "tree", "--format", "c"]).fails(2, &["--format"]);
    callgate(&["compile", "container", "--emit", "tree", "--stats"]).fails(2, &["--stats"]);
    callgate(&["compile", "container", "--emit", "x"]).fails(2, &["graph", "svg"]);
}

#[test]
fn weights_change_the_program_and_not_its_meaning() {
    let folder = Folder::new();
    let trace = folder.file("trace", "# name count\nfutex 900000\n\nread 10\n");
    let file = folder.at("f.bpf");
    let plain = callgate(&["compile", "container"]).stdout;
    assert_eq!(callgate(&["compile", "container", "--weights", "uniform"]).stdout, plain);
    for weights in [trace.as_str(), "typical"] {
        callgate(&["compile", "container", "--weights", weights, "-o", &file]).succeeds();
        assert_ne!(fs::read(&file).unwrap(), plain, "{weights}");
        assert!(callgate(&["prove", "container", &file]).succeeds().starts_with("equal"));
    }
    let steps = |file: &str| {
        let run = callgate(&["sim", file, "--syscall", "futex", "--trace"]);
        run.succeeds().lines().count()
    };
    callgate(&["compile", "container", "--weights", &trace, "-o", &file]).succeeds();
    let unweighted = folder.file("g.bpf", &plain);
    assert!(steps(&file) < steps(&unweighted));
}

#[test]
fn weights_that_say_nothing_are_named() {
    let folder = Folder::new();
    let bad = folder.file("trace", "read 10\nfrobnicate 3\n");
    let run = |weights: &str| callgate(&["compile", "container", "--weights", weights]);
    run(&bad).fails(2, &[&bad, "line 2", "name of a syscall"]);
    run("/no/such/trace").fails(2, &["/no/such/trace"]);
    callgate(&["compile", "-", "--weights", "-"]).fails(2, &["only once"]);
}

#[test]
fn a_profile_for_several_filters_is_written_to_numbered_files() {
    let folder = Folder::new();
    let profile = folder.file("p.json", pairs(1600, ""));
    let file = folder.at("f.bpf");
    let run = callgate(&["compile", &profile, "--arch", "x86_64", "--stats", "-o", &file]);
    run.succeeds();
    run.says(&["note: one filter may have 4096", "f.bpf.0 to ", "f.bpf.1", "in 2 filters"]);
    assert_eq!(folder.names(), ["f.bpf.0", "f.bpf.1", "p.json"]);
    let sizes = [0, 1].map(|n| fs::metadata(format!("{file}.{n}")).unwrap().len());
    assert!(sizes.iter().all(|size| size % 8 == 0 && size / 8 <= 4096), "{sizes:?}");
    callgate(&["compile", &profile, "--arch", "x86_64"]).fails(2, &["2 filters", "-o"]);
}

#[test]
fn a_profile_for_one_filter_is_written_to_one_file() {
    let folder = Folder::new();
    let profile = folder.file("p.json", pairs(100, ""));
    callgate(&["compile", &profile, "-o", &folder.at("f.bpf")]).succeeds();
    assert!(Path::new(&folder.at("f.bpf")).exists() && folder.names().len() == 2);
}

#[test]
fn what_no_stack_of_filters_can_hold_names_what_costs_most() {
    let folder = Folder::new();
    let profile = folder.file("p.json", pairs(10_000, ""));
    let run = callgate(&["compile", &profile, "--arch", "x86_64", "-o", &folder.at("f")]);
    run.fails(2, &["the kernel accepts 4096", "lseek on x86_64", "tests)"]);
}

/// The filter that refuses further filters has to be the last.
#[test]
fn run_loads_all_filters_of_a_profile() {
    let folder = Folder::new();
    let refused = deny("uname", 13) + &deny("seccomp", 7) + &deny("prctl", 7);
    let profile = folder.file("p.json", pairs(1600, &refused));
    let script = "grep Seccomp_filters: /proc/self/status; uname";
    let outside = callgate(&["run", "--profile", "container", "--", "sh", "-c", script]);
    let count = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"));
        line.unwrap().trim().parse::<u32>().unwrap()
    };
    let run = callgate(&["run", "--profile", &profile, "--", "sh", "-c", script]);
    assert_eq!(count(run.text()), count(outside.text()) + 1, "{run:?}");
    run.says(&["Permission denied"]);
}
