"""A simulated card as a channel, with no reader between: bytes in, bytes out, no time."""

from apdu.channel import CardMute, Transport
from simulators.cards import NO_ANSWER, Card


class CardChannel:
    """See `apdu.channel.Channel`. Powers the card; a silent card is `CardMute`."""

    def __init__(self, card: Card, transport: Transport) -> None:
        self._card = card
        self.transport = transport
        self.atr = card.atr
        card.power_on()

    def transmit(self, command: bytes) -> bytes:
        answer = self._card.transmit(command)
        if answer == NO_ANSWER:
            raise CardMute(answered=0)
        return answer
