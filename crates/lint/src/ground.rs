//! What all checks stand on: the meaning of the subject, and what every known call gets.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use callgate_facts::Form;
use callgate_policy::{Comparison, Condition, Decider, Field, Operator, Policy, RuleId};
use callgate_prover::{Ambiguity, Error, Meaning, Prover};
use callgate_rules::{Edit, Help, Origin, Span};
use callgate_syscalls::{Action, Arch, ArchToken, Name, SeccompData, SyscallNr, names};

use crate::place::FindingPlace;
use crate::reach::looks_at_pointer;
use crate::subject::{Options, Subject, What};

/// A token that no architecture has.
const NOBODY: ArchToken = ArchToken::new(0xdead_beef);

/// The meaning of a subject, ready for questions.
pub(crate) struct Ground<'s> {
    pub(crate) subject: &'s Subject<'s>,
    prover: Prover,
    meaning: Meaning<'s>,
    /// The architectures that the filter is for.
    pub(crate) arches: Vec<Arch>,
    /// Whether a program tells none of them apart.
    pub(crate) is_blind: bool,
    /// Where all calls are made from, for programs that look at it.
    ///
    /// Calls from two places would be compared as if the arguments made the difference.
    pub(crate) from: Option<u64>,
    answers: BTreeMap<(Arch, Name), Answer>,
    trouble: Option<Error>,
}

/// What a filter does with the calls of a syscall.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Every action, with a call that gets it.
    pub(crate) actions: Vec<(Action, SeccompData)>,
}

/// What happens to the calls of a syscall, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// All are made.
    Open,
    /// None can be made.
    Shut,
    /// Some are made, or somebody is asked.
    Part,
}

impl Answer {
    pub(crate) fn state(&self) -> State {
        state_of(&self.actions)
    }

    /// A call that is made.
    pub(crate) fn made(&self) -> Option<(Action, SeccompData)> {
        self.actions.iter().copied().rev().find(|(action, _)| action.kind().executes())
    }

    /// A call that is not made.
    pub(crate) fn refused(&self) -> Option<(Action, SeccompData)> {
        self.actions.iter().copied().find(|(action, _)| !action.kind().may_execute())
    }
}

fn state_of(actions: &[(Action, SeccompData)]) -> State {
    if actions.iter().all(|(action, _)| action.kind().executes()) {
        State::Open
    } else if actions.iter().any(|(action, _)| action.kind().may_execute()) {
        State::Part
    } else {
        State::Shut
    }
}

impl<'s> Ground<'s> {
    pub(crate) fn new(subject: &'s Subject<'s>, options: &Options) -> Result<Self, Error> {
        let mut prover = Prover::default();
        let meaning = match subject.what {
            What::Policy(policy) => prover.policy(policy)?,
            What::Stack(stack) => match stack.programs() {
                [only] => prover.program(only)?,
                _ => prover.stack(stack)?,
            },
        };
        let (arches, is_blind) = match subject.what {
            What::Policy(policy) => (policy.arches().map(|(arch, _)| arch).collect(), false),
            What::Stack(_) => of_program(&meaning, options),
        };
        let (answers, trouble, from) = (BTreeMap::new(), None, None);
        let mut ground =
            Self { subject, prover, meaning, arches, is_blind, from, answers, trouble };
        ground.learn();
        if looks_at_pointer(subject) {
            ground.choose_place();
        }
        ground.without_idle_x32();
        Ok(ground)
    }

    /// Looks at every syscall.
    fn learn(&mut self) {
        for arch in self.arches.clone() {
            for syscall in arch.syscalls() {
                let actions = self.ask_number(arch, syscall.nr, &Condition::always());
                self.answers.insert((arch, syscall.name), Answer { actions });
            }
        }
    }

    /// Chooses the place from which most calls can be made, since callers can choose it, too.
    fn choose_place(&mut self) {
        /// The most places that are tried.
        const PLACES_MAX: usize = 8;
        let shown = self.answers.values().flat_map(|answer| &answer.actions);
        let places: BTreeSet<u64> = shown.map(|(_, call)| call.instruction_pointer).collect();
        let mut best: Option<(usize, u64)> = None;
        for place in places.into_iter().take(PLACES_MAX) {
            self.from = Some(place);
            self.learn();
            let freedom = self.answers.values().map(|answer| match answer.state() {
                State::Open => 2,
                State::Part => 1,
                State::Shut => 0,
            });
            let freedom = freedom.sum();
            if best.is_none_or(|(most, _)| freedom > most) {
                best = Some((freedom, place));
            }
        }
        self.from = best.map(|(_, place)| place);
        self.learn();
    }

