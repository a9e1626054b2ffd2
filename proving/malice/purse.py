"""A purse card without any key, which may do anything else: show somebody's number, any balance,
log or trip, say again what it was told, answer slowly, leave in the middle and come back.

What one of a gang hears from a terminal, all of them know. Used by `prove money` and `prove fuzz`,
and by the random histories of tests/agent/purse.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from apdu.channel import CardGone, CardMute, ReaderGone, Transport
from simulators.transit.city import PurseOrder
from simulators.transit.metro import STATIONS, record

GOOD: Final = b"\x90\x00"
AID: Final = bytes.fromhex("A000000632010105")
TYPES: Final = (0x01, 0x01, 0x02, 0x03, 0x03, 0x04, 0x05, 0x12, 0x70, 0x70, 0xFF)
CITIES: Final = ("5199", "5199", "9901", "3301")
REFUSALS: Final = (
    0x6A83, 0x6A82, 0x6985, 0x9406, 0x9401, 0x9402, 0x9403, 0x9302, 0x6581, 0x6D00, 0x9303, 0x6700,
)  # fmt: skip
# Answers of 8054 by which a card gets on: paid, whatever it answers; and the ones in between.
SLOWEST: Final = 1.4  # seconds; the watchdog looks at 1.2 (config.model.WatchdogSettings)


@dataclass
class Gang:
    """What the terminals have told: purchases as a log has them, records, codes of four bytes."""

    purchases: list[bytes] = field(default_factory=list)  # amount 4, type 1, terminal 6, moment 7
    numbers: list[int] = field(default_factory=lambda: [1])  # of cards, that were told or guessed
    records: list[bytes] = field(default_factory=list)  # 001A
    codes: list[bytes] = field(default_factory=lambda: [bytes(4)])
    told: set[tuple[str, int]] = field(default_factory=set)  # card numbers, and theirs in 8050


class Keyless:
    """One of a gang at a reader: see `apdu.channel.Channel`. `order`: as which card it shows
    itself; no key of it is used. `honest`: how often it answers as a card would that had paid."""

    transport = Transport.T1
    atr = bytes.fromhex("3B8D8001") + b"TUCARD".ljust(13, b"\0") + b"\0"

    def __init__(
        self,
        chance: Random,
        order: PurseOrder,
        gang: Gang,
        wait: Callable[[float], None],
        now: Callable[[], str],
    ) -> None:
        """`wait`: seconds that an answer takes; `now`: 14 digits."""
        self._chance = chance
        self._gang = gang
        self._wait = wait
        self._now = now
        self._boldness = chance.choice([0.5, 0.8, 0.95, 1.0])
        self._leaves = chance.choice([0.0, 0.0, 0.05])
        self._order = replace(
            order,
            card_type=chance.choice(TYPES) if chance.random() < 0.5 else order.card_type,
            city=chance.choice(CITIES),
        )
        self._type = 0x06
        self._amount = bytes(4)
        self._terminal = bytes(6)
        self._answers: Mapping[int, Callable[[bytes], bytes]] = {
            0xA4: self._select,
            0xB0: lambda command: self._order.management,
            0xB2: self._record,
            0x5C: self._balance,
            0x50: self._initialise,
            0xDC: self._update,
            0x54: self._debit,
            0x5A: self._proof,
        }

    def transmit(self, command: bytes) -> bytes:
        """Raises `CardGone`, `CardMute`, `ReaderGone`."""
        chance = self._chance
        if chance.random() < 0.05:
            self._wait(chance.random() * SLOWEST)
        answer = self._answers.get(command[1], _nothing)(command)
        if chance.random() < self._leaves:
            raise chance.choice([CardGone, CardMute, ReaderGone])
        if command[1] == 0xA4 or chance.random() < self._boldness:
            return answer + GOOD
        return self._otherwise(answer)

    def _otherwise(self, answer: bytes) -> bytes:
        chance = self._chance
        match chance.randrange(4):
            case 0:
                return chance.choice(REFUSALS).to_bytes(2, "big")
            case 1:
                return chance.randbytes(len(answer)) + GOOD
            case 2:
                return answer[: chance.randrange(len(answer) + 1)] + GOOD
        return answer + chance.randbytes(chance.randrange(1, 9)) + GOOD

    def _select(self, command: bytes) -> bytes:
        public = self._order.public
        inside = bytes.fromhex("9F080102") + b"\x9f\x0c" + bytes([len(public)]) + public
        body = b"\x84\x08" + AID + b"\xa5" + bytes([len(inside)]) + inside
        return b"\x6f" + bytes([len(body)]) + body

    def _balance(self, command: bytes) -> bytes:
        """As before the last purchase, as after it, or anything."""
        left = self._order.money - self._chance.choice([0, 0, int.from_bytes(self._amount), 1])
        return max(left if command[2] != 1 else 0, 0).to_bytes(4)

    def _initialise(self, command: bytes) -> bytes:
        self._type = 0x09 if command[2] == 0x03 else 0x06
        self._amount, self._terminal = command[6:10], command[10:16]
        chance = self._chance
        number = chance.choice([*self._gang.numbers[-4:], self._order.seq, 0, 0xFFFE])
        number = (number + chance.choice([0, 0, 1, -1])) & 0xFFFF
        self._gang.numbers.append(number)
        self._gang.told.add((f"0{self._order.card_number}", number))
        money = self._order.money.to_bytes(4)
        return money + number.to_bytes(2) + bytes(3) + b"\x01\x00" + chance.randbytes(4)

    def _update(self, command: bytes) -> bytes:
        if command[2]:
            self._gang.records.append(command[5:])
        return b""

    def _debit(self, command: bytes) -> bytes:
        self._gang.purchases.append(
            self._amount + bytes([self._type]) + self._terminal + command[9:16]
        )
        self._gang.codes += [command[5:9], command[16:20]]
        if self._chance.random() < 0.4:  # torn where it matters
            raise CardGone
        return self._code() + self._code()

    def _proof(self, command: bytes) -> bytes:
        return self._code() + self._code()

    def _code(self) -> bytes:
        return self._chance.choice([*self._gang.codes[-6:], self._chance.randbytes(4)])

    def _record(self, command: bytes) -> bytes:
        """0018: what was to be paid; 001A: what was to be written, or a trip that begins here and
        now; 001E: nothing."""
        chance = self._chance
        match command[3] >> 3:
            case 0x18 if self._gang.purchases:
                row = chance.choice(self._gang.purchases[-4:])
                number = chance.choice(self._gang.numbers[-4:])
                return number.to_bytes(2) + bytes(3) + row
            case 0x1A:
                if self._gang.records and chance.random() < 0.5:
                    return chance.choice(self._gang.records[-4:])
                state, end = chance.choice([(1, "entry"), (2, "exit"), (0, "entry")])
                stop = chance.choice(list(STATIONS)) if chance.random() < 0.5 else "M11"
                return record(state, stop, self._now(), end="entry" if end == "entry" else "exit")
        return b""


def _nothing(command: bytes) -> bytes:
    return b""
