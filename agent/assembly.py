"""All parts of a terminal, made from its settings: the one module that knows them all.

    settings ─▶ Terminal   store, lists, keys, staff: as long as the process
    settings ─▶ Service    gate, scene, taps, payments, façade: as long as these settings

A room that most terminals have no use for is imported where the settings ask for it.

Daemon, demos, proofs and benchmarks stand on it alike; `Replacements` says what they may exchange.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.arrivals import Arrivals
from agent.equipment.gate import Equipment, Handlers, device_folders
from agent.equipment.watchdog import Watchdog
from agent.facade.faults import FacadePortUnusable, FacadeSocketUnusable
from agent.fares.rules import RuleBook
from agent.identify.card import CardIdentifier, refused_doubts
from agent.identify.card_kinds import card_kinds
from agent.identify.code import CodeIdentifier, Resolve, Resolver, Router
from agent.identify.document import DocumentIdentifier
from agent.identify.hsm import HsmClient
from agent.identify.platform_code import PlatformResolver
from agent.identify.traces import Traces
from agent.in_force import DataUnusable
from agent.key_store import key_store
from agent.messages.reasons import Reason
from agent.messages.results import Results
from agent.messages.texts import Texts
from agent.psam.key_table import city_keys
from agent.psam.social_security import PsamPool
from agent.scenes import registry as scenes
from agent.scenes.code_uses import CodeMemory
from agent.scenes.port import Parts
from agent.staff.session import Staff
from agent.staff.sign_in import SignInFlow
from agent.status_check import make_status_service
from agent.tap.deciding import Decider
from agent.tap.tap import TapReport, Taps
from agent.uplink import PlatformRequests, make_uplink
from apdu.social_security.quirks import CardKinds
from config.model import AgentSettings as Settings
from drivers.hotplug import Hotplug
from offline_store.clock import Clock
from offline_store.faults import ListUnreadable
from offline_store.lists.every import EveryList, WatchedList
from offline_store.lists.keys import KeyLists
from offline_store.lists.on_disk import Lists
from offline_store.store import Store
from sync.uplink import LinkStatus, Uplink
from trust.references import SECRET as REFERENCE_KEY
from trust.references import References
from trust.secrets import KEY_32, read_secret
from trust.sm2 import sm2
from world import World, cause_of

if TYPE_CHECKING:
    from agent.facade.facade import Facade
    from agent.identify.ministry_codes.resolver import OfflineResolver
    from agent.scenes.bus.vehicle import VehicleUnit
    from agent.tap.explain import KeptLists
    from apdu.transit.files import Layouts

LOG = logging.getLogger("onecard")

MakeDesk = Callable[
    [World, PsamPool, References, HsmClient | None, Traces | None, CardKinds], CardIdentifier
]


@dataclass(frozen=True)
class Replacements:
    """What a harness puts in the place of the product's own parts."""

    desk: MakeDesk = CardIdentifier  # reads and authenticates cards


NONE: Final = Replacements()


class Terminal:
    """What one terminal has for as long as its process lives; `store` is not started yet."""

    def __init__(self, world: World, settings: Settings, replace: Replacements = NONE) -> None:
        """Touches no device. Raises `DataUnusable`, the faults of key store and lists, and of the
        authority's table."""
        self.world = world
        self.replace = replace
        self.clock = Clock(world)
        self.keys = key_store(world, settings.keys)
        self.references = References(read_secret(self.keys, REFERENCE_KEY, KEY_32))
        self.city_keys = city_keys(world, settings.keys)
        data = Path(settings.terminal.data)
        try:
            self.lists = Lists(world, data)  # the long ones
            self.key_lists = KeyLists(world, data)
            self.rule_book = RuleBook(world, data)  # fares, entitlements, lines
        except OSError as error:
            path = error.filename or str(data)
            raise DataUnusable(path=path, cause=cause_of(error)) from error
        self.rules_changed: Callable[[], None] = _nobody_asks
        rule_lists = [
            WatchedList(one, lambda: self.rules_changed()) for one in self.rule_book.lists
        ]
        self.every_list = EveryList(self.lists, rule_lists)
        self.arrivals = Arrivals(world, self.clock, data)
        self.store = Store(
            world,
            data,
            terminal=settings.terminal.id,
            boot=self.clock.read().boot,
            keys=self.keys,
            lists=self.lists,
        )
        self.requests = PlatformRequests()
        self.traces = Traces(world)
        self.staff = Staff(world, self.clock, self.store, self.references, settings.sign_in)

    @property
    def kept_lists(self) -> "KeptLists":
        """As they stood once."""
        from agent.tap.explain import KeptLists

        return KeptLists(self.lists, self.rule_book)

    def uplink(self, settings: Settings, texts: Texts) -> Uplink | None:
        """The link to the platform, not started; None: there is none. What is wrong with its
        certificates and password shows in its status. Raises `KeyStoreUnusable`."""
        if settings.sync is None:
            return None
        return make_uplink(
            self.world,
            settings,
            self.store,
            self.arrivals.noting(self.every_list),
            self.arrivals.noting(self.key_lists),
            self.keys,
            report=lambda status: _tell_link(texts, status),
            warn=lambda fault: LOG.error("%s", texts.fault(fault)),
        )


