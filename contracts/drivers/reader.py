"""What every card reader must do. A driver's tests inherit `ReaderContract` and bring the cards."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import pytest

from apdu.channel import CardGone
from drivers.contract import Absence, CardReader, DeviceState, DeviceStuck, Interface, Presence
from world.real import RealWorld
from world.tasks import RealTask

COMMAND = bytes.fromhex("00A4040000")
SOON = 60.0  # seconds; what comes takes milliseconds, what does not come fails the test
READY_WITHIN = 60.0  # seconds of patience, no measure: `prove tear` and `prove devices` measure it

Event = TypeVar("Event", Presence, Absence)


class ReaderBench(Protocol):
    """A reader whose cards are in the test's hand. Its card echoes each command and adds 9000."""

    @property
    def reader(self) -> CardReader: ...

    @property
    def interface(self) -> Interface: ...

    @property
    def atr(self) -> bytes: ...

    def insert(self, *, mute: bool = False, pulled_in_apdu: int | None = None) -> None:
        """A card comes. `mute`: it answers nothing but its ATR."""
        ...

    def remove(self) -> None: ...

    def powered(self) -> bool:
        """Whether the card that was inserted last has power."""
        ...

    def await_command(self) -> None:
        """Returns when the mute card has got a command."""
        ...


def expect(reader: CardReader, kind: type[Event]) -> Event:
    """The next event of a reader, which has to be of that kind."""
    event = reader.events.get(SOON)
    assert isinstance(event, kind), event
    return event


def until(condition: Callable[[], bool], within: float = SOON) -> None:
    """Wait for what no event tells of."""
    world = RealWorld()
    deadline = world.monotonic() + within
    while not condition():
        assert world.monotonic() < deadline, "waited in vain"
        world.wait(0.002)


def until_said(
    caplog: pytest.LogCaptureFixture, lines: Sequence[str], within: float = SOON
) -> None:
    """The log says these lines and no others. A device's thread says a line just after its status
    shows what the line is about, so the last one is waited for, at the level that lets it through.
    """

    def said() -> list[str]:
        return [record.getMessage() for record in caplog.records]

    until(lambda: len(said()) >= len(lines), within)
    assert said() == list(lines)


class ReaderContract:
    """Inherit, and give a fixture `bench`."""

    def test_presence_names_reader_interface_and_atr(self, bench: ReaderBench) -> None:
        bench.insert()
        presence = expect(bench.reader, Presence)
        assert presence.reader == bench.reader.name
        assert presence.interface is bench.reader.interface is bench.interface
        assert presence.atr == bench.atr

    def test_opened_card_answers_and_says_its_atr(self, bench: ReaderBench) -> None:
        bench.insert()
        expect(bench.reader, Presence)
        card = bench.reader.open()
        assert card.transmit(COMMAND) == COMMAND + b"\x90\x00"
        assert card.atr == bench.atr
        assert card.present()
        card.close()

    def test_close_powers_down_and_may_be_repeated(self, bench: ReaderBench) -> None:
        bench.insert()
        expect(bench.reader, Presence)
        card = bench.reader.open()
        assert bench.powered()
        card.close()
        until(lambda: not bench.powered())
        card.close()

    def test_closed_card_is_gone(self, bench: ReaderBench) -> None:
        bench.insert()
        expect(bench.reader, Presence)
        card = bench.reader.open()
        card.close()
        assert not card.present()
        with pytest.raises(CardGone):
            card.transmit(COMMAND)

    def test_card_that_stays_can_be_opened_again(self, bench: ReaderBench) -> None:
        bench.insert()
        expect(bench.reader, Presence)
        for _ in range(3):
            card = bench.reader.open()
            assert card.transmit(COMMAND)[-2:] == b"\x90\x00"
            card.close()

    def test_empty_slot_is_card_gone(self, bench: ReaderBench) -> None:
        with pytest.raises(CardGone):
            bench.reader.open()
        assert bench.reader.status().state is DeviceState.READY

    def test_each_tap_is_one_presence_and_one_absence(self, bench: ReaderBench) -> None:
        counts = []
        for _ in range(5):
            bench.insert()
            counts.append(expect(bench.reader, Presence).count)
            bench.remove()
            assert expect(bench.reader, Absence).count == counts[-1]
        assert counts == sorted(set(counts))
        assert bench.reader.status().presented == 5
        assert len(bench.reader.events) == 0

    def test_card_that_left_is_no_ghost(self, bench: ReaderBench) -> None:
        bench.insert()
        expect(bench.reader, Presence)
        card = bench.reader.open()
        bench.remove()
        expect(bench.reader, Absence)
        assert not card.present()
        with pytest.raises(CardGone):
            card.transmit(COMMAND)
        card.close()
        with pytest.raises(CardGone):
            bench.reader.open()

    def test_another_card_put_back_is_not_the_same_card(self, bench: ReaderBench) -> None:
        bench.insert()
        first = expect(bench.reader, Presence)
        card = bench.reader.open()
        bench.insert()
        expect(bench.reader, Absence)
        second = expect(bench.reader, Presence)
        assert second.count > first.count
        assert not card.present()
        with pytest.raises(CardGone):
            card.transmit(COMMAND)
        card.close()
        again = bench.reader.open()
        assert again.transmit(COMMAND)[-2:] == b"\x90\x00"
        again.close()

    def test_card_lifted_during_a_transmit_is_card_gone(self, bench: ReaderBench) -> None:
        bench.insert(pulled_in_apdu=1)
        expect(bench.reader, Presence)
        card = bench.reader.open()
        card.transmit(COMMAND)
        with pytest.raises(CardGone):
            card.transmit(COMMAND)
        assert not card.present()
        card.close()
        expect(bench.reader, Absence)
        bench.insert()
        expect(bench.reader, Presence)
        bench.reader.open().close()

    def test_hanging_card_is_no_answer_until_it_leaves(self, bench: ReaderBench) -> None:
        bench.insert(mute=True)
        expect(bench.reader, Presence)
        outcome: list[BaseException] = []
        lane = RealTask(lambda: outcome.append(_transmit_until_fault(bench.reader)), "lane")
        bench.await_command()
        bench.reader.give_up()
        assert bench.reader.status().state is DeviceState.NO_ANSWER
        with pytest.raises(DeviceStuck):
            bench.reader.open()
        bench.remove()
        assert lane.join(READY_WITHIN)
        assert [type(fault) for fault in outcome] == [CardGone]
        assert bench.reader.status().state is DeviceState.READY
        expect(bench.reader, Absence)
        bench.insert()
        expect(bench.reader, Presence)
        bench.reader.open().close()

    def test_giving_up_without_a_call_changes_nothing(self, bench: ReaderBench) -> None:
        bench.reader.give_up()
        assert bench.reader.status().state is DeviceState.READY


def _transmit_until_fault(reader: CardReader) -> BaseException:
    card = reader.open()
    with pytest.raises(CardGone) as caught:
        card.transmit(COMMAND)
    card.close()
    return caught.value
