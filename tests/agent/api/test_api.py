"""The local API over its real Unix socket: what it tells, what it refuses, and that it ends."""

import http.client
import logging
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.api import line as api_line
from agent.api.app import PAGE, VERSION
from agent.api.server import EACH, ApiServer, SocketUnusable
from agent.cli.client import Client, DaemonAbsent, DaemonRefused, DaemonUnclear
from agent.equipment.loans import DeviceUnknown
from agent.feed import BACKLOG, Feed
from agent.messages.texts import Texts
from agent.routes import LARGEST_BODY
from agent.scenes.bus.faults import JourneyOff
from agent.scenes.bus.journey import VehicleState
from agent.staff.session import StaffNeeded
from agent.staff.sign_in import SignInOff, SignInOpen, SignInUnable
from offline_store.events.row import Record
from offline_store.faults import JournalBusy
from sync.requests import RequestOffline
from tests.hostile import HOSTILE_JSON
from world import Fault
from world.real import RealWorld

ROUTES = [
    "/v1/status",
    "/v1/settings",
    "/v1/readers",
    "/v1/devices",
    "/v1/leases",
    "/v1/journal",
    "/v1/journal/verify",
]
SOON = 60.0  # seconds; what comes takes milliseconds
NONE: Mapping[str, str] = {}


class FakeDaemon:
    """See `agent.api.app.Daemon`."""

    def __init__(self) -> None:
        self.feed = Feed(RealWorld())
        self.traces = Feed(RealWorld())
        self.asked: list[tuple[object, ...]] = []
        self.fault: Fault | None = None

    def status(self) -> dict[str, Any]:
        if self.fault is not None:
            raise self.fault
        return {"ready": True, "terminal": "gate-1"}

    def readers(self) -> list[dict[str, Any]]:
        return [{"name": "door"}]

    def devices(self) -> list[dict[str, Any]]:
        return [{"name": "eye"}]

    def attached(self) -> Sequence[str]:
        return ("Fake door",)

    def leases(self) -> Sequence[dict[str, Any]]:
        return [{"reader": "door", "client": "his"}]

    def records(self, epoch: str | None, after: int, limit: int) -> Sequence[Record]:
        self.asked.append((epoch, after, limit))
        return [Record(epoch="e" * 32, seq=after + 1, body="{}", hash="0" * 64, mac="0" * 64)]

    def verify(self) -> dict[str, Any]:
        return {"whole": True}

    def explain(self, epoch: str, seq: int) -> dict[str, Any]:
        self.asked.append(("explain", epoch, seq))
        return {"epoch": epoch, "seq": seq, "agreement": "same"}

    def lend(self, device: str, seconds: float) -> None:
        if self.fault is not None:
            raise self.fault
        if device != "eye":
            raise DeviceUnknown(device=device, known="eye")
        self.asked.append(("lend", device, seconds))

    def take_back(self, device: str) -> None:
        if self.fault is not None:
            raise self.fault
        self.asked.append(("back", device))

    def sign_in(self) -> dict[str, Any]:
        return {"state": "NONE", "staff": None}

    def begin_sign_in(self) -> dict[str, Any]:
        if self.fault is not None:
            raise self.fault
        self.asked.append(("begin",))
        return {"state": "PENDING", "staff": None}

    def cancel_sign_in(self) -> None:
        self.asked.append(("cancel",))

    def sign_out(self) -> None:
        self.asked.append(("sign-out",))

    @property
    def journey(self) -> VehicleState:
        raise JourneyOff()

    def settings(self) -> dict[str, Any]:
        return {"taken_ms": 1, "refused": None, "settings": {}}

    def sentence(self, fault: Fault) -> str:
        return Texts("en").fault(fault)


