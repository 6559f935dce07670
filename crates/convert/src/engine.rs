//! A filter that depends on circumstances as one profile of an engine, with `includes` and
//! `excludes` around what does.

use std::collections::{BTreeMap, BTreeSet};

use callgate_formats::docker::{ArchMapEntry, Filter, Seccomp, Syscall};
use callgate_formats::oci::{Arg, Seccomp as Resolved};
use callgate_formats::{ActionName, ArchName, DockerArch, Exported, MinKernel, Multiplexers};
use callgate_formats::{Capability, Spelled};
use callgate_gate::Cases;
use callgate_policy::Policy;
use callgate_raise::raise;
use callgate_rules::{Applies, Circumstances, ErrnoSpec, Target};
use callgate_syscalls::{Arch, Errno, KernelVersion, Name};

use crate::{lines, oci};

/// The machines that a profile lists: on those that it does not, engines take every call for known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// Those that the filter names.
    Named,
    /// All on which some calls do not count as known.
    Every,
}

/// What a rule does with a syscall: action, number, conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Words {
    action: ActionName,
    errno_ret: Option<u64>,
    args: Vec<Arg>,
}

/// What is said of each syscall on one target.
type Draft = BTreeMap<Name, Vec<Words>>;

/// What is said of one syscall: on each machine for which assignments of what decides about it.
type Said = Vec<(Words, BTreeMap<Arch, Vec<bool>>)>;

/// The text of a profile. Whether it means the filter was not looked at.
///
/// # Errors
/// What the form has no words for.
pub(crate) fn text(
    cases: &Cases<'_>,
    targets: &[Target],
    (multiplexers, listed): (Multiplexers, Listed),
) -> Result<String, String> {
    let mut policies = Vec::with_capacity(targets.len());
    for target in targets {
        policies.push((target, (cases.policy)(target)?));
    }
    let mut drafts =
        Drafts { arch_map: arch_map(cases.circumstances, &policies, listed), ..Drafts::default() };
    for (target, policy) in policies {
        drafts.add(target, policy, multiplexers)?;
    }
    let default = common(&drafts.defaults)?;
    let mut entries = Entries::default();
    for name in drafts.names() {
        for (words, of) in drafts.said(name, cases.circumstances) {
            entries.add(name, &words, &of, cases.circumstances);
        }
    }
    let mut syscalls = entries.syscalls();
    // Readers infer from the largest number that is named which calls the author knew.
    let known: Vec<String> = drafts.known.iter().map(|name| name.as_str().to_owned()).collect();
    if !known.is_empty() {
        let Otherwise { action, errno_ret, .. } = default;
        let words = Words { action, errno_ret, args: Vec::new() };
        let errno = default.errno.clone();
        syscalls.push(Syscall { errno, ..syscall(known, &words, Filter::default()) });
    }
    let arch_map = drafts.arch_map;
    let (flags, listener_path, listener_metadata) = (Vec::new(), None, None);
    oci::json(&Seccomp {
        default_action: default.action,
        default_errno_ret: default.errno_ret,
        default_errno: default.errno,
        architectures: Vec::new(),
        arch_map,
        flags,
        listener_path,
        listener_metadata,
        syscalls,
    })
}

/// What happens to calls without rules.
struct Otherwise {
    action: ActionName,
    errno_ret: Option<u64>,
    /// The name of an errno that machines number differently, which Podman reads.
    errno: Option<String>,
}

/// The answer that machines have in common.
fn common(defaults: &BTreeMap<Arch, Unruled>) -> Result<Otherwise, String> {
    let usual = defaults.get_key_value(&Arch::X86_64).or(defaults.first_key_value());
    let Some((native, first)) = usual else { return Err("it is for no machine".to_owned()) };
    let (action, errno_ret) = *first;
    if defaults.values().all(|other| other == first) {
        return Ok(Otherwise { action, errno_ret, errno: None });
    }
    let number = errno_ret.filter(|_| action == ActionName::Errno);
    let errno = number.and_then(|number| u16::try_from(number).ok()).map(Errno::new);
    let named = errno.and_then(|errno| ErrnoSpec::named(errno.name(*native)?));
    let has_it = |spec: &ErrnoSpec| {
        defaults.iter().all(|(arch, own)| *own == (action, Some(u64::from(spec.on(*arch)))))
    };
    match named.filter(has_it) {
        Some(spec) => Ok(Otherwise { action, errno_ret, errno: Some(spec.to_string()) }),
        None => Err("its machines have different default actions".to_owned()),
    }
}

