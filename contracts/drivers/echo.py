"""The smallest card: it answers a command with the command's own bytes and 9000."""

from dataclasses import dataclass

CONTACTLESS_ATR = bytes.fromhex("3B80800101")  # PC/SC part 3, no historical bytes: T=1
CONTACT_ATR = bytes.fromhex("3B00")  # T=0


@dataclass
class EchoCard:
    """See `simulators.cards.contract.Card`."""

    atr: bytes = CONTACTLESS_ATR
    powered: bool = False
    power_ups: int = 0

    def power_on(self) -> None:
        self.powered = True
        self.power_ups += 1

    def power_off(self) -> None:
        self.powered = False

    def transmit(self, command: bytes) -> bytes:
        return command + b"\x90\x00"
