"""iReadCardBas by PSAM and in steps by the caller's own HSM: exact fields, exact errors."""

import pytest

from simulators.ceremony import City
from tests.agent.facade.counter import Counter, play


def test_the_eleven_fields_are_those_of_the_card() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        told = counter.good("iReadCardBas", "1")
        cast = counter.stand.cast
        card = cast.card("lin")
        person = cast.person(card.person)
        assert told == [
            cast.region,
            person.number,
            card.card_number,
            cast.card_id(card),
            person.name,
            counter.stand.card("lin").atr[-13:].hex().upper(),
            "3.00",
            card.issued,
            card.expires,
            cast.terminal_number,
            "WINDOW-7",
        ]
        assert counter.powered_down()

    play(scenario)
