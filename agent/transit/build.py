"""Fares, payments and what passengers are told, as the settings want them."""

from collections.abc import Callable

from agent.fares.ride import Journey
from agent.fares.rules import Rules
from agent.journey.desk import JourneyDesk
from agent.results import Results
from agent.rides import Rides
from agent.scenes.bus import Bus
from agent.scenes.metro_gate import MetroGate
from agent.texts import Texts
from agent.transit.card_memory import CardMemory, Operator
from agent.transit.card_types import CardTypes
from agent.transit.fares import FareSource, FlatFare, ListedFare, RideNow
from agent.transit.metro import Gates, Trips
from agent.transit.offers import Offers, SingleRides
from agent.transit.owed import RidesOwed
from agent.transit.paying import Payments
from agent.transit.psams import TransitDesk
from apdu.transit.files import Layouts
from apdu.transit.values import Kind
from config.model import Agent as Settings
from offline_store.clock import Clock, ClockReading
from offline_store.events.ride import Ride
from offline_store.store import Store
from trust.references import References
from world import World

PAYING = frozenset({Bus.kind, MetroGate.kind})  # scenes


def make_fares(
    settings: Settings, rules: Callable[[], Rules] = Rules, journey: JourneyDesk | None = None
) -> FareSource:
    """By the signed lists `rules`, else by `[transit]`. `journey`: of the vehicle, where there is
    one; else what `[transit]` says of it."""
    transit = settings.transit
    flat = FlatFare(transit.fare, _city(settings))
    standing = Journey(transit.line, boarded=transit.station)
    where = journey.journey if journey else lambda: standing
    scene = settings.scene.kind
    listed = ListedFare(rules, where, flat, scene, aboard=journey is not None)
    # A metro's gate knows by the card what is owed, and asks for fares of trips that are not made.
    return listed if scene == MetroGate.kind else RidesOwed(listed, scene, settings.give_back)


def make_ride(settings: Settings, journey: JourneyDesk | None = None) -> RideNow:
    """What a record says of the ride: by the vehicle, else by `[transit]`."""
    if journey is not None:
        return journey.ride
    transit = settings.transit
    known = Ride(
        line=transit.line,
        vehicle=transit.vehicle,
        driver=transit.driver,
        station=transit.station,
    )
    return lambda: known


def make_results(settings: Settings, texts: Texts) -> Results:
    """What people are told. Raises `agent.results.ResultUnknown`."""
    rides = None
    if settings.scene.kind in PAYING:
        below = settings.transit.top_up_below
        rides = Rides(texts, settings.classes, top_up_below=below, preset=settings.spoken.preset)
    return Results(texts, settings.results, rides, settings.spoken.preset)


def make_offers(
    settings: Settings,
    rules: Callable[[], Rules],
    fares: FareSource,
    layouts: Layouts,
    read_clock: Callable[[], ClockReading],
) -> Offers:
    """What purses buy in this scene, by the signed lists `rules`. `layouts`: how the cards' records
    are laid out (`agent.transit.tables.load_layouts`). `read_clock`: `Clock.read`."""
    memory = CardMemory(layouts, read_clock)
    if settings.scene.kind != MetroGate.kind:
        transit = settings.transit
        operator = Operator(_city(settings), transit.operator, transit.institution)
        return SingleRides(fares, memory, operator)
    gates = Gates(
        settings=settings.metro,
        city=_city(settings),
        line=settings.transit.line,
        stop=settings.transit.station,
        scene=settings.scene.kind,
        rules=rules,
        fares=fares,
        give_back=settings.give_back,
    )
    directions = {lane.name: lane.direction for lane in settings.lanes}
    return Trips(gates, layouts, directions, memory)


def make_payments(
    world: World,
    settings: Settings,
    *,
    clock: Clock,
    store: Store,
    desk: TransitDesk,
    references: References,
    results: Results,
    offers: Offers,
    ride: RideNow,
    rules: Callable[[], Rules] = Rules,
) -> Payments | None:
    """Not started yet; None: in this scene nobody pays with a purse."""
    if settings.scene.kind not in PAYING:
        return None
    transit, terminal = settings.transit, settings.terminal
    return Payments(
        world,
        clock=clock,
        store=store,
        desk=desk,
        offers=offers,
        references=references,
        results=results,
        ride=ride,
        scene=settings.scene.kind,
        application=terminal.application,
        grey_after=transit.grey_after,
        types=CardTypes(transit.card_types, rules),
        zero=Kind.SIMPLE if transit.zero_fen == "simple" else Kind.COMPOSITE,
        heads=transit.number_heads,
    )


def _city(settings: Settings) -> str:
    """The terminal's own, four digits, as cards have it (file 0017)."""
    return settings.transit.city or settings.terminal.city[:4]
