//! What can be wrong with a text that is not understood, in words.

use std::fmt;

use rowan::TextRange;

use callgate_rules::nearest;
use callgate_syscalls::Name;

use super::words;

/// Why a line is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The code under which `callgate explain-error` has a page.
    pub code: &'static str,
    /// Where the text stops making sense.
    pub range: TextRange,
    /// What is wrong.
    pub message: String,
    /// What to say at the place.
    pub label: String,
    /// What to do, and the text that stands at the place then.
    pub help: Vec<(String, Option<String>)>,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SyntaxError {}

/// The kinds of fault.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// A byte that no text has.
    Nul,
    /// A line begins with no word of the language.
    Statement,
    /// A line begins with a word and a colon, as minijail's do.
    Colon,
    /// Something else should stand here.
    Expected(&'static str),
    /// The statement is complete, but the line goes on.
    Rest,
    /// The same of a line without a verdict.
    RestOfLine,
    /// A `}` that closes nothing.
    Stray,
    /// An opening token that nothing closes.
    Unclosed,
    /// Between two parts of a list.
    Comma,
    /// A text without its closing quote.
    OpenText,
    /// Nested deeper than the language allows.
    Deep,
    /// No verdict where one must stand.
    Verdict,
    /// `errno` alone.
    ErrnoMissing,
    /// Kernels are compared in another way than from one on.
    KernelOrder,
    /// No call where one must stand.
    Subject,
    /// No operator behind an argument.
    Operator,
    /// No argument where one must stand.
    Operand,
    /// No value where one must stand.
    Value,
}

/// What `use` takes.
pub(crate) const USED: &str = "a block or group, as in `use @threads`";

/// What `trap` takes where a signal stands.
pub(crate) const SIGNAL: &str = "a syscall, or a number for the handler of the signal";

impl Fault {
    /// This fault at a place where `found` stands.
    pub(crate) fn at(self, range: TextRange, found: &str) -> SyntaxError {
        self.before(range, found, "")
    }

    /// This fault at a place where `found` stands, and `next` behind it.
    pub(crate) fn before(self, range: TextRange, found: &str, next: &str) -> SyntaxError {
        let (code, message, label) = self.words(&shown(found));
        let mut help = self.hints(found, next);
        help.truncate(2);
        SyntaxError { code, range, message, label, help }
    }

    fn words(self, found: &str) -> (&'static str, String, String) {
        let own = |code, message: String, label: &str| (code, message, label.to_owned());
        match self {
            Self::Nul => own(
                "E0329",
                "the file has a NUL byte, so that it is no text".to_owned(),
                "the first one is here",
            ),
            Self::Statement | Self::Colon => own(
                "E0300",
                format!("a line cannot begin with {found}"),
                "expected a statement, such as `allow read`",
            ),
            Self::Expected(what) => {
                ("E0301", format!("expected {what}"), format!("here stands {found}"))
            }
            Self::Rest | Self::RestOfLine => self.rest(found),
            Self::Stray => own("E0303", "a `}` closes nothing".to_owned(), "no `{` belongs to it"),
            Self::Unclosed => own("E0304", format!("{found} is never closed"), "opened here"),
            Self::Comma => own(
                "E0305",
                format!("expected a comma before {found}"),
                "the parts of a list stand between commas",
            ),
            Self::OpenText => {
                own("E0306", "the text has no closing quote".to_owned(), "begins here")
            }
            Self::Deep => own("E0307", "nested too deep".to_owned(), "one level too many"),
            Self::Verdict => own(
                "E0308",
                format!("expected a verdict, found {found}"),
                "such as `allow`, `errno EPERM` or `kill`",
            ),
            Self::ErrnoMissing => own(
                "E0309",
                "`errno` needs the error that the call fails with".to_owned(),
                "expected a name such as EPERM",
            ),
            Self::KernelOrder => own(
                "E0315",
                format!("expected `>=` or `<`, found {found}"),
                "a kernel from one on, or before one",
            ),
            Self::Subject => own(
                "E0310",
                format!("expected a syscall, found {found}"),
                "a name, `nr NUMBER`, `@block`, `~family`, or a set of these in `{ }`",
            ),
            Self::Operator => own(
                "E0311",
                format!("expected a comparison, found {found}"),
                "one of == != < <= > >= in has any none only",
            ),
            Self::Operand => own(
                "E0312",
                format!("expected the name of an argument, found {found}"),
                "a condition begins with an argument, as in `family == AF_UNIX`",
            ),
            Self::Value => own(
                "E0313",
                format!("expected a value, found {found}"),
                "a number or a constant, as in AF_UNIX or 0x10",
            ),
        }
    }

