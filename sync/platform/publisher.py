"""Lists, configuration, keys and commands: signed, numbered, kept, and sent to who lacks them.

A new version goes out at once to everybody it is for; who was away gets it after the birth, which
says what the terminal holds. So no broker needs to remember anything.

Of a list goes out what changed since the version before, where that is less; who does not hold that
version says so and gets the whole list.
"""

from collections.abc import Sequence

import msgspec

from offline_store.faults import ListBaseNotHeld
from offline_store.lists.form import Malformed, delta_payload
from sync.contract.messages import Applied, Receipt, State, encode
from sync.contract.topics import EVERYBODY, Down, Place
from sync.platform.ledger import Ledger
from sync.platform.station import OutgoingMessage
from trust.envelope import Manifest, payload_of, seal
from trust.sm2 import Sm2
from world import Database, World


class Publisher:
    """`private` is the issuer's SM2 key, 32 bytes; `issuer` its id in the terminals' key stores."""

    def __init__(
        self, world: World, ledger: Ledger, namespace: str, *, issuer: str, sm2: Sm2, private: bytes
    ) -> None:
        self._world = world
        self._ledger = ledger
        self._namespace = namespace
        self._issuer = issuer
        self._sm2 = sm2
        self._private = private

    def receipt(self, place: Place, receipt: Receipt) -> OutgoingMessage:
        """A receipt as a signed envelope; call after the commit it speaks of."""
        version = int(self._world.now() * 1000)
        payload = encode(receipt)
        envelope = self._seal("receipt", receipt.epoch, version, place.terminal, payload)
        return OutgoingMessage(place.down("receipt"), envelope)

    def publish(
        self, kind: Down, name: str, audience: str, payload: bytes
    ) -> list[OutgoingMessage]:
        """Number, sign and keep a new version. `audience`: a terminal, a city code, or `*`."""
        base, delta = self._delta(name, audience, payload) if kind == "list" else (0, b"")

        def work(db: Database) -> list[OutgoingMessage]:
            (newest,) = db.execute(
                "SELECT max(version) FROM publications WHERE kind = ? AND name = ?", (kind, name)
            ).fetchone()
            version = (newest or 0) + 1
            envelope = self._seal(kind, name, version, audience, payload)
            db.execute(
                "INSERT OR REPLACE INTO publications VALUES (?, ?, ?, ?, ?, ?)",
                (kind, name, audience, version, envelope, int(self._world.now() * 1000)),
            )
            if kind == "list":
                db.execute("DELETE FROM deltas WHERE name = ? AND audience = ?", (name, audience))
            if delta:
                envelope = self._seal(kind, name, version, audience, delta)
                db.execute(
                    "INSERT INTO deltas VALUES (?, ?, ?, ?, ?)",
                    (name, audience, version, base, envelope),
                )
            places = _places(db, self._namespace, audience)
            return [OutgoingMessage(place.down(kind, name), envelope) for place in places]

        return self._ledger.transaction(work)

    def lacking(
        self, place: Place, held: dict[str, int], *, repeated: bool = False
    ) -> list[OutgoingMessage]:
        """The newest version of everything for this terminal that it does not hold. `repeated`: the
        birth that says so was heard before, so what the terminal has answered since counts too; a
        new session's birth is believed, as a list may have been damaged since it was answered."""

        def work(db: Database) -> list[OutgoingMessage]:
            rows = db.execute(
                "SELECT kind, name, max(version), envelope FROM publications"
                " WHERE audience IN (?, ?, '*') GROUP BY kind, name",
                (place.terminal, place.city),
            ).fetchall()
            answered = _answered(db, place.terminal) if repeated else {}
            letters = []
            for kind, name, version, envelope in rows:
                holds = held.get(f"{kind}/{name}", 0)
                if version > max(holds, answered.get((kind, name), 0)):
                    delta = _delta_from(db, name, version, holds) if kind == "list" else None
                    letters.append(OutgoingMessage(place.down(kind, name), delta or envelope))
            return letters

        return self._ledger.transaction(work)

    def whole(self, place: Place, answer: Applied) -> list[OutgoingMessage]:
        """The whole list for a terminal that had no use for a delta of it."""
        if answer.kind != "list" or answer.code != ListBaseNotHeld.code:
            return []
        row = self._ledger.transaction(
            lambda db: db.execute(
                "SELECT envelope FROM publications WHERE kind = 'list' AND name = ?"
                " AND audience IN (?, ?, '*') ORDER BY version DESC LIMIT 1",
                (answer.name, place.terminal, place.city),
            ).fetchone()
        )
        return [] if row is None else [OutgoingMessage(place.down("list", answer.name), row[0])]

    def state(self, place: Place, state: State) -> bool:
        """Keep a birth; keep a farewell or will only when it is of the session we know. Whether we
        knew it before."""

        def work(db: Database) -> bool:
            now = int(self._world.now() * 1000)
            row = db.execute(
                "SELECT session FROM terminals WHERE terminal = ?", (place.terminal,)
            ).fetchone()
            known = row is not None and str(row[0]) == state.session
            if state.state == "online":
                db.execute(
                    "INSERT OR REPLACE INTO terminals VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        place.terminal,
                        place.city,
                        state.session,
                        state.state,
                        state.version,
                        msgspec.json.encode(state.held).decode(),
                        now,
                    ),
                )
            else:
                db.execute(
                    "UPDATE terminals SET state = ?, changed_ms = ?"
                    " WHERE terminal = ? AND session = ?",
                    (state.state, now, place.terminal, state.session),
                )
            return known

        return self._ledger.transaction(work)

    def applied(self, place: Place, answer: Applied) -> None:
        """Keep what became of an envelope at a terminal."""
        row = (
            place.terminal,
            answer.kind,
            answer.name,
            answer.version,
            answer.result,
            answer.code,
            int(self._world.now() * 1000),
        )
        self._ledger.transaction(
            lambda db: db.execute(
                "INSERT OR REPLACE INTO applied VALUES (?, ?, ?, ?, ?, ?, ?)", row
            )
        )

    def _delta(self, name: str, audience: str, payload: bytes) -> tuple[int, bytes]:
        """What makes the list of the version that this audience had before, and that version;
        nothing where the whole list is as short, or where one of the two is none."""
        row = self._ledger.transaction(
            lambda db: db.execute(
                "SELECT version, envelope FROM publications"
                " WHERE kind = 'list' AND name = ? AND audience = ?",
                (name, audience),
            ).fetchone()
        )
        if row is None:
            return 0, b""
        base, envelope = row
        try:
            delta = delta_payload(payload_of(envelope), base, payload)
        except Malformed:
            return 0, b""
        return (base, delta) if len(delta) < len(payload) else (0, b"")

    def _seal(self, kind: Down, name: str, version: int, audience: str, payload: bytes) -> bytes:
        manifest = Manifest(
            kind=kind,
            name=name,
            version=version,
            audience=audience,
            issuer=self._issuer,
            created=int(self._world.now()),
        )
        return seal(manifest, payload, self._sm2, self._private)


