"""A metro's station with its city around it: two gates' readers and a transit PSAM on pcscd,
broker, platform, agent."""

from contextlib import ExitStack
from typing import Final, Self

from offline_store.lists.form import blacklist_payload
from simulators.cards.transit_psam import transit_psam
from simulators.people import Cast
from simulators.site import DOOR, DOOR_OUT, PSAM, Site
from simulators.transit.city import TransitCity
from simulators.transit.metro import ANY_HOUR_FARES_LIST, CITY, INSTITUTION, LINES_LIST, OPERATOR

STATION, LINE = "M13", "M1"
LONGEST: Final = 240  # minutes
GREY_AFTER: Final = 12.0  # seconds
GATES: Final = {"in": ("entry", DOOR), "out": ("exit", DOOR_OUT)}  # lane → reader, its slot
PUBLISHED: Final = {"fares": ANY_HOUR_FARES_LIST, "lines": LINES_LIST}


class MetroSite(Site):
    """See `simulators.site.Site`; the transit PSAM lies in its slot from the beginning."""

    def __init__(self, cast: Cast | None = None, *, language: str = "auto") -> None:
        super().__init__(cast, language=language)
        self.transit = TransitCity()

    def __enter__(self) -> Self:
        super().__enter__()
        with ExitStack() as stack:
            stack.push(self._stack.pop_all())
            self.slots[PSAM].insert(transit_psam(self.transit.psam()))
            self._stack = stack.pop_all()
        return self

    def publish_lists(self, *barred: str) -> None:
        """Fares, lines, and a blacklist of purses by their numbers."""
        for name, payload in PUBLISHED.items():
            self.platform.publish("list", name, payload, audience="*")
        payload = blacklist_payload([{"transit": one} for one in barred])
        self.platform.publish("list", "blacklist", payload, audience="*", revoked=[])

    @property
    def has_lists(self) -> bool:
        """The terminal has all of them."""
        return {*PUBLISHED, "blacklist"} <= set(self.agent.status()["lists"])

    def configuration(self) -> str:
        """The terminal's TOML, as a technician would write it."""
        whole = super().configuration()
        head = whole[: whole.index("[[readers]]")].replace("library-gate", "metro-gate", 1)
        sync = whole[whole.index("[sync]") :]
        readers = "".join(
            f'[[readers]]\nname = "{name}"\nmatch = "{slot}*"\ninterface = "contactless"\n\n'
            for name, slot in GATES.values()
        )
        return f"""{head}
[transit]
city = "{CITY}"
line = "{LINE}"
station = "{STATION}"
grey_after = {GREY_AFTER}

[scene.options]
operator = "{OPERATOR}"
institution = "{INSTITUTION}"
longest_minutes = {LONGEST}

{readers}
[[readers]]
name = "transit-psam"
match = "{PSAM}*"
interface = "sam"
sam = "transit"

{sync}"""
