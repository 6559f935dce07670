//! `bench-seccompiler RULES MILLISECONDS OUT`: as `libseccomp.c` beside it, with seccompiler, for
//! rules of x86_64 by number whose values are equal.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

type Rules = Vec<(i64, Vec<(u8, u64)>)>;

fn read(path: &str) -> Rules {
    let text = std::fs::read_to_string(path).expect("the rules can be read");
    let rules = text.lines().filter_map(|line| line.strip_prefix("rule "));
    let rule = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let number = words.next().expect("a rule has a number").parse().expect("a number");
        let words: Vec<&str> = words.collect();
        let test = |test: &[&str]| {
            assert_eq!(test[1], "SCMP_CMP_EQ", "other operators are not measured");
            (test[0].parse().expect("an index"), test[2].parse().expect("a value"))
        };
        (number, words.chunks_exact(4).map(test).collect())
    };
    rules.map(rule).collect()
}

fn build(rules: &Rules) -> BpfProgram {
    let mut map: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for (number, tests) in rules {
        let list = map.entry(*number).or_default();
        if !tests.is_empty() {
            let condition = |&(arg, value): &(u8, u64)| {
                SeccompCondition::new(arg, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, value).expect("an argument")
            };
            list.push(SeccompRule::new(tests.iter().map(condition).collect()).expect("not empty"));
        }
    }
    let filter = SeccompFilter::new(map, SeccompAction::Errno(1), SeccompAction::Allow, TargetArch::x86_64);
    let program = filter.expect("two actions").try_into();
    program.unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(3)
    })
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let rules = read(&args[1]);
    let limit = Duration::from_millis(args[2].parse().expect("milliseconds"));
    let begin = Instant::now();
    let mut times: Vec<u128> = Vec::new();
    while times.is_empty() || begin.elapsed() < limit {
        let start = Instant::now();
        std::hint::black_box(build(&rules));
        times.push(start.elapsed().as_nanos());
    }
    times.sort_unstable();
    let bytes: Vec<u8> = build(&rules)
        .iter()
        .flat_map(|i| {
            let [c0, c1] = i.code.to_le_bytes();
            let k = i.k.to_le_bytes();
            [c0, c1, i.jt, i.jf, k[0], k[1], k[2], k[3]]
        })
        .collect();
    std::fs::write(&args[3], bytes).expect("the program can be written");
    println!("{}", times[times.len() / 2]);
}
