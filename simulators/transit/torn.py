"""A card that leaves, without a reader: a channel around a channel, torn where vpcd's cards are."""

from apdu.channel import CardGone, Channel, Transport
from simulators.vpcd import Moment, TearAtApdu, TearAtInstruction


class Torn:
    """Goes at `tear`, and stays gone. See `apdu.channel.Channel`; `sent` are the commands that it
    was given, and a lost one is among them."""

    def __init__(self, channel: Channel, tear: TearAtApdu | TearAtInstruction | None) -> None:
        self._channel = channel
        self._tear = tear
        self.sent: list[bytes] = []
        self.gone = False

    @property
    def transport(self) -> Transport:
        return self._channel.transport

    @property
    def atr(self) -> bytes:
        return self._channel.atr

    def transmit(self, command: bytes) -> bytes:
        """Raises `CardGone`."""
        before = tuple(self.sent)
        self.sent.append(command)
        if self.gone or self._tears(Moment.BEFORE, before, command):
            self._leave()
        answer = self._channel.transmit(command)
        if self._tears(Moment.DURING, before, command):
            self._leave()
        self.gone = self._tears(Moment.AFTER, before, command)
        return answer

    def _tears(self, moment: Moment, before: tuple[bytes, ...], command: bytes) -> bool:
        return self._tear is not None and self._tear.at(moment, before, command)

    def _leave(self) -> None:
        self.gone = True
        raise CardGone
