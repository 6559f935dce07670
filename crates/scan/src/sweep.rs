//! What each function of a file refers to: one pass over all of its code.

use crate::decode::decode;
use crate::image::{Image, Part, Pointer};
use crate::machine::{Effect, Expr, Flow, Insn, Machine, REGS, Target};
use crate::starts::{self, Start};

/// An address that code refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The instruction.
    pub(crate) at: u64,
    /// A function, data, or a pointer to either.
    pub(crate) to: u64,
    pub(crate) how: How,
}

/// How code refers to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Call,
    Jump,
    /// Its address is made.
    Names,
    /// Memory there is read or written, or control goes where a pointer there leads.
    Reads,
}

/// The code of a file, taken apart.
#[derive(Debug)]
pub(crate) struct Code {
    /// Functions, ascending; each reaches to the next one or the end of its section.
    pub(crate) functions: Vec<Start>,
    /// Ascending by instruction.
    pub(crate) references: Vec<Reference>,
    /// Instructions that enter the kernel, ascending.
    pub(crate) traps: Vec<u64>,
    /// Where data is referred to, ascending: there parts of it begin.
    pub(crate) data: Vec<u64>,
    /// Where control does not come to from the instruction before, ascending.
    barriers: Vec<u64>,
    /// Returns, and jumps by pointers, ascending.
    exits: Vec<u64>,
    /// The references again, ascending by what they refer to.
    incoming: Vec<Reference>,
}

/// How many values of a register are remembered on a machine that makes addresses in two steps.
const REMEMBERED: usize = 4;

/// Takes a file apart.
pub(crate) fn sweep(image: &Image) -> Code {
    let known = starts::known(image);
    let mut sweep = Sweep {
        image,
        references: Vec::new(),
        traps: Vec::new(),
        cuts: Vec::new(),
        barriers: Vec::new(),
        exits: Vec::new(),
    };
    for part in &image.code {
        let from = known.partition_point(|start| start.at < part.start);
        let to = known.partition_point(|start| start.at < part.end);
        sweep.part(part, &known[from..to]);
    }
    sweep.finish(known)
}

struct Sweep<'i> {
    image: &'i Image,
    references: Vec<Reference>,
    traps: Vec<u64>,
    /// Beginnings of functions that are no targets of calls: entries of tables of jumps.
    cuts: Vec<u64>,
    barriers: Vec<u64>,
    exits: Vec<u64>,
}

/// Addresses that registers may hold: constants of which the last few are kept, whatever the way
/// that led to an instruction.
struct Pages([Vec<u64>; REGS]);

