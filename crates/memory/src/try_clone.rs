//! Copies of what owns memory.

use crate::{Grow, OutOfMemory};

/// As `Clone`, where the copy may need memory.
pub trait TryClone: Sized {
    /// A copy.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    fn try_clone(&self) -> Result<Self, OutOfMemory>;
}

impl<T: TryClone> TryClone for Vec<T> {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        let mut copy = Self::with_room(self.len())?;
        for value in self {
            copy.try_push(value.try_clone()?)?;
        }
        Ok(copy)
    }
}

impl<T: TryClone> TryClone for Option<T> {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        self.as_ref().map(T::try_clone).transpose()
    }
}

impl<A: TryClone, B: TryClone> TryClone for (A, B) {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        Ok((self.0.try_clone()?, self.1.try_clone()?))
    }
}

impl TryClone for String {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        let mut copy = Self::new();
        crate::GrowText::try_push_str(&mut copy, self)?;
        Ok(copy)
    }
}

/// For types that are `Copy`: `impl TryClone for Own` is then one line in the crate that has the
/// type.
macro_rules! copies {
    ($($type:ty)*) => {$(
        impl TryClone for $type {
            fn try_clone(&self) -> Result<Self, OutOfMemory> {
                Ok(*self)
            }
        }
    )*};
}

copies! { bool u8 u16 u32 u64 usize i32 i64 }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_equal_and_their_own() {
        let mut list = vec![(Some(1_u32), String::from("a")), (None, String::new())];
        let copy = list.try_clone().unwrap();
        assert_eq!(copy, list);
        list.clear();
        assert_eq!(copy.len(), 2);
    }
}
