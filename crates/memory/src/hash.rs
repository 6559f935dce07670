//! A hash that is the same in every run.

use std::hash::{BuildHasherDefault, Hasher};

/// For the standard library's maps: no question to the kernel for random numbers, which a filter
/// may forbid.
pub type FixedState = BuildHasherDefault<FixedHasher>;

/// A multiplicative hash for keys made of a few small integers.
///
/// Whoever chooses keys that collide slows down the work on a filter of their own, which has a
/// budget.
#[derive(Clone, Copy, Debug, Default)]
pub struct FixedHasher(u64);

impl FixedHasher {
    fn mix(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(23) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for FixedHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.mix(byte.into()));
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.mix(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.mix(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }

    // Discriminants of enums come as isize.
    fn write_isize(&mut self, value: isize) {
        self.mix(value.unsigned_abs() as u64);
    }
}
