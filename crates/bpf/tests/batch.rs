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
        let calls: Vec<SeccompData> =
            (0..rng.usize(..60)).map(|_| program::call(&mut rng, &program)).collect();
        let words: Vec<CallWords> = calls.iter().map(|call| CallWords::new(call, endian)).collect();
        let mut room = vec![7; calls.len()];
        let mut returned = vec![Action::LOG; calls.len()];
        program.run_all(&words, &mut room, &mut returned);
        let alone: Vec<Action> = calls.iter().map(|call| program.run(call, endian)).collect();
        assert_eq!(returned, alone, "seed {seed}");
        different += usize::from(alone.windows(2).any(|pair| pair[0] != pair[1]));
    }
    assert!(different > 300, "{different}");
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
