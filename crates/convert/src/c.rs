//! The proved program as an array of C.

use callgate_bpf::Style;
use callgate_dumps::{Form, Options};
use callgate_policy::{Action, Policy};
use callgate_prover::prove;
use callgate_raise::{Raised, Test};
use callgate_syscalls::{Arch, Name};

use crate::lines;
use crate::printer::Printer;

/// `struct sock_filter[]`, which says everything that fits into one program.
pub(crate) struct C;

impl Printer for C {
    fn says(&self, _arch: Arch, _name: Option<Name>, _test: &Test) -> bool {
        true
    }

    fn repeats(&self) -> bool {
        true
    }

    fn has_action(&self, _action: Action) -> bool {
        true
    }

    fn print(&self, _raised: &Raised, meant: &Policy) -> Result<String, String> {
        let built = callgate_build::program(meant).map_err(|error| error.to_string())?;
        let arch = lines::native(meant);
        let style = Style { endian: arch.endian(), arch: Some(arch) };
        Ok(built.program().to_c(style))
    }

    fn read(&self, text: &str, meant: &Policy) -> Result<Policy, String> {
        let options = Options { form: Some(Form::C), ..Options::default() };
        let dump = callgate_dumps::read(text.as_bytes(), &options);
        let program = dump.map_err(|error| error.to_string())?.checked;
        let program = program.map_err(|refused| refused.reason.to_string())?;
        let options = callgate_prover::Options::while_waiting(meant);
        prove(meant, program, &options).map_err(|error| error.to_string())?;
        Ok(meant.clone())
    }
}
