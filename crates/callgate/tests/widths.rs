//! The kernel reads as many bits of arguments as the tables say: calls that refusals of whole
//! registers miss, and conditions of the language don't.
#![cfg(target_pointer_width = "64")]
#![expect(clippy::unwrap_used, reason = "a helper fails its test by panicking")]

use std::fs::File;
use std::os::fd::AsRawFd;

use callgate::{Arch, Errno, Filter, Name, names};
use callgate_kernel::child::{Call, Outcome, outcomes};
use callgate_syscalls::{Argument, ArgumentWidth};

/// A bit that no argument of these calls has a meaning for.
const HIGH: u64 = 1 << 40;

const EPERM: u16 = 1;
const EINVAL: u16 = 22;

/// A call that succeeds, and the argument in question.
struct Try {
    name: Name,
    args: [u64; 6],
    index: usize,
}

impl Try {
    fn call(&self, extra: u64) -> Call {
        let mut args = self.args;
        args[self.index] |= extra;
        let nr = Arch::native().unwrap().syscall(self.name).unwrap().nr;
        Call::new(nr).with_args(args)
    }

    fn argument(&self) -> Argument {
        let signature = Arch::native().unwrap().signature(self.name).unwrap();
        signature.arguments().nth(self.index).unwrap()
    }

    /// What becomes of the call with and without the high bit where one value is refused.
    fn under(&self, compared: &str) -> [Outcome; 2] {
        let condition = format!("{compared} == {}", self.args[self.index]);
        let text =
            format!("policy 1\ndefault allow\nerrno EPERM {} where {condition}\n", self.name);
        let filter = Filter::parse(&text).unwrap();
        let calls = [self.call(0), self.call(HIGH)];
        outcomes(Some(filter.program()), &calls).unwrap().try_into().unwrap()
    }
}

fn tries(file: &File) -> Vec<Try> {
    const ANONYMOUS: u64 = 0x22;
    const SIGCHLD: u64 = 17;
    let fd = u64::try_from(file.as_raw_fd()).unwrap();
    // No vectors, which may stand anywhere.
    let none = [fd, 0, 0, 0, 0, 0];
    vec![
        Try { name: names::CLONE, args: [SIGCHLD, 0, 0, 0, 0, 0], index: 0 },
        Try { name: names::MMAP, args: [0, 4096, 3, ANONYMOUS, u64::MAX, 0], index: 2 },
        Try { name: names::MMAP, args: [0, 4096, 3, ANONYMOUS, u64::MAX, 0], index: 3 },
        Try { name: names::MMAP, args: [0, 4096, 1, 2, fd, 0], index: 4 },
        Try { name: names::READV, args: none, index: 0 },
        Try { name: names::READV, args: none, index: 2 },
        Try { name: names::PREADV, args: none, index: 0 },
        Try { name: names::PREADV2, args: none, index: 2 },
    ]
}

#[test]
fn high_bits_that_the_kernel_does_not_read_evade_whole_registers_alone() {
    let file = File::open("/proc/self/exe").unwrap();
    let refused = Outcome::Errno(Errno::new(EPERM));
    for of in tries(&file) {
        let name = of.argument().name;
        let about = format!("{name} of {}", of.name);
        assert_eq!(of.argument().width, ArgumentWidth::Bits32, "{about}");
        let [plain, high] = of.under(&format!("full({name})"));
        assert_eq!(plain, refused, "{about}");
        assert!(matches!(high, Outcome::Returned(_)), "{about}: {high:?}");
        assert_eq!(of.under(name), [refused; 2], "{about}");
    }
}

#[test]
fn arguments_that_are_read_whole_refuse_high_bits() {
    let whole = [
        Try { name: names::UNSHARE, args: [0x400, 0, 0, 0, 0, 0], index: 0 },
        Try { name: names::MPROTECT, args: [0, 4096, 1, 0, 0, 0], index: 2 },
    ];
    for of in whole {
        let about = format!("argument {} of {}", of.index, of.name);
        assert_eq!(of.argument().width, ArgumentWidth::Bits64, "{about}");
        let outcomes = outcomes(None, &[of.call(0), of.call(HIGH)]).unwrap();
        assert_ne!(outcomes[0], Outcome::Errno(Errno::new(EINVAL)), "{about}");
        assert_eq!(outcomes[1], Outcome::Errno(Errno::new(EINVAL)), "{about}");
    }
}
