//! Meanings as far as the kernel looks at arguments.
//!
//! For each syscall the caller is free to choose the argument bits that the kernel ignores. Two functions differ in what
//! can be had if, for some of the bits the kernel reads, the freest action over all choices differs: the one that permits
//! most, and of those that permit the same always the same one, whichever side it is on. Where it does, there
//! is a call on which the functions themselves differ, and that one is shown.
//!
//! Numbers without a known signature, and tokens that are not told apart, are compared with all their bits.

use callgate_memory::{Collect, Grow, OutOfMemory, Sort};
use callgate_policy::Field;
use callgate_syscalls::{Arch, ArgumentWidth, Syscall};

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
    if constant(common.left) && constant(common.right) || d.reads_class(common.left) {
        return visit(d, common);
    }
    for (numbers, syscall) in parts(common.tokens, common.numbers)? {
        let mut functions = [common.left, common.right];
        if let Some((arch, syscall)) = syscall {
            functions = what_can_be_had(d, arch, syscall, functions)?;
        }
        let [left, right] = functions;
        visit(d, Common { numbers, left, right, ..common })?;
    }
    Ok(())
}

/// An interval of numbers as those of syscalls under the token, each for itself, and the gaps between them.
pub(crate) fn parts(tokens: Interval, numbers: Interval) -> Result<Vec<Part>, OutOfMemory> {
    let mut parts = Vec::new();
    let mut next = Some(numbers.first);
    let interval = |next: Option<u32>, last: Option<u32>| Interval::new(next?, last?);
    let syscalls = tokens.single().map_or(Ok(Vec::new()), syscalls_of)?;
    for own in syscalls.into_iter().filter(|(_, syscall)| numbers.contains(syscall.nr.raw())) {
        let nr = own.1.nr.raw();
        parts.try_extend(interval(next, nr.checked_sub(1)).map(|gap| (gap, None)))?;
        parts.try_push((Interval::point(nr), Some(own)))?;
        next = nr.checked_add(1);
    }
    parts.try_extend(interval(next, Some(numbers.last)).map(|rest| (rest, None)))?;
    Ok(parts)
}

/// Numbers, with the syscall where it is one.
type Part = (Interval, Option<(Arch, Syscall)>);

/// The syscalls under a token, ascending by number.
fn syscalls_of(token: u32) -> Result<Vec<(Arch, Syscall)>, OutOfMemory> {
    let arches = Arch::ALL.into_iter().filter(|arch| arch.token().raw() == token);
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
