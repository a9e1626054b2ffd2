"""The chain's arithmetic, as whoever holds the records checks it."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from offline_store.chain import (
    body_hash,
    epoch_key,
    first_prev,
    key_at,
    mac,
    next_key,
    next_seed,
    verify_chain,
)
from offline_store.events.row import Record, Row
from tests.offline_store.support import FIRST_SEED, TERMINAL, draft
from trust.sm3 import sm3

EPOCH = "0123456789abcdef" * 2

# Made once by this code and kept: seed `FIRST_SEED`, epoch `EPOCH`. A change of these values is a
# change of the contract with every platform.
VECTORS = {
    "k0": "25de78e3705ea99bb2188665cf67edba0229ed8ac8ae7bc761e2f51cedaed15b",
    "k3": "a430d3ec4968f16042272b90dcd49884578d950e3bbda47502642488238edae1",
    "prev": "a64d65f8d764e0689a69207b90e9ca45b1fcecbda1a6767cae75ebb1cef4ec28",
}


def rows(count: int) -> list[Record]:
    key, prev = epoch_key(FIRST_SEED, EPOCH), first_prev(TERMINAL, EPOCH, "")
    records = []
    for seq in range(1, count + 1):
        event = draft(time_ms=1_790_000_000_000 + seq)
        row = Row(v=2, terminal=TERMINAL, epoch=EPOCH, seq=seq, prev=prev, event=event)
        body = msgspec.json.encode(row).decode()
        prev = body_hash(body)
        records.append(Record(epoch=EPOCH, seq=seq, body=body, hash=prev, mac=mac(key, prev)))
        key = next_key(key)
    return records


ROWS = rows(8)
K0 = epoch_key(FIRST_SEED, EPOCH)


def kinds(records: list[Record], k0: bytes | None = K0) -> set[tuple[int, str]]:
    return {(each.seq, each.kind) for each in verify_chain(records, k0)}


def test_the_arithmetic_is_the_one_that_platforms_know() -> None:
    assert {
        "k0": K0.hex(),
        "k3": key_at(K0, 3).hex(),
        "prev": first_prev(TERMINAL, EPOCH, "ab" * 32),
    } == VECTORS


def test_the_steps_lead_one_way() -> None:
    assert next_seed(FIRST_SEED) == sm3(FIRST_SEED)
    assert key_at(K0, 3) == sm3(sm3(K0))


def test_a_right_chain_has_no_break() -> None:
    assert kinds(ROWS) == set()
    assert kinds(ROWS[3:]) == set()


def test_missing_and_moved_rows_are_found() -> None:
    assert kinds([*ROWS[:3], *ROWS[4:]]) == {(5, "gap")}
    moved = msgspec.structs.replace(ROWS[3], seq=9)
    assert (9, "place") in kinds([*ROWS[:3], moved])


def test_a_rewritten_row_with_a_new_hash_breaks_chain_and_mac() -> None:
    body = ROWS[3].body.replace("boot-1", "boot-2")
    forged = msgspec.structs.replace(ROWS[3], body=body, hash=body_hash(body))
    assert kinds([*ROWS[:3], forged, *ROWS[4:]]) == {(4, "mac"), (5, "prev")}
    assert kinds([*ROWS[:3], forged, *ROWS[4:]], None) == {(5, "prev")}


def test_a_first_row_that_follows_nothing_it_could_is_found() -> None:
    body = ROWS[0].body.replace(first_prev(TERMINAL, EPOCH, ""), "00" * 32)
    forged = msgspec.structs.replace(ROWS[0], body=body, hash=body_hash(body))
    assert (1, "prev") in kinds([forged], None)


@given(row=st.integers(0, 7), place=st.integers(0), bit=st.integers(0, 6))
def test_any_flipped_bit_of_a_text_is_found(row: int, place: int, bit: int) -> None:
    raw = bytearray(ROWS[row].body.encode())
    raw[place % len(raw)] ^= 1 << bit
    flipped = msgspec.structs.replace(ROWS[row], body=raw.decode("latin-1"))
    found = kinds([*ROWS[:row], flipped, *ROWS[row + 1 :]], None)
    assert (ROWS[row].seq, "hash") in found
