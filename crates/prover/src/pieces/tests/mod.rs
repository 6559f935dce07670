//! Pieces by example.

use super::*;

use callgate_policy::{Comparison, Field, Operator};

const MISS: Action = Action::from_raw(0x4000_0000);

/// A program of that many pieces, each of which tests a bit, and where they begin.
fn pieces(count: usize) -> (Program, Vec<usize>) {
    let load = || Operation::LoadData(DataWord::new(4).unwrap()).into();
    let mut code = Vec::new();
    let mut starts = Vec::new();
    for piece in 0..count {
        starts.push(code.len());
        let operand = Operand::K(1 << (piece % 32));
        let test = Operation::Branch { test: Test::AnyBit, operand, jt: 0, jf: 1 };
        code.extend([load(), test.into(), returns(Action::errno(1).unwrap())]);
    }
    starts.push(code.len());
    code.push(returns(Action::ALLOW));
    (Program::new(code).unwrap(), starts)
}

/// The work for a piece must not grow with the program, else that for a program is quadratic.
#[test]
fn a_piece_is_as_long_as_what_can_be_reached_from_it() {
    for count in [1, 10, 1000] {
        let (program, starts) = pieces(count);
        for pair in starts.windows(2) {
            let &[start, next] = pair else { unreachable!() };
            let code = reachable(&program, start, Some(next), MISS).unwrap();
            assert_eq!(code[..3], program.instructions()[start..next], "{start} of {count}");
            assert_eq!(code[3..], [returns(MISS)], "{start} of {count}");
        }
        let last = *starts.last().unwrap();
        assert_eq!(reachable(&program, last, None, MISS).unwrap(), [returns(Action::ALLOW)]);
    }
}

#[test]
fn what_is_not_reached_in_between_is_a_miss() {
    let load: Instruction = Operation::LoadData(DataWord::new(4).unwrap()).into();
    let allow = returns(Action::ALLOW);
    let code = [load, Operation::Jump(2).into(), load, allow, allow];
    let program = Program::new(code).unwrap();
    let kept = reachable(&program, 0, None, MISS).unwrap();
    assert_eq!(kept, [code[0], code[1], returns(MISS), returns(MISS), allow]);
}

/// Bodies at one place are proved once for each list of rules, whatever their order.
#[test]
fn equal_bodies_are_proved_once_and_others_are_not_lost() {
    let odd = |bit: u64| Comparison::masked(Field::Arg0, 1 << bit, Operator::Eq, 0).into();
    let mut rules = ArchPolicy::new(Action::ALLOW);
    for nr in 0..60 {
        rules.rule(SyscallNr::new(nr), odd(u64::from(nr % 3)), Action::LOG);
    }
    let policy = Policy::builder(Action::LOG).arch(Arch::X86_64, rules).build().unwrap();
    let places = [[(0, 4)], [(0, 8)]];
    let body = |nr: u32, place: usize| Body {
        arch: Arch::X86_64,
        nr: SyscallNr::new(nr),
        pieces: &places[place],
    };
    let bodies: Vec<Body<'_>> = (0..60).map(|nr| body(nr, (nr % 2) as usize)).collect();
    let kept = different(&policy, &bodies).unwrap();
    assert_eq!(kept.len(), 6, "two places with three lists each");
    for claimed in &bodies {
        assert!(kept.iter().any(|known| is_same(&policy, known, claimed)), "{claimed:?}");
    }
}
