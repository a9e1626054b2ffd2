"""The rows that count: what took place, once, and was not taken back.

For readers of the journal as a whole (clearing, a driver's shift); `offline_store.turn` asks the
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
    held: dict[Place, Stored[Event]] = {}
    first: dict[Place, Place] = {}  # of what was entered again, by its later names
    for row in rows:
        place = identity(row)
        if row.was is not None:  # a row of version 1 names where it stood last
            place = first.setdefault(row.at.place, first.get(place, place))
        held.setdefault(place, row)
    undone = [row.event.about.place for row in held.values() if isinstance(row.event, Recovery)]
    gone = {first.get(place, place) for place in undone}
    return [row for place, row in held.items() if place not in gone]


def identity(row: Stored[Event]) -> Place:
    """Where it stood first: however often it was entered again, it is that row."""
    return (row.was or row.at).place