def _delta_from(db: Database, name: str, version: int, held: int) -> bytes | None:
    """The envelope that makes `version` of the version held."""
    row = db.execute(
        "SELECT envelope FROM deltas WHERE name = ? AND version = ? AND base = ?",
        (name, version, held),
    ).fetchone()
    return None if row is None else bytes(row[0])


def _answered(db: Database, terminal: str) -> dict[tuple[str, str], int]:
    """(kind, name) → newest version that the terminal has answered as in force."""
    rows = db.execute(
        "SELECT kind, name, max(version) FROM applied"
        " WHERE terminal = ? AND result <> 'refused' GROUP BY kind, name",
        (terminal,),
    ).fetchall()
    return {(kind, name): version for kind, name, version in rows}


def _places(db: Database, namespace: str, audience: str) -> Sequence[Place]:
    """Where to publish for an audience: one terminal's tree, or the tree of whole cities."""
    if audience != "*":
        known = db.execute("SELECT city FROM terminals WHERE terminal = ?", (audience,)).fetchone()
        if known is not None:
            return [Place(namespace, known[0], audience)]
    cities = db.execute(
        "SELECT DISTINCT city FROM terminals WHERE ? IN (city, '*')", (audience,)
    ).fetchall()
    return [Place(namespace, city, EVERYBODY) for (city,) in cities]
