//! C that calls libseccomp.

mod read;

use callgate_policy::{Action, ActionKind, Operator, Policy};
use callgate_raise::{Agreement, Clause, Raised, RaisedArch, Test, compare};
use callgate_syscalls::{Arch, Name};

use crate::lines;
use crate::printer::Printer;

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
            return exact;
        }
        Ok(adapted)
    }

    fn read(&self, text: &str, meant: &Policy) -> Result<Policy, String> {
        read::policy(text, lines::native(meant))
    }
}

impl Libseccomp {
    fn source(&self, raised: &Raised, function: &str) -> Result<String, String> {
        let raised = raised.clone().without_silent();
        let default = lines::common_default(&raised.arches)?;
        let default = default.ok_or("the filter is for no architecture")?;
        let default = word(default).ok_or_else(|| lines::no_word(default))?;
        let foreign = word(raised.foreign).ok_or_else(|| lines::no_word(raised.foreign))?;
        let mut text = HEAD.replace("DEFAULT", &default).replace("FOREIGN", &foreign);
        for own in &raised.arches {
            text += &self.rules(&lines::spelled_out(own), function)?;
        }
        text += TAIL;
        for own in &raised.arches {
            let (name, token) = (own.arch.name(), token(own.arch));
            text += &format!("\tif (add(&filter, {token}, rules_{name}) < 0)\n\t\treturn NULL;\n");
        }
        Ok(text + "\treturn filter;\n}\n")
    }

    fn rules(&self, own: &RaisedArch, function: &str) -> Result<String, String> {
        let mut calls = Vec::new();
        for call in &own.calls {
            for part in &call.parts {
                let name = lines::name(own, call)?;
                let action = word(part.action).ok_or_else(|| lines::no_word(part.action))?;
                for clause in lines::express(self, (own, call), part.action, &part.clauses)? {
                    let (count, tests) = (clause.tests().len(), tests(&clause, own.arch));
                    calls.push(format!(
                        "(rc = {function}(filter, {action}, NR(\"{name}\"), {count}{tests})) < 0"
                    ));
                }
            }
        }
        let body = match calls.is_empty() {
            true => "\t(void)filter;\n\treturn 0;\n".to_owned(),
            false => {
                let calls = calls.join(" ||\n\t    ");
                format!("\tint rc;\n\n\tif ({calls})\n\t\treturn rc;\n\treturn 0;\n")
            }
        };
        Ok(format!(
            "static int rules_{}(scmp_filter_ctx filter)\n{{\n{body}}}\n\n",
            own.arch.name()
        ))
    }
}

const HEAD: &str = "\
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

fn tests(clause: &Clause, arch: Arch) -> String {
    let one = |test: &Test| {
        let index = test.argument().unwrap_or_default();
        let (value, mask) = (test.value, test.mask);
        if mask != Test::full_mask(arch) {
            return format!(", SCMP_A{index}(SCMP_CMP_MASKED_EQ, {mask:#x}, {value:#x})");
        }
        let operator = match test.operator {
            Operator::Eq => "EQ",
            Operator::Ne => "NE",
            Operator::Lt => "LT",
            Operator::Le => "LE",
            Operator::Gt => "GT",
            Operator::Ge => "GE",
        };
        format!(", SCMP_A{index}(SCMP_CMP_{operator}, {value:#x})")
    };
    clause.tests().iter().map(one).collect()
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
