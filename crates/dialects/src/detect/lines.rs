//! Forms that are told by their lines.

use crate::Dialect;

/// How much of a text is looked at: a form shows itself in its first lines.
const LOOKED_AT: usize = 64 << 10;

/// The forms that a text which is not JSON may have, the likeliest first.
pub(super) fn detect(text: &str) -> Vec<Dialect> {
    let end = (0..=text.len().min(LOOKED_AT)).rev().find(|end| text.is_char_boundary(*end));
    let text = &text[..end.unwrap_or(0)];
    let all: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let lines: Vec<&str> =
        all.iter().copied().filter(|line| !line.starts_with(['#', ';'])).collect();
    // What only one form has.
    let certain = [
        (Dialect::Pfc, is_pfc(&all)),
        (Dialect::Gate, first_word(&lines) == Some("policy")),
        (Dialect::Lxc, is_lxc(&lines)),
        (Dialect::Systemd, is_systemd(&lines)),
        (Dialect::Spo, is_spo(&lines)),
        (Dialect::Nsjail, is_nsjail(&lines)),
        (Dialect::Kafel, is_kafel(text)),
    ];
    if let Some((dialect, _)) = certain.into_iter().find(|(_, is)| *is) {
        return vec![dialect];
    }
    let likely = [
        (Dialect::Minijail, is_minijail(&lines)),
        (Dialect::Firejail, is_firejail(&lines)),
        (Dialect::Snapd, is_snapd(&lines) && !lines.iter().any(|line| is_firejails_own(line))),
    ];
    likely.into_iter().filter(|(_, is)| *is).map(|(dialect, _)| dialect).collect()
}

fn first_word<'t>(lines: &[&'t str]) -> Option<&'t str> {
    lines.first()?.split_whitespace().next()
}

fn is_pfc(all: &[&str]) -> bool {
    all.iter().take(5).any(|line| *line == "# pseudo filter code start")
        || all
            .iter()
            .any(|line| line.starts_with("if ($arch == ") || line.starts_with("if ($syscall == "))
}

/// A version, and a list behind it.
fn is_lxc(lines: &[&str]) -> bool {
    let list = ["allowlist", "denylist", "whitelist", "blacklist"];
    matches!(lines.first(), Some(&("1" | "2")))
        && lines
            .get(1)
            .and_then(|line| line.split_whitespace().next())
            .is_some_and(|word| list.contains(&word))
}

fn is_systemd(lines: &[&str]) -> bool {
    let sections = ["[Unit]", "[Service]", "[Socket]", "[Mount]", "[Swap]", "[Install]"];
    lines.iter().any(|line| sections.contains(line))
        || lines.iter().any(|line| line.starts_with("SystemCall") && line.contains('='))
}

fn is_spo(lines: &[&str]) -> bool {
    let has = |start: &str| lines.iter().any(|line| line.starts_with(start));
    has("kind: SeccompProfile") || has("kind: \"SeccompProfile\"") || has("kind: 'SeccompProfile'")
}

fn is_nsjail(lines: &[&str]) -> bool {
    let keys = [
        "seccomp_string",
        "seccomp_policy_file",
        "seccomp_log",
        "clone_new",
        "mount {",
        "mount_proc",
    ];
    lines.iter().any(|line| keys.iter().any(|key| line.starts_with(key)))
}

/// Statements of an action with braces, and the words that only kafel has.
fn is_kafel(text: &str) -> bool {
    let words: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '{' && c != '(')
        .take(20_000)
        .collect();
    let actions = ["ALLOW", "LOG", "KILL", "DENY", "KILL_PROCESS", "USER_NOTIF"];
    let is_action = |word: &str| {
        let bare = word.trim_end_matches(['{', '(']);
        actions.contains(&bare)
            || ["ERRNO(", "TRAP(", "TRACE("].iter().any(|start| word.starts_with(start))
    };
    words.contains(&"POLICY")
        || words.contains(&"DEFAULT") && words.iter().any(|word| is_action(word))
        || words.iter().any(|word| is_action(word)) && text.contains('{')
}

/// `name: filter`.
fn is_minijail(lines: &[&str]) -> bool {
    let starts = ["@include", "@frequency", "@default", "@denylist"];
    let is_filter = |line: &&str| {
        let Some((names, filter)) = line.split_once(':') else { return false };
        let filter = filter.trim();
        let is_name = |c: char| c.is_alphanumeric() || "_{},[]= -;@".contains(c);
        let starts = [
            "1",
            "allow",
            "kill",
            "trap",
            "trace",
            "log",
            "user-notify",
            "return",
            "arg",
            "{",
            "\\",
        ];
        names.chars().all(is_name) && starts.iter().any(|start| filter.starts_with(start))
    };
    lines.iter().any(|line| starts.iter().any(|start| line.starts_with(start)))
        || lines.iter().any(is_filter)
}

/// `seccomp` alone is a call's name to snapd, too.
fn is_firejail(lines: &[&str]) -> bool {
    lines.iter().any(|line| *line == "seccomp" || is_firejails_own(line))
}

/// Whether a line is of a firejail profile and no other form.
fn is_firejails_own(line: &str) -> bool {
    let words = [
        "seccomp.drop",
        "seccomp.keep",
        "seccomp.32",
        "seccomp.32.drop",
        "seccomp.32.keep",
        "seccomp.block-secondary",
        "seccomp-error-action",
        "memory-deny-write-execute",
        "restrict-namespaces",
        "caps.drop",
        "caps.keep",
        "nonewprivs",
        "noroot",
        "protocol",
        "private-dev",
        "blacklist",
        "include",
        "whitelist",
    ];
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    // Behind a call's name snapd has numbers, signs and constants.
    let is_list = |rest: &str| {
        let list = rest.trim_start();
        let is_user = list.starts_with("u:") || list.starts_with("g:");
        !is_user && list.starts_with(|c: char| c.is_ascii_lowercase() || "@!$".contains(c))
    };
    words.contains(&word) || word == "seccomp" && is_list(rest)
}

/// One syscall a line, with values of its arguments.
fn is_snapd(lines: &[&str]) -> bool {
    let is_rule = |line: &&str| {
        let word = line.split_whitespace().next().unwrap_or_default();
        ["@unrestricted", "@complain"].contains(&word)
            || callgate_syscalls::Name::parse(word.trim_start_matches('~')).is_some()
    };
    let known = lines.iter().filter(|line| is_rule(line)).count();
    known > 0 && known * 2 >= lines.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_one_form_alone_has_decide() {
        for (text, expected) in [
            ("# devices\n@include common.policy\n@include block.policy\n", Dialect::Minijail),
            ("@include common.policy\nread: 1\n", Dialect::Minijail),
            ("@unrestricted\n", Dialect::Snapd),
            ("@complain\nread\n~write\n", Dialect::Snapd),
            ("seccomp ptrace,kcmp\nseccomp.drop mount\n", Dialect::Firejail),
            ("seccomp !chroot\n", Dialect::Firejail),
            ("seccomp @clock\n", Dialect::Firejail),
            ("seccomp unshare,kcmp\n", Dialect::Firejail),
            ("read\nseccomp - 0\nseccomp u:root\n", Dialect::Snapd),
        ] {
            assert_eq!(detect(text), [expected], "{text}");
        }
        assert_eq!(detect("seccomp\n"), [Dialect::Firejail, Dialect::Snapd]);
    }
}