impl Sweep<'_> {
    fn part(&mut self, part: &Part, starts: &[Start]) {
        let is_table = part.name.starts_with(".plt");
        let bytes = self.image.part_bytes(part);
        let mut starts = starts.iter().map(|start| start.at).peekable();
        let mut pages = Pages(std::array::from_fn(|_| Vec::new()));
        let mut at = part.start;
        while at < part.end {
            if starts.next_if(|&start| start <= at).is_some() {
                pages.0.iter_mut().for_each(Vec::clear);
                continue;
            }
            let skip = usize::try_from(at - part.start).unwrap_or(usize::MAX);
            let Some(rest) = bytes.get(skip..).filter(|rest| !rest.is_empty()) else { break };
            let insn = decode(self.image.machine, rest, at);
            let next = at + u64::from(insn.len);
            // An instruction never crosses into a function: what stands before it is no code.
            if starts.peek().is_some_and(|&start| start < next) {
                at = starts.peek().copied().unwrap_or(next);
                continue;
            }
            self.instruction(at, &insn, &mut pages);
            let is_padding = insn.flow == Flow::Next && insn.effects == [Effect::None; 4];
            match insn.flow {
                Flow::Jump(_) | Flow::Call(_) | Flow::Return | Flow::Stop => {
                    self.barriers.push(next)
                }
                // What fills the gap behind a function.
                _ if is_padding && self.barriers.last() == Some(&at) => self.barriers.push(next),
                _ => {}
            }
            if matches!(
                insn.flow,
                Flow::Return | Flow::Jump(Target::Reg(_) | Target::Slot(_) | Target::Unknown)
            ) {
                self.exits.push(at);
            }
            if is_table && matches!(insn.flow, Flow::Jump(_)) {
                self.cuts.push(next);
            }
            at = next;
        }
    }

    fn instruction(&mut self, at: u64, insn: &Insn, pages: &mut Pages) {
        match insn.flow {
            Flow::Jump(Target::At(to)) | Flow::Branch(to) => self.refer(at, to, How::Jump),
            Flow::Call(Target::At(to)) => self.refer(at, to, How::Call),
            Flow::Jump(Target::Slot(to)) | Flow::Call(Target::Slot(to)) => {
                self.refer(at, to, How::Reads);
            }
            Flow::Trap(_) => self.traps.push(at),
            _ => {}
        }
        if let Some(to) = insn.names {
            self.refer(at, to, if insn.makes { How::Names } else { How::Reads });
        }
        if let Some(to) = insn.constant.filter(|_| self.image.fixed) {
            self.refer(at, to, How::Names);
        }
        if self.image.machine == Machine::Aarch64 {
            self.pages(at, insn, pages);
        }
    }

    /// Follows addresses that are made of a page and an offset.
    fn pages(&mut self, at: u64, insn: &Insn, pages: &mut Pages) {
        let sum = |page: u64, add: i64| page.wrapping_add_signed(add);
        for effect in insn.effects {
            match effect {
                Effect::Set { to, from: Expr::Const(page), .. } => {
                    let kept = &mut pages.0[usize::from(to)];
                    if !kept.contains(&page) {
                        if kept.len() == REMEMBERED {
                            kept.remove(0);
                        }
                        kept.push(page);
                    }
                }
                Effect::Set { to, from: Expr::Reg(base, add), .. } => {
                    let sums: Vec<u64> =
                        pages.0[usize::from(base)].iter().map(|&page| sum(page, add)).collect();
                    if add != 0 || to == base {
                        sums.iter().for_each(|&to| self.refer(at, to, How::Names));
                    }
                    // A page that becomes an address is still a page for what comes later.
                    if to != base {
                        pages.0[usize::from(to)] = sums;
                    }
                }
                Effect::Set { from: Expr::Load(base, add), .. }
                | Effect::Store { base, disp: add, .. } => {
                    let kept = pages.0[usize::from(base)].clone();
                    kept.into_iter().for_each(|page| self.refer(at, sum(page, add), How::Reads));
                }
                _ => {}
            }
        }
    }

    fn refer(&mut self, at: u64, to: u64, how: How) {
        let new = Reference { at, to, how };
        let is_last = self.references.last() == Some(&new);
        if !is_last && (self.image.is_code(to) || self.image.data_part(to).is_some()) {
            self.references.push(new);
        }
    }

    fn finish(mut self, known: Vec<Start>) -> Code {
        let image = self.image;
        let mut functions = known;
        let mut more = std::mem::take(&mut self.cuts);
        more.extend(self.called(&functions));
        add(&mut functions, more);
        let more = self.jumped_to(&functions);
        add(&mut functions, more);
        let pointed = image.pointers.values().filter_map(|pointer| match pointer {
            Pointer::Local(to) => Some(*to),
            Pointer::Import(_) => None,
        });
        let pointed_to = pointed.clone().filter(|&to| image.is_code(to)).collect();
        add(&mut functions, pointed_to);
        // Where memory is only read or written, that may be a part of something larger.
        let made = |reference: &&Reference| reference.how != How::Reads;
        let referred = self.references.iter().filter(made).map(|reference| reference.to);
        let symbols = image.symbols.iter().map(|symbol| symbol.at);
        let mut data: Vec<u64> =
            referred.chain(pointed).chain(symbols).filter(|&to| !image.is_code(to)).collect();
        data.sort_unstable();
        data.dedup();
        let (references, traps, barriers) = (self.references, self.traps, self.barriers);
        let mut incoming = references.clone();
        incoming.sort_unstable_by_key(|reference| (reference.to, reference.at));
        let exits = self.exits;
        Code { functions, references, traps, data, barriers, exits, incoming }
    }
}

/// Adds beginnings of functions without names.
fn add(functions: &mut Vec<Start>, more: Vec<u64>) {
    functions.extend(more.into_iter().map(|at| Start { at, name: None }));
    functions.sort_by_key(|start| (start.at, start.name.is_none()));
    functions.dedup_by_key(|start| start.at);
}

/// The function, by its place and one, that an address is in.
fn own(functions: &[Start], at: u64) -> usize {
    functions.partition_point(|start| start.at <= at)
}

/// Whether a function may begin at an address, by where it is: compilers align them.
const fn is_aligned(at: u64) -> bool {
    at % 16 == 0
}

