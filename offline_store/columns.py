"""What stands beside a row's text in the journal's table, so that turns find it: made from the text
alone, so that a journal that is taken over from a damaged one has the same."""

from collections.abc import Callable
from typing import Final

from offline_store.events.about import Alarm, GiveBack, Passage, Recovery
from offline_store.events.happened import Checked, OfPerson, Verdict
from offline_store.events.payment import PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.row import Event, Row
from offline_store.events.tap import Tap
from offline_store.events.terminal import Disclosure, SignIn

# Of an epoch by its name; None: this disk has no such epoch.
NumberOf = Callable[[str], int | None]
SEQ_BITS: Final = 40
# The columns that `columns` gives, and before them those of the row itself.
NAMES: Final = (
    "id, body, hash, mac, sealed, kind, time_ms, person, scene, lane, verdict, refers, asked,"
    " offline, code"
)
MARKS: Final = ", ".join("?" * len(NAMES.split(", ")))
Column = int | str | None


def row_id(number: int, seq: int) -> int:
    """An epoch's number (1, 2, 3 … on this disk) and a seq in one integer."""
    return number << SEQ_BITS | seq


def columns(row: Row, number_of: NumberOf) -> tuple[Column, ...]:
    """From `kind` to `code`. Of a row that was entered again the first one tells the person, how
    the person stood and what was used; whether that one was executed it tells as well."""
    event = row.event
    known = row.was is None
    _, person = whose(event)
    asked = event.card if known and isinstance(event, Checked) and event.asked else None
    return (
        event.kind,
        event.clock.time_ms,
        person if known else "",
        event.scene,
        event.lane,
        verdict_of(event),
        _refers(event, number_of),
        asked,
        (event.offline or None) if known and isinstance(event, Tap) else None,
        (event.used_code or None) if known and isinstance(event, Tap) else None,
    )


def whose(event: Event) -> tuple[str, str]:
    """References of card and person, empty where there are none."""
    return (event.card, event.person) if isinstance(event, OfPerson) else ("", "")


def subject(event: Event) -> Reference | None:
    """The earlier row that it is about, which `refers` finds it by."""
    match event:
        case PaymentEnd():
            return event.intent
        case Passage() | GiveBack() | Recovery() | Alarm():
            return event.about
    return None


def _refers(event: Event, number_of: NumberOf) -> int | None:
    about = subject(event)
    number = number_of(about.epoch) if about is not None else None
    return None if about is None or number is None else row_id(number, about.seq)


def verdict_of(event: Event) -> Verdict | None:
    """What was decided; None: nothing was."""
    return event.verdict if isinstance(event, Tap | PaymentEnd | SignIn | Disclosure) else None
