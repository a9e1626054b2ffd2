"""What is started here ends with the process that started it, however that came about.

A signal that ends a program unwinds it like Ctrl-C, so that each context manager tidies up. For an
end that nobody notices (SIGKILL, a crash) a guard waits at a pipe: when our end of it closes by
itself, the guard kills the child, or removes the folder, that it was made for.
"""

import contextlib
import errno
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

ENDING: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)

# A guard outlives what a closed terminal ends; a line dismisses it, the pipe's end is its order.
_GUARD: Final = """trap '' HUP INT QUIT TERM; read -r _ || "$@" """
# What is killed at the same moment may still write: until the folder is empty, for some seconds.
_REMOVE: Final = 'for _ in 1 2 3 4 5 6 7 8 9; do rm -rf -- "$0" && break; sleep 0.5; done'


class Guard:
    """Carries a command out when this process ends before the guard has been dismissed."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @classmethod
    def kills(cls, group: int) -> "Guard":
        """SIGKILL to a child that was started in a session of its own, and to its children."""
        return cls("/bin/kill", "-KILL", "--", f"-{group}")

    @classmethod
    def removes(cls, folder: Path) -> "Guard":
        return cls("/bin/sh", "-c", _REMOVE, str(folder))

    def dismiss(self) -> None:
        assert self._process.stdin is not None
        if self._process.stdin.closed:
            return
        with contextlib.suppress(BrokenPipeError):  # somebody has killed the guard
            self._process.stdin.write(b"\n")
            self._process.stdin.close()
        self._process.wait()


@contextlib.contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """An empty folder that is gone afterwards, keys and all."""
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        guard = Guard.removes(Path(name))
        try:
            yield Path(name)
        finally:
            guard.dismiss()


class Ended(SystemExit):
    """A signal ended this program; the exit status is the one that a shell gives for it."""


@contextlib.contextmanager
def like_ctrl_c() -> Iterator[None]:
    """Within it, what ends a program raises in the main thread: SIGHUP of a closed terminal,
    SIGTERM and SIGQUIT raise `Ended`, SIGINT what it always raises. The first one counts: further
    ones do not disturb the tidying up, and what fails in that is not what ended the program. What
    our caller has us ignore (nohup) stays ignored."""
    came: list[int] = []

    def end(number: int, frame: FrameType | None) -> NoReturn:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        came.append(number)
        raise _ended_by(number)

    before = {
        number: signal.signal(number, end)
        for number in ENDING
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    maker = os.getpid()
    try:
        yield
    except BaseException as error:
        if came and not isinstance(error, Ended | KeyboardInterrupt):
            raise _ended_by(came[0]) from error
        if not came and _has_hung_up(error):
            raise _ended_by(signal.SIGHUP) from error
        raise
    finally:
        if os.getpid() == maker:
            for number, handler in before.items():
                signal.signal(number, handler)


def leave(status: int) -> NoReturn:
    """End this process without Python's taking itself apart under threads that go on, those of
    simulated cards, which may end in a crash."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads any more
            stream.flush()
    os._exit(status)


def _ended_by(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else Ended(128 + number)


def _has_hung_up(error: BaseException) -> bool:
    """Our terminal has gone and its SIGHUP is on its way: Linux takes the terminal away first
    (drivers/tty/tty_io.c, __tty_hangup), so that a write may fail before the signal comes."""
    causes = (error, error.__cause__)
    if not any(isinstance(one, OSError) and one.errno == errno.EIO for one in causes):
        return False
    try:
        return stat.S_ISCHR(os.fstat(1).st_mode)
    except OSError:  # there is no standard output
        return False
