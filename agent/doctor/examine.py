"""All checks in one order: an examined terminal in, findings out.

Each check gives findings: an id, whether it is well, and the facts of its sentence. A running
daemon is asked for what it knows; what it cannot know is looked at here.
"""

from collections.abc import Iterator

from agent.doctor import (
    box,
    browsers,
    business,
    devices,
    link,
    purpose,
    secrets,
    service,
    slots,
    tls,
)
from agent.doctor.findings import ExaminedTerminal, Finding
from agent.doctor.settings import settings


def examine(case: ExaminedTerminal) -> Iterator[Finding]:
    """All findings, good ones too, in the order in which a technician mends."""
    yield from service.daemon(case)
    yield from settings(case)
    if not case.silent:
        yield from _slots(case)
        yield from devices.devices(case)
    yield from purpose.payments(case)
    yield from purpose.barriers(case)
    yield from purpose.codes(case)
    yield from business.facade(case)
    yield from browsers.browsers(case)
    yield from secrets.secrets(case)
    yield from box.clock(case)
    yield from box.space(case)
    yield from tls.files(case)
    yield from link.journal(case)
    yield from link.platform(case)
    yield from purpose.lists(case)
    yield from purpose.standing(case)


def cards(case: ExaminedTerminal) -> Iterator[Finding]:
    """What concerns the holder of a card at a reader: readers and PSAMs."""
    yield from _slots(case)
    yield from (one for one in devices.devices(case) if one.facts.get("equipment") == "readers")


def _slots(case: ExaminedTerminal) -> Iterator[Finding]:
    readers = list(service.readers(case))
    yield from readers
    # What hangs on a service that is down cannot be judged, and is not what has to be mended.
    down = any(not finding.well for finding in readers)
    judged = [r for r in case.settings.readers if r.driver != service.PCSC or not down]
    yield from slots.slots(case, judged)
    yield from slots.psams(case, judged)
