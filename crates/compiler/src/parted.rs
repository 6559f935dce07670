//! Programs that can be proved in pieces.
//!
//! Rules that mask the same words in many ways can need diagrams of any size, to compile and to
//! prove, while a program that tests them as they are written is short. In such a program the rules
//! of a syscall are its *body*, and a few neighbouring rules are a *piece*: it begins with a load,
//! so that what ran before does not matter, and goes on at the next piece where none of its rules
//! holds. Each piece can be proved for itself.
//!
//! Bodies of syscalls with equal rules are one, and those that end alike share their ends.

use callgate_bpf::Program;
use callgate_memory::{Grow, OutOfMemory};
use callgate_policy::{Arch, Condition, Policy, Rule, SyscallNr, View};
use callgate_syscalls::Endian;

use crate::arguments::{self, Workshop};
use crate::dispatch::{Dispatched, dispatch};
use crate::graph::{Graph, NodeId};
use crate::layout::Layouts;
use crate::tree::Shape;
use crate::variable::{Halves, Variable};
use crate::{Error, Options, written};

/// The most rules of a piece, and the most masked words: a diagram of so few is small whatever they
/// are.
const RULES_MAX: usize = 8;
const MASKED_MAX: usize = 8;

/// A program with its bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parted {
    /// The program.
    pub program: Program,
    /// The syscalls whose arguments it tests.
    pub bodies: Vec<Body>,
}

/// The part of a program for the rules of one syscall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The architecture.
    pub arch: Arch,
    /// The number.
    pub nr: SyscallNr,
    /// At least one. Each asks its rules and goes on at the next one; the last one also has the
    /// rest of the rules and the default.
    pub pieces: Vec<Piece>,
}

/// A part of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its first rule, by its place in the syscall's list.
    pub rule: usize,
    /// Its first instruction, by its place in the program.
    pub start: usize,
}

/// Compiles a policy so that the program can be proved in pieces.
///
/// # Errors
/// As [`compile`](crate::compile()).
///
/// # Examples
/// ```
/// use callgate_compiler::compile_parted;
/// use callgate_policy::{Action, Arch, ArchPolicy, Comparison, Condition, Field, Operator, Policy, SyscallNr};
///
/// let mut rules = ArchPolicy::new(Action::ALLOW);
/// for flag in 0..24 {
///     let is_set = |field| Comparison::masked(field, 1 << flag, Operator::Eq, 1 << flag).into();
///     let both = Condition::all([is_set(Field::Arg0), is_set(Field::Arg1)])?;
///     rules.rule(SyscallNr::new(1), both, Action::KILL_PROCESS);
/// }
/// let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, rules).build()?;
/// let parted = compile_parted(&policy)?;
/// assert_eq!(parted.bodies.len(), 1);
/// assert_eq!(parted.bodies[0].pieces.len(), 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn compile_parted(policy: &Policy) -> Result<Parted, Error> {
    match compile_as(Shape::FastWritten, policy) {
        Err(Error::TooLong { .. }) => compile_as(Shape::Written, policy),
        done => done,
    }
}

fn compile_as(shape: Shape, policy: &Policy) -> Result<Parted, Error> {
    let (options, mut graph) = (Options::default(), Graph::default());
    let mut workshop = Workshop::default();
    let dispatched = dispatch(policy, &options, shape, &mut graph, &mut workshop)?;
    drop(workshop);
    let mut bodies: Vec<(Body, Vec<NodeId>)> = Vec::with_room(dispatched.syscalls.len())?;
    let mut cuts: Vec<NodeId> = Vec::new();
    for &(arch, nr, _) in &dispatched.syscalls {
        let Some(rules) = policy.arch(arch) else { continue };
        let default = graph.ret(rules.default_action())?;
        let (body, nodes) = body(&mut graph, (arch, nr), rules.rules_for(nr), default)?;
        cuts.try_extend_copies(&nodes)?;
        bodies.try_push((body, nodes))?;
    }
    let mut layouts = Layouts::default();
    let program = match layouts.program_cut(&graph, dispatched.root, &cuts)? {
        Ok(instructions) => Program::new(instructions),
        Err(len) => return Err(too_long(len, &graph, &dispatched)?),
    };
    let program = program.map_err(|reason| Error::Rejected { reason })?;
    let mut placed = Vec::with_room(bodies.len())?;
    for (mut body, nodes) in bodies {
        for (piece, node) in body.pieces.iter_mut().zip(nodes) {
            piece.start = layouts.start(node).unwrap_or_default();
        }
        placed.try_push(body)?;
    }
    Ok(Parted { program, bodies: placed })
}

fn too_long(len: usize, graph: &Graph, dispatched: &Dispatched) -> Result<Error, OutOfMemory> {
    Ok(Error::TooLong { len, costliest: dispatched.costliest(graph)? })
}

/// The body of a syscall, without places, and the nodes at which its pieces begin.
fn body(
    graph: &mut Graph,
    (arch, nr): (Arch, SyscallNr),
    rules: &[Rule],
    default: NodeId,
) -> Result<(Body, Vec<NodeId>), OutOfMemory> {
    let (rules, fallback) = arguments::conditional(graph, rules, default)?;
    // Makes the nodes that are there already.
    let written = written::shared(graph, arch.endian(), rules, fallback)?;
    let (mut pieces, mut nodes) = (Vec::new(), Vec::new());
    let mut size = Size::default();
    let mut groups = written.groups.iter().rev().peekable();
    while let Some(&(rule, node)) = groups.next() {
        let next = groups.peek().map(|&&(rule, _)| rule);
        let group = &rules[rule..next.unwrap_or(rules.len())];
        let fits = size.add(group, arch.endian());
        // A rule that changes nothing has no code of its own, and neither has what leads to a
        // return.
        let has_code = nodes.last() != Some(&node) && graph.is_question(node);
        if pieces.is_empty() || has_code && !fits {
            pieces.try_push(Piece { rule, start: 0 })?;
            nodes.try_push(node)?;
            size = Size::default();
            size.add(group, arch.endian());
        }
    }
    Ok((Body { arch, nr, pieces }, nodes))
}

/// How much a piece has to tell apart.
#[derive(Default)]
struct Size {
    rules: usize,
    masked: [Option<Variable>; MASKED_MAX],
}

impl Size {
    /// Adds rules; says whether that is not too much.
    fn add(&mut self, rules: &[Rule], endian: Endian) -> bool {
        self.rules += rules.len();
        let parts = rules.iter().flat_map(|rule| match rule.condition().view() {
            View::All(list) | View::Any(list) => list,
            View::Compare(_) => std::slice::from_ref(rule.condition()),
        });
        self.rules <= RULES_MAX && parts.into_iter().all(|part| self.add_part(part, endian))
    }

    fn add_part(&mut self, part: &Condition, endian: Endian) -> bool {
        let View::Compare(comparison) = part.view() else { return false };
        let Halves { high, low } = Halves::of(comparison, endian);
        [high, low].into_iter().all(|(variable, regions)| {
            let is_cut = variable.mask != u32::MAX && regions.differ();
            !is_cut || self.add_masked(variable)
        })
    }

    fn add_masked(&mut self, variable: Variable) -> bool {
        let is_place = |place: &&mut Option<Variable>| place.is_none_or(|known| known == variable);
        let place = self.masked.iter_mut().find(is_place);
        place.map(|place| *place = Some(variable)).is_some()
    }
}
