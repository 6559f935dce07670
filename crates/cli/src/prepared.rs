//! Filters of the embedded profiles that were compiled and proved when callgate was built.
//!
//! They spare `callgate run` the work that takes most of its time, in the case that is asked for most: an embedded profile
//! as it is, on the machine that callgate was built for. Whatever changes the meaning of a profile is in [`Options`], and
//! for any but the usual ones there is no filter here.
//!
//! The filters are in the text that `build.rs` writes. They are the same, byte for byte, as are made without it: see the
//! tests.

use callgate_bpf::Program;
use callgate_formats::Options;
use callgate_gate::Builtin;
use callgate_syscalls::{Arch, Endian, KernelVersion};

/// A filter that was proved to mean an embedded profile, read with the usual [`Options`] for an architecture and the
/// kernels from one on, up to that of the profile's next filter.
#[derive(Debug)]
struct Prepared {
    profile: &'static str,
    arch: Arch,
    since: KernelVersion,
    program: &'static [u8],
}

#[expect(unreachable_pub, reason = "the constants are made for files at the root of a crate")]
mod generated {
    use super::{Arch, KernelVersion, Prepared};

    include!(concat!(env!("OUT_DIR"), "/prepared.rs"));
}

/// The filter of an embedded profile, if one was made for these options.
///
/// Claim: C-PROVED
pub(crate) fn filter(profile: Builtin, options: &Options) -> Option<Program> {
    if *options != Options::new(options.native, options.kernel) {
        return None;
    }
    let fits = |prepared: &&Prepared| {
        prepared.profile == profile.name
            && prepared.arch == options.native
            && prepared.since <= options.kernel
    };
    let prepared = generated::ALL.iter().filter(fits).max_by_key(|prepared| prepared.since)?;
    Program::from_bytes(prepared.program, Endian::native()).ok()
}

#[cfg(test)]
mod tests {
    use callgate::FilterStack;
    use callgate_formats::{Arches, CapSet, Reading, UnknownSyscalls};
    use callgate_gate::builtins;
    use callgate_rules::Target;
    use callgate_syscalls::Action;

    use super::*;

    /// Every kernel that there is, and some that there is not.
    fn kernels() -> impl Iterator<Item = KernelVersion> {
        (2..=8).flat_map(|major| (0..=40).map(move |minor| KernelVersion::new(major, minor)))
    }

    fn native() -> Arch {
        Arch::native().unwrap()
    }

    #[test]
    fn every_filter_is_what_would_be_made_now() {
        let mut compared = 0;
        for (profile, kernel) in builtins().iter().flat_map(|p| kernels().map(move |k| (*p, k))) {
            let options = Options::new(native(), kernel);
            let Some(prepared) = filter(profile, &options) else { continue };
            let target = Target { kernel: Some(kernel), ..Target::new(native()) };
            let lowered = profile.read().unwrap().lower(&target).unwrap();
            let made = FilterStack::from_policy(lowered.policy).unwrap();
            assert_eq!(made.programs(), [prepared], "{} for {kernel}", profile.name);
            compared += 1;
        }
        let expected =
            if cfg!(target_arch = "x86_64") { builtins().len() * kernels().count() } else { 0 };
        assert!(compared >= expected, "{compared}");
    }

    #[test]
    fn kernels_on_both_sides_of_a_rule_get_different_filters() {
        let container = *builtins().first().unwrap();
        let of = |major, minor| {
            filter(container, &Options::new(native(), KernelVersion::new(major, minor)))
        };
        assert_eq!(of(4, 7), of(3, 5));
        assert_eq!(of(4, 8), of(6, 12));
        if cfg!(target_arch = "x86_64") {
            assert_ne!(of(4, 7), of(4, 8));
        }
    }

    #[test]
    fn whatever_else_is_asked_for_is_made_anew() {
        let usual = Options::new(native(), KernelVersion::new(6, 12));
        let mut others = vec![usual.clone(); 6];
        others[0].arches = Arches::Exactly(vec![native()]);
        others[1].caps = CapSet::NONE;
        others[2].reading = Some(Reading::Docker);
        others[3].unknown = UnknownSyscalls::Off;
        others[4].foreign = Action::KILL_PROCESS;
        others[5].native = Arch::Parisc;
        for options in others {
            assert_ne!(options, usual);
            assert_eq!(filter(*builtins().first().unwrap(), &options), None, "{options:?}");
        }
    }
}
