//! The clients: Debian's packages, and a script for each that makes it do its work.

use std::path::Path;

use super::binding;

/// Whether a client is part of CI's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// It installs and runs in seconds.
    Quick,
    /// Only with `--all` or by name.
    Slow,
}

/// How it is seen what a client loads and installs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    /// All its processes are traced.
    Traced,
    /// The script reads the filters back from the kernel, and memory maps.
    Read,
}

/// Builds something in a folder, for a client that sees what is laid out in another.
pub(super) type Build = fn(&Path, &Path) -> Result<(), String>;

/// A client of the library.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) name: &'static str,
    /// A summary of the script, for the table.
    pub(super) about: &'static str,
    /// Its version, where that is not the one of its first package.
    pub(super) version: Option<&'static str>,
    /// Debian's packages.
    pub(super) packages: &'static [&'static str],
    /// The file that is linked to libseccomp; none for sources.
    pub(super) binary: Option<&'static str>,
    pub(super) script: &'static str,
    pub(super) pace: Pace,
    pub(super) watch: Watch,
    /// The least number of different filters that it installs.
    pub(super) filters: usize,
    pub(super) seconds_max: u32,
    /// What to build outside of the root: gets a folder to work in, and where our library is laid
    /// out.
    pub(super) build: Option<Build>,
    /// Why its filters can only be counted.
    pub(super) incomparable: Option<&'static str>,
    /// What to do in the root once its packages are there, with the network that the machine has.
    pub(super) setup: Option<&'static str>,
}

/// Packages that the scripts use.
pub(super) const TOOLS: &[&str] = &["strace", "binutils", "iproute2", "busybox-static"];

/// A client that runs in seconds, all of it traced.
const fn quick(
    name: &'static str,
    about: &'static str,
    packages: &'static [&'static str],
    binary: &'static str,
    filters: usize,
    script: &'static str,
) -> Client {
    let (pace, watch, seconds_max) = (Pace::Quick, Watch::Traced, 120);
    let (version, setup, build, incomparable) = (None, None, None, None);
    let binary = Some(binary);
    Client {
        name,
        about,
        version,
        packages,
        binary,
        script,
        pace,
        watch,
        filters,
        seconds_max,
        setup,
        build,
        incomparable,
    }
}

/// A client whose packages are large or whose work is long.
const fn slow(client: Client) -> Client {
    Client { pace: Pace::Slow, seconds_max: 600, ..client }
}

const QEMU: Client = Client {
    name: "qemu",
    about: "guests boot to a shell under `-sandbox on` with 2 combinations; disk and network; migration to a \
            command, setuid and an obsolete call are refused alike",
    packages: &["qemu-system-x86", "qemu-utils", "busybox-static", "cpio", "socat"],
    version: None,
    binary: Some("/usr/bin/qemu-system-x86_64"),
    script: concat!(
        "COMBINATIONS=some
",
        include_str!("scripts/guest.sh"),
        include_str!("scripts/inject.sh"),
        include_str!("scripts/qemu.sh")
    ),
    pace: Pace::Quick,
    watch: Watch::Read,
    filters: 2,
    seconds_max: 900,
    setup: Some(include_str!("scripts/qemu-guest.sh")),
    build: None,
    incomparable: None,
};

