"""The probe finds each writing of a planted secret, and nothing in clean output."""

import base64
import gzip
import json
import urllib.parse
import zlib

import pytest

from contracts.secrets_probe import Probe

NUMBER = "519900199001011234"
NAME = "司马·阿依古丽"
PIN = "802741"
KEY = bytes.fromhex("00112233445566778899aabbccddeeff")
PROBE = Probe({"number": NUMBER, "name": NAME, "pin": PIN, "key": KEY})

WRITINGS: list[tuple[str, str | bytes]] = [
    ("number", f"holder {NUMBER} accepted"),
    ("number", NUMBER.encode("utf-16-le")),
    ("number", NUMBER.encode().hex()),
    ("number", NUMBER.encode().hex(" ").upper()),
    ("number", str(list(NUMBER.encode()))),
    ("number", NUMBER[::-1]),
    ("number", b"\x09\x10" + bytes.fromhex(NUMBER)),
    ("number", base64.b64encode(b"ab" + NUMBER.encode() + b"!")),
    ("number", base64.b64encode(b"a" + NUMBER.encode())),
    ("number", zlib.compress(b"x" * 9 + NUMBER.encode())),
    ("number", b"header\n" + gzip.compress(NUMBER.encode(), mtime=0)),
    ("name", f"欢迎 {NAME}"),
    ("name", NAME.encode("gbk")),
    ("name", json.dumps({"name": NAME})),
    ("name", json.dumps({"name": NAME}).upper()),
    ("name", repr(NAME.encode())),
    ("name", repr(NAME.encode("gbk"))),
    ("name", urllib.parse.quote(NAME)),
    ("name", NAME.encode("gbk").hex().upper()),
    ("name", "".join(f"&#{ord(char)};" for char in NAME)),
    ("pin", f"VERIFY {PIN}"),
    ("pin", "00 20 00 00 03 80 27 41"),
    ("pin", "[0, 32, 0, 0, 3, 128, 39, 65]"),
    ("key", KEY),
    ("key", KEY.hex()),
    ("key", KEY.hex(":").upper()),
    ("key", ", ".join(f"0x{byte:02X}" for byte in KEY)),
    ("key", base64.urlsafe_b64encode(KEY)),
    ("key", base64.b32encode(KEY)),
    ("key", repr(KEY)),
]


@pytest.mark.parametrize(("secret", "output"), WRITINGS)
def test_each_writing_is_found(secret: str, output: str | bytes) -> None:
    assert secret in {leak.secret for leak in PROBE.leaks("here", output)}
    with pytest.raises(AssertionError):
        PROBE.check("here", output)


def test_clean_output_passes() -> None:
    clean: dict[str, str | bytes] = {
        "log": "INFO onecard: tap at door refused: card-expired, 519900, 1990-01-01",
        "journal": bytes(range(256)) * 4,
        "packed": zlib.compress(b"reference " + b"ab" * 32),
        "looks packed": b"\x78\x9c but is not",
    }
    PROBE.check_all(clean)


def test_a_finding_names_the_place_and_not_the_secret() -> None:
    with pytest.raises(AssertionError) as caught:
        PROBE.check_all({"daemon's log": f"x {NUMBER} y"})
    assert "daemon's log" in str(caught.value)
    assert "'number'" in str(caught.value)
    assert NUMBER not in str(caught.value)


def test_a_secret_too_short_to_tell_cannot_be_planted() -> None:
    with pytest.raises(ValueError, match="by accident"):
        Probe({"pin": "1234"})
