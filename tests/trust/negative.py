"""Signatures that must be refused: every mistake of spec transit-qr.md ("SM2 care"), and more.

A case is four byte strings and a name `group: variant`. Many are *made to fit* a verifier with one
certain mistake (signed over the wrong digest, forged for a key at infinity or of order two), so a
verifier with that mistake accepts them. Made-up keys only. There is no encryption in `trust`, so
nothing about C1C2C3. `tests.trust.bare_libraries` counts what the
libraries accept by themselves.
"""

import base64
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from benchmarks.pure_sm2 import PureSm2, digest, times
from trust.curve import A, B, G, N, P, signature_der, signature_raw
from trust.sm2 import EXAMPLE_MESSAGE, EXAMPLE_PUBLIC, EXAMPLE_SIGNATURE, ID
from trust.sm3 import sm3

PRIVATE = bytes(range(1, 33))
OTHER_PRIVATE = bytes(range(33, 65))
MESSAGE = b"a made-up code of a made-up city"


@dataclass(frozen=True)
class Case:
    """To be refused."""

    name: str
    public: bytes
    message: bytes
    signature: bytes
    identity: bytes = ID

    @property
    def group(self) -> str:
        return self.name.partition(":")[0]


def signed(
    message: bytes = MESSAGE,
    identity: bytes = ID,
    *,
    private: bytes = PRIVATE,
    nonce: int = 0x0123456789ABCDEF,
) -> bytes:
    """r‖s by the reference, with a known nonce: the table is the same in each run."""
    pure = PureSm2(lambda: nonce.to_bytes(32))
    return signature_raw(pure.sign(private, pure.public(private), message, identity))


PUBLIC = PureSm2(bytes).public(PRIVATE)
OTHER_PUBLIC = PureSm2(bytes).public(OTHER_PRIVATE)
SIGNATURE = signed()
GOOD = Case("good", PUBLIC, MESSAGE, SIGNATURE)
R, S = int.from_bytes(SIGNATURE[:32]), int.from_bytes(SIGNATURE[32:])
X, Y = PUBLIC[:32], PUBLIC[32:]


def cases() -> list[Case]:
    return [
        case
        for group in (
            _numbers, _lengths, _encodings, _flips, _identities, _digests, _messages, _keys, _forged
        )
        for case in group()
    ]  # fmt: skip


def _numbers() -> Iterator[Case]:
    """r and s outside [1, n-1], r+s = n, and each in the other's place."""
    edges = {
        "0": 0, "1": 1, "n-1": N - 1, "n": N, "n+1": N + 1, "p": P, "2^255": 1 << 255,
        "2^256-1": (1 << 256) - 1,
    }  # fmt: skip
    for name, edge in edges.items():
        yield _changed(f"number: r = {name}", signature=_raw(edge, S))
        yield _changed(f"number: s = {name}", signature=_raw(R, edge))
    for (name_r, r), (name_s, s) in itertools.product(edges.items(), repeat=2):
        yield _changed(f"number: r = {name_r}, s = {name_s}", signature=_raw(r, s))
    yield _changed("number: s = n-r", signature=_raw(R, N - R))
    yield _changed("number: r = n-s", signature=_raw(N - S, S))
    yield _changed("number: s = n-s", signature=_raw(R, N - S))
    yield _changed("number: r = n-r", signature=_raw(N - R, S))
    yield _changed("number: swapped", signature=_raw(S, R))
    yield _changed("number: r twice", signature=_raw(R, R))
    yield _changed("number: s twice", signature=_raw(S, S))


