//! Programs that are proved rule by rule.
//!
//! The program is what the compiler makes of a *skeleton*: the policy in which each syscall that has conditions returns a
//! mark of its own. The return of a mark is replaced by a jump to the syscall's *body*, behind all else: its rules one
//! after the other, each a *piece* that tests its comparisons and returns, or goes on behind its last instruction; at the
//! end a return of the default action.
//!
//! # Proof
//!
//! Nothing that builds the program is believed. [`verify`] takes the finished instructions and the places of the pieces:
//!
//! 1. With the first instruction of each body replaced by the return of its mark, the program is proved equal to the
//!    skeleton. So the program reaches a body for exactly the calls of its syscall, and does what the policy says for all
//!    others.
//! 2. Each piece, cut out, with a return of [`MISS`] behind it, is a program that the kernel's checker accepts: no jump
//!    leaves it but to the instruction behind it. It begins with a load or a return and uses neither X nor scratch memory,
//!    so that what ran before it does not matter. It is proved equal to its rule, with [`MISS`] where the rule does not
//!    hold.
//! 3. Behind the last piece of a body is the return of the default action.
//!
//! Together: a call of the syscall tries the rules in order, the first that holds decides, else the default.
//!
//! Claim: C-PIECES

use std::collections::BTreeMap;

use callgate_bpf::{Alu, DataWord, Instruction, Operand, Operation, Program, Test};
use callgate_order::halves;
use callgate_policy::{
    ArchPolicy, Comparison, Condition, Field, Operator, Policy, Rule, View, Width,
};
use callgate_prover::{Options, prove};
use callgate_syscalls::{Action, Arch, Endian, SyscallNr};

use crate::Error;

/// What a piece returns where its rule does not hold. No context has such an action.
const MISS: Action = Action::from_raw(0x4fff_0000);

/// The first of the marks; no context has such actions either.
const MARK: u32 = 0x4000_0000;

/// The body of one syscall in a program.
#[derive(Debug)]
struct Body {
    arch: Arch,
    nr: SyscallNr,
    mark: Action,
    /// Where each rule begins.
    starts: Vec<usize>,
    /// Where the return of the default action is.
    end: usize,
}

/// Builds and proves a program; also says in how many pieces.
///
/// # Errors
/// [`Error::TooLong`], [`Error::NotProved`], [`Error::Shape`].
pub(crate) fn build(policy: &Policy, endian: Endian) -> Result<(Program, usize), Error> {
    let Assembled { skeleton, bodies, program } = assemble(policy, endian)?;
    let count = verify(policy, &skeleton, &program, &bodies)?;
    Ok((program, count))
}

/// A program with what its proof needs to know.
struct Assembled {
    skeleton: Policy,
    bodies: Vec<Body>,
    program: Program,
}

fn assemble(policy: &Policy, endian: Endian) -> Result<Assembled, Error> {
    let (skeleton, mut bodies) = skeleton(policy)?;
    let compiled = callgate_compiler::compile(&skeleton);
    let compiled = compiled.map_err(|reason| Error::TooLong { reason })?;
    let mut code = compiled.instructions().to_vec();
    let head = code.len();
    for body in &mut bodies {
        let Some(rules) = policy.arch(body.arch) else { return Err(Error::Shape) };
        for rule in rules.rules_for(body.nr) {
            body.starts.push(code.len());
            code.extend(piece(rule, endian)?);
        }
        body.end = code.len();
        code.push(Operation::Return(rules.default_action().raw()).into());
    }
    for (place, instruction) in code.iter_mut().enumerate().take(head) {
        let marked = bodies.iter().find(|body| *instruction == returns(body.mark));
        if let Some(&start) = marked.and_then(|body| body.starts.first()) {
            let skip = u32::try_from(start - place - 1).map_err(|_| Error::Shape)?;
            *instruction = Operation::Jump(skip).into();
        }
    }
    let len = code.len();
    let too_long = callgate_compiler::Error::TooLong { len, costliest: Vec::new() };
    let program = match len > Program::LEN_MAX {
        true => return Err(Error::TooLong { reason: too_long }),
        false => Program::new(code).map_err(|_| Error::Shape)?,
    };
    Ok(Assembled { skeleton, bodies, program })
}

