//! Fallible methods for the standard library's collections.

use std::collections::VecDeque;

use crate::OutOfMemory;

/// Fallible growth of a `Vec`.
///
/// Room doubles as with `Vec::push`, from a little more. Where the length is known and final, [`Grow::with_room`] asks
/// for exactly that.
#[expect(
    clippy::missing_errors_doc,
    reason = "all fail with OutOfMemory and leave the vector as it was"
)]
pub trait Grow<T>: Sized {
    /// An empty vector with room for exactly that many.
    fn with_room(len: usize) -> Result<Self, OutOfMemory>;

    /// Appends a value.
    fn try_push(&mut self, value: T) -> Result<(), OutOfMemory>;

    /// Appends all that an iterator yields. What came before memory ran out stays appended.
    fn try_extend(&mut self, values: impl IntoIterator<Item = T>) -> Result<(), OutOfMemory>;

    /// Appends copies.
    fn try_extend_copies(&mut self, values: &[T]) -> Result<(), OutOfMemory>
    where
        T: Copy;

    /// Inserts a value before that index.
    ///
    /// # Panics
    /// Where the index is beyond the length, as `Vec::insert`.
    fn try_insert(&mut self, index: usize, value: T) -> Result<(), OutOfMemory>;

    /// Makes the vector that long, with copies of the value where it was shorter.
    fn try_resize(&mut self, len: usize, value: T) -> Result<(), OutOfMemory>
    where
        T: Copy;
}

impl<T> Grow<T> for Vec<T> {
    fn with_room(len: usize) -> Result<Self, OutOfMemory> {
        let mut vec = Self::new();
        vec.try_reserve_exact(len)?;
        Ok(vec)
    }

    fn try_push(&mut self, value: T) -> Result<(), OutOfMemory> {
        if self.len() == self.capacity() {
            let first = if self.capacity() == 0 { const { first_len(size_of::<T>()) } } else { 1 };
            self.try_reserve(first)?;
        }
        self.push(value);
        Ok(())
    }

    fn try_extend(&mut self, values: impl IntoIterator<Item = T>) -> Result<(), OutOfMemory> {
        let values = values.into_iter();
        self.try_reserve(values.size_hint().0)?;
        for value in values {
            self.try_push(value)?;
        }
        Ok(())
    }

    fn try_extend_copies(&mut self, values: &[T]) -> Result<(), OutOfMemory>
    where
        T: Copy,
    {
        self.try_reserve(values.len())?;
        self.extend_from_slice(values);
        Ok(())
    }

    fn try_insert(&mut self, index: usize, value: T) -> Result<(), OutOfMemory> {
        self.try_reserve(1)?;
        self.insert(index, value);
        Ok(())
    }

    fn try_resize(&mut self, len: usize, value: T) -> Result<(), OutOfMemory>
    where
        T: Copy,
    {
        self.try_reserve(len.saturating_sub(self.len()))?;
        self.resize(len, value);
        Ok(())
    }
}

/// Room for the first values that are appended one by one: what takes 120 bytes, and as many as a
/// `Vec` begins with. Steps of growth are most of what short lists cost; and a block of eight bytes
/// more is one that glibc's free(3) joins with its neighbours at once, which takes three times as
/// long.
const fn first_len(size: usize) -> usize {
    let fits = 120 / if size == 0 { 1 } else { size };
    if fits < 4 { 4 } else { fits }
}

/// Fallible growth of a `VecDeque`.
#[expect(
    clippy::missing_errors_doc,
    reason = "both fail with OutOfMemory and leave the queue as it was"
)]
pub trait GrowFront<T> {
    /// Adds a value at the end.
    fn try_push_back(&mut self, value: T) -> Result<(), OutOfMemory>;

    /// Adds a value at the beginning.
    fn try_push_front(&mut self, value: T) -> Result<(), OutOfMemory>;
}

impl<T> GrowFront<T> for VecDeque<T> {
    fn try_push_back(&mut self, value: T) -> Result<(), OutOfMemory> {
        self.try_reserve(1)?;
        self.push_back(value);
        Ok(())
    }

