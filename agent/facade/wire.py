"""Frames between `libsscard` and the daemon, over the façade's Unix socket.

Both ways: length of the body (4 bytes, big endian) ‖ body. Body of a call: `SSC` ‖ version ‖
number of strings (1 byte) ‖ strings; the first is the function's name, the others its parameters
in order, integers as decimal digits. Body of an answer: `SSC` ‖ version ‖ result (4 bytes, big
endian, signed) ‖ one string, the output in GBK. A string is its length (4 bytes, big endian) ‖ its
bytes, no NUL. One call after the other; the connection is the caller's identity, and its end ends
what it leased.
"""

import struct
from collections.abc import Sequence
from typing import Final

from world import Fault

MAGIC: Final = b"SSC"
VERSION: Final = 1
MAX_BODY: Final = 64 * 1024
MAX_STRINGS: Final = 8
_HEAD: Final = struct.Struct(">3sB")
_LENGTH: Final = struct.Struct(">I")
_RESULT: Final = struct.Struct(">i")


class FrameFault(Fault):
    """Bytes that are no frame. Fact: `what`."""

    code = "facade.frame"


class FrameVersion(FrameFault):
    """A frame of another version. Facts: `theirs`, `ours`."""

    code = "facade.frame-version"


def call(function: str, parameters: Sequence[bytes]) -> bytes:
    """The frame of a call."""
    strings = [function.encode("ascii"), *parameters]
    body = _HEAD.pack(MAGIC, VERSION) + bytes((len(strings),)) + b"".join(map(_string, strings))
    return _LENGTH.pack(len(body)) + body


def answer(result: int, output: bytes) -> bytes:
    """The frame of an answer."""
    body = _HEAD.pack(MAGIC, VERSION) + _RESULT.pack(result) + _string(output)
    return _LENGTH.pack(len(body)) + body


def length_of(head: bytes) -> int:
    """Of the body that follows these 4 bytes. Raises `FrameFault`."""
    (length,) = _LENGTH.unpack(head)
    if not _HEAD.size <= length <= MAX_BODY:
        raise FrameFault(what="length")
    return int(length)


def read_call(body: bytes) -> tuple[bytes, Sequence[bytes]]:
    """Function and parameters. Raises `FrameFault`, `FrameVersion`."""
    rest = _after_head(body)
    if not rest or not 1 <= rest[0] <= MAX_STRINGS:
        raise FrameFault(what="count")
    strings, at = [], 1
    for _ in range(rest[0]):
        string, at = _next(rest, at)
        strings.append(string)
    if at != len(rest):
        raise FrameFault(what="trailing")
    return strings[0], strings[1:]


def read_answer(body: bytes) -> tuple[int, bytes]:
    """Result and output. Raises `FrameFault`, `FrameVersion`."""
    rest = _after_head(body)
    if len(rest) < _RESULT.size:
        raise FrameFault(what="result")
    (result,) = _RESULT.unpack_from(rest)
    output, at = _next(rest, _RESULT.size)
    if at != len(rest):
        raise FrameFault(what="trailing")
    return int(result), output


def _string(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value


def _after_head(body: bytes) -> bytes:
    if len(body) < _HEAD.size or body[: len(MAGIC)] != MAGIC:
        raise FrameFault(what="magic")
    if body[len(MAGIC)] != VERSION:
        raise FrameVersion(theirs=body[len(MAGIC)], ours=VERSION)
    return body[_HEAD.size :]


def _next(rest: bytes, at: int) -> tuple[bytes, int]:
    if len(rest) < at + _LENGTH.size:
        raise FrameFault(what="string")
    (length,) = _LENGTH.unpack_from(rest, at)
    start = at + _LENGTH.size
    if length > len(rest) - start:
        raise FrameFault(what="string")
    return rest[start : start + length], start + length
