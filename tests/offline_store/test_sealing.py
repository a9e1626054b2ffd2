"""Identity fields: sealed under the day's key, gone for ever when it is destroyed."""

from datetime import date

import pytest

from offline_store.faults import IdentityGone
from offline_store.store import Entry
from tests.offline_store.support import Site, draft, tap
from trust.sm3 import sm3

PRIVATE = b"made-up name, made-up number"
DAY_MS = 86_400_000
# 2026-09-21 is the day of 1_790_000_000_000 ms in China (22:13 there).
TODAY = date(2026, 9, 21)


def test_identity_is_sealed_and_the_chain_covers_its_ciphertext(site: Site) -> None:
    with site.open() as store:
        record = store.turn(lambda turn: Entry(draft(), private=PRIVATE))
        assert store.identity(record.epoch, record.seq) == PRIVATE
        sealed = store._writer._journal.db.execute(  # type: ignore[union-attr]
            "SELECT sealed FROM events WHERE seq = ?", (record.seq,)
        ).fetchone()[0]
        assert record.row().sealed == sm3(sealed).hex()
    assert "identity-day-20260921" in site.keys.names()
    files = b"".join(path.read_bytes() for path in site.folder.iterdir())
    assert PRIVATE not in files
    assert b"library-gate" in files  # the control: what is not sealed is found there


def test_after_the_retention_time_the_identity_is_gone_and_the_chain_is_whole(site: Site) -> None:
    with site.open() as store:
        old = store.turn(lambda turn: Entry(draft(), private=PRIVATE))
        time_ms = draft().clock.time_ms + DAY_MS
        new = store.turn(lambda turn: Entry(draft(time_ms=time_ms), private=PRIVATE))
        assert store.forget_before(TODAY) == 0
        assert store.forget_before(date(2026, 9, 22)) == 1
        with pytest.raises(IdentityGone):
            store.identity(old.epoch, old.seq)
        assert store.identity(new.epoch, new.seq) == PRIVATE
        assert store.verify().whole


def test_a_day_that_was_forgotten_gets_another_key(site: Site) -> None:
    """The clock went back: nothing is sealed under a key that is in memory only."""
    with site.open() as store:
        store.turn(lambda turn: Entry(draft(), private=PRIVATE))
        store.forget_before(date(2026, 9, 22))
        again = store.turn(lambda turn: Entry(draft(), private=PRIVATE))
        assert store.identity(again.epoch, again.seq) == PRIVATE


def test_an_event_without_identity_has_none(site: Site) -> None:
    with site.open() as store:
        record = store.turn(tap())
        assert record.row().sealed == ""
        with pytest.raises(IdentityGone):
            store.identity(record.epoch, record.seq)


def test_private_bytes_are_in_no_repr() -> None:
    assert "made-up" not in repr(Entry(draft(), private=PRIVATE))
