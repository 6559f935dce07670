//! Equality, inclusion and differences of meanings.

use std::fmt;

use callgate_memory::{Collect, Grow, Map};
use callgate_policy::Condition;
use callgate_syscalls::{Action, ArchToken, SeccompData, SyscallNr};

use crate::budget::Halt;
use crate::diagram::{DEPENDS, Diagrams, NodeId, OUTSIDE};
use crate::meaning::{Meaning, endian_of};
use crate::numbers::Interval;
use crate::prover::{Common, for_each_common};
use crate::witness::{Pairs, call_of, depends, pairs};
use crate::{Error, Prover, Undecided, regions, visible};

/// Which differences count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// Every bit of the 32-bit words that filters return.
    #[default]
    Exact,
    /// What the kernel does with the words: data that it ignores or clamps does not count ([`Action::normalised`]).
    Effective,
    /// As [`Scope::Effective`], and for each syscall the caller is free to choose the argument bits that the kernel does
    /// not read, as an attacker would: what counts is the loosest action that can be had for the bits it reads.
    ///
    /// So a 64-bit comparison that lets `TIOCSTI + 2^32` pass differs from a 32-bit one that does not, but an allow
    /// list that is needlessly strict about ignored bits does not differ from one that isn't.
    KernelReads,
}

/// Calls on which two meanings give a certain pair of different actions.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// The first of the arch tokens.
    pub first_token: ArchToken,
    /// The last of the arch tokens.
    pub last_token: ArchToken,
    /// The syscall numbers: ascending pairs of first and last.
    pub numbers: Vec<(SyscallNr, SyscallNr)>,
    /// The action on the left.
    pub left: Action,
    /// The action on the right.
    pub right: Action,
    /// The smallest such call, its words in the order of the diagrams: arch, number, the second word of each field, then the
    /// first of each; [`prove`](crate::prove()) takes an order that suits the program. Both sides were asked, by the specification or the simulator, before it was written here.
    pub witness: SeccompData,
    /// The condition on the rest of the call, where it can be said in a few words.
    pub when: Option<Condition>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SeccompData { nr, arch, instruction_pointer, args } = self.witness;
        write!(f, "{} against {} for syscall {nr} of arch {arch}", self.left, self.right)?;
        if instruction_pointer != 0 {
            write!(f, " at {instruction_pointer:#x}")?;
        }
        for (index, value) in args.into_iter().enumerate().filter(|&(_, value)| value != 0) {
            write!(f, ", args[{index}] = {value:#x}")?;
        }
        Ok(())
    }
}

impl Prover {
    /// Whether two meanings are the same function.
    ///
    /// # Errors
    /// [`Error::Undecided`], also where they are the same but for shifts by 32 or more bits, on which kernels disagree;
    /// [`Error::ForeignMeaning`].
    pub fn equal(
        &mut self,
        left: &Meaning<'_>,
        right: &Meaning<'_>,
        scope: Scope,
    ) -> Result<bool, Error> {
        let mut equal = true;
        let mut seen = Map::new();
        let mut depending = false;
        // Wider scopes make diagrams as they go.
        let anywhere = scope != Scope::Exact || self.diagrams.any_depends();
        self.for_each_class(left, right, scope, |d, Common { left, right, .. }| {
            equal &= left == right;
            for side in [left, right] {
                depending |= side == DEPENDS || anywhere && depends(d, side, &mut seen)?;
            }
            Ok(())
        })?;
        match depending {
            true if equal || !self.differ_anywhere(left, right, scope)? => {
                Err(Undecided::ShiftAmount.into())
            }
            _ => Ok(equal),
        }
    }

