"""The texts of the national interface: GBK, fields that end with `|`, empty ones kept.

Source: spec sscard-interface.md. What a caller sent is checked here, before any card is touched.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from agent.facade.faults import BadCharacters, BadInput, BadLength, BadParameter
from apdu.crypto import FACTOR
from apdu.social_security.file_address import MAX_DATA, CardInfo, parse_card_info
from drivers.contract import Interface
from trust import canonical

LONGEST: Final = 8 * 1024  # bytes of one parameter; a record's value is at most 255,
LONGEST_DATA: Final = MAX_DATA  # and a photo has 8 KB of digits
REPLACED: Final = "?"  # for a character that GBK does not have
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
NOT_HEX: Final = re.compile(r"[^0-9A-Fa-f|]")

# iType: the kinds of reader that may serve the call, in the order they are tried.
KINDS: Final = {
    "1": (Interface.CONTACT,),
    "2": (Interface.CONTACTLESS,),
    "3": (Interface.CONTACT, Interface.CONTACTLESS),
    "4": (Interface.CONTACTLESS, Interface.CONTACT),
}


def joined(fields: Iterable[str]) -> str:
    """Each field and a `|` behind it, also behind an empty one."""
    return "".join(f"{field}|" for field in fields)


def split(text: str) -> Sequence[str]:
    """The fields; the last `|` may be missing."""
    fields = text.split("|")
    return fields[:-1] if fields[-1] == "" else fields


def to_gbk(text: str) -> bytes:
    """GBK; a character beyond it, which GB 18030 writes with four bytes, is a `?`."""
    return b"".join(_gbk(character) for character in text)


def beyond_gbk(text: str) -> int:
    """How many characters `to_gbk` cannot say."""
    return sum(_gbk(character) == b"?" != character.encode("utf-8") for character in text)


def _gbk(character: str) -> bytes:
    encoded = character.encode("gb18030", errors="replace")
    return encoded if len(encoded) <= 2 else REPLACED.encode()


def from_gbk(name: str, value: bytes) -> str:
    """A parameter as text. Raises `BadLength`, `BadCharacters`."""
    _require_length(name, len(value))
    try:
        text = value.decode("gbk")
    except UnicodeDecodeError:
        raise BadCharacters(parameter=name) from None  # the cause would show the value
    return checked(name, text)


def checked(name: str, text: str) -> str:
    """A parameter without control characters. Raises `BadLength`, `BadCharacters`."""
    _require_length(name, len(text))
    if CONTROL.search(text):
        raise BadCharacters(parameter=name)
    return text


def _require_length(name: str, length: int) -> None:
    allowed = LONGEST_DATA if name == "pWriteData" else LONGEST
    if length > allowed:
        raise BadLength(parameter=name, allowed=allowed)


def kinds(text: str) -> Sequence[Interface]:
    """What an iType means. Raises `BadParameter`."""
    if text not in KINDS:
        raise BadParameter(parameter="iType", allowed="1 2 3 4")
    return KINDS[text]


def by_pin(text: str) -> bool:
    """What an iAuthType means: 1 by PIN, 2 by read key. Raises `BadParameter`."""
    if text not in ("1", "2"):
        raise BadParameter(parameter="iAuthType", allowed="1 2")
    return text == "1"


def card_info(text: str) -> CardInfo:
    """`card identification code | card number |`, either of which may be empty.

    Raises `BadCharacters`, `BadLength`, `FileAddressFault`.
    """
    card_id = canonical.digits(text.partition("|")[0])
    if NOT_HEX.search(card_id):
        raise BadCharacters(parameter="pCardInfo")
    if len(card_id) not in (0, 32):
        raise BadLength(parameter="pCardInfo", allowed=32)
    return parse_card_info(text)


def keys(text: str, originals: Sequence[bytes]) -> list[bytes]:
    """What the caller's HSM answered: one field `answer ‖ original` in hex per question asked.

    An answer has 8 bytes; an original must be the one that was asked. Fields beyond the questions
    must be empty. Raises `BadInput`, `BadCharacters`, `BadLength`.
    """
    if NOT_HEX.search(text):
        raise BadCharacters(parameter="pKey")
    fields = split(text)
    if any(fields[len(originals) :]) or len(fields) < len(originals):
        raise BadInput(parameter="pKey")
    return [_key(field, original) for field, original in zip(fields, originals, strict=False)]


def _key(field: str, original: bytes) -> bytes:
    allowed = 2 * (FACTOR + len(original))
    if len(field) != allowed:
        raise BadLength(parameter="pKey", allowed=allowed)
    value = bytes.fromhex(field)
    if value[FACTOR:] != original:
        raise BadInput(parameter="pKey")
    return value[:FACTOR]


def command(text: str, size: int) -> bytes:
    """The PIN command that the caller's HSM made, `size` bytes in hex; a `|` may follow.

    Raises `BadCharacters`, `BadLength`.
    """
    if NOT_HEX.search(text):
        raise BadCharacters(parameter="pKey")
    digits = text.removesuffix("|")
    if "|" in digits or len(digits) != 2 * size:
        raise BadLength(parameter="pKey", allowed=2 * size)
    return bytes.fromhex(digits)
