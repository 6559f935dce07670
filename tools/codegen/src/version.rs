//! A release of the kernel. The tables have such a type too, but what makes them may not depend on
//! them.

/// `major.minor`, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KernelVersion {
    pub(crate) major: u8,
    pub(crate) minor: u8,
}

impl KernelVersion {
    pub(crate) const fn new(major: u8, minor: u8) -> Self {
        Self { major, minor }
    }
}

impl std::fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl std::str::FromStr for KernelVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is no MAJOR.MINOR");
        let (major, minor) = text.split_once('.').ok_or_else(wrong)?;
        let number = |text: &str| text.parse().map_err(|_| wrong());
        Ok(Self::new(number(major)?, number(minor)?))
    }
}
