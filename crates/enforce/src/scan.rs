//! The rest of a stack whose functions have no unwind information, as Go's and musl's have none.
//!
//! A word on the stack is taken for a return address if the instruction in front of it calls the
//! very function that the frame before is in, directly or by way of the linkage table. So a value
//! that happens to point to code is not, nor where calls go by pointers: there the stack ends.

/// The most of a stack that is looked at.
pub(super) const STACK_MAX: usize = 64 * 1024;
/// `call` with a distance, and its length.
const CALL: u8 = 0xe8;
const CALL_LEN: u64 = 5;
/// `jmp *` of a word at a distance from the next instruction; what may stand in front of it.
const JUMP: [u8; 2] = [0xff, 0x25];
const MARK: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
const BOUND: u8 = 0xf2;

/// A process whose stack is looked at.
pub(super) trait Code {
    /// As much as is there of some bytes.
    fn read(&self, address: u64, len: usize) -> Vec<u8>;
    /// Whether code is at an address.
    fn is_code(&self, address: u64) -> bool;
    /// Where the function begins that an address is in; a return address may be behind its end.
    fn function(&mut self, address: u64) -> Option<u64>;
}

/// Adds the frames that are found beyond the known ones, up to `max`.
pub(super) fn extend(frames: &mut Vec<u64>, stack: &[u8], code: &mut dyn Code, max: usize) {
    let words: Vec<u64> = stack
        .chunks_exact(size_of::<u64>())
        .map(|bytes| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)))
        .collect();
    let mut next = behind(frames, &words);
    while frames.len() < max {
        let Some(start) = frames.last().and_then(|&last| code.function(last)) else { return };
        let found = words.iter().skip(next).position(|&word| calls(word, start, code));
        let Some(found) = found else { return };
        next += found;
        frames.extend(words.get(next));
        next += 1;
    }
}

/// The first word that is beyond the frames that are known.
fn behind(frames: &[u64], words: &[u64]) -> usize {
    let mut next = 0;
    for frame in frames.iter().skip(1) {
        let found = words.iter().skip(next).position(|word| word == frame);
        next += found.map_or(0, |found| found + 1);
    }
    next
}

/// Whether a word is the address behind a call of the function that begins at `start`.
fn calls(word: u64, start: u64, code: &dyn Code) -> bool {
    if !code.is_code(word) {
        return false;
    }
    let call = code.read(word.wrapping_sub(CALL_LEN), 5);
    let Some((&CALL, distance)) = call.split_first() else { return false };
    let Some(target) = there(word, distance) else { return false };
    target == start || linked(target, code) == Some(start)
}

/// Where an entry of the linkage table leads.
fn linked(entry: u64, code: &dyn Code) -> Option<u64> {
    if !code.is_code(entry) {
        return None;
    }
    let bytes = code.read(entry, 16);
    let mut rest = bytes.strip_prefix(&MARK).unwrap_or(&bytes);
    rest = rest.strip_prefix(&[BOUND]).unwrap_or(rest);
    rest = rest.strip_prefix(&JUMP)?;
    let distance = rest.get(..4)?;
    let next = entry + (bytes.len() - rest.len()) as u64 + 4;
    let place = code.read(there(next, distance)?, 8);
    place.try_into().ok().map(u64::from_le_bytes)
}

/// An address at a distance of 32 bits.
fn there(from: u64, distance: &[u8]) -> Option<u64> {
    let distance = i32::from_le_bytes(distance.try_into().ok()?);
    from.checked_add_signed(distance.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two functions at 0x100 and 0x200, of which the second calls the first at 0x210, and by an
    /// entry at 0x300 at 0x220.
    struct Small(Vec<u8>);

    impl Small {
        fn new() -> Self {
            let mut bytes = vec![0; 0x400];
            bytes[0x210..0x215].copy_from_slice(&[CALL, 0xeb, 0xfe, 0xff, 0xff]);
            bytes[0x220..0x225].copy_from_slice(&[CALL, 0xdb, 0, 0, 0]);
            bytes[0x300..0x30a]
                .copy_from_slice(&[0xf3, 0x0f, 0x1e, 0xfa, 0xff, 0x25, 0x46, 0, 0, 0]);
            bytes[0x350..0x352].copy_from_slice(&[0, 1]);
            Self(bytes)
        }
    }

    impl Code for Small {
        fn read(&self, address: u64, len: usize) -> Vec<u8> {
            let start = usize::try_from(address).unwrap_or(usize::MAX);
            let end = start.saturating_add(len).min(self.0.len());
            self.0.get(start..end).unwrap_or_default().to_vec()
        }

        fn is_code(&self, address: u64) -> bool {
            (0x100..0x320).contains(&address)
        }

        fn function(&mut self, address: u64) -> Option<u64> {
            (0x100..0x300).contains(&address).then_some(address & !0xff)
        }
    }

    fn found(words: &[u64]) -> Vec<u64> {
        let stack: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut frames = vec![0x105];
        extend(&mut frames, &stack, &mut Small::new(), 16);
        frames
    }

    #[test]
    fn what_calls_the_function_is_its_caller_and_nothing_else_is() {
        assert_eq!(found(&[7, 0x150, 0x215, 0x215]), [0x105, 0x215]);
        assert_eq!(found(&[0x225]), [0x105, 0x225]);
        assert_eq!(found(&[0x110, 0x230, u64::MAX, 0]), [0x105]);
    }

    #[test]
    fn frames_that_are_known_are_not_found_again() {
        let stack: Vec<u8> =
            [0x215_u64, 0x215].iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut frames = vec![0x105, 0x215];
        extend(&mut frames, &stack, &mut Small::new(), 16);
        assert_eq!(frames, [0x105, 0x215]);
    }
}
