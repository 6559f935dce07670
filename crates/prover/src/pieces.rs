//! Proof of a program in pieces, for rules of which the diagrams would be too large together.
//!
//! Someone claims that a program decides the rules of some syscalls in *bodies*, each a chain of *pieces*: a piece asks a few
//! rules and goes on at the next piece where none of them holds. Nothing of that is believed:
//!
//! 1. With the first instruction of each body replaced by the return of a mark of its own, the program is proved equal to
//!    the policy in which these syscalls return their marks. So it reaches a body for exactly the calls of its syscall, and
//!    does what the policy says for all others.
//! 2. Each piece begins with a load or a return, and what can be reached from it uses neither X nor scratch memory: what ran
//!    before it does not matter. With the first instruction of the next piece replaced by the return of a *miss*, what can be
//!    reached is proved equal to its rules, with a miss where none of them holds.
//! 3. From the last piece of a body, the program is proved equal to the rest of the rules and the default action.
//!
//! Together: a call of the syscall is asked the rules in order, the first that holds decides, else the default. Marks and
//! misses are actions that the policy does not have.
//!
//! Claim: C-PIECES

use callgate_bpf::{Alu, DataWord, Instruction, Operand, Operation, Program, Test};
use callgate_memory::{Grow, OutOfMemory, Sort, TryClone};
use callgate_policy::{Action, Arch, ArchPolicy, Condition, Policy, Rule, SyscallNr};

use crate::prove::{Proved, prove};
use crate::{Error, Options};

/// Where a program is claimed to decide the rules of one syscall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body<'a> {
    /// The architecture.
    pub arch: Arch,
    /// The number.
    pub nr: SyscallNr,
    /// The pieces: the first rule of each, by its place in the list, and its first instruction, by its place in the
    /// program. The first piece begins with rule 0.
    pub pieces: &'a [(usize, usize)],
}

/// How many calls are tried beside the proof of a piece.
const CALLS_MAX: usize = 32;

/// Proves that a program returns, for every call, exactly the action that the policy decides, piece by piece; see the
/// module of the source. Says in how many pieces.
///
/// # Errors
/// As [`prove()`]; [`Error::Pieces`] where the program is not of the form that is claimed.
///
/// Claim: C-PIECES
pub fn prove_pieces(
    policy: &Policy,
    program: Program,
    bodies: &[Body<'_>],
    options: &Options,
) -> Result<(Proved, usize), Error> {
    let spare =
        Spare::of(policy).ok_or(Error::Pieces { reason: "the policy has too many actions" })?;
    let mut marked = Vec::with_room(program.len())?;
    marked.try_extend_copies(program.instructions())?;
    for body in bodies {
        let start = body.start()?;
        let instruction = marked.get_mut(start);
        let instruction =
            instruction.ok_or(Error::Pieces { reason: "a body is outside the program" })?;
        *instruction = returns(spare.mark(start));
    }
    let skeleton = skeleton(policy, bodies, spare)?;
    let skeleton = prove(&skeleton, checked(marked)?, options)?;
    let mut certificate = *skeleton.certificate();
    let mut count = 0;
    let options = Options { calls_max: options.calls_max.min(CALLS_MAX), ..options.clone() };
    for body in different(policy, bodies)? {
        for piece in 0..body.pieces.len() {
            let proved = prove_piece(policy, &program, body, piece, spare, &options)?;
            certificate.obligations += proved.certificate().obligations;
            certificate.calls += proved.certificate().calls;
            certificate.tests += proved.certificate().tests;
            certificate.nodes = certificate.nodes.max(proved.certificate().nodes);
            certificate.bytes = certificate.bytes.max(proved.certificate().bytes);
            count += 1;
        }
    }
    Ok((Proved::in_pieces(program, certificate), count))
}

impl Body<'_> {
    /// Its first instruction. Bodies of several syscalls may be one.
    fn start(&self) -> Result<usize, Error> {
        match self.pieces.first() {
            Some(&(0, start)) => Ok(start),
            _ => Err(Error::Pieces { reason: "a body does not begin with rule 0" }),
        }
    }
}

