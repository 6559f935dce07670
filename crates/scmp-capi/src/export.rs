//! `seccomp_export_pfc`, `seccomp_export_bpf`, `seccomp_export_bpf_mem`, `seccomp_precompute`.

use std::ptr::NonNull;

use callgate_scmp::{Attribute, Context, Error as ContextError, code};
use callgate_syscalls::Errno;
use libc::{c_int, c_void, size_t};

use crate::entry::{Handle, on_context};
use crate::error::Error;

/// Writes the filter as text for people.
///
/// # Safety
/// `ctx` is NULL or from `seccomp_init`, and no other thread uses it.
///
/// # References
/// seccomp_export_pfc(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_export_pfc(ctx: *mut Handle, fd: c_int) -> c_int {
    let call = |context: &mut Context| {
        let written = write_all(context, fd, context.export_pfc()?.as_bytes());
        match written {
            // libseccomp opens a stream for appending first, and that is what fails.
            Err(Error::Kernel(errno)) if errno == EBADF && is_read_only(fd) => {
                Err(Error::Kernel(code::EINVAL))
            }
            written => written,
        }
    };
    // SAFETY: the caller's promise is that of `on_context`.
    unsafe { on_context(ctx, call) }
}

/// Writes the program in the byte order of its architectures.
///
/// # Safety
/// As [`seccomp_export_pfc`].
///
/// # References
/// seccomp_export_bpf(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_export_bpf(ctx: *mut Handle, fd: c_int) -> c_int {
    let call = |context: &mut Context| {
        let program = context.export_bpf()?;
        write_all(context, fd, &program)
    };
    // SAFETY: the caller's promise is that of `on_context`.
    unsafe { on_context(ctx, call) }
}

/// Copies the program to a buffer and sets `len` to its size in bytes. Without a buffer only the
/// size; a buffer that is too small stays as it is.
///
/// # Safety
/// `ctx` is NULL or from `seccomp_init`, and no other thread uses it; `len` is NULL or to be read
/// and written; `buf` is NULL or has room for `*len` bytes.
///
/// # References
/// seccomp_export_bpf_mem(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_export_bpf_mem(
    ctx: *mut Handle,
    buf: *mut c_void,
    len: *mut size_t,
) -> c_int {
    let call = |context: &mut Context| {
        let len = NonNull::new(len).ok_or(Error::Null)?;
        let program = context.export_bpf()?;
        // SAFETY: not NULL, and so to be read and written.
        let room = unsafe { len.replace(program.len()) };
        match NonNull::new(buf.cast::<u8>()) {
            None => Ok(()),
            Some(_) if room < program.len() => {
                Err(ContextError::BufferTooSmall { len: program.len() }.into())
            }
            Some(buffer) => {
                let source = NonNull::from(program.as_slice()).cast();
                // SAFETY: the buffer has that much room, and is the caller's, while the program is
                // ours.
                unsafe { buffer.copy_from_nonoverlapping(source, program.len()) };
                Ok(())
            }
        }
    };
    // SAFETY: the caller's promise is that of `on_context`.
    unsafe { on_context(ctx, call) }
}

/// Makes the program and keeps it, so that a load right after needs no memory.
///
/// # Safety
/// As [`seccomp_export_pfc`].
///
/// # References
/// seccomp_precompute(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_precompute(ctx: *mut Handle) -> c_int {
    // SAFETY: the caller's promise is that of `on_context`.
    unsafe { on_context(ctx, |context| Ok(context.precompute().map(drop)?)) }
}

/// Writes everything, in as many calls as that takes.
fn write_all(context: &Context, fd: c_int, mut bytes: &[u8]) -> Result<(), Error> {
    let raw = context.attr(Attribute::ApiSysRawRc)? != 0;
    while !bytes.is_empty() {
        // SAFETY: pointer and length are those of a slice.
        let written = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(written) {
            Ok(0) => return Err(refused(raw, libc::EIO)),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(_) => match std::io::Error::last_os_error().raw_os_error().unwrap_or(0) {
                libc::EINTR => {}
                errno => return Err(refused(raw, errno)),
            },
        }
    }
    Ok(())
}

const EBADF: Errno = Errno::new(9);

