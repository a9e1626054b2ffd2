"""The façade's Unix socket: who may call, what happens to callers who are slow, wrong or dead."""

import errno
import os
import socket
import stat
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.facade import unix, wire
from agent.facade.faults import FacadeSocketUnusable
from agent.facade.unix import CALLERS, EACH
from agent.lines import Lines
from simulators.site import until
from tests.agent.facade.callers import Library, Live, live
from tests.agent.facade.counter import disclosures_in
from world.real import RealWorld


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Live]:
    with live(tmp_path) as desk:
        yield desk


def test_a_library_reads_a_card(desk: Live) -> None:
    desk.insert()
    with Library(desk.path) as library:
        result, output = library.call("iReadCardBas", b"1")
    person = desk.stand.cast.person("lin")
    assert result == 0
    assert output.split("|")[1:5:3] == [person.number, person.name]
    assert output.endswith("|WINDOW-7|")
    (event,) = disclosures_in(desk.stand.store)
    assert event.caller.endswith(f"uid:{os.geteuid()} pid:{os.getpid()}")


def test_the_socket_is_the_groups(desk: Live) -> None:
    mode = desk.path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660


def test_a_user_without_a_client_is_told_so_and_gets_nothing(tmp_path: Path) -> None:
    with live(tmp_path, user="somebody-else") as desk:
        desk.insert()
        with Library(desk.path) as library:
            result, output = library.call("iReadCardBas", b"1")
            assert result == -12
            assert "facade.clients" in output
        assert not desk.slot.sent


def test_two_callers_at_once_and_one_that_dies_in_the_middle(desk: Live) -> None:
    desk.insert()
    with Library(desk.path) as first, Library(desk.path) as second:
        assert first.call("iReadCardBas_HSM_Step1", b"1")[0] == 0
        result, words = second.call("iReadCardBas", b"1")
        assert result == -12
        assert "clinic" in words
        first.line.close()
        until(lambda: second.call("iReadCardBas", b"1")[0] == 0, "the lease is not free")
    desk.await_free()


def test_a_caller_that_dies_while_its_call_is_under_way(desk: Live) -> None:
    desk.insert()
    entered, go_on = desk.world.event(), desk.world.event()

    def hold() -> None:
        entered.set()
        go_on.wait(60)

    desk.slot.steps[3] = hold
    with Library(desk.path) as library:
        library.line.sendall(wire.call("iReadCardBas", [b"1"]))
        assert entered.wait(60)
    until(lambda: not desk.desk.leases.current(), "the lease is not free")
    go_on.set()
    desk.await_free()
    assert not disclosures_in(desk.stand.store)


@pytest.mark.parametrize(
    ("frame", "result"),
    [
        (wire.call("iReadCardBas", []), -14),
        (wire.call("iReadCardBas", [b"1", b"1"]), -14),
        (wire.call("iReadCardBas", [b"1\0"]), -41),
        (wire.call("iReadCardBas", [b"\xff\xfe"]), -41),
        (wire.call("iReadCardBas", [b"1" * 9000]), -42),
        (wire.call("iReadCardBas", [b"9"]), -14),
        (wire.call("iNoSuchThing", [b"1"]), -13),
        (wire.call("PKI_SignData", []), -13),
        (struct.pack(">I", 5) + b"SSC\x01\x00", -14),
        (struct.pack(">I", 5) + b"SSC\x01\x09", -14),
        (struct.pack(">I", 4) + b"SSC\x01", -14),
        (struct.pack(">I", 9) + b"SSC\x01\x01\xff\xff\xff\xff", -14),
        (struct.pack(">I", 12) + b"SSC\x01\x01\x00\x00\x00\x02\xff\xff!", -14),
        (struct.pack(">I", 5) + b"XXX\x01\x00", -14),
        (struct.pack(">I", 5) + b"SSC\x02\x00", -5),
    ],
)
def test_a_wrong_call_is_answered_and_the_next_one_served(
    desk: Live, frame: bytes, result: int
) -> None:
    desk.insert()
    with Library(desk.path) as library:
        library.line.sendall(frame)
        told, words = library.answer()
        assert told == result
        assert words
        assert not desk.slot.sent
        assert library.call("iReadCardBas", b"1")[0] == 0


