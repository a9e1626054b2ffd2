"""The morning itself: people come one after another, things break in between, all is compared.

What came of a visit is read from the journal that the agent wrote, never from what we expect; at
the end the platform's rows are compared with the journal's, hash by hash.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol

import msgspec

from offline_store.columns import verdict_of
from offline_store.events.row import Record
from simulators.cards import Algorithm, Interface
from simulators.cards.faults import Slow
from simulators.feed import Feed
from simulators.people import FOREIGN, Visit, Wallet
from simulators.site import (
    DOOR,
    DOOR_OUT,
    DOOR_SLOT,
    DRAIN_SECONDS,
    PSAM,
    TERMINAL,
    Site,
    until,
)
from simulators.timing import CardTime, TimeTable
from simulators.vpcd import Faults, Moment, Slot, TearAtApdu

UNREADY = "a device or a PSAM is not ready"
KILLED_AFTER = 5  # APDUs of a tap, when the agent is killed in the middle


@dataclass(frozen=True)
class Row:
    """One visit: what was expected and what the journal says."""

    visit: Visit
    person: str
    card: str  # what the person shows: generation, algorithm, interface
    verdict: str
    reason: str
    milliseconds: float
    record: Record | None

    @property
    def agrees(self) -> bool:
        return (self.verdict, self.reason) == (self.visit.verdict, self.visit.reason)


@dataclass(frozen=True)
class Outcome:
    """The whole morning."""

    rows: list[Row]
    journal: list[Record]
    platform: Mapping[tuple[str, int], str]  # (epoch, seq) → hash, as the platform has it
    alarms: int
    reader_stack: str
    broker_pid: int
    broker_starts: int
    whole: bool  # the chain verifies

    def at_platform(self, record: Record | None) -> bool:
        return record is not None and self.platform.get((record.epoch, record.seq)) == record.hash

    @property
    def same(self) -> bool:
        """The platform's rows are the journal's rows."""
        return self.platform == {(r.epoch, r.seq): r.hash for r in self.journal}

    @property
    def good(self) -> bool:
        return (
            all(row.agrees and self.at_platform(row.record) for row in self.rows)
            and self.same
            and self.whole
            and not self.alarms
            and bool(self.reader_stack)
            and self.broker_pid > 0
        )


class Audience(Protocol):
    """Who watches."""

    def incident(self, name: str) -> None: ...

    def visit(self, row: Row) -> None: ...


class Morning:
    """Plays the cast's visits at a site."""

    def __init__(self, site: Site, audience: Audience, table: TimeTable | None = None) -> None:
        self._site = site
        self._audience = audience
        self._table = table  # whose time cards take; without it none
        self._feed = Feed(site)
        self._wallet = Wallet(site.cast)

    def play(self) -> Outcome:
        """Everything from the first start to the comparison."""
        site = self._site
        site.slots[PSAM].insert(site.cast.psam(), timing=self._timing(Interface.SAM))
        site.agent.start()
        until(site.agent.equipped, UNREADY)
        self._feed.listen()
        site.publish_blacklist()
        until(self._blacklist_in_force, "the blacklist is not in force")
        rows = [self._visit(visit) for visit in site.cast.visits]
        return self._compare(rows)

    def _visit(self, visit: Visit) -> Row:
        if visit.incident is not None:
            self._audience.incident(visit.incident)
            self._incidents()[visit.incident](visit)
        slot = self._slot(visit)
        timing = self._timing(Interface(visit.interface))
        insertion = slot.insert(self._wallet.bring(visit), _faults(visit), timing)
        if visit.mute_from is not None:
            until(insertion.muted.is_set, "the card is not mute")
            until(self._told_to_take_away, "nobody was told to take the card away")
        elif visit.tear is not None:
            until(insertion.left.is_set, "the card was not pulled out")
        if visit.mute_from is not None:
            slot.remove()
        row = self._row(visit, self._feed.next(self._reader(visit)))
        slot.remove()
        if visit.incident == "broker-killed":
            self._site.broker.start()
        self._audience.visit(row)
        return row

    def _row(self, visit: Visit, report: Mapping[str, Any]) -> Row:
        record = msgspec.convert(report["record"], Record | None)
        event = record.event() if record else None
        return Row(
            visit=visit,
            person=self._site.cast.person(visit.person).name,
            card=self._card(visit),
            verdict=(verdict_of(event) or "") if event else "refused",
            reason=event.reason if event else str(report["reason"]),
            milliseconds=sum(report["stages_us"].values()) / 1000,
            record=record,
        )

    def _timing(self, interface: Interface) -> CardTime | None:
        return self._table.at(interface) if self._table else None

    def _card(self, visit: Visit) -> str:
        if visit.card == FOREIGN:
            return f"{visit.card} {visit.interface}"
        card = self._site.cast.card(visit.card)
        algorithm = Algorithm[card.algorithm].name.replace("DES3", "3DES")
        return f"{card.generation} {algorithm} {visit.interface}"

    # What goes wrong in between

    def _incidents(self) -> Mapping[str, Callable[[Visit], None]]:
        return {
            "reader-unplugged": self._unplug_reader,
            "pcscd-restarted": self._restart_pcscd,
            "broker-killed": lambda visit: self._site.broker.kill(),
            "agent-killed": self._kill_agent,
        }

    def _unplug_reader(self, visit: Visit) -> None:
        slot, name = self._slot(visit), self._reader(visit)
        slot.unplug()
        until(lambda: self._state(name) == "absent", f"{name} is still there")
        slot.plug()
        until(self._site.agent.equipped, UNREADY)

    def _restart_pcscd(self, visit: Visit) -> None:
        before = self._lost()
        self._site.pcscd.restart()
        until(
            lambda: all(n > before[name] for name, n in self._lost().items()),
            "pcscd was not missed",
        )
        until(self._site.agent.equipped, UNREADY)

    def _kill_agent(self, visit: Visit) -> None:
        """SIGKILL in the middle of a tap; the person comes again afterwards. The card answers when
        the agent is dead, so that no tap is over before."""
        slot, killed = self._slot(visit), Event()

        def kill() -> None:
            self._site.agent.kill()
            killed.set()

        slot.insert(Slow(self._wallet.bring(visit), kill, start=KILLED_AFTER))
        until(killed.is_set, "the agent did not ask the card")
        slot.remove()
        self._site.agent.start()
        until(self._site.agent.equipped, UNREADY)
        self._feed.listen()

    # Looking

    def _slot(self, visit: Visit) -> Slot:
        if visit.lane == "exit":
            return self._site.slots[DOOR_OUT]
        return self._site.slots[DOOR if visit.interface == "contactless" else DOOR_SLOT]

    def _reader(self, visit: Visit) -> str:
        if visit.lane == "exit":
            return "door-out"
        return "door" if visit.interface == "contactless" else "door-slot"

    def _status(self, reader: str) -> dict[str, Any]:
        found = self._site.agent.client.get("/v1/readers")["readers"]
        return next(status for status in found if status["name"] == reader)

    def _lost(self) -> Mapping[str, int]:
        """How often each reader went, the PSAM's among them."""
        found = self._site.agent.client.get("/v1/readers")["readers"]
        return {status["name"]: status["lost"] for status in found}

    def _state(self, reader: str) -> str:
        return str(self._status(reader)["state"])

    def _told_to_take_away(self) -> bool:
        return any(record.event().kind == "alarm" for record in self._site.agent.records())

    def _blacklist_in_force(self) -> bool:
        return bool(self._site.agent.status()["lists"].get("blacklist"))

    def _compare(self, rows: list[Row]) -> Outcome:
        site = self._site
        until(
            lambda: site.agent.status()["store"]["unreceipted"] == 0,
            "the platform has not receipted everything",
            DRAIN_SECONDS,
        )
        return Outcome(
            rows=rows,
            journal=site.agent.records(),
            platform={(r.epoch, r.seq): r.hash for r in site.platform.ledger.rows(TERMINAL)},
            alarms=len(site.platform.ledger.alarms(TERMINAL)),
            reader_stack=site.reader_stack,
            broker_pid=site.broker.pid,
            broker_starts=site.broker.starts,
            whole=bool(site.agent.client.get("/v1/journal/verify")["whole"]),
        )


def _faults(visit: Visit) -> Faults:
    tear = visit.tear
    return Faults(
        tear=TearAtApdu(tear.apdu, Moment(tear.moment)) if tear else None,
        mute_from=visit.mute_from,
    )
