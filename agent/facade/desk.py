"""The desk of the national interface: a call is checked, its reader leased, its answer waited for.

Callers come by Unix socket, HTTP or WebSocket; each connection is one owner of leases, and its end
ends what it leased.
"""

from collections.abc import Callable, Sequence

from agent.equipment.reader_queue import CatchUp, ReaderQueue
from agent.equipment.watchdog import Watchdog
from agent.facade import fields
from agent.facade.call import Call, CallAnswer
from agent.facade.disclosure import DisclosureBook, Recipient
from agent.facade.errors import answer_for
from agent.facade.faults import (
    BadParameter,
    FunctionUnknown,
    LeaseOver,
    NoAnswer,
    NoCard,
    NoLease,
    NoReader,
    NotAllowed,
    OneAtATime,
    OtherKind,
    Unsupported,
)
from agent.facade.functions import FUNCTIONS, Function, next_step, step
from agent.facade.leases import Leases, ReaderLease
from agent.facade.means import CardServices, PreparedCall
from agent.facade.plans import PLANS
from agent.facade.visit import CallServices, FlowOutcome, LeasedSession, PinDigits, WakeUp
from agent.messages.results import Results
from config.model import Capability, FacadeClient
from drivers.contract import Interface
from world import Fault, World

HEARD_WITHIN = 1.0  # seconds until a reader's thread that has nothing to do has heard what is new
BEGUN_WITHIN = 5.0  # seconds until the reader's thread, busy with a tap, must have come to it


class CallDispatcher:
    """One per gate. `close` ends all leases; then the gate may stop its threads."""

    def __init__(
        self,
        *,
        seats: Sequence[ReaderQueue],
        means: CardServices,
        watchdog: Watchdog,
        results: Results,
        book: DisclosureBook,
        lease: float,
        pin_timeout: float,
        require: Callable[[Capability], None],
    ) -> None:
        """`require` raises `agent.staff.session.StaffNeeded` where a capability is kept for staff
        and no member of it is signed in."""
        self.world: World = means.world
        self.means = means
        self.leases = Leases(means.world, lease)
        self.house = CallServices(
            means.world, self.leases, watchdog, results, book, pin_timeout, answer_for
        )
        self.require = require
        self._seats = seats
        self._open = True

    def close(self) -> None:
        """Cards are powered down; who comes from now on is told that the terminal stops."""
        self._open = False
        for lease in self.leases.current():
            self.release(lease, "stopping")

    def release(self, lease: ReaderLease, reason: str) -> None:
        """End a lease, whatever its reader is doing for it."""
        self.leases.end(lease, reason)
        interrupt = lease.interrupt  # once: the reader's thread may take it away
        if interrupt is not None:
            interrupt()
        for seat in self._seats:
            if seat.reader.name == lease.reader:
                seat.ask(WakeUp())

    def seats_for(self, client: FacadeClient) -> Sequence[ReaderQueue]:
        """The readers that a client may use, in the order of the settings. Raises `LeaseOver`."""
        if not self._open:
            raise LeaseOver(ending="stopping")
        return [
            seat
            for seat in self._seats
            if (
                seat.lane.name in client.lanes if client.lanes else seat.lane.direction == "counter"
            )
        ]

    def seat_of(self, lease: ReaderLease) -> ReaderQueue:
        """The reader that the lease is about."""
        return next(seat for seat in self._seats if seat.reader.name == lease.reader)


