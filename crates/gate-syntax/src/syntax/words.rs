//! The words of the language.

/// Words that a header line begins with.
pub const HEADERS: [&str; 10] = [
    "policy",
    "arch",
    "machine",
    "foreign",
    "baseline",
    "default",
    "groups",
    "libc",
    "load-flags",
    "listener",
];

/// Words that a verdict begins with.
pub const VERDICTS: [&str; 10] =
    ["allow", "log", "errno", "enosys", "trap", "trace", "notify", "kill", "kill-thread", "raw"];

/// All words that a statement begins with.
pub const STATEMENTS: [&str; 26] = [
    "policy",
    "arch",
    "machine",
    "foreign",
    "baseline",
    "default",
    "groups",
    "libc",
    "load-flags",
    "listener",
    "include",
    "use",
    "on",
    "group",
    "always",
    "test",
    "allow",
    "log",
    "errno",
    "enosys",
    "trap",
    "trace",
    "notify",
    "kill",
    "kill-thread",
    "raw",
];

/// Words behind which a statement must go on.
pub(crate) const JOINTS: [&str; 10] =
    ["where", "and", "or", "not", "in", "has", "any", "none", "only", "because"];

/// Words that begin no statement but go on with one from the line above.
pub(crate) const RESUMES: [&str; 4] = ["where", "and", "or", "because"];

/// Words between an argument and a value.
pub const TESTS: [&str; 5] = ["in", "has", "any", "none", "only"];

/// All words with a meaning, for editors.
pub const KEYWORDS: [&str; 20] = [
    "always", "include", "use", "on", "group", "test", "where", "because", "and", "or", "not",
    "nr", "linux", "else", "without", "full", "low32", "NULL", "cap", "kernel",
];

/// What `on` can ask for beside the architecture of a call.
pub const CIRCUMSTANCES: [&str; 3] = ["machine", "cap", "kernel"];
