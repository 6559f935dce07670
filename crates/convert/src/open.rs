//! Filters whose meaning is left to the machine, the kernel and capabilities.

use callgate_formats::{Options, Profile, Reading};
use callgate_policy::Policy;
use callgate_rules::{Circumstances, Rules, Target, lower};
use callgate_syscalls::{Arch, KernelVersion};

/// A filter that may mean something else on another machine or kernel, or with other capabilities.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "these are the forms that name circumstances")]
pub enum Open<'a> {
    /// A profile of an engine, as somebody reads it: as whoever it is written for, if none is said.
    Profile(&'a Profile, Option<Reading>),
    /// Rules of the language.
    Rules(&'a Rules),
}

/// What a filter depends on, and what it is.
pub(crate) struct Opened<'a> {
    pub(crate) circumstances: Circumstances,
    pub(crate) meant: Box<Meaning<'a>>,
}

/// What a filter or a text is on a target; the reason, where it is nothing.
pub(crate) type Meaning<'a> = dyn Fn(&Target) -> Result<Policy, String> + 'a;

/// What stands for a kernel that is not known.
const NEWEST: KernelVersion = KernelVersion::new(u8::MAX, u8::MAX);

impl<'a> Open<'a> {
    /// Whether the filter depends on anything but the architecture of a call.
    #[must_use]
    pub fn depends(&self) -> bool {
        match self {
            Self::Profile(profile, reading) => profile.circumstances(*reading).is_some(),
            Self::Rules(rules) => rules.circumstances().is_some(),
        }
    }

    /// What the filter depends on and what it is; none where it depends on nothing.
    pub(crate) fn opened(&self) -> Option<Opened<'a>> {
        match *self {
            Self::Profile(profile, reading) => {
                let circumstances = profile.circumstances(reading)?;
                let meant = move |target: &Target| of_profile(profile, reading, target);
                Some(Opened { circumstances, meant: Box::new(meant) })
            }
            Self::Rules(rules) => {
                let circumstances = rules.circumstances()?;
                let rules = rules.on_every_machine();
                let meant = move |target: &Target| of_rules(&rules, target);
                let mut opened = Opened { circumstances, meant: Box::new(meant) };
                opened.leave_out();
                Some(opened)
            }
        }
    }
}

impl Opened<'_> {
    /// Leaves out the machines on which rules are no policy, such as those to whose arguments a
    /// value does not fit: the filter is refused there.
    fn leave_out(&mut self) {
        let mut natives = std::mem::take(&mut self.circumstances.natives);
        natives.retain(|native| {
            self.circumstances.natives = vec![*native];
            let targets = self.circumstances.targets().unwrap_or_default();
            targets.iter().all(|target| (self.meant)(target).is_ok())
        });
        let is_left =
            |machine: &Vec<Arch>| machine.first().is_some_and(|native| natives.contains(native));
        self.circumstances.machines.retain(is_left);
        self.circumstances.natives = natives;
    }
}

/// What a profile means on a target.
pub(crate) fn of_profile(
    profile: &Profile,
    reading: Option<Reading>,
    target: &Target,
) -> Result<Policy, String> {
    let mut options = Options::new(target.native, target.kernel.unwrap_or(NEWEST));
    options.caps = target.caps;
    options.reading = reading;
    match profile.resolve(&options) {
        Ok(resolved) => Ok(resolved.policy),
        Err(error) => Err(format!("{}: {error}", at(target))),
    }
}

fn of_rules(rules: &Rules, target: &Target) -> Result<Policy, String> {
    match lower(rules, target) {
        Ok((policy, _)) => Ok(policy),
        Err(found) => {
            let first = found.first().map_or_else(String::new, |first| first.message.clone());
            Err(format!("{}: {first}", at(target)))
        }
    }
}

/// `on x86_64 with CAP_BPF and Linux 5.8`.
pub(crate) fn at(target: &Target) -> String {
    let kernel = target.kernel.map_or(String::new(), |kernel| format!(" and Linux {kernel}"));
    match target.caps.iter().next() {
        None => format!("on {} without capabilities{kernel}", target.native),
        Some(_) => format!("on {} with {}{kernel}", target.native, target.caps),
    }
}
