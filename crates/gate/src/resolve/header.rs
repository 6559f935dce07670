//! The lines that say what a policy is for.

mod load;

use callgate_policy::Known;
use callgate_rules::{
    Answer, Baseline, Code, Diagnostic, ErrnoSpec, Header, Listener, LoadFlag, Origin, Span,
    UnknownAnswer, Verdict, near, nearest,
};
use callgate_syscalls::{Arch, KernelVersion, Name, SyscallNr};

use rowan::Direction;

use super::Reader;
use super::statement::ERRNO_0;
use super::value::number;
use crate::known;
use crate::syntax::{Node, SyntaxKind, Token, words};
use crate::tree;

/// The version of the language.
const VERSION: u64 = 1;

/// A C library that a policy names, as in `libc glibc >= 2.31, musl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Libc {
    /// Its name: one of [`Libc::NAMES`].
    pub name: &'static str,
    /// The oldest version that the policy is for, in its parts; any where there is none.
    pub since: Option<Vec<u32>>,
    /// Where it is named.
    pub span: Span,
}

impl Libc {
    /// The C libraries that can be named.
    pub const NAMES: [&'static str; 4] = ["glibc", "musl", "bionic", "uclibc"];
}

/// What the header says.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) arches: Vec<Arch>,
    /// Which architectures go with which machine.
    pub(super) machines: Vec<Vec<Arch>>,
    /// Syscalls that an architecture does without.
    pub(super) without: Vec<(Arch, Name, Span)>,
    pub(super) default: Option<Answer>,
    foreign: Option<Answer>,
    pub(super) unknown: Option<UnknownAnswer>,
    pub(super) libc: Vec<Libc>,
    flags: Vec<LoadFlag>,
    listener: Option<Listener>,
    /// Each kind of line that was read, with its place.
    seen: Vec<(SyntaxKind, Span)>,
}

impl Reader<'_, '_> {
    /// Reads the header's lines of a policy.
    pub(super) fn header(&mut self, root: &Node) {
        self.version_first(root);
        for line in root.children().filter(is_header) {
            let span = self.span_of(&line);
            if let Some((_, first)) =
                self.header.seen.iter().find(|(kind, _)| *kind == line.kind()).copied()
            {
                let word =
                    tree::tokens(&line).next().map_or(String::new(), |t| t.text().to_owned());
                let diagnostic =
                    Diagnostic::error(Code::new("E0322"), format!("`{word}` is said twice"));
                let diagnostic = diagnostic
                    .primary(span, "the second time")
                    .secondary(first, "the first time")
                    .help_with_edit("keep one of them", self.span(with_joint(&line)), "");
                self.report(diagnostic);
                continue;
            }
            self.header.seen.push((line.kind(), span));
            self.header_line(&line, span);
        }
        if self.header.default.is_none() && !self.has(SyntaxKind::Default) {
            self.no_default(root);
        }
    }

    fn has(&self, kind: SyntaxKind) -> bool {
        self.header.seen.iter().any(|(seen, _)| *seen == kind)
    }

    /// A file is a policy if it says so first: the version decides how the rest is read.
    fn version_first(&mut self, root: &Node) {
        let first = root.children().next();
        if first.as_ref().is_some_and(|line| line.kind() == SyntaxKind::Policy) {
            return;
        }
        let span = self.span(first.map_or(0..0, |line| {
            let range = tree::range(&line);
            range.start..range.start
        }));
        let diagnostic =
            Diagnostic::error(Code::new("E0320"), "the file does not begin with `policy 1`");
        let diagnostic = diagnostic
            .primary(span, "expected the version of the language")
            .help_with_edit("say which version of the language it is", span, "policy 1\n");
        self.report(diagnostic);
    }

    fn no_default(&mut self, root: &Node) {
        let policy = tree::child(root, SyntaxKind::Policy);
        let (end, line) = match policy {
            Some(line) => (tree::range(&line).end, "\ndefault errno EPERM"),
            None => (0, "default errno EPERM\n"),
        };
        let span = self.span(end..end);
        let message = "the policy does not say what happens to calls without a statement";
        let diagnostic = Diagnostic::error(Code::new("E0321"), message)
            .primary(span, "expected a `default` line")
            .help_with_edit("refuse them, which programs survive most often", span, line);
        self.report(diagnostic);
    }

