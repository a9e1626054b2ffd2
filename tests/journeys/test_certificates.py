"""A 3.0 card's certificates at a real reader: `onecard tap --certificates`, each defect told."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apdu.certificate import Certificate
from contracts.secrets_probe import Probe
from simulators.cards import Algorithm, Card, Generation, Interface, face, operating_system
from simulators.cards.pki import Defect
from simulators.ceremony import CardOrder, card_number
from simulators.site import DOOR, DOOR_SLOT, PSAM, Site
from tests.apdu.test_foreign_certificates import Authority
from tests.journeys.gate import AT, onecard
from trust.keystore import FileKeyStore
from world.real import RealWorld

PERSON = "gulbahar"
ROOT, ISSUER = "card-root-made-up.cer", "card-ca-made-up.cer"
BOTH = ("signing", "encryption")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(language="en") as site:
        site.slots[PSAM].insert(site.cast.psam())
        keys = FileKeyStore(RealWorld(), site.folder / "keys")
        authority = site.cast.city.certificate_authority
        keys.write(ROOT, authority.root)
        keys.write(ISSUER, authority.issuing)
        yield site


def card(
    site: Site,
    interface: Interface,
    defect: Defect = Defect.NONE,
    *,
    certificates: bool = True,
    generation: Generation = Generation.V3,
) -> Card:
    order = CardOrder(
        holder=site.cast.person(PERSON).holder(),
        generation=generation,
        algorithm=Algorithm.SM4 if generation is Generation.V3 else Algorithm.DES3,
        serial="0A0B0C0D",
        card_number=card_number("H0000001"),
        certificates=certificates,
        certificate_defect=defect,
    )
    return site.cast.city.card(order, interface)


def tap(
    site: Site, card: Card, door: str = DOOR_SLOT, *form: str
) -> subprocess.CompletedProcess[str]:
    insertion = site.slots[door].insert(card)
    try:
        return onecard(site, "tap", "--certificates", *form)
    finally:
        insertion.pull()
        site.slots[door].remove()


def judged(site: Site, card: Card, door: str, *, expect: int) -> Mapping[str, Mapping[str, str]]:
    told = tap(site, card, door, "--json")
    assert told.returncode == expect, told.stdout + told.stderr
    found: dict[str, Any] = json.loads(told.stdout)
    assert found["reason"] == "accepted"
    return {one["purpose"]: one for one in found["certificates"]}


@pytest.mark.parametrize("door", [DOOR, DOOR_SLOT])
def test_a_good_cards_certificates_are_valid(site: Site, door: str) -> None:
    found = judged(site, card(site, AT[door]), door, expect=0)
    assert tuple(found) == BOTH
    for one in found.values():
        assert one["result"] == "valid"
        assert one["issuer"] == "Made-up Card CA"
        assert (one["not_before"], one["not_after"]) == ("2020-01-01", "2099-12-31")
        assert one["sentence"].startswith("Valid")


@pytest.mark.parametrize(
    ("defect", "result"),
    [
        (Defect.EXPIRED, "expired"),
        (Defect.NOT_YET_VALID, "not-yet-valid"),
        (Defect.ISSUER, "unknown-issuer"),
        (Defect.OTHER_KEY, "other-key"),
        (Defect.SIGNATURE, "broken"),
        (Defect.CURVE, "broken"),
    ],
)
def test_each_single_defect_is_told(site: Site, defect: Defect, result: str) -> None:
    found = judged(site, card(site, Interface.CONTACT, defect), DOOR_SLOT, expect=3)
    assert {purpose: one["result"] for purpose, one in found.items()} == {
        "signing": result,
        "encryption": "valid",
    }
    assert (found["signing"]["issuer"] == "") == (defect is Defect.CURVE), "that one is not read"


def test_a_certificate_that_openssl_has_signed_without_an_identity_is_valid_and_it_says_so(
    site: Site, tmp_path: Path
) -> None:
    made = Authority(tmp_path, named=False)
    keys = FileKeyStore(RealWorld(), site.folder / "keys")
    keys.write("card-root-openssl.cer", made.root)
    public = Certificate.parse(made.leaf).public
    order = CardOrder(
        holder=site.cast.person(PERSON).holder(),
        generation=Generation.V3,
        algorithm=Algorithm.SM4,
        serial="0A0B0C0D",
        card_number=card_number("H0000001"),
    )
    files = {"CERT/0012": b"\x04" + public, "CERT/0018": made.leaf, "CERT/0019": b""}
    spec = replace(site.cast.city.card_spec(order), binaries=files)
    its = face(operating_system(spec), spec.historical, Interface.CONTACT)
    told = judged(site, its, DOOR_SLOT, expect=3)
    keys.erase("card-root-openssl.cer")
    assert told["signing"]["result"] == "valid"
    assert told["signing"]["identity"] == "empty"
    assert "without naming an identity" in told["signing"]["sentence"]
    assert told["encryption"]["result"] == "absent"


def test_a_card_without_certificates_has_none(site: Site) -> None:
    for generation in (Generation.V3, Generation.V2):
        plain = card(site, Interface.CONTACT, certificates=False, generation=generation)
        found = judged(site, plain, DOOR_SLOT, expect=3)
        assert {one["result"] for one in found.values()} == {"absent"}


def test_nothing_of_the_holder_is_shown(site: Site) -> None:
    person = site.cast.person(PERSON)
    probe = Probe({"number": person.number, "name": person.name})
    for form in ((), ("--json",)):
        told = tap(site, card(site, Interface.CONTACT), DOOR_SLOT, *form)
        assert "Made-up Card CA" in told.stdout
        probe.check("tap --certificates", told.stdout + told.stderr)


def test_without_a_root_it_is_said_before_anybody_taps(site: Site) -> None:
    keys = FileKeyStore(RealWorld(), site.folder / "keys")
    keys.erase(ROOT)
    told = onecard(site, "tap", "--certificates", "--json")
    keys.write(ROOT, site.cast.city.certificate_authority.root)
    assert told.returncode == 69
    assert json.loads(told.stdout)["error"] == "certificate.no-roots"


def test_the_daemon_is_not_disturbed_for_it(site: Site) -> None:
    site.agent.start()
    told = onecard(site, "tap", "--certificates", "--json")
    site.agent.stop()
    assert told.returncode == 69
    assert json.loads(told.stdout)["error"] == "tap.daemon-runs"
