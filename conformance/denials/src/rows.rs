//! The rows.

use crate::row::Row;

/// The answers of a filter, as the language has them.
const ANSWERS: [&str; 7] =
    ["errno EPERM", "errno ENOSYS", "kill", "kill-thread", "trap 7", "trace 5", "log"];

/// All rows.
pub(crate) fn all() -> Vec<Row> {
    let mut rows = Vec::new();
    for answer in ANSWERS {
        for (way, count) in [
            ("once", 1),
            ("int80", 1),
            ("x32", 1),
            ("thread", 1),
            ("child", 1),
            ("first-thread", 1),
        ] {
            rows.extend(refused("refused", way, answer, count));
        }
        rows.extend(refused("static", "once", answer, 1));
        rows.push(narrow(answer));
        let foreign_ones = ["musl", "musl-shared", "gopher"].map(|it| foreign(it, answer));
        // A thread of Go's that is gone leaves the others waiting for ever, and what Go says of a
        // trap has addresses of the day in it.
        let differs = ["kill-thread", "trap 7"].contains(&answer);
        rows.extend(foreign_ones.into_iter().filter(|row| !differs || row.call.2 != "gopher"));
    }
    for answer in ["errno EPERM", "log"] {
        rows.extend(refused("refused", "threads", answer, 400));
        rows.extend(refused("refused", "thousand", answer, 1000));
        rows.extend(refused("refused", "storm", answer, 1000));
    }
    for way in ["handler", "ignored", "blocked"] {
        for answer in ["trap 7", "kill", "kill-thread"] {
            let count = if (way, answer) == ("handler", "trap 7") { 2 } else { 1 };
            rows.extend(refused("refused", way, answer, count));
        }
    }
    for way in ["undumpable", "own-errno", "own-kill"] {
        for answer in ["errno EPERM", "kill", "trap 7"] {
            rows.extend(refused("refused", way, answer, 1));
        }
    }
    // From the load on the command is traced, without being asked to.
    for answer in ANSWERS.into_iter().filter(|answer| *answer != "log") {
        for way in ["own-listener", "own-listener-handler", "own-listener-child"] {
            rows.extend(refused("refused", way, answer, 1));
        }
    }
    rows.extend(refused("refused", "own-listener-threads", "errno EPERM", 200));
    rows.extend(installed());
    rows
}

/// One of our programs, of which getppid is refused.
fn refused(program: &str, way: &str, answer: &str, count: u64) -> Option<Row> {
    let arch = match way {
        "int80" => "x86",
        "x32" => "x32",
        _ => "x86_64",
    };
    let comm = if program == "static" { "static" } else { "refused" };
    Some(Row {
        name: format!("{program} {way}, {answer}"),
        profile: profile(arch, answer, "getppid"),
        command: vec![format!("{{}}/{program}"), way.to_owned()],
        call: ("getppid", arch, comm),
        count,
        needs: None,
    })
}

/// A program of another C library, or of none.
fn foreign(program: &'static str, answer: &str) -> Row {
    Row {
        name: format!("{program}, {answer}"),
        profile: profile("x86_64", answer, "getppid"),
        command: vec![format!("{{}}/{program}"), "once".to_owned()],
        call: ("getppid", "x86_64", program),
        count: 1,
        needs: Some(if program == "gopher" { "go" } else { "musl-gcc" }),
    }
}

/// A program of 32 bits.
fn narrow(answer: &str) -> Row {
    Row {
        name: format!("narrow, {answer}"),
        profile: profile("x86", answer, "getppid"),
        command: vec!["{}/narrow".to_owned()],
        call: ("getppid", "x86", "narrow"),
        count: 1,
        needs: None,
    }
}

/// A profile whose third line refuses a syscall. What the C library can do without is allowed.
fn profile(arch: &str, answer: &str, name: &str) -> String {
    let arches = if arch == "x86_64" { "x86_64".to_owned() } else { format!("x86_64, {arch}") };
    format!("policy 1\narch {arches}\n{answer} {name}\ndefault allow\n")
}

/// Programs that are installed, under a profile that refuses a syscall of theirs.
fn installed() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |words: &[&str], answer: &str, name: &'static str, comm, needs| {
        rows.push(Row {
            name: format!("{}, {answer} {name}", words.join(" ")),
            profile: profile("x86_64", answer, name),
            command: words.iter().map(|word| (*word).to_owned()).collect(),
            call: (name, "x86_64", comm),
            count: 1,
            needs,
        });
    };
    for answer in ["errno EACCES", "kill", "trap 1"] {
        add(&["uname"], answer, "uname", "uname", None);
        add(&["sh", "-c", "sh -c 'sh -c uname; exit 3'; exit $?"], answer, "uname", "uname", None);
        add(&["sh", "-c", "exec sh -c 'exec uname'"], answer, "uname", "uname", None);
        add(&["mkdir", "/nowhere/at/all"], answer, "mkdir", "mkdir", None);
    }
    // Before the first instruction of the program itself: the dynamic linker's.
    for answer in ["kill", "errno ENOSYS"] {
        add(&["true"], answer, "set_tid_address", "true", None);
    }
    let socket =
        "import socket\ntry: socket.socket(socket.AF_UNIX)\nexcept OSError as e: exit(e.errno)";
    add(
        &["/usr/bin/python3", "-c", socket],
        "errno EACCES",
        "socket",
        "python3",
        Some("/usr/bin/python3"),
    );
    add(&["go", "version"], "errno ENOSYS", "sched_getaffinity", "go", Some("go"));
    for answer in ["errno EPERM", "kill", "trap 1"] {
        // Where it puts what other virtual machines may read; its first thread only waits.
        add(&["java", "-version"], answer, "mkdir", "java", Some("java"));
    }
    add(&["ping", "-V"], "errno EPERM", "capget", "ping", Some("ping"));
    rows
}
