"""A day at a service window: people show card, code or ID card, a clerk's old program asks, the
platform is lost and comes back; at the end the platform's rows are compared with the journal's.

What came of a visit is read from the agent's feed and journal, or from what the program printed.
"""

import queue
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from offline_store.events.happened import Check, Checked
from offline_store.events.row import Record
from simulators.cards import Interface
from simulators.devices.idcard import document_of
from simulators.feed import Feed
from simulators.site import DOOR, DOOR_OUT, DOOR_SLOT, DRAIN_SECONDS, TERMINAL, NotInTime, until
from simulators.window.counter_day import Visit
from simulators.window.phone import read
from simulators.window.site import WindowSite

PROGRAM_DONE = "OK"
OVER = ("CONFIRMED", "EXPIRED", "INVALID", "CANCELLED")  # a sign-in
DISCLOSURE = "disclosure"


@dataclass(frozen=True)
class Row:
    """One visit: what was expected, what came of it, and the journal's events of it."""

    visit: Visit
    person: str
    got: str
    way: str  # how the card proved itself: "psam", "hsm", … ; "" where it did not
    age_s: int | None  # of an answer of the status check that was remembered
    records: Sequence[Record]

    @property
    def agrees(self) -> bool:
        return self.got == self.visit.expect


@dataclass(frozen=True)
class Outcome:
    """The whole day."""

    rows: Sequence[Row]
    journal: Sequence[Record]
    platform: Mapping[tuple[str, int], str]  # (epoch, seq) → hash, as the platform has it
    disclosures: int
    reader_stack: str
    broker_pid: int
    whole: bool  # the chain verifies

    def at_platform(self, row: Row) -> bool:
        return bool(row.records) and all(
            self.platform.get((record.epoch, record.seq)) == record.hash for record in row.records
        )

    @property
    def same(self) -> bool:
        """The platform's rows are the journal's rows."""
        return self.platform == {(r.epoch, r.seq): r.hash for r in self.journal}

    @property
    def good(self) -> bool:
        shown = [row for row in self.rows if row.visit.shows in ("card", "code", "id-card")]
        return (
            all(row.agrees for row in self.rows)
            and all(self.at_platform(row) for row in shown)
            and self.same
            and self.whole
            and self.disclosures > 0
            and bool(self.reader_stack)
            and self.broker_pid > 0
        )


class Audience(Protocol):
    """Who watches."""

    def incident(self, name: str) -> None: ...

    def visit(self, row: Row) -> None: ...


