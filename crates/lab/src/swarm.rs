//! Many threads of several processes whose calls somebody else answers, under signals and kills.
//!
//! Each answer is a number that the supervisor gives out once, and each thread notes the numbers it
//! gets in memory that all share. So an answer that is lost, or comes to two calls, is seen.

use std::array;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use callgate_bpf::{Instruction, Program};
use callgate_syscalls::Action;

use callgate_kernel::parts;

use crate::judge::HARMLESS;
use callgate_kernel::child::{Call, Child, Ending, Restart, handle_interruptions, own_tid, start};
use callgate_kernel::parts::Shared;
use callgate_kernel::parts::handover;
use callgate_kernel::parts::has_ended;
use callgate_kernel::parts::signal;
use callgate_kernel::parts::{alarm, any_syscall};
use callgate_kernel::{Error, Interruption, Options, Scope, Tid, load_with_listener};

/// How many processes there are at a time.
pub const PROCESSES: usize = 10;

/// How many threads each has.
pub const THREADS: usize = 5;

/// The most answers that can be told apart.
pub const ANSWERS_MAX: usize = 400_000;

/// What a call asks for, in its first argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A number.
    Number,
    /// A number, after the digits at the second argument were found to be the third.
    NumberForDigits,
    /// A descriptor.
    Descriptor,
}

impl Wish {
    const ALL: [Self; 3] = [Self::Number, Self::NumberForDigits, Self::Descriptor];

    /// Reads the first argument.
    #[must_use]
    pub fn of(argument: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(argument).ok()?).copied()
    }
}

/// How disturbed the threads are.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a request")]
pub struct Plan {
    /// How many calls they make.
    pub calls: u32,
    /// Which signals interrupt a received call.
    pub interruption: Interruption,
}

/// The processes.
pub struct Swarm {
    root: Child,
    report: Shared<Report>,
}

/// What the threads saw.
#[derive(Debug)]
#[non_exhaustive]
pub struct Tally {
    /// Calls that were made, or were about to be when their process was killed.
    pub claimed: u32,
    /// Calls that returned a number.
    pub numbers: u32,
    /// Calls that returned a descriptor, which was then closed.
    pub descriptors: u32,
    /// Calls that a signal interrupted.
    pub interrupted: u32,
    /// Calls that returned anything else.
    pub wrong: u32,
    /// Processes that were killed.
    pub kills: u32,
    /// Signals that were sent to threads.
    pub signals: u32,
    /// Descriptors that were open at the end of a process and not at its start.
    pub leaked: u32,
    /// How often each number was returned.
    pub returned: Vec<u8>,
}

impl Swarm {
    /// Starts them. The listener has to be served until it ends.
    ///
    /// # Errors
    /// [`Error::Kernel`] where processes can't be made or can't attach the filter.
    pub fn start(plan: Plan) -> Result<(Self, OwnedFd), Error> {
        let fail = |call, errno| Error::Kernel { call, errno };
        let (here, there) =
            UnixStream::pair().map_err(|error| fail("socketpair", parts::errno_of(&error)))?;
        let report = Shared::<Report>::new().map_err(|errno| fail("mmap", errno))?;
        let root = start(|| match confine(plan, &there) {
            Ok(()) => u8::from(!herd(plan, report.value())),
            Err(_) => 2,
        })?;
        drop(there);
        let message = handover::receive(here.as_fd(), &mut [0]);
        let message = message.map_err(|errno| fail("recvmsg", errno))?;
        let listener = message.descriptors.into_iter().next();
        let listener = listener.ok_or(fail("confining a child", parts::errno(0)))?;
        Ok((Self { root: root.wait_aside()?, report }, listener))
    }

    /// Waits for the end of all.
    ///
    /// # Errors
    /// [`Error::Kernel`] where a process ended in another way than it should.
    pub fn finish(self) -> Result<Tally, Error> {
        match self.root.wait()? {
            Ending::Exited { code: 0 } => Ok(self.report.value().tally()),
            _ => Err(Error::Kernel { call: "a process of many", errno: parts::errno(0) }),
        }
    }
}

impl std::fmt::Debug for Swarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Swarm").field("root", &self.root).finish_non_exhaustive()
    }
}

/// How long all may take.
const SECONDS_MAX: u32 = 300;

fn confine(plan: Plan, socket: &UnixStream) -> Result<(), Error> {
    alarm(SECONDS_MAX);
    handle_interruptions(Restart::Never)?;
    let program = Program::new([
        Instruction::new(0x20, 0),
        Instruction { code: 0x15, jt: 0, jf: 1, k: HARMLESS.raw() },
        Instruction::new(0x06, Action::USER_NOTIFY.raw()),
        Instruction::new(0x06, Action::ALLOW.raw()),
    ]);
    let program = program.map_err(|_| Error::ProgramRefused)?;
    let options = Options::default();
    let listener = load_with_listener(&program, Scope::ThisThread, &options, plan.interruption)?;
    handover::send(socket.as_fd(), b"L", listener.as_fd())
        .map(drop)
        .map_err(|errno| Error::Kernel { call: "sendmsg", errno })
}

/// Numbers that look random and are the same every time.
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        usize::try_from(self.0).unwrap_or(0) % sides
    }
}

