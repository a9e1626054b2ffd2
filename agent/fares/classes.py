"""Who somebody is to a city's fares: the classes of a person or of a card.

The list of people goes before the card: a person who stands in it is judged by it alone, whatever
the card's type says, so that card and code of one person pay the same.
"""

from collections.abc import Iterator
from datetime import date

from agent.fares.ride import Rider
from agent.fares.rules import Rules
from agent.fares.tariff import Tariff

DRIVER = "driver"
TEST_CARD = 0x04  # of any city; it never rides, whatever a list says
NATIONAL = range(0x10)  # types that mean the same in every city; above, the city's own


def classes_of(rider: Rider, rules: Rules, day: date | None) -> Iterator[tuple[str, str]]:
    """(class, how it is known: `person` or `card-TYPE`). `day`: today in China, None when the clock
    is not known."""
    listed = rules.entitlements.of(rider.person)
    if listed:
        for entitlement in listed:
            if entitlement.holds(day):
                yield entitlement.name, "person"
        return
    tariff = rules.tariff
    if tariff is None or is_foreign(rider, tariff):  # another city's class is nothing here
        return
    name = tariff.card_types.get(hex_type(rider))
    if name is not None:
        yield name, f"card-{hex_type(rider)}"


def is_refused(rider: Rider, tariff: Tariff) -> bool:
    """Whether cards of that type do not ride. Another city's own types mean nothing here."""
    if rider.card_type is None:
        return False
    if rider.card_type == TEST_CARD:
        return True
    meant = rider.card_type in NATIONAL or not is_foreign(rider, tariff)
    return meant and hex_type(rider) in tariff.refused_types


def is_driver(rider: Rider, rules: Rules, day: date | None) -> bool:
    """Whether the holder may sign on to a vehicle."""
    return any(name == DRIVER for name, _ in classes_of(rider, rules, day))


def is_foreign(rider: Rider, tariff: Tariff) -> bool:
    """Whether it is a card of a city that is none of the tariff's."""
    return bool(rider.city) and rider.city not in tariff.cities


def hex_type(rider: Rider) -> str:
    """The card type in two hex digits, empty for what has none."""
    return "" if rider.card_type is None else f"{rider.card_type:02X}"
