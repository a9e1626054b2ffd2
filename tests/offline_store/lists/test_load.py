"""Packed lists: every kind of entry, ranges that overlap, deltas, against a plain model."""

import random
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offline_store.faults import (
    ListBaseNotHeld,
    ListMalformed,
    ListNotLoaded,
    ListRolledBack,
    ListUnreadable,
)
from offline_store.lists import file as list_file
from offline_store.lists.file import Damaged, ListFile
from offline_store.lists.form import (
    BLACKLIST,
    BLOCK,
    ISSUERS,
    KEY_SIZE,
    KINDS_OF,
    Entries,
    Header,
    Malformed,
    blacklist_payload,
    delta_payload,
    entry,
    full_payload,
    issuer_code,
    issuers_payload,
    read_header,
    transit_number,
)
from offline_store.lists.load import load
from offline_store.lists.on_disk import Lists
from tests.offline_store.lists.test_on_disk import envelope
from world.real import RealWorld

HERE, ELSEWHERE = "03105170FFFFFFFF", "02313750FFFFFFFF"
NUMBER = "3105170010100000000"  # 19 digits
CARD = "c0" * 32
TRANSIT = [
    {"transit": NUMBER, "reason": "7"},
    {"issuer": HERE, "first": "3105170020000000000", "last": "3105170020000000999"},
    {"issuer": HERE, "first": "3105170020000000100", "last": "3105170020000000200", "reason": "2"},
    {"issuer": HERE, "first": "3105170020000000500", "last": "3105170020000001500", "reason": "3"},
]
FIRST = blacklist_payload([{"card": CARD, "reason": "1"}, *TRANSIT])
SECOND = blacklist_payload([{"card": CARD, "reason": "4"}, {"person": "e2" * 32}, *TRANSIT[1:]])


def installed(folder: Path, *payloads: bytes, name: str = BLACKLIST) -> Lists:
    lists = Lists(RealWorld(), folder)
    for version, payload in enumerate(payloads, 1):
        lists.install(envelope(version, payload, name))
    return lists


def transit(lists: Lists, digits: str, issuer: str = HERE) -> tuple[str, int] | None:
    found = lists.find_transit(transit_number(digits), issuer_code(issuer))
    return None if found is None else (found.by, found.reason)


def test_a_transit_card_is_found_by_its_number_whoever_issued_it(tmp_path: Path) -> None:
    lists = installed(tmp_path, FIRST)
    assert transit(lists, NUMBER) == transit(lists, NUMBER, ELSEWHERE) == ("transit", 7)
    assert transit(lists, "0" + NUMBER) == ("transit", 7)  # with the leading 0 of file 0015
    assert transit(lists, NUMBER[:-1] + "1") is None


@pytest.mark.parametrize(
    ("digits", "found"),
    [
        ("3105170019999999999", None),
        ("3105170020000000000", ("range", 0)),
        ("3105170020000000150", ("range", 0)),  # in two: the one that reaches further
        ("3105170020000000300", ("range", 0)),
        ("3105170020000000999", ("range", 3)),
        ("3105170020000001500", ("range", 3)),
        ("3105170020000001501", None),
    ],
)
def test_ranges_are_closed_and_may_overlap(
    tmp_path: Path, digits: str, found: tuple[str, int] | None
) -> None:
    assert transit(installed(tmp_path, FIRST), digits) == found


def test_a_range_is_its_issuers_alone(tmp_path: Path) -> None:
    assert transit(installed(tmp_path, FIRST), "3105170020000000300", ELSEWHERE) is None


def test_only_issuers_on_their_list_are_allowed_once_there_is_one(tmp_path: Path) -> None:
    lists = Lists(RealWorld(), tmp_path)
    assert lists.issuer_allowed(issuer_code(ELSEWHERE))
    lists.install(envelope(3, issuers_payload([HERE]), ISSUERS))
    assert lists.issuer_allowed(issuer_code(HERE))
    assert not lists.issuer_allowed(issuer_code(ELSEWHERE))
    assert lists.find_blacklisted(card=CARD) is None
    assert lists.versions() == {ISSUERS: 3}


def test_a_lost_list_of_issuers_shuts_nobody_in_or_out(tmp_path: Path) -> None:
    installed(tmp_path, issuers_payload([HERE]), name=ISSUERS)
    (tmp_path / "lists" / "issuers-1.list").unlink()
    with pytest.raises(ListUnreadable):
        Lists(RealWorld(), tmp_path).issuer_allowed(issuer_code(HERE))


