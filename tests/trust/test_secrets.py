"""A secret in another form than meant is a fault that names it, never another secret."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.messages.texts import catalogue
from tests.offline_store.support import MemoryKeys
from trust.secrets import (
    CERTIFICATE,
    HMAC_KEY,
    KEY_16,
    KEY_32,
    LONGEST_PASSWORD,
    PASSWORD,
    PRIVATE_KEY,
    PUBLIC_KEY,
    SecretForm,
    SecretMalformed,
    read_secret,
)
from trust.sm2 import EXAMPLE_PRIVATE, EXAMPLE_PUBLIC

FORMS = (KEY_32, KEY_16, PUBLIC_KEY, PRIVATE_KEY, HMAC_KEY, PASSWORD, CERTIFICATE)
KEY = bytes(range(100, 132))
WORDS = catalogue("en")
DER = b"\x30\x03\x02\x01\x05"
PEM = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(DER) + b"\n-----END CERTIFICATE-----\n"


def read(raw: bytes, form: SecretForm) -> bytes:
    return read_secret(MemoryKeys(**{"the-secret": raw}), "the-secret", form)


@pytest.mark.parametrize(
    ("form", "raw", "meant"),
    [
        (KEY_32, KEY, KEY),
        (KEY_32, b"\n" * 32, b"\n" * 32),
        (KEY_16, KEY[:16], KEY[:16]),
        (PUBLIC_KEY, EXAMPLE_PUBLIC, EXAMPLE_PUBLIC),
        (PUBLIC_KEY, b"\x04" + EXAMPLE_PUBLIC, EXAMPLE_PUBLIC),
        (PRIVATE_KEY, EXAMPLE_PRIVATE, EXAMPLE_PRIVATE),
        (HMAC_KEY, KEY[:16], KEY[:16]),
        (PASSWORD, b"sesame", b"sesame"),
        (PASSWORD, b"sesame\n", b"sesame"),
        (PASSWORD, b"sesame\r\n", b"sesame"),
        (PASSWORD, " 芝麻 ".encode(), " 芝麻 ".encode()),
        (CERTIFICATE, DER, DER),
        (CERTIFICATE, b"Subject: made up\n" + PEM, DER),
    ],
)
def test_what_can_mean_one_thing_only_is_taken_as_meant(
    form: SecretForm, raw: bytes, meant: bytes
) -> None:
    assert read(raw, form) == meant


def spoiled(meant: bytes) -> dict[str, bytes]:
    """The same secret as people hand it over."""
    return {
        "line-end": meant + b"\n",
        "line-end of Windows": meant + b"\r\n",
        "hexadecimal": meant.hex().encode(),
        "hexadecimal, capital": meant.hex().upper().encode() + b"\n",
        "hexadecimal with colons": meant.hex(":").encode(),
        "hexadecimal with 0x": b"0x" + meant.hex().encode(),
        "base64": base64.b64encode(meant),
        "base64 with a line end": base64.b64encode(meant) + b"\n",
        "pem": b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(meant),
        "byte-order-mark": b"\xef\xbb\xbf" + meant,
        "empty": b"",
        "empty but for a line end": b"\n",
    }


@pytest.mark.parametrize(
    ("form", "meant"),
    [
        (KEY_32, KEY),
        (KEY_16, KEY[:16]),
        (PUBLIC_KEY, EXAMPLE_PUBLIC),
        (PUBLIC_KEY, b"\x04" + EXAMPLE_PUBLIC),
        (PRIVATE_KEY, EXAMPLE_PRIVATE),
    ],
)
def test_a_key_in_another_form_is_named_and_never_used(form: SecretForm, meant: bytes) -> None:
    for how, raw in spoiled(meant).items():
        with pytest.raises(SecretMalformed) as caught:
            read(raw, form)
        facts = caught.value.facts
        assert how.startswith(str(facts["looks"])), how
        assert (facts["name"], facts["form"], facts["bytes"]) == ("the-secret", form.name, len(raw))


@pytest.mark.parametrize(
    ("form", "raw", "looks"),
    [
        (KEY_32, KEY[:31], "other"),
        (KEY_32, KEY + b"\0", "other"),
        (KEY_16, KEY, "other"),
        (PUBLIC_KEY, b"\x03" + EXAMPLE_PUBLIC, "other"),
        (PUBLIC_KEY, EXAMPLE_PUBLIC[:-1] + b"\0", "other"),
        (PUBLIC_KEY, bytes(64), "other"),
        (PRIVATE_KEY, bytes(32), "other"),
        (PRIVATE_KEY, b"\xff" * 32, "other"),
        (HMAC_KEY, KEY[:15], "other"),
        (HMAC_KEY, b"a made-up key of a service\n", "line-end"),
        (HMAC_KEY, b"\xef\xbb\xbfa made-up key of a service", "byte-order-mark"),
        (HMAC_KEY, "a made-up key of a service\r\n".encode("utf-16"), "byte-order-mark"),
        (HMAC_KEY, b"-----BEGIN PRIVATE KEY-----\nMEECAQAwEw\n-----END PRIVATE KEY-----", "pem"),
        (PASSWORD, b"", "empty"),
        (PASSWORD, b"\n", "empty"),
        (PASSWORD, b"two\nlines\n", "line-end"),
        (PASSWORD, b"\xff\xfes\0e\0s\0", "byte-order-mark"),
        (PASSWORD, b"\xef\xbb\xbfsesame", "byte-order-mark"),
        (PASSWORD, b"a\0b", "other"),
        (PASSWORD, b"sesame\x7f", "other"),
        (PASSWORD, "sesame\u0085".encode(), "other"),
        (PASSWORD, "sesame\u2028".encode(), "other"),
        (PASSWORD, "sesame\u200b".encode(), "other"),
        (PASSWORD, b"x" * (LONGEST_PASSWORD + 1), "base64"),
        (CERTIFICATE, PEM + PEM, "pem"),
        (CERTIFICATE, b"-----BEGIN CERTIFICATE-----\n====\n-----END CERTIFICATE-----", "pem"),
        (CERTIFICATE, b"", "empty"),
    ],
)
def test_what_is_not_of_the_form_is_refused(form: SecretForm, raw: bytes, looks: str) -> None:
    with pytest.raises(SecretMalformed) as caught:
        read(raw, form)
    assert caught.value.facts["looks"] == looks


@given(st.binary(max_size=200), st.sampled_from(FORMS))
def test_any_bytes_are_a_secret_or_a_fault_that_has_words(raw: bytes, form: SecretForm) -> None:
    value = form.taken(raw)
    if value is not None:
        assert read(raw, form) == value
        return
    with pytest.raises(SecretMalformed) as caught:
        read(raw, form)
    for section in ("form", "looks", "mend"):
        assert caught.value.facts[section] in WORDS[section]


@pytest.mark.parametrize(("form", "size"), [(KEY_32, 32), (KEY_16, 16), (PRIVATE_KEY, 32)])
@pytest.mark.parametrize("digits", ["0123456789abcdef", "FEDCBA9876543210"])
def test_digits_that_are_as_long_as_a_key_are_none(
    form: SecretForm, size: int, digits: str
) -> None:
    """Half of a key, written down, has the length of a whole one."""
    with pytest.raises(SecretMalformed) as caught:
        read((digits * 2).encode()[:size], form)
    assert caught.value.facts["looks"] == "hexadecimal"
