//! The driver with either library, and the programs that it prints.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use callgate_bpf::{Instruction, Program};
use callgate_prover::{Meaning, Options, Prover, Scope};
use callgate_syscalls::Arch;

use house::library::{Against, Library};

/// The compiled driver, or commands that run it with either library.
pub(super) struct Driver {
    folder: PathBuf,
    native: Arch,
    theirs: PathBuf,
    ours: PathBuf,
    /// What is removed at the end, where the driver was compiled for this run.
    own: Option<Library>,
}

/// Whose answers are wanted.
#[derive(Clone, Copy)]
pub(super) enum Whose {
    Theirs,
    Ours,
}

/// The answers to one context.
pub(super) struct Replies {
    codes: String,
    pub(super) text: String,
    program: String,
}

impl Driver {
    pub(super) fn new() -> Result<Self, String> {
        let library = Library::stage()?;
        let program = library.program("driver", Against::Installed)?;
        let folder = library.lib();
        let native = Arch::native().ok_or("this machine has no table of calls")?;
        Ok(Self { folder, native, theirs: program.clone(), ours: program, own: Some(library) })
    }

    /// The driver by the commands `theirs` and `ours` in a folder, which `native` there names the
    /// architecture of.
    pub(super) fn laid_out(folder: &Path) -> Result<Self, String> {
        let [theirs, ours, native] = ["theirs", "ours", "native"].map(|name| folder.join(name));
        let name = fs::read_to_string(&native);
        let name = name.map_err(|error| format!("{}: {error}", native.display()))?;
        let native = Arch::ALL.into_iter().find(|arch| arch.name() == name.trim());
        let native = native.ok_or_else(|| format!("no architecture is called {name:?}"))?;
        Ok(Self { folder: folder.into(), native, theirs, ours, own: None })
    }

    /// Whether its calls are not those of the running kernel.
    pub(super) fn is_emulated(&self) -> bool {
        Arch::native() != Some(self.native)
    }

    /// The architecture that the driver is for.
    pub(super) const fn native(&self) -> Arch {
        self.native
    }

    /// The driver's output.
    pub(super) fn answers(&self, whose: Whose, script: &str) -> Result<String, String> {
        let (input, output) = (self.folder.join("script"), self.folder.join("answers"));
        let mut command = match (whose, &self.own) {
            (Whose::Theirs, _) => Command::new(&self.theirs),
            (Whose::Ours, Some(library)) => library.command(&self.ours),
            (Whose::Ours, None) => Command::new(&self.ours),
        };
        let mut run = || -> io::Result<_> {
            fs::write(&input, script)?;
            command.stdin(Stdio::from(File::open(&input)?));
            let status = command.stdout(Stdio::from(File::create(&output)?)).status()?;
            Ok((status, fs::read_to_string(&output)?))
        };
        match run().map_err(|error| format!("driver: {error}"))? {
            (status, answers) if status.success() => Ok(answers),
            (status, _) => Err(format!("the driver ended with {status}")),
        }
    }

    /// The answers to several contexts, `None` for one that never ended.
    pub(super) fn contexts(
        &self,
        whose: Whose,
        scripts: &[String],
    ) -> Result<Vec<Option<Replies>>, String> {
        let printed = self.answers(whose, &scripts.concat())?;
        let answers = printed.split_terminator("done\n").zip(scripts);
        let answers: Result<Vec<_>, String> = answers
            .map(|(text, script)| Replies::read(text).ok_or_else(|| unreadable(text, script)))
            .collect();
        let answers = answers?;
        match answers.len() == scripts.len() {
            true => Ok(answers),
            false => Err(format!("{} answers to {} contexts", answers.len(), scripts.len())),
        }
    }
}

fn unreadable(text: &str, script: &str) -> String {
    format!("cannot read the answer\n{text}\nto\n{script}")
}

impl Replies {
    /// Codes, text, and the program in the last line.
    fn read(answer: &str) -> Option<Option<Self>> {
        if answer.ends_with("lost\n") {
            return Some(None);
        }
        let (codes, rest) = answer.split_once("#\n")?;
        let (text, program) = rest.split_once("pfc 0\nbpf 0 ")?;
        let (codes, text, program) = (codes.into(), text.into(), program.trim().into());
        Some(Some(Self { codes, text, program }))
    }

    pub(super) fn codes(&self) -> Vec<&str> {
        self.codes.lines().collect()
    }

    /// The exported program; its first opcode tells the byte order.
    pub(super) fn program(&self) -> Result<Program, String> {
        let hex = &self.program;
        let digits =
            |at: usize| hex.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
        let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(digits).collect();
        let bytes = bytes.ok_or_else(|| format!("not hexadecimal: {hex}"))?;
        let endian = match bytes.first() {
            Some(0) => callgate_syscalls::Endian::Big,
            _ => callgate_syscalls::Endian::Little,
        };
        let read = |chunk: &[u8]| Some(Instruction::from_bytes(chunk.try_into().ok()?, endian));
        let instructions: Option<Vec<Instruction>> =
            bytes.chunks(Instruction::SIZE).map(read).collect();
        Program::new(instructions.ok_or("half an instruction")?).map_err(|error| error.to_string())
    }
}

/// The result of a comparison of meanings.
pub(super) enum Found {
    Same,
    /// A call that is answered differently, and the answers.
    Different(String),
    /// The prover can't tell within its budget.
    Undecided,
}

/// Compares the meanings that two functions make.
pub(super) fn compare<'a>(
    left: impl FnOnce(&mut Prover) -> Result<Meaning<'a>, callgate_prover::Error>,
    right: impl FnOnce(&mut Prover) -> Result<Meaning<'a>, callgate_prover::Error>,
) -> Result<Found, String> {
    let mut prover = Prover::new(Options::default());
    let differences = || {
        let left = left(&mut prover)?;
        let right = right(&mut prover)?;
        prover.differences(&left, &right, Scope::Exact)
    };
    match differences() {
        Ok(found) => {
            Ok(found.first().map_or(Found::Same, |call| Found::Different(call.to_string())))
        }
        Err(callgate_prover::Error::Undecided(_)) => Ok(Found::Undecided),
        Err(error) => Err(error.to_string()),
    }
}

/// Compares the programs of two answers.
pub(super) fn programs(theirs: &Replies, ours: &Replies) -> Result<Found, String> {
    let (theirs, ours) = (theirs.program()?, ours.program()?);
    compare(|prover| prover.program(&theirs), |prover| prover.program(&ours))
}
