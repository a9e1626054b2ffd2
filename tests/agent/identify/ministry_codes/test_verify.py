"""Ministry codes: every single defect has its reason, and no bit of a good one may change."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.identify.ministry_codes.layout import ThreeLevel, TwoLevel
from agent.identify.ministry_codes.verify import (
    CHECKS,
    Certificates,
    CodeCheck,
    OtherIssuers,
    last_second,
    names_account,
    verify_three_level,
    verify_two_level,
)
from agent.messages.reasons import Reason
from offline_store.clock import ClockReading
from offline_store.lists.keys import Keys
from simulators.transit.codes import (
    DEFECTS,
    GOOD,
    NOW,
    STRANGER,
    Defect,
    Phones,
    month,
    off_curve,
)
from trust.sm2 import ID, sm2

SM2 = sm2()
PHONES = Phones(SM2)
ROOTS = PHONES.roots()
ISSUERS = PHONES.two_level_issuers()
CERTIFICATES = Certificates(SM2)
CODE = PHONES.three_level()
OLD_CODE = PHONES.two_level()


def at(seconds: int = NOW) -> ClockReading:
    return ClockReading(seconds * 1000, "synchronised", "boot-1")


def judged(
    content: bytes, checks: Sequence[CodeCheck] = CHECKS, roots: Keys = ROOTS, now: int = NOW
) -> ThreeLevel | Reason:
    return verify_three_level(content, roots, CERTIFICATES, at(now), checks)


def judged_old(content: bytes, now: int = NOW) -> TwoLevel | Reason:
    return verify_two_level(content, ISSUERS, SM2, at(now))


class Counting:
    """Counts verifications; see `trust.sm2.Sm2`."""

    def __init__(self) -> None:
        self.verified = 0
        self.decompressed = 0

    def sign(self, private: bytes, message: bytes, *, identity: bytes = ID) -> bytes:
        return SM2.sign(private, message, identity=identity)

    def verify(
        self, public: bytes, message: bytes, signature: bytes, *, identity: bytes = ID
    ) -> bool:
        self.verified += 1
        return SM2.verify(public, message, signature, identity=identity)

    def verifier(self, public: bytes) -> "CountingKey":
        return CountingKey(self, public)

    def public(self, private: bytes) -> bytes:
        return SM2.public(private)

    def decompress(self, public: bytes) -> bytes:
        self.decompressed += 1
        return SM2.decompress(public)


class CountingKey:
    """See `trust.sm2.Verifier`."""

    def __init__(self, counting: Counting, public: bytes) -> None:
        self._counting = counting
        self._key = SM2.verifier(public)

    def verify(self, message: bytes, signature: bytes, *, identity: bytes = ID) -> bool:
        self._counting.verified += 1
        return self._key.verify(message, signature, identity=identity)


def test_a_good_code_passes_and_tells_its_fields() -> None:
    code = judged(CODE)
    assert isinstance(code, ThreeLevel)
    assert (len(CODE), code.head.account, code.head.card) == (339, GOOD.account, GOOD.card)
    assert (code.limit, code.head.validity, code.tail.generated) == (2000, 60, NOW)


@pytest.mark.parametrize("length", [0, 1, 31, 32])
def test_an_issuers_own_field_has_up_to_32_bytes(length: int) -> None:
    code = PHONES.three_level(replace(GOOD, own_field=bytes(length)))
    assert len(code) == 332 + length
    assert isinstance(judged(code), ThreeLevel)


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS.keys())
def test_every_single_defect_has_its_reason(defect: Defect) -> None:
    roots = PHONES.roots(expires=defect.roots_expire)
    assert judged(defect.make(PHONES), roots=roots) is defect.reason


# Nothing that comes later can go on without what these checks made sure of.
NEEDED = {Reason.CODE_LENGTH, Reason.CODE_ROOT_UNKNOWN, Reason.CODE_KEY_INVALID}


@pytest.mark.parametrize(
    "defect",
    [
        defect
        for name, defect in DEFECTS.items()
        if defect.reason not in NEEDED and name != "certificate month"
    ],
    ids=lambda defect: defect.reason,
)
def test_control_a_verifier_without_a_check_accepts_its_defect(defect: Defect) -> None:
    roots = PHONES.roots(expires=defect.roots_expire)
    hasty = [check for check in CHECKS if check.reason != defect.reason]
    assert isinstance(judged(defect.make(PHONES), hasty, roots), ThreeLevel)


@pytest.mark.parametrize(
    "skipped",
    [Reason.CODE_CERTIFICATE_FORGED, Reason.CODE_ISSUER_FORGED, Reason.CODE_USER_FORGED],
)
def test_control_a_verifier_that_skips_one_signature_is_caught(skipped: Reason) -> None:
    hasty = [check for check in CHECKS if check.reason != skipped]
    wrong = [
        name
        for name, defect in DEFECTS.items()
        if defect.reason == skipped and judged(defect.make(PHONES), hasty) is not skipped
    ]
    assert wrong, "the table of defects would not notice"


def test_no_flipped_bit_of_a_good_code_is_accepted() -> None:
    accepted = []
    for place in range(len(CODE)):
        for bit in range(8):
            flipped = bytearray(CODE)
            flipped[place] ^= 1 << bit
            if not isinstance(judged(bytes(flipped)), Reason):
                accepted.append((place, bit))
    assert not accepted


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW - 20, None),
        (NOW - 21, Reason.CODE_FUTURE),
        (NOW + 60, None),
        (NOW + 61, Reason.CODE_STALE),
    ],
)
def test_a_code_lives_from_20_seconds_before_it_was_made_to_its_last_second(
    now: int, reason: Reason | None
) -> None:
    found = judged(CODE, now=now)
    assert found is reason if reason else isinstance(found, ThreeLevel)


def test_a_clock_that_was_never_set_judges_no_code() -> None:
    never = ClockReading(0, "unset", "boot-1")  # 1970
    assert (
        verify_three_level(CODE, ROOTS, CERTIFICATES, never),
        verify_two_level(OLD_CODE, ISSUERS, SM2, never),
    ) == (Reason.CODE_CLOCK_UNSET, Reason.CODE_CLOCK_UNSET)
    # Even one that says the right time, and even a code that would be wrong at any time.
    right = ClockReading(NOW * 1000, "unset", "boot-1")
    assert verify_three_level(CODE, ROOTS, CERTIFICATES, right) == Reason.CODE_CLOCK_UNSET


def test_a_clock_in_holdover_judges_codes() -> None:
    held = ClockReading(NOW * 1000, "holdover", "boot-1")
    assert isinstance(verify_three_level(CODE, ROOTS, CERTIFICATES, held), ThreeLevel)


def test_a_certificate_is_good_through_its_month_in_china() -> None:
    assert last_second(bytes.fromhex("0526")) == month(2026, 6) - 1
    assert last_second(bytes.fromhex("1226")) == month(2027, 1) - 1
    for wrong in ("0026", "1326", "0a26", "052f"):
        assert last_second(bytes.fromhex(wrong)) is None


def test_cheap_checks_come_before_any_signature() -> None:
    counting = Counting()
    certificates = Certificates(counting)
    for name, defect in DEFECTS.items():
        if "forged" not in name and "curve" not in name and not name.startswith(("r ", "s ")):
            roots = PHONES.roots(expires=defect.roots_expire)
            verify_three_level(defect.make(PHONES), roots, certificates, at())
    assert (counting.verified, counting.decompressed) == (0, 0)


@pytest.mark.parametrize(
    ("pairs", "taken"),
    [
        ((), False),
        (("51010000:33010000",), True),
        (("51010000:*",), True),
        (("*:33010000",), True),
        (("*:*",), True),
        (("33010000:51010000", "51010000:33020000", "33010000:*"), False),
    ],
)
def test_a_certificate_of_another_issuer_is_taken_for_pairs_of_the_city_only(
    pairs: tuple[str, ...], *, taken: bool
) -> None:
    code = PHONES.three_level(replace(GOOD, issuer=bytes.fromhex("33010000")))
    others = OtherIssuers(pairs)
    found = verify_three_level(code, PHONES.roots(), Certificates(SM2), at(), others=others)
    assert isinstance(found, ThreeLevel) if taken else found == Reason.CODE_ISSUER_OTHER


def test_pairs_of_issuers_are_found_in_either_case_of_their_hex_digits() -> None:
    others = OtherIssuers(["0a0b0c0d:AABBCCDD"])
    assert others.allow(bytes.fromhex("0A0B0C0D"), bytes.fromhex("aabbccdd"))


def test_a_good_certificate_is_remembered_and_a_bad_one_is_not() -> None:
    counting = Counting()
    certificates = Certificates(counting)
    for expected in (3, 2, 2):
        before = counting.verified
        verify_three_level(CODE, ROOTS, certificates, at())
        assert counting.verified - before == expected
    forged = PHONES.three_level(replace(GOOD, root_signer=STRANGER))
    for _ in range(2):
        before = counting.verified
        assert verify_three_level(forged, ROOTS, certificates, at()) is (
            Reason.CODE_CERTIFICATE_FORGED
        )
        assert counting.verified - before == 1


def test_what_is_remembered_is_bounded_and_holds_for_one_root_only() -> None:
    counting = Counting()
    certificates = Certificates(counting, most=1)
    other = PHONES.three_level(replace(GOOD, certificate_expires=bytes.fromhex("1130")))
    for code, expected in ((CODE, 3), (other, 3), (CODE, 3), (CODE, 2)):
        before = counting.verified
        assert isinstance(verify_three_level(code, ROOTS, certificates, at()), ThreeLevel)
        assert counting.verified - before == expected
    (root,) = ROOTS.values()
    replaced = {root.index: replace(root, key=SM2.public(STRANGER))}
    assert verify_three_level(CODE, replaced, certificates, at()) == Reason.CODE_CERTIFICATE_FORGED


@given(st.binary(max_size=1100))
@example(b"")
@example(CODE[:-1])
def test_whatever_the_bytes_there_is_a_reason(content: bytes) -> None:
    assert isinstance(judged(content), Reason)
    assert isinstance(judged_old(content), Reason)


@given(st.data())
def test_whatever_is_changed_in_a_good_code_there_is_a_reason(data: st.DataObject) -> None:
    good = data.draw(st.sampled_from([CODE, OLD_CODE]))
    place = data.draw(st.integers(8, len(good) - 1))
    patch = data.draw(st.binary(min_size=1, max_size=40))
    changed = good[:place] + patch + good[place + len(patch) :]
    for found, code in ((judged(changed), CODE), (judged_old(changed), OLD_CODE)):
        assert isinstance(found, Reason) or signed(found.content) == signed(code)


def signed(content: bytes) -> bytes:
    """All that a signature stands over, and the signatures."""
    return content[8:161] + content[162:] if len(content) == len(OLD_CODE) else content


# Two levels


def test_a_good_two_level_code_passes() -> None:
    code = judged_old(OLD_CODE)
    assert isinstance(code, TwoLevel)
    assert (code.card, code.validity, code.generated) == (GOOD.card, 60, NOW)


def test_no_flipped_bit_of_what_a_two_level_code_signs_is_accepted() -> None:
    accepted = set()
    for place in range(len(OLD_CODE)):
        flipped = bytearray(OLD_CODE)
        flipped[place] ^= 0x10
        if not isinstance(judged_old(bytes(flipped)), Reason):
            accepted.add(place)
    # Version, length, type and the last separator: the layout has nobody sign them, and nothing
    # is decided by them but which layout it is.
    assert accepted <= {0, 1, 2, 3, 161}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (OLD_CODE[:-1], Reason.CODE_LENGTH),
        (b"\x7f" + OLD_CODE[1:], Reason.CODE_VERSION),
        (OLD_CODE[:7] + b"\x09" + OLD_CODE[8:], Reason.CODE_ROOT_UNKNOWN),
        (PHONES.two_level(replace(GOOD, card=bytes(10))), Reason.CODE_ACCOUNT),
        (PHONES.two_level(replace(GOOD, card=b"\xff" * 10)), Reason.CODE_ACCOUNT),
        (PHONES.two_level(replace(GOOD, card=b"\xf0" * 10)), Reason.CODE_ACCOUNT),
        (PHONES.two_level(replace(GOOD, key_expires=NOW - 1)), Reason.CODE_KEY_EXPIRED),
        (PHONES.two_level(replace(GOOD, validity=1201)), Reason.CODE_VALIDITY),
        (PHONES.two_level(replace(GOOD, generated=NOW + 21)), Reason.CODE_FUTURE),
        (PHONES.two_level(replace(GOOD, generated=NOW - 61)), Reason.CODE_STALE),
        (PHONES.two_level(replace(GOOD, issuer_signer=STRANGER)), Reason.CODE_ISSUER_FORGED),
        (PHONES.two_level(replace(GOOD, user_public=off_curve())), Reason.CODE_KEY_INVALID),
        (PHONES.two_level(replace(GOOD, user_signer=STRANGER)), Reason.CODE_USER_FORGED),
    ],
)
def test_every_single_defect_of_a_two_level_code_has_its_reason(
    code: bytes, reason: Reason
) -> None:
    assert judged_old(code) is reason


def test_a_two_level_issuers_key_expires() -> None:
    expired = PHONES.two_level_issuers(expires=NOW)
    assert verify_two_level(OLD_CODE, expired, SM2, at()) == Reason.CODE_ROOT_EXPIRED


def test_an_account_is_named_by_what_is_not_filling() -> None:
    assert names_account(b"210500000000044\0")
    assert names_account(b" 21050000000004 ")
    assert not names_account(b" \0" * 8)
    assert not names_account(b"2105\x0000000000044")