/// The bodies without those of which all is proved with another one.
///
/// Sorted by their first instructions, so that each is compared with those of one place only.
fn different<'a>(policy: &Policy, bodies: &[Body<'a>]) -> Result<Vec<Body<'a>>, Error> {
    let mut sorted = Vec::with_room(bodies.len())?;
    sorted.try_extend_copies(bodies)?;
    sorted.sort_in_place_by_key(|body| body.pieces.first().copied());
    let mut kept: Vec<Body<'_>> = Vec::new();
    for body in sorted {
        let place = kept.iter().rev().take_while(|known| known.pieces[0] == body.pieces[0]);
        if !place.into_iter().any(|known| is_same(policy, known, &body)) {
            kept.try_push(body)?;
        }
    }
    Ok(kept)
}

/// Whether what is proved of one body holds of the other: the same instructions, and the same rules in the same byte
/// order. No piece reads number or architecture.
fn is_same(policy: &Policy, one: &Body<'_>, other: &Body<'_>) -> bool {
    let rules = |body: &Body<'_>| {
        let arch = policy.arch(body.arch)?;
        Some((arch.rules_for(body.nr), arch.default_action(), body.arch.endian()))
    };
    one.pieces == other.pieces && rules(one).is_some() && rules(one) == rules(other)
}

/// Actions that a policy does not have.
#[derive(Clone, Copy)]
struct Spare {
    /// 65,536 of them from this on.
    first: u32,
}

impl Spare {
    fn of(policy: &Policy) -> Option<Self> {
        let is_used = |first: u32| {
            let own = |action: Action| action.raw() & 0xffff_0000 == first;
            let arch = |rules: &ArchPolicy| {
                own(rules.default_action())
                    || rules.unknown_action().is_some_and(|unknown| own(unknown.action))
                    || rules.rules().any(|(_, list)| list.iter().any(|rule| own(rule.action())))
            };
            own(policy.foreign()) || policy.arches().any(|(_, rules)| arch(rules))
        };
        let firsts = (0x4000..0x5000).map(|high: u32| high << 16);
        firsts.into_iter().find(|first| !is_used(*first)).map(|first| Self { first })
    }

    /// What a piece returns where none of its rules holds.
    const fn miss(self) -> Action {
        Action::from_raw(self.first)
    }

    /// What stands for the body that begins there: a program has at most 4,096 instructions.
    fn mark(self, start: usize) -> Action {
        Action::from_raw(self.first | u32::from(u16::try_from(start + 1).unwrap_or(0)))
    }
}

