"""The façade for browsers: the listed page is answered, all others get an error and a sentence."""

import http.client
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.facade import http_lines, web_server
from agent.facade.web_clients import Page
from agent.facade.web_envelope import LARGEST
from config.model import FacadeClient
from offline_store.events.terminal import Disclosure
from simulators.site import until
from tests.agent.events import as_kind
from tests.agent.facade.callers import ORIGIN, USER, WITHIN, Live, live
from tests.agent.facade.pages import Socket, ask, disclosures, everything, head, headers, raw
from tests.hostile import HOSTILE_JSON
from world import Peer


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("web"), web=True) as desk:
        desk.insert()
        yield desk


def test_the_listed_page_reads_a_card(desk: Live) -> None:
    status, told_headers, told = ask(desk)
    person = desk.stand.cast.person("lin")
    assert status == 200
    assert told["result"] == "0"
    assert len(told["out"]) == 11
    assert told["out"][4] == person.name
    assert told_headers["access-control-allow-origin"] == ORIGIN
    assert told_headers["cache-control"] == "no-store"
    event = as_kind(desk.stand.store.events[-1], Disclosure)
    assert event.caller == f"origin:{ORIGIN} user:{USER} uid:{os.geteuid()}"
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


@pytest.mark.parametrize("kind", ["Application/JSON", "application/json ; charset=UTF-8"])
def test_json_is_json_however_its_name_is_written(desk: Live, kind: str) -> None:
    assert ask(desk, Content_Type=kind)[2]["result"] == "0"
    desk.await_free()


def test_a_body_that_is_no_call_is_answered_with_its_id(desk: Live) -> None:
    status, _, told = ask(desk, body=b'{"in":[null],"id":7}')
    assert (status, told["id"]) == (400, 7)
    assert "id" not in ask(desk, body=b'{"in":[null],"id":[7]}')[2]


def test_an_error_is_a_code_and_a_sentence(desk: Live) -> None:
    status, _, told = ask(desk, body=b'{"in":["9"]}')
    assert status == 200
    assert told["result"] == "-14"
    assert len(told["out"]) == 1


@pytest.mark.parametrize("network", ["private", "local"])
def test_preflight_is_answered_for_the_listed_page_with_the_nearer_network(
    desk: Live, network: str
) -> None:
    asked: dict[str, Any] = {f"Access-Control-Request-{network}-Network": "true"}
    status, told, _ = ask(desk, "OPTIONS", body=b"", Access_Control_Request_Method="POST", **asked)
    assert status == 204
    assert told["access-control-allow-origin"] == ORIGIN
    assert told["access-control-allow-methods"] == "POST"
    allowed = {name for name in told if name.endswith("-network")}
    assert allowed == {f"access-control-allow-{network}-network"}


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
    "a long parameter": (400, {"body": b'{"in":["' + b"1" * 30000 + b'"]}'}),
    "deep": (400, {"body": b"[" * 5000 + b"]" * 5000}),
    "huge": (413, {"body": HUGE}),
    "GET": (405, {"method": "GET", "body": b""}),
    "PUT": (405, {"method": "PUT"}),
    "HEAD like GET": (405, {"method": "DELETE"}),
    "another path": (404, {"path": "/"}),
    "the api": (404, {"path": "/v1/status"}),
    "sent by a form or a link": (403, {"Sec_Fetch_Mode": "navigate"}),
    "sent without looking": (403, {"Sec_Fetch_Mode": "no-cors"}),
    "packed": (400, {"Content_Encoding": "gzip", "body": b"\x1f\x8b\x08\0\0\0\0\0\2\3"}),
    "a proxy's path": (404, {"path": "http://localhost/sscard/iReadCardBas"}),
    "way up": (404, {"path": "/sscard/../../etc/passwd"}),
    "function in the query": (404, {"path": "/sscard/?func=iReadCardBas"}),
}
# Ours as far as can be told, so it may read what is wrong with it.
READABLE = ("this machine by number", "sent by a form or a link", "sent without looking")


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
    if case not in READABLE and status == 403:
        assert "access-control-allow-origin" not in told_headers
    assert {one["code"] for one in desk.refusals.status()} <= {
        "facade.client-unknown", "facade.user-unknown", "facade.envelope", "facade.too-many"
    }  # fmt: skip
    assert (disclosures(desk), len(desk.slot.sent)) == (before, sent)
    assert desk.free()


