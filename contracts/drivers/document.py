"""What every ID-card reader must do. A driver's tests inherit `DocumentContract`."""

import logging
from collections.abc import Sequence
from typing import Protocol, TypeVar

import pytest

from apdu.id_document import DocumentFault
from contracts.drivers.reader import until, until_said
from contracts.secrets_probe import Probe
from drivers.contract import DeviceFault, DeviceState, Document, DocumentReader, Unread
from simulators.devices.idcard import IdCard

PATIENCE = 60.0  # seconds; what comes takes milliseconds, what does not come fails the test

WAYS = ("unplug", "take back", "reload")  # how a reader goes and is opened anew

Event = TypeVar("Event", Document, Unread)


class DocumentBench(Protocol):
    """A started reader named `id`, that asks for photos, and documents in the test's hand."""

    @property
    def reader(self) -> DocumentReader: ...

    @property
    def cards(self) -> Sequence[IdCard]:
        """Three or more documents of different people."""
        ...

    @property
    def planted(self) -> Probe:
        """Who these people are."""
        ...

    def lay(self, card: IdCard, *, damaged: bool = False) -> None:
        """A person lays a document down. `damaged`: it is found and cannot be read."""
        ...

    def lift(self) -> None:
        """The person takes it away, as slowly as people do."""
        ...

    def looked_again(self) -> None:
        """Returns when the reader has looked several times more for what lies there."""
        ...

    def unplug_in_read(self) -> None:
        """The device will be unplugged while it reads the next document."""
        ...

    def unplug(self) -> None: ...

    def plug(self) -> None: ...

    def go(self, way: str) -> None:
        """The device is away for its driver when this returns: unplugged, released, or the driver
        itself has ended and `reader` will be another one."""
        ...

    def come_back(self, way: str) -> None:
        """What `go` did is over."""
        ...

    def free(self) -> bool:
        """Whether another program could have the device now."""
        ...


def expect(bench: DocumentBench, kind: type[Event]) -> Event:
    """The next event, which has to be of that kind."""
    event = bench.reader.events.get(PATIENCE)
    assert isinstance(event, kind), event
    return event


def ready(bench: DocumentBench) -> None:
    until(lambda: bench.reader.status().state is DeviceState.READY, PATIENCE)


def away(bench: DocumentBench) -> None:
    until(lambda: bench.reader.status().state is not DeviceState.READY, PATIENCE)