/// The policy in which the syscalls that have bodies return their marks.
fn skeleton(policy: &Policy, bodies: &[Body<'_>], spare: Spare) -> Result<Policy, Error> {
    let mut marks = Vec::with_room(bodies.len())?;
    for body in bodies {
        marks.try_push(((body.arch, body.nr), body.start()?))?;
    }
    marks.sort_in_place();
    let mut builder = Policy::builder(policy.foreign());
    for (arch, rules) in policy.arches() {
        let mut marked = ArchPolicy::new(rules.default_action());
        if let Some(unknown) = rules.unknown_action() {
            marked.unknown(unknown);
        }
        for (nr, list) in rules.rules() {
            match marks.binary_search_by_key(&(arch, nr), |&(syscall, _)| syscall) {
                Ok(place) => {
                    marked.try_rule(nr, Condition::always(), spare.mark(marks[place].1))?;
                }
                Err(_) => add(&mut marked, nr, list)?,
            }
        }
        builder = builder.try_arch(arch, marked)?;
    }
    builder.build().map_err(|_| Error::Pieces { reason: "the policy has no architecture" })
}

fn add(to: &mut ArchPolicy, nr: SyscallNr, rules: &[Rule]) -> Result<(), OutOfMemory> {
    for rule in rules {
        to.try_rule(nr, rule.condition().try_clone()?, rule.action())?;
    }
    Ok(())
}

/// Proves one piece of a body.
fn prove_piece(
    policy: &Policy,
    program: &Program,
    body: Body<'_>,
    piece: usize,
    spare: Spare,
    options: &Options,
) -> Result<Proved, Error> {
    let reason = "a piece is not where it is said to be";
    let rules = policy.arch(body.arch).ok_or(Error::Pieces { reason })?;
    let list = rules.rules_for(body.nr);
    let &(first, start) = body.pieces.get(piece).ok_or(Error::Pieces { reason })?;
    let next = body.pieces.get(piece + 1);
    let last = next.map_or(list.len(), |next| next.0);
    let mut meant = ArchPolicy::new(spare.miss());
    add(&mut meant, body.nr, list.get(first..last).ok_or(Error::Pieces { reason })?)?;
    if next.is_none() {
        meant.try_rule(body.nr, Condition::always(), rules.default_action())?;
    }
    let meant = Policy::builder(spare.miss()).try_arch(body.arch, meant)?.build();
    let meant = meant.map_err(|_| Error::Pieces { reason })?;
    let code = reachable(program, start, next.map(|next| next.1), spare.miss())?;
    let prelude = prelude(body, spare.miss());
    let mut whole = Vec::with_room(prelude.len() + code.len())?;
    whole.try_extend_copies(&prelude)?;
    whole.try_extend_copies(&code)?;
    prove(&meant, checked(whole)?, options)
}

/// Sends all calls but those of the body's syscall away.
fn prelude(body: Body<'_>, miss: Action) -> [Instruction; 6] {
    let is = |value: u32| {
        let operand = Operand::K(value);
        Operation::Branch { test: Test::Equal, operand, jt: 1, jf: 0 }.into()
    };
    [
        Operation::LoadData(DataWord::ARCH).into(),
        is(body.arch.token().raw()),
        returns(miss),
        Operation::LoadData(DataWord::NR).into(),
        is(body.nr.raw()),
        returns(miss),
    ]
}

/// The instructions from one on that can be reached from it, with that of `next` replaced by the return of a miss, and all
/// others too.
fn reachable(
    program: &Program,
    start: usize,
    next: Option<usize>,
    miss: Action,
) -> Result<Vec<Instruction>, Error> {
    let code = program.instructions();
    let operation = |place: usize| code.get(place).and_then(|i| i.operation().ok());
    let begins = [Some(start), next].into_iter().flatten().all(|place| {
        matches!(operation(place), Some(Operation::LoadData(_) | Operation::Return(_)))
    });
    if !begins {
        return Err(Error::Pieces { reason: "a piece does not begin with a load" });
    }
    // Jumps lead forward, so one pass reaches all, and ends behind the last that is reached: a piece
    // is not charged for the rest of the program.
    let (mut reached, mut kept) = (Vec::new(), Vec::new());
    reached.try_push(true)?;
    for (place, &instruction) in code.iter().enumerate().skip(start) {
        let Some(&is_reached) = reached.get(place - start) else { break };
        if !is_reached || Some(place) == next {
            kept.try_push(returns(miss))?;
            continue;
        }
        kept.try_push(instruction)?;
        let skips = match operation(place).filter(is_local) {
            Some(Operation::Return(_)) => [None, None],
            Some(Operation::Jump(skip)) => [usize::try_from(skip).ok(), None],
            Some(Operation::Branch { jt, jf, .. }) => [Some(jt.into()), Some(jf.into())],
            Some(_) => [Some(0), None],
            None => return Err(Error::Pieces { reason: "a piece depends on what ran before it" }),
        };
        for skip in skips.into_iter().flatten() {
            // The checker found that no jump leaves the program.
            let target = place + 1 + skip - start;
            if reached.len() <= target {
                reached.try_resize(target + 1, false)?;
            }
            reached[target] = true;
        }
    }
    Ok(kept)
}

/// Whether an operation depends on nothing but A and the arguments.
fn is_local(operation: &Operation) -> bool {
    match operation {
        Operation::LoadData(word) => ![DataWord::NR, DataWord::ARCH].contains(word),
        Operation::Alu(Alu::And, Operand::K(_))
        | Operation::Branch { operand: Operand::K(_), .. }
        | Operation::Jump(_)
        | Operation::Return(_) => true,
        _ => false,
    }
}

fn returns(action: Action) -> Instruction {
    Operation::Return(action.raw()).into()
}

fn checked(code: Vec<Instruction>) -> Result<Program, Error> {
    Program::new(code).map_err(|_| Error::Pieces { reason: "a piece leads outside the program" })
}

#[cfg(test)]
mod tests;
