//! The processors, and QEMU's machines for them.

use std::path::Path;
use std::process::Command;

/// A processor with a machine around it, as Debian, Rust, the C compiler and QEMU call them.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Debian's architecture.
    pub(crate) debian: &'static str,
    /// The end of the names of Debian's kernels.
    pub(crate) flavour: &'static str,
    /// Rust's target.
    pub(crate) triple: &'static str,
    /// The prefix of the C compiler and its kin.
    pub(crate) gnu: &'static str,
    /// The emulator.
    pub(crate) qemu: &'static str,
    /// The emulator's machine, with one of the processors that Debian needs at least.
    pub(crate) arguments: &'static [&'static str],
    /// What loads programs, in a root.
    pub(crate) loader: &'static str,
    /// The kernel's name of the console.
    pub(crate) console: &'static str,
    /// What the processor is besides its name.
    pub(crate) traits: &'static str,
}

/// All of them.
pub(crate) const MACHINES: [&Machine; 6] = [&AMD64, &S390X, &ARM64, &ARMHF, &PPC64EL, &RISCV64];

pub(crate) const AMD64: Machine = Machine {
    debian: "amd64",
    flavour: "amd64",
    triple: "x86_64-unknown-linux-gnu",
    gnu: "x86_64-linux-gnu",
    qemu: "qemu-system-x86_64",
    arguments: &["-machine", "q35"],
    loader: "lib64/ld-linux-x86-64.so.2",
    console: "ttyS0",
    traits: "64 bits, little-endian",
};

pub(crate) const S390X: Machine = Machine {
    debian: "s390x",
    flavour: "s390x",
    triple: "s390x-unknown-linux-gnu",
    gnu: "s390x-linux-gnu",
    qemu: "qemu-system-s390x",
    arguments: &["-machine", "s390-ccw-virtio", "-cpu", "max"],
    loader: "lib/ld64.so.1",
    console: "ttysclp0",
    traits: "64 bits, big-endian",
};

pub(crate) const ARM64: Machine = Machine {
    debian: "arm64",
    flavour: "arm64",
    triple: "aarch64-unknown-linux-gnu",
    gnu: "aarch64-linux-gnu",
    qemu: "qemu-system-aarch64",
    arguments: &["-machine", "virt", "-cpu", "cortex-a72"],
    loader: "lib/ld-linux-aarch64.so.1",
    console: "ttyAMA0",
    traits: "64 bits, little-endian",
};

pub(crate) const ARMHF: Machine = Machine {
    debian: "armhf",
    flavour: "armmp",
    triple: "armv7-unknown-linux-gnueabihf",
    gnu: "arm-linux-gnueabihf",
    qemu: "qemu-system-arm",
    arguments: &["-machine", "virt", "-cpu", "cortex-a15"],
    loader: "lib/ld-linux-armhf.so.3",
    console: "ttyAMA0",
    traits: "32 bits, little-endian",
};

pub(crate) const PPC64EL: Machine = Machine {
    debian: "ppc64el",
    flavour: "powerpc64le",
    triple: "powerpc64le-unknown-linux-gnu",
    gnu: "powerpc64le-linux-gnu",
    qemu: "qemu-system-ppc64",
    arguments: &["-machine", "pseries", "-cpu", "power9"],
    loader: "lib64/ld64.so.2",
    console: "hvc0",
    traits: "64 bits, little-endian",
};

pub(crate) const RISCV64: Machine = Machine {
    debian: "riscv64",
    flavour: "riscv64",
    triple: "riscv64gc-unknown-linux-gnu",
    gnu: "riscv64-linux-gnu",
    qemu: "qemu-system-riscv64",
    arguments: &["-machine", "virt"],
    loader: "lib/ld-linux-riscv64-lp64d.so.1",
    console: "ttyS0",
    traits: "64 bits, little-endian",
};

impl Machine {
    /// The name by which the project knows its table of calls.
    pub(crate) fn arch(&self) -> &'static str {
        match self.debian {
            "amd64" => "x86_64",
            "arm64" => "aarch64",
            "armhf" => "arm",
            "ppc64el" => "ppc64le",
            other => other,
        }
    }

    /// Whether it is this machine's own.
    pub(crate) fn native(&self) -> bool {
        self.triple.starts_with(std::env::consts::ARCH)
    }

    /// Whether this machine's processor executes the guest itself. A device without the processor's
    /// help can't boot kernels that do not know of it.
    pub(crate) fn accelerated(&self) -> bool {
        let device = std::fs::OpenOptions::new().read(true).write(true).open("/dev/kvm");
        let features = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let helps = features.split_whitespace().any(|feature| ["vmx", "svm"].contains(&feature));
        self.native() && device.is_ok() && (helps || !cfg!(target_arch = "x86_64"))
    }

    /// How QEMU is to execute the guest.
    pub(crate) fn acceleration(&self) -> &'static [&'static str] {
        match self.accelerated() {
            // Hosts that are guests themselves may not let a guest set what vulnerabilities it
            // lacks.
            true => &["-accel", "kvm", "-cpu", "host,arch-capabilities=off"],
            false if self.native() => &["-accel", "tcg", "-cpu", "max"],
            false => &["-accel", "tcg"],
        }
    }

    /// The C compiler.
    pub(crate) fn compiler(&self) -> String {
        format!("{}-gcc", self.gnu)
    }

    /// Requires an emulator, the C compiler and Rust's standard library for it.
    pub(crate) fn require(&self, emulator: &str) -> Result<(), String> {
        let compiler = self.compiler();
        for program in [emulator, &compiler] {
            let found = Command::new(program).arg("--version").output();
            found.map_err(|error| format!("{program}: {error}"))?;
        }
        self.require_library()
    }

    /// Requires Rust's standard library for it.
    pub(crate) fn require_library(&self) -> Result<(), String> {
        let libraries = ["--print", "target-libdir", "--target", self.triple];
        let folder = house::output(Command::new("rustc").args(libraries))?;
        match Path::new(folder.trim()).exists() {
            true => Ok(()),
            false => Err(format!("no standard library for {}: rustup target add", self.triple)),
        }
    }

    /// What executes its programs here, where this machine's own kernel and processor do not.
    pub(crate) fn user_emulator(&self) -> Option<String> {
        let processor = self.qemu.strip_prefix("qemu-system-").unwrap_or(self.qemu);
        let processor = processor.replace("ppc64", "ppc64le");
        (!self.native()).then(|| format!("qemu-{processor}-static"))
    }

    /// The folder in which cargo leaves optimised programs.
    pub(crate) fn built(&self, profile: &str) -> std::path::PathBuf {
        let target = house::target();
        let target = if self.native() { target } else { target.join(Path::new(self.triple)) };
        target.join(profile)
    }
}