impl Sweep<'_> {
    /// Where functions begin because they are called, or their address is made.
    fn called(&self, known: &[Start]) -> Vec<u64> {
        // `call` of the next instruction asks for its address.
        const NEAR: u64 = 8;
        let begins = |reference: &&Reference| match reference.how {
            How::Call => reference.to.wrapping_sub(reference.at) > NEAR,
            How::Names if own(known, reference.at) == own(known, reference.to) => {
                is_aligned(reference.to) && self.barriers.binary_search(&reference.to).is_ok()
            }
            How::Names => true,
            How::Jump | How::Reads => false,
        };
        let code = self.references.iter().filter(|r| self.image.is_code(r.to));
        code.filter(begins).map(|reference| reference.to).collect()
    }

    /// Where functions begin because others end by jumping there. Jumps also come to parts of
    /// functions that were moved away, and back: such parts are not aligned, or something before
    /// them goes on there. Where a file says where its functions begin, it is believed.
    fn jumped_to(&self, functions: &[Start]) -> Vec<u64> {
        if self.image.is_go() || starts::has_frames(self.image) {
            return Vec::new();
        }
        let begins = |reference: &&Reference| {
            let crosses = own(functions, reference.at) != own(functions, reference.to);
            let behind_end = || self.barriers.binary_search(&reference.to).is_ok();
            reference.how == How::Jump && is_aligned(reference.to) && crosses && behind_end()
        };
        self.references.iter().filter(begins).map(|reference| reference.to).collect()
    }
}

impl Code {
    /// The function that an address is in.
    pub(crate) fn function_at(&self, image: &Image, at: u64) -> Option<usize> {
        if !image.is_code(at) {
            return None;
        }
        self.functions.partition_point(|start| start.at <= at).checked_sub(1)
    }

    /// The addresses of a function.
    pub(crate) fn range(&self, image: &Image, function: usize) -> std::ops::Range<u64> {
        let start = self.functions[function].at;
        let section = image.code.iter().find(|part| (part.start..part.end).contains(&start));
        let end = section.map_or(start, |part| part.end);
        let next = self.functions.get(function + 1).map_or(end, |next| next.at);
        start..next.min(end).max(start)
    }

    /// Whether control comes to a function from the end of the one before.
    pub(crate) fn is_fallen_into(&self, image: &Image, function: usize) -> bool {
        let at = self.functions[function].at;
        let begins_section = image.code.iter().any(|part| part.start == at);
        !begins_section && self.barriers.binary_search(&at).is_err()
    }

    /// Whether a function never returns: no instruction of it leads out but calls.
    pub(crate) fn is_final(&self, image: &Image, at: u64) -> bool {
        let function = self.function_at(image, at);
        let Some(function) = function.filter(|&f| self.functions[f].at == at) else { return false };
        let range = self.range(image, function);
        let exit = self.exits.partition_point(|&exit| exit < range.start);
        let has_exit = self.exits.get(exit).is_some_and(|&exit| exit < range.end);
        let leads_out =
            |reference: &Reference| reference.how == How::Jump && !range.contains(&reference.to);
        let falls_out = self.barriers.binary_search(&range.end).is_err();
        !has_exit && !falls_out && !self.references_in(&range).iter().any(leads_out)
    }

    /// Who refers to an address.
    pub(crate) fn references_to(&self, to: u64) -> &[Reference] {
        let from = self.incoming.partition_point(|reference| reference.to < to);
        let rest = &self.incoming[from..];
        &rest[..rest.partition_point(|reference| reference.to == to)]
    }

    /// The places inside a function, behind its start, that jumps from elsewhere lead to.
    pub(crate) fn jumps_into(&self, range: &std::ops::Range<u64>) -> impl Iterator<Item = u64> {
        let from = self.incoming.partition_point(|reference| reference.to <= range.start);
        let to = self.incoming.partition_point(|reference| reference.to < range.end);
        let inside = range.clone();
        self.incoming[from..to.max(from)]
            .iter()
            .filter(move |reference| !inside.contains(&reference.at))
            .map(|reference| reference.to)
    }

    /// What a function refers to.
    pub(crate) fn references_in(&self, range: &std::ops::Range<u64>) -> &[Reference] {
        let from = self.references.partition_point(|reference| reference.at < range.start);
        let to = self.references.partition_point(|reference| reference.at < range.end);
        &self.references[from..to]
    }
}
