"""A network camera's answer over HTTP: a request out, the bytes of its body in.

Only what a picture stream needs of RFC 9112: the head is read as far as it matters, a chunked body
is put together, one redirection after another followed to http only, and a password given in the
address is given by Basic or Digest (RFC 7617, 7616).
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from world import Stream, World

CHUNK: Final = 65_536
LEAST_HEAD: Final = 16  # bytes that show whether it is one
LONGEST_HEAD: Final = 16_384  # bytes
MOST_HOPS: Final = 4  # redirections and passwords asked for
STATUS_LINE: Final = re.compile(rb"(?:HTTP/[0-9.]+|ICY) +([0-9]{3})")
HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
CHUNK_SIZE: Final = re.compile(rb"\r?\n?([0-9A-Fa-f]{1,8})[^\n]{0,64}\n")
PARAMETER: Final = re.compile(r'([A-Za-z]+)\s*=\s*(?:"([^"]*)"|([^",\s]+))')
# Where one of several ways of asking for a password begins (RFC 9110, 11.6.1).
CHALLENGE: Final = re.compile(r"(?:\A|,)\s*(?i:(digest|basic))(?=\s|,|\Z)")
ASKED: Final = "www-authenticate"
HASHES: Final[Mapping[str, Callable[[bytes], "hashlib._Hash"]]] = {
    "md5": hashlib.md5,
    "sha-256": hashlib.sha256,
}


class NoCamera(Exception):
    """What answers gives no stream."""


class NotLetIn(NoCamera):
    """It wants another user or password, or one at all."""


@dataclass(frozen=True)
class StreamTarget:
    """What is asked for, and as whom."""

    host: str
    port: int
    path: str  # with its query
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


def target_of(address: str, here: str = "") -> StreamTarget:
    """Of an http address, or of what `here` leads to by it. Raises `NoCamera` for another."""
    try:  # a camera may write anything: brackets around what is no number, a port that is none
        parts = urlsplit(urljoin(here, address))
        port = parts.port or 80
    except ValueError as error:
        raise NoCamera from error
    if parts.scheme != "http" or not parts.hostname:
        raise NoCamera
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return StreamTarget(parts.hostname, port, path, user, password)


class HttpStream:
    """An open answer; see `open_http`."""

    def __init__(self, stream: Stream, body: bytes, chunked: bool) -> None:
        self._stream = stream
        self._body = body  # came with the head
        self._chunks = Chunks() if chunked else None

    def read(self, within: float) -> bytes:
        """What came of the body; empty at its end. Raises `TimeoutError`, `OSError`."""
        data, self._body = self._body, b""
        while True:
            if not data:
                self._stream.settimeout(within)
                data = self._stream.recv(CHUNK)
            if self._chunks is None or not data:
                return data
            data = self._chunks.feed(data)
            if data or self._chunks.over:
                return data

    def close(self) -> None:
        """End the connection to the camera."""
        self._stream.close()


class Chunks:
    """A chunked body put together (RFC 9112, 7.1). One that is not what it says is passed on."""

    def __init__(self) -> None:
        self._rest = b""
        self._left = 0  # bytes of the chunk that is coming
        self._plain = False
        self.over = False

    def feed(self, data: bytes) -> bytes:
        """The body's bytes in `data`, as far as they are whole; `over` is set at the last chunk."""
        if self._plain:
            return data
        self._rest += data
        given = b""
        while self._rest and not self.over:
            if self._left:
                part, self._rest = self._rest[: self._left], self._rest[self._left :]
                self._left -= len(part)
                given += part
                continue
            size = CHUNK_SIZE.match(self._rest)
            if size is None:
                if len(self._rest) < 80:
                    break
                self._plain = True
                return given + self._rest
            self._rest = self._rest[size.end() :]
            self._left = int(size[1], 16)
            self.over = self._left == 0
        return given


@dataclass(frozen=True)
class ResponseHead:
    """Status line and fields of an answer; names of fields in lower case."""

    status: int
    fields: Mapping[str, str]


def open_http(world: World, address: str, *, within: float) -> HttpStream:
    """Ask for what is at the address. `within`: seconds for each step.

    Raises `NotLetIn`, `NoCamera` for an answer without a stream, `TimeoutError`, `OSError`,
    `UnicodeError`.
    """
    target, authorization = target_of(address), ""
    for _ in range(MOST_HOPS):
        stream = world.connect((target.host, target.port), within)
        try:
            stream.sendall(_request(target, authorization))
            head, body = _head(world, stream, within)
            if head is None or head.status == 200:
                chunked = head is not None and "chunked" in _field(head, "transfer-encoding")
                return HttpStream(stream, body, chunked)
            if head.status == 401 and target.user and not authorization:
                authorization = _authorization(world, target, head.fields)
            elif head.status in (301, 302, 303, 307, 308):
                target, authorization = _moved(target, head.fields), ""
            else:
                raise NotLetIn if head.status in (401, 403) else NoCamera
        except BaseException:
            stream.close()
            raise
        stream.close()
    raise NoCamera