    /// What is wrong with a line that goes on.
    fn rest(self, found: &str) -> (&'static str, String, String) {
        let (what, expected) = match self {
            Self::RestOfLine => ("line", "expected the end of the line"),
            _ => ("statement", "expected the end of the line, `where` or `because`"),
        };
        ("E0302", format!("the {what} is complete before {found}"), expected.to_owned())
    }

    /// What to do about it, with the text to put in place of what stands there.
    fn hints(self, found: &str, next: &str) -> Vec<(String, Option<String>)> {
        let edit = |text: &str, to: &str| vec![(text.to_owned(), Some(to.to_owned()))];
        match (self, found) {
            (Self::Nul, _) => vec![("a policy is UTF-8 text; UTF-16 has such bytes".to_owned(), None)],
            (Self::Colon, name) if Name::parse(name).is_some() => {
                vec![(format!("what minijail writes `{name}: 1` is `allow {name}` here"), None)]
            }
            (Self::Statement, word) if words::RESUMES.contains(&word) => {
                let way = "with no comment and no empty line between them";
                vec![(format!("`{word}` goes on with the statement right above it, {way}"), None)]
            }
            (Self::Statement | Self::Verdict, "/") => {
                vec![("comments begin with `#`".to_owned(), None)]
            }
            (Self::Statement, name) if Name::parse(name).is_some() => {
                edit("a statement begins with its verdict", &format!("allow {name}"))
            }
            (Self::Rest | Self::RestOfLine, _) => behind(self, found, next),
            (Self::Expected(USED), name) if name.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                edit("a block's name begins with `@`", &format!("@{name}"))
            }
            (Self::Expected(SIGNAL), _) => {
                vec![("`trap` sends SIGSYS and no other signal: leave the name out".to_owned(), None)]
            }
            (Self::Statement | Self::Verdict, error) if is_errno_name(error) => {
                edit("the verdict that fails so is", &format!("errno {error}"))
            }
            (Self::Statement | Self::Verdict, _) => rewording(found, next),
            (Self::ErrnoMissing, _) => {
                vec![(
                    "`errno EPERM` refuses the call; `enosys` says that there is none".to_owned(),
                    None,
                )]
            }
            (Self::Subject, number) if number.starts_with(|c: char| c.is_ascii_digit()) => {
                edit("a number is named as one", &format!("nr {number}"))
            }
            (Self::Operand | Self::Operator | Self::Value, _) => in_condition(self, found),
            (Self::KernelOrder, _) => vec![(
                "what a kernel has, later ones have too: `kernel >= 5.8`, or `kernel < 5.8` for older ones"
                    .to_owned(),
                None,
            )],
            (Self::Unclosed, open) => {
                let close = if open == "(" { ")" } else { "}" };
                vec![(format!("close it with `{close}`"), None)]
            }
            (Self::OpenText, text) => edit("close it", &format!("{text}\"")),
            (Self::Comma, _) => vec![("put a comma between them".to_owned(), None)],
            (Self::Deep, _) => {
                vec![("split the condition into several statements".to_owned(), None)]
            }
            _ => Vec::new(),
        }
    }
}