/// The policy with a mark for each syscall that has conditions, and the bodies that the marks stand for.
fn skeleton(policy: &Policy) -> Result<(Policy, Vec<Body>), Error> {
    let mut bodies: Vec<Body> = Vec::new();
    let mut builder = Policy::builder(policy.foreign());
    let mut arches: BTreeMap<Arch, ArchPolicy> = BTreeMap::new();
    for (arch, rules) in policy.arches() {
        let mut marked = ArchPolicy::new(rules.default_action());
        for (nr, list) in rules.rules() {
            let conditional = list.iter().any(|rule| !rule.condition().is_always());
            let first = list.first().map_or(rules.default_action(), Rule::action);
            let mark = u32::try_from(bodies.len()).map(|index| Action::from_raw(MARK + index));
            let mark = mark.map_err(|_| Error::Shape)?;
            marked.rule(nr, Condition::always(), if conditional { mark } else { first });
            if conditional {
                bodies.push(Body { arch, nr, mark, starts: Vec::new(), end: 0 });
            }
        }
        arches.insert(arch, marked);
    }
    for (arch, marked) in arches {
        builder = builder.arch(arch, marked);
    }
    let skeleton = builder.build().map_err(|reason| Error::Lowering { reason })?;
    Ok((skeleton, bodies))
}

/// The instructions of one rule: tests of its comparisons, and its return.
fn piece(rule: &Rule, endian: Endian) -> Result<Vec<Instruction>, Error> {
    let parts: Vec<Vec<Tested>> = match rule.condition().view() {
        View::Compare(comparison) => vec![tests(comparison, endian)?],
        View::All(list) => {
            list.iter().map(|part| single(part, endian)).collect::<Result<_, _>>()?
        }
        View::Any(_) => return Err(Error::Shape),
    };
    let len = 1 + parts.iter().flatten().map(Tested::len).sum::<usize>();
    let mut code: Vec<Instruction> = Vec::with_capacity(len);
    for part in parts {
        let hit = code.len() + part.iter().map(Tested::len).sum::<usize>();
        for tested in part {
            tested.emit(&mut code, hit, len)?;
        }
    }
    code.push(returns(rule.action()));
    Ok(code)
}

fn single(condition: &Condition, endian: Endian) -> Result<Vec<Tested>, Error> {
    match condition.view() {
        View::Compare(comparison) => tests(comparison, endian),
        View::All(_) | View::Any(_) => Err(Error::Shape),
    }
}

/// One test of a word of an argument, and where its answers lead.
struct Tested {
    /// The word and its mask, unless the accumulator holds them already.
    load: Option<(DataWord, u32)>,
    test: Test,
    value: u32,
    yes: Next,
    no: Next,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The next test of the comparison.
    Go,
    /// The comparison holds.
    Hit,
    /// The rule does not hold.
    Miss,
}

/// The tests of a comparison, the high word's first.
fn tests(comparison: &Comparison, endian: Endian) -> Result<Vec<Tested>, Error> {
    let (test, hit, miss) = match comparison.operator() {
        Operator::Eq => (Test::Equal, Next::Hit, Next::Miss),
        Operator::Ne => (Test::Equal, Next::Miss, Next::Hit),
        Operator::Gt => (Test::Greater, Next::Hit, Next::Miss),
        Operator::Le => (Test::Greater, Next::Miss, Next::Hit),
        Operator::Ge => (Test::GreaterOrEqual, Next::Hit, Next::Miss),
        Operator::Lt => (Test::GreaterOrEqual, Next::Miss, Next::Hit),
    };
    let (high_mask, low_mask) = halves(comparison.mask());
    let (high, low) = halves(comparison.value());
    let [low_word, high_word] = words(comparison.field(), endian)?;
    let last = Tested { load: Some((low_word, low_mask)), test, value: low, yes: hit, no: miss };
    if comparison.width() == Width::Bits32 {
        return Ok(vec![last]);
    }
    let load = Some((high_word, high_mask));
    let equal = |load| Tested { load, test: Test::Equal, value: high, yes: Next::Go, no: miss };
    Ok(match test {
        Test::Equal | Test::AnyBit => vec![equal(load), last],
        Test::Greater | Test::GreaterOrEqual => {
            let above = Tested { load, test: Test::Greater, value: high, yes: hit, no: Next::Go };
            vec![above, equal(None), last]
        }
    })
}

