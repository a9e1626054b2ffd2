"""The cards of the stage: one of each generation and algorithm, and those with a hard edge.

All people, numbers and keys are made up; region 519900 belongs to no city.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from simulators.cards import (
    Algorithm,
    Card,
    Generation,
    Holder,
    Interface,
    SocialSecurityCardOs,
    face,
    operating_system,
)
from simulators.cards.contents import Transaction
from simulators.cards.contract import Processor
from simulators.ceremony import CardOrder, KeyAuthority, card_number

CITY = KeyAuthority("519900", b"onecard conform")
FORGER = KeyAuthority("519900", b"somebody else's keys")
PIN = "123456"

ONE = Holder("519900199203149007", "林青禾", "2", "01", "519900", "19920314")


@dataclass(frozen=True)
class StageCard:
    """One card as it was ordered. What it says is known here, so tests can compare."""

    key: str
    order: CardOrder
    keys_of: KeyAuthority | None = None
    card_id: str | None = None  # None: as it should be

    @cached_property
    def inside(self) -> SocialSecurityCardOs:
        """Its operating system, made anew by `fresh`."""
        spec = CITY.card_spec(self.order, keys_of=self.keys_of)
        if self.card_id is not None:
            spec = replace(spec, data=replace(spec.data, card_id=self.card_id))
        return operating_system(spec)

    def fresh(self) -> "StageCard":
        """The same card as it left the factory: all tries, the first PIN."""
        return replace(self)

    def at(
        self, interface: Interface, wrong: Callable[[Processor], Processor] | None = None
    ) -> Card:
        inside: Processor = wrong(self.inside) if wrong else self.inside
        return face(inside, self.historical, interface)

    @property
    def historical(self) -> bytes:
        return CITY.historical(self.order.serial)

    @property
    def told_id(self) -> str:
        return CITY.card_id(self.order.serial)

    @property
    def info(self) -> str:
        """pCardInfo of this card."""
        return f"{self.told_id}|{self.order.card_number}|"

    @property
    def version(self) -> str:
        """The field of iReadCardBas."""
        if self.order.version is not None:
            return self.order.version
        return f"{self.order.generation.value}0"

    def basic(self, terminal: str, device: str) -> list[str]:
        """The 11 fields of iReadCardBas."""
        order = self.order
        return [
            self.told_id[:6],
            order.holder.number,
            order.card_number,
            self.told_id,
            order.holder.name,
            self.historical.hex().upper(),
            self.version,
            order.issued,
            order.expires,
            terminal,
            device,
        ]


def _card(
    key: str,
    serial: str,
    generation: Generation = Generation.V3,
    algorithm: Algorithm = Algorithm.SM4,
    *,
    holder: Holder = ONE,
    keys_of: KeyAuthority | None = None,
    card_id: str | None = None,
    **more: object,
) -> StageCard:
    order = CardOrder(
        holder=holder,
        generation=generation,
        algorithm=algorithm,
        serial=serial,
        card_number=card_number("A" + serial[1:]),
        pin=PIN,
    )
    return StageCard(key, replace(order, **more), keys_of, card_id)  # type: ignore[arg-type]


def _named(name: str) -> Holder:
    return replace(ONE, name=name)


# 50 bytes of GBK: EF06/09 holds 30, and one character lies across that border.
LONG_NAME = "A" + "古丽巴哈尔·阿卜杜热合曼·买买提艾力·玉素甫江汗" + "B"
DOTTED_NAME = "阿依古丽·买买提"
PIPE_NAME = "张韡"  # 韡 is ED 7C: its second byte is the separator's

TRANSACTIONS = (
    Transaction(1, "519900000088", "20260101080910", 1234, 1234, 0),
    Transaction(2, "519900000088", "20260102080910", 3000, 1000, 2000),
)

V1, V2, V3 = Generation.V1, Generation.V2, Generation.V3
DES, SSF33, SM4 = Algorithm.DES3, Algorithm.SSF33, Algorithm.SM4

_ALL = (
    _card("1.0-3des", "00001001", V1, DES),
    _card("2.0-3des", "00002001", V2, DES),
    _card("2.0-ssf33", "00002002", V2, SSF33),
    _card("3.0-sm4", "00003001", transactions=TRANSACTIONS),
    _card("long-name", "00003002", holder=_named(LONG_NAME)),
    _card("dotted-name", "00003003", holder=_named(DOTTED_NAME)),
    _card("pipe-name", "00003004", holder=_named(PIPE_NAME)),
    _card("empty-fields", "00001002", V1, DES, issued="", expires="", version=""),
    _card("padded-e", "00001003", V1, DES, pad="E"),
    _card("forged", "00003005", keys_of=FORGER),
    _card("no-pin", "00003006", pin=None),
    _card("bad-id", "00003007", card_id="519900ABCDEF00050000003007FFFFFF"),
    _card("other", "00003008", holder=_named("王砚秋")),
)
CARDS: Mapping[str, StageCard] = {card.key: card for card in _ALL}


def _vocabulary() -> frozenset[str]:
    """All that the stage's cards say, field by field: made up, so a report may show it."""
    words = {"", "0" * 12, "0" * 32}
    for card in CARDS.values():
        holder = card.order.holder
        name = holder.name.encode("gbk")
        words.update(card.basic("", ""))
        words.update((holder.sex, holder.nation, holder.birthplace, holder.birth))
        words.update(part.decode("gbk", "replace") for part in (name[:30], name[30:]))
    return frozenset(words)


VOCABULARY = _vocabulary()
