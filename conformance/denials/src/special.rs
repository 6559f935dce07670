//! Rows that need more than a program and a profile.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use crate::row::{Bench, is_there, same};

type Special = fn(&Bench) -> Result<(), String>;

pub(crate) const ALL: [(&str, Special); 5] = [
    ("a program that wants a listener of its own", wants_listener),
    ("a program that swallows EPERM and goes on for ever", hangs),
    ("a program of whose processes one stays behind", stays_behind),
    ("a program with the set-user-ID bit", set_user_id),
    ("programs without unwind information, whose stack is told", has_stack),
];

const REFUSES: &str = "policy 1\ndefault allow\nerrno EPERM getppid\n";

/// What is refused is told while the program runs, which ends by a signal that callgate got.
fn hangs(bench: &Bench) -> Result<(), String> {
    let profile = bench.file("profile.gate", REFUSES)?;
    let words = ["{}/refused".to_owned(), "until-it-works".to_owned()];
    let mut command = bench.run(&["--explain"], &profile, &words);
    let mut child = command.stderr(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let stderr = child.stderr.take().ok_or("no standard error")?;
    let told = BufReader::new(stderr).lines().map_while(Result::ok);
    let told = told.take_while(|line| !line.contains("profile.gate:3:1")).count();
    house::output(Command::new("kill").args(["-TERM", &child.id().to_string()]))?;
    let status = child.wait().map_err(|error| error.to_string())?;
    same("signal", &status.signal(), &Some(15))?;
    match told {
        0 => Err("the line was not told".to_owned()),
        _ => Ok(()),
    }
}

/// The command's end is told at once, and what is refused later as well.
fn stays_behind(bench: &Bench) -> Result<(), String> {
    let profile = bench.file("profile.gate", REFUSES)?;
    let told = bench.file("told.json", "")?;
    let to = format!("--explain-to={}", told.display());
    let script = "exec 9<&0; (read line <&9; {}/refused >out; echo done >>out) & exit 4";
    let words = ["sh", "-c", script].map(str::to_owned);
    let mut command = bench.run(&[&to], &profile, &words);
    let mut child = command.stdin(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let stdin = child.stdin.take();
    let status = child.wait().map_err(|error| error.to_string())?;
    same("exit code", &status.code(), &Some(4))?;
    drop(stdin);
    for _ in 0..500 {
        let out = fs::read_to_string(bench.folder.join("out")).unwrap_or_default();
        let lines = fs::read_to_string(&told).unwrap_or_default();
        if out.contains("done") && lines.contains("\"end\"") {
            same("output", &out.lines().next(), &Some("returned -1, errno 1"))?;
            return match lines.contains("profile.gate:3:1") {
                true => Ok(()),
                false => Err(format!("not told: {lines}")),
            };
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    Err("what stayed behind has not ended".to_owned())
}

/// No privileges are gained, and the call is told.
fn set_user_id(bench: &Bench) -> Result<(), String> {
    let profile = bench.file("profile.gate", REFUSES)?;
    let told = bench.file("told.json", "")?;
    let program = bench.folder.join("set-user-id");
    fs::copy(bench.folder.join("refused"), &program).map_err(|error| error.to_string())?;
    house::output(Command::new("chmod").arg("4755").arg(&program))?;
    let to = format!("--explain-to={}", told.display());
    let words = ["{}/set-user-id".to_owned()];
    let run = house::output(&mut bench.run(&[&to], &profile, &words))?;
    same("output", &run.trim(), &"returned -1, errno 1")?;
    let lines = fs::read_to_string(&told).map_err(|error| error.to_string())?;
    match lines.contains("\"comm\":\"set-user-id\"") {
        true => Ok(()),
        false => Err(format!("not told: {lines}")),
    }
}

/// Where callgate can't do without its listener the program gets none, which is said; traced from the
/// start it works, as under plain `run`.
fn wants_listener(bench: &Bench) -> Result<(), String> {
    let logs = bench.file("logs.gate", &REFUSES.replace("errno EPERM", "log"))?;
    let refuses = bench.file("profile.gate", REFUSES)?;
    let words = ["{}/refused".to_owned(), "own-listener".to_owned()];
    for (options, profile, code, said) in [
        (&["-q"][..], &logs, 7, ""),
        (&["--explain", "--trace"], &logs, 7, "logs.gate:3:1"),
        (&["--explain"], &logs, 116, "see what is refused with --trace"),
        (&["--explain"], &refuses, 7, "from here on the command is traced"),
        (&["--explain", "--retry"], &refuses, 116, "see what is refused with --trace"),
    ] {
        let run = bench.run(options, profile, &words).output();
        let run = run.map_err(|error| error.to_string())?;
        let told = String::from_utf8_lossy(&run.stderr);
        same("exit code", &run.status.code(), &Some(code)).map_err(|it| format!("{it}: {told}"))?;
        if !told.contains(said) {
            return Err(format!("{options:?}: {told}"));
        }
    }
    Ok(())
}

/// The functions that led to the call are told, whatever made the program.
fn has_stack(bench: &Bench) -> Result<(), String> {
    let profile = bench.file("profile.gate", REFUSES)?;
    let c = &["make_refused_call", "main"][..];
    for (program, needs, functions) in [
        ("refused", "cc", c),
        ("static", "cc", c),
        ("musl", "musl-gcc", c),
        ("musl-shared", "musl-gcc", c),
        ("gopher", "go", &["main.refused"]),
    ] {
        if !is_there(needs) {
            println!("skipped: the stack of {program}: there is no {needs}");
            continue;
        }
        let told = bench.file("told.json", "")?;
        let to = format!("--explain-to={}", told.display());
        let words = [format!("{{}}/{program}"), "once".to_owned()];
        house::output(&mut bench.run(&[&to], &profile, &words))?;
        let lines = fs::read_to_string(&told).map_err(|error| error.to_string())?;
        let first = lines.lines().next().unwrap_or_default();
        let first: serde_json::Value = serde_json::from_str(first).map_err(|e| e.to_string())?;
        let frames = first["caller"].as_array().into_iter().flatten();
        let symbols: Vec<&str> = frames.filter_map(|frame| frame["symbol"].as_str()).collect();
        if let Some(missing) = functions.iter().find(|function| !symbols.contains(function)) {
            return Err(format!("{program}: no {missing} among {symbols:?}"));
        }
    }
    Ok(())
}
