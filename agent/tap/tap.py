"""A tap, top to bottom: present → open → authenticate and read → ask how they stand → decide in the
store's turn → act.

Runs on the reader's own thread. The decision is durable before anything opens; what cannot be
stored is refused. An exit lane opens first and records afterwards: leaving never waits, but where
the scene decides exits as well.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

from agent.equipment.lane import Lane
from agent.equipment.passage import Opening, PassageEnd
from agent.equipment.powered_card import PoweredCard
from agent.equipment.watchdog import Watch, Watchdog
from agent.identify.card import CardIdentifier
from agent.identify.code import CREDENTIAL as CODE
from agent.identify.code import CodeIdentifier
from agent.identify.document import CREDENTIAL as ID_CARD
from agent.identify.document import DocumentIdentifier
from agent.identify.identity import Identity, Presented, Unidentified
from agent.identify.proof import LEAVING, Right
from agent.messages.reasons import Reason
from agent.messages.results import Results
from agent.purse.tap_result import TapResult
from agent.scenes.defects import SceneDefect
from agent.scenes.port import Case, Decision, Looked
from agent.stages import Stages
from agent.status_check import Findings, StatusService, recalled
from agent.tap.deciding import Decider
from agent.tap.fault_reasons import unidentified
from agent.tap.logbook import Logbook
from apdu.transit.faults import NotPurse
from config.model import GiveBackSettings
from drivers.contract import (
    CardReader,
    Code,
    DeviceFault,
    Document,
    Interface,
    Presence,
    SignallingReader,
    Unread,
)
from offline_store.clock import Clock
from offline_store.events.happened import OfPerson, used
from offline_store.events.reference import Reference
from offline_store.events.ride import NO_RIDE
from offline_store.events.row import Record
from offline_store.events.seen import NOTHING_SEEN, Seen
from offline_store.events.tap import Tap
from offline_store.store import Entry, Store, Turn, Unstored
from world import Fault, World

if TYPE_CHECKING:
    from agent.scenes.bus.journey import Signed, VehicleState
    from agent.tap.give_back import GiveBacks

NOTHING_ASKED = Findings(())
AS_SHIPPED: Final = GiveBackSettings()
SIGNED: Final["Mapping[Signed, Reason]"] = {
    "on": Reason.SHIFT_OPENED,
    "held": Reason.SHIFT_OPENED,
    "off": Reason.SHIFT_CLOSED,
}

LOG: Final = logging.getLogger("onecard.tap")


@dataclass(frozen=True)
class TapReport:
    """What a tap came to, for the screen, the CLI and metrics; no identity in clear."""

    reader: str  # card reader, scanner or ID-card reader
    lane: str
    reason: str
    accepted: bool  # durable, and the barrier took it
    stages_us: Mapping[str, int]
    record: Record | None  # None when it could not be stored


@dataclass(frozen=True)
class Opened:
    """What came of opening a barrier."""

    opening: Opening | None = None  # where the barrier tells who goes through
    stuck: DeviceFault | None = None  # why it did not open

    @property
    def leaving(self) -> Reason:
        """What somebody is told who was let out without being asked."""
        return Reason.OUT_OF_SERVICE if self.stuck else Reason.ACCEPTED_EXIT


class Taps:
    """Carries taps of all lanes through; one instance per agent, called by many reader threads."""

    def __init__(
        self,
        world: World,
        *,
        clock: Clock,
        store: Store,
        decider: Decider,
        results: Results,
        desk: CardIdentifier,
        codes: CodeIdentifier,
        documents: DocumentIdentifier,
        watchdog: Watchdog,
        standing: StatusService,
        application: str,
        report: Callable[[TapReport], None],
        warn: Callable[[Fault], None],
        journey: "VehicleState | None" = None,
        give_back: GiveBackSettings = AS_SHIPPED,
    ) -> None:
        """`give_back`: how often a visit that did not happen is returned. `journey`: of the vehicle
        that the terminal is in. `warn` hears of defects."""
        self._world = world
        self._clock = clock
        self._store = store
        self._decider = decider
        scene = self._scene = decider.scene
        self._results = results
        self._desk = desk
        self._codes = codes
        self._documents = documents
        self._watchdog = watchdog
        self._standing = standing
        self._application = application
        self._report = report
        self._warn = warn
        self._journey = journey
        self._signalling: dict[str, SignallingReader | None] = {}  # by the reader's name
        self._logbook = Logbook(world, clock, store, scene.kind)
        self._give_back = give_back

    @cached_property
    def _give_backs(self) -> "GiveBacks":
        """Its room is for those who pay and for gates that count: others never open it."""
        from agent.tap.give_back import GiveBacks

        scene, missed = self._scene.kind, self._logbook.missed
        return GiveBacks(self._clock, self._store, scene, self._give_back, missed)

    def handle(self, lane: Lane, reader: CardReader, presence: Presence) -> TapReport:
        """One presence to its end. Never raises a `Fault`: whatever fails becomes a reason."""
        if not presence.came:
            return self._left_lying(lane, reader, presence)
        stages = Stages(self._world, presence.at)
        leaving = self._lets_out(lane)
        let_out = self._let_out(lane) if leaving else None
        with self._watchdog.watch(reader, lambda: self._silent(lane, reader)) as watch:
            with PoweredCard(reader, presence.count, watch) as card:  # down on every way out
                report = None if leaving else self._pay(lane, card, presence, watch, stages)
                if report is None:
                    presented = self._read(card, presence, watch, stages, leaving=leaving)
                    report = self._settle(lane, reader.name, presented, stages, leaving=leaving)
            self._signal(reader, let_out.leaving if let_out else report.reason, watch)
        return self._end(lane, report, let_out)

    def handle_code(self, lane: Lane, code: Code) -> TapReport:
        """A code from scanner or camera to its end; where a scanner gave several in one stretch,
        each to its end, and the report of the last. Never raises a `Fault`."""
        if not code.came:
            stages = Stages(self._world, code.seen)
            lying = Unidentified(CODE, Reason.CODE_LEFT_LYING)
            return self._end(lane, self._settle(lane, code.source, lying, stages), None)
        leaving = self._lets_out(lane)
        reads = [
            partial(self._codes.read, c, leaving=leaving) for c in self._codes.apart(code.content)
        ]
        return [self._shown(lane, code.source, code.seen, read) for read in reads][-1]

    def handle_document(self, lane: Lane, document: Document | Unread) -> TapReport:
        """An ID document to its end. Never raises a `Fault`."""
        if not document.came:
            stages = Stages(self._world, document.seen)
            lying = Unidentified(ID_CARD, Reason.LEFT_LYING)
            return self._end(lane, self._settle(lane, document.source, lying, stages), None)
        return self._shown(
            lane, document.source, document.seen, lambda: self._documents.read(document)
        )

    def handle_passage(self, lane: Lane, end: PassageEnd) -> None:
        """What became of an opening, or that a person went through without one. What is given back
        is durable before the end is: a power cut between them takes no visit away."""
        if end.kind == "timed-out" and end.tap is not None:
            self._give_backs.timed_out(lane.name, end.tap)
        if end.kind == "passed-late" and end.tap is not None:
            self._give_backs.went_through(lane.name, end.tap)
        self._logbook.passage(lane.name, end)

    def _shown(
        self, lane: Lane, source: str, seen: float, read: Callable[[], Presented]
    ) -> TapReport:
        """What its device has read already: only who it is remains to be found."""
        stages = Stages(self._world, seen)
        leaving = self._lets_out(lane)
        let_out = self._let_out(lane) if leaving else None
        stages.begin("read")
        report = self._settle(lane, source, read(), stages, leaving=leaving)
        return self._end(lane, report, let_out)

    def _left_lying(self, lane: Lane, reader: CardReader, presence: Presence) -> TapReport:
        """A card that nobody was seen to lay down: it may have been forgotten, so nothing opens,
        not even the way out, and its holder is told to take it away and to come with it again."""
        stages = Stages(self._world, presence.at)
        with self._watchdog.watch(reader, lambda: self._silent(lane, reader)) as watch:
            with PoweredCard(reader, presence.count, watch) as card:
                self._recover(lane, card, presence, watch, stages)
            lying = Unidentified(_credential(presence), Reason.LEFT_LYING)
            report = self._settle(lane, reader.name, lying, stages)
            self._signal(reader, report.reason, watch)
        return self._end(lane, report, None)

    def _recover(
        self, lane: Lane, card: PoweredCard, presence: Presence, watch: Watch, stages: Stages
    ) -> None:
        """A torn payment of it ends here; who has paid is owed a boarding for when he comes."""
        if self._scene.payer is None:
            return
        stages.begin("open")
        with suppress(Fault):  # then it stays open, and the card is asked when it comes
            took = self._scene.payer.recover(
                lane.name, card.open, _credential(presence), stages, watch
            )
            if took is not None and took.proof is not None and took.record is not None:
                self._give_backs.left_lying(lane.name, took.record.reference)

    def _signal(self, reader: CardReader, reason: str, watch: Watch) -> None:
        """By the reader's own lamp, where it has one."""
        if reader.name not in self._signalling:  # the check takes longer than all else here
            self._signalling[reader.name] = reader if isinstance(reader, SignallingReader) else None
        if (signalling := self._signalling[reader.name]) is not None:
            watch.signalling(partial(signalling.signal, self._results.prompt(reason)))

    def _end(self, lane: Lane, report: TapReport, let_out: Opened | None) -> TapReport:
        if let_out is not None:
            lane.name_opening(let_out.opening, _tap(report.record))
            if let_out.stuck is not None:
                self._logbook.alarm(lane.name, let_out.stuck.code)
        LOG.debug("%s at %s: %s", lane.name, report.reader, report.reason)
        self._report(report)
        return report

    def _pay(
        self, lane: Lane, card: PoweredCard, presence: Presence, watch: Watch, stages: Stages
    ) -> TapReport | None:
        """A purse pays; None: there is none on the card, or nobody pays here."""
        if self._scene.payer is None:
            return None
        credential = _credential(presence)
        stages.begin("open")
        try:
            result = self._scene.payer.pay(lane.name, card.open(), credential, stages, watch)
        except NotPurse:
            return None
        except Fault as fault:
            if isinstance(fault, SceneDefect):
                self._warn(fault)
            presented = unidentified(credential, fault, gave_up=watch.gave_up)
            return self._settle(lane, presence.reader, presented, stages, leaving=False)
        return self._act(lane, presence.reader, result, stages)

    def _act(
        self,
        lane: Lane,
        source: str,
        result: TapResult,
        stages: Stages,
        *,
        leaving: bool = False,
    ) -> TapReport:
        """The one end of every tap, its record durable: let the person through if he may, and tell
        him; what did not happen, because nothing opened, is taken back. `leaving`: he has been let
        out, and has his answer."""
        record = result.record
        reason = self._sign(result)
        stages.begin("act")
        may = self._results.accepted(reason)
        stuck: DeviceFault | None = None
        if not leaving:
            right = result.proof if may else None
            stuck = self._open(lane, right, _tap(record)).stuck if right else None
            reason = Reason.OUT_OF_SERVICE if stuck else reason
            lane.show(*self._results.both(reason, record))
            may = right is not None and stuck is None
        stages.end()
        if stuck is not None:
            if record is not None:
                self._give_backs.not_opened(lane.name, record.reference)
            self._logbook.alarm(lane.name, stuck.code)
        return TapReport(source, lane.name, reason, may, stages.so_far(), record)

    def _read(
        self,
        card: PoweredCard,
        presence: Presence,
        watch: Watch,
        stages: Stages,
        *,
        leaving: bool,
    ) -> Presented:
        """The identity, or the reason why there is none."""
        credential = _credential(presence)
        stages.begin("open")
        try:
            return self._desk.read(
                card.open(),
                credential,
                stages,
                needs=self._scene.needs,
                leaving=leaving,
                reader=presence.reader,
            )
        except Fault as fault:
            return unidentified(credential, fault, gave_up=watch.gave_up)

    def _settle(
        self,
        lane: Lane,
        source: str,
        presented: Presented,
        stages: Stages,
        *,
        leaving: bool = False,
    ) -> TapReport:
        """Ask how they stand, decide, make it durable, and only then act."""
        findings = NOTHING_ASKED if leaving else self._ask(presented, stages)
        stages.begin("decide")
        missed = self._logbook.missed.take()
        reason: str = Reason.NOT_STORED

        def decide(turn: Turn) -> Entry:
            nonlocal reason
            entry = self._decide(turn, lane, presented, findings, stages, missed, leaving=leaving)
            reason = entry.event.reason
            return entry

        proof = presented.proof if isinstance(presented, Identity) else None
        try:
            result = TapResult(reason, self._store.turn(decide), proof)
        except Unstored:
            self._logbook.missed.add(missed + 1)
            result = TapResult(Reason.NOT_STORED, None, proof)
        except SceneDefect as fault:
            self._logbook.missed.add(missed)
            self._warn(fault)
            undecided = Unidentified(
                presented.credential,
                Reason.NOT_DECIDED,
                presented.authentication,
                detail=fault.code,
            )
            return self._settle(lane, source, undecided, stages, leaving=leaving)
        else:
            result = replace(result, reason=reason)
        return self._act(lane, source, result, stages, leaving=leaving)

    def _decide(
        self,
        turn: Turn,
        lane: Lane,
        presented: Presented,
        findings: Findings,
        stages: Stages,
        missed: int,
        *,
        leaving: bool,
    ) -> Entry:
        """Runs in the store's writer turn: state → scene → event."""
        clock = self._clock.read()
        looked = Looked()
        if leaving:  # whoever it is has been let out already; what was read is kept with it
            decision = Decision("accepted", Reason.ACCEPTED_EXIT)
        elif isinstance(presented, Unidentified):
            decision = Decision(self._results.verdict(presented.reason), presented.reason)
        else:
            known = recalled(turn, presented, self._application, findings, clock)
            case = Case(presented, clock, known)
            looked = self._decider.look(turn, case)
            decision = self._decider.decide(turn.lists, case, looked.seen)
        # Leaving uses up no code: who leaves has been let out whatever he showed.
        shown = presented.shown if isinstance(presented, Identity) and not leaving else None
        stages.begin("commit")
        return Entry(
            Tap(
                clock=clock,
                lane=lane.name,
                scene=self._scene.kind,
                credential=presented.credential,
                card=presented.card if isinstance(presented, Identity) else "",
                number=presented.number if isinstance(presented, Identity) else "",
                person=presented.person if isinstance(presented, Identity) else "",
                province=presented.region[:2] if isinstance(presented, Identity) else "",
                application=self._application,
                authentication=presented.authentication,
                checks=decision.checks,
                status_fault=findings.fault,
                doubts=presented.doubts if isinstance(presented, Identity) else (),
                lists=used({**turn.lists.versions(), **looked.lists}),
                verdict=decision.verdict,
                reason=str(decision.reason),
                code=shown.code if shown else "",
                code_content=shown.content if shown and decision.verdict == "accepted" else "",
                read=presented.read if isinstance(presented, Identity) else (),
                card_kind=presented.kind if isinstance(presented, Identity) else "",
                ride=looked.ride if decision.verdict == "accepted" else NO_RIDE,
                seen=looked.seen.joined(_dates(presented)),
                offline=decision.offline,
                stages_us=stages.times(),
                fault=presented.detail if isinstance(presented, Unidentified) else "",
                held_by=presented.holder if isinstance(presented, Unidentified) else "",
                unstored_before=missed,
                opened_first=leaving,
            )
        )

    def _sign(self, result: TapResult) -> str:
        """Who drives signs on or off, as nobody but him: his tap is durable. What he is told."""
        reason, record, proof = result.reason, result.record, result.proof
        if reason != Reason.DRIVER or not record or not proof or self._journey is None:
            return reason
        event = record.event()
        if not isinstance(event, OfPerson):
            return reason
        try:
            return SIGNED[self._journey.sign(event.person, event.credential, proof)]
        except Unstored:
            return Reason.NOT_STORED

    def _ask(self, presented: Presented, stages: Stages) -> Findings:
        """The status check (卡鉴权), where it belongs to the scene and somebody is known; of an
        account behind a code that was verified here no service knows."""
        if isinstance(presented, Unidentified) or presented.shown or not self._scene.asks:
            return NOTHING_ASKED
        stages.begin("check")
        return self._standing.ask(presented)

    def _open(self, lane: Lane, right: Right, tap: Reference | None) -> Opened:
        """Let the person through; what keeps the barrier from it is returned, not raised."""
        try:
            return Opened(lane.open(right, tap))
        except DeviceFault as fault:
            return Opened(stuck=fault)

    def _lets_out(self, lane: Lane) -> bool:
        """Whether people leave there without being asked."""
        return lane.direction == "exit" and not self._scene.decides_exits

    def _let_out(self, lane: Lane) -> Opened:
        """Open at once and say so; nothing that comes later changes it."""
        opened = self._open(lane, LEAVING, None)
        lane.show(self._results.prompt(opened.leaving))
        return opened

    def _silent(self, lane: Lane, reader: CardReader) -> None:
        """The watchdog's word while the reader's own thread hangs: tell the person, note it."""
        lane.show(self._results.prompt(Reason.TAKE_CARD_AWAY))
        # Not on the watchdog's thread: a disk that hangs must not keep it from the other lanes.
        self._world.spawn(
            lambda: self._logbook.alarm(lane.name, Reason.TAKE_CARD_AWAY, reader=reader.name),
            name=f"alarm {reader.name}",
        )


def _credential(presence: Presence) -> str:
    return "card-contact" if presence.interface is Interface.CONTACT else "card-contactless"


def _tap(record: Record | None) -> Reference | None:
    return record.reference if record else None


def _dates(presented: Presented) -> Seen:
    """The card's own dates (YYYYMMDD), so that the decision can be replayed from its event."""
    if isinstance(presented, Unidentified):
        return NOTHING_SEEN
    return Seen(card_issued=_digits(presented.issued), card_expires=_digits(presented.expires))


def _digits(day: date | None) -> int | None:
    return None if day is None else day.year * 10_000 + day.month * 100 + day.day
