"""`onecard demo --stay`: what the scene stood on stays up, for whoever wants to try it from another
terminal, and takes orders on this one: who holds a card to which reader.
"""

import queue
import sys
import threading
from collections.abc import Iterator
from typing import Final

from agent.cli.context import Context
from agent.messages.reasons import Reason
from agent.messages.results import Results
from simulators.cards import Interface
from simulators.feed import Feed
from simulators.people import Wallet
from simulators.site import DOOR, DOOR_OUT, DOOR_SLOT, Site

# Where a card is held to: the reader of the bus, what the product calls it, what it is there.
PLACES: Final = {
    "in": (DOOR, "door", Interface.CONTACTLESS),
    "slot": (DOOR_SLOT, "door-slot", Interface.CONTACT),
    "out": (DOOR_OUT, "door-out", Interface.CONTACTLESS),
}
CARDS_OF: Final = {"library-gate": ("in", "slot", "out"), "devices": ("in", "out")}


class Door:
    """A gate of the library, and the people of the cast in front of it."""

    def __init__(self, context: Context, site: Site, places: tuple[str, ...]) -> None:
        self._texts, self._results = context.texts, Results(context.texts)
        self._site, self._places = site, places
        self._wallet = Wallet(site.cast)
        self._feed = Feed(site)
        self._feed.listen()

    def obey(self, order: str) -> str:
        """Carry out one order; what came of it."""
        match order.split():
            case ["cards"]:
                cast = self._site.cast
                owners = {card.key: cast.person(card.person).name for card in cast.cards}
                return "\n".join(f"{key}: {name}" for key, name in owners.items())
            case ["tap", key]:
                return self._tap(key, self._places[0])
            case ["tap", key, place] if place in self._places:
                return self._tap(key, place)
            case _:
                return self._texts.ui("stay-orders", places=" | ".join(self._places))

    def _tap(self, key: str, place: str) -> str:
        reader, name, interface = PLACES[place]
        try:
            card = self._wallet.at(key, interface)
        except KeyError:
            return self._texts.ui("stay-nobody", card=key)
        slot = self._site.slots[reader]
        slot.insert(card)
        try:
            report = self._feed.next(name)
        except queue.Empty:
            return self._texts.ui("stay-unheard", reader=name)
        finally:
            slot.remove()
        milliseconds = sum(report["stages_us"].values()) / 1000
        prompt = self._results.prompt(Reason(str(report["reason"]))).text
        return f"{report['reason']} · {prompt} · {milliseconds:.1f} ms"


def stay(context: Context, site: Site, scene: str) -> None:
    """Until `quit`, or a signal: where standard input is nobody's, only that."""
    way = {"config": str(site.config), "pcscd": site.pcscd.socket_path}
    context.show(dict(way), lambda: context.say(context.texts.ui("stay-here", **way)))
    sys.stdout.flush()
    door = Door(context, site, CARDS_OF[scene]) if scene in CARDS_OF else None
    if not context.as_json:
        _say(door.obey("help") if door else context.texts.ui("stay-quit"))
    for order in _orders():
        if order == "quit":
            return
        if order and door:
            _say(door.obey(order))
    threading.Event().wait()


def _orders() -> Iterator[str]:
    return (line.strip() for line in sys.stdin)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