class Served:
    """A daemon behind its socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.daemon = FakeDaemon()
        self.server = ApiServer(RealWorld(), self.daemon, path)
        self.client = Client(RealWorld(), str(path))

    def request(
        self, method: str, route: str, headers: Mapping[str, str] = NONE, content: bytes = b"{}"
    ) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("onecard", timeout=SOON)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(SOON)
        connection.sock.connect(str(self.path))
        body = content if method in ("POST", "PUT", "PATCH") else None
        connection.request(method, route, body=body, headers=dict(headers))
        response = connection.getresponse()
        raw = response.read()
        assert response.headers["content-type"] == "application/json"
        connection.close()
        return response.status, msgspec.json.decode(raw) if raw else {}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("api") / "agent.sock")
    served.server.start()
    yield served
    served.server.stop()


@pytest.fixture
def served(shared: Served) -> Served:
    shared.daemon.asked.clear()
    shared.daemon.fault = None
    return shared


@pytest.mark.parametrize("route", ROUTES)
def test_every_answer_is_json_with_a_version(served: Served, route: str) -> None:
    status, body = served.request("GET", route)
    assert status == 200
    assert body["version"] == VERSION == 1


def test_answers_are_the_daemons(served: Served) -> None:
    assert served.client.get("/v1/status") == {
        "version": 1,
        "ready": True,
        "terminal": "gate-1",
    }
    assert served.client.get("/v1/readers") == {
        "version": 1,
        "readers": [{"name": "door"}],
        "attached": ["Fake door"],
    }
    assert served.client.get("/v1/devices") == {
        "version": 1,
        "devices": [{"name": "door"}, {"name": "eye"}],
        "attached": ["Fake door"],
    }
    assert served.client.get("/v1/journal/verify") == {"version": 1, "whole": True}


def test_a_device_whose_name_is_in_no_encoding_is_told(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = b"usb-\xff".decode(errors="surrogateescape")
    monkeypatch.setattr(served.daemon, "attached", lambda: (name,))
    assert served.client.get("/v1/readers")["attached"] == ["usb-\\udcff"]
    served.daemon.feed.publish({"reader": name})


def test_journal_is_paged_and_a_page_has_an_end(served: Served) -> None:
    page = served.client.get("/v1/journal", {"epoch": "e" * 32, "after": 41, "limit": 7})
    assert [record["seq"] for record in page["records"]] == [42]
    served.client.get("/v1/journal")
    served.client.get("/v1/journal", {"limit": 10**9})
    assert served.daemon.asked == [("e" * 32, 41, 7), (None, 0, PAGE), (None, 0, PAGE)]


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "limit=1.5", "after=", "limit=%D9%A3", "after=" + "9" * 19]
)
def test_a_bad_query_is_a_sentence(served: Served, query: str) -> None:
    status, body = served.request("GET", f"/v1/journal?{query}")
    assert (status, body["version"], body["error"]) == (400, 1, "api.bad-query")
    assert "whole number" in body["sentence"]
    assert served.daemon.asked == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("route", [*ROUTES, "/v1/taps", "/v1/traces"])
def test_a_question_takes_nothing_but_get(served: Served, method: str, route: str) -> None:
    status, body = served.request(method, route, {"Content-Type": "text/plain"})
    assert (status, body["version"], body["error"]) == (405, 1, "api.wrong-method")
    assert body["facts"]["method"] == method
    assert "GET" in body["facts"]["allowed"]
    assert body["sentence"]


JSON = {"Content-Type": "application/json"}


def test_a_scanner_is_lent_and_taken_back(served: Served) -> None:
    assert served.client.post("/v1/devices/eye/release", {"seconds": 5}) == {"version": 1}
    assert served.client.post("/v1/devices/eye/release", {}) == {"version": 1}
    assert served.client.post("/v1/devices/eye/take-back", {}) == {"version": 1}
    assert served.daemon.asked == [("lend", "eye", 5.0), ("lend", "eye", 600.0), ("back", "eye")]


def test_json_is_json_however_its_name_is_written(served: Served) -> None:
    kind = {"Content-Type": "Application/JSON ; charset=UTF-8"}
    assert served.request("POST", "/v1/devices/eye/take-back", kind, b"{}")[0] == 200


def test_a_device_that_is_no_scanner_is_not_lent(served: Served) -> None:
    status, body = served.request("POST", "/v1/devices/door/release", JSON)
    assert (status, body["error"]) == (404, "device.unknown")


@pytest.mark.parametrize("name", ["..%2F..%2Fv1%2Fstatus", "a%2Fb", "", "%2F", "a%0Ab"])
@pytest.mark.parametrize("order", ["release", "take-back"])
def test_whatever_is_typed_as_a_device_is_looked_up_as_one(
    served: Served, name: str, order: str
) -> None:
    served.daemon.fault = DeviceUnknown(device=name, known="eye")
    status, body = served.request("POST", f"/v1/devices/{name}/{order}", JSON)
    assert (status, body["error"]) == (404, "device.unknown")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{}", "text/plain"),
        (b"{", "application/json"),
        (b'{"seconds": 0}', "application/json"),
        (b'{"seconds": 1e9}', "application/json"),
        (b'{"for": 5}', "application/json"),
        (b"[]", "application/json"),
        (b" " * 5000 + b"{}", "application/json"),
        (b"\xff", "application/json"),
    ],
)
def test_a_body_that_does_not_fit_changes_nothing(
    served: Served, content: bytes, kind: str
) -> None:
    status, body = served.request(
        "POST", "/v1/devices/eye/release", {"Content-Type": kind}, content
    )
    assert (status, body["error"]) == (400, "api.bad-body")
    assert served.daemon.asked == []


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_hostile_json_is_a_bad_body_and_the_next_order_is_heard(served: Served, name: str) -> None:
    status, body = served.request(
        "POST", "/v1/devices/eye/release", JSON, HOSTILE_JSON[name][:LARGEST_BODY]
    )
    assert (status, body["error"]) == (400, "api.bad-body")
    assert served.daemon.asked == []
    assert served.client.post("/v1/devices/eye/take-back", {}) == {"version": 1}


def quiet(served: Served, *parts: bytes) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.connect(str(served.path))
    line.settimeout(2 * SOON)
    for part in parts:
        line.sendall(part)
    return line


def everything(line: socket.socket) -> bytes:
    found = b""
    while chunk := line.recv(4096):
        found += chunk
    line.close()
    return found


ORDER = b"POST /v1/devices/eye/release HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def test_silent_lines_are_counted_and_the_surplus_is_told_and_closed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_line, "HEAD_WITHIN", 600.0)  # none goes before all have come
    assert served.client.get("/v1/status")["ready"]
    before = threading.active_count()
    silent = [quiet(served) for _ in range(4 * EACH)]
    told = [everything(line) for line in silent[EACH:]]
    assert {answer.split(b"\r\n")[0] for answer in told} == {b"HTTP/1.1 503 Service Unavailable"}
    assert {msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])["error"] for answer in told} == {
        "api.too-many"
    }
    assert threading.active_count() <= before + EACH, "what is turned away costs no thread"
    for line in silent[:EACH]:
        line.close()
    until(lambda: served.request("GET", "/v1/status")[0] == 200)


def test_a_line_that_asks_nothing_is_closed(served: Served) -> None:
    assert [everything(quiet(served)) for _ in range(2)] == [b"", b""]


def test_a_body_that_never_ends_is_told_so(served: Served) -> None:
    answer = everything(quiet(served, ORDER + b"Content-Length: 2\r\n\r\n", b"{"))
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert b"api.bad-body" in answer


def test_who_goes_in_the_middle_leaves_no_traceback(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for part in (
            b"GET /v1/st",
            ORDER,
            ORDER + b"Content-Length: 2\r\n\r\n{",
            b"\0" * 9,
            b"\xff\n",
        ):
            quiet(served, part).close()
        assert served.client.get("/v1/status")["ready"]
        assert served.client.post("/v1/devices/eye/take-back", {}) == {"version": 1}
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}x",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + b"[" * 9,
        b'HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\n"\xff"  ',
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b'{"a":' * 20_000,
    ],
    ids=range(5),
)
def test_what_is_no_agent_at_the_socket_is_told(tmp_path: Path, answer: bytes) -> None:
    path = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            caller, _ = listener.accept()
            with caller:
                caller.recv(4096)
                caller.sendall(answer)

        server = threading.Thread(target=serve)
        server.start()
        with pytest.raises(DaemonUnclear):
            Client(RealWorld(), str(path)).get("/v1/status")
        server.join(SOON)


def test_a_sign_in_begins_is_looked_at_and_ends(served: Served) -> None:
    assert served.client.get("/v1/sign-in")["state"] == "NONE"
    assert served.daemon.asked == [], "looking changes nothing"
    assert served.client.post("/v1/sign-in", {})["state"] == "PENDING"
    assert served.client.post("/v1/sign-in/cancel", {}) == {"version": 1}
    assert served.client.post("/v1/sign-out", {}) == {"version": 1}
    assert served.daemon.asked == [("begin",), ("cancel",), ("sign-out",)]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (SignInOff(), 404),
        (SignInOpen(seconds=30), 409),
        (SignInUnable(), 503),
        (RequestOffline(service="sign-in"), 503),
    ],
)
def test_a_sign_in_that_cannot_begin_is_told_why(served: Served, fault: Fault, status: int) -> None:
    served.daemon.fault = fault
    told, body = served.request("POST", "/v1/sign-in", JSON)
    assert (told, body["error"]) == (status, fault.code)
    assert body["sentence"]


def test_what_is_kept_for_staff_is_forbidden_to_all_others(served: Served) -> None:
    served.daemon.fault = StaffNeeded(capability="lend-devices")
    status, body = served.request("POST", "/v1/devices/eye/release", JSON)
    assert (status, body["error"]) == (403, "sign-in.staff-needed")


@pytest.mark.parametrize("route", ["/v1/sign-in", "/v1/sign-in/cancel", "/v1/sign-out"])
@pytest.mark.parametrize(("content", "kind"), [(b"{}", "text/plain"), (b'{"who": "me"}', "")])
def test_a_sign_in_is_ordered_in_json_without_a_name(
    served: Served, route: str, content: bytes, kind: str
) -> None:
    headers = {"Content-Type": kind or "application/json"}
    status, body = served.request("POST", route, headers, content)
    assert (status, body["error"]) == (400, "api.bad-body")
    assert served.daemon.asked == []


def test_what_changes_something_takes_nothing_but_post(served: Served) -> None:
    status, body = served.request("GET", "/v1/devices/eye/release")
    assert (status, body["facts"]["allowed"]) == (405, "POST")


@pytest.mark.parametrize(
    "route",
    ["/", "/v1", "/v2/status", "/v1/status/", "/v1/taps/", "/v1/status/x", "/v1/" + "x" * 4000],
)
def test_an_unknown_route_is_an_answer_in_json(served: Served, route: str) -> None:
    status, body = served.request("GET", route)
    assert (status, body["version"], body["error"]) == (404, 1, "api.no-route")
    assert len(body["facts"]["route"]) <= 64


def test_a_fault_of_the_daemon_is_its_code_and_sentence(served: Served) -> None:
    served.daemon.fault = JournalBusy(cause="waiting")
    status, body = served.request("GET", "/v1/status")
    assert (status, body["error"]) == (503, "journal.busy")
    assert body["sentence"] == Texts("en").fault(JournalBusy(cause="waiting"))
    with pytest.raises(DaemonRefused) as caught:
        served.client.get("/v1/status")
    assert caught.value.facts["error"] == body["sentence"]


def test_socket_is_for_owner_and_group_alone(served: Served) -> None:
    mode = os.lstat(served.path).st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660
    assert os.listdir(served.path.parent) == ["agent.sock"]


def lines(served: Served, ready: threading.Event) -> Iterator[dict[str, Any]]:
    for line in served.client.stream("/v1/taps", SOON):
        if line:
            yield line
        else:
            ready.set()


def test_every_listener_hears_each_tap_once_and_in_order(served: Served) -> None:
    heard: list[list[int]] = [[], []]
    ready = [threading.Event(), threading.Event()]

    def listen(number: int) -> None:
        for line in lines(served, ready[number]):
            heard[number].append(line["tap"])
            if len(heard[number]) == 50:
                return

    threads = [threading.Thread(target=listen, args=(n,), daemon=True) for n in (0, 1)]
    for thread in threads:
        thread.start()
    assert all(event.wait(SOON) for event in ready)
    for tap in range(50):
        served.daemon.feed.publish({"tap": tap})
    for thread in threads:
        thread.join(SOON)
    assert heard == [list(range(50))] * 2


def test_taps_from_many_threads_all_arrive(served: Served) -> None:
    ready = threading.Event()
    heard: list[int] = []

    def listen() -> None:
        for line in lines(served, ready):
            heard.append(line["tap"])
            if len(heard) == 80:
                return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    assert ready.wait(SOON)

    def publish(first: int) -> None:
        for tap in range(first, first + 20):
            served.daemon.feed.publish({"tap": tap})

    threads = [threading.Thread(target=publish, args=(n * 20,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    listener.join(SOON)
    assert sorted(heard) == list(range(80))


def test_a_listener_that_hung_up_is_forgotten(served: Served) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.settimeout(SOON)
        listener.connect(str(served.path))
        listener.sendall(b"GET /v1/taps HTTP/1.1\r\nHost: onecard\r\n\r\n")
        assert listener.recv(65536).startswith(b"HTTP/1.1 200")
        until(lambda: served.daemon.feed.listeners == 1)
    until(lambda: served.daemon.feed.listeners == 0)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what no event tells of."""
    world = RealWorld()
    deadline = world.monotonic() + SOON
    while not condition():
        assert world.monotonic() < deadline, "waited in vain"
        world.wait(0.005)


