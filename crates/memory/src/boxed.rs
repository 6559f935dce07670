//! A value on the heap.

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::{Grow, OutOfMemory, TryClone};

/// A `Box` whose making can fail.
#[derive(PartialEq, Eq)]
pub struct Boxed<T>(
    /// One value: the standard library has no other way to ask for memory and be refused.
    Vec<T>,
);

impl<T> Boxed<T> {
    /// Puts a value on the heap.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the value is dropped.
    pub fn try_new(value: T) -> Result<Self, OutOfMemory> {
        let mut one = Vec::with_room(1)?;
        one.try_push(value)?;
        Ok(Self(one))
    }
}

impl<T> Deref for Boxed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0[0]
    }
}

impl<T> DerefMut for Boxed<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0[0]
    }
}

impl<T: TryClone> TryClone for Boxed<T> {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        self.0.try_clone().map(Self)
    }
}

impl<T: fmt::Debug> fmt::Debug for Boxed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_holds_its_value() {
        let mut boxed = Boxed::try_new(3).unwrap();
        *boxed += 1;
        assert_eq!((*boxed, *boxed.try_clone().unwrap()), (4, 4));
    }
}
