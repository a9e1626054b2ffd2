"""A purse card that knows no key and says exactly what a test wants it to say."""

from collections.abc import Callable, Mapping
from typing import Final

from apdu.channel import CardGone, Transport
from simulators.transit.city import PurseOrder
from world import World

AID: Final = bytes.fromhex("A000000632010105")
GOOD: Final = b"\x90\x00"
NO_PROOF: Final = b"\x94\x06"
NO_ROW: Final = b"\x6a\x83"
Says = Callable[[bytes], bytes] | bytes


class Impostor:
    """See `apdu.channel.Channel`. By itself it says, after a torn debit, all that a card would say
    which has paid: balance, 805A and 0018 by what the terminal told it. `says`: other answers, by
    instruction. `leaves`: it goes at 8054; `delay`: seconds until it answers that."""

    transport = Transport.T1
    atr = bytes.fromhex("3B8D8001") + b"TUCARD".ljust(13, b"\0") + b"\0"

    def __init__(
        self,
        world: World,
        order: PurseOrder,
        *,
        leaves: bool = False,
        delay: float = 0.0,
        seq: int = 7,
        says: Mapping[int, Says] | None = None,
    ) -> None:
        self._world = world
        self._order = order
        self.leaves = leaves
        self._delay = delay
        self._seq = seq
        self._says = says or {}
        self._amount = self._terminal = b""
        self._type = 6
        self.row = b""
        self.sent: list[int] = []

    def transmit(self, command: bytes) -> bytes:
        ins = command[1]
        self.sent.append(ins)
        answers: dict[int, Says] = {
            0xA4: self._select,
            0xB0: lambda _: self._order.management + GOOD,
            0x50: self._begin,
            0xDC: lambda _: GOOD,
            0x54: self._debit,
            0x5A: lambda _: b"no keys!" + GOOD,
            0x5C: self._balance,
            0xB2: lambda told: self.row + GOOD if self.row and told[2] == 1 else NO_ROW,
        }
        if ins == 0x54:
            self._remember(command)
        says = self._says.get(ins, answers.get(ins, b"\x6d\x00"))
        return says if isinstance(says, bytes) else says(command)

    def _select(self, _: bytes) -> bytes:
        public = self._order.public
        inside = bytes.fromhex("9F080102") + b"\x9f\x0c" + bytes([len(public)]) + public
        body = b"\x84\x08" + AID + b"\xa5" + bytes([len(inside)]) + inside
        return b"\x6f" + bytes([len(body)]) + body + GOOD

    def _begin(self, command: bytes) -> bytes:
        self._amount, self._terminal = command[6:10], command[10:16]
        self._type = 9 if command[2] == 3 else 6
        number = self._seq.to_bytes(2)
        return self._order.money.to_bytes(4) + number + bytes(3) + b"\x01\x00" + b"RAND" + GOOD

    def _balance(self, command: bytes) -> bytes:
        left = self._order.money - int.from_bytes(self._amount)
        return (left if command[2] == 0 else 0).to_bytes(4) + GOOD

    def _remember(self, command: bytes) -> None:
        head = self._seq.to_bytes(2) + bytes(3) + self._amount + bytes([self._type])
        self.row = head + self._terminal + command[9:16]

    def _debit(self, _: bytes) -> bytes:
        if self.leaves:
            raise CardGone
        self._world.wait(self._delay)
        return b"no keys!" + GOOD
