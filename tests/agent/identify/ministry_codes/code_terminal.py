"""A stand whose terminal verifies codes, with made-up phones and tickets."""

from agent.doctor.purpose import KEYS_OF
from agent.identify.code import VERIFIED
from agent.identify.ministry_codes.resolver import MinistryCodes, OfflineResolver
from agent.identify.tickets.resolver import Tickets
from contracts.scenes.stand import Stand
from offline_store.clock import Clock
from offline_store.lists.keys import MINISTRY_ISSUERS, MINISTRY_ROOTS, TICKET_ISSUERS, Keys
from simulators.transit import tickets
from simulators.transit.codes import FAR, Phones
from trust.sm2 import sm2

SM2 = sm2()
PHONES = Phones(SM2)


class CodeTerminal:
    """A stand whose terminal verifies codes, with its clock at the codes' `NOW`."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.roots_expire = FAR
        clock = Clock(stand.world)
        ministry = MinistryCodes(SM2, self.keys, clock.read, stand.references)
        ours = Tickets(SM2, self.keys, clock.read, (tickets.GROUP,))
        verifiers = {**ministry.verifiers(), **ours.verifiers()}
        assert set(verifiers) == set(VERIFIED) == set(KEYS_OF)
        stand.resolvers["offline"] = OfflineResolver(verifiers)
        self.show = stand.show

    def keys(self, name: str) -> Keys:
        return {
            MINISTRY_ROOTS: PHONES.roots(expires=self.roots_expire),
            MINISTRY_ISSUERS: PHONES.two_level_issuers(),
            TICKET_ISSUERS: tickets.issuers(SM2),
        }[name]
