//! The context: architectures, attributes, rules, priorities, transactions.

use callgate_bpf::Instruction;
use callgate_memory::{Collect, Grow, TryClone};
use callgate_order::{ArgCmp, Syscall, check};
use callgate_syscalls::{Action, ActionKind, Arch, Endian};

use crate::attribute::{Arrangement, Attributes};
use crate::filter::{Change, Done, Filter};
use crate::program::{self, Verified};
use crate::{
    Attribute, Capabilities, Error, Exactness, LoadPlan, Number, Token, action, lower, pfc,
};

/// A filter in the making, as `scmp_filter_ctx`.
///
/// Architectures are kept in the order in which they were added and share one byte order. A context
/// whose last architecture was removed refuses everything but [`Context::arch_add`] and
/// [`Context::reset`].
///
/// Every change either happens as a whole or, with an error, not at all. That holds for memory that
/// is out, too.
#[derive(Debug)]
pub struct Context {
    native: Arch,
    filters: Vec<Filter>,
    attributes: Attributes,
    /// Whether an action of the context hands calls to a listener.
    notifies: bool,
    snapshots: Vec<Vec<Filter>>,
    verified: Option<Verified>,
    /// What a rule changes, with the place of the architecture's filter: empty between calls, and
    /// kept for its memory.
    changes: Vec<(usize, Change)>,
    /// The changes that a call has made, kept likewise.
    done: Vec<(usize, Done)>,
}

impl Context {
    /// A context for calls of the native architecture (`seccomp_init`). `native` is also the
    /// architecture whose numbers rules are written with.
    ///
    /// # Errors
    /// [`Error::Action`], [`Error::OutOfMemory`].
    pub fn new(native: Arch, default: Action, kernel: &Capabilities) -> Result<Self, Error> {
        action::check(default, kernel)?;
        Ok(Self {
            native,
            filters: std::iter::once(Filter::new(native)).try_collect_vec()?,
            attributes: Attributes::new(default),
            notifies: default.kind() == ActionKind::UserNotify,
            snapshots: Vec::new(),
            verified: None,
            changes: Vec::new(),
            done: Vec::new(),
        })
    }

    /// Makes the context as good as new (`seccomp_reset`).
    ///
    /// # Errors
    /// [`Error::Action`], [`Error::OutOfMemory`].
    pub fn reset(&mut self, default: Action, kernel: &Capabilities) -> Result<(), Error> {
        *self = Self::new(self.native, default, kernel)?;
        Ok(())
    }

    /// Moves the architectures of another context, with their rules, to this one (`seccomp_merge`).
    /// The other one is left without architectures and is to be released. Attributes stay those of
    /// this context.
    ///
    /// A context merged with itself is the caller's to detect: its architectures would be
    /// [`Error::ArchPresent`].
    ///
    /// # Errors
    /// [`Error::NoArchitecture`], [`Error::MergeAttributes`], [`Error::ByteOrder`],
    /// [`Error::ArchPresent`], [`Error::OutOfMemory`].
    pub fn merge(&mut self, other: &mut Self) -> Result<(), Error> {
        let (order, first) = (self.endian()?, other.first()?);
        let key = |a: &Attributes| (a.default, a.no_new_privs, a.tsync);
        if key(&self.attributes) != key(&other.attributes) {
            return Err(Error::MergeAttributes);
        }
        if first.arch.endian() != order {
            return Err(Error::ByteOrder { arch: first.arch });
        }
        if let Some(common) = other.filters.iter().find(|filter| self.has(filter.arch)) {
            return Err(Error::ArchPresent { arch: common.arch });
        }
        // Before anything is taken out of the other context.
        self.filters.try_reserve(other.filters.len()).map_err(|_| Error::OutOfMemory)?;
        self.filters.try_extend(other.filters.drain(..))?;
        self.notifies |= other.notifies;
        self.verified = None;
        other.verified = None;
        Ok(())
    }

    /// Adds an architecture, which starts without rules (`seccomp_arch_add`).
    ///
    /// # Errors
    /// [`Error::UnknownToken`], [`Error::ArchPresent`], [`Error::ByteOrder`],
    /// [`Error::OutOfMemory`].
    pub fn arch_add(&mut self, token: Token) -> Result<(), Error> {
        let arch = token.arch(self.native)?;
        if self.has(arch) {
            return Err(Error::ArchPresent { arch });
        }
        if self.filters.first().is_some_and(|first| first.arch.endian() != arch.endian()) {
            return Err(Error::ByteOrder { arch });
        }
        self.filters.try_push(Filter::new(arch))?;
        self.verified = None;
        Ok(())
    }

