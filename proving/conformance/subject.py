"""What is tested: a library in a child process, or the daemon by frames. Both are called alike."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from agent.facade import wire
from agent.facade.functions import FUNCTIONS, SMALL
from simulators.lifetime import Guard

CHILD = Path(__file__).with_name("child.py")
PATIENCE = 20.0  # seconds for a call in which nobody types
LOADING = 30.0  # seconds; some makers' libraries look for their devices
Argument = int | str | bytes | None


class SubjectFailed(Exception):
    """The subject did what no test may forgive: it ended, hung, or cannot be loaded."""


@dataclass(frozen=True)
class Call:
    """One call. `arguments` without the output; text as it is or as bytes; None is NULL.
    `output` False: NULL for it, too."""

    name: str
    arguments: tuple[Argument, ...]
    output: bool = True

    @property
    def room(self) -> int:
        return FUNCTIONS[self.name].output if self.name in FUNCTIONS else SMALL


@dataclass(frozen=True)
class Got:
    """What a call brought."""

    result: int
    output: bytes
    ended: bool = True  # a NUL within the documented size
    beyond: int = 0  # bytes written behind it
    inputs: bool = True  # the caller's texts are unchanged

    @property
    def text(self) -> str:
        """Raises `UnicodeDecodeError`."""
        return self.output.decode("gbk")


class Subject(Protocol):
    """One user of the interface: a process with the library, or a connection."""

    def exports(self, name: str) -> bool: ...

    def call(self, call: Call, within: float | None = None) -> Got:
        """`within` seconds, else those of the subject."""
        ...

    def together(self, calls: Sequence[Call]) -> Sequence[Got]:
        """All at once, from threads of their own."""
        ...

    def begin(self, call: Call) -> None:
        """Start a call, for `finish`; meanwhile the test does something to the stage."""
        ...

    def finish(self, within: float | None = None) -> Got: ...

    def close(self) -> None: ...


class LibraryProcess:
    """See `Subject`. Starts at once. Raises `SubjectFailed`, as all calls do."""

    def __init__(
        self, library: Path, environment: Mapping[str, str], patience: float = PATIENCE
    ) -> None:
        self._patience = patience
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-I", CHILD, library, str(theirs_in), str(theirs_out)],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        self._guard = Guard.kills(self._process.pid)
        os.close(theirs_in)
        os.close(theirs_out)
        self._answers, self._orders = ours_in, ours_out
        self._received = b""
        try:
            greeting = self._take(LOADING)
            if not greeting["loaded"]:
                raise SubjectFailed(f"cannot be loaded: {greeting['why']}")
        except SubjectFailed:
            self.close()
            raise

    def exports(self, name: str) -> bool:
        self._send({"export": name})
        return bool(self._take(self._patience)["exported"])

    def call(self, call: Call, within: float | None = None) -> Got:
        self.begin(call)
        return self.finish(within)

    def together(self, calls: Sequence[Call]) -> Sequence[Got]:
        self._send({"calls": [_order(call) for call in calls]})
        return self._got(None)

    def begin(self, call: Call) -> None:
        self._send({"calls": [_order(call)]})

    def finish(self, within: float | None = None) -> Got:
        return self._got(within)[0]

    def close(self) -> None:
        """A library that hangs is not asked for anything any more."""
        self._process.kill()
        self._process.wait()
        self._guard.dismiss()
        for descriptor in (self._answers, self._orders):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _send(self, order: Mapping[str, Any]) -> None:
        try:
            _write_all(self._orders, json.dumps(order).encode() + b"\n")
        except BrokenPipeError:
            raise self._ended() from None

    def _got(self, within: float | None) -> Sequence[Got]:
        answers = self._take(within or self._patience)["answers"]
        if any("missing" in answer for answer in answers):
            raise SubjectFailed("the function is not exported")
        return [
            Got(
                answer["result"],
                bytes.fromhex(answer["output"]),
                answer["ended"],
                answer["beyond"],
                answer["inputs"],
            )
            for answer in answers
        ]

    def _take(self, within: float) -> dict[str, Any]:
        deadline = time.monotonic() + within
        while b"\n" not in self._received:
            rest = deadline - time.monotonic()
            if rest <= 0 or not select.select([self._answers], [], [], rest)[0]:
                raise SubjectFailed(f"no answer within {within:g} s")
            part = os.read(self._answers, 65536)
            if not part:
                raise self._ended()
            self._received += part
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self) -> SubjectFailed:
        status = self._process.wait()
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        return SubjectFailed(f"the process ended: {how}")


class FrameConnection:
    """See `Subject`. One connection to the daemon; threads get connections of their own."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._line = self._dial()

    def exports(self, name: str) -> bool:
        return name in FUNCTIONS

    def call(self, call: Call, within: float | None = None) -> Got:
        self.begin(call)
        return self.finish(within)

    def together(self, calls: Sequence[Call]) -> Sequence[Got]:
        """The library would make them one after the other on its one connection; so do we."""
        guard, found = threading.Lock(), dict[int, Got]()

        def run(number: int, call: Call) -> None:
            with guard:
                found[number] = self.call(call)

        threads = [
            threading.Thread(target=run, args=(number, call)) for number, call in enumerate(calls)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(found) != len(calls):
            raise SubjectFailed("no answer")
        return [found[number] for number in range(len(calls))]

    def begin(self, call: Call) -> None:
        """A line that ended since the last call is dialled anew, as the library does."""
        frame = wire.call(call.name, [_bytes(given) for given in call.arguments])
        try:
            self._line.sendall(frame)
        except OSError:
            self._line.close()
            self._line = self._dial()
            self._line.sendall(frame)

    def finish(self, within: float | None = None) -> Got:
        within = within or PATIENCE
        self._line.settimeout(within)
        try:
            size = wire.length_of(self._exactly(4))
            result, output = wire.read_answer(self._exactly(size))
        except TimeoutError:
            raise SubjectFailed(f"no answer within {within:g} s") from None
        except (OSError, wire.FrameFault) as error:
            raise SubjectFailed(f"{self._path}: {error}") from error
        return Got(result, output)

    def close(self) -> None:
        self._line.close()

    def _dial(self) -> socket.socket:
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(self._path)
        except OSError as error:
            line.close()
            raise SubjectFailed(f"{self._path}: {error.strerror}") from error
        return line

    def _exactly(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            part = self._line.recv(size - len(received))
            if not part:
                raise ConnectionError("the daemon hung up")
            received += part
        return received


def _order(call: Call) -> dict[str, Any]:
    arguments = [
        given if given is None or isinstance(given, int) else {"text": _bytes(given).hex()}
        for given in call.arguments
    ]
    return {
        "name": call.name,
        "arguments": arguments,
        "room": call.room if call.output else None,
    }


def _bytes(given: Argument) -> bytes:
    if given is None:
        raise SubjectFailed("frames know no NULL")
    if isinstance(given, bytes):
        return given
    return str(given).encode("gbk")


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
