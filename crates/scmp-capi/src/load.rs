//! `seccomp_load`.

use callgate_scmp_process::load;
use libc::c_int;

use crate::entry::{Borrowed, Handle, code};

/// Loads the filter. Where it was precomputed and nothing has changed since, this allocates
/// nothing.
///
/// # Safety
/// `ctx` is NULL or from `seccomp_init`, and no other thread uses it.
///
/// # References
/// seccomp_load(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_load(ctx: *mut Handle) -> c_int {
    code(|| {
        // SAFETY: the caller's promise is that of `on_context`, and the borrow ends with this
        // closure.
        let borrowed = unsafe { Borrowed::new(ctx) }?;
        load(borrowed.context)?;
        Ok(0)
    })
}

#[cfg(test)]
mod tests {
    use callgate_kernel::child::{self, Ending};

    use super::*;
    use crate::{
        seccomp_arch_add, seccomp_arch_remove, seccomp_init, seccomp_notify_fd, seccomp_release,
        seccomp_rule_add_array,
    };

    const ALLOW: u32 = 0x7fff_0000;

    /// The exit code of a child that ran a function.
    fn in_child(function: impl FnOnce() -> bool) {
        // SAFETY: the functions of these tests build, load and ask filters, and share no memory
        // with this process.
        let ending = unsafe { child::run_forked(|| u8::from(function())) };
        assert_eq!(ending.unwrap(), Ending::Exited { code: 1 });
    }

    #[test]
    fn a_loaded_filter_answers() {
        let context = seccomp_init(ALLOW);
        let getppid = i32::try_from(libc::SYS_getppid).unwrap();
        // SAFETY: a live context, here and below.
        let added =
            unsafe { seccomp_rule_add_array(context, 0x0005_0007, getppid, 0, std::ptr::null()) };
        assert_eq!(added, 0);
        in_child(|| {
            // SAFETY: as above.
            let loaded = unsafe { seccomp_load(context) };
            // SAFETY: getppid(2) takes nothing.
            let answer = unsafe { libc::syscall(libc::SYS_getppid) };
            loaded == 0 && answer == -1 && std::io::Error::last_os_error().raw_os_error() == Some(7)
        });
        // SAFETY: as above, used no more.
        unsafe { seccomp_release(context) };
    }

    #[test]
    fn a_release_after_a_load_makes_no_call() {
        const KILL_PROCESS: u32 = 0x8000_0000;
        in_child(|| {
            let context = seccomp_init(KILL_PROCESS);
            for call in [libc::SYS_exit_group, libc::SYS_exit] {
                let call = i32::try_from(call).unwrap_or(-1);
                // SAFETY: a live context, here and below.
                unsafe { seccomp_rule_add_array(context, ALLOW, call, 0, std::ptr::null()) };
            }
            // SAFETY: as above.
            let loaded = unsafe { seccomp_load(context) };
            // SAFETY: as above, used no more.
            unsafe { seccomp_release(context) };
            loaded == 0
        });
    }

    #[test]
    fn a_process_has_one_listener() {
        let context = seccomp_init(ALLOW);
        let getppid = i32::try_from(libc::SYS_getppid).unwrap();
        // SAFETY: a live context, here and below.
        let added =
            unsafe { seccomp_rule_add_array(context, 0x7fc0_0000, getppid, 0, std::ptr::null()) };
        // SAFETY: as above.
        assert_eq!((added, unsafe { seccomp_notify_fd(context) }), (0, -libc::EFAULT));
        in_child(|| {
            let load = || {
                // SAFETY: as above.
                let loaded = unsafe { seccomp_load(context) };
                // SAFETY: as above.
                (loaded, unsafe { seccomp_notify_fd(context) })
            };
            let (first, second) = (load(), load());
            first.0 == 0 && first.1 > 0 && first == second
        });
        // SAFETY: as above, used no more.
        unsafe { seccomp_release(context) };
    }

    #[test]
    fn programs_of_the_other_byte_order_are_refused() {
        let context = seccomp_init(ALLOW);
        let s390x = 0x8000_0016;
        // SAFETY: a live context, here and below.
        assert_eq!(unsafe { seccomp_arch_remove(context, 0) }, 0);
        // SAFETY: as above.
        assert_eq!(unsafe { seccomp_load(context) }, -libc::EINVAL);
        // SAFETY: as above.
        assert_eq!(unsafe { seccomp_arch_add(context, s390x) }, 0);
        if cfg!(target_endian = "little") {
            // SAFETY: as above; in a child, for a defect would load it.
            in_child(|| unsafe { seccomp_load(context) } == -libc::ECANCELED);
        }
        // SAFETY: as above, used no more.
        unsafe { seccomp_release(context) };
    }
}
