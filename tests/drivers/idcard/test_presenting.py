"""Whatever hands and wires do: one event for each document laid down, in order, its own or none.

The reader's state machine runs here on the test's thread, against the simulated chip, by a clock
that only moves while the reader waits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import DeviceFault, DeviceSilent, Document, Unread
from drivers.idcard.module import Module
from drivers.idcard.reader import SamVReader
from drivers.io.wait import Interrupted
from simulators.devices.idcard import AfterRead, IdCard, SamVModule, document_of
from simulators.people import load_cast
from world import World
from world.real import RealWorld

CARDS = [document_of(person) for person in load_cast().people[:4]]


@dataclass(frozen=True)
class Laid:
    """A document in somebody's hand, and what goes wrong with it."""

    card: int
    refused_reads: int = 0  # two are one too many
    refused_selects: int = 0
    garbled_finds: int = 0
    noise: bytes = b""
    silent_in: str = ""  # the step that is not answered, once
    finds_while_lying: int = 0
    finds_while_empty: int = 0

    @property
    def readable(self) -> bool:
        return self.refused_reads + self.refused_selects < 2


class Hands:
    """A world and a wire in one, and what people do while the reader rests."""

    attached = "hands"

    def __init__(self, chip: SamVModule, visits: list[Laid]) -> None:
        self.chip = chip
        self.moves = self._moves(visits)
        self.now = 0.0
        self._real = RealWorld()
        self._coming: list[bytes] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def monotonic(self) -> float:
        return self.now

    def silent(self) -> DeviceFault:
        return DeviceSilent(device="id")

    def write(self, data: bytes, *, marks: bool = False) -> None:
        self.chip.received(data, self._coming.append)

    def read(self, timeout: float | None = None) -> bytes:
        if self._coming:
            return self._coming.pop(0)
        assert timeout is not None
        self.now += timeout
        return b""

    def discard(self) -> None:
        self._coming.clear()

    def interrupt(self) -> None: ...

    def close(self) -> None: ...

    def _moves(self, visits: list[Laid]) -> Iterator[None]:
        faults = self.chip.faults
        for visit in visits:
            faults.refusals = {
                "read": [0x41] * visit.refused_reads,
                "select": [0x81] * visit.refused_selects,
            }
            faults.noise, faults.wrong_xor = visit.noise, visit.garbled_finds
            if visit.silent_in:
                faults.silent.add(visit.silent_in)
                self.chip.faults.meanwhile["status"] = faults.silent.clear
            self.chip.lay(CARDS[visit.card])
            # Two at least: found, and looked at once more. No hand is quicker.
            yield from (None for _ in range(visit.finds_while_lying + 2))
            self.chip.lift()
            yield from (None for _ in range(visit.finds_while_empty + 2))
        raise Interrupted


class Resting(Module):
    """Between two finds, hands move."""

    def __init__(self, reader: SamVReader, hands: Hands) -> None:
        super().__init__(cast(World, hands), hands, "id", reader._count)
        self._hands = hands

    def rest(self, seconds: float) -> None:
        super().rest(seconds)
        next(self._hands.moves)


def told(reader: SamVReader, hands: Hands) -> list[Document | Unread]:
    """All that came of it; the keeper's part, opening anew, is played here."""
    while True:
        module = Resting(reader, hands)
        try:
            module.check()
            reader._serve(module)
        except DeviceFault:
            continue
        except Interrupted:
            return [reader.events.get(0.0) for _ in range(len(reader.events))]


VISITS = st.lists(
    st.builds(
        Laid,
        card=st.integers(0, len(CARDS) - 1),
        refused_reads=st.integers(0, 2),
        refused_selects=st.integers(0, 2),
        garbled_finds=st.integers(0, 2),
        noise=st.sampled_from([b"", b"\xaa\xaa", b"\x00\xff" * 9]),
        finds_while_lying=st.integers(0, 3),
        finds_while_empty=st.integers(0, 3),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(VISITS, st.sampled_from(["hidden", "refused", "again"]))
def test_one_event_for_each_document_laid_down(visits: list[Laid], after_read: AfterRead) -> None:
    hands = Hands(SamVModule(after_read=after_read), visits)
    reader = SamVReader(cast(World, hands), "id", {"port": "/dev/null"})
    events = told(reader, hands)
    assert [isinstance(event, Document) for event in events] == [v.readable for v in visits]
    for event, visit in zip(events, visits, strict=True):
        if isinstance(event, Document):
            assert event.text == CARDS[visit.card].text
    assert [event.count for event in events] == list(range(1, len(visits) + 1))
    assert reader.status().presented == len(visits)


@settings(deadline=None)
@given(st.sampled_from(["select", "read"]), st.integers(0, 3))
def test_a_module_that_falls_silent_is_told_of_and_the_document_read_after_all(
    step: str, after: int
) -> None:
    visits = [Laid(0, silent_in=step), *[Laid(1)] * after]
    hands = Hands(SamVModule(), visits)
    reader = SamVReader(cast(World, hands), "id", {"port": "/dev/null"})
    first, *rest = told(reader, hands)
    assert isinstance(first, Unread)
    assert first.fault.code == "device.silent"
    texts = [event.text for event in rest if isinstance(event, Document)]
    assert texts == [card.text for card in _expected(visits)]


def _expected(visits: list[Laid]) -> list[IdCard]:
    return [CARDS[visit.card] for visit in visits]
