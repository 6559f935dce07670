//! The kernel's probes on programs under filters: their calls are exempt, so that a probed function
//! runs as before.

use callgate::{KernelVersion, Program};
use callgate_bpf::Instruction;
use callgate_kernel::running_kernel;
use callgate_lab::judge::frees_uretprobe;
use callgate_lab::{Attached, Probe, Subject};

use super::support::{
    Checked, Row, allow, answering, confine, failed, nr, passes, privileged, program, refusal,
    said, same, skip,
};

const ALLOWED: u32 = 0x7fff_0000;
const REFUSED: u32 = 0x5_0001;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "unprobed-allow",
        about: "no probe, a filter that allows all",
        check: || none(Under::Allow),
    },
    Row {
        name: "unprobed-refuse",
        about: "no probe, all but a few calls refused",
        check: || none(Under::Refuse),
    },
    Row {
        name: "unprobed-named",
        about: "no probe, the probes' calls refused by number",
        check: || none(Under::Named),
    },
    Row {
        name: "unprobed-both",
        about: "no probe, their calls and all others refused",
        check: || none(Under::Both),
    },
    Row {
        name: "entry-allow",
        about: "a probe at the entry, a filter that allows all",
        check: || at(Attached::Entry, Under::Allow),
    },
    Row {
        name: "entry-refuse",
        about: "a probe at the entry, all but a few calls refused",
        check: || at(Attached::Entry, Under::Refuse),
    },
    Row {
        name: "entry-named",
        about: "a probe at the entry, the probes' calls refused by number",
        check: || at(Attached::Entry, Under::Named),
    },
    Row {
        name: "entry-both",
        about: "a probe at the entry, their calls and all others refused",
        check: || at(Attached::Entry, Under::Both),
    },
    Row {
        name: "return-allow",
        about: "a probe at the return, a filter that allows all",
        check: || at(Attached::Return, Under::Allow),
    },
    Row {
        name: "return-refuse",
        about: "a probe at the return, all but a few calls refused",
        check: || at(Attached::Return, Under::Refuse),
    },
    Row {
        name: "return-named",
        about: "a probe at the return, the probes' calls refused by number",
        check: || at(Attached::Return, Under::Named),
    },
    Row {
        name: "return-both",
        about: "a probe at the return, their calls and all others refused",
        check: || at(Attached::Return, Under::Both),
    },
];

/// The calls that the filter refuses.
#[derive(Clone, Copy, PartialEq)]
enum Under {
    Allow,
    Refuse,
    Named,
    Both,
}

/// What a row does after the probed function: read the count, and end.
const NEEDED: [i64; 4] =
    [nr(libc::SYS_read), nr(libc::SYS_exit_group), nr(libc::SYS_munmap), nr(libc::SYS_sigaltstack)];

fn filter(under: Under) -> Result<Program, String> {
    let (named, others) = match under {
        Under::Allow => return allow(1),
        Under::Refuse => (None, REFUSED),
        Under::Named => (Some(REFUSED), ALLOWED),
        Under::Both => (Some(REFUSED), REFUSED),
    };
    let mut all = vec![Instruction::new(0x20, 0)];
    let mut answer = |nr: i64, word| {
        let k = u32::try_from(nr).unwrap_or(u32::MAX);
        all.push(Instruction { code: 0x15, jt: 0, jf: 1, k });
        all.push(Instruction::new(0x06, word));
    };
    NEEDED.iter().for_each(|nr| answer(*nr, ALLOWED));
    if let Some(word) = named {
        // uretprobe and uprobe, as x86_64 numbers them.
        [335, 336].iter().for_each(|nr| answer(*nr, word));
    }
    all.push(Instruction::new(0x06, others));
    program(&all)
}

fn function_runs(subject: Subject) -> Result<(), String> {
    same("the probed function", Probe::run(subject), Probe::RESULT)
}

fn none(under: Under) -> Checked {
    let filter = filter(under)?;
    passes(|subject| {
        confine(&filter)?;
        function_runs(subject)
    })
}

fn at(place: Attached, under: Under) -> Checked {
    const TIMES: u64 = 3;
    if !privileged() {
        return skip("probes need root outside of any filter");
    }
    let freed = match place {
        Attached::Entry => running_kernel().is_ok_and(|kernel| kernel >= KernelVersion::new(6, 18)),
        Attached::Return => frees_uretprobe().map_err(said)?,
    };
    if !freed && under != Under::Allow {
        return skip("this kernel filters its probes' calls");
    }
    match Probe::new(place) {
        Err(None) => return skip("this kernel or machine has no such probes"),
        Err(Some(error)) => return Err(error),
        Ok(_) => {}
    }
    let filter = filter(under)?;
    passes(|subject| {
        let probe = Probe::new(place).map_err(Option::unwrap_or_default)?;
        // Once before: the kernel may change how it probes a function when that has been hit.
        function_runs(subject)?;
        confine(&filter)?;
        for _ in 1..TIMES {
            function_runs(subject)?;
        }
        same("the hits", probe.hits()?, TIMES)
    })?;
    // The filter does refuse: the same process under it has no other calls.
    passes(|subject| {
        confine(&answering(callgate::names::GETPPID, refusal(1))?)?;
        same("getppid", subject.call(libc::SYS_getppid, &[]), failed(1))
    })
}
