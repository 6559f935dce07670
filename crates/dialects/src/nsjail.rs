//! The configuration of nsjail in protobuf's text form, whose policy is kafel's.

mod read;

pub(crate) use read::read;