/// Keeps the processes going until all calls are made, and disturbs them; whether all ended as they
/// should.
fn herd(plan: Plan, report: &Report) -> bool {
    const PAUSE: Duration = Duration::from_micros(100);
    const ROUNDS_PER_KILL: usize = 40;
    let launch = |place: usize| start(|| work(plan, report, place)).ok();
    let mut processes: [Option<Child>; PROCESSES] = array::from_fn(launch);
    let (mut dice, mut right) = (Dice(0x2545_f491), processes.iter().all(Option::is_some));
    while processes.iter().any(Option::is_some) {
        thread::sleep(PAUSE);
        let place = dice.roll(PROCESSES);
        let Some(process) = &processes[place] else { continue };
        let kill = dice.roll(ROUNDS_PER_KILL) == 0 && report.has_calls(plan);
        if kill {
            right &= process.kill().is_ok();
        } else {
            report.disturb(process.id(), place, dice.roll(THREADS));
        }
        if kill || has_ended(process.id()) {
            match processes[place].take().map(Child::wait) {
                Some(Ok(Ending::Exited { code: 0 })) => {}
                Some(Ok(Ending::Killed { .. })) if kill => {
                    report.kills.fetch_add(1, Ordering::Relaxed);
                    processes[place] = launch(place);
                }
                _ => right = false,
            }
        }
    }
    right
}

/// A process: its threads make calls until there are none left to make.
fn work(plan: Plan, report: &Report, place: usize) -> u8 {
    alarm(SECONDS_MAX);
    let before = open_descriptors();
    thread::scope(|scope| {
        for index in 0..THREADS {
            scope.spawn(move || {
                let own = own_tid().map_or(0, Tid::raw);
                report.tids[place][index].store(own, Ordering::Release);
                while report.claim(plan) {
                    report.make_call(own);
                }
            });
        }
    });
    let leaked = open_descriptors().saturating_sub(before);
    report.leaked.fetch_add(u32::try_from(leaked).unwrap_or(u32::MAX), Ordering::Relaxed);
    0
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// What all share.
struct Report {
    claimed: AtomicU32,
    numbers: AtomicU32,
    descriptors: AtomicU32,
    interrupted: AtomicU32,
    wrong: AtomicU32,
    kills: AtomicU32,
    signals: AtomicU32,
    leaked: AtomicU32,
    tids: [[AtomicU32; THREADS]; PROCESSES],
    returned: [AtomicU8; ANSWERS_MAX],
}

impl Default for Report {
    fn default() -> Self {
        let new = AtomicU32::default;
        let tids = array::from_fn(|_| array::from_fn(|_| new()));
        let returned = array::from_fn(|_| AtomicU8::default());
        let [claimed, numbers, descriptors, interrupted] = array::from_fn(|_| new());
        let [wrong, kills, signals, leaked] = array::from_fn(|_| new());
        Self {
            claimed,
            numbers,
            descriptors,
            interrupted,
            wrong,
            kills,
            signals,
            leaked,
            tids,
            returned,
        }
    }
}

impl Report {
    fn has_calls(&self, plan: Plan) -> bool {
        self.claimed.load(Ordering::Relaxed) < plan.calls
    }

    /// Whether there is another call to make.
    fn claim(&self, plan: Plan) -> bool {
        let more = |claimed| (claimed < plan.calls).then_some(claimed + 1);
        self.claimed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn make_call(&self, own: u32) {
        let digits = format!("{own}\0");
        let wish = self.claimed.load(Ordering::Relaxed) % 8;
        let wish = if wish > 2 { 0 } else { wish };
        let args = [wish.into(), digits.as_ptr().addr() as u64, own.into(), 0, 0, 0];
        let Call { nr, args } = Call::new(HARMLESS).with_args(args);
        let nr = i32::from_ne_bytes(nr.raw().to_ne_bytes());
        // SAFETY: getppid reads and writes no memory, whatever its arguments are; a supervisor may
        // answer it as it likes.
        let result = unsafe { any_syscall(nr, args) };
        let result = result.map(|value| usize::try_from(value).unwrap_or(0));
        match (Wish::of(args[0]), result) {
            (Some(Wish::Descriptor), Ok(descriptor)) => self.close(descriptor),
            (_, Ok(number)) => self.note(number),
            (_, Err(errno)) if errno == parts::errno(libc::EINTR) => {
                self.interrupted.fetch_add(1, Ordering::Relaxed);
            }
            (_, Err(_)) => drop(self.wrong.fetch_add(1, Ordering::Relaxed)),
        }
    }

    fn note(&self, number: usize) {
        match self.returned.get(number).filter(|_| number > 0) {
            Some(times) => {
                times.fetch_add(1, Ordering::Relaxed);
                self.numbers.fetch_add(1, Ordering::Relaxed);
            }
            None => drop(self.wrong.fetch_add(1, Ordering::Relaxed)),
        }
    }

    fn close(&self, descriptor: usize) {
        let nr = i32::try_from(libc::SYS_close).unwrap_or(-1);
        // SAFETY: this is a child that exists for such calls, and the number one that the
        // supervisor has put into it.
        let closed = unsafe { any_syscall(nr, [descriptor as u64, 0, 0, 0, 0, 0]) }.is_ok();
        let count = if closed && descriptor > 2 { &self.descriptors } else { &self.wrong };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn disturb(&self, process: Tid, place: usize, index: usize) {
        let thread = Tid::new(self.tids[place][index].load(Ordering::Acquire));
        // The thread may have ended, or not have begun.
        if thread.is_some_and(|thread| signal(process, thread, libc::SIGUSR1).is_ok()) {
            self.signals.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn tally(&self) -> Tally {
        let read = |count: &AtomicU32| count.load(Ordering::Acquire);
        Tally {
            claimed: read(&self.claimed),
            numbers: read(&self.numbers),
            descriptors: read(&self.descriptors),
            interrupted: read(&self.interrupted),
            wrong: read(&self.wrong),
            kills: read(&self.kills),
            signals: read(&self.signals),
            leaked: read(&self.leaked),
            returned: self.returned.iter().map(|times| times.load(Ordering::Acquire)).collect(),
        }
    }
}
