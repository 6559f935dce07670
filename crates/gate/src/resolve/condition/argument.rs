//! Arguments: whether the calls of a statement have them, and whether a filter can test them.

use callgate_facts::Hidden;
use callgate_rules::{ArgBits, Code, Diagnostic, Span, Subject, SubjectKind, Which, near};
use callgate_syscalls::{Arch, Argument, Name, SyscallNr};

use crate::resolve::{Reader, Scope};
use crate::syntax::{Node, SyntaxKind, Token};
use crate::tree;

/// The name of an operand's argument, and how much of its register is compared.
pub(super) fn name_of(operand: &Node) -> Option<(Token, ArgBits)> {
    let mut words = tree::tokens(operand).filter(|token| token.kind() == SyntaxKind::Word);
    let first = words.next()?;
    match (first.text(), words.next()) {
        ("full", Some(name)) => Some((name, ArgBits::Full)),
        ("low32", Some(name)) => Some((name, ArgBits::Low32)),
        _ => Some((first, ArgBits::Kernel)),
    }
}

impl Reader<'_, '_> {
    /// The architectures for which conditions are checked: the statement's, those of the policy's
    /// machines, or this machine's.
    pub(in crate::resolve) fn arches_to_check(&self, scope: &Scope) -> Vec<Arch> {
        let arches = self.arches_of(scope);
        match arches.is_empty() {
            true if !self.header.machines.is_empty() => {
                let mut arches = self.header.machines.concat();
                arches.sort_unstable();
                arches.dedup();
                arches
            }
            true => vec![Arch::native().unwrap_or(Arch::X86_64)],
            false => arches,
        }
    }

    /// An argument that all calls of the statement have; none where one does not, which was
    /// reported.
    pub(super) fn argument(
        &mut self,
        token: &Token,
        bits: ArgBits,
        subjects: &[Subject],
        arches: &[Arch],
    ) -> Option<Which> {
        let span = self.span(token.text_range().into());
        let text = token.text();
        for subject in subjects {
            if let SubjectKind::Number(nr) = subject.kind {
                if bits == ArgBits::Kernel {
                    if let Some(name) = known_everywhere(nr, arches) {
                        self.report(unnamed(nr, name, text, span));
                        return None;
                    }
                }
                if register(text).is_none() {
                    let message = format!("syscall number {nr} has no argument `{text}` by name");
                    let label = "arguments of numbers are called arg0 to arg5";
                    self.error("E0353", message, span, label);
                    return None;
                }
            }
        }
        for (call, arch) in sites(subjects, arches) {
            let known = arch.signature(call).is_some();
            let is_register = register(text).is_some() && (!known || bits != ArgBits::Kernel);
            if !is_register && find(call, arch, text).is_none() {
                self.report(missing(call, arch, text, span, arches));
                return None;
            }
        }
        // A name of the kernel's comes before a register.
        let named = sites(subjects, arches).any(|(call, arch)| find(call, arch, text).is_some());
        match register(text).filter(|_| !named) {
            Some(index) => Some(Which::Index(index)),
            None => Some(Which::Name(text.to_owned().into())),
        }
    }

    /// Refuses to test what is a pointer on one of the architectures: filters do not see what it
    /// points to.
    pub(super) fn no_pointer(
        &mut self,
        token: &Token,
        test: &Node,
        subjects: &[Subject],
        arches: &[Arch],
    ) -> Option<()> {
        let found = sites(subjects, arches).find_map(|(call, arch)| {
            let argument = find(call, arch, token.text())?;
            is_pointer(argument).then_some((call, argument))
        });
        let Some((call, argument)) = found else { return Some(()) };
        let span = self.span_of(test);
        let name = argument.name;
        let message =
            format!("`{name}` of {call} is a pointer, and a filter cannot look behind it");
        let mut diagnostic = Diagnostic::error(Code::new("E0350"), message)
            .primary(span, format!("{} is only an address", argument.c_type));
        if matches!(call.as_str(), "socketcall" | "ipc") {
            diagnostic = diagnostic.note(format!(
                "{call} stands for many calls, whose arguments it takes from memory; only `call` can be tested"
            ));
        }
        let what = behind(argument);
        diagnostic = diagnostic
            .help(format!("a filter can tell whether it is NULL: `{name} == NULL`"))
            .help(what)
            .help(format!("`full({name})` compares the address itself, if that is meant"));
        self.report(diagnostic);
        None
    }
}

/// The call that a number is on all of the architectures.
fn known_everywhere(nr: SyscallNr, arches: &[Arch]) -> Option<Name> {
    let name = |arch: &Arch| arch.syscall_at(nr).map(|syscall| syscall.name);
    let first = arches.first().and_then(name)?;
    arches.iter().all(|arch| name(arch).is_some()).then_some(first)
}

/// A number whose arguments would be compared as registers, though the kernel reads less of them.
fn unnamed(nr: SyscallNr, name: Name, argument: &str, span: Span) -> Diagnostic {
    let message =
        format!("syscall number {nr} is {name}, and its name says how wide `{argument}` is");
    Diagnostic::error(Code::new("E0353"), message)
        .primary(span, "would be all bits of the register, which the kernel need not read")
        .help(format!("write `{name}` in place of `nr {nr}`, with the argument's name"))
        .help(format!("`full({argument})` compares the register, if that is meant"))
}

