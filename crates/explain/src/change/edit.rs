//! A change put into the text of a policy, as whoever follows the advice does it: read, lowered and
//! checked again, with what has to go for it.

use callgate_gate::{File, Node, Refused, SyntaxKind, Written, read};
use callgate_policy::Policy;
use callgate_rules::{Severity, Source, SourceError, SourceId, Sources, Span, Target};
use callgate_syscalls::{Action, Arch};

use super::Removal;
use super::place::Place;

/// How often a text is read again for what its checks want to go.
const ROUNDS_MAX: usize = 4;

/// The texts of a policy in the language.
pub(super) struct Texts<'f> {
    sources: &'f Sources,
    target: Target,
    /// The default that whoever loads the policy has put in place of the text's.
    default: Option<Action>,
    /// Whether the policy is for several architectures.
    has_several: bool,
}

/// A change that was put into a text.
pub(super) struct Edited {
    /// The line that was put there.
    pub(super) line: String,
    /// What had to go.
    pub(super) removals: Vec<Removal>,
    /// What the text means then.
    pub(super) policy: Policy,
}

/// A text that is being edited. What goes becomes blanks, so that all else stays where it was.
struct Draft<'t> {
    texts: Vec<String>,
    /// The text that gets the line, and where.
    at: (usize, usize),
    line: String,
    root: Vec<Node>,
    sources: &'t Sources,
    /// What goes, by the statement's text and place in it.
    removals: Vec<((usize, usize), Removal)>,
}

impl<'f> Texts<'f> {
    /// The texts of a policy; none where they are not in the language, or mean something else here.
    pub(super) fn of(sources: &'f Sources, target: Target, policy: &Policy) -> Option<Self> {
        let texts: Vec<String> = sources.iter().map(|it| it.text().to_owned()).collect();
        let meant = again(sources, &texts).ok()?.lower_unchecked(&target).ok()?.policy;
        let has_several = policy.arches().nth(1).is_some();
        let mut own = Self { sources, target, default: None, has_several };
        if meant != *policy {
            own.default = policy.arches().next().map(|(_, rules)| rules.default_action());
            (own.as_loaded(meant) == *policy).then_some(())?;
        }
        Some(own)
    }

    fn as_loaded(&self, policy: Policy) -> Policy {
        match self.default {
            Some(default) => policy.with_default(default),
            None => policy,
        }
    }

    /// The texts with a line at a place, and without what is never reached then. On several
    /// architectures a line may be for one only.
    pub(super) fn with(&self, place: &Place, line: &str, arch: Arch) -> Option<Edited> {
        let own = || {
            let line = format!("on {arch} {{ {line} }}");
            self.has_several.then(|| self.with_line(place, &line)).flatten()
        };
        self.with_line(place, line).or_else(own)
    }

    fn with_line(&self, place: &Place, line: &str) -> Option<Edited> {
        let mut draft = Draft::new(self.sources, place, line)?;
        for _ in 0..ROUNDS_MAX {
            let refused = match again(self.sources, &draft.edited()).ok()?.lower(&self.target) {
                Ok(lowered) => {
                    let line = draft.line.trim().to_owned();
                    let removals = draft.removals.into_iter().map(|(_, it)| it).collect();
                    return Some(Edited { line, removals, policy: self.as_loaded(lowered.policy) });
                }
                Err(refused) => refused,
            };
            draft.remove_all(&refused)?;
        }
        None
    }
}

/// Reads texts in the order in which they were read first.
fn again(sources: &Sources, texts: &[String]) -> Result<Written, Refused> {
    let mut each = sources.iter().zip(texts).map(|(source, text)| (source.name(), text));
    let gone =
        |name: &str| SourceError::Unreadable { name: name.to_owned(), reason: String::new() };
    let mut next = |path: &str| {
        let (name, text) = each.next().ok_or_else(|| gone(path))?;
        Source::new(name, text.as_str())
    };
    let first = next("")?;
    read(first, &mut |path, _| next(path))
}

impl<'t> Draft<'t> {
    /// The texts with a line before a rule, in the blocks that it stands in, or behind all.
    fn new(sources: &'t Sources, place: &Place, line: &str) -> Option<Self> {
        let texts: Vec<String> = sources.iter().map(|it| it.text().to_owned()).collect();
        let root: Vec<Node> = texts.iter().map(|text| File::parse(text).root()).collect();
        let (at, line) = match place {
            Place::First | Place::Before(None, ..) => return None,
            Place::Last => {
                let text = texts.first()?;
                let end = if text.ends_with('\n') { "" } else { "\n" };
                ((0, text.len()), format!("{end}{line}\n"))
            }
            Place::Before(Some(span), ..) => {
                let index = index_of(sources, span.source())?;
                let statement = statement_at(root.get(index)?, span.start())?;
                let (at, line) = before(&texts[index], &statement, line)?;
                ((index, at), line)
            }
        };
        Some(Self { texts, at, line, root, sources, removals: Vec::new() })
    }

    /// The texts with the line. A file that is included twice is one file.
    fn edited(&self) -> Vec<String> {
        let (index, at) = self.at;
        let name = self.sources.iter().nth(index).map(Source::name);
        let with = |(source, text): (&Source, &String)| match Some(source.name()) == name {
            true => format!("{}{}{}", &text[..at], self.line, &text[at..]),
            false => text.clone(),
        };
        self.sources.iter().zip(&self.texts).map(with).collect()
    }

