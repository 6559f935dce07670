"""What needs no kernel: values, names, exceptions, texts and programs."""

import os
import tempfile
import unittest

import seccomp
from seccomp import ALLOW, EQ, ERRNO, KILL_PROCESS, MASKED_EQ, Arch, Arg, Attr, SyscallFilter, arg


class Values(unittest.TestCase):
    def test_actions_are_the_kernels_words(self) -> None:
        self.assertEqual(KILL_PROCESS, -(2**31))
        words = (seccomp.KILL, seccomp.TRAP, seccomp.LOG, ALLOW, seccomp.NOTIFY)
        self.assertEqual(words, (0, 0x30000, 0x7FFC0000, 0x7FFF0000, 0x7FC00000))
        self.assertEqual((ERRNO(1), seccomp.TRACE(7)), (0x50001, 0x7FF00007))

    def test_operators_are_libseccomps(self) -> None:
        names = ("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ")
        self.assertEqual([getattr(seccomp, name) for name in names], [1, 2, 3, 4, 5, 6, 7])

    def test_releases_are_in_order(self) -> None:
        releases = (seccomp.Kver.UNDEF, seccomp.Kver.v3_0, seccomp.Kver.v4_0, seccomp.Kver.v6_17)
        self.assertEqual(releases, (1, 2, 22, 80))

    def test_attributes_have_libseccomps_numbers(self) -> None:
        self.assertEqual((Attr.ACT_DEFAULT, Attr.CTL_NNP, Attr.CTL_WAITKILL), (1, 3, 10))


class Architectures(unittest.TestCase):
    def test_tokens_names_and_numbers(self) -> None:
        self.assertEqual(int(Arch("x86_64")), 0xC000003E - 2**32)
        self.assertEqual(Arch(Arch.X86_64), Arch("x86_64"))
        self.assertEqual(Arch(int(Arch("riscv64"))), Arch(Arch.RISCV64))
        self.assertNotEqual(Arch("x86"), Arch("x32"))

    def test_what_is_no_architecture_is_an_error(self) -> None:
        for wrong in (1, "z80"):
            with self.subTest(wrong), self.assertRaises(ValueError):
                Arch(wrong)
        with self.assertRaises(TypeError):
            Arch([])  # type: ignore[arg-type]

    def test_names_resolve_both_ways(self) -> None:
        self.assertEqual(seccomp.resolve_syscall(Arch("x86_64"), "read"), 0)
        self.assertEqual(seccomp.resolve_syscall("x86", "socket"), 102)
        self.assertEqual(seccomp.resolve_syscall("x86_64", "no_such_call"), -1)
        self.assertEqual(seccomp.resolve_syscall(Arch.X86_64, 1), b"write")
        with self.assertRaises(ValueError):
            seccomp.resolve_syscall("x86_64", 100000)
        with self.assertRaises(TypeError):
            seccomp.resolve_syscall("x86_64", None)  # type: ignore[call-overload]


