"""All lists of a terminal behind one handler: envelope ─▶ the list of that name ─▶ in force."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from trust.envelope import Envelope


class Installer(Protocol):
    """See `sync.applier.Handler`."""

    def versions(self) -> Mapping[str, int]:
        """The version in force of each list that it takes."""
        ...

    def install(self, envelope: Envelope) -> object:
        """Check an envelope and put its list into force, durable on return. Raises a Fault and
        keeps the old list."""
        ...


class Named(Installer, Protocol):
    """The taker of one list, by the list's name; a `SignedList` of any value."""

    @property
    def name(self) -> str:
        """The name of the list, as in its envelopes."""
        ...


class WatchedList:
    """A list of which somebody hears when a version of it has come into force."""

    def __init__(self, inner: Named, hear: Callable[[], None]) -> None:
        """`hear` is called on the installing thread and must not raise."""
        self._inner = inner
        self._hear = hear

    @property
    def name(self) -> str:
        """See `Named`: of the list that is watched."""
        return self._inner.name

    def versions(self) -> Mapping[str, int]:
        return self._inner.versions()

    def install(self, envelope: Envelope) -> None:
        """Raises what the list's own installation raises."""
        self._inner.install(envelope)
        self._hear()


class EveryList:
    """All lists of a terminal as the one handler of the envelopes of kind `list`."""

    def __init__(self, rest: Installer, small: Sequence[Named]) -> None:
        """`rest` takes every list that is none of `small`, and refuses what this terminal does not
        use."""
        self._rest = rest
        self._small = {one.name: one for one in small}

    def versions(self) -> dict[str, int]:
        """Name → version in force."""
        found = dict(self._rest.versions())
        for one in self._small.values():
            found |= one.versions()
        return found

    def install(self, envelope: Envelope) -> None:
        """Raises what the list's own installation raises."""
        self._small.get(envelope.manifest.name, self._rest).install(envelope)