    /// A program that refuses all of x32's numbers is not for x32.
    fn without_idle_x32(&mut self) {
        if matches!(self.subject.what, What::Policy(_)) {
            return;
        }
        let is_shut = |(&(arch, _), answer): (&(Arch, Name), &Answer)| {
            arch != Arch::X32 || answer.state() == State::Shut
        };
        if self.answers.iter().all(is_shut) {
            self.arches.retain(|&arch| arch != Arch::X32);
            self.answers.retain(|(arch, _), _| *arch != Arch::X32);
        }
    }

    /// The actions of the calls of a number that meet a condition.
    pub(crate) fn ask_number(
        &mut self,
        arch: Arch,
        nr: SyscallNr,
        condition: &Condition,
    ) -> Vec<(Action, SeccompData)> {
        let from = self.from.map(|place| {
            let here = Comparison::new(Field::InstructionPointer, Operator::Eq, place);
            Condition::all([condition.clone(), here.into()])
        });
        // A condition that grows too large by it is asked as it is.
        let condition = from.and_then(Result::ok).unwrap_or_else(|| condition.clone());
        let found = self.prover.actions_where(&self.meaning, (arch, nr), &condition);
        self.noted(found)
    }

    /// The actions of the calls of a syscall that meet a condition; none where there is no such call.
    pub(crate) fn ask(
        &mut self,
        arch: Arch,
        name: Name,
        condition: &Condition,
    ) -> Vec<(Action, SeccompData)> {
        let Some(syscall) = arch.syscall(name) else { return Vec::new() };
        self.ask_number(arch, syscall.nr, condition)
    }

    /// A call of a syscall that meets a condition and is made.
    pub(crate) fn made_where(
        &mut self,
        arch: Arch,
        name: Name,
        condition: &Condition,
    ) -> Option<(Action, SeccompData)> {
        let found = self.ask(arch, name, condition);
        found.into_iter().rev().find(|(action, _)| action.kind().executes())
    }

    /// A call of a syscall that meets a condition and is not made.
    pub(crate) fn refused_where(
        &mut self,
        arch: Arch,
        name: Name,
        condition: &Condition,
    ) -> Option<(Action, SeccompData)> {
        let found = self.ask(arch, name, condition);
        found.into_iter().find(|(action, _)| !action.kind().may_execute())
    }

    /// A call that meets a condition on some arguments and is refused for these: with others in their place, and all else as
    /// it is, the call is made. Where a syscall is never made, all of it is refused.
    pub(crate) fn refused_for(
        &mut self,
        arch: Arch,
        name: Name,
        arguments: &[usize],
        condition: &Condition,
    ) -> Option<Call> {
        let plain = arguments.iter().map(|index| arg_is(*index, 0));
        let plain = Condition::all(plain).unwrap_or_else(|_| Condition::never());
        let made = [Condition::always(), plain].map(|any| self.made_where(arch, name, &any));
        if made.iter().all(Option::is_none) {
            return self.refused_where(arch, name, condition);
        }
        made.into_iter().flatten().find_map(|(_, made)| {
            let others = (0..made.args.len()).filter(|index| !arguments.contains(index));
            let same = others.map(|index| arg_is(index, made.args[index]));
            let meeting = Condition::all(same.chain([condition.clone()])).ok()?;
            self.refused_where(arch, name, &meeting)
        })
    }

    pub(crate) fn ambiguities(&mut self, arch: Arch, name: Name) -> Vec<Ambiguity> {
        let Some(syscall) = arch.syscall(name) else { return Vec::new() };
        let is_signed = |argument| Form::of(argument) == Some(Form::Signed);
        let found = self.prover.ambiguities(&self.meaning, (arch, syscall.nr), is_signed);
        self.noted(found)
    }

    /// A call under a condition that is refused, and the same with other bits of these in an argument, which permits more.
    pub(crate) fn freer_with(
        &mut self,
        arch: Arch,
        name: Name,
        bits: (usize, u64),
        condition: &Condition,
    ) -> Option<Ambiguity> {
        let nr = arch.syscall(name)?.nr;
        let found = self.prover.freer_with(&self.meaning, (arch, nr), bits, condition);
        self.noted(found)
    }

    /// What was found; why nothing was is kept for the end.
    fn noted<T: Default>(&mut self, found: Result<T, Error>) -> T {
        found.unwrap_or_else(|error| {
            self.trouble.get_or_insert(error);
            T::default()
        })
    }

    pub(crate) const fn take_trouble(&mut self) -> Option<Error> {
        self.trouble.take()
    }

    /// What happens to a syscall; none where the architecture does not have it.
    pub(crate) fn answer(&self, arch: Arch, name: Name) -> Option<&Answer> {
        self.answers.get(&(arch, name)).filter(|answer| !answer.actions.is_empty())
    }

    pub(crate) fn state(&self, arch: Arch, name: Name) -> Option<State> {
        self.answer(arch, name).map(Answer::state)
    }