    fn try_push_front(&mut self, value: T) -> Result<(), OutOfMemory> {
        self.try_reserve(1)?;
        self.push_front(value);
        Ok(())
    }
}

/// Fallible growth of a `String`.
#[expect(
    clippy::missing_errors_doc,
    reason = "all fail with OutOfMemory and leave the text as it was"
)]
pub trait GrowText {
    /// Appends a text.
    fn try_push_str(&mut self, text: &str) -> Result<(), OutOfMemory>;

    /// Appends what `format_args!` makes. What came before memory ran out stays appended.
    ///
    /// A `Display` that fails for a reason of its own is taken for memory that ran out.
    fn try_write(&mut self, arguments: std::fmt::Arguments<'_>) -> Result<(), OutOfMemory>;
}

impl GrowText for String {
    fn try_push_str(&mut self, text: &str) -> Result<(), OutOfMemory> {
        self.try_reserve(text.len())?;
        self.push_str(text);
        Ok(())
    }

    fn try_write(&mut self, arguments: std::fmt::Arguments<'_>) -> Result<(), OutOfMemory> {
        std::fmt::write(&mut Text(self), arguments).map_err(|std::fmt::Error| OutOfMemory)
    }
}

struct Text<'a>(&'a mut String);

impl std::fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.try_push_str(text).map_err(|OutOfMemory| std::fmt::Error)
    }
}

/// Fallible collecting.
pub trait Collect: Iterator + Sized {
    /// Everything the iterator yields.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    fn try_collect_vec(self) -> Result<Vec<Self::Item>, OutOfMemory> {
        let mut vec = Vec::new();
        vec.try_extend(self)?;
        Ok(vec)
    }

    /// The values of an iterator over results.
    ///
    /// # Errors
    /// The first error that the iterator yields, or [`OutOfMemory`] as one.
    fn try_collect_results<T, E>(self) -> Result<Vec<T>, E>
    where
        Self: Iterator<Item = Result<T, E>>,
        E: From<OutOfMemory>,
    {
        let mut vec = Vec::with_room(self.size_hint().0)?;
        for value in self {
            vec.try_push(value?)?;
        }
        Ok(vec)
    }
}

impl<I: Iterator> Collect for I {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_do_what_their_infallible_twins_do() {
        let mut vec = Vec::with_room(2).unwrap();
        vec.try_push(1).unwrap();
        vec.try_extend([2, 3]).unwrap();
        vec.try_extend_copies(&[4, 5]).unwrap();
        vec.try_insert(0, 0).unwrap();
        vec.try_resize(8, 9).unwrap();
        assert_eq!(vec, [0, 1, 2, 3, 4, 5, 9, 9]);
        vec.try_resize(1, 9).unwrap();
        assert_eq!(vec, [0]);

        let mut queue = VecDeque::new();
        queue.try_push_back(2).unwrap();
        queue.try_push_front(1).unwrap();
        assert_eq!(queue, [1, 2]);

        let mut text = String::new();
        text.try_push_str("a").unwrap();
        text.try_write(format_args!("{}{:02}", 'b', 3)).unwrap();
        assert_eq!(text, "ab03");
    }

    #[test]
    fn results_are_collected_up_to_the_first_error() {
        #[derive(Debug, PartialEq)]
        enum Failed {
            Memory,
            Odd(u32),
        }
        impl From<OutOfMemory> for Failed {
            fn from(OutOfMemory: OutOfMemory) -> Self {
                Self::Memory
            }
        }
        let even = |n: u32| if n % 2 == 0 { Ok(n) } else { Err(Failed::Odd(n)) };
        assert_eq!([0, 2].into_iter().map(even).try_collect_results(), Ok(vec![0, 2]));
        assert_eq!([0, 1, 3].into_iter().map(even).try_collect_results(), Err(Failed::Odd(1)));
        assert_eq!(Vec::<u64>::with_room(usize::MAX).map_err(Failed::from), Err(Failed::Memory));
    }
}
