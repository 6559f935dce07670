//! The numbers of calls: at the instruction that makes a call, or at the callers of the function
//! in which it stands, over as many calls as it takes.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::rc::Rc;

use crate::flow::{Kind, Site, sites};
use crate::image::Pointer;
use crate::machine::{Machine, Trap};
use crate::values::{Atom, Origin, Value};
use crate::world::{FileId, World};

/// A function of a file.
pub(crate) type FunctionId = (FileId, usize);

/// What a value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Use {
    /// The number of a call.
    Number(Trap),
    /// The name of a library that is loaded.
    Library,
}

/// What is known of a function by itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) numbers: BTreeSet<(Trap, u32)>,
    /// Instructions where the value was not found.
    pub(crate) unknown: BTreeSet<(u64, Use)>,
}

/// What every function calls by itself.
pub(crate) fn solve(world: &World) -> BTreeMap<FunctionId, Found> {
    let mut solver = Solver {
        world,
        pointers: pointers(world),
        sites: HashMap::new(),
        found: BTreeMap::new(),
        wrappers: BTreeSet::new(),
        queue: VecDeque::new(),
    };
    solver.traps();
    solver.libraries();
    while let Some((function, origin, purpose)) = solver.queue.pop_front() {
        solver.callers(function, origin, purpose);
    }
    solver.found
}

struct Solver<'w> {
    world: &'w World,
    /// The pointers to each function.
    pointers: HashMap<(FileId, u64), Vec<(FileId, u64)>>,
    sites: HashMap<FunctionId, Rc<Vec<Site>>>,
    found: BTreeMap<FunctionId, Found>,
    /// Functions to which a value comes from their callers.
    wrappers: BTreeSet<(FunctionId, Origin, Use)>,
    queue: VecDeque<(FunctionId, Origin, Use)>,
}

/// A value at a place, and what it is for.
#[derive(Clone, Copy)]
struct Asked {
    function: FunctionId,
    at: u64,
    purpose: Use,
}

fn pointers(world: &World) -> HashMap<(FileId, u64), Vec<(FileId, u64)>> {
    let mut found: HashMap<(FileId, u64), Vec<(FileId, u64)>> = HashMap::new();
    for (id, file) in world.files.iter().enumerate() {
        for (&slot, &pointer) in &file.image.pointers {
            let (target, all) = world.targets(id, pointer);
            for at in all {
                found.entry((target, at)).or_default().push((id, slot));
            }
        }
    }
    found
}

