"""A page's WebSocket: answers in the order of the calls, refusals that the page can read, no more
memory than promised."""

import json
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Message
from starlette.websockets import WebSocket

from agent.facade.faults import ClientUnknown
from agent.facade.web import EACH
from agent.facade.web_envelope import LARGEST
from agent.facade.web_socket import AHEAD, LONGEST_REASON, turn_away
from simulators.site import until
from tests.agent.facade.callers import WITHIN, Live, live
from tests.agent.facade.pages import Socket, ask, disclosures, frame


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("web"), web=True) as desk:
        desk.insert()
        yield desk


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


def test_a_page_writes_a_whole_photo_by_either_way(desk: Live) -> None:
    info = desk.info("lin")
    photo = bytes(range(256)).hex().upper() * 16
    written = {"func": "iWriteCard", "in": ["1", info, "SSSEEF08|$", f"SSSEEF08|{photo}|$"]}
    with Socket(desk) as page:
        assert page.call(written)["result"] == "0"
    body = json.dumps({"in": written["in"]}).encode()
    assert ask(desk, path="/sscard/iWriteCard", body=body)[2]["result"] == "0"
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
def test_a_websocket_of_another_page_is_told_why_it_is_closed(
    desk: Live, changed: dict[str, str | None]
) -> None:
    before, sent = disclosures(desk), len(desk.slot.sent)
    with Socket(desk, "/sscard", **changed) as page:
        page.send(b'{"func":"iReadCardBas","in":["1"]}')
        told = page.answer()
        assert (told["result"], len(told["out"])) == ("-12", 1)
        code, reason = page.closing()
        assert code == 4403
        assert reason.startswith("facade.client-unknown ")
        assert len(reason.encode()) <= LONGEST_REASON
    assert (disclosures(desk), len(desk.slot.sent)) == (before, sent)


@pytest.mark.parametrize("path", ["/", "/sscard/", "/sscard/iReadCardBas", "/socket"])
def test_a_websocket_that_is_opened_elsewhere_is_told_where_and_noted(
    desk: Live, path: str
) -> None:
    with Socket(desk, path) as page:
        assert page.status == 101
        assert "/sscard" in page.answer()["out"][0]
        assert page.closing()[0] == 4403
    assert desk.refusals.status()[0]["code"] == "facade.envelope"


@pytest.mark.parametrize("mode", ["navigate", "no-cors"])
def test_a_websocket_is_opened_by_a_script(desk: Live, mode: str) -> None:
    with Socket(desk, Sec_Fetch_Mode=mode) as page:
        page.answer()
        assert page.closing()[0] == 4403
    with Socket(desk, Sec_Fetch_Mode="websocket") as page:
        assert page.call({"func": "iReadCardBas", "in": ["9"]})["result"] == "-14"


