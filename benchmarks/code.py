"""A Ministry of Transport code with all checks, beside the bare SM2 calls that it must have.

One run, turn by turn: the first code of an issuer (three verifications), one whose certificate is
known (two), their raw cost (`Sm2.verify` and `.decompress` of the same backend), and the same
checks over plain Python. The root has been used before, and so has the known issuer: `Sm2.verifier`
has made their keys ready, which `ready` times.
"""

import argparse
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from agent.identify.identity import Identity
from agent.identify.ministry_codes.layout import ThreeLevel, three_level
from agent.identify.ministry_codes.resolver import MinistryCodes, OfflineResolver
from agent.scenes.code_uses import CodeMemory
from benchmarks.measure import NoMeasurement, alternate, median
from benchmarks.pure_sm2 import PureSm2
from offline_store.clock import ClockReading
from offline_store.lists.keys import MINISTRY_ROOTS
from offline_store.schema import migrate
from offline_store.turn import NoLists, Turn
from simulators.transit.codes import GOOD, NOW, Phones
from trust.references import References
from trust.sm2 import Sm2, StrictSm2, sm2

GOALS = {
    "first_ratio_max": 1.5,
    "known_ratio_max": 1.5,
    "pure_first_min": 10.0,
    "pure_known_min": 10.0,
}
EARLIER = 2000  # codes that the journal holds already
CITY_KEY = b"made-up city reference key, 32 B"
CLOCK = ClockReading(NOW * 1000, "synchronised", "boot-1")
RULE = "ministry-three-level"
_ROOTS = {MINISTRY_ROOTS: Phones(sm2()).roots()}
_MEMORY = CodeMemory(interval=60)


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Medians in milliseconds; `first_ratio`, `known_ratio`: ours by the raw cost; `pure_…`: the
    same checks over plain Python by ours. `--rounds N` (default 200)."""
    parser = argparse.ArgumentParser(prog="onecard bench code")
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args(arguments).rounds
    times = {
        name: median(samples) for name, samples in alternate(_functions(rounds), rounds).items()
    }
    ratios = {
        "first_ratio": times["first"] / times["raw_first"],
        "known_ratio": times["known"] / times["raw_known"],
        "pure_first": times["python_first"] / times["first"],
        "pure_known": times["python_known"] / times["known"],
    }
    figures = {name: round(value, 4) for name, value in times.items()}
    figures |= {name: round(value, 2) for name, value in ratios.items()}
    return {
        "name": "code",
        "rounds": rounds,
        "backend": "libcrypto",
        **figures,
        "goals": GOALS,
        "holds": holds(figures),
    }


def holds(ratios: Mapping[str, float]) -> bool:
    """Whether every goal is met."""
    slow = [name for name in ("first_ratio", "known_ratio") if ratios[name] > GOALS[f"{name}_max"]]
    near = [name for name in ("pure_first", "pure_known") if ratios[name] < GOALS[f"{name}_min"]]
    return not slow and not near


def _functions(rounds: int) -> Mapping[str, Callable[[], None]]:
    chosen, pure = sm2(), StrictSm2(PureSm2(lambda: os.urandom(32)))
    phones = Phones(chosen)
    content = phones.three_level()
    code = three_level(content)
    assert code is not None
    strangers = [_strangers(phones, number) for number in range(1, rounds + 4)]
    turn = _turn()
    ours, python = _resolver(chosen), _resolver(pure)
    for resolver in (ours, python):
        for first in (*strangers[:2], content, content):  # keys that come twice are made ready
            _taken(resolver, turn, first)
    root = phones.roots()[code.certificate.root].key
    issuer = chosen.decompress(code.certificate.key)
    new, new_to_python = iter(strangers[2:]), iter(strangers[2:])
    return {
        "first": lambda: _taken(ours, turn, next(new)),
        "known": lambda: _taken(ours, turn, content),
        "raw_first": lambda: _raw(chosen, code, root),
        "raw_known": lambda: _raw_known(chosen, code, issuer),
        "ready": lambda: _ready(chosen, issuer),
        "python_first": lambda: _taken(python, turn, next(new_to_python)),
        "python_known": lambda: _taken(python, turn, content),
    }


def _ready(backend: Sm2, issuer: bytes) -> None:
    backend.verifier(issuer)


def _strangers(phones: Phones, number: int) -> bytes:
    """A code of an issuer of its own."""
    private = number.to_bytes(32)
    order = replace(GOOD, issuer_signer=private, issuer_public=phones.compressed(private))
    return phones.three_level(order)


def _resolver(backend: Sm2) -> OfflineResolver:
    ministry = MinistryCodes(backend, _ROOTS.__getitem__, lambda: CLOCK, References(CITY_KEY))
    return OfflineResolver(ministry.verifiers())


def _taken(resolver: OfflineResolver, turn: Turn, content: bytes) -> None:
    """Every check up to the fare: what is done on the reader's thread, and in the store's turn."""
    identity = resolver.resolve(RULE, content)
    if not isinstance(identity, Identity) or identity.shown is None:
        raise NoMeasurement("a good code was refused")
    state = _MEMORY.look(turn, identity, "bus", CLOCK)
    if _MEMORY.judge(identity.shown, state, CLOCK) is not None:
        raise NoMeasurement("a fresh code was seen before")


def _raw(backend: Sm2, code: ThreeLevel, root: bytes) -> None:
    if not backend.verify(root, code.for_root, code.certificate.signature):
        raise NoMeasurement("a certificate did not verify")
    _raw_known(backend, code, backend.decompress(code.certificate.key))


def _raw_known(backend: Sm2, code: ThreeLevel, issuer: bytes) -> None:
    user = backend.decompress(code.head.key)
    if not backend.verify(issuer, code.for_issuer, code.tail.issuer_signature):
        raise NoMeasurement("an issuer's signature did not verify")
    if not backend.verify(user, code.for_user, code.tail.user_signature):
        raise NoMeasurement("a user's signature did not verify")


def _turn() -> Turn:
    """A turn over a journal in memory; reading from the page cache costs the same."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrate(db)
    db.executemany(
        "INSERT INTO events (id, kind, time_ms, person, scene, lane, verdict, body, hash, mac,"
        " code) VALUES (?, 'tap', ?, ?, 'bus', 'door', 'accepted', '{}', '', '', ?)",
        [
            (1 << 40 | seq, (NOW - EARLIER + seq) * 1000, f"{seq:064x}", f"{seq:064x}")
            for seq in range(1, EARLIER + 1)
        ],
    )
    return Turn(db, 1, NoLists())


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1:])) + "\n")