    /// Reports header lines where none may stand: in included files and blocks.
    pub(super) fn no_header(&mut self, node: &Node) {
        // An included file may say which version of the language it is.
        for line in node.children().filter(is_header) {
            if line.kind() == SyntaxKind::Policy && node.kind() == SyntaxKind::File {
                self.version(&line);
                continue;
            }
            let span = self.span_of(&line);
            let word = tree::tokens(&line).next().map_or(String::new(), |t| t.text().to_owned());
            let message =
                format!("`{word}` stands in the policy itself, not in blocks or includes");
            self.error("E0324", message, span, "move it to the top of the policy");
        }
    }

    fn header_line(&mut self, line: &Node, span: Span) {
        let answer = |verdict| Answer { verdict, origin: Origin::Text(span) };
        match line.kind() {
            SyntaxKind::Policy => self.version(line),
            SyntaxKind::Arches => self.arches(line),
            SyntaxKind::Machines => self.machines(line, span),
            SyntaxKind::Foreign => {
                self.header.foreign = self.verdict_in(line).map(answer);
            }
            SyntaxKind::Default => {
                self.header.default = self.verdict_in(line).map(answer);
            }
            SyntaxKind::Baseline => self.baseline(line, span),
            SyntaxKind::Groups => self.groups(line),
            SyntaxKind::Flags => self.flags(line),
            SyntaxKind::Listener => self.listener(line, span),
            _ => self.libc(line),
        }
    }

    fn verdict_in(&mut self, line: &Node) -> Option<Verdict> {
        let node = tree::child(line, SyntaxKind::Verdict)?;
        let verdict = self.verdict(&node)?;
        if verdict.on(Arch::X86_64).raw() == ERRNO_0 {
            let message = "`errno 0` tells programs that each of these calls succeeded";
            let diagnostic = Diagnostic::warning(Code::new("E0380"), message)
                .primary(self.span_of(&node), "though nothing happens")
                .help_with_edit("refuse them", self.span_of(&node), "errno EPERM");
            self.report(diagnostic);
        }
        Some(verdict)
    }

    fn version(&mut self, line: &Node) {
        let Some(token) = tree::token(line, SyntaxKind::Number) else { return };
        if number(token.text()) != Some(VERSION) {
            let span = self.span(token.text_range().into());
            let message = format!("version {} of the language is not known here", token.text());
            self.error("E0323", message, span, "this callgate reads version 1");
        }
    }

    fn groups(&mut self, line: &Node) {
        let Some(token) = tree::token(line, SyntaxKind::Version) else { return };
        if !known::is_groups_version(token.text()) {
            let span = self.span(token.text_range().into());
            let message = format!("version {} of the groups is not known here", token.text());
            let diagnostic = Diagnostic::error(Code::new("E0325"), message)
                .primary(span, "not a version that this callgate has")
                .help_with_edit(
                    "what a version means never changes; it has",
                    span,
                    known::groups_version(),
                );
            self.report(diagnostic);
        }
    }

