"""Made-up lists as long as a large city's, for `benchmarks.lists`; sealed in a process of its own,
as a platform would, so that neither time nor memory of it is the terminal's.
"""

import random
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from offline_store.lists.form import (
    BLACKLIST,
    ISSUERS,
    KEY_SIZE,
    KINDS,
    Counts,
    Entries,
    Header,
    Kind,
    delta_payload,
    full_payload,
)
from trust.envelope import Manifest, seal
from trust.sm2 import sm2

ISSUER_KEY_ID: Final = "made-up-1"
PRIVATE: Final = bytes(range(1, 33))
CARD_ISSUER: Final = bytes.fromhex("03105170FFFFFFFF")
ENTRIES: Final = 500_000
RANGES: Final = 1_000
SHARES: Final[dict[Kind, float]] = {"card": 0.4, "number": 0.1, "person": 0.1, "transit": 0.4}
CHANGED: Final = 0.01  # of the entries, by a delta
EVERY_DELTA: Final = 6  # of so many versions one is a delta, on top of the whole ones


def path_of(folder: Path, name: str, version: int) -> Path:
    return folder / f"{name}-{version}.envelope"


def seal_all(folder: Path, versions: int) -> None:
    """Envelopes 1 … `versions` of a blacklist of `ENTRIES` entries, and one of its issuers."""
    lists = [_entries(), {}]
    lists[1] = _changed(lists[0])
    payloads = [full_payload(BLACKLIST, entries) for entries in lists]
    for version in range(1, versions + 1):
        before, after = payloads[(version - 1) % 2], payloads[version % 2]
        delta = is_delta(version)
        payload = delta_payload(before, version - 1, after) if delta else after
        _seal(path_of(folder, BLACKLIST, version), BLACKLIST, version, payload)
    issuers: Entries = {"issuer": {CARD_ISSUER: 0} | {_issuer(n): 0 for n in range(400)}}
    _seal(path_of(folder, ISSUERS, 1), ISSUERS, 1, full_payload(ISSUERS, issuers))


def is_delta(version: int) -> bool:
    return version % EVERY_DELTA == 0


def write_large(payload: Path, entries: int) -> None:
    """A whole blacklist of that many entries as a payload; it is too long for an envelope."""
    counts: Counts = {kind: int(entries * share) for kind, share in SHARES.items()}
    counts["range"] = RANGES
    parts = [b"".join(_rising(kind, counts.get(kind, 0))) for kind in KINDS]
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    header = Header(form="full", list=BLACKLIST, add=counts, sum=checksum)
    with payload.open("wb") as file:
        file.write(msgspec.json.encode(header) + b"\n")
        file.writelines(parts)


def listed_cards(entries: int) -> list[str]:
    """References of all cards that `write_large` lists."""
    return [
        record[:-1].hex().ljust(64, "0")
        for record in _rising("card", int(entries * SHARES["card"]))
    ]


def unlisted_number(draw: random.Random) -> bytes:
    """The number of a transit card that is in no list."""
    return bytes.fromhex(f"0310517{draw.randrange(10**6) * 3 + 1:013d}")


def _rising(kind: Kind, count: int) -> Iterator[bytes]:
    """Records of which no key comes before another one; what is listed is spread evenly."""
    draw = random.Random(kind)
    for number in range(count):
        yield _key(kind, number, count, draw) + bytes((1 + number % 9,))


def _key(kind: Kind, number: int, count: int, draw: random.Random) -> bytes:
    if kind == "transit":
        return _card_number(number)
    if kind == "range":
        first = _card_number(10**9 + number * 1000)
        return CARD_ISSUER + first + _card_number(10**9 + number * 1000 + 500)
    step = (1 << 8 * KEY_SIZE[kind]) // count
    return (number * step + draw.randrange(step)).to_bytes(KEY_SIZE[kind])


def _card_number(number: int) -> bytes:
    """Every third number of a series."""
    return bytes.fromhex(f"0310517{number * 3:013d}")


def _entries() -> Entries:
    counts = {kind: int(ENTRIES * share) for kind, share in SHARES.items()}
    counts["range"] = RANGES
    return {
        kind: {record[:-1]: record[-1] for record in _rising(kind, count)}
        for kind, count in counts.items()
    }


def _changed(entries: Entries) -> Entries:
    """Some fall off and as many come, in every kind but the ranges."""
    draw = random.Random("changes")
    changed: Entries = {}
    for kind, records in entries.items():
        gone = {*draw.sample(sorted(records), int(len(records) * CHANGED / 2))}
        gone = set() if kind == "range" else gone
        changed[kind] = {key: why for key, why in records.items() if key not in gone}
        for number in range(len(gone)):
            key = _card_number(10**8 + number) if kind == "transit" else draw.randbytes(16)
            changed[kind][key] = 1
    return changed


def _issuer(number: int) -> bytes:
    return bytes.fromhex(f"{number:08d}FFFFFFFF")


def _seal(file: Path, name: str, version: int, payload: bytes) -> None:
    manifest = Manifest(
        kind="list",
        name=name,
        version=version,
        audience="*",
        issuer=ISSUER_KEY_ID,
        created=1_790_000_000,
    )
    file.write_bytes(seal(manifest, payload, sm2(), PRIVATE))
