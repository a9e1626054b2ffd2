"""How the city's HSM calls a key: by the issuing authority's own table, at both ends."""

from collections.abc import Mapping

import pytest

from agent.identify.hsm import HsmClient, HsmRefused
from apdu.social_security.city_keys import PUBLIC_KEYS_ONLY, CityKeys
from apdu.social_security.file_address import parse_address
from apdu.social_security.session import CardSession, open_session
from contracts.scenes.stand import KEYS
from simulators.world import SimWorld
from tests.agent.identify.test_fallback import WITHIN, HsmStand

OWN = {"RKSSSE": "004C", "PUK": "0090", "STK": "0175", "RK1DF03": "0301"}
AUTHORITY = CityKeys.of(kids=KEYS.kids, addresses=OWN, writes=KEYS.writes)


class Session(HsmStand):
    """A card in the contact reader, whose keys the HSM holds."""

    def open(self, keys: CityKeys, addresses: Mapping[str, str]) -> CardSession:
        self.hsm.addresses = addresses
        self.slot.insert(self.card("lin", self.slot.interface))
        handle = self.slot.open()
        desk = HsmClient(self.to_hsm, WITHIN, keys)
        return open_session(handle, desk.authenticator(handle), keys=keys)


def in_session(keys: CityKeys, addresses: Mapping[str, str]) -> Mapping[str, int]:
    """Read by a key and set a new PIN; how often the HSM was asked what."""
    world = SimWorld(1)

    def main() -> Mapping[str, int]:
        stand = Session(world, psam=False)
        with stand.open(keys, addresses) as session:
            assert session.read(parse_address("DF03EF06|5F|$"))
            session.reload_pin(bytearray(b"654321"))
            session.verify_pin(bytearray(b"654321"))
        return stand.hsm.asked

    return world.play(main)


def test_the_authoritys_addresses_are_what_its_hsm_is_asked_by() -> None:
    assert in_session(AUTHORITY, OWN) == {"01": 1, "02": 2, "03": 1}


@pytest.mark.parametrize(("keys", "addresses"), [(AUTHORITY, {}), (PUBLIC_KEYS_ONLY, OWN)])
def test_control_an_hsm_with_other_addresses_knows_no_such_key(
    keys: CityKeys, addresses: Mapping[str, str]
) -> None:
    with pytest.raises(HsmRefused) as told:
        in_session(keys, addresses)
    assert told.value.facts == {"error": "unknown-key"}