class WindowDay:
    """Plays the visits of a day at a window."""

    def __init__(self, site: WindowSite, visits: Sequence[Visit], audience: Audience) -> None:
        self._site = site
        self._visits = visits
        self._audience = audience
        self._feed = Feed(site)
        self._codes: dict[str, bytes] = {}  # the code last shown, by person

    def play(self) -> Outcome:
        """Everything from the first start to the comparison."""
        self._site.agent.start()
        until(self._site.agent.equipped, "a device or a PSAM is not ready")
        until(self._online, "the platform is not reached")
        self._feed.listen()
        return self._compare([self._come(visit) for visit in self._visits])

    def _come(self, visit: Visit) -> Row:
        if visit.incident is not None:
            self._audience.incident(visit.incident)
            self._incidents()[visit.incident]()
        if visit.stands:
            number = self._site.cast.card_id(self._site.cast.card(visit.person))
            self._site.standing.change(number, **visit.stands)
        before = len(self._site.agent.records())
        got = self._ways()[visit.shows](visit)
        records = self._site.agent.records()[before:]
        row = self._row(visit, got, records)
        self._audience.visit(row)
        return row

    def _row(self, visit: Visit, got: str, records: Sequence[Record]) -> Row:
        events = [event for record in records if isinstance(event := record.event(), Checked)]
        proofs = [event.authentication for event in events if event.authentication]
        ages = [check.age_s for event in events for check in event.checks if _remembered(check)]
        return Row(
            visit=visit,
            person=self._site.cast.person(visit.person).name,
            got=got,
            way=proofs[0].mode if proofs else "",
            age_s=max(ages, default=None),
            records=records,
        )

    # What people show

    def _ways(self) -> Mapping[str, Callable[[Visit], str]]:
        return {
            "card": self._shows_card,
            "code": self._shows_code,
            "id-card": self._shows_id_card,
            "program": self._goes_to_the_clerk,
            "phone": self._signs_in,
        }

    def _shows_card(self, visit: Visit) -> str:
        contact = visit.interface == "contact"
        slot = self._site.slots[DOOR_SLOT if contact else DOOR]
        slot.insert(self._site.wallet.at(visit.person, Interface(visit.interface)))
        try:
            return self._reported("desk-slot" if contact else "desk")
        finally:
            slot.remove()

    def _shows_code(self, visit: Visit) -> str:
        if visit.code != "again":
            self._codes[visit.person] = self._code(visit)
        self._site.scanner.show(self._codes[visit.person])
        try:
            return self._reported("scanner")
        finally:
            self._site.scanner.hide()

    def _code(self, visit: Visit) -> bytes:
        match visit.code:
            case "expired":
                return self._site.codes.issue(visit.person, life=-1.0)
            case "forged":
                return self._site.codes.forged()
            case _:
                return self._site.codes.issue(visit.person)

    def _shows_id_card(self, visit: Visit) -> str:
        self._site.id_reader.wait_missed()
        self._site.id_reader.lay(document_of(self._site.cast.person(visit.person)))
        try:
            return self._reported("id-reader")
        finally:
            self._site.id_reader.lift()

    def _reported(self, source: str) -> str:
        """How the tap at that reader, scanner or ID-card reader ended."""
        try:
            return str(self._feed.next(source)["reason"])
        except queue.Empty:
            raise NotInTime(f"nothing was told of {source}") from None

    def _goes_to_the_clerk(self, visit: Visit) -> str:
        """The card lies before the clerk; what the program printed to its last order."""
        site = self._site
        if visit.pin_tries is not None:
            site.wallet.inside(visit.person).pin.tries.left = visit.pin_tries
        site.typist.rest()
        site.typist.will_type(*visit.types)
        seen = self._presented("window")
        site.slots[DOOR_OUT].insert(site.wallet.at(visit.person, Interface.CONTACTLESS))
        try:
            until(lambda: self._presented("window") > seen, "nobody saw the card at the window")
            said = [site.program.do(order) for order in visit.orders]
        finally:
            site.slots[DOOR_OUT].remove()
        *before, last = (answer.result for answer in said)
        if any(before):
            return " ".join(map(str, (*before, last)))
        return str(last) if last else PROGRAM_DONE

    def _signs_in(self, visit: Visit) -> str:
        """Who works here scans the code on the terminal's screen and confirms; the state then."""
        client, phone = self._site.agent.client, self._site.sign_ins.phone(visit.person)
        shown = client.post("/v1/sign-in", {})
        phone.scan(read(shown["qr"]["svg"]))
        phone.confirm()
        until(lambda: client.get("/v1/sign-in")["state"] in OVER, "the sign-in does not end")
        return str(client.get("/v1/sign-in")["state"])

    # What goes wrong in between

    def _incidents(self) -> Mapping[str, Callable[[], None]]:
        return {"platform-lost": self._lose_platform, "platform-back": self._bring_platform_back}

    def _lose_platform(self) -> None:
        self._site.broker.kill()
        until(lambda: not self._online(), "the platform was not missed")

    def _bring_platform_back(self) -> None:
        self._site.broker.start()
        until(self._online, "the platform is not back")
        until(lambda: self._site.platform.wait_ready(0), "the platform's services are not back")

    # Looking

    def _presented(self, reader: str) -> int:
        found: Sequence[dict[str, Any]] = self._site.agent.client.get("/v1/readers")["readers"]
        return int(next(each for each in found if each["name"] == reader)["presented"])

    def _online(self) -> bool:
        return bool(self._site.agent.status()["sync"]["state"] == "online")

    def _compare(self, rows: Sequence[Row]) -> Outcome:
        site = self._site
        until(
            lambda: site.agent.status()["store"]["unreceipted"] == 0,
            "the platform has not receipted everything",
            DRAIN_SECONDS,
        )
        journal = site.agent.records()
        return Outcome(
            rows=rows,
            journal=journal,
            platform={(r.epoch, r.seq): r.hash for r in site.platform.ledger.rows(TERMINAL)},
            disclosures=sum(record.event().kind == DISCLOSURE for record in journal),
            reader_stack=site.reader_stack,
            broker_pid=site.broker.pid,
            whole=bool(site.agent.client.get("/v1/journal/verify")["whole"]),
        )


def _remembered(check: Check) -> bool:
    return check.source.startswith("cached:")