    pub(crate) fn is(&self, arch: Arch, name: Name, state: State) -> bool {
        self.state(arch, name) == Some(state)
    }

    /// Syscalls, each with a call of it that is made.
    pub(crate) fn made_of(&self, arch: Arch, names: &[Name]) -> Vec<(Name, Option<Call>)> {
        let made = |name: Name| self.answer(arch, name).and_then(Answer::made);
        names.iter().map(|&name| (name, made(name))).collect()
    }

    /// Everything that is known about an architecture.
    pub(crate) fn answers(&self, arch: Arch) -> impl Iterator<Item = (Name, &Answer)> {
        let all = self.answers.iter().filter(move |((of, _), _)| *of == arch);
        all.map(|((_, name), answer)| (*name, answer))
            .filter(|(_, answer)| !answer.actions.is_empty())
    }

    /// The syscalls of an architecture that are made and refused for their arguments, with the positions of these.
    pub(crate) fn tested(&self, arch: Arch) -> Vec<(Name, Range<usize>)> {
        let tested = self.answers(arch).filter(|(_, answer)| answer.state() == State::Part);
        let count = |name| arch.signature(name).map_or(0, |signature| signature.arguments().len());
        tested.map(|(name, _)| (name, 0..count(name))).collect()
    }

    /// The answer to a number that no kernel has.
    pub(crate) fn unlisted(&mut self, arch: Arch) -> Option<(Action, SeccompData)> {
        let highest =
            arch.syscalls().map(|syscall| syscall.nr.raw()).filter(|nr| nr & 0xffff < 0x8000);
        let nr = SyscallNr::new(highest.max()? + 0x1000);
        self.ask_number(arch, nr, &Condition::always()).into_iter().next()
    }

    /// Whether what is not listed is refused.
    pub(crate) fn is_allow_list(&mut self, arch: Arch) -> bool {
        self.unlisted(arch).is_some_and(|(action, _)| !action.kind().may_execute())
    }

    /// The policy, where the subject is one.
    pub(crate) const fn policy(&self) -> Option<&'s Policy> {
        match self.subject.what {
            What::Policy(policy) => Some(policy),
            What::Stack(_) => None,
        }
    }

    /// What a call gets.
    pub(crate) fn decide(&mut self, call: &SeccompData) -> Option<Action> {
        let found = self.prover.decide(&self.meaning, call).map(Some);
        self.noted(found)
    }

    /// Where a call is decided.
    pub(crate) fn place(&self, call: &SeccompData, name: Option<Name>) -> Option<FindingPlace> {
        match self.subject.what {
            What::Policy(policy) => {
                let span = self.span(policy.decisive(call).by)?;
                Some(FindingPlace::Text(self.narrowed(span, name)))
            }
            What::Stack(stack) => {
                let arch = Arch::of_call(call.arch, call.nr);
                let endian = arch.map_or(callgate_syscalls::Endian::Little, Arch::endian);
                let filter = stack
                    .run(call, endian)
                    .filter
                    .unwrap_or(stack.programs().len().checked_sub(1)?);
                let trace = stack.programs().get(filter)?.trace(call, endian);
                let instruction = trace.steps.last()?.index;
                Some(FindingPlace::Instruction { filter, instruction })
            }
        }
    }

    /// Where the text says what decides.
    pub(crate) fn span(&self, by: Decider) -> Option<Span> {
        let provenance = self.subject.text?.provenance;
        let origin = match by {
            Decider::Rule(id) => provenance.rule(id).map(|written| written.origin),
            Decider::Default(arch) => provenance.default_on(arch),
            Decider::Unknown(arch) => provenance.unknown.or(provenance.default_on(arch)),
            Decider::Foreign => provenance.foreign,
        };
        match origin? {
            Origin::Text(span) => Some(span),
            _ => None,
        }
    }

    /// The place where a rule names a syscall, or the first line of the rule.
    pub(crate) fn narrowed(&self, span: Span, name: Option<Name>) -> Span {
        let source = self.subject.text.and_then(|text| text.sources.get(span.source()));
        let Some((source, text)) = source.and_then(|s| Some((s, s.slice(span)?))) else {
            return span;
        };
        let found = name.and_then(|name| word_in(text, name.as_str()));
        let line = || 0..text.find('\n').unwrap_or(text.len());
        let range = found.unwrap_or_else(line);
        source.span(span.start() + range.start..span.start() + range.end)
    }
}

/// Where a name stands in a text, as a word of its own: not in the name of a block or family.
fn word_in(text: &str, name: &str) -> Option<Range<usize>> {
    let is_part =
        |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || b"_.@~".contains(b));
    let bytes = text.as_bytes();
    text.match_indices(name).map(|(at, _)| at..at + name.len()).find(|range| {
        let before = range.start.checked_sub(1).and_then(|before| bytes.get(before));
        !is_part(before) && !is_part(bytes.get(range.end))
    })
}

