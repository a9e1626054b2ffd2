"""A bus with its city around it: validator and transit PSAM on pcscd, broker, platform, agent."""

from contextlib import ExitStack
from typing import Final, Self

from offline_store.list_form import blacklist_payload
from simulators.cards.transit_psam import transit_psam
from simulators.people import Cast
from simulators.site import DOOR, PSAM, Site
from simulators.transit.city import TransitCity

FARE: Final = 200  # fen
GREY_AFTER: Final = 12.0  # seconds
VALIDATOR: Final = "validator"
BUS: Final = {"line": "18", "vehicle": "0042", "driver": "0007"}


class BusSite(Site):
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

    def bar(self, *card_numbers: str) -> None:
        """Give a blacklist of purses out, by their numbers."""
        payload = blacklist_payload([{"transit": one} for one in card_numbers])
        self.platform.publish("list", "blacklist", payload, audience="*", revoked=[])

    def configuration(self) -> str:
        """The terminal's TOML, as a technician would write it."""
        whole = super().configuration()
        head = whole[: whole.index("[[readers]]")].replace("library-gate", "bus", 1)
        sync = whole[whole.index("[sync]") :]
        ride = "".join(f'{name} = "{value}"\n' for name, value in BUS.items())
        return f"""{head}
[transit]
fare = {FARE}
grey_after = {GREY_AFTER}
{ride}
[[readers]]
name = "{VALIDATOR}"
match = "{DOOR}*"
interface = "contactless"

[[readers]]
name = "transit-psam"
match = "{PSAM}*"
interface = "sam"
sam = "transit"

{sync}"""
