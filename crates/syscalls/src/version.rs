//! Kernel versions as far as syscalls care: major and minor.

use core::fmt;
use core::str::FromStr;

/// A kernel release, such as 6.12. Versions before 3.0 keep their third number as the minor of 2: 2.6.39 is `2.6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelVersion {
    /// The first number.
    pub major: u8,
    /// The second number.
    pub minor: u8,
}

impl KernelVersion {
    /// The release `major.minor`.
    #[must_use]
    pub const fn new(major: u8, minor: u8) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The text does not begin with `major.minor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidKernelVersion;

impl fmt::Display for InvalidKernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a kernel version: expected MAJOR.MINOR, such as 6.12")
    }
}

impl core::error::Error for InvalidKernelVersion {}

impl FromStr for KernelVersion {
    type Err = InvalidKernelVersion;

    /// Parses `major.minor` with anything after it that does not continue the minor, as `uname -r`
    /// prints it (`6.12.43-amd64`).
    ///
    /// # Errors
    /// [`InvalidKernelVersion`] where the two numbers are missing or above 255.
    fn from_str(text: &str) -> Result<Self, InvalidKernelVersion> {
        let (major, rest) = text.split_once('.').ok_or(InvalidKernelVersion)?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number = |text: &str| match text.bytes().all(|b| b.is_ascii_digit()) {
            true => text.parse().map_err(|_| InvalidKernelVersion),
            false => Err(InvalidKernelVersion),
        };
        Ok(Self::new(number(major)?, number(&rest[..digits])?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_uname_prints() {
        assert_eq!("6.12.43-amd64".parse(), Ok(KernelVersion::new(6, 12)));
        assert_eq!("5.10".parse(), Ok(KernelVersion::new(5, 10)));
        assert_eq!("4.8-rc1".parse(), Ok(KernelVersion::new(4, 8)));
        for bad in ["", "6", "6.", ".1", "+6.1", "256.1", "6.256", "a.b", "6.x"] {
            assert_eq!(bad.parse::<KernelVersion>(), Err(InvalidKernelVersion), "{bad}");
        }
    }
}
