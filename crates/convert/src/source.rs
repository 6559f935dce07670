//! Source code that makes a filter when it is compiled and run.
//!
//! What this crate wrote is read again: the calls in it are known, and nothing else stands in it.
//! All other code is named, since only its compiler knows what it does.

use callgate_policy::Policy;

use crate::{Format, libseccomp, rust};

/// Code in which a filter is made by calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers decide on each")]
pub enum SourceCode {
    /// What [`convert`](crate::convert()) wrote in this form.
    Written(Format),
    /// Somebody else's, in words such as "C that calls libseccomp".
    Other(&'static str),
}

/// Libraries by the calls in their users' code.
const CALLS: [(&str, &str); 10] = [
    ("seccomp_rule_add", "C that calls libseccomp"),
    ("seccomp_init(", "C that calls libseccomp"),
    ("SCMP_SYS(", "C that calls libseccomp"),
    ("Filter::builder(", "Rust that calls callgate"),
    ("ScmpFilterContext", "Rust that calls libseccomp"),
    ("SeccompFilter::new(", "Rust that calls seccompiler"),
    ("SeccompRule::new(", "Rust that calls seccompiler"),
    ("SafetyContext::new(", "Rust that calls extrasafe"),
    ("seccomp.SyscallFilter(", "Python that calls libseccomp"),
    ("sandbox2::PolicyBuilder", "C++ that calls sandboxed-api"),
];

impl SourceCode {
    /// What a text is, if it is such code.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let written = [
            (Format::Libseccomp, libseccomp::HEAD.lines().next()),
            (Format::Rust, rust::HEAD.lines().next()),
        ];
        let first = text.trim_start().lines().next().map(str::trim_end);
        if let Some((format, _)) = written.into_iter().find(|(_, line)| first == *line) {
            return Some(Self::Written(format));
        }
        let is_code = |line: &str| {
            let starts = ["#include", "use ", "import ", "from ", "fn ", "pub ", "static ", "let "];
            starts.iter().any(|start| line.trim_start().starts_with(start))
        };
        // Logs and comments speak of such calls, too.
        let calls = CALLS.iter().find(|(call, _)| text.contains(call))?;
        text.lines().any(is_code).then_some(Self::Other(calls.1))
    }

    /// The policy of the filter that the code makes.
    ///
    /// # Errors
    /// What keeps it from being read, in words.
    pub fn policy(self, text: &str) -> Result<Policy, String> {
        match self {
            Self::Written(Format::Libseccomp) => libseccomp::read::policy(text, None),
            Self::Written(Format::Rust) => rust::read::policy(text),
            Self::Written(format) => Err(format!("{} is read by its dialect", format.title())),
            Self::Other(what) => Err(format!("{what} is not read")),
        }
    }

    /// What it is, in the place of a noun.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Written(format) => format.title(),
            Self::Other(what) => what,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_known_by_its_calls() {
        let cases = [
            (
                "#include <seccomp.h>\nint f(void) { seccomp_init(SCMP_ACT_ALLOW); }",
                "C that calls libseccomp",
            ),
            ("use seccompiler::*;\nlet f = SeccompFilter::new(x);", "Rust that calls seccompiler"),
            ("use callgate::Filter;\nfn f() { Filter::builder(x) }", "Rust that calls callgate"),
            (
                "import seccomp\nf = seccomp.SyscallFilter(seccomp.ALLOW)",
                "Python that calls libseccomp",
            ),
        ];
        for (text, title) in cases {
            let code = SourceCode::of(text).expect(text);
            assert_eq!((code, code.title()), (SourceCode::Other(title), title));
            assert!(code.policy(text).is_err());
        }
        for text in ["policy 1\n", "ret #0", "a log of seccomp_rule_add failing", ""] {
            assert_eq!(SourceCode::of(text), None, "{text}");
        }
    }
}
