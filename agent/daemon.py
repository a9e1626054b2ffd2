"""The agent of one terminal: store and link live as long as it does, the gate as long as settings.

Start: keys → store → gate → local API → link. Stop runs the other way, and lets taps under way end.
"""

import logging
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from agent.api.feed import Feed
from agent.api.server import ApiServer
from agent.arrivals import Arrivals
from agent.authority import city_keys
from agent.card_kinds import card_kinds
from agent.codes import CodeDesk, Router
from agent.documents import DocumentDesk
from agent.facade.facade import Facade
from agent.facade.standing import StandingDesk
from agent.facade.unix import FacadeSocketUnusable
from agent.facade.web_server import FacadePortUnusable
from agent.fares.rules import RuleBook
from agent.gate import Gate, device_folders
from agent.hsm import HsmDesk
from agent.in_force import DataUnusable, InForce, Refused, require_same_terminal
from agent.journey.aboard import Aboard
from agent.journey.desk import JourneyDesk
from agent.journey.faults import JourneyOff
from agent.key_lists import KeyLists
from agent.key_store import key_store
from agent.reader_service import reader_service
from agent.reading import CardDesk, refused_doubts
from agent.reasons import Reason
from agent.resolving import PlatformResolver
from agent.scenes import Scene, scene_for
from agent.signed_lists import EveryList, Heard
from agent.signin import SignInDesk
from agent.staff import Staff
from agent.standing import make_status_service
from agent.status import (
    device_status,
    sam_status,
    sign_in_status,
    standing_status,
    tap_status,
)
from agent.tap import TapReport, Taps
from agent.texts import Texts
from agent.tickets.resolver import Tickets
from agent.traces import Traces
from agent.transit.build import (
    PAYING,
    make_fares,
    make_offers,
    make_payments,
    make_results,
    make_ride,
)
from agent.transit.card_memory import held_alone
from agent.transit.fares import FareSource, RideNow
from agent.transit.paying import Payments
from agent.transit.tables import load_layouts
from agent.transit_codes.memory import CodeMemory
from agent.transit_codes.resolver import MinistryCodes, OfflineResolver
from agent.transit_codes.verify import OtherIssuers
from agent.uplink import PlatformRequests, make_uplink
from agent.watchdog import Watchdog
from config.model import Agent as Settings
from drivers.hotplug import Hotplug
from offline_store.clock import Clock
from offline_store.events.row import Record
from offline_store.faults import ListUnreadable
from offline_store.lists import Lists
from offline_store.store import Store
from sync.paho_link import read_password
from sync.uplink import Status, Uplink
from trust.references import SECRET as REFERENCE_KEY
from trust.references import References
from trust.secrets import KEY_32, read_secret
from trust.sm2 import sm2
from world import Fault, World, cause_of

LOG = logging.getLogger("onecard")
FAREWELL = 3.0  # seconds that the link gets to say goodbye