    /// Removes an architecture with its rules (`seccomp_arch_remove`).
    ///
    /// # Errors
    /// [`Error::UnknownToken`], [`Error::ArchAbsent`].
    pub fn arch_remove(&mut self, token: Token) -> Result<(), Error> {
        self.arch_exist(token)?;
        let arch = token.arch(self.native)?;
        self.filters.retain(|filter| filter.arch != arch);
        self.verified = None;
        Ok(())
    }

    /// Whether the context has an architecture (`seccomp_arch_exist`).
    ///
    /// # Errors
    /// [`Error::UnknownToken`]; [`Error::ArchAbsent`] is the answer no.
    pub fn arch_exist(&self, token: Token) -> Result<(), Error> {
        let arch = token.arch(self.native)?;
        if self.has(arch) { Ok(()) } else { Err(Error::ArchAbsent { arch }) }
    }

    /// The architectures, in the order in which they were added.
    pub fn arches(&self) -> impl ExactSizeIterator<Item = Arch> + '_ {
        self.filters.iter().map(|filter| filter.arch)
    }

    /// The value of an attribute (`seccomp_attr_get`).
    ///
    /// # Errors
    /// [`Error::NoArchitecture`].
    pub fn attr(&self, attribute: Attribute) -> Result<u32, Error> {
        self.first()?;
        Ok(self.attributes.value(attribute))
    }

    /// Sets an attribute (`seccomp_attr_set`).
    ///
    /// # Errors
    /// [`Error::NoArchitecture`], [`Error::ReadOnly`], [`Error::Action`], [`Error::Unsupported`],
    /// [`Error::TsyncWithNotify`], [`Error::OptimizeLevel`].
    pub fn attr_set(
        &mut self,
        attribute: Attribute,
        value: u32,
        kernel: &Capabilities,
    ) -> Result<(), Error> {
        self.first()?;
        let on = value != 0;
        let supported =
            |has: bool| if has { Ok(on) } else { Err(Error::Unsupported { attribute }) };
        match attribute {
            Attribute::ActDefault => return Err(Error::ReadOnly { attribute }),
            Attribute::ActBadArch => {
                let action = Action::from_raw(value);
                self.check_action(action, kernel)?;
                self.attributes.bad_arch = action;
                self.verified = None;
            }
            Attribute::CtlNnp => self.attributes.no_new_privs = on,
            Attribute::CtlTsync => {
                let on = supported(kernel.tsync)?;
                if on && self.notifies && !kernel.tsync_esrch {
                    return Err(Error::TsyncWithNotify);
                }
                self.attributes.tsync = on;
            }
            Attribute::ApiTskip => {
                self.attributes.tskip = on;
                self.verified = None;
            }
            Attribute::CtlLog => self.attributes.log = supported(kernel.log)?,
            Attribute::CtlSsb => self.attributes.ssb = supported(kernel.spec_allow)?,
            Attribute::CtlOptimize => {
                self.attributes.arrangement = match value {
                    1 => Arrangement::ByPriority,
                    2 => Arrangement::BinaryTree,
                    level => return Err(Error::OptimizeLevel { level }),
                };
            }
            Attribute::ApiSysRawRc => self.attributes.raw_errors = on,
            Attribute::CtlWaitKill => self.attributes.wait_killable = on,
        }
        Ok(())
    }

    /// Adds a rule to every architecture (`seccomp_rule_add` and its three relatives).
    ///
    /// # Errors
    /// In this order: [`Error::ArgumentCount`], [`Error::NoArchitecture`], [`Error::Syscall`],
    /// [`Error::Action`], [`Error::ActionIsDefault`], [`Error::ExactOnSeveral`];
    /// [`Error::ArgumentIndex`], [`Error::ArgumentRepeated`] or [`Error::Operator`]; and by
    /// architecture [`Error::Untranslatable`], [`Error::NotOnArch`], [`Error::Multiplexed`] and
    /// [`Error::Conflict`]; at any time [`Error::OutOfMemory`].
    pub fn rule_add(
        &mut self,
        action: Action,
        number: Number,
        comparisons: &[ArgCmp],
        exactness: Exactness,
        kernel: &Capabilities,
    ) -> Result<(), Error> {
        let count = comparisons.len();
        if count > ArgCmp::COUNT_MAX {
            return Err(Error::ArgumentCount { count });
        }
        self.first()?;
        self.check_number(number)?;
        self.check_action(action, kernel)?;
        if action == self.attributes.default {
            return Err(Error::ActionIsDefault { action });
        }
        if exactness == Exactness::Exact && self.filters.len() > 1 {
            return Err(Error::ExactOnSeveral);
        }
        check(comparisons)?;
        self.changes.clear();
        self.consider(action, number, comparisons, exactness)?;
        self.apply_changes()?;
        self.notifies |= action.kind() == ActionKind::UserNotify;
        self.verified = None;
        Ok(())
    }

    /// Raises the priority of a syscall on every architecture that has it
    /// (`seccomp_syscall_priority`). It decides where the PFC text has the syscall and never what a
    /// rule means.
    ///
    /// # Errors
    /// [`Error::NoArchitecture`], [`Error::Syscall`], [`Error::Untranslatable`],
    /// [`Error::OutOfMemory`].
    pub fn syscall_priority(&mut self, number: Number, priority: u8) -> Result<(), Error> {
        self.first()?;
        self.check_number(number)?;
        let syscall = Syscall::new(self.native, number);
        for filter in &self.filters {
            syscall.priority(filter.arch)?;
        }
        self.make_entries(syscall)?;
        for filter in &mut self.filters {
            if let Some(number) = syscall.priority(filter.arch)? {
                filter.prioritise(number, priority);
            }
        }
        self.verified = None;
        Ok(())
    }

    /// Starts a transaction; they nest (`seccomp_transaction_start`).
    ///
    /// # Errors
    /// [`Error::NoArchitecture`], [`Error::OutOfMemory`].
    pub fn transaction_start(&mut self) -> Result<(), Error> {
        self.first()?;
        self.snapshots.try_push(self.filters.try_clone()?)?;
        Ok(())
    }

    /// Ends the newest transaction and keeps what was done in it; nothing happens where none is
    /// open (`seccomp_transaction_commit`).
    ///
    /// # Errors
    /// [`Error::NoArchitecture`].
    pub fn transaction_commit(&mut self) -> Result<(), Error> {
        self.first()?;
        self.snapshots.pop();
        Ok(())
    }

    /// Ends the newest transaction and restores the architectures, rules and priorities from before
    /// it; nothing happens where none is open (`seccomp_transaction_reject`). Attributes are not
    /// part of a transaction.
    pub fn transaction_reject(&mut self) {
        if let Some(snapshot) = self.snapshots.pop() {
            self.filters = snapshot;
            self.verified = None;
        }
    }

    /// Makes the program, unless it is there already, and keeps it until a change
    /// (`seccomp_precompute`).
    ///
    /// # Errors
    /// [`Error::NoArchitecture`], [`Error::TooLong`], [`Error::NotProved`].
    pub fn precompute(&mut self) -> Result<&Verified, Error> {
        self.endian()?;
        let verified = match self.verified.take() {
            Some(verified) => verified,
            None => program::build(&lower::policy(self)?)?,
        };
        Ok(self.verified.insert(verified))
    }

    /// The program that [`Context::precompute`] made, where nothing has changed since. Allocates
    /// nothing.
    #[must_use]
    pub fn precomputed(&self) -> Option<&Verified> {
        self.verified.as_ref()
    }

    /// The program in the byte order of the architectures (`seccomp_export_bpf`).
    ///
    /// # Errors
    /// As [`Context::precompute`].
    pub fn export_bpf(&mut self) -> Result<Vec<u8>, Error> {
        let endian = self.endian()?;
        let program = self.precompute()?.program();
        let mut bytes = Vec::with_room(program.len() * Instruction::SIZE)?;
        for instruction in program.instructions() {
            bytes.try_extend_copies(&instruction.to_bytes(endian))?;
        }
        Ok(bytes)
    }

    /// Writes the program to a buffer and tells its size; without a buffer only the size
    /// (`seccomp_export_bpf_mem`).
    ///
    /// # Errors
    /// As [`Context::precompute`]; [`Error::BufferTooSmall`] with the size, and the buffer is left
    /// alone.
    pub fn export_bpf_mem(&mut self, buffer: Option<&mut [u8]>) -> Result<usize, Error> {
        let endian = self.endian()?;
        let program = self.precompute()?.program();
        let len = program.len() * Instruction::SIZE;
        if let Some(buffer) = buffer {
            let target = buffer.get_mut(..len).ok_or(Error::BufferTooSmall { len })?;
            let instructions = program.instructions().iter();
            for (target, instruction) in
                target.chunks_exact_mut(Instruction::SIZE).zip(instructions)
            {
                target.copy_from_slice(&instruction.to_bytes(endian));
            }
        }
        Ok(len)
    }

    /// The filter as text for people (`seccomp_export_pfc`).
    ///
    /// # Errors
    /// [`Error::NoArchitecture`], [`Error::OutOfMemory`].
    pub fn export_pfc(&self) -> Result<String, Error> {
        self.first()?;
        pfc::text(self)
    }

    /// The policy that the program will be proved to follow.
    ///
    /// # Errors
    /// [`Error::NoArchitecture`].
    pub fn policy(&self) -> Result<callgate_policy::Policy, Error> {
        self.first()?;
        lower::policy(self)
    }

    /// What is to be asked of the kernel to load this filter (`seccomp_load`), where the process
    /// has, or has not, got a notification descriptor already.
    ///
    /// # Errors
    /// [`Error::NoArchitecture`].
    pub fn load_plan(&self, kernel: &Capabilities, has_listener: bool) -> Result<LoadPlan, Error> {
        self.first()?;
        Ok(LoadPlan::new(&self.attributes, self.notifies, kernel, has_listener))
    }

    /// The byte order of the architectures.
    ///
    /// # Errors
    /// [`Error::NoArchitecture`].
    pub fn endian(&self) -> Result<Endian, Error> {
        self.first().map(|first| first.arch.endian())
    }

    pub(crate) fn filters(&self) -> &[Filter] {
        &self.filters
    }

    pub(crate) const fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// Notes what a rule changes.
    fn consider(
        &mut self,
        action: Action,
        number: Number,
        comparisons: &[ArgCmp],
        exactness: Exactness,
    ) -> Result<(), Error> {
        let syscall = Syscall::new(self.native, number);
        for (place, filter) in self.filters.iter().enumerate() {
            syscall.rules(filter.arch, comparisons, exactness, |rule| {
                let change = filter.consider(rule, action)?;
                Ok::<(), Error>(self.changes.try_push((place, change))?)
            })?;
        }
        Ok(())
    }

    /// Makes the changes that were noted, or none of them.
    fn apply_changes(&mut self) -> Result<(), Error> {
        let Self { changes, done, filters, .. } = self;
        done.clear();
        done.try_reserve(changes.len()).map_err(|_| Error::OutOfMemory)?;
        for (place, change) in changes.drain(..) {
            match filters[place].apply(change) {
                Ok(change) => done.try_push((place, change))?,
                Err(error) => {
                    done.drain(..).rev().for_each(|(place, done)| filters[place].undo(done));
                    return Err(error.into());
                }
            }
        }
        done.clear();
        Ok(())
    }

    /// Makes the entries of a syscall whose priority is to be raised, or none of them.
    fn make_entries(&mut self, syscall: Syscall) -> Result<(), Error> {
        let mut made = [false; Arch::ALL.len()];
        for place in 0..self.filters.len() {
            let filter = &mut self.filters[place];
            let new = match syscall.priority(filter.arch)? {
                Some(number) => filter.make_entry(number),
                None => Ok(false),
            };
            match new {
                Ok(new) => made[place] = new,
                Err(error) => {
                    let made = self.filters.iter_mut().zip(made).filter(|(_, made)| *made);
                    made.for_each(|(filter, _)| filter.drop_entry());
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    fn check_number(&self, number: Number) -> Result<(), Error> {
        let reserved = (Number::RESERVED_LAST..=Number::ERROR).contains(&number);
        let skip = number == Number::ERROR && self.attributes.tskip;
        if reserved && !skip { Err(Error::Syscall { number }) } else { Ok(()) }
    }

    fn check_action(&self, action: Action, kernel: &Capabilities) -> Result<(), Error> {
        action::check(action, kernel)?;
        let notify = action.kind() == ActionKind::UserNotify;
        match notify && self.attributes.tsync && !kernel.tsync_esrch {
            true => Err(Error::Action { action }),
            false => Ok(()),
        }
    }

    fn has(&self, arch: Arch) -> bool {
        self.filters.iter().any(|filter| filter.arch == arch)
    }

    fn first(&self) -> Result<&Filter, Error> {
        self.filters.first().ok_or(Error::NoArchitecture)
    }
}
