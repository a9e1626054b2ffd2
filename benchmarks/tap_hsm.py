"""A full tap of a 3.0 card in HSM mode, and what of its time is ours.

Real pcscd and real mosquitto; card, broker and platform (the reference one, with the made-up city's
HSM behind it) have processes of their own, so that this one computes for none of them. Its uplink
is the product's; each tap begins when the record of the one before has its receipt, which at a gate
is there long before the next person.
"""

import multiprocessing
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, Self

from agent.identify.card import CardIdentifier
from agent.identify.hsm import HsmClient
from agent.identify.traces import Traces
from agent.messages.reasons import Reason
from agent.psam.social_security import PsamPool
from apdu.channel import Transport
from apdu.social_security.quirks import CardKinds
from benchmarks.measure import NoMeasurement, alternate, median, percentile
from config.model import Sync
from drivers.contract import CardHandle, CardReader, DeviceStatus, Presence
from offline_store.events.happened import Checked
from simulators.broker import Broker
from simulators.card_holder import CardHolders
from simulators.cards import Algorithm, Card, Generation, Interface, make_card
from simulators.ceremony import CardOrder, card_number
from simulators.city.hsm import city_hsm
from simulators.gate import LocalGate
from simulators.lifetime import scratch
from simulators.pcscd import Pcscd
from simulators.people import Cast, load_cast
from simulators.site import ISSUER, until
from simulators.terminal import AT, TERMINAL
from sync.asking import AT_ONCE
from sync.contract.services import Service
from sync.contract.topics import Place
from sync.paho_link import PahoLink
from sync.platform.platform import Platform
from sync.platform.settings import PlatformSettings
from sync.requests import PendingRequest, Requests
from sync.uplink import Uplink
from trust.envelope import Opener
from trust.keystore import FileKeyStore
from trust.references import References
from trust.sm2 import sm2
from world import World
from world.real import RealWorld

CARD: Final = AT[Interface.CONTACTLESS]
READY: Final = 15.0  # seconds
WITHIN: Final = 2.0  # the settings' own value
GOAL: Final = {"ours_p50_max": 3.0}  # milliseconds
FORK: Final = multiprocessing.get_context("fork")


@dataclass
class Clock:
    """Seconds of one tap that are not ours."""

    card: float = 0.0
    request: float = 0.0


def measure(pcscd: Pcscd, taps: int) -> dict[str, object]:
    """The figures, on a running pcscd of which this process is a client and has no threads yet.

    Milliseconds. `p50`, `p99`: from the presence that is handed to `Taps.handle` to its return.
    `card_p50`: inside PC/SC's calls to the card: power-up, exchanges, power-down. `request_p50`:
    from the question to its answer, so broker, platform and the way through our uplink. `ours`: a
    tap's whole time less these two; the look for a PSAM that is not there, the COMMIT and the
    barrier count.
    """
    cast = load_cast()
    with ExitStack() as stack:
        folder = stack.enter_context(scratch("onecard-tap-hsm-"))
        stack.enter_context(CardHolders(pcscd, {CARD: (_card(cast), Interface.CONTACTLESS)}))
        broker = stack.enter_context(Broker(folder / "broker", city=cast.region))
        stack.enter_context(PlatformProcess(folder, broker, cast))
        tap = stack.enter_context(HsmTap(cast, folder, broker))
        totals = alternate({"hsm": tap}, taps, between=tap.settle)["hsm"]
        tap.require_all_by_hsm()
    parts = tap.parts[-taps:]
    ours = [
        total - (part.card + part.request) * 1000 for total, part in zip(totals, parts, strict=True)
    ]
    figures = {
        "p50": median(totals),
        "p99": percentile(totals, 99),
        "card_p50": median([part.card * 1000 for part in parts]),
        "request_p50": median([part.request * 1000 for part in parts]),
        "ours_p50": median(ours),
        "ours_p99": percentile(ours, 99),
    }
    rounded = {key: round(value, 3) for key, value in figures.items()}
    holds = all(rounded[goal.removesuffix("_max")] <= most for goal, most in GOAL.items())
    return {"name": "tap-hsm", "taps": taps, **rounded, "goals": GOAL, "holds": holds}


def _card(cast: Cast) -> Card:
    order = CardOrder(
        holder=cast.people[0].holder(),
        generation=Generation.V3,
        algorithm=Algorithm.SM4,
        serial="005B0002",
        card_number=card_number("Z0000101"),
    )
    return make_card(cast.city.card_spec(order), Interface.CONTACTLESS)


class PlatformProcess:
    """The reference platform with the city's HSM, forked; a context manager."""

    def __init__(self, folder: Path, broker: Broker, cast: Cast) -> None:
        self._line, theirs = FORK.Pipe()
        self._process = FORK.Process(target=_serve, args=(folder, broker, cast, theirs, self._line))
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        if not self._line.poll(READY) or not self._line.recv():
            raise NoMeasurement("the platform does not reach the broker")
        return self

    def __exit__(self, *exception: object) -> None:
        self._line.close()
        self._process.join()