class Agent:
    """One terminal. `start` raises the `Fault` that keeps it from serving people."""

    def __init__(self, world: World, settings: Settings, texts: Texts) -> None:
        """Touches no device. Raises `DataUnusable`, the faults of key store, lists, drivers, and of
        the files that the settings name."""
        self._world = world
        self._texts = texts
        self._clock = Clock(world)
        self._in_force = InForce(settings, self._clock.read().time_ms)
        self._keys = key_store(world, settings.keys)
        self._references = References(read_secret(self._keys, REFERENCE_KEY, KEY_32))
        data = Path(settings.terminal.data)
        try:
            self._lists = Lists(world, data)
            self._key_lists = KeyLists(world, data)
            self._rule_book = RuleBook(world, data)  # fares, entitlements, lines
        except OSError as error:
            path = error.filename or str(data)
            raise DataUnusable(path=path, cause=cause_of(error)) from error
        rule_lists = [Heard(one, self._tell_of_fares) for one in self._rule_book.lists]
        self._every_list = EveryList(self._lists, rule_lists)
        self._arrivals = Arrivals(world, self._clock, data)
        self._store = Store(
            world,
            data,
            terminal=settings.terminal.id,
            boot=self._clock.read().boot,
            keys=self._keys,
            lists=self._lists,
        )
        self.feed = Feed()
        self._traces = Traces(world)
        self._results = make_results(settings, texts)
        self._city_keys = city_keys(world, settings.keys)
        self._gate = Gate(world, settings, self._city_keys)
        self._hotplug = Hotplug(world, self._gate.plugged, device_folders(settings))
        self._watchdog = Watchdog(world, settings.watchdog.card_silent)
        self._api = ApiServer(world, self, Path(settings.terminal.socket))
        self._uplink: Uplink | None = None
        self._facade: Facade | None = None
        self._payments: Payments | None = None
        self._requests = PlatformRequests()
        self._standing = make_status_service(world, settings, self._keys, self._requests)
        self._layouts = load_layouts(world, settings.transit.layouts)
        self._staff = Staff(world, self._clock, self._store, self._references, settings.sign_in)
        self._sign_in = self._make_sign_in(settings)
        self._aboard = self._make_aboard(settings)
        self._ready = False

    def start(self) -> None:
        """Serve. A missing reader, card service or network is no reason not to start."""
        self._api.require_free()
        self._store.start()
        self._start_aboard()
        self._open_gate()
        self._api.start()
        self._connect(self._make_uplink(self._settings))
        self._ready = True
        LOG.info("%s", self._texts.ui("started", terminal=self._settings.terminal.id))

    def stop(self) -> None:
        """Drain: taps under way end and are recorded, the platform hears a farewell."""
        self._ready = False
        self._sign_in.cancel()
        self._close_gate()
        if self._uplink is not None:
            self._uplink.stop(FAREWELL)
        self._api.stop()
        self._stop_aboard()
        self._store.close()
        LOG.info("%s", self._texts.ui("stopped"))

    def reload(self, settings: Settings, texts: Texts) -> None:
        """Take new settings and their language; people notice a moment without readers.

        Raises `NeedsRestart`, driver and key store faults, those of mapping files and of record
        tables; then the old settings are in force.
        """
        require_same_terminal(self._settings, settings)
        # What is wrong shows here, before anything stops.
        gate = Gate(self._world, settings, self._city_keys)
        results = make_results(settings, texts)
        standing = make_status_service(self._world, settings, self._keys, self._requests)
        aboard = self._make_aboard(settings)
        layouts = load_layouts(self._world, settings.transit.layouts)
        moved = settings.sync != self._settings.sync
        if moved and settings.sync is not None:
            read_password(settings.sync, self._keys)
        uplink = self._make_uplink(settings) if moved else self._uplink
        self._close_gate()
        self._sign_in.cancel()
        self._stop_aboard()
        self._aboard = aboard
        self._start_aboard()
        self._in_force, self._texts = InForce(settings, self._clock.read().time_ms), texts
        self._staff.settings, self._sign_in = settings.sign_in, self._make_sign_in(settings)
        self._gate, self._results, self._standing = gate, results, standing
        self._layouts = layouts
        self._hotplug = Hotplug(self._world, gate.plugged, device_folders(settings))
        self._watchdog = Watchdog(self._world, settings.watchdog.card_silent)
        self._open_gate()
        if moved:
            if self._uplink is not None:
                self._uplink.stop(FAREWELL)
            self._connect(uplink)

    def refuse(self, fault: Fault) -> None:
        """New settings were not taken, and why: those in force stay."""
        self._in_force.refused = Refused(self._clock.read().time_ms, fault)

    @property
    def gate(self) -> Gate:
        """What stands at the lanes now; a reload makes a new one."""
        return self._gate

    # What the local API asks

    @property
    def traces(self) -> Feed:
        """The traces of taps, redacted."""
        return self._traces.feed

    def status(self) -> dict[str, Any]:
        """See docs/architecture.md, local API."""
        clock = self._clock.read()
        return {
            "ready": self._ready and self._gate.looked(),
            "terminal": self._settings.terminal.id,
            "agent": version("onecard-agent"),
            "scene": self._settings.scene.kind,
            "clock": {"time_ms": clock.time_ms, "quality": clock.quality},
            "readers": self.readers(),
            "attached": list(self._gate.attached()),
            "devices": self.devices(),
            "sams": [sam_status(status) for status in self._gate.sam_slots()],
            "store": msgspec.to_builtins(self._store.status()),
            "lists": (held := {**self._every_list.versions(), **self._key_lists.versions()}),
            "arrived": self._arrivals.times(held),
            "sync": msgspec.to_builtins(self._uplink.status()) if self._uplink else None,
            "standing": standing_status(self._standing.trouble()),
            "facade": self._facade.status() if self._facade is not None else None,
            "settings": self._in_force.status(),
            "pcscd": reader_service(),
        }

    def settings(self) -> dict[str, Any]:
        """Those in force, as `config.model.Agent` has them; there is no secret in them."""
        return self._in_force.whole()

    def readers(self) -> list[dict[str, Any]]:
        """Each with the lease of the business program that holds it now, or None."""
        leases = {lease["reader"]: lease for lease in self.leases()}
        return [
            {**device_status(placed), "lease": leases.get(placed.status.name)}
            for placed in self._gate.readers()
        ]

    def devices(self) -> list[dict[str, Any]]:
        """All that is no card reader."""
        aboard = self._aboard.devices() if self._aboard is not None else ()
        return [device_status(placed) for placed in (*self._gate.devices(), *aboard)]

    @property
    def journey(self) -> JourneyDesk:
        """The vehicle's state. Raises `JourneyOff`."""
        if self._aboard is None:
            raise JourneyOff()
        return self._aboard.desk

    def attached(self) -> Sequence[str]:
        return self._gate.attached()

    def leases(self) -> Sequence[dict[str, Any]]:
        """Which business program holds which reader now."""
        return self._facade.leases() if self._facade is not None else []

    def records(self, epoch: str | None, after: int, limit: int) -> Sequence[Record]:
        return self._store.records(epoch, after, limit)

    def verify(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.to_builtins(self._store.verify())
        return found

    def lend(self, device: str, seconds: float) -> None:
        """Raises `agent.loans.DeviceUnknown`, as the other does, and `agent.staff.StaffNeeded`."""
        self._staff.require("lend-devices")
        self._gate.loans.lend(device, seconds)

    def take_back(self, device: str) -> None:
        self._gate.loans.take_back(device)

    def sign_in(self) -> dict[str, Any]:
        """How the last sign-in stands, and who of the staff is signed in."""
        return sign_in_status(self._sign_in.view(), self._staff.current())

    def begin_sign_in(self) -> dict[str, Any]:
        """Raises `agent.signin` faults, `sync.requests.RequestFault`s."""
        return sign_in_status(self._sign_in.begin(), self._staff.current())

    def cancel_sign_in(self) -> None:
        self._sign_in.cancel()

    def sign_out(self) -> None:
        self._staff.leave()

    def sentence(self, fault: Fault) -> str:
        return self._texts.fault(fault)

    # Parts

    @property
    def _settings(self) -> Settings:
        return self._in_force.settings

    def _open_gate(self) -> None:
        settings = self._settings
        self._watchdog.start()
        cards = card_kinds(settings)
        desk = CardDesk(
            self._world, self._gate.sams, self._references, self._hsm(), self._traces, cards
        )
        journey = self._aboard.desk if self._aboard is not None else None
        fares = make_fares(settings, self._rule_book.rules, journey)
        ride = make_ride(settings, journey)
        scene = scene_for(settings.scene, settings.terminal.city, fares, ride)
        taps = Taps(
            self._world,
            clock=self._clock,
            store=self._store,
            scene=scene,
            results=self._results,
            desk=desk,
            codes=CodeDesk(
                Router(settings.codes),
                {"platform": self._resolver(), "offline": self._offline_resolver()},
            ),
            code_memory=CodeMemory(settings.offline_codes.interval),
            documents=DocumentDesk(self._references),
            watchdog=self._watchdog,
            standing=self._standing,
            application=settings.terminal.application,
            report=self._publish,
            payments=self._open_payments(fares, ride),
            journey=journey,
            refuses=refused_doubts(settings.scene),
            give_back=settings.give_back,
        )
        self._gate.start(taps, self._results.prompt(Reason.WELCOME))
        self._tell_of_fares()
        self._open_facade(desk, scene)
        self._hotplug.start()

    def _open_payments(self, fares: FareSource, ride: RideNow) -> Payments | None:
        """Where purses pay. What a power cut left open is known before the first card comes."""
        self._payments = make_payments(
            self._world,
            self._settings,
            clock=self._clock,
            store=self._store,
            desk=self._gate.transit,
            references=self._references,
            results=self._results,
            offers=make_offers(
                self._settings, self._rule_book.rules, fares, self._layouts, self._clock.read
            ),
            ride=ride,
            rules=self._rule_book.rules,
        )
        if self._payments is not None:
            self._payments.start()
        return self._payments

    def _tell_of_fares(self) -> None:
        """What of the fare list each terminal keeps for itself, because cards have no room for it:
        whoever runs them should know."""
        if self._settings.scene.kind not in PAYING:
            return
        try:
            tariff = self._rule_book.rules().tariff
        except ListUnreadable:
            return
        for what, city in held_alone(tariff, self._layouts) if tariff else ():
            LOG.warning("%s", self._texts.ui(f"{what}-held-alone", city=city))

    def _open_facade(self, desk: CardDesk, scene: Scene) -> None:
        """Business programs may call. A socket that cannot be made keeps nobody else away."""
        settings = self._settings.facade
        if settings is None:
            return
        standing = StandingDesk(
            self._standing if scene.asks else None,
            self._references,
            self._settings.terminal.application,
            settings.standing,
            refused_doubts(self._settings.scene),
        )
        self._facade = Facade(
            self._world, settings, self._clock, self._store, self._references, standing
        )
        try:
            self._facade.open(
                self._gate,
                self._watchdog,
                self._results,
                desk.authenticator,
                self._city_keys,
                self._staff.require,
                card_kinds(self._settings),
            )
        except (FacadeSocketUnusable, FacadePortUnusable) as fault:
            LOG.error("%s", self._texts.fault(fault))

    def _close_gate(self) -> None:
        if self._facade is not None:
            self._facade.close()
            self._facade = None
        self._hotplug.stop()
        self._gate.say(self._results.prompt(Reason.OUT_OF_SERVICE))
        if not self._gate.stop():
            LOG.warning("%s", self._texts.ui("reader-left-hanging"))
        if self._payments is not None:
            self._payments.stop()
            self._payments = None
        self._watchdog.stop()

    def _make_uplink(self, settings: Settings) -> Uplink | None:
        if settings.sync is None:
            return None
        return make_uplink(
            self._world,
            settings,
            self._store,
            self._arrivals.noting(self._every_list),
            self._arrivals.noting(self._key_lists),
            self._keys,
            report=self._tell_link,
            warn=lambda fault: LOG.error("%s", self._texts.fault(fault)),
        )

    def _hsm(self) -> HsmDesk | None:
        """Where there is a way to a platform, unless it is switched off."""
        settings = self._settings
        if settings.sync is None or not settings.hsm.enabled:
            return None
        return HsmDesk(self._requests, settings.hsm.within, self._city_keys)

    def _resolver(self) -> PlatformResolver:
        """Without a platform it says so, of each code."""
        settings = self._settings
        return PlatformResolver(self._requests, self._references, settings.codes, settings.scene)

    def _offline_resolver(self) -> OfflineResolver:
        """Codes that are verified here, by the signed lists of keys."""
        settings, keys, clock = self._settings.offline_codes, self._key_lists.keys, self._clock.read
        others = OtherIssuers(settings.other_issuers)
        ministry = MinistryCodes(sm2(), keys, clock, self._references, others)
        tickets = Tickets(sm2(), keys, clock, settings.gate_groups)
        return OfflineResolver({**ministry.verifiers(), **tickets.verifiers()})

    def _make_aboard(self, settings: Settings) -> Aboard | None:
        """Where there is a vehicle. Raises `drivers.options.OptionsFault`."""
        if settings.vehicle is None:
            return None
        data, rules = Path(settings.terminal.data), self._rule_book.rules
        return Aboard(
            self._world, self._clock, settings.vehicle, settings.journey, self._store, rules, data
        )

    def _start_aboard(self) -> None:
        if self._aboard is not None:
            self._aboard.start()

    def _stop_aboard(self) -> None:
        if self._aboard is not None:
            self._aboard.stop()

    def _make_sign_in(self, settings: Settings) -> SignInDesk:
        requests, admit = self._requests, self._staff.enter
        return SignInDesk(self._world, requests, settings.sign_in, "staff", admit)

    def _connect(self, uplink: Uplink | None) -> None:
        self._uplink = self._requests.uplink = uplink
        if uplink is not None:
            uplink.start()

    def _publish(self, report: TapReport) -> None:
        self.feed.publish(tap_status(report))

    def _tell_link(self, status: Status) -> None:
        trouble = status.last_fault
        cause = f" ({trouble.code})" if trouble and status.state == "offline" else ""
        LOG.info("%s%s", self._texts.ui(f"link-{status.state}"), cause)