    /// Takes away all that is never reached; none where something else is wrong, or it is the line
    /// itself that is never reached.
    fn remove_all(&mut self, refused: &Refused) -> Option<()> {
        let errors = refused.diagnostics.iter().filter(|it| it.severity == Severity::Error);
        let spans: Option<Vec<Span>> = errors
            .map(|error| {
                let never_reached = matches!(error.code.as_str(), "E0371" | "E0372" | "E0374");
                error.primary_span().filter(|_| never_reached)
            })
            .collect();
        let mut spans = spans?;
        spans.sort_unstable();
        spans.dedup();
        spans.into_iter().try_for_each(|span| self.remove(span))
    }

    /// Takes a call out of its statement, or the whole of it where nothing else is left.
    fn remove(&mut self, span: Span) -> Option<()> {
        let index = index_of(self.sources, span.source())?;
        let start = self.offset(index, span.start())?;
        let root = self.root.get(index)?.clone();
        let call = root.descendants().find(|node| {
            node.kind() == SyntaxKind::Call && usize::from(node.text_range().start()) == start
        });
        let call = call?;
        let statement = call.ancestors().find(|node| node.kind() == SyntaxKind::Statement)?;
        let is_left = |other: &Node| {
            let range = other.text_range();
            other.kind() == SyntaxKind::Call
                && *other != call
                && !self.texts[index][usize::from(range.start())..usize::from(range.end())]
                    .trim()
                    .is_empty()
        };
        let is_whole = !call.parent()?.children().any(|other| is_left(&other));
        let gone = if is_whole { &statement } else { &call };
        let (from, to) = (gone.text_range().start().into(), gone.text_range().end().into());
        self.note(index, &statement, &call, is_whole)?;
        self.blank(index, from, to, !is_whole);
        Some(())
    }

    /// Notes that a call goes from a statement.
    fn note(&mut self, index: usize, statement: &Node, call: &Node, is_whole: bool) -> Option<()> {
        let source = self.sources.iter().nth(index)?;
        let start = statement.text_range().start().into();
        let words = |node: &Node| {
            let text = node.text().to_string();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let place = format!("{}:{}", source.name(), source.position(start).line);
        let known = self.removals.iter_mut().find(|(at, _)| *at == (index, start));
        let (call, whole) = (words(call), is_whole.then(|| words(statement)));
        match known {
            Some((_, removal)) => {
                removal.calls.push(call);
                removal.whole = whole;
            }
            None => {
                let removal = Removal { place, calls: vec![call], whole };
                self.removals.push(((index, start), removal));
            }
        }
        Some(())
    }

    /// Where something stands in a text without the line.
    fn offset(&self, index: usize, with_line: usize) -> Option<usize> {
        let (edited, at) = self.at;
        let is_same = |index: usize| self.sources.iter().nth(index).map(Source::name);
        match is_same(index) == is_same(edited) && with_line >= at {
            true => with_line.checked_sub(self.line.len()).filter(|offset| *offset >= at),
            false => Some(with_line),
        }
    }

    /// Puts blanks in place of a range, with the comma behind it if there is one to go.
    fn blank(&mut self, index: usize, from: usize, mut to: usize, with_comma: bool) {
        let name = self.sources.iter().nth(index).map(Source::name);
        let text = &self.texts[index];
        if with_comma {
            let rest = text[to..].len() - text[to..].trim_start().len();
            to += if text[to + rest..].starts_with(',') { rest + 1 } else { 0 };
        }
        let blanks: String =
            text[from..to].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
        for (source, text) in self.sources.iter().zip(&mut self.texts) {
            if Some(source.name()) == name {
                text.replace_range(from..to, &blanks);
            }
        }
    }
}

impl Place {
    /// Whether no line can stand before the rule, as its group begins on the same line.
    pub(super) fn has_no_line(&self, sources: &Sources) -> bool {
        let Self::Before(Some(span), ..) = self else { return false };
        let Some(source) = sources.get(span.source()) else { return false };
        let statement = statement_at(&File::parse(source.text()).root(), span.start());
        statement.is_some_and(|it| before(source.text(), &it, "allow getpid").is_none())
    }
}

/// Where to put a line before a statement, and the line as it has to be there: with the blocks
/// around it where they begin on the same line, with `always` where the statement has it.
fn before(text: &str, statement: &Node, line: &str) -> Option<(usize, String)> {
    let start = usize::from(statement.text_range().start());
    let is_always = text[start..].split_whitespace().next() == Some("always");
    let line = match (is_always, line.starts_with("use ")) {
        (true, true) => return None,
        (true, false) => format!("always {line}"),
        (false, _) => line.to_owned(),
    };
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let indent = &text[line_start..start];
    if indent.trim().is_empty() {
        return Some((line_start, format!("{indent}{line}\n")));
    }
    let around = statement.ancestors().skip(1).take_while(|node| {
        node.kind() != SyntaxKind::File && usize::from(node.text_range().start()) >= line_start
    });
    let mut wrapped = line;
    for block in around {
        if block.kind() != SyntaxKind::On {
            return None;
        }
        let head = block.text().to_string();
        let (head, _) = head.split_once('{')?;
        wrapped = format!("{}{{ {wrapped} }}", head.trim_start());
    }
    Some((line_start, format!("{wrapped}\n")))
}

/// The statement that begins there, or the use of blocks.
fn statement_at(root: &Node, start: usize) -> Option<Node> {
    root.descendants().find(|node| {
        matches!(node.kind(), SyntaxKind::Statement | SyntaxKind::Use)
            && usize::from(node.text_range().start()) == start
    })
}

fn index_of(sources: &Sources, id: SourceId) -> Option<usize> {
    sources.iter().position(|source| source.id() == id)
}