def test_a_delta_gives_the_very_file_that_the_whole_list_gives(tmp_path: Path) -> None:
    by_delta = installed(tmp_path / "a", FIRST, delta_payload(FIRST, 1, SECOND))
    installed(tmp_path / "b", FIRST, SECOND)
    one, two = (tmp_path / side / "lists" / "blacklist-2.list" for side in "ab")
    assert one.read_bytes() == two.read_bytes()
    found = by_delta.find_blacklisted(card=CARD)
    assert found is not None
    assert (found.version, found.reason) == (2, 4)
    assert transit(by_delta, NUMBER) is None


@pytest.mark.parametrize("base", [1, 3])
def test_a_delta_of_another_base_is_refused_by_its_own_code(tmp_path: Path, base: int) -> None:
    lists = installed(tmp_path, FIRST, FIRST)
    with pytest.raises(ListBaseNotHeld) as refused:
        lists.install(envelope(4, delta_payload(FIRST, base, SECOND)))
    assert refused.value.code == "list.base-not-held"
    assert lists.versions() == {BLACKLIST: 2}
    lists.install(envelope(4, SECOND))  # as the platform then sends it
    assert lists.versions() == {BLACKLIST: 4}


def test_a_delta_is_of_no_use_to_who_has_no_list(tmp_path: Path) -> None:
    with pytest.raises(ListBaseNotHeld):
        installed(tmp_path).install(envelope(1, delta_payload(FIRST, 0, SECOND)))


def test_a_base_that_the_disk_has_damaged_since_is_not_built_upon(tmp_path: Path) -> None:
    lists = installed(tmp_path, FIRST)
    file = tmp_path / "lists" / "blacklist-1.list"
    file.write_bytes(bytes(len(file.read_bytes())))
    with pytest.raises(ListBaseNotHeld):
        lists.install(envelope(2, delta_payload(FIRST, 1, SECOND)))
    lists.install(envelope(2, SECOND))


def test_a_delta_of_an_older_version_never_comes_back(tmp_path: Path) -> None:
    lists = installed(tmp_path, FIRST, SECOND)
    with pytest.raises(ListRolledBack):
        lists.install(envelope(1, delta_payload(SECOND, 2, FIRST)))


def test_a_delta_that_removes_who_is_not_there_is_no_delta_of_this_list(tmp_path: Path) -> None:
    stranger = blacklist_payload([{"card": "ab" * 32}])
    lists = installed(tmp_path, FIRST)
    with pytest.raises(ListMalformed):
        lists.install(envelope(2, delta_payload(stranger, 1, FIRST)))


def test_a_delta_must_end_at_the_list_that_the_platform_meant(tmp_path: Path) -> None:
    """It fits, but the version that it was made of was another one."""
    other = blacklist_payload([{"card": CARD, "reason": "1"}, {"number": "d1" * 32}, *TRANSIT])
    lists = installed(tmp_path, other)
    with pytest.raises(ListMalformed):
        lists.install(envelope(2, delta_payload(FIRST, 1, SECOND)))
    assert lists.versions() == {BLACKLIST: 1}


def test_a_full_disk_leaves_the_old_list_and_takes_no_room(tmp_path: Path) -> None:
    lists = installed(tmp_path, FIRST)

    class FullDisk(RealWorld):
        def run(self, *arguments: object, **more: object) -> int:
            return 74  # what the child ends with when a write fails

    full = Lists(FullDisk(), tmp_path)
    with pytest.raises(ListNotLoaded):
        full.install(envelope(2, SECOND))
    assert full.versions() == lists.versions() == {BLACKLIST: 1}
    left = {file.name for file in (tmp_path / "lists").iterdir()}
    assert left == {"blacklist-1.list", "blacklist.json"}


def test_the_child_says_that_the_disk_is_full(tmp_path: Path) -> None:
    (tmp_path / "payload").write_bytes(FIRST)
    with pytest.raises(OSError, match="No space left"):
        load(RealWorld(), tmp_path / "payload", Path("/dev/full"), BLACKLIST, 1)


@pytest.mark.parametrize("cut", [0, 5, 12, 40])
def test_a_torn_file_is_no_list(tmp_path: Path, cut: int) -> None:
    installed(tmp_path, FIRST)
    file = tmp_path / "lists" / "blacklist-1.list"
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(Damaged):
        ListFile(RealWorld(), file, BLACKLIST, 1)


def test_no_bit_of_the_file_may_differ(tmp_path: Path) -> None:
    installed(tmp_path, FIRST)
    file = tmp_path / "lists" / "blacklist-1.list"
    whole = file.read_bytes()
    for at in range(len(whole)):
        file.write_bytes(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])
        with pytest.raises(Damaged):
            ListFile(RealWorld(), file, BLACKLIST, 1)


def test_control_the_whole_file_is_a_list(tmp_path: Path) -> None:
    installed(tmp_path, FIRST)
    file = ListFile(RealWorld(), tmp_path / "lists" / "blacklist-1.list", BLACKLIST, 1)
    assert file.counts == {"card": 1, "transit": 1, "range": 3}
    file.close()


