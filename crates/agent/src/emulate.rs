//! What the agent does in place of the kernel.

mod devices;
mod mknod;

pub(crate) use devices::Devices;
pub(crate) use mknod::mknod;
