//! The kernel's side: attaching filters, and calls under them.

use std::path::{Path, PathBuf};
use std::process::Command;

use callgate_bpf::{Instruction, Operand, Operation, Program, Stack, Test};
use callgate_syscalls::{Action, Endian};

use super::Effort;
use super::contender::{compile, succeed, write};
use super::measure::median;
use super::reference::Call;

/// A call that always succeeds.
const GETPPID: u32 = 110;

/// The program that asks the kernel.
pub(crate) struct Kernel(PathBuf);

impl Kernel {
    pub(crate) fn build(folder: &Path) -> Result<Self, String> {
        compile("kernel.c", &folder.join("kernel"), &[]).map(Self)
    }

    /// The time to attach a filter that is as long as others together and answers at once, in
    /// microseconds: what no order of their tests can save.
    pub(crate) fn least(
        &self,
        filters: &Stack,
        folder: &Path,
        effort: Effort,
    ) -> Result<f64, String> {
        let len = filters.programs().iter().map(Program::len).sum::<usize>();
        let never = Operation::Branch { test: Test::Equal, operand: Operand::K(0), jt: 0, jf: 0 };
        let allow: Instruction = Operation::Return(Action::ALLOW.raw()).into();
        let mut code = vec![Instruction::from(never); len];
        (code[0], code[len - 1]) = (allow, allow);
        let program = Program::new(code).map_err(|e| e.to_string())?;
        let path = folder.join("least");
        write(&path, &program.to_bytes(Endian::native()))?;
        let call = Call { number: GETPPID, args: [0, 0], errno: 0 };
        let turn = |_| {
            self.measure(std::slice::from_ref(&path), call, effort.children).map(|times| times.0)
        };
        let mut times = (0..effort.rounds).map(turn).collect::<Result<Vec<f64>, String>>()?;
        Ok(median(&mut times))
    }

    /// The times to attach filters, in microseconds, and of a call under them, in nanoseconds.
    pub(crate) fn measure(
        &self,
        programs: &[PathBuf],
        call: Call,
        children: usize,
    ) -> Result<(f64, f64), String> {
        let mut command = Command::new(&self.0);
        command.arg(children.to_string()).arg(call.number.to_string());
        command.args(call.args.map(|arg| arg.to_string())).args(programs);
        let text = succeed(&mut command).map_err(|_| "refused by the kernel".to_owned())?;
        let words: Result<Vec<i64>, _> = text.split_whitespace().map(str::parse).collect();
        match words.as_deref() {
            Ok(&[attached, called, errno]) if errno == call.errno => {
                Ok((number(attached) / 1e3, number(called)))
            }
            Ok(&[_, _, errno]) => Err(format!(
                "call {} ended with errno {errno} instead of {}",
                call.number, call.errno
            )),
            _ => Err(format!("{command:?} says {text:?}")),
        }
    }
}

fn number(nanoseconds: i64) -> f64 {
    i32::try_from(nanoseconds).map_or(f64::NAN, f64::from)
}
