//! `callgate asm`: assembler text to a program.

use callgate_bpf::assemble;
use callgate_syscalls::Endian;
use clap::{ValueEnum, ValueHint};

use callgate_console::args::group::ProgramOutput;
use callgate_console::error::{Error, Status};
use callgate_console::input::door::{self, Wanted};
use callgate_console::input::{self, Source};
use callgate_console::output;

/// Assemble a filter program from text
///
/// The language is that of the kernel's bpf_asm, with names for what filters deal in. The program is one that the
/// kernel accepts, or there is an error that says where it would not.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate asm filter.s -o filter.bpf
  printf 'ld [nr]\\njeq #x86_64:mount, no\\nret ALLOW\\nno: ret ERRNO(EPERM)\\n' |
    callgate asm - --format c
  callgate disasm filter.bpf | callgate asm - | cmp - filter.bpf

Language:
          ld   [arch]                   ; also [nr] [instruction_pointer.lo] [args[0].hi]
          jne  #AUDIT_ARCH_X86_64, bad  ; falls through where the test does not hold
          ld   [nr]
          jeq  #x86_64:openat, deny     ; or a number
          ret  ALLOW                    ; LOG USER_NOTIF KILL_THREAD KILL_PROCESS
  deny:   ret  ERRNO(EPERM)             ; TRAP(1) TRACE(1), or any number: #0x50001
  bad:    ret  KILL_PROCESS
  Also ldx st stx add sub mul div and or xor lsh rsh neg ja jgt jge jlt jle jset tax txa.
")]
pub(crate) struct Args {
    /// The text: FILE, or - for standard input
    #[arg(
        value_name = "FILE",
        default_value = "-",
        value_parser = input::parser(),
        value_hint = ValueHint::FilePath
    )]
    file: Source,
    /// The byte order of the program, and what .lo and .hi mean where the text does not say it
    #[arg(long, value_enum, default_value_t)]
    endian: Order,
    #[command(flatten)]
    to: ProgramOutput,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Order {
    /// This machine's
    #[default]
    Native,
    /// The low half first
    Little,
    /// The high half first
    Big,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let text = input::text_of(&args.file, Wanted::Assembler)?;
    let endian = match args.endian {
        Order::Native => Endian::native(),
        Order::Little => Endian::Little,
        Order::Big => Endian::Big,
    };
    let what = || args.file.to_string();
    let program = assemble(&text, endian).map_err(|reason| {
        let error = Error::Assemble { what: what(), reason };
        door::named(error, text.as_bytes(), &args.file, Wanted::Assembler)
    })?;
    output::program(&program, output::style(endian), &args.to)
}
