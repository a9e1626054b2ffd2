"""The transit key ceremony: one seed for all cities, because T-Union's roots are national.

A seed becomes MPK and MTK per algorithm, index and version; orders become purses of many issuers
and cities; the back office can compute any TAC. Source: spec transit-card.md, Cryptography.
"""

import contextlib
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from apdu.transit.files import Layouts, LayoutUnknown
from simulators.cards import Card, Interface, face, operating_system
from simulators.cards.ciphers import Algorithm
from simulators.cards.purse import OneCard, PurseMemory, PurseOs, PurseSpec
from simulators.cards.purse_codes import Purchase, PurseCodes, Truncation
from simulators.cards.transit_psam import T_UNION, TransitPsamOs, TransitPsamSpec
from simulators.ceremony import CardOrder, KeyAuthority, derive, seeded

HISTORICAL = b"TUCARD".ljust(13, b"\0")
Use = Literal["MPK", "MTK"]


@dataclass(frozen=True)
class PurseOrder:
    """What a purse is to be. `card_number` 19 digits, `issuer` 16 hex digits, `city` and `province`
    four; `money` in fen, below zero where the overdraft is used; `state` 00, 01, 02."""

    card_number: str = "3105199000000000017"
    issuer: str = "01015199FFFFFFFF"
    city: str = "5199"
    province: str = "5100"
    card_type: int = 0x01
    interoperable: bool = True
    money: int = 10_000
    overdraft: int = 0
    seq: int = 1
    state: int = 0x01
    starts: str = "20200101"
    expires: str = "20991231"
    key_index: int = 1
    key_version: int = 1
    algorithm: Algorithm = Algorithm.DES3
    truncation: Truncation = "left"  # SM4 only
    public_in_fci: bool = True
    phone: bool = False  # its AID ends with the city
    records: tuple[bytes, ...] | None = field(default=None, repr=False)  # 001A; None: blank ones

    @property
    def public(self) -> bytes:
        """File 0015."""
        return bytes.fromhex(
            f"{self.issuer}02{self.state:02X}0{self.card_number}{self.starts}{self.expires}0000"
        )

    @property
    def serial(self) -> bytes:
        """The 8 bytes that keys are diversified by."""
        return self.public[12:20]

    @property
    def management(self) -> bytes:
        """File 0017."""
        interoperable = "0001" if self.interoperable else "0000"
        head = f"00000156{self.province}{self.city}{interoperable}{self.card_type:02X}"
        return bytes.fromhex(head).ljust(60, b"\0")

    @property
    def codes(self) -> PurseCodes:
        return PurseCodes(self.algorithm, self.truncation)


class TransitCity:
    """All cities of one seed. Another seed is a forger's."""

    def __init__(self, seed: bytes = b"onecard") -> None:
        self._seed = seed

    def root(self, use: Use, algorithm: Algorithm, index: int, version: int) -> bytes:
        """MPK or MTK, 16 bytes."""
        return derive(self._seed, f"transit/{use}/{algorithm.name}/{index}/{version}", 16)

    def purse(self, order: PurseOrder) -> PurseOs:
        """The inside of a purse card; `face` puts it on a reader."""
        return PurseOs(
            PurseSpec(
                public=order.public,
                management=order.management,
                keys={order.key_index: self._card_key("MPK", order)},
                tac_key=self._card_key("MTK", order),
                random=seeded(derive(self._seed, f"purse/{order.card_number}", 32)),
                state=PurseMemory(
                    money=order.money,
                    seq=order.seq,
                    records=blank_records(order.city) if order.records is None else order.records,
                ),
                overdraft=order.overdraft,
                key_version=order.key_version,
                codes=order.codes,
                city=bytes.fromhex(order.city) if order.phone else b"",
                public_in_fci=order.public_in_fci,
            )
        )

    def face(self, inside: PurseOs, interface: Interface = Interface.CONTACTLESS) -> Card:
        """The purse card as a reader meets it; two faces of one inside are one card."""
        return face(inside, HISTORICAL, interface)

    def one_card(
        self,
        order: PurseOrder,
        social: CardOrder,
        city: KeyAuthority,
        interface: Interface = Interface.CONTACTLESS,
    ) -> tuple[OneCard, Card]:
        """A social security card with a transit application: its inside, and the card."""
        spec = city.card_spec(social)
        inside = OneCard(operating_system(spec), self.purse(order))
        return inside, face(inside, spec.historical, interface)

    def psam(
        self,
        terminal: str = "012300033D11",
        *,
        serial: str = "5199000000000001",
        application: int = T_UNION,
        algorithms: tuple[Algorithm, ...] = (Algorithm.DES3,),
        versions: tuple[int, ...] = (1,),
        key_index: int = 1,
        issuers: tuple[str, ...] | None = None,
        sequence: int = 0,
        mac2_refusal: int = 0x63CF,
        truncation: Truncation = "left",
    ) -> TransitPsamOs:
        """The inside of a transit PSAM (`simulators.cards.transit_psam.transit_psam` makes it a
        card). `terminal`: 12 hex digits."""
        return TransitPsamOs(
            TransitPsamSpec(
                terminal=bytes.fromhex(terminal),
                serial=bytes.fromhex(serial).rjust(14, b"\0"),
                roots={
                    (PurseCodes(one).identifier, version): self.root("MPK", one, key_index, version)
                    for one in algorithms
                    for version in versions
                },
                key_index=key_index,
                application=application,
                issuers=None if issuers is None else frozenset(map(bytes.fromhex, issuers)),
                sequence=sequence,
                mac2_refusal=mac2_refusal,
                truncation=truncation,
            )
        )

    def tac(
        self,
        order: PurseOrder,
        *,
        amount: int,
        kind: int,
        terminal: bytes,
        sequence: int,
        moment: str,
    ) -> bytes:
        """What the back office computes for a record. `kind` 06 or 09, `sequence` the PSAM's."""
        purchase = Purchase(amount, kind, terminal, bytes.fromhex(moment))
        return order.codes.tac(self._card_key("MTK", order), purchase, sequence)

    def _card_key(self, use: Use, order: PurseOrder) -> bytes:
        root = self.root(use, order.algorithm, order.key_index, order.key_version)
        return order.codes.card_key(root, bytes.fromhex(order.issuer), order.serial)


@cache
def blank_records(city: str) -> tuple[bytes, ...]:
    """001A of a card that has never been used: rail, and bus where the city has a table."""
    layouts = Layouts.shipped()
    records = [layouts.find(city, "rail").encode({})]
    with contextlib.suppress(LayoutUnknown):
        records.append(layouts.find(city, "bus").encode({}))
    return tuple(records)