def _request(target: StreamTarget, authorization: str) -> bytes:
    host = f"[{target.host}]" if ":" in target.host else target.host
    lines = [f"GET {target.path} HTTP/1.1", f"Host: {host}:{target.port}"]
    lines += ["User-Agent: onecard", "Accept: */*", "Connection: close"]
    lines += [f"Authorization: {authorization}"] if authorization else []
    return ("\r\n".join([*lines, "", ""])).encode("utf-8")


def _head(world: World, stream: Stream, within: float) -> tuple[ResponseHead | None, bytes]:
    """The head and what came behind it. None for a body that begins at once."""
    heard, looked, deadline = b"", 0, world.monotonic() + within
    while (end := HEAD_END.search(heard, max(0, looked - 3))) is None:
        if len(heard) > LONGEST_HEAD:
            raise NoCamera
        looked, left = len(heard), deadline - world.monotonic()
        if left <= 0:
            raise TimeoutError
        stream.settimeout(left)
        data = stream.recv(CHUNK)
        heard += data
        is_body = STATUS_LINE.match(heard) is None
        if heard and is_body and (len(heard) >= LEAST_HEAD or not data):
            return None, heard
        if not data:
            raise NoCamera
    status = STATUS_LINE.match(heard)
    if status is None:
        return None, heard
    rows = heard[: end.start()].decode("latin-1").splitlines()[1:]
    pairs = (row.partition(":") for row in rows)
    fields: dict[str, str] = {}
    for name, _, value in pairs:
        known = fields.get(name := name.strip().lower())
        # Several ways of asking are in one field or in several; of any other field the last counts.
        fields[name] = f"{known}, {value.strip()}" if known and name == ASKED else value.strip()
    return ResponseHead(int(status[1]), fields), heard[end.end() :]


def _field(head: ResponseHead, name: str) -> str:
    return head.fields.get(name, "").lower()


def _moved(target: StreamTarget, fields: Mapping[str, str]) -> StreamTarget:
    """Where the camera sends us; the password goes to the same host only."""
    here = f"http://{target.host}:{target.port}{target.path}"
    moved = target_of(fields.get("location", ""), here)
    if moved.host != target.host:
        return moved
    return replace(moved, user=target.user, password=target.password)


def _authorization(world: World, target: StreamTarget, fields: Mapping[str, str]) -> str:
    """What the camera asks for, by its own words: the first digest that can be computed, else
    Basic. Raises `NotLetIn`."""
    _, *asked = CHALLENGE.split(fields.get(ASKED, ""))
    schemes, rests = [scheme.lower() for scheme in asked[::2]], asked[1::2]
    for scheme, rest in zip(schemes, rests, strict=True):
        words = {found[1].lower(): found[2] or found[3] or "" for found in PARAMETER.finditer(rest)}
        if scheme == "digest" and _algorithm(words)[0] in HASHES:
            return _digest(target, words, world.random(8).hex())
    if "digest" in schemes and "basic" not in schemes:
        raise NotLetIn
    both = f"{target.user}:{target.password}".encode()
    return f"Basic {b64encode(both).decode('ascii')}"


def _algorithm(words: Mapping[str, str]) -> tuple[str, bool]:
    """The hash by its name, and whether the password goes into a session's key."""
    name = words.get("algorithm", "MD5").lower()
    return name.removesuffix("-sess"), name.endswith("-sess")


def _digest(target: StreamTarget, words: Mapping[str, str], own: str) -> str:
    """RFC 7616, 3.4, for GET; RFC 2069 where no `qop` is asked for."""
    name, of_session = _algorithm(words)
    hashed = HASHES[name]
    realm, nonce = words.get("realm", ""), words.get("nonce", "")

    def digest(text: str) -> str:
        return hashed(text.encode()).hexdigest()

    user = digest(f"{target.user}:{realm}:{target.password}")
    if of_session:
        user = digest(f"{user}:{nonce}:{own}")
    what = digest(f"GET:{target.path}")
    parts = [f'username="{target.user}"', f'realm="{realm}"', f'nonce="{nonce}"']
    parts += [f'uri="{target.path}"', f"algorithm={words.get('algorithm', 'MD5')}"]
    parts += [f'opaque="{words["opaque"]}"'] if "opaque" in words else []
    if "auth" in words.get("qop", ""):
        parts += ["qop=auth", "nc=00000001", f'cnonce="{own}"']
        answer = digest(f"{user}:{nonce}:00000001:{own}:auth:{what}")
    else:
        answer = digest(f"{user}:{nonce}:{what}")
    return "Digest " + ", ".join([*parts, f'response="{answer}"'])
