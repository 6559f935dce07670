//! What the printers of one machine's rules share.

use callgate_dialects::{Dialect, Options, nothing, read};
use callgate_policy::{Action, Operator, Policy};
use callgate_raise::{Call, Clause, Raised, RaisedArch, Test, Vocabulary};
use callgate_rules::{Source, Target};
use callgate_syscalls::{Arch, Name};

use crate::printer::Printer;

/// The machine that a policy is for: its first architecture of 64 bits, or its first.
pub(crate) fn native(policy: &Policy) -> Arch {
    main(policy.arches().map(|(arch, _)| arch)).unwrap_or(Arch::X86_64)
}

/// The first architecture of 64 bits, or the first.
pub(crate) fn main(arches: impl Iterator<Item = Arch>) -> Option<Arch> {
    let arches: Vec<Arch> = arches.collect();
    let wide = arches.iter().find(|arch| arch.word_bits() == 64 && **arch != Arch::X32);
    wide.or(arches.first()).copied()
}

/// What a text means to its tool on the machine that it was written for.
pub(crate) fn read_back(dialect: Dialect, text: &str, meant: &Policy) -> Result<Policy, String> {
    let source = Source::new(dialect.name(), text).map_err(|error| error.to_string())?;
    let written = read(dialect, Options::default(), source, &mut nothing);
    let written = written.map_err(|refused| refused.to_string())?;
    let part = written.part(None).map_err(|names| format!("it has {} policies", names.len()))?;
    let lowered = written.lower(part, &Target::new(native(meant)));
    lowered.map(|lowered| lowered.policy).map_err(|refused| refused.to_string())
}

/// Whether libseccomp's comparisons can say a test: of all of an argument, or of bits for equality.
pub(crate) fn compares_as_libseccomp(arch: Arch, test: &Test) -> bool {
    let full = Test::full_mask(arch);
    let is_bits = test.mask & !full == 0 && test.operator == Operator::Eq;
    test.argument().is_some() && (test.mask == full || is_bits)
}

/// The default action, for forms that have one for all architectures; none without architectures.
pub(crate) fn common_default(arches: &[RaisedArch]) -> Result<Option<Action>, String> {
    let mut defaults = arches.iter().map(|own| own.default);
    let first = defaults.next();
    match defaults.all(|other| Some(other) == first) {
        true => Ok(first),
        false => Err("the architectures have different default actions".to_owned()),
    }
}

/// The rules of the only architecture, with rules for what is not known. Architectures without
/// rules are left to the tool, and what it makes of them is proved with the rest.
pub(crate) fn only(raised: &Raised, title: &str) -> Result<RaisedArch, String> {
    let open: Vec<&RaisedArch> = raised.arches.iter().filter(|own| !own.is_shut()).collect();
    match (open.as_slice(), raised.main()) {
        ([only], _) => Ok(spelled_out(only)),
        ([], Some(main)) => Ok(spelled_out(main)),
        _ => {
            let names: Vec<&str> = raised.arches.iter().map(|own| own.arch.name()).collect();
            let names = names.join(", ");
            Err(format!(
                "{title} is for one architecture, and the filter is for {names}: choose one with --arch"
            ))
        }
    }
}

/// The rules of an architecture with rules for what is not known, and without refusals of numbers
/// that no syscall has: those are compared when the text was read back.
pub(crate) fn spelled_out(own: &RaisedArch) -> RaisedArch {
    let is_refusal = |action: Action| !action.kind().may_execute();
    let mut own = own.clone().spelled_out();
    let default = own.default;
    own.calls.retain(|call| {
        let mut answers = call.parts.iter().map(|part| part.action).chain([default]);
        call.name.is_some() || !answers.all(is_refusal)
    });
    own
}

/// The name of a call that has rules.
pub(crate) fn name(own: &RaisedArch, call: &Call) -> Result<Name, String> {
    let nameless = || format!("syscall number {} has no name on {}", call.nr, own.arch);
    call.name.ok_or_else(nameless)
}

/// The alternatives of a part in the words of a form.
pub(crate) fn express(
    printer: &dyn Printer,
    (own, call): (&RaisedArch, &Call),
    action: Action,
    clauses: &[Clause],
) -> Result<Vec<Clause>, String> {
    let says = |test: &Test| printer.says(own.arch, call.name, test);
    let vocabulary = Vocabulary { says: &says, repeats: printer.repeats() };
    vocabulary
        .express(clauses)
        .map_err(|clause| lost((own.arch, call.name), &call.title(), action, &clause))
}

/// What is lost of a call's rules.
pub(crate) fn lost(
    (arch, name): (Arch, Option<Name>),
    title: &str,
    action: Action,
    clause: &Clause,
) -> String {
    let named = callgate_gate::condition_text(&clause.condition(), arch, name);
    let clause = named.unwrap_or_else(|_| clause.to_string());
    format!("the rules of {title} on {arch}: there are no words for {action} where {clause}")
}

/// An action for which the form has no word.
pub(crate) fn no_word(action: Action) -> String {
    format!("there is no word for the action {action}")
}

/// What a profile of container runtimes cannot say.
pub(crate) fn inexpressible(error: callgate_formats::Error) -> String {
    match error {
        callgate_formats::Error::NotExpressible(what) => what.to_string(),
        other => other.to_string(),
    }
}