def _lengths() -> Iterator[Case]:
    for length in (0, 1, 31, 32, 33, 48, 62, 63):
        yield _changed(f"short: {length} bytes", signature=SIGNATURE[:length])
    for nonce in itertools.count(1):
        zero_r = signed(nonce=nonce)
        if zero_r[0] == 0:
            break
    for nonce in itertools.count(1):
        zero_s = signed(nonce=nonce)
        if zero_s[32] == 0:
            break
    # Right as 64 bytes; a library that drops a leading zero makes 63 of them.
    yield _changed("dropped zero: r", signature=zero_r[1:])
    yield _changed("dropped zero: s", signature=zero_s[:32] + zero_s[33:])
    yield _changed("dropped zero: r, zero at the end", signature=zero_r[1:] + b"\0")
    yield _changed("dropped zero: s, zero in front", signature=b"\0" + zero_s[:32] + zero_s[33:])
    for name, tail in {
        "0": b"\0", "newline": b"\n", "0x15": b"\x15", "32 zeros": bytes(32), "64 zeros": bytes(64),
        "again": SIGNATURE, "recovery id": b"\x1b",
    }.items():  # fmt: skip
        yield _changed(f"trailing: {name}", signature=SIGNATURE + tail)
    yield _changed("leading: 0", signature=b"\0" + SIGNATURE)
    yield _changed("leading: 0x04", signature=b"\x04" + SIGNATURE)
    wide = R.to_bytes(33) + S.to_bytes(33)
    yield _changed("leading: 33 bytes each", signature=wide)


def _encodings() -> Iterator[Case]:
    der = signature_der(SIGNATURE) or b""
    encodings = {
        "DER": der,
        "DER, trailing": der + b"\0",
        "DER, cut to 64": der[:64],
        "DER, long length": b"\x30\x81" + der[1:],
        "hex": SIGNATURE.hex().encode(),
        "HEX": SIGNATURE.hex().upper().encode(),
        "base64": base64.b64encode(SIGNATURE),
        "little-endian": SIGNATURE[31::-1] + SIGNATURE[:31:-1],
        "reversed": SIGNATURE[::-1],
        "nothing": bytes(64),
        "all ones": b"\xff" * 64,
    }
    for name, signature in encodings.items():
        yield _changed(f"encoding: {name}", signature=signature)


def _flips() -> Iterator[Case]:
    for index in range(64):
        bit = index % 8
        yield _changed(f"flip: signature {index}.{bit}", signature=_flip(SIGNATURE, index, bit))
        yield _changed(f"flip: key {index}.{bit}", public=_flip(PUBLIC, index, bit))
    for index in range(len(MESSAGE)):
        yield _changed(f"flip: message {index}", message=_flip(MESSAGE, index, index % 8))
    for index in range(len(ID)):
        yield _changed(f"flip: identity {index}", identity=_flip(ID, index, index % 8))


def _identities() -> Iterator[Case]:
    others = {
        "empty": b"", "one less": ID[:-1], "one more": ID + b"9", "NUL": ID + b"\0",
        "of the standard's other example": b"ALICE123@YAHOO.COM",
        "of TLS": b"TLSv1.3+GM+Cipher+Suite",
        "doubled": ID * 2, "as binary": bytes.fromhex(ID.decode()), "8191 bytes": bytes(8191),
        "65536 bytes": bytes(65536),
    }  # fmt: skip
    for name, identity in others.items():
        yield _changed(f"identity: checked with {name}", identity=identity)
        if len(identity) < 8192:  # ENTL has no room for more
            yield _changed(f"identity: signed with {name}", signature=signed(identity=identity))
    for name in ("empty", "8191 bytes"):
        yield _changed(
            f"identity: {name} on both sides",
            signature=signed(identity=others[name]),
            identity=others[name],
        )


def _digests() -> Iterator[Case]:
    """Good equations over a wrong e: what a verifier with the same mistake would accept."""
    curve = b"".join(number.to_bytes(32) for number in (A, B, *G))
    bits = (8 * len(ID)).to_bytes(2)
    za = sm3(bits + ID + curve + PUBLIC)
    compressed = bytes((2 | Y[-1] & 1,)) + X
    wrong = {
        "no ZA": sm3(MESSAGE),
        "message digested first": sm3(za + sm3(MESSAGE)),
        "ZA behind": sm3(MESSAGE + za),
        "the message itself": MESSAGE[:32],
        "SHA-256": hashlib.sha256(za + MESSAGE).digest(),
        "SHA-256 without ZA": hashlib.sha256(MESSAGE).digest(),
        "ENTL in bytes": sm3(sm3(len(ID).to_bytes(2) + ID + curve + PUBLIC) + MESSAGE),
        "ENTL little-endian": sm3(sm3(bits[::-1] + ID + curve + PUBLIC) + MESSAGE),
        "no ENTL": sm3(sm3(ID + curve + PUBLIC) + MESSAGE),
        "no identity": sm3(sm3(bits + curve + PUBLIC) + MESSAGE),
        "no curve": sm3(sm3(bits + ID + PUBLIC) + MESSAGE),
        "key with 04": sm3(sm3(bits + ID + curve + b"\x04" + PUBLIC) + MESSAGE),
        "key compressed": sm3(sm3(bits + ID + curve + compressed) + MESSAGE),
        "key Y, X": sm3(sm3(bits + ID + curve + Y + X) + MESSAGE),
        "no key": sm3(sm3(bits + ID + curve) + MESSAGE),
        "ZA in hex": sm3(za.hex().encode() + MESSAGE),
        "message in hex": sm3(za + MESSAGE.hex().encode()),
        "digest reversed": sm3(za + MESSAGE)[::-1],
        "zero": bytes(32),
    }
    for name, e in wrong.items():
        yield _changed(f"digest: {name}", signature=_sign_digest(int.from_bytes(e)))
    yield _changed("digest: ECDSA instead", signature=_ecdsa(digest(PUBLIC, MESSAGE, ID)))