def test_a_publisher_never_waits_for_a_slow_listener(served: Served) -> None:
    """A listener who does not read loses the oldest; whoever publishes goes on at once."""
    stream = served.client.stream("/v1/taps", SOON)
    assert next(stream) == {}
    most = 40 * BACKLOG
    for tap in range(most):
        served.daemon.feed.publish({"tap": tap, "filling": "x" * 2000})
    served.daemon.feed.publish({"last": True})
    heard = []
    for line in stream:
        if "last" in line:
            break
        heard.append(line["tap"])
    assert heard == sorted(set(heard))
    assert len(heard) < most, "the control: something had to be lost"
    assert heard[-1] == most - 1, "and not the newest"


def test_stop_ends_listeners_and_leaves_no_socket(tmp_path: Path) -> None:
    served = Served(tmp_path / "agent.sock")
    served.server.start()
    stream = served.client.stream("/v1/taps", SOON)
    assert next(stream) == {}
    listener = threading.Thread(target=lambda: list(stream), daemon=True)
    listener.start()
    served.server.stop()
    listener.join(SOON)
    assert not listener.is_alive()
    assert os.listdir(tmp_path) == []
    with pytest.raises(DaemonAbsent):
        served.client.get("/v1/status")


def test_listeners_hear_the_end_and_the_log_has_no_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = Served(tmp_path / "agent.sock")
    served.server.start()
    lines = served.client.stream("/v1/taps", 10.0)
    assert next(lines) == {}
    served.server.stop()
    assert list(lines) == []
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_stop_without_start_and_after_somebody_tidied_is_quiet(tmp_path: Path) -> None:
    Served(tmp_path / "never.sock").server.stop()
    served = Served(tmp_path / "agent.sock")
    served.server.start()
    served.client.get("/v1/status")
    served.path.unlink()
    served.server.stop()
    assert os.listdir(tmp_path) == []


def test_a_socket_left_by_a_killed_agent_is_replaced(tmp_path: Path) -> None:
    served = Served(tmp_path / "agent.sock")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(served.path))
    served.server.start()
    assert served.client.get("/v1/status")["ready"]
    served.server.stop()


def test_a_socket_that_cannot_be_made_is_a_fault_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    served = Served(tmp_path / "file" / "agent.sock")
    with pytest.raises(SocketUnusable) as caught:
        served.server.start()
    assert caught.value.facts["path"] == str(served.path)
    assert caught.value.facts["cause"]
    served.server.stop()
