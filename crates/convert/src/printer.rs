//! What each form says about itself.

use callgate_policy::{Action, Policy};
use callgate_raise::{Raised, Test};
use callgate_syscalls::{Arch, Name};

/// A form: what it can say, its text, and the way back.
pub(crate) trait Printer {
    /// Whether there are words for a test of a syscall on an architecture.
    fn says(&self, arch: Arch, name: Option<Name>, test: &Test) -> bool;

    /// Whether one alternative can test an argument more than once.
    fn repeats(&self) -> bool;

    /// Whether the form has lines for a few conditions as a whole, found by guessing.
    fn guesses(&self) -> bool {
        false
    }

    /// Whether there is a word for an action.
    fn has_action(&self, action: Action) -> bool;

    /// Whether there is a word for an action as the default.
    fn has_default(&self, action: Action) -> bool {
        self.has_action(action)
    }

    /// The text of rules. What it has no words for is named.
    fn print(&self, raised: &Raised, meant: &Policy) -> Result<String, String>;

    /// What a text of this form means on the architectures of the policy that it was written from.
    fn read(&self, text: &str, meant: &Policy) -> Result<Policy, String>;
}
