import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.crypto import Algorithm
from apdu.social_security.card import AlgorithmFault, algorithm_of
from apdu.social_security.files import SSSE
from apdu.tlv import MAX_BYTES, MAX_DEPTH, Fci, TlvFault, parse, parse_fci

EXAMPLE = bytes.fromhex("6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860103")


def nested(depth: int) -> bytes:
    raw = b""
    for _ in range(depth):
        raw = bytes((0x61, len(raw))) + raw
    return raw


@given(st.binary(max_size=200))
def test_any_bytes_are_a_tree_or_a_fault(raw: bytes) -> None:
    try:
        parse(raw)
        parse_fci(raw)
    except TlvFault:
        return


@given(st.data())
def test_a_damaged_fci_is_an_fci_or_a_fault(data: st.DataObject) -> None:
    raw = bytearray(EXAMPLE)
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        parse_fci(bytes(raw))
    except TlvFault:
        return


def test_the_example_of_the_specification() -> None:
    assert parse_fci(EXAMPLE) == Fci(name=SSSE, directory_sfi=0x1E, algorithm=3)


def test_an_empty_answer_tells_nothing() -> None:
    assert parse_fci(b"") == Fci()


def test_an_issuers_own_data_that_is_no_tlv_leaves_the_algorithm_to_the_region() -> None:
    raw = bytes.fromhex("6F08A5069F0C03FF01FF")
    assert parse_fci(raw).algorithm is None


@pytest.mark.parametrize("raw", [nested(MAX_DEPTH + 1), bytes(MAX_BYTES + 1)])
def test_depth_and_length_are_limited(raw: bytes) -> None:
    with pytest.raises(TlvFault):
        parse(raw)


def test_what_is_within_the_limits_passes() -> None:
    """The control: the limits do not refuse everything."""
    assert len(list(parse(nested(MAX_DEPTH))[0].walk())) == MAX_DEPTH


@pytest.mark.parametrize(
    "text",
    [
        "84",
        "8405AA",
        "8480",
        "8483000001",
        "9F",
        "9F8080800100",
        "1F",
        "8401AA6F",
        "6F038405AA",
    ],
)
def test_truncated_and_odd_forms_are_faults(text: str) -> None:
    with pytest.raises(TlvFault):
        parse(bytes.fromhex(text))


@pytest.mark.parametrize(
    ("value", "region", "algorithm"),
    [
        (1, "519900", Algorithm.TDES),
        (2, "519900", Algorithm.SSF33),
        (3, "110000", Algorithm.SM4),
        (None, "110000", Algorithm.SSF33),
        (None, "519900", Algorithm.TDES),
    ],
)
def test_the_algorithm_is_the_fcis_else_the_regions(
    value: int | None, region: str, algorithm: Algorithm
) -> None:
    assert algorithm_of(Fci(algorithm=value), region) is algorithm


def test_an_unknown_algorithm_is_a_fault() -> None:
    with pytest.raises(AlgorithmFault):
        algorithm_of(Fci(algorithm=7), "519900")
