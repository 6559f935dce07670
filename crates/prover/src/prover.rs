//! The prover: it makes meanings and combines them.

use callgate_bpf::{Program, Stack};
use callgate_memory::Grow;
use callgate_policy::Policy;
use callgate_syscalls::{Action, SeccompData};

use crate::budget::{Budget, Halt, Options};
use crate::diagram::{Combine, Diagrams, Order, View};
use crate::meaning::{ArchClass, Meaning, NumberClass, Owner, Source, is_partition};
use crate::numbers::Interval;
use crate::witness::words_of_call;
use crate::{Error, Undecided, policy, program};

/// Makes [`Meaning`]s and compares them, within one budget for all it does.
///
/// # Examples
/// ```
/// use callgate_bpf::{Instruction, Program};
/// use callgate_policy::{Action, Arch, ArchPolicy, Policy};
/// use callgate_prover::{Prover, Scope};
///
/// let policy = Policy::builder(Action::KILL_PROCESS)
///     .arch(Arch::Aarch64, ArchPolicy::new(Action::ALLOW))
///     .build()?;
/// let program = Program::new([
///     Instruction::new(0x20, 4),                                   // ld [arch]
///     Instruction { code: 0x15, jt: 0, jf: 1, k: 0xc000_00b7 },    // jeq #aarch64, next, +1
///     Instruction::new(0x06, Action::ALLOW.raw()),
///     Instruction::new(0x06, Action::KILL_PROCESS.raw()),
/// ])?;
/// let mut prover = Prover::default();
/// let meant = prover.policy(&policy)?;
/// let written = prover.program(&program)?;
/// assert!(prover.equal(&meant, &written, Scope::Exact)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Prover {
    pub(crate) diagrams: Diagrams,
    pub(crate) options: Options,
    owner: Owner,
}

/// What a prover has used of its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The diagram nodes that were made.
    pub nodes: usize,
    /// The memory in bytes that counts against [`Options::bytes_max`].
    pub bytes: usize,
    /// The tests that count against [`Options::tests_max`].
    pub tests: u64,
}

impl Default for Prover {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl Prover {
    /// A prover with these limits.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let diagrams = Diagrams::empty(Budget::new(&options));
        Self { diagrams, options, owner: Owner::new() }
    }

    /// A prover whose diagrams have the order that is good for a policy and for programs.
    pub(crate) fn about(
        policy: &Policy,
        programs: &[Program],
        options: &Options,
    ) -> Result<Self, Error> {
        let mut prover = Self::new(options.clone());
        let fields = policy::fields(policy)?;
        prover.diagrams.order = Order::of_loads(fields, &program::loads(programs));
        Ok(prover)
    }

