"""Signed envelopes from the platform (lists, configuration, keys, commands) to whom they are for.

On a task of its own, because loading a list takes long and receipts must not wait for it. Opened,
applied whole or not at all, then answered; a version that is in force already is only answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from sync import faults
from sync.contract.messages import Applied
from sync.contract.topics import envelope_name
from sync.link import Message
from trust.envelope import Envelope, Opener
from world import Event, Fault, Queue, QueueEmpty, World


class Handler(Protocol):
    """The user of the envelopes of one kind; `offline_store.lists.every.EveryList` is one."""

    def versions(self) -> Mapping[str, int]:
        """Name → version in force; it survives a restart, so that no older one comes back."""
        ...

    def install(self, envelope: Envelope) -> object:
        """Bring the envelope's content into force, durable on return. Raises a Fault and leaves all
        as it was."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message, and the answer to it, if its topic could be understood."""

    message: Message
    answer: Applied | None
    fault: Fault | None


class Applier:
    """Put messages in; `wake` is set when an outcome can be taken."""

    def __init__(
        self,
        world: World,
        opener: Opener,
        handlers: Mapping[str, Handler],
        *,
        namespace: str,
        audience: tuple[str, ...],
        wake: Event,
    ) -> None:
        self._opener = opener
        self._handlers = handlers
        self._namespace = namespace
        self._audience = audience
        self._wake = wake
        self._messages: Queue[Message | None] = world.queue()
        self._outcomes: Queue[Outcome] = world.queue()
        self._world = world

    def start(self) -> None:
        """Begin the task that opens and applies messages, one at a time."""
        self._world.spawn(self._run, name="sync-applier")

    def stop(self) -> None:
        """It ends after what it is at."""
        self._messages.put(None, priority=-1)

    def put(self, message: Message) -> None:
        """Queue a message from a `down` topic; never waits. Any thread."""
        self._messages.put(message)

    def take(self) -> Outcome | None:
        """The next outcome, or None at once."""
        try:
            return self._outcomes.get(timeout=0)
        except QueueEmpty:
            return None

    def held(self) -> dict[str, int]:
        """ "list/blacklist" → version in force, over all handlers; part of the birth."""
        return {
            f"{kind}/{name}": version
            for kind, handler in self._handlers.items()
            for name, version in handler.versions().items()
        }

    def _run(self) -> None:
        while (message := self._messages.get()) is not None:
            self._outcomes.put(self._outcome(message))
            self._wake.set()

    def _outcome(self, message: Message) -> Outcome:
        try:
            kind, name = envelope_name(self._namespace, message.topic)
        except faults.MessageMalformed as fault:
            return Outcome(message, None, fault)
        version = 0
        try:
            envelope = self._open(message, kind, name)
            version = envelope.manifest.version
            result = self._apply(kind, name, envelope)
        except Fault as fault:
            refused = Applied(
                kind=kind, name=name, version=version, result="refused", code=fault.code
            )
            return Outcome(message, refused, fault)
        return Outcome(message, Applied(kind=kind, name=name, version=version, result=result), None)

    def _open(self, message: Message, kind: str, name: str) -> Envelope:
        if kind not in self._handlers:
            raise faults.Unhandled(kind=kind)
        held = self._handlers[kind].versions().get(name, 0)
        envelope = self._opener.open(
            message.payload,
            kind=kind,
            audience=self._audience,
            newer_than=held - 1,
            now=self._world.now() if self._world.clock_synchronised() else None,
        )
        if envelope.manifest.name != name:
            raise faults.Misnamed(topic=message.topic, name=envelope.manifest.name)
        return envelope

    def _apply(self, kind: str, name: str, envelope: Envelope) -> Literal["held", "applied"]:
        handler = self._handlers[kind]
        if envelope.manifest.version == handler.versions().get(name, 0):
            return "held"
        handler.install(envelope)
        return "applied"
