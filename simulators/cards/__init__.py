"""Simulated social security cards, PSAMs and cards that are neither, with made-up keys and people.

A second implementation of the specification, from the card's side: it may not import `apdu`.
Everything here is an object with `atr`, `power_on()`, `power_off()` and `transmit(bytes) -> bytes`.
"""

from simulators.cards.build import CardSpec, face, make_card, operating_system
from simulators.cards.card_data import CardData, Holder
from simulators.cards.ciphers import SUITES, Algorithm
from simulators.cards.contract import NO_ANSWER, Card, Interface, RandomSource
from simulators.cards.layout import Generation
from simulators.cards.operating_system import SocialSecurityCardOs
from simulators.cards.psam import PsamKey, PsamKeyId, PsamSpec, make_psam

__all__ = [
    "NO_ANSWER",
    "SUITES",
    "Algorithm",
    "Card",
    "CardData",
    "CardSpec",
    "Generation",
    "Holder",
    "Interface",
    "PsamKey",
    "PsamKeyId",
    "PsamSpec",
    "RandomSource",
    "SocialSecurityCardOs",
    "face",
    "make_card",
    "make_psam",
    "operating_system",
]
