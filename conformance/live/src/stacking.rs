//! What the kernel's own tests leave out of stacks and of the machine: against the simulator and
//! the checker of this project, so that a kernel that differs from them is seen here too.

use std::slice::from_ref;

use callgate::{Action, Arch, Endian, Program, SeccompData, SyscallNr};
use callgate_bpf::{Hardening, Instruction, PATH_LEN_MAX, Stack, path_len};
use callgate_kernel::child::{Call, Ending, Signal};
use callgate_kernel::running_kernel;
use callgate_lab::judge::{Answer, DryRun, answers, depth, frees_uretprobe, nanoseconds};

use super::support::{
    Checked, GETPPID, Row, Verdict, allow, answer_word, confine, ensure, errno, failed, passes,
    program, said, same, skip,
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "memory-after-return",
        about: "scratch memory that only a RET's predecessors lack is refused, and taken in another order",
        check: memory_after_return,
    },
    Row {
        name: "dead-code-memory",
        about: "dead code after a jump may read any slot, after a RET only what was stored",
        check: dead_code_memory,
    },
    Row {
        name: "converted-length",
        about: "shapes of instructions count towards the path as the converted length says",
        check: converted_length,
    },
    Row {
        name: "unknown-under-log",
        about: "an unknown action loses to a stronger known one: LOG, ERRNO and USER_NOTIF win",
        check: unknown_stacked,
    },
    Row {
        name: "large-shifts",
        about: "a shift by X uses X modulo 32 here; by K above 31 is refused",
        check: large_shifts,
    },
    Row {
        name: "division-by-zero",
        about: "a division by an X of 0 returns 0: KILL_THREAD",
        check: division,
    },
    Row {
        name: "allow-with-data",
        about: "ALLOW with data executes, and is not served by the bitmap",
        check: allow_with_data,
    },
    Row {
        name: "bitmap",
        about: "constant-allowed calls skip the filters; a call whose arguments are loaded does not",
        check: bitmap,
    },
    Row {
        name: "numbers-out-of-range",
        about: "numbers that no table has are filtered, and ENOSYS where allowed",
        check: out_of_range,
    },
    Row {
        name: "exempt-calls",
        about: "the calls that the kernel's probes make are not filtered, their neighbours are",
        check: exempt,
    },
];

const RET: u16 = 0x06;
const JEQ: u16 = 0x15;
const LD_MEM: u16 = 0x60;
const ST: u16 = 0x02;
const JA: u16 = 0x05;
const ALLOWED: u32 = Action::ALLOW.raw();

/// Whether kernel and checker take the instructions; both must say the same.
fn judged(
    judge: &DryRun,
    what: &str,
    instructions: &[Instruction],
    taken: bool,
) -> Result<(), String> {
    same(&format!("kernel: {what}"), judge.accepts(instructions).map_err(said)?, taken)?;
    same(&format!("checker: {what}"), Program::new(instructions).is_ok(), taken)
}

fn memory_after_return() -> Checked {
    let op = Instruction::new;
    let jump = Instruction { code: JEQ, jt: 0, jf: 2, k: 0 };
    let late = [jump, op(ST, 0), op(JA, 1), op(RET, ALLOWED), op(LD_MEM, 0), op(RET, ALLOWED)];
    let jump = Instruction { jf: 1, ..jump };
    let early = [op(ST, 0), jump, op(JA, 1), op(RET, ALLOWED), op(LD_MEM, 0), op(RET, ALLOWED)];
    passes(|_| {
        let judge = DryRun::new().map_err(said)?;
        judged(&judge, "a store after the branch", &late, false)?;
        judged(&judge, "a store before the branch", &early, true)
    })
}

fn dead_code_memory() -> Checked {
    let op = Instruction::new;
    let after_jump = [op(JA, 1), op(LD_MEM, 3), op(RET, ALLOWED)];
    let after_return = [op(RET, ALLOWED), op(LD_MEM, 3), op(RET, ALLOWED)];
    let stored = [op(ST, 3), op(RET, ALLOWED), op(LD_MEM, 3), op(RET, ALLOWED)];
    passes(|_| {
        let judge = DryRun::new().map_err(said)?;
        judged(&judge, "after a jump", &after_jump, true)?;
        judged(&judge, "after a return", &after_return, false)?;
        judged(&judge, "after a store and a return", &stored, true)
    })
}

