//! A program in Rust with the static library: two copies of the standard library, each with its
//! panics.

use std::ffi::{c_int, c_long, c_uint, c_void};
use std::panic::catch_unwind;

unsafe extern "C" {
    fn seccomp_init(action: u32) -> *mut c_void;
    fn seccomp_rule_add(ctx: *mut c_void, action: u32, nr: c_int, count: c_uint, ...) -> c_int;
    fn seccomp_load(ctx: *const c_void) -> c_int;
    fn seccomp_release(ctx: *mut c_void);
    fn syscall(nr: c_long, ...) -> c_long;
}

const ALLOW: u32 = 0x7fff_0000;
const ERRNO_7: u32 = 0x0005_0007;
const GETPPID: c_int = 110;

/// A panic of this program, caught.
fn panics() -> bool {
    catch_unwind(|| Vec::from([1, 2]).get(2).unwrap().to_owned()).is_err()
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    assert!(panics());
    // SAFETY: takes any number.
    let ctx = unsafe { seccomp_init(ALLOW) };
    // SAFETY: a live context, here and below.
    assert_eq!(unsafe { seccomp_rule_add(ctx, ERRNO_7, GETPPID, 0) }, 0);
    assert!(std::thread::spawn(panics).join().unwrap());
    // SAFETY: as above.
    assert_eq!(unsafe { seccomp_load(ctx) }, 0);
    // SAFETY: as above, used no more.
    unsafe { seccomp_release(ctx) };
    // SAFETY: takes nothing.
    assert_eq!(unsafe { syscall(GETPPID.into()) }, -1);
    assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(7));
    assert!(panics());
    println!("Rust");
}