/// What happens to calls without rules on one machine.
type Unruled = (ActionName, Option<u64>);

/// What is said on every target.
#[derive(Default)]
struct Drafts {
    defaults: BTreeMap<Arch, Unruled>,
    /// Targets with the place of their draft: many have the same.
    targets: Vec<(Target, usize)>,
    drafts: Vec<(Policy, Unruled, Draft)>,
    /// The syscalls that get the default and are named so that they count as known.
    known: BTreeSet<Name>,
    /// The machines on which readers infer which calls count as known.
    arch_map: Vec<ArchMapEntry>,
}

impl Drafts {
    fn add(
        &mut self,
        target: &Target,
        policy: Policy,
        multiplexers: Multiplexers,
    ) -> Result<(), String> {
        let infers = self.arch_map.iter().any(|entry| entry.architecture.0 == target.native);
        let same = self.drafts.iter().position(|(other, ..)| *other == policy);
        let place = match same {
            Some(place) => place,
            None => {
                let raised = raise(&policy).map_err(|error| error.to_string())?;
                let resolved =
                    Exported::draft(&raised, multiplexers).map_err(lines::inexpressible)?;
                let default = (resolved.default_action, resolved.default_errno_ret);
                let draft = self.draft(resolved, infers);
                self.drafts.push((policy, default, draft));
                self.drafts.len() - 1
            }
        };
        let default = self.drafts[place].1;
        if *self.defaults.entry(target.native).or_insert(default) != default {
            return Err("its default action depends on circumstances".to_owned());
        }
        self.targets.push((target.clone(), place));
        Ok(())
    }

    fn draft(&mut self, resolved: Resolved, infers: bool) -> Draft {
        let default = (resolved.default_action, resolved.default_errno_ret);
        let mut draft = Draft::new();
        for entry in resolved.syscalls {
            let names = entry.names.iter().filter_map(|text| Name::parse(text));
            if entry.args.is_empty() && (entry.action, entry.errno_ret) == default {
                self.known.extend(names.filter(|_| infers));
                continue;
            }
            let words =
                Words { action: entry.action, errno_ret: entry.errno_ret, args: entry.args };
            for name in names {
                draft.entry(name).or_default().push(words.clone());
            }
        }
        draft
    }

    fn names(&self) -> BTreeSet<Name> {
        self.drafts.iter().flat_map(|(.., draft)| draft.keys().copied()).collect()
    }

    fn said(&self, name: Name, circumstances: &Circumstances) -> Said {
        let factors = circumstances.of(Some(name));
        let assignments = factors.assignments().unwrap_or_default();
        let mut said = Said::new();
        for (place, assignment) in assignments.iter().enumerate() {
            let mut seen = BTreeSet::new();
            for (target, draft) in &self.targets {
                let kernel = target.kernel.unwrap_or(KernelVersion::new(0, 0));
                let is_it = factors.assignment(target.caps, kernel) == *assignment;
                if !is_it || !seen.insert(target.native) {
                    continue;
                }
                for words in self.drafts[*draft].2.get(&name).into_iter().flatten() {
                    let known = said.iter().position(|(other, _)| other == words);
                    let at = known.unwrap_or(said.len());
                    if known.is_none() {
                        said.push((words.clone(), BTreeMap::new()));
                    }
                    let none = || vec![false; assignments.len()];
                    said[at].1.entry(target.native).or_insert_with(none)[place] = true;
                }
            }
        }
        said
    }
}

/// What is written: for each rule and where it applies the syscalls.
#[derive(Default)]
struct Entries(Vec<(Words, Extent, BTreeSet<Name>)>);

/// Where a rule applies: machines by their names, and the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Extent {
    applies: Applies,
    only: Vec<Arch>,
    but: Vec<Arch>,
}

impl Entries {
    fn add(
        &mut self,
        name: Name,
        words: &Words,
        of: &BTreeMap<Arch, Vec<bool>>,
        circumstances: &Circumstances,
    ) {
        let mut machines: BTreeMap<&[bool], BTreeSet<Arch>> = BTreeMap::new();
        for (native, holds) in of {
            machines.entry(holds).or_default().insert(*native);
        }
        let having = having(name, circumstances);
        for (holds, natives) in machines {
            for applies in circumstances.of(Some(name)).places(holds) {
                let mut place = Extent { applies, ..Extent::default() };
                let others: Vec<Arch> = having.difference(&natives).copied().collect();
                match others.len() < natives.len() {
                    true => place.but = others,
                    false => place.only = natives.iter().copied().collect(),
                }
                self.put(name, words, place);
            }
        }
    }

