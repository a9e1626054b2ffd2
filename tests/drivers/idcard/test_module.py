"""The conversation with a module, byte by byte and with its time limits, on a clock of our own."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import DeviceFault, DeviceProtocol, DeviceSilent
from drivers.idcard.frames import frame
from drivers.idcard.module import STATUS_WORDS, DocumentUnread, Meaning, Module, ModuleUnfit
from world import World

Chunk = tuple[float, bytes]  # seconds after the command, or after the chunk before; bytes

STATUS = bytes.fromhex("AAAAAA9669 0003 11FF ED")
FIND = bytes.fromhex("AAAAAA9669 0003 2001 22")
SELECT = bytes.fromhex("AAAAAA9669 0003 2002 21")
READ = bytes.fromhex("AAAAAA9669 0003 3001 32")
READ_FINGERPRINT = bytes.fromhex("AAAAAA9669 0003 3010 23")
NEWEST_ADDRESS = bytes.fromhex("AAAAAA9669 0003 3003 30")
FOUND = bytes.fromhex("AAAAAA9669 0008 00009F 00000000 97")
NOBODY = bytes.fromhex("AAAAAA9669 0004 000080 84")
SELECTED = bytes.fromhex("AAAAAA9669 000C 000090 0000000000000000 9C")
WELL = bytes.fromhex("AAAAAA9669 0004 000090 94")
TEXT, PHOTO = b"T" * 256, b"P" * 1024


def answer(sw: int, data: bytes = b"") -> bytes:
    return frame(bytes([0, 0, sw]) + data)


def reading(*parts: bytes) -> bytes:
    return answer(0x90, b"".join(len(part).to_bytes(2, "big") for part in parts) + b"".join(parts))


class Script:
    """A wire and the clock it lives by: what the module answers to each command, and when."""

    attached = "script"

    def __init__(self, *turns: tuple[bytes, Sequence[Chunk]]) -> None:
        self._turns = [(command, list(chunks)) for command, chunks in turns]
        self._coming: list[Chunk] = []
        self._endless: Callable[[], bytes] | None = None
        self.written: list[bytes] = []
        self.discarded = 0
        self.now = 0.0
        self.count: Counter[str] = Counter()

    def babble(self, chunk: Callable[[], bytes]) -> None:
        """What a serial port gives at a time, for ever."""
        self._endless = chunk

    def module(self) -> Module:
        return Module(cast(World, self), self, "id", lambda what: self.count.update([what]))

    def monotonic(self) -> float:
        return self.now

    def silent(self) -> DeviceFault:
        return DeviceSilent(device="id")

    def write(self, data: bytes, *, marks: bool = False) -> None:
        self.written.append(data)
        if self._endless is None:
            expected, self._coming = self._turns.pop(0)
            assert data == expected

    def read(self, timeout: float | None = None) -> bytes:
        assert timeout is not None, "every wait has its limit"
        if self._endless is not None:
            self.now += 0.05
            return self._endless()
        if self._coming and self._coming[0][0] <= timeout:
            after, data = self._coming.pop(0)
            self.now += after
            return data
        self.now += timeout
        if self._coming:
            after, data = self._coming[0]
            self._coming[0] = (after - timeout, data)
        return b""

    def discard(self) -> None:
        self.discarded += 1
        self._coming = []

    def interrupt(self) -> None: ...

    def close(self) -> None: ...

    def done(self) -> bool:
        return not self._turns


def test_a_document_goes_find_select_read() -> None:
    script = Script(
        (STATUS, [(0.01, WELL)]),
        (FIND, [(0.03, NOBODY)]),
        (FIND, [(0.03, FOUND)]),
        (SELECT, [(0.1, SELECTED)]),
        (READ, [(1.0, reading(TEXT, PHOTO)[:600]), (0.1, reading(TEXT, PHOTO)[600:])]),
    )
    module = script.module()
    module.check()
    assert not module.find()
    assert module.find()
    module.select()
    found = module.read(fingerprint=False)
    assert (found.text, found.photo, found.fingerprint) == (TEXT, PHOTO, b"")
    assert script.done()
    assert script.now == pytest.approx(1.27)
    assert not script.count


@pytest.mark.parametrize(("size", "whole"), [(1024, 2321), (512, 1809), (0, 1297)])
def test_fingerprints_of_every_length(size: int, whole: int) -> None:
    told = reading(TEXT, PHOTO, b"F" * size)
    assert len(told) == whole
    found = Script((READ_FINGERPRINT, [(1.0, told)])).module().read(fingerprint=True)
    assert (found.text, found.photo, found.fingerprint) == (TEXT, PHOTO, b"F" * size)


def test_newest_address_or_none() -> None:
    address = "新地址".encode("utf-16-le").ljust(70, b" ")
    assert Script((NEWEST_ADDRESS, [(0, answer(0x90, address))])).module().newest_address() == (
        address
    )
    assert Script((NEWEST_ADDRESS, [(0, answer(0x91))])).module().newest_address() == b""
    with pytest.raises(DocumentUnread) as caught:
        Script((NEWEST_ADDRESS, [(0, answer(0x41))])).module().newest_address()
    assert caught.value.facts["step"] == "newest address"


@pytest.mark.parametrize(
    ("ask", "command", "limit"),
    [
        (Module.check, STATUS, 0.5),
        (Module.find, FIND, 1.0),
        (Module.select, SELECT, 2.0),
        (lambda module: module.read(fingerprint=False), READ, 4.0),
        (Module.newest_address, NEWEST_ADDRESS, 1.0),
    ],
    ids=["status", "find", "select", "read", "newest address"],
)
class TestEveryCommand:
    def test_that_is_not_answered_is_silence_at_its_limit(
        self, ask: Callable[[Module], object], command: bytes, limit: float
    ) -> None:
        script = Script((command, []))
        with pytest.raises(DeviceSilent) as caught:
            ask(script.module())
        assert script.now == pytest.approx(limit)
        assert caught.value.facts["device"] == "id"

    def test_that_is_answered_by_noise_is_asked_three_times(
        self, ask: Callable[[Module], object], command: bytes, limit: float
    ) -> None:
        script = Script(*[(command, [(0.1, b"noise" * 20)])] * 3)
        with pytest.raises(DeviceProtocol):
            ask(script.module())
        assert script.done()
        assert script.count == {"garbled": 3}
        assert script.discarded == 3

    def test_gets_a_late_answer_to_another_out_of_its_way(
        self, ask: Callable[[Module], object], command: bytes, limit: float
    ) -> None:
        late = SELECTED if command == FIND else FOUND
        script = Script((command, [(0.1, late), (0.3, answer(0x60))]))
        with pytest.raises(ModuleUnfit):
            ask(script.module())
        assert script.count == {"stale": 1}

    def test_takes_no_echo_for_an_answer(
        self, ask: Callable[[Module], object], command: bytes, limit: float
    ) -> None:
        script = Script(*[(command, [(0.001, command)])] * 3)
        with pytest.raises(DeviceProtocol):
            ask(script.module())
        assert script.now == pytest.approx(3 * limit)

    def test_means_a_module_that_is_out_of_order_as_one(
        self, ask: Callable[[Module], object], command: bytes, limit: float
    ) -> None:
        for sw, status in ((0x60, "self test"), (0x66, "not authorised")):
            with pytest.raises(ModuleUnfit) as caught:
                ask(Script((command, [(0, answer(sw))])).module())
            assert caught.value.facts == {"device": "id", "sw": f"{sw:02X}", "status": status}

    def test_ends_under_endless_noise(
        self, ask: Callable[[Module], object], command: bytes, limit: float
    ) -> None:
        for noise in (b"\xaa", b"\xaa\xaa\xaa\x96\x69\x09\x60", command, b"\x00"):
            script = Script()
            script.babble(lambda noise=noise: noise * 20)  # type: ignore[misc]
            with pytest.raises(DeviceProtocol):
                ask(script.module())
            assert script.now < 3 * limit + 0.2  # one read more per try


def test_a_garbled_answer_is_asked_for_again() -> None:
    broken = FOUND[:-1] + b"\0"
    script = Script((FIND, [(0.1, broken)]), (FIND, [(0.1, FOUND[:5])]), (FIND, [(0.1, FOUND)]))
    assert script.module().find()
    assert script.count == {"garbled": 2}
    # An answer that stops in its middle is over after 0.4 s, long before the command's limit.
    assert script.now == pytest.approx(0.5 + 0.5 + 0.1)


@pytest.mark.parametrize("sw", [0x10, 0x11])
def test_a_command_that_came_garbled_is_repeated(sw: int) -> None:
    script = Script((SELECT, [(0, answer(sw))]), (SELECT, [(0, SELECTED)]))
    script.module().select()
    assert script.done()


def test_an_answer_after_noise_on_the_same_line_counts() -> None:
    script = Script((FIND, [(0.1, b"\xff\xaa\xaa" + FOUND[:3]), (0.01, FOUND)]))
    assert script.module().find()
    assert not script.count


@pytest.mark.parametrize("sw", range(256))
def test_no_status_word_but_the_right_one_is_taken_for_success(sw: int) -> None:
    """Bare, each of them three times: what a hostile module would need to get through."""
    meaning = STATUS_WORDS[sw][1] if sw in STATUS_WORDS else None
    for ask, command in (
        (Module.select, SELECT),
        (lambda module: module.read(fingerprint=False), READ),
        (lambda module: module.read(fingerprint=True), READ_FINGERPRINT),
    ):
        script = Script(*[(command, [(0, answer(sw))])] * 3)
        if command == SELECT and meaning is Meaning.DONE:
            ask(script.module())
            continue
        with pytest.raises((DocumentUnread, DeviceFault)) as caught:
            ask(script.module())
        if isinstance(caught.value, DocumentUnread):
            assert caught.value.facts["sw"] == f"{sw:02X}"
    script = Script(*[(FIND, [(0, answer(sw))])] * 3)
    if meaning in (Meaning.FOUND, Meaning.DOCUMENT):
        assert script.module().find()
    elif meaning is Meaning.NOBODY:
        assert not script.module().find()
    else:
        with pytest.raises(DeviceFault):
            script.module().find()


@pytest.mark.parametrize(
    "lengths",
    [(255, 1024), (256, 1023), (0, 1280), (256, 1025), (0xFFFF, 0xFFFF), (0, 0)],
)
def test_parts_that_do_not_add_up_are_a_document_unread(lengths: tuple[int, int]) -> None:
    head = b"".join(length.to_bytes(2, "big") for length in lengths)
    script = Script((READ, [(0, answer(0x90, head + TEXT + PHOTO))]))
    with pytest.raises(DocumentUnread) as caught:
        script.module().read(fingerprint=False)
    assert caught.value.facts["status"] == "malformed"


def test_a_document_without_photo_is_read() -> None:
    found = Script((READ, [(0, reading(TEXT, b""))])).module().read(fingerprint=False)
    assert (found.text, found.photo) == (TEXT, b"")


PIECES = st.one_of(
    st.binary(max_size=30),
    st.builds(answer, st.integers(0, 255), st.binary(max_size=40)),
    st.sampled_from([FOUND, SELECTED, READ, reading(TEXT, PHOTO), reading(TEXT, PHOTO)[:-9]]),
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=12))
def test_hostile_answers_end_in_a_named_fault_or_in_what_was_said(pieces: list[bytes]) -> None:
    for ask in (
        Module.check,
        Module.find,
        Module.select,
        Module.newest_address,
        lambda module: module.read(fingerprint=True),
        lambda module: module.read(fingerprint=False),
    ):
        script = Script()
        script.babble(_endlessly(pieces or [b""]))
        with suppress(DeviceFault, DocumentUnread):  # any other exception fails the test
            ask(script.module())
        assert script.now < 13


def _endlessly(pieces: Iterable[bytes]) -> Callable[[], bytes]:
    waiting: list[bytes] = []

    def following() -> bytes:
        if not waiting:
            waiting.extend(pieces)
        return waiting.pop(0)

    return following
