"""A report descriptor says what a HID device is about, and a hostile one says nothing."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.io.hid import BAR_CODE_SCANNERS, usage_pages

# The beginning of a HID POS scanner's: usage page 0x8C, usage 0x02, application collection.
HID_POS = bytes.fromhex("068C000902A1010902A10015002 6FF00C0C0".replace(" ", ""))
KEYBOARD = bytes.fromhex("05010906A101050719E029E715002501750195088102C0")


def test_scanner_and_keyboard_are_told_apart() -> None:
    assert BAR_CODE_SCANNERS in usage_pages(HID_POS)
    assert usage_pages(KEYBOARD) == {0x01, 0x07}


def test_long_items_are_stepped_over() -> None:
    assert usage_pages(b"\xfe\x02\x00\x05\x8c" + b"\x05\x01") == {1}


@given(st.binary(max_size=600))
def test_garbage_is_read_as_far_as_it_goes(descriptor: bytes) -> None:
    assert all(0 <= page < 2**32 for page in usage_pages(descriptor))


@given(st.integers(0, len(HID_POS)))
def test_truncated_is_a_part_of_the_whole(length: int) -> None:
    assert usage_pages(HID_POS[:length]) <= usage_pages(HID_POS)