    fn put(&mut self, name: Name, words: &Words, place: Extent) {
        let same = self.0.iter_mut().find(|(own, at, _)| own == words && *at == place);
        match same {
            Some((_, _, names)) => {
                names.insert(name);
            }
            None => self.0.push((words.clone(), place, BTreeSet::from([name]))),
        }
    }

    /// What always applies comes first.
    fn syscalls(mut self) -> Vec<Syscall> {
        self.0.sort_by(|(_, left, one), (_, right, other)| (left, one).cmp(&(right, other)));
        let written = self.0.into_iter().map(|(words, place, names)| {
            let names = names.iter().map(|name| name.as_str().to_owned()).collect();
            let mut syscall = syscall(names, &words, Filter::default());
            (syscall.includes, syscall.excludes) = place.filters();
            syscall
        });
        written.collect()
    }
}

/// The machines of which some architecture has a syscall.
fn having(name: Name, circumstances: &Circumstances) -> BTreeSet<Arch> {
    let machines = &circumstances.machines;
    let has = |arch: &Arch| arch.syscall(name).is_some();
    let own = |native: &Arch| machines.iter().find(|own| own.first() == Some(native));
    let has_any = |native: &&Arch| match own(native) {
        Some(arches) => arches.iter().any(has),
        None => has(native),
    };
    circumstances.natives.iter().filter(has_any).copied().collect()
}

impl Extent {
    fn filters(&self) -> (Filter, Filter) {
        let Applies { kernel_from, kernel_before, with_caps, without_caps, .. } = &self.applies;
        let caps = |own: &mut dyn Iterator<Item = Capability>| own.map(spelled).collect();
        let arches = |list: &[Arch]| list.iter().map(|arch| spelled(DockerArch(*arch))).collect();
        let includes = Filter {
            caps: caps(&mut with_caps.iter().flat_map(|any| any.iter())),
            arches: arches(&self.only),
            min_kernel: kernel_from.map(MinKernel),
        };
        let excludes = Filter {
            caps: caps(&mut without_caps.iter()),
            arches: arches(&self.but),
            min_kernel: kernel_before.map(MinKernel),
        };
        (includes, excludes)
    }
}

fn spelled<T: std::fmt::Display>(value: T) -> Spelled<T> {
    let text = value.to_string();
    Spelled { value, text }
}

fn syscall(names: Vec<String>, words: &Words, includes: Filter) -> Syscall {
    Syscall {
        name: String::new(),
        names: Some(names),
        action: words.action,
        errno_ret: words.errno_ret,
        errno: None,
        args: words.args.clone(),
        comment: String::new(),
        includes,
        excludes: Filter::default(),
    }
}

/// The architectures of machines that have several, and of those on which some numbers do not count
/// as known: of the others engines take the machine's own alone, and infer nothing.
fn arch_map(
    circumstances: &Circumstances,
    policies: &[(&Target, Policy)],
    listed: Listed,
) -> Vec<ArchMapEntry> {
    let infers = |native: &Arch| {
        let mut own = policies.iter().filter(|(target, _)| target.native == *native);
        own.any(|(_, policy)| policy.arches().any(|(_, rules)| rules.unknown_action().is_some()))
    };
    let entry = |machine: &Vec<Arch>| {
        let (own, others) = machine.split_first()?;
        let is_listed = !others.is_empty() || infers(own);
        is_listed.then(|| ArchMapEntry {
            architecture: ArchName(*own),
            sub_architectures: others.iter().copied().map(ArchName).collect(),
        })
    };
    let is_named = |native: &Arch| {
        circumstances.machines.iter().any(|machine| machine.first() == Some(native))
    };
    let alone: Vec<Vec<Arch>> = match listed {
        Listed::Named => Vec::new(),
        Listed::Every => {
            let others = circumstances.natives.iter().filter(|native| !is_named(native));
            others.map(|native| vec![*native]).collect()
        }
    };
    circumstances.machines.iter().chain(&alone).filter_map(entry).collect()
}