/// One instruction of each cost, many times over.
fn converted_length() -> Checked {
    let hardening = std::fs::read_to_string("/proc/sys/net/core/bpf_jit_harden");
    if !hardening.is_ok_and(|text| text.trim() == "0") {
        return skip("net.core.bpf_jit_harden is set: constants are blinded");
    }
    let one = |instruction: Instruction| -> Result<Program, String> {
        let mut all = vec![instruction; 1500];
        all.push(Instruction::new(RET, ALLOWED));
        all.push(Instruction::new(RET, ALLOWED));
        program(&all)
    };
    let jump = |code, jt, jf, k| Instruction { code, jt, jf, k };
    for shape in [
        Instruction::new(RET, ALLOWED),
        Instruction::new(0x04, 7),
        Instruction::new(0x20, 0),
        jump(JEQ, 1, 0, 1),
        jump(JEQ, 0, 1, 1),
        jump(0x45, 0, 1, 1),
        jump(0x45, 1, 0, 1),
        jump(JEQ, 0, 1, 0x8000_0000),
    ] {
        let filter = one(shape)?;
        let fits = |copies: &usize| {
            path_len(&vec![filter.clone(); *copies], Hardening::Off) <= PATH_LEN_MAX
        };
        let predicted = (1..).take_while(fits).count();
        same(&format!("copies of {shape:?}"), depth(&filter).map_err(said)?, predicted)?;
    }
    Ok(Verdict::Passed)
}

fn under(words: &[u32]) -> Result<(Option<Answer>, Ending), String> {
    let filters: Result<Vec<_>, String> = words.iter().map(|word| answer_word(*word)).collect();
    let nr = SyscallNr::new(u32::try_from(GETPPID).map_err(said)?);
    let (found, ending) = answers(&filters?, &[Call::new(nr)]).map_err(said)?;
    Ok((found.first().copied(), ending))
}

fn unknown_stacked() -> Checked {
    let alive = Ending::Exited { code: 0 };
    let died = (None, Ending::Killed { signal: Signal::SYS });
    let parent = Answer::Returned(i64::from(std::process::id()));
    let enosys = Answer::Failed(errno(libc::ENOSYS));
    for (words, expected) in [
        ([0x7ffc_0000, 0x7ffd_0000], (Some(parent), alive)),
        ([0x7ffd_0000, 0x7ffc_0000], (Some(parent), alive)),
        ([0x5_000d, 0x6_0000], (Some(Answer::Failed(errno(13))), alive)),
        ([0x7fc0_0000, 0x7fd0_0000], (Some(enosys), alive)),
        ([ALLOWED, 0x7ffe_0000], died),
        ([0x5_000d, 0x4_0000], died),
        ([0x5_000d, 0xffff_0000], died),
    ] {
        same(&format!("{words:x?}"), under(&words)?, expected)?;
    }
    Ok(Verdict::Passed)
}

/// Under a program whose result is computed, the errno of getppid; and the same by the simulator.
fn computed(body: &[Instruction]) -> Result<(Option<Answer>, u32), String> {
    let nr = u32::try_from(GETPPID).map_err(said)?;
    let mut all = vec![
        Instruction::new(0x20, 0),
        Instruction { code: JEQ, jt: 1, jf: 0, k: nr },
        Instruction::new(RET, ALLOWED),
    ];
    all.extend(body);
    let filter = program(&all)?;
    let arch = Arch::native().ok_or("no native architecture")?;
    let call = SeccompData {
        nr: SyscallNr::new(nr),
        arch: arch.token(),
        instruction_pointer: 0,
        args: [0; 6],
    };
    let simulated = filter.run(&call, Endian::Little).raw();
    let (found, _) = answers(&[filter], &[Call::new(SyscallNr::new(nr))]).map_err(said)?;
    Ok((found.first().copied(), simulated))
}

fn large_shifts() -> Checked {
    if cfg!(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))) {
        return skip("this architecture shifts by six bits of X");
    }
    let op = Instruction::new;
    for amount in [0, 1, 31, 32, 33, 63, 64, 0xffff_ffff] {
        // 3 shifted left by X, as the number of an ERRNO.
        let body = [
            op(0x01, amount),
            op(0x00, 3),
            op(0x6c, 0),
            op(0x54, 0xfff),
            op(0x44, 0x5_0000),
            op(0x16, 0),
        ];
        let (found, simulated) = computed(&body)?;
        let expected = 3_u32.wrapping_shl(amount) & 0xfff;
        same("the simulator", simulated, 0x5_0000 | expected)?;
        let number = errno(i32::try_from(expected).map_err(said)?);
        let expected = if expected == 0 { Answer::Returned(0) } else { Answer::Failed(number) };
        same(&format!("a shift by {amount}"), found, Some(expected))?;
    }
    passes(|_| {
        let judge = DryRun::new().map_err(said)?;
        for (amount, taken) in [(31, true), (32, false)] {
            let shift = [op(0x64, amount), op(RET, ALLOWED)];
            judged(&judge, &format!("a constant shift by {amount}"), &shift, taken)?;
        }
        Ok(())
    })
}