    /// Whether there is a call with different actions, none of them resting on a shift by 32 or more bits.
    fn differ_anywhere(
        &mut self,
        left: &Meaning<'_>,
        right: &Meaning<'_>,
        scope: Scope,
    ) -> Result<bool, Error> {
        for Differing { tokens, left, right, numbers } in self.differing(left, right, scope)?.0 {
            let d = &mut self.diagrams;
            let words = start_words(d, tokens, &numbers, [left, right]);
            if !pairs(d, left, right, words)?.calls.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Every pair of different actions, by arch and numbers, each with a call that was tried on both sides.
    ///
    /// The list is empty exactly if the meanings are equal in that scope. It is in the order of tokens, then numbers.
    ///
    /// # Errors
    /// [`Error::Undecided`], [`Error::ForeignMeaning`]; [`Error::Disagreement`] where a witness does not replay.
    pub fn differences(
        &mut self,
        left: &Meaning<'_>,
        right: &Meaning<'_>,
        scope: Scope,
    ) -> Result<Vec<Difference>, Error> {
        let (differing, mut depending) = self.differing(left, right, scope)?;
        let mut differences = Vec::new();
        let bounds = |of: &Interval| (SyscallNr::new(of.first), SyscallNr::new(of.last));
        for Differing { tokens, left: l, right: r, numbers } in differing {
            let d = &mut self.diagrams;
            let pairs = pairs(d, l, r, start_words(d, tokens, &numbers, [l, r]))?;
            depending |= pairs.depends;
            let [first_token, last_token] = [tokens.first, tokens.last].map(ArchToken::new);
            for ((from, to), words) in pairs.calls {
                let when = regions::condition(d, [(l, from), (r, to)], endian_of(first_token))?;
                let witness = call_of(&words);
                replay(left, scope, &witness, from)?;
                replay(right, scope, &witness, to)?;
                differences.try_push(Difference {
                    first_token,
                    last_token,
                    numbers: numbers.iter().map(bounds).try_collect_vec()?,
                    left: from,
                    right: to,
                    witness,
                    when,
                })?;
            }
        }
        match depending && differences.is_empty() {
            true => Err(Undecided::ShiftAmount.into()),
            false => Ok(differences),
        }
    }

    /// A call for which `left` is more permissive than `right`; `None` if there is none: `left` is a subset.
    ///
    /// Actions rank by what the kernel does: in its order of them, except that an action that it does not know is the kill
    /// that it makes of it, and that errno 0, which looks like success to the caller, permits more than any other errno.
    ///
    /// # Errors
    /// [`Error::Undecided`], [`Error::ForeignMeaning`]; [`Error::Disagreement`] where a witness does not replay.
    pub fn excess(
        &mut self,
        left: &Meaning<'_>,
        right: &Meaning<'_>,
    ) -> Result<Option<SeccompData>, Error> {
        let (differing, mut depending) = self.differing(left, right, Scope::Exact)?;
        for Differing { tokens, left: l, right: r, numbers } in differing {
            let d = &mut self.diagrams;
            let Pairs { calls, depends } =
                pairs(d, l, r, start_words(d, tokens, &numbers, [l, r]))?;
            depending |= depends;
            let found = calls.into_iter().find(|((l, r), _)| l.freedom() > r.freedom());
            if let Some(((from, to), words)) = found {
                let witness = call_of(&words);
                replay(left, Scope::Exact, &witness, from)?;
                replay(right, Scope::Exact, &witness, to)?;
                return Ok(Some(witness));
            }
        }
        match depending {
            true => Err(Undecided::ShiftAmount.into()),
            false => Ok(None),
        }
    }

    /// Whether `left` is never more permissive than `right`; [`Prover::excess`] gives the reason for a no.
    ///
    /// # Errors
    /// As [`Prover::excess`].
    pub fn subset(&mut self, left: &Meaning<'_>, right: &Meaning<'_>) -> Result<bool, Error> {
        self.excess(left, right).map(|excess| excess.is_none())
    }

    /// The classes with different functions, those with the same pair of functions joined; and whether others depend on
    /// shifts by 32 or more bits.
    fn differing(
        &mut self,
        left: &Meaning<'_>,
        right: &Meaning<'_>,
        scope: Scope,
    ) -> Result<(Vec<Differing>, bool), Error> {
        let mut list: Vec<Differing> = Vec::new();
        let mut places: Map<(Interval, NodeId, NodeId), usize> = Map::new();
        let mut depending = false;
        let mut seen = Map::new();
        self.for_each_class(left, right, scope, |d, Common { tokens, numbers, left, right }| {
            if left == right {
                depending |= depends(d, left, &mut seen)?;
                return Ok(());
            }
            let new = list.len();
            let place = *places.or_insert_with((tokens, left, right), || new)?;
            if place == new {
                list.try_push(Differing { tokens, left, right, numbers: Vec::new() })?;
            }
            Ok(list[place].numbers.try_push(numbers)?)
        })?;
        Ok((list, depending))
    }

    /// Visits the common classes with the functions that count in a scope.
    fn for_each_class(
        &mut self,
        left: &Meaning<'_>,
        right: &Meaning<'_>,
        scope: Scope,
        mut visit: impl FnMut(&mut Diagrams, Common) -> Result<(), Halt>,
    ) -> Result<(), Error> {
        self.own(left)?;
        self.own(right)?;
        let d = &mut self.diagrams;
        for_each_common(&left.classes, &right.classes, |mut common| {
            common.restrict(d)?;
            if scope != Scope::Exact && common.left != common.right {
                for side in [&mut common.left, &mut common.right] {
                    *side = d.normalised(*side)?;
                }
            }
            match scope {
                Scope::KernelReads if common.left != common.right => {
                    visible::for_each_syscall(d, common, &mut visit)
                }
                _ => visit(d, common),
            }
        })?;
        Ok(())
    }
}

impl Common {
    /// Makes the functions the same node where they are the same for the tokens and numbers of the class.
    fn restrict(&mut self, d: &mut Diagrams) -> Result<(), Halt> {
        if self.left != self.right && (d.reads_class(self.left) || d.reads_class(self.right)) {
            let inside = d.inside(self.tokens, self.numbers)?;
            self.left = d.ite(inside, self.left, OUTSIDE)?;
            self.right = d.ite(inside, self.right, OUTSIDE)?;
        }
        Ok(())
    }
}

/// Classes of numbers with the same pair of different functions.
struct Differing {
    tokens: Interval,
    left: NodeId,
    right: NodeId,
    numbers: Vec<Interval>,
}

/// The words with which the search for a call begins.
pub(crate) fn start_words(
    d: &Diagrams,
    tokens: Interval,
    numbers: &[Interval],
    functions: [NodeId; 2],
) -> crate::witness::Words {
    let mut words = [0; 16];
    // Functions that read token or number are restricted to the class, so the walk finds these itself.
    if !functions.iter().any(|&function| d.reads_class(function)) {
        words[0] = numbers.first().map_or(0, |interval| interval.first);
        words[1] = tokens.first;
    }
    words
}

fn replay(
    meaning: &Meaning<'_>,
    scope: Scope,
    call: &SeccompData,
    expected: Action,
) -> Result<(), Error> {
    let actual = match scope {
        Scope::Exact => meaning.source.decide(call),
        Scope::Effective | Scope::KernelReads => meaning.source.decide(call).normalised(),
    };
    match actual == expected {
        true => Ok(()),
        false => Err(Error::Disagreement { call: *call, expected, actual }),
    }
}

/// Restricts a pair of functions to where a condition holds.
pub(crate) fn where_holds(
    d: &mut Diagrams,
    condition: NodeId,
    functions: [NodeId; 2],
) -> Result<[NodeId; 2], Halt> {
    let [left, right] = functions;
    Ok([d.ite(condition, left, OUTSIDE)?, d.ite(condition, right, OUTSIDE)?])
}
