"""A bus with its city around it: validator and transit PSAM on pcscd, scanner and satellite
receiver on serial lines, broker, platform, agent."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Final, Self

from offline_store.lists.form import blacklist_payload
from offline_store.lists.keys import (
    MINISTRY_ISSUERS,
    MINISTRY_ROOTS,
    TICKET_ISSUERS,
    key_list_payload,
)
from simulators.cards.transit_psam import transit_psam
from simulators.devices.gnss import GnssSimulator
from simulators.devices.scan_module import ScanModule
from simulators.people import Cast
from simulators.site import DOOR, PSAM, Site
from simulators.transit import lists, tickets
from simulators.transit.city import TransitCity
from simulators.transit.codes import Phones
from trust.sm2 import sm2

GREY_AFTER: Final = 12.0  # seconds
VALIDATOR: Final = "validator"
SCANNER: Final = "eye"
VEHICLE: Final = "bus-0042"
HELD: Final = 1.0  # seconds after signing on
SAME_CODE: Final = 0.5  # seconds


class BusSite(Site):
    """See `simulators.site.Site`; the transit PSAM lies in its slot from the beginning."""

    def __init__(self, cast: Cast | None = None, *, language: str = "auto") -> None:
        super().__init__(cast, language=language)
        self.transit = TransitCity()
        self.phones = Phones(sm2())
        self.module = ScanModule()

    def __enter__(self) -> Self:
        super().__enter__()
        with ExitStack() as stack:
            stack.push(self._stack.pop_all())
            self.slots[PSAM].insert(transit_psam(self.transit.psam()))
            stack.enter_context(self.module.plugged_at(self.folder / SCANNER))
            self.gnss = stack.enter_context(GnssSimulator(self.folder / "gnss"))
            self._stack = stack.pop_all()
        return self

    def publish_all(
        self, entitled: Iterable[tuple[str, str]], barred: Iterable[Mapping[str, str]]
    ) -> None:
        """Give out every list: `entitled` are (person reference, class), `barred` the blacklist's
        entries (`offline_store.lists.form.entry`)."""
        publish = self.platform.publish
        publish("list", "fares", lists.fares())
        publish("list", "lines", lists.lines())
        publish("list", "entitlements", lists.people(entitled))
        publish("list", "blacklist", blacklist_payload(barred), audience="*", revoked=[])
        keys = {
            MINISTRY_ROOTS: self.phones.roots(),
            MINISTRY_ISSUERS: self.phones.two_level_issuers(),
            TICKET_ISSUERS: tickets.issuers(sm2()),
        }
        for name, of in keys.items():
            publish("keys", name, key_list_payload(name, of.values()), audience="*")

    @property
    def has_all_lists(self) -> bool:
        """The terminal holds everything that `publish_all` gives out."""
        held = self.agent.status()["lists"]
        named = {"fares", "lines", "entitlements", "blacklist"}
        named |= {MINISTRY_ROOTS, MINISTRY_ISSUERS, TICKET_ISSUERS}
        return named.issubset(held)

    def configuration(self) -> str:
        """The terminal's TOML, as a technician would write it."""
        whole = super().configuration()
        head = whole[: whole.index("[[readers]]")].replace("library-gate", "bus", 1)
        sync = whole[whole.index("[sync]") :]
        return f"""{head}
[transit]
grey_after = {GREY_AFTER}

[vehicle]
id = "{VEHICLE}"
line = "{lists.LINE}"

[journey]
gnss = {{ port = "{self.folder / "gnss"}" }}
sure = 2
held = {HELD}

[[readers]]
name = "{VALIDATOR}"
match = "{DOOR}*"
interface = "contactless"

[[readers]]
name = "transit-psam"
match = "{PSAM}*"
interface = "sam"
sam = "transit"

[[scanners]]
name = "{SCANNER}"
driver = "serial-scanner"
options = {{ port = "{self.folder / SCANNER}", window = {SAME_CODE} }}

[[codes]]
name = "ministry-three-level"
resolve = "offline"

[[codes]]
name = "ministry-two-level"
resolve = "offline"

[[codes]]
name = "onecard-ticket"
resolve = "offline"

[offline_codes]
gate_groups = [{tickets.GROUP}]

[[lanes]]
name = "door"
direction = "entry"
readers = ["{VALIDATOR}"]
scanners = ["{SCANNER}"]
prompts = ["panel"]

{sync}"""