class CallerConnection:
    """One caller. Its calls come one after another; `close` from any thread."""

    def __init__(self, desk: CallDispatcher, client: FacadeClient, caller: str) -> None:
        self._desk = desk
        self._client = client
        self._recipient = Recipient(client.name, caller, client.purpose)
        self._calling = desk.world.lock()
        self._under_way = ""
        self._gone = False

    def call(self, name: str, parameters: Sequence[str | bytes]) -> CallAnswer:
        """One call to its end; whatever goes wrong is an answer too. `bytes` are GBK."""
        if not self._calling.acquire(0):
            return answer_for(OneAtATime(function=self._under_way))
        try:
            self._under_way = name if name in FUNCTIONS else ""
            return self._called(self._function(name), parameters)
        except Fault as fault:
            return answer_for(fault)
        finally:
            self._calling.release()

    def close(self) -> None:
        """The caller is gone for good: its leases end, and it gets no more."""
        self._gone = True
        self.release()

    def release(self) -> None:
        """The caller's leases end, its cards are powered down."""
        for lease in self._desk.leases.of(self):
            self._desk.release(lease, "caller-gone")

    def _function(self, name: str) -> Function:
        """Raises `FunctionUnknown`, `Unsupported`, `NotAllowed`, `StaffNeeded`."""
        function = FUNCTIONS.get(name)
        if function is None:
            raise FunctionUnknown
        if not function.supported:
            raise Unsupported(function=function.name)
        if function.needs not in self._client.capabilities:
            raise NotAllowed(client=self._client.name, capability=function.needs)
        self._desk.require(function.needs)
        return function

    def _called(self, function: Function, given: Sequence[str | bytes]) -> CallAnswer:
        if len(given) != len(function.parameters):
            allowed = len(function.parameters)
            raise BadParameter(parameter=function.name, allowed=allowed)
        parameters = [
            fields.from_gbk(name, value)
            if isinstance(value, bytes)
            else fields.checked(name, value)
            for name, value in zip(function.parameters, given, strict=True)
        ]
        if step(function.name) > 1:
            return self._go_on(function, parameters)
        plan = PLANS[function.name](self._desk.means, parameters)
        seat = self._seat(plan)
        return self._ask(seat, function, parameters, plan)

    def _go_on(self, function: Function, parameters: Sequence[str]) -> CallAnswer:
        """A later step, for the flow that waits for it."""
        held = self._desk.leases.of(self)
        if not held:
            raise NoLease(function=function.name)
        due = [lease for lease in held if next_step(lease.function) == function.name]
        plan = PreparedCall((), _no_step_is_due)
        return self._ask(self._desk.seat_of((due or held)[0]), function, parameters, plan)

    def _ask(
        self, seat: ReaderQueue, function: Function, parameters: Sequence[str], plan: PreparedCall
    ) -> CallAnswer:
        client = self._client
        lease = self._desk.leases.take(
            seat.reader.name, self, client.name, client.purpose, function.name
        )
        if self._gone:  # looked at behind the taking, so that no lease outlives its owner
            self._desk.leases.end(lease, "caller-gone")
            raise LeaseOver(ending=lease.over)
        call = Call(self._desk.world, function, parameters, lease)
        digits = PinDigits(client.pin_shortest, client.pin_longest)
        seat.ask(LeasedSession(self._desk.house, call, plan.flow, self._recipient, digits))
        return call.wait(BEGUN_WITHIN, answer_for(NoAnswer()))

    def _seat(self, plan: PreparedCall) -> ReaderQueue:
        """Where the card lies, by the order of iType. Raises `NoReader`, `OtherKind`, `NoCard`."""
        seats = self._desk.seats_for(self._client)
        ready = [seat for kind in plan.kinds for seat in _of(kind, seats) if seat.ready]
        if not ready:
            raise NoReader(interface=", ".join(kind.value for kind in plan.kinds))
        if not any(seat.card_present for seat in ready):
            self._catch_up(ready)
        held = {lease.reader for lease in self._desk.leases.of(self)}
        # Looked at once: a card that comes meanwhile is heard by the next call.
        full = [seat for seat in seats if seat.card_present is not None]
        lying = [seat for seat in ready if seat in full]
        for seat in [seat for seat in lying if seat.reader.name in held] or lying:
            return seat
        raise OtherKind if full else NoCard

    def _catch_up(self, seats: Sequence[ReaderQueue]) -> None:
        """Have the readers' threads hear what has happened: a caller may have seen the card in the
        terminal's status before they did. One that is busy for long has a card."""
        asked = [CatchUp(self._desk.world) for _ in seats]
        for seat, job in zip(seats, asked, strict=True):
            seat.ask(job)
        for job in asked:
            job.wait(HEARD_WITHIN)


def _of(kind: Interface, seats: Sequence[ReaderQueue]) -> Sequence[ReaderQueue]:
    return [seat for seat in seats if seat.reader.interface is kind]


def _no_step_is_due(visit: LeasedSession) -> FlowOutcome:
    raise NoLease(function=visit.call.function.name)