class Service:
    """Serves people by one version of the settings, from `open` to `close`."""

    def __init__(
        self,
        terminal: Terminal,
        settings: Settings,
        texts: Texts,
        report: Callable[[TapReport], None],
    ) -> None:
        """Touches no device. `report`: told of each tap that has ended. Raises driver and key store
        faults, those of mapping files and of record tables."""
        world, self._terminal, self.settings, self._texts = (
            terminal.world,
            terminal,
            settings,
            texts,
        )
        self.gate = Equipment(world, settings, terminal.city_keys)
        kind = scenes.find(settings.scene.kind)
        options = scenes.options_of(kind, settings)
        self.results = results_of(settings, texts)
        self.standing = make_status_service(world, settings, terminal.keys, terminal.requests)
        if settings.transit.layouts:  # what is wrong with them is told now
            _ = self.layouts
        self.aboard = self._make_aboard()
        self.watchdog = Watchdog(world, settings.watchdog.card_silent)
        self._hotplug = Hotplug(world, self.gate.plugged, device_folders(settings))
        self.cards = terminal.replace.desk(
            world,
            self.gate.sams,
            terminal.references,
            self._hsm(),
            terminal.traces,
            card_kinds(settings),
        )
        journey = self.aboard.desk if self.aboard is not None else None
        self.scene = scenes.make(
            Parts(
                world=world,
                settings=settings,
                options=options,
                clock=terminal.clock,
                store=terminal.store,
                references=terminal.references,
                results=self.results,
                rules=terminal.rule_book.rules,
                layouts=lambda: self.layouts,
                transit=lambda: self.gate.transit,
                journey=journey,
            )
        )
        self.decider = Decider(
            self.scene,
            self.results.verdict,
            CodeMemory(settings.offline_codes.interval),
            refused_doubts(settings.scene),
        )
        self.taps = Taps(
            world,
            clock=terminal.clock,
            store=terminal.store,
            decider=self.decider,
            results=self.results,
            desk=self.cards,
            codes=self._codes(),
            documents=DocumentIdentifier(terminal.references),
            watchdog=self.watchdog,
            standing=self.standing,
            application=settings.terminal.application,
            report=report,
            warn=lambda fault: LOG.error("%s", texts.fault(fault)),
            journey=journey,
            give_back=settings.give_back,
        )
        sign_in, admit = settings.sign_in, terminal.staff.enter
        self.sign_in = SignInFlow(world, terminal.requests, sign_in, "staff", admit)
        self.facade = self._make_facade()

    def open(self, handlers: Handlers | None = None) -> None:
        """Serve at the lanes, and business programs; the store runs. `handlers`: who takes what is
        shown there, in place of `taps`."""
        self.watchdog.start()
        if self.aboard is not None:
            self.aboard.start()
        if self.scene.payer is not None:  # what a power cut left open is known before a card comes
            self.scene.payer.start()
        self.gate.start(handlers or self.taps, self.results.prompt(Reason.WELCOME))
        self._terminal.rules_changed = self._tell_of_fares
        self._tell_of_fares()
        self._open_facade()
        self._hotplug.start()

    def close(self) -> None:
        """Taps under way end and are recorded; callers are hung up on."""
        self.sign_in.cancel()
        self._terminal.rules_changed = _nobody_asks
        if self.facade is not None:
            self.facade.close()
        self._hotplug.stop()
        self.gate.say(self.results.prompt(Reason.OUT_OF_SERVICE))
        if not self.gate.stop():
            LOG.warning("%s", self._texts.ui("reader-left-hanging"))
        if self.scene.payer is not None:
            self.scene.payer.stop()
        self.watchdog.stop()
        if self.aboard is not None:
            self.aboard.stop()

    # Parts

    @cached_property
    def layouts(self) -> "Layouts":
        """The tables of the records on transit cards. Raises faults of the city's own ones."""
        from agent.scenes.metro.layouts import load_layouts

        return load_layouts(self._terminal.world, self.settings.transit.layouts)

    def _make_aboard(self) -> "VehicleUnit | None":
        """Where there is a vehicle. Raises `drivers.options.OptionsFault`."""
        settings, terminal = self.settings, self._terminal
        if settings.vehicle is None:
            return None
        from agent.scenes.bus.vehicle import VehicleUnit

        return VehicleUnit(
            terminal.world,
            terminal.clock,
            settings.vehicle,
            settings.journey,
            terminal.store,
            terminal.rule_book.rules,
            Path(settings.terminal.data),
        )

    def _hsm(self) -> HsmClient | None:
        """Where there is a way to a platform, unless it is switched off."""
        settings, terminal = self.settings, self._terminal
        if settings.sync is None or not settings.hsm.enabled:
            return None
        return HsmClient(terminal.requests, settings.hsm.within, terminal.city_keys)

    def _codes(self) -> CodeIdentifier:
        settings, terminal = self.settings, self._terminal
        platform = PlatformResolver(
            terminal.requests, terminal.references, settings.codes, settings.scene
        )
        resolvers: dict[Resolve, Resolver] = {"platform": platform}
        if any(rule.resolve == "offline" for rule in settings.codes):
            resolvers["offline"] = self._offline_codes()
        return CodeIdentifier(Router(settings.codes), resolvers)

    def _offline_codes(self) -> "OfflineResolver":
        """Codes that are verified here, by the signed lists of keys."""
        from agent.identify.ministry_codes.resolver import MinistryCodes, OfflineResolver
        from agent.identify.ministry_codes.verify import OtherIssuers
        from agent.identify.tickets.resolver import Tickets

        settings, terminal = self.settings.offline_codes, self._terminal
        keys, clock = terminal.key_lists.keys, terminal.clock.read
        others = OtherIssuers(settings.other_issuers)
        ministry = MinistryCodes(sm2(), keys, clock, terminal.references, others)
        tickets = Tickets(sm2(), keys, clock, settings.gate_groups)
        return OfflineResolver({**ministry.verifiers(), **tickets.verifiers()})

    def _make_facade(self) -> "Facade | None":
        """Where business programs may call."""
        settings, terminal = self.settings.facade, self._terminal
        if settings is None:
            return None
        from agent.facade.facade import Facade
        from agent.facade.standing import StatusReader

        standing = StatusReader(
            self.standing if self.scene.asks else None,
            terminal.references,
            self.settings.terminal.application,
            settings.standing,
            refused_doubts(self.settings.scene),
        )
        return Facade(
            terminal.world,
            settings,
            terminal.clock,
            terminal.store,
            terminal.references,
            standing,
        )

    def _open_facade(self) -> None:
        """A socket that cannot be made keeps nobody else away."""
        if self.facade is None:
            return
        try:
            self.facade.open(
                self.gate,
                self.watchdog,
                self.results,
                self.cards.authenticator,
                self._terminal.city_keys,
                self._terminal.staff.require,
                card_kinds(self.settings),
            )
        except (FacadeSocketUnusable, FacadePortUnusable) as fault:
            LOG.error("%s", self._texts.fault(fault))

    def _tell_of_fares(self) -> None:
        """What of the fare list each terminal keeps for itself, because cards have no room for it:
        the people who run the terminals should know."""
        if not self.scene.pays:
            return
        try:
            tariff = self._terminal.rule_book.rules().tariff
        except ListUnreadable:
            return
        from agent.purse.card_memory import held_alone

        for what, city in held_alone(tariff, self.layouts) if tariff else ():
            LOG.warning("%s", self._texts.ui(f"{what}-held-alone", city=city))


def results_of(settings: Settings, texts: Texts) -> Results:
    """What people are told, as the city wants it. Raises `agent.messages.results.ResultUnknown`,
    and what `agent.scenes.registry.find` raises."""
    scene = scenes.find(settings.scene.kind)
    announcer = scenes.announcer_of(scene, settings, texts)
    return Results(
        texts, settings.results, announcer, settings.spoken.preset, scenes.reasons_of(scene)
    )


def _nobody_asks() -> None:
    """Stands where nobody has to know that rules have changed."""


def _tell_link(texts: Texts, status: LinkStatus) -> None:
    trouble = status.last_fault
    cause = f" ({trouble.code})" if trouble and status.state == "offline" else ""
    LOG.info("%s%s", texts.ui(f"link-{status.state}"), cause)
