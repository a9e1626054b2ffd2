"""What every code source must do. A driver's tests inherit `SourceContract` and bring the codes."""

import logging
from collections.abc import Sequence
from typing import Protocol

import pytest

from contracts.drivers.reader import until
from drivers.contract import Code, CodeSource, DeviceState
from drivers.io.repeats import MOST_WAITING

PATIENCE = 60.0  # seconds; what comes takes milliseconds, what does not come fails the test


class SourceBench(Protocol):
    """A started source named `scanner` with a same-code window of at least 60 s, whose codes are
    in the test's hand."""

    @property
    def source(self) -> CodeSource: ...

    @property
    def contents(self) -> Sequence[bytes]:
        """Three or more different contents that this kind of source can carry, binary among them
        where it can."""
        ...

    def show(self, content: bytes) -> None:
        """A person holds a code before the source; returns at once."""
        ...

    def hide(self) -> None:
        """The code is taken away (nothing to do where `show` is over by itself)."""
        ...

    def unplug(self) -> None: ...

    def plug(self) -> None: ...

    def free(self) -> bool:
        """Whether another program could have the device now."""
        ...


class SourceContract:
    """Inherit, and give a fixture `bench`."""

    def test_code_comes_out_raw_and_with_its_times(self, bench: SourceBench) -> None:
        ready(bench)
        for content in bench.contents:
            code = read(bench, content)
            assert code.content == content
            assert code.source == bench.source.name == "scanner"
            assert code.seen <= code.at
        assert bench.source.status().presented == len(bench.contents)

    def test_same_code_within_the_window_is_dropped_and_counted(self, bench: SourceBench) -> None:
        ready(bench)
        first, second = bench.contents[:2]
        read(bench, first)
        before = repeated(bench)
        bench.show(first)
        until(lambda: repeated(bench) > before, PATIENCE)
        bench.hide()
        # Another one in between does not make the first a new one.
        assert read(bench, second).content == second
        before = repeated(bench)
        bench.show(first)
        until(lambda: repeated(bench) > before, PATIENCE)
        bench.hide()
        assert len(bench.source.events) == 0
        assert bench.source.status().presented == 2

    def test_released_it_lets_go_and_reads_nothing_until_taken_back(
        self, bench: SourceBench
    ) -> None:
        ready(bench)
        unread, wanted = bench.contents[:2]
        bench.source.release()
        until(lambda: bench.source.status().fault == "device.released", PATIENCE)
        assert bench.source.status().state is DeviceState.BUSY
        until(bench.free, PATIENCE)
        bench.show(unread)
        bench.hide()
        bench.source.take_back()
        ready(bench)
        assert bench.source.status().lost == 0
        assert read(bench, wanted).content == wanted

    def test_unplugged_it_is_away_and_comes_back_by_itself(
        self, bench: SourceBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        ready(bench)
        with caplog.at_level(logging.INFO, logger="onecard.devices"):
            for turn, content in enumerate(bench.contents[:2], start=1):
                bench.unplug()
                until(lambda: not is_ready(bench), PATIENCE)
                bench.plug()
                bench.source.look()
                ready(bench)
                assert bench.source.status().lost == turn
                assert read(bench, content).content == content
        said = [record.getMessage() for record in caplog.records]
        assert len(said) == 4, said  # away and back, once each
        assert said[1] == said[3] == "device scanner: back"

    def test_content_is_in_no_repr_log_or_status(
        self, bench: SourceBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        ready(bench)
        with caplog.at_level(logging.DEBUG):
            codes = [read(bench, content) for content in bench.contents]
            bench.show(bench.contents[0])
            bench.hide()
            bench.unplug()
            until(lambda: not is_ready(bench), PATIENCE)
        told = f"{codes!r} {bench.source.status()!r} {bench.source!r} {caplog.text}"
        for content in bench.contents:
            assert repr(content)[2:-1] not in told
            assert content.hex() not in told.lower()
            assert content.decode("gbk", "replace") not in told

    def test_while_its_lane_is_far_behind_nothing_is_kept_for_later(
        self, bench: SourceBench
    ) -> None:
        ready(bench)
        waiting = [Code("scanner", b"%d" % n, 0.0, 0.0) for n in range(MOST_WAITING)]
        for code in waiting:
            bench.source.events.put(code)
        bench.show(bench.contents[0])
        until(lambda: bench.source.status().counters.get("unserved", 0) > 0, PATIENCE)
        bench.hide()
        assert [bench.source.events.get(PATIENCE) for _ in waiting] == waiting
        # It was not seen, so it is no repetition now.
        assert read(bench, bench.contents[0]).content == bench.contents[0]

    def test_stopped_it_lets_go(self, bench: SourceBench) -> None:
        ready(bench)
        bench.source.stop()
        until(bench.free, PATIENCE)


def ready(bench: SourceBench) -> None:
    until(lambda: is_ready(bench), PATIENCE)


def is_ready(bench: SourceBench) -> bool:
    return bench.source.status().state is DeviceState.READY


def read(bench: SourceBench, content: bytes) -> Code:
    """Show a code that is new, and what the source makes of it."""
    bench.show(content)
    code = bench.source.events.get(PATIENCE)
    bench.hide()
    return code


def repeated(bench: SourceBench) -> int:
    """How many codes were dropped because they had just been there."""
    return bench.source.status().counters.get("repeated", 0)
