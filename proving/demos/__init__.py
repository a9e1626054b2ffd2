"""`onecard demo`: a scene on real parts, shown live and judged at the end."""

from collections.abc import Callable

from agent.cli.context import Context
from proving.demos.bus import BusRun
from proving.demos.bus_screen import BusScreen
from proving.demos.device_screen import DeviceScreen
from proving.demos.devices import toured
from proving.demos.library_gate import Morning
from proving.demos.library_gate_screen import LibraryGateScreen
from proving.demos.metro import MetroRun
from proving.demos.metro_screen import MetroScreen
from proving.demos.service_window import WindowDay
from proving.demos.service_window_screen import ServiceWindowScreen
from proving.demos.staying import stay
from simulators.device_box.fitting import fitted_box
from simulators.site import Site
from simulators.timing import Air, TimeTable
from simulators.transit.metro_site import MetroSite
from simulators.transit.site import BusSite
from simulators.window.counter_day import load_counter_day
from simulators.window.site import WindowSite

Stay = Callable[[Site], None]  # what happens when a scene has been shown


def run(context: Context, scene: str, air: Air | None = None, *, staying: bool = False) -> int:
    """Play the scene. 0 when everything went as expected and the platform holds the journal.
    `staying`: what it stood on stays up afterwards, see `proving.demos.staying`."""
    after: Stay = (lambda site: stay(context, site, scene)) if staying else (lambda site: None)
    match scene:
        case "devices":
            return _devices(context, after)
        case "service-window":
            return _window(context, after)
        case "bus":
            return _bus(context, after)
        case "metro-gate":
            return _metro(context, after)
        case _:
            return _morning(context, air, after)


def _morning(context: Context, air: Air | None, after: Stay) -> int:
    """A morning at a library gate, with `air` (kbit/s) at the speed of real cards."""
    screen = LibraryGateScreen(context)
    with Site(language=context.texts.language) as site:
        screen.parts(site)
        morning = Morning(site, screen, TimeTable(air) if air else None)
        outcome = morning.play()
        screen.outcome(outcome)
        after(site)
    return 0 if outcome.good else 1


def _devices(context: Context, after: Stay) -> int:
    """A box with every kind of device, each unplugged and plugged again."""
    screen = DeviceScreen(context)
    with fitted_box() as box:
        screen.parts(box)
        tour = toured(box, screen)
        screen.outcome(box, tour)
        after(box)
    return 0 if tour.good else 1


def _window(context: Context, after: Stay) -> int:
    """A day at a service window: three provinces, codes, ID cards, PINs, an old program."""
    screen, day = ServiceWindowScreen(context), load_counter_day()
    with WindowSite(day.cast, language=context.texts.language) as site:
        screen.parts(site)
        outcome = WindowDay(site, day.visits, screen).play()
        screen.outcome(outcome)
        after(site)
    return 0 if outcome.good else 1


def _bus(context: Context, after: Stay) -> int:
    """A run of a bus: purses of all kinds, torn, forged, offline, and a power cut."""
    with BusSite(language=context.texts.language) as site:
        screen = BusScreen(context, site)
        screen.parts(site)
        outcome = BusRun(site, screen).play()
        screen.outcome(outcome)
        after(site)
    return 0 if outcome.good else 1


def _metro(context: Context, after: Stay) -> int:
    """A metro's station: entries and exits, torn, offline, and a power cut."""
    with MetroSite(language=context.texts.language) as site:
        screen = MetroScreen(context, site)
        screen.parts(site)
        outcome = MetroRun(site, screen).play()
        screen.outcome(outcome)
        after(site)
    return 0 if outcome.good else 1
