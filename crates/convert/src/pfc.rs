//! The pseudo code that libseccomp prints.

use callgate_dialects::Dialect;
use callgate_policy::{Action, ActionKind, Operator, Policy};
use callgate_raise::{Call, Clause, Part, Raised, RaisedArch, Test};
use callgate_syscalls::{Arch, Name};

use crate::lines;
use crate::printer::Printer;

/// Nested tests of halves of arguments, which say everything but where a call comes from.
pub(crate) struct Pfc;

/// A test of a half of an argument, and whether it must hold or must not.
type Half = (String, bool);

impl Printer for Pfc {
    fn says(&self, arch: Arch, _name: Option<Name>, test: &Test) -> bool {
        test.argument().is_some() && halves(test, arch).is_some()
    }

    fn repeats(&self) -> bool {
        true
    }

    fn has_action(&self, _action: Action) -> bool {
        true
    }

    fn print(&self, raised: &Raised, _meant: &Policy) -> Result<String, String> {
        let raised = raised.clone().without_silent();
        lines::common_default(&raised.arches)?;
        let mut text = "#\n# pseudo filter code start\n#\n".to_owned();
        for own in &raised.arches {
            let own = own.clone().spelled_out();
            let (arch, token) = (own.arch, own.arch.token().raw());
            text += &format!("# filter for arch {arch} ({token})\nif ($arch == {token})\n");
            for call in &own.calls {
                text += &self.call(&own, call)?;
            }
            text += &format!("  # default action\n  action {};\n", word(own.default));
        }
        let foreign = word(raised.foreign);
        text += &format!("# invalid architecture action\naction {foreign};\n");
        Ok(text + "#\n# pseudo filter code end\n#\n")
    }

    fn read(&self, text: &str, meant: &Policy) -> Result<Policy, String> {
        lines::read_back(Dialect::Pfc, text, meant)
    }
}

impl Pfc {
    fn call(&self, own: &RaisedArch, call: &Call) -> Result<String, String> {
        let (name, nr) = (call.name.map_or("UNKNOWN", Name::as_str), call.nr);
        let mut text =
            format!("  # filter for syscall \"{name}\" ({nr})\n  if ($syscall == {nr})\n");
        let parts = call.ordered();
        if parts.is_empty() {
            text += &format!("    action {};\n", word(own.default));
        }
        for Part { action, clauses, .. } in &parts {
            for clause in lines::express(self, (own, call), *action, clauses)? {
                for tests in alternatives(&clause, own.arch)? {
                    text += &nested(&tests, *action);
                }
            }
        }
        Ok(text)
    }
}

/// Tests inside each other with an action that ends them.
fn nested(tests: &[Half], action: Action) -> String {
    let mut text = String::new();
    let mut indent = "    ".to_owned();
    for (test, holds) in tests {
        text += &format!("{indent}if ({test})\n");
        text += &if *holds { String::new() } else { format!("{indent}else\n") };
        indent += "  ";
    }
    text + &format!("{indent}action {};\n", word(action))
}

/// A clause as lists of tests of halves, any list of which is enough.
fn alternatives(clause: &Clause, arch: Arch) -> Result<Vec<Vec<Half>>, String> {
    let mut all = vec![Vec::new()];
    for test in clause.tests() {
        let ways = halves(test, arch).ok_or_else(|| format!("there are no words for {test}"))?;
        all = all
            .iter()
            .flat_map(|tests: &Vec<Half>| {
                ways.iter().map(move |way| [tests.as_slice(), way].concat())
            })
            .collect();
    }
    Ok(all)
}

/// A test as lists of tests of halves. Of masks only equality has words.
fn halves(test: &Test, arch: Arch) -> Option<Vec<Vec<Half>>> {
    let index = test.argument()?;
    let low = |value: u64| value & u64::from(u32::MAX);
    let of = |half: &str, mask: u64, operator: &str, value: u64| match mask == u64::from(u32::MAX) {
        true => format!("$a{index}{half} {operator} {value}"),
        false => format!("$a{index}{half} & {mask:#010x} {operator} {value}"),
    };
    let (mask, value) = (test.mask, test.value);
    let is_wide = arch.word_bits() == 64;
    let low_half = if is_wide { ".lo32" } else { "" };
    // The high half of a 32-bit register is none.
    let has_high = mask >> 32 != 0 && is_wide;
    let (has_low, is_whole) = (low(mask) != 0, [low(mask), mask >> 32].map(|m| m == low(u64::MAX)));
    let high = |operator: &str| of(".hi32", mask >> 32, operator, value >> 32);
    let lower = |operator: &str| of(low_half, low(mask), operator, low(value));
    let (strict, wide) = (">", ">=");
    let order = |operator: &str, holds: bool| match (has_high, has_low) {
        (false, _) => vec![vec![(lower(operator), holds)]],
        (true, false) => vec![vec![(high(operator), holds)]],
        (true, true) => vec![
            vec![(high(if holds { strict } else { wide }), holds)],
            vec![(high("=="), true), (lower(operator), holds)],
        ],
    };
    let is_sayable = (!has_high || is_whole[1]) && (!has_low || is_whole[0]);
    // Of a high half less than 0x5_0000_0001 is what is not more than 0x5.
    let has_rest = has_high && !has_low && low(value) != 0;
    let operator = match (has_rest, test.operator) {
        (true, Operator::Lt) => Operator::Le,
        (true, Operator::Ge) => Operator::Gt,
        (true, Operator::Eq | Operator::Ne) => return None,
        (_, operator) => operator,
    };
    if !has_high && value >> 32 != 0 {
        return None;
    }
    Some(match operator {
        Operator::Eq => {
            let tests = [has_high.then(|| high("==")), has_low.then(|| lower("=="))];
            vec![tests.into_iter().flatten().map(|test| (test, true)).collect()]
        }
        Operator::Ne => {
            let tests = [has_high.then(|| high("==")), has_low.then(|| lower("=="))];
            tests.into_iter().flatten().map(|test| vec![(test, false)]).collect()
        }
        _ if !is_sayable => return None,
        Operator::Gt => order(strict, true),
        Operator::Ge => order(wide, true),
        Operator::Lt => order(wide, false),
        Operator::Le => order(strict, false),
    })
}

fn word(action: Action) -> String {
    let data = action.data();
    match action.kind() {
        ActionKind::Errno => format!("ERRNO({data})"),
        ActionKind::Trace => format!("TRACE({data})"),
        ActionKind::Trap if data != 0 => format!("TRAP({data})"),
        ActionKind::Trap => "TRAP".to_owned(),
        ActionKind::KillProcess if data == 0 => "KILL_PROCESS".to_owned(),
        ActionKind::KillThread if data == 0 => "KILL".to_owned(),
        ActionKind::Log if data == 0 => "LOG".to_owned(),
        ActionKind::Allow if data == 0 => "ALLOW".to_owned(),
        _ => format!("{:#x}", action.raw()),
    }
}
