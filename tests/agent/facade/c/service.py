"""A service for libsscard that answers as a test says, the truth or a lie: frames over a socket."""

import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from agent.facade import wire

Call = tuple[bytes, Sequence[bytes]]
# Sends whatever it likes; returning False ends the connection.
Behaviour = Callable[[socket.socket, Call], bool]


def answers(result: int, output: bytes) -> Behaviour:
    """An honest answer, always the same."""
    return sends(wire.answer(result, output))


def sends(*parts: bytes, then_end: bool = False) -> Behaviour:
    """These bytes, each part on its own, for every call."""

    def behave(line: socket.socket, call: Call) -> bool:
        for part in parts:
            line.sendall(part)
        return not then_end

    return behave


def echo(line: socket.socket, call: Call) -> bool:
    """Name and parameters as fields."""
    function, parameters = call
    line.sendall(wire.answer(0, b"|".join([function, *parameters, b""])))
    return True


def silent(line: socket.socket, call: Call) -> bool:
    """Never answers; the test ends the service."""
    return True


class Service:
    """Listens at `path` from `__enter__` on. `calls` are those that came in whole; `connections`
    counts lines."""

    def __init__(self, path: Path, behaviour: Behaviour = echo) -> None:
        self.path = path
        self.behaviour = behaviour
        self.calls: list[Call] = []
        self.connections = 0
        self._lines: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "Service":
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._start(self._accept)
        return self

    def __exit__(self, *exception: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self.hang_up()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def hang_up(self) -> None:
        """End all lines, as a service that is restarted does."""
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                self.connections += 1
                self._lines.append(line)
                self._start(lambda line=line: self._serve(line))  # type: ignore[misc]

    def _serve(self, line: socket.socket) -> None:
        with line, suppress(OSError):
            while head := _exactly(line, 4):
                call = wire.read_call(_exactly(line, wire.length_of(head)))
                self.calls.append(call)
                if not self.behaviour(line, call):
                    return


def _exactly(line: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = line.recv(size - len(received))
        if not part:
            return b""
        received += part
    return received
