"""References: card ids and social security numbers become keyed hashes before they leave a flow.

One person's card, e-card and ID card give the same person reference, so they meet in journal,
lists and platform without the number itself being anywhere.
"""

from datetime import date

from trust.sm3 import hmac_sm3


class References:
    """HMAC-SM3 under the city's reference key (design.md, The journal); 64 hex digits each.

    A word in front keeps the kinds apart, so that no number can pass for another kind.
    """

    def __init__(self, city_key: bytes) -> None:
        self._key = city_key

    def card(self, card_id: bytes) -> str:
        """Of the 16-byte card identification code (卡识别码)."""
        return self._of(b"card", card_id)

    def number(self, card_number: str) -> str:
        """Of the 9-character card number (卡号)."""
        return self._of(b"number", card_number.encode("ascii", "replace"))

    def person(self, social_security_number: str) -> str:
        """Of the 18-character social security number; empty stays empty."""
        if not social_security_number:
            return ""
        return self._of(b"person", social_security_number.upper().encode("ascii", "replace"))

    def account(self, account: bytes) -> str:
        """Of the payment account that a transit code names, or of its card where it names none."""
        return self._of(b"account", account)

    def document(self, number: str, issued: date) -> str:
        """Of an ID document: its holder's number and its first day, so that a new one differs."""
        return self._of(b"document", f"{number}\0{issued:%Y%m%d}".encode("ascii", "replace"))

    def _of(self, kind: bytes, value: bytes) -> str:
        return hmac_sm3(self._key, kind + b"\0" + value).hex()