    fn libc(&mut self, line: &Node) {
        let mut named = None;
        for token in tree::tokens(line).skip(1) {
            let span = self.span(token.text_range().into());
            match token.kind() {
                SyntaxKind::Word => {
                    named = Libc::NAMES.into_iter().find(|name| *name == token.text());
                    match named {
                        Some(name) => self.header.libc.push(Libc { name, since: None, span }),
                        None => self.report(unknown_libc(token.text(), span)),
                    }
                }
                SyntaxKind::Version if named.is_some() => {
                    let parts: Result<Vec<u32>, _> =
                        token.text().split('.').map(str::parse).collect();
                    match (parts, self.header.libc.last_mut()) {
                        (Ok(parts), Some(libc)) => libc.since = Some(parts),
                        _ => {
                            let message =
                                format!("`{}` is no version of a C library", token.text());
                            self.error("E0337", message, span, "its numbers are too large");
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn baseline(&mut self, line: &Node, span: Span) {
        let baseline = self.known(line).map(|list| match list.as_slice() {
            [(None, Known::Kernel(kernel))] => Baseline::Kernel(*kernel),
            _ => Baseline::Each(list),
        });
        let verdict = match tree::child(line, SyntaxKind::Verdict) {
            Some(node) => self.verdict(&node),
            None => tree::tokens(line)
                .filter(|token| token.kind() == SyntaxKind::Word)
                .last()
                .and_then(|token| self.errno(&token))
                .map(Verdict::Errno),
        };
        if let (Some(baseline), Some(verdict)) = (baseline, verdict) {
            let answer = Answer { verdict, origin: Origin::Text(span) };
            self.header.unknown = Some(UnknownAnswer { baseline, answer });
        }
    }

    pub(super) fn kernel(&mut self, version: &Token) -> Option<KernelVersion> {
        let kernel: Option<KernelVersion> = version.text().parse().ok();
        if let Some(kernel) = kernel.filter(|_| version.text().matches('.').count() > 1) {
            // What holds from a patch level on must not hold from its series on.
            let message = format!("`{}` is a patch level of Linux {kernel}", version.text());
            let span = self.span(version.text_range().into());
            let diagnostic = Diagnostic::error(Code::new("E0330"), message)
                .primary(span, "kernels are told apart by two numbers")
                .note("distributions mend kernels without a new patch level")
                .help_with_edit(
                    format!("for all of them, write `{kernel}`"),
                    span,
                    kernel.to_string(),
                );
            self.report(diagnostic);
            return None;
        }
        if kernel.is_none() {
            let span = self.span(version.text_range().into());
            let message = format!("`{}` is no version of Linux", version.text());
            self.error("E0330", message, span, "expected two numbers, as in 6.1");
        }
        kernel
    }

    fn last_number(&mut self, token: &Token) -> Option<SyscallNr> {
        let raw = number(token.text()).and_then(|number| u32::try_from(number).ok());
        if raw.is_none() {
            let span = self.span(token.text_range().into());
            let message = format!("{} is no syscall number: it has 32 bits", token.text());
            self.error("E0346", message, span, "the largest is 0xffffffff");
        }
        raw.map(SyscallNr::new)
    }

    /// What is known on each architecture that a baseline names, or on all.
    fn known(&mut self, line: &Node) -> Option<Vec<(Option<Arch>, Known)>> {
        let mut numbers: Vec<(Option<Arch>, Known)> = Vec::new();
        for item in tree::children(line, SyntaxKind::KnownItem) {
            let span = self.span_of(&item);
            let known = match tree::token(&item, SyntaxKind::Version) {
                Some(version) => Known::Kernel(self.kernel(&version)?),
                None => Known::UpTo(self.last_number(&tree::token(&item, SyntaxKind::Number)?)?),
            };
            let is_arch = |word: &Token| !matches!(word.text(), "nr" | "linux");
            let first = tree::tokens(&item).next().filter(is_arch);
            let arch = match first {
                Some(word) => Some(self.arch(&word)?),
                None => None,
            };
            if numbers.iter().any(|(other, _)| *other == arch) {
                let what = arch.map_or("the baseline of all".to_owned(), |arch| arch.to_string());
                self.error("E0333", format!("{what} is named twice"), span, "the second time");
                return None;
            }
            numbers.push((arch, known));
        }
        Some(numbers)
    }

    fn arches(&mut self, line: &Node) {
        for item in tree::children(line, SyntaxKind::ArchItem) {
            let Some((arch, span)) = self.arch_item(&item) else { continue };
            if self.header.arches.contains(&arch) {
                self.error("E0333", format!("{arch} is named twice"), span, "the second time");
                continue;
            }
            self.header.arches.push(arch);
        }
    }

    /// `machine x86_64 + x86, aarch64 + arm`: a comma begins another machine.
    fn machines(&mut self, line: &Node, span: Span) {
        if self.has(SyntaxKind::Arches) {
            let message = "`arch` and `machine` both say what the policy is for";
            return self.error("E0338", message, span, "keep one of the two");
        }
        let mut own: Vec<Arch> = Vec::new();
        for element in line.children_with_tokens() {
            if element.kind() == SyntaxKind::Comma {
                self.header.machines.push(std::mem::take(&mut own));
            }
            let item = element.into_node().filter(|node| node.kind() == SyntaxKind::ArchItem);
            let Some((arch, span)) = item.and_then(|item| self.arch_item(&item)) else { continue };
            let is_machine = |machine: &Vec<Arch>| machine.first() == Some(&arch);
            let again = own.contains(&arch)
                || own.is_empty() && self.header.machines.iter().any(is_machine);
            if again {
                self.error("E0333", format!("{arch} is named twice"), span, "the second time");
                continue;
            }
            own.push(arch);
        }
        self.header.machines.push(own);
    }

    /// An architecture, with a syscall that it does without.
    fn arch_item(&mut self, item: &Node) -> Option<(Arch, Span)> {
        let words: Vec<Token> =
            tree::tokens(item).filter(|token| token.kind() == SyntaxKind::Word).collect();
        let first = words.first()?;
        let arch = self.arch(first)?;
        // `arch x86 without socketcall`
        if let Some(token) = words.get(2) {
            let span = self.span(token.text_range().into());
            match Name::parse(token.text()).filter(|name| arch.syscall(*name).is_some()) {
                Some(name) => self.header.without.push((arch, name, span)),
                None => {
                    let message = format!("{arch} has no syscall `{}`", token.text());
                    self.error("E0334", message, span, "nothing to do without");
                }
            }
        }
        Some((arch, self.span(first.text_range().into())))
    }

    /// An architecture by its name.
    pub(super) fn arch(&mut self, token: &Token) -> Option<Arch> {
        let arch = Arch::from_name(token.text());
        if arch.is_none() {
            let span = self.span(token.text_range().into());
            self.report(unknown_arch(token.text(), span));
        }
        arch
    }

    /// The header of the rules; none where a line of it is missing or wrong.
    pub(super) fn header_of_rules(&self) -> Option<Header> {
        let lines = &self.header;
        let mut header = Header::new(Verdict::Errno(ErrnoSpec::EPERM));
        header.default = lines.default?;
        header.foreign = lines.foreign.unwrap_or(header.foreign);
        header.unknown.clone_from(&lines.unknown);
        header.arches.clone_from(&lines.arches);
        header.machines.clone_from(&lines.machines);
        header.flags.clone_from(&lines.flags);
        header.listener.clone_from(&lines.listener);
        Some(header)
    }
}

/// The bytes of a header line with the `;` that joins it to another.
fn with_joint(line: &Node) -> std::ops::Range<usize> {
    let range = tree::range(line);
    let joint = |direction| {
        let mut siblings = line.siblings_with_tokens(direction).skip(1);
        let next = siblings.find(|element| element.kind() != SyntaxKind::Whitespace)?;
        let is_joint = next.kind() == SyntaxKind::Semicolon;
        is_joint.then(|| std::ops::Range::<usize>::from(next.text_range()))
    };
    match (joint(Direction::Prev), joint(Direction::Next)) {
        (Some(before), _) => before.start..range.end,
        (None, Some(behind)) => range.start..behind.end,
        (None, None) => range,
    }
}

fn is_header(line: &Node) -> bool {
    let first = tree::tokens(line).next();
    !matches!(line.kind(), SyntaxKind::Statement)
        && first.is_some_and(|token| words::HEADERS.contains(&token.text()))
}

fn unknown_libc(text: &str, span: Span) -> Diagnostic {
    let diagnostic =
        Diagnostic::error(Code::new("E0337"), format!("no C library is called `{text}`"))
            .primary(span, "not a name that callgate has");
    match nearest(text, Libc::NAMES) {
        Some(near) => diagnostic.help_with_edit(format!("did you mean `{near}`?"), span, near),
        None => diagnostic.note(format!("there are: {}", Libc::NAMES.join(", "))),
    }
}

fn unknown_arch(text: &str, span: Span) -> Diagnostic {
    let diagnostic =
        Diagnostic::error(Code::new("E0331"), format!("no architecture is called `{text}`"))
            .primary(span, "not a name that callgate has");
    let lower = text.to_ascii_lowercase();
    let near = || near(text, Arch::ALL.map(Arch::name)).first().copied();
    let other = Arch::from_word(&lower).map(Arch::name).or_else(near);
    match other {
        Some(other) => diagnostic.help_with_edit(format!("did you mean `{other}`?"), span, other),
        None => {
            let names = Arch::ALL.map(Arch::name).join(", ");
            diagnostic.note(format!("there are: {names}"))
        }
    }
}