def test_a_listed_page_that_calls_by_another_name_can_read_why_not(desk: Live) -> None:
    other: dict[str, Any] = {"Host": f"127.0.0.1:{desk.port}"}
    status, told_headers, _ = ask(desk, "OPTIONS", body=b"", **other)
    assert (status, told_headers["access-control-allow-origin"]) == (204, ORIGIN)
    status, told_headers, told = ask(desk, **other)
    assert (status, told_headers["access-control-allow-origin"]) == (403, ORIGIN)
    assert f"127.0.0.1:{desk.port}" in told["out"][0]


def test_a_call_with_a_slash_too_many_can_read_why_not(desk: Live) -> None:
    for method, status in (("POST", 404), ("OPTIONS", 204)):
        found, told_headers, _ = ask(desk, method, path="/sscard/iReadCardBas/", body=b"{}")
        assert (found, told_headers["access-control-allow-origin"]) == (status, ORIGIN)
    assert desk.refusals.status()[0]["code"] == "facade.envelope"


@pytest.mark.parametrize(
    "changed",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example:{port}"}],
)
@pytest.mark.parametrize("method", ["OPTIONS", "POST", "GET"])
def test_no_other_page_can_read_anything(desk: Live, method: str, changed: dict[str, str]) -> None:
    given: dict[str, Any] = {k: v.replace("{port}", str(desk.port)) for k, v in changed.items()}
    status, told_headers, _ = ask(desk, method, **given)
    assert status in (403, 405)
    assert not [name for name in told_headers if name.startswith("access-control")]


def test_who_was_refused_is_logged_by_origin_and_host(
    desk: Live, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "onecard.facade"):
        desk.refusals._logged.clear()
        ask(desk, Origin="https://other.example", Host="evil.example")
    wanted = f"user={USER} origin=https://other.example host=evil.example"
    assert [record for record in caplog.records if wanted in record.getMessage()]
    newest = desk.refusals.status()[0]
    assert (newest["origin"], newest["host"]) == ("https://other.example", "evil.example")


# Whose programs may be a page


def test_a_page_is_only_the_page_of_the_users_in_the_settings(tmp_path: Path) -> None:
    with live(tmp_path, web=True, users=("somebody-else",)) as desk:
        desk.insert()
        status, told_headers, told = ask(desk)
        assert (status, told["result"]) == (403, "-12")
        assert USER in told["out"][0]
        assert told_headers["access-control-allow-origin"] == ORIGIN, "the page may show it"
        assert disclosures(desk) == len(desk.slot.sent) == 0
        (refused,) = desk.refusals.status()
        assert (refused["user"], refused["code"]) == (USER, "facade.user-unknown")
        with Socket(desk) as page:
            assert page.answer()["result"] == "-12"
            assert page.closing()[0] == 4403


def test_control_the_user_in_the_settings_is_served(tmp_path: Path) -> None:
    with live(tmp_path, web=True, users=("somebody-else", USER)) as desk:
        desk.insert()
        assert ask(desk)[2]["result"] == "0"


SAYS_THAT_IT_IS_THE_PAGE = """
import http.client, sys
port, origin = int(sys.argv[1]), sys.argv[2]
line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
line.request("POST", "/sscard/iReadCardBas", b'{"in":["1"]}', {
    "Host": f"localhost:{port}", "Origin": origin, "Content-Type": "application/json"})
print(line.getresponse().read().decode())
"""
NOBODY = 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("users", [(), (USER,)])
def test_another_user_who_says_that_he_is_the_page_is_known(
    tmp_path: Path, users: tuple[str, ...]
) -> None:
    with live(tmp_path, web=True, users=users) as desk:
        desk.insert()
        done = subprocess.run(
            [sys.executable, "-c", SAYS_THAT_IT_IS_THE_PAGE, str(desk.port), ORIGIN],
            user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", capture_output=True, check=True,
        )  # fmt: skip
        told = json.loads(done.stdout)
        if users:
            assert told["result"] == "-12"
            assert disclosures(desk) == 0
        else:
            assert told["result"] == "0"
            told_to = as_kind(desk.stand.store.events[-1], Disclosure)
            assert told_to.caller.endswith(f" uid:{NOBODY}")