pub(super) const CLIENTS: &[Client] = &[
    QEMU,
    Client {
        name: "qemu-profile",
        about: "`callgate run --profile qemu`: guests boot and use a disk and the network; commands, ids, \
                namespaces, packets and more are refused",
        script: concat!(
            include_str!("scripts/guest.sh"),
            include_str!("scripts/inject.sh"),
            include_str!("scripts/qemu-profile.sh")
        ),
        filters: 1,
        ..QEMU
    },
    Client {
        name: "qemu-sandbox",
        about: "guests boot, and all else of `qemu`, with all 24 combinations of `-sandbox on`",
        script: concat!(
            "COMBINATIONS=all
",
            include_str!("scripts/guest.sh"),
            include_str!("scripts/inject.sh"),
            include_str!("scripts/qemu.sh")
        ),
        pace: Pace::Slow,
        filters: 16,
        seconds_max: 3_600,
        ..QEMU
    },
    quick(
        "resolver",
        "`scmp_sys_resolver`: names and numbers of three architectures",
        &["seccomp"],
        "/usr/bin/scmp_sys_resolver",
        0,
        include_str!("scripts/resolver.sh"),
    ),
    quick(
        "apt",
        "`APT::Sandbox::Seccomp`: update and download over HTTP and from a folder",
        &["apt"],
        "/usr/lib/apt/methods/http",
        1,
        include_str!("scripts/apt.sh"),
    ),
    quick(
        "man-db",
        "`man` formats a page, `mandb` makes an index, `whatis` finds it",
        &["man-db"],
        "/usr/lib/man-db/libman-2.11.2.so",
        1,
        include_str!("scripts/man.sh"),
    ),
    quick(
        "ctags",
        "`--_interactive=sandbox` tags a C file",
        &["universal-ctags"],
        "/usr/bin/ctags-universal",
        1,
        include_str!("scripts/ctags.sh"),
    ),
    quick(
        "chrony",
        "`-F 1` and `-F 2`: a server, a client that measures its offset, `chronyc`",
        &["chrony"],
        "/usr/sbin/chronyd",
        2,
        include_str!("scripts/chrony.sh"),
    ),
    Client {
        incomparable: Some("its rules hold addresses of strings, which change with every start"),
        ..quick(
            "tor",
            "`Sandbox 1`: starts, answers its control port, reloads, shuts down",
            &["tor"],
            "/usr/bin/tor",
            1,
            include_str!("scripts/tor.sh"),
        )
    },
    quick(
        "swtpm",
        "`--seccomp action=kill`: a TPM 2 is initialised, started and saved",
        &["swtpm", "swtpm-tools"],
        "/usr/lib/x86_64-linux-gnu/swtpm/libswtpm_libtpms.so.0.0.0",
        1,
        include_str!("scripts/swtpm.sh"),
    ),
    quick(
        "arping",
        "`-z` pings over a pair of veth devices",
        &["arping"],
        "/usr/sbin/arping",
        1,
        include_str!("scripts/arping.sh"),
    ),
    quick(
        "systemd-tests",
        "systemd's own `test-seccomp`; `systemd-analyze syscall-filter`",
        &["systemd-tests"],
        "/usr/lib/systemd/tests/test-seccomp",
        30,
        include_str!("scripts/systemd-tests.sh"),
    ),
    quick(
        "slirp4netns",
        "`--enable-seccomp`: a page from the host through a tap device",
        &["slirp4netns"],
        "/usr/bin/slirp4netns",
        1,
        include_str!("scripts/slirp4netns.sh"),
    ),
    quick(
        "crun",
        "a container under the `seccomp.json` of Podman",
        &["crun", "jq", "golang-github-containers-common"],
        "/usr/bin/crun",
        1,
        include_str!("scripts/crun.sh"),
    ),
    quick(
        "runc",
        "a container under the `seccomp.json` of Podman",
        &["runc", "jq", "golang-github-containers-common"],
        "/usr/sbin/runc",
        1,
        include_str!("scripts/runc.sh"),
    ),
    quick(
        "systemd-nspawn",
        "a container with `--system-call-filter`",
        &["systemd-container"],
        "/usr/bin/systemd-nspawn",
        3,
        include_str!("scripts/systemd-nspawn.sh"),
    ),
    quick(
        "systemd-service",
        "services of a user manager: `SystemCallFilter=` with an errno, as a list of what is allowed, and to kill; \
         `SystemCallArchitectures=`, `RestrictNamespaces=`, `RestrictAddressFamilies=` and more",
        &["systemd", "dbus-user-session"],
        "/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-252.so",
        10,
        include_str!("scripts/systemd-service.sh"),
    ),
    quick(
        "bubblewrap",
        "`--seccomp` with raw filters: one by `seccomp_export_bpf`, and `container` by `callgate compile`",
        &["bubblewrap", "python3"],
        "/usr/bin/bwrap",
        2,
        include_str!("scripts/bubblewrap.sh"),
    ),
    slow(quick(
        "lxc",
        "a container under a list of its own, with a masked argument",
        &["lxc", "liblxc-common"],
        "/usr/lib/x86_64-linux-gnu/liblxc.so.1.7.0",
        1,
        include_str!("scripts/lxc.sh"),
    )),
    slow(quick(
        "podman",
        "a container under its default profile",
        &["podman", "crun"],
        "/usr/bin/podman",
        1,
        include_str!("scripts/podman.sh"),
    )),
    slow(quick(
        "buildah",
        "a command while building an image",
        &["buildah", "crun"],
        "/usr/bin/buildah",
        1,
        include_str!("scripts/buildah.sh"),
    )),
    slow(quick(
        "nix",
        "a derivation is built with `filter-syscalls`",
        &["nix-bin"],
        "/usr/lib/nix/libnixstore.so",
        1,
        include_str!("scripts/nix.sh"),
    )),
    slow(quick(
        "ocserv",
        "isolated workers answer over TLS",
        &["ocserv", "openssl"],
        "/usr/sbin/ocserv-worker",
        1,
        include_str!("scripts/ocserv.sh"),
    )),
    slow(quick(
        "snapd",
        "`snap-seccomp` compiles a profile with argument rules; its output is compared",
        &["snapd"],
        "/usr/lib/snapd/snap-seccomp",
        1,
        include_str!("scripts/snapd.sh"),
    )),
    slow(quick(
        "flatpak",
        "a runtime is installed, a command runs in it",
        &["flatpak"],
        "/usr/bin/flatpak",
        1,
        include_str!("scripts/flatpak.sh"),
    )),
    slow(quick(
        "sniffglue",
        "an HTTP request on loopback is dissected",
        &["sniffglue"],
        "/usr/bin/sniffglue",
        1,
        include_str!("scripts/sniffglue.sh"),
    )),
    slow(quick(
        "xwallpaper",
        "an image is set in an X server",
        &["xwallpaper", "xvfb"],
        "/usr/bin/xwallpaper",
        1,
        include_str!("scripts/xwallpaper.sh"),
    )),
    slow(quick(
        "usbguard",
        "`-W`: its own list stops the daemon at its start, with either library",
        &["usbguard"],
        "/usr/sbin/usbguard-daemon",
        1,
        include_str!("scripts/usbguard.sh"),
    )),
    slow(quick(
        "oidc-agent",
        "`--seccomp`: its own list stops the agent at its start, with either library",
        &["oidc-agent-cli"],
        "/usr/bin/oidc-agent",
        1,
        include_str!("scripts/oidc-agent.sh"),
    )),
    Client {
        binary: None,
        ..slow(quick(
            "libseccomp-golang",
            "the tests of the Go binding, built with the headers and library",
            &[
                "golang-github-seccomp-libseccomp-golang-dev",
                "golang-go",
                "gcc",
                "libc6-dev",
                "libseccomp-dev",
                "pkg-config",
            ],
            "",
            1,
            include_str!("scripts/golang.sh"),
        ))
    },
    Client {
        version: Some(binding::VERSION),
        build: Some(binding::build),
        ..slow(quick(
            "libseccomp-rs",
            "the tests of the crate libseccomp 0.4.0, but for one that loads more with 2.6",
            &["seccomp"],
            "/stage/binding/tests",
            1,
            include_str!("scripts/libseccomp-rs.sh"),
        ))
    },
];
