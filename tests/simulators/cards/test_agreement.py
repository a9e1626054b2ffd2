"""The cards' tables and the product's were written apart from one specification: they must agree.

A difference is a mistake in one of them, or a correction made on one side only.
"""

import pytest

import apdu.social_security.files as product
from apdu.social_security.city_keys import CityKeys
from apdu.social_security.data_items import DATA_ITEMS, DataItem, ValueForm
from apdu.social_security.keys import KEYS
from simulators.cards import PsamKeyId, contents
from simulators.cards.layout import Condition, Generation, applications, fields, read_condition
from simulators.ceremony import CITY_KEYS

PRODUCT_GENERATION = {one: product.Generation(one.value) for one in Generation}
KNOWN = {application.name: application for application in product.APPLICATIONS}


@pytest.mark.parametrize("generation", Generation)
@pytest.mark.parametrize("sfi", [0x05, 0x06])
def test_records(generation: Generation, sfi: int) -> None:
    theirs = product.RECORDS[PRODUCT_GENERATION[generation]][sfi]
    ours = [row for row in fields(generation) if int(row.file, 16) & 0x1F == sfi]
    assert [(r.tag, r.length) for r in ours] == [(r.tag, r.size) for r in theirs]
    for row, record in zip(ours, theirs, strict=True):
        assert record.encoding.value in (row.format, "hex")


@pytest.mark.parametrize("generation", Generation)
def test_environment_files(generation: Generation) -> None:
    theirs = {file.fid: file for file in product.SSSE_FILES[PRODUCT_GENERATION[generation]]}
    (row,) = [row for row in applications(generation) if row.name == "SSSE"]
    assert bytes.fromhex(row.aid) == product.SSSE
    assert {int(file.fid, 16) for file in row.files} == set(theirs)
    for file in row.files:
        other = theirs[int(file.fid, 16)]
        assert set(read_condition(file, generation).alternatives) == set(other.read)
        assert set(Condition.parse(file.write).alternatives) == set(other.write or ())
        assert other.size in (None, file.size)


@pytest.mark.parametrize("name", KNOWN)
def test_application_files(name: str) -> None:
    (row,) = [row for row in applications(Generation.V3) if row.name == name]
    assert bytes.fromhex(row.aid) == KNOWN[name].aid
    theirs = {file.fid: file for file in KNOWN[name].files}
    assert {int(file.fid, 16) for file in row.files} == set(theirs)
    for file in row.files:
        other = theirs[int(file.fid, 16)]
        assert set(Condition.parse(file.read).alternatives) == set(other.read)


def test_key_ids() -> None:
    ours = {key.name: key.kid for row in applications(Generation.V3) for key in row.keys}
    assert ours | {name: key.kid for name, key in KEYS.items()} == ours


def test_every_key_of_the_cards_is_in_the_public_or_the_authoritys_table() -> None:
    table = CityKeys.from_toml(CITY_KEYS).keys
    for row in applications(Generation.V3):
        for key in row.keys:
            assert (table[key.name].application, table[key.name].kid) == (row.name, key.kid)
    assert len(table) == sum(len(row.keys) for row in applications(Generation.V3))


def test_the_authoritys_table_says_what_the_cards_want_for_writing() -> None:
    table = CityKeys.from_toml(CITY_KEYS).writes
    written = {
        f"{row.name}/{file.fid}": file.write
        for row in applications(Generation.V3)
        for file in row.files
        if row.name.startswith("DF") and file.write != "never"
    }
    assert dict(table) == written


def test_the_psams_own_numbers() -> None:
    table = CityKeys.from_toml(CITY_KEYS)
    numbers = {key.name: table.psam_id(table.key(key.name)) for key in PsamKeyId}
    assert numbers == {key.name: int(key) for key in PsamKeyId}


@pytest.mark.parametrize("generation", Generation)
@pytest.mark.parametrize("name", KNOWN)
def test_records_of_the_applications(generation: Generation, name: str) -> None:
    (row,) = [row for row in applications(generation) if row.name == name]
    for file in row.files:
        items = DATA_ITEMS[PRODUCT_GENERATION[generation]].get(f"{name}{file.fid}", ())
        text = (generation is Generation.V1 and file.records_1) or file.records
        if file.kind == "cyclic":
            (layout,) = items
            assert layout.size == len(contents.row(file.row))
        else:
            stored = list(contents.records(text)) if text else []
            assert [record[:2] for record in stored] == [
                bytes((item.tag, item.size)) for item in items for _ in range(item.count)
            ]
            assert [item.first for item in items] == numbers_of(items)


def numbers_of(items: tuple[DataItem, ...]) -> list[int]:
    """A record's number is its place in the file."""
    return [1 + sum(before.count for before in items[:at]) for at in range(len(items))]


def test_every_item_has_a_form_and_a_size() -> None:
    for table in DATA_ITEMS.values():
        for items in table.values():
            assert all(item.size and item.form in ValueForm for item in items)
