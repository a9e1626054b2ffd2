"""`onecard demo`: a morning at a library gate on real parts, shown live and judged at the end."""

from agent.cli.context import Context
from simulators.demo.morning import Morning
from simulators.demo.screen import Screen
from simulators.site import Site


def run(context: Context) -> int:
    """Play the morning. 0 when every row is as expected and the platform holds the journal."""
    screen = Screen(context)
    with Site(language=context.texts.language) as site:
        screen.parts(site)
        morning = Morning(site, screen)
        outcome = morning.play()
        screen.outcome(outcome)
    return 0 if outcome.good else 1
