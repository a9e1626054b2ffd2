"""The library and the programs that call it, compiled once."""

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.facade.c import build
from tests.agent.facade.c.service import Service
from world.real import RealWorld

WORLD = RealWorld()
HANGS_AFTER = 120  # seconds, when nothing comes at its stdin any more
SHORT = ("CARD_CALL=5", "PIN_CALL=6")  # seconds, so that a test can wait for them
# The sanitizer's look for leaks needs ptrace, which containers refuse; a signal stack is the
# program's own.
QUIET = "detect_leaks=0:use_sigaltstack=0"


@dataclass(frozen=True)
class Answer:
    """One line of caller.c."""

    name: str
    result: int
    output: bytes
    whole: bool

    @property
    def text(self) -> str:
        return self.output.decode("gbk")


class Caller:
    """A running caller.c: one process, so one connection for all its calls."""

    def __init__(self, program: Path, library: Path, socket: Path | str) -> None:
        self._process = subprocess.Popen(
            [program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={
                **os.environ,
                "LD_LIBRARY_PATH": str(library.parent),
                "ONECARD_SSCARD_SOCKET": str(socket),
                "ASAN_OPTIONS": QUIET,
            },
        )

    def send(self, order: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(order.encode() + b"\n")
        self._process.stdin.flush()

    def take(self) -> Answer:
        """The next line; fails the test with what a crashed program has printed."""
        words = self.words()
        output = bytes.fromhex(words[2]) if len(words) == 4 else b""
        return Answer(words[0], int(words[1]), output, words[-1] == "whole")

    def words(self) -> list[str]:
        assert self._process.stdout
        line = self._process.stdout.readline().decode()
        if not line.endswith("\n"):
            assert self._process.stderr
            pytest.fail(f"the caller ended:\n{self._process.stderr.read().decode()[:3000]}")
        return line.split()

    def call(self, order: str) -> Answer:
        self.send(order)
        return self.take()

    def end(self) -> tuple[int, bytes]:
        """Exit status and all that was printed beside the answers; fails the test of a program that
        hangs."""
        try:
            out, err = self._process.communicate(timeout=HANGS_AFTER)
        except subprocess.TimeoutExpired:
            self._process.kill()
            pytest.fail("the caller hangs")
        return self._process.returncode, out + err


@dataclass(frozen=True)
class Built:
    """A library, and caller.c and stranger.c compiled against it."""

    library: Path
    program: Path
    stranger: Path


def compiled(folder: Path, *, sanitized: bool, defines: Sequence[str]) -> Built:
    library = build.build(WORLD, folder, sanitized=sanitized, defines=defines)
    flags = build.SANITIZED if sanitized else build.HARDENED
    for name in ("caller", "stranger"):
        source = Path(__file__).parent / f"{name}.c"
        arguments = [*build.LANGUAGE, *flags, f"-I{build.FOLDER}", "-o", str(folder / name)]
        link = [f"-L{folder}", f"-l:{build.SONAME}", "-pthread"]
        build.compile_c(WORLD, [*arguments, str(source), *link])
    return Built(library, folder / "caller", folder / "stranger")


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """As it is installed."""
    return compiled(tmp_path_factory.mktemp("shipped"), sanitized=False, defines=())


@pytest.fixture(scope="session")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Under the sanitizers, with the time limits of what is installed."""
    return compiled(tmp_path_factory.mktemp("checked"), sanitized=True, defines=())


@pytest.fixture(scope="session")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Under the sanitizers, with short time limits: for calls that are never answered."""
    return compiled(tmp_path_factory.mktemp("hurried"), sanitized=True, defines=SHORT)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "sscard.sock") as service:
        yield service


CallerOf = Callable[[Built], Caller]


@pytest.fixture
def caller_of(service: Service) -> Iterator[CallerOf]:
    """Starts the program of a library against `service`; all are ended with the test, and none may
    have printed anything but its answers."""
    with ExitStack() as stack:

        def start(built: Built) -> Caller:
            caller = Caller(built.program, built.library, service.path)
            stack.callback(lambda: ended_well(caller))
            return caller

        yield start


def ended_well(caller: Caller) -> None:
    assert caller.end() == (0, b"")
