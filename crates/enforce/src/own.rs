//! Filters with a listener that traced programs load themselves.
//!
//! Of two filters that hand a call over, the kernel asks the one that was loaded last. So a call
//! that the profile refuses would reach a program's own supervisor, which can let it pass.

use callgate_bpf::{Instruction, Program};
use callgate_kernel::{Tid, notify};
use callgate_syscalls::{ActionKind, Endian, SeccompData};

/// The filters that were loaded, by whomever.
#[derive(Debug, Default)]
pub(super) struct OwnListeners(Vec<Option<Program>>);

impl OwnListeners {
    /// Takes in the filter of a load that is about to be made. One that can't be read hands
    /// everything over, as far as is known.
    pub(super) fn add(&mut self, thread: Tid, load: &SeccompData) {
        let found = read(thread, load);
        if !self.0.contains(&found) {
            self.0.push(found);
        }
    }

    /// Whether one of them may hand a call over.
    pub(super) fn take(&self, call: &SeccompData) -> bool {
        let takes = |program: &Program| {
            program.run(call, Endian::native()).kind() == ActionKind::UserNotify
        };
        self.0.iter().any(|program| program.as_ref().is_none_or(takes))
    }
}

/// The program that a load of 64 bits points to: `struct sock_fprog`.
fn read(thread: Tid, load: &SeccompData) -> Option<Program> {
    let mut header = [0; 16];
    fill(thread, load.args[2], &mut header)?;
    let [first, second, ..] = header;
    let count = usize::from(u16::from_ne_bytes([first, second]));
    let address = u64::from_ne_bytes(*header.last_chunk::<8>()?);
    let mut bytes = vec![0; count * Instruction::SIZE];
    fill(thread, address, &mut bytes)?;
    Program::from_bytes(&bytes, Endian::native()).ok()
}

fn fill(thread: Tid, address: u64, buffer: &mut [u8]) -> Option<()> {
    let read = notify::read_memory(thread, address, buffer).ok()?;
    (read == buffer.len()).then_some(())
}
