//! Many calls at once against each alone.

use callgate_bpf::{CallWords, Instruction, Program};
use callgate_syscalls::{Action, Arch, Endian, SeccompData, SyscallNr};
use callgate_testkit::{Rng, program};

#[test]
fn all_calls_at_once_return_what_each_returns_alone() {
    let mut different = 0;
    for seed in 0..2_000 {
        let mut rng = Rng::with_seed(seed);
        let length = rng.usize(2..40);
        let program = program::program(&mut rng, length);
        let endian = if seed % 2 == 0 { Endian::Little } else { Endian::Big };
        let mut calls: Vec<SeccompData> =
            (0..rng.usize(..60)).map(|_| program::call(&mut rng, &program)).collect();
        // Calls in order are parted by a search.
        match seed % 5 {
            0 => calls.sort_by_key(|call| call.nr),
            1 => calls.sort_by_key(|call| call.args[0] & 0xffff_ffff),
            2 => calls.sort_by_key(|call| (call.arch, call.nr)),
            _ => {}
        }
        let words: Vec<CallWords> = calls.iter().map(|call| CallWords::new(call, endian)).collect();
        let back: Vec<SeccompData> = words.iter().map(|words| words.call(|_| endian)).collect();
        assert_eq!(back, calls, "seed {seed}");
        let mut room = vec![7; calls.len()];
        let mut returned = vec![Action::LOG; calls.len()];
        program.run_all(&words, &mut room, &mut returned);
        let alone: Vec<Action> = calls.iter().map(|call| program.run(call, endian)).collect();
        assert_eq!(returned, alone, "seed {seed}");
        different += usize::from(alone.windows(2).any(|pair| pair[0] != pair[1]));
    }
    assert!(different > 300, "{different}");
}

/// Chains of all tests on words of calls that ascend in one of them.
#[test]
fn calls_in_order_take_the_same_way_through_chains_of_tests() {
    let mut different = 0;
    for seed in 0..2_000 {
        let mut rng = Rng::with_seed(seed);
        let mut code = Vec::new();
        for value in 0..rng.u32(2..14) {
            if value == 0 || rng.u8(..4) == 0 {
                code.push(Instruction::new(0x20, [0, 16, 24][rng.usize(..3)]));
            }
            if rng.u8(..6) == 0 {
                code.push(Instruction::new(0x54, rng.u32(..16)));
            }
            let test = [0x15, 0x25, 0x35, 0x45][rng.usize(..4)];
            let (jt, jf) = if rng.bool() { (1, 0) } else { (0, 1) };
            code.push(Instruction { code: test, jt, jf, k: rng.u32(..16) });
            code.push(Instruction::new(6, 0x0005_0000 + value));
        }
        code.push(Instruction::new(6, Action::ALLOW.raw()));
        let program = Program::new(code).unwrap();
        let call = |rng: &mut Rng| {
            let mut arg = || rng.u64(..16);
            let (nr, args) =
                (SyscallNr::new(u32::try_from(arg()).unwrap()), [arg(), arg(), 0, 0, 0, 0]);
            SeccompData::new(Arch::X86_64, nr).with_args(args)
        };
        let mut calls: Vec<SeccompData> = (0..rng.usize(1..60)).map(|_| call(&mut rng)).collect();
        match seed % 4 {
            0 => calls.sort_by_key(|call| call.nr),
            1 => calls.sort_by_key(|call| call.args[0]),
            2 => calls.sort_by_key(|call| call.args),
            _ => {}
        }
        let words: Vec<CallWords> =
            calls.iter().map(|call| CallWords::new(call, Endian::Little)).collect();
        let (mut room, mut returned) = (vec![0; calls.len()], vec![Action::LOG; calls.len()]);
        program.run_all(&words, &mut room, &mut returned);
        let alone: Vec<Action> =
            calls.iter().map(|call| program.run(call, Endian::Little)).collect();
        assert_eq!(returned, alone, "seed {seed}");
        different += usize::from(alone.windows(2).any(|pair| pair[0] != pair[1]));
    }
    assert!(different > 1000, "{different}");
}

#[test]
fn the_shortest_list_counts() {
    let allow = Program::new([Instruction::new(6, Action::ALLOW.raw())]).unwrap();
    let call = SeccompData::new(Arch::X86_64, SyscallNr::new(1));
    let words = [CallWords::new(&call, Endian::Little); 3];
    for (room, returned) in [(0, 3), (3, 0), (2, 3), (3, 2), (3, 3), (4, 5)] {
        let mut actions = vec![Action::LOG; returned];
        allow.run_all(&words, &mut vec![0; room], &mut actions);
        let allowed = actions.iter().filter(|&&action| action == Action::ALLOW).count();
        assert_eq!(allowed, room.min(returned).min(3));
    }
}
