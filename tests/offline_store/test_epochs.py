"""An epoch begins in two durable steps, database then key store; each crash between is mended."""

import pytest

from offline_store.chain import epoch_key, first_prev, next_seed, verify_chain
from offline_store.events.terminal import Checkpoint
from offline_store.faults import DiskFailed
from offline_store.journal import SEED
from tests.agent.events import as_kind
from tests.offline_store.support import FIRST_SEED, IOERR, Site, every_record, tap
from trust.keystore import SecretMissing
from trust.secrets import SecretMalformed


def test_a_crash_before_the_epochs_commit_leaves_seed_and_journal_as_they_were(site: Site) -> None:
    site.world.disk.fail("COMMIT", IOERR)
    store = site.store()
    store.start()  # the disk's failing is no reason not to start
    store._writer.close()
    assert site.keys.secrets[SEED] == FIRST_SEED
    store.close()
    with site.open() as store:
        store.turn(tap())
        records = every_record(store)
    assert [record.seq for record in records] == [1, 2]
    assert site.keys.secrets[SEED] == next_seed(FIRST_SEED)
    assert verify_chain(records, epoch_key(FIRST_SEED, records[0].epoch)) == []


def test_a_crash_between_commit_and_key_store_takes_the_seeds_step_at_the_next_start(
    site: Site,
) -> None:
    site.keys.fail_writes = True
    with pytest.raises(SecretMissing), site.open():
        pass
    assert site.keys.secrets[SEED] == FIRST_SEED
    site.keys.fail_writes = False
    with site.open() as store:
        store.turn(tap())
        records = every_record(store)
    assert [record.event().reason for record in records] == ["epoch-begun", "accepted"]  # one epoch
    assert site.keys.secrets[SEED] == next_seed(FIRST_SEED)
    assert verify_chain(records, epoch_key(FIRST_SEED, records[0].epoch)) == []


def test_nothing_is_stored_while_the_seed_has_not_taken_its_step(site: Site) -> None:
    """Else the terminal could still make the keys of rows that are already written."""
    site.world.disk.fail("COMMIT", IOERR, after=True)
    with site.open() as store:
        site.keys.fail_writes = True
        with pytest.raises(Exception, match="unprepared"):
            store.turn(tap())
        site.keys.fail_writes = False
        store.turn(tap())
        assert store.verify().whole
        assert [r.event().reason for r in every_record(store)] == ["epoch-begun", "accepted"]
    assert site.keys.secrets[SEED] == next_seed(FIRST_SEED)


def test_a_crash_after_both_steps_begins_nothing_anew(site: Site) -> None:
    for _ in range(2):
        with site.open() as store:
            epochs = {record.epoch for record in every_record(store)}
    assert len(epochs) == 1


def test_enrolment_with_a_new_seed_begins_an_epoch_that_names_the_old_head(site: Site) -> None:
    with site.open() as store:
        last = store.turn(tap())
    site.keys.secrets[SEED] = b"another made-up seed of 32 bytes"
    with site.open() as store:
        first = every_record(store)[-1]
    event = as_kind(first.event(), Checkpoint)
    assert first.epoch != last.epoch
    assert (first.seq, event.cause, event.step) == (1, "enrolment", 0)
    assert event.before == last.epoch
    assert event.head == last.hash
    assert first.row().prev == first_prev(site.terminal, first.epoch, last.hash)


def test_a_seed_of_the_wrong_size_is_refused(site: Site) -> None:
    site.keys.secrets[SEED] = b"short"
    with pytest.raises(SecretMalformed), site.open():
        pass


def test_old_keys_are_gone_from_file_and_key_store(site: Site) -> None:
    with site.open() as store:
        for _ in range(3):
            store.turn(tap())
        epoch = every_record(store)[0].epoch
    key = epoch_key(FIRST_SEED, epoch)
    whole = b"".join(path.read_bytes() for path in site.folder.iterdir())
    for _ in range(4):  # keys of rows 1 … 4
        assert key not in whole
        key = next_seed(key)
    assert key in whole  # the control: the next row's key is where we look
    assert FIRST_SEED not in whole


def test_a_disk_that_fails_at_start_is_no_reason_to_give_up(site: Site) -> None:
    site.world.disk.fail("PRAGMA", IOERR)
    with site.open() as store:
        assert store.status().last_fault in ("", DiskFailed.code)
        store.turn(tap())
