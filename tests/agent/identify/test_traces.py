"""Taps are recorded only while somebody listens, whatever their end, and redacted."""

from collections.abc import Callable
from functools import partial

import msgspec
import pytest

from agent.identify.traces import Traces
from apdu.social_security.authentication import read_basic
from apdu.trace import Flow, Recorder, parse
from tests.traces.recording import KINDS, ORDER, card_of_kind, forged, psam
from world import Fault
from world.real import RealWorld

TAP = partial(Flow, "basic")


def basic(traces: Traces, *, forge: bool = False) -> bool:
    """One read; True when it was recorded meanwhile."""
    card = forged() if forge else card_of_kind(KINDS[3])
    with traces.watching("door", card, psam(), TAP) as (channel, keys):
        read_basic(channel, keys, clock=float, stage=lambda name: None)
    return isinstance(channel, Recorder)


def heard(act: Callable[[Traces], object]) -> list[bytes]:
    """What a listener hears while that happens."""

    traces = Traces(RealWorld())
    with traces.feed.listen() as reports:
        act(traces)
        return [reports.get(0) for _ in range(len(reports))]


def test_nobody_listens_nothing_is_recorded() -> None:
    assert not basic(Traces(RealWorld()))


def test_a_tap_is_heard_with_its_reader_and_without_its_holder() -> None:
    (report,) = heard(basic)
    told = msgspec.json.decode(report)
    assert told["reader"] == "door"
    assert parse(told["trace"].encode()).header.ended == ""
    assert ORDER.holder.number not in told["trace"]


def test_a_refused_card_is_heard_too() -> None:
    def act(traces: Traces) -> None:
        with pytest.raises(Fault):
            basic(traces, forge=True)

    (report,) = heard(act)
    trace = parse(msgspec.json.decode(report)["trace"].encode())
    assert trace.header.ended == "card.authentication-failed"


def test_a_defect_leaves_no_trace() -> None:
    def act(traces: Traces) -> None:
        with (
            pytest.raises(ZeroDivisionError),
            traces.watching("door", card_of_kind(KINDS[3]), psam(), TAP),
        ):
            raise ZeroDivisionError

    assert heard(act) == []
