"""HID report descriptors: which usage pages a device's reports are about."""

from typing import Final

LONG_ITEM: Final = 0xFE
USAGE_PAGE: Final = 0x04  # global item, tag 0: HID 1.11, 6.2.2.7
BAR_CODE_SCANNERS: Final = 0x8C  # usage page of HID POS scanners


def usage_pages(descriptor: bytes) -> frozenset[int]:
    """All usage pages that a report descriptor names; a truncated one is read as far as it goes.

    Short items are one byte (size, type, tag) and 0, 1, 2 or 4 bytes of data; long ones have their
    size in the second byte. Source: Device Class Definition for HID 1.11, 6.2.2.
    """
    pages = set()
    at = 0
    while at < len(descriptor):
        prefix = descriptor[at]
        if prefix == LONG_ITEM:
            at += 3 + (descriptor[at + 1] if at + 1 < len(descriptor) else 0)
            continue
        size = (0, 1, 2, 4)[prefix & 0x03]
        data = descriptor[at + 1 : at + 1 + size]
        if prefix & 0xFC == USAGE_PAGE and len(data) == size:
            pages.add(int.from_bytes(data, "little"))
        at += 1 + size
    return frozenset(pages)
