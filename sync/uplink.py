"""The way to the platform: what the journal holds goes up, receipts and envelopes come down.

One task connects, publishes and listens. It sleeps until the store commits, the broker speaks, an
envelope is applied or a receipt is overdue. It holds nothing of its own that could be lost: after
any crash it begins again with what has no receipt (design.md, Wire).
"""

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from config.model import Sync
from sync import faults
from sync.applier import Applier, Handler, Outcome
from sync.asking import AT_ONCE, RequestSender
from sync.backoff import Backoff, chance
from sync.contract import messages
from sync.contract.messages import Applied, State
from sync.contract.topics import Place
from sync.link import Acknowledged, Link, Lost, Message, Will
from sync.outbox import Outbox
from sync.requests import Requests
from sync.window import Patience, Window
from trust.envelope import Opener
from world import Fault, Task, World

FAREWELL_SECONDS = 2.0
EXPLAINED_SECONDS = 0.5
# A connection that lasted so long forgives the attempts before it; nothing less does, because two
# boxes under one name throw each other out right after the first receipt, for ever.
STEADY_SECONDS = 60.0


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A Fault as it goes into the status."""

    code: str
    facts: Mapping[str, str | int]
    at: float  # wall clock, unix seconds


class LinkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the uplink is. Times are wall clock, unix seconds."""

    state: Literal["offline", "online", "stopped"]
    since: float
    session: str = ""
    in_flight: int = 0  # rows published and not receipted
    last_receipt: float | None = None
    last_fault: Trouble | None = None


