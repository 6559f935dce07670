//! Collections whose growth can fail.
//!
//! Rust's collections end the process when an allocation fails. The C library is loaded into
//! service managers and container runtimes, where it must answer `-ENOMEM` instead. So every crate
//! that it is built from allocates only through this one: a function that may allocate returns a
//! `Result`, and [`OutOfMemory`] travels up as a value.
//!
//! - [`Grow`], [`GrowFront`], [`GrowText`]: the fallible methods that `Vec`, `VecDeque` and
//!   `String` lack.
//! - [`Collect`]: iterators into vectors.
//! - [`Sort`]: sorting with a constant stack.
//! - [`TryClone`]: copies of what owns memory.
//! - [`List`]: a vector in chunks of at most [`CHUNK_BYTES`]. It never moves more than a chunk, and
//!   it never asks malloc(3) for so much at once that malloc would have to ask the kernel for a
//!   mapping, which a filter may forbid.
//! - [`Interner`]: each value once, under a small number; [`Map`]: values by key. Both in the order
//!   of insertion.
//! - [`SortedMap`]: for a few keys in their own order.
//! - [`Boxed`]: one value on the heap.
//!
//! Which of them: a `Vec` where the length is limited to a few thousand bytes by what it holds
//! (arguments, architectures, one syscall's rules); a [`List`] for whatever grows with the input.
//!
//! `README.md` has the `clippy.toml` that keeps growth that can't fail out of a crate.
//!
//! ```
//! use callgate_memory::{Collect, Grow, List, OutOfMemory};
//!
//! fn squares(up_to: u32) -> Result<Vec<u32>, OutOfMemory> {
//!     let mut list = (0..up_to).map(|n| n * n).try_collect_vec()?;
//!     list.try_push(up_to * up_to)?;
//!     Ok(list)
//! }
//! assert_eq!(squares(3)?, [0, 1, 4, 9]);
//!
//! let mut list = List::new();
//! for n in 0..100_000_u32 {
//!     list.try_push(n)?;
//! }
//! assert_eq!(list[77_777], 77_777);
//! # Ok::<(), OutOfMemory>(())
//! ```
#![forbid(unsafe_code)]

mod boxed;
mod error;
mod grow;
mod hash;
mod interner;
mod list;
mod map;
mod slots;
mod sort;
mod sorted;
mod try_clone;

pub use boxed::Boxed;
pub use error::OutOfMemory;
pub use grow::{Collect, Grow, GrowFront, GrowText};
pub use hash::{FixedHasher, FixedState};
pub use interner::Interner;
pub use list::{CHUNK_BYTES, List};
pub use map::Map;
pub use sort::Sort;
pub use sorted::SortedMap;
pub use try_clone::TryClone;
