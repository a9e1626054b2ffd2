"""What flows need beside the card, and what a call with good parameters is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.facade.standing import StatusReader
from agent.facade.visit import CallFlow
from apdu.social_security.authentication import Authenticator
from apdu.social_security.city_keys import CityKeys
from apdu.social_security.quirks import NO_KINDS, CardKinds
from drivers.contract import CardHandle, Interface
from world import World


@dataclass(frozen=True)
class CardServices:
    """What flows need beside the card."""

    world: World
    # The terminal's own keys: PSAM, then its HSM.
    authenticator: Callable[[CardHandle], Authenticator]
    keys: CityKeys
    device_number: str
    standing: StatusReader
    cards: CardKinds = NO_KINDS  # how some cards are spoken to


@dataclass(frozen=True)
class PreparedCall:
    """A call whose parameters are good: where its card may lie, and what is done with it."""

    kinds: Sequence[Interface]
    flow: CallFlow


Prepare = Callable[[CardServices, Sequence[str]], PreparedCall]
