//! The kernel's `#if` conditions, decided for one table on a common configuration.

use super::facts::Table;

/// Whether a condition holds where the kernel is built for this table.
///
/// What it can't read it takes for true: a definition too many is reported, one too few would go
/// unnoticed.
pub(super) fn holds(condition: &str, table: &Table) -> bool {
    let mut parser = Parser { tokens: tokens(condition), next: 0, table };
    parser.or().is_none_or(|value| value != 0)
}

fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.next() {
        let mut token = String::from(first);
        let word = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        if word(&first) {
            while let Some(c) = chars.next_if(word) {
                token.push(c);
            }
        } else if "&|=!<>".contains(first) {
            while let Some(c) = chars.next_if(|c| "&|=".contains(*c)) {
                token.push(c);
            }
        }
        if !first.is_whitespace() {
            tokens.push(token);
        }
    }
    tokens
}

struct Parser<'a> {
    tokens: Vec<String>,
    next: usize,
    table: &'a Table,
}

impl Parser<'_> {
    fn peek(&self) -> &str {
        self.tokens.get(self.next).map_or("", String::as_str)
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.peek() == token;
        self.next += usize::from(found);
        found
    }

    fn or(&mut self) -> Option<i64> {
        let mut value = self.and()?;
        while self.take("||") {
            let right = self.and()?;
            value = i64::from(value != 0 || right != 0);
        }
        Some(value)
    }

    fn and(&mut self) -> Option<i64> {
        let mut value = self.comparison()?;
        while self.take("&&") {
            let right = self.comparison()?;
            value = i64::from(value != 0 && right != 0);
        }
        Some(value)
    }

    fn comparison(&mut self) -> Option<i64> {
        let left = self.unary()?;
        let operator = self.peek().to_owned();
        let compare: fn(i64, i64) -> bool = match operator.as_str() {
            "==" => |a, b| a == b,
            "!=" => |a, b| a != b,
            "<" => |a, b| a < b,
            ">" => |a, b| a > b,
            "<=" => |a, b| a <= b,
            ">=" => |a, b| a >= b,
            _ => return Some(left),
        };
        self.next += 1;
        Some(i64::from(compare(left, self.unary()?)))
    }

    fn unary(&mut self) -> Option<i64> {
        if self.take("!") {
            return Some(i64::from(self.unary()? == 0));
        }
        if self.take("(") {
            let value = self.or()?;
            return self.take(")").then_some(value);
        }
        let token = self.peek().to_owned();
        self.next += 1;
        match token.as_str() {
            "defined" | "IS_ENABLED" | "IS_REACHABLE" => {
                let open = self.take("(");
                let name = self.peek().to_owned();
                self.next += 1;
                (!open || self.take(")")).then(|| i64::from(defined(&name, self.table)))
            }
            "BITS_PER_LONG" | "__BITS_PER_LONG" => Some(if wide(self.table) { 64 } else { 32 }),
            number => number.parse().ok(),
        }
    }
}

/// Whether the kernel behind this table is a 64-bit one; 32-bit tables with a compat column are
/// served by those.
fn wide(table: &Table) -> bool {
    table.register_bits == 64 || table.compat
}

/// Whether a macro is defined: options are taken as set but for those that choose between variants.
fn defined(name: &str, table: &Table) -> bool {
    let folder = table.folder;
    match name {
        "CONFIG_CLONE_BACKWARDS" => {
            matches!(folder, "arm" | "arm64" | "mips" | "parisc" | "powerpc" | "riscv")
                || table.name == "x86"
        }
        "CONFIG_CLONE_BACKWARDS2" => folder == "s390",
        "CONFIG_CLONE_BACKWARDS3" | "CONFIG_ODD_RT_SIGACTION" => false,
        "CONFIG_OLD_SIGSUSPEND" => matches!(folder, "powerpc" | "sh"),
        "CONFIG_OLD_SIGSUSPEND3" => matches!(folder, "arm" | "m68k" | "s390" | "x86"),
        "CONFIG_64BIT" | "CONFIG_X86_64" | "CONFIG_PPC64" | "CONFIG_COMPAT" => wide(table),
        "CONFIG_32BIT" | "CONFIG_X86_32" | "CONFIG_PPC32" => !wide(table),
        "CONFIG_ARCH_SPLIT_ARG64" | "CONFIG_CPU_BIG_ENDIAN" => false,
        _ => name.starts_with("CONFIG_") || name.starts_with("__ARCH_WANT_"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::TABLES;

    #[test]
    fn conditions_follow_the_table() {
        let table = |name: &str| TABLES.iter().find(|t| t.name == name).unwrap_or(&TABLES[0]);
        for (condition, name, expected) in [
            ("defined(CONFIG_CLONE_BACKWARDS)", "x86_64", false),
            ("defined(CONFIG_CLONE_BACKWARDS)", "aarch64", true),
            ("defined CONFIG_CLONE_BACKWARDS2", "s390x", true),
            ("BITS_PER_LONG == 32 || defined(CONFIG_COMPAT)", "sh", true),
            ("BITS_PER_LONG == 32 && !defined(CONFIG_64BIT)", "ppc64", false),
            ("!(defined(MODULE))", "x86", true),
            ("SOME_MACRO(3)", "x86", true),
        ] {
            assert_eq!(holds(condition, table(name)), expected, "{condition} for {name}");
        }
    }
}
