"""Channels for the tests of this room: a byte-exact conversation, or a function that answers."""

from collections.abc import Callable, Sequence

from apdu.channel import Transport

CONTACT_ATR = bytes.fromhex("3B6D000000814A44468660519910000B26")
CONTACTLESS_ATR = bytes.fromhex("3B8D800100814A44468660519910000B26D6")


class Scripted:
    """Expects exactly these commands in this order; anything else fails the test."""

    def __init__(
        self,
        conversation: Sequence[tuple[str, str]],
        transport: Transport = Transport.T1,
        atr: bytes = CONTACTLESS_ATR,
    ) -> None:
        self.transport = transport
        self.atr = atr
        self._script = [(bytes.fromhex(c), bytes.fromhex(a)) for c, a in conversation]
        self.sent: list[bytes] = []

    def transmit(self, command: bytes) -> bytes:
        at = len(self.sent)
        assert at < len(self._script), f"nothing more was expected, not {command.hex()}"
        expected, answer = self._script[at]
        assert command == expected, f"exchange {at}: {command.hex()} is not {expected.hex()}"
        self.sent.append(command)
        return answer

    @property
    def finished(self) -> bool:
        return len(self.sent) == len(self._script)


class Answering:
    """Asks a function for every answer and remembers what was sent."""

    def __init__(
        self,
        answer: Callable[[bytes], bytes],
        transport: Transport = Transport.T1,
        atr: bytes = CONTACTLESS_ATR,
    ) -> None:
        self.transport = transport
        self.atr = atr
        self._answer = answer
        self.sent: list[bytes] = []

    def transmit(self, command: bytes) -> bytes:
        self.sent.append(command)
        return self._answer(command)
