"""Only what the issuer signed, for us, newer, and whole, is handed out; all else is a Fault."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile import HOSTILE_JSON
from trust import envelope as module
from trust.envelope import (
    LARGEST,
    MAGIC,
    Envelope,
    EnvelopeExpired,
    EnvelopeFault,
    EnvelopeForeign,
    EnvelopeForged,
    EnvelopeMalformed,
    EnvelopeReplayed,
    EnvelopeTooLarge,
    Manifest,
    Opener,
    UnknownIssuer,
    WrongKind,
    seal,
)
from trust.sm2 import Verifier, sm2
from trust.sm3 import sm3

SM2 = sm2()
PRIVATE, OTHER_PRIVATE = bytes(range(1, 33)), bytes(range(33, 65))
PUBLIC = SM2.public(PRIVATE)
OPENER = Opener(SM2, {"city-1": PUBLIC, "city-2": SM2.public(OTHER_PRIVATE)})
MANIFEST = Manifest(
    kind="list", name="blacklist", version=7, audience="990100", issuer="city-1",
    created=1_800_000_000,
)  # fmt: skip
PAYLOAD = b'{"made":"up"}\x00\xff'
US = ("gate-1", "990100")


def sealed(payload: bytes = PAYLOAD, **changes: Any) -> bytes:
    return seal(msgspec.structs.replace(MANIFEST, **changes), payload, SM2, PRIVATE)


RAW = sealed()


def opened(raw: bytes, **changes: Any) -> Envelope:
    asked: dict[str, Any] = {"kind": "list", "audience": US, "newer_than": 6, "now": None}
    return OPENER.open(raw, **{**asked, **changes})


def test_what_was_sealed_is_opened() -> None:
    envelope = opened(RAW)
    assert envelope.payload == PAYLOAD
    expected = msgspec.structs.replace(MANIFEST, size=len(PAYLOAD), digest=sm3(PAYLOAD).hex())
    assert envelope.manifest == expected


def test_bytes_are_as_documented() -> None:
    assert RAW[:4] == b"OCE1"
    assert RAW[4:11] == b"\x06city-1"
    length = int.from_bytes(RAW[11:13])
    statement = msgspec.json.decode(RAW[13 : 13 + length])
    assert statement == {
        "kind": "list", "name": "blacklist", "version": 7, "audience": "990100",
        "created": 1_800_000_000, "expires": 0, "size": len(PAYLOAD), "digest": sm3(PAYLOAD).hex(),
    }  # fmt: skip
    assert RAW[13 + length : -64] == PAYLOAD
    assert SM2.verify(PUBLIC, RAW[:-64], RAW[-64:])


def test_the_same_manifest_and_payload_sign_the_same_bytes() -> None:
    assert sealed()[:-64] == sealed()[:-64]


@settings(max_examples=30, deadline=None)
@given(
    st.binary(max_size=2000),
    st.sampled_from(["receipt", "list", "config", "keys", "command"]),
    st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True),
    st.integers(1, 2**53),
    st.sampled_from([*US, "*"]),
)
def test_anything_goes_round(
    payload: bytes, kind: Any, name: str, version: int, audience: str
) -> None:
    raw = sealed(payload, kind=kind, name=name, version=version, audience=audience)
    envelope = opened(raw, kind=kind, newer_than=version - 1)
    assert (envelope.payload, envelope.manifest.name) == (payload, name)


@pytest.mark.parametrize("audience", ["gate-1", "990100", "*"])
def test_it_is_for_the_terminal_its_city_or_everybody(audience: str) -> None:
    assert opened(sealed(audience=audience)).manifest.audience == audience


@pytest.mark.parametrize("audience", ["gate-2", "990101", "9901", "gate", "1"])
def test_it_is_refused_when_it_is_for_somebody_else(audience: str) -> None:
    with pytest.raises(EnvelopeForeign) as caught:
        opened(sealed(audience=audience))
    assert caught.value.facts == {"audience": audience, "name": "blacklist"}


@pytest.mark.parametrize("held", [7, 8, 2**53])
def test_an_older_or_the_same_version_never_comes_back(held: int) -> None:
    with pytest.raises(EnvelopeReplayed) as caught:
        opened(RAW, newer_than=held)
    assert caught.value.facts == {"name": "blacklist", "version": 7, "held": held}


def test_one_kind_is_not_taken_for_another() -> None:
    with pytest.raises(WrongKind) as caught:
        opened(RAW, kind="keys")
    assert caught.value.facts == {"found": "list", "wanted": "keys"}


@pytest.mark.parametrize("now", [2_000.0, 2_001.0, 1e12, None])
def test_after_its_time_or_without_a_clock_it_is_refused(now: float | None) -> None:
    with pytest.raises(EnvelopeExpired):
        opened(sealed(expires=2_000), now=now)


@pytest.mark.parametrize("now", [0.0, 1_999.9])
def test_before_its_end_it_is_taken(now: float) -> None:
    assert opened(sealed(expires=2_000), now=now).payload == PAYLOAD


def test_an_unknown_issuer_is_refused() -> None:
    with pytest.raises(UnknownIssuer) as caught:
        opened(sealed(issuer="city-9"))
    assert caught.value.facts == {"issuer": "city-9"}


def test_one_issuer_cannot_sign_for_another() -> None:
    manifest = msgspec.structs.replace(MANIFEST, issuer="city-2")
    with pytest.raises(EnvelopeForged) as caught:
        opened(seal(manifest, PAYLOAD, SM2, PRIVATE))
    assert caught.value.facts == {"issuer": "city-2"}


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(RAW) * 8 - 1))
def test_any_flipped_bit_is_a_fault(bit: int) -> None:
    changed = bytearray(RAW)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(EnvelopeFault):
        opened(bytes(changed))


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=400)
    | st.binary(max_size=200).map(lambda tail: MAGIC + tail)
    | st.binary(max_size=200).map(lambda tail: MAGIC + b"\x06city-1" + tail)
)
def test_any_bytes_are_a_fault(raw: bytes) -> None:
    with pytest.raises(EnvelopeFault):
        opened(raw)


@pytest.mark.parametrize("length", range(len(RAW)))
def test_any_cut_is_a_fault(length: int) -> None:
    with pytest.raises(EnvelopeFault):
        opened(RAW[:length])


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=100), st.integers(0, len(RAW)))
def test_any_insertion_is_a_fault(more: bytes, place: int) -> None:
    changed = RAW[:place] + more + RAW[place:]
    if changed != RAW:
        with pytest.raises(EnvelopeFault):
            opened(changed)


def test_parts_of_two_envelopes_do_not_make_a_third() -> None:
    other = sealed(b"other")
    for place in (13, 100, len(RAW) - 64):
        with pytest.raises(EnvelopeFault):
            opened(RAW[:place] + other[place:])
    with pytest.raises(EnvelopeForged):
        opened(RAW[:-64] + other[-64:])


def signed_statement(statement: bytes, payload: bytes = PAYLOAD) -> bytes:
    """An envelope of a careless issuer: any manifest under a good signature."""
    body = MAGIC + b"\x06city-1" + len(statement).to_bytes(2) + statement + payload
    return body + SM2.sign(PRIVATE, body)


GOOD: dict[str, Any] = {
    "kind": "list", "name": "blacklist", "version": 7, "audience": "*", "created": 1, "expires": 0,
    "size": len(PAYLOAD), "digest": sm3(PAYLOAD).hex(),
}  # fmt: skip


def test_control_a_good_manifest_signed_by_hand_is_opened() -> None:
    assert opened(signed_statement(msgspec.json.encode(GOOD))).payload == PAYLOAD


@pytest.mark.parametrize(
    "changes",
    [
        {"size": len(PAYLOAD) - 1},
        {"size": len(PAYLOAD) + 1},
        {"size": -1},
        {"size": "16"},
        {"digest": sm3(b"other").hex()},
        {"digest": sm3(PAYLOAD).hex().upper()},
        {"digest": ""},
        {"kind": "firmware"},
        {"name": ""},
        {"name": "../x"},
        {"name": "x\n"},
        {"name": "x" * 65},
        {"version": -1},
        {"version": 7.5},
        {"version": "7"},
        {"version": 2**53 + 1},
        {"version": True},
        {"audience": ""},
        {"audience": "**"},
        {"audience": "a b"},
        {"audience": ["*"]},
        {"expires": None},
        {"created": -1},
        {"issuer": "city-2"},
        {"extra": 1},
    ],
    ids=str,
)
def test_a_signed_but_wrong_manifest_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(EnvelopeMalformed):
        opened(signed_statement(msgspec.json.encode({**GOOD, **changes})))


@pytest.mark.parametrize("key", GOOD)
def test_a_signed_manifest_that_lacks_something_is_malformed(key: str) -> None:
    left = {name: value for name, value in GOOD.items() if name != key}
    with pytest.raises(EnvelopeMalformed):
        opened(signed_statement(msgspec.json.encode(left)))


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=100)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from([*GOOD]), x),
        max_leaves=8,
    ).map(lambda value: msgspec.json.encode(value))
    | st.just(b"[" * 1024)
    | st.just(b'{"kind":' * 128)
    | st.just(b'{"kind":"\xff"}')
)  # fmt: skip
def test_a_signed_manifest_of_any_bytes_is_malformed(statement: bytes) -> None:
    with pytest.raises(EnvelopeMalformed):
        opened(signed_statement(statement))


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_a_signed_manifest_of_hostile_json_is_malformed(name: str) -> None:
    with pytest.raises(EnvelopeMalformed):
        opened(signed_statement(HOSTILE_JSON[name][: module.LONGEST_MANIFEST]))


def test_a_signed_manifest_that_two_readers_read_differently_is_malformed() -> None:
    twice = msgspec.json.encode(GOOD).replace(b'"version":7', b'"version":7,"version":7')
    with pytest.raises(EnvelopeMalformed):
        opened(signed_statement(twice))


def test_a_manifest_that_is_too_long_is_malformed_before_its_signature() -> None:
    statement = msgspec.json.encode(GOOD).ljust(module.LONGEST_MANIFEST + 1)
    with pytest.raises(EnvelopeMalformed) as caught:
        opened(signed_statement(statement))
    assert caught.value.facts == {"part": "length"}


class CountingSm2:
    """Counts how often somebody asks, and says yes."""

    def __init__(self) -> None:
        self.asked = 0

    def sign(self, private: bytes, message: bytes, *, identity: bytes = b"") -> bytes:
        raise NotImplementedError

    def verify(
        self, public: bytes, message: bytes, signature: bytes, *, identity: bytes = b""
    ) -> bool:
        self.asked += 1
        return False

    def verifier(self, public: bytes) -> Verifier:
        raise NotImplementedError

    def public(self, private: bytes) -> bytes:
        raise NotImplementedError

    def decompress(self, public: bytes) -> bytes:
        raise NotImplementedError


def test_signature_is_checked_before_the_manifest_is_looked_at() -> None:
    counting = CountingSm2()
    opener = Opener(counting, {"city-1": PUBLIC})
    for statement in (b"", b"{", b"\xff" * 10, msgspec.json.encode({**GOOD, "kind": "keys"})):
        with pytest.raises(EnvelopeForged):
            opener.open(signed_statement(statement), kind="list", audience=US, newer_than=0)
    assert counting.asked == 4


def test_too_large_is_refused_before_anything_else() -> None:
    with pytest.raises(EnvelopeTooLarge) as caught:
        opened(bytes(LARGEST + 1))
    assert caught.value.facts == {"size": LARGEST + 1, "allowed": LARGEST}


def test_too_large_is_not_even_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", len(RAW))
    assert opened(sealed()).payload == PAYLOAD
    with pytest.raises(EnvelopeTooLarge):
        sealed(PAYLOAD + b"x" * 100)


@pytest.mark.parametrize(
    "changes",
    [{"issuer": ""}, {"issuer": "x" * 33}, {"issuer": "市"}, {"name": ""}, {"kind": "x"},
     {"version": -1}, {"audience": "a/b"}, {"created": 1.5}],
    ids=str,
)  # fmt: skip
def test_what_nobody_could_open_is_not_sealed(changes: dict[str, Any]) -> None:
    with pytest.raises(EnvelopeMalformed):
        sealed(**changes)


def test_the_payload_is_not_in_the_representation() -> None:
    assert "made" not in repr(opened(RAW))


def test_the_opener_keeps_its_own_issuers() -> None:
    issuers = {"city-1": PUBLIC}
    opener = Opener(SM2, issuers)
    issuers.clear()
    assert opener.open(RAW, kind="list", audience=US, newer_than=0).payload == PAYLOAD
