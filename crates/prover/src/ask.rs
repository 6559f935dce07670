//! Questions about one syscall of a meaning: what can happen to it, and which of its calls the kernel takes for the same
//! although the filter does not.

use callgate_policy::{Condition, Field};
use callgate_syscalls::{Action, Arch, Argument, ArgumentWidth, Endian, SeccompData, SyscallNr};

use crate::budget::Halt;
use crate::compare::where_holds;
use crate::diagram::{Diagrams, FALSE, NodeId, OUTSIDE, Order, Pattern, Rank, TRUE};
use crate::meaning::{Meaning, endian_of};
use crate::numbers::Interval;
use crate::policy::words_of;
use crate::witness::{Pairs, Words, call_of, pairs};
use crate::{Error, Prover};

/// Two calls that the kernel takes for the same, and that a filter answers differently: they differ in bits of an argument
/// that the kernel does not read.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Ambiguity {
    /// The argument.
    pub argument: usize,
    /// How programs would spell the first call.
    pub spelling: Spelling,
    /// A call as programs make it, and its action.
    pub plain: (SeccompData, Action),
    /// The same call as far as the kernel looks, which permits more.
    pub freer: (SeccompData, Action),
}

/// How the register of an argument that is narrower than it holds a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "readers have to look at each kind")]
pub enum Spelling {
    /// The bits that the kernel does not read are zero.
    Zeros,
    /// They are copies of the sign of a negative number.
    Signs,
}

impl Spelling {
    const fn of(is_signed: bool) -> &'static [Self] {
        if is_signed { &[Self::Zeros, Self::Signs] } else { &[Self::Zeros] }
    }
}

impl Prover {
    /// The actions that calls of a syscall get which meet a condition, ascending, each with a call.
    ///
    /// # Errors
    /// [`Error::ForeignMeaning`], [`Error::Undecided`]; [`Error::Disagreement`] where a call does not replay.
    pub fn actions_where(
        &mut self,
        meaning: &Meaning<'_>,
        (arch, nr): (Arch, SyscallNr),
        condition: &Condition,
    ) -> Result<Vec<(Action, SeccompData)>, Error> {
        let node = self.node_at(meaning, (arch, nr))?;
        let d = &mut self.diagrams;
        let holds = d.where_holds(condition, arch.endian(), [TRUE, FALSE])?;
        let node = d.ite(holds, node, OUTSIDE)?;
        let found = actions(d, node, start(arch, nr))?;
        if found.depends {
            return Err(crate::Undecided::ShiftAmount.into());
        }
        found.calls.into_iter().map(|((action, _), words)| tried(meaning, &words, action)).collect()
    }

    /// The calls of a syscall that the kernel takes for the same as others, and that get a freer answer: at most one for
    /// each argument and spelling. `is_signed` says which arguments can be negative.
    ///
    /// # Errors
    /// As [`Prover::actions_where`].
    pub fn ambiguities(
        &mut self,
        meaning: &Meaning<'_>,
        (arch, nr): (Arch, SyscallNr),
        is_signed: impl Fn(Argument) -> bool,
    ) -> Result<Vec<Ambiguity>, Error> {
        let node = self.node_at(meaning, (arch, nr))?;
        let signature = arch.syscall_at(nr).and_then(|syscall| arch.signature(syscall.name));
        let Some(signature) = signature.filter(|_| !self.diagrams.is_leaf(node)) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for (index, argument) in signature.arguments().enumerate() {
            let order = &self.diagrams.order;
            let Some(register) = Register::of(order, index, argument.width, arch.endian()) else {
                continue;
            };
            let freest = self.freest(node, &register)?;
            if freest == node {
                continue;
            }
            // Calls of 32-bit programs have no signs there.
            let is_signed =
                is_signed(argument) && arch.word_bits() == 64 && register.read[1] == u32::MAX;
            for &spelling in Spelling::of(is_signed) {
                let at = At { arch, nr, node, freest };
                found.extend(self.ambiguity(meaning, at, &register, spelling)?);
            }
        }
        Ok(found)
    }

