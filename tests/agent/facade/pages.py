"""Pages of a business system at the façade's port: what they send, and what they are told."""

import base64
import http.client
import json
import os
import socket
import struct
from collections.abc import Mapping
from typing import Any

from tests.agent.facade.callers import ORIGIN, WITHIN, Live
from tests.agent.facade.counter import disclosures_in

JSON = "application/json"


def headers(desk: Live, **changed: str | None) -> dict[str, str]:
    """Those of the listed page; `None` takes one away."""
    usual: dict[str, str | None] = {
        "Host": f"localhost:{desk.port}",
        "Origin": ORIGIN,
        "Content-Type": JSON,
    }
    named = {name.replace("_", "-"): value for name, value in changed.items()}
    return {name: value for name, value in (usual | named).items() if value is not None}


def ask(
    desk: Live,
    method: str = "POST",
    path: str = "/sscard/iReadCardBas",
    body: bytes = b'{"in":["1"]}',
    **changed: str | None,
) -> tuple[int, Mapping[str, str], Any]:
    line = http.client.HTTPConnection("127.0.0.1", desk.port, timeout=WITHIN)
    line.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers(desk, **changed).items():
        line.putheader(name, value)
    line.putheader("Content-Length", str(len(body)))
    line.endheaders(body)
    response = line.getresponse()
    raw = response.read()
    line.close()
    told = json.loads(raw) if raw else None
    return response.status, {k.lower(): v for k, v in response.getheaders()}, told


def disclosures(desk: Live) -> int:
    return len(disclosures_in(desk.stand.store))


def raw(desk: Live, *parts: bytes) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", desk.port), WITHIN)
    for part in parts:
        line.sendall(part)
    return line


def head(desk: Live, *, length: int) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers(desk).items()]
    lines = ["POST /sscard/iReadCardBas HTTP/1.1", *lines, f"Content-Length: {length}", "", ""]
    return "\r\n".join(lines).encode()


def everything(line: socket.socket) -> bytes:
    found = b""
    while chunk := line.recv(4096):
        found += chunk
    line.close()
    return found


def frame(data: bytes, opcode: int = 1, *, first: int = 0x80) -> bytes:
    """As a browser sends it; `first`: FIN and the reserved bits."""
    size = len(data)
    if size > 0xFFFF:
        length = b"\xff" + struct.pack(">Q", size)
    elif size > 125:
        length = b"\xfe" + struct.pack(">H", size)
    else:
        length = bytes([0x80 | size])
    return bytes([first | opcode]) + length + bytes(4) + data


class Socket:
    """A page's WebSocket, by hand (RFC 6455)."""

    def __init__(self, desk: Live, path: str = "/sscard", **changed: str | None) -> None:
        """`changed`: headers, see `headers`."""
        self.line = socket.create_connection(("127.0.0.1", desk.port), WITHIN)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"{name}: {value}" for name, value in headers(desk, **changed).items()]
        upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
        request = [f"GET {path} HTTP/1.1", *lines, *upgrade, f"Sec-WebSocket-Key: {key}", "", ""]
        self.line.sendall("\r\n".join(request).encode())
        self.head = self._head()
        self.status = int(self.head.split()[1])

    def __enter__(self) -> "Socket":
        return self

    def __exit__(self, *exception: object) -> None:
        self.line.close()

    def _head(self) -> bytes:
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.line.recv(1)
        return answer

    def send(self, data: bytes, opcode: int = 1, *, first: int = 0x80) -> None:
        """One frame, see `frame`."""
        self.line.sendall(frame(data, opcode, first=first))

    def receive(self) -> tuple[int, bytes]:
        opcode, size = self._exactly(2)
        if size == 126:
            (size,) = struct.unpack(">H", self._exactly(2))
        return opcode & 0xF, self._exactly(size)

    def call(self, envelope: object) -> dict[str, Any]:
        self.send(envelope if isinstance(envelope, bytes) else json.dumps(envelope).encode())
        return self.answer()

    def answer(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.receive()[1])
        return told

    def closing(self) -> tuple[int, str]:
        """Code and reason with which the server ends it."""
        opcode, payload = self.receive()
        assert opcode == 8
        return struct.unpack(">H", payload[:2])[0], payload[2:].decode()

    def ends(self) -> bool:
        """The server closes or hangs up instead of answering."""
        return self.line.recv(1) in (b"", b"\x88")

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            chunk = self.line.recv(size - len(found))
            assert chunk, "hung up"
            found += chunk
        return found
