"""`onecard demo`: a morning at a library gate on real parts, shown live and judged at the end."""

from agent.cli.context import Context
from simulators.demo.morning import Morning
from simulators.demo.screen import Screen
from simulators.site import Site
from simulators.timing import Air, TimeTable


def run(context: Context, air: Air | None = None) -> int:
    """Play the morning, with `air` (kbit/s) at the speed of real cards. 0 when every row is as
    expected and the platform holds the journal."""
    screen = Screen(context)
    with Site(language=context.texts.language) as site:
        screen.parts(site)
        morning = Morning(site, screen, TimeTable(air) if air else None)
        outcome = morning.play()
        screen.outcome(outcome)
    return 0 if outcome.good else 1
