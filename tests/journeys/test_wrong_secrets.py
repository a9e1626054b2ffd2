"""Secrets as people get them, at a whole site: nobody is decided about with a wrong one."""

import json
from pathlib import Path

import pytest

from simulators.site import ISSUER, NotInTime, Site, until
from tests.journeys.gate import Doors, onecard
from trust.keystore import FileKeyStore
from world.real import RealWorld

PUBLIC = f"issuer-{ISSUER}.pub"


def spoil(site: Site, name: str, content: bytes) -> str:
    """Give the terminal this secret; where it lies."""
    FileKeyStore(RealWorld(), site.folder / "keys").write(name, content)
    return str(Path(site.folder) / "keys" / name)


def secret(site: Site, name: str) -> bytes:
    return FileKeyStore(RealWorld(), site.folder / "keys").read(name)


def found_wrong(site: Site) -> list[str]:
    findings = json.loads(onecard(site, "doctor", "--json").stdout)["findings"]
    return [f["sentence"] for f in findings if f["id"] == "secret-unusable"]


def test_a_wrong_secret_keeps_people_out_only_where_decisions_rest_on_it() -> None:
    with Site(language="en") as site:
        doors = Doors(site)
        for name in ("city-reference", "journal-seed"):
            good = secret(site, name)
            for wrong in (good + b"\n", good.hex().encode()):
                path = spoil(site, name, wrong)
                with pytest.raises(NotInTime):
                    doors.open()
                assert f"{path}: {name} must be a key of exactly 32 bytes" in site.agent.printed()
                (told,) = found_wrong(site)
                assert path in told
            spoil(site, name, good)

        public = secret(site, PUBLIC)
        path = spoil(site, PUBLIC, public.hex().encode())
        doors.open()
        assert doors.tap("lin").accepted
        (told,) = found_wrong(site)
        assert path in told
        assert path in site.agent.printed()

        spoil(site, PUBLIC, b"\x04" + public)
        assert found_wrong(site) == []
        doors.reopen()
        until(lambda: site.agent.status()["store"]["unreceipted"] == 0, "no receipt is believed")
