"""A camera on the network: MJPEG over loopback HTTP (multipart/x-mixed-replace).

Pictures go in by `show`, JPEG parts go out at the frame rate, in the manner of one camera or
another (`MANNERS`). Each picture is sent in a few noisy copies in turn, as a sensor never gives the
same picture twice. `MjpegProcess` is the same camera in a process of its own, so that a benchmark
does not count its work.
"""

import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Endless = Literal["", "headers", "part", "frame"]

COPIES: Final = 4  # noisy copies of a picture
BOUNDARY: Final = b"--frame\r\n"
ANSWER: Final = (
    b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
)
NETWORK: Final = 1_000_000  # bytes a tick that an endless answer gets through: a fast network's
TICK: Final = 0.05  # seconds


@dataclass(slots=True)
class CameraFaults:
    """What is wrong with the camera now; each holds until it is taken back. `silent`, `refusing`,
    `answer` and endless headers are for the next connection (`MjpegServer.drop` ends this one)."""

    frozen: bool = False  # the same picture again and again
    black: bool = False  # the lens is covered
    paused: bool = False  # the line stays open and nothing comes
    stalled: bool = False  # stops in the middle of a picture
    silent: bool = False  # takes connections and does not answer
    refusing: bool = False  # answers 404
    endless: Endless = ""  # response headers, part headers or one picture without an end
    spoil: Callable[[bytes], bytes] | None = None  # what becomes of each JPEG on its way
    answer: bytes | None = None  # sent instead of everything, and then the line is closed


@dataclass(frozen=True)
class Manner:
    """How a camera writes its stream: the answer's head, and what is made of each JPEG."""

    head: bytes
    part: Callable[[bytes], bytes]


@dataclass(frozen=True)
class _Picture:
    number: int
    copies: tuple[bytes, ...] = field(repr=False)


