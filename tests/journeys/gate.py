"""A site as a person at its doors sees it: hold a card there, read what the agent made of it."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import msgspec

from offline_store.events.row import Record
from offline_store.events.tap import Tap as TapEvent
from simulators.cards import Card, Interface
from simulators.feed import Feed
from simulators.people import Wallet
from simulators.site import DOOR, DOOR_OUT, DOOR_SLOT, DRAIN_SECONDS, PSAM, READERS, Site, until
from simulators.vpcd import SOUND, Faults, Insertion
from sync.link import Message
from sync.paho_link import open_link
from tests.agent.events import as_kind
from trust.keystore import FileKeyStore
from world.real import RealWorld

AT = {DOOR: Interface.CONTACTLESS, DOOR_OUT: Interface.CONTACTLESS, DOOR_SLOT: Interface.CONTACT}
GOOD, OTHER = "lin", "wang"  # two people with good cards


@dataclass(frozen=True)
class Tap:
    """What the agent reported of one tap."""

    reason: str
    accepted: bool
    record: Record | None

    @property
    def event(self) -> TapEvent:
        """Raises `AssertionError` when no tap of it is in the journal."""
        assert self.record is not None, self.reason
        return as_kind(self.record.event(), TapEvent)


class Doors:
    """The readers of a site where people tap; every tap is waited for."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.wallet = Wallet(site.cast)
        self.accepted = 0
        self._feed = Feed(site)

    def open(self) -> None:
        """Start the agent with its PSAM."""
        self.site.slots[PSAM].insert(self.site.cast.psam())
        self.site.agent.start()
        self._feed.listen()

    def reopen(self) -> None:
        """Kill the agent and start it again."""
        self.site.agent.kill()
        self.site.agent.start()
        self._feed.listen()

    def card(self, key: str, door: str = DOOR) -> Card:
        return self.wallet.at(key, AT[door])

    @contextmanager
    def held(self, card: Card, door: str = DOOR, faults: Faults = SOUND) -> Iterator[Insertion]:
        """That card lies on the reader meanwhile."""
        insertion = self.site.slots[door].insert(card, faults)
        try:
            yield insertion
        finally:
            self.site.slots[door].remove()

    def report(self, door: str = DOOR) -> Tap:
        """The next tap that ended there."""
        told = self._feed.next(READERS[door][0])
        self.accepted += told["accepted"]
        return Tap(told["reason"], told["accepted"], msgspec.convert(told["record"], Record | None))

    def tap(self, key: str = GOOD, door: str = DOOR) -> Tap:
        """A good card is held there until its tap is over."""
        with self.held(self.card(key, door), door):
            return self.report(door)

    def passes_again(self, door: str = DOOR) -> bool:
        """The next person with a good card is accepted. How soon, `prove tear` measures."""
        return self.tap(door=door).accepted

    def others_pass(self) -> bool:
        """Somebody at the other lane is accepted."""
        return self.tap(OTHER, DOOR_OUT).accepted

    def reader(self, door: str) -> dict[str, Any]:
        """What the agent says of that reader."""
        return next(r for r in self.site.agent.status()["readers"] if r["name"] == READERS[door][0])

    def drained(self) -> None:
        """Wait until the platform has receipted everything."""
        agent = self.site.agent
        until(
            lambda: agent.status()["store"]["unreceipted"] == 0,
            "the platform has not receipted everything",
            DRAIN_SECONDS,
        )

    def two_entries(self) -> None:
        """Before the start: both contactless readers lead in, each by its own lane, and who comes
        again is let in again."""
        text = self.site.config.read_text()
        for was, becomes in (
            ('name = "exit"\ndirection = "exit"', 'name = "second"\ndirection = "entry"'),
            ("[sync]", '[scene]\nkind = "library-gate"\noptions.repeat_window = 0.0\n\n[sync]'),
        ):
            assert was in text
            text = text.replace(was, becomes)
        self.site.config.write_text(text)


def onecard(site: Site, *arguments: str, language: str = "en_US.UTF-8") -> CompletedProcess[str]:
    """What a command prints and ends with, asked by a technician at that terminal."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "onecard"), *arguments, "--config", str(site.config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**site.pcscd.environment(), "LANG": language, "COLUMNS": "200"},
    )


class Wire:
    """Everything that passes through the broker from now on; a context manager."""

    def __init__(self, site: Site) -> None:
        world = RealWorld()
        access = site.platform_access()
        keys = FileKeyStore(world, site.folder / "platform-keys")
        self.messages: list[Message] = []
        self._filter = f"{access.namespace}/#"
        self._link = open_link(world, access, "listener", keys)
        self._wake = world.event()
        self._over = False
        self._thread = threading.Thread(target=self._hear, name="wire", daemon=True)

    def publish(self, topic: str, payload: bytes) -> None:
        """Say something as if one were the platform."""
        self._link.publish(topic, payload)

    def __enter__(self) -> "Wire":
        self._link.connect(None, self._wake)
        self._link.subscribe(self._filter)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over = True
        self._wake.set()
        self._thread.join()
        self._link.disconnect()

    def _hear(self) -> None:
        while not self._over:
            self._wake.wait()
            self._wake.clear()
            while (signal := self._link.take()) is not None:
                if isinstance(signal, Message):
                    self.messages.append(signal)
                    self._link.acknowledge(signal)
