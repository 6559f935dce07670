//! Rust that builds the filter with the crate `callgate`.

pub(crate) mod read;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use callgate_policy::{Action, ActionKind, Known, Operator, Policy, Unknown};
use callgate_raise::{Call, Clause, Raised, RaisedArch, Test};
use callgate_syscalls::{Arch, KernelVersion, Name};

use crate::lines;
use crate::printer::Printer;

/// A function that builds the filter.
pub(crate) struct Rust;

/// What the rules of a syscall say: actions with a condition each; none holds always.
type Words = Vec<(Action, String)>;

impl Printer for Rust {
    fn says(&self, arch: Arch, _name: Option<Name>, test: &Test) -> bool {
        let is_masked = test.value & !test.mask == 0;
        test.argument().is_some() && test.mask & !Test::full_mask(arch) == 0 && is_masked
    }

    fn repeats(&self) -> bool {
        true
    }

    fn has_action(&self, _action: Action) -> bool {
        true
    }

    fn print(&self, raised: &Raised, _meant: &Policy) -> Result<String, String> {
        let raised = raised.clone().without_silent();
        let arches: Vec<RaisedArch> =
            raised.arches.into_iter().map(RaisedArch::by_kernel).collect();
        let unknown = unknown(&arches);
        let arches: Vec<RaisedArch> = match unknown {
            Some(_) => arches,
            None => arches.iter().map(lines::spelled_out).collect(),
        };
        let default = lines::common_default(&arches)?.ok_or("the filter is for no architecture")?;
        let mut text = HEAD.to_owned();
        text += &format!("    Filter::builder({})\n", word(default));
        let names: Vec<String> = arches.iter().map(|own| format!("Arch::{:?}", own.arch)).collect();
        text += &format!("        .arches([{}])\n", names.join(", "));
        text += &format!("        .foreign({})\n", word(raised.foreign));
        if let Some((kernel, action)) = unknown {
            let (major, minor) = (kernel.major, kernel.minor);
            let action = word(action);
            text += &format!("        .unknown(KernelVersion::new({major}, {minor}), {action})\n");
        }
        text += &self.rules(&arches)?;
        Ok(text + "        .build()\n}\n")
    }

    fn read(&self, text: &str, _meant: &Policy) -> Result<Policy, String> {
        read::policy(text)
    }
}

pub(crate) const HEAD: &str = "\
//! A filter, written by callgate, read back and proved equal to what it was made from.

#[allow(unused_imports, reason = \"which are used depends on the filter\")]
use callgate::{Action, Arch, Errno, Error, Filter, KernelVersion, arg, names};

