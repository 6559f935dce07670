"""The friendlier layer: arguments that compare, transactions and loads as blocks."""

from __future__ import annotations

import errno as _errno
import io
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator, Optional, Type, Union

from . import _native

if TYPE_CHECKING:
    from types import TracebackType


class Comparison(_native.Arg):
    """What a comparison of an `Argument` makes: a part of a rule, and no answer."""

    def __bool__(self) -> bool:
        # `1 < arg(0) < 3` asks for it, and would keep the second half only.
        raise TypeError("a comparison has no answer here; give each to the rule by itself")


class Argument:
    """An argument of a syscall; compare it with a number: `arg(0) == 2`, `arg(1) & 0xf == 0`.

    Numbers are unsigned, from 0 to 2**64 - 1.
    """

    __slots__ = ("_index", "_mask")
    # Comparing makes a rule, not an answer, so there is nothing to hash by.
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, index: int, mask: Optional[int] = None) -> None:
        self._index = index
        self._mask = mask

    def __and__(self, mask: int) -> Argument:
        """The bits of the argument that are in the mask. They can be compared by `==` only."""
        kept = mask if self._mask is None else self._mask & mask
        return Argument(self._index, kept)

    def __eq__(self, value: int) -> Comparison:  # type: ignore[override]
        if self._mask is None:
            return self._compare(_native.EQ, value)
        return Comparison(self._index, _native.MASKED_EQ, self._mask, value)

    def __ne__(self, value: int) -> Comparison:  # type: ignore[override]
        return self._compare(_native.NE, value)

    def __lt__(self, value: int) -> Comparison:
        return self._compare(_native.LT, value)

    def __le__(self, value: int) -> Comparison:
        return self._compare(_native.LE, value)

    def __gt__(self, value: int) -> Comparison:
        return self._compare(_native.GT, value)

    def __ge__(self, value: int) -> Comparison:
        return self._compare(_native.GE, value)

    def __bool__(self) -> bool:
        raise TypeError("an argument has no value here; compare it, and give the comparison to a rule")

    def _compare(self, operator: int, value: int) -> Comparison:
        if self._mask is not None:
            raise TypeError("masked arguments can be compared by == only")
        return Comparison(self._index, operator, value)


def arg(index: int) -> Argument:
    """Argument number `index`, 0 to 5, of a syscall."""
    if not 0 <= index <= 5:
        raise ValueError(f"no argument {index}: syscalls have arguments 0 to 5")
    return Argument(index)


@contextmanager
def transaction(filter: _native.SyscallFilter) -> Iterator[_native.SyscallFilter]:
    """Keeps what the block changes in a filter, or nothing of it if the block raises."""
    filter.start_transaction()
    try:
        yield filter
    except BaseException:
        filter.reject_transaction()
        raise
    filter.commit_transaction()


class Sandbox(_native.SyscallFilter):
    """A filter that is loaded when its block ends, and is not if the block raises.

    >>> with Sandbox(ALLOW) as box:                        # doctest: +SKIP
    ...     box.deny("ptrace", "kexec_load")
    ...     box.deny("socket", arg(0) == 16)
    """

    def allow(self, *rule: Union[str, int, _native.Arg]) -> None:
        """Allows each of the syscalls where all of the comparisons hold."""
        self._rules(_native.ALLOW, rule)

    def deny(self, *rule: Union[str, int, _native.Arg], errno: int = _errno.EPERM) -> None:
        """Makes each of the syscalls fail where all of the comparisons hold."""
        if not 0 <= errno <= 4094:
            raise ValueError(f"errno {errno} is not in 0 to 4094")
        self._rules(_native.ERRNO(errno), rule)

    def kill(self, *rule: Union[str, int, _native.Arg]) -> None:
        """Ends the process at each of the syscalls where all of the comparisons hold."""
        self._rules(_native.KILL_PROCESS, rule)

    @property
    def text(self) -> str:
        """The filter as text for people."""
        with open(os.memfd_create("pfc"), "w+b") as file:
            self.export_pfc(file)
            file.seek(0, io.SEEK_SET)
            return file.read().decode()

    @property
    def program(self) -> bytes:
        """The program, as the kernel takes it."""
        return self.export_bpf_mem().tobytes()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if kind is None:
            self.load()

    def _rules(self, action: int, rule: tuple[Union[str, int, _native.Arg], ...]) -> None:
        comparisons = [part for part in rule if isinstance(part, _native.Arg)]
        syscalls = [part for part in rule if not isinstance(part, _native.Arg)]
        if not syscalls:
            raise TypeError("name at least one syscall")
        with transaction(self):
            for syscall in syscalls:
                self._rule(action, syscall, comparisons)

    def _rule(self, action: int, syscall: Union[str, int], comparisons: list[_native.Arg]) -> None:
        if isinstance(syscall, str) and _native.resolve_syscall(_native.Arch(), syscall) == -1:
            raise ValueError(f"no syscall is called {syscall!r}")
        self.add_rule(action, syscall, *comparisons)
