//! How much memory the work on a context may need, for a caller that makes sure of it beforehand.
//!
//! The figures were measured, with a factor of two to spare, by letting all allocations of a call come from a block that is
//! never used again: `cargo xtask abi` repeats that with contexts of a few rules and of hundreds.

use callgate_order::Rules;

use crate::Context;
use crate::filter::Filter;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The most that is asked for at once; no filter that a kernel takes has been seen to need as much.
const PROGRAM_MAX: usize = 512 * MIB;

impl Context {
    /// The bytes that any one change of the context may allocate.
    ///
    /// A change can make each list grow to twice its size, and the start of a transaction copies all.
    #[must_use]
    pub fn change_memory(&self) -> usize {
        let one = |(entries, listed): (usize, usize)| 16 * KIB + 192 * entries + 512 * listed;
        64 * KIB + self.filters().iter().map(|filter| one(extent(filter))).sum::<usize>()
    }

    /// The bytes that making the program or the text may allocate.
    #[must_use]
    pub fn program_memory(&self) -> usize {
        let one = |(entries, listed): (usize, usize)| 8 * KIB * entries + 24 * KIB * listed;
        let all = self.filters().iter().map(|filter| one(extent(filter)));
        (4 * MIB + all.sum::<usize>()).min(PROGRAM_MAX)
    }
}

/// How much a filter holds: its entries, and its rules with comparisons, more for longer ones.
fn extent(filter: &Filter) -> (usize, usize) {
    let listed = filter.listed().map(|rules| match rules {
        Rules::Listed(list) => {
            list.iter().map(|r| 1 + r.chain.len() * (r.chain.len() + 1) / 2).sum()
        }
        Rules::None | Rules::Always { .. } => 0,
    });
    (filter.len(), listed.sum())
}
