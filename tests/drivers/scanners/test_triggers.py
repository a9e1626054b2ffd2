"""Trigger protocols: the tables are what the manuals print, and answers are known for certain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scanners.triggers import TRIGGERS, Protocol, crc_ccitt, twos_complement
from simulators.devices.scan_module import MANUALS, gm65_answer

ANSWERING: list[Protocol] = ["newland", "gm65", "ssi"]
protocols = st.sampled_from(ANSWERING)


@pytest.mark.parametrize("protocol", TRIGGERS)
def test_commands_are_those_of_the_manual(protocol: Protocol) -> None:
    trigger, manual = TRIGGERS[protocol], MANUALS[protocol]
    assert (trigger.start, trigger.stop) == (manual.start, manual.stop)


@pytest.mark.parametrize("protocol", ANSWERING)
def test_answers_that_the_manuals_print_are_known(protocol: Protocol) -> None:
    trigger, manual = TRIGGERS[protocol], MANUALS[protocol]
    assert (manual.yes, True) in trigger.examples
    assert (manual.no, False) in trigger.examples
    for answer, accepted in trigger.examples:
        found = trigger.find_answer(answer)
        assert found is not None
        assert (found.accepted, found.rest) == (accepted, b"")


def test_sums_are_those_of_the_manuals() -> None:
    assert crc_ccitt(bytes.fromhex("000100")) == bytes.fromhex("3331")
    assert twos_complement(bytes.fromhex("04E40400")) == bytes.fromhex("FF14")
    assert twos_complement(bytes.fromhex("04E50400")) == bytes.fromhex("FF13")
    assert gm65_answer(0) == MANUALS["gm65"].yes


@pytest.mark.parametrize("protocol", ["gm65", "ssi"])
@given(at=st.integers(0, 100), bit=st.integers(0, 7))
def test_answer_with_one_wrong_bit_is_none(protocol: Protocol, at: int, bit: int) -> None:
    for good, _ in TRIGGERS[protocol].examples:
        bad = bytearray(good)
        bad[at % len(bad)] ^= 1 << bit
        assert TRIGGERS[protocol].find_answer(bytes(bad)) is None


@given(protocols, st.binary(max_size=40), st.binary(max_size=400))
def test_what_came_beside_the_answer_is_kept(
    protocol: Protocol, before: bytes, after: bytes
) -> None:
    yes = MANUALS[protocol].yes
    if TRIGGERS[protocol].find_answer(before + yes[:-1]) is None:
        found = TRIGGERS[protocol].find_answer(before + yes + after)
        assert found is not None
        assert found.accepted
        assert found.rest == before + after


@given(protocols, st.binary(max_size=600))
def test_garbage_is_no_answer(protocol: Protocol, data: bytes) -> None:
    found = TRIGGERS[protocol].find_answer(data)
    assert found is None or len(found.rest) < len(data)


@given(protocols, st.integers(0, 15))
def test_truncated_answer_is_none_yet(protocol: Protocol, length: int) -> None:
    yes = MANUALS[protocol].yes
    assert TRIGGERS[protocol].find_answer(yes[: min(length, len(yes) - 1)]) is None


def test_module_that_never_answers_needs_no_answer() -> None:
    found = TRIGGERS["honeywell"].find_answer(b"code\r")
    assert found is not None
    assert (found.accepted, found.rest) == (True, b"code\r")
