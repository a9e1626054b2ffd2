"""Test vectors for developers of the other end: made-up keys, and what they make of made-up rows.

`python -m sync.contract.vectors` writes `vectors.json` anew; docs/contract.md explains each. What
is not the same each time (a signature, how zlib packs) is kept from the file while it is good.
"""

import itertools
import sys
from importlib import resources
from pathlib import Path
from typing import Any, Final

import msgspec

from offline_store import chain
from offline_store.clock import ClockReading
from offline_store.events.row import ROW_VERSION, Record, Row
from offline_store.events.tap import Tap
from sync.contract import messages
from sync.contract.topics import Place
from trust import canonical
from trust.envelope import EnvelopeFault, Manifest, Opener, seal
from trust.references import References
from trust.sm2 import EXAMPLE_PRIVATE, EXAMPLE_PUBLIC, Sm2, sm2
from trust.sm3 import hmac_sm3, sm3
from world import Fault, World
from world.foreign import decoded
from world.real import RealWorld

PLACE: Final = Place("onecard/v1", "990100", "gate-1")
ISSUER: Final = "city-1"
CITY_KEY: Final = bytes(range(32))
SEED: Final = bytes(range(32, 64))
EPOCHS: Final = ("00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100")
CREATED: Final = 1_790_000_000
VERSION: Final = 1  # of the receipt's envelope

CARD_ID: Final = bytes.fromhex("990100D15600000500000000000001AB")
CARD_NUMBERS: Final = ("Z00000017", "z0000001-7", "\uff3a00000017")
PERSONS: Final = (
    "110101199003070011",
    "110101900307001",
    "11010519491231002X",
    "11010519491231002x",
)


def computed(engine: Sm2) -> dict[str, Any]:
    """All vectors but what varies: the batch's bytes and the envelope's signature."""
    return {
        "keys": {
            "issuer": ISSUER,
            "issuer_private": EXAMPLE_PRIVATE.hex(),
            "issuer_public": EXAMPLE_PUBLIC.hex(),
            "city_reference": CITY_KEY.hex(),
            "journal_seed": SEED.hex(),
        },
        "sm3": {"message": b"abc".hex(), "digest": sm3(b"abc").hex()},
        "hmac_sm3": {
            "key": CITY_KEY.hex(),
            "message": b"abc".hex(),
            "mac": hmac_sm3(CITY_KEY, b"abc").hex(),
        },
        "references": references(),
        "epochs": epochs(),
        "rows": [
            {"seq": row.seq, "key": key.hex(), "body": row.body, "hash": row.hash, "mac": row.mac}
            for row, key in rows()
        ],
        "topics": {
            "events": PLACE.up("events"),
            "receipt": PLACE.down("receipt"),
            "list": PLACE.down("list", "blacklist"),
            "everybody": PLACE.listens()[1],
        },
        "receipt": messages.encode(receipt()).decode(),
        "envelope_signed": _sealed(engine)[:-64].hex(),
    }


def references() -> list[dict[str, str]]:
    """What is hashed, in its one form, and the reference."""
    of = References(CITY_KEY)
    made = [("card", CARD_ID.hex(), CARD_ID.hex(), of.card(CARD_ID))]
    made += [("number", n, canonical.card_number(n), of.number(n)) for n in CARD_NUMBERS]
    made += [("person", n, canonical.id_number(n), of.person(n)) for n in PERSONS]
    names = ("kind", "written", "hashed", "reference")
    return [dict(zip(names, one, strict=True)) for one in made]


def epochs() -> list[dict[str, str]]:
    """The first of a terminal, and one that follows the last of its rows."""
    heads = ("", rows()[-1][0].hash)
    seeds = (SEED, chain.next_seed(SEED))
    return [
        {
            "terminal": PLACE.terminal,
            "epoch": epoch,
            "head": head,
            "prev": chain.first_prev(PLACE.terminal, epoch, head),
            "seed": seed.hex(),
            "first_key": chain.epoch_key(seed, epoch).hex(),
        }
        for epoch, head, seed in zip(EPOCHS, heads, seeds, strict=True)
    ]


