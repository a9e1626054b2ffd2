"""Which types of card ride at all (file 0017): a list of them. All others are refused before
anything is asked of the card or begun on it, whatever city it is of, with or without a fare list.
"""

import tomllib
from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files

from agent.fares.classes import TEST_CARD
from agent.fares.rules import Rules
from offline_store.faults import ListUnreadable


@cache
def shipped() -> frozenset[int]:
    """`card_types.toml`."""
    text = (files("agent.purse") / "card_types.toml").read_text(encoding="utf-8")
    return frozenset(int(key, 16) for key in tomllib.loads(text)["rides"])


class CardTypes:
    """The shipped list, what the settings add, and what the city's fare list gives a class to."""

    def __init__(self, more: Iterable[str] = (), rules: Callable[[], Rules] = Rules) -> None:
        """`more`: two hex digits each."""
        self._listed = shipped() | {int(one, 16) for one in more}
        self._rules = rules

    def rules(self) -> Rules:
        """The lists that are in force now; none where one cannot be read: then there is no
        fare either."""
        try:
            return self._rules()
        except ListUnreadable:
            return Rules()

    def ride(self, rules: Rules, card_type: int) -> bool:
        """Whether cards of this type (file 0015) ride by these lists; test cards never do."""
        if card_type == TEST_CARD:
            return False
        of_the_city = rules.tariff.card_types if rules.tariff else ()
        return card_type in self._listed or card_type in {int(one, 16) for one in of_the_city}
