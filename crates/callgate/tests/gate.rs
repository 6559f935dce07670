//! Policies in the language, as an application or its build script takes them.

use std::fs;

use callgate::{Action, Arch, Error, Filter, SeccompData, names};

const TEXT: &str =
    "policy 1\narch x86_64, aarch64\ndefault allow\nerrno EACCES socket where family != AF_UNIX\n";

#[test]
fn a_text_becomes_a_proved_filter() {
    let filter = Filter::parse(TEXT).unwrap();
    for arch in [Arch::X86_64, Arch::Aarch64] {
        let call = SeccompData::new(arch, arch.syscall(names::SOCKET).unwrap().nr);
        let decide = |family| filter.decide(&call.with_args([family, 0, 0, 0, 0, 0]));
        assert_eq!(decide(1), Action::ALLOW);
        assert_eq!(decide(2), Action::errno(13).unwrap());
        let ran = filter.program().run(&call.with_args([2, 0, 0, 0, 0, 0]), arch.endian());
        assert_eq!(ran, Action::errno(13).unwrap());
    }
}

#[test]
fn files_include_others_and_errors_point_into_them() {
    let folder = std::env::temp_dir().join(format!("callgate-gate-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let path = folder.join("a.gate");
    fs::write(&path, format!("{TEXT}include \"b.gate\"\n")).unwrap();
    fs::write(folder.join("b.gate"), "kill { ptrace }\n").unwrap();
    let right = Filter::read(&path);
    fs::write(folder.join("b.gate"), "kill {\n    ptrce\n}\n").unwrap();
    let wrong = Filter::read(&path).unwrap_err();
    let missing = Filter::read(&folder.join("c.gate")).unwrap_err();
    fs::remove_dir_all(&folder).unwrap();
    assert!(right.is_ok(), "{right:?}");
    let place = format!("{}:2:5: error[E0340]", folder.join("b.gate").display());
    assert!(wrong.to_string().starts_with(&place), "{wrong}");
    assert!(matches!(missing, Error::Text(_)) && missing.to_string().contains("c.gate"));
}