    /// What has been used so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let (bytes, tests) = self.diagrams.budget.used();
        Usage { nodes: self.diagrams.len(), bytes, tests }
    }

    /// The meaning of a policy.
    ///
    /// # Errors
    /// [`Error::Undecided`].
    pub fn policy<'a>(&mut self, policy: &'a Policy) -> Result<Meaning<'a>, Error> {
        self.diagrams.prepare()?;
        let classes = policy::classes(&mut self.diagrams, policy)?;
        self.meaning(classes, Source::Policy(policy))
    }

    /// The meaning of a program.
    ///
    /// # Errors
    /// [`Error::Undecided`].
    pub fn program<'a>(&mut self, program: &'a Program) -> Result<Meaning<'a>, Error> {
        self.diagrams.prepare()?;
        let classes = program::classes(&mut self.diagrams, program, self.options.wide_shift)?;
        self.meaning(classes, Source::Program(program))
    }

    /// The meaning of all filters of a process together, under the kernel's precedence.
    ///
    /// The kernel starts from ALLOW and takes only what is stricter, so data beside ALLOW is lost even from a single
    /// filter: for stacks compare with [`Scope::Effective`](crate::Scope::Effective) or stack both sides.
    ///
    /// # Errors
    /// [`Error::Undecided`].
    pub fn stack<'a>(&mut self, stack: &'a Stack) -> Result<Meaning<'a>, Error> {
        self.diagrams.prepare()?;
        let allow = self.diagrams.action(Action::ALLOW)?;
        let mut classes = Vec::with_room(1)?;
        classes.try_push(ArchClass::constant(Interval::ALL, allow)?)?;
        for program in stack.programs().iter().rev() {
            let older = program::classes(&mut self.diagrams, program, self.options.wide_shift)?;
            classes = self.combined(Combine::Strictest, &classes, &older)?;
        }
        self.meaning(classes, Source::Stack(stack))
    }

    /// The stricter of both actions for each call, the left's on equal precedence: both filters in force.
    ///
    /// # Errors
    /// [`Error::Undecided`], [`Error::ForeignMeaning`].
    pub fn intersect<'a>(
        &mut self,
        left: &Meaning<'a>,
        right: &Meaning<'a>,
    ) -> Result<Meaning<'a>, Error> {
        self.combine(Combine::Strictest, left, right)
    }

    /// The looser of both actions for each call, the left's where neither permits more: what either filter permits. Actions
    /// rank as for [`Prover::excess`].
    ///
    /// # Errors
    /// [`Error::Undecided`], [`Error::ForeignMeaning`].
    pub fn union<'a>(
        &mut self,
        left: &Meaning<'a>,
        right: &Meaning<'a>,
    ) -> Result<Meaning<'a>, Error> {
        self.combine(Combine::Loosest, left, right)
    }

    /// The action for one call, as the diagrams have it.
    ///
    /// # Errors
    /// [`Error::Undecided`] for a shift by 32 or more bits, on which kernels disagree; [`Error::ForeignMeaning`].
    pub fn decide(&self, meaning: &Meaning<'_>, call: &SeccompData) -> Result<Action, Error> {
        self.own(meaning)?;
        let words = words_of_call(call);
        let arch = meaning.classes.iter().find(|class| class.tokens.contains(words[1]));
        let class = arch.and_then(|arch| {
            let place = arch.numbers.partition_point(|class| class.numbers.last < words[0]);
            arch.numbers.get(place)
        });
        let mut node = class.ok_or(Error::Partition)?.node;
        loop {
            node = match self.diagrams.view(node) {
                View::Test { rank, pattern, yes, no } => {
                    let word = words[usize::from(self.diagrams.order.word(rank).index())];
                    if pattern.holds(word) { yes } else { no }
                }
                View::Action(action) => return Ok(action),
                View::Other => return Err(Undecided::ShiftAmount.into()),
            };
        }
    }

    fn combine<'a>(
        &mut self,
        how: Combine,
        left: &Meaning<'a>,
        right: &Meaning<'a>,
    ) -> Result<Meaning<'a>, Error> {
        self.own(left)?;
        self.own(right)?;
        let classes = self.combined(how, &left.classes, &right.classes)?;
        let mut parts = Vec::with_room(2)?;
        parts.try_extend([left.source.clone(), right.source.clone()])?;
        let source = Source::Combined(how, parts);
        self.meaning(classes, source)
    }

    fn combined(
        &mut self,
        how: Combine,
        left: &[ArchClass],
        right: &[ArchClass],
    ) -> Result<Vec<ArchClass>, Halt> {
        let mut classes: Vec<ArchClass> = Vec::new();
        for_each_common(left, right, |common| {
            let node = self.diagrams.combine(how, common.left, common.right)?;
            if classes.last().is_none_or(|last| last.tokens != common.tokens) {
                classes.try_push(ArchClass { tokens: common.tokens, numbers: Vec::new() })?;
            }
            match classes.last_mut() {
                Some(last) => NumberClass::push(&mut last.numbers, common.numbers, node),
                None => Ok(()),
            }
        })?;
        Ok(classes)
    }

    /// Joins neighbouring tokens of the same meaning.
    fn meaning<'a>(
        &self,
        mut classes: Vec<ArchClass>,
        source: Source<'a>,
    ) -> Result<Meaning<'a>, Error> {
        classes.dedup_by(|next, kept| {
            let same = next.numbers == kept.numbers;
            if same {
                kept.tokens.last = next.tokens.last;
            }
            same
        });
        if !is_partition(&classes) {
            return Err(Error::Partition);
        }
        Ok(Meaning { owner: self.owner, classes, source })
    }

    pub(crate) fn own(&self, meaning: &Meaning<'_>) -> Result<(), Error> {
        match self.owner == meaning.owner {
            true => Ok(()),
            false => Err(Error::ForeignMeaning),
        }
    }
}

/// Tokens and numbers that lie in one class of each side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common {
    pub(crate) tokens: Interval,
    pub(crate) numbers: Interval,
    pub(crate) left: crate::diagram::NodeId,
    pub(crate) right: crate::diagram::NodeId,
}

/// Calls `visit` for the coarsest common refinement of two partitions, in order.
pub(crate) fn for_each_common<E>(
    left: &[ArchClass],
    right: &[ArchClass],
    mut visit: impl FnMut(Common) -> Result<(), E>,
) -> Result<(), E> {
    let arch = overlaps(left, right, |class| class.tokens);
    for (tokens, left, right) in arch {
        for (numbers, l, r) in overlaps(&left.numbers, &right.numbers, |class| class.numbers) {
            visit(Common { tokens, numbers, left: l.node, right: r.node })?;
        }
    }
    Ok(())
}

/// The overlaps of two lists of intervals, each ascending and without gaps.
fn overlaps<'l, T>(
    left: &'l [T],
    right: &'l [T],
    interval: impl Fn(&T) -> Interval + 'l,
) -> impl Iterator<Item = (Interval, &'l T, &'l T)> {
    let (mut l, mut r) = (0, 0);
    std::iter::from_fn(move || {
        let (left, right) = (left.get(l)?, right.get(r)?);
        let (a, b) = (interval(left), interval(right));
        l += usize::from(a.last <= b.last);
        r += usize::from(b.last <= a.last);
        a.intersection(b).map(|common| (common, left, right))
    })
}
