"""Whether a card was seen coming, by every card reader: a driver's tests inherit `ComingContract`.

Whatever lies there when a reader is bound, or bound again, did not come: somebody may have
forgotten it. It comes once it has left and is laid down again.
"""

from collections.abc import Sequence
from typing import Protocol

import pytest

from contracts.drivers.echo import EchoCard
from contracts.drivers.reader import COMMAND, READY_WITHIN, expect, until
from drivers.contract import Absence, CardReader, DeviceState, Presence


class ComingBench(Protocol):
    """A reader that goes away and is bound again, and cards in the test's hand. `ways`: how, as
    names for the test's report."""

    ways: Sequence[str]

    @property
    def reader(self) -> CardReader:
        """Another object after a reload of the settings."""
        ...

    def insert(self, card: EchoCard) -> None:
        """In place of the card that lies there."""
        ...

    def remove(self) -> None: ...

    def go(self, way: str) -> None:
        """The reader is gone when this returns, as its driver knows."""
        ...

    def come_back(self, way: str) -> None:
        """Whatever took it away is over. Does not wait for the driver."""
        ...


def ready(bench: ComingBench) -> None:
    until(lambda: bench.reader.status().state is DeviceState.READY, READY_WITHIN)


def presence(bench: ComingBench) -> Presence:
    """The next one, behind any leaving."""
    event = bench.reader.events.get(READY_WITHIN)
    while isinstance(event, Absence):
        event = bench.reader.events.get(READY_WITHIN)
    return event


def lays_down_again(bench: ComingBench) -> Presence:
    """The holder takes the card away and comes with it once more."""
    bench.remove()
    expect(bench.reader, Absence)
    ready(bench)
    bench.insert(EchoCard())
    return expect(bench.reader, Presence)


class ComingContract:
    """Inherit, and give a fixture `bench`; `way` runs over `ways` of the bench's class."""

    WAYS: Sequence[str]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "way" in metafunc.fixturenames:
            metafunc.parametrize("way", self.WAYS)

    def test_card_laid_on_an_empty_reader_came(self, bench: ComingBench) -> None:
        ready(bench)
        for _ in range(3):
            bench.insert(EchoCard())
            assert expect(bench.reader, Presence).came
            bench.remove()
            expect(bench.reader, Absence)

    def test_card_swapped_under_our_eyes_came(self, bench: ComingBench) -> None:
        ready(bench)
        bench.insert(EchoCard())
        assert expect(bench.reader, Presence).came
        bench.insert(EchoCard())
        expect(bench.reader, Absence)
        assert expect(bench.reader, Presence).came

    def test_card_left_lying_did_not_come(self, bench: ComingBench, way: str) -> None:
        ready(bench)
        bench.insert(EchoCard())
        assert expect(bench.reader, Presence).came
        bench.go(way)
        bench.come_back(way)
        assert not presence(bench).came
        assert lays_down_again(bench).came

    def test_card_laid_down_meanwhile_comes_once_it_has_left(
        self, bench: ComingBench, way: str
    ) -> None:
        ready(bench)
        bench.go(way)
        bench.insert(EchoCard())
        bench.come_back(way)
        assert not presence(bench).came
        assert lays_down_again(bench).came

    def test_card_swapped_meanwhile_did_not_come(self, bench: ComingBench, way: str) -> None:
        ready(bench)
        bench.insert(EchoCard())
        expect(bench.reader, Presence)
        bench.go(way)
        bench.insert(EchoCard())
        bench.come_back(way)
        assert not presence(bench).came
        assert lays_down_again(bench).came

    def test_card_left_lying_while_the_reader_goes_twice_did_not_come(
        self, bench: ComingBench, way: str
    ) -> None:
        ready(bench)
        bench.insert(EchoCard())
        expect(bench.reader, Presence)
        for _ in range(2):
            bench.go(way)
            bench.come_back(way)
        assert not presence(bench).came

    def test_card_left_lying_can_be_opened_and_is_its_presences_card(
        self, bench: ComingBench, way: str
    ) -> None:
        ready(bench)
        bench.insert(EchoCard())
        expect(bench.reader, Presence)
        bench.go(way)
        bench.come_back(way)
        card = bench.reader.open(presence(bench).count)
        assert card.transmit(COMMAND) == COMMAND + b"\x90\x00"
        card.close()