/// The low and the high word of an argument.
fn words(field: Field, endian: Endian) -> Result<[DataWord; 2], Error> {
    let index = Field::ARGS.iter().position(|&arg| arg == field);
    let first = index.and_then(|index| u8::try_from(4 + 2 * index).ok()).ok_or(Error::Shape)?;
    let word = |index| DataWord::new(index).ok_or(Error::Shape);
    Ok(match endian {
        Endian::Little => [word(first)?, word(first + 1)?],
        Endian::Big => [word(first + 1)?, word(first)?],
    })
}

impl Tested {
    const fn len(&self) -> usize {
        match self.load {
            None => 1,
            Some((_, u32::MAX)) => 2,
            Some(_) => 3,
        }
    }

    /// Appends the test to a piece; `hit` and `miss` are places in the piece.
    fn emit(&self, code: &mut Vec<Instruction>, hit: usize, miss: usize) -> Result<(), Error> {
        if let Some((word, mask)) = self.load {
            code.push(Operation::LoadData(word).into());
            if mask != u32::MAX {
                code.push(Operation::Alu(Alu::And, Operand::K(mask)).into());
            }
        }
        let after = code.len() + 1;
        let skip = |next| {
            let target = match next {
                Next::Go => after,
                Next::Hit => hit,
                Next::Miss => miss,
            };
            u8::try_from(target - after).map_err(|_| Error::Shape)
        };
        let (jt, jf) = (skip(self.yes)?, skip(self.no)?);
        let operand = Operand::K(self.value);
        code.push(Operation::Branch { test: self.test, operand, jt, jf }.into());
        Ok(())
    }
}

/// Proves a program with these bodies equal to a policy; says in how many pieces. See the [module](self).
fn verify(
    policy: &Policy,
    skeleton: &Policy,
    program: &Program,
    bodies: &[Body],
) -> Result<usize, Error> {
    let code = program.instructions();
    let mut marked = code.to_vec();
    for body in bodies {
        let start = *body.starts.first().ok_or(Error::Shape)?;
        marked[start] = returns(body.mark);
    }
    proved(skeleton, marked, &Options::default())?;
    let mut count = 1;
    for body in bodies {
        let rules = policy.arch(body.arch).ok_or(Error::Shape)?;
        let list = rules.rules_for(body.nr);
        let default = returns(rules.default_action());
        if list.len() != body.starts.len() || code.get(body.end) != Some(&default) {
            return Err(Error::Shape);
        }
        let ends = body.starts.iter().skip(1).chain([&body.end]);
        for ((&start, &end), rule) in body.starts.iter().zip(ends).zip(list) {
            let piece = code.get(start..end).ok_or(Error::Shape)?;
            verify_piece(body, piece, rule)?;
            count += 1;
        }
    }
    Ok(count)
}

