"""The proof of the power cut, short; `onecard prove power` makes many more."""

from hypothesis import given
from hypothesis import strategies as st

from proving.proofs.power import run
from proving.proofs.writer import READY, rows_said

EPOCH, HASH = "0123456789abcdef" * 2, "fedcba9876543210" * 4
WHOLE = [(EPOCH, seq, HASH) for seq in (1, 2, 30)]
LINES = [f"{epoch} {seq} {digest}\n".encode() for epoch, seq, digest in WHOLE]


def test_no_acknowledged_row_is_lost_with_the_power_and_the_control_is_caught() -> None:
    result = run(["--cuts", "8"])
    assert result["holds"], result
    assert result["control"]["caught"]
    assert result["acknowledged"] > 0


def test_rows_are_what_came_as_whole_lines() -> None:
    assert rows_said(READY + b"".join(LINES)) == WHOLE
    assert rows_said(b"") == rows_said(READY) == []
    assert rows_said(b"- 7 -\n") == [("-", 7, "-")]


@given(st.integers(0, len(LINES[0])), st.integers(0, len(LINES[0])), st.sampled_from(range(3)))
def test_a_line_that_did_not_come_whole_is_no_row_and_fails_nobody(
    begin: int, end: int, at: int
) -> None:
    """A killed writer's line may lack its beginning, its middle or its end."""
    begin, end = sorted((begin, end))
    for torn in (LINES[at][begin:], LINES[at][:end], LINES[at][:begin] + LINES[at][end:]):
        said = [*LINES[:at], torn, *LINES[at + 1 :]]
        assert set(rows_said(b"".join(said))) <= set(WHOLE) | _glued(said)


def _glued(said: list[bytes]) -> set[tuple[str, int, str]]:
    """A number that lost a digit is a number still: the one thing that a cut can make up."""
    lost = {line.split(b" ")[1] for line in said if line.count(b" ") == 2}
    return {(EPOCH, int(seq), HASH) for seq in lost if seq.isdigit()}
