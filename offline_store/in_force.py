"""The rows that count: what took place, once, and was not taken back.

For whoever reads the journal as a whole (clearing, a driver's shift); `offline_store.turn` asks the
same of the database.
"""

from collections.abc import Iterable

from offline_store.events.about import Recovery
from offline_store.events.row import Event, Stored

Place = tuple[str, int]


def in_force(rows: Iterable[Stored[Event]]) -> list[Stored[Event]]:
    """Without those that a recovery is about, in the journal's order. Of what was entered again
    the first row counts, whatever its later ones say; where that one is not among `rows`, the one
    that is."""
    undone: set[Place] = set()
    held: dict[Place, Stored[Event]] = {}
    first: dict[Place, Place] = {}  # of what was entered again, by its later names
    for row in rows:
        if isinstance(row.event, Recovery):
            undone.add(row.event.about.place)
        if row.was is not None:
            first[row.at.place] = row.was.place
        held.setdefault(identity(row), row)
    undone = {first.get(place, place) for place in undone}
    return [row for place, row in held.items() if place not in undone]


def identity(row: Stored[Event]) -> Place:
    """Where it stood first: however often it was entered again, it is that row."""
    return (row.was or row.at).place
