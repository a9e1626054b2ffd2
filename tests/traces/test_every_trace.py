"""A trace that is dropped into this folder is a test: the flow ends as it was recorded."""

from pathlib import Path

import pytest

from apdu.replay import replay
from apdu.trace import parse

TRACES = sorted(Path(__file__).parent.glob("*.jsonl"))


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_trace_replays_as_it_was_recorded(path: Path) -> None:
    replayed = replay(parse(path.read_bytes()))
    assert replayed.as_recorded, replayed.fault


def test_the_vendors_card_of_the_specification_proves_itself() -> None:
    (path,) = [path for path in TRACES if path.stem == "vendor-test-card-3.0-sm4"]
    replayed = replay(parse(path.read_bytes()))
    assert replayed.read is not None
    assert replayed.read.card_id == "519900D15600000510000B26FFFFFFFF"
    assert replayed.read.authenticated.read_key == "0A"