/// The filter.
///
/// # Errors
/// None that depends on anything but callgate.
pub fn filter() -> Result<Filter, Error> {
";

/// The kernel by which all architectures tell known syscalls, if it is one.
fn unknown(arches: &[RaisedArch]) -> Option<(KernelVersion, Action)> {
    let of = |own: &RaisedArch| match own.unknown {
        Some(Unknown { known: Known::Kernel(kernel), action }) => Some((kernel, action)),
        _ => None,
    };
    let first = of(arches.first()?)?;
    arches.iter().all(|own| of(own) == Some(first)).then_some(first)
}

impl Rust {
    /// Rules by name, those of 64-bit architectures before others; that they are those of every
    /// architecture is proved.
    fn rules(&self, arches: &[RaisedArch]) -> Result<String, String> {
        let mut by_name: BTreeMap<Name, Words> = BTreeMap::new();
        let mut sorted: Vec<&RaisedArch> = arches.iter().collect();
        sorted.sort_by_key(|own| own.arch.word_bits() != 64);
        for own in sorted {
            for call in &own.calls {
                let name = lines::name(own, call)?;
                if let Entry::Vacant(entry) = by_name.entry(name) {
                    entry.insert(self.words(own, call)?);
                }
            }
        }
        let mut always: BTreeMap<u32, (Action, Vec<Name>)> = BTreeMap::new();
        let mut text = String::new();
        for (name, words) in by_name {
            for (action, condition) in words {
                if condition.is_empty() {
                    let (_, names) = always.entry(action.raw()).or_insert((action, Vec::new()));
                    names.push(name);
                } else {
                    let (name, action) = (constant(name), word(action));
                    text += &format!("        .rule({name}, {condition}, {action})\n");
                }
            }
        }
        // Behind the rules with conditions, for the first that holds decides.
        for (action, names) in always.into_values() {
            text += &answer(action, &names);
        }
        Ok(text)
    }

    fn words(&self, own: &RaisedArch, call: &Call) -> Result<Words, String> {
        if call.parts.is_empty() {
            return Ok(vec![(own.default, String::new())]);
        }
        let mut words = Vec::new();
        for part in call.ordered() {
            for clause in lines::express(self, (own, call), part.action, &part.clauses)? {
                words.push((part.action, condition(&clause, own.arch, call.name)));
            }
        }
        Ok(words)
    }
}

/// The same answer to several syscalls.
fn answer(action: Action, names: &[Name]) -> String {
    let mut text = match action {
        Action::ALLOW => "        .allow([\n".to_owned(),
        other => format!("        .answer({}, [\n", word(other)),
    };
    for name in names {
        text += &format!("            {},\n", constant(*name));
    }
    text + "        ])\n"
}

/// The constant of a name.
fn constant(name: Name) -> String {
    format!("names::{}", name.as_str().to_uppercase())
}

/// The tests of a clause; nothing where it always holds.
fn condition(clause: &Clause, arch: Arch, name: Option<Name>) -> String {
    let one = |test: &Test| {
        let index = test.argument().unwrap_or_default();
        if let Some(sign) = sign(test, arch, name) {
            return format!("arg({index}usize).{sign}(0_i32)");
        }
        let (mask, value) = (test.mask, test.value);
        let bits = match mask {
            _ if mask == Test::full_mask(arch) => ".all_bits().unsigned()".to_owned(),
            _ if mask == u64::from(u32::MAX) => ".low32().unsigned()".to_owned(),
            _ => format!(".all_bits().unsigned().masked({mask:#x}_u64)"),
        };
        let operator = match test.operator {
            Operator::Eq => "eq",
            Operator::Ne => "ne",
            Operator::Lt => "lt",
            Operator::Le => "le",
            Operator::Gt => "gt",
            Operator::Ge => "ge",
        };
        format!("arg({index}usize){bits}.{operator}({value:#x}_u64)")
    };
    clause.tests().iter().map(one).collect::<Vec<_>>().join(" & ")
}

/// Whether a test is of the sign of what the kernel reads: other architectures may read another
/// width.
fn sign(test: &Test, arch: Arch, name: Option<Name>) -> Option<&'static str> {
    let text = callgate_gate::condition_text(&test.comparison().into(), arch, name).ok()?;
    match text.split_once(' ')? {
        (operand, _) if operand.ends_with(')') => None,
        (_, "< 0") => Some("lt"),
        (_, ">= 0") => Some("ge"),
        _ => None,
    }
}

/// An action as an expression.
fn word(action: Action) -> String {
    let data = action.data();
    match action.kind() {
        ActionKind::Errno if data <= 4095 => format!("Errno::new({data}).action()"),
        ActionKind::Trap => format!("Action::trap({data})"),
        ActionKind::Trace => format!("Action::trace({data})"),
        _ => match action {
            Action::ALLOW => "Action::ALLOW".to_owned(),
            Action::LOG => "Action::LOG".to_owned(),
            Action::USER_NOTIFY => "Action::USER_NOTIFY".to_owned(),
            Action::KILL_THREAD => "Action::KILL_THREAD".to_owned(),
            Action::KILL_PROCESS => "Action::KILL_PROCESS".to_owned(),
            other => format!("Action::from_raw({:#x})", other.raw()),
        },
    }
}
