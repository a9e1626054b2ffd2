"""A lease's time at a reader, on that reader's own thread: the card stays powered under one
exclusive handle while the owner's calls are done one after another.

It ends with the last step, the lease's time, the caller, the card or the terminal; whichever it
is, the card is powered down.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from agent.equipment.lane import WAKE
from agent.equipment.powered_card import PoweredCard
from agent.equipment.reader_queue import ReaderQueue
from agent.equipment.watchdog import Watch, Watchdog
from agent.facade.call import Call, CallAnswer
from agent.facade.disclosure import Act, DisclosureBook, PlannedDisclosure, Recipient
from agent.facade.faults import (
    BadLength,
    FacadeFault,
    LeaseOver,
    LeftLying,
    NoAnswer,
    NoCard,
    NoLease,
    NoPinPad,
    NotPowered,
)
from agent.facade.fields import to_gbk
from agent.facade.functions import next_step, step
from agent.facade.leases import Leases, ReaderLease
from agent.messages.reasons import Reason
from agent.messages.results import Results
from apdu.channel import CardGone, CardMute, ReaderGone
from apdu.social_security.pin import LONGEST, SHORTEST
from drivers.contract import Absence, CardHandle, Interface, Pin, Presence
from world import Fault, QueueEmpty, World

ENDS = (CardGone, CardMute, ReaderGone, NoAnswer, LeaseOver)  # no next call after these


class Superseded(FacadeFault):
    """The owner began something else instead of the next step; never told to anybody."""

    code = "facade.superseded"


@dataclass(frozen=True, repr=False)
class FlowOutcome:
    """What a flow came to. With `keep` the card stays powered for the owner's next calls."""

    output: str
    disclosed: PlannedDisclosure | None = None
    keep: bool = False


class CallFlow(Protocol):
    """What a call does with the card. Raises faults; each has its national error code."""

    def __call__(self, visit: "LeasedSession") -> FlowOutcome: ...


@dataclass(frozen=True)
class CallServices:
    """What all visits share."""

    world: World
    leases: Leases
    watchdog: Watchdog
    results: Results
    book: DisclosureBook
    pin_timeout: float  # seconds to type a PIN
    answer_for: Callable[[Fault], CallAnswer]  # a fault as error code and text


class PinDigits(NamedTuple):
    """How many digits a PIN has."""

    shortest: int = SHORTEST
    longest: int = LONGEST


class WakeUp:
    """Makes a session look up: its lease may be over. See `agent.equipment.reader_queue`."""

    def run(self, seat: ReaderQueue) -> None:
        """The visit is over already."""


