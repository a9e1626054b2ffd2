"""Certificates of 3.0 cards: read, walked strictly, led to a root; each single defect is found."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu import der
from apdu.certificate import (
    Certificate,
    CertificateMalformed,
    CertificateUntrusted,
    verify_chain,
)
from apdu.channel import Transport
from apdu.processors import ChainFault
from apdu.social_security.card import SocialSecurityCard
from apdu.social_security.certificates import CardCertificates, CertificateAbsent
from simulators.cards import Algorithm, Generation, Interface
from simulators.cards.pki import Defect
from simulators.ceremony import KeyAuthority
from tests.apdu.scripted import Answering
from tests.apdu.simulated import bench
from tests.simulators.cards.terminal import CITY
from trust.sm2 import sm2
from world import Fault

SM2 = sm2()
NOW = 1_790_000_000  # 2026
ROOT = Certificate.parse(CITY.certificate_authority.root)
ISSUING = Certificate.parse(CITY.certificate_authority.issuing)
CARD = CITY.certificate_authority.files("000001AC", b"\0" + b"\1" * 31, b"\0" + b"\2" * 31)
SIGNING = CARD["CERT/0018"]


def of(**kind: object) -> CardCertificates:
    """Of a fresh card, powered and otherwise untouched."""
    return CardCertificates(SocialSecurityCard(bench(**kind).channel))  # type: ignore[arg-type]


def signing(defect: Defect) -> Certificate:
    return of(certificates=True, certificate_defect=defect).certificate("signing")


@pytest.mark.parametrize("interface", [Interface.CONTACT, Interface.CONTACTLESS])
def test_a_cards_certificates_lead_to_the_citys_root(interface: Interface) -> None:
    found = of(interface=interface, certificates=True)
    signing, encryption = found.certificate("signing"), found.certificate("encryption")
    assert found.public_key() == signing.public != encryption.public
    for one in (signing, encryption):
        chain = verify_chain(one, [ISSUING], [ROOT], sm2=SM2, now=NOW)
        assert [one.subject for one in chain.certificates[1:]] == [ISSUING.subject, ROOT.subject]
        assert chain.identities == ("default", "default")
        assert one.issuer_name == "Made-up Card CA"
    assert ROOT.issuer_name == "", "who vouches for himself may be anybody"


@pytest.mark.parametrize(
    ("defect", "kind", "reason"),
    [
        (Defect.EXPIRED, CertificateUntrusted, "expired"),
        (Defect.NOT_YET_VALID, CertificateUntrusted, "not-yet-valid"),
        (Defect.SIGNATURE, CertificateUntrusted, "signature"),
        (Defect.ISSUER, CertificateUntrusted, "issuer"),
        (Defect.CRITICAL_EXTENSION, CertificateUntrusted, "extension"),
        (Defect.CURVE, CertificateMalformed, "key"),
        (Defect.TRAILING, CertificateMalformed, "trailing"),
    ],
)
def test_each_single_defect_is_found_and_named(
    defect: Defect, kind: type[Fault], reason: str
) -> None:
    with pytest.raises(kind) as caught:
        verify_chain(signing(defect), [ISSUING], [ROOT], sm2=SM2, now=NOW)
    assert caught.value.facts["reason"] == reason


def test_another_citys_root_trusts_nobody_here() -> None:
    other = KeyAuthority("339900", b"elsewhere").certificate_authority
    foreign = Certificate.parse(other.root), Certificate.parse(other.issuing)
    with pytest.raises(CertificateUntrusted) as caught:
        verify_chain(signing(Defect.NONE), [foreign[1]], [foreign[0]], sm2=SM2, now=NOW)
    assert caught.value.facts["reason"] == "signature"
    with pytest.raises(CertificateUntrusted) as caught:
        verify_chain(signing(Defect.NONE), [], [foreign[0]], sm2=SM2, now=NOW)
    assert caught.value.facts["reason"] == "issuer"


def test_a_card_is_no_authority() -> None:
    """A certificate of a card cannot vouch for another."""
    signing = Certificate.parse(SIGNING)
    with pytest.raises(CertificateUntrusted):
        verify_chain(signing, [signing], [ROOT], sm2=SM2, now=NOW)
    assert not signing.may_issue(0)
    assert ISSUING.may_issue(0)


def test_an_issuer_that_is_trusted_itself_ends_the_chain() -> None:
    chain = verify_chain(Certificate.parse(SIGNING), [], [ISSUING], sm2=SM2, now=NOW)
    assert len(chain.certificates) == 2


@pytest.mark.parametrize("now", [ROOT.not_before - 1, ROOT.not_after + 1])
def test_the_chain_has_to_be_valid_now(now: int) -> None:
    with pytest.raises(CertificateUntrusted):
        verify_chain(ROOT, [], [ROOT], sm2=SM2, now=now)


@pytest.mark.parametrize("year", [b"0000", b"2\xb2\xb3\xb9"])
def test_a_year_that_no_calendar_has_is_malformed(year: bytes) -> None:
    with pytest.raises(CertificateMalformed):
        Certificate.parse(SIGNING.replace(b"2099", year))


def test_times_are_read_in_both_forms() -> None:
    assert ROOT.not_before == 1_577_836_800  # 2020-01-01, UTCTime
    assert ROOT.not_after == 4_102_444_799  # 2099-12-31 23:59:59, GeneralizedTime


@pytest.mark.parametrize(
    ("generation", "algorithm"), [(Generation.V1, Algorithm.DES3), (Generation.V2, Algorithm.DES3)]
)
def test_cards_before_3_0_have_none(generation: Generation, algorithm: Algorithm) -> None:
    with pytest.raises(CertificateAbsent):
        of(generation=generation, algorithm=algorithm)


def test_an_empty_application_holds_no_certificate() -> None:
    found = of()
    with pytest.raises(CertificateAbsent) as caught:
        found.public_key()
    assert caught.value.facts == {"which": "EF0012"}
    with pytest.raises(CertificateAbsent) as caught:
        found.certificate("encryption")
    assert caught.value.facts == {"which": "EF0019"}


def test_a_key_off_the_curve_is_none() -> None:
    found = CardCertificates(answering({b"\0\xb0\0\0": b"\4" + bytes(63) + b"\1\x62\x82"}))
    with pytest.raises(CertificateMalformed) as caught:
        found.public_key()
    assert caught.value.facts == {"which": "EF0012", "reason": "point"}


def answering(special: dict[bytes, bytes]) -> SocialSecurityCard:
    def answer(command: bytes) -> bytes:
        for prefix, given_answer in special.items():
            if command.startswith(prefix):
                return given_answer
        return b"\x90\0"

    return SocialSecurityCard(Answering(answer, Transport.T1))


def test_a_file_without_end_is_cut_off() -> None:
    with pytest.raises(ChainFault):
        CardCertificates(answering({b"\0\xb0": bytes(0xF0) + b"\x90\0"})).public_key()


@pytest.mark.parametrize("sw", ["6A82", "6A83", "6A88", "6982", "6985", "6B00"])
def test_a_certificate_that_a_card_lacks_or_keeps_back_is_absent(sw: str) -> None:
    with pytest.raises(CertificateAbsent):
        CardCertificates(answering({b"\0\xb0": bytes.fromhex(sw)})).certificate("signing")


# -- malformed DER: a fault, never an exception


@given(st.binary(max_size=80))
def test_any_bytes_are_der_or_a_fault(raw: bytes) -> None:
    with suppress(der.DerFault):
        assert der.parse(raw).raw == raw


@given(st.binary(max_size=300) | st.builds(lambda a, b: SIGNING[:a] + b, st.integers(0, 319),
                                           st.binary(max_size=20)))  # fmt: skip
def test_any_bytes_are_a_certificate_or_a_fault(raw: bytes) -> None:
    with suppress(CertificateMalformed):
        Certificate.parse(raw)


@given(st.integers(0, len(SIGNING) - 1), st.integers(1, 255))
def test_no_changed_byte_is_trusted(at: int, change: int) -> None:
    """Every byte counts: it breaks the form, the key, or the issuer's signature."""
    raw = bytearray(SIGNING)
    raw[at] ^= change
    with pytest.raises(Fault):
        verify_chain(Certificate.parse(bytes(raw)), [ISSUING], [ROOT], sm2=SM2, now=NOW)