def test_users_of_one_page_do_not_share_what_they_lease() -> None:
    client = FacadeClient(name="page", origin=ORIGIN, host="localhost:1", purpose="made up")
    one, other = (Page(client, Peer(0, uid, "somebody")) for uid in (1, 2))
    assert one.owner != other.owner
    assert one.owner == Page(client, Peer(0, 1, "somebody")).owner


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


def test_a_slow_head_is_hung_up_on(desk: Live) -> None:
    assert everything(raw(desk, b"POST /sscard/iReadCardBas HTTP/1.1\r\nHost: loc")) == b""


def test_a_slow_body_is_told_so(desk: Live) -> None:
    line = raw(desk, head(desk, length=12), b'{"in"')
    assert b" 408 " in line.recv(4096)
    line.close()
    assert desk.free()


def test_a_second_head_that_never_ends_is_hung_up_on(desk: Live) -> None:
    line = http.client.HTTPConnection("127.0.0.1", desk.port, timeout=WITHIN)
    line.request("POST", "/sscard/iReadCardBas", b'{"in":["9"]}', headers(desk))
    assert json.loads(line.getresponse().read())["result"] == "-14"
    assert isinstance(line.sock, socket.socket)
    line.sock.sendall(b"POST /sscard/iReadCard")
    assert everything(line.sock) == b""


def test_the_rest_of_a_refused_body_is_not_waited_for(desk: Live) -> None:
    line = raw(desk, head(desk, length=10**9).replace(b"application/json", b"text/plain"))
    assert b" 415 " in line.recv(4096)
    with pytest.raises(ConnectionError):
        send_for_ever(line)
    line.close()


def send_for_ever(line: socket.socket) -> None:
    while True:
        line.sendall(bytes(4096))


def test_silent_lines_are_counted_and_the_surplus_is_told_and_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_lines, "HEAD_WITHIN", 600.0)  # none goes before all have come
    with live(tmp_path, web=True) as desk:
        ask(desk)
        before = threading.active_count()
        silent = [raw(desk) for _ in range(4 * web_server.EACH)]
        told = [everything(line) for line in silent[web_server.EACH :]]
        assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in told)
        assert {json.loads(answer.partition(b"\r\n\r\n")[2])["result"] for answer in told} == {
            "-12"
        }
        assert threading.active_count() == before
        for line in silent[: web_server.EACH]:
            line.close()
        until(lambda: ask(desk)[0] == 200, "the lines are not free again")


def broken(desk: Live) -> Sequence[bytes]:
    """Requests that go wrong behind their head, and handshakes that are in no encoding."""
    post = head(desk, length=0)
    chunked = post.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    get = post.replace(b"POST /sscard/iReadCardBas", b"GET /sscard")
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    shake = get.replace(b"Content-Length: 0\r\n", upgrade)
    host = f"localhost:{desk.port}".encode()
    return [
        chunked + b"zz\r\n",
        post.replace(b"application/json", b"text/plain") + b"\0" * 20,
        shake.replace(b"Version: 13", b"Extensions: \xe5\x8d\xa1"),
        shake.replace(b"Version: 13", b"Protocol: \xff"),
        shake.replace(b"Connection: Upgrade", b"Connection: Upgrade, \xff"),
        shake.replace(host, b"xn--localhost-:1"),
        shake.replace(host, b"a..b"),
        shake,
    ]


def test_what_strangers_send_leaves_no_traceback(
    desk: Live, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for sent in (
            *broken(desk),
            b"\0" * 40,
            b"GET / HTTP/9\r\n\r\n",
            b"POST \xff HTTP/1.1\r\n\r\n",
            b"\r\n" * 9,
        ):
            line = raw(desk, sent)
            line.shutdown(socket.SHUT_WR)
            everything(line)
    assert not [record for record in caplog.records if record.exc_info]


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
        go_on.wait(60)

    desk.slot.steps[3] = hold
    body = b'{"in":["1"]}'
    line = raw(desk, head(desk, length=len(body)), body)
    assert entered.wait(60)
    line.close()
    until(lambda: not desk.desk.leases.current(), "the lease is not free")
    before = disclosures(desk)
    go_on.set()
    desk.slot.steps.clear()
    desk.await_free()
    assert disclosures(desk) == before