fn division() -> Checked {
    let op = Instruction::new;
    let by = |divisor| [op(0x01, divisor), op(0x00, 0x5_0007), op(0x3c, 0), op(0x16, 0)];
    same("by one", computed(&by(1))?, (Some(Answer::Failed(errno(7))), 0x5_0007))?;
    same("by zero", computed(&by(0))?, (None, 0))?;
    Ok(Verdict::Passed)
}

fn allow_with_data() -> Checked {
    let parent = Answer::Returned(i64::from(std::process::id()));
    same("the call", under(&[ALLOWED | 1])?.0, Some(parent))?;
    let token = Arch::native().ok_or("no native architecture")?.token();
    let nr = SyscallNr::new(u32::try_from(GETPPID).map_err(said)?);
    ensure(!answer_word(ALLOWED | 1)?.cacheable(token, nr), "with data it is not constant")?;
    ensure(answer_word(ALLOWED)?.cacheable(token, nr), "without data it is")?;
    Ok(Verdict::Passed)
}

/// A long filter costs a call nothing where its answer is constant, and much where not.
fn bitmap() -> Checked {
    if running_kernel().map_err(said)? < callgate::KernelVersion::new(5, 11) {
        return skip("the bitmap came with Linux 5.11");
    }
    let long = |first: Instruction| -> Result<Program, String> {
        let mut all = vec![first];
        // Each compares with a number that no call has.
        all.extend((0..3500).map(|k| Instruction { code: JEQ, jt: 0, jf: 0, k: 0x4000_0000 | k }));
        all.push(Instruction::new(RET, ALLOWED));
        program(&all)
    };
    let nr = SyscallNr::new(u32::try_from(GETPPID).map_err(said)?);
    let time = |filters: &[Program]| nanoseconds(filters, nr).map_err(said);
    let short = time(&[allow(1)?])?;
    let constant = time(&[long(Instruction::new(0x20, 0))?])?;
    let loaded = time(&[long(Instruction::new(0x20, 16))?])?;
    let twice = time(&[long(Instruction::new(0x20, 0))?, long(Instruction::new(0x20, 0))?])?;
    let times = format!("short {short} ns, constant {constant}, two {twice}, argument {loaded}");
    ensure(constant < short * 2 && twice < short * 2 && loaded > constant * 2, &times)?;
    Ok(Verdict::Passed)
}

fn out_of_range() -> Checked {
    // -1 goes by the tracer's convention of skipped calls only where there is a tracer.
    for nr in [u32::MAX, 100_000, 0x8000_0000, 0x7fff_ffff] {
        passes(|subject| {
            let call = i64::from(i32::from_ne_bytes(nr.to_ne_bytes()));
            // s390x's kernel takes the low 16 bits of the register for the number.
            let nr = if cfg!(target_arch = "s390x") { nr & 0xffff } else { nr };
            same("without a filter", subject.call(call, &[]), failed(libc::ENOSYS))?;
            confine(&program(&[
                Instruction::new(0x20, 0),
                Instruction { code: JEQ, jt: 0, jf: 1, k: nr },
                Instruction::new(RET, 0x5_0011),
                Instruction::new(RET, ALLOWED),
            ])?)?;
            same(&format!("{nr:#x}"), subject.call(call, &[]), failed(17))
        })?;
    }
    Ok(Verdict::Passed)
}

fn exempt() -> Checked {
    if cfg!(not(target_arch = "x86_64")) {
        return skip("only x86_64 has calls that no filter stops");
    }
    const URETPROBE: u32 = 335;
    let kernel = running_kernel().map_err(said)?;
    // The simulator knows no patch levels, one of which brought this to 6.12.
    let freed = frees_uretprobe().map_err(said)?;
    let token = Arch::X86_64.token();
    let filter = program(&[
        Instruction::new(0x20, 0),
        Instruction { code: 0x35, jt: 0, jf: 2, k: 333 },
        Instruction { code: 0x25, jt: 1, jf: 0, k: 338 },
        Instruction::new(RET, 0x5_0063),
        Instruction::new(RET, ALLOWED),
    ])?;
    for nr in 334..=338 {
        let call = SeccompData {
            nr: SyscallNr::new(nr),
            arch: token,
            instruction_pointer: 0,
            args: [0; 6],
        };
        let predicted =
            Stack::new(vec![filter.clone()]).outcome(&call, Endian::Little, kernel).executes();
        let (found, _) =
            answers(from_ref(&filter), &[Call::new(SyscallNr::new(nr))]).map_err(said)?;
        let executed = found.first() != Some(&Answer::Failed(errno(99)));
        let predicted = predicted || (nr == URETPROBE && freed);
        same(&format!("number {nr} is executed"), executed, predicted)?;
    }
    Ok(Verdict::Passed)
}