def _serve(
    folder: Path, broker: Broker, cast: Cast, line: Connection, other_end: Connection
) -> None:
    """The process: until the line ends, with its maker at the latest."""
    other_end.close()
    keys = FileKeyStore(RealWorld(), folder / "platform-keys")
    keys.write(f"issuer-{ISSUER}.key", cast.city.issuer_private())
    settings = PlatformSettings(
        broker=Sync(host=broker.host, port=broker.port, max_inflight=20),
        database=str(folder / "platform.db"),
        keys=str(folder / "platform-keys"),
        issuer=ISSUER,
    )
    platform = Platform(RealWorld(), settings, keys, {"hsm": city_hsm(cast)})
    platform.start()
    line.send(platform.wait_ready(READY))
    try:
        line.recv()
    except EOFError:
        platform.stop()


class TimedHandle:
    """See `drivers.contract.CardHandle`; what the card takes goes to the clock."""

    def __init__(self, handle: CardHandle, clock: Clock) -> None:
        self._handle = handle
        self._clock = clock

    @property
    def transport(self) -> Transport:
        return self._handle.transport

    @property
    def atr(self) -> bytes:
        return self._handle.atr

    def transmit(self, command: bytes) -> bytes:
        began = time.perf_counter()
        try:
            return self._handle.transmit(command)
        finally:
            self._clock.card += time.perf_counter() - began

    def present(self) -> bool:
        return self._handle.present()

    def close(self) -> None:
        began = time.perf_counter()
        self._handle.close()
        self._clock.card += time.perf_counter() - began


class TimedAsked:
    """See `sync.requests.PendingRequest`; counts once, from the question to its answer."""

    def __init__(self, asked: PendingRequest, began: float, clock: Clock) -> None:
        self._asked = asked
        self._began: float | None = began
        self._clock = clock

    def result(self) -> bytes:
        payload = self._asked.result()
        if self._began is not None:
            self._clock.request += time.perf_counter() - self._began
            self._began = None
        return payload


class TimedReader:
    """See `drivers.contract.CardReader`; all that is waited for the card goes to the clock."""

    def __init__(self, reader: CardReader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self.name = reader.name
        self.interface = reader.interface
        self.events = reader.events

    def open(self, count: int | None = None) -> CardHandle:
        began = time.perf_counter()
        handle = self._reader.open(count)
        self._clock.card += time.perf_counter() - began
        return TimedHandle(handle, self._clock)

    def status(self) -> DeviceStatus:
        return self._reader.status()

    def give_up(self) -> None:
        self._reader.give_up()


class TimedRequests:
    """See `sync.requests.Requests`."""

    def __init__(self, clock: Clock) -> None:
        self.uplink: Requests | None = None
        self._clock = clock

    def ask(self, service: Service, payload: bytes, *, within: float) -> PendingRequest:
        assert self.uplink is not None
        began = time.perf_counter()
        asked = self.uplink.ask(service, payload, within=within)
        return TimedAsked(asked, began, self._clock)


class HsmTap:
    """One call is one tap through the product. The card lies in the reader all the time."""

    def __init__(self, cast: Cast, folder: Path, broker: Broker) -> None:
        self._clock = Clock()
        self._requests = TimedRequests(self._clock)
        self._cast = cast
        self._broker = broker
        self._gate = LocalGate(cast, folder, serve=False, desk=self._desk)
        self._stack = ExitStack()
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self.parts: list[Clock] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._gate)
            uplink = self._up = self._uplink()
            uplink.start()
            stack.callback(uplink.stop, READY)
            self._requests.uplink = uplink.requests
            until(lambda: uplink.status().state == "online", "the uplink is not online")
            self._reader = TimedReader(self._gate.reader(Interface.CONTACTLESS), self._clock)
            event = self._reader.events.get(READY)
            assert isinstance(event, Presence)
            self._presence = event
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def __call__(self) -> None:
        self._clock.card = self._clock.request = 0.0
        presence = replace(
            self._presence, at=time.perf_counter(), came=True
        )  # as if it had just come
        report = self._gate.taps.handle(self._gate.lane, self._reader, presence)
        self.parts.append(replace(self._clock))
        event = report.record.event() if report.record else None
        proof = event.authentication if isinstance(event, Checked) else None
        self._outcomes[report.reason, proof.mode if proof else ""] += 1

    def settle(self) -> None:
        """Until the platform has receipted all that was tapped."""
        store = self._gate.store
        until(lambda: not store.unreceipted(1) and not self._up.status().in_flight, "no receipt")

    def require_all_by_hsm(self) -> None:
        if set(self._outcomes) != {(Reason.ACCEPTED, "hsm")}:
            raise NoMeasurement(f"not every tap was accepted by the HSM: {dict(self._outcomes)}")

    def _desk(
        self,
        world: World,
        sams: PsamPool,
        references: References,
        hsm: HsmClient | None,
        traces: Traces | None,
        cards: CardKinds,
    ) -> CardIdentifier:
        assert hsm is None, "the gate has no uplink of its own"
        timed = HsmClient(self._requests, WITHIN)
        return CardIdentifier(world, sams, references, timed, traces, cards)

    def _uplink(self) -> Uplink:
        settings = Sync(host=self._broker.host, port=self._broker.port)
        world = RealWorld()
        return Uplink(
            world,
            PahoLink(world, settings, TERMINAL, requests=AT_ONCE),
            self._gate.store,
            {},
            Opener(sm2(), {ISSUER: sm2().public(self._cast.city.issuer_private())}),
            Place(settings.namespace, self._cast.region, TERMINAL),
            settings,
        )
