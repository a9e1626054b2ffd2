"""A card's certificates, judged: each defect has its own word, and only a whole chain is valid."""

import pytest

from agent.identify.certificates import Authorities, AuthorityUnusable, Judge, NoCardRoots, Result
from agent.messages.texts import Texts
from apdu.social_security.files import Generation
from simulators.cards import Algorithm, Interface
from simulators.cards import Generation as Edition
from simulators.cards.pki import Defect
from simulators.ceremony import KeyAuthority
from tests.apdu.simulated import bench
from tests.simulators.cards.terminal import CITY
from trust.keystore import KeyStore, SecretMissing
from trust.sm2 import sm2

SM2 = sm2()
NOW = 1_790_000_000  # 2026
AUTHORITY = CITY.certificate_authority


class Keys:
    """A `KeyStore` that is a dictionary."""

    def __init__(self, **secrets: bytes) -> None:
        self._secrets = {name.replace("_", "-") + ".cer": raw for name, raw in secrets.items()}

    def names(self) -> list[str]:
        return ["city-reference", *self._secrets]

    def read(self, name: str) -> bytes:
        if name not in self._secrets:
            raise SecretMissing(name=name, path="")
        return self._secrets[name]

    def write(self, name: str, secret: bytes) -> None: ...

    def erase(self, name: str) -> None: ...

    def place(self, name: str) -> str:
        return f"/keys/{name}"


BOTH: KeyStore = Keys(card_root_city=AUTHORITY.root, card_ca_city=AUTHORITY.issuing)


def judged(keys: KeyStore = BOTH, now: int = NOW, **kind: object) -> dict[str, Result]:
    edition = kind.get("generation", Edition.V3)
    assert isinstance(edition, Edition)
    judge = Judge(Authorities.of(keys), SM2, now)
    card = bench(**kind)  # type: ignore[arg-type]
    found = judge.judge(card.channel, Generation(edition.value))  # type: ignore[arg-type]
    return {one.purpose: one.result for one in found}


@pytest.mark.parametrize("interface", [Interface.CONTACT, Interface.CONTACTLESS])
def test_a_good_cards_certificates_are_valid_at_either_reader(interface: Interface) -> None:
    assert judged(interface=interface, certificates=True) == {
        "signing": "valid",
        "encryption": "valid",
    }


DEFECTS: list[tuple[Defect, Result]] = [
    (Defect.EXPIRED, "expired"),
    (Defect.NOT_YET_VALID, "not-yet-valid"),
    (Defect.ISSUER, "unknown-issuer"),
    (Defect.OTHER_KEY, "other-key"),
    (Defect.SIGNATURE, "broken"),
    (Defect.CRITICAL_EXTENSION, "broken"),
    (Defect.CURVE, "broken"),
    (Defect.TRUNCATED, "broken"),
    (Defect.TRAILING, "broken"),
]


def test_no_defect_is_left_out() -> None:
    assert {defect for defect, _ in DEFECTS} == set(Defect) - {Defect.NONE}


@pytest.mark.parametrize(("defect", "result"), DEFECTS)
def test_each_single_defect_has_its_word(defect: Defect, result: Result) -> None:
    found = judged(certificates=True, certificate_defect=defect)
    assert found == {"signing": result, "encryption": "valid"}
    for language in ("zh", "en"):
        assert Texts(language).word("certificate", result) != result


def test_a_card_without_certificates_has_none() -> None:
    nothing = {"signing": "absent", "encryption": "absent"}
    assert judged() == nothing
    assert judged(generation=Edition.V2, algorithm=Algorithm.DES3) == nothing


def test_an_authority_is_trusted_by_the_key_store_alone() -> None:
    other = KeyAuthority("339900", b"elsewhere").certificate_authority
    foreign = Keys(card_root_other=other.root, card_ca_city=AUTHORITY.issuing)
    assert set(judged(foreign, certificates=True).values()) == {"unknown-issuer"}
    alone = Keys(card_root_city=AUTHORITY.root)
    assert set(judged(alone, certificates=True).values()) == {"unknown-issuer"}
    issuing = Keys(card_root_issuing=AUTHORITY.issuing)
    assert set(judged(issuing, certificates=True).values()) == {"valid"}


def test_without_a_root_nothing_is_judged() -> None:
    with pytest.raises(NoCardRoots):
        Authorities.of(Keys(card_ca_city=AUTHORITY.issuing))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x30", "truncated"),
        (AUTHORITY.root[:-1], "truncated"),
        (AUTHORITY.files("00000001", b"\0" + b"\1" * 31, b"\0" + b"\2" * 31)["CERT/0018"],
         "not-a-ca"),
    ],
)  # fmt: skip
def test_what_is_no_authority_is_told_by_its_name(raw: bytes, reason: str) -> None:
    with pytest.raises(AuthorityUnusable) as told:
        Authorities.of(Keys(card_root_city=raw))
    assert told.value.facts == {"name": "card-root-city.cer", "reason": reason}
