"""References: card ids and social security numbers become keyed hashes before they leave a flow.

One person's card, e-card and ID card give the same person reference, so they meet in journal,
lists and platform without the number itself being anywhere. Each is made of the one form of its
number (`trust.canonical`), however card, list or platform wrote it.
"""

from datetime import date
from typing import Final

from trust import canonical
from trust.sm3 import KeyedSm3
from world import Fault


class ReferenceEmpty(Fault):
    """There is nothing to make a reference of: all cards without a number would share it. Fact:
    `kind` ("card", "number", "person", "account", "document")."""

    code = "reference.empty"


SECRET: Final = "city-reference"  # the key's name in the key store; `trust.secrets.KEY_32`


class References:
    """HMAC-SM3 under the city's reference key (design.md, The journal); 64 hex digits each.

    A word in front keeps the kinds apart, so that no number can pass for another kind. Every method
    raises `ReferenceEmpty`.
    """

    def __init__(self, city_key: bytes) -> None:
        self._city = KeyedSm3(city_key)

    def card(self, card_id: bytes) -> str:
        """Of the 16-byte card identification code (卡识别码)."""
        return self._of("card", card_id)

    def number(self, card_number: str) -> str:
        """Of the 9-character card number (卡号), or of a transit card's number."""
        return self._of("number", _bytes_of(canonical.card_number(card_number)))

    def person(self, social_security_number: str) -> str:
        """Of the 18-character social security number, or the 15 digits that it once had."""
        return self._of("person", _bytes_of(canonical.id_number(social_security_number)))

    def account(self, account: bytes) -> str:
        """Of the payment account that a transit code names. What fills up its 16 bytes is no part
        of it."""
        return self._of("account", canonical.account(account))

    def card_as_account(self, number: bytes) -> str:
        """Of the card that a transit code names instead of an account: its 10 bytes of digits, of
        which none is a filling."""
        return self._of("account", number)

    def document(self, number: str, issued: date | None) -> str:
        """Of an ID document: its holder's number and its first day, so that a new one differs."""
        holder = canonical.id_number(number)
        day = f"{issued:%Y%m%d}" if issued else ""
        return self._of("document", _bytes_of(f"{holder}\0{day}" if holder else ""))

    def _of(self, kind: str, value: bytes) -> str:
        if not value:
            raise ReferenceEmpty(kind=kind)
        return self._city.mac(kind.encode("ascii") + b"\0" + value).hex()


def _bytes_of(number: str) -> bytes:
    return number.encode("utf-8", "backslashreplace")
