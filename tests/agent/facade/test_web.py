"""The façade for browsers: the listed page is answered, all others get an error and a sentence."""

import base64
import http.client
import json
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.facade.web import CALLERS, LARGEST
from simulators.site import until
from tests.agent.facade.callers import ORIGIN, WITHIN, Live, live
from tests.hostile import HOSTILE_JSON

JSON = "application/json"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("web"), web=True) as desk:
        desk.insert()
        yield desk


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
    return sum(event.kind == "disclosure" for event in desk.stand.store.events)


def test_the_listed_page_reads_a_card(desk: Live) -> None:
    status, told_headers, told = ask(desk)
    person = desk.stand.cast.person("lin")
    assert status == 200
    assert told["result"] == "0"
    assert len(told["out"]) == 11
    assert told["out"][4] == person.name
    assert told_headers["access-control-allow-origin"] == ORIGIN
    assert told_headers["cache-control"] == "no-store"
    event = desk.stand.store.events[-1]
    assert event.kind == "disclosure"
    assert event.detail["caller"] == f"origin:{ORIGIN}"
    desk.await_free()


def test_two_steps_are_two_requests_of_one_page(desk: Live) -> None:
    _, _, question = ask(desk, path="/sscard/iReadCardBas_HSM_Step1")
    key = desk.hsm(question["out"])
    body = json.dumps({"in": [key]}).encode()
    _, _, told = ask(desk, path="/sscard/iReadCardBas_HSM_Step2", body=body)
    assert told["result"] == "0"
    desk.await_free()


def test_numbers_are_taken_as_texts(desk: Live) -> None:
    assert ask(desk, body=b'{"in":[1]}')[2]["result"] == "0"
    desk.await_free()


def test_an_error_is_a_code_and_a_sentence(desk: Live) -> None:
    status, _, told = ask(desk, body=b'{"in":["9"]}')
    assert status == 200
    assert told["result"] == "-14"
    assert len(told["out"]) == 1


def test_preflight_is_answered_for_the_listed_page_with_the_private_network(desk: Live) -> None:
    status, told, _ = ask(
        desk,
        "OPTIONS",
        body=b"",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Private_Network="true",
    )
    assert status == 204
    assert told["access-control-allow-origin"] == ORIGIN
    assert told["access-control-allow-private-network"] == "true"
    assert told["access-control-allow-methods"] == "POST"


def test_preflight_of_another_page_is_refused(desk: Live) -> None:
    status, told, _ = ask(desk, "OPTIONS", body=b"", Origin="https://evil.example")
    assert status == 403
    assert "access-control-allow-origin" not in told


HUGE = b'{"in":["' + b"1" * 70_000 + b'"]}'

