"""A trace that is dropped into this folder is a test: the flow ends as it was recorded."""

from pathlib import Path

import pytest

from apdu.replay import replay
from apdu.trace import TraceMalformed, parse

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


@pytest.mark.parametrize("save", [b"\xef\xbb\xbf%b", b"%b\r\n"], ids=["mark", "crlf"])
def test_a_trace_that_an_editor_saved_is_the_same(save: bytes) -> None:
    raw = TRACES[0].read_bytes()
    assert bytes(parse(save % raw.replace(b"\n", b"\r\n"))) == raw


@pytest.mark.parametrize(
    ("raw", "problem"),
    [("{}".encode("utf-16"), "UTF-16, not UTF-8"), (b"{}\n\x00", "NUL, not UTF-8")],
)
def test_a_trace_that_is_no_utf_8_is_told_what_it_is(raw: bytes, problem: str) -> None:
    with pytest.raises(TraceMalformed) as caught:
        parse(raw)
    assert caught.value.facts["problem"] == problem
