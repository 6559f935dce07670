//! How the generated list of constants becomes items.

use callgate_syscalls::Arch;

/// Makes an item of each constant that has one value everywhere.
macro_rules! equal {
    ($($name:ident = $value:literal;)*) => {$(
        #[doc = concat!("`", stringify!($name), "`: ", stringify!($value), ".")]
        pub const $name: callgate_rules::Constant =
            callgate_rules::Constant::new(stringify!($name), $value);
    )*};
}

/// Makes an item of each constant that has several values or is not everywhere: on how many
/// architectures it is, and each value with its architectures, which are bits in the order of the
/// list that comes first.
macro_rules! differing {
    ($arches:ident: $($name:ident on $count:literal = [$($part:expr),*];)*) => {$(
        #[doc = concat!("`", stringify!($name), "`, on ", stringify!($count), " architectures.")]
        pub const $name: callgate_rules::Constant = {
            const VALUES: [(Arch, i128); $count] =
                crate::constants::listed(&$arches, &[$($part),*]);
            callgate_rules::Constant::per_arch(stringify!($name), &VALUES)
        };
    )*};
}

pub(crate) use {differing, equal};

/// The architectures whose bits are set, each with its value.
pub(crate) const fn listed<const N: usize>(
    arches: &[Arch],
    parts: &[(u32, i128)],
) -> [(Arch, i128); N] {
    let mut list = [(Arch::X86_64, 0); N];
    let (mut filled, mut part) = (0, 0);
    while part < parts.len() {
        let (bits, value) = parts[part];
        let mut at = 0;
        while at < arches.len() {
            if bits >> at & 1 == 1 {
                list[filled] = (arches[at], value);
                filled += 1;
            }
            at += 1;
        }
        part += 1;
    }
    assert!(filled == N, "the generated count is that of the bits");
    list
}