/// The architectures that a program is for; and whether it tells none apart.
fn of_program(meaning: &Meaning<'_>, options: &Options) -> (Vec<Arch>, bool) {
    let apart = |arch: &Arch| !meaning.is_same_for(arch.token(), NOBODY);
    let told: Vec<Arch> = Arch::ALL.into_iter().filter(apart).collect();
    match (told.is_empty(), options.arches.as_slice()) {
        (false, []) => (told, false),
        (false, asked) => (told.into_iter().filter(|arch| asked.contains(arch)).collect(), false),
        (true, []) => (vec![Arch::X86_64], true),
        (true, asked) => (asked.to_vec(), true),
    }
}

/// The condition that an argument has exactly this value, in the plainest spelling.
pub(crate) fn arg_is(index: usize, value: u64) -> Condition {
    compare(index, u64::MAX, Operator::Eq, value)
}

/// The condition that an argument has these bits of a mask, and nothing in the bits that no constant reaches.
pub(crate) fn arg_bits(index: usize, mask: u64, value: u64) -> Condition {
    compare(index, mask, Operator::Eq, value)
}

/// The condition that an argument of 32 bits is another value.
pub(crate) fn arg_is_not(index: usize, value: u64) -> Condition {
    compare(index, u32::MAX.into(), Operator::Ne, value)
}

fn compare(index: usize, mask: u64, operator: Operator, value: u64) -> Condition {
    match Field::arg(index) {
        Ok(field) => Comparison::masked(field, mask, operator, value).into(),
        Err(_) => Condition::never(),
    }
}

/// Which argument of `clone` the flags are.
pub(crate) const fn clone_flags(arch: Arch) -> usize {
    match arch {
        Arch::S390 | Arch::S390x => 1,
        _ => 0,
    }
}

/// The value of a constant on an architecture.
pub(crate) fn constant(name: &str, arch: Arch) -> Option<u64> {
    let value = callgate_facts::Constant::parse(name)?.on(arch)?;
    Some(0_u64.wrapping_add_signed(value))
}

/// Calls that programs are made of: who allows these means whole programs.
pub(crate) fn runs_programs(ground: &Ground<'_>, arch: Arch) -> bool {
    let open = |name| ground.state(arch, name).is_some_and(|state| state != State::Shut);
    open(names::WRITE) && (open(names::MMAP) || open(names::MMAP2)) && open(names::EXIT_GROUP)
}

/// A call with its action.
pub(crate) type Call = (Action, SeccompData);

impl Ground<'_> {
    /// Whether the text, or a program, refuses a syscall in a way that somebody meant: not by what becomes of everything
    /// that is not listed.
    pub(crate) fn is_restricted(&mut self, arch: Arch, name: Name) -> bool {
        match self.state(arch, name) {
            Some(State::Part) => true,
            Some(State::Shut) => !self.is_allow_list(arch) || self.has_own_answer(arch, name),
            Some(State::Open) | None => false,
        }
    }

    /// Whether a refused syscall has a rule of its own; of programs, whether it gets something else than most.
    fn has_own_answer(&mut self, arch: Arch, name: Name) -> bool {
        let Some((own, call)) = self.answer(arch, name).and_then(Answer::refused) else {
            return false;
        };
        if let Some(policy) = self.policy() {
            return matches!(policy.decisive(&call).by, Decider::Rule(id) if self.is_written(id));
        }
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        for (_, answer) in self.answers(arch).filter(|(_, answer)| answer.state() == State::Shut) {
            if let Some((action, _)) = answer.refused() {
                *counts.entry(action.raw()).or_default() += 1;
            }
        }
        let usual = counts.into_iter().max_by_key(|(_, count)| *count).map(|(action, _)| action);
        usual != Some(own.raw()) && self.unlisted(arch).is_none_or(|(action, _)| action != own)
    }

    /// Whether a rule was written, and not made for another reason.
    fn is_written(&self, id: RuleId) -> bool {
        self.subject.text.is_none_or(|text| text.provenance.rule(id).is_some())
    }

    /// The edit that puts a statement of the language before the one that decides a call.
    pub(crate) fn statement(
        &self,
        call: &SeccompData,
        name: Name,
        statement: &str,
    ) -> Option<Help> {
        let Some(FindingPlace::Text(span)) = self.place(call, Some(name)) else { return None };
        let source = self.subject.text?.sources.get(span.source())?;
        if !source.name().ends_with(".gate") {
            return None;
        }
        let line = source.text()[..span.start()].rfind('\n').map_or(0, |newline| newline + 1);
        let edit = Edit { span: source.span(line..line), replacement: format!("{statement}\n") };
        Some(Help { message: format!("put `{statement}` before it"), edit: Some(edit) })
    }
}