/// What can decide about memory in a filter's stead.
fn behind(argument: Argument) -> String {
    let is_path = ["path", "filename", "name"].iter().any(|word| argument.name.contains(word));
    match is_path {
        true => {
            "paths are Landlock's business; or hand the call to a supervisor: `notify`".to_owned()
        }
        false => "hand the call to a supervisor, which can read the memory: `notify`".to_owned(),
    }
}

/// The calls of subjects on the architectures that have them.
fn sites<'s>(
    subjects: &'s [Subject],
    arches: &'s [Arch],
) -> impl Iterator<Item = (Name, Arch)> + use<'s> {
    let names = subjects.iter().flat_map(|subject| subject.kind.names().iter().copied());
    names.flat_map(move |name| {
        let having = arches.iter().copied().filter(move |arch| arch.syscall(name).is_some());
        having.map(move |arch| (name, arch))
    })
}

fn find(call: Name, arch: Arch, argument: &str) -> Option<Argument> {
    arch.signature(call)?.arguments().find(|candidate| candidate.name == argument)
}

/// The position that `arg0` to `arg5` name.
fn register(text: &str) -> Option<usize> {
    let index = text.strip_prefix("arg")?.parse().ok()?;
    (index < 6 && text.len() == 4).then_some(index)
}

fn is_pointer(argument: Argument) -> bool {
    argument.c_type.contains('*') || argument.c_type.ends_with("ptr_t")
}

/// Why a call has no such argument.
fn missing(call: Name, arch: Arch, text: &str, span: Span, arches: &[Arch]) -> Diagnostic {
    let arguments: Vec<Argument> =
        arch.signature(call).into_iter().flat_map(|signature| signature.arguments()).collect();
    let names = || arguments.iter().map(|argument| argument.name);
    let error = |code, message: String| Diagnostic::error(Code::new(code), message);
    if let Some(index) = register(text) {
        return match arguments.get(index) {
            Some(argument) => error("E0353", format!("argument {index} of {call} has a name"))
                .primary(span, "say what it is")
                .help_with_edit("its name is", span, argument.name),
            None => error("E0353", format!("{call} has {} arguments", arguments.len()))
                .primary(
                    span,
                    "there is no such argument, and the kernel does not read the register",
                )
                .help(format!("`full({text})` compares the register all the same")),
        };
    }
    let elsewhere =
        arches.iter().copied().filter(|other| find(call, *other, text).is_some()).map(Arch::name);
    let elsewhere: Vec<&str> = elsewhere.collect();
    if !elsewhere.is_empty() {
        let list: Vec<&str> = names().collect();
        return error("E0354", format!("{call} has no argument `{text}` on {arch}"))
            .primary(span, format!("it has one on {}", elsewhere.join(", ")))
            .note(format!("on {arch} the call takes: {}", list.join(", ")))
            .help(format!(
                "put the statement into `on {} {{ }}`, and say for {arch} what you mean there",
                elsewhere.join(", ")
            ));
    }
    let is_field = |field: &str| {
        text.strip_suffix(field).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
    };
    if let Some(hidden) = Hidden::of(call, arch).find(|hidden| hidden.fields().any(is_field)) {
        return in_memory(call, text, hidden, span);
    }
    unknown(
        error("E0352", format!("{call} has no argument `{text}`")),
        call,
        text,
        span,
        &arguments,
    )
}

/// What to do about a word that stands in memory.
fn in_memory(call: Name, text: &str, hidden: Hidden, span: Span) -> Diagnostic {
    let message = format!("{call} takes its `{text}` from memory, which a filter cannot see");
    let mut diagnostic = Diagnostic::error(Code::new("E0351"), message)
        .primary(span, format!("behind the pointer `{}`", hidden.pointer));
    if hidden.instead.is_some() {
        diagnostic = diagnostic.help(format!(
            "`enosys {call}`: programs then fall back to the older call, whose arguments can be tested"
        ));
    }
    if text.ends_with("family") {
        diagnostic = diagnostic.help(
            "a socket has its family from where it is made: test it there, as `socket where family == AF_UNIX`",
        );
    }
    diagnostic.help(format!("`notify {call}`: a supervisor can read the memory"))
}

fn unknown(
    diagnostic: Diagnostic,
    call: Name,
    text: &str,
    span: Span,
    arguments: &[Argument],
) -> Diagnostic {
    let names = || arguments.iter().map(|argument| argument.name);
    if arguments.is_empty() {
        return diagnostic
            .primary(span, "it takes no arguments, or callgate does not know them")
            .help("the registers are full(arg0) to full(arg5)");
    }
    let near = near(text, names());
    let of_manual = || {
        let name = callgate_facts::kernel_name(call, text)?;
        names().find(|candidate| *candidate == name)
    };
    let near = of_manual()
        .or_else(|| near.first().copied().or_else(|| names().find(|name| is_within(name, text))));
    let diagnostic = diagnostic.primary(span, format!("not an argument of {call}"));
    let list: Vec<&str> = names().collect();
    let diagnostic = diagnostic.note(format!("its arguments are: {}", list.join(", ")));
    match near {
        Some(near) => diagnostic.help_with_edit(format!("did you mean `{near}`?"), span, near),
        None => diagnostic,
    }
}

/// Whether one of the names is a part of the other, as `flags` of `clone_flags`.
fn is_within(name: &str, text: &str) -> bool {
    const SHORTEST: usize = 3;
    text.len() >= SHORTEST && (name.contains(text) || text.contains(name))
}