class DocumentContract:
    """Inherit, and give a fixture `bench`."""

    def test_document_comes_out_undecoded_and_with_its_times(self, bench: DocumentBench) -> None:
        ready(bench)
        counts = []
        for card in bench.cards:
            bench.lay(card)
            document = expect(bench, Document)
            assert (document.text, document.photo) == (card.text, card.photo)
            assert document.source == bench.reader.name == "id"
            assert document.seen <= document.at
            counts.append(document.count)
            bench.lift()
        assert counts == sorted(set(counts))
        assert bench.reader.status().presented == len(bench.cards)
        assert len(bench.reader.events) == 0

    def test_document_that_stays_is_read_once(self, bench: DocumentBench) -> None:
        ready(bench)
        bench.lay(bench.cards[0])
        expect(bench, Document)
        bench.looked_again()
        assert len(bench.reader.events) == 0
        assert bench.reader.status().presented == 1
        assert bench.reader.status().state is DeviceState.READY

    def test_the_same_document_laid_down_again_is_read_again(self, bench: DocumentBench) -> None:
        ready(bench)
        bench.lay(bench.cards[0])
        first = expect(bench, Document)
        bench.lift()
        bench.lay(bench.cards[0])
        second = expect(bench, Document)
        assert second.text == first.text
        assert second.count > first.count

    def test_document_that_cannot_be_read_is_told_once(self, bench: DocumentBench) -> None:
        ready(bench)
        bench.lay(bench.cards[0], damaged=True)
        unread = expect(bench, Unread)
        assert isinstance(unread.fault, DocumentFault)
        assert unread.fault.facts["device"] == unread.source == "id"
        assert unread.seen <= unread.at
        bench.looked_again()
        assert len(bench.reader.events) == 0
        assert bench.reader.status().state is DeviceState.READY
        bench.lift()
        bench.lay(bench.cards[1])
        assert expect(bench, Document).count > unread.count

    def test_nobody_is_told_of_nothing(self, bench: DocumentBench) -> None:
        ready(bench)
        bench.looked_again()
        assert len(bench.reader.events) == 0
        assert bench.reader.status().presented == 0

    def test_unplugged_in_the_middle_of_a_read_is_told_and_comes_back(
        self, bench: DocumentBench
    ) -> None:
        ready(bench)
        bench.unplug_in_read()
        bench.lay(bench.cards[0])
        assert isinstance(expect(bench, Unread).fault, DeviceFault)
        away(bench)
        bench.plug()
        bench.reader.look()
        assert not expect(bench, Unread).came
        assert bench.reader.status().lost == 1
        bench.lift()
        bench.lay(bench.cards[0])
        document = expect(bench, Document)
        assert document.came
        assert document.text == bench.cards[0].text

    @pytest.mark.parametrize("way", WAYS)
    def test_document_left_lying_did_not_come_and_is_not_read(
        self, bench: DocumentBench, way: str
    ) -> None:
        ready(bench)
        bench.lay(bench.cards[0])
        assert expect(bench, Document).came
        bench.go(way)
        bench.come_back(way)
        ready(bench)
        bench.looked_again()  # a module that had power all the time may hide what it has read
        self._comes_again(bench, [bench.reader.events.get(0)] if len(bench.reader.events) else [])

    @pytest.mark.parametrize("way", WAYS)
    def test_document_laid_down_meanwhile_did_not_come_and_is_not_read(
        self, bench: DocumentBench, way: str
    ) -> None:
        ready(bench)
        bench.go(way)
        bench.lay(bench.cards[1])
        bench.come_back(way)
        self._comes_again(bench, [expect(bench, Unread)])

    def _comes_again(self, bench: DocumentBench, told: Sequence[Document | Unread]) -> None:
        """Nothing of it was read, and it is when it has left and is laid down again."""
        for unread in told:
            assert isinstance(unread, Unread)
            assert not unread.came
            assert isinstance(unread.fault, DocumentFault)
        bench.looked_again()
        assert len(bench.reader.events) == 0
        bench.lift()
        bench.lay(bench.cards[2])
        document = expect(bench, Document)
        assert document.came
        assert document.text == bench.cards[2].text

    def test_unplugged_and_plugged_again_it_reads_on(
        self, bench: DocumentBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        ready(bench)
        with caplog.at_level(logging.INFO, logger="onecard.devices"):
            for turn in (1, 2):
                bench.unplug()
                away(bench)
                assert bench.reader.status().state is DeviceState.ABSENT
                bench.plug()
                bench.reader.look()
                ready(bench)
                assert bench.reader.status().lost == turn
            until_said(caplog, ["device id: device.lost", "device id: back"] * 2, PATIENCE)
        bench.lay(bench.cards[0])
        expect(bench, Document)

    def test_stopped_it_lets_go_of_the_device(self, bench: DocumentBench) -> None:
        ready(bench)
        bench.reader.stop()
        until(bench.free, PATIENCE)

    def test_nobody_is_named_in_log_status_faults_and_representations(
        self, bench: DocumentBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        ready(bench)
        outputs = {}
        with caplog.at_level(logging.DEBUG):
            for number, card in enumerate(bench.cards):
                damaged = number == 1
                bench.lay(card, damaged=damaged)
                event = bench.reader.events.get(PATIENCE)
                assert isinstance(event, Unread) == damaged
                outputs[f"event {number}"] = repr(event)
                if isinstance(event, Unread):
                    outputs["fault"] = f"{event.fault!r} {event.fault}"
                bench.lift()
            bench.unplug()
            away(bench)
        outputs["log"] = caplog.text
        outputs["status"] = repr(bench.reader.status())
        bench.planted.check_all(outputs)
        assert bench.planted.leaks("control", bench.cards[0].text)
