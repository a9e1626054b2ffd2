"""`sync.requests.Requests` on the uplink's connection: any thread asks, the sync task publishes.

A question waits here for at most a turn of the sync task, never for a connection. Its answer is
known by 16 random bytes on the one topic that belongs to it; whatever else comes is dropped and
counted, a late answer among it.
"""

import math
from collections import deque

from sync.contract.services import CORRELATION_BYTES, Service
from sync.contract.topics import Place
from sync.link import Correlation, Link, Message
from sync.requests import (
    PendingRequest,
    RequestBusy,
    RequestFault,
    RequestLost,
    RequestOffline,
    RequestTimeout,
)
from world import Event, World

AT_ONCE = 8  # under way; a terminal has fewer lanes, and each asks one after the other


class Question:
    """One request: see `sync.requests.PendingRequest`. Its answer or fault is set once, under the
    lock."""

    def __init__(
        self, asking: "RequestSender", service: Service, payload: bytes, seconds: float, now: float
    ) -> None:
        self._asking = asking
        self.service: Service = service
        self.payload = payload
        self.seconds = seconds
        self.deadline = now + seconds
        self.correlation = b""
        self.handle: int | None = None  # of its PUBLISH
        self.answer: bytes | None = None
        self.fault: RequestFault | None = None
        self.done: Event | None = None

    def result(self) -> bytes:
        """See `sync.requests.PendingRequest`."""
        return self._asking.wait_for(self)


class RequestSender:
    """`ask` is for any thread, all else for the sync task, which `wake` wakes."""

    def __init__(self, world: World, place: Place, wake: Event) -> None:
        self._world = world
        self._place = place
        self._wake = wake
        self._changing = world.lock()
        self._online = False
        self._unsent: deque[Question] = deque()
        self._under_way: dict[bytes, Question] = {}
        self.dropped = 0  # answers that nobody waited for

    # The askers

    def ask(self, service: Service, payload: bytes, *, within: float) -> PendingRequest:
        """See `sync.requests.Requests`."""
        now = self._world.monotonic()
        question = Question(self, service, payload, within, now)
        with self._changing:
            if not self._online:
                question.fault = RequestOffline(service=service)
                return question
            self._forget_overdue(now)
            if len(self._under_way) >= AT_ONCE:
                question.fault = RequestBusy(service=service)
                return question
            question.done = self._world.event()
            question.correlation = self._world.random(CORRELATION_BYTES)
            self._under_way[question.correlation] = question
            self._unsent.append(question)
        self._wake.set()
        return question

    def wait_for(self, question: Question) -> bytes:
        """The asker's wait; a question that is over is answered at once."""
        if question.done is not None:
            question.done.wait(max(0.0, question.deadline - self._world.monotonic()))
        with self._changing:
            if question.answer is None and question.fault is None:
                self._over(question, _timeout(question))
            if question.fault is not None:
                raise question.fault
            assert question.answer is not None
            return question.answer

    # The sync task

    def begin(self) -> None:
        """There is a connection, with the subscriptions that answers come by."""
        with self._changing:
            self._online = True

    def end(self) -> None:
        """The connection is gone, and every answer with it."""
        with self._changing:
            self._online = False
            self._unsent.clear()
            for question in list(self._under_way.values()):
                self._over(question, RequestLost(service=question.service))

    def post(self, link: Link) -> None:
        """Publish what was asked since the last call, as far as there is room. Raises
        `NotConnected`; then what was not sent fails with the rest."""
        while self._unsent and link.room > 0 and (question := self._next()) is not None:
            seconds = question.deadline - self._world.monotonic()
            exchange = Correlation(
                correlation=question.correlation,
                response_topic=self._place.response(question.service),
                expiry=max(1, math.ceil(seconds)),
            )
            topic = self._place.request(question.service)
            question.handle = link.publish(topic, question.payload, exchange=exchange)

    def unheard(self, handle: int) -> None:
        """The broker says that no service listens to that message, or that we may not send it."""
        with self._changing:
            for question in list(self._under_way.values()):
                if question.handle == handle:
                    self._over(question, RequestOffline(service=question.service))

    def is_answer(self, message: Message) -> bool:
        """Whether the topic is one of this terminal's for answers; such a message is for `hear`."""
        return message.topic.startswith(self._place.responses)

    def hear(self, message: Message) -> None:
        """An answer to one of ours, or something to be dropped."""
        with self._changing:
            question = self._under_way.get(message.exchange.correlation)
            if question is None or message.topic != self._place.response(question.service):
                self.dropped += 1
                return
            if self._world.monotonic() >= question.deadline:
                self.dropped += 1
                self._over(question, _timeout(question))
                return
            question.answer = message.payload
            self._over(question)

    def _next(self) -> Question | None:
        """The next one to be sent that somebody still waits for."""
        with self._changing:
            while self._unsent:
                question = self._unsent.popleft()
                if question.correlation in self._under_way:
                    return question
            return None

    # With `_changing` held

    def _over(self, question: Question, fault: RequestFault | None = None) -> None:
        question.fault = fault
        self._under_way.pop(question.correlation, None)
        if question.done is not None:
            question.done.set()

    def _forget_overdue(self, now: float) -> None:
        """Those whose asker has gone, say with his card, and never came for the answer."""
        for question in list(self._under_way.values()):
            if question.deadline <= now:
                self._over(question, _timeout(question))


def _timeout(question: Question) -> RequestTimeout:
    return RequestTimeout(service=question.service, milliseconds=round(question.seconds * 1000))