class MjpegServer:
    """One camera. `plug` and `unplug` as often as you like, always at the same address; a context
    manager. `faults` may be changed at any time."""

    def __init__(
        self,
        *,
        fps: float = 30.0,
        size: tuple[int, int] = (640, 480),
        noise: float = 2.0,
        manner: str = "plain",
    ) -> None:
        """`size`: width and height of the resting scene; `noise`: of the sensor, grey levels;
        `manner`: one of `MANNERS`."""
        self.faults = CameraFaults()
        self.requests: list[bytes] = []
        self._manner = MANNERS[manner]
        self._fps = fps
        self._noise = noise
        self._guard = threading.Lock()
        self._listener: socket.socket | None = None
        self._clients: dict[socket.socket, threading.Thread] = {}
        self._held: dict[int, float] = {}
        self._sent: dict[int, float] = {}
        self.connections = 0  # taken so far
        self._number = 0
        self._resting = self._picture(_resting(size))
        self._black = self._picture(np.zeros((size[1], size[0]), np.uint8))
        self._picture_now = self._resting
        self._address = ("127.0.0.1", 0)

    def __enter__(self) -> "MjpegServer":
        self.plug()
        return self

    def __exit__(self, *exception: object) -> None:
        self.unplug()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._address[1]}/video"

    @property
    def clients(self) -> int:
        """How many watch it now."""
        with self._guard:
            return len(self._clients)

    def plug(self) -> None:
        if self._listener is None:
            listener = socket.create_server(self._address)
            self._address = listener.getsockname()
            self._listener = listener
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def unplug(self) -> None:
        """Nobody answers at the address any more, and whoever watches is cut off."""
        with self._guard:
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`
            listener.close()
        self.drop()

    def drop(self) -> None:
        """Cut off whoever watches now."""
        with self._guard:
            clients = dict(self._clients)
        for client, thread in clients.items():
            _cut(client)
            thread.join()

    def show(self, frame: Frame) -> int:
        """Hold something before the camera (grey or BGR); the picture's number."""
        picture = self._picture(frame)
        self._held[picture.number] = time.perf_counter()
        self._picture_now = picture
        return picture.number

    def hide(self) -> None:
        """Back to the resting scene."""
        self._picture_now = self._resting

    def held(self, number: int) -> float:
        """When a picture was held before the camera (`time.perf_counter`, as `World.monotonic`):
        from then on it waits for the next frame."""
        return self._held[number]

    def sent(self, number: int) -> float | None:
        """When a picture's first byte was first sent; None before that."""
        return self._sent.get(number)

    def _picture(self, frame: Frame) -> _Picture:
        rng = np.random.default_rng(self._number)
        self._number += 1
        copies = []
        for _ in range(COPIES):
            noisy = frame + rng.normal(0.0, self._noise, frame.shape)
            _, jpeg = cv2.imencode(".jpg", np.clip(noisy, 0, 255).astype(np.uint8))
            copies.append(jpeg.tobytes())
        return _Picture(self._number, tuple(copies))

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # unplugged
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            with self._guard:
                if self._listener is not listener:  # unplugged at this very moment
                    client.close()
                    return
                self._clients[client] = thread
                self.connections += 1
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        try:
            self.requests.append(client.recv(4096))
            self._answer(client)
        except OSError:  # the viewer has gone, or was cut off
            pass
        finally:
            with self._guard:
                del self._clients[client]
            client.close()

    def _answer(self, client: socket.socket) -> None:
        faults = self.faults
        if faults.silent:
            _hold(client, lambda: self.faults.silent)
            return
        if faults.refusing:
            client.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n")
            return
        if faults.answer is not None:
            client.sendall(faults.answer)
            return
        if faults.endless == "headers":
            _without_end(client, b"HTTP/1.0 200 OK\r\n", b"X-Padding: yes\r\n")
        client.sendall(self._manner.head)
        self._stream(client)

    def _stream(self, client: socket.socket) -> None:
        turn = 0
        due = time.perf_counter()
        while True:
            faults = self.faults
            if faults.paused:
                _hold(client, lambda: self.faults.paused)
                due = time.perf_counter()
            if faults.endless == "part":
                _without_end(client, BOUNDARY, b"X-Padding: yes\r\n")
            if faults.endless == "frame":
                _without_end(client, _part(b"")[:-2].replace(b": 0", b": 2000000000"), b"\xff" * 16)
            picture = self._black if faults.black else self._picture_now
            turn += not faults.frozen
            jpeg = picture.copies[turn % COPIES]
            part = self._manner.part(faults.spoil(jpeg) if faults.spoil else jpeg)
            self._sent.setdefault(picture.number, time.perf_counter())
            if faults.stalled:
                client.sendall(part[: len(part) // 2])
                _hold(client, lambda: self.faults.stalled)
                return
            client.sendall(part)
            due += 1 / self._fps
            time.sleep(max(0.0, due - time.perf_counter()))


def _part(jpeg: bytes) -> bytes:
    head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
    return BOUNDARY + head + jpeg + b"\r\n"


def _head(content_type: bytes = b"", *fields: bytes, end: bytes = b"\r\n") -> bytes:
    rows = [b"HTTP/1.1 200 OK", *([b"Content-Type: " + content_type] if content_type else [])]
    return end.join([*rows, *fields, b"", b""])


def _parts(
    boundary: bytes = b"--frame",
    content_type: bytes = b"Content-Type: image/jpeg",
    length: Callable[[int], bytes] = lambda size: b"Content-Length: %d" % size,
    *,
    before: bytes = b"",
    behind: bytes = b"\r\n",
    end: bytes = b"\r\n",
) -> Callable[[bytes], bytes]:
    def part(jpeg: bytes) -> bytes:
        rows = [row for row in (boundary, content_type, length(len(jpeg))) if row]
        return before + end.join([*rows, b"", b""]) + jpeg + behind

    return part


def _chunked(jpeg: bytes) -> bytes:
    """Boundary, part headers and picture in a chunk each, as an ESP32-CAM sends them."""
    head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
    pieces = (b"\r\n--123456789000000000000987654321\r\n", head, jpeg)
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


def _with_thumbnail(jpeg: bytes) -> bytes:
    """A small picture within the picture's Exif data, as cameras that date their pictures have."""
    small = cv2.imencode(".jpg", np.zeros((16, 16), np.uint8))[1].tobytes()
    exif = b"Exif\0\0" + small
    return _part(jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:])


MIXED: Final = b"multipart/x-mixed-replace; boundary=frame"
MANNERS: Final[Mapping[str, Manner]] = {
    "plain": Manner(ANSWER, _part),
    "image/jpg": Manner(_head(MIXED), _parts(content_type=b"Content-Type: image/jpg")),
    "type in capitals": Manner(
        _head(MIXED.upper()), _parts(content_type=b"CONTENT-TYPE: IMAGE/JPEG")
    ),
    "type with an option": Manner(
        _head(MIXED), _parts(content_type=b"Content-Type: image/jpeg;size=41234")
    ),
    "no type": Manner(_head(), _parts(content_type=b"")),
    "another type": Manner(_head(b"video/x-motion-jpeg"), _parts()),
    "boundary in quotes": Manner(
        _head(b'multipart/x-mixed-replace; boundary="my frame"'), _parts(b"--my frame")
    ),
    "boundary named with its dashes": Manner(
        _head(b"multipart/x-mixed-replace; boundary=--frame"), _parts()
    ),
    "boundary not as named": Manner(_head(MIXED), _parts(b"--other")),
    "no boundary named": Manner(_head(b"multipart/x-mixed-replace"), _parts()),
    "no boundary at all": Manner(_head(MIXED), _parts(b"")),
    "boundary behind": Manner(_head(MIXED), _parts(b"", behind=b"\r\n--frame\r\n")),
    "nothing but pictures": Manner(_head(b"image/jpeg"), lambda jpeg: jpeg),
    "no length": Manner(_head(MIXED), _parts(length=lambda size: b"")),
    "length too small": Manner(_head(MIXED), _parts(length=lambda size: b"Content-Length: 7")),
    "length too large": Manner(
        _head(MIXED), _parts(length=lambda size: b"Content-Length: %d" % (size + 5000))
    ),
    "length that is none": Manner(_head(MIXED), _parts(length=lambda size: b"Content-Length: x")),
    "length of the whole answer": Manner(_head(MIXED, b"Content-Length: 0"), _parts()),
    "line feeds": Manner(_head(MIXED, end=b"\n"), _parts(end=b"\n", behind=b"\n")),
    "no line end behind": Manner(_head(MIXED), _parts(behind=b"")),
    "padding behind": Manner(_head(MIXED), _parts(behind=bytes(700) + b"\xff\r\n")),
    "empty lines before": Manner(_head(MIXED), _parts(before=b"\r\n\r\n")),
    "chunks": Manner(_head(MIXED, b"Transfer-Encoding: chunked"), _chunked),
    "chunks that are none": Manner(_head(MIXED, b"Transfer-Encoding: chunked"), _parts()),
    "ICY": Manner(b"ICY 200 OK\r\n\r\n", _parts()),
    "no head": Manner(b"", _parts()),
    "pictures without their end": Manner(ANSWER, lambda jpeg: _part(jpeg[:-2])),
    "pictures with a thumbnail": Manner(ANSWER, _with_thumbnail),
}


def _without_end(client: socket.socket, first: bytes, again: bytes) -> None:
    """As much as a fast network carries, until the viewer has enough."""
    client.sendall(first)
    while True:
        client.sendall(again * (NETWORK // len(again)))
        time.sleep(TICK)


def _hold(client: socket.socket, condition: Callable[[], bool]) -> None:
    """Say nothing while it is so. Raises `OSError` when the viewer has gone."""
    client.settimeout(TICK)
    while condition():
        try:
            if not client.recv(1):
                raise ConnectionResetError
        except TimeoutError:
            continue
    client.settimeout(None)


def _cut(client: socket.socket) -> None:
    with suppress(OSError):  # it went by itself
        client.shutdown(socket.SHUT_RDWR)


def _resting(size: tuple[int, int]) -> Frame:
    """A hall with nobody in it: soft light over soft shapes."""
    width, height = size
    rng = np.random.default_rng(0)
    coarse = rng.uniform(60, 200, (height // 60, width // 60)).astype(np.float32)
    scene = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return np.clip(scene, 0, 255).astype(np.uint8)


class MjpegProcess:
    """An `MjpegServer` in a process of its own; a context manager. `show`, `hide`, `held` and
    `sent` as there: the clock is the machine's, so its times can be compared with ours."""

    def __init__(self, **settings: Any) -> None:
        context = multiprocessing.get_context("spawn")  # our threads are none of its business
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_be_camera, args=(theirs, settings), daemon=True)
        self._process.start()
        theirs.close()
        self.url: str = self._ours.recv()

    def __enter__(self) -> "MjpegProcess":
        return self

    def __exit__(self, *exception: object) -> None:
        self._ours.close()
        self._process.join()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def show(self, frame: Frame) -> int:
        return int(self._ask("show", frame))

    def hide(self) -> None:
        self._ask("hide")

    def held(self, number: int) -> float:
        return float(self._ask("held", number))

    def sent(self, number: int) -> float | None:
        at = self._ask("sent", number)
        return None if at is None else float(at)

    def _ask(self, *question: object) -> Any:
        self._ours.send(question)
        return self._ours.recv()


def _be_camera(pipe: "Connection[Any, Any]", settings: Mapping[str, Any]) -> None:
    with MjpegServer(**settings) as server:
        pipe.send(server.url)
        while True:
            try:
                method, *arguments = pipe.recv()
            except EOFError:  # whoever started us has enough
                return
            pipe.send(getattr(server, method)(*arguments))
