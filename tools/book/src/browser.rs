//! The book in a headless Chromium: as a reader opens it, from files.
//!
//! A page is opened in a copy of the book with a script behind its own, which does what a reader
//! would and writes down what it sees; Chromium prints the page as it then is. axe-core comes from
//! npm when this runs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::{fresh, links, read, write};

/// The version of axe-core.
const AXE: &str = "axe-core@4.11.0";

/// The names that Chromium has.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The attribute of `<html>` in which a script leaves what it saw.
const SEEN: &str = "data-seen";

/// The pages that axe-core looks at: one of each kind.
const LOOKED_AT: [&str; 11] = [
    "index.html",
    "quick-start.html",
    "language.html",
    "lint.html",
    "commands.html",
    "commands/run.html",
    "matrix.html",
    "codes.html",
    crate::chapters::REPORT,
    "verification.html",
    "playground.html",
];

/// Opens the book.
///
/// Without Chromium nothing is tried, and without npm's registry not axe-core; both are said.
pub(crate) fn open(html: &Path, folder: &Path) -> Result<(), String> {
    let Some(chromium) = NAMES.into_iter().find(|name| starts(name)) else {
        eprintln!("skipped (1): the book in a browser: no Chromium is installed");
        return Ok(());
    };
    let browser = Browser { name: chromium, copy: fresh(&folder.join("tried"))? };
    house::output(Command::new("cp").arg("-r").arg(html.join(".")).arg(&browser.copy))?;
    let start = Instant::now();
    search(&browser)?;
    if html.join("playground-module.js").exists() {
        playground(&browser)?;
    }
    if let Some(axe) = axe(folder) {
        look(&browser, &axe)?;
    }
    pictures(&browser, folder)?;
    println!("book: tried in {chromium} in {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Which time a page sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    /// Twenty seconds that pass as fast as the page has nothing to do.
    Budget,
    /// The machine's, and the page is looked at when it is loaded.
    Machine,
}

struct Browser {
    name: &'static str,
    /// A copy of the book, whose pages get scripts.
    copy: PathBuf,
}

impl Browser {
    /// Opens a page with a script behind its own, and gives what that left.
    fn seen(&self, page: &str, query: &str, script: &str, clock: Clock) -> Result<String, String> {
        let trial = self.trial(page, "light", script)?;
        self.seen_in(&trial, query, clock)
    }

    /// A copy of a page in a theme, with a script behind its own.
    fn trial(&self, page: &str, theme: &str, script: &str) -> Result<PathBuf, String> {
        let path = self.copy.join(page);
        let theme_name = theme;
        let theme =
            format!("<head><script>localStorage.setItem('mdbook-theme', '{theme}');</script>");
        let script = format!("<script>\n{script}\n</script>\n</body>");
        let text = read(&path)?.replacen("<head>", &theme, 1).replacen("</body>", &script, 1);
        let trial = path.with_extension(format!("trial-{theme_name}.html"));
        write(&trial, text)?;
        Ok(trial)
    }

    /// Opens such a copy, and gives what its script left.
    fn seen_in(&self, trial: &Path, query: &str, clock: Clock) -> Result<String, String> {
        let mut command = self.command();
        if clock == Clock::Budget {
            command.arg("--virtual-time-budget=20000");
        }
        command.arg("--dump-dom").arg(format!("file://{}{query}", trial.display()));
        let dumped = house::output(&mut command)?;
        let begin = format!(" {SEEN}=\"");
        let seen = dumped.split_once(&begin).and_then(|(_, rest)| rest.split_once('"'));
        let (seen, _) =
            seen.ok_or_else(|| format!("{}: the browser saw nothing", trial.display()))?;
        Ok(seen
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.name);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
        command.args(["--hide-scrollbars", "--no-first-run", "--allow-file-access-from-files"]);
        command.arg(format!("--user-data-dir={}", self.copy.with_extension("profile").display()));
        command
    }
}

fn starts(name: &str) -> bool {
    Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The search answers.
fn search(browser: &Browser) -> Result<(), String> {
    let script = format!(
        "setTimeout(() => document.documentElement.setAttribute('{SEEN}', \
         document.getElementById('mdbook-searchresults') ? document.getElementById('mdbook-searchresults').textContent : \
         document.getElementById('searchresults').textContent), 4000);"
    );
    let seen = browser.seen("index.html", "?search=socketcall", &script, Clock::Budget)?;
    match seen.contains("socketcall") {
        true => Ok(()),
        false => Err(format!("a search for socketcall finds {seen:?}")),
    }
}

/// The most milliseconds until a large profile is shown, which is what a reader takes for at once.
const SHOWN_MS_MAX: f64 = 50.0;

/// The playground reads, shows, compares and shares, and is quick.
fn playground(browser: &Browser) -> Result<(), String> {
    let container = read(&house::root().join("testdata/profiles/container.json"))?;
    let begin = format!("const SEEN = '{SEEN}';\nconst CONTAINER = {};\n", quoted(&container));
    let trial = begin.clone() + include_str!("playground.trial.js");
    let seen = browser.seen("playground.html", "", &trial, Clock::Budget)?;
    if seen != "ok" {
        return Err(format!("the playground does not do: {seen}"));
    }
    let times = browser.seen(
        "playground.html",
        "",
        &(begin + include_str!("playground.times.js")),
        Clock::Machine,
    )?;
    let best: Option<f64> =
        times.split(' ').filter_map(|time| time.parse().ok()).min_by(f64::total_cmp);
    println!("book: the playground shows the profile `container` in {times} ms");
    match best {
        Some(best) if best < SHOWN_MS_MAX => Ok(()),
        // Another machine than the one it was measured on may be slow.
        Some(best) => {
            eprintln!(
                "skipped (1): the playground's speed: {best} ms here, {SHOWN_MS_MAX} are wanted"
            );
            Ok(())
        }
        None => Err(format!("the playground's times are {times:?}")),
    }
}

/// Text as a string of JavaScript that may stand in a page.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '<' => quoted.push_str("\\u003c"),
            control if control.is_control() => quoted.push(' '),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

/// axe-core, where the registry can be reached.
fn axe(folder: &Path) -> Option<PathBuf> {
    let tools = folder.join("npm");
    let script = tools.join("node_modules/axe-core/axe.min.js");
    if !script.exists() {
        let installed = std::fs::create_dir_all(&tools).is_ok()
            && Command::new("npm")
                .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
                .arg(&tools)
                .arg(AXE)
                .output()
                .is_ok_and(|output| output.status.success());
        if !installed || !script.exists() {
            eprintln!("skipped (1): axe-core: npm or its registry can't be reached");
            return None;
        }
    }
    Some(script)
}

/// axe-core finds nothing serious on a page of each kind, light and dark.
fn look(browser: &Browser, axe: &Path) -> Result<(), String> {
    let axe = read(axe)?;
    let mut serious = Vec::new();
    for page in LOOKED_AT {
        for theme in ["light", "navy"] {
            let script = format!("{axe}\n</script>\n<script>\n{}", include_str!("axe.trial.js"));
            let trial = browser.trial(page, theme, &script)?;
            let seen = browser.seen_in(&trial, "", Clock::Budget)?;
            serious.extend(seen.lines().map(|line| format!("{page}, {theme}: {line}")));
        }
    }
    match serious.is_empty() {
        true => {
            println!(
                "book: axe-core finds nothing serious on {} pages, light and dark",
                LOOKED_AT.len()
            );
            Ok(())
        }
        false => Err(format!("axe-core finds:\n{}", serious.join("\n"))),
    }
}

/// Chooses the second example of the playground.
const EXAMPLE: &str = "const list = document.getElementById('pg-example'); if (list) { list.selectedIndex = 2; \
    list.dispatchEvent(new Event('change')); }";

/// Screenshots of some pages, to be looked at.
fn pictures(browser: &Browser, folder: &Path) -> Result<(), String> {
    let shots = fresh(&folder.join("screenshots"))?;
    for page in ["index", "commands/run", "playground", "lint"] {
        for (width, theme) in [(1400, "light"), (1400, "navy"), (420, "light"), (420, "navy")] {
            // A playground with something in it; elsewhere there is no such field.
            let trial = browser.trial(&format!("{page}.html"), theme, EXAMPLE)?;
            let shot = shots.join(format!("{}-{width}-{theme}.png", page.replace('/', "-")));
            let mut command = browser.command();
            command.arg(format!("--window-size={width},1000")).arg("--virtual-time-budget=5000");
            command.arg(format!("--screenshot={}", shot.display()));
            house::output(command.arg(format!("file://{}", trial.display())))?;
            if !shot.is_file() {
                return Err(format!("no picture of {page}"));
            }
        }
    }
    let count = links::pages(&browser.copy)?.len();
    println!("book: screenshots are in {}; {count} pages were there to be opened", shots.display());
    Ok(())
}
