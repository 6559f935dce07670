//! What the lines of a profile, and of those that it includes, say about filters.

use callgate_rules::{ErrnoSpec, SourceId, Span, Verdict};

use super::filters::{FIREJAIL_NAMESPACES, FIREJAIL_PROTOCOLS};
use super::list::{self, Member};
use crate::context::{self, Context, code};
use crate::piece::Piece;

/// A list with the place of its line.
pub(super) type List = Option<(Vec<Member>, Span)>;

/// The lists of one table; the last line of a kind counts.
#[derive(Default)]
pub(super) struct Lists {
    /// Where a line first asked for a filter.
    pub(super) is_on: Option<Span>,
    pub(super) with_default: List,
    pub(super) dropped: List,
    pub(super) kept: List,
}

/// What a profile says.
#[derive(Default)]
pub(super) struct Profile {
    pub(super) native: Lists,
    pub(super) secondary: Lists,
    pub(super) blocks_secondary: Option<Span>,
    pub(super) refusal: Option<Verdict>,
    pub(super) denies_write_execute: Option<Span>,
    pub(super) namespaces: (Vec<(String, u64)>, Option<Span>),
    pub(super) protocols: (Vec<(String, u64)>, Option<Span>),
    ignored: Vec<String>,
}

/// How deep profiles include each other.
const DEPTH_MAX: usize = 16;

/// The beginnings of lines that are about filters.
const ABOUT_FILTERS: [&str; 4] =
    ["seccomp", "protocol", "memory-deny-write-execute", "restrict-namespaces"];

impl Profile {
    /// Reads a profile. Recursion is as deep as profiles include each other, which is limited.
    pub(super) fn read(
        &mut self,
        text: &str,
        source: SourceId,
        depth: usize,
        context: &mut Context<'_>,
    ) {
        for line in Piece::whole(text, source).lines().map(Piece::trim) {
            if line.text.is_empty() || line.text.starts_with('#') || context.is_full() {
                continue;
            }
            let is_ignored = |start: &String| {
                line.text
                    .strip_prefix(start.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            };
            if self.ignored.iter().any(is_ignored) {
                continue;
            }
            match line.strip("include ").map(Piece::trim) {
                Some(path) => self.include((path, source), depth, context),
                None => self.line(line, context),
            }
        }
    }

    /// Files of firejail's own folder are elsewhere for who looks at a profile alone.
    fn include(
        &mut self,
        (path, including): (Piece<'_>, SourceId),
        depth: usize,
        context: &mut Context<'_>,
    ) {
        if depth >= DEPTH_MAX {
            let message = format!("profiles include each other more than {DEPTH_MAX} deep");
            return context.error(code::LIMIT, path, message);
        }
        match context.include_if_there(path, including) {
            Some((text, source)) => self.read(&text, source, depth + 1, context),
            // A user's own additions, which nobody misses.
            None if path.text.ends_with(".local") => {}
            None => {
                let message =
                    "this file is not beside the profile: what it says of filters is not read";
                context.warn(code::PASSED_OVER, path, message);
            }
        }
    }

    fn line(&mut self, line: Piece<'_>, context: &mut Context<'_>) {
        let end = line.text.find(' ').unwrap_or(line.text.len());
        let (word, rest) = (line.part(0..end), line.from(end).trim());
        let has_list = !rest.text.is_empty();
        match word.text {
            "ignore" => self.ignored.push(rest.text.to_owned()),
            "seccomp" if has_list => self.native.with_default(rest, context),
            "seccomp" => self.native.is_on = self.native.is_on.or(Some(line.span())),
            "seccomp.drop" => self.native.dropped(rest, context),
            "seccomp.keep" => self.native.kept(rest, context),
            "seccomp.32" => self.secondary.with_default(rest, context),
            "seccomp.32.drop" => self.secondary.dropped(rest, context),
            "seccomp.32.keep" => self.secondary.kept(rest, context),
            "seccomp.block-secondary" => self.blocks_secondary = Some(line.span()),
            "seccomp-error-action" => self.refusal = refusal(rest, context),
            "memory-deny-write-execute" => self.denies_write_execute = Some(line.span()),
            "restrict-namespaces" => {
                self.namespaces.1 = Some(line.span());
                match has_list {
                    true => augment(&mut self.namespaces.0, rest, &FIREJAIL_NAMESPACES, context),
                    false => {
                        let all = FIREJAIL_NAMESPACES.iter();
                        self.namespaces.0 =
                            all.map(|(name, flag)| ((*name).to_owned(), *flag)).collect();
                    }
                }
            }
            "protocol" => {
                self.protocols.1 = Some(line.span());
                augment(&mut self.protocols.0, rest, &FIREJAIL_PROTOCOLS, context);
            }
            _ if word.text.starts_with('?') => {
                let rest = rest.strip("ignore ").map_or(rest, Piece::trim);
                if ABOUT_FILTERS.iter().any(|start| rest.text.starts_with(start)) {
                    let message = "whether this line counts depends on how firejail is built or \
                                   called: leave out the condition, or the line";
                    context.error(code::MEANING, line, message);
                }
            }
            _ if word.text.starts_with("seccomp") => {
                let message = format!("firejail has no line {:?}", context::shortened(word.text));
                context.error(code::UNKNOWN, word, message);
            }
            _ => {}
        }
    }
}

impl Lists {
    fn with_default(&mut self, list: Piece<'_>, context: &mut Context<'_>) {
        self.is_on = self.is_on.or(Some(list.span()));
        self.with_default = Some((list::members(list, context), list.span()));
    }

    fn dropped(&mut self, list: Piece<'_>, context: &mut Context<'_>) {
        self.is_on = self.is_on.or(Some(list.span()));
        self.dropped = Some((list::members(list, context), list.span()));
    }

    fn kept(&mut self, list: Piece<'_>, context: &mut Context<'_>) {
        self.is_on = self.is_on.or(Some(list.span()));
        self.kept = Some((list::members(list, context), list.span()));
    }
}

/// `kill`, `log`, or an errno by name.
fn refusal(word: Piece<'_>, context: &mut Context<'_>) -> Option<Verdict> {
    match word.text {
        "kill" => Some(Verdict::KillThread),
        "log" => Some(Verdict::Log),
        name => {
            let errno = ErrnoSpec::named(name).map(Verdict::Errno);
            if errno.is_none() {
                context.error(code::UNKNOWN, word, "expected kill, log, or the name of an errno");
            }
            errno
        }
    }
}

/// Changes a list by another: `+a` and `a` add, `-a` takes off, `=a` begins anew.
fn augment(
    list: &mut Vec<(String, u64)>,
    words: Piece<'_>,
    known: &[(&str, u64)],
    context: &mut Context<'_>,
) {
    for word in words.split(|character| character == ',').filter(|word| !word.text.is_empty()) {
        let (sign, name) = match word.text.chars().next() {
            Some(sign @ ('+' | '-' | '=')) => (sign, word.from(1)),
            _ => ('+', word),
        };
        if sign == '=' {
            list.clear();
        }
        let found = known.iter().find(|(known, _)| *known == name.text);
        match found {
            Some((name, value)) => {
                list.retain(|(other, _)| other != name || sign == '+');
                if sign != '-' && !list.iter().any(|(other, _)| other == name) {
                    list.push(((*name).to_owned(), *value));
                }
            }
            None if name.text.is_empty() => {}
            None => {
                let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                let message = format!("expected one of {}", names.join(", "));
                context.error(code::UNKNOWN, name, message);
            }
        }
    }
}
