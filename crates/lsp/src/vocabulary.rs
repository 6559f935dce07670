//! What the language's own words mean, for hovers and completions.

/// A word of the language in a sentence, by where it stands: `is_verdict` tells `kill` from the
/// syscall.
pub(crate) fn meaning(word: &str) -> Option<&'static str> {
    Some(match word {
        "policy" => "`policy 1`: the version of the language; always first.",
        "arch" => "`arch x86_64, aarch64`: the architectures that the policy is for.",
        "machine" => {
            "`machine x86_64 + x86, aarch64 + arm`: which architectures the policy is for on which \
             machine. Behind `on`: the machine's own architecture."
        }
        "cap" => "`on cap CAP_BPF, CAP_SYS_ADMIN`: programs that can have one of these.",
        "kernel" => "`on kernel >= 5.8` or `on kernel < 5.8`: the kernel that the policy is for.",
        "foreign" => "`foreign VERDICT`: what happens to calls of other architectures.",
        "baseline" => {
            "`baseline linux 6.1 else ENOSYS`: what happens to calls that this kernel does not have."
        }
        "default" => "`default VERDICT`: what happens to all other calls.",
        "groups" => "`groups 2026.11`: pins what families and blocks mean.",
        "libc" => "`libc glibc >= 2.31, musl`: the C libraries that the policy is for.",
        "load-flags" => {
            "`load-flags SECCOMP_FILTER_FLAG_LOG`: what loading the filter asks of the kernel."
        }
        "listener" => {
            "`listener \"/run/agent.sock\"`: the socket of the agent that answers what the policy says `notify` about."
        }
        "include" => "`include \"FILE\"`: another file's statements, where this line stands.",
        "use" => "`use @threads, @malloc`: blocks, with the conditions that keep them narrow.",
        "on" => {
            "`on TEST and TEST { ... }`: statements for some architectures, machines, kernels or capabilities."
        }
        "group" => "`group NAME { ... }`: a block of your own, for `use @NAME`.",
        "always" => "`always VERDICT ...`: a statement before all others, also of included files.",
        "test" => "`test CALL(ARGUMENTS) -> VERDICT`: a promise that `callgate test` proves.",
        "where" => "`where CONDITION`: only calls whose arguments are so.",
        "because" => "`because \"text\"`: the reason, for whoever reads the policy.",
        "and" | "or" | "not" => "Joins conditions; `not` binds tightest, `or` least.",
        "in" => "`ARGUMENT in {1, 3..9}`: it is one of these; both ends of a range belong to it.",
        "has" => "`ARGUMENT has A|B`: all these bits are set.",
        "any" => "`ARGUMENT any A|B`: at least one of these bits is set.",
        "none" => "`ARGUMENT none A|B`: none of these bits is set.",
        "only" => "`ARGUMENT only A|B`: no other bit is set.",
        "full" => "`full(ARGUMENT)`: the whole register, as an unsigned number.",
        "low32" => "`low32(ARGUMENT)`: the low half of the register, as an unsigned number.",
        "nr" => "`nr NUMBER`: a syscall by its number.",
        "NULL" => "The pointer that points nowhere; all that a filter can know of a pointer.",
        "without" => "`ARCH without CALL`: that call gets ENOSYS there.",
        _ => return verdict(word),
    })
}

/// A verdict in a sentence.
pub(crate) fn verdict(word: &str) -> Option<&'static str> {
    Some(match word {
        "allow" => "The call is executed.",
        "log" => "The call is executed and logged.",
        "errno" => "`errno NAME`: the call is not executed and fails with that error.",
        "enosys" => "The call fails as on a kernel that does not have it.",
        "trap" => "`trap NUMBER`: the thread gets SIGSYS, which a handler may catch.",
        "trace" => "`trace NUMBER`: a tracer decides; without one the call fails with ENOSYS.",
        "notify" => "A supervisor decides, such as `callgate agent`.",
        "kill" => "The process is killed.",
        "kill-thread" => "The thread is killed, and the rest of its process goes on.",
        "raw" => "`raw NUMBER`: the word that the filter returns, as it is.",
        _ => return None,
    })
}

/// The words of a condition behind an argument.
pub(crate) const RELATIONS: [&str; 11] =
    ["==", "!=", "<", "<=", ">", ">=", "in", "has", "any", "none", "only"];

/// The C libraries that policies name.
pub(crate) const LIBRARIES: [&str; 4] = callgate_gate::Libc::NAMES;

#[cfg(test)]
mod tests {
    use callgate_gate::words;

    use super::*;

    #[test]
    fn every_word_of_the_language_has_a_meaning() {
        let own = ["linux", "else"];
        for word in words::STATEMENTS.iter().chain(&words::KEYWORDS).chain(&words::TESTS) {
            assert!(meaning(word).is_some() || own.contains(word), "{word}");
        }
        assert!(words::VERDICTS.iter().all(|word| verdict(word).is_some()));
    }
}