HOSTILE: Mapping[str, tuple[int, dict[str, Any]]] = {
    "foreign origin": (403, {"Origin": "https://evil.example"}),
    "no origin": (403, {"Origin": None}),
    "null origin": (403, {"Origin": "null"}),
    "origin as a prefix": (403, {"Origin": ORIGIN + ".evil.example"}),
    "origin with a path": (403, {"Origin": ORIGIN + "/"}),
    "origin in upper case": (403, {"Origin": ORIGIN.upper()}),
    "origin by http": (403, {"Origin": ORIGIN.replace("https", "http")}),
    "origin with a port": (403, {"Origin": ORIGIN + ":443"}),
    "a name rebound to this machine": (403, {"Host": "evil.example"}),
    "rebound with our port": (403, {"Host": "evil.example:{port}"}),
    "this machine by number": (403, {"Host": "127.0.0.1:{port}"}),
    "host without port": (403, {"Host": "localhost"}),
    "empty host": (403, {"Host": ""}),
    "forwarded host": (403, {"Host": "evil.example", "X_Forwarded_Host": "localhost:{port}"}),
    "text/plain": (415, {"Content_Type": "text/plain"}),
    "a form": (415, {"Content_Type": "application/x-www-form-urlencoded", "body": b"in=1"}),
    "a form with files": (415, {"Content_Type": "multipart/form-data; boundary=x"}),
    "no content type": (415, {"Content_Type": None}),
    "json by another name": (415, {"Content_Type": "application/json-patch+json"}),
    "empty body": (400, {"body": b""}),
    "no json": (400, {"body": b"in=1"}),
    "no utf-8": (400, {"body": b'{"in":["\xff\xfe"]}'}),
    "cut off": (400, {"body": b'{"in":["1"'}),
    "a batch": (400, {"body": b'[{"in":["1"]},{"in":["1"]}]'}),
    "unknown key": (400, {"body": b'{"in":["1"],"admin":true}'}),
    "the other envelope": (400, {"body": b'{"func":"iReadCardBas","in":["1"]}'}),
    "a parameter that is an object": (400, {"body": b'{"in":[{"a":1}]}'}),
    "a parameter that is null": (400, {"body": b'{"in":[null]}'}),
    "too many parameters": (400, {"body": b'{"in":["1","1","1","1","1","1","1","1","1"]}'}),
    "a long parameter": (400, {"body": b'{"in":["' + b"1" * 9000 + b'"]}'}),
    "deep": (400, {"body": b"[" * 5000 + b"]" * 5000}),
    "huge": (413, {"body": HUGE}),
    "GET": (405, {"method": "GET", "body": b""}),
    "PUT": (405, {"method": "PUT"}),
    "HEAD like GET": (405, {"method": "DELETE"}),
    "another path": (404, {"path": "/"}),
    "the api": (404, {"path": "/v1/status"}),
    "way up": (404, {"path": "/sscard/../../etc/passwd"}),
    "function in the query": (404, {"path": "/sscard/?func=iReadCardBas"}),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_requests_get_a_code_and_a_sentence_and_no_identity(desk: Live, case: str) -> None:
    status, given = HOSTILE[case]
    fill: dict[str, Any] = {
        key: value.replace("{port}", str(desk.port)) if isinstance(value, str) else value
        for key, value in given.items()
    }
    before, sent = disclosures(desk), len(desk.slot.sent)
    found, told_headers, told = ask(desk, **fill)
    assert found == status
    assert int(told["result"]) < 0
    assert any("\u4e00" <= sign <= "\u9fff" for sign in told["out"][0])
    if status == 403:
        assert "access-control-allow-origin" not in told_headers
    assert (disclosures(desk), len(desk.slot.sent)) == (before, sent)
    assert desk.free()


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_hostile_json_is_refused_and_the_next_call_served(desk: Live, name: str) -> None:
    before = len(desk.slot.sent)
    status, _, told = ask(desk, body=HOSTILE_JSON[name][:LARGEST])
    assert (status, told["result"]) == (400, "-14")
    assert len(desk.slot.sent) == before
    with Socket(desk) as page:
        page.send(HOSTILE_JSON[name][:LARGEST])
        if is_text(HOSTILE_JSON[name]):
            assert json.loads(page.receive()[1])["result"] == "-14"
            assert page.call({"func": "iReadCardBas", "in": ["9"]})["result"] == "-14"
        else:
            assert page.ends(), "RFC 6455, 8.1: what is no UTF-8 ends the socket"
    assert desk.free()


def is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_a_key_that_comes_twice_is_no_call(desk: Live) -> None:
    """One reader would read contact, another one the pad."""
    assert ask(desk, body=b'{"in":["1"],"in":["2"]}')[0] == 400
    with Socket(desk) as page:
        twice = b'{"func":"iReadCardBas","in":["1"],"func":"iVerifyPIN"}'
        assert page.call(twice)["result"] == "-14"


@pytest.mark.parametrize(
    ("path", "result"),
    [
        ("/sscard/iNoSuchThing", "-13"),
        ("/sscard/PKI_SignData", "-13"),
        ("/sscard/iReadCardBas%00", "-13"),
        ("/sscard/__init__", "-13"),
        ("/sscard/iReadCardBas_HSM_Step2", "-12"),
    ],
)
def test_functions_that_are_none(desk: Live, path: str, result: str) -> None:
    assert ask(desk, path=path)[2]["result"] == result
    assert desk.free()


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


def test_a_slow_head_is_hung_up_on(desk: Live) -> None:
    assert everything(raw(desk, b"POST /sscard/iReadCardBas HTTP/1.1\r\nHost: loc")) == b""


def test_a_slow_body_is_told_so(desk: Live) -> None:
    line = raw(desk, head(desk, length=12), b'{"in"')
    assert b" 408 " in line.recv(4096)
    line.close()
    assert desk.free()


def test_two_hosts_or_two_origins_are_nobody(desk: Live) -> None:
    for doubled in (b"Origin: https://evil.example\r\n", b"Origin: " + ORIGIN.encode() + b"\r\n"):
        request = head(desk, length=0).replace(b"Content-Length", doubled + b"Content-Length")
        answer = raw(desk, request).recv(4096)
        assert b" 403 " in answer.split(b"\r\n")[0]


def test_what_is_no_http_is_no_call(desk: Live) -> None:
    assert b"400" in everything(raw(desk, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"))


def test_a_page_that_leaves_in_the_middle_frees_the_reader(desk: Live) -> None:
    entered, go_on = desk.world.event(), desk.world.event()
    desk.slot.sent.clear()

    def hold() -> None:
        entered.set()
        go_on.wait(5.0)

    desk.slot.steps[3] = hold
    body = b'{"in":["1"]}'
    line = raw(desk, head(desk, length=len(body)), body)
    assert entered.wait(5.0)
    line.close()
    until(lambda: not desk.desk.leases.current(), "the lease is not free")
    before = disclosures(desk)
    go_on.set()
    desk.slot.steps.clear()
    desk.await_free()
    assert disclosures(desk) == before


# WebSocket


class Socket:
    """A page's WebSocket, by hand (RFC 6455)."""

    def __init__(self, desk: Live, **changed: str | None) -> None:
        self.line = socket.create_connection(("127.0.0.1", desk.port), WITHIN)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"{name}: {value}" for name, value in headers(desk, **changed).items()]
        upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
        request = ["GET /sscard HTTP/1.1", *lines, *upgrade, f"Sec-WebSocket-Key: {key}", "", ""]
        self.line.sendall("\r\n".join(request).encode())
        self.status = self._status()

    def __enter__(self) -> "Socket":
        return self

    def __exit__(self, *exception: object) -> None:
        self.line.close()

    def _status(self) -> int:
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.line.recv(1)
        return int(answer.split()[1])

    def send(self, data: bytes, opcode: int = 1) -> None:
        size = len(data)
        if size > 0xFFFF:
            length = b"\xff" + struct.pack(">Q", size)
        elif size > 125:
            length = b"\xfe" + struct.pack(">H", size)
        else:
            length = bytes([0x80 | size])
        self.line.sendall(bytes([0x80 | opcode]) + length + bytes(4) + data)

    def receive(self) -> tuple[int, bytes]:
        opcode, size = self._exactly(2)
        if size == 126:
            (size,) = struct.unpack(">H", self._exactly(2))
        return opcode & 0xF, self._exactly(size)

    def call(self, envelope: object) -> dict[str, Any]:
        self.send(envelope if isinstance(envelope, bytes) else json.dumps(envelope).encode())
        told: dict[str, Any] = json.loads(self.receive()[1])
        return told

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


def test_a_websocket_reads_a_card_in_one_call_and_in_two_steps(desk: Live) -> None:
    with Socket(desk) as page:
        assert page.status == 101
        told = page.call({"func": "iReadCardBas", "in": ["3"]})
        assert told["result"] == "0"
        assert told["out"][4] == desk.stand.cast.person("lin").name
        question = page.call({"func": "iReadCardBas_HSM_Step1", "in": ["1"]})
        key = desk.hsm(question["out"])
        told = page.call({"func": "iReadCardBas_HSM_Step2", "in": [key]})
        assert told["result"] == "0"
    desk.await_free()


def test_a_websocket_that_goes_frees_what_it_leased(desk: Live) -> None:
    with Socket(desk) as page:
        assert page.call({"func": "iReadCardBas_HSM_Step1", "in": ["1"]})["result"] == "0"
        assert ask(desk)[2]["result"] == "-12"
    desk.await_free()
    assert ask(desk)[2]["result"] == "0"


@pytest.mark.parametrize(
    "changed",
    [
        {"Origin": "https://evil.example"},
        {"Origin": None},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1:1"},
    ],
)
def test_a_websocket_of_another_page_is_refused(desk: Live, changed: dict[str, str | None]) -> None:
    with Socket(desk, **changed) as page:
        assert page.status == 403


@pytest.mark.parametrize(
    ("message", "result"),
    [
        (b"", "-14"),
        (b"iReadCardBas", "-14"),
        (b'{"func":"iReadCardBas"}', "-14"),
        (b'{"in":["1"]}', "-14"),
        (b'[{"func":"iReadCardBas","in":["1"]}]', "-14"),
        (b'{"func":"iReadCardBas","in":["1"],"id":1}', "-14"),
        (b'{"func":"iReadCardBas","in":"1"}', "-14"),
        (b'{"func":"iNoSuchThing","in":[]}', "-13"),
        (b'{"func":"' + b"x" * 65 + b'","in":[]}', "-14"),
        ('{"func":"iReadCardBas","in":["\u0000"]}'.replace("\0", "\\u0000").encode(), "-41"),
    ],
)
def test_hostile_messages_are_answered_and_the_next_one_served(
    desk: Live, message: bytes, result: str
) -> None:
    with Socket(desk) as page:
        assert page.call(message)["result"] == result
        page.send(message, opcode=2)
        assert json.loads(page.receive()[1])["result"] == "-14"
        assert page.call({"func": "iReadCardBas", "in": ["1"]})["result"] == "0"
    desk.await_free()


def test_a_huge_message_ends_the_socket(desk: Live) -> None:
    with Socket(desk) as page:
        page.send(b'{"func":"iReadCardBas","in":["' + b"1" * 70_000 + b'"]}')
        opcode, reason = page.receive()
        assert opcode == 8
        assert struct.unpack(">H", reason[:2])[0] == 1009


def test_too_many_sockets_are_refused(desk: Live) -> None:
    pages = [Socket(desk) for _ in range(CALLERS)]
    assert {page.status for page in pages} == {101}
    with Socket(desk) as one_more:
        assert one_more.status == 503
    assert ask(desk)[0] == 503
    for page in pages:
        page.line.close()
    until(lambda: ask(desk)[0] == 200, "the places are not free again")
    desk.await_free()


def test_without_a_port_nothing_listens(tmp_path: Path) -> None:
    with live(tmp_path) as desk:
        assert desk.web is None