class Uplink:
    """See the module. The sync task calls `report` when the state changes or a new fault comes."""

    def __init__(
        self,
        world: World,
        link: Link,
        outbox: Outbox,
        handlers: Mapping[str, Handler],
        opener: Opener,
        place: Place,
        settings: Sync,
        *,
        version: str = "",
        patience: Patience | None = None,
        report: Callable[[LinkStatus], None] | None = None,
    ) -> None:
        self._world = world
        self._link = link
        self._outbox = outbox
        self._opener = opener
        self._place = place
        self._settings = settings
        self._version = version
        self._report = report
        self._wake = world.event()
        self._stopping = world.event()
        self._window = Window(patience or Patience())
        self._backoff = Backoff(world, settings.backoff_max)
        self._audience = (place.terminal, place.city)
        self._applier = Applier(
            world,
            opener,
            handlers,
            namespace=place.namespace,
            audience=self._audience,
            wake=self._wake,
        )
        self._asking = RequestSender(world, place, self._wake)
        self._kept = 0  # how many messages of the link's room no batch may take
        self._answers: list[Applied] = []  # not yet published
        self._status = LinkStatus(state="stopped", since=world.now())
        self._task: Task | None = None

    def start(self) -> None:
        """Begin; returns at once, with or without a network."""
        self._outbox.subscribe(self._wake)
        self._applier.start()
        self._task = self._world.spawn(self._run, name="sync")

    def stop(self, timeout: float | None = None) -> bool:
        """Say farewell and end; the journal keeps what is not receipted. True when it has ended."""
        self._stopping.set()
        self._wake.set()
        self._applier.stop()
        return self._task is None or self._task.join(timeout)

    @property
    def requests(self) -> Requests:
        """The way to the platform's services, for any thread."""
        return self._asking

    def status(self) -> LinkStatus:
        """How the link is at this moment, with the number of rows on their way. Any thread."""
        return msgspec.structs.replace(self._status, in_flight=self._window.rows)

    # Connections

    def _run(self) -> None:
        self._change("offline")
        while not self._stopping.is_set():
            began = self._world.monotonic()
            try:
                session = self._connect()
                self._serve(session)
            except Fault as fault:
                self._asking.end()
                why = self._why(fault)
                self._link.disconnect()
                self._change("offline", why)
            if self._world.monotonic() - began >= STEADY_SECONDS:
                self._backoff.reset()
            if not self._stopping.is_set():
                self._stopping.wait(self._backoff.next())
        self._change("stopped")

    def _why(self, fault: Fault) -> Fault:
        """What ended the connection, where publishing only found that it had ended: the network
        task is about to tell."""
        end = self._world.monotonic() + EXPLAINED_SECONDS
        while isinstance(fault, faults.NotConnected):
            self._wake.clear()
            while (signal := self._link.take()) is not None:
                if isinstance(signal, Lost):
                    return signal.fault
            if not self._wake.wait(end - self._world.monotonic()):
                break
        return fault

    def _connect(self) -> str:
        session = self._world.random(8).hex()
        farewell = messages.encode(State(session=session, state="offline", version=self._version))
        self._link.connect(Will(self._place.up("state"), farewell), self._wake)
        self._link.subscribe(*self._place.listens())
        self._kept = min(AT_ONCE, self._link.room // 2)
        self._window.begin(min(self._settings.max_inflight, self._link.room - self._kept))
        self._say_state(session, "online")
        self._asking.begin()
        self._change("online", session=session)
        return session

    def _change(
        self,
        state: Literal["offline", "online", "stopped"],
        fault: Fault | None = None,
        **changes: str | float,
    ) -> None:
        before, now = self._status, self._world.now()
        since = before.since if before.state == state else now
        after = msgspec.structs.replace(before, state=state, since=since, **changes)
        if fault is not None:
            trouble = Trouble(code=fault.code, facts=fault.facts, at=now)
            after = msgspec.structs.replace(after, last_fault=trouble)
        self._status = after
        if self._report is not None and (before.state != state or _is_news(before, fault)):
            self._report(self.status())

    def _say_state(self, session: str, state: Literal["online", "offline"]) -> int:
        head = self._outbox.head()
        said = State(
            session=session,
            state=state,
            version=self._version,
            epoch=head.epoch if head else "",
            seq=head.seq if head else 0,
            held=self._applier.held(),
        )
        return self._link.publish(self._place.up("state"), messages.encode(said), retain=True)

    # One connection

    def _serve(self, session: str) -> None:
        while True:
            self._wake.clear()  # before looking at anything, so that nothing falls between
            if self._stopping.is_set():
                return self._leave(session)
            self._handle_signals()
            self._asking.post(self._link)
            self._answer()
            self._report_overdue_receipts()
            self._send()
            deadline = self._window.deadline
            now = self._world.monotonic()
            self._wake.wait(None if deadline is None else max(0.0, deadline - now))

    def _handle_signals(self) -> None:
        while (signal := self._link.take()) is not None:
            match signal:
                case Lost(fault):
                    raise fault
                case Acknowledged(handle, fault):
                    if fault is not None:
                        self._asking.unheard(handle)
                        self._change("online", fault)
                case Message():
                    self._handle_message(signal)

    def _handle_message(self, message: Message) -> None:
        if self._asking.is_answer(message):
            self._asking.hear(message)
            self._link.acknowledge(message)
            return
        if message.topic != self._place.down("receipt"):
            self._applier.put(message)
            return
        try:
            envelope = self._opener.open(
                message.payload, kind="receipt", audience=self._audience, newer_than=0
            )
            receipt = messages.decode_receipt(envelope.payload)
        except Fault as fault:  # not from our platform, or not a receipt: the next one will be
            self._change("online", fault)
        else:
            self._outbox.receipt(receipt)
            self._window.receipted(receipt, self._world.monotonic())
            self._change("online", last_receipt=self._world.now())
        self._link.acknowledge(message)

    def _answer(self) -> None:
        while (outcome := self._applier.take()) is not None:
            self._conclude(outcome)
        while self._answers and self._link.room > self._kept:
            self._link.publish(self._place.up("applied"), messages.encode(self._answers[0]))
            del self._answers[0]

    def _conclude(self, outcome: Outcome) -> None:
        self._link.acknowledge(outcome.message)
        if outcome.answer is not None:
            self._answers.append(outcome.answer)
        if outcome.fault is not None:
            self._change("online", outcome.fault)

    def _report_overdue_receipts(self) -> None:
        now = self._world.monotonic()
        missed = self._window.missed(now)
        if missed is not None:
            seconds = int(now - missed.sent)
            fault = faults.ReceiptOverdue(seconds=seconds, epoch=missed.epoch, seq=missed.first)
            self._change("online", fault)

    def _send(self) -> None:
        size = self._settings.batch
        while self._window.has_room and self._link.room > self._kept:
            self._asking.post(self._link)  # a person waits, and the journal may be slow
            # What is on its way is the oldest, so the next batch is in the first so many rows.
            rows = self._window.grounded(self._outbox.unreceipted(self._window.rows + size))
            if not rows:
                return
            batch = messages.pack(rows, size)
            self._link.publish(self._place.up("events"), batch.payload)
            self._window.sent(batch, self._world.monotonic(), chance(self._world))

    def _leave(self, session: str) -> None:
        self._asking.end()
        if self._link.room > 0:
            handle = self._say_state(session, "offline")
            end = self._world.monotonic() + FAREWELL_SECONDS
            while not self._acknowledged(handle) and self._wake.wait(end - self._world.monotonic()):
                self._wake.clear()
        self._link.disconnect()

    def _acknowledged(self, handle: int) -> bool:
        while (signal := self._link.take()) is not None:
            if isinstance(signal, Lost):
                return True
            if isinstance(signal, Acknowledged) and signal.handle == handle:
                return True
        return False


def _is_news(before: LinkStatus, fault: Fault | None) -> bool:
    known = before.last_fault
    return fault is not None and (
        known is None or (known.code, known.facts) != (fault.code, fault.facts)
    )
