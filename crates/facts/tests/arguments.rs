//! What is known of arguments.

use callgate_facts::{Form, Hidden, kernel_name};
use callgate_syscalls::{Arch, Name, names};

/// No type of any entry point is left without a form, and what may be tested for NULL is an
/// address.
#[test]
fn every_argument_has_a_form() {
    let mut counted = [0; 3];
    for arch in Arch::ALL {
        for syscall in arch.syscalls() {
            for argument in arch.signature(syscall.name).into_iter().flat_map(|s| s.arguments()) {
                match Form::of(argument) {
                    Some(Form::Address) => counted[0] += 1,
                    Some(Form::Signed) => counted[1] += 1,
                    Some(Form::Unsigned) => counted[2] += 1,
                    other => assert!(other.is_some(), "{argument:?} of {}", syscall.name),
                }
            }
        }
    }
    assert!(counted.iter().all(|count| *count > 5_000), "{counted:?}");
}

#[test]
fn forms_are_the_kernels() {
    let form = |arch: Arch, syscall: Name, index| {
        arch.signature(syscall).and_then(|s| s.arguments().nth(index)).and_then(Form::of)
    };
    assert_eq!(form(Arch::X86_64, names::SETPRIORITY, 2), Some(Form::Signed));
    assert_eq!(form(Arch::X86_64, names::SOCKET, 0), Some(Form::Signed));
    assert_eq!(form(Arch::X86_64, names::IOCTL, 1), Some(Form::Unsigned));
    assert_eq!(form(Arch::X86_64, names::CONNECT, 1), Some(Form::Address));
    assert_eq!(form(Arch::X86, names::FALLOCATE, 2), Some(Form::Unsigned));
}

#[test]
fn what_is_hidden_stands_behind_a_pointer_of_the_call() {
    let mut found = 0;
    for arch in Arch::ALL {
        for syscall in arch.syscalls().map(|syscall| syscall.name) {
            for hidden in Hidden::of(syscall, arch) {
                let signature = arch.signature(syscall).expect("a signature");
                let Some(pointer) = signature.arguments().find(|a| a.name == hidden.pointer) else {
                    // Called otherwise on this architecture, under which it has a row of its own.
                    assert!(["tsops", "tsems"].contains(&hidden.pointer), "{syscall} on {arch}");
                    continue;
                };
                assert_eq!(Form::of(pointer), Some(Form::Address), "{syscall} on {arch}");
                assert!(hidden.fields().all(|field| !field.is_empty()));
                found += 1;
            }
        }
    }
    assert!(found > 400, "{found}");
    let clone3 = Hidden::of(names::CLONE3, Arch::X86_64).next().expect("clone3 hides its flags");
    assert!(clone3.fields().any(|field| field == "flags"));
    assert!(clone3.instead.is_some_and(|instead| instead.starts_with("clone ")));
    assert_eq!(Hidden::of(names::MMAP, Arch::X86_64).count(), 0);
    assert_eq!(Hidden::of(names::MMAP, Arch::S390x).count(), 1);
}

#[test]
fn manual_pages_names_lead_to_the_kernels() {
    assert_eq!(kernel_name(names::CLONE, "flags"), Some("clone_flags"));
    assert_eq!(kernel_name(names::SOCKET, "domain"), Some("family"));
    assert_eq!(kernel_name(names::SENDTO, "dest_addr"), Some("addr"));
    assert_eq!(kernel_name(names::SOCKET, "family"), None);
    assert_eq!(kernel_name(names::READ, "flags"), None);
}
