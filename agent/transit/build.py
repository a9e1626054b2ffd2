"""Payments as the settings want them."""

from agent.clock import Clock
from agent.results import Results
from agent.scenes.bus import Bus
from agent.transit.fares import FlatFare
from agent.transit.paying import Payments
from agent.transit.psams import TransitDesk
from agent.transit.records import RIDE
from config.model import Agent as Settings
from offline_store.store import Store
from trust.references import References
from world import World

PAYING = frozenset({Bus.kind})  # scenes


def make_payments(
    world: World,
    settings: Settings,
    *,
    clock: Clock,
    store: Store,
    desk: TransitDesk,
    references: References,
    results: Results,
) -> Payments | None:
    """Not started yet; None: in this scene nobody pays with a purse."""
    if settings.scene.kind not in PAYING:
        return None
    transit, terminal = settings.transit, settings.terminal
    ride = {name: getattr(transit, name) for name in RIDE if getattr(transit, name)}
    return Payments(
        world,
        clock=clock,
        store=store,
        desk=desk,
        fares=FlatFare(transit.fare, transit.city or terminal.city[:4]),
        references=references,
        results=results,
        ride=lambda: ride,
        scene=settings.scene.kind,
        application=terminal.application,
        grey_after=transit.grey_after,
    )