def _messages() -> Iterator[Case]:
    others = {
        "empty": b"", "first byte": MESSAGE[:1], "without first": MESSAGE[1:],
        "without last": MESSAGE[:-1], "zero behind": MESSAGE + b"\0",
        "zero in front": b"\0" + MESSAGE,
        "upper case": MESSAGE.upper(), "twice": MESSAGE * 2, "hex": MESSAGE.hex().encode(),
        "digest": sm3(MESSAGE), "64 kB": bytes(65536),
    }  # fmt: skip
    for name, message in others.items():
        yield _changed(f"message: {name}", message=message)


def _keys() -> Iterator[Case]:
    small = next(x for x in itertools.count(1) if _y_of(x) is not None)
    small_y = _y_of(small) or 0
    x, y = int.from_bytes(X), int.from_bytes(Y)
    keys = {
        "another's": OTHER_PUBLIC,
        "G": _raw(*G),
        "the standard's example": EXAMPLE_PUBLIC,
        "-P": X + (P - y).to_bytes(32),
        "Y, X": Y + X,
        "little-endian": X[::-1] + Y[::-1],
        "empty": b"",
        "X alone": X,
        "63 bytes": PUBLIC[:63],
        "65 bytes": PUBLIC + b"\0",
        "with 04": b"\x04" + PUBLIC,
        "with 06": b"\x06" + PUBLIC,
        "compressed": bytes((2 | Y[-1] & 1,)) + X,
        "compressed, padded": (bytes((2 | Y[-1] & 1,)) + X).ljust(64, b"\0"),
        "hex": PUBLIC.hex().encode(),
        "infinity as zeros": bytes(64),
        "infinity as one zero": b"\0",
        "all ones": b"\xff" * 64,
        "X = 0": bytes(32) + Y,
        "Y = 0": X + bytes(32),
        "X = p": P.to_bytes(32) + Y,
        "Y = p": X + P.to_bytes(32),
        "x + p": _raw(small + P, small_y),
        "x + p, -y": _raw(small + P, P - small_y),
        "x+1": _raw(x + 1, y),
        "x-1": _raw(x - 1, y),
        "y+1": _raw(x, y + 1),
        "y-1": _raw(x, y - 1),
        "on P-256": bytes.fromhex(
            "6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
            "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5"
        ),
        "on secp256k1": bytes.fromhex(
            "79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798"
            "483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8"
        ),
    }
    for name, public in keys.items():
        yield _changed(f"key: {name}", public=public)
    # The example of GM/T 0003.2-2012 on a curve that only the paper uses.
    yield Case(
        "key: on the paper's test curve",
        bytes.fromhex(
            "0AE4C7798AA0F119471BEE11825BE46202BB79E2A5844495E97C04FF4DF2548A"
            "7C0240F88F1CD4E16352A73C17B7F16F07353E53A176D684A9FE0C6BB798E857"
        ),
        b"message digest",
        bytes.fromhex(
            "40F1EC59F793D9F49E09DCEF49130D4194F79FB1EEDA2CAA55BACDB49C4E755D"
            "6FC6DAC32C5D5CF10C77DFB20F7C2EB667A457872FB09EC56327A67EC7DEEBE7"
        ),
        b"ALICE123@YAHOO.COM",
    )
    example = Case("", EXAMPLE_PUBLIC, EXAMPLE_MESSAGE, EXAMPLE_SIGNATURE)
    yield replace(example, name="key: standard's signature, ours", public=PUBLIC)
    yield replace(example, name="key: standard's signature, other message", message=MESSAGE)