/// Proves one rule.
fn verify_piece(body: &Body, piece: &[Instruction], rule: &Rule) -> Result<(), Error> {
    let operations: Result<Vec<Operation>, _> = piece.iter().map(|i| i.operation()).collect();
    let operations = operations.map_err(|_| Error::Shape)?;
    let fresh = matches!(operations.first(), Some(Operation::LoadData(_) | Operation::Return(_)));
    if !fresh || !operations.iter().all(is_local) {
        return Err(Error::Shape);
    }
    let mut rules = ArchPolicy::new(MISS);
    rules.rule(body.nr, rule.condition().clone(), rule.action());
    let policy = Policy::builder(MISS).arch(body.arch, rules).build();
    let policy = policy.map_err(|reason| Error::Lowering { reason })?;
    let jump = |value: u32| Operation::Branch {
        test: Test::Equal,
        operand: Operand::K(value),
        jt: 1,
        jf: 0,
    };
    let miss = returns(MISS);
    let mut code: Vec<Instruction> = vec![
        Operation::LoadData(DataWord::ARCH).into(),
        jump(body.arch.token().raw()).into(),
        miss,
        Operation::LoadData(DataWord::NR).into(),
        jump(body.nr.raw()).into(),
        miss,
    ];
    code.extend_from_slice(piece);
    code.push(miss);
    // The diagrams decide; a few calls are asked beside them.
    let options = Options { calls_max: 32, ..Options::default() };
    proved(&policy, code, &options)
}

/// Whether an operation depends on nothing but A and the call.
fn is_local(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::LoadData(_)
            | Operation::Alu(Alu::And, Operand::K(_))
            | Operation::Branch { operand: Operand::K(_), .. }
            | Operation::Jump(_)
            | Operation::Return(_)
    )
}

fn proved(policy: &Policy, code: Vec<Instruction>, options: &Options) -> Result<(), Error> {
    let program = Program::new(code).map_err(|_| Error::Shape)?;
    prove(policy, program, options).map(|_| ()).map_err(|reason| Error::NotProved { reason })
}

fn returns(action: Action) -> Instruction {
    Operation::Return(action.raw()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        let field = Field::Arg1;
        let all = |list: &[Comparison]| {
            Condition::all(list.iter().copied().map(Condition::from)).unwrap()
        };
        let mut rules = ArchPolicy::new(Action::KILL_THREAD);
        let above = Comparison::new(field, Operator::Gt, 5 << 32);
        let masked = Comparison::masked(Field::Arg0, 0x1_0000_0f0f, Operator::Eq, 3);
        rules.rule(SyscallNr::new(1), all(&[masked, above]), Action::ALLOW);
        let unlike = Comparison::new(field, Operator::Ne, 7);
        rules.rule(SyscallNr::new(1), all(&[unlike]), Action::LOG);
        rules.rule(SyscallNr::new(2), Condition::always(), Action::ALLOW);
        Policy::builder(Action::trap(0)).arch(Arch::X86_64, rules).build().unwrap()
    }

    #[test]
    fn no_changed_instruction_is_accepted() {
        let policy = policy();
        let Assembled { skeleton, bodies, program } = assemble(&policy, Endian::Little).unwrap();
        assert_eq!(verify(&policy, &skeleton, &program, &bodies), Ok(3));
        let mut refused = 0;
        for place in 0..program.len() {
            let original = program.instructions()[place];
            for changed in [
                Instruction { k: original.k ^ 1, ..original },
                Instruction { k: original.k ^ 8, ..original },
                Instruction { jt: original.jf, jf: original.jt, ..original },
            ] {
                let mut code = program.instructions().to_vec();
                code[place] = changed;
                let Ok(mutant) = Program::new(code) else { continue };
                if mutant.canonical() == program.canonical() {
                    continue;
                }
                let verdict = verify(&policy, &skeleton, &mutant, &bodies);
                assert!(verdict.is_err(), "instruction {place}: {changed:?}");
                refused += 1;
            }
        }
        assert!(refused > 30, "{refused}");
    }

    #[test]
    fn pieces_that_lean_on_each_other_are_refused() {
        let policy = policy();
        let Assembled { skeleton, mut bodies, program } =
            assemble(&policy, Endian::Little).unwrap();
        // Cut one later, the second piece would begin without its load.
        bodies[0].starts[1] += 1;
        assert_eq!(verify(&policy, &skeleton, &program, &bodies), Err(Error::Shape));
    }
}
