"""Kinds of cards: which one a card is, as far as it is known, and how it is spoken to then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.social_security.quirks import (
    STANDARD,
    Addressing,
    CardKind,
    CardKinds,
    Quirks,
    Rewrite,
    Traits,
)

ATR = bytes.fromhex("3B6D000000814A444686605199000001AC")
AIR = bytes.fromhex("3B8D800100814A444686605199000001AC46")
OLD = CardKind(name="old", regions=("5199",), generations=("1.0", "2.0"), internal_key_version=1)
HERE = CardKind(name="here", regions=("519900",), applications_by_fid=True)
CHIP = CardKind(name="chip", atr="*00814A*", rewrites={"00A402": "00A400"})
KINDS = CardKinds([OLD, HERE, CHIP])


@pytest.mark.parametrize(
    ("traits", "name"),
    [
        (Traits(ATR), "chip"),
        (Traits(AIR), "chip"),
        (Traits(ATR, "519900"), "here"),
        (Traits(ATR, "519901"), "chip"),
        (Traits(ATR, "519900", "3.0"), "here"),
        (Traits(ATR, "519900", "1.0"), "old"),
        (Traits(ATR, "", "2.0"), "old"),  # by the four digits in the ATR
        (Traits(ATR, "110000", "2.0"), "chip"),  # which count until the region has been read
        (Traits(b"\x3b\x00", "110000", "2.0"), ""),
        (Traits(b""), ""),
    ],
)
def test_the_first_kind_counts_of_which_a_card_is_known_to_be(traits: Traits, name: str) -> None:
    kind = KINDS.find(traits)
    assert (kind.name if kind else "") == name


def test_the_generation_is_asked_for_only_where_it_would_tell() -> None:
    assert KINDS.asks_generation(Traits(ATR))
    assert not KINDS.asks_generation(Traits(ATR, "110000"))
    assert not CardKinds([HERE, CHIP]).asks_generation(Traits(ATR))


def test_a_row_becomes_switches() -> None:
    row = CardKind(
        name="all",
        internal_key_version=2,
        rewrites={"00A402": "00A400"},
        applications_by_fid=True,
        le_zero=False,
        addressing=("sfi-number",),
    )
    assert row.quirks == Quirks(
        le_zero=False,
        rewrites=(Rewrite(b"\x00\xa4\x02", b"\x00\xa4\x00"),),
        internal_key_version=2,
        applications_by_fid=True,
        addressing=(Addressing.SFI_AND_NUMBER,),
    )
    assert CardKind(name="none").quirks == STANDARD


def test_of_no_kind_is_as_the_specification_says() -> None:
    assert KINDS.named("") == STANDARD
    assert KINDS.named("old").internal_key_version == 1


@given(st.binary(max_size=33))
def test_any_atr_is_of_a_kind_or_of_none(atr: bytes) -> None:
    kind = KINDS.find(Traits(atr))
    assert kind is None or kind in KINDS.rows
    # What a trace keeps finds the same, and has nothing of the serial.
    kept = CardKinds(KINDS.of_atr(atr))
    assert all(row.atr == "" for row in kept.rows)
    again = kept.find(Traits(atr))
    assert (again.name if again else "") == (kind.name if kind else "")
