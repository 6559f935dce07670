//! Building a filter rule by rule.

use callgate_policy::{Action, Arch, KernelVersion, Policy};
use callgate_rules::{
    Answer, Baseline, Cond, Header, Mistake, Rule, Rules, Target, UnknownAnswer, Verdict, resolve,
};
use callgate_syscalls::Name;

use crate::{Calls, Error, Filter, words};

/// Collects the rules of a [`Filter`]; made by [`Filter::builder`].
///
/// Rules are asked in the order they were added; **the first that holds decides**, and the default
/// action answers for calls without one.
#[derive(Clone, Debug)]
#[must_use]
pub struct FilterBuilder {
    arches: Option<Vec<Arch>>,
    header: Header,
    parts: Vec<Part>,
}

/// Rules in the order in which they are asked.
#[derive(Clone, Debug)]
enum Part {
    Rule(Rule),
    /// Calls or families by words that are not looked up yet.
    Word(String, Action),
    /// Blocks that are taken together.
    Blocks(Vec<String>),
}

impl FilterBuilder {
    pub(crate) fn new(default: Action) -> Self {
        let header = Header::new(Verdict::from(default));
        Self { arches: None, header, parts: Vec::new() }
    }

    /// Sets the architectures the filter is for, instead of this machine's own.
    ///
    /// Numbers differ between architectures; each rule is resolved by name on each of them.
    pub fn arches(mut self, arches: impl IntoIterator<Item = Arch>) -> Self {
        self.arches = Some(arches.into_iter().collect());
        self
    }

    /// Sets the action for calls through architectures the filter is not for, instead of killing
    /// the process.
    pub fn foreign(mut self, action: Action) -> Self {
        self.header.foreign = Answer::new(Verdict::from(action));
        self
    }

    /// Answers `action` instead of the default to syscalls without rules that the kernel `baseline`
    /// does not have.
    ///
    /// With `ERRNO(ENOSYS)` a libc that tries a syscall newer than the filter falls back to an
    /// older one, where `ERRNO(EPERM)` would make it fail.
    pub fn unknown(mut self, baseline: KernelVersion, action: Action) -> Self {
        let answer = Answer::new(Verdict::from(action));
        self.header.unknown = Some(UnknownAnswer { baseline: Baseline::Kernel(baseline), answer });
        self
    }

    /// Allows these syscalls, whatever their arguments: `allow([names::READ, names::WRITE])`, or one
    /// alone, `allow("read")`.
    pub fn allow<Kind: ?Sized>(self, calls: impl Calls<Kind>) -> Self {
        self.answer(Action::ALLOW, calls)
    }

    /// Answers `action` to these syscalls, whatever their arguments.
    pub fn answer<Kind: ?Sized>(mut self, action: Action, calls: impl Calls<Kind>) -> Self {
        calls.each(&mut |call| {
            self.parts.push(match call {
                Ok(name) => Part::Rule(Rule::new(name, None, Verdict::from(action))),
                Err(word) => Part::Word(word, action),
            });
        });
        self
    }

    /// Answers `action` to all syscalls of a family, such as `open`: one operation in all its
    /// variants. `callgate groups` lists the families.
    pub fn family(mut self, action: Action, name: &str) -> Self {
        self.parts.push(Part::Word(format!("~{name}"), action));
        self
    }

    /// Allows what a block such as `threads`, or all blocks of a role such as `cli-tool`, have a
    /// program do, under the block's own conditions. `callgate groups` lists them.
    ///
    /// Blocks that are added one after another are taken together: what one of them allows is
    /// allowed.
    ///
    /// # Examples
    /// ```
    /// use callgate::{Action, Arch, Filter, SeccompData, arg, consts, names};
    ///
    /// let filter = Filter::builder(Action::KILL_PROCESS)
    ///     .arches([Arch::X86_64])
    ///     .block("startup.static")
    ///     .block("exit")
    ///     .allow("getppid")
    ///     .rule(names::SOCKET, arg("family").eq(consts::AF_UNIX), Action::ALLOW)
    ///     .build()?;
    /// let call = Arch::X86_64.syscall(names::EXIT_GROUP).expect("everywhere");
    /// assert_eq!(filter.decide(&SeccompData::new(Arch::X86_64, call.nr)), Action::ALLOW);
    /// # Ok::<(), callgate::Error>(())
    /// ```
    pub fn block(mut self, name: &str) -> Self {
        match self.parts.last_mut() {
            Some(Part::Blocks(blocks)) => blocks.push(name.to_owned()),
            _ => self.parts.push(Part::Blocks(vec![name.to_owned()])),
        }
        self
    }

    /// Answers `action` to a syscall where a condition on its arguments holds.
    pub fn rule(mut self, name: Name, condition: Cond, action: Action) -> Self {
        self.parts.push(Part::Rule(Rule::new(name, Some(condition), Verdict::from(action))));
        self
    }

    /// The policy these rules make, without compiling it.
    ///
    /// # Errors
    /// [`Error`] names the rule's syscall and argument that cannot be resolved, or the word that
    /// names no syscall, family or block.
    pub fn policy(&self) -> Result<Policy, Error> {
        let target = match &self.arches {
            Some(arches) => {
                // The target's own architecture decides nothing where others are named.
                let native = arches.first().copied().unwrap_or(Arch::X86_64);
                Target { arches: Some(arches.clone()), ..Target::new(native) }
            }
            None => Target::new(Arch::native().ok_or(Error::NativeUnknown)?),
        };
        let (policy, _) = resolve(&self.rules(&target)?, &target).map_err(first)?;
        Ok(policy)
    }

    fn rules(&self, target: &Target) -> Result<Rules, Error> {
        let native = [target.native];
        let arches = target.arches.as_deref().unwrap_or(&native);
        let mut rules = Vec::new();
        for part in &self.parts {
            match part {
                Part::Rule(rule) => rules.push(rule.clone()),
                Part::Word(word, action) => {
                    let verdict = Verdict::from(*action);
                    let found = words::rules("allow ", std::slice::from_ref(word), arches)?;
                    rules.extend(found.into_iter().map(|rule| Rule { verdict, ..rule }));
                }
                Part::Blocks(names) => rules.extend(words::rules("use @", names, arches)?),
            }
        }
        Ok(Rules { header: self.header.clone(), rules })
    }

    /// Compiles the rules and proves the program equal to them.
    ///
    /// # Errors
    /// [`Error`] says which rule cannot be resolved, or why there is no proved program.
    pub fn build(&self) -> Result<Filter, Error> {
        Filter::from_policy(self.policy()?)
    }
}

/// The first of the mistakes, of which there is at least one.
fn first(mistakes: Vec<Mistake>) -> Error {
    mistakes.into_iter().next().map_or(Error::NativeUnknown, Error::Rule)
}