@pytest.mark.parametrize(
    ("message", "result"),
    [
        (b"", "-14"),
        (b"iReadCardBas", "-14"),
        (b'{"func":"iReadCardBas"}', "-14"),
        (b'{"in":["1"]}', "-14"),
        (b'[{"func":"iReadCardBas","in":["1"]}]', "-14"),
        (b'{"func":"iReadCardBas","in":["1"],"id":{}}', "-14"),
        (b'{"func":"iReadCardBas","in":["1"],"id":true}', "-14"),
        (b'{"func":"iReadCardBas","in":["1"],"id":1.5}', "-14"),
        (b'{"func":"iReadCardBas","in":["1"],"id":"' + b"x" * 65 + b'"}', "-14"),
        (b'{"func":"iReadCardBas","in":["1"],"id":9223372036854775808}', "-14"),
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
        assert page.closing()[0] == 1009


def test_too_many_sockets_are_refused(desk: Live) -> None:
    pages = [Socket(desk) for _ in range(EACH)]
    assert {page.status for page in pages} == {101}
    with Socket(desk) as one_more:
        assert one_more.answer()["result"] == "-12"
        assert one_more.closing()[0] == 1013, "try again later"
    assert ask(desk)[0] == 503
    for page in pages:
        page.line.close()
    until(lambda: ask(desk)[0] == 200, "the places are not free again")
    desk.await_free()


# Order


def test_answers_come_in_the_order_of_the_calls_and_name_them(desk: Live) -> None:
    """A slow call first: its answer may not be taken for that of the quick one behind it."""
    entered, go_on = desk.world.event(), desk.world.event()

    def hold() -> None:
        entered.set()
        go_on.wait(60)

    desk.slot.sent.clear()
    desk.slot.steps[3] = hold
    with Socket(desk) as page:
        page.send(b'{"func":"iReadCardBas","in":["1"],"id":"read"}')
        page.send(b'{"func":"iNoSuchThing","in":[],"id":2}')
        page.send(b'{"func":"iReadCardBas","in":["9"]}')
        page.send(b'{"nothing":1,"id":"wrong"}')
        assert entered.wait(60)
        go_on.set()
        answers = [page.answer() for _ in range(4)]
    desk.slot.steps.clear()
    assert [answer.get("id") for answer in answers] == ["read", 2, None, "wrong"]
    assert [answer["result"] for answer in answers] == ["0", "-13", "-14", "-14"]
    assert "id" not in answers[2], "a page that gives none is told none"
    desk.await_free()


def test_the_next_call_begins_when_the_one_before_is_answered(desk: Live) -> None:
    with Socket(desk) as page:
        for number in range(AHEAD):
            call = {"func": "iReadCardBas", "in": ["1"], "id": number}
            page.send(json.dumps(call).encode())
        told = [page.answer() for _ in range(AHEAD)]
    assert [(answer["id"], answer["result"]) for answer in told] == [
        (number, "0") for number in range(AHEAD)
    ]
    desk.await_free()


def test_what_a_page_had_still_to_be_called_is_not_called_when_it_goes(desk: Live) -> None:
    entered, go_on = desk.world.event(), desk.world.event()

    def hold() -> None:
        entered.set()
        go_on.wait(60)

    desk.slot.sent.clear()
    desk.slot.steps[3] = hold
    before = disclosures(desk)
    with Socket(desk) as page:
        for _ in range(3):
            page.send(b'{"func":"iReadCardBas","in":["1"]}')
        assert entered.wait(60)
    until(lambda: not desk.desk.leases.current(), "the lease is not free")
    go_on.set()
    desk.slot.steps.clear()
    desk.await_free()
    assert ask(desk)[2]["result"] == "0", "nobody stands before it"
    assert disclosures(desk) == before + 1
    desk.await_free()


def test_a_page_that_runs_ahead_of_its_answers_is_closed(desk: Live) -> None:
    entered, go_on = desk.world.event(), desk.world.event()

    def hold() -> None:
        entered.set()
        go_on.wait(60)

    desk.slot.sent.clear()
    desk.slot.steps[3] = hold
    with Socket(desk) as page:
        page.send(b'{"func":"iReadCardBas","in":["1"]}')
        assert entered.wait(60)
        for _ in range(AHEAD + 1):
            page.send(b'{"func":"iReadCardBas","in":["1"]}')
        assert page.closing()[0] == 1008
    go_on.set()
    desk.slot.steps.clear()
    desk.await_free()


def test_a_page_that_runs_ahead_and_goes_frees_what_it_leased_at_once_and_leaves_no_traceback(
    desk: Live, caplog: pytest.LogCaptureFixture
) -> None:
    """Its call does not end before the lease is seen to be free: the socket's end has freed it."""
    entered, go_on = desk.world.event(), desk.world.event()

    def hold() -> None:
        entered.set()
        go_on.wait(3 * WITHIN)

    desk.slot.sent.clear()
    desk.slot.steps[3] = hold
    call = b'{"func":"iReadCardBas","in":["1"]}'
    try:
        with Socket(desk) as page:
            page.send(call)
            assert entered.wait(WITHIN)
            page.line.sendall(frame(call) * (AHEAD + 2) + frame(b"\x03\xe8", opcode=8))
            assert page.closing()[0] == 1000, "the page's own end came first"
            until(lambda: not desk.desk.leases.current(), "the lease is not free", WITHIN)
    finally:
        go_on.set()
        desk.slot.steps.clear()
    desk.await_free()
    assert ask(desk)[2]["result"] == "0"
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("gone", [OSError, RuntimeError])
@pytest.mark.parametrize("at", ["websocket.send", "websocket.close"])
def test_who_goes_while_he_is_turned_away_leaves_no_traceback(
    at: str, gone: type[Exception]
) -> None:
    """Both as uvicorn raises it."""
    told: list[str] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        told.append(message["type"])
        if message["type"] == at:
            raise gone

    page = WebSocket({"type": "websocket"}, receive, send)
    anyio.run(turn_away, page, ClientUnknown(caller="made up"))
    assert told[-1] == at


# Memory


def test_compression_is_not_agreed_to(desk: Live) -> None:
    with Socket(
        desk, Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits"
    ) as page:
        assert page.status == 101
        assert b"sec-websocket-extensions" not in page.head.lower()
        assert page.call({"func": "iReadCardBas", "in": ["9"]})["result"] == "-14"


def test_a_frame_that_says_it_is_compressed_ends_the_socket(desk: Live) -> None:
    with Socket(desk, Sec_WebSocket_Extensions="permessage-deflate") as page:
        page.send(b"\0" * 100, first=0xC0)  # RSV1 (RFC 7692, 6)
        assert page.ends()


def test_a_message_in_endless_parts_ends_at_the_limit(desk: Live) -> None:
    with Socket(desk) as page:
        page.send(b"x" * 1000, first=0)
        taken = 1000
        try:
            while taken < 100 * LARGEST:
                page.send(b"x" * 1000, opcode=0, first=0)
                taken += 1000
        except OSError:
            pass
        assert taken < 100 * LARGEST, "nobody counts"


def test_who_never_reads_its_pongs_is_hung_up_on(desk: Live) -> None:
    with Socket(desk) as page, pytest.raises(ConnectionError):
        ping_for_ever(page)
    assert ask(desk, body=b'{"in":["9"]}')[0] == 200


def ping_for_ever(page: Socket) -> None:
    while True:
        page.send(b"?" * 125, opcode=9)


@given(sent=st.lists(st.binary(max_size=40), max_size=8))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_leave_the_desk_standing_and_no_traceback(
    desk: Live, sent: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    with Socket(desk) as page:
        try:
            for part in sent:
                page.line.sendall(part)
        except OSError:
            pass  # it has hung up
    assert ask(desk, body=b'{"in":["9"]}')[0] == 200
    assert not [record for record in caplog.records if record.exc_info]


def test_without_a_port_nothing_listens(tmp_path: Path) -> None:
    with live(tmp_path) as desk:
        assert desk.web is None
