//! Meanings as far as the kernel looks at arguments.
//!
//! For each syscall the caller is free to choose the argument bits that the kernel ignores. Two functions differ in what
//! can be had if, for some of the bits the kernel reads, the freest action over all choices differs: the one that permits
//! most, and of those that permit the same always the same one, whichever side it is on. Where it does, there
//! is a call on which the functions themselves differ, and that one is shown.
//!
//! Numbers without a known signature, and tokens that are not told apart, are compared with all their bits.

use callgate_memory::{Collect, OutOfMemory, Sort};
use callgate_policy::Field;
use callgate_syscalls::{Arch, ArchToken, ArgumentWidth, Syscall};

use crate::budget::Halt;
use crate::compare::where_holds;
use crate::diagram::{Diagrams, FALSE, NodeId, Order, Rank, View};
use crate::meaning::endian_of;
use crate::numbers::Interval;
use crate::policy::words_of;
use crate::prover::Common;

/// Visits a class as one class for each syscall in it and one for each gap, the functions equal where what can be had is.
pub(crate) fn for_each_syscall(
    d: &mut Diagrams,
    common: Common,
    visit: &mut impl FnMut(&mut Diagrams, Common) -> Result<(), Halt>,
) -> Result<(), Halt> {
    let constant = |node| !matches!(d.view(node), View::Test { .. });
    let Some(token) = common.tokens.single() else { return visit(d, common) };
    if constant(common.left) && constant(common.right) || d.reads_class(common.left) {
        return visit(d, common);
    }
    let mut next = Some(common.numbers.first);
    for (arch, syscall) in syscalls_of(ArchToken::new(token))? {
        let nr = syscall.nr.raw();
        if !common.numbers.contains(nr) {
            continue;
        }
        let gap = nr.checked_sub(1).zip(next).and_then(|(last, first)| Interval::new(first, last));
        if let Some(numbers) = gap {
            visit(d, Common { numbers, ..common })?;
        }
        let [left, right] = what_can_be_had(d, arch, syscall, [common.left, common.right])?;
        visit(d, Common { numbers: Interval::point(nr), left, right, ..common })?;
        next = nr.checked_add(1);
    }
    let rest = next.and_then(|first| Interval::new(first, common.numbers.last));
    rest.map_or(Ok(()), |numbers| visit(d, Common { numbers, ..common }))
}

/// The syscalls under a token, ascending by number.
fn syscalls_of(token: ArchToken) -> Result<Vec<(Arch, Syscall)>, OutOfMemory> {
    let arches = Arch::ALL.into_iter().filter(|arch| arch.token() == token);
    let all = arches.flat_map(|arch| arch.syscalls().map(move |syscall| (arch, syscall)));
    let mut list = all.try_collect_vec()?;
    list.sort_in_place_by_key(|(_, syscall)| syscall.nr);
    Ok(list)
}

fn what_can_be_had(
    d: &mut Diagrams,
    arch: Arch,
    syscall: Syscall,
    functions: [NodeId; 2],
) -> Result<[NodeId; 2], Halt> {
    let Some(unread) = unread(&d.order, arch, syscall) else { return Ok(functions) };
    let freest = d.freest_over(functions, &unread)?;
    let [left, right] = freest;
    let differ = d.differ(left, right)?;
    // Where nothing differs the freest function itself is shown, because it still says what depends on shifts.
    if differ == FALSE { Ok(freest) } else { where_holds(d, differ, functions) }
}

/// The bits of each data word that the kernel does not read, in the order of diagrams.
fn unread(order: &Order, arch: Arch, syscall: Syscall) -> Option<[u32; Rank::COUNT]> {
    let signature = arch.signature(syscall.name)?;
    let endian = endian_of(arch.token());
    let mut unread = [0; Rank::COUNT];
    let mut widths = signature.arguments().map(|argument| argument.width);
    for field in Field::ARGS {
        let (high_mask, low_mask) = match widths.next() {
            Some(ArgumentWidth::Bits8) => (u32::MAX, 0xffff_ff00),
            Some(ArgumentWidth::Bits16) => (u32::MAX, 0xffff_0000),
            Some(ArgumentWidth::Bits32) => (u32::MAX, 0),
            Some(_) => (0, 0),
            None => (u32::MAX, u32::MAX),
        };
        let [high, low] = words_of(field, endian).map(|word| order.rank(word).index());
        (unread[high], unread[low]) = (high_mask, low_mask);
    }
    Some(unread)
}
