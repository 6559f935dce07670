//! What stands behind the pointers of a call that waits.

use callgate_enforce::{Enforcer, Refused};
use callgate_explain::MORE;
use callgate_syscalls::{Arch, Argument, SeccompData};

/// The most bytes of a text.
const TEXT_MAX: usize = 128;
/// The most texts of an array.
const LIST_MAX: usize = 8;

/// The texts that a call points to, by the index of the argument.
#[derive(Debug, Default)]
pub(super) struct Behind {
    pub(super) texts: Vec<(usize, String)>,
    /// The texts of arrays of pointers.
    pub(super) lists: Vec<(usize, Vec<String>)>,
}

impl Behind {
    /// As they are while the call waits.
    pub(super) fn of(enforcer: &Enforcer, refused: &Refused) -> Self {
        let mut behind = Self::default();
        let SeccompData { nr, arch: token, args, .. } = refused.call;
        let Some(arch) = Arch::of_call(token, nr) else { return behind };
        let signature = arch.syscall_at(nr).and_then(|syscall| arch.signature(syscall.name));
        let Some(signature) = signature else { return behind };
        let memory = |address: u64, len| enforcer.memory(refused, address, len);
        for (index, argument) in signature.arguments().enumerate() {
            let address =
                if arch.word_bits() == 32 { args[index] & 0xffff_ffff } else { args[index] };
            if is_text(argument) {
                behind.texts.extend(text(&memory, address).map(|text| (index, text)));
            } else if let Some(width) = pointers(argument, arch) {
                behind.lists.extend(list(&memory, address, width).map(|list| (index, list)));
            }
        }
        behind
    }
}

/// Whether an argument is a text. What a call only writes to, or what ends elsewhere than at a zero,
/// is none.
fn is_text(argument: Argument) -> bool {
    let stars = argument.c_type.matches('*').count();
    argument.c_type.starts_with("const char") && stars == 1 && !argument.name.contains("buf")
}

/// The bytes of a pointer in an argument that is an array of pointers to texts: what a program is
/// started with. Its environment may hold what is for nobody to see.
fn pointers(argument: Argument, arch: Arch) -> Option<usize> {
    let is_compat = argument.c_type.contains("compat_uptr_t");
    let is_list = is_compat || argument.c_type.matches('*').count() == 2;
    let width = if is_compat || arch.word_bits() == 32 { 4 } else { 8 };
    (is_list && argument.name == "argv").then_some(width)
}

fn text(memory: &impl Fn(u64, usize) -> Vec<u8>, address: u64) -> Option<String> {
    let bytes = memory(address, TEXT_MAX);
    match bytes.iter().position(|&byte| byte == 0) {
        Some(end) => Some(String::from_utf8_lossy(&bytes[..end]).into_owned()),
        None if bytes.is_empty() => None,
        None => Some(format!("{}…", String::from_utf8_lossy(&bytes))),
    }
}

/// The texts of an array that ends at a null pointer; none where something is not there.
fn list(
    memory: &impl Fn(u64, usize) -> Vec<u8>,
    address: u64,
    width: usize,
) -> Option<Vec<String>> {
    let mut texts = Vec::new();
    for place in 0..=LIST_MAX {
        let offset = u64::try_from(place.checked_mul(width)?).ok()?;
        let bytes = memory(address.checked_add(offset)?, width);
        let pointer = match bytes[..] {
            [a, b, c, d] => u64::from(u32::from_ne_bytes([a, b, c, d])),
            _ => u64::from_ne_bytes(bytes.try_into().ok()?),
        };
        match pointer {
            0 => return Some(texts),
            _ if place == LIST_MAX => texts.push(MORE.to_owned()),
            pointer => texts.push(text(memory, pointer)?),
        }
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two texts at 64 and 96, and an array of so many pointers to them.
    fn memory(width: usize, count: usize) -> impl Fn(u64, usize) -> Vec<u8> {
        let mut bytes = vec![0; 256];
        bytes[64..66].copy_from_slice(b"ls");
        bytes[96..98].copy_from_slice(b"-l");
        for place in 0..count {
            bytes[100 + place * width] = if place == 0 { 64 } else { 96 };
        }
        move |address, len| {
            let start = usize::try_from(address).unwrap().min(bytes.len());
            bytes[start..(start + len).min(bytes.len())].to_vec()
        }
    }

    #[test]
    fn arrays_of_texts_end_at_a_null_pointer_or_are_cut() {
        for width in [4, 8] {
            assert_eq!(list(&memory(width, 0), 100, width), Some(vec![]));
            let two = list(&memory(width, 2), 100, width);
            assert_eq!(two, Some(vec!["ls".to_owned(), "-l".to_owned()]));
            let cut = list(&memory(width, LIST_MAX + 1), 100, width).unwrap();
            assert_eq!((cut.len(), &*cut[LIST_MAX]), (LIST_MAX + 1, MORE));
            assert_eq!(list(&memory(width, LIST_MAX), 100, width).unwrap().len(), LIST_MAX);
        }
        assert_eq!(list(&memory(8, 2), 255, 8), None);
    }
}
