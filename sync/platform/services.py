"""The platform's services: a request in, its answer out, each by links of their own.

So a slow service holds back neither receipts nor another service. Who asks is read from the topic;
an answer goes to that terminal's tree or nowhere, and not after its asker has gone.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from sync.contract.services import CORRELATION_BYTES, MAX_SERVICE, Answer, Service, encode
from sync.contract.topics import Place, asker, request_filter, shared
from sync.faults import MessageMalformed, MessageTooLarge
from sync.link import Correlation, Message
from sync.platform.station import OutgoingMessage, Subscriber
from world import Fault, World

# From a request's payload to its answer's, for the terminal that asks; it may take its time. A
# Fault becomes the answer's `error`. Called by several workers at once.
ServiceHandler = Callable[[Place, bytes], bytes]

MakeStation = Callable[
    [str, Sequence[str], Callable[[Message], Sequence[OutgoingMessage]]], Subscriber
]


class Services:
    """One platform's. `refused` counts by cause what got no answer."""

    def __init__(
        self,
        world: World,
        handlers: Mapping[Service, ServiceHandler],
        *,
        namespace: str,
        group: str,
        workers: int,
        station: MakeStation,
    ) -> None:
        self._world = world
        self._handlers = handlers
        self._namespace = namespace
        self.refused: Counter[str] = Counter()
        self.stations = [
            station(
                f"{service}-{number}",
                [shared(group, request_filter(namespace, service))],
                self._take,
            )
            for service in handlers
            for number in range(1, workers + 1)
        ]

    def _take(self, message: Message) -> Sequence[OutgoingMessage]:
        came = self._world.monotonic()
        try:
            place, service = asker(self._namespace, message.topic)
        except MessageMalformed:
            return self._refuse("topic")
        exchange = message.exchange
        if exchange.response_topic != place.response(service):
            return self._refuse("response-topic")
        if len(exchange.correlation) != CORRELATION_BYTES:
            return self._refuse("correlation")
        answer = self._answer(service, place, message.payload)
        took = self._world.monotonic() - came
        if exchange.expiry is not None and took >= exchange.expiry:
            return self._refuse("expired")
        left = None if exchange.expiry is None else math.ceil(exchange.expiry - took)
        to = Correlation(correlation=exchange.correlation, expiry=left)
        return [OutgoingMessage(place.response(service), answer, to)]

    def _answer(self, service: Service, place: Place, payload: bytes) -> bytes:
        if len(payload) > MAX_SERVICE:
            return encode(Answer(error="too-large"))
        try:
            return self._handlers[service](place, payload)
        except (MessageMalformed, MessageTooLarge):
            return encode(Answer(error="malformed"))
        except Fault as fault:
            return encode(Answer(error=fault.code.replace(".", "-")[:64]))

    def _refuse(self, cause: str) -> Sequence[OutgoingMessage]:
        self.refused[cause] += 1
        return []
