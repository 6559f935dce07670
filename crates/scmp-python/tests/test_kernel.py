"""Filters that the kernel runs, each in a child of its own."""

import errno
import os
import signal
import socket
import unittest
from typing import Callable

import seccomp
from seccomp import ALLOW, EQ, ERRNO, KILL_PROCESS, Arg, Sandbox, SyscallFilter, arg


def in_child(function: Callable[[], bool]) -> int:
    """The status of a child that ran a function: exit code 0 for True."""
    return os.waitpid(start(function), 0)[1]


def start(function: Callable[[], bool]) -> int:
    """A child that runs a function, and ends with code 0 for True."""
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = 0 if function() else 1
        except BaseException as error:  # the child must not go on as a test run
            os.write(2, repr(error).encode())
        finally:
            os._exit(code)
    return child


def refused(function: Callable[[], object]) -> int:
    """The errno that a function fails with, 0 if it does not."""
    try:
        function()
    except OSError as error:
        return error.errno or 0
    return 0


class Loading(unittest.TestCase):
    def test_a_loaded_filter_decides_by_arguments(self) -> None:
        def child() -> bool:
            filter = SyscallFilter(ALLOW)
            filter.add_rule(ERRNO(errno.EACCES), "socket", Arg(0, EQ, socket.AF_UNIX))
            filter.load()
            unix = refused(lambda: socket.socket(socket.AF_UNIX))
            return unix == errno.EACCES and refused(lambda: socket.socket(socket.AF_INET)) == 0

        self.assertEqual(in_child(child), 0)

    def test_a_killed_process_is_killed(self) -> None:
        def child() -> bool:
            filter = SyscallFilter(ALLOW)
            filter.add_rule(KILL_PROCESS, "getppid")
            filter.load()
            os.getppid()
            return True

        status = in_child(child)
        self.assertTrue(os.WIFSIGNALED(status))
        self.assertEqual(os.WTERMSIG(status), signal.SIGSYS)

    def test_a_sandbox_is_loaded_at_its_end(self) -> None:
        def child() -> bool:
            with Sandbox(ALLOW) as box:
                box.deny("getppid", errno=errno.EPERM)
                box.deny("socket", arg(0) == socket.AF_INET)
                before = os.getppid()
            inet = refused(lambda: socket.socket(socket.AF_INET))
            # getppid never fails, so its result is the errno.
            return before > 0 and os.getppid() < 0 and inet == errno.EPERM

        self.assertEqual(in_child(child), 0)

    def test_a_sandbox_that_raises_is_not_loaded(self) -> None:
        def child() -> bool:
            try:
                with Sandbox(ALLOW) as box:
                    box.kill("getppid")
                    raise KeyError
            except KeyError:
                return os.getppid() > 0

        self.assertEqual(in_child(child), 0)


class Notifying(unittest.TestCase):
    """The caller is a process of its own: a thread that waits for its answer may hold the interpreter's lock."""

    def test_another_process_answers(self) -> None:
        def child() -> bool:
            filter = SyscallFilter(ALLOW)
            filter.add_rule(seccomp.NOTIFY, "getppid")
            filter.load()
            caller = start(lambda: os.getppid() == 4711)
            notification = filter.receive_notify()
            waits = filter.notify_id_valid(notification)
            filter.respond_notify(seccomp.NotificationResponse(notification, val=4711))
            ended = os.waitpid(caller, 0)[1]
            gone = filter.notify_id_valid(notification)
            return (notification.pid, waits, ended, gone) == (caller, True, 0, False)

        self.assertEqual(in_child(child), 0)

    def test_a_descriptor_is_handed_over(self) -> None:
        def child() -> bool:
            filter = SyscallFilter(ALLOW)
            filter.add_rule(seccomp.NOTIFY, "getppid")
            filter.load()
            caller = start(lambda: os.getppid() == 77 and os.write(77, b"!") == 1)
            reader, writer = os.pipe()
            notification = filter.receive_notify(filter.get_notify_fd())
            add = seccomp.NotificationAddfd(notification, 1, writer, newfd=77)
            number = filter.notify_addfd(add)
            filter.respond_notify(seccomp.NotificationResponse(notification, val=number))
            return os.waitpid(caller, 0)[1] == 0 and os.read(reader, 1) == b"!"

        self.assertEqual(in_child(child), 0)

    def test_a_signal_ends_the_wait(self) -> None:
        def handler(_number: int, _frame: object) -> None:
            raise TimeoutError

        def child() -> bool:
            filter = SyscallFilter(ALLOW)
            filter.add_rule(seccomp.NOTIFY, "getppid")
            filter.load()
            signal.signal(signal.SIGALRM, handler)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            try:
                filter.receive_notify()
            except TimeoutError:
                return True
            return False

        self.assertEqual(in_child(child), 0)

    def test_without_a_listener_there_is_an_error(self) -> None:
        filter = SyscallFilter(ALLOW)
        with self.assertRaises(seccomp.LibraryError) as caught:
            filter.receive_notify()
        self.assertEqual(caught.exception.errno, -errno.EFAULT)


if __name__ == "__main__":
    unittest.main()