def rows() -> list[tuple[Record, bytes]]:
    """Three rows of the first epoch, each with the key of its MAC."""
    epoch, person = EPOCHS[0], References(CITY_KEY).person(PERSONS[0])
    prev, key = chain.first_prev(PLACE.terminal, epoch, ""), chain.epoch_key(SEED, epoch)
    made = []
    for seq, reason in enumerate(("accepted", "blacklisted", "repeated"), chain.FIRST_SEQ):
        event = Tap(
            clock=ClockReading(CREATED * 1000 + seq, "synchronised", "boot-1"),
            lane="入口",  # UTF-8, not escaped
            scene="library-gate",
            person=person,
            verdict="accepted" if reason == "accepted" else "refused",
            reason=reason,
        )
        place = {"terminal": PLACE.terminal, "epoch": epoch, "prev": prev}
        row = Row(v=ROW_VERSION, seq=seq, event=event, was=None, **place)
        body = msgspec.json.encode(row).decode()
        prev = chain.body_hash(body)
        made.append(
            (Record(epoch=epoch, seq=seq, body=body, hash=prev, mac=chain.mac(key, prev)), key)
        )
        key = chain.next_key(key)
    return made


def receipt() -> messages.Receipt:
    """For all three rows."""
    last = rows()[-1][0]
    return messages.Receipt(epoch=last.epoch, seq=last.seq, hash=last.hash)


def generate(engine: Sm2, before: dict[str, Any]) -> dict[str, Any]:
    """All vectors; of `before` (the file's, or nothing) what varies and is still good."""
    made = computed(engine)
    batch, envelope = before.get("batch", ""), before.get("envelope", "")
    if not _is_batch(batch):
        batch = messages.pack([row for row, _ in rows()]).payload.hex()
    if not (envelope.startswith(made["envelope_signed"]) and _opens(engine, envelope)):
        envelope = _sealed(engine).hex()
    return {**made, "batch": batch, "envelope": envelope}


def _sealed(engine: Sm2) -> bytes:
    manifest = Manifest(
        kind="receipt",
        name=EPOCHS[0],
        version=VERSION,
        audience=PLACE.terminal,
        issuer=ISSUER,
        created=CREATED,
    )
    return seal(manifest, messages.encode(receipt()), engine, EXAMPLE_PRIVATE)


def _is_batch(payload: str) -> bool:
    try:
        batch = messages.decode_batch(bytes.fromhex(payload))
    except Fault:
        return False
    pairs = itertools.zip_longest(batch.items, (row for row, _ in rows()))
    return all(
        item and row and item.body == row.body and item.mac == row.mac for item, row in pairs
    )


def _opens(engine: Sm2, envelope: str) -> bool:
    opener = Opener(engine, {ISSUER: EXAMPLE_PUBLIC})
    try:
        opener.open(
            bytes.fromhex(envelope), kind="receipt", audience=(PLACE.terminal,), newer_than=0
        )
    except EnvelopeFault:
        return False
    return True


def load() -> dict[str, Any]:
    """The file's vectors."""
    text = (resources.files("sync.contract") / "vectors.json").read_bytes()
    return decoded(text, dict[str, Any])


def write(world: World, path: Path) -> None:
    """Make the vectors anew and put them, as indented JSON, in place of `path`. Raises
    `OSError`."""
    text = msgspec.json.format(msgspec.json.encode(generate(sm2(), load())), indent=2) + b"\n"
    world.replace_file(path, text, permissions=0o644)


def main() -> int:
    """Write the vectors into the package's own folder. Exit status 0."""
    with resources.as_file(resources.files("sync.contract") / "vectors.json") as path:
        write(RealWorld(), path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