class LeasedSession:
    """See `agent.equipment.reader_queue.ReaderJob`. `call` is the one to be answered next."""

    def __init__(
        self,
        house: CallServices,
        call: Call,
        flow: CallFlow,
        recipient: Recipient,
        digits: PinDigits,
    ) -> None:
        self._house = house
        self.call = call
        self.flow = flow
        self._recipient = recipient
        self._digits = digits
        self._following: LeasedSession | None = None
        self._seat: ReaderQueue
        self._handle: CardHandle
        self._lying: Presence
        self.act: Act = "card-inserted"
        self._pin: Pin | None = None

    # What flows use

    @property
    def handle(self) -> CardHandle:
        """The powered card."""
        return self._handle

    @property
    def seat(self) -> ReaderQueue:
        """The reader on whose thread the session runs."""
        return self._seat

    @property
    def lease(self) -> ReaderLease:
        """The lease of the call that is answered next."""
        return self.call.lease

    def require_card(self) -> None:
        """Raises `CardGone` when the card was away, be it for a moment."""
        if not self._handle.present():
            raise CardGone(reader=self._seat.reader.name)

    @property
    def has_pin(self) -> bool:
        """The person's PIN is verified and kept for the files of this very card."""
        return self._pin is not None

    def keep_pin(self, pin: Pin) -> None:
        """The card has taken it: until it is powered down its files open without asking again."""
        self.forget_pin()
        self._pin = Pin(bytearray(pin.digits))

    def forget_pin(self) -> None:
        """Overwrite the PIN that was entered for this card, if there is one."""
        if self._pin is not None:
            self._pin.wipe()
        self._pin = None

    def pin_for_files(self, tries: int) -> bytearray:
        """See `apdu.social_security.key_authentication.AskPin`: the one that was verified, else
        from the pad."""
        if self._pin is not None:
            return bytearray(self._pin.digits)
        return self.type_pin().digits

    def type_pin(self, *, new: bool = False, longest: int = LONGEST) -> Pin:
        """From the person at the lane's PIN pad; no other person sees it. Ends with the lease. As
        many digits as the client's settings say, and at most `longest`.

        Raises `NoPinPad`, `PinFault`s, `DeviceFault`, `LeaseOver`.
        """
        pinpad = self._seat.lane.pinpad
        if pinpad is None:
            raise NoPinPad(lane=self._seat.lane.name)
        self.lease.interrupt = pinpad.cancel
        try:
            if self.lease.over:  # the caller went before he could interrupt
                raise LeaseOver(ending=self.lease.over)
            ask = pinpad.ask_new if new else pinpad.ask
            pin = ask(
                minimum=min(self._digits.shortest, longest),
                maximum=min(self._digits.longest, longest),
                timeout=self._house.pin_timeout,
            )
        finally:
            self.lease.interrupt = None
        self.act = "pin-entered"
        return pin

    def ask(self, output: str, disclosed: PlannedDisclosure | None = None) -> str:
        """Answer the call with a question and wait for the caller's next step; its `pKey`.

        The card stays powered and nothing goes to it meanwhile. Raises `LeaseOver`, `CardGone`,
        `Superseded`, `Unstored`.
        """
        due = next_step(self.call.function.name)
        self._answer(FlowOutcome(output, disclosed, keep=True))
        while True:
            visit = self._next()
            if visit.call.function.name == due:
                self.call = visit.call
                self.require_card()
                return self.call.parameters[0]
            if not step(visit.call.function.name) > 1:
                self._following = visit
                raise Superseded
            self._house.leases.rest(self.lease)
            visit.refuse(NoLease(function=visit.call.function.name))

    # The reader's thread

    def run(self, seat: ReaderQueue) -> None:
        """From the first call to the card's power-down."""
        self._seat = seat
        if not self.call.begin():
            return self._house.leases.end(self.lease, "withdrawn")
        if self.lease.over:  # while it waited for this thread
            return self.refuse(LeaseOver(ending=self.lease.over))
        lying = seat.card_present
        if lying is None:
            return self._end_with(NoCard())
        self._lying, self.act = lying, _act(lying)
        with (
            self._house.watchdog.watch(seat.reader, self._silent) as watch,
            PoweredCard(seat.reader, lying.count, watch) as card,
        ):
            if self._power(card, watch):
                try:
                    self._serve(watch)
                finally:
                    self.forget_pin()
        return None

    def refuse(self, fault: Fault) -> None:
        """Answer the call with the fault's number and text."""
        self.call.answer(self._house.answer_for(fault))

    def _power(self, card: PoweredCard, watch: Watch) -> bool:
        try:
            self._handle = card.open()
        except CardMute:
            self._end_with(NotPowered())
        except Fault as fault:
            self._end_with(NoAnswer() if watch.gave_up else fault)
        else:
            return True
        return False

    def _serve(self, watch: Watch) -> None:
        """Call after call, until one of them is the last."""
        while self._do(watch):
            try:
                following = self._following or self._next()
            except Fault:  # the lease, the card or the terminal: nobody waits for an answer now
                self._house.leases.end(self.lease, "over")
                return
            self._following = None
            self.call, self.flow = following.call, following.flow

    def _do(self, watch: Watch) -> bool:
        """One call to its answer. True when the card is to stay powered for the next one."""
        try:
            self._require_came()
            outcome = self.flow(self)
            self._answer(outcome)
        except Superseded:
            return True
        except Fault as fault:
            keep = self._pin is not None and not watch.gave_up and not isinstance(fault, ENDS)
            keep = keep and not self.lease.over
            self._settle(keep)
            self.refuse(NoAnswer() if watch.gave_up and isinstance(fault, ENDS) else fault)
            return keep
        return outcome.keep

    def _answer(self, outcome: FlowOutcome) -> None:
        """Journal what is handed out, then hand it out. Raises `LeaseOver`, `Unstored`."""
        if self.lease.over:
            raise LeaseOver(ending=self.lease.over)
        function = self.call.function
        if len(outcome.output) >= function.output // 2:  # GBK has at most two bytes per character
            size = len(to_gbk(outcome.output)) + 1
            if size > function.output:
                raise BadLength(parameter="pOutInfo", allowed=function.output)
        if outcome.disclosed is not None:
            self._house.book.write(
                outcome.disclosed,
                self._recipient,
                function=function.name,
                lane=self._seat.lane.name,
                interface=self._seat.reader.interface,
                act=self.act,
            )
        self._settle(outcome.keep)
        self.call.answer(CallAnswer(0, outcome.output))

    def _settle(self, keep: bool) -> None:
        """The lease is right before the caller can come with his next call."""
        if keep:
            self._house.leases.rest(self.lease)
        else:
            self._house.leases.end(self.lease, "done")

    def _next(self) -> "LeasedSession":
        """The owner's next call. Raises `LeaseOver`, `CardGone`."""
        while True:
            if self.lease.over:
                raise LeaseOver(ending=self.lease.over)
            try:
                event = self._seat.next(self.lease.until - self._house.world.monotonic())
            except QueueEmpty:
                self._house.leases.end(self.lease, "time")
                continue
            if event is WAKE:
                raise LeaseOver(ending="stopping")
            if isinstance(event, Presence | Absence):
                self._require_same(event)
            elif isinstance(event, LeasedSession):
                if event.lease is not self.lease:  # the time was up, and another was quicker
                    self._seat.ask(event)
                    raise LeaseOver(ending="time")
                if event.call.begin():
                    return event

    def _require_came(self) -> None:
        """Whoever calls may read what lies there, as at any time; to change it needs its holder.
        Raises `LeftLying`."""
        if self.call.function.changes_card and not self._lying.came:
            raise LeftLying(function=self.call.function.name)

    def _require_same(self, event: Presence | Absence) -> None:
        if isinstance(event, Absence) or event.count != self._lying.count:
            raise CardGone(reader=self._seat.reader.name)

    def _end_with(self, fault: Fault) -> None:
        self._house.leases.end(self.lease, "done")
        self.refuse(fault)

    def _silent(self) -> None:
        """The watchdog's word while this thread hangs in the card: caller and person are told."""
        self._seat.lane.show(self._house.results.prompt(Reason.TAKE_CARD_AWAY))
        self.call.answer(self._house.answer_for(NoAnswer()))


def _act(lying: Presence) -> Act:
    """What the holder is known to have done."""
    if not lying.came:
        return "card-left-lying"
    return "card-inserted" if lying.interface is Interface.CONTACT else "card-presented"