    /// A call of a syscall that meets a condition, which is not about these bits of an argument, and gets a freer answer
    /// with others in their place.
    ///
    /// # Errors
    /// As [`Prover::actions_where`].
    pub fn freer_with(
        &mut self,
        meaning: &Meaning<'_>,
        (arch, nr): (Arch, SyscallNr),
        (argument, bits): (usize, u64),
        condition: &Condition,
    ) -> Result<Option<Ambiguity>, Error> {
        let Ok(field) = Field::arg(argument) else { return Ok(None) };
        let node = self.node_at(meaning, (arch, nr))?;
        let holds = self.diagrams.where_holds(condition, arch.endian(), [TRUE, FALSE])?;
        let node = self.diagrams.ite(holds, node, OUTSIDE)?;
        let ranks = words_of(field, arch.endian()).map(|word| self.diagrams.order.rank(word));
        let (high, low) = ((bits >> 32) as u32, (bits & 0xffff_ffff) as u32);
        let register = Register { argument, ranks, read: [!high, !low] };
        let freest = self.freest(node, &register)?;
        for &spelling in Spelling::of(high == u32::MAX) {
            let at = At { arch, nr, node, freest };
            if let Some(found) = self.ambiguity(meaning, at, &register, spelling)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The freest action that can be had by the choice of the bits of a register that the kernel does not read.
    fn freest(&mut self, node: NodeId, register: &Register) -> Result<NodeId, Error> {
        let mut chosen = [0; Rank::COUNT];
        for (rank, read) in register.ranks.iter().zip(register.read) {
            chosen[rank.index()] = !read;
        }
        Ok(self.diagrams.freest_over([node, node], &chosen)?[0])
    }

    fn ambiguity(
        &mut self,
        meaning: &Meaning<'_>,
        At { arch, nr, node, freest }: At,
        register: &Register,
        spelling: Spelling,
    ) -> Result<Option<Ambiguity>, Error> {
        let d = &mut self.diagrams;
        let spelled = register.spelled(d, spelling)?;
        let functions = where_holds(d, spelled, [freest, node])?;
        let calls = pairs(d, functions[0], functions[1], start(arch, nr))?.calls;
        let freer = calls.into_iter().filter(|((had, got), _)| had.freedom() > got.freedom());
        let Some(((had, got), words)) =
            freer.max_by_key(|((had, got), _)| (had.freedom(), std::cmp::Reverse(got.freedom())))
        else {
            return Ok(None);
        };
        let (plain_action, plain) = tried(meaning, &words, got)?;
        // The same call with other bits that the kernel does not read.
        let same = same_but(d, register, &words)?;
        let function = d.ite(same, node, OUTSIDE)?;
        let others = actions(d, function, start(arch, nr))?.calls;
        let Some((_, words)) = others.into_iter().find(|((action, _), _)| *action == had) else {
            return Ok(None);
        };
        let (action, call) = tried(meaning, &words, had)?;
        let (plain, freer) = ((plain, plain_action), (call, action));
        Ok(Some(Ambiguity { argument: register.argument, spelling, plain, freer }))
    }

    /// The function of the rest of the call for an architecture and number.
    fn node_at(&mut self, meaning: &Meaning<'_>, at: (Arch, SyscallNr)) -> Result<NodeId, Error> {
        let (arch, nr) = at;
        self.own(meaning)?;
        let (token, nr) = (arch.token().raw(), nr.raw());
        let class = meaning.classes.iter().find(|class| class.tokens.contains(token));
        let class = class.and_then(|class| {
            let place = class.numbers.partition_point(|numbers| numbers.numbers.last < nr);
            class.numbers.get(place)
        });
        let node = class.ok_or(Error::Partition)?.node;
        let d = &mut self.diagrams;
        if !d.reads_class(node) {
            return Ok(node);
        }
        let inside = d.inside(Interval::point(token), Interval::point(nr))?;
        Ok(d.ite(inside, node, OUTSIDE)?)
    }
}

/// A function with its syscall.
struct At {
    arch: Arch,
    nr: SyscallNr,
    node: NodeId,
    freest: NodeId,
}

/// The words of an argument of which the kernel reads a part.
struct Register {
    argument: usize,
    /// The high and the low word.
    ranks: [Rank; 2],
    /// The bits of each that the kernel reads.
    read: [u32; 2],
}

impl Register {
    fn of(order: &Order, argument: usize, width: ArgumentWidth, endian: Endian) -> Option<Self> {
        let low = match width {
            ArgumentWidth::Bits8 => 0xff,
            ArgumentWidth::Bits16 => 0xffff,
            ArgumentWidth::Bits32 => u32::MAX,
            _ => return None,
        };
        let field = Field::arg(argument).ok()?;
        let ranks = words_of(field, endian).map(|word| order.rank(word));
        Some(Self { argument, ranks, read: [0, low] })
    }

    /// The condition that a program would spell the register so.
    fn spelled(&self, d: &mut Diagrams, spelling: Spelling) -> Result<NodeId, Error> {
        let ([high, low], [read_high, read_low]) = (self.ranks, self.read);
        let all = |value| Pattern { mask: u32::MAX, value };
        let parts = match spelling {
            Spelling::Zeros => [(high, read_high), (low, read_low)]
                .map(|(rank, read)| (rank, Pattern { mask: !read, value: 0 })),
            Spelling::Signs => {
                const SIGN: u32 = 1 << 31;
                [(high, all(u32::MAX)), (low, Pattern { mask: SIGN, value: SIGN })]
            }
        };
        all_of(d, parts)
    }
}

/// The condition that a call has these words, but for the bits of a register that the kernel does not read.
fn same_but(d: &mut Diagrams, register: &Register, words: &Words) -> Result<NodeId, Error> {
    let fields = std::iter::once(Field::InstructionPointer).chain(Field::ARGS);
    let arch = callgate_syscalls::ArchToken::new(words[1]);
    let order = d.order.clone();
    let same = fields.flat_map(|field| words_of(field, endian_of(arch))).map(|word| {
        let rank = order.rank(word);
        let own = register.ranks.iter().position(|own| *own == rank);
        let mask = own.map_or(u32::MAX, |own| register.read[own]);
        (rank, Pattern { mask, value: words[usize::from(word.index())] & mask })
    });
    all_of(d, same)
}

/// The condition that words have these patterns.
fn all_of(
    d: &mut Diagrams,
    patterns: impl IntoIterator<Item = (Rank, Pattern)>,
) -> Result<NodeId, Error> {
    let mut holds = TRUE;
    for (rank, pattern) in patterns.into_iter().filter(|(_, pattern)| pattern.mask != 0) {
        let here = d.choice(rank, pattern, TRUE, FALSE)?;
        holds = d.and(here, holds)?;
    }
    Ok(holds)
}

/// The actions of a function, each with a call.
fn actions(d: &mut Diagrams, function: NodeId, words: Words) -> Result<Pairs, Halt> {
    // A word that no filter returns, to pair the actions with.
    let none = d.action(Action::from_raw(0x5eed_5eed))?;
    pairs(d, function, none, words)
}

fn start(arch: Arch, nr: SyscallNr) -> Words {
    let mut words = [0; 16];
    (words[0], words[1]) = (nr.raw(), arch.token().raw());
    words
}

/// A call that was found, tried by other means than diagrams.
fn tried(
    meaning: &Meaning<'_>,
    words: &Words,
    expected: Action,
) -> Result<(Action, SeccompData), Error> {
    let call = call_of(words);
    let actual = meaning.source.decide(&call);
    match actual == expected {
        true => Ok((expected, call)),
        false => Err(Error::Disagreement { call, expected, actual }),
    }
}