/// Whether a descriptor is open, and for reading only.
fn is_read_only(fd: c_int) -> bool {
    // SAFETY: the request takes no pointer, and a number that is not open is an error.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    flags >= 0 && flags & libc::O_ACCMODE == libc::O_RDONLY
}

/// Here, unlike in a load, every errno is passed on where the context asks for that.
fn refused(raw: bool, errno: c_int) -> Error {
    let errno = u16::try_from(errno).map_or(code::EFAULT, Errno::new);
    Error::Kernel(if raw { errno } else { code::ECANCELED })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Seek, SeekFrom, Write};
    use std::os::fd::AsRawFd;
    use std::ptr::null_mut;

    use super::*;
    use crate::{seccomp_attr_set, seccomp_init, seccomp_release};

    #[test]
    fn failed_writes_are_told() {
        let context = seccomp_init(0);
        let full = File::options().write(true).open("/dev/full").unwrap();
        for export in [seccomp_export_pfc, seccomp_export_bpf] {
            // SAFETY: a live context, here and below.
            assert_eq!(unsafe { export(context, -1) }, -libc::ECANCELED);
            // SAFETY: as above.
            assert_eq!(unsafe { export(context, full.as_raw_fd()) }, -libc::ECANCELED);
        }
        // SAFETY: as above.
        assert_eq!(unsafe { seccomp_attr_set(context, 9, 1) }, 0);
        // SAFETY: as above.
        assert_eq!(unsafe { seccomp_export_pfc(context, -1) }, -libc::EBADF);
        // SAFETY: as above.
        assert_eq!(unsafe { seccomp_export_bpf(context, full.as_raw_fd()) }, -libc::ENOSPC);
        let read_only = File::open("/dev/null").unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { seccomp_export_pfc(context, read_only.as_raw_fd()) }, -libc::EINVAL);
        // SAFETY: as above.
        assert_eq!(unsafe { seccomp_export_bpf(context, read_only.as_raw_fd()) }, -libc::EBADF);
        // SAFETY: as above, used no more.
        unsafe { seccomp_release(context) };
    }

    #[test]
    fn text_goes_where_the_file_stands() {
        let context = seccomp_init(0);
        let path = std::env::temp_dir().join(format!("callgate-export-{}", std::process::id()));
        let mut file = File::create_new(&path).unwrap();
        file.write_all(b"0123456789").unwrap();
        file.seek(SeekFrom::Start(2)).unwrap();
        // SAFETY: a live context, here and below.
        assert_eq!(unsafe { seccomp_export_pfc(context, file.as_raw_fd()) }, 0);
        file.seek(SeekFrom::Start(0)).unwrap();
        file.write_all(b"x").unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(written.starts_with("x1#\n# pseudo filter code start"), "{written}");
        // SAFETY: as above, used no more.
        unsafe { seccomp_release(context) };
    }

    #[test]
    fn a_buffer_gets_what_a_file_gets() {
        let context = seccomp_init(0x7fff_0000);
        let (mut reader, writer) = std::io::pipe().unwrap();
        // SAFETY: a live context, here and below.
        assert_eq!(unsafe { seccomp_export_bpf(context, writer.as_raw_fd()) }, 0);
        drop(writer);
        let mut file = Vec::new();
        reader.read_to_end(&mut file).unwrap();
        let export = |buffer: *mut u8, len: &mut usize| {
            // SAFETY: as above; the buffer is NULL or as long as said.
            unsafe { seccomp_export_bpf_mem(context, buffer.cast(), len) }
        };
        let mut len = 0;
        assert_eq!((export(null_mut(), &mut len), len), (0, file.len()));
        let mut buffer = vec![0xaa; len + 1];
        let mut short = len - 1;
        assert_eq!((export(buffer.as_mut_ptr(), &mut short), short), (-libc::ERANGE, len));
        assert!(buffer.iter().all(|&byte| byte == 0xaa));
        let mut long = len + 1;
        assert_eq!((export(buffer.as_mut_ptr(), &mut long), long), (0, len));
        assert_eq!((&buffer[..len], buffer[len]), (&*file, 0xaa));
        // SAFETY: as above, used no more.
        unsafe { seccomp_release(context) };
    }
}