/// What to do about a comparison that is none.
fn in_condition(fault: Fault, found: &str) -> Vec<(String, Option<String>)> {
    let hint = |text: &str| vec![(text.to_owned(), None)];
    match (fault, found) {
        (Fault::Value, text) if text.starts_with('"') => {
            hint("filters see numbers and addresses, never texts; paths are Landlock's business")
        }
        (Fault::Operand, value) if value.starts_with(|c: char| c.is_ascii_digit()) => {
            hint("an argument stands before each value: `fd == 1 or fd == 2`, or `fd in {1, 2}`")
        }
        (Fault::Operand, "" | "\n" | "\r\n") => hint("say what must hold, or leave `where` away"),
        (Fault::Operand | Fault::Operator, "!") => {
            hint("negation is written `not (ARGUMENT == VALUE)`, and inequality `!=`")
        }
        (Fault::Operator, "" | "\n" | "\r\n" | "and" | "or" | ")" | "because") => hint(
            "each comparison names its argument: `family == AF_UNIX or family == AF_INET`, or `family in {AF_UNIX, AF_INET}`",
        ),
        (Fault::Operator, "=") => {
            vec![("equality is written `==`".to_owned(), Some("==".to_owned()))]
        }
        (Fault::Operator, "is") => {
            vec![("equality is written `==`".to_owned(), Some("==".to_owned()))]
        }
        (Fault::Operator, "not") => hint("write `not (ARGUMENT in {...})`"),
        (Fault::Operator, "~") => hint("bits are tested by `has`, `any`, `none` and `only`"),
        (Fault::Operator, word) => nearest(word, words::TESTS)
            .map(|near| vec![(format!("did you mean `{near}`?"), Some(near.to_owned()))])
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// What to do about what stands behind a line that is complete.
fn behind(fault: Fault, found: &str, next: &str) -> Vec<(String, Option<String>)> {
    let hint = |text: &str| vec![(text.to_owned(), None)];
    match found {
        ";" => semicolon(next),
        "-" if next.starts_with(|c: char| c.is_ascii_digit()) => {
            vec![("names have `_` there, as in `x86_64`".to_owned(), Some("_".to_owned()))]
        }
        _ if matches!(fault, Fault::RestOfLine) => match found.starts_with(['@', '~']) {
            true => hint("put a comma between them"),
            false => rewording(found, next),
        },
        "(" => hint(
            "what arguments must be stands behind `where`, as in `allow socket where family == AF_UNIX`",
        ),
        name if name == "," || name.starts_with(['@', '~']) || Name::parse(name).is_some() => {
            hint("several syscalls stand in a set: `{ read, write }`")
        }
        _ => rewording(found, next),
    }
}

/// What to do about a `;` where the header does not go on, with what stands behind it.
fn semicolon(next: &str) -> Vec<(String, Option<String>)> {
    let (help, edit) = match next {
        "" | "\n" | "\r\n" | "}" => ("a statement ends with its line: leave the `;` out", Some("")),
        _ => ("put what follows on a line of its own", None),
    };
    vec![(help.to_owned(), edit.map(str::to_owned))]
}

/// What a word of another tool is called here, with what stands behind it.
fn rewording(found: &str, next: &str) -> Vec<(String, Option<String>)> {
    let lower = found.to_ascii_lowercase();
    let plain = lower.strip_prefix("scmp_act_").unwrap_or(&lower).replace('_', "-");
    let here = match plain.as_str() {
        "deny" | "block" | "reject" | "refuse" | "forbid" | "disallow" if is_errno(next) => "errno",
        "deny" | "block" | "reject" | "refuse" | "forbid" | "disallow" => "errno EPERM",
        "permit" | "accept" | "grant" => "allow",
        "kill-process" | "die" => "kill",
        "return" => "errno",
        "user-notify" | "user-notif" => "notify",
        "if" | "when" => "where",
        "&&" => "and",
        "||" => "or",
        "architectures" | "architecture" | "archs" | "arches" => "arch",
        "machines" => "machine",
        _ => match nearest(&plain, words::STATEMENTS.into_iter().chain(["where", "because"])) {
            Some(near) => near,
            None => return Vec::new(),
        },
    };
    // What stands there is no misspelling of itself.
    if here == found {
        return Vec::new();
    }
    vec![(format!("did you mean `{here}`?"), Some(here.to_owned()))]
}

/// Whether a word is an error number, and hardly a syscall.
fn is_errno(word: &str) -> bool {
    is_errno_name(word) || word.starts_with(|c: char| c.is_ascii_digit())
}

fn is_errno_name(word: &str) -> bool {
    let is_rest = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    word.strip_prefix('E').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_rest))
}

/// What stands in the text, for a sentence.
fn shown(found: &str) -> String {
    match found {
        "" => "the end of the file".to_owned(),
        "\n" | "\r\n" => "the end of the line".to_owned(),
        _ => match found.chars().find(|c| !c.is_ascii()) {
            // Some look like another, or like nothing.
            Some(odd) => format!("`{found}` (U+{:04X})", u32::from(odd)),
            None => format!("`{found}`"),
        },
    }
}
