//! The table of clients, as it stands in COMPATIBILITY.md.

use super::home::Home;
use super::list::Client;

/// The comparison of a client's two runs.
pub(super) enum Outcome {
    /// They did the same; what is known of the filters.
    Same(String),
    /// The client cannot do its work on this machine, whichever library it has.
    Cannot(String),
    /// Anything else.
    Failed(String),
}

/// A client's row of the table.
pub(super) struct Row {
    pub(super) name: &'static str,
    version: String,
    about: &'static str,
    functions: String,
    pub(super) filters: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Same,
    Cannot,
    Failed,
}

impl Row {
    /// Completes an outcome by what the packages say.
    ///
    /// # Errors
    /// The package or the program is not there.
    pub(super) fn new(home: &Home, client: &Client, outcome: Outcome) -> Result<Self, String> {
        let version = match (client.version, client.packages.first()) {
            (Some(version), _) => version.to_owned(),
            (None, Some(package)) => {
                home.ask(&["dpkg-query", "-W", "-f", "${Version}", package])?
            }
            (None, None) => return Err(format!("{} has no package", client.name)),
        };
        let symbols = |binary| home.ask(&["nm", "-D", "--undefined-only", binary]);
        let functions = client.binary.map_or(Ok("built from source".to_owned()), |binary| {
            symbols(binary).map(|symbols| functions(&symbols))
        })?;
        let (kind, filters) = match outcome {
            Outcome::Same(filters) => (Kind::Same, filters),
            Outcome::Cannot(reason) => (Kind::Cannot, format!("did not run here: {reason}")),
            Outcome::Failed(error) => {
                println!("clients: {}: {}", client.name, error.trim_end());
                (Kind::Failed, "FAILED, see above".to_owned())
            }
        };
        let (name, about) = (client.name, client.about);
        Ok(Self { name, version, about, functions, filters, kind })
    }
}

/// The functions among undefined symbols; their number alone where they are many.
fn functions(symbols: &str) -> String {
    let names = symbols.lines().filter_map(|line| line.split_whitespace().last());
    let names: Vec<&str> = names.filter_map(|name| name.strip_prefix("seccomp_")).collect();
    match names.len() {
        0 => "none of its own".to_owned(),
        1..=8 => names.join(" "),
        many => format!("{many} functions"),
    }
}

/// Prints the rows and what they amount to.
///
/// # Errors
/// The clients that failed.
pub(super) fn print(rows: &[Row]) -> Result<(), String> {
    println!(
        "\n| client | version | what ran | `seccomp_` functions | filters |\n|---|---|---|---|---|"
    );
    for Row { name, version, about, functions, filters, .. } in rows {
        println!("| {name} | {version} | {about} | {functions} | {filters} |");
    }
    let count = |kind| rows.iter().filter(|row| row.kind == kind).count();
    let (same, cannot) = (count(Kind::Same), count(Kind::Cannot));
    println!("\nclients: {same} do the same on both libraries, {cannot} did not run here");
    let failed: Vec<&str> =
        rows.iter().filter(|row| row.kind == Kind::Failed).map(|row| row.name).collect();
    match (failed.is_empty(), same) {
        (true, 0) => Err("nothing ran".into()),
        (true, _) => Ok(()),
        (false, _) => Err(format!("{} failed: {}", failed.len(), failed.join(", "))),
    }
}
