//! C that calls libseccomp.

pub(crate) mod read;

use callgate_policy::{Action, ActionKind, Operator, Policy};
use callgate_raise::{Agreement, Raised, RaisedArch, Test, compare};
use callgate_scmp::{ArgCmp, Token};
use callgate_syscalls::{Arch, Name, SyscallNr};

use crate::lines;
use crate::printer::Printer;

/// A filter as libseccomp's functions are asked for it: a context for each architecture, of which
/// the others are merged into the first.
///
/// What the library makes of it is its own matter: whoever asks proves the program that it exports.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LibseccompFilter {
    /// The action where no rule holds.
    pub default: Action,
    /// The action for calls of other architectures, an attribute of each context.
    pub foreign: Action,
    /// The architectures.
    pub arches: Vec<LibseccompArch>,
}

/// The rules of a context.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LibseccompArch {
    /// Its architecture.
    pub arch: Arch,
    /// The same as libseccomp's number (`SCMP_ARCH_*`), which for x32 is not the kernel's.
    pub token: u32,
    /// What is added to it, in this order.
    pub rules: Vec<LibseccompRule>,
}

/// A rule as `seccomp_rule_add_array` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LibseccompRule {
    /// The action.
    pub action: Action,
    /// The syscall, whose number the library is asked for.
    pub name: Name,
    /// Its number on the architecture.
    pub number: SyscallNr,
    /// The comparisons, all of which have to hold.
    pub tests: Vec<ArgCmp>,
}

/// A function for each architecture with its rules, and one that puts them together.
pub(crate) struct Libseccomp;

/// The functions of libseccomp that take a rule.
const FUNCTIONS: [&str; 2] = ["seccomp_rule_add", "seccomp_rule_add_exact"];

impl Printer for Libseccomp {
    fn says(&self, arch: Arch, _name: Option<Name>, test: &Test) -> bool {
        lines::compares_as_libseccomp(arch, test)
    }

    fn repeats(&self) -> bool {
        false
    }

    fn has_action(&self, action: Action) -> bool {
        word(action).is_some()
    }

    /// Multiplexed calls are written to libseccomp in one of two ways, of which the one that means
    /// the rules is taken.
    fn print(&self, raised: &Raised, meant: &Policy) -> Result<String, String> {
        let [adapted, exact] = FUNCTIONS.map(|function| self.source(raised, function));
        let adapted = adapted?;
        let is_right = || {
            let read = self.read(&adapted, meant).ok()?;
            Some(!matches!(compare(meant, &read).ok()?, Agreement::Differ(_)))
        };
        if raised.arches.iter().any(|own| own.arch != Arch::X86_64) && is_right() != Some(true) {
            let exact = exact?;
            // What libseccomp refuses cannot be said in its calls.
            self.read(&exact, meant)?;
            return Ok(exact);
        }
        Ok(adapted)
    }

    fn read(&self, text: &str, meant: &Policy) -> Result<Policy, String> {
        read::policy(text, Some(lines::native(meant)))
    }
}

impl Libseccomp {
    fn source(&self, raised: &Raised, function: &str) -> Result<String, String> {
        Ok(source(&self.filter(raised)?, function))
    }

    /// What libseccomp is asked for. Whatever has no word there is named.
    pub(crate) fn filter(&self, raised: &Raised) -> Result<LibseccompFilter, String> {
        let raised = raised.clone().without_silent();
        let default = lines::common_default(&raised.arches)?;
        let default = default.ok_or("the filter is for no architecture")?;
        for action in [default, raised.foreign] {
            word(action).ok_or_else(|| lines::no_word(action))?;
        }
        let arches = raised.arches.iter().map(|own| self.arch(&lines::spelled_out(own)));
        Ok(LibseccompFilter {
            default,
            foreign: raised.foreign,
            arches: arches.collect::<Result<_, String>>()?,
        })
    }

    fn arch(&self, own: &RaisedArch) -> Result<LibseccompArch, String> {
        let mut rules = Vec::new();
        for call in &own.calls {
            for part in &call.parts {
                let (name, number, action) = (lines::name(own, call)?, call.nr, part.action);
                word(action).ok_or_else(|| lines::no_word(action))?;
                for clause in lines::express(self, (own, call), action, &part.clauses)? {
                    let tests = clause.tests().iter().map(|test| compared(test, own.arch));
                    rules.push(LibseccompRule { action, name, number, tests: tests.collect() });
                }
            }
        }
        Ok(LibseccompArch { arch: own.arch, token: Token::of(own.arch).raw(), rules })
    }
}

/// The text of a filter, whose words are there.
fn source(filter: &LibseccompFilter, function: &str) -> String {
    let named = |action| word(action).unwrap_or_default();
    let (default, foreign) = (named(filter.default), named(filter.foreign));
    let mut text = HEAD.replace("DEFAULT", &default).replace("FOREIGN", &foreign);
    for own in &filter.arches {
        text += &rules(own, function);
    }
    text += TAIL;
    for own in &filter.arches {
        let (name, token) = (own.arch.name(), token(own.arch));
        text += &format!("\tif (add(&filter, {token}, rules_{name}) < 0)\n\t\treturn NULL;\n");
    }
    text + "\treturn filter;\n}\n"
}

