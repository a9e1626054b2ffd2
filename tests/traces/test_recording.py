"""What a trace keeps of a card: everything that the flow judges, and nobody's data."""

from dataclasses import replace

import pytest

from apdu.replay import replay
from apdu.trace import parse
from contracts.secrets_probe import Probe
from simulators.cards import Algorithm, Generation, Interface
from tests.traces.recording import CITY, KINDS, ORDER, card_of, channel_of, record


@pytest.mark.parametrize(("generation", "algorithm", "interface"), KINDS)
def test_a_recorded_flow_replays_to_the_same_end_with_made_up_values(
    generation: Generation, algorithm: Algorithm, interface: Interface
) -> None:
    order = replace(ORDER, generation=generation, algorithm=algorithm)
    recorded = record(channel_of(card_of(order, interface), interface))
    assert recorded.fault is None
    trace = parse(bytes(recorded.trace))
    assert trace == recorded.trace
    replayed = replay(trace)
    assert replayed.as_recorded
    assert replayed.read is not None
    assert replayed.read.generation.value == generation.value
    assert replayed.read.holder.name == "某某某某"
    assert replayed.read.holder.social_security_number == "519900190001010014"
    assert recorded.read is not None
    assert replayed.read.doubts == recorded.read.doubts
    probe = Probe(
        {
            "number": order.holder.number,
            "name": order.holder.name,
            "card number": order.card_number,
            "card id": CITY.card_id(order.serial)[6:],
            "historical": CITY.historical(order.serial)[7:],
        }
    )
    probe.check("trace", bytes(trace))
