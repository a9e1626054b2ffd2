"""Names in certificates: equal ones have one form, and any DER is a name that shows something."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu import der
from apdu.distinguished import LONGEST, canonical, shown
from tests.apdu.test_foreign_certificates import tlv

COMMON_NAME = tlv(0x06, b"\x55\x04\x03")
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)


def name(*values: bytes) -> der.Node:
    return der.parse(tlv(0x30, *(tlv(0x31, tlv(0x30, COMMON_NAME, value)) for value in values)))


@given(TEXT)
def test_one_text_is_one_name_in_every_type_that_can_hold_it(text: str) -> None:
    values = [tlv(0x0C, text.encode()), tlv(0x1C, text.encode("utf-32-be"))]
    with suppress(UnicodeEncodeError):
        values.append(tlv(0x13, text.encode("ascii")))
    assert len({canonical(name(value)) for value in values}) == 1
    assert len({shown(name(value)) for value in values}) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b"Card CA", b"card ca", True),
        (b"Card CA", b"  Card   CA ", True),
        (b"Card CA", b"CardCA", False),
        (b"Card CA", b"Card CB", False),
    ],
)
def test_names_are_equal_as_rfc_5280_has_it(one: bytes, other: bytes, *, same: bool) -> None:
    assert (canonical(name(tlv(0x13, one))) == canonical(name(tlv(0x0C, other)))) == same


def test_two_parts_are_not_one() -> None:
    both = name(tlv(0x0C, b"a"), tlv(0x0C, b"b"))
    assert canonical(both) != canonical(name(tlv(0x0C, b"ab")))
    assert canonical(both) != canonical(name(tlv(0x0C, b"b"), tlv(0x0C, b"a")))


def test_a_name_of_old_software_is_shown_by_the_charset_that_it_was_written_in() -> None:
    assert shown(name(tlv(0x14, "卡".encode("gbk")))) == "卡"
    assert shown(name(tlv(0x0C, b"\xff"))) == "\ufffd"


@given(st.binary(max_size=60))
def test_any_der_is_a_name(content: bytes) -> None:
    for raw in (content, tlv(0x30, content), tlv(0x30, tlv(0x31, tlv(0x30, content)))):
        with suppress(der.DerFault):
            node = der.parse(raw)
            assert isinstance(canonical(node), bytes)
            assert shown(node).isprintable()
            assert len(shown(node)) <= LONGEST
