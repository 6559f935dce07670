//! Lists of devices.

/// Devices that may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Devices(Vec<Pattern>);

/// What kind of device a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Character,
    Block,
}

/// A device by its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) kind: Kind,
    pub(crate) major: u32,
    pub(crate) minor: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pattern {
    kind: Kind,
    major: u32,
    /// Any, if none.
    minor: Option<u32>,
}

impl Devices {
    /// Reads entries like `c 1:3` and `b 7:*`, as in the rules of device cgroups.
    pub(crate) fn parse(entries: &[String]) -> Result<Self, String> {
        let pattern = |entry: &String| {
            Pattern::parse(entry).ok_or_else(|| {
                format!("{entry:?} is no device: write \"c MAJOR:MINOR\" or \"b MAJOR:MINOR\", with * for any minor")
            })
        };
        entries.iter().map(pattern).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a device is in the list.
    pub(crate) fn contain(&self, device: Device) -> bool {
        self.0.iter().any(|pattern| {
            pattern.kind == device.kind
                && pattern.major == device.major
                && pattern.minor.is_none_or(|minor| minor == device.minor)
        })
    }
}

impl Pattern {
    fn parse(entry: &str) -> Option<Self> {
        let (kind, numbers) = entry.split_once(' ')?;
        let kind = match kind {
            "c" => Kind::Character,
            "b" => Kind::Block,
            _ => return None,
        };
        let (major, minor) = numbers.split_once(':')?;
        let minor = match minor {
            "*" => None,
            number => Some(number.parse().ok()?),
        };
        Some(Self { kind, major: major.parse().ok()?, minor })
    }
}

impl Device {
    /// What mknod(2) was asked for: the mode's type, and the number as the kernel encodes it.
    /// `None` for other files.
    pub(crate) fn of_call(mode: u64, number: u64) -> Option<Self> {
        const TYPE: u64 = 0o170_000;
        let kind = match mode & TYPE {
            0o020_000 => Kind::Character,
            0o060_000 => Kind::Block,
            _ => return None,
        };
        let low = u32::try_from(number & 0xffff_ffff).ok()?;
        let (major, minor) = ((low & 0xf_ff00) >> 8, (low & 0xff) | ((low >> 12) & 0xf_ff00));
        Some(Self { kind, major, minor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_as_in_cgroups() {
        let devices = Devices::parse(&["c 1:3".to_owned(), "b 7:*".to_owned()]).unwrap();
        let character = |major, minor| Device { kind: Kind::Character, major, minor };
        let block = |major, minor| Device { kind: Kind::Block, major, minor };
        assert!(devices.contain(character(1, 3)) && devices.contain(block(7, 9)));
        for other in [character(1, 4), character(7, 0), block(1, 3), character(2, 3)] {
            assert!(!devices.contain(other), "{other:?}");
        }
        for bad in ["", "c", "c 1", "c 1:", "x 1:3", "c *:3", "c 1:3 ", "c -1:3", "c 4294967296:0"]
        {
            assert!(Devices::parse(&[bad.to_owned()]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn numbers_are_taken_apart_as_the_kernel_does() {
        let device = |mode, number| Device::of_call(mode, number).map(|d| (d.major, d.minor));
        assert_eq!(device(0o020_666, 0x103), Some((1, 3)));
        assert_eq!(device(0o060_600, 0xfff0_00ff | 0xf_ff00), Some((0xfff, 0xf_ffff)));
        assert_eq!(device(0o010_666, 0x103), None);
        assert_eq!(device(0o666, 0), None);
    }
}