class Filters(unittest.TestCase):
    def test_errors_have_the_number_and_a_reason(self) -> None:
        filter = SyscallFilter(ALLOW)
        filter.add_rule(ERRNO(1), "read", Arg(0, EQ, 1))
        with self.assertRaises(RuntimeError) as caught:
            filter.add_rule(KILL_PROCESS, "read", Arg(0, EQ, 1))
        self.assertEqual(str(caught.exception), "Library error (errno = -17)")
        assert isinstance(caught.exception, seccomp.LibraryError)
        self.assertEqual(caught.exception.errno, -17)
        self.assertIn("another action", caught.exception.reason)

    def test_bad_values_are_refused(self) -> None:
        filter = SyscallFilter(ALLOW)
        with self.assertRaises(RuntimeError):
            SyscallFilter(0x12345678)
        with self.assertRaises(OverflowError):
            Arg(0, EQ, -1)
        with self.assertRaises(OverflowError):
            filter.add_rule(2**32, "read")
        with self.assertRaises(RuntimeError):
            filter.add_rule(ERRNO(1), "read", *[Arg(0, EQ, n) for n in range(7)])
        with self.assertRaises(RuntimeError):
            filter.add_rule(ERRNO(1), "no_such_call")
        for priority in (-1, 256):
            with self.assertRaises(ValueError):
                filter.syscall_priority("read", priority)
        with self.assertRaises(ValueError):
            filter.get_attr(11)
        filter.syscall_priority("read", 255)

    def test_exports_agree(self) -> None:
        filter = SyscallFilter(ALLOW)
        filter.add_rule(ERRNO(13), "socket", Arg(0, EQ, 16))
        with tempfile.TemporaryFile() as file:
            filter.export_bpf(file)
            file.seek(0)
            self.assertEqual(file.read(), filter.export_bpf_mem().tobytes())
        self.assertEqual(len(filter.export_bpf_mem()) % 8, 0)
        with open("/dev/full", "wb") as full, self.assertRaises(seccomp.LibraryError) as caught:
            filter.export_pfc(full)
        self.assertEqual(caught.exception.errno, -125)

    def test_architectures_come_and_go(self) -> None:
        filter = SyscallFilter(ALLOW)
        native = Arch()
        other = "x86" if native == Arch("x86_64") else "x86_64"
        self.assertTrue(filter.exist_arch(native))
        self.assertFalse(filter.exist_arch(other))
        filter.add_arch(other)
        with self.assertRaises(RuntimeError):
            filter.add_arch(other)
        filter.remove_arch(other)
        self.assertFalse(filter.exist_arch(other))

    def test_a_merged_filter_starts_anew(self) -> None:
        one, two = SyscallFilter(ERRNO(1)), SyscallFilter(ERRNO(1))
        two.remove_arch(Arch())
        two.add_arch("riscv64")
        two.add_rule(ALLOW, "read")
        one.merge(two)
        self.assertTrue(one.exist_arch("riscv64"))
        self.assertTrue(two.exist_arch(Arch()))
        two.add_rule(ALLOW, "write")
        with self.assertRaises(RuntimeError):
            one.merge(one)

    def test_reset_keeps_the_default_action(self) -> None:
        filter = SyscallFilter(ERRNO(7))
        filter.reset()
        self.assertEqual(filter.get_attr(Attr.ACT_DEFAULT), ERRNO(7))
        filter.reset(ALLOW)
        filter.reset()
        self.assertEqual(filter.get_attr(Attr.ACT_DEFAULT), ALLOW)


class Friendly(unittest.TestCase):
    def test_comparisons_are_those_of_the_binding(self) -> None:
        for written, meant in (
            (arg(0) == 5, Arg(0, EQ, 5)),
            (arg(1) != 5, Arg(1, seccomp.NE, 5)),
            (arg(2) < 5, Arg(2, seccomp.LT, 5)),
            (arg(3) <= 5, Arg(3, seccomp.LE, 5)),
            (arg(4) > 5, Arg(4, seccomp.GT, 5)),
            (arg(5) >= 5, Arg(5, seccomp.GE, 5)),
            (arg(0) & 0xFF & 0x0F == 3, Arg(0, MASKED_EQ, 0x0F, 3)),
        ):
            self.assertEqual(repr(written), repr(meant))

    def test_what_would_silently_mean_something_else_is_an_error(self) -> None:
        with self.assertRaises(TypeError):
            bool(arg(0))
        with self.assertRaises(TypeError):
            arg(0) & 1 < 2
        for index in (-1, 6):
            with self.assertRaises(ValueError):
                arg(index)
        with self.assertRaises(TypeError):
            1 < arg(0) < 3

    def test_a_transaction_is_all_or_nothing(self) -> None:
        filter = seccomp.Sandbox(ALLOW)
        before = filter.program
        with self.assertRaises(KeyError), seccomp.transaction(filter):
            filter.deny("read")
            raise KeyError
        self.assertEqual(filter.program, before)
        with self.assertRaises(ValueError):
            filter.deny("read", "no_such_call")
        self.assertEqual(filter.program, before)
        with seccomp.transaction(filter):
            filter.deny("read")
        self.assertIn("read", filter.text)


if __name__ == "__main__":
    unittest.main()
