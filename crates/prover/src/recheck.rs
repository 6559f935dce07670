//! A second opinion: the specification and the simulator, on calls chosen to tell a wrong program from a right one.
//!
//! Nothing here uses diagrams, and nothing of the diagrams uses this.
//!
//! The calls stand at the corners of what both sides tell apart: every arch token of either side, its neighbours and it
//! with some bits flipped; under each token of the policy every number at which the policy's answer changes, every number
//! that the program compares with and the neighbours of both; for each rule with conditions, arguments that meet it, and
//! these with one field changed: to the neighbours of each of its constants, its halves swapped, all its bits flipped, each
//! bit flipped, and with the program's constants in each half. No number is tried twice. Where that exceeds the limit,
//! every n-th of a kind is taken, first of the last kinds.
//!
//! All calls of a kind go through a program together ([`Program::run_all`]), sorted as far as they were made in order.

mod arguments;
mod numbers;

use callgate_bpf::{CallWords, DataWord, Operand, Operation, Program, Stack};
use callgate_memory::{Grow, OutOfMemory, Sort};
use callgate_policy::Policy;
use callgate_syscalls::{Action, ArchToken, Endian, SeccompData, SyscallNr};

use crate::Error;
use crate::meaning::endian_of;

/// Compares policy and program on up to `calls_max` calls; gives the number of calls that were tried.
///
/// # Errors
/// [`Error::Disagreement`] with the first call on which they differ; [`Error::OutOfMemory`].
pub fn recheck(policy: &Policy, program: &Program, calls_max: usize) -> Result<usize, Error> {
    both(policy, Written::Program(program), calls_max)
}

/// As [`recheck`], for filters that mean the policy together: compares what the kernel does with both words.
pub(crate) fn recheck_stack(
    policy: &Policy,
    stack: &Stack,
    calls_max: usize,
) -> Result<usize, Error> {
    both(policy, Written::Stack(stack), calls_max)
}

fn both(policy: &Policy, written: Written<'_>, calls_max: usize) -> Result<usize, Error> {
    let constants = Constants::of(written.programs())?;
    let mut trial = Trial::new(written, calls_max)?;
    numbers::try_tokens(&mut trial, policy, &constants)?;
    numbers::try_numbers(&mut trial, policy, &constants)?;
    arguments::try_arguments(&mut trial, policy, &constants.values)?;
    trial.compare()?;
    Ok(trial.tried)
}

/// What is compared with the policy.
#[derive(Clone, Copy)]
enum Written<'w> {
    Program(&'w Program),
    Stack(&'w Stack),
}

impl<'w> Written<'w> {
    fn programs(self) -> &'w [Program] {
        match self {
            Self::Program(program) => std::slice::from_ref(program),
            Self::Stack(stack) => stack.programs(),
        }
    }
}

/// How many calls are tried together, at most: some 40 KB.
const TOGETHER: usize = 512;

/// For how many there is room from the start where no rule has a condition: a filter of a rule or two takes no more.
const FEW: usize = 64;

/// Calls with what the policy decides, tried on the program when there are enough.
struct Trial<'w> {
    written: Written<'w>,
    calls_max: usize,
    tried: usize,
    /// The token of the last call, which nearly all share with the one before, and its byte order.
    last: (ArchToken, Endian),
    calls: Vec<CallWords>,
    expected: Vec<Action>,
    room: Vec<u32>,
    returned: Vec<Action>,
}

impl<'w> Trial<'w> {
    fn new(written: Written<'w>, calls_max: usize) -> Result<Self, OutOfMemory> {
        let few = FEW.min(calls_max);
        Ok(Self {
            written,
            calls_max,
            tried: 0,
            last: (ArchToken::new(0), Endian::Little),
            calls: Vec::with_room(few)?,
            expected: Vec::with_room(few)?,
            room: Vec::new(),
            returned: Vec::new(),
        })
    }

    /// How many calls may still be tried.
    fn left(&self) -> usize {
        self.calls_max.saturating_sub(self.tried + self.calls.len())
    }

    /// Takes a call of which the policy's decision is known.
    #[inline]
    fn take(&mut self, call: &SeccompData, expected: Action) -> Result<(), Error> {
        if self.left() == 0 {
            return Ok(());
        }
        // Where all fields are 0, their order is nothing that a program can see.
        if self.last.0 != call.arch && (call.args != [0; 6] || call.instruction_pointer != 0) {
            self.last = (call.arch, endian_of(call.arch));
        }
        self.calls.try_push(CallWords::new(call, self.last.1))?;
        self.expected.try_push(expected)?;
        if self.calls.len() == TOGETHER { self.compare() } else { Ok(()) }
    }

    /// Compares what was taken.
    fn compare(&mut self) -> Result<(), Error> {
        self.run()?;
        let pairs = self.expected.iter().zip(&self.returned);
        if let Some(place) = pairs.clone().position(|(expected, actual)| expected != actual) {
            let (expected, actual) = (self.expected[place], self.returned[place]);
            let call = self.calls[place].call(endian_of);
            return Err(Error::Disagreement { call, expected, actual });
        }
        self.tried += self.calls.len();
        self.calls.clear();
        self.expected.clear();
        Ok(())
    }

    fn run(&mut self) -> Result<(), OutOfMemory> {
        self.returned.try_resize(self.calls.len(), Action::ALLOW)?;
        match self.written {
            Written::Program(program) => {
                self.room.try_resize(self.calls.len(), 0)?;
                program.run_all(&self.calls, &mut self.room, &mut self.returned);
            }
            Written::Stack(stack) => {
                for (call, returned) in self.calls.iter().zip(&mut self.returned) {
                    let call = call.call(endian_of);
                    *returned = stack.run(&call, endian_of(call.arch)).action.normalised();
                }
                for expected in &mut self.expected {
                    *expected = expected.normalised();
                }
            }
        }
        Ok(())
    }
}

/// What programs compare their input with, as far as a look at the instructions in their order tells: ascending.
struct Constants {
    numbers: Vec<u32>,
    tokens: Vec<u32>,
    /// Constants for any other word.
    values: Vec<u32>,
}

impl Constants {
    fn of(programs: &[Program]) -> Result<Self, OutOfMemory> {
        let (mut numbers, mut tokens, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let mut loaded = None;
        for operation in programs.iter().flat_map(|program| program.operations()) {
            match operation {
                Operation::LoadData(word) => loaded = Some(word),
                Operation::Branch { operand: Operand::K(k), .. } => match loaded {
                    Some(DataWord::NR) => numbers.try_push(k)?,
                    Some(DataWord::ARCH) => tokens.try_push(k)?,
                    _ => values.try_push(k)?,
                },
                _ => {}
            }
        }
        for list in [&mut numbers, &mut tokens, &mut values] {
            ascend(list);
        }
        Ok(Self { numbers, tokens, values })
    }
}

/// Brings words in ascending order, each once.
fn ascend(words: &mut Vec<u32>) {
    words.sort_in_place();
    words.dedup();
}

/// Adds a word and its neighbours.
fn add_near(words: &mut Vec<u32>, word: u32) -> Result<(), OutOfMemory> {
    words.try_extend_copies(&[word.wrapping_sub(1), word, word.wrapping_add(1)])
}

const fn empty_call(token: u32, nr: u32) -> SeccompData {
    SeccompData {
        nr: SyscallNr::new(nr),
        arch: ArchToken::new(token),
        instruction_pointer: 0,
        args: [0; 6],
    }
}
