"""A card that says what a good card said, until it lies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from apdu.channel import Transport
from world import Fault

UNKNOWN: Final = b"\x6d\x00"  # what the script has no answer to
GET_RESPONSE: Final = 0xC0
GOOD: Final = b"\x90\x00"
WRONG_LE: Final = b"\x6c"

Reply = bytes | Fault


class Hang(Exception):
    """The flow goes on for longer than any card is worth. No `Fault`, so that no flow takes it for
    a card's end."""


@dataclass(frozen=True)
class Script:
    """One good conversation: raw commands and their raw answers."""

    transport: Transport
    atr: bytes
    commands: Sequence[bytes] = field(repr=False)
    answers: Sequence[bytes] = field(repr=False)

    @property
    def bound(self) -> int:
        """APDUs after which a flow on this card is a hang: its commands, each followed to the
        product's limit (`apdu.processors.MAX_FOLLOWS`, and a repetition), three addressings."""
        return (len(self.commands) + 8) * 36

    def find(self, command: bytes, start: int) -> int:
        """The place of that command, from `start` on, else from the beginning; -1 for none."""
        places = [at for at, known in enumerate(self.commands) if known == command]
        return next((at for at in places if at >= start), places[0] if places else -1)


@dataclass(frozen=True)
class Lie:
    """From APDU `at` on these answers, one per command; then the script goes on, or, `forever`,
    the last of them comes again and again. A `Fault` is raised by the channel."""

    at: int
    kind: str
    replies: Sequence[Reply] = field(repr=False)
    forever: bool = False


class MaliciousCard:
    """See `apdu.channel.Channel`. `said` is the whole conversation."""

    def __init__(self, script: Script, lies: Sequence[Lie] = ()) -> None:
        self.transport = script.transport
        self.atr = script.atr
        self.said: list[tuple[bytes, bytes]] = []
        self._script = script
        self._bound = script.bound
        self._lies: Mapping[int, Lie] = {lie.at: lie for lie in lies}
        self._lie: Lie | None = None
        self._told = 0  # replies of the lie that are out
        self._next = 0  # place in the script
        self.count = 0

    def transmit(self, command: bytes) -> bytes:
        at = self.count
        if at >= self._bound:
            raise Hang
        self.count = at + 1
        lie = self._lie
        if lie is None:
            lie = self._lies.get(at)
            if lie is None:
                reply = self._honest(command)
                self.said.append((command, reply))
                return reply
            self._lie, self._told = lie, 0
            self._honest(command)  # where the script goes on
        return self._told_to(command, lie)

    def _honest(self, command: bytes) -> bytes:
        script = self._script
        place = self._next
        if place >= len(script.commands) or script.commands[place] != command:
            place = script.find(command, place)
            if place < 0:
                return UNKNOWN
        self._next = place + 1
        return script.answers[place]

    def _told_to(self, command: bytes, lie: Lie) -> bytes:
        reply = lie.replies[min(self._told, len(lie.replies) - 1)]
        self._told += 1
        if self._told >= len(lie.replies) and not lie.forever:
            self._lie = None
        if isinstance(reply, Fault):
            self.said.append((command, b""))
            raise reply
        self.said.append((command, reply))
        return reply

    def present(self) -> bool:
        """See `drivers.contract.CardHandle`: that it left shows at its next command."""
        return True

    def sent(self, ins: int) -> list[bytes]:
        """The last status word of each command with that instruction and data."""
        return [
            status
            for command, _, status in self._answers()
            if command[1] == ins and command[4:5] > b"\0"
        ]

    def answered(self, ins: int) -> tuple[bytes, bytes]:
        """All data and the status word of the last answer to that instruction, as the flow saw
        them; empty when it was never sent."""
        found = [(data, status) for command, data, status in self._answers() if command[1] == ins]
        return found[-1] if found else (b"", b"")

    def _answers(self) -> list[tuple[bytes, bytes, bytes]]:
        """Command, all data, status word: with what was fetched by GET RESPONSE; of a command that
        was sent again because of 6Cxx the second answer."""
        whole: list[tuple[bytes, bytes, bytes]] = []
        for command, reply in self.said:
            data, status = reply[:-2], reply[-2:]
            if command[1] == GET_RESPONSE and whole:
                command, before, _ = whole.pop()
                data = before + data
            elif whole and whole[-1][2][:1] == WRONG_LE and whole[-1][0][:4] == command[:4]:
                whole.pop()
            whole.append((command, data, status))
        return whole