def test_a_list_that_is_cut_under_its_reader_is_unreadable_and_no_crash(tmp_path: Path) -> None:
    cards = [{"card": random.Random(n).randbytes(32).hex()} for n in range(2_000)]
    lists = installed(tmp_path, blacklist_payload(cards))
    with (tmp_path / "lists" / "blacklist-1.list").open("r+b") as file:
        file.truncate(3)
    with pytest.raises(ListUnreadable):
        [lists.find_blacklisted(**card) for card in cards]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"card": "c0"},
        {"card": "zz" * 32},
        {"card": ""},
        {"card": "ab " * 21 + "a"},  # bytes.fromhex would pass over the blanks
        {"issuer": "03 10 51 99 FF "},
        {"transit": ""},
        {"transit": NUMBER[:-1]},
        {"transit": NUMBER[:-1] + "A"},
        {"transit": NUMBER[:-1] + "٣"},
        {"issuer": "0310"},
        {"issuer": HERE, "first": NUMBER, "last": "3" + "0" * 18},
        {"card": CARD, "reason": "256"},
        {"card": CARD, "person": CARD},
    ],
)
def test_no_list_is_made_of_what_is_no_entry(said: Mapping[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        entry(said)


@pytest.mark.parametrize(
    ("said", "spelled"),
    [
        ({"card": CARD}, {"card": CARD.upper()}),
        ({"person": CARD}, {"person": f" {CARD}\n"}),
        ({"transit": NUMBER}, {"transit": f"0{NUMBER}"}),
        ({"transit": NUMBER}, {"transit": f" {NUMBER[:4]} {NUMBER[4:]}\u3000"}),
        ({"issuer": HERE}, {"issuer": HERE.lower()}),
        ({"issuer": HERE}, {"issuer": f"{HERE[:8]} {HERE[8:]}"}),
    ],
)
def test_an_entry_is_the_same_however_its_maker_spells_it(
    said: Mapping[str, str], spelled: Mapping[str, str]
) -> None:
    assert entry(spelled) == entry(said)


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("card", [b"b" * 16, b"a" * 16]),
        ("card", [b"a" * 16, b"a" * 16]),
        ("transit", [b"\xab" * 10]),
        ("range", [bytes(8) + b"\x02" * 10 + b"\x01" * 10]),
    ],
)
def test_what_is_not_in_order_or_no_number_is_refused(
    tmp_path: Path, kind: str, keys: list[bytes]
) -> None:
    records = b"".join(key + b"\0" for key in keys)
    header = Header(
        form="full",
        list=BLACKLIST,
        add={kind: len(keys)},  # type: ignore[dict-item]
        sum=zlib.crc32(records),
    )
    (tmp_path / "payload").write_bytes(msgspec.json.encode(header) + b"\n" + records)
    with pytest.raises(Malformed):
        load(RealWorld(), tmp_path / "payload", tmp_path / "file", BLACKLIST, 1)


def test_a_key_that_comes_again_in_the_next_block_is_refused(tmp_path: Path) -> None:
    keys = [number.to_bytes(16) for number in range(BLOCK)]
    records = b"".join(key + b"\0" for key in [*keys, keys[-1]])
    header = Header(form="full", list=BLACKLIST, add={"card": BLOCK + 1}, sum=zlib.crc32(records))
    (tmp_path / "payload").write_bytes(msgspec.json.encode(header) + b"\n" + records)
    with pytest.raises(Malformed):
        load(RealWorld(), tmp_path / "payload", tmp_path / "file", BLACKLIST, 1)


# Against a plain dict

BYTES16 = st.integers(0, 40).map(lambda n: (n << 118).to_bytes(16))
BCD = st.integers(0, 60).map(lambda n: bytes.fromhex(f"{n:020d}"))
ISSUER = st.sampled_from([issuer_code(HERE), issuer_code(ELSEWHERE)])
RANGE = st.tuples(ISSUER, BCD, BCD).map(lambda r: r[0] + min(r[1:]) + max(r[1:]))
REASON = st.integers(0, 255)


def kinds_of(**keys: st.SearchStrategy[bytes]) -> st.SearchStrategy[Entries]:
    records = {kind: st.dictionaries(key, REASON, max_size=25) for kind, key in keys.items()}
    return st.fixed_dictionaries(records)  # type: ignore[arg-type]


