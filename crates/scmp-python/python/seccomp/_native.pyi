from typing import Final, Protocol, Union, final, overload

from typing_extensions import Self, disjoint_base

__all__ = [
    "KILL_PROCESS",
    "KILL",
    "TRAP",
    "LOG",
    "ALLOW",
    "NOTIFY",
    "NE",
    "LT",
    "LE",
    "EQ",
    "GE",
    "GT",
    "MASKED_EQ",
    "VERSION_INFO",
    "ERRNO",
    "TRACE",
    "system_arch",
    "resolve_syscall",
    "get_api",
    "set_api",
    "c_str",
    "LibraryError",
    "Arch",
    "Attr",
    "Arg",
    "Notification",
    "NotificationResponse",
    "NotificationAddfd",
    "SyscallFilter",
]

class _File(Protocol):
    def fileno(self) -> int: ...

_Arch = Union[Arch, int, str, bytes]
_Syscall = Union[int, str, bytes]

KILL_PROCESS: Final[int]
KILL: Final[int]
TRAP: Final[int]
LOG: Final[int]
ALLOW: Final[int]
NOTIFY: Final[int]

NE: Final[int]
LT: Final[int]
LE: Final[int]
EQ: Final[int]
GE: Final[int]
GT: Final[int]
MASKED_EQ: Final[int]

VERSION_INFO: Final[tuple[int, int, int]]

def ERRNO(errno: int) -> int: ...
def TRACE(value: int) -> int: ...
def system_arch() -> int: ...
@overload
def resolve_syscall(arch: _Arch, syscall: Union[str, bytes]) -> int: ...
@overload
def resolve_syscall(arch: _Arch, syscall: int) -> bytes: ...
def get_api() -> int: ...
def set_api(level: int) -> None: ...
def c_str(text: Union[str, bytes]) -> bytes: ...

class LibraryError(RuntimeError):
    errno: int
    reason: str

@final
class Arch:
    NATIVE: Final[int]
    X86: Final[int]
    X86_64: Final[int]
    X32: Final[int]
    ARM: Final[int]
    AARCH64: Final[int]
    LOONGARCH64: Final[int]
    M68K: Final[int]
    MIPS: Final[int]
    MIPS64: Final[int]
    MIPS64N32: Final[int]
    MIPSEL: Final[int]
    MIPSEL64: Final[int]
    MIPSEL64N32: Final[int]
    PARISC: Final[int]
    PARISC64: Final[int]
    PPC: Final[int]
    PPC64: Final[int]
    PPC64LE: Final[int]
    RISCV64: Final[int]
    S390: Final[int]
    S390X: Final[int]
    SH: Final[int]
    SHEB: Final[int]
    def __new__(cls, arch: _Arch | None = None) -> Arch: ...
    def __int__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Attr:
    ACT_DEFAULT: Final[int]
    ACT_BADARCH: Final[int]
    CTL_NNP: Final[int]
    CTL_TSYNC: Final[int]
    API_TSKIP: Final[int]
    CTL_LOG: Final[int]
    CTL_SSB: Final[int]
    CTL_OPTIMIZE: Final[int]
    API_SYSRAWRC: Final[int]
    CTL_WAITKILL: Final[int]
    def __new__(cls) -> Attr: ...

@disjoint_base
class Arg:
    def __new__(cls, arg: int, op: int, datum_a: int, datum_b: int = 0) -> Self: ...

@final
class Notification:
    def __new__(
        cls,
        id: int,
        pid: int,
        flags: int,
        syscall: int,
        arch: int,
        ip: int,
        args: list[int],
    ) -> Notification: ...
    @property
    def id(self) -> int: ...
    @property
    def pid(self) -> int: ...
    @property
    def flags(self) -> int: ...
    @property
    def syscall(self) -> int: ...
    @property
    def syscall_arch(self) -> int: ...
    @property
    def syscall_ip(self) -> int: ...
    @property
    def syscall_args(self) -> list[int]: ...

@final
class NotificationResponse:
    id: int
    val: int
    error: int
    flags: int
    def __new__(
        cls, notify: Notification, val: int = 0, error: int = 0, flags: int = 0
    ) -> NotificationResponse: ...

@final
class NotificationAddfd:
    id: int
    flags: int
    srcfd: int
    newfd: int
    newfd_flags: int
    def __new__(
        cls,
        notify: Notification,
        flags: int,
        srcfd: int,
        newfd: int = 0,
        newfd_flags: int = 0,
    ) -> NotificationAddfd: ...

@disjoint_base
class SyscallFilter:
    def __new__(cls, defaction: int) -> Self: ...
    def reset(self, defaction: int = -1) -> None: ...
    def merge(self, filter: SyscallFilter) -> None: ...
    def exist_arch(self, arch: _Arch) -> bool: ...
    def add_arch(self, arch: _Arch) -> None: ...
    def remove_arch(self, arch: _Arch) -> None: ...
    def load(self) -> None: ...
    def get_attr(self, attr: int) -> int: ...
    def set_attr(self, attr: int, value: int) -> None: ...
    def syscall_priority(self, syscall: _Syscall, priority: int) -> None: ...
    def add_rule(self, action: int, syscall: _Syscall, *args: Arg) -> None: ...
    def add_rule_exactly(self, action: int, syscall: _Syscall, *args: Arg) -> None: ...
    def receive_notify(self, fd: int | None = None) -> Notification: ...
    def respond_notify(self, response: NotificationResponse, fd: int | None = None) -> None: ...
    def notify_id_valid(self, notify: Notification, fd: int | None = None) -> bool: ...
    def get_notify_fd(self) -> int: ...
    def notify_addfd(self, addfd: NotificationAddfd, fd: int | None = None) -> int: ...
    def export_pfc(self, file: _File) -> None: ...
    def export_bpf(self, file: _File) -> None: ...
    def export_bpf_mem(self) -> memoryview: ...
    def start_transaction(self) -> None: ...
    def reject_transaction(self) -> None: ...
    def commit_transaction(self) -> None: ...
    def precompute(self) -> None: ...