def _forged() -> Iterator[Case]:
    """Made by anybody: r = e + x(s·G) fits wherever (r+s)·P vanishes.

    It vanishes for P at infinity, and for a P of order two (y = 0, which is on no curve with this
    order, but on one with another b that a verifier without curve check computes on) if r+s is
    even.
    """
    for s in range(2, 12):
        yield _changed(
            f"forged: infinity, s = {s}", public=bytes(64), signature=_forge(bytes(64), s)
        )
    for x in range(1, 13):
        public = _raw(x, 0)
        signature = next(
            forged
            for s in itertools.count(2)
            if (int.from_bytes((forged := _forge(public, s))[:32]) + s) % N % 2 == 0
        )
        yield _changed(f"forged: order two, x = {x}", public=public, signature=signature)


def _forge(public: bytes, s: int) -> bytes:
    point = times(s, G)
    assert point is not None
    return _raw((digest(public, MESSAGE, ID) + point[0]) % N, s)


def _sign_digest(e: int, k: int = 0x1234567) -> bytes:
    point = times(k, G)
    assert point is not None
    d = int.from_bytes(PRIVATE)
    r = (e + point[0]) % N
    return _raw(r, pow(1 + d, -1, N) * (k - r * d) % N)


def _ecdsa(e: int, k: int = 0x1234567) -> bytes:
    point = times(k, G)
    assert point is not None
    r = point[0] % N
    return _raw(r, pow(k, -1, N) * (e + r * int.from_bytes(PRIVATE)) % N)


def _y_of(x: int) -> int | None:
    square = (x**3 + A * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    return y if y * y % P == square else None


def _changed(name: str, **changes: bytes) -> Case:
    return replace(GOOD, name=name, **changes)


def _raw(one: int, other: int) -> bytes:
    return one.to_bytes(32) + other.to_bytes(32)


def _flip(data: bytes, index: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[index] ^= 1 << bit
    return bytes(changed)


def der_cases() -> Mapping[str, bytes]:
    """DER-like forms of a good signature that are not its DER: only an engine could take them."""
    der = signature_der(SIGNATURE) or b""
    r, s = (number.to_bytes(33) for number in (R, S))  # a zero in front, needed or not
    negative = b"\x02\x20" + (R - (1 << 256)).to_bytes(33, signed=True)[1:]
    wide_r, wide_s = b"\x02\x22\0" + r, b"\x02\x22\0" + s
    plain_r, plain_s = _integer(R), _integer(S)
    return {
        "trailing zero": der + b"\0",
        "trailing copy": der + der,
        "trailing inside": _sequence(plain_r + plain_s + b"\x05\0"),
        "third integer": _sequence(plain_r + plain_s + b"\x02\x01\x01"),
        "long length": b"\x30\x81" + der[1:],
        "longer length": b"\x30\x82\0" + der[1:],
        "indefinite length": b"\x30\x80" + der[2:] + b"\0\0",
        "r padded": _sequence(wide_r + plain_s),
        "s padded": _sequence(plain_r + wide_s),
        "r with long length": _sequence(b"\x02\x81" + plain_r[1:] + plain_s),
        "r negative": _sequence(negative + plain_s),
        "r + n": _sequence(_integer(R + N) + plain_s),
        "s + n": _sequence(plain_r + _integer(S + N)),
        "raw": SIGNATURE,
        "cut": der[:-1],
        "empty": b"",
    }  # fmt: skip


def _integer(value: int) -> bytes:
    content = value.to_bytes(value.bit_length() // 8 + 1)
    return bytes((2, len(content))) + content


def sequence_of(r: int, s: int) -> bytes:
    """DER without a look at the numbers."""
    return _sequence(_integer(r) + _integer(s))


def _sequence(content: bytes) -> bytes:
    return bytes((0x30, len(content))) + content