def test_the_unchanged_one_is_trusted() -> None:
    """The control of the test above."""
    assert verify_chain(Certificate.parse(SIGNING), [ISSUING], [ROOT], sm2=SM2, now=NOW)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "truncated"),
        ("30", "truncated"),
        ("3003020101FF", "trailing"),
        ("308000", "length"),
        ("30810102", "length"),
        ("3082000102", "length"),
        ("30830000010200", "length"),
        ("1F0100", "tag"),
        ("300302", "truncated"),
        ("3003020201", "truncated"),
        ("30023002" * 1 + "3000", "truncated"),
    ],
)
def test_what_is_no_der(raw: str, reason: str) -> None:
    with pytest.raises(der.DerFault) as caught:
        der.parse(bytes.fromhex(raw))
    assert caught.value.facts["reason"] == reason


def test_depth_and_size_are_bounded() -> None:
    nested = b""
    for _ in range(der.MAX_DEPTH + 1):
        nested = bytes((0x30, len(nested))) + nested
    with pytest.raises(der.DerFault, match=r".*") as caught:
        der.parse(nested)
    assert caught.value.facts["reason"] == "too-deep"
    with pytest.raises(der.DerFault) as caught:
        der.parse(bytes(der.MAX_BYTES + 1))
    assert caught.value.facts["reason"] == "too-long"
