//! The report in a real browser: headless Chromium, where it is installed.
//!
//! A script that is added to a copy of the page does what a reader does, and notes what it sees in
//! the document, which Chromium prints. `CALLGATE_AXE=axe.min.js` adds axe-core's look for what
//! people can't use who don't see the page.
//!
//! Claim: C-REPORT
#![expect(clippy::unwrap_used, reason = "a helper fails its test by panicking")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use callgate_gate::{nothing, read};
use callgate_review::{FindingRow, Report, html, svg};
use callgate_rules::{Source, Target};
use callgate_syscalls::Arch;
use callgate_testkit::skip;

const POLICY: &str = "\
policy 1
arch x86_64, x86
default errno EPERM
errno EACCES socket where family == AF_ALG
allow { read, write, openat, close, exit_group, mmap, munmap, futex, ppoll }
allow socket where family in {AF_UNIX, AF_INET}
kill ptrace
";

fn report() -> Report<'static> {
    let written = read(Source::new("p.gate", POLICY).unwrap(), &mut nothing).unwrap();
    let lowered = written.lower(&Target::new(Arch::X86_64)).unwrap();
    let mut report = Report::of(&lowered.policy, "p.gate").unwrap();
    report.text = Some(POLICY.to_owned());
    report.sources = vec![("p.gate".to_owned(), POLICY.to_owned())];
    for call in &mut report.calls {
        call.places = POLICY
            .lines()
            .enumerate()
            .filter(|(_, line)| line.contains(call.name))
            .map(|(line, _)| format!("p.gate:{}", line + 1))
            .collect();
    }
    report.findings = Some(vec![FindingRow {
        severity: "warning",
        code: "L01".to_owned(),
        message: "something is odd".to_owned(),
        place: Some("p.gate:4:1".to_owned()),
        notes: vec!["socket(AF_ALG, 0, 0) is ERRNO(13)".to_owned()],
        helps: vec!["do something else".to_owned()],
    }]);
    report
}

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("callgate-browser-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that failed has its own message.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Opens a page with these options; what Chromium prints. None where there is no Chromium.
fn open(folder: &Folder, page: &str, options: &[&str]) -> Option<String> {
    let file = folder.0.join("page.html");
    fs::write(&file, page).unwrap();
    let run = Command::new("chromium")
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--no-first-run", "--virtual-time-budget=10000"])
        .arg(format!("--user-data-dir={}", folder.0.join("profile").display()))
        .args(options)
        .arg(format!("file://{}", file.display()))
        .output();
    let Ok(run) = run else {
        skip("chromium is not installed");
        return None;
    };
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    Some(text)
}

/// Opens a page after which a script has run; the words that it noted.
fn after(page: &str, script: &str, options: &[&str]) -> Option<String> {
    const NOTE: &str = "const note = (text) => document.body.dataset.noted = text;";
    let folder = Folder::new();
    let script = format!("<script>{NOTE}{script}</script></body>");
    let page = page.replace("</body>", &script);
    let printed = open(&folder, &page, &[&["--dump-dom"], options].concat())?;
    let (_, noted) = printed.split_once("data-noted=\"").expect("the script has run");
    Some(noted.split('"').next().unwrap().to_owned())
}

#[test]
fn rows_are_filtered_by_word_and_verdict() {
    let script = "\
        const visible = () => [...document.querySelectorAll('#all tbody tr')].filter((r) => !r.hidden);
        const ask = (w, v) => { words.value = w; verdict.value = v;
            words.dispatchEvent(new Event('input', {bubbles: true})); return visible().length; };
        note([filter.hidden, ask('', '') > 300, ask('ptrace', ''), ask('socket af_alg', ''),
            ask('', 'allowed'), ask('nothing is called so', ''), count.textContent].join(' '));";
    let Some(noted) = after(&html(&report()), script, &[]) else { return };
    let total = noted.rsplit(' ').next().unwrap();
    // The name, and what is said of it.
    assert_eq!(noted, format!("false true 1 1 9 0 0 of {total}"));
}

#[test]
fn decisions_unfold_and_links_lead_to_lines() {
    let script = "\
        const all = [...document.querySelectorAll('details')];
        const folded = all.every((one) => !one.open);
        all.forEach((one) => one.querySelector('summary').click());
        const open = all.every((one) => one.open);
        const drawn = document.querySelector('details svg').getBoundingClientRect();
        all.forEach((one) => { one.open = false; });
        location.hash = document.querySelector('#all a').hash;
        setTimeout(() => note([folded, open, drawn.height > 50, drawn.width <= innerWidth,
            document.querySelector(':target').closest('details').open].join(' ')), 100);";
    let Some(noted) = after(&html(&report()), script, &[]) else { return };
    assert_eq!(noted, "true true true true true");
}

#[test]
fn nothing_is_wider_than_a_narrow_screen() {
    let script = "\
        document.querySelectorAll('details').forEach((one) => { one.open = true; });
        note(document.documentElement.scrollWidth <= innerWidth);";
    for width in ["500", "1280"] {
        let size = format!("--window-size={width},900");
        let Some(noted) = after(&html(&report()), script, &[&size]) else { return };
        assert_eq!(noted, "true", "{width}");
    }
}

#[test]
fn without_scripts_everything_is_there() {
    let folder = Folder::new();
    // Chromium prints nothing of a page whose scripts are switched off, so it gets none.
    let page = html(&report());
    let (before, rest) = page.split_once("<script>").unwrap();
    let page = [before, rest.split_once("</script>").unwrap().1].concat();
    let Some(printed) = open(&folder, &page, &["--dump-dom"]) else { return };
    // What only a script can use is not offered.
    assert!(printed.contains("<form id=\"filter\" role=\"search\" hidden"), "{printed}");
    let rows = printed.matches("<tr data-verdict").count();
    assert_eq!((rows, printed.matches("<tr hidden").count()), (report().calls.len(), 0));
}

#[test]
fn it_prints_and_pictures_are_drawn() {
    let folder = Folder::new();
    let file = folder.0.join("page.pdf");
    let to = format!("--print-to-pdf={}", file.display());
    if open(&folder, &html(&report()), &[&to]).is_none() {
        return;
    }
    let printed = fs::read(&file).unwrap();
    assert!(printed.starts_with(b"%PDF") && printed.len() > 20_000, "{}", printed.len());
    // The picture of a command of its own.
    let file = folder.0.join("page.png");
    let to = format!("--screenshot={}", file.display());
    open(&folder, &svg(&report()), &[&to, "--window-size=1000,800"]).unwrap();
    assert!(fs::read(&file).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn axe_finds_nothing_serious() {
    let Some(axe) = std::env::var_os("CALLGATE_AXE") else {
        skip("CALLGATE_AXE does not name axe-core's axe.min.js");
        return;
    };
    let script = fs::read_to_string(axe).unwrap();
    let page = html(&report()).replace("</body>", &format!("<script>{script}</script></body>"));
    let look = "\
        document.querySelectorAll('details').forEach((one) => { one.open = true; });
        axe.run().then((found) => note(found.passes.length + ' passed; ' + found.violations
            .map((it) => it.impact + ': ' + it.id + ' ' + it.nodes[0].target).join(', ')));";
    let Some(noted) = after(&page, look, &[]) else { return };
    let (passed, violations) = noted.split_once(" passed; ").unwrap();
    assert!(passed.parse::<u32>().unwrap() > 20, "{noted}");
    assert_eq!(violations, "", "{noted}");
}