impl Solver<'_> {
    fn sites(&mut self, function: FunctionId) -> Rc<Vec<Site>> {
        let file = &self.world.files[function.0];
        let found = self.sites.entry(function);
        let found = found.or_insert_with(|| Rc::new(sites(&file.image, &file.code, function.1)));
        Rc::clone(found)
    }

    fn machine(&self, file: FileId) -> Machine {
        self.world.files[file].image.machine
    }

    /// Looks at every instruction that enters the kernel.
    fn traps(&mut self) {
        for id in 0..self.world.files.len() {
            let file = &self.world.files[id];
            let functions: BTreeSet<usize> = file
                .code
                .traps
                .iter()
                .filter_map(|&at| file.code.function_at(&file.image, at))
                .collect();
            let number = self.machine(id).number();
            for function in functions {
                let function = (id, function);
                for site in self.sites(function).iter() {
                    if let Kind::Trap(trap) = site.kind {
                        let asked = Asked { function, at: site.at, purpose: Use::Number(trap) };
                        self.classify(asked, site.state.register(number));
                    }
                }
            }
        }
    }

    /// Every function that loads libraries by name.
    fn libraries(&mut self) {
        for id in 0..self.world.files.len() {
            let [first, second, ..] = self.machine(id).arguments();
            for (name, register) in
                [("dlopen", first), ("__libc_dlopen_mode", first), ("dlmopen", second)]
            {
                let at: Vec<u64> = self.world.files[id].named(name).collect();
                for function in at.into_iter().filter_map(|at| self.world.function(id, at)) {
                    self.wrap((id, function), Origin::Reg(register), Use::Library);
                }
            }
        }
    }

    fn wrap(&mut self, function: FunctionId, origin: Origin, purpose: Use) {
        if self.wrappers.insert((function, origin, purpose)) {
            self.queue.push_back((function, origin, purpose));
        }
    }

    fn unknown(&mut self, asked: Asked) {
        let found = self.found.entry(asked.function).or_default();
        found.unknown.insert((asked.at, asked.purpose));
    }

    /// Takes in what a value may be.
    fn classify(&mut self, asked: Asked, value: &Value) {
        for &atom in value {
            match (atom, asked.purpose) {
                (Atom::Const(number), Use::Number(trap)) => {
                    // The kernel reads 32 bits.
                    let number = u32::try_from(number & 0xffff_ffff).unwrap_or(u32::MAX);
                    let found = self.found.entry(asked.function).or_default();
                    found.numbers.insert((trap, number));
                }
                // Its name is a text of the file, which was found as such; or the program itself.
                (Atom::Const(_), Use::Library) => {}
                (Atom::Origin(origin), purpose) => self.wrap(asked.function, origin, purpose),
                (Atom::Cell(cell), _) => self.cell(asked, cell, None),
                (Atom::BehindCell(cell, disp), _) => self.cell(asked, cell, Some(disp)),
                (Atom::Frame(_) | Atom::Unknown, _) => self.unknown(asked),
            }
        }
    }

    /// A value that is read from memory at an address: one that some function stores there, or,
    /// with a displacement, what lies behind the pointer that it stores there.
    fn cell(&mut self, asked: Asked, cell: u64, behind: Option<i64>) {
        let file = &self.world.files[asked.function.0];
        if let (Some(Pointer::Local(to)), None) = (file.image.pointers.get(&cell), behind) {
            self.classify(asked, &vec![Atom::Const(*to)]);
            return;
        }
        let writers: BTreeSet<usize> = file
            .code
            .references_to(cell)
            .iter()
            .filter_map(|reference| file.code.function_at(&file.image, reference.at))
            .collect();
        let initial = file.image.word_at(cell).filter(|&word| word != 0 && behind.is_none());
        let mut is_stored = initial.is_some();
        if let Some(word) = initial {
            self.classify(asked, &vec![Atom::Const(word)]);
        }
        for writer in writers {
            let function = (asked.function.0, writer);
            for site in self.sites(function).iter() {
                let Kind::Store { to, value } = &site.kind else { continue };
                let is_cleared = value.as_slice() == [Atom::Const(0)];
                if *to != cell || is_cleared {
                    continue;
                }
                let there = Asked { function, at: site.at, purpose: asked.purpose };
                for &atom in value {
                    let value = match behind {
                        None if matches!(atom, Atom::Cell(_) | Atom::BehindCell(..)) => {
                            vec![Atom::Unknown]
                        }
                        None => vec![atom],
                        Some(disp) => match site.state.behind(atom, disp).as_slice() {
                            [Atom::Cell(_) | Atom::BehindCell(..)] => vec![Atom::Unknown],
                            value => value.to_vec(),
                        },
                    };
                    is_stored |= value != [Atom::Unknown];
                    self.classify(there, &value);
                }
            }
        }
        if !is_stored {
            self.unknown(asked);
        }
    }

    /// Looks for a value at the callers of the function to which it comes.
    fn callers(&mut self, function: FunctionId, origin: Origin, purpose: Use) {
        let (id, index) = function;
        let start = self.world.files[id].code.functions[index].at;
        let mut places: Vec<(FileId, u64)> = vec![(id, start)];
        places.extend(self.pointers.get(&(id, start)).into_iter().flatten());
        let mut callers: BTreeSet<FunctionId> = BTreeSet::new();
        for &(file, place) in &places {
            let code = &self.world.files[file].code;
            let from = code.references_to(place).iter();
            callers.extend(from.filter_map(|r| Some((file, self.world.function(file, r.at)?))));
        }
        for caller in callers {
            // Its own jumps to its start.
            if caller == function {
                continue;
            }
            let places: Vec<u64> =
                places.iter().filter(|(file, _)| *file == caller.0).map(|(_, at)| *at).collect();
            if !self.take_from_calls(caller, &places, origin, purpose)
                && !self.take_from_callbacks(caller, &places, origin, purpose)
            {
                let at = self.world.files[caller.0].code.functions[caller.1].at;
                self.unknown(Asked { function: caller, at, purpose });
            }
        }
    }

    /// Whether a function calls one of the places; what it hands over is taken in.
    fn take_from_calls(
        &mut self,
        caller: FunctionId,
        places: &[u64],
        origin: Origin,
        purpose: Use,
    ) -> bool {
        let pushed = self.machine(caller.0).pushed_by_call();
        let sp = self.machine(caller.0).stack_pointer();
        let mut is_called = false;
        for site in self.sites(caller).iter() {
            let Kind::Call { targets, pushes } = &site.kind else { continue };
            if !targets.iter().any(|target| leads_to(*target, places)) {
                continue;
            }
            is_called = true;
            let asked = Asked { function: caller, at: site.at, purpose };
            let value = match origin {
                Origin::Reg(register) => site.state.register(register).clone(),
                Origin::Stack(offset) => {
                    let pushed = if *pushes { pushed } else { 0 };
                    let frame = site.state.register(sp).clone();
                    let at = |&atom: &Atom| site.state.behind(atom, offset - pushed);
                    frame.iter().flat_map(at).collect()
                }
                Origin::Behind(register, disp) => {
                    let at = |&atom: &Atom| site.state.behind(atom, disp);
                    site.state.register(register).iter().flat_map(at).collect()
                }
            };
            self.classify(asked, &value);
        }
        is_called
    }

    /// Whether a function hands one of the places to another function, together with the data that
    /// it is to be called with.
    fn take_from_callbacks(
        &mut self,
        caller: FunctionId,
        places: &[u64],
        origin: Origin,
        purpose: Use,
    ) -> bool {
        let arguments = self.machine(caller.0).arguments();
        let Origin::Behind(register, disp) = origin else { return false };
        if register != arguments[0] {
            return false;
        }
        let mut is_handed = false;
        for site in self.sites(caller).iter() {
            let Kind::Call { .. } = site.kind else { continue };
            let values = || arguments.iter().flat_map(|&a| site.state.register(a));
            if !values().any(|atom| leads_to(*atom, places)) {
                continue;
            }
            let frames = values().filter(|atom| matches!(atom, Atom::Frame(_)));
            for frame in frames {
                is_handed = true;
                let value = site.state.behind(*frame, disp);
                self.classify(Asked { function: caller, at: site.at, purpose }, &value);
            }
        }
        is_handed
    }
}

/// Whether an address is one of the places, or a pointer among them leads there.
fn leads_to(target: Atom, places: &[u64]) -> bool {
    match target {
        Atom::Const(at) | Atom::Cell(at) => places.contains(&at),
        _ => false,
    }
}
