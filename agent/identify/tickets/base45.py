"""Base45 (RFC 9285): bytes as the characters of a QR code's alphanumeric mode. Strict."""

from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES: Final = {character: value for value, character in enumerate(ALPHABET)}


def encode(content: bytes) -> str:
    """Three characters for two bytes, two for a last single one."""
    text = []
    for at in range(0, len(content), 2):
        pair = content[at : at + 2]
        value = int.from_bytes(pair)
        for _ in range(len(pair) + 1):
            value, digit = divmod(value, 45)
            text.append(ALPHABET[digit])
    return "".join(text)


def decode(text: str) -> bytes | None:
    """None unless `text` is the one encoding of some bytes. Never raises."""
    content = bytearray()
    for at in range(0, len(text), 3):
        digits = [_VALUES.get(character, -1) for character in text[at : at + 3]]
        size = len(digits) - 1
        value = sum(digit * 45**place for place, digit in enumerate(digits))
        if size == 0 or -1 in digits or value >= 256**size:
            return None
        content += value.to_bytes(size)
    return bytes(content)
