"""The parts of paying, as the settings want them: what a scene in which purses pay is made of."""

from agent.fares.ride import Journey
from agent.purse.card_types import CardTypes
from agent.purse.offers import Offers
from agent.purse.paying import Payments
from agent.purse.pricing import FlatFare, ListedFare, RideNow
from agent.scenes.port import Parts
from apdu.transit.values import Kind
from config.model import AgentSettings as Settings
from offline_store.events.ride import Ride


def listed_fares(parts: Parts) -> ListedFare:
    """By the signed lists, else by `[transit]`; of the vehicle, where there is one."""
    settings, journey = parts.settings, parts.journey
    transit = settings.transit
    standing = Journey(transit.line, boarded=transit.station)
    where = journey.journey if journey else lambda: standing
    flat = FlatFare(transit.fare, city_of(settings))
    return ListedFare(parts.rules, where, flat, settings.scene.kind, aboard=journey is not None)


def ride_now(parts: Parts) -> RideNow:
    """What a record says of the ride: by the vehicle, else by `[transit]`."""
    if parts.journey is not None:
        return parts.journey.ride
    transit = parts.settings.transit
    known = Ride(line=transit.line, station=transit.station)
    return lambda: known


def purses(parts: Parts, offers: Offers, ride: RideNow) -> Payments:
    """Takes what purses pay for `offers`; not started yet."""
    settings = parts.settings
    transit = settings.transit
    return Payments(
        parts.world,
        clock=parts.clock,
        store=parts.store,
        desk=parts.transit(),
        offers=offers,
        references=parts.references,
        results=parts.results,
        ride=ride,
        scene=settings.scene.kind,
        application=settings.terminal.application,
        grey_after=transit.grey_after,
        types=CardTypes(transit.card_types, parts.rules),
        zero=Kind.SIMPLE if transit.zero_fen == "simple" else Kind.COMPOSITE,
        heads=transit.number_heads,
    )


def city_of(settings: Settings) -> str:
    """The terminal's own, four digits, as cards have it (file 0017)."""
    return settings.transit.city or settings.terminal.city[:4]
