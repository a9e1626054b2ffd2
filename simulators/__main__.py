"""`python -m simulators`: simulated cards in a real pcscd, for whoever tries a client on them.

Prints the variable that leads PC/SC clients to this pcscd, then takes one order per line:
`insert CARD [contact|contactless]`, `remove`, `unplug`, `plug`, `restart`, `cards`, `quit`.
"""

import argparse
import signal
import sys
from typing import NoReturn, get_args

from simulators.cards import Interface
from simulators.cards.contract import Card
from simulators.lifetime import Ended, leave, like_ctrl_c
from simulators.parts import Unavailable
from simulators.pcscd import NoNamespaces, Pcscd
from simulators.people import Wallet, load_cast
from simulators.site import DOOR, DOOR_SLOT, PSAM, READERS
from simulators.timing import Air, TimeTable
from simulators.vpcd import Slot, Timing

REMEDY = "The readers need namespaces of their own: see docs/install.md, In a container."
SLOTS = {Interface.CONTACTLESS: DOOR, Interface.CONTACT: DOOR_SLOT, Interface.SAM: PSAM}


class Desk:
    """The readers, and the hand that puts cards into them."""

    def __init__(self, pcscd: Pcscd, air: Air | None) -> None:
        self._pcscd = pcscd
        self._cast = load_cast()
        self._wallet = Wallet(self._cast)
        self._table = TimeTable(air) if air else None
        self._slots = {interface: Slot(pcscd, SLOTS[interface]) for interface in SLOTS}
        self._at = Interface.CONTACTLESS  # where the last card went
        self._put(self._cast.psam(), Interface.SAM)

    def obey(self, line: str) -> str:
        """Carry out one order; what to say about it."""
        order, *words = line.split() or [""]
        match order:
            case "insert" if words:
                return self._insert(words)
            case "remove":
                self._slots[self._at].remove()
            case "unplug":
                self._slots[self._at].unplug()
            case "plug":
                self._slots[self._at].plug()
            case "restart":
                self._pcscd.restart()
            case "cards":
                return "\n".join(f"{card.key}: {card.generation}" for card in self._cast.cards)
            case _:
                return __doc__ or ""
        return "done"

    def close(self) -> None:
        for slot in self._slots.values():
            slot.remove()

    def _insert(self, words: list[str]) -> str:
        key = words[0]
        try:
            self._at = Interface(words[1]) if len(words) > 1 else Interface.CONTACTLESS
            card = self._wallet.at(key, self._at)
        except (KeyError, ValueError):
            return f"there is no {' '.join(words)}; `cards` lists them"
        self._put(card, self._at)
        return f"{key} lies in {SLOTS[self._at]}"

    def _put(self, card: Card, interface: Interface) -> None:
        timing: Timing | None = self._table.at(interface) if self._table else None
        self._slots[interface].insert(card, timing=timing)


def main() -> NoReturn:
    arguments = argparse.ArgumentParser(prog="python -m simulators")
    arguments.add_argument("--air", type=int, choices=get_args(Air), help="kbit/s; else no delay")
    options = arguments.parse_args()
    leave(_status(options.air))


def _status(air: Air | None) -> int:
    """Serve to the end; the exit status."""
    try:
        with like_ctrl_c():
            serve(air)
    except Unavailable as error:
        remedy = f"\n{REMEDY}" if isinstance(error, NoNamespaces) else ""
        sys.stderr.write(f"{error}{remedy}\n")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Ended as ended:
        return int(ended.code or 0)
    return 0


def serve(air: Air | None) -> None:
    """Until `quit`, or the end of the orders."""
    with Pcscd(list(READERS)) as pcscd:
        desk = Desk(pcscd, air)
        _say(f"export PCSCLITE_CSOCK_NAME={pcscd.socket_path}")
        for line in sys.stdin:
            if line.strip() == "quit":
                break
            _say(desk.obey(line))
        desk.close()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
