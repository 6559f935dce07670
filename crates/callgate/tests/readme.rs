//! The program that the README shows is the example `readme`, and that ends as it should.

use std::process::Command;

#[test]
fn the_program_in_the_readme_is_the_example() {
    let readme = include_str!("../../../README.md");
    let block = readme.split("```rust,ignore\n").nth(1).and_then(|rest| rest.split("```").next());
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let example = include_str!("../examples/readme.rs").lines().map(words).collect::<Vec<_>>();
    let shown = block.expect("the README has a block in Rust").lines().map(words);
    let shown: Vec<String> = shown.filter(|line| !line.is_empty()).collect();
    assert!(shown.len() > 5, "{shown:?}");
    for line in shown {
        assert!(example.contains(&line), "examples/readme.rs has no line {line:?}");
    }
}

#[test]
fn the_example_ends_under_its_filter() {
    let test = std::env::current_exe().unwrap();
    let example = test.ancestors().nth(2).unwrap().join("examples/readme");
    let run = Command::new(&example).output();
    let run = run.expect("cargo builds examples with a package's tests, but not with one test");
    assert!(run.status.success(), "{run:?}");
    assert_eq!(run.stdout, b"confined\n");
}