/// The function that adds the rules of an architecture.
fn rules(own: &LibseccompArch, function: &str) -> String {
    let call = |rule: &LibseccompRule| {
        let (action, name) = (word(rule.action).unwrap_or_default(), rule.name);
        let (count, tests) = (rule.tests.len(), tests(&rule.tests));
        format!("(rc = {function}(filter, {action}, NR(\"{name}\"), {count}{tests})) < 0")
    };
    let calls: Vec<String> = own.rules.iter().map(call).collect();
    let body = match calls.is_empty() {
        true => "\t(void)filter;\n\treturn 0;\n".to_owned(),
        false => {
            let calls = calls.join(" ||\n\t    ");
            format!("\tint rc;\n\n\tif ({calls})\n\t\treturn rc;\n\treturn 0;\n")
        }
    };
    format!("static int rules_{}(scmp_filter_ctx filter)\n{{\n{body}}}\n\n", own.arch.name())
}

pub(crate) const HEAD: &str = "\
/* Written by callgate, read back and proved equal to the filter that it was made from. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <seccomp.h>

/* By name when it runs: a library that does not know the syscall refuses the rule, and the filter
   is not made. SCMP_SYS needs headers that know it. */
#define NR(name) seccomp_syscall_resolve_name(name)

/* A filter without rules for an architecture. */
static scmp_filter_ctx empty(uint32_t arch)
{
	scmp_filter_ctx filter = seccomp_init(DEFAULT);
	int rc = 0;

	if (filter == NULL)
		return NULL;
	if (arch != seccomp_arch_native()) {
		rc = seccomp_arch_remove(filter, SCMP_ARCH_NATIVE);
		if (rc == 0)
			rc = seccomp_arch_add(filter, arch);
	}
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, FOREIGN);
	if (rc == 0)
		return filter;
	seccomp_release(filter);
	errno = -rc;
	return NULL;
}

";

const TAIL: &str = "\
/* Adds the rules of an architecture. */
static int add(scmp_filter_ctx *filter, uint32_t arch, int (*rules)(scmp_filter_ctx))
{
	scmp_filter_ctx other = empty(arch);
	int rc = other == NULL ? -errno : rules(other);

	if (rc == 0 && *filter != NULL)
		rc = seccomp_merge(*filter, other);
	else if (rc == 0)
		*filter = other;
	if (rc == 0)
		return 0;
	if (other != NULL)
		seccomp_release(other);
	if (*filter != NULL)
		seccomp_release(*filter);
	errno = -rc;
	return rc;
}

/* The filter, which is not loaded yet; NULL with errno set if it cannot be made. */
scmp_filter_ctx callgate_filter(void)
{
	scmp_filter_ctx filter = NULL;

";

/// The names of libseccomp's comparisons, in the order of their values, which begin with 1.
const OPERATORS: [&str; 7] = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];
const MASKED_EQ: u32 = 7;

fn compared(test: &Test, arch: Arch) -> ArgCmp {
    let arg = test.argument().and_then(|index| u32::try_from(index).ok()).unwrap_or_default();
    if test.mask != Test::full_mask(arch) {
        return ArgCmp { arg, op: MASKED_EQ, datum_a: test.mask, datum_b: test.value };
    }
    let op = match test.operator {
        Operator::Ne => 1,
        Operator::Lt => 2,
        Operator::Le => 3,
        Operator::Eq => 4,
        Operator::Ge => 5,
        Operator::Gt => 6,
    };
    ArgCmp { arg, op, datum_a: test.value, datum_b: 0 }
}

fn tests(tests: &[ArgCmp]) -> String {
    let one = |test: &ArgCmp| {
        let place = usize::try_from(test.op).ok().and_then(|op| op.checked_sub(1));
        let operator = place.and_then(|place| OPERATORS.get(place)).copied().unwrap_or_default();
        let (index, first, second) = (test.arg, test.datum_a, test.datum_b);
        match test.op {
            MASKED_EQ => format!(", SCMP_A{index}(SCMP_CMP_{operator}, {first:#x}, {second:#x})"),
            _ => format!(", SCMP_A{index}(SCMP_CMP_{operator}, {first:#x})"),
        }
    };
    tests.iter().map(one).collect()
}

fn word(action: Action) -> Option<String> {
    let data = action.data();
    let word = match action.kind() {
        ActionKind::Errno => return Some(format!("SCMP_ACT_ERRNO({data})")),
        ActionKind::Trace => return Some(format!("SCMP_ACT_TRACE({data})")),
        _ if data != 0 => return None,
        ActionKind::Allow => "SCMP_ACT_ALLOW",
        ActionKind::Log => "SCMP_ACT_LOG",
        ActionKind::UserNotify => "SCMP_ACT_NOTIFY",
        ActionKind::Trap => "SCMP_ACT_TRAP",
        ActionKind::KillThread => "SCMP_ACT_KILL_THREAD",
        ActionKind::KillProcess => "SCMP_ACT_KILL_PROCESS",
        ActionKind::Unknown => return None,
    };
    Some(word.to_owned())
}

fn token(arch: Arch) -> String {
    format!("SCMP_ARCH_{}", arch.name().to_uppercase())
}
