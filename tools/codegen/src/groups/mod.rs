//! Groups of syscalls: families, blocks and roles of each published version, and the groups of
//! others.
//!
//! `data/groups/VERSION/` holds one version, `data/groups/aliases/` the groups of others; all are
//! kept by hand. [`read`] checks that each name is known, and [`render()`] lays them out.

mod layout;
mod read;
mod render;

pub(super) use render::render;

/// The groups of one version.
pub(super) struct Version {
    /// Its name: the name of its folder.
    pub name: String,
    /// Each family with its members: the syscall and a note.
    pub families: Vec<(String, Vec<(String, String)>)>,
    /// The blocks, in the order of `kinds.tsv`.
    pub blocks: Vec<Block>,
    /// The roles: name, blocks, purpose.
    pub roles: Vec<(String, Vec<String>, String)>,
}

/// A block.
pub(super) struct Block {
    /// Its name.
    pub name: String,
    /// Whether it is an intent of its own, and not a set taken from others.
    pub intent: bool,
    /// What a program that may do this can do to others.
    pub risks: Vec<String>,
    /// What it is for.
    pub purpose: String,
    /// What it takes.
    pub lines: Vec<Line>,
}

/// A line of a block, or a member of a group of others.
pub(super) struct Line {
    /// `allow`, `enosys` or `leave`.
    pub verdict: String,
    /// A syscall, `~FAMILY`, or `@SET`.
    pub subject: String,
    /// The architectures, a bit each in the order of `Arch::ALL`.
    pub arches: u32,
    /// The condition, empty where there is none.
    pub condition: String,
    /// Why, empty where it goes without saying.
    pub reason: String,
}

/// The groups of somebody else in one version.
pub(super) struct Foreign {
    /// Whose: the name of the file.
    pub source: String,
    /// The groups with their members.
    pub sets: Vec<(String, Vec<Line>)>,
}