BLACKLISTS = kinds_of(card=BYTES16, number=BYTES16, person=BYTES16, transit=BCD, range=RANGE)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=st.lists(BLACKLISTS, min_size=1, max_size=4), block=st.integers(1, 7))
def test_any_history_of_deltas_finds_what_a_plain_dict_finds(
    tmp_path_factory: pytest.TempPathFactory, history: list[Entries], block: int
) -> None:
    folder = tmp_path_factory.mktemp("lists")
    with pytest.MonkeyPatch.context() as patch:
        for module in ("form", "file"):
            patch.setattr(f"offline_store.lists.{module}.BLOCK", block)
        before, file = b"", folder / "0"
        for version, entries in enumerate(history, 1):
            after = full_payload(BLACKLIST, entries)
            payload = delta_payload(before, version - 1, after) if before else after
            (folder / "payload").write_bytes(payload)
            base = (file, version - 1) if before else None
            file = folder / str(version)
            load(RealWorld(), folder / "payload", file, BLACKLIST, version, base)
            before = after
        assert_same(ListFile(RealWorld(), file, BLACKLIST, len(history)), history[-1])


def assert_same(file: ListFile, model: Entries) -> None:
    for kind in KINDS_OF[BLACKLIST]:
        for key in {*model[kind], *((n << 117).to_bytes(32)[-KEY_SIZE[kind] :] for n in range(9))}:
            assert file.find(kind, key) == model[kind].get(key)
        assert sum(map(len, file.blocks(kind))) == len(model[kind])
    for issuer in map(issuer_code, (HERE, ELSEWHERE)):
        for number in range(62):
            bcd = bytes.fromhex(f"{number:020d}")
            covering = [
                (key[-10:], why)
                for key, why in model["range"].items()
                if key[:8] == issuer and key[8:18] <= bcd <= key[-10:]
            ]
            found = file.find_range(issuer, bcd)
            assert (found is None) == (not covering)
            if covering:
                assert (max(covering)[0], found) in covering
    file.close()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(at=st.integers(0, 400), junk=st.binary(min_size=1, max_size=30))
def test_a_changed_delta_is_refused_or_gives_the_same_list(
    tmp_path_factory: pytest.TempPathFactory, at: int, junk: bytes
) -> None:
    folder = tmp_path_factory.mktemp("delta")
    delta = delta_payload(FIRST, 1, SECOND)
    (folder / "first").write_bytes(FIRST)
    load(RealWorld(), folder / "first", folder / "1", BLACKLIST, 1)
    (folder / "delta").write_bytes(delta[:at] + junk + delta[at + len(junk) :])
    try:
        load(RealWorld(), folder / "delta", folder / "2", BLACKLIST, 2, (folder / "1", 1))
    except Malformed:
        return
    (folder / "second").write_bytes(SECOND)
    load(RealWorld(), folder / "second", folder / "3", BLACKLIST, 2)
    assert (folder / "2").read_bytes() == (folder / "3").read_bytes()


def test_building_takes_the_memory_of_blocks_and_not_of_the_list(tmp_path: Path) -> None:
    """What is written at once is at most a block of records, and what is read likewise."""
    sizes: list[int] = []
    entries: Entries = {"card": {random.Random(n).randbytes(16): 0 for n in range(5_000)}}
    (tmp_path / "payload").write_bytes(full_payload(BLACKLIST, entries))

    class Watched(list_file.ListWriter):
        def put(self, kind: object, records: list[bytes]) -> None:
            sizes.append(len(records))
            super().put(kind, records)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("offline_store.lists.load.ListWriter", Watched)
        load(RealWorld(), tmp_path / "payload", tmp_path / "file", BLACKLIST, 1)
    assert max(sizes) <= BLOCK
    assert sum(sizes) == 5_000


class Clocked(RealWorld):
    """A world in which each look at the clock takes a millisecond, and rests take no time."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0.0
        self.rested = 0.0

    def monotonic(self) -> float:
        self.at += 0.001
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += seconds
        self.rested += seconds


def test_whoever_builds_a_list_rests_for_most_of_the_time(tmp_path: Path) -> None:
    cards = {number.to_bytes(16): 0 for number in range(20_000)}
    payload = tmp_path / "long.payload"
    payload.write_bytes(full_payload(BLACKLIST, {"card": cards}))
    world = Clocked()
    load(world, payload, tmp_path / "long.list", BLACKLIST, 1)
    assert world.rested > 0.5 * world.at
    assert ListFile(world, tmp_path / "long.list", BLACKLIST, 1).counts == {"card": 20_000}


def test_a_list_in_force_takes_the_memory_of_its_fences(tmp_path: Path) -> None:
    entries: Entries = {"card": {random.Random(n).randbytes(16): 0 for n in range(5_000)}}
    lists = installed(tmp_path, full_payload(BLACKLIST, entries))
    file = lists.view().standing[BLACKLIST].file
    assert len(file._fences["card"]) == -(-5_000 // BLOCK)


def test_header_of_a_delta_names_its_base() -> None:
    header = read_header(BytesIO(delta_payload(FIRST, 12, SECOND)))
    assert (header.form, header.base) == ("delta", 12)
    assert (header.add, header.remove) == ({"card": 1, "person": 1}, {"transit": 1})