@pytest.mark.parametrize("length", [0, 3, wire.MAX_BODY + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_an_impossible_length_is_told_and_hung_up_on(desk: Live, length: int) -> None:
    with Library(desk.path) as library:
        library.line.sendall(struct.pack(">I", length))
        assert library.answer()[0] == -14
        assert library.over()


@pytest.mark.parametrize("part", [b"\0", struct.pack(">I", 100), struct.pack(">I", 100) + b"SSC"])
def test_a_slow_sender_is_hung_up_on(desk: Live, part: bytes) -> None:
    with Library(desk.path) as library:
        library.line.sendall(part)
        assert library.over()


def test_who_does_not_wait_for_answers_is_hung_up_on(desk: Live) -> None:
    with Library(desk.path) as library:
        try:
            for _ in range(100):
                library.line.sendall(wire.call("iReadCardBas", [b"1"]) * 100)
        except OSError:
            return  # already
        while not library.over():
            pass


def test_too_many_callers_of_one_user_are_told_so_and_closed(
    desk: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unix, "FIRST_WITHIN", 600.0)  # none goes before all have come
    lines = [Library(desk.path) for _ in range(EACH)]
    for line in lines:
        assert line.call("iReadCardBas", b"1")[0] == -2
    with Library(desk.path) as one_more:
        result, words = one_more.call("iReadCardBas", b"1")
        assert (result, str(EACH) in words) == (-12, True)
        assert one_more.over()
    with Library(desk.path) as asks_nothing:
        assert asks_nothing.answer()[0] == -12
        assert asks_nothing.over()
    assert {told["code"] for told in desk.refusals.status()} == {"facade.too-many"}
    for line in lines:
        line.line.close()
    until(lambda: served(desk), "the places are not free again")


def served(desk: Live) -> bool:
    with Library(desk.path) as library:
        return library.call("iReadCardBas", b"1")[0] == -2


def test_silent_lines_take_no_threads_beyond_the_limit(
    desk: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unix, "FIRST_WITHIN", 600.0)  # none goes before all have come
    before = threading.active_count()
    silent = [Library(desk.path) for _ in range(200)]
    assert [line.answer()[0] for line in silent[EACH:]] == [-12] * (200 - EACH)
    assert all(line.over() for line in silent[EACH:])
    assert threading.active_count() - before <= 2 * EACH
    for line in silent:
        line.line.close()
    until(lambda: threading.active_count() == before, "threads are left over")


def test_a_line_without_a_call_is_told_so_and_closed(desk: Live) -> None:
    with Library(desk.path) as library:
        result, words = library.answer()
        assert (result, "2" in words) == (-12, True)
        assert library.over()


def test_a_line_that_has_called_may_think_as_long_as_it_likes(desk: Live) -> None:
    with Library(desk.path) as library:
        assert library.call("iReadCardBas", b"1")[0] == -2
        with Library(desk.path) as silent:  # opened later, and its time is over
            assert silent.answer()[0] == -12
        assert library.call("iReadCardBas", b"1")[0] == -2


def test_users_do_not_take_each_others_places() -> None:
    lines = Lines(RealWorld(), each=EACH, in_all=CALLERS)
    first = [lines.take(1) for _ in range(EACH + 1)]
    second = [lines.take(2) for _ in range(EACH + 1)]
    assert first[-1] is second[-1] is None
    assert all(first[:-1])
    assert all(second[:-1])
    assert lines.take(3) is None, "all places are taken"


def test_an_unknown_user_costs_no_thread(tmp_path: Path) -> None:
    with live(tmp_path, user="somebody-else") as desk:
        before = threading.active_count()
        lines = [Library(desk.path) for _ in range(50)]
        assert {line.answer()[0] for line in lines} == {-12}
        assert threading.active_count() == before
        (told,) = desk.refusals.status()
        assert (told["code"], told["times"]) == ("facade.client-unknown", 50)
        for line in lines:
            line.line.close()


@pytest.mark.parametrize("passing", [errno.EMFILE, errno.ECONNABORTED])
def test_a_moment_without_descriptors_does_not_end_the_socket(
    desk: Live, monkeypatch: pytest.MonkeyPatch, passing: int
) -> None:
    accept, failed = socket.socket.accept, desk.world.event()

    def refuse_once(listener: socket.socket) -> object:
        if not failed.is_set():
            failed.set()
            raise OSError(passing, "made up")
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", refuse_once)
    for _ in range(2):  # the first is taken by the accept that waited before
        assert served(desk)
    assert failed.is_set()


def test_stopping_hangs_up_on_everybody(tmp_path: Path) -> None:
    with live(tmp_path) as desk:
        desk.insert()
        library = Library(desk.path)
        assert library.call("iReadCardBas_HSM_Step1", b"1")[0] == 0
    assert library.over()
    assert not desk.path.exists()
    assert desk.free()
    library.line.close()


def test_a_socket_that_cannot_be_made_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    desk = Live(tmp_path / "file")
    with pytest.raises(FacadeSocketUnusable):
        desk.unix.start()
    desk.stop()


@given(data=st.binary(max_size=200))
def test_any_bytes_as_a_body_are_a_call_or_a_frame_fault(data: bytes) -> None:
    try:
        function, parameters = wire.read_call(data)
    except wire.FrameFault:
        return
    assert isinstance(function, bytes)
    assert all(isinstance(parameter, bytes) for parameter in parameters)


@given(
    function=st.text("abcXYZ_", min_size=1, max_size=40),
    parameters=st.lists(st.binary(max_size=300), max_size=wire.MAX_STRINGS - 1),
)
def test_a_call_survives_its_frame(function: str, parameters: list[bytes]) -> None:
    frame = wire.call(function, parameters)
    assert wire.length_of(frame[:4]) == len(frame) - 4
    assert wire.read_call(frame[4:]) == (function.encode(), parameters)


@given(body=st.binary(min_size=4, max_size=64), cut=st.integers(0, 80))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_frame_over_the_socket_leaves_the_desk_standing(
    desk: Live, body: bytes, cut: int
) -> None:
    with Library(desk.path) as library:
        library.line.sendall((struct.pack(">I", len(body)) + b"SSC\x01" + body[4:])[: cut + 8])
    with Library(desk.path) as library:
        assert library.call("iReadCardBas", b"1")[0] == -2
